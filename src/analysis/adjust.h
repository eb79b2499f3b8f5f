/*
 * p-values of several tests taken together: Holm, "A simple sequentially rejective multiple test
 * procedure", Scandinavian Journal of Statistics 6 (1979) 65. The k-th smallest of m p-values times
 * m - k + 1, at most 1, and never below that of a smaller p. Holds the chance of one or more false
 * hits in the family whatever the tests depend on each other.
 */
#ifndef EBB_ANALYSIS_ADJUST_H
#define EBB_ANALYSIS_ADJUST_H

/* adjusted[i] of p[i]; NaN stays NaN and is no member of the family. adjusted may be p itself.
 * Returns the size of the family: the p-values that are numbers. n = 0 is fine. */
int ebb_holm_adjust(const double *p, int n, double *adjusted);

#endif
