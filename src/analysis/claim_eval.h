/*
 * The numbers of one claim: for every node of its tree a value per seed, and inside trend() and
 * spearman() over arms a value per slot and seed, a slot being an arm or a value of the key. Used by
 * verdict.c, which turns the two sides of the comparison into a verdict.
 */
#ifndef EBB_ANALYSIS_CLAIM_EVAL_H
#define EBB_ANALYSIS_CLAIM_EVAL_H

#include "analysis/verdict.h"

struct ebb_node_value {
	int n_slots; /* 1 outside trend() and spearman() over arms           */
	double *v;   /* NaN: none                        (n_slots, n_seeds)  */
	bool *late;  /* TIME_TO: censored, v is the horizon; else null       */
	bool reads;  /* depends on the run: is no plain number               */
	bool timed;  /* has a time_to() inside                               */
};

/* A function that reads trials: of which arm in which slot, and of which seeds. */
struct ebb_node_reading {
	int n_slots, *arm; /* null: this node reads nothing */
	bool *seed;        /* seed= leaves one   (n_seeds) */
};

struct ebb_node_slots { /* of trend() and spearman() over arms */
	int n;
	double *key; /* values of the key, ascending; null: slots are arms  (n) */
	int *arm;    /* null: slots are values of the key                   (n) */
};

struct ebb_evaluation {
	const struct ebb_claim *c;
	const struct ebb_claim_scope *scope;
	const struct ebb_claim_data *data;
	int n_seeds;
	int *over;                        /* the node over arms it stands in, -1    (n_nodes) */
	struct ebb_node_value *value;     /*                                        (n_nodes) */
	struct ebb_node_reading *reading; /*                                        (n_nodes) */
	struct ebb_node_slots *slots;     /*                                        (n_nodes) */
	double *limit;   /* the end of what every compared trial covered  (N_SCALES, n_seeds) */
	bool *asked;     /* no selector leaves this seed out                        (n_seeds) */
	bool *reads_arm; /*                                                          (n_arms) */
	char **metric;   /* full names, each once                                             */
	int n_metrics;
	int n_timed,
		n_late; /* trials held against a threshold; of them, how many never got there */
	struct ebb_buf missing; /* the first arm and curve nobody has; empty: none            */
};

/* claim is sound for scope. EBB_EINVAL in *err: it is not applicable after all, and the text says why;
 * other codes come from the data. Always safe to release. */
int ebb_evaluate(struct ebb_evaluation *e, const struct ebb_claim *claim,
		 const struct ebb_claim_scope *scope, const struct ebb_claim_data *data,
		 struct ebb_err *err);
void ebb_evaluation_release(struct ebb_evaluation *e);

/* A node's value of a slot and a seed; nodes that do not differ from slot to slot have one for all. */
double ebb_node_get(const struct ebb_evaluation *e, int node, int slot, int seed);
/* Is it a time_to() that was never reached, its value the horizon? */
bool ebb_node_late(const struct ebb_evaluation *e, int node, int slot, int seed);

/* ---- between the files of the evaluation ---- */

/* claim_plan.c: which arms, slots and seeds every node reads. */
int ebb_evaluation_plan(struct ebb_evaluation *e, struct ebb_err *err);
/* The metric a word means in the trials of an arm. */
const struct ebb_metric *ebb_evaluation_metric(const struct ebb_evaluation *e, const char *word,
					       int arm);
/* claim_read.c: the values of a reading node; the limits that its siblings share. */
int ebb_evaluation_limits(struct ebb_evaluation *e, struct ebb_err *err);
int ebb_evaluation_read(struct ebb_evaluation *e, int node, struct ebb_err *err);
/* claim_over.c: trend(), and spearman() over arms, seed by seed. */
int ebb_evaluation_over(struct ebb_evaluation *e, int node, struct ebb_err *err);

#endif
