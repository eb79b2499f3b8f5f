/* Which extra passes and arrays the options ask for. */
#include <string.h>
#include "objective/objective.h"

void ebb_objective_needs(const struct ebb_options *o, struct ebb_needs *needs)
{
	const bool full = o->kl.estimator == EBB_KL_FULL;

	*needs = (struct ebb_needs){0};
	needs->exact_kl = o->kl.place == EBB_KL_LOSS && full;
	needs->trees = o->tree.sampler != EBB_TREE_OFF;
	needs->ref_logp = (o->kl.place != EBB_KL_NONE && !needs->exact_kl) ||
			  (ebb_local_advantage(o) && o->ib.ref == EBB_IB_REF) ||
			  ebb_scores_reference(o);
	needs->answer = o->info.coef > 0.0;
	needs->answer_prior = needs->answer && (o->info.norm == EBB_INFO_GAIN_SUM ||
						o->info.norm == EBB_INFO_GAIN_MEAN);
	needs->answer_rows = needs->answer && o->info.grad != EBB_INFO_REWARD;
	needs->clusters = o->reward.source == EBB_REWARD_CLUSTER;
	if (o->advantage.center == EBB_CENTER_STATIC)
		needs->reference_samples = (int)o->advantage.reference_samples;
	needs->greedy = o->advantage.center == EBB_CENTER_GREEDY;
	needs->critic = o->critic.model != EBB_CRITIC_NONE;
	needs->inject =
		o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 == EBB_ACC0_INJECT;
	needs->batch_scope = ebb_chooses_tokens(o) || o->loss.policy == EBB_POLICY_PREFERENCE;
	needs->old_kl =
		o->loss.policy == EBB_POLICY_KL_COV && o->covariance.penalty == EBB_PENALTY_FULL;
	needs->pool = ebb_chooses_tokens(o) && o->covariance.scope == EBB_SCOPE_ROLLOUT_BATCH;
	needs->logit = ebb_chooses_tokens(o) && o->covariance.kind == EBB_COV_RESPONSE_Z &&
		       o->covariance.response_source == EBB_COV_LOGIT;
	needs->own_pass = o->loss.policy == EBB_POLICY_PREFERENCE &&
			  (o->preference.refresh != 1 ||
			   o->preference.data[strspn(o->preference.data, " ")] != 0);
	/* Truncated or disturbed sampling draws from another distribution than the trainer's. */
	needs->old_pass = o->sample.mismatch != EBB_MISMATCH_NONE || o->sample.top_p < 1.0 ||
			  o->sample.top_k > 0;
}
