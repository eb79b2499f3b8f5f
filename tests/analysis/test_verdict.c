/*
 * The rules of verdicts on planted numbers: what every relation makes of an effect that is there, is
 * not there, or is the other way round. Reference numbers are those of scipy 1.11.
 */
#include "judged.h"

static void two_arms(void)
{
	judged_read("sweep: {algorithm: [grpo, dapo]}\nseeds: 8\n");
}

TestSuite(verdict, .init = two_arms, .fini = judged_forget);

#define A "final(accuracy, algorithm=dapo)"
#define B "final(accuracy, algorithm=grpo)"

/* mean 0.025, 95 % [0.015008, 0.034992], p 0.00058984 */
static const double steady[] = {.02, .03, .01, .04, .02, .03, .01, .04};
/* mean 0.01, 95 % [-0.022838, 0.042838], p 0.49481, sd 0.039279 */
static const double wild[] = {.05, -.03, .04, -.02, .06, -.01, .03, -.04};

static double grown(int arm, int seed, const char *metric, double step)
{
	if (strcmp(metric, "eval/accuracy") == 0)
		return 0.3 + (step > 50 ? 0.2 + (arm == 1 ? steady[seed] : 0.0) : 0.0);
	if (strcmp(metric, "actor/entropy") == 0) /* 2.5 % of 1.0 */
		return 1.0 + (arm == 1 ? steady[seed] : 0.0);
	if (strcmp(metric, "actor/grad_norm") == 0)
		return 0.5 + (arm == 1 ? steady[seed] : 0.0);
	return INFINITY;
}

static double strewn(int arm, int seed, const char *metric, double step)
{
	(void)step;
	return strcmp(metric, "eval/accuracy") == 0 ? 0.3 + (arm == 1 ? wild[seed] : 0.0)
						    : INFINITY;
}

Test(verdict, an_effect_that_is_there)
{
	struct ebb_judgements all;
	struct ebb_judgement *j = judged_one(&all, grown, A " > " B);

	IS(j, "reproduced", true);
	CLOSE(j->left, 0.525, 1e-12);
	CLOSE(j->right, 0.5, 1e-12);
	CLOSE(j->effect, 0.025, 1e-12);
	CLOSE(j->low, 0.0150076388, 1e-9);
	CLOSE(j->high, 0.0349923612, 1e-9);
	CLOSE(j->p, 0.000589839222, 1e-10);
	CLOSE(j->p_holm, j->p, 0);
	CLOSE(j->p_sign, 2.0 / 256.0, 1e-12);
	CLOSE(j->margin, 0.01, 0); /* a point of accuracy is what matters */
	cr_assert(j->n == 8 && j->dropped == 0 && !j->few && j->n_needed == 0 && !j->ratio);
	cr_assert_str_eq(j->test, "paired t");
	cr_assert_str_eq(j->note, "");
	cr_assert(j->n_arms == 2 && j->arm[0] == 0 && j->arm[1] == 1);
	cr_assert(j->n_metrics == 1 && strcmp(j->metric[0], "eval/accuracy") == 0);
	cr_assert(all.n_tests == 1 && all.count[EBB_REPRODUCED] == 1);
	ebb_judgements_release(&all);
	ebb_judgements_release(&all); /* safe when zero */

	j = judged_one(&all, grown, B " < " A); /* said the other way: left is B */
	IS(j, "reproduced", true);
	CLOSE(j->effect, -0.025, 1e-12);
	CLOSE(j->low, -0.0349923612, 1e-9);
	ebb_judgements_release(&all);
	j = judged_one(&all, grown, A " < " B);
	IS(j, "contradicted", false);
	ebb_judgements_release(&all);
	j = judged_one(&all, grown, A " <= " B);
	IS(j, "contradicted", false);
	ebb_judgements_release(&all);
	j = judged_one(&all, grown, A " > 0.5"); /* against a number: no smallest effect */
	IS(j, "reproduced", true);
	cr_assert(isnan(j->margin));
	ebb_judgements_release(&all);
}

Test(verdict, margins)
{
	static const struct {
		const char *claim, *verdict;
		bool holds;
	} row[] = {
		{A " > " B " by 0.02", "reproduced", true}, /* the mean must reach it */
		{A " > " B " by 0.03", "inconclusive", false},
		{A " > " B " by 0.05", "equivalent", false}, /* nothing of that size is there */
		{A " < " B " by 0.05", "equivalent", false},
		{A " < " B " by 0.01", "contradicted", false},
		{A " ~= " B " within 0.05", "equivalent", true},
		{A " ~= " B " within 0.1 * " B, "equivalent", true}, /* 0.05 of 0.5 */
		{A " ~= " B " within 0.03", "inconclusive", false},
		{A " ~= " B " within 0.01", "contradicted", false},
		{"abs(" A " - " B ") < 0.05", "equivalent", true},
		{"abs(" A " - " B ") < 0.01", "contradicted", false},
		{"0.05 > abs(" A " - " B ")", "equivalent", true},
		{"abs(" A " - " B ") > 0.01", "reproduced", true},
		{"abs(" A " - " B ") > 0.05", "contradicted", false},
		{"abs(" A " - " B ") >= 0.02", "inconclusive", false},
	};
	struct ebb_judgements all;
	struct ebb_judgement *j;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		j = judged_one(&all, grown, row[i].claim);
		IS(j, row[i].verdict, row[i].holds);
		ebb_judgements_release(&all);
	}
	j = judged_one(&all, grown, A " > " B " by 0.03");
	NOTES(j, "below what matters (0.03)");
	cr_assert_eq(j->n_needed, 0, "more seeds do not make it larger");
	ebb_judgements_release(&all);
	/* Schuirmann's p; "far" is tested two-sided */
	j = judged_one(&all, grown, A " ~= " B " within 0.05");
	CLOSE(j->p, 0.000294919612, 1e-10);
	CLOSE(j->margin, 0.05, 1e-12);
	cr_assert(isnan(j->p_sign));
	ebb_judgements_release(&all);
	j = judged_one(&all, grown, A " ~= " B " within 0.01");
	CLOSE(j->p, 0.995325923331, 1e-10);
	ebb_judgements_release(&all);
	j = judged_one(&all, grown, "abs(" A " - " B ") > 0.01");
	CLOSE(j->p, 0.009348153337, 1e-10);
	CLOSE(j->effect, 0.025, 1e-12); /* of the mean, not the mean magnitude */
	ebb_judgements_release(&all);
	/* per seed, a margin may come out as nothing */
	j = judged_one(&all, grown, A " ~= " B " within " B " - 0.5");
	IS(j, "inconclusive", false);
	NOTES(j, "must be above 0");
	ebb_judgements_release(&all);
}

/* 2.5 % more entropy is there, but below the 20 % that matter; a gradient norm has no such line. */
Test(verdict, smallest_effects_of_interest)
{
	struct ebb_judgements all;
	struct ebb_judgement *j = judged_one(
		&all, grown, "final(entropy, algorithm=dapo) > final(entropy, algorithm=grpo)");

	IS(j, "inconclusive", false);
	CLOSE(j->margin, 0.2, 1e-12);
	NOTES(j, "below what matters (0.2: 20 % of the entropy)");
	ebb_judgements_release(&all);
	j = judged_one(&all, grown,
		       "final(grad_norm, algorithm=dapo) > final(grad_norm, algorithm=grpo)");
	IS(j, "reproduced", true);
	cr_assert(isnan(j->margin));
	ebb_judgements_release(&all);
	/* not the same function, not two arms, not bare: none */
	j = judged_one(&all, grown,
		       "final(entropy, algorithm=dapo) > start(entropy, algorithm=grpo)");
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
	j = judged_one(&all, grown,
		       "final(entropy, algorithm=dapo) - final(entropy, algorithm=grpo) > 0");
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
	/* what is stated goes before it */
	j = judged_one(&all, grown,
		       "final(entropy, algorithm=dapo) > final(entropy, algorithm=grpo) by 0.001");
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
}

Test(verdict, an_effect_that_is_not_there)
{
	struct ebb_judgements all;
	struct ebb_judgement *j = judged_one(&all, strewn, A " > " B);

	IS(j, "inconclusive", false);
	CLOSE(j->p, 0.494809728980, 1e-9);
	cr_assert_eq(j->n_needed, 165, "%d", j->n_needed); /* noncentral t, power 0.9 */
	ebb_judgements_release(&all);
	j = judged_one(&all, strewn, A " ~= " B " within 0.05");
	IS(j, "equivalent", true);
	ebb_judgements_release(&all);
}

/* p 0.00059 alone survives 8 claims of nothing, not 100. */
Test(verdict, holm_over_the_claims_of_a_run)
{
	static const char *const text[] = {
		A " > " B, A " > 0.5 + 0.016", /* d: mean 0.009, p 0.072 */
		A " > 0.5 + 0.0145",           /* d: mean 0.0105, p 0.042 */
	};
	struct ebb_judgements all = judged(grown, text, 3);

	cr_assert_eq(all.n_tests, 3);
	CLOSE(all.claim[0].p_holm, 3 * all.claim[0].p, 1e-15);
	IS(&all.claim[0], "reproduced", true);
	IS(&all.claim[1], "inconclusive", false);
	IS(&all.claim[2], "inconclusive", false);
	cr_assert(all.claim[2].low > 0.0 && all.claim[2].p < 0.05);
	CLOSE(all.claim[2].p_holm, 2 * all.claim[2].p, 1e-15);
	NOTES(&all.claim[2], "alone");
	NOTES(&all.claim[2], "among the 3 claims of the run");
	cr_assert(all.claim[2].n_needed > 8, "it was asked for a smaller p");
	cr_assert(all.count[EBB_REPRODUCED] == 1 && all.count[EBB_INCONCLUSIVE] == 2);
	ebb_judgements_release(&all);
}

/* ---- quotients ---- */

static double twice(int arm, int seed, const char *metric, double step)
{
	static const double r[] = {2, 2.2, 1.8, 2.4, 2.1, 1.9, 2.0, 2.3};

	if (strcmp(metric, "rollout/tokens_total") == 0)
		return (step + 1) * 50 * (arm == 1 ? r[seed] : 1.0);
	if (strcmp(metric, "actor/grad_norm") == 0)
		return seed == 3 ? -1.0 : r[seed];
	return INFINITY;
}

#define QUOTIENT "ratio(consumed(tokens, algorithm=dapo), consumed(tokens, algorithm=grpo))"

Test(verdict, quotients_are_judged_on_the_logarithmic_scale)
{
	struct ebb_judgements all;
	struct ebb_judgement *j = judged_one(&all, twice, QUOTIENT " > 1.5");

	IS(j, "reproduced", true);
	cr_assert(j->ratio);
	CLOSE(j->left, 2.07889902, 1e-8); /* geometric mean */
	CLOSE(j->right, 1.5, 1e-12);
	CLOSE(j->effect, 1.38593268, 1e-8);
	CLOSE(j->low, 1.27787456, 1e-8);
	CLOSE(j->high, 1.50312827, 1e-8);
	CLOSE(j->p, 2.9822071678e-05, 1e-12);
	ebb_judgements_release(&all);
	j = judged_one(&all, twice, "1.5 < " QUOTIENT);
	IS(j, "reproduced", true);
	CLOSE(j->effect, 1.0 / 1.38593268, 1e-8);
	ebb_judgements_release(&all);
	j = judged_one(&all, twice, QUOTIENT " > 1.5 by 0.2");
	IS(j, "reproduced", true);
	CLOSE(j->margin, 1.2, 1e-12);
	ebb_judgements_release(&all);
	j = judged_one(&all, twice, QUOTIENT " ~= 2 within 0.15"); /* 2.079: [1.917, 2.255] / 2 */
	IS(j, "equivalent", true);
	ebb_judgements_release(&all);
	j = judged_one(&all, twice, QUOTIENT " ~= 2 within 0.1");
	IS(j, "inconclusive", false);
	ebb_judgements_release(&all);
	/* no logarithm: that seed has no value */
	j = judged_one(&all, twice,
		       "ratio(final(grad_norm, algorithm=grpo), 1 * consumed(steps, "
		       "algorithm=grpo)) > 0.001");
	cr_assert(j->n == 7 && j->dropped == 1 && j->few);
	NOTES(j, "1 seed without a value left out");
	ebb_judgements_release(&all);
}

/* ---- shares ---- */

static int failing; /* seeds, from the first on, in which accuracy stays */

static double rising(int arm, int seed, const char *metric, double step)
{
	(void)arm;
	if (strcmp(metric, "eval/accuracy") != 0)
		return INFINITY;
	return seed < failing || step < 50 ? 0.3 : 0.6;
}

#define RISES "share(" A " - start(accuracy, algorithm=dapo) > 0.1)"

Test(verdict, shares_of_seeds)
{
	static const struct {
		int failing;
		const char *claim, *verdict;
		bool holds;
		double p;
	} row[] = {
		{0, RISES " >= 1", "reproduced", true, 1.0 / 256},
		{1, RISES " >= 1", "contradicted", false, 9.0 / 256}, /* one is enough */
		{1, RISES " >= 7/8", "reproduced", true, 9.0 / 256},
		{2, RISES " >= 6/8", "inconclusive", false, 37.0 / 256}, /* so does a coin */
		{2, RISES " >= 7/8", "inconclusive", false, 37.0 / 256},
		{5, RISES " >= 7/8", "contradicted", false, 219.0 / 256}, /* 3 of 8: below 0.755 */
		{8, RISES " <= 0.2", "reproduced", true, 1.0 / 256},
		{7, "0.2 >= " RISES, "reproduced", true, 9.0 / 256},
		{0, RISES " < 0.5", "contradicted", false, 1.0},
		{0, RISES " > 0.99", "reproduced", true, 1.0 / 256},
		{1, RISES " > 7/8", "inconclusive", false, 9.0 / 256},
		/* from the other side: 1 of 8 is above 0.05, 8 of 8 above 1/2, 7 of 8 not above 7/8 */
		{7, "0.05 >= " RISES, "inconclusive", false, 9.0 / 256},
		{0, "1/2 < " RISES, "reproduced", true, 1.0 / 256},
		{1, "7/8 < " RISES, "inconclusive", false, 9.0 / 256},
	};
	struct ebb_judgements all;
	struct ebb_judgement *j;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		failing = row[i].failing;
		j = judged_one(&all, rising, row[i].claim);
		IS(j, row[i].verdict, row[i].holds);
		CLOSE(j->p, row[i].p, 1e-12);
		cr_assert_str_eq(j->test, "share of seeds");
		ebb_judgements_release(&all);
	}
	/* Clopper and Pearson: 7 of 8 is [0.47349, 0.99684] */
	failing = 1;
	j = judged_one(&all, rising, RISES " >= 7/8");
	CLOSE(j->left, 0.875, 1e-12);
	CLOSE(j->effect, 0.0, 1e-12);
	CLOSE(j->low, 0.473490329 - 0.875, 1e-8);
	CLOSE(j->high, 0.996840276 - 0.875, 1e-8);
	NOTES(j, "it holds in 7 of 8 seeds");
	ebb_judgements_release(&all);
	/* at 3 of 4 a coin is beaten by 10 of 13 (0.046), not by 9 of 12 (0.073) */
	failing = 2;
	j = judged_one(&all, rising, RISES " >= 6/8");
	cr_assert_eq(j->n_needed, 13, "%d", j->n_needed);
	ebb_judgements_release(&all);
	/* at 3 of 4, 7/8 is excluded once Clopper and Pearson's upper end is below it */
	j = judged_one(&all, rising, RISES " >= 7/8");
	cr_assert_eq(j->n_needed, 39, "%d", j->n_needed);
	ebb_judgements_release(&all);
	j = judged_one(&all, rising, "7/8 <= " RISES);
	cr_assert_eq(j->n_needed, 39, "%d", j->n_needed);
	ebb_judgements_release(&all);
}

/* ---- what is missing ---- */

static int have; /* seeds with a curve in arm 1 */

static double partly(int arm, int seed, const char *metric, double step)
{
	(void)step;
	if (strcmp(metric, "eval/accuracy") != 0 || (arm == 1 && seed >= have))
		return INFINITY;
	return 0.3 + 0.1 * arm + 0.001 * seed * arm;
}

Test(verdict, missing_trials)
{
	struct ebb_judgements all;
	struct ebb_judgement *j;

	have = 5;
	j = judged_one(&all, partly, A " > " B);
	IS(j, "reproduced", true);
	cr_assert(j->n == 5 && j->dropped == 3 && j->few);
	cr_assert(isnan(j->p_sign));
	NOTES(j, "3 seeds without a value left out");
	CLOSE(j->left, 0.402, 1e-12); /* of the seeds that count */
	CLOSE(j->right, 0.3, 1e-12);
	ebb_judgements_release(&all);
	have = 1;
	j = judged_one(&all, partly, A " > " B);
	IS(j, "inconclusive", false);
	NOTES(j, "one seed");
	cr_assert(j->n == 1 && isnan(j->p) && isnan(j->low) && all.n_tests == 0);
	CLOSE(j->effect, 0.1, 1e-12);
	ebb_judgements_release(&all);
	have = 0;
	j = judged_one(&all, partly, A " > " B);
	IS(j, "not applicable", false);
	NOTES(j, "no finished trial of 'dapo' has a value of final(eval/accuracy)");
	cr_assert(isnan(j->p));
	ebb_judgements_release(&all);
	have = 4; /* no verdict on a share of four */
	j = judged_one(&all, partly, "share(" A " > " B ") >= 1");
	IS(j, "inconclusive", false);
	NOTES(j, "a share needs 5 seeds");
	cr_assert_eq(j->n_needed, 5);
	ebb_judgements_release(&all);
	have = 8;
	j = judged_one(&all, partly, A " > " B " + final(entropy, algorithm=grpo)");
	IS(j, "not applicable", false);
	NOTES(j, "final(actor/entropy)");
	ebb_judgements_release(&all);
}

/* seed= leaves one, and the others were not asked for. */
Test(verdict, one_seed_by_name)
{
	struct ebb_judgements all;
	struct ebb_judgement *j =
		judged_one(&all, grown, "final(accuracy, algorithm=dapo, seed=103) > " B);

	IS(j, "inconclusive", false);
	CLOSE(j->left, 0.54, 1e-12);
	cr_assert(j->n == 1 && j->dropped == 0);
	ebb_judgements_release(&all);
}

/* ---- preconditions ---- */

static double start_accuracy, start_truncated;

static double begun(int arm, int seed, const char *metric, double step)
{
	(void)arm;
	if (strcmp(metric, "eval/accuracy") == 0)
		return step == 0 ? start_accuracy : 0.01 * (1 + seed);
	if (strcmp(metric, "response_length/clip_ratio") == 0)
		return step == 0 ? start_truncated : 1.0;
	return strcmp(metric, "actor/entropy") == 0 ? 1.0 + 0.01 * seed : INFINITY;
}

Test(verdict, preconditions_look_at_the_start_alone)
{
	struct ebb_judgements all;
	struct ebb_judgement *j;

	start_accuracy = 0.3, start_truncated = 0.1;
	j = judged_one(&all, begun, A " < 0.2"); /* it broke down later: that may be claimed */
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
	start_accuracy = 0.02;
	j = judged_one(&all, begun, A " < 0.2");
	IS(j, "not applicable", false);
	NOTES(j, "'dapo' starts at accuracy 0.020, outside 0.05 to 0.80");
	cr_assert(isnan(j->p) && all.n_tests == 0);
	ebb_judgements_release(&all);
	j = judged_one(&all, begun, "final(entropy, algorithm=dapo) > 0.5"); /* not about success */
	IS(j, "reproduced", true);
	ebb_judgements_release(&all);
	start_accuracy = 0.9;
	j = judged_one(&all, begun, A " < 0.2");
	IS(j, "not applicable", false);
	ebb_judgements_release(&all);
	start_accuracy = 0.3, start_truncated = 0.25;
	j = judged_one(&all, begun, A " < 0.2");
	IS(j, "not applicable", false);
	NOTES(j, "25 % of its responses cut");
	ebb_judgements_release(&all);
}

/* ---- nothing left to chance ---- */

static double the_same(int arm, int seed, const char *metric, double step)
{
	(void)seed;
	(void)step;
	return strcmp(metric, "eval/accuracy") == 0     ? 0.5
	       : strcmp(metric, "actor/grad_norm") == 0 ? 1.0 + 0.5 * arm
							: INFINITY;
}

Test(verdict, sides_that_are_equal_in_every_seed)
{
	static const struct {
		const char *claim, *verdict;
		bool holds;
	} row[] = {
		{A " <= 0.5", "reproduced", true},
		{A " >= 0.5", "reproduced", true},
		{"0.5 >= " A, "reproduced", true},
		{A " >= " B, "reproduced", true},
		{A " < 0.5", "inconclusive", false},
		{A " > " B, "inconclusive", false},
		{A " >= 0.5 by 0.1", "equivalent", false},
		{A " ~= " B " within 0.1", "equivalent", true},
		{A " <= 0.6", "reproduced", true},
		{A " <= 0.4", "contradicted", false},
		{"ratio(" A ", " B ") <= 1", "reproduced", true},
	};
	struct ebb_judgements all;
	struct ebb_judgement *j;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		j = judged_one(&all, the_same, row[i].claim);
		IS(j, row[i].verdict, row[i].holds);
		ebb_judgements_release(&all);
	}
	j = judged_one(&all, the_same, A " <= 0.5");
	NOTES(j, "both sides are equal in every seed");
	cr_assert(isnan(j->p) && isnan(j->p_holm) && all.n_tests == 0, "no test, no p");
	cr_assert(j->effect == 0.0 && j->low == 0.0 && j->high == 0.0 && j->n == 8);
	ebb_judgements_release(&all);
	j = judged_one(&all, the_same,
		       "final(grad_norm, algorithm=dapo) > final(grad_norm, algorithm=grpo)");
	IS(j, "reproduced", true);
	NOTES(j, "the difference is the same in every seed");
	ebb_judgements_release(&all);
	/* one seed has no spread to be without */
	j = judged_one(&all, the_same, "final(accuracy, algorithm=dapo, seed=100) <= 0.5");
	IS(j, "inconclusive", false);
	ebb_judgements_release(&all);
}

/* ---- the line ---- */

Test(verdict, lines)
{
	static const char *const text[] = {A "\n   > " B, A " > 10", QUOTIENT " > 1.5"};
	struct ebb_buf line = EBB_BUF_INIT;
	struct ebb_judgements all = judged(grown, text, 2);

	ebb_judgement_line(&all.claim[0], &line);
	cr_assert_str_eq(line.data,
			 "reproduced: " A " > " B " (+0.025 [+0.015, +0.035], p 0.0006, N = 8)");
	ebb_buf_reset(&line);
	ebb_judgements_release(&all);
	all = judged(twice, text + 2, 1);
	ebb_judgement_line(&all.claim[0], &line);
	cr_assert(strstr(line.data, "(x 1.39 [1.28, 1.5], p 3e-05, N = 8)"), "%s", line.data);
	ebb_buf_reset(&line);
	ebb_judgements_release(&all);
	failing = 7; /* of shares the count, whichever side they stand on */
	for (int i = 0; i < 2; i++) {
		all = judged(rising, (const char *const[]){RISES " <= 1/2", "1/2 >= " RISES} + i,
			     1);
		ebb_judgement_line(&all.claim[0], &line);
		cr_assert(strstr(line.data, "(1 of 8 seeds, p 0.04)"), "%s", line.data);
		ebb_buf_reset(&line);
		ebb_judgements_release(&all);
	}
	have = 0;
	all = judged(partly, text, 1);
	ebb_judgement_line(&all.claim[0], &line);
	cr_assert(strstr(line.data, "not applicable: ") && strstr(line.data, "(no finished trial"),
		  "%s", line.data);
	ebb_buf_release(&line);
	ebb_judgements_release(&all);
}

Test(verdict, nothing_to_judge)
{
	struct ebb_judgements all = judged(grown, NULL, 0);

	cr_assert(all.n == 0 && all.n_tests == 0);
	ebb_judgements_release(&all);
}
