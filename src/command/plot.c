#include "command/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "base/file.h"
#include "command/lineup.h"
#include "command/words.h"
#include "figure/figure.h"
#include "record/join.h"

struct request {
	const char **run;
	int n_runs;
	const char **word; /* figures asked for on the command line */
	int n_words;
	const char **label; /* --arm */
	int n_labels;
	struct ebb_figure_choice choice;
};

static int help(void)
{
	struct ebb_buf b = EBB_BUF_INIT;
	const struct ebb_figure_view *view;
	const struct ebb_figure_row *row;
	int i;

	ebb_buf_puts(
		&b,
		"  --x SCALE         draw curves against step, update, rollouts, tokens or "
		"seconds\n"
		"  --arm LABEL       draw only this arm, or those a pattern matches ('mine *'); "
		"may "
		"be repeated\n"
		"  --baseline LABEL  the arm that differences are to (the first one drawn)\n"
		"  --latex           write NAME.tex and NAME-tex.pdf, too: \\input{NAME.tex} in a "
		"LaTeX\n"
		"                    document with graphicx and color, the text in its fonts\n"
		"  --out DIR         where the files go (RUN/figures; of several runs "
		"RUN/figures/RUN+RUN)\n\n"
		"Several runs are drawn as one; what differs between them goes to stderr. Arms "
		"that "
		"are the\n"
		"same in label, options and build are one arm with the seeds of all; other arms of "
		"equal label\n"
		"are called RUN: LABEL. A word that is a folder with a run.h5 is a run.\n\n"
		"FIGURE is one of these:\n");
	for (i = 0; (row = ebb_figure_row(i)) != NULL; i++)
		ebb_buf_printf(&b, "  %-20s %s\n", row->name, row->title);
	ebb_buf_puts(&b,
		     "or the name of a metric (ebb metrics; kl_ref, actor/grad_norm), or a view "
		     "of one:\n");
	for (i = 0; (view = ebb_figure_view(i)) != NULL; i++)
		ebb_buf_printf(&b, "  METRIC:%-13s %s\n", view->name, view->about);
	ebb_buf_puts(
		&b,
		"\nWithout FIGURE: those the definition lists, else all above that have data. Each "
		"is\n"
		"written as png, svg, pdf, csv (the plotted points) and gp (a gnuplot script that "
		"draws\n"
		"the png by itself); the paths go to stdout. Templates: plots/*.gp, or the folder "
		"in\n"
		"EBB_PLOTS. Below each figure stand N, what its bands are, and the verdicts of the "
		"run's\n"
		"claims that it is evidence for (ebb claims); of several runs none.\n\n"
		"More arms than a figure has room for: some are left out, evenly, and the figure "
		"says\n"
		"how many. Curves of arms that differ in one number are all drawn, coloured by "
		"it.\n");
	ebb_command_help("plot", b.data);
	ebb_buf_release(&b);
	return EBB_EXIT_OK;
}

/* Where the value of an option goes that is kept as it is given; null: another option. */
static const char **place_of(struct request *r, const char *option)
{
	if (strcmp(option, "--arm") == 0)
		return &r->label[r->n_labels++];
	if (strcmp(option, "--out") == 0)
		return &r->choice.dir;
	if (strcmp(option, "--baseline") == 0)
		return &r->choice.baseline;
	return NULL;
}

/* A folder with a run's index, or the index itself: what else is named is a figure. */
static bool is_run(const char *word)
{
	const char *slash = strrchr(word, '/');
	char *index = ebb_path_join(word, "run.h5");
	bool yes = ebb_file_exists(index) ||
		   (strcmp(slash ? slash + 1 : word, "run.h5") == 0 && ebb_file_exists(word));

	free(index);
	return yes;
}

/* Figures of several runs are none of the first run's own: FIRST/figures/TAG+TAG. */
static char *joined_dir(const struct ebb_run *run)
{
	struct ebb_buf b = EBB_BUF_INIT;
	size_t start;

	ebb_buf_printf(&b, "%s/figures/", run->dir);
	start = b.len;
	for (int i = 0; i < run->n_sources; i++)
		ebb_buf_printf(&b, "%s%s", i > 0 ? "+" : "", run->source[i].tag);
	for (char *c = b.data + start; *c != '\0'; c++)
		*c = *c == '/' ? '-' : *c;
	return ebb_buf_take(&b);
}

/* 0 to go on, else an exit status to leave with (help asks for it through *done). */
static int parse(int argc, char **argv, struct request *r, bool *done)
{
	const char *value, **place;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*done = true;
			return help();
		}
		if (strcmp(argv[i], "--latex") == 0) {
			r->choice.latex = true;
		} else if (argv[i][0] == '-' && argv[i][1] != '\0') {
			place = place_of(r, argv[i]);
			if (place == NULL && strcmp(argv[i], "--x") != 0)
				return ebb_command_usage("plot", "unknown option '%s'", argv[i]);
			value = i + 1 < argc ? argv[i + 1] : NULL;
			if (value == NULL)
				return ebb_command_usage("plot", "'%s' needs a value", argv[i]);
			if (place != NULL)
				*place = value;
			else if (!ebb_scale_parse(value, &r->choice.scale))
				return ebb_command_usage(
					"plot",
					"unknown scale '%s'; known: step, update, rollouts, "
					"tokens, seconds",
					value);
			i++;
		} else if (r->n_runs == 0 || is_run(argv[i])) {
			r->run[r->n_runs++] = argv[i];
		} else {
			r->word[r->n_words++] = argv[i];
		}
	}
	if (r->n_runs == 0)
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
		/* no axis to change, other arms, or a word of an older definition; that a default is
		 * not for these arms is no news */
		if (!asked && (rc == EBB_EINVAL || (rc == EBB_ENOENT && listed))) {
			if (listed || r->choice.scale != EBB_SCALE_NATIVE)
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
		if (rc == 0 && path[f] != NULL)
			printf("%s\n", path[f]);
		free(path[f]);
	}
	return rc;
}

/* The verdicts for the captions. Claims that cannot be judged, those of an older program or of a task
 * that it alone knows, do not keep a figure from being drawn. */
static void judge(const struct ebb_run *run, struct ebb_judgements *verdicts)
{
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;

	if (run->n_claims > 0 &&
	    (ebb_words_judge(verdicts, run, NULL, 0, &diag, &err) < 0 || diag.n_errors > 0)) {
		fprintf(stderr,
			"ebb plot: note: captions are without verdicts: %s; ebb claims %s tells "
			"more\n",
			diag.n_errors > 0 ? "a claim of this run is none today" : err.text,
			run->dir);
		ebb_judgements_release(verdicts);
	}
	ebb_diag_release(&diag);
}

int ebb_command_plot(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct request r = {0};
	struct ebb_run run = {0};
	struct ebb_lineup lineup = {0};
	struct ebb_judgements verdicts = {0};
	const char **word = NULL;
	char *joined = NULL;
	int *arm = NULL, i, n, rc = 0, status;
	bool done = false;

	r.run = ebb_xcalloc((size_t)argc, sizeof *r.run);
	r.word = ebb_xcalloc((size_t)argc, sizeof *r.word);
	r.label = ebb_xcalloc((size_t)argc, sizeof *r.label);
	status = parse(argc, argv, &r, &done);
	if (status != 0 || done)
		goto out;
	ebb_record_setup();
	rc = ebb_run_join(&run, r.run, r.n_runs, &err);
	if (rc == 0)
		rc = ebb_lineup_make(&lineup, &run, &err);
	if (rc == 0)
		ebb_lineup_print(&lineup, stderr, false);
	if (rc == 0 && run.n_sources > 0 && r.choice.dir == NULL)
		r.choice.dir = joined = joined_dir(&run);
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
		if (rc == 0)
			judge(&run, &verdicts);
		r.choice.verdicts = &verdicts;
		for (i = 0; i < n && rc == 0; i++)
			rc = draw(&run, word[i], &r.choice, &err);
	}
	if (rc != 0)
		status = ebb_command_fail("plot", &err);
out:
	free(word);
	free(arm);
	ebb_judgements_release(&verdicts);
	ebb_lineup_release(&lineup);
	ebb_run_release(&run);
	free(joined);
	free(r.label);
	free(r.word);
	free(r.run);
	return status;
}
