#include "analysis/trend.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/rank.h"
#include "analysis/stat.h"
#include "analysis/trend_exact.h"

const char *ebb_trend_way_word(enum ebb_trend_way way)
{
	static const char *const word[] = {
		[EBB_TREND_EXACT] = "exact",
		[EBB_TREND_DRAWN] = "10,000 permutations",
		[EBB_TREND_NORMAL] = "normal approximation",
	};

	return word[way];
}

static void trend_none(struct ebb_trend *out, int k)
{
	double none = (double)NAN;

	*out = (struct ebb_trend){.k = k,
				  .statistic = none,
				  .expected = none,
				  .variance = none,
				  .size = none,
				  .z = none,
				  .p = none,
				  .p_grows = none,
				  .p_falls = none,
				  .p_normal = none,
				  .way = EBB_TREND_NORMAL};
}

/* z and the p-values of the normal law; false where nothing varies and there is no test. */
static bool approximate(struct ebb_trend *out)
{
	ebb_gsl_quiet();
	if (!(out->variance > 0.0))
		return false;
	out->z = (out->statistic - out->expected) / sqrt(out->variance);
	out->p_grows = gsl_cdf_ugaussian_Q(out->z);
	out->p_falls = gsl_cdf_ugaussian_P(out->z);
	out->p = out->p_normal = 2.0 * fmin(out->p_grows, out->p_falls);
	out->way = EBB_TREND_NORMAL;
	return true;
}

static void replace(struct ebb_trend *out, const struct ebb_tails *t, enum ebb_trend_way way)
{
	out->p_grows = t->upper;
	out->p_falls = t->lower;
	out->p = fmin(1.0, 2.0 * fmin(t->upper, t->lower));
	out->way = way;
}

/* ---- Page ---- */

int ebb_trend_page(const double *value, int n_seeds, int k, struct ebb_trend *out,
		   struct ebb_err *err)
{
	struct ebb_tails tails;
	double *rank, centre = 0.5 * (k + 1), weight, spread, unit;
	int s, j, n = 0, rc = 0;

	trend_none(out, k);
	if (k < 2)
		return 0;
	rank = ebb_xcalloc((size_t)(n_seeds > 0 ? n_seeds : 0) * (size_t)k + 1, sizeof *rank);
	/* sum of (j - centre)^2 is k (k^2 - 1) / 12 */
	unit = k * ((double)k * k - 1.0) / 12.0;
	out->statistic = out->variance = 0.0;
	for (s = 0; s < n_seeds; s++) {
		for (j = 0; j < k && isfinite(value[s * k + j]); j++)
			;
		if (j < k) {
			out->dropped++;
			continue;
		}
		ebb_rank_mid(value + s * k, k, rank + n * k, NULL);
		for (j = 0, spread = 0.0; j < k; j++) {
			weight = rank[n * k + j] - centre;
			out->statistic += (j + 1) * rank[n * k + j];
			spread += weight * weight;
		}
		out->variance += unit * spread / (k - 1);
		n++;
	}
	out->n = n;
	if (n == 0) {
		out->statistic = out->variance = (double)NAN;
	} else {
		out->expected = n * k * centre * centre;
		out->size = (out->statistic - out->expected) / (n * unit);
		if (approximate(out) && k <= EBB_PAGE_EXACT_ARMS && n <= EBB_PAGE_EXACT_SEEDS) {
			rc = ebb_page_exact(rank, n, k, out->statistic, &tails, err);
			if (rc == 0)
				replace(out, &tails, EBB_TREND_EXACT);
		}
	}
	free(rank);
	return rc;
}

/* ---- Jonckheere-Terpstra ---- */

/* Moments of J from the sizes of groups and of ties (of which sum and powers are taken). */
static void jonckheere_moments(const int *size, int k, const double *rank, int n,
			       struct ebb_trend *out)
{
	double big = n, a[3] = {0}, b[3] = {0}, squares = 0.0, t, share;
	int i, j;

	for (i = 0; i < k; i++) {
		t = size[i];
		squares += t * t;
		a[0] += t * (t - 1) * (2 * t + 5);
		a[1] += t * (t - 1) * (t - 2);
		a[2] += t * (t - 1);
	}
	/* Every value adds its share of its tie group's term. */
	for (i = 0; i < n; i++) {
		for (j = 0, t = 0; j < n; j++)
			t += rank[j] == rank[i];
		share = 1.0 / t;
		b[0] += share * t * (t - 1) * (2 * t + 5);
		b[1] += share * t * (t - 1) * (t - 2);
		b[2] += share * t * (t - 1);
	}
	out->expected = (big * big - squares) / 4;
	out->variance = (big * (big - 1) * (2 * big + 5) - a[0] - b[0]) / 72;
	if (n > 2)
		out->variance += a[1] * b[1] / (36 * big * (big - 1) * (big - 2));
	if (n > 1)
		out->variance += a[2] * b[2] / (8 * big * (big - 1));
	/* All values equal: 0 in exact arithmetic. */
	if (out->variance < 1e-9 * big * big * big)
		out->variance = 0.0;
}

int ebb_trend_jonckheere(const double *value, const int *group, int n, int k, struct ebb_trend *out,
			 struct ebb_err *err)
{
	size_t room = (size_t)(n > 0 ? n : 0) + 1;
	double *v = ebb_xcalloc(room, sizeof *v), *rank = ebb_xcalloc(room, sizeof *rank), ties;
	int *g = ebb_xcalloc(room, sizeof *g);
	int *size = ebb_xcalloc((size_t)(k > 0 ? k : 0) + 1, sizeof *size);
	struct ebb_tails tails;
	double pairs;
	int i, m = 0, used = 0, rc = 0;

	trend_none(out, 0);
	for (i = 0; i < n && rc == 0; i++) {
		if (group[i] < 0 || group[i] >= k)
			rc = ebb_err_set(err, EBB_EINVAL, "value %d: group %d of %d", i, group[i],
					 k);
		else if (isfinite(value[i])) {
			v[m] = value[i];
			g[m++] = group[i];
			size[group[i]]++;
		} else
			out->dropped++;
	}
	out->n = m;
	for (i = 0; i < k; i++)
		used += size[i] > 0;
	out->k = used;
	if (rc == 0 && used >= 2) {
		ebb_rank_mid(v, m, rank, &ties);
		out->statistic = ebb_jonckheere(rank, g, m, k);
		jonckheere_moments(size, k, rank, m, out);
		pairs = 2.0 * out->expected;
		out->size = 2.0 * out->statistic / pairs - 1.0;
		if (approximate(out) && m <= EBB_JONCKHEERE_EXACT) {
			bool counted = true;

			if (ties == 0.0)
				ebb_jonckheere_exact(size, k, out->statistic, &tails);
			else
				counted = ebb_jonckheere_count(rank, g, m, k, out->statistic,
							       EBB_JONCKHEERE_COUNT, &tails);
			if (!counted)
				ebb_jonckheere_draw(rank, g, m, k, out->statistic, &tails);
			replace(out, &tails, counted ? EBB_TREND_EXACT : EBB_TREND_DRAWN);
		}
	}
	free(size);
	free(g);
	free(rank);
	free(v);
	return rc;
}
