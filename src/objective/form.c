#include "objective/form.h"

#include <string.h>
#include "objective/weigh.h"

bool ebb_weigh_form_fits(const struct ebb_minibatch *mb)
{
	return mb->n_answers == 0 && !mb->value && !mb->kl_old && !mb->w_kl_old;
}

/* The next place, 16-byte aligned. */
static size_t take(size_t *end, size_t bytes)
{
	const size_t at = *end;

	*end = (at + bytes + 15) / 16 * 16;
	return at;
}

/* Where everything lies, but for the rule. */
static struct ebb_weigh_form layout(const struct ebb_minibatch *mb)
{
	const struct ebb_weigh_private *p = mb->private_;
	const size_t n = (size_t)mb->n, cells = n * (size_t)mb->batch->T, d = sizeof(double);
	struct ebb_weigh_form f = {.n = mb->n, .T = mb->batch->T};
	size_t end = 0;

	take(&end, sizeof f);
	f.tokens = take(&end, n * sizeof(int));
	f.hidden = take(&end, n * sizeof(int));
	f.w = take(&end, n * d);
	f.w_policy = take(&end, n * d);
	f.w_entropy = take(&end, n * d);
	f.mask = take(&end, cells);
	f.kept = p->on.kept ? take(&end, cells) : 0;
	f.chosen = p->on.tokens ? take(&end, cells) : 0;
	f.old = take(&end, cells * d);
	f.advantage = take(&end, cells * d);
	f.ref = mb->batch->ref ? take(&end, cells * d) : 0;
	f.score = p->on.score ? take(&end, cells * d) : 0;
	f.pair = p->on.pairs ? take(&end, cells * d) : 0;
	f.tis = p->on.tis ? take(&end, cells * d) : 0;
	f.back = end;
	f.sums = take(&end, n * sizeof(struct ebb_row_sums));
	f.mark = mb->mark ? take(&end, cells) : 0;
	f.bytes = end;
	return f;
}

size_t ebb_weigh_form_bytes(const struct ebb_minibatch *mb)
{
	return layout(mb).bytes;
}

/* Rows of the batch become rows of the mini-batch. */
static void gather(const struct ebb_minibatch *mb, char *to, const void *from, size_t size)
{
	const size_t T = (size_t)mb->batch->T;

	for (int i = 0; i < mb->n; i++)
		memcpy(to + (size_t)i * T * size,
		       (const char *)from + (size_t)mb->row[i] * T * size, T * size);
}

void ebb_weigh_form_write(const struct ebb_minibatch *mb, void *block)
{
	const struct ebb_weigh_private *p = mb->private_;
	const struct ebb_batch *b = mb->batch;
	const size_t n = (size_t)mb->n, cells = n * (size_t)b->T, d = sizeof(double);
	struct ebb_weigh_form f = layout(mb);
	char *to = block;

	f.rule = p->rule;
	memset(to, 0, f.bytes);
	memcpy(to, &f, sizeof f);
	memcpy(to + f.tokens, p->n, n * sizeof(int));
	memcpy(to + f.hidden, p->hidden, n * sizeof(int));
	memcpy(to + f.w, p->w, n * d);
	memcpy(to + f.w_policy, p->on.kept ? p->w_policy : p->w, n * d);
	memcpy(to + f.w_entropy, p->w_entropy, n * d);
	gather(mb, to + f.mask, b->mask, 1);
	gather(mb, to + f.old, b->old, d);
	gather(mb, to + f.advantage, b->advantage, d);
	if (f.ref)
		gather(mb, to + f.ref, b->ref, d);
	if (f.kept)
		memcpy(to + f.kept, p->kept, cells);
	if (f.chosen)
		memcpy(to + f.chosen, p->chosen, cells);
	if (f.score)
		memcpy(to + f.score, p->score, cells * d);
	if (f.pair)
		memcpy(to + f.pair, p->pairs.slope, cells * d);
	if (f.tis)
		memcpy(to + f.tis, p->tis, cells * d);
	if (f.mark) /* rows without a token are weighed by nobody */
		memset(to + f.mark, EBB_CLIP_NONE, cells);
}

void ebb_weigh_form_read(struct ebb_minibatch *mb, const void *block)
{
	const struct ebb_weigh_form *f = block;
	const char *from = block;

	memcpy(mb->private_->sums, from + f->sums, (size_t)f->n * sizeof *mb->private_->sums);
	for (int i = 0; i < f->n && f->mark; i++) {
		unsigned char *mark = mb->mark + (size_t)i * (size_t)mb->stride;

		memcpy(mark, from + f->mark + (size_t)i * (size_t)f->T, (size_t)f->T);
		memset(mark + f->T, EBB_CLIP_NONE, (size_t)(mb->stride - f->T));
	}
}
