/*
 * AdamW (0.9, 0.95, 1e-8), linear warm-up, cosine to 5 % of the peak, loss = mean negative
 * log-likelihood of response tokens, gradient clip 1. Demonstrations are fresh every step: pure
 * functions of (seed, step, sequence), so that a base depends on nothing but its identity. A stage
 * that starts from another preset's base draws from the same coordinates with its own settings.
 */
#include "train/pretrain.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/real.h"
#include "record/tensors.h"

#define PRETRAIN_CLIP 1.0
#define COSINE_FLOOR  0.05

/* ---- one stage ---- */

struct stage {
	const struct ebb_options *o;
	struct ebb_row *row;
	int32_t *token;                      /* (batch, prompt + limit)              */
	double *logp, *entropy, *w_logp;     /* (batch, limit)                       */
	float *grad;
	int prompt, limit;
	struct ebb_arena arena;
};

static int stage_open(struct stage *s, struct ebb_lab *lab, const struct ebb_options *o,
		      struct ebb_err *err)
{
	size_t n = (size_t)o->pretrain.batch;
	struct ebb_arena *a = &s->arena;

	*s = (struct stage){
		.o = o, .prompt = lab->task->prompt_limit(o), .limit = lab->task->limit(o)};
	ebb_arena_add(a, &s->row, n, sizeof *s->row);
	ebb_arena_add(a, &s->token, n * (size_t)(s->prompt + s->limit), sizeof *s->token);
	ebb_arena_add(a, &s->logp, n * (size_t)s->limit, sizeof *s->logp);
	ebb_arena_add(a, &s->entropy, n * (size_t)s->limit, sizeof *s->entropy);
	ebb_arena_add(a, &s->w_logp, n * (size_t)s->limit, sizeof *s->w_logp);
	ebb_arena_add(a, &s->grad, lab->layout.n_floats, sizeof *s->grad);
	return ebb_arena_commit(a, err);
}

static double lr_at(const struct ebb_options *o, int64_t step)
{
	int64_t steps = o->pretrain.steps, warmup = o->pretrain.warmup;
	double progress;

	if (step < warmup)
		return o->pretrain.lr * (double)(step + 1) / (double)warmup;
	if (steps <= warmup + 1)
		return o->pretrain.lr;
	progress = (double)(step - warmup) / (double)(steps - warmup - 1);
	return o->pretrain.lr *
	       (COSINE_FLOOR + (1 - COSINE_FLOOR) * 0.5 * (1 + ebb_cos_turn(progress / 2)));
}

/* Demonstrations of a step; returns the number of response tokens. */
static int64_t draw_batch(struct stage *s, const struct ebb_task *task, int64_t step)
{
	const struct ebb_options *o = s->o;
	int64_t n_tokens = 0;

	for (int i = 0; i < (int)o->pretrain.batch; i++) {
		struct ebb_draw draw = {.seed = o->seed,
					.stream = EBB_STREAM_PRETRAIN,
					.step = (uint32_t)step,
					.slot = (uint32_t)i};
		int32_t *t = s->token + (size_t)i * (size_t)(s->prompt + s->limit);
		struct ebb_question q;
		int k;

		task->question(o, &draw, false, &q);
		memcpy(t, q.prompt, (size_t)q.n_prompt * sizeof *t);
		draw.sample = 1;
		k = task->demonstrate(o, &draw, &q, t + q.n_prompt);
		s->row[i] = (struct ebb_row){t, q.n_prompt, q.n_prompt + k};
		n_tokens += k;
	}
	return n_tokens;
}

/* One step; *nll: mean negative log-likelihood of a response token before it. */
static int stage_step(struct stage *s, struct ebb_lab *lab, struct ebb_weights *w,
		      struct ebb_optim *opt, int64_t step, double *nll, struct ebb_err *err)
{
	int n = (int)s->o->pretrain.batch;
	int64_t n_tokens = draw_batch(s, lab->task, step);
	struct ebb_optim_rule rule = {.lr = lr_at(s->o, step),
				      .beta1 = 0.9,
				      .beta2 = 0.95,
				      .eps = 1e-8,
				      .weight_decay = s->o->pretrain.weight_decay,
				      .grad_clip = PRETRAIN_CLIP};
	struct ebb_pass pass = {.row = s->row,
				.n = n,
				.stride = s->limit,
				.tau = 1,
				.logp = s->logp,
				.entropy = s->entropy,
				.w_logp = s->w_logp};
	double sum = 0;

	for (int i = 0; i < n; i++)
		for (int t = 0; t < s->row[i].length - s->row[i].start; t++)
			s->w_logp[(size_t)i * (size_t)s->limit + (size_t)t] =
				-1.0 / (double)n_tokens;
	ebb_pass_grad(lab->engine, w, &pass, s->grad);
	for (int i = 0; i < n; i++)
		for (int t = 0; t < s->row[i].length - s->row[i].start; t++)
			sum -= s->logp[(size_t)i * (size_t)s->limit + (size_t)t];
	*nll = sum / (double)n_tokens;
	if (!isfinite(ebb_optim_step(lab->engine, w, opt, s->grad, &rule, NULL)))
		return ebb_err_set(err, EBB_ENUMERIC,
				   "pretraining diverged at step %lld; lower pretrain.lr",
				   (long long)step);
	return 0;
}

/* ---- where it stands, on disk ---- */

struct place {
	const char *path, *identity;
	struct ebb_weights *w;
	struct ebb_optim *opt;
	double at[3]; /* stage, step, updates of the optimizer */
};

/* The build is part of the text: bits are promised for one build. */
static char *place_identity(const struct place *p)
{
	return ebb_xprintf("ebb-pretraining 1\nbuild=%s\n%s", ebb_build_id(), p->identity);
}

static struct ebb_tensor_view *place_views(struct place *p, int *n)
{
	const struct ebb_layout *layout = p->w->layout;
	struct ebb_tensor_view *view = ebb_xcalloc((size_t)layout->n_tensors + 3, sizeof *view);
	int64_t floats = (int64_t)layout->n_floats;

	ebb_weights_views(p->w, "weights/", view);
	*n = layout->n_tensors;
	view[(*n)++] = (struct ebb_tensor_view){"optimizer/m", EBB_F32_ELEMENT, 1, floats, p->opt->m};
	view[(*n)++] = (struct ebb_tensor_view){"optimizer/v", EBB_F32_ELEMENT, 1, floats, p->opt->v};
	view[(*n)++] = (struct ebb_tensor_view){"at", EBB_F64_ELEMENT, 1, 3, p->at};
	return view;
}

static int place_save(struct place *p, int stage, int64_t step, struct ebb_err *err)
{
	char *identity = place_identity(p);
	struct ebb_tensor_view *view;
	int n, rc;

	p->at[0] = stage;
	p->at[1] = (double)step;
	p->at[2] = (double)p->opt->t;
	view = place_views(p, &n);
	rc = ebb_tensors_write(p->path, identity, view, n, err);
	free(view);
	free(identity);
	return rc;
}

/* False: there is nothing to take up, and the weights may be in disorder. */
static bool place_load(struct place *p, int *stage, int64_t *step)
{
	char *identity = place_identity(p);
	struct ebb_tensor_view *view;
	struct ebb_err ignored;
	int n, rc;

	view = place_views(p, &n);
	rc = ebb_tensors_read(p->path, identity, view, n, &ignored);
	free(view);
	free(identity);
	if (rc < 0)
		return false;
	*stage = (int)p->at[0];
	*step = (int64_t)p->at[1];
	p->opt->t = (int64_t)p->at[2];
	ebb_weights_pack(p->w);
	return true;
}

/* ---- the stages ---- */

static int run_stage(struct ebb_lab *lab, struct place *p, int index, int64_t first,
		     const struct ebb_options *o, struct ebb_watch *watch, struct ebb_err *err)
{
	double started = ebb_clock(), saved = started, nll = 0;
	struct stage s;
	int rc = stage_open(&s, lab, o, err);

	for (int64_t step = first; rc == 0 && step < o->pretrain.steps; step++) {
		bool due = ebb_clock() - saved >= lab->o->run.checkpoint_s;

		if (step > first && (due || ebb_stop_requested)) {
			rc = place_save(p, index, step, err);
			saved = ebb_clock();
		}
		if (rc == 0 && ebb_stop_requested)
			rc = ebb_err_set(err, EBB_ESTOP, "interrupted while pretraining");
		if (rc == 0)
			rc = stage_step(&s, lab, p->w, p->opt, step, &nll, err);
		if (rc == 0 && watch) {
			snprintf(watch->phase, sizeof watch->phase, "pretraining");
			watch->step = step + 1;
			watch->steps = o->pretrain.steps;
			watch->reward = nll;
			watch->seconds = ebb_clock() - started;
		}
	}
	ebb_arena_release(&s.arena);
	return rc;
}

int ebb_pretrain(struct ebb_lab *lab, const struct ebb_options *stage, int n_stages,
		 struct ebb_weights *w, const char *path, const char *identity,
		 struct ebb_watch *watch, struct ebb_err *err)
{
	struct ebb_optim opt = {0};
	struct place p = {.path = path, .identity = identity, .w = w, .opt = &opt};
	int index = n_stages - 1, rc = ebb_optim_init(&opt, &lab->layout, err);
	int64_t step = 0;

	if (rc == 0 && (!place_load(&p, &index, &step) || index < 0 || index >= n_stages)) {
		index = n_stages - 1;
		step = 0;
		ebb_optim_release(&opt);
		rc = ebb_optim_init(&opt, &lab->layout, err);
		ebb_weights_draw(w, lab->o->seed);
	}
	while (rc == 0 && index >= 0) {
		rc = run_stage(lab, &p, index, step, &stage[index], watch, err);
		if (rc == 0 && --index >= 0) { /* each stage has moments of its own */
			ebb_optim_release(&opt);
			rc = ebb_optim_init(&opt, &lab->layout, err);
		}
		step = 0;
	}
	if (rc == 0)
		unlink(path);
	ebb_optim_release(&opt);
	return rc;
}
