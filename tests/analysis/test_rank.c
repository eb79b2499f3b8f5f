/* Midranks and Spearman. Reference numbers: scipy 1.10.1. */
#include <criterion/criterion.h>

#include <math.h>
#include "analysis/rank.h"
#include "analysis/stat.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.15g is not %.15g", (double)(x), (double)(y))

Test(rank, midranks)
{
	double v[] = {3, NAN, 1, 3, 2, 3, INFINITY}, r[7], ties;
	double expected[] = {4, NAN, 1, 4, 2, 4, 6};

	cr_assert_eq(ebb_rank_mid(v, 7, r, &ties), 6);
	for (int i = 0; i < 7; i++)
		cr_assert(isnan(expected[i]) ? isnan(r[i]) : r[i] == expected[i]);
	cr_assert_eq(ties, 24.0); /* 3^3 - 3 */
	cr_assert_eq(ebb_rank_mid(v, 7, v, NULL), 6);
	cr_assert(v[0] == 4 && isnan(v[1]));
	cr_assert_eq(ebb_rank_mid(v, 0, r, &ties), 0);
}

Test(rank, spearman)
{
	/* stats.spearmanr(x, y), with ties on both sides */
	double x[] = {0.91, 0.42, 0.42, 1.7, 2.2, 0.1, 1.1, 3.0, 2.5, 0.42};
	double y[] = {1.2, 0.9, 0.7, 0.7, 2.0, 0.3, 1.9, 1.4, 2.6, 0.1};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_spearman s;

	cr_assert_eq(ebb_spearman(x, y, 10, &s, &err), 0);
	CLOSE(s.rho, 0.769263543286987, 1e-14);
	CLOSE(s.p, 0.009286299265203635, 1e-12);
	cr_assert(s.n == 10 && isnan(s.p_exact) && isnan(s.low) && s.block == 0);
}

Test(rank, exact_p)
{
	/* all 720 orders of y gone through with spearmanr: 42 with |rho| as large */
	double x[] = {1, 2, 3, 4, 5, 6}, y[] = {2, 1, 4, 3, 6, 5};
	/* ties: 4 of 120 */
	double tx[] = {1, 1, 2, 3, 4}, ty[] = {2, 1, 3, 3, 5};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_spearman s;

	cr_assert_eq(ebb_spearman(x, y, 6, &s, &err), 0);
	CLOSE(s.rho, 0.8285714285714287, 1e-14);
	CLOSE(s.p, 0.04156268221574334, 1e-12);
	CLOSE(s.p_exact, 42.0 / 720, 0);
	cr_assert_eq(ebb_spearman(tx, ty, 5, &s, &err), 0);
	CLOSE(s.rho, 0.9473684210526317, 1e-14);
	CLOSE(s.p_exact, 4.0 / 120, 0);
	/* Three in perfect order are 2 of 6, however sure t is. */
	cr_assert_eq(ebb_spearman(x, x, 3, &s, &err), 0);
	cr_assert(s.rho == 1.0 && s.p == 0.0);
	CLOSE(s.p_exact, 2.0 / 6, 0);
}

Test(rank, edges)
{
	double x[] = {1, 2, NAN, 4, 5}, y[] = {NAN, 5, 5, 5, 5}, z[] = {1, 2, 3, 4, 9};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_spearman s;

	cr_assert_eq(ebb_spearman(x, y, 5, &s, &err), 0);
	cr_assert(s.n == 3 && isnan(s.rho) && isnan(s.p), "one side is constant");
	cr_assert_eq(ebb_spearman(x, z, 2, &s, &err), 0);
	cr_assert(s.n == 2 && isnan(s.rho), "two points are always in order");
	cr_assert_eq(ebb_spearman_blocks(z, x, 5, 6, &s, &err), EBB_EINVAL);
	cr_assert_eq(ebb_spearman_blocks(z, x, 5, 0, &s, &err), EBB_EINVAL);
	cr_assert_eq(ebb_spearman_blocks(z, x, 5, 3, &s, &err), 0);
	cr_assert(s.rho == 1.0 && isnan(s.low), "4 pairs hold no two blocks of 3");
}

Test(rank, what_changes_nothing)
{
	struct ebb_draw d = {.seed = 4, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_spearman a, b, c, e;
	double x[40], y[40], px[40], py[40], mx[40], ny[40];

	for (int i = 0; i < 40; i++) {
		x[i] = ebb_normal(&d, (uint32_t)i);
		y[i] = round(2 * x[i] + 2 * ebb_normal(&d, 100 + (uint32_t)i)); /* with ties */
	}
	for (int i = 0; i < 40; i++) {
		px[i] = x[(7 * i + 3) % 40];
		py[i] = y[(7 * i + 3) % 40];
		mx[i] = exp(x[i]);
		ny[i] = -y[i];
	}
	ebb_spearman(x, y, 40, &a, &err);
	ebb_spearman(px, py, 40, &b, &err);
	ebb_spearman(mx, y, 40, &c, &err);
	ebb_spearman(x, ny, 40, &e, &err);
	cr_assert_eq(a.rho, b.rho, "the order of the pairs");
	cr_assert_eq(a.rho, c.rho, "a rising function of one side");
	cr_assert_eq(a.rho, -e.rho);
	cr_assert_eq(a.p, e.p);
	ebb_spearman(y, x, 40, &b, &err);
	cr_assert_eq(a.rho, b.rho);
}

/*
 * Two AR(1) curves (0.8) of 200 rows that know nothing of each other: the naive p calls them related
 * far too often, the blocks do not pretend to know better than they do. 150 curves; a moving-block
 * interval of 200 rows is known to be too narrow by some, so 80 % is asked for, against less than
 * 75 % of the naive one (nominal: 95).
 */
Test(rank, blocks_know_that_rows_are_related, .timeout = 120)
{
	struct ebb_err err = EBB_ERR_INIT;
	double x[200], y[200];
	int naive = 0, blocks = 0, n = 150;

	for (int e = 0; e < n; e++) {
		struct ebb_draw d = {.seed = 11, .stream = EBB_STREAM_TEST, .step = (uint32_t)e};
		struct ebb_spearman s, again;

		for (int i = 0; i < 200; i++) {
			double u = ebb_normal(&d, (uint32_t)i),
			       v = ebb_normal(&d, 1000 + (uint32_t)i);

			x[i] = i > 0 ? 0.8 * x[i - 1] + 0.6 * u : u;
			y[i] = i > 0 ? 0.8 * y[i - 1] + 0.6 * v : v;
		}
		cr_assert_eq(ebb_spearman_blocks(x, y, 200, 20, &s, &err), 0);
		naive += s.p >= 0.05;
		blocks += s.low <= 0 && 0 <= s.high;
		if (e == 0) {
			ebb_spearman_blocks(x, y, 200, 20, &again, &err);
			cr_assert(s.low == again.low && s.high == again.high, "the same bits");
		}
	}
	cr_assert(naive < 0.75 * n && blocks >= 0.80 * n, "naive %d, blocks %d of %d", naive,
		  blocks, n);
}

/* Blocks of one row are the plain bootstrap: of a strong relation the interval lies near 1 and holds
 * rho itself. */
Test(rank, blocks_of_a_strong_relation)
{
	struct ebb_draw d = {.seed = 12, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_spearman s;
	double x[60], y[60];

	for (int i = 0; i < 60; i++) {
		x[i] = i % 7 == 3 ? NAN : ebb_normal(&d, (uint32_t)i);
		y[i] = x[i] + 0.3 * ebb_normal(&d, 100 + (uint32_t)i);
	}
	cr_assert_eq(ebb_spearman_blocks(x, y, 60, 1, &s, &err), 0);
	cr_assert(s.n == 51 && s.block == 1);
	cr_assert(s.low > 0.8 && s.low < s.rho && s.rho < s.high && s.high < 1.0, "%g [%g, %g]",
		  s.rho, s.low, s.high);
}

Test(rank, block_lengths)
{
	cr_assert_eq(ebb_block_length(1), 1);
	cr_assert_eq(ebb_block_length(8), 2);
	cr_assert_eq(ebb_block_length(9), 3);
	cr_assert_eq(ebb_block_length(120), 5);
	cr_assert_eq(ebb_block_length(0), 1);
}
