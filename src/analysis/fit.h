/*
 * The law R = -a exp(H) + b of Cui et al. 2025 (arXiv:2505.22617): accuracy against policy entropy
 * along one run, by ordinary least squares on x = exp(H), with its simplest rival, a line in H,
 * always beside it. Standard errors treat points as independent and so ignore the autocorrelation
 * along a run: the interval of the coefficients over seeds is the one to trust.
 */
#ifndef EBB_ANALYSIS_FIT_H
#define EBB_ANALYSIS_FIT_H

#include <stdbool.h>
#include <stdint.h>
#include "analysis/stat.h"
#include "record/record.h"

/* Below this range of exp(H) the slope is not identified and nothing is reported. */
#define EBB_LAW_MIN_RANGE 0.05

/* y = intercept + slope x. */
struct ebb_line {
	int n;
	double slope, intercept;
	double var_slope, var_intercept, cov; /* with s2 = SSE / (n - 2); NaN for n < 3       */
	double r2;                            /* NaN where y does not vary                    */
	double rmse;                          /* sqrt(SSE / n)                                */
	double aicc;                          /* three parameters with the noise; NaN for n < 5 */
};

int ebb_line_fit(const double *x, const double *y, int n, struct ebb_line *out,
		 struct ebb_err *err);

struct ebb_law {
	int n;                   /* points                                                    */
	bool insufficient_range; /* exp(H) spans less than EBB_LAW_MIN_RANGE: all below is NaN */
	double a, b, ceiling;    /* ceiling = b - a, accuracy at H = 0                        */
	double se_a, se_b, se_ceiling;
	double r2, rmse, aicc;
	struct ebb_line linear; /* the rival, R against H                                    */
	double last_excess;     /* R at the last point minus the ceiling: above 0 it was broken */

	/* Fit on the first n_early points, prediction of the later ones from their own H. */
	int n_early; /* 0: too few points or too little range for an early fit      */
	double early_a, early_b, early_ceiling, early_se_ceiling;
	double early_rmse, early_last; /* over predicted points; |error| at the last */
	double early_linear_rmse, early_linear_last; /* the same of the rival        */
};

/* H in nats and R in [0, 1], in order of training. n_early: 0 takes the first half, rounded up. At
 * least 3 finite pairs, else EBB_EINVAL; pairs with a NaN are left out. */
int ebb_law_fit(const double *H, const double *R, int n, int n_early, struct ebb_law *out,
		struct ebb_err *err);

/* Pairs of one trial: H[i] is the entropy of the training step nearest below evaluation i, or of
 * the first step for an evaluation before it. Rows without either value are left out. Returns the
 * number of pairs; H, R, step have room for n_eval. */
int ebb_law_pairs(const double *eval_step, const double *accuracy, int64_t n_eval,
		  const double *step, const double *entropy, int64_t n_steps, double *H, double *R,
		  double *at);

/* The pairs of a finished trial from eval/accuracy and actor/entropy_seq. EBB_ENOENT without them. */
struct ebb_pairs {
	int n;
	double *H, *R, *step;
};
int ebb_pairs_read(const struct ebb_run *run, int arm, int seed, struct ebb_pairs *out,
		   struct ebb_err *err);
void ebb_pairs_release(struct ebb_pairs *p);

#endif
