/*
 * Inside of a trial, shared by the files that hold its stages. Data walks through them in the order
 * of enum ebb_stage:
 *
 *   REST        nothing: between two steps a runner may look around
 *   EVAL        held-out samples, greedy answers, samples at further temperatures, and the chains
 *               of I(q;r)                             (at step 0, every eval.cadence, the end)
 *   TREES       held-out trees, grown like those of training        (ib.probe, with an evaluation)
 *   CHOOSE      the prompts of em.prompts, before the first step
 *   DRAW        questions and responses of one round; DEAL: by several policies (preference.data);
 *               DRAWN: judged, and where they grow on trees the next ones drawn until the trees are
 *               whole
 *   JUDGED      where another policy drew: its responses under the trained one
 *   BASELINE    rollouts of the base policy, greedy answers (advantage.center=static|greedy)
 *   INJECT      stored trajectories where the reference policy fails (advantage.acc0=inject)
 *   PROBE       exact KL to the reference and back          (at evaluation cadence)
 *   ANSWER      log-likelihood of the gold answer           (information reward)
 *   KEEP        shaping, dynamic sampling; back to DRAW while groups are missing
 *   STALE, START  copies of today's weights that the options need
 *   OLD, REF    passes that the options need
 *   VALUES      the critic's values, before any update
 *   PREPARE     advantages
 *   SHIFT       logits of the probe states before and after the step's first update, which measure
 *               the entropy change that was predicted                (probe.cadence)
 *   UPDATE      epochs x mini-batches; CRITIC: a separate critic's, before the policy's; SELECT:
 *               tokens chosen by all of a mini-batch
 *   CLOSE       rows of the record, snapshot, controllers, next step
 *
 * A stage function either leaves a request (returns WORK), moves on (NEXT) or fails (< 0). The next
 * one finds the results of that request in place. Between two stages everything that matters lies in
 * state.def and the arena, so that a trial can be saved there; a row of the record is therefore
 * staged and appended by one stage.
 */
#ifndef EBB_TRAIN_STAGE_H
#define EBB_TRAIN_STAGE_H

#include "objective/guard.h"
#include "objective/tree.h"
#include "train/measure.h"
#include "train/store.h"
#include "train/trial.h"

/* What a stage function returns when it does not fail. */
enum { NEXT = 0, WORK = 1 };

enum ebb_stage {
	STAGE_REST,
	STAGE_EVAL,
	STAGE_EVAL_GREEDY,
	STAGE_TREES,
	STAGE_TREES_DRAWN,
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
	STAGE_COPY,
	STAGE_REFRESH,
	STAGE_DRAW,
	STAGE_DEAL,
	STAGE_DRAWN,
	STAGE_JUDGED,
	STAGE_STATIC_DONE,
	STAGE_GREEDY,
	STAGE_GREEDY_DONE,
	STAGE_PROBE,
	STAGE_PROBE_DONE,
	STAGE_INJECT,
	STAGE_INJECT_DONE,
	STAGE_ANSWER,
	STAGE_PRIOR,
	STAGE_INFO,
	STAGE_KEEP,
	STAGE_STALE,
	STAGE_START,
	STAGE_OLD,
	STAGE_OLD_DONE,
	STAGE_REF,
	STAGE_REF_DONE,
	STAGE_VALUES,
	STAGE_VALUES_DONE,
	STAGE_PREPARE,
	STAGE_SHIFT,
	STAGE_SHIFT_DRAWN,
	STAGE_SHIFT_READY,
	STAGE_CRITIC,
	STAGE_CRITIC_DONE,
	STAGE_UPDATE,
	STAGE_SELECT,
	STAGE_UPDATED,
	STAGE_SHIFT_AFTER,
	STAGE_SHIFT_DONE,
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
	struct ebb_store hand; /* one policy's responses before they are dealt, preference.data   */
	struct ebb_store eval, eval_greedy;
	struct ebb_store trees;      /* of the probe of IB-Score                              */
	struct ebb_store candidates; /* em.select                                             */
	struct ebb_store chains;     /* eval.chains, one response each                        */
	struct ebb_store shift; /* probe states of the entropy change: one row a question     */
	bool shift_drawn; /* it holds them: not saved, since drawing them again gives the same */
	float *shift_before, *shift_after; /* their raw logits            (rows of shift, T, V) */
	double *shift_scratch;             /*                                 (2 V)         */
	struct ebb_batch view;             /* of batch, from PREPARE on               */
	double *position_entropy, *position_count; /* (T)                                   */
	double *decile_entropy;                    /* (EBB_DECILES)                         */
	double *decile_depth;                      /* branches, with trees (EBB_DECILES)    */
	double *kl_old, *w_kl_old;      /* KL(old || new), covariance.penalty=full     (R, T) */
	double *pool_logp, *pool_logit; /* of all rows of batch, covariance.scope      (R, T) */
	double *logit;                  /* of the mini-batch's tokens                  (R, T) */
	bool *keep;                     /* (prompts)                              */

	/* group sampling of static baselines */
	bool *barred, *failed;  /* prompts dropped; all reference rollouts wrong (prompts)        */
	int32_t *demonstration; /* scratch                                   (response limit) */

	/* a critic; empty without one */
	double *value_drawn, *value_end; /* before the updates                (R, T), (R)      */
	double *target;                  /* what the value is fitted to       (R, T)           */
	double *value, *w_value;         /* of one update                     (R, T)           */
	double *wide_value, *wide_logp, *wide_entropy; /* scratch             (R, T + 1)       */

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
	int *sample_row; /* row of the store that a sample of a growing tree writes          */
	struct ebb_row *row;
	int32_t *answer_token; /* (R, P + T + cue + gold)                           */
	double *answer_logp, *prior_logp, *answer_entropy; /* (R, EBB_GOLD_MAX)               */
	float *logits;        /* of the probe                            (R, T, V)          */
	double *logits_work;  /*                                         (V)                */
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
	struct ebb_tree tree;     /* one at a time                           (nodes), (G, T)      */
	struct ebb_ib *ib;        /* its scores                              (nodes)              */
	int *branches;            /* nodes to branch off from                (tree.width)         */
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
/* The policy that draws this step's responses; behind the static baseline; of the critic's values. */
enum ebb_policy ebb_trial_sampler(const struct ebb_trial *t);
enum ebb_policy ebb_trial_static(const struct ebb_trial *t);
enum ebb_policy ebb_trial_critic(const struct ebb_trial *t);
/* The policy that draws responses, whoever it is; did another one than the trained one draw, by
 * preference.refresh or preference.data; weight copies that it takes beyond the built-in ones
 * (behaviour.c). */
enum ebb_policy ebb_trial_behaviour(const struct ebb_trial *t);
bool ebb_trial_off_policy(const struct ebb_trial *t);
int ebb_trial_behaviours(const struct ebb_trial *t);
bool ebb_trial_evaluates(const struct ebb_trial *t);
/* Of the evaluations, those with the costlier probes: probe.cadence. */
bool ebb_trial_probes(const struct ebb_trial *t);
/* Does anybody want to know? What is measured changes nothing in a trial but where a controller or a
 * guard follows it, so that one which nobody records or watches measures nothing. */
bool ebb_trial_measures(const struct ebb_trial *t);
/* The entropy of this step against those before: exploded, collapsed, lost (marks.c). */
void ebb_trial_mark(struct ebb_trial *t);
/* It has exploded and entropy.guard=stop: nothing but an evaluation is left. */
bool ebb_trial_stops(const struct ebb_trial *t);
/* Does this step measure the entropy change of its first update? (shift.c) */
bool ebb_trial_shifts(const struct ebb_trial *t);
/* Rows that hold the probe states, unless responses are very short. */
int ebb_trial_shift_rows(const struct ebb_options *o, int T);
double ebb_trial_lr(const struct ebb_trial *t);
struct ebb_optim_rule ebb_trial_rule(const struct ebb_trial *t, double lr);
/* The batch as the objective sees it. */
struct ebb_batch ebb_trial_view(struct ebb_trial *t);
void ebb_trial_diverge(struct ebb_trial *t, const char *cause);

/* ---- shared by the updates of the policy and the critic (update.c) ---- */

/* Deal the current mini-batch: members, rows of the pass, denominators. */
int ebb_update_begin(struct ebb_trial *t, struct ebb_err *err);
/* It went wrong: its row, the step's snapshot if one is due, and the end of the trial. */
int ebb_update_fail(struct ebb_trial *t, const char *cause, struct ebb_err *err);

/* ---- the tensors of a step (snapshot.c) ---- */

/* Does this step keep its tensors? */
bool ebb_snapshot_due(const struct ebb_trial *t);
void ebb_snapshot_begin(struct ebb_trial *t);
/* What the update that was just done adds; a later one with the same tokens replaces its marks. */
void ebb_snapshot_update(struct ebb_trial *t);
int ebb_snapshot_write(struct ebb_trial *t, struct ebb_err *err);

/* ---- critic.c, inject.c ---- */

bool ebb_critic_separate(const struct ebb_trial *t);
void ebb_critic_register(struct ebb_trial *t, int rows, int T);
void ebb_inject_register(struct ebb_trial *t, int groups, int T);
/* After the reference rollouts were judged: which prompts group sampling drops. */
void ebb_inject_judge(struct ebb_trial *t);
/* Is one of these rows of the batch a stored trajectory? */
bool ebb_inject_any(const struct ebb_trial *t, const int *row, int n);
/* ---- trees (grow.c) ---- */

/* Register what growing trees wants. */
void ebb_grow_register(struct ebb_trial *t);
/* Leave a request for the next samples of the store's groups, t->drawn .. of G: all of them, or those
 * that branch off now. Returns WORK. */
int ebb_grow(struct ebb_trial *t, struct ebb_store *s, enum ebb_tree_sampler sampler,
	     enum ebb_policy policy, struct ebb_draw draw);
/* What the trees of a draw cost and say. */
void ebb_grow_measure(struct ebb_trial *t, const struct ebb_store *s, struct ebb_reading *r);

/* ---- the stages; one file a phase ---- */

#define EBB_STAGE(name) int ebb_stage_##name(struct ebb_trial *t, struct ebb_err *err)
EBB_STAGE(eval); /* evaluate.c */
EBB_STAGE(eval_greedy);
EBB_STAGE(eval_done);
EBB_STAGE(trees); /* grow.c */
EBB_STAGE(trees_drawn);
EBB_STAGE(heat); /* probe.c */
EBB_STAGE(heated);
EBB_STAGE(chains);
EBB_STAGE(chains_ask);
EBB_STAGE(chains_heard);
EBB_STAGE(eval_close); /* evaluate.c */
EBB_STAGE(renew);      /* collect.c */
EBB_STAGE(choose);     /* oneshot.c */
EBB_STAGE(chosen);
EBB_STAGE(copy); /* behaviour.c */
EBB_STAGE(deal);
EBB_STAGE(refresh); /* collect.c */
EBB_STAGE(draw);
EBB_STAGE(drawn);
EBB_STAGE(judged);
EBB_STAGE(static_done);
EBB_STAGE(greedy);
EBB_STAGE(greedy_done);
EBB_STAGE(probe);
EBB_STAGE(probe_done);
EBB_STAGE(answer); /* answer.c */
EBB_STAGE(prior);
EBB_STAGE(info);
EBB_STAGE(keep);   /* collect.c */
EBB_STAGE(inject); /* inject.c */
EBB_STAGE(inject_done);
EBB_STAGE(values); /* critic.c */
EBB_STAGE(values_done);
EBB_STAGE(critic);
EBB_STAGE(critic_done);
EBB_STAGE(stale); /* update.c */
EBB_STAGE(start);
EBB_STAGE(old);
EBB_STAGE(old_done);
EBB_STAGE(ref);
EBB_STAGE(ref_done);
EBB_STAGE(prepare);
EBB_STAGE(update);
EBB_STAGE(select);
EBB_STAGE(updated);
EBB_STAGE(close);
EBB_STAGE(shift); /* shift.c */
EBB_STAGE(shift_drawn);
EBB_STAGE(shift_ready);
EBB_STAGE(shift_after);
EBB_STAGE(shift_done);

#endif
