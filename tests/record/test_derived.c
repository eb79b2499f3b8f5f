/* pass@K from outcomes: exact fractions, by formula and by counting subsets. */
#include <criterion/criterion.h>
#include <math.h>
#include "record/derived.h"

/* Subsets of size K of n samples that hold one of the first `right`, over all subsets of size K. */
static double by_counting(int right, int n, int K)
{
	int all = 0, good = 0;

	for (unsigned s = 0; s < 1u << n; s++) {
		if (__builtin_popcount(s) != K)
			continue;
		all++;
		good += (s & ((1u << right) - 1)) != 0;
	}
	return (double)good / all;
}

Test(derived, pass_at_k_is_the_share_of_subsets)
{
	for (int n = 1; n <= 10; n++)
		for (int right = 0; right <= n; right++)
			for (int K = 1; K <= n; K++)
				cr_expect_float_eq(ebb_pass_at(right, n, K),
						   by_counting(right, n, K), 1e-14,
						   "%d of %d, K %d", right, n, K);
}

Test(derived, pass_at_k_at_its_ends)
{
	cr_expect_eq(ebb_pass_at(0, 8, 4), 0.0);
	cr_expect_eq(ebb_pass_at(8, 8, 1), 1.0);
	cr_expect_eq(ebb_pass_at(1, 8, 8), 1.0);
	cr_expect_eq(ebb_pass_at(5, 8, 4), 1.0, "only three are wrong");
	cr_expect_eq(ebb_pass_at(3, 8, 1), 0.375);
	cr_expect_float_eq(ebb_pass_at(2, 8, 4), 1 - 15.0 / 70.0, 1e-15);
	cr_expect(isnan(ebb_pass_at(1, 8, 9)));
	cr_expect(isnan(ebb_pass_at(1, 8, 0)));
	/* 1 - C(1000, 512) / C(1024, 512), whose binomials overflow a double */
	cr_expect_float_eq(ebb_pass_at(24, 1024, 512), 1 - 4.5233870e-8, 1e-14);
	cr_expect_float_eq(ebb_pass_at(1, 1024, 512), 0.5, 1e-12);
}
