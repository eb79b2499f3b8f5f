/*
 * Entropy by position in the response: small frames, one an arm, with the curve over positions at
 * the first, the middle and the last recorded step, mean and 95 % band over three seeds or more.
 */
#ifndef EBB_FIGURE_POSITION_H
#define EBB_FIGURE_POSITION_H

#include "figure/kind.h"

extern const struct ebb_kind ebb_position_kind;

#endif
