/* The rules of lint.def about the policy term, the sampler and the KL penalties, in its order. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "options/lint_look.h"
#include "options/text.h"

#define UPDATES          "train.epochs=%" PRId64 " times train.minibatches=%" PRId64
#define THESE_UPDATES(o) (o)->train.epochs, (o)->train.minibatches

/* ---- what several rules ask ---- */

static int64_t updates(const struct ebb_options *o)
{
	return o->train.epochs * o->train.minibatches;
}

/* Groups of an earlier rollout batch are trained on with the log-probabilities of their own time.
 * A single round has no surplus to carry, and stale sampling scores every batch anew. */
static bool carries(const struct ebb_options *o)
{
	return o->dynamic.on != EBB_DYNAMIC_OFF && o->dynamic.surplus == EBB_SURPLUS_CARRY &&
	       o->dynamic.max_rounds > 1 && o->sample.mismatch != EBB_MISMATCH_STALE;
}

/* Is log p - log old 0 for every token of every update? The old policy is the trainer's at the
 * start of the batch under every sample.mismatch: that gap is between sampler and old. */
static bool ratio_is_one(const struct ebb_options *o)
{
	/* a stored trajectory is another policy's */
	const bool injects =
		o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 == EBB_ACC0_INJECT;

	return updates(o) == 1 && !carries(o) && !injects;
}

/* The sampler draws from the distribution that the trainer assumes. */
static bool sampler_is_exact(const struct ebb_options *o)
{
	return o->sample.mismatch == EBB_MISMATCH_NONE && o->sample.top_p >= 1.0 &&
	       o->sample.top_k == 0;
}

static bool clips(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_CLIP || o->loss.policy == EBB_POLICY_CLIP_COV ||
	       o->loss.policy == EBB_POLICY_CISPO;
}

/* The limits bound a weight; no token loses its gradient at them. */
static bool caps(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_CISPO;
}

static bool selects(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_CLIP_COV || o->loss.policy == EBB_POLICY_KL_COV;
}

static bool has_ratio(const struct ebb_options *o)
{
	return clips(o) || selects(o);
}

static bool is_mean_ratio(const struct ebb_options *o)
{
	return o->ratio.level == EBB_RATIO_SEQUENCE || o->ratio.level == EBB_RATIO_SEQUENCE_TOKEN;
}

/* A penalty that reads the reference acts somewhere. */
static bool penalises(const struct ebb_options *o)
{
	return o->kl.place != EBB_KL_NONE && o->kl.coef > 0.0;
}

/* ---- one update a rollout batch ---- */

/* Every token of a response has the same coefficient: no discount, penalty or weight tells them
 * apart. Then the mean over the response that a sequence ratio hands back changes nothing. */
static bool even_within_response(const struct ebb_options *o)
{
	const bool penalty = o->kl.place == EBB_KL_REWARD && o->kl.coef > 0.0 &&
			     o->kl.reward_group == EBB_KL_OUTSIDE;
	const bool weight =
		(o->tis.kind == EBB_TIS_TOKEN_TRUNC || o->tis.kind == EBB_TIS_TOKEN_MASK) &&
		!sampler_is_exact(o);

	const bool score = ebb_weighs_entropy(o) && o->entropy.grad != EBB_GRAD_DIRECT;
	const bool mask = o->token.mask != EBB_TOKEN_ALL;

	return o->advantage.discount == 1.0 && o->advantage.center != EBB_CENTER_CRITIC &&
	       o->advantage.center != EBB_CENTER_TREE && !penalty && !weight && !score && !mask;
}

bool ebb_rule_one_update_sequence(const struct ebb_options *o, struct ebb_look *l)
{
	if (!ratio_is_one(o) || !clips(o) || !is_mean_ratio(o) ||
	    (o->ratio.level == EBB_RATIO_SEQUENCE && !even_within_response(o)))
		return false;
	return ebb_say(
		l,
		"ratio.level=%s is the same as token: with one update a rollout batch (" UPDATES
		") every ratio is 1, where GSPO is GRPO; raise train.minibatches (GSPO was "
		"published with 4 updates)",
		EBB_CHOICE(o, ratio, level), THESE_UPDATES(o));
}

bool ebb_rule_few_updates(const struct ebb_options *o, struct ebb_look *l)
{
	const struct ebb_preset *p = l->preset;
	const bool row = p && strcmp(p->name, o->algorithm) != 0; /* one of algorithms: */
	const bool said = ebb_rule_one_update_sequence(o, l) ||
			  (ebb_rule_one_update_clip(o, l) &&
			   (l->given(l->ctx, "clip.low") || l->given(l->ctx, "clip.high")));

	if (said || !p || p->updates < 2 || (updates(o) > 1 && 4 * updates(o) >= p->updates))
		return false;
	return ebb_say(l,
		       "algorithm %s%s%s%s is meant for %d updates a rollout batch and takes "
		       "%" PRId64 " (" UPDATES "): %s; raise train.minibatches",
		       o->algorithm, row ? " (from " : "", row ? p->name : "", row ? ")" : "",
		       p->updates, updates(o), THESE_UPDATES(o),
		       ratio_is_one(o)
			       ? "the ratio of new to old policy is always 1, so nothing is "
				 "ever clipped"
			       : "ratios stray less than its clip widths expect");
}

bool ebb_rule_one_update_clip(const struct ebb_options *o, struct ebb_look *l)
{
	if (!ratio_is_one(o) || !clips(o))
		return false;
	return ebb_say(
		l,
		"with one update a rollout batch (" UPDATES
		") the ratio is always 1 and never meets a limit; raise train.minibatches or "
		"train.epochs",
		THESE_UPDATES(o));
}

bool ebb_rule_one_update_kl_old(const struct ebb_options *o, struct ebb_look *l)
{
	if (!ratio_is_one(o) || !(o->kl_old.coef > 0.0) || o->kl_old.estimator != EBB_KL_OLD_K3)
		return false;
	return ebb_say(l,
		       "with one update a rollout batch (" UPDATES
		       ") new and old policy are the same "
		       "and the penalty and its gradient are 0; raise train.minibatches or "
		       "train.epochs",
		       THESE_UPDATES(o));
}

bool ebb_rule_one_update_kl_old_k1(const struct ebb_options *o, struct ebb_look *l)
{
	if (!ratio_is_one(o) || !(o->kl_old.coef > 0.0) || o->kl_old.estimator != EBB_KL_OLD_K1)
		return false;
	return ebb_say(
		l,
		"kl_old.coef=%g adds noise alone: with one update a rollout batch (" UPDATES
		") the expected gradient of kl_old.estimator=k1 is 0; raise train.minibatches "
		"or set kl_old.coef=0",
		o->kl_old.coef, THESE_UPDATES(o));
}

#define SCORE_FUNCTION "loss.policy is the plain score function, which "

bool ebb_rule_reinforce_clip(const struct ebb_options *o, struct ebb_look *l)
{
	if (clips(o))
		return false;
	if (o->loss.policy == EBB_POLICY_REINFORCE)
		return ebb_say(l, SCORE_FUNCTION "has no ratio to limit; set loss.policy=clip");
	return ebb_say(l, "loss.policy=%s does not clip the ratio; set loss.policy=clip",
		       EBB_CHOICE(o, loss, policy));
}

bool ebb_rule_cispo_dual(const struct ebb_options *o, struct ebb_look *l)
{
	return caps(o) && ebb_say(l,
				  "loss.policy=%s has one pair of limits, clip.low and clip.high, "
				  "for tokens of either sign; leave it out",
				  EBB_CHOICE(o, loss, policy));
}

bool ebb_rule_reinforce_ratio(const struct ebb_options *o, struct ebb_look *l)
{
	/* two penalties take a token ratio of their own */
	if (has_ratio(o) || o->kl_old.coef > 0.0 ||
	    (penalises(o) && o->kl.place == EBB_KL_LOSS && o->kl.estimator == EBB_KL_K3_IS))
		return false;
	if (o->loss.policy == EBB_POLICY_NONE)
		return ebb_say(l, "loss.policy=none has no policy term; set loss.policy=clip");
	if (o->loss.policy == EBB_POLICY_PREFERENCE)
		return ebb_say(l, "loss.policy=preference compares scores and takes no ratio; set "
				  "loss.policy=clip");
	return ebb_say(l, SCORE_FUNCTION "takes no ratio; set loss.policy=clip");
}

bool ebb_rule_reinforce_off_policy(const struct ebb_options *o, struct ebb_look *l)
{
	if (o->loss.policy != EBB_POLICY_REINFORCE || updates(o) < 2)
		return false;
	return ebb_say(l,
		       "loss.policy, the plain score function, takes %" PRId64
		       " updates a rollout batch (" UPDATES
		       ") and only the first is on-policy: without a ratio nothing corrects the "
		       "others; set both to 1 or loss.policy=clip",
		       updates(o), THESE_UPDATES(o));
}

bool ebb_rule_nothing_learnt(const struct ebb_options *o, struct ebb_look *l)
{
	return o->loss.policy == EBB_POLICY_NONE && !ebb_weighs_entropy(o) && !penalises(o) &&
	       o->kl_old.coef == 0.0 && !ebb_reads_drawn(o) &&
	       !(o->critic.model == EBB_CRITIC_SHARED && o->critic.coef > 0.0) &&
	       ebb_say(l, "loss.policy=none leaves no term in the loss: nothing is learnt; raise "
			  "entropy.coef (alpha) or set another loss.policy");
}

/* ---- selection by covariance ---- */

bool ebb_rule_cov_off(const struct ebb_options *o, struct ebb_look *l)
{
	return !selects(o) && ebb_say(l,
				      "loss.policy=%s selects no tokens; set "
				      "loss.policy to Clip-Cov or KL-Cov",
				      EBB_CHOICE(o, loss, policy));
}

bool ebb_rule_cov_bounds(const struct ebb_options *o, struct ebb_look *l)
{
	if (o->loss.policy == EBB_POLICY_KL_COV)
		return ebb_say(l, "KL-Cov takes the largest covariances, without "
				  "bounds; leave it out");
	return o->loss.policy == EBB_POLICY_CLIP_COV && o->covariance.kind != EBB_COV_TOKEN_BATCH &&
	       ebb_say(l,
		       "scores standardised inside a response (covariance.kind=%s) are taken by "
		       "rank, without bounds; leave it out",
		       EBB_CHOICE(o, covariance, kind));
}

bool ebb_rule_cov_penalty(const struct ebb_options *o, struct ebb_look *l)
{
	return o->loss.policy == EBB_POLICY_CLIP_COV &&
	       ebb_say(l, "Clip-Cov leaves selected tokens out and penalises none; "
			  "take KL-Cov for loss.policy, or leave it out");
}

bool ebb_rule_cov_source(const struct ebb_options *o, struct ebb_look *l)
{
	return selects(o) && o->covariance.kind != EBB_COV_RESPONSE_Z &&
	       ebb_say(l,
		       "covariance.kind=%s scores log-probabilities; set "
		       "covariance.kind=response_z",
		       EBB_CHOICE(o, covariance, kind));
}

bool ebb_rule_cov_scope(const struct ebb_options *o, struct ebb_look *l)
{
	return selects(o) && o->train.minibatches == 1 &&
	       ebb_say(l, "train.minibatches=1 makes the mini-batch the rollout batch; raise it or "
			  "leave it out");
}

bool ebb_rule_cov_once(const struct ebb_options *o, struct ebb_look *l)
{
	return o->loss.policy == EBB_POLICY_KL_COV && ratio_is_one(o) &&
	       o->covariance.penalty != EBB_PENALTY_K1 &&
	       ebb_say(l,
		       "loss.policy, KL-Cov, is the plain policy gradient: with one update a "
		       "rollout "
		       "batch (" UPDATES
		       ") log p is log old, where the penalty has no gradient; raise "
		       "train.minibatches",
		       THESE_UPDATES(o));
}

/* ---- which tokens the policy term sees ---- */

bool ebb_rule_token_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->token.mask == EBB_TOKEN_ALL &&
	       ebb_say(l, "token.mask=all keeps every token; set token.mask");
}

bool ebb_rule_token_none(const struct ebb_options *o, struct ebb_look *l)
{
	return o->token.mask != EBB_TOKEN_ALL &&
	       (o->loss.policy == EBB_POLICY_NONE || o->loss.policy == EBB_POLICY_PREFERENCE) &&
	       ebb_say(l,
		       "loss.policy=%s has no policy term to keep tokens out of; set "
		       "loss.policy=clip",
		       EBB_CHOICE(o, loss, policy));
}

bool ebb_rule_token_fraction(const struct ebb_options *o, struct ebb_look *l)
{
	return (o->token.mask == EBB_TOKEN_POSITIVE || o->token.mask == EBB_TOKEN_NEGATIVE) &&
	       ebb_say(l,
		       "token.mask=%s keeps tokens by the sign of their advantage, however many; "
		       "take token.mask=top_entropy or leave it out",
		       EBB_CHOICE(o, token, mask));
}

bool ebb_rule_token_whole(const struct ebb_options *o, struct ebb_look *l)
{
	return o->token.mask == EBB_TOKEN_TOP_ENTROPY && o->token.fraction == 1.0 &&
	       ebb_say(l, "token.fraction=1 keeps every token; take a smaller one (0.2 was "
			  "published, arXiv:2506.01939)");
}

bool ebb_rule_token_denominator(const struct ebb_options *o, struct ebb_look *l)
{
	return o->token.mask != EBB_TOKEN_ALL &&
	       (o->loss.aggregate == EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM_NORM ||
		o->loss.aggregate == EBB_AGGREGATE_TOKEN_SUM_NORM) &&
	       ebb_say(l, "loss.aggregate=%s divides by a constant, whatever is kept; leave it out",
		       EBB_CHOICE(o, loss, aggregate));
}

/* ---- clip widths ---- */

/* Of token ratios: arXiv:1707.06347; the wider one of arXiv:2507.18071, for thousands of tokens. */
#define WIDTH_TOKEN    0.2
#define WIDTH_SEQUENCE 4e-4

/* How far a mean over the response's tokens strays when each strays by the token's width. */
static double widest(const struct ebb_look *l)
{
	const int shortest =
		4; /* where the limit is unknown: an answer at once, end mark included */

	return WIDTH_TOKEN / sqrt(l->facts.response_limit > 0 ? l->facts.response_limit : shortest);
}

bool ebb_rule_clip_wide(const struct ebb_options *o, struct ebb_look *l)
{
	/* low=1 and high=inf are no limits, and somebody meant that */
	const bool low = o->clip.low < 1.0 && o->clip.low > widest(l);
	const bool high = isfinite(o->clip.high) && o->clip.high > widest(l);
	const double width =
		high && (!low || o->clip.high > o->clip.low) ? o->clip.high : o->clip.low;

	if (!clips(o) || !is_mean_ratio(o) || ratio_is_one(o) || !(low || high))
		return false;
	return ebb_say(
		l,
		"%s=%g is a token's width, %.0f times the %g that was published for "
		"ratio.level=%s (arXiv:2507.18071): a mean over the response's tokens hardly "
		"strays that far and the clip will not act; take less than %.2g",
		width == o->clip.high ? "clip.high" : "clip.low", width, width / WIDTH_SEQUENCE,
		WIDTH_SEQUENCE, EBB_CHOICE(o, ratio, level), widest(l));
}

bool ebb_rule_clip_narrow(const struct ebb_options *o, struct ebb_look *l)
{
	const double narrow = WIDTH_TOKEN / 20.0, low = o->clip.low, high = o->clip.high;

	if (!clips(o) || caps(o) || is_mean_ratio(o) || ratio_is_one(o) ||
	    !(low < narrow || high < narrow))
		return false;
	return ebb_say(
		l,
		"%s=%g at ratio.level=%s is far below the 0.2 and 0.28 that were published for "
		"token ratios (arXiv:2503.14476): nearly every token is cut after the first "
		"update; take 0.1 to 0.4, or ratio.level=sequence, whose widths are 3e-4 and "
		"4e-4",
		high < narrow ? "clip.high" : "clip.low", high < narrow ? high : low,
		EBB_CHOICE(o, ratio, level));
}

bool ebb_rule_clip_reversed(const struct ebb_options *o, struct ebb_look *l)
{
	if (!clips(o) || caps(o) || ratio_is_one(o) || o->clip.low >= 1.0 ||
	    !(o->clip.high < o->clip.low))
		return false;
	return ebb_say(l,
		       "clip.high=%g is below clip.low=%g: good tokens are held back more than bad "
		       "ones, the reverse of clip-higher (arXiv:2503.14476), and entropy falls "
		       "faster; exchange them unless that is the question",
		       o->clip.high, o->clip.low);
}

bool ebb_rule_sequence_aggregate(const struct ebb_options *o, struct ebb_look *l)
{
	if (!clips(o) || !is_mean_ratio(o) ||
	    o->loss.aggregate == EBB_AGGREGATE_SEQ_MEAN_TOKEN_MEAN)
		return false;
	return ebb_say(l,
		       "loss.aggregate=%s weighs responses by their length under ratio.level=%s, "
		       "which was published with seq-mean-token-mean (arXiv:2507.18071); set that "
		       "unless the difference is the question",
		       EBB_CHOICE(o, loss, aggregate), EBB_CHOICE(o, ratio, level));
}

/* ---- truncated importance sampling and the sampler ---- */

static bool limits_hold_one(const struct ebb_options *o)
{
	return o->tis.min <= 1.0 && o->tis.max >= 1.0;
}

static bool masks(const struct ebb_options *o)
{
	return o->tis.kind == EBB_TIS_TOKEN_MASK || o->tis.kind == EBB_TIS_SEQ_MASK;
}

bool ebb_rule_tis_exact(const struct ebb_options *o, struct ebb_look *l)
{
	/* a constant weight is 1 after normalisation, too, unless it is 0 */
	if (o->tis.kind == EBB_TIS_OFF || o->loss.policy == EBB_POLICY_PREFERENCE ||
	    !sampler_is_exact(o) ||
	    !(limits_hold_one(o) || (o->tis.normalise && !masks(o) && o->tis.max > 0.0)))
		return false;
	return ebb_say(l, "the sampler is exact, so every importance weight is 1; set "
			  "sample.mismatch, sample.top_p or sample.top_k, or tis.kind=off");
}

bool ebb_rule_tis_constant(const struct ebb_options *o, struct ebb_look *l)
{
	char outcome[64];

	if (o->tis.kind == EBB_TIS_OFF || o->loss.policy == EBB_POLICY_PREFERENCE ||
	    !sampler_is_exact(o) || limits_hold_one(o) || (o->tis.normalise && !masks(o)))
		return false;
	if (masks(o))
		snprintf(outcome, sizeof outcome, "removes every token from the policy term");
	else
		snprintf(outcome, sizeof outcome, "multiplies the whole policy term by %g",
			 o->tis.min > 1.0 ? o->tis.min : o->tis.max);
	return ebb_say(
		l,
		"tis.min=%g and tis.max=%g leave out 1, the weight of every token of an exact "
		"sampler: tis.kind=%s %s; set tis.kind=off or limits around 1",
		o->tis.min, o->tis.max, EBB_CHOICE(o, tis, kind), outcome);
}

bool ebb_rule_tis_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tis.kind == EBB_TIS_OFF && ebb_say(l, "tis.kind=off; set tis.kind");
}

bool ebb_rule_noise_unused(const struct ebb_options *o, struct ebb_look *l)
{
	return o->sample.mismatch != EBB_MISMATCH_NOISE &&
	       ebb_say(l, "sample.mismatch=%s; set sample.mismatch=noise",
		       EBB_CHOICE(o, sample, mismatch));
}

bool ebb_rule_noise_zero(const struct ebb_options *o, struct ebb_look *l)
{
	return o->sample.mismatch == EBB_MISMATCH_NOISE && o->sample.noise == 0.0 &&
	       ebb_say(l, "sample.noise=0 leaves the sampler exact; raise it or set "
			  "sample.mismatch=none");
}

bool ebb_rule_stale_unused(const struct ebb_options *o, struct ebb_look *l)
{
	return o->sample.mismatch != EBB_MISMATCH_STALE &&
	       ebb_say(l, "sample.mismatch=%s; set sample.mismatch=stale",
		       EBB_CHOICE(o, sample, mismatch));
}

bool ebb_rule_top_k_all(const struct ebb_options *o, struct ebb_look *l)
{
	return l->facts.vocabulary > 0 && o->sample.top_k >= l->facts.vocabulary &&
	       ebb_say(l, "the vocabulary has only %d tokens; take a smaller one, or 0 for off",
		       l->facts.vocabulary);
}

bool ebb_rule_top_k_one(const struct ebb_options *o, struct ebb_look *l)
{
	if (o->sample.top_k != 1 || o->sample.mismatch == EBB_MISMATCH_NOISE ||
	    (o->advantage.center != EBB_CENTER_GROUP && o->advantage.center != EBB_CENTER_LOO &&
	     o->advantage.center != EBB_CENTER_TREE))
		return false;
	return ebb_say(
		l,
		"sample.top_k=1 draws the same response %s%" PRId64 " times, so no "
		"reward differs inside a group and nothing is learnt; take 2 or more, or 0 for "
		"off",
		o->tree.sampler == EBB_TREE_OFF ? "train.group=" : "", ebb_group_size(o));
}

bool ebb_rule_eval_temperature(const struct ebb_options *o, struct ebb_look *l)
{
	if (o->sample.temperature == o->eval.temperature || l->given(l->ctx, "eval.temperature"))
		return false;
	return ebb_say(l,
		       "sample.temperature=%g trains one policy and eval.temperature=%g measures "
		       "another; set eval.temperature, too, to say which is meant",
		       o->sample.temperature, o->eval.temperature);
}

/* ---- KL to the reference ---- */

bool ebb_rule_kl_nowhere(const struct ebb_options *o, struct ebb_look *l)
{
	return o->kl.place == EBB_KL_NONE &&
	       ebb_say(l, "kl.place=none; set kl.place=loss or reward (beta does)");
}

bool ebb_rule_kl_zero(const struct ebb_options *o, struct ebb_look *l)
{
	return o->kl.place != EBB_KL_NONE && o->kl.coef == 0.0 &&
	       ebb_say(l, "kl.coef=0 weighs the penalty with nothing, at the cost of a pass of the "
			  "reference; raise kl.coef or set kl.place=none");
}

bool ebb_rule_kl_reward_group(const struct ebb_options *o, struct ebb_look *l)
{
	if (penalises(o) && o->kl.place == EBB_KL_REWARD &&
	    o->advantage.center == EBB_CENTER_CRITIC)
		return ebb_say(l, "advantage.center=critic takes every token's own penalty, "
				  "without a group; leave it out");
	return penalises(o) && o->kl.place == EBB_KL_LOSS &&
	       ebb_say(l,
		       "kl.place=loss keeps the penalty out of the rewards; set kl.place=reward");
}

bool ebb_rule_kl_log_clamp(const struct ebb_options *o, struct ebb_look *l)
{
	const bool has_exp = o->kl.estimator == EBB_KL_K3 || o->kl.estimator == EBB_KL_K3_IS ||
			     /* in the loss the derivative of k3+ is that of k2 */
			     (o->kl.estimator == EBB_KL_K3_PLUS && o->kl.place == EBB_KL_REWARD);

	return penalises(o) && !has_exp &&
	       ebb_say(l,
		       "the clamp acts on the exponential of k3, and kl.estimator=%s trains "
		       "without it; leave it out",
		       EBB_CHOICE(o, kl, estimator));
}

bool ebb_rule_kl_fixed(const struct ebb_options *o, struct ebb_look *l)
{
	return penalises(o) && o->kl.controller == EBB_KL_FIXED &&
	       ebb_say(l, "kl.controller=fixed follows no target; set kl.controller=adaptive");
}

bool ebb_rule_kl_k1_loss(const struct ebb_options *o, struct ebb_look *l)
{
	return penalises(o) && o->kl.place == EBB_KL_LOSS && o->kl.estimator == EBB_KL_K1 &&
	       ebb_say(l,
		       "kl.estimator=k1 with kl.place=loss adds noise alone: its expected gradient "
		       "on "
		       "the policy's own tokens is 0 (arXiv:2506.09477); take k3, k2 or k3_is, or "
		       "kl.place=reward");
}

bool ebb_rule_kl_twin(const struct ebb_options *o, struct ebb_look *l)
{
	const bool k1 = o->kl.estimator == EBB_KL_K1_PLUS;

	if (!penalises(o) || o->kl.place != EBB_KL_REWARD ||
	    !(k1 || o->kl.estimator == EBB_KL_K3_PLUS || o->kl.estimator == EBB_KL_K3_IS))
		return false;
	return ebb_say(
		l,
		"kl.estimator=%s is the same as %s with kl.place=reward: they differ in the "
		"gradient alone, and a reward has none; set kl.estimator=%s or kl.place=loss",
		EBB_CHOICE(o, kl, estimator), k1 ? "k1" : "k3", k1 ? "k1" : "k3");
}

bool ebb_rule_ref_is_policy(const struct ebb_options *o, struct ebb_look *l)
{
	const bool k1 = o->kl.estimator == EBB_KL_K1; /* its slope is 1 even there */
	const bool zero = o->kl.place == EBB_KL_REWARD ? !carries(o) : ratio_is_one(o) && !k1;

	if (!penalises(o) || o->ref.every != 1 || o->ref.mix != 1.0 || !zero)
		return false;
	return ebb_say(l,
		       "ref.every=1 makes the reference the policy of every rollout batch, so "
		       "kl.coef=%g weighs a distance that is 0 wherever kl.place=%s measures it; "
		       "raise ref.every or lower ref.mix",
		       o->kl.coef, EBB_CHOICE(o, kl, place));
}

bool ebb_rule_ref_unread(const struct ebb_options *o, struct ebb_look *l)
{
	const bool credited = ebb_local_advantage(o) && o->ib.ref == EBB_IB_REF;

	return o->ref.every > 0 && !penalises(o) && !credited && !ebb_scores_reference(o) &&
	       ebb_say(l,
		       "ref.every=%" PRId64
		       " renews a reference that no penalty reads (kl.place=%s, "
		       "kl.coef=%g): only the curves of kl_ref jump; set kl.place, or ref.every=0",
		       o->ref.every, EBB_CHOICE(o, kl, place), o->kl.coef);
}

bool ebb_rule_ref_late(const struct ebb_options *o, struct ebb_look *l)
{
	return o->ref.every > 0 && o->ref.every >= o->train.steps && o->train.steps > 0 &&
	       ebb_say(l, "train.steps=%" PRId64 " ends before the first renewal; lower ref.every",
		       o->train.steps);
}

bool ebb_rule_ref_mix(const struct ebb_options *o, struct ebb_look *l)
{
	return o->ref.every == 0 &&
	       ebb_say(l, "ref.every=0 never renews the reference; set ref.every");
}

bool ebb_rule_kl_old_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->kl_old.coef == 0.0 && ebb_say(l, "kl_old.coef=0; raise kl_old.coef");
}
