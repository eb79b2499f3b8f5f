/* The formula's lines about trees: where responses branch off, and what their steps are credited with. */
#include "command/formula_stage.h"

static void say_step(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->tree.step_tokens > 0)
		SAY(s, "\na step: %" PRId64 " tokens", o->tree.step_tokens);
	else
		SAY(s, "\na step: up to a separator of the task, a token where it has none");
	if (o->tree.merge_duplicates)
		SAY(s, "; equal ones after one step are the same");
}

/* The score of a node, for the samplers and readings that want it. EI 5.2 */
static void say_score(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	SAY(s, "\nIB = %.10g %s_b((p(s_b)/p(s) - %.10g) conf(s_b)), b: steps that follow s",
	    o->ib.prefactor == EBB_PREFACTOR_BETA ? o->ib.beta : 1 + o->ib.beta,
	    o->ib.child_weight == EBB_CHILD_LEAF ? "mean weighted by responses" : "mean",
	    1 + 1 / o->ib.beta);
}

/* What p and conf mean, once. */
static void say_p(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	SAY(s,
	    "\np(s): mean reward of the responses through s%s; conf(s) = exp(%s of log p over its "
	    "tokens)",
	    o->ib.zero_parent == EBB_ZERO_PARENT_SMOOTH
		    ? ", a quotient by 0 with half a success added to each"
		    : ", a quotient by 0 is 1",
	    o->ib.conf == EBB_CONF_SEQ_PROB ? "sum" : "mean");
}

void ebb_formula_tree(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;
	static const char *const where[] = {
		[EBB_TREE_OFF] = "",
		[EBB_TREE_IB] = "with the largest IB",
		[EBB_TREE_INDEPENDENT] = "",
		[EBB_TREE_RANDOM] = "that chance picks, uniformly",
		[EBB_TREE_ENTROPY] = "with the largest token entropy behind it",
		[EBB_TREE_FIXED_WIDTH] = "with the fewest steps behind it, the shallowest first"};

	if (o->tree.sampler == EBB_TREE_OFF)
		return;
	if (o->tree.sampler == EBB_TREE_INDEPENDENT || o->tree.rounds == 1) {
		SAY(s, "%" PRId64 " responses to a prompt, each from its start", ebb_group_size(o));
	} else {
		SAY(s,
		    "%" PRId64 " responses to a prompt from its start, then %" PRId64
		    " times %" PRId64 " from ",
		    o->tree.b0, o->tree.rounds - 1, o->tree.branch);
		if (o->tree.width == 1)
			SAY(s, "the node %s", where[o->tree.sampler]);
		else
			SAY(s, "each of the %" PRId64 " nodes %s", o->tree.width,
			    where[o->tree.sampler]);
		if (o->tree.max_children > 0)
			SAY(s, ", %" PRId64 " steps behind a node at most", o->tree.max_children);
		SAY(s, ": %" PRId64 " in all", ebb_group_size(o));
	}
	say_step(s);
	say_score(s);
	say_p(s);
	CITE(s, "EI 5.2, 5.3 ");
	ebb_formula_cite(s, "tree.sampler");
	ebb_formula_put(s, "tree");
}

void ebb_formula_local(struct ebb_formula *s)
{
	const struct ebb_options *o = s->o;

	if (o->advantage.center != EBB_CENTER_TREE)
		return;
	if (ebb_local_advantage(o))
		SAY(s, " + %.10g (p(s)/p(parent) - %.10g) conf(s)", o->ib.lambda,
		    1 + 1 / o->ib.beta);
	SAY(s, "\ns: the step of token t; mean_s over the responses through it");
	if (ebb_local_advantage(o))
		SAY(s, "; conf under %s",
		    o->ib.ref == EBB_IB_REF ? "the reference" : "the policy that drew");
}

void ebb_formula_shared(struct ebb_formula *s)
{
	if (s->o->tree.sampler == EBB_TREE_OFF || s->o->ib.shared == EBB_IB_SHARED_PER_TRAJECTORY)
		return;
	SAY(s, "tokens of a step that responses share count in the first of them alone");
	CITE(s, "EI 5.5 ");
	ebb_formula_cite(s, "ib.shared");
	ebb_formula_put(s, "shared steps");
}
