/*
 * What a record says of itself, as texts: the attributes of a run's index or of a trial, its
 * provenance and, of a trial, its options. For those who print or compare it; the numbers are
 * read through record.h.
 */
#ifndef EBB_RECORD_ABOUT_H
#define EBB_RECORD_ABOUT_H

#include "record/record.h"

struct ebb_about_rows {
	struct ebb_setting *row; /* key, value; in the order of their names */
	int n;
};

struct ebb_about {
	struct ebb_about_rows root;       /* "label", "seed", "definition", ...             */
	struct ebb_about_rows provenance; /* "git_commit", "compiler", ...                  */
	struct ebb_about_rows option;     /* of a trial: "clip.low", ...; of an index: none */
};

#define EBB_ABOUT_RUN   "ebb-run" /* schemas */
#define EBB_ABOUT_TRIAL "ebb-trial"

/* Read the index of a run or a finished trial. Numbers become the shortest text that reads back to
 * the same bits, booleans "true" and "false"; lists are left out. Safe to release when zero. */
int ebb_about_read(struct ebb_about *about, const char *path, const char *schema,
		   struct ebb_err *err);
void ebb_about_release(struct ebb_about *about);

/* The value of a key; null where there is none. */
const char *ebb_about_get(const struct ebb_about_rows *rows, const char *key);

#endif
