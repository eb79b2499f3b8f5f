/*
 * A drawing on its way to paper: what the program knows (data blocks and variables, as gnuplot
 * text), the name of the template in plots/ that knows how to draw it, and the plotted points as
 * CSV. Writing renders png, svg and pdf and leaves a .gp beside them that holds data, style and
 * template and draws the same png by itself.
 */
#ifndef EBB_FIGURE_DRAWING_H
#define EBB_FIGURE_DRAWING_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

/* The last two only where LaTeX is asked for: NAME.tex, and the pdf it includes. */
enum { EBB_PNG, EBB_SVG, EBB_PDF, EBB_GP, EBB_CSV, EBB_TEX, EBB_TEX_PDF, EBB_N_FILES };

/* Bands begin at three seeds: the interval of two has a t quantile of 12.7 and only fills a frame. */
#define EBB_BAND_SEEDS 3

/* Marks before the verdicts of a caption: told apart by shape as well as by colour. */
enum ebb_mark_shape {
	EBB_MARK_NONE,
	EBB_MARK_HOLDS,   /* what was claimed was shown */
	EBB_MARK_AGAINST, /* the opposite was shown     */
	EBB_MARK_NOTHING, /* nothing of that size       */
	EBB_MARK_OPEN     /* undecided                  */
};

/* What every figure has, whatever it shows. */
struct ebb_sheet {
	const char *name; /* stem of the files                           */
	const char *title;
	const char *run; /* whose figure this is, for the caption       */
	const char *dir; /* where the files go                          */
	int left_out;    /* arms for which there was no room            */
	bool latex;
	struct ebb_sheet_verdict {
		char *line;
		enum ebb_mark_shape mark;
	} * verdict; /* below the caption                  (n_verdicts) */
	int n_verdicts;
};

struct ebb_drawing {
	const struct ebb_sheet *sheet; /* borrowed until the drawing is written           */
	char *template;                /* stem of the file in plots/                      */
	int width, height;             /* of the png, pixels; may change until it is written */
	struct ebb_buf data;           /* data blocks and variables                       */
	struct ebb_buf tex;            /* the variables with text again, as LaTeX         */
	struct ebb_buf csv;
};

/* csv_head: its first line, without the end. The sheet's title becomes variable TITLE. */
void ebb_drawing_init(struct ebb_drawing *d, const struct ebb_sheet *sheet, const char *template,
		      int width, int height, const char *csv_head);
void ebb_drawing_release(struct ebb_drawing *d);

/* Variables the template reads. An array of no entries gets one empty one: gnuplot has no others. */
void ebb_drawing_string(struct ebb_drawing *d, const char *variable, const char *text);
void ebb_drawing_number(struct ebb_drawing *d, const char *variable, double x);
void ebb_drawing_strings(struct ebb_drawing *d, const char *variable, const char *const *text,
			 int n);
void ebb_drawing_numbers(struct ebb_drawing *d, const char *variable, const double *x, int n);

/*
 * Titles of small frames: the texts as strings of at most three lines of `columns` letters, broken
 * at spaces, an ellipsis where more was said. All get as many lines, the last ones filled, so that
 * they stand on their frames; variable TITLE_LINES says how many. Returns that number.
 */
int ebb_drawing_titles(struct ebb_drawing *d, const char *variable, const char *const *text, int n,
		       int columns);

/* The same without filling: every text has its own number of lines, in array VARIABLE_LINES. Returns
 * the largest. */
int ebb_drawing_lines(struct ebb_drawing *d, const char *variable, const char *const *text, int n,
		      int columns);

/*
 * The lines of a caption, broken at spaces: the sheet's run and the text, what was left out for want
 * of room, then the verdicts. Arrays CAPTION and CAPTION_MARK, N_CAPTION long; plots/style.gp draws
 * them below everything else. More than two lines make the drawing higher (HEIGHT), so it comes
 * after all that sets the height.
 */
void ebb_drawing_caption(struct ebb_drawing *d, const char *text);

/* A data block "$name": open, rows of numbers, empty rows between curves, close. */
void ebb_drawing_block(struct ebb_drawing *d, const char *name);
void ebb_drawing_row(struct ebb_drawing *d, int n, const double *x);
void ebb_drawing_gap(struct ebb_drawing *d);
void ebb_drawing_end(struct ebb_drawing *d);

/* One line of CSV, cell by cell; texts are quoted where they need it, NaN is an empty cell. */
void ebb_csv_text(struct ebb_buf *csv, const char *text);
void ebb_csv_number(struct ebb_buf *csv, double x);
void ebb_csv_end(struct ebb_buf *csv);

/*
 * Write DIR/NAME.{png,svg,pdf,gp,csv} and, with the sheet's latex, NAME.tex with NAME-tex.pdf; DIR
 * is made. Nothing of it is there in part: every file is written under another name first, and none
 * is renamed unless all are good. path receives the names, which the caller frees; of files not
 * asked for null.
 */
int ebb_drawing_write(const struct ebb_drawing *d, char *path[EBB_N_FILES], struct ebb_err *err);

/*
 * The text of plots/<stem>.gp: from the folder in EBB_PLOTS, else from the source tree this program
 * was built from, else from the installed copy. *path says which. Both are the caller's to free.
 */
int ebb_template_read(const char *stem, char **text, char **path, struct ebb_err *err);

#endif
