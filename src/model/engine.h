/* The engine's inside; private to model/ and its tests. */
#ifndef EBB_MODEL_ENGINE_H
#define EBB_MODEL_ENGINE_H

#include "model/block.h"

struct ebb_engine {
	struct ebb_net net;
	struct ebb_pool *pool;
	int slot;
	struct ebb_block *block; /* one a worker */
	struct ebb_act *act;     /* their layers' activations (workers, L) */
	float *lane;             /* (EBB_LANES, n_lane) */
	size_t n_lane;           /* a gradient, then the head's part of a tied embedding */
	float *head_sum;         /* that part, summed over lanes (V, C) */
	double *partial;         /* sums of squares, one a range (n_ranges) */
	double *moved;           /* squared changes of weights, one a tensor (n_tensors) */
	int n_ranges;
	struct ebb_arena parts, arena; /* the list of blocks, then what they hold */
};

/* Let blocks use at most this many input positions (never more than they have room for). Changes
 * time only. */
void ebb_engine_limit(struct ebb_engine *e, int positions);

#endif
