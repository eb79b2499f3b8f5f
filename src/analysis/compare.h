/*
 * The table of a comparison: every arm's final value of one metric, and its paired difference to a
 * baseline arm. Trials that diverged have no final value; they are counted, not hidden.
 */
#ifndef EBB_ANALYSIS_COMPARE_H
#define EBB_ANALYSIS_COMPARE_H

#include "analysis/paired.h"
#include "analysis/stat.h"
#include "record/record.h"

struct ebb_comparison_row {
	int arm;
	int baseline;  /* arm compared with; the arm itself where it is one; -1: none fits */
	double *final; /* NaN: no value                                  (n_seeds)         */
	struct ebb_summary
		value; /* of final                                                         */
	struct ebb_paired
		diff;  /* final - baseline's final; all zero where baseline is arm or -1   */
	double p_holm; /* diff.p_t as one of n_tests: Holm's adjustment; NaN without a p  */
	int n_diverged, n_unfinished;
};

struct ebb_comparison {
	char *metric; /* full name */
	char unit[32], about[128];
	struct ebb_comparison_row *row; /* one an arm, in the run's order */
	int n;
	int n_tests; /* differences with a p */
};

/*
 * metric: full dataset name. by null: every arm against one baseline, an arm's label (null: the
 * first arm). by a swept key (canonical, or an option's alias): each arm against the arm that
 * differs from it in that key alone and has the baseline's value there; baseline is then a value of
 * the key or an arm's label (null: the first arm's value).
 */
int ebb_compare(struct ebb_comparison *out, const struct ebb_run *run, const char *metric,
		const char *by, const char *baseline, struct ebb_err *err);
void ebb_comparison_release(struct ebb_comparison *c);

/* The choice of baselines alone: baseline_of[a] for every arm. */
int ebb_compare_baselines(const struct ebb_run *run, const char *by, const char *baseline,
			  int *baseline_of, struct ebb_err *err);

#endif
