/*
 * Finished trials made once more, side by side in worker processes, and compared with their record
 * byte by byte. Nothing is written into the run: the copies live in a folder of their own.
 */
#ifndef EBB_SWEEP_VERIFY_H
#define EBB_SWEEP_VERIFY_H

#include "options/definition.h"
#include "record/differ.h"

enum ebb_verify_verdict {
	EBB_VERIFY_NONE, /* interrupted before it was known */
	EBB_VERIFY_AGREES,
	EBB_VERIFY_DIFFERS,
	EBB_VERIFY_FAILED, /* it could not be made again: error */
};

struct ebb_verify_trial {
	const struct ebb_options *options; /* borrowed */
	const char *id, *label;
	const char *state_of; /* trial whose state it begins at (from_step > 0); null: its own */
	/* filled by ebb_verify_run */
	enum ebb_verify_verdict verdict;
	struct ebb_difference difference; /* a: the record, b: the copy */
	char error[1024];
};

struct ebb_verify {
	const char *run_dir, *base_dir;
	const char *scratch; /* folder for the copies; they are removed as they are compared */
	int64_t from_step;   /* 0: from the base; s: from the state kept at step s           */
	int jobs;            /* workers side by side                                         */
	struct ebb_verify_trial *trial;
	int n;
	bool interrupted; /* out: by SIGINT or SIGTERM */
};

/* Progress goes to stderr. A negative code: no worker could be started. */
int ebb_verify_run(struct ebb_verify *v, struct ebb_err *err);

#endif
