/* Heat maps, histograms, survival curves and portraits: numbers drawn, captions, hard cases. */
#include "made_run.h"

#include "figure/figure.h"
#include "figure/heat.h"
#include "figure/histogram.h"
#include "figure/survival.h"

TestSuite(figure_kinds, .init = made_folder_make, .fini = made_folder_remove, .timeout = 120);

#define OK(call) cr_assert_eq((call), 0, "%s: %s", #call, err.text)

static const char *const names[MADE_MOST] = {
	"grpo", "dapo", "gspo", "gipo", "gipo_exp", "clip_cov", "kl_cov", "em",
	"i",    "j",    "k",    "l",    "m",        "n",        "o",      "p"};

/* Labels that break titles, keys and quoting. */
static const char *const evil[MADE_MOST] = {
	"it's `touch /tmp/x` @y",
	"a_b^c {/Bold d} \\",
	"\"%s\" $z",
	"熵 entropy.coef=0.001 with a label far too long for any key or title of a small frame",
	"e",
	"f",
	"g",
	"h",
	"alpha=0.001 beta=0.002",
	"j",
	"k",
	"l",
	"m",
	"n",
	"o",
	"p"};

static void need_gnuplot(void)
{
	if (system("gnuplot --version >/dev/null 2>&1") != 0)
		cr_skip_test("gnuplot is not installed");
}

static char *text_of(const char *path)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *text;
	size_t n;

	OK(ebb_file_read(path, 64 << 20, &text, &n, &err));
	return text;
}

/* The script's text with the lines of its caption joined. */
static char *joined(const char *path)
{
	char *text = text_of(path), *to = text;

	for (const char *from = text; *from != '\0';) {
		bool broken = strncmp(from, "', '", 4) == 0;

		*to++ = broken ? ' ' : *from;
		from += broken ? 4 : 1;
	}
	*to = '\0';
	return text;
}

static void free_paths(char *path[EBB_N_FILES])
{
	for (int f = 0; f < EBB_N_FILES; f++)
		free(path[f]);
}

/* All files are there, and the script alone draws the same picture. */
static void check_files(char *path[EBB_N_FILES])
{
	char *before, *after, *command;
	struct ebb_err err = EBB_ERR_INIT;
	size_t n_before, n_after;

	for (int f = 0; f < EBB_TEX; f++)
		cr_assert(path[f] != NULL && ebb_file_exists(path[f]));
	OK(ebb_file_read(path[EBB_PNG], 64 << 20, &before, &n_before, &err));
	cr_assert_gt(n_before, 8000);
	cr_assert_eq(remove(path[EBB_PNG]), 0);
	command = ebb_xprintf("cd %s && gnuplot -d %s 2>&1 && test -z \"$(gnuplot -d %s 2>&1)\"",
			      made_folder, strrchr(path[EBB_GP], '/') + 1,
			      strrchr(path[EBB_GP], '/') + 1);
	cr_assert_eq(system(command), 0, "%s does not run alone, in silence", path[EBB_GP]);
	OK(ebb_file_read(path[EBB_PNG], 64 << 20, &after, &n_after, &err));
	cr_assert(n_before == n_after && memcmp(before, after, n_before) == 0, "%s", path[EBB_GP]);
	free(command);
	free(before);
	free(after);
}

static struct ebb_sheet sheet(const char *name)
{
	return (struct ebb_sheet){.name = name, .title = name, .run = "test", .dir = made_folder};
}

static void open_made(struct ebb_run *run, const struct made_plan *p)
{
	struct ebb_err err = EBB_ERR_INIT;

	made_run(p);
	OK(ebb_run_open(run, made_folder, &err));
}

/* Draw, check the files; csv and script (caption joined) are the caller's. */
static void draw(const struct ebb_run *run, const char *word, enum ebb_scale scale, char **csv,
		 char **gp)
{
	struct ebb_figure_choice choice = {.dir = made_folder, .scale = scale};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES];

	OK(ebb_figure_draw(run, word, &choice, path, &err));
	*csv = text_of(path[EBB_CSV]);
	*gp = joined(path[EBB_GP]);
	check_files(path);
	free_paths(path);
}

static int count_lines(const char *text, const char *with)
{
	int n = 0;

	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		const char *hit = strstr(line, with);

		n += hit != NULL && hit < strchr(line, '\n');
	}
	return n;
}

/* The number in cell `column` of the first line that begins so. */
static double cell(const char *csv, const char *begin, int column)
{
	const char *line = strstr(csv, begin);

	cr_assert_not_null(line, "no line '%s'", begin);
	for (int i = 0; i < column; i++) {
		line = strchr(line, ',');
		cr_assert_not_null(line);
		line++;
	}
	return strtod(line, NULL);
}

/* ---- captions ---- */

Test(figure_kinds, captions_name_arms_and_unit)
{
	static const char *const want[][2] = {
		{"entropy-heat", "2 arms, unit nats; "},
		{"entropy-by-position", "2 arms, unit nats; "},
		{"logit-histogram", "2 arms, unit share; "},
		{"time-to-collapse", "2 arms, unit share; "},
		{"reward-vs-entropy", "2 arms, unit share (accuracy) and nats (entropy); "},
	};
	struct made_plan p = MADE_PLAN(names, 2, 3, 40);
	struct ebb_run run;
	char *csv, *gp;

	need_gnuplot();
	open_made(&run, &p);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		draw(&run, want[i][0], EBB_SCALE_NATIVE, &csv, &gp);
		cr_assert(strstr(gp, want[i][1]), "%s", want[i][0]);
		free(csv);
		free(gp);
	}
	ebb_run_release(&run);
}

/* ---- entropy by position ---- */

Test(figure_kinds, positions_that_few_reach_are_left_out)
{
	struct made_plan p = MADE_PLAN(names, 2, 3, 40);
	struct ebb_run run;
	char *csv, *gp;

	need_gnuplot();
	open_made(&run, &p);
	draw(&run, "entropy-by-position", EBB_SCALE_NATIVE, &csv, &gp);
	/* two responses a seed reach position 13 at step 0, none at steps 19 and 39 */
	cr_assert_eq(count_lines(csv, "dapo,0,"), MADE_POSITIONS - 1);
	cr_assert_eq(count_lines(csv, "dapo,39,"), MADE_POSITIONS - 1);
	cr_assert_float_eq(cell(csv, "dapo,0,12,", 6), 64.0, 0.0);
	cr_assert(strstr(gp, "LONGEST = 12"));
	cr_assert(strstr(gp, "fewer than 4 responses a seed"));
	free(csv);
	free(gp);
	ebb_run_release(&run);
}

/* ---- heat maps ---- */

Test(figure_kinds, heat_is_the_mean_over_seeds)
{
	struct made_plan p = MADE_PLAN(names, 2, 3, 40);
	struct ebb_run run;
	char *csv, *gp;
	double want = 0.0;

	need_gnuplot();
	open_made(&run, &p);
	draw(&run, "entropy-heat", EBB_SCALE_NATIVE, &csv, &gp);
	/* Position 13 is reached by two responses a seed, then by none: not drawn. */
	cr_assert_eq(count_lines(csv, "dapo,"), 40 * (MADE_POSITIONS - 1));
	for (int s = 0; s < 3; s++)
		want += made_value(1, s, 7, 7, MADE_ENTROPY) * (0.4 + 1.6) / 3;
	cr_assert_float_eq(cell(csv, "dapo,7,7,12,12,", 5), want, 1e-12);
	cr_assert_float_eq(cell(csv, "dapo,7,7,12,12,", 6), 64.0, 0.0);
	cr_assert(strstr(gp, "3 seeds") && strstr(gp, "no band"), "N and band");
	cr_assert(strstr(gp, "ZLABEL = 'policy entropy (nats)'"), "the scale has its unit");
	cr_assert_null(strstr(gp, "hatched: "), "nothing in the frames is missing");
	cr_assert_null(strstr(gp, "a cell averages"));
	free(csv);
	free(gp);
	ebb_run_release(&run);
}

/* One arm whose responses grow from 2 to 5 tokens, with more steps and positions than cells. */
static void growing(struct ebb_heat_arm *arm, const char *label, int64_t steps, int64_t positions)
{
	*arm = (struct ebb_heat_arm){
		.label = label, .n_trials = 2, .n_steps = steps, .n_positions = positions};
	arm->step = ebb_xcalloc((size_t)steps, sizeof *arm->step);
	arm->sum = ebb_xcalloc((size_t)(steps * positions), sizeof *arm->sum);
	arm->n = ebb_xcalloc((size_t)(steps * positions), sizeof *arm->n);
	arm->responses = ebb_xcalloc((size_t)(steps * positions), sizeof *arm->responses);
	for (int64_t s = 0; s < steps; s++) {
		arm->step[s] = (double)s;
		for (int64_t i = 0; i < positions; i++) {
			int64_t at = s * positions + i;

			if (i > 2 && s < steps / 2)
				continue;
			arm->sum[at] = 2.0 * (double)(i + 1);
			arm->n[at] = 2;
			arm->responses[at] = i == 2 ? 6.0 : 64.0; /* 3 a seed are too few */
		}
	}
}

static void heat_release(struct ebb_heat_arm *arm)
{
	free(arm->step);
	free(arm->sum);
	free(arm->n);
	free(arm->responses);
}

Test(figure_kinds, heat_hatches_what_few_reach_and_joins_what_is_too_fine)
{
	struct ebb_sheet s = sheet("heat");
	struct ebb_heat_arm arm;
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *csv, *gp;

	need_gnuplot();
	growing(&arm, "one", 250, 5);
	OK(ebb_heat_draw(&s, &arm, 1, path, &err));
	csv = text_of(path[EBB_CSV]);
	gp = joined(path[EBB_GP]);
	check_files(path);
	free_paths(path);
	/* Windows of three steps: 84, of which 43 reach into the later half. */
	cr_assert_eq(count_lines(csv, ",1,1,"), 84);
	cr_assert_eq(count_lines(csv, ",3,3,"), 0);
	cr_assert_eq(count_lines(csv, ",4,4,"), 43);
	cr_assert_float_eq(cell(csv, "one,123,125,4,4,", 5), 4.0, 0.0);
	cr_assert(strstr(gp, "a cell averages 3 steps"));
	cr_assert(strstr(gp, "hatched: fewer than 4 responses a seed"));
	free(csv);
	free(gp);
	heat_release(&arm);

	growing(&arm, "long", 3, 200);
	OK(ebb_heat_draw(&s, &arm, 1, path, &err));
	csv = text_of(path[EBB_CSV]);
	cr_assert_float_eq(cell(csv, "long,2,2,5,8,", 5), 6.5, 1e-12);
	free(csv);
	check_files(path);
	free_paths(path);
	heat_release(&arm);
}

Test(figure_kinds, heat_of_nothing_and_of_sixteen)
{
	struct ebb_sheet s = sheet("heat");
	struct ebb_heat_arm arm[EBB_HEAT_ARMS];
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES];

	need_gnuplot();
	growing(&arm[0], "none", 4, 3);
	for (int i = 0; i < 12; i++)
		arm[0].responses[i] = 1.0;
	cr_assert_eq(ebb_heat_draw(&s, arm, 1, path, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "heat") && path[0] == NULL, "%s", err.text);
	for (int a = 1; a < EBB_HEAT_ARMS; a++)
		growing(&arm[a], evil[a], 1 + a, 5);
	OK(ebb_heat_draw(&s, arm, EBB_HEAT_ARMS, path, &err)); /* the empty one among them */
	check_files(path);
	free_paths(path);
	for (int a = 0; a < EBB_HEAT_ARMS; a++)
		heat_release(&arm[a]);
}

/* ---- histograms ---- */

Test(figure_kinds, histograms_of_the_first_and_the_last_snapshot)
{
	struct made_plan p = MADE_PLAN(names, 3, 2, 50);
	struct ebb_run run;
	char *csv, *gp, *line;
	double sum = 0.0;

	need_gnuplot();
	p.unfinished_arm = 2, p.unfinished_seed = 1;
	open_made(&run, &p);
	draw(&run, "logit-histogram", EBB_SCALE_NATIVE, &csv, &gp);
	cr_assert_eq(count_lines(csv, "grpo,0,bin,"), MADE_BINS);
	cr_assert_eq(count_lines(csv, "grpo,40,bin,"), MADE_BINS);
	cr_assert_eq(count_lines(csv, ",20,bin,"), 0, "neither first nor last");
	for (line = strstr(csv, "grpo,40,bin,"); strncmp(line, "grpo,40,bin,", 12) == 0;
	     line = strchr(line, '\n') + 1)
		sum += cell(line, "grpo,40,bin,", 5);
	cr_assert_float_eq(sum, 1.0, 1e-3);
	cr_assert(strstr(csv, "grpo,0,bin,-inf,-23.5,"), "the outermost bins have no end");
	cr_assert_float_eq(cell(csv, "dapo,40,logits/mean,", 5), made_logit_mean(1, 40), 1e-12);
	cr_assert_float_eq(cell(csv, "dapo,40,logits/variance,", 5), 16.0, 1e-12);
	cr_assert(strstr(gp, "-2.50 ") && strstr(gp, " 16.00"), "the frame says so");
	cr_assert(strstr(gp, " gspo (n = 1)'") && strstr(gp, "'grpo (n = 2) "));
	cr_assert(strstr(gp, "no band"));
	free(csv);
	free(gp);
	ebb_run_release(&run);
}

/* A training too short for a second snapshot. */
Test(figure_kinds, histogram_of_one_snapshot)
{
	struct made_plan p = MADE_PLAN(names, 1, 1, 20);
	struct ebb_run run;
	char *csv, *gp;

	need_gnuplot();
	open_made(&run, &p);
	draw(&run, "logit-histogram", EBB_SCALE_NATIVE, &csv, &gp);
	cr_assert_eq(count_lines(csv, ",bin,"), MADE_BINS);
	cr_assert(strstr(gp, "T = 1\n"));
	free(csv);
	free(gp);
	ebb_run_release(&run);
}

Test(figure_kinds, histograms_without_moments_and_many)
{
	static double share[2 * 8] = {0,   0.25, 0, 0.5,  0.25, 0,   0,   0,
				      0.5, 0,    0, 1e-9, 0,    0.2, 0.1, 0.2 - 1e-9};
	struct ebb_sheet s = sheet("histogram");
	struct ebb_histogram_arm arm[EBB_HISTOGRAM_ARMS];
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *gp;

	need_gnuplot();
	for (int a = 0; a < EBB_HISTOGRAM_ARMS; a++) {
		arm[a] = (struct ebb_histogram_arm){.label = evil[a],
						    .n_trials = 1,
						    .n_times = 2,
						    .step = {0, 100 + a},
						    .bins = 8,
						    .sum = share};
		for (int m = 0; m < EBB_N_MOMENTS; m++)
			arm[a].moment[0][m] = arm[a].moment[1][m] = NAN;
	}
	OK(ebb_histogram_draw(&s, arm, EBB_HISTOGRAM_ARMS, path, &err));
	gp = joined(path[EBB_GP]);
	cr_assert(strstr(gp, "-: not recorded"));
	cr_assert(strstr(gp, "shares below 1e-07 are not drawn"));
	cr_assert(strstr(gp, "the outermost bins hold"));
	cr_assert(strstr(gp, "last snapshot"), "steps differ from arm to arm");
	free(gp);
	check_files(path);
	free_paths(path);
	arm[0].n_trials = 0;
	cr_assert_eq(ebb_histogram_draw(&s, arm, 1, path, &err), EBB_ENOENT);
}

/* ---- time to collapse ---- */

Test(figure_kinds, when_a_curve_collapses)
{
	double x[] = {0, 1, 2, 3, 4}, t;

	cr_assert(ebb_collapse_time(x, (double[]){1.0, 0.5, 0.35, 0.34, 0.9}, 5, &t));
	cr_assert_eq(t, 3.0, "at 0.35 of the start it has not, and it does not recover");
	cr_assert_not(ebb_collapse_time(x, (double[]){1.0, 0.5, 0.4, 0.36, NAN}, 5, &t));
	cr_assert_eq(t, 3.0, "watched until the last value");
	cr_assert(ebb_collapse_time(x, (double[]){NAN, 2.0, 0.6, 0.1, 0.1}, 5, &t));
	cr_assert_eq(t, 2.0, "the first value is the start");
	cr_assert_not(ebb_collapse_time(x, (double[]){0.0, 0.0, 0.0, 0.0, 0.0}, 5, &t));
	cr_assert(isnan(t), "nothing to collapse");
	cr_assert_not(ebb_collapse_time(x, x, 0, &t));
	cr_assert(isnan(t));
}

/* Two arms by hand: 1, 2, 2+, 4 and 3, 5+, 5+. */
Test(figure_kinds, survival_steps_and_ticks)
{
	struct ebb_survival_arm arm[2] = {
		{"fast", 4, 0, (double[]){1, 2, 2, 4}, (bool[]){true, true, false, true},
		 (uint64_t[]){100, 101, 102, 103}},
		{"slow", 3, 1, (double[]){3, 5, 5}, (bool[]){true, false, false},
		 (uint64_t[]){100, 101, 102}},
	};
	struct ebb_sheet s = sheet("survival");
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *csv, *gp;

	need_gnuplot();
	OK(ebb_survival_draw(&s, EBB_SCALE_STEP, arm, 2, path, &err));
	csv = text_of(path[EBB_CSV]);
	gp = joined(path[EBB_GP]);
	cr_assert_float_eq(cell(csv, "fast,curve,,step,1,", 5), 0.75, 1e-12);
	cr_assert_float_eq(cell(csv, "fast,curve,,step,2,", 5), 0.5, 1e-12);
	cr_assert_float_eq(cell(csv, "fast,curve,,step,2,", 8), 3.0, 0.0, "at risk");
	cr_assert_float_eq(cell(csv, "fast,curve,,step,4,", 5), 0.0, 1e-12);
	cr_assert_float_eq(cell(csv, "slow,curve,,step,5,", 5), 2.0 / 3.0, 1e-12);
	cr_assert(strstr(csv, "fast,collapsed,103,step,4,,,,\n"));
	cr_assert(strstr(csv, "fast,censored,102,step,2,,,,\n"));
	cr_assert(strstr(gp, "'fast  3/4, 2 slow  1/3, -'"), "key");
	cr_assert(strstr(gp, "band: 95 %"));
	cr_assert(strstr(gp, "log-rank test over the 2 arms: p = 0.16"),
		  "chi2 = 2.0005 on one degree of freedom, by hand");
	cr_assert(strstr(gp, "1 trial that ended early watched until its end"));
	cr_assert(strstr(gp, "3 to 4 seeds"));
	check_files(path);
	free_paths(path);
	free(csv);
	free(gp);
}

Test(figure_kinds, survival_without_collapse_and_with_long_labels)
{
	struct ebb_survival_arm arm[EBB_SURVIVAL_ARMS];
	struct ebb_sheet s = sheet("survival");
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *gp;
	double time[] = {30000000};
	bool no[] = {false};
	uint64_t seed[] = {100};

	need_gnuplot();
	for (int a = 0; a < EBB_SURVIVAL_ARMS; a++)
		arm[a] = (struct ebb_survival_arm){evil[a], 1, 0, time, no, seed};
	OK(ebb_survival_draw(&s, EBB_SCALE_TOKENS, arm, EBB_SURVIVAL_ARMS, path, &err));
	gp = joined(path[EBB_GP]);
	cr_assert(strstr(gp, "no log-rank test: nothing collapsed"));
	cr_assert(strstr(gp, "1 seed"));
	cr_assert(strstr(gp, ", millions"));
	free(gp);
	check_files(path);
	free_paths(path);
	OK(ebb_survival_draw(&s, EBB_SCALE_STEP, arm, 1, path, &err));
	check_files(path);
	free_paths(path);
	arm[0].n_trials = 0;
	cr_assert_eq(ebb_survival_draw(&s, EBB_SCALE_STEP, arm, 1, path, &err), EBB_ENOENT);
	cr_assert(path[0] == NULL);
}

/* The same events on other scales: in a made-up run a seed's tokens grow at its own pace. */
Test(figure_kinds, survival_on_other_scales)
{
	struct made_plan p = MADE_PLAN(names, 1, 2, 120);
	struct ebb_run run;
	char *csv, *gp, *begin;
	double step;

	need_gnuplot();
	open_made(&run, &p);
	draw(&run, "time-to-collapse", EBB_SCALE_NATIVE, &csv, &gp);
	step = cell(csv, "grpo,collapsed,101,step,", 4);
	cr_assert_gt(step, 10.0);
	cr_assert_lt(made_value(0, 1, step, (int)step, MADE_ENTROPY),
		     EBB_COLLAPSE * made_value(0, 1, 0, 0, MADE_ENTROPY));
	free(csv);
	free(gp);
	draw(&run, "time-to-collapse", EBB_SCALE_TOKENS, &csv, &gp);
	begin = "grpo,collapsed,101,tokens,";
	cr_assert_float_eq(cell(csv, begin, 4), made_tokens(0, 1, (int)step - 1), 1e-6);
	free(csv);
	free(gp);
	draw(&run, "time-to-collapse", EBB_SCALE_UPDATE, &csv, &gp);
	cr_assert_float_eq(cell(csv, "grpo,collapsed,101,update,", 4), 2.0 * step, 1e-9);
	free(csv);
	free(gp);
	ebb_run_release(&run);
}

/* ---- portraits ---- */

Test(figure_kinds, portrait_of_every_arm)
{
	struct made_plan p = MADE_PLAN(names, 3, 3, 120);
	struct ebb_run run;
	char *csv, *gp;
	double want = 0.0;

	need_gnuplot();
	p.unfinished_arm = 2, p.unfinished_seed = 1;
	open_made(&run, &p);
	draw(&run, "reward-vs-entropy", EBB_SCALE_NATIVE, &csv, &gp);
	for (int s = 0; s < 3; s++)
		want += made_value(1, s, 20, 20, MADE_ACCURACY) / 3;
	cr_assert_float_eq(cell(csv, "dapo,mean,,20,", 5), want, 1e-12);
	cr_assert_eq(count_lines(csv, "dapo,mean,"), 13);
	cr_assert_eq(count_lines(csv, "dapo,point,"), 3 * 13);
	cr_assert(strstr(gp, "exp R² 0.9") && strstr(gp, "linear R² 0.9"), "fit and rival");
	cr_assert(strstr(gp, "start end ") && strstr(gp, " gspo (n = 2)'"));
	free(csv);
	free(gp);
	ebb_run_release(&run);
}

/* ---- all of them ---- */

Test(figure_kinds, the_same_bytes_again)
{
	static const char *const word[] = {"entropy-heat", "logit-histogram", "time-to-collapse",
					   "reward-vs-entropy"};
	struct made_plan p = MADE_PLAN(evil, 10, 1, 24);
	struct ebb_run run;
	char *csv[2], *gp[2];

	need_gnuplot();
	open_made(&run, &p);
	for (int w = 0; w < 4; w++) {
		for (int i = 0; i < 2; i++)
			draw(&run, word[w], EBB_SCALE_NATIVE, &csv[i], &gp[i]);
		cr_assert_str_eq(csv[0], csv[1]);
		cr_assert_str_eq(gp[0], gp[1]);
		for (int i = 0; i < 2; i++) {
			free(csv[i]);
			free(gp[i]);
		}
	}
	ebb_run_release(&run);
}
