/*
 * From the text of a file of cases to its results. The file holds `datasets` (log-probabilities,
 * mask, groups) and `cases` (a dataset's name, a config, advantages) in the schema of
 * tests/golden/policy-gradient.json; each case goes through the same begin, rows and finish as a
 * training step. Keys absent from a config keep the built-in defaults, except that the entropy term
 * is averaged like the policy term, as in that file.
 */
#include "command/oracle_cases.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/near.h"
#include "command/oracle_input.h"

#define SHOWN EBB_ORACLE_SHOWN

/* One case's evaluation. */
struct result {
	struct ebb_arena arena;
	const char *name;
	char unnamed[32];
	int R, T;
	bool has_ref, has_entropy, has_tis;
	double *advantage, *w_logp, *w_entropy; /* (R, T) */
	struct ebb_weigh_stats s;
};

static bool is_one_of(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (strcmp(*known, key) == 0)
			return true;
	return false;
}

/* Keys that are neither read here nor part of the schema: said and ignored. */
static void note_unknown(json_t *object, const char *const *known, const char *place,
			 struct ebb_buf *notes)
{
	const char *key;
	char word[SHOWN];
	json_t *value;

	json_object_foreach(object, key, value) if (!is_one_of(key, known)) ebb_buf_printf(
		notes, "%s: unknown key '%s' is ignored\n", place, ebb_oracle_show(word, key));
}

/* ---- cases ---- */

static int evaluate(const struct ebb_options *o, const struct ebb_oracle_set *d, bool on_policy,
		    struct result *r, struct ebb_err *err)
{
	struct ebb_batch batch = d->batch;
	struct ebb_minibatch mb = {
		.o = o,
		.batch = &batch,
		.n = batch.R,
		.stride = batch.T,
		.kl_coef = o->kl.coef,
		.entropy_coef = o->entropy.coef,
		.limit = batch.T,
		.logp = d->logp,
		.entropy = d->has_entropy ? d->entropy : NULL,
		.w_logp = r->w_logp,
		.w_entropy = r->w_entropy,
	};
	int *row = ebb_xcalloc((size_t)batch.R, sizeof *row), rc;
	struct ebb_needs needs;

	ebb_objective_needs(o, &needs);
	mb.select_key = d->has_keys ? d->select_key : NULL;

	for (int i = 0; i < batch.R; i++)
		row[i] = i;
	mb.row = row;
	batch.advantage = r->advantage;
	if (on_policy)
		batch.old = d->logp;
	rc = ebb_weigh_begin(&mb, err);
	if (rc == 0) {
		if (needs.batch_scope)
			ebb_weigh_select(&mb);
		ebb_weigh_rows(&mb, 0, mb.n);
		ebb_weigh_finish(&mb, &r->s);
	}
	ebb_weigh_release(&mb);
	free(row);
	return rc;
}

static int find_dataset(json_t *datasets, const json_t *name, size_t *at, struct ebb_err *err)
{
	const char *key, *word = json_string_value(name);
	struct ebb_near near;
	char shown[SHOWN];
	json_t *v;

	if (!word)
		return ebb_err_set(err, EBB_EFORMAT, "dataset: is %s, not a name",
				   ebb_oracle_kind(name));
	*at = 0;
	ebb_near_init(&near, word);
	json_object_foreach(datasets, key, v)
	{
		if (strcmp(key, word) == 0)
			return 0;
		ebb_near_offer(&near, key);
		(*at)++;
	}
	if (near.best) {
		char best[SHOWN];

		return ebb_err_set(err, EBB_EFORMAT,
				   "dataset: there is no '%s'; did you mean '%s'?",
				   ebb_oracle_show(shown, word), ebb_oracle_show(best, near.best));
	}
	return ebb_err_set(err, EBB_EFORMAT, "dataset: there is no '%s'",
			   ebb_oracle_show(shown, word));
}

static int run_case(json_t *j, json_t *datasets, const struct ebb_oracle_set *dataset,
		    struct result *r, struct ebb_err *err)
{
	const struct ebb_oracle_set *d;
	struct ebb_options o;
	size_t at = 0, n;
	bool on_policy;

	if (find_dataset(datasets, json_object_get(j, "dataset"), &at, err) != 0)
		return err->code;
	d = &dataset[at];
	r->R = d->batch.R;
	r->T = d->batch.T;
	n = (size_t)r->R * r->T;
	if (ebb_oracle_read_config(&o, json_object_get(j, "config"), d, err) != 0)
		return ebb_err_wrap(err, "config");
	r->has_ref = d->has_ref;
	r->has_entropy = d->has_entropy;
	r->has_tis = o.tis.kind != EBB_TIS_OFF;
	ebb_arena_add(&r->arena, &r->advantage, n, sizeof(double));
	ebb_arena_add(&r->arena, &r->w_logp, n, sizeof(double));
	ebb_arena_add(&r->arena, &r->w_entropy, n, sizeof(double));
	if (ebb_arena_commit(&r->arena, err) != 0)
		return err->code;
	if (ebb_oracle_read_reals(j, "advantage", d, r->advantage, err) != 0)
		return err->code;
	on_policy =
		json_is_true(json_object_get(json_object_get(j, "config"), EBB_ORACLE_ON_POLICY));
	return evaluate(&o, d, on_policy, r, err);
}

static void name_case(const json_t *j, size_t at, struct result *r)
{
	const char *name = json_string_value(json_object_get(j, "name"));

	snprintf(r->unnamed, sizeof r->unnamed, "case %zu", at);
	r->name = name ? name : r->unnamed;
}

/* ---- output ---- */

enum wants { ALWAYS, REF, ENTROPY, TIS, TOKENS, CLIPPED };

static const struct {
	const char *name;
	size_t offset;
	enum wants wants; /* said only where it means something */
} metric[] = {
#define STAT(field) offsetof(struct ebb_weigh_stats, field)
	{"n_tokens", STAT(n_tokens), ALWAYS},
	{"n_rows", STAT(n_rows), ALWAYS},
	{"pg_loss", STAT(pg_loss), ALWAYS},
	{"kl_loss", STAT(kl_loss), ALWAYS},
	{"kl_old_loss", STAT(kl_old_loss), ALWAYS},
	{"entropy_loss", STAT(entropy_loss), ALWAYS},
	{"clip_frac_low", STAT(clip_low), ALWAYS},
	{"clip_frac_high", STAT(clip_high), ALWAYS},
	{"clip_frac_dual", STAT(clip_dual), ALWAYS},
	{"seq_clip_frac", STAT(clip_sequence), ALWAYS},
	{"mean_prob_upclipped", STAT(clip_high_prob), CLIPPED},
	{"ratio_mean", STAT(ratio_mean), TOKENS},
	{"ratio_max", STAT(ratio_max), TOKENS},
	{"ratio_min", STAT(ratio_min), TOKENS},
	{"log_ratio_abs_max", STAT(log_ratio_abs_max), TOKENS},
	{"log_ratio_clamped", STAT(log_ratio_clamped), ALWAYS},
	{"logp_floored", STAT(logp_floored), ALWAYS},
	{"old_floored", STAT(old_floored), ALWAYS},
	{"ref_floored", STAT(ref_floored), REF},
	{"kl_log_clamped", STAT(kl_log_clamped), REF},
	{"kl_old_k1", STAT(ppo_kl), TOKENS},
	{"kl_old_k3", STAT(ppo_kl_k3), TOKENS},
	{"kl_ref_k1", STAT(kl_ref_k1), REF},
	{"kl_ref_k2", STAT(kl_ref_k2), REF},
	{"kl_ref_k3", STAT(kl_ref_k3), REF},
	{"entropy_mean", STAT(entropy_mean), ENTROPY},
	{"neg_logp_mean", STAT(neg_logp_mean), TOKENS},
	{"adv_zero_frac", STAT(adv_zero_frac), ALWAYS},
	{"tis_mean", STAT(tis_mean), TIS},
	{"tis_max", STAT(tis_max), TIS},
	{"tis_ess_frac", STAT(tis_ess), TIS},
#undef STAT
};

static bool is_said(const struct result *r, enum wants wants)
{
	if (wants == ALWAYS)
		return true;
	if (r->s.n_tokens == 0.0)
		return false;
	return wants == REF       ? r->has_ref
	       : wants == ENTROPY ? r->has_entropy
	       : wants == TIS     ? r->has_tis
	       : wants == CLIPPED ? r->s.clip_high > 0.0
				  : true;
}

/* JSON has no infinities: they are strings, as in the input. */
static void put_number(struct ebb_buf *out, double x)
{
	if (!isfinite(x))
		ebb_buf_puts(out, "\"");
	ebb_buf_double(out, x + 0.0); /* no -0 */
	if (!isfinite(x))
		ebb_buf_puts(out, "\"");
}

static void put_matrix(struct ebb_buf *out, const double *x, int R, int T)
{
	ebb_buf_puts(out, "[");
	for (int i = 0; i < R; i++) {
		ebb_buf_puts(out, i ? ", [" : "[");
		for (int t = 0; t < T; t++) {
			if (t)
				ebb_buf_puts(out, ", ");
			put_number(out, x[(size_t)i * T + t]);
		}
		ebb_buf_puts(out, "]");
	}
	ebb_buf_puts(out, "]");
}

static void put_json(struct ebb_buf *out, const struct result *r)
{
	const char *between = "";

	ebb_buf_puts(out, "{\"name\": ");
	ebb_buf_json(out, r->name);
	ebb_buf_puts(out, ", \"loss\": ");
	put_number(out, r->s.loss);
	ebb_buf_puts(out, ", \"dlogp\": ");
	put_matrix(out, r->w_logp, r->R, r->T);
	ebb_buf_puts(out, ", \"dentropy\": ");
	put_matrix(out, r->w_entropy, r->R, r->T);
	ebb_buf_puts(out, ", \"metrics\": {");
	for (size_t i = 0; i < sizeof metric / sizeof *metric; i++) {
		double x;

		if (!is_said(r, metric[i].wants))
			continue;
		memcpy(&x, (const char *)&r->s + metric[i].offset, sizeof x);
		ebb_buf_printf(out, "%s\"%s\": ", between, metric[i].name);
		put_number(out, x);
		between = ", ";
	}
	ebb_buf_puts(out, "}}");
}

static void put_row(struct ebb_buf *out, const struct result *r)
{
	double norm = 0.0;
	char name[SHOWN];

	for (size_t at = 0; at < (size_t)r->R * r->T; at++)
		norm += fabs(r->w_logp[at]);
	ebb_buf_printf(out, "%-32s %15.9g %12.6g %7.0f %8.4f %8.4f %8.4f %10.4g %12.6g\n",
		       ebb_oracle_show(name, r->name), r->s.loss, r->s.pg_loss, r->s.n_tokens,
		       r->s.clip_low, r->s.clip_high, r->s.clip_dual, r->s.ratio_max, norm);
}

static void put_all(struct ebb_buf *out, const struct result *r, size_t n, bool json)
{
	if (json) {
		ebb_buf_puts(out, "{\"cases\": [");
		for (size_t i = 0; i < n; i++) {
			ebb_buf_puts(out, i ? ",\n" : "\n");
			put_json(out, &r[i]);
		}
		ebb_buf_puts(out, "\n]}\n");
		return;
	}
	ebb_buf_printf(out, "%-32s %15s %12s %7s %8s %8s %8s %10s %12s\n", "case", "loss",
		       "policy term", "tokens", "clip low", "high", "dual", "ratio max",
		       "sum |dlogp|");
	for (size_t i = 0; i < n; i++)
		put_row(out, &r[i]);
}

/* ---- the file ---- */

static const char *const top_keys[] = {"schema",
				       "dtype",
				       "tolerance",
				       "datasets",
				       "cases",
				       "advantages",
				       "gae",
				       "value",
				       "kl_categorical",
				       "kl_sequence",
				       "head_chain",
				       "overlong_penalty",
				       "degenerate_probability",
				       "adaptive_kl",
				       "dynamic_sampling",
				       "k3_value_clamp_10",
				       NULL};
static const char *const dataset_keys[] = {"R",         "T",         "group",    "length",
					   "mask",      "reward",    "logp_new", "logp_old",
					   "logp_roll", "logp_ref",  "entropy",  "keys",
					   "value_old", "value_new", NULL};
static const char *const case_keys[] = {"name",      "note",   "dataset",    "config",
					"advantage", "expect", "tis_weight", "shaped_reward",
					"truncated", NULL};

/* The first case that asks for this dataset; null: none does. */
static const char *user_of(json_t *cases, const char *dataset, struct result *r)
{
	json_t *j;
	size_t i;

	json_array_foreach(cases, i, j)
	{
		const char *name = json_string_value(json_object_get(j, "dataset"));

		if (!name || strcmp(name, dataset) != 0)
			continue;
		name_case(j, i, r);
		return r->name;
	}
	return NULL;
}

static int fail_dataset(json_t *cases, const char *dataset, struct ebb_err *err)
{
	char word[SHOWN], by[SHOWN];
	struct result r;
	const char *user = user_of(cases, dataset, &r);

	if (user)
		return ebb_err_wrap(err, "case '%s': dataset '%s'", ebb_oracle_show(by, user),
				    ebb_oracle_show(word, dataset));
	return ebb_err_wrap(err, "dataset '%s'", ebb_oracle_show(word, dataset));
}

static int read_datasets(json_t *datasets, json_t *cases, struct ebb_oracle_set *d,
			 struct ebb_buf *notes, struct ebb_err *err)
{
	const char *key;
	json_t *v;

	json_object_foreach(datasets, key, v)
	{
		char word[SHOWN], *place;

		if (ebb_oracle_read_set(v, d++, err) != 0)
			return fail_dataset(cases, key, err);
		place = ebb_xprintf("dataset '%s'", ebb_oracle_show(word, key));
		note_unknown(v, dataset_keys, place, notes);
		free(place);
	}
	return 0;
}

static int run_cases(json_t *cases, json_t *datasets, const struct ebb_oracle_set *d,
		     struct result *r, struct ebb_buf *notes, struct ebb_err *err)
{
	json_t *j;
	size_t i;

	json_array_foreach(cases, i, j)
	{
		char word[SHOWN], *place;

		if (!json_is_object(j))
			return ebb_err_set(err, EBB_EFORMAT, "cases: [%zu] is %s, not an object", i,
					   ebb_oracle_kind(j));
		name_case(j, i, &r[i]);
		if (run_case(j, datasets, d, &r[i], err) != 0)
			return ebb_err_wrap(err, "case '%s'", ebb_oracle_show(word, r[i].name));
		place = ebb_xprintf("case '%s'", ebb_oracle_show(word, r[i].name));
		note_unknown(j, case_keys, place, notes);
		if (!isfinite(r[i].s.loss))
			ebb_buf_printf(notes, "%s: the loss is not finite\n", place);
		free(place);
	}
	return 0;
}

static int run_file(json_t *file, bool json, struct ebb_buf *out, struct ebb_buf *notes,
		    struct ebb_err *err)
{
	json_t *datasets = json_object_get(file, "datasets"),
	       *cases = json_object_get(file, "cases");
	const size_t n_sets = json_object_size(datasets), n = json_array_size(cases);
	struct ebb_oracle_set *d;
	struct result *r;
	int rc;

	if (!json_is_object(file))
		return ebb_err_set(err, EBB_EFORMAT, "the file is %s, not an object",
				   ebb_oracle_kind(file));
	if (!json_is_object(datasets))
		return ebb_err_set(err, EBB_EFORMAT, "'datasets' is %s, not an object",
				   ebb_oracle_kind(datasets));
	if (!json_is_array(cases))
		return ebb_err_set(err, EBB_EFORMAT, "'cases' is %s, not an array",
				   ebb_oracle_kind(cases));
	note_unknown(file, top_keys, "file", notes);
	d = ebb_xcalloc(n_sets, sizeof *d);
	r = ebb_xcalloc(n, sizeof *r);
	rc = read_datasets(datasets, cases, d, notes, err);
	if (rc == 0 && n == 0)
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "'cases' is empty: there is nothing to evaluate");
	if (rc == 0)
		rc = run_cases(cases, datasets, d, r, notes, err);
	if (rc == 0)
		put_all(out, r, n, json);
	for (size_t i = 0; i < n; i++)
		ebb_arena_release(&r[i].arena);
	for (size_t i = 0; i < n_sets; i++)
		ebb_arena_release(&d[i].arena);
	free(r);
	free(d);
	return rc;
}

int ebb_oracle_evaluate(const char *text, size_t n, const char *name, bool json,
			struct ebb_buf *out, struct ebb_buf *notes, struct ebb_err *err)
{
	json_error_t e;
	json_t *file = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	int rc;

	if (!file)
		return ebb_err_set(err, EBB_EFORMAT, "%s:%d:%d: %s", name, e.line, e.column,
				   e.text);
	rc = run_file(file, json, out, notes, err);
	json_decref(file);
	return rc == 0 ? 0 : ebb_err_wrap(err, "%s", name);
}
