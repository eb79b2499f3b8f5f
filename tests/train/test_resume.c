/* A trial that is killed, interrupted, extended or branched from: the same bytes as one that was left
 * in peace. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "record/differ.h"
#include "train/bench.h"

#define KILLS_MAX 400 /* of one trial, before the test gives up */

static char dir[] = "/tmp/ebb-resume-XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	ebb_record_setup();
}

static void remove_dir(void)
{
	char *line = ebb_xprintf("rm -rf %s", dir);

	cr_expect_eq(system(line), 0);
	free(line);
}

TestSuite(resume, .init = make_dir, .fini = remove_dir, .timeout = 240);

static struct ebb_options options_of(const char *settings)
{
	static const char tiny[] =
		"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=12 "
		"pretrain.batch=16 pretrain.warmup=2 train.steps=4 train.prompts=4 train.group=4 "
		"train.minibatches=2 eval.questions=8 eval.samples=2 eval.cadence=2 "
		"record.snapshot=2 run.checkpoint_s=0 probe.states=64 probe.cadence=1 reward.source=random"; /* a gradient at once */
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;

	ebb_options_init(&o, ebb_task_catalog());
	o.seed = 100;
	cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), tiny, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), settings, &err), 0, "%s", err.text);
	return o;
}

static char *base_dir(void)
{
	return ebb_path_join(dir, "base");
}

static char *run_dir(const char *name)
{
	return ebb_path_join(dir, name);
}

/* Run into dir/name from the latest state; the code of ebb_solo_run. */
static int run_into(const struct ebb_options *o, const char *name, struct ebb_solo *solo)
{
	char *to = run_dir(name), *base = base_dir();
	enum ebb_status status;
	struct ebb_err err = EBB_ERR_INIT;
	int rc;

	solo->options = o;
	solo->run_dir = to;
	solo->base_dir = base;
	solo->label = "arm";
	solo->attempt = 1;
	rc = ebb_solo_run(solo, &status, &err);
	cr_assert(rc == 0 || rc == EBB_ESTOP, "%s", err.text);
	free(to);
	free(base);
	return rc;
}

static void run_fully(const struct ebb_options *o, const char *name)
{
	struct ebb_solo solo = {0};

	cr_assert_eq(run_into(o, name, &solo), 0);
}

static char *record_of(const struct ebb_options *o, const char *name)
{
	char id[EBB_ID_MAX];

	ebb_options_id(o, ebb_task_catalog(), id);
	return ebb_xprintf("%s/%s/trials/%s.h5", dir, name, id);
}

static void same_record(const struct ebb_options *a, const char *run_a, const struct ebb_options *b,
			const char *run_b, const char *what)
{
	char *path_a = record_of(a, run_a), *path_b = record_of(b, run_b);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_difference d;

	cr_assert_eq(ebb_differ(path_a, path_b, &d, &err), 0, "%s: %s", what, err.text);
	cr_assert_gt(d.compared, 60, "%s: %lld datasets", what, (long long)d.compared);
	cr_expect_eq(d.differing + d.only_a + d.only_b, 0,
		     "%s: %lld differ, first %s at step %lld: %s", what, (long long)d.differing,
		     d.first, (long long)d.first_step, d.values);
	free(path_a);
	free(path_b);
}

/* ---- kill -9 ---- */

static unsigned next(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Start the trial in a child, kill it after some time, again and again until one gets through. */
static int kill_until_done(const struct ebb_options *o, const char *name, unsigned seed,
			   double longest_s)
{
	int kills = 0, status;

	for (; kills < KILLS_MAX; kills++) {
		double s = longest_s * (next(&seed) % 1000) / 1000.0;
		struct timespec wait = {0, (long)(s * 1e9)};
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (pid == 0) {
			struct ebb_solo solo = {.from_step = -1};

			run_into(o, name, &solo);
			_exit(0);
		}
		nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status))
			return kills;
		longest_s *= 1.02; /* it must end */
	}
	cr_assert_fail("%s: not done after %d kills", name, kills);
	return kills;
}

static void survives_kills(const char *settings, unsigned seed)
{
	struct ebb_options o = options_of(settings);
	struct timespec a, b;
	double seconds;
	int kills;

	clock_gettime(CLOCK_MONOTONIC, &a);
	run_fully(&o, "whole");
	clock_gettime(CLOCK_MONOTONIC, &b);
	seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
	kills = kill_until_done(&o, "killed", seed, 0.4 * seconds + 0.02);
	cr_log_info("%s: %d kills", settings, kills);
	same_record(&o, "whole", &o, "killed", settings);
}

/* Every stage of the machine and every kind of slow state, each a trial of its own. */
#define KILLED(name, settings)                                                                     \
	Test(resume, killed_##name)                                                                \
	{                                                                                          \
		survives_kills(settings, (unsigned)__LINE__);                                      \
	}

KILLED(plain, "train.epochs=2")
KILLED(stale, "sample.mismatch=stale sample.stale=2 tis.kind=token-trunc")
KILLED(carry, "dynamic.on=correct dynamic.surplus=carry dynamic.max_rounds=3")
KILLED(reference, "kl.place=loss kl.estimator=full ref.every=2 ref.mix=0.5")
KILLED(adaptive, "kl.place=reward kl.estimator=k1 kl.controller=adaptive kl.horizon=10")
KILLED(baselines, "advantage.center=static advantage.reference_samples=2")
KILLED(critic_shared, "critic.model=shared advantage.center=critic advantage.scale=whiten "
		      "critic.bootstrap=value train.epochs=2")
KILLED(critic_separate, "critic.model=separate advantage.center=critic advantage.scale=whiten "
			"kl.place=reward kl.estimator=k1 train.epochs=2")
KILLED(group_sampling, "advantage.center=static advantage.reference_samples=2 advantage.refresh=2 "
		       "advantage.acc0=inject reward.source=verifier dynamic.on=correct "
		       "dynamic.surplus=carry dynamic.max_rounds=2 task.preset=trap")
KILLED(entropy_control, "entropy.control=bang_bang entropy.target=2 entropy.delta=0.01")
KILLED(clip_cov, "loss.policy=clip_cov covariance.fraction=0.05 covariance.low=-10 covariance.high=10 train.epochs=2")
KILLED(kl_cov, "loss.policy=kl_cov covariance.fraction=0.05 dynamic.on=correct dynamic.surplus=carry")
KILLED(cov_pool, "loss.policy=kl_cov covariance.fraction=0.05 covariance.scope=rollout_batch covariance.kind=response_z covariance.response_source=logit train.epochs=2")
KILLED(cov_full, "loss.policy=kl_cov covariance.fraction=0.2 covariance.penalty=full train.epochs=2")
KILLED(entropy_score, "entropy.coef=0.05 entropy.grad=direct_plus_score gamma.kind=linear token.mask=top_entropy token.fraction=0.5 eval.cadence=1")
KILLED(exploded, "train.steps=30 entropy.coef=5 train.lr=0.02 entropy.guard=stop loss.policy=cispo eval.cadence=10")
KILLED(preference, "loss.policy=preference preference.method=dpo train.epochs=2 task.noise=0.1")
KILLED(preference_copy, "loss.policy=preference preference.method=ppl preference.refresh=2 "
			"preference.pairing=all train.steps=5")
KILLED(information, "info.coef=0.1 info.norm=gain_mean entropy.coef=0.01 gamma.kind=linear")
KILLED(tree, "tree.sampler=ib tree.b0=2 tree.rounds=4 advantage.center=tree kl.place=loss ib.probe=4")
KILLED(tree_carry, "tree.sampler=random tree.b0=2 tree.rounds=3 tree.width=2 ib.shared=once dynamic.on=correct dynamic.surplus=carry")
KILLED(clusters,
       "reward.source=cluster dynamic.on=shaped dynamic.surplus=carry dynamic.max_rounds=3")
KILLED(one_shot, "loss.policy=none entropy.form=minimise entropy.coef=1 em.temperature=0.5 "
		 "em.select=pass_variance em.prompts=2 em.candidates=6 em.samples=3")
KILLED(answers, "info.coef=0.1 info.grad=both info.condition=r_only em.prompts=1 eval.chains=4 "
		"eval.temperatures=0.5")
KILLED(sequence, "ratio.level=sequence clip.low=3e-4 clip.high=4e-4 task.preset=rare99")

/* Policies of another trial draw; they are no part of the state and are read back. */
Test(resume, killed_with_data_of_another_trial)
{
	struct ebb_options source = options_of("record.last=false");
	char id[EBB_ID_MAX], *settings;

	run_fully(&source, "source");
	ebb_options_id(&source, ebb_task_catalog(), id);
	settings = ebb_xprintf(
		"loss.policy=preference preference.method=ppl preference.data=%s/source/%s@3", dir,
		id);
	survives_kills(settings, (unsigned)__LINE__);
	free(settings);
}

Test(resume, killed_while_pretraining)
{
	struct ebb_options o = options_of("pretrain.steps=200 train.steps=1");

	run_fully(&o, "whole");
	{ /* the base is made again, by processes that are killed */
		char *base = base_dir(), *aside = ebb_xprintf("%s-whole", base);

		cr_assert_eq(rename(base, aside), 0);
		free(base);
		free(aside);
	}
	cr_assert_gt(kill_until_done(&o, "killed", 7, 0.1), 3);
	same_record(&o, "whole", &o, "killed", "pretraining");
}

/* ---- interrupted ---- */

Test(resume, interrupted_and_continued)
{
	struct ebb_options o = options_of("run.checkpoint_s=1000");
	int stops = 0;

	run_fully(&o, "whole");
	for (;;) {
		struct ebb_solo solo = {.from_step = -1};
		int rc;

		ebb_stop_requested = 1; /* as Ctrl-C: every call ends after at most a step */
		rc = run_into(&o, "stopped", &solo);
		if (stops == 0)
			cr_assert_eq(solo.resumed_at, -1);
		if (rc == 0)
			break;
		cr_assert_eq(rc, EBB_ESTOP);
		cr_assert_lt(++stops, 20);
	}
	ebb_stop_requested = 0;
	same_record(&o, "whole", &o, "stopped", "interrupted");
}

/* ---- longer, and branched ---- */

Test(resume, extended)
{
	struct ebb_options shorter = options_of("train.steps=3"),
			   longer = options_of("train.steps=6");
	struct ebb_solo solo = {.from_step = 3};
	char id[EBB_ID_MAX];

	run_fully(&longer, "whole");
	run_fully(&shorter, "grown");
	ebb_options_id(&shorter, ebb_task_catalog(), id);
	solo.from_trial = id;
	cr_assert_eq(run_into(&longer, "grown", &solo), 0);
	cr_assert_eq(solo.resumed_at, 3, "began at %lld", (long long)solo.resumed_at);
	same_record(&longer, "whole", &longer, "grown", "extended");
}

Test(resume, kept_states)
{
	struct ebb_options o = options_of("train.steps=6 record.states=2 run.checkpoint_s=1000");
	struct ebb_solo solo = {.from_step = 4};
	char *from = run_dir("whole"), *to = run_dir("again");

	run_fully(&o, "whole");
	solo.from_dir = from;
	cr_assert_eq(run_into(&o, "again", &solo), 0);
	cr_assert_eq(solo.resumed_at, 4);
	same_record(&o, "whole", &o, "again", "from a kept state");
	free(from);
	free(to);
}

Test(resume, branch)
{
	struct ebb_options o = options_of("train.steps=4 record.states=2"), b = options_of("");
	char id[EBB_ID_MAX], *whole = run_dir("whole"), *base = base_dir();
	struct ebb_weights w[3] = {{0}};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_branch branch;
	struct ebb_lab lab;

	run_fully(&o, "whole");
	ebb_options_id(&o, ebb_task_catalog(), id);
	snprintf(b.pretrain.from, sizeof b.pretrain.from, "%s/%s@3", whole, id);
	cr_assert(ebb_branch_parse(b.pretrain.from, &branch), "%s", b.pretrain.from);
	cr_assert_str_eq(branch.dir, whole);
	cr_assert_str_eq(branch.id, id);
	cr_assert_eq(branch.step, 3);
	cr_assert_eq(ebb_branch_check(&branch, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_lab_open(&lab, &o, &err), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ebb_weights_init(&w[i], &lab.layout, lab.ops, &err), 0);
	/* from the state kept at step 2, then without any state */
	cr_assert_eq(ebb_branch_weights(&branch, base, &w[0], NULL, &err), 0, "%s", err.text);
	{
		char *states = ebb_path_join(whole, "checkpoints"),
		     *line = ebb_xprintf("rm -r %s", states);

		cr_assert_eq(system(line), 0);
		free(line);
		free(states);
	}
	cr_assert_eq(ebb_branch_weights(&branch, base, &w[1], NULL, &err), 0, "%s", err.text);
	cr_expect_arr_eq(w[0].flat, w[1].flat, lab.layout.n_floats * sizeof(float));
	branch.step = 4;
	cr_assert_eq(ebb_branch_weights(&branch, base, &w[2], NULL, &err), 0, "%s", err.text);
	cr_expect_neq(memcmp(w[0].flat, w[2].flat, lab.layout.n_floats * sizeof(float)), 0);
	branch.step = 5;
	cr_expect_lt(ebb_branch_check(&branch, NULL, &err), 0);
	/* and as the base of a trial */
	run_fully(&b, "branched");
	for (int i = 0; i < 3; i++)
		ebb_weights_release(&w[i]);
	ebb_lab_close(&lab);
	free(whole);
	free(base);
}

/* Weights of a branch as a trial of these options would begin with; the caller frees them. */
static float *branch_of(const struct ebb_options *o, const char *from, struct ebb_err *err)
{
	struct ebb_weights w = {0};
	struct ebb_branch branch;
	struct ebb_lab lab;
	char *base = base_dir();
	float *flat = NULL;

	cr_assert(ebb_branch_parse(from, &branch), "%s", from);
	cr_assert_eq(ebb_lab_open(&lab, o, err), 0);
	cr_assert_eq(ebb_weights_init(&w, &lab.layout, lab.ops, err), 0);
	if (ebb_branch_check(&branch, NULL, err) == 0 &&
	    ebb_branch_weights(&branch, base, &w, NULL, err) == 0) {
		flat = ebb_xcalloc(lab.layout.n_floats, sizeof *flat);
		memcpy(flat, w.flat, lab.layout.n_floats * sizeof *flat);
	}
	ebb_weights_release(&w);
	ebb_lab_close(&lab);
	free(base);
	return flat;
}

/* At a kept state, from the trial's end and from its middle: the weights of the trial in one go. */
Test(resume, branch_at_kept_state)
{
	struct ebb_options kept = options_of("record.states=2 record.last=true"),
			   bare = options_of("record.last=false");
	struct ebb_err err = EBB_ERR_INIT;
	char id[EBB_ID_MAX];

	run_fully(&kept, "kept");
	run_fully(&bare, "bare");
	ebb_options_id(&kept, ebb_task_catalog(), id);
	for (int step = 2; step <= 4; step += 2) {
		char *a = ebb_xprintf("%s/kept/%s@%d", dir, id, step),
		     *b = ebb_xprintf("%s/bare/%s@%d", dir, id, step);
		float *x = branch_of(&kept, a, &err), *y;

		cr_assert_not_null(x, "%s", err.text);
		y = branch_of(&bare, b, &err);
		cr_assert_not_null(y, "%s", err.text);
		cr_expect_eq(memcmp(x, y, sizeof *x * 1000), 0, "step %d", step);
		free(x);
		free(y);
		free(a);
		free(b);
	}
}

/* Stop a trial after it has kept the state of step 2. */
static void stop_after_two(const struct ebb_options *o, const char *name)
{
	ebb_stop_requested = 1;
	for (int i = 0; i < 3; i++) {
		struct ebb_solo part = {.from_step = -1};

		cr_assert_eq(run_into(o, name, &part), EBB_ESTOP);
	}
	ebb_stop_requested = 0;
}

Test(resume, branch_from_unfinished)
{
	struct ebb_options o = options_of("record.states=2"), wide = options_of("model.width=32");
	struct ebb_err err = EBB_ERR_INIT;
	char id[EBB_ID_MAX], *from, *later;
	float *x, *y;

	run_fully(&o, "whole");
	stop_after_two(&o, "part");
	ebb_options_id(&o, ebb_task_catalog(), id);
	from = ebb_xprintf("%s/part/%s@2", dir, id);
	later = ebb_xprintf("%s/part/%s@3", dir, id);
	x = branch_of(&o, from, &err);
	cr_assert_not_null(x, "%s", err.text);
	cr_expect_null(branch_of(&o, later, &err));
	cr_expect_not_null(strstr(err.text, "not finished there"), "%s", err.text);
	cr_expect_not_null(strstr(err.text, "of step 2"), "%s", err.text);
	err = (struct ebb_err)EBB_ERR_INIT;
	cr_expect_null(branch_of(&wide, from, &err));
	cr_expect_not_null(strstr(err.text, "another shape"), "%s", err.text);
	free(from);
	from = ebb_xprintf("%s/whole/%s@2", dir, id);
	y = branch_of(&o, from, &err);
	cr_assert_not_null(y, "%s", err.text);
	cr_expect_eq(memcmp(x, y, sizeof *x * 1000), 0);
	free(x);
	free(y);
	free(from);
	free(later);
}

/* A trial that itself began from another one: what it began from is found by its record. */
Test(resume, branch_of_branch)
{
	struct ebb_options first = options_of("record.last=false"), second, third;
	struct ebb_err err = EBB_ERR_INIT;
	char id[EBB_ID_MAX], *base = base_dir(), *line = ebb_xprintf("rm -r %s", base);
	float *x;

	run_fully(&first, "first");
	second = third = first;
	ebb_options_id(&first, ebb_task_catalog(), id);
	snprintf(second.pretrain.from, EBB_STR_MAX, "%s/first/%s@2", dir, id);
	run_fully(&second, "second");
	ebb_options_id(&second, ebb_task_catalog(), id);
	snprintf(third.pretrain.from, EBB_STR_MAX, "%s/second/%s@1", dir, id);
	cr_assert_eq(system(line), 0); /* the whole chain again, without cached bases */
	x = branch_of(&third, third.pretrain.from, &err);
	cr_expect_not_null(x, "%s", err.text);
	free(x);
	free(line);
	free(base);
}

/* Keeping states apart must not put off the one that a kill needs. */
Test(resume, kept_states_do_not_stand_in_for_the_latest)
{
	struct ebb_options o = options_of("train.steps=20000 record.states=1 run.checkpoint_s=0.3");
	char id[EBB_ID_MAX], *latest, *to = run_dir("kept");
	pid_t pid = fork();
	int status;

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct ebb_solo solo = {.from_step = -1};

		run_into(&o, "kept", &solo);
		_exit(0);
	}
	ebb_options_id(&o, ebb_task_catalog(), id);
	latest = ebb_state_path(to, id, -1);
	for (int i = 0; i < 1000 && !ebb_file_exists(latest); i++)
		nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
	cr_expect(ebb_file_exists(latest), "no checkpoint in 10 s");
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	free(latest);
	free(to);
}

/* ---- what cannot be taken up ---- */

static void damage(const char *path, long at)
{
	FILE *f = fopen(path, "r+b");
	int c;

	cr_assert_not_null(f, "%s", path);
	cr_assert_eq(fseek(f, at, SEEK_SET), 0);
	c = fgetc(f);
	cr_assert_eq(fseek(f, at, SEEK_SET), 0);
	fputc(c ^ 0x40, f);
	fclose(f);
}

static void begins_again(const char *suffix, long at)
{
	struct ebb_options o = options_of("");
	struct ebb_solo solo = {.from_step = -1};
	char id[EBB_ID_MAX], *path;

	run_fully(&o, "whole");
	ebb_stop_requested = 1;
	for (int i = 0; i < 3; i++) {
		struct ebb_solo part = {.from_step = -1};

		cr_assert_eq(run_into(&o, "hurt", &part), EBB_ESTOP);
	}
	ebb_stop_requested = 0;
	ebb_options_id(&o, ebb_task_catalog(), id);
	path = ebb_xprintf("%s/hurt/checkpoints/%s%s", dir, id, suffix);
	damage(path, at);
	cr_assert_eq(run_into(&o, "hurt", &solo), 0);
	cr_expect_eq(solo.resumed_at, -1);
	cr_expect_not_null(strstr(solo.note, "begins again"), "%s", solo.note);
	same_record(&o, "whole", &o, "hurt", suffix);
	free(path);
}

Test(resume, damaged_state)
{
	begins_again(".h5", 5000);
}
Test(resume, damaged_journal)
{
	begins_again(".rows", 700);
}
