#include "analysis/fit_size.h"

#include <math.h>
#include <stdlib.h>
#include "analysis/bootstrap.h"
#include "analysis/fit.h"
#include "base/rng.h"

struct sizes {
	const double *ln_size, *coef;
	int n_sizes, n_seeds;
	double *x, *y; /* room for every point */
};

/* Points of these seeds, n of them and any twice; returns how many, and at how many sizes. */
static int gather(const struct sizes *s, const int *seed, int n, int *sizes)
{
	int m = 0, before;

	*sizes = 0;
	for (int i = 0; i < s->n_sizes; i++) {
		before = m;
		for (int k = 0; k < n; k++) {
			double v = s->coef[i * s->n_seeds + seed[k]];

			if (!isfinite(v))
				continue;
			s->x[m] = s->ln_size[i];
			s->y[m++] = v;
		}
		*sizes += m > before;
	}
	return m;
}

/* The slope over these seeds; NaN where there is none. */
static double slope_of(const struct sizes *s, const int *seed, int n)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_line line;
	int sizes, m = gather(s, seed, n, &sizes);

	return sizes >= 2 && ebb_line_fit(s->x, s->y, m, &line, &ignored) == 0 ? line.slope
									       : (double)NAN;
}

static void over_resamples(const struct sizes *s, const int *seed, int n, struct ebb_size_fit *out)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_SIZES};
	double *slope = ebb_xcalloc(EBB_RESAMPLES, sizeof *slope);
	int *drawn = ebb_xcalloc((size_t)n, sizeof *drawn);

	for (int r = 0; r < EBB_RESAMPLES; r++) {
		d.step = (uint32_t)r;
		for (int k = 0; k < n; k++)
			drawn[k] = seed[ebb_below(&d, (uint32_t)k, (uint32_t)n)];
		slope[r] = slope_of(s, drawn, n);
	}
	ebb_bootstrap_interval(slope, EBB_RESAMPLES, &out->low, &out->high);
	free(drawn);
	free(slope);
}

static int over_seeds(const struct sizes *s, const int *seed, int n, struct ebb_size_fit *out,
		      struct ebb_err *err)
{
	double *slope = ebb_xcalloc((size_t)n, sizeof *slope);
	struct ebb_summary summary;
	int rc;

	for (int k = 0; k < n; k++)
		slope[k] = slope_of(s, &seed[k], 1);
	rc = ebb_summarise(slope, n, &summary, err);
	out->t_low = summary.low;
	out->t_high = summary.high;
	free(slope);
	return rc;
}

int ebb_size_fit(const double *ln_size, const double *coef, int n_sizes, int n_seeds,
		 struct ebb_size_fit *out, struct ebb_err *err)
{
	const size_t room = (size_t)n_sizes * (size_t)n_seeds + 1;
	const double none = (double)NAN;
	struct sizes s = {ln_size, coef, n_sizes, n_seeds, NULL, NULL};
	struct ebb_line line;
	int *seed = ebb_xcalloc((size_t)n_seeds + 1, sizeof *seed);
	int m, n = 0, rc;

	*out = (struct ebb_size_fit){0, 0, none, none, none, none, none, none, none};
	s.x = ebb_xcalloc(2 * room, sizeof *s.x);
	s.y = s.x + room;
	for (int k = 0; k < n_seeds; k++) {
		bool any = false;

		for (int i = 0; i < n_sizes; i++)
			any = any || isfinite(coef[i * n_seeds + k]);
		if (any)
			seed[n++] = k;
	}
	m = gather(&s, seed, n, &out->n_sizes);
	out->n_seeds = n;
	if (out->n_sizes < 2)
		rc = ebb_err_set(err, EBB_EINVAL,
				 "a size law needs fits at two model sizes or more, there are %d; "
				 "sweep model.width or model.layers",
				 out->n_sizes);
	else
		rc = ebb_line_fit(s.x, s.y, m, &line, err);
	if (rc == 0) {
		out->c0 = line.intercept;
		out->c1 = line.slope;
		out->r2 = line.r2;
	}
	if (rc == 0 && n >= 2) {
		over_resamples(&s, seed, n, out);
		rc = over_seeds(&s, seed, n, out, err);
	}
	free(s.x);
	free(seed);
	return rc;
}
