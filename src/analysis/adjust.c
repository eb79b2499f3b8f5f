#include "analysis/adjust.h"

#include <math.h>
#include <stdlib.h>
#include "base/err.h"

struct entry {
	double p;
	int at;
};

static int by_p(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

int ebb_holm_adjust(const double *p, int n, double *adjusted)
{
	struct entry *e = ebb_xcalloc((size_t)n + 1, sizeof *e);
	double floor = 0.0;
	int i, m = 0;

	for (i = 0; i < n; i++)
		if (!isnan(p[i]))
			e[m++] = (struct entry){p[i], i};
	qsort(e, (size_t)m, sizeof *e, by_p);
	for (i = 0; i < n; i++)
		adjusted[i] = (double)NAN;
	for (i = 0; i < m; i++) {
		floor = fmax(floor, fmin(1.0, e[i].p * (m - i)));
		adjusted[e[i].at] = floor;
	}
	free(e);
	return m;
}
