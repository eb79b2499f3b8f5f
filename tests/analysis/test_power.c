/* Power of the paired t test. Reference numbers: scipy 1.10.1, c = t.ppf(.975, n - 1),
 * nct.sf(c, n - 1, d sqrt(n)) + nct.cdf(-c, n - 1, d sqrt(n)). */
#include <criterion/criterion.h>

#include <math.h>
#include "analysis/paired.h"
#include "analysis/power.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

Test(power, noncentral_t)
{
	static const struct {
		double d;
		int n;
		double power;
	} row[] = {
		{1.0, 8, 0.680833958386018},     {0.5, 8, 0.23207700477075255},
		{1.5, 3, 0.3163818615413738},    {0.8, 16, 0.8484218102634471},
		{0.1, 1000, 0.8847890988907141}, {3.0, 2, 0.26077071422405057},
		{12.0, 2, 0.8169738132583527},   {0.0, 5, 0.05},
	};
	struct ebb_err err = EBB_ERR_INIT;
	double power, mirror;

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		cr_assert_eq(ebb_power_t(row[i].d, row[i].n, 0.05, &power, &err), 0, "%s",
			     err.text);
		CLOSE(power, row[i].power, 1e-8);
		ebb_power_t(-row[i].d, row[i].n, 0.05, &mirror, &err);
		CLOSE(mirror, power, 0);
	}
}

Test(power, seeds_for_nine_in_ten)
{
	/* the smallest n with the power above, found by counting up from 2 */
	static const struct {
		double d;
		int n;
	} row[] = {{2.0, 5}, {1.0, 13}, {0.5, 44}, {-0.5, 44}, {0.2, 265}, {0.05, 4205}};
	struct ebb_err err = EBB_ERR_INIT;
	int n;

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		cr_assert_eq(ebb_power_seeds(row[i].d, EBB_POWER, EBB_ALPHA, &n, &err), 0);
		cr_assert_eq(n, row[i].n, "d = %g: %d", row[i].d, n);
	}
	cr_assert_eq(ebb_power_seeds(INFINITY, EBB_POWER, EBB_ALPHA, &n, &err), 0);
	cr_assert_eq(n, 2);
}

Test(power, what_cannot_be_said)
{
	struct ebb_err err = EBB_ERR_INIT;
	double power;
	int n = 7;

	cr_assert_eq(ebb_power_t(1.0, 1, 0.05, &power, &err), 0);
	cr_assert(isnan(power), "one seed has no test");
	cr_assert_eq(ebb_power_t(NAN, 8, 0.05, &power, &err), 0);
	cr_assert(isnan(power));
	cr_assert_eq(ebb_power_t(1.0, 8, 1.0, &power, &err), 0);
	cr_assert(isnan(power));
	cr_assert_eq(ebb_power_seeds(0.0, EBB_POWER, EBB_ALPHA, &n, &err), 0);
	cr_assert_eq(n, 0, "no number of seeds sees nothing");
	cr_assert_eq(ebb_power_seeds(NAN, EBB_POWER, EBB_ALPHA, &n, &err), 0);
	cr_assert_eq(n, 0);
	cr_assert_eq(ebb_power_seeds(1e-4, EBB_POWER, EBB_ALPHA, &n, &err), 0, "%s", err.text);
	cr_assert_eq(n, 0, "more than is worth a number");
	cr_assert_eq(ebb_power_seeds(1.0, 1.0, EBB_ALPHA, &n, &err), EBB_EINVAL);
	cr_assert_eq(ebb_power_seeds(1.0, 0.01, EBB_ALPHA, &n, &err), EBB_EINVAL);
}

Test(power, effect_is_the_inverse)
{
	struct ebb_err err = EBB_ERR_INIT;
	double d, power, last = INFINITY;

	for (int n = 2; n <= 40; n++) {
		cr_assert_eq(ebb_power_effect(n, 0.9, 0.05, &d, &err), 0);
		cr_assert_eq(ebb_power_t(d, n, 0.05, &power, &err), 0);
		CLOSE(power, 0.9, 1e-8);
		cr_assert(d < last, "more seeds see less");
		last = d;
	}
	cr_assert_eq(ebb_power_effect(1, 0.9, 0.05, &d, &err), 0);
	cr_assert(isnan(d));
	cr_assert_eq(ebb_power_effect(8, 0.9, 0.95, &d, &err), EBB_EINVAL);
}

/* The test whose power this is rejects as often as it says: 4000 experiments, four binomial standard
 * errors either side. */
Test(power, is_that_of_the_paired_test)
{
	struct ebb_err err = EBB_ERR_INIT;
	double a[6], zero[6] = {0}, power;
	int hits = 0;

	for (int e = 0; e < 4000; e++) {
		struct ebb_draw k = {.seed = 77, .stream = EBB_STREAM_TEST, .step = (uint32_t)e};
		struct ebb_paired p;

		for (int i = 0; i < 6; i++)
			a[i] = 1.2 + ebb_normal(&k, (uint32_t)i);
		cr_assert_eq(ebb_paired_test(a, zero, 6, &p, &err), 0);
		hits += p.p_t < 0.05;
	}
	cr_assert_eq(ebb_power_t(1.2, 6, 0.05, &power, &err), 0);
	CLOSE(hits / 4000.0, power, 4 * sqrt(power * (1 - power) / 4000));
}
