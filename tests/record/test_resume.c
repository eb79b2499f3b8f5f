/* A trial that is killed and taken up again, and again, leaves the record that an undisturbed one
 * leaves: the same bytes in every dataset. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/rng.h"
#include "record/differ.h"
#include "record/journal.h"
#include "record/schema.h"

TestSuite(resume, .init = folder_make, .fini = folder_remove);

#define STEPS 60
#define KILLS 300
#define ROWS  "checkpoints/" ID_A0 ".rows"
#define TRIAL "trials/" ID_A0 ".h5"

/* The fixture's fields, all of them deterministic, so that all are compared. */
static struct ebb_field field[N_FIELDS];

static void fields_make(void)
{
	memcpy(field, fields, sizeof field);
	for (int f = 0; f < N_FIELDS; f++)
		field[f].deterministic = true;
}

/* Everything a step leaves in the record. */
static int work(struct ebb_writer *w, int i, struct ebb_err *err)
{
	int rc = write_step(w, i, err);

	for (int k = 0; k < 2 && rc == 0; k++) {
		double update = 2 * i + k, clip = k ? 0.01 * update : NAN;

		ebb_writer_set(w, UPDATE, &update);
		ebb_writer_set(w, CLIP, &clip);
		rc = ebb_writer_row(w, EBB_AXIS_UPDATE, err);
	}
	if (rc == 0 && i % 7 == 0) {
		double step = i, pass[3] = {0.1 * i, 0.2 * i, 0.3 * i};

		ebb_writer_set(w, EVAL, &step);
		ebb_writer_set(w, OUTCOME, pass);
		rc = ebb_writer_row(w, EBB_AXIS_EVAL, err);
	}
	return rc == 0 && i % 5 == 0 ? write_shot(w, i / 5, err) : rc;
}

struct state { /* what a checkpoint would hold */
	int step;
	struct ebb_journal_mark mark;
};

static int open_trial(struct ebb_writer **w, const char *run_dir, const char *id, int attempt,
		      const struct ebb_writer_from *from, struct ebb_err *err)
{
	static const char *const line[] = {"attempt 1 was killed", "attempt 2 was killed", NULL};
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, id);

	options_make(&o);
	head.attempt = attempt;
	head.history = attempt > 2 ? line : NULL;
	return ebb_writer_open(w, run_dir, &head, field, N_FIELDS, from, err);
}

static int run_undisturbed(const char *run_dir, int steps, struct ebb_err *err)
{
	struct ebb_writer *w;
	int rc = open_trial(&w, run_dir, ID_A0, 1, NULL, err);

	for (int i = 0; i < steps && rc == 0; i++)
		rc = work(w, i, err);
	return rc == 0 ? ebb_writer_finish(w, EBB_STATUS_COMPLETE, steps, "", err) : rc;
}

/* One attempt: take up what the last checkpoint knows, flush now and then, sync and save a state
 * now and then, in steps that do not agree. */
static int attempt(int number, struct ebb_err *err)
{
	char *rows = in_folder(ROWS), *saved = in_folder("state"), *bytes = NULL;
	struct ebb_writer_from from = {.journal = rows};
	struct state state = {0};
	struct ebb_writer *w;
	size_t n;
	int rc;

	if (ebb_file_read(saved, sizeof state, &bytes, &n, NULL) == 0 && n == sizeof state)
		memcpy(&state, bytes, sizeof state);
	from.mark = &state.mark;
	rc = open_trial(&w, folder, ID_A0, number, state.step ? &from : NULL, err);
	for (int i = state.step; i < STEPS && rc == 0; i++) {
		rc = work(w, i, err);
		if (rc == 0 && i % 3 == 1)
			rc = ebb_writer_flush(w, err);
		if (rc == 0 && i % 4 == 3) {
			state.step = i + 1;
			rc = ebb_writer_sync(w, &state.mark, err);
			if (rc == 0)
				rc = ebb_file_write(saved, &state, sizeof state, err);
		}
		usleep(200);
	}
	return rc == 0 ? ebb_writer_finish(w, EBB_STATUS_COMPLETE, STEPS, "", err) : rc;
}

static void expect_same(const char *a, const char *b)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_difference d;

	OK(ebb_differ(a, b, &d, &err));
	cr_assert_eq(d.compared, N_FIELDS);
	cr_assert_eq(d.only_a + d.only_b, 0);
	cr_assert_eq(d.differing, 0, "%s, row %d: %s", d.first, (int)d.first_row, d.values);
}

/* How far the saved state is; 0: there is none. */
static int saved_step(const char *saved)
{
	struct state state = {0};
	char *bytes;
	size_t n;

	if (ebb_file_read(saved, sizeof state, &bytes, &n, NULL) == 0) {
		if (n == sizeof state)
			memcpy(&state, bytes, sizeof state);
		free(bytes);
	}
	return state.step;
}

/* A kill comes within `reach` of the start. Where the machine is so busy that attempts come to
 * nothing, the reach grows. */
Test(resume, kill_9_at_any_moment_and_go_on)
{
	struct ebb_draw draw = {.seed = 11, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	char *reference = in_folder("reference"), *want = in_folder("reference/" TRIAL),
	     *path = in_folder(TRIAL), *rows = in_folder(ROWS), *saved = in_folder("state");
	int kills = 0, trials = 0, resumed = 0;
	uint32_t n = 0, reach = 20000;

	fields_make();
	OK(run_undisturbed(reference, STEPS, &err));
	while (kills < KILLS || trials < 3) {
		unlink(path);
		unlink(rows);
		unlink(saved);
		for (int number = 1, idle = 0; !ebb_file_exists(path); number++) {
			int status, before = saved_step(saved);
			pid_t pid = fork();

			if (pid == 0)
				_exit(attempt(number, &err) < 0 ? 1 : 0);
			usleep(ebb_below(&draw, n++, reach));
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0,
				  "attempt %d of trial %d failed", number, trials);
			kills += WIFSIGNALED(status);
			resumed += WIFSIGNALED(status) && before > 0;
			idle = saved_step(saved) > before ? 0 : idle + 1;
			if (idle == 5) {
				reach += reach / 4;
				idle = 0;
			}
			cr_assert_lt(number, 1000, "a trial that never ends");
		}
		expect_same(path, want);
		cr_assert(ebb_file_exists(rows), "the journal is the caller's to remove");
		trials++;
	}
	fprintf(stderr, "%d kills in %d trials, %d of attempts that had been taken up\n", kills,
		trials, resumed);
	cr_assert_gt(resumed, KILLS / 3);
	free(reference);
	free(want);
	free(path);
	free(rows);
	free(saved);
}

/* A trial grows out of another's rows, which stay as they are; more rows than a buffer has. */
Test(resume, from_the_journal_of_another_trial)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark mark, again;
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_journal_view v;
	struct ebb_writer *w;
	char *reference = in_folder("reference"), *want = in_folder("reference/" TRIAL),
	     *theirs = in_folder("checkpoints/" ID_B0 ".rows"), *ours = in_folder(ROWS),
	     *path = in_folder(TRIAL), *before, *after, **line;
	size_t n, m;
	hid_t file;

	fields_make();
	OK(run_undisturbed(reference, 3000, &err));
	OK(open_trial(&w, folder, ID_B0, 1, NULL, &err));
	for (int i = 0; i < 2500; i++) {
		OK(work(w, i, &err));
		if (i == 1999)
			OK(ebb_writer_sync(w, &mark, &err));
	}
	OK(ebb_writer_flush(w, &err));
	OK(ebb_file_read(theirs, 1 << 26, &before, &n, &err));

	/* also while it is being written, and twice: the second attempt takes its own */
	for (int a = 1; a <= 3; a++) {
		struct ebb_writer *mine;

		OK(open_trial(
			&mine, folder, ID_A0, a,
			&(struct ebb_writer_from){a == 1 ? theirs : ours, a == 1 ? &mark : &again},
			&err));
		for (int i = a == 1 ? 2000 : 2400; i < (a == 3 ? 3000 : 2600); i++) {
			OK(work(mine, i, &err));
			if (a == 1 && i == 2399)
				OK(ebb_writer_sync(mine, &again, &err));
		}
		if (a < 3)
			ebb_writer_abandon(mine);
		else
			OK(ebb_writer_finish(mine, EBB_STATUS_COMPLETE, 3000, "", &err));
	}
	expect_same(path, want);
	OK(ebb_journal_read(&v, ours, NULL, &err));
	cr_assert_str_eq(v.id, ID_A0);
	cr_assert_eq(v.attempt, 3);
	cr_assert_eq(v.mark.rows[EBB_AXIS_STEP], 3000);
	cr_assert_eq(v.mark.rows[EBB_AXIS_UPDATE], 6000);
	ebb_journal_view_release(&v);
	OK(ebb_file_read(theirs, 1 << 26, &after, &m, &err));
	cr_assert(n == m && memcmp(before, after, n) == 0, "the other journal was changed");
	ebb_writer_abandon(w);
	free(before);
	free(after);

	file = ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, &err);
	cr_assert_geq(file, 0);
	OK(ebb_h5_get_strs(file, "attempts", &line, &n, &err));
	cr_assert_eq(n, 2);
	cr_assert_str_eq(line[1], "attempt 2 was killed");
	ebb_h5_free_strs(line, n);
	OK(ebb_h5_get_str(file, "trajectory", &after, &err));
	cr_assert_eq(strlen(after), EBB_ID_MAX - 1);
	ebb_h5scope_close(&h5);
	free(after);
	free(reference);
	free(want);
	free(theirs);
	free(ours);
	free(path);
}

Test(resume, what_does_not_fit_is_refused_and_left_alone)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark mark;
	struct ebb_writer *w, *second;
	char *rows = in_folder(ROWS), *theirs = in_folder("checkpoints/" ID_B0 ".rows"),
	     *part = in_folder(TRIAL ".part"), *before, *after;
	struct ebb_writer_from own = {rows, &mark}, other = {theirs, &mark};
	size_t n, m;

	fields_make();
	OK(open_trial(&w, folder, ID_A0, 1, NULL, &err));
	for (int i = 0; i < 5; i++)
		OK(work(w, i, &err));
	OK(ebb_writer_sync(w, &mark, &err));
	cr_assert_eq(open_trial(&second, folder, ID_A0, 2, &own, &err), EBB_EBUSY);
	cr_assert_eq(open_trial(&second, folder, ID_A0, 2, NULL, &err), EBB_EBUSY);
	cr_assert_null(second);
	ebb_writer_abandon(w);
	unlink(part);
	OK(ebb_file_read(rows, 1 << 20, &before, &n, &err));

	cr_assert_eq(open_trial(&w, folder, ID_A0, 2, &other, &err), EBB_EFORMAT, "no such file");
	mark.rows[EBB_AXIS_STEP]--;
	cr_assert_eq(open_trial(&w, folder, ID_A0, 2, &own, &err), EBB_EFORMAT);
	cr_assert_eq(open_trial(&w, folder, ID_B0, 2, &own, &err), EBB_EFORMAT);
	mark.rows[EBB_AXIS_STEP]++;
	field[CLIP].element = EBB_F32_ELEMENT;
	cr_assert_eq(open_trial(&w, folder, ID_A0, 2, &own, &err), EBB_EFORMAT);
	cr_assert_eq(open_trial(&w, folder, ID_B0, 2, &own, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "clip_ratio/low_mean"), "%s", err.text);
	field[CLIP].element = EBB_F64_ELEMENT;
	cr_assert_not(ebb_file_exists(part));
	cr_assert_not(ebb_file_exists(theirs));
	OK(ebb_file_read(rows, 1 << 20, &after, &m, &err));
	cr_assert(n == m && memcmp(before, after, n) == 0, "the refused journal was changed");
	OK(open_trial(&w, folder, ID_A0, 2, &own, &err));
	ebb_writer_abandon(w);
	free(before);
	free(after);
	free(rows);
	free(theirs);
	free(part);
}

Test(resume, a_trajectory_is_an_identity_without_its_length)
{
	char id[3][EBB_ID_MAX], way[3][EBB_ID_MAX];
	struct ebb_options o;

	options_make(&o);
	for (int k = 0; k < 3; k++) {
		if (k == 1)
			o.train.steps *= 2;
		if (k == 2)
			o.clip.low *= 2;
		ebb_options_id(&o, &catalog, id[k]);
		ebb_options_trajectory(&o, &catalog, way[k]);
	}
	cr_assert_str_neq(id[0], id[1]);
	cr_assert_str_eq(way[0], way[1]);
	cr_assert_str_neq(way[1], way[2]);
}

Test(resume, a_staged_row_cannot_be_synced, .signal = SIGABRT)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_journal_mark mark;
	struct ebb_writer *w;
	double clip = 1;

	fields_make();
	OK(open_trial(&w, folder, ID_A0, 1, NULL, &err));
	OK(work(w, 0, &err));
	OK(ebb_writer_sync(w, &mark, &err));
	ebb_writer_set(w, CLIP, &clip);
	ebb_writer_sync(w, &mark, &err);
}

/* The journal finds the disk full, the part does not: the rows wait in the buffer, are neither lost
 * nor doubled, and the attempt goes on where there is room again. A label of 300 KB that every
 * attempt writes makes the journal the larger file. */
Test(resume, a_full_disk_loses_and_doubles_nothing)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_journal_mark mark;
	struct ebb_journal_view v;
	struct ebb_writer *w = NULL;
	char *reference = in_folder("reference"), *want = in_folder("reference/" TRIAL),
	     *rows = in_folder(ROWS), *path = in_folder(TRIAL), *label = calloc(1, 300001);
	struct stat st;
	int step = 0, refused = 0;

	fields_make();
	options_make(&o);
	memset(label, 'x', 300000);
	head.label = label;
	signal(SIGXFSZ, SIG_IGN);
	OK(run_undisturbed(reference, STEPS, &err));
	for (int a = 0; a < 12; a++) {
		struct ebb_writer_from from = {rows, &mark};

		head.attempt = a + 1;
		OK(ebb_writer_open(&w, folder, &head, field, N_FIELDS, a ? &from : NULL, &err));
		OK(work(w, step++, &err));
		OK(ebb_writer_sync(w, &mark, &err));
		if (a < 11)
			ebb_writer_abandon(w);
	}
	while (step < STEPS) {
		rlim_t room = (rlim_t)(17 * step % 500);

		cr_assert_eq(stat(rows, &st), 0);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)st.st_size + room, RLIM_INFINITY});
		OK(work(w, step++, &err));
		if (ebb_writer_flush(w, &err) < 0) {
			refused++;
			cr_assert(strstr(err.text, ".rows") && strstr(err.text, "no room"), "%s",
				  err.text);
			OK(work(w, step++, &err)); /* it may go on, too */
			cr_assert_lt(ebb_writer_sync(w, &mark, &err), 0);
		}
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
		if (step % 3 == 0)
			OK(ebb_writer_sync(w, &mark, &err));
	}
	cr_assert_gt(refused, 10);
	OK(ebb_writer_finish(w, EBB_STATUS_COMPLETE, step, "", &err));
	OK(ebb_journal_read(&v, rows, NULL, &err));
	cr_assert_eq(v.mark.rows[EBB_AXIS_STEP], step);
	cr_assert_eq(v.mark.rows[EBB_AXIS_UPDATE], 2 * step);
	for (int i = 0; i < step; i++)
		cr_assert_eq(((double *)v.row[ENTROPY])[i], entropy_at(i));
	ebb_journal_view_release(&v);
	if (step > STEPS)
		OK(run_undisturbed(reference, step, &err));
	expect_same(path, want);
	free(label);
	free(reference);
	free(want);
	free(rows);
	free(path);
}
