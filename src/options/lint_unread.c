/* The rules of lint.def about what nothing reads where no token has a policy term, in its order. */
#include "options/lint_look.h"

/* No term of a token's own: pairs of responses, or no policy term at all. */
static bool termless(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_PREFERENCE || o->loss.policy == EBB_POLICY_NONE;
}

/* Beside the policy term IBRO's entropy term reads advantages and a critic the rewards. */
static bool reads_rewards(const struct ebb_options *o)
{
	return o->critic.model != EBB_CRITIC_NONE ||
	       (ebb_weighs_entropy(o) && o->entropy.form == EBB_FORM_TIMES_ADVANTAGE);
}

#define NO_TERM "loss.policy=none has no policy term, and nothing else reads "

bool ebb_rule_unread_advantage(const struct ebb_options *o, struct ebb_look *l)
{
	/* an answer term is one of the loss, and prompts may be dropped by their baseline */
	if (!termless(o) || reads_rewards(o) || o->dynamic.on == EBB_DYNAMIC_TOTAL ||
	    (o->info.coef > 0.0 && o->info.grad != EBB_INFO_REWARD) ||
	    (o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 != EBB_ACC0_KEEP))
		return false;
	if (o->loss.policy == EBB_POLICY_NONE)
		return ebb_say(l, NO_TERM "advantages; set loss.policy=clip or leave it out");
	return ebb_say(l, "loss.policy=preference pairs responses by the verifier's reward and "
			  "reads no advantage; leave it out");
}

bool ebb_rule_unread_shaping(const struct ebb_options *o, struct ebb_look *l)
{
	if (!termless(o) || reads_rewards(o) || o->dynamic.on == EBB_DYNAMIC_SHAPED ||
	    o->dynamic.on == EBB_DYNAMIC_TOTAL || o->overlong.mode == EBB_OVERLONG_FILTER)
		return false;
	if (o->loss.policy == EBB_POLICY_NONE)
		return ebb_say(l, NO_TERM "rewards; set loss.policy=clip or leave it out");
	return ebb_say(l, "loss.policy=preference pairs responses by the reward before any "
			  "shaping; leave it out");
}

bool ebb_rule_unread_kl_reward(const struct ebb_options *o, struct ebb_look *l)
{
	if (!termless(o) || reads_rewards(o) || o->kl.place != EBB_KL_REWARD)
		return false;
	if (o->loss.policy == EBB_POLICY_NONE)
		return ebb_say(l, NO_TERM "rewards; set kl.place=loss");
	return ebb_say(l, "loss.policy=preference pairs responses by the verifier's reward, where "
			  "kl.place=reward has no part; set kl.place=loss");
}

bool ebb_rule_unread_tis(const struct ebb_options *o, struct ebb_look *l)
{
	return termless(o) && o->tis.kind != EBB_TIS_OFF &&
	       ebb_say(l, "loss.policy=%s has no term for the weight; set tis.kind=off",
		       EBB_CHOICE(o, loss, policy));
}

bool ebb_rule_unread_weight(const struct ebb_options *o, struct ebb_look *l)
{
	const bool penalty = o->kl.place == EBB_KL_LOSS && o->kl.coef > 0.0;
	const bool value = o->critic.model != EBB_CRITIC_NONE;
	const bool entropy =
		ebb_weighs_entropy(o) && o->entropy.aggregate != EBB_ENTROPY_TOKEN_MEAN;

	if (!termless(o) || penalty || value || o->kl_old.coef > 0.0 || entropy ||
	    (o->info.coef > 0.0 && o->info.grad != EBB_INFO_REWARD))
		return false;
	if (o->loss.policy == EBB_POLICY_NONE)
		return ebb_say(l, NO_TERM "the weight of a token; leave it out");
	return ebb_say(l, "loss.policy=preference takes the mean over pairs, and no other term "
			  "weighs tokens by it; leave it out");
}

bool ebb_rule_unread_source(const struct ebb_options *o, struct ebb_look *l)
{
	return o->loss.policy == EBB_POLICY_NONE && o->reward.source != EBB_REWARD_VERIFIER &&
	       !reads_rewards(o) && o->dynamic.on == EBB_DYNAMIC_OFF &&
	       ebb_say(l, NO_TERM "rewards; set loss.policy=clip or leave it out");
}
