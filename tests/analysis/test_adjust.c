/* Holm's adjustment. */
#include <criterion/criterion.h>

#include <math.h>
#include "analysis/adjust.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

Test(adjust, by_hand)
{
	/* Four p: .01 x 4, .02 x 3, .03 x 2, .5 x 1; .03 x 2 = .06 is not below .02 x 3 = .06. */
	double p[] = {0.03, 0.01, NAN, 0.5, 0.02}, a[5];

	cr_assert_eq(ebb_holm_adjust(p, 5, a), 4);
	CLOSE(a[1], 0.04, 1e-15);
	CLOSE(a[4], 0.06, 1e-15);
	CLOSE(a[0], 0.06, 1e-15);
	CLOSE(a[3], 0.5, 1e-15);
	cr_assert(isnan(a[2]), "what has no p gets none, and does not count");
}

Test(adjust, never_above_one_nor_below_a_smaller_p)
{
	double p[] = {0.2, 0.011, 0.012, 0.9}, a[4];

	ebb_holm_adjust(p, 4, a);
	CLOSE(a[1], 0.044, 1e-15);
	CLOSE(a[2], 0.044, 1e-15); /* 0.012 x 3 = 0.036 would be below */
	CLOSE(a[0], 0.4, 1e-15);
	CLOSE(a[3], 0.9, 1e-15);
	p[0] = p[1] = p[2] = p[3] = 0.6;
	ebb_holm_adjust(p, 4, a);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(a[i], 1.0);
}

Test(adjust, edges_and_in_place)
{
	double p[] = {0.04, 0.04, 0.01}, none[] = {NAN, NAN};

	cr_assert_eq(ebb_holm_adjust(p, 0, p), 0);
	cr_assert_eq(ebb_holm_adjust(none, 2, none), 0);
	cr_assert(isnan(none[0]) && isnan(none[1]));
	cr_assert_eq(ebb_holm_adjust(p, 3, p), 3);
	CLOSE(p[0], 0.08, 1e-15);
	CLOSE(p[1], 0.08, 1e-15);
	CLOSE(p[2], 0.03, 1e-15);
}

/* Order does not matter, and with m tests nothing is adjusted by more than m. */
Test(adjust, permuting_changes_nothing)
{
	for (int trial = 0; trial < 50; trial++) {
		struct ebb_draw d = {.seed = 9, .stream = EBB_STREAM_TEST, .step = (uint32_t)trial};
		double p[12], q[12], a[12], b[12];

		for (int i = 0; i < 12; i++)
			p[i] = ebb_uniform(&d, (uint32_t)i);
		for (int i = 0; i < 12; i++)
			q[(5 * i + trial) % 12] = p[i];
		ebb_holm_adjust(p, 12, a);
		ebb_holm_adjust(q, 12, b);
		for (int i = 0; i < 12; i++) {
			cr_assert_eq(a[i], b[(5 * i + trial) % 12]);
			cr_assert(a[i] >= p[i] && a[i] <= fmin(1.0, 12 * p[i]));
		}
	}
}
