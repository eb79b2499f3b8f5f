/* Where a trial stands, by its files alone: every state, files that are damaged, and the lock. */
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include "record/journal.h"
#include "record/standing.h"
#include "record/tensors.h"

TestSuite(standing, .init = folder_make, .fini = folder_remove);

#define ROWS   "checkpoints/" ID_A0 ".rows"
#define STATE  "checkpoints/" ID_A0 ".h5"
#define FAILED "checkpoints/" ID_A0 ".failed"
#define TRIAL  "trials/" ID_A0 ".h5"

static struct ebb_standing standing(void)
{
	struct ebb_standing s;

	memset(&s, 0xff, sizeof s);
	ebb_standing_read(folder, ID_A0, &s);
	return s;
}

static struct ebb_writer *begin(int rows)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_writer *w;

	options_make(&o);
	OK(ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err));
	for (int i = 0; i < rows; i++)
		OK(write_step(w, i, &err));
	OK(ebb_writer_flush(w, &err));
	return w;
}

static void save_state(double step)
{
	struct ebb_tensor_view view = {"step", EBB_F64_ELEMENT, 1, 1, &step};
	struct ebb_err err = EBB_ERR_INIT;
	char *path = in_folder(STATE);

	OK(ebb_tensors_write(path, "state", &view, 1, &err));
	free(path);
}

Test(standing, from_queued_to_done)
{
	struct ebb_standing s = standing();
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_writer *w;

	options_make(&o);
	cr_assert_eq(s.state, EBB_STATE_QUEUED);
	cr_assert(s.step == -1 && s.steps == -1 && s.resume == -1 && s.attempt == 0);
	cr_assert(isnan(s.reward) && isnan(s.entropy));
	cr_assert_str_empty(s.cause);

	w = begin(0);
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_RUNNING);
	cr_assert_eq(s.step, 0);
	cr_assert_eq(s.steps, o.train.steps);
	cr_assert_eq(s.attempt, 2);
	cr_assert(isnan(s.reward));
	ebb_writer_abandon(w);

	w = begin(8);
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_RUNNING);
	cr_assert_eq(s.step, 8);
	cr_assert_eq(s.entropy, entropy_at(7));
	cr_assert_eq(s.reward, 0.5);
	cr_assert(s.age_s > -5 && s.age_s < 60);
	cr_assert_eq(s.resume, -1);
	save_state(5);
	cr_assert_eq(standing().resume, 5);
	OK(ebb_writer_finish(w, EBB_STATUS_COMPLETE, 8, "", &err));

	s = standing();
	cr_assert_eq(s.state, EBB_STATE_DONE);
	cr_assert_eq(s.step, 8);
	cr_assert_eq(s.steps, o.train.steps);
	cr_assert_eq(s.entropy, entropy_at(7));
	cr_assert_eq(s.reward, 0.5);
	cr_assert_eq(s.attempt, 2);
	cr_assert_str_empty(s.cause);
}

Test(standing, diverged)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_writer *w = begin(9);
	struct ebb_standing s;

	OK(ebb_writer_finish(w, EBB_STATUS_DIVERGED, 9, "loss is nan", &err));
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_DIVERGED);
	cr_assert_eq(s.step, 9);
	cr_assert_str_eq(s.cause, "loss is nan");
	cr_assert(isnan(s.reward), "the last row has none");
}

/* A writer of another process: running while it lives, stale once it was killed. */
Test(standing, running_and_stale_by_the_lock)
{
	struct ebb_standing s;
	int fd[2];
	char word;
	pid_t pid;

	cr_assert_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		begin(4);
		if (write(fd[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	cr_assert_eq(read(fd[0], &word, 1), 1);
	cr_assert_eq(standing().state, EBB_STATE_RUNNING);
	save_state(3);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_STALE);
	cr_assert_eq(s.step, 4);
	cr_assert_eq(s.resume, 3);
	cr_assert_eq(s.attempt, 2);
	cr_assert_str_empty(s.cause);
}

Test(standing, failed_and_no_longer)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_standing s;
	struct ebb_writer *w;
	char *mark = in_folder(FAILED), *text;
	size_t n;

	OK(ebb_standing_fail(folder, ID_A0, 0, NULL, &err)); /* nothing there is fine */
	OK(ebb_standing_fail(folder, ID_A0, 3, "no \"room\"\n\xff", &err));
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_FAILED);
	cr_assert_str_eq(s.cause, "no \"room\"\n?");
	cr_assert_eq(s.attempt, 3);
	cr_assert_eq(s.step, -1);
	OK(ebb_file_read(mark, 1000, &text, &n, &err));
	cr_assert(strstr(text, "{\"time\":\"") == text && strstr(text, "\"attempt\":3"), "%s",
		  text);
	free(text);

	w = begin(4); /* tried again */
	cr_assert_eq(standing().state, EBB_STATE_RUNNING, "the mark of an attempt before");
	ebb_writer_abandon(w);
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_FAILED);
	cr_assert_eq(s.step, 4);
	cr_assert_eq(s.attempt, 3);
	OK(ebb_standing_fail(folder, ID_A0, 0, NULL, &err));
	cr_assert_eq(standing().state, EBB_STATE_STALE);

	for (const char *const *bad = (const char *const[]){"", "{", "[1]", "{\"cause\":3}", NULL};
	     *bad; bad++) {
		OK(ebb_file_write(mark, *bad, strlen(*bad), &err));
		s = standing();
		cr_assert_eq(s.state, EBB_STATE_FAILED);
		cr_assert(strstr(s.cause, FAILED), "%s", s.cause);
	}
	free(mark);
}

Test(standing, damaged_files)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_standing s;
	struct ebb_writer *w;
	char *path = in_folder(TRIAL), *rows = in_folder(ROWS), *bytes;
	size_t n;

	OK(write_trial(folder, ID_A0, 10, &err));
	OK(ebb_file_read(path, 1 << 24, &bytes, &n, &err));
	bytes[n / 2] ^= 1;
	OK(ebb_file_write(path, bytes, n, &err));
	free(bytes);
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_STALE);
	cr_assert(strstr(s.cause, "seal"), "%s", s.cause);
	w = begin(2); /* made again */
	s = standing();
	cr_assert_eq(s.state, EBB_STATE_RUNNING);
	cr_assert_eq(s.step, 2);
	ebb_writer_abandon(w);
	unlink(path);

	/* a writer that died in its first block did no damage */
	for (const char *const *cut = (const char *const[]){"", "ebb", NULL}; *cut; cut++) {
		OK(ebb_file_write(rows, *cut, strlen(*cut), &err));
		s = standing();
		cr_assert_eq(s.state, EBB_STATE_STALE);
		cr_assert_eq(s.step, -1);
		cr_assert_str_empty(s.cause);
	}
	for (const char *const *bad = (const char *const[]){"x", "not a journal", NULL}; *bad;
	     bad++) {
		OK(ebb_file_write(rows, *bad, strlen(*bad), &err));
		s = standing();
		cr_assert_eq(s.state, EBB_STATE_STALE);
		cr_assert_eq(s.step, -1);
		cr_assert(strstr(s.cause, ".rows"), "%s", s.cause);
	}
	free(path);
	free(rows);
}

Test(standing, words)
{
	cr_assert_str_eq(ebb_state_word(EBB_STATE_QUEUED), "queued");
	cr_assert_str_eq(ebb_state_word(EBB_STATE_STALE), "stale");
}
