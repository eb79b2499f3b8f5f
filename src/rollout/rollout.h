/*
 * Decoding with a KV cache. Sequences are decoded in small blocks that run to their end while their
 * caches stay in the processor's L2; samples of one prompt share the prompt's forward pass. The
 * log-probability of every drawn token has the bits the training pass gives it for the same weights.
 *
 * A sample may go on from the first tokens of an earlier response to its prompt. Its keys and values
 * come out of a bank, where earlier calls kept theirs; what the bank does not hold is computed again.
 * The bits are the same either way, and those of drawing the whole response in one go.
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
	int taken;            /* tokens its row of the results holds already; it goes on after
			       * them, so there is no end mark among them and a place is left */
	int from;             /* with a bank: row whose sequence begins with the prompt and these
			       * tokens; -1: none                                             */
};

/*
 * Keys and values of rows, in host memory. One for a sampler's calls with the same weights: forget
 * everything when these change. Rows beyond what it may take are not kept.
 */
struct ebb_bank;
int ebb_bank_open(struct ebb_bank **bank, struct ebb_engine *e, int rows, int positions,
		  struct ebb_err *err);
void ebb_bank_close(struct ebb_bank *bank);
void ebb_bank_forget(struct ebb_bank *bank);
int ebb_bank_held(const struct ebb_bank *bank); /* rows it holds */

struct ebb_decode {
	const struct ebb_prompt *prompt;
	int n_prompts;
	const struct ebb_sample *sample;
	const int *row; /* row of the results a sample writes (n); null: its own number      */
	struct ebb_bank *bank; /* keeps every sequence at its row of the results; may be null.
				* No sample goes on from a row that another of the call writes */
	int n, stride; /* stride >= max_tokens: row length of the arrays below             */
	int max_tokens, eos;
	double tau, top_p;
	int top_k;
	bool greedy;  /* draw the likeliest token                                        */
	double noise; /* > 0: normal noise of this deviation on the sampler's logits, stream
			* EBB_STREAM_MISMATCH, position = t * V + j                       */
	/* results, (rows, stride) but length and truncated (rows) */
	int32_t *token;
	int *length;     /* tokens drawn, end mark included                               */
	bool *truncated; /* max_tokens came before the end mark                           */
	double *logp;    /* under the policy at tau, unrestricted and without noise; may be null */
	double *sampler_logp; /* under what was really drawn from; may be null            */
	double *entropy;      /* exact, nats; may be null                                      */
};

/* Row of the results that belongs to a sample. */
static inline int ebb_decode_row(const struct ebb_decode *d, int sample)
{
	return d->row ? d->row[sample] : sample;
}

/* Caches and scratch, sized once for the largest call. */
struct ebb_sampler;
int ebb_sampler_open(struct ebb_sampler **s, struct ebb_engine *e, struct ebb_err *err);
void ebb_sampler_close(struct ebb_sampler *s);
size_t ebb_sampler_bytes(const struct ebb_sampler *s);

/* Every prompt length + max_tokens must fit the model's T; EBB_BUG otherwise. */
void ebb_sampler_decode(struct ebb_sampler *s, const struct ebb_weights *w, struct ebb_decode *d);

#endif
