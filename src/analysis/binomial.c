#include "analysis/binomial.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include "analysis/stat.h"

int ebb_share_interval(int k, int n, double level, struct ebb_share *out, struct ebb_err *err)
{
	double tail = 0.5 * (1.0 - level);

	ebb_gsl_quiet();
	*out = (struct ebb_share){k, n, (double)NAN, 0.0, 1.0};
	if (n < 0 || k < 0 || k > n || !(level > 0.0 && level < 1.0))
		return ebb_err_set(err, EBB_EINVAL, "no interval for %d of %d at level %g", k, n,
				   level);
	if (n == 0)
		return 0;
	out->share = (double)k / n;
	if (k > 0)
		out->low = gsl_cdf_beta_Pinv(tail, k, n - k + 1);
	if (k < n)
		out->high = gsl_cdf_beta_Qinv(tail, k + 1, n - k);
	if (!isfinite(out->low) || !isfinite(out->high))
		return ebb_err_set(err, EBB_ENUMERIC, "interval of %d of %d is not finite", k, n);
	return 0;
}

double ebb_binomial_above(int k, int n, double q)
{
	ebb_gsl_quiet();
	if (n < 0 || !(q >= 0.0 && q <= 1.0))
		return (double)NAN;
	if (k <= 0)
		return 1.0;
	if (k > n)
		return 0.0;
	return gsl_cdf_binomial_Q((unsigned)(k - 1), q, (unsigned)n);
}

double ebb_coin_p(int k, int n)
{
	return ebb_binomial_above(k, n, 0.5);
}
