/* The rule of the value loss, and how well the values did before the updates. PG 4.2. */
#include <math.h>
#include "objective/stages.h"

void ebb_value_rule_init(struct ebb_value_rule *r, const struct ebb_options *o)
{
	/* a loss that stands alone, before its own optimizer, has weight 1 */
	r->coef = o->critic.model == EBB_CRITIC_SHARED ? o->critic.coef : 1.0;
	r->clip = o->critic.clip;
}

void ebb_value_stats(const struct ebb_batch *b, struct ebb_prepare_stats *s)
{
	const size_t all = (size_t)b->R * b->T;
	double value = 0.0, target = 0.0, error = 0.0, spread = 0.0;
	int64_t n = 0;

	for (size_t at = 0; at < all; at++) {
		if (!b->mask[at])
			continue;
		value += b->value[at];
		target += b->target[at];
		n++;
	}
	s->value_mean = value / (double)n;
	s->return_mean = target / (double)n;
	for (size_t at = 0; at < all; at++) {
		double d, e;

		if (!b->mask[at])
			continue;
		d = b->target[at] - s->return_mean;
		e = b->target[at] - b->value[at] - (s->return_mean - s->value_mean);
		spread += d * d;
		error += e * e;
	}
	s->explained_variance = spread > 0.0 ? 1.0 - error / spread : NAN;
}
