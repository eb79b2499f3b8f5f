/* Several files, what an arm remembers of its text, and rows of algorithms: nobody uses. */
#include "fixture.h"

/* ---- several files ---- */

Test(files, later_ones_win)
{
	struct reading r;

	READ_TWO(&r,
		 "name: base\nabout: first\ntrain: {steps: 10, lr: 0.1}\nalpha: 0.5\nseeds: 4\n"
		 "figures: [entropy, accuracy]\nclaims: [a]\n",
		 "about: second\ntrain: {steps: 20}\nentropy.coef: 0.6\nseed: 7\n"
		 "figures: [reward]\n");
	EXPECT_FINE(&r);
	cr_expect_str_eq(r.def.name, "base");
	cr_expect_str_eq(r.def.about, "second");
	cr_expect_eq(r.def.arm[0].options.train.steps, 20);
	cr_expect_eq(r.def.arm[0].options.train.lr, 0.1);
	cr_expect_eq(r.def.arm[0].options.entropy.coef, 0.6);
	cr_expect_eq(r.def.n_seeds, 1);
	cr_expect_eq(r.def.seed[0], 7);
	cr_assert_eq(r.def.n_figures, 1);
	cr_expect_str_eq(r.def.figure[0].text, "reward");
	cr_expect_eq(r.def.n_claims, 1);
	cr_expect_eq(r.diag.n, 0);
	done(&r);
	READ_TWO(&r, "train.lr: 0.1\n", "name: mine\n", "train.lr=0.2");
	EXPECT_FINE(&r);
	cr_expect_str_eq(r.def.name, "mine");
	cr_expect_eq(r.def.arm[0].options.train.lr, 0.2);
	done(&r);
	READ_TWO(&r, "train.lr: 0.1\n", "mu: 2\n");
	EXPECT_FINE(&r);
	cr_expect_str_eq(r.def.name, "case"); /* after the first file */
	done(&r);
}

Test(files, axes_replace_and_fixed_values_take_them_out)
{
	struct reading r;

	READ_TWO(&r, "sweep: {algorithm: [grpo, gipo], alpha: [0, 0.1]}\n",
		 "sweep: {alpha: [1, 2, 3], mu: [1, 2]}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 12);
	cr_expect_str_eq(r.def.arm[11].label, "gipo alpha=3 mu=2");
	cr_expect_eq(r.diag.n, 0);
	done(&r);
	READ_TWO(&r, "sweep: {algorithm: [grpo, gipo], alpha: [0, 0.1]}\n", "alpha: 0.5\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_eq(r.def.arm[1].options.entropy.coef, 0.5);
	done(&r);
	READ_TWO(&r, "alpha: 0.5\n", "sweep: {alpha: [0, 0.1]}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 2);
	cr_expect_eq(r.diag.n, 0);
	done(&r);
	READ_TWO(&r, "sweep: {zip: {alpha: [0, 0.1], mu: [1, 2]}}\n", "sweep: {alpha: [1, 2]}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_str_eq(r.def.arm[1].label, "grpo alpha=2 mu=2");
	done(&r);
	READ_TWO(&r, "sweep: {zip: {alpha: [0, 0.1], mu: [1, 2]}}\n",
		 "\nsweep: {alpha: [1, 2, 3]}\n");
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 2, 9, "case.yaml:1:32) has 2: a zip pairs"));
	cr_expect_str_eq(r.diag.entry[0].mark.file, "case1");
	done(&r);
}

Test(files, algorithms_merge_by_name)
{
	struct reading r;

	READ_TWO(&r, "algorithms:\n  mine: {from: gipo, alpha: 0.5, lr: 0.1}\n",
		 "algorithms:\n  mine: {alpha: 0.6}\n  other: {from: mine, mu: 3}\n"
		 "sweep: {algorithm: [mine, other]}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.entropy.coef, 0.6);
	cr_expect_eq(r.def.arm[0].options.train.lr, 0.1);
	cr_expect_eq(r.def.arm[1].options.entropy.coef, 0.6);
	cr_expect_eq(r.def.arm[1].options.train.epochs, 3);
	cr_expect_eq(r.diag.n, 0);
	done(&r);
	READ_TWO(&r, "algorithms: {mine: {from: gipo}}\nalgorithm: mine\n",
		 "algorithms: {mine: {from: dapo}}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.28);
	done(&r);
}

Test(files, beta_and_its_option_across_files)
{
	struct reading r;

	READ_TWO(&r, "algorithm: gipo\nbeta: 0.1\n", "info.coef: 0.2\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.info.coef, 0.2);
	done(&r);
	READ_TWO(&r, "algorithm: gipo\ninfo.coef: 0.2\n", "beta: 0.1\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.info.coef, 0.1);
	done(&r);
}

Test(files, whens_of_a_later_file_win)
{
	struct reading r;

	READ_TWO(&r, "when(mu=1): {lr: 0.1, alpha: 1}\n", "when(mu=1): {lr: 0.2}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.train.lr, 0.2);
	cr_expect_eq(r.def.arm[0].options.entropy.coef, 1);
	done(&r);
	READ_TWO(&r, "sweep: {when(mu=1): {lr: [0.1, 0.2], alpha: [1, 2]}}\n",
		 "sweep: {when(mu=1): {lr: [0.3]}}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_eq(r.def.arm[1].options.train.lr, 0.3);
	done(&r);
}

Test(files, every_error_names_its_file)
{
	struct reading r;

	READ_TWO(&r, "alhpa: 1\nmu: 0\n", "lr: 3\nlr: 2\nalgorithm: gpro\n");
	cr_expect_lt(r.rc, 0);
	cr_expect_eq(r.diag.n_errors, 5);
	for (int i = 0; i < r.diag.n; i++) {
		const struct ebb_diag_entry *e = &r.diag.entry[i];
		bool first = strstr(e->text, "alpha") || strstr(e->text, "epochs");

		cr_expect_str_eq(e->mark.file, first ? "case" : "case1", "%s", e->text);
	}
	cr_expect(found(&r, EBB_ERROR, 2, 1, "stands here twice"));
	cr_expect(strstr(r.err.text, "5 errors"), "%s", r.err.text);
	done(&r);
}

Test(files, the_source_holds_all_texts)
{
	struct reading r;

	READ(&r, "mu: 1");
	cr_expect_str_eq(r.def.source, "mu: 1");
	done(&r);
	READ_TWO(&r, "mu: 1", "lr: 0.1\n");
	EXPECT_FINE(&r);
	cr_expect(strncmp(r.def.source, "# /tmp/ebb-options-", 19) == 0, "%s", r.def.source);
	cr_expect(strstr(r.def.source, "/case.yaml\nmu: 1\n# /tmp/"), "%s", r.def.source);
	cr_expect(strstr(r.def.source, "/case1.yaml\nlr: 0.1\n"), "%s", r.def.source);
	done(&r);
}

Test(files, a_second_one_that_cannot_be_read)
{
	static const char *const none[] = {"/dev/null", "/nonexistent/x.yaml"};
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;

	cr_expect_eq(ebb_definition_read(&def, &fake, none, 2, NULL, 0, &diag, &err), EBB_ENOENT);
	cr_expect(strstr(err.text, "/nonexistent/x.yaml"), "%s", err.text);
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
}

/* ---- places ---- */

static void expect_place(const struct ebb_arm *arm, const char *key, const char *file, int line,
			 int column)
{
	struct ebb_mark mark = ebb_arm_mark(arm, key);

	cr_expect(ebb_arm_given(arm, key), "%s", key);
	cr_expect(mark.file && strstr(mark.file, file), "%s: %s", key, mark.file);
	cr_expect_eq(mark.line, line, "%s: line %d", key, mark.line);
	cr_expect_eq(mark.column, column, "%s: column %d", key, mark.column);
}

Test(files, arms_remember_who_decided)
{
	const struct ebb_arm *arm;
	struct reading r;

	READ_TWO(&r,
		 "train: {steps: 10, lr: 0.1}\neval: {cadence: 5}\n"
		 "algorithms: {mine: {from: gipo, eps_low: 0.1, eps_high: 0.3}}\n"
		 "task: {name: chain, slip: 0.3}\n",
		 "train.steps: 20\nsweep:\n  algorithm: [mine, grpo]\n  zip: {mu: [1, 2], alpha: "
		 "[1, 2]}\n"
		 "  when(algorithm=mine): {beta: [0, 1]}\n"
		 "when(algorithm=mine): {lr: 0.2, eps_high: 0.4}\n",
		 "eval.cadence=7");
	EXPECT_FINE(&r);
	arm = arm_of(&r, "mine mu=2 alpha=2 beta=1");
	expect_place(arm, "train.steps", "case1.yaml", 1, 1);
	expect_place(arm, "train.lr", "case1.yaml", 6, 24);
	expect_place(arm, "eval.cadence", "command line", 0, 0);
	expect_place(arm, "clip.low", "case.yaml", 3, 33);
	expect_place(arm, "clip.high", "case1.yaml", 6, 33);
	expect_place(arm, "info.coef", "case1.yaml", 5, 26);
	expect_place(arm, "train.epochs", "case1.yaml", 4, 9);
	expect_place(arm, "entropy.coef", "case1.yaml", 4, 21);
	expect_place(arm, "algorithm", "case1.yaml", 3, 3);
	expect_place(arm, "task.name", "case.yaml", 4, 8);
	expect_place(arm, "task.slip", "case.yaml", 4, 21);
	cr_expect(!ebb_arm_given(arm, "gamma.kind")); /* the preset's */
	cr_expect(!ebb_arm_given(arm, "task.preset"));
	cr_expect_null(ebb_arm_mark(arm, "kl.coef").file);
	arm = arm_of(&r, "grpo mu=1 alpha=1");
	expect_place(arm, "train.lr", "case.yaml", 1, 20);
	cr_expect(!ebb_arm_given(arm, "clip.high"));
	cr_expect(!ebb_arm_given(arm, "info.coef"));
	done(&r);
	READ_LINE(&r, "mu=1,2");
	EXPECT_FINE(&r);
	expect_place(&r.def.arm[1], "train.epochs", "command line", 0, 0);
	cr_expect(!ebb_arm_given(&r.def.arm[1], "algorithm"));
	done(&r);
}

/* ---- rows of algorithms that nobody uses ---- */

Test(files, unused_rows_are_told)
{
	static const char yaml[] = "algorithms:\n  a: {from: gipo}\n  b: {from: a}\n  c: {mu: 2}\n"
				   "sweep: {algorithm: [b, grpo]}\n";
	struct reading r;

	READ(&r, yaml); /* b is made of a */
	EXPECT_FINE(&r);
	cr_expect_eq(r.diag.n, 1);
	cr_expect(found(&r, EBB_WARNING, 4, 3, "'c' is described but no arm uses it"));
	done(&r);
	READ(&r, yaml, "algorithm=grpo");
	EXPECT_FINE(&r);
	cr_expect_eq(r.diag.n_warnings, 0);
	cr_expect(found(&r, EBB_NOTE, 2, 3, "'a' has no part in this run"));
	cr_expect(found(&r, EBB_NOTE, 4, 3, "'c' has no part in this run"));
	done(&r);
	READ(&r, yaml, "algorithm=c,a");
	EXPECT_FINE(&r);
	cr_expect_eq(r.diag.n, 1);
	cr_expect(found(&r, EBB_NOTE, 3, 3, "'b' has no part"));
	done(&r);
}
