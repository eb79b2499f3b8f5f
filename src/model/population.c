/* A population's memory, and weights on their way to and from the device. */
#include "model/population.h"

#include <stdlib.h>
#include <string.h>
#include "model/population_inside.h"

/* Names the arrays of every size; what stands beside them is bytes an element. */
static void device_add(struct ebb_population *pop)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_population_size *z = &pop->size;
	struct ebb_arena *arena = &pop->device;
	const size_t P = (size_t)z->members, n = net->layout->n_floats;
	const size_t rows = P * EBB_LANES * (size_t)z->positions, V = (size_t)m->V;
	const size_t draws = P * (size_t)z->samples;
	const struct {
		void *where;
		size_t n, size;
	} piece[] = {
		{&pop->w, P * (size_t)z->policies * n, sizeof(float)},
		{&pop->m, P * (size_t)z->optimizers * n, sizeof(float)},
		{&pop->v, P * (size_t)z->optimizers * n, sizeof(float)},
		{&pop->lane, P * EBB_LANES * pop->n_lane, sizeof(float)},
		{&pop->grad, P * pop->n_lane, sizeof(float)},
		{&pop->old, P * n, sizeof(float)},
		{&pop->partial, P * (size_t)pop->n_ranges, sizeof(double)},
		{&pop->sum, P * (size_t)(net->layout->n_tensors + 1), sizeof(double)},
		{&pop->rule, P, sizeof *pop->rule},
		{&pop->cosine, (size_t)m->T * (size_t)m->D / 2, sizeof(float)},
		{&pop->sine, (size_t)m->T * (size_t)m->D / 2, sizeof(float)},
		{&pop->out, rows * (size_t)m->C, sizeof(float)},
		{&pop->norm, rows * (size_t)m->C, sizeof(float)},
		{&pop->rstd, rows, sizeof(float)},
		{&pop->logits, rows * V, sizeof(float)},
		{&pop->ref, rows * V, sizeof(float)},
		{&pop->logp, rows, sizeof(float)},
		{&pop->entropy, rows, sizeof(float)},
		{&pop->kl, rows, sizeof(float)},
		{&pop->kl_from, rows, sizeof(float)},
		{&pop->logp_ref, rows, sizeof(float)},
		{&pop->moment, 4 * rows, sizeof(float)},
		{&pop->stat, 4 * rows, sizeof(float)},
		{&pop->scratch_row, 6 * rows, sizeof(float)},
		{&pop->w_logp, rows, sizeof(float)},
		{&pop->w_entropy, rows, sizeof(float)},
		{&pop->w_kl, rows, sizeof(float)},
		{&pop->dx, rows * (size_t)m->C, sizeof(float)},
		{&pop->dnorm, rows * (size_t)m->C, sizeof(float)},
		{&pop->dhidden, rows * (size_t)m->F, sizeof(float)},
		{&pop->dgate_up, rows * 2 * (size_t)m->F, sizeof(float)},
		{&pop->datt, rows * (size_t)net->Q, sizeof(float)},
		{&pop->dqkv, rows * (size_t)net->QKV, sizeof(float)},
		{&pop->mean, rows * (size_t)m->NH, sizeof(float)},
		{&pop->token, rows, sizeof(int32_t)},
		{&pop->position, rows, sizeof(int32_t)},
		{&pop->target, rows, sizeof(int32_t)},
		{&pop->place, rows, sizeof(int32_t)},
		{&pop->judged, rows, sizeof(int32_t)},
		{&pop->tokens, rows, sizeof(int32_t)},
		{&pop->first, rows, sizeof(int32_t)},
		{&pop->length, rows, sizeof(int32_t)},
		{&pop->of_member, P, sizeof(int32_t)},
		{&pop->of_lane, P * EBB_LANES, sizeof(int32_t)},
		{&pop->tau, P, sizeof(float)},
		{&pop->cache, (size_t)m->L * draws * pop->kv, sizeof(float)},
		{&pop->drawing.token, draws, sizeof(int32_t)},
		{&pop->drawing.t, draws, sizeof(int32_t)},
		{&pop->drawing.at, draws, sizeof(int32_t)},
		{&pop->drawing.length, draws, sizeof(int32_t)},
		{&pop->drawing.one, draws, sizeof(int32_t)},
		{&pop->drawing.drawn, draws * (size_t)m->T, sizeof(int32_t)},
		{&pop->drawing.logp, draws * (size_t)m->T, sizeof(float)},
		{&pop->drawing.entropy, draws * (size_t)m->T, sizeof(float)},
		{&pop->drawing.sampler_logp, draws * (size_t)m->T, sizeof(float)},
		{&pop->drawing.running, 1, sizeof(int32_t)},
		{&pop->line, draws, sizeof(int32_t)},
		{&pop->from, draws, sizeof(int32_t)},
		{&pop->have, draws, sizeof(int32_t)},
		{&pop->start, draws, sizeof(int32_t)},
		{&pop->key, draws, sizeof *pop->key},
		{&pop->draw_rule, P, sizeof *pop->draw_rule},
		{&pop->draw_logp, draws, sizeof(float)},
		{&pop->draw_entropy, draws, sizeof(float)},
		{&pop->draw_sampler, draws, sizeof(float)},
		{&pop->draw_stat, 4 * draws, sizeof(float)},
		{&pop->draw_scratch, 2 * V * draws, sizeof(float)},
		{&pop->most, P, sizeof(int32_t)},
		{&pop->eos, P, sizeof(int32_t)},
	};

	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		ebb_arena_add(arena, piece[i].where, piece[i].n, piece[i].size);
	if (m->qk_norm)
		ebb_arena_add(arena, &pop->dqk, rows * (size_t)net->QK, sizeof(float));
	for (int l = 0; l < m->L; l++)
		if (l == 0 || !z->recompute)
			ebb_act_add(&pop->act[l], net, (int)rows, arena);
		else
			ebb_arena_add(arena, &pop->act[l].x, rows * (size_t)m->C, sizeof(float));
}

/* Pointers that follow from others. */
static void device_join(struct ebb_population *pop)
{
	for (int l = 0; l < pop->net.m.L; l++) {
		if (l > 0 && pop->size.recompute) {
			float *x = pop->act[l].x;

			pop->act[l] = pop->act[0];
			pop->act[l].x = x;
		}
		ebb_act_join(&pop->act[l], &pop->net);
	}
	if (!pop->net.m.qk_norm)
		pop->dqk = pop->dqkv;
}

static int host_add(struct ebb_population *pop, struct ebb_err *err)
{
	const size_t P = (size_t)pop->size.members;
	const size_t rows = P * EBB_LANES * (size_t)pop->size.positions;
	struct ebb_arena *arena = &pop->host_arena;

	ebb_arena_add(arena, &pop->host.token, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.position, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.target, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.first, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.length, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.place, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.judged, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.tokens, rows, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.of_member, P, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.of_lane, P * EBB_LANES, sizeof(int32_t));
	ebb_arena_add(arena, &pop->host.tau, P, sizeof(float));
	ebb_arena_add(arena, &pop->host.logp, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.entropy, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.kl, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.kl_from, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.logp_ref, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.moment, 4 * rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.w_logp, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.w_entropy, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.w_kl, rows, sizeof(float));
	ebb_arena_add(arena, &pop->host.rule, P, sizeof(struct ebb_adamw_rule));
	ebb_arena_add(arena, &pop->host.sum, P * (size_t)(pop->net.layout->n_tensors + 1),
		      sizeof(double));
	return ebb_arena_commit(arena, err);
}

/* Sizes that others follow from; no device is needed. */
static int prepare(struct ebb_population *pop, const struct ebb_layout *layout,
		   const struct ebb_ops *ops, const struct ebb_population_size *size,
		   struct ebb_err *err)
{
	const struct ebb_model *m = &layout->model;
	int rc = ebb_net_init(&pop->net, layout, ops, err);

	if (rc < 0)
		return rc;
	pop->size = *size;
	pop->size.samples = (size->samples + EBB_LANES - 1) / EBB_LANES * EBB_LANES;
	if (size->positions < m->T - 1)
		EBB_BUG("a population of %d positions a series, sequences have %d", size->positions,
			m->T - 1);
	pop->n_lane =
		(layout->n_floats + (m->tied ? (size_t)m->V * (size_t)m->C : 0) + 15) / 16 * 16;
	pop->n_ranges = (int)((layout->n_floats + EBB_RANGE - 1) / EBB_RANGE);
	pop->kv = ops->kv_floats(m->T, m->NKV, m->D);
	ebb_arena_add(&pop->parts, &pop->act, (size_t)m->L, sizeof *pop->act);
	ebb_arena_add(&pop->parts, &pop->t, (size_t)size->members * (size_t)size->optimizers,
		      sizeof *pop->t);
	rc = ebb_arena_commit(&pop->parts, err);
	if (rc == 0)
		device_add(pop);
	return rc;
}

static void release(struct ebb_population *pop)
{
	ebb_arena_release(&pop->device);
	ebb_arena_release(&pop->host_arena);
	ebb_arena_release(&pop->parts);
	ebb_net_release(&pop->net);
	free(pop->host.logits);
	free(pop);
}

size_t ebb_population_bytes(const struct ebb_layout *layout, const struct ebb_population_size *size)
{
	struct ebb_population *pop = ebb_xcalloc(1, sizeof *pop);
	struct ebb_err err = EBB_ERR_INIT;
	const struct ebb_ops *ops = ebb_cpu_ops("scalar", &err);
	size_t bytes = 0;

	if (ops && prepare(pop, layout, ops, size, &err) == 0)
		bytes = pop->device.bytes;
	release(pop);
	return bytes;
}

int ebb_population_open(struct ebb_population **out, struct ebb_gpu *gpu,
			const struct ebb_layout *layout, const struct ebb_ops *ops,
			const struct ebb_population_size *size, struct ebb_err *err)
{
	struct ebb_population *pop = ebb_calloc(1, sizeof *pop, err);
	size_t angles = (size_t)layout->model.T * (size_t)layout->model.D / 2 * sizeof(float);
	int rc;

	*out = NULL;
	if (!pop)
		return EBB_ENOMEM;
	pop->gpu = gpu;
	pop->g = gpu->device;
	pop->op = &gpu->op;
	rc = prepare(pop, layout, ops, size, err);
	if (rc == 0) { /* a fast mode's library may be missing */
		pop->op->precision(pop->g, size->precision);
		rc = ebb_gpu_sync(gpu, err);
	}
	if (rc == 0)
		rc = host_add(pop, err);
	if (rc == 0) {
		pop->memory = pop->op->device_alloc(pop->g, pop->device.bytes);
		rc = ebb_gpu_sync(gpu, err);
		if (rc < 0)
			ebb_err_wrap(err,
				     "%d members of %zu parameters take %.1f GiB on the device; "
				     "lower model.width or model.layers",
				     size->members, layout->n_parameters,
				     (double)pop->device.bytes / 0x1p30);
	}
	if (rc < 0) {
		ebb_population_close(pop);
		return rc;
	}
	ebb_arena_place(&pop->device, pop->memory);
	device_join(pop);
	/* what nobody wrote yet is read as a number where a series is shorter than the longest */
	pop->op->clear(pop->g, pop->memory, pop->device.bytes);
	pop->op->upload(pop->g, pop->cosine, pop->net.cosine, angles);
	pop->op->upload(pop->g, pop->sine, pop->net.sine, angles);
	rc = ebb_gpu_sync(gpu, err);
	if (rc < 0)
		ebb_population_close(pop);
	else
		*out = pop;
	return rc;
}

void ebb_population_close(struct ebb_population *pop)
{
	if (!pop)
		return;
	ebb_population_forget(pop);
	ebb_population_weigh_release(pop);
	if (pop->memory)
		pop->op->device_free(pop->g, pop->memory);
	release(pop);
}

const struct ebb_layout *ebb_population_layout(const struct ebb_population *pop)
{
	return pop->net.layout;
}

size_t ebb_population_device_bytes(const struct ebb_population *pop)
{
	return pop->device.bytes;
}

/* ---- weights and moments ---- */

static float *place(const struct ebb_population *pop, float *all, int each, int member, int which)
{
	return all + ((size_t)member * (size_t)each + (size_t)which) * pop->net.layout->n_floats;
}

static int put(struct ebb_population *pop, float *to, const float *from, struct ebb_err *err)
{
	pop->op->upload(pop->g, to, from, pop->net.layout->n_floats * sizeof *from);
	return ebb_gpu_sync(pop->gpu, err);
}

static int get(struct ebb_population *pop, float *to, const float *from, struct ebb_err *err)
{
	pop->op->download(pop->g, to, from, pop->net.layout->n_floats * sizeof *to);
	return ebb_gpu_sync(pop->gpu, err);
}

int ebb_population_put(struct ebb_population *pop, int member, int policy, const float *flat,
		       struct ebb_err *err)
{
	return put(pop, place(pop, pop->w, pop->size.policies, member, policy), flat, err);
}

int ebb_population_get(struct ebb_population *pop, int member, int policy, float *flat,
		       struct ebb_err *err)
{
	return get(pop, flat, place(pop, pop->w, pop->size.policies, member, policy), err);
}

int ebb_population_put_optim(struct ebb_population *pop, int member, int optimizer,
			     const struct ebb_optim *from, struct ebb_err *err)
{
	const int each = pop->size.optimizers;
	int rc = put(pop, place(pop, pop->m, each, member, optimizer), from->m, err);

	if (rc == 0)
		rc = put(pop, place(pop, pop->v, each, member, optimizer), from->v, err);
	pop->t[member * each + optimizer] = from->t;
	return rc;
}

int ebb_population_get_optim(struct ebb_population *pop, int member, int optimizer,
			     struct ebb_optim *to, struct ebb_err *err)
{
	const int each = pop->size.optimizers;
	int rc = get(pop, to->m, place(pop, pop->m, each, member, optimizer), err);

	if (rc == 0)
		rc = get(pop, to->v, place(pop, pop->v, each, member, optimizer), err);
	to->t = pop->t[member * each + optimizer];
	return rc;
}

int ebb_population_copy(struct ebb_population *pop, int member, int to, int from,
			struct ebb_err *err)
{
	const int each = pop->size.policies;

	pop->op->copy(pop->g, place(pop, pop->w, each, member, to),
		      place(pop, pop->w, each, member, from),
		      pop->net.layout->n_floats * sizeof(float));
	return ebb_gpu_sync(pop->gpu, err);
}
