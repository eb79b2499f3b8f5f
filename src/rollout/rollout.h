/*
 * Decoding with a KV cache. Sequences are decoded in small blocks that run to their end while their
 * caches stay in the processor's L2; samples of one prompt share the prompt's forward pass. The
 * log-probability of every drawn token has the bits the training pass gives it for the same weights.
 */
#ifndef EBB_ROLLOUT_ROLLOUT_H
#define EBB_ROLLOUT_ROLLOUT_H

#include "base/rng.h"
#include "model/model.h"

struct ebb_prompt {
	const int32_t *token;
	int n; /* >= 1 */
};

/* One response to draw: which prompt, and the coordinates of its random numbers. */
struct ebb_sample {
	int prompt;           /* index into prompt[]; equal neighbours share the forward pass */
	struct ebb_draw draw; /* token t is drawn with ebb_uniform(&draw, t)                  */
};

struct ebb_decode {
	const struct ebb_prompt *prompt;
	int n_prompts;
	const struct ebb_sample *sample;
	int n, stride; /* stride >= max_tokens: row length of the arrays below             */
	int max_tokens, eos;
	double tau, top_p;
	int top_k;
	bool greedy;  /* draw the likeliest token                                        */
	double noise; /* > 0: normal noise of this deviation on the sampler's logits, stream
			* EBB_STREAM_MISMATCH, position = t * V + j                       */
	/* results, (n, stride) but length and truncated (n) */
	int32_t *token;
	int *length;     /* tokens drawn, end mark included                               */
	bool *truncated; /* max_tokens came before the end mark                           */
	double *logp;    /* under the policy at tau, unrestricted and without noise; may be null */
	double *sampler_logp; /* under what was really drawn from; may be null            */
	double *entropy;      /* exact, nats; may be null                                      */
};

/* Caches and scratch, sized once for the largest call. */
struct ebb_sampler;
int ebb_sampler_open(struct ebb_sampler **s, struct ebb_engine *e, struct ebb_err *err);
void ebb_sampler_close(struct ebb_sampler *s);
size_t ebb_sampler_bytes(const struct ebb_sampler *s);

/* Every prompt length + max_tokens must fit the model's T; EBB_BUG otherwise. */
void ebb_sampler_decode(struct ebb_sampler *s, const struct ebb_weights *w, struct ebb_decode *d);

#endif
