#include "command/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/text.h"

static const char *entity(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return c == 0x7f || (c < 0x20 && c != '\n' && c != '\t') ? "\xef\xbf\xbd" : NULL;
	}
}

/* C1 controls are two bytes of UTF-8; a page has no use for them. */
static bool is_c1(const char *s, int n)
{
	return n == 2 && (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0;
}

void ebb_html_text(struct ebb_buf *out, const char *text)
{
	const char *s = text;
	int n;

	while (*s) {
		const char *e = entity((unsigned char)*s);

		n = e ? 1 : ebb_utf8_length(s);
		if (e)
			ebb_buf_puts(out, e);
		else if (n == 0 || is_c1(s, n))
			ebb_buf_puts(out, "\xef\xbf\xbd");
		else
			ebb_buf_add(out, s, (size_t)n);
		s += n > 0 ? n : 1;
	}
}

/* The conversion that begins after a percent sign; returns what follows it. */
static const char *convert(struct ebb_buf *out, const char *f, va_list *ap)
{
	if (*f == '%') {
		ebb_buf_puts(out, "%");
		return f + 1;
	}
	if (*f == 's') {
		ebb_html_text(out, va_arg(*ap, const char *));
		return f + 1;
	}
	if (*f == 'd') {
		ebb_buf_printf(out, "%d", va_arg(*ap, int));
		return f + 1;
	}
	if (strncmp(f, "lld", 3) == 0) {
		ebb_buf_printf(out, "%lld", va_arg(*ap, long long));
		return f + 3;
	}
	if (strncmp(f, "llu", 3) == 0) {
		ebb_buf_printf(out, "%llu", va_arg(*ap, unsigned long long));
		return f + 3;
	}
	if (strncmp(f, "zu", 2) == 0) {
		ebb_buf_printf(out, "%zu", va_arg(*ap, size_t));
		return f + 2;
	}
	if (strncmp(f, ".*f", 3) == 0) {
		int decimals = va_arg(*ap, int);

		ebb_buf_printf(out, "%.*f", decimals, va_arg(*ap, double));
		return f + 3;
	}
	if (f[0] == '.' && f[1] >= '0' && f[1] <= '9' && f[2] == 'f') {
		ebb_buf_printf(out, "%.*f", f[1] - '0', va_arg(*ap, double));
		return f + 3;
	}
	EBB_BUG("no conversion of HTML: '%%%.8s'", f);
}

void ebb_html(struct ebb_buf *out, const char *fmt, ...)
{
	const char *f = fmt, *percent;
	va_list ap;

	va_start(ap, fmt);
	while ((percent = strchr(f, '%')) != NULL) {
		ebb_buf_add(out, f, (size_t)(percent - f));
		f = convert(out, percent + 1, &ap);
	}
	ebb_buf_puts(out, f);
	va_end(ap);
}

/* ---- numbers ---- */

static void put_number(struct ebb_buf *out, double x, int decimals, const char *plus)
{
	char text[64];

	if (isnan(x)) {
		ebb_buf_puts(out, EBB_HTML_NONE);
		return;
	}
	snprintf(text, sizeof text, "%.*f", decimals, fabs(x));
	if (strlen(text) > 20 || isinf(x))
		snprintf(text, sizeof text, "%.3g", fabs(x));
	if (strspn(text, "0.") == strlen(text)) /* no sign on what rounds to zero */
		ebb_buf_puts(out, text);
	else
		ebb_buf_printf(out, "%s%s", x < 0 ? EBB_HTML_MINUS : plus, text);
}

void ebb_html_number(struct ebb_buf *out, double x, int decimals)
{
	put_number(out, x, decimals, "");
}

void ebb_html_signed(struct ebb_buf *out, double x, int decimals)
{
	put_number(out, x, decimals, "+");
}

void ebb_html_p(struct ebb_buf *out, double p)
{
	if (isnan(p))
		ebb_buf_puts(out, EBB_HTML_NONE);
	else if (p >= 0.001)
		ebb_buf_printf(out, "%.3f", p);
	else if (p <= 1e-15)
		ebb_buf_puts(out, "&lt;\xc2\xa0"
				  "10<sup>" EBB_HTML_MINUS "15</sup>");
	else
		ebb_buf_printf(out,
			       "&lt;\xc2\xa0"
			       "10<sup>" EBB_HTML_MINUS "%d</sup>",
			       -((int)floor(log10(p)) + 1));
}

static void open_cell(struct ebb_buf *out, double key)
{
	ebb_buf_puts(out, "<td class=\"n\"");
	if (isfinite(key)) {
		ebb_buf_puts(out, " data-v=\"");
		ebb_buf_double(out, key);
		ebb_buf_puts(out, "\"");
	}
	ebb_buf_puts(out, ">");
}

void ebb_html_cell_number(struct ebb_buf *out, double x, int decimals)
{
	open_cell(out, x);
	ebb_html_number(out, x, decimals);
	ebb_buf_puts(out, "</td>");
}

void ebb_html_cell_count(struct ebb_buf *out, long long n)
{
	ebb_html_cell_number(out, n < 0 ? (double)NAN : (double)n, 0);
}

void ebb_html_cell_p(struct ebb_buf *out, double p)
{
	open_cell(out, p);
	ebb_html_p(out, p);
	ebb_buf_puts(out, "</td>");
}

int ebb_html_decimals(double largest)
{
	int d;

	if (!isfinite(largest) || largest <= 0)
		return 3;
	d = 2 - (int)floor(log10(largest));
	return d < 0 ? 0 : d > 9 ? 9 : d;
}
