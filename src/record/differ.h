/*
 * Two records side by side: are their deterministic datasets the same bytes, and if not, where do
 * they part?
 */
#ifndef EBB_RECORD_DIFFER_H
#define EBB_RECORD_DIFFER_H

#include "record/record.h"

struct ebb_difference {
	int64_t compared;     /* deterministic datasets present in both                         */
	int64_t differing;    /* of them, those that differ in shape or bytes                   */
	int64_t only_a, only_b; /* deterministic datasets that one of them lacks                */
	char alone[128];      /* the first of those; empty: none                                */
	int64_t first_step;   /* smallest step at which a dataset differs; -1: none             */
	int64_t first_row;    /* its row in that dataset                                        */
	char first[128];      /* the dataset ("actor/entropy"); the first in the file's order at
			       * that step; empty: none                                         */
	char values[128];     /* the two values there, "0.25 against 0.5"                       */
};

/* Compare two finished trial files by the bytes of every dataset marked deterministic. A row's step
 * is its coordinate on the step, eval and snapshot axes and actor/update_of_step on the update
 * axis. Of two NaNs only those of the same bits are the same. */
int ebb_differ(const char *path_a, const char *path_b, struct ebb_difference *out,
	       struct ebb_err *err);

#endif
