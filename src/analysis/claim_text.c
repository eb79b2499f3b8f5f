/* What users see of claims: places in their file, errors that point at them, names of functions. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "analysis/claim.h"
#include "analysis/table.h"
#include "base/buf.h"

#define WINDOW 88 /* bytes of a long claim shown around the place */

struct ebb_mark ebb_claim_mark(const struct ebb_claim *claim, int at)
{
	struct ebb_mark mark = claim->mark;

	if (claim->plain && mark.line > 0)
		for (int i = 0; i < at; i++) /* columns count letters, not bytes */
			mark.column += (claim->text[i] & 0xc0) != 0x80;
	return mark;
}

/* Bytes of the UTF-8 letter at s, 0 where it is broken or a control character, which could drive
 * the terminal. */
static int letter(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	int n = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (u[0] < 0x20 || u[0] == 0x7f || (u[0] >= 0x80 && u[0] < 0xc2) || u[0] > 0xf4)
		return 0;
	for (int i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xc2 && u[1] < 0xa0) || (u[0] == 0xe0 && u[1] < 0xa0) ||
	    (u[0] == 0xed && u[1] >= 0xa0) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xf4 && u[1] >= 0x90))
		return 0;
	return n;
}

/* Bytes [begin, end) of the text as they can be printed on one line. */
static void show(struct ebb_buf *out, const char *text, int begin, int end)
{
	while (begin < end) {
		int n = letter(text + begin);

		if (n > 0 && begin + n <= end)
			ebb_buf_add(out, text + begin, (size_t)n);
		else
			ebb_buf_puts(out, strchr("\t\r\n", text[begin]) ? " " : "?");
		begin += n > 0 ? n : 1;
	}
}

/* A place between two letters near byte i. */
static int between(const char *text, int i)
{
	while (i > 0 && (text[i] & 0xc0) == 0x80)
		i--;
	return i;
}

void ebb_claim_error(const struct ebb_claim *claim, int at, struct ebb_diag *diag, const char *fmt,
		     ...)
{
	int n = (int)strlen(claim->text), begin = at - WINDOW / 2, end;
	struct ebb_buf line = EBB_BUF_INIT;
	char what[512];
	int column;
	va_list ap;

	while (n > at && strchr(" \t\r\n", claim->text[n - 1]))
		n--;
	begin = begin > n - WINDOW ? n - WINDOW : begin;
	begin = begin > 0 ? between(claim->text, begin) : 0;
	end = n > begin + WINDOW ? between(claim->text, begin + WINDOW) : n;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	ebb_buf_puts(&line, begin > 0 ? "..." : "");
	show(&line, claim->text, begin, at);
	column = ebb_text_width(line.data);
	show(&line, claim->text, at, end);
	ebb_buf_puts(&line, end < n ? "..." : "");
	ebb_diag_add(diag, EBB_ERROR, ebb_claim_mark(claim, at), "claim: %s\n    %s\n    %*s^",
		     what, line.data, column, "");
	ebb_buf_release(&line);
}

static const struct {
	enum ebb_claim_kind kind;
	const char *name, *usage;
} function[] = {
#define EBB_CLAIM_FUNCTION(id, name, shape, takes, usage) {EBB_CLAIM_##id, name, usage},
#include "analysis/claim.def"
#undef EBB_CLAIM_FUNCTION
};

const char *ebb_claim_function_name(enum ebb_claim_kind kind)
{
	for (size_t i = 0; i < sizeof function / sizeof *function; i++)
		if (function[i].kind == kind)
			return function[i].name;
	return NULL;
}

const char *ebb_claim_function_usage(enum ebb_claim_kind kind)
{
	for (size_t i = 0; i < sizeof function / sizeof *function; i++)
		if (function[i].kind == kind)
			return function[i].usage;
	return NULL;
}
