#include "analysis/robust.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include "analysis/bootstrap.h"

double ebb_iqm_sorted(const double *sorted, int n)
{
	double from = 0.25 * n, to = 0.75 * n, sum = 0.0;
	int i;

	/* Value i stands for [i, i + 1); what of it lies in [n / 4, 3 n / 4) is its weight. */
	for (i = 0; i < n; i++)
		sum += sorted[i] * fmax(0.0, fmin(to, i + 1) - fmax(from, i));
	return sum / (to - from);
}

static double middle(double *value, int n)
{
	gsl_sort(value, 1, (size_t)n);
	return ebb_iqm_sorted(value, n);
}

int ebb_iqm(const double *value, int n, struct ebb_iqm *out, struct ebb_err *err)
{
	double *v = ebb_calloc((size_t)(n > 0 ? n : 1), sizeof *v, err);
	int i, m = 0, rc = 0;

	*out = (struct ebb_iqm){0, (double)NAN, (double)NAN, (double)NAN};
	if (v == NULL)
		return EBB_ENOMEM;
	for (i = 0; i < n; i++)
		if (isfinite(value[i]))
			v[m++] = value[i];
	out->n = m;
	if (m > 0)
		out->iqm = middle(v, m);
	if (m >= 3)
		rc = ebb_bootstrap(v, m, middle, EBB_RESAMPLES, &out->low, &out->high, err);
	free(v);
	return rc;
}
