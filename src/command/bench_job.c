#include "command/bench_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/rng.h"
#include "base/thread.h"
#include "task/task.h"
#include "tensor/device.h"

#define WARM_UP    1
#define GEMM_SHARE 0.85 /* of the peak that matrix products of these sizes reach at best */
#define EXP_FLOPS  47   /* what a vectorised exponential costs, in operations at the peak */

double ebb_bench_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- life cycle ---- */

void ebb_bench_end(struct ebb_bench_state *b)
{
	void *own[] = {b->grad,    b->token,  b->drawn,     b->old,       b->logp,
		       b->entropy, b->w_logp, b->w_entropy, b->advantage, b->reward,
		       b->shaped,  b->length, b->group,     b->order,     b->truncated,
		       b->mask,    b->row,    b->prompt,    b->sample};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		free(own[i]);
	ebb_weigh_release(&b->mb);
	if (b->sampler)
		ebb_sampler_close(b->sampler);
	if (b->engine)
		ebb_engine_close(b->engine);
	ebb_optim_release(&b->opt);
	ebb_weights_release(&b->w);
	ebb_layout_release(&b->layout);
	if (b->pool)
		ebb_pool_close(b->pool);
	memset(b, 0, sizeof *b);
}

/* The options of the reinforcement-learning job: GRPO with one update on the whole batch. */
static void choose_objective(struct ebb_bench_state *b)
{
	struct ebb_options *o = &b->o;

	ebb_options_init(o, ebb_task_catalog());
	o->train.prompts = b->n_prompts;
	o->train.group = b->s.group;
	o->train.minibatches = 1;
	o->sample.max_tokens = b->response;
	o->advantage.std_ddof = 0;
	o->advantage.std_eps = 1e-4;
	o->loss.aggregate = EBB_AGGREGATE_TOKEN_MEAN;
}

static int bench_arrays(struct ebb_bench_state *b, struct ebb_err *err)
{
	const size_t n = (size_t)b->s.batch, all = n * (size_t)b->response;
	const struct {
		void *where;
		size_t n, size;
	} piece[] = {
		{&b->grad, b->layout.n_floats, sizeof *b->grad},
		{&b->token, n * (size_t)b->stride, sizeof *b->token},
		{&b->drawn, all, sizeof *b->drawn},
		{&b->old, all, sizeof *b->old},
		{&b->logp, all, sizeof *b->logp},
		{&b->entropy, all, sizeof *b->entropy},
		{&b->w_logp, all, sizeof *b->w_logp},
		{&b->w_entropy, all, sizeof *b->w_entropy},
		{&b->advantage, all, sizeof *b->advantage},
		{&b->reward, n, sizeof *b->reward},
		{&b->shaped, n, sizeof *b->shaped},
		{&b->length, n, sizeof *b->length},
		{&b->group, n, sizeof *b->group},
		{&b->order, n, sizeof *b->order},
		{&b->truncated, n, sizeof *b->truncated},
		{&b->mask, all, sizeof *b->mask},
		{&b->row, n, sizeof *b->row},
		{&b->prompt, (size_t)b->n_prompts, sizeof *b->prompt},
		{&b->sample, n, sizeof *b->sample},
	};

	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
		void *p = ebb_calloc(piece[i].n, piece[i].size, err);

		if (!p)
			return EBB_ENOMEM;
		memcpy(piece[i].where, &p, sizeof p);
	}
	for (size_t i = 0; i < n; i++) {
		b->row[i] = (struct ebb_row){
			.token = b->token + i * (size_t)b->stride,
			.start = b->mode == EBB_BENCH_TRAIN ? 1 : (int)b->s.prompt,
			.length = b->stride,
		};
		b->group[i] = (int)(i / (n / (size_t)b->n_prompts));
		b->order[i] = (int)i;
	}
	for (int p = 0; p < b->n_prompts; p++) {
		size_t first = (size_t)p * (n / (size_t)b->n_prompts);

		b->prompt[p] = (struct ebb_prompt){b->row[first].token, (int)b->s.prompt};
	}
	return EBB_OK;
}

int ebb_bench_heads(const struct ebb_bench_shape *s)
{
	return s->width / 32 > 2 ? (int)(s->width / 32) : 2;
}

int ebb_bench_begin(struct ebb_bench_state *b, const struct ebb_bench_shape *s,
		    enum ebb_bench_mode mode, struct ebb_err *err)
{
	const int heads = ebb_bench_heads(s);
	const struct ebb_model model = {
		.V = (int)s->vocab,
		.T = (int)s->seq + 1,
		.C = (int)s->width,
		.NH = heads,
		.NKV = heads,
		.D = (int)s->width / heads,
		.F = 4 * (int)s->width,
		.L = (int)s->layers,
		.qkv_bias = true,
		.tied = true,
		.rope_theta = 1e4,
		.norm_eps = 1e-6f,
	};
	int rc;

	*b = (struct ebb_bench_state){.s = *s, .mode = mode};
	b->n_prompts = (int)(mode == EBB_BENCH_RL ? s->batch / s->group : s->batch);
	b->stride = (int)(mode == EBB_BENCH_TRAIN ? s->seq + 1 : s->seq);
	b->response = (int)(mode == EBB_BENCH_TRAIN ? s->seq : s->seq - s->prompt);
	choose_objective(b);
	b->ops = ebb_cpu_ops(s->isa, err);
	rc = b->ops ? EBB_OK : err->code;
	if (rc == 0)
		rc = ebb_layout_init(&b->layout, &model, err);
	if (rc == 0)
		rc = ebb_weights_init(&b->w, &b->layout, b->ops, err);
	if (rc == 0)
		rc = bench_arrays(b, err);
	if (rc == 0)
		ebb_weights_draw(&b->w, 0);
	return rc;
}

/* What the CPU alone needs. */
static int bench_engine(struct ebb_bench_state *b, struct ebb_err *err)
{
	int rc = ebb_pool_open(&b->pool, (int)b->s.threads, err);

	if (rc == 0)
		rc = ebb_optim_init(&b->opt, &b->layout, err);
	if (rc == 0)
		rc = ebb_engine_open(&b->engine, &b->layout, b->ops, b->pool, (int)b->o.train.slot,
				     err);
	if (rc == 0 && b->mode != EBB_BENCH_TRAIN)
		rc = ebb_sampler_open(&b->sampler, b->engine, err);
	return rc;
}

/* ---- the jobs ---- */

static int32_t random_token(const struct ebb_bench_state *b, int iteration, int slot, int position)
{
	struct ebb_draw d = {
		.stream = EBB_STREAM_TEST, .step = (uint32_t)iteration, .slot = (uint32_t)slot};

	return (int32_t)ebb_below(&d, (uint32_t)position, (uint32_t)b->s.vocab);
}

void ebb_bench_prompts(struct ebb_bench_state *b, int iteration)
{
	const int n_tokens = b->mode == EBB_BENCH_TRAIN ? b->stride : (int)b->s.prompt;

	for (int i = 0; i < b->s.batch; i++)
		for (int t = 0; t < n_tokens; t++)
			b->token[i * b->stride + t] = random_token(b, iteration, b->group[i], t);
}

const struct ebb_optim_rule ebb_bench_rule = {
	.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.01, .grad_clip = 1};

int ebb_bench_check(const struct ebb_bench_state *b, double norm, struct ebb_err *err)
{
	return isfinite(norm) ? EBB_OK
			      : ebb_err_set(err, EBB_ENUMERIC, "the gradient of %s is not finite",
					    b->mode == EBB_BENCH_TRAIN ? "train" : "rl");
}

static int update(struct ebb_bench_state *b, struct ebb_pass *pass, struct ebb_err *err)
{
	ebb_pass_grad(b->engine, &b->w, pass, b->grad);
	return ebb_bench_check(
		b, ebb_optim_step(b->engine, &b->w, &b->opt, b->grad, &ebb_bench_rule, NULL), err);
}

static struct ebb_pass pass_of(struct ebb_bench_state *b)
{
	return (struct ebb_pass){
		.row = b->row,
		.n = (int)b->s.batch,
		.stride = b->response,
		.tau = 1,
		.logp = b->logp,
		.entropy = b->entropy,
		.w_logp = b->w_logp,
	};
}

struct ebb_decode ebb_bench_decode(struct ebb_bench_state *b, int iteration)
{
	const int per_prompt = (int)b->s.batch / b->n_prompts;

	for (int i = 0; i < b->s.batch; i++)
		b->sample[i] = (struct ebb_sample){
			.prompt = b->group[i],
			.draw = {.stream = EBB_STREAM_DECODE,
				 .step = (uint32_t)iteration,
				 .slot = (uint32_t)b->group[i],
				 .sample = (uint32_t)(i % per_prompt)},
		};
	return (struct ebb_decode){
		.prompt = b->prompt,
		.n_prompts = b->n_prompts,
		.sample = b->sample,
		.n = (int)b->s.batch,
		.stride = b->response,
		.max_tokens = b->response,
		.eos = -1, /* never drawn: every response has full length */
		.tau = 1,
		.top_p = 1,
		.token = b->drawn,
		.length = b->length,
		.truncated = b->truncated,
		.logp = b->old,
	};
}

void ebb_bench_decoded(struct ebb_bench_state *b)
{
	for (int i = 0; i < b->s.batch; i++)
		memcpy(b->token + i * b->stride + b->s.prompt, b->drawn + i * b->response,
		       (size_t)b->response * sizeof *b->drawn);
}

/* Share of response tokens that are the token before plus one: a rule that can be learnt. */
static double rule_reward(const struct ebb_bench_state *b, int i)
{
	const int32_t *token = b->token + i * b->stride;
	int hits = 0;

	for (int t = (int)b->s.prompt; t < b->stride; t++)
		hits += token[t] == (token[t - 1] + 1) % b->s.vocab;
	return (double)hits / b->response;
}

/* GRPO's advantages and coefficients for what was drawn. */
static int prepare_rl(struct ebb_bench_state *b, struct ebb_pass *pass, struct ebb_err *err)
{
	const int n = (int)b->s.batch;
	int rc;

	b->batch = (struct ebb_batch){
		.R = n,
		.T = b->response,
		.n_groups = b->n_prompts,
		.group = b->group,
		.mask = b->mask,
		.length = b->length,
		.reward = b->reward,
		.old = b->old,
		.shaped = b->shaped,
		.advantage = b->advantage,
	};
	b->mb = (struct ebb_minibatch){
		.o = &b->o,
		.batch = &b->batch,
		.row = b->order,
		.n = n,
		.stride = b->response,
		.limit = b->response,
		.logp = b->logp,
		.entropy = b->entropy,
		.w_logp = b->w_logp,
		.w_entropy = b->w_entropy,
		.private_ = b->mb.private_,
	};
	b->mean_reward = 0;
	for (int i = 0; i < n; i++) {
		b->reward[i] = rule_reward(b, i);
		b->mean_reward += b->reward[i] / n;
	}
	memset(b->mask, 1, (size_t)n * (size_t)b->response);
	ebb_objective_shape(&b->o, &b->batch);
	ebb_objective_prepare(&b->o, &b->batch, b->o.kl.coef, NULL);
	rc = ebb_weigh_begin(&b->mb, err);
	pass->w_entropy = b->w_entropy;
	pass->weigh = ebb_weigh_rows;
	pass->ctx = &b->mb;
	return rc;
}

int ebb_bench_prepare(struct ebb_bench_state *b, struct ebb_pass *pass, struct ebb_err *err)
{
	const size_t n = (size_t)b->s.batch * (size_t)b->response;

	*pass = pass_of(b);
	if (b->mode == EBB_BENCH_RL)
		return prepare_rl(b, pass, err);
	for (size_t i = 0; i < n; i++)
		b->w_logp[i] = -1.0 / (double)n; /* mean cross-entropy */
	return 0;
}

void ebb_bench_learnt(struct ebb_bench_state *b)
{
	struct ebb_weigh_stats stats;

	if (b->mode == EBB_BENCH_RL)
		ebb_weigh_finish(&b->mb, &stats);
}

static int learn(struct ebb_bench_state *b, struct ebb_err *err)
{
	struct ebb_pass pass;
	int rc = ebb_bench_prepare(b, &pass, err);

	if (rc == 0)
		rc = update(b, &pass, err);
	if (rc == 0)
		ebb_bench_learnt(b);
	return rc;
}

static void sample(struct ebb_bench_state *b, int iteration)
{
	struct ebb_decode d = ebb_bench_decode(b, iteration);

	ebb_sampler_decode(b->sampler, &b->w, &d);
	ebb_bench_decoded(b);
}

/* ---- counting and timing ---- */

struct work {
	double flops, exps, cache_bytes;
};

/* Of a forward pass: an exponential a gate, an attended pair and head, and an entry of the softmax;
 * keys and values are read once a pair. */
static struct work forward_work(const struct ebb_model *m, double positions, double predicting,
				double pairs)
{
	const double C = m->C, Q = (double)m->NH * m->D, KV = (double)m->NKV * m->D, F = m->F;

	return (struct work){
		.flops = positions * 2 * m->L * (C * (Q + 2 * KV) + Q * C + 3 * C * F) +
			 predicting * 2 * m->V * C + pairs * 4 * m->L * Q,
		.exps = positions * m->L * F + predicting * m->V + pairs * m->L * m->NH,
		.cache_bytes = pairs * m->L * 2 * KV * sizeof(float),
	};
}

static void add_work(struct work *sum, double times, struct work w)
{
	sum->flops += times * w.flops;
	sum->exps += times * w.exps;
	sum->cache_bytes += times * w.cache_bytes;
}

static double triangle(double n)
{
	return n * (n + 1) / 2;
}

/* Useful work of one iteration: prompts of a group count once, and the last token of a sequence is
 * never fed. */
static struct work work_of(const struct ebb_bench_state *b)
{
	const struct ebb_model *m = &b->layout.model;
	const double n = (double)b->s.batch, fed = b->stride - 1, P = (double)b->s.prompt;
	struct work all = {0}, training;

	if (b->mode != EBB_BENCH_TRAIN) {
		add_work(&all, 1,
			 forward_work(m, b->n_prompts * P, b->n_prompts,
				      b->n_prompts * triangle(P)));
		add_work(&all, 1,
			 forward_work(m, n * (fed - P), n * (fed - P),
				      n * (triangle(fed) - triangle(P))));
	}
	if (b->mode != EBB_BENCH_SAMPLE) {
		training = forward_work(m, n * fed, n * b->response, n * triangle(fed));
		training.exps *= 2.0 / 3; /* once each way; so that three forwards are two */
		training.cache_bytes = 0;
		add_work(&all, 3, training);
	}
	return all;
}

void ebb_bench_count(const struct ebb_bench_state *b, struct ebb_bench_result *r)
{
	const struct work work = work_of(b);

	*r = (struct ebb_bench_result){.model = b->layout.model,
				       .n_parameters = b->layout.n_parameters,
				       .best_s = INFINITY,
				       .sample_s = NAN,
				       .update_s = NAN,
				       .reward = NAN};
	r->tokens = (double)b->s.batch * b->response;
	r->flops = work.flops;
	r->cache_bytes = work.cache_bytes;
	r->ceiling_flops = work.flops / GEMM_SHARE + work.exps * EXP_FLOPS;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double ebb_bench_median(double *seconds, int n)
{
	qsort(seconds, (size_t)n, sizeof *seconds, ascending);
	return seconds[n / 2];
}

static int measure(struct ebb_bench_state *b, struct ebb_bench_result *r, struct ebb_err *err)
{
	double *seconds = ebb_xcalloc((size_t)b->s.iters, sizeof *seconds);
	int rc = EBB_OK;

	ebb_bench_count(b, r);
	r->peak_flops = 1e9 * ebb_cpu_peak_flops(b->ops) * (double)b->s.threads;
	for (int i = 0; i < WARM_UP + b->s.iters && rc == 0; i++) {
		double start, middle, end;

		ebb_bench_prompts(b, i);
		start = ebb_bench_clock();
		if (b->mode != EBB_BENCH_TRAIN)
			sample(b, i);
		middle = ebb_bench_clock();
		if (b->mode != EBB_BENCH_SAMPLE)
			rc = learn(b, err);
		end = ebb_bench_clock();
		if (i < WARM_UP)
			continue;
		seconds[i - WARM_UP] = end - start;
		if (end - start < r->best_s) {
			r->best_s = end - start;
			r->sample_s = b->mode == EBB_BENCH_TRAIN ? NAN : middle - start;
			r->update_s = b->mode == EBB_BENCH_SAMPLE ? NAN : end - middle;
		}
	}
	r->median_s = ebb_bench_median(seconds, (int)b->s.iters);
	free(seconds);
	if (b->mode == EBB_BENCH_RL)
		r->reward = b->mean_reward;
	/* weights, their packed copy (W and its transpose), gradient and two moments */
	r->bytes = 6 * b->layout.n_floats * sizeof(float) + ebb_engine_bytes(b->engine) +
		   (b->sampler ? ebb_sampler_bytes(b->sampler) : 0);
	return rc;
}

int ebb_bench_job(const struct ebb_bench_shape *s, enum ebb_bench_mode mode,
		  struct ebb_bench_result *r, struct ebb_err *err)
{
	struct ebb_bench_state b;
	int rc = ebb_bench_begin(&b, s, mode, err);

	if (rc == 0)
		rc = bench_engine(&b, err);
	if (rc == 0)
		rc = measure(&b, r, err);
	r->isa = rc == 0 ? b.ops->name : NULL;
	ebb_bench_end(&b);
	return rc;
}
