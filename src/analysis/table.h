/* Aligned text tables of results for people: UTF-8 aware widths, bold heads only on a terminal. */
#ifndef EBB_ANALYSIS_TABLE_H
#define EBB_ANALYSIS_TABLE_H

#include <stdbool.h>
#include <stdio.h>
#include "base/buf.h"

struct ebb_table {
	char **cell; /* (n_rows, n_columns), row 0 is the head; null: empty */
	int n_columns, n_rows, capacity;
	int fill; /* columns of the last row already given */
};

/* head: column titles. The first column is set flush left, the others flush right; a title that
 * starts with '<' is flush left and loses the mark. */
void ebb_table_init(struct ebb_table *t, int n_columns, const char *const *head);
/* Give the next cell of the current row; a full row is followed by a new one. */
void ebb_table_cell(struct ebb_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for a number with this many decimals; "-" for NaN. */
void ebb_table_number(struct ebb_table *t, double x, int decimals);
void ebb_table_print(const struct ebb_table *t, FILE *out);
/* As a Markdown table (GitHub's): the same columns flush right. */
void ebb_table_markdown(const struct ebb_table *t, FILE *out);
void ebb_table_release(struct ebb_table *t);

/* A number as JSON knows them: null for NaN and the infinities. */
void ebb_json_number(struct ebb_buf *out, double x);

/* Columns a UTF-8 text takes on a terminal: 2 for wide East Asian letters, 0 for combining marks. */
int ebb_text_width(const char *s);
/* Does the locale of the environment use UTF-8? Otherwise output keeps to ASCII. */
bool ebb_text_utf8(void);

#endif
