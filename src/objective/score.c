/*
 * The score-function part of the entropy term. EI 4.5: for responses drawn from the policy the
 * gradient of E[sum_t gamma_t H(s_t)] is the mean of the gradients of H at the visited prefixes, and
 * of grad log p(y_u) times C_u, the entropy that follows token u: early tokens decide which prefixes
 * are visited. C_u is a reward-to-go, so that it joins the advantage of token u: divided by the
 * policy term's own weight and multiplied by the entropy term's, it has the latter's unit whatever
 * the two aggregates are. There it goes through ratio and clip like any advantage.
 */
#include "objective/stages.h"

void ebb_score_to_go(const struct ebb_entropy_rule *r, const struct ebb_batch *b, int i,
		     double floor, double *to_go)
{
	const size_t at = (size_t)i * b->T;
	double sum = 0.0;
	int n = ebb_tree_hidden(b, i), ordinal, bad;

	for (int t = 0; t < b->T; t++)
		n += b->mask[at + t] != 0;
	ordinal = n;
	for (int t = b->T - 1; t >= 0; t--) {
		double x;

		to_go[t] = 0.0;
		if (!b->mask[at + t])
			continue;
		/* -log p of the token itself depends on it, H of its own prefix does not */
		x = r->direct ? b->entropy[at + t]
			      : 0.0 - ebb_logp_frozen(b->old[at + t], floor, &bad);
		x *= ebb_gamma_at(&r->gamma, ordinal--, n) *
		     ebb_entropy_sign(r->form, b->advantage[at + t]);
		to_go[t] = r->direct ? sum : sum + x;
		sum += x;
	}
}

/* The baseline is the mean over the responses of the group that have a token at this position. */
void ebb_score_fill(const struct ebb_entropy_rule *r, const struct ebb_batch *b, const int *row,
		    int n, double floor, const struct ebb_score_room *room, const double *w,
		    const double *w_entropy, double *score)
{
	const int T = b->T;

	for (size_t k = 0; k < (size_t)b->n_groups * T; k++)
		room->sum[k] = room->count[k] = 0.0;
	for (int i = 0; i < b->R; i++) {
		ebb_score_to_go(r, b, i, floor, room->to_go);
		for (int t = 0; t < T; t++) {
			const size_t k = (size_t)b->group[i] * T + t;

			if (b->mask[(size_t)i * T + t]) {
				room->sum[k] += room->to_go[t];
				room->count[k] += 1.0;
			}
		}
	}
	for (int i = 0; i < n; i++) {
		const double factor = w[i] > 0.0 ? r->coef * w_entropy[i] / w[i] : 0.0;

		ebb_score_to_go(r, b, row[i], floor, room->to_go);
		for (int t = 0; t < T; t++) {
			const size_t k = (size_t)b->group[row[i]] * T + t;

			score[(size_t)i * T + t] =
				b->mask[(size_t)row[i] * T + t]
					? factor * (room->to_go[t] - room->sum[k] / room->count[k])
					: 0.0;
		}
	}
}
