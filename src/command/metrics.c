/* ebb metrics: the words that compare, plot and claims know. */
#include <stdio.h>
#include <string.h>
#include "command/command.h"
#include "options/metrics.h"
#include "task/task.h"

static const char *const axis_name[EBB_N_AXES] = {"step", "update", "eval", "snapshot"};

static int print_row(const struct ebb_metric *m, const char *pattern)
{
	if (pattern && !strstr(m->name, pattern) && !strstr(m->brief, pattern) &&
	    !strstr(m->about, pattern))
		return 0;
	printf("%-28s %-18s %-12s %-7s %s\n", m->name, m->brief, m->unit[0] ? m->unit : "-",
	       axis_name[m->axis], m->about);
	return 1;
}

int ebb_command_metrics(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : NULL;
	const struct ebb_task *const *task;
	const struct ebb_metric *row;
	int n, n_tasks, shown = 0;

	if (pattern && (strcmp(pattern, "--help") == 0 || strcmp(pattern, "-h") == 0))
		return ebb_command_help(
			"metrics", "  PATTERN   only those whose name or meaning contains it\n\n"
				   "Columns: full name, short name (either works), unit, axis, "
				   "meaning.\n");
	if (argc > 2 || (pattern && pattern[0] == '-'))
		return ebb_command_usage("metrics", "want at most one pattern");
	row = ebb_metric_rows(&n);
	for (int i = 0; i < n; i++)
		shown += print_row(&row[i], pattern);
	task = ebb_task_all(&n_tasks);
	for (int t = 0; t < n_tasks; t++)
		for (int i = 0; i < task[t]->n_curves; i++)
			shown += print_row(&task[t]->curve[i], pattern);
	if (!shown)
		return ebb_command_usage("metrics", "no metric contains '%s'", pattern);
	return EBB_EXIT_OK;
}
