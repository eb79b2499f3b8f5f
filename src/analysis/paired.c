#include "analysis/paired.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include "analysis/stat.h"

struct flip {
	const double *d;
	int n;
	double threshold;
	int64_t extreme;
};

/* Depth first, so that every sum is made of n additions and no error builds up across patterns. */
static void flip_walk(struct flip *f, int i, double sum)
{
	if (i == f->n) {
		f->extreme += fabs(sum) >= f->threshold;
		return;
	}
	flip_walk(f, i + 1, sum + f->d[i]);
	flip_walk(f, i + 1, sum - f->d[i]);
}

double ebb_sign_flip_p(const double *d, int n)
{
	struct flip f = {d, n, 0.0, 0};
	double sum = 0.0, size = 0.0;
	int i;

	if (n < 1 || n > EBB_SIGN_FLIP_MAX)
		EBB_BUG("sign-flip test of %d differences", n);
	for (i = 0; i < n; i++) {
		sum += d[i];
		size += fabs(d[i]);
	}
	/* Patterns that tie with the observed one in exact arithmetic must count as ties. */
	f.threshold = fabs(sum) - 1e-12 * size;
	/* Flipping all signs keeps |sum|: the first sign is fixed and half the patterns stand for all. */
	flip_walk(&f, 1, d[0]);
	return (double)f.extreme / (double)((int64_t)1 << (n - 1));
}

int ebb_paired_test(const double *a, const double *b, int n, struct ebb_paired *out,
		    struct ebb_err *err)
{
	struct ebb_summary s;
	double *d;
	int i, m = 0, rc;

	*out = (struct ebb_paired){0,           0,           (double)NAN, (double)NAN,
				   (double)NAN, (double)NAN, (double)NAN, (double)NAN};
	d = ebb_calloc((size_t)(n > 0 ? n : 1), sizeof *d, err);
	if (d == NULL)
		return EBB_ENOMEM;
	for (i = 0; i < n; i++) {
		if (isfinite(a[i]) && isfinite(b[i]))
			d[m++] = a[i] - b[i];
		else
			out->dropped += isfinite(a[i]) || isfinite(b[i]);
	}
	rc = ebb_summarise(d, m, &s, err);
	if (rc == 0) {
		out->n = m;
		out->mean = s.mean;
		out->sd = s.sd;
		out->low = s.low;
		out->high = s.high;
		if (m >= 2 && s.sd > 0.0)
			out->p_t = ebb_t_p(s.mean / (s.sd / sqrt(m)), m - 1);
		else if (m >= 2)
			out->p_t = s.mean == 0.0 ? 1.0 : 0.0; /* the limit of equal differences */
		if (m >= EBB_SIGN_FLIP_MIN && m <= EBB_SIGN_FLIP_MAX)
			out->p_sign = ebb_sign_flip_p(d, m);
	}
	free(d);
	return rc;
}
