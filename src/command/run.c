/* ebb run: train what a definition asks for and is not there yet. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "command/command.h"
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
	"Run it again to continue: finished trials are kept, only missing ones run. Ctrl-C finishes the\n"
	"steps in flight; a second Ctrl-C leaves at once.\n\n"
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
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help("run", options_help) + 1;
		if (strcmp(s, "--dry-run") == 0) {
			a->dry = 1;
		} else if (strcmp(s, "--out") == 0 || strcmp(s, "--jobs") == 0) {
			if (i + 1 == argc)
				return ebb_command_usage("run", "%s needs a value", s) + 1;
			i++;
			if (s[2] == 'o') {
				a->out = argv[i];
			} else {
				char *end;
				long n = strtol(argv[i], &end, 10);

				if (*end || end == argv[i] || n < 1 || n > 4096)
					return ebb_command_usage("run",
								 "--jobs '%s': want a number from 1 to 4096",
								 argv[i]) + 1;
				a->jobs = (int)n;
			}
		} else if (s[0] == '-') {
			return ebb_command_usage("run", "unknown option '%s'", s) + 1;
		} else if (strchr(s, '=')) {
			a->override[a->n_overrides++] = s;
		} else if (a->path) {
			return ebb_command_usage("run", "two experiments, '%s' and '%s'; an override "
							"is written key=value", a->path, s) + 1;
		} else {
			a->path = s;
		}
	}
	return 0;
}

static int report(const struct ebb_sweep_result *r, const char *dir)
{
	fprintf(stderr, "%d trials: %d were finished, %d done now", r->planned, r->already, r->done);
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
	ebb_diag_render(&diag, stderr);
	if (rc < 0) {
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
		struct ebb_sweep sweep = {.def = &def, .run_dir = dir, .base_dir = BASE_DIR,
					  .jobs = a.jobs};
		struct ebb_sweep_result result;

		if (a.dry) {
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
