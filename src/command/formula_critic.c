/* The formula's critic: values, generalised advantages, the value loss. */
#include "command/formula_stage.h"

/* The rewards at the last token; a critic needs no group to compare them in. */
static void say_last(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool info = o->info.coef > 0;

	SAY(s, "r_it: ");
	ebb_formula_factor(s, o->info.external);
	SAY(s, "r_i");
	if (info) {
		SAY(s, " + ");
		ebb_formula_factor(s, o->info.coef);
		SAY(s, "u_i");
	}
	SAY(s, " at the last token, 0 before it");
	if (ebb_formula_kl_in_reward(o) && o->advantage.center != EBB_CENTER_CRITIC) {
		SAY(s, ", less ");
		ebb_formula_kl_coef(s);
		SAY(s, "k_it at every token");
	}
	if (info && o->info.combine == EBB_INFO_GATED)
		SAY(s, "; u only in groups whose r are all equal");
	if (info && o->info.combine == EBB_INFO_GATED_INVERSE)
		SAY(s, "; u only in groups whose r differ");
}

/* r_it + V of the next token */
static void say_one_step(struct ebb_formula *s)
{
	SAY(s, "r_it + ");
	if (s->o->advantage.discount < 1)
		SAY(s, "%.10g ", s->o->advantage.discount);
	SAY(s, "V_i,t+1");
}

static void say_estimate(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const double factor = o->advantage.discount * o->advantage.lambda;

	if (factor == 0)
		SAY(s, "d_it");
	else if (factor == 1)
		SAY(s, "sum_{u >= t} d_iu");
	else
		SAY(s, "sum_{u >= t} %.10g^(u - t) d_iu", factor);
}

void ebb_formula_values(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->critic.model == EBB_CRITIC_NONE)
		return;
	SAY(s,
	    "V_it: %s, of the state before token t, before the step's updates; after the last "
	    "token %s\n",
	    o->critic.model == EBB_CRITIC_SHARED ? "a value head on the policy's trunk"
						 : "a critic with a trunk of its own",
	    o->critic.bootstrap == EBB_BOOTSTRAP_ZERO
		    ? "0"
		    : "0, of a truncated response the value there");
	say_last(s);
	SAY(s, "\nd_it = ");
	say_one_step(s);
	SAY(s, " - V_it");
	CITE(s, "PG 4.2, 3.2");
	ebb_formula_put(s, "values");
}

void ebb_formula_gae(struct ebb_formula *s)
{
	SAY(s, "A_it = ");
	say_estimate(s);
	CITE(s, "PG 4.2 GAE");
}

void ebb_formula_value_loss(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->critic.model == EBB_CRITIC_NONE)
		return;
	if (o->critic.clip > 0)
		SAY(s,
		    "y_it = max((V_it - G_it)^2, (W_it + clip(V_it - W_it, -%.10g, %.10g) - "
		    "G_it)^2) / 2; W_it: V_it before the step's updates",
		    o->critic.clip, o->critic.clip);
	else
		SAY(s, "y_it = (V_it - G_it)^2 / 2");
	SAY(s, "\nG_it = ");
	if (o->critic.target == EBB_CRITIC_TD0) {
		say_one_step(s);
	} else {
		SAY(s, "V_it + ");
		say_estimate(s);
	}
	SAY(s, ", before the step's updates%s",
	    o->advantage.scale == EBB_SCALE_WHITEN ? " and whitening" : "");
	if (o->critic.model == EBB_CRITIC_SEPARATE)
		SAY(s, "\nminimised over the critic alone: sum_it w_it y_it, learning rate %.10g",
		    o->critic.lr);
	CITE(s, "PG 4.2 ");
	ebb_formula_cite(s, "critic.target");
	ebb_formula_put(s, "value loss");
}
