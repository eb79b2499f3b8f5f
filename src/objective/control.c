/* What alpha is at a step: fixed, annealed over the steps, or moved by a controller. EI 1.3. */
#include "base/real.h"
#include "objective/objective.h"

static double limited(const struct ebb_options *o, double alpha)
{
	return ebb_clamp(alpha, o->entropy.min, o->entropy.max);
}

double ebb_alpha_start(const struct ebb_options *o)
{
	const bool moves = o->entropy.control == EBB_CONTROL_BANG_BANG ||
			   o->entropy.control == EBB_CONTROL_DUAL;

	return moves ? limited(o, o->entropy.coef) : o->entropy.coef;
}

/* From coef at step 0 to min at step `horizon`, then min. Annealing over steps is not gamma(t),
 * which weighs positions of a response (EI 4.4). */
static double annealed(const struct ebb_options *o, int64_t step)
{
	double horizon = (double)(o->entropy.horizon > 0 ? o->entropy.horizon : o->train.steps),
	       part = (double)step / horizon, left;

	if (part >= 1.0)
		return o->entropy.min;
	left = o->entropy.anneal == EBB_ANNEAL_COSINE ? 0.5 * (1.0 + ebb_cos_turn(part / 2.0))
						      : 1.0 - part;
	return o->entropy.min + (o->entropy.coef - o->entropy.min) * left;
}

double ebb_alpha_at(const struct ebb_options *o, double alpha, double h, int64_t step)
{
	if (o->entropy.control == EBB_CONTROL_ANNEAL)
		return annealed(o, step);
	/* off while entropy is above the target, although alpha keeps its memory */
	if (o->entropy.control == EBB_CONTROL_BANG_BANG && step > 0 && h >= o->entropy.target)
		return 0.0;
	return alpha;
}

double ebb_alpha_adapt(const struct ebb_options *o, double alpha, double h)
{
	if (h != h) /* a step without a response token says nothing */
		return alpha;
	if (o->entropy.control == EBB_CONTROL_BANG_BANG)
		return limited(o, h < o->entropy.target ? alpha + o->entropy.delta
							: alpha - o->entropy.delta);
	if (o->entropy.control == EBB_CONTROL_DUAL)
		return limited(o, alpha * ebb_exp(o->entropy.eta * (o->entropy.target - h)));
	return alpha;
}
