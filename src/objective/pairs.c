/*
 * Pairs from rewards, EI 8.4: of a prompt's responses one with reward 1 is chosen over one with
 * reward 0. Responses without end mark and rewards between 0 and 1 enter no pair. The scores need
 * every token's log-probability before the first coefficient: batch scope.
 */
#include <math.h>
#include "objective/stages.h"

enum { CHOSEN, REJECTED }; /* index of a side in the statistics */

static enum ebb_side side_of(const struct ebb_batch *b, int row, int n)
{
	if (n == 0 || (b->truncated && b->truncated[row]))
		return EBB_SIDE_NONE;
	return b->reward[row] >= 1.0   ? EBB_SIDE_CHOSEN
	       : b->reward[row] <= 0.0 ? EBB_SIDE_REJECTED
				       : EBB_SIDE_NONE;
}

/* Score and kappa of one row; the tokens in the mask are gathered, so that none else is read. */
static void score_row(struct ebb_pairs *p, const struct ebb_minibatch *mb, double floor, int i)
{
	const struct ebb_batch *b = mb->batch;
	const size_t frozen = (size_t)mb->row[i] * b->T, now = (size_t)i * mb->stride;
	const double *drawn = b->label ? b->label : b->old;
	double *logp = p->line, *ref = logp + b->T, *label = ref + b->T, *kappa = label + b->T;
	double *slope = p->slope + (size_t)i * b->T, sum = 0.0;
	int n = 0, at = 0, bad;

	for (int t = 0; t < b->T; t++) {
		slope[t] = 0.0;
		if (!b->mask[frozen + t])
			continue;
		logp[n] = ebb_logp_floor(mb->logp[now + t], floor, &bad);
		ref[n] = b->ref ? ebb_logp_floor(b->ref[frozen + t], floor, &bad) : 0.0;
		label[n] = ebb_logp_frozen(drawn[frozen + t], floor, &bad);
		sum += logp[n++];
	}
	p->side[i] = (unsigned char)side_of(b, mb->row[i], n);
	p->pull[i] = p->sft[i] = p->score[i] = p->mean[i] = 0.0;
	if (n == 0)
		return;
	p->mean[i] = sum / n;
	p->score[i] = ebb_preference_score(&p->rule, n, logp, ref, label, kappa);
	for (int t = 0; t < b->T; t++)
		if (b->mask[frozen + t])
			slope[t] = kappa[at++];
}

/* Rows of a group in ascending order. */
static void list_groups(struct ebb_pairs *p, const struct ebb_minibatch *mb)
{
	const struct ebb_batch *b = mb->batch;

	for (int g = 0; g < b->n_groups; g++)
		p->first[g] = 0;
	for (int i = mb->n - 1; i >= 0; i--) {
		const int g = b->group[mb->row[i]];

		p->next[i] = p->first[g];
		p->first[g] = i + 1;
	}
}

#define EACH_ROW(p, group, i)                                                                      \
	int i = (p)->first[group] - 1;                                                             \
	i >= 0;                                                                                    \
	i = (p)->next[i] - 1

static int count_side(const struct ebb_pairs *p, int group, enum ebb_side side)
{
	int n = 0;

	for (EACH_ROW(p, group, i))
		n += p->side[i] == side;
	return n;
}

/* The k-th row of a side, or with k < 0 the one whose tokens are the likeliest (rejected) or the
 * least likely (chosen) on average; the first of equals. */
static int pick(const struct ebb_pairs *p, int group, enum ebb_side side, int k)
{
	int best = -1;

	for (EACH_ROW(p, group, i)) {
		if (p->side[i] != side)
			continue;
		if (k >= 0) {
			if (k-- == 0)
				return i;
		} else if (best < 0 || (side == EBB_SIDE_CHOSEN ? p->mean[i] < p->mean[best]
								: p->mean[i] > p->mean[best])) {
			best = i;
		}
	}
	return best;
}

/* What a row of a pair adds to the statistics: log p, its drift from the start and its distance from
 * the drawing policy, means over the response's tokens. */
static void add_row(struct ebb_pairs *p, const struct ebb_minibatch *mb, double floor, int i,
		    int side, double weight)
{
	const struct ebb_batch *b = mb->batch;
	const size_t frozen = (size_t)mb->row[i] * b->T, now = (size_t)i * mb->stride;
	const double *drawn = b->label ? b->label : b->old;
	double drift = 0.0, kl = 0.0;
	int n = 0, bad;

	for (int t = 0; t < b->T; t++) {
		double logp;

		if (!b->mask[frozen + t])
			continue;
		n++;
		logp = ebb_logp_floor(mb->logp[now + t], floor, &bad);
		kl += ebb_logp_frozen(drawn[frozen + t], floor, &bad) - logp;
		if (b->start)
			drift += logp - ebb_logp_floor(b->start[frozen + t], floor, &bad);
	}
	p->stats.logp[side] += weight * p->mean[i];
	p->stats.kl[side] += weight * kl / n;
	p->stats.drift[side] += b->start ? weight * drift / n : (double)NAN;
	p->stats.length[side] += weight * n;
}

static void add_pair(struct ebb_pairs *p, const struct ebb_minibatch *mb, double floor, int chosen,
		     int rejected, double weight)
{
	const struct ebb_preference_rule *r = &p->rule;
	const double x = p->score[chosen] - r->lambda * p->score[rejected];
	const struct ebb_term l = ebb_preference_loss(r, x);
	const size_t row = (size_t)mb->row[chosen] * mb->batch->T;
	int n = 0;

	for (int t = 0; t < mb->batch->T; t++)
		n += mb->batch->mask[row + t] != 0;
	p->pull[chosen] += weight * l.slope;
	p->pull[rejected] -= weight * r->lambda * l.slope;
	p->sft[chosen] -= weight * r->sft / n;
	p->stats.loss += weight * l.value;
	p->stats.sft -= weight * p->mean[chosen];
	p->stats.accuracy += weight * (p->score[chosen] > p->score[rejected]);
	p->stats.margin += weight * x;
	p->stats.pairs += 1.0;
	add_row(p, mb, floor, chosen, CHOSEN, weight);
	add_row(p, mb, floor, rejected, REJECTED, weight);
}

/* The pairs of a group, weight 1 / n_live in all. */
static void pair_group(struct ebb_pairs *p, const struct ebb_minibatch *mb, double floor, int group,
		       int n_live)
{
	const int right = count_side(p, group, EBB_SIDE_CHOSEN);
	const int wrong = count_side(p, group, EBB_SIDE_REJECTED);
	struct ebb_draw draw = mb->pair;
	int c = -1, r = -1;

	switch (mb->o->preference.pairing) {
	case EBB_PAIRING_ALL:
		for (EACH_ROW(p, group, i))
			for (EACH_ROW(p, group, j))
				if (p->side[i] == EBB_SIDE_CHOSEN &&
				    p->side[j] == EBB_SIDE_REJECTED)
					add_pair(p, mb, floor, i, j,
						 1.0 / ((double)n_live * right * wrong));
		return;
	case EBB_PAIRING_ONE_RANDOM:
		draw.slot = (uint32_t)group;
		c = (int)ebb_below(&draw, 0, (uint32_t)right);
		r = (int)ebb_below(&draw, 1, (uint32_t)wrong);
		break;
	case EBB_PAIRING_HARDEST:
		break;
	}
	add_pair(p, mb, floor, pick(p, group, EBB_SIDE_CHOSEN, c),
		 pick(p, group, EBB_SIDE_REJECTED, r), 1.0 / n_live);
}

void ebb_pairs_fill(struct ebb_pairs *p, const struct ebb_minibatch *mb, double floor)
{
	const struct ebb_batch *b = mb->batch;
	struct ebb_pair_stats *s = &p->stats;
	const double nan = (double)NAN;
	int live = 0;

	ebb_preference_rule_init(&p->rule, mb->o);
	*s = (struct ebb_pair_stats){0};
	for (int i = 0; i < mb->n; i++) {
		score_row(p, mb, floor, i);
		s->excluded += b->truncated && b->truncated[mb->row[i]];
	}
	list_groups(p, mb);
	for (int g = 0; g < b->n_groups; g++) {
		const bool both = count_side(p, g, EBB_SIDE_CHOSEN) > 0 &&
				  count_side(p, g, EBB_SIDE_REJECTED) > 0;

		live += both;
		s->skipped += p->first[g] > 0 && !both;
	}
	for (int g = 0; g < b->n_groups; g++)
		if (count_side(p, g, EBB_SIDE_CHOSEN) > 0 &&
		    count_side(p, g, EBB_SIDE_REJECTED) > 0)
			pair_group(p, mb, floor, g, live);
	if (live == 0) {
		s->accuracy = s->margin = nan;
		for (int k = CHOSEN; k <= REJECTED; k++)
			s->logp[k] = s->drift[k] = s->kl[k] = s->length[k] = nan;
	}
	/* from dS/dl to dL/dl */
	for (int i = 0; i < mb->n; i++)
		for (int t = 0; t < b->T; t++)
			if (b->mask[(size_t)mb->row[i] * b->T + t])
				p->slope[(size_t)i * b->T + t] =
					p->pull[i] * p->slope[(size_t)i * b->T + t] + p->sft[i];
}
