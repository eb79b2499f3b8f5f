/*
 * How a coefficient of the law (analysis/fit.h) moves with the size of the model: coef = c0 + c1 ln N by
 * least squares over sizes and seeds (EI 3.3, claim 4 of 3.5). Trials of one seed belong together, so
 * seeds are what is resampled, and what has a slope of its own.
 */
#ifndef EBB_ANALYSIS_FIT_SIZE_H
#define EBB_ANALYSIS_FIT_SIZE_H

#include "base/err.h"

#define EBB_SIZES_MIN 4 /* sizes from which EI 3.5 speaks of a law */

struct ebb_size_fit {
	int n_sizes, n_seeds; /* with a value                                                */
	double c0, c1, r2;
	double low, high;     /* of c1: percentile bootstrap over seeds; NaN below 2 seeds    */
	double t_low, t_high; /* of c1: t interval of the seeds' own slopes; NaN below 2      */
};

/* coef: (n_sizes, n_seeds), NaN where a trial has none; ln_size: (n_sizes). EBB_EINVAL below two sizes
 * with values. */
int ebb_size_fit(const double *ln_size, const double *coef, int n_sizes, int n_seeds,
		 struct ebb_size_fit *out, struct ebb_err *err);

#endif
