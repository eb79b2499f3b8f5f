/*
 * The journal of a trial: every row in the order it was written, in blocks with a checksum, appended
 * to one plain file. It is what a trial is resumed from, and what others read to follow a running
 * one: no reader of it depends on how a killed HDF5 writer left its metadata. A block that was torn
 * by a kill or a full disk, and whatever follows it, does not count.
 *
 *   RUN/checkpoints/<id>.rows
 *
 * The first block describes the trial and its fields, so that the file explains itself. The process
 * that writes a journal holds an exclusive flock(2) on it: a journal nobody holds belongs to a trial
 * that is not running.
 */
#ifndef EBB_RECORD_JOURNAL_H
#define EBB_RECORD_JOURNAL_H

#include "record/record.h"

struct ebb_journal;

/*
 * Start a journal for writing: empty, or as the prefix `keep` of what the file holds (null or
 * keep->bytes = 0: empty). A prefix whose blocks are damaged, whose row counts differ from keep or
 * whose fields are others than these: EBB_EFORMAT, and nothing is changed. EBB_EBUSY: another
 * process holds it.
 */
int ebb_journal_open(struct ebb_journal **j, const char *path, const struct ebb_trial_head *head,
		     const struct ebb_field *field, int n_fields,
		     const struct ebb_journal_mark *keep, struct ebb_err *err);

/* Append n rows of an axis; row[f] is field f's n rows (fields of other axes: ignored). An axis
 * without fields has no rows. */
int ebb_journal_append(struct ebb_journal *j, enum ebb_axis axis, int64_t n,
		       const void *const *row, struct ebb_err *err);

/* Make everything appended durable (fdatasync); *mark tells where the journal now stands. */
int ebb_journal_sync(struct ebb_journal *j, struct ebb_journal_mark *mark, struct ebb_err *err);

/* Closes and so unlocks; safe on null. */
void ebb_journal_close(struct ebb_journal *j);

/* ---- reading ---- */

/* What a journal says of its trial, and its rows so far. */
struct ebb_journal_view {
	char id[EBB_ID_MAX], label[128], started[32];
	uint64_t seed;
	int64_t steps; /* train.steps                                                   */
	int attempt;
	struct ebb_field *field; /* strings owned by the view                           */
	int n_fields;
	struct ebb_journal_mark mark; /* end of the last whole block                    */
	void **row;		      /* field f: its rows, in its own element type     */
};

/* Read the whole blocks of a journal, also while another process appends to it; at most up to
 * `upto` where it is given (then a block missing or damaged before it is EBB_EFORMAT). EBB_ENOENT: no
 * such file, or a writer that has not finished, and perhaps died in, its first block. */
int ebb_journal_read(struct ebb_journal_view *view, const char *path,
		     const struct ebb_journal_mark *upto, struct ebb_err *err);
/* The same with the last row of one axis alone: every row[] is null but those of that axis, which
 * have one row where mark.rows says that there are any. Blocks before the last are counted and not
 * checked, which makes it quick. */
int ebb_journal_last(struct ebb_journal_view *view, const char *path, enum ebb_axis axis,
		     struct ebb_err *err);
void ebb_journal_view_release(struct ebb_journal_view *view); /* safe when zero */

#endif
