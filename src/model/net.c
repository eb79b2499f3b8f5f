/* Offsets of a policy's tensors, rotary angles, and the two halves of a layer's forward pass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/real.h"
#include "model/net.h"

/*
 * Cosine and sine by Taylor series after reduction to |r| <= pi/4 with pi/2 in two parts. libm is
 * avoided because its bits differ between processors; this errs by about 1e-16, far below a float.
 */
static void turn(double x, double *cosine, double *sine)
{
	const double half_pi_hi = 1.57079632673412561417e+00; /* 33 bits: k * hi is exact */
	const double half_pi_lo = 6.07710050650619224932e-11;
	double k = floor(x * 0.63661977236758134308 + 0.5);
	double r = x - k * half_pi_hi - k * half_pi_lo, z = r * r, c = 1.0, s = 1.0;

	for (int i = 16; i >= 2; i -= 2) {
		c = 1.0 - z / ((i - 1) * i) * c;
		s = 1.0 - z / (i * (i + 1)) * s;
	}
	s *= r;
	switch ((int)((int64_t)k & 3)) {
	case 0:
		*cosine = c, *sine = s;
		break;
	case 1:
		*cosine = -s, *sine = c;
		break;
	case 2:
		*cosine = -c, *sine = -s;
		break;
	default:
		*cosine = s, *sine = -c;
	}
}

/* Pair i at position t turns by t * theta^(-2i/D) (Su et al., arXiv:2104.09864, section 3.2.2). */
static void angles_fill(struct ebb_net *net)
{
	int half = net->m.D / 2;

	for (int i = 0; i < half; i++) {
		double rate = ebb_exp(-(double)i / half * ebb_log(net->m.rope_theta));

		for (int t = 0; t < net->m.T; t++) {
			double c, s;

			turn(t * rate, &c, &s);
			net->cosine[(size_t)t * half + i] = (float)c;
			net->sine[(size_t)t * half + i] = (float)s;
		}
	}
}

/* Zeroed where the layout has no such tensor. */
static struct ebb_at at_find(const struct ebb_net *net, const char *name, int l)
{
	const struct ebb_tensor *t = ebb_layout_find(net->layout, name, l);
	struct ebb_at at = {0};

	if (t != NULL)
		at = (struct ebb_at){.flat = t->offset,
				     .panels = net->panels[t - net->layout->tensor]};
	return at;
}

static void places_fill(struct ebb_net *net)
{
	for (int i = 0; i < net->layout->n_tensors; i++) {
		net->panels[i] = ebb_tensor_panels(net->layout, net->ops, i, net->n_panel);
		net->n_panel = net->panels[i].end;
	}
#define EBB_NET_MODEL(name) net->name = at_find(net, #name, -1);
#define EBB_NET_LAYER(name)                                                                        \
	for (int l = 0; l < net->m.L; l++)                                                         \
		net->layer[l].name = at_find(net, #name, l);
#define EBB_TENSOR(name, scope, ...) EBB_NET_##scope(name)
#include "model/tensors.def"
#undef EBB_TENSOR
#undef EBB_NET_MODEL
#undef EBB_NET_LAYER
	if (net->m.tied)
		net->head = net->embed;
}

int ebb_net_init(struct ebb_net *net, const struct ebb_layout *layout, const struct ebb_ops *ops,
		 struct ebb_err *err)
{
	const struct ebb_model *m = &layout->model;
	size_t n_angles = (size_t)m->T * (size_t)m->D / 2;
	int rc;

	*net = (struct ebb_net){.layout = layout, .ops = ops, .m = *m};
	net->Q = m->NH * m->D;
	net->KV = m->NKV * m->D;
	net->QKV = net->Q + 2 * net->KV;
	net->QK = m->qk_norm ? net->Q + net->KV : net->QKV;
	ebb_arena_add(&net->arena, &net->panels, (size_t)layout->n_tensors, sizeof *net->panels);
	ebb_arena_add(&net->arena, &net->layer, (size_t)m->L, sizeof *net->layer);
	ebb_arena_add(&net->arena, &net->cosine, n_angles, sizeof *net->cosine);
	ebb_arena_add(&net->arena, &net->sine, n_angles, sizeof *net->sine);
	rc = ebb_arena_commit(&net->arena, err);
	if (rc != 0)
		return rc;
	places_fill(net);
	angles_fill(net);
	return 0;
}

void ebb_net_release(struct ebb_net *net)
{
	ebb_arena_release(&net->arena);
	*net = (struct ebb_net){0};
}

void ebb_act_add(struct ebb_act *act, const struct ebb_net *net, int M, struct ebb_arena *arena)
{
	const struct ebb_model *m = &net->m;
	const struct {
		float **where;
		size_t a_row;
	} piece[] = {
		{&act->x, m->C},           {&act->norm1, m->C},  {&act->rstd1, 1},
		{&act->qkv, net->QKV},     {&act->att, net->Q},  {&act->stat, 2 * m->NH},
		{&act->mid, m->C},         {&act->norm2, m->C},  {&act->rstd2, 1},
		{&act->gate_up, 2 * m->F}, {&act->hidden, m->F},
	};

	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		ebb_arena_add(arena, piece[i].where, (size_t)M * piece[i].a_row, sizeof(float));
	if (!m->qk_norm)
		return;
	ebb_arena_add(arena, &act->qk, (size_t)M * net->QK, sizeof(float));
	ebb_arena_add(arena, &act->q_rstd, (size_t)M * m->NH, sizeof(float));
	ebb_arena_add(arena, &act->k_rstd, (size_t)M * m->NKV, sizeof(float));
}

void ebb_act_join(struct ebb_act *act, const struct ebb_net *net)
{
	if (!net->m.qk_norm)
		act->qk = act->qkv;
}

void ebb_layer_qkv(const struct ebb_net *net, const struct ebb_weights *w, int l, int M,
		   const int *position, struct ebb_act *act)
{
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_model *m = &net->m;
	const struct ebb_ops *ops = net->ops;

	ops->rmsnorm_fwd(M, 1, m->C, m->norm_eps, act->x, m->C, w->flat + at->attn_norm.flat,
			 act->norm1, m->C, act->rstd1);
	ops->gemm(M, net->QKV, m->C, act->norm1, m->C, w->panel + at->qkv.panels.forward, act->qkv,
		  net->QKV, m->qkv_bias ? w->flat + at->qkv_bias.flat : NULL, NULL);
	if (m->qk_norm) {
		ops->rmsnorm_fwd(M, m->NH, m->D, m->norm_eps, act->qkv, net->QKV,
				 w->flat + at->q_norm.flat, act->qk, net->QK, act->q_rstd);
		ops->rmsnorm_fwd(M, m->NKV, m->D, m->norm_eps, act->qkv + net->Q, net->QKV,
				 w->flat + at->k_norm.flat, act->qk + net->Q, net->QK, act->k_rstd);
	}
	/* Key heads lie behind query heads: one call turns both. */
	ops->rope(M, m->NH + m->NKV, m->D, act->qk, net->QK, position, net->cosine, net->sine, 0);
}

void ebb_layer_out(const struct ebb_net *net, const struct ebb_weights *w, int l, int rows,
		   const float *att, const float *x, struct ebb_act *act, float *out)
{
	const struct ebb_net_layer *at = &net->layer[l];
	const struct ebb_ops *ops = net->ops;
	int C = net->m.C, F = net->m.F;

	ops->gemm(rows, C, net->Q, att, net->Q, w->panel + at->attn_out.panels.forward, act->mid, C,
		  NULL, x);
	ops->rmsnorm_fwd(rows, 1, C, net->m.norm_eps, act->mid, C, w->flat + at->ffn_norm.flat,
			 act->norm2, C, act->rstd2);
	ops->gemm(rows, 2 * F, C, act->norm2, C, w->panel + at->gate_up.panels.forward,
		  act->gate_up, 2 * F, NULL, NULL);
	ops->swiglu_fwd(rows, F, act->gate_up, act->hidden);
	ops->gemm(rows, C, F, act->hidden, F, w->panel + at->down.panels.forward, out, C, NULL,
		  act->mid);
}

void ebb_net_logits(const struct ebb_net *net, const struct ebb_weights *w, int rows,
		    const float *x, float *norm, float *rstd, float *logits)
{
	int C = net->m.C, V = net->m.V;

	net->ops->rmsnorm_fwd(rows, 1, C, net->m.norm_eps, x, C, w->flat + net->final_norm.flat,
			      norm, C, rstd);
	net->ops->gemm(rows, V, C, norm, C, w->panel + net->head.panels.forward, logits, V, NULL,
		       NULL);
}
