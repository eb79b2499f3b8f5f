/*
 * The band figure: one or two metrics of several arms, mean and 95 % band over seeds, single seeds
 * as hairlines. Up to 8 arms share a frame, up to 30 get a small frame each; more are drawn only
 * where a number tells them apart: as a fan, the mean of each in the colour of its number.
 */
#ifndef EBB_FIGURE_BANDS_H
#define EBB_FIGURE_BANDS_H

#include "analysis/series.h"
#include "figure/kind.h"

#define EBB_BANDS_PANELS EBB_FIGURE_PANELS
#define EBB_BANDS_ARMS   8   /* in one frame         */
#define EBB_BANDS_FRAMES 30  /* arms in small frames */
#define EBB_BANDS_ROWS   240 /* points of a curve that still read as a curve */

struct ebb_bands {
	struct ebb_sheet sheet;
	const char *difference; /* these are differences: what the caption says of them, and a line
				 * at zero. Null: values. An arm without seeds is not missing. */
	int n_arms, n_panels;
	const char *key;     /* what tells the arms apart; null: more than one number    */
	const double *value; /* its values, not used without a key               (n_arms) */
	struct ebb_panel {
		const char *metric; /* full name, for the CSV                                     */
		const char *ylabel; /* with the unit                                              */
		double from, to;    /* range; NaN: from the data                                  */
		const struct ebb_series *series; /* arms without a curve have n_seeds 0  (n_arms) */
	} panel[EBB_BANDS_PANELS];
};

/* EBB_ENOENT where there is no value to draw. path: see ebb_drawing_write. */
int ebb_bands_draw(const struct ebb_bands *b, char *path[EBB_N_FILES], struct ebb_err *err);

extern const struct ebb_kind ebb_bands_kind;

#endif
