/*
 * The few statistics everything else here is made of. Missing values are NaN and are skipped; what
 * cannot be computed (an interval of one value) is NaN, never a guess. GSL's error handler is
 * switched off before its first use and its codes come back as ours.
 */
#ifndef EBB_ANALYSIS_STAT_H
#define EBB_ANALYSIS_STAT_H

#include <stdint.h>
#include "base/err.h"

#define EBB_LEVEL 0.95 /* of every interval and band */

struct ebb_summary {
	int n;            /* finite values                                             */
	double mean;      /* NaN for n = 0                                             */
	double sd;        /* sample standard deviation; NaN for n < 2                  */
	double low, high; /* mean -+ t(n-1) sd / sqrt(n), EBB_LEVEL; NaN for n < 2     */
};

int ebb_summarise(const double *value, int n, struct ebb_summary *out, struct ebb_err *err);

/* Student's t: the quantile with (1 - level) / 2 above it, and the two-sided p-value of t. */
int ebb_t_quantile(double level, double df, double *out, struct ebb_err *err);
double ebb_t_p(double t, double df);

/* The outcome of a run: mean over the last tenth of its measured rows (at least one); not the
 * maximum, which rewards noise. Rows without a value do not count: some curves are measured only
 * at evaluation cadence. NaN where all are missing. */
double ebb_final_value(const double *value, int64_t n);

/* Switch GSL's aborting handler off; called by every function here that uses GSL. */
void ebb_gsl_quiet(void);
/* Translate a GSL status into an ebb code and text; 0 for success. */
int ebb_gsl_check(int status, const char *what, struct ebb_err *err);

#endif
