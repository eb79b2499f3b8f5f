#include "command/experiment.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/near.h"
#include "command/checks.h"
#include "command/command.h"
#include "options/lint.h"
#include "train/lab.h"

/* Where ebb's own experiments lie: beside the sources it was built from, or installed. */
static const char *const own[] = {EBB_EXPERIMENTS_SOURCE, EBB_EXPERIMENTS_INSTALLED};
#define N_OWN ((int)(sizeof own / sizeof *own))

static bool is_folder(const char *path)
{
	struct stat s;

	return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* Bytes of a name before ".yaml" or ".yml". */
static size_t stem_length(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0) ? (size_t)(dot - name)
									      : strlen(name);
}

/* ---- the names of a folder ---- */

struct names {
	char **name; /* without ".yaml", in order of the alphabet, each once */
	int n, capacity;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_add_folder(struct names *list, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		const size_t n = stem_length(e->d_name);

		if (e->d_name[0] == '.' || e->d_name[n] == 0)
			continue;
		if (list->n == list->capacity) {
			list->capacity = list->capacity ? 2 * list->capacity : 16;
			list->name = ebb_xrealloc(list->name, (size_t)list->capacity,
						  sizeof *list->name);
		}
		list->name[list->n++] = ebb_xprintf("%.*s", (int)n, e->d_name);
	}
	if (dir)
		closedir(dir);
}

static void names_sort(struct names *list)
{
	int n = 0;

	if (list->n > 0)
		qsort(list->name, (size_t)list->n, sizeof *list->name, by_name);
	for (int i = 0; i < list->n; i++) {
		if (n > 0 && strcmp(list->name[i], list->name[n - 1]) == 0)
			free(list->name[i]);
		else
			list->name[n++] = list->name[i];
	}
	list->n = n;
}

static void names_release(struct names *list)
{
	for (int i = 0; i < list->n; i++)
		free(list->name[i]);
	free(list->name);
}

/* ---- nothing of that name ---- */

/* A path that leads nowhere: its neighbours may be meant. */
static void fail_path(const char *path, struct ebb_err *err)
{
	const char *slash = strrchr(path, '/'), *file = slash + 1;
	char *folder = ebb_xprintf("%.*s", (int)(slash - path) + 1, path);
	char *stem = ebb_xprintf("%.*s", (int)stem_length(file), file);
	struct names list = {0};
	struct ebb_near near;

	names_add_folder(&list, folder);
	names_sort(&list);
	ebb_near_init(&near, stem);
	for (int i = 0; i < list.n; i++)
		ebb_near_offer(&near, list.name[i]);
	if (near.best)
		ebb_err_set(err, EBB_ENOENT, "no experiment '%s': did you mean '%s%s.yaml'?", path,
			    folder, near.best);
	else
		ebb_err_set(err, EBB_ENOENT, "no experiment '%s': there is no such file", path);
	names_release(&list);
	free(stem);
	free(folder);
}

static void fail_name(const char *name, struct ebb_err *err)
{
	char *stem = ebb_xprintf("%.*s", (int)stem_length(name), name);
	struct ebb_buf known = EBB_BUF_INIT;
	struct names here = {0}, list = {0};
	struct ebb_near near, near_file;

	names_add_folder(&here, ".");
	names_sort(&here);
	ebb_near_init(&near_file, stem);
	for (int i = 0; i < here.n; i++)
		ebb_near_offer(&near_file, here.name[i]);
	for (int i = 0; i < N_OWN; i++)
		names_add_folder(&list, own[i]);
	names_sort(&list);
	ebb_near_init(&near, stem);
	for (int i = 0; i < list.n; i++) {
		ebb_near_offer(&near, list.name[i]);
		ebb_buf_printf(&known, "%s%s", i ? ", " : "", list.name[i]);
	}
	ebb_buf_puts(&known, list.n ? "" : "none that was found");
	if (near_file.best && (!near.best || near_file.distance < near.distance))
		ebb_err_set(err, EBB_ENOENT,
			    "no experiment '%s': did you mean '%s.yaml'? ebb's own are %s", name,
			    near_file.best, known.data);
	else if (near.best)
		ebb_err_set(err, EBB_ENOENT,
			    "no experiment '%s': did you mean '%s'? ebb's own are %s", name,
			    near.best, known.data);
	else
		ebb_err_set(err, EBB_ENOENT,
			    "no experiment '%s': there is no such file, and ebb's own are %s", name,
			    known.data);
	names_release(&list);
	names_release(&here);
	ebb_buf_release(&known);
	free(stem);
}

static char *find(const char *name, struct ebb_err *err)
{
	const bool bare = strchr(name, '/') == NULL;

	/* a folder of a bare name (data, out, ...) does not hide the experiment */
	if (ebb_file_exists(name) && !(bare && is_folder(name)))
		return ebb_xstrdup(name);
	for (int i = 0; bare && i < N_OWN; i++) {
		char *path = ebb_xprintf("%s/%s%s", own[i], name,
					 name[stem_length(name)] ? "" : ".yaml");

		if (ebb_file_exists(path))
			return path;
		free(path);
	}
	if (bare)
		fail_name(name, err);
	else
		fail_path(name, err);
	return NULL;
}

/* ---- reading ---- */

/* What only the tasks and other runs can tell, arm by arm. */
static int check_arms(struct ebb_definition *def, struct ebb_err *err)
{
	int rc = ebb_branch_plan(def, err);

	for (int i = 0; i < def->n_arms && rc == 0; i++) {
		rc = ebb_lab_check(&def->plan[def->plan_of[i * def->n_seeds]].options, err);
		if (rc < 0)
			ebb_err_wrap(err, "arm '%s'", def->arm[i].label);
	}
	return rc;
}

int ebb_experiment_read(const char *command, const char *const *name, int n_names,
			const char *const *override, int n_overrides, struct ebb_definition *def)
{
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char **path = ebb_xcalloc((size_t)n_names + 1, sizeof *path);
	int status = EBB_EXIT_OK, rc = 0;

	memset(def, 0, sizeof *def);
	for (int i = 0; i < n_names && rc == 0; i++) {
		path[i] = find(name[i], &err);
		rc = path[i] ? 0 : err.code;
	}
	if (rc == 0)
		rc = ebb_definition_read(def, ebb_task_catalog(), (const char *const *)path,
					 n_names, override, n_overrides, &diag, &err);
	if (rc == 0) {
		ebb_check_definition(def, &diag);
		ebb_definition_lint(def, ebb_task_lint_facts, NULL, &diag);
	}
	if (rc == 0 && diag.n_errors == 0)
		rc = check_arms(def, &err);
	ebb_diag_render(&diag, stderr);
	if (diag.n_errors > 0) {
		fprintf(stderr, "ebb %s: %d error%s; nothing was %s\n", command, diag.n_errors,
			diag.n_errors == 1 ? "" : "s", strcmp(command, "run") ? "done" : "run");
		status = EBB_EXIT_USAGE;
	} else if (rc < 0) {
		status = ebb_command_fail(command, &err);
	}
	if (status != EBB_EXIT_OK)
		ebb_definition_release(def);
	for (int i = 0; i < n_names; i++)
		free(path[i]);
	free(path);
	ebb_diag_release(&diag);
	return status;
}
