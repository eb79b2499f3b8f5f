/* What tests/golden/entropy-and-information.json says on the way to its results: the sets of tokens
 * that a selection goes through, exactly, and the moments behind the statistics of a batch. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "objective/covariance.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

enum { R = 4, T = 6 };

static json_t *section(json_t *file, const char *name)
{
	return golden_get(golden_get(file, "sections"), name);
}

static void batch_init(struct bench *k, double key[R * T], json_t *file)
{
	json_t *j = golden_get(file, "token_batch");
	double mask[R * T];

	bench_init(k, R, T, 1);
	golden_matrix(golden_get(j, "mask"), R, T, mask);
	golden_matrix(golden_get(j, "logp"), R, T, k->logp);
	golden_matrix(golden_get(j, "old_logp"), R, T, k->old);
	golden_matrix(golden_get(j, "adv"), R, T, k->A);
	golden_matrix(golden_get(j, "keys"), R, T, key);
	for (int i = 0; i < R * T; i++) {
		k->mask[i] = mask[i] != 0.0;
		if (!k->mask[i])
			k->logp[i] = k->old[i] = k->A[i] = key[i] = NAN;
	}
	k->mb.select_key = key;
	k->o.loss.aggregate = EBB_AGGREGATE_TOKEN_MEAN;
}

/* A list of [row, column] as flags. */
static void golden_set(json_t *list, unsigned char set[R * T])
{
	json_t *pair;
	size_t i;

	memset(set, 0, R * T);
	json_array_foreach(list, i, pair)
	{
		double at[2];

		golden_vector(pair, 2, at);
		set[(int)at[0] * T + (int)at[1]] = 1;
	}
}

static int size_of(const unsigned char set[R * T])
{
	int n = 0;

	for (int i = 0; i < R * T; i++)
		n += set[i];
	return n;
}

static void expect_set(const unsigned char *got, json_t *list, const char *what, size_t c)
{
	unsigned char want[R * T];

	golden_set(list, want);
	for (int i = 0; i < R * T; i++)
		cr_expect_eq(got[i], want[i], "%s, case %zu, [%d][%d]", what, c, i / T, i % T);
}

/* Tokens without a gradient whose ratio the clip lets pass: Clip-Cov chose them. */
static void left_out(const struct bench *k, unsigned char set[R * T])
{
	for (int i = 0; i < R * T; i++)
		set[i] = k->mask[i] && k->w_logp[i] == 0.0 && k->mb.mark[i] == EBB_CLIP_NOT;
}

Test(golden, clip_cov_sets)
{
	json_t *file = golden_load("entropy-and-information.json"), *row;
	unsigned char mark[R * T], set[R * T];
	double key[R * T];
	struct bench k;
	size_t c;

	json_array_foreach(golden_get(section(file, "clip_cov"), "cases"), c, row)
	{
		json_t *p = golden_get(row, "params"), *want = golden_get(row, "expected");

		batch_init(&k, key, file);
		k.mb.mark = mark;
		k.o.loss.policy = EBB_POLICY_CLIP_COV;
		k.o.clip.low = golden_real(golden_get(p, "eps_low"));
		k.o.clip.high = golden_real(golden_get(p, "eps_high"));
		k.o.covariance.fraction = golden_real(golden_get(p, "ratio"));
		k.o.covariance.low = golden_real(golden_get(p, "lb"));
		k.o.covariance.high = golden_real(golden_get(p, "ub"));
		bench_weigh(&k, 0);
		for (int i = 0; i < R * T; i++)
			set[i] = mark[i] == EBB_CLIP_LOW || mark[i] == EBB_CLIP_HIGH;
		expect_set(set, golden_get(want, "ppo_clipped"), "clipped", c);
		left_out(&k, set);
		expect_set(set, golden_get(want, "selected"), "selected", c);
		cr_expect_eq(size_of(set), golden_real(golden_get(want, "num_to_select")));
		expect_near(k.s.ppo_kl, golden_real(golden_get(want, "approx_kl")), ABS, REL,
			    "mean log ratio, case %zu", c);
		k.o.covariance.fraction = 1.0; /* all that could be chosen */
		bench_weigh(&k, 0);
		left_out(&k, set);
		expect_set(set, golden_get(want, "candidates"), "candidates", c);
		bench_release(&k);
	}
	json_decref(file);
}

/* The penalty k1 moves every token it is laid on: what it changes was chosen. */
Test(golden, kl_cov_sets)
{
	json_t *file = golden_load("entropy-and-information.json"), *cases, *row;
	double key[R * T], plain[R * T];
	unsigned char set[R * T];
	struct bench k;
	size_t c;

	cases = golden_get(section(file, "kl_cov"), "cases");
	json_array_foreach(cases, c, row)
	{
		json_t *p = golden_get(row, "params"), *want = golden_get(row, "expected");

		batch_init(&k, key, file);
		k.o.loss.policy = EBB_POLICY_KL_COV;
		k.o.covariance.fraction = golden_real(golden_get(p, "k"));
		k.o.covariance.penalty = EBB_PENALTY_K1;
		k.o.covariance.coef = 0.0;
		if (c == json_array_size(cases) - 1) /* old = current */
			memcpy(k.old, k.logp, R * T * sizeof *k.old);
		bench_weigh(&k, 0);
		memcpy(plain, k.w_logp, sizeof plain);
		k.o.covariance.coef = golden_real(golden_get(p, "coef"));
		bench_weigh(&k, 0);
		for (int i = 0; i < R * T; i++)
			set[i] = k.w_logp[i] != plain[i];
		expect_set(set, golden_get(want, "selected"), "selected", c);
		cr_expect_eq(size_of(set), golden_real(golden_get(want, "num_selected")));
		expect_near(k.s.drift_abs, golden_real(golden_get(want, "abs_kl_mean")), ABS, REL,
			    "mean distance, case %zu", c);
		bench_release(&k);
	}
	json_decref(file);
}

/* The same covariance as the statistics of a batch whose advantages are its rewards. */
Test(golden, cov_token_statistics)
{
	json_t *file = golden_load("entropy-and-information.json"), *row;
	json_t *want = golden_get(section(file, "cov_token"), "expected");
	json_t *fraction =
		golden_get(golden_get(section(file, "cov_token"), "params"), "fractions");
	double key[R * T], c[R * T], logp[R * T], A[R * T], mean = 0.0, sum = 0.0;
	struct ebb_prepare_stats s;
	struct bench k;
	int64_t n = 0;
	size_t i;

	batch_init(&k, key, file);
	for (int t = 0; t < R * T; t++)
		if (k.mask[t]) {
			logp[n] = k.logp[t];
			A[n++] = k.A[t];
			mean += k.logp[t];
		}
	expect_near(mean / (double)n, golden_real(golden_get(want, "mean_logp")), ABS, REL,
		    "log p");
	ebb_covariance_batch(logp, A, n, c);
	ebb_covariance_sort(c, n);
	json_array_foreach(golden_get(want, "concentration"), i, row)
	{
		const double q = golden_real(golden_get(row, "fraction"));
		const int count = (int)golden_real(golden_get(row, "count"));
		double top = 0.0;

		cr_expect_eq(q, golden_real(json_array_get(fraction, i)));
		for (int t = 0; t < count; t++)
			top += c[t];
		expect_near(ebb_covariance_top(c, n, q), top / count, ABS, REL, "top %d", count);
		expect_near(ebb_covariance_top(c, n, q) / ebb_covariance_top(c, n, 1.0),
			    golden_real(golden_get(row, "ratio_to_all")), ABS, REL, "ratio %zu", i);
	}
	/* all advantages are the response's reward, and old is what is measured */
	k.o.advantage.center = EBB_CENTER_NONE;
	k.o.advantage.scale = EBB_SCALE_NONE;
	memcpy(k.old, k.logp, R * T * sizeof *k.old);
	for (int r = 0; r < R; r++)
		k.reward[r] = k.A[r * T];
	ebb_objective_shape(&k.o, &k.b);
	ebb_objective_prepare(&k.o, &k.b, 0.0, &s);
	expect_near(s.adv_mean, golden_real(golden_get(want, "mean_adv")), ABS, REL, "advantage");
	expect_near(s.cov_mean, golden_real(golden_get(want, "mean_cov")), ABS, REL, "covariance");
	expect_near(s.cov_positive * (double)n, golden_real(golden_get(want, "num_positive")), ABS,
		    REL, "positive");
	for (int t = 0; t < 5; t++) {
		static const double share[] = {0.0002, 0.002, 0.02, 0.2, 0.5};

		sum = ebb_covariance_top(c, n, share[t]);
		if (t > 0)
			expect_near(s.cov_top[t], sum, ABS, REL, "statistic %d", t);
		else
			cr_expect(isnan(s.cov_top[t]), "0.02 %% of 21 tokens is none");
	}
	bench_release(&k);
	json_decref(file);
}

/* Two groups of four responses of one token, whose advantages are their rewards. */
Test(golden, cov_group_statistics)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "cov_group"), *in = golden_get(j, "inputs");
	json_t *want = golden_get(j, "expected");
	struct ebb_prepare_stats s;
	struct bench k;

	bench_init(&k, 8, 1, 2);
	golden_matrix(golden_get(in, "seq_mean_logp"), 2, 4, k.old);
	golden_matrix(golden_get(in, "seq_adv"), 2, 4, k.reward);
	for (int i = 0; i < 8; i++) {
		k.group[i] = i / 4;
		k.mask[i] = 1;
		k.length[i] = 1;
	}
	k.o.advantage.center = EBB_CENTER_NONE;
	k.o.advantage.scale = EBB_SCALE_NONE;
	ebb_objective_shape(&k.o, &k.b);
	ebb_objective_prepare(&k.o, &k.b, 0.0, &s);
	expect_near(s.cov_group, golden_real(golden_get(want, "npg_mean")), ABS, REL, "npg");
	expect_near(s.cov_group_pg, golden_real(golden_get(want, "pg_mean")), ABS, REL, "pg");
	bench_release(&k);
	json_decref(file);
}

/* The score that a response's covariance multiplies A by: standardised, so c = A s. */
Test(golden, cov_response_scores)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "cov_response"), *want = golden_get(j, "expected");
	json_t *shared = golden_get(file, "shared_batch");
	const double eps = golden_real(golden_get(golden_get(j, "params"), "eps"));
	const double one[T] = {1, 1, 1, 1, 1, 1};
	double key[R * T], token[4], z[4], x[T], s[T], got[T];
	struct bench k;

	batch_init(&k, key, file);
	golden_vector(json_array_get(golden_get(shared, "tokens"), 0), 4, token);
	for (int part = 0; part < 2; part++) {
		json_t *half = golden_get(want, part ? "logit" : "logprob");
		const int n = part ? 3 : T;
		double mean = 0.0, var = 0.0;

		for (int t = 0; t < n; t++) {
			golden_vector(
				json_array_get(json_array_get(golden_get(shared, "logits"), 0),
					       (size_t)(part ? t : 0)),
				4, z);
			x[t] = part ? z[(int)token[t]] : k.logp[t];
			mean += x[t] / n;
		}
		for (int t = 0; t < n; t++)
			var += (x[t] - mean) * (x[t] - mean) / n;
		expect_near(mean, golden_real(golden_get(half, "mean")), ABS, REL, "mean");
		expect_near(var, golden_real(golden_get(half, "var")), ABS, REL, "variance");
		golden_vector(golden_get(half, "s"), n, s);
		ebb_covariance_response(x, one, n, got);
		for (int t = 0; t < n; t++) {
			expect_near(got[t], s[t], ABS, REL, "score %d", t);
			expect_near((x[t] - mean) / (sqrt(var) + eps), s[t], ABS, REL, "by hand");
		}
	}
	bench_release(&k);
	json_decref(file);
}

/* The sum that is normalised, and what it is normalised by. */
Test(golden, information_sums)
{
	json_t *file = golden_load("entropy-and-information.json"), *c;
	json_t *j = section(file, "gipo_combine"), *params = golden_get(j, "params");
	double info[4], reward[4], want[4], value[4], centre[4], divisor[4];
	const bool counted[4] = {true, true, true, true};
	struct ebb_component part = {.value = value, .baseline = centre, .divisor = divisor};
	struct bench k;
	size_t at;

	bench_init(&k, 4, 1, 1);
	golden_vector(golden_get(golden_get(j, "inputs"), "r_int"), 4, info);
	k.o.advantage.std_ddof = (int64_t)golden_real(golden_get(params, "ddof"));
	k.o.advantage.std_eps = golden_real(golden_get(params, "eps"));
	json_array_foreach(golden_get(j, "cases"), at, c)
	{
		golden_vector(golden_get(c, "r_ext"), 4, reward);
		golden_vector(golden_get(c, "total"), 4, want);
		for (int i = 0; i < 4; i++) {
			value[i] = reward[i] + golden_real(golden_get(c, "beta")) * info[i];
			expect_near(value[i], want[i], ABS, REL, "total %d, case %zu", i, at);
		}
		ebb_component_fill(&k.o, &k.b, counted, NULL, &part);
		expect_near(centre[0], golden_real(golden_get(c, "mean")), ABS, REL, "mean %zu",
			    at);
		expect_near(divisor[0] - k.o.advantage.std_eps, golden_real(golden_get(c, "std")),
			    1e-12, REL, "std %zu", at);
	}
	bench_release(&k);
	json_decref(file);
}
