/*
 * An algorithm only weighs tokens: from rewards and log-probabilities it makes one coefficient for
 * every response token, w_logp = dL/dlogp, w_entropy = dL/dH, w_kl = dL/dKL, and with a critic
 * w_value = dL/dV. Three steps, pure functions over host arrays; no model, device or file is known
 * here.
 *
 *   needs     which extra passes the options ask for
 *   prepare   once a rollout batch: shaped rewards, kept groups, advantages
 *   weigh     once an optimizer update: coefficients, loss, statistics
 *
 * Mathematics: policy-gradient specification (PG) sections 2, 3, 4, 7 and entropy-and-information
 * specification (EI) sections 0.3, 1.2, 4, 8. Arrays are double; (R, T) is row-major. Padded entries
 * (mask 0) may hold anything, NaN included: they are never read into a result, and get exactly 0.
 */
#ifndef EBB_OBJECTIVE_OBJECTIVE_H
#define EBB_OBJECTIVE_OBJECTIVE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/rng.h"
#include "options/options.h"

/* ---- needs ---- */

struct ebb_needs {
	bool ref_logp;	    /* log-probability of the drawn tokens under the reference         */
	bool exact_kl;	    /* KL over the vocabulary inside the gradient pass (kl.estimator=full) */
	bool old_kl;	    /* KL(old || new) over the vocabulary inside it (covariance.penalty=full) */
	bool answer;	    /* log-likelihood of the gold answer after the chain               */
	bool answer_prior;  /* the same without the chain (info.norm=gain_*)                    */
	bool answer_rows;   /* answers are rows of the gradient pass (info.grad=direct, both)   */
	bool clusters;	    /* the group's rewards follow from its answers (objective/cluster.h) */
	int reference_samples; /* rollouts of the static baseline's policy a prompt; 0: none    */
	bool greedy;	    /* one greedy response a prompt                                    */
	bool trees;	    /* responses branch off from others: batch.paths                */
	bool batch_scope;	    /* ebb_weigh_select before the rows of an update: tokens chosen by
			     * covariance, pairs of responses                          */
	bool pool;		    /* which chooses among all rows of the batch               */
	bool logit;		    /* and it wants the raw logits of the drawn tokens         */
	bool critic;	    /* V of every token under the critic, and after truncated responses
			     * with critic.bootstrap=value                             */
	bool inject;	    /* stored trajectories for prompts the reference policy fails on   */
	bool own_pass;	    /* another policy draws (preferences): what it drew is scored, too */
	bool old_pass;	    /* old must be recomputed by the trainer: the sampler is not exact */
};

void ebb_objective_needs(const struct ebb_options *o, struct ebb_needs *needs);

/* ---- prepare ---- */

/* How the responses of a group hang together (objective/tree.h): from counts inside the group. Rows of
 * a group lie side by side in the order in which they were drawn. */
struct ebb_batch_paths {
	int *from, *shared;  /* (R)   */
	unsigned char *ends; /* (R,T) */
	int32_t *token;      /* (R,T) */
};

/* One rollout batch. The caller owns all arrays; columns: meaning, shape, who fills it. */
struct ebb_batch {
	int R, T, n_groups;
	const int *group;	     /* prompt group 0..n_groups-1            (R)    caller        */
	unsigned char *mask;	     /* 1 on response tokens, end mark included (R,T) caller; prepare
				      * clears filtered rows                                       */
	const int *length;	     /* tokens drawn, end mark included       (R)    caller        */
	const bool *truncated;	     /* limit reached without end mark        (R)    caller; may be null */
	const double *reward;	     /* verifier's reward in [0,1]            (R)    caller        */
	const double *old;	     /* log p under the proximal policy       (R,T)  caller        */
	const double *roll;	     /* log p the sampler drew with           (R,T)  caller; null: old */
	const double *entropy;	     /* exact entropy when drawn, nats        (R,T)  caller; null unless
				      * entropy.grad or token.mask asks for it                     */
	const double *ref;	     /* log p under the reference             (R,T)  caller; may be null */
	const double *label;	     /* log p under the policy that drew      (R,T)  caller; null: old */
	const double *start;	     /* of the reference, where some pass knows it: the drift of
				      * preferences is measured from it       (R,T)  caller; may be null */
	const double *info;	     /* information reward rho, EI 4.6        (R)    caller; may be null */
	const double *baseline;	     /* static or greedy baseline, in units of shaped (n_groups) caller;
				      * null unless advantage.center asks for it                   */
	const double *value;	     /* V of the state before each token, before the updates (R,T)
				      * caller; null: no critic                                    */
	const double *value_end;     /* V of the state after the last token   (R)    caller; null unless
				      * critic.bootstrap asks for it                               */
	const bool *injected;	     /* a stored trajectory of another policy (R)    caller; may be null */
	double *target;		     /* what V is fitted to                   (R,T)  prepare, with value */
	const struct ebb_batch_paths *paths; /* with needs.trees; else null                     */
	const bool *left_out;	     /* groups that get no advantage and count in no statistics of
				      * one: their clusters say so       (n_groups) caller; may be null */
	double *shaped;		     /* reward after scale, truncation rule, overlong (R) shape    */
	double *advantage;	     /* A                                     (R,T)  prepare       */
};

struct ebb_prepare_stats {
	double shaped_mean;		     /* after KL in the reward too                 */
	double adv_mean, adv_std, adv_zero_frac; /* over masked tokens                     */
	double adv_min, adv_max;
	double adv_std_raw;		     /* before whitening; NaN without it               */
	double value_mean, return_mean, explained_variance; /* NaN without a critic           */
	double info_share; /* cov(A_info, A) / var(A) over responses, before whitening; NaN without info
			    * in the advantage                                          */
	double degenerate_frac, degenerate_pred, all_correct_frac, all_wrong_frac; /* of groups */
	double info_mean, info_std, info_only_frac; /* NaN without info                    */
	double cov_positive, cov_top[5]; /* share of tokens with a positive one; mean of the largest
					  * 0.02, 0.2, 2, 20 and 50 % of them, EI 2.6; the first
					  * not-a-number where it is less than a token          */
	double cov_group, cov_group_pg; /* mean over groups of the response-wise one, EI 2.4    */
	double cov_mean; /* mean of (logp - mean)(A - mean) over masked tokens, EI 2.3     */
};

/* Share of a batch's tokens as drawn whose old or roll is no log-probability and becomes the floor.
 * Above EBB_FLOORED_MAX end the trial (PG 7). Before prepare, which clears filtered rows. */
double ebb_objective_floored(const struct ebb_options *o, const struct ebb_batch *b);
#define EBB_FLOORED_MAX 1e-3

/* reward -> shaped: reward.scale, reward.truncated, overlong soft penalty. Per row. L_max is
 * overlong.max, else sample.max_tokens, else T. */
void ebb_objective_shape(const struct ebb_options *o, struct ebb_batch *b);

/* Dynamic sampling: keep[g] = the metric of dynamic.on differs inside group g (or it is off).
 * correct: reward; shaped: shaped; total: info joined in by info.combine. */
void ebb_objective_keep(const struct ebb_options *o, const struct ebb_batch *b, bool *keep);

/* shaped (already filled) -> advantage, overlong filter. kl_coef is the controller's current
 * coefficient (kl.coef when fixed). stats may be null. */
void ebb_objective_prepare(const struct ebb_options *o, struct ebb_batch *b, double kl_coef,
			   struct ebb_prepare_stats *stats);

/* ---- weigh ---- */

/* Pairs of a mini-batch, EI 8.6; means over pairs, NaN without one. Log-probabilities are means over a
 * response's tokens. */
struct ebb_pair_stats {
	double loss;		       /* without the supervised term; 0 without a pair       */
	double sft;		       /* mean negative log-likelihood of chosen responses    */
	double accuracy, margin;       /* share with S+ > S-; S+ - lambda S-                   */
	double logp[2], drift[2];      /* chosen, rejected; less the start's, NaN without it  */
	double kl[2];		       /* label's log-probability less the policy's           */
	double length[2];
	double pairs, skipped, excluded; /* pairs; groups without one; responses cut at the limit */
};

struct ebb_weigh_stats {
	double loss, pg_loss, kl_loss, entropy_loss; /* kl_loss before its coefficient            */
	double clip_low, clip_high, clip_dual;	     /* shares of masked tokens                   */
	double clip_sequence;			     /* share of rows with a token clipped; for the
						      * sequence levels of clipped rows           */
	double clip_high_prob;			     /* mean p of tokens counted in clip_high; NaN: none */
	double ratio_mean, ratio_max, ratio_min;
	double log_ratio_clamped, logp_floored;	     /* counts                                    */
	double ppo_kl, ppo_kl_k3, drift_abs;	     /* mean(-x), mean(rho - 1 - x), mean |x|     */
	double kl_ref_k1, kl_ref_k2, kl_ref_k3;	     /* NaN without ref                           */
	double entropy_mean;			     /* over masked tokens; NaN without entropy   */
	double tis_mean, tis_max, tis_ess;	     /* NaN with tis off                          */
	double cov_candidates, cov_chosen_frac;	     /* of the selection; NaN without one, and ... */
	double cov_drift, cov_positive, cov_prob;    /* over chosen tokens: mean |log p - log old|,
						      * share with A > 0, mean p; NaN for none */
	double token_kept;			     /* share left to the policy term; NaN: no mask */
	double info_loss;			     /* answer term; NaN without answer rows      */
	double n_tokens, n_rows;		     /* N and S of the mini-batch                 */
	double kl_old_loss;			     /* before kl_old.coef                        */
	double value_loss, value_clip;		     /* before critic.coef; share of masked tokens;
						      * NaN where no values were weighed       */
	double ratio_injected;			     /* mean over tokens of injected rows; NaN: none */
	double log_ratio_abs_max, neg_logp_mean, adv_zero_frac;
	double old_floored, ref_floored, kl_log_clamped; /* counts; old_floored: old or roll      */
	struct ebb_pair_stats pair;		     /* NaN without preferences                   */
};

/* What the clip did to a token in an update. */
enum ebb_clip_mark {
	EBB_CLIP_NOT,        /* the token's gradient passed                              */
	EBB_CLIP_LOW,        /* cut at the lower limit                                   */
	EBB_CLIP_HIGH,       /* cut at the upper limit                                   */
	EBB_CLIP_DUAL,       /* cut at the dual limit                                    */
	EBB_CLIP_NONE = 255, /* no token, or one that the policy term leaves out         */
};

/*
 * One optimizer update. begin() computes the denominators, TIS weights and gamma schedule, which
 * need the mask and frozen arrays alone; rows() may then be called for any ranges that cover
 * 0..n-1 once each, from several threads; finish() sums the statistics in row order, so that
 * neither the order nor the cut of the calls can change a bit.
 *
 * private_ must be null before the first begin(); later ones on the same struct reuse its memory
 * where it suffices. A logp that is not-a-number makes the loss not-a-number: the caller judges it.
 */
struct ebb_minibatch {
	const struct ebb_options *o;
	const struct ebb_batch *batch;
	const int *row;		/* rows of the batch in this update         (n)                 */
	int n, stride;		/* arrays below are (n, stride), stride >= batch->T             */
	int n_answers;		/* 0, or n further rows of the pass behind these: the gold answers
				 * after the chains, judged by info.grad=direct; of logp and w_* only */
	const int *n_gold;	/* their tokens, at most stride            (n_answers)          */
	double kl_coef, entropy_coef; /* of this step: the controllers' */
	int limit;		/* response limit in tokens: Tmax of gamma, C of the -norm aggregates */
	const double *logp;	/* log p under the current policy           (n, stride)         */
	const double *entropy;	/* exact entropy, nats; may be null         (n, stride)         */
	const double *kl;	/* exact KL; may be null                    (n, stride)         */
	const double *kl_old;	/* exact KL(old || new); null unless needs.old_kl (n, stride)   */
	const double *pool_logp, *pool_logit; /* of all rows; needs.pool           (R, T)         */
	const double *logit;	/* raw logit of the token; null unless needs.logit (n, stride)  */
	const double *value;	/* V of the critic; null: no value loss     (n, stride)         */
	double *w_logp, *w_entropy, *w_kl; /* results; the last two may be null (n, stride)    */
	double *w_value;	/* result: dL/dV, with value                (n, stride)         */
	double *w_kl_old;	/* result, beside kl_old                    (n, stride)         */
	unsigned char *mark;	/* result: enum ebb_clip_mark; may be null  (n, stride)         */
	struct ebb_draw select; /* random numbers of the selection: slot is the row of the batch,
				 * position the token                                          */
	struct ebb_draw pair;	/* random numbers of preference.pairing: slot is the group    */
	const double *select_key; /* in their place, for tests; may be null     (n, stride) */
	struct ebb_weigh_private *private_;
};

int ebb_weigh_begin(struct ebb_minibatch *mb, struct ebb_err *err);
/* With needs.batch_scope, between begin and the first rows: what all of logp decides, tokens chosen by
 * their covariance or pairs of responses. The mini-batch holds whole groups. */
void ebb_weigh_select(struct ebb_minibatch *mb);
void ebb_weigh_rows(void *minibatch, int first, int count); /* fits ebb_pass.weigh */
/* In its place where the values are those of a separate critic: the value loss alone. */
void ebb_weigh_values(void *minibatch, int first, int count);
void ebb_weigh_finish(struct ebb_minibatch *mb, struct ebb_weigh_stats *stats);
/* After ebb_weigh_values: the value loss and the share of tokens its clip acts on. */
void ebb_weigh_values_finish(struct ebb_minibatch *mb, double *loss, double *clip);
void ebb_weigh_release(struct ebb_minibatch *mb);

/* Masked tokens of the mini-batch after prepare; 0: skip the optimizer step (PG 7). */
int64_t ebb_weigh_tokens(const struct ebb_minibatch *mb);

/* ---- small pieces with a use of their own ---- */

/* gamma(t) of the response token with ordinal 1, 2, ..., EI 4.4. length: this response's. */
double ebb_gamma(const struct ebb_options *o, int ordinal, int limit, int length);

/* The derivative of rho by every token's log-likelihood, 0 under the floor; returns rho. Not for
 * gain_*: what they subtract depends on the policy, too. */
double ebb_info_slope(const struct ebb_options *o, const double *logp, int n, double *slope);

/* rho of EI 4.6 from the answer's token log-likelihoods and, for gain_*, those without the chain. */
double ebb_info_reward(const struct ebb_options *o, const double *logp, const double *prior, int n);

/* coef *= 1 + clip(KL/target - 1, -0.2, 0.2) n / horizon, PG 3.4. */
double ebb_kl_adapt(const struct ebb_options *o, double coef, double kl, int n_responses);

/*
 * alpha over the steps, entropy.control (EI 1.3). What is remembered begins at start; after every step
 * whose measured entropy was h nats (entropy.measure) it is adapted. What applies to a step follows
 * from what is remembered, the step's number and the h before it (any at step 0).
 */
double ebb_alpha_start(const struct ebb_options *o);
double ebb_alpha_adapt(const struct ebb_options *o, double alpha, double h);
double ebb_alpha_at(const struct ebb_options *o, double alpha, double h, int64_t step);

/* Soft penalty for n response tokens, PG 4.5 part 4b; cache 0: none up to max, -factor beyond. */
double ebb_overlong_penalty(double max, double cache, double factor, int n);

/* Eff-Rate and Avg-Rate, EI 5.6: share of groups of G whose rewards differ, mean reward. */
void ebb_group_rates(const double *reward, int n_groups, int G, double *eff, double *avg);

/* p^G + (1-p)^G. */
double ebb_degenerate_probability(double p, int G);

#endif
