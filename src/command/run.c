/* ebb run: train what a definition asks for and is not there yet. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/near.h"
#include "command/command.h"
#include "figure/figure.h"
#include "sweep/sweep.h"
#include "train/lab.h"

#define BASE_DIR "data/base"

static const char options_help[] =
	"  EXPERIMENT.yaml   the definition; a bare name is looked up in ebb's own experiments/\n"
	"  key=value         override an option; commas sweep it: algorithm=A,B alpha=0,0.001\n"
	"                    (ebb options lists the keys)\n"
	"  --out DIR         the run directory; default data/runs/NAME\n"
	"  --jobs N          trials side by side; default processors / run.threads\n"
	"  --dry-run         list trials, rough time and disk; nothing runs\n\n"
	"Run it again to continue: finished trials are kept, missing ones run, an interrupted one "
	"from\n"
	"its start. Ctrl-C ends each trial after the step in flight; a second Ctrl-C leaves at "
	"once.\n\n"
	"exit status: 0 done (a diverged trial is a result), 1 some trial failed or the run was\n"
	"interrupted, 2 usage or bad input\n";

struct arguments {
	const char *path, *out;
	const char **override;
	int n_overrides, jobs;
	int dry;
};

/* An experiment by path, or by the name of one of ebb's own. Caller frees. */
static char *find_experiment(const char *name)
{
	char *own;

	if (ebb_file_exists(name) || strchr(name, '/'))
		return ebb_xstrdup(name);
	own = ebb_xprintf("%s/%s%s", EBB_EXPERIMENTS_SOURCE, name,
			  strstr(name, ".yaml") ? "" : ".yaml");
	if (ebb_file_exists(own))
		return own;
	free(own);
	own = ebb_xprintf("%s/%s%s", EBB_EXPERIMENTS_INSTALLED, name,
			  strstr(name, ".yaml") ? "" : ".yaml");
	if (ebb_file_exists(own))
		return own;
	free(own);
	return ebb_xstrdup(name);
}

/* 0, or an exit status + 1 to leave with. */
static int parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i], *value = NULL;

		if (strncmp(s, "--out=", 6) == 0 || strncmp(s, "--jobs=", 7) == 0)
			value = strchr(s, '=') + 1;

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help("run", options_help) + 1;
		if (strcmp(s, "--dry-run") == 0) {
			a->dry = 1;
		} else if (value || strcmp(s, "--out") == 0 || strcmp(s, "--jobs") == 0) {
			if (!value)
				value = i + 1 < argc ? argv[++i] : "";
			if (!value[0] || strncmp(value, "--", 2) == 0)
				return ebb_command_usage("run", "%s needs a value", s) + 1;
			if (s[2] == 'o') {
				a->out = value;
			} else {
				char *end;
				long n = strtol(value, &end, 10);

				if (*end || n < 1 || n > 4096)
					return ebb_command_usage(
						       "run",
						       "--jobs '%s': want a number from 1 to 4096",
						       value) +
					       1;
				a->jobs = (int)n;
			}
		} else if (s[0] == '-') {
			return ebb_command_usage("run", "unknown option '%s'", s) + 1;
		} else if (strchr(s, '=')) {
			a->override[a->n_overrides++] = s;
		} else if (a->path) {
			return ebb_command_usage("run",
						 "two experiments, '%s' and '%s'; an override "
						 "is written key=value",
						 a->path, s) +
			       1;
		} else {
			a->path = s;
		}
	}
	return 0;
}

static bool task_curve(const struct ebb_definition *def, const char *word)
{
	for (int i = 0; i < def->n_arms; i++) {
		const struct ebb_task *task = ebb_task_find(def->arm[i].options.task.name);

		for (int c = 0; c < task->n_curves; c++)
			if (strcmp(task->curve[c].name, word) == 0 ||
			    strcmp(task->curve[c].brief, word) == 0)
				return true;
	}
	return false;
}

/* A figure that nobody can draw is an error before the run, not after it. */
static void check_figures(const struct ebb_definition *def, struct ebb_diag *diag)
{
	for (int i = 0; i < def->n_figures; i++) {
		const char *word = def->figure[i].text;
		const struct ebb_metric *metric;
		struct ebb_near near;
		bool known = ebb_metric_find(word) || task_curve(def, word);
		int n;

		ebb_near_init(&near, word);
		for (int k = 0; ebb_figure_row(k); k++) {
			known = known || strcmp(ebb_figure_row(k)->name, word) == 0;
			ebb_near_offer(&near, ebb_figure_row(k)->name);
		}
		metric = ebb_metric_rows(&n);
		for (int k = 0; k < n; k++)
			ebb_near_offer(&near, metric[k].brief);
		if (!known)
			ebb_diag_add(
				diag, EBB_ERROR, def->figure[i].mark,
				"unknown figure '%s'%s%s%s; a figure is a metric (ebb metrics) "
				"or one of those that ebb plot --help lists",
				word, near.best ? ": did you mean '" : "",
				near.best ? near.best : "", near.best ? "'?" : "");
	}
}

static int report(const struct ebb_sweep_result *r, const char *dir)
{
	fprintf(stderr, "%d trials: %d were finished, %d done now", r->planned, r->already,
		r->done);
	if (r->diverged)
		fprintf(stderr, ", %d diverged", r->diverged);
	if (r->failed)
		fprintf(stderr, ", %d failed", r->failed);
	if (r->interrupted)
		fprintf(stderr, "; interrupted, the same command continues");
	fprintf(stderr, "\n");
	printf("%s\n", dir);
	return r->failed || r->interrupted ? EBB_EXIT_FAILED : EBB_EXIT_OK;
}

int ebb_command_run(int argc, char **argv)
{
	struct arguments a = {.override = ebb_xcalloc((size_t)argc, sizeof *a.override)};
	struct ebb_definition def = {0};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char *path = NULL, *dir = NULL;
	int status = parse(argc, argv, &a) - 1, rc;

	if (status >= 0)
		goto out;
	if (!a.path && a.n_overrides == 0) {
		status = ebb_command_usage("run", "which experiment?");
		goto out;
	}
	path = a.path ? find_experiment(a.path) : NULL;
	rc = ebb_definition_read(&def, ebb_task_catalog(), path, a.override, a.n_overrides, &diag,
				 &err);
	if (rc == 0)
		check_figures(&def, &diag);
	ebb_diag_render(&diag, stderr);
	if (rc < 0 || diag.n_errors > 0) {
		if (diag.n_errors > 0)
			fprintf(stderr, "ebb run: %d error%s; nothing was run\n", diag.n_errors,
				diag.n_errors == 1 ? "" : "s");
		else
			ebb_command_fail("run", &err);
		status = EBB_EXIT_USAGE;
		goto out;
	}
	for (int i = 0; i < def.n_arms; i++) {
		if (ebb_lab_check(&def.arm[i].options, &err) < 0) {
			ebb_err_wrap(&err, "arm '%s'", def.arm[i].label);
			status = ebb_command_fail("run", &err);
			goto out;
		}
	}
	dir = a.out ? ebb_xstrdup(a.out) : ebb_path_join("data/runs", def.name);
	{
		struct ebb_sweep sweep = {
			.def = &def, .run_dir = dir, .base_dir = BASE_DIR, .jobs = a.jobs};
		struct ebb_sweep_result result;

		if (a.dry) {
			rc = ebb_sweep_check(&sweep, &err);
			if (rc == 0)
				rc = ebb_sweep_plan_print(&sweep, stdout, &err);
			status = rc < 0 ? ebb_command_fail("run", &err) : EBB_EXIT_OK;
			goto out;
		}
		rc = ebb_sweep_run(&sweep, &result, &err);
		status = rc < 0 ? ebb_command_fail("run", &err) : report(&result, dir);
	}
out:
	ebb_diag_release(&diag);
	ebb_definition_release(&def);
	free(dir);
	free(path);
	free(a.override);
	return status;
}
