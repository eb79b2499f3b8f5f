/* The objective against the reference vectors of tests/golden. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "support.h"

#define ABS 1e-12
#define REL 1e-10

static const char *name_of(json_t *item)
{
	return json_string_value(golden_get(item, "name"));
}

static void expect_array(const double *got, json_t *want, int R, int T, const char *what)
{
	double *w = ebb_xcalloc((size_t)R * T, sizeof *w);

	golden_matrix(want, R, T, w);
	for (int k = 0; k < R * T; k++)
		expect_near(got[k], w[k], ABS, REL, "%s[%d][%d]", what, k / T, k % T);
	free(w);
}

static void expect_vector(const double *got, json_t *want, int n, const char *what)
{
	for (int i = 0; i < n; i++)
		expect_near(got[i], golden_real(json_array_get(want, (size_t)i)), ABS, REL,
			    "%s[%d]", what, i);
}

/* ---- policy gradient: cases ---- */

static void run_case(json_t *file, json_t *c)
{
	json_t *set = golden_get(golden_get(file, "datasets"),
				 json_string_value(golden_get(c, "dataset")));
	json_t *expect = golden_get(c, "expect"), *value, *dentropy;
	const char *name = name_of(c), *key;
	double whole, *w;
	struct bench k;

	golden_dataset(&k, set);
	w = ebb_xcalloc((size_t)k.R * k.T, sizeof *w);
	golden_config(&k.o, golden_get(c, "config"));
	golden_matrix(golden_get(c, "advantage"), k.R, k.T, k.A);
	for (int i = 0; i < k.R * k.T; i++)
		if (!k.mask[i])
			k.A[i] = NAN;
	k.mb.kl_coef = k.o.kl.coef;
	bench_weigh(&k, 0);
	expect_near(k.s.loss, golden_real(golden_get(expect, "loss")), ABS, REL, "%s loss", name);
	expect_array(k.w_logp, golden_get(expect, "dlogp"), k.R, k.T, name);
	dentropy = json_object_get(expect, "dentropy");
	if (dentropy)
		expect_array(k.w_entropy, dentropy, k.R, k.T, name);
	for (int i = 0; i < k.R * k.T; i++)
		if (!k.mask[i] || !dentropy)
			cr_expect_eq(k.w_entropy[i], 0.0, "%s: entropy coefficient at %d", name, i);
	json_object_foreach(golden_get(expect, "metrics"), key, value)
	{
		double got = NAN;

		cr_expect(golden_metric(&k.s, key, &got), "unknown metric '%s'", key);
		expect_near(got, golden_real(value), ABS, REL, "%s %s", name, key);
	}
	whole = k.s.loss;
	memcpy(w, k.w_logp, (size_t)k.R * k.T * sizeof *w);
	for (int cut = 1; cut < k.R; cut++) { /* micro-batches: the same bits */
		bench_weigh(&k, cut);
		cr_expect_eq(k.s.loss, whole, "%s, rows by %d", name, cut);
		cr_expect_arr_eq(k.w_logp, w, (size_t)k.R * k.T * sizeof *w, "%s, rows by %d", name,
				 cut);
	}
	free(w);
	bench_release(&k);
}

Test(golden, policy_gradient_cases)
{
	json_t *file = golden_load("policy-gradient.json"), *cases = golden_get(file, "cases"), *c;
	size_t i;

	cr_assert_eq(json_array_size(cases), 60);
	json_array_foreach(cases, i, c) run_case(file, c);
	json_decref(file);
}

Test(golden, tis_weights)
{
	json_t *file = golden_load("policy-gradient.json"), *c;
	size_t i;
	int seen = 0;

	json_array_foreach(golden_get(file, "cases"), i, c)
	{
		json_t *want = json_object_get(c, "tis_weight");
		struct ebb_tis_rule rule;
		struct ebb_counts n = {0};
		double *w;
		struct bench k;
		int count[8] = {0};

		if (!want)
			continue;
		seen++;
		golden_dataset(&k, golden_get(golden_get(file, "datasets"), "base"));
		golden_config(&k.o, golden_get(c, "config"));
		ebb_tis_rule_init(&rule, &k.o);
		for (int r = 0; r < k.R; r++) {
			for (int t = 0; t < k.T; t++)
				count[r] += k.mask[r * k.T + t];
			n.tokens += count[r];
			n.nonempty += count[r] > 0;
		}
		n.rows = k.R;
		n.n = count;
		w = ebb_xcalloc((size_t)k.R * k.T, sizeof *w);
		ebb_tis_fill(&rule, &k.b, k.row, &n, -100.0, w);
		expect_array(w, want, k.R, k.T, name_of(c));
		free(w);
		bench_release(&k);
	}
	cr_expect_eq(seen, 6);
	json_decref(file);
}

/* ---- policy gradient: advantages ---- */

/* Baseline of a group: the mean of its reference rewards. */
static void static_baseline(struct bench *k, json_t *rewards)
{
	for (int g = 0; g < k->b.n_groups; g++) {
		char key[16];
		json_t *list;
		double sum = 0.0;

		snprintf(key, sizeof key, "%d", g);
		list = golden_get(rewards, key);
		for (size_t j = 0; j < json_array_size(list); j++)
			sum += golden_real(json_array_get(list, j));
		k->baseline[g] = sum / (double)json_array_size(list);
	}
}

static void advantage_bench(struct bench *k, json_t *file, json_t *item)
{
	json_t *input = json_object_get(item, "input");
	int R;

	if (!input) {
		golden_dataset(k, golden_get(golden_get(file, "datasets"), "base"));
		return;
	}
	R = (int)json_array_size(golden_get(input, "group"));
	bench_init(k, R, 1, R);
	golden_vector(golden_get(input, "reward"), R, k->reward);
	for (int i = 0; i < R; i++) {
		k->group[i] = (int)json_integer_value(
			json_array_get(golden_get(input, "group"), (size_t)i));
		k->mask[i] = 1;
		k->length[i] = 1;
	}
}

Test(golden, advantages)
{
	json_t *file = golden_load("policy-gradient.json"), *item;
	json_t *list = golden_get(file, "advantages");
	size_t at;

	cr_assert_eq(json_array_size(list), 17);
	json_array_foreach(list, at, item)
	{
		json_t *config = golden_get(item, "config"), *want = golden_get(item, "expect");
		struct bench k;

		advantage_bench(&k, file, item);
		golden_config(&k.o, config);
		if (json_object_get(config, "ref_rewards"))
			static_baseline(&k, json_object_get(config, "ref_rewards"));
		if (!json_object_get(config, "scale"))
			k.o.advantage.scale = EBB_SCALE_NONE; /* of the file */
		ebb_objective_shape(&k.o, &k.b);
		ebb_objective_prepare(&k.o, &k.b, k.o.kl.coef, NULL);
		for (int i = 0; i < k.R; i++) {
			json_t *row = json_array_get(want, (size_t)i);

			for (int t = 0; t < k.T; t++) {
				const double w = golden_real(
					json_is_array(row) ? json_array_get(row, (size_t)t) : row);

				expect_near(k.A[i * k.T + t], k.mask[i * k.T + t] ? w : 0.0, ABS,
					    REL, "%s[%d][%d]", name_of(item), i, t);
			}
		}
		bench_release(&k);
	}
	json_decref(file);
}

/* KL in the reward, outside: with no baseline and no scale the advantage is the sum of the token
 * rewards still to come, so its differences are the token rewards. */
Test(golden, token_rewards_and_whitening)
{
	json_t *file = golden_load("policy-gradient.json"), *item;
	int seen = 0;
	size_t at;

	json_array_foreach(golden_get(file, "gae"), at, item)
	{
		json_t *config = golden_get(item, "config"), *want = golden_get(item, "expect");
		struct bench k;
		bool all[8];

		golden_dataset(&k, golden_get(golden_get(file, "datasets"), "base"));
		if (json_object_get(config, "kl_est")) {
			k.o.kl.place = EBB_KL_REWARD;
			k.o.kl.coef = json_number_value(golden_get(config, "kl_coef"));
			k.o.kl.estimator = (enum ebb_kl_estimator)(
				json_string_value(golden_get(config, "kl_est"))[1] - '1');
			seen++;
		}
		k.o.advantage.center = EBB_CENTER_NONE;
		k.o.advantage.scale = EBB_SCALE_NONE;
		ebb_objective_shape(&k.o, &k.b);
		ebb_objective_prepare(&k.o, &k.b, k.o.kl.coef, NULL);
		for (int i = 0; i < k.R; i++)
			for (int t = 0; t < k.length[i]; t++)
				k.A[i * k.T + t] -=
					t + 1 < k.length[i] ? k.A[i * k.T + t + 1] : 0.0;
		expect_array(k.A, golden_get(want, "token_reward"), k.R, k.T, name_of(item));

		for (int i = 0; i < k.R; i++)
			all[i] = true;
		for (int ddof = 1; ddof >= 0; ddof--) {
			json_t *w = json_object_get(want,
						    ddof ? "adv_whitened" : "adv_whitened_popvar");
			if (!w)
				continue;
			golden_matrix(golden_get(want, "adv_raw"), k.R, k.T, k.A);
			ebb_whiten(k.A, k.mask, all, k.R, k.T, ddof);
			expect_array(k.A, w, k.R, k.T, name_of(item));
			seen++;
		}
		bench_release(&k);
	}
	cr_expect_geq(seen, 6, "only %d whitened or shaped arrays compared", seen);
	json_decref(file);
}

/* The soft penalty and the filter, run through shape and prepare, give the cases' own inputs. */
Test(golden, overlong_shaping_and_filter)
{
	json_t *file = golden_load("policy-gradient.json"), *c;
	int shaped = 0, filtered = 0;
	size_t at;

	json_array_foreach(golden_get(file, "cases"), at, c)
	{
		json_t *want = json_object_get(c, "shaped_reward");
		json_t *truncated = json_object_get(c, "truncated");
		const char *name = name_of(c);
		struct bench k;

		if (!want && !truncated)
			continue;
		golden_dataset(&k, golden_get(golden_get(file, "datasets"), "base"));
		if (want) {
			double w[8];

			k.o.overlong.mode = EBB_OVERLONG_SOFT;
			k.o.overlong.max = 4;
			k.o.overlong.cache = 2;
			ebb_objective_shape(&k.o, &k.b);
			golden_vector(want, k.R, w);
			for (int i = 0; i < k.R; i++)
				expect_near(k.shaped[i], w[i], ABS, REL, "%s shaped[%d]", name, i);
			shaped++;
		} else {
			k.o.overlong.mode = EBB_OVERLONG_FILTER;
			for (int i = 0; i < k.R; i++)
				k.truncated[i] =
					json_number_value(json_array_get(truncated, (size_t)i)) !=
						0.0 ||
					json_is_true(json_array_get(truncated, (size_t)i));
			ebb_objective_shape(&k.o, &k.b);
			filtered++;
		}
		ebb_objective_prepare(&k.o, &k.b, 0.0, NULL);
		for (int i = 0; truncated && i < k.R; i++)
			for (int t = 0; t < k.T; t++)
				cr_expect(!k.truncated[i] || !k.mask[i * k.T + t],
					  "%s: row %d stays in the mask", name, i);
		for (int i = 0; i < k.R; i++)
			for (int t = 0; t < k.T; t++) {
				json_t *row = json_array_get(golden_get(c, "advantage"), (size_t)i);

				if (k.mask[i * k.T + t])
					expect_near(k.A[i * k.T + t],
						    golden_real(json_array_get(row, (size_t)t)),
						    ABS, REL, "%s advantage[%d][%d]", name, i, t);
			}
		bench_release(&k);
	}
	cr_expect_eq(shaped, 3);
	cr_expect_eq(filtered, 2);
	json_decref(file);
}

/* ---- policy gradient: exact expectations ---- */

Test(golden, kl_categorical)
{
	json_t *file = golden_load("policy-gradient.json"), *j = golden_get(file, "kl_categorical");
	json_t *off = golden_get(j, "off_policy");
	const char *const names[] = {"k1", "k2", "k3"};
	double z[4], zr[4], b[4], reverse = 0.0, forward = 0.0;
	struct head p, q;

	golden_vector(golden_get(j, "logits"), 4, z);
	golden_vector(golden_get(j, "ref_logits"), 4, zr);
	golden_vector(golden_get(off, "behaviour"), 4, b);
	head_forward(&p, z, 4, 1.0);
	head_forward(&q, zr, 4, 1.0);
	expect_vector(p.p, golden_get(j, "p"), 4, "p");
	expect_vector(q.p, golden_get(j, "q"), 4, "q");
	for (int a = 0; a < 4; a++) {
		reverse += p.p[a] * (p.log_p[a] - q.log_p[a]);
		forward += q.p[a] * (q.log_p[a] - p.log_p[a]);
	}
	expect_near(reverse, golden_real(golden_get(j, "kl_reverse")), ABS, REL, "exact KL");
	expect_near(forward, golden_real(golden_get(j, "kl_forward")), ABS, REL, "the other way");
	for (int e = EBB_KL_K1; e <= EBB_KL_K3; e++) {
		double mean = 0.0, square = 0.0, loss[4] = {0}, reward[4] = {0}, far[4] = {0};
		json_t *other;

		for (int a = 0; a < 4; a++) {
			const struct ebb_term k =
				ebb_kl_term(e, p.log_p[a] - q.log_p[a], 20.0, 1.0, 0);
			double dz[4];

			mean += p.p[a] * k.value;
			square += p.p[a] * k.value * k.value;
			head_backward(&p, a, k.slope, 0.0, dz);
			for (int v = 0; v < 4; v++) {
				loss[v] += p.p[a] * dz[v];
				far[v] += b[a] * dz[v];
			}
			head_backward(&p, a, k.value, 0.0, dz);
			for (int v = 0; v < 4; v++)
				reward[v] += p.p[a] * dz[v];
		}
		expect_near(mean,
			    golden_real(golden_get(golden_get(j, "expected_value"), names[e])), ABS,
			    REL, "E %s", names[e]);
		expect_near(square - mean * mean,
			    golden_real(golden_get(golden_get(j, "variance"), names[e])), ABS, REL,
			    "var %s", names[e]);
		expect_vector(loss, golden_get(golden_get(j, "expected_grad_as_loss"), names[e]), 4,
			      "gradient in the loss");
		if (e == EBB_KL_K3)
			expect_vector(loss, golden_get(j, "grad_kl_forward"), 4,
				      "k3 in the loss goes the other way");
		expect_vector(reward,
			      golden_get(golden_get(j, "expected_grad_in_reward"), names[e]), 4,
			      "gradient in the reward");
		other = json_object_get(off, e == EBB_KL_K2   ? "expected_grad_k2"
					     : e == EBB_KL_K3 ? "expected_grad_k3"
							      : "none");
		if (other)
			expect_vector(far, other, 4, "off-policy gradient");
	}
	/* k3_is: tokens drawn from elsewhere, ratio p / b, still the gradient of the reverse KL. */
	double sum[4] = {0};

	for (int a = 0; a < 4; a++) {
		const struct ebb_term k =
			ebb_kl_term(EBB_KL_K3_IS, p.log_p[a] - q.log_p[a], 20.0, p.p[a] / b[a], 0);
		double dz[4];

		head_backward(&p, a, k.slope, 0.0, dz);
		for (int v = 0; v < 4; v++)
			sum[v] += b[a] * dz[v];
	}
	expect_vector(sum, golden_get(off, "expected_grad_k3_is"), 4, "k3_is");
	expect_vector(sum, golden_get(j, "grad_kl_reverse"), 4, "k3_is is exact");
	json_decref(file);
}

/* Two steps over two tokens: state 0, then the state after token 0 or 1. */
Test(golden, kl_sequence)
{
	json_t *file = golden_load("policy-gradient.json"), *j = golden_get(file, "kl_sequence");
	const char *const names[] = {"expected_grad_k1_in_loss", "expected_grad_k2_in_loss",
				     "expected_grad_k3_in_loss"};
	double z[6], zr[6], kl = 0.0, togo[6] = {0}, loss[3][6] = {{0}};
	struct head p[3], q[3];

	golden_matrix(golden_get(j, "logits"), 3, 2, z);
	golden_matrix(golden_get(j, "ref_logits"), 3, 2, zr);
	for (int s = 0; s < 3; s++) {
		head_forward(&p[s], z + 2 * s, 2, 1.0);
		head_forward(&q[s], zr + 2 * s, 2, 1.0);
	}
	for (int a = 0; a < 2; a++)
		for (int c = 0; c < 2; c++) {
			const double prob = p[0].p[a] * p[1 + a].p[c];
			const double D[2] = {p[0].log_p[a] - q[0].log_p[a],
					     p[1 + a].log_p[c] - q[1 + a].log_p[c]};
			const int state[2] = {0, 1 + a}, token[2] = {a, c};

			kl += prob * (D[0] + D[1]);
			for (int t = 0; t < 2; t++) {
				double dz[2];

				head_backward(&p[state[t]], token[t], t == 0 ? D[0] + D[1] : D[1],
					      0.0, dz);
				for (int v = 0; v < 2; v++)
					togo[2 * state[t] + v] += prob * dz[v];
				for (int e = EBB_KL_K1; e <= EBB_KL_K3; e++) {
					const struct ebb_term k =
						ebb_kl_term(e, D[t], 20.0, 1.0, 0);

					head_backward(&p[state[t]], token[t], k.slope, 0.0, dz);
					for (int v = 0; v < 2; v++)
						loss[e][2 * state[t] + v] += prob * dz[v];
				}
			}
		}
	expect_near(kl, golden_real(golden_get(j, "kl_sequence")), ABS, REL, "sequence KL");
	expect_vector(togo, golden_get(j, "expected_grad_k1_in_reward_to_go"), 6,
		      "k1 in the reward");
	expect_vector(togo, golden_get(j, "grad_kl_sequence"), 6, "true gradient");
	for (int e = 0; e < 3; e++)
		expect_vector(loss[e], golden_get(j, names[e]), 6, names[e]);
	json_decref(file);
}

Test(golden, head_chain)
{
	json_t *file = golden_load("policy-gradient.json"), *j = golden_get(file, "head_chain");
	json_t *expect = golden_get(j, "expect");
	const int token = (int)json_integer_value(golden_get(j, "token"));
	double z[5], dz[5];
	struct head h;

	golden_vector(golden_get(j, "logits"), 5, z);
	head_forward(&h, z, 5, golden_real(golden_get(j, "temperature")));
	expect_near(h.log_p[token], golden_real(golden_get(expect, "logp")), ABS, REL, "logp");
	expect_near(h.H, golden_real(golden_get(expect, "entropy")), ABS, REL, "entropy");
	head_backward(&h, token, golden_real(golden_get(j, "upstream_dlogp")),
		      golden_real(golden_get(j, "upstream_dentropy")), dz);
	expect_vector(dz, golden_get(expect, "dlogits"), 5, "dlogits");
	json_decref(file);
}

/* ---- policy gradient: small tables ---- */

Test(golden, small_tables)
{
	json_t *file = golden_load("policy-gradient.json"), *e;
	double coef = 0.1, u_high, u_low;
	struct ebb_options o;
	size_t i;

	json_array_foreach(golden_get(file, "overlong_penalty"), i, e)
		expect_near(ebb_overlong_penalty(golden_real(golden_get(e, "l_max")),
						 golden_real(golden_get(e, "l_cache")),
						 golden_real(golden_get(e, "factor")),
						 (int)golden_real(golden_get(e, "length"))),
			    golden_real(golden_get(e, "penalty")), ABS, REL, "penalty %zu", i);
	json_array_foreach(golden_get(file, "degenerate_probability"), i, e)
	{
		const double p = golden_real(golden_get(e, "p"));
		const int G = (int)golden_real(golden_get(e, "G"));

		expect_near(ebb_degenerate_probability(p, G),
			    golden_real(golden_get(e, "degenerate")), ABS, REL, "degenerate %zu",
			    i);
		expect_near(ebb_power(p, G), golden_real(golden_get(e, "all_correct")), ABS, REL,
			    "all correct %zu", i);
		expect_near(ebb_power(1.0 - p, G), golden_real(golden_get(e, "all_wrong")), ABS,
			    REL, "all wrong %zu", i);
	}
	options_default(&o);
	o.kl.controller = EBB_KL_ADAPTIVE;
	json_array_foreach(golden_get(file, "adaptive_kl"), i, e)
	{
		const double before = coef;

		o.kl.target = golden_real(golden_get(e, "target"));
		o.kl.horizon = golden_real(golden_get(e, "horizon"));
		coef = ebb_kl_adapt(&o, coef, golden_real(golden_get(e, "kl")),
				    (int)golden_real(golden_get(e, "n")));
		expect_near(coef, golden_real(golden_get(e, "beta_after")), ABS, REL, "coef %zu",
			    i);
		expect_near(coef / before, golden_real(golden_get(e, "multiplier")), ABS, REL,
			    "multiplier %zu", i);
	}
	o.kl.controller = EBB_KL_FIXED;
	cr_expect_eq(ebb_kl_adapt(&o, 0.3, 100.0, 512), 0.3);
	/* Where others clamp the value of k3 to 10: here the value runs through and pulls on. */
	e = golden_get(file, "k3_value_clamp_10");
	u_high = golden_real(golden_get(e, "u_high"));
	u_low = golden_real(golden_get(e, "u_low"));
	expect_near(ebb_kl_term(EBB_KL_K3, -u_high, 20.0, 1.0, 0).value, 10.0, 1e-9, 0.0, "k3");
	expect_near(ebb_kl_term(EBB_KL_K3, -u_low, 20.0, 1.0, 0).value, 10.0, 1e-9, 0.0, "k3");
	cr_expect_gt(ebb_kl_term(EBB_KL_K3, -u_high - 0.1, 20.0, 1.0, 0).value, 10.0);
	cr_expect_lt(ebb_kl_term(EBB_KL_K3, -u_high - 0.1, 20.0, 1.0, 0).slope, -10.0);
	json_decref(file);
}

Test(golden, dynamic_sampling)
{
	json_t *file = golden_load("policy-gradient.json");
	json_t *j = golden_get(file, "dynamic_sampling"), *expect = golden_get(j, "expect");
	json_t *groups = golden_get(j, "groups");
	const int n = (int)json_array_size(groups), G = 3;
	const char *const names[] = {"keep_by_accuracy", "keep_by_final_reward"};
	const enum ebb_dynamic_on on[] = {EBB_DYNAMIC_CORRECT, EBB_DYNAMIC_SHAPED};
	struct ebb_prepare_stats s;
	double want[8];
	bool keep[8];
	struct bench k;

	bench_init(&k, n * G, 1, n);
	for (int g = 0; g < n; g++) {
		json_t *group = json_array_get(groups, (size_t)g);

		golden_vector(golden_get(group, "rewards"), G, k.shaped + g * G);
		golden_vector(golden_get(group, "correct"), G, k.reward + g * G);
		for (int i = 0; i < G; i++) {
			k.group[g * G + i] = g;
			k.mask[g * G + i] = 1;
		}
	}
	for (int m = 0; m < 2; m++) {
		k.o.dynamic.on = on[m];
		ebb_objective_keep(&k.o, &k.b, keep);
		golden_vector(golden_get(expect, names[m]), n, want);
		for (int g = 0; g < n; g++)
			cr_expect_eq(keep[g], want[g] != 0.0, "%s, group %d", names[m], g);
	}
	ebb_objective_prepare(&k.o, &k.b, 0.0, &s);
	expect_near(s.all_correct_frac, golden_real(golden_get(expect, "all_correct_frac")), ABS,
		    REL, "all correct");
	expect_near(s.all_wrong_frac, golden_real(golden_get(expect, "all_wrong_frac")), ABS, REL,
		    "all wrong");
	expect_near(s.degenerate_frac,
		    golden_real(golden_get(expect, "degenerate_frac_by_final_reward")), ABS, REL,
		    "degenerate");
	bench_release(&k);
	json_decref(file);
}
