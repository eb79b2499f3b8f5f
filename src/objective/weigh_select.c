/* Batch scope: tokens chosen by their covariance, or pairs of responses, once all of a mini-batch is
 * known. EI 2.7, 2.8, 8. */
#include <stdlib.h>
#include "objective/weigh.h"

/* Rows are those of the mini-batch or, with a pool, all of the rollout batch. What the entropy term adds
 * to the advantage depends on the mini-batch: a pool is scored without it. */
static void gather(struct ebb_minibatch *mb)
{
	struct ebb_weigh_private *p = mb->private_;
	const struct ebb_batch *b = mb->batch;
	const struct ebb_ratio_rule *r = &p->rule.ratio;
	struct ebb_tokens *k = &p->tokens;
	struct ebb_draw draw = mb->select;
	const bool pool = p->on.pool;
	int bad, stopped;
	unsigned mark;
	int64_t at = 0;

	k->rows = pool ? b->R : mb->n;
	for (int i = 0; i < k->rows; i++) {
		const int row = pool ? i : mb->row[i];
		const size_t frozen = (size_t)row * b->T;
		const size_t now = (size_t)i * (pool ? b->T : mb->stride);

		draw.slot = (uint32_t)row;
		k->start[i] = at;
		for (int t = 0; t < b->T; t++) {
			double x;

			if (!ebb_weigh_sees(p, b, frozen + t, (size_t)i * b->T + t))
				continue;
			k->logp[at] = ebb_logp_floor((pool ? mb->pool_logp : mb->logp)[now + t],
						     r->floor, &bad);
			if (p->on.logit)
				k->logit[at] = (pool ? mb->pool_logit : mb->logit)[now + t];
			k->A[at] = b->advantage[frozen + t];
			if (p->on.score && !pool)
				k->A[at] += p->score[(size_t)i * b->T + t];
			k->key[at] = mb->select_key && !pool ? mb->select_key[now + t]
							     : ebb_uniform(&draw, (uint32_t)t);
			x = k->logp[at] - ebb_logp_frozen(b->old[frozen + t], r->floor, &bad);
			ebb_surrogate(&p->rule.clip, ebb_ratio(x, r->token_clamp, &stopped),
				      k->A[at], &mark);
			k->clipped[at] = mark != 0;
			at++;
		}
		k->length[i] = (int)(at - k->start[i]);
	}
	k->n = at;
}

static void choose_tokens(struct ebb_minibatch *mb)
{
	struct ebb_weigh_private *p = mb->private_;
	const struct ebb_batch *b = mb->batch;

	if ((p->on.pool && !mb->pool_logp) ||
	    (p->on.logit && !(p->on.pool ? mb->pool_logit : mb->logit)))
		EBB_BUG("a selection without the arrays it needs");
	gather(mb);
	ebb_select_tokens(mb->o, &p->tokens);
	for (int i = 0; i < mb->n; i++) {
		int64_t at = p->tokens.start[p->on.pool ? mb->row[i] : i];

		for (int t = 0; t < b->T; t++) {
			const size_t here = (size_t)i * b->T + t;

			p->chosen[here] = ebb_weigh_sees(p, b, (size_t)mb->row[i] * b->T + t, here)
						  ? p->tokens.chosen[at++]
						  : 0;
		}
	}
}

void ebb_weigh_select(struct ebb_minibatch *mb)
{
	struct ebb_weigh_private *p = mb->private_;

	if (p->on.tokens)
		choose_tokens(mb);
	else if (p->on.pairs)
		ebb_pairs_fill(&p->pairs, mb, p->rule.ratio.floor);
	else
		EBB_BUG("a selection for a mini-batch without batch scope");
}
