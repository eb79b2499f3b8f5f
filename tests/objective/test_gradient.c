/* dL/dlogp, dL/dH and dL/dKL against central differences of the loss, over the switches of the
 * weighing; inputs lie away from clip edges, where the loss has no derivative. */
#include <criterion/criterion.h>
#include <math.h>
#include "support.h"

#define STEP 1e-6

/* Distance of every ratio from every limit must exceed what a step can move. */
static bool near_an_edge(const struct bench *k)
{
	for (int i = 0; i < k->R; i++) {
		double sum = 0.0;

		for (int t = 0; t < k->length[i]; t++) {
			const double x = k->logp[i * k->T + t] - k->old[i * k->T + t];

			sum += x;
			for (int e = 0; e < 2; e++)
				if (fabs(exp(x) - (e ? 1.2 : 0.8)) < 1e-4)
					return true;
		}
		for (int e = 0; e < 2 && k->length[i] > 0; e++)
			if (fabs(exp(sum) - (e ? 1.2 : 0.8)) < 1e-4 ||
			    fabs(exp(sum / k->length[i]) - (e ? 1.2 : 0.8)) < 1e-4)
				return true;
	}
	return false;
}

static void check_array(struct bench *k, double *x, const double *gradient, const char *what,
			const char *where)
{
	const int n = k->R * k->T;
	double g[64];

	cr_assert_leq(n, 64);
	bench_loss(k);
	for (int i = 0; i < n; i++)
		g[i] = gradient[i];
	for (int i = 0; i < n; i++) {
		const double at = x[i];
		double up, down;

		if (!k->mask[i])
			continue;
		x[i] = at + STEP;
		up = bench_loss(k);
		x[i] = at - STEP;
		down = bench_loss(k);
		x[i] = at;
		expect_near(g[i], (up - down) / (2.0 * STEP), 2e-9, 1e-6, "%s, %s[%d]", where, what,
			    i);
	}
}

static void draw(struct bench *k, uint32_t seed)
{
	bench_random(k, 6, 4, 3, seed);
	for (int more = 1; near_an_edge(k); more++) {
		bench_release(k);
		bench_random(k, 6, 4, 3, seed + 1000u * (uint32_t)more);
	}
	k->mb.kl_coef = 0.1;
}

/* Every ratio level, aggregation, estimator that is differentiated as it stands, and TIS kind. */
Test(grad, central_differences)
{
	static const enum ebb_kl_estimator estimators[] = {EBB_KL_K1,  EBB_KL_K2,    EBB_KL_K3,
							   EBB_KL_ABS, EBB_KL_K3_IS, EBB_KL_FULL};
	uint32_t seed = 0;

	for (int level = 0; level <= EBB_RATIO_SEQUENCE_SUM; level++)
		for (int agg = 0; agg <= EBB_AGGREGATE_TOKEN_SUM_NORM; agg++)
			for (int e = 0; e < 6; e++)
				for (int tis = 0; tis <= EBB_TIS_SEQ_MASK; tis++) {
					struct bench k;
					char where[128];

					if (level == EBB_RATIO_SEQUENCE_TOKEN)
						continue; /* not the derivative of its value */
					draw(&k, ++seed);
					k.o.ratio.level = (enum ebb_ratio_level)level;
					k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
					k.o.kl.place = EBB_KL_LOSS;
					k.o.kl.estimator = estimators[e];
					k.o.tis.kind = (enum ebb_tis_kind)tis;
					k.o.tis.min = 0.9;
					k.o.tis.max = 1.1;
					k.o.kl_old.coef = 0.2;
					k.o.kl_old.estimator =
						(enum ebb_kl_old_estimator)(seed % 2);
					k.o.clip.dual = seed % 3 ? 0.0 : 3.0;
					snprintf(where, sizeof where,
						 "level %d, aggregate %d, estimator %d, tis %d",
						 level, agg, e, tis);
					check_array(&k, k.logp, k.w_logp, "logp", where);
					if (estimators[e] == EBB_KL_FULL)
						check_array(&k, k.kl, k.w_kl, "kl", where);
					bench_release(&k);
				}
}

Test(grad, plain_score_function)
{
	for (int agg = 0; agg <= EBB_AGGREGATE_TOKEN_SUM_NORM; agg++) {
		struct bench k;

		draw(&k, 500u + (uint32_t)agg);
		k.o.loss.policy = EBB_POLICY_REINFORCE;
		k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
		k.o.tis.kind = EBB_TIS_TOKEN_TRUNC;
		check_array(&k, k.logp, k.w_logp, "logp", "score function");
		bench_release(&k);
	}
}

Test(grad, entropy_term)
{
	for (int agg = 0; agg <= EBB_ENTROPY_LOSS; agg++)
		for (int kind = 0; kind <= EBB_GAMMA_PIECE_EXP; kind++)
			for (int norm = 0; norm <= EBB_GAMMA_MEAN_GAMMA; norm++) {
				struct bench k;

				draw(&k, 900u + (uint32_t)kind);
				k.o.entropy.coef = 0.3;
				k.o.entropy.aggregate = (enum ebb_entropy_aggregate)agg;
				k.o.gamma.kind = (enum ebb_gamma_kind)kind;
				k.o.gamma.normalise = (enum ebb_gamma_normalise)norm;
				k.o.gamma.k = 2;
				check_array(&k, k.entropy, k.w_entropy, "entropy", "gamma");
				bench_release(&k);
			}
}

/* Masks and what joins the advantage, through ratio and clip; the entropies of the rollout batch are
 * constants. */
Test(grad, token_masks_and_the_entropy_score)
{
	uint32_t seed = 2000;

	for (int level = 0; level <= EBB_RATIO_SEQUENCE_SUM; level++)
		for (int mask = 0; mask <= EBB_TOKEN_NEGATIVE; mask++)
			for (int grad = 0; grad <= EBB_GRAD_SCORE_ONLY; grad++) {
				struct bench k;
				char where[96];

				if (level == EBB_RATIO_SEQUENCE_TOKEN)
					continue;
				draw(&k, ++seed);
				k.o.ratio.level = (enum ebb_ratio_level)level;
				k.o.token.mask = (enum ebb_token_mask)mask;
				k.o.token.fraction = 0.5;
				k.o.token.denominator = (enum ebb_token_denominator)(seed % 2);
				k.o.entropy.coef = 0.3;
				k.o.entropy.grad = (enum ebb_entropy_grad)grad;
				k.o.gamma.kind = EBB_GAMMA_LINEAR;
				k.o.kl_old.coef = 0.2;
				snprintf(where, sizeof where, "level %d, mask %d, grad %d", level,
					 mask, grad);
				check_array(&k, k.logp, k.w_logp, "logp", where);
				check_array(&k, k.entropy, k.w_entropy, "entropy", where);
				bench_release(&k);
			}
}

/* With limits at 1 the weight of CISPO is constant, and what is left is differentiated as it is. */
Test(grad, cispo)
{
	for (int level = 0; level <= EBB_RATIO_SEQUENCE_SUM; level++) {
		struct bench k;

		draw(&k, 3000u + (uint32_t)level);
		k.o.loss.policy = EBB_POLICY_CISPO;
		k.o.clip.low = k.o.clip.high = 0.0;
		k.o.ratio.level = (enum ebb_ratio_level)level;
		check_array(&k, k.logp, k.w_logp, "logp", "cispo");
		bench_release(&k);
	}
}

/* The token form: value of the sequence form, derivative as if the ratio were the token's own. */
Test(grad, sequence_token_keeps_the_value_and_moves_the_derivative)
{
	struct bench a, b;

	draw(&a, 700);
	draw(&b, 700);
	a.o.ratio.level = EBB_RATIO_SEQUENCE;
	b.o.ratio.level = EBB_RATIO_SEQUENCE_TOKEN;
	bench_weigh(&a, 0);
	bench_weigh(&b, 0);
	cr_expect_eq(a.s.loss, b.s.loss);
	for (int i = 0; i < b.R; i++) {
		double sa = 0.0, sb = 0.0;

		for (int t = 0; t < b.length[i]; t++) {
			sa += a.w_logp[i * a.T + t];
			sb += b.w_logp[i * b.T + t];
			cr_expect_eq(a.w_logp[i * a.T + t], a.w_logp[i * a.T]);
		}
		expect_near(sa, sb, 1e-15, 1e-13, "row %d moves as much in total", i);
	}
	bench_release(&a);
	bench_release(&b);
}

/* Straight-through estimators: value of k1 or k3, derivative of k2. */
Test(grad, straight_through)
{
	const double D = 0.37;

	for (int plus = 0; plus < 2; plus++) {
		const int base = plus ? EBB_KL_K3 : EBB_KL_K1;
		const int own = plus ? EBB_KL_K3_PLUS : EBB_KL_K1_PLUS;

		cr_expect_eq(ebb_kl_term(own, D, 20.0, 1.0, 0).value,
			     ebb_kl_term(base, D, 20.0, 1.0, 0).value);
		cr_expect_eq(ebb_kl_term(own, D, 20.0, 1.0, 0).slope, D);
	}
}

/* Beyond the clamps: the clamped factor is a constant, D itself is not clamped. */
Test(grad, beyond_the_clamps)
{
	const double h = 1e-5;

	for (int e = EBB_KL_K1; e <= EBB_KL_K3_IS; e++) {
		if (e == EBB_KL_K1_PLUS || e == EBB_KL_K3_PLUS)
			continue;
		for (int k = 0; k < 4; k++) {
			/* log ratios to old and reference, each inside or outside its clamp of 2 */
			const double x = k & 1 ? 3.0 : 0.5, D = k & 2 ? -3.0 : 0.7;
			double value[2];
			int stopped;

			for (int s = 0; s < 2; s++) {
				const double d = s ? h : -h, rho = ebb_ratio(x + d, 2.0, &stopped);

				value[s] = ebb_kl_term(e, D + d, 2.0, rho, stopped).value;
			}
			const double rho = ebb_ratio(x, 2.0, &stopped);
			expect_near(ebb_kl_term(e, D, 2.0, rho, stopped).slope,
				    (value[1] - value[0]) / (2.0 * h), 1e-8, 1e-7,
				    "estimator %d, clamps %d", e, k);
		}
	}
	for (int e = EBB_KL_OLD_K1; e <= EBB_KL_OLD_K3; e++)
		for (int k = -1; k <= 1; k++) {
			const double x = 3.0 * k + 0.1;
			double value[2];

			for (int s = 0; s < 2; s++) {
				const double y = x + (s ? h : -h);

				value[s] = ebb_kl_old_term(e, y, ebb_clamp(y, -2.0, 2.0), 0).value;
			}
			expect_near(
				ebb_kl_old_term(e, x, ebb_clamp(x, -2.0, 2.0), fabs(x) > 2.0).slope,
				(value[1] - value[0]) / (2.0 * h), 1e-8, 1e-7, "old %d", e);
		}
}
