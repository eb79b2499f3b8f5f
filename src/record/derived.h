/*
 * Curves that are computed when they are read, from what an evaluation stored: pass@K and accuracy@T
 * (options/metrics.h). ebb_run_read hands their names on, so whoever reads a run by name has them.
 */
#ifndef EBB_RECORD_DERIVED_H
#define EBB_RECORD_DERIVED_H

#include "record/record.h"

/*
 * The chance that K of n samples, drawn without putting back, hold one of the right ones:
 * 1 - C(n - right, K) / C(n, K), the unbiased estimate of pass@K for K <= n; NaN beyond. As a product,
 * which no factorial overflows (arXiv:2107.03374, PG 8).
 */
double ebb_pass_at(int right, int n, int K);

/* EBB_ENOENT: the trial measured no such thing, fewer samples or other temperatures. */
int ebb_derived_read(const struct ebb_run *run, int arm, int seed, const char *name,
		     struct ebb_array *out, struct ebb_err *err);

#endif
