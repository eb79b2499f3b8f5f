#include "objective/shift.h"

#include <math.h>
#include "base/real.h"

double ebb_shift_predict(const double *log_p, const double *dz, int V, double *variance)
{
	double l = 0.0, d = 0.0, covariance = 0.0;

	for (int a = 0; a < V; a++) {
		const double p = ebb_exp(log_p[a]);

		if (p > 0.0) { /* 0 log 0 = 0 */
			l += p * log_p[a];
			d += p * dz[a];
		}
	}
	*variance = 0.0;
	for (int a = 0; a < V; a++) {
		const double p = ebb_exp(log_p[a]);

		if (p > 0.0) {
			covariance += p * (log_p[a] - l) * (dz[a] - d);
			*variance += p * (dz[a] - d) * (dz[a] - d);
		}
	}
	return 0.0 - covariance;
}

/* log softmax(z / tau) and its entropy. */
static double log_softmax(const float *z, int V, double tau, double *log_p)
{
	double top = (double)z[0] / tau, sum = 0.0, H = 0.0;

	for (int a = 1; a < V; a++)
		top = ebb_max(top, (double)z[a] / tau);
	for (int a = 0; a < V; a++)
		sum += ebb_exp((double)z[a] / tau - top);
	sum = ebb_log(sum);
	for (int a = 0; a < V; a++) {
		const double l = (double)z[a] / tau - top - sum, p = ebb_exp(l);

		log_p[a] = l;
		if (p > 0.0)
			H -= p * l;
	}
	return H;
}

void ebb_shift_add(struct ebb_shift *s, const float *before, const float *after, int V, double tau,
		   double *scratch)
{
	double *log_p = scratch, *dz = scratch + V, H, variance;

	H = log_softmax(after, V, tau, log_p);
	s->measured += H - log_softmax(before, V, tau, log_p);
	for (int a = 0; a < V; a++)
		dz[a] = ((double)after[a] - (double)before[a]) / tau;
	s->predicted += ebb_shift_predict(log_p, dz, V, &variance);
	s->size = ebb_max(s->size, sqrt(variance));
	s->n++;
}
