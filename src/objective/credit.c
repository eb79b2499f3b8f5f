/* What every token of a tree's responses is credited with. EI 5.5. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "objective/stages.h"
#include "objective/tree.h"

/* Rows of one group, which lie side by side, as paths with a tree's room. */
struct grove {
	const struct ebb_batch *b;
	int first;
	struct ebb_paths p;
	struct ebb_tree tree;
};

/* The next group's tree; false after the last. */
static bool grove_next(struct grove *g)
{
	const struct ebb_batch *b = g->b;
	const size_t T = (size_t)b->T;
	struct ebb_paths *p = &g->p;
	int i;

	g->first += p->rows;
	if (g->first >= b->R)
		return false;
	for (i = g->first + 1; i < b->R && b->group[i] == b->group[g->first]; i++)
		;
	p->rows = i - g->first;
	p->T = b->T;
	p->length = b->length + g->first;
	p->from = b->paths->from + g->first;
	p->shared = b->paths->shared + g->first;
	p->ends = b->paths->ends + (size_t)g->first * T;
	p->token = b->paths->token + (size_t)g->first * T;
	g->tree.node =
		ebb_xrealloc(g->tree.node, ebb_tree_nodes(p->rows, p->T), sizeof *g->tree.node);
	g->tree.at = ebb_xrealloc(g->tree.at, (size_t)p->rows * T, sizeof *g->tree.at);
	return true;
}

static void grove_release(struct grove *g)
{
	free(g->tree.at);
	free(g->tree.node);
}

void ebb_tree_spread(const struct ebb_options *o, const struct ebb_batch *b, const bool *counted,
		     const double *x, double *value)
{
	struct grove g = {.b = b};

	while (grove_next(&g)) {
		const size_t base = (size_t)g.first * (size_t)b->T;

		g.p.value = x + g.first;
		g.p.counted = counted + g.first;
		ebb_tree_build(o, &g.p, &g.tree);
		for (int i = 0; i < g.p.rows; i++)
			for (int t = 0; t < g.p.length[i]; t++) {
				const size_t at = (size_t)i * (size_t)b->T + (size_t)t;

				value[base + at] = ebb_tree_value(&g.tree.node[g.tree.at[at]]);
			}
	}
	grove_release(&g);
}

void ebb_tree_local(const struct ebb_options *o, const struct ebb_batch *b, const bool *counted,
		    double *local)
{
	const double *source = o->ib.ref == EBB_IB_REF ? b->ref : b->old;
	const size_t cells = (size_t)b->R * (size_t)b->T;
	double *logp = ebb_xcalloc(cells + 1, sizeof *logp);
	struct grove g = {.b = b};

	if (!source)
		EBB_BUG("ib.ref=ref needs the batch's reference");
	for (int i = 0; i < b->R; i++)
		for (int t = 0; t < b->length[i]; t++) {
			const size_t at = (size_t)i * (size_t)b->T + (size_t)t;
			int bad;

			logp[at] = ebb_logp_frozen(source[at], o->ratio.logp_floor, &bad);
		}
	while (grove_next(&g)) {
		const size_t base = (size_t)g.first * (size_t)b->T;

		g.p.value = b->reward + g.first;
		g.p.counted = counted + g.first;
		g.p.logp = logp + base;
		ebb_tree_build(o, &g.p, &g.tree);
		for (int i = 0; i < g.p.rows; i++)
			for (int t = 0; t < g.p.length[i]; t++) {
				const size_t at = (size_t)i * (size_t)b->T + (size_t)t;
				const int s = g.tree.at[at];

				local[base + at] =
					(ebb_tree_ratio(o, &g.tree, s) - (1.0 + 1.0 / o->ib.beta)) *
					ebb_tree_confidence(o, &g.tree.node[s]);
			}
	}
	grove_release(&g);
	free(logp);
}

void ebb_tree_once(const struct ebb_options *o, struct ebb_batch *b)
{
	const size_t T = (size_t)b->T;
	struct grove g = {.b = b};

	while (grove_next(&g)) {
		unsigned char *mask = b->mask + (size_t)g.first * T;
		int *owner; /* of a node: first row of the loss through it, + 1 */

		g.p.value = b->reward + g.first;
		ebb_tree_build(o, &g.p, &g.tree);
		owner = ebb_xcalloc((size_t)g.tree.n, sizeof *owner);
		for (int i = 0; i < g.p.rows; i++)
			for (int t = 0; t < g.p.length[i]; t++) {
				const size_t at = (size_t)i * T + (size_t)t;
				const int s = g.tree.at[at];

				if (!mask[at])
					continue; /* of a row that left the loss */
				if (owner[s] == 0)
					owner[s] = i + 1;
				mask[at] = owner[s] == i + 1;
			}
		free(owner);
	}
	grove_release(&g);
}

int ebb_tree_hidden(const struct ebb_batch *b, int row)
{
	const unsigned char *mask = b->mask + (size_t)row * (size_t)b->T;
	int n = 0;

	if (!b->paths)
		return 0;
	while (n < b->length[row] && !mask[n])
		n++;
	return n;
}
