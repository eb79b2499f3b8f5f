/* Kill -9, a full disk, damaged files: the promises of docs/file-format.md, counted. */
#include "fixture.h"

#include <hdf5.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include "base/rng.h"

TestSuite(crash, .init = folder_make, .fini = folder_remove);

#define KILLS 40
#define TRIAL "trials/" ID_A0 ".h5"

/* The child says on a pipe how many rows are flushed, so that the parent knows what was promised. */
static _Noreturn void child(const char *trials, int fd)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_writer *w;

	options_make(&o);
	if (ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err) < 0)
		_exit(1);
	for (int32_t i = 0; i < 300; i++) {
		int32_t promised = i + 1;

		if (write_step(w, i, &err) < 0 || (i % 50 == 0 && write_shot(w, i / 50, &err) < 0))
			_exit(2);
		if (i % 4 == 3 && (ebb_writer_flush(w, &err) < 0 ||
				   write(fd, &promised, sizeof promised) != sizeof promised))
			_exit(3);
	}
	_exit(ebb_writer_finish(w, EBB_STATUS_COMPLETE, 300, "", &err) < 0 ? 4 : 0);
}

static int64_t rows_of(hid_t file, const char *name, double **value)
{
	hid_t dset = H5Dopen2(file, name, H5P_DEFAULT), space;
	hsize_t dim[4] = {0};

	cr_assert_geq(dset, 0, "cannot open %s", name);
	space = H5Dget_space(dset);
	H5Sget_simple_extent_dims(space, dim, NULL);
	if (value) {
		*value = malloc((dim[0] + 1) * sizeof **value);
		cr_assert_geq(
			H5Dread(dset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *value), 0,
			"cannot read %s", name);
	}
	H5Sclose(space);
	H5Dclose(dset);
	return (int64_t)dim[0];
}

/* Rows up to the length of the coordinate are whole and right in every dataset of the axis. */
static void check_rows(const char *path, unsigned flags, int64_t promised)
{
	hid_t access = H5Pcreate(H5P_FILE_ACCESS), file;
	double *entropy;
	int64_t rows;

	/* A SWMR reader tries a hundred times, for minutes, before it calls an object damaged. */
	if (flags & H5F_ACC_SWMR_READ)
		H5Pset_metadata_read_attempts(access, 2);
	file = H5Fopen(path, flags, access);
	H5Pclose(access);
	cr_assert_geq(file, 0, "cannot open %s after a kill", path);
	rows = rows_of(file, "axis/step", NULL);
	cr_assert_geq(rows, promised, "%d rows were promised, %d are there", (int)promised,
		      (int)rows);
	cr_assert_geq(rows_of(file, "reward/mean", NULL), rows);
	cr_assert_geq(rows_of(file, "actor/entropy", &entropy), rows);
	for (int64_t i = 0; i < rows; i++)
		cr_assert_eq(entropy[i], entropy_at(i), "row %d", (int)i);
	cr_assert_gt(H5Aexists(file, "identity"), 0);
	free(entropy);
	H5Fclose(file);
}

Test(crash, kill_9_at_any_moment)
{
	char *trials = in_folder("trials"), *path = in_folder(TRIAL),
	     *part = in_folder(TRIAL ".part");
	struct ebb_draw draw = {.seed = 7, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	int parts = 0, finals = 0;

	OK(ebb_dir_make(trials, &err));
	for (uint32_t k = 0; k < KILLS; k++) {
		int fd[2], status;
		int32_t promised = 0, word;
		pid_t pid;

		unlink(path);
		unlink(part);
		cr_assert_eq(pipe(fd), 0);
		pid = fork();
		if (pid == 0)
			child(trials, fd[1]);
		close(fd[1]);
		usleep(ebb_below(&draw, k, 40000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "the writer failed: %d",
			  status);
		while (read(fd[0], &word, sizeof word) == sizeof word)
			promised = word;
		close(fd[0]);
		if (ebb_file_exists(path)) {
			finals++;
			check_rows(path, H5F_ACC_RDONLY, 300);
		}
		if (ebb_file_exists(part)) {
			parts++;
			check_rows(part, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, promised);
		}
		cr_assert(promised == 0 || ebb_file_exists(path) || ebb_file_exists(part),
			  "flushed rows are gone");
	}
	fprintf(stderr, "%d kills: %d parts, %d finished\n", KILLS, parts, finals);
	cr_assert_gt(parts + finals, KILLS / 4, "most kills came before the first flush");
	OK(write_trial(folder, ID_A0, 3, &err)); /* and nothing left behind is in the way */
	cr_assert_not(ebb_file_exists(part));
	free(trials);
	free(path);
	free(part);
}

/* What a kill can tear is a write across pages; so what the library rewrites starts on a page. */
Test(crash, headers_of_a_part_start_on_a_page)
{
	/* with the version byte, which no text has: object header, array header, array index */
	static const char signature[][6] = {"OHDR\2", "EAHD\0", "EAIB\0"};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	char *trials = in_folder("trials"), *part = in_folder(TRIAL ".part"), *bytes, *at;
	struct ebb_writer *w;
	int found = 0;
	size_t n;

	options_make(&o);
	OK(ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err));
	OK(write_step(w, 0, &err));
	OK(write_shot(w, 0, &err));
	OK(ebb_writer_flush(w, &err));
	OK(ebb_file_read(part, 1 << 24, &bytes, &n, &err));
	for (int k = 0; k < 3; k++) {
		for (at = bytes; (at = memmem(at, n - (size_t)(at - bytes), signature[k], 5));
		     at++) {
			cr_assert_eq((at - bytes) % 4096, 0, "%.4s at %zu", signature[k],
				     (size_t)(at - bytes));
			found++;
		}
	}
	cr_assert_geq(found, 2 * N_FIELDS);
	ebb_writer_abandon(w);
	free(bytes);
	free(trials);
	free(part);
}

static void limit_files(rlim_t bytes)
{
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, RLIM_INFINITY});
}

/* A limit on file sizes stands for a full disk: the write fails in the same place. late: there is
 * room for everything but the finished file. Returns 0 or the number of the broken promise. */
static int full_disk(const char *trials, rlim_t bytes, bool finish, bool late)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_writer *w = NULL;
	char *path = in_folder(TRIAL), *tmp = in_folder(TRIAL ".tmp"),
	     *part = in_folder(TRIAL ".part");
	int rc;

	options_make(&o);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(late ? RLIM_INFINITY : bytes);
	rc = ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err);
	for (int i = 0; i < (late ? 5000 : 200000) && rc == 0; i++) {
		rc = write_step(w, i, &err);
		if (rc == 0 && i % 100 == 0)
			rc = ebb_writer_flush(w, &err);
	}
	if (late && rc == 0) {
		rc = ebb_writer_flush(w, &err);
		limit_files(bytes);
		rc = rc == 0 ? ebb_writer_finish(w, EBB_STATUS_COMPLETE, 1, "", &err) : rc;
		if (!ebb_file_exists(part))
			return 2;
	} else if (w && finish) {
		if (ebb_writer_flush(w, NULL) == 0)
			return 3;
		if (ebb_writer_finish(w, EBB_STATUS_COMPLETE, 1, "", NULL) == 0)
			return 4;
	} else {
		ebb_writer_abandon(w);
	}
	if (rc != EBB_EIO || !strstr(err.text, "no room"))
		return 5;
	if (ebb_file_exists(path) || ebb_file_exists(tmp))
		return 6;
	/* Once there is room again, the same process goes on. */
	limit_files(RLIM_INFINITY);
	if (write_trial(folder, ID_A0, 20, &err) < 0)
		return 7;
	return ebb_file_exists(path) ? 0 : 8;
}

/* The end of the process must survive the trouble, too; but not with a leak checker in it, which
 * would report what the test runner itself had allocated before the fork. */
static _Noreturn void leave(int answer)
{
#ifdef __SANITIZE_ADDRESS__
	_exit(answer);
#else
	exit(answer);
#endif
}

Test(crash, a_full_disk_is_an_error)
{
	static const rlim_t limit[] = {1000, 20000, 200000, 400000, 1000000};
	char *trials = in_folder("trials"), *path = in_folder(TRIAL);
	struct ebb_err err = EBB_ERR_INIT;

	OK(ebb_dir_make(trials, &err));
	for (int i = 0; i < 12; i++) {
		bool late = i >= 10;
		rlim_t bytes = late ? 5000 + 20000 * (rlim_t)(i - 10) : limit[i / 2];
		int status;
		pid_t pid;

		unlink(path);
		fflush(NULL);
		pid = fork();
		if (pid == 0)
			leave(full_disk(trials, bytes, i % 2, late));
		waitpid(pid, &status, 0);
		cr_assert(WIFEXITED(status), "limit %d: killed by %d", (int)bytes,
			  WTERMSIG(status));
		cr_assert_eq(WEXITSTATUS(status), 0, "limit %d, case %d: broken promise %d",
			     (int)bytes, i, WEXITSTATUS(status));
	}
	free(trials);
	free(path);
}

static int read_all(struct ebb_err *err)
{
	struct ebb_run run;
	struct ebb_array a;
	char status[16], **name = NULL;
	int n = 0, bad = 0, rc = ebb_run_open(&run, folder, err);

	if (rc < 0)
		return 1;
	bad += ebb_run_status(&run, 0, 0, status, err) < 0;
	rc = ebb_run_names(&run, 0, 0, &name, &n, err);
	bad += rc < 0;
	for (int i = 0; i < n; i++) {
		rc = ebb_run_read(&run, 0, 0, name[i], &a, err);
		bad += rc < 0;
		if (rc == 0)
			ebb_array_release(&a);
		else
			cr_assert(err->text[0], "an error without a text");
		free(name[i]);
	}
	free(name);
	ebb_run_release(&run);
	return bad;
}

/* Either the numbers or an error, and never a crash; run for a few seconds at most. Each round is
 * a child, so that a crash can be told from a test that failed. What goes unnoticed fell on the
 * seal itself, 25 bytes of the file. */
static void damage(const char *victim, bool cut)
{
	struct ebb_draw draw = {.seed = cut, .stream = EBB_STREAM_TEST};
	struct ebb_err err = EBB_ERR_INIT;
	struct fake *f = fake_make();
	char *trials = in_folder("trials"), *path = in_folder(victim), *whole;
	time_t start = time(NULL);
	int rounds = 0, noticed = 0;
	size_t n;

	OK(write_trial(folder, ID_A0, 20, &err));
	OK(ebb_index_write(folder, &f->def, &catalog, &err));
	OK(ebb_file_read(path, 1 << 24, &whole, &n, &err));
	cr_assert_eq(read_all(&err), 0, "%s", err.text);
	for (uint32_t round = 0; round < 400 && time(NULL) - start < 4; round++) {
		size_t length = cut ? ebb_below(&draw, 4 * round, (uint32_t)n) : n;
		char *bytes = malloc(n);
		int status;
		pid_t pid;

		memcpy(bytes, whole, n);
		for (uint32_t k = 0; !cut && k < 1 + round % 3; k++)
			bytes[ebb_below(&draw, 8 * round + k, (uint32_t)n)] ^=
				(char)(1u << ebb_below(&draw, 8 * round + 4 + k, 8));
		OK(ebb_file_write(path, bytes, length, &err));
		free(bytes);
		pid = fork();
		if (pid == 0) {
			alarm(20);
			_exit(read_all(&err) ? 1 : 0);
		}
		waitpid(pid, &status, 0);
		cr_assert(WIFEXITED(status), "round %u of %s: signal %d", round, victim,
			  WTERMSIG(status));
		rounds++;
		noticed += WEXITSTATUS(status) != 0;
	}
	fprintf(stderr, "%s: %d of %d damages noticed\n", victim, noticed, rounds);
	cr_assert_gt(rounds, 20);
	cr_assert_geq(noticed, cut ? rounds : rounds * 98 / 100, "damage was read as if whole");
	free(whole);
	free(trials);
	free(path);
	free(f);
}

/* Programs that edit a file take the seal away with the bytes behind HDF5's own end: such a file is
 * read as it is, and so is one that never had a seal. */
Test(crash, an_edited_file_is_unsealed)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *trials = in_folder("trials"), *path = in_folder(TRIAL), *bytes;
	struct fake *f = fake_make();
	size_t n, m;
	hid_t file;

	OK(write_trial(folder, ID_A0, 20, &err));
	OK(ebb_index_write(folder, &f->def, &catalog, &err));
	OK(ebb_file_read(path, 1 << 24, &bytes, &n, &err));
	cr_assert(strncmp(bytes + n - 25, "\nebb-seal crc32=", 16) == 0, "no seal at the end");
	free(bytes);
	file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
	cr_assert_geq(file, 0);
	cr_assert_geq(H5Ldelete(file, "provenance", H5P_DEFAULT), 0);
	H5Fclose(file);
	OK(ebb_file_read(path, 1 << 24, &bytes, &m, &err));
	cr_assert_neq(strncmp(bytes + m - 25, "\nebb-seal", 9), 0, "the seal outlived an edit");
	free(bytes);
	cr_assert_eq(read_all(&err), 0, "%s", err.text);
	free(trials);
	free(path);
	free(f);
}

Test(crash, a_trial_cut_short)
{
	damage(TRIAL, true);
}

Test(crash, an_index_cut_short)
{
	damage("run.h5", true);
}

Test(crash, a_trial_with_flipped_bits)
{
	damage(TRIAL, false);
}

Test(crash, an_index_with_flipped_bits)
{
	damage("run.h5", false);
}
