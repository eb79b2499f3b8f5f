/*
 * The strip plot of final values: every arm a row, every seed a dot in it, the dots of one seed joined
 * faintly from row to row (they are pairs), the mean and its 95 % t interval below them and in words
 * at the margin. What a final value is: ebb_final_value (analysis/stat.h).
 */
#ifndef EBB_FIGURE_STRIP_H
#define EBB_FIGURE_STRIP_H

#include "analysis/stat.h"
#include "figure/kind.h"

#define EBB_STRIP_ARMS 40

extern const struct ebb_kind ebb_strip_kind;

struct ebb_strip {
	struct ebb_sheet sheet;
	const char *metric;   /* full name, for the CSV      */
	const char *label;    /* of the values, with unit    */
	const char *unit;     /* for the caption; "": none   */
	const uint64_t *seed; /*                  (n_seeds) */
	int n_seeds, n_arms;
	struct ebb_strip_arm {
		const char *label;
		const double *final; /* NaN: no value              (n_seeds) */
		struct ebb_summary value;
		int n_diverged, n_unfinished;
	} * arm;
};

/* EBB_ENOENT where no arm has a value. */
int ebb_strip_draw(const struct ebb_strip *s, char *path[EBB_N_FILES], struct ebb_err *err);

#endif
