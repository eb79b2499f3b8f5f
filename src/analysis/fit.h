/*
 * The law R = -a exp(H) + b of Cui et al. 2025 (arXiv:2505.22617): accuracy against policy entropy
 * along one run, by least squares on x = exp(H), with its rivals of two parameters, a line in H and a
 * line in the logarithm of the step, always beside it (EI 3). Standard errors treat points as
 * independent and so ignore the autocorrelation along a run: ebb_law_blocks (analysis/fit_blocks.h) does
 * not, and the interval of the coefficients over seeds is the one to trust.
 */
#ifndef EBB_ANALYSIS_FIT_H
#define EBB_ANALYSIS_FIT_H

#include <stdbool.h>
#include <stdint.h>
#include "analysis/stat.h"
#include "record/record.h"

/* Below this range of exp(H) the slope is not identified and nothing is reported. */
#define EBB_LAW_MIN_RANGE 0.05

/* y = intercept + slope x. With weights w (their geometric mean counting as 1) SSE is sum w e^2. */
struct ebb_line {
	int n;
	double slope, intercept;
	double var_slope, var_intercept, cov; /* with s2 = SSE / (n - 2); NaN for n < 3       */
	double r2;                            /* NaN where y does not vary                    */
	double rmse;                          /* sqrt(SSE / sum w)                            */
	double aicc;                          /* three parameters with the noise; NaN for n < 5 */
};

int ebb_line_fit(const double *x, const double *y, int n, struct ebb_line *out,
		 struct ebb_err *err);
/* The same with a weight above 0 for each point; null: all alike. */
int ebb_line_fit_weighted(const double *x, const double *y, const double *w, int n,
			  struct ebb_line *out, struct ebb_err *err);

/* Points of one trial in order of training: H in nats, R in [0, 1], step of each (null: not known,
 * then there is no rival in it). Points without H or R are left out. */
struct ebb_law_data {
	const double *H, *R, *step;
	int n;
};

/* How it is fitted. All zero: every point alike, the first half of them for the early fit. */
struct ebb_law_how {
	bool linear;      /* R = b - a H instead, with no least range; its ceiling is b           */
	double answers;   /* above 0: weights of the binomial variance R (1 - R) / answers behind
			  * every R (EI 3.1 inverse_var), R taken as (R n + 1/2) / (n + 1)       */
	double early;     /* the early fit has the steps up to this share of the last one; 0: the
			  * first half of the points, rounded up                                 */
	int early_points; /* or so many points; 0: as above                                      */
};

struct ebb_law {
	int n;                   /* points                                                    */
	bool insufficient_range; /* exp(H) spans less than EBB_LAW_MIN_RANGE: all below is NaN */
	double a, b, ceiling;    /* ceiling = b - a, accuracy at H = 0                        */
	double se_a, se_b, se_ceiling;
	double cov_ab; /* Var(ceiling) = Var a + Var b - 2 cov_ab                          */
	double r2, rmse, aicc;
	struct ebb_line linear;   /* a rival: R against H                                     */
	struct ebb_line log_step; /* a rival: R against log(step + 1); NaN without steps      */
	double last_excess; /* R at the last point minus the ceiling: above 0 it was broken   */

	/* Fit on the first n_early points, prediction of the later ones from their own H. */
	int n_early; /* 0: too few points or too little range for an early fit      */
	double early_a, early_b;
	double early_ceiling, early_se_ceiling; /* the one genuine forecast: no later H is used */
	double early_excess;                    /* R at the last point minus that ceiling       */
	double early_rmse, early_last;          /* over predicted points; |error| at the last */
	double early_linear_rmse, early_linear_last; /* the same of the rival        */
};

/* At least 3 points, else EBB_EINVAL. */
int ebb_law_make(const struct ebb_law_data *data, const struct ebb_law_how *how,
		 struct ebb_law *out, struct ebb_err *err);

/* The same without steps and weights. n_early: 0 takes the first half, rounded up. */
int ebb_law_fit(const double *H, const double *R, int n, int n_early, struct ebb_law *out,
		struct ebb_err *err);

/* Is the law's AICc at most this much above that of each rival that has one? (EI 3.5 claim 1) */
bool ebb_law_stands(const struct ebb_law *law, double slack);

/* Points that can be fitted: those with H and R, w their weights (null where alike), x = exp(H). The
 * caller frees h, which holds all. */
struct ebb_law_points {
	int n;
	double *h, *x, *y, *step, *w; /* (n) */
};
void ebb_law_points_make(struct ebb_law_points *p, const struct ebb_law_data *data,
			 const struct ebb_law_how *how);
void ebb_law_points_release(struct ebb_law_points *p);

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

/*
 * The part of a curve's whole change that came within this part of its axis (EI 1.6):
 * (x_0 - x_k) / (x_0 - x_end), x_k read at first + part (last - first) by a straight line between rows.
 * Of entropy it is the entropy consumed, of accuracy the gain realised. NaN where nothing changed or
 * there is one row.
 */
double ebb_change_realised(const double *at, const double *value, int64_t n, double part);

#endif
