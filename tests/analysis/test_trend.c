/* Page's L and Jonckheere's J. Reference numbers: scipy 1.10.1, or all orders gone through. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>
#include "analysis/trend.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.15g is not %.15g", (double)(x), (double)(y))

/* clang-format off */
static const double teaching[10 * 3] = { /* the example of scipy.stats.page_trend_test: with ties */
	3, 4, 3,  2, 2, 4,  3, 3, 5,  1, 3, 2,  2, 3, 2,
	2, 4, 5,  1, 2, 4,  3, 4, 4,  2, 4, 5,  1, 3, 4};
static const double noise[8 * 5] = {
	8.11, 1.25, 2.59, 3.56, 3.41,  8.01, 9.09, 6.62, 1.59, 2.54,  3.32, 4.73, 7.01, 5.99, 4.24,
	1.59, 7.31, 8.14, 1.52, 2.73,  4.52, 4.31, 9.67, 6.36, 5.80,  4.30, 7.06, 6.66, 2.92, 8.97,
	7.56, 9.96, 8.66, 4.04, 4.79,  6.48, 6.90, 7.76, 9.89, 4.52};
/* clang-format on */

Test(trend, page_without_ties)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t, back;
	double reversed[8 * 5];

	/* page_trend_test(A, method='exact') and 'asymptotic'; and of A[:, ::-1] */
	cr_assert_eq(ebb_trend_page(noise, 8, 5, &t, &err), 0);
	CLOSE(t.statistic, 355.0, 0);
	CLOSE(t.expected, 360.0, 0);
	CLOSE(t.p_grows, 0.6493439446524623, 1e-12);
	CLOSE(t.p_falls, 0.3768594405928084, 1e-12);
	CLOSE(t.p, 2 * 0.3768594405928084, 1e-12);
	CLOSE(t.p_normal, 2 * (1 - 0.6381631950841185), 1e-12);
	cr_assert(t.n == 8 && t.k == 5 && t.dropped == 0 && t.way == EBB_TREND_EXACT);
	CLOSE(t.size, -5.0 / 80, 1e-15);
	for (int s = 0; s < 8; s++)
		for (int j = 0; j < 5; j++)
			reversed[s * 5 + j] = noise[s * 5 + 4 - j];
	cr_assert_eq(ebb_trend_page(reversed, 8, 5, &back, &err), 0);
	CLOSE(back.p_grows, t.p_falls, 1e-15);
	CLOSE(back.size, -t.size, 1e-15);
	CLOSE(back.z, -t.z, 1e-14);
}

Test(trend, page_with_ties)
{
	/* All 216 orders of these three rows: 12 with L >= 40, mean 36, variance 5. */
	double v[] = {1, 1, 2, 1, 2, 2, 0, 3, 1};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	cr_assert_eq(ebb_trend_page(v, 3, 3, &t, &err), 0);
	CLOSE(t.statistic, 40.0, 0);
	CLOSE(t.expected, 36.0, 1e-13);
	CLOSE(t.variance, 5.0, 1e-13);
	CLOSE(t.p_grows, 12.0 / 216, 1e-14);
	CLOSE(t.p_falls, 212.0 / 216, 1e-14);
	CLOSE(t.p, 24.0 / 216, 1e-14);
	/* scipy: L = 133.5; its exact p, 0.00182, takes ranks as if they were not tied */
	cr_assert_eq(ebb_trend_page(teaching, 10, 3, &t, &err), 0);
	CLOSE(t.statistic, 133.5, 0);
	cr_assert(t.p_grows < 0.00182 && t.p_grows > 1e-4 && t.size > 0.6, "%g", t.p_grows);
}

Test(trend, page_perfect_order)
{
	double v[2 * 3] = {1, 2, 3, 10, 20, 30}, five[5 * 4];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	cr_assert_eq(ebb_trend_page(v, 2, 3, &t, &err), 0);
	CLOSE(t.p_grows, 1.0 / 36, 1e-15);
	CLOSE(t.size, 1.0, 1e-15);
	for (int i = 0; i < 20; i++)
		five[i] = -i % 4;
	cr_assert_eq(ebb_trend_page(five, 5, 4, &t, &err), 0);
	CLOSE(t.p_falls, pow(24, -5), 1e-20);
	CLOSE(t.size, -1.0, 1e-15);
	/* one seed of three arms cannot say much, and says so */
	cr_assert_eq(ebb_trend_page(v, 1, 3, &t, &err), 0);
	CLOSE(t.p, 2.0 / 6, 1e-15);
}

Test(trend, page_edges)
{
	double v[] = {1, 2, 3, 4, NAN, 6, 2, 1, 3}, same[] = {5, 5, 5, 5, 5, 5}, big[40 * 3];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	cr_assert_eq(ebb_trend_page(v, 3, 3, &t, &err), 0);
	cr_assert(t.n == 2 && t.dropped == 1);
	CLOSE(t.statistic, 14 + 13, 0);
	cr_assert_eq(ebb_trend_page(same, 2, 3, &t, &err), 0);
	cr_assert(isnan(t.p) && isnan(t.z) && t.size == 0.0, "all equal: nothing to order");
	cr_assert_eq(ebb_trend_page(v, 3, 1, &t, &err), 0);
	cr_assert(isnan(t.p) && isnan(t.statistic));
	cr_assert_eq(ebb_trend_page(v, 0, 3, &t, &err), 0);
	cr_assert(t.n == 0 && isnan(t.p) && isnan(t.statistic));
	for (int i = 0; i < 120; i++)
		big[i] = (i * 37) % 101;
	cr_assert_eq(ebb_trend_page(big, 40, 3, &t, &err), 0);
	cr_assert(t.way == EBB_TREND_NORMAL && t.p == t.p_normal, "40 seeds: not counted");
	cr_assert_str_eq(ebb_trend_way_word(t.way), "normal approximation");
	cr_assert_eq(ebb_trend_page(big, 32, 3, &t, &err), 0);
	cr_assert(t.way == EBB_TREND_EXACT);
	CLOSE(t.p, t.p_normal, 0.1);
}

Test(trend, page_cares_for_nothing_but_order_within_a_seed)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend a, b;
	double v[8 * 5];

	for (int s = 0; s < 8; s++) /* other order of seeds, other level and scale of each */
		for (int j = 0; j < 5; j++)
			v[(3 * s + 1) % 8 * 5 + j] = exp(noise[s * 5 + j] / (s + 2)) - 7 * s;
	cr_assert_eq(ebb_trend_page(noise, 8, 5, &a, &err), 0);
	cr_assert_eq(ebb_trend_page(v, 8, 5, &b, &err), 0);
	cr_assert(a.statistic == b.statistic && a.p == b.p && a.size == b.size);
}

/* The largest exact case: 32 seeds of 10 arms, near its normal law. */
Test(trend, page_at_its_limits)
{
	static double v[32 * 10];
	struct ebb_draw d = {.seed = 6, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	for (int i = 0; i < 320; i++)
		v[i] = 0.04 * (i % 10) + ebb_normal(&d, (uint32_t)i);
	cr_assert_eq(ebb_trend_page(v, 32, 10, &t, &err), 0);
	cr_assert(t.way == EBB_TREND_EXACT);
	CLOSE(t.p / t.p_normal, 1.0, 0.1);
}

Test(trend, jonckheere_without_ties)
{
	/* All 1680 ways to deal these nine values to three groups of three: 62 with J >= 22,
	 * mean 13.5, variance 20.25. */
	double v[] = {1.3, 2.1, 0.7, 3.3, 2.2, 4.0, 4.4, 5.0, 1.0};
	int g[] = {0, 0, 0, 1, 1, 1, 2, 2, 2};
	/* stats.mannwhitneyu(b, a, method='exact', alternative='greater'): 52, .01896 */
	double ab[] = {1.1, 2.2, 3.3, 0.4, 5.5, 6.1, 2.9, 0.3,
		       2.5, 4.4, 7.7, 8.8, 3.1, 9.0, 5.9, 4.1};
	int two[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	cr_assert_eq(ebb_trend_jonckheere(v, g, 9, 3, &t, &err), 0);
	CLOSE(t.statistic, 22.0, 0);
	CLOSE(t.expected, 13.5, 1e-14);
	CLOSE(t.variance, 20.25, 1e-13);
	CLOSE(t.p_grows, 62.0 / 1680, 1e-14);
	CLOSE(t.p_falls, 1645.0 / 1680, 1e-14);
	CLOSE(t.size, 2 * 22.0 / 27 - 1, 1e-15);
	cr_assert(t.way == EBB_TREND_EXACT && t.n == 9 && t.k == 3);
	cr_assert_eq(ebb_trend_jonckheere(ab, two, 16, 2, &t, &err), 0);
	CLOSE(t.statistic, 52.0, 0);
	CLOSE(t.p_grows, 0.018958818958818957, 1e-14);
	CLOSE(t.p, 0.037917637917637914, 1e-14);
}

Test(trend, jonckheere_with_ties)
{
	/* All 1680 ways: 137 with J >= 20, 1585 with J <= 20, variance 19.151785714285715. */
	double v[] = {1, 2, 2, 3, 2, 4, 4, 5, 1};
	int g[] = {0, 0, 0, 1, 1, 1, 2, 2, 2};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	cr_assert_eq(ebb_trend_jonckheere(v, g, 9, 3, &t, &err), 0);
	CLOSE(t.statistic, 20.0, 0);
	CLOSE(t.variance, 19.151785714285715, 1e-12);
	CLOSE(t.p_grows, 137.0 / 1680, 1e-14);
	CLOSE(t.p_falls, 1585.0 / 1680, 1e-14);
	cr_assert_eq(t.way, EBB_TREND_EXACT);
}

Test(trend, jonckheere_ways_agree)
{
	double v[40], tied[40], p;
	int g[40];
	struct ebb_draw d = {.seed = 8, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend exact, drawn, again, t;
	static double many[200];
	static int of[200];

	for (int i = 0; i < 40; i++) {
		g[i] = i / 8;
		v[i] = ebb_normal(&d, (uint32_t)i) + 0.2 * g[i];
		tied[i] = v[i];
	}
	tied[39] = tied[38]; /* one tie: the law is hardly another, the way is */
	cr_assert_eq(ebb_trend_jonckheere(v, g, 40, 5, &exact, &err), 0);
	cr_assert_eq(exact.way, EBB_TREND_EXACT);
	cr_assert_eq(ebb_trend_jonckheere(tied, g, 40, 5, &drawn, &err), 0);
	cr_assert_eq(drawn.way, EBB_TREND_DRAWN);
	p = fmin(drawn.p_grows, drawn.p_falls);
	CLOSE(drawn.p, drawn.p_normal, 0.02 + 8 * sqrt(p * (1 - p) / 10000));
	CLOSE(exact.p, exact.p_normal, 0.02);
	ebb_trend_jonckheere(tied, g, 40, 5, &again, &err);
	cr_assert_eq(again.p, drawn.p, "the same draws");
	for (int i = 0; i < 200; i++) {
		of[i] = i % 4;
		many[i] = ebb_normal(&d, 1000 + (uint32_t)i);
	}
	cr_assert_eq(ebb_trend_jonckheere(many, of, 200, 4, &t, &err), 0);
	cr_assert_eq(t.way, EBB_TREND_NORMAL);
	cr_assert(t.p > 0 && t.p <= 1);
}

Test(trend, jonckheere_edges)
{
	double v[] = {1, 2, NAN, 4}, same[] = {3, 3, 3, 3};
	int g[] = {0, 0, 2, 2}, bad[] = {0, 1, 2, 3}, one[] = {1, 1, 1, 1};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trend t;

	cr_assert_eq(ebb_trend_jonckheere(v, g, 4, 3, &t, &err), 0);
	cr_assert(t.n == 3 && t.dropped == 1 && t.k == 2 && t.statistic == 2.0);
	CLOSE(t.p_grows, 1.0 / 3, 1e-15);
	cr_assert_eq(ebb_trend_jonckheere(same, g, 4, 3, &t, &err), 0);
	cr_assert(isnan(t.p) && t.size == 0.0);
	cr_assert_eq(ebb_trend_jonckheere(v, one, 4, 3, &t, &err), 0);
	cr_assert(isnan(t.p) && t.k == 1);
	cr_assert_eq(ebb_trend_jonckheere(v, bad, 4, 3, &t, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "group 3") != NULL, "%s", err.text);
	cr_assert_eq(ebb_trend_jonckheere(v, g, 0, 3, &t, &err), 0);
	cr_assert(t.n == 0 && isnan(t.p));
}

/* Under no trend the two-sided exact p is below 0.05 at most 5 % of the time. */
Test(trend, false_alarms)
{
	struct ebb_err err = EBB_ERR_INIT;
	int page = 0, jonckheere = 0, g[24];
	double v[24];

	for (int e = 0; e < 2000; e++) {
		struct ebb_draw d = {.seed = 31, .stream = EBB_STREAM_TEST, .step = (uint32_t)e};
		struct ebb_trend t;

		for (int i = 0; i < 24; i++) {
			g[i] = i % 4;
			v[i] = ebb_normal(&d, (uint32_t)i);
		}
		cr_assert_eq(ebb_trend_page(v, 6, 4, &t, &err), 0);
		page += t.p < 0.05;
		cr_assert_eq(ebb_trend_jonckheere(v, g, 24, 4, &t, &err), 0);
		jonckheere += t.p < 0.05;
	}
	/* binomial standard error 9.7 */
	cr_assert(page <= 100 + 30 && page >= 50, "Page: %d of 2000", page);
	cr_assert(jonckheere <= 100 + 30 && jonckheere >= 50, "Jonckheere: %d of 2000", jonckheere);
}
