/*
 * The stages of the pipeline, private to the room: one file each, and each reads only the option
 * groups named beside it (and ratio.logp_floor, what a log-probability of minus infinity counts as).
 * Weighing stages turn options into a rule of token.h; preparing stages work on a whole rollout
 * batch.
 */
#ifndef EBB_OBJECTIVE_STAGES_H
#define EBB_OBJECTIVE_STAGES_H

#include "objective/objective.h"
#include "objective/preference.h"
#include "objective/token.h"
#include "objective/value.h"

/* ---- weighing ---- */

void ebb_ratio_rule_init(struct ebb_ratio_rule *r, const struct ebb_options *o); /* ratio */
void ebb_clip_rule_init(struct ebb_clip_rule *r, const struct ebb_options *o);   /* loss clip */
void ebb_tis_rule_init(struct ebb_tis_rule *r, const struct ebb_options *o);     /* tis */
/* coef: the controller's. kl kl_old */
void ebb_kl_rule_init(struct ebb_kl_rule *r, const struct ebb_options *o, double coef);
/* coef: of this step. gamma */
void ebb_entropy_rule_init(struct ebb_entropy_rule *r, const struct ebb_options *o, double coef,
			   int limit);

void ebb_value_rule_init(struct ebb_value_rule *r, const struct ebb_options *o); /* critic */

/* What a mini-batch counts, from the mask alone. */
struct ebb_counts {
	int64_t tokens;              /* N */
	int rows, nonempty;          /* R of the mini-batch; rows with a token */
	int live_groups;             /* groups with a token */
	const int *n;                /* tokens of a row (rows) */
	const int *hidden;           /* of the row's response, those before them that another row has:
				      * ebb_tree_once (rows) */
	const int *group;            /* group of a row (rows) */
	const int64_t *group_tokens; /* N_g (n_groups) */
};

/* Tokens of a response whose shared beginning left the mask: gamma(t) counts them, too. */
int ebb_tree_hidden(const struct ebb_batch *b, int row);

/* S, the sequences of a sequence mean. loss */
int ebb_aggregate_rows(const struct ebb_options *o, const struct ebb_counts *c);
/* Weight of every token of row i in the loss, 0 for an empty one; limit: C unless set. loss */
double ebb_aggregate_weight(const struct ebb_options *o, const struct ebb_counts *c, int limit,
			    int i);
/* The same for the entropy term, without gamma(t); w: the row's weight in the loss. entropy gamma */
double ebb_entropy_weight(const struct ebb_options *o, const struct ebb_entropy_rule *r,
			  const struct ebb_counts *c, int S, double w, int i);

/* TIS weights of the mini-batch's rows (rows, T), 0 outside the mask. tis */
void ebb_tis_fill(const struct ebb_tis_rule *r, const struct ebb_batch *b, const int *row,
		  const struct ebb_counts *c, double floor, double *tis);

/* What every token adds to the advantage (n, T), 0 outside the mask: the entropy that follows it.
 * w, w_entropy: a row's weight in the policy and in the entropy term (n). entropy gamma */
struct ebb_score_room {
	double *to_go;       /* (T) */
	double *sum, *count; /* (n_groups, T) */
};
void ebb_score_fill(const struct ebb_entropy_rule *r, const struct ebb_batch *b, const int *row,
		    int n, double floor, const struct ebb_score_room *room, const double *w,
		    const double *w_entropy, double *score);
/* The entropy that follows each token of row i of the batch, before any weight or baseline (T). */
void ebb_score_to_go(const struct ebb_entropy_rule *r, const struct ebb_batch *b, int i,
		     double floor, double *to_go);

/* Tokens of the policy term on the grid of the mini-batch (n, T), 0 outside the mask. token */
void ebb_mask_fill(const struct ebb_options *o, const struct ebb_batch *b, const int *row, int n,
		   unsigned char *kept);

/* The tokens of a mini-batch, or of the whole rollout batch, one after another, row by row. */
struct ebb_tokens {
	int64_t n;
	int rows;
	int *length;            /* tokens of a row                                       (rows) */
	int64_t *start;         /* the first of them                                     (rows) */
	double *logp, *A;       /* current log p; advantage                                 (n) */
	double *logit;          /* raw, of the drawn token; covariance.response_source=logit (n) */
	double *key;            /* Clip-Cov takes the smallest: random numbers              (n) */
	double *c;              /* their scores                                             (n) */
	unsigned char *clipped; /* cut by the surrogate's clip                              (n) */
	unsigned char *chosen;  /* result                                                   (n) */
	int64_t candidates, chosen_n;
};
/* covariance loss */
void ebb_select_tokens(const struct ebb_options *o, struct ebb_tokens *k);

/* What the pairs of a mini-batch ask of its tokens. */
struct ebb_pairs {
	struct ebb_preference_rule rule;
	double *score;       /* S of a row                                            (rows) */
	double *pull;        /* dL/dS of a row, summed over its pairs                 (rows) */
	double *sft;         /* the same by l of any token of a chosen row            (rows) */
	double *mean;        /* mean log p of a row's tokens                          (rows) */
	int *first, *next;   /* row + 1 of a group, of the group's next row; 0: none
			      * (n_groups), (rows)                                           */
	unsigned char *side; /* enum ebb_side                                         (rows) */
	double *slope;       /* dS/dl, then dL/dl of a token, 0 outside the mask   (rows, T) */
	double *line;        /* scratch                                               (5, T) */
	struct ebb_pair_stats stats;
};
enum ebb_side { EBB_SIDE_NONE, EBB_SIDE_CHOSEN, EBB_SIDE_REJECTED };

/* Make the pairs and fill slope and stats. Everything is read from the mini-batch and its batch;
 * floor: ratio.logp_floor. preference */
void ebb_pairs_fill(struct ebb_pairs *p, const struct ebb_minibatch *mb, double floor);

/* ---- preparing ---- */

/* KL penalty of every masked token under the frozen policies, before its coefficient (R, T). kl */
void ebb_kl_reward(const struct ebb_options *o, const struct ebb_batch *b, double *k);

/* One reward's way to an advantage: A_it = (discounted value - baseline) / divisor; with divisor 0
 * the advantage is 0. */
struct ebb_component {
	double *value, *baseline, *divisor; /* (R) */
	double *spread; /* center=tree: in the place of value, the mean below a token's step
			 * (R,T); else null */
};

/* The trees of a batch; counted: rows in the means. tree ib
 * Mean of x (R) over the responses through every token's step (R,T). */
void ebb_tree_spread(const struct ebb_options *o, const struct ebb_batch *b, const bool *counted,
		     const double *x, double *value);
/* A_IB of every token (R,T), EI 5.5. */
void ebb_tree_local(const struct ebb_options *o, const struct ebb_batch *b, const bool *counted,
		    double *local);
/* Leave the tokens of a shared step in the mask of the first row that has them, ib.shared=once. */
void ebb_tree_once(const struct ebb_options *o, struct ebb_batch *b);

/*
 * Fill baseline and divisor from value. counted: rows that enter the statistics and get an
 * advantage. known: baseline of each group for static and greedy centres; null: the group's mean
 * stands in, for rewards nobody knows a baseline of. advantage
 */
void ebb_component_fill(const struct ebb_options *o, const struct ebb_batch *b, const bool *counted,
			const double *known, struct ebb_component *c);

/* true for groups in which x differs between two rows; groups without a row do not. */
void ebb_group_differs(const struct ebb_batch *b, const double *x, bool *differs);

/* How the information reward joins: the weights of verifier and information reward. info */
struct ebb_info_plan {
	double external, coef; /* coef 0: no information reward */
	bool before;           /* one sum is normalised, not a sum of normalised rewards */
};
void ebb_info_plan_init(struct ebb_info_plan *p, const struct ebb_options *o,
			const struct ebb_batch *b);
/* Does the information reward count in a group whose verifier's rewards differ, or do not? info */
bool ebb_info_used(const struct ebb_options *o, bool external_differs);

/* From the rewards of tokens (R, T) to A (R, T) and the batch's target; 0 outside the mask.
 * advantage critic */
void ebb_gae(const struct ebb_options *o, const struct ebb_batch *b, const double *reward,
	     double *A);
/* Means of value and target, explained variance. */
void ebb_value_stats(const struct ebb_batch *b, struct ebb_prepare_stats *s);

/* Subtract the token mean and divide by the standard deviation over masked tokens of counted rows;
 * ddof 1: sqrt(var + 1e-8), 0: sqrt(max(var, 1e-8)). */
void ebb_whiten(double *A, const unsigned char *mask, const bool *counted, int R, int T, int ddof);

#endif
