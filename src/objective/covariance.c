#include "objective/covariance.h"

#include <math.h>
#include "base/real.h"
#include "base/sort.h"

static double mean(const double *x, int64_t n)
{
	double sum = 0.0;

	for (int64_t i = 0; i < n; i++)
		sum += x[i];
	return sum / (double)n;
}

static double variance(const double *x, int64_t n, double mu)
{
	double sum = 0.0;

	for (int64_t i = 0; i < n; i++)
		sum += (x[i] - mu) * (x[i] - mu);
	return sum / (double)n;
}

void ebb_covariance_batch(const double *logp, const double *A, int64_t n, double *c)
{
	const double l = mean(logp, n), a = mean(A, n);

	for (int64_t i = 0; i < n; i++)
		c[i] = (logp[i] - l) * (A[i] - a);
}

void ebb_covariance_response(const double *logp, const double *A, int n, double *c)
{
	const double mu = mean(logp, n), sd = sqrt(variance(logp, n, mu)) + 1e-6;

	for (int i = 0; i < n; i++)
		c[i] = A[i] * (logp[i] - mu) / sd;
}

void ebb_covariance_literal(const double *logp, int n, double *c)
{
	const double mu = mean(logp, n), below = variance(logp, n, mu) - mu;

	for (int i = 0; i < n; i++) {
		c[i] = ebb_log(ebb_max(logp[i] - mu, 1e-6)) / below;
		if (!isfinite(c[i]))
			c[i] = (double)NAN;
	}
}

void ebb_covariance_sort(double *c, int64_t n)
{
	ebb_sort(c, n);
	for (int64_t i = 0, j = n - 1; i < j; i++, j--) {
		const double swap = c[i];

		c[i] = c[j];
		c[j] = swap;
	}
}

double ebb_covariance_top(const double *descending, int64_t n, double fraction)
{
	const int64_t k = (int64_t)(fraction * (double)n);

	return mean(descending, k > 0 ? k : 1);
}

double ebb_covariance_group(const double *mean_logp, const double *A, int G, bool pg)
{
	const double l = mean(mean_logp, G);
	double a = 0.0, sum = 0.0;

	for (int i = 0; i < G; i++)
		a += pg ? ebb_exp(mean_logp[i]) * A[i] : A[i];
	a /= G;
	for (int i = 0; i < G; i++)
		sum += (mean_logp[i] - l) * ((pg ? ebb_exp(mean_logp[i]) * A[i] : A[i]) - a);
	return sum / G;
}
