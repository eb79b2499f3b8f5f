/* The update of a population after a gradient pass: what optim.c does for one policy on the CPU. */
#include <math.h>
#include "model/population_inside.h"

/* All members' tensor i of a buffer of n floats a member. */
static struct ebb_pop tensor_of(const struct ebb_population *pop, float *all, size_t member, int i)
{
	return (struct ebb_pop){all + pop->net.layout->tensor[i].offset, member, 0, 0};
}

static size_t floats_of(const struct ebb_layout *layout, int i)
{
	return (size_t)layout->tensor[i].rows * (size_t)layout->tensor[i].cols;
}

/* The rule of everybody; who is not named, or whose gradient is not finite, is left alone. */
static void rules_fill(struct ebb_population *pop, int optimizer,
		       struct ebb_population_update *update, int n)
{
	for (int p = 0; p < pop->size.members; p++)
		pop->host.rule[p] = (struct ebb_adamw_rule){.skip = 1};
	for (int i = 0; i < n; i++) {
		struct ebb_population_update *u = &update[i];

		u->norm = sqrt(pop->host.sum[u->member]);
		u->stepped =
			(struct ebb_optim_stepped){.clipped = ebb_optim_clips(&u->rule, u->norm)};
		if (isfinite(u->norm))
			pop->host.rule[u->member] = ebb_optim_numbers(
				&u->rule, u->norm,
				++pop->t[u->member * pop->size.optimizers + optimizer]);
	}
}

int ebb_population_step(struct ebb_population *pop, int policy, int optimizer,
			struct ebb_population_update *update, int n, struct ebb_err *err)
{
	const struct ebb_gpu_ops *op = pop->op;
	const struct ebb_layout *layout = pop->net.layout;
	const size_t floats = layout->n_floats, P = (size_t)pop->size.members;
	const size_t policies = (size_t)pop->size.policies * floats;
	const size_t moments = (size_t)pop->size.optimizers * floats;
	float *w = pop->w + (size_t)policy * floats;
	float *m = pop->m + (size_t)optimizer * floats, *v = pop->v + (size_t)optimizer * floats;
	const bool exact = pop->size.precision == EBB_GPU_FP32;
	const struct ebb_pop all = {w, policies, 0, 0}, old = {pop->old, floats, 0, 0};
	int rc;

	op->sum_squares(pop->g, (int)P, floats, EBB_RANGE,
			(struct ebb_pop){pop->grad, pop->n_lane, 0, 0}, pop->partial, pop->sum);
	op->download(pop->g, pop->host.sum, pop->sum, P * sizeof *pop->host.sum);
	rc = ebb_gpu_sync(pop->gpu, err);
	if (rc < 0)
		return rc;
	rules_fill(pop, optimizer, update, n);
	op->upload(pop->g, pop->rule, pop->host.rule, P * sizeof *pop->rule);
	op->lane_sum(pop->g, (int)P, floats, 1, 0, all, old); /* one series: a copy */
	for (int i = 0; i < layout->n_tensors; i++)
		op->adamw(pop->g, (int)P, floats_of(layout, i), tensor_of(pop, w, policies, i),
			  tensor_of(pop, pop->grad, pop->n_lane, i), tensor_of(pop, m, moments, i),
			  tensor_of(pop, v, moments, i), pop->rule, layout->tensor[i].decay);
	op->subtract(pop->g, (int)P, floats, old, all, old);
	for (int i = 0; i < layout->n_tensors;
	     i++) /* exact: a tensor is one piece, as on the CPU */
		op->sum_squares(pop->g, (int)P, floats_of(layout, i),
				exact ? floats_of(layout, i) : EBB_RANGE,
				tensor_of(pop, pop->old, floats, i), pop->partial,
				pop->sum + (size_t)i * P);
	op->download(pop->g, pop->host.sum, pop->sum,
		     P * (size_t)layout->n_tensors * sizeof *pop->host.sum);
	rc = ebb_gpu_sync(pop->gpu, err);
	for (int i = 0; i < n; i++) {
		struct ebb_population_update *u = &update[i];

		if (!isfinite(u->norm))
			continue;
		for (int k = 0; k < layout->n_tensors; k++)
			u->stepped.moved += pop->host.sum[(size_t)k * P + (size_t)u->member];
		u->stepped.moved = sqrt(u->stepped.moved);
	}
	return rc;
}
