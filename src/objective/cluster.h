/*
 * Rewards without labels: the answers of one group are put into clusters of equal meaning, and a
 * response is paid for the company of its answer. EMPO, arXiv:2504.05812; EI 6. With p(c) the share
 * of the group in cluster c, SE = -sum p(c) ln p(c) is the group's semantic entropy; paying p(c)
 * lowers it. No gradient goes through SE itself.
 */
#ifndef EBB_OBJECTIVE_CLUSTER_H
#define EBB_OBJECTIVE_CLUSTER_H

#include "options/options.h"

/* Do responses a and b (both with an answer) mean the same? Asked with a < b alone. */
typedef bool (*ebb_same_answer)(const void *ctx, int a, int b);

struct ebb_cluster_group {
	double entropy, normalised; /* SE in nats; over ln G, exactly 0 and 1 at its ends       */
	double largest;             /* the largest p(c)                                         */
	int clusters, empty;        /* K; responses without an answer                           */
	bool low, high;             /* out of cluster.low, cluster.high: no advantage           */
};

/*
 * Put G responses into clusters 0..K-1, numbered by their first member; returns K. empty[i]: response
 * i has no answer; joint: these are one cluster, else one each. Rules (EI 6.2), which differ where
 * equality is not transitive: first_representative, a response joins the first cluster whose first
 * member it equals; last_writer, every founder of a cluster claims all later equals, also those
 * another has claimed before.
 */
int ebb_cluster_assign(enum ebb_cluster_rule rule, bool joint, int G, const bool *empty,
		       ebb_same_answer same, const void *ctx, int *id);

/* SE and what follows from it, from the ids of G responses. */
void ebb_cluster_measure(const struct ebb_options *o, int G, const bool *empty, const int *id,
			 struct ebb_cluster_group *g);

/* cluster.reward of every response (G), EI 6.3. */
void ebb_cluster_reward(const struct ebb_options *o, int G, const bool *empty, const int *id,
			double *reward);

#endif
