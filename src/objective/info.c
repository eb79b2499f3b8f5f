/* The information reward: log-likelihood of the gold answer given the chain, and how it joins the
 * verifier's reward. EI 4.6. */
#include "objective/stages.h"

static double floored_sum(const double *logp, int n, double floor)
{
	double sum = 0.0;

	for (int j = 0; j < n; j++)
		sum += logp[j] < floor ? floor : logp[j];
	return sum;
}

double ebb_info_reward(const struct ebb_options *o, const double *logp, const double *prior, int n)
{
	double sum;

	if (n < 1)
		EBB_BUG("an answer of %d tokens has no likelihood", n);
	sum = floored_sum(logp, n, o->info.logp_min);
	switch (o->info.norm) {
	case EBB_INFO_MEAN:
		return sum / n;
	case EBB_INFO_SUM:
		return sum;
	case EBB_INFO_PROB:
		return ebb_exp(sum);
	case EBB_INFO_GEO_PROB:
		return ebb_exp(sum / n);
	case EBB_INFO_GAIN_SUM:
	case EBB_INFO_GAIN_MEAN:
		if (!prior)
			EBB_BUG("info.norm=gain_* needs the answer's likelihood without the chain");
		sum -= floored_sum(prior, n, o->info.logp_min);
		return o->info.norm == EBB_INFO_GAIN_MEAN ? sum / n : sum;
	}
	EBB_BUG("info.norm is %d", (int)o->info.norm);
}

double ebb_info_slope(const struct ebb_options *o, const double *logp, int n, double *slope)
{
	const double rho = ebb_info_reward(o, logp, NULL, n);
	double by_sum; /* d rho / d sum */

	switch (o->info.norm) {
	case EBB_INFO_MEAN:
		by_sum = 1.0 / n;
		break;
	case EBB_INFO_SUM:
		by_sum = 1.0;
		break;
	case EBB_INFO_PROB:
		by_sum = rho;
		break;
	case EBB_INFO_GEO_PROB:
		by_sum = rho / n;
		break;
	default:
		EBB_BUG("info.norm is %d", (int)o->info.norm);
	}
	for (int j = 0; j < n; j++)
		slope[j] = logp[j] < o->info.logp_min ? 0.0 : by_sum;
	return rho;
}

void ebb_info_plan_init(struct ebb_info_plan *p, const struct ebb_options *o,
			const struct ebb_batch *b)
{
	p->external = o->info.external;
	p->coef = o->info.grad == EBB_INFO_DIRECT ? 0.0 : o->info.coef;
	if (p->coef > 0.0 && !b->info)
		EBB_BUG("info.coef is %g but the batch has no information rewards", o->info.coef);
	p->before = o->info.combine == EBB_INFO_SUM_THEN_NORM;
}

/* The gated forms add normalised rewards like norm_then_sum: in one sum normalised afterwards the
 * coefficient would cancel in exactly the groups the gate opens for (EI 4.6). */
bool ebb_info_used(const struct ebb_options *o, bool external_differs)
{
	switch (o->info.combine) {
	case EBB_INFO_SUM_THEN_NORM:
	case EBB_INFO_NORM_THEN_SUM:
		return true;
	case EBB_INFO_GATED:
		return !external_differs;
	case EBB_INFO_GATED_INVERSE:
		return external_differs;
	}
	EBB_BUG("info.combine is %d", (int)o->info.combine);
}
