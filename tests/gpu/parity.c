/*
 * A population against the engine and the sampler of the CPU: passes, updates and responses of
 * several members served together must have the bits each has alone on the CPU.
 *
 *   parity [steps]
 *
 * Exit code 0: all bits equal; 1: some differ; 77: no module or no device.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "model/population.h"
#include "rollout/population_sampler.h"

enum { MEMBERS = 3, POLICIES = 2, PROMPT = 5, RESPONSE = 11, PROMPTS = 3, GROUP = 4, SKIPPED = 77 };
enum { ROWS = PROMPTS * GROUP };

static int checks, failures;
static const char *model_name;

static void expect(bool holds, const char *what, int member, int step)
{
	checks++;
	if (holds)
		return;
	failures++;
	printf("FAILED %s: %s of member %d differs at step %d\n", model_name, what, member, step);
}

static void equal(const void *a, const void *b, size_t bytes, const char *what, int member,
		  int step)
{
	expect(memcmp(a, b, bytes) == 0, what, member, step);
}

/* One member on the CPU, and the arrays of both sides. */
struct side {
	int32_t token[ROWS * RESPONSE];
	int length[ROWS];
	bool truncated[ROWS];
	double logp[ROWS * RESPONSE], sampler_logp[ROWS * RESPONSE], entropy[ROWS * RESPONSE];
	int32_t whole[ROWS][PROMPT + RESPONSE];
	struct ebb_row row[ROWS];
	double p_logp[ROWS * RESPONSE], p_entropy[ROWS * RESPONSE], kl[ROWS * RESPONSE];
	double kl_from[ROWS * RESPONSE], logp_ref[ROWS * RESPONSE], moment[4 * ROWS * RESPONSE];
	double logit[ROWS * RESPONSE];
	int64_t histogram[ROWS * EBB_LOGIT_BINS];
	double w_logp[ROWS * RESPONSE], w_entropy[ROWS * RESPONSE], w_kl[ROWS * RESPONSE];
};

struct member {
	struct ebb_weights w[POLICIES];
	struct ebb_optim optim;
	struct side cpu, gpu;
	int32_t prompt_token[PROMPTS][PROMPT];
	struct ebb_prompt prompt[PROMPTS];
	struct ebb_sample sample[ROWS];
};

static struct ebb_draw noise_of(int member, int step)
{
	return (struct ebb_draw){
		.seed = 77 + (uint64_t)member, .stream = EBB_STREAM_TEST, .step = (uint32_t)step};
}

/* Prompts of different lengths, one of a single token; in odd steps some samples go on from what
 * the step before drew. */
static void questions_ask(struct member *m, int member, int step, int V)
{
	const struct ebb_draw d = noise_of(member, step);

	for (int q = 0; q < PROMPTS; q++) {
		m->prompt[q] = (struct ebb_prompt){m->prompt_token[q],
						   q == 0 ? 1 : PROMPT - (member + q) % 3};
		for (int t = 0; t < PROMPT; t++)
			m->prompt_token[q][t] =
				(int32_t)ebb_below(&d, (uint32_t)(q * PROMPT + t), (uint32_t)V);
	}
	for (int i = 0; i < ROWS; i++) {
		int had = step % 2 ? m->cpu.length[i] - 1 : 0;

		m->sample[i] = (struct ebb_sample){.prompt = i / GROUP,
						   .draw = {.seed = 5 + (uint64_t)member,
							    .stream = EBB_STREAM_TEST,
							    .step = (uint32_t)step,
							    .slot = (uint32_t)(i / GROUP),
							    .sample = (uint32_t)(i % GROUP)},
						   .taken = i % 3 == 1 ? (had < 4 ? had : 4) : 0,
						   .from = -1};
	}
}

static struct ebb_decode decode_of(struct member *m, struct side *s, int member, int step)
{
	return (struct ebb_decode){.prompt = m->prompt,
				   .n_prompts = PROMPTS,
				   .sample = m->sample,
				   .n = ROWS - member,
				   .stride = RESPONSE,
				   .max_tokens = RESPONSE - member % 2,
				   .eos = 1,
				   .tau = 1.0 + 0.1 * member,
				   .top_p = member == 1 ? 0.9 : 1.0,
				   .top_k = member == 2 ? 5 : 0,
				   .greedy = step == 3 && member == 0,
				   .token = s->token,
				   .length = s->length,
				   .truncated = s->truncated,
				   .logp = s->logp,
				   .sampler_logp = s->sampler_logp,
				   .entropy = s->entropy};
}

/* The rows of a pass over what was drawn; the last ones have no response token. */
static void rows_make(struct member *m, struct side *s, int n)
{
	for (int i = 0; i < n; i++) {
		const struct ebb_prompt *p = &m->prompt[i / GROUP];
		int tokens = i == n - 2 ? 0 : s->length[i];

		memcpy(s->whole[i], p->token, (size_t)p->n * sizeof(int32_t));
		memcpy(s->whole[i] + p->n, s->token + (size_t)i * RESPONSE,
		       (size_t)tokens * sizeof(int32_t));
		s->row[i] = (struct ebb_row){s->whole[i], p->n, p->n + tokens};
	}
}

/* Coefficients that depend on the results, as an algorithm's do. */
static void weigh(void *ctx, int first, int count)
{
	struct side *s = ctx;

	for (int i = first; i < first + count; i++)
		for (int t = 0; t < s->row[i].length - s->row[i].start; t++) {
			size_t at = (size_t)i * RESPONSE + (size_t)t;

			s->w_logp[at] = (i % 2 ? 1.0 : -1.0) / ROWS + 0.01 * s->p_logp[at];
			s->w_entropy[at] = 0.01 * s->p_entropy[at] - 0.001 * t;
			s->w_kl[at] = 0.02;
		}
}

static struct ebb_pass pass_of(struct side *s, int n, int member, bool gradient)
{
	struct ebb_pass pass = {.row = s->row,
				.n = n,
				.stride = RESPONSE,
				.tau = 1.0 + 0.1 * member,
				.logp = s->p_logp,
				.entropy = s->p_entropy,
				.kl = s->kl,
				.logp_ref = s->logp_ref,
				.kl_from = gradient ? NULL : s->kl_from,
				.moment = s->moment,
				.logit = s->logit,
				.histogram = s->histogram};

	if (gradient) {
		pass.w_logp = s->w_logp;
		pass.w_entropy = s->w_entropy;
		pass.w_kl = s->w_kl;
		pass.weigh = weigh;
		pass.ctx = s;
	}
	return pass;
}

/* Every member's weigh, for the population. */
static void weigh_all(void *ctx, struct ebb_work *work, int n)
{
	(void)ctx;
	for (int i = 0; i < n; i++)
		for (int r = 0; r < work[i].n_ranges; r++)
			work[i].pass->weigh(work[i].pass->ctx, work[i].range[r].first,
					    work[i].range[r].count);
}

static void sides_compare(const struct member *m, int member, int step)
{
	const struct side *a = &m->cpu, *b = &m->gpu;

	equal(a->token, b->token, sizeof a->token, "tokens", member, step);
	equal(a->length, b->length, sizeof a->length, "lengths", member, step);
	equal(a->truncated, b->truncated, sizeof a->truncated, "ends", member, step);
	equal(a->logp, b->logp, sizeof a->logp, "log-probabilities drawn", member, step);
	equal(a->sampler_logp, b->sampler_logp, sizeof a->logp, "the sampler's", member, step);
	equal(a->entropy, b->entropy, sizeof a->entropy, "entropy drawn", member, step);
	equal(a->p_logp, b->p_logp, sizeof a->p_logp, "log-probabilities", member, step);
	equal(a->p_entropy, b->p_entropy, sizeof a->p_entropy, "entropy", member, step);
	equal(a->kl, b->kl, sizeof a->kl, "KL to the reference", member, step);
	equal(a->kl_from, b->kl_from, sizeof a->kl_from, "KL from the reference", member, step);
	equal(a->logp_ref, b->logp_ref, sizeof a->logp_ref, "the reference's", member, step);
	equal(a->moment, b->moment, sizeof a->moment, "moments", member, step);
	equal(a->logit, b->logit, sizeof a->logit, "logits", member, step);
	equal(a->histogram, b->histogram, sizeof a->histogram, "histograms", member, step);
}

struct world {
	struct ebb_layout layout;
	struct ebb_pool *pool;
	struct ebb_engine *engine;
	struct ebb_sampler *sampler;
	struct ebb_population *pop;
	struct member *member;
	float *grad;
};

static void must(int rc, const struct ebb_err *err)
{
	if (rc < 0) {
		fprintf(stderr, "parity: error: %s\n", err->text);
		exit(1);
	}
}

/* A step of every member: draw, score, one update; the second policy stays behind as a reference. */
static void step_run(struct world *w, int step, struct ebb_err *err)
{
	const int V = w->layout.model.V;
	struct ebb_decode cpu_decode[MEMBERS], gpu_decode[MEMBERS];
	struct ebb_drawn drawn[MEMBERS];
	struct ebb_pass cpu_pass[MEMBERS], gpu_pass[MEMBERS];
	struct ebb_work work[MEMBERS];
	struct ebb_population_update update[MEMBERS];
	/* members that wait: one of them sits out each step but the first */
	int n = 0, who[MEMBERS];

	for (int p = 0; p < MEMBERS; p++)
		if (step == 0 || p != step % MEMBERS)
			who[n++] = p;
	for (int i = 0; i < n; i++) {
		struct member *m = &w->member[who[i]];

		questions_ask(m, who[i], step, V);
		cpu_decode[i] = decode_of(m, &m->cpu, who[i], step);
		gpu_decode[i] = decode_of(m, &m->gpu, who[i], step);
		drawn[i] = (struct ebb_drawn){.member = who[i], .decode = &gpu_decode[i]};
		ebb_sampler_decode(w->sampler, &m->w[0], &cpu_decode[i]);
	}
	must(ebb_population_decode(w->pop, 0, drawn, n, err), err);
	for (int i = 0; i < n; i++) {
		struct member *m = &w->member[who[i]];
		int rows = ROWS - who[i];

		rows_make(m, &m->cpu, rows);
		rows_make(m, &m->gpu, rows);
		cpu_pass[i] = pass_of(&m->cpu, rows, who[i], false);
		cpu_pass[i].ref = &m->w[1];
		gpu_pass[i] = pass_of(&m->gpu, rows, who[i], false);
		work[i] = (struct ebb_work){
			.member = who[i], .slot = 1 + who[i], .pass = &gpu_pass[i]};
		ebb_pass_score(w->engine, &m->w[0], &cpu_pass[i]);
	}
	must(ebb_population_pass(w->pop, 0, 1, work, n, NULL, NULL, err), err);
	for (int i = 0; i < n; i++)
		sides_compare(&w->member[who[i]], who[i], step);
	for (int i = 0; i < n; i++) {
		struct member *m = &w->member[who[i]];

		gpu_pass[i] = pass_of(&m->gpu, cpu_pass[i].n, who[i], true);
		work[i].slot = 2; /* the engine's */
		update[i] = (struct ebb_population_update){
			.member = who[i],
			.rule = {.lr = 0.01 + 0.001 * who[i],
				 .beta1 = 0.9,
				 .beta2 = 0.95,
				 .eps = 1e-8,
				 .weight_decay = 0.1,
				 .grad_clip = who[i] == 1 ? 1e-3 : 1.0}};
	}
	must(ebb_population_pass(w->pop, 0, 1, work, n, weigh_all, NULL, err), err);
	must(ebb_population_step(w->pop, 0, 0, update, n, err), err);
	for (int i = 0; i < n; i++) {
		struct member *m = &w->member[who[i]];
		struct ebb_pass pass = pass_of(&m->cpu, cpu_pass[i].n, who[i], true);
		struct ebb_optim_stepped did;
		double norm;

		pass.ref = &m->w[1];
		ebb_pass_grad(w->engine, &m->w[0], &pass, w->grad);
		norm = ebb_optim_step(w->engine, &m->w[0], &m->optim, w->grad, &update[i].rule,
				      &did);
		sides_compare(m, who[i], step);
		equal(&norm, &update[i].norm, sizeof norm, "gradient norm", who[i], step);
		equal(&did.moved, &update[i].stepped.moved, sizeof did.moved, "size of the update",
		      who[i], step);
		expect(did.clipped == update[i].stepped.clipped, "clipping", who[i], step);
		must(ebb_population_get(w->pop, who[i], 0, w->grad, err), err);
		equal(w->grad, m->w[0].flat, w->layout.n_floats * sizeof(float), "weights", who[i],
		      step);
	}
}

static void model_run(struct ebb_gpu *gpu, const char *name, struct ebb_model model, bool recompute,
		      int positions, int steps)
{
	struct ebb_err err = EBB_ERR_INIT;
	const struct ebb_ops *ops = ebb_cpu_ops("auto", &err);
	struct world w = {0};
	struct ebb_population_size size = {.members = MEMBERS,
					   .policies = POLICIES,
					   .optimizers = 1,
					   .positions = positions,
					   .samples = ROWS - 2,
					   .recompute = recompute};
	int before = failures;

	model_name = name;
	must(ebb_layout_init(&w.layout, &model, &err), &err);
	must(ebb_pool_open(&w.pool, 1, &err), &err);
	must(ebb_engine_open(&w.engine, &w.layout, ops, w.pool, 2, &err), &err);
	must(ebb_sampler_open(&w.sampler, w.engine, &err), &err);
	must(ebb_population_open(&w.pop, gpu, &w.layout, ops, &size, &err), &err);
	w.member = ebb_xcalloc(MEMBERS, sizeof *w.member);
	w.grad = aligned_alloc(64, (w.layout.n_floats * sizeof *w.grad + 127) / 64 * 64);
	for (int p = 0; p < MEMBERS; p++) {
		struct member *m = &w.member[p];

		for (int k = 0; k < POLICIES; k++) {
			must(ebb_weights_init(&m->w[k], &w.layout, ops, &err), &err);
			ebb_weights_draw(&m->w[k], 100 + (uint64_t)p);
			must(ebb_population_put(w.pop, p, k, m->w[k].flat, &err), &err);
		}
		must(ebb_optim_init(&m->optim, &w.layout, &err), &err);
		must(ebb_population_put_optim(w.pop, p, 0, &m->optim, &err), &err);
	}
	for (int step = 0; step < steps; step++)
		step_run(&w, step, &err);
	printf("%-44s %s\n", name, failures == before ? "equal bits" : "DIFFERS");
	for (int p = 0; p < MEMBERS; p++) {
		for (int k = 0; k < POLICIES; k++)
			ebb_weights_release(&w.member[p].w[k]);
		ebb_optim_release(&w.member[p].optim);
	}
	free(w.member);
	free(w.grad);
	ebb_population_close(w.pop);
	ebb_sampler_close(w.sampler);
	ebb_engine_close(w.engine);
	ebb_pool_close(w.pool);
	ebb_layout_release(&w.layout);
}

int main(int argc, char **argv)
{
	const struct ebb_model plain = {.V = 19,
					.T = PROMPT + RESPONSE,
					.C = 16,
					.NH = 2,
					.NKV = 2,
					.D = 8,
					.F = 24,
					.L = 2,
					.tied = true,
					.rope_theta = 1e4,
					.norm_eps = 1e-6F};
	struct ebb_model grouped = plain, deep = plain;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_gpu *gpu = ebb_gpu_open(NULL, &err);
	int steps = argc > 1 ? atoi(argv[1]) : 4;

	if (!gpu) {
		printf("skipped: %s\n", err.text);
		return SKIPPED;
	}
	grouped.NH = 4;
	grouped.NKV = 2;
	grouped.qk_norm = true;
	grouped.qkv_bias = true;
	grouped.tied = false;
	deep.L = 3;
	deep.qkv_bias = true;
	model_run(gpu, "tied", plain, false, 2 * (PROMPT + RESPONSE), steps);
	model_run(gpu, "key heads shared, normed, untied, biases", grouped, false,
		  2 * (PROMPT + RESPONSE), steps);
	model_run(gpu, "three layers, recomputed, several goes", deep, true, PROMPT + RESPONSE - 1,
		  steps);
	ebb_gpu_close(gpu);
	printf("parity: %d checks, %d failed\n", checks, failures);
	return failures > 0;
}
