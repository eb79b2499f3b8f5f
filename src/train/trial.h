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
	EBB_POLICY_START,     /* as at the start of the step, for covariance.penalty=full   */
	EBB_POLICY_RING,      /* + i: past policies of sample.mismatch=stale, or the one of
			       * preference.refresh, or those of preference.data; then, where
			       * the options ask for them, the policy behind static baselines
			       * (advantage.refresh) and a separate critic                 */
};

enum ebb_request_kind {
	EBB_REQUEST_DONE,   /* nothing left                                                */
	EBB_REQUEST_DECODE, /* decode with policy                                          */
	EBB_REQUEST_SCORE,  /* forward pass with policy; pass.ref from `against`           */
	EBB_REQUEST_UPDATE, /* gradient pass and optimizer step on policy: the current one,
			     * or a separate critic with an optimizer of its own         */
	EBB_REQUEST_BLEND,  /* policy = mix * current + (1 - mix) * policy                 */
	EBB_REQUEST_REST,   /* nothing: between two steps, all rows so far are appended    */
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
	struct ebb_optim_stepped stepped; /* UPDATE                                   */
	double seconds;   /* wall time of the request                                 */
};

struct ebb_trial;

/* A trial at its start. lab is borrowed; watch may be null. */
int ebb_trial_open(struct ebb_trial **trial, struct ebb_lab *lab, struct ebb_watch *watch,
		   struct ebb_err *err);
/* Record what happens from now on; both are borrowed. Without it nothing is recorded. */
void ebb_trial_record(struct ebb_trial *trial, struct ebb_writer *writer,
		      const struct ebb_fields *fields);

/* Number of weight copies the trial will name, EBB_POLICY_CURRENT included. */
int ebb_trial_policies(const struct ebb_trial *trial);
/* May this copy differ from the base policy? */
bool ebb_trial_policy_moves(const struct ebb_trial *trial, int policy);

/* Take the results of the last request in and give the next. A negative code: the record could not
 * be written. */
int ebb_trial_next(struct ebb_trial *trial, struct ebb_request **request, struct ebb_err *err);

/* At DONE: complete, or diverged with the step and the cause. */
enum ebb_status ebb_trial_status(const struct ebb_trial *trial, int64_t *step, const char **cause);

/*
 * What is needed to go on from here in another process: the numbers and arrays of the trial. Its
 * policies and optimizer are the runner's to save. A trial can be saved when the request that
 * ebb_trial_next gave last has been served; when that is an update, instead before it is served.
 */
struct ebb_trial_image {
	size_t n_numbers, n_arrays; /* bytes; n_arrays is 0 at rest                          */
	unsigned char *numbers;     /* owned by the image                                    */
	void *arrays;               /* the trial's own arena                                 */
};

/* Sizes and arrays as a restore of this trial wants them, numbers zero; release it. */
void ebb_trial_image(struct ebb_trial *trial, struct ebb_trial_image *image);
/* The same with the numbers of now. */
void ebb_trial_save(struct ebb_trial *trial, struct ebb_trial_image *image);
/* Take up what the image holds (arrays were read into place, or are not part of it). */
void ebb_trial_restore(struct ebb_trial *trial, const struct ebb_trial_image *image);
void ebb_trial_image_release(struct ebb_trial_image *image);

void ebb_trial_close(struct ebb_trial *trial);

/* ---- the solo runner ---- */

struct ebb_channel;

struct ebb_solo {
	const struct ebb_options *options;
	const char *run_dir, *base_dir, *label;
	int attempt;
	const char *const *history; /* of earlier attempts (record.h); may be null            */
	struct ebb_watch *watch;    /* may be null                                            */
	struct ebb_channel *gpu; /* where requests are served (gpu_channel.h); null: here         */
	const char *from_dir;   /* run directory whose states may be taken up; null: run_dir    */
	const char *from_trial; /* id of the trial they are of: one with fewer train.steps that
				 * this one extends; null: this one                           */
	int64_t from_step;      /* -1: the latest state; 0: none, begin at the base; s: the state
			       * kept at step s, an error where there is none                  */
	int64_t resumed_at;     /* out: step of the state taken up; -1: none                    */
	char note[512];         /* out: why a state was not taken up; empty: nothing to say     */
};

/* Run one trial from its base or a saved state to RUN/trials/<id>.h5. 0 also for a diverged trial
 * (*status says so); EBB_ESTOP when interrupted between steps: its state is saved. */
int ebb_solo_run(struct ebb_solo *solo, enum ebb_status *status, struct ebb_err *err);

#endif
