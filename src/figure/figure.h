/*
 * The figures of a run by name: seven of our own and one for every recorded metric. Each is written
 * as png, svg, pdf, csv and gp (figure/drawing.h) and can be redrawn from the result files alone.
 */
#ifndef EBB_FIGURE_FIGURE_H
#define EBB_FIGURE_FIGURE_H

#include "analysis/series.h"
#include "figure/drawing.h"
#include "record/record.h"

struct ebb_figure_choice {
	enum ebb_scale scale; /* what curves are drawn against; NATIVE: their own axis   */
	const int *arm;       /* arms to draw, null: all                        (n_arms) */
	int n_arms;
	const char *dir; /* where the files go; null: RUN/figures                  */
};

/* The built-in figures in order: null past the last. */
struct ebb_figure_row {
	const char *name, *title;
};
const struct ebb_figure_row *ebb_figure_row(int i);

/*
 * Can this word be drawn: a figure's name, or a metric's (analysis/names.h)? EBB_ENOENT: the word
 * is unknown, with the nearest known; EBB_EINVAL: it is known but cannot be drawn as chosen.
 * *available: some finished trial has its data.
 */
int ebb_figure_check(const struct ebb_run *run, const char *word,
		     const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err);

/* How many arms with something finished Draw leaves out because the figure has no room for them. */
int ebb_figure_left_out(const struct ebb_run *run, const char *word,
			const struct ebb_figure_choice *choice);

/* Draw it; with more arms than there is room for, that many of them, evenly over their order. Curves
 * of arms that one number tells apart have room for all (figure/bands.h). path receives the five names, which the caller frees. */
int ebb_figure_draw(const struct ebb_run *run, const char *word,
		    const struct ebb_figure_choice *choice, char *path[EBB_N_FILES],
		    struct ebb_err *err);

#endif
