/* The interquartile mean. */
#include <criterion/criterion.h>

#include <math.h>
#include "analysis/bootstrap.h"
#include "analysis/robust.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

Test(robust, by_hand)
{
	double eight[] = {3.1, 0.2, 5.5, 4.4, 9.0, 1.7, 2.6, 40.0};
	double five[] = {1, 2, 3, 4, 100}, two[] = {1, 5};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_iqm m;

	/* scipy 1.10.1: stats.trim_mean(v, .25), which trims the same where 4 divides n */
	cr_assert_eq(ebb_iqm(eight, 8, &m, &err), 0);
	CLOSE(m.iqm, 3.9, 1e-14);
	cr_assert(m.n == 8 && m.low < 3.9 && m.high > 3.9);
	/* n = 5 takes 1.25 off either end: (0.75 x 2 + 3 + 0.75 x 4) / 2.5 = 3 */
	cr_assert_eq(ebb_iqm(five, 5, &m, &err), 0);
	CLOSE(m.iqm, 3.0, 1e-15);
	/* n = 2 keeps half of either */
	cr_assert_eq(ebb_iqm(two, 2, &m, &err), 0);
	CLOSE(m.iqm, 3.0, 1e-15);
	cr_assert(isnan(m.low) && isnan(m.high));
}

Test(robust, one_wild_value_does_not_move_it)
{
	double v[] = {1, 2, 3, 4, 5, 6, 7, 8}, w[] = {1e6, 2, 7, 4, NAN, 3, 5, 6, 1, INFINITY};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_iqm a, b;

	cr_assert_eq(ebb_iqm(v, 8, &a, &err), 0);
	cr_assert_eq(ebb_iqm(w, 10, &b, &err), 0);
	CLOSE(a.iqm, 4.5, 1e-15);
	cr_assert_eq(a.iqm, b.iqm, "8 became 1e6, the order changed, missing values were skipped");
	cr_assert_eq(ebb_iqm(v, 0, &a, &err), 0);
	cr_assert(a.n == 0 && isnan(a.iqm) && isnan(a.low));
}

Test(robust, shifts_and_scales)
{
	double v[] = {0.3, 0.9, 0.1, 0.5, 0.55, 0.62, 0.2}, w[7];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_iqm a, b;

	for (int i = 0; i < 7; i++)
		w[i] = 4.0 * v[i] + 16.0;
	cr_assert_eq(ebb_iqm(v, 7, &a, &err), 0);
	cr_assert_eq(ebb_iqm(w, 7, &b, &err), 0);
	CLOSE(b.iqm, 4 * a.iqm + 16, 1e-13);
	CLOSE(b.low, 4 * a.low + 16, 1e-13);
	CLOSE(b.high, 4 * a.high + 16, 1e-13);
}
