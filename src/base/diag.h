/*
 * A sink for everything wrong with a user's file: parsers add to it and go on, so that one pass
 * reports all errors. Rendered once, sorted by place, as "file:line:column: error: text".
 */
#ifndef EBB_BASE_DIAG_H
#define EBB_BASE_DIAG_H

#include <stdio.h>

struct ebb_mark {
	const char *file; /* borrowed; must outlive the sink's rendering. Null: no place */
	int line, column; /* from 1; 0: the whole file                                   */
};

enum ebb_severity { EBB_NOTE, EBB_WARNING, EBB_ERROR };

struct ebb_diag_entry {
	struct ebb_mark mark;
	enum ebb_severity severity;
	char *text;
};

struct ebb_diag {
	struct ebb_diag_entry *entry;
	int n, capacity;
	int n_errors, n_warnings;
};

#define EBB_DIAG_INIT {0}

/* Add one finding: what is wrong first, subject in quotes, then the remedy; no full stop. */
void ebb_diag_add(struct ebb_diag *diag, enum ebb_severity severity, struct ebb_mark mark,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Write all entries in order of place; returns the number of errors. */
int ebb_diag_render(struct ebb_diag *diag, FILE *out);

void ebb_diag_release(struct ebb_diag *diag);

#endif
