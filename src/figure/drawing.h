/*
 * A drawing on its way to paper: what the program knows (data blocks and variables, as gnuplot
 * text), the name of the template in plots/ that knows how to draw it, and the plotted points as
 * CSV. Writing renders png, svg and pdf and leaves a .gp beside them that holds data, style and
 * template and draws the same png by itself.
 */
#ifndef EBB_FIGURE_DRAWING_H
#define EBB_FIGURE_DRAWING_H

#include "base/buf.h"
#include "base/err.h"

enum { EBB_PNG, EBB_SVG, EBB_PDF, EBB_GP, EBB_CSV, EBB_N_FILES };

/* Bands begin at three seeds: the interval of two has a t quantile of 12.7 and only fills a frame. */
#define EBB_BAND_SEEDS 3

struct ebb_drawing {
	char *name;          /* stem of the files           */
	char *template;      /* stem of the file in plots/  */
	int width, height;   /* of the png, pixels          */
	struct ebb_buf data; /* data blocks and variables   */
	struct ebb_buf csv;
};

/* csv_head: its first line, without the end. */
void ebb_drawing_init(struct ebb_drawing *d, const char *name, const char *template, int width,
		      int height, const char *csv_head);
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

/* The lines of a caption, broken at spaces, as array CAPTION. */
void ebb_drawing_caption(struct ebb_drawing *d, const char *text);

/* What a caption says of n arms for which there was no room; nothing for 0. */
void ebb_drawing_left_out(struct ebb_buf *caption, int n);

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
 * Write dir/name.{png,svg,pdf,gp,csv}; dir is made. Nothing of it is there in part: every file is
 * written under another name first, and none is renamed unless all are good. path receives the
 * five names, which the caller frees.
 */
int ebb_drawing_write(const struct ebb_drawing *d, const char *dir, char *path[EBB_N_FILES],
		      struct ebb_err *err);

/*
 * The text of plots/<stem>.gp: from the folder in EBB_PLOTS, else from the source tree this program
 * was built from, else from the installed copy. *path says which. Both are the caller's to free.
 */
int ebb_template_read(const char *stem, char **text, char **path, struct ebb_err *err);

#endif
