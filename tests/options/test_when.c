/* Whens: what they set, for whom, above what, and what they are refused for. */
#include "fixture.h"

static bool has_arm(const struct reading *r, const char *label)
{
	for (int i = 0; i < r->def.n_arms; i++)
		if (strcmp(r->def.arm[i].label, label) == 0)
			return true;
	return false;
}

Test(when, limits_an_axis_to_some_arms)
{
	struct reading r;

	READ(&r, "sweep:\n  algorithm: [grpo, dapo, gipo]\n"
		 "  when(algorithm=gipo): {beta: [0, 0.1, 0.3], mu: [1, 2]}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2 + 6);
	cr_expect_str_eq(r.def.arm[0].label, "grpo");
	cr_expect_str_eq(r.def.arm[1].label, "dapo");
	cr_expect_str_eq(r.def.arm[5].label, "gipo beta=0.1 mu=2");
	cr_expect_eq(r.def.arm[5].options.info.coef, 0.1);
	cr_expect_eq(r.def.arm[5].options.train.epochs, 2);
	cr_expect_eq(r.def.arm[5].n_axes, 3);
	cr_expect_eq(r.def.arm[0].n_axes, 1);
	cr_expect_eq(r.def.arm[0].options.train.epochs, 1);
	done(&r);
}

Test(when, sets_values_for_some_arms)
{
	struct reading r;

	READ(&r, "sweep: {algorithm: [grpo, dapo]}\noverlong: {cache: 2}\n"
		 "when(algorithm=dapo): {overlong: {cache: 4}, lr: 1e-3}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_eq(r.def.arm[0].options.overlong.cache, 2);
	cr_expect_eq(r.def.arm[1].options.overlong.cache, 4);
	cr_expect_eq(r.def.arm[1].options.train.lr, 1e-3);
	cr_expect_str_eq(r.def.arm[1].label, "dapo");
	done(&r);
}

Test(when, stands_between_the_definition_and_the_command_line)
{
	static const char yaml[] = "algorithm: dapo\neps_high: 0.4\nsweep: {alpha: [0.1, 0.2]}\n"
				   "when(alpha=0.2): {eps_high: 0.5}\n";
	struct reading r;

	READ(&r, yaml);
	EXPECT_FINE(&r);
	cr_expect_eq(arm_of(&r, "dapo alpha=0.1")->options.clip.high, 0.4);
	cr_expect_eq(arm_of(&r, "dapo alpha=0.2")->options.clip.high, 0.5);
	done(&r);
	READ(&r, yaml, "eps_high=0.6");
	EXPECT_FINE(&r);
	cr_expect_eq(arm_of(&r, "dapo alpha=0.2")->options.clip.high, 0.6);
	done(&r);
	READ(&r, yaml, "eps_high=0.6,0.7");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 4);
	cr_expect_eq(arm_of(&r, "dapo alpha=0.2 eps_high=0.7")->options.clip.high, 0.7);
	done(&r);
	/* swept below when: overrides take the axis away from it */
	READ(&r,
	     "sweep: {algorithm: [grpo, gipo], when(algorithm=gipo): {mu: [1, 2], lr: [0, 1]}}\n",
	     "mu=3");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 3);
	cr_expect_eq(arm_of(&r, "grpo")->options.train.epochs, 3);
	cr_expect_eq(arm_of(&r, "gipo lr=1")->options.train.epochs, 3);
	done(&r);
}

Test(when, a_list_replaces_the_plain_axis)
{
	struct reading r;

	READ(&r, "sweep:\n  alpha: [0, 0.1]\n  algorithm: [grpo, gipo]\n  mu: [1, 2]\n"
		 "  when(algorithm=gipo): {alpha: [5, 6, 7]}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 4 + 6);
	cr_expect(has_arm(&r, "gipo mu=2 alpha=7"));
	cr_expect(has_arm(&r, "grpo alpha=0.1 mu=2"));
	cr_expect(!has_arm(&r, "gipo alpha=0.1 mu=2"));
	for (int i = 0; i < r.def.n_arms; i++)
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(r.def.arm[i].label, r.def.arm[j].label);
	done(&r);
	READ(&r, "sweep:\n  alpha: [0, 0.1]\n  algorithm: [grpo, gipo]\n"
		 "  when(algorithm=gipo): {alpha: [5]}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 3);
	cr_expect(has_arm(&r, "gipo alpha=5")); /* beside arms that name alpha it is named */
	done(&r);
}

Test(when, conditions_in_all_forms)
{
	static const struct {
		const char *condition, *arms; /* the labels' first letters where it holds       */
	} c[] = {{"algorithm=gipo", "g"},        {"algorithm = gipo ", "g"},
		 {"algorithm=gipo|dapo", "dg"},  {"algorithm!=gipo", "dmr"},
		 {"algorithm!=gipo|dapo", "mr"}, {"algorithm=mine", "m"},
		 {"alpha=0.001", "g"},           {"entropy.coef=1e-3, algorithm!=dapo", "g"},
		 {"alpha=0,mu=1", "drm"},        {"eps_high=0.28|0.5", "dm"},
		 {"task.name=chain", "dgrm"},    {"task.name!=chain", ""},
		 {"task.slip=0.2", "dgrm"},      {"task.walls=0.5", ""},
		 {"task.walls!=0.5", ""}, /* an arm without the option is neither */
		 {"task.styles=0", "dgrm"},      {"beta=0.1", "g"},
		 {"kl.place=none|loss", "dgrm"}, {"loss.aggregate=token_mean", "dm"},
		 {"train.steps=77", "dgrm"}};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		char yaml[400];
		struct reading r;

		snprintf(yaml, sizeof yaml,
			 "train.steps: 77\nalgorithms: {mine: {from: dapo, eps_high: 0.5}}\n"
			 "sweep: {algorithm: [dapo, gipo, reinforce, mine]}\n"
			 "when(%s): {train.warmup: 5}\n",
			 c[i].condition);
		READ(&r, yaml);
		EXPECT_FINE(&r);
		for (int a = 0; a < 4; a++)
			cr_expect_eq(r.def.arm[a].options.train.warmup == 5,
				     strchr(c[i].arms, r.def.arm[a].label[0]) != NULL,
				     "when(%s) for %s", c[i].condition, r.def.arm[a].label);
		if (!c[i].arms[0])
			cr_expect(found(&r, EBB_WARNING, 4, 1, "holds for no arm"));
		done(&r);
	}
}

/* One when never sees what another has set. */
Test(when, judges_the_arm_without_whens)
{
	struct reading r;

	READ(&r, "when(mu=1): {lr: 0.5}\nwhen(lr=0.5): {alpha: 1}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.train.lr, 0.5);
	cr_expect_eq(r.def.arm[0].options.entropy.coef, 0);
	cr_expect(found(&r, EBB_WARNING, 2, 1, "holds for no arm"));
	done(&r);
}

/* What would be wrong without the when is right with it. */
Test(when, may_put_an_arm_right)
{
	struct reading r;

	READ(&r, "sweep: {algorithm: [drgrpo, grpo], train.group: [8]}\ntrain: {prompts: 3}\n"
		 "when(algorithm=grpo|drgrpo): {train.minibatches: 3}\n");
	EXPECT_FINE(&r);
	done(&r);
	READ(&r, "sweep: {algorithm: [drgrpo, grpo]}\n"
		 "when(algorithm=grpo): {train.prompts: 3}\n");
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 2, 39, "train.prompts=3"));
	done(&r);
}

Test(when, holds_zips_too)
{
	struct reading r;

	READ(&r, "sweep:\n  algorithm: [grpo, gipo]\n"
		 "  when(algorithm=gipo): {zip: {beta: [0, 0.1], alpha: [1, 2]}}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 3);
	cr_expect(has_arm(&r, "gipo beta=0.1 alpha=2"));
	done(&r);
	READ(&r,
	     "sweep:\n  algorithm: [grpo, gipo]\n"
	     "  when(algorithm=gipo): {zip: {beta: [0, 0.1], alpha: [1, 2]}}\n",
	     "alpha=3");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 3);
	cr_expect_eq(arm_of(&r, "gipo beta=0.1")->options.entropy.coef, 3);
	done(&r);
}

Test(when, not_applicable_is_a_note)
{
	static const char yaml[] = "sweep:\n  algorithm: [grpo, dapo, gipo]\n"
				   "  when(algorithm=gipo): {beta: [0, 0.1]}\n"
				   "when(algorithm=dapo): {overlong: {cache: 4}}\n";
	struct reading r;

	READ(&r, yaml, "algorithm=grpo");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 1);
	cr_expect_eq(r.diag.n, 2);
	cr_expect(found(&r, EBB_NOTE, 3, 3, "'when(algorithm=gipo)' is not applicable"));
	cr_expect(found(&r, EBB_NOTE, 4, 1, "'when(algorithm=dapo)' is not applicable"));
	done(&r);
	READ(&r, yaml);
	EXPECT_FINE(&r);
	cr_expect_eq(r.diag.n, 1); /* beta is info.coef */
	done(&r);
	READ(&r, "sweep: {alpha: [0, 0.1], when(alpha=0.1): {mu: [1, 2]}}\n", "alpha=0,0.3");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 2);
	cr_expect(found(&r, EBB_NOTE, 1, 26, "not applicable"));
	done(&r);
}

Test(when, what_is_refused)
{
	static const struct {
		const char *yaml;
		int line, column;
		const char *part;
	} c[] = {
		{"when(algorithm=gpio): {alpha: 1}\n", 1, 16, "did you mean 'gipo'"},
		{"when(algoritm=gipo): {alpha: 1}\n", 1, 6, "did you mean 'algorithm'"},
		{"when(alpha=-1): {mu: 1}\n", 1, 12, "[0,1000]"},
		{"when(kl.place=lost): {mu: 1}\n", 1, 15, "did you mean 'loss'"},
		{"when(task.name=mase): {mu: 1}\n", 1, 16, "did you mean 'maze'"},
		{"when(alpha): {mu: 1}\n", 1, 6, "'alpha' is no condition"},
		{"when(): {mu: 1}\n", 1, 6, "is no condition"},
		{"when(alpha=): {mu: 1}\n", 1, 6, "is no condition"},
		{"when(alpha=1|): {mu: 1}\n", 1, 14, "not ''"},
		{"when(alpha=1,): {mu: 1}\n", 1, 14, "is no condition"},
		{"when(alpha=1: {mu: 1}\n", 1, 1, "closing parenthesis"},
		/* quotes stand before the first letter; behind an escape nobody can count */
		{"'when(alpha=1, mu=0)': {lr: 1}\n", 1, 19, "allowed is [1,1000]"},
		{"\"when(alpha=1, mu=\\x30)\": {lr: 1}\n", 1, 1, "allowed is [1,1000]"},
		{"? when(alpha=1,\n   mu=0)\n: {lr: 1}\n", 1, 3, "allowed is [1,1000]"},
		{"when: {mu: 1}\n", 1, 1, "needs its condition"},
		{"when(alpha=1,entropy.coef=2): {mu: 1}\n", 1, 14, "'entropy.coef' stands twice"},
		{"when(seed=1): {mu: 1}\n", 1, 6, "cannot ask for the seed"},
		{"when(mu=1): {algorithm: gipo}\n", 1, 14, "cannot set 'algorithm'"},
		{"when(mu=1): {task.preset: rare}\n", 1, 14, "cannot set 'task.preset'"},
		{"when(mu=1): {seeds: 3}\n", 1, 14, "cannot set 'seeds'"},
		{"when(mu=1): {when(lr=1): {mu: 3}}\n", 1, 14, "cannot stand in a when"},
		{"when(mu=1): {lr: [0, 1]}\n", 1, 18, "below sweep:"},
		{"when(mu=1): {lrr: 1}\n", 1, 14, "did you mean 'lr'"},
		{"when(mu=1): {lr: 7}\n", 1, 18, "[0,1]"},
		{"when(mu=1): 3\n", 1, 13, "must be a mapping"},
		{"sweep: {when(mu=1): {lr: 0.5}}\n", 1, 26, "swept over a list"},
		{"sweep: {when(mu=1): {lr: [0, 7]}}\n", 1, 30, "[0,1]"},
		{"algorithms: {x: {when(mu=1): {lr: 1}}}\nalgorithm: x\n", 1, 18,
		 "row of algorithms"},
		{"sweep: {lr: [0, 1]}\nwhen(mu=1): {lr: 0.5}\n", 2, 14,
		 "'train.lr' is swept (line 1, column 9), so a when cannot fix it"},
		{"sweep: {lr: [0, 1], when(lr=1): {lr: [0.5]}}\n", 1, 34, "its own condition"},
		{"sweep:\n  beta: [0, 1]\n  when(kl.coef=1): {beta: [0.5]}\n", 3, 21,
		 "its own condition"},
		{"sweep:\n  zip: {lr: [0, 1], mu: [1, 2]}\n  when(alpha=0): {lr: [0.5]}\n", 3, 19,
		 "belongs to a zip (line 2, column 9)"},
		{"when(mu=1): {lr: 0.5}\nwhen(alpha=0): {lr: 0.6}\n", 2, 17,
		 "two whens that hold for one arm (also line 1, column 14)"},
		{"sweep:\n  when(mu=1): {lr: [0.5]}\n  when(alpha=0): {lr: [0.6]}\n", 3, 19,
		 "two whens that hold for one arm (also line 2, column 16)"},
		{"sweep:\n  when(mu=1): {lr: [0.5]}\nwhen(alpha=0): {lr: 0.6}\n", 2, 16,
		 "two whens that hold for one arm (also line 3, column 17)"},
		{"algorithm: gipo\nsweep: {beta: [0, 1]}\nwhen(mu=1): {info.coef: 0.5}\n", 3, 14,
		 "'beta' of the sweep (line 2, column 9) are the same option"},
	};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct reading r;

		READ(&r, c[i].yaml);
		cr_expect_eq(r.diag.n_errors, 1, "%s: %d errors", c[i].yaml, r.diag.n_errors);
		if (r.diag.n_errors != 1)
			show(&r);
		cr_expect(found(&r, EBB_ERROR, c[i].line, c[i].column, c[i].part), "%s", c[i].yaml);
		done(&r);
	}
}
