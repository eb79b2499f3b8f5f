/*
 * The figures of a run by name: those of our own table and, for every recorded metric, the views
 * METRIC (its curves), METRIC:difference, METRIC:final, METRIC:response. Each is written as png,
 * svg, pdf, csv and gp (figure/drawing.h) and can be redrawn from the result files alone. How a
 * figure is read and drawn is the business of its kind (figure/kind.h).
 */
#ifndef EBB_FIGURE_FIGURE_H
#define EBB_FIGURE_FIGURE_H

#include "analysis/series.h"
#include "figure/drawing.h"
#include "record/record.h"

struct ebb_judgements; /* analysis/verdict.h */

struct ebb_figure_choice {
	enum ebb_scale scale; /* what curves are drawn against; NATIVE: their own axis         */
	const int *arm;       /* arms to draw, null: all                              (n_arms) */
	int n_arms;
	const char *baseline; /* label of the arm that differences are to; null: the first     */
	const char *dir;      /* where the files go; null: RUN/figures                         */
	const struct ebb_judgements *verdicts; /* for the captions; null: none                 */
	bool latex;                            /* write .tex and the pdf it includes, too      */
};

/* The built-in figures in order: null past the last. */
struct ebb_figure_row {
	const char *name, *title;
};
const struct ebb_figure_row *ebb_figure_row(int i);

/* The words that may follow a metric and a colon, in order: null past the last. */
struct ebb_figure_view {
	const char *name, *about;
	const char *title; /* goes behind what the metric is called; null: nothing */
};
const struct ebb_figure_view *ebb_figure_view(int i);

/* The bytes of a word that name a metric: those before ":VIEW" where a view of that name is there,
 * else all. */
size_t ebb_figure_metric_part(const char *word);

/*
 * Can this word be drawn: a figure's name, or a metric's (analysis/names.h)? EBB_ENOENT: the word
 * is unknown, with the nearest known; EBB_EINVAL: it is known but cannot be drawn as chosen, or of
 * these arms. *available: some finished trial has its data.
 */
int ebb_figure_check(const struct ebb_run *run, const char *word,
		     const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err);

/* How many arms with something finished Draw leaves out because the figure has no room for them. */
int ebb_figure_left_out(const struct ebb_run *run, const char *word,
			const struct ebb_figure_choice *choice);

/* The claims it is evidence for, the most telling first: how many of choice->verdicts, and their
 * indices, which the caller frees. 0 also for a word that is no figure. */
int ebb_figure_evidence(const struct ebb_run *run, const char *word,
			const struct ebb_figure_choice *choice, int **claim);

/* Draw it; with more arms than there is room for, that many of them, evenly over their order. Curves
 * of arms that one number tells apart have room for all (figure/bands.h). path receives the names,
 * which the caller frees; those of files not asked for are null. */
int ebb_figure_draw(const struct ebb_run *run, const char *word,
		    const struct ebb_figure_choice *choice, char *path[EBB_N_FILES],
		    struct ebb_err *err);

#endif
