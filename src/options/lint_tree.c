/* The rules of lint.def about trees, in its order. */
#include <inttypes.h>
#include "options/lint_look.h"

static bool grows(const struct ebb_options *o)
{
	return o->tree.sampler != EBB_TREE_OFF && o->tree.sampler != EBB_TREE_INDEPENDENT &&
	       o->tree.rounds > 1;
}

bool ebb_rule_tree_group(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tree.sampler != EBB_TREE_OFF &&
	       ebb_say(l,
		       "tree.sampler=%s draws tree.b0 + (tree.rounds - 1) tree.width tree.branch = "
		       "%" PRId64 " responses a prompt; move these, or set tree.sampler=off",
		       EBB_CHOICE(o, tree, sampler), ebb_tree_group(o));
}

bool ebb_rule_tree_off(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tree.sampler == EBB_TREE_OFF && o->ib.probe == 0 &&
	       ebb_say(l, "tree.sampler=off and ib.probe=0 draw no tree; set tree.sampler, or "
			  "ib.probe to read the score of held-out trees");
}

bool ebb_rule_tree_probe(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tree.sampler == EBB_TREE_OFF && o->ib.probe > 0 &&
	       ebb_say(l,
		       "tree.sampler=off: only the held-out trees of ib.probe=%" PRId64
		       " are drawn and scored so, training is the same; set tree.sampler to train "
		       "on trees",
		       o->ib.probe);
}

bool ebb_rule_tree_one_round(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tree.sampler != EBB_TREE_OFF && o->tree.sampler != EBB_TREE_INDEPENDENT &&
	       o->tree.rounds == 1 &&
	       ebb_say(l, "tree.rounds=1 draws every response from its prompt; take 2 rounds or "
			  "more");
}

bool ebb_rule_tree_independent(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tree.sampler == EBB_TREE_INDEPENDENT && o->ib.probe == 0 &&
	       ebb_say(l, "tree.sampler=independent never branches off; take another sampler");
}

bool ebb_rule_tree_step_long(const struct ebb_options *o, struct ebb_look *l)
{
	const int64_t limit =
		o->sample.max_tokens > 0 ? o->sample.max_tokens : l->facts.response_limit;

	return grows(o) && limit > 0 && o->tree.step_tokens >= limit &&
	       ebb_say(l,
		       "tree.step_tokens=%" PRId64
		       " makes one step of a response of at most %" PRId64
		       " tokens, so every branch begins at the root; lower it, or 0 for the task's "
		       "separators",
		       o->tree.step_tokens, limit);
}

bool ebb_rule_ib_score_unread(const struct ebb_options *o, struct ebb_look *l)
{
	return o->tree.sampler != EBB_TREE_OFF && (!grows(o) || o->tree.sampler != EBB_TREE_IB) &&
	       ebb_say(l,
		       "it moves the readings tree/ib_mean and eval/ib_* alone: tree.sampler=%s "
		       "and "
		       "tree.rounds=%" PRId64 " ask no score; take tree.sampler=ib",
		       EBB_CHOICE(o, tree, sampler), o->tree.rounds);
}

bool ebb_rule_ib_local(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center != EBB_CENTER_TREE &&
	       ebb_say(l,
		       "advantage.center=%s gives a response one advantage; set "
		       "advantage.center=tree",
		       EBB_CHOICE(o, advantage, center));
}

bool ebb_rule_ib_lambda_zero(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center == EBB_CENTER_TREE && o->ib.lambda == 0.0 &&
	       ebb_say(l, "ib.lambda=0; raise ib.lambda or leave it out");
}

bool ebb_rule_ib_lambda_large(const struct ebb_options *o, struct ebb_look *l)
{
	return o->advantage.center == EBB_CENTER_TREE && o->ib.lambda >= 0.5 &&
	       ebb_say(l,
		       "ib.lambda=%g collapsed training in the paper, which takes 0.1: every step "
		       "that tells nothing is pushed down by its confidence; take 0.2 or less",
		       o->ib.lambda);
}

bool ebb_rule_ib_shared(const struct ebb_options *o, struct ebb_look *l)
{
	return o->ib.shared == EBB_IB_SHARED_ONCE && !grows(o) &&
	       (o->tree.sampler == EBB_TREE_OFF || !o->tree.merge_duplicates) &&
	       ebb_say(l,
		       "tree.sampler=%s%s shares no step between responses; take a sampler that "
		       "branches off",
		       EBB_CHOICE(o, tree, sampler),
		       o->tree.sampler != EBB_TREE_OFF && o->tree.rounds == 1 ? " in one round"
									      : "");
}

bool ebb_rule_ib_probe_many(const struct ebb_options *o, struct ebb_look *l)
{
	return o->ib.probe > o->eval.questions &&
	       ebb_say(l,
		       "ib.probe=%" PRId64 " asks for more than eval.questions=%" PRId64
		       ", so it takes these; lower it or raise eval.questions",
		       o->ib.probe, o->eval.questions);
}
