/* ebb metrics [PATTERN]: the words that compare, plot and claims know: metrics.def and the tasks'
 * curves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/near.h"
#include "command/command.h"
#include "command/reference.h"
#include "options/metrics.h"
#include "task/task.h"

static const char help[] =
	"  PATTERN     only those with these words in name, short name, unit, axis or meaning,\n"
	"              case aside\n"
	"  --json      {\"metrics\": [{\"name\", \"short\", \"unit\", \"axis\", \"deterministic\", "
	"\"task\",\n"
	"              \"about\", \"source\"}]}\n"
	"  --markdown  the reference page, docs/metrics.md\n\n"
	"Columns: full name, short name (either works), unit, axis, meaning. The axis says what a\n"
	"row stands for: a rollout batch (step), an optimizer update, an evaluation. Metrics that\n"
	"are not deterministic are wall times. Where nothing is found the nearest name is given, "
	"with\n"
	"exit status 2.\n";

static const char *const axis_name[EBB_N_AXES] = {"step", "update", "eval", "snapshot"};

/* ---- the rows that match ---- */

struct row {
	const struct ebb_metric *m;
	const char *task; /* empty: every task has it */
};

static bool matches(const struct ebb_metric *m, const char *task, const char *pattern)
{
	const char *const text[] = {m->name,  m->brief, m->unit, axis_name[m->axis],
				    m->about, task,     NULL};

	return ebb_matches(pattern, text);
}

/* How many there are; fills out where it is not null. */
static int collect(const char *pattern, struct row *out)
{
	const struct ebb_task *const *task;
	const struct ebb_metric *m;
	int n, n_tasks, k = 0;

	m = ebb_metric_rows(&n);
	for (int i = 0; i < n; i++)
		if (matches(&m[i], "", pattern)) {
			if (out)
				out[k] = (struct row){&m[i], ""};
			k++;
		}
	task = ebb_task_all(&n_tasks);
	for (int t = 0; t < n_tasks; t++)
		for (int i = 0; i < task[t]->n_curves; i++)
			if (matches(&task[t]->curve[i], task[t]->rows.name, pattern)) {
				if (out)
					out[k] = (struct row){&task[t]->curve[i],
							      task[t]->rows.name};
				k++;
			}
	return k;
}

static int fail(const char *pattern)
{
	const int n = collect(NULL, NULL);
	struct row *row = ebb_xcalloc((size_t)n, sizeof *row);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_near near;

	collect(NULL, row);
	ebb_near_init(&near, pattern);
	for (int i = 0; i < n; i++) {
		ebb_near_offer(&near, row[i].m->brief);
		ebb_near_offer(&near, row[i].m->name);
	}
	if (near.best)
		ebb_err_set(&err, EBB_ENOENT, "no metric holds '%s': did you mean '%s'?", pattern,
			    near.best);
	else
		ebb_err_set(&err, EBB_ENOENT, "no metric holds '%s': ebb metrics lists them all",
			    pattern);
	free(row);
	return ebb_command_fail("metrics", &err);
}

/* ---- three forms ---- */

static void print_text(const struct row *row, int n)
{
	int name = 0, brief = 0, unit = 0;

	for (int i = 0; i < n; i++) {
		int k = (int)strlen(row[i].m->name);

		name = k > name ? k : name;
		k = (int)strlen(row[i].m->brief);
		brief = k > brief ? k : brief;
		k = (int)strlen(row[i].m->unit);
		unit = k > unit ? k : unit;
	}
	for (int i = 0; i < n; i++) {
		const struct ebb_metric *m = row[i].m;

		printf("%-*s  %-*s  %-*s  %-8s  %s%s%s%s\n", name, m->name, brief, m->brief,
		       unit > 0 ? unit : 1, m->unit[0] ? m->unit : "-", axis_name[m->axis],
		       m->about, row[i].task[0] ? " (task " : "", row[i].task,
		       row[i].task[0] ? ")" : "");
	}
}

static void print_json(const struct row *row, int n)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "{\"metrics\": [\n");
	for (int i = 0; i < n; i++) {
		const struct ebb_metric *m = row[i].m;

		ebb_buf_puts(&b, "  {\"name\": ");
		ebb_buf_json(&b, m->name);
		ebb_json_field(&b, "short", m->brief);
		ebb_json_field(&b, "unit", m->unit);
		ebb_json_field(&b, "axis", axis_name[m->axis]);
		ebb_buf_printf(&b, ", \"deterministic\": %s", m->deterministic ? "true" : "false");
		ebb_json_field(&b, "task", row[i].task);
		ebb_json_field(&b, "about", m->about);
		ebb_json_field(&b, "source", m->source ? m->source : "");
		ebb_buf_puts(&b, i + 1 < n ? "},\n" : "}\n");
	}
	ebb_buf_puts(&b, "]}\n");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

static void add_table(struct ebb_buf *b, const struct row *row, int n, enum ebb_axis axis,
		      const char *task, const char *heading)
{
	int shown = 0;

	for (int i = 0; i < n; i++) {
		const struct ebb_metric *m = row[i].m;

		if (strcmp(row[i].task, task) != 0 || (task[0] == 0 && m->axis != axis))
			continue;
		if (shown++ == 0)
			ebb_buf_printf(b,
				       "\n## %s\n\n| name | short | unit | meaning | definition "
				       "|\n|---|---|---|---|---|\n",
				       heading);
		ebb_buf_puts(b, "| ");
		ebb_markdown_code(b, m->name);
		ebb_buf_puts(b, " | ");
		ebb_markdown_code(b, m->brief);
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, m->unit);
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, m->about);
		ebb_buf_puts(b, m->deterministic ? "" : "; not deterministic");
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, m->source ? m->source : "");
		ebb_buf_puts(b, " |\n");
	}
}

static void print_markdown(const struct row *row, int n)
{
	static const struct {
		enum ebb_axis axis;
		const char *heading;
	} part[] = {{EBB_AXIS_STEP, "A row a step (rollout batch)"},
		    {EBB_AXIS_UPDATE, "A row an optimizer update"},
		    {EBB_AXIS_EVAL, "A row an evaluation"}};
	const struct ebb_task *const *task;
	struct ebb_buf b = EBB_BUF_INIT;
	int n_tasks;

	ebb_buf_puts(&b,
		     "<!-- Made from src/options/metrics.def and the tasks' tables by\n"
		     "     ebb metrics --markdown > docs/metrics.md -->\n"
		     "# Metrics\n\n"
		     "Every curve a trial records. Figures, claims, `ebb compare` and `ebb plot` "
		     "take the name or the\nshort name; `ebb metrics PATTERN` searches this list. "
		     "In the last column PG is\n[policy-gradient.md](policy-gradient.md), EI is\n"
		     "[entropy-and-information.md](entropy-and-information.md): section and the "
		     "name used there.\n");
	for (size_t i = 0; i < sizeof part / sizeof *part; i++)
		add_table(&b, row, n, part[i].axis, "", part[i].heading);
	task = ebb_task_all(&n_tasks);
	for (int t = 0; t < n_tasks; t++) {
		char *heading = ebb_xprintf("Of task %s alone (a row a step)", task[t]->rows.name);

		add_table(&b, row, n, EBB_AXIS_STEP, task[t]->rows.name, heading);
		free(heading);
	}
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}

int ebb_command_metrics(int argc, char **argv)
{
	struct ebb_listing l;
	struct row *row;
	int n, status = ebb_listing_parse(&l, argc, argv, help);

	if (status)
		return status - 1;
	n = collect(l.pattern, NULL);
	if (n == 0)
		return fail(l.pattern);
	row = ebb_xcalloc((size_t)n, sizeof *row);
	collect(l.pattern, row);
	if (l.form == EBB_LISTING_JSON)
		print_json(row, n);
	else if (l.form == EBB_LISTING_MARKDOWN)
		print_markdown(row, n);
	else
		print_text(row, n);
	free(row);
	return EBB_EXIT_OK;
}
