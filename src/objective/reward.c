/* Verifier's reward -> shaped reward: scale, truncation rule, overlong penalty. PG 3.2, 4.5, 7. */
#include "objective/stages.h"

double ebb_overlong_penalty(double max, double cache, double factor, int n)
{
	const double start = max - cache;

	if ((double)n <= start)
		return 0.0;
	if ((double)n <= max)
		return factor * (start - (double)n) / cache;
	return -factor;
}

static double overlong_max(const struct ebb_options *o, const struct ebb_batch *b)
{
	if (o->overlong.max > 0)
		return (double)o->overlong.max;
	return (double)(o->sample.max_tokens > 0 ? o->sample.max_tokens : b->T);
}

void ebb_objective_shape(const struct ebb_options *o, struct ebb_batch *b)
{
	for (int i = 0; i < b->R; i++) {
		double r = b->reward[i];

		if (o->reward.scale == EBB_REWARD_PLUS_MINUS_ONE)
			r = 2.0 * r - 1.0;
		if (b->truncated && b->truncated[i]) {
			if (o->reward.truncated == EBB_TRUNCATED_FIXED)
				r = o->reward.truncated_value;
			else if (o->reward.truncated == EBB_TRUNCATED_SCALE)
				r *= o->reward.truncated_value;
		}
		if (o->overlong.mode == EBB_OVERLONG_SOFT)
			r += ebb_overlong_penalty(overlong_max(o, b), (double)o->overlong.cache,
						  o->overlong.factor, b->length[i]);
		b->shaped[i] = r;
	}
}
