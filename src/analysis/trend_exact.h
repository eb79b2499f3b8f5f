/*
 * The laws of Page's L and of Jonckheere's J when there is no trend, counted over all orders that
 * are then equally likely. Ranks are midranks: doubled, they are whole numbers, so statistics are
 * compared exactly.
 */
#ifndef EBB_ANALYSIS_TREND_EXACT_H
#define EBB_ANALYSIS_TREND_EXACT_H

#include <stdbool.h>
#include "base/err.h"

struct ebb_tails {
	double upper; /* share of the orders with at least the observed statistic */
	double lower; /* with at most it                                          */
};

/* L over n rows of k <= EBB_PAGE_EXACT_ARMS midranks, each row ordered anew: one row by dynamic
 * programming over the sets of ranks given out, rows by convolution. */
int ebb_page_exact(const double *rank, int n, int k, double L, struct ebb_tails *out,
		   struct ebb_err *err);

/* J of n midranks in groups 0 .. k - 1. */
double ebb_jonckheere(const double *rank, const int *group, int n, int k);

/* Without ties: group b against all earlier ones together is a Mann-Whitney count, and these counts
 * are independent of each other (Terpstra 1952), so their laws are convolved. */
void ebb_jonckheere_exact(const int *size, int k, double J, struct ebb_tails *out);

/* With ties: every way to deal the ranks to the groups, if there are no more than `most`; else false
 * and nothing is done. */
bool ebb_jonckheere_count(const double *rank, const int *group, int n, int k, double J, double most,
			  struct ebb_tails *out);

/* With ties: EBB_RESAMPLES deals from a fixed stream; (1 + hits) / (1 + draws). */
void ebb_jonckheere_draw(const double *rank, const int *group, int n, int k, double J,
			 struct ebb_tails *out);

#endif
