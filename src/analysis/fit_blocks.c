#include "analysis/fit_blocks.h"

#include <math.h>
#include <stdlib.h>
#include "analysis/bootstrap.h"
#include "analysis/rank.h"
#include "base/rng.h"

/* Points of one resample and room for them. */
struct drawn {
	double *x, *y, *w;
};

static void draw_blocks(const struct ebb_law_points *p, int block, uint32_t resample,
			struct drawn *to)
{
	const struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
				   .stream = EBB_STREAM_BOOTSTRAP,
				   .round = EBB_BOOTSTRAP_LAW,
				   .step = resample};

	for (int n = 0; n < p->n;) {
		int from = (int)ebb_below(&d, (uint32_t)n, (uint32_t)(p->n - block + 1));

		for (int i = from; i < from + block && n < p->n; i++, n++) {
			to->x[n] = p->x[i];
			to->y[n] = p->y[i];
			if (p->w != NULL)
				to->w[n] = p->w[i];
		}
	}
}

/* A resample whose points stand in one place has no slope, which is counted. */
static void resample(const struct ebb_law_points *p, bool linear, int block, double *a, double *b,
		     double *ceiling)
{
	double *room = ebb_xcalloc(3 * (size_t)p->n, sizeof *room);
	struct drawn drawn = {room, room + p->n, p->w != NULL ? room + 2 * p->n : NULL};
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_line line;

	for (int r = 0; r < EBB_RESAMPLES; r++) {
		draw_blocks(p, block, (uint32_t)r, &drawn);
		if (ebb_line_fit_weighted(drawn.x, drawn.y, drawn.w, p->n, &line, &ignored) != 0)
			line.slope = line.intercept = (double)NAN;
		a[r] = 0.0 - line.slope;
		b[r] = line.intercept;
		ceiling[r] = line.intercept + (linear ? 0.0 : line.slope);
	}
	free(room);
}

int ebb_law_blocks(const struct ebb_law_data *data, const struct ebb_law_how *how, int block,
		   struct ebb_law_band *out, struct ebb_err *err)
{
	const double none = (double)NAN;
	struct ebb_law_points p;
	struct ebb_law law;
	double *a, *b, *ceiling;
	int rc;

	*out = (struct ebb_law_band){0, 0, none, none, none, none, none, none};
	rc = ebb_law_make(data, how, &law, err);
	if (rc != 0)
		return rc;
	out->n = law.n;
	if (block == 0)
		block = law.n >= 2 * EBB_LAW_BLOCK ? EBB_LAW_BLOCK : ebb_block_length(law.n);
	if (!isfinite(law.a) || law.n < 2 * block)
		return 0;
	out->block = block;
	ebb_law_points_make(&p, data, how);
	a = ebb_xcalloc(3 * (size_t)EBB_RESAMPLES, sizeof *a);
	b = a + EBB_RESAMPLES;
	ceiling = b + EBB_RESAMPLES;
	resample(&p, how->linear, block, a, b, ceiling);
	ebb_bootstrap_interval(a, EBB_RESAMPLES, &out->a_low, &out->a_high);
	ebb_bootstrap_interval(b, EBB_RESAMPLES, &out->b_low, &out->b_high);
	ebb_bootstrap_interval(ceiling, EBB_RESAMPLES, &out->ceiling_low, &out->ceiling_high);
	free(a);
	ebb_law_points_release(&p);
	return 0;
}
