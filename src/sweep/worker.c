#include "sweep/worker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "sweep/process.h"
#include "train/trial.h"

static struct ebb_slot *own_slot; /* of this worker */

static void on_out_of_memory(size_t bytes)
{
	snprintf(own_slot->error, sizeof own_slot->error,
		 "out of memory for %zu bytes; lower model.*, train.prompts, train.group, "
		 "eval.questions or --jobs",
		 bytes);
	_exit(EBB_OUTCOME_FAILED);
}

static int make_base(const struct ebb_sweep *s, const struct ebb_options *o, struct ebb_slot *slot,
		     struct ebb_err *err)
{
	struct ebb_weights w = {0};
	struct ebb_lab lab;
	int rc = ebb_lab_open(&lab, o, err);

	if (rc < 0)
		return rc;
	rc = ebb_weights_init(&w, &lab.layout, lab.ops, err);
	if (rc == 0)
		rc = ebb_base_get(&lab, s->base_dir, &w, &slot->watch, err);
	ebb_weights_release(&w);
	ebb_lab_close(&lab);
	return rc;
}

static int run_trial(const struct ebb_sweep *s, const struct ebb_job *job,
		     const struct ebb_history *history, struct ebb_slot *slot,
		     struct ebb_channel *gpu, enum ebb_status *status, struct ebb_err *err)
{
	const struct ebb_plan *plan = &s->def->plan[job->plan];
	struct ebb_solo solo = {.options = &plan->options,
				.run_dir = s->run_dir,
				.base_dir = s->base_dir,
				.label = s->def->arm[plan->arm].label,
				.attempt = history->attempts + 1,
				.history = (const char *const *)history->line,
				.from_step = -1,
				.gpu = gpu,
				.watch = &slot->watch};
	int rc;

	if (job->extends.id[0]) {
		solo.from_trial = job->extends.id;
		solo.from_step = job->extends.step;
	}
	rc = ebb_solo_run(&solo, status, err);
	memcpy(slot->note, solo.note, sizeof slot->note);
	return rc;
}

static enum ebb_outcome work(const struct ebb_sweep *s, const struct ebb_job *job,
			     const struct ebb_history *history, struct ebb_slot *slot,
			     struct ebb_channel *gpu)
{
	enum ebb_status status = EBB_STATUS_COMPLETE;
	struct ebb_err err = EBB_ERR_INIT;
	int rc;

	own_slot = slot;
	ebb_on_out_of_memory = on_out_of_memory;
	if (job->kind == EBB_JOB_BASE)
		rc = make_base(s, &s->def->plan[job->plan].options, slot, &err);
	else
		rc = run_trial(s, job, history, slot, gpu, &status, &err);
	if (rc == EBB_ESTOP)
		return EBB_OUTCOME_STOPPED;
	if (rc < 0) {
		snprintf(slot->error, sizeof slot->error, "%s", err.text);
		return EBB_OUTCOME_FAILED;
	}
	return status == EBB_STATUS_DIVERGED   ? EBB_OUTCOME_DIVERGED
	       : status == EBB_STATUS_EXPLODED ? EBB_OUTCOME_EXPLODED
					       : EBB_OUTCOME_DONE;
}

int ebb_worker_start(const struct ebb_sweep *s, const struct ebb_job *job,
		     const struct ebb_history *history, struct ebb_slot *slot,
		     struct ebb_channel *gpu, struct ebb_err *err)
{
	int pid = ebb_process_fork(err);

	if (pid != 0)
		return pid;
	_exit(work(s, job, history, slot, gpu));
}
