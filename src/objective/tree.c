/* Nodes of trees, their IB-Score and who is branched off from next. EI 5.1 to 5.4. */
#include "objective/tree.h"

#include <math.h>
#include <string.h>
#include "base/err.h"
#include "base/real.h"

/* ---- nodes ---- */

static int add_node(struct ebb_tree *tree, int parent, int row, int tokens)
{
	struct ebb_node *up = parent < 0 ? NULL : &tree->node[parent];

	tree->node[tree->n] = (struct ebb_node){.parent = parent,
						.tokens = tokens,
						.end = up ? up->end + tokens : 0,
						.row = row,
						.depth = up ? up->depth + 1 : 0,
						.entropy = NAN};
	if (up)
		up->children++;
	return tree->n++;
}

/* A step below parent with these tokens, -1: none. */
static int find_equal(const struct ebb_paths *p, const struct ebb_tree *tree, int parent, int row,
		      int tokens)
{
	const size_t from = (size_t)tree->node[parent].end, T = (size_t)p->T;

	for (int i = parent + 1; i < tree->n; i++)
		if (tree->node[i].parent == parent && tree->node[i].tokens == tokens &&
		    memcmp(p->token + (size_t)tree->node[i].row * T + from,
			   p->token + (size_t)row * T + from,
			   (size_t)tokens * sizeof *p->token) == 0)
			return i;
	return -1;
}

static void add_row(const struct ebb_options *o, const struct ebb_paths *p, struct ebb_tree *tree,
		    int row)
{
	const size_t at = (size_t)row * (size_t)p->T;
	const bool counted = !p->counted || p->counted[row];
	int shared = p->shared[row], node = 0;

	if (shared > 0) {
		const size_t from = (size_t)p->from[row] * (size_t)p->T;

		memcpy(tree->at + at, tree->at + from, (size_t)shared * sizeof *tree->at);
		node = tree->at[from + (size_t)shared - 1];
		if (tree->node[node].end != shared)
			EBB_BUG("response %d branches off inside a step", row);
	}
	for (int t = shared, first = shared; t < p->length[row]; t++) {
		int next = -1;

		if (!p->ends[at + (size_t)t])
			continue;
		if (o->tree.merge_duplicates)
			next = find_equal(p, tree, node, row, t + 1 - first);
		if (next < 0) {
			next = add_node(tree, node, row, t + 1 - first);
			for (int u = first; u <= t && p->logp; u++)
				tree->node[next].logp += p->logp[at + (size_t)u];
			if (p->entropy && tree->node[node].children == 1)
				tree->node[node].entropy = p->entropy[at + (size_t)first];
		}
		for (int u = first; u <= t; u++)
			tree->at[at + (size_t)u] = next;
		node = next;
		first = t + 1;
	}
	for (; counted && node >= 0; node = tree->node[node].parent) {
		tree->node[node].leaves++;
		tree->node[node].sum += p->value[row];
	}
}

void ebb_tree_build(const struct ebb_options *o, const struct ebb_paths *p, struct ebb_tree *tree)
{
	tree->n = 0;
	add_node(tree, -1, 0, 0);
	for (int i = 0; i < p->rows; i++)
		add_row(o, p, tree, i);
}

double ebb_tree_value(const struct ebb_node *node)
{
	return node->leaves > 0 ? node->sum / node->leaves : NAN;
}

double ebb_tree_confidence(const struct ebb_options *o, const struct ebb_node *node)
{
	return ebb_exp(o->ib.conf == EBB_CONF_SEQ_PROB ? node->logp : node->logp / node->tokens);
}

/* Successes under a uniform prior's half, so that nothing is 0. */
static double smooth(const struct ebb_node *node)
{
	return (node->sum + 0.5) / (node->leaves + 1);
}

double ebb_tree_ratio(const struct ebb_options *o, const struct ebb_tree *tree, int node)
{
	const struct ebb_node *child = &tree->node[node], *parent = &tree->node[child->parent];

	if (parent->sum != 0.0)
		return ebb_tree_value(child) / ebb_tree_value(parent);
	return o->ib.zero_parent == EBB_ZERO_PARENT_SMOOTH ? smooth(child) / smooth(parent) : 1.0;
}

/* ---- scores ---- */

/* p ln(p/q), 0 where p is 0. */
static double part(double p, double q)
{
	return p > 0.0 ? p * ebb_log(p / q) : 0.0;
}

void ebb_tree_score(const struct ebb_options *o, const struct ebb_tree *tree, struct ebb_ib *ib)
{
	const double beta = o->ib.beta;
	const double factor = o->ib.prefactor == EBB_PREFACTOR_BETA ? beta : 1.0 + beta;

	for (int s = 0; s < tree->n; s++)
		ib[s] = (struct ebb_ib){0};
	for (int s = 1; s < tree->n; s++) {
		const struct ebb_node *child = &tree->node[s], *node = &tree->node[child->parent];
		const double share = (double)child->leaves / node->leaves;
		const double w =
			o->ib.child_weight == EBB_CHILD_LEAF ? share : 1.0 / node->children;
		const double eta1 = ebb_tree_ratio(o, tree, s) - (1.0 + 1.0 / beta);
		const double eta2 = ebb_tree_confidence(o, child);
		const double p = ebb_tree_value(child), q = ebb_tree_value(node);
		struct ebb_ib *to = &ib[child->parent];

		to->eta1 += w * eta1;
		to->eta2 += w * eta2;
		to->eta12 += w * eta1 * eta2;
		to->mi += share * (part(p, q) + part(1.0 - p, 1.0 - q));
	}
	for (int s = 0; s < tree->n; s++) {
		ib[s].score = factor * ib[s].eta12;
		ib[s].cov = ib[s].eta12 - ib[s].eta1 * ib[s].eta2;
		if (tree->node[s].children == 0)
			ib[s] = (struct ebb_ib){NAN, NAN, NAN, NAN, NAN, NAN};
	}
}

/* ---- who is next ---- */

static bool eligible(const struct ebb_options *o, const struct ebb_node *node)
{
	return node->children > 0 && (o->tree.max_children == 0 ||
				      node->children + o->tree.branch <= o->tree.max_children);
}

static bool among(const int *chosen, int n, int node)
{
	for (int i = 0; i < n; i++)
		if (chosen[i] == node)
			return true;
	return false;
}

/* What the sampler wants most; a number that is none counts least. */
static double wish(enum ebb_tree_sampler sampler, const struct ebb_tree *tree,
		   const struct ebb_ib *ib, int s)
{
	const struct ebb_node *node = &tree->node[s];
	double x = 0.0;

	if (sampler == EBB_TREE_IB)
		x = ib[s].score;
	else if (sampler == EBB_TREE_ENTROPY)
		x = node->entropy;
	else if (sampler == EBB_TREE_FIXED_WIDTH)
		x = -((double)node->children * tree->n + node->depth);
	return x == x ? x : -INFINITY;
}

void ebb_tree_choose(const struct ebb_options *o, enum ebb_tree_sampler sampler,
		     const struct ebb_tree *tree, const struct ebb_ib *ib,
		     const struct ebb_draw *draw, int *chosen)
{
	const int width = (int)o->tree.width;
	int n = 0;

	for (int s = 0; s < tree->n; s++)
		n += eligible(o, &tree->node[s]);
	for (int k = 0; k < width; k++) {
		const int *gone = n > 0 ? chosen + k / n * n : chosen; /* those of this turn */
		const int left = n > 0 ? n - k % n : 0;
		int best = -1, skip = 0;

		chosen[k] = 0;
		if (left == 0)
			continue;
		if (sampler == EBB_TREE_RANDOM)
			skip = (int)ebb_below(draw, (uint32_t)k, (uint32_t)left);
		for (int s = 0; s < tree->n; s++) {
			if (!eligible(o, &tree->node[s]) || among(gone, n - left, s))
				continue;
			if (sampler == EBB_TREE_RANDOM) {
				if (skip-- == 0)
					best = s;
			} else if (best < 0 ||
				   wish(sampler, tree, ib, s) > wish(sampler, tree, ib, best)) {
				best = s;
			}
		}
		chosen[k] = best;
	}
}

/* ---- accounting ---- */

void ebb_tree_count(const struct ebb_paths *p, struct ebb_tree_account *a)
{
	*a = (struct ebb_tree_account){0};
	for (int i = 0; i < p->rows; i++) {
		a->consumed += p->length[i];
		a->generated += p->length[i] - p->shared[i];
		if (p->shared[i] > 0)
			a->depth += (double)p->shared[i] / p->length[i];
	}
}
