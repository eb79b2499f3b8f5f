/* The table of tasks. */
#include <pthread.h>
#include <string.h>
#include "task/task.h"

#define EBB_TASK(name) extern const struct ebb_task ebb_task_##name;
#include "task/tasks.def"
#undef EBB_TASK

static const struct ebb_task *const table[] = {
#define EBB_TASK(name) &ebb_task_##name,
#include "task/tasks.def"
#undef EBB_TASK
};

#define N_TASKS ((int)(sizeof table / sizeof *table))

const struct ebb_task *const *ebb_task_all(int *n)
{
	*n = N_TASKS;
	return table;
}

const struct ebb_task *ebb_task_find(const char *name)
{
	for (int i = 0; i < N_TASKS; i++)
		if (strcmp(table[i]->rows.name, name) == 0)
			return table[i];
	return NULL;
}

/* The catalog wants the rows side by side; C cannot copy them at compile time. */
static struct ebb_task_rows rows[N_TASKS];
static const struct ebb_catalog catalog = {rows, N_TASKS};

static void fill_rows(void)
{
	for (int i = 0; i < N_TASKS; i++)
		rows[i] = table[i]->rows;
}

const struct ebb_catalog *ebb_task_catalog(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fill_rows);
	return &catalog;
}

void ebb_task_lint_facts(void *unused, const struct ebb_options *o, struct ebb_lint_facts *facts)
{
	const struct ebb_task *task = ebb_task_find(o->task.name);

	if (!task)
		EBB_BUG("unknown task '%s' passed validation", o->task.name);
	facts->vocabulary = task->vocabulary;
	facts->response_limit =
		o->sample.max_tokens > 0 ? (int)o->sample.max_tokens : task->limit(o);
}
