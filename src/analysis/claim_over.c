/*
 * trend() and spearman() over arms, as one number a seed, so that seeds stay the unit of replication.
 *
 *   trend              Spearman's rho of the values with the order of the key, within the seed
 *   spearman, 4 slots  rho of the two halves over the slots, within the seed
 *   fewer              within a seed the ranks of two or three arms say next to nothing, so rho is
 *                      taken over all arms and seeds together, and seed s gets Tukey's jackknife
 *                      pseudo-value n rho - (n - 1) rho_(-s): their mean is the jackknife estimate
 *                      and their t interval its interval (Miller, Biometrika 61 (1974) 1)
 *
 * A seed with a slot missing has no number.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_eval.h"
#include "analysis/rank.h"
#include "analysis/trend.h"

#define SLOTS_WITHIN 4 /* slots from which a rank correlation within one seed is worth taking */

/* One side of a node in one seed; false where a slot has no value. right side of a key: its values. */
static bool column(const struct ebb_evaluation *e, int i, int operand, int seed, double *out)
{
	const struct ebb_node_slots *slots = &e->slots[i];
	bool whole = true;

	for (int k = 0; k < slots->n; k++) {
		out[k] = operand >= 0 ? ebb_node_get(e, operand, k, seed) : slots->key[k];
		whole = whole && (operand >= 0 ? isfinite(out[k]) : !isnan(out[k]));
	}
	return whole;
}

static int within(struct ebb_evaluation *e, int i, double *x, double *y, struct ebb_err *err)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	int rc = 0;

	for (int s = 0; s < e->n_seeds && rc == 0; s++) {
		double *v = &e->value[i].v[s];

		*v = (double)NAN;
		if (!column(e, i, node->left, s, x))
			continue;
		if (node->kind == EBB_CLAIM_TREND) {
			struct ebb_trend trend;

			rc = ebb_trend_page(x, 1, e->slots[i].n, &trend, err);
			*v = trend.size;
		} else if (column(e, i, node->right, s, y)) {
			struct ebb_spearman rank;

			rc = ebb_spearman(x, y, e->slots[i].n, &rank, err);
			*v = rank.rho;
		}
	}
	return rc;
}

/* rho over all slots of the seeds in `use`, without one of them (-1: with all). */
static int pooled(const struct ebb_evaluation *e, int i, const bool *use, int without, double *x,
		  double *y, double *rho, struct ebb_err *err)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	struct ebb_spearman rank;
	int n = 0, rc;

	for (int s = 0; s < e->n_seeds; s++)
		if (use[s] && s != without) {
			column(e, i, node->left, s, x + n);
			column(e, i, node->right, s, y + n);
			n += e->slots[i].n;
		}
	rc = ebb_spearman(x, y, n, &rank, err);
	*rho = rank.rho;
	return rc;
}

static int jackknife(struct ebb_evaluation *e, int i, double *x, double *y, struct ebb_err *err)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	bool *use = ebb_xcalloc((size_t)e->n_seeds + 1, sizeof *use);
	double all, less;
	int n = 0, rc;

	for (int s = 0; s < e->n_seeds; s++) {
		use[s] = column(e, i, node->left, s, x) && column(e, i, node->right, s, y);
		n += use[s];
	}
	rc = pooled(e, i, use, -1, x, y, &all, err);
	for (int s = 0; s < e->n_seeds && rc == 0; s++) {
		e->value[i].v[s] = (double)NAN;
		if (!use[s])
			continue;
		rc = pooled(e, i, use, s, x, y, &less, err);
		e->value[i].v[s] = n == 1 ? all : n * all - (n - 1) * less;
	}
	free(use);
	return rc;
}

int ebb_evaluation_over(struct ebb_evaluation *e, int i, struct ebb_err *err)
{
	size_t room = (size_t)(e->slots[i].n * (e->n_seeds + 1)) + 1;
	double *x = ebb_xcalloc(room, sizeof *x), *y = ebb_xcalloc(room, sizeof *y);
	int rc;

	e->value[i].n_slots = 1;
	e->value[i].v = ebb_xcalloc((size_t)e->n_seeds + 1, sizeof *e->value[i].v);
	if (e->c->node[i].kind == EBB_CLAIM_TREND || e->slots[i].n >= SLOTS_WITHIN)
		rc = within(e, i, x, y, err);
	else
		rc = jackknife(e, i, x, y, err);
	free(x);
	free(y);
	return rc;
}
