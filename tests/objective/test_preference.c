/* Preferences: scores, losses and per-token gradients against
 * tests/golden/entropy-and-information.json, the mini-batch against central differences, and what
 * must hold for any input. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "base/rng.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

enum { T = 4 };

/* ---- golden ---- */

struct pair {
	double logp[2][T], ref[2][T], mu[2][T];
	int n[2];
};

static void read_pair(struct pair *p, json_t *inputs)
{
	static const char *const side[] = {"chosen", "rejected"};

	for (int k = 0; k < 2; k++) {
		json_t *j = golden_get(inputs, side[k]);

		p->n[k] = (int)json_array_size(golden_get(j, "logp"));
		cr_assert_leq(p->n[k], T);
		golden_vector(golden_get(j, "logp"), p->n[k], p->logp[k]);
		golden_vector(golden_get(j, "ref"), p->n[k], p->ref[k]);
		golden_vector(golden_get(j, "mu"), p->n[k], p->mu[k]);
	}
}

static double param(json_t *params, const char *key, double otherwise)
{
	json_t *v = json_object_get(params, key);

	return v ? json_number_value(v) : otherwise;
}

/* The file's parameters as options; method: the word before the first underscore of the case. */
static void set_options(struct ebb_options *o, const char *name, json_t *params)
{
	const json_t *labels = json_object_get(params, "labels");

	o->loss.policy = EBB_POLICY_PREFERENCE;
	o->preference.method = strncmp(name, "dpo", 3) == 0   ? EBB_PREFERENCE_DPO
			       : strncmp(name, "cpl", 3) == 0 ? EBB_PREFERENCE_CPL
			       : strncmp(name, "ppl", 3) == 0 ? EBB_PREFERENCE_PPL
							      : EBB_PREFERENCE_REPO;
	o->preference.beta = param(params, "beta", 0.1);
	o->preference.alpha = param(params, "alpha", 0.1);
	o->preference.lambda = param(params, "lambda", 1.0);
	o->preference.discount = param(params, "discount", 1.0);
	o->preference.c_ref = param(params, "ref_coef", 0.0);
	o->preference.smoothing = param(params, "label_smoothing", 0.0);
	if (labels && strncmp(json_string_value(labels), "dirac", 5) == 0)
		o->preference.label = EBB_LABEL_DIRAC;
	if (o->preference.method == EBB_PREFERENCE_REPO) {
		o->preference.norm = EBB_NORM_SUFFIX_MEAN;
		o->preference.suffix = EBB_SUFFIX_INCLUDE_CURRENT;
	}
}

/* Score and loss alone. */
static void check_pieces(const struct ebb_options *o, const struct pair *p, json_t *want,
			 const char *name)
{
	static const char *const score_key[] = {"score_chosen", "score_rejected"};
	static const char *const reward_key[] = {"chosen_reward", "rejected_reward"};
	struct ebb_preference_rule r;
	double kappa[2][T], S[2], x;
	struct ebb_term l;

	ebb_preference_rule_init(&r, o);
	for (int k = 0; k < 2; k++) {
		json_t *v;

		S[k] = ebb_preference_score(&r, p->n[k], p->logp[k], p->ref[k], p->mu[k], kappa[k]);
		v = json_object_get(want, score_key[k]);
		v = v ? v : json_object_get(want, reward_key[k]);
		if (v)
			expect_near(S[k], json_number_value(v), ABS, REL, "%s, score %d", name, k);
	}
	x = S[0] - r.lambda * S[1];
	l = ebb_preference_loss(&r, x);
	expect_near(l.value, golden_real(golden_get(want, "loss")), ABS, REL, "%s, loss", name);
	expect_near(x, param(want, "logit", param(want, "margin", x)), ABS, REL, "%s, logit", name);
	expect_near(l.slope, param(want, "dloss_dmargin", l.slope), ABS, REL, "%s, slope", name);
}

/* The pair as a mini-batch of two rows of one group. */
static void check_minibatch(const struct ebb_options *o, const struct pair *p, json_t *want,
			    const char *name)
{
	static const char *const key[] = {"dloss_dlogp_chosen", "dloss_dlogp_rejected"};
	const double slope = param(want, "dloss_dmargin", NAN);
	struct bench k;

	bench_init(&k, 2, T, 1);
	k.o = *o;
	for (int i = 0; i < 2; i++) {
		k.length[i] = p->n[i];
		k.reward[i] = i == 0;
		for (int t = 0; t < T; t++) {
			const int at = i * T + t, in = t < p->n[i];

			k.mask[at] = (unsigned char)in;
			k.logp[at] = in ? p->logp[i][t] : NAN;
			k.old[at] = in ? p->mu[i][t] : NAN;
			k.ref[at] = in ? p->ref[i][t] : NAN;
		}
	}
	bench_weigh(&k, 0);
	expect_near(k.s.loss, golden_real(golden_get(want, "loss")), ABS, REL, "%s, loss", name);
	expect_near(k.s.pair.pairs, 1.0, 0.0, 0.0, "%s, pairs", name);
	for (int i = 0; i < 2; i++) {
		double g[T];

		if (json_object_get(want, key[i])) {
			golden_vector(golden_get(want, key[i]), p->n[i], g);
		} else { /* the smoothed case gives the margin's derivative */
			cr_assert(o->preference.method == EBB_PREFERENCE_DPO && isfinite(slope));
			for (int t = 0; t < p->n[i]; t++)
				g[t] = (i ? -slope : slope) * o->preference.beta;
		}
		for (int t = 0; t < T; t++)
			expect_near(k.w_logp[i * T + t], t < p->n[i] ? g[t] : 0.0, ABS, REL,
				    "%s, row %d, token %d", name, i, t);
	}
	bench_release(&k);
}

Test(golden, preference)
{
	json_t *file = golden_load("entropy-and-information.json"), *want;
	json_t *j = golden_get(golden_get(file, "sections"), "preference");
	const char *name;
	struct pair p;
	int n = 0;

	read_pair(&p, golden_get(j, "inputs"));
	json_object_foreach(golden_get(j, "expected"), name, want)
	{
		struct ebb_options o;

		options_default(&o);
		set_options(&o, name, golden_get(want, "params"));
		check_pieces(&o, &p, want, name);
		check_minibatch(&o, &p, want, name);
		n++;
	}
	cr_assert_eq(n, 8);
	json_decref(file);
}

/* ---- central differences ---- */

enum { ROWS = 9, COLS = 5, GROUP = 3 };

/* Rows of three groups with both kinds of reward in two of them. */
static void draw(struct bench *k, uint32_t seed)
{
	static const double reward[ROWS] = {1, 0, 0, 1, 1, 0, 1, 1, 1};

	bench_random(k, ROWS, COLS, GROUP, seed);
	memcpy(k->reward, reward, sizeof reward);
	k->length[3] = 2; /* bench_random leaves it empty */
	k->mask[3 * COLS] = k->mask[3 * COLS + 1] = 1;
	k->o.loss.policy = EBB_POLICY_PREFERENCE;
	k->mb.kl_coef = 0.1;
	k->mb.pair = (struct ebb_draw){.seed = seed, .stream = EBB_STREAM_PAIR};
}

static void check_gradient(struct bench *k, const char *where)
{
	const double h = 1e-6;
	double g[ROWS * COLS];

	bench_loss(k);
	memcpy(g, k->w_logp, sizeof g);
	for (int i = 0; i < ROWS * COLS; i++) {
		const double at = k->logp[i];
		double up, down;

		if (!k->mask[i])
			continue;
		k->logp[i] = at + h;
		up = bench_loss(k);
		k->logp[i] = at - h;
		down = bench_loss(k);
		k->logp[i] = at;
		expect_near(g[i], (up - down) / (2.0 * h), 2e-9, 1e-6, "%s, token %d", where, i);
	}
}

/* Every recombination of the switches, beside the other terms of the loss. */
Test(grad, preference)
{
	uint32_t seed = 0;

	for (int method = 0; method <= EBB_PREFERENCE_REPO; method++)
		for (int norm = 0; norm <= EBB_NORM_SUFFIX_MEAN; norm++)
			for (int suffix = 0; suffix <= EBB_SUFFIX_INCLUDE_CURRENT; suffix++)
				for (int label = 0; label <= EBB_LABEL_REF; label++)
					for (int pairing = 0; pairing <= EBB_PAIRING_HARDEST;
					     pairing++) {
						struct bench k;
						char where[128];

						draw(&k, ++seed);
						k.o.preference.method =
							(enum ebb_preference_method)method;
						k.o.preference.norm =
							(enum ebb_preference_norm)norm;
						k.o.preference.suffix =
							(enum ebb_preference_suffix)suffix;
						k.o.preference.label =
							(enum ebb_preference_label)label;
						k.o.preference.pairing =
							(enum ebb_preference_pairing)pairing;
						k.o.preference.alpha = 0.7;
						k.o.preference.beta = 0.4;
						k.o.preference.lambda = seed % 2 ? 1.0 : 0.5;
						k.o.preference.discount = (double)(seed % 3) / 2.0;
						k.o.preference.c_ref = seed % 5 ? 0.3 : 0.0;
						k.o.preference.sft = seed % 4 ? 0.0 : 0.6;
						k.o.preference.smoothing = seed % 3 ? 0.1 : 0.0;
						if (seed % 2) {
							k.o.kl.place = EBB_KL_LOSS;
							k.o.kl_old.coef = 0.2;
							k.o.entropy.coef = 0.01;
						}
						snprintf(where, sizeof where,
							 "method %d, norm %d, suffix %d, label %d, "
							 "pairing %d",
							 method, norm, suffix, label, pairing);
						check_gradient(&k, where);
						bench_release(&k);
					}
}

/* kappa is what the sums say, written out. */
Test(unit, the_score_is_the_sum_it_says)
{
	const double l[5] = {-0.3, -1.2, -0.1, -2.0, -0.7}, lr[5] = {-0.5, -0.9, -0.4, -1.5, -1.0},
		     lm[5] = {-0.2, -1.0, -0.3, -1.8, -0.9};
	enum { n = 5 };

	for (int mean = 0; mean < 2; mean++)
		for (int current = 0; current < 2; current++)
			for (int d = 0; d < 3; d++) {
				const double g = 0.5 * d;
				struct ebb_preference_rule r = {.scale = 0.3,
								.c_ref = 0.4,
								.suffix = true,
								.current = current,
								.mean = mean,
								.discount = g,
								.label = EBB_LABEL_STORED};
				double S = 0.0, kappa[n], want[n];

				for (int u = 0; u < n; u++)
					want[u] = 1.0;
				for (int t = 0; t < n; t++) {
					double sum = 0.0, D = 0.0;

					for (int v = t + !current; v < n; v++) {
						sum += pow(g, v - t) * (lm[v] - l[v]);
						D += pow(g, v - t);
					}
					D = mean ? D : 1.0;
					S += l[t] - 0.4 * lr[t] - (D > 0.0 ? sum / D : 0.0);
					for (int v = t + !current; v < n && D > 0.0; v++)
						want[v] += pow(g, v - t) / D;
				}
				expect_near(ebb_preference_score(&r, n, l, lr, lm, kappa),
					    0.3 * S / (mean ? n : 1), ABS, REL, "S %d%d %g", mean,
					    current, g);
				for (int u = 0; u < n; u++)
					expect_near(kappa[u], 0.3 * want[u] / (mean ? n : 1), ABS,
						    REL, "kappa %d, %d%d %g", u, mean, current, g);
			}
}

/* -log sigmoid far out: linear on one side, exp(-x) on the other, and neither overflows. */
Test(unit, the_loss_of_a_pair_is_stable)
{
	const struct ebb_preference_rule r = {.smoothing = 0.0};

	expect_near(ebb_preference_loss(&r, 0.0).value, log(2.0), 0.0, 1e-15, "0");
	expect_near(ebb_preference_loss(&r, -1000.0).value, 1000.0, 0.0, 1e-15, "-1000");
	expect_near(ebb_preference_loss(&r, -1000.0).slope, -1.0, 0.0, 1e-15, "-1000");
	expect_near(ebb_preference_loss(&r, 30.0).value, exp(-30.0), 0.0, 1e-12, "30");
	expect_near(ebb_preference_loss(&r, 30.0).slope, -exp(-30.0), 0.0, 1e-12, "30");
	cr_expect(ebb_preference_loss(&r, 1000.0).value == 0.0);
	cr_expect(isnan(ebb_preference_loss(&r, NAN).value));
}

/* ---- the mini-batch ---- */

static void everything(struct bench *k)
{
	k->o.preference.method = EBB_PREFERENCE_REPO;
	k->o.preference.norm = EBB_NORM_SUFFIX_MEAN;
	k->o.preference.pairing = EBB_PAIRING_ALL;
	k->o.preference.c_ref = 1.0;
	k->o.preference.sft = 0.5;
	k->o.kl.place = EBB_KL_LOSS;
	k->o.entropy.coef = 0.02;
}

static void same_results(const struct bench *a, const struct bench *b)
{
	cr_expect_arr_eq(a->w_logp, b->w_logp, ROWS * COLS * sizeof(double));
	cr_expect_arr_eq(a->w_entropy, b->w_entropy, ROWS * COLS * sizeof(double));
	cr_expect_eq(ebb_bits_of_real(a->s.loss), ebb_bits_of_real(b->s.loss));
	cr_expect_eq(ebb_bits_of_real(a->s.pair.margin), ebb_bits_of_real(b->s.pair.margin));
}

Test(unit, padding_is_never_read_and_any_cut_gives_the_same_bits)
{
	for (uint32_t seed = 1; seed < 5; seed++) {
		struct bench a, b;

		draw(&a, seed);
		draw(&b, seed);
		everything(&a);
		everything(&b);
		for (int i = 0; i < ROWS * COLS; i++)
			if (!b.mask[i])
				b.logp[i] = b.old[i] = b.ref[i] = b.entropy[i] = b.A[i] = NAN;
		bench_weigh(&a, 0);
		cr_assert(isfinite(a.s.loss));
		for (int cut = 0; cut <= 4; cut++) {
			bench_weigh(&b, cut);
			same_results(&a, &b);
		}
		for (int i = 0; i < ROWS * COLS; i++)
			if (!b.mask[i])
				cr_expect(b.w_logp[i] == 0.0);
		bench_release(&a);
		bench_release(&b);
	}
}

/* Who enters a pair: whole rewards, ended responses; groups without both kinds are counted. */
Test(unit, who_is_paired)
{
	static const double reward[ROWS] = {1, 0, 0.5, 1, 0, 0, 1, 1, 1};
	struct bench k;

	draw(&k, 3);
	everything(&k);
	memcpy(k.reward, reward, sizeof reward);
	k.truncated[4] = true;
	k.o.kl.place = EBB_KL_NONE;
	bench_weigh(&k, 0);
	/* group 0: one pair; group 1: row 4 was cut, one pair with row 5; group 2: all right */
	cr_expect_eq(k.s.pair.pairs, 2.0);
	cr_expect_eq(k.s.pair.skipped, 1.0);
	cr_expect_eq(k.s.pair.excluded, 1.0);
	for (int i = 0; i < ROWS; i++) {
		const bool paired = i == 0 || i == 1 || i == 3 || i == 5;

		for (int t = 0; t < k.length[i]; t++)
			cr_expect_eq(k.w_logp[i * COLS + t] != 0.0, paired, "row %d token %d", i,
				     t);
	}
	/* chosen up, rejected down */
	cr_expect_lt(k.w_logp[0], 0.0);
	cr_expect_gt(k.w_logp[COLS], 0.0);
	bench_release(&k);
}

/* Without a pair: no gradient, a loss of 0, and means that say so. */
Test(unit, a_minibatch_without_a_pair)
{
	struct bench k;

	draw(&k, 4);
	for (int i = 0; i < ROWS; i++)
		k.reward[i] = 1.0;
	bench_weigh(&k, 0);
	cr_expect(k.s.loss == 0.0 && k.s.pair.pairs == 0.0 && k.s.pair.skipped == 3.0);
	cr_expect(isnan(k.s.pair.accuracy) && isnan(k.s.pair.margin) && isnan(k.s.pair.logp[0]));
	for (int i = 0; i < ROWS * COLS; i++)
		cr_expect(k.w_logp[i] == 0.0);
	bench_release(&k);
}

/* all: the mean over groups of the mean over their pairs, pair by pair. */
Test(unit, all_pairs_weigh_a_group_once)
{
	struct bench k;
	double sum = 0.0, S[ROWS], kappa[COLS];
	struct ebb_preference_rule r;

	draw(&k, 9);
	k.o.preference.method = EBB_PREFERENCE_CPL;
	k.o.preference.alpha = 1.0;
	k.o.preference.pairing = EBB_PAIRING_ALL;
	ebb_preference_rule_init(&r, &k.o);
	for (int i = 0; i < ROWS; i++)
		S[i] = ebb_preference_score(&r, k.length[i], k.logp + i * COLS, NULL,
					    k.old + i * COLS, kappa);
	/* group 0: 0 over 1, 2; group 1: 3, 4 over 5 */
	sum += (ebb_preference_loss(&r, S[0] - S[1]).value +
		ebb_preference_loss(&r, S[0] - S[2]).value) /
	       2.0;
	sum += (ebb_preference_loss(&r, S[3] - S[5]).value +
		ebb_preference_loss(&r, S[4] - S[5]).value) /
	       2.0;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.pair.pairs, 4.0);
	expect_near(k.s.loss, sum / 2.0, ABS, REL, "loss");
	bench_release(&k);
}

static double mean_logp(const struct bench *k, int i)
{
	double sum = 0.0;

	for (int t = 0; t < k->length[i]; t++)
		sum += k->logp[i * COLS + t];
	return sum / k->length[i];
}

Test(unit, the_hardest_pair)
{
	struct bench k;
	int wrong, right;

	draw(&k, 10);
	k.o.preference.pairing = EBB_PAIRING_HARDEST;
	bench_weigh(&k, 0);
	cr_expect_eq(k.s.pair.pairs, 2.0);
	wrong = mean_logp(&k, 1) > mean_logp(&k, 2) ? 1 : 2;
	right = mean_logp(&k, 3) < mean_logp(&k, 4) ? 3 : 4;
	for (int i = 0; i < 6; i++)
		cr_expect_eq(k.w_logp[i * COLS] != 0.0,
			     i == 0 || i == wrong || i == right || i == 5, "row %d", i);
	bench_release(&k);
}

/* one_random: every pair of a group comes, each equally often, and the draw is the group's own. */
Test(unit, one_random_pair_is_uniform)
{
	int count[ROWS] = {0}, both = 0, n = 2000;
	struct bench k;

	draw(&k, 11);
	for (int s = 0; s < n; s++) {
		bool first, other;

		k.mb.pair.step = (uint32_t)s;
		bench_weigh(&k, 0);
		cr_assert_eq(k.s.pair.pairs, 2.0);
		for (int i = 0; i < ROWS; i++)
			count[i] += k.w_logp[i * COLS] != 0.0;
		first = k.w_logp[COLS] != 0.0;
		other = k.w_logp[3 * COLS] != 0.0;
		both += first && other;
	}
	cr_expect_eq(count[0], n);
	cr_expect_eq(count[5], n);
	/* five standard deviations of n / 2 and n / 4 */
	cr_expect_leq(abs(count[1] - n / 2), 112, "%d", count[1]);
	cr_expect_leq(abs(count[3] - n / 2), 112, "%d", count[3]);
	cr_expect_leq(abs(both - n / 4), 97, "%d", both);
	cr_expect_eq(count[1] + count[2], n);
	cr_expect_eq(count[6] + count[7] + count[8], 0);
	bench_release(&k);
}

/* The reference is asked for exactly where a score reads it. */
Test(unit, the_reference_pass_is_asked_where_it_is_read)
{
	static const struct {
		enum ebb_preference_method method;
		double c_ref;
		enum ebb_preference_label label;
		bool want;
	} c[] = {
		{EBB_PREFERENCE_DPO, 0, EBB_LABEL_STORED, true},
		{EBB_PREFERENCE_CPL, 1, EBB_LABEL_REF, false},
		{EBB_PREFERENCE_PPL, 0, EBB_LABEL_STORED, false},
		{EBB_PREFERENCE_PPL, 0, EBB_LABEL_DIRAC, false},
		{EBB_PREFERENCE_PPL, 0, EBB_LABEL_REF, true},
		{EBB_PREFERENCE_REPO, 0.5, EBB_LABEL_STORED, true},
	};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct ebb_needs needs;
		struct bench k;

		draw(&k, 12);
		k.o.preference.method = c[i].method;
		k.o.preference.c_ref = c[i].c_ref;
		k.o.preference.label = c[i].label;
		ebb_objective_needs(&k.o, &needs);
		cr_expect_eq(needs.ref_logp, c[i].want, "%zu", i);
		cr_expect(needs.batch_scope && !needs.own_pass);
		k.b.ref = NULL;
		cr_expect_eq(ebb_weigh_begin(&k.mb, NULL) == 0, !c[i].want, "%zu", i);
		bench_release(&k);
	}
}

/* A log-probability of minus infinity counts as the floor and has no gradient. */
Test(unit, the_floor_ends_the_gradient)
{
	struct bench k;

	draw(&k, 13);
	k.o.preference.method = EBB_PREFERENCE_CPL;
	k.logp[0] = -INFINITY;
	bench_weigh(&k, 0);
	cr_expect(isfinite(k.s.loss));
	cr_expect(k.w_logp[0] == 0.0 && k.w_logp[5 * COLS] != 0.0);
	k.logp[0] = NAN;
	bench_weigh(&k, 0);
	cr_expect(isnan(k.s.loss));
	bench_release(&k);
}
