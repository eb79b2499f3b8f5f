/*
 * The record: HDF5 files that explain themselves and survive kill -9 (docs/file-format.md).
 *
 *   RUN/trials/<id>.h5.part   a running trial: SWMR, uncompressed, flushed as it goes
 *   RUN/trials/<id>.h5        a finished one: complete by construction (tmp, fsync, rename)
 *   RUN/checkpoints/<id>.rows its rows as a journal, which a trial is resumed from
 *   RUN/checkpoints/<id>.h5   its state between two requests (record/tensors.h)
 *   RUN/run.h5                the index: external links to every trial, arms, provenance
 *
 * A trial file is a set of datasets that grow by rows along one of four axes (options/metrics.h).
 */
#ifndef EBB_RECORD_RECORD_H
#define EBB_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "options/definition.h"
#include "options/metrics.h"

#define EBB_SCHEMA_VERSION 1

#define EBB_TRIALS_DIR      "trials" /* folders of a run directory */
#define EBB_CHECKPOINTS_DIR "checkpoints"
#define EBB_INDEX_NAME      "run.h5"

/* One-time set-up: HDF5's own error printing off. Called by main() and tests. */
void ebb_record_setup(void);

enum ebb_element { EBB_F64_ELEMENT, EBB_F32_ELEMENT, EBB_I32_ELEMENT, EBB_U8_ELEMENT };

/* One growing dataset: row shape dim[0..rank-1]; a curve has rank 0. Missing values of a row are
 * NaN for floats, -1 for int32, 255 for uint8. A field named "axis/..." is the coordinate of its
 * axis and becomes the dimension scale of every dataset on it. */
struct ebb_field {
	const char *name, *unit, *about, *source;
	enum ebb_axis axis;
	enum ebb_element element;
	int rank, dim[3];
	const char *dim_about[3]; /* "question", "sample", "response token", ...               */
	bool deterministic;
};

/* Who wrote it, where and with what: gathered once a process. All strings, UTF-8; each row is an
 * attribute of /provenance. */
struct ebb_provenance {
	struct ebb_provenance_row {
		const char *name;
		char *value;
	} *row;
	int n;
};
const struct ebb_provenance *ebb_provenance_get(void);
/* What this process computes on, if not the CPU; before the first record it writes. */
void ebb_provenance_device(const char *name);

/* A hash of sources, compiler and flags: what was computed half-way is taken up by the same build
 * only, because bits are promised for one build. */
const char *ebb_build_id(void);

/* ---- writing one trial ---- */

struct ebb_writer;

struct ebb_trial_head {
	const char *id, *label; /* label of the first arm it belongs to */
	const struct ebb_options *options;
	const struct ebb_catalog *catalog;
	int attempt; /* from 1 */
	const char *const *history; /* a line for every earlier attempt, null-terminated; may be null */
};

enum ebb_status {
	EBB_STATUS_COMPLETE,
	EBB_STATUS_DIVERGED, /* it has no final value                                         */
	EBB_STATUS_EXPLODED, /* stopped by entropy.guard; it was evaluated at its end           */
};

/* Where a journal (record/journal.h) stands: what a checkpoint remembers of the rows. */
struct ebb_journal_mark {
	int64_t bytes;
	int64_t rows[EBB_N_AXES];
};

/* What a writer takes up: the rows of a journal up to a mark. */
struct ebb_writer_from {
	const char *journal; /* path; may be that of another trial, which is only read */
	const struct ebb_journal_mark *mark;
};

/*
 * Create RUN/trials/<id>.h5.part with every dataset and attribute and RUN/checkpoints/<id>.rows;
 * left-overs are replaced. from (may be null): begin with these rows; EBB_EFORMAT where they are
 * damaged or of other fields, and nothing is changed then. EBB_EBUSY: another process writes this
 * trial. The head and the fields are copied; the catalog must outlive the writer.
 */
int ebb_writer_open(struct ebb_writer **w, const char *run_dir, const struct ebb_trial_head *head,
		    const struct ebb_field *field, int n_fields,
		    const struct ebb_writer_from *from, struct ebb_err *err);

/* Stage the value of field f for the next row of its axis; data has the field's element type
 * and shape and is copied. */
void ebb_writer_set(struct ebb_writer *w, int f, const void *data);
/* Append the staged row to every dataset of the axis; what was not staged is missing. Rows are
 * buffered; they reach the file at a flush. */
int ebb_writer_row(struct ebb_writer *w, enum ebb_axis axis, struct ebb_err *err);
int ebb_writer_flush(struct ebb_writer *w, struct ebb_err *err);

/* Flush and make the rows durable; nothing may be staged (a broken invariant otherwise). */
int ebb_writer_sync(struct ebb_writer *w, struct ebb_journal_mark *mark, struct ebb_err *err);

/* Rewrite compressed into <id>.h5.tmp with status, stop time and cause, fsync, rename, unlink the
 * part. cause: text for DIVERGED and EXPLODED, else "". Frees w, also on failure (the part then stays). */
int ebb_writer_finish(struct ebb_writer *w, enum ebb_status status, int64_t stopped_at_step,
		      const char *cause, struct ebb_err *err);
/* Close and leave the part behind. */
void ebb_writer_abandon(struct ebb_writer *w);

/* Is RUN/trials/<id>.h5 there? (complete by construction) */
bool ebb_trial_exists(const char *run_dir, const char *id);

/* A numeric option of a finished trial as it was recorded ("eval", "questions"). EBB_ENOENT: this
 * trial's record does not have it. */
int ebb_trial_option(const char *run_dir, const char *id, const char *group, const char *name,
		     double *value, struct ebb_err *err);
/* The same of one that is a text; the caller frees *value. */
int ebb_trial_option_text(const char *run_dir, const char *id, const char *group, const char *name,
			  char **value, struct ebb_err *err);

/* The identity text of a finished trial (ebb_options_identity) as it was recorded; caller frees. */
int ebb_trial_identity(const char *run_dir, const char *id, char **identity, struct ebb_err *err);

/* ---- the index ---- */

/* Write RUN/run.h5 anew (tmp, fsync, rename): the definition, every arm with its settings, seeds
 * and links to the trials that are finished, provenance. */
int ebb_index_write(const char *run_dir, const struct ebb_definition *def,
		    const struct ebb_catalog *catalog, struct ebb_err *err);

/* ---- reading ---- */

struct ebb_run_arm {
	char *label;
	struct ebb_setting *axis;
	int n_axes;
};

/* One of the runs that record/join.h made one of. */
struct ebb_run_source {
	char *dir, *name, *about;
	char *tag; /* short, and no other source's: name, else folder, else path        */
	int n_arms, n_seeds;
};

struct ebb_run {
	char *dir, *name, *about;
	struct ebb_run_arm *arm;
	int n_arms;
	uint64_t *seed;
	int n_seeds;
	char (*trial)[EBB_ID_MAX]; /* id of arm a, seed s; "": not planned (n_arms, n_seeds) */
	bool *finished;		   /* its file is there                  (n_arms, n_seeds) */
	char **figure, **claim;	   /* as the definition lists them                          */
	int n_figures, n_claims;
	struct ebb_run_source *source; /* of a joined run, else none                            */
	int n_sources;
	uint64_t *arm_sources; /* bit i is set where source i has the arm       (n_arms)          */
	int *source_of; /* where a trial lies; null: in dir              (n_arms, n_seeds) */
};

/* Open a run directory (or its run.h5). Safe to release when zero. */
int ebb_run_open(struct ebb_run *run, const char *path, struct ebb_err *err);
void ebb_run_release(struct ebb_run *run);
/* The run directory that has the trial of arm a, seed s. */
const char *ebb_run_folder(const struct ebb_run *run, int arm, int seed);

/* A dataset of a finished trial as doubles (missing: NaN), with its axis coordinate and words. */
struct ebb_array {
	int rank;	/* 1 for a curve                                                     */
	int64_t dim[4]; /* dim[0]: rows                                                      */
	double *value;	/* (dim[0], ...)                                                     */
	double *x;	/* coordinate of every row (steps, updates ...)      (dim[0])        */
	char unit[32], about[128], axis[32];
};

int ebb_run_read(const struct ebb_run *run, int arm, int seed, const char *name,
		 struct ebb_array *out, struct ebb_err *err);
/* The status attribute of a finished trial ("complete", "diverged", "exploded"). */
/* Of a trial that ended before its time: its curves are shorter than those of other seeds, and a mean
 * with them would jump where they end. */
bool ebb_status_early(const char *status);
int ebb_run_status(const struct ebb_run *run, int arm, int seed, char status[16],
		   struct ebb_err *err);
/* Names of all datasets of a finished trial; caller frees the strings and the list. */
int ebb_run_names(const struct ebb_run *run, int arm, int seed, char ***name, int *n,
		  struct ebb_err *err);
void ebb_array_release(struct ebb_array *a);

#endif
