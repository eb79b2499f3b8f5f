/* What the tests of the room share: default options, one mini-batch with all its arrays, golden
 * files, comparison with a message, and a double-precision head. */
#ifndef EBB_TEST_OBJECTIVE_SUPPORT_H
#define EBB_TEST_OBJECTIVE_SUPPORT_H

#include <jansson.h>
#include <stdbool.h>
#include "objective/stages.h"

/* Built-in defaults straight from options.def. */
void options_default(struct ebb_options *o);

/* One batch of R rows with its mini-batch of all rows; every array (R, T) is owned. */
struct bench {
	struct ebb_options o;
	int R, T;
	int *group, *length, *row;
	unsigned char *mask;
	bool *truncated;
	double *reward, *info, *baseline, *shaped;
	double *logp, *old, *roll, *ref, *A, *entropy, *kl;
	double *drawn_entropy; /* of the rollout batch; of random rows another than entropy */
	double *value, *value_drawn, *value_end, *target; /* read with a critic alone */
	double *w_logp, *w_entropy, *w_kl, *w_value;
	struct ebb_batch b;
	struct ebb_minibatch mb;
	struct ebb_weigh_stats s;
};

void bench_init(struct bench *k, int R, int T, int n_groups);
void bench_release(struct bench *k);
/* Random rows of one group size, with short and empty rows; everything within clip edges or not. */
void bench_random(struct bench *k, int R, int T, int G, uint32_t seed);
/* begin, rows in pieces of cut (0: all at once), finish; asserts that begin succeeds. */
void bench_weigh(struct bench *k, int cut);
double bench_loss(struct bench *k);

/* ---- golden files ---- */

json_t *golden_load(const char *file);
json_t *golden_get(json_t *object, const char *key); /* asserts that it exists */
double golden_real(const json_t *value);             /* a number or "-inf" */
/* Fill (R, T) or (R) numbers; asserts the shape. */
void golden_matrix(json_t *value, int R, int T, double *to);
void golden_vector(json_t *value, int n, double *to);
/* Arrays of a dataset; NaN in every padded entry. */
void golden_dataset(struct bench *k, json_t *dataset);
void golden_config(struct ebb_options *o, json_t *config);
/* The statistic a golden file calls by this name; false: unknown. */
bool golden_metric(const struct ebb_weigh_stats *s, const char *name, double *value);

/* |got - want| <= abs + rel |want|, NaN equals NaN; the message names both. */
void expect_near(double got, double want, double abs, double rel, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* ---- a head in double: softmax(z / tau) over V ---- */

struct head {
	double p[64], log_p[64], H;
	int V;
	double tau;
};
void head_forward(struct head *h, const double *z, int V, double tau);
/* dL/dz from dL/dlogp of the token and dL/dH, PG 1. */
void head_backward(const struct head *h, int token, double w_logp, double w_entropy, double *dz);

#endif
