/*
 * Time to collapse: the share of an arm's seeds whose entropy is still above EBB_COLLAPSE of what it
 * was at their first step (EI section 10), against training: Kaplan and Meier's estimate, with a tick
 * where a trial ended before it got there, the numbers at risk below the frame and the log-rank test
 * over the arms in the caption (analysis/survival.h).
 */
#ifndef EBB_FIGURE_SURVIVAL_H
#define EBB_FIGURE_SURVIVAL_H

#include "figure/kind.h"

#define EBB_SURVIVAL_ARMS 8
#define EBB_COLLAPSE      0.35

extern const struct ebb_kind ebb_survival_kind;

struct ebb_survival_arm {
	const char *label;
	int n_trials, n_diverged; /* diverged ones count until they stopped                     */
	double *time;             /* of the collapse, or the last one watched    (n_trials)     */
	bool *collapsed;          /*                                             (n_trials)     */
	uint64_t *seed;           /*                                             (n_trials)     */
};

/* When a curve first lies below EBB_COLLAPSE of its first value: false where it never does, and
 * *time is its last coordinate then; NaN where it has no value above 0 to begin with. */
bool ebb_collapse_time(const double *x, const double *y, int64_t n, double *time);

/* EBB_ENOENT where no arm has a trial. */
int ebb_survival_draw(const struct ebb_sheet *sheet, enum ebb_scale scale,
		      const struct ebb_survival_arm *arm, int n_arms, char *path[EBB_N_FILES],
		      struct ebb_err *err);

#endif
