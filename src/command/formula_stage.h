/* What the stages of formula.h share, private to formula*.c. */
#ifndef EBB_COMMAND_FORMULA_STAGE_H
#define EBB_COMMAND_FORMULA_STAGE_H

#include <inttypes.h>
#include "command/formula.h"

/* A stage at work: it writes text and cite, then puts them on the page as a line. */
struct ebb_formula {
	const struct ebb_options *o;
	int limit; /* the longest response */
	struct ebb_page *page;
	struct ebb_buf text, cite;
};

#define SAY(s, ...)  ebb_buf_printf(&(s)->text, __VA_ARGS__)
#define CITE(s, ...) ebb_buf_printf(&(s)->cite, __VA_ARGS__)

void ebb_formula_put(struct ebb_formula *s, const char *name);
/* Cite the word that a file would write for this option. */
void ebb_formula_cite(struct ebb_formula *s, const char *key);

static inline bool ebb_formula_kl_in_loss(const struct ebb_options *o)
{
	return o->kl.place == EBB_KL_LOSS && o->kl.coef > 0;
}

static inline bool ebb_formula_kl_in_reward(const struct ebb_options *o)
{
	return o->kl.place == EBB_KL_REWARD && o->kl.coef > 0;
}

static inline bool ebb_formula_injects(const struct ebb_options *o)
{
	return o->advantage.center == EBB_CENTER_STATIC && o->advantage.acc0 == EBB_ACC0_INJECT;
}

/* Do tokens of a response have advantages of their own? */
static inline bool ebb_formula_by_token(const struct ebb_options *o)
{
	return o->advantage.discount < 1 || o->advantage.center == EBB_CENTER_CRITIC ||
	       o->advantage.center == EBB_CENTER_TREE;
}

/* formula_tree.c: where responses branch off; a step's own advantage, behind the group's; whose
 * tokens of a shared step count */
void ebb_formula_tree(struct ebb_formula *s);
void ebb_formula_local(struct ebb_formula *s);
void ebb_formula_shared(struct ebb_formula *s);
static inline bool ebb_formula_pairs(const struct ebb_options *o)
{
	return o->loss.policy == EBB_POLICY_PREFERENCE;
}

/* Does a token have a policy term? */
static inline bool ebb_formula_has_term(const struct ebb_options *o)
{
	return o->loss.policy != EBB_POLICY_NONE && !ebb_formula_pairs(o);
}

/* Does something read advantages? Without a policy term IBRO's entropy term and a critic may. */
static inline bool ebb_formula_has_advantage(const struct ebb_options *o)
{
	return ebb_formula_has_term(o) || o->critic.model != EBB_CRITIC_NONE ||
	       (ebb_weighs_entropy(o) && o->entropy.form == EBB_FORM_TIMES_ADVANTAGE);
}

/* "2 " before a factor that is not 1. */
void ebb_formula_factor(struct ebb_formula *s, double factor);

/* formula_preference.c: the term of the loss, and the lines behind it */
void ebb_formula_pair_loss(struct ebb_formula *s);
void ebb_formula_preference(struct ebb_formula *s);

/* formula_kl.c: the coefficient before a sum, with its blank, and the lines; kl_reward puts one only where
 * kl.reward_group is this. */
void ebb_formula_kl_coef(struct ebb_formula *s);
void ebb_formula_reference(struct ebb_formula *s); /* what ref is, on a line of its own */
void ebb_formula_kl_reward(struct ebb_formula *s, enum ebb_kl_reward_group where);
void ebb_formula_kl_loss(struct ebb_formula *s);
void ebb_formula_kl_old(struct ebb_formula *s);

/* formula_critic.c; gae writes the advantage and leaves the line to its caller */
void ebb_formula_values(struct ebb_formula *s);
void ebb_formula_gae(struct ebb_formula *s);
void ebb_formula_value_loss(struct ebb_formula *s);

/* formula_advantage.c: from the verifier's reward to the advantage */
void ebb_formula_reward(struct ebb_formula *s);
void ebb_formula_group(struct ebb_formula *s);
void ebb_formula_info(struct ebb_formula *s);
void ebb_formula_advantage(struct ebb_formula *s);

#endif
