/*
 * A run in one file: RUN/run.h5 with the finished trials inside, where links to their files stood.
 * /trials/<id> is then a group with all that the file of the trial held, and an arm's link leads
 * there. Every reader takes a trial from the folder first and from the packed index where the
 * folder does not have it.
 */
#ifndef EBB_RECORD_PACK_H
#define EBB_RECORD_PACK_H

#include "record/record.h"

/* Write to_dir/run.h5 (which may be the run's own) with every finished trial of the run inside;
 * n_trials tells how many. tmp, fsync, rename. EBB_EBUSY: an `ebb run` is at work in either. */
int ebb_pack_write(const char *run_dir, const char *to_dir, int *n_trials, struct ebb_err *err);

/* The way back: write the file of every trial that only the packed index has. */
int ebb_pack_undo(const char *run_dir, int *n_trials, struct ebb_err *err);

/* EBB_EINVAL where trials are in a packed index alone, and would be lost when it is written anew. 0
 * also where there is no index, or one that cannot be read. */
int ebb_pack_check(const char *run_dir, struct ebb_err *err);

/* What ebb_differ and ebb_about_read take for a finished trial: the path of its file or, where only
 * the packed index has it, RUN/run.h5/trials/<id>. The caller frees it. */
char *ebb_trial_path(const char *run_dir, const char *id);

#endif
