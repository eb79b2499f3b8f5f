/* A grid of characters on which a screenful is composed before it is shown: nothing flickers, and
 * whatever does not fit is cut. */
#ifndef EBB_COMMAND_CANVAS_H
#define EBB_COMMAND_CANVAS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

/* 0 the terminal's own colour, 1 dim, 2 bold, from EBB_INK on the colours of curves. */
#define EBB_PLAIN  0
#define EBB_DIM    1
#define EBB_BOLD   2
#define EBB_INK    3
#define EBB_N_INKS 8 /* told apart with every kind of colour vision, see canvas.c */

struct ebb_cell {
	uint32_t glyph; /* code point; 0: nothing here */
	uint8_t style;
};

struct ebb_canvas {
	int columns, rows;
	bool utf8, colour;     /* what the output can show */
	struct ebb_cell *cell; /* (rows, columns) */
};

void ebb_canvas_init(struct ebb_canvas *c, int columns, int rows, bool utf8, bool colour);
void ebb_canvas_release(struct ebb_canvas *c);

/* The cell; null outside. */
struct ebb_cell *ebb_canvas_at(struct ebb_canvas *c, int row, int column);
/* Text from a cell to the right; returns the column after it. Without UTF-8 what is not ASCII
 * becomes '?'. */
int ebb_canvas_text(struct ebb_canvas *c, int row, int column, int style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The first n rows, without blanks at the ends; `end` closes every line. */
void ebb_canvas_print(const struct ebb_canvas *c, int n, const char *end, struct ebb_buf *out);

#endif
