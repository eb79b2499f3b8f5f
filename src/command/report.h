/*
 * The report of a run: everything it will say is read first (report_read.c), then each part of the
 * page is written from that (report_*.c). The page holds nothing that changes from one writing to
 * the next: same records, same bytes.
 */
#ifndef EBB_COMMAND_REPORT_H
#define EBB_COMMAND_REPORT_H

#include "analysis/compare.h"
#include "analysis/resolved.h"
#include "analysis/verdict.h"
#include "base/buf.h"
#include "command/roster.h"
#include "record/about.h"

/* What a finished trial tells of its making, besides its curves. */
struct ebb_report_trial {
	char *started, *stopped; /* UTC, ISO 8601; null: not finished          */
	double wall_s;           /* NaN: not known                             */
	char *arms;              /* labels of all arms that share it           */
};

/* A fact in which the trials' programs or machines differ, and how many trials have which value. */
struct ebb_report_mix {
	char *key;
	char **value;
	int *count, n;
};

struct ebb_report_compared {
	struct ebb_comparison table;
	bool there; /* the metric was recorded */
};

enum { EBB_REPORT_ACCURACY, EBB_REPORT_ENTROPY, EBB_REPORT_N_METRICS };

struct ebb_report {
	const char *path, *title; /* title null: the run's name */
	struct ebb_roster roster;
	struct ebb_about about; /* of the index                                       */
	struct ebb_resolved resolved;
	struct ebb_report_trial *trial; /* a row of the roster each                          */
	struct ebb_about first;         /* of the first finished trial; empty where none is   */
	struct ebb_about *arm; /* options as a finished trial of the arm has them (n_arms) */
	struct ebb_report_mix *mix;
	int n_mix;
	struct ebb_report_compared compared[EBB_REPORT_N_METRICS];
	bool judged;
	struct ebb_judgements verdicts;
	char *unjudged;          /* why not; null otherwise */
	char *started, *stopped; /* of the earliest and the latest trial; null: none finished */
};

/* Safe to release whatever it returned. */
int ebb_report_read(struct ebb_report *r, const char *path, struct ebb_err *err);
void ebb_report_release(struct ebb_report *r);

/* Parts of the page. */
void ebb_report_head(struct ebb_buf *out, const struct ebb_report *r);
void ebb_report_verdicts(struct ebb_buf *out, const struct ebb_report *r);
void ebb_report_options(struct ebb_buf *out, const struct ebb_report *r);
int ebb_report_figures(struct ebb_buf *out, const struct ebb_report *r, struct ebb_err *err);
void ebb_report_comparison(struct ebb_buf *out, const struct ebb_report *r);
void ebb_report_trials(struct ebb_buf *out, const struct ebb_report *r);
void ebb_report_source(struct ebb_buf *out, const struct ebb_report *r);

/* A mark and a word, told apart without colour: "reproduced", "done", ... */
void ebb_report_verdict(struct ebb_buf *out, enum ebb_ruling verdict);
void ebb_report_state(struct ebb_buf *out, enum ebb_state state);

/* "-0.36 [-0.38, -0.35]" */
void ebb_report_effect(struct ebb_buf *out, const struct ebb_judgement *j);

/*
 * An estimate with its interval as a small drawing: the range from..to across its width, a line at
 * `none` (no effect), a grey stripe of none -+ margin (NaN: no stripe).
 */
struct ebb_report_interval {
	double mean, low, high, none, margin, from, to;
};
void ebb_report_interval(struct ebb_buf *out, const struct ebb_report_interval *i);

#endif
