#include "record/standing.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "record/journal.h"
#include "record/schema.h"
#include "record/seal.h"
#include "record/tensors.h"

#define FAILED_BYTES_MAX (1 << 20)

const char *ebb_state_word(enum ebb_state state)
{
	static const char *const word[EBB_N_STATES] = {
		[EBB_STATE_QUEUED] = "queued",     [EBB_STATE_RUNNING] = "running",
		[EBB_STATE_DONE] = "done",         [EBB_STATE_FAILED] = "failed",
		[EBB_STATE_DIVERGED] = "diverged", [EBB_STATE_STALE] = "stale",
		[EBB_STATE_EXPLODED] = "exploded",
	};

	if ((unsigned)state >= EBB_N_STATES)
		EBB_BUG("state %d", (int)state);
	return word[state];
}

enum ebb_state ebb_state_of(const char *status)
{
	return strcmp(status, "diverged") == 0   ? EBB_STATE_DIVERGED
	       : strcmp(status, "exploded") == 0 ? EBB_STATE_EXPLODED
						 : EBB_STATE_DONE;
}

static void set_cause(struct ebb_standing *s, const char *text)
{
	snprintf(s->cause, sizeof s->cause, "%s", text);
	ebb_text_tidy(s->cause); /* a file's words, perhaps cut inside a character */
}

static double age_of(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)(now.tv_sec - st->st_mtim.tv_sec) +
	       1e-9 * (double)(now.tv_nsec - st->st_mtim.tv_nsec);
}

/* The path of a trial's file; caller frees. */
static char *path_of(const char *run_dir, const char *folder, const char *id, const char *suffix)
{
	return ebb_xprintf("%s/%s/%s%s", run_dir, folder, id, suffix);
}

/* ---- a finished record ---- */

/* The last number of a curve; NaN where there is none. */
static double last_of(hid_t file, const char *name)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hsize_t dim[1], one[1] = {1};
	double value = NAN, got;
	hid_t dset, space, memory;

	dset = ebb_h5_keep(&h5, H5Dopen2(file, name, H5P_DEFAULT));
	space = dset < 0 ? dset : ebb_h5_keep(&h5, H5Dget_space(dset));
	memory = ebb_h5_keep(&h5, H5Screate_simple(1, one, NULL));
	if (space >= 0 && memory >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
	    H5Sget_simple_extent_dims(space, dim, NULL) == 1 && dim[0]-- > 0 &&
	    H5Sselect_hyperslab(space, H5S_SELECT_SET, dim, NULL, one, NULL) >= 0 &&
	    H5Dread(dset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &got) >= 0)
		value = got;
	H5Eclear2(H5E_DEFAULT);
	ebb_h5scope_close(&h5);
	return value;
}

static int read_head(hid_t file, struct ebb_standing *s, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *status = NULL, *cause = NULL;
	int64_t attempt = 0;
	hid_t train;
	int rc = ebb_h5_get_str(file, "status", &status, err);

	if (rc == 0)
		rc = ebb_h5_get_str(file, "cause", &cause, err);
	if (rc == 0)
		rc = ebb_h5_get_i64(file, "stopped_at_step", &s->step, err);
	if (rc == 0)
		rc = ebb_h5_get_i64(file, "attempt", &attempt, err);
	if (rc == 0) {
		s->attempt = (int)attempt;
		s->state = ebb_state_of(status);
		set_cause(s, cause);
		train = ebb_h5_keep(&h5, H5Gopen2(file, "options/train", H5P_DEFAULT));
		if (train < 0 || ebb_h5_get_i64(train, "steps", &s->steps, NULL) < 0)
			s->steps = -1;
		H5Eclear2(H5E_DEFAULT);
	}
	free(status);
	free(cause);
	ebb_h5scope_close(&h5);
	return rc;
}

/* The whole file is read for its seal: HDF5 must not see it damaged, and what a kill cannot do to a
 * finished record a disk can. That is some 0.2 ms for a usual one. */
static void read_finished(const char *path, struct ebb_standing *s)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	hid_t file = ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, &err);

	if (file >= 0 && read_head(file, s, &err) == 0) {
		s->entropy = last_of(file, "actor/entropy");
		s->reward = last_of(file, "reward/mean");
	} else {
		s->state = EBB_STATE_STALE;
		s->step = s->steps = -1;
		set_cause(s, err.text);
	}
	ebb_h5scope_close(&h5);
}

/* ---- a record that is being made, or was ---- */

/* Is a journal held by somebody? The lock we ask for is let go at once; a writer that comes just
 * then tries again. */
static bool is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool held = false;

	if (fd >= 0) {
		held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
		close(fd);
	}
	return held;
}

static double number_of(const struct ebb_journal_view *v, const char *name)
{
	for (int i = 0; i < v->n_fields; i++)
		if (strcmp(v->field[i].name, name) == 0 && v->field[i].axis == EBB_AXIS_STEP &&
		    v->field[i].rank == 0 && v->field[i].element == EBB_F64_ELEMENT &&
		    v->mark.rows[EBB_AXIS_STEP] > 0)
			return *(const double *)v->row[i];
	return NAN;
}

static void read_journal(const char *path, struct ebb_standing *s)
{
	struct ebb_journal_view view;
	struct ebb_err err = EBB_ERR_INIT;

	int rc = ebb_journal_last(&view, path, EBB_AXIS_STEP, &err);

	if (rc < 0) {
		if (rc != EBB_ENOENT) /* a trial that began and said nothing yet is no damage */
			set_cause(s, err.text);
		return;
	}
	s->step = view.mark.rows[EBB_AXIS_STEP];
	s->steps = view.steps;
	s->attempt = view.attempt;
	s->entropy = number_of(&view, "actor/entropy");
	s->reward = number_of(&view, "reward/mean");
	ebb_journal_view_release(&view);
}

static void read_failed(const char *path, struct ebb_standing *s)
{
	struct ebb_err err = EBB_ERR_INIT;
	const char *cause;
	json_t *root = NULL, *attempt;
	char *text = NULL;
	size_t n;

	if (ebb_file_read(path, FAILED_BYTES_MAX, &text, &n, &err) < 0) {
		set_cause(s, err.text);
		return;
	}
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	cause = json_string_value(json_object_get(root, "cause"));
	attempt = json_object_get(root, "attempt");
	if (cause)
		set_cause(s, cause);
	else
		snprintf(s->cause, sizeof s->cause, "why cannot be read from '%.200s'", path);
	if (json_is_integer(attempt) && json_integer_value(attempt) >= s->attempt &&
	    json_integer_value(attempt) <= INT32_MAX)
		s->attempt = (int)json_integer_value(attempt);
	json_decref(root);
	free(text);
}

/* Without a sound record: what journal, checkpoint and mark of failure say. */
static void read_unfinished(const char *run_dir, const char *id, bool held, struct ebb_standing *s)
{
	char *rows = path_of(run_dir, EBB_CHECKPOINTS_DIR, id, ".rows"),
	     *mark = path_of(run_dir, EBB_CHECKPOINTS_DIR, id, ".failed"),
	     *state = path_of(run_dir, EBB_CHECKPOINTS_DIR, id, ".h5");
	struct stat st;

	if (stat(rows, &st) == 0) {
		s->state = held ? EBB_STATE_RUNNING : EBB_STATE_STALE;
		s->age_s = age_of(&st);
		read_journal(rows, s);
		s->resume = ebb_tensors_step(state);
	}
	if (!held && stat(mark, &st) == 0) {
		s->state = EBB_STATE_FAILED;
		s->age_s = age_of(&st);
		read_failed(mark, s);
	}
	free(rows);
	free(mark);
	free(state);
}

void ebb_standing_read(const char *run_dir, const char *id, struct ebb_standing *s)
{
	char *record = path_of(run_dir, EBB_TRIALS_DIR, id, ".h5"),
	     *rows = path_of(run_dir, EBB_CHECKPOINTS_DIR, id, ".rows");
	/* The lock before the record: a trial that ends between the two looks is then done, not
	 * stale; its journal is let go after its record has its name. */
	bool held = is_held(rows);
	struct stat st;

	*s = (struct ebb_standing){
		.step = -1, .steps = -1, .resume = -1, .reward = NAN, .entropy = NAN};
	if (stat(record, &st) == 0) {
		s->age_s = age_of(&st);
		read_finished(record, s);
	}
	if (!ebb_state_finished(s->state))
		read_unfinished(run_dir, id, held, s);
	free(record);
	free(rows);
}

/* A file without a seal was cut short, or edited: only the library can tell, and not while a writer
 * holds the lock that it asks for. */
static int check_unsealed(const char *path, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return ebb_err_set(err, EBB_EIO, "cannot open '%s': %s", path, strerror(errno));
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		rc = ebb_err_set(err, EBB_EBUSY,
				 "another program has '%s' open for writing; close it there", path);
	close(fd);
	if (rc == 0 && ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, err) < 0)
		rc = EBB_EFORMAT;
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_standing_check(const char *run_dir, const char *id, struct ebb_err *err)
{
	char *path = path_of(run_dir, EBB_TRIALS_DIR, id, ".h5");
	int rc = ebb_seal_check(path, err);

	if (rc == 0 && !ebb_seal_there(path))
		rc = check_unsealed(path, err);
	free(path);
	return rc;
}

int ebb_standing_fail(const char *run_dir, const char *id, int attempt, const char *cause,
		      struct ebb_err *err)
{
	char *path = path_of(run_dir, EBB_CHECKPOINTS_DIR, id, ".failed"), now[32];
	char *folder = ebb_path_join(run_dir, EBB_CHECKPOINTS_DIR);
	struct ebb_buf text = EBB_BUF_INIT;
	int rc = 0;

	if (!cause) {
		if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
			rc = ebb_err_set(err, EBB_EIO, "cannot remove '%s': %s", path,
					 strerror(errno));
	} else {
		ebb_time_text(now);
		ebb_buf_printf(&text, "{\"time\":\"%s\",\"attempt\":%d,\"cause\":", now, attempt);
		ebb_buf_json(&text, cause);
		ebb_buf_puts(&text, "}\n");
		rc = ebb_dir_make(folder, err);
		if (rc == 0)
			rc = ebb_file_write(path, text.data, text.len, err);
	}
	ebb_buf_release(&text);
	free(folder);
	free(path);
	return rc;
}
