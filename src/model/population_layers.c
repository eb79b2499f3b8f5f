/* The forward and backward pass of a population, as calls of GPU operations: model/block.c's, but
 * that rows nobody judges go on to the end, with coefficients of 0, which change no sum. */
#include "model/population_inside.h"

/* Rows of all series of a member side by side, and each series for itself. A call that adds up over
 * rows serves the series as if they were members. */
static struct ebb_count by_member(const struct ebb_population *pop, const struct ebb_spread *s)
{
	return (struct ebb_count){EBB_LANES * s->most, pop->of_member};
}

static struct ebb_count by_lane(const struct ebb_population *pop, const struct ebb_spread *s)
{
	return (struct ebb_count){s->most, pop->of_lane};
}

enum { SHARE = 3 }; /* 2^3 series of a member have one set of weights */
_Static_assert(1 << SHARE == EBB_LANES, "series of a member share its weights");

static struct ebb_pop gradient(const struct ebb_population *pop, struct ebb_at at, int ld)
{
	return (struct ebb_pop){pop->lane + at.flat, pop->n_lane, ld, 0};
}

/* The head's part of a tied embedding's gradient is a series of its own. */
static struct ebb_pop head_gradient(const struct ebb_population *pop)
{
	struct ebb_pop head = gradient(pop, pop->net.head, pop->net.m.C);

	if (pop->net.m.tied)
		head.at = pop->lane + pop->net.layout->n_floats;
	return head;
}

void ebb_population_qkv(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l,
			const int32_t *position, struct ebb_act *a)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_model *m = &net->m;
	const struct ebb_gpu_ops *op = pop->op;
	struct ebb_count M = by_member(pop, s);
	struct ebb_pop qkv = ebb_rows_member(s, a->qkv, net->QKV), none = {0};
	struct ebb_pop qk = ebb_rows_member(s, a->qk, net->QK);
	int P = pop->size.members;

	op->rmsnorm_fwd(pop->g, P, M, 1, m->C, m->norm_eps, ebb_rows_member(s, a->x, m->C),
			ebb_pop_weight(pop, policy, at->attn_norm, m->C, 0),
			ebb_rows_member(s, a->norm1, m->C), ebb_rows_member(s, a->rstd1, 1));
	op->gemm_nn(pop->g, P, M, net->QKV, m->C, ebb_rows_member(s, a->norm1, m->C),
		    ebb_pop_weight(pop, policy, at->qkv, net->QKV, 0), qkv,
		    m->qkv_bias ? ebb_pop_weight(pop, policy, at->qkv_bias, net->QKV, 0) : none,
		    none);
	if (m->qk_norm) {
		struct ebb_pop k = ebb_rows_member(s, a->qkv + net->Q, net->QKV);

		op->rmsnorm_fwd(pop->g, P, M, m->NH, m->D, m->norm_eps, qkv,
				ebb_pop_weight(pop, policy, at->q_norm, m->D, 0), qk,
				ebb_rows_member(s, a->q_rstd, m->NH));
		op->rmsnorm_fwd(pop->g, P, M, m->NKV, m->D, m->norm_eps, k,
				ebb_pop_weight(pop, policy, at->k_norm, m->D, 0),
				ebb_rows_member(s, a->qk + net->Q, net->QK),
				ebb_rows_member(s, a->k_rstd, m->NKV));
	}
	op->rope(pop->g, P, M, m->NH + m->NKV, m->D, qk, position, pop->cosine, pop->sine, 0);
}

/* Attention's output, the residual stream after it, and the gated half up to `hidden`. */
static void layer_mid(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l,
		      struct ebb_act *a)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_gpu_ops *op = pop->op;
	struct ebb_count M = by_member(pop, s);
	struct ebb_pop none = {0};
	int P = pop->size.members, C = net->m.C, F = net->m.F;

	op->gemm_nn(pop->g, P, M, C, net->Q, ebb_rows_member(s, a->att, net->Q),
		    ebb_pop_weight(pop, policy, at->attn_out, C, 0), ebb_rows_member(s, a->mid, C),
		    none, ebb_rows_member(s, a->x, C));
	op->rmsnorm_fwd(pop->g, P, M, 1, C, net->m.norm_eps, ebb_rows_member(s, a->mid, C),
			ebb_pop_weight(pop, policy, at->ffn_norm, C, 0),
			ebb_rows_member(s, a->norm2, C), ebb_rows_member(s, a->rstd2, 1));
	op->gemm_nn(pop->g, P, M, 2 * F, C, ebb_rows_member(s, a->norm2, C),
		    ebb_pop_weight(pop, policy, at->gate_up, 2 * F, 0),
		    ebb_rows_member(s, a->gate_up, 2 * F), none, none);
	op->swiglu_fwd(pop->g, P, M, F, ebb_rows_member(s, a->gate_up, 2 * F),
		       ebb_rows_member(s, a->hidden, F));
}

void ebb_population_out(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l,
			struct ebb_act *a, float *out)
{
	int C = pop->net.m.C, F = pop->net.m.F;
	struct ebb_pop none = {0};

	layer_mid(pop, s, policy, l, a);
	pop->op->gemm_nn(pop->g, pop->size.members, by_member(pop, s), C, F,
			 ebb_rows_member(s, a->hidden, F),
			 ebb_pop_weight(pop, policy, pop->net.layer[l].down, C, 0),
			 ebb_rows_member(s, out, C), none, ebb_rows_member(s, a->mid, C));
}

void ebb_population_logits(struct ebb_population *pop, const struct ebb_spread *s, int policy,
			   float *x, float *logits)
{
	int P = pop->size.members, C = pop->net.m.C, V = pop->net.m.V;
	struct ebb_count M = by_member(pop, s);
	struct ebb_pop none = {0};

	pop->op->rmsnorm_fwd(pop->g, P, M, 1, C, pop->net.m.norm_eps, ebb_rows_member(s, x, C),
			     ebb_pop_weight(pop, policy, pop->net.final_norm, C, 0),
			     ebb_rows_member(s, pop->norm, C), ebb_rows_member(s, pop->rstd, 1));
	pop->op->gemm_nt(pop->g, P, M, V, C, ebb_rows_member(s, pop->norm, C),
			 ebb_pop_weight(pop, policy, pop->net.head, C, 0),
			 ebb_rows_member(s, logits, V), none, none);
}

static struct ebb_sequences sequences(const struct ebb_population *pop, const struct ebb_spread *s)
{
	return (struct ebb_sequences){s->sequences, s->sequence, pop->first, pop->length};
}

static void attend(struct ebb_population *pop, const struct ebb_spread *s, struct ebb_act *a)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_model *m = &net->m;

	pop->op->attn_fwd(
		pop->g, pop->size.members, sequences(pop, s), m->NH, m->NKV, m->D,
		ebb_rows_member(s, a->qk, net->QK), ebb_rows_member(s, a->qk + net->Q, net->QK),
		ebb_rows_member(s, a->qkv + net->Q + net->KV, net->QKV),
		ebb_rows_member(s, a->att, net->Q), ebb_rows_member(s, a->stat, 2 * m->NH));
}

void ebb_population_forward(struct ebb_population *pop, const struct ebb_spread *s, int policy,
			    bool keep, float *logits)
{
	const struct ebb_net *net = &pop->net;
	int C = net->m.C, L = net->m.L;

	pop->op->embed_fwd(pop->g, pop->size.members, by_member(pop, s), C, pop->token,
			   ebb_pop_weight(pop, policy, net->embed, C, 0),
			   ebb_rows_member(s, pop->act[0].x, C));
	for (int l = 0; l < L; l++) {
		/* Without a backward pass all layers share one set of activations. */
		struct ebb_act *a = &pop->act[keep ? l : 0];
		float *next = l == L - 1 ? pop->out : pop->act[keep ? l + 1 : 0].x;

		ebb_population_qkv(pop, s, policy, l, pop->position, a);
		attend(pop, s, a);
		ebb_population_out(pop, s, policy, l, a, next);
	}
	ebb_population_logits(pop, s, policy, pop->out, logits);
}

/* Through the feed-forward half and attention's output projection. */
static void layer_out_bwd(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_act *a = &pop->act[l];
	const struct ebb_gpu_ops *op = pop->op;
	struct ebb_count M = by_member(pop, s), S = by_lane(pop, s);
	struct ebb_pop none = {0};
	int P = pop->size.members, C = net->m.C, F = net->m.F, Q = net->Q;

	op->gemm_tn(pop->g, P * EBB_LANES, S, C, F, ebb_rows_lane(s, a->hidden, F),
		    ebb_rows_lane(s, pop->dx, C), gradient(pop, at->down, C));
	op->gemm_nt(pop->g, P, M, F, C, ebb_rows_member(s, pop->dx, C),
		    ebb_pop_weight(pop, policy, at->down, C, 0),
		    ebb_rows_member(s, pop->dhidden, F), none, none);
	op->swiglu_bwd(pop->g, P, M, F, ebb_rows_member(s, a->gate_up, 2 * F),
		       ebb_rows_member(s, pop->dhidden, F),
		       ebb_rows_member(s, pop->dgate_up, 2 * F));
	op->gemm_tn(pop->g, P * EBB_LANES, S, 2 * F, C, ebb_rows_lane(s, a->norm2, C),
		    ebb_rows_lane(s, pop->dgate_up, 2 * F), gradient(pop, at->gate_up, 2 * F));
	op->gemm_nt(pop->g, P, M, C, 2 * F, ebb_rows_member(s, pop->dgate_up, 2 * F),
		    ebb_pop_weight(pop, policy, at->gate_up, 2 * F, 0),
		    ebb_rows_member(s, pop->dnorm, C), none, none);
	op->rmsnorm_bwd(pop->g, P * EBB_LANES, S, 1, C, ebb_rows_lane(s, a->mid, C),
			ebb_pop_weight(pop, policy, at->ffn_norm, C, SHARE),
			ebb_rows_lane(s, a->rstd2, 1), ebb_rows_lane(s, pop->dnorm, C),
			ebb_rows_lane(s, pop->dx, C), 1, gradient(pop, at->ffn_norm, C));
	op->gemm_tn(pop->g, P * EBB_LANES, S, C, Q, ebb_rows_lane(s, a->att, Q),
		    ebb_rows_lane(s, pop->dx, C), gradient(pop, at->attn_out, C));
	op->gemm_nt(pop->g, P, M, Q, C, ebb_rows_member(s, pop->dx, C),
		    ebb_pop_weight(pop, policy, at->attn_out, C, 0),
		    ebb_rows_member(s, pop->datt, Q), none, none);
}

/* From pop->datt through attention and the projections into pop->dx. */
static void layer_qkv_bwd(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_model *m = &net->m;
	const struct ebb_act *a = &pop->act[l];
	const struct ebb_gpu_ops *op = pop->op;
	struct ebb_count M = by_member(pop, s), S = by_lane(pop, s);
	struct ebb_pop none = {0};
	int P = pop->size.members, lanes = P * EBB_LANES, C = m->C, Q = net->Q;
	int QK = net->QK, QKV = net->QKV;

	op->attn_bwd(pop->g, P, sequences(pop, s), m->NH, m->NKV, m->D,
		     ebb_rows_member(s, a->qk, QK), ebb_rows_member(s, a->qk + Q, QK),
		     ebb_rows_member(s, a->qkv + Q + net->KV, QKV), ebb_rows_member(s, a->att, Q),
		     ebb_rows_member(s, pop->datt, Q), ebb_rows_member(s, a->stat, 2 * m->NH),
		     ebb_rows_member(s, pop->mean, m->NH), ebb_rows_member(s, pop->dqk, QK),
		     ebb_rows_member(s, pop->dqk + Q, QK),
		     ebb_rows_member(s, pop->dqkv + Q + net->KV, QKV));
	op->rope(pop->g, P, M, m->NH + m->NKV, m->D, ebb_rows_member(s, pop->dqk, QK),
		 pop->position, pop->cosine, pop->sine, 1);
	if (m->qk_norm) {
		op->rmsnorm_bwd(pop->g, lanes, S, m->NH, m->D, ebb_rows_lane(s, a->qkv, QKV),
				ebb_pop_weight(pop, policy, at->q_norm, m->D, SHARE),
				ebb_rows_lane(s, a->q_rstd, m->NH), ebb_rows_lane(s, pop->dqk, QK),
				ebb_rows_lane(s, pop->dqkv, QKV), 0,
				gradient(pop, at->q_norm, m->D));
		op->rmsnorm_bwd(
			pop->g, lanes, S, m->NKV, m->D, ebb_rows_lane(s, a->qkv + Q, QKV),
			ebb_pop_weight(pop, policy, at->k_norm, m->D, SHARE),
			ebb_rows_lane(s, a->k_rstd, m->NKV), ebb_rows_lane(s, pop->dqk + Q, QK),
			ebb_rows_lane(s, pop->dqkv + Q, QKV), 0, gradient(pop, at->k_norm, m->D));
	}
	if (m->qkv_bias)
		op->colsum(pop->g, lanes, S, QKV, ebb_rows_lane(s, pop->dqkv, QKV),
			   gradient(pop, at->qkv_bias, QKV));
	op->gemm_tn(pop->g, lanes, S, QKV, C, ebb_rows_lane(s, a->norm1, C),
		    ebb_rows_lane(s, pop->dqkv, QKV), gradient(pop, at->qkv, QKV));
	op->gemm_nt(pop->g, P, M, C, QKV, ebb_rows_member(s, pop->dqkv, QKV),
		    ebb_pop_weight(pop, policy, at->qkv, QKV, 0), ebb_rows_member(s, pop->dnorm, C),
		    none, none);
	op->rmsnorm_bwd(pop->g, lanes, S, 1, C, ebb_rows_lane(s, a->x, C),
			ebb_pop_weight(pop, policy, at->attn_norm, C, SHARE),
			ebb_rows_lane(s, a->rstd1, 1), ebb_rows_lane(s, pop->dnorm, C),
			ebb_rows_lane(s, pop->dx, C), 1, gradient(pop, at->attn_norm, C));
}

/* What the layer's backward pass reads, from its input alone. */
static void layer_again(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l)
{
	ebb_population_qkv(pop, s, policy, l, pop->position, &pop->act[l]);
	attend(pop, s, &pop->act[l]);
	layer_mid(pop, s, policy, l, &pop->act[l]);
}

void ebb_population_backward(struct ebb_population *pop, const struct ebb_spread *s, int policy)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_gpu_ops *op = pop->op;
	struct ebb_count M = by_member(pop, s), S = by_lane(pop, s);
	struct ebb_pop none = {0};
	int P = pop->size.members, lanes = P * EBB_LANES, C = net->m.C, V = net->m.V;

	op->gemm_tn(pop->g, lanes, S, C, V, ebb_rows_lane(s, pop->logits, V),
		    ebb_rows_lane(s, pop->norm, C), head_gradient(pop));
	op->gemm_nn(pop->g, P, M, C, V, ebb_rows_member(s, pop->logits, V),
		    ebb_pop_weight(pop, policy, net->head, C, 0), ebb_rows_member(s, pop->dnorm, C),
		    none, none);
	op->rmsnorm_bwd(pop->g, lanes, S, 1, C, ebb_rows_lane(s, pop->out, C),
			ebb_pop_weight(pop, policy, net->final_norm, C, SHARE),
			ebb_rows_lane(s, pop->rstd, 1), ebb_rows_lane(s, pop->dnorm, C),
			ebb_rows_lane(s, pop->dx, C), 0, gradient(pop, net->final_norm, C));
	for (int l = net->m.L - 1; l >= 0; l--) {
		if (pop->size.recompute && l < net->m.L - 1)
			layer_again(pop, s, policy, l);
		layer_out_bwd(pop, s, policy, l);
		layer_qkv_bwd(pop, s, policy, l);
	}
	op->embed_bwd(pop->g, lanes, S, V, C, pop->token, ebb_rows_lane(s, pop->dx, C),
		      gradient(pop, net->embed, C));
}
