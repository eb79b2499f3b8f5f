#include "analysis/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/stat.h"

void ebb_curve_release(struct ebb_curve *c)
{
	free(c->x);
	free(c->y);
	*c = (struct ebb_curve){0};
}

void ebb_series_release(struct ebb_series *s)
{
	int i;

	for (i = 0; i < s->n_diverged; i++)
		ebb_curve_release(&s->diverged[i]);
	free(s->diverged);
	free(s->label);
	free(s->seed);
	free(s->x);
	free(s->value);
	free(s->mean);
	free(s->low);
	free(s->high);
	free(s->n);
	*s = (struct ebb_series){0};
}

bool ebb_series_any(const struct ebb_series *s)
{
	int64_t i;

	for (i = 0; i < s->n_rows; i++)
		if (s->n[i] > 0)
			return true;
	return false;
}

/* ---- one axis for all ---- */

static int check_aligned(const char *label, const struct ebb_curve *curve, int n,
			 struct ebb_err *err)
{
	const struct ebb_curve *a = &curve[0], *b;
	int64_t r, rows;
	int i;

	for (i = 1; i < n; i++) {
		b = &curve[i];
		rows = a->n < b->n ? a->n : b->n;
		for (r = 0; r < rows; r++)
			if (a->x[r] != b->x[r])
				return ebb_err_set(
					err, EBB_EINVAL,
					"arm '%s' cannot be averaged: row %lld is at %g in seed "
					"%llu but "
					"at %g in seed %llu; rows are never matched by index",
					label, (long long)r + 1, a->x[r],
					(unsigned long long)a->seed, b->x[r],
					(unsigned long long)b->seed);
		if (a->n != b->n)
			return ebb_err_set(err, EBB_EINVAL,
					   "arm '%s' cannot be averaged: seed %llu has %lld rows "
					   "but seed %llu "
					   "has %lld; curves are never cut or padded",
					   label, (unsigned long long)a->seed, (long long)a->n,
					   (unsigned long long)b->seed, (long long)b->n);
	}
	return 0;
}

static bool same_axis(const struct ebb_curve *a, const struct ebb_curve *b)
{
	return a->n == b->n && memcmp(a->x, b->x, (size_t)a->n * sizeof(double)) == 0;
}

/* y of a curve at x inside its range, linear between its rows; NaN beside a missing value. */
static double curve_at(const struct ebb_curve *c, double x)
{
	int64_t low = 0, high = c->n - 1, mid;

	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (c->x[mid] <= x)
			low = mid;
		else
			high = mid;
	}
	if (x == c->x[low] || high == low)
		return c->y[low];
	if (x == c->x[high])
		return c->y[high];
	return c->y[low] + (c->y[high] - c->y[low]) * (x - c->x[low]) / (c->x[high] - c->x[low]);
}

/* An even grid, as fine as the shortest curve, over the part that all curves cover. */
static int common_grid(struct ebb_series *s, const struct ebb_curve *curve, int n,
		       struct ebb_err *err)
{
	double from = -INFINITY, to = INFINITY;
	int64_t rows = curve[0].n, r;
	int i;

	for (i = 0; i < n; i++) {
		if (curve[i].n < 1)
			return ebb_err_set(err, EBB_EINVAL, "arm '%s': seed %llu has no row",
					   s->label, (unsigned long long)curve[i].seed);
		from = fmax(from, curve[i].x[0]);
		to = fmin(to, curve[i].x[curve[i].n - 1]);
		rows = curve[i].n < rows ? curve[i].n : rows;
	}
	if (from > to)
		return ebb_err_set(
			err, EBB_EINVAL,
			"arm '%s' cannot be averaged: its seeds share no part of the axis",
			s->label);
	s->n_rows = rows;
	s->x = ebb_xcalloc((size_t)rows, sizeof(double));
	s->value = ebb_xcalloc((size_t)rows * (size_t)n, sizeof(double));
	for (r = 0; r < rows; r++) {
		s->x[r] = r + 1 == rows ? to : from + (to - from) * (double)r / (double)(rows - 1);
		for (i = 0; i < n; i++)
			s->value[i * rows + r] = curve_at(&curve[i], s->x[r]);
	}
	return 0;
}

/* Average the finite ones of w entries from v. */
static double window_mean(const double *v, int64_t w)
{
	double sum = 0.0;
	int64_t i, m = 0;

	for (i = 0; i < w; i++)
		if (isfinite(v[i])) {
			sum += v[i];
			m++;
		}
	return m > 0 ? sum / (double)m : (double)NAN;
}

/* n entries into windows of w, written to `to`, which may be `from` or lie before it. */
static int64_t window_means(const double *from, int64_t n, int64_t w, double *to)
{
	int64_t r, rows = (n + w - 1) / w;

	for (r = 0; r < rows; r++)
		to[r] = window_mean(from + r * w, n - r * w < w ? n - r * w : w);
	return rows;
}

void ebb_curve_thin(struct ebb_curve *c, int w)
{
	window_means(c->x, c->n, w, c->x);
	c->n = window_means(c->y, c->n, w, c->y);
}

/* A window is a whole number of units, so that what repeats within one does not beat with it. */
static void thin(struct ebb_series *s, int64_t max_rows, int64_t unit)
{
	int64_t w, rows;
	int i;

	s->window = 1;
	if (max_rows <= 0 || s->n_rows <= max_rows)
		return;
	w = (s->n_rows + max_rows - 1) / max_rows;
	w = (w + unit - 1) / unit * unit;
	rows = (s->n_rows + w - 1) / w;
	for (i = 0; i < s->n_seeds; i++)
		window_means(s->value + i * s->n_rows, s->n_rows, w, s->value + i * rows);
	window_means(s->x, s->n_rows, w, s->x);
	s->n_rows = rows;
	s->window = (int)w;
}

/* Leave out the rows that no seed has a value for: a curve measured at evaluation cadence is a line
 * through its points, not a row of gaps. A curve without any value stays as it is. */
static void drop_empty_rows(struct ebb_series *s)
{
	int64_t r, kept = 0, rows = s->n_rows;
	bool *any = ebb_xcalloc((size_t)rows + 1, sizeof *any);
	int i;

	for (r = 0; r < rows; r++) {
		for (i = 0; i < s->n_seeds; i++)
			any[r] = any[r] || isfinite(s->value[i * rows + r]);
		kept += any[r];
	}
	for (i = 0; i < s->n_seeds && kept > 0 && kept < rows; i++) {
		int64_t to = 0;

		for (r = 0; r < rows; r++)
			if (any[r])
				s->value[i * kept + to++] = s->value[i * rows + r];
	}
	for (r = 0, i = 0; r < rows && kept > 0 && kept < rows; r++)
		if (any[r])
			s->x[i++] = s->x[r];
	if (kept > 0)
		s->n_rows = kept;
	free(any);
}

static int summarise_rows(struct ebb_series *s, struct ebb_err *err)
{
	struct ebb_summary m;
	double *column;
	int64_t r;
	int i, rc = 0;

	s->mean = ebb_xcalloc((size_t)s->n_rows + 1, sizeof(double));
	s->low = ebb_xcalloc((size_t)s->n_rows + 1, sizeof(double));
	s->high = ebb_xcalloc((size_t)s->n_rows + 1, sizeof(double));
	s->n = ebb_xcalloc((size_t)s->n_rows + 1, sizeof(int));
	column = ebb_xcalloc((size_t)s->n_seeds, sizeof(double));
	for (r = 0; r < s->n_rows && rc == 0; r++) {
		for (i = 0; i < s->n_seeds; i++)
			column[i] = s->value[i * s->n_rows + r];
		rc = ebb_summarise(column, s->n_seeds, &m, err);
		s->mean[r] = m.mean;
		s->low[r] = m.low;
		s->high[r] = m.high;
		s->n[r] = m.n;
	}
	free(column);
	return rc;
}

int ebb_series_make(struct ebb_series *s, const char *label, const struct ebb_curve *curve, int n,
		    bool resample, int64_t max_rows, struct ebb_err *err)
{
	return ebb_series_make_windows(s, label, curve, n, resample, max_rows, 1, err);
}

int ebb_series_make_windows(struct ebb_series *s, const char *label, const struct ebb_curve *curve,
			    int n, bool resample, int64_t max_rows, int64_t unit,
			    struct ebb_err *err)
{
	bool equal = true;
	int i, rc = 0;

	*s = (struct ebb_series){.window = 1};
	if (n < 1)
		return ebb_err_set(err, EBB_EINVAL, "arm '%s' has no curve", label);
	s->label = ebb_xstrdup(label);
	s->n_seeds = n;
	s->seed = ebb_xcalloc((size_t)n, sizeof *s->seed);
	for (i = 0; i < n; i++) {
		s->seed[i] = curve[i].seed;
		equal = equal && same_axis(&curve[0], &curve[i]);
	}
	if (equal || !resample) {
		rc = check_aligned(label, curve, n, err);
		if (rc == 0) {
			s->n_rows = curve[0].n;
			s->x = ebb_xcalloc((size_t)s->n_rows + 1, sizeof(double));
			s->value = ebb_xcalloc((size_t)s->n_rows * (size_t)n + 1, sizeof(double));
			memcpy(s->x, curve[0].x, (size_t)s->n_rows * sizeof(double));
			for (i = 0; i < n; i++)
				memcpy(s->value + i * s->n_rows, curve[i].y,
				       (size_t)s->n_rows * sizeof(double));
		}
	} else {
		s->resampled = true;
		rc = common_grid(s, curve, n, err);
	}
	if (rc == 0) {
		drop_empty_rows(s);
		thin(s, max_rows, s->resampled ? 1 : unit);
		rc = summarise_rows(s, err);
	}
	if (rc != 0)
		ebb_series_release(s);
	return rc;
}
