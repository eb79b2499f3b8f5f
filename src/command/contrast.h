/* Two records side by side, before any number is looked at: what each was asked for, and by what
 * program on what machine it was made. Works on two runs or two trial files. */
#ifndef EBB_COMMAND_CONTRAST_H
#define EBB_COMMAND_CONTRAST_H

#include "analysis/resolved.h"
#include "record/about.h"

struct ebb_side {
	const char *path;   /* as the user gave it                           */
	bool trial;         /* a trial's file, not a run                     */
	struct ebb_run run; /* of a run                                      */
	struct ebb_about about;
	struct ebb_resolved resolved; /* of a run                              */
};

/* A key with two values; null: the built-in default, or none. */
struct ebb_contrast_row {
	char *key, *a, *b;
	char **arm; /* labels of the arms it holds for; none for provenance and trial files */
	int n_arms;
};

struct ebb_contrast_rows {
	struct ebb_contrast_row *row;
	int n;
};

struct ebb_contrast {
	struct ebb_contrast_rows option, provenance;
	const char **only_a, **only_b; /* labels of arms, owned by the sides */
	int n_only_a, n_only_b;
	uint64_t *seed_a, *seed_b; /* that the other does not have       */
	int n_seed_a, n_seed_b;
	int common_arms;
};

/* EBB_EINVAL where the path is neither a run nor a trial's file. */
int ebb_side_open(struct ebb_side *side, const char *path, struct ebb_err *err);
void ebb_side_release(struct ebb_side *side); /* safe when zero */

/* Both sides are runs, or both are trials. The sides must outlive the contrast. */
void ebb_contrast_make(struct ebb_contrast *c, const struct ebb_side *a, const struct ebb_side *b);
void ebb_contrast_release(struct ebb_contrast *c);

/* Rows that tell builds and processors apart; command lines, host names and the like do not count. */
void ebb_contrast_provenance(struct ebb_contrast_rows *rows, const struct ebb_about_rows *a,
			     const struct ebb_about_rows *b);
void ebb_contrast_rows_release(struct ebb_contrast_rows *rows);

#endif
