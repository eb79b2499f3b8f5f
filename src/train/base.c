/*
 * The base policy: supervised pretraining on the task's demonstrations, cached by its identity.
 *
 * AdamW (0.9, 0.95, 1e-8), linear warm-up, cosine to 5 % of the peak, loss = mean negative
 * log-likelihood of response tokens, gradient clip 1. Demonstrations are fresh every step: pure
 * functions of (seed, step, sequence), so that a base depends on nothing but its identity. A stage
 * that starts from another preset's base draws from the same coordinates with its own settings.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/near.h"
#include "base/real.h"
#include "record/tensors.h"
#include "train/lab.h"

#define PRETRAIN_CLIP 1.0
#define COSINE_FLOOR  0.05

static int stages_of(const struct ebb_options *o, struct ebb_options **stage, int *n,
		     struct ebb_err *err);

/* The stages before enter resolved: the text of a preset may change, its name alone says little. */
static void identity_of(const struct ebb_options *o, struct ebb_buf *text)
{
	struct ebb_options *stage;
	struct ebb_err ignored; /* ebb_lab_check has been through the stages before */
	int n;

	stages_of(o, &stage, &n, &ignored);
	for (int i = 0; i < n; i++)
		ebb_options_base_identity(&stage[i], ebb_task_catalog(), text);
	free(stage);
	/* gradient slots change the order of sums and so the bits */
	ebb_buf_printf(text, "train.slot=%lld\n", (long long)o->train.slot);
}

char *ebb_base_path(const struct ebb_options *o, const char *base_dir)
{
	struct ebb_buf text = EBB_BUF_INIT;
	char hex[EBB_ID_MAX], *path;

	identity_of(o, &text);
	ebb_sha256_hex(text.data, text.len, hex, EBB_ID_MAX - 1);
	path = ebb_xprintf("%s/%s.h5", base_dir, hex);
	ebb_buf_release(&text);
	return path;
}

static double pretrain_lr(const struct ebb_options *o, int64_t step)
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

/* One supervised stage in place: the steps of o on the demonstrations of o. */
static int stage_run(struct ebb_lab *lab, const struct ebb_options *o, struct ebb_weights *w,
		     struct ebb_watch *watch, struct ebb_err *err)
{
	int n = (int)o->pretrain.batch, rc;
	int prompt = lab->task->prompt_limit(o), limit = lab->task->limit(o), stride = limit;
	struct ebb_arena arena = EBB_ARENA_INIT;
	struct ebb_optim opt = {0};
	struct ebb_row *row;
	int32_t *token;
	double *logp, *entropy, *w_logp, started = ebb_clock();
	float *grad;

	ebb_arena_add(&arena, &row, (size_t)n, sizeof *row);
	ebb_arena_add(&arena, &token, (size_t)n * (size_t)(prompt + limit), sizeof *token);
	ebb_arena_add(&arena, &logp, (size_t)n * (size_t)stride, sizeof *logp);
	ebb_arena_add(&arena, &entropy, (size_t)n * (size_t)stride, sizeof *entropy);
	ebb_arena_add(&arena, &w_logp, (size_t)n * (size_t)stride, sizeof *w_logp);
	ebb_arena_add(&arena, &grad, lab->layout.n_floats, sizeof *grad);
	rc = ebb_arena_commit(&arena, err);
	if (rc == 0)
		rc = ebb_optim_init(&opt, &lab->layout, err);
	for (int64_t step = 0; rc == 0 && step < o->pretrain.steps; step++) {
		struct ebb_optim_rule rule = {.lr = pretrain_lr(o, step),
					      .beta1 = 0.9,
					      .beta2 = 0.95,
					      .eps = 1e-8,
					      .weight_decay = o->pretrain.weight_decay,
					      .grad_clip = PRETRAIN_CLIP};
		struct ebb_pass pass = {.row = row,
					.n = n,
					.stride = stride,
					.tau = 1,
					.logp = logp,
					.entropy = entropy,
					.w_logp = w_logp};
		int64_t n_tokens = 0;
		double nll = 0;

		for (int i = 0; i < n; i++) {
			struct ebb_draw draw = {.seed = o->seed,
						.stream = EBB_STREAM_PRETRAIN,
						.step = (uint32_t)step,
						.slot = (uint32_t)i};
			int32_t *t = token + (size_t)i * (size_t)(prompt + limit);
			struct ebb_question q;
			int k;

			lab->task->question(o, &draw, false, &q);
			memcpy(t, q.prompt, (size_t)q.n_prompt * sizeof *t);
			draw.sample = 1;
			k = lab->task->demonstrate(o, &draw, &q, t + q.n_prompt);
			row[i] = (struct ebb_row){t, q.n_prompt, q.n_prompt + k};
			n_tokens += k;
		}
		for (int i = 0; i < n; i++)
			for (int t = 0; t < row[i].length - row[i].start; t++)
				w_logp[(size_t)i * (size_t)stride + (size_t)t] =
					-1.0 / (double)n_tokens;
		ebb_pass_grad(lab->engine, w, &pass, grad);
		for (int i = 0; i < n; i++)
			for (int t = 0; t < row[i].length - row[i].start; t++)
				nll -= logp[(size_t)i * (size_t)stride + (size_t)t];
		if (!isfinite(ebb_optim_step(lab->engine, w, &opt, grad, &rule, NULL)))
			rc = ebb_err_set(err, EBB_ENUMERIC,
					 "pretraining diverged at step %lld; lower pretrain.lr",
					 (long long)step);
		if (ebb_stop_requested)
			rc = ebb_err_set(err, EBB_ESTOP, "interrupted while pretraining");
		if (watch) {
			snprintf(watch->phase, sizeof watch->phase, "pretraining");
			watch->step = step + 1;
			watch->steps = o->pretrain.steps;
			watch->reward = nll / (double)n_tokens;
			watch->seconds = ebb_clock() - started;
		}
	}
	ebb_optim_release(&opt);
	ebb_arena_release(&arena);
	return rc;
}

/*
 * The options of the stage before: everything that some preset of the task sets goes back to its
 * default, then the preset named by pretrain.from applies. The outcome depends on resolved options
 * alone, never on which preset the trial itself came from.
 */
static int stage_before(const struct ebb_options *o, struct ebb_options *before,
			struct ebb_err *err)
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	const struct ebb_task_rows *rows = &ebb_task_find(o->task.name)->rows;
	const char *wanted = NULL;
	struct ebb_near near;
	int rc = 0;

	ebb_near_init(&near, o->pretrain.from);
	for (int i = 0; i < rows->n_presets; i++) {
		ebb_near_offer(&near, rows->preset[i].name);
		if (strcmp(rows->preset[i].name, o->pretrain.from) == 0)
			wanted = rows->preset[i].settings;
	}
	if (!wanted)
		return ebb_err_set(err, EBB_EINVAL,
				   "pretrain.from: task '%s' has no preset '%s'%s%s", rows->name,
				   o->pretrain.from, near.best ? "; did you mean " : "",
				   near.best ? near.best : "");
	*before = *o;
	for (int pass = 0; pass < 2; pass++) {
		/* pass 0: the union of all presets' keys to defaults; pass 1: the wanted settings */
		for (int i = 0; i < (pass ? 1 : rows->n_presets); i++) {
			char *text = ebb_xstrdup(pass ? wanted : rows->preset[i].settings), *save;

			for (char *word = strtok_r(text, " ", &save); word && rc == 0;
			     word = strtok_r(NULL, " ", &save)) {
				char *value = strchr(word, '=');
				const struct ebb_option *row;

				if (!value)
					EBB_BUG("preset of task '%s': '%s'", rows->name, word);
				*value++ = 0;
				row = ebb_option_find(catalog, o->task.name, word);
				if (!row)
					EBB_BUG("preset of task '%s' sets '%s'", rows->name, word);
				rc = ebb_option_set(before, row, pass ? value : row->default_text,
						    err);
			}
			free(text);
		}
	}
	return rc;
}

#define STAGES_MAX 8

/* The stages that lead to the base of o, last first; *stage is the caller's to free. */
static int stages_of(const struct ebb_options *o, struct ebb_options **stage, int *n,
		     struct ebb_err *err)
{
	int rc = 0;

	*stage = ebb_xcalloc(STAGES_MAX, sizeof **stage);
	(*stage)[0] = *o;
	*n = 1;
	while (rc == 0 && (*stage)[*n - 1].pretrain.from[0]) {
		if (*n == STAGES_MAX)
			return ebb_err_set(err, EBB_EINVAL,
					   "pretrain.from: more than %d stages; do presets go in a "
					   "circle?",
					   STAGES_MAX);
		rc = stage_before(&(*stage)[*n - 1], &(*stage)[*n], err);
		*n += 1;
	}
	return rc;
}

/* Each stage starts from the weights that the one before it left. */
static int base_train(struct ebb_lab *lab, struct ebb_weights *w, struct ebb_watch *watch,
		      struct ebb_err *err)
{
	struct ebb_options *stage;
	int n, rc = stages_of(lab->o, &stage, &n, err);

	if (rc == 0)
		ebb_weights_draw(w, lab->o->seed);
	for (int i = n - 1; rc == 0 && i >= 0; i--)
		rc = stage_run(lab, &stage[i], w, watch, err);
	free(stage);
	return rc;
}

int ebb_lab_check(const struct ebb_options *o, struct ebb_err *err)
{
	const struct ebb_task *task = ebb_task_find(o->task.name);
	struct ebb_options *stage;
	int n, rc = task->check ? task->check(o, err) : 0;

	if (rc < 0)
		return rc;
	/* options.def checks it against overlong.max; only the task knows the limit behind a 0 */
	if (o->overlong.mode == EBB_OVERLONG_SOFT && o->overlong.max == 0 &&
	    o->overlong.cache > ebb_lab_response_limit(o))
		return ebb_err_set(err, EBB_EINVAL,
				   "overlong.cache=%lld is larger than the response limit of %d "
				   "tokens: every response would be fined; lower it or raise "
				   "sample.max_tokens",
				   (long long)o->overlong.cache, ebb_lab_response_limit(o));
	rc = stages_of(o, &stage, &n, err);
	free(stage);
	return rc;
}

static struct ebb_tensor_view *views_of(const struct ebb_weights *w)
{
	const struct ebb_layout *layout = w->layout;
	struct ebb_tensor_view *view = ebb_xcalloc((size_t)layout->n_tensors, sizeof *view);

	for (int i = 0; i < layout->n_tensors; i++) {
		const struct ebb_tensor *t = &layout->tensor[i];

		if (t->layer < 0)
			snprintf(view[i].name, sizeof view[i].name, "%s", t->name);
		else
			snprintf(view[i].name, sizeof view[i].name, "layer.%d.%s", t->layer,
				 t->name);
		view[i].rows = t->rows;
		view[i].cols = t->cols;
		view[i].data = w->flat + t->offset;
	}
	return view;
}

int ebb_base_get(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		 struct ebb_watch *watch, struct ebb_err *err)
{
	struct ebb_tensor_view *view = views_of(w);
	struct ebb_buf identity = EBB_BUF_INIT;
	char *path = ebb_base_path(lab->o, base_dir), *lock_path = ebb_xprintf("%s.lock", path);
	int n = lab->layout.n_tensors, lock = -1, rc;

	identity_of(lab->o, &identity);
	rc = ebb_dir_make(base_dir, err);
	if (rc == 0)
		rc = ebb_tensors_read(path, identity.data, view, n, err);
	if (rc == EBB_ENOENT || rc == EBB_EFORMAT) {
		/* the lock ends with its holder, also by kill -9 */
		lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (lock < 0 || flock(lock, LOCK_EX) < 0) {
			rc = ebb_stop_requested ? ebb_err_set(err, EBB_ESTOP, "interrupted")
						: ebb_err_set(err, EBB_EIO, "cannot lock '%s': %s",
							      lock_path, strerror(errno));
			goto out;
		}
		rc = ebb_tensors_read(path, identity.data, view, n, err);
		if (rc == EBB_ENOENT || rc == EBB_EFORMAT) {
			rc = base_train(lab, w, watch, err);
			if (rc == 0)
				rc = ebb_tensors_write(path, identity.data, view, n, err);
		}
	}
	if (rc == 0)
		ebb_weights_pack(w);
out:
	if (lock >= 0) /* the empty lock file stays: removing it would let a third process in */
		close(lock);
	free(lock_path);
	free(path);
	free(view);
	ebb_buf_release(&identity);
	return rc;
}
