/*
 * The response map of a sweep over two numbers: the final value of a metric (ebb_final_value, mean
 * over seeds) as the colour of a cell, its number and N inside. The sweep may also run over
 * algorithms: a small frame each, all on one colour scale.
 */
#ifndef EBB_FIGURE_RESPONSE_H
#define EBB_FIGURE_RESPONSE_H

#include "figure/kind.h"

#define EBB_RESPONSE_SIDE   16 /* values of one number */
#define EBB_RESPONSE_FRAMES 9

extern const struct ebb_kind ebb_response_kind;

/* The grid that arms lie on. */
struct ebb_response_grid {
	const char *key[2];                 /* the numbers, as arms are labelled; x, then y  */
	double value[2][EBB_RESPONSE_SIDE]; /* ascending                              (side) */
	int side[2];
	const char *frame[EBB_RESPONSE_FRAMES]; /* what the frames are, "" for a single one      */
	int n_frames;
	int *arm; /* of a frame's cell, -1: none                    (n_frames, side[1], side[0]) */
};

/*
 * Lay the arms out. False where they do not differ in exactly two numbers (and perhaps the
 * algorithm), with the reason in why.
 */
bool ebb_response_layout(struct ebb_response_grid *grid, const struct ebb_run *run,
			 const struct ebb_lot *lot, char why[256]);
void ebb_response_release(struct ebb_response_grid *grid);

#endif
