/*
 * Parent and workers as processes. Requests to stop (SIGINT, SIGTERM, SIGHUP) reach the parent alone,
 * which counts them in ebb_stop_requested and passes each on once as SIGTERM; a worker ends after the
 * step in flight, at the second request at once.
 */
#ifndef EBB_SWEEP_PROCESS_H
#define EBB_SWEEP_PROCESS_H

#include <stdbool.h>
#include "base/err.h"
#include "sweep/progress.h"

#define EBB_WORKER_STOPPED 4 /* exit status of a worker that was asked to stop */

/* 0 in the worker, which ends when its parent does, however that one ends; its pid in the parent, or
 * a negative code. */
int ebb_process_fork(struct ebb_err *err);

/* Listen to requests to stop, or no longer. */
void ebb_process_listen(bool on);

/* Pass on what was asked since the last call to the workers on these slots; *told, 0 at first, is how
 * much that was. True once: at the first request. */
bool ebb_process_pass_on(const struct ebb_slot *slot, int n, int *told);

#endif
