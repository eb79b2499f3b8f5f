/*
 * ebb bench: how fast this machine trains and samples. Three jobs on one model, random tokens:
 *
 *   train   forward, cross-entropy on all positions, backward, AdamW
 *   sample  full-length responses with the KV cache, log-probabilities recorded
 *   rl      sample groups, reward them by a rule, group-normalised advantages, one clipped update
 *
 * and, on the real trainer, metrics: what measuring and recording a step costs (bench_metrics.h).
 *
 * Tokens a second are trained (train) or generated (sample, rl) tokens over the fastest of --iters
 * iterations after a warm-up; the median stands beside it. Operations, a multiply-add as two:
 *
 *   forward = 2 L (C (Q + 2 KV) + Q C + 3 C F) a position, + 2 V C a predicting one,
 *             + 4 L Q a (query, key) pair;    a gradient costs three forwards
 *
 * The peak is the rate of independent fused multiply-adds in registers, measured in the same run on
 * one thread, times the threads.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "base/rng.h"
#include "base/thread.h"
#include "command/bench_metrics.h"
#include "command/command.h"
#include "model/model.h"
#include "objective/objective.h"
#include "rollout/rollout.h"
#include "task/task.h"
#include "tensor/device.h"

enum mode { TRAIN, SAMPLE, RL, N_JOBS, METRICS = N_JOBS, N_MODES };
static const char *const mode_name[N_MODES] = {"train", "sample", "rl", "metrics"};

#define WARM_UP 1

struct shape {
	int64_t width, layers, threads, batch, seq, prompt, vocab, group, iters;
	const char *isa;
};

/* Everything one job touches. All arrays are allocated before the first iteration. */
struct bench {
	struct shape s;
	enum mode mode;
	int n_prompts, response; /* distinct prompts; tokens generated or trained a sequence */
	int stride;              /* tokens a row of `token`                                  */
	struct ebb_pool *pool;
	const struct ebb_ops *ops;
	struct ebb_layout layout;
	struct ebb_weights w;
	struct ebb_optim opt;
	struct ebb_engine *engine;
	struct ebb_sampler *sampler;
	struct ebb_options o;
	float *grad;
	int32_t *token; /* whole sequences                       (batch, stride)    */
	int32_t *drawn; /* responses as decoded                  (batch, response)  */
	double *old, *logp, *entropy, *w_logp, *w_entropy, *advantage; /* (batch, response) */
	double *reward, *shaped;                                       /* (batch)           */
	int *length, *group, *order;                                   /* (batch)           */
	bool *truncated;                                               /* (batch)           */
	unsigned char *mask;                                           /* (batch, response) */
	struct ebb_row *row;                                           /* (batch)           */
	struct ebb_prompt *prompt;                                     /* (n_prompts)       */
	struct ebb_sample *sample;                                     /* (batch)           */
};

struct result {
	double best_s, median_s, tokens, flops, peak_flops;
	double sample_s, update_s; /* of the fastest iteration; NaN where not done */
	double reward;             /* of the last iteration; NaN but in mode rl    */
	size_t bytes;
};

static double clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- life cycle ---- */

static void bench_release(struct bench *b)
{
	void *own[] = {b->grad,    b->token,  b->drawn,     b->old,       b->logp,
		       b->entropy, b->w_logp, b->w_entropy, b->advantage, b->reward,
		       b->shaped,  b->length, b->group,     b->order,     b->truncated,
		       b->mask,    b->row,    b->prompt,    b->sample};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		free(own[i]);
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
static void choose_objective(struct bench *b)
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

static int bench_arrays(struct bench *b, struct ebb_err *err)
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
			.start = b->mode == TRAIN ? 1 : (int)b->s.prompt,
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

static int heads_of(const struct shape *s)
{
	return s->width / 32 > 2 ? (int)(s->width / 32) : 2;
}

static int bench_init(struct bench *b, const struct shape *s, enum mode mode, struct ebb_err *err)
{
	const int heads = heads_of(s);
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

	*b = (struct bench){.s = *s, .mode = mode};
	b->n_prompts = (int)(mode == RL ? s->batch / s->group : s->batch);
	b->stride = (int)(mode == TRAIN ? s->seq + 1 : s->seq);
	b->response = (int)(mode == TRAIN ? s->seq : s->seq - s->prompt);
	choose_objective(b);
	b->ops = ebb_cpu_ops(s->isa, err);
	rc = b->ops ? EBB_OK : err->code;
	if (rc == 0)
		rc = ebb_pool_open(&b->pool, (int)s->threads, err);
	if (rc == 0)
		rc = ebb_layout_init(&b->layout, &model, err);
	if (rc == 0)
		rc = ebb_weights_init(&b->w, &b->layout, b->ops, err);
	if (rc == 0)
		rc = ebb_optim_init(&b->opt, &b->layout, err);
	if (rc == 0)
		rc = ebb_engine_open(&b->engine, &b->layout, b->ops, b->pool, (int)b->o.train.slot,
				     err);
	if (rc == 0 && mode != TRAIN)
		rc = ebb_sampler_open(&b->sampler, b->engine, err);
	if (rc == 0)
		rc = bench_arrays(b, err);
	if (rc == 0)
		ebb_weights_draw(&b->w, 0);
	return rc;
}

/* ---- the jobs ---- */

static int32_t random_token(const struct bench *b, int iteration, int slot, int position)
{
	struct ebb_draw d = {
		.stream = EBB_STREAM_TEST, .step = (uint32_t)iteration, .slot = (uint32_t)slot};

	return (int32_t)ebb_below(&d, (uint32_t)position, (uint32_t)b->s.vocab);
}

static void fill_prompts(struct bench *b, int iteration, int n_tokens)
{
	for (int i = 0; i < b->s.batch; i++)
		for (int t = 0; t < n_tokens; t++)
			b->token[i * b->stride + t] = random_token(b, iteration, b->group[i], t);
}

static int update(struct bench *b, struct ebb_pass *pass, struct ebb_err *err)
{
	const struct ebb_optim_rule rule = {.lr = 1e-3,
					    .beta1 = 0.9,
					    .beta2 = 0.95,
					    .eps = 1e-8,
					    .weight_decay = 0.01,
					    .grad_clip = 1};
	double norm;

	ebb_pass_grad(b->engine, &b->w, pass, b->grad);
	norm = ebb_optim_step(b->engine, &b->w, &b->opt, b->grad, &rule, NULL);
	return isfinite(norm) ? EBB_OK
			      : ebb_err_set(err, EBB_ENUMERIC, "the gradient of %s is not finite",
					    mode_name[b->mode]);
}

static struct ebb_pass pass_of(struct bench *b)
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

static int train(struct bench *b, struct ebb_err *err)
{
	const size_t n = (size_t)b->s.batch * (size_t)b->response;
	struct ebb_pass pass = pass_of(b);

	for (size_t i = 0; i < n; i++)
		b->w_logp[i] = -1.0 / (double)n; /* mean cross-entropy */
	return update(b, &pass, err);
}

static void sample(struct bench *b, int iteration)
{
	const int per_prompt = (int)b->s.batch / b->n_prompts, P = (int)b->s.prompt;
	struct ebb_decode d = {
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

	for (int i = 0; i < b->s.batch; i++)
		b->sample[i] = (struct ebb_sample){
			.prompt = b->group[i],
			.draw = {.stream = EBB_STREAM_DECODE,
				 .step = (uint32_t)iteration,
				 .slot = (uint32_t)b->group[i],
				 .sample = (uint32_t)(i % per_prompt)},
		};
	ebb_sampler_decode(b->sampler, &b->w, &d);
	for (int i = 0; i < b->s.batch; i++)
		memcpy(b->token + i * b->stride + P, b->drawn + i * b->response,
		       (size_t)b->response * sizeof *b->drawn);
}

/* Share of response tokens that are the token before plus one: a rule that can be learnt. */
static double rule_reward(const struct bench *b, int i)
{
	const int32_t *token = b->token + i * b->stride;
	int hits = 0;

	for (int t = (int)b->s.prompt; t < b->stride; t++)
		hits += token[t] == (token[t - 1] + 1) % b->s.vocab;
	return (double)hits / b->response;
}

static int learn(struct bench *b, double *mean_reward, struct ebb_err *err)
{
	const int n = (int)b->s.batch;
	struct ebb_batch batch = {
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
	struct ebb_minibatch mb = {
		.o = &b->o,
		.batch = &batch,
		.row = b->order,
		.n = n,
		.stride = b->response,
		.limit = b->response,
		.logp = b->logp,
		.entropy = b->entropy,
		.w_logp = b->w_logp,
		.w_entropy = b->w_entropy,
	};
	struct ebb_pass pass = pass_of(b);
	struct ebb_weigh_stats stats;
	int rc;

	*mean_reward = 0;
	for (int i = 0; i < n; i++) {
		b->reward[i] = rule_reward(b, i);
		*mean_reward += b->reward[i] / n;
	}
	memset(b->mask, 1, (size_t)n * (size_t)b->response);
	ebb_objective_shape(&b->o, &batch);
	ebb_objective_prepare(&b->o, &batch, b->o.kl.coef, NULL);
	rc = ebb_weigh_begin(&mb, err);
	if (rc == 0) {
		pass.w_entropy = b->w_entropy;
		pass.weigh = ebb_weigh_rows;
		pass.ctx = &mb;
		rc = update(b, &pass, err);
	}
	if (rc == 0)
		ebb_weigh_finish(&mb, &stats);
	ebb_weigh_release(&mb);
	return rc;
}

/* ---- counting and timing ---- */

static double forward_flops(const struct ebb_model *m, double positions, double predicting,
			    double pairs)
{
	const double C = m->C, Q = (double)m->NH * m->D, KV = (double)m->NKV * m->D, F = m->F;

	return positions * 2 * m->L * (C * (Q + 2 * KV) + Q * C + 3 * C * F) +
	       predicting * 2 * m->V * C + pairs * 4 * m->L * Q;
}

static double triangle(double n)
{
	return n * (n + 1) / 2;
}

/* Useful work of one iteration: prompts of a group count once, and the last token of a sequence is
 * never fed. */
static double flops_of(const struct bench *b)
{
	const struct ebb_model *m = &b->layout.model;
	const double n = (double)b->s.batch, fed = b->stride - 1, P = (double)b->s.prompt;
	double sampling = 0, training = 0;

	if (b->mode != TRAIN)
		sampling = forward_flops(m, b->n_prompts * P, b->n_prompts,
					 b->n_prompts * triangle(P)) +
			   forward_flops(m, n * (fed - P), n * (fed - P),
					 n * (triangle(fed) - triangle(P)));
	if (b->mode != SAMPLE)
		training = 3 * forward_flops(m, n * fed, n * b->response, n * triangle(fed));
	return sampling + training;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(struct bench *b, struct result *r, struct ebb_err *err)
{
	double *seconds = ebb_xcalloc((size_t)b->s.iters, sizeof *seconds);
	int rc = EBB_OK;

	*r = (struct result){.best_s = INFINITY, .sample_s = NAN, .update_s = NAN, .reward = NAN};
	r->tokens = (double)b->s.batch * b->response;
	r->flops = flops_of(b);
	r->peak_flops = 1e9 * ebb_cpu_peak_flops(b->ops) * (double)b->s.threads;
	for (int i = 0; i < WARM_UP + b->s.iters && rc == 0; i++) {
		double start, middle, end;

		fill_prompts(b, i, b->mode == TRAIN ? b->stride : (int)b->s.prompt);
		start = clock_s();
		if (b->mode != TRAIN)
			sample(b, i);
		middle = clock_s();
		if (b->mode == TRAIN)
			rc = train(b, err);
		else if (b->mode == RL)
			rc = learn(b, &r->reward, err);
		end = clock_s();
		if (i < WARM_UP)
			continue;
		seconds[i - WARM_UP] = end - start;
		if (end - start < r->best_s) {
			r->best_s = end - start;
			r->sample_s = b->mode == TRAIN ? NAN : middle - start;
			r->update_s = b->mode == SAMPLE ? NAN : end - middle;
		}
	}
	qsort(seconds, (size_t)b->s.iters, sizeof *seconds, ascending);
	r->median_s = seconds[b->s.iters / 2];
	free(seconds);
	/* weights, their packed copy (W and its transpose), gradient and two moments */
	r->bytes = 6 * b->layout.n_floats * sizeof(float) + ebb_engine_bytes(b->engine) +
		   (b->sampler ? ebb_sampler_bytes(b->sampler) : 0);
	return rc;
}

/* ---- printing ---- */

static void print_field(struct ebb_buf *out, const char *name, double value, const char *format)
{
	if (isnan(value))
		return;
	ebb_buf_printf(out, ", \"%s\": ", name);
	ebb_buf_printf(out, format, value);
}

static void print_json(struct ebb_buf *out, const struct bench *b, const struct result *r)
{
	const struct ebb_model *m = &b->layout.model;

	ebb_buf_printf(out,
		       "%s{\"mode\": \"%s\", \"width\": %d, \"layers\": %d, \"heads\": %d, "
		       "\"ffn\": %d, \"vocab\": %d, \"threads\": %d, \"batch\": %d, \"seq\": %d, "
		       "\"prompt\": %d, \"group\": %d, \"iters\": %d, \"isa\": \"%s\", "
		       "\"parameters\": %zu",
		       out->len ? ",\n " : "", mode_name[b->mode], m->C, m->L, m->NH, m->F, m->V,
		       (int)b->s.threads, (int)b->s.batch, (int)b->s.seq, (int)b->s.prompt,
		       b->mode == RL ? (int)b->s.group : 1, (int)b->s.iters, b->ops->name,
		       b->layout.n_parameters);
	print_field(out, "tokens_per_s", r->tokens / r->best_s, "%.1f");
	print_field(out, "tokens_per_s_median", r->tokens / r->median_s, "%.1f");
	print_field(out, "ms_best", 1e3 * r->best_s, "%.3f");
	print_field(out, "ms_median", 1e3 * r->median_s, "%.3f");
	print_field(out, "ms_sample", 1e3 * r->sample_s, "%.3f");
	print_field(out, "ms_update", 1e3 * r->update_s, "%.3f");
	print_field(out, "reward", r->reward, "%.4f");
	print_field(out, "gflops", 1e-9 * r->flops / r->best_s, "%.2f");
	print_field(out, "peak_gflops", 1e-9 * r->peak_flops, "%.2f");
	print_field(out, "peak_share", r->flops / r->best_s / r->peak_flops, "%.4f");
	print_field(out, "memory_bytes", (double)r->bytes, "%.0f");
	ebb_buf_puts(out, "}");
}

static void print_line(const struct bench *b, const struct result *r, bool first)
{
	if (first)
		printf("%-6s %5s %6s %7s %11s %11s %9s %9s %8s %9s %11s\n", "mode", "width",
		       "layers", "threads", "tokens/s", "median", "ms", "GFLOP/s", "peak", "share",
		       "memory");
	printf("%-6s %5d %6d %7d %11.0f %11.0f %9.2f %9.1f %8.1f %7.1f %%  %6.1f MiB\n",
	       mode_name[b->mode], b->layout.model.C, b->layout.model.L, (int)b->s.threads,
	       r->tokens / r->best_s, r->tokens / r->median_s, 1e3 * r->best_s,
	       1e-9 * r->flops / r->best_s, 1e-9 * r->peak_flops,
	       100 * r->flops / r->best_s / r->peak_flops, (double)r->bytes / 1048576.0);
	fflush(stdout);
}

/* ---- the command line ---- */

static const char help[] =
	"  --mode NAME     train, sample, rl or metrics; without it all of them, the first three "
	"at\n"
	"                  widths 64, 128 and 256\n"
	"  --width N       width of the model (64); heads of 32, at least two; SwiGLU of 4 N\n"
	"  --layers N      transformer blocks (2)\n"
	"  --threads N     threads (1)\n"
	"  --batch N       sequences (256)\n"
	"  --seq N         tokens of a sequence, prompt included (64)\n"
	"  --prompt N      tokens of a prompt (8)\n"
	"  --vocab N       vocabulary (64)\n"
	"  --group N       responses a prompt in mode rl (8)\n"
	"  --iters N       timed iterations after one of warm-up (5)\n"
	"  --isa NAME      auto, avx512, avx2 or scalar (auto)\n"
	"  --json          {\"results\": [...]} on standard output\n"
	"\n"
	"tokens/s counts trained tokens (train) or generated ones (sample, rl) over the fastest\n"
	"iteration; the median stands beside it. GFLOP/s counts a multiply-add as two:\n"
	"  forward = 2 L (C (Q + 2 KV) + Q C + 3 C F) a position, + 2 V C a predicting one,\n"
	"            + 4 L Q a (query, key) pair; a gradient costs three forwards\n"
	"peak is the rate of independent fused multiply-adds in registers, measured here on one\n"
	"thread, times the threads. metrics trains the built-in task and algorithm, records\n"
	"every second step and tells what that costs; of the flags it reads threads and isa.\n";

struct number {
	const char *name;
	int64_t *value, low, high;
};

static int parse_number(const struct number *n, const char *text)
{
	char *end;
	long long x = strtoll(text, &end, 10);

	if (end == text || *end || x < n->low || x > n->high)
		return ebb_command_usage("bench", "--%s is '%s', not a whole number in [%d,%d]",
					 n->name, text, (int)n->low, (int)n->high);
	*n->value = x;
	return 0;
}

static int check_shape(const struct shape *s)
{
	const int heads = heads_of(s);

	if (s->width % (2 * heads) != 0)
		return ebb_command_usage(
			"bench", "--width %d does not make %d heads of even width; take %d",
			(int)s->width, heads, (int)(s->width / (2 * heads) * (2 * heads)));
	if (s->prompt >= s->seq)
		return ebb_command_usage("bench",
					 "--prompt %d leaves no response in --seq %d; lower it",
					 (int)s->prompt, (int)s->seq);
	if (s->batch % s->group != 0)
		return ebb_command_usage("bench", "--batch %d is no multiple of --group %d",
					 (int)s->batch, (int)s->group);
	return 0;
}

static int bench_one(const struct shape *s, enum mode mode, struct ebb_buf *json, bool first)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct bench b;
	struct result r;
	int rc = bench_init(&b, s, mode, &err);

	if (rc == 0)
		rc = measure(&b, &r, &err);
	if (rc == 0 && json)
		print_json(json, &b, &r);
	else if (rc == 0)
		print_line(&b, &r, first);
	bench_release(&b);
	if (rc == EBB_ENUMERIC) {
		ebb_command_fail("bench", &err);
		return EBB_EXIT_FAILED;
	}
	return rc == 0 ? EBB_EXIT_OK : ebb_command_fail("bench", &err);
}

#define METRICS_STEPS 400

static int bench_metrics(const struct shape *s, struct ebb_buf *json)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_metrics_cost cost;

	if (ebb_bench_metrics((int)s->threads, s->isa, METRICS_STEPS, &cost, &err) < 0)
		return ebb_command_fail("bench", &err);
	if (json) {
		ebb_buf_printf(json, "%s{\"mode\": \"metrics\", \"threads\": %d",
			       json->len ? ",\n " : "", (int)s->threads);
		print_field(json, "ms_step", 1e3 * cost.step_s, "%.4f");
		print_field(json, "ms_bare", 1e3 * cost.bare_s, "%.4f");
		print_field(json, "ms_probe", 1e3 * cost.probe_s, "%.4f");
		print_field(json, "cadence", cost.cadence, "%.0f");
		print_field(json, "metrics_share", cost.share, "%.4f");
		ebb_buf_puts(json, "}");
		return EBB_EXIT_OK;
	}
	printf("metrics: a step takes %.2f ms, without them %.2f ms; probes %.2f ms more every "
	       "%.0f "
	       "steps: %.1f %% of a step\n",
	       1e3 * cost.step_s, 1e3 * cost.bare_s, 1e3 * cost.probe_s, cost.cadence,
	       100 * cost.share);
	return EBB_EXIT_OK;
}

int ebb_command_bench(int argc, char **argv)
{
	static const int64_t standard_width[] = {64, 128, 256};
	struct shape s = {.width = 64,
			  .layers = 2,
			  .threads = 1,
			  .batch = 256,
			  .seq = 64,
			  .prompt = 8,
			  .vocab = 64,
			  .group = 8,
			  .iters = 5,
			  .isa = "auto"};
	const struct number number[] = {
		{"width", &s.width, 4, 8192},     {"layers", &s.layers, 1, 128},
		{"threads", &s.threads, 1, 1024}, {"batch", &s.batch, 1, 65536},
		{"seq", &s.seq, 2, 65536},        {"prompt", &s.prompt, 1, 65535},
		{"vocab", &s.vocab, 2, 262144},   {"group", &s.group, 1, 4096},
		{"iters", &s.iters, 1, 10000},
	};
	enum { N_NUMBERS = sizeof number / sizeof *number, MODE = 'm', ISA, JSON, HELP };
	struct option flag[N_NUMBERS + 5] = {
		[N_NUMBERS] = {"mode", required_argument, NULL, MODE},
		{"isa", required_argument, NULL, ISA},
		{"json", no_argument, NULL, JSON},
		{"help", no_argument, NULL, HELP},
	};
	struct ebb_buf out = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int mode = N_MODES, c, status = EBB_EXIT_OK;
	bool json = false, one_width = false, first = true;

	for (int i = 0; i < N_NUMBERS; i++)
		flag[i] = (struct option){number[i].name, required_argument, NULL, i};
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", flag, NULL)) != -1) {
		if (c < N_NUMBERS) {
			if (parse_number(&number[c], optarg) != 0)
				return EBB_EXIT_USAGE;
			one_width |= number[c].value == &s.width;
		} else if (c == MODE) {
			for (mode = 0; mode < N_MODES; mode++)
				if (strcmp(optarg, mode_name[mode]) == 0)
					break;
			if (mode == N_MODES)
				return ebb_command_usage(
					"bench", "--mode is '%s', not train, sample, rl or metrics",
					optarg);
		} else if (c == ISA) {
			s.isa = optarg;
		} else if (c == JSON) {
			json = true;
		} else if (c == HELP) {
			return ebb_command_help("bench", help);
		} else {
			return ebb_command_usage(
				"bench", c == ':' ? "'%s' needs a value" : "unknown argument '%s'",
				argv[optind - 1]);
		}
	}
	if (optind < argc)
		return ebb_command_usage("bench", "unknown argument '%s'", argv[optind]);
	if (check_shape(&s) != 0)
		return EBB_EXIT_USAGE;

	one_width |= mode != N_MODES;
	for (int k = 0; k < (one_width ? 1 : 3) && status == EBB_EXIT_OK; k++) {
		if (!one_width)
			s.width = standard_width[k];
		for (int m = 0; m < N_JOBS && status == EBB_EXIT_OK; m++)
			if (mode == N_MODES || mode == m) {
				status = bench_one(&s, (enum mode)m, json ? &out : NULL, first);
				first = false;
			}
	}
	if (status == EBB_EXIT_OK && (mode == METRICS || (mode == N_MODES && !one_width)))
		status = bench_metrics(&s, json ? &out : NULL);
	if (json && status == EBB_EXIT_OK)
		printf("{\"results\": [%s]}\n", out.data);
	ebb_buf_release(&out);
	if (status == EBB_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		ebb_err_set(&err, EBB_EIO, "cannot write the results to standard output");
		status = ebb_command_fail("bench", &err);
	}
	return status;
}
