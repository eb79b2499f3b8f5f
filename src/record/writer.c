#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/file.h"
#include "record/block.h"
#include "record/schema.h"
#include "record/seal.h"

#define BUFFER_ROWS  1024      /* rows of one axis kept in memory at most ...             */
#define BUFFER_BYTES (1 << 20) /* ... and their bytes, one row excepted                   */
#define COPY_BYTES   (4 << 20) /* at once, when a part is rewritten                       */

struct column {
	struct ebb_field field; /* strings owned                                          */
	size_t row_bytes;
	hid_t dset;      /* in the part                                                   */
	int64_t written; /* rows of the dataset                                           */
	char *buffer;    /* rows base .. base + buffered - 1, then the staged one  (capacity + 1) */
};

struct lane {              /* one axis */
	int64_t base;      /* rows that are in part and journal, in every dataset          */
	int64_t journaled; /* rows that are in the journal                                 */
	int buffered, capacity;
	bool staged; /* something was set since the last row                               */
};

struct ebb_writer {
	char *path, *tmp, *part; /* <id>.h5, <id>.h5.tmp, <id>.h5.part                    */
	char *rows;              /* <id>.rows                                             */
	struct ebb_journal *journal;
	struct ebb_trial_head head;
	struct ebb_options options;
	struct ebb_trial_state state;
	struct ebb_h5scope h5;
	hid_t file;
	struct column *column;
	const void **row; /* where the journal finds the rows of a column */
	int n_columns;
	struct lane lane[EBB_N_AXES];
	struct ebb_arena arena;
};

static void writer_free(struct ebb_writer *w)
{
	if (w->file >= 0)
		ebb_h5_close_file(&w->h5, w->file, w->part, NULL);
	ebb_h5scope_close(&w->h5);
	ebb_journal_close(w->journal);
	ebb_arena_release(&w->arena);
	for (int i = 0; i < w->n_columns; i++) {
		struct ebb_field *f = &w->column[i].field;

		free((char *)f->name);
		free((char *)f->unit);
		free((char *)f->about);
		free((char *)f->source);
		for (int k = 0; k < 3; k++)
			free((char *)f->dim_about[k]);
	}
	free(w->column);
	free(w->row);
	free((char *)w->head.id);
	free((char *)w->head.label);
	for (int i = 0; w->head.history && w->head.history[i]; i++)
		free((char *)w->head.history[i]);
	free((char **)w->head.history);
	free(w->path);
	free(w->tmp);
	free(w->part);
	free(w->rows);
	free(w);
}

static char *dup_text(const char *s)
{
	return ebb_xstrdup(s ? s : "");
}

static const char *const *dup_history(const char *const *line)
{
	const char **copy;
	size_t n = 0;

	while (line && line[n])
		n++;
	copy = ebb_xcalloc(n + 1, sizeof *copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = dup_text(line[i]);
	return copy;
}

static int take_field(struct column *c, const struct ebb_field *f, struct ebb_err *err)
{
	c->field = *f;
	c->field.name = dup_text(f->name);
	c->field.unit = dup_text(f->unit);
	c->field.about = dup_text(f->about);
	c->field.source = dup_text(f->source);
	for (int k = 0; k < 3; k++)
		c->field.dim_about[k] = k < f->rank ? dup_text(f->dim_about[k]) : NULL;
	if (!f->name || !*f->name || *f->name == '/')
		return ebb_err_set(err, EBB_EINVAL, "'%s' cannot name a dataset", c->field.name);
	if (f->rank < 0 || f->rank > 3 || (unsigned)f->axis >= EBB_N_AXES)
		return ebb_err_set(err, EBB_EINVAL, "dataset '%s': rank %d, axis %d", f->name,
				   f->rank, (int)f->axis);
	if (ebb_field_is_coordinate(f) && f->rank != 0)
		return ebb_err_set(err, EBB_EINVAL, "dataset '%s': a coordinate is one number",
				   f->name);
	if (ebb_field_row_bytes(f) < 0)
		return ebb_err_set(err, EBB_EINVAL,
				   "dataset '%s': a row of %d x %d x %d elements; rows have 1 to "
				   "%lld bytes",
				   f->name, f->dim[0], f->rank > 1 ? f->dim[1] : 1,
				   f->rank > 2 ? f->dim[2] : 1, (long long)EBB_ROW_BYTES_MAX);
	c->row_bytes = (size_t)ebb_field_row_bytes(f);
	return 0;
}

static char *slot(const struct column *c, int64_t row)
{
	return c->buffer + (size_t)row * c->row_bytes;
}

/* Everything not set until the row is appended stays missing. */
static void stage_missing(const struct column *c, int row)
{
	ebb_element_missing(c->field.element, slot(c, row),
			    c->row_bytes / ebb_element_bytes(c->field.element));
}

static int make_buffers(struct ebb_writer *w, struct ebb_err *err)
{
	for (int a = 0; a < EBB_N_AXES; a++) {
		size_t bytes = 1;

		for (int i = 0; i < w->n_columns; i++)
			if ((int)w->column[i].field.axis == a)
				bytes += w->column[i].row_bytes;
		w->lane[a].capacity = (int)(BUFFER_BYTES / bytes);
		if (w->lane[a].capacity > BUFFER_ROWS)
			w->lane[a].capacity = BUFFER_ROWS;
		if (w->lane[a].capacity < 1)
			w->lane[a].capacity = 1;
	}
	for (int i = 0; i < w->n_columns; i++) {
		struct column *c = &w->column[i];

		ebb_arena_add(&w->arena, &c->buffer, (size_t)w->lane[c->field.axis].capacity + 1,
			      c->row_bytes);
	}
	if (ebb_arena_commit(&w->arena, err) < 0)
		return EBB_ENOMEM;
	for (int i = 0; i < w->n_columns; i++)
		stage_missing(&w->column[i], 0);
	return 0;
}

/* Remove a file that failed, and its bytes even where the library still holds it open. */
static void discard(const char *path)
{
	if (truncate(path, 0) == 0 || errno != ENOENT)
		unlink(path);
}

/* Name of the first coordinate of an axis: the one a reader gets as x. */
static const char *coordinate_of(const struct ebb_writer *w, enum ebb_axis axis)
{
	for (int i = 0; i < w->n_columns; i++)
		if (w->column[i].field.axis == axis && ebb_field_is_coordinate(&w->column[i].field))
			return w->column[i].field.name;
	return NULL;
}

/*
 * page: nothing the library rewrites in place may lie across a page. A write(2) that SIGKILL meets
 * ends between two pages, and an object header torn there fails its checksum: without alignment
 * 24 of 2500 kills left a part with a dataset that nobody could open; with it, none of 2500.
 */
static hid_t make_file(struct ebb_h5scope *h5, const char *path, H5F_libver_t low, bool page,
		       struct ebb_err *err)
{
	hid_t access = ebb_h5_keep(h5, H5Pcreate(H5P_FILE_ACCESS)), file = H5I_INVALID_HID;

	if (access >= 0 && H5Pset_libver_bounds(access, low, H5F_LIBVER_V110) >= 0 &&
	    (!page ||
	     (H5Pset_alignment(access, 1, 4096) >= 0 && H5Pset_meta_block_size(access, 0) >= 0)))
		file = ebb_h5_keep(h5, H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access));
	if (file < 0)
		ebb_h5_fail(err, EBB_EIO, "cannot create '%s'", path);
	return file;
}

/*
 * A SWMR file can be read after a kill only from H5Fstart_swmr_write on, so the part gets its name
 * after that: a name that ends in .part can be read.
 */
static int make_part(struct ebb_writer *w, struct ebb_err *err)
{
	int rc;

	w->file = make_file(&w->h5, w->tmp, H5F_LIBVER_V110, true, err);
	if (w->file < 0)
		return EBB_EIO;
	rc = ebb_schema_head(w->file, &w->head, &w->state, err);
	for (int i = 0; i < w->n_columns && rc == 0; i++) {
		struct column *c = &w->column[i];

		c->dset = ebb_schema_dataset(&w->h5, w->file, &c->field, -1,
					     coordinate_of(w, c->field.axis), err);
		rc = c->dset < 0 ? EBB_EIO : 0;
	}
	if (rc == 0 && H5Fstart_swmr_write(w->file) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot start writing '%s'", w->tmp);
	if (rc == 0 && rename(w->tmp, w->part) < 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot rename '%s' to '%s': %s", w->tmp, w->part,
				 strerror(errno));
	return rc;
}

/* A journal of its own is cut to the mark, which checks it, and then read; another trial's is read
 * before anything of this trial is touched. */
static int take_up(struct ebb_writer *w, const struct ebb_writer_from *from,
		   const struct ebb_field *field, struct ebb_journal_view *rows,
		   struct ebb_err *err)
{
	struct stat ours, theirs;
	bool own;
	int rc = 0;

	if (from && from->mark->bytes == 0)
		from = NULL;
	own = from && stat(w->rows, &ours) == 0 && stat(from->journal, &theirs) == 0 &&
	      ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	if (from && !own) {
		rc = ebb_journal_read(rows, from->journal, from->mark, err);
		if (rc == EBB_ENOENT)
			rc = err->code = EBB_EFORMAT;
		if (rc == 0)
			rc = ebb_journal_fits(rows, from->journal, field, w->n_columns, err);
	}
	if (rc == 0)
		rc = ebb_journal_open(&w->journal, w->rows, &w->head, field, w->n_columns,
				      own ? from->mark : NULL, err);
	if (rc == 0 && own) {
		rc = ebb_journal_read(rows, w->rows, from->mark, err);
		for (int a = 0; a < EBB_N_AXES; a++)
			w->lane[a].journaled = from->mark->rows[a];
	}
	return rc;
}

/* The rows of a journal go the way of all rows, so that every count is as if they had just been
 * written; what the journal has already, it does not get twice. */
static int replay(struct ebb_writer *w, const struct ebb_journal_view *rows, struct ebb_err *err)
{
	int rc = 0;

	for (int a = 0; a < EBB_N_AXES; a++)
		for (int64_t r = 0; r < rows->mark.rows[a] && rc == 0; r++) {
			for (int i = 0; i < w->n_columns; i++)
				if ((int)w->column[i].field.axis == a)
					ebb_writer_set(w, i,
						       (char *)rows->row[i] +
							       (size_t)r * w->column[i].row_bytes);
			rc = ebb_writer_row(w, (enum ebb_axis)a, err);
		}
	return rc == 0 ? ebb_writer_flush(w, err) : rc;
}

static struct ebb_writer *writer_make(const char *run_dir, const struct ebb_trial_head *head,
				      int n_fields)
{
	struct ebb_writer *w = ebb_xcalloc(1, sizeof *w);

	w->file = H5I_INVALID_HID;
	w->options = *head->options;
	w->head = *head;
	w->head.id = dup_text(head->id);
	w->head.label = dup_text(head->label);
	w->head.history = dup_history(head->history);
	w->head.options = &w->options;
	w->path = ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", run_dir, head->id);
	w->tmp = ebb_xprintf("%s.tmp", w->path);
	w->part = ebb_xprintf("%s.part", w->path);
	w->rows = ebb_xprintf("%s/" EBB_CHECKPOINTS_DIR "/%s.rows", run_dir, head->id);
	w->state = (struct ebb_trial_state){
		.status = "running", .stopped = "", .stopped_at_step = -1, .cause = ""};
	ebb_time_text(w->state.started);
	w->column = ebb_xcalloc((size_t)n_fields + 1, sizeof *w->column);
	w->row = ebb_xcalloc((size_t)n_fields + 1, sizeof *w->row);
	return w;
}

static int make_folders(const char *run_dir, struct ebb_err *err)
{
	char *trials = ebb_path_join(run_dir, EBB_TRIALS_DIR),
	     *checkpoints = ebb_path_join(run_dir, EBB_CHECKPOINTS_DIR);
	int rc = ebb_dir_make(trials, err);

	if (rc == 0)
		rc = ebb_dir_make(checkpoints, err);
	free(trials);
	free(checkpoints);
	return rc;
}

int ebb_writer_open(struct ebb_writer **out, const char *run_dir, const struct ebb_trial_head *head,
		    const struct ebb_field *field, int n_fields, const struct ebb_writer_from *from,
		    struct ebb_err *err)
{
	struct ebb_journal_view rows = {0};
	struct ebb_err own = EBB_ERR_INIT;
	struct ebb_writer *w;
	int rc;

	*out = NULL;
	err = err ? err : &own;
	ebb_record_setup();
	w = writer_make(run_dir, head, n_fields);
	rc = make_folders(run_dir, err);
	for (int i = 0; i < n_fields && rc == 0; i++) {
		w->n_columns++;
		rc = take_field(&w->column[i], &field[i], err);
	}
	if (rc == 0)
		rc = make_buffers(w, err);
	if (rc == 0)
		rc = take_up(w, from, field, &rows, err);
	if (rc == 0)
		rc = make_part(w, err);
	if (rc == 0)
		rc = replay(w, &rows, err);
	ebb_journal_view_release(&rows);
	if (rc < 0) {
		ebb_err_wrap(err, "trial %s", head->id);
		if (w->file >= 0)
			discard(w->tmp);
		writer_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void ebb_writer_set(struct ebb_writer *w, int f, const void *data)
{
	struct column *c;

	if (f < 0 || f >= w->n_columns)
		EBB_BUG("field %d of %d", f, w->n_columns);
	c = &w->column[f];
	w->lane[c->field.axis].staged = true;
	memcpy(slot(c, w->lane[c->field.axis].buffered), data, c->row_bytes);
}

/* Rows first .. first + n - 1 of a dataset, whole rows. */
static hid_t select_rows(struct ebb_h5scope *h5, hid_t dset, const struct ebb_field *f,
			 int64_t first, int64_t n, hid_t *memory)
{
	hsize_t start[EBB_RANK_MAX] = {(hsize_t)first}, count[EBB_RANK_MAX] = {(hsize_t)n};
	hid_t space = ebb_h5_keep(h5, H5Dget_space(dset));

	for (int k = 0; k < f->rank; k++)
		count[k + 1] = (hsize_t)f->dim[k];
	*memory = ebb_h5_keep(h5, H5Screate_simple(f->rank + 1, count, NULL));
	if (space < 0 || *memory < 0 ||
	    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0)
		return H5I_INVALID_HID;
	return space;
}

/* What a failed flush has written of some datasets is not written again by the next one. */
static int flush_column(struct ebb_writer *w, struct column *c, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	const struct lane *lane = &w->lane[c->field.axis];
	int64_t rows = lane->base + lane->buffered;
	hsize_t size[EBB_RANK_MAX] = {(hsize_t)rows};
	hid_t space, memory;
	int rc = 0;

	for (int k = 0; k < c->field.rank; k++)
		size[k + 1] = (hsize_t)c->field.dim[k];
	if (H5Dset_extent(c->dset, size) < 0 ||
	    (space = select_rows(&h5, c->dset, &c->field, c->written, rows - c->written, &memory)) <
		    0 ||
	    H5Dwrite(c->dset, ebb_element_memory(c->field.element), memory, space, H5P_DEFAULT,
		     slot(c, c->written - lane->base)) < 0 ||
	    H5Dflush(c->dset) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot write '%s' of '%s'", c->field.name, w->part);
	else
		c->written = rows;
	ebb_h5scope_close(&h5);
	return rc;
}

/* The same for the journal: whatever it lacks of the buffer, as one block, all or nothing. */
static int flush_journal(struct ebb_writer *w, int axis, struct ebb_err *err)
{
	struct lane *lane = &w->lane[axis];
	int64_t rows = lane->base + lane->buffered;
	int rc;

	if (lane->journaled >= rows)
		return 0;
	for (int i = 0; i < w->n_columns; i++)
		if ((int)w->column[i].field.axis == axis)
			w->row[i] = slot(&w->column[i], lane->journaled - lane->base);
	rc = ebb_journal_append(w->journal, (enum ebb_axis)axis, rows - lane->journaled, w->row,
				err);
	if (rc == 0)
		lane->journaled = rows;
	return rc;
}

/* Coordinates go last: their length counts the rows that are whole in every dataset. The buffer is
 * given up when part and journal have it, so that a flush that failed is made good by the next. */
static int flush_lane(struct ebb_writer *w, int axis, struct ebb_err *err)
{
	struct lane *lane = &w->lane[axis];
	int rc;

	for (int coordinates = 0; coordinates < 2; coordinates++) {
		for (int i = 0; i < w->n_columns; i++) {
			struct column *c = &w->column[i];

			if ((int)c->field.axis != axis ||
			    ebb_field_is_coordinate(&c->field) != (bool)coordinates ||
			    c->written == lane->base + lane->buffered)
				continue;
			rc = flush_column(w, c, err);
			if (rc < 0)
				return rc;
		}
	}
	if (lane->buffered == 0)
		return 0;
	rc = flush_journal(w, axis, err);
	if (rc < 0)
		return rc;
	for (int i = 0; i < w->n_columns; i++) {
		struct column *c = &w->column[i];

		if ((int)c->field.axis == axis) /* the staged row moves to the front */
			memmove(slot(c, 0), slot(c, lane->buffered), c->row_bytes);
	}
	lane->base += lane->buffered;
	lane->buffered = 0;
	return 0;
}

int ebb_writer_row(struct ebb_writer *w, enum ebb_axis axis, struct ebb_err *err)
{
	struct lane *lane;
	int rc;

	if ((unsigned)axis >= EBB_N_AXES)
		EBB_BUG("axis %d", (int)axis);
	lane = &w->lane[axis];
	if (lane->buffered == lane->capacity) {
		rc = flush_lane(w, (int)axis, err);
		if (rc < 0)
			return rc;
	}
	lane->buffered++;
	lane->staged = false;
	for (int i = 0; i < w->n_columns; i++)
		if (w->column[i].field.axis == axis)
			stage_missing(&w->column[i], lane->buffered);
	return 0;
}

int ebb_writer_flush(struct ebb_writer *w, struct ebb_err *err)
{
	int rc = 0;

	ebb_record_setup();
	for (int a = 0; a < EBB_N_AXES && rc == 0; a++)
		rc = flush_lane(w, a, err);
	return rc;
}

int ebb_writer_sync(struct ebb_writer *w, struct ebb_journal_mark *mark, struct ebb_err *err)
{
	int rc;

	for (int a = 0; a < EBB_N_AXES; a++)
		if (w->lane[a].staged)
			EBB_BUG("trial %s: a %s row is staged and not appended", w->head.id,
				ebb_axis_word((enum ebb_axis)a));
	rc = ebb_writer_flush(w, err);
	return rc == 0 ? ebb_journal_sync(w->journal, mark, err) : rc;
}

static int copy_column(struct ebb_writer *w, const struct column *c, hid_t to, char *block,
		       struct ebb_err *err)
{
	int64_t step = COPY_BYTES / (int64_t)c->row_bytes;
	hid_t type = ebb_element_memory(c->field.element);
	int rc = 0;

	if (step < 1)
		step = 1;
	for (int64_t row = 0; row < c->written && rc == 0; row += step) {
		struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
		int64_t n = c->written - row < step ? c->written - row : step;
		hid_t memory, from_space, to_space;

		from_space = select_rows(&h5, c->dset, &c->field, row, n, &memory);
		if (from_space < 0 ||
		    H5Dread(c->dset, type, memory, from_space, H5P_DEFAULT, block) < 0)
			rc = ebb_h5_fail(err, EBB_EIO, "cannot read '%s' back from '%s'",
					 c->field.name, w->part);
		else if ((to_space = select_rows(&h5, to, &c->field, row, n, &memory)) < 0 ||
			 H5Dwrite(to, type, memory, to_space, H5P_DEFAULT, block) < 0)
			rc = ebb_h5_fail(err, EBB_EIO, "cannot write '%s' of '%s'", c->field.name,
					 w->tmp);
		ebb_h5scope_close(&h5);
	}
	return rc;
}

static int rewrite(struct ebb_writer *w, struct ebb_err *err)
{
	struct ebb_field *field = ebb_xcalloc((size_t)w->n_columns + 1, sizeof *field);
	hid_t *dset = ebb_xcalloc((size_t)w->n_columns + 1, sizeof *dset);
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	size_t largest = COPY_BYTES;
	char *block;
	hid_t file;
	int rc;

	for (int i = 0; i < w->n_columns; i++)
		if (w->column[i].row_bytes > largest)
			largest = w->column[i].row_bytes;
	block = ebb_calloc(1, largest, err);
	file = block ? make_file(&h5, w->tmp, H5F_LIBVER_EARLIEST, false, err) : H5I_INVALID_HID;
	rc = !block ? EBB_ENOMEM : file < 0 ? EBB_EIO : 0;
	if (rc == 0)
		rc = ebb_schema_head(file, &w->head, &w->state, err);
	for (int i = 0; i < w->n_columns && rc == 0; i++) {
		const struct column *c = &w->column[i];

		field[i] = c->field;
		dset[i] = ebb_schema_dataset(&h5, file, &c->field, c->written,
					     coordinate_of(w, c->field.axis), err);
		rc = dset[i] < 0 ? EBB_EIO : copy_column(w, c, dset[i], block, err);
	}
	if (rc == 0)
		rc = ebb_schema_scales(field, dset, w->n_columns, err);
	if (file >= 0) {
		int closed = ebb_h5_close_file(&h5, file, w->tmp, rc == 0 ? err : NULL);

		rc = rc == 0 ? closed : rc;
	}
	ebb_h5scope_close(&h5);
	if (rc == 0)
		rc = ebb_seal_write(w->tmp, err);
	free(block);
	free(dset);
	free(field);
	return rc;
}

int ebb_writer_finish(struct ebb_writer *w, enum ebb_status status, int64_t stopped_at_step,
		      const char *cause, struct ebb_err *err)
{
	char *why = dup_text(cause);
	int rc = ebb_writer_flush(w, err);

	if (rc == 0) {
		w->state.status = status == EBB_STATUS_COMPLETE   ? "complete"
				  : status == EBB_STATUS_EXPLODED ? "exploded"
								  : "diverged";
		w->state.stopped_at_step = stopped_at_step;
		w->state.cause = why;
		ebb_time_text(w->state.stopped);
		rc = rewrite(w, err);
		if (rc == 0)
			rc = ebb_file_commit(w->tmp, w->path, err);
		if (rc == 0)
			unlink(w->part); /* where both are there, the finished one counts */
		else
			discard(w->tmp);
	}
	if (rc < 0)
		ebb_err_wrap(err, "trial %s", w->head.id);
	free(why);
	writer_free(w);
	return rc;
}

void ebb_writer_abandon(struct ebb_writer *w)
{
	if (w)
		writer_free(w);
}
