/* A policy with its engine, and rows to run through it: what every test of this room needs. */
#ifndef EBB_TESTS_MODEL_RIG_H
#define EBB_TESTS_MODEL_RIG_H

#include "model/model.h"

/* Shapes that together use every switch of the architecture and every kind of remainder. */
enum { N_SHAPES = 5 };
struct shape {
	const char *name;
	struct ebb_model model;
};
extern const struct shape shape[N_SHAPES];

struct rig {
	struct ebb_layout layout;
	const struct ebb_ops *ops;
	struct ebb_pool *pool;
	struct ebb_engine *e;
	struct ebb_weights w, ref; /* two unlike policies */
};

/* isa: "auto" or a name; returns false where this processor lacks it. */
bool rig_open(struct rig *rig, const struct ebb_model *model, const char *isa, int threads,
	      int slot);
void rig_close(struct rig *rig);

/* Initial weights plus normal noise on every tensor: norms are not one, biases not zero, and every
 * probability is well away from uniform. */
void weights_roughen(struct ebb_weights *w, uint64_t seed, double deviation);

/* A pass over n random rows of unlike lengths with all its arrays, and random coefficients. */
struct batch {
	struct ebb_pass pass;
	struct ebb_row *row;
	int32_t *token;
	double *array; /* behind all of the pass' arrays */
	size_t n_array;
};
void batch_make(struct batch *batch, const struct ebb_model *model, int n, double tau,
		const struct ebb_weights *ref, uint64_t seed);
void batch_free(struct batch *batch);
/* Do the two passes hold the same bits in all results? */
bool batch_same(const struct batch *a, const struct batch *b);

extern const char *const isa_name[3];

#endif
