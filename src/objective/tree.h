/*
 * Trees of responses to one prompt, EI 5. A response is a path of steps from the root, which is the
 * prompt; responses that share their beginning share its steps. How responses hang together is all
 * that is kept (struct ebb_paths); nodes are made of it when they are asked for.
 *
 * p(s) of a step is the mean reward of the responses through it, conf(s) its probability (ib.conf).
 */
#ifndef EBB_OBJECTIVE_TREE_H
#define EBB_OBJECTIVE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/rng.h"
#include "options/options.h"

/* The responses to one prompt in the order in which they were drawn. */
struct ebb_paths {
	int rows, T;
	const int *length;         /* tokens                                     (rows)    */
	const int *from;           /* earlier response it branched off from, where shared > 0
				    *                                            (rows)    */
	const int *shared;         /* tokens it took over from there; 0: it begins at the root
				    *                                            (rows)    */
	const unsigned char *ends; /* 1 on the last token of every step          (rows,T)  */
	const int32_t *token;      /* drawn tokens                               (rows,T)  */
	const double *value;       /* reward, or what else is averaged           (rows)    */
	const double *logp;        /* null: confidences are not asked for        (rows,T)  */
	const double *entropy;     /* exact, nats; may be null                   (rows,T)  */
	const bool *counted;       /* responses in the means; null: all          (rows)    */
};

struct ebb_node {
	int parent;     /* -1: the root                                              */
	int tokens;     /* of the step                                               */
	int end;        /* tokens of a response up to the step's last                */
	int row;        /* the first response through it                             */
	int depth;      /* steps up to it                                            */
	int children;   /* steps that follow                                         */
	int leaves;     /* counted responses through it                              */
	double sum;     /* of their values                                           */
	double logp;    /* of the step: sum over its tokens                          */
	double entropy; /* where the next step begins, nats; NaN for a leaf          */
};

/* Node 0 is the root; a node comes after its parent, and after those that were drawn before. */
struct ebb_tree {
	struct ebb_node *node; /* (ebb_tree_nodes)                                          */
	int n;
	int *at; /* node of every token                                   (rows,T)    */
};

/* The most nodes that responses can have. */
static inline size_t ebb_tree_nodes(int rows, int T)
{
	return (size_t)rows * (size_t)T + 1;
}

/* Fill the caller's arrays. tree.merge_duplicates */
void ebb_tree_build(const struct ebb_options *o, const struct ebb_paths *p, struct ebb_tree *tree);

/* Mean value of the responses through it; NaN for none. */
double ebb_tree_value(const struct ebb_node *node);
/* Confidence in a step. ib.conf */
double ebb_tree_confidence(const struct ebb_options *o, const struct ebb_node *node);
/* p(s)/p(parent), EI 5.2. ib.zero_parent */
double ebb_tree_ratio(const struct ebb_options *o, const struct ebb_tree *tree, int node);

/* What a node's children say, EI 5.2; NaN for a leaf. w: ib.child_weight. */
struct ebb_ib {
	double score;             /* prefactor times mean_w(eta1 eta2)                    */
	double eta1, eta2, eta12; /* means under w: information gain, confidence, product */
	double cov;               /* Cov_w(eta1, eta2)                                    */
	double mi; /* mean of KL(p(child) || p(node)) as Bernoulli, weighted by responses  */
};

void ebb_tree_score(const struct ebb_options *o, const struct ebb_tree *tree,
		    struct ebb_ib *ib /* (tree->n) */);

/*
 * The tree.width nodes to branch off from next, best first; of equals the first. Nodes without a
 * continuation are out, and those with tree.max_children; where all are, the root is in. Fewer nodes
 * than width are gone through again. draw: the random numbers of sampler=random.
 *
 *   ib           largest IB-Score
 *   random       uniformly
 *   entropy      largest token entropy where the next step begins
 *   fixed_width  fewest continuations, then least deep: depth by depth every step gets as many
 */
void ebb_tree_choose(const struct ebb_options *o, enum ebb_tree_sampler sampler,
		     const struct ebb_tree *tree, const struct ebb_ib *ib,
		     const struct ebb_draw *draw, int *chosen /* (tree.width) */);

/* Token accounting, EI 5.4. */
struct ebb_tree_account {
	double generated; /* tokens drawn, each step once                                    */
	double consumed;  /* tokens of all responses                                         */
	double depth;     /* sum over responses of the share they took over                  */
};
void ebb_tree_count(const struct ebb_paths *p, struct ebb_tree_account *a);

#endif
