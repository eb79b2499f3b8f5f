#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hash.h"
#include "record/block.h"

#define WINDOW (1 << 18) /* bytes read at once: blocks are mostly small */

struct source {
	const char *path;
	int fd;
	int64_t size; /* when it was opened; what comes in later is not looked at */
	unsigned char *window;
	int64_t at, n; /* the window is bytes at .. at + n - 1 */
};

/* Bytes at .. at + n - 1 of the file: true, or false where they could not be had. */
static bool take(struct source *s, int64_t at, void *to, int64_t n)
{
	unsigned char *p = n < WINDOW ? s->window : to;
	int64_t want = n < WINDOW ? WINDOW : n, got = 0;

	if (n > s->size - at)
		return false;
	if (at >= s->at && at + n <= s->at + s->n) {
		memcpy(to, s->window + (at - s->at), (size_t)n);
		return true;
	}
	if (want > s->size - at)
		want = s->size - at;
	while (got < want) {
		ssize_t k = pread(s->fd, p + got, (size_t)(want - got), at + got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		got += k;
	}
	if (p == s->window) {
		s->at = at;
		s->n = got;
		if (got >= n)
			memcpy(to, p, (size_t)n);
	}
	return got >= n;
}

static int source_open(struct source *s, const char *path, struct ebb_err *err)
{
	struct stat st;

	*s = (struct source){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	if (s->fd < 0)
		return ebb_err_set(err, errno == ENOENT ? EBB_ENOENT : EBB_EIO,
				   "cannot read '%s': %s", path, strerror(errno));
	if (fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(s->fd);
		return ebb_err_set(err, EBB_EFORMAT, "'%s' is not a file", path);
	}
	s->size = st.st_size;
	s->window = ebb_calloc(1, WINDOW, err);
	if (!s->window) {
		close(s->fd);
		return EBB_ENOMEM;
	}
	return 0;
}

static void source_close(struct source *s)
{
	free(s->window);
	close(s->fd);
}

static void row_bytes_of(const struct ebb_journal_view *view, int64_t bytes[EBB_N_AXES])
{
	for (int a = 0; a < EBB_N_AXES; a++)
		bytes[a] = 0;
	for (int i = 0; i < view->n_fields; i++)
		bytes[view->field[i].axis] += ebb_field_row_bytes(&view->field[i]);
}

/* A header at this place that a journal can have here: its rows follow those before, and its
 * payload has the size that the fields give, inside the file. The CRC is not looked at. */
static bool next_block(struct source *s, int64_t at, const int64_t row_bytes[EBB_N_AXES],
		       const int64_t rows[EBB_N_AXES], struct ebb_block *block,
		       unsigned char header[EBB_BLOCK_HEADER])
{
	if (!take(s, at, header, EBB_BLOCK_HEADER) || !ebb_block_unpack(block, header) ||
	    block->bytes > s->size - at - EBB_BLOCK_HEADER)
		return false;
	if (block->kind == EBB_BLOCK_TEXT)
		return true;
	return block->first == rows[block->kind - 1] && row_bytes[block->kind - 1] > 0 &&
	       block->bytes / row_bytes[block->kind - 1] == block->n &&
	       block->bytes % row_bytes[block->kind - 1] == 0;
}

static bool take_text(struct source *s, int64_t at, const struct ebb_block *block,
		      const unsigned char header[EBB_BLOCK_HEADER], struct ebb_journal_view *view)
{
	char *text = malloc((size_t)block->bytes);
	bool good =
		text && take(s, at + EBB_BLOCK_HEADER, text, block->bytes) &&
		ebb_crc32(ebb_block_crc_start(header), text, (size_t)block->bytes) == block->crc &&
		ebb_block_text_read(view, text, (size_t)block->bytes);

	free(text);
	return good;
}

/* The rows of a block into the arrays of the view, from row `to` on; they count once the CRC fits. */
static bool take_rows(struct source *s, int64_t at, const struct ebb_block *block,
		      const unsigned char header[EBB_BLOCK_HEADER], struct ebb_journal_view *view,
		      int64_t to)
{
	uint32_t crc = ebb_block_crc_start(header);

	at += EBB_BLOCK_HEADER;
	for (int i = 0; i < view->n_fields; i++) {
		int64_t row_bytes = ebb_field_row_bytes(&view->field[i]), n = block->n * row_bytes;
		char *row = (char *)view->row[i] + to * row_bytes;

		if ((int)view->field[i].axis != block->kind - 1)
			continue;
		if (!take(s, at, row, n))
			return false;
		crc = ebb_crc32(crc, row, (size_t)n);
		at += n;
	}
	return crc == block->crc;
}

/* Did its writer die inside the first block? Then the file is nothing but the beginning of one: text
 * without the bracket and newline that end it, which a header that merely claims too much still has. */
static bool is_begun(struct source *s)
{
	unsigned char header[EBB_BLOCK_HEADER] = {0};
	int64_t n = s->size - EBB_BLOCK_HEADER;
	struct ebb_block block;
	bool begun;
	char *text;

	if (n < 0)
		return take(s, 0, header, s->size) && ebb_block_begins(header, s->size);
	if (!take(s, 0, header, EBB_BLOCK_HEADER) || !ebb_block_unpack(&block, header) ||
	    block.kind != EBB_BLOCK_TEXT || block.bytes <= n)
		return false;
	text = malloc((size_t)n + 1);
	begun = text && take(s, EBB_BLOCK_HEADER, text, n) && !memmem(text, (size_t)n, "}\n", 2);
	free(text);
	return begun;
}

static int read_first(struct source *s, struct ebb_journal_view *view, struct ebb_err *err)
{
	unsigned char header[EBB_BLOCK_HEADER];
	const int64_t none[EBB_N_AXES] = {0};
	struct ebb_block block;

	if (is_begun(s))
		return ebb_err_set(err, EBB_ENOENT, "'%s' has no whole block yet", s->path);
	if (!next_block(s, 0, none, none, &block, header) || block.kind != EBB_BLOCK_TEXT ||
	    !take_text(s, 0, &block, header, view))
		return ebb_err_set(err, EBB_EFORMAT,
				   "'%s' does not begin like a journal of this program", s->path);
	view->mark.bytes = EBB_BLOCK_HEADER + block.bytes;
	return 0;
}

/* How many rows there are by the headers alone: room for what the blocks may turn out to hold, and
 * never more than the bytes of the file. */
static int make_rows(struct source *s, const struct ebb_journal_view *view, int64_t end,
		     const int64_t row_bytes[EBB_N_AXES], int64_t room[EBB_N_AXES], void **row,
		     struct ebb_err *err)
{
	unsigned char header[EBB_BLOCK_HEADER];
	struct ebb_block block;

	for (int64_t at = view->mark.bytes;
	     at < end && next_block(s, at, row_bytes, room, &block, header);
	     at += EBB_BLOCK_HEADER + block.bytes)
		if (block.kind != EBB_BLOCK_TEXT)
			room[block.kind - 1] += block.n;
	for (int i = 0; i < view->n_fields; i++) {
		int64_t n = room[view->field[i].axis], bytes = ebb_field_row_bytes(&view->field[i]);

		/* a field may claim rows of a GiB in a journal that holds none */
		row[i] = ebb_calloc(n ? (size_t)n : 1, n ? (size_t)bytes : 1, err);
		if (!row[i])
			return EBB_ENOMEM;
	}
	return 0;
}

static int read_rows(struct source *s, struct ebb_journal_view *view,
		     const struct ebb_journal_mark *upto, struct ebb_err *err)
{
	int64_t end = upto && upto->bytes < s->size ? upto->bytes : s->size, row_bytes[EBB_N_AXES],
		room[EBB_N_AXES] = {0};
	struct ebb_journal_mark *mark = &view->mark;
	unsigned char header[EBB_BLOCK_HEADER];
	struct ebb_block block;
	int rc;

	row_bytes_of(view, row_bytes);
	view->row = ebb_xcalloc((size_t)view->n_fields, sizeof *view->row);
	rc = make_rows(s, view, end, row_bytes, room, view->row, err);
	if (rc < 0)
		return rc;
	while (mark->bytes < end &&
	       next_block(s, mark->bytes, row_bytes, mark->rows, &block, header)) {
		int axis = block.kind - 1;

		if (block.kind == EBB_BLOCK_TEXT) {
			if (!take_text(s, mark->bytes, &block, header, view))
				break;
		} else {
			/* the file may have changed since the room was made */
			if (block.n > room[axis] - mark->rows[axis] ||
			    !take_rows(s, mark->bytes, &block, header, view, block.first))
				break;
			mark->rows[axis] += block.n;
		}
		mark->bytes += EBB_BLOCK_HEADER + block.bytes;
	}
	return 0;
}

int ebb_journal_read(struct ebb_journal_view *view, const char *path,
		     const struct ebb_journal_mark *upto, struct ebb_err *err)
{
	struct source s;
	int rc;

	*view = (struct ebb_journal_view){0};
	rc = source_open(&s, path, err);
	if (rc < 0)
		return rc;
	rc = read_first(&s, view, err);
	if (rc == 0)
		rc = read_rows(&s, view, upto, err);
	if (rc == 0 && upto && memcmp(upto, &view->mark, sizeof *upto) != 0)
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "'%s' is damaged: its first %lld bytes should hold %lld steps, "
				 "whole are %lld bytes with %lld steps",
				 path, (long long)upto->bytes, (long long)upto->rows[EBB_AXIS_STEP],
				 (long long)view->mark.bytes,
				 (long long)view->mark.rows[EBB_AXIS_STEP]);
	source_close(&s);
	if (rc < 0)
		ebb_journal_view_release(view);
	return rc;
}

/* ---- the last row ---- */

/* Arrays for n rows of an axis. */
static int make_room(struct ebb_journal_view *view, enum ebb_axis axis, int64_t n,
		     struct ebb_err *err)
{
	view->row = ebb_xcalloc((size_t)view->n_fields, sizeof *view->row);
	for (int i = 0; i < view->n_fields; i++) {
		if (view->field[i].axis != axis)
			continue;
		view->row[i] = ebb_calloc((size_t)n + 1,
					  (size_t)ebb_field_row_bytes(&view->field[i]), err);
		if (!view->row[i])
			return EBB_ENOMEM;
	}
	return 0;
}

/* Row n - 1 of every array of the axis goes to the front; the other arrays go. */
static void keep_row(struct ebb_journal_view *view, enum ebb_axis axis, int64_t n)
{
	for (int i = 0; i < view->n_fields; i++) {
		size_t bytes = (size_t)ebb_field_row_bytes(&view->field[i]);

		if (view->field[i].axis != axis) {
			free(view->row[i]);
			view->row[i] = NULL;
		} else if (n > 0) {
			memmove(view->row[i], (char *)view->row[i] + (size_t)(n - 1) * bytes,
				bytes);
		}
	}
}

/* Walk the headers to the last block of the axis and read that one. 0, 1: something on the way is
 * not as it should be, only a full reading can tell; negative: failed. */
static int read_last(struct source *s, struct ebb_journal_view *view, enum ebb_axis axis,
		     struct ebb_err *err)
{
	unsigned char header[EBB_BLOCK_HEADER], last_header[EBB_BLOCK_HEADER];
	struct ebb_journal_mark *mark = &view->mark;
	struct ebb_block block, last = {0};
	int64_t row_bytes[EBB_N_AXES], last_at = 0;
	int rc;

	row_bytes_of(view, row_bytes);
	while (mark->bytes < s->size &&
	       next_block(s, mark->bytes, row_bytes, mark->rows, &block, header)) {
		if (block.kind == EBB_BLOCK_TEXT) {
			if (!take_text(s, mark->bytes, &block, header, view))
				return 1;
		} else {
			mark->rows[block.kind - 1] += block.n;
		}
		if (block.kind == 1 + (int)axis) {
			last = block;
			last_at = mark->bytes;
			memcpy(last_header, header, sizeof header);
		}
		mark->bytes += EBB_BLOCK_HEADER + block.bytes;
	}
	rc = make_room(view, axis, last.n, err);
	if (rc < 0 || last.n == 0)
		return rc;
	if (!take_rows(s, last_at, &last, last_header, view, 0))
		return 1;
	keep_row(view, axis, last.n);
	return 0;
}

int ebb_journal_last(struct ebb_journal_view *view, const char *path, enum ebb_axis axis,
		     struct ebb_err *err)
{
	struct source s;
	int rc;

	*view = (struct ebb_journal_view){0};
	rc = source_open(&s, path, err);
	if (rc < 0)
		return rc;
	rc = read_first(&s, view, err);
	if (rc == 0)
		rc = read_last(&s, view, axis, err);
	source_close(&s);
	if (rc == 0)
		return 0;
	ebb_journal_view_release(view);
	if (rc == 1) {
		rc = ebb_journal_read(view, path, NULL, err);
		if (rc == 0)
			keep_row(view, axis, view->mark.rows[axis]);
	}
	return rc;
}

void ebb_journal_view_release(struct ebb_journal_view *view)
{
	for (int i = 0; i < view->n_fields; i++) {
		struct ebb_field *f = &view->field[i];

		free((char *)f->name);
		free((char *)f->unit);
		free((char *)f->about);
		free((char *)f->source);
		for (int k = 0; k < 3; k++)
			free((char *)f->dim_about[k]);
		if (view->row)
			free(view->row[i]);
	}
	free(view->field);
	free(view->row);
	*view = (struct ebb_journal_view){0};
}
