/*
 * When entropy counts as exploded or collapsed. EI 1.4: exploded above
 * min(0.9 ln V, max(3 H_0, 0.25 ln V)) for 20 consecutive steps, collapsed below 0.05 H_0 for 50,
 * H_0 the entropy of the first step, V the vocabulary. A mark stays.
 */
#ifndef EBB_OBJECTIVE_GUARD_H
#define EBB_OBJECTIVE_GUARD_H

#include <stdbool.h>

#define EBB_EXPLODED_STEPS  20
#define EBB_COLLAPSED_STEPS 50

/* Zero before the first step. */
struct ebb_guard {
	double start;  /* H_0; meant once `begun`                                            */
	int high, low; /* consecutive steps beyond the limits, until now                     */
	int begun, exploded, collapsed;
};

/* The entropy above which steps count. */
double ebb_guard_limit(double start, int V);

/* A step of mean token entropy h, nats. A step without a token (not-a-number) breaks both counts. */
void ebb_guard_step(struct ebb_guard *g, double h, int V);

#endif
