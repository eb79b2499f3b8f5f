/* Shares of seeds and coins. Reference numbers: scipy 1.10.1. */
#include <criterion/criterion.h>

#include <math.h>
#include "analysis/binomial.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.15g is not %.15g", (double)(x), (double)(y))

/* stats.beta.ppf(.025, k, n - k + 1), stats.beta.ppf(.975, k + 1, n - k) */
Test(binomial, clopper_and_pearson)
{
	static const struct {
		int k, n;
		double low, high;
	} row[] = {
		{0, 8, 0.0, 0.3694166475528192},
		{7, 8, 0.47349032912479344, 0.9968402764687481},
		{8, 8, 0.6305833524471807, 1.0},
		{5, 10, 0.18708602844739855, 0.8129139715526015},
		{3, 50, 0.01254858783533406, 0.16548194660377288},
	};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_share s, mirror;

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		cr_assert_eq(ebb_share_interval(row[i].k, row[i].n, 0.95, &s, &err), 0);
		CLOSE(s.share, (double)row[i].k / row[i].n, 0);
		CLOSE(s.low, row[i].low, 1e-10);
		CLOSE(s.high, row[i].high, 1e-10);
		ebb_share_interval(row[i].n - row[i].k, row[i].n, 0.95, &mirror, &err);
		CLOSE(mirror.low, 1.0 - s.high, 1e-10);
	}
}

Test(binomial, refusals_and_edges)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_share s;

	cr_assert_eq(ebb_share_interval(0, 0, 0.95, &s, &err), 0);
	cr_assert(isnan(s.share) && s.low == 0.0 && s.high == 1.0);
	cr_assert_eq(ebb_share_interval(9, 8, 0.95, &s, &err), EBB_EINVAL);
	cr_assert(err.text[0] != '\0');
	cr_assert_eq(ebb_share_interval(-1, 8, 0.95, &s, &err), EBB_EINVAL);
	cr_assert_eq(ebb_share_interval(1, 8, 1.0, &s, &err), EBB_EINVAL);
	cr_assert(isnan(ebb_binomial_above(1, 5, NAN)) && isnan(ebb_binomial_above(1, -1, 0.5)));
}

Test(binomial, tails)
{
	CLOSE(ebb_coin_p(5, 5), 1.0 / 32, 1e-15);
	CLOSE(ebb_coin_p(7, 8), 0.03515625, 1e-15); /* stats.binom.sf(6, 8, .5) */
	CLOSE(ebb_binomial_above(7, 8, 0.875), 0.7363048195838928, 1e-14); /* sf(6, 8, .875) */
	CLOSE(ebb_coin_p(0, 8), 1.0, 0);
	CLOSE(ebb_coin_p(9, 8), 0.0, 0);
	CLOSE(ebb_coin_p(0, 0), 1.0, 0);
	CLOSE(ebb_binomial_above(1, 4, 0.0), 0.0, 0);
	CLOSE(ebb_binomial_above(4, 4, 1.0), 1.0, 0);
}

/* The interval covers with at least its level, whatever the share: summed over all outcomes. */
Test(binomial, coverage_is_exact)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_share s;

	for (double q = 0.02; q < 1.0; q += 0.0317) {
		double covered = 0.0;

		for (int k = 0; k <= 8; k++) {
			cr_assert_eq(ebb_share_interval(k, 8, 0.95, &s, &err), 0);
			if (s.low <= q && q <= s.high)
				covered += ebb_binomial_above(k, 8, q) -
					   ebb_binomial_above(k + 1, 8, q);
		}
		cr_assert(covered >= 0.95, "q = %g is covered in %g", q, covered);
	}
}
