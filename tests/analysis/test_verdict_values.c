/* What every function of the language measures, against numbers made up so that they can be computed
 * by hand; and the tests of trends and times. */
#include "analysis/claim_curve.h"
#include "judged.h"

static void arms(void)
{
	judged_read("sweep:\n  algorithm: [grpo, dapo]\n  alpha: [0.3, 0, 0.1, 0.01, 0.03]\n"
		    "seeds: 8\n");
}

TestSuite(values, .init = arms, .fini = judged_forget);

/* Arms in the order of the definition: grpo with alpha 0.3, 0, 0.1, 0.01, 0.03, then dapo. */
static const double alpha[] = {0.3, 0, 0.1, 0.01, 0.03};

#define ONE "algorithm=grpo, alpha=0"

/* The value that one side of a claim has, averaged over seeds. */
static double value(made_curve *curve, const char *function)
{
	char *text = ebb_xprintf("%s < 1e9", function);
	struct ebb_judgements all;
	double left = judged_one(&all, curve, text)->left;

	ebb_judgements_release(&all);
	free(text);
	return left;
}

/* entropy falls from 2 by 0.01 a step; accuracy rises by 0.005 a step; the seed adds 0.001 s. */
static double lines(int arm, int seed, const char *metric, double step)
{
	(void)arm;
	if (strcmp(metric, "actor/entropy") == 0)
		return 2.0 - 0.01 * step + 0.001 * seed;
	if (strcmp(metric, "actor/entropy_seq") == 0)
		return fmod(step, 5) != 0 ? (double)NAN : 2.0 - 0.01 * step;
	if (strcmp(metric, "eval/accuracy") == 0)
		return 0.2 + 0.005 * step + 0.001 * seed;
	if (strcmp(metric, "eval/pass@k") == 0) /* up to 50, then down */
		return 0.5 - fabs(step - 50) / 200;
	if (strcmp(metric, "logits/skewness") == 0)
		return -(step - 50) * (step - 50);
	if (strcmp(metric, "reward/mean") == 0)
		return 0.9 - 0.1 * exp(2.0 - 0.01 * step);
	if (strcmp(metric, "rollout/tokens_total") == 0)
		return 37.0 * (step + 1);
	if (strcmp(metric, "rollout/rollouts_total") == 0)
		return 64.0 * (step + 1);
	if (strcmp(metric, "actor/update_of_step") == 0)
		return step;
	return INFINITY;
}

#define MEAN_SEED 0.0035 /* of 0.001 s */

Test(values, of_one_curve)
{
	static const struct {
		const char *function;
		double value;
	} row[] = {
		/* 100 rows: the last ten are steps 90 to 99 */
		{"final(entropy, " ONE ")", 2.0 - 0.945 + MEAN_SEED},
		{"final(entropy, window=2, " ONE ")", 2.0 - 0.985 + MEAN_SEED},
		{"final(entropy, window=1000, " ONE ")", 2.0 - 0.495 + MEAN_SEED},
		/* 11 evaluations: the last */
		{"final(accuracy, " ONE ")", 0.7 + MEAN_SEED},
		/* of the axis, not of the rows: 90 to 100 */
		{"final(accuracy, axis=step, " ONE ")", 0.675 + MEAN_SEED},
		{"final(accuracy, axis=step, window=3, " ONE ")", 0.65 + MEAN_SEED},
		{"start(entropy, " ONE ")", 2.0 + MEAN_SEED},
		{"start(entropy, window=3, " ONE ")", 1.99 + MEAN_SEED},
		{"at(accuracy, step=43, " ONE ")", 0.415 + MEAN_SEED},
		{"at(accuracy, tokens=4300, " ONE ")", 0.415 + MEAN_SEED},
		{"at(entropy, step=100, " ONE ")", 1.01 + MEAN_SEED}, /* step 99 lasts till 100 */
		{"at(entropy_seq, step=12, " ONE ")", 1.88},          /* between measured rows */
		{"auc(accuracy, " ONE ")", 0.45 + MEAN_SEED},
		{"auc(pass_at_k, " ONE ")", 0.375},
		{"slope(entropy, " ONE ")", -0.01},
		{"slope(entropy, axis=tokens, " ONE ")", -0.0001},
		{"peak(pass_at_k, " ONE ")", 0.5},
		/* the first evaluation above 0.421: that of step 50 for all seeds */
		{"time_to(accuracy, above=0.421, " ONE ")", 50},
		{"time_to(accuracy, above=0.421, axis=tokens, " ONE ")", 5000},
		{"time_to(entropy_seq, below=1.9, " ONE ")", 15},
		{"time_to(accuracy, above=0.1, " ONE ")", 0},
		{"consumed(tokens, " ONE ")", 3700},
		{"consumed(rollouts, " ONE ")", 6400},
		{"consumed(steps, " ONE ")", 100},
		{"consumed(updates, " ONE ")", 100},
		{"fit(reward ~ exp(entropy_seq), " ONE ").a", 0.1},
		{"fit(reward ~ exp(entropy_seq), " ONE ").b", 0.9},
		{"fit(reward ~ exp(entropy_seq), " ONE ").r2", 1.0},
		/* the evaluation at 100 meets the last training row, which still stands at 99 */
		{"fit(accuracy ~ entropy_seq, " ONE ").a", 0.510799136069},
		{"fit(reward ~ exp(entropy_seq), " ONE ").ceiling", 0.8},
		{"fit(reward ~ exp(entropy_seq), " ONE ").rmse", 0.0},
		/* no error where the law holds; the steps up to 0.3 of 95 are the first six */
		{"fit(reward ~ exp(entropy_seq), early=0.3, " ONE ").early_rmse", 0.0},
		{"fit(reward ~ exp(entropy_seq), early=3/10, " ONE ").early_ceiling", 0.8},
		{"fit(reward ~ exp(entropy_seq), " ONE ").early_error", 0.0},
		{"fit(accuracy ~ entropy_seq, " ONE ").ceiling",
		 0.45 + MEAN_SEED + 0.510799136069 * (2 - 5.45 / 11)},
		{"spearman(entropy, accuracy, " ONE ")", -1.0},
		/* a parabola, up and down again, changes ever less */
		{"spearman(change(skew), accuracy, " ONE ")", -1.0},
		{"spearman(entropy, accuracy, smooth=3, " ONE ")", -1.0},
		{"spearman(entropy, tokens, block=20, " ONE ").high", -1.0},
		{"spearman(entropy, tokens, smooth=20, " ONE ").low", -1.0},
		{"realised(entropy, 1/3, " ONE ")", 1.0 / 3},
		{"realised(accuracy, 0.25, " ONE ")", 0.25},
		/* means of five rows lie at 2, 7, ... 97: the straight line stays one */
		{"realised(entropy, 1/3, window=5, " ONE ")", 1.0 / 3},
		{"-start(entropy, " ONE ") / 2 + 3 * 2 - (1 - 4)", 8 - MEAN_SEED / 2},
		{"ratio(start(entropy, " ONE "), consumed(steps, " ONE ")) * 50 - 1",
		 MEAN_SEED / 2},
		{"0 + abs(-start(entropy, " ONE "))", 2.0 + MEAN_SEED},
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		double v = value(lines, row[i].function);

		cr_assert(fabs(v - row[i].value) < 1e-9, "%s is %.12g, not %.12g", row[i].function,
			  v, row[i].value);
	}
}

Test(values, pairs_and_windows)
{
	double xs[] = {0, 1, 2, 3, 4}, ys[] = {10, 11, 12, 13, 14};
	double xe[] = {0, 2, 3.5}, ye[] = {1, 2, 4}, px[5], py[5], at[5];
	const struct ebb_claim_node r2 = {.kind = EBB_CLAIM_FIT, .field = EBB_CLAIM_R2};
	struct ebb_curve step = {0, 5, xs, ys}, eval = {0, 3, xe, ye};

	cr_assert_eq(ebb_measured_pairs(&step, &eval, 0, px, py, at), 3);
	cr_assert(at[0] == 0 && at[2] == 3.5);
	cr_assert(px[0] == 10 && px[1] == 12 && px[2] == 13 && py[2] == 4);
	cr_assert_eq(ebb_measured_pairs(&step, &eval, 2, px, py, at), 2);
	cr_assert(at[0] == 1 && at[1] == 3.5);
	cr_assert(px[0] == 11 && py[0] == 1.5 && px[1] == 13 && py[1] == 4);
	/* a row before the first of the other curve takes that one */
	xe[0] = -1;
	cr_assert_eq(ebb_measured_pairs(&step, &eval, 0, px, py, NULL), 3);
	cr_assert(px[0] == 10);
	cr_assert(isnan(ebb_measured_fit(px, py, at, 2, &r2)), "two points fit anything");
}

Test(values, changes_and_moving_means)
{
	double x[] = {0, 1, 2, 3, 4}, y[] = {5, 7, 4, 4, 10};
	struct ebb_curve c = {0, 5, x, y}, none = {0};

	ebb_measured_change(&c);
	cr_assert_eq(c.n, 4);
	cr_assert(y[0] == 2 && y[1] == -3 && y[2] == 0 && y[3] == 6 && x[3] == 3);
	cr_assert_eq(ebb_measured_smooth(y, 4, 1), 4);
	cr_assert_eq(ebb_measured_smooth(y, 4, 3), 2);
	CLOSE(y[0], -1.0 / 3, 1e-15);
	CLOSE(y[1], 1.0, 1e-15);
	cr_assert_eq(ebb_measured_smooth(y, 2, 3), 0);
	ebb_measured_change(&none);
	cr_assert_eq(none.n, 0);
}

Test(values, of_cut_and_empty_curves)
{
	double x[] = {0, 10, 20, 30}, y[] = {0, 1, 2, 0};
	struct ebb_curve c = {0, 4, x, y}, none = {0};
	bool censored;

	CLOSE(ebb_measured_mean(&c, 0, 30), 1.0, 1e-12);
	CLOSE(ebb_measured_mean(&c, 5, 25), 1.3125, 1e-12); /* (3.75 + 15 + 7.5) / 20 */
	CLOSE(ebb_measured_mean(&c, 12, 12), 1.2, 1e-12);
	CLOSE(ebb_measured_at(&c, 25, false), 1.0, 1e-12);
	cr_assert(isnan(ebb_measured_at(&c, 31, false)) && isnan(ebb_measured_at(&c, -1, true)));
	CLOSE(ebb_measured_at(&c, 40, true), 0.0, 0);
	cr_assert(isnan(ebb_measured_at(&c, 41, true)));
	CLOSE(ebb_measured_time(&c, 1.5, false, 30, &censored), 20, 0);
	cr_assert(!censored);
	CLOSE(ebb_measured_time(&c, 1.5, false, 15, &censored), 15, 0);
	cr_assert(censored);
	ebb_measured_cut(&c, 25);
	cr_assert(c.n == 4 && x[3] == 25 && y[3] == 1);
	ebb_measured_cut(&c, 20);
	cr_assert(c.n == 3);
	ebb_measured_cut(&c, -1);
	cr_assert_eq(c.n, 0);
	cr_assert(isnan(ebb_measured_final(&none, 0)) && isnan(ebb_measured_start(&none, 1)) &&
		  isnan(ebb_measured_peak(&none)) && isnan(ebb_measured_slope(&none)) &&
		  isnan(ebb_measured_mean(&none, 0, 1)) && isnan(ebb_measured_at(&none, 0, true)) &&
		  isnan(ebb_measured_time(&none, 0, true, 1, &censored)));
}

/* dapo spends twice the tokens of grpo a step, on the same accuracy by step. */
Test(values, at_equal_tokens)
{
	struct ebb_judgements all;
	struct ebb_judgement *j;

	for (int a = 5; a < 10; a++)
		judged_tokens[a] = 200.0;
	/* both up to 10,000 tokens, where dapo is at step 50; the last tenth of them */
	j = judged_one(&all, lines,
		       "final(accuracy, axis=tokens, algorithm=dapo, alpha=0) < "
		       "final(accuracy, axis=tokens, " ONE ")");
	IS(j, "reproduced", true);
	CLOSE(j->left, 0.2 + 0.005 * 47.5 + MEAN_SEED, 1e-12);
	CLOSE(j->right, 0.2 + 0.005 * 95 + MEAN_SEED, 1e-12);
	ebb_judgements_release(&all);
	j = judged_one(&all, lines,
		       "auc(accuracy, axis=tokens, algorithm=dapo, alpha=0) < "
		       "auc(accuracy, axis=tokens, " ONE ")");
	CLOSE(j->left, 0.325 + MEAN_SEED, 1e-12);
	CLOSE(j->right, 0.45 + MEAN_SEED, 1e-12);
	ebb_judgements_release(&all);
	/* alone, an arm is held against itself: its own end */
	CLOSE(value(lines, "final(accuracy, axis=tokens, algorithm=dapo, alpha=0)"),
	      0.675 + MEAN_SEED, 1e-12);
}

/* The same, but dapo is first evaluated at step 10. */
static double begun_late(int arm, int seed, const char *metric, double step)
{
	return arm >= 5 && step < 10 ? (double)NAN : lines(arm, seed, metric, step);
}

/* What an arm measured only after all others had ended has no value at equal tokens. */
Test(values, beyond_where_the_others_ended)
{
	static const char *const function[] = {"final", "auc"};
	struct ebb_judgements all;

	for (int a = 5; a < 10; a++)
		judged_tokens[a] = 2000.0; /* its first value at 20,000; grpo ends at 10,000 */
	for (int i = 0; i < 2; i++) {
		char *text = ebb_xprintf("%s(accuracy, axis=tokens, algorithm=dapo, alpha=0) < "
					 "%s(accuracy, axis=tokens, " ONE ")",
					 function[i], function[i]);
		struct ebb_judgement *j = judged_one(&all, begun_late, text);

		IS(j, "not applicable", false);
		ebb_judgements_release(&all);
		free(text);
	}
}

/* ---- time to a threshold ---- */

/* grpo gets to 0.5 at step 10 (1 + s); dapo at twice that, so that seeds 5, 6, 7 never do. */
static double races(int arm, int seed, const char *metric, double step)
{
	double at = 10.0 * (1 + seed) * (arm >= 5 ? 2 : 1);

	if (strcmp(metric, "eval/accuracy") != 0)
		return INFINITY;
	return step >= at ? 0.6 : 0.3;
}

#define TIME(arm) "time_to(accuracy, above=0.5, algorithm=" arm ", alpha=0)"

Test(values, times_count_those_that_never_get_there)
{
	struct ebb_judgements all;
	struct ebb_judgement *j = judged_one(&all, races, TIME("grpo") " < " TIME("dapo"));

	CLOSE(j->left, 45, 1e-12);
	CLOSE(j->right, (20 + 40 + 60 + 80 + 100 + 300) / 8.0, 1e-12); /* restricted to 100 */
	cr_assert_eq(j->n, 8);
	IS(j, "reproduced", true);
	NOTES(j, "3 of 16 trials never got there");
	NOTES(j, "log-rank p ");
	ebb_judgements_release(&all);
	/* on tokens, dapo's trials go twice as far: all are watched as far as grpo's */
	for (int a = 5; a < 10; a++)
		judged_tokens[a] = 200.0;
	j = judged_one(&all, races,
		       "time_to(accuracy, above=0.5, algorithm=grpo, alpha=0, axis=tokens) < "
		       "time_to(accuracy, above=0.5, algorithm=dapo, alpha=0, axis=tokens)");
	CLOSE(j->left, 4500, 1e-9);
	CLOSE(j->right, (4000 + 8000 + 6 * 10000) / 8.0, 1e-9);
	NOTES(j, "6 of 16 trials never got there");
	ebb_judgements_release(&all);
	/* a number before the horizon can be judged, one after it says nothing of who is still out */
	j = judged_one(&all, races, TIME("dapo") " > 30");
	IS(j, "reproduced", true);
	cr_assert_eq(j->n, 8);
	ebb_judgements_release(&all);
	j = judged_one(&all, races, TIME("dapo") " < 150");
	cr_assert(j->n == 5 && j->dropped == 3, "%d", j->n);
	NOTES(j, "3 trials ended before the number they are held against");
	ebb_judgements_release(&all);
	j = judged_one(&all, races, "time_to(accuracy, above=0.9, " ONE ") > 150");
	IS(j, "not applicable", false);
	ebb_judgements_release(&all);
	/* nor does it inside share(), on either side of the comparison */
	j = judged_one(&all, races, "share(" TIME("dapo") " < 150) >= 1");
	IS(j, "reproduced", true);
	cr_assert(j->n == 5 && j->dropped == 3, "%d", j->n);
	ebb_judgements_release(&all);
	j = judged_one(&all, races, "share(150 > " TIME("dapo") ") >= 1");
	cr_assert_eq(j->n, 5);
	ebb_judgements_release(&all);
	j = judged_one(&all, races, "share(" TIME("dapo") " > 50) >= 6/8");
	cr_assert_eq(j->n, 8);
	CLOSE(j->left, 6.0 / 8, 0); /* 60, 80, 100 and the three who are still out at 100 */
	ebb_judgements_release(&all);
	j = judged_one(&all, races, "share(time_to(accuracy, above=0.9, " ONE ") < 150) >= 1");
	IS(j, "not applicable", false);
	ebb_judgements_release(&all);
}

/* ---- over arms ---- */

static int disorder; /* seeds in which the two largest are swapped */

static double ladder(int arm, int seed, const char *metric, double step)
{
	double a = alpha[arm % 5];

	(void)step;
	if (seed < disorder && a >= 0.1)
		a = 0.4 - a;
	if (strcmp(metric, "actor/entropy") == 0)
		return a + 0.001 * seed;
	if (strcmp(metric, "eval/accuracy") == 0)
		return 0.5 - a + 0.1 * seed / 8;
	return INFINITY;
}

Test(values, trends)
{
	struct ebb_judgements all;
	struct ebb_judgement *j;

	disorder = 0;
	j = judged_one(&all, ladder, "trend(final(entropy, algorithm=grpo), alpha) > 0");
	IS(j, "reproduced", true);
	CLOSE(j->left, 1.0, 1e-12);
	cr_assert_str_eq(j->test, "Page");
	NOTES(j, "Page's L = 440 over 5 arms"); /* 8 (1 + 4 + 9 + 16 + 25) */
	NOTES(j, "Jonckheere p ");
	cr_assert(j->p < 1e-9 && isnan(j->p_sign) && j->n_arms == 5);
	ebb_judgements_release(&all);
	j = judged_one(&all, ladder, "0 > trend(final(entropy, algorithm=grpo), entropy.coef)");
	IS(j, "contradicted", false);
	CLOSE(j->right, 1.0, 1e-12);
	ebb_judgements_release(&all);
	/* the two largest swapped: ranks 1 2 3 5 4, rho = 1 - 6 * 2 / 120 = 0.9, L = 54 a seed */
	disorder = 8;
	j = judged_one(&all, ladder, "trend(final(entropy, algorithm=grpo), alpha) > 0");
	CLOSE(j->effect, 0.9, 1e-12);
	NOTES(j, "L = 432 ");
	ebb_judgements_release(&all);
	j = judged_one(&all, ladder, "trend(final(entropy, algorithm=grpo), alpha) > 0.5");
	cr_assert_str_eq(j->test, "paired t");
	CLOSE(j->effect, 0.4, 1e-12);
	ebb_judgements_release(&all);
	/* both algorithms, matched by the value of the key: the difference is 0 in every arm */
	j = judged_one(&all, ladder,
		       "trend(final(entropy, algorithm=grpo) - final(entropy, algorithm=dapo), "
		       "alpha) > 0");
	IS(j, "inconclusive", false);
	CLOSE(j->effect, 0.0, 1e-12);
	ebb_judgements_release(&all);
	/* against one fixed arm: that one is the same in every slot */
	j = judged_one(&all, ladder,
		       "trend(final(entropy, algorithm=grpo) - final(entropy, " ONE
		       "), alpha) > 0");
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
	j = judged_one(&all, ladder,
		       "share(trend(final(entropy, algorithm=dapo), alpha) > 0.8) >= 1");
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
}

Test(values, rank_correlations_over_arms)
{
	struct ebb_judgements all;
	struct ebb_judgement *j;

	disorder = 4;
	j = judged_one(&all, ladder,
		       "spearman(final(entropy, algorithm=grpo), final(accuracy, algorithm=grpo)) "
		       "< -0.5");
	IS(j, "reproduced", true);
	CLOSE(j->left, -1.0, 1e-12);
	ebb_judgements_release(&all);
	j = judged_one(&all, ladder, "spearman(final(entropy, algorithm=grpo), alpha) > 0.5");
	CLOSE(j->left, 0.95, 1e-12); /* 0.9 in half of the seeds, 1 in the others */
	ebb_judgements_release(&all);
}

/* Two arms: rho is taken over arms and seeds together, with the jackknife. */
static double two_clouds(int arm, int seed, const char *metric, double step)
{
	static const double noise[] = {3, 1, 4, 1.5, 5, 9, 2, 6};
	bool x = strcmp(metric, "actor/entropy") == 0;

	(void)step;
	if (!x && strcmp(metric, "actor/grad_norm") != 0)
		return INFINITY;
	return (arm >= 5 ? 20.0 : 0.0) + (x ? seed : noise[seed]);
}

Test(values, rank_correlations_over_two_arms)
{
	struct ebb_judgements all;
	struct ebb_judgement *j =
		judged_one(&all, two_clouds,
			   "spearman(final(entropy, alpha=0), final(grad_norm, alpha=0)) > 0.5");

	/* jackknife over 8 seeds of scipy.stats.spearmanr over 16 pairs (rho 0.88235) */
	CLOSE(j->left, 0.88959276018, 1e-8);
	CLOSE(j->low, 0.68751122234 - 0.5, 1e-8);
	cr_assert_eq(j->n, 8);
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
}
