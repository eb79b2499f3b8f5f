#include "analysis/claim_curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/fit.h"
#include "analysis/stat.h"

#define NONE ((double)NAN)

void ebb_measured(struct ebb_curve *c)
{
	int64_t n = 0;

	for (int64_t i = 0; i < c->n; i++)
		if (isfinite(c->y[i])) {
			c->x[n] = c->x[i];
			c->y[n++] = c->y[i];
		}
	c->n = n;
}

static double mean_of(const double *v, int64_t n)
{
	double sum = 0.0;

	for (int64_t i = 0; i < n; i++)
		sum += v[i];
	return n > 0 ? sum / (double)n : NONE;
}

double ebb_measured_start(const struct ebb_curve *c, int w)
{
	return mean_of(c->y, c->n < w ? c->n : w);
}

double ebb_measured_final(const struct ebb_curve *c, int w)
{
	if (w == 0)
		return ebb_final_value(c->y, c->n);
	if (w > c->n)
		w = (int)c->n;
	return mean_of(c->y + c->n - w, w);
}

/* The last row at or before x; -1: there is none. */
static int64_t row_below(const struct ebb_curve *c, double x)
{
	int64_t low = -1, high = c->n;

	while (high - low > 1) {
		int64_t mid = low + (high - low) / 2;

		if (c->x[mid] <= x)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* On the polyline; flat outside. */
static double value_at(const struct ebb_curve *c, double x)
{
	int64_t i = row_below(c, x);
	double u;

	if (i < 0)
		return c->y[0];
	if (i == c->n - 1 || c->x[i] == x)
		return c->y[i];
	u = (x - c->x[i]) / (c->x[i + 1] - c->x[i]);
	return c->y[i] + u * (c->y[i + 1] - c->y[i]);
}

void ebb_measured_cut(struct ebb_curve *c, double limit)
{
	int64_t i = row_below(c, limit);

	if (i < 0) {
		c->n = 0;
	} else if (i + 1 < c->n) {
		if (c->x[i] < limit) { /* the row after the limit makes room for the limit */
			c->y[i + 1] = value_at(c, limit);
			c->x[i + 1] = limit;
			i++;
		}
		c->n = i + 1;
	}
}

double ebb_measured_mean(const struct ebb_curve *c, double from, double to)
{
	double area = 0.0, x = from, y;

	if (c->n == 0)
		return NONE;
	y = value_at(c, from);
	if (!(to > from))
		return y;
	for (int64_t i = row_below(c, from) + 1; i <= c->n; i++) {
		double next = i < c->n ? fmin(c->x[i], to) : to;
		double there = value_at(c, next);

		area += 0.5 * (y + there) * (next - x);
		x = next;
		y = there;
		if (x >= to)
			break;
	}
	return area / (to - from);
}

double ebb_measured_at(const struct ebb_curve *c, double x, bool hold)
{
	double last;

	if (c->n == 0 || x < c->x[0])
		return NONE;
	last = c->x[c->n - 1];
	if (hold && c->n > 1)
		last += last - c->x[c->n - 2];
	return x <= last ? value_at(c, x) : NONE;
}

double ebb_measured_slope(const struct ebb_curve *c)
{
	struct ebb_err ignored = EBB_ERR_INIT; /* rows of one place have no slope: NaN says so */
	struct ebb_line line;

	return c->n >= 2 && ebb_line_fit(c->x, c->y, (int)c->n, &line, &ignored) == 0 ? line.slope
										      : NONE;
}

double ebb_measured_peak(const struct ebb_curve *c)
{
	double top = c->n > 0 ? c->y[0] : NONE;

	for (int64_t i = 1; i < c->n; i++)
		top = fmax(top, c->y[i]);
	return top;
}

double ebb_measured_time(const struct ebb_curve *c, double threshold, bool below, double horizon,
			 bool *censored)
{
	*censored = false;
	if (c->n == 0 || isnan(threshold))
		return NONE;
	for (int64_t i = 0; i < c->n && c->x[i] <= horizon; i++)
		if (below ? c->y[i] < threshold : c->y[i] > threshold)
			return c->x[i];
	*censored = true;
	return horizon;
}

int ebb_measured_pairs(const struct ebb_curve *cx, const struct ebb_curve *cy, int w, double *x,
		       double *y, double *at)
{
	const struct ebb_curve *few = cx->n < cy->n ? cx : cy;
	int n = (int)few->n, m = 0;

	if (cx->n == 0 || cy->n == 0)
		return 0;
	for (int i = 0; i < n; i++) {
		int64_t ix = few == cx ? i : row_below(cx, few->x[i]);
		int64_t iy = few == cy ? i : row_below(cy, few->x[i]);

		x[i] = cx->y[ix > 0 ? ix : 0];
		y[i] = cy->y[iy > 0 ? iy : 0];
		if (at != NULL)
			at[i] = few->x[i];
	}
	if (w < 2)
		return n;
	for (int i = 0; i < n; i += w, m++) { /* m never overtakes i */
		int rest = n - i < w ? n - i : w;

		x[m] = mean_of(x + i, rest);
		y[m] = mean_of(y + i, rest);
		if (at != NULL)
			at[m] = mean_of(at + i, rest);
	}
	return m;
}

void ebb_measured_change(struct ebb_curve *c)
{
	for (int64_t i = 0; i + 1 < c->n; i++)
		c->y[i] = c->y[i + 1] - c->y[i];
	c->n -= c->n > 0;
}

int ebb_measured_smooth(double *v, int n, int w)
{
	if (w < 2)
		return n;
	for (int i = 0; i + w <= n; i++)
		v[i] = mean_of(v + i, w);
	return n >= w ? n - w + 1 : 0;
}

double ebb_measured_fit(const double *x, const double *y, const double *at, int n,
			const struct ebb_claim_node *node)
{
	const struct ebb_law_data data = {.H = x, .R = y, .step = at, .n = n};
	const struct ebb_law_how how = {.linear = !node->exponential, .early = node->early};
	struct ebb_err ignored = EBB_ERR_INIT; /* what does not determine a line has no fit: NaN */
	struct ebb_law law;

	if (n < 3 || ebb_law_make(&data, &how, &law, &ignored) < 0)
		return NONE;
	switch (node->field) {
	case EBB_CLAIM_R2:
		return law.r2;
	case EBB_CLAIM_A:
		return law.a;
	case EBB_CLAIM_B:
		return law.b;
	case EBB_CLAIM_CEILING:
		return law.ceiling;
	case EBB_CLAIM_RMSE:
		return law.rmse;
	case EBB_CLAIM_AICC:
		return law.aicc;
	case EBB_CLAIM_AICC_LINEAR:
		return law.linear.aicc;
	case EBB_CLAIM_AICC_LOG:
		return law.log_step.aicc;
	case EBB_CLAIM_EARLY_RMSE:
		return law.early_rmse;
	case EBB_CLAIM_EARLY_ERROR:
		return law.early_last;
	case EBB_CLAIM_EARLY_CEILING:
		return law.early_ceiling;
	default:
		EBB_BUG("no number of a fit: %d", (int)node->field);
	}
}
