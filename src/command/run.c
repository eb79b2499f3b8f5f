/* ebb run: train what a definition asks for and is not there yet. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "command/command.h"
#include "command/experiment.h"
#include "command/run.h"
#include "sweep/sweep.h"

#define BASE_DIR "data/base"

static const char options_help[] =
	"  EXPERIMENT.yaml   the definition; a bare name is looked up in ebb's own experiments/;\n"
	"                    of several files, a later one changes what an earlier one says\n"
	"  key=value         override an option; commas and ranges sweep it: algorithm=A,B mu=1..4\n"
	"                    alpha=0,log:1e-4..1e-1:4 (ebb options lists the keys)\n"
	"  --out DIR         the run directory; default data/runs/NAME\n"
	"  --fresh DIR       the same, but DIR must be new or empty: for a changed experiment\n"
	"  --jobs N          trials side by side; default processors / run.threads\n"
	"  --dry-run         list trials, rough time and disk; nothing runs\n\n"
	"Run it again to continue: finished trials are kept, missing and failed ones run, a killed or\n"
	"interrupted one from its last checkpoint (run.checkpoint_s), to the same bytes. More seeds,\n"
	"more values and more train.steps extend a run. Ctrl-C ends each trial after the step in\n"
	"flight and saves it; a second Ctrl-C leaves at once.\n\n"
	"exit status: 0 done (a diverged trial is a result), 1 some trial failed or the run was\n"
	"interrupted, 2 usage or bad input\n";

struct arguments {
	const char *out, *fresh;
	const char **name, **override; /* experiments from left to right               */
	int n_names, n_overrides, jobs;
	int dry;
};

/* 0, or an exit status + 1 to leave with. */
static int parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i], *value = NULL;

		if (strncmp(s, "--out=", 6) == 0 || strncmp(s, "--jobs=", 7) == 0 ||
		    strncmp(s, "--fresh=", 8) == 0)
			value = strchr(s, '=') + 1;

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help("run", options_help) + 1;
		if (strcmp(s, "--dry-run") == 0) {
			a->dry = 1;
		} else if (value || strcmp(s, "--out") == 0 || strcmp(s, "--jobs") == 0 ||
			   strcmp(s, "--fresh") == 0) {
			if (!value)
				value = i + 1 < argc ? argv[++i] : "";
			if (!value[0] || strncmp(value, "--", 2) == 0)
				return ebb_command_usage("run", "%s needs a value", s) + 1;
			if (s[2] == 'o') {
				a->out = value;
			} else if (s[2] == 'f') {
				a->fresh = value;
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
		} else {
			a->name[a->n_names++] = s;
		}
	}
	return 0;
}

/* A folder for a changed experiment: nothing of another one may be in it. */
static int check_fresh(const char *path, struct ebb_err *err)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int rc = 0;

	while (dir && rc == 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = ebb_err_set(err, EBB_EINVAL,
					 "--fresh '%s': the folder holds '%s'; name one that is "
					 "new or empty, or continue a run with --out",
					 path, e->d_name);
	if (dir)
		closedir(dir);
	else if (errno != ENOENT)
		rc = ebb_err_set(err, EBB_EIO, "--fresh '%s': %s", path, strerror(errno));
	return rc;
}

static bool is_begun(const struct ebb_sweep_result *r)
{
	return r->done + r->diverged + r->failed > 0 || r->interrupted;
}

static int report(const struct ebb_sweep_result *r, const char *dir)
{
	fprintf(stderr, "%d trial%s: %d %s finished, %d done now", r->planned,
		r->planned == 1 ? "" : "s", r->already, r->already == 1 ? "was" : "were", r->done);
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

int ebb_run_experiment(int argc, char **argv, char **run_dir)
{
	struct arguments a = {.name = ebb_xcalloc((size_t)argc, sizeof *a.name),
			      .override = ebb_xcalloc((size_t)argc, sizeof *a.override)};
	struct ebb_definition def = {0};
	struct ebb_err err = EBB_ERR_INIT;
	char *dir = NULL;
	int status = parse(argc, argv, &a) - 1, rc;

	if (status >= 0)
		goto out;
	if (a.n_names + a.n_overrides == 0) {
		status = ebb_command_usage("run", "which experiment?");
		goto out;
	}
	status = ebb_experiment_read("run", a.name, a.n_names, a.override, a.n_overrides, &def);
	if (status != EBB_EXIT_OK)
		goto out;
	if (a.fresh && (a.out || check_fresh(a.fresh, &err) < 0)) {
		status = a.out ? ebb_command_usage("run", "--fresh and --out name one folder: give "
							  "one of them")
			       : ebb_command_fail("run", &err);
		goto out;
	}
	if (a.fresh)
		a.out = a.fresh;
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
		status = rc < 0 ? ebb_command_fail("run", &err) : EBB_EXIT_OK;
		if (rc == 0 || is_begun(&result)) {
			int told = report(&result, dir);

			status = rc < 0 ? EBB_EXIT_FAILED : told;
		}
	}
out:
	ebb_definition_release(&def);
	*run_dir = dir;
	free(a.name);
	free(a.override);
	return status;
}

int ebb_command_run(int argc, char **argv)
{
	char *dir;
	int status = ebb_run_experiment(argc, argv, &dir);

	free(dir);
	return status;
}
