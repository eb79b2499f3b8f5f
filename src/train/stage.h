/*
 * Inside of a trial, shared by the files that hold its stages. Data walks through them in the order
 * of enum ebb_stage:
 *
 *   REST        nothing: between two steps a runner may look around
 *   EVAL        held-out samples, then greedy answers       (at step 0, every eval.cadence, the end)
 *   DRAW        questions and responses of one round; DEAL: by several policies (preference.data)
 *   JUDGED      where another policy drew: its responses under the trained one
 *   BASELINE    rollouts of the base policy, greedy answers (advantage.center=static|greedy)
 *   PROBE       exact KL to the reference                   (at evaluation cadence)
 *   ANSWER      log-likelihood of the gold answer           (information reward)
 *   KEEP        shaping, dynamic sampling; back to DRAW while groups are missing
 *   OLD, REF    passes that the options need
 *   PREPARE     advantages
 *   UPDATE      epochs x mini-batches; SELECT: tokens chosen by all of a mini-batch
 *   CLOSE       rows of the record, snapshot, controllers, next step
 *
 * A stage function either leaves a request (returns WORK), moves on (NEXT) or fails (< 0). The next
 * one finds the results of that request in place. Between two stages everything that matters lies in
 * state.def and the arena, so that a trial can be saved there; a row of the record is therefore
 * staged and appended by one stage.
 */
#ifndef EBB_TRAIN_STAGE_H
#define EBB_TRAIN_STAGE_H

#include "train/measure.h"
#include "train/store.h"
#include "train/trial.h"

/* What a stage function returns when it does not fail. */
enum { NEXT = 0, WORK = 1 };

enum ebb_stage {
	STAGE_REST,
	STAGE_EVAL,
	STAGE_EVAL_GREEDY,
	STAGE_EVAL_DONE,
	STAGE_RENEW,
	STAGE_COPY,
	STAGE_DRAW,
	STAGE_DEAL,
	STAGE_DRAWN,
	STAGE_JUDGED,
	STAGE_STATIC_DONE,
	STAGE_GREEDY,
	STAGE_GREEDY_DONE,
	STAGE_PROBE,
	STAGE_PROBE_DONE,
	STAGE_ANSWER,
	STAGE_PRIOR,
	STAGE_INFO,
	STAGE_KEEP,
	STAGE_STALE,
	STAGE_OLD,
	STAGE_OLD_DONE,
	STAGE_REF,
	STAGE_REF_DONE,
	STAGE_PREPARE,
	STAGE_UPDATE,
	STAGE_SELECT,
	STAGE_UPDATED,
	STAGE_CLOSE,
	STAGE_DONE,
	N_STAGES
};

struct ebb_trial {
	struct ebb_lab *lab;
	const struct ebb_options *o;
	struct ebb_writer *writer;
	const struct ebb_fields *fields;
	struct ebb_watch *watch;
	struct ebb_needs needs;
	struct ebb_request request;
	double started, step_started; /* ebb_clock                                               */
	enum ebb_status status;
	char cause[256];

#define EBB_STATE(type, name, about) type name;
#include "train/state.def"
#undef EBB_STATE

	struct ebb_store carry; /* kept groups beyond the batch, dynamic.surplus=carry */
	struct ebb_store fresh, batch, reference, greedy;
	struct ebb_store hand; /* one policy's responses before they are dealt, preference.data   */
	struct ebb_store eval, eval_greedy;
	struct ebb_batch view;                     /* of batch, from PREPARE on               */
	double *position_entropy, *position_count; /* (T)                                   */
	bool *keep;                                /* (prompts)                              */

	/* one update */
	int *order;  /* shuffled groups                                      (prompts)        */
	int *member; /* rows of the mini-batch                               (R)              */
	struct ebb_minibatch mb;
	double *logp, *entropy, *kl, *moment, *w_logp, *w_entropy, *w_kl; /* (R, T), moment x 4 */

	/* scratch of requests; sized for the largest of training and evaluation */
	struct ebb_prompt *prompt;
	struct ebb_sample *sample;
	struct ebb_row *row;
	int32_t *answer_token; /* (R, P + T + cue + gold)                           */
	double *answer_logp, *prior_logp, *answer_entropy; /* (R, EBB_GOLD_MAX)               */
	unsigned char *outcome;        /* (questions * samples)                      */
	unsigned char *greedy_outcome; /* (questions)                                */
	int32_t *snap_token, *snap_start;
	float *snap;              /* (R, T)                                            */
	unsigned char *snap_clip; /* enum ebb_clip_mark, rows as in batch     (R, T)          */
	double *snap_logits;      /* NaN: no update of this step yet          (bins)          */
	unsigned char *mark;      /* of one update                            (R, T)          */
	int64_t *histogram;       /* of one update                            (R, bins)       */
	struct ebb_arena arena;
};

/* ---- shared by the stages (trial.c) ---- */

/* Stage one field's value for the next row of its axis. */
void ebb_trial_set(struct ebb_trial *t, enum ebb_array_field f, const void *data);
/* Every metric of the axis, then the row. */
int ebb_trial_row(struct ebb_trial *t, enum ebb_axis axis, const struct ebb_reading *r,
		  struct ebb_err *err);
/* Leave a request: decode G samples of each of the store's questions into its arrays. Returns WORK. */
int ebb_trial_decode(struct ebb_trial *t, struct ebb_store *s, enum ebb_policy policy,
		     struct ebb_draw draw, bool greedy);
/* Leave a request: score all rows of a store; the caller names the results. Returns WORK. */
int ebb_trial_score(struct ebb_trial *t, struct ebb_store *s, enum ebb_policy policy, int against);
/* The random numbers of this step and round. */
struct ebb_draw ebb_trial_draw(const struct ebb_trial *t, enum ebb_stream stream);
/* The policy that draws this step's responses. */
enum ebb_policy ebb_trial_sampler(const struct ebb_trial *t);
/* Did another policy draw, by preference.refresh or preference.data (behaviour.c)? */
bool ebb_trial_off_policy(const struct ebb_trial *t);
/* Weight copies that it takes beyond the built-in ones. */
int ebb_trial_behaviours(const struct ebb_trial *t);
/* The rollout batch as the objective sees it, from PREPARE on. */
struct ebb_batch ebb_trial_view(struct ebb_trial *t);
bool ebb_trial_evaluates(const struct ebb_trial *t);
double ebb_trial_lr(const struct ebb_trial *t);
void ebb_trial_diverge(struct ebb_trial *t, const char *cause);

/* ---- the stages; one file a phase ---- */

#define EBB_STAGE(name) int ebb_stage_##name(struct ebb_trial *t, struct ebb_err *err)
EBB_STAGE(eval); /* evaluate.c */
EBB_STAGE(eval_greedy);
EBB_STAGE(eval_done);
EBB_STAGE(copy); /* behaviour.c */
EBB_STAGE(deal);
EBB_STAGE(renew); /* collect.c */
EBB_STAGE(draw);
EBB_STAGE(drawn);
EBB_STAGE(judged);
EBB_STAGE(static_done);
EBB_STAGE(greedy);
EBB_STAGE(greedy_done);
EBB_STAGE(probe);
EBB_STAGE(probe_done);
EBB_STAGE(answer);
EBB_STAGE(prior);
EBB_STAGE(info);
EBB_STAGE(keep);
EBB_STAGE(stale); /* update.c */
EBB_STAGE(old);
EBB_STAGE(old_done);
EBB_STAGE(ref);
EBB_STAGE(ref_done);
EBB_STAGE(prepare);
EBB_STAGE(update);
EBB_STAGE(select);
EBB_STAGE(updated);
EBB_STAGE(close);

#endif
