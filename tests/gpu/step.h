/*
 * A population of the default policy (tied head, SwiGLU, RoPE) put together from the operations
 * alone: one decoding step and one training step, for checks of whole sequences of calls and for
 * timing. P members, n sequences a member.
 */
#ifndef EBB_TESTS_GPU_STEP_H
#define EBB_TESTS_GPU_STEP_H

#include "rig.h"

struct policy {
	struct rig *r;
	int P, n, T, L, C, NH, D, F, V;
	size_t n_weights; /* floats a member */
	float *w;         /* (P, n_weights) */

	/* decoding: `token`, position and length (P, n) move on with every step */
	int32_t *token, *position, *length, *lines, *ones;
	struct ebb_draw *key;
	struct ebb_draw_rule *rule;
	float *logp, *scratch, *cosine, *sine;
	struct ebb_cache cache[8];

	/* training on M = n T rows a member */
	int M;
	int32_t *row_token, *row_target, *row_position, *first, *row_length;
	float *grad, *m, *v, *tau, *w_logp, *w_entropy;
	double *partial, *norm;
	struct ebb_adamw_rule *adamw;
	struct layer {
		float *x, *norm1, *rstd1, *qkv, *att, *stat, *mid, *norm2, *rstd2, *gu, *hidden;
	} layer[8];
	float *out, *fnorm, *rstd, *logits, *entropy, *hstat;
	float *dx, *dnorm, *dhidden, *dgu, *datt, *dqkv, *mean;

	void *owned[128];
	int n_owned;
	size_t bytes;
};

/* Members `from` .. from + P - 1 of an endless population: a member's weights, tokens and keys
 * depend on its own number only. M is n T with training, else n rows. */
void policy_open(struct policy *o, struct rig *r, int P, int n, int T, int from, int training);
void policy_close(struct policy *o);

/* Back to position 0. */
void policy_reset(struct policy *o);
/* Queue one step. Calls of either can be captured. */
void policy_decode(struct policy *o);
void policy_train(struct policy *o);

/* Floating-point operations of one training step, all members: matrix products and attention. */
double policy_train_flops(const struct policy *o);

#endif
