/* Bands are cut at the frame here: gnuplot, cutting the area between two curves that both leave it,
 * paints beyond the frame's sides. */
#include <math.h>
#include <stdlib.h>
#include "figure/kind.h"

struct edge {
	double x, low, high;
};

static double cut(double y, double from, double to)
{
	return fmin(fmax(y, from), to);
}

static void put(struct ebb_drawing *d, const struct edge *e, double from, double to)
{
	ebb_drawing_row(d, 3, (double[]){e->x, cut(e->low, from, to), cut(e->high, from, to)});
}

/* Where between a and b, as a part of the way, a straight line passes y; 1: nowhere. */
static double passes(double a, double b, double y)
{
	return (a < y) != (b < y) && a != b ? fmin(fmax((y - a) / (b - a), 0.0), 1.0) : 1.0;
}

/* The corners between two rows, in order. */
static void put_corners(struct ebb_drawing *d, const struct edge *a, const struct edge *b,
			double from, double to)
{
	double part[4] = {passes(a->low, b->low, from), passes(a->low, b->low, to),
			  passes(a->high, b->high, from), passes(a->high, b->high, to)};
	double last = 0.0, next;

	for (;;) {
		next = 1.0;
		for (int i = 0; i < 4; i++)
			if (part[i] > last && part[i] < next)
				next = part[i];
		if (next >= 1.0)
			return;
		put(d,
		    &(struct edge){a->x + next * (b->x - a->x), a->low + next * (b->low - a->low),
				   a->high + next * (b->high - a->high)},
		    from, to);
		last = next;
	}
}

void ebb_band_put(struct ebb_drawing *d, const char *name, const double *x, const double *low,
		  const double *high, int64_t n, double from, double to)
{
	struct edge here = {0}, before = {NAN, NAN, NAN};

	ebb_drawing_block(d, name);
	for (int64_t r = 0; r < n; r++) {
		here = (struct edge){x[r], low[r], high[r]};
		if (!isfinite(here.low) || !isfinite(here.high)) {
			ebb_drawing_row(d, 3, (double[]){here.x, NAN, NAN});
		} else {
			if (isfinite(before.low))
				put_corners(d, &before, &here, from, to);
			put(d, &here, from, to);
		}
		before = here;
	}
	if (n == 0) /* gnuplot refuses a plot of nothing */
		ebb_drawing_row(d, 3, (double[]){NAN, NAN, NAN});
	ebb_drawing_end(d);
}

bool ebb_band_is(const struct ebb_series *s, int64_t row)
{
	return s->n[row] >= EBB_BAND_SEEDS && isfinite(s->low[row]);
}

void ebb_band_series(struct ebb_drawing *d, const char *name, const struct ebb_series *s,
		     double unit, double from, double to)
{
	double *x = ebb_xcalloc(3 * (size_t)s->n_rows + 1, sizeof *x), *low = x + s->n_rows,
	       *high = low + s->n_rows;

	for (int64_t r = 0; r < s->n_rows; r++) {
		x[r] = s->x[r] / unit;
		low[r] = ebb_band_is(s, r) ? s->low[r] : s->mean[r];
		high[r] = ebb_band_is(s, r) ? s->high[r] : s->mean[r];
	}
	ebb_band_put(d, name, x, low, high, s->n_rows, from, to);
	free(x);
}
