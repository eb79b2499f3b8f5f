/* ebb options [PATTERN]: the rows of options.def and of every task. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/near.h"
#include "command/command.h"
#include "command/reference.h"
#include "task/task.h"

static const char help[] =
	"  PATTERN     only rows with these words in key, alias, group or meaning, case aside\n"
	"  --json      {\"options\": [{\"key\", \"type\", \"default\", \"range\", \"choices\", "
	"\"unit\",\n"
	"              \"alias\", \"science\", \"task\", \"help\"}]}\n"
	"  --markdown  the reference page, docs/options.md\n"
	"\n"
	"Columns: key, default, range, unit, alias, meaning. A range's round bracket excludes its\n"
	"end. Rows marked * say where and how a trial runs or what is stored: they are no part of\n"
	"its identity. Where nothing is found the nearest key is named, with exit status 2.\n";

static const char *const type_name[] = {"string", "integer", "number", "boolean", "enumeration"};

static void key_of(const struct ebb_option *row, char key[2 * EBB_STR_MAX])
{
	snprintf(key, 2 * EBB_STR_MAX, "%s.%s", row->group, row->name);
}

static bool matches(const struct ebb_option *row, const char *pattern)
{
	char key[2 * EBB_STR_MAX];
	const char *const text[] = {key, row->alias, row->help, ebb_option_group_about(row->group),
				    NULL};

	key_of(row, key);
	return ebb_matches(pattern, text);
}

/* ---- text ---- */

#define N_COLUMNS 5

/* The cells before the meaning: key, default, range, unit, alias. */
static void cells_of(const struct ebb_option *row, char cell[N_COLUMNS][2 * EBB_STR_MAX])
{
	snprintf(cell[0], sizeof cell[0], "%s.%s%s", row->group, row->name,
		 row->class == EBB_RUN ? "*" : "");
	snprintf(cell[1], sizeof cell[1], "%s", row->default_text[0] ? row->default_text : "\"\"");
	snprintf(cell[2], sizeof cell[2], "%s",
		 row->type == EBB_TYPE_BOOL   ? "true|false"
		 : row->type == EBB_TYPE_STR  ? "text"
		 : row->type == EBB_TYPE_ENUM ? "word"
					      : row->range);
	snprintf(cell[3], sizeof cell[3], "%s", row->unit);
	snprintf(cell[4], sizeof cell[4], "%s", row->alias);
}

static void widen(const struct ebb_option *row, int n, const char *pattern, int width[N_COLUMNS])
{
	for (int i = 0; i < n; i++) {
		char cell[N_COLUMNS][2 * EBB_STR_MAX];

		if (!matches(&row[i], pattern))
			continue;
		cells_of(&row[i], cell);
		for (int c = 0; c < N_COLUMNS; c++)
			if ((int)strlen(cell[c]) > width[c])
				width[c] = (int)strlen(cell[c]);
	}
}

static void print_row(const struct ebb_option *row, const int width[N_COLUMNS])
{
	char cell[N_COLUMNS][2 * EBB_STR_MAX];

	cells_of(row, cell);
	printf(" ");
	for (int c = 0; c < N_COLUMNS; c++)
		printf(" %-*s ", width[c], cell[c]);
	printf(" %s\n", row->help);
	if (row->type != EBB_TYPE_ENUM)
		return;
	printf("  %*s  ", width[0], "");
	for (int i = 0; row->choice[i]; i++)
		printf("%s%s", i ? " | " : "", row->choice[i]);
	printf("\n");
}

static bool preset_matches(const struct ebb_task_preset *p, const char *pattern)
{
	const char *const text[] = {p->name, p->about, NULL};

	return ebb_matches(pattern, text);
}

/* A task's own rows and its presets; returns how many lines were printed. */
static int print_task(const struct ebb_task *t, const char *pattern, const int width[N_COLUMNS])
{
	int shown = 0;
	/* someone who asks for tasks wants to see them whole */
	bool whole = ebb_matches(pattern, (const char *const[]){"task.name", t->rows.name, NULL});

	for (int i = 0; i < t->rows.n_options; i++)
		shown += whole || matches(&t->rows.option[i], pattern);
	for (int i = 0; i < t->rows.n_presets; i++)
		shown += whole || preset_matches(&t->rows.preset[i], pattern);
	if (shown == 0)
		return 0;
	printf("\ntask.name=%s: %s\n", t->rows.name, t->about);
	for (int i = 0; i < t->rows.n_options; i++)
		if (whole || matches(&t->rows.option[i], pattern))
			print_row(&t->rows.option[i], width);
	for (int i = 0; i < t->rows.n_presets; i++) {
		const struct ebb_task_preset *p = &t->rows.preset[i];

		if (!whole && !preset_matches(p, pattern))
			continue;
		printf("  task.preset=%s: %s\n      %s\n", p->name, p->about, p->settings);
	}
	return shown;
}

static int print_tasks(const char *pattern, const int width[N_COLUMNS])
{
	const struct ebb_task *const *task;
	int n, shown = 0;

	task = ebb_task_all(&n);
	for (int i = 0; i < n; i++)
		shown += print_task(task[i], pattern, width);
	return shown;
}

static int print_text(const char *pattern)
{
	int width[N_COLUMNS] = {0}, n, n_tasks, shown = 0;
	const struct ebb_option *row = ebb_option_rows(&n);
	const struct ebb_task *const *task = ebb_task_all(&n_tasks);
	const char *group = "";

	widen(row, n, pattern, width);
	for (int i = 0; i < n_tasks; i++)
		widen(task[i]->rows.option, task[i]->rows.n_options, NULL, width);
	for (int i = 0; i < n; i++) {
		/* the tasks' own rows follow those that all tasks have */
		if (i > 0 && strcmp(row[i - 1].group, "task") == 0 &&
		    strcmp(row[i].group, "task") != 0)
			shown += print_tasks(pattern, width);
		if (!matches(&row[i], pattern))
			continue;
		if (strcmp(group, row[i].group) != 0)
			printf("%s%s: %s\n", shown ? "\n" : "", row[i].group,
			       ebb_option_group_about(row[i].group));
		print_row(&row[i], width);
		shown++;
		group = row[i].group;
	}
	return shown;
}

/* ---- JSON ---- */

static void add_json(struct ebb_buf *b, const struct ebb_option *row, const char *task)
{
	char key[2 * EBB_STR_MAX];

	key_of(row, key);
	ebb_buf_puts(b, b->len ? ",\n  {\"key\": " : "  {\"key\": ");
	ebb_buf_json(b, key);
	ebb_json_field(b, "type", type_name[row->type]);
	ebb_json_field(b, "default", row->default_text);
	ebb_json_field(b, "range", row->range);
	ebb_buf_puts(b, ", \"choices\": [");
	for (int i = 0; row->choice && row->choice[i]; i++) {
		ebb_buf_puts(b, i ? ", " : "");
		ebb_buf_json(b, row->choice[i]);
	}
	ebb_buf_puts(b, "]");
	ebb_json_field(b, "unit", row->unit);
	ebb_json_field(b, "alias", row->alias);
	ebb_buf_printf(b, ", \"science\": %s", row->class == EBB_SCIENCE ? "true" : "false");
	ebb_json_field(b, "task", task);
	ebb_json_field(b, "help", row->help);
	ebb_buf_puts(b, "}");
}

static int print_json(const char *pattern)
{
	const struct ebb_task *const *task;
	const struct ebb_option *row;
	struct ebb_buf b = EBB_BUF_INIT;
	int n, n_tasks, shown = 0;

	row = ebb_option_rows(&n);
	task = ebb_task_all(&n_tasks);
	for (int i = 0; i < n; i++)
		if (matches(&row[i], pattern)) {
			add_json(&b, &row[i], "");
			shown++;
		}
	for (int t = 0; t < n_tasks; t++)
		for (int i = 0; i < task[t]->rows.n_options; i++)
			if (matches(&task[t]->rows.option[i], pattern)) {
				add_json(&b, &task[t]->rows.option[i], task[t]->rows.name);
				shown++;
			}
	if (shown > 0)
		printf("{\"options\": [\n%s\n]}\n", b.data);
	ebb_buf_release(&b);
	return shown;
}

/* ---- Markdown ---- */

static void add_markdown(struct ebb_buf *b, const struct ebb_option *row)
{
	char key[2 * EBB_STR_MAX];

	key_of(row, key);
	ebb_buf_puts(b, "| ");
	ebb_markdown_code(b, key);
	ebb_buf_puts(b, " | ");
	ebb_markdown_code(b, row->default_text[0] ? row->default_text : "\"\"");
	ebb_buf_puts(b, " | ");
	if (row->type == EBB_TYPE_ENUM)
		for (int i = 0; row->choice[i]; i++) {
			ebb_buf_puts(b, i ? " " : "");
			ebb_markdown_code(b, row->choice[i]);
		}
	else if (row->type == EBB_TYPE_BOOL)
		ebb_buf_puts(b, "`true` `false`");
	else if (row->type == EBB_TYPE_STR)
		ebb_buf_puts(b, "text");
	else
		ebb_buf_printf(b, "%s%s", row->range, row->type == EBB_TYPE_INT ? ", whole" : "");
	ebb_buf_puts(b, " | ");
	ebb_markdown_cell(b, row->unit);
	ebb_buf_puts(b, " | ");
	ebb_markdown_code(b, row->alias);
	ebb_buf_printf(b, " | %s | ", row->class == EBB_SCIENCE ? "science" : "run");
	ebb_markdown_cell(b, row->help);
	ebb_buf_puts(b, " |\n");
}

#define MARKDOWN_HEAD                                                                              \
	"\n| key | default | range | unit | alias | class | meaning "                              \
	"|\n|---|---|---|---|---|---|---|\n"

static int add_markdown_task(struct ebb_buf *b, const struct ebb_task *t, const char *pattern)
{
	int shown = 0, presets = 0;

	for (int i = 0; i < t->rows.n_options; i++) {
		if (!matches(&t->rows.option[i], pattern))
			continue;
		if (shown++ == 0)
			ebb_buf_printf(b, "\n### task.name = %s: %s\n" MARKDOWN_HEAD, t->rows.name,
				       t->about);
		add_markdown(b, &t->rows.option[i]);
	}
	for (int i = 0; i < t->rows.n_presets; i++) {
		const struct ebb_task_preset *p = &t->rows.preset[i];

		if (pattern && !preset_matches(p, pattern))
			continue;
		if (presets++ == 0)
			ebb_buf_printf(
				b,
				"\nPresets of task %s:\n\n| task.preset | meaning | settings "
				"|\n|---|---|---|\n",
				t->rows.name);
		ebb_buf_puts(b, "| ");
		ebb_markdown_code(b, p->name);
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, p->about);
		ebb_buf_puts(b, " | ");
		ebb_markdown_code(b, p->settings);
		ebb_buf_puts(b, " |\n");
	}
	return shown + presets;
}

static int print_markdown(const char *pattern)
{
	const struct ebb_task *const *task;
	const struct ebb_option *row;
	struct ebb_buf b = EBB_BUF_INIT;
	int n, n_tasks, shown = 0;
	const char *group = "";

	row = ebb_option_rows(&n);
	task = ebb_task_all(&n_tasks);
	ebb_buf_puts(
		&b,
		"<!-- Made from src/options/options.def and the tasks' tables by\n"
		"     ebb options --markdown > docs/options.md -->\n"
		"# Options\n\n"
		"A key is `group.name`; in a definition a group may be a mapping, `clip: {high: "
		"0.28}`. A round\nbracket of a range excludes its end. Options of class "
		"*science* make a trial what it is: they enter\nits identity. Those of class "
		"*run* say where and how it runs or what is stored. `ebb options PATTERN`\n"
		"searches this list.\n");
	for (int i = 0; i < n; i++) {
		/* the tasks' own rows follow those that all tasks have */
		if (i > 0 && strcmp(row[i - 1].group, "task") == 0 &&
		    strcmp(row[i].group, "task") != 0)
			for (int t = 0; t < n_tasks; t++)
				shown += add_markdown_task(&b, task[t], pattern);
		if (!matches(&row[i], pattern))
			continue;
		if (strcmp(group, row[i].group) != 0)
			ebb_buf_printf(&b, "\n## %s: %s\n" MARKDOWN_HEAD, row[i].group,
				       ebb_option_group_about(row[i].group));
		add_markdown(&b, &row[i]);
		shown++;
		group = row[i].group;
	}
	if (shown > 0)
		fputs(b.data, stdout);
	ebb_buf_release(&b);
	return shown;
}

/* ---- the command ---- */

static void offer(struct ebb_near *near, const struct ebb_option *row, int n, char **key)
{
	for (int i = 0; i < n; i++) {
		key[i] = ebb_xprintf("%s.%s", row[i].group, row[i].name);
		ebb_near_offer(near, key[i]);
		ebb_near_offer(near, row[i].name);
		ebb_near_offer(near, row[i].group);
		if (row[i].alias[0])
			ebb_near_offer(near, row[i].alias);
	}
}

static int fail(const char *pattern)
{
	struct ebb_err err = EBB_ERR_INIT;
	const struct ebb_task *const *task;
	const struct ebb_option *row;
	struct ebb_near near;
	int n, n_tasks, n_keys;
	char **key;

	row = ebb_option_rows(&n);
	task = ebb_task_all(&n_tasks);
	n_keys = n;
	for (int t = 0; t < n_tasks; t++)
		n_keys += task[t]->rows.n_options;
	key = ebb_xcalloc((size_t)n_keys, sizeof *key);
	ebb_near_init(&near, pattern);
	offer(&near, row, n, key);
	for (int t = 0; t < n_tasks; t++) {
		offer(&near, task[t]->rows.option, task[t]->rows.n_options, key + n);
		n += task[t]->rows.n_options;
	}
	if (near.best)
		ebb_err_set(&err, EBB_ENOENT, "no option holds '%s': did you mean '%s'?", pattern,
			    near.best);
	else
		ebb_err_set(&err, EBB_ENOENT,
			    "no option's key, alias, group or meaning holds '%s': ebb options "
			    "lists them all",
			    pattern);
	for (int i = 0; i < n_keys; i++)
		free(key[i]);
	free(key);
	return ebb_command_fail("options", &err);
}

int ebb_command_options(int argc, char **argv)
{
	struct ebb_listing l;
	int status = ebb_listing_parse(&l, argc, argv, help), shown;

	if (status)
		return status - 1;
	shown = l.form == EBB_LISTING_JSON       ? print_json(l.pattern)
		: l.form == EBB_LISTING_MARKDOWN ? print_markdown(l.pattern)
						 : print_text(l.pattern);
	return shown > 0 ? EBB_EXIT_OK : fail(l.pattern);
}
