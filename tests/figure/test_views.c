/* The views of any metric: differences, final values, response maps; verdicts in captions; LaTeX. */
#include "made_run.h"

#include <sys/stat.h>
#include "analysis/stat.h"
#include "analysis/verdict.h"
#include "figure/difference.h"
#include "figure/figure.h"
#include "figure/latex.h"
#include "figure/response.h"

TestSuite(views, .init = made_folder_make, .fini = made_folder_remove, .timeout = 120);

#define OK(call) cr_assert_eq((call), 0, "%s: %s", #call, err.text)

static const char *const names[6] = {"grpo", "dapo", "gspo", "gipo", "em", "'a''b'' & 100 %_"};

static void need_gnuplot(void)
{
	if (system("gnuplot --version >/dev/null 2>&1") != 0)
		cr_skip_test("gnuplot is not installed");
}

static char *read_text(const char *path)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *text;
	size_t n;

	OK(ebb_file_read(path, 64 << 20, &text, &n, &err));
	return text;
}

static void free_paths(char *path[EBB_N_FILES])
{
	for (int f = 0; f < EBB_N_FILES; f++)
		free(path[f]);
}

/* The number behind this beginning of a CSV row. */
static double number_in(const char *csv, const char *row)
{
	char *begin = ebb_xprintf("\n%s", row);
	const char *at = strstr(csv, begin);

	cr_assert(at != NULL, "no row '%s' in\n%s", row, csv);
	at += strlen(begin);
	free(begin);
	return strtod(at, NULL);
}

/* ---- differences ---- */

static void make(struct ebb_series *s, const char *label, int n_seeds, const uint64_t *seed,
		 int rows, const double *x, const double *y)
{
	struct ebb_curve c[4];
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < n_seeds; i++)
		c[i] = (struct ebb_curve){seed[i], rows, (double *)x, (double *)y + i * rows};
	OK(ebb_series_make(s, label, c, n_seeds, false, 0, &err));
	s->scale = EBB_SCALE_STEP;
}

/* Seeds are matched by number and rows by coordinate, whatever their places. */
Test(views, differences_are_of_equal_seeds_and_steps)
{
	const double xa[] = {0, 10, 20, 30}, xb[] = {10, 30, 50};
	const double ya[] = {1, 2, 3, 4, /* seed 9 */ 10, 20, 30, 40, /* seed 7 */ 0, 0, 0, 0};
	const double yb[] = {5, 6, 7, /* seed 9 */ 1, 1, 1};
	struct ebb_series a = {0}, b = {0}, d = {0};
	struct ebb_err err = EBB_ERR_INIT;
	int alone;

	make(&a, "a", 3, (uint64_t[]){8, 9, 7}, 4, xa, ya);
	make(&b, "b", 2, (uint64_t[]){7, 9}, 3, xb, yb);
	OK(ebb_difference_make(&d, &a, &b, 0, &alone, &err));
	cr_assert_eq(alone, 1, "seed 8 has no partner");
	cr_assert_eq(d.n_seeds, 2);
	cr_assert_eq(d.seed[0], 9);
	cr_assert_eq(d.n_rows, 2);
	cr_assert(d.x[0] == 10 && d.x[1] == 30);
	cr_assert(d.value[0] == 19 && d.value[1] == 39, "%g %g", d.value[0], d.value[1]);
	cr_assert(d.value[2] == -5 && d.value[3] == -6);
	cr_assert(d.mean[0] == 7 && d.n[0] == 2);
	ebb_series_release(&d);
	ebb_series_release(&b);

	make(&b, "b", 1, (uint64_t[]){9}, 2, (double[]){1, 2}, yb);
	cr_assert_eq(ebb_difference_make(&d, &a, &b, 0, &alone, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "never matched by index"), "%s", err.text);
	ebb_series_release(&b);
	ebb_series_release(&a);
}

/* Tokens differ from trial to trial: straight lines in between, and only where both have been. */
Test(views, differences_on_other_scales_are_interpolated)
{
	struct ebb_series a = {0}, b = {0}, d = {0};
	struct ebb_err err = EBB_ERR_INIT;
	int alone;

	make(&a, "a", 1, (uint64_t[]){1}, 3, (double[]){0, 2, 4}, (double[]){0, 20, 40});
	make(&b, "b", 1, (uint64_t[]){1}, 3, (double[]){1, 3, 5}, (double[]){1, 3, 5});
	a.scale = b.scale = EBB_SCALE_TOKENS;
	OK(ebb_difference_make(&d, &a, &b, 0, &alone, &err));
	cr_assert_eq(d.n_rows, 3);
	cr_assert(d.x[0] == 1 && d.x[1] == 2.5 && d.x[2] == 4);
	for (int r = 0; r < 3; r++)
		cr_assert_float_eq(d.value[r], 9 * d.x[r], 1e-12);
	cr_assert(d.resampled);
	ebb_series_release(&d);
	ebb_series_release(&b);
	make(&b, "b", 1, (uint64_t[]){1}, 2, (double[]){7, 8}, (double[]){1, 3});
	b.scale = EBB_SCALE_TOKENS;
	cr_assert_eq(ebb_difference_make(&d, &a, &b, 0, &alone, &err), EBB_EINVAL);
	ebb_series_release(&b);
	ebb_series_release(&a);
}

/* Windows of updates hold whole batches: 10 rows of batches of 3 in at most 4 windows are 3 + 3 + 3 + 1,
 * in at most 3 windows 6 + 4. */
Test(views, windows_are_whole_batches)
{
	double x[10], y[10];
	struct ebb_curve c = {1, 10, x, y};
	struct ebb_series s;
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 10; i++) {
		x[i] = i;
		y[i] = i % 3;
	}
	OK(ebb_series_make_windows(&s, "a", &c, 1, false, 4, 3, &err));
	cr_assert(s.window == 3 && s.n_rows == 4);
	cr_assert(s.mean[0] == 1 && s.mean[1] == 1 && s.mean[3] == 0);
	ebb_series_release(&s);
	OK(ebb_series_make_windows(&s, "a", &c, 1, false, 3, 3, &err));
	cr_assert(s.window == 6 && s.n_rows == 2);
	ebb_series_release(&s);
}

Test(views, difference_figure)
{
	struct made_plan p = MADE_PLAN(names, 3, 4, 40);
	struct ebb_figure_choice choice = {.baseline = "dapo"};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *csv, *gp;
	struct ebb_run run;
	bool available;
	double sum = 0.0;

	need_gnuplot();
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_check(&run, "entropy:difference", &choice, &available, &err));
	cr_assert(available);
	OK(ebb_figure_draw(&run, "entropy:difference", &choice, path, &err));
	cr_assert(strstr(path[EBB_CSV], "figures/entropy-difference.csv"), "%s", path[EBB_CSV]);
	csv = read_text(path[EBB_CSV]);
	gp = read_text(path[EBB_GP]);
	cr_assert(strstr(gp, "difference to dapo") && strstr(gp, "each arm minus dapo"));
	cr_assert(strstr(gp, "ZERO = 0"));
	cr_assert(strstr(gp, "95 % t interval over N = 4 seeds"));
	cr_assert(strstr(csv, ",dapo,") == NULL, "the baseline is the zero line");
	for (int s = 0; s < 4; s++)
		sum += made_value(2, s, 7, 7, MADE_ENTROPY) - made_value(1, s, 7, 7, MADE_ENTROPY);
	cr_assert_float_eq(number_in(csv, "actor/entropy,gspo,mean,,step,7,"), sum / 4, 1e-12);
	free(gp);
	free(csv);
	free_paths(path);
	for (enum ebb_scale scale = EBB_SCALE_STEP; scale < EBB_N_SCALES; scale++) {
		choice.scale = scale;
		OK(ebb_figure_draw(&run, "accuracy-difference", &choice, path, &err));
		cr_assert(strstr(path[EBB_PNG], ebb_scale_name(scale)), "%s", path[EBB_PNG]);
		free_paths(path);
	}
	choice = (struct ebb_figure_choice){.arm = (int[]){1}, .n_arms = 1};
	cr_assert_eq(ebb_figure_check(&run, "entropy-difference", &choice, &available, &err),
		     EBB_EINVAL);
	choice.baseline = "grpo"; /* it need not be drawn itself */
	OK(ebb_figure_check(&run, "entropy-difference", &choice, &available, &err));
	OK(ebb_figure_draw(&run, "entropy-difference", &choice, path, &err));
	free_paths(path);
	choice.baseline = "grpoo";
	cr_assert_eq(ebb_figure_check(&run, "entropy-difference", &choice, &available, &err),
		     EBB_ENOENT);
	cr_assert(strstr(err.text, "'grpo'"), "%s", err.text);
	ebb_run_release(&run);
}

/* ---- final values ---- */

Test(views, strip_of_final_values)
{
	struct made_plan p = MADE_PLAN(names, 6, 4, 40);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *csv, *gp;
	struct ebb_run run;
	double want = 0.0;

	need_gnuplot();
	p.diverged_arm = 1, p.diverged_seed = 2;
	p.unfinished_arm = 2, p.unfinished_seed = 0;
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_draw(&run, "actor/entropy:final", &choice, path, &err));
	cr_assert(strstr(path[EBB_CSV], "figures/entropy-final.csv"), "%s", path[EBB_CSV]);
	csv = read_text(path[EBB_CSV]);
	gp = read_text(path[EBB_GP]);
	for (int step = 36; step < 40; step++)
		want += made_value(0, 3, step, step, MADE_ENTROPY) / 4;
	cr_assert_float_eq(number_in(csv, "actor/entropy,grpo,seed,103,"), want, 1e-12);
	cr_assert(strstr(csv, "actor/entropy,dapo,seed,102,") == NULL, "it diverged");
	cr_assert(strstr(gp, "1 diverged trial") && strstr(gp, "1 trial not finished"));
	cr_assert(strstr(gp, "3 to 4 seeds"));
	cr_assert(strstr(gp, "N"));
	free(gp);
	free(csv);
	free_paths(path);
	ebb_run_release(&run);
}

Test(views, two_seeds_have_no_interval)
{
	struct made_plan p = MADE_PLAN(names, 2, 2, 20);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *gp;
	struct ebb_run run;
	double mean, height, low, high;

	need_gnuplot();
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_draw(&run, "accuracy-final", &choice, path, &err));
	gp = read_text(path[EBB_GP]);
	cr_assert(strstr(gp, "no interval below 3 seeds"));
	cr_assert_eq(sscanf(strstr(gp, "$means << EOD\n") + strlen("$means << EOD\n"),
			    "%lf %lf %lf %lf", &mean, &height, &low, &high),
		     4);
	cr_assert(low == mean && high == mean);
	free(gp);
	free_paths(path);
	ebb_run_release(&run);
}

/* ---- response maps ---- */

static const char *const grid_label[7] = {"a", "b", "c", "d", "e", "f", "g"};
static const char *const grid_numbers[7][2] = {{"0.1", "0.2"}, {"0.01", "0.2"}, {"0.1", "0.3"},
					       {"0", "0.2"},   {"0", "0.3"},    {"0.01", "0.2"},
					       {"0.1", "1e-1"}};
static const char *const one_algorithm[7] = {"grpo", "grpo", "grpo", "grpo",
					     "grpo", "grpo", "grpo"};
static const char *const algorithms[7] = {"grpo", "grpo", "grpo", "grpo", "grpo", "gipo", "grpo"};

Test(views, response_map_of_two_numbers)
{
	struct made_plan p = MADE_PLAN(grid_label, 5, 2, 20);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *csv, *gp;
	struct ebb_run run;
	double want = 0.0;
	bool available;

	need_gnuplot();
	p.numbers = grid_numbers;
	p.algorithm = one_algorithm;
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_check(&run, "accuracy:response", &choice, &available, &err));
	cr_assert(available);
	OK(ebb_figure_draw(&run, "entropy-response", &choice, path, &err));
	csv = read_text(path[EBB_CSV]);
	gp = read_text(path[EBB_GP]);
	for (int s = 0; s < 2; s++)
		for (int step = 18; step < 20; step++)
			want += made_value(2, s, step, step, MADE_ENTROPY) / 4;
	cr_assert_float_eq(number_in(csv, "actor/entropy,,0.1,0.3,"), want, 1e-12);
	cr_assert(strstr(csv, "0.01,0.3,") == NULL, "no arm is there");
	cr_assert(strstr(gp, "empty cells"));
	cr_assert(strstr(gp, "array XTICK[3] = ['0', '0.01', '0.1']"), "ascending");
	cr_assert(strstr(gp, "XLABEL = 'alpha'") && strstr(gp, "YKEY = 'eps_high'"));
	free(gp);
	free(csv);
	free_paths(path);
	choice.arm = (int[]){0, 2}; /* they differ in one number alone */
	choice.n_arms = 2;
	cr_assert_eq(ebb_figure_check(&run, "accuracy-response", &choice, &available, &err),
		     EBB_EINVAL);
	cr_assert(strstr(err.text, "one number alone, eps_high"), "%s", err.text);
	ebb_run_release(&run);
}

Test(views, response_maps_by_algorithm)
{
	struct made_plan p = MADE_PLAN(grid_label, 7, 1, 20);
	struct ebb_figure_choice choice = {0};
	struct ebb_response_grid grid;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	struct ebb_lot lot = {.arm = (int[]){0, 1, 2, 3, 4, 5, 6}, .n = 7};
	char *path[EBB_N_FILES], why[256];

	need_gnuplot();
	p.numbers = grid_numbers;
	p.algorithm = algorithms;
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	cr_assert(ebb_response_layout(&grid, &run, &lot, why), "%s", why);
	cr_assert_eq(grid.n_frames, 2);
	cr_assert(grid.side[0] == 3 && grid.side[1] == 3);
	cr_assert_eq(grid.arm[(0 * 3 + 1) * 3 + 1], 1); /* grpo, eps_high 0.2, alpha 0.01 */
	cr_assert_eq(grid.arm[(1 * 3 + 1) * 3 + 1], 5); /* gipo, the same numbers         */
	cr_assert_eq(grid.arm[(0 * 3 + 0) * 3 + 2], 6); /* 1e-1 is a number, too          */
	ebb_response_release(&grid);
	OK(ebb_figure_draw(&run, "accuracy-response", &choice, path, &err));
	free_paths(path);
	ebb_run_release(&run);
}

/* ---- verdicts ---- */

static struct ebb_judgement judgement(const char *claim, enum ebb_ruling verdict, bool holds,
				      const char *metric, int arm)
{
	struct ebb_judgement j = {.claim = (char *)claim,
				  .verdict = verdict,
				  .holds = holds,
				  .effect = -0.36,
				  .low = -0.38,
				  .high = -0.35,
				  .margin = NAN,
				  .p = 1e-9,
				  .p_holm = 1e-8,
				  .p_sign = NAN,
				  .n = 8,
				  .test = "paired t",
				  .note = (char *)"",
				  .n_arms = 1,
				  .n_metrics = 1};

	j.metric = ebb_xcalloc(1, sizeof *j.metric);
	j.metric[0] = (char *)metric;
	j.arm = ebb_xcalloc(1, sizeof *j.arm);
	j.arm[0] = arm;
	return j;
}

Test(views, captions_carry_verdicts)
{
	struct ebb_judgement claim[] = {
		judgement("open(one)", EBB_INCONCLUSIVE, false, "actor/entropy", 0),
		judgement("other(curve)", EBB_REPRODUCED, true, "logits/skewness", 0),
		judgement("final(one)", EBB_REPRODUCED, true, "actor/entropy", 1),
		judgement("against(one)", EBB_CONTRADICTED, false, "actor/entropy", 0),
		judgement("not(there)", EBB_NOT_APPLICABLE, false, "actor/entropy", 0),
		judgement("equal(one)", EBB_EQUIVALENT, true, "actor/entropy", 0),
		judgement("small(one)", EBB_EQUIVALENT, false, "actor/entropy", 0),
		judgement("last(one)", EBB_REPRODUCED, true, "actor/entropy", 1),
		judgement("far(arm)", EBB_REPRODUCED, true, "actor/entropy", 2),
	};
	struct ebb_judgements all = {.claim = claim, .n = sizeof claim / sizeof claim[0]};
	struct made_plan p = MADE_PLAN(names, 3, 2, 20);
	struct ebb_figure_choice choice = {
		.arm = (int[]){0, 1}, .n_arms = 2, .verdicts = &all, .dir = made_folder};
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *gp, *more;
	const char *at[4];
	struct ebb_run run;

	need_gnuplot();
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_draw(&run, "entropy", &choice, path, &err));
	gp = read_text(path[EBB_GP]);
	at[0] = strstr(gp, "'reproduced: final(one)");
	at[1] = strstr(gp, "'contradicted: against(one)");
	at[2] = strstr(gp, "'equivalent: equal(one)");
	at[3] = strstr(gp, "'equivalent: small(one)");
	cr_assert(at[0] && at[1] && at[2] && at[3], "%s", strstr(gp, "CAPTION"));
	cr_assert(at[0] < at[1] && at[1] < at[2] && at[2] < at[3]);
	more = ebb_xprintf("'and 2 more: ebb claims %s'", made_folder);
	cr_assert(strstr(gp, more), "last(one) and open(one) are counted");
	cr_assert(strstr(gp, "other(curve)") == NULL && strstr(gp, "not(there)") == NULL &&
		  strstr(gp, "far(arm)") == NULL && strstr(gp, "last(one)") == NULL);
	cr_assert(strstr(gp, "array CAPTION_MARK[6] = [0, 1, 2, 1, 3, 0]"), "%s",
		  strstr(gp, "CAPTION_MARK"));
	free(more);
	free(gp);
	free_paths(path);
	for (int i = 0; i < all.n; i++) {
		free(claim[i].metric);
		free(claim[i].arm);
	}
	ebb_run_release(&run);
}

/* ---- LaTeX ---- */

Test(views, latex_texts)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_latex_text(&b, "a_b 100 % {x} $y$ #1 & \\ ~ ^ < R² α é 熵 \n");
	cr_assert_str_eq(b.data,
			 "a\\_b 100 \\% \\{x\\} \\$y\\$ \\#1 \\& \\textbackslash{} "
			 "\\textasciitilde{} \\^{} $<$ R$^2$ $\\alpha$ é \\texttt{U+71B5}  ");
	ebb_buf_release(&b);
}

/* A document of one page with every kind of figure that has its own texts compiles. */
Test(views, latex_compiles)
{
	static const char *const figure[] = {"entropy-difference", "accuracy-final",
					     "reward-vs-entropy", "entropy-by-position"};
	struct made_plan p = MADE_PLAN(names, 6, 3, 20);
	struct ebb_figure_choice choice = {.latex = true};
	struct ebb_buf doc = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char *path[EBB_N_FILES], *file, *command, *log;
	struct ebb_run run;
	struct stat st;

	need_gnuplot();
	if (system("pdflatex --version >/dev/null 2>&1") != 0)
		cr_skip_test("pdflatex is not installed");
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	ebb_buf_puts(&doc, "\\documentclass{article}\n\\usepackage[utf8]{inputenc}\n"
			   "\\usepackage{graphicx,color}\n\\graphicspath{{figures/}}\n"
			   "\\begin{document}\n");
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) {
		OK(ebb_figure_draw(&run, figure[i], &choice, path, &err));
		cr_assert(path[EBB_TEX] != NULL && path[EBB_TEX_PDF] != NULL);
		cr_assert_eq(stat(path[EBB_TEX_PDF], &st), 0, "%s", path[EBB_TEX_PDF]);
		ebb_buf_printf(&doc,
			       "\\begin{minipage}{0.45\\textwidth}\\input{figures/%s}"
			       "\\end{minipage}\n",
			       figure[i]);
		free_paths(path);
	}
	ebb_buf_puts(&doc, "\\end{document}\n");
	file = ebb_path_join(made_folder, "doc.tex");
	OK(ebb_file_write(file, doc.data, doc.len, &err));
	command = ebb_xprintf("cd %s && pdflatex -interaction=nonstopmode -halt-on-error doc.tex "
			      ">doc.out 2>&1",
			      made_folder);
	free(file);
	file = ebb_path_join(made_folder, "doc.out");
	if (system(command) != 0)
		cr_assert(0, "pdflatex: %s", read_text(file));
	log = read_text(file);
	cr_assert(strstr(log, "doc.pdf (1 page,"), "%s", log);
	free(log);
	free(file);
	free(command);
	ebb_buf_release(&doc);
	ebb_run_release(&run);
}

/* ---- all of them ---- */

/* The same records give the same numbers, to the byte, and the same picture. */
Test(views, a_second_drawing_is_the_same)
{
	struct made_plan p = MADE_PLAN(names, 4, 3, 30);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	char *first[EBB_N_FILES], *second[EBB_N_FILES], *a, *b;
	struct ebb_run run;
	bool available;
	int drawn = 0;

	need_gnuplot();
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	for (int i = 0; ebb_figure_row(i) != NULL; i++) {
		if (ebb_figure_check(&run, ebb_figure_row(i)->name, &choice, &available, &err) !=
			    0 ||
		    !available)
			continue;
		choice.dir = made_folder;
		OK(ebb_figure_draw(&run, ebb_figure_row(i)->name, &choice, first, &err));
		choice.dir = NULL;
		OK(ebb_figure_draw(&run, ebb_figure_row(i)->name, &choice, second, &err));
		a = read_text(first[EBB_CSV]);
		b = read_text(second[EBB_CSV]);
		cr_assert_str_eq(a, b, "%s", ebb_figure_row(i)->name);
		free(a);
		free(b);
		a = read_text(first[EBB_GP]);
		b = read_text(second[EBB_GP]);
		cr_assert_str_eq(a, b, "%s", ebb_figure_row(i)->name);
		free(a);
		free(b);
		free_paths(first);
		free_paths(second);
		drawn++;
	}
	cr_assert(drawn >= 11, "%d", drawn);
	ebb_run_release(&run);
}

/* METRIC:VIEW, and what is none. */
Test(views, words)
{
	struct made_plan p = MADE_PLAN(names, 2, 1, 12);
	struct ebb_figure_choice choice = {0};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	bool available;

	cr_assert_eq(ebb_figure_metric_part("actor/entropy:final"), strlen("actor/entropy"));
	cr_assert_eq(ebb_figure_metric_part("entropy:finale"), strlen("entropy:finale"));
	cr_assert_eq(ebb_figure_metric_part("entropy"), strlen("entropy"));
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_figure_check(&run, "shortcut_frac:final", &choice, &available, &err));
	cr_assert(available);
	OK(ebb_figure_check(&run, "kl_ref:difference", &choice, &available, &err));
	cr_assert_not(available);
	cr_assert_eq(ebb_figure_check(&run, "entropy:finale", &choice, &available, &err),
		     EBB_ENOENT);
	choice.scale = EBB_SCALE_TOKENS;
	cr_assert_eq(ebb_figure_check(&run, "entropy-final", &choice, &available, &err),
		     EBB_EINVAL);
	OK(ebb_figure_check(&run, "entropy-difference", &choice, &available, &err));
	ebb_run_release(&run);
}
