/*
 * What a run directory holds against what a definition now asks for: may it grow into it, and which
 * trials go on from others that ended earlier.
 */
#ifndef EBB_SWEEP_GROWTH_H
#define EBB_SWEEP_GROWTH_H

#include "sweep/sweep.h"

/*
 * Refuses where growing would hide or mix results: a finished trial that the definition no longer
 * contains (the error shows what differs from the nearest trial it does contain), unless it is the
 * beginning of a longer one; a trial that was evaluated in another way.
 */
int ebb_growth_check(const struct ebb_sweep *sweep, struct ebb_err *err);

/* A state that a trial can go on from: kept by a shorter one. */
struct ebb_extension {
	char id[EBB_ID_MAX]; /* empty: there is none */
	int64_t step;
};

/* For every trial of the plan; (n_plans), the caller frees it. */
struct ebb_extension *ebb_growth_extensions(const struct ebb_sweep *sweep);

#endif
