/* What a person sees while a sweep runs: on a terminal one live line a worker, else a line now and
 * then. Everything goes to stderr. */
#ifndef EBB_SWEEP_PROGRESS_H
#define EBB_SWEEP_PROGRESS_H

#include <stdbool.h>
#include "train/lab.h"

/* One worker slot, in memory shared with its process. */
struct ebb_slot {
	struct ebb_watch watch;
	char label[96];
	char error[1024], note[512];
	int pid;     /* 0: free                                    */
	int job;     /* what it works on                           */
	bool cpu;    /* computes itself                            */
	bool told;   /* that it goes on from a saved state         */
	int attempt; /* of its trial                               */
};

struct ebb_progress {
	bool terminal, colour;
	int lines; /* live lines on the screen now */
	double last, started;
	int total, finished; /* trials of this call */
};

void ebb_progress_init(struct ebb_progress *p, int total);
/* Redraw if it is time. */
void ebb_progress_tick(struct ebb_progress *p, const struct ebb_slot *slot, int n_slots);
/* A line that stays (a trial finished, failed ...). */
void ebb_progress_say(struct ebb_progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Wipe the live lines. */
void ebb_progress_end(struct ebb_progress *p);

#endif
