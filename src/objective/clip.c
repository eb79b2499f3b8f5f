/* The policy term: clipped surrogate, plain score function, Clip-Cov, KL-Cov. PG 2, 4.1, EI 2. */
#include "objective/stages.h"

void ebb_clip_rule_init(struct ebb_clip_rule *r, const struct ebb_options *o)
{
	r->policy = (int)o->loss.policy;
	r->low = 1.0 - o->clip.low; /* 0 for low = 1: no ratio lies below */
	r->high = 1.0 + o->clip.high;
	r->dual = o->clip.dual;
	r->penalty = (int)o->covariance.penalty;
	r->penalty_coef = o->covariance.coef;
}
