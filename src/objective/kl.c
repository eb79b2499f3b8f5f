/* KL penalties: in the loss, in the reward, to the old policy, and the controller. PG 3.4. */
#include "objective/stages.h"

void ebb_kl_rule_init(struct ebb_kl_rule *r, const struct ebb_options *o, double coef)
{
	r->in_loss = o->kl.place == EBB_KL_LOSS;
	r->estimator = (int)o->kl.estimator;
	r->coef = coef;
	r->log_clamp = o->kl.log_clamp;
	r->old_estimator = (int)o->kl_old.estimator;
	r->old_coef = o->kl_old.coef;
}

void ebb_kl_reward(const struct ebb_options *o, const struct ebb_batch *b, double *k)
{
	const double floor = o->ratio.logp_floor;
	int floored;

	if (o->kl.estimator == EBB_KL_FULL)
		EBB_BUG("kl.estimator=full has no value per drawn token and so no place in the "
			"reward");
	if (!b->ref)
		EBB_BUG("kl.place=reward needs the reference's log-probabilities");
	for (size_t at = 0; at < (size_t)b->R * b->T; at++) {
		k[at] = 0.0;
		if (!b->mask[at])
			continue;
		/* Frozen weights: the ratio of k3_is is 1 here. */
		k[at] = ebb_kl_term((int)o->kl.estimator,
				    ebb_logp_frozen(b->old[at], floor, &floored) -
					    ebb_logp_floor(b->ref[at], floor, &floored),
				    o->kl.log_clamp, 1.0, 0)
				.value;
	}
}

double ebb_kl_adapt(const struct ebb_options *o, double coef, double kl, int n_responses)
{
	if (o->kl.controller == EBB_KL_FIXED)
		return coef;
	return coef * (1.0 + ebb_clamp(kl / o->kl.target - 1.0, -0.2, 0.2) * (double)n_responses /
				     o->kl.horizon);
}
