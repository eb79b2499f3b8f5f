/*
 * Entropy by position in the response: small frames, one an arm, with the curve over positions at
 * the first, the middle and the last recorded step, mean and 95 % band over three seeds or more.
 */
#ifndef EBB_FIGURE_POSITION_H
#define EBB_FIGURE_POSITION_H

#include <stdint.h>
#include "figure/drawing.h"

#define EBB_POSITION_ARMS 16

struct ebb_position_arm {
	const char *label;
	int n_trials, n_diverged;
	int64_t n_steps, n_positions;
	double *step; /* coordinate, the same for all trials      (n_steps)                        */
	double **
		value; /* nats; NaN where no response is that long (n_trials)(n_steps, n_positions) */
};

struct ebb_position {
	const char *name, *title, *run;
	int n_arms, left_out; /* arms of the run that were not chosen, for the caption */
	const struct ebb_position_arm *arm; /* n_trials 0: not drawn */
};

int ebb_position_draw(const struct ebb_position *p, const char *dir, char *path[EBB_N_FILES],
		      struct ebb_err *err);

#endif
