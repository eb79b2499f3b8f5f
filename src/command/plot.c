#include "command/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "figure/figure.h"
#include "record/record.h"

struct request {
	const char *run;
	const char **word; /* figures asked for on the command line */
	int n_words;
	const char **label; /* --arm */
	int n_labels;
	struct ebb_figure_choice choice;
};

static int help(void)
{
	struct ebb_buf b = EBB_BUF_INIT;
	const struct ebb_figure_row *row;
	int i;

	ebb_buf_puts(
		&b,
		"  --x SCALE    draw curves against step, update, rollouts, tokens or seconds\n"
		"  --arm LABEL  draw only this arm, or those a pattern matches ('mine *'); may be "
		"repeated\n"
		"  --out DIR    where the files go (RUN/figures)\n\n"
		"FIGURE is one of these, or the name of any metric (kl_ref, actor/grad_norm):\n");
	for (i = 0; (row = ebb_figure_row(i)) != NULL; i++)
		ebb_buf_printf(&b, "  %-20s %s\n", row->name, row->title);
	ebb_buf_puts(&b, "\nWithout FIGURE: those the definition lists, else all above that have "
			 "data. Each is\n"
			 "written as png, svg, pdf, csv (the plotted points) and gp (a gnuplot "
			 "script that draws\n"
			 "the png by itself); the paths go to stdout. Templates: plots/*.gp, or "
			 "the folder in\n"
			 "EBB_PLOTS.\n\n"
			 "More arms than a figure has room for (30 small frames; 8 in "
			 "reward-vs-entropy, 16 in\n"
			 "entropy-by-position): some are left out, evenly, and the figure says how "
			 "many. Curves of\n"
			 "arms that differ in one number are all drawn, coloured by it.\n");
	ebb_command_help("plot", b.data);
	ebb_buf_release(&b);
	return EBB_EXIT_OK;
}

/* 0 to go on, else an exit status to leave with (help asks for it through *done). */
static int parse(int argc, char **argv, struct request *r, bool *done)
{
	const char *value;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*done = true;
			return help();
		}
		if (strcmp(argv[i], "--x") == 0 || strcmp(argv[i], "--arm") == 0 ||
		    strcmp(argv[i], "--out") == 0) {
			value = i + 1 < argc ? argv[i + 1] : NULL;
			if (value == NULL)
				return ebb_command_usage("plot", "'%s' needs a value", argv[i]);
			if (strcmp(argv[i], "--arm") == 0)
				r->label[r->n_labels++] = value;
			else if (strcmp(argv[i], "--out") == 0)
				r->choice.dir = value;
			else if (!ebb_scale_parse(value, &r->choice.scale))
				return ebb_command_usage(
					"plot",
					"unknown scale '%s'; known: step, update, rollouts, "
					"tokens, seconds",
					value);
			i++;
		} else if (argv[i][0] == '-' && argv[i][1] != '\0') {
			return ebb_command_usage("plot", "unknown option '%s'", argv[i]);
		} else if (r->run == NULL) {
			r->run = argv[i];
		} else {
			r->word[r->n_words++] = argv[i];
		}
	}
	if (r->run == NULL)
		return ebb_command_usage("plot", "name the run directory");
	return 0;
}

/*
 * Choose what to draw, and find every mistake before anything is written. What the user names must
 * have data; of what the definition lists, and of the defaults, the rest is drawn. A listed
 * figure without data is a note, since overrides may have taken it out of this run.
 */
static int choose(const struct ebb_run *run, const struct request *r, const char **word, int *n,
		  struct ebb_err *err)
{
	const struct ebb_figure_row *row;
	bool asked = r->n_words > 0, listed = !asked && run->n_figures > 0, available;
	const char *w;
	int i, rc;

	*n = 0;
	for (i = 0;; i++) {
		if (asked)
			w = i < r->n_words ? r->word[i] : NULL;
		else if (listed)
			w = i < run->n_figures ? run->figure[i] : NULL;
		else
			w = (row = ebb_figure_row(i)) != NULL ? row->name : NULL;
		if (w == NULL)
			break;
		rc = ebb_figure_check(run, w, &r->choice, &available, err);
		/* no axis to change, or a word of an older definition */
		if (!asked && (rc == EBB_EINVAL || (rc == EBB_ENOENT && listed))) {
			fprintf(stderr, "ebb plot: note: %s\n", err->text);
			continue;
		}
		if (rc != 0)
			return rc;
		if (available)
			word[(*n)++] = w;
		else if (asked)
			return ebb_err_set(err, EBB_ENOENT,
					   "no finished trial of '%s' has the data of '%s'",
					   run->name, w);
		else if (listed)
			fprintf(stderr, "ebb plot: note: figure '%s' has no data in this run\n", w);
	}
	if (*n == 0)
		return ebb_err_set(
			err, EBB_ENOENT,
			"'%s' has no finished trial with data for a figure; ebb run continues it",
			run->dir);
	return 0;
}

static int draw(const struct ebb_run *run, const char *word, const struct ebb_figure_choice *choice,
		struct ebb_err *err)
{
	char *path[EBB_N_FILES];
	int f, rc, left_out = ebb_figure_left_out(run, word, choice);

	rc = ebb_figure_draw(run, word, choice, path, err);
	if (rc == 0 && left_out > 0)
		fprintf(stderr,
			"ebb plot: note: figure '%s' has no room for %d of the arms; --arm chooses "
			"others\n",
			word, left_out);
	for (f = 0; f < EBB_N_FILES; f++) {
		if (rc == 0)
			printf("%s\n", path[f]);
		free(path[f]);
	}
	return rc;
}

int ebb_command_plot(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct request r = {0};
	struct ebb_run run = {0};
	const char **word = NULL;
	int *arm = NULL, i, n, rc = 0, status;
	bool done = false;

	r.word = ebb_xcalloc((size_t)argc, sizeof *r.word);
	r.label = ebb_xcalloc((size_t)argc, sizeof *r.label);
	status = parse(argc, argv, &r, &done);
	if (status != 0 || done)
		goto out;
	ebb_record_setup();
	rc = ebb_run_open(&run, r.run, &err);
	arm = ebb_xcalloc((size_t)argc * (size_t)(run.n_arms + 1), sizeof *arm);
	for (i = 0; i < r.n_labels && rc == 0; i++)
		rc = ebb_name_arms(&run, r.label[i], arm, &r.choice.n_arms, &err);
	if (r.n_labels > 0)
		r.choice.arm = arm;
	if (rc == 0) {
		for (n = 0; ebb_figure_row(n) != NULL; n++)
			;
		word = ebb_xcalloc((size_t)(argc + run.n_figures + n), sizeof *word);
		rc = choose(&run, &r, word, &n, &err);
		for (i = 0; i < n && rc == 0; i++)
			rc = draw(&run, word[i], &r.choice, &err);
	}
	if (rc != 0)
		status = ebb_command_fail("plot", &err);
out:
	free(word);
	free(arm);
	ebb_run_release(&run);
	free(r.label);
	free(r.word);
	return status;
}
