/*
 * The phase portrait: accuracy against entropy at every evaluation, with the law R = -a exp(H) + b
 * and its linear rival fitted to all points of an arm (analysis/fit.h).
 */
#ifndef EBB_FIGURE_PORTRAIT_H
#define EBB_FIGURE_PORTRAIT_H

#include "analysis/fit.h"
#include "figure/drawing.h"

#define EBB_PORTRAIT_ARMS 8

struct ebb_portrait {
	const char *name, *title, *run;
	int n_arms, left_out; /* arms of the run that were not chosen, for the caption */
	struct ebb_portrait_arm {
		const char *label;
		int n_trials;
		const struct ebb_pairs *trial; /* (n_trials) */
		const uint64_t *seed;          /* (n_trials) */
		int n_diverged;                /* left out   */
	} * arm;
};

int ebb_portrait_draw(const struct ebb_portrait *p, const char *dir, char *path[EBB_N_FILES],
		      struct ebb_err *err);

#endif
