/*
 * Definition files: any bytes give arms and trials that hold together, or findings with a place. A
 * line "#file" begins the next file of those read together.
 */
#include <string.h>
#include "fuzz.h"
#include "options/definition.h"
#include "options/text.h"
#include "task/task.h"

#define LOOKED_AT 4 /* arms and trials looked at closely: a sweep may have thousands */

/* Every value reads back from its own text. */
static void check_rows(const struct ebb_options *o, const struct ebb_option *row, int n)
{
	struct ebb_buf text = EBB_BUF_INIT, again = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options copy = *o;

	for (int i = 0; i < n; i++) {
		ebb_buf_reset(&text);
		ebb_buf_reset(&again);
		ebb_buf_puts(&text, "");
		ebb_option_print(o, &row[i], &text);
		FUZZ_HOLDS(ebb_option_set(&copy, &row[i], text.data, &err) == 0, "%s.%s=%s: %s",
			   row[i].group, row[i].name, text.data, err.text);
		ebb_buf_puts(&again, "");
		ebb_option_print(&copy, &row[i], &again);
		FUZZ_HOLDS(strcmp(text.data, again.data) == 0, "%s.%s: '%s' became '%s'",
			   row[i].group, row[i].name, text.data, again.data);
	}
	ebb_buf_release(&text);
	ebb_buf_release(&again);
}

static void no_problem(void *ctx, const char *text)
{
	FUZZ_HOLDS(false, "an arm was accepted although: %s", text);
}

static void check_options(const struct ebb_options *o)
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	const struct ebb_option *row;
	int n;

	row = ebb_option_rows(&n);
	check_rows(o, row, n);
	for (int t = 0; t < catalog->n_tasks; t++)
		if (strcmp(catalog->task[t].name, o->task.name) == 0)
			check_rows(o, catalog->task[t].option, catalog->task[t].n_options);
	ebb_options_check(o, no_problem, NULL);
}

static void check_definition(const struct ebb_definition *def)
{
	struct ebb_buf text = EBB_BUF_INIT;
	char id[EBB_ID_MAX];

	FUZZ_HOLDS(def->name && def->name[0] && ebb_text_is_plain(def->name), "no name");
	FUZZ_HOLDS(def->n_arms > 0 && def->n_seeds > 0 && def->n_plans > 0, "%d arms, %d seeds",
		   def->n_arms, def->n_seeds);
	for (int i = 0; i < def->n_arms * def->n_seeds; i++)
		FUZZ_HOLDS(def->plan_of[i] >= 0 && def->plan_of[i] < def->n_plans, "%d of %d",
			   def->plan_of[i], def->n_plans);
	for (int a = 0; a < def->n_arms && a < LOOKED_AT; a++) {
		FUZZ_HOLDS(ebb_text_is_plain(def->arm[a].label), "label '%s'", def->arm[a].label);
		check_options(&def->arm[a].options);
	}
	for (int i = 0; i < def->n_plans && i < LOOKED_AT; i++) {
		ebb_options_id(&def->plan[i].options, ebb_task_catalog(), id);
		FUZZ_HOLDS(strcmp(id, def->plan[i].id) == 0, "%s is %s", def->plan[i].id, id);
	}
	ebb_definition_print(def, ebb_task_catalog(), &text);
	FUZZ_HOLDS(text.len > 0, "prints nothing");
	ebb_buf_release(&text);
}

/* Cut the bytes into files; how many. */
static int cut(const uint8_t *data, size_t size, const char *path[FUZZ_FILES_MAX])
{
	static const char line[] = "\n#file\n";
	const size_t skip = sizeof line - 1;
	int n = 0;

	while (n < FUZZ_FILES_MAX) {
		const uint8_t *end = n + 1 < FUZZ_FILES_MAX ? memmem(data, size, line, skip) : NULL;
		size_t part = end ? (size_t)(end - data) + 1 : size;

		path[n] = fuzz_file(n, data, part);
		n++;
		if (!end)
			break;
		data += part - 1 + skip;
		size -= part - 1 + skip;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path[FUZZ_FILES_MAX];
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int n = cut(data, size, path);
	int rc = ebb_definition_read(&def, ebb_task_catalog(), path, n, NULL, 0, &diag, &err);

	fuzz_check_err(rc, &err);
	FUZZ_HOLDS(rc == 0 ? diag.n_errors == 0 : diag.n_errors > 0, "%d, %d errors", rc,
		   diag.n_errors);
	if (rc == 0)
		check_definition(&def);
	fuzz_check_findings(&diag, data, size);
	fuzz_accepted = rc == 0;
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
	return 0;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_definition",
	.text = true,
	.max_bytes = 1 << 14,
	.words = fuzz_words_of_options,
};
