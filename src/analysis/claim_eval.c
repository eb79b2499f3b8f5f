/* One loop over the tree: operands stand before their users. */
#include "analysis/claim_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_check.h"

double ebb_node_get(const struct ebb_evaluation *e, int node, int slot, int seed)
{
	const struct ebb_node_value *value = &e->value[node];

	return value->v[(value->n_slots > 1 ? slot : 0) * e->n_seeds + seed];
}

bool ebb_node_late(const struct ebb_evaluation *e, int node, int slot, int seed)
{
	const struct ebb_node_value *value = &e->value[node];

	return value->late && value->late[(value->n_slots > 1 ? slot : 0) * e->n_seeds + seed];
}

/* Does the comparison hold in one seed? 1, 0, or NaN where a side is missing. */
static double compare(enum ebb_claim_relation relation, double left, double right, double margin)
{
	if (isnan(left) || isnan(right) || isnan(margin))
		return (double)NAN;
	switch (relation) {
	case EBB_CLAIM_LESS:
		return left < right && right - left >= margin;
	case EBB_CLAIM_AT_MOST:
		return left <= right && right - left >= margin;
	case EBB_CLAIM_GREATER:
		return left > right && left - right >= margin;
	case EBB_CLAIM_AT_LEAST:
		return left >= right && left - right >= margin;
	default:
		return fabs(left - right) <= margin;
	}
}

static double combine(const struct ebb_claim_node *node, double x, double y, double margin)
{
	switch (node->kind) {
	case EBB_CLAIM_NUMBER:
		return node->number;
	case EBB_CLAIM_NEGATE:
		return -x;
	case EBB_CLAIM_ADD:
		return x + y;
	case EBB_CLAIM_SUBTRACT:
		return x - y;
	case EBB_CLAIM_MULTIPLY:
		return x * y;
	case EBB_CLAIM_DIVIDE:
	case EBB_CLAIM_RATIO:
		return y == 0.0 ? (double)NAN : x / y;
	case EBB_CLAIM_ABS:
		return fabs(x);
	case EBB_CLAIM_COMPARE:
		return compare(node->relation, x, y, margin);
	case EBB_CLAIM_BOTH:
		return isnan(x) || isnan(y) ? (double)NAN : x != 0.0 && y != 0.0;
	case EBB_CLAIM_SHARE:
		return x;
	default: /* CURVE: read by the node above it */
		return (double)NAN;
	}
}

/* A trial that ended before the number its time is held against may have got there on either side of
 * it: the comparison has no answer in that seed. */
static bool is_undecided(const struct ebb_evaluation *e, int side, int other, int slot, int seed)
{
	return ebb_node_late(e, side, slot, seed) && !e->value[other].timed &&
	       ebb_node_get(e, other, slot, seed) > ebb_node_get(e, side, slot, seed);
}

static void arithmetic(struct ebb_evaluation *e, int i)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	const int operand[] = {node->left, node->right, node->margin};
	struct ebb_node_value *value = &e->value[i];

	value->n_slots = 1;
	for (int j = 0; j < 3; j++)
		if (operand[j] >= 0 && e->value[operand[j]].n_slots > value->n_slots)
			value->n_slots = e->value[operand[j]].n_slots;
	value->v = ebb_xcalloc((size_t)(value->n_slots * e->n_seeds) + 1, sizeof *value->v);
	for (int slot = 0; slot < value->n_slots; slot++)
		for (int s = 0; s < e->n_seeds; s++) {
			double x[3] = {0};

			for (int j = 0; j < 3; j++)
				if (operand[j] >= 0)
					x[j] = ebb_node_get(e, operand[j], slot, s);
			if (node->kind == EBB_CLAIM_COMPARE &&
			    (is_undecided(e, node->left, node->right, slot, s) ||
			     is_undecided(e, node->right, node->left, slot, s)))
				x[0] = (double)NAN;
			value->v[slot * e->n_seeds + s] = combine(node, x[0], x[1], x[2]);
		}
}

static void inherit(struct ebb_evaluation *e, int i)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	const int operand[] = {node->left, node->right, node->margin};

	e->value[i].reads = ebb_claim_reads(e->c, node);
	e->value[i].timed = node->kind == EBB_CLAIM_TIME_TO;
	for (int j = 0; j < 3; j++)
		if (operand[j] >= 0) {
			e->value[i].reads = e->value[i].reads || e->value[operand[j]].reads;
			e->value[i].timed = e->value[i].timed || e->value[operand[j]].timed;
		}
}

int ebb_evaluate(struct ebb_evaluation *e, const struct ebb_claim *claim,
		 const struct ebb_claim_scope *scope, const struct ebb_claim_data *data,
		 struct ebb_err *err)
{
	size_t n = (size_t)claim->n_nodes, seeds = (size_t)scope->def->n_seeds;
	int rc;

	*e = (struct ebb_evaluation){.c = claim,
				     .scope = scope,
				     .data = data,
				     .n_seeds = scope->def->n_seeds,
				     .over = ebb_xcalloc(n, sizeof *e->over),
				     .value = ebb_xcalloc(n, sizeof *e->value),
				     .reading = ebb_xcalloc(n, sizeof *e->reading),
				     .slots = ebb_xcalloc(n, sizeof *e->slots)};
	e->limit = ebb_xcalloc(EBB_N_SCALES * seeds + 1, sizeof *e->limit);
	e->asked = ebb_xcalloc(seeds + 1, sizeof *e->asked);
	e->reads_arm = ebb_xcalloc((size_t)scope->def->n_arms + 1, sizeof *e->reads_arm);
	rc = ebb_evaluation_plan(e, err);
	if (rc == 0)
		rc = ebb_evaluation_limits(e, err);
	for (int i = 0; i < claim->n_nodes && rc == 0; i++) {
		inherit(e, i);
		if (ebb_claim_reads(claim, &claim->node[i]))
			rc = ebb_evaluation_read(e, i, err);
		else if (ebb_claim_over_arms(claim, &claim->node[i]))
			rc = ebb_evaluation_over(e, i, err);
		else
			arithmetic(e, i);
	}
	return rc;
}

void ebb_evaluation_release(struct ebb_evaluation *e)
{
	for (int i = 0; e->c && i < e->c->n_nodes; i++) {
		free(e->value[i].v);
		free(e->value[i].late);
		free(e->reading[i].arm);
		free(e->reading[i].seed);
		free(e->slots[i].key);
		free(e->slots[i].arm);
	}
	for (int i = 0; i < e->n_metrics; i++)
		free(e->metric[i]);
	free(e->metric);
	free(e->over);
	free(e->value);
	free(e->reading);
	free(e->slots);
	free(e->limit);
	free(e->asked);
	free(e->reads_arm);
	ebb_buf_release(&e->missing);
	*e = (struct ebb_evaluation){0};
}
