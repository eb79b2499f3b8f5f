#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/text.h"

static void reserve(struct ebb_buf *buf, size_t extra)
{
	size_t need = buf->len + extra + 1;

	if (need <= buf->capacity)
		return;
	if (need < 2 * buf->capacity)
		need = 2 * buf->capacity;
	buf->data = ebb_xrealloc(buf->data, need, 1);
	buf->capacity = need;
}

void ebb_buf_add(struct ebb_buf *buf, const void *bytes, size_t n)
{
	reserve(buf, n);
	if (n)
		memcpy(buf->data + buf->len, bytes, n);
	buf->len += n;
	buf->data[buf->len] = 0;
}

void ebb_buf_puts(struct ebb_buf *buf, const char *s)
{
	ebb_buf_add(buf, s, strlen(s));
}

void ebb_buf_printf(struct ebb_buf *buf, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		reserve(buf, (size_t)n);
		vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
}

void ebb_buf_double(struct ebb_buf *buf, double x)
{
	char text[40];

	if (isnan(x)) {
		ebb_buf_puts(buf, "nan");
		return;
	}
	if (isinf(x)) {
		ebb_buf_puts(buf, x < 0 ? "-inf" : "inf");
		return;
	}
	if (x == floor(x) && fabs(x) < 1e15) { /* 100, not 1e+02 */
		ebb_buf_printf(buf, "%.0f", x);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	ebb_buf_puts(buf, text);
}

void ebb_buf_json(struct ebb_buf *buf, const char *s)
{
	ebb_buf_puts(buf, "\"");
	while (*s) {
		unsigned char c = (unsigned char)*s;
		int n = ebb_utf8_length(s);

		if (n == 0)
			ebb_buf_puts(buf, "?");
		else if (c == '"' || c == '\\')
			ebb_buf_printf(buf, "\\%c", c);
		else if (c == '\n')
			ebb_buf_puts(buf, "\\n");
		else if (c < 0x20)
			ebb_buf_printf(buf, "\\u%04x", c);
		else
			ebb_buf_add(buf, s, (size_t)n);
		s += n ? n : 1;
	}
	ebb_buf_puts(buf, "\"");
}

void ebb_buf_csv(struct ebb_buf *buf, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		ebb_buf_puts(buf, s);
		return;
	}
	ebb_buf_puts(buf, "\"");
	for (; *s; s++)
		ebb_buf_add(buf, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	ebb_buf_puts(buf, "\"");
}

char *ebb_buf_take(struct ebb_buf *buf)
{
	char *data;

	ebb_buf_add(buf, "", 0);
	data = buf->data;
	memset(buf, 0, sizeof *buf);
	return data;
}

void ebb_buf_reset(struct ebb_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = 0;
}

void ebb_buf_release(struct ebb_buf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof *buf);
}
