/* The loss in words: every stage that is on has its line, every option that acts changes the text. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command/formula.h"
#include "objective/objective.h"

static const struct ebb_catalog none = {0};

#define LIMIT 14

#define ON_PAIRS  "loss.policy=preference "
#define ON_REGRET ON_PAIRS "preference.method=ppl "

static void set(struct ebb_options *o, const char *settings)
{
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_options_apply(o, &none, settings, &err), 0, "%s: %s", settings, err.text);
}

static struct ebb_page page_of(const char *settings)
{
	struct ebb_page page = EBB_PAGE_INIT;
	struct ebb_options o;

	ebb_options_init(&o, &none);
	set(&o, settings);
	ebb_formula_add(&page, &o, LIMIT);
	return page;
}

static char *text_of(const char *settings)
{
	struct ebb_page page = page_of(settings);
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_page_print(&page, 14, &text);
	ebb_page_release(&page);
	return ebb_buf_take(&text);
}

Test(unit, the_defaults_have_no_line_of_a_stage_that_is_off)
{
	static const char *const want[] = {"loss",  "reward",      "advantage",
					   "ratio", "policy term", "weight"};
	struct ebb_page page = page_of("");

	cr_assert_eq(page.n, 6);
	for (int i = 0; i < page.n; i++)
		cr_assert_str_eq(page.line[i].name, want[i]);
	ebb_page_release(&page);
}

/* Lines as they must read, worked out by hand from the specification. */
Test(unit, lines)
{
	static const struct {
		const char *settings, *name, *text, *cite;
	} want[] = {
		{"", "loss", "L = sum_it w_it l_it", ""},
		{"", "policy term", "l_it = -min(rho_it A_i, clip(rho_it, 0.8, 1.2) A_i)", "PG 2"},
		{"clip.low=1 clip.high=inf", "policy term", "l_it = -rho_it A_i", "PG 2"},
		{"clip.low=1", "policy term", "-min(rho_it A_i, min(rho_it, 1.2) A_i)", "PG 2"},
		{"clip.high=inf", "policy term", "-min(rho_it A_i, max(rho_it, 0.8) A_i)", "PG 2"},
		{"clip.dual=3", "policy term", "for A_i < 0 at most -3 A_i", "PG 2"},
		{"loss.policy=reinforce", "policy term", "l_it = -A_i logp_it", "PG 4.1"},
		{"advantage.discount=0.5", "policy term", "rho_it A_it", "PG 2"},
		{"", "advantage", "A_i = (r_i - mean_g(r)) / (std_g(r) + 1e-06)", "group_std"},
		{"advantage.scale=none", "advantage", "A_i = r_i - mean_g(r)\n",
		 "PG 3.3 group, none"},
		{"advantage.center=loo advantage.scale=none", "advantage",
		 "r_i - mean_{g without i}(r)", "loo"},
		{"advantage.std_eps=0 advantage.std_floor=0.05", "advantage",
		 "/ max(std_g(r), 0.05)", ""},
		{"info.coef=0.1 info.combine=sum_then_norm", "advantage",
		 "A_i = (R_i - mean_g(R)) / (std_g(R) + 1e-06); R_i = r_i + 0.1 u_i",
		 "EI 4.6 sum_then_norm"},
		{"info.coef=0.1 info.external=0 advantage.scale=none", "advantage",
		 "A_i = 0.1 [u_i - mean_g(u)]", "EI 4.6 norm_then_sum"},
		{"ratio.level=sequence", "ratio", "exp((1/n_i) sum_t (logp_it - old_it))",
		 "PG 2 sequence"},
		{"ratio.level=sequence", "ratio", "beyond exp(+-10)", ""},
		{"tree.sampler=ib advantage.center=tree", "advantage",
		 "A_it = (mean_s(r) - mean_g(r)) / (std_g(r) + 1e-06) + 0.1 (p(s)/p(parent) - 1.2) "
		 "conf(s)",
		 "EI 5.5"},
		{"tree.sampler=ib advantage.center=tree", "policy term", "rho_it A_it", ""},
		{"tree.sampler=ib", "tree", "4 responses to a prompt from its start, then 8 times 1",
		 "EI 5.2, 5.3 ib"},
		{"tree.sampler=ib", "tree", "12 in all", ""},
		{"tree.sampler=ib", "weight", "(48)", ""},
		{"tree.sampler=ib", "advantage", "A_i = (r_i - mean_g(r))", ""},
		{"train.minibatches=1", "ratio", "every ratio is exactly 1 and no clip acts", ""},
		{"dynamic.on=correct dynamic.surplus=carry", "ratio",
		 "at the start of the step that drew the group", ""},
		{"", "weight", "w_it = 1 / (S n_i); S: responses of the update with a token (32)",
		 "PG 3.1 seq-mean-token-mean"},
		{"train.minibatches=3", "weight", "(40 or 48)", ""},
		{"loss.aggregate=token-mean", "weight", "w_it = 1 / N", "PG 3.1 token-mean"},
		{"loss.aggregate=token-sum-norm", "weight", "w_it = 1 / 14", "token-sum-norm"},
		{"loss.aggregate=seq-mean-token-sum-norm loss.constant=20", "weight",
		 "w_it = 1 / (20 R)", ""},
		{"kl.place=loss", "loss", "+ 0.04 sum_it w_it k_it", ""},
		{"kl.place=loss", "kl", "k_it = exp(-D_it) - 1 + D_it; D_it = logp_it - ref_it",
		 "PG 3.4 k3"},
		{"kl.place=loss kl.controller=adaptive", "loss", "+ beta sum_it w_it k_it", ""},
		{"kl.place=reward kl.estimator=k1", "kl in reward",
		 "A_it -= 0.04 sum_{u >= t} k_iu", "outside"},
		{"kl.place=reward kl.reward_group=inside", "kl in reward", "r_i -= 0.04 sum_t k_it",
		 "inside"},
		{"kl.place=reward kl.estimator=k1 advantage.center=critic critic.model=shared",
		 "kl in reward", "r_it -= 0.04 k_it, at every token", "k1, reward"},
		{"advantage.center=critic critic.model=shared info.coef=0.5 info.combine=gated",
		 "values",
		 "r_it: r_i + 0.5 u_i at the last token, 0 before it; u only in groups "
		 "whose r are all equal",
		 "PG 4.2"},
		{"advantage.center=critic critic.model=shared", "loss",
		 "sum_it w_it l_it + 0.1 sum_it w_it y_it", ""},
		{"advantage.center=critic critic.model=shared advantage.discount=0.5", "advantage",
		 "A_it = sum_{u >= t} 0.475^(u - t) d_iu", "PG 4.2 GAE"},
		{"advantage.center=critic critic.model=separate advantage.discount=0.5", "values",
		 "d_it = r_it + 0.5 V_i,t+1 - V_it", "PG 4.2"},
		{"advantage.center=critic critic.model=separate critic.target=td0", "value loss",
		 "G_it = r_it + V_i,t+1, before", "PG 4.2 td0"},
		{"kl_old.coef=0.5", "loss", "+ 0.5 sum_it w_it q_it", ""},
		{"tis.kind=token-trunc", "loss", "sum_it w_it v_it l_it", ""},
		{"tis.kind=token-trunc", "correction", "exact here: roll = old",
		 "PG 3.6 token-trunc"},
		{"entropy.coef=0.001", "loss", "- 0.001 sum_it e_it H_it", ""},
		{"entropy.coef=0.001 gamma.kind=linear", "loss", "e_it gamma_t H_it", ""},
		{"entropy.coef=0.1 entropy.grad=direct_plus_score gamma.kind=linear",
		 "entropy score",
		 "A_it += 0.1 (e_it / w_it) (C_it - mean_g(C_t)), inside ratio and clip; "
		 "C_it = sum_{u > t} gamma_u H_iu when drawn",
		 "EI 4.5 direct_plus_score"},
		{"entropy.coef=0.1 entropy.grad=score_only", "entropy score",
		 "C_it = -sum_{u >= t} old_iu", "EI 4.5 score_only"},
		{"loss.policy=cispo", "policy term",
		 "l_it = -sg[clip(rho_it, 0.8, 1.2)] A_i logp_it", "arXiv:2506.13585"},
		{"token.mask=top_entropy", "loss", "L = sum_it m_it w_it l_it", ""},
		{"token.mask=negative token.denominator=kept", "token mask",
		 "w'_it: w_it with the tokens counted", "arXiv:2506.01347 negative"},
		{"overlong.mode=soft overlong.cache=4", "overlong",
		 "0 up to 10 tokens, 1 (10 - n) / 4 up to 14, -1 beyond", "4b"},
		{"overlong.mode=soft", "overlong", "no effect", ""},
		{"dynamic.on=correct", "groups", "up to 4 times in all, until 16 groups", "part 2"},
		{"reward.scale=plus_minus_one", "reward", "r_i = 2 c_i - 1", "PG 3.2"},
		{"task.noise=0.3", "reward", "one less it with probability 0.3", ""},
		{ON_PAIRS, "loss", "L = mean_cr[ ln(1 + exp(-x_cr)) ]", ""},
		{ON_PAIRS "preference.smoothing=0.1", "loss",
		 "0.9 ln(1 + exp(-x_cr)) + 0.1 ln(1 + exp(x_cr))", ""},
		{ON_PAIRS "preference.sft=1", "loss", "- mean_t logp_ct ]", ""},
		{ON_PAIRS "preference.sft=2", "loss", "- 2 mean_t logp_ct ]", ""},
		{ON_PAIRS, "score", "x_cr = S_c - S_r; S_i = 0.1 sum_t (logp_it - ref_it)",
		 "EI 8.1 dpo"},
		{ON_PAIRS "preference.method=cpl preference.lambda=0.5", "score",
		 "x_cr = S_c - 0.5 S_r; S_i = 0.1 sum_t logp_it", "cpl"},
		{ON_REGRET, "score", "0.1 sum_t [ logp_it - sum_{v > t} (mu_iv - logp_iv) ]",
		 "ppl"},
		{ON_REGRET "preference.norm=suffix_mean preference.suffix=include_current "
			   "preference.c_ref=1 preference.label=dirac",
		 "score", "0.1 mean_t [ logp_it - ref_it - mean_{v >= t} (-logp_iv) ]", ""},
		{ON_PAIRS "preference.refresh=0", "pairs", "drawn by the base policy", "EI 8.4"},
		{"reward.source=cluster", "reward", "r_i = p_i", "EI 6.3 freq"},
		{"reward.source=cluster cluster.high=0.85", "clusters",
		 "A_i = 0 in groups with SE / ln G outside (0, 0.85)", "EI 6.1, 6.2"},
		{"info.coef=0.1 info.grad=direct", "loss", "- 0.1 mean_i u_i", ""},
		{"info.coef=0.1 info.grad=direct", "advantage", "A_i = (r_i - mean_g(r))", ""},
		{"em.prompts=1 em.select=pass_variance", "prompts", "the same 1 of 64 prompts",
		 "EI 7.3 pass_variance"},
		{"loss.policy=none entropy.coef=1 em.temperature=0.5 em.mask=reference", "entropy",
		 "distribution after token t at temperature 0.5", ""},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		struct ebb_page page = page_of(want[i].settings);
		const struct ebb_line *l = ebb_page_find(&page, EBB_SECTION_LOSS, want[i].name);

		cr_assert_not_null(l, "%s: no line '%s'", want[i].settings, want[i].name);
		cr_expect(strstr(l->text, want[i].text), "%s: no '%s' in '%s'", want[i].settings,
			  want[i].text, l->text);
		cr_expect(strstr(l->cite, want[i].cite), "%s: no '%s' in [%s]", want[i].settings,
			  want[i].cite, l->cite);
		ebb_page_release(&page);
	}
}

/* What has no gradient of its own is no term of the loss. */
Test(unit, the_score_alone_is_no_term)
{
	struct ebb_page page = page_of("entropy.coef=0.1 entropy.grad=score_only");

	cr_expect_str_eq(ebb_page_find(&page, EBB_SECTION_LOSS, "loss")->text,
			 "L = sum_it w_it l_it");
	ebb_page_release(&page);
}

/* A coefficient of 0 switches a term off, wherever its other options stand. */
Test(unit, what_is_switched_off_is_left_out)
{
	char *plain = text_of(""), *off = text_of("kl.place=loss kl.coef=0 gamma.kind=linear "
						  "info.norm=sum tis.max=5 kl.target=3");

	cr_expect_str_eq(plain, off);
	free(plain);
	free(off);
}

/* No line of a term that preferences do not have. */
Test(unit, pairs_have_no_advantage_and_no_ratio)
{
	static const char *const want[] = {"loss", "reward", "pairs", "score"};
	struct ebb_page page = page_of(ON_PAIRS "tis.kind=token-trunc info.coef=0.1");

	cr_assert_eq(page.n, 4);
	for (int i = 0; i < page.n; i++)
		cr_assert_str_eq(page.line[i].name, want[i]);
	ebb_page_release(&page);
}

/* Without a policy term only what the other terms read is told. */
Test(unit, no_policy_term_has_no_advantage)
{
	static const struct {
		const char *settings, *lines, *loss;
	} want[] = {
		{"entropy.form=minimise entropy.coef=1", "loss, entropy, ", "L = sum_it e_it H_it"},
		{"entropy.coef=0.5 entropy.aggregate=loss", "loss, weight, entropy, ",
		 "L = -0.5 sum_it e_it H_it"},
		{"kl.place=loss kl.coef=1", "loss, weight, kl, ", "L = sum_it w_it k_it"},
		{"info.coef=0.5 info.grad=direct", "loss, information, ", "L = -0.5 mean_i u_i"},
		{"entropy.form=times_advantage entropy.coef=1", "loss, reward, advantage, entropy, ",
		 "L = -sum_it e_it A_it H_it"},
		{"tis.kind=token-trunc kl.place=reward advantage.center=loo", "loss, ", "L = 0"},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char settings[128], lines[128] = "";
		struct ebb_page page;

		snprintf(settings, sizeof settings, "loss.policy=none %s", want[i].settings);
		page = page_of(settings);
		for (int k = 0; k < page.n; k++) {
			strcat(lines, page.line[k].name);
			strcat(lines, ", ");
		}
		cr_expect_str_eq(lines, want[i].lines, "%s: %s", settings, lines);
		cr_expect_str_eq(page.line[0].text, want[i].loss, "%s: %s", settings,
				 page.line[0].text);
		ebb_page_release(&page);
	}
}

/* Carried groups are older than the weights, so one update a step is off-policy all the same. */
Test(unit, one_update_a_step)
{
	static const char *const carry = "train.minibatches=1 dynamic.on=correct "
					 "dynamic.surplus=carry";
	char *one = text_of("train.minibatches=1"), *old = text_of(carry);

	cr_expect_not_null(strstr(one, "no clip acts"));
	cr_expect_null(strstr(old, "no clip acts"));
	free(one);
	free(old);
}

#define ON_KL        "kl.place=loss kl.controller=adaptive ref.every=10 ref.mix=0.5 "
#define ON_SELECTION "loss.policy=clip_cov "
#define ON_GAMMA     "entropy.coef=0.1 entropy.aggregate=seq-mean gamma.kind=piece_linear "
#define ON_CRITIC    "critic.model=shared advantage.center=critic advantage.scale=whiten "
#define ON_TREE      "tree.sampler=ib advantage.center=tree "
#define ON_CLUSTER   "reward.source=cluster "
#define ON_EM        "loss.policy=none entropy.form=minimise entropy.coef=1 em.prompts=1 "
#define ON_INFO      "info.coef=0.5 info.external=2 "

/* No option is overlooked: with its stage on, every choice and every other number reads otherwise. */
Test(unit, every_option_of_the_loss_changes_the_text)
{
	static const struct {
		const char *base, *key, *value[9];
	} option[] = {
		{"", "reward.source", {"verifier", "random", "cluster"}},
		{ON_CLUSTER, "cluster.reward", {"freq", "trl_math", "natural", "voting"}},
		{ON_CLUSTER, "cluster.rule", {"first_representative", "last_writer"}},
		{ON_CLUSTER, "cluster.empty", {"singleton", "joint"}},
		{ON_CLUSTER, "cluster.low", {"0", "0.1"}},
		{ON_CLUSTER, "cluster.high", {"1", "0.85"}},
		{ON_EM, "em.temperature", {"0", "0.5"}},
		{ON_EM, "em.mask", {"aligned", "reference"}},
		{ON_EM, "em.select", {"none", "pass_variance"}},
		{ON_EM, "em.prompts", {"0", "1", "2"}},
		{ON_EM "em.select=pass_variance", "em.candidates", {"64", "16"}},
		{ON_EM "em.select=pass_variance", "em.samples", {"8", "4"}},
		{"", "reward.scale", {"zero_one", "plus_minus_one"}},
		{"", "reward.truncated", {"verifier", "fixed", "scale"}},
		{"reward.truncated=fixed", "reward.truncated_value", {"0", "-1"}},
		{"reward.source=random", "reward.random_p", {"0.5", "0.25"}},
		{"", "overlong.mode", {"off", "soft", "filter"}},
		{"overlong.mode=soft", "overlong.max", {"0", "12"}},
		{"overlong.mode=soft", "overlong.cache", {"0", "4"}},
		{"overlong.mode=soft", "overlong.factor", {"1", "2"}},
		{"overlong.mode=filter", "overlong.in_baseline", {"true", "false"}},
		{ON_INFO, "dynamic.on", {"off", "correct", "shaped", "total"}},
		{"dynamic.on=correct", "dynamic.surplus", {"drop", "carry"}},
		{"dynamic.on=correct", "dynamic.max_rounds", {"4", "5"}},
		{"",
		 "advantage.center",
		 {"none", "batch", "group", "loo", "static", "greedy", "critic", "tree"}},
		{"", "tree.sampler", {"off", "ib", "independent", "random", "entropy", "fixed_width"}},
		{ON_TREE, "tree.b0", {"4", "5"}},
		{ON_TREE, "tree.rounds", {"9", "1", "2"}},
		{ON_TREE, "tree.width", {"1", "2"}},
		{ON_TREE, "tree.branch", {"1", "2"}},
		{ON_TREE, "tree.step_tokens", {"0", "3"}},
		{ON_TREE, "tree.max_children", {"0", "3"}},
		{ON_TREE, "tree.merge_duplicates", {"false", "true"}},
		{ON_TREE, "ib.beta", {"5", "2"}},
		{ON_TREE, "ib.lambda", {"0.1", "0", "0.2"}},
		{ON_TREE, "ib.conf", {"geo_prob", "seq_prob"}},
		{ON_TREE, "ib.child_weight", {"uniform", "leaf"}},
		{ON_TREE, "ib.prefactor", {"one_plus_beta", "beta"}},
		{ON_TREE, "ib.zero_parent", {"neutral", "smooth"}},
		{ON_TREE, "ib.ref", {"ref", "old"}},
		{ON_TREE, "ib.shared", {"per_trajectory", "once"}},
		{"", "advantage.scale", {"none", "group_std", "batch_std", "whiten"}},
		{"", "advantage.std_ddof", {"1", "0"}},
		{"advantage.scale=whiten", "advantage.std_ddof", {"1", "0"}},
		{"", "advantage.std_eps", {"0", "1e-6", "1e-4"}},
		{"", "advantage.std_floor", {"0", "0.05"}},
		{"overlong.mode=filter overlong.in_baseline=false",
		 "advantage.singleton",
		 {"zero", "raw"}},
		{"", "advantage.discount", {"1", "0.9"}},
		{"advantage.center=static", "advantage.reference_samples", {"16", "5"}},
		{"loss.policy=cispo", "clip.low", {"0.2", "0.1", "1"}},
		{"loss.policy=cispo", "clip.high", {"0.2", "0.28", "inf"}},
		{"", "token.mask", {"all", "top_entropy", "positive", "negative"}},
		{"token.mask=top_entropy", "token.fraction", {"0.2", "0.5"}},
		{"token.mask=negative", "token.denominator", {"all", "kept"}},
		{ON_SELECTION, "covariance.scope", {"minibatch", "rollout_batch"}},
		{ON_SELECTION "covariance.kind=response_z ",
		 "covariance.response_source",
		 {"logprob", "logit"}},
		{"advantage.center=static", "advantage.refresh", {"0", "50"}},
		{"advantage.center=static", "advantage.acc0", {"keep", "drop", "inject"}},
		{"advantage.center=static advantage.acc0=drop", "advantage.acc1", {"drop", "keep"}},
		{ON_CRITIC, "advantage.lambda", {"0.95", "0", "1"}},
		{ON_CRITIC, "advantage.discount", {"1", "0.9"}},
		{ON_CRITIC, "critic.model", {"none", "shared", "separate"}},
		{ON_CRITIC, "critic.coef", {"0.1", "0", "1"}},
		{ON_CRITIC, "critic.clip", {"0.2", "0"}},
		{ON_CRITIC, "critic.target", {"gae_return", "td0"}},
		{ON_CRITIC "critic.model=separate", "critic.lr", {"1e-3", "1e-4"}},
		{ON_CRITIC, "critic.bootstrap", {"zero", "value"}},
		{"",
		 "loss.policy",
		 {"clip", "reinforce", "clip_cov", "kl_cov", "preference", "none", "cispo"}},
		{ON_PAIRS, "preference.method", {"dpo", "cpl", "ppl", "repo"}},
		{ON_PAIRS, "preference.beta", {"0.1", "0.2"}},
		{ON_REGRET, "preference.alpha", {"0.1", "1"}},
		{ON_PAIRS, "preference.lambda", {"0.5", "1"}},
		{ON_REGRET, "preference.discount", {"1", "0.9"}},
		{ON_REGRET "preference.norm=suffix_mean", "preference.discount", {"1", "0.9"}},
		{ON_REGRET, "preference.norm", {"sum", "suffix_mean"}},
		{ON_REGRET, "preference.suffix", {"future_only", "include_current"}},
		{ON_REGRET, "preference.label", {"stored", "dirac", "ref"}},
		{ON_REGRET, "preference.c_ref", {"0", "0.5", "1"}},
		{ON_PAIRS, "preference.sft", {"0", "0.5", "1"}},
		{ON_PAIRS, "preference.smoothing", {"0", "0.1"}},
		{ON_PAIRS, "preference.pairing", {"one_random", "all", "hardest"}},
		{ON_PAIRS, "preference.refresh", {"1", "0", "5"}},
		{ON_PAIRS, "ref.every", {"0", "10"}},
		{ON_PAIRS "ref.every=10", "ref.mix", {"1", "0.5"}},
		{ON_PAIRS, "preference.data", {"", "run/arm@3"}},
		{ON_PAIRS "kl.place=loss",
		 "loss.aggregate",
		 {"token-mean", "group-mean-token-mean", "seq-mean-token-mean",
		  "seq-mean-token-sum", "seq-mean-token-sum-norm", "token-sum-norm"}},
		{"", "task.noise", {"0", "0.1", "0.2"}},
		{ON_SELECTION, "covariance.fraction", {"0.01", "0.02"}},
		{ON_SELECTION, "covariance.low", {"1", "2"}},
		{ON_SELECTION, "covariance.high", {"5", "6"}},
		{ON_SELECTION, "covariance.bounds", {"absolute", "times_mean"}},
		{ON_SELECTION, "covariance.bounds_closed", {"false", "true"}},
		{ON_SELECTION,
		 "covariance.kind",
		 {"token_batch", "response_z", "response_literal"}},
		{ON_SELECTION, "covariance.min_select", {"1", "0"}},
		{"loss.policy=kl_cov", "covariance.coef", {"1", "2"}},
		{"loss.policy=kl_cov", "covariance.penalty", {"abs", "k1", "k2", "k3", "full"}},
		{"",
		 "loss.aggregate",
		 {"token-mean", "group-mean-token-mean", "seq-mean-token-mean",
		  "seq-mean-token-sum", "seq-mean-token-sum-norm", "token-sum-norm"}},
		{"loss.aggregate=token-sum-norm", "loss.constant", {"0", "20"}},
		{"", "loss.seq_den", {"nonempty", "all"}},
		{"", "ratio.level", {"token", "sequence", "sequence_token", "sequence_sum"}},
		{"", "ratio.log_clamp", {"20", "5"}},
		{"", "clip.low", {"0.2", "0.1", "1"}},
		{"", "clip.high", {"0.2", "0.28", "inf"}},
		{"", "clip.dual", {"0", "3"}},
		{"", "tis.kind", {"off", "token-trunc", "token-mask", "seq-trunc", "seq-mask"}},
		{"tis.kind=token-trunc", "tis.max", {"2", "3"}},
		{"tis.kind=token-trunc", "tis.min", {"0", "0.5"}},
		{"tis.kind=token-trunc", "tis.normalise", {"true", "false"}},
		{"", "kl.place", {"none", "loss", "reward"}},
		{"kl.place=loss",
		 "kl.estimator",
		 {"k1", "k2", "k3", "abs", "k1+", "k3+", "k3_is", "full"}},
		{"kl.place=loss", "kl.coef", {"0", "0.04", "0.1"}},
		{"kl.place=reward", "kl.reward_group", {"outside", "inside"}},
		{"kl.place=loss", "kl.log_clamp", {"20", "10"}},
		{"kl.place=loss", "kl.controller", {"fixed", "adaptive"}},
		{ON_KL, "kl.coef", {"0.04", "0.1"}},
		{ON_KL, "kl.target", {"0.1", "0.2"}},
		{ON_KL, "kl.horizon", {"10000", "5000"}},
		{ON_KL, "ref.every", {"10", "20"}},
		{ON_KL, "ref.mix", {"0.5", "1"}},
		{"", "kl_old.coef", {"0", "0.5"}},
		{"kl_old.coef=1", "kl_old.estimator", {"k1", "k3"}},
		{"", "entropy.coef", {"0", "0.1", "0.2"}},
		{"entropy.coef=1", "entropy.aggregate", {"token-mean", "seq-mean", "loss"}},
		{"entropy.coef=1", "entropy.form", {"bonus", "times_advantage", "minimise"}},
		{"entropy.coef=1", "entropy.grad", {"direct", "direct_plus_score", "score_only"}},
		{"entropy.coef=1 entropy.grad=score_only",
		 "entropy.form",
		 {"bonus", "times_advantage", "minimise"}},
		{"entropy.coef=1", "entropy.control", {"none", "anneal", "bang_bang", "dual"}},
		{"entropy.coef=1 entropy.control=dual", "entropy.measure", {"full", "sampled"}},
		{"entropy.coef=1 entropy.control=dual", "entropy.target", {"0.2", "0.3"}},
		{"entropy.control=bang_bang", "entropy.delta", {"1e-3", "1e-2"}},
		{"entropy.coef=1 entropy.control=dual", "entropy.eta", {"0.05", "0.1"}},
		{"entropy.coef=1 entropy.control=dual", "entropy.min", {"0", "0.1"}},
		{"entropy.coef=1 entropy.control=dual", "entropy.max", {"0.5", "2"}},
		{"entropy.coef=1 entropy.control=anneal", "entropy.anneal", {"linear", "cosine"}},
		{"entropy.coef=1 entropy.control=anneal", "entropy.horizon", {"0", "50"}},
		{ON_GAMMA, "gamma.kind", {"none", "linear", "exp", "piece_linear", "piece_exp"}},
		{ON_GAMMA, "gamma.tmax", {"limit", "actual_length"}},
		{ON_GAMMA "gamma.kind=exp", "gamma.base", {"0.8", "0.5"}},
		{ON_GAMMA "gamma.kind=exp", "gamma.half_life", {"0", "3"}},
		{ON_GAMMA, "gamma.k", {"4", "5", "14"}},
		{ON_GAMMA "gamma.kind=exp", "gamma.origin", {"0", "1"}},
		{ON_GAMMA, "gamma.normalise", {"mean_tokens", "sum", "mean_gamma"}},
		{"", "info.coef", {"0", "0.1", "0.2"}},
		{ON_INFO, "info.external", {"0", "1", "2"}},
		{ON_INFO,
		 "info.norm",
		 {"mean", "sum", "prob", "geo_prob", "gain_sum", "gain_mean"}},
		{ON_INFO,
		 "info.combine",
		 {"sum_then_norm", "norm_then_sum", "gated", "gated_inverse"}},
		{ON_INFO, "info.logp_min", {"-20", "-10"}},
		{ON_INFO, "info.grad", {"reward", "direct", "both"}},
		{ON_INFO, "info.condition", {"q_and_r", "r_only"}},
		{ON_INFO "info.norm=gain_sum", "info.condition", {"q_and_r", "r_only"}},
		{ON_INFO, "info.cut", {"marker", "full_response"}},
		{ON_INFO, "info.close", {"false", "true"}},
	};

	for (size_t k = 0; k < sizeof option / sizeof *option; k++) {
		const struct ebb_option *row = ebb_option_find(&none, NULL, option[k].key);
		char *text[9] = {0};
		int n = 0, choices = 0;

		cr_assert_not_null(row, "%s", option[k].key);
		while (row->choice && row->choice[choices])
			choices++;
		for (; option[k].value[n]; n++) {
			char *settings = ebb_xprintf("%s %s=%s", option[k].base, option[k].key,
						     option[k].value[n]);

			text[n] = text_of(settings);
			for (int i = 0; i < n; i++)
				cr_expect(strcmp(text[i], text[n]) != 0, "%s: %s=%s reads as %s",
					  option[k].base, option[k].key, option[k].value[n],
					  option[k].value[i]);
			free(settings);
		}
		cr_expect(choices == 0 || choices == n, "%s: %d of %d choices", option[k].key, n,
			  choices);
		for (int i = 0; i < n; i++)
			free(text[i]);
	}
}

/* gamma's written values are those the objective uses. */
Test(unit, gamma_is_written_out)
{
	static const char *const kind[] = {"linear", "exp", "piece_linear", "piece_exp"};

	for (size_t k = 0; k < sizeof kind / sizeof *kind; k++)
		for (int origin = 0; origin < 2; origin++) {
			char *settings = ebb_xprintf("entropy.coef=0.1 gamma.k=3 gamma.kind=%s "
						     "gamma.origin=%d",
						     kind[k], origin);
			struct ebb_page page = page_of(settings);
			struct ebb_options o;
			const char *at = ebb_page_find(&page, EBB_SECTION_LOSS, "gamma")->text;

			ebb_options_init(&o, &none);
			set(&o, settings);
			at = strstr(at, "tokens:");
			cr_assert_not_null(at);
			at += strlen("tokens:");
			for (int t = 1; t <= 8; t++) {
				char *end;
				const double x = strtod(at, &end);

				cr_assert_neq(end, at);
				cr_expect_float_eq(x, ebb_gamma(&o, t, LIMIT, LIMIT), 5e-4,
						   "%s: gamma %d is %g", settings, t, x);
				at = end;
			}
			ebb_page_release(&page);
			free(settings);
		}
}

Test(unit, no_line_is_wider_than_the_page)
{
	char *text = text_of(ON_KL ON_GAMMA ON_INFO
			     "kl.estimator=k3_is ratio.level=sequence clip.dual=3 kl_old.coef=0.25 "
			     "tis.kind=seq-mask tis.normalise=true advantage.center=static "
			     "overlong.mode=soft dynamic.on=total loss.aggregate=token-sum-norm "
			     "tree.sampler=fixed_width tree.max_children=3 tree.merge_duplicates=true "
			     "ib.zero_parent=smooth ib.shared=once");

	for (const char *s = text, *end; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '\n');
		cr_assert_leq(end - s, EBB_PAGE_COLUMNS, "%.*s", (int)(end - s), s);
		cr_assert(end == s || end[-1] != ' ', "a blank at the end of: %.*s", (int)(end - s),
			  s);
	}
	free(text);
}
