/*
 * Paired differences along training: for every arm the curve of a metric minus the baseline arm's,
 * seed by seed, mean and 95 % t band over the seeds, and a line at zero. Rows are matched by their
 * coordinate, never by their index. Scales that differ between trials by nature (tokens, seconds)
 * are interpolated linearly onto a common grid over the part that both arms cover.
 */
#ifndef EBB_FIGURE_DIFFERENCE_H
#define EBB_FIGURE_DIFFERENCE_H

#include "figure/kind.h"

extern const struct ebb_kind ebb_difference_kind;

/* The differences as a series of arm's label: a seed that one side lacks is left out (*alone counts
 * them). n_seeds 0: no seed has both. EBB_EINVAL where they share no coordinate. */
int ebb_difference_make(struct ebb_series *out, const struct ebb_series *arm,
			const struct ebb_series *baseline, int64_t max_rows, int *alone,
			struct ebb_err *err);

#endif
