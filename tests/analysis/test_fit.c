/* The law R = -a exp(H) + b: golden vector, pairs, rival, edges. */
#include <criterion/criterion.h>

#include <jansson.h>
#include <math.h>
#include <string.h>
#include "analysis/fit.h"
#include "base/file.h"

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
	struct ebb_line size;
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
	golden("r2", law.r2, number(want, "r2"));
	golden("rmse", law.rmse, number(want, "rmse"));
	cr_assert_eq(law.n_early, n_early);
	golden("early a", law.early_a, number(early, "a"));
	golden("early b", law.early_b, number(early, "b"));
	golden("early ceiling", law.early_ceiling, number(early, "ceiling"));
	golden("early se_ceiling", law.early_se_ceiling, number(early, "se_ceiling"));
	golden("early rmse", law.early_rmse, number(early, "rmse_all_predicted"));
	golden("early last", law.early_last, number(early, "final_abs_err"));

	n = numbers(json_object_get(in, "sizes_b"), x);
	numbers(json_object_get(in, "coef_a"), y);
	for (int i = 0; i < n; i++)
		x[i] = log(x[i]);
	cr_assert_eq(ebb_line_fit(x, y, n, &size, &err), 0);
	golden("c0", size.intercept, number(json_object_get(want, "size_fit_a"), "c0"));
	golden("c1", size.slope, number(json_object_get(want, "size_fit_a"), "c1"));
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
