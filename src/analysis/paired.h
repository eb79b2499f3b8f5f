/*
 * Paired comparison of two arms that share their seeds: the decision is by the paired t interval;
 * the exact sign-flip test stands beside it from 8 seeds on (with fewer its smallest two-sided p,
 * 2 / 2^n, is above 0.01).
 */
#ifndef EBB_ANALYSIS_PAIRED_H
#define EBB_ANALYSIS_PAIRED_H

#include "base/err.h"

#define EBB_SIGN_FLIP_MIN 8  /* seeds */
#define EBB_SIGN_FLIP_MAX 24 /* seeds: 2^23 sums, a few hundredths of a second */

struct ebb_paired {
	int n;            /* seeds with a value on both sides                                */
	int dropped;      /* seeds with a value on one side only                             */
	double mean, sd;  /* of a - b; NaN for too few pairs                                 */
	double low, high; /* 95 % t interval of the mean difference; NaN for n < 2           */
	double p_t;       /* two-sided; NaN for n < 2; 0 or 1 where all differences are equal */
	double p_sign;    /* exact two-sided sign-flip; NaN outside the range above          */
};

/* a[i] and b[i] belong to seed i; NaN: that side has no value. */
int ebb_paired_test(const double *a, const double *b, int n, struct ebb_paired *out,
		    struct ebb_err *err);

/* Share of the 2^n sign patterns of d whose |sum| is at least the observed one. Any 1 <= n <= 24. */
double ebb_sign_flip_p(const double *d, int n);

#endif
