/*
 * Do several arms follow one law R = -a exp(H) + b (analysis/fit.h), whatever their algorithm (EI 3.5
 * claim 3)? One (a, b) for all points against one for each arm, by how much the separate ones fit
 * better. What that is worth without a difference is seen by dealing the labels of the arms anew
 * inside each seed, whose trials share base policy and questions. Absence of significance alone is no
 * support: the spread of the arms' ceilings stands beside it.
 */
#ifndef EBB_ANALYSIS_FIT_COMMON_H
#define EBB_ANALYSIS_FIT_COMMON_H

#include "analysis/fit.h"

struct ebb_common_trial {
	int arm, seed; /* arms 0 .. n_arms - 1 */
	struct ebb_law_data data;
};

struct ebb_common {
	int n_arms, n_trials, n_points;
	double a, b, ceiling;            /* the one law                                      */
	double *arm_a, *arm_b;           /* a law each                          (n_arms)     */
	double sse_common, sse_separate; /* sums of squared errors                           */
	double f;      /* (common - separate) / (2 arms - 2) over separate / (points - 2 arms)  */
	double p;      /* share of the dealings with at least this F, the observed one counted  */
	int dealings;  /* 0: no seed has trials of two arms, and no p                           */
	double spread; /* largest ceiling less the smallest                                     */
};

/* EBB_EINVAL below two arms with points whose exp(H) differ. Release is safe when zero. */
int ebb_common_fit(const struct ebb_common_trial *trial, int n_trials, int n_arms,
		   struct ebb_common *out, struct ebb_err *err);
void ebb_common_release(struct ebb_common *c);

#endif
