/* Weighing on the device: blocks of objective/form.h there and back, and the call between the forward
 * and the backward pass. What a block holds is the objective's affair. */
#include <stdlib.h>
#include <string.h>
#include "model/population_inside.h"

static size_t largest(const struct ebb_work *work, int n, size_t *T)
{
	size_t bytes = 0;

	*T = 0;
	for (int i = 0; i < n; i++) {
		bytes = work[i].block_bytes > bytes ? work[i].block_bytes : bytes;
		*T = (size_t)work[i].block_T > *T ? (size_t)work[i].block_T : *T;
	}
	return (bytes + 255) / 256 * 256;
}

/* At least so many bytes of device memory at *at, what it held is lost. */
static void grow(struct ebb_population *pop, void **at, size_t *have, size_t bytes)
{
	if (*have >= bytes)
		return;
	if (*at)
		pop->op->device_free(pop->g, *at);
	*at = pop->op->device_alloc(pop->g, bytes);
	*have = *at ? bytes : 0;
}

int ebb_population_weigh_begin(struct ebb_population *pop, const struct ebb_work *work, int n,
			       struct ebb_err *err)
{
	const size_t P = (size_t)pop->size.members;
	size_t T;

	pop->weigh.stride = largest(work, n, &T);
	pop->weigh.most = (int)T;
	grow(pop, (void **)&pop->weigh.block, &pop->weigh.block_bytes, P * pop->weigh.stride);
	if (pop->weigh.block)
		for (int i = 0; i < n; i++)
			pop->op->upload(pop->g,
					pop->weigh.block +
						(size_t)work[i].member * pop->weigh.stride,
					work[i].block, work[i].block_bytes);
	return ebb_gpu_sync(pop->gpu, err);
}

void ebb_population_weigh(struct ebb_population *pop, const struct ebb_spread *s,
			  const struct ebb_work *work, int n, bool kl)
{
	const size_t N = (size_t)pop->size.members * EBB_LANES * (size_t)s->most;
	const size_t q = (size_t)pop->size.members * (size_t)s->sequences;

	grow(pop, (void **)&pop->weigh.room, &pop->weigh.room_bytes,
	     6 * q * (size_t)pop->weigh.most * sizeof(double));
	memset(pop->host.tokens, 0, q * sizeof *pop->host.tokens);
	for (int i = 0; i < n; i++)
		for (int b = 0; b < s->sequences; b++) {
			const size_t at = (size_t)work[i].member * (size_t)s->sequences + (size_t)b;
			const struct ebb_row *row;

			if (pop->host.length[at] == 0)
				continue;
			row = &work[i].pass->row[pop->host.place[at]];
			pop->host.judged[at] = pop->host.first[at] + row->start - 1;
			pop->host.tokens[at] = row->length - row->start;
		}
	pop->op->upload(pop->g, pop->place, pop->host.place, q * sizeof(int32_t));
	pop->op->upload(pop->g, pop->judged, pop->host.judged, q * sizeof(int32_t));
	pop->op->upload(pop->g, pop->tokens, pop->host.tokens, q * sizeof(int32_t));
	pop->op->clear(pop->g, pop->w_logp, N * sizeof(float));
	pop->op->clear(pop->g, pop->w_entropy, N * sizeof(float));
	pop->op->clear(pop->g, pop->w_kl, N * sizeof(float));
	pop->op->weigh(pop->g, pop->size.members,
		       (struct ebb_weighing){.n = s->sequences,
					     .most = pop->weigh.most,
					     .block = pop->weigh.block,
					     .stride = pop->weigh.stride,
					     .row = pop->place,
					     .judged = pop->judged,
					     .tokens = pop->tokens,
					     .member = EBB_LANES * (size_t)s->most,
					     .logp = pop->logp,
					     .entropy = pop->entropy,
					     .kl = kl ? pop->kl : NULL,
					     .w_logp = pop->w_logp,
					     .w_entropy = pop->w_entropy,
					     .w_kl = pop->w_kl,
					     .room = pop->weigh.room});
}

int ebb_population_weigh_end(struct ebb_population *pop, const struct ebb_work *work, int n,
			     struct ebb_err *err)
{
	for (int i = 0; i < n; i++)
		pop->op->download(pop->g, work[i].block + work[i].block_back,
				  pop->weigh.block + (size_t)work[i].member * pop->weigh.stride +
					  work[i].block_back,
				  work[i].block_bytes - work[i].block_back);
	return ebb_gpu_sync(pop->gpu, err);
}

void ebb_population_weigh_release(struct ebb_population *pop)
{
	if (pop->weigh.block)
		pop->op->device_free(pop->g, pop->weigh.block);
	if (pop->weigh.room)
		pop->op->device_free(pop->g, pop->weigh.room);
}
