/*
 * The commands that look at a run, from outside: status, watch, diff, verify. Some while another
 * process writes it, some on records that somebody has changed. EBB_EXE names the program.
 */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include "command/runs.h"
#include "record/scope.h"
#include "record/standing.h"

TestSuite(runs, .init = make_dir, .fini = remove_dir, .timeout = 240);

/* Add a little to one number of a finished trial. Like every program that writes into a file, this
 * drops its seal. */
static void tamper(const char *run_dir, const char *id, const char *dataset, int row)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_xprintf("%s/%s/trials/%s.h5", dir, run_dir, id);
	hsize_t start = (hsize_t)row, one = 1;
	hid_t file, dset, space, memory;
	double value;

	ebb_record_setup();
	file = ebb_h5_keep(&h5, H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT));
	dset = ebb_h5_keep(&h5, H5Dopen2(file, dataset, H5P_DEFAULT));
	space = ebb_h5_keep(&h5, H5Dget_space(dset));
	memory = ebb_h5_keep(&h5, H5Screate_simple(1, &one, NULL));
	cr_assert(file >= 0 && dset >= 0 && space >= 0 && memory >= 0);
	cr_assert(H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &one, NULL) >= 0);
	cr_assert(H5Dread(dset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &value) >= 0);
	value += 0.25;
	cr_assert(H5Dwrite(dset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &value) >= 0);
	ebb_h5scope_close(&h5);
	free(path);
}

/* Take a dataset out of a record, as if another build had not written it. */
static void drop(const char *run_dir, const char *id, const char *dataset)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_xprintf("%s/%s/trials/%s.h5", dir, run_dir, id);
	hid_t file;

	ebb_record_setup();
	file = ebb_h5_keep(&h5, H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT));
	cr_assert(file >= 0 && H5Ldelete(file, dataset, H5P_DEFAULT) >= 0);
	ebb_h5scope_close(&h5);
	free(path);
}

/* ---- usage ---- */

Test(runs, usage_and_bad_input)
{
	static const struct {
		const char *arguments, *want;
	} bad[] = {
		{"status", "name the run directory"},
		{"status nowhere", "no run directory 'nowhere'"},
		{"status . --jsn", "unknown option '--jsn'"},
		{"status a b", "'b' is too much"},
		{"status .", "holds no run"},
		{"watch", "name the run directory"},
		{"watch nowhere", "no run directory 'nowhere'"},
		{"watch r --interval", "--interval needs a value"},
		{"watch r --interval 0", "from 0.1 to 3600"},
		{"watch r --interval soon", "from 0.1 to 3600"},
		{"diff", "name two runs"},
		{"diff a", "name two runs"},
		{"diff a b c", "'c' is too much"},
		{"diff nowhere nowhere", "no run directory 'nowhere'"},
		{"verify", "name the run directory"},
		{"verify nowhere", "no run directory 'nowhere'"},
		{"verify r --jobs 0", "from 1 to 4096"},
		{"verify r --from x", "from 0 to"},
		{"verify r --from", "--from needs a value"},
		{"pack", "name the run directory"},
		{"pack nowhere", "no run directory 'nowhere'"},
		{"pack r --out", "--out needs a value"},
		{"pack r --undo --out x", "without --out"},
	};
	static const char *const help[] = {"status", "watch", "diff", "verify", "pack"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_assert_eq(ebb(bad[i].arguments), 2, "%s\n%s", bad[i].arguments, output.data);
		says(bad[i].want);
	}
	for (size_t i = 0; i < sizeof help / sizeof *help; i++) {
		char *line = ebb_xprintf("%s --help", help[i]);

		cr_assert_eq(ebb(line), 0);
		says("exit status");
		says("usage: ebb ");
		free(line);
	}
}

/* ---- status ---- */

Test(runs, status_of_a_finished_run)
{
	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out r");
	run("status r");
	says("4 trials: 4 done; no ebb run is at work here");
	says("grpo   101  done    6/6         1");
	says_not("\033");
	run("status r/run.h5 --json");
	says("\"working\":false");
	says("\"counts\":{\"queued\":0,\"running\":0,\"done\":4");
	says("\"arm\":\"dapo\",\"seed\":101,\"state\":\"done\",\"step\":6,\"steps\":6,\"attempt\":"
	     "1");
	says("\"cause\":null");
}

/* Two names for the same options: one trial, one line. */
Test(runs, a_trial_that_two_arms_share_counts_once)
{
	cr_assert_eq(shell("printf 'name: twins\\nalgorithms:\\n  one: {from: grpo}\\n"
			   "  two: {from: grpo}\\nsweep: {algorithm: [one, two]}\\nseeds: 2\\n' "
			   ">twins.yaml"),
		     0);
	run("run twins.yaml " SHORT "--out r");
	run("status r");
	says("2 trials: 2 done");
	run("diff r r");
	says("trials: 2 in both");
}

Test(runs, a_damaged_index_is_said_to_be_so)
{
	run("run algorithm=grpo seeds=1 " SHORT "--out r");
	cr_assert_eq(shell("printf '\\377' | dd of=r/run.h5 bs=1 seek=3000 conv=notrunc "
			   "2>/dev/null"),
		     0);
	cr_assert_eq(ebb("status r"), 2);
	says("r/run.h5");
	says("damaged");
	cr_assert_eq(ebb("watch r"), 2);
	says("damaged");
	cr_assert_eq(shell("truncate -s 100 r/run.h5"), 0);
	cr_assert_eq(ebb("status r"), 2);
	cr_assert_eq(ebb("verify r"), 2);
	says("r/run.h5");
}

Test(runs, failed_and_queued_trials_have_their_states)
{
	char id[EBB_ID_MAX], other[EBB_ID_MAX], *line, *run_dir = ebb_path_join(dir, "r");
	struct ebb_err err;

	run("run algorithm=grpo seeds=3 " SHORT "--out r");
	id_of("r", "grpo", "100", id);
	id_of("r", "grpo", "102", other);
	line = ebb_xprintf("rm r/trials/%s.h5 r/trials/%s.h5 r/checkpoints/%s* r/checkpoints/%s*",
			   id, other, id, other);
	shell(line);
	cr_assert_eq(ebb_standing_fail(run_dir, id, 2, "no room left for the file", &err), 0);
	run("status r");
	says("3 trials: 1 done, 1 failed, 1 queued");
	says("the same ebb run command continues");
	says("no room left for the file");
	run("status r --json");
	says("\"state\":\"failed\"");
	says("\"cause\":\"no room left for the file\"");
	says("\"state\":\"queued\",\"step\":null,\"steps\":null,\"attempt\":0,\"resume\":null,"
	     "\"reward\":null,\"entropy\":null,\"age_s\":null");
	free(line);
	free(run_dir);
}

/* What others see of a run at work, and of one that was killed. */
Test(runs, a_run_at_work_and_what_a_kill_leaves)
{
	pid_t pid = start_long_run();

	run("status live");
	says("4 trials: 2 running, 2 queued; an ebb run is at work here");
	run("status live --json");
	says("\"working\":true");
	run("watch live --once");
	says("an ebb run is at work");
	says("tokens/s");
	says("left");
	says("actor/entropy (nats)");
	says("a grpo   b dapo");
	stop(pid, SIGKILL);
	run("status live");
	says("4 trials: 2 stale, 2 queued; no ebb run is at work here; the same ebb run command "
	     "continues");
	/* nothing runs: one line, then the end */
	run("watch live");
	says("Z ");
	says("2 stale");
	cr_assert_eq(strchr(output.data, '\n') - output.data + 1, (long)output.len);
}

/* ---- watch ---- */

Test(runs, watch_draws_in_what_the_terminal_can_show)
{
	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out r");
	run("watch r --once");
	says("actor/entropy (nats)");
	says("reward/mean (reward)");
	says("\xe2\xa0"); /* braille */
	says("ab\n");     /* two curves that end in one place */
	says_not("\033");
	setenv("LC_ALL", "C", 1);
	run("watch r --once --metric accuracy");
	says("eval/accuracy (share)");
	for (size_t i = 0; i < output.len; i++)
		cr_assert(output.data[i] == '\n' ||
				  (output.data[i] >= ' ' && output.data[i] <= '~'),
			  "byte %d at %zu", output.data[i], i);
	run("watch r --once --metric shortcut_frac"); /* a curve of the task's own */
	says("task/shortcut_frac");
	cr_assert_eq(ebb("watch r --once --metric acuracy"), 2);
	says("did you mean 'accuracy'?");
	cr_assert_eq(ebb("watch r --once --metric position/entropy"), 2);
	says("not a curve");
}

struct terminal {
	pid_t pid;
	int fd;
};

/* "ebb COMMAND RUN" on a terminal of its own, live where an interval is given. */
static struct terminal on_terminal(struct winsize *size, const char *command, const char *run_dir,
				   const char *interval)
{
	struct terminal t;

	t.pid = forkpty(&t.fd, NULL, NULL, size);
	cr_assert(t.pid >= 0);
	if (t.pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		if (chdir(dir) == 0)
			execl(getenv("EBB_EXE"), "ebb", command, run_dir,
			      interval ? "--interval" : NULL, interval, NULL);
		_exit(9);
	}
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, "");
	return t;
}

static struct terminal watch_live(void)
{
	struct winsize size = {.ws_row = 40, .ws_col = 120};

	return on_terminal(&size, "watch", "live", "0.2");
}

/* Collect what appears until the text is there; false: it ended, or 20 s passed. */
static bool appears(const struct terminal *t, const char *text)
{
	char chunk[4096];

	for (int i = 0; i < 200; i++) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		ssize_t n;

		if (text && strstr(output.data, text))
			return true;
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = read(t->fd, chunk, sizeof chunk);
		if (n <= 0)
			break;
		ebb_buf_add(&output, chunk, (size_t)n);
	}
	return text && strstr(output.data, text);
}

static int end_of(const struct terminal *t)
{
	int status = -1;

	appears(t, NULL);
	waitpid(t->pid, &status, 0);
	close(t->fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Columns go before anything is cut, and no line is wider than the terminal. */
/* Without a row there is nothing to draw: no empty frames. */
Test(runs, watch_says_what_has_no_rows)
{
	run("run algorithm=grpo seeds=1 " SHORT "--out r");
	shell("rm -r r/trials r/checkpoints");
	run("watch r --once");
	says("no rows yet of actor/entropy, reward/mean");
	says_not("\xe2\x94\x94"); /* the corner of a frame */
}

Test(runs, status_fits_a_narrow_terminal)
{
	static const int wide[] = {100, 80, 64};

	run("run algorithm=grpo alpha=0.001,0.0025 clip.high=0.21 seeds=1 " SHORT "--out r");
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)wide[i]};
		struct terminal t;

		setenv("NO_COLOR", "1", 1);
		t = on_terminal(&size, "status", "r", NULL);
		cr_assert_eq(end_of(&t), 0);
		says("grpo alpha=0.0025");
		says_not("\033");
		for (char *line = output.data, *end; (end = strchr(line, '\n')); line = end + 1)
			cr_assert(end - line <= wide[i] + 1 || line == output.data,
				  "%ld columns of %d:\n%s", (long)(end - line), wide[i],
				  output.data);
	}
	says_not("attempts");
}

#define ENTER "\033[?1049h"
#define LEAVE "\033[?25h\033[?1049l"

static void type(const struct terminal *t, const char *key)
{
	cr_assert_eq(write(t->fd, key, 1), 1);
}

Test(runs, a_live_picture_leaves_the_terminal_as_it_was)
{
	struct winsize small = {.ws_row = 24, .ws_col = 60};
	pid_t pid = start_long_run();
	struct terminal t = watch_live();

	/* Ctrl-C, after the window became smaller */
	cr_assert(appears(&t, "reward/mean"), "%s", output.data);
	says(ENTER "\033[?25l");
	says("\033[0;38;5;"); /* colours of curves */
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, "");
	cr_assert_eq(ioctl(t.fd, TIOCSWINSZ, &small), 0);
	cr_assert(appears(&t, "step"), "%s", output.data);
	type(&t, "\003");
	cr_assert_eq(end_of(&t), 0);
	cr_assert(output.len > strlen(LEAVE) &&
			  strcmp(output.data + output.len - strlen(LEAVE), LEAVE) == 0,
		  "it ends in: %s", output.data + (output.len > 40 ? output.len - 40 : 0));

	/* q does the same, and NO_COLOR is heard */
	setenv("NO_COLOR", "1", 1);
	t = watch_live();
	cr_assert(appears(&t, "reward/mean"), "%s", output.data);
	says_not("38;5;");
	type(&t, "q");
	cr_assert_eq(end_of(&t), 0);
	says(LEAVE);

	/* when the run ends, the last picture stays on the ordinary screen */
	t = watch_live();
	cr_assert(appears(&t, "reward/mean"), "%s", output.data);
	stop(pid, SIGKILL);
	cr_assert_eq(end_of(&t), 0);
	cr_assert_not_null(strstr(output.data, LEAVE));
	cr_assert_not_null(strstr(strstr(output.data, LEAVE), "2 stale"), "%s", output.data);
}

/* ---- diff ---- */

Test(runs, diff_of_equal_runs_and_of_unequal_ones)
{
	char id[EBB_ID_MAX], *line;

	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out a --jobs 1");
	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out b --jobs 2");
	run("diff a b");
	says("definitions: the same");
	says("4 in both, 0 only in a, 0 only in b");
	says("all trials in both agree bit for bit");
	run("diff a b --json");
	says("\"options\":[]");
	says("\"agree\":true}\n");

	/* one number of one trial */
	id_of("b", "dapo", "101", id);
	tamper("b", id, "actor/entropy", 4);
	cr_assert_eq(ebb("diff a b"), 1);
	says(id);
	says("dapo seed 101: 1 of ");
	says("first at step 4 in actor/entropy");
	says("3 of 4 agree bit for bit");
	cr_assert_eq(ebb("diff a b --json"), 1);
	says("\"differing\":1,\"only_a\":0,\"only_b\":0,\"first_step\":4,\"dataset\":\"actor/"
	     "entropy\"");
	line = ebb_xprintf("diff a/trials/%s.h5 b/trials/%s.h5", id, id);
	cr_assert_eq(ebb(line), 1);
	says("definitions: the same");
	says("first at step 4 in actor/entropy");
	free(line);
	line = ebb_xprintf("diff a b/trials/%s.h5", id);
	cr_assert_eq(ebb(line), 2);
	says("give two of a kind");
	free(line);
	/* times and speeds do not count */
	id_of("b", "grpo", "100", id);
	tamper("b", id, "timing_s/step", 1);
	line = ebb_xprintf("diff a/trials/%s.h5 b/trials/%s.h5", id, id);
	run(line);
	says("agree bit for bit");
	free(line);
}

/* No number differs, but "agree" would hide that there is less to agree on. */
Test(runs, diff_of_two_builds_of_which_one_records_more)
{
	char id[EBB_ID_MAX];

	run("run algorithm=grpo seeds=2 " SHORT "--out a");
	run("run algorithm=grpo seeds=2 " SHORT "--out b");
	id_of("a", "grpo", "100", id);
	drop("a", id, "actor/entropy");
	cr_assert_eq(ebb("diff a b"), 1);
	says("grpo seed 100: the ");
	says(" datasets in both agree; 1 dataset only in the second (actor/entropy)");
	says("no number differs; what differs is what they record");
	id_of("a", "grpo", "101", id);
	drop("a", id, "actor/entropy");
	cr_assert_eq(ebb("diff a b"), 1);
	says("  every one: the ");
	says_not("seed 100");
	cr_assert_eq(ebb("diff b a --json"), 1);
	says("\"differing\":0,\"only_a\":1,\"only_b\":0,\"first_step\":null");
}

Test(runs, diff_names_what_the_definitions_do_not_share)
{
	run("run algorithm=grpo,dapo seeds=2 " SHORT "--out a");
	run("run algorithm=grpo,gspo seeds=3 " SHORT "record.snapshot=2 --out b");
	cr_assert_neq(ebb("diff a b"), 2);
	says("definitions: they differ");
	says("record.snapshot");
	says("arm 'dapo' only in a");
	says("arm 'gspo' only in b");
	says("seed only in b: 102");
	run("run algorithm=grpo,dapo seeds=2 " SHORT "lr=0.001 --out c");
	cr_assert_eq(ebb("diff a c"), 1);
	says("train.lr                 (default) against 0.001  (every arm)");
	says("nothing to compare");
	cr_assert_eq(ebb("diff a c --json"), 1);
	says("{\"key\":\"train.lr\",\"a\":null,\"b\":\"0.001\",\"arms\":[\"grpo\",\"dapo\"]}");
}

/* ---- verify ---- */

/* Nothing of ours is left in TMPDIR, which is the test's folder. */
static void left_nothing(void)
{
	cr_assert_neq(shell("ls -d ebb-verify-* >/dev/null 2>&1"), 0, "a folder was left behind");
}

Test(runs, verify_agrees_or_names_the_first_difference)
{
	char id[EBB_ID_MAX], *line;

	run("run algorithm=grpo,dapo seeds=2 " SHORT "record.states=2 --out r");
	run("verify r --jobs 2");
	says("all trials agree bit for bit");
	left_nothing();
	id_of("r", "grpo", "100", id);
	tamper("r", id, "actor/step_in_batch", 7); /* two updates a step */
	cr_assert_eq(ebb("verify r"), 1);
	says(id);
	says("grpo seed 100: differs first at step 3 in actor/step_in_batch: 1.25 against 1 ");
	says("recorded against recomputed");
	says("3 of 4 trials agree");
	left_nothing();
	line = ebb_xprintf("verify r %.8s --from 4 --json", id);
	cr_assert_eq(ebb(line), 1);
	says("\"from\":4");
	says("\"agree\":false,");
	says("\"first_step\":3,\"dataset\":\"actor/step_in_batch\"");
	free(line);
	id_of("r", "grpo", "101", id);
	line = ebb_xprintf("verify r %s --from 4", id);
	run(line);
	says("the trial agrees bit for bit");
	free(line);
	line = ebb_xprintf("verify r %s --from 3", id);
	cr_assert_eq(ebb(line), 2);
	says("no state of trial");
	says("there are states of step");
	free(line);
	left_nothing();
}

/* A trial that was made longer begins at the states of the shorter one. */
Test(runs, verify_from_a_state_of_the_shorter_trial)
{
	run("run algorithm=grpo seeds=1 " SHORT "record.states=2 --out r");
	run("run algorithm=grpo seeds=1 " TINY "train.steps=10 record.states=2 --out r");
	says("goes on from step 6");
	run("verify r --from 4");
	says("the trial agrees bit for bit");
	run("verify r --from 8");
	says("the trial agrees bit for bit");
	cr_assert_eq(ebb("verify r --from 5"), 2);
	says("no state of trial");
	left_nothing();
}

/* A run of several files keeps their texts joined; they are told apart again. */
Test(runs, verify_of_a_run_of_several_files)
{
	cr_assert_eq(shell("printf 'name: two\\nalgorithm: grpo\\ntrain: {steps: 20, prompts: 4}\\n"
			   "seeds: 1\\n' >a.yaml && printf 'train: {steps: 6}\\n' >b.yaml"),
		     0);
	run("run a.yaml b.yaml " TINY_MODEL "--out r");
	run("verify r");
	says("the trial agrees bit for bit");
}

Test(runs, verify_refuses_what_it_cannot_do)
{
	char id[EBB_ID_MAX], *line;

	run("run algorithm=grpo,dapo seeds=4 " SHORT "--out r");
	cr_assert_eq(ebb("verify r zzz"), 2);
	says("no trial 'zzz'");
	cr_assert_eq(ebb("verify r ''"), 2);
	says("begins more than one id");
	id_of("r", "grpo", "100", id);
	line = ebb_xprintf("rm r/trials/%s.h5", id);
	shell(line);
	free(line);
	line = ebb_xprintf("verify r %s", id);
	cr_assert_eq(ebb(line), 2);
	says("is not finished");
	free(line);
	line = ebb_xprintf("verify r/trials/%s.h5", id);
	cr_assert_eq(ebb(line), 2);
	free(line);
	cr_assert_eq(shell("TMPDIR=/nowhere $EBB_EXE verify r 2>out"), 2);
	read_out();
	says("set TMPDIR");
	left_nothing();
}

/* A build whose tables resolve the same text to other options must say so, not compare. */
Test(runs, verify_says_when_the_definition_no_longer_gives_the_trial)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_path_join(dir, "r/run.h5");
	struct ebb_err err;
	hid_t file;

	run("run algorithm=grpo seeds=1 " SHORT "--out r");
	ebb_record_setup();
	file = ebb_h5_keep(&h5, H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT));
	cr_assert(file >= 0);
	cr_assert_eq(
		ebb_h5_put_str(file, "overrides", "algorithm=grpo\nseeds=1\ntrain.lr=0.5\n", &err),
		0);
	ebb_h5scope_close(&h5);
	cr_assert_eq(ebb("verify r"), 2);
	says("reads the definition of 'r' differently");
	file = ebb_h5_keep(&h5, H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT));
	cr_assert_eq(
		ebb_h5_put_str(file, "overrides", "algorithm=grpo\ntrain.leaning_rate=1\n", &err),
		0);
	ebb_h5scope_close(&h5);
	cr_assert_eq(ebb("verify r"), 2);
	says("cannot read the definition of 'r'");
	left_nothing();
	free(path);
}

/* Truncated weights of 1e300 overflow the gradient at the first update. */
Test(runs, a_diverged_trial_diverges_again)
{
	run("run algorithm=grpo seeds=1 tis.kind=token-trunc tis.min=1e300 tis.max=1e301 "
	    "reward.source=random " SHORT "--out r");
	run("status r");
	says("1 diverged");
	says("not finite");
	run("verify r");
	says("agrees bit for bit");
}

Test(runs, an_interrupted_verify_leaves_nothing)
{
	int status;
	pid_t pid;

	run("run algorithm=grpo seeds=2 " TINY "train.steps=3000 --out r");
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) == 0 && freopen("out", "w", stdout) && freopen("out2", "w", stderr))
			execl(getenv("EBB_EXE"), "ebb", "verify", "r", "--jobs", "1", NULL);
		_exit(9);
	}
	for (int i = 0; i < 500; i++) { /* until a worker is at it */
		if (shell("ls ebb-verify-*/trials/*.part >/dev/null 2>&1") == 0)
			break;
		usleep(5000);
	}
	kill(pid, SIGINT);
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%d", status);
	left_nothing();
	read_out();
	says("interrupted");
}
