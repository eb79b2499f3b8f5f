/* The baseline of a reward and what the centred reward is divided by. PG 3.3, 7. */
#include <math.h>
#include <stdlib.h>
#include "objective/stages.h"

struct spread {
	int n;
	double first, sum, mean, std;
	bool equal; /* all values are the same, by comparison */
};

static void spread_add(struct spread *s, double x)
{
	if (s->n == 0) {
		s->first = x;
		s->equal = true;
	} else if (x != s->first) {
		s->equal = false;
	}
	s->n++;
	s->sum += x;
}

/* std holds the sum of squared deviations until here. */
static void spread_finish(struct spread *s, int ddof)
{
	s->std = s->n > ddof ? sqrt(s->std / (s->n - ddof)) : 0.0;
}

static double divisor(const struct ebb_options *o, const struct spread *s)
{
	const double floor = o->advantage.std_floor;

	/* Equal rewards have no scale: without a floor the quotient would be rounding noise. */
	if (s->equal && floor == 0.0)
		return 0.0;
	return (s->std < floor ? floor : s->std) + o->advantage.std_eps;
}

static void fill_row(const struct ebb_options *o, const struct spread *group,
		     const struct spread *batch, const double *known, int i,
		     struct ebb_component *c)
{
	const bool within = o->advantage.center == EBB_CENTER_GROUP ||
			    o->advantage.center == EBB_CENTER_LOO ||
			    o->advantage.center == EBB_CENTER_TREE ||
			    ((o->advantage.center == EBB_CENTER_STATIC ||
			      o->advantage.center == EBB_CENTER_GREEDY) &&
			     !known);
	const bool single = group->n == 1;
	double b = 0.0, d = 1.0;

	if (single && (within || o->advantage.scale == EBB_SCALE_GROUP_STD)) {
		c->baseline[i] = 0.0; /* raw: the reward itself */
		c->divisor[i] = o->advantage.singleton == EBB_SINGLETON_RAW ? 1.0 : 0.0;
		return;
	}
	switch (o->advantage.center) {
	case EBB_CENTER_NONE:
	case EBB_CENTER_CRITIC: /* its baseline is the value of a token, gae.c */
		break;
	case EBB_CENTER_BATCH:
		b = batch->mean;
		break;
	case EBB_CENTER_LOO:
		b = (group->sum - c->value[i]) / (group->n - 1);
		break;
	case EBB_CENTER_STATIC:
	case EBB_CENTER_GREEDY:
		b = known ? *known : group->mean;
		break;
	case EBB_CENTER_GROUP:
	case EBB_CENTER_TREE: /* p(root) of EI 5.5 */
		b = group->mean;
		break;
	}
	switch (o->advantage.scale) {
	case EBB_SCALE_NONE:
	case EBB_SCALE_WHITEN:
		break;
	case EBB_SCALE_GROUP_STD:
		d = divisor(o, group);
		break;
	case EBB_SCALE_BATCH_STD:
		d = divisor(o, batch);
		break;
	}
	c->baseline[i] = b;
	c->divisor[i] = within && group->equal ? 0.0 : d;
}

void ebb_component_fill(const struct ebb_options *o, const struct ebb_batch *b, const bool *counted,
			const double *known, struct ebb_component *c)
{
	const int ddof = (int)o->advantage.std_ddof;
	struct spread *group = ebb_xcalloc((size_t)b->n_groups, sizeof *group), batch = {0};

	for (int i = 0; i < b->R; i++) {
		if (!counted[i])
			continue;
		spread_add(&group[b->group[i]], c->value[i]);
		spread_add(&batch, c->value[i]);
	}
	for (int g = 0; g < b->n_groups; g++)
		group[g].mean = group[g].n > 0 ? group[g].sum / group[g].n : 0.0;
	batch.mean = batch.n > 0 ? batch.sum / batch.n : 0.0;
	for (int i = 0; i < b->R; i++) {
		struct spread *s = &group[b->group[i]];

		if (!counted[i])
			continue;
		s->std += (c->value[i] - s->mean) * (c->value[i] - s->mean);
		batch.std += (c->value[i] - batch.mean) * (c->value[i] - batch.mean);
	}
	for (int g = 0; g < b->n_groups; g++)
		spread_finish(&group[g], ddof);
	spread_finish(&batch, ddof);
	for (int i = 0; i < b->R; i++) {
		c->baseline[i] = 0.0;
		c->divisor[i] = 0.0;
		if (counted[i])
			fill_row(o, &group[b->group[i]], &batch, known ? &known[b->group[i]] : NULL,
				 i, c);
	}
	free(group);
}
