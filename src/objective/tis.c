/* Truncated importance sampling: sampler against trainer, never differentiated. PG 3.6. */
#include "objective/stages.h"

void ebb_tis_rule_init(struct ebb_tis_rule *r, const struct ebb_options *o)
{
	r->kind = (int)o->tis.kind;
	r->min = o->tis.min;
	r->max = o->tis.max;
	r->normalise = o->tis.normalise;
}

void ebb_tis_fill(const struct ebb_tis_rule *r, const struct ebb_batch *b, const int *row,
		  const struct ebb_counts *c, double floor, double *tis)
{
	const bool whole = r->kind == EBB_RULE_TIS_SEQ_TRUNC || r->kind == EBB_RULE_TIS_SEQ_MASK;
	const double *roll = b->roll ? b->roll : b->old;
	double sum = 0.0, mean;
	int bad;

	for (int i = 0; i < c->rows; i++) {
		const size_t at = (size_t)row[i] * b->T;
		double *w = tis + (size_t)i * b->T, y = 0.0, v = 0.0;

		for (int t = 0; t < b->T; t++) {
			w[t] = 0.0;
			if (!b->mask[at + t])
				continue;
			/* one token's log ratio; a sequence sums them and overwrites below */
			v = ebb_logp_frozen(b->old[at + t], floor, &bad) -
			    ebb_logp_frozen(roll[at + t], floor, &bad);
			y += v;
			w[t] = ebb_tis_weight(r, v);
			if (!whole)
				sum += w[t];
		}
		if (!whole || c->n[i] == 0)
			continue;
		v = ebb_tis_weight(r, y);
		sum += v;
		for (int t = 0; t < b->T; t++)
			w[t] = b->mask[at + t] ? v : 0.0;
	}
	/* Over tokens or responses, whichever a weight belongs to. All weights 0 stay 0. */
	mean = sum / (whole ? (double)c->nonempty : (double)c->tokens);
	if (!r->normalise || !(mean > 0.0))
		return;
	for (size_t k = 0; k < (size_t)c->rows * b->T; k++)
		tis[k] /= mean;
}
