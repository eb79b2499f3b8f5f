/* Everything that reads a run: series on every scale, comparisons, pairs, names. */
#include "figure/made_run.h"

#include "analysis/compare.h"
#include "analysis/fit.h"
#include "analysis/names.h"
#include "analysis/table.h"

TestSuite(run, .init = made_folder_make, .fini = made_folder_remove);

static const char *const labels[] = {"grpo", "dapo", "gspo"};

#define OK(call) cr_assert_eq((call), 0, "%s: %s", #call, err.text)

static struct ebb_run open_run(const struct made_plan *p)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;

	made_run(p);
	OK(ebb_run_open(&run, made_folder, &err));
	return run;
}

Test(run, series_keep_what_is_lost_in_sight)
{
	struct made_plan p = MADE_PLAN(labels, 2, 4, 30);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_series s;
	struct ebb_run run;

	p.unfinished_arm = 0, p.unfinished_seed = 3;
	p.diverged_arm = 0, p.diverged_seed = 1;
	run = open_run(&p);
	OK(ebb_series_read(&s, &run, 0, "actor/entropy", EBB_SCALE_NATIVE, 0, &err));
	cr_assert(s.n_seeds == 2 && s.n_diverged == 1 && s.n_unfinished == 1);
	cr_assert(s.seed[0] == 100 && s.seed[1] == 102 && s.diverged[0].seed == 101);
	cr_assert(s.n_rows == 30 && s.diverged[0].n == 15 && s.scale == EBB_SCALE_STEP);
	cr_assert_eq(s.value[30 + 7], made_value(0, 2, 7, 7, MADE_ENTROPY));
	cr_assert_str_eq(s.unit, "nats");
	ebb_series_release(&s);
	OK(ebb_series_read(&s, &run, 1, "actor/kl_ref", EBB_SCALE_NATIVE, 0, &err));
	cr_assert(s.n_seeds == 0 && !ebb_series_any(&s), "not recorded: empty, not an error");
	ebb_series_release(&s);
	cr_assert_eq(ebb_series_read(&s, &run, 1, "position/entropy", EBB_SCALE_NATIVE, 0, &err),
		     EBB_EINVAL);
	ebb_run_release(&run);
}

Test(run, series_on_other_scales)
{
	struct made_plan p = MADE_PLAN(labels, 1, 3, 30);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_series s;
	struct ebb_run run = open_run(&p);

	/* 128 responses a batch whatever the seed: nothing to interpolate. */
	OK(ebb_series_read(&s, &run, 0, "eval/accuracy", EBB_SCALE_ROLLOUTS, 0, &err));
	cr_assert(!s.resampled && s.n_rows == 4);
	cr_assert(s.x[0] == 0 && s.x[1] == 1280 && s.x[3] == 3840);
	ebb_series_release(&s);
	/* Tokens differ: the overlap ends where the tersest seed ends. */
	OK(ebb_series_read(&s, &run, 0, "eval/accuracy", EBB_SCALE_TOKENS, 0, &err));
	cr_assert(s.resampled && s.x[0] == 0 && s.x[3] == made_tokens(0, 0, 29));
	ebb_series_release(&s);
	/* Two updates a batch; an update curve against steps lies on halves. */
	OK(ebb_series_read(&s, &run, 0, "actor/entropy", EBB_SCALE_UPDATE, 0, &err));
	cr_assert(!s.resampled && s.x[0] == 0 && s.x[5] == 10);
	ebb_series_release(&s);
	OK(ebb_series_read(&s, &run, 0, "clip_ratio/low_mean", EBB_SCALE_STEP, 0, &err));
	cr_assert(s.n_rows == 60 && s.x[0] == 0 && s.x[5] == 2.5);
	ebb_series_release(&s);
	OK(ebb_series_read(&s, &run, 0, "clip_ratio/low_mean", EBB_SCALE_SECONDS, 0, &err));
	cr_assert(s.resampled && fabs(s.x[59] - 0.4 * 29.5) < 1e-9, "%g", s.x[59]);
	ebb_series_release(&s);
	ebb_run_release(&run);
}

Test(run, unequal_trials_are_not_averaged)
{
	struct made_plan p = MADE_PLAN(labels, 1, 2, 30);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_series s;
	struct ebb_run run;

	p.short_arm = 0, p.short_seed = 1;
	run = open_run(&p);
	cr_assert_eq(ebb_series_read(&s, &run, 0, "actor/entropy", EBB_SCALE_STEP, 0, &err),
		     EBB_EINVAL);
	cr_assert(strstr(err.text, "30 rows") && strstr(err.text, "29"), "%s", err.text);
	ebb_run_release(&run);
}

Test(run, comparison)
{
	struct made_plan p = MADE_PLAN(labels, 3, 4, 30);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_comparison c;
	struct ebb_run run;
	double d;

	p.unfinished_arm = 1, p.unfinished_seed = 0;
	p.diverged_arm = 2, p.diverged_seed = 2;
	run = open_run(&p);
	OK(ebb_compare(&c, &run, "eval/accuracy", NULL, NULL, &err));
	cr_assert(c.n == 3 && c.row[0].baseline == 0 && c.row[1].baseline == 0);
	cr_assert(c.row[0].value.n == 4 && c.row[1].value.n == 3 && c.row[2].value.n == 3);
	cr_assert(c.row[1].n_unfinished == 1 && c.row[2].n_diverged == 1);
	cr_assert(c.row[1].diff.n == 3 && c.row[1].diff.dropped == 1);
	d = 0;
	for (int s = 1; s < 4; s++) /* four evaluations: the final value is the last */
		d += (made_value(1, s, 30, 30, MADE_ACCURACY) -
		      made_value(0, s, 30, 30, MADE_ACCURACY)) /
		     3;
	cr_assert(fabs(c.row[1].diff.mean - d) < 1e-12);
	cr_assert(c.row[1].diff.low < d && d < c.row[1].diff.high);
	/* Two differences: the smaller p counts twice, the larger once but not below that. */
	cr_assert_eq(c.n_tests, 2);
	cr_assert(isnan(c.row[0].p_holm));
	{
		const struct ebb_comparison_row *less = &c.row[1], *more = &c.row[2];

		if (less->diff.p_t > more->diff.p_t)
			less = &c.row[2], more = &c.row[1];
		d = fmin(1, 2 * less->diff.p_t);
		cr_assert(less->p_holm == d && more->p_holm == fmax(d, more->diff.p_t));
	}
	ebb_comparison_release(&c);

	OK(ebb_compare(&c, &run, "actor/entropy", "algorithm", "gspo", &err));
	cr_assert(c.row[0].baseline == 2 && c.row[2].baseline == 2);
	ebb_comparison_release(&c);

	cr_assert_eq(ebb_compare(&c, &run, "eval/accuracy", NULL, "grop", &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "did you mean 'grpo'"), "%s", err.text);
	cr_assert_eq(ebb_compare(&c, &run, "eval/accuracy", "algoritm", NULL, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "'algorithm'"), "%s", err.text);
	cr_assert_eq(ebb_compare(&c, &run, "actor/kl_ref", NULL, NULL, &err), EBB_ENOENT);
	ebb_run_release(&run);
}

/* Two algorithms times two coefficients, and one arm that has no coefficient at all. */
Test(run, baselines_by_key)
{
	static struct ebb_setting a[5][2] = {{{"algorithm", "grpo"}, {"entropy.coef", "0"}},
					     {{"algorithm", "grpo"}, {"entropy.coef", "0.001"}},
					     {{"algorithm", "dapo"}, {"entropy.coef", "0"}},
					     {{"algorithm", "dapo"}, {"entropy.coef", "0.001"}},
					     {{"algorithm", "em"}, {"", ""}}};
	static struct ebb_run_arm arm[5] = {{"grpo alpha=0", a[0], 2},
					    {"grpo alpha=0.001", a[1], 2},
					    {"dapo alpha=0", a[2], 2},
					    {"dapo alpha=0.001", a[3], 2},
					    {"em", a[4], 1}};
	struct ebb_run run = {.arm = arm, .n_arms = 5};
	struct ebb_err err = EBB_ERR_INIT;
	int b[5];

	OK(ebb_compare_baselines(&run, "algorithm", NULL, b, &err));
	cr_assert(b[0] == 0 && b[1] == 1 && b[2] == 0 && b[3] == 1 && b[4] == 0);
	OK(ebb_compare_baselines(&run, "alpha", NULL, b, &err)); /* the option's alias */
	cr_assert(b[0] == 0 && b[1] == 0 && b[2] == 2 && b[3] == 2 && b[4] == -1);
	OK(ebb_compare_baselines(&run, "coef", "0.001", b, &err));
	cr_assert(b[0] == 1 && b[1] == 1 && b[2] == 3 && b[3] == 3);
	OK(ebb_compare_baselines(&run, "algorithm", "dapo", b, &err));
	cr_assert(b[0] == 2 && b[1] == 3 && b[3] == 3 && b[4] == 2);
	OK(ebb_compare_baselines(&run, NULL, "em", b, &err));
	cr_assert(b[0] == 4 && b[4] == 4);
	/* An arm of the baseline's value stands for itself, whatever comes before it. */
	run = (struct ebb_run){
		.arm =
			(struct ebb_run_arm[]){
				{"em x=1", (struct ebb_setting[]){{"algorithm", "em"}, {"x", "1"}},
				 2},
				arm[4]},
		.n_arms = 2};
	OK(ebb_compare_baselines(&run, "algorithm", NULL, b, &err));
	cr_assert(b[0] == 0 && b[1] == 1);
	run = (struct ebb_run){.arm = arm, .n_arms = 5};
	cr_assert_eq(ebb_compare_baselines(&run, "algorithm", "dpao", b, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "'dapo'"), "%s", err.text);
}

Test(run, arms_by_pattern)
{
	static struct ebb_run_arm arm[] = {{.label = (char *)"grpo alpha=0"},
					   {.label = (char *)"grpo alpha=0.001"},
					   {.label = (char *)"dapo alpha=0"}};
	struct ebb_run run = {.arm = arm, .n_arms = 3};
	struct ebb_err err = EBB_ERR_INIT;
	int chosen[6], n = 0;

	OK(ebb_name_arms(&run, "grpo *", chosen, &n, &err));
	cr_assert(n == 2 && chosen[0] == 0 && chosen[1] == 1);
	OK(ebb_name_arms(&run, "dapo alpha=0", chosen, &n, &err)); /* appends */
	cr_assert(n == 3 && chosen[2] == 2);
	cr_assert_eq(ebb_name_arms(&run, "gspo *", chosen, &n, &err), EBB_ENOENT);
	cr_assert_eq(ebb_name_arms(&run, "grpo alpha=", chosen, &n, &err), EBB_ENOENT);
	cr_assert(n == 3 && strstr(err.text, "did you mean 'grpo alpha=0'"), "%s", err.text);
	cr_assert_str_eq(ebb_name_key("entropy.coef"), "alpha");
	cr_assert_str_eq(ebb_name_key("model.width"), "model.width");
}

Test(run, pairs_and_names)
{
	struct made_plan p = MADE_PLAN(labels, 2, 2, 30);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run = open_run(&p);
	struct ebb_pairs pairs;
	char *name;
	int arm;

	OK(ebb_pairs_read(&run, 1, 1, &pairs, &err));
	cr_assert_eq(pairs.n, 4);
	cr_assert_eq(pairs.H[1], made_value(1, 1, 10, 10, MADE_ENTROPY));
	cr_assert_eq(pairs.H[3], made_value(1, 1, 29, 29, MADE_ENTROPY),
		     "the end takes the last step");
	cr_assert_eq(pairs.R[3], made_value(1, 1, 30, 30, MADE_ACCURACY));
	ebb_pairs_release(&pairs);

	OK(ebb_name_metric(&run, "accuracy", &name, &err));
	cr_assert_str_eq(name, "eval/accuracy");
	free(name);
	OK(ebb_name_metric(&run, "shortcut_frac", &name, &err));
	cr_assert_str_eq(name, "task/shortcut_frac");
	free(name);
	cr_assert_eq(ebb_name_metric(&run, "acuracy", &name, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "'accuracy'"), "%s", err.text);
	cr_assert_eq(ebb_name_metric(&run, "task/shortcut_fra", &name, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "'task/shortcut_frac'"), "%s", err.text);
	OK(ebb_name_arm(&run, "dapo", &arm, &err));
	cr_assert_eq(arm, 1);
	cr_assert(ebb_name_recorded(&run, "eval/accuracy") &&
		  !ebb_name_recorded(&run, "actor/kl_ref"));
	ebb_run_release(&run);
}

Test(table, widths_and_alignment)
{
	static const char *const head[] = {"arm", "value", "<note"};
	struct ebb_table t;
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	cr_assert_eq(ebb_text_width("é±"), 2);
	cr_assert_eq(ebb_text_width("熵"), 2);
	cr_assert_eq(ebb_text_width("e\xcc\x81"), 1); /* a combining accent */
	ebb_table_init(&t, 3, head);
	ebb_table_cell(&t, "熵");
	ebb_table_number(&t, 1.25, 1);
	ebb_table_cell(&t, "x");
	ebb_table_cell(&t, "long");
	ebb_table_number(&t, NAN, 1);
	ebb_table_print(&t, out);
	fclose(out);
	cr_assert_str_eq(text, "arm   value  note\n熵      1.2  x\nlong      -\n", "%s", text);
	free(text);
	ebb_table_release(&t);
}
