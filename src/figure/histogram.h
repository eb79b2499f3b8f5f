/*
 * Logit histograms: the raw logits of all response tokens over the whole vocabulary, at the first
 * and the last stored snapshot of a training, mean over seeds, on a logarithmic ordinate, with the
 * four moments of each (EI 7.4 pooled_full) in the frame. Small frames, one an arm.
 */
#ifndef EBB_FIGURE_HISTOGRAM_H
#define EBB_FIGURE_HISTOGRAM_H

#include <stdint.h>
#include "figure/kind.h"

#define EBB_HISTOGRAM_ARMS 16

enum {
	EBB_MOMENT_MEAN,
	EBB_MOMENT_VARIANCE,
	EBB_MOMENT_SKEWNESS,
	EBB_MOMENT_KURTOSIS,
	EBB_N_MOMENTS
};

extern const struct ebb_kind ebb_histogram_kind;

struct ebb_histogram_arm {
	const char *label;
	int n_trials,
		n_diverged; /* diverged ones are left out                                     */
	int n_times;        /* 2, or 1 where there is one snapshot only                       */
	double step[2];     /* the same for all trials                                        */
	int bins;           /* equally wide over +-EBB_LOGIT_RANGE; the outermost catch the rest */
	double *sum;        /* shares, over the trials                        (2, bins)       */
	double moment[2]
		     [EBB_N_MOMENTS]; /* sums over the trials; NaN: not recorded                 */
};

/* EBB_ENOENT where nothing is to be drawn. */
int ebb_histogram_draw(const struct ebb_sheet *sheet, const struct ebb_histogram_arm *arm,
		       int n_arms, char *path[EBB_N_FILES], struct ebb_err *err);

#endif
