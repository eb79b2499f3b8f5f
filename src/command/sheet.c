#include "command/sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command/formula.h"
#include "objective/objective.h"
#include "train/lab.h"

/* ---- how it is trained ---- */

/* 1234567 as 1,234,567 */
static const char *grouped(char out[32], int64_t n)
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRId64, n), k = 0;

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = 0;
	return out;
}

static int count_parameters(struct ebb_sheet *s, struct ebb_err *err)
{
	const struct ebb_model model = ebb_lab_model(s->o);
	struct ebb_layout layout;
	int rc = ebb_layout_init(&layout, &model, err);

	if (rc < 0)
		return ebb_err_wrap(err, "arm '%s'", s->arm->label);
	s->parameters = (int64_t)layout.n_parameters;
	ebb_layout_release(&layout);
	return 0;
}

static void add_task(struct ebb_sheet *s)
{
	ebb_page_add(&s->page, EBB_SECTION_TRAINING, "task", NULL,
		     "%s%s%s: %d symbols, prompts of at most %d tokens, responses of at most %d",
		     s->task->rows.name, s->task->rows.n_presets ? ", preset " : "",
		     s->task->rows.n_presets ? s->o->task.preset : "", s->task->vocabulary,
		     s->task->prompt_limit(s->o), s->limit);
}

static void add_policy(struct ebb_sheet *s)
{
	const struct ebb_model m = ebb_lab_model(s->o);
	char n[32], kv[48] = "";

	if (m.NKV != m.NH)
		snprintf(kv, sizeof kv, " (%d for keys and values)", m.NKV);
	ebb_page_add(
		&s->page, EBB_SECTION_TRAINING, "policy", NULL,
		"%s parameters: %d blocks of width %d, %d heads%s of width %d, SwiGLU %d%s%s%s",
		grouped(n, s->parameters), m.L, m.C, m.NH, kv, m.D, m.F,
		m.qkv_bias ? ", biases on queries, keys and values" : "",
		m.qk_norm ? ", normed queries and keys" : "", m.tied ? "" : ", untied head");
}

static void add_base(struct ebb_sheet *s)
{
	const struct ebb_options *o = s->o;
	struct ebb_buf text = EBB_BUF_INIT;

	if (o->pretrain.from[0])
		ebb_buf_printf(&text, "starts from %s; ", o->pretrain.from);
	if (o->pretrain.steps == 0)
		ebb_buf_puts(&text, o->pretrain.from[0] ? "no further step" : "random weights");
	else
		ebb_buf_printf(&text,
			       "%" PRId64 " supervised steps of %" PRId64
			       " demonstrations, learning rate %.10g",
			       o->pretrain.steps, o->pretrain.batch, o->pretrain.lr);
	ebb_page_take(&s->page, EBB_SECTION_TRAINING, "base policy", &text, NULL);
}

int64_t ebb_sheet_rows(const struct ebb_options *o)
{
	return o->train.prompts * ebb_group_size(o);
}

static void add_sampler(struct ebb_sheet *s)
{
	const struct ebb_options *o = s->o;
	struct ebb_buf text = EBB_BUF_INIT;
	char rows[32], tokens[32];

	ebb_buf_printf(&text,
		       "a step draws %s responses, %" PRId64 " to each of %" PRId64
		       " prompts: at most %s tokens%s; temperature %.10g",
		       grouped(rows, ebb_sheet_rows(o)), ebb_group_size(o), o->train.prompts,
		       grouped(tokens, ebb_sheet_rows(o) * s->limit),
		       o->dynamic.on == EBB_DYNAMIC_OFF ? "" : " a round", o->sample.temperature);
	if (o->sample.top_p < 1)
		ebb_buf_printf(&text, ", top p %.10g", o->sample.top_p);
	if (o->sample.top_k > 0)
		ebb_buf_printf(&text, ", top k %" PRId64, o->sample.top_k);
	if (o->sample.mismatch == EBB_MISMATCH_NOISE)
		ebb_buf_printf(&text, ", noise of deviation %.10g on the sampler's logits",
			       o->sample.noise);
	if (o->sample.mismatch == EBB_MISMATCH_STALE)
		ebb_buf_printf(&text, ", with weights %" PRId64 " steps old", o->sample.stale);
	ebb_page_take(&s->page, EBB_SECTION_TRAINING, "sampler", &text, NULL);
}

int64_t ebb_sheet_updates(const struct ebb_options *o)
{
	return o->train.steps * o->train.epochs * o->train.minibatches;
}

static void add_updates(struct ebb_sheet *s)
{
	const struct ebb_options *o = s->o;
	const int64_t few = o->train.prompts / o->train.minibatches;
	const bool even = o->train.prompts % o->train.minibatches == 0;
	char n[32];

	ebb_page_add(&s->page, EBB_SECTION_TRAINING, "updates", NULL,
		     "%" PRId64 " steps x mu = %" PRId64 " x K = %" PRId64
		     ": %s updates, each on %" PRId64 "%s groups of %" PRId64,
		     o->train.steps, o->train.epochs, o->train.minibatches,
		     grouped(n, ebb_sheet_updates(o)), few, even ? "" : " or one more",
		     ebb_group_size(o));
}

static void add_optimizer(struct ebb_sheet *s)
{
	const struct ebb_options *o = s->o;
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_buf_printf(&text, "AdamW (%.10g, %.10g, 1e-08), learning rate %.10g", o->train.beta1,
		       o->train.beta2, o->train.lr);
	if (o->train.warmup > 0)
		ebb_buf_printf(&text, " after a linear warm-up of %" PRId64 " steps",
			       o->train.warmup);
	if (o->train.weight_decay > 0)
		ebb_buf_printf(&text, ", weight decay %.10g", o->train.weight_decay);
	if (o->train.grad_clip > 0 && isfinite(o->train.grad_clip))
		ebb_buf_printf(&text, ", gradient norm at most %.10g", o->train.grad_clip);
	ebb_page_take(&s->page, EBB_SECTION_TRAINING, "optimizer", &text, NULL);
}

static void add_pass(struct ebb_buf *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void add_pass(struct ebb_buf *text, const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	ebb_buf_printf(text, "%s%s", text->len ? "\n" : "", line);
}

/* Beyond sampling and the updates' own passes. */
static void add_passes(struct ebb_sheet *s)
{
	struct ebb_buf text = EBB_BUF_INIT;
	struct ebb_needs needs;

	ebb_objective_needs(s->o, &needs);
	if (needs.reference_samples > 0)
		add_pass(&text, "sampling: %d responses of the %s policy to every prompt drawn",
			 needs.reference_samples,
			 s->o->advantage.refresh > 0 ? "reference" : "base");
	if (needs.inject)
		add_pass(&text, "forward: the reference policy on every stored trajectory");
	if (needs.greedy)
		add_pass(&text, "sampling: a greedy response to every prompt drawn");
	if (s->o->em.select != EBB_EM_NONE)
		add_pass(&text,
			 "sampling, once: %" PRId64
			 " responses of the base policy to each of %" PRId64 " candidates",
			 s->o->em.samples, s->o->em.candidates);
	if (needs.answer)
		add_pass(&text, "forward: the gold answer after every response drawn");
	if (needs.answer_prior)
		add_pass(&text,
			 "forward: the gold answer after every prompt drawn, without response");
	/* an exact sampler's log-probabilities are the trainer's; with noise or a cut vocabulary
	 * decoding gives both kinds at once */
	if (s->o->sample.mismatch == EBB_MISMATCH_STALE)
		add_pass(&text, "forward: old, the trainer's log-probabilities of every response");
	if (needs.own_pass)
		add_pass(&text,
			 "forward: the trained policy on every response, which another drew");
	if (needs.ref_logp)
		add_pass(&text, "forward: the reference policy on every response trained on");
	if (needs.critic)
		add_pass(&text, "forward: the values of every response trained on%s",
			 s->o->critic.model == EBB_CRITIC_SEPARATE
				 ? "\nforward and backward: the critic in every update"
				 : "");
	if (needs.answer_rows)
		add_pass(&text, "update: the gold answer after every response of a mini-batch");
	if (needs.exact_kl)
		add_pass(&text,
			 "forward: the reference policy in every update, over the vocabulary");
	ebb_buf_puts(&text, text.len ? "" : "none");
	ebb_page_take(&s->page, EBB_SECTION_TRAINING, "extra passes", &text, NULL);
}

static void add_evaluation(struct ebb_sheet *s)
{
	const struct ebb_options *o = s->o;
	struct ebb_buf more = EBB_BUF_INIT;
	char cadence[64] = "";

	if (o->eval.cadence > 0)
		snprintf(cadence, sizeof cadence, "every %" PRId64 " steps, ", o->eval.cadence);
	if (o->eval.temperatures[0])
		ebb_buf_printf(&more, "; their accuracy also at temperatures %s",
			       o->eval.temperatures);
	if (ebb_lab_probe(o) > 0)
		ebb_buf_printf(&more, "; a tree of %" PRId64 " samples to %d of them",
			       ebb_tree_group(o), ebb_lab_probe(o));
	if (o->eval.chains > 0)
		ebb_buf_printf(&more, "; %" PRId64 " chains under each of their questions",
			       o->eval.chains);
	ebb_page_add(&s->page, EBB_SECTION_TRAINING, "evaluation", NULL,
		     "%sat step 0 and at the end: %" PRId64 " held-out questions, %" PRId64
		     " samples at temperature %.10g and a greedy answer to each%s",
		     cadence, o->eval.questions, o->eval.samples, o->eval.temperature,
		     more.len ? more.data : "");
	ebb_buf_release(&more);
}

/* ---- options that differ ---- */

/* Does this settings text of a preset set key? */
static bool sets(const char *settings, const char *key)
{
	const size_t n = strlen(key);

	for (const char *at = settings; (at = strstr(at, key)); at += n)
		if ((at == settings || at[-1] == ' ') && at[n] == '=')
			return true;
	return false;
}

static const char *task_preset_settings(const struct ebb_sheet *s)
{
	for (int i = 0; i < s->task->rows.n_presets; i++)
		if (strcmp(s->task->rows.preset[i].name, s->o->task.preset) == 0)
			return s->task->rows.preset[i].settings;
	return "";
}

static const char *algorithm_settings(const struct ebb_sheet *s)
{
	int n;
	const struct ebb_preset *p = ebb_preset_rows(&n);

	for (int i = 0; i < n; i++)
		if (strcmp(p[i].name, s->o->algorithm) == 0)
			return p[i].settings;
	return NULL; /* a row of algorithms: */
}

void ebb_sheet_origin(const struct ebb_sheet *s, const char *key, struct ebb_buf *out)
{
	const struct ebb_mark mark = ebb_arm_mark(s->arm, key);
	const char *settings = algorithm_settings(s);

	if (ebb_arm_given(s->arm, key)) {
		for (int i = 0; i < s->arm->n_axes; i++)
			if (strcmp(s->arm->axis[i].key, key) == 0)
				ebb_buf_puts(out, "sweep, ");
		ebb_buf_puts(out, mark.file ? mark.file : "definition");
		if (mark.line > 0)
			ebb_buf_printf(out, ":%d", mark.line);
	} else if ((!settings || !sets(settings, key)) && sets(task_preset_settings(s), key)) {
		ebb_buf_printf(out, "task preset %s", s->o->task.preset);
	} else if (settings && !sets(settings, key)) {
		ebb_buf_puts(out, "beta"); /* what else a word sets that names another option */
	} else {
		ebb_buf_printf(out, "algorithm %s", s->o->algorithm);
	}
}

static bool differs(const struct ebb_sheet *s, const struct ebb_options *builtin,
		    const struct ebb_option *row, struct ebb_difference *d)
{
	*d = (struct ebb_difference){.row = row};
	snprintf(d->key, sizeof d->key, "%s.%s", row->group, row->name);
	ebb_option_print(s->o, row, &d->value);
	ebb_option_print(builtin, row, &d->builtin);
	ebb_buf_puts(&d->value, "");
	ebb_buf_puts(&d->builtin, "");
	return strcmp(d->value.data, d->builtin.data) != 0;
}

static void difference_release(struct ebb_difference *d)
{
	ebb_buf_release(&d->value);
	ebb_buf_release(&d->builtin);
}

/* The task's own options compare with its own defaults. */
void ebb_sheet_differences(struct ebb_sheet *s,
			   void (*visit)(struct ebb_sheet *s, const struct ebb_difference *d,
					 void *ctx),
			   void *ctx)
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	struct ebb_options builtin, own;
	int n;
	const struct ebb_option *row = ebb_option_rows(&n);

	ebb_options_init(&builtin, catalog);
	own = builtin;
	ebb_options_task(&own, catalog, s->task->rows.name, NULL);
	for (int i = 0; i < n + s->task->rows.n_options; i++) {
		const bool is_own = i >= n;
		struct ebb_difference d;

		if (differs(s, is_own ? &own : &builtin,
			    is_own ? &s->task->rows.option[i - n] : &row[i], &d))
			visit(s, &d, ctx);
		difference_release(&d);
	}
}

static void add_difference(struct ebb_sheet *s, const struct ebb_difference *d, void *ctx)
{
	struct ebb_buf from = EBB_BUF_INIT;

	ebb_sheet_origin(s, d->key, &from);
	ebb_page_add(&s->page, EBB_SECTION_OPTIONS, d->key, from.data, "%s, not %s",
		     d->value.len ? d->value.data : "empty",
		     d->builtin.len ? d->builtin.data : "empty");
	ebb_buf_release(&from);
}

/* ---- trials ---- */

static const struct ebb_plan *plan_of(const struct ebb_sheet *s, int seed)
{
	const int a = (int)(s->arm - s->def->arm);

	return &s->def->plan[s->def->plan_of[a * s->def->n_seeds + seed]];
}

void ebb_sheet_base(const struct ebb_sheet *s, int seed, char id[EBB_ID_MAX])
{
	char *path = ebb_base_path(&plan_of(s, seed)->options, ""), *name;

	name = strrchr(path, '/') + 1;
	snprintf(id, EBB_ID_MAX, "%.*s", (int)strcspn(name, "."), name);
	free(path);
}

const char *ebb_sheet_trial(const struct ebb_sheet *s, int seed)
{
	return plan_of(s, seed)->id;
}

static void add_trials(struct ebb_sheet *s)
{
	struct ebb_buf trials = EBB_BUF_INIT, bases = EBB_BUF_INIT;

	for (int i = 0; i < s->def->n_seeds; i++) {
		char id[EBB_ID_MAX];

		ebb_sheet_base(s, i, id);
		ebb_buf_printf(&trials, "%s%" PRIu64 ":%s", i ? " " : "", s->def->seed[i],
			       ebb_sheet_trial(s, i));
		ebb_buf_printf(&bases, "%s%" PRIu64 ":%s", i ? " " : "", s->def->seed[i], id);
	}
	ebb_page_take(&s->page, EBB_SECTION_TRIALS, "trials", &trials, NULL);
	ebb_page_take(&s->page, EBB_SECTION_TRIALS, "base policies", &bases, NULL);
}

int ebb_sheet_init(struct ebb_sheet *s, const struct ebb_definition *def, int arm,
		   struct ebb_err *err)
{
	*s = (struct ebb_sheet){.def = def, .arm = &def->arm[arm], .o = &def->arm[arm].options};
	s->task = ebb_task_find(s->o->task.name);
	s->limit = ebb_lab_response_limit(s->o);
	if (count_parameters(s, err) < 0)
		return err->code;
	ebb_formula_add(&s->page, s->o, s->limit);
	add_task(s);
	add_policy(s);
	add_base(s);
	add_sampler(s);
	add_updates(s);
	add_optimizer(s);
	add_passes(s);
	add_evaluation(s);
	ebb_sheet_differences(s, add_difference, NULL);
	add_trials(s);
	return 0;
}
