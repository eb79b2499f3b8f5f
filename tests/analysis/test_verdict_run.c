/* Claims of runs on disk: the recorded definition, trials that diverged or are missing, scales. */
#include "figure/made_run.h"

#include "analysis/recorded.h"
#include "analysis/verdict.h"

TestSuite(judged_run, .init = made_folder_make, .fini = made_folder_remove);

static const char *const labels[] = {"grpo", "dapo", "gspo"};

#define OK(call) cr_assert_eq((call), 0, "%s: %s", #call, err.text)

static struct ebb_claim_scope scope(void)
{
	return (struct ebb_claim_scope){
		.catalog = &made_catalog, .algorithm = labels, .n_algorithms = 3};
}

static int judge(struct ebb_judgements *out, const struct ebb_run *run, const char *text,
		 struct ebb_diag *diag, struct ebb_err *err)
{
	struct ebb_claim_scope s = scope();

	return ebb_judge_run(out, run, &text, 1, &s, diag, err);
}

Test(judged_run, the_definition_comes_from_the_record)
{
	static const char *const numbers[3][2] = {{"0", "0.2"}, {"0.01", "0.2"}, {"0.01", "inf"}};
	struct made_plan p = MADE_PLAN(labels, 3, 2, 20);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_definition def;
	struct ebb_run run;

	p.numbers = numbers;
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(ebb_recorded_read(&def, &run, &made_catalog, &err));
	cr_assert(def.n_arms == 3 && def.n_seeds == 2 && def.seed[1] == 101);
	cr_assert_str_eq(def.name, "made-up");
	for (int a = 0; a < 3; a++) {
		cr_assert_str_eq(def.arm[a].label, labels[a]);
		cr_assert_str_eq(def.arm[a].options.algorithm, labels[a]);
		cr_assert(def.arm[a].n_axes == 3 &&
			  strcmp(def.arm[a].axis[1].key, "entropy.coef") == 0 &&
			  strcmp(def.arm[a].axis[2].value, numbers[a][1]) == 0);
	}
	ebb_definition_release(&def);
	run.n_sources = 2; /* as if joined */
	cr_assert_eq(ebb_recorded_read(&def, &run, &made_catalog, &err), EBB_EINVAL);
	run.n_sources = 0;
	ebb_run_release(&run);
}

Test(judged_run, what_diverged_or_is_missing_has_no_value)
{
	struct made_plan p = MADE_PLAN(labels, 2, 5, 30);
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_judgements all;
	struct ebb_judgement *j;
	struct ebb_run run;
	double left = 0.0;

	p.unfinished_arm = 0, p.unfinished_seed = 3;
	p.diverged_arm = 1, p.diverged_seed = 1;
	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	OK(judge(&all, &run, "final(entropy, algorithm=dapo) > final(entropy, algorithm=grpo)",
		 &diag, &err));
	j = &all.claim[0];
	cr_assert(j->n == 3 && j->dropped == 2 && j->few, "%d, %d", j->n, j->dropped);
	for (int s = 0; s < 5; s++) /* the last tenth of 30 rows */
		if (s != 1 && s != 3)
			for (int r = 27; r < 30; r++)
				left += made_value(1, s, r, r, MADE_ENTROPY) / 9.0;
	cr_assert(fabs(j->left - left) < 1e-12, "%g, not %g", j->left, left);
	ebb_judgements_release(&all);
	/* not recorded by any trial */
	OK(judge(&all, &run, "final(kl_ref, algorithm=dapo) > 0", &diag, &err));
	cr_assert_eq(all.claim[0].verdict, EBB_NOT_APPLICABLE);
	cr_assert(strstr(all.claim[0].note, "final(actor/kl_ref)"), "%s", all.claim[0].note);
	ebb_judgements_release(&all);
	/* an evaluation is read against tokens, a batch's own not included */
	OK(judge(&all, &run, "at(accuracy, tokens=0, algorithm=grpo) > 0", &diag, &err));
	cr_assert_eq(all.claim[0].n, 4);
	ebb_judgements_release(&all);
	OK(judge(&all, &run, "consumed(tokens, algorithm=grpo) > 0", &diag, &err));
	left = 0.0;
	for (int s = 0; s < 5; s++)
		left += s == 3 ? 0.0 : made_tokens(0, s, 29) / 4.0;
	cr_assert(fabs(all.claim[0].left - left) < 1e-6, "%g, not %g", all.claim[0].left, left);
	ebb_judgements_release(&all);
	cr_assert_eq(diag.n, 0);
	ebb_run_release(&run);
}

Test(judged_run, mistakes)
{
	struct made_plan p = MADE_PLAN(labels, 2, 2, 20);
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_claim_scope s = scope();
	struct ebb_judgements all;
	struct ebb_run run;
	char *ambiguous = ebb_xstrdup("final(entropy) > 0"), **own;

	made_run(&p);
	OK(ebb_run_open(&run, made_folder, &err));
	cr_assert_eq(judge(&all, &run, "final(entropy) > 0", &diag, &err), EBB_EINVAL);
	cr_assert(diag.n == 1 && strstr(diag.entry[0].text, "select, like algorithm=grpo"));
	cr_assert(all.n == 0 && all.claim == NULL);
	cr_assert_eq(judge(&all, &run, "final(entropy,", &diag, &err), EBB_EINVAL);
	cr_assert_eq(diag.n, 2);
	/* recorded, it was sound when the run began: an override made it so */
	own = run.claim;
	run.claim = &ambiguous;
	run.n_claims = 1;
	OK(ebb_judge_run(&all, &run, NULL, 0, &s, &diag, &err));
	cr_assert(all.n == 1 && all.claim[0].verdict == EBB_NOT_APPLICABLE);
	cr_assert(strstr(all.claim[0].note, "left with 2 arms"), "%s", all.claim[0].note);
	ebb_judgements_release(&all);
	run.claim = own;
	run.n_claims = 0;
	OK(ebb_judge_run(&all, &run, NULL, 0, &s, &diag, &err));
	cr_assert_eq(all.n, 0);
	ebb_judgements_release(&all);
	free(ambiguous);
	ebb_diag_release(&diag);
	ebb_run_release(&run);
}
