/* The law R = -a exp(H) + b: golden vector, pairs, rival, edges. */
#include <criterion/criterion.h>

#include <jansson.h>
#include <math.h>
#include <string.h>
#include "analysis/fit.h"
#include "analysis/fit_blocks.h"
#include "analysis/fit_common.h"
#include "analysis/fit_size.h"
#include "base/file.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

/* The golden file's own tolerance. */
static void golden(const char *what, double got, double expected)
{
	double tol = fabs(expected) < 1e-6 ? 1e-12 : 1e-9 * fabs(expected);

	cr_assert(fabs(got - expected) <= tol, "%s: %.17g instead of %.17g", what, got, expected);
}

static int numbers(const json_t *array, double *out)
{
	size_t i;
	json_t *v;

	json_array_foreach(array, i, v) out[i] = json_number_value(v);
	return (int)json_array_size(array);
}

static double number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	cr_assert(json_is_number(v), "golden file lacks '%s'", key);
	return json_number_value(v);
}

Test(fit, golden_rh_fit)
{
	char *path = ebb_path_join(getenv("EBB_SOURCE_ROOT") ? getenv("EBB_SOURCE_ROOT") : ".",
				   "tests/golden/entropy-and-information.json");
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_law law;
	struct ebb_size_fit size;
	json_error_t e;
	json_t *root = json_load_file(path, 0, &e), *fit, *in, *want, *early;
	double H[64], R[64], x[64], y[64];
	int n, n_early;

	cr_assert(root != NULL, "%s: %s", path, e.text);
	fit = json_object_get(json_object_get(root, "sections"), "rh_fit");
	in = json_object_get(fit, "inputs");
	want = json_object_get(fit, "expected");
	early = json_object_get(want, "early");
	n = numbers(json_object_get(in, "H"), H);
	cr_assert_eq(n, numbers(json_object_get(in, "R"), R));
	n_early = (int)number(json_object_get(fit, "params"), "n_early");
	cr_assert_eq(ebb_law_fit(H, R, n, n_early, &law, &err), 0, "%s", err.text);
	golden("a", law.a, number(want, "a"));
	golden("b", law.b, number(want, "b"));
	golden("ceiling", law.ceiling, number(want, "ceiling"));
	golden("se_a", law.se_a, number(want, "se_a"));
	golden("se_b", law.se_b, number(want, "se_b"));
	golden("se_ceiling", law.se_ceiling, number(want, "se_ceiling"));
	golden("Var a + Var b - 2 Cov",
	       sqrt(law.se_a * law.se_a + law.se_b * law.se_b - 2 * law.cov_ab),
	       number(want, "se_ceiling"));
	golden("r2", law.r2, number(want, "r2"));
	golden("rmse", law.rmse, number(want, "rmse"));
	cr_assert_eq(law.n_early, n_early);
	golden("early a", law.early_a, number(early, "a"));
	golden("early b", law.early_b, number(early, "b"));
	golden("early ceiling", law.early_ceiling, number(early, "ceiling"));
	golden("early se_ceiling", law.early_se_ceiling, number(early, "se_ceiling"));
	cr_assert_eq(numbers(json_object_get(early, "predictions"), x), n - n_early);
	for (int i = n_early; i < n; i++)
		golden("prediction", law.early_b - law.early_a * exp(H[i]), x[i - n_early]);
	golden("early rmse", law.early_rmse, number(early, "rmse_all_predicted"));
	golden("early last", law.early_last, number(early, "final_abs_err"));
	golden("early excess", law.early_excess, R[n - 1] - number(early, "ceiling"));

	n = numbers(json_object_get(in, "sizes_b"), x);
	numbers(json_object_get(in, "coef_a"), y);
	for (int i = 0; i < n; i++)
		x[i] = log(x[i]);
	cr_assert_eq(ebb_size_fit(x, y, n, 1, &size, &err), 0);
	golden("c0", size.c0, number(json_object_get(want, "size_fit_a"), "c0"));
	golden("c1", size.c1, number(json_object_get(want, "size_fit_a"), "c1"));
	cr_assert(size.n_sizes == 5 && size.n_seeds == 1 && isnan(size.low) && isnan(size.t_low));
	json_decref(root);
	free(path);
}

Test(fit, an_exact_law_is_found_and_beats_its_rival)
{
	double H[12], R[12];
	struct ebb_law law;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 12; i++) {
		H[i] = 1.2 - 0.1 * i;
		R[i] = 0.9 - 0.2 * exp(H[i]) + (i % 2 ? 1e-4 : -1e-4);
	}
	H[5] = NAN; /* left out */
	cr_assert_eq(ebb_law_fit(H, R, 12, 0, &law, &err), 0, "%s", err.text);
	cr_assert_eq(law.n, 11);
	cr_assert_eq(law.n_early, 6);
	CLOSE(law.a, 0.2, 1e-3);
	CLOSE(law.b, 0.9, 1e-3);
	CLOSE(law.ceiling, 0.7, 1e-3);
	cr_assert(law.r2 > law.linear.r2 && law.aicc < law.linear.aicc);
	cr_assert(law.early_rmse < 1e-3 && law.early_linear_rmse > 0.01);
}

Test(fit, the_rival_wins_where_the_truth_is_a_line)
{
	double H[9], R[9];
	struct ebb_law law;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 9; i++) {
		H[i] = 0.9 - 0.1 * i;
		R[i] = 0.95 - 0.6 * H[i] + (i % 2 ? 1e-4 : -1e-4);
	}
	cr_assert_eq(ebb_law_fit(H, R, 9, 0, &law, &err), 0);
	cr_assert(law.linear.r2 > law.r2 && law.linear.aicc < law.aicc);
	CLOSE(law.linear.slope, -0.6, 1e-3);
	/* The line ends below 0.95 at H = 0.1, above the ceiling the exponential predicts. */
	cr_assert(law.last_excess > 0 || law.ceiling > R[8]);
}

Test(fit, aicc_by_hand)
{
	/* y = 0, 1, 0, 1, 0 on x = 0..4: slope 0, intercept 0.4, SSE 1.2; 5 ln 0.24 + 6 + 24 / 1. */
	double x[] = {0, 1, 2, 3, 4}, y[] = {0, 1, 0, 1, 0};
	struct ebb_line l;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_line_fit(x, y, 5, &l, &err), 0);
	CLOSE(l.slope, 0.0, 1e-15);
	CLOSE(l.intercept, 0.4, 1e-15);
	CLOSE(l.r2, 0.0, 1e-14);
	CLOSE(l.rmse, sqrt(0.24), 1e-14);
	CLOSE(l.aicc, 5 * log(0.24) + 30, 1e-12);
	/* s2 = 1.2 / 3, Sxx = 10: Var slope 0.04, Var intercept 0.4 (1/5 + 4/10) */
	CLOSE(l.var_slope, 0.04, 1e-14);
	CLOSE(l.var_intercept, 0.24, 1e-14);
	cr_assert_eq(ebb_line_fit(x, y, 4, &l, &err), 0);
	cr_assert(isnan(l.aicc));
	cr_assert_eq(ebb_line_fit(x, y, 1, &l, &err), EBB_EINVAL);
	x[1] = 0;
	cr_assert_eq(ebb_line_fit(x, y, 2, &l, &err), EBB_ENUMERIC);
}

Test(fit, too_little_range_reports_nothing)
{
	double H[] = {0.10, 0.09, 0.08, 0.07}, R[] = {0.5, 0.6, 0.7, 0.8};
	struct ebb_law law;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_law_fit(H, R, 4, 0, &law, &err), 0); /* exp spans 0.033 */
	cr_assert(law.insufficient_range && isnan(law.a) && isnan(law.linear.r2));
	H[0] = 0.13; /* 0.066 */
	cr_assert_eq(ebb_law_fit(H, R, 4, 0, &law, &err), 0);
	cr_assert(!law.insufficient_range && isfinite(law.a));
	cr_assert_eq(law.n_early, 0, "two early points are too few");
	cr_assert_eq(ebb_law_fit(H, R, 2, 0, &law, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "eval.cadence"), "%s", err.text);
}

Test(fit, pairs_take_the_step_at_or_before_the_evaluation)
{
	double step[] = {1, 2, 3, 4}, h[] = {9, 8, NAN, 6}, at[] = {0, 1, 2.5, 3, 4, 7};
	double acc[] = {0.1, 0.2, 0.3, 0.4, NAN, 0.6}, H[6], R[6], when[6];

	/* 0: before the first row, takes it; 3: its entropy is missing; 4: accuracy missing; 7: last. */
	cr_assert_eq(ebb_law_pairs(at, acc, 6, step, h, 4, H, R, when), 4);
	cr_assert(H[0] == 9 && R[0] == 0.1);
	cr_assert(H[1] == 9 && R[1] == 0.2);
	cr_assert(H[2] == 8 && R[2] == 0.3);
	cr_assert(H[3] == 6 && R[3] == 0.6 && when[3] == 7);
	cr_assert_eq(ebb_law_pairs(at, acc, 6, step, h, 0, H, R, when), 0);
}

/* EI 1.6: entropy consumed and gain realised at a twelfth and a third of the run. */
Test(fit, golden_run_metrics)
{
	char *path = ebb_path_join(getenv("EBB_SOURCE_ROOT") ? getenv("EBB_SOURCE_ROOT") : ".",
				   "tests/golden/entropy-and-information.json");
	static const char *const name[][2] = {{"entropy", "entropy_consumed"},
					      {"accuracy", "gain_realised"}};
	double x[64], y[64];
	json_error_t e;
	json_t *root = json_load_file(path, 0, &e), *run, *want;
	int n;

	cr_assert(root != NULL, "%s: %s", path, e.text);
	run = json_object_get(json_object_get(root, "sections"), "run_metrics");
	for (int i = 0; i < 64; i++)
		x[i] = 10 * i;
	for (int k = 0; k < 2; k++) {
		n = numbers(json_object_get(json_object_get(run, "inputs"), name[k][0]), y);
		want = json_object_get(json_object_get(run, "expected"), name[k][1]);
		cr_assert_eq(number(json_object_get(run, "params"), "index_one_twelfth") * 12,
			     n - 1);
		cr_assert_eq(number(json_object_get(run, "params"), "index_one_third") * 3, n - 1);
		golden(name[k][1], ebb_change_realised(x, y, n, 1.0 / 12),
		       json_number_value(json_array_get(want, 0)));
		golden(name[k][1], ebb_change_realised(x, y, n, 1.0 / 3),
		       json_number_value(json_array_get(want, 1)));
	}
	json_decref(root);
	free(path);
	/* between two rows by a straight line, and where there is nothing to say */
	cr_assert_eq(ebb_change_realised(x, (double[]){4, 2, 0}, 3, 0.25), 0.25);
	cr_assert_eq(ebb_change_realised(x, (double[]){4, 2, 0}, 3, 1), 1.0);
	cr_assert(isnan(ebb_change_realised(x, (double[]){4, 2, 4}, 3, 0.5)));
	cr_assert(isnan(ebb_change_realised(x, y, 1, 0.5)));
}

Test(fit, weights)
{
	double x[] = {0, 1, 2, 3, 4, 6}, y[] = {1, 2, 2, 5, 3, 7}, w[] = {1, 2, 1, 3, 1, 1};
	double twice_x[9], twice_y[9], same[6];
	struct ebb_line one, two;
	struct ebb_err err = EBB_ERR_INIT;
	int n = 0;

	for (int i = 0; i < 6; i++) {
		same[i] = 7;
		for (int k = 0; k < w[i]; k++, n++) {
			twice_x[n] = x[i];
			twice_y[n] = y[i];
		}
	}
	cr_assert_eq(ebb_line_fit(x, y, 6, &one, &err), 0);
	cr_assert_eq(ebb_line_fit_weighted(x, y, same, 6, &two, &err), 0);
	CLOSE(two.slope, one.slope, 1e-14);
	CLOSE(two.var_slope, one.var_slope, 1e-14);
	CLOSE(two.cov, one.cov, 1e-14);
	CLOSE(two.r2, one.r2, 1e-14);
	CLOSE(two.rmse, one.rmse, 1e-14);
	CLOSE(two.aicc, one.aicc, 1e-12);
	/* a weight of 3 is the point three times, but for the degrees of freedom */
	cr_assert_eq(ebb_line_fit_weighted(x, y, w, 6, &one, &err), 0);
	cr_assert_eq(ebb_line_fit(twice_x, twice_y, n, &two, &err), 0);
	CLOSE(one.slope, two.slope, 1e-14);
	CLOSE(one.intercept, two.intercept, 1e-14);
	CLOSE(one.r2, two.r2, 1e-14);
	CLOSE(one.rmse, two.rmse, 1e-14);
	CLOSE(one.var_slope * 4, two.var_slope * 7, 1e-13);
}

/* The variance of a share of n answers: smallest, so the weight largest, at the ends. */
Test(fit, weights_of_answers)
{
	double H[] = {1.0, 0.8, 0.6, 0.4, 0.2}, R[] = {0.0, 0.5, 0.6, 0.9, 1.0};
	const struct ebb_law_data data = {.H = H, .R = R, .n = 5};
	const struct ebb_law_how how = {.answers = 100};
	struct ebb_law_points p;
	struct ebb_law plain, law;
	struct ebb_err err = EBB_ERR_INIT;

	ebb_law_points_make(&p, &data, &how);
	CLOSE(p.w[1], 400, 1e-9);
	CLOSE(p.w[0], 100 / ((0.5 / 101) * (100.5 / 101)), 1e-9);
	CLOSE(p.w[0], p.w[4], 1e-9 * p.w[0]);
	cr_assert(p.w[3] > p.w[2] && p.step == NULL);
	ebb_law_points_release(&p);
	cr_assert_eq(ebb_law_make(&data, &how, &law, &err), 0);
	cr_assert_eq(ebb_law_fit(H, R, 5, 0, &plain, &err), 0);
	cr_assert(law.a != plain.a && fabs(law.last_excess) < fabs(plain.last_excess),
		  "the ends pull more");
}

Test(fit, the_three_forms)
{
	double H[20], R[20], step[20];
	const struct ebb_law_data data = {.H = H, .R = R, .step = step, .n = 20};
	struct ebb_law_how how = {0};
	struct ebb_law law;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 20; i++) {
		step[i] = 10 * i;
		H[i] = exp(-0.1 * i);
		R[i] = 0.2 + 0.1 * log(step[i] + 1) + (i % 2 ? 1e-4 : -1e-4);
	}
	cr_assert_eq(ebb_law_make(&data, &how, &law, &err), 0);
	CLOSE(law.log_step.slope, 0.1, 1e-3);
	cr_assert(law.log_step.aicc < law.linear.aicc && law.log_step.aicc < law.aicc);
	cr_assert(!ebb_law_stands(&law, 2) && ebb_law_stands(&law, 1e6));
	cr_assert_eq(law.n_early, 10);
	/* the steps up to a tenth of 190 are 0 and 10: too few; up to 0.15: 0, 10, 20 */
	how.early = 0.1;
	cr_assert_eq(ebb_law_make(&data, &how, &law, &err), 0);
	cr_assert(law.n_early == 0 && isnan(law.early_ceiling));
	how.early = 0.15;
	cr_assert_eq(ebb_law_make(&data, &how, &law, &err), 0);
	cr_assert_eq(law.n_early, 3);
	CLOSE(law.early_excess, R[19] - law.early_ceiling, 0);
	/* the linear form is its own rival, and is its own value at H = 0 */
	how = (struct ebb_law_how){.linear = true};
	cr_assert_eq(ebb_law_make(&data, &how, &law, &err), 0);
	cr_assert(law.a == -law.linear.slope && law.ceiling == law.b);
	cr_assert(law.aicc == law.linear.aicc && law.early_rmse == law.early_linear_rmse);
	CLOSE(law.se_ceiling, law.se_b, 1e-15);
}

/* A trial as sim_verdicts.c makes it: errors AR(1), 0.5, around a law. */
static void make_trial(double *H, double *R, int n, double a, double b, uint32_t run, uint32_t slot)
{
	struct ebb_draw d = {.seed = 7, .stream = EBB_STREAM_TEST, .step = run, .slot = slot};
	double e = ebb_normal(&d, 0);

	for (int i = 0; i < n; i++) {
		e = 0.5 * e + sqrt(0.75) * ebb_normal(&d, 1 + (uint32_t)i);
		H[i] = 0.05 + 0.40 * exp(-3.0 * i / n);
		R[i] = b - a * exp(H[i]) + 0.02 * e;
	}
}

Test(fit, blocks_know_of_neighbours, .timeout = 120)
{
	enum { N = 40, RUNS = 300 };
	double H[N], R[N];
	const struct ebb_law_data data = {.H = H, .R = R, .n = N};
	const struct ebb_law_how how = {0};
	struct ebb_law_band band, again;
	struct ebb_law law;
	struct ebb_err err = EBB_ERR_INIT;
	int inside = 0, ceilings = 0, by_se = 0;

	for (int run = 0; run < RUNS; run++) {
		make_trial(H, R, N, 1.1, 2.0, (uint32_t)run, 0);
		cr_assert_eq(ebb_law_make(&data, &how, &law, &err), 0);
		cr_assert_eq(ebb_law_blocks(&data, &how, 0, &band, &err), 0);
		cr_assert_eq(band.block, EBB_LAW_BLOCK);
		inside += band.a_low <= 1.1 && 1.1 <= band.a_high;
		ceilings += band.ceiling_low <= 0.9 && 0.9 <= band.ceiling_high;
		by_se += fabs(law.a - 1.1) <= 2.024 * law.se_a;
	}
	fprintf(stderr,
		"inside the 95 %% interval: a %.1f %%, ceiling %.1f %%; by standard error "
		"a %.1f %%\n",
		100.0 * inside / RUNS, 100.0 * ceilings / RUNS, 100.0 * by_se / RUNS);
	cr_assert(inside > by_se && inside >= 0.84 * RUNS && ceilings >= 0.85 * RUNS);
	/* the same numbers give the same interval */
	cr_assert_eq(ebb_law_blocks(&data, &how, 0, &again, &err), 0);
	cr_assert_eq(memcmp(&again, &band, sizeof band), 0);
	/* fewer points take shorter blocks; too few of them none */
	make_trial(H, R, 9, 1.1, 2.0, 1, 0);
	cr_assert_eq(ebb_law_blocks(&(struct ebb_law_data){.H = H, .R = R, .n = 9}, &how, 0, &band,
				    &err),
		     0);
	cr_assert(band.block == 3 && band.a_low < band.a_high);
	cr_assert_eq(ebb_law_blocks(&(struct ebb_law_data){.H = H, .R = R, .n = 9}, &how, 5, &band,
				    &err),
		     0);
	cr_assert(band.block == 0 && isnan(band.a_low));
}

Test(fit, size_over_seeds)
{
	double ln_size[] = {0, 1, 2, 3}, coef[4][8];
	struct ebb_draw d = {.seed = 3, .stream = EBB_STREAM_TEST};
	struct ebb_size_fit fit;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 4; i++)
		for (int s = 0; s < 8; s++)
			coef[i][s] = 0.1 + 0.05 * ln_size[i] +
				     0.02 * ebb_normal(&d, (uint32_t)(8 * i + s));
	coef[1][3] = NAN; /* a trial without a fit */
	cr_assert_eq(ebb_size_fit(ln_size, coef[0], 4, 8, &fit, &err), 0, "%s", err.text);
	cr_assert(fit.n_sizes == 4 && fit.n_seeds == 8);
	cr_assert(fit.low > 0 && fit.low < 0.05 && 0.05 < fit.high && fit.t_low > 0);
	CLOSE(fit.c1, 0.05, 0.01);
	cr_assert_eq(ebb_size_fit(ln_size, coef[0], 1, 8, &fit, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "two model sizes"), "%s", err.text);
}

/* p of the common law over many made-up runs. common: three arms with one law, else one of them with a
 * ceiling of its own. */
static double share_below(double level, bool common)
{
	enum { N = 13, ARMS = 3, SEEDS = 5, RUNS = 60 };
	static double H[ARMS * SEEDS][N], R[ARMS * SEEDS][N];
	struct ebb_common_trial trial[ARMS * SEEDS];
	struct ebb_common c;
	struct ebb_err err = EBB_ERR_INIT;
	int below = 0;

	for (uint32_t run = 0; run < RUNS; run++) {
		struct ebb_draw d = {.seed = 11, .stream = EBB_STREAM_TEST, .step = run};

		for (int t = 0; t < ARMS * SEEDS; t++) {
			/* seeds differ in their law, in all arms alike */
			double b = 2.0 + 0.04 * ebb_normal(&d, (uint32_t)(t % SEEDS)) +
				   (common || t / SEEDS != 2 ? 0 : 0.05);

			make_trial(H[t], R[t], N, 1.1, b, 1000 + run, (uint32_t)t);
			trial[t] = (struct ebb_common_trial){
				t / SEEDS, t % SEEDS, {.H = H[t], .R = R[t], .n = N}};
		}
		cr_assert_eq(ebb_common_fit(trial, ARMS * SEEDS, ARMS, &c, &err), 0, "%s",
			     err.text);
		cr_assert(c.n_points == ARMS * SEEDS * N && c.f >= 0 && c.spread >= 0);
		below += c.p <= level;
		ebb_common_release(&c);
	}
	return (double)below / RUNS;
}

Test(fit, one_law_for_all_arms, .timeout = 240)
{
	double H[] = {0.5, 0.3, 0.1, 0.5, 0.3, 0.1}, R[] = {0.3, 0.4, 0.5, 0.2, 0.35, 0.4};
	struct ebb_common_trial trial[] = {{0, 0, {.H = H, .R = R, .n = 3}},
					   {1, 1, {.H = H + 3, .R = R + 3, .n = 3}}};
	struct ebb_common c;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_law one, two;

	/* the separate laws are those of each arm's points */
	cr_assert_eq(ebb_common_fit(trial, 2, 2, &c, &err), 0);
	cr_assert_eq(ebb_law_fit(H, R, 3, 0, &one, &err), 0);
	cr_assert_eq(ebb_law_fit(H + 3, R + 3, 3, 0, &two, &err), 0);
	CLOSE(c.arm_a[0], one.a, 1e-12);
	CLOSE(c.arm_b[1], two.b, 1e-12);
	CLOSE(c.spread, fabs(one.ceiling - two.ceiling), 1e-12);
	CLOSE(c.sse_separate, 3 * (one.rmse * one.rmse + two.rmse * two.rmse), 1e-12);
	cr_assert_eq(ebb_law_fit(H, R, 6, 0, &one, &err), 0);
	CLOSE(c.a, one.a, 1e-12);
	CLOSE(c.ceiling, one.ceiling, 1e-12);
	CLOSE(c.sse_common, 6 * one.rmse * one.rmse, 1e-12);
	cr_assert(c.dealings == 0 && isnan(c.p), "no seed has two arms");
	ebb_common_release(&c);
	cr_assert_eq(ebb_common_fit(trial, 1, 1, &c, &err), EBB_EINVAL);
	ebb_common_release(&c);

	cr_assert(share_below(0.05, true) <= 0.12);
	cr_assert(share_below(0.05, false) >= 0.9);
}
