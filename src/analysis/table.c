#include "analysis/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"

bool ebb_text_utf8(void)
{
	const char *l = getenv("LC_ALL");

	if (l == NULL || l[0] == '\0')
		l = getenv("LC_CTYPE");
	if (l == NULL || l[0] == '\0')
		l = getenv("LANG");
	return l != NULL && (strcasestr(l, "utf-8") != NULL || strcasestr(l, "utf8") != NULL);
}

/* The next code point, or the byte itself where the text is not UTF-8. */
static uint32_t decode(const unsigned char **s)
{
	const unsigned char *p = *s;
	int more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
	uint32_t c = more == 0 ? p[0] : p[0] & (0x3fu >> more);
	int i;

	for (i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			*s = p + 1;
			return p[0];
		}
		c = c << 6 | (p[i] & 0x3fu);
	}
	*s = p + 1 + more;
	return c;
}

int ebb_text_width(const char *text)
{
	/* First and last code point of the blocks that take two columns (Unicode TR 11, abridged). */
	static const uint32_t wide[][2] = {
		{0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
		{0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
		{0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
	};
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c;
	size_t i;
	int width = 0, w;

	while (*s != '\0') {
		c = decode(&s);
		w = 1;
		if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
		    (c >= 0xfe00 && c <= 0xfe0f))
			w = 0;
		for (i = 0; i < sizeof wide / sizeof wide[0]; i++)
			if (c >= wide[i][0] && c <= wide[i][1])
				w = 2;
		width += w;
	}
	return width;
}

static char **next_cell(struct ebb_table *t)
{
	if (t->n_rows == 0 || t->fill == t->n_columns) {
		if (t->n_rows == t->capacity) {
			t->capacity = t->capacity ? 2 * t->capacity : 16;
			t->cell = ebb_xrealloc(t->cell, (size_t)t->capacity * (size_t)t->n_columns,
					       sizeof *t->cell);
		}
		memset(t->cell + t->n_rows * t->n_columns, 0,
		       (size_t)t->n_columns * sizeof *t->cell);
		t->n_rows++;
		t->fill = 0;
	}
	return &t->cell[(t->n_rows - 1) * t->n_columns + t->fill++];
}

void ebb_table_init(struct ebb_table *t, int n_columns, const char *const *head)
{
	int i;

	*t = (struct ebb_table){.n_columns = n_columns};
	for (i = 0; i < n_columns; i++)
		*next_cell(t) = ebb_xstrdup(head[i]);
}

void ebb_table_cell(struct ebb_table *t, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		EBB_BUG("out of memory for a table cell");
	va_end(ap);
	*next_cell(t) = text;
}

void ebb_table_number(struct ebb_table *t, double x, int decimals)
{
	if (isnan(x))
		ebb_table_cell(t, "-");
	else
		ebb_table_cell(t, "%.*f", decimals, x);
}

static void pad(FILE *out, int n)
{
	for (; n > 0; n--)
		fputc(' ', out);
}

void ebb_table_print(const struct ebb_table *t, FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *cell, *head;
	bool bold = isatty(fileno(out)) && (no_color == NULL || no_color[0] == '\0');
	int *width, r, c, gap, last;
	bool left;

	width = ebb_xcalloc((size_t)t->n_columns, sizeof *width);
	for (r = 0; r < t->n_rows; r++)
		for (c = 0; c < t->n_columns; c++) {
			cell = t->cell[r * t->n_columns + c];
			gap = cell == NULL ? 0 : ebb_text_width(cell) - (r == 0 && cell[0] == '<');
			width[c] = gap > width[c] ? gap : width[c];
		}
	for (r = 0; r < t->n_rows; r++) {
		if (bold && r == 0)
			fputs("\033[1m", out);
		last = t->n_columns - 1; /* no blanks after the last word of a line */
		while (last > 0 && (t->cell[r * t->n_columns + last] == NULL ||
				    t->cell[r * t->n_columns + last][0] == '\0'))
			last--;
		for (c = 0; c <= last; c++) {
			head = t->cell[c];
			left = c == 0 || head[0] == '<';
			cell = t->cell[r * t->n_columns + c];
			if (cell == NULL)
				cell = "";
			if (r == 0 && cell[0] == '<')
				cell++;
			gap = width[c] - ebb_text_width(cell);
			if (c > 0)
				pad(out, 2);
			if (!left)
				pad(out, gap);
			fputs(cell, out);
			if (left && c < last)
				pad(out, gap);
		}
		if (bold && r == 0)
			fputs("\033[0m", out);
		fputc('\n', out);
	}
	free(width);
}

static void put_markdown(const char *cell, FILE *out)
{
	for (; *cell != '\0'; cell++) {
		if (strchr("|\\*_<`", *cell) != NULL) /* would be read as marks */
			fputc('\\', out);
		fputc(*cell == '\n' ? ' ' : *cell, out);
	}
}

void ebb_table_markdown(const struct ebb_table *t, FILE *out)
{
	const char *cell;
	int r, c;

	for (r = 0; r < t->n_rows; r++) {
		fputc('|', out);
		for (c = 0; c < t->n_columns; c++) {
			cell = t->cell[r * t->n_columns + c];
			fputc(' ', out);
			put_markdown(cell == NULL ? "" : cell + (r == 0 && cell[0] == '<'), out);
			fputs(" |", out);
		}
		fputc('\n', out);
		for (c = 0; c < t->n_columns && r == 0; c++)
			fputs(c == 0 ? "|:---" : t->cell[c][0] == '<' ? "|:---" : "|---:", out);
		if (r == 0)
			fputs("|\n", out);
	}
}

void ebb_table_release(struct ebb_table *t)
{
	int i;

	for (i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cell[i]);
	free(t->cell);
	*t = (struct ebb_table){0};
}

void ebb_json_number(struct ebb_buf *out, double x)
{
	if (isfinite(x))
		ebb_buf_double(out, x);
	else
		ebb_buf_puts(out, "null");
}
