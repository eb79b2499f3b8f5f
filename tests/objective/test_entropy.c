/* Entropy over time: what an update does to it, how its term's gradient is completed by the score
 * function, and when it counts as exploded or collapsed. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "objective/guard.h"
#include "objective/shift.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

static json_t *section(json_t *file, const char *name)
{
	return golden_get(golden_get(file, "sections"), name);
}

/* ---- first order against exact, EI 2.1 ---- */

Test(golden, cov_exact)
{
	json_t *file = golden_load("entropy-and-information.json"), *j = section(file, "cov_exact");
	json_t *steps = golden_get(golden_get(j, "expected"), "steps"), *row;
	json_t *want = golden_get(j, "expected");
	double z[4], A[4], eta[4], p[4], logp[4], last = 0.0, mean = 0.0;
	const char *rule = "";
	struct head before;
	size_t i;

	golden_vector(golden_get(golden_get(j, "inputs"), "logits"), 4, z);
	golden_vector(golden_get(golden_get(j, "inputs"), "advantage"), 4, A);
	golden_vector(golden_get(golden_get(j, "params"), "eta"), 4, eta);
	golden_vector(golden_get(want, "p"), 4, p);
	golden_vector(golden_get(want, "logp"), 4, logp);
	head_forward(&before, z, 4, 1.0);
	for (int a = 0; a < 4; a++) {
		expect_near(before.p[a], p[a], ABS, REL, "p %d", a);
		expect_near(before.log_p[a], logp[a], ABS, REL, "log p %d", a);
		mean += before.p[a] * A[a];
	}
	expect_near(before.H, golden_real(golden_get(want, "H0")), ABS, REL, "H");
	expect_near(mean, golden_real(golden_get(want, "A_mean")), ABS, REL, "mean advantage");
	json_array_foreach(steps, i, row)
	{
		const bool natural = strcmp(json_string_value(golden_get(row, "rule")), "npg") == 0;
		const char *cov = natural ? "cov_logp_A" : "cov_logp_pA_centred";
		double dz[4], to[4], variance, predicted, actual, error;
		struct head after;

		cr_expect_eq(golden_real(golden_get(row, "eta")), eta[i % 4]);
		golden_vector(golden_get(row, "dz"), 4, dz);
		for (int a = 0; a < 4; a++) {
			expect_near(dz[a], eta[i % 4] * (natural ? A[a] : p[a] * (A[a] - mean)),
				    ABS, REL, "step %zu, logit %d", i, a);
			to[a] = z[a] + dz[a];
		}
		head_forward(&after, to, 4, 1.0);
		predicted = ebb_shift_predict(before.log_p, dz, 4, &variance);
		actual = after.H - before.H;
		error = fabs(predicted - actual) / fabs(actual);
		expect_near(predicted, golden_real(golden_get(row, "predicted_dH")), ABS, REL,
			    "predicted %zu", i);
		expect_near(predicted, -eta[i % 4] * golden_real(golden_get(want, cov)), ABS, REL,
			    "covariance %zu", i);
		expect_near(actual, golden_real(golden_get(row, "actual_dH")), ABS, REL,
			    "actual %zu", i);
		expect_near(error, golden_real(golden_get(row, "rel_err")), 1e-10, 1e-7,
			    "error %zu", i);
		/* a tenth of the step, a tenth of the relative error */
		if (strcmp(rule, json_string_value(golden_get(row, "rule"))) == 0 && i % 4 > 1)
			cr_expect(error < last / 7.0 && error > last / 13.0, "step %zu: %g, %g", i,
				  last, error);
		rule = json_string_value(golden_get(row, "rule"));
		last = error;
	}
	cr_expect_eq(json_array_size(steps), 8);
	json_decref(file);
}

/* A constant added to all logits changes nothing; a half step leaves a quarter of the gap; the
 * temperature divides both. */
Test(unit, shift)
{
	const float z[5] = {2.0F, 1.0F, 0.0F, -1.0F, -1e30F};
	const float d[5] = {0.3F, -0.2F, 0.1F, 0.25F, 0.0F};
	struct ebb_shift constant = {0}, full = {0}, half = {0}, hot = {0}, scaled = {0};
	float up[5], all[5], part[5], z2[5], all2[5];
	double scratch[10];

	for (int a = 0; a < 5; a++) {
		up[a] = z[a] + 4.0F;
		all[a] = z[a] + d[a];
		part[a] = z[a] + 0.5F * d[a];
		z2[a] = 0.5F * z[a];
		all2[a] = 0.5F * all[a];
	}
	ebb_shift_add(&constant, z, up, 5, 1.0, scratch);
	expect_near(constant.measured, 0.0, 1e-14, 0, "measured");
	expect_near(constant.predicted, 0.0, 1e-14, 0, "predicted");
	expect_near(constant.size, 0.0, 1e-7, 0, "size");
	ebb_shift_add(&full, z, all, 5, 1.0, scratch);
	ebb_shift_add(&half, z, part, 5, 1.0, scratch);
	expect_near((half.measured - half.predicted) / (full.measured - full.predicted), 0.25, 0.05,
		    0, "gap of half a step");
	ebb_shift_add(&hot, z, all, 5, 2.0, scratch);
	ebb_shift_add(&scaled, z2, all2, 5, 1.0, scratch);
	expect_near(hot.measured, scaled.measured, 1e-14, 0, "temperature");
	expect_near(hot.predicted, scaled.predicted, 1e-14, 0, "temperature");
	ebb_shift_add(&hot, z, all, 5, 2.0, scratch);
	cr_expect_eq(hot.n, 2);
	expect_near(hot.measured, 2.0 * scaled.measured, 1e-14, 0, "summed");
	expect_near(hot.size, scaled.size, 1e-14, 0, "the largest");
}

/* ---- the score function, EI 4.5 ---- */

/* What the gradients are of. */
static void check_value(json_t *want, const struct head *h1, const struct head *h2,
			const double *gamma)
{
	double p1[3], H2[3], J = gamma[0] * h1->H;

	golden_vector(golden_get(want, "p1"), 3, p1);
	golden_vector(golden_get(want, "H2"), 3, H2);
	expect_near(h1->H, golden_real(golden_get(want, "H1")), ABS, REL, "H1");
	for (int a = 0; a < 3; a++) {
		expect_near(h1->p[a], p1[a], ABS, REL, "p1 %d", a);
		expect_near(h2[a].H, H2[a], ABS, REL, "H2 %d", a);
		J += gamma[1] * h1->p[a] * h2[a].H;
	}
	expect_near(J, golden_real(golden_get(want, "J")), ABS, REL, "J");
}

/*
 * Two tokens over three, every response once: weighed rows times their probability sum to the exact
 * gradient, whatever the baseline, because the mean of grad log p is 0 at every prefix.
 */
Test(golden, gipo_tree_gradient)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "gipo_tree_gradient"), *in = golden_get(j, "inputs");
	json_t *want = golden_get(j, "expected");
	double z1[3], z2[9], gamma[2], direct[3], total[3], score[3], dz2[9], part[3];

	golden_vector(golden_get(in, "z1"), 3, z1);
	golden_matrix(golden_get(in, "z2"), 3, 3, z2);
	golden_vector(golden_get(in, "gamma"), 2, gamma);
	golden_vector(golden_get(want, "direct_dz1"), 3, direct);
	golden_vector(golden_get(want, "total_dz1"), 3, total);
	golden_vector(golden_get(want, "score_dz1"), 3, score);
	golden_matrix(golden_get(want, "dz2"), 3, 3, dz2);
	for (int grad = 0; grad <= EBB_GRAD_SCORE_ONLY; grad++) {
		double first[3] = {0}, second[9] = {0};
		struct head h1, h2[3];
		struct bench k;

		bench_init(&k, 9, 2, 1);
		k.o.loss.policy = EBB_POLICY_REINFORCE;
		k.o.loss.aggregate = EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM;
		k.o.entropy.coef = 0.7;
		k.o.entropy.grad = (enum ebb_entropy_grad)grad;
		k.o.entropy.aggregate = EBB_ENTROPY_SEQ_MEAN;
		k.o.gamma.kind = EBB_GAMMA_EXP; /* 1, 0.5 */
		k.o.gamma.base = gamma[1];
		k.o.gamma.origin = 0;
		k.o.gamma.normalise = EBB_GAMMA_SUM;
		head_forward(&h1, z1, 3, 1.0);
		for (int a = 0; a < 3; a++)
			head_forward(&h2[a], z2 + 3 * a, 3, 1.0);
		for (int i = 0; i < 9; i++) {
			const struct head *h[2] = {&h1, &h2[i / 3]};

			for (int t = 0; t < 2; t++) {
				k.mask[2 * i + t] = 1;
				k.logp[2 * i + t] = k.old[2 * i + t] =
					h[t]->log_p[t ? i % 3 : i / 3];
				k.entropy[2 * i + t] = k.drawn_entropy[2 * i + t] = h[t]->H;
			}
		}
		if (grad == EBB_GRAD_DIRECT)
			check_value(want, &h1, h2, gamma);
		bench_weigh(&k, 0);
		for (int i = 0; i < 9; i++) {
			const double p = h1.p[i / 3] * h2[i / 3].p[i % 3] * 9.0 / 0.7;
			double dz[3];

			head_backward(&h1, i / 3, k.w_logp[2 * i], k.w_entropy[2 * i], dz);
			for (int v = 0; v < 3; v++)
				first[v] -= p * dz[v];
			head_backward(&h2[i / 3], i % 3, k.w_logp[2 * i + 1],
				      k.w_entropy[2 * i + 1], dz);
			for (int v = 0; v < 3; v++)
				second[3 * (i / 3) + v] -= p * dz[v];
		}
		for (int v = 0; v < 3; v++)
			expect_near(first[v], grad == EBB_GRAD_DIRECT ? direct[v] : total[v], ABS,
				    REL, "entropy.grad %d, first token, %d", grad, v);
		for (int v = 0; v < 3 && grad == EBB_GRAD_DIRECT_PLUS_SCORE; v++)
			expect_near(first[v] - part[v], score[v], ABS, REL, "score part, %d", v);
		memcpy(part, first, sizeof part);
		for (int v = 0; v < 9; v++)
			expect_near(second[v], dz2[v], ABS, REL,
				    "entropy.grad %d, second token, %d", grad, v);
		bench_release(&k);
	}
	json_decref(file);
}

/* The entropy that follows token u, or from it on, by the definition. */
static double follows(const struct bench *k, int i, int u)
{
	double sum = 0.0;

	for (int t = 0; t < k->length[i]; t++) {
		const bool sampled = k->o.entropy.grad == EBB_GRAD_SCORE_ONLY;
		const double x = sampled ? -k->old[i * k->T + t] : k->drawn_entropy[i * k->T + t];

		if (t > u || (sampled && t == u))
			sum += x * ebb_gamma(&k->o, t + 1, k->T, k->length[i]) *
			       (k->o.entropy.form == EBB_FORM_TIMES_ADVANTAGE ? k->A[i * k->T + t]
				: k->o.entropy.form == EBB_FORM_MINIMISE      ? -1.0
									      : 1.0);
	}
	return sum;
}

static double baseline(const struct bench *k, int i, int u)
{
	double sum = 0.0, n = 0.0;

	for (int r = 0; r < k->R; r++)
		if (k->group[r] == k->group[i] && u < k->length[r]) {
			sum += follows(k, r, u);
			n++;
		}
	return sum / n;
}

/* Whatever the two aggregates are, the score part has the weight of the entropy term: by hand, on a
 * policy term whose coefficient is -w A. */
Test(unit, the_score_has_the_unit_of_the_entropy_term)
{
	uint32_t seed = 40;

	for (int agg = 0; agg <= EBB_AGGREGATE_TOKEN_SUM_NORM; agg++)
		for (int mean = 0; mean <= EBB_ENTROPY_LOSS; mean++)
			for (int form = 0; form <= EBB_FORM_MINIMISE; form++)
				for (int grad = 1; grad <= EBB_GRAD_SCORE_ONLY; grad++) {
					double plain[24], e[24];
					struct bench k;

					bench_random(&k, 6, 4, 3, ++seed);
					k.o.loss.policy = EBB_POLICY_REINFORCE;
					k.o.loss.aggregate = (enum ebb_loss_aggregate)agg;
					k.o.entropy.aggregate = (enum ebb_entropy_aggregate)mean;
					k.o.entropy.form = (enum ebb_entropy_form)form;
					bench_weigh(&k, 0);
					memcpy(plain, k.w_logp, sizeof plain);
					k.o.entropy.coef = 0.3;
					k.o.entropy.form = EBB_FORM_BONUS;
					bench_weigh(&k, 0);
					memcpy(e, k.w_entropy, sizeof e);
					k.o.entropy.form = (enum ebb_entropy_form)form;
					k.o.gamma.kind = EBB_GAMMA_PIECE_LINEAR;
					k.o.gamma.normalise = EBB_GAMMA_MEAN_TOKENS;
					k.o.gamma.k = 1;
					k.o.entropy.grad = (enum ebb_entropy_grad)grad;
					bench_weigh(&k, 0);
					for (int at = 0; at < 24; at++)
						if (k.mask[at])
							expect_near(
								k.w_logp[at] - plain[at],
								e[at] * (follows(&k, at / 4,
										 at % 4) -
									 baseline(&k, at / 4,
										  at % 4)),
								1e-15, 1e-12,
								"aggregate %d, mean %d, form %d, "
								"grad %d, token %d",
								agg, mean, form, grad, at);
					if (grad == EBB_GRAD_SCORE_ONLY) {
						cr_expect_eq(k.s.entropy_loss, 0.0);
						for (int at = 0; at < 24; at++)
							cr_expect_eq(k.w_entropy[at], 0.0);
					}
					bench_release(&k);
				}
}

/* Padding may hold anything, the cut into calls changes nothing, and at weight 0 the part is gone. */
Test(unit, the_score_reads_no_padding)
{
	double first[24];
	struct bench k;

	bench_random(&k, 6, 4, 3, 9);
	k.o.entropy.coef = 0.2;
	k.o.entropy.grad = EBB_GRAD_DIRECT_PLUS_SCORE;
	k.o.ratio.level = EBB_RATIO_SEQUENCE;
	bench_weigh(&k, 0);
	memcpy(first, k.w_logp, sizeof first);
	for (int at = 0; at < 24; at++)
		if (!k.mask[at])
			k.drawn_entropy[at] = k.old[at] = k.logp[at] = k.A[at] = NAN;
	for (int cut = 0; cut < 6; cut++) {
		bench_weigh(&k, cut);
		cr_expect_arr_eq(k.w_logp, first, sizeof first);
	}
	k.o.entropy.coef = 0.0;
	bench_weigh(&k, 0);
	memcpy(first, k.w_logp, sizeof first);
	k.o.entropy.grad = EBB_GRAD_DIRECT;
	bench_weigh(&k, 0);
	cr_expect_arr_eq(k.w_logp, first, sizeof first);
	bench_release(&k);
}

/* ---- marks, EI 1.4 ---- */

Test(unit, guard)
{
	struct ebb_guard g = {0};
	const int V = 22;

	/* 0.9 ln 22 = 2.78, 0.25 ln 22 = 0.773 */
	expect_near(ebb_guard_limit(0.1, V), 0.25 * log(22.0), 1e-12, 0, "a quarter");
	expect_near(ebb_guard_limit(0.5, V), 1.5, 1e-12, 0, "three times");
	expect_near(ebb_guard_limit(2.0, V), 0.9 * log(22.0), 1e-12, 0, "nearly uniform");
	ebb_guard_step(&g, NAN, V);
	ebb_guard_step(&g, 0.5, V);
	cr_expect_eq(g.start, 0.5);
	for (int i = 0; i < 19; i++)
		ebb_guard_step(&g, 1.6, V);
	cr_expect_not(g.exploded);
	ebb_guard_step(&g, 1.5, V); /* not above */
	for (int i = 0; i < 19; i++)
		ebb_guard_step(&g, 1.6, V);
	cr_expect_not(g.exploded);
	ebb_guard_step(&g, 1.6, V);
	cr_expect(g.exploded);
	for (int i = 0; i < 49; i++)
		ebb_guard_step(&g, 0.02, V);
	cr_expect_not(g.collapsed);
	ebb_guard_step(&g, NAN, V);
	for (int i = 0; i < 50; i++)
		ebb_guard_step(&g, 0.02, V);
	cr_expect(g.collapsed);
	cr_expect(g.exploded, "a mark stays");
}
