/* Generalised advantages and the value loss: the reference vectors, identities, finite differences. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-10

static void expect_array(const double *got, json_t *want, int R, int T, const char *what)
{
	double *w = ebb_xcalloc((size_t)R * T, sizeof *w);

	golden_matrix(want, R, T, w);
	for (int k = 0; k < R * T; k++)
		expect_near(got[k], w[k], ABS, REL, "%s[%d][%d]", what, k / T, k % T);
	free(w);
}

/* ---- golden ---- */

/* The base data with its values; NaN in every padded entry. */
static void critic_bench(struct bench *k, json_t *file)
{
	json_t *set = golden_get(golden_get(file, "datasets"), "base");

	golden_dataset(k, set);
	k->o.critic.model = EBB_CRITIC_SHARED;
	k->o.advantage.center = EBB_CENTER_CRITIC;
	k->o.advantage.scale = EBB_SCALE_NONE;
	golden_matrix(golden_get(set, "value_old"), k->R, k->T, k->value_drawn);
	golden_matrix(golden_get(set, "value_new"), k->R, k->T, k->value);
	for (int i = 0; i < k->R * k->T; i++)
		if (!k->mask[i])
			k->value_drawn[i] = k->value[i] = NAN;
}

static void prepare(struct bench *k, struct ebb_prepare_stats *stats)
{
	ebb_objective_shape(&k->o, &k->b);
	ebb_objective_prepare(&k->o, &k->b, k->o.kl.coef, stats);
}

Test(golden, generalised_advantages)
{
	json_t *file = golden_load("policy-gradient.json"), *list = golden_get(file, "gae"), *item;
	int whitened = 0;
	size_t at;

	cr_assert_eq(json_array_size(list), 4);
	json_array_foreach(list, at, item)
	{
		json_t *want = golden_get(item, "expect"), *w;
		const char *name = json_string_value(golden_get(item, "name"));
		struct bench k;

		for (int form = 0; form < 4; form++) { /* raw, td0, whitened by both variances */
			static const char *const key[] = {"adv_raw", "adv_raw", "adv_whitened",
							  "adv_whitened_popvar"};

			w = json_object_get(want, key[form]);
			if (!w || (form == 1 && !json_object_get(want, "td0_target")))
				continue;
			critic_bench(&k, file);
			golden_config(&k.o, golden_get(item, "config"));
			k.o.critic.target = form == 1 ? EBB_CRITIC_TD0 : EBB_CRITIC_GAE_RETURN;
			k.o.advantage.scale = form < 2 ? EBB_SCALE_NONE : EBB_SCALE_WHITEN;
			k.o.advantage.std_ddof = form == 3 ? 0 : 1;
			prepare(&k, NULL);
			expect_array(k.A, w, k.R, k.T, name);
			/* returns are those before whitening */
			expect_array(k.target, golden_get(want, form == 1 ? "td0_target" : "ret"),
				     k.R, k.T, name);
			whitened += form >= 2;
			bench_release(&k);
		}
	}
	cr_expect_eq(whitened, 6);
	json_decref(file);
}

Test(golden, value_loss)
{
	json_t *file = golden_load("policy-gradient.json"), *list = golden_get(file, "value"),
	       *item;
	json_t *gae = json_array_get(golden_get(file, "gae"), 0);
	size_t at;

	cr_assert_eq(json_array_size(list), 3);
	json_array_foreach(list, at, item)
	{
		json_t *want = golden_get(item, "expect"), *config = golden_get(item, "config");
		const char *name = json_string_value(golden_get(item, "name"));
		struct bench k;

		critic_bench(&k, file);
		golden_config(&k.o, golden_get(gae, "config"));
		cr_assert_str_eq(json_string_value(golden_get(config, "returns")),
				 json_string_value(golden_get(gae, "name")));
		k.o.loss.aggregate = EBB_AGGREGATE_TOKEN_MEAN;
		k.o.critic.clip = json_number_value(golden_get(config, "value_clip"));
		k.o.critic.coef = 1.0;
		prepare(&k, NULL);
		bench_weigh(&k, 0);
		expect_near(k.s.value_loss, golden_real(golden_get(want, "loss")), ABS, REL,
			    "%s loss", name);
		expect_near(k.s.value_clip, golden_real(golden_get(want, "vf_clip_frac")), ABS, REL,
			    "%s vf_clip_frac", name);
		expect_array(k.w_value, golden_get(want, "dvalue"), k.R, k.T, name);
		bench_release(&k);
	}
	json_decref(file);
}

/* A stored trajectory is a row like another whose old is another policy's: its mean ratio is told. */
Test(golden, stored_trajectory)
{
	json_t *file = golden_load("policy-gradient.json"), *item,
	       *cases = golden_get(file, "cases");
	bool injected[6] = {false, false, true, false, false, false};
	int seen = 0;
	size_t at;

	json_array_foreach(cases, at, item)
	{
		struct bench k;
		double sum = 0.0;

		if (strcmp(json_string_value(golden_get(item, "dataset")), "pvpo_gt") != 0)
			continue;
		golden_dataset(&k, golden_get(golden_get(file, "datasets"), "pvpo_gt"));
		golden_config(&k.o, golden_get(item, "config"));
		golden_matrix(golden_get(item, "advantage"), k.R, k.T, k.A);
		bench_weigh(&k, 0);
		cr_expect(isnan(k.s.ratio_injected));
		k.b.injected = injected;
		bench_weigh(&k, 0);
		for (int t = 0; t < 4; t++)
			sum += exp(k.logp[2 * 4 + t] - k.old[2 * 4 + t]);
		expect_near(k.s.ratio_injected, sum / 4, ABS, REL, "ratio_injected");
		expect_near(k.s.loss, golden_real(golden_get(golden_get(item, "expect"), "loss")),
			    ABS, REL, "loss");
		seen++;
		bench_release(&k);
	}
	cr_expect_eq(seen, 1);
	json_decref(file);
}

/* ---- identities ---- */

static void random_bench(struct bench *k, uint32_t seed)
{
	struct ebb_rng r = {.draw = {.seed = seed, .stream = EBB_STREAM_TEST, .slot = 7}};

	bench_random(k, 13, 6, 4, seed);
	k->o.critic.model = EBB_CRITIC_SHARED;
	k->o.advantage.center = EBB_CENTER_CRITIC;
	k->o.advantage.scale = EBB_SCALE_NONE;
	k->o.kl.place = EBB_KL_REWARD;
	k->o.kl.estimator = EBB_KL_K1;
	for (int i = 0; i < k->R * k->T; i++) {
		k->value_drawn[i] = ebb_rng_uniform(&r);
		k->value[i] = k->value_drawn[i] + 0.8 * (ebb_rng_uniform(&r) - 0.5);
	}
	for (int i = 0; i < k->R; i++) {
		k->truncated[i] = ebb_rng_below(&r, 2) != 0;
		k->value_end[i] = ebb_rng_uniform(&r);
	}
}

/* lambda 1: the discounted return to go less the value; lambda 0: the one-step error. */
Test(unit, the_ends_of_lambda)
{
	struct bench k;

	random_bench(&k, 3);
	k.o.advantage.discount = 0.9;
	for (int end = 0; end < 2; end++) {
		k.o.advantage.lambda = end;
		prepare(&k, NULL);
		for (int i = 0; i < k.R; i++) {
			double to_go = 0.0, next = 0.0;

			for (int t = k.length[i] - 1; t >= 0; t--) {
				const int at = i * k.T + t;
				double r = t == k.length[i] - 1 ? k.shaped[i] : 0.0;

				r -= k.o.kl.coef * (k.old[at] - k.ref[at]);
				to_go = r + 0.9 * to_go;
				expect_near(k.A[at],
					    (end ? to_go : r + 0.9 * next) - k.value_drawn[at], ABS,
					    REL, "lambda %d, [%d][%d]", end, i, t);
				next = k.value_drawn[at];
			}
		}
	}
	bench_release(&k);
}

/* Tokens masked out in the middle are skipped: the same as a response without them. */
Test(unit, holes_are_skipped)
{
	struct bench whole, holed;

	bench_init(&whole, 1, 5, 1);
	bench_init(&holed, 1, 5, 1);
	for (int b = 0; b < 2; b++) {
		struct bench *k = b ? &holed : &whole;

		k->o.critic.model = EBB_CRITIC_SHARED;
		k->o.advantage.center = EBB_CENTER_CRITIC;
		k->o.advantage.scale = EBB_SCALE_NONE;
		k->o.advantage.lambda = 0.7;
		k->o.advantage.discount = 0.9;
		k->reward[0] = 1.0;
		k->length[0] = 5;
		for (int t = 0, kept = 0; t < 5; t++) {
			const bool hole = b && (t == 1 || t == 3);

			k->mask[t] = b ? !hole : t < 3;
			k->value_drawn[t] = k->mask[t] ? 0.2 + 0.1 * kept++ : NAN;
		}
		prepare(k, NULL);
	}
	for (int t = 0; t < 3; t++) {
		cr_expect_eq(holed.A[2 * t], whole.A[t], "token %d", t);
		cr_expect_eq(holed.target[2 * t], whole.target[t], "token %d", t);
	}
	cr_expect(holed.A[1] == 0.0 && holed.target[3] == 0.0);
	bench_release(&whole);
	bench_release(&holed);
}

Test(unit, bootstrap_reads_the_last_state_of_truncated_responses)
{
	struct bench zero, value;
	int moved = 0;

	random_bench(&zero, 5);
	random_bench(&value, 5);
	value.o.critic.bootstrap = EBB_BOOTSTRAP_VALUE;
	prepare(&zero, NULL);
	prepare(&value, NULL);
	for (int i = 0; i < zero.R; i++)
		for (int t = 0; t < zero.length[i]; t++) {
			const double more =
				zero.truncated[i]
					? value.value_end[i] * pow(0.95, zero.length[i] - 1 - t)
					: 0.0;

			expect_near(value.A[i * zero.T + t], zero.A[i * zero.T + t] + more, ABS,
				    REL, "[%d][%d]", i, t);
			moved += more != 0.0;
		}
	cr_expect_gt(moved, 5);
	bench_release(&zero);
	bench_release(&value);
}

/* Both rewards at the last token, the gate as without a critic; another centre keeps its own
 * advantages beside the critic. */
Test(unit, rewards_join_without_a_group)
{
	struct bench k, plain;

	random_bench(&k, 6);
	k.o.kl.place = EBB_KL_NONE;
	k.o.info.coef = 0.5;
	k.o.info.external = 2.0;
	k.o.advantage.lambda = 1.0;
	prepare(&k, NULL);
	for (int i = 0; i < k.R; i++)
		for (int t = 0; t < k.length[i]; t++)
			expect_near(k.target[i * k.T + t], 2.0 * k.shaped[i] + 0.5 * k.info[i], ABS,
				    REL, "return [%d][%d]", i, t);
	random_bench(&plain, 6);
	for (int b = 0; b < 2; b++) {
		struct bench *x = b ? &plain : &k;

		x->o = plain.o;
		x->o.advantage.center = EBB_CENTER_GROUP;
		x->o.critic.model = b ? EBB_CRITIC_NONE : EBB_CRITIC_SEPARATE;
		prepare(x, NULL);
	}
	for (int at = 0; at < k.R * k.T; at++)
		cr_expect_eq(k.A[at], plain.A[at]);
	bench_release(&k);
	bench_release(&plain);
}

Test(unit, statistics_of_the_values)
{
	struct ebb_prepare_stats s;
	double error = 0.0, spread = 0.0, value = 0.0, target = 0.0, n = 0.0;
	struct bench k;

	random_bench(&k, 8);
	k.o.advantage.scale = EBB_SCALE_WHITEN;
	prepare(&k, &s);
	for (int pass = 0; pass < 2; pass++)
		for (int at = 0; at < k.R * k.T; at++) {
			if (!k.mask[at])
				continue;
			if (pass == 0) {
				n++;
				value += k.value_drawn[at];
				target += k.target[at];
			} else {
				const double e = k.target[at] - k.value_drawn[at];

				error += pow(e - (target - value) / n, 2);
				spread += pow(k.target[at] - target / n, 2);
			}
		}
	expect_near(s.value_mean, value / n, ABS, REL, "value_mean");
	expect_near(s.return_mean, target / n, ABS, REL, "return_mean");
	expect_near(s.explained_variance, 1.0 - error / spread, 1e-11, REL, "explained_variance");
	expect_near(s.adv_std_raw, sqrt(error / n), 1e-11, REL, "adv_std_raw");
	/* a perfect critic explains everything */
	memcpy(k.value_drawn, k.target, (size_t)(k.R * k.T) * sizeof *k.target);
	ebb_value_stats(&k.b, &s);
	cr_expect_eq(s.explained_variance, 1.0);
	bench_release(&k);
}

/* ---- the value loss ---- */

static double whole_loss(struct bench *k)
{
	bench_weigh(k, 0);
	return k->s.loss;
}

Test(grad, value_loss_by_central_differences)
{
	struct bench k;
	int slopes = 0;

	for (int clip = 0; clip < 2; clip++) {
		random_bench(&k, 9);
		k.o.critic.clip = clip ? 0.2 : 0.0;
		k.o.critic.coef = 0.7;
		prepare(&k, NULL);
		bench_weigh(&k, 0);
		cr_expect(clip ? k.s.value_clip > 0.05 : k.s.value_clip == 0.0);
		for (int at = 0; at < k.R * k.T; at++) {
			const double kept = k.value[at], h = 1e-6, slope = k.w_value[at];
			double above, below;

			k.value[at] = kept + h;
			above = whole_loss(&k);
			k.value[at] = kept - h;
			below = whole_loss(&k);
			k.value[at] = kept;
			expect_near(slope, (above - below) / (2.0 * h), 1e-9, 1e-6, "token %d", at);
			slopes += slope != 0.0;
		}
		bench_release(&k);
	}
	cr_expect_gt(slopes, 40);
}

Test(unit, the_cut_and_padding_change_no_bit)
{
	struct bench a, b;

	random_bench(&a, 10);
	random_bench(&b, 10);
	for (int at = 0; at < b.R * b.T; at++)
		if (!b.mask[at])
			b.value[at] = b.value_drawn[at] = b.old[at] = b.ref[at] = NAN;
	for (int i = 0; i < b.R; i++)
		b.value_end[i] = NAN; /* critic.bootstrap=zero does not ask */
	prepare(&a, NULL);
	prepare(&b, NULL);
	bench_weigh(&a, 0);
	for (int cut = 1; cut < 4; cut++) {
		bench_weigh(&b, cut);
		cr_expect_eq(memcmp(a.w_value, b.w_value, (size_t)(a.R * a.T) * sizeof *a.w_value),
			     0);
		cr_expect(a.s.value_loss == b.s.value_loss && a.s.loss == b.s.loss &&
			  a.s.value_clip == b.s.value_clip);
	}
	bench_release(&a);
	bench_release(&b);
}

/* A critic of its own: the same values and the same loss, its weight 1, and the policy's alone. */
Test(unit, a_separate_critic_stands_alone)
{
	struct bench shared, separate;
	double loss, clip;

	random_bench(&shared, 11);
	random_bench(&separate, 11);
	shared.o.critic.coef = 0.25;
	separate.o.critic.model = EBB_CRITIC_SEPARATE;
	prepare(&shared, NULL);
	prepare(&separate, NULL);
	bench_weigh(&shared, 0);
	cr_assert_eq(ebb_weigh_begin(&separate.mb, NULL), 0);
	separate.mb.value = separate.value;
	ebb_weigh_values(&separate.mb, 0, 5);
	ebb_weigh_values(&separate.mb, 5, separate.R - 5);
	ebb_weigh_values_finish(&separate.mb, &loss, &clip);
	cr_expect(loss == shared.s.value_loss && clip == shared.s.value_clip);
	for (int at = 0; at < shared.R * shared.T; at++)
		expect_near(separate.w_value[at], 4.0 * shared.w_value[at], ABS, REL, "w_value");
	separate.mb.value = NULL;
	for (int i = 0; i < separate.R; i++)
		ebb_weigh_rows(&separate.mb, i, 1);
	ebb_weigh_finish(&separate.mb, &separate.s);
	cr_expect(isnan(separate.s.value_loss) && isnan(separate.s.value_clip));
	expect_near(shared.s.loss, separate.s.loss + 0.25 * loss, ABS, REL, "loss");
	bench_release(&shared);
	bench_release(&separate);
}

Test(unit, refuses_values_without_their_batch)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct bench k;

	random_bench(&k, 12);
	k.mb.value = k.value;
	k.b.value = NULL;
	cr_expect_lt(ebb_weigh_begin(&k.mb, &err), 0);
	cr_expect_not_null(strstr(err.text, "value loss"), "%s", err.text);
	bench_release(&k);
}
