/*
 * The interquartile mean: mean of the middle half of the values, with fractional weights where a
 * quartile falls inside a value (n / 4 is taken off either end). For n divisible by 4 it is what
 * rliable reports (Agarwal et al., "Deep reinforcement learning at the edge of the statistical
 * precipice", NeurIPS 2021, arXiv:2108.13264, section 4.3: scipy's trim_mean(0.25), which cuts whole
 * values only). Its interval is the percentile bootstrap over seeds (analysis/bootstrap.h): a band
 * to look at, too narrow to decide by at few seeds.
 */
#ifndef EBB_ANALYSIS_ROBUST_H
#define EBB_ANALYSIS_ROBUST_H

#include "base/err.h"

struct ebb_iqm {
	int n;            /* finite values                                        */
	double iqm;       /* NaN for n = 0                                        */
	double low, high; /* EBB_LEVEL; NaN for n < 3, where nothing is trimmed whole */
};

/* NaN and infinite values are skipped. */
int ebb_iqm(const double *value, int n, struct ebb_iqm *out, struct ebb_err *err);

/* The interquartile mean of n >= 1 values in ascending order. */
double ebb_iqm_sorted(const double *sorted, int n);

#endif
