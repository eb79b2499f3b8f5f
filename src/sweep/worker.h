/* A worker: the process that makes one base policy or runs one trial. */
#ifndef EBB_SWEEP_WORKER_H
#define EBB_SWEEP_WORKER_H

#include <sys/types.h>
#include "sweep/growth.h"
#include "sweep/log.h"
#include "sweep/process.h"
#include "sweep/progress.h"
#include "sweep/sweep.h"
#include "train/gpu_channel.h"

enum ebb_job_kind { EBB_JOB_BASE, EBB_JOB_TRIAL };

struct ebb_job {
	enum ebb_job_kind kind;
	int plan; /* index into def->plan; a base: the first trial that needs it    */
	int base; /* the base it makes or waits for, by number; -1: it is there     */
	struct ebb_extension extends;
};

/* How a worker ends; its exit status. */
enum ebb_outcome {
	EBB_OUTCOME_DONE = 0,
	EBB_OUTCOME_FAILED = 1,
	EBB_OUTCOME_DIVERGED = 3,
	EBB_OUTCOME_EXPLODED = 5,
	EBB_OUTCOME_STOPPED = EBB_WORKER_STOPPED,
};

/* Start a worker on the slot (shared memory; slot->label is set). It ends when this process does.
 * gpu: where its trial computes; null: on the CPU, as bases always do. Its pid, or a negative code. */
int ebb_worker_start(const struct ebb_sweep *sweep, const struct ebb_job *job,
		     const struct ebb_history *history, struct ebb_slot *slot,
		     struct ebb_channel *gpu, struct ebb_err *err);

#endif
