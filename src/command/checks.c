/* What a definition wants drawn and judged, against what the program knows and this run has. */
#include "command/checks.h"

#include <stdlib.h>
#include <string.h>
#include "analysis/claim.h"
#include "base/near.h"
#include "command/words.h"
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
	char *part = ebb_xprintf("%.*s", (int)ebb_figure_metric_part(item->text), item->text);
	const struct ebb_task *owner = curve_owner(part);
	const struct ebb_metric *metric;
	struct ebb_near near;
	bool known = owner || ebb_metric_find(part);
	int n;

	free(part);
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
			     "unknown figure '%s'%s%s%s; a figure is a metric (ebb metrics), also "
			     "METRIC:VIEW, or one of those that ebb plot --help lists",
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

/* ---- claims ---- */

/* Does the item's text stand at its mark letter by letter, neither quoted nor folded? */
static bool is_plain(const struct ebb_definition *def, const struct ebb_item *item)
{
	size_t n = 0, length = strlen(item->text);
	const char *s = item->mark.file ? ebb_words_text(def, item->mark.file, &n) : NULL;
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
	struct ebb_words words;

	ebb_words_of_definition(&words, def);
	for (int i = 0; i < def->n_claims; i++)
		check_claim(&words.scope, &def->claim[i], diag, idle);
	ebb_words_release(&words);
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
