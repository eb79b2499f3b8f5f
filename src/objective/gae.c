/* Generalised advantage estimation over the tokens of a response, and what the value is fitted to.
 * PG 4.2; Schulman et al., arXiv:1506.02438, equation 16. */
#include "objective/stages.h"

/*
 * delta_t = r_t + discount V_{t+1} - V_t;  A_t = delta_t + discount lambda A_{t+1}. t + 1 is the
 * next token of the mask, so that tokens masked out in the middle are skipped. V after the last
 * token is 0, or, where critic.bootstrap asks for it, the value of the state a truncated response
 * ends in.
 */
static void fill_row(const struct ebb_options *o, const struct ebb_batch *b, const double *reward,
		     double *A, int i)
{
	const double discount = o->advantage.discount, lambda = o->advantage.lambda;
	const bool bootstrap =
		o->critic.bootstrap == EBB_BOOTSTRAP_VALUE && b->truncated && b->truncated[i];
	const size_t at = (size_t)i * b->T;
	double next = bootstrap ? b->value_end[i] : 0.0, carried = 0.0;

	for (int t = b->T - 1; t >= 0; t--) {
		double one_step;

		A[at + t] = 0.0;
		b->target[at + t] = 0.0;
		if (!b->mask[at + t])
			continue;
		one_step = reward[at + t] + discount * next;
		carried = one_step - b->value[at + t] + discount * lambda * carried;
		next = b->value[at + t];
		A[at + t] = carried;
		b->target[at + t] =
			o->critic.target == EBB_CRITIC_TD0 ? one_step : carried + b->value[at + t];
	}
}

void ebb_gae(const struct ebb_options *o, const struct ebb_batch *b, const double *reward,
	     double *A)
{
	if (!b->value || !b->target)
		EBB_BUG("critic.model asks for values, but the batch has none");
	if (o->critic.bootstrap == EBB_BOOTSTRAP_VALUE && b->truncated && !b->value_end)
		EBB_BUG("critic.bootstrap=value needs the values after the last tokens");
	for (int i = 0; i < b->R; i++)
		fill_row(o, b, reward, A, i);
}
