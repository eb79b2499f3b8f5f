/* A trial between two requests, as bytes: the numbers of state.def, what the clock and the stores
 * say, and the arena as it is. */
#include <stdlib.h>
#include <string.h>
#include "train/stage.h"

/* What has to be saved and has no row in state.def, because it is part of something else. */
struct rest {
	double seconds;                /* of the request that was served last              */
	double spent, step_spent;      /* seconds in this trial and step, all attempts     */
	int fresh, batch, reference, greedy, carry; /* groups in the stores                 */
};

enum {
	NUMBERS = sizeof(struct rest)
#define EBB_STATE(type, name, about) +sizeof(type)
#include "train/state.def"
#undef EBB_STATE
};

static struct rest rest_of(const struct ebb_trial *t)
{
	double now = ebb_clock();
	struct rest r;

	memset(&r, 0, sizeof r); /* padding, too: equal states have equal bytes */
	r.seconds = t->request.seconds;
	r.spent = now - t->started;
	r.step_spent = now - t->step_started;
	r.fresh = t->fresh.n;
	r.batch = t->batch.n;
	r.reference = t->reference.n;
	r.greedy = t->greedy.n;
	r.carry = t->carry.n;
	return r;
}

void ebb_trial_image(struct ebb_trial *t, struct ebb_trial_image *image)
{
	*image = (struct ebb_trial_image){.n_numbers = NUMBERS,
					  .n_arrays = t->arena.bytes,
					  .numbers = ebb_xcalloc(1, NUMBERS),
					  .arrays = t->arena.base};
}

void ebb_trial_save(struct ebb_trial *t, struct ebb_trial_image *image)
{
	struct rest rest = rest_of(t);
	enum ebb_stage stage = t->stage;
	unsigned char *at;

	/* An update that waits to be served is asked for again: its coefficients are made while it
	 * runs, and the stage that asks changes nothing else. */
	if (t->stage == STAGE_SELECT || t->stage == STAGE_UPDATED)
		t->stage = STAGE_UPDATE;
	ebb_trial_image(t, image);
	at = image->numbers;
#define EBB_STATE(type, name, about)                                                               \
	memcpy(at, &t->name, sizeof(type));                                                        \
	at += sizeof(type);
#include "train/state.def"
#undef EBB_STATE
	memcpy(at, &rest, sizeof rest);
	t->stage = stage;
	/* between two steps the arrays hold nothing that is read again, kept groups apart */
	if (t->request.kind == EBB_REQUEST_REST && t->carry.n == 0)
		image->n_arrays = 0;
}

void ebb_trial_restore(struct ebb_trial *t, const struct ebb_trial_image *image)
{
	const unsigned char *at = image->numbers;
	double now = ebb_clock();
	struct rest rest;

#define EBB_STATE(type, name, about)                                                               \
	memcpy(&t->name, at, sizeof(type));                                                        \
	at += sizeof(type);
#include "train/state.def"
#undef EBB_STATE
	memcpy(&rest, at, sizeof rest);
	t->request.seconds = rest.seconds;
	t->started = now - rest.spent;
	t->step_started = now - rest.step_spent;
	t->fresh.n = rest.fresh;
	t->batch.n = rest.batch;
	t->reference.n = rest.reference;
	t->greedy.n = rest.greedy;
	t->carry.n = rest.carry;
	t->view = ebb_trial_view(t);
}

void ebb_trial_image_release(struct ebb_trial_image *image)
{
	free(image->numbers);
	*image = (struct ebb_trial_image){0};
}
