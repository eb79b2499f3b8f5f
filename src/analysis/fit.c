#include "analysis/fit.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MISSING ((double)NAN)

static const struct ebb_line no_line = {0,       MISSING, MISSING, MISSING, MISSING,
					MISSING, MISSING, MISSING, MISSING};

/* ln of the geometric mean of the weights. */
static double log_scale(const double *w, int n)
{
	double sum = 0.0;

	for (int i = 0; w != NULL && i < n; i++)
		sum += log(w[i]) / n;
	return sum;
}

int ebb_line_fit_weighted(const double *x, const double *y, const double *w, int n,
			  struct ebb_line *out, struct ebb_err *err)
{
	double c00, c01, c11, sse, mean = 0.0, total = 0.0, mass = 0.0, scale, s2;
	int i, rc;

	*out = no_line;
	out->n = n;
	if (n < 2)
		return ebb_err_set(err, EBB_EINVAL, "a line needs at least 2 points, there are %d",
				   n);
	ebb_gsl_quiet();
	if (w != NULL)
		rc = gsl_fit_wlinear(x, 1, w, 1, y, 1, (size_t)n, &out->intercept, &out->slope,
				     &c00, &c01, &c11, &sse);
	else
		rc = gsl_fit_linear(x, 1, y, 1, (size_t)n, &out->intercept, &out->slope, &c00, &c01,
				    &c11, &sse);
	rc = ebb_gsl_check(rc, "least squares", err);
	if (rc != 0)
		return rc;
	if (!isfinite(out->slope))
		return ebb_err_set(err, EBB_ENUMERIC,
				   "least squares: all %d points have the same abscissa", n);
	if (n >= 3) { /* GSL takes weights for known variances: only their ratios are known here */
		s2 = w != NULL ? sse / (n - 2) : 1.0;
		out->var_intercept = c00 * s2;
		out->var_slope = c11 * s2;
		out->cov = c01 * s2;
	}
	for (i = 0; i < n; i++)
		mass += w != NULL ? w[i] : 1.0;
	for (i = 0; i < n; i++)
		mean += (w != NULL ? w[i] : 1.0) * y[i] / mass;
	for (i = 0; i < n; i++)
		total += (w != NULL ? w[i] : 1.0) * (y[i] - mean) * (y[i] - mean);
	if (total > 0.0)
		out->r2 = 1.0 - sse / total;
	out->rmse = sqrt(sse / mass);
	scale = log_scale(w, n);
	if (n >= 5 && sse > 0.0) /* k = 3; Hurvich and Tsai 1989 */
		out->aicc = n * (log(sse / n) - scale) + 6.0 + 24.0 / (n - 4);
	return 0;
}

int ebb_line_fit(const double *x, const double *y, int n, struct ebb_line *out, struct ebb_err *err)
{
	return ebb_line_fit_weighted(x, y, NULL, n, out, err);
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

/* x at H = 0. */
static double origin_of(const struct ebb_law_how *how)
{
	return how->linear ? 0.0 : 1.0;
}

static double ceiling_se(const struct ebb_line *l, double x0)
{
	/* R(0) = intercept + slope x0, so Var = Var b + x0^2 Var slope + 2 x0 Cov. */
	return sqrt(l->var_intercept + x0 * x0 * l->var_slope + 2.0 * x0 * l->cov);
}

static double range_wanted(const struct ebb_law_how *how)
{
	return how->linear ? 0.0 : EBB_LAW_MIN_RANGE;
}

static void law_clear(struct ebb_law *law, int n)
{
	memset(law, 0, sizeof *law);
	law->n = n;
	law->a = law->b = law->ceiling = law->se_a = law->se_b = law->se_ceiling = MISSING;
	law->cov_ab = law->r2 = law->rmse = law->aicc = law->last_excess = MISSING;
	law->linear = law->log_step = no_line;
	law->linear.n = law->log_step.n = n;
	law->early_a = law->early_b = law->early_ceiling = law->early_se_ceiling = MISSING;
	law->early_excess = law->early_rmse = law->early_last = MISSING;
	law->early_linear_rmse = law->early_linear_last = MISSING;
}

/* ---- the points ---- */

void ebb_law_points_make(struct ebb_law_points *p, const struct ebb_law_data *data,
			 const struct ebb_law_how *how)
{
	size_t room = (size_t)(data->n > 0 ? data->n : 0) + 1;
	double r;
	int m = 0;

	*p = (struct ebb_law_points){.h = ebb_xcalloc(5 * room, sizeof *p->h)};
	p->x = p->h + room;
	p->y = p->x + room;
	p->step = data->step != NULL ? p->y + room : NULL;
	p->w = how->answers > 0.0 ? p->y + 2 * room : NULL;
	for (int i = 0; i < data->n; i++) {
		if (!isfinite(data->H[i]) || !isfinite(data->R[i]))
			continue;
		p->h[m] = data->H[i];
		p->x[m] = how->linear ? data->H[i] : exp(data->H[i]);
		p->y[m] = data->R[i];
		if (p->step != NULL)
			p->step[m] = data->step[i];
		if (p->w != NULL) { /* R of 0 and 1 have a variance, too */
			r = (data->R[i] * how->answers + 0.5) / (how->answers + 1.0);
			p->w[m] = how->answers / (r * (1.0 - r));
		}
		m++;
	}
	p->n = m;
}

void ebb_law_points_release(struct ebb_law_points *p)
{
	free(p->h);
	*p = (struct ebb_law_points){0};
}

/* Points of the early fit. */
static int early_points(const struct ebb_law_points *p, const struct ebb_law_how *how)
{
	int n = 0;

	if (how->early_points > 0)
		return how->early_points;
	if (how->early <= 0.0 || p->step == NULL)
		return (p->n + 1) / 2;
	while (n < p->n && p->step[n] <= how->early * p->step[p->n - 1])
		n++;
	return n;
}

/* ---- the fits ---- */

static int law_early(const struct ebb_law_points *p, const struct ebb_law_how *how,
		     struct ebb_law *law, struct ebb_err *err)
{
	const int n_early = early_points(p, how);
	const double x0 = origin_of(how);
	struct ebb_line e, l;
	double range;
	int rc;

	if (n_early < 3 || n_early >= p->n)
		return 0;
	range = range_of(p->x, n_early);
	if (range < range_wanted(how) || range == 0.0)
		return 0;
	rc = ebb_line_fit_weighted(p->x, p->y, p->w, n_early, &e, err);
	if (rc == 0)
		rc = ebb_line_fit_weighted(p->h, p->y, p->w, n_early, &l, err);
	if (rc != 0)
		return rc;
	law->n_early = n_early;
	law->early_a = 0.0 - e.slope;
	law->early_b = e.intercept;
	law->early_ceiling = e.intercept + x0 * e.slope;
	law->early_se_ceiling = ceiling_se(&e, x0);
	law->early_excess = p->y[p->n - 1] - law->early_ceiling;
	line_judge(&e, p->x, p->y, n_early, p->n, &law->early_rmse, &law->early_last);
	line_judge(&l, p->h, p->y, n_early, p->n, &law->early_linear_rmse, &law->early_linear_last);
	return 0;
}

/* R against log(step + 1): evaluation begins at step 0. */
static int law_log_step(const struct ebb_law_points *p, struct ebb_law *law, struct ebb_err *err)
{
	double *u;
	int rc = 0;

	if (p->step == NULL)
		return 0;
	u = ebb_xcalloc((size_t)p->n, sizeof *u);
	for (int i = 0; i < p->n; i++)
		u[i] = log(p->step[i] + 1.0);
	if (range_of(u, p->n) > 0.0)
		rc = ebb_line_fit_weighted(u, p->y, p->w, p->n, &law->log_step, err);
	free(u);
	return rc;
}

static int law_of(const struct ebb_law_points *p, const struct ebb_law_how *how,
		  struct ebb_law *out, struct ebb_err *err)
{
	struct ebb_line fit;
	int rc = ebb_line_fit_weighted(p->x, p->y, p->w, p->n, &fit, err);

	if (rc == 0)
		rc = ebb_line_fit_weighted(p->h, p->y, p->w, p->n, &out->linear, err);
	if (rc == 0)
		rc = law_log_step(p, out, err);
	if (rc == 0)
		rc = law_early(p, how, out, err);
	if (rc != 0)
		return rc;
	out->a = 0.0 - fit.slope; /* no minus in front of a 0 */
	out->b = fit.intercept;
	out->ceiling = fit.intercept + origin_of(how) * fit.slope;
	out->se_a = sqrt(fit.var_slope);
	out->se_b = sqrt(fit.var_intercept);
	out->cov_ab = -fit.cov;
	out->se_ceiling = ceiling_se(&fit, origin_of(how));
	out->r2 = fit.r2;
	out->rmse = fit.rmse;
	out->aicc = fit.aicc;
	out->last_excess = p->y[p->n - 1] - out->ceiling;
	return 0;
}

int ebb_law_make(const struct ebb_law_data *data, const struct ebb_law_how *how,
		 struct ebb_law *out, struct ebb_err *err)
{
	struct ebb_law_points p;
	int rc = 0;

	ebb_law_points_make(&p, data, how);
	law_clear(out, p.n);
	if (p.n < 3)
		rc = ebb_err_set(
			err, EBB_EINVAL,
			"the fit needs at least 3 evaluations with entropy and accuracy, there "
			"are %d; lower eval.cadence",
			p.n);
	else if (range_of(p.x, p.n) < range_wanted(how) || range_of(p.x, p.n) == 0.0)
		out->insufficient_range = true;
	else
		rc = law_of(&p, how, out, err);
	ebb_law_points_release(&p);
	return rc;
}

int ebb_law_fit(const double *H, const double *R, int n, int n_early, struct ebb_law *out,
		struct ebb_err *err)
{
	const struct ebb_law_data data = {.H = H, .R = R, .n = n};
	const struct ebb_law_how how = {.early_points = n_early};

	return ebb_law_make(&data, &how, out, err);
}

bool ebb_law_stands(const struct ebb_law *law, double slack)
{
	const double rival[] = {law->linear.aicc, law->log_step.aicc};

	for (int i = 0; i < 2; i++)
		if (law->aicc > rival[i] + slack) /* false for a rival that has none */
			return false;
	return isfinite(law->aicc);
}

double ebb_change_realised(const double *at, const double *value, int64_t n, double part)
{
	double x, u, here;
	int64_t i = 0;

	if (n < 2 || value[0] == value[n - 1])
		return MISSING;
	x = at[0] + part * (at[n - 1] - at[0]);
	while (i < n - 2 && at[i + 1] <= x)
		i++;
	u = (x - at[i]) / (at[i + 1] - at[i]);
	here = u < 1.0 ? value[i] + u * (value[i + 1] - value[i]) : value[i + 1];
	return (value[0] - here) / (value[0] - value[n - 1]);
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
