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
