/* A snapshot of one trial as ebb show reads and prints it. */
#ifndef EBB_COMMAND_SHOW_H
#define EBB_COMMAND_SHOW_H

#include "base/buf.h"
#include "objective/objective.h"
#include "record/record.h"
#include "task/task.h"

struct ebb_shown {
	const struct ebb_run *run; /* borrowed */
	int arm, seed;             /* indices of the run */
	const struct ebb_task *task;
	int R, T, width; /* responses, longest response, longest prompt and response */
	int G;           /* responses of a question; they stand together */
	int n_steps;     /* snapshots of this trial */
	double *steps;   /* where they were taken                         (n_steps) */
	int64_t step;    /* of this one */
	/* missing numbers are NaN */
	double *token; /* prompt, then response                       (R, width) */
	double *start; /* first response token; NaN: no response here (R)        */
	double *logp, *entropy, *advantage; /*                             (R, T)     */
	double *reward;                     /*                             (R)        */
	double *value;     /* the critic's; null: there is none           (R, T)     */
	double *clip;      /* enum ebb_clip_mark; null: not recorded      (R, T)     */
	double *histogram; /* of raw logits; null: not recorded           (bins)     */
	int n_bins;
};

/* Questions that have responses. */
int ebb_shown_questions(const struct ebb_shown *s);
/* Response tokens of row i; 0 where there is none. */
int ebb_shown_length(const struct ebb_shown *s, int i);
/* Append a token's text: the task's, or its number in angle brackets where the task has none. */
void ebb_shown_token(const struct ebb_shown *s, double token, struct ebb_buf *out);

/* Append the first n questions as text of at most so many columns, with a head and a legend. */
void ebb_show_text(const struct ebb_shown *s, int n, int columns, bool colour, struct ebb_buf *out);
/* Append the first n questions with all numbers. */
void ebb_show_json(const struct ebb_shown *s, int n, struct ebb_buf *out);

#endif
