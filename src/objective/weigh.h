/* What weighing a mini-batch remembers between begin and finish, private to weigh*.c. */
#ifndef EBB_OBJECTIVE_WEIGH_H
#define EBB_OBJECTIVE_WEIGH_H

#include "base/arena.h"
#include "objective/stages.h"

/* What some options need beyond the rest. */
struct ebb_weigh_parts {
	bool tis, tokens, pool, logit, kept, score, pairs;
};

struct ebb_weigh_private {
	struct ebb_arena arena;
	int n_max, T_max, R_max, groups_max; /* what the arena has room for */
	struct ebb_weigh_parts has, on;      /* room was made for; in use by these options */

	struct ebb_weigh_rule rule;
	struct ebb_counts counts, kept_counts; /* the latter with a token mask */
	int S;
	double old_floored;
	int *n, *group;           /* tokens and group of a row                (n) */
	int *hidden;              /* tokens before them that another row has  (n) */
	int64_t *group_tokens;    /*                                          (n_groups) */
	double *w, *w_entropy;    /* weight of a row's tokens                 (n) */
	double *w_policy;         /* the same in the policy term; w itself without a mask (n) */
	double *tis;              /* weights, with tis on                     (n, T) */
	double *answer;           /* rho of answer rows                          (n) */
	struct ebb_tokens tokens; /* of a selection by covariance                    */
	unsigned char *chosen;    /* of them, on the grid of the batch        (n, T) */
	struct ebb_pairs pairs;   /* of preferences                                  */
	unsigned char *kept;      /* tokens of the policy term; with token.mask (n, T) */
	int *kept_n;              /* how many of a row                        (n) */
	int64_t *kept_group;      /* and of a group                           (n_groups) */
	double *score;            /* joins the advantage; with entropy.grad   (n, T) */
	struct ebb_score_room room;
	struct ebb_row_sums *sums; /*                                          (n) */
	struct ebb_value_rule value;
	struct ebb_value_sums *value_sums; /*                                  (n) */
};

/* Does the policy term see token t of row i of the mini-batch? frozen: of the batch. */
static inline bool ebb_weigh_sees(const struct ebb_weigh_private *p, const struct ebb_batch *b,
				  size_t frozen, size_t here)
{
	return b->mask[frozen] && (!p->on.kept || p->kept[here]);
}

#endif
