#include "command/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

void ebb_page_take(struct ebb_page *p, const char *section, const char *name, struct ebb_buf *text,
		   struct ebb_buf *cite)
{
	struct ebb_buf none = EBB_BUF_INIT;

	if (p->n == p->capacity) {
		p->capacity = p->capacity ? 2 * p->capacity : 16;
		p->line = ebb_xrealloc(p->line, (size_t)p->capacity, sizeof *p->line);
	}
	p->line[p->n++] = (struct ebb_line){.section = section,
					    .name = ebb_xstrdup(name),
					    .text = ebb_buf_take(text),
					    .cite = ebb_buf_take(cite ? cite : &none)};
}

void ebb_page_add(struct ebb_page *p, const char *section, const char *name, const char *cite,
		  const char *fmt, ...)
{
	struct ebb_buf text = EBB_BUF_INIT, source = EBB_BUF_INIT;
	char *line;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		EBB_BUG("out of memory");
	va_end(ap);
	ebb_buf_puts(&text, line);
	ebb_buf_puts(&source, cite ? cite : "");
	free(line);
	ebb_page_take(p, section, name, &text, &source);
}

const struct ebb_line *ebb_page_find(const struct ebb_page *p, const char *section,
				     const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->line[i].section, section) == 0 && strcmp(p->line[i].name, name) == 0)
			return &p->line[i];
	return NULL;
}

bool ebb_line_same(const struct ebb_line *a, const struct ebb_line *b)
{
	return strcmp(a->section, b->section) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->text, b->text) == 0 && strcmp(a->cite, b->cite) == 0;
}

/* ---- text ---- */

/* Characters, not bytes: UTF-8's continuation bytes take no column. */
static int columns(const char *s, size_t n)
{
	int k = 0;

	for (size_t i = 0; i < n; i++)
		k += ((unsigned char)s[i] & 0xc0) != 0x80;
	return k;
}

int ebb_wrap(struct ebb_buf *out, const char *text, int at, int indent)
{
	bool fresh = true; /* nothing on this line yet */

	for (;;) {
		size_t blanks = strspn(text, " "), n = strcspn(text + blanks, " \n");
		const int width = columns(text + blanks, n);

		if (!fresh && n > 0 && at + (int)blanks + width > EBB_PAGE_COLUMNS) {
			ebb_buf_printf(out, "\n%*s", indent, "");
			at = indent;
			blanks = 0;
			text += strspn(text, " ");
		}
		if (n > 0) {
			ebb_buf_add(out, text, blanks + n);
			at += (int)blanks + width;
			fresh = false;
		}
		text += blanks + n;
		if (*text == 0)
			return at;
		if (*text == '\n') {
			ebb_buf_printf(out, "\n%*s", indent, "");
			at = indent;
			fresh = true;
			text++;
		}
	}
}

int ebb_page_width(const struct ebb_page *p)
{
	int width = 0;

	for (int i = 0; i < p->n; i++) {
		const int n = columns(p->line[i].name, strlen(p->line[i].name));

		width = n > width ? n : width;
	}
	return width;
}

void ebb_print_wrapped(const char *text, int column)
{
	struct ebb_buf out = EBB_BUF_INIT;

	ebb_wrap(&out, text, column, column);
	printf("%s\n", out.data);
	ebb_buf_release(&out);
}

void ebb_line_print(const struct ebb_line *l, int indent, struct ebb_buf *out)
{
	int at = ebb_wrap(out, l->text, indent, indent);

	if (l->cite[0]) {
		const int n = columns(l->cite, strlen(l->cite));

		if (at + 4 + n > EBB_PAGE_COLUMNS)
			ebb_buf_printf(out, "\n%*s", indent, "");
		else
			ebb_buf_puts(out, "  ");
		ebb_buf_printf(out, "[%s]", l->cite);
	}
	ebb_buf_puts(out, "\n");
}

static void print_line(const struct ebb_line *l, int width, struct ebb_buf *out)
{
	ebb_buf_printf(out, "  %s%*s", l->name, width + 2 - columns(l->name, strlen(l->name)), "");
	ebb_line_print(l, 2 + width + 2, out);
}

void ebb_page_print(const struct ebb_page *p, int width, struct ebb_buf *out)
{
	const char *section = "";

	for (int i = 0; i < p->n; i++) {
		if (strcmp(section, p->line[i].section) != 0) {
			section = p->line[i].section;
			ebb_buf_printf(out, "%s%s\n", i ? "\n" : "", section);
		}
		print_line(&p->line[i], width, out);
	}
}

/* ---- JSON ---- */

void ebb_page_json(const struct ebb_page *p, const char *section, struct ebb_buf *out)
{
	int shown = 0;

	ebb_buf_puts(out, "[");
	for (int i = 0; i < p->n; i++) {
		const struct ebb_line *l = &p->line[i];

		if (strcmp(l->section, section) != 0)
			continue;
		ebb_buf_puts(out, shown++ ? ", {\"name\": " : "{\"name\": ");
		ebb_buf_json(out, l->name);
		ebb_buf_puts(out, ", \"text\": ");
		ebb_buf_json(out, l->text);
		ebb_buf_puts(out, ", \"source\": ");
		ebb_buf_json(out, l->cite);
		ebb_buf_puts(out, "}");
	}
	ebb_buf_puts(out, "]");
}

void ebb_page_release(struct ebb_page *p)
{
	for (int i = 0; i < p->n; i++) {
		free(p->line[i].name);
		free(p->line[i].text);
		free(p->line[i].cite);
	}
	free(p->line);
	*p = (struct ebb_page)EBB_PAGE_INIT;
}
