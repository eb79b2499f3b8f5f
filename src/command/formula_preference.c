/* The formula's stages of preferences: pairs, scores, labels. EI 8. */
#include "command/formula_stage.h"

static bool has_regret(const struct ebb_options *o)
{
	return o->preference.method == EBB_PREFERENCE_PPL ||
	       o->preference.method == EBB_PREFERENCE_REPO;
}

void ebb_formula_pair_loss(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const double eps = o->preference.smoothing;

	SAY(s, "mean_cr[ ");
	if (eps > 0)
		SAY(s, "%.10g ln(1 + exp(-x_cr)) + %.10g ln(1 + exp(x_cr))", 1 - eps, eps);
	else
		SAY(s, "ln(1 + exp(-x_cr))");
	if (o->preference.sft > 0) {
		SAY(s, " - ");
		ebb_formula_factor(s, o->preference.sft);
		SAY(s, "mean_t logp_ct");
	}
	SAY(s, " ]");
}

static void say_pairs(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	SAY(s, "c: a response with reward 1, r: one with reward 0, before any shaping, of one "
	       "prompt and both ended; ");
	switch (o->preference.pairing) {
	case EBB_PAIRING_ONE_RANDOM:
		SAY(s, "one pair a prompt, drawn");
		break;
	case EBB_PAIRING_ALL:
		SAY(s, "all pairs, a prompt's together weighing one");
		break;
	case EBB_PAIRING_HARDEST:
		SAY(s, "one pair a prompt, of the least likely c and the likeliest r by mean_t "
		       "logp_it");
		break;
	}
	SAY(s, "; a prompt without both is skipped\nresponses are drawn by ");
	if (o->preference.data[0])
		SAY(s, "the policies %s in turn", o->preference.data);
	else if (o->preference.refresh == 1)
		SAY(s, "the policy itself");
	else if (o->preference.refresh == 0)
		SAY(s, "the base policy");
	else
		SAY(s, "a copy of the policy, taken every %" PRId64 " steps",
		    o->preference.refresh);
	CITE(s, "EI 8.4 ");
	ebb_formula_cite(s, "preference.pairing");
	ebb_formula_put(s, "pairs");
}

/* sum over the suffix of g^(v-t) (label - logp), or its mean */
static void say_suffix(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool mean = o->preference.norm == EBB_NORM_SUFFIX_MEAN;
	const char *range = o->preference.suffix == EBB_SUFFIX_FUTURE_ONLY ? "v > t" : "v >= t";

	SAY(s, " - %s_{%s} ", mean ? "mean" : "sum", range);
	if (o->preference.discount != 1 && !mean)
		SAY(s, "%.10g^(v - t) ", o->preference.discount);
	if (o->preference.label == EBB_LABEL_DIRAC)
		SAY(s, "(-logp_iv)");
	else
		SAY(s, "(%s_iv - logp_iv)", o->preference.label == EBB_LABEL_REF ? "ref" : "mu");
}

static void say_score(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	const bool mean = o->preference.norm == EBB_NORM_SUFFIX_MEAN;

	SAY(s, "x_cr = S_c - ");
	ebb_formula_factor(s, o->preference.lambda);
	SAY(s, "S_r; S_i = ");
	if (o->preference.method == EBB_PREFERENCE_DPO) {
		ebb_formula_factor(s, o->preference.beta);
		SAY(s, "sum_t (logp_it - ref_it)");
	} else if (!has_regret(o)) {
		ebb_formula_factor(s, o->preference.alpha);
		SAY(s, "sum_t logp_it");
	} else {
		ebb_formula_factor(s, o->preference.alpha);
		SAY(s, "%s_t [ logp_it", mean ? "mean" : "sum");
		if (o->preference.c_ref > 0) {
			SAY(s, " - ");
			ebb_formula_factor(s, o->preference.c_ref);
			SAY(s, "ref_it");
		}
		say_suffix(s);
		SAY(s, " ]");
		if (mean && o->preference.discount != 1)
			SAY(s, "; a suffix's mean weighs v by %.10g^(v - t)",
			    o->preference.discount);
		if (o->preference.label == EBB_LABEL_STORED)
			SAY(s, "; mu: under the policy that drew");
	}
	if (ebb_scores_reference(o))
		ebb_formula_reference(s);
	CITE(s, "EI 8.1 ");
	ebb_formula_cite(s, "preference.method");
	ebb_formula_put(s, "score");
}

void ebb_formula_preference(struct ebb_formula *s)
{
	if (!ebb_formula_pairs(s->o))
		return;
	say_pairs(s);
	say_score(s);
}
