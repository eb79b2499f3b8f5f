/*
 * The trials of a run, each once, and where each stands, for commands that look on while an
 * `ebb run` may be at work.
 */
#ifndef EBB_COMMAND_ROSTER_H
#define EBB_COMMAND_ROSTER_H

#include <sys/stat.h>
#include "base/buf.h"
#include "record/standing.h"

struct ebb_roster_row {
	const char *id; /* owned by run                                           */
	int arm, seed;  /* indices in run: where the trial stands first           */
	struct ebb_standing standing;
	struct stat file; /* of a finished record that was read; st_ino 0: none     */
};

struct ebb_roster {
	struct ebb_run run;
	struct stat index; /* of the index that was read */
	struct ebb_roster_row *row;
	int n;
	int count[EBB_N_STATES];
	bool working; /* an `ebb run` holds the run */
};

/* Open a run and look at every trial. Safe to release when zero. */
int ebb_roster_open(struct ebb_roster *roster, const char *path, struct ebb_err *err);
/* Look again. An index that was replaced is read anew: *anew tells, and rows have moved. Finished
 * records that did not change are not read a second time. */
int ebb_roster_refresh(struct ebb_roster *roster, bool *anew, struct ebb_err *err);
void ebb_roster_release(struct ebb_roster *roster);

const char *ebb_roster_label(const struct ebb_roster *roster, int i);
uint64_t ebb_roster_seed(const struct ebb_roster *roster, int i);

/* "8 trials: 2 running, 5 done, 1 queued" and whether a run is at work. */
void ebb_roster_summary(const struct ebb_roster *roster, struct ebb_buf *out);

#endif
