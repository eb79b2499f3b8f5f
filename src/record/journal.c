/*
 * Why a journal beside the part. The part is for people: h5py follows it while the trial runs. But
 * HDF5 keeps its own tree of chunks and sizes, writes it when it likes, cannot be told to stand at
 * a chosen row again, and 1.10 opens a file that was being written only after repairs that throw
 * rows away. Going on with a trial needs the opposite: a file of which every prefix is a past state,
 * cut with ftruncate(2), made durable with one fdatasync(2), and damaged nowhere but at its end by
 * whatever killed the writer. So the rows are written twice, at a few hundred bytes a step; a part
 * is then made anew from the journal, and the writer never has to trust what a dead process left.
 */
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "record/block.h"
#include "record/schema.h"

/* A reader that asks whether a trial runs holds the lock for some microseconds. */
#define LOCK_TRIES   20
#define LOCK_WAIT_MS 10

struct ebb_journal {
	char *path;
	int fd;
	struct shape {
		enum ebb_axis axis;
		int64_t row_bytes;
	} * shape;
	int n_fields;
	struct ebb_journal_mark end;
	unsigned char *block; /* one block as it goes to the file */
	size_t room;
	bool named; /* the folder knows the file for good */
};

static int failed(struct ebb_err *err, const char *path, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return ebb_err_set(err, EBB_EIO, "cannot %s '%s': %s%s", what, path, strerror(errno),
			   full ? "; no room left for the file; free some space and run again"
				: "");
}

/* All or nothing: what a full disk leaves of a block is cut off again. */
static int write_block(struct ebb_journal *j, int64_t n, struct ebb_err *err)
{
	int64_t at = 0;

	while (at < n) {
		ssize_t k = pwrite(j->fd, j->block + at, (size_t)(n - at), j->end.bytes + at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			errno = k ? errno : ENOSPC;
			failed(err, j->path, "write");
			if (ftruncate(j->fd, j->end.bytes) < 0)
				return EBB_EIO; /* a torn block does not count either */
			return EBB_EIO;
		}
		at += k;
	}
	j->end.bytes += n;
	return 0;
}

static int make_room(struct ebb_journal *j, int64_t bytes, struct ebb_err *err)
{
	unsigned char *block;

	if ((size_t)bytes <= j->room)
		return 0;
	block = realloc(j->block, (size_t)bytes);
	if (!block)
		return ebb_err_set(err, EBB_ENOMEM, "out of memory for %lld bytes of '%s'",
				   (long long)bytes, j->path);
	j->block = block;
	j->room = (size_t)bytes;
	return 0;
}

static int write_text(struct ebb_journal *j, const struct ebb_trial_head *head,
		      const struct ebb_field *field, int n_fields, struct ebb_err *err)
{
	struct ebb_buf text = EBB_BUF_INIT;
	struct ebb_block block = {.kind = EBB_BLOCK_TEXT};
	char started[32];
	int rc;

	ebb_time_text(started);
	ebb_block_text(&text, head, started, field, n_fields);
	block.bytes = (int64_t)text.len;
	rc = make_room(j, EBB_BLOCK_HEADER + block.bytes, err);
	if (rc == 0) {
		memcpy(j->block + EBB_BLOCK_HEADER, text.data, text.len);
		ebb_block_pack(&block, text.data, j->block);
		rc = write_block(j, EBB_BLOCK_HEADER + block.bytes, err);
	}
	ebb_buf_release(&text);
	return rc;
}

/* Open and lock. Whoever finishes a trial may remove its journal while we wait for the lock: then
 * what we locked is no longer the file of that name. */
static int open_locked(struct ebb_journal *j, struct ebb_err *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		struct stat ours, there;

		if (i > 0)
			nanosleep(&(struct timespec){.tv_nsec = LOCK_WAIT_MS * 1000000L}, NULL);
		j->fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (j->fd < 0)
			return failed(err, j->path, "open");
		if (flock(j->fd, LOCK_EX | LOCK_NB) == 0) {
			if (fstat(j->fd, &ours) == 0 && stat(j->path, &there) == 0 &&
			    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
				return 0;
		} else if (errno != EWOULDBLOCK && errno != EINTR) {
			return failed(err, j->path, "lock");
		}
		close(j->fd);
		j->fd = -1;
	}
	return ebb_err_set(err, EBB_EBUSY,
			   "another process writes '%s'; wait for it, or stop it and run again",
			   j->path);
}

/* Is the prefix what the mark says, and of this trial? */
static int check_prefix(const char *path, const struct ebb_trial_head *head,
			const struct ebb_field *field, int n_fields,
			const struct ebb_journal_mark *keep, struct ebb_err *err)
{
	struct ebb_journal_view view = {0};
	int rc = ebb_journal_read(&view, path, keep, err);

	if (rc == EBB_ENOENT)
		rc = EBB_EFORMAT;
	if (rc == 0 && strcmp(view.id, head->id) != 0)
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' has the rows of trial %s, not %s", path,
				 view.id, head->id);
	if (rc == 0)
		rc = ebb_journal_fits(&view, path, field, n_fields, err);
	ebb_journal_view_release(&view);
	return rc;
}

static int take_shapes(struct ebb_journal *j, const struct ebb_field *field, int n_fields,
		       struct ebb_err *err)
{
	j->n_fields = n_fields;
	j->shape = ebb_xcalloc((size_t)n_fields + 1, sizeof *j->shape);
	for (int i = 0; i < n_fields; i++) {
		j->shape[i].axis = field[i].axis;
		j->shape[i].row_bytes = ebb_field_row_bytes(&field[i]);
		if (j->shape[i].row_bytes < 0)
			return ebb_err_set(err, EBB_EINVAL, "dataset '%s' has an impossible shape",
					   field[i].name);
	}
	return 0;
}

int ebb_journal_open(struct ebb_journal **out, const char *path, const struct ebb_trial_head *head,
		     const struct ebb_field *field, int n_fields,
		     const struct ebb_journal_mark *keep, struct ebb_err *err)
{
	struct ebb_journal *j = ebb_xcalloc(1, sizeof *j);
	bool fresh = !keep || keep->bytes == 0;
	struct stat st = {0};
	int rc;

	*out = NULL;
	j->fd = -1;
	j->path = ebb_xstrdup(path);
	rc = take_shapes(j, field, n_fields, err);
	if (rc == 0 && !fresh && !ebb_file_exists(path))
		rc = ebb_err_set(err, EBB_EFORMAT, "no file '%s', whose rows are wanted", path);
	if (rc == 0)
		rc = open_locked(j, err);
	if (rc == 0 && !fresh)
		rc = check_prefix(path, head, field, n_fields, keep, err);
	if (rc == 0) {
		if (!fresh)
			j->end = *keep;
		if (fstat(j->fd, &st) < 0 || ftruncate(j->fd, j->end.bytes) < 0)
			rc = failed(err, path, "cut");
	}
	if (rc == 0)
		rc = write_text(j, head, field, fresh ? n_fields : 0, err);
	if (rc < 0) {
		if (j->fd >= 0 && fresh && j->end.bytes == 0 && st.st_size == 0 && rc != EBB_EBUSY)
			unlink(path); /* it was not there before, or empty; we hold its lock */
		ebb_journal_close(j);
		return rc;
	}
	*out = j;
	return 0;
}

int ebb_journal_append(struct ebb_journal *j, enum ebb_axis axis, int64_t n, const void *const *row,
		       struct ebb_err *err)
{
	struct ebb_block block = {.kind = 1 + (int)axis, .n = n};
	int64_t row_bytes = 0;
	unsigned char *to;
	int rc;

	if ((unsigned)axis >= EBB_N_AXES)
		EBB_BUG("axis %d", (int)axis);
	if (n <= 0)
		return 0;
	for (int i = 0; i < j->n_fields; i++)
		if (j->shape[i].axis == axis)
			row_bytes += j->shape[i].row_bytes;
	if (row_bytes == 0) /* rows without fields are no rows, and no reader takes them for any */
		return 0;
	if (n > EBB_BLOCK_ROWS_MAX - j->end.rows[axis] || n > EBB_BLOCK_DATA_MAX / row_bytes)
		return ebb_err_set(err, EBB_EINVAL, "%lld rows are too many for '%s'", (long long)n,
				   j->path);
	block.first = j->end.rows[axis];
	block.bytes = n * row_bytes;
	rc = make_room(j, EBB_BLOCK_HEADER + block.bytes, err);
	if (rc < 0)
		return rc;
	to = j->block + EBB_BLOCK_HEADER;
	for (int i = 0; i < j->n_fields; i++) {
		size_t bytes = (size_t)(n * j->shape[i].row_bytes);

		if (j->shape[i].axis != axis)
			continue;
		memcpy(to, row[i], bytes);
		to += bytes;
	}
	ebb_block_pack(&block, j->block + EBB_BLOCK_HEADER, j->block);
	rc = write_block(j, EBB_BLOCK_HEADER + block.bytes, err);
	if (rc == 0)
		j->end.rows[axis] += n;
	return rc;
}

/* The name of a new file is durable once its folder is. Some file systems cannot sync folders;
 * their names are as durable as they get. */
static int sync_folder(const char *path, struct ebb_err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = !slash          ? ebb_xstrdup(".")
		       : slash == path ? ebb_xstrdup("/")
				       : ebb_xprintf("%.*s", (int)(slash - path), path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		rc = failed(err, folder, "sync");
	if (fd >= 0)
		close(fd);
	free(folder);
	return rc;
}

int ebb_journal_sync(struct ebb_journal *j, struct ebb_journal_mark *mark, struct ebb_err *err)
{
	int rc = fdatasync(j->fd) < 0 ? failed(err, j->path, "sync") : 0;

	if (rc == 0 && !j->named)
		rc = sync_folder(j->path, err);
	if (rc < 0)
		return rc;
	j->named = true;
	*mark = j->end;
	return 0;
}

void ebb_journal_close(struct ebb_journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	free(j->path);
	free(j->shape);
	free(j->block);
	free(j);
}
