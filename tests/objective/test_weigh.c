/* Properties of the weighing that hold for any input, and the edge cases of PG 7. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "support.h"

/* Options that make every term of the loss work at once. */
static void everything(struct ebb_options *o)
{
	o->kl.place = EBB_KL_LOSS;
	o->kl_old.coef = 0.3;
	o->entropy.coef = 0.02;
	o->entropy.aggregate = EBB_ENTROPY_SEQ_MEAN;
	o->gamma.kind = EBB_GAMMA_EXP;
	o->tis.kind = EBB_TIS_TOKEN_TRUNC;
	o->tis.normalise = true;
	o->clip.dual = 3.0;
}

static void all_on(struct bench *k)
{
	everything(&k->o);
	k->mb.kl_coef = 0.1;
}

#define LEVELS 4
static const enum ebb_ratio_level levels[LEVELS] = {
	EBB_RATIO_TOKEN, EBB_RATIO_SEQUENCE, EBB_RATIO_SEQUENCE_TOKEN, EBB_RATIO_SEQUENCE_SUM};

static void expect_same_bits(const double *a, const double *b, int n, const char *what)
{
	for (int i = 0; i < n; i++)
		cr_expect_eq(ebb_bits_of_real(a[i]), ebb_bits_of_real(b[i]),
			     "%s[%d]: %.17g and %.17g", what, i, a[i], b[i]);
}

static void expect_same(const struct bench *a, const struct bench *b)
{
	const int n = a->R * a->T;

	expect_same_bits(a->w_logp, b->w_logp, n, "w_logp");
	expect_same_bits(a->w_entropy, b->w_entropy, n, "w_entropy");
	expect_same_bits(a->w_kl, b->w_kl, n, "w_kl");
	expect_same_bits((const double *)&a->s, (const double *)&b->s,
			 (int)(sizeof a->s / sizeof(double)), "stats");
}

Test(unit, padding_is_never_read)
{
	for (int l = 0; l < LEVELS; l++) {
		struct bench a, b;

		bench_random(&a, 12, 7, 4, 5);
		bench_random(&b, 12, 7, 4, 5);
		all_on(&a);
		all_on(&b);
		a.o.ratio.level = b.o.ratio.level = levels[l];
		for (int i = 0; i < b.R * b.T; i++)
			if (!b.mask[i])
				b.logp[i] = b.old[i] = b.roll[i] = b.ref[i] = b.A[i] =
					b.entropy[i] = b.kl[i] = NAN;
		bench_weigh(&a, 0);
		bench_weigh(&b, 0);
		cr_expect(isfinite(a.s.loss));
		expect_same(&a, &b);
		for (int i = 0; i < b.R * b.T; i++)
			if (!b.mask[i])
				cr_expect(b.w_logp[i] == 0.0 && b.w_entropy[i] == 0.0);
		bench_release(&a);
		bench_release(&b);
	}
}

Test(unit, any_cut_of_the_rows_gives_the_same_bits)
{
	for (int l = 0; l < LEVELS; l++) {
		struct bench a, b;

		bench_random(&a, 13, 6, 4, 6);
		bench_random(&b, 13, 6, 4, 6);
		all_on(&a);
		all_on(&b);
		a.o.ratio.level = b.o.ratio.level = levels[l];
		bench_weigh(&a, 0);
		for (int cut = 1; cut <= 5; cut++) {
			bench_weigh(&b, cut);
			expect_same(&a, &b);
		}
		/* backwards, row by row */
		cr_assert_eq(ebb_weigh_begin(&b.mb, NULL), 0);
		for (int i = b.R - 1; i >= 0; i--)
			ebb_weigh_rows(&b.mb, i, 1);
		ebb_weigh_finish(&b.mb, &b.s);
		expect_same(&a, &b);
		bench_release(&a);
		bench_release(&b);
	}
}

Test(unit, permuted_rows_permute_the_results)
{
	static const int order[] = {7, 2, 0, 11, 4, 9, 1, 3, 10, 6, 5, 8};
	struct bench a, b;

	bench_random(&a, 12, 5, 4, 7);
	bench_random(&b, 12, 5, 4, 7);
	all_on(&a);
	all_on(&b);
	a.o.tis.normalise = b.o.tis.normalise = false; /* its mean is summed in row order */
	a.o.loss.aggregate = b.o.loss.aggregate = EBB_AGGREGATE_GROUP_MEAN_TOKEN_MEAN;
	for (int i = 0; i < 12; i++) {
		b.row[i] = order[i];
		memcpy(b.logp + 5 * i, a.logp + 5 * order[i], 5 * sizeof(double));
		memcpy(b.entropy + 5 * i, a.entropy + 5 * order[i], 5 * sizeof(double));
	}
	bench_weigh(&a, 0);
	bench_weigh(&b, 0);
	for (int i = 0; i < 12; i++) {
		expect_same_bits(b.w_logp + 5 * i, a.w_logp + 5 * order[i], 5, "w_logp");
		expect_same_bits(b.w_entropy + 5 * i, a.w_entropy + 5 * order[i], 5, "w_entropy");
	}
	expect_near(b.s.loss, a.s.loss, 1e-15, 1e-14, "loss");
	bench_release(&a);
	bench_release(&b);
}

Test(unit, a_part_of_the_batch_and_a_wide_stride)
{
	struct bench a;
	double w[2 * 9], logp[2 * 9];

	bench_random(&a, 12, 5, 4, 8);
	for (int i = 0; i < 18; i++)
		w[i] = logp[i] = NAN;
	a.row[0] = 6;
	a.row[1] = 1;
	for (int i = 0; i < 2; i++)
		memcpy(logp + 9 * i, a.logp + 5 * a.row[i], 5 * sizeof(double));
	a.mb.n = 2;
	a.mb.stride = 9;
	a.mb.logp = logp;
	a.mb.w_logp = w;
	a.mb.entropy = a.mb.kl = NULL;
	a.mb.w_entropy = a.mb.w_kl = NULL;
	bench_weigh(&a, 0);
	cr_expect_eq(a.s.n_tokens, a.length[6] + a.length[1]);
	cr_expect_eq(ebb_weigh_tokens(&a.mb), a.length[6] + a.length[1]);
	for (int i = 0; i < 2; i++)
		for (int t = a.length[a.row[i]]; t < 9; t++)
			cr_expect_eq(w[9 * i + t], 0.0);
	cr_expect(isnan(a.s.entropy_mean));
	bench_release(&a);
}

Test(unit, on_policy_gradient_is_minus_advantage_times_weight)
{
	for (int l = 0; l < LEVELS; l++) {
		struct bench k;

		bench_random(&k, 12, 6, 4, 9);
		k.o.ratio.level = levels[l];
		memcpy(k.logp, k.old, (size_t)k.R * k.T * sizeof(double));
		for (int i = 0; i < k.R; i++)
			for (int t = 0; t < k.length[i]; t++)
				k.A[i * k.T + t] = k.A[i * k.T]; /* one advantage a response */
		bench_weigh(&k, 0);
		for (int i = 0; i < k.R; i++)
			for (int t = 0; t < k.length[i]; t++) {
				double w = 1.0 / (k.s.n_rows * k.length[i]);

				if (levels[l] == EBB_RATIO_SEQUENCE_SUM)
					w *= k.length[i]; /* every token moves the whole product */
				expect_near(k.w_logp[i * k.T + t], -k.A[i * k.T + t] * w, 0.0,
					    1e-14, "level %d, row %d", l, i);
			}
		cr_expect_eq(k.s.ratio_max, 1.0);
		cr_expect_eq(k.s.ratio_min, 1.0);
		cr_expect_eq(k.s.clip_low + k.s.clip_high + k.s.clip_sequence, 0.0);
		cr_expect_eq(k.s.ppo_kl, 0.0);
		cr_expect_eq(k.s.ppo_kl_k3, 0.0);
		bench_release(&k);
	}
}

Test(unit, sequence_ratio_of_one_token_is_the_token_ratio)
{
	struct bench a, b;

	bench_random(&a, 12, 1, 4, 10);
	bench_random(&b, 12, 1, 4, 10);
	b.o.ratio.level = EBB_RATIO_SEQUENCE;
	bench_weigh(&a, 0);
	bench_weigh(&b, 0);
	expect_same(&a, &b);
	b.o.ratio.level = EBB_RATIO_SEQUENCE_TOKEN;
	bench_weigh(&b, 0);
	expect_same(&a, &b);
	bench_release(&a);
	bench_release(&b);
}

Test(unit, no_schedule_is_the_plain_bonus)
{
	for (int agg = EBB_ENTROPY_TOKEN_MEAN; agg <= EBB_ENTROPY_LOSS; agg++)
		for (int norm = EBB_GAMMA_MEAN_TOKENS; norm <= EBB_GAMMA_MEAN_GAMMA; norm++) {
			struct bench a, b;

			bench_random(&a, 12, 6, 4, 11);
			bench_random(&b, 12, 6, 4, 11);
			a.o.entropy.coef = b.o.entropy.coef = 0.01;
			a.o.entropy.aggregate = b.o.entropy.aggregate =
				(enum ebb_entropy_aggregate)agg;
			/* everything about gamma and information set, but both switched off */
			b.o.gamma.normalise = (enum ebb_gamma_normalise)norm;
			b.o.gamma.tmax = EBB_TMAX_ACTUAL;
			b.o.gamma.half_life = 2.0;
			b.o.gamma.origin = 0;
			b.o.info.coef = 0.0;
			for (int side = 0; side < 2; side++) {
				struct bench *k = side ? &b : &a;

				ebb_objective_shape(&k->o, &k->b);
				ebb_objective_prepare(&k->o, &k->b, 0.0, NULL);
				bench_weigh(k, 0);
			}
			expect_same(&a, &b);
			cr_expect_neq(a.s.entropy_loss, 0.0);
			bench_release(&a);
			bench_release(&b);
		}
}

/* ---- masks, ordinals ---- */

Test(unit, the_mask_alone_decides)
{
	struct bench k;

	bench_init(&k, 1, 6, 1);
	for (int t = 0; t < 6; t++) {
		k.mask[t] = t != 1 && t != 2;
		k.A[t] = 1.0;
		k.entropy[t] = 1.0;
		k.logp[t] = k.old[t] = k.mask[t] ? -1.0 : NAN;
	}
	k.length[0] = 99; /* informational */
	k.b.ref = NULL;
	k.o.entropy.coef = 1.0;
	k.o.entropy.aggregate = EBB_ENTROPY_TOKEN_MEAN;
	k.o.gamma.kind = EBB_GAMMA_LINEAR;
	k.o.gamma.tmax = EBB_TMAX_ACTUAL;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.n_tokens, 4.0);
	/* ordinals 1, 2, 3, 4 of 4 */
	cr_expect_eq(k.w_entropy[0], -0.75 / 4);
	cr_expect_eq(k.w_entropy[1], 0.0);
	cr_expect_eq(k.w_entropy[3], -0.5 / 4);
	cr_expect_eq(k.w_entropy[4], -0.25 / 4);
	cr_expect_eq(k.w_entropy[5], 0.0);
	cr_expect_eq(k.w_logp[1], 0.0);
	cr_expect_eq(k.w_logp[3], -0.25);
	bench_release(&k);
}

/* ---- edge cases, PG 7 ---- */

/* Two rows of three tokens, ratio 1 everywhere, A = 1 and -1. */
static void edge(struct bench *k)
{
	bench_init(k, 2, 3, 1);
	for (int i = 0; i < 6; i++) {
		k->mask[i] = 1;
		k->A[i] = i < 3 ? 1.0 : -1.0;
		k->logp[i] = k->old[i] = k->roll[i] = k->ref[i] = -1.0;
		k->entropy[i] = 0.5;
	}
	k->o.loss.aggregate = EBB_AGGREGATE_TOKEN_MEAN;
}

Test(unit, empty_row)
{
	struct bench k;

	edge(&k);
	memset(k.mask + 3, 0, 3);
	k.o.loss.aggregate = EBB_AGGREGATE_SEQ_MEAN_TOKEN_MEAN;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.n_rows, 1.0);
	expect_near(k.w_logp[0], -1.0 / 3.0, 0.0, 1e-15, "the other row");
	cr_expect_eq(k.w_logp[3], 0.0);
	k.o.loss.seq_den = EBB_SEQ_DEN_ALL;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.n_rows, 2.0);
	expect_near(k.w_logp[0], -1.0 / 6.0, 0.0, 1e-15, "the other row");
	bench_release(&k);
}

Test(unit, whole_minibatch_empty)
{
	for (int agg = 0; agg <= EBB_AGGREGATE_TOKEN_SUM_NORM; agg++) {
		struct bench k;

		edge(&k);
		all_on(&k);
		k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
		memset(k.mask, 0, 6);
		for (int i = 0; i < 6; i++)
			k.logp[i] = NAN;
		cr_expect_eq(ebb_weigh_tokens(&k.mb), 0);
		bench_weigh(&k, 0);
		cr_expect_eq(k.s.loss, 0.0);
		cr_expect_eq(k.s.pg_loss, 0.0);
		cr_expect_eq(k.s.kl_loss, 0.0);
		cr_expect_eq(k.s.entropy_loss, 0.0);
		cr_expect_eq(k.s.clip_low + k.s.clip_high + k.s.clip_sequence, 0.0);
		for (int i = 0; i < 6; i++)
			cr_expect(k.w_logp[i] == 0.0 && k.w_entropy[i] == 0.0);
		k.mb.n = 0;
		bench_weigh(&k, 0);
		cr_expect_eq(k.s.loss, 0.0);
		bench_release(&k);
	}
}

Test(unit, new_logp_minus_infinity)
{
	const double floor = -100.0;

	for (int l = 0; l < LEVELS; l++)
		for (int plain = 0; plain < 2; plain++) {
			struct bench k;

			edge(&k);
			k.o.ratio.level = levels[l];
			k.o.kl.place = EBB_KL_LOSS;
			k.o.kl.estimator = EBB_KL_K2;
			k.mb.kl_coef = 0.1;
			k.o.loss.policy = plain ? EBB_POLICY_REINFORCE : EBB_POLICY_CLIP;
			k.logp[4] = -INFINITY;
			bench_weigh(&k, 0);
			cr_expect_eq(k.s.logp_floored, 1.0);
			cr_expect_eq(k.w_logp[4], 0.0);
			cr_expect(isfinite(k.s.loss));
			expect_near(k.s.neg_logp_mean, (5.0 - floor) / 6.0, 0.0, 1e-14, "floored");
			bench_release(&k);
		}
}

Test(unit, frozen_logp_not_a_number)
{
	struct bench k;
	double lost;

	edge(&k);
	k.old[0] = NAN;
	k.roll[1] = -INFINITY;
	k.roll[0] = NAN; /* the same token: one data error */
	k.o.tis.kind = EBB_TIS_TOKEN_TRUNC;
	ebb_objective_shape(&k.o, &k.b);
	lost = ebb_objective_floored(&k.o, &k.b);
	ebb_objective_prepare(&k.o, &k.b, 0.0, NULL);
	expect_near(lost, 2.0 / 6.0, 0.0, 1e-15, "share");
	cr_expect_gt(lost, EBB_FLOORED_MAX);
	for (int i = 0; i < 6; i++)
		k.A[i] = i < 3 ? 1.0 : -1.0;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.old_floored, 2.0);
	cr_expect_eq(k.s.log_ratio_clamped, 1.0);
	cr_expect_eq(k.w_logp[0], 0.0);
	cr_expect(isfinite(k.s.loss));
	bench_release(&k);
}

Test(unit, reference_minus_infinity)
{
	struct bench k;

	edge(&k);
	k.o.kl.place = EBB_KL_LOSS;
	k.mb.kl_coef = 1.0;
	for (int i = 0; i < 6; i++)
		k.A[i] = 0.0;
	k.ref[2] = -INFINITY;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.ref_floored, 1.0);
	cr_expect_eq(k.s.kl_log_clamped, 1.0);
	cr_expect_eq(k.s.logp_floored, 0.0);
	cr_expect_eq(k.w_logp[2], 0.0);
	cr_expect(isfinite(k.s.loss));
	cr_expect_gt(k.s.loss, 0.0);
	bench_release(&k);
}

/* Each input in turn; whatever reads it must not hide it. */
Test(unit, any_other_nan_reaches_the_loss)
{
	for (int l = 0; l < LEVELS; l++)
		for (int what = 0; what < 5; what++) {
			struct bench k;

			edge(&k);
			k.o.ratio.level = levels[l];
			k.o.kl.place = EBB_KL_LOSS;
			k.mb.kl_coef = 0.1;
			k.o.entropy.coef = 0.01;
			switch (what) {
			case 0:
				k.logp[4] = NAN;
				break;
			case 1:
				k.logp[4] = INFINITY;
				break;
			case 2:
				k.ref[4] = NAN;
				break;
			case 3:
				k.entropy[4] = NAN;
				break;
			case 4:
				k.A[4] = NAN;
				break;
			}
			bench_weigh(&k, 0);
			cr_expect(!isfinite(k.s.loss), "level %d, input %d: loss %g", l, what,
				  k.s.loss);
			bench_release(&k);
		}
	/* an advantage of 0 does not cover it up */
	struct bench k;

	edge(&k);
	k.A[4] = 0.0;
	k.logp[4] = NAN;
	bench_weigh(&k, 0);
	cr_expect(!isfinite(k.s.loss));
	k.o.loss.policy = EBB_POLICY_REINFORCE;
	bench_weigh(&k, 0);
	cr_expect(!isfinite(k.s.loss));
	bench_release(&k);
}

Test(unit, ratio_overflow)
{
	struct bench k;

	edge(&k);
	k.old[0] = -90.0; /* x = 89, A > 0: clipped */
	k.old[3] = -90.0; /* x = 89, A < 0: the value is huge, the gradient 0 */
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.log_ratio_clamped, 2.0);
	expect_near(k.s.ratio_max, exp(20.0), 0.0, 1e-14, "ratio");
	expect_near(k.s.log_ratio_abs_max, 89.0, 0.0, 1e-14, "log ratio");
	cr_expect_gt(k.s.pg_loss, 1e7);
	cr_expect_eq(k.w_logp[0], 0.0);
	cr_expect_eq(k.w_logp[3], 0.0);
	k.o.clip.dual = 3.0;
	bench_weigh(&k, 0);
	cr_expect_lt(k.s.pg_loss, 1.0);
	expect_near(k.s.clip_dual, 1.0 / 6.0, 0.0, 1e-15, "dual");
	bench_release(&k);
}

Test(unit, advantage_of_zero)
{
	struct bench k;

	edge(&k);
	for (int i = 0; i < 6; i++) {
		k.A[i] = 0.0;
		k.logp[i] = i % 2 ? -0.1 : -3.0;
	}
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.loss, 0.0);
	cr_expect_eq(k.s.clip_low + k.s.clip_high + k.s.clip_dual + k.s.clip_sequence, 0.0);
	cr_expect_eq(k.s.adv_zero_frac, 1.0);
	for (int i = 0; i < 6; i++)
		cr_expect_eq(ebb_bits_of_real(k.w_logp[i]), 0u, "+0, not %g", k.w_logp[i]);
	bench_release(&k);
}

Test(unit, gradient_passes_on_the_limit_itself)
{
	const struct ebb_clip_rule r = {.low = 0.8, .high = 1.2, .dual = 3.0};
	unsigned mark;

	cr_expect_eq(ebb_surrogate(&r, 1.2, 2.0, &mark).slope, -2.4);
	cr_expect_eq(mark, 0u);
	cr_expect_eq(ebb_surrogate(&r, 0.8, -2.0, &mark).slope, 1.6);
	cr_expect_eq(ebb_surrogate(&r, 3.0, -2.0, &mark).slope, 6.0);
	cr_expect_eq(ebb_surrogate(&r, nextafter(1.2, 2.0), 2.0, &mark).slope, 0.0);
	cr_expect_eq(mark, EBB_MARK_HIGH);
	cr_expect_eq(ebb_surrogate(&r, 0.1, 2.0, &mark).slope, -0.2, "no lower limit for A > 0");
	cr_expect_eq(ebb_surrogate(&r, nextafter(3.0, 4.0), -2.0, &mark).slope, 0.0);
	cr_expect_eq(mark, EBB_MARK_DUAL);
}

Test(unit, no_limits)
{
	struct ebb_clip_rule r;
	struct ebb_options o;
	unsigned mark;

	options_default(&o);
	o.clip.low = 1.0;
	o.clip.high = INFINITY;
	ebb_clip_rule_init(&r, &o);
	cr_expect_neq(ebb_surrogate(&r, 1e8, 1.0, &mark).slope, 0.0);
	cr_expect_neq(ebb_surrogate(&r, 1e-8, -1.0, &mark).slope, 0.0);
}

Test(unit, clipped_rows_and_probabilities)
{
	struct bench k;

	edge(&k);
	k.logp[1] = -0.5; /* ratio 1.65 with A > 0 */
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.clip_sequence, 0.5);
	expect_near(k.s.clip_high, 1.0 / 6.0, 0.0, 1e-15, "high");
	expect_near(k.s.clip_high_prob, exp(-0.5), 0.0, 1e-14, "probability");
	k.logp[1] = -1.0;
	bench_weigh(&k, 0);
	cr_expect(isnan(k.s.clip_high_prob));
	bench_release(&k);
}

/* ---- truncated importance sampling ---- */

Test(unit, tis_of_sequences_is_normalised_over_rows)
{
	struct bench k;

	edge(&k);
	memset(k.mask + 4, 0, 2);
	k.roll[0] = -1.5; /* row 0: exp(0.5); row 1: 1 */
	k.o.tis.kind = EBB_TIS_SEQ_TRUNC;
	k.o.tis.normalise = true;
	bench_weigh(&k, 0);
	const double m = (exp(0.5) + 1.0) / 2.0;
	expect_near(k.s.tis_max, exp(0.5) / m, 0.0, 1e-14, "largest");
	expect_near(k.s.tis_mean, (3.0 * exp(0.5) + 1.0) / (4.0 * m), 0.0, 1e-14, "over tokens");
	k.b.roll = NULL; /* the sampler is exact */
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.tis_mean, 1.0);
	cr_expect_eq(k.s.tis_ess, 1.0);
	k.o.tis.kind = EBB_TIS_TOKEN_MASK;
	k.o.tis.min = 1.5; /* masks everything: no policy term, no division by its mean */
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.pg_loss, 0.0);
	bench_release(&k);
}

/* ---- exact KL ---- */

Test(unit, full_kl_goes_through_its_own_coefficient)
{
	struct bench k;

	bench_random(&k, 12, 6, 4, 13);
	k.b.ref = NULL;
	k.o.kl.place = EBB_KL_LOSS;
	k.o.kl.estimator = EBB_KL_FULL;
	k.mb.kl_coef = 0.1;
	bench_weigh(&k, 0);
	double want = 0.0;

	for (int i = 0; i < k.R; i++)
		for (int t = 0; t < k.length[i]; t++) {
			const double w = 1.0 / (k.s.n_rows * k.length[i]);

			want += w * k.kl[i * k.T + t];
			expect_near(k.w_kl[i * k.T + t], 0.1 * w, 0.0, 1e-15, "w_kl");
		}
	expect_near(k.s.kl_loss, want, 0.0, 1e-13, "kl");
	expect_near(k.s.loss, k.s.pg_loss + 0.1 * want, 1e-15, 1e-13, "loss");
	cr_expect(isnan(k.s.kl_ref_k1));
	bench_release(&k);
}

/* ---- refusals ---- */

Test(unit, missing_inputs_are_named)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct bench k;

	edge(&k);
	k.mb.entropy_coef = 0.1;
	k.mb.entropy = NULL;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL);
	cr_expect(strstr(err.text, "entropy.coef"));
	k.mb.entropy_coef = 0.0;
	k.o.kl.place = EBB_KL_LOSS;
	k.b.ref = NULL;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL);
	cr_expect(strstr(err.text, "kl.place"));
	k.o.kl.estimator = EBB_KL_FULL;
	k.mb.kl = NULL;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL);
	cr_expect(strstr(err.text, "full"));
	k.o.kl.place = EBB_KL_NONE;
	k.o.loss.aggregate = EBB_AGGREGATE_TOKEN_SUM_NORM;
	k.mb.limit = 0;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL);
	cr_expect(strstr(err.text, "limit"));
	k.o.loss.constant = 3.0;
	k.row[0] = 2;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL);
	k.row[0] = 0;
	k.mb.stride = 2;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL);
	bench_release(&k);
}

/* The same struct serves mini-batches of growing and shrinking size. */
Test(unit, memory_is_reused)
{
	struct bench a, b;

	bench_random(&a, 12, 6, 4, 14);
	bench_random(&b, 12, 6, 4, 14);
	all_on(&b);
	a.mb.n = 3;
	bench_weigh(&a, 0);
	a.mb.n = 12;
	bench_weigh(&a, 0);
	a.mb.n = 1;
	bench_weigh(&a, 0);
	all_on(&a); /* now with TIS */
	a.mb.n = 12;
	bench_weigh(&a, 2);
	bench_weigh(&b, 0);
	expect_same(&a, &b);
	bench_release(&a);
	bench_release(&b);
}
