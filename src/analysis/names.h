/* What a word on the command line means in a given run: a metric, an arm. */
#ifndef EBB_ANALYSIS_NAMES_H
#define EBB_ANALYSIS_NAMES_H

#include "base/err.h"
#include "record/record.h"

/*
 * The dataset a word means: a metric's full name or brief (options/metrics.h), or the name of any
 * dataset of a finished trial (task/shortcut_frac), also without its group (shortcut_frac). The
 * caller frees *name. EBB_ENOENT names the nearest word.
 */
int ebb_name_metric(const struct ebb_run *run, const char *word, char **name, struct ebb_err *err);

/* The index of the arm with this label; EBB_ENOENT names the nearest. */
int ebb_name_arm(const struct ebb_run *run, const char *label, int *arm, struct ebb_err *err);

/*
 * The arms a text on the command line means: the one with this label, else all whose label it matches
 * as a shell pattern ("gipo *"). arm has room for all; appends to *n. EBB_ENOENT as above.
 */
int ebb_name_arms(const struct ebb_run *run, const char *pattern, int *arm, int *n,
		  struct ebb_err *err);

/* A swept key as labels write it: its option's alias if there is one. Points into tables or key. */
const char *ebb_name_key(const char *key);

/* Does any finished trial of any arm have this dataset? */
bool ebb_name_recorded(const struct ebb_run *run, const char *name);

#endif
