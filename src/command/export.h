/* The long form of a run: one row a number, for programs that are no friends of HDF5. */
#ifndef EBB_COMMAND_EXPORT_H
#define EBB_COMMAND_EXPORT_H

#include <stdbool.h>
#include <stdio.h>
#include "base/buf.h"
#include "record/record.h"

#define EBB_EXPORT_INDICES 3 /* dimensions of a tensor beside its rows */

struct ebb_export {
	FILE *out;
	bool json;
	const char **key; /* swept keys of all runs, as the option tables name them */
	int n_keys;
	int n_indices; /* columns index_1 ...; 0: curves alone */
	int64_t rows;  /* written so far */
	struct ebb_buf line;
};

/* The head of the file, its rows one dataset of one trial at a time, its end. The first write that
 * fails is left on the stream. */
void ebb_export_begin(struct ebb_export *e);
void ebb_export_array(struct ebb_export *e, const struct ebb_run *run, int arm, int seed,
		      const char *metric, const struct ebb_array *a);
void ebb_export_end(struct ebb_export *e);
void ebb_export_release(struct ebb_export *e);

#endif
