/* Sequences of calls that come back with equal arguments are recorded once and replayed. */
#include <string.h>
#include "model/population_inside.h"

static bool same(const struct ebb_call *a, const struct ebb_call *b)
{
	return a->queue == b->queue && a->spread.most == b->spread.most &&
	       a->spread.sequences == b->spread.sequences &&
	       a->spread.sequence == b->spread.sequence && a->policy == b->policy &&
	       a->against == b->against && a->flags == b->flags;
}

/* The call's place, or that of the one unused for longest. */
static struct ebb_recording *find(struct ebb_population *pop, const struct ebb_call *call)
{
	struct ebb_recording *oldest = &pop->recording[0];

	for (int i = 0; i < EBB_RECORDINGS; i++) {
		struct ebb_recording *r = &pop->recording[i];

		if (r->used > 0 && same(&r->call, call))
			return r;
		if (r->used < oldest->used)
			oldest = r;
	}
	pop->op->graph_free(pop->g, oldest->graph);
	*oldest = (struct ebb_recording){.call = *call};
	return oldest;
}

void ebb_population_queue(struct ebb_population *pop, const struct ebb_call *call)
{
	struct ebb_recording *r = find(pop, call);

	pop->op->precision(pop->g, pop->size.precision);
	if (r->used > 0 && !r->graph) {
		pop->op->capture_begin(pop->g);
		call->queue(pop, call);
		r->graph = pop->op->capture_end(pop->g);
	}
	r->used = ++pop->recorded;
	if (r->graph)
		pop->op->graph_replay(pop->g, r->graph);
	else
		call->queue(pop, call);
}

void ebb_population_forget(struct ebb_population *pop)
{
	for (int i = 0; i < EBB_RECORDINGS; i++)
		pop->op->graph_free(pop->g, pop->recording[i].graph);
	memset(pop->recording, 0, sizeof pop->recording);
}
