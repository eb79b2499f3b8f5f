/* The entropy term: gamma(t) and the mean that alpha multiplies. PG 3.7, EI 1.2, 4.3, 4.4. */
#include "objective/stages.h"

void ebb_entropy_rule_init(struct ebb_entropy_rule *r, const struct ebb_options *o, double coef,
			   int limit)
{
	struct ebb_gamma_rule *g = &r->gamma;

	r->coef = coef;
	r->form = (int)o->entropy.form;
	r->direct = o->entropy.grad != EBB_GRAD_SCORE_ONLY;
	g->kind = (int)o->gamma.kind;
	g->own_length = o->gamma.tmax == EBB_TMAX_ACTUAL;
	g->tmax = limit;
	g->k = (int)o->gamma.k;
	g->origin = (int)o->gamma.origin;
	g->base = o->gamma.half_life > 0.0 ? ebb_exp(-0.69314718055994530942 / o->gamma.half_life)
					   : o->gamma.base;
}

double ebb_gamma(const struct ebb_options *o, int ordinal, int limit, int length)
{
	struct ebb_entropy_rule r;

	ebb_entropy_rule_init(&r, o, 0.0, limit);
	return ebb_gamma_at(&r.gamma, ordinal, length);
}

/* gamma.normalise is the divisor of one response in a sequence mean; the token mean and the loss's
 * own weights keep their divisors. Without a schedule the term is the plain bonus. */
double ebb_entropy_weight(const struct ebb_options *o, const struct ebb_entropy_rule *r,
			  const struct ebb_counts *c, int S, double w, int i)
{
	double sum = 0.0;

	if (c->n[i] == 0)
		return 0.0;
	if (o->entropy.aggregate == EBB_ENTROPY_LOSS)
		return w;
	if (o->entropy.aggregate == EBB_ENTROPY_TOKEN_MEAN)
		return 1.0 / (double)c->tokens;
	if (o->gamma.kind == EBB_GAMMA_NONE || o->gamma.normalise == EBB_GAMMA_MEAN_TOKENS)
		return 1.0 / ((double)S * (double)c->n[i]);
	if (o->gamma.normalise == EBB_GAMMA_SUM)
		return 1.0 / (double)S;
	for (int t = 1; t <= c->n[i]; t++)
		sum += ebb_gamma_at(&r->gamma, c->hidden[i] + t, c->hidden[i] + c->n[i]);
	return sum > 0.0 ? 1.0 / ((double)S * sum) : 0.0;
}
