/* The program from outside: what a user types, what comes back, and that bad input leaves nothing
 * behind. */
#include <signal.h>
#include <sys/stat.h>
#include "outside.h"

TestSuite(cli, .init = make_dir, .fini = remove_dir, .timeout = 240);

Test(cli, help_and_version)
{
	cr_assert_eq(ebb("--help"), 0);
	says("ebb run experiments/quickstart.yaml");
	cr_assert_eq(ebb(""), 2);
	cr_assert_eq(ebb("--version"), 0);
	cr_assert_eq(ebb("rnu"), 2);
	says("did you mean 'run'?");
	cr_assert_eq(ebb("run --help"), 0);
	says("--dry-run");
	cr_assert_eq(ebb("run"), 2);
	cr_assert_eq(ebb("run --frobnicate"), 2);
	cr_assert_eq(ebb("run a.yaml --jobs 0"), 2);
	cr_assert_eq(ebb("metrics kl_ref"), 0);
	says("exact KL to the reference");
	cr_assert_eq(ebb("metrics no_such_thing"), 2);
}

Test(cli, help_fits_a_hundred_columns)
{
	static const char *const name[] = {
#define EBB_COMMAND(name, arguments, about) #name,
#include "command/commands.def"
#undef EBB_COMMAND
	};

	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		char *line = ebb_xprintf("%s --help", name[i]);

		cr_assert_eq(ebb(line), 0, "%s", name[i]);
		no_line_wider_than(100);
		free(line);
	}
	cr_assert_eq(ebb("plot"), 2); /* the usage behind a mistake */
	no_line_wider_than(100);
	says("[--out DIR]");
}

/* A script that asked for data and got none must hear of it. */
Test(cli, output_that_cannot_be_written_is_a_failure)
{
	if (access("/dev/full", W_OK) != 0)
		cr_skip_test("no /dev/full here");
	cr_assert_eq(ebb("options >/dev/full"), 2);
	cr_assert_eq(ebb("metrics >/dev/full"), 2);
}

/* Daemons and job runners start their children so; the wait for workers must still end. */
Test(cli, an_inherited_sigchld_ignore_does_not_hang)
{
	char *line = ebb_xprintf("cd %s && sh -c \"trap '' CHLD; exec timeout 60 %s run "
				 "algorithm=grpo seeds=1 %s --out r\" >/dev/null 2>&1",
				 dir, getenv("EBB_EXE"), TINY);
	int status = system(line);

	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
	free(line);
}

Test(cli, bad_definitions_say_where_and_what_and_leave_nothing)
{
	static const struct {
		const char *text, *want[3];
	} bad[] = {
		{"name: x\nclip: {hihg: 0.3}\n", {"x.yaml:2:8: error", "clip.high", NULL}},
		{"name: x\nclip: {low: 1.5}\n", {"x.yaml:2:13: error", "[0,1]", NULL}},
		{"name: x\nseeds: 2\nseeds: 3\n", {"x.yaml:3:1: error", "twice", NULL}},
		{"name: x\ntrain: {lr: [1, 2]}\n", {"x.yaml:2:13: error", "sweep", NULL}},
		{"name: x\nalgorithm: grop\n", {"x.yaml:2:12: error", "grpo", NULL}},
		{"name: x\ntrain: {steps: many}\n", {"x.yaml:2:16: error", "many", NULL}},
		{"name: x\nfigures: [entropy, accurcy]\n",
		 {"x.yaml:2:20: error", "accuracy", NULL}},
		{"name: x\nsweep: {algorithm: [grpo, dapo\n", {"x.yaml:", "error", NULL}},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("x.yaml", bad[i].text);
		cr_assert_eq(ebb("run x.yaml"), 2, "%s\n%s", bad[i].text, output.data);
		for (int k = 0; bad[i].want[k]; k++)
			says(bad[i].want[k]);
		cr_assert(!there("data"), "something was written for\n%s", bad[i].text);
	}
	/* all errors of a file in one pass */
	put("x.yaml", "name: x\nclip: {hihg: 0.3}\ntrain: {steps: -4}\nalgoritm: grpo\n");
	cr_assert_eq(ebb("run x.yaml"), 2);
	says("x.yaml:2:");
	says("x.yaml:3:");
	says("x.yaml:4:");
	cr_assert_eq(ebb("run missing.yaml"), 2);
	says("missing.yaml");
	cr_assert_eq(ebb("run algorithm=grpo clip.hihg=1"), 2);
	says("clip.high");
	cr_assert(!there("data"));
}

Test(cli, unwritable_folder)
{
	char *line;

	put("file", "in the way");
	line = ebb_xprintf("run algorithm=grpo " TINY "--out %s/file/run", dir);
	cr_assert_eq(ebb(line), 2);
	says("not a folder");
	free(line);
	if (geteuid() == 0)
		cr_skip_test("root may write everywhere");
	cr_assert_eq(ebb("run algorithm=grpo " TINY "--out /proc/ebb"), 2);
}

Test(cli, dry_run_writes_nothing)
{
	cr_assert_eq(ebb("run algorithm=grpo,dapo seeds=2 " TINY "--dry-run"), 0);
	says("2 arms x 2 seeds = 4 trials, 4 to run");
	cr_assert(!there("data"));
}

/* Two user-defined algorithms that resolve to the same options: one trial, difference 0. */
Test(cli, equal_arms_run_once_and_differ_by_nothing)
{
	put("twins.yaml",
	    "name: twins\n"
	    "algorithms:\n"
	    "  one: {from: grpo, clip.high: 0.28}\n"
	    "  two: {from: dapo, loss.aggregate: seq-mean-token-mean, dynamic.on: off,\n"
	    "        overlong.mode: off, reward.scale: zero_one}\n"
	    "sweep: {algorithm: [one, two]}\nseeds: 2\n");
	cr_assert_eq(ebb("run twins.yaml " TINY), 0, "%s", output.data);
	says("2 trials: 0 were finished, 2 done now");
	cr_assert_eq(ebb("compare data/runs/twins --metric entropy --json"), 0, "%s", output.data);
	says("\"difference\":0");
}

Test(cli, a_run_continues_what_is_missing_and_refuses_strangers)
{
	cr_assert_eq(ebb("run algorithm=grpo seeds=1 " TINY "--out r"), 0, "%s", output.data);
	cr_assert_eq(ebb("run algorithm=grpo,dapo seeds=2 " TINY "--out r"), 0, "%s", output.data);
	says("4 trials: 1 was finished, 3 done now");
	cr_assert_eq(ebb("run algorithm=grpo,dapo seeds=2 " TINY "--out r"), 0);
	says("4 trials: 4 were finished, 0 done now");
	cr_assert_eq(ebb("run algorithm=dapo seeds=1 " TINY "--out r"), 2);
	says("--fresh");
	cr_assert_eq(ebb("run algorithm=dapo seeds=1 " TINY "--out r --dry-run"), 2);
	cr_assert_eq(ebb("run algorithm=grpo,dapo seeds=2 " TINY "--out r eval.cadence=1"), 2);
	says("eval.cadence=20");
	cr_assert_eq(ebb("run algorithm=grpo,dapo seeds=2 " TINY "--out r eval.chains=2"), 2);
	says("eval.chains=0");
	cr_assert_eq(
		ebb("run algorithm=grpo,dapo seeds=2 " TINY "--out r eval.temperatures='0.5 1'"),
		2);
	says("asks for '0.5 1'");
	cr_assert_eq(ebb("run algorithm=grpo " TINY "--out --dry-run"), 2);
	cr_assert_eq(ebb("run algorithm=grpo " TINY "--out="), 2);
	cr_assert(there("r/run.h5") && there("r/resolved.yaml") && there("r/log.jsonl"));
	cr_assert_eq(ebb("compare r --metric no_such"), 2);
	cr_assert_eq(ebb("compare r --metric entorpy"), 2);
	says("entropy");
	cr_assert_eq(ebb("fit r"), 0, "%s", output.data);
}

/* A flipped byte in a finished trial is noticed and the trial made again. */
Test(cli, a_damaged_trial_runs_again)
{
	char *line =
		ebb_xprintf("cd %s && f=$(ls r/trials/*.h5 | head -1) && "
			    "printf '\\377' | dd of=$f bs=1 seek=5000 conv=notrunc 2>/dev/null",
			    dir);

	cr_assert_eq(ebb("run algorithm=grpo seeds=2 " TINY "--out r"), 0, "%s", output.data);
	cr_assert_eq(system(line), 0);
	cr_assert_eq(ebb("run algorithm=grpo seeds=2 " TINY "--out r"), 0, "%s", output.data);
	says("damaged");
	says("2 trials: 1 was finished, 1 done now");
	free(line);
}

/* The bytes of a run do not depend on how many workers made it. */
Test(cli, jobs_change_no_byte)
{
	cr_assert_eq(ebb("run algorithm=grpo,gipo seeds=2 " TINY "--jobs 1 --out one"), 0);
	cr_assert_eq(ebb("run algorithm=grpo,gipo seeds=2 " TINY "--jobs 2 --out two"), 0);
	if (system("command -v h5diff >/dev/null 2>&1") != 0)
		cr_skip_test("no h5diff here");
	{
		char *line = ebb_xprintf(
			"cd %s && for f in one/trials/*.h5; do for d in /actor /reward /eval "
			"/position /snapshot /logits /clip_ratio; do "
			"h5diff -q $f two/trials/$(basename $f) $d || exit 1; done; done",
			dir);

		cr_assert_eq(system(line), 0);
		free(line);
	}
}

Test(cli, no_gnuplot_is_a_clear_error)
{
	cr_assert_eq(ebb("run algorithm=grpo seeds=1 " TINY "--out r"), 0, "%s", output.data);
	{
		char *line = ebb_xprintf("cd %s && PATH=/nowhere %s plot r entropy >out 2>&1", dir,
					 getenv("EBB_EXE"));
		int status = system(line);
		char *path = ebb_path_join(dir, "out"), *text;
		struct ebb_err err;
		size_t n;

		cr_assert_eq(WEXITSTATUS(status), 2);
		cr_assert_eq(ebb_file_read(path, 1 << 20, &text, &n, &err), 0);
		cr_assert(strstr(text, "gnuplot"), "%s", text);
		cr_assert(strstr(text, "install"), "%s", text);
		cr_assert(!there("r/figures/entropy.png"));
		free(text);
		free(path);
		free(line);
	}
}

/* Start a sweep that would take hours, in a process group of its own; returns its pid. */
static pid_t start_long_run(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		if (chdir(dir) < 0 || !freopen("/dev/null", "w", stderr) ||
		    !freopen("/dev/null", "w", stdout))
			_exit(9);
		execl(getenv("EBB_EXE"), "ebb", "run", "algorithm=grpo", "seeds=2", "--jobs", "2",
		      "train.steps=100000", "pretrain.steps=2", "pretrain.warmup=0",
		      "model.width=16", "model.heads=2", "model.ffn=32", "--out", "long", NULL);
		_exit(9);
	}
	for (int i = 0; i < 600 && !there("long/run.h5"); i++)
		usleep(50 * 1000);
	cr_assert(there("long/run.h5"));
	sleep(1); /* workers are at work */
	return pid;
}

static int ended(pid_t pid)
{
	int status;

	for (int i = 0; i < 600; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(50 * 1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	cr_assert_fail("still running after 30 s");
	return status;
}

Test(cli, an_interrupt_ends_the_run_between_steps)
{
	pid_t pid = start_long_run();
	int status;

	kill(pid, SIGINT);
	status = ended(pid);
	cr_assert(WIFEXITED(status), "ended by a signal");
	cr_assert_eq(WEXITSTATUS(status), 1);
	cr_assert_neq(kill(-pid, 0), 0, "a worker outlived the run");
}

Test(cli, workers_die_with_their_parent_and_leave_no_finished_file)
{
	pid_t pid = start_long_run();

	kill(pid, SIGKILL);
	ended(pid);
	for (int i = 0; i < 200 && kill(-pid, 0) == 0; i++)
		usleep(20 * 1000);
	cr_assert_neq(kill(-pid, 0), 0, "a worker outlived its parent");
	{
		char *line = ebb_xprintf("test -z \"$(find %s/long/trials -name '*.h5')\"", dir);

		cr_assert_eq(system(line), 0);
		free(line);
	}
	/* what is left is no obstacle */
	cr_assert_eq(ebb("run algorithm=grpo seeds=2 train.steps=100000 pretrain.steps=2 "
			 "pretrain.warmup=0 model.width=16 model.heads=2 model.ffn=32 --out long "
			 "--dry-run"),
		     0, "%s", output.data);
	says("2 to run");
}
