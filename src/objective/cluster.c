/* Clusters of answers and what they pay. EI 6. */
#include "objective/cluster.h"

#include "base/err.h"
#include "base/real.h"

static bool same(int a, int b, bool joint, const bool *empty, ebb_same_answer equal,
		 const void *ctx)
{
	if (empty[a] || empty[b])
		return joint && empty[a] && empty[b];
	return equal(ctx, a, b);
}

int ebb_cluster_assign(enum ebb_cluster_rule rule, bool joint, int G, const bool *empty,
		       ebb_same_answer equal, const void *ctx, int *id)
{
	int K = 0;

	for (int i = 0; i < G; i++)
		id[i] = -1;
	for (int i = 0; i < G; i++) {
		if (id[i] >= 0)
			continue;
		id[i] = K++;
		for (int j = i + 1; j < G; j++)
			if ((id[j] < 0 || rule == EBB_CLUSTER_LAST_WRITER) &&
			    same(i, j, joint, empty, equal, ctx))
				id[j] = id[i];
	}
	return K;
}

/* Responses in the cluster of response i. */
static int members(int G, const int *id, int i)
{
	int n = 0;

	for (int j = 0; j < G; j++)
		n += id[j] == id[i];
	return n;
}

static bool is_first(const int *id, int i)
{
	for (int j = 0; j < i; j++)
		if (id[j] == id[i])
			return false;
	return true;
}

void ebb_cluster_measure(const struct ebb_options *o, int G, const bool *empty, const int *id,
			 struct ebb_cluster_group *g)
{
	*g = (struct ebb_cluster_group){0};
	for (int i = 0; i < G; i++) {
		const double p = (double)members(G, id, i) / G;

		g->empty += empty[i];
		if (!is_first(id, i))
			continue;
		g->clusters++;
		g->largest = ebb_max(g->largest, p);
		g->entropy -= p * ebb_log(p);
	}
	if (g->clusters == 1)
		g->entropy = 0.0; /* not -0 */
	/* the ends are exact, so that an exclusive bound at 0 or 1 means what it says */
	g->normalised = g->clusters == 1   ? 0.0
			: g->clusters == G ? 1.0
					   : g->entropy / ebb_log((double)G);
	g->low = !(g->normalised > o->cluster.low);
	g->high = !g->low && !(g->normalised < o->cluster.high);
}

/* The whole group is without reward: only all different answers, or none of them frequent. */
static bool is_void(const struct ebb_options *o, int G, const struct ebb_cluster_group *g)
{
	if (o->cluster.reward == EBB_CLUSTER_TRL_MATH)
		return g->clusters == G;
	return o->cluster.reward == EBB_CLUSTER_NATURAL && g->largest < 0.2 && g->clusters > 1;
}

void ebb_cluster_reward(const struct ebb_options *o, int G, const bool *empty, const int *id,
			double *reward)
{
	struct ebb_cluster_group g;

	ebb_cluster_measure(o, G, empty, id, &g);
	for (int i = 0; i < G; i++) {
		const double p = (double)members(G, id, i) / G;

		if (is_void(o, G, &g)) {
			reward[i] = 0.0;
			continue;
		}
		switch (o->cluster.reward) {
		case EBB_CLUSTER_FREQ:
			reward[i] = p;
			break;
		case EBB_CLUSTER_TRL_MATH:
			reward[i] = empty[i] ? 0.0 : p;
			break;
		case EBB_CLUSTER_NATURAL:
			reward[i] = empty[i] ? -0.5 : p;
			break;
		case EBB_CLUSTER_VOTING:
			reward[i] = p == g.largest;
			break;
		}
	}
}
