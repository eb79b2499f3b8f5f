/* Passes over rows: cut into blocks, spread over threads, gradients summed in a fixed order. */
#include <stdlib.h>
#include <string.h>
#include "model/engine.h"
#include "model/histogram.h"

/*
 * Input positions of a block. Fewer read and write the weights' gradients too often, more push the
 * activations out of cache; between 128 and 512 the choice is worth 3 % at widths 64 to 256.
 */
#define BLOCK_POSITIONS 256

static void engine_add(struct ebb_engine *e)
{
	const struct ebb_layout *layout = e->net.layout;
	const struct ebb_model *m = &layout->model;
	size_t n_head = (size_t)m->V * (size_t)m->C;
	int capacity = m->T - 1 > BLOCK_POSITIONS ? m->T - 1 : BLOCK_POSITIONS;

	for (int i = 0; i < ebb_pool_size(e->pool); i++)
		ebb_block_add(&e->block[i], &e->net, capacity, &e->arena);
	e->n_lane = (layout->n_floats + (m->tied ? n_head : 0) + 15) / 16 * 16;
	e->n_ranges = (int)((layout->n_floats + EBB_RANGE - 1) / EBB_RANGE);
	ebb_arena_add(&e->arena, &e->lane, EBB_LANES * e->n_lane, sizeof *e->lane);
	ebb_arena_add(&e->arena, &e->partial, (size_t)e->n_ranges, sizeof *e->partial);
	ebb_arena_add(&e->arena, &e->moved, (size_t)layout->n_tensors, sizeof *e->moved);
	if (m->tied)
		ebb_arena_add(&e->arena, &e->head_sum, n_head, sizeof *e->head_sum);
}

int ebb_engine_open(struct ebb_engine **out, const struct ebb_layout *layout,
		    const struct ebb_ops *ops, struct ebb_pool *pool, int slot, struct ebb_err *err)
{
	struct ebb_engine *e;
	int n_workers = ebb_pool_size(pool), L = layout->model.L, rc;

	*out = NULL;
	if (slot < 1)
		return ebb_err_set(err, EBB_EINVAL,
				   "engine: a gradient slot of %d sequences; train.slot must be "
				   "positive",
				   slot);
	e = ebb_calloc(1, sizeof *e, err);
	if (e == NULL)
		return EBB_ENOMEM;
	e->pool = pool;
	e->slot = slot;
	rc = ebb_net_init(&e->net, layout, ops, err);
	if (rc == 0) {
		ebb_arena_add(&e->parts, &e->block, (size_t)n_workers, sizeof *e->block);
		ebb_arena_add(&e->parts, &e->act, (size_t)n_workers * L, sizeof *e->act);
		rc = ebb_arena_commit(&e->parts, err);
	}
	if (rc == 0) {
		for (int i = 0; i < n_workers; i++)
			e->block[i].act = e->act + (size_t)i * L;
		engine_add(e);
		rc = ebb_arena_commit(&e->arena, err);
	}
	if (rc != 0) {
		ebb_err_wrap(err, "engine for %d threads", n_workers);
		ebb_engine_close(e);
		return rc;
	}
	for (int i = 0; i < n_workers; i++)
		ebb_block_join(&e->block[i]);
	*out = e;
	return 0;
}

void ebb_engine_close(struct ebb_engine *e)
{
	if (e == NULL)
		return;
	ebb_arena_release(&e->arena);
	ebb_arena_release(&e->parts);
	ebb_net_release(&e->net);
	free(e);
}

const struct ebb_layout *ebb_engine_layout(const struct ebb_engine *e)
{
	return e->net.layout;
}

const struct ebb_ops *ebb_engine_ops(const struct ebb_engine *e)
{
	return e->net.ops;
}

struct ebb_pool *ebb_engine_pool(struct ebb_engine *e)
{
	return e->pool;
}

const struct ebb_net *ebb_engine_net(const struct ebb_engine *e)
{
	return &e->net;
}

size_t ebb_engine_bytes(const struct ebb_engine *e)
{
	return sizeof *e + e->arena.bytes + e->parts.bytes + e->net.arena.bytes;
}

void ebb_engine_limit(struct ebb_engine *e, int positions)
{
	for (int i = 0; i < ebb_pool_size(e->pool); i++) {
		struct ebb_block *b = &e->block[i];

		b->limit = positions < b->capacity ? positions : b->capacity;
	}
}

struct job {
	struct ebb_engine *e;
	const struct ebb_weights *w;
	const struct ebb_pass *pass;
	int n_items;
	float *grad; /* null: forward only */
};

/* Response tokens of the block's rows, one after the other, beside their place in the pass. */
static void results_store(const struct ebb_block *b, const struct ebb_pass *pass, int first,
			  int count)
{
	const size_t V = (size_t)b->net->m.V;
	int r = 0;

	for (int i = first; i < first + count; i++) {
		size_t at = (size_t)i * pass->stride;

		if (pass->row[i].length - pass->row[i].start > pass->stride)
			EBB_BUG("%d response tokens in arrays of stride %d",
				pass->row[i].length - pass->row[i].start, pass->stride);
		for (int t = pass->row[i].start; t < pass->row[i].length; t++, at++, r++) {
			pass->logp[at] = b->logp[r];
			pass->entropy[at] = b->entropy[r];
			if (pass->value != NULL)
				pass->value[at] = b->value[r];
			if (pass->ref != NULL && pass->kl != NULL)
				pass->kl[at] = b->kl[r];
			if (pass->ref != NULL && pass->kl_from != NULL)
				pass->kl_from[at] = b->kl_from[r];
			if (pass->ref != NULL && pass->logp_ref != NULL)
				pass->logp_ref[at] = b->logp_ref[r];
			if (pass->logits != NULL)
				memcpy(pass->logits + at * V, b->logits + (size_t)r * V,
				       V * sizeof *pass->logits);
			if (pass->logit != NULL)
				pass->logit[at] = b->logits[(size_t)r * V + (size_t)b->target[r]];
			if (pass->moment != NULL)
				for (int k = 0; k < 4; k++)
					pass->moment[4 * at + k] = b->moment[4 * (size_t)r + k];
		}
	}
}

/* Raw logits before head_bwd writes over them. */
static void logits_store(const struct ebb_block *b, const struct ebb_pass *pass, int first,
			 int count)
{
	const size_t V = (size_t)b->net->m.V;
	const float *z = b->logits;

	for (int i = first; i < first + count; i++) {
		const size_t n = (size_t)(pass->row[i].length - pass->row[i].start) * V;

		memcpy(pass->logits + (size_t)i * (size_t)pass->stride * V, z, n * sizeof *z);
		z += n;
	}
}

/* Every row counts for itself: no two threads meet, and counts add up to the same whatever the cut. */
static void histogram_store(const struct ebb_block *b, const struct ebb_pass *pass, int first,
			    int count)
{
	const size_t V = (size_t)b->net->m.V;
	const float *z = b->logits;

	for (int i = first; i < first + count; i++) {
		int64_t *bin = pass->histogram + (size_t)i * EBB_LOGIT_BINS;
		const size_t n = (size_t)(pass->row[i].length - pass->row[i].start) * V;

		memset(bin, 0, EBB_LOGIT_BINS * sizeof *bin);
		ebb_histogram_count(bin, z, n);
		z += n;
	}
}

static void coefficients_load(struct ebb_block *b, const struct ebb_pass *pass, int first,
			      int count)
{
	int r = 0;

	for (int i = first; i < first + count; i++) {
		size_t at = (size_t)i * pass->stride;

		for (int t = pass->row[i].start; t < pass->row[i].length; t++, at++, r++) {
			b->w_logp[r] = (float)pass->w_logp[at];
			b->w_entropy[r] = pass->w_entropy ? (float)pass->w_entropy[at] : 0.0F;
			b->w_kl[r] = pass->w_kl ? (float)pass->w_kl[at] : 0.0F;
			if (pass->w_value != NULL)
				b->w_value[r] = (float)pass->w_value[at];
			b->w_kl_from[r] = pass->w_kl_from ? (float)pass->w_kl_from[at] : 0.0F;
		}
	}
}

static void block_judge(struct ebb_block *b, const struct job *job)
{
	const struct ebb_pass *pass = job->pass;
	const struct ebb_ops *ops = job->e->net.ops;
	int V = job->e->net.m.V;
	float tau = (float)pass->tau;
	bool ref = pass->ref != NULL;

	if (ref) {
		ebb_block_forward(b, pass->ref, false, b->ref);
		if (pass->logp_ref != NULL)
			ops->head_fwd(b->R, V, b->ref, V, b->target, tau, NULL, b->logp_ref,
				      b->scratch_row, NULL, NULL, b->scratch_row + b->R);
	}
	ebb_block_forward(b, job->w, job->grad != NULL, b->logits);
	if (pass->value != NULL)
		ebb_block_values(b, job->w);
	ops->head_fwd(b->R, V, b->logits, V, b->target, tau, ref ? b->ref : NULL, b->logp,
		      b->entropy, ref ? b->kl : NULL, pass->moment != NULL ? b->moment : NULL,
		      b->stat);
	if (ref && pass->kl_from != NULL)
		ops->head_cross_fwd(b->R, V, b->logits, V, tau, b->ref, b->stat, b->kl_from);
}

/* dL/dlogits over the logits. What goes through KL(ref || pi) takes the reference's place when nobody
 * reads that any more. */
static void block_slope(struct ebb_block *b, const struct job *job)
{
	const struct ebb_pass *pass = job->pass;
	const struct ebb_ops *ops = job->e->net.ops;
	const bool kl = pass->ref != NULL && pass->w_kl != NULL;
	const bool from = pass->ref != NULL && pass->w_kl_from != NULL;
	int V = job->e->net.m.V;
	float tau = (float)pass->tau;

	if (from && kl)
		EBB_BUG("a gradient through both directions of a KL");
	if (from)
		ops->head_cross_bwd(b->R, V, b->logits, V, tau, b->ref, b->stat, b->w_kl_from,
				    b->ref);
	ops->head_bwd(b->R, V, b->logits, V, b->target, tau, pass->ref && !from ? b->ref : NULL,
		      b->stat, b->w_logp, b->w_entropy, pass->ref && !from ? b->w_kl : NULL,
		      b->logits);
	if (from)
		ops->accumulate((size_t)b->R * (size_t)V, b->ref, b->logits);
}

/* Rows [first, end) block by block; grad null: forward only. */
static void rows_run(struct ebb_block *b, const struct job *job, int first, int end, float *grad)
{
	const struct ebb_pass *pass = job->pass;
	const struct ebb_net *net = &job->e->net;

	while (first < end) {
		int count = ebb_block_fill(b, pass->row + first, end - first);

		if (b->R > 0)
			block_judge(b, job);
		results_store(b, pass, first, count);
		if (pass->logits != NULL)
			logits_store(b, pass, first, count);
		if (pass->histogram != NULL)
			histogram_store(b, pass, first, count);
		if (grad != NULL) {
			if (pass->weigh != NULL)
				pass->weigh(pass->ctx, first, count);
			coefficients_load(b, pass, first, count);
			if (b->R > 0) {
				block_slope(b, job);
				ebb_block_backward(b, job->w, pass->w_value != NULL, grad,
						   net->m.tied ? grad + net->layout->n_floats
							       : grad + net->head.flat);
			}
		}
		first += count;
	}
}

static void score_item(void *ctx, int item, int worker)
{
	const struct job *job = ctx;
	int64_t n = job->pass->n;

	rows_run(&job->e->block[worker], job, (int)(item * n / job->n_items),
		 (int)((item + 1) * n / job->n_items), NULL);
}

static void value_check(const struct ebb_engine *e, const struct ebb_pass *pass)
{
	if ((pass->value != NULL || pass->w_value != NULL) && !e->net.m.value)
		EBB_BUG("a pass asks for values of a policy without a value head");
}

void ebb_pass_score(struct ebb_engine *e, const struct ebb_weights *w, struct ebb_pass *pass)
{
	int threads = ebb_pool_size(e->pool);
	struct job job = {.e = e, .w = w, .pass = pass};

	value_check(e, pass);

	/* A few items a thread even out the load; more would cut blocks short. */
	job.n_items = threads == 1 ? 1 : 4 * threads;
	if (job.n_items > pass->n)
		job.n_items = pass->n;
	ebb_pool_run(e->pool, job.n_items, score_item, &job);
}

static void lane_item(void *ctx, int lane, int worker)
{
	const struct job *job = ctx;
	struct ebb_engine *e = job->e;
	float *grad = e->lane + lane * e->n_lane;
	int first, end;

	ebb_lane_rows(job->pass->n, e->slot, lane, &first, &end);
	memset(grad, 0, e->n_lane * sizeof *grad);
	rows_run(&e->block[worker], job, first, end, grad);
}

/* Item 0 .. n_ranges-1: a range of the gradient. The last item: the head's part of a tied one. */
static void sum_item(void *ctx, int item, int worker)
{
	const struct job *job = ctx;
	const struct ebb_engine *e = job->e;
	const struct ebb_net *net = &e->net;
	size_t n = net->layout->n_floats, first = (size_t)item * EBB_RANGE;

	if (item == e->n_ranges)
		net->ops->lane_sum((size_t)net->m.V * net->m.C, job->n_items, e->n_lane,
				   e->lane + n, e->head_sum);
	else
		net->ops->lane_sum(n - first < EBB_RANGE ? n - first : EBB_RANGE, job->n_items,
				   e->n_lane, e->lane + first, job->grad + first);
}

void ebb_pass_grad(struct ebb_engine *e, const struct ebb_weights *w, struct ebb_pass *pass,
		   float *grad)
{
	const struct ebb_model *m = &e->net.m;
	struct job job = {.e = e, .w = w, .pass = pass, .grad = grad};

	value_check(e, pass);
	if (pass->w_logp == NULL)
		EBB_BUG("a gradient pass without w_logp");
	if (pass->w_kl != NULL && pass->ref == NULL)
		EBB_BUG("a gradient pass with w_kl but no reference");
	if (pass->n == 0) {
		memset(grad, 0, e->net.layout->n_floats * sizeof *grad);
		return;
	}
	job.n_items = ebb_lanes_used(pass->n, e->slot);
	ebb_pool_run(e->pool, job.n_items, lane_item, &job);
	ebb_pool_run(e->pool, e->n_ranges + (m->tied ? 1 : 0), sum_item, &job);
	if (m->tied) {
		float *dembed = grad + e->net.embed.flat;
		size_t n_head = (size_t)m->V * m->C;

		for (size_t i = 0; i < n_head; i++)
			dembed[i] += e->head_sum[i];
	}
}
