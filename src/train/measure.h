/* What a step and an evaluation measured, from the arrays they left. */
#ifndef EBB_TRAIN_MEASURE_H
#define EBB_TRAIN_MEASURE_H

#include "options/metrics.h"
#include "train/store.h"

/* A row of metrics before it is written: NaN where nothing was measured. */
struct ebb_reading {
	double metric[EBB_N_METRICS];
	double curve[EBB_TASK_CURVES_MAX];
};

void ebb_reading_clear(struct ebb_reading *r);

/*
 * Entropy, reward, length, groups and the task's curves over the groups of one draw of the step:
 * round 0, which every arm draws with the same random numbers, so that arms compare on the same
 * footing whatever they keep afterwards. position_entropy and position_count (T) may be null.
 */
void ebb_measure_rollouts(const struct ebb_lab *lab, const struct ebb_store *s,
			  struct ebb_reading *r, double *position_entropy, double *position_count);

/* Raw-logit moments from (n, stride, 4) of a pass over these rows: pooled and per position. */
void ebb_measure_logits(const struct ebb_row *row, int n, int stride, const double *moment, int V,
			const double *entropy, struct ebb_reading *r);

void ebb_measure_pairs(const struct ebb_pair_stats *s, struct ebb_reading *r);
/* Clusters of the groups' answers, of one draw as above. */
void ebb_measure_clusters(const struct ebb_options *o, const struct ebb_store *s,
			  struct ebb_reading *r);

/* What needs the logits (rows, T, V) themselves: skewness in its further scopes, and how many tokens
 * count at a position. work has room for V. */
void ebb_measure_distribution(const struct ebb_store *s, const float *logits, int V, double tau,
			      double *work, struct ebb_reading *r);

/* The information reward of one draw: by correctness, against length, and how often the chain has no
 * marker to end at. */
void ebb_measure_info(const struct ebb_store *s, struct ebb_reading *r);

/* Exact KL and its estimates over the tokens of a store with ref and kl filled; logp (rows, T) is the
 * current policy's, which a stale sampler's is not; from (rows, T): the KL of the reference to it. */
void ebb_measure_kl(const struct ebb_store *s, const double *logp, const double *from,
		    struct ebb_reading *r);

#define EBB_DECILES 10 /* of a response, by relative position */

/* Quantiles of the entropy over all tokens, and its mean in each decile; scratch (rows, T). */
void ebb_measure_entropy(const struct ebb_store *s, double *scratch, struct ebb_reading *r,
			 double *decile);

/* max |exp(logp - sampler) - 1| over the tokens of the given rows that are not before `first`: rows
 * carried over from an earlier step were drawn by an earlier policy, injected ones by another. */
double ebb_measure_ratio_dev(const struct ebb_store *s, int first, const int *row, int n,
			     const double *logp, int stride);

#endif
