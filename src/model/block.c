/* Forward and backward pass of one block. */
#include <string.h>
#include "model/block.h"

void ebb_block_add(struct ebb_block *b, const struct ebb_net *net, int capacity,
		   struct ebb_arena *arena)
{
	const struct ebb_model *m = &net->m;
	size_t scratch = net->ops->attn_scratch_floats(m->T, m->NH, m->NKV, m->D);
	const struct {
		float **where;
		size_t a_row;
	} piece[] = {
		{&b->last_x, m->C}, {&b->last_att, net->Q}, {&b->out, m->C},
		{&b->norm, m->C},   {&b->rstd, 1},          {&b->logits, m->V},
		{&b->ref, m->V},    {&b->logp, 1},          {&b->entropy, 1},
		{&b->kl, 1},        {&b->logp_ref, 1},      {&b->moment, 4},
		{&b->stat, 4},      {&b->scratch_row, 6},   {&b->w_logp, 1},
		{&b->w_entropy, 1}, {&b->w_kl, 1},          {&b->dx, m->C},
		{&b->dnorm, m->C},  {&b->dhidden, m->F},    {&b->dgate_up, 2 * m->F},
		{&b->datt, net->Q}, {&b->dqkv, net->QKV},   {&b->dlast, m->C + net->Q},
		{&b->kl_from, 1},   {&b->w_kl_from, 1},
	};
	size_t n = (size_t)capacity;

	b->net = net;
	b->capacity = capacity;
	b->limit = capacity;
	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		ebb_arena_add(arena, piece[i].where, n * piece[i].a_row, sizeof(float));
	if (m->qk_norm)
		ebb_arena_add(arena, &b->dqk, n * net->QK, sizeof(float));
	if (m->value) {
		ebb_arena_add(arena, &b->value, n, sizeof(float));
		ebb_arena_add(arena, &b->w_value, n, sizeof(float));
	}
	ebb_arena_add(arena, &b->attn_scratch, scratch, sizeof(float));
	ebb_arena_add(arena, &b->first, n + 1, sizeof(int));
	ebb_arena_add(arena, &b->token, n, sizeof(int32_t));
	ebb_arena_add(arena, &b->position, n, sizeof(int));
	ebb_arena_add(arena, &b->judged, n, sizeof(int));
	ebb_arena_add(arena, &b->target, n, sizeof(int32_t));
	for (int l = 0; l < m->L; l++)
		ebb_act_add(&b->act[l], net, capacity, arena);
}

void ebb_block_join(struct ebb_block *b)
{
	for (int l = 0; l < b->net->m.L; l++)
		ebb_act_join(&b->act[l], b->net);
	if (!b->net->m.qk_norm)
		b->dqk = b->dqkv;
}

static void row_check(const struct ebb_row *row, const struct ebb_model *m)
{
	if (row->start < 1 || row->length < row->start || row->length > m->T)
		EBB_BUG("row of %d tokens judged from %d, in a model of at most %d", row->length,
			row->start, m->T);
	for (int t = 0; t < row->length; t++)
		if (row->token[t] < 0 || row->token[t] >= m->V)
			EBB_BUG("token %d at %d of a row, vocabulary %d", (int)row->token[t], t,
				m->V);
}

int ebb_block_fill(struct ebb_block *b, const struct ebb_row *row, int n)
{
	int i;

	b->n_rows = b->M = b->R = 0;
	for (i = 0; i < n; i++) {
		int positions = row[i].length - 1;

		row_check(&row[i], &b->net->m);
		if (row[i].length == row[i].start)
			continue;
		if (b->n_rows > 0 && b->M + positions > b->limit)
			break;
		b->first[b->n_rows++] = b->M;
		for (int t = 0; t < positions; t++) {
			b->token[b->M] = row[i].token[t];
			b->position[b->M] = t;
			if (t >= row[i].start - 1) {
				b->judged[b->R] = b->M;
				b->target[b->R++] = row[i].token[t + 1];
			}
			b->M++;
		}
	}
	b->first[b->n_rows] = b->M;
	return i;
}

/* to[r] = from[judged[r]], rows of n floats. */
static void gather(const struct ebb_block *b, int n, const float *from, float *to)
{
	for (int r = 0; r < b->R; r++)
		memcpy(to + (size_t)r * n, from + (size_t)b->judged[r] * n, n * sizeof *to);
}

/* to[judged[r]] = from[r], 0 elsewhere. */
static void scatter(const struct ebb_block *b, int n, const float *from, float *to)
{
	memset(to, 0, (size_t)b->M * n * sizeof *to);
	for (int r = 0; r < b->R; r++)
		memcpy(to + (size_t)b->judged[r] * n, from + (size_t)r * n, n * sizeof *to);
}

void ebb_block_forward(struct ebb_block *b, const struct ebb_weights *w, bool keep, float *logits)
{
	const struct ebb_net *net = b->net;
	const struct ebb_model *m = &net->m;
	int last = m->L - 1;

	net->ops->embed_fwd(b->M, m->C, b->token, w->flat + net->embed.flat, b->act[0].x);
	for (int l = 0; l <= last; l++) {
		/* Without a backward pass all layers share one set of activations. */
		struct ebb_act *a = &b->act[keep ? l : 0];

		ebb_layer_qkv(net, w, l, b->M, b->position, a);
		for (int i = 0; i < b->n_rows; i++) {
			size_t at = (size_t)b->first[i];
			const float *qk = a->qk + at * net->QK, *qkv = a->qkv + at * net->QKV;

			net->ops->attn_fwd(b->first[i + 1] - b->first[i], m->NH, m->NKV, m->D, qk,
					   qk + net->Q, qkv + net->Q + net->KV, net->QK, net->QK,
					   net->QKV, a->att + at * net->Q, net->Q,
					   a->stat + at * 2 * m->NH, b->attn_scratch);
		}
		if (l < last) {
			ebb_layer_out(net, w, l, b->M, a->att, a->x, a, b->act[keep ? l + 1 : 0].x);
			continue;
		}
		gather(b, net->Q, a->att, b->last_att);
		gather(b, m->C, a->x, b->last_x);
		ebb_layer_out(net, w, l, b->R, b->last_att, b->last_x, a, b->out);
	}
	ebb_net_logits(net, w, b->R, b->out, b->norm, b->rstd, logits);
}

/* Through the feed-forward half and attention's output projection: dx (rows, C) is the gradient of
 * the residual stream, before and after; datt (rows, Q) that of attention's output. */
static void layer_out_bwd(struct ebb_block *b, const struct ebb_weights *w, int l, int rows,
			  const float *att, float *dx, float *datt, float *grad)
{
	const struct ebb_net *net = b->net;
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_act *a = &b->act[l];
	const struct ebb_ops *ops = net->ops;
	int C = net->m.C, F = net->m.F;

	ops->gemm_tn(rows, C, F, a->hidden, F, dx, C, grad + at->down.flat, C);
	ops->gemm(rows, F, C, dx, C, w->panel + at->down.panels.backward, b->dhidden, F, NULL,
		  NULL);
	ops->swiglu_bwd(rows, F, a->gate_up, b->dhidden, b->dgate_up);
	ops->gemm_tn(rows, 2 * F, C, a->norm2, C, b->dgate_up, 2 * F, grad + at->gate_up.flat,
		     2 * F);
	ops->gemm(rows, C, 2 * F, b->dgate_up, 2 * F, w->panel + at->gate_up.panels.backward,
		  b->dnorm, C, NULL, NULL);
	ops->rmsnorm_bwd(rows, 1, C, a->mid, C, w->flat + at->ffn_norm.flat, a->rstd2, b->dnorm, C,
			 dx, C, 1, grad + at->ffn_norm.flat);
	ops->gemm_tn(rows, C, net->Q, att, net->Q, dx, C, grad + at->attn_out.flat, C);
	ops->gemm(rows, net->Q, C, dx, C, w->panel + at->attn_out.panels.backward, datt, net->Q,
		  NULL, NULL);
}

/* From b->datt through attention and the projections into b->dx. */
static void layer_qkv_bwd(struct ebb_block *b, const struct ebb_weights *w, int l, float *grad)
{
	const struct ebb_net *net = b->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_act *a = &b->act[l];
	const struct ebb_ops *ops = net->ops;
	int Q = net->Q, QK = net->QK, QKV = net->QKV;

	for (int i = 0; i < b->n_rows; i++) {
		size_t p = (size_t)b->first[i];
		const float *qk = a->qk + p * QK, *v = a->qkv + p * QKV + Q + net->KV;

		ops->attn_bwd(b->first[i + 1] - b->first[i], m->NH, m->NKV, m->D, qk, qk + Q, v, QK,
			      QK, QKV, a->att + p * Q, b->datt + p * Q, Q, a->stat + p * 2 * m->NH,
			      b->dqk + p * QK, b->dqk + p * QK + Q, b->dqkv + p * QKV + Q + net->KV,
			      b->attn_scratch);
	}
	ops->rope(b->M, m->NH + m->NKV, m->D, b->dqk, QK, b->position, net->cosine, net->sine, 1);
	if (m->qk_norm) {
		ops->rmsnorm_bwd(b->M, m->NH, m->D, a->qkv, QKV, w->flat + at->q_norm.flat,
				 a->q_rstd, b->dqk, QK, b->dqkv, QKV, 0, grad + at->q_norm.flat);
		ops->rmsnorm_bwd(b->M, m->NKV, m->D, a->qkv + Q, QKV, w->flat + at->k_norm.flat,
				 a->k_rstd, b->dqk + Q, QK, b->dqkv + Q, QKV, 0,
				 grad + at->k_norm.flat);
	}
	if (m->qkv_bias)
		ops->colsum(b->M, QKV, b->dqkv, QKV, grad + at->qkv_bias.flat);
	ops->gemm_tn(b->M, QKV, m->C, a->norm1, m->C, b->dqkv, QKV, grad + at->qkv.flat, QKV);
	ops->gemm(b->M, m->C, QKV, b->dqkv, QKV, w->panel + at->qkv.panels.backward, b->dnorm, m->C,
		  NULL, NULL);
	ops->rmsnorm_bwd(b->M, 1, m->C, a->x, m->C, w->flat + at->attn_norm.flat, a->rstd1,
			 b->dnorm, m->C, b->dx, m->C, 1, grad + at->attn_norm.flat);
}

void ebb_block_values(struct ebb_block *b, const struct ebb_weights *w)
{
	const struct ebb_net *net = b->net;

	net->ops->value_fwd(b->R, net->m.C, b->norm, net->m.C, w->flat + net->value.flat,
			    w->flat + net->value_bias.flat, b->value);
}

void ebb_block_backward(struct ebb_block *b, const struct ebb_weights *w, bool value, float *grad,
			float *grad_head)
{
	const struct ebb_net *net = b->net;
	const struct ebb_ops *ops = net->ops;
	int C = net->m.C, V = net->m.V, last = net->m.L - 1;
	float *dlast_x = b->dlast, *dlast_att = b->dlast + (size_t)b->R * C;

	ops->gemm_tn(b->R, C, V, b->logits, V, b->norm, C, grad_head, C);
	ops->gemm(b->R, C, V, b->logits, V, w->panel + net->head.panels.backward, b->dnorm, C, NULL,
		  NULL);
	if (value)
		ops->value_bwd(b->R, C, b->norm, C, w->flat + net->value.flat, b->w_value, b->dnorm,
			       C, grad + net->value.flat, grad + net->value_bias.flat);
	ops->rmsnorm_bwd(b->R, 1, C, b->out, C, w->flat + net->final_norm.flat, b->rstd, b->dnorm,
			 C, dlast_x, C, 0, grad + net->final_norm.flat);
	layer_out_bwd(b, w, last, b->R, b->last_att, dlast_x, dlast_att, grad);
	scatter(b, C, dlast_x, b->dx);
	scatter(b, net->Q, dlast_att, b->datt);
	layer_qkv_bwd(b, w, last, grad);
	for (int l = last - 1; l >= 0; l--) {
		layer_out_bwd(b, w, l, b->M, b->act[l].att, b->dx, b->datt, grad);
		layer_qkv_bwd(b, w, l, grad);
	}
	ops->embed_bwd(b->M, C, b->token, b->dx, grad + net->embed.flat);
}
