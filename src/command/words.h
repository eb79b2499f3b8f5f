/*
 * What the words of a claim can mean in this program: the curves of its tasks, its options, and every
 * algorithm that a definition names, also those that an override took out.
 */
#ifndef EBB_COMMAND_WORDS_H
#define EBB_COMMAND_WORDS_H

#include "analysis/verdict.h"

struct ebb_words {
	struct ebb_claim_scope scope; /* borrows the definition and the rest of this  */
	struct ebb_claim_curve *curve;
	char **algorithm;
	int n_algorithms;
};

void ebb_words_of_definition(struct ebb_words *words, const struct ebb_definition *def);
/* Of a run: what its record has of the definition's text. scope.def is null, for ebb_judge_run. */
int ebb_words_of_run(struct ebb_words *words, const struct ebb_run *run, struct ebb_err *err);
void ebb_words_release(struct ebb_words *words); /* safe when zero */

/* Judge the claims of a run, or these n texts (null: its own): ebb_judge_run with these words. */
int ebb_words_judge(struct ebb_judgements *out, const struct ebb_run *run, const char *const *text,
		    int n, struct ebb_diag *diag, struct ebb_err *err);

/* The part of the definition's text that came from a file: where it begins, and its bytes. The texts
 * of several files stand one after the other, each below a line "# path". */
const char *ebb_words_text(const struct ebb_definition *def, const char *file, size_t *n);

#endif
