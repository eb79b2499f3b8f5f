/* The formula's stages before the loss: reward, groups, information reward, advantage. */
#include "command/formula_stage.h"

/* ---- reward ---- */

static void say_source(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool wide = o->reward.scale == EBB_REWARD_PLUS_MINUS_ONE;
	static const char *const paid[] = {
		[EBB_CLUSTER_FREQ] = "p_i",
		[EBB_CLUSTER_TRL_MATH] =
			"p_i; 0 without an answer, and in groups where no two agree",
		[EBB_CLUSTER_NATURAL] =
			"p_i; -0.5 without an answer; 0 in groups with every p below 0.2",
		[EBB_CLUSTER_VOTING] = "1 where p_i is the largest of the group, else 0"};

	SAY(s, "r_i = %s", wide ? "2 c_i - 1; c_i: " : "");
	if (o->reward.source == EBB_REWARD_RANDOM)
		SAY(s, "1 with probability %.10g, else 0, whatever the response",
		    o->reward.random_p);
	else if (o->reward.source == EBB_REWARD_CLUSTER)
		SAY(s, "%s", paid[o->cluster.reward]);
	else
		SAY(s, "the verifier's reward, 0 to 1");
	if (o->task.noise > 0 && o->reward.source == EBB_REWARD_VERIFIER)
		SAY(s, ", one less it with probability %.10g", o->task.noise);
	if (o->reward.source == EBB_REWARD_CLUSTER) {
		CITE(s, "EI 6.3 ");
		ebb_formula_cite(s, "cluster.reward");
	} else {
		CITE(s, "PG 3.2");
	}
	ebb_formula_put(s, "reward");
}

/* What a cluster is, and which groups are trained on. */
static void say_clusters(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->reward.source != EBB_REWARD_CLUSTER)
		return;
	SAY(s, "p_i: share of the group in the cluster of response i's answer; ");
	if (o->cluster.rule == EBB_CLUSTER_FIRST_REPRESENTATIVE)
		SAY(s, "an answer joins the first cluster whose first member it equals; ");
	else
		SAY(s,
		    "the first member of each cluster claims all later answers it equals, the last "
		    "claim stands; ");
	SAY(s, "responses without an answer are %s\n",
	    o->cluster.empty == EBB_CLUSTER_JOINT ? "one cluster" : "a cluster each");
	SAY(s, "A_i = 0 in groups with SE / ln G outside (%.10g, %.10g); SE = -sum_c p_c ln p_c",
	    o->cluster.low, o->cluster.high);
	CITE(s, "EI 6.1, 6.2 ");
	ebb_formula_cite(s, "cluster.rule");
	ebb_formula_put(s, "clusters");
}

static void say_truncated(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->reward.truncated == EBB_TRUNCATED_VERIFIER)
		return;
	SAY(s, "of a response without end mark: r_i = %.10g%s", o->reward.truncated_value,
	    o->reward.truncated == EBB_TRUNCATED_SCALE ? " r_i" : "");
	CITE(s, "PG 7");
	ebb_formula_put(s, "truncated");
}

static void say_overlong(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const int64_t max = o->overlong.max > 0 ? o->overlong.max : s->limit;
	const int64_t start = max - o->overlong.cache;

	if (o->overlong.mode == EBB_OVERLONG_FILTER) {
		SAY(s, "a response cut at the limit of %d tokens leaves the loss%s", s->limit,
		    o->overlong.in_baseline ? ", but counts in its group's statistics"
					    : " and its group's statistics");
		CITE(s, "PG 4.5 part 4a");
		ebb_formula_put(s, "overlong");
	} else if (o->overlong.mode == EBB_OVERLONG_SOFT) {
		SAY(s, "r_i += f(n_i); f(n) = 0 up to %" PRId64 " tokens, ", start);
		if (o->overlong.cache > 0)
			SAY(s, "%.10g (%" PRId64 " - n) / %" PRId64 " up to %" PRId64 ", ",
			    o->overlong.factor, start, o->overlong.cache, max);
		SAY(s, "%.10g beyond", 0 - o->overlong.factor);
		if (start >= s->limit)
			SAY(s, "; no response has more than %d: no effect", s->limit);
		CITE(s, "PG 4.5 part 4b");
		ebb_formula_put(s, "overlong");
	}
}

void ebb_formula_reward(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (ebb_formula_has_advantage(o) || ebb_formula_pairs(o) ||
	    o->dynamic.on != EBB_DYNAMIC_OFF) {
		say_source(s);
		say_clusters(s);
		say_truncated(s);
		say_overlong(s);
	} else if (o->overlong.mode == EBB_OVERLONG_FILTER) {
		say_overlong(s);
	}
}

/* ---- group: dynamic sampling ---- */

/* em.prompts: what every rollout batch asks. */
static void say_prompts(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->em.prompts == 0)
		return;
	SAY(s, "every rollout batch repeats the same %" PRId64 " of ", o->em.prompts);
	if (o->em.select == EBB_EM_NONE)
		SAY(s, "the task's prompts, the first drawn");
	else
		SAY(s,
		    "%" PRId64
		    " prompts: those with the largest variance of the verifier's verdict "
		    "over %" PRId64 " responses of the base policy",
		    o->em.candidates, o->em.samples);
	CITE(s, "EI 7.3 ");
	ebb_formula_cite(s, "em.select");
	ebb_formula_put(s, "prompts");
}

void ebb_formula_group(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	static const char *const what[] = {
		[EBB_DYNAMIC_OFF] = "",
		[EBB_DYNAMIC_CORRECT] = "the verifier's rewards differ",
		[EBB_DYNAMIC_SHAPED] = "r_i differ",
		[EBB_DYNAMIC_TOTAL] = "advantages differ, information reward included"};
	const bool verifier = o->reward.source == EBB_REWARD_VERIFIER;

	say_prompts(s);
	if (o->dynamic.on == EBB_DYNAMIC_OFF)
		return;
	SAY(s,
	    "groups in which %s are kept; %" PRId64 " prompts are drawn again, up to %" PRId64
	    " times in all, until %" PRId64 " groups are kept; what is over is %s",
	    !verifier && o->dynamic.on == EBB_DYNAMIC_CORRECT ? "rewards differ"
							      : what[o->dynamic.on],
	    o->train.prompts, o->dynamic.max_rounds, o->train.prompts,
	    o->dynamic.surplus == EBB_SURPLUS_CARRY ? "kept for the next step" : "dropped");
	CITE(s, "PG 4.5 part 2");
	ebb_formula_put(s, "groups");
}

/* Is the answer's likelihood a reward? */
static bool has_info(const struct ebb_options *o)
{
	return o->info.coef > 0 && o->info.grad != EBB_INFO_DIRECT;
}

/* ---- info: the information reward and how it joins ---- */

void ebb_formula_info(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	static const char *const value[] = {[EBB_INFO_MEAN] = "(1/M) sum_j a_j",
					    [EBB_INFO_SUM] = "sum_j a_j",
					    [EBB_INFO_PROB] = "exp(sum_j a_j)",
					    [EBB_INFO_GEO_PROB] = "exp((1/M) sum_j a_j)",
					    [EBB_INFO_GAIN_SUM] = "sum_j (a_j - b_j)",
					    [EBB_INFO_GAIN_MEAN] = "(1/M) sum_j (a_j - b_j)"};
	const bool gain = o->info.norm == EBB_INFO_GAIN_SUM || o->info.norm == EBB_INFO_GAIN_MEAN;

	const bool alone = o->info.condition == EBB_INFO_R_ONLY;

	if (!(o->info.coef > 0))
		return;
	SAY(s,
	    "u_i = %s; a_j: log-probability of the gold answer's token j of M%s after %s%s%s, "
	    "%.10g "
	    "nats at least",
	    value[o->info.norm], o->info.close ? ", its end mark included," : "",
	    alone ? "chain i without its question" : "question and chain i",
	    !gain   ? ""
	    : alone ? ", b_j after neither"
		    : ", b_j after the question alone",
	    o->info.cut == EBB_INFO_MARKER ? "" : " (the whole response)", o->info.logp_min);
	if (o->info.grad != EBB_INFO_REWARD)
		SAY(s, "\nwith its gradient through a_j in the loss%s",
		    o->info.grad == EBB_INFO_BOTH ? ", and a reward" : ", no reward");
	CITE(s, "EI 4.6 ");
	ebb_formula_cite(s, "info.norm");
	ebb_formula_put(s, "information");
}

/* ---- advantage ---- */

/* (x - baseline) / scale of one reward; known: its static or greedy baseline is asked for. */
static void say_quotient(struct ebb_formula *s, const char *x, bool known)
{
	const struct ebb_options *o = s->o;
	const bool scaled = o->advantage.scale == EBB_SCALE_GROUP_STD ||
			    o->advantage.scale == EBB_SCALE_BATCH_STD;
	const bool centred = o->advantage.center != EBB_CENTER_NONE;
	const char *of = o->advantage.scale == EBB_SCALE_BATCH_STD ? "std" : "std_g";

	if (scaled && centred)
		SAY(s, "(");
	if (o->advantage.discount < 1)
		SAY(s, "%.10g^(n_i - t) ", o->advantage.discount);
	if (o->advantage.center == EBB_CENTER_TREE)
		SAY(s, "mean_s(%s)", x);
	else
		SAY(s, "%s_i", x);
	switch (o->advantage.center) {
	case EBB_CENTER_NONE:
	case EBB_CENTER_CRITIC: /* its line is another, ebb_formula_gae */
		break;
	case EBB_CENTER_BATCH:
		SAY(s, " - mean(%s)", x);
		break;
	case EBB_CENTER_GROUP:
	case EBB_CENTER_TREE:
		SAY(s, " - mean_g(%s)", x);
		break;
	case EBB_CENTER_LOO:
		SAY(s, " - mean_{g without i}(%s)", x);
		break;
	case EBB_CENTER_STATIC:
	case EBB_CENTER_GREEDY:
		if (known)
			SAY(s, " - b_g");
		else
			SAY(s, " - mean_g(%s)", x);
		break;
	}
	if (!scaled)
		return;
	SAY(s, "%s / ", centred ? ")" : "");
	if (o->advantage.std_eps > 0)
		SAY(s, "(");
	if (o->advantage.std_floor > 0)
		SAY(s, "max(%s(%s), %.10g)", of, x, o->advantage.std_floor);
	else
		SAY(s, "%s(%s)", of, x);
	if (o->advantage.std_eps > 0)
		SAY(s, " + %.10g)", o->advantage.std_eps);
}

/* The verifier's and the information reward together. */
static void say_joined(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const double external = o->info.external;
	const char *A = ebb_formula_by_token(o) ? "A_it" : "A_i";

	if (!has_info(o) && external == 1) {
		SAY(s, "%s = ", A);
		say_quotient(s, "r", true);
		return;
	}
	if (o->info.combine == EBB_INFO_SUM_THEN_NORM) {
		SAY(s, "%s = ", A);
		say_quotient(s, "R", true);
		SAY(s, "; R_i = ");
		ebb_formula_factor(s, external);
		SAY(s, "r_i");
		if (has_info(o)) {
			SAY(s, " + ");
			ebb_formula_factor(s, o->info.coef);
			SAY(s, "u_i");
		}
		return;
	}
	SAY(s, "%s = ", A);
	if (external > 0) {
		ebb_formula_factor(s, external);
		SAY(s, "[");
		say_quotient(s, "r", true);
		SAY(s, "]");
	}
	if (has_info(o)) {
		SAY(s, "%s", external > 0 ? " + " : "");
		ebb_formula_factor(s, o->info.coef);
		SAY(s, "[");
		say_quotient(s, "u", false);
		SAY(s, "]");
	}
	if (external == 0 && !has_info(o))
		SAY(s, "0");
	if (has_info(o) && o->info.combine == EBB_INFO_GATED)
		SAY(s, "; the u term only in groups whose r are all equal");
	if (has_info(o) && o->info.combine == EBB_INFO_GATED_INVERSE)
		SAY(s, "; the u term only in groups whose r differ");
}

static void say_baseline(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool mixed = has_info(o) && o->info.combine == EBB_INFO_SUM_THEN_NORM;

	if (o->advantage.center != EBB_CENTER_STATIC && o->advantage.center != EBB_CENTER_GREEDY)
		return;
	SAY(s, "\nb_g: ");
	if (mixed && o->info.external != 1)
		SAY(s, "%.10g times ", o->info.external);
	if (o->advantage.center == EBB_CENTER_GREEDY)
		SAY(s, "the r of the greedy response to the prompt");
	else
		SAY(s, "the mean r of %" PRId64 " responses of the %s policy to the prompt",
		    o->advantage.reference_samples,
		    o->advantage.refresh > 0 ? "reference" : "base");
	if (mixed)
		SAY(s, ", plus %.10g mean_g(u)", o->info.coef);
}

/* The policy behind the static baseline, and the prompts it sorts out. PG 4.7. */
static void say_reference(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->advantage.center != EBB_CENTER_STATIC)
		return;
	if (o->advantage.refresh > 0)
		SAY(s,
		    "\nreference policy: the base; every %" PRId64
		    " steps the current one takes its place",
		    o->advantage.refresh);
	if (o->advantage.acc0 == EBB_ACC0_DROP)
		SAY(s, "\nprompts without a right one among these responses are dropped");
	if (o->advantage.acc0 == EBB_ACC0_INJECT)
		SAY(s, "\nprompts without a right one among these responses: a demonstration that "
		       "the verifier rewards replaces one response; where there is none, they are "
		       "dropped");
	if (o->advantage.acc0 != EBB_ACC0_KEEP && o->advantage.acc1 == EBB_ACC1_DROP)
		SAY(s, "\nprompts with right ones alone are dropped");
}

static void say_statistics(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool has_std = o->advantage.scale == EBB_SCALE_GROUP_STD ||
			     o->advantage.scale == EBB_SCALE_BATCH_STD;
	const bool over_group =
		o->advantage.center == EBB_CENTER_GROUP || o->advantage.center == EBB_CENTER_LOO ||
		o->advantage.center == EBB_CENTER_TREE || o->advantage.scale == EBB_SCALE_GROUP_STD;
	const bool over_batch = o->advantage.center == EBB_CENTER_BATCH ||
				o->advantage.scale == EBB_SCALE_BATCH_STD;
	const bool reduced = ebb_group_size(o) == 1 ||
			     (o->overlong.mode == EBB_OVERLONG_FILTER && !o->overlong.in_baseline);

	if (over_group)
		SAY(s, "\ng: the %" PRId64 " responses to a prompt", ebb_group_size(o));
	if (over_batch)
		SAY(s, "%s over the rollout batch",
		    over_group ? "; mean and std without g:" : "\nmean and std:");
	if (has_std)
		SAY(s, "; std with divisor n%s", o->advantage.std_ddof ? " - 1" : "");
	if (o->advantage.center == EBB_CENTER_GROUP || o->advantage.center == EBB_CENTER_LOO ||
	    o->advantage.center == EBB_CENTER_TREE ||
	    (o->advantage.scale == EBB_SCALE_GROUP_STD && o->advantage.std_floor == 0))
		SAY(s, "; 0 where all of a group are equal");
	else if (o->advantage.scale == EBB_SCALE_BATCH_STD && o->advantage.std_floor == 0)
		SAY(s, "; 0 where all of the batch are equal");
	if (over_group && reduced)
		SAY(s, "; a group of one response: %s",
		    o->advantage.singleton == EBB_SINGLETON_RAW ? "the reward itself" : "0");
}

void ebb_formula_advantage(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->advantage.center == EBB_CENTER_CRITIC) {
		ebb_formula_gae(s);
	} else {
		say_joined(s);
		ebb_formula_local(s);
		say_baseline(s);
		say_reference(s);
		say_statistics(s);
		CITE(s, "PG 3.3 ");
		ebb_formula_cite(s, "advantage.center");
		CITE(s, ", ");
		ebb_formula_cite(s, "advantage.scale");
		if (o->advantage.discount < 1)
			CITE(s, "; PG 4.1");
		if (o->advantage.center == EBB_CENTER_TREE)
			CITE(s, "; EI 5.5");
	}
	if (has_info(o)) {
		CITE(s, "; EI 4.6 ");
		ebb_formula_cite(s, "info.combine");
	}
	ebb_formula_put(s, "advantage");
	if (o->advantage.scale != EBB_SCALE_WHITEN)
		return;
	SAY(s, "A = (A - mean A) / sqrt(%s), over all response tokens of the rollout batch",
	    o->advantage.std_ddof ? "var A + 1e-8" : "max(var A, 1e-8)");
	CITE(s, "PG 3.3 whiten");
	ebb_formula_put(s, "whitening");
}
