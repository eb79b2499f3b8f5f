/*
 * A block: a few whole rows laid end to end without padding, small enough that what its forward pass
 * leaves behind is still in cache when the backward pass wants it. One worker, one block. Private to
 * model/.
 *
 * How rows are cut into blocks changes no bit: every activation depends on its own row alone, and
 * every gradient takes its terms in ascending token order into a buffer that outlives the block. (A
 * tied embedding is a sum of two such series, so its head part has a buffer of its own.)
 */
#ifndef EBB_MODEL_BLOCK_H
#define EBB_MODEL_BLOCK_H

#include "model/net.h"

struct ebb_block {
	const struct ebb_net *net;
	int capacity; /* input positions there is room for */
	int limit;    /* input positions that may be used, unless one row has more */

	/* ebb_block_fill: the rows at hand. */
	int n_rows;      /* rows with something to judge; the others are left out */
	int M;           /* input positions */
	int R;           /* judged positions: those whose next token is a response token */
	int *first;      /* first position of a row (n_rows + 1) */
	int32_t *token;  /* input (M) */
	int *position;   /* in its own row (M) */
	int *judged;     /* position in the block (R) */
	int32_t *target; /* the response token (R) */

	/* The forward pass. After the last attention only judged positions go on. */
	struct ebb_act *act;                   /* (L) */
	float *last_x;                         /* act[L-1].x of judged positions (R, C) */
	float *last_att;                       /* act[L-1].att of judged positions (R, Q) */
	float *out, *norm, *rstd;              /* final residual stream, normed (R, C) (R, C) (R) */
	float *logits, *ref;                   /* of the policy and the reference (R, V) */
	float *logp, *entropy, *kl, *logp_ref; /* (R) */
	float *value;                          /* with the value head (R) */
	float *kl_from;                        /* (R) */
	float *moment, *stat;                  /* (R, 4) */
	float *scratch_row;                    /* results nobody wants (R, 6) */

	/* The backward pass. */
	float *w_logp, *w_entropy, *w_kl; /* (R) */
	float *w_value;                   /* with the value head (R) */
	float *w_kl_from;                 /* (R) */
	float *dx;                        /* (M, C) */
	float *dnorm;                     /* (M, C) */
	float *dhidden, *dgate_up;        /* (M, F) (M, 2F) */
	float *datt;                      /* (M, Q) */
	float *dqkv;                      /* (M, QKV) */
	float *dqk;                       /* dqkv itself, or with qk_norm of its own (M, QK) */
	float *dlast;                     /* gradients of judged positions (R, C + Q) */
	float *attn_scratch;
};

void ebb_block_add(struct ebb_block *b, const struct ebb_net *net, int capacity,
		   struct ebb_arena *arena);
void ebb_block_join(struct ebb_block *b); /* after the commit */

/* Take as many of the n rows as fit, at least one; returns how many. */
int ebb_block_fill(struct ebb_block *b, const struct ebb_row *row, int n);

/* Logits of all judged positions. keep: leave what the backward pass needs. */
void ebb_block_forward(struct ebb_block *b, const struct ebb_weights *w, bool keep, float *logits);
/* Values of all judged positions from the forward pass that was just made, in b->value. */
void ebb_block_values(struct ebb_block *b, const struct ebb_weights *w);
/* From dL/dlogits in b->logits and, where value is set, dL/dV in b->w_value: add the gradients to
 * grad, that of the head to grad_head. */
void ebb_block_backward(struct ebb_block *b, const struct ebb_weights *w, bool value, float *grad,
			float *grad_head);

#endif
