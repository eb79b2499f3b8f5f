/*
 * A page of named lines in sections: what ebb describe and ebb algorithms say about one arm, as data
 * that can be compared between arms, printed in 100 columns or written as JSON.
 */
#ifndef EBB_COMMAND_PAGE_H
#define EBB_COMMAND_PAGE_H

#include <stdbool.h>
#include "base/buf.h"

#define EBB_PAGE_COLUMNS 100

struct ebb_line {
	const char *section; /* a constant; lines of a section stand together            */
	char *name;          /* unique in its section                                    */
	char *text;          /* line breaks are kept, long lines wrapped                 */
	char *cite;          /* where the definition stands ("PG 3.1"); empty: nowhere   */
};

struct ebb_page {
	struct ebb_line *line;
	int n, capacity;
};

#define EBB_PAGE_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/* Append a line; text and cite are taken over from the buffers, which are left empty. cite may be
 * null. */
void ebb_page_take(struct ebb_page *p, const char *section, const char *name, struct ebb_buf *text,
		   struct ebb_buf *cite);
void ebb_page_add(struct ebb_page *p, const char *section, const char *name, const char *cite,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The line of this section and name, or null. */
const struct ebb_line *ebb_page_find(const struct ebb_page *p, const char *section,
				     const char *name);

bool ebb_line_same(const struct ebb_line *a, const struct ebb_line *b);

/* Append text and source of a line that begins at this column, and a line break. */
void ebb_line_print(const struct ebb_line *l, int indent, struct ebb_buf *out);

/* Append the lines as text, a heading before each section. Names stand in a column of this width,
 * indented by two. */
void ebb_page_print(const struct ebb_page *p, int width, struct ebb_buf *out);

/* The longest name. */
int ebb_page_width(const struct ebb_page *p);

/* The lines of one section as a JSON array of {"name", "text", "source"}. */
void ebb_page_json(const struct ebb_page *p, const char *section, struct ebb_buf *out);

void ebb_page_release(struct ebb_page *p);

/* Append text broken between words so that no line is wider than EBB_PAGE_COLUMNS; the first line
 * begins at column `at`, all others at `indent`. Returns the column after the last character. */
int ebb_wrap(struct ebb_buf *out, const char *text, int at, int indent);
/* To stdout, from this column on, and the line's end. */
void ebb_print_wrapped(const char *text, int column);

#endif
