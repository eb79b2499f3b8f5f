/*
 * Where a trial stands, told by its files alone (docs/file-format.md):
 *
 *   trials/<id>.h5            done, diverged or exploded, as its status attribute says
 *   checkpoints/<id>.rows     somebody holds its lock: running; nobody: stale (killed or
 *                             interrupted; the next run resumes it)
 *   checkpoints/<id>.failed   failed: one JSON object {"time","attempt","cause"}
 *   none of them              queued
 */
#ifndef EBB_RECORD_STANDING_H
#define EBB_RECORD_STANDING_H

#include "record/record.h"

enum ebb_state {
	EBB_STATE_QUEUED,
	EBB_STATE_RUNNING,
	EBB_STATE_DONE,
	EBB_STATE_FAILED,
	EBB_STATE_DIVERGED,
	EBB_STATE_EXPLODED, /* stopped early by entropy.guard, with all its values */
	EBB_STATE_STALE,
	EBB_N_STATES
};

/* It has a finished record. */
static inline bool ebb_state_finished(enum ebb_state state)
{
	return state == EBB_STATE_DONE || state == EBB_STATE_DIVERGED ||
	       state == EBB_STATE_EXPLODED;
}

/* Of a finished record with this status attribute. */
enum ebb_state ebb_state_of(const char *status);

/* "queued", "running", ... */
const char *ebb_state_word(enum ebb_state state);

struct ebb_standing {
	enum ebb_state state;
	int64_t step;   /* completed rollout batches in the record; -1: none known         */
	int64_t steps;  /* train.steps; -1: not known                                      */
	int64_t resume; /* step that the last checkpoint would resume at; -1: there is none */
	int attempt;    /* 0: never started                                                */
	double reward, entropy; /* of the last rollout batch; NaN: none                      */
	double age_s; /* since its files last changed (clock steps may make it negative) */
	char cause
		[256]; /* of failed, diverged, exploded and damaged records; else empty             */
};

/* Never fails: what cannot be read is stale or failed with the cause. A finished record whose seal
 * does not fit is stale, too. */
void ebb_standing_read(const char *run_dir, const char *id, struct ebb_standing *standing);

/* May the file of a finished trial be taken as it is? 0: yes. EBB_EFORMAT: it is damaged, and to make
 * it again is all that can be done. Other codes: it cannot be told now (EBB_EBUSY: another program
 * has it open for writing), and whoever deleted it might delete what is sound. */
int ebb_standing_check(const char *run_dir, const char *id, struct ebb_err *err);

/* Mark a trial as failed, or (cause null) take the mark away. */
int ebb_standing_fail(const char *run_dir, const char *id, int attempt, const char *cause,
		      struct ebb_err *err);

#endif
