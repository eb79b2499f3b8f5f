#include "objective/skew.h"

#include <math.h>
#include <stdlib.h>
#include "base/real.h"

void ebb_skew_add(struct ebb_skew_pool *p, double x, double weight)
{
	double d;

	if (p->n == 0.0)
		p->pivot = x;
	d = x - p->pivot;
	p->n += weight;
	p->s1 += weight * d;
	p->s2 += weight * d * d;
	p->s3 += weight * d * d * d;
}

double ebb_skew(const struct ebb_skew_pool *p)
{
	const double m = p->s1 / p->n, a2 = p->s2 / p->n, a3 = p->s3 / p->n;
	const double m2 = a2 - m * m, m3 = a3 - 3.0 * m * a2 + 2.0 * m * m * m;

	return p->n > 0.0 && m2 > 0.0 ? m3 / (m2 * sqrt(m2)) : (double)NAN;
}

static int falling(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x < y) - (x > y);
}

void ebb_skew_reference(struct ebb_skew_pool *p, const float *z, int V, int k, double tau,
			double *work)
{
	for (int j = 0; j < V; j++)
		work[j] = (double)z[j];
	if (k < V)
		qsort(work, (size_t)V, sizeof *work, falling);
	for (int j = 0; j < V && j < k; j++)
		if (isfinite(work[j]))
			ebb_skew_add(p, work[j] / tau, 1.0);
}

static double largest_of(const float *z, int V)
{
	double max = (double)z[0];

	for (int j = 1; j < V; j++)
		max = ebb_max(max, (double)z[j]);
	return max;
}

double ebb_skew_weighted(const float *z, int V, double *work)
{
	const double max = largest_of(z, V);
	double sum = 0.0, mean = 0.0, m2 = 0.0, m3 = 0.0;

	/* around the mean in a second pass: a peaked distribution leaves little but rounding in a
	 * difference of powers */
	for (int j = 0; j < V; j++) {
		work[j] = ebb_exp((double)z[j] - max);
		sum += work[j];
		mean += work[j] * ((double)z[j] - max);
	}
	mean /= sum;
	for (int j = 0; j < V; j++) {
		const double e = work[j] / sum, d = (double)z[j] - max - mean;

		m2 += e * d * d;
		m3 += e * d * d * d;
	}
	return m2 > 0.0 ? m3 / (m2 * sqrt(m2)) : (double)NAN;
}

double ebb_largest_probability(const float *z, int V, double tau, double least, int *n,
			       double *work)
{
	const double max = largest_of(z, V);
	double sum = 0.0;

	*n = 0;
	for (int j = 0; j < V; j++) {
		work[j] = ebb_exp(((double)z[j] - max) / tau);
		sum += work[j];
	}
	for (int j = 0; j < V; j++)
		*n += work[j] / sum >= least;
	return 1.0 / sum;
}
