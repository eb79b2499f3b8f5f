/*
 * The policy: a Llama/Qwen2/Qwen3-style decoder. Three kinds of object:
 *   struct ebb_layout   constant: sizes and where every tensor lies in one flat buffer
 *   struct ebb_weights  one policy: the flat buffer and its packed copy for the kernels
 *   struct ebb_engine   mutable: threads, activations, caches; serves any weights of its layout
 *
 * Letters: V vocabulary, T longest sequence, C width, NH query heads, NKV key/value heads, D head
 * width, F SwiGLU width, L layers.
 */
#ifndef EBB_MODEL_MODEL_H
#define EBB_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/thread.h"
#include "tensor/device.h"

struct ebb_model {
	int V, T, C, NH, NKV, D, F, L;
	bool qkv_bias, qk_norm, tied;
	bool value; /* a value head beside the head over the vocabulary: a critic's V */
	double rope_theta;
	float norm_eps; /* 1e-6 */
};

/* One tensor of tensors.def in the flat buffer; layer is -1 for scope MODEL. */
struct ebb_tensor {
	const char *name;
	int layer, rows, cols;
	size_t offset; /* in floats, a multiple of 16 */
	bool decay;
};

struct ebb_layout {
	struct ebb_model model;
	struct ebb_tensor *tensor;
	int n_tensors;
	size_t n_floats;     /* length of the flat buffer, gaps (always 0) included */
	size_t n_parameters; /* without gaps                                        */
};

/* Do two models have the same weights, whatever the lengths they serve and whether a critic's head
 * stands beside them? */
bool ebb_model_alike(const struct ebb_model *a, const struct ebb_model *b);

int ebb_layout_init(struct ebb_layout *layout, const struct ebb_model *model, struct ebb_err *err);
void ebb_layout_release(struct ebb_layout *layout);
const struct ebb_tensor *ebb_layout_find(const struct ebb_layout *layout, const char *name,
					 int layer);

struct ebb_weights {
	const struct ebb_layout *layout;
	const struct ebb_ops *ops;
	float *flat;  /* (layout->n_floats), 64-byte aligned                               */
	float *panel; /* packed W and W^T of every matrix; private to the room             */
};

int ebb_weights_init(struct ebb_weights *w, const struct ebb_layout *layout,
		     const struct ebb_ops *ops, struct ebb_err *err);
/* Initial values by tensors.def from stream EBB_STREAM_INIT; packs. */
void ebb_weights_draw(struct ebb_weights *w, uint64_t seed);
/* Must follow every change of flat. */
void ebb_weights_pack(struct ebb_weights *w);
void ebb_weights_copy(struct ebb_weights *to, const struct ebb_weights *from); /* packs */
/* The same between layouts that differ in the value head alone: what `from` lacks becomes 0, what
 * `to` lacks is left out. */
void ebb_weights_adopt(struct ebb_weights *to, const struct ebb_weights *from);
void ebb_weights_release(struct ebb_weights *w);

/*
 * Gradients are summed in this many series, whatever the threads or the device: slots are dealt to
 * lanes in ascending runs, a lane adds up its rows in order, and the lanes are added in order. A
 * constant, because it decides the order of additions and with it the bits of every training run.
 */
#define EBB_LANES 8

/* Moments of AdamW. */
struct ebb_optim {
	float *m, *v; /* (layout->n_floats) */
	int64_t t;    /* updates done       */
};
int ebb_optim_init(struct ebb_optim *opt, const struct ebb_layout *layout, struct ebb_err *err);
void ebb_optim_release(struct ebb_optim *opt);

struct ebb_optim_rule {
	double lr, beta1, beta2, eps, weight_decay;
	double grad_clip; /* largest global norm; 0 or inf: none */
};

/* What an update did. */
struct ebb_optim_stepped {
	bool clipped; /* the limit acted                     */
	double moved; /* norm of the change of all weights   */
};

/* ---- the engine ---- */

struct ebb_engine;

/* slot: sequences a gradient slot (train.slot). The pool and layout are borrowed. */
int ebb_engine_open(struct ebb_engine **e, const struct ebb_layout *layout,
		    const struct ebb_ops *ops, struct ebb_pool *pool, int slot,
		    struct ebb_err *err);
void ebb_engine_close(struct ebb_engine *e);
const struct ebb_layout *ebb_engine_layout(const struct ebb_engine *e);
const struct ebb_ops *ebb_engine_ops(const struct ebb_engine *e);
struct ebb_pool *ebb_engine_pool(struct ebb_engine *e);
size_t ebb_engine_bytes(const struct ebb_engine *e); /* memory of activations and gradients */

/* One sequence and the part of it that is judged: tokens [start, length) are response tokens, each
 * predicted from the position before it; start >= 1. Response token t is token[start + t]. */
struct ebb_row {
	const int32_t *token;
	int start, length;
};

/* Bins of a histogram of raw logits: equally wide over [-EBB_LOGIT_RANGE, EBB_LOGIT_RANGE], lower
 * limits included; the outermost catch what lies beyond. Not-a-number is in none. */
#define EBB_LOGIT_BINS  96
#define EBB_LOGIT_RANGE 24

/*
 * A pass over n rows. Arrays are (n, stride), entry [i*stride + t] belongs to response token t of
 * row i; entries at or beyond a row's response length are neither read nor written. Results are
 * fp32 values held in doubles; a null result is not wanted (logp and entropy always are).
 *
 * weigh, for ebb_pass_grad: called once for every range of rows after their results stand and
 * before their backward pass, possibly from several threads, each row exactly once; it must fill
 * the w_* entries of exactly these rows from those rows' results. Null: w_* are given beforehand.
 * A null w_entropy, w_kl, w_kl_from or w_value means zero.
 */
struct ebb_pass {
	const struct ebb_row *row;
	int n, stride;
	double tau;
	double *logp, *entropy; /* nats                                  (n, stride)    */
	double *kl;             /* exact KL(pi || ref), needs ref        (n, stride)    */
	double *kl_from;        /* exact KL(ref || pi), needs ref        (n, stride)    */
	double *logp_ref;       /* of the drawn token, needs ref         (n, stride)    */
	double *value;          /* V of the state the token is drawn from, needs the value head
				 *                                       (n, stride)    */
	double *moment;         /* mean and central moments 2..4 of raw logits (n, stride, 4) */
	float *logits;          /* raw logits, (n, stride, V); null: not wanted                */
	double *logit;          /* raw logit of the response token       (n, stride)    */
	int64_t *histogram;     /* raw logits of the row's response tokens in each bin
				 * (n, EBB_LOGIT_BINS)                                        */
	const struct ebb_weights *ref; /* null: no reference                                   */
	double *w_logp, *w_entropy, *w_kl; /* dL/dlogp, dL/dH, dL/dKL           (n, stride)    */
	double *w_kl_from; /* dL/dKL(ref || pi), needs ref          (n, stride)    */
	double *w_value;   /* dL/dV                             (n, stride)    */
	void (*weigh)(void *ctx, int first, int count);
	void *ctx;
};

/* Forward only: fills the results. */
void ebb_pass_score(struct ebb_engine *e, const struct ebb_weights *w, struct ebb_pass *pass);

/* Forward, weigh, backward: grad (layout->n_floats) = dL/dweights. Rows with a w that is not
 * finite give a gradient that is not finite; the caller looks at the norm. */
void ebb_pass_grad(struct ebb_engine *e, const struct ebb_weights *w, struct ebb_pass *pass,
		   float *grad);

/* One AdamW update and repacking. Returns the global gradient norm before clipping; where that is
 * not finite nothing changes. did may be null. */
double ebb_optim_step(struct ebb_engine *e, struct ebb_weights *w, struct ebb_optim *opt,
		      const float *grad, const struct ebb_optim_rule *rule,
		      struct ebb_optim_stepped *did);

#endif
