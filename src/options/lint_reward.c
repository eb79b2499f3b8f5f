/* The rules of lint.def about the entropy term, rewards, advantages and the loops, in its order. */
#include <inttypes.h>
#include "base/real.h"
#include "options/lint_look.h"

/* ---- entropy and gamma(t) ---- */

static bool exponential(const struct ebb_options *o)
{
	return o->gamma.kind == EBB_GAMMA_EXP || o->gamma.kind == EBB_GAMMA_PIECE_EXP;
}

static bool piecewise(const struct ebb_options *o)
{
	return o->gamma.kind == EBB_GAMMA_PIECE_LINEAR || o->gamma.kind == EBB_GAMMA_PIECE_EXP;
}

bool ebb_rule_entropy_off(const struct ebb_options *o, struct ebb_look *l)
{
	return !ebb_weighs_entropy(o) &&
	       ebb_say(l, "entropy.coef=0; raise entropy.coef (alpha) or leave it out");
}

bool ebb_rule_entropy_huge(const struct ebb_options *o, struct ebb_look *l)
{
	/* nothing to outweigh where the entropy term is the loss */
	return o->entropy.coef >= 1.0 && o->loss.policy != EBB_POLICY_NONE &&
	       ebb_say(l,
		       "entropy.coef=%g outweighs any advantage: entropy exploded at 0.01 in "
		       "published runs (arXiv:2505.22617) and at 0.3 on this program's tasks; take "
		       "0.001 to 0.1",
		       o->entropy.coef);
}

bool ebb_rule_guard_late(const struct ebb_options *o, struct ebb_look *l)
{
	return o->entropy.guard == EBB_GUARD_STOP && o->train.steps > 0 && o->train.steps <= 20 &&
	       ebb_say(l,
		       "entropy counts as exploded after 20 steps and train.steps=%" PRId64
		       " ends before; raise train.steps or leave it out",
		       o->train.steps);
}

bool ebb_rule_alpha_fixed(const struct ebb_options *o, struct ebb_look *l)
{
	return o->entropy.control == EBB_CONTROL_NONE &&
	       ebb_say(l, "alpha stays at entropy.coef; set entropy.control");
}

bool ebb_rule_alpha_delta(const struct ebb_options *o, struct ebb_look *l)
{
	return (o->entropy.control == EBB_CONTROL_ANNEAL ||
		o->entropy.control == EBB_CONTROL_DUAL) &&
	       ebb_say(l, "it is the step of entropy.control=bang_bang, not of %s; leave it out",
		       EBB_CHOICE(o, entropy, control));
}

bool ebb_rule_alpha_eta(const struct ebb_options *o, struct ebb_look *l)
{
	return (o->entropy.control == EBB_CONTROL_ANNEAL ||
		o->entropy.control == EBB_CONTROL_BANG_BANG) &&
	       ebb_say(l, "it is the rate of entropy.control=dual, not of %s; leave it out",
		       EBB_CHOICE(o, entropy, control));
}

bool ebb_rule_alpha_target(const struct ebb_options *o, struct ebb_look *l)
{
	return o->entropy.control == EBB_CONTROL_ANNEAL &&
	       ebb_say(l, "annealing follows the steps, whatever the entropy; take "
			  "entropy.control=bang_bang or dual, or leave it out");
}

bool ebb_rule_alpha_anneal(const struct ebb_options *o, struct ebb_look *l)
{
	return (o->entropy.control == EBB_CONTROL_BANG_BANG ||
		o->entropy.control == EBB_CONTROL_DUAL) &&
	       ebb_say(l,
		       "entropy.control=%s follows the entropy, whatever the step; take "
		       "entropy.control=anneal, or leave it out",
		       EBB_CHOICE(o, entropy, control));
}

bool ebb_rule_alpha_stuck(const struct ebb_options *o, struct ebb_look *l)
{
	return o->entropy.control == EBB_CONTROL_DUAL && o->entropy.coef == 0.0 &&
	       o->entropy.min == 0.0 &&
	       ebb_say(l,
		       "entropy.control=dual multiplies alpha, which begins at entropy.coef=0 and "
		       "stays there: the arm has no entropy term; raise entropy.coef or "
		       "entropy.min");
}

bool ebb_rule_gamma_off(const struct ebb_options *o, struct ebb_look *l)
{
	return !ebb_weighs_entropy(o) &&
	       ebb_say(l, "gamma(t) weighs the entropy term and entropy.coef=0; raise entropy.coef "
			  "(alpha)");
}

bool ebb_rule_gamma_none(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && o->gamma.kind == EBB_GAMMA_NONE &&
	       ebb_say(l, "gamma.kind=none weighs every position alike; set gamma.kind");
}

bool ebb_rule_gamma_tmax(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && exponential(o) &&
	       ebb_say(l, "gamma.kind=%s never reaches 0; take a linear kind or leave it out",
		       EBB_CHOICE(o, gamma, kind));
}

bool ebb_rule_gamma_base(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && !exponential(o) && o->gamma.kind != EBB_GAMMA_NONE &&
	       ebb_say(l, "gamma.kind=%s falls in a line; take exp or piece_exp",
		       EBB_CHOICE(o, gamma, kind));
}

bool ebb_rule_gamma_half_life(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && exponential(o) && o->gamma.half_life > 0.0 &&
	       ebb_say(l, "gamma.half_life=%g takes its place; give one of them",
		       o->gamma.half_life);
}

bool ebb_rule_gamma_k(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && o->gamma.kind != EBB_GAMMA_NONE && !piecewise(o) &&
	       ebb_say(l, "gamma.kind=%s decays from the start; take piece_linear or piece_exp",
		       EBB_CHOICE(o, gamma, kind));
}

bool ebb_rule_gamma_origin(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && piecewise(o) &&
	       ebb_say(l, "gamma.kind=%s counts from the end of its first piece; move gamma.k",
		       EBB_CHOICE(o, gamma, kind));
}

bool ebb_rule_gamma_normalise(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && o->gamma.kind != EBB_GAMMA_NONE &&
	       o->entropy.aggregate != EBB_ENTROPY_SEQ_MEAN &&
	       ebb_say(l,
		       "it divides the sum over one response, and entropy.aggregate=%s has its own "
		       "divisor; set entropy.aggregate=seq-mean",
		       EBB_CHOICE(o, entropy, aggregate));
}

bool ebb_rule_gamma_constant(const struct ebb_options *o, struct ebb_look *l)
{
	return ebb_weighs_entropy(o) && piecewise(o) && l->facts.response_limit > 0 &&
	       o->gamma.k >= l->facts.response_limit &&
	       ebb_say(l,
		       "gamma.k=%" PRId64 " covers whole responses, which end after %d tokens, so "
		       "gamma(t) is always 1; take a smaller gamma.k",
		       o->gamma.k, l->facts.response_limit);
}

bool ebb_rule_gamma_zero(const struct ebb_options *o, struct ebb_look *l)
{
	if (!ebb_weighs_entropy(o) || o->gamma.kind != EBB_GAMMA_EXP || o->gamma.half_life > 0.0 ||
	    o->gamma.base > 0.0 || o->gamma.origin != 1)
		return false;
	return ebb_say(
		l,
		"gamma.base=0 with gamma.kind=exp leaves nothing of entropy.coef=%g: from "
		"gamma.origin=1 on it is 0 at every position; set gamma.origin=0 to keep the "
		"first token, or raise gamma.base",
		o->entropy.coef);
}

/* ---- the information reward ---- */

/* Is the likelihood of the answer a reward? With info.grad=direct it is a term of the loss alone. */
static bool informs(const struct ebb_options *o)
{
	return o->info.coef > 0.0 && o->info.grad != EBB_INFO_DIRECT;
}

bool ebb_rule_info_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->info.coef == 0.0 && ebb_say(l, "info.coef=0; raise info.coef");
}

bool ebb_rule_info_combine(const struct ebb_options *o, struct ebb_look *l)
{
	if (informs(o) && o->advantage.center == EBB_CENTER_CRITIC)
		return (o->info.combine == EBB_INFO_SUM_THEN_NORM ||
			o->info.combine == EBB_INFO_NORM_THEN_SUM) &&
		       ebb_say(l, "advantage.center=critic adds the rewards as they are; take "
				  "gated or gated_inverse, or leave it out");
	/* info.external scales before or after normalisation, with or without company */
	return o->info.coef == 0.0 && o->info.external == 1.0 &&
	       ebb_say(l, "info.coef=0 leaves nothing to combine; raise info.coef");
}

bool ebb_rule_info_direct(const struct ebb_options *o, struct ebb_look *l)
{
	return o->info.coef > 0.0 && o->info.grad == EBB_INFO_DIRECT && o->info.external == 1.0 &&
	       ebb_say(l, "info.grad=direct leaves one reward, the verifier's; set "
			  "info.grad=reward or "
			  "both");
}

bool ebb_rule_info_gated(const struct ebb_options *o, struct ebb_look *l)
{
	/* groups are kept by one reward and gated by another: are they equal together? */
	const bool plain = o->reward.truncated == EBB_TRUNCATED_VERIFIER &&
			   o->overlong.mode != EBB_OVERLONG_SOFT;

	return informs(o) && o->info.combine == EBB_INFO_GATED &&
	       (o->dynamic.on == EBB_DYNAMIC_SHAPED ||
		(o->dynamic.on == EBB_DYNAMIC_CORRECT && plain)) &&
	       ebb_say(l,
		       "info.combine=gated counts information where rewards are equal, and "
		       "dynamic.on=%s throws exactly those groups away; set dynamic.on=total or "
		       "info.combine=norm_then_sum",
		       EBB_CHOICE(o, dynamic, on));
}

bool ebb_rule_info_gain(const struct ebb_options *o, struct ebb_look *l)
{
	const bool sum = o->info.norm == EBB_INFO_GAIN_SUM;
	const bool centred = o->advantage.center == EBB_CENTER_GROUP ||
			     o->advantage.center == EBB_CENTER_LOO ||
			     o->advantage.center == EBB_CENTER_TREE;

	return informs(o) && (sum || o->info.norm == EBB_INFO_GAIN_MEAN) && centred &&
	       o->advantage.scale != EBB_SCALE_BATCH_STD && o->advantage.discount == 1.0 &&
	       ebb_say(l,
		       "info.norm=%s trains as %s does, for another pass: the likelihood without "
		       "the "
		       "chain is the same for the whole group and cancels in advantage.center=%s; "
		       "set "
		       "info.norm=%s unless the curve of gains is wanted",
		       EBB_CHOICE(o, info, norm), sum ? "sum" : "mean",
		       EBB_CHOICE(o, advantage, center), sum ? "sum" : "mean");
}

bool ebb_rule_no_reward(const struct ebb_options *o, struct ebb_look *l)
{
	return o->info.external == 0.0 && o->info.coef == 0.0 &&
	       ebb_say(l,
		       "info.external=0 with info.coef=0 leaves no reward at all in the advantage; "
		       "raise one of them");
}

/* ---- rewards ---- */

bool ebb_rule_noise_coin(const struct ebb_options *o, struct ebb_look *l)
{
	return o->reward.source != EBB_REWARD_VERIFIER &&
	       ebb_say(l,
		       "reward.source=%s pays whatever the verifier says; set "
		       "reward.source=verifier",
		       EBB_CHOICE(o, reward, source));
}

static bool clusters(const struct ebb_options *o)
{
	return o->reward.source == EBB_REWARD_CLUSTER;
}

bool ebb_rule_cluster_off(const struct ebb_options *o, struct ebb_look *l)
{
	return !clusters(o) && ebb_say(l, "reward.source=%s; set reward.source=cluster",
				       EBB_CHOICE(o, reward, source));
}

bool ebb_rule_cluster_rule(const struct ebb_options *o, struct ebb_look *l)
{
	return clusters(o) && o->cluster.rule == EBB_CLUSTER_LAST_WRITER &&
	       ebb_say(l,
		       "the tasks compare canonical answers, and both rules make the same clusters "
		       "of them; leave it out");
}

bool ebb_rule_cluster_pair(const struct ebb_options *o, struct ebb_look *l)
{
	return clusters(o) && ebb_group_size(o) == 2 && o->cluster.reward != EBB_CLUSTER_NATURAL &&
	       ebb_say(l,
		       "two answers of reward.source=cluster with train.group=2 are alike or "
		       "different, and either way both earn the same: no advantage differs from 0; "
		       "raise train.group (published: 7 to 16)");
}

bool ebb_rule_random_p(const struct ebb_options *o, struct ebb_look *l)
{
	return o->reward.source != EBB_REWARD_RANDOM &&
	       ebb_say(l, "reward.source=%s; set reward.source=random",
		       EBB_CHOICE(o, reward, source));
}

bool ebb_rule_random_constant(const struct ebb_options *o, struct ebb_look *l)
{
	const double p = o->reward.random_p;
	const bool other = informs(o) || o->overlong.mode == EBB_OVERLONG_SOFT ||
			   o->reward.truncated != EBB_TRUNCATED_VERIFIER ||
			   (o->kl.place == EBB_KL_REWARD && o->kl.coef > 0.0);

	return !other && o->reward.source == EBB_REWARD_RANDOM && (p == 0.0 || p == 1.0) &&
	       (o->advantage.center == EBB_CENTER_GROUP || o->advantage.center == EBB_CENTER_LOO ||
		o->advantage.center == EBB_CENTER_TREE) &&
	       ebb_say(l,
		       "reward.random_p=%g gives every response the same reward, so no advantage "
		       "differs from 0; take a probability between 0 and 1",
		       p);
}

bool ebb_rule_truncated_value(const struct ebb_options *o, struct ebb_look *l)
{
	return o->reward.truncated == EBB_TRUNCATED_VERIFIER &&
	       ebb_say(l, "reward.truncated=verifier; set reward.truncated=fixed or scale");
}

bool ebb_rule_truncated_same(const struct ebb_options *o, struct ebb_look *l)
{
	const double wrong = o->reward.scale == EBB_REWARD_PLUS_MINUS_ONE ? -1.0 : 0.0;
	const double value = o->reward.truncated_value;

	/* a task's verifier calls truncated responses wrong; a coin does not */
	if (o->reward.source != EBB_REWARD_VERIFIER ||
	    !((o->reward.truncated == EBB_TRUNCATED_FIXED && value == wrong) ||
	      (o->reward.truncated == EBB_TRUNCATED_SCALE && value * wrong == wrong)))
		return false;
	return ebb_say(l,
		       "a truncated response is wrong anyway and keeps its reward of %g; set "
		       "another reward.truncated_value",
		       wrong);
}

bool ebb_rule_reward_scale(const struct ebb_options *o, struct ebb_look *l)
{
	/* anything in units of the reward that the scale does not move along with */
	const bool other = o->advantage.std_floor > 0.0 || o->advantage.std_eps > 1e-3 ||
			   o->advantage.discount < 1.0 || o->overlong.mode == EBB_OVERLONG_SOFT ||
			   o->reward.truncated != EBB_TRUNCATED_VERIFIER || informs(o) ||
			   o->advantage.singleton == EBB_SINGLETON_RAW ||
			   o->critic.model != EBB_CRITIC_NONE ||
			   (o->advantage.scale == EBB_SCALE_WHITEN && ebb_local_advantage(o)) ||
			   (o->kl.place == EBB_KL_REWARD && o->kl.coef > 0.0);
	const bool divided = (o->advantage.scale == EBB_SCALE_GROUP_STD ||
			      o->advantage.scale == EBB_SCALE_BATCH_STD) &&
			     o->advantage.center != EBB_CENTER_NONE;

	return !other && (divided || o->advantage.scale == EBB_SCALE_WHITEN) &&
	       ebb_say(l,
		       "the centred reward is divided by its own standard deviation "
		       "(advantage.scale=%s); set advantage.scale=none or leave it out",
		       EBB_CHOICE(o, advantage, scale));
}

bool ebb_rule_overlong_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->overlong.mode == EBB_OVERLONG_OFF &&
	       ebb_say(l, "overlong.mode=off; set overlong.mode=soft or filter");
}

bool ebb_rule_overlong_soft(const struct ebb_options *o, struct ebb_look *l)
{
	const int64_t limit = l->facts.response_limit;
	const int64_t max = o->overlong.max ? o->overlong.max : limit;

	if (o->overlong.mode != EBB_OVERLONG_SOFT)
		return false;
	if (o->overlong.factor == 0.0)
		return ebb_say(l, "the penalty is overlong.factor=0 times something; raise "
				  "overlong.factor or set overlong.mode=off");
	/* a response ends at the limit, which is overlong.max unless that is set */
	if (o->overlong.max == 0 ? o->overlong.cache > 0
				 : limit == 0 || max - o->overlong.cache < limit)
		return false;
	if (o->overlong.max == 0)
		return ebb_say(
			l, "overlong.cache=0 leaves no zone before the limit, which no response "
			   "passes; set overlong.cache (DAPO: a fifth of the limit)");
	return ebb_say(l,
		       "the fined zone starts behind overlong.max=%" PRId64
		       " less overlong.cache=%" PRId64 " tokens, and responses end after %" PRId64
		       "; lower overlong.max or raise overlong.cache",
		       o->overlong.max, o->overlong.cache, limit);
}

bool ebb_rule_overlong_filter(const struct ebb_options *o, struct ebb_look *l)
{
	return o->overlong.mode == EBB_OVERLONG_FILTER &&
	       ebb_say(l, "overlong.mode=filter drops truncated responses and fines none; set "
			  "overlong.mode=soft");
}

bool ebb_rule_overlong_baseline(const struct ebb_options *o, struct ebb_look *l)
{
	return o->overlong.mode == EBB_OVERLONG_SOFT &&
	       ebb_say(l, "overlong.mode=soft filters no rows; set overlong.mode=filter");
}

bool ebb_rule_dynamic_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->dynamic.on == EBB_DYNAMIC_OFF &&
	       ebb_say(l, "dynamic.on=off; set dynamic.on=correct, shaped or total");
}

bool ebb_rule_dynamic_surplus(const struct ebb_options *o, struct ebb_look *l)
{
	return o->dynamic.on != EBB_DYNAMIC_OFF && o->dynamic.max_rounds == 1 &&
	       ebb_say(l, "dynamic.max_rounds=1 draws what fits the batch, without surplus; raise "
			  "dynamic.max_rounds");
}

bool ebb_rule_dynamic_random(const struct ebb_options *o, struct ebb_look *l)
{
	return o->dynamic.on != EBB_DYNAMIC_OFF && o->reward.source == EBB_REWARD_RANDOM &&
	       o->dynamic.on != EBB_DYNAMIC_TOTAL &&
	       ebb_say(l,
		       "dynamic.on=%s selects groups by coin flips (reward.source=random): it "
		       "costs "
		       "rounds and prefers no question; set dynamic.on=off",
		       EBB_CHOICE(o, dynamic, on));
}

/* ---- advantages and the mean over tokens ---- */

bool ebb_rule_std_unread(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.scale == EBB_SCALE_NONE &&
	       ebb_say(l, "advantage.scale=none divides by no standard deviation; set "
			  "advantage.scale");
}

bool ebb_rule_std_whiten(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.scale == EBB_SCALE_WHITEN &&
	       ebb_say(l, "advantage.scale=whiten has a guard of its own, 1e-8; take group_std or "
			  "batch_std");
}

bool ebb_rule_singleton(const struct ebb_options *o, struct ebb_look *l)
{
	return !(o->overlong.mode == EBB_OVERLONG_FILTER && !o->overlong.in_baseline) &&
	       ebb_say(l, "groups shrink only under overlong.mode=filter with "
			  "overlong.in_baseline=false; set both or leave it out");
}

bool ebb_rule_reference_samples(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center != EBB_CENTER_STATIC &&
	       ebb_say(l, "advantage.center=%s; set advantage.center=static",
		       EBB_CHOICE(o, advantage, center));
}

bool ebb_rule_static_only(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center != EBB_CENTER_STATIC &&
	       ebb_say(l, "advantage.center=%s; set advantage.center=static",
		       EBB_CHOICE(o, advantage, center));
}

bool ebb_rule_refresh_late(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center == EBB_CENTER_STATIC && o->advantage.refresh > 0 &&
	       o->advantage.refresh >= o->train.steps && o->train.steps > 0 &&
	       ebb_say(l,
		       "train.steps=%" PRId64 " ends before the base is replaced; lower "
		       "advantage.refresh",
		       o->train.steps);
}

bool ebb_rule_acc1_unread(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 == EBB_ACC0_KEEP &&
	       ebb_say(l, "advantage.acc0=keep trains on every prompt; set advantage.acc0=drop or "
			  "inject");
}

/* ---- the critic ---- */

bool ebb_rule_lambda_unread(const struct ebb_options *o, struct ebb_look *l)
{
	if (o->critic.model == EBB_CRITIC_NONE)
		return ebb_say(l, "critic.model=none; set critic.model and "
				  "advantage.center=critic");
	return o->advantage.center != EBB_CENTER_CRITIC && o->critic.target == EBB_CRITIC_TD0 &&
	       ebb_say(l,
		       "critic.target=td0 looks one step ahead and advantage.center=%s reads no "
		       "value; set advantage.center=critic",
		       EBB_CHOICE(o, advantage, center));
}

bool ebb_rule_critic_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->critic.model == EBB_CRITIC_NONE &&
	       ebb_say(l, "critic.model=none; set critic.model=shared or separate and "
			  "advantage.center=critic");
}

bool ebb_rule_critic_lr(const struct ebb_options *o, struct ebb_look *l)
{
	return o->critic.model == EBB_CRITIC_SHARED &&
	       ebb_say(l, "critic.model=shared learns with the policy, at train.lr; weigh its loss "
			  "by critic.coef or set critic.model=separate");
}

bool ebb_rule_critic_coef(const struct ebb_options *o, struct ebb_look *l)
{
	return o->critic.model == EBB_CRITIC_SEPARATE &&
	       ebb_say(l, "critic.model=separate has an optimizer of its own and its loss weight "
			  "1; set critic.lr or critic.model=shared");
}

bool ebb_rule_critic_unread(const struct ebb_options *o, struct ebb_look *l)
{
	return o->critic.model != EBB_CRITIC_NONE && o->advantage.center != EBB_CENTER_CRITIC &&
	       ebb_say(l,
		       "critic.model=%s trains values that advantage.center=%s does not read; set "
		       "advantage.center=critic unless its curves%s are the question",
		       EBB_CHOICE(o, critic, model), EBB_CHOICE(o, advantage, center),
		       o->critic.model == EBB_CRITIC_SHARED ? " or what they do to the trunk" : "");
}

bool ebb_rule_critic_untrained(const struct ebb_options *o, struct ebb_look *l)
{
	const bool shared = o->critic.model == EBB_CRITIC_SHARED && o->critic.coef == 0.0;

	return (shared || (o->critic.model == EBB_CRITIC_SEPARATE && o->critic.lr == 0.0)) &&
	       ebb_say(l,
		       "%s=0 leaves every value at 0, so an advantage is the return to go; raise "
		       "it or set advantage.center=none",
		       shared ? "critic.coef" : "critic.lr");
}

bool ebb_rule_loss_constant(const struct ebb_options *o, struct ebb_look *l)
{
	return o->loss.aggregate != EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM_NORM &&
	       o->loss.aggregate != EBB_AGGREGATE_TOKEN_SUM_NORM &&
	       ebb_say(l,
		       "loss.aggregate=%s has no C; take seq-mean-token-sum-norm or token-sum-norm",
		       EBB_CHOICE(o, loss, aggregate));
}

bool ebb_rule_seq_den(const struct ebb_options *o, struct ebb_look *l)
{
	const bool mean = o->loss.aggregate == EBB_AGGREGATE_SEQ_MEAN_TOKEN_MEAN ||
			  o->loss.aggregate == EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM ||
			  (ebb_weighs_entropy(o) && o->entropy.aggregate == EBB_ENTROPY_SEQ_MEAN);

	/* a response all of whose steps were drawn before has no token of its own */
	const bool bare = o->tree.sampler != EBB_TREE_OFF && o->tree.merge_duplicates &&
			  o->ib.shared == EBB_IB_SHARED_ONCE;

	if (o->overlong.mode != EBB_OVERLONG_FILTER && !bare)
		return ebb_say(l,
			       "no response is empty unless overlong.mode=filter empties it; set "
			       "that or leave it out");
	return !mean && ebb_say(l,
				"loss.aggregate=%s counts no sequences; take seq-mean-token-mean "
				"or seq-mean-token-sum",
				EBB_CHOICE(o, loss, aggregate));
}

/* ---- the temperature and the prompts of one-shot training ---- */

bool ebb_rule_em_temperature(const struct ebb_options *o, struct ebb_look *l)
{
	return o->em.temperature == o->sample.temperature &&
	       ebb_say(l,
		       "sample.temperature=%g is the update's temperature without it; leave it out",
		       o->sample.temperature);
}

bool ebb_rule_em_select_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->em.select == EBB_EM_NONE &&
	       ebb_say(l, "em.select=none takes the first prompts as they come; set "
			  "em.select=pass_variance");
}

bool ebb_rule_em_select_all(const struct ebb_options *o, struct ebb_look *l)
{
	return o->em.select != EBB_EM_NONE && o->em.candidates == o->em.prompts &&
	       ebb_say(l,
		       "em.candidates=%" PRId64
		       " are as many as em.prompts, so all are taken; raise "
		       "em.candidates",
		       o->em.candidates);
}

bool ebb_rule_em_samples_one(const struct ebb_options *o, struct ebb_look *l)
{
	return o->em.select != EBB_EM_NONE && o->em.samples == 1 &&
	       ebb_say(l, "the pass rate of em.samples=1 response has no variance: em.select takes "
			  "the "
			  "first candidates; raise em.samples");
}

/* ---- the loops ---- */

bool ebb_rule_lr_zero(const struct ebb_options *o, struct ebb_look *l)
{
	return o->train.lr == 0.0 && o->train.steps > 0 &&
	       ebb_say(l,
		       "train.lr=0 moves no weight in train.steps=%" PRId64 ": the policy stays "
		       "its base; raise train.lr or set train.steps=0",
		       o->train.steps);
}

bool ebb_rule_warmup_one(const struct ebb_options *o, struct ebb_look *l)
{
	return o->train.warmup == 1 && ebb_say(l, "the last step of a warm-up has the full "
						  "learning rate; take 2 or more, or 0");
}

bool ebb_rule_pretrain_none(const struct ebb_options *o, struct ebb_look *l)
{
	/* the stages that pretrain.from names take them over */
	return o->pretrain.steps == 0 && o->pretrain.from[0] == 0 &&
	       ebb_say(l, "pretrain.steps=0 leaves the policy at its random start; raise it");
}

bool ebb_rule_pretrain_warmup_one(const struct ebb_options *o, struct ebb_look *l)
{
	return o->pretrain.warmup == 1 && o->pretrain.steps > 0 &&
	       ebb_say(l, "the last step of a warm-up has the full learning rate; take 2 or more, "
			  "or 0");
}

bool ebb_rule_eval_late(const struct ebb_options *o, struct ebb_look *l)
{
	return o->train.steps > 0 && o->eval.cadence >= o->train.steps &&
	       ebb_say(l,
		       "train.steps=%" PRId64 " leaves only the evaluations at its start and end; "
		       "lower eval.cadence",
		       o->train.steps);
}

bool ebb_rule_snapshot_late(const struct ebb_options *o, struct ebb_look *l)
{
	return o->train.steps > 1 && o->record.snapshot >= o->train.steps &&
	       ebb_say(l,
		       "record.snapshot=%" PRId64
		       " stores the first rollout batch alone: train.steps=%" PRId64
		       " ends before the next; lower record.snapshot",
		       o->record.snapshot, o->train.steps);
}

bool ebb_rule_states_late(const struct ebb_options *o, struct ebb_look *l)
{
	return o->record.states > o->train.steps &&
	       ebb_say(l, "train.steps=%" PRId64 " ends before the first; lower record.states",
		       o->train.steps);
}
