/*
 * Several runs as one, for a comparison or a figure: its arms are those of all runs in the order
 * they were given, its seeds the union. Every reader of record.h works on it; each trial is read
 * from the folder of its own run.
 *
 * - An arm that several runs have is one arm, with the seeds of all of them: same label, and a
 *   finished trial of each has the same options (group `run` aside) and was made by the same build.
 *   Such trials of one seed are the same numbers; the run named first that finished one has it.
 * - Arms of the same label that are not the same keep apart as "TAG: label". Other labels stay.
 * - Every arm has one more setting, "run": the tag of its run. Arms that are alike but for their
 *   run are compared by it.
 * - A seed that an arm's run does not have is a trial without id.
 * - name is the names joined by " + ", dir that of the first; figures are the union; claims, which
 *   speak of one run's arms, are none.
 */
#ifndef EBB_RECORD_JOIN_H
#define EBB_RECORD_JOIN_H

#include "record/record.h"

#define EBB_SOURCES_MAX 64
#define EBB_JOIN_KEY    "run" /* the setting that tells the runs apart */

/* One path: ebb_run_open. The same folder twice is EBB_EINVAL. Release with ebb_run_release; safe
 * to release when zero. */
int ebb_run_join(struct ebb_run *out, const char *const *path, int n, struct ebb_err *err);

#endif
