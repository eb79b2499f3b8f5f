/*
 * The curves of a run's trials while the run goes on: of running and stale trials from their
 * journals, of finished ones from their files, each read again only when it changed.
 */
#ifndef EBB_COMMAND_FOLLOW_H
#define EBB_COMMAND_FOLLOW_H

#include "command/roster.h"

#define EBB_FOLLOW_MAX 4 /* curves a trial */

struct ebb_follow_curve {
	double *x, *y; /* steps and values        (n) */
	int64_t n;
};

struct ebb_follow_trial {
	char id[EBB_ID_MAX];
	bool finished;    /* the curves are those of a finished file          */
	struct stat file; /* that was read; st_ino 0: none                    */
	struct ebb_follow_curve curve[EBB_FOLLOW_MAX];
	double tokens_per_s, step_s; /* of the last rows of a running trial; NaN: not known */
};

struct ebb_follow {
	char *metric[EBB_FOLLOW_MAX]; /* names of datasets, owned */
	char unit[EBB_FOLLOW_MAX][32];
	int n_metrics;
	struct ebb_follow_trial *trial; /* as the rows of the roster */
	int n;
};

/* What to follow, in the user's words; metrics that only a task has are looked for in the records
 * and journals. EBB_ENOENT names the nearest word. Safe to release when zero. */
int ebb_follow_init(struct ebb_follow *f, const struct ebb_roster *roster, const char *const *word,
		    int n_words, struct ebb_err *err);
/* Read what changed, running trials first, for at most so many seconds; returns how many trials
 * are left for the next call. What cannot be read has no curve: its standing says why. */
int ebb_follow_read(struct ebb_follow *f, const struct ebb_roster *roster, double seconds);
void ebb_follow_release(struct ebb_follow *f);

#endif
