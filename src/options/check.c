/* Checks of options against each other. Every text names all options involved by their full key,
 * which is how a definition's reader finds the place to point at. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "options/options.h"

#define GROUP_MAX 4096 /* responses a prompt, as train.group */

struct report {
	void (*report)(void *ctx, const char *text);
	void *ctx;
	int n;
};

__attribute__((format(printf, 2, 3))) static void problem(struct report *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->n++;
	if (r->report)
		r->report(r->ctx, text);
}

static void check_model(const struct ebb_options *o, struct report *r)
{
	int64_t heads = o->model.heads, kv = o->model.kv_heads, dim = o->model.head_dim;

	if (dim == 0 && o->model.width % heads)
		problem(r,
			"model.width=%" PRId64 " is not a multiple of model.heads=%" PRId64
			": change one of them or set model.head_dim",
			o->model.width, heads);
	else if (dim == 0 && o->model.width / heads % 2)
		problem(r,
			"model.width=%" PRId64 " over model.heads=%" PRId64
			" gives heads of width %" PRId64
			", but rotary positions need an even width: set model.head_dim",
			o->model.width, heads, o->model.width / heads);
	if (dim % 2)
		problem(r, "model.head_dim=%" PRId64 " is odd: rotary positions need an even width",
			dim);
	if (kv > 0 && heads % kv)
		problem(r,
			"model.kv_heads=%" PRId64 " does not divide model.heads=%" PRId64
			": every key/value head serves the same number of query heads",
			kv, heads);
}

static void check_loop(const struct ebb_options *o, struct report *r)
{
	if (o->train.prompts < o->train.minibatches)
		problem(r,
			"train.prompts=%" PRId64 " is less than train.minibatches=%" PRId64
			": mini-batches are dealt in whole groups, so each needs a prompt",
			o->train.prompts, o->train.minibatches);
	if (o->train.steps > 0 && o->train.warmup > o->train.steps)
		problem(r,
			"train.warmup=%" PRId64 " is longer than train.steps=%" PRId64
			": the learning rate would never be reached",
			o->train.warmup, o->train.steps);
	if (o->pretrain.steps > 0 && o->pretrain.warmup > o->pretrain.steps)
		problem(r,
			"pretrain.warmup=%" PRId64 " is longer than pretrain.steps=%" PRId64
			": the learning rate would never be reached",
			o->pretrain.warmup, o->pretrain.steps);
}

static void check_advantage(const struct ebb_options *o, struct report *r)
{
	bool loo = o->advantage.center == EBB_CENTER_LOO;
	bool critic = o->advantage.center == EBB_CENTER_CRITIC;

	if (critic && o->critic.model == EBB_CRITIC_NONE)
		problem(r, "advantage.center=critic needs a critic, but critic.model=none: set "
			   "critic.model to shared or separate");
	if (critic && (o->advantage.scale == EBB_SCALE_GROUP_STD ||
		       o->advantage.scale == EBB_SCALE_BATCH_STD))
		problem(r,
			"advantage.scale=%s divides a response's reward, but "
			"advantage.center=critic has an advantage for every token: set "
			"advantage.scale to whiten or none",
			o->advantage.scale == EBB_SCALE_GROUP_STD ? "group_std" : "batch_std");
	if (o->advantage.center == EBB_CENTER_TREE && o->tree.sampler == EBB_TREE_OFF)
		problem(r,
			"advantage.center=tree credits the steps of trees, but tree.sampler=off: "
			"set tree.sampler to ib or another one, or advantage.center to group");
	if (o->advantage.center == EBB_CENTER_TREE && o->advantage.discount < 1.0)
		problem(r,
			"advantage.center=tree gives a shared step one advantage, but "
			"advantage.discount=%g counts tokens to the end, which differ between the "
			"responses through it: set advantage.discount=1 or advantage.center=group",
			o->advantage.discount);
	if (o->tree.sampler != EBB_TREE_OFF && o->advantage.center == EBB_CENTER_STATIC &&
	    o->advantage.acc0 == EBB_ACC0_INJECT)
		problem(r, "advantage.acc0=inject replaces a response that others may branch off "
			   "from: set advantage.acc0 to drop or keep, or tree.sampler=off");
	if (ebb_group_size(o) > 1 || critic || o->loss.policy == EBB_POLICY_PREFERENCE)
		return;
	if (o->tree.sampler != EBB_TREE_OFF) {
		problem(r, "tree.b0=1 and tree.rounds=1 draw one response a prompt: raise one of "
			   "them or set tree.sampler=off");
		return;
	}
	/* one problem, one message: with a group baseline the group's scale does not matter */
	if (loo || o->advantage.center == EBB_CENTER_GROUP)
		problem(r,
			"advantage.center=%s needs several responses a prompt, but train.group=1: "
			"set train.group to 2 or more, or advantage.center to batch or none",
			loo ? "loo" : "group");
	else if (o->advantage.scale == EBB_SCALE_GROUP_STD)
		problem(r, "advantage.scale=group_std needs several responses a prompt, but "
			   "train.group=1: set train.group to 2 or more, or advantage.scale to "
			   "batch_std or none");
}

/* What looks at a response as a whole finds no shared tokens in it with ib.shared=once. */
static void check_whole(const struct ebb_options *o, struct report *r)
{
	const bool score =
		o->loss.policy != EBB_POLICY_NONE && o->loss.policy != EBB_POLICY_PREFERENCE;
	const bool tis = o->tis.kind == EBB_TIS_SEQ_TRUNC || o->tis.kind == EBB_TIS_SEQ_MASK;
	const struct {
		bool reads;
		const char *what, *without;
	} reader[] = {
		{ebb_weighs_entropy(o) && o->entropy.grad != EBB_GRAD_DIRECT,
		 "entropy.grad sums the entropy that follows a token", "entropy.grad=direct"},
		{o->loss.policy == EBB_POLICY_PREFERENCE, "loss.policy=preference scores responses",
		 "another loss.policy"},
		{score && o->loss.policy != EBB_POLICY_REINFORCE &&
			 o->ratio.level != EBB_RATIO_TOKEN,
		 "ratio.level takes the ratio of a response", "ratio.level=token"},
		{score && tis, "tis.kind weighs responses", "tis.kind to a token's or off"},
		{ebb_chooses_tokens(o) && o->covariance.kind != EBB_COV_TOKEN_BATCH,
		 "covariance.kind standardises inside a response", "covariance.kind=token_batch"},
	};

	for (size_t i = 0; i < sizeof reader / sizeof *reader; i++)
		if (reader[i].reads)
			problem(r,
				"ib.shared=once takes shared tokens out of responses, but %s: set "
				"ib.shared=per_trajectory or %s",
				reader[i].what, reader[i].without);
}

static void check_tree(const struct ebb_options *o, struct report *r)
{
	const bool grown = o->tree.sampler != EBB_TREE_OFF || o->ib.probe > 0;

	if (grown && ebb_tree_group(o) > GROUP_MAX)
		problem(r,
			"tree.b0=%" PRId64 ", tree.rounds=%" PRId64 ", tree.width=%" PRId64
			" and tree.branch=%" PRId64 " make %" PRId64
			" responses a prompt, more than %d: lower one of them",
			o->tree.b0, o->tree.rounds, o->tree.width, o->tree.branch,
			ebb_tree_group(o), GROUP_MAX);
	if (o->tree.sampler != EBB_TREE_OFF && o->ib.shared == EBB_IB_SHARED_ONCE)
		check_whole(o, r);
}

static void check_length(const struct ebb_options *o, struct report *r)
{
	int64_t limit = o->sample.max_tokens, max = o->overlong.max ? o->overlong.max : limit;
	const char *name = o->overlong.max ? "overlong.max" : "sample.max_tokens";

	/* 0 still: the task's limit, which the task alone knows */
	if (max > 0 && o->overlong.cache > max)
		problem(r,
			"overlong.cache=%" PRId64 " is longer than %s=%" PRId64
			": the soft zone ends at the limit",
			o->overlong.cache, name, max);
	if (o->gamma.kind == EBB_GAMMA_PIECE_LINEAR && o->gamma.tmax == EBB_TMAX_LIMIT &&
	    limit > 0 && o->gamma.k >= limit)
		problem(r,
			"gamma.k=%" PRId64 " leaves gamma.kind=piece_linear no room to fall before "
			"sample.max_tokens=%" PRId64 ": take a smaller gamma.k or gamma.kind=none",
			o->gamma.k, limit);
}

static void check_loss(const struct ebb_options *o, struct report *r)
{
	if (o->tis.min > o->tis.max)
		problem(r, "tis.min=%g is above tis.max=%g: exchange them", o->tis.min, o->tis.max);
	/* Ye et al., arXiv:1912.09729: c > 1, else good behaviour would be cut, too */
	if (o->clip.dual > 0.0 && o->clip.dual <= 1.0)
		problem(r, "clip.dual=%g must be above 1, or 0 for no dual clip", o->clip.dual);
	if (o->kl.estimator == EBB_KL_FULL && o->kl.place == EBB_KL_REWARD)
		problem(r, "kl.estimator=full works with kl.place=loss only: the reward sees drawn "
			   "tokens, not the vocabulary; take k1 or k3");
	if (o->kl.controller == EBB_KL_ADAPTIVE &&
	    (o->kl.place == EBB_KL_NONE || o->kl.estimator == EBB_KL_FULL))
		problem(r,
			"kl.controller=adaptive follows the estimate of drawn tokens: set kl.place "
			"to loss or reward, and kl.estimator to k1, k2 or k3");
	if (ebb_weighs_entropy(o) && o->entropy.grad != EBB_GRAD_DIRECT &&
	    o->loss.policy == EBB_POLICY_NONE)
		problem(r,
			"entropy.grad=%s adds to the advantage, which loss.policy=none does not "
			"read: set entropy.grad=direct or loss.policy=clip",
			o->entropy.grad == EBB_GRAD_SCORE_ONLY ? "score_only"
							       : "direct_plus_score");
	if (o->loss.policy == EBB_POLICY_KL_COV && o->covariance.penalty == EBB_PENALTY_FULL) {
		if (o->kl.place == EBB_KL_LOSS && o->kl.estimator == EBB_KL_FULL)
			problem(r,
				"covariance.penalty=full and kl.estimator=full both want a second "
				"policy's whole distribution in the gradient pass, which has room "
				"for one: take an estimate for one of them");
		if (o->dynamic.on != EBB_DYNAMIC_OFF && o->dynamic.surplus == EBB_SURPLUS_CARRY)
			problem(r,
				"covariance.penalty=full measures from the weights at the start of "
				"the step, and dynamic.surplus=carry trains on groups of earlier "
				"ones: set dynamic.surplus=drop, or another covariance.penalty");
	}
	if (o->covariance.scope == EBB_SCOPE_ROLLOUT_BATCH && o->token.mask != EBB_TOKEN_ALL &&
	    (o->loss.policy == EBB_POLICY_CLIP_COV || o->loss.policy == EBB_POLICY_KL_COV))
		problem(r,
			"covariance.scope=rollout_batch selects among all tokens of the batch and "
			"token.mask keeps some of a mini-batch: set covariance.scope=minibatch or "
			"token.mask=all");
	if (o->dynamic.on != EBB_DYNAMIC_OFF && ebb_group_size(o) == 1)
		problem(r,
			"dynamic.on keeps groups whose responses differ, but train.group=1: raise "
			"train.group or set dynamic.on=off");
	if (o->dynamic.on == EBB_DYNAMIC_TOTAL && !(o->info.coef > 0.0))
		problem(r, "dynamic.on=total needs the information reward, but info.coef=0: set "
			   "info.coef or use dynamic.on=correct");
}

static void check_preference(const struct ebb_options *o, struct report *r)
{
	const bool other = o->preference.refresh != 1 || o->preference.data[0];
	const char *who = o->preference.data[0] ? "preference.data" : "preference.refresh";

	if (o->loss.policy != EBB_POLICY_PREFERENCE)
		return;
	if (ebb_group_size(o) == 1)
		problem(r, "loss.policy=preference pairs responses of one prompt, but "
			   "train.group=1: set train.group to 2 or more");
	if (o->preference.data[0] && o->tree.sampler != EBB_TREE_OFF)
		problem(r, "preference.data deals the responses of a prompt to several policies, "
			   "but tree.sampler lets them branch off from each other: set "
			   "tree.sampler=off");
	if (o->critic.model != EBB_CRITIC_NONE)
		problem(r,
			"loss.policy=preference reads no values, but critic.model=%s trains "
			"them: set critic.model=none",
			o->critic.model == EBB_CRITIC_SHARED ? "shared" : "separate");
	if (ebb_weighs_entropy(o) && o->entropy.grad != EBB_GRAD_DIRECT)
		problem(r,
			"entropy.grad=%s adds to the advantage, which loss.policy=preference "
			"does not read: set entropy.grad=direct",
			o->entropy.grad == EBB_GRAD_SCORE_ONLY ? "score_only"
							       : "direct_plus_score");
	if (other && o->advantage.center == EBB_CENTER_STATIC &&
	    o->advantage.acc0 == EBB_ACC0_INJECT)
		problem(r,
			"advantage.acc0=inject and %s both say whose responses are learnt from: "
			"set advantage.acc0 to keep or drop",
			who);
	if (other && o->sample.mismatch == EBB_MISMATCH_STALE)
		problem(r,
			"sample.mismatch=stale and %s both say which policy draws: set "
			"sample.mismatch=none, or preference.refresh=1 without preference.data",
			who);
	if (other && o->entropy.measure == EBB_MEASURE_SAMPLED &&
	    (o->entropy.control == EBB_CONTROL_BANG_BANG || o->entropy.control == EBB_CONTROL_DUAL))
		problem(r,
			"entropy.measure=sampled needs tokens that the policy drew itself, but %s "
			"lets another one draw: set entropy.measure=full",
			who);
}

/* What in the loss reads drawn tokens, for a message, and what does not. */
struct reader {
	const char *who, *without;
};

static struct reader reader_of(const struct ebb_options *o)
{
	if (o->loss.policy != EBB_POLICY_NONE)
		return (struct reader){"loss.policy", "loss.policy=none"};
	if (o->kl_old.coef > 0.0)
		return (struct reader){"kl_old.coef", "kl_old.coef=0"};
	if (o->kl.place == EBB_KL_LOSS && o->kl.coef > 0.0 && o->kl.estimator != EBB_KL_FULL)
		return (struct reader){"kl.estimator", "kl.estimator=full"};
	return (struct reader){"info.grad", "info.grad=reward"};
}

static void check_em(const struct ebb_options *o, struct report *r)
{
	const bool other = ebb_update_temperature(o) != o->sample.temperature;
	const struct reader reader = reader_of(o);

	if (o->em.temperature > 0.0 && o->em.temperature < 0.001)
		problem(r,
			"em.temperature=%g is below 0.001: raise it, or 0 for sample.temperature",
			o->em.temperature);
	if ((other || o->em.mask == EBB_EM_REFERENCE) && o->critic.model == EBB_CRITIC_SHARED)
		problem(r,
			"critic.model=shared takes its values from the pass of the update, which "
			"%s "
			"puts elsewhere: set critic.model to none or separate",
			other ? "em.temperature" : "em.mask=reference");
	if (other && ebb_reads_drawn(o))
		problem(r,
			"em.temperature=%g differs from sample.temperature=%g, but %s reads the "
			"log-probability of drawn tokens, which belongs to the temperature they "
			"were drawn at: set %s, or em.temperature=0",
			o->em.temperature, o->sample.temperature, reader.who, reader.without);
	if (o->em.mask == EBB_EM_REFERENCE && ebb_reads_drawn(o))
		problem(r,
			"em.mask=reference judges the state after each token, but %s reads the "
			"log-probability of the token itself: set %s, or em.mask=aligned",
			reader.who, reader.without);
	if (o->em.prompts > o->train.prompts)
		problem(r,
			"em.prompts=%" PRId64 " do not fit train.prompts=%" PRId64
			": each must come at least once in a rollout batch; lower em.prompts",
			o->em.prompts, o->train.prompts);
	if (o->em.select == EBB_EM_NONE)
		return;
	if (o->em.prompts == 0)
		problem(r,
			"em.select=pass_variance chooses em.prompts=0 prompts: set em.prompts, or "
			"em.select=none");
	if (o->em.candidates < o->em.prompts)
		problem(r,
			"em.candidates=%" PRId64 " are fewer than em.prompts=%" PRId64
			": raise em.candidates",
			o->em.candidates, o->em.prompts);
}

static void check_cluster(const struct ebb_options *o, struct report *r)
{
	if (o->reward.source != EBB_REWARD_CLUSTER)
		return;
	if (ebb_group_size(o) == 1)
		problem(r,
			"reward.source=cluster compares the answers of a group, but train.group=1: "
			"raise train.group");
	if (o->tree.sampler != EBB_TREE_OFF)
		problem(r, "reward.source=cluster pays a whole group at once, but tree.sampler "
			   "wants the "
			   "rewards of the first responses before it draws the others: set "
			   "tree.sampler=off");
	if (o->loss.policy == EBB_POLICY_PREFERENCE)
		problem(r, "loss.policy=preference pairs right and wrong responses, but "
			   "reward.source=cluster pays shares: take reward.source=verifier");
	if (o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 != EBB_ACC0_KEEP)
		problem(r,
			"advantage.acc0=%s goes by right answers, which reward.source=cluster does "
			"not look for: set advantage.acc0=keep",
			o->advantage.acc0 == EBB_ACC0_DROP ? "drop" : "inject");
	if (o->advantage.center == EBB_CENTER_GREEDY)
		problem(r,
			"advantage.center=greedy asks for the reward of a single response, which "
			"has no group to agree with under reward.source=cluster: take "
			"advantage.center=group or loo");
	if (o->cluster.low >= o->cluster.high)
		problem(r,
			"cluster.low=%g is not below cluster.high=%g: no group would get an "
			"advantage; exchange them",
			o->cluster.low, o->cluster.high);
}

static void check_info(const struct ebb_options *o, struct report *r)
{
	const bool gain = o->info.norm == EBB_INFO_GAIN_SUM || o->info.norm == EBB_INFO_GAIN_MEAN;

	if (!(o->info.coef > 0.0) || o->info.grad == EBB_INFO_REWARD)
		return;
	if (o->critic.model == EBB_CRITIC_SHARED)
		problem(r,
			"info.grad=direct and both add answers to the pass of an update, which "
			"have no value: set info.grad=reward, or critic.model to separate or none");
	if (o->loss.policy == EBB_POLICY_KL_COV && o->covariance.penalty == EBB_PENALTY_FULL)
		problem(r,
			"info.grad=direct and both add answers to the pass of an update, which "
			"covariance.penalty=full does not measure: set info.grad=reward or another "
			"covariance.penalty");
	if (gain)
		problem(r, "info.norm=gain_sum and gain_mean subtract what the policy says without "
			   "the chain, which has no gradient under info.grad=direct or both: take "
			   "info.norm=sum or mean");
	if (o->info.grad == EBB_INFO_DIRECT && o->dynamic.on == EBB_DYNAMIC_TOTAL)
		problem(r,
			"dynamic.on=total needs the information reward, but info.grad=direct pays "
			"none: set info.grad=both or use dynamic.on=correct");
}

static void check_eval(const struct ebb_options *o, struct report *r)
{
	struct ebb_err err = EBB_ERR_INIT;
	double t[EBB_TEMPERATURES_MAX];

	if (ebb_temperatures(o, t, &err) < 0)
		problem(r, "%s", err.text);
}

static void check_run(const struct ebb_options *o, struct report *r)
{
	if (o->run.precision != EBB_PRECISION_FP32 && o->run.device != EBB_DEVICE_CUDA)
		problem(r, "run.precision=tf32 and bf16 are computed by a GPU alone: set "
			   "run.device=cuda, or run.precision=fp32");
	if (o->run.precision != EBB_PRECISION_FP32 &&
	    (o->critic.model != EBB_CRITIC_NONE || o->sample.mismatch == EBB_MISMATCH_NOISE ||
	     (o->loss.policy == EBB_POLICY_KL_COV && o->covariance.penalty == EBB_PENALTY_FULL)))
		problem(r, "run.precision=tf32 and bf16 have no critic.model, sample.mismatch=noise "
			   "or covariance.penalty=full, which the CPU computes: set "
			   "run.precision=fp32");
}

int ebb_options_check(const struct ebb_options *o, void (*report)(void *ctx, const char *text),
		      void *ctx)
{
	struct report r = {report, ctx, 0};

	check_model(o, &r);
	check_loop(o, &r);
	check_advantage(o, &r);
	check_tree(o, &r);
	check_length(o, &r);
	check_loss(o, &r);
	check_preference(o, &r);
	check_cluster(o, &r);
	check_info(o, &r);
	check_em(o, &r);
	check_eval(o, &r);
	check_run(o, &r);
	return r.n;
}
