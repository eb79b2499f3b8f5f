/*
 * The jobs of `ebb bench`, each timed by itself:
 *
 *   train   forward, cross-entropy on all positions, backward, AdamW
 *   sample  full-length responses with the KV cache, log-probabilities recorded
 *   rl      sample groups, reward them by a rule, group-normalised advantages, one clipped update
 *
 * Operations, a multiply-add as two:
 *
 *   forward = 2 L (C (Q + 2 KV) + Q C + 3 C F) a position, + 2 V C a predicting one,
 *             + 4 L Q a (query, key) pair;    a gradient costs three forwards
 *
 * The peak is the rate of independent fused multiply-adds in registers, measured in the same run on
 * one thread, times the threads.
 */
#ifndef EBB_COMMAND_BENCH_JOB_H
#define EBB_COMMAND_BENCH_JOB_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "model/model.h"

enum ebb_bench_mode { EBB_BENCH_TRAIN, EBB_BENCH_SAMPLE, EBB_BENCH_RL, EBB_BENCH_JOBS };

struct ebb_bench_shape {
	int64_t width, layers, threads, batch, seq, prompt, vocab, group, iters;
	const char *isa;
};

struct ebb_bench_result {
	struct ebb_model model;
	size_t n_parameters;
	const char *isa;
	double best_s, median_s, tokens;
	double flops, peak_flops;  /* of an iteration; a second                    */
	double ceiling_flops;      /* the operations in whose time at the peak the best of kernels
				    * would end: products at 85 % of it, an exponential as 47      */
	double cache_bytes;        /* keys and values read by decoding             */
	double sample_s, update_s; /* of the fastest iteration; NaN where not done */
	double reward;             /* of the last iteration; NaN but of rl         */
	size_t bytes;
};

/* Heads of a model this wide: of 32, at least two. */
int ebb_bench_heads(const struct ebb_bench_shape *s);

/* One warm-up and s->iters timed iterations of a job. */
int ebb_bench_job(const struct ebb_bench_shape *s, enum ebb_bench_mode mode,
		  struct ebb_bench_result *r, struct ebb_err *err);

#endif
