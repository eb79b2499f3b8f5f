/*
 * Entropy by position as it was recorded, arm by arm: what the figures over positions read. Trials of
 * an arm must agree on steps and positions; diverged ones are counted and left out.
 */
#ifndef EBB_FIGURE_POSITIONS_H
#define EBB_FIGURE_POSITIONS_H

#include <stdint.h>
#include "figure/kind.h"

/* Below so many responses a seed that reach a position, their mean says nothing of the policy. */
#define EBB_POSITION_RESPONSES 4

struct ebb_positions {
	const char *label;
	int n_trials, n_diverged;
	int64_t n_steps, n_positions;
	double *step;      /* coordinate, the same for all trials       (n_steps)              */
	double **value;    /* nats; NaN where no response is that long, one array a trial
			    *                                           (n_steps, n_positions) */
	double *responses; /* that long, over all trials                (n_steps, n_positions) */
};

/* The arms of a figure, as many as its lot; released also after an error. */
int ebb_positions_read(const struct ebb_request *q, struct ebb_positions **arm,
		       struct ebb_err *err);
void ebb_positions_release(struct ebb_positions *arm, int n);

#endif
