/*
 * Made-up but plausible training curves: entropy falls like 0.42 exp(-rate step), accuracy follows
 * it, seeds differ in rate and noise. Every number is a function of (arm, seed, row).
 */
#ifndef EBB_TEST_SYNTHETIC_H
#define EBB_TEST_SYNTHETIC_H

#include <math.h>
#include <stdlib.h>
#include "analysis/series.h"
#include "base/rng.h"

enum made { MADE_ENTROPY, MADE_ACCURACY, MADE_SKEW, MADE_CLIP_LOW, MADE_CLIP_HIGH };

static double made_noise(int arm, int seed, int row, enum made what)
{
	struct ebb_draw d = {.seed = (uint64_t)seed + 100,
			     .stream = EBB_STREAM_TEST,
			     .step = (uint32_t)row,
			     .slot = (uint32_t)arm,
			     .sample = (uint32_t)what};

	return 2.0 * (ebb_uniform(&d, 0) + ebb_uniform(&d, 1) + ebb_uniform(&d, 2)) - 3.0;
}

static double made_value(int arm, int seed, double step, int row, enum made what)
{
	double rate = 0.018 / (1.0 + 0.55 * arm) * (1.0 + 0.15 * made_noise(arm, seed, 0, 9));
	double h = 0.02 + 0.01 * arm + 0.40 * exp(-rate * step);

	switch (what) {
	case MADE_ENTROPY:
		return fmax(0.0, h + 0.008 * made_noise(arm, seed, row, what));
	case MADE_ACCURACY:
		return fmin(1.0, 0.97 - 1.15 * (exp(h) - 1.0) - 0.02 * arm +
					 0.012 * made_noise(arm, seed, row, what));
	case MADE_SKEW:
		return 1.9 - 1.4 * (h - 0.42) + 0.03 * made_noise(arm, seed, row, what);
	case MADE_CLIP_LOW:
		return fmax(0.0,
			    0.0012 * (1.0 + 0.3 * arm) + 0.0008 * made_noise(arm, seed, row, what));
	default:
		return fmax(0.0, 0.0004 + 0.0003 * made_noise(arm, seed, row, what));
	}
}

/* Series of one arm: rows at spacing, 2 spacing, ... (from 0 where from_zero). */
static inline int made_series(struct ebb_series *s, const char *label, int arm, int n_seeds,
			      int rows, double spacing, int from_zero, enum made what,
			      struct ebb_err *err)
{
	struct ebb_curve *c = calloc((size_t)n_seeds, sizeof *c);
	int i, r, rc;

	for (i = 0; i < n_seeds; i++) {
		c[i] = (struct ebb_curve){(uint64_t)(100 + i), rows,
					  malloc((size_t)rows * sizeof(double)),
					  malloc((size_t)rows * sizeof(double))};
		for (r = 0; r < rows; r++) {
			c[i].x[r] = spacing * (from_zero ? r : r + 1);
			c[i].y[r] = made_value(arm, i, c[i].x[r], r, what);
		}
	}
	rc = ebb_series_make(s, label, c, n_seeds, false, 240, err);
	if (rc == 0)
		s->scale = what >= MADE_CLIP_LOW ? EBB_SCALE_UPDATE : EBB_SCALE_STEP;
	for (i = 0; i < n_seeds; i++)
		ebb_curve_release(&c[i]);
	free(c);
	return rc;
}

#endif
