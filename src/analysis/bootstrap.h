/*
 * Percentile bootstrap. For bands that are looked at, never for a decision: over few seeds it is too
 * narrow (under no effect the 95 % interval misses on the claimed side 10 % of the time at 5 seeds,
 * nominal 2.5; EI section 10). Decisions are analysis/paired.h's.
 *
 * Draws are the counter-based ones of base/rng.h, stream EBB_STREAM_BOOTSTRAP, key EBB_BOOTSTRAP_SEED:
 * the same numbers give the same interval on every machine. Quantiles are linear between order
 * statistics (Hyndman and Fan's type 7).
 */
#ifndef EBB_ANALYSIS_BOOTSTRAP_H
#define EBB_ANALYSIS_BOOTSTRAP_H

#include <stdint.h>
#include "analysis/series.h"
#include "base/err.h"

#define EBB_RESAMPLES      10000
#define EBB_BOOTSTRAP_SEED 20170804 /* any fixed number */

/* What a draw is for: the `round` of its counter, so that no two uses share numbers. */
enum ebb_bootstrap_use {
	EBB_BOOTSTRAP_VALUES,
	EBB_BOOTSTRAP_OUTCOMES_SEED,
	EBB_BOOTSTRAP_OUTCOMES_QUESTION,
	EBB_BOOTSTRAP_BLOCKS,
	EBB_BOOTSTRAP_ORDERS,
	EBB_BOOTSTRAP_LAW,
	EBB_BOOTSTRAP_SIZES,
	EBB_BOOTSTRAP_LABELS,
};

/* A statistic of n values in any order; may reorder them. */
typedef double ebb_statistic(double *value, int n);

/* Interval of a statistic (null: the mean) of the finite values, resampled with replacement.
 * NaN for fewer than 2 of them. resamples >= 100, else EBB_EINVAL. */
int ebb_bootstrap(const double *value, int n, ebb_statistic *statistic, int resamples, double *low,
		  double *high, struct ebb_err *err);

/* The interval of n resampled statistics: quantiles (1 -+ EBB_LEVEL) / 2 of the finite ones; sorts
 * them. NaN where more than 5 % are not finite: then it says nothing about the whole. */
void ebb_bootstrap_interval(double *resampled, int n, double *low, double *high);

/*
 * Right answers of every seed, evaluation and question: `right` of `asked` samples; questions of
 * different seeds need not be the same ones.
 */
struct ebb_outcomes {
	int n_seeds, n_evals, n_questions;
	uint32_t *right, *asked; /* (n_seeds, n_questions, n_evals) */
};

int ebb_outcomes_init(struct ebb_outcomes *o, int n_seeds, int n_evals, int n_questions,
		      struct ebb_err *err);
void ebb_outcomes_release(struct ebb_outcomes *o); /* safe when zero */

/* Give the samples of a seed, 1 right, 0 wrong, NaN missing: (n_evals, n_questions, n_samples), as
 * eval/outcome has them. EBB_EFORMAT for any other value. */
int ebb_outcomes_put(struct ebb_outcomes *o, int seed, const double *sample, int n_samples,
		     struct ebb_err *err);

/* Accuracy of a seed at an evaluation: right of all asked; NaN where nothing was. */
double ebb_outcomes_accuracy(const struct ebb_outcomes *o, int seed, int eval);

/*
 * Hierarchical bootstrap of the accuracy averaged over seeds, for every evaluation: seeds are drawn
 * with replacement, then, for each one drawn, its questions with replacement (the same ones at every
 * evaluation, so that bands of one curve move together). low, high: (n_evals). A seed without an
 * answer at an evaluation is left out there; NaN where fewer than 2 seeds have one, or so few of all
 * that more than 5 % of the resamples draw none of them.
 */
int ebb_bootstrap_outcomes(const struct ebb_outcomes *o, int resamples, double *low, double *high,
			   struct ebb_err *err);

/*
 * Put this band in the place of the t interval of a series of eval/accuracy: low, high, and
 * band = EBB_BAND_BOOTSTRAP. The series stays as it is, and 0 comes back, where that cannot be done:
 * fewer than 2 seeds, interpolated or windowed rows, or no per-question outcomes recorded.
 * EBB_EFORMAT where the outcomes do not give the accuracies of the series.
 */
int ebb_series_outcome_band(struct ebb_series *s, const struct ebb_run *run, int arm,
			    struct ebb_err *err);

#endif
