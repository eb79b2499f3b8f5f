/* The rules of lint.def about preferences, in its order. */
#include <inttypes.h>
#include "options/lint_look.h"

static bool pairs(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_PREFERENCE;
}

static bool has_regret(const struct ebb_options *o)
{
	return o->preference.method == EBB_PREFERENCE_PPL ||
	       o->preference.method == EBB_PREFERENCE_REPO;
}

/* IBRO's entropy term is the one thing beside the policy term that reads advantages. */
static bool reads_advantages(const struct ebb_options *o)
{
	return ebb_weighs_entropy(o) && o->entropy.form == EBB_FORM_TIMES_ADVANTAGE;
}

bool ebb_rule_pairs_off(const struct ebb_options *o, struct ebb_look *l)
{
	return !pairs(o) && ebb_say(l, "loss.policy=%s makes no pairs; set loss.policy=preference",
				    EBB_CHOICE(o, loss, policy));
}

bool ebb_rule_pairs_beta(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && o->preference.method != EBB_PREFERENCE_DPO &&
	       ebb_say(l, "preference.method=%s weighs its score by preference.alpha; set that",
		       EBB_CHOICE(o, preference, method));
}

bool ebb_rule_pairs_alpha(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && o->preference.method == EBB_PREFERENCE_DPO &&
	       ebb_say(l, "preference.method=%s weighs its score by preference.beta; set that",
		       EBB_CHOICE(o, preference, method));
}

bool ebb_rule_pairs_regret(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && !has_regret(o) &&
	       ebb_say(l,
		       "the score of preference.method=%s is a plain sum over the response; take "
		       "PPL or RePO for preference.method",
		       EBB_CHOICE(o, preference, method));
}

bool ebb_rule_pairs_refresh(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && o->preference.data[0] &&
	       ebb_say(l, "the policies of preference.data draw and are never renewed; leave it "
			  "out");
}

bool ebb_rule_pairs_late(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && !o->preference.data[0] && o->preference.refresh > 1 &&
	       o->preference.refresh >= o->train.steps && o->train.steps > 0 &&
	       ebb_say(l,
		       "preference.refresh=%" PRId64 " is the same as 0: train.steps=%" PRId64
		       " ends before the first renewal and the base draws throughout; lower it, or "
		       "say 0",
		       o->preference.refresh, o->train.steps);
}

/* The rollouts of a static baseline also say which prompts leave or get a demonstration. */
static bool chooses_prompts(const struct ebb_options *o)
{
	return o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 != EBB_ACC0_KEEP;
}

/* The answers of info.grad=direct and both are a term of the loss beside the pairs. */
static bool trains_answers(const struct ebb_options *o)
{
	return o->info.coef > 0.0 && o->info.grad != EBB_INFO_REWARD;
}

bool ebb_rule_pairs_advantage(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && !reads_advantages(o) && o->dynamic.on != EBB_DYNAMIC_TOTAL &&
	       !chooses_prompts(o) && !trains_answers(o) &&
	       ebb_say(l, "loss.policy=preference pairs responses by the verifier's reward and "
			  "reads no advantage; leave it out");
}

bool ebb_rule_pairs_shaping(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && !reads_advantages(o) && o->dynamic.on != EBB_DYNAMIC_SHAPED &&
	       o->dynamic.on != EBB_DYNAMIC_TOTAL && o->overlong.mode != EBB_OVERLONG_FILTER &&
	       ebb_say(l, "loss.policy=preference pairs responses by the reward before any "
			  "shaping; leave it out");
}

bool ebb_rule_pairs_dynamic(const struct ebb_options *o, struct ebb_look *l)
{
	const bool shaped = o->reward.truncated != EBB_TRUNCATED_VERIFIER ||
			    o->overlong.mode == EBB_OVERLONG_SOFT;

	return pairs(o) &&
	       (o->dynamic.on == EBB_DYNAMIC_TOTAL ||
		(o->dynamic.on == EBB_DYNAMIC_SHAPED && shaped)) &&
	       ebb_say(l,
		       "dynamic.on=%s keeps groups that are all right or all wrong and differ in "
		       "shaping alone, which make no pair; set dynamic.on=correct",
		       EBB_CHOICE(o, dynamic, on));
}

bool ebb_rule_pairs_kl_reward(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && !reads_advantages(o) && o->kl.place == EBB_KL_REWARD &&
	       ebb_say(l, "loss.policy=preference pairs responses by the verifier's reward, where "
			  "kl.place=reward has no part; set kl.place=loss");
}

bool ebb_rule_pairs_tis(const struct ebb_options *o, struct ebb_look *l)
{
	return pairs(o) && o->tis.kind != EBB_TIS_OFF &&
	       ebb_say(l, "loss.policy=preference has no term for the weight; set tis.kind=off");
}

bool ebb_rule_pairs_weight(const struct ebb_options *o, struct ebb_look *l)
{
	const bool penalty = o->kl.place == EBB_KL_LOSS && o->kl.coef > 0.0;
	const bool entropy =
		ebb_weighs_entropy(o) && o->entropy.aggregate != EBB_ENTROPY_TOKEN_MEAN;

	return pairs(o) && !penalty && !(o->kl_old.coef > 0.0) && !entropy &&
	       ebb_say(l, "loss.policy=preference takes the mean over pairs, and no other term "
			  "weighs tokens by it; leave it out");
}

/* RePO's reason for means: kappa = 1 + u at position u of a sum. */
#define LONG_RESPONSE 64

bool ebb_rule_pairs_long(const struct ebb_options *o, struct ebb_look *l)
{
	const int64_t limit =
		o->sample.max_tokens > 0 ? o->sample.max_tokens : l->facts.response_limit;

	return pairs(o) && has_regret(o) && o->preference.norm == EBB_NORM_SUM &&
	       o->preference.discount == 1.0 && limit >= LONG_RESPONSE &&
	       ebb_say(l,
		       "preference.norm=sum multiplies the gradient of a token by its position, up "
		       "to %" PRId64 " here: the ends of long responses decide; take "
		       "preference.norm=suffix_mean or preference.discount below 1",
		       limit);
}
