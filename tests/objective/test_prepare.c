/* Rewards to advantages: invariances, edge cases of PG 7, and the switches no golden vector has. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "support.h"

static void prepare(struct bench *k, struct ebb_prepare_stats *s)
{
	ebb_objective_shape(&k->o, &k->b);
	ebb_objective_prepare(&k->o, &k->b, k->o.kl.coef, s);
}

/* n rows of one token, all in group 0 unless regrouped. */
static void rewards(struct bench *k, int n, const double *r)
{
	bench_init(k, n, 1, n);
	for (int i = 0; i < n; i++) {
		k->mask[i] = 1;
		k->length[i] = 1;
		k->reward[i] = r[i];
		k->old[i] = -0.5 - 0.1 * i;
		k->roll[i] = k->old[i];
		k->ref[i] = -0.4;
	}
}

Test(unit, a_constant_on_all_rewards_changes_nothing)
{
	const enum ebb_advantage_center centers[] = {EBB_CENTER_GROUP, EBB_CENTER_LOO};

	for (int c = 0; c < 2; c++)
		for (int scale = 0; scale <= EBB_SCALE_WHITEN; scale++) {
			struct bench a, b;

			bench_random(&a, 12, 5, 4, 21);
			bench_random(&b, 12, 5, 4, 21);
			a.o.advantage.center = b.o.advantage.center = centers[c];
			a.o.advantage.scale = b.o.advantage.scale = (enum ebb_advantage_scale)scale;
			for (int i = 0; i < b.R; i++)
				b.reward[i] += 0.25;
			prepare(&a, NULL);
			prepare(&b, NULL);
			for (int i = 0; i < a.R * a.T; i++)
				expect_near(b.A[i], a.A[i], 1e-13, 1e-12, "center %d scale %d [%d]",
					    c, scale, i);
			bench_release(&a);
			bench_release(&b);
		}
}

Test(unit, leave_one_out_is_a_multiple_of_group)
{
	struct bench a, b;

	bench_random(&a, 12, 5, 4, 22);
	bench_random(&b, 12, 5, 4, 22);
	a.o.advantage.scale = b.o.advantage.scale = EBB_SCALE_NONE;
	b.o.advantage.center = EBB_CENTER_LOO;
	prepare(&a, NULL);
	prepare(&b, NULL);
	for (int i = 0; i < a.R * a.T; i++)
		expect_near(b.A[i], a.A[i] * 4.0 / 3.0, 1e-15, 1e-14, "[%d]", i);
	bench_release(&a);
	bench_release(&b);
}

Test(unit, permuted_responses_permute_advantages)
{
	static const int order[] = {7, 2, 0, 11, 4, 9, 1, 3, 10, 6, 5, 8};
	struct bench a, b;

	bench_random(&a, 12, 5, 4, 23);
	bench_random(&b, 12, 5, 4, 23);
	for (int i = 0; i < 12; i++) {
		b.group[i] = a.group[order[i]];
		b.reward[i] = a.reward[order[i]];
		memcpy(b.mask + 5 * i, a.mask + 5 * order[i], 5);
	}
	prepare(&a, NULL);
	prepare(&b, NULL);
	for (int i = 0; i < 12; i++)
		for (int t = 0; t < 5; t++)
			expect_near(b.A[5 * i + t], a.A[5 * order[i] + t], 1e-14, 1e-13, "[%d][%d]",
				    i, t);
	bench_release(&a);
	bench_release(&b);
}

Test(unit, padding_never_enters_an_advantage)
{
	struct bench a, b;
	struct ebb_prepare_stats sa, sb;

	bench_random(&a, 12, 5, 4, 24);
	bench_random(&b, 12, 5, 4, 24);
	a.o.kl.place = b.o.kl.place = EBB_KL_REWARD;
	a.o.advantage.scale = b.o.advantage.scale = EBB_SCALE_WHITEN;
	a.o.info.coef = b.o.info.coef = 0.1;
	for (int i = 0; i < b.R * b.T; i++)
		if (!b.mask[i])
			b.old[i] = b.ref[i] = b.roll[i] = b.A[i] = NAN;
	prepare(&a, &sa);
	prepare(&b, &sb);
	for (int i = 0; i < a.R * a.T; i++) {
		cr_expect_eq(ebb_bits_of_real(a.A[i]), ebb_bits_of_real(b.A[i]));
		cr_expect(a.mask[i] || b.A[i] == 0.0);
	}
	cr_expect_eq(memcmp(&sa, &sb, sizeof sa), 0);
	bench_release(&a);
	bench_release(&b);
}

/* ---- degenerate groups ---- */

/* Sums of equal numbers that are no dyadic fractions do not give the number back. */
Test(unit, equal_rewards_give_exact_zeros)
{
	for (int n = 2; n <= 64; n++)
		for (int c = 0; c < 2; c++) {
			double r[64];
			struct bench k;

			for (int i = 0; i < n; i++)
				r[i] = 0.1 * 7;
			rewards(&k, n, r);
			k.o.advantage.center = c ? EBB_CENTER_LOO : EBB_CENTER_GROUP;
			k.o.advantage.scale = c ? EBB_SCALE_NONE : EBB_SCALE_GROUP_STD;
			k.o.advantage.std_eps = 0.0;
			prepare(&k, NULL);
			for (int i = 0; i < n; i++)
				cr_expect_eq(k.A[i], 0.0, "n = %d: %g", n, k.A[i]);
			bench_release(&k);
		}
}

Test(unit, degenerate_rows_stay_in_the_denominators_and_feel_the_kl)
{
	const double r[] = {1.0, 1.0};
	struct bench k;

	rewards(&k, 2, r);
	k.o.kl.place = EBB_KL_LOSS;
	k.mb.kl_coef = 0.5;
	prepare(&k, NULL);
	k.logp[0] = -1.0;
	k.logp[1] = -0.2;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.pg_loss, 0.0);
	cr_expect_eq(k.s.n_rows, 2.0);
	cr_expect_neq(k.w_logp[0], 0.0);
	bench_release(&k);
}

Test(unit, static_baseline_keeps_the_signal_of_equal_rewards)
{
	const double r[] = {1.0, 1.0, 1.0};
	struct bench k;

	rewards(&k, 3, r);
	k.o.advantage.center = EBB_CENTER_STATIC;
	k.o.advantage.scale = EBB_SCALE_NONE;
	k.baseline[0] = 0.25;
	prepare(&k, NULL);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(k.A[i], 0.75);
	k.baseline[0] = 1.0;
	prepare(&k, NULL);
	cr_expect_eq(k.A[0], 0.0);
	/* a scale that equal rewards do not have, without a floor: nothing rather than noise */
	k.baseline[0] = 0.25;
	k.o.advantage.scale = EBB_SCALE_GROUP_STD;
	prepare(&k, NULL);
	cr_expect_eq(k.A[0], 0.0);
	k.o.advantage.std_floor = 0.5;
	k.o.advantage.std_eps = 0.0;
	prepare(&k, NULL);
	cr_expect_eq(k.A[0], 1.5);
	bench_release(&k);
}

Test(unit, groups_of_one)
{
	const double r[] = {0.7, 0.2};

	for (int raw = 0; raw < 2; raw++) {
		struct bench k;

		rewards(&k, 2, r);
		k.group[1] = 1;
		k.o.advantage.singleton = raw ? EBB_SINGLETON_RAW : EBB_SINGLETON_ZERO;
		prepare(&k, NULL);
		cr_expect_eq(k.A[0], raw ? 0.7 : 0.0);
		k.o.advantage.center = EBB_CENTER_LOO;
		prepare(&k, NULL);
		cr_expect_eq(k.A[1], raw ? 0.2 : 0.0);
		/* legal without group statistics, whatever the switch says */
		k.o.advantage.center = EBB_CENTER_BATCH;
		k.o.advantage.scale = EBB_SCALE_NONE;
		prepare(&k, NULL);
		expect_near(k.A[0], 0.25, 0.0, 1e-15, "batch");
		k.o.advantage.center = EBB_CENTER_NONE;
		prepare(&k, NULL);
		cr_expect_eq(k.A[0], 0.7);
		k.o.advantage.center = EBB_CENTER_STATIC;
		k.baseline[0] = 0.5;
		prepare(&k, NULL);
		expect_near(k.A[0], 0.2, 0.0, 1e-15, "static");
		bench_release(&k);
	}
}

Test(unit, groups_of_two_do_not_see_the_gap)
{
	for (double gap = 0.01; gap < 1.0; gap *= 3.0) {
		const double r[] = {0.5, 0.5 + gap};
		struct bench k;

		rewards(&k, 2, r);
		k.o.advantage.std_eps = 0.0;
		prepare(&k, NULL);
		expect_near(k.A[1], sqrt(0.5), 1e-12, 0.0, "gap %g", gap);
		expect_near(k.A[0], -sqrt(0.5), 1e-12, 0.0, "gap %g", gap);
		bench_release(&k);
	}
}

/* ---- shaping ---- */

Test(unit, truncated_rewards)
{
	const double r[] = {1.0, 1.0};
	struct bench k;

	rewards(&k, 2, r);
	k.truncated[1] = true;
	prepare(&k, NULL);
	cr_expect_eq(k.shaped[1], 1.0);
	k.o.reward.truncated = EBB_TRUNCATED_FIXED;
	k.o.reward.truncated_value = -0.5;
	k.o.reward.scale = EBB_REWARD_PLUS_MINUS_ONE;
	prepare(&k, NULL);
	cr_expect_eq(k.shaped[0], 1.0);
	cr_expect_eq(k.shaped[1], -0.5);
	k.o.reward.truncated = EBB_TRUNCATED_SCALE;
	k.reward[1] = 0.0;
	prepare(&k, NULL);
	cr_expect_eq(k.shaped[1], 0.5);
	/* the soft penalty comes on top, by length and not by mask */
	k.o.overlong.mode = EBB_OVERLONG_SOFT;
	k.o.overlong.max = 20;
	k.o.overlong.cache = 4;
	k.length[1] = 18;
	prepare(&k, NULL);
	cr_expect_eq(k.shaped[1], 0.0);
	/* no soft zone: nothing up to the limit */
	k.o.overlong.cache = 0;
	k.length[1] = 20;
	prepare(&k, NULL);
	cr_expect_eq(k.shaped[1], 0.5);
	k.b.truncated = NULL;
	prepare(&k, NULL);
	cr_expect_eq(k.shaped[1], -1.0);
	bench_release(&k);
}

Test(unit, overlong_filter_in_and_out_of_the_baseline)
{
	const double r[] = {1.0, 0.0, 0.0, 0.0};

	for (int in = 0; in < 2; in++) {
		struct ebb_prepare_stats s;
		struct bench k;

		rewards(&k, 4, r);
		k.truncated[3] = true;
		k.o.overlong.mode = EBB_OVERLONG_FILTER;
		k.o.overlong.in_baseline = in;
		k.o.advantage.scale = EBB_SCALE_NONE;
		prepare(&k, &s);
		expect_near(k.A[0], in ? 0.75 : 2.0 / 3.0, 0.0, 1e-15, "kept");
		cr_expect_eq(k.A[3], 0.0);
		cr_expect_eq(k.mask[3], 0);
		cr_expect_eq(k.mask[2], 1);
		cr_expect_eq(ebb_weigh_tokens(&k.mb), 3);
		bench_release(&k);
	}
	/* reduced to one by filtering */
	const double two[] = {1.0, 0.0};
	struct bench k;

	rewards(&k, 2, two);
	k.truncated[1] = true;
	k.o.overlong.mode = EBB_OVERLONG_FILTER;
	k.o.overlong.in_baseline = false;
	prepare(&k, NULL);
	cr_expect_eq(k.A[0], 0.0);
	bench_release(&k);
}

/* ---- scales and returns ---- */

Test(unit, whitened_advantages_have_mean_zero_and_variance_one)
{
	struct bench k;
	double sum = 0.0, square = 0.0;
	int n = 0;

	bench_random(&k, 12, 5, 4, 25);
	k.o.advantage.center = EBB_CENTER_NONE;
	k.o.advantage.discount = 0.9;
	k.o.advantage.scale = EBB_SCALE_WHITEN;
	prepare(&k, NULL);
	for (int i = 0; i < k.R * k.T; i++)
		if (k.mask[i]) {
			sum += k.A[i];
			square += k.A[i] * k.A[i];
			n++;
		}
	expect_near(sum, 0.0, 1e-12, 0.0, "sum");
	expect_near(square / (n - 1), 1.0, 1e-6, 0.0, "variance");
	bench_release(&k);
}

Test(unit, discounted_returns_minus_the_baseline)
{
	struct bench k;

	bench_init(&k, 2, 3, 1);
	memset(k.mask, 1, 6);
	k.reward[0] = 1.0;
	k.o.advantage.scale = EBB_SCALE_NONE;
	k.o.advantage.discount = 0.5;
	prepare(&k, NULL);
	cr_expect_eq(k.A[0], 0.25 - 0.5);
	cr_expect_eq(k.A[1], 0.0);
	cr_expect_eq(k.A[2], 0.5);
	cr_expect_eq(k.A[3], -0.5);
	k.mask[1] = 0; /* the discount counts response tokens */
	prepare(&k, NULL);
	cr_expect_eq(k.A[0], 0.0);
	cr_expect_eq(k.A[1], 0.0);
	cr_expect_eq(k.A[2], 0.5);
	bench_release(&k);
}

Test(unit, kl_in_the_reward_with_every_estimator)
{
	for (int e = EBB_KL_K1; e <= EBB_KL_K3_IS; e++) {
		const double r[] = {1.0, 0.0};
		struct ebb_prepare_stats s;
		double k0, k1;
		struct bench k;

		rewards(&k, 2, r);
		k.o.kl.place = EBB_KL_REWARD;
		k.o.kl.estimator = (enum ebb_kl_estimator)e;
		k.o.kl.coef = 0.1;
		k.o.advantage.scale = EBB_SCALE_NONE;
		const int value = e == EBB_KL_K1_PLUS                        ? EBB_KL_K1
				  : e == EBB_KL_K3_PLUS || e == EBB_KL_K3_IS ? EBB_KL_K3
									     : e;
		k0 = ebb_kl_term(value, k.old[0] - k.ref[0], 20.0, 1.0, 0).value;
		k1 = ebb_kl_term(value, k.old[1] - k.ref[1], 20.0, 1.0, 0).value;
		prepare(&k, &s);
		expect_near(k.A[0], 0.5 - 0.1 * k0, 1e-15, 1e-14, "outside %d", e);
		expect_near(k.A[1], -0.5 - 0.1 * k1, 1e-15, 1e-14, "outside %d", e);
		expect_near(s.shaped_mean, 0.5 - 0.05 * (k0 + k1), 1e-15, 1e-14, "mean %d", e);
		cr_expect_eq(k.shaped[0], 1.0, "shaped is left alone");
		k.o.kl.reward_group = EBB_KL_INSIDE;
		prepare(&k, NULL);
		expect_near(k.A[0], 0.5 - 0.05 * (k0 - k1), 1e-15, 1e-14, "inside %d", e);
		bench_release(&k);
	}
}

/* ---- information reward ---- */

Test(unit, gated_combinations)
{
	/* group 0: equal verifier rewards, group 1: different ones */
	const double r[] = {0.0, 0.0, 1.0, 0.0}, rho[] = {-1.0, -2.0, -1.0, -3.0};
	const double n = sqrt(0.5); /* of two values */

	for (int inverse = 0; inverse < 2; inverse++) {
		struct ebb_prepare_stats s;
		struct bench k;

		rewards(&k, 4, r);
		k.group[2] = k.group[3] = 1;
		memcpy(k.info, rho, sizeof rho);
		k.o.advantage.std_eps = 0.0;
		k.o.info.coef = 0.3;
		k.o.info.external = 2.0;
		k.o.info.combine = inverse ? EBB_INFO_GATED_INVERSE : EBB_INFO_GATED;
		prepare(&k, &s);
		expect_near(k.A[0], inverse ? 0.0 : 0.3 * n, 1e-15, 1e-14, "equal group");
		expect_near(k.A[2], 2.0 * n + (inverse ? 0.3 * n : 0.0), 1e-15, 1e-14, "other");
		expect_near(s.info_mean, -1.75, 0.0, 1e-15, "mean");
		cr_expect_eq(s.info_only_frac, inverse ? 0.0 : 0.5);
		cr_expect_eq(s.degenerate_frac, 0.5);
		bench_release(&k);
	}
}

Test(unit, information_reward_beside_a_static_baseline)
{
	const double r[] = {1.0, 0.0}, rho[] = {-1.0, -2.0};

	for (int combine = 0; combine < 2; combine++) {
		struct bench k;

		rewards(&k, 2, r);
		memcpy(k.info, rho, sizeof rho);
		k.o.advantage.center = EBB_CENTER_STATIC;
		k.o.advantage.scale = EBB_SCALE_NONE;
		k.o.info.coef = 0.1;
		k.o.info.combine = (enum ebb_info_combine)combine;
		k.baseline[0] = 0.25;
		prepare(&k, NULL);
		expect_near(k.A[0], 0.75 + 0.05, 1e-15, 1e-14, "combine %d", combine);
		expect_near(k.A[1], -0.25 - 0.05, 1e-15, 1e-14, "combine %d", combine);
		bench_release(&k);
	}
}

Test(unit, information_floor_and_gain)
{
	const double logp[] = {-INFINITY, -1.0}, prior[] = {-2.0, -50.0};
	struct ebb_options o;

	options_default(&o);
	expect_near(ebb_info_reward(&o, logp, NULL, 2), -10.5, 0.0, 1e-15, "floored mean");
	o.info.norm = EBB_INFO_GAIN_SUM;
	expect_near(ebb_info_reward(&o, logp, prior, 2), -21.0 + 22.0, 0.0, 1e-15, "gain");
}

Test(unit, total_decides_dynamic_sampling)
{
	const double r[] = {0.0, 0.0, 1.0, 0.0, 1.0, 1.0}, rho[] = {-1, -2, -1, -1, -3, -3};
	/* per combine: which of the three groups differ */
	static const bool want[4][3] = {{true, true, false},
					{true, true, false},
					{true, true, false},
					{false, true, false}};
	bool keep[6];
	struct bench k;

	rewards(&k, 6, r);
	for (int i = 0; i < 6; i++)
		k.group[i] = i / 2;
	memcpy(k.info, rho, sizeof rho);
	k.b.n_groups = 3;
	k.o.dynamic.on = EBB_DYNAMIC_TOTAL;
	k.o.info.coef = 0.1;
	ebb_objective_shape(&k.o, &k.b);
	for (int c = 0; c < 4; c++) {
		k.o.info.combine = (enum ebb_info_combine)c;
		ebb_objective_keep(&k.o, &k.b, keep);
		for (int g = 0; g < 3; g++)
			cr_expect_eq(keep[g], want[c][g], "combine %d, group %d", c, g);
	}
	k.o.info.coef = 0.0; /* no answer pass: the verifier alone */
	k.b.info = NULL;
	ebb_objective_keep(&k.o, &k.b, keep);
	cr_expect(!keep[0] && keep[1] && !keep[2]);
	k.o.dynamic.on = EBB_DYNAMIC_OFF;
	ebb_objective_keep(&k.o, &k.b, keep);
	cr_expect(keep[0] && keep[1] && keep[2]);
	bench_release(&k);
}

/* ---- statistics, needs ---- */

Test(unit, statistics_of_a_batch)
{
	const double r[] = {1.0, 0.0, 1.0, 1.0, 0.0, 0.0};
	struct ebb_prepare_stats s;
	double mean_l = 0.0, cov = 0.0;
	struct bench k;

	rewards(&k, 6, r);
	for (int i = 0; i < 6; i++)
		k.group[i] = i / 2;
	k.b.n_groups = 3;
	k.o.advantage.scale = EBB_SCALE_NONE;
	prepare(&k, &s);
	expect_near(s.degenerate_frac, 2.0 / 3.0, 0.0, 1e-15, "degenerate");
	expect_near(s.degenerate_pred, (0.5 + 1.0 + 1.0) / 3.0, 0.0, 1e-15, "predicted");
	expect_near(s.all_correct_frac, 1.0 / 3.0, 0.0, 1e-15, "right");
	expect_near(s.all_wrong_frac, 1.0 / 3.0, 0.0, 1e-15, "wrong");
	expect_near(s.adv_mean, 0.0, 1e-16, 0.0, "mean");
	expect_near(s.adv_std, sqrt(0.5 / 6.0), 0.0, 1e-14, "std");
	expect_near(s.adv_zero_frac, 4.0 / 6.0, 0.0, 1e-15, "zero");
	cr_expect(isnan(s.info_mean) && isnan(s.info_std) && isnan(s.info_only_frac));
	for (int i = 0; i < 6; i++)
		mean_l += k.old[i] / 6.0;
	for (int i = 0; i < 6; i++)
		cov += (k.old[i] - mean_l) * k.A[i] / 6.0;
	expect_near(s.cov_mean, cov, 1e-16, 1e-13, "covariance");
	cr_expect_eq(ebb_objective_floored(&k.o, &k.b), 0.0);
	bench_release(&k);
}

Test(unit, needs_follow_the_options)
{
	struct ebb_options o;
	struct ebb_needs n;

	options_default(&o);
	ebb_objective_needs(&o, &n);
	cr_expect(!n.ref_logp && !n.exact_kl && !n.answer && !n.answer_prior && !n.greedy &&
		  !n.old_pass && n.reference_samples == 0);
	o.kl.place = EBB_KL_LOSS;
	o.info.coef = 0.1;
	o.info.norm = EBB_INFO_GAIN_MEAN;
	o.advantage.center = EBB_CENTER_STATIC;
	o.sample.top_p = 0.9;
	ebb_objective_needs(&o, &n);
	cr_expect(n.ref_logp && !n.exact_kl && n.answer && n.answer_prior && n.old_pass);
	cr_expect_eq(n.reference_samples, 16);
	o.kl.estimator = EBB_KL_FULL;
	o.advantage.center = EBB_CENTER_GREEDY;
	ebb_objective_needs(&o, &n);
	cr_expect(!n.ref_logp && n.exact_kl && n.greedy && n.reference_samples == 0);
}
