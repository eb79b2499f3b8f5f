/* What must hold without any reference file: identities between algorithms and of estimators. PG 2,
 * 3.4, 9. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "support.h"

#define R 12
#define T 6

/* First update after a rollout: the ratio is 1, nothing is clipped, no log ratio is penalised, and
 * with one advantage a response every algorithm that has a ratio moves -A w a token, as the plain
 * score function does. PG 2, EI 2.8. */
Test(unit, every_ratio_has_the_same_first_gradient)
{
	static const enum ebb_loss_policy policy[] = {EBB_POLICY_REINFORCE, EBB_POLICY_CLIP,
						      EBB_POLICY_CISPO, EBB_POLICY_KL_COV,
						      EBB_POLICY_CLIP_COV};
	static const enum ebb_ratio_level level[] = {EBB_RATIO_TOKEN, EBB_RATIO_SEQUENCE,
						     EBB_RATIO_SEQUENCE_TOKEN};

	for (int agg = 0; agg <= EBB_AGGREGATE_TOKEN_SUM_NORM; agg++) {
		double first[R * T];

		for (int p = 0; p < 5; p++)
			for (int l = 0; l < 3; l++) {
				struct bench k;

				bench_random(&k, R, T, 4, 9);
				k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
				k.o.loss.policy = policy[p];
				k.o.ratio.level = level[l];
				k.o.clip.low = 3e-4; /* however narrow */
				k.o.clip.high = 4e-4;
				k.o.covariance.fraction = policy[p] == EBB_POLICY_KL_COV ? 0.3 : 0;
				k.o.covariance.min_select = 0;
				memcpy(k.logp, k.old, sizeof first);
				for (int i = 0; i < R * T; i++)
					k.A[i] = k.mask[i] ? k.A[i - i % T] : 0.0;
				bench_weigh(&k, 0);
				if (p == 0 && l == 0)
					memcpy(first, k.w_logp, sizeof first);
				for (int i = 0; i < R * T; i++)
					expect_near(k.w_logp[i], first[i], 0.0, 1e-14,
						    "aggregate %d, policy %d, level %d, token %d",
						    agg, policy[p], level[l], i);
				cr_expect_eq(k.s.clip_low + k.s.clip_high, 0.0);
				bench_release(&k);
			}
	}
}

/* Rows in exact proportion to p = (4, 2, 1, 1)/8: their mean is the expectation. */
static void expected_pull(enum ebb_kl_estimator estimator, double dz[4])
{
	static const double z[4] = {1.3862943611198906, 0.6931471805599453, 0.0, 0.0};
	static const int token[8] = {0, 0, 0, 0, 1, 1, 2, 3};
	struct head h;
	struct bench k;

	head_forward(&h, z, 4, 1.0);
	bench_init(&k, 8, 1, 1);
	k.o.loss.policy = EBB_POLICY_NONE;
	k.o.kl.place = EBB_KL_LOSS;
	k.o.kl.estimator = estimator;
	k.mb.kl_coef = 1.0;
	for (int i = 0; i < 8; i++) {
		k.mask[i] = 1;
		k.logp[i] = k.old[i] = h.log_p[token[i]];
		k.ref[i] = log(0.1 * (token[i] + 1));
	}
	bench_weigh(&k, 0);
	memset(dz, 0, 4 * sizeof *dz);
	for (int i = 0; i < 8; i++) {
		double row[4];

		head_backward(&h, token[i], k.w_logp[i], 0.0, row);
		for (int v = 0; v < 4; v++)
			dz[v] += row[v];
	}
	bench_release(&k);
}

/* The mean gradient of k1 in the loss is 0, noise apart; k2's is that of KL(pi || ref), with D
 * around its mean; k3's is p - q, that of KL(ref || pi). PG 3.4. */
Test(unit, k1_in_the_loss_pulls_nowhere)
{
	static const double p[4] = {0.5, 0.25, 0.125, 0.125}, q[4] = {0.1, 0.2, 0.3, 0.4};
	double dz[4], kl = 0.0;

	for (int v = 0; v < 4; v++)
		kl += p[v] * log(p[v] / q[v]);
	expected_pull(EBB_KL_K1, dz);
	for (int v = 0; v < 4; v++)
		expect_near(dz[v], 0.0, 1e-15, 0.0, "k1, logit %d", v);
	for (int e = EBB_KL_K1; e <= EBB_KL_K3_IS; e++) {
		if (e == EBB_KL_K1 || e == EBB_KL_ABS)
			continue;
		expected_pull((enum ebb_kl_estimator)e, dz);
		for (int v = 0; v < 4; v++)
			expect_near(dz[v],
				    e == EBB_KL_K3 ? p[v] - q[v] : p[v] * (log(p[v] / q[v]) - kl),
				    1e-14, 1e-13, "estimator %d, logit %d", e, v);
	}
}
