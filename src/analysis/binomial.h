/*
 * How many of n seeds: the interval of a share and the coin test. Everything is exact; nothing here
 * takes the binomial for a normal distribution, which is wrong at n = 8.
 */
#ifndef EBB_ANALYSIS_BINOMIAL_H
#define EBB_ANALYSIS_BINOMIAL_H

#include "base/err.h"

struct ebb_share {
	int k, n;
	double share;     /* k / n; NaN for n = 0            */
	double low, high; /* of the share; 0 and 1 for n = 0 */
};

/* Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934) 404: the
 * interval that covers with at least this level, quantiles of beta(k, n - k + 1) and
 * beta(k + 1, n - k). EBB_EINVAL unless 0 <= k <= n and 0 < level < 1. */
int ebb_share_interval(int k, int n, double level, struct ebb_share *out, struct ebb_err *err);

/* P(X >= k) for X ~ binomial(n, q): the one-sided p of "the share is above q". 1 for k <= 0, 0 for
 * k > n; NaN for n < 0 or q outside [0, 1]. */
double ebb_binomial_above(int k, int n, double q);

/* The one-sided sign ("coin") test: P(at least k heads of n fair coins). 5 of 5: 1/32. */
double ebb_coin_p(int k, int n);

#endif
