#include "analysis/trend_exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/bootstrap.h"
#include "analysis/trend.h"
#include "base/rng.h"

/* A law on the whole numbers from .. from + top. */
struct law {
	int from, top;
	double *p; /* (top + 1) */
};

static void tails_of(const struct law *l, int observed, struct ebb_tails *out)
{
	int i;

	out->upper = out->lower = 0.0;
	for (i = 0; i <= l->top; i++) {
		if (l->from + i >= observed)
			out->upper += l->p[i];
		if (l->from + i <= observed)
			out->lower += l->p[i];
	}
	out->upper = fmin(1.0, out->upper);
	out->lower = fmin(1.0, out->lower);
}

/* *a becomes the law of a sum. */
static void convolve(struct law *a, const struct law *b)
{
	double *p = ebb_xcalloc((size_t)a->top + (size_t)b->top + 1, sizeof *p);
	int i, j;

	for (j = 0; j <= b->top; j++) {
		if (b->p[j] == 0.0)
			continue;
		for (i = 0; i <= a->top; i++)
			p[i + j] += a->p[i] * b->p[j];
	}
	free(a->p);
	*a = (struct law){a->from + b->from, a->top + b->top, p};
}

/* ---- Page ---- */

/*
 * The law of sum_j j * twice[order(j)] over all orders, for one row. After j ranks are given out, to
 * the arms 1 .. j, what matters of the past is which ones: way[set][sum] counts the orders. k! is
 * below 2^22, so counts are exact.
 */
static int row_law(const int *twice, int k, struct law *out, struct ebb_err *err)
{
	int sets = 1 << k, top = 0, set, i, arm, sum;
	const double *from;
	double *way, *to, all = 1.0;

	for (i = 0; i < k; i++) {
		top += k * twice[i];
		all *= i + 1;
	}
	way = ebb_calloc((size_t)sets * (size_t)(top + 1), sizeof *way, err);
	out->p = way != NULL ? ebb_calloc((size_t)top + 1, sizeof *out->p, err) : NULL;
	if (out->p == NULL) {
		free(way);
		return EBB_ENOMEM;
	}
	way[0] = 1.0;
	for (set = 0; set < sets - 1; set++) {
		from = way + (size_t)set * (size_t)(top + 1);
		arm = __builtin_popcount((unsigned)set) + 1;
		for (i = 0; i < k; i++) {
			if (set >> i & 1)
				continue;
			to = way + (size_t)(set | 1 << i) * (size_t)(top + 1) + arm * twice[i];
			for (sum = 0; sum + arm * twice[i] <= top; sum++)
				to[sum] += from[sum];
		}
	}
	from = way + (size_t)(sets - 1) * (size_t)(top + 1);
	for (out->from = 0; from[out->from] == 0.0; out->from++)
		;
	while (from[top] == 0.0)
		top--;
	out->top = top - out->from;
	for (sum = out->from; sum <= top; sum++)
		out->p[sum - out->from] = from[sum] / all;
	free(way);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int ebb_page_exact(const double *rank, int n, int k, double L, struct ebb_tails *out,
		   struct ebb_err *err)
{
	int twice[EBB_PAGE_EXACT_ARMS], last[EBB_PAGE_EXACT_ARMS] = {0}, s, j, rc = 0;
	struct law sum = {0}, row = {0};

	if (k > EBB_PAGE_EXACT_ARMS)
		EBB_BUG("Page's L of %d arms", k);
	sum.p = ebb_xcalloc(1, sizeof *sum.p);
	sum.p[0] = 1.0;
	for (s = 0; s < n && rc == 0; s++) {
		for (j = 0; j < k; j++)
			twice[j] = (int)(2.0 * rank[s * k + j]);
		/* The law depends on which ranks there are, and mostly they are 1 .. k. */
		qsort(twice, (size_t)k, sizeof *twice, ascending);
		if (memcmp(twice, last, (size_t)k * sizeof *twice) != 0) {
			free(row.p);
			row = (struct law){0};
			rc = row_law(twice, k, &row, err);
			memcpy(last, twice, sizeof last);
		}
		if (rc == 0)
			convolve(&sum, &row);
	}
	if (rc == 0)
		tails_of(&sum, (int)(2.0 * L), out);
	free(row.p);
	free(sum.p);
	return rc;
}

/* ---- Jonckheere ---- */

/* Twice J. Twice midranks are whole numbers, as are the halves of ties doubled. */
static int twice_j(const double *rank, const int *group, int n)
{
	int i, j, sum = 0;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (group[i] < group[j])
				sum += rank[i] < rank[j] ? 2 : rank[i] == rank[j];
	return sum;
}

double ebb_jonckheere(const double *rank, const int *group, int n, int k)
{
	return 0.5 * twice_j(rank, group, n);
}

/* Mann-Whitney: the law of the pairs (earlier one below later one) for m earlier and n later values.
 * way[c][u]: choices of c values of the later group among the first i, with u pairs; the i-th value
 * has i - c earlier ones below it when it is the c-th later one. Sums of positive terms only. */
static struct law mann_whitney(int m, int n)
{
	struct law l = {0, m * n, ebb_xcalloc((size_t)(m * n) + 1, sizeof *l.p)};
	size_t width = (size_t)(m * n) + 1;
	double *way = ebb_xcalloc((size_t)(n + 1) * width, sizeof *way), all = 0.0;
	int i, c, u, below;

	way[0] = 1.0;
	for (i = 1; i <= m + n; i++)
		for (c = i < n ? i : n; c >= 1; c--) {
			below = i - c;
			if (below > m)
				continue;
			for (u = c * below; u >= below; u--) /* at most c pairs with each */
				way[(size_t)c * width + (size_t)u] +=
					way[(size_t)(c - 1) * width + (size_t)(u - below)];
		}
	for (u = 0; u <= m * n; u++)
		all += way[(size_t)n * width + (size_t)u];
	for (u = 0; u <= m * n; u++)
		l.p[u] = way[(size_t)n * width + (size_t)u] / all;
	free(way);
	return l;
}

void ebb_jonckheere_exact(const int *size, int k, double J, struct ebb_tails *out)
{
	struct law sum = {0, 0, ebb_xcalloc(1, sizeof *sum.p)}, u;
	int g, earlier = 0;

	sum.p[0] = 1.0;
	for (g = 0; g < k; g++) {
		if (earlier > 0 && size[g] > 0) {
			u = mann_whitney(earlier, size[g]);
			convolve(&sum, &u);
			free(u.p);
		}
		earlier += size[g];
	}
	tails_of(&sum, (int)J, out);
	free(sum.p);
}

struct deal {
	const double *rank; /* ascending                                         (n) */
	int n, k;
	int *left;          /* ranks that a group still gets                     (k) */
	int *below, *equal; /* dealt already: of lower ranks, of the present one (k) */
	int observed;
	double upper, lower, all;
};

static void deal_walk(struct deal *d, int i, int sum)
{
	int g, a, gain, *equal;
	bool fresh;

	if (i == d->n) {
		d->all += 1.0;
		d->upper += sum >= d->observed;
		d->lower += sum <= d->observed;
		return;
	}
	fresh = i > 0 && d->rank[i] != d->rank[i - 1];
	equal = d->equal + (size_t)i * (size_t)d->k;
	/* Every depth has its own count of ties, so that coming back needs no undoing. */
	for (a = 0; a < d->k; a++) {
		equal[a] = i == 0 || fresh ? 0 : equal[a - d->k];
		d->below[i * d->k + a] = i == 0  ? 0
					 : fresh ? d->below[(i - 1) * d->k + a] + equal[a - d->k]
						 : d->below[(i - 1) * d->k + a];
	}
	for (g = 0; g < d->k; g++) {
		if (d->left[g] == 0)
			continue;
		for (a = 0, gain = 0; a < d->k; a++)
			gain += (a < g ? 2 * d->below[i * d->k + a] : 0) + (a != g ? equal[a] : 0);
		d->left[g]--;
		equal[g]++;
		deal_walk(d, i + 1, sum + gain);
		equal[g]--;
		d->left[g]++;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

bool ebb_jonckheere_count(const double *rank, const int *group, int n, int k, double J, double most,
			  struct ebb_tails *out)
{
	size_t room = (size_t)(n + 1) * (size_t)k;
	struct deal d = {.n = n, .k = k, .observed = (int)(2.0 * J)};
	double ways = 1.0, *v;
	int *size = ebb_xcalloc((size_t)k, sizeof *size), i;

	/* n! / prod n_g!, one value after the other */
	for (i = 0; i < n; i++)
		ways *= (double)(i + 1) / ++size[group[i]];
	if (ways > most) {
		free(size);
		return false;
	}
	v = ebb_xcalloc((size_t)n, sizeof *v);
	memcpy(v, rank, (size_t)n * sizeof *v);
	qsort(v, (size_t)n, sizeof *v, by_value);
	d.rank = v;
	d.left = size;
	d.below = ebb_xcalloc(room, sizeof *d.below);
	d.equal = ebb_xcalloc(room, sizeof *d.equal);
	deal_walk(&d, 0, 0);
	out->upper = d.upper / d.all;
	out->lower = d.lower / d.all;
	free(d.equal);
	free(d.below);
	free(v);
	free(size);
	return true;
}

void ebb_jonckheere_draw(const double *rank, const int *group, int n, int k, double J,
			 struct ebb_tails *out)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_ORDERS};
	int *g = ebb_xcalloc((size_t)n + 1, sizeof *g), observed = (int)(2.0 * J), i, j, r, t, sum;
	double upper = 0.0, lower = 0.0;

	memcpy(g, group, (size_t)n * sizeof *g);
	for (r = 0; r < EBB_RESAMPLES; r++) {
		d.step = (uint32_t)r;
		for (i = n - 1; i > 0; i--) { /* Fisher and Yates */
			j = (int)ebb_below(&d, (uint32_t)i, (uint32_t)i + 1);
			t = g[i];
			g[i] = g[j];
			g[j] = t;
		}
		sum = twice_j(rank, g, n);
		upper += sum >= observed;
		lower += sum <= observed;
	}
	out->upper = (1.0 + upper) / (1.0 + EBB_RESAMPLES);
	out->lower = (1.0 + lower) / (1.0 + EBB_RESAMPLES);
	free(g);
}
