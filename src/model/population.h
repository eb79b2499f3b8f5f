/*
 * Policies of one layout on a GPU, one member a trial, served in shared passes: what the engine is
 * on the CPU. In the exact mode every result has the CPU's bits and does not depend on the other
 * members of a pass (tensor/gpu_ops.def, tests/gpu).
 *
 * A member owns `policies` sets of weights and `optimizers` pairs of moments. Its hyperparameters,
 * rows and coefficients come with each call, so that members differ in all but the shape. Not
 * thread-safe: one device, one caller.
 */
#ifndef EBB_MODEL_POPULATION_H
#define EBB_MODEL_POPULATION_H

#include "model/model.h"
#include "tensor/gpu.h"

struct ebb_population_size {
	int members, policies, optimizers;
	int positions; /* input positions of one gradient series in one go, T - 1 at least; what does
			* not fit takes several goes, with the same bits                         */
	int samples;   /* responses a member may draw at once; more are drawn in waves      */
	enum ebb_gpu_precision precision; /* of all passes; a fast mode has bits of its own      */
	bool recompute; /* keep a layer's input alone and compute the rest again for its backward
			 * pass: less memory, a third more arithmetic                         */
};

/* Device memory the population will take. */
size_t ebb_population_bytes(const struct ebb_layout *layout,
			    const struct ebb_population_size *size);

struct ebb_population;
/* gpu and layout are borrowed; ops: any CPU instance. EBB_ENOMEM says what to lower. */
int ebb_population_open(struct ebb_population **pop, struct ebb_gpu *gpu,
			const struct ebb_layout *layout, const struct ebb_ops *ops,
			const struct ebb_population_size *size, struct ebb_err *err);
void ebb_population_close(struct ebb_population *pop);
const struct ebb_layout *ebb_population_layout(const struct ebb_population *pop);
size_t ebb_population_device_bytes(const struct ebb_population *pop);

/* Weights to and from the device, (layout->n_floats). */
int ebb_population_put(struct ebb_population *pop, int member, int policy, const float *flat,
		       struct ebb_err *err);
int ebb_population_get(struct ebb_population *pop, int member, int policy, float *flat,
		       struct ebb_err *err);
/* Moments and their count. */
int ebb_population_put_optim(struct ebb_population *pop, int member, int optimizer,
			     const struct ebb_optim *from, struct ebb_err *err);
int ebb_population_get_optim(struct ebb_population *pop, int member, int optimizer,
			     struct ebb_optim *to, struct ebb_err *err);
/* Policy `to` becomes policy `from`. */
int ebb_population_copy(struct ebb_population *pop, int member, int to, int from,
			struct ebb_err *err);

/* Rows of a pass, next to each other. */
struct ebb_range {
	int first, count;
};

/* One member's part in a shared pass. */
struct ebb_work {
	int member;
	int slot;              /* train.slot: rows dealt together to a series of the gradient */
	struct ebb_pass *pass; /* .ref and .weigh are not read */
	/* Instead of a weigh: the mini-batch as a block of objective/form.h, T of it, and where what
	 * comes back begins in it; null: none. All works of a pass have one, or none has. */
	unsigned char *block;
	size_t block_bytes, block_back;
	int block_T;
	/* The rows whose results stand and whose coefficients are wanted. */
	int n_ranges;
	struct ebb_range range[EBB_LANES];
	/* private */
	int at[EBB_LANES], end[EBB_LANES];
};

/* Can a population serve it? Values, KL(ref || pi) and their gradients are the CPU's alone. */
bool ebb_population_serves(const struct ebb_pass *pass);

/* Fill the w_* entries of every work's ranges. */
typedef void ebb_weigh_all(void *ctx, struct ebb_work *work, int n);

/*
 * Passes over the rows of n members, each at most once, with their policies number `policy`;
 * against: the policy that serves as pass.ref, -1: none. Without weigh and blocks: forward only. With
 * weigh it is called whenever results of some rows stand; with blocks the device weighs. Either way
 * the gradient is left on the device for ebb_population_step.
 */
int ebb_population_pass(struct ebb_population *pop, int policy, int against, struct ebb_work *work,
			int n, ebb_weigh_all *weigh, void *ctx, struct ebb_err *err);

/* One member's update after a gradient pass. */
struct ebb_population_update {
	int member;
	struct ebb_optim_rule rule;
	double norm;                      /* out: as ebb_optim_step returns it */
	struct ebb_optim_stepped stepped; /* out                              */
};
int ebb_population_step(struct ebb_population *pop, int policy, int optimizer,
			struct ebb_population_update *update, int n, struct ebb_err *err);

#endif
