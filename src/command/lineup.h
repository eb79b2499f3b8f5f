/* Several runs named in one command: what differs between them, said before any number. One run
 * has no lineup to show. */
#ifndef EBB_COMMAND_LINEUP_H
#define EBB_COMMAND_LINEUP_H

#include <stdio.h>
#include "command/contrast.h"
#include "record/join.h"

/* An option whose values differ, per run the different values its arms have. A null value is the
 * built-in default. */
struct ebb_lineup_row {
	char *key;
	struct ebb_lineup_values {
		const char **value; /* owned by the sides; without repetitions */
		int n;
	} * of; /* (n_runs) */
};

struct ebb_lineup {
	const struct ebb_run *run;     /* joined; borrowed */
	struct ebb_side *side;         /* (n), in the order of run->source */
	int n;                         /* 0: one run */
	struct ebb_lineup_row *option; /* base policy, evaluation and training first */
	int n_options;
	struct ebb_contrast_rows *provenance; /* of each run against the first (n) */
};

/* The run must outlive the lineup. Safe to release when zero. */
int ebb_lineup_make(struct ebb_lineup *l, const struct ebb_run *run, struct ebb_err *err);
void ebb_lineup_release(struct ebb_lineup *l);

/* Nothing where there is one run. markdown: a list. */
void ebb_lineup_print(const struct ebb_lineup *l, FILE *out, bool markdown);

/* ,"runs":[{"tag","path","name","arms":[LABEL],"seeds":[N]}],"differences":{"options":[{"key",
 * "values":[[TEXT or null] a run]}],"provenance":[{"key","values":[TEXT or null]}]}; nothing where
 * there is one run. */
void ebb_lineup_json(const struct ebb_lineup *l, struct ebb_buf *out);

#endif
