/*
 * One number from one curve: what final(), at(), time_to() and their like measure in a single trial.
 * Rows without a value are taken out first (ebb_measured), so that every rule below speaks of
 * measured rows. What cannot be had is NaN.
 */
#ifndef EBB_ANALYSIS_CLAIM_CURVE_H
#define EBB_ANALYSIS_CLAIM_CURVE_H

#include "analysis/claim.h"

/* Drop the rows without a finite value, in place. */
void ebb_measured(struct ebb_curve *c);

/* Mean over the first w rows, all where there are fewer. */
double ebb_measured_start(const struct ebb_curve *c, int w);
/* Mean over the last w rows; w = 0: over the last tenth of them, at least one. */
double ebb_measured_final(const struct ebb_curve *c, int w);
/* Cut the curve after limit; what lies there is put in by a straight line. */
void ebb_measured_cut(struct ebb_curve *c, double limit);
/* Mean of the curve, joined by straight lines, between two places of its axis. */
double ebb_measured_mean(const struct ebb_curve *c, double from, double to);
/* Between two rows by a straight line. hold: the last row speaks for as much of the axis as the row
 * before it did (a step row stands for its whole step). */
double ebb_measured_at(const struct ebb_curve *c, double x, bool hold);
/* Slope of the least-squares line; NaN for fewer than two rows. */
double ebb_measured_slope(const struct ebb_curve *c);
double ebb_measured_peak(const struct ebb_curve *c);
/* The first row beyond the threshold, not after the horizon; else the horizon, and *censored. */
double ebb_measured_time(const struct ebb_curve *c, double threshold, bool below, double horizon,
			 bool *censored);

/* The two curves of one trial row by row: at the rows of the one that has fewer, the other at its row
 * nearest below (at its first where there is none); then means of w pairs (w < 2: none). x, y and at,
 * which gets the place on the axis (null: not wanted), have room for the shorter curve. Returns the
 * number of pairs. */
int ebb_measured_pairs(const struct ebb_curve *cx, const struct ebb_curve *cy, int w, double *x,
		       double *y, double *at);

/* From each row to the next, in the place of the row: the last one goes. */
void ebb_measured_change(struct ebb_curve *c);
/* Means of every w consecutive values (w < 2: nothing to do), in place; returns how many are left. */
int ebb_measured_smooth(double *v, int n, int w);

/* A number of Y = b - a exp(X) (node->exponential) or Y = b - a X. NaN below three pairs or, as the law
 * has it (analysis/fit.h), where exp(X) hardly moves. */
double ebb_measured_fit(const double *x, const double *y, const double *at, int n,
			const struct ebb_claim_node *node);

#endif
