/*
 * What a kind of figure is to the rest of the room. figure.c finds the figure behind a word, chooses
 * the arms, puts together the sheet (names, folder, verdicts) and hands all of it to the kind, which
 * reads what it needs and draws it.
 *
 * To add a kind: a file pair NAME.[ch] with its reading and drawing, that shows
 *
 *     extern const struct ebb_kind ebb_NAME_kind;
 *
 * a template plots/NAME.gp (plots/style.gp, sent before it, lists what is there already; words in a
 * template are printed by LaTeX, too, so that %, _, & and signs beyond ASCII come from variables, which
 * are escaped), a line
 * in meson.build, and a row for each figure of that kind in the table of figure.c. A kind with a
 * view can be drawn of any metric as METRIC:VIEW, and is also a row of the views there.
 */
#ifndef EBB_FIGURE_KIND_H
#define EBB_FIGURE_KIND_H

#include "figure/drawing.h"
#include "figure/figure.h"

#define EBB_FIGURE_PANELS 2

#define EBB_FREE ((double)NAN) /* an end of a range left to the data */

struct ebb_kind;

/* A row of the table in figure.c, or one made for METRIC:VIEW. */
struct ebb_figure {
	const struct ebb_kind *kind;
	struct ebb_figure_row row;
	struct ebb_figure_panel {
		const char *metric; /* full dataset name; null: no more panels     */
		const char *ylabel; /* its words for an axis, with the unit        */
	} panel[EBB_FIGURE_PANELS];
	double from, to; /* range of the values; EBB_FREE: from the data */
};

/* The arms of one figure. */
struct ebb_lot {
	int *arm, n;     /* indices into the run's arms, in the order they were chosen        (n) */
	int left_out;    /* arms with something finished that found no room                       */
	const char *key; /* the one thing that tells them apart, where that is a number...        */
	double *value;   /* ... and the numbers                                               (n) */
};

/* All that a kind is told. Borrowed until draw() returns. */
struct ebb_request {
	const struct ebb_run *run;
	const struct ebb_figure *figure;
	const struct ebb_figure_choice *choice;
	const struct ebb_lot *lot;
	struct ebb_sheet sheet; /* for ebb_drawing_init; a kind may give its copy another title */
};

struct ebb_kind {
	struct ebb_figure_view view; /* name null: this kind draws figures of the table only      */
	bool time; /* has a time axis: --x applies, and the files of --x SCALE get "-by-SCALE" */
	/* Arms it has room for. */
	int (*room)(const struct ebb_lot *all);
	/* Is there something to draw? Needs run, figure and choice, and looks at names, never at
	 * values. EBB_EINVAL: not of such arms, with the reason. */
	int (*check)(const struct ebb_run *run, const struct ebb_figure *figure,
		     const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err);
	/* Read and write the files; path as in ebb_drawing_write. EBB_ENOENT: no value to draw. */
	int (*draw)(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err);
};

/* ---- what kinds share ---- */

/* check() of most kinds: does some finished trial have any (all) of the metrics of the panels? */
int ebb_check_any(const struct ebb_run *run, const struct ebb_figure *figure,
		  const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err);
int ebb_check_all(const struct ebb_run *run, const struct ebb_figure *figure,
		  const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err);

/* The arms a choice means, all of them: for check(). Released with ebb_lot_release. */
void ebb_lot_all(const struct ebb_run *run, const struct ebb_figure_choice *choice,
		 struct ebb_lot *lot);
/* The same, thinned to the room of a kind: for draw(). */
void ebb_lot_draw(const struct ebb_run *run, const struct ebb_kind *kind,
		  const struct ebb_figure_choice *choice, struct ebb_lot *lot);
void ebb_lot_release(struct ebb_lot *lot);

/* *state: 1 the trial counts, 0 it is unfinished, -1 it ended early: its curves are shorter than the
 * others. */
int ebb_trial_state(const struct ebb_run *run, int arm, int seed, int *state, struct ebb_err *err);

/* Visit every trial of an arm that counts, in the order of its seeds; *n_diverged gets the number of
 * those that ended early. The first negative answer ends it. */
typedef int ebb_trial_visit(void *to, const struct ebb_run *run, int arm, int seed,
			    struct ebb_err *err);
int ebb_each_trial(const struct ebb_run *run, int arm, ebb_trial_visit *visit, void *to,
		   int *n_diverged, struct ebb_err *err);

/*
 * A block "$name" of rows x, low, high: the band between two curves, cut at the frame [from, to],
 * with a corner wherever one of them leaves it. Rows without a number are gaps.
 */
void ebb_band_put(struct ebb_drawing *d, const char *name, const double *x, const double *low,
		  const double *high, int64_t n, double from, double to);

/* The same of a series, x in a unit; where there is no interval (ebb_band_is) it has no width. */
bool ebb_band_is(const struct ebb_series *s, int64_t row);
void ebb_band_series(struct ebb_drawing *d, const char *name, const struct ebb_series *s,
		     double unit, double from, double to);

/* The beginning of a caption: "4 arms, unit nats; ". unit: "" for none. */
void ebb_caption_arms(struct ebb_buf *text, int n, const char *unit);

/* The words of a caption about several arms' seeds: "8 seeds", "3 to 8 seeds". */
void ebb_caption_seeds(struct ebb_buf *text, int low, int high);

/* The numbers of a swept setting: false where the text is none. */
bool ebb_number_of(const char *text, double *x);

/* ---- verdicts of a caption (verdicts.c) ---- */

#define EBB_CAPTION_VERDICTS 4

/*
 * The judgements that this figure is evidence for: those that read one of its metrics in one of its
 * arms, the ones that read nothing else first, decided ones before undecided ones, else in the
 * run's order. Their indices, which the caller frees, and how many.
 */
int ebb_sheet_evidence(const struct ebb_judgements *verdicts, const struct ebb_figure *figure,
		       const struct ebb_lot *lot, int **claim);
/* Lines and marks of these go into the sheet, at most EBB_CAPTION_VERDICTS of them and a line that
 * counts the rest. */
void ebb_sheet_judge(struct ebb_sheet *sheet, const struct ebb_judgements *verdicts,
		     const struct ebb_figure *figure, const struct ebb_lot *lot, const char *run);
void ebb_sheet_release(struct ebb_sheet *sheet);

#endif
