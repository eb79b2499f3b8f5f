/* The parts of a draft: findings, keys, values, lists of what was given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

static char *vtext(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		EBB_BUG("out of memory");
	return text;
}

/* What stands at an alias is not what was meant: its own error is all there is to say. */
bool ebb_draft_is_alias(const struct ebb_draft *d, struct ebb_mark mark)
{
	for (int i = 0; i < d->n_aliases; i++)
		if (d->alias[i].file == mark.file && d->alias[i].line == mark.line &&
		    d->alias[i].column == mark.column)
			return true;
	return false;
}

void ebb_draft_error(struct ebb_draft *d, struct ebb_mark mark, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = vtext(fmt, ap);
	va_end(ap);
	if (!ebb_draft_is_alias(d, mark))
		ebb_diag_add(d->diag, EBB_ERROR, mark, "%s", text);
	free(text);
}

void ebb_draft_once(struct ebb_draft *d, enum ebb_severity severity, struct ebb_mark mark,
		    const char *fmt, ...)
{
	bool said = ebb_draft_is_alias(d, mark);
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = vtext(fmt, ap);
	va_end(ap);
	for (int i = d->first; i < d->diag->n && !said; i++)
		said = strcmp(d->diag->entry[i].text, text) == 0;
	if (!said)
		ebb_diag_add(d->diag, severity, mark, "%s", text);
	free(text);
}

bool ebb_draft_doubts(const struct ebb_draft *d, const char *key)
{
	for (int i = 0; i < d->n_doubtful; i++) {
		size_t n = strlen(d->doubtful[i]);

		if (strncmp(d->doubtful[i], key, n) == 0 && (key[n] == 0 || key[n] == '.'))
			return true;
	}
	return false;
}

void ebb_draft_doubt(struct ebb_draft *d, const char *key)
{
	if (ebb_draft_doubts(d, key))
		return;
	d->doubtful = ebb_xrealloc(d->doubtful, (size_t)d->n_doubtful + 1, sizeof *d->doubtful);
	d->doubtful[d->n_doubtful++] = ebb_xstrdup(key);
}

const char *ebb_draft_first_at(char out[48], struct ebb_mark mark)
{
	if (mark.line > 0)
		snprintf(out, 48, " (first at line %d)", mark.line);
	else
		out[0] = 0;
	return out;
}

const char *ebb_draft_place(char out[EBB_PLACE_MAX], struct ebb_mark mark, struct ebb_mark from)
{
	if (mark.line == 0)
		snprintf(out, EBB_PLACE_MAX, "the command line");
	else if (mark.file == from.file)
		snprintf(out, EBB_PLACE_MAX, "line %d, column %d", mark.line, mark.column);
	else
		snprintf(out, EBB_PLACE_MAX, "%.250s:%d:%d", mark.file, mark.line, mark.column);
	return out;
}

/* ---- keys ---- */

static void key_of(const struct ebb_option *row, char key[EBB_KEY_MAX])
{
	if (snprintf(key, EBB_KEY_MAX, "%s.%s", row->group, row->name) >= EBB_KEY_MAX)
		EBB_BUG("the key %s.%s is too long", row->group, row->name);
}

/* Among the built-in rows and those of any task: which task an arm has is not known yet. */
static const struct ebb_option *find_any(const struct ebb_catalog *catalog, const char *text)
{
	const struct ebb_option *row = ebb_option_find(catalog, NULL, text);

	for (int i = 0; !row && catalog && i < catalog->n_tasks; i++)
		row = ebb_option_find(catalog, catalog->task[i].name, text);
	return row;
}

/* Offer a key; near keeps pointers, so the nearest is copied out while it is at hand. */
static void offer(struct ebb_near *near, const char *candidate, char best[EBB_KEY_MAX])
{
	const char *before = near->best;

	near->best = NULL;
	ebb_near_offer(near, candidate);
	if (near->best)
		snprintf(best, EBB_KEY_MAX, "%s", candidate);
	near->best = near->best ? best : before;
}

static void offer_rows(struct ebb_near *near, const struct ebb_option *row, int n,
		       char best[EBB_KEY_MAX])
{
	char key[EBB_KEY_MAX];

	for (int i = 0; i < n; i++) {
		key_of(&row[i], key);
		if (!strchr(near->word, '.'))
			offer(near, row[i].group, best);
		offer(near, key, best);
		if (row[i].alias[0])
			offer(near, row[i].alias, best);
	}
}

/* A bare name that several groups have: name them all, a guess could change something else. */
static void several_named(struct ebb_draft *d, const char *text, struct ebb_mark mark,
			  const char *shown, const char *best)
{
	struct ebb_buf list = EBB_BUF_INIT;
	const struct ebb_option *row;
	int n, found = 0;

	row = ebb_option_rows(&n);
	for (int i = 0; i < n; i++)
		if (strcmp(row[i].name, text) == 0)
			ebb_buf_printf(&list, "%s'%s.%s'", found++ ? " or " : "", row[i].group,
				       row[i].name);
	if (found == 0)
		ebb_buf_printf(&list, "'%s'", best);
	ebb_draft_error(d, mark, "unknown key '%s': did you mean %s?", shown, list.data);
	ebb_buf_release(&list);
}

static void unknown_key(struct ebb_draft *d, const char *text, struct ebb_mark mark,
			const char *const *words)
{
	const struct ebb_option *row;
	struct ebb_near near;
	char best[EBB_KEY_MAX] = "", shown[EBB_SHOWN];
	int n;

	ebb_show(shown, text);
	if (ebb_option_group_about(text)) {
		ebb_draft_error(d, mark, "'%s' is a group of options: name one, like %s.OPTION",
				text, text);
		return;
	}
	ebb_near_init(&near, text);
	for (int i = 0; words && words[i]; i++)
		offer(&near, words[i], best);
	row = ebb_option_rows(&n);
	offer_rows(&near, row, n, best);
	for (int i = 0; d->catalog && i < d->catalog->n_tasks; i++)
		offer_rows(&near, d->catalog->task[i].option, d->catalog->task[i].n_options, best);
	if (!ebb_near_word(&near)) {
		ebb_draft_error(d, mark, "unknown key '%s': ebb options lists all keys", shown);
		return;
	}
	if (strchr(best, '.') && strcmp(strchr(best, '.') + 1, text) == 0)
		several_named(d, text, mark, shown, best);
	else
		ebb_draft_error(d, mark, "unknown key '%s': did you mean '%s'?", shown, best);
	row = find_any(d->catalog, best);
	if (row)
		key_of(row, best);
	ebb_draft_doubt(d, best);
}

bool ebb_draft_key(struct ebb_draft *d, const char *text, struct ebb_mark mark,
		   const char *const *words, char key[EBB_KEY_MAX], const struct ebb_option **row)
{
	*row = NULL;
	for (int i = 0; words && words[i]; i++)
		if (strcmp(words[i], text) == 0) {
			snprintf(key, EBB_KEY_MAX, "%s", text);
			return true;
		}
	*row = find_any(d->catalog, text);
	if (!*row) {
		unknown_key(d, text, mark, words);
		return false;
	}
	key_of(*row, key);
	return true;
}

/* ---- values ---- */

/* beta has no row of its own, but whatever it stands for is a number. */
static char *beta_text(const char *text)
{
	static const struct ebb_option number = {
		.group = "", .name = "beta", .type = EBB_TYPE_F64, .range = "", .own = true};
	struct ebb_options o;
	struct ebb_buf out = EBB_BUF_INIT;

	memset(&o, 0, sizeof o);
	if (ebb_option_set(&o, &number, text, NULL) < 0)
		return NULL;
	ebb_option_print(&o, &number, &out);
	return ebb_buf_take(&out);
}

static bool unknown_task(struct ebb_draft *d, const char *text, struct ebb_mark mark)
{
	struct ebb_near near;
	char shown[EBB_SHOWN];

	if (ebb_task_rows_find(d->catalog, text))
		return false;
	ebb_near_init(&near, text);
	for (int i = 0; d->catalog && i < d->catalog->n_tasks; i++)
		ebb_near_offer(&near, d->catalog->task[i].name);
	ebb_show(shown, text);
	if (ebb_near_word(&near))
		ebb_draft_error(d, mark, "unknown task '%s': did you mean '%s'?", shown, near.best);
	else
		ebb_draft_error(d, mark, "unknown task '%s': ebb options task lists them", shown);
	return true;
}

char *ebb_draft_value(struct ebb_draft *d, const char *key, const struct ebb_option *row,
		      const char *text, struct ebb_mark mark)
{
	struct ebb_buf out = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	char shown[EBB_SHOWN], *value;
	int rc;

	if (!row) {
		value = strcmp(key, "beta") == 0 ? beta_text(text) : ebb_xstrdup(text);
		if (!value)
			ebb_draft_error(d, mark, "'%s' needs a number, not '%s'", key,
					ebb_show(shown, text));
		return value;
	}
	memset(&o, 0, sizeof o);
	rc = ebb_option_set(&o, row, text, &err);
	for (int i = 0; rc < 0 && row->own && i < d->catalog->n_tasks; i++) {
		const struct ebb_option *other =
			ebb_option_find(d->catalog, d->catalog->task[i].name, key);

		/* tasks may share a key: the arm, which knows its task, will judge the value */
		if (other && other != row)
			return ebb_xstrdup(text);
	}
	if (rc < 0) {
		ebb_draft_error(d, mark, "%s", err.text);
		ebb_draft_doubt(d, key);
		return NULL;
	}
	if (strcmp(key, "task.name") == 0 && unknown_task(d, text, mark)) {
		ebb_draft_doubt(d, key);
		return NULL;
	}
	ebb_option_print(&o, row, &out);
	return ebb_buf_take(&out);
}

/* ---- lists ---- */

struct ebb_given *ebb_givens_find(const struct ebb_givens *list, const char *key)
{
	for (int i = 0; i < list->n; i++)
		if (strcmp(list->given[i].key, key) == 0)
			return &list->given[i];
	return NULL;
}

bool ebb_givens_add(struct ebb_draft *d, struct ebb_givens *list, const char *key, char *value,
		    struct ebb_mark mark, struct ebb_mark at)
{
	struct ebb_given *old = ebb_givens_find(list, key);
	char first[48];

	if (old && old->source == d->source) {
		ebb_draft_error(d, mark, "'%s' is set twice%s", key,
				ebb_draft_first_at(first, old->mark));
		free(value);
		return false;
	}
	if (old) {
		free(old->value);
		*old = (struct ebb_given){old->key, value, mark, at, d->source};
	} else {
		ebb_givens_append(list, key, value, mark, at, d->source);
	}
	return true;
}

void ebb_givens_append(struct ebb_givens *list, const char *key, char *value, struct ebb_mark mark,
		       struct ebb_mark at, int source)
{
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 8;
		list->given =
			ebb_xrealloc(list->given, (size_t)list->capacity, sizeof *list->given);
	}
	list->given[list->n++] = (struct ebb_given){ebb_xstrdup(key), value, mark, at, source};
}

void ebb_givens_release(struct ebb_givens *list)
{
	for (int i = 0; i < list->n; i++) {
		free(list->given[i].key);
		free(list->given[i].value);
	}
	free(list->given);
	memset(list, 0, sizeof *list);
}

static void items_release(struct ebb_item *item, int n)
{
	for (int i = 0; i < n; i++)
		free(item[i].text);
	free(item);
}

void ebb_draft_release(struct ebb_draft *d)
{
	free(d->name);
	free(d->about);
	ebb_givens_release(&d->fixed);
	ebb_givens_release(&d->override);
	for (int i = 0; i < d->n_variants; i++) {
		free(d->variant[i].name);
		free(d->variant[i].from);
		ebb_givens_release(&d->variant[i].settings);
	}
	free(d->variant);
	ebb_axes_release(&d->sweep);
	free(d->zip);
	for (int i = 0; i < d->n_whens; i++)
		ebb_when_release(&d->when[i]);
	free(d->when);
	free(d->seed);
	items_release(d->figure, d->n_figures);
	items_release(d->claim, d->n_claims);
	free(d->alias);
	for (int i = 0; i < d->n_doubtful; i++)
		free(d->doubtful[i]);
	free(d->doubtful);
	memset(d, 0, sizeof *d);
}
