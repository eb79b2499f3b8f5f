/* Small multiples: one frame an arm, side by side and in rows, each under the arm's name. */
#ifndef EBB_FIGURE_FRAMES_H
#define EBB_FIGURE_FRAMES_H

#include "figure/drawing.h"

/* Frames side by side where there are n, and rows of them. */
int ebb_frames_across(int n);
int ebb_frames_down(int n);

/* Variables N and COLS, the titles LABEL above frames that share `room` pixels of width with their
 * gaps, and a HEIGHT that has room for the lines of all titles. */
void ebb_frames_label(struct ebb_drawing *d, const char *const *label, int n, int room);

#endif
