/* A run directory over its life: it grows, is refused, fails in parts and goes on. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include "outside.h"

TestSuite(growth, .init = make_dir, .fini = remove_dir, .timeout = 240);

/* TINY without what these tests vary. */
#define SMALL                                                                                      \
	"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.warmup=2 "              \
	"pretrain.batch=16 train.minibatches=2 eval.questions=8 eval.samples=2 "
#define RUN "run e.yaml --out r " TINY

static const char two_alphas[] =
	"name: e\nsweep: {algorithm: [grpo], alpha: [0, 0.01]}\nseeds: 2\n";

static char *path_of(const char *name)
{
	return ebb_path_join(dir, name);
}

/* Lines of the log with this event. */
static int events(const char *name)
{
	char *path = path_of("r/log.jsonl"), *text, *want = ebb_xprintf("\"event\":\"%s\"", name);
	struct ebb_err err;
	size_t n;
	int seen = 0;

	if (ebb_file_read(path, 1 << 20, &text, &n, &err) == 0) {
		for (char *at = text; (at = strstr(at, want)); at++)
			seen++;
		free(text);
	}
	free(want);
	free(path);
	return seen;
}

Test(growth, only_new_trials_run)
{
	put("e.yaml", two_alphas);
	cr_assert_eq(ebb(RUN), 0);
	cr_assert_eq(events("started"), 4);
	/* the same in other words: order, comments, labels, figures */
	put("e.yaml", "# a comment\nseeds: 2\nfigures: [entropy]\nabout: again\n"
		      "sweep: {alpha: [0.01, 0], algorithm: [grpo]}\nname: other\n");
	cr_assert_eq(ebb(RUN), 0);
	says("4 were finished, 0 done now");
	cr_assert_eq(events("started"), 4);
	/* two seeds and one value more: 3 x 4 trials, 8 of them new */
	put("e.yaml", "name: e\nsweep: {algorithm: [grpo], alpha: [0, 0.01, 0.1]}\nseeds: 4\n");
	cr_assert_eq(ebb(RUN), 0);
	says("12 trials: 4 were finished, 8 done now");
	cr_assert_eq(events("started"), 12);
}

Test(growth, a_changed_definition_is_refused_and_the_difference_shown)
{
	put("e.yaml", "name: e\nseeds: 1\n");
	cr_assert_eq(ebb(RUN), 0);
	cr_assert_eq(ebb(RUN "train.lr=0.001"), 2);
	says("which this definition does not contain");
	says("train.lr=0.001 here only");
	cr_assert_eq(ebb(RUN "train.lr=0.001 clip.low=0.1"), 2);
	says("clip.low=0.1");
	cr_assert_eq(events("started"), 1);
	cr_assert_eq(ebb("run e.yaml " TINY "train.lr=0.001 --fresh r"), 2);
	says("new or empty");
	cr_assert_eq(ebb("run e.yaml " TINY "train.lr=0.001 --fresh r2 --out r"), 2);
	cr_assert_eq(ebb("run e.yaml " TINY "train.lr=0.001 --fresh r2"), 0);
	cr_assert(there("r2/run.h5"));
}

#define FIVE "run e.yaml " SMALL "pretrain.steps=10 train.prompts=4 train.group=4 train.steps=5 "

Test(growth, more_steps_extend_a_finished_trial)
{
	put("e.yaml", "name: e\nseeds: 2\n");
	cr_assert_eq(ebb(RUN), 0);
	cr_assert_eq(ebb(FIVE "--out r"), 0);
	says("goes on from step 3");
	cr_assert_eq(events("resumed"), 2);
	/* and is what a run from the start would be */
	cr_assert_eq(ebb(FIVE "--out whole"), 0);
	cr_assert_eq(ebb("diff r whole"), 0);
	cr_assert_eq(ebb(FIVE "--out r"), 0);
	says("2 were finished, 0 done now");
}

/* A schedule stretched over the steps makes another trial of a longer one. */
Test(growth, a_stretched_schedule_is_not_extended)
{
	put("e.yaml", "name: e\nseeds: 1\nentropy: {control: anneal, coef: 0.1}\n");
	cr_assert_eq(ebb(RUN), 0, "%s", output.data);
	cr_assert_eq(ebb(FIVE "--out r"), 2);
	says("which this definition does not contain");
	put("e.yaml", "name: e\nseeds: 1\nentropy: {control: anneal, coef: 0.1, horizon: 9}\n");
	cr_assert_eq(ebb("run e.yaml --out r2 " TINY), 0, "%s", output.data);
	cr_assert_eq(ebb(FIVE "--out r2"), 0);
	says("goes on from step 3");
	cr_assert_eq(ebb("verify r2"), 0);
}

/* ---- two at once ---- */

Test(growth, two_runs_in_one_directory)
{
	char *path;
	int fd;

	put("e.yaml", "name: e\nseeds: 1\n");
	cr_assert_eq(ebb(RUN), 0);
	path = path_of("r/.lock");
	fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0, "a lock survived its owner");
	cr_assert_eq(ebb(RUN), 2);
	says("another ebb run works on 'r'");
	close(fd);
	cr_assert_eq(ebb(RUN), 0);
	free(path);
}

/* ---- failures ---- */

/* Start "ebb ARGUMENTS" without waiting. */
static pid_t start(const char *arguments)
{
	char *line =
		ebb_xprintf("cd %s && exec %s %s >out 2>&1", dir, getenv("EBB_EXE"), arguments);
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(127);
	}
	free(line);
	return pid;
}

/* A child of the process; 0: none yet. */
static pid_t child_of(pid_t pid)
{
	char *path = ebb_xprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "r");
	int child = 0;

	if (f) {
		if (fscanf(f, "%d", &child) != 1)
			child = 0;
		fclose(f);
	}
	free(path);
	return child;
}

static void nap(void)
{
	nanosleep(&(struct timespec){0, 5 * 1000 * 1000}, NULL);
}

#define PATIENCE 12000 /* naps: a minute, for machines that have other things to do */

static int status_of(pid_t pid)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define LONG                                                                                       \
	"run e.yaml --out r " SMALL "pretrain.steps=10 train.steps=100000 eval.cadence=0 "         \
	"run.checkpoint_s=0.05 --jobs 1 "

/* The file with the trial's state, as it is now; its inode is another one after every save. */
static ino_t saved_state(void)
{
	char *path = path_of("r/checkpoints");
	DIR *d = opendir(path);
	struct dirent *e;
	ino_t found = 0;

	while (d && (e = readdir(d)))
		if (strlen(e->d_name) == 19 && strstr(e->d_name, ".h5"))
			found = e->d_ino;
	if (d)
		closedir(d);
	free(path);
	return found;
}

/* Wait until a state is on disk that has a step behind it. */
static void wait_for_checkpoint(void)
{
	ino_t before;
	int i = 0;

	for (; i < PATIENCE; i++, nap())
		if (ebb("status r --json") == 0 && strstr(output.data, "\"state\":\"running\"") &&
		    !strstr(output.data, "\"step\":0,"))
			break;
	before = saved_state();
	for (; i < PATIENCE; i++, nap())
		if (saved_state() != before)
			return;
	cr_assert_fail("no checkpoint after a minute");
}

Test(growth, a_crashed_worker_fails_its_trial_and_the_next_run_goes_on)
{
	pid_t pid, worker;

	put("e.yaml", "name: e\nseeds: 1\n");
	pid = start(LONG "train.prompts=4");
	wait_for_checkpoint();
	worker = child_of(pid);
	cr_assert_gt(worker, 0);
	kill(worker, SIGKILL);
	cr_assert_eq(status_of(pid), 1);
	cr_assert_eq(ebb("status r --json"), 0);
	says("\"failed\"");
	says("signal 9");
	pid = start(LONG "train.prompts=4");
	for (int i = 0; i < PATIENCE && events("resumed") == 0; i++)
		nap();
	cr_expect_eq(events("resumed"), 1);
	kill(pid, SIGTERM);
	cr_assert_eq(status_of(pid), 1);
	cr_assert_eq(ebb("status r --json"), 0);
	says("\"stale\"");
	says("\"attempt\":2");
}

Test(growth, a_second_interrupt_leaves_at_once)
{
	struct timespec a, b;
	pid_t pid;

	put("e.yaml", "name: e\nseeds: 1\n");
	/* a step that takes long: many prompts */
	pid = start(LONG "train.prompts=2048 train.group=16");
	for (int i = 0; i < PATIENCE && events("started") == 0; i++)
		nap();
	kill(pid, SIGINT);
	nap();
	nap();
	kill(pid, SIGINT);
	clock_gettime(CLOCK_MONOTONIC, &a);
	cr_assert_eq(status_of(pid), 1);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_expect_lt(b.tv_sec - a.tv_sec, 20);
}

Test(growth, a_base_that_fails_fails_its_trials_once)
{
	pid_t pid, worker = 0;

	put("e.yaml", "name: e\nsweep: {algorithm: [grpo, dapo]}\nseeds: 1\n");
	pid = start("run e.yaml --out r " SMALL "pretrain.steps=1000000 train.steps=1");
	for (int i = 0; i < PATIENCE && !worker; i++, nap())
		worker = child_of(pid);
	kill(worker, SIGKILL);
	cr_assert_eq(status_of(pid), 1);
	cr_assert_eq(ebb("status r --json"), 0);
	says("\"failed\":2");
	says("its base policy could not be made");
	cr_assert_eq(events("started"), 0);
}

Test(growth, read_only_directory)
{
	if (geteuid() == 0)
		cr_skip_test("root may write everywhere");
	put("e.yaml", "name: e\nseeds: 1\n");
	cr_assert_eq(ebb(RUN), 0);
	{
		char *path = path_of("r");

		chmod(path, 0500);
		cr_expect_eq(ebb(RUN "seeds=2"), 2);
		says("cannot write");
		chmod(path, 0700);
		free(path);
	}
}

Test(growth, too_little_memory_fails_one_trial_with_the_remedy)
{
	char *line;

	put("e.yaml", "name: e\nseeds: 1\nsweep: {train.prompts: [4, 65536]}\n");
	line = ebb_xprintf("cd %s && ulimit -v 300000 && exec %s run e.yaml --out r " SMALL
			   "pretrain.steps=10 train.group=64 train.steps=2 >out 2>&1",
			   dir, getenv("EBB_EXE"));
	if (getenv("ASAN_OPTIONS"))
		cr_skip_test("the sanitizer needs all of the address space");
	cr_assert_eq(WEXITSTATUS(system(line)), 1);
	free(line);
	cr_assert_eq(ebb("status r --json"), 0);
	says("\"done\"");
	says("\"failed\"");
	cr_assert(strstr(output.data, "allocate") || strstr(output.data, "memory"), "%s",
		  output.data);
}

/* Bytes that changed under us: said, and made again. */
Test(growth, damaged_files_are_made_again)
{
	put("e.yaml", "name: e\nseeds: 2\n");
	cr_assert_eq(ebb(RUN), 0);
	cr_assert_eq(ebb("run e.yaml --out whole " TINY), 0);
	cr_assert_eq(shell("for f in data/base/*.h5 r/trials/*.h5; do "
			   "printf x | dd of=$f bs=1 seek=3000 conv=notrunc 2>&1; done"),
		     0);
	cr_assert_eq(ebb(RUN), 0);
	says("the base policy is made again");
	says("the trial is made again");
	says("0 were finished, 2 done now");
	cr_assert_eq(ebb("diff r whole"), 0);
	/* cut short instead */
	cr_assert_eq(
		shell("for f in r/trials/*.h5 r/run.h5 r/log.jsonl; do truncate -s 1000 $f; done"),
		0);
	cr_assert_eq(ebb("status r"), 2);
	says("run.h5");
	cr_assert_eq(ebb(RUN), 0);
	cr_assert_eq(ebb("diff r whole"), 0);
}

/* Another program that writes a record now: nobody can tell whether it is sound, so nobody deletes it. */
Test(growth, a_record_that_is_open_elsewhere_is_left_alone)
{
	put("e.yaml", "name: e\nseeds: 1\n");
	cr_assert_eq(ebb(RUN), 0);
	/* a writer drops the seal, and holds the lock that HDF5 takes */
	cr_assert_eq(shell("f=$(echo r/trials/*.h5); truncate -s -25 $f; "
			   "flock $f sh -c \"$E " RUN "\" 2>&1"),
		     2, "%s", output.data);
	says("another program has");
	cr_assert_eq(ebb(RUN), 0);
	says("1 was finished, 0 done now");
}

/* The log's last line, cut by a kill, does not swallow the next event. */
Test(growth, a_torn_line_of_the_log_stays_alone)
{
	put("e.yaml", "name: e\nseeds: 1\n");
	cr_assert_eq(ebb(RUN), 0);
	cr_assert_eq(shell("printf '{\"time\":\"20' >>r/log.jsonl"), 0);
	cr_assert_eq(ebb(RUN "seeds=2"), 0);
	cr_assert_eq(shell("grep -c '^{\"time\":\"[^\"]*\",\"event\"' r/log.jsonl"), 0);
	cr_assert_str_eq(output.data, "4\n");
}

/* The end of a terminal: like the first Ctrl-C, and nothing at all under nohup. */
Test(growth, a_hangup_saves_and_nohup_ignores_it)
{
	pid_t pid;

	signal(SIGHUP, SIG_DFL); /* the tests themselves may run under nohup */
	put("e.yaml", "name: e\nseeds: 1\n");
	pid = start(LONG);
	for (int i = 0; i < PATIENCE && events("started") == 0; i++)
		nap();
	nap();
	kill(pid, SIGHUP);
	cr_assert_eq(status_of(pid), 1);
	cr_assert_eq(events("interrupted"), 1);
	signal(SIGHUP, SIG_IGN);
	pid = start(LONG);
	signal(SIGHUP, SIG_DFL);
	for (int i = 0; i < PATIENCE && events("started") < 2; i++)
		nap();
	kill(pid, SIGHUP);
	for (int i = 0; i < 10; i++)
		nap();
	cr_assert_eq(kill(pid, 0), 0, "it ended");
	cr_assert_eq(events("interrupted"), 1);
	kill(pid, SIGTERM);
	cr_assert_eq(status_of(pid), 1);
}

/* A file from the future, as after a clock that was set back, and one from long ago. */
Test(growth, clocks_decide_nothing)
{
	put("e.yaml", "name: e\nseeds: 2\n");
	cr_assert_eq(ebb(RUN), 0);
	{
		char *line = ebb_xprintf("cd %s/r && find . -type f -exec touch -d 2060-01-01 {} +",
					 dir);

		cr_assert_eq(system(line), 0);
		free(line);
	}
	cr_assert_eq(ebb(RUN "seeds=3"), 0);
	says("3 trials: 2 were finished, 1 done now");
	cr_assert_eq(ebb("status r"), 0);
	says("done");
}
