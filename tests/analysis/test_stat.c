/* Summaries, Student's t, paired tests, the sign-flip test: against numbers worked out elsewhere. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>
#include "analysis/paired.h"
#include "analysis/stat.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

Test(stat, summary_by_hand)
{
	/* mean 3, sum of squares about it 10, sd sqrt(10/4); t(0.975, 4) = 2.776445105 (tables), so
	 * half width = 2.776445105 * sqrt(2.5) / sqrt(5) = 1.963243161. */
	double v[] = {1, 2, 3, 4, 5};
	struct ebb_summary s;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_summarise(v, 5, &s, &err), 0);
	cr_assert_eq(s.n, 5);
	CLOSE(s.mean, 3.0, 1e-15);
	CLOSE(s.sd, 1.5811388300841898, 1e-14);
	CLOSE(s.low, 3.0 - 1.963243161, 1e-8);
	CLOSE(s.high, 3.0 + 1.963243161, 1e-8);
}

Test(stat, missing_values_are_skipped_and_one_has_no_interval)
{
	double v[] = {NAN, 2, NAN, INFINITY}, none[] = {NAN};
	struct ebb_summary s;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_summarise(v, 4, &s, &err), 0);
	cr_assert_eq(s.n, 1);
	cr_assert_eq(s.mean, 2.0);
	cr_assert(isnan(s.sd) && isnan(s.low) && isnan(s.high));
	cr_assert_eq(ebb_summarise(none, 1, &s, &err), 0);
	cr_assert(s.n == 0 && isnan(s.mean));
}

Test(stat, t_quantiles_from_tables)
{
	static const struct {
		double df, t;
	} row[] = {{1, 12.70620474}, {2, 4.30265273}, {7, 2.36462425}, {30, 2.04227246}};
	struct ebb_err err = EBB_ERR_INIT;
	double t;

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		cr_assert_eq(ebb_t_quantile(0.95, row[i].df, &t, &err), 0);
		CLOSE(t, row[i].t, 1e-7);
		CLOSE(ebb_t_p(t, row[i].df), 0.05, 1e-10);
	}
	/* df = 1 is Cauchy: P(|t| > 1) = 1/2 exactly. */
	CLOSE(ebb_t_p(-1.0, 1), 0.5, 1e-14);
	/* df = 2: P(|t| > x) = 1 - x / sqrt(2 + x^2). */
	CLOSE(ebb_t_p(2.0, 2), 1.0 - 2.0 / sqrt(6.0), 1e-14);
}

Test(stat, bad_arguments_are_errors_not_aborts)
{
	struct ebb_err err = EBB_ERR_INIT;
	double t;

	cr_assert_eq(ebb_t_quantile(0.95, 0, &t, &err), EBB_EINVAL);
	cr_assert(err.text[0] != '\0');
	cr_assert_eq(ebb_t_quantile(1.0, 3, &t, &err), EBB_EINVAL);
	cr_assert_eq(ebb_gsl_check(0, "x", &err), 0);
	cr_assert_eq(ebb_gsl_check(8, "x", &err), EBB_ENOMEM); /* GSL_ENOMEM */
	cr_assert_eq(ebb_gsl_check(4, "x", &err), EBB_EINVAL); /* GSL_EINVAL */
	cr_assert_eq(ebb_gsl_check(7, "x", &err), EBB_ENUMERIC);
}

Test(stat, final_value_is_the_mean_of_the_last_tenth)
{
	double v[30], few[] = {1, 2, 9};

	for (int i = 0; i < 30; i++)
		v[i] = i;
	CLOSE(ebb_final_value(v, 30), 28.0, 0); /* rows 27, 28, 29 */
	v[28] = NAN;
	CLOSE(ebb_final_value(v, 30), 28.0, 0); /* rows 27 and 29 */
	CLOSE(ebb_final_value(few, 3), 9.0, 0); /* at least one row */
	CLOSE(ebb_final_value(v, 19), 18.0, 0);
	CLOSE(ebb_final_value(v, 7), 6.0, 0); /* a tenth of seven rows is none: the last */
	few[2] = NAN; /* not measured there: the last row that was */
	CLOSE(ebb_final_value(few, 3), 2.0, 0);
	for (int i = 0; i < 30; i++) /* measured at every tenth row only */
		v[i] = i % 10 == 0 ? i : NAN;
	CLOSE(ebb_final_value(v, 30), 20.0, 0);
	few[0] = few[1] = NAN;
	cr_assert(isnan(ebb_final_value(few, 3)));
	cr_assert(isnan(ebb_final_value(few, 0)));
}

Test(paired, by_hand)
{
	/* d = 1, 2, 3: mean 2, sd 1, t = 2 sqrt(3), df 2: p = 1 - t / sqrt(2 + t^2) = 1 - sqrt(12/14);
	 * interval 2 -+ 4.302652730 / sqrt(3). The fourth seed lacks a partner, the fifth both. */
	double a[] = {2, 4, 6, 8, NAN}, b[] = {1, 2, 3, NAN, NAN};
	struct ebb_paired p;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_paired_test(a, b, 5, &p, &err), 0);
	cr_assert_eq(p.n, 3);
	cr_assert_eq(p.dropped, 1);
	CLOSE(p.mean, 2.0, 1e-15);
	CLOSE(p.sd, 1.0, 1e-15);
	CLOSE(p.p_t, 1.0 - sqrt(12.0 / 14.0), 1e-14);
	CLOSE(p.low, 2.0 - 4.30265273 / sqrt(3.0), 1e-8);
	CLOSE(p.high, 2.0 + 4.30265273 / sqrt(3.0), 1e-8);
	cr_assert(isnan(p.p_sign), "three pairs are too few for the sign-flip test");
}

Test(paired, edges)
{
	double a[] = {1, 1, 1}, b[] = {1, 1, 1}, c[] = {0, 0, 0};
	struct ebb_paired p;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_paired_test(a, b, 3, &p, &err), 0);
	cr_assert(p.mean == 0.0 && p.p_t == 1.0);
	cr_assert_eq(ebb_paired_test(a, c, 3, &p, &err), 0);
	cr_assert(p.mean == 1.0 && p.p_t == 0.0 && p.low == 1.0 && p.high == 1.0);
	cr_assert_eq(ebb_paired_test(a, c, 1, &p, &err), 0);
	cr_assert(p.n == 1 && p.mean == 1.0 && isnan(p.low) && isnan(p.p_t));
	cr_assert_eq(ebb_paired_test(a, c, 0, &p, &err), 0);
	cr_assert(p.n == 0 && isnan(p.mean));
}

/* All 2^n sign patterns, the slow plain way. */
static double enumerate(const double *d, int n)
{
	double observed = 0, sum;
	int extreme = 0;

	for (int i = 0; i < n; i++)
		observed += d[i];
	for (int mask = 0; mask < 1 << n; mask++) {
		sum = 0;
		for (int i = 0; i < n; i++)
			sum += mask >> i & 1 ? -d[i] : d[i];
		extreme += fabs(sum) >= fabs(observed) - 1e-12;
	}
	return (double)extreme / (1 << n);
}

Test(paired, sign_flip_is_exact)
{
	double d[10], same[] = {1, 1, 1, 1, 1, 1, 1, 1}, mixed[] = {3, -1, 2};
	double seven[] = {0.1, 0.2, 0.3, 0.1,
			  0.2, 0.3, 0.1, 0.2}; /* sums that tie, inexact in binary */

	/* All of one sign: only the observed pattern and its mirror are as extreme. */
	CLOSE(ebb_sign_flip_p(same, 8), 2.0 / 256, 0);
	/* |+-3 +-1 +-2|: 6 6 4 4 2 2 0 0; observed 4: patterns with at least 4 are 4 of 8. */
	CLOSE(ebb_sign_flip_p(mixed, 3), 0.5, 0);
	CLOSE(ebb_sign_flip_p(mixed, 1), 1.0, 0);
	for (int trial = 0; trial < 20; trial++) {
		struct ebb_draw k = {.seed = 5, .stream = EBB_STREAM_TEST, .step = (uint32_t)trial};

		for (int i = 0; i < 10; i++)
			d[i] = ebb_normal(&k, (uint32_t)i) + 0.3;
		CLOSE(ebb_sign_flip_p(d, 10), enumerate(d, 10), 0);
	}
	seven[1] = -0.2;
	CLOSE(ebb_sign_flip_p(seven, 8), enumerate(seven, 8), 0);
}

Test(paired, sign_flip_begins_at_eight_seeds)
{
	double a[25], b[25] = {0};
	struct ebb_paired p;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 25; i++)
		a[i] = 1 + 0.01 * i;
	cr_assert_eq(ebb_paired_test(a, b, 7, &p, &err), 0);
	cr_assert(isnan(p.p_sign));
	cr_assert_eq(ebb_paired_test(a, b, 8, &p, &err), 0);
	CLOSE(p.p_sign, 2.0 / 256, 0);
	cr_assert_eq(ebb_paired_test(a, b, 25, &p, &err), 0);
	cr_assert(isnan(p.p_sign), "beyond 24 seeds the enumeration is left out");
}

/* The 95 % interval of a paired normal difference covers the truth in 95 % of 4000 experiments:
 * binomial standard error 0.0034, so four of them either side. */
Test(paired, coverage, .timeout = 60)
{
	struct ebb_err err = EBB_ERR_INIT;
	double a[5], b[5];
	int covered = 0, rejected = 0;

	for (int e = 0; e < 4000; e++) {
		struct ebb_draw k = {.seed = 2024, .stream = EBB_STREAM_TEST, .step = (uint32_t)e};
		struct ebb_paired p;

		for (int i = 0; i < 5; i++) {
			double shared = ebb_normal(&k, (uint32_t)i);

			a[i] = shared + 0.5 * ebb_normal(&k, 10 + (uint32_t)i) + 0.25;
			b[i] = shared + 0.5 * ebb_normal(&k, 20 + (uint32_t)i);
		}
		cr_assert_eq(ebb_paired_test(a, b, 5, &p, &err), 0);
		covered += p.low <= 0.25 && 0.25 <= p.high;
		/* The interval and the p-value are one decision. */
		rejected += (p.p_t < 0.05) != (p.low > 0 || p.high < 0);
	}
	cr_assert_eq(rejected, 0);
	cr_assert(abs(covered - 3800) <= 55, "covered %d of 4000", covered);
}
