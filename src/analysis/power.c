#include "analysis/power.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include "analysis/stat.h"

#define PIECES 200

struct noncentral {
	double df, shift, c;
	double constant; /* of log of the density of S */
};

/* Density of S at s times the chance of |T| > c given it. */
static double rejected(double s, void *p)
{
	const struct noncentral *t = p;
	double density = exp(t->constant + (t->df - 1.0) * log(s) - 0.5 * t->df * s * s);

	return density * (gsl_cdf_ugaussian_P(t->shift - t->c * s) +
			  gsl_cdf_ugaussian_P(-t->shift - t->c * s));
}

int ebb_power_t(double d, int n, double alpha, double *power, struct ebb_err *err)
{
	struct noncentral t = {n - 1, fabs(d) * sqrt(n > 0 ? n : 0), 0.0, 0.0};
	gsl_function f = {rejected, &t};
	gsl_integration_workspace *w;
	double v, low, high, error;
	int rc;

	ebb_gsl_quiet();
	*power = (double)NAN;
	if (n < 2 || isnan(d) || !(alpha > 0.0 && alpha < 1.0))
		return 0;
	if (isinf(d)) {
		*power = 1.0;
		return 0;
	}
	rc = ebb_t_quantile(1.0 - alpha, t.df, &t.c, err);
	if (rc != 0)
		return rc;
	t.constant = M_LN2 + 0.5 * t.df * log(0.5 * t.df) - gsl_sf_lngamma(0.5 * t.df);
	/* Wilson and Hilferty: the cube root of S^2 is nearly normal with mean 1 - v and variance v,
	 * v = 2 / (9 df). Eight deviations leave nothing outside. */
	v = 2.0 / (9.0 * t.df);
	low = pow(fmax(0.0, 1.0 - v - 8.0 * sqrt(v)), 1.5);
	high = pow(1.0 - v + 8.0 * sqrt(v), 1.5);
	w = gsl_integration_workspace_alloc(PIECES);
	if (w == NULL)
		return ebb_err_set(err, EBB_ENOMEM, "power of a t test: out of memory");
	rc = ebb_gsl_check(gsl_integration_qag(&f, low, high, 1e-8, 0.0, PIECES, GSL_INTEG_GAUSS31,
					       w, power, &error),
			   "power of a t test", err);
	gsl_integration_workspace_free(w);
	*power = fmin(1.0, *power);
	return rc;
}

/* What the normal law says, and two more for the t. */
static int first_guess(double d, double power, double alpha)
{
	double z = gsl_cdf_ugaussian_Pinv(power) + gsl_cdf_ugaussian_Qinv(0.5 * alpha);

	return (int)fmin(EBB_POWER_SEEDS, fmax(2.0, ceil(z * z / (d * d)) + 2.0));
}

int ebb_power_seeds(double d, double power, double alpha, int *n, struct ebb_err *err)
{
	int low = 1, high = EBB_POWER_SEEDS + 1, at, step = 1, rc = 0;
	double reached;

	*n = 0;
	if (!(alpha > 0.0 && alpha < power && power < 1.0))
		return ebb_err_set(err, EBB_EINVAL, "no number of seeds has power %g at level %g",
				   power, alpha);
	if (isnan(d) || d == 0.0)
		return 0;
	/* Power grows with n: low does not reach it, high does. Steps from the guess grow until it lies
	 * between two numbers tried, then the gap is halved. */
	for (at = first_guess(d, power, alpha); high - low > 1;) {
		rc = ebb_power_t(d, at, alpha, &reached, err);
		if (rc != 0)
			return rc;
		if (reached >= power)
			high = at;
		else
			low = at;
		if (low == 1 && high > 2)
			at = high - step > 2 ? high - step : 2;
		else if (high > EBB_POWER_SEEDS)
			at = low < EBB_POWER_SEEDS - step ? low + step : EBB_POWER_SEEDS;
		else
			at = low + (high - low) / 2;
		step *= 2;
	}
	*n = high > EBB_POWER_SEEDS ? 0 : high;
	return 0;
}

int ebb_power_effect(int n, double power, double alpha, double *d, struct ebb_err *err)
{
	double low = 0.0, high = 1.0, mid, reached;
	int i, rc;

	*d = (double)NAN;
	if (!(alpha > 0.0 && alpha < power && power < 1.0))
		return ebb_err_set(err, EBB_EINVAL, "no effect has power %g at level %g", power,
				   alpha);
	if (n < 2)
		return 0;
	while ((rc = ebb_power_t(high, n, alpha, &reached, err)) == 0 && reached < power)
		high *= 2.0;
	for (i = 0; i < 60 && rc == 0 && high - low > 1e-10 * high; i++) {
		mid = 0.5 * (low + high);
		rc = ebb_power_t(mid, n, alpha, &reached, err);
		if (reached >= power)
			high = mid;
		else
			low = mid;
	}
	if (rc == 0)
		*d = high;
	return rc;
}
