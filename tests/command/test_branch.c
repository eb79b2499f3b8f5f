/* A run that goes on from another one, from outside: pretrain.from = RUN/TRIAL@STEP by id, by the
 * beginning of an id and by the label of an arm. */
#include "command/runs.h"

TestSuite(branch, .init = make_dir, .fini = remove_dir, .timeout = 240);

#define SOURCE "run algorithm=grpo,dapo seeds=2 record.states=2 " SHORT "--out src "

/* ebb run of dst that begins at this policy. */
static int go_on(const char *from, const char *more)
{
	char *line = ebb_xprintf("run pretrain.from='%s' " SHORT "--out dst %s", from, more);
	int status = ebb(line);

	free(line);
	return status;
}

static int go_on_from_id(const char *format, const char *id, const char *more)
{
	char *from = ebb_xprintf(format, id);
	int status = go_on(from, more);

	free(from);
	return status;
}

/* Does the trial's record of dst say that it began there? */
static void began_at(const char *seed, const char *id)
{
	char trial[EBB_ID_MAX], *line;

	id_of("dst", "grpo", seed, trial);
	line = ebb_xprintf("h5dump -a /options/pretrain/from dst/trials/%s.h5 >out", trial);
	cr_assert_eq(shell(line), 0);
	read_out();
	says(id);
	free(line);
}

Test(branch, an_arm_gives_every_seed_its_own_policy)
{
	char id[2][EBB_ID_MAX];

	run(SOURCE);
	id_of("src", "dapo", "100", id[0]);
	id_of("src", "dapo", "101", id[1]);
	cr_assert_eq(go_on("src/dapo@4", "seeds=2"), 0, "%s", output.data);
	says("2 done now");
	if (system("command -v h5dump >/dev/null 2>&1") == 0) {
		began_at("100", id[0]);
		began_at("101", id[1]);
	}
	run("verify dst");
	/* what it resolved to is what counts: the same trial under its other names */
	cr_assert_eq(go_on("src/dapo@4", "seeds=2"), 0);
	says("2 were finished, 0 done now");
	cr_assert_eq(go_on_from_id("src/%s@4", id[0], "seeds=1 --dry-run"), 2);
	says("does not contain"); /* seed 101 began at another policy */
	cr_assert_eq(shell("mv src moved"), 0);
	cr_assert_eq(go_on("moved/dapo@4", "seeds=2"), 0, "%s", output.data);
	says("2 were finished, 0 done now");
}

Test(branch, an_id_is_for_all_seeds_and_may_be_cut_short)
{
	char id[EBB_ID_MAX];

	run(SOURCE);
	id_of("src", "grpo", "101", id);
	cr_assert_eq(go_on_from_id("src/%s@3", id, "seeds=2"), 0, "%s", output.data);
	cr_assert_eq(go_on_from_id("src/%.7s@3", id, "seeds=2"), 0, "%s", output.data);
	says("2 were finished, 0 done now");
}

Test(branch, a_sweep_over_places_to_begin)
{
	run(SOURCE);
	run("run pretrain.from=src/grpo@2,src/grpo@4,src/dapo@4 seeds=2 " SHORT "--out dst");
	says("6 trials: 0 were finished, 6 done now");
	run("verify dst");
}

Test(branch, what_is_not_there_is_said_before_anything_runs)
{
	static const struct {
		const char *from, *part;
	} c[] = {
		{"src/gropo@2", "did you mean 'grpo'?"},
		{"src/grpo@7", "ends at step 6"},
		{"src/grpo@x", "not of the form RUN/TRIAL@STEP"},
		{"src/grpo@", "not of the form RUN/TRIAL@STEP"},
		{"src/@2", "not of the form RUN/TRIAL@STEP"},
		{"grpo@2", "names no run"},
		{"nowhere/grpo@2", "names no run"},
		{"src/0123456789abcdef@2", "not finished there"},
	};

	run(SOURCE);
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		cr_assert_eq(go_on(c[i].from, "seeds=2"), 2, "%s", c[i].from);
		says(c[i].part);
	}
	cr_assert_eq(go_on("src/grpo@2", "seeds=3"), 2);
	says("no trial of seed 102");
	cr_assert_eq(go_on("src/grpo@2", "seeds=2 model.qk_norm=true"), 2);
	says("pretrain.from: src/");
	says("its policy is of another shape");
	cr_assert_eq(ebb("run algorithm=dpo preference.data='src/grpo@2' seeds=1 " SHORT
			 "--out dst model.qk_norm=true"),
		     2);
	says("preference.data: src/");
	says("its policy is of another shape");
	cr_assert_neq(shell("test -e dst"), 0);
}

/* A trial at work lends the states that it kept; others are said to be missing. */
Test(branch, from_a_run_at_work)
{
	pid_t pid = start_long_run();
	char id[EBB_ID_MAX];

	id_of("live", "grpo", "100", id);
	cr_assert_eq(go_on("live/grpo@1", "seeds=1"), 2);
	says("no state of this step was kept");
	stop(pid, SIGKILL);
}

/* preference.data: several policies by label, blanks in one, told in the record by their ids. */
Test(branch, preferences_learn_from_other_trials)
{
	char id[2][EBB_ID_MAX];

	run("run algorithm=grpo alpha=0,0.01 seeds=1 " SHORT "--out src");
	id_of("src", "grpo alpha=0", "100", id[0]);
	id_of("src", "grpo alpha=0.01", "100", id[1]);
	run("run algorithm=ppl preference.data='src/grpo alpha=0@2 src/grpo alpha=0.01@4' "
	    "seeds=1 " SHORT "--out dst");
	if (system("command -v h5dump >/dev/null 2>&1") == 0) {
		char trial[EBB_ID_MAX], *line, *want;

		id_of("dst", "ppl", "100", trial);
		line = ebb_xprintf("h5dump -a /options/preference/data dst/trials/%s.h5 >out",
				   trial);
		want = ebb_xprintf("\"src/%s@2 src/%s@4\"", id[0], id[1]);
		cr_assert_eq(shell(line), 0);
		read_out();
		says(want);
		free(want);
		free(line);
	}
	run("verify dst");
	cr_assert_eq(ebb("run algorithm=ppl preference.data='src/grpo alpha=0@2 src/grpp@4' "
			 "seeds=1 " SHORT "--out dst"),
		     2);
	says("preference.data");
	says("no arm and no trial 'grpp'");
}
