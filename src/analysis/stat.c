#include "analysis/stat.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <math.h>

void ebb_gsl_quiet(void)
{
	gsl_set_error_handler_off();
}

int ebb_gsl_check(int status, const char *what, struct ebb_err *err)
{
	if (status == GSL_SUCCESS)
		return 0;
	if (status == GSL_ENOMEM)
		return ebb_err_set(err, EBB_ENOMEM, "%s: out of memory", what);
	if (status == GSL_EINVAL || status == GSL_EBADLEN || status == GSL_EDOM)
		return ebb_err_set(err, EBB_EINVAL, "%s: %s", what, gsl_strerror(status));
	return ebb_err_set(err, EBB_ENUMERIC, "%s: %s", what, gsl_strerror(status));
}

int ebb_t_quantile(double level, double df, double *out, struct ebb_err *err)
{
	ebb_gsl_quiet();
	if (!(level > 0.0 && level < 1.0) || !(df > 0.0))
		return ebb_err_set(err, EBB_EINVAL,
				   "no t quantile for level %g and %g degrees of freedom", level,
				   df);
	*out = gsl_cdf_tdist_Pinv(0.5 + 0.5 * level, df);
	if (!isfinite(*out))
		return ebb_err_set(err, EBB_ENUMERIC,
				   "the t quantile for %g degrees of freedom is not finite", df);
	return 0;
}

double ebb_t_p(double t, double df)
{
	ebb_gsl_quiet();
	return isnan(t) || !(df > 0.0) ? (double)NAN : 2.0 * gsl_cdf_tdist_Q(fabs(t), df);
}

int ebb_summarise(const double *value, int n, struct ebb_summary *out, struct ebb_err *err)
{
	double sum = 0.0, ss = 0.0, t;
	int i, m = 0, rc;

	*out = (struct ebb_summary){0, (double)NAN, (double)NAN, (double)NAN, (double)NAN};
	for (i = 0; i < n; i++)
		if (isfinite(value[i])) {
			sum += value[i];
			m++;
		}
	out->n = m;
	if (m == 0)
		return 0;
	out->mean = sum / m;
	if (m < 2)
		return 0;
	for (i = 0; i < n; i++)
		if (isfinite(value[i]))
			ss += (value[i] - out->mean) * (value[i] - out->mean);
	out->sd = sqrt(ss / (m - 1));
	rc = ebb_t_quantile(EBB_LEVEL, m - 1, &t, err);
	if (rc != 0)
		return rc;
	out->low = out->mean - t * out->sd / sqrt(m);
	out->high = out->mean + t * out->sd / sqrt(m);
	return 0;
}

double ebb_final_value(const double *value, int64_t n)
{
	int64_t i, measured = 0, tail, m = 0;
	double sum = 0.0;

	for (i = 0; i < n; i++)
		measured += isfinite(value[i]) != 0;
	tail = measured / 10 > 1 ? measured / 10 : 1;
	for (i = n - 1; i >= 0 && m < tail; i--)
		if (isfinite(value[i])) {
			sum += value[i];
			m++;
		}
	return m > 0 ? sum / (double)m : (double)NAN;
}
