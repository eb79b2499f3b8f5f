/*
 * One small function a stage, in the order of the pipeline (objective/stages.h); each reads the
 * option groups of its stage and says nothing where they switch it off. Here the terms of the loss;
 * what comes before them is in formula_advantage.c, the KL penalties in formula_kl.c.
 */
#include "command/formula.h"

#include <math.h>
#include <stdio.h>
#include "command/formula_stage.h"
#include "objective/objective.h"

const char ebb_formula_sources[] =
	"PG: docs/policy-gradient.md, EI: docs/entropy-and-information.md, by section and row\n";

void ebb_formula_put(struct ebb_formula *s, const char *name)
{
	ebb_page_take(s->page, EBB_SECTION_LOSS, name, &s->text, &s->cite);
}

void ebb_formula_cite(struct ebb_formula *s, const char *key)
{
	static const struct ebb_catalog none = {0};
	const struct ebb_option *row = ebb_option_find(&none, NULL, key);

	if (!row)
		EBB_BUG("no option '%s'", key);
	ebb_option_print(s->o, row, &s->cite);
}

void ebb_formula_factor(struct ebb_formula *s, double factor)
{
	if (factor != 1)
		SAY(s, "%.10g ", factor);
}

static bool has_tis(const struct ebb_options *o)
{
	return o->tis.kind != EBB_TIS_OFF && ebb_formula_has_term(o);
}

/* The entropy term's score function joins the advantage. */
static bool has_score(const struct ebb_options *o)
{
	return ebb_weighs_entropy(o) && o->entropy.grad != EBB_GRAD_DIRECT;
}

static bool has_mask(const struct ebb_options *o)
{
	return o->token.mask != EBB_TOKEN_ALL && ebb_formula_has_term(o);
}

/* The weight of a token in the policy term. */
static const char *weight_symbol(const struct ebb_options *o)
{
	return has_mask(o) && o->token.denominator == EBB_TOKEN_DEN_KEPT ? "w'_it" : "w_it";
}

/* "alpha ", or what it always is. */
static void say_alpha(struct ebb_formula *s)
{
	if (s->o->entropy.control == EBB_CONTROL_NONE)
		ebb_formula_factor(s, s->o->entropy.coef);
	else
		SAY(s, "alpha ");
}

/* Does every token of a response have the same advantage? */
static const char *advantage_symbol(const struct ebb_options *o)
{
	return ebb_formula_by_token(o) || has_score(o) ||
			       (ebb_formula_kl_in_reward(o) && o->kl.reward_group == EBB_KL_OUTSIDE)
		       ? "A_it"
		       : "A_i";
}

/* Responses of an update: groups are dealt whole, so sizes may differ by a group. */
static void say_rows(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const int64_t few = o->train.prompts / o->train.minibatches;

	SAY(s, "%" PRId64, few * ebb_group_size(o));
	if (o->train.prompts % o->train.minibatches)
		SAY(s, " or %" PRId64, (few + 1) * ebb_group_size(o));
}

/* ---- loss: the terms that are switched on ---- */

/* Before a term: its sign, if it is not the first. */
static void say_sign(struct ebb_formula *s, bool minus, int *terms)
{
	SAY(s, "%s", (*terms)++ > 0 ? (minus ? " - " : " + ") : minus ? "-" : "");
}

static void say_loss(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	int terms = 0;

	SAY(s, "L = ");
	if (ebb_formula_pairs(o)) {
		say_sign(s, false, &terms);
		ebb_formula_pair_loss(s);
	} else if (ebb_formula_has_term(o)) {
		say_sign(s, false, &terms);
		SAY(s, "sum_it %s%s %sl_it", has_mask(o) ? "m_it " : "", weight_symbol(o),
		    has_tis(o) ? "v_it " : "");
	}
	if (ebb_formula_kl_in_loss(o)) {
		say_sign(s, false, &terms);
		ebb_formula_kl_coef(s);
		SAY(s, "sum_it w_it k_it");
	}
	if (o->kl_old.coef > 0) {
		say_sign(s, false, &terms);
		ebb_formula_factor(s, o->kl_old.coef);
		SAY(s, "sum_it w_it q_it");
	}
	if (o->critic.model == EBB_CRITIC_SHARED && o->critic.coef > 0) {
		say_sign(s, false, &terms);
		ebb_formula_factor(s, o->critic.coef);
		SAY(s, "sum_it w_it y_it");
	}
	if (ebb_weighs_entropy(o) && o->entropy.grad != EBB_GRAD_SCORE_ONLY) {
		say_sign(s, o->entropy.form != EBB_FORM_MINIMISE, &terms);
		say_alpha(s);
		SAY(s, "sum_it e_it %s%sH_it",
		    o->entropy.form == EBB_FORM_TIMES_ADVANTAGE ? "A_it " : "",
		    o->gamma.kind == EBB_GAMMA_NONE ? "" : "gamma_t ");
	}
	if (o->info.coef > 0 && o->info.grad != EBB_INFO_REWARD) {
		say_sign(s, true, &terms);
		ebb_formula_factor(s, o->info.coef);
		SAY(s, "mean_i u_i");
	}
	if (terms == 0)
		SAY(s, "0");
	if (o->loss.policy == EBB_POLICY_NONE)
		CITE(s, "EI 7.1");
	ebb_formula_put(s, "loss");
}

/* ---- ratio ---- */

static void say_ratio(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	/* groups kept from an earlier step were drawn with older weights */
	const bool carry =
		o->dynamic.on != EBB_DYNAMIC_OFF && o->dynamic.surplus == EBB_SURPLUS_CARRY;
	double clamp = o->ratio.log_clamp;

	if (o->loss.policy == EBB_POLICY_REINFORCE ||
	    (!ebb_formula_has_term(o) && o->kl_old.coef == 0 &&
	     !(ebb_formula_kl_in_loss(o) && o->kl.estimator == EBB_KL_K3_IS)))
		return;
	switch (o->ratio.level) {
	case EBB_RATIO_TOKEN:
		SAY(s, "rho_it = exp(logp_it - old_it)");
		break;
	case EBB_RATIO_SEQUENCE:
		SAY(s, "rho_it = s_i = exp((1/n_i) sum_t (logp_it - old_it)), every token's "
		       "derivative through the mean");
		break;
	case EBB_RATIO_SEQUENCE_TOKEN:
		SAY(s, "rho_it = s_i = exp((1/n_i) sum_t (logp_it - old_it)) in value, with the "
		       "derivative of logp_it alone");
		break;
	case EBB_RATIO_SEQUENCE_SUM:
		SAY(s, "rho_it = exp(sum_t (logp_it - old_it)), not divided by length");
		break;
	}
	if (o->ratio.level == EBB_RATIO_SEQUENCE || o->ratio.level == EBB_RATIO_SEQUENCE_TOKEN)
		clamp = fmin(clamp, 10); /* as the help of ratio.log_clamp says */
	SAY(s,
	    "; no gradient beyond exp(+-%.10g)\nold: under the weights at the start of the step%s",
	    clamp, carry ? " that drew the group" : "");
	if (ebb_formula_injects(o))
		SAY(s, "; of a stored trajectory: under the reference policy");
	if (o->train.epochs * o->train.minibatches == 1 && !carry && !ebb_formula_injects(o))
		SAY(s, "; one update a step: every ratio is exactly 1 and no clip acts");
	CITE(s, "PG 2 ");
	ebb_formula_cite(s, "ratio.level");
	ebb_formula_put(s, "ratio");
}

/* ---- clip: the policy term of a token ---- */

static void say_policy(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const char *A = advantage_symbol(o);
	const bool low = o->clip.low < 1, high = isfinite(o->clip.high);

	if (!ebb_formula_has_term(o))
		return;
	if (o->loss.policy == EBB_POLICY_KL_COV) {
		static const char *const penalty[] = {"|d_it|", "-d_it", "d_it^2 / 2",
						      "exp(d_it) - 1 - d_it",
						      "KL(old || new) at t, over the vocabulary"};

		SAY(s, "l_it = -rho_it %s, for selected tokens + ", A);
		ebb_formula_factor(s, o->covariance.coef);
		SAY(s, "%s", penalty[o->covariance.penalty]);
		if (o->covariance.penalty != EBB_PENALTY_FULL)
			SAY(s, "; d_it = logp_it - old_it");
		CITE(s, "EI 2.8");
		ebb_formula_put(s, "policy term");
		return;
	}

	if (o->loss.policy == EBB_POLICY_REINFORCE) {
		SAY(s, "l_it = -%s logp_it", A);
		CITE(s, "PG 4.1");
		ebb_formula_put(s, "policy term");
		return;
	}
	if (o->loss.policy == EBB_POLICY_CISPO) {
		SAY(s, "l_it = -sg[");
		if (low && high)
			SAY(s, "clip(rho_it, %.10g, %.10g)", 1 - o->clip.low, 1 + o->clip.high);
		else if (high)
			SAY(s, "min(rho_it, %.10g)", 1 + o->clip.high);
		else if (low)
			SAY(s, "max(rho_it, %.10g)", 1 - o->clip.low);
		else
			SAY(s, "rho_it");
		SAY(s, "] %s logp_it; sg: a weight without a gradient", A);
		CITE(s, "arXiv:2506.13585");
		ebb_formula_put(s, "policy term");
		return;
	}
	if (low && high)
		SAY(s, "l_it = -min(rho_it %s, clip(rho_it, %.10g, %.10g) %s)", A, 1 - o->clip.low,
		    1 + o->clip.high, A);
	else if (high)
		SAY(s, "l_it = -min(rho_it %s, min(rho_it, %.10g) %s)", A, 1 + o->clip.high, A);
	else if (low)
		SAY(s, "l_it = -min(rho_it %s, max(rho_it, %.10g) %s)", A, 1 - o->clip.low, A);
	else
		SAY(s, "l_it = -rho_it %s", A);
	if (o->clip.dual > 0)
		SAY(s, "; for %s < 0 at most -%.10g %s", A, o->clip.dual, A);
	if (o->loss.policy == EBB_POLICY_CLIP_COV)
		SAY(s, "; 0 for selected tokens");
	CITE(s, o->loss.policy == EBB_POLICY_CLIP_COV ? "PG 2, EI 2.7" : "PG 2");
	ebb_formula_put(s, "policy term");
}

/* ---- selection by covariance ---- */

static void say_selection(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool clip = o->loss.policy == EBB_POLICY_CLIP_COV;
	const bool token = o->covariance.kind == EBB_COV_TOKEN_BATCH;
	const char *unit = o->covariance.bounds == EBB_BOUNDS_TIMES_MEAN ? " mean(c)" : "";
	const char *than = o->covariance.bounds_closed ? "<=" : "<";
	const bool pool = o->covariance.scope == EBB_SCOPE_ROLLOUT_BATCH;
	const char *of = pool ? "rollout batch's" : has_mask(o) ? "update's kept" : "update's";
	const char *x = o->covariance.response_source == EBB_COV_LOGIT ? "z" : "logp";

	if (!clip && o->loss.policy != EBB_POLICY_KL_COV)
		return;
	if (token)
		SAY(s, "c_it = (logp_it - mean(logp)) (A_it - mean(A)), means over the %s tokens",
		    of);
	else if (o->covariance.kind == EBB_COV_RESPONSE_Z)
		SAY(s,
		    "c_it = A_it (%s_it - mean_i(%s)) / (std_i(%s) + 1e-06), inside a response%s",
		    x, x, x, x[0] == 'z' ? "; z_it: raw logit of the drawn token" : "");
	else
		SAY(s,
		    "c_it = ln(max(logp_it - mean_i(logp), 1e-06)) / (var_i(logp) - mean_i(logp)), "
		    "where it is a number");
	SAY(s, "\nselected: %.10g of the %s tokens%s, ", o->covariance.fraction, of,
	    o->covariance.min_select ? ", one at least" : "");
	if (clip && token)
		SAY(s, "drawn from those the clip does not cut with %.10g%s %s c_it %s %.10g%s",
		    o->covariance.low, unit, than, than, o->covariance.high, unit);
	else
		SAY(s, "those with the largest c_it%s", clip ? " that the clip does not cut" : "");
	CITE(s, "EI 2.3 ");
	ebb_formula_cite(s, "covariance.kind");
	ebb_formula_put(s, "selection");
}

/* ---- token mask ---- */

static void say_mask(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (!has_mask(o))
		return;
	SAY(s, "m_it = 1 for ");
	if (o->token.mask == EBB_TOKEN_TOP_ENTROPY)
		SAY(s,
		    "%.10g of the update's tokens, one at least, those with the highest entropy "
		    "when drawn, else 0",
		    o->token.fraction);
	else
		SAY(s, "tokens whose advantage of the rewards is %s, else 0",
		    o->token.mask == EBB_TOKEN_POSITIVE ? "positive" : "negative");
	if (o->token.denominator == EBB_TOKEN_DEN_KEPT)
		SAY(s, "\nw'_it: w_it with the tokens counted that have m_it = 1");
	CITE(s, o->token.mask == EBB_TOKEN_TOP_ENTROPY ? "arXiv:2506.01939 " : "arXiv:2506.01347 ");
	ebb_formula_cite(s, "token.mask");
	ebb_formula_put(s, "token mask");
}

/* ---- TIS ---- */

static void say_tis(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool whole = o->tis.kind == EBB_TIS_SEQ_TRUNC || o->tis.kind == EBB_TIS_SEQ_MASK;
	const bool mask = o->tis.kind == EBB_TIS_TOKEN_MASK || o->tis.kind == EBB_TIS_SEQ_MASK;
	struct ebb_needs needs;

	if (!has_tis(o))
		return;
	SAY(s, "v_it = %s, ", whole ? "exp(sum_t (old_it - roll_it))" : "exp(old_it - roll_it)");
	if (mask)
		SAY(s, "0 unless it lies in [%.10g, %.10g]", o->tis.min, o->tis.max);
	else if (o->tis.min > 0)
		SAY(s, "kept in [%.10g, %.10g]", o->tis.min, o->tis.max);
	else
		SAY(s, "at most %.10g", o->tis.max);
	if (o->tis.normalise)
		SAY(s, ", divided by its mean over the update's %s",
		    whole ? "responses" : "tokens");
	SAY(s, "; roll: as the sampler drew");
	ebb_objective_needs(o, &needs);
	if (!needs.old_pass)
		SAY(s, ", which is exact here: roll = old");
	CITE(s, "PG 3.6 ");
	ebb_formula_cite(s, "tis.kind");
	ebb_formula_put(s, "correction");
}

/* ---- aggregate ---- */

static const char *sequences(const struct ebb_options *o)
{
	return o->loss.seq_den == EBB_SEQ_DEN_ALL ? "S: responses of the update"
						  : "S: responses of the update with a token";
}

static void say_weight(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const double C = o->loss.constant > 0 ? o->loss.constant : s->limit;

	if (!ebb_formula_has_term(o) && !ebb_formula_kl_in_loss(o) && o->kl_old.coef == 0 &&
	    !(o->critic.model == EBB_CRITIC_SHARED && o->critic.coef > 0) &&
	    !(ebb_weighs_entropy(o) && o->entropy.aggregate == EBB_ENTROPY_LOSS))
		return;
	switch (o->loss.aggregate) {
	case EBB_AGGREGATE_TOKEN_MEAN:
		SAY(s, "w_it = 1 / N; N: response tokens of the update");
		break;
	case EBB_AGGREGATE_GROUP_MEAN_TOKEN_MEAN:
		SAY(s, "w_it = 1 / (P N_g); P: groups of the update with a token, N_g: tokens of "
		       "the group");
		break;
	case EBB_AGGREGATE_SEQ_MEAN_TOKEN_MEAN:
		SAY(s, "w_it = 1 / (S n_i); %s (", sequences(o));
		say_rows(s);
		SAY(s, "), n_i: its tokens");
		break;
	case EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM:
		SAY(s, "w_it = 1 / S; %s (", sequences(o));
		say_rows(s);
		SAY(s, ")");
		break;
	case EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM_NORM:
		SAY(s, "w_it = 1 / (%.10g R); R: responses of the update (", C);
		say_rows(s);
		SAY(s, ")");
		break;
	case EBB_AGGREGATE_TOKEN_SUM_NORM:
		SAY(s, "w_it = 1 / %.10g", C);
		break;
	}
	CITE(s, "PG 3.1 ");
	ebb_formula_cite(s, "loss.aggregate");
	ebb_formula_put(s, "weight");
}

/* ---- entropy and gamma(t) ---- */

static void say_entropy(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool scheduled = o->gamma.kind != EBB_GAMMA_NONE;

	if (!ebb_weighs_entropy(o))
		return;
	SAY(s, "H_it: exact entropy of the next-token distribution%s",
	    o->em.mask == EBB_EM_REFERENCE ? " after token t" : "");
	if (o->em.temperature > 0)
		SAY(s, " at temperature %.10g", o->em.temperature);
	SAY(s, ", nats; ");
	if (o->entropy.aggregate == EBB_ENTROPY_LOSS) {
		SAY(s, "e_it = w_it");
	} else if (o->entropy.aggregate == EBB_ENTROPY_TOKEN_MEAN) {
		SAY(s, "e_it = 1 / N; N: response tokens of the update");
	} else {
		if (!scheduled || o->gamma.normalise == EBB_GAMMA_MEAN_TOKENS)
			SAY(s, "e_it = 1 / (S n_i); ");
		else if (o->gamma.normalise == EBB_GAMMA_SUM)
			SAY(s, "e_it = 1 / S; ");
		else
			SAY(s, "e_it = 1 / (S sum_u gamma_u); ");
		SAY(s, "%s", sequences(o));
	}
	CITE(s, "PG 3.7, EI 1.2");
	if (scheduled && o->entropy.aggregate == EBB_ENTROPY_SEQ_MEAN) {
		CITE(s, "; EI 4.3 ");
		ebb_formula_cite(s, "gamma.normalise");
	}
	ebb_formula_put(s, "entropy");
}

/* The part of its gradient that joins the advantage. */
static void say_score(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const char *gamma = o->gamma.kind == EBB_GAMMA_NONE ? "" : "gamma_u ";
	const char *A = o->entropy.form == EBB_FORM_TIMES_ADVANTAGE ? "A_iu " : "";

	if (!has_score(o))
		return;
	SAY(s, "A_it %s ", o->entropy.form == EBB_FORM_MINIMISE ? "-=" : "+=");
	say_alpha(s);
	SAY(s, "(e_it / %s) (C_it - mean_g(C_t)), inside ratio and clip; ", weight_symbol(o));
	if (o->entropy.grad == EBB_GRAD_SCORE_ONLY)
		SAY(s, "C_it = -sum_{u >= t} %s%sold_iu", A, gamma);
	else
		SAY(s, "C_it = sum_{u > t} %s%sH_iu when drawn", A, gamma);
	SAY(s, ", mean over the group's responses with a token t");
	CITE(s, "EI 4.5 ");
	ebb_formula_cite(s, "entropy.grad");
	ebb_formula_put(s, "entropy score");
}

/* What moves alpha from step to step. */
static void say_control(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const char *h = o->entropy.measure == EBB_MEASURE_FULL
				? "H: mean exact entropy of the step's response tokens"
				: "H: -mean old_it of the step";

	if (!ebb_weighs_entropy(o) || o->entropy.control == EBB_CONTROL_NONE)
		return;
	if (o->entropy.control == EBB_CONTROL_ANNEAL)
		SAY(s, "from %.10g to %.10g over %" PRId64 " steps, %s", o->entropy.coef,
		    o->entropy.min,
		    o->entropy.horizon > 0 ? o->entropy.horizon : (int64_t)o->train.steps,
		    o->entropy.anneal == EBB_ANNEAL_LINEAR ? "in a line" : "along half a cosine");
	else if (o->entropy.control == EBB_CONTROL_BANG_BANG)
		SAY(s,
		    "from %.10g, after each step + %.10g where H < %.10g, else - %.10g, "
		    "inside "
		    "[%.10g, %.10g]; 0 at a step after one with H above\n%s",
		    o->entropy.coef, o->entropy.delta, o->entropy.target, o->entropy.delta,
		    o->entropy.min, o->entropy.max, h);
	else
		SAY(s,
		    "from %.10g, after each step times exp(%.10g (%.10g - H)), inside "
		    "[%.10g, %.10g]\n%s",
		    o->entropy.coef, o->entropy.eta, o->entropy.target, o->entropy.min,
		    o->entropy.max, h);
	CITE(s, o->entropy.control == EBB_CONTROL_ANNEAL ? "EI 4.4" : "EI 1.3");
	ebb_formula_put(s, "alpha");
}

/* The power or the line as a formula of t, a word or in parentheses. */
static void say_decay(struct ebb_formula *s, const char *t)
{
	const struct ebb_options *o = s->o;

	if (o->gamma.half_life > 0)
		SAY(s, "2^(-%s / %.10g)", t, o->gamma.half_life);
	else
		SAY(s, "%.10g^%s", o->gamma.base, t);
}

static void say_line(struct ebb_formula *s, const char *t, int64_t before)
{
	const struct ebb_options *o = s->o;

	SAY(s, "max(0, 1 - %s / ", t);
	if (o->gamma.tmax == EBB_TMAX_LIMIT)
		SAY(s, "%" PRId64 ")", s->limit - before);
	else if (before > 0)
		SAY(s, "(n_i - %" PRId64 "))", before);
	else
		SAY(s, "n_i)");
}

#define GAMMA_SHOWN 8 /* values written out */

static void say_gamma(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const int shown = s->limit < GAMMA_SHOWN ? s->limit : GAMMA_SHOWN;
	char after[48];

	if (!ebb_weighs_entropy(o) || o->gamma.kind == EBB_GAMMA_NONE)
		return;
	snprintf(after, sizeof after, "(t - %" PRId64 ")", o->gamma.k);
	SAY(s, "gamma_t = ");
	switch (o->gamma.kind) {
	case EBB_GAMMA_LINEAR:
		say_line(s, o->gamma.origin ? "t" : "(t - 1)", 0);
		break;
	case EBB_GAMMA_EXP:
		say_decay(s, o->gamma.origin ? "t" : "(t - 1)");
		break;
	case EBB_GAMMA_PIECE_LINEAR:
	case EBB_GAMMA_PIECE_EXP:
		SAY(s, "1 up to t = %" PRId64 ", then ", o->gamma.k);
		if (o->gamma.kind == EBB_GAMMA_PIECE_LINEAR
			    ? o->gamma.tmax == EBB_TMAX_LIMIT && o->gamma.k >= s->limit
			    : o->gamma.base == 0 && o->gamma.half_life == 0)
			SAY(s, "0");
		else if (o->gamma.kind == EBB_GAMMA_PIECE_LINEAR)
			say_line(s, after, o->gamma.k);
		else
			say_decay(s, after);
		break;
	case EBB_GAMMA_NONE:
		break;
	}
	SAY(s, "\nof a response of %d tokens:", s->limit);
	for (int t = 1; t <= shown; t++)
		SAY(s, " %.3g", ebb_gamma(o, t, s->limit, s->limit));
	if (shown < s->limit)
		SAY(s, " ... %.3g", ebb_gamma(o, s->limit, s->limit, s->limit));
	CITE(s, "EI 4.4 ");
	ebb_formula_cite(s, "gamma.kind");
	ebb_formula_put(s, "gamma");
}

void ebb_formula_add(struct ebb_page *page, const struct ebb_options *o, int limit)
{
	struct ebb_formula s = {.o = o, .limit = limit, .page = page};

	say_loss(&s);
	ebb_formula_tree(&s);
	ebb_formula_reward(&s);
	ebb_formula_group(&s);
	if (ebb_formula_has_advantage(o) || (o->info.coef > 0 && o->info.grad != EBB_INFO_REWARD))
		ebb_formula_info(&s);
	if (ebb_formula_has_advantage(o)) {
		ebb_formula_kl_reward(&s, EBB_KL_INSIDE);
		ebb_formula_values(&s);
		ebb_formula_advantage(&s);
		ebb_formula_kl_reward(&s, EBB_KL_OUTSIDE);
	}
	ebb_formula_preference(&s);
	say_ratio(&s);
	say_policy(&s);
	say_mask(&s);
	say_selection(&s);
	say_tis(&s);
	say_weight(&s);
	ebb_formula_shared(&s);
	ebb_formula_kl_loss(&s);
	ebb_formula_kl_old(&s);
	ebb_formula_value_loss(&s);
	say_entropy(&s);
	say_score(&s);
	say_control(&s);
	say_gamma(&s);
}
