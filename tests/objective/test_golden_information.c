/* Entropy, gamma(t) and information rewards against tests/golden/entropy-and-information.json. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

static json_t *section(json_t *file, const char *name)
{
	return golden_get(golden_get(file, "sections"), name);
}

Test(golden, entropy_of_a_row)
{
	json_t *file = golden_load("entropy-and-information.json"), *s = section(file, "entropy");
	json_t *in = golden_get(s, "inputs");
	const double taus[] = {1.0, 0.5, 2.0};
	const char *const keys[] = {"tau=1", "tau=0.5", "tau=2"};
	double token[5], g[5], e[5];

	golden_vector(golden_get(in, "tokens"), 5, token);
	golden_vector(golden_get(in, "g"), 5, g);
	golden_vector(golden_get(in, "e"), 5, e);
	for (int k = 0; k < 3; k++) {
		json_t *want = json_object_get(golden_get(s, "expected"), keys[k]);
		double H[5], logp[5], dH[25], dz[25];

		if (!want) /* the file writes 2 as 2 or 2.0 */
			want = golden_get(golden_get(s, "expected"), "tau=2.0");
		golden_vector(golden_get(want, "H"), 5, H);
		golden_vector(golden_get(want, "logp"), 5, logp);
		golden_matrix(golden_get(want, "dH_dz"), 5, 5, dH);
		golden_matrix(golden_get(want, "fused_dz"), 5, 5, dz);
		for (int i = 0; i < 5; i++) {
			double z[5], got[5];
			struct head h;

			golden_vector(json_array_get(golden_get(in, "logits"), (size_t)i), 5, z);
			head_forward(&h, z, 5, taus[k]);
			expect_near(h.H, H[i], ABS, REL, "H %s row %d", keys[k], i);
			expect_near(h.log_p[(int)token[i]], logp[i], ABS, REL, "logp %d", i);
			head_backward(&h, (int)token[i], 0.0, 1.0, got);
			for (int v = 0; v < 5; v++)
				expect_near(got[v], dH[5 * i + v], ABS, REL, "dH %s %d", keys[k],
					    i);
			head_backward(&h, (int)token[i], g[i], e[i], got);
			for (int v = 0; v < 5; v++)
				expect_near(got[v], dz[5 * i + v], ABS, REL, "dz %s %d", keys[k],
					    i);
		}
	}
	json_decref(file);
}

/* ---- the shared batch: 4 sequences of up to 4 tokens over 4 symbols ---- */

struct shared {
	struct bench k;
	struct head head[16];
	int token[16];
};

static void shared_init(struct shared *s, json_t *file)
{
	json_t *j = golden_get(file, "shared_batch"), *logits = golden_get(j, "logits");
	double mask[16], token[16], z[4];
	struct bench *k = &s->k;

	bench_init(k, 4, 4, 4);
	golden_matrix(golden_get(j, "mask"), 4, 4, mask);
	golden_matrix(golden_get(j, "tokens"), 4, 4, token);
	for (int i = 0; i < 16; i++) {
		golden_vector(json_array_get(json_array_get(logits, (size_t)i / 4), (size_t)i % 4),
			      4, z);
		head_forward(&s->head[i], z, 4, 1.0);
		s->token[i] = (int)token[i];
		k->group[i / 4] = i / 4;
		k->mask[i] = mask[i] != 0.0;
		k->length[i / 4] += k->mask[i];
		k->entropy[i] = k->mask[i] ? s->head[i].H : NAN;
		k->logp[i] = k->old[i] = k->mask[i] ? s->head[i].log_p[s->token[i]] : NAN;
	}
	k->b.ref = NULL;
}

/* dL/dz of the entropy coefficients alone against the file, scaled by factor. */
static void expect_dz(const struct shared *s, json_t *want, double factor, const char *what)
{
	for (int i = 0; i < 16; i++) {
		double w[4], dz[4] = {0};

		golden_vector(json_array_get(json_array_get(want, (size_t)i / 4), (size_t)i % 4), 4,
			      w);
		if (s->k.mask[i])
			head_backward(&s->head[i], s->token[i], 0.0, s->k.w_entropy[i], dz);
		else
			cr_expect_eq(s->k.w_entropy[i], 0.0);
		for (int v = 0; v < 4; v++)
			expect_near(factor * dz[v], w[v], ABS, REL, "%s dz[%d][%d]", what, i, v);
	}
}

Test(golden, entropy_bonus)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "entropy_bonus"), *want = golden_get(j, "expected");
	json_t *agg = golden_get(want, "agg");
	const double alpha = golden_real(golden_get(golden_get(j, "params"), "alpha"));
	double H[16];
	struct shared s;
	struct ebb_options *o = &s.k.o;

	shared_init(&s, file);
	golden_matrix(golden_get(want, "H"), 4, 4, H);
	for (int i = 0; i < 16; i++)
		if (s.k.mask[i])
			expect_near(s.k.entropy[i], H[i], ABS, REL, "H[%d]", i);
	o->entropy.coef = alpha;

	o->entropy.aggregate = EBB_ENTROPY_TOKEN_MEAN;
	bench_weigh(&s.k, 0);
	expect_near(s.k.s.entropy_loss, golden_real(golden_get(want, "loss")), ABS, REL, "loss");
	expect_near(s.k.s.loss, golden_real(golden_get(want, "loss")), ABS, REL, "whole loss");
	expect_near(s.k.s.entropy_mean, golden_real(golden_get(agg, "token_mean")), ABS, REL,
		    "mean");
	expect_near(s.k.s.neg_logp_mean,
		    golden_real(golden_get(want, "sampled_entropy_token_mean")), ABS, REL,
		    "sampled");
	expect_dz(&s, golden_get(want, "dloss_dz"), 1.0, "token mean");

	o->entropy.aggregate = EBB_ENTROPY_SEQ_MEAN;
	bench_weigh(&s.k, 0);
	expect_near(s.k.s.entropy_loss,
		    -alpha * golden_real(golden_get(agg, "seq_mean_token_mean")), ABS, REL,
		    "sequence mean");
	o->entropy.aggregate = EBB_ENTROPY_LOSS;
	o->loss.aggregate = EBB_AGGREGATE_SEQ_MEAN_TOKEN_SUM;
	bench_weigh(&s.k, 0);
	expect_near(s.k.s.entropy_loss, -alpha * golden_real(golden_get(agg, "seq_mean_token_sum")),
		    ABS, REL, "sequence sum");
	o->loss.aggregate = EBB_AGGREGATE_TOKEN_SUM_NORM;
	o->loss.constant = golden_real(golden_get(golden_get(j, "params"), "tmax"));
	bench_weigh(&s.k, 0);
	expect_near(s.k.s.entropy_loss, -alpha * golden_real(golden_get(agg, "seq_sum_norm")), ABS,
		    REL, "sum over a constant");
	bench_release(&s.k);
	json_decref(file);
}

/* Advantages of a sequence times its tokens' entropies. */
Test(golden, ibro)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "ibro"), *want = golden_get(j, "expected");
	double A[4];
	struct shared s;

	shared_init(&s, file);
	golden_vector(golden_get(golden_get(file, "shared_batch"), "seq_adv"), 4, A);
	for (int i = 0; i < 16; i++)
		s.k.A[i] = A[i / 4];
	s.k.o.loss.policy = EBB_POLICY_NONE;
	s.k.o.entropy.form = EBB_FORM_TIMES_ADVANTAGE;
	s.k.o.entropy.coef = golden_real(golden_get(golden_get(j, "params"), "alpha"));
	bench_weigh(&s.k, 0);
	expect_near(s.k.s.loss, golden_real(golden_get(want, "loss")), ABS, REL, "loss");
	expect_dz(&s, golden_get(want, "dloss_dz"), 1.0, "ibro");
	bench_release(&s.k);
	json_decref(file);
}

Test(golden, entropy_control)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "entropy_control"), *want = golden_get(j, "expected");
	json_t *h = golden_get(golden_get(j, "inputs"), "entropy");
	json_t *bang = golden_get(golden_get(j, "params"), "bang_bang");
	json_t *dual = golden_get(golden_get(j, "params"), "dual_log");
	struct ebb_options o;
	double alpha;

	options_default(&o);
	o.entropy.control = EBB_CONTROL_BANG_BANG;
	o.entropy.coef = golden_real(golden_get(bang, "init"));
	o.entropy.min = golden_real(golden_get(bang, "min"));
	o.entropy.max = golden_real(golden_get(bang, "max"));
	o.entropy.delta = golden_real(golden_get(bang, "delta"));
	o.entropy.target = golden_real(golden_get(bang, "target"));
	alpha = ebb_alpha_start(&o);
	cr_expect_eq(ebb_alpha_at(&o, alpha, 0, 0), 0.0);
	for (size_t i = 0; i < json_array_size(h); i++) {
		json_t *row = json_array_get(golden_get(want, "bang_bang"), i);
		double now = golden_real(json_array_get(h, i));

		alpha = ebb_alpha_adapt(&o, alpha, now);
		expect_near(alpha, golden_real(golden_get(row, "coef")), ABS, REL, "coef %zu", i);
		expect_near(ebb_alpha_at(&o, alpha, now, (int64_t)i + 1),
			    golden_real(golden_get(row, "effective_next")), ABS, REL, "next %zu",
			    i);
		cr_expect_eq(ebb_alpha_at(&o, alpha, now, (int64_t)i + 1) > 0.0,
			     golden_real(golden_get(row, "enabled")) != 0.0, "enabled %zu", i);
	}

	o.entropy.control = EBB_CONTROL_DUAL;
	o.entropy.coef = golden_real(golden_get(dual, "init"));
	o.entropy.min = golden_real(golden_get(dual, "min"));
	o.entropy.max = golden_real(golden_get(dual, "max"));
	o.entropy.eta = golden_real(golden_get(dual, "lr"));
	o.entropy.target = golden_real(golden_get(dual, "target"));
	alpha = ebb_alpha_start(&o);
	for (size_t i = 0; i < json_array_size(h); i++) {
		double now = golden_real(json_array_get(h, i));

		alpha = ebb_alpha_adapt(&o, alpha, now);
		expect_near(alpha, golden_real(json_array_get(golden_get(want, "dual_log"), i)),
			    ABS, REL, "dual %zu", i);
		cr_expect_eq(ebb_alpha_at(&o, alpha, now, (int64_t)i + 1), alpha);
	}
	cr_expect_eq(ebb_alpha_adapt(&o, alpha, NAN), alpha, "a step without tokens says nothing");
	json_decref(file);
}

/* From coef to min over the horizon, and the same whatever the entropy. */
Test(unit, annealing)
{
	struct ebb_options o;

	options_default(&o);
	o.entropy.control = EBB_CONTROL_ANNEAL;
	o.entropy.coef = 0.1;
	o.entropy.min = 0.02;
	o.entropy.horizon = 8;
	cr_expect_eq(ebb_alpha_start(&o), 0.1);
	cr_expect_eq(ebb_alpha_at(&o, 0.1, 5.0, 0), 0.1);
	expect_near(ebb_alpha_at(&o, 0.1, 0.0, 2), 0.08, 1e-15, 0, "a quarter of the line");
	cr_expect_eq(ebb_alpha_at(&o, 0.1, 0.0, 8), 0.02);
	cr_expect_eq(ebb_alpha_at(&o, 0.1, 0.0, 800), 0.02);
	o.entropy.anneal = EBB_ANNEAL_COSINE;
	expect_near(ebb_alpha_at(&o, 0.1, 0.0, 2), 0.02 + 0.08 * 0.5 * (1.0 + sqrt(0.5)), 1e-15, 0,
		    "a quarter of the half cosine");
	expect_near(ebb_alpha_at(&o, 0.1, 0.0, 4), 0.06, 1e-15, 0, "its middle");
	o.entropy.horizon = 0;
	o.train.steps = 4;
	expect_near(ebb_alpha_at(&o, 0.1, 0.0, 2), 0.06, 1e-15, 0, "the horizon is train.steps");
}

static const struct {
	const char *name;
	enum ebb_gamma_kind kind;
} schedules[] = {{"linear", EBB_GAMMA_LINEAR},
		 {"exp", EBB_GAMMA_EXP},
		 {"piece_linear", EBB_GAMMA_PIECE_LINEAR},
		 {"piece_exp", EBB_GAMMA_PIECE_EXP}};

Test(golden, gamma_schedules)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "gamma_schedules"), *params = golden_get(j, "params");
	const int tmax = (int)golden_real(golden_get(params, "Tmax"));
	struct ebb_options o;

	options_default(&o);
	o.gamma.base = golden_real(golden_get(params, "gamma0"));
	o.gamma.k = (int64_t)golden_real(golden_get(params, "k"));
	for (size_t s = 0; s < 4; s++)
		for (int origin = 0; origin < 2; origin++) {
			json_t *want =
				golden_get(golden_get(golden_get(j, "expected"), schedules[s].name),
					   origin ? "origin1" : "origin0");

			o.gamma.kind = schedules[s].kind;
			o.gamma.origin = origin;
			for (int t = 1; t <= 8; t++) {
				const double w = golden_real(json_array_get(want, (size_t)t - 1));

				o.gamma.tmax = EBB_TMAX_LIMIT;
				expect_near(ebb_gamma(&o, t, tmax, 99), w, ABS, REL, "%s(%d)",
					    schedules[s].name, t);
				o.gamma.tmax = EBB_TMAX_ACTUAL;
				expect_near(ebb_gamma(&o, t, 99, tmax), w, ABS, REL, "%s(%d)",
					    schedules[s].name, t);
			}
		}
	json_decref(file);
}

Test(golden, gamma_weighted_entropy)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "gipo_entropy"), *params = golden_get(j, "params");
	const char *const norms[] = {"mean_tokens", "sum", "mean_gamma"}; /* as choices.def */
	struct shared s;
	int seen = 0;

	shared_init(&s, file);
	s.k.o.entropy.coef = 1.0;
	s.k.o.entropy.aggregate = EBB_ENTROPY_SEQ_MEAN;
	s.k.o.gamma.base = golden_real(golden_get(params, "gamma0"));
	s.k.o.gamma.k = (int64_t)golden_real(golden_get(params, "k"));
	s.k.mb.limit = (int)golden_real(golden_get(params, "Tmax"));
	for (size_t k = 0; k < 4; k++) {
		json_t *kind = json_object_get(golden_get(j, "expected"), schedules[k].name);

		if (!kind)
			continue;
		s.k.o.gamma.kind = schedules[k].kind;
		for (int n = 0; n < 3; n++) {
			json_t *want = golden_get(kind, norms[n]);

			s.k.o.gamma.normalise = (enum ebb_gamma_normalise)n;
			bench_weigh(&s.k, 0);
			expect_near(s.k.s.entropy_loss, -golden_real(golden_get(want, "value")),
				    ABS, REL, "%s %s", schedules[k].name, norms[n]);
			if (json_object_get(want, "dvalue_dz"))
				expect_dz(&s, json_object_get(want, "dvalue_dz"), -1.0, norms[n]);
			seen++;
		}
	}
	cr_expect_eq(seen, 9);
	bench_release(&s.k);
	json_decref(file);
}

/* ---- information reward ---- */

Test(golden, information_reward)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "gipo_intrinsic"), *in = golden_get(j, "inputs");
	json_t *want = golden_get(j, "expected");
	const char *const names[] = {
		"mean", "sum", "prob", "geo_prob", "pointwise_gain_sum", "pointwise_gain_mean"};
	const double beta = golden_real(golden_get(golden_get(j, "params"), "beta"));
	double token[3], z[12], zb[12], logp[3], prior[3], w[3];
	struct ebb_options o;

	options_default(&o);
	golden_vector(golden_get(in, "answer_tokens"), 3, token);
	golden_matrix(golden_get(in, "answer_logits"), 3, 4, z);
	golden_matrix(golden_get(in, "baseline_logits"), 3, 4, zb);
	for (int i = 0; i < 3; i++) {
		struct head h;

		head_forward(&h, z + 4 * i, 4, 1.0);
		logp[i] = h.log_p[(int)token[i]];
		head_forward(&h, zb + 4 * i, 4, 1.0);
		prior[i] = h.log_p[(int)token[i]];
	}
	golden_vector(golden_get(want, "token_logp"), 3, w);
	for (int i = 0; i < 3; i++)
		expect_near(logp[i], w[i], ABS, REL, "log-probability of token %d", i);
	expect_near(prior[0] + prior[1] + prior[2], golden_real(golden_get(want, "baseline_sum")),
		    ABS, REL, "without the chain");
	o.info.norm = EBB_INFO_MEAN;
	expect_near(beta * ebb_info_reward(&o, logp, prior, 3),
		    golden_real(golden_get(want, "reward_mean")), ABS, REL, "beta rho");
	for (int n = 0; n < 6; n++) {
		o.info.norm = (enum ebb_info_norm)n;
		expect_near(ebb_info_reward(&o, logp, prior, 3),
			    golden_real(golden_get(want, names[n])), ABS, REL, "%s", names[n]);
	}
	json_decref(file);
}

Test(golden, information_combined)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "gipo_combine"), *c;
	const char *const names[] = {"adv_sum_then_norm", "adv_norm_then_sum"};
	struct bench k;
	size_t at;

	bench_init(&k, 4, 1, 1);
	golden_vector(golden_get(golden_get(j, "inputs"), "r_int"), 4, k.info);
	for (int i = 0; i < 4; i++)
		k.mask[i] = 1;
	json_array_foreach(golden_get(j, "cases"), at, c)
	{
		k.o.info.coef = golden_real(golden_get(c, "beta"));
		golden_vector(golden_get(c, "r_ext"), 4, k.reward);
		ebb_objective_shape(&k.o, &k.b);
		for (int n = 0; n < 2; n++) {
			double w[4];

			k.o.info.combine = (enum ebb_info_combine)n;
			golden_vector(golden_get(c, names[n]), 4, w);
			ebb_objective_prepare(&k.o, &k.b, 0.0, NULL);
			for (int i = 0; i < 4; i++)
				expect_near(k.A[i], w[i], ABS, REL, "%s, case %zu, row %d",
					    names[n], at, i);
		}
	}
	bench_release(&k);
	json_decref(file);
}
