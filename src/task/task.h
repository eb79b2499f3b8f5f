/*
 * A task asks questions and judges answers. One file a task: a constant struct ebb_task with its
 * option rows, presets, vocabulary, questions, demonstrations, verifier and curves; one row in
 * tasks.def. Nothing outside the file knows it by name.
 *
 * Tokens are int32 below vocabulary. A question is a prompt plus what the verifier needs to know;
 * questions are pure functions of a draw, so that all arms of a seed see the same ones.
 */
#ifndef EBB_TASK_TASK_H
#define EBB_TASK_TASK_H

#include "base/err.h"
#include "base/rng.h"
#include "options/lint.h"
#include "options/metrics.h"
#include "options/options.h"

#define EBB_PROMPT_MAX 64
#define EBB_GOLD_MAX 16
#define EBB_TASK_CURVES_MAX 8

struct ebb_question {
	int32_t prompt[EBB_PROMPT_MAX];
	int n_prompt;
	int32_t gold[EBB_GOLD_MAX]; /* the accepted answer's tokens, for the information reward */
	int n_gold;
	int64_t key;		    /* the same for equal prompts: tables of baselines          */
	int64_t secret[4];	    /* what the verifier needs                                  */
};

/* One response as the verifier and the curves see it: tokens with the end mark if it was drawn. */
struct ebb_answer {
	const int32_t *token;
	int n;
	bool truncated;	       /* the limit came before the end mark                    */
	const double *entropy; /* nats a token, (n); null where not known               */
};

struct ebb_verdict {
	double reward; /* in [0, 1]                                                    */
	int answer;    /* the task's own canonical answer, -1: none; for distinct answers */
	int marker;    /* index of the answer marker's token in the response, -1: none   */
};

struct ebb_task {
	struct ebb_task_rows rows; /* name, option rows, presets (rows are options.h's)          */
	const char *about;
	int vocabulary; /* token ids 0 .. vocabulary-1                                   */
	int pad, eos;
	int max_prompt, max_tokens; /* upper limits for any own options within their ranges */
	const char *const *symbol;  /* printable text of every token                      */

	/* For these own options: the longest prompt, and the response limit that sample.max_tokens=0
	 * stands for; every demonstration fits it. */
	int (*prompt_limit)(const struct ebb_options *o);
	int (*limit)(const struct ebb_options *o);

	/* Check own options together; 0, or a negative code with the remedy in err. May be null. */
	int (*check)(const struct ebb_options *o, struct ebb_err *err);

	/* The n-th question of a draw. held_out chooses the side of the split: training questions
	 * and held-out questions never share a prompt. */
	void (*question)(const struct ebb_options *o, const struct ebb_draw *draw, bool held_out,
			 struct ebb_question *q);

	/* A demonstration of the question (training side): tokens of the response, end mark
	 * included; returns their number, within limit(). */
	int (*demonstrate)(const struct ebb_options *o, const struct ebb_draw *draw,
			   const struct ebb_question *q, int32_t *token);

	void (*verify)(const struct ebb_options *o, const struct ebb_question *q,
		       const struct ebb_answer *a, struct ebb_verdict *v);

	/* The cue that comes between a chain and the gold answer when its likelihood is asked, and
	 * the closer after it (EI 4.6 step 2). n_cue may be 0. */
	int32_t cue[4];
	int n_cue;

	/* Tokens that end a step of a response, itself the step's last (EI 5.1); for tasks whose
	 * responses have none, every token is a step. */
	int32_t separator[8];
	int n_separators;

	/* Curves of the task below "task/": rows of axis STEP (over training rollouts). Each answer
	 * adds value and weight; the curve is sum(value * weight) / sum(weight). */
	const struct ebb_metric *curve;
	int n_curves;
	void (*observe)(const struct ebb_options *o, const struct ebb_question *q,
			const struct ebb_answer *a, const struct ebb_verdict *v,
			double value[EBB_TASK_CURVES_MAX], double weight[EBB_TASK_CURVES_MAX]);
};

/* All tasks (tasks.def) and one by name (null: unknown). */
const struct ebb_task *const *ebb_task_all(int *n);
const struct ebb_task *ebb_task_find(const char *name);

/* The catalog definitions are read against: every task's rows. */
const struct ebb_catalog *ebb_task_catalog(void);

/* What the lint wants to know, for ebb_definition_lint; o->task.name must be known. */
void ebb_task_lint_facts(void *unused, const struct ebb_options *o, struct ebb_lint_facts *facts);

#endif
