/*
 * Ranks, and the correlation of ranks (Spearman). Equal values share the mean of their ranks.
 */
#ifndef EBB_ANALYSIS_RANK_H
#define EBB_ANALYSIS_RANK_H

#include "base/err.h"

#define EBB_SPEARMAN_EXACT 8 /* pairs up to which all n! orders are gone through */

/* Midranks 1..m of the m values that are no NaN, in place of each; NaN stays NaN. ties (may be null)
 * gets the sum of t^3 - t over groups of t equal values. rank may be value itself. Returns m. */
int ebb_rank_mid(const double *value, int n, double *rank, double *ties);

struct ebb_spearman {
	int n;      /* pairs with both values                                            */
	double rho; /* Pearson's r of the midranks; NaN for n < 3 or where one side is constant */
	double p;   /* two-sided, independent pairs: t = rho sqrt((n-2) / (1-rho^2)), n - 2 df  */
	double p_exact;   /* share of all n! orders with |rho| at least this; NaN for n > 8     */
	double low, high; /* of ebb_spearman_blocks, EBB_LEVEL; else NaN                       */
	int block;        /* its block length; else 0                                          */
};

/*
 * Pairs of which either value is missing (not finite) are left out. The t approximation is Kendall
 * and Stuart's (it says p = 0 at |rho| = 1: at small n read p_exact). Values of one curve are not
 * independent: for those take ebb_spearman_blocks, or one rho a seed and the t interval over seeds.
 */
int ebb_spearman(const double *x, const double *y, int n, struct ebb_spearman *out,
		 struct ebb_err *err);

/*
 * The same with a percentile interval by the moving-block bootstrap (Kuensch, Annals of Statistics 17
 * (1989) 1217): ceil(n / block) runs of `block` consecutive pairs, begun anywhere, joined and cut to
 * n; 10,000 resamples of a fixed stream (analysis/bootstrap.h). Rows are in order of training; pairs
 * without both values are left out before blocks are formed. EBB_EINVAL unless 1 <= block <= n; the
 * interval is NaN where rho is, for n < 2 block (no two blocks), or where more than 5 % of the
 * resamples have no rho.
 */
int ebb_spearman_blocks(const double *x, const double *y, int n, int block,
			struct ebb_spearman *out, struct ebb_err *err);

/* A block length for n rows where nothing better is known: n^(1/3) rounded up (Kuensch's rate). */
int ebb_block_length(int n);

#endif
