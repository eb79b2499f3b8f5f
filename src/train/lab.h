/*
 * Everything one process needs to compute for one trial: kernels, threads, engine, sampler, task,
 * sized from the resolved options; and the view through which others watch it work.
 */
#ifndef EBB_TRAIN_LAB_H
#define EBB_TRAIN_LAB_H

#include <signal.h>
#include <stdatomic.h>
#include "rollout/rollout.h"
#include "task/task.h"

/*
 * What a trial shows of itself while it runs. Lives in memory shared with the parent process; plain
 * stores, a torn read costs one odd line on a screen.
 */
struct ebb_watch {
	char phase[24]; /* "pretraining", "training", "evaluating" */
	int64_t step, steps;
	double reward; /* mean of the step; while pretraining the loss, nats a token */
	double entropy, tokens_per_s, seconds;
	bool trained;    /* reward and entropy are those of a rollout batch */
	int64_t resumed; /* step of the state that was taken up; 0: none */
};

/* Set by signal handlers; every loop looks at it between steps. 0: go on. */
extern volatile sig_atomic_t ebb_stop_requested;

struct ebb_lab {
	const struct ebb_options *o; /* borrowed */
	const struct ebb_task *task;
	const struct ebb_ops *ops;
	struct ebb_pool *pool;
	struct ebb_layout layout;
	struct ebb_engine *engine;
	struct ebb_sampler *sampler;
	struct ebb_bank *bank;      /* null where no tree grows */
	int max_prompt, max_tokens; /* limits of this task under these options         */
};

/* What can only be checked with the task at hand: its own options together, the stages before the
 * base policy. Allocates nothing. */
int ebb_lab_check(const struct ebb_options *o, struct ebb_err *err);

int ebb_lab_open(struct ebb_lab *lab, const struct ebb_options *o, struct ebb_err *err);
void ebb_lab_close(struct ebb_lab *lab); /* safe when zero */

/* The letters of the policy these options ask for. The task must be known. */
struct ebb_model ebb_lab_model(const struct ebb_options *o);

/* The largest response: sample.max_tokens or, where that is 0, the task's limit. */
int ebb_lab_response_limit(const struct ebb_options *o);

/* Held-out questions of the probe: ib.probe, eval.questions at most. */
int ebb_lab_probe(const struct ebb_options *o);

/* Do responses of this sampler branch off? */
bool ebb_lab_grows(const struct ebb_options *o, enum ebb_tree_sampler sampler);

/* Seconds of a clock that never goes backwards. */
double ebb_clock(void);

/* The weights as named tensors, prefix before each name; view has room for layout->n_tensors. */
struct ebb_tensor_view;
void ebb_weights_views(const struct ebb_weights *w, const char *prefix,
		       struct ebb_tensor_view *view);

/* ---- the base policy ---- */

/* Load the base of these options into w from base_dir (data/base), or pretrain it and store it
 * there. Two processes that want the same base at once: one trains, the other waits. */
int ebb_base_get(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		 struct ebb_watch *watch, struct ebb_err *err);

/* base_dir/<hash>.h5 of these options; caller frees. */
char *ebb_base_path(const struct ebb_options *o, const char *base_dir);

/* ---- a base that is another trial's policy: pretrain.from = RUN/TRIAL@STEP (branch.c) ---- */

struct ebb_definition;

/* Make the definition's trials anew where pretrain.from or preference.data names another run's, so
 * that each has the ids of the trials it takes policies from, whatever the user named them by
 * (branch_name.c). An error where one is not there. */
int ebb_branch_plan(struct ebb_definition *def, struct ebb_err *err);

struct ebb_branch {
	char dir[EBB_STR_MAX], id[EBB_ID_MAX];
	int64_t step;
};

/* False: the text is not RUN/ID@STEP with a whole id. */
bool ebb_branch_parse(const char *from, struct ebb_branch *branch);
/* Can the policy be had: is the trial finished and does it reach the step, or was that state kept?
 * And is it of the shape that `ours` asks for, where that is given? */
int ebb_branch_check(const struct ebb_branch *branch, const struct ebb_options *ours,
		     struct ebb_err *err);
/* Its policy after `step` rollout batches: out of the state kept there, or computed again from the
 * nearest one before it. */
int ebb_branch_weights(const struct ebb_branch *branch, const char *base_dir, struct ebb_weights *w,
		       struct ebb_watch *watch, struct ebb_err *err);

/* ---- policies that draw for preferences: preference.data = RUN/TRIAL@STEP ... (behaviour.c) ---- */

/* The next of the words into word; false: there is none. */
bool ebb_data_next(const char **at, char word[EBB_STR_MAX]);
int ebb_data_count(const struct ebb_options *o); /* 0 where no preference is learnt */
int ebb_data_check(const struct ebb_options *o, struct ebb_err *err);
/* Load them in order; each is cached like the base that pretrain.from would make of it. */
int ebb_data_weights(struct ebb_lab *lab, const char *base_dir, struct ebb_weights *w,
		     struct ebb_watch *watch, struct ebb_err *err);

#endif
