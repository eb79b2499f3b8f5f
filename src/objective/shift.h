/*
 * What a change of logits does to entropy: exactly, and to first order by the covariance of
 * log-probability and change. EI 2.1: for one softmax state with p = softmax(z / tau)
 *
 *   dH = -Cov_{a~p}(log p_a, dz_a / tau) + O(|dz|^2),
 *
 * which is grad H . dz for any dz whatever; a constant added to dz changes nothing.
 */
#ifndef EBB_OBJECTIVE_SHIFT_H
#define EBB_OBJECTIVE_SHIFT_H

#include <stdint.h>

/* Of one state, or summed over n; size: the largest standard deviation of dz / tau under p. */
struct ebb_shift {
	double measured, predicted, size;
	int64_t n;
};

/* Add a state: its raw logits before and after, V each; scratch: 2 V. */
void ebb_shift_add(struct ebb_shift *s, const float *before, const float *after, int V, double tau,
		   double *scratch);

/* -Cov_p(log p, dz) of the state with log-probabilities log_p; *variance: Var_p(dz). */
double ebb_shift_predict(const double *log_p, const double *dz, int V, double *variance);

#endif
