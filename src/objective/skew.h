/*
 * Skewness of logits, g1 = m3 / m2^1.5 with population moments: the scopes of EI 7.4 that need the
 * logits themselves (pooled_full and per_position come from moments, train/measure.h).
 */
#ifndef EBB_OBJECTIVE_SKEW_H
#define EBB_OBJECTIVE_SKEW_H

#include <stddef.h>
#include <stdint.h>

/* Powers of what was added, around a pivot near the mean: add all, then ask. */
struct ebb_skew_pool {
	double n, pivot, s1, s2, s3;
};

void ebb_skew_add(struct ebb_skew_pool *p, double x, double weight);
/* NaN where there is no spread. */
double ebb_skew(const struct ebb_skew_pool *p);

/*
 * Scope reference, what the script of arXiv:2505.20282 measures: the k largest of one position's
 * logits over tau go into the pool, minus infinity apart (the script writes 0 for it and drops zeros).
 * With k at least V that is scope pooled_full: g1 knows no scale. Here and below work has room for V.
 */
void ebb_skew_reference(struct ebb_skew_pool *p, const float *z, int V, int k, double tau,
			double *work);

/* Scope prob_weighted: g1 of one position's logits under its distribution softmax(z). */
double ebb_skew_weighted(const float *z, int V, double *work);

/* The largest probability of softmax(z / tau), and how many are at least `least`. */
double ebb_largest_probability(const float *z, int V, double tau, double least, int *n,
			       double *work);

#endif
