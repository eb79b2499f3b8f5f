#include "analysis/rank.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/bootstrap.h"
#include "analysis/stat.h"
#include "base/rng.h"

int ebb_rank_mid(const double *value, int n, double *rank, double *ties)
{
	size_t room = (size_t)(n > 0 ? n : 0) + 1;
	double *v = ebb_xcalloc(room, sizeof *v), t;
	size_t *order = ebb_xcalloc(room, sizeof *order);
	int *at = ebb_xcalloc(room, sizeof *at);
	int i, j, h, m = 0;

	for (i = 0; i < n; i++)
		if (!isnan(value[i])) {
			v[m] = value[i];
			at[m++] = i;
		}
	gsl_sort_index(order, v, 1, (size_t)m);
	for (i = 0; i < n; i++)
		rank[i] = (double)NAN;
	if (ties != NULL)
		*ties = 0.0;
	for (i = 0; i < m; i = j) {
		for (j = i + 1; j < m && v[order[j]] == v[order[i]]; j++)
			;
		t = j - i;
		for (h = i; h < j; h++) /* ranks i + 1 .. j */
			rank[at[order[h]]] = 0.5 * (i + 1 + j);
		if (ties != NULL)
			*ties += t * t * t - t;
	}
	free(at);
	free(order);
	free(v);
	return m;
}

/* Twice the midranks, less their mean n + 1, are whole numbers: sums of their products are exact up
 * to n = 10^5 and do not depend on the order of the pairs. */
static double correlate(const double *a, const double *b, int n)
{
	double ab = 0.0, aa = 0.0, bb = 0.0, x, y;
	int i;

	for (i = 0; i < n; i++) {
		x = 2.0 * a[i] - (n + 1);
		y = 2.0 * b[i] - (n + 1);
		ab += x * y;
		aa += x * x;
		bb += y * y;
	}
	return aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : (double)NAN;
}

/* ---- all orders ---- */

struct orders {
	const double *a;
	double *b;
	int n;
	double sum, threshold; /* |sum of a b - expected| at least threshold */
	double expected;
	int64_t extreme, all;
};

/* Every order of b[i..] behind what is fixed already. */
static void walk(struct orders *o, int i, double sum)
{
	double t;
	int j;

	if (i == o->n) {
		o->extreme += fabs(sum - o->expected) >= o->threshold;
		o->all++;
		return;
	}
	for (j = i; j < o->n; j++) {
		t = o->b[i];
		o->b[i] = o->b[j];
		o->b[j] = t;
		walk(o, i + 1, sum + o->a[i] * o->b[i]);
		t = o->b[i];
		o->b[i] = o->b[j];
		o->b[j] = t;
	}
}

/* Midranks are multiples of 1/2: every sum is exact, and ties are ties. */
static double exact_p(const double *a, double *b, int n)
{
	struct orders o = {.a = a, .b = b, .n = n, .expected = 0.25 * n * (n + 1.0) * (n + 1.0)};
	int i;

	for (i = 0; i < n; i++)
		o.sum += a[i] * b[i];
	o.threshold = fabs(o.sum - o.expected);
	walk(&o, 0, 0.0);
	return (double)o.extreme / (double)o.all;
}

/* ---- pairs ---- */

struct pairs {
	int n;
	double *x, *y; /* (n) */
};

static struct pairs pairs_make(const double *x, const double *y, int n)
{
	struct pairs p = {0};
	int i;

	p.x = ebb_xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof *p.x);
	p.y = ebb_xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof *p.y);
	for (i = 0; i < n; i++)
		if (isfinite(x[i]) && isfinite(y[i])) {
			p.x[p.n] = x[i];
			p.y[p.n++] = y[i];
		}
	return p;
}

static void pairs_release(struct pairs *p)
{
	free(p->x);
	free(p->y);
}

static void correlate_pairs(const struct pairs *p, struct ebb_spearman *out)
{
	double *a = ebb_xcalloc((size_t)p->n + 1, sizeof *a);
	double *b = ebb_xcalloc((size_t)p->n + 1, sizeof *b);
	double t;

	*out = (struct ebb_spearman){
		p->n, (double)NAN, (double)NAN, (double)NAN, (double)NAN, (double)NAN, 0};
	if (p->n >= 3) {
		ebb_rank_mid(p->x, p->n, a, NULL);
		ebb_rank_mid(p->y, p->n, b, NULL);
		out->rho = correlate(a, b, p->n);
	}
	if (isfinite(out->rho)) {
		t = fabs(out->rho) < 1.0
			    ? out->rho * sqrt((p->n - 2) / ((1.0 - out->rho) * (1.0 + out->rho)))
			    : (double)INFINITY;
		out->p = ebb_t_p(t, p->n - 2);
		if (p->n <= EBB_SPEARMAN_EXACT)
			out->p_exact = exact_p(a, b, p->n);
	}
	free(b);
	free(a);
}

int ebb_spearman(const double *x, const double *y, int n, struct ebb_spearman *out,
		 struct ebb_err *err)
{
	struct pairs p = pairs_make(x, y, n);

	correlate_pairs(&p, out);
	pairs_release(&p);
	return 0;
}

/* ---- blocks ---- */

/* Dense ranks 0, 1, ...: the group of equal values each one belongs to. Returns how many. */
static int dense(const double *value, int n, int *group)
{
	size_t *order = ebb_xcalloc((size_t)n + 1, sizeof *order);
	int i, g = 0;

	gsl_sort_index(order, value, 1, (size_t)n);
	for (i = 0; i < n; i++) {
		g += i > 0 && value[order[i]] != value[order[i - 1]];
		group[order[i]] = g;
	}
	free(order);
	return n > 0 ? g + 1 : 0;
}

/* Midranks of a resample: values drawn from known groups are ranked by counting, without sorting. */
static void rank_drawn(const int *group, int n_groups, const int *drawn, int n, int *count,
		       double *of_group, double *rank)
{
	int i, before = 0;

	memset(count, 0, (size_t)n_groups * sizeof *count);
	for (i = 0; i < n; i++)
		count[group[drawn[i]]]++;
	for (i = 0; i < n_groups; i++) {
		of_group[i] = before + 0.5 * (count[i] + 1);
		before += count[i];
	}
	for (i = 0; i < n; i++)
		rank[i] = of_group[group[drawn[i]]];
}

static void resample_blocks(const struct pairs *p, int block, double *rho)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_BLOCKS};
	size_t room = (size_t)p->n;
	int *gx = ebb_xcalloc(room, sizeof *gx), *gy = ebb_xcalloc(room, sizeof *gy);
	int *drawn = ebb_xcalloc(room, sizeof *drawn), *count = ebb_xcalloc(room, sizeof *count);
	double *of_group = ebb_xcalloc(room, sizeof *of_group);
	double *a = ebb_xcalloc(room, sizeof *a), *b = ebb_xcalloc(room, sizeof *b);
	int nx = dense(p->x, p->n, gx), ny = dense(p->y, p->n, gy);
	int r, i, n, from;

	for (r = 0; r < EBB_RESAMPLES; r++) {
		d.step = (uint32_t)r;
		for (n = 0; n < p->n;) {
			from = (int)ebb_below(&d, (uint32_t)n, (uint32_t)(p->n - block + 1));
			for (i = 0; i < block && n < p->n; i++)
				drawn[n++] = from + i;
		}
		rank_drawn(gx, nx, drawn, n, count, of_group, a);
		rank_drawn(gy, ny, drawn, n, count, of_group, b);
		rho[r] = correlate(a, b, n);
	}
	free(b);
	free(a);
	free(of_group);
	free(count);
	free(drawn);
	free(gy);
	free(gx);
}

int ebb_spearman_blocks(const double *x, const double *y, int n, int block,
			struct ebb_spearman *out, struct ebb_err *err)
{
	struct pairs p;
	double *rho;

	if (block < 1 || block > n)
		return ebb_err_set(err, EBB_EINVAL, "blocks of %d rows in a curve of %d", block, n);
	p = pairs_make(x, y, n);
	correlate_pairs(&p, out);
	out->block = block;
	if (isfinite(out->rho) && p.n >= 2 * block) {
		rho = ebb_xcalloc(EBB_RESAMPLES, sizeof *rho);
		resample_blocks(&p, block, rho);
		ebb_bootstrap_interval(rho, EBB_RESAMPLES, &out->low, &out->high);
		free(rho);
	}
	pairs_release(&p);
	return 0;
}

int ebb_block_length(int n)
{
	int b = 1;

	while ((int64_t)b * b * b < n)
		b++;
	return b;
}
