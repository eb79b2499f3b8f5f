/* Covariance scores, Clip-Cov, KL-Cov and IBRO against tests/golden/entropy-and-information.json. */
#include <criterion/criterion.h>
#include <math.h>
#include "objective/covariance.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

enum { R = 4, T = 6 };

static json_t *section(json_t *file, const char *name)
{
	return golden_get(golden_get(file, "sections"), name);
}

/* The batch of tokens: log-probabilities, advantages, and keys in the place of random numbers. */
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

static int tokens_of(const struct bench *k, double *logp, double *A)
{
	int n = 0;

	for (int i = 0; i < R * T; i++)
		if (k->mask[i]) {
			logp[n] = k->logp[i];
			A[n++] = k->A[i];
		}
	return n;
}

Test(golden, cov_token)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "cov_token"), *want = golden_get(j, "expected"), *row;
	double key[R * T], cov[R * T], logp[R * T], A[R * T], c[R * T], sum = 0.0;
	int n, at = 0, positive = 0;
	struct bench k;
	size_t i;

	batch_init(&k, key, file);
	n = tokens_of(&k, logp, A);
	cr_assert_eq(n, (int)golden_real(golden_get(want, "num_tokens")));
	golden_matrix(golden_get(want, "cov"), R, T, cov);
	ebb_covariance_batch(logp, A, n, c);
	for (int t = 0; t < R * T; t++)
		if (k.mask[t]) {
			expect_near(c[at], cov[t], ABS, REL, "cov %d", t);
			positive += c[at] > 0.0;
			sum += c[at++];
		}
	expect_near(sum / n, golden_real(golden_get(want, "mean_cov")), ABS, REL, "mean");
	cr_expect_eq(positive, (int)golden_real(golden_get(want, "num_positive")));
	ebb_covariance_sort(c, n);
	json_array_foreach(golden_get(want, "concentration"), i, row)
		expect_near(ebb_covariance_top(c, n, golden_real(golden_get(row, "fraction"))),
			    golden_real(golden_get(row, "mean")), ABS, REL, "top %zu", i);
	bench_release(&k);
	json_decref(file);
}

Test(golden, cov_response)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *want = golden_get(section(file, "cov_response"), "expected");
	json_t *shared = golden_get(file, "shared_batch"), *half;
	double key[R * T], c[T], expected[T], x[3], A[3], token[4], z[4], adv[4];
	struct bench k;

	batch_init(&k, key, file);
	half = golden_get(want, "logprob");
	golden_vector(golden_get(half, "c"), T, expected);
	ebb_covariance_response(k.logp, k.A, T, c);
	for (int t = 0; t < T; t++)
		expect_near(c[t], expected[t], ABS, REL, "log-probabilities, token %d", t);

	/* the raw logit of the drawn token in the place of its log-probability */
	half = golden_get(want, "logit");
	golden_vector(golden_get(half, "c"), 3, expected);
	golden_vector(json_array_get(golden_get(shared, "tokens"), 0), 4, token);
	golden_vector(golden_get(shared, "seq_adv"), 4, adv);
	for (int t = 0; t < 3; t++) {
		golden_vector(
			json_array_get(json_array_get(golden_get(shared, "logits"), 0), (size_t)t),
			4, z);
		x[t] = z[(int)token[t]];
		A[t] = adv[0];
	}
	ebb_covariance_response(x, A, 3, c);
	for (int t = 0; t < 3; t++)
		expect_near(c[t], expected[t], ABS, REL, "logits, token %d", t);
	bench_release(&k);
	json_decref(file);
}

Test(golden, cov_group)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *j = section(file, "cov_group"), *in = golden_get(j, "inputs");
	json_t *want = golden_get(j, "expected");
	double logp[8], A[8], npg[2], pg[2];

	golden_matrix(golden_get(in, "seq_mean_logp"), 2, 4, logp);
	golden_matrix(golden_get(in, "seq_adv"), 2, 4, A);
	golden_vector(golden_get(want, "npg"), 2, npg);
	golden_vector(golden_get(want, "pg"), 2, pg);
	for (int g = 0; g < 2; g++) {
		expect_near(ebb_covariance_group(logp + 4 * g, A + 4 * g, 4, false), npg[g], ABS,
			    REL, "npg %d", g);
		expect_near(ebb_covariance_group(logp + 4 * g, A + 4 * g, 4, true), pg[g], ABS, REL,
			    "pg %d", g);
	}
	json_decref(file);
}

static void expect_gradient(const struct bench *k, json_t *want, const char *what, size_t c)
{
	double dlogp[R * T];

	golden_matrix(want, R, T, dlogp);
	for (int i = 0; i < R * T; i++)
		expect_near(k->w_logp[i], k->mask[i] ? dlogp[i] : 0.0, ABS, REL,
			    "%s case %zu, token %d", what, c, i);
}

Test(golden, clip_cov)
{
	json_t *file = golden_load("entropy-and-information.json"), *cases, *row;
	double key[R * T];
	struct bench k;
	size_t c;

	cases = golden_get(section(file, "clip_cov"), "cases");
	json_array_foreach(cases, c, row)
	{
		json_t *p = golden_get(row, "params"), *want = golden_get(row, "expected");

		batch_init(&k, key, file);
		k.o.loss.policy = EBB_POLICY_CLIP_COV;
		k.o.clip.low = golden_real(golden_get(p, "eps_low"));
		k.o.clip.high = golden_real(golden_get(p, "eps_high"));
		k.o.covariance.fraction = golden_real(golden_get(p, "ratio"));
		k.o.covariance.low = golden_real(golden_get(p, "lb"));
		k.o.covariance.high = golden_real(golden_get(p, "ub"));
		bench_weigh(&k, 0);
		expect_near(k.s.pg_loss, golden_real(golden_get(want, "loss")), ABS, REL,
			    "loss %zu", c);
		expect_gradient(&k, golden_get(want, "dloss_dlogp"), "clip_cov", c);
		expect_near(k.s.cov_chosen_frac, golden_real(golden_get(want, "selected_frac")),
			    ABS, REL, "selected %zu", c);
		cr_expect_eq(k.s.cov_candidates,
			     (double)json_array_size(golden_get(want, "candidates")));
		bench_release(&k);
	}
	json_decref(file);
}

Test(golden, kl_cov)
{
	static const char *const word[] = {"abs", "k1", "k2", "k3"};
	json_t *file = golden_load("entropy-and-information.json"), *cases, *row, *old;
	double key[R * T];
	struct bench k;
	size_t c;
	int seen = 0;

	cases = golden_get(section(file, "kl_cov"), "cases");
	json_array_foreach(cases, c, row)
	{
		json_t *p = golden_get(row, "params"), *want = golden_get(row, "expected");
		const char *penalty = json_string_value(golden_get(p, "penalty"));

		batch_init(&k, key, file);
		k.o.loss.policy = EBB_POLICY_KL_COV;
		k.o.covariance.fraction = golden_real(golden_get(p, "k"));
		k.o.covariance.coef = golden_real(golden_get(p, "coef"));
		for (int i = 0; i < 4; i++)
			if (strcmp(word[i], penalty) == 0) {
				k.o.covariance.penalty = (enum ebb_covariance_penalty)i;
				seen |= 1 << i;
			}
		old = json_object_get(p, "old_equals_current");
		if (json_is_true(old) || c == json_array_size(cases) - 1)
			memcpy(k.old, k.logp, R * T * sizeof *k.old);
		bench_weigh(&k, 0);
		expect_near(k.s.pg_loss, golden_real(golden_get(want, "loss")), ABS, REL,
			    "loss %zu", c);
		expect_gradient(&k, golden_get(want, "dloss_dlogp"), "kl_cov", c);
		bench_release(&k);
	}
	cr_expect_eq(seen, 15, "penalties that no case has");
	json_decref(file);
}

/* ---- what no golden file says ---- */

/* The fraction of a token: one at least, or none. Equal advantages: no candidate for Clip-Cov. */
Test(unit, small_batches_and_equal_advantages)
{
	json_t *file = golden_load("entropy-and-information.json");
	double key[R * T];
	struct bench k;

	batch_init(&k, key, file);
	k.o.loss.policy = EBB_POLICY_KL_COV;
	k.o.covariance.fraction = 1e-4;
	bench_weigh(&k, 0);
	expect_near(k.s.cov_chosen_frac, 1.0 / 21.0, ABS, 0, "one token");
	k.o.covariance.min_select = 0;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.cov_chosen_frac, 0.0);
	cr_expect(isnan(k.s.cov_drift));
	k.o.covariance.min_select = 1;
	k.o.loss.policy = EBB_POLICY_CLIP_COV;
	for (int i = 0; i < R * T; i++)
		if (k.mask[i])
			k.A[i] = 1.0;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.cov_candidates, 0.0);
	cr_expect_eq(k.s.cov_chosen_frac, 0.0);
	bench_release(&k);
	json_decref(file);
}

/* Bounds in units of the mean, and closed ones. */
Test(unit, bounds)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *want = golden_get(section(file, "cov_token"), "expected");
	const double mean = golden_real(golden_get(want, "mean_cov"));
	double key[R * T], open_n;
	struct bench k;

	batch_init(&k, key, file);
	k.o.loss.policy = EBB_POLICY_CLIP_COV;
	k.o.clip.low = k.o.clip.high = 1.0;
	k.o.covariance.low = 1.0;
	k.o.covariance.high = 5.0;
	bench_weigh(&k, 0);
	open_n = k.s.cov_candidates;
	k.o.covariance.bounds = EBB_BOUNDS_TIMES_MEAN;
	k.o.covariance.low = 1.0 / mean;
	k.o.covariance.high = 5.0 / mean;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.cov_candidates, open_n);
	k.o.covariance.bounds = EBB_BOUNDS_ABSOLUTE;
	k.o.covariance.low = -1e9;
	k.o.covariance.high = 1e9;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.cov_candidates, 21.0);
	bench_release(&k);
	json_decref(file);
}

/* The cut into calls changes nothing; without keys the choice follows the draw and nothing else. */
Test(unit, the_choice_is_a_function_of_the_draw)
{
	json_t *file = golden_load("entropy-and-information.json");
	double key[R * T], first[R * T];
	int differ = 0;
	struct bench k;

	batch_init(&k, key, file);
	k.mb.select_key = NULL;
	k.mb.select = (struct ebb_draw){.seed = 7, .stream = EBB_STREAM_SELECT, .step = 3};
	k.o.loss.policy = EBB_POLICY_CLIP_COV;
	k.o.covariance.fraction = 0.1;
	k.o.covariance.low = -1e9;
	k.o.covariance.high = 1e9;
	bench_weigh(&k, 0);
	memcpy(first, k.w_logp, sizeof first);
	for (int cut = 1; cut < R; cut++) {
		bench_weigh(&k, cut);
		cr_expect_arr_eq(k.w_logp, first, sizeof first);
	}
	for (uint32_t step = 4; step < 12; step++) {
		k.mb.select.step = step;
		bench_weigh(&k, 0);
		differ += memcmp(first, k.w_logp, sizeof first) != 0;
	}
	cr_expect_gt(differ, 4);
	bench_release(&k);
	json_decref(file);
}

/* Chosen among all rows of the batch: two mini-batches together choose what one over all would. */
Test(unit, a_pool_is_the_whole_batch)
{
	json_t *file = golden_load("entropy-and-information.json");
	double key[R * T], whole[R * T];
	struct bench k;

	batch_init(&k, key, file);
	k.mb.select_key = NULL;
	k.mb.select = (struct ebb_draw){.seed = 7, .stream = EBB_STREAM_SELECT, .step = 3};
	k.o.loss.aggregate = EBB_AGGREGATE_TOKEN_SUM_NORM; /* weights that count no tokens */
	k.o.covariance.fraction = 0.2;
	k.o.covariance.low = -1e9;
	k.o.covariance.high = 1e9;
	for (int policy = EBB_POLICY_CLIP_COV; policy <= EBB_POLICY_KL_COV; policy++) {
		k.o.loss.policy = (enum ebb_loss_policy)policy;
		k.o.covariance.scope = EBB_SCOPE_MINIBATCH;
		k.mb.n = R;
		k.mb.row = k.row;
		bench_weigh(&k, 0);
		memcpy(whole, k.w_logp, sizeof whole);
		k.o.covariance.scope = EBB_SCOPE_ROLLOUT_BATCH;
		k.mb.pool_logp = k.logp;
		for (int half = 0; half < 2; half++) {
			k.mb.n = R / 2;
			k.mb.row = k.row + half * (R / 2);
			k.mb.logp = k.logp + half * (R / 2) * T;
			bench_weigh(&k, 0);
			cr_expect_arr_eq(k.w_logp, whole + half * (R / 2) * T,
					 (R / 2) * T * sizeof *whole, "policy %d, half %d", policy,
					 half);
			expect_near(k.s.cov_chosen_frac, 4.0 / 21.0, 1e-15, 0, "of the batch");
		}
		k.mb.logp = k.logp;
	}
	bench_release(&k);
	json_decref(file);
}

/* The raw logit in the place of the log-probability decides the rank. */
Test(unit, the_source_of_a_standardised_score)
{
	json_t *file = golden_load("entropy-and-information.json");
	double key[R * T], logit[R * T];
	struct bench k;
	int chosen = 0;

	batch_init(&k, key, file);
	k.o.loss.policy = EBB_POLICY_KL_COV;
	k.o.covariance.kind = EBB_COV_RESPONSE_Z;
	k.o.covariance.response_source = EBB_COV_LOGIT;
	k.o.covariance.fraction = 1.0 / 21.0;
	k.o.covariance.coef = 100.0;
	for (int at = 0; at < R * T; at++) {
		logit[at] = k.mask[at] ? 0.0 : NAN;
		if (k.mask[at])
			k.A[at] = 1.0;
	}
	logit[T + 1] = 5.0; /* no other row has a spread */
	k.mb.logit = logit;
	bench_weigh(&k, 0);
	for (int at = 0; at < R * T; at++)
		if (k.mask[at] && fabs(k.w_logp[at]) > 1.0) {
			chosen++;
			cr_expect_eq(at, T + 1);
		}
	cr_expect_eq(chosen, 1);
	bench_release(&k);
	json_decref(file);
}

/* KL(old || new) over the vocabulary: its value in the loss, its coefficient on chosen tokens alone, and
 * nothing of it on log p. */
Test(unit, the_penalty_over_the_vocabulary)
{
	json_t *file = golden_load("entropy-and-information.json");
	double key[R * T], kl[R * T], w_kl[R * T], plain[R * T], loss, sum = 0.0;
	struct ebb_err err = EBB_ERR_INIT;
	struct bench k;
	int chosen = 0;

	batch_init(&k, key, file);
	k.o.loss.policy = EBB_POLICY_KL_COV;
	k.o.covariance.fraction = 0.2;
	k.o.covariance.coef = 0.0;
	bench_weigh(&k, 0);
	memcpy(plain, k.w_logp, sizeof plain);
	loss = k.s.pg_loss;
	k.o.covariance.coef = 2.0;
	k.o.covariance.penalty = EBB_PENALTY_FULL;
	cr_expect_eq(ebb_weigh_begin(&k.mb, &err), EBB_EINVAL, "without the KL");
	for (int at = 0; at < R * T; at++)
		kl[at] = k.mask[at] ? 0.01 * (at + 1) : NAN;
	k.mb.kl_old = kl;
	k.mb.w_kl_old = w_kl;
	bench_weigh(&k, 0);
	cr_expect_arr_eq(k.w_logp, plain, sizeof plain);
	for (int at = 0; at < R * T; at++) {
		if (w_kl[at] == 0.0)
			continue;
		cr_assert(k.mask[at]);
		chosen++;
		expect_near(w_kl[at], 2.0 / 21.0, 1e-15, 1e-12, "token %d", at);
		sum += kl[at];
	}
	cr_expect_eq(chosen, 4);
	expect_near(k.s.pg_loss, loss + 2.0 / 21.0 * sum, 1e-15, 1e-12, "loss");
	bench_release(&k);
	json_decref(file);
}
