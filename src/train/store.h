/*
 * Groups of responses as arrays: the questions of some prompts, G responses each, and what the
 * sampler, the verifier and later passes said about them. Row i*G + g is sample g of group i.
 */
#ifndef EBB_TRAIN_STORE_H
#define EBB_TRAIN_STORE_H

#include "base/arena.h"
#include "objective/objective.h"
#include "train/lab.h"

struct ebb_store {
	int capacity; /* groups                                                      */
	int n;        /* groups in use                                               */
	int G, P, T;  /* samples a group, longest prompt, longest response           */
	struct ebb_question *question; /* one a group                       (capacity)  */
	bool *left_out;                /* no advantage: its clusters say so               (capacity)  */
	double *baseline;              /* static or greedy baseline         (capacity)  */
	int32_t *token;                /* prompt, then response                     (rows, P+T)  */
	int32_t *response;             /* as the sampler wrote it                   (rows, T)    */
	int *length;                   /* response tokens, end mark included        (rows)       */
	bool *truncated;               /*                                           (rows)       */
	struct ebb_verdict *verdict;   /*                                  (rows)       */
	bool *empty;                   /* no answer                                 (rows)       */
	int *cluster;                  /* of its answer, in the group               (rows)       */
	double *reward;                /* in [0,1]: verifier's, as task.noise leaves it, random, or its
					* cluster's                                 (rows)       */
	double *shaped;                /*                                           (rows)       */
	double *info;                  /* rho of EI 4.6                             (rows)       */
	double *logp;                  /* sampler's, at tau                         (rows, T)    */
	double *sampler_logp;          /* what was really drawn from              (rows, T)    */
	double *entropy;               /* exact, nats                               (rows, T)    */
	double *old;                   /* proximal policy: logp, or the trainer's   (rows, T)    */
	double *ref;                   /* reference                                 (rows, T)    */
	double *kl;                    /* exact KL to the reference                 (rows, T)    */
	double *advantage;             /*                                           (rows, T)    */
	unsigned char *mask;           /*                                          (rows, T)    */
	int *group;                    /* group of a row                            (rows)       */
	bool *injected;                /* a stored trajectory, not a rollout        (rows)       */
	struct ebb_batch_paths paths;  /* of trees: 0 shared tokens where there are none         */
};

void ebb_store_register(struct ebb_store *s, struct ebb_arena *arena, int capacity, int G, int P,
			int T);

/* Copy group j of another store of the same shape to place i. */
void ebb_store_copy(struct ebb_store *to, int i, const struct ebb_store *from, int j);

/* Response i behind its prompt: the states that its tokens were drawn from. */
struct ebb_row ebb_store_row(const struct ebb_store *s, int i);

/* After decoding: put prompt and response side by side, judge, fill mask, group and ends of steps.
 * draw gives the coordinates of random rewards and of the verifier's errors. */
void ebb_store_judge(struct ebb_store *s, const struct ebb_lab *lab, int first_group, int n_groups,
		     const struct ebb_draw *draw);
/* The same for samples first .. end-1 of every group. */
void ebb_store_judge_samples(struct ebb_store *s, const struct ebb_lab *lab, int first, int end,
			     const struct ebb_draw *draw);

/* The first n groups as a batch of the objective room; arrays stay the store's. */
struct ebb_batch ebb_store_batch(struct ebb_store *s, const struct ebb_needs *needs);

#endif
