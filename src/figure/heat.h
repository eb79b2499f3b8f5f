/*
 * The entropy heat map: training steps across, positions in the response upwards, policy entropy as
 * colour, mean over the responses that reach a position and then over seeds. Small frames, one an
 * arm, share one colour scale. A cell that fewer than EBB_POSITION_RESPONSES responses a seed reach is
 * hatched: their mean says nothing of the policy.
 */
#ifndef EBB_FIGURE_HEAT_H
#define EBB_FIGURE_HEAT_H

#include <stdint.h>
#include "figure/kind.h"

#define EBB_HEAT_ARMS      16
#define EBB_HEAT_STEPS     100 /* cells across; more rows are averaged in equal windows */
#define EBB_HEAT_POSITIONS 64  /* cells upwards, alike                                  */

extern const struct ebb_kind ebb_heat_kind;

struct ebb_heat_arm {
	const char *label;
	int n_trials, n_diverged; /* diverged ones are left out                                */
	int64_t n_steps, n_positions;
	double *step;      /* coordinate, the same for all trials     (n_steps)              */
	double *sum;       /* nats, over the trials with a value here (n_steps, n_positions) */
	int *n;            /* how many those are                      (n_steps, n_positions) */
	double *responses; /* over all trials                         (n_steps, n_positions) */
};

/* EBB_ENOENT where no cell can be drawn. */
int ebb_heat_draw(const struct ebb_sheet *sheet, const struct ebb_heat_arm *arm, int n_arms,
		  char *path[EBB_N_FILES], struct ebb_err *err);

#endif
