/* Which tokens the policy term sees, and a ratio that is only a weight. */
#include <criterion/criterion.h>
#include <math.h>
#include "support.h"

enum { R = 6, T = 4 };

static double sum_of(const double *x)
{
	double sum = 0.0;

	for (int at = 0; at < R * T; at++)
		sum += x[at];
	return sum;
}

/* By the sign, over all tokens: two halves whose coefficients add up to the whole, at every level of
 * the ratio and under every aggregate. */
Test(unit, positive_and_negative_add_up)
{
	uint32_t seed = 70;

	for (int level = 0; level <= EBB_RATIO_SEQUENCE_SUM; level++)
		for (int agg = 0; agg <= EBB_AGGREGATE_TOKEN_SUM_NORM; agg++)
			for (int policy = 0; policy <= EBB_POLICY_CISPO; policy++) {
				double sum[R * T] = {0};
				struct bench k;

				if (policy == EBB_POLICY_CLIP_COV || policy == EBB_POLICY_KL_COV ||
				    policy == EBB_POLICY_PREFERENCE)
					continue; /* they select among what they see */
				bench_random(&k, R, T, 3, ++seed);
				k.o.ratio.level = (enum ebb_ratio_level)level;
				k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
				k.o.loss.policy = (enum ebb_loss_policy)policy;
				for (int m = EBB_TOKEN_POSITIVE; m <= EBB_TOKEN_NEGATIVE; m++) {
					k.o.token.mask = (enum ebb_token_mask)m;
					bench_weigh(&k, 0);
					for (int at = 0; at < R * T; at++)
						sum[at] += k.w_logp[at];
				}
				k.o.token.mask = EBB_TOKEN_ALL;
				bench_weigh(&k, 0);
				for (int at = 0; at < R * T; at++)
					expect_near(sum[at], k.w_logp[at], 1e-15, 1e-12,
						    "level %d, aggregate %d, policy %d, token %d",
						    level, agg, policy, at);
				cr_expect(isnan(k.s.token_kept));
				bench_release(&k);
			}
}

/* Exactly floor(fraction N) tokens, the highest entropies when drawn, ties to the first; padding that
 * is not-a-number does not count. */
Test(unit, forks)
{
	struct bench k;
	int n = 0, kept = 0;
	double lowest = 1e9, highest = -1e9;

	bench_random(&k, R, T, 3, 5);
	k.o.loss.policy = EBB_POLICY_REINFORCE;
	k.o.token.mask = EBB_TOKEN_TOP_ENTROPY;
	k.o.token.fraction = 0.4;
	for (int at = 0; at < R * T; at++) {
		n += k.mask[at];
		if (!k.mask[at])
			k.drawn_entropy[at] = NAN;
	}
	bench_weigh(&k, 0);
	for (int at = 0; at < R * T; at++) {
		if (!k.mask[at])
			continue;
		if (k.w_logp[at] != 0.0) {
			kept++;
			lowest = fmin(lowest, k.drawn_entropy[at]);
		} else {
			highest = fmax(highest, k.drawn_entropy[at]);
		}
	}
	cr_expect_eq(kept, (int)(0.4 * n));
	cr_expect_gt(lowest, highest);
	expect_near(k.s.token_kept, (double)kept / n, 1e-15, 0, "share");
	/* one at least, and the first of equals */
	k.o.token.fraction = 1e-3;
	for (int at = 0; at < R * T; at++)
		k.drawn_entropy[at] = 1.0;
	bench_weigh(&k, 0);
	expect_near(k.s.token_kept, 1.0 / n, 1e-15, 0, "one");
	cr_expect_neq(k.w_logp[0], 0.0);
	cr_expect_eq(sum_of(k.w_logp), k.w_logp[0]);
	bench_release(&k);
}

/* The mean over the kept tokens: as if the others were not there, while the KL and the entropy term
 * keep their own. */
Test(unit, the_denominator_counts_kept_tokens)
{
	struct bench k;
	double n = 0.0;

	bench_random(&k, R, T, 3, 6);
	k.o.loss.policy = EBB_POLICY_REINFORCE;
	k.o.token.mask = EBB_TOKEN_NEGATIVE;
	k.o.token.denominator = EBB_TOKEN_DEN_KEPT;
	k.o.entropy.coef = 0.1;
	for (int agg = 0; agg <= EBB_AGGREGATE_SEQ_MEAN_TOKEN_MEAN; agg++) {
		k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
		bench_weigh(&k, 0);
		n = 0.0;
		for (int at = 0; at < R * T; at++)
			if (k.mask[at] && k.A[at] < 0.0)
				n += k.w_logp[at] / -k.A[at];
		expect_near(n, 1.0, 1e-14, 0, "weights of aggregate %d", agg);
		expect_near(sum_of(k.w_entropy), -0.1, 1e-15, 0, "the entropy term");
	}
	/* no negative token at all: no gradient, no 0/0 */
	for (int at = 0; at < R * T; at++)
		k.A[at] = fabs(k.A[at]);
	bench_weigh(&k, 0);
	cr_expect_eq(sum_of(k.w_logp), 0.0);
	cr_expect_eq(k.s.pg_loss, 0.0);
	bench_release(&k);
}

/* Clip-Cov and KL-Cov select among the tokens that the mask keeps. */
Test(unit, a_selection_among_kept_tokens)
{
	struct bench k;
	double n = 0.0;

	bench_random(&k, R, T, 3, 8);
	k.o.loss.policy = EBB_POLICY_KL_COV;
	k.o.covariance.fraction = 1.0;
	k.o.token.mask = EBB_TOKEN_POSITIVE;
	bench_weigh(&k, 0);
	for (int at = 0; at < R * T; at++) {
		n += k.mask[at] && k.A[at] > 0.0;
		if (!(k.mask[at] && k.A[at] > 0.0))
			cr_expect_eq(k.w_logp[at], 0.0);
	}
	cr_expect_eq(k.s.cov_candidates, n);
	cr_expect_eq(k.s.cov_positive, 1.0);
	bench_release(&k);
}

/* ---- CISPO ---- */

static double capped(double rho)
{
	return rho < 0.8 ? 0.8 : rho > 1.2 ? 1.2 : rho;
}

/* The coefficient is -w clip(rho) A, inside the limits and beyond, at every level of the ratio. */
Test(unit, cispo)
{
	for (int level = 0; level <= EBB_RATIO_SEQUENCE_SUM; level++) {
		double beyond = 0.0, n = 0.0;
		struct bench k;

		bench_random(&k, R, T, 3, 30u + (uint32_t)level);
		k.o.loss.policy = EBB_POLICY_CISPO;
		k.o.loss.aggregate = EBB_AGGREGATE_TOKEN_MEAN;
		k.o.ratio.level = (enum ebb_ratio_level)level;
		bench_weigh(&k, 0);
		for (int at = 0; at < R * T; at++)
			n += k.mask[at];
		for (int i = 0; i < R; i++) {
			double whole = 0.0;

			for (int t = 0; t < k.length[i]; t++)
				whole += k.logp[i * T + t] - k.old[i * T + t];
			if (level != EBB_RATIO_SEQUENCE_SUM)
				whole /= k.length[i];
			for (int t = 0; t < k.length[i]; t++) {
				const double x = level == EBB_RATIO_TOKEN
							 ? k.logp[i * T + t] - k.old[i * T + t]
							 : whole;

				expect_near(k.w_logp[i * T + t],
					    -capped(exp(x)) * k.A[i * T + t] / n, 1e-15, 1e-12,
					    "level %d, row %d, token %d", level, i, t);
				beyond += capped(exp(x)) != exp(x);
			}
		}
		expect_near(k.s.clip_low + k.s.clip_high, beyond / n, 1e-15, 0, "marks");
		bench_release(&k);
	}
}
