/* What the two files of the grammar share: claim.c, the tree; claim_argument.c, what a function is given
 * by name. */
#ifndef EBB_ANALYSIS_CLAIM_GRAMMAR_H
#define EBB_ANALYSIS_CLAIM_GRAMMAR_H

#include "analysis/claim_scan.h"

/* What stands between the brackets of a function before its selectors. */
enum ebb_shape { CURVE, PART, FIT, SPENT, TREND, SPEARMAN, TWO, ONE, CONDITION };

/* The named arguments a function takes besides selectors. */
enum ebb_takes {
	WINDOW = 1,
	AXIS = 2,
	POSITION = 4,
	THRESHOLD = 8,
	EARLY = 16,
	SMOOTH = 32,
	BLOCK = 64
};

struct ebb_function { /* a row of claim.def */
	enum ebb_claim_kind kind;
	const char *name;
	enum ebb_shape shape;
	int takes;
	const char *usage;
};

/* An expression; the index of its node, or -1 and an error. */
int ebb_claim_sum(struct ebb_scan *p);

/* Named arguments up to the closing bracket: 0, or -1 and an error. */
int ebb_claim_arguments(struct ebb_scan *p, const struct ebb_function *f,
			struct ebb_claim_node *node);

/* step, update, rollouts or tokens. */
int ebb_claim_scale(struct ebb_scan *p, const char *what, enum ebb_scale *scale);
/* A part of a whole: 0.15 or 1/3. */
int ebb_claim_part(struct ebb_scan *p, const char *what, double *part);

#endif
