/*
 * What a paired t test over n seeds can see: its power against an effect of d standard deviations of
 * the paired difference, two-sided at alpha.
 *
 *   T = (Z + d sqrt(n)) / S,  S^2 (n - 1) ~ chi^2(n - 1),  c the quantile of |T| under d = 0
 *   power = P(|T| > c) = E_S [Phi(d sqrt(n) - c S) + Phi(-d sqrt(n) - c S)]
 *
 * (noncentral t: Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 2, chapter 31).
 * The expectation over S is a one-dimensional integral, taken to an absolute error below 1e-8.
 */
#ifndef EBB_ANALYSIS_POWER_H
#define EBB_ANALYSIS_POWER_H

#include "base/err.h"

#define EBB_POWER       0.9    /* asked for where a verdict says how many seeds it needs */
#define EBB_ALPHA       0.05   /* two-sided                                              */
#define EBB_POWER_SEEDS 100000 /* more is not worth a number                           */

/* NaN for n < 2, a NaN effect or alpha outside (0, 1). An infinite effect has power 1. */
int ebb_power_t(double d, int n, double alpha, double *power, struct ebb_err *err);

/* The smallest n >= 2 with at least this power. 0: there is none up to EBB_POWER_SEEDS (d = 0), or d
 * is NaN: nothing can be said. EBB_EINVAL unless alpha < power < 1. */
int ebb_power_seeds(double d, double power, double alpha, int *n, struct ebb_err *err);

/* The smallest effect, in standard deviations of the paired difference, that n seeds see with this
 * power: what N can see. NaN for n < 2. */
int ebb_power_effect(int n, double power, double alpha, double *d, struct ebb_err *err);

#endif
