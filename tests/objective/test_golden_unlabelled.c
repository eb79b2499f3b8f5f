/* What needs no label, and the answer inside the loss: clusters of answers, entropy minimisation, its
 * choice of prompts, skewness of logits, against tests/golden/entropy-and-information.json. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective/cluster.h"
#include "objective/oneshot.h"
#include "objective/skew.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

static json_t *section(json_t *file, const char *name)
{
	return golden_get(golden_get(file, "sections"), name);
}

/* ---- clusters ---- */

#define G_MAX 8

struct group {
	json_t *answer;
	int G;
	bool empty[G_MAX];
	int id[G_MAX];
};

static const char *answer_of(const struct group *g, int i)
{
	return json_string_value(json_array_get(g->answer, (size_t)i));
}

static bool same_text(const void *ctx, int a, int b)
{
	return strcmp(answer_of(ctx, a), answer_of(ctx, b)) == 0;
}

static void cluster(struct group *g, json_t *answers, bool joint)
{
	g->answer = answers;
	g->G = (int)json_array_size(answers);
	cr_assert_leq(g->G, G_MAX);
	for (int i = 0; i < g->G; i++)
		g->empty[i] = answer_of(g, i)[0] == 0;
	ebb_cluster_assign(EBB_CLUSTER_FIRST_REPRESENTATIVE, joint, g->G, g->empty, same_text, g,
			   g->id);
}

/* Rewards of one group through shaping and preparing. */
static void advantages(const struct group *g, struct ebb_options *o, const double *reward,
		       bool left_out, double *A)
{
	struct bench k;

	bench_init(&k, g->G, 1, 1);
	k.o = *o;
	for (int i = 0; i < g->G; i++) {
		k.mask[i] = 1;
		k.length[i] = 1;
		k.reward[i] = reward[i];
	}
	k.b.ref = NULL;
	k.b.left_out = &left_out;
	ebb_objective_shape(&k.o, &k.b);
	ebb_objective_prepare(&k.o, &k.b, 0.0, NULL);
	for (int i = 0; i < g->G; i++) {
		A[i] = k.A[i];
		cr_expect_eq(k.mask[i], 1, "a group left out stays in the loss's means");
	}
	bench_release(&k);
}

Test(golden, clusters_of_answers)
{
	json_t *file = golden_load("entropy-and-information.json"), *s = section(file, "empo");
	json_t *in = golden_get(s, "inputs"), *want = golden_get(s, "expected");
	static const struct {
		enum ebb_cluster_reward kind;
		const char *reward, *adv;
	} rule[] = {{EBB_CLUSTER_FREQ, "reward_freq", "adv_freq"},
		    {EBB_CLUSTER_TRL_MATH, "reward_trl_math", "adv_trl_math"},
		    {EBB_CLUSTER_NATURAL, "reward_natural", NULL}};
	struct ebb_options o;

	options_default(&o);
	for (int joint = 0; joint < 2; joint++) {
		json_t *e = golden_get(golden_get(want, "by_empty_rule"),
				       joint ? "joint" : "singleton");
		struct ebb_cluster_group m;
		double x[G_MAX], w[G_MAX];
		struct group g;

		cluster(&g, golden_get(in, "answers"), joint);
		golden_vector(golden_get(e, "ids"), g.G, w);
		for (int i = 0; i < g.G; i++)
			cr_expect_eq(g.id[i], (int)w[i], "joint %d: id %d", joint, i);
		ebb_cluster_measure(&o, g.G, g.empty, g.id, &m);
		expect_near(m.entropy, golden_real(golden_get(e, "semantic_entropy")), ABS, REL,
			    "SE");
		expect_near(m.normalised, golden_real(golden_get(e, "normalised_entropy")), ABS,
			    REL, "SE / ln G");
		expect_near(m.largest, golden_real(golden_get(e, "max_prob")), ABS, REL, "max p");
		cr_expect_eq(m.clusters, (int)json_object_size(golden_get(e, "cluster_prob")));
		for (int c = 0; c < m.clusters; c++) {
			double n = 0.0;
			char key[16];

			for (int i = 0; i < g.G; i++)
				n += g.id[i] == c;
			snprintf(key, sizeof key, "%d", c);
			expect_near(n / g.G,
				    golden_real(golden_get(golden_get(e, "cluster_prob"), key)),
				    ABS, REL, "share of cluster %d", c);
		}
		cr_expect_eq(m.empty, 2);
		for (size_t r = 0; r < 3; r++) {
			o.cluster.reward = rule[r].kind;
			ebb_cluster_reward(&o, g.G, g.empty, g.id, x);
			golden_vector(golden_get(e, rule[r].reward), g.G, w);
			for (int i = 0; i < g.G; i++)
				expect_near(x[i], w[i], ABS, REL, "%s %d", rule[r].reward, i);
			if (!rule[r].adv)
				continue;
			golden_vector(golden_get(e, rule[r].adv), g.G, w);
			advantages(&g, &o, x, false, x);
			for (int i = 0; i < g.G; i++)
				expect_near(x[i], w[i], ABS, REL, "%s %d", rule[r].adv, i);
		}
	}
	json_decref(file);
}

Test(golden, all_different_answers)
{
	json_t *file = golden_load("entropy-and-information.json"), *s = section(file, "empo");
	json_t *want = golden_get(golden_get(s, "expected"), "all_different");
	struct ebb_cluster_group m;
	struct ebb_options o;
	struct group g;
	double x[G_MAX], w[G_MAX];

	options_default(&o);
	cluster(&g, golden_get(golden_get(s, "inputs"), "all_different"), false);
	ebb_cluster_measure(&o, g.G, g.empty, g.id, &m);
	expect_near(m.entropy, golden_real(golden_get(want, "semantic_entropy")), ABS, REL, "SE");
	expect_near(m.entropy, golden_real(golden_get(want, "log_G")), ABS, REL, "ln G");
	cr_expect_eq(m.normalised, 1.0, "exactly, or an exclusive bound of 1 would let it pass");
	cr_expect(m.high && !m.low);
	ebb_cluster_reward(&o, g.G, g.empty, g.id, x);
	golden_vector(golden_get(want, "reward_freq"), g.G, w);
	cr_expect_arr_eq(x, w, (size_t)g.G * sizeof *x);
	o.cluster.reward = EBB_CLUSTER_TRL_MATH;
	ebb_cluster_reward(&o, g.G, g.empty, g.id, x);
	golden_vector(golden_get(want, "reward_trl_math"), g.G, w);
	cr_expect_arr_eq(x, w, (size_t)g.G * sizeof *x);
	json_decref(file);
}

static bool same_by_table(const void *ctx, int a, int b)
{
	return golden_real(json_array_get(json_array_get((json_t *)ctx, (size_t)a), (size_t)b)) !=
	       0;
}

Test(golden, equality_that_is_not_transitive)
{
	json_t *file = golden_load("entropy-and-information.json"), *s = section(file, "empo");
	json_t *want = golden_get(golden_get(s, "expected"), "nontransitive");
	static const char *const name[] = {"first_representative", "last_writer"};
	const bool empty[3] = {false};

	for (int rule = 0; rule < 2; rule++) {
		double w[3];
		int id[3];

		cr_expect_eq(ebb_cluster_assign(
				     (enum ebb_cluster_rule)rule, false, 3, empty, same_by_table,
				     golden_get(golden_get(s, "inputs"), "equivalence"), id),
			     2);
		golden_vector(golden_get(want, name[rule]), 3, w);
		for (int i = 0; i < 3; i++)
			cr_expect_eq(id[i], (int)w[i], "%s %d", name[rule], i);
	}
	json_decref(file);
}

static bool same_number(const void *ctx, int a, int b)
{
	return ((const int *)ctx)[a] == ((const int *)ctx)[b];
}

Test(unit, votes_thresholds_and_groups_without_company)
{
	static const int answer[6] = {4, 4, 9, 9, 7, 4}, tie[4] = {1, 1, 2, 2};
	const bool empty[10] = {false};
	static const int ten[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 8};
	struct ebb_cluster_group m;
	struct ebb_options o;
	double r[10];
	int id[10];

	options_default(&o);
	o.cluster.reward = EBB_CLUSTER_VOTING;
	ebb_cluster_assign(EBB_CLUSTER_LAST_WRITER, false, 6, empty, same_number, answer, id);
	ebb_cluster_reward(&o, 6, empty, id, r);
	for (int i = 0; i < 6; i++)
		cr_expect_eq(r[i], answer[i] == 4);
	ebb_cluster_assign(EBB_CLUSTER_FIRST_REPRESENTATIVE, false, 4, empty, same_number, tie, id);
	ebb_cluster_reward(&o, 4, empty, id, r);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(r[i], 1.0, "of a tie all win");
	/* nine answers of ten: two agree, but no p reaches 0.2 unless the ten are nine */
	o.cluster.reward = EBB_CLUSTER_NATURAL;
	ebb_cluster_assign(EBB_CLUSTER_FIRST_REPRESENTATIVE, false, 10, empty, same_number, ten,
			   id);
	ebb_cluster_reward(&o, 10, empty, id, r);
	cr_expect_eq(r[9], 0.2);
	ebb_cluster_assign(EBB_CLUSTER_FIRST_REPRESENTATIVE, false, 9, empty, same_number, ten, id);
	ebb_cluster_reward(&o, 9, empty, id, r);
	for (int i = 0; i < 9; i++)
		cr_expect_eq(r[i], 0.0);
	/* both bounds are exclusive */
	ebb_cluster_assign(EBB_CLUSTER_FIRST_REPRESENTATIVE, false, 4, empty, same_number, tie, id);
	o.cluster.low = 0.5;
	ebb_cluster_measure(&o, 4, empty, id, &m);
	cr_expect_eq(m.normalised, 0.5);
	cr_expect(m.low && !m.high);
	o.cluster.low = 0.4;
	o.cluster.high = 0.5;
	ebb_cluster_measure(&o, 4, empty, id, &m);
	cr_expect(!m.low && m.high);
	o.cluster.high = 0.51;
	ebb_cluster_measure(&o, 4, empty, id, &m);
	cr_expect(!m.low && !m.high);
}

/* A group left out gets exactly 0 and moves nobody else's advantage, whatever the statistics. */
Test(unit, groups_left_out_are_in_no_statistic)
{
	static const char *const settings[] = {
		"", "advantage.center=batch advantage.scale=batch_std", "advantage.scale=whiten",
		"advantage.center=none "
		"advantage.scale=none"};
	static const struct ebb_catalog none = {0};

	for (size_t s = 0; s < 4; s++) {
		bool out[2] = {false, true}, keep[2];
		struct bench k, alone;
		struct ebb_err err;

		bench_random(&k, 8, 5, 4, 3);
		bench_init(&alone, 4, 5, 1);
		cr_assert_eq(ebb_options_apply(&k.o, &none, settings[s], &err), 0);
		alone.o = k.o;
		for (int i = 0; i < 4; i++) {
			k.reward[i] = alone.reward[i] = i % 2;
			k.reward[4 + i] = i / 2;
			for (int t = 0; t < 5; t++) {
				alone.mask[5 * i + t] = k.mask[5 * i + t];
				alone.old[5 * i + t] = k.old[5 * i + t];
			}
		}
		k.b.left_out = out;
		ebb_objective_shape(&k.o, &k.b);
		ebb_objective_shape(&k.o, &alone.b);
		ebb_objective_prepare(&k.o, &k.b, 0.0, NULL);
		ebb_objective_prepare(&k.o, &alone.b, 0.0, NULL);
		for (int i = 0; i < 20; i++) {
			expect_near(k.A[i], alone.A[i], ABS, REL, "%s %d", settings[s], i);
			cr_expect_eq(k.A[20 + i], 0.0, "%s %d", settings[s], 20 + i);
		}
		ebb_objective_keep(&k.o, &k.b, keep);
		cr_expect(keep[0] && keep[1], "without dynamic sampling all stay");
		k.o.dynamic.on = EBB_DYNAMIC_SHAPED;
		ebb_objective_keep(&k.o, &k.b, keep);
		cr_expect(keep[0] && !keep[1]);
		bench_release(&alone);
		bench_release(&k);
	}
}

/* ---- entropy minimisation ---- */

Test(golden, entropy_minimisation)
{
	json_t *file = golden_load("entropy-and-information.json"), *s = section(file, "em_loss");
	json_t *want = golden_get(s, "expected");
	const double tau = golden_real(golden_get(golden_get(s, "params"), "tau"));
	const int P = (int)golden_real(golden_get(golden_get(s, "inputs"), "prompt_len"));
	double z[24], dz[24], H[6], with_eps = 0.0;
	struct head h[6];

	golden_matrix(golden_get(golden_get(s, "inputs"), "logits"), 6, 4, z);
	golden_vector(golden_get(want, "H"), 6, H);
	golden_matrix(golden_get(want, "dloss_aligned_dz"), 6, 4, dz);
	for (int i = 0; i < 6; i++)
		head_forward(&h[i], z + 4 * i, 4, tau);
	for (int reference = 0; reference < 2; reference++) {
		const int first = reference ? P : P - 1; /* states P-1 .. L-2, or P .. L-1 */
		struct bench k;

		bench_init(&k, 1, 4, 1);
		k.o.loss.policy = EBB_POLICY_NONE;
		k.o.entropy.form = EBB_FORM_MINIMISE;
		k.mb.entropy_coef = k.o.entropy.coef = 1.0;
		k.b.ref = NULL;
		for (int t = 0; t < 4; t++) {
			k.mask[t] = 1;
			k.entropy[t] = h[first + t].H;
			expect_near(h[first + t].H, H[first + t], ABS, REL, "H %d", first + t);
		}
		bench_weigh(&k, 0);
		expect_near(k.s.loss,
			    golden_real(golden_get(want, reference ? "loss_reference_mask"
								   : "loss_aligned")),
			    ABS, REL, "reference %d", reference);
		expect_near(k.s.entropy_mean, k.s.loss, ABS, REL, "the loss is the mean entropy");
		for (int t = 0; t < 4 && !reference; t++) {
			double got[4];

			cr_expect_eq(k.w_logp[t], 0.0);
			head_backward(&h[first + t], 0, 0.0, k.w_entropy[t], got);
			for (int v = 0; v < 4; v++)
				expect_near(got[v], dz[4 * (first + t) + v], ABS, REL, "dz");
		}
		bench_release(&k);
	}
	/* 1e-12 inside the logarithm, as the released code has it, is below single precision: no
	 * switch is made of it */
	for (int i = P; i < 6; i++)
		for (int v = 0; v < 4; v++)
			with_eps -= h[i].p[v] * ebb_log(h[i].p[v] + 1e-12) / 4.0;
	expect_near(with_eps, golden_real(golden_get(want, "loss_reference_mask_with_1e-12")), ABS,
		    REL, "with 1e-12");
	cr_expect_eq((float)with_eps, (float)golden_real(golden_get(want, "loss_reference_mask")));
	json_decref(file);
}

Test(golden, choice_of_prompts)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *s = section(file, "em_selection"), *want = golden_get(s, "expected");
	const int k = (int)golden_real(golden_get(golden_get(s, "inputs"), "k"));
	static const int ties[6] = {2, 8, 6, 4, 0, 2};
	double u[4], var[4], rate[4];
	int n[4], chosen[6];

	golden_vector(golden_get(golden_get(s, "inputs"), "successes"), 4, u);
	golden_vector(golden_get(want, "var"), 4, var);
	golden_vector(golden_get(want, "rate"), 4, rate);
	for (int i = 0; i < 4; i++) {
		n[i] = (int)u[i];
		cr_expect_eq((double)n[i] / k, rate[i]);
		expect_near(ebb_pass_variance(n[i], k), var[i], ABS, REL, "variance %d", i);
	}
	ebb_pass_select(n, 4, k, 1, chosen);
	cr_expect_eq(chosen[0], (int)golden_real(golden_get(want, "selected")));
	/* 2 and 6 of 8 are as uncertain: the lowest index, and in rising order */
	ebb_pass_select(ties, 6, 8, 3, chosen);
	cr_expect(chosen[0] == 0 && chosen[1] == 2 && chosen[2] == 3);
	ebb_pass_select(ties, 6, 8, 6, chosen);
	for (int i = 0; i < 6; i++)
		cr_expect_eq(chosen[i], i);
	json_decref(file);
}

/* ---- skewness ---- */

/* Mean, spread and skewness of a pool; tolerance of single precision where it says so. */
static void expect_moments(const struct ebb_skew_pool *p, json_t *want, bool single,
			   const char *what)
{
	const double abs = single ? 2e-6 : ABS, rel = single ? 2e-5 : REL, m = p->s1 / p->n;

	cr_expect_eq(p->n, golden_real(golden_get(want, "n")), "%s", what);
	expect_near(p->pivot + m, golden_real(golden_get(want, "mean")), abs, rel, "%s mean", what);
	expect_near(sqrt(p->s2 / p->n - m * m), golden_real(golden_get(want, "std")), abs, rel,
		    "%s spread", what);
	expect_near(ebb_skew(p), golden_real(golden_get(want, "skew")), abs, rel, "%s skewness",
		    what);
}

Test(golden, skewness_of_logits)
{
	json_t *file = golden_load("entropy-and-information.json"),
	       *s = section(file, "logit_skew");
	json_t *want = golden_get(s, "expected"), *params = golden_get(s, "params");
	const int k = (int)golden_real(golden_get(params, "k"));
	const double tau = golden_real(golden_get(params, "temperature"));
	struct ebb_skew_pool all = {0}, top = {0}, whole = {0};
	double z[18], weighted[3], mean = 0.0;
	float f[18];
	double work[6];

	golden_matrix(golden_get(golden_get(s, "inputs"), "logits"), 3, 6, z);
	golden_vector(golden_get(want, "prob_weighted_skew"), 3, weighted);
	for (int i = 0; i < 18; i++) {
		f[i] = (float)z[i];
		ebb_skew_add(&all, z[i], 1.0);
	}
	expect_moments(&all, golden_get(want, "pooled"), false, "pooled");
	for (int i = 0; i < 3; i++) {
		struct ebb_skew_pool one = {0};

		for (int v = 0; v < 6; v++)
			ebb_skew_add(&one, z[6 * i + v], 1.0);
		expect_moments(&one, json_array_get(golden_get(want, "per_position"), (size_t)i),
			       false, "one position");
		mean += ebb_skew(&one) / 3;
		/* logits come in single precision */
		expect_near(ebb_skew_weighted(f + 6 * i, 6, work), weighted[i], 2e-6, 2e-5,
			    "weighted %d", i);
		ebb_skew_reference(&top, f + 6 * i, 6, k, tau, work);
		ebb_skew_reference(&whole, f + 6 * i, 6, 50, tau, work);
	}
	expect_near(mean, golden_real(golden_get(want, "per_position_mean_skew")), ABS, REL,
		    "mean over positions");
	expect_moments(&top, golden_get(want, "topk_scaled"), true, "reference");
	expect_near(ebb_skew(&whole), ebb_skew(&all), 2e-6, 2e-5, "no scale, and nothing left out");
	json_decref(file);
}

Test(unit, largest_probability_and_candidates)
{
	const float z[5] = {0.0F, 2.0F, 2.0F, -20.0F, -3.0F};
	const double e0 = exp(0), e2 = exp(2), e3 = exp(-3), sum = e0 + 2 * e2 + e3 + exp(-20);
	double work[5];
	int n;

	expect_near(ebb_largest_probability(z, 5, 1.0, 0.01, &n, work), e2 / sum, ABS, REL,
		    "max p");
	cr_expect_eq(n, 3, "%g is no candidate", e3 / sum);
	ebb_largest_probability(z, 5, 100.0, 0.01, &n, work);
	cr_expect_eq(n, 5);
	cr_expect(isnan(ebb_skew_weighted((const float[]){1, 1, 1}, 3, work)),
		  "no spread, no skewness");
}

/* ---- the answer as a term of the loss ---- */

Test(golden, answer_in_the_loss)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *s = section(file, "gipo_intrinsic"), *in = golden_get(s, "inputs");
	json_t *want = golden_get(s, "expected");
	const double beta = golden_real(golden_get(golden_get(s, "params"), "beta"));
	static const enum ebb_info_norm norm[] = {EBB_INFO_SUM, EBB_INFO_MEAN, EBB_INFO_PROB,
						  EBB_INFO_GEO_PROB};
	static const char *const name[] = {"sum", "mean", "prob", "geo_prob"};
	double token[3], z[12], dJ[12], logp[4 * 4] = {0}, w_logp[16], w_entropy[16];
	int n_gold[2] = {3, 3};
	struct head h[3];
	struct bench k;

	golden_vector(golden_get(in, "answer_tokens"), 3, token);
	golden_matrix(golden_get(in, "answer_logits"), 3, 4, z);
	golden_matrix(golden_get(want, "direct_dJ_dz_sum"), 3, 4, dJ);
	/* two responses of four tokens, and the same answer after both of them */
	bench_init(&k, 2, 4, 1);
	k.o.loss.policy = EBB_POLICY_NONE;
	k.o.info.coef = beta;
	k.o.info.grad = EBB_INFO_DIRECT;
	k.b.ref = NULL;
	memset(k.mask, 1, 8);
	for (int j = 0; j < 3; j++) {
		head_forward(&h[j], z + 4 * j, 4, 1.0);
		logp[8 + j] = logp[12 + j] = h[j].log_p[(int)token[j]];
	}
	k.mb.logp = logp;
	k.mb.w_logp = w_logp;
	k.mb.w_entropy = w_entropy;
	k.mb.w_kl = NULL;
	k.mb.n_answers = 2;
	k.mb.n_gold = n_gold;
	for (int n = 0; n < 4; n++) {
		const double rho = golden_real(golden_get(want, name[n]));
		const double factor = n == 0 ? 1.0 : n == 1 ? 1.0 / 3 : n == 2 ? rho : rho / 3;

		k.o.info.norm = norm[n];
		memset(w_logp, 0xff, sizeof w_logp);
		cr_assert_eq(ebb_weigh_begin(&k.mb, NULL), 0);
		ebb_weigh_rows(&k.mb, 3, 1); /* in a cut that crosses into the answers */
		ebb_weigh_rows(&k.mb, 0, 3);
		ebb_weigh_finish(&k.mb, &k.s);
		expect_near(k.s.info_loss, -beta * rho, ABS, REL, "%s", name[n]);
		expect_near(k.s.loss, -beta * rho, ABS, REL, "%s: the whole loss", name[n]);
		for (int i = 2; i < 4; i++)
			for (int j = 0; j < 4; j++) {
				double dz[4];

				cr_expect_eq(w_entropy[4 * i + j], 0.0);
				if (j == 3) {
					cr_expect_eq(w_logp[4 * i + j], 0.0);
					continue;
				}
				head_backward(&h[j], (int)token[j], w_logp[4 * i + j], 0.0, dz);
				for (int v = 0; v < 4; v++) /* half of it from each response */
					expect_near(-2.0 * dz[v], factor * dJ[4 * j + v], ABS, REL,
						    "%s dz", name[n]);
			}
		for (int at = 0; at < 8; at++)
			cr_expect_eq(w_logp[at], 0.0, "responses have no term of their own");
	}
	/* below the floor the likelihood is a constant */
	k.o.info.norm = EBB_INFO_MEAN;
	k.o.info.logp_min = -1.0;
	cr_assert_eq(ebb_weigh_begin(&k.mb, NULL), 0);
	ebb_weigh_rows(&k.mb, 0, 4);
	ebb_weigh_finish(&k.mb, &k.s);
	cr_expect_eq(w_logp[8 + 2], 0.0);
	cr_expect_lt(w_logp[8], 0.0);
	/* a response that left the loss takes its answer along, and is not counted */
	memset(k.mask, 0, 4);
	k.o.info.logp_min = -20.0;
	cr_assert_eq(ebb_weigh_begin(&k.mb, NULL), 0);
	ebb_weigh_rows(&k.mb, 0, 4);
	ebb_weigh_finish(&k.mb, &k.s);
	cr_expect_eq(w_logp[8], 0.0);
	expect_near(w_logp[12], -beta / 3, ABS, REL, "alone");
	expect_near(k.s.info_loss, -beta * golden_real(golden_get(want, "mean")), ABS, REL,
		    "alone");
	bench_release(&k);
	json_decref(file);
}

/* Parts of the advantage add up: what the information reward brings, and the rest. */
Test(unit, share_of_the_information_reward)
{
	static const char *const combine[] = {"sum_then_norm", "norm_then_sum", "gated",
					      "gated_inverse"};
	static const struct ebb_catalog none = {0};
	struct ebb_prepare_stats s;
	struct ebb_err err;

	for (int c = 0; c < 4; c++)
		for (int all = 0; all < 3; all++) {
			char *text = ebb_xprintf("info.combine=%s info.coef=0.3", combine[c]);
			struct bench k;

			bench_init(&k, 4, 1, 1);
			cr_assert_eq(ebb_options_apply(&k.o, &none, text, &err), 0);
			for (int i = 0; i < 4; i++) {
				k.mask[i] = 1;
				k.length[i] = 1;
				k.reward[i] = all == 0 ? 0.0 : i % 2;
				k.info[i] = all == 1 ? -0.5 : -0.3 * (double)((i * 7) % 4);
			}
			k.b.ref = NULL;
			ebb_objective_shape(&k.o, &k.b);
			ebb_objective_prepare(&k.o, &k.b, 0.0, &s);
			if (all == 0 && c < 3) /* equal rewards: all of it is information */
				expect_near(s.info_share, 1.0, ABS, REL, "%s", text);
			else if (all == 0)
				cr_expect(isnan(s.info_share), "%s: no advantage at all", text);
			else if (all == 1 || c == 2) /* equal information, or gated off: none */
				expect_near(s.info_share, 0.0, ABS, REL, "%s", text);
			else
				cr_expect(s.info_share > -1.0 && s.info_share < 1.0 &&
						  s.info_share != 0.0,
					  "%s: %g", text, s.info_share);
			k.o.info.grad = EBB_INFO_DIRECT;
			ebb_objective_prepare(&k.o, &k.b, 0.0, &s);
			cr_expect(isnan(s.info_share), "no reward, no share");
			cr_expect(isfinite(s.info_mean), "rho is known all the same");
			bench_release(&k);
			free(text);
		}
}
