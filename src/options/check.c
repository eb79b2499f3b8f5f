/* Checks of options against each other. Every text names all options involved by their full key,
 * which is how a definition's reader finds the place to point at. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "options/options.h"

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

	if (o->train.group > 1)
		return;
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
	if (o->dynamic.on != EBB_DYNAMIC_OFF && o->train.group == 1)
		problem(r,
			"dynamic.on keeps groups whose responses differ, but train.group=1: raise "
			"train.group or set dynamic.on=off");
	if (o->dynamic.on == EBB_DYNAMIC_TOTAL && !(o->info.coef > 0.0))
		problem(r, "dynamic.on=total needs the information reward, but info.coef=0: set "
			   "info.coef or use dynamic.on=correct");
}

/* What in the loss reads drawn tokens, for a message. */
static const char *reader_of(const struct ebb_options *o)
{
	return o->loss.policy != EBB_POLICY_NONE ? "loss.policy"
	       : o->kl_old.coef > 0.0            ? "kl_old.coef"
	       : o->kl.place == EBB_KL_LOSS && o->kl.coef > 0.0 && o->kl.estimator != EBB_KL_FULL
		       ? "kl.place=loss with kl.estimator"
		       : "info.grad";
}

static void check_em(const struct ebb_options *o, struct report *r)
{
	const bool other = ebb_update_temperature(o) != o->sample.temperature;

	if (o->em.temperature > 0.0 && o->em.temperature < 0.001)
		problem(r,
			"em.temperature=%g is below 0.001: raise it, or 0 for sample.temperature",
			o->em.temperature);
	if (other && ebb_reads_drawn(o))
		problem(r,
			"em.temperature=%g differs from sample.temperature=%g, but %s reads the "
			"log-probability of drawn tokens, which belongs to the temperature they "
			"were "
			"drawn at: set loss.policy=none and no such term, or leave em.temperature "
			"out",
			o->em.temperature, o->sample.temperature, reader_of(o));
	if (o->em.mask == EBB_EM_REFERENCE && ebb_reads_drawn(o))
		problem(r,
			"em.mask=reference judges the state after each token, but %s reads the "
			"log-probability of the token itself: set loss.policy=none and no such "
			"term, "
			"or em.mask=aligned",
			reader_of(o));
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
	if (o->train.group == 1)
		problem(r,
			"reward.source=cluster compares the answers of a group, but train.group=1: "
			"raise train.group");
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

int ebb_options_check(const struct ebb_options *o, void (*report)(void *ctx, const char *text),
		      void *ctx)
{
	struct report r = {report, ctx, 0};

	check_model(o, &r);
	check_loop(o, &r);
	check_advantage(o, &r);
	check_length(o, &r);
	check_loss(o, &r);
	check_cluster(o, &r);
	check_info(o, &r);
	check_em(o, &r);
	check_eval(o, &r);
	return r.n;
}
