/* A population's inside; private to model/ and rollout/. */
#ifndef EBB_MODEL_POPULATION_INSIDE_H
#define EBB_MODEL_POPULATION_INSIDE_H

#include "base/arena.h"
#include "model/net.h"
#include "model/population.h"

/* How the rows at hand lie on the device: EBB_LANES series a member, `most` positions each, row
 * after row. Positions beyond a series' end are computed with the others and never read. */
struct ebb_spread {
	int most;      /* positions of a series    */
	int sequences; /* sequences of a member    */
	int sequence;  /* the longest, positions   */
};

/* A sequence of calls and everything its arguments depend on. Equal keys queue equal calls. */
struct ebb_call {
	void (*queue)(struct ebb_population *pop, const struct ebb_call *call);
	struct ebb_spread spread;
	int policy, against;
	int flags; /* the queue's own */
};

/* A call seen before, and its graph from the second time on. */
struct ebb_recording {
	struct ebb_call call;
	struct ebb_gpu_graph *graph;
	int64_t used; /* 0: free */
};

#define EBB_RECORDINGS 48

struct ebb_population {
	struct ebb_gpu *gpu;
	struct ebb_gpu_device *g;
	const struct ebb_gpu_ops *op;
	struct ebb_net net;
	struct ebb_population_size size;
	size_t n_lane; /* floats of a gradient series: the gradient, then a tied head's part */
	int n_ranges;  /* pieces of the norm */
	int64_t *t;    /* updates done (members, optimizers) */

	/* on the device */
	float *w;              /* (members, policies, n_floats)       */
	float *m, *v;          /* (members, optimizers, n_floats)     */
	float *lane;           /* (members, EBB_LANES, n_lane)        */
	float *grad;           /* (members, n_lane)                   */
	float *old;            /* weights before the step, then their change (members, n_floats) */
	double *partial, *sum; /* (members, n_ranges), (n_tensors + 1, members) */
	struct ebb_adamw_rule *rule; /* (members)                     */
	float *cosine, *sine;
	struct ebb_act *act; /* (L) on the host, its arrays on the device; rows (members, EBB_LANES,
			      * positions) here and below */
	float *out, *norm, *rstd, *logits, *ref;
	float *logp, *entropy, *kl, *kl_from, *logp_ref, *moment, *stat, *scratch_row;
	float *w_logp, *w_entropy, *w_kl;
	float *dx, *dnorm, *dhidden, *dgate_up, *datt, *dqkv, *dqk, *mean;
	int32_t *token, *position, *target;
	int32_t *place, *judged, *tokens; /* of a sequence, for weighing (members, sequences) */
	int32_t *first, *length;          /* (members, sequences)            */
	int32_t *of_member, *of_lane;     /* positions (members), (members, EBB_LANES) */
	float *tau;                       /* (members)                       */
	/* drawing: (members, samples) */
	float *cache; /* (L, members, samples, kv) */
	size_t kv;    /* floats of a response's cache of one layer */
	struct ebb_drawing drawing;
	int32_t *line;        /* 0, 1, 2 ... for every member              */
	int32_t *from, *have; /* where its prefix lies and how long it is  */
	int32_t *start;       /* zeros                                     */
	struct ebb_draw *key;
	struct ebb_draw_rule *draw_rule; /* (members) */
	float *draw_logp, *draw_entropy, *draw_sampler, *draw_stat, *draw_scratch;
	int32_t *most, *eos; /* (members) */

	struct { /* on demand: blocks of all members, and doubles for the work */
		unsigned char *block;
		double *room;
		size_t stride, block_bytes, room_bytes;
		int most;
	} weigh;

	void *memory;
	struct ebb_arena device, parts;
	struct ebb_recording recording[EBB_RECORDINGS];
	int64_t recorded; /* calls of ebb_population_queue, for choosing whom to forget */

	/* on the host, of the same shapes; one set */
	struct {
		int32_t *token, *position, *target, *first, *length, *of_member, *of_lane;
		int32_t *judged, *tokens;
		int32_t *place; /* row of the pass a sequence is of (members, sequences) */
		float *tau, *logp, *entropy, *kl, *kl_from, *logp_ref, *moment;
		float *w_logp, *w_entropy, *w_kl;
		struct ebb_adamw_rule *rule;
		double *sum;
		float *logits; /* on demand */
	} host;
	struct ebb_arena host_arena;
};

/* Rows of a device array: a member's (all its series) or a series'. */
static inline struct ebb_pop ebb_rows_member(const struct ebb_spread *s, float *x, int ld)
{
	return (struct ebb_pop){x, (size_t)EBB_LANES * (size_t)s->most * (size_t)ld, ld, 0};
}

static inline struct ebb_pop ebb_rows_lane(const struct ebb_spread *s, float *x, int ld)
{
	return (struct ebb_pop){x, (size_t)s->most * (size_t)ld, ld, 0};
}

/* A tensor of everybody's policy number `policy`; share 3 where series are the members. */
static inline struct ebb_pop ebb_pop_weight(const struct ebb_population *pop, int policy,
					    struct ebb_at at, int ld, int share)
{
	size_t n = pop->net.layout->n_floats;

	return (struct ebb_pop){pop->w + (size_t)policy * n + at.flat,
				(size_t)pop->size.policies * n, ld, share};
}

/* Queue the forward pass over the rows at hand, to raw logits; keep: for a backward pass. */
void ebb_population_forward(struct ebb_population *pop, const struct ebb_spread *s, int policy,
			    bool keep, float *logits);
/* Queue the backward pass from dL/dlogits in pop->logits; adds to pop->lane. */
void ebb_population_backward(struct ebb_population *pop, const struct ebb_spread *s, int policy);

/* The halves of a layer around attention (population_layers.c); rows as `s` has them. */
void ebb_population_qkv(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l,
			const int32_t *position, struct ebb_act *a);
void ebb_population_out(struct ebb_population *pop, const struct ebb_spread *s, int policy, int l,
			struct ebb_act *a, float *out);
void ebb_population_logits(struct ebb_population *pop, const struct ebb_spread *s, int policy,
			   float *x, float *logits);

/* Weighing on the device (population_weigh.c): blocks there; coefficients of the rows at hand; row sums
 * and marks back into the works' blocks. */
int ebb_population_weigh_begin(struct ebb_population *pop, const struct ebb_work *work, int n,
			       struct ebb_err *err);
void ebb_population_weigh(struct ebb_population *pop, const struct ebb_spread *s,
			  const struct ebb_work *work, int n, bool kl);
int ebb_population_weigh_end(struct ebb_population *pop, const struct ebb_work *work, int n,
			     struct ebb_err *err);
void ebb_population_weigh_release(struct ebb_population *pop);

/* Queue a call: eagerly the first time, recorded as a graph the second, replayed from then on. */
void ebb_population_queue(struct ebb_population *pop, const struct ebb_call *call);
void ebb_population_forget(struct ebb_population *pop); /* all graphs */

#endif
