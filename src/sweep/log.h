/* RUN/log.jsonl: one JSON object a line for every event of a run, appended and never rewritten. Times
 * are the wall clock's, for people; nothing is decided by them. */
#ifndef EBB_SWEEP_LOG_H
#define EBB_SWEEP_LOG_H

#include <stdint.h>
#include <stdio.h>

struct ebb_log {
	FILE *file; /* null: it could not be opened, events are dropped */
	char *past; /* its text when it was opened                      */
};

void ebb_log_open(struct ebb_log *log, const char *run_dir);
void ebb_log_close(struct ebb_log *log);

/* trial and text may be null; step < 0: none. */
void ebb_log_event(struct ebb_log *log, const char *event, const char *trial, int64_t step,
		   const char *text);

/* What happened to a trial before the log was opened. */
struct ebb_history {
	int attempts;	     /* "started" events                                  */
	char **line;	     /* "attempt 1 started 2031-01-02T03:04:05Z", ...; null-terminated */
};
void ebb_log_history(const struct ebb_log *log, const char *trial, struct ebb_history *history);
void ebb_history_release(struct ebb_history *history);

#endif
