/* ebb reproduce: an experiment from nothing to its figures and verdicts. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "command/command.h"
#include "command/run.h"
#include "record/record.h"
#include "train/lab.h"

static const char help[] =
	"  NAME           one of ebb's own experiments, or a definition's path\n"
	"  key=value      override an option, as in ebb run\n"
	"  --out DIR      the run directory; default data/runs/NAME\n"
	"  --jobs N       trials side by side\n\n"
	"Does what ebb run, plot, claims and report do, one after the other, with what is "
	"missing:\n"
	"an interrupted reproduction is continued by the same line. Figures are drawn and claims\n"
	"judged also where some trials failed. At the end it says where everything lies.\n\n"
	"exit status: the worst of theirs; 0: all done (what a claim comes to is a result),\n"
	"1 some trial failed or the run was interrupted, 2 usage, bad input or no gnuplot\n";

struct request {
	char **word; /* of ebb run: its own name first (n) */
	int n;
	const char *name;
	bool done;
};

static int parse(int argc, char **argv, struct request *q)
{
	q->word[q->n++] = (char *)"run";
	for (int i = 1; i < argc; i++) {
		char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
			q->done = true;
			return ebb_command_help("reproduce", help);
		}
		if (strcmp(s, "--out") == 0 || strcmp(s, "--jobs") == 0) {
			if (i + 1 == argc || !argv[i + 1][0])
				return ebb_command_usage("reproduce", "%s needs a value", s);
			q->word[q->n++] = s;
			q->word[q->n++] = argv[++i];
			continue;
		}
		if (s[0] == '-' && strncmp(s, "--out=", 6) != 0 && strncmp(s, "--jobs=", 7) != 0)
			return ebb_command_usage("reproduce", "unknown option '%s'", s);
		if (s[0] != '-' && !strchr(s, '=')) {
			if (q->name)
				return ebb_command_usage(
					"reproduce", "one experiment at a time; '%s' is too much",
					s);
			q->name = s;
		}
		q->word[q->n++] = s;
	}
	if (!q->name)
		return ebb_command_usage("reproduce", "which experiment?");
	return 0;
}

/* ---- the stages after the run ---- */

struct stage {
	const char *name;
	int (*run)(int argc, char **argv);
	int status;
};

/* Say what begins as the line that would do it by hand. */
static void announce(int n, char **word)
{
	fflush(stdout);
	fprintf(stderr, "\nebb reproduce: ebb");
	for (int i = 0; i < n; i++)
		fprintf(stderr, " %s", word[i]);
	fprintf(stderr, "\n");
}

static int worst(int a, int b)
{
	return a > b ? a : b;
}

static int count_files(const char *dir, const char *suffix)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name), tail = strlen(suffix);

		n += len > tail && strcmp(e->d_name + len - tail, suffix) == 0;
	}
	if (d)
		closedir(d);
	return n;
}

/* Where everything lies. */
static void conclude(const char *dir, const struct stage *stage, int n)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *figures = ebb_path_join(dir, "figures"), *report = ebb_path_join(dir, "report.html");
	struct ebb_run run = {0};
	int finished = 0;

	if (ebb_run_open(&run, dir, &err) == 0) {
		for (int i = 0; i < run.n_arms * run.n_seeds; i++)
			finished += run.finished[i];
		printf("\nrun      %s (%d of %d trials finished)\n", dir, finished,
		       run.n_arms * run.n_seeds);
		if (count_files(figures, ".csv") > 0)
			printf("figures  %s (%d)\n", figures, count_files(figures, ".csv"));
		if (run.n_claims > 0)
			printf("claims   ebb claims %s judges all %d again\n", dir, run.n_claims);
		if (ebb_file_exists(report))
			printf("report   %s\n", report);
	}
	for (int i = 0; i < n; i++)
		if (stage[i].status != EBB_EXIT_OK)
			printf("%s ended with exit status %d\n", stage[i].name, stage[i].status);
	ebb_run_release(&run);
	free(figures);
	free(report);
}

static int count_claims(const char *dir)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_run run = {0};
	int n = 0;

	if (ebb_run_open(&run, dir, &ignored) == 0)
		n = run.n_claims;
	ebb_run_release(&run);
	return n;
}

int ebb_command_reproduce(int argc, char **argv)
{
	struct stage stage[] = {
		{"run", NULL, EBB_EXIT_OK}, /* done first: it tells the folder */
		{"plot", ebb_command_plot, EBB_EXIT_OK},
		{"claims", ebb_command_claims, EBB_EXIT_OK},
		{"report", ebb_command_report, EBB_EXIT_OK},
	};
	const int n = sizeof stage / sizeof *stage;
	struct request q = {.word = ebb_xcalloc((size_t)argc + 1, sizeof *q.word)};
	int status = parse(argc, argv, &q);
	char *dir = NULL;

	if (status != 0 || q.done)
		goto out;
	announce(q.n, q.word);
	status = stage[0].status = ebb_run_experiment(q.n, q.word, &dir);
	/* bad input: nothing was run; interrupted: the user wants to leave */
	if (status == EBB_EXIT_USAGE || ebb_stop_requested || !dir)
		goto out;
	for (int i = 1; i < n; i++) {
		char *word[] = {(char *)stage[i].name, dir, NULL};

		if (stage[i].run == ebb_command_claims && count_claims(dir) == 0) {
			fprintf(stderr, "\nebb reproduce: the definition lists no claims\n");
			continue;
		}
		announce(2, word);
		stage[i].status = stage[i].run(2, word);
		status = worst(status, stage[i].status);
	}
	conclude(dir, stage, n);
out:
	free(dir);
	free(q.word);
	return status;
}
