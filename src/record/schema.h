/*
 * What our files look like: names of schemas, groups and attributes, the words for axes and
 * states, the datasets with their attributes. Writer, index and reader share it; the prose is
 * docs/file-format.md.
 */
#ifndef EBB_RECORD_SCHEMA_H
#define EBB_RECORD_SCHEMA_H

#include "record/record.h"
#include "record/scope.h"

#define EBB_SCHEMA_TRIAL "ebb-trial"
#define EBB_SCHEMA_RUN   "ebb-run"

#define EBB_RANK_MAX     4                  /* rows and three more                         */
#define EBB_ELEMENTS_MAX ((int64_t)1 << 31) /* of one dataset, when a file is read         */

/* "step", "update", "eval", "snapshot". */
const char *ebb_axis_word(enum ebb_axis axis);

size_t ebb_element_bytes(enum ebb_element element);
hid_t ebb_element_memory(enum ebb_element element); /* borrowed type ids */
hid_t ebb_element_stored(enum ebb_element element);
/* Fill n elements with "missing". */
void ebb_element_missing(enum ebb_element element, void *p, size_t n);

/* The coordinate of an axis: a field whose name starts with "axis/". */
bool ebb_field_is_coordinate(const struct ebb_field *field);

/* The moving part of a trial's head. */
struct ebb_trial_state {
	const char *status; /* "running", "complete", "diverged", "exploded" */
	char started[32], stopped[32];
	int64_t stopped_at_step;
	const char *cause;
};

/* Now, as ISO 8601 in UTC: "2031-01-02T03:04:05Z". */
void ebb_time_text(char text[32]);

/* Root attributes, /options, /provenance. */
int ebb_schema_head(hid_t file, const struct ebb_trial_head *head,
		    const struct ebb_trial_state *state, struct ebb_err *err);

int ebb_schema_provenance(hid_t file, struct ebb_err *err);

/* Create the dataset of a field with its attributes. rows < 0: it grows (uncompressed); otherwise
 * rows is its final length (shuffle + gzip). coordinate: name of its axis' first coordinate, null
 * where the axis has none. The id is kept on h5; negative after a failure. */
hid_t ebb_schema_dataset(struct ebb_h5scope *h5, hid_t file, const struct ebb_field *field,
			 int64_t rows, const char *coordinate, struct ebb_err *err);

/* Coordinates become dimension scales, attached to every dataset of their axis; dimensions get
 * their labels. dset[i] belongs to field[i]. */
int ebb_schema_scales(const struct ebb_field *field, const hid_t *dset, int n, struct ebb_err *err);

/* Open for reading and check that it is ours: exists, whole, this schema, a version we know. A trial
 * may also be inside of a packed index: RUN/run.h5/trials/<id> (record/pack.h). */
hid_t ebb_schema_open(struct ebb_h5scope *h5, const char *path, const char *schema,
		      struct ebb_err *err);

#endif
