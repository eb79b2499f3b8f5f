/*
 * Curves in a terminal: one for each arm, the mean over its trials, drawn with braille dots (eight
 * to a character) or, without UTF-8, with the arm's letter. Every curve ends in its letter, so that
 * the legend can be read without colours.
 */
#ifndef EBB_COMMAND_CURVE_H
#define EBB_COMMAND_CURVE_H

#include <stdint.h>
#include "command/canvas.h"

#define EBB_LETTERS_MAX 52 /* a to z, A to Z */

/* One trial's rows; missing values are NaN. */
struct ebb_trace {
	const double *x, *y; /* (n), x ascending */
	int64_t n;
	int arm; /* which curve it belongs to */
};

struct ebb_chart {
	const char *title, *unit; /* of y */
	const char *x_word;       /* "step" */
	const struct ebb_trace *trace;
	int n_traces, n_arms; /* arms beyond EBB_LETTERS_MAX are not drawn */
};

/* 'a' for arm 0 and so on. */
char ebb_curve_letter(int arm);

/* Draw into the box of rows x columns whose upper left corner is (row, column): title, axes with
 * numbers, curves. A box too small for a picture (8 rows, 30 columns) stays empty. Returns whether
 * there was anything to draw. */
bool ebb_curve_draw(struct ebb_canvas *c, int row, int column, int rows, int columns,
		    const struct ebb_chart *chart);

#endif
