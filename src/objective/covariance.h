/*
 * Covariance of log-probability and advantage, token by token: the score that Clip-Cov and KL-Cov
 * select by, and what few tokens carry of it. EI 2.3 to 2.6. Arrays over n tokens in row-major
 * order of their batch; no gradient passes through a score.
 */
#ifndef EBB_OBJECTIVE_COVARIANCE_H
#define EBB_OBJECTIVE_COVARIANCE_H

#include "options/options.h"

/* c_i = (l_i - mean l)(A_i - mean A); its mean is the population covariance. EI 2.3. */
void ebb_covariance_batch(const double *logp, const double *A, int64_t n, double *c);

/* c_i = A_i (l_i - mu) / (sqrt(var) + 1e-6), mu and the population variance over one response's n
 * tokens. EI 2.5 response_z. */
void ebb_covariance_response(const double *logp, const double *A, int n, double *c);

/* log(max(l_i - mu, 1e-6)) / (var - mu) of one response; not-a-number where that is none.
 * EI 2.5 response_literal. */
void ebb_covariance_literal(const double *logp, int n, double *c);

/* Mean of the k = max(1, floor(fraction n)) largest of n scores, given in descending order. EI 2.6. */
double ebb_covariance_top(const double *descending, int64_t n, double fraction);
/* Into descending order. */
void ebb_covariance_sort(double *c, int64_t n);

/* Population covariance over a group's G responses of the mean log-probability of a response with
 * its advantage, EI 2.4 npg; pg: with exp(mean log p) times the advantage. */
double ebb_covariance_group(const double *mean_logp, const double *A, int G, bool pg);

#endif
