/* The formula's KL penalties: in the reward, in the loss, to the old policy. */
#include "command/formula_stage.h"

void ebb_formula_kl_coef(struct ebb_formula *s)
{
	if (s->o->kl.controller == EBB_KL_ADAPTIVE)
		SAY(s, "beta ");
	else
		ebb_formula_factor(s, s->o->kl.coef);
}

static void say_estimator(struct ebb_formula *s, const char *logp, bool value_only)
{
	const struct ebb_options *o = s->o;

	switch (o->kl.estimator) {
	case EBB_KL_K1:
		SAY(s, "k_it = D_it");
		break;
	case EBB_KL_K2:
		SAY(s, "k_it = D_it^2 / 2");
		break;
	case EBB_KL_ABS:
		SAY(s, "k_it = |D_it|");
		break;
	case EBB_KL_K1_PLUS:
		SAY(s, "k_it = D_it%s", value_only ? "" : ", with the derivative of D_it^2 / 2");
		break;
	case EBB_KL_K3_PLUS:
		SAY(s, "k_it = exp(-D_it) - 1 + D_it%s",
		    value_only ? "" : ", with the derivative of D_it^2 / 2");
		break;
	case EBB_KL_K3_IS:
		SAY(s, "k_it = %sexp(-D_it) - 1 + D_it%s",
		    value_only ? "" : "exp(logp_it - old_it) (", value_only ? "" : ")");
		break;
	case EBB_KL_FULL:
		SAY(s, "k_it = KL(pi || ref), exact over the vocabulary at token t");
		return;
	case EBB_KL_K3:
		SAY(s, "k_it = exp(-D_it) - 1 + D_it");
		break;
	}
	SAY(s, "; D_it = %s_it - ref_it", logp);
	if (o->kl.estimator == EBB_KL_K3 || o->kl.estimator == EBB_KL_K3_PLUS ||
	    o->kl.estimator == EBB_KL_K3_IS)
		SAY(s, ", at most %.10g nats either way inside exp", o->kl.log_clamp);
}

void ebb_formula_reference(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	SAY(s, "\nref: the base policy");
	if (o->ref.every > 0 && o->ref.mix < 1)
		SAY(s, ", every %" PRId64 " steps mixed with the current one, %.10g of it",
		    o->ref.every, o->ref.mix);
	else if (o->ref.every > 0)
		SAY(s, ", replaced by the current one every %" PRId64 " steps", o->ref.every);
}

static void say_reference(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	ebb_formula_reference(s);
	if (o->kl.controller == EBB_KL_ADAPTIVE)
		SAY(s,
		    "\nbeta = %.10g, after a step of R responses with KL a token k: "
		    "beta *= 1 + clip(k / %.10g - 1, -0.2, 0.2) R / %.10g",
		    o->kl.coef, o->kl.target, o->kl.horizon);
}

void ebb_formula_kl_reward(struct ebb_formula *s, enum ebb_kl_reward_group where)
{
	const struct ebb_options *o = s->o;

	const bool critic = o->advantage.center == EBB_CENTER_CRITIC;

	/* a critic takes every token's own penalty, whatever the group */
	if (!ebb_formula_kl_in_reward(o) || (critic ? EBB_KL_INSIDE : o->kl.reward_group) != where)
		return;
	if (critic) {
		SAY(s, "r_it -= ");
		ebb_formula_kl_coef(s);
		SAY(s, "k_it, at every token\n");
	} else if (o->kl.reward_group == EBB_KL_INSIDE) {
		SAY(s, "r_i -= ");
		ebb_formula_kl_coef(s);
		SAY(s, "sum_t k_it, before the group's statistics\n");
	} else {
		SAY(s, "A_it -= ");
		ebb_formula_kl_coef(s);
		SAY(s, "sum_{u >= t} ");
		if (o->advantage.discount < 1)
			SAY(s, "%.10g^(u - t) ", o->advantage.discount);
		SAY(s, "k_iu, after the group's statistics\n");
	}
	say_estimator(s, "old", true);
	say_reference(s);
	CITE(s, "PG 3.4 ");
	ebb_formula_cite(s, "kl.estimator");
	CITE(s, ", reward");
	if (!critic) {
		CITE(s, ", ");
		ebb_formula_cite(s, "kl.reward_group");
	}
	ebb_formula_put(s, "kl in reward");
}

void ebb_formula_kl_loss(struct ebb_formula *s)
{
	if (!ebb_formula_kl_in_loss(s->o))
		return;
	say_estimator(s, "logp", false);
	say_reference(s);
	CITE(s, "PG 3.4 ");
	ebb_formula_cite(s, "kl.estimator");
	ebb_formula_put(s, "kl");
}

void ebb_formula_kl_old(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (!(o->kl_old.coef > 0))
		return;
	SAY(s, "q_it = %s; x_it = logp_it - old_it",
	    o->kl_old.estimator == EBB_KL_OLD_K1 ? "-x_it" : "exp(x_it) - 1 - x_it");
	CITE(s, "PG 3.4 KL(old || new), ");
	ebb_formula_cite(s, "kl_old.estimator");
	ebb_formula_put(s, "kl to old");
}
