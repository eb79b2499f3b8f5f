/*
 * What computing with a policy needs beyond its public description; private to model/ and rollout/.
 *
 *   struct ebb_net    constant: where each tensor and its packed copies lie, rotary angles
 *   struct ebb_act    the activations of one layer for some rows
 *   ebb_layer_*       the two halves of a layer's forward pass, around attention
 *
 * Training and sampling run the same halves and differ only in how attention finds its keys.
 */
#ifndef EBB_MODEL_NET_H
#define EBB_MODEL_NET_H

#include "base/arena.h"
#include "model/model.h"
#include "tensor/gpu.h"

enum ebb_init {
	EBB_INIT_EMBED,
	EBB_INIT_MATRIX,
	EBB_INIT_OUTPUT,
	EBB_INIT_ONE,
	EBB_INIT_ZERO,
};

/* Column `init` of tensors.def for tensor i of the layout. */
enum ebb_init ebb_tensor_init(const struct ebb_layout *layout, int i);

/* Offsets in ebb_weights.panel. forward multiplies rows of inputs, backward rows of gradients. */
struct ebb_panels {
	size_t forward, backward;
	size_t end; /* first float behind them; equal to forward: the tensor has no packed copies */
};

/* The place of tensor i's packed copies if the first starts at `at`. */
struct ebb_panels ebb_tensor_panels(const struct ebb_layout *layout, const struct ebb_ops *ops,
				    int i, size_t at);
void ebb_tensor_pack(struct ebb_weights *w, int i, const struct ebb_panels *panels);

struct ebb_at {
	size_t flat; /* offset in ebb_weights.flat and in a gradient */
	struct ebb_panels panels;
};

/* One member a tensor of scope LAYER. */
struct ebb_net_layer {
#define EBB_NET_MODEL(name)
#define EBB_NET_LAYER(name)          struct ebb_at name;
#define EBB_TENSOR(name, scope, ...) EBB_NET_##scope(name)
#include "model/tensors.def"
#undef EBB_TENSOR
#undef EBB_NET_MODEL
#undef EBB_NET_LAYER
};

struct ebb_net {
	const struct ebb_layout *layout;
	const struct ebb_ops *ops;
	struct ebb_model m;
	int Q, KV, QKV;            /* NH*D, NKV*D, Q + 2 KV */
	int QK;                    /* row length of what attention reads queries and keys from */
	size_t n_panel;            /* floats of ebb_weights.panel */
	struct ebb_panels *panels; /* (layout->n_tensors) */
	float *cosine, *sine;      /* of the rotary angles (T, D / 2) */
/* One member a tensor of scope MODEL; `head` is `embed` where tied. */
#define EBB_NET_MODEL(name) struct ebb_at name;
#define EBB_NET_LAYER(name)
#define EBB_TENSOR(name, scope, ...) EBB_NET_##scope(name)
#include "model/tensors.def"
#undef EBB_TENSOR
#undef EBB_NET_MODEL
#undef EBB_NET_LAYER
	struct ebb_net_layer *layer; /* (L) */
	struct ebb_arena arena;
};

/* One update's numbers: does the limit on the norm act, and what AdamW is told, t counting from 1. */
bool ebb_optim_clips(const struct ebb_optim_rule *rule, double norm);
struct ebb_adamw_rule ebb_optim_numbers(const struct ebb_optim_rule *rule, double norm, int64_t t);

/* Series of a gradient over n rows, dealt in slots (EBB_LANES). */
static inline int ebb_lanes_used(int n, int slot)
{
	const int64_t slots = ((int64_t)n + slot - 1) / slot;

	return slots < EBB_LANES ? (int)slots : EBB_LANES;
}

/* Rows [first, end) of series k of them; none beyond the last. */
static inline void ebb_lane_rows(int n, int slot, int k, int *first, int *end)
{
	const int64_t slots = ((int64_t)n + slot - 1) / slot;
	const int64_t lanes = ebb_lanes_used(n, slot);
	const int64_t last = k < lanes ? (k + 1) * slots / lanes * slot : n;

	*first = k < lanes ? (int)(k * slots / lanes * slot) : n;
	*end = last < n ? (int)last : n;
}

/* Floats of one range in work over whole flat buffers; part of the bits of the norm. */
#define EBB_RANGE 16384

int ebb_net_init(struct ebb_net *net, const struct ebb_layout *layout, const struct ebb_ops *ops,
		 struct ebb_err *err);
void ebb_net_release(struct ebb_net *net);
const struct ebb_net *ebb_engine_net(const struct ebb_engine *e);

/* Activations of one layer; M rows are tokens. The backward pass needs all of them. */
struct ebb_act {
	float *x;       /* residual stream into the layer (M, C) */
	float *norm1;   /* x normed (M, C) */
	float *rstd1;   /* (M) */
	float *qkv;     /* projections, as they leave the product (M, QKV) */
	float *qk;      /* queries and keys as attention reads them: qkv itself, or, with qk_norm,
			 * normed copies (M, QK) */
	float *q_rstd;  /* with qk_norm (M, NH) */
	float *k_rstd;  /* with qk_norm (M, NKV) */
	float *att;     /* attention's output (M, Q) */
	float *stat;    /* of attn_fwd, a piece a sequence (M, NH, 2) */
	float *mid;     /* residual stream after attention (M, C) */
	float *norm2;   /* mid normed (M, C) */
	float *rstd2;   /* (M) */
	float *gate_up; /* (M, 2F) */
	float *hidden;  /* (M, F) */
};

/* Register the arrays for M rows. Without qk_norm, ebb_act_join must follow the commit. */
void ebb_act_add(struct ebb_act *act, const struct ebb_net *net, int M, struct ebb_arena *arena);
void ebb_act_join(struct ebb_act *act, const struct ebb_net *net);

/* From x to qkv and qk, rotated. */
void ebb_layer_qkv(const struct ebb_net *net, const struct ebb_weights *w, int l, int M,
		   const int *position, struct ebb_act *act);
/* From attention's output and the residual stream x, both with `rows` rows, to the residual stream
 * out that leaves the layer; out may be x. Fills mid, norm2, rstd2, gate_up, hidden. */
void ebb_layer_out(const struct ebb_net *net, const struct ebb_weights *w, int l, int rows,
		   const float *att, const float *x, struct ebb_act *act, float *out);
/* Final norm and head: from the residual stream x (rows, C) to raw logits (rows, V). */
void ebb_net_logits(const struct ebb_net *net, const struct ebb_weights *w, int rows,
		    const float *x, float *norm, float *rstd, float *logits);

#endif
