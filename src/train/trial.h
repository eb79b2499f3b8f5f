/*
 * A trial is a state machine that asks for work. It never calls the model: it yields requests
 * (decode these rows, score these rows, update with these rows and coefficients) and a runner
 * executes them between two calls of ebb_trial_next. The same code, and the same bits, whether one
 * trial is served alone or many together.
 */
#ifndef EBB_TRAIN_TRIAL_H
#define EBB_TRAIN_TRIAL_H

#include "record/record.h"
#include "train/fields.h"
#include "train/lab.h"

/* Weights a request works with. The runner keeps as many copies as ebb_trial_policies says. */
enum ebb_policy {
	EBB_POLICY_CURRENT,   /* the one that is trained                                    */
	EBB_POLICY_BASE,      /* as pretraining left it                                     */
	EBB_POLICY_REFERENCE, /* of the KL penalty; the base until ref.every renews it      */
	EBB_POLICY_RING,      /* + i: past policies of sample.mismatch=stale                */
};

enum ebb_request_kind {
	EBB_REQUEST_DONE,   /* nothing left                                                */
	EBB_REQUEST_DECODE, /* decode with policy                                          */
	EBB_REQUEST_SCORE,  /* forward pass with policy; pass.ref from `against`           */
	EBB_REQUEST_UPDATE, /* gradient pass and optimizer step on the current policy      */
	EBB_REQUEST_BLEND,  /* policy = mix * current + (1 - mix) * policy                 */
};

struct ebb_request {
	enum ebb_request_kind kind;
	enum ebb_policy policy;
	int against; /* policy that serves as pass.ref; -1: none      */
	double mix;
	struct ebb_decode decode;
	struct ebb_pass pass;
	struct ebb_optim_rule rule;
	/* filled by the runner */
	double grad_norm; /* UPDATE: before clipping; not finite: nothing was changed */
	double seconds;   /* wall time of the request                                 */
};

struct ebb_trial;

/* lab and writer are borrowed; writer may be null (nothing is recorded). watch may be null. */
int ebb_trial_open(struct ebb_trial **trial, struct ebb_lab *lab, struct ebb_writer *writer,
		   const struct ebb_fields *fields, struct ebb_watch *watch, struct ebb_err *err);

/* Number of weight copies the trial will name, EBB_POLICY_CURRENT included. */
int ebb_trial_policies(const struct ebb_trial *trial);

/* Take the results of the last request in and give the next. A negative code: the record could not
 * be written. */
int ebb_trial_next(struct ebb_trial *trial, struct ebb_request **request, struct ebb_err *err);

/* At DONE: complete, or diverged with the step and the cause. */
enum ebb_status ebb_trial_status(const struct ebb_trial *trial, int64_t *step, const char **cause);

/* Between rollout batches: rows are complete and the record may be flushed. */
bool ebb_trial_at_rest(const struct ebb_trial *trial);

void ebb_trial_close(struct ebb_trial *trial);

/* ---- the solo runner ---- */

struct ebb_solo {
	const struct ebb_options *options;
	const char *run_dir, *base_dir, *label;
	int attempt;
	struct ebb_watch *watch; /* may be null */
};

/* Run one trial from its base to RUN/trials/<id>.h5. 0 also for a diverged trial (*status says so);
 * EBB_ESTOP when interrupted between steps. */
int ebb_solo_run(const struct ebb_solo *solo, enum ebb_status *status, struct ebb_err *err);

#endif
