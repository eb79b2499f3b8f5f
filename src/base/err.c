#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"

int ebb_err_set(struct ebb_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	ebb_text_tidy(err->text);
	return code;
}

int ebb_err_wrap(struct ebb_err *err, const char *fmt, ...)
{
	char inner[sizeof err->text];
	va_list ap;
	int n;

	if (!err)
		return EBB_EINVAL;
	memcpy(inner, err->text, sizeof inner);
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->text)
		snprintf(err->text + n, sizeof err->text - (size_t)n, ": %.*s",
			 (int)(sizeof err->text) - n - 3, inner);
	ebb_text_tidy(err->text);
	return err->code;
}

void ebb_bug(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: bug in ebb: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void *ebb_calloc(size_t n, size_t size, struct ebb_err *err)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		ebb_err_set(err, EBB_ENOMEM, "cannot allocate %zu x %zu bytes", n, size);
	return p;
}

void (*ebb_on_out_of_memory)(size_t bytes);

static void out_of_memory(size_t bytes)
{
	if (ebb_on_out_of_memory)
		ebb_on_out_of_memory(bytes);
	fprintf(stderr, "ebb: error: out of memory for %zu bytes\n", bytes);
	exit(1);
}

void *ebb_xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory(n * size);
	return p;
}

void *ebb_xrealloc(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		EBB_BUG("%zu x %zu bytes overflow", n, size);
	p = realloc(p, n > 0 && size > 0 ? n * size : 1);
	if (!p)
		out_of_memory(n * size);
	return p;
}

char *ebb_xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(ebb_xcalloc(n, 1), s, n);
}

char *ebb_xprintf(const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		EBB_BUG("bad format '%s'", fmt);
	s = ebb_xcalloc((size_t)n + 1, 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}
