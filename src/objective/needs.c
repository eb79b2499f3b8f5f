/* Which extra passes and arrays the options ask for. */
#include "objective/objective.h"

void ebb_objective_needs(const struct ebb_options *o, struct ebb_needs *needs)
{
	const bool full = o->kl.estimator == EBB_KL_FULL;

	*needs = (struct ebb_needs){0};
	needs->exact_kl = o->kl.place == EBB_KL_LOSS && full;
	needs->ref_logp = o->kl.place != EBB_KL_NONE && !needs->exact_kl;
	needs->answer = o->info.coef > 0.0;
	needs->answer_prior = needs->answer && (o->info.norm == EBB_INFO_GAIN_SUM ||
						o->info.norm == EBB_INFO_GAIN_MEAN);
	needs->answer_rows = needs->answer && o->info.grad != EBB_INFO_REWARD;
	needs->clusters = o->reward.source == EBB_REWARD_CLUSTER;
	if (o->advantage.center == EBB_CENTER_STATIC)
		needs->reference_samples = (int)o->advantage.reference_samples;
	needs->greedy = o->advantage.center == EBB_CENTER_GREEDY;
	needs->batch_scope =
		o->loss.policy == EBB_POLICY_CLIP_COV || o->loss.policy == EBB_POLICY_KL_COV;
	/* Truncated or disturbed sampling draws from another distribution than the trainer's. */
	needs->old_pass = o->sample.mismatch != EBB_MISMATCH_NONE || o->sample.top_p < 1.0 ||
			  o->sample.top_k > 0;
}
