/*
 * Inside of a trial, shared by the files that hold its stages. Data walks through them in the order
 * of enum ebb_stage:
 *
 *   REST        nothing: between two steps a runner may look around
 *   EVAL        held-out samples, greedy answers, samples at further temperatures, and the chains
 *               of I(q;r)                             (at step 0, every eval.cadence, the end)
 *   CHOOSE      the prompts of em.prompts, before the first step
 *   DRAW        questions and responses of one round
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
	STAGE_HEAT,
	STAGE_HEATED,
	STAGE_CHAINS,
	STAGE_CHAINS_ASK,
	STAGE_CHAINS_HEARD,
	STAGE_EVAL_CLOSE,
	STAGE_RENEW,
	STAGE_CHOOSE,
	STAGE_CHOSEN,
	STAGE_DRAW,
	STAGE_DRAWN,
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

/* The prompts of em.prompts: places among the candidates, which are functions of their place. */
#define EBB_CHOSEN_MAX 64 /* the range of em.prompts */
struct ebb_chosen {
	int n, index[EBB_CHOSEN_MAX];
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
	struct ebb_store eval, eval_greedy;
	struct ebb_store candidates; /* em.select                                             */
	struct ebb_store chains;     /* eval.chains, one response each                        */
	struct ebb_batch view;       /* of batch, from PREPARE on               */
	double *position_entropy, *position_count; /* (T)                                   */
	bool *keep;                                /* (prompts)                              */

	/* one update */
	int *order;  /* shuffled groups                                      (prompts)        */
	int *member; /* rows of the mini-batch                               (R)              */
	struct ebb_minibatch mb;
	int stride; /* of these arrays: T, more where answers are rows of the pass            */
	/* (R, stride), moment x 4; 2 R rows with answers */
	double *logp, *entropy, *kl, *moment, *w_logp, *w_entropy, *w_kl;
	int *n_gold; /* of the answer rows                                    (R)            */

	/* scratch of requests; sized for the largest of training and evaluation */
	struct ebb_prompt *prompt;
	struct ebb_sample *sample;
	struct ebb_row *row;
	int32_t *answer_token; /* (R, P + T + cue + gold)                           */
	double *answer_logp, *prior_logp, *answer_entropy; /* (R, EBB_GOLD_MAX)               */
	float *logits, *logits_work; /* of the probe                     (R, T, V), (V)        */
	int *successes;              /* of a candidate                   (em.candidates)       */
	double *accuracy_at, temperature[EBB_TEMPERATURES_MAX]; /* (n_temperatures)            */
	int n_temperatures;
	int32_t *chain_token;                            /* (eval.chains, P + T)             */
	double *chain_logp, *chain_pass, *chain_entropy; /* (chains, chains), (chains, T) each */
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
/* Count a store's responses as drawn. */
void ebb_trial_charge(struct ebb_trial *t, const struct ebb_store *s);
/* Question i of this step: fresh, or one of the chosen prompts (oneshot.c). */
void ebb_trial_question(struct ebb_trial *t, int i, struct ebb_question *q);
/* The gold answer after the chain of row i, or after nothing, as a row whose gold tokens are judged;
 * token has room for ebb_trial_answer_stride (answer.c). */
struct ebb_row ebb_trial_answer_row(const struct ebb_trial *t, const struct ebb_store *s, int i,
				    bool with_chain, int32_t *token);
size_t ebb_trial_answer_stride(const struct ebb_trial *t);
/* The policy that draws this step's responses. */
enum ebb_policy ebb_trial_sampler(const struct ebb_trial *t);
bool ebb_trial_evaluates(const struct ebb_trial *t);
double ebb_trial_lr(const struct ebb_trial *t);
void ebb_trial_diverge(struct ebb_trial *t, const char *cause);

/* ---- the stages; one file a phase ---- */

#define EBB_STAGE(name) int ebb_stage_##name(struct ebb_trial *t, struct ebb_err *err)
EBB_STAGE(eval); /* evaluate.c */
EBB_STAGE(eval_greedy);
EBB_STAGE(eval_done);
EBB_STAGE(heat); /* probe.c */
EBB_STAGE(heated);
EBB_STAGE(chains);
EBB_STAGE(chains_ask);
EBB_STAGE(chains_heard);
EBB_STAGE(eval_close); /* evaluate.c */
EBB_STAGE(renew);      /* collect.c */
EBB_STAGE(choose);     /* oneshot.c */
EBB_STAGE(chosen);
EBB_STAGE(draw);
EBB_STAGE(drawn);
EBB_STAGE(static_done);
EBB_STAGE(greedy);
EBB_STAGE(greedy_done);
EBB_STAGE(probe);
EBB_STAGE(probe_done);
EBB_STAGE(answer); /* answer.c */
EBB_STAGE(prior);
EBB_STAGE(info);
EBB_STAGE(keep);  /* collect.c */
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
