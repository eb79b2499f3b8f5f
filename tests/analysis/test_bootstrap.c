/* Percentile and hierarchical bootstrap, and the band of a run on disk. */
#include <criterion/criterion.h>

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "analysis/bootstrap.h"
#include "analysis/stat.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

/* ---- values ---- */

Test(bootstrap, interval_of_two_values_by_hand)
{
	/* Means of two drawn from {0, 1}: 0, 1/2, 1 with 1/4, 1/2, 1/4. */
	double v[] = {0, NAN, 1}, low, high;
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_bootstrap(v, 3, NULL, 1000, &low, &high, &err), 0);
	cr_assert(low == 0.0 && high == 1.0);
}

Test(bootstrap, agrees_with_the_normal_law_of_many)
{
	/* The plug-in standard error of the mean: sd with n, over sqrt(n). */
	struct ebb_draw d = {.seed = 1, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	double v[200], mean = 0, ss = 0, low, high, again_low, again_high;

	for (int i = 0; i < 200; i++) {
		v[i] = ebb_normal(&d, (uint32_t)i);
		mean += v[i] / 200;
	}
	for (int i = 0; i < 200; i++)
		ss += (v[i] - mean) * (v[i] - mean);
	cr_assert_eq(ebb_bootstrap(v, 200, NULL, EBB_RESAMPLES, &low, &high, &err), 0);
	CLOSE(low, mean - 1.96 * sqrt(ss) / 200, 0.005);
	CLOSE(high, mean + 1.96 * sqrt(ss) / 200, 0.005);
	ebb_bootstrap(v, 200, NULL, EBB_RESAMPLES, &again_low, &again_high, &err);
	cr_assert(low == again_low && high == again_high, "the same numbers, the same interval");
}

Test(bootstrap, refusals_and_edges)
{
	double v[] = {3, NAN, INFINITY}, low = 0, high = 0, bad[100], constant[] = {2, 2, 2};
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_bootstrap(v, 3, NULL, EBB_RESAMPLES, &low, &high, &err), 0);
	cr_assert(isnan(low) && isnan(high), "one value has no interval");
	cr_assert_eq(ebb_bootstrap(v, 0, NULL, EBB_RESAMPLES, &low, &high, &err), 0);
	cr_assert(isnan(low));
	cr_assert_eq(ebb_bootstrap(v, 3, NULL, 99, &low, &high, &err), EBB_EINVAL);
	cr_assert_eq(ebb_bootstrap(constant, 3, NULL, 100, &low, &high, &err), 0);
	cr_assert(low == 2.0 && high == 2.0);
	for (int i = 0; i < 100; i++)
		bad[i] = i < 6 ? NAN : i;
	ebb_bootstrap_interval(bad, 100, &low, &high);
	cr_assert(isnan(low), "6 of 100 resamples say nothing");
	for (int i = 0; i < 100; i++)
		bad[i] = 99 - i;
	ebb_bootstrap_interval(bad, 100, &low, &high); /* type 7: 0.025 * 99 = 2.475 */
	CLOSE(low, 2.475, 1e-12);
	CLOSE(high, 96.525, 1e-12);
}

/* ---- outcomes ---- */

/* A question of this seed is answered right with this chance: its own, and a seed's level. */
static void fill(struct ebb_outcomes *o, uint64_t experiment, double between, int n_samples)
{
	struct ebb_draw d = {.seed = experiment, .stream = EBB_STREAM_TEST};
	int n = o->n_evals * o->n_questions * n_samples, s, e, q, i;
	double *sample = calloc((size_t)n, sizeof *sample), level, p;
	struct ebb_err err = EBB_ERR_INIT;

	for (s = 0; s < o->n_seeds; s++) {
		d.slot = (uint32_t)s;
		d.step = 0;
		level = 0.5 + between * ebb_normal(&d, 0);
		for (e = 0; e < o->n_evals; e++)
			for (q = 0; q < o->n_questions; q++) {
				d.step = 1;
				p = level + 0.3 * (ebb_uniform(&d, (uint32_t)q) - 0.5);
				d.step = 2 + (uint32_t)e;
				for (i = 0; i < n_samples; i++)
					sample[(e * o->n_questions + q) * n_samples + i] =
						ebb_uniform(&d, (uint32_t)(q * n_samples + i)) < p;
			}
		cr_assert_eq(ebb_outcomes_put(o, s, sample, n_samples, &err), 0, "%s", err.text);
	}
	free(sample);
}

Test(bootstrap, outcomes_by_hand)
{
	/* (2 evaluations, 2 questions, 2 samples): right 1 of 2 and 2 of 2; then 0 of 1 each. */
	double sample[] = {1, 0, 1, 1, NAN, 0, 0, NAN}, bad[] = {1, 0, 2, 1, 1, 1, 1, 1};
	double low[2], high[2];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_outcomes o;

	cr_assert_eq(ebb_outcomes_init(&o, 2, 2, 2, &err), 0);
	cr_assert_eq(ebb_outcomes_put(&o, 0, sample, 2, &err), 0);
	CLOSE(ebb_outcomes_accuracy(&o, 0, 0), 0.75, 0);
	CLOSE(ebb_outcomes_accuracy(&o, 0, 1), 0.0, 0);
	cr_assert(isnan(ebb_outcomes_accuracy(&o, 1, 0)), "not given yet");
	cr_assert_eq(ebb_bootstrap_outcomes(&o, 100, low, high, &err), 0);
	cr_assert(isnan(low[0]) && isnan(high[1]), "one seed has no band");
	cr_assert_eq(ebb_outcomes_put(&o, 1, bad, 2, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "question 1") != NULL, "%s", err.text);
	cr_assert_eq(ebb_outcomes_put(&o, 1, sample, 2, &err), 0);
	cr_assert_eq(ebb_bootstrap_outcomes(&o, 1000, low, high, &err), 0);
	/* Both seeds alike: a seed is 1/2, 3/4 or 1 with 1/4, 1/2, 1/4; the mean of two reaches 1/2 and
	 * 1 in 1/16 of the resamples each. */
	cr_assert(low[0] == 0.5 && high[0] == 1.0, "%g %g", low[0], high[0]);
	cr_assert(low[1] == 0.0 && high[1] == 0.0, "wrong wherever it was asked");
	cr_assert_eq(ebb_bootstrap_outcomes(&o, 10, low, high, &err), EBB_EINVAL);
	ebb_outcomes_release(&o);
	ebb_outcomes_release(&o);
	cr_assert_eq(ebb_outcomes_init(&o, 2, -1, 2, &err), EBB_EINVAL);
}

/* The spread of the resamples is the one of two levels: seeds (with n, not n - 1) and questions. */
Test(bootstrap, outcomes_carry_both_levels)
{
	enum { S = 8, Q = 256 };
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_outcomes o;
	double mean, level, ss, inner, p, low, high, expected;

	for (int trial = 0; trial < 2; trial++) {
		cr_assert_eq(ebb_outcomes_init(&o, S, 1, Q, &err), 0);
		fill(&o, 40 + (uint64_t)trial, trial == 0 ? 0.1 : 0.0, 8);
		mean = ss = inner = 0;
		for (int s = 0; s < S; s++)
			mean += ebb_outcomes_accuracy(&o, s, 0) / S;
		for (int s = 0; s < S; s++) {
			level = ebb_outcomes_accuracy(&o, s, 0);
			ss += (level - mean) * (level - mean);
			for (int q = 0; q < Q; q++) {
				p = o.right[s * Q + q] / 8.0 - level;
				inner += p * p / Q / Q;
			}
		}
		expected = 1.96 * sqrt(ss / S / S + inner / S / S);
		cr_assert_eq(ebb_bootstrap_outcomes(&o, EBB_RESAMPLES, &low, &high, &err), 0);
		CLOSE((high - low) / 2 / expected, 1.0, 0.05);
		CLOSE((high + low) / 2, mean, 0.1 * expected);
		ebb_outcomes_release(&o);
	}
}

Test(bootstrap, outcomes_are_the_same_every_time_and_for_any_order_of_questions)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_outcomes o, m;
	double low[3], high[3], again[3], low2[3], high2[3];

	cr_assert_eq(ebb_outcomes_init(&o, 5, 3, 64, &err), 0);
	cr_assert_eq(ebb_outcomes_init(&m, 5, 3, 64, &err), 0);
	fill(&o, 7, 0.1, 4);
	for (int s = 0; s < 5; s++)
		for (int q = 0; q < 64; q++)
			for (int e = 0; e < 3; e++) {
				int from = (s * 64 + q) * 3 + e,
				    to = (s * 64 + (q * 5 + 1) % 64) * 3 + e;

				m.right[to] = o.right[from];
				m.asked[to] = o.asked[from];
			}
	cr_assert_eq(ebb_bootstrap_outcomes(&o, EBB_RESAMPLES, low, high, &err), 0);
	cr_assert_eq(ebb_bootstrap_outcomes(&o, EBB_RESAMPLES, again, high2, &err), 0);
	cr_assert_eq(ebb_bootstrap_outcomes(&m, EBB_RESAMPLES, low2, high2, &err), 0);
	for (int e = 0; e < 3; e++) {
		cr_assert_eq(low[e], again[e]);
		CLOSE(low[e], low2[e], 0.1 * (high[e] - low[e])); /* other draws of the same law */
		CLOSE(high[e], high2[e], 0.1 * (high[e] - low[e]));
	}
	ebb_outcomes_release(&m);
	ebb_outcomes_release(&o);
}

/* 8 seeds, 256 questions, 8 samples, 7 evaluations. Under a second on any machine that is not
 * instrumented; the bound is for a crowded one. */
Test(bootstrap, outcomes_are_quick, .timeout = 120)
{
	struct timespec from, to;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_outcomes o;
	double low[7], high[7];

	cr_assert_eq(ebb_outcomes_init(&o, 8, 7, 256, &err), 0);
	fill(&o, 3, 0.05, 8);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	cr_assert_eq(ebb_bootstrap_outcomes(&o, EBB_RESAMPLES, low, high, &err), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	fprintf(stderr, "%.3f s for 10,000 resamples of 8 x 256 x 7\n",
		(double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec));
	cr_assert(to.tv_sec - from.tv_sec < 20);
	for (int e = 0; e < 7; e++)
		cr_assert(low[e] < high[e]);
	ebb_outcomes_release(&o);
}

/* ---- a run on disk ---- */

enum { AXIS, ACCURACY, OUTCOME, FIELDS };
enum { SEEDS = 4, EVALS = 5, QUESTIONS = 24, SAMPLES = 3 };

static char folder[] = "/tmp/ebb-outcome-XXXXXX";
static const struct ebb_task_rows task = {.name = "chain"};
static const struct ebb_catalog catalog = {.task = &task, .n_tasks = 1};

/* clang-format off */
static const struct ebb_field fields[FIELDS] = {
	[AXIS] = {"axis/eval", "steps", "batches", "", EBB_AXIS_EVAL, EBB_F64_ELEMENT},
	[ACCURACY] = {"eval/accuracy", "share", "held-out accuracy", "", EBB_AXIS_EVAL, EBB_F64_ELEMENT},
	[OUTCOME] = {"eval/outcome", "", "1 right, 0 wrong", "", EBB_AXIS_EVAL, EBB_U8_ELEMENT, 2,
		     {QUESTIONS, SAMPLES}, {"question", "sample"}},
};
/* clang-format on */

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static void folder_make(void)
{
	ebb_record_setup();
	cr_assert(mkdtemp(folder) != NULL);
}

static void folder_remove(void)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The second evaluation was not made; n_fields 2: no outcomes; lie: added to an accuracy. */
static void write_trial(const struct ebb_options *o, const char *id, int seed, int n_fields,
			double lie)
{
	struct ebb_trial_head head = {id, "arm", o, &catalog, 1, NULL};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_writer *w;
	unsigned char outcome[QUESTIONS * SAMPLES];

	cr_assert_eq(ebb_writer_open(&w, folder, &head, fields, n_fields, NULL, &err), 0, "%s",
		     err.text);
	for (int e = 0; e < EVALS; e++) {
		struct ebb_draw d = {
			.seed = (uint64_t)seed, .stream = EBB_STREAM_TEST, .step = (uint32_t)e};
		double at = 10 * e, accuracy = 0;

		for (int i = 0; i < QUESTIONS * SAMPLES; i++) {
			outcome[i] = ebb_uniform(&d, (uint32_t)i) < 0.2 + 0.1 * e;
			accuracy += outcome[i] / (double)(QUESTIONS * SAMPLES);
		}
		accuracy += e == 2 ? lie : 0;
		ebb_writer_set(w, AXIS, &at);
		if (e != 1)
			ebb_writer_set(w, ACCURACY, &accuracy);
		if (e != 1 && n_fields == FIELDS)
			ebb_writer_set(w, OUTCOME, outcome);
		cr_assert_eq(ebb_writer_row(w, EBB_AXIS_EVAL, &err), 0, "%s", err.text);
	}
	cr_assert_eq(ebb_writer_finish(w, EBB_STATUS_COMPLETE, 40, "", &err), 0, "%s", err.text);
}

/* One arm; seed `without` has no outcomes, seed `lying` another accuracy (-1: none). */
static struct ebb_run make_run(int without, int lying)
{
	static struct ebb_arm arm[1];
	static struct ebb_setting axis = {(char *)"algorithm", (char *)"arm"};
	static struct ebb_plan plan[SEEDS];
	static uint64_t seed[SEEDS];
	static int plan_of[SEEDS];
	struct ebb_definition def = {.name = (char *)"made-up",
				     .about = (char *)"",
				     .source = (char *)"",
				     .overrides = (char *)"",
				     .arm = arm,
				     .n_arms = 1,
				     .seed = seed,
				     .n_seeds = SEEDS,
				     .plan = plan,
				     .n_plans = SEEDS,
				     .plan_of = plan_of};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;

	arm[0] = (struct ebb_arm){.label = (char *)"arm", .axis = &axis, .n_axes = 1};
	ebb_options_init(&arm[0].options, &catalog);
	for (int s = 0; s < SEEDS; s++) {
		seed[s] = 100 + (uint64_t)s;
		snprintf(plan[s].id, EBB_ID_MAX, "%016d", s);
		plan[s].options = arm[0].options;
		plan[s].options.seed = seed[s];
		plan_of[s] = s;
		write_trial(&plan[s].options, plan[s].id, s, s == without ? OUTCOME : FIELDS,
			    s == lying ? 0.01 : 0);
	}
	cr_assert_eq(ebb_index_write(folder, &def, &catalog, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, folder, &err), 0, "%s", err.text);
	return run;
}

Test(bootstrap, band_of_a_run, .init = folder_make, .fini = folder_remove)
{
	struct ebb_run run = make_run(-1, -1);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_series s, t;

	cr_assert_eq(ebb_series_read(&s, &run, 0, "eval/accuracy", EBB_SCALE_STEP, 0, &err), 0);
	cr_assert_eq(ebb_series_read(&t, &run, 0, "eval/accuracy", EBB_SCALE_STEP, 0, &err), 0);
	cr_assert(s.n_rows == EVALS - 1 && s.band == EBB_BAND_T);
	cr_assert_eq(ebb_series_outcome_band(&s, &run, 0, &err), 0, "%s", err.text);
	cr_assert_eq(s.band, EBB_BAND_BOOTSTRAP);
	for (int r = 0; r < s.n_rows; r++) {
		cr_assert(s.low[r] < s.mean[r] && s.mean[r] < s.high[r]);
		cr_assert(s.low[r] != t.low[r] && s.mean[r] == t.mean[r]);
	}
	ebb_series_release(&s);
	/* Rows that are averages of rows keep their t interval. */
	cr_assert_eq(ebb_series_read(&s, &run, 0, "eval/accuracy", EBB_SCALE_STEP, 2, &err), 0);
	cr_assert_eq(ebb_series_outcome_band(&s, &run, 0, &err), 0);
	cr_assert(s.window == 2 && s.band == EBB_BAND_T);
	ebb_series_release(&s);
	ebb_series_release(&t);
	ebb_run_release(&run);
}

Test(bootstrap, band_without_outcomes, .init = folder_make, .fini = folder_remove)
{
	struct ebb_run run = make_run(2, -1);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_series s;
	double low;

	cr_assert_eq(ebb_series_read(&s, &run, 0, "eval/accuracy", EBB_SCALE_STEP, 0, &err), 0);
	low = s.low[0];
	cr_assert_eq(ebb_series_outcome_band(&s, &run, 0, &err), 0, "%s", err.text);
	cr_assert(s.band == EBB_BAND_T && s.low[0] == low,
		  "one seed has none: the t interval stays");
	ebb_series_release(&s);
	ebb_run_release(&run);
}

Test(bootstrap, band_of_other_outcomes, .init = folder_make, .fini = folder_remove)
{
	struct ebb_run run = make_run(-1, 1);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_series s;

	cr_assert_eq(ebb_series_read(&s, &run, 0, "eval/accuracy", EBB_SCALE_STEP, 0, &err), 0);
	cr_assert_eq(ebb_series_outcome_band(&s, &run, 0, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "seed 101, at 20"), "%s", err.text);
	cr_assert_eq(s.band, EBB_BAND_T);
	ebb_series_release(&s);
	ebb_run_release(&run);
}
