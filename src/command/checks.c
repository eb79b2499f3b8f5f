/* What a definition wants drawn and judged, against what the program knows and this run has. */
#include "command/checks.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "analysis/claim.h"
#include "base/near.h"
#include "figure/figure.h"
#include "task/task.h"

/* What was found not to apply; the first reason speaks for all. */
struct idle {
	int figures, claims;
	struct ebb_mark mark;
	struct ebb_claim_reason why;
};

/* ---- figures ---- */

static const struct ebb_task *curve_owner(const char *word)
{
	int n;
	const struct ebb_task *const *task = ebb_task_all(&n);

	for (int i = 0; i < n; i++)
		for (int c = 0; c < task[i]->n_curves; c++)
			if (strcmp(task[i]->curve[c].name, word) == 0 ||
			    strcmp(task[i]->curve[c].brief, word) == 0)
				return task[i];
	return NULL;
}

static bool has_task(const struct ebb_definition *def, const struct ebb_task *task)
{
	for (int i = 0; i < def->n_arms; i++)
		if (strcmp(def->arm[i].options.task.name, task->rows.name) == 0)
			return true;
	return false;
}

static void check_figure(const struct ebb_definition *def, const struct ebb_item *item,
			 struct ebb_diag *diag, struct idle *idle)
{
	const struct ebb_task *owner = curve_owner(item->text);
	const struct ebb_metric *metric;
	struct ebb_near near;
	bool known = owner || ebb_metric_find(item->text);
	int n;

	ebb_near_init(&near, item->text);
	for (int k = 0; ebb_figure_row(k); k++) {
		known = known || strcmp(ebb_figure_row(k)->name, item->text) == 0;
		ebb_near_offer(&near, ebb_figure_row(k)->name);
	}
	metric = ebb_metric_rows(&n);
	for (int k = 0; k < n; k++)
		ebb_near_offer(&near, metric[k].brief);
	if (!known) {
		ebb_diag_add(diag, EBB_ERROR, item->mark,
			     "unknown figure '%s'%s%s%s; a figure is a metric (ebb metrics) "
			     "or one of those that ebb plot --help lists",
			     item->text, near.best ? ": did you mean '" : "",
			     near.best ? near.best : "", near.best ? "'?" : "");
	} else if (owner && !has_task(def, owner)) {
		if (idle->figures++ + idle->claims == 0) {
			idle->mark = item->mark;
			snprintf(idle->why.text, sizeof idle->why.text,
				 "figure '%.60s' is a curve of the task '%s'", item->text,
				 owner->rows.name);
		}
	}
}

/* ---- the words of claims ---- */

/* The part of the definition's text that came from a file: where it begins, and its bytes. The
 * texts of several files stand one after the other, each below a line "# path". */
static const char *file_text(const struct ebb_definition *def, const char *file, size_t *n)
{
	const char *begin = def->source, *end;

	for (int i = 0; i < def->n_files; i++) {
		char *head = ebb_xprintf("# %s\n", def->file[i]);
		char *next =
			i + 1 < def->n_files ? ebb_xprintf("\n# %s\n", def->file[i + 1]) : NULL;

		if (def->n_files > 1 && strncmp(begin, head, strlen(head)) == 0)
			begin += strlen(head);
		/* an empty file's text leaves its heading's line break to the next heading */
		end = next ? strstr(begin > def->source ? begin - 1 : begin, next) : NULL;
		end = end ? end + 1 : begin + strlen(begin);
		free(head);
		free(next);
		if (strcmp(def->file[i], file) == 0) {
			*n = (size_t)(end - begin);
			return begin;
		}
		begin = end;
	}
	return NULL;
}

/* Does the item's text stand at its mark letter by letter, neither quoted nor folded? */
static bool is_plain(const struct ebb_definition *def, const struct ebb_item *item)
{
	size_t n = 0, length = strlen(item->text);
	const char *s = item->mark.file ? file_text(def, item->mark.file, &n) : NULL;
	const char *end = s ? s + n : NULL;

	if (!s || item->mark.line < 1)
		return false;
	for (int line = 1; line < item->mark.line; line++) {
		s = memchr(s, '\n', (size_t)(end - s));
		if (!s)
			return false;
		s++;
	}
	for (int column = 1; column < item->mark.column && s < end; column++)
		do /* a column is a letter of UTF-8 */
			s++;
		while (s < end && (*s & 0xc0) == 0x80);
	return (size_t)(end - s) >= length && memcmp(s, item->text, length) == 0;
}

struct names {
	char **name;
	int n;
};

static void add_name(struct names *names, const char *name)
{
	names->name = ebb_xrealloc(names->name, (size_t)names->n + 1, sizeof *names->name);
	names->name[names->n++] = ebb_xstrdup(name);
}

/*
 * The keys below algorithms: of one file. The definition keeps the variants that run, but a claim
 * may name one that an override took out. The text was read before, so that errors are no news.
 */
static void add_variants(struct names *names, const char *text, size_t n)
{
	yaml_parser_t parser;
	yaml_event_t e;
	bool more = true, inside = false, key = true;
	int depth = 0;

	if (!yaml_parser_initialize(&parser))
		EBB_BUG("out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	while (more && yaml_parser_parse(&parser, &e)) {
		const char *word =
			e.type == YAML_SCALAR_EVENT ? (const char *)e.data.scalar.value : "";
		bool opens =
			e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT;
		bool closes = e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT;

		if (e.type == YAML_SCALAR_EVENT && key && depth == 1)
			inside = strcmp(word, "algorithms") == 0;
		if (e.type == YAML_SCALAR_EVENT && key && depth == 2 && inside)
			add_name(names, word);
		depth += opens - closes;
		/* after a key comes its value, after a value the next key */
		if (opens || closes)
			key = true;
		else if (e.type == YAML_SCALAR_EVENT)
			key = !key;
		more = e.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
}

static struct names algorithms_of(const struct ebb_definition *def)
{
	struct names names = {0};
	const struct ebb_preset *preset;
	int n;

	preset = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++)
		add_name(&names, preset[i].name);
	for (int i = 0; i < def->n_arms; i++)
		if (i == 0 ||
		    strcmp(def->arm[i].options.algorithm, def->arm[i - 1].options.algorithm) != 0)
			add_name(&names, def->arm[i].options.algorithm);
	for (int i = 0; i < def->n_files; i++) {
		size_t bytes = 0;
		const char *text = file_text(def, def->file[i], &bytes);

		if (text)
			add_variants(&names, text, bytes);
	}
	return names;
}

static struct ebb_claim_curve *curves_of_tasks(int *n)
{
	int n_tasks;
	const struct ebb_task *const *task = ebb_task_all(&n_tasks);
	struct ebb_claim_curve *curve =
		ebb_xcalloc((size_t)n_tasks * EBB_TASK_CURVES_MAX, sizeof *curve);

	*n = 0;
	for (int i = 0; i < n_tasks; i++)
		for (int c = 0; c < task[i]->n_curves; c++)
			curve[(*n)++] =
				(struct ebb_claim_curve){task[i]->rows.name, &task[i]->curve[c]};
	return curve;
}

/* ---- claims ---- */

static void check_claim(const struct ebb_claim_scope *scope, const struct ebb_item *item,
			struct ebb_diag *diag, struct idle *idle)
{
	struct ebb_claim_reason why;
	struct ebb_claim claim;

	if (ebb_claim_parse(&claim, item->text, item->mark, is_plain(scope->def, item), diag) &&
	    ebb_claim_check(&claim, scope, diag, &why) == EBB_CLAIM_NOT_APPLICABLE)
		if (idle->figures + idle->claims++ == 0) {
			idle->mark = ebb_claim_mark(&claim, why.at);
			idle->why = why;
		}
	ebb_claim_release(&claim);
}

static void check_claims(const struct ebb_definition *def, struct ebb_diag *diag, struct idle *idle)
{
	struct names names = algorithms_of(def);
	struct ebb_claim_scope scope = {
		.def = def,
		.catalog = ebb_task_catalog(),
		.algorithm = (const char *const *)names.name,
		.n_algorithms = names.n,
	};
	struct ebb_claim_curve *curve = curves_of_tasks(&scope.n_curves);

	scope.curve = curve;
	for (int i = 0; i < def->n_claims; i++)
		check_claim(&scope, &def->claim[i], diag, idle);
	for (int i = 0; i < names.n; i++)
		free(names.name[i]);
	free(names.name);
	free(curve);
}

void ebb_check_definition(const struct ebb_definition *def, struct ebb_diag *diag)
{
	struct idle idle = {0};
	struct ebb_buf what = EBB_BUF_INIT;

	for (int i = 0; i < def->n_figures; i++)
		check_figure(def, &def->figure[i], diag, &idle);
	if (def->n_claims > 0)
		check_claims(def, diag, &idle);
	if (idle.claims > 0)
		ebb_buf_printf(&what, "%d of %d claim%s", idle.claims, def->n_claims,
			       def->n_claims == 1 ? "" : "s");
	if (idle.figures > 0)
		ebb_buf_printf(&what, "%s%d of %d figure%s", idle.claims > 0 ? " and " : "",
			       idle.figures, def->n_figures, def->n_figures == 1 ? "" : "s");
	if (idle.claims + idle.figures > 0)
		ebb_diag_add(diag, EBB_NOTE, idle.mark, "not applicable to this run: %s; %s%s",
			     what.data, idle.claims + idle.figures > 1 ? "the first because " : "",
			     idle.why.text);
	ebb_buf_release(&what);
}
