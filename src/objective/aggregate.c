/* The weight of a token in the loss. PG 3.1. */
#include "objective/stages.h"

int ebb_aggregate_rows(const struct ebb_options *o, const struct ebb_counts *c)
{
	return o->loss.seq_den == EBB_SEQ_DEN_ALL ? c->rows : c->nonempty;
}

double ebb_aggregate_weight(const struct ebb_options *o, const struct ebb_counts *c, int limit,
			    int i)
{
	const double S = ebb_aggregate_rows(o, c);
	const double C = o->loss.constant > 0.0 ? o->loss.constant : (double)limit;

	if (c->n[i] == 0)
		return 0.0;
	switch (o->loss.aggregate) {
	case EBB_AGGREGATE_TOKEN_MEAN:
		return 1.0 / (double)c->tokens;
	case EBB_AGGREGATE_GROUP_MEAN_TOKEN_MEAN:
		return 1.0 / ((double)c->live_groups * (double)c->group_tokens[c->group[i]]);
	case EBB_AGGREGATE_SEQ_MEAN_TOKEN_MEAN:
		return 1.0 / (S * (double)c->n[i]);
	case EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM:
		return 1.0 / S;
	case EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM_NORM:
		return 1.0 / ((double)c->rows * C);
	case EBB_AGGREGATE_TOKEN_SUM_NORM:
		return 1.0 / C;
	}
	EBB_BUG("loss.aggregate is %d", (int)o->loss.aggregate);
}
