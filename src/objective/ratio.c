/* The importance ratio of new to old policy: its level, clamp and floor. PG 2, 7. */
#include "objective/stages.h"

#define SEQUENCE_CLAMP 10.0 /* of a mean log ratio */
#define TOKEN_CLAMP    20.0 /* of the token ratio beside a sequence ratio */

void ebb_ratio_rule_init(struct ebb_ratio_rule *r, const struct ebb_options *o)
{
	const bool mean =
		o->ratio.level == EBB_RATIO_SEQUENCE || o->ratio.level == EBB_RATIO_SEQUENCE_TOKEN;

	r->level = (int)o->ratio.level;
	r->log_clamp = mean ? ebb_min(o->ratio.log_clamp, SEQUENCE_CLAMP) : o->ratio.log_clamp;
	r->token_clamp = o->ratio.level == EBB_RATIO_TOKEN ? o->ratio.log_clamp : TOKEN_CLAMP;
	r->floor = o->ratio.logp_floor;
}
