/*
 * Writing HTML: markup stands in the program's constants, whatever comes from elsewhere passes
 * through a %s and is escaped on its way. Labels, definitions and results are written by anyone.
 */
#ifndef EBB_COMMAND_HTML_H
#define EBB_COMMAND_HTML_H

#include "base/buf.h"

#define EBB_HTML_NONE  "\xe2\x80\x93" /* an en dash: there is no value */
#define EBB_HTML_MINUS "\xe2\x88\x92"

/*
 * fmt is markup and goes out as it is. Conversions: %s (escaped, fit for content and for quoted
 * attributes), %d, %lld, %llu, %zu, %.Nf, %.*f and %%; others are a broken invariant.
 */
void ebb_html(struct ebb_buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The text alone, escaped; bytes that are no text (controls, what is not UTF-8) become U+FFFD. */
void ebb_html_text(struct ebb_buf *out, const char *text);

/* A number for people: so many decimals, a true minus sign; a dash for NaN. */
void ebb_html_number(struct ebb_buf *out, double x, int decimals);
/* With a sign also where it is positive. */
void ebb_html_signed(struct ebb_buf *out, double x, int decimals);
/* A p-value: three decimals, a power of ten below 0.001, a dash for NaN. */
void ebb_html_p(struct ebb_buf *out, double p);

/* Cells of a table. key: what a sort of the column goes by; NaN: no value, which sorts last. */
void ebb_html_cell_number(struct ebb_buf *out, double x, int decimals);
void ebb_html_cell_count(struct ebb_buf *out, long long n); /* negative: no value */
void ebb_html_cell_p(struct ebb_buf *out, double p);

/* Decimals that show three significant digits of numbers up to this size. */
int ebb_html_decimals(double largest);

#endif
