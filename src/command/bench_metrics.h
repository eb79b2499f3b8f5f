/* ebb bench --mode metrics: what it costs to know what one knows. */
#ifndef EBB_COMMAND_BENCH_METRICS_H
#define EBB_COMMAND_BENCH_METRICS_H

#include "base/err.h"

struct ebb_metrics_cost {
	double bare_s;	 /* a step that nobody records, median                              */
	double step_s;	 /* with every metric of every step and its rows, median            */
	double probe_s;	 /* what a step adds at which the policy is evaluated, its held-out
			  * samples apart                                                   */
	double cadence;	 /* steps from one such step to the next                            */
	double share;	 /* of a recorded step: metrics and a probe's part of them          */
};

/* Trains the built-in task and algorithm for a few hundred steps, every second of which is recorded.
 * Threads and instruction set as in the other modes. */
int ebb_bench_metrics(int threads, const char *isa, int steps, struct ebb_metrics_cost *cost,
		      struct ebb_err *err);

#endif
