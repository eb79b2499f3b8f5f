#include "analysis/fit.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MISSING ((double)NAN)

int ebb_line_fit(const double *x, const double *y, int n, struct ebb_line *out, struct ebb_err *err)
{
	double c00, c01, c11, sse, mean = 0.0, total = 0.0;
	int i, rc;

	*out = (struct ebb_line){n,       MISSING, MISSING, MISSING, MISSING,
				 MISSING, MISSING, MISSING, MISSING};
	if (n < 2)
		return ebb_err_set(err, EBB_EINVAL, "a line needs at least 2 points, there are %d",
				   n);
	ebb_gsl_quiet();
	rc = ebb_gsl_check(gsl_fit_linear(x, 1, y, 1, (size_t)n, &out->intercept, &out->slope, &c00,
					  &c01, &c11, &sse),
			   "least squares", err);
	if (rc != 0)
		return rc;
	if (!isfinite(out->slope))
		return ebb_err_set(err, EBB_ENUMERIC,
				   "least squares: all %d points have the same abscissa", n);
	if (n >= 3) {
		out->var_intercept = c00;
		out->var_slope = c11;
		out->cov = c01;
	}
	for (i = 0; i < n; i++)
		mean += y[i] / n;
	for (i = 0; i < n; i++)
		total += (y[i] - mean) * (y[i] - mean);
	if (total > 0.0)
		out->r2 = 1.0 - sse / total;
	out->rmse = sqrt(sse / n);
	if (n >= 5 && sse > 0.0) /* k = 3; Hurvich and Tsai 1989 */
		out->aicc = n * log(sse / n) + 6.0 + 24.0 / (n - 4);
	return 0;
}

static double line_at(const struct ebb_line *l, double x)
{
	return l->intercept + l->slope * x;
}

/* Errors of a line fitted on the first points, over the later ones. */
static void line_judge(const struct ebb_line *l, const double *x, const double *y, int from, int n,
		       double *rmse, double *last)
{
	double ss = 0.0, e = 0.0;
	int i;

	for (i = from; i < n; i++) {
		e = line_at(l, x[i]) - y[i];
		ss += e * e;
	}
	*rmse = sqrt(ss / (n - from));
	*last = fabs(e);
}

static double range_of(const double *x, int n)
{
	double low = x[0], high = x[0];
	int i;

	for (i = 1; i < n; i++) {
		low = fmin(low, x[i]);
		high = fmax(high, x[i]);
	}
	return high - low;
}

static double ceiling_se(const struct ebb_line *l)
{
	/* R(0) = intercept + slope at x = 1, so Var = Var b + Var slope + 2 Cov. */
	return sqrt(l->var_intercept + l->var_slope + 2.0 * l->cov);
}

static void law_clear(struct ebb_law *law, int n)
{
	memset(law, 0, sizeof *law);
	law->n = n;
	law->a = law->b = law->ceiling = law->se_a = law->se_b = law->se_ceiling = MISSING;
	law->r2 = law->rmse = law->aicc = law->last_excess = MISSING;
	law->linear = (struct ebb_line){n,       MISSING, MISSING, MISSING, MISSING,
					MISSING, MISSING, MISSING, MISSING};
	law->early_a = law->early_b = law->early_ceiling = law->early_se_ceiling = MISSING;
	law->early_rmse = law->early_last = MISSING;
	law->early_linear_rmse = law->early_linear_last = MISSING;
}

static int law_early(const double *h, const double *x, const double *y, int n, int n_early,
		     struct ebb_law *law, struct ebb_err *err)
{
	struct ebb_line e, l;
	int rc;

	if (n_early < 3 || n_early >= n || range_of(x, n_early) < EBB_LAW_MIN_RANGE)
		return 0;
	rc = ebb_line_fit(x, y, n_early, &e, err);
	if (rc == 0)
		rc = ebb_line_fit(h, y, n_early, &l, err);
	if (rc != 0)
		return rc;
	law->n_early = n_early;
	law->early_a = -e.slope;
	law->early_b = e.intercept;
	law->early_ceiling = e.intercept + e.slope;
	law->early_se_ceiling = ceiling_se(&e);
	line_judge(&e, x, y, n_early, n, &law->early_rmse, &law->early_last);
	line_judge(&l, h, y, n_early, n, &law->early_linear_rmse, &law->early_linear_last);
	return 0;
}

int ebb_law_fit(const double *H, const double *R, int n, int n_early, struct ebb_law *out,
		struct ebb_err *err)
{
	struct ebb_line fit;
	double *h, *x, *y;
	int i, m = 0, rc = 0;

	law_clear(out, 0);
	h = ebb_calloc(3 * (size_t)(n > 0 ? n : 1), sizeof *h, err);
	if (h == NULL)
		return EBB_ENOMEM;
	x = h + n;
	y = x + n;
	for (i = 0; i < n; i++)
		if (isfinite(H[i]) && isfinite(R[i])) {
			h[m] = H[i];
			x[m] = exp(H[i]);
			y[m++] = R[i];
		}
	out->n = m;
	if (m < 3) {
		rc = ebb_err_set(
			err, EBB_EINVAL,
			"the fit needs at least 3 evaluations with entropy and accuracy, there "
			"are %d; lower eval.cadence",
			m);
	} else if (range_of(x, m) < EBB_LAW_MIN_RANGE) {
		out->insufficient_range = true;
	} else {
		rc = ebb_line_fit(x, y, m, &fit, err);
		if (rc == 0)
			rc = ebb_line_fit(h, y, m, &out->linear, err);
		if (rc == 0)
			rc = law_early(h, x, y, m, n_early > 0 ? n_early : (m + 1) / 2, out, err);
		if (rc == 0) {
			out->a = -fit.slope;
			out->b = fit.intercept;
			out->ceiling = fit.intercept + fit.slope;
			out->se_a = sqrt(fit.var_slope);
			out->se_b = sqrt(fit.var_intercept);
			out->se_ceiling = ceiling_se(&fit);
			out->r2 = fit.r2;
			out->rmse = fit.rmse;
			out->aicc = fit.aicc;
			out->last_excess = y[m - 1] - out->ceiling;
		}
	}
	free(h);
	return rc;
}

int ebb_law_pairs(const double *eval_step, const double *accuracy, int64_t n_eval,
		  const double *step, const double *entropy, int64_t n_steps, double *H, double *R,
		  double *at)
{
	int64_t e, s = 0;
	int n = 0;

	if (n_steps == 0)
		return 0;
	for (e = 0; e < n_eval; e++) {
		while (s + 1 < n_steps && step[s + 1] <= eval_step[e])
			s++;
		if (!isfinite(accuracy[e]) || !isfinite(entropy[s]))
			continue;
		H[n] = entropy[s];
		R[n] = accuracy[e];
		at[n++] = eval_step[e];
	}
	return n;
}

void ebb_pairs_release(struct ebb_pairs *p)
{
	free(p->H);
	free(p->R);
	free(p->step);
	*p = (struct ebb_pairs){0};
}
