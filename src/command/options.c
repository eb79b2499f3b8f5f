/* ebb options [PATTERN]: the rows of options.def and of every task. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "command/command.h"
#include "task/task.h"

static const char help[] =
	"  PATTERN  only rows whose key, alias or meaning holds this text, case aside\n"
	"  --json   {\"options\": [{\"key\", \"type\", \"default\", \"range\", \"choices\", "
	"\"unit\",\n"
	"           \"alias\", \"science\", \"task\", \"help\"}]}\n"
	"\n"
	"A range's round bracket excludes its end. Rows marked * say where and how a trial runs "
	"or\n"
	"what is stored: they are no part of its identity.\n";

static void key_of(const struct ebb_option *row, char key[2 * EBB_STR_MAX])
{
	snprintf(key, 2 * EBB_STR_MAX, "%s.%s", row->group, row->name);
}

static bool matches(const struct ebb_option *row, const char *pattern)
{
	char key[2 * EBB_STR_MAX];

	key_of(row, key);
	return !pattern || strcasestr(key, pattern) || strcasestr(row->alias, pattern) ||
	       strcasestr(row->help, pattern);
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
	return strcasestr(p->name, pattern) || strcasestr(p->about, pattern);
}

/* A task's own rows and its presets; returns how many lines were printed. */
static int print_task(const struct ebb_task *t, const char *pattern, const int width[N_COLUMNS])
{
	int shown = 0;
	/* someone who asks for tasks wants to see them whole */
	bool whole =
		!pattern || strcasestr("task.name", pattern) || strcasestr(t->rows.name, pattern);

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

static void add_string(struct ebb_buf *b, const char *key, const char *text)
{
	ebb_buf_printf(b, ", \"%s\": ", key);
	ebb_buf_json(b, text);
}

static void add_json(struct ebb_buf *b, const struct ebb_option *row, const char *task)
{
	static const char *const type[] = {"string", "integer", "number", "boolean", "enumeration"};
	char key[2 * EBB_STR_MAX];

	key_of(row, key);
	ebb_buf_puts(b, b->len ? ",\n  {\"key\": " : "  {\"key\": ");
	ebb_buf_json(b, key);
	add_string(b, "type", type[row->type]);
	add_string(b, "default", row->default_text);
	add_string(b, "range", row->range);
	ebb_buf_puts(b, ", \"choices\": [");
	for (int i = 0; row->choice && row->choice[i]; i++) {
		ebb_buf_puts(b, i ? ", " : "");
		ebb_buf_json(b, row->choice[i]);
	}
	ebb_buf_puts(b, "]");
	add_string(b, "unit", row->unit);
	add_string(b, "alias", row->alias);
	ebb_buf_printf(b, ", \"science\": %s", row->class == EBB_SCIENCE ? "true" : "false");
	add_string(b, "task", task);
	add_string(b, "help", row->help);
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
	printf("{\"options\": [\n%s%s]}\n", b.len ? b.data : "", b.len ? "\n" : "");
	ebb_buf_release(&b);
	return shown;
}

/* ---- the command ---- */

int ebb_command_options(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	const char *pattern = NULL;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return ebb_command_help(argv[0], help);
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (argv[i][0] == '-')
			return ebb_command_usage(argv[0], "unknown option '%s'", argv[i]);
		else if (pattern)
			return ebb_command_usage(argv[0], "one PATTERN at most, not also '%s'",
						 argv[i]);
		else
			pattern = argv[i];
	}
	if (json) {
		print_json(pattern);
		return EBB_EXIT_OK; /* an empty list is an answer */
	}
	if (print_text(pattern) == 0) {
		ebb_err_set(&err, EBB_ENOENT, "no option's key, alias or meaning holds '%s'",
			    pattern);
		return ebb_command_fail(argv[0], &err);
	}
	return EBB_EXIT_OK;
}
