/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A draw is a pure function of (seed, stream, step, round, slot, sample,
 * position): no state, so batches may be cut anywhere and arms share their draws
 * (common random numbers). Algorithms never enter the key.
 *
 *   key     = seed (64 bits)
 *   counter = { position | stream << 24, sample | round << 20, slot, step }
 *
 * Limits, checked by EBB_BUG: stream < 256, position < 2^24, round < 2^12, sample < 2^20.
 */
#ifndef EBB_BASE_RNG_H
#define EBB_BASE_RNG_H

#include <stdint.h>

/* What a draw is for. A new use gets a new line at the end: numbers are part of the results. */
enum ebb_stream {
	EBB_STREAM_INIT = 0,	/* initial weights: slot = tensor, position.. = element     */
	EBB_STREAM_PRETRAIN = 1, /* demonstrations: step, slot = sequence                   */
	EBB_STREAM_QUESTION = 2, /* training questions: step, round, slot                   */
	EBB_STREAM_DECODE = 3,	/* tokens of training rollouts: step, round, slot, sample, position */
	EBB_STREAM_SHUFFLE = 4, /* dealing groups into mini-batches: step, round = epoch    */
	EBB_STREAM_REWARD = 5,	/* random rewards: step, round, slot, sample */
	EBB_STREAM_EVAL_QUESTION = 6, /* held-out questions, the same for every arm         */
	EBB_STREAM_EVAL_DECODE = 7,   /* tokens of evaluation samples                       */
	EBB_STREAM_MISMATCH = 8,      /* noise between sampler and trainer                  */
	EBB_STREAM_SELECT = 9,	      /* random choices inside an objective                 */
	EBB_STREAM_BOOTSTRAP = 10,    /* resampling in the analysis                         */
	EBB_STREAM_REFERENCE = 11,    /* rollouts of the base policy for static baselines   */
	EBB_STREAM_PROBE = 12,	      /* probe states of the entropy change: slot           */
	EBB_STREAM_INJECT = 13,	      /* stored trajectories of prompts: step, round, slot  */
	EBB_STREAM_TREE = 14,	      /* nodes of the random tree sampler: step, round, slot, sample = samples drawn */
	EBB_STREAM_TREE_PROBE = 15,   /* tokens of the probe's trees, as DECODE             */
	EBB_STREAM_NOISE = 16,	      /* errors of the verifier: step, round, slot, sample    */
	EBB_STREAM_PAIR = 17,	      /* pairs of a group: step, slot = group of the batch    */
	EBB_STREAM_CANDIDATE = 18,    /* questions that em.select chooses from: slot        */
	EBB_STREAM_CANDIDATE_DECODE = 19, /* the base policy's responses to them            */
	EBB_STREAM_CHAIN = 20,	      /* questions of the information I(q;r): slot          */
	EBB_STREAM_CHAIN_DECODE = 21, /* their chains: step, slot                           */
	EBB_STREAM_TEST = 255,
};

struct ebb_draw {
	uint64_t seed;
	uint32_t stream, step, round, slot, sample;
};

/* Four independent 32-bit words for one position. */
void ebb_philox(const struct ebb_draw *d, uint32_t position, uint32_t out[4]);

/* Uniform in [0, 1), 53 bits. */
double ebb_uniform(const struct ebb_draw *d, uint32_t position);

/* Uniform integer in [0, n) without modulo bias beyond 2^-32 (multiply-shift of 64 bits); n > 0. */
uint32_t ebb_below(const struct ebb_draw *d, uint32_t position, uint32_t n);

/* Standard normal (Box-Muller on two of the four words, ebb_log and a polynomial cosine). */
double ebb_normal(const struct ebb_draw *d, uint32_t position);

/* A sequential source over positions 0, 1, 2, ... of one draw, for code that wants "the next". */
struct ebb_rng {
	struct ebb_draw draw;
	uint32_t position;
};
double ebb_rng_uniform(struct ebb_rng *r);
uint32_t ebb_rng_below(struct ebb_rng *r, uint32_t n);

#endif
