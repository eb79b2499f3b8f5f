/*
 * A sweep: the trials of a definition that are still missing, run side by side in worker processes.
 * First the base policies they need, each once, then the trials. A worker ends when its parent
 * dies; an interrupt lets every worker finish the step in flight.
 */
#ifndef EBB_SWEEP_SWEEP_H
#define EBB_SWEEP_SWEEP_H

#include <stdbool.h>
#include <stdio.h>
#include "base/err.h"
#include "options/definition.h"

struct ebb_sweep {
	const struct ebb_definition *def;
	const char *run_dir;  /* where the record goes                        */
	const char *base_dir; /* cache of base policies                       */
	int jobs;             /* workers side by side; 0: processors / threads */
};

struct ebb_sweep_result {
	int planned, already, done, diverged, failed;
	bool interrupted;
};

/* The number of workers a sweep would use. */
int ebb_sweep_jobs(const struct ebb_sweep *sweep);

/* Everything that can refuse a run before it starts: folders, trials of another definition. */
int ebb_sweep_check(const struct ebb_sweep *sweep, struct ebb_err *err);

/* Run what is missing; the index is written at the start and after finished trials. Trials that fail
 * are counted in the result and reported. A negative code: it could not begin or not go on, or not
 * write the index; the result counts what was done until then. */
int ebb_sweep_run(const struct ebb_sweep *sweep, struct ebb_sweep_result *result,
		  struct ebb_err *err);

/* What a run would do: trials, arms, rough time and disk. Nothing is written. */
int ebb_sweep_plan_print(const struct ebb_sweep *sweep, FILE *out, struct ebb_err *err);

#endif
