/*
 * The phase portrait: accuracy against entropy at every evaluation, light at the beginning and dark
 * at the end of a training, with the law R = -a exp(H) + b and its linear rival fitted to all points
 * of an arm (analysis/fit.h). Small frames, one an arm: the clouds of several would hide each other.
 */
#ifndef EBB_FIGURE_PORTRAIT_H
#define EBB_FIGURE_PORTRAIT_H

#include "figure/kind.h"

extern const struct ebb_kind ebb_portrait_kind;

#endif
