#include "command/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "base/err.h"

void ebb_canvas_init(struct ebb_canvas *c, int columns, int rows, bool utf8, bool colour)
{
	*c = (struct ebb_canvas){columns, rows, utf8, colour, NULL};
	c->cell = ebb_xcalloc((size_t)columns * (size_t)rows + 1, sizeof *c->cell);
}

void ebb_canvas_release(struct ebb_canvas *c)
{
	free(c->cell);
	*c = (struct ebb_canvas){0};
}

struct ebb_cell *ebb_canvas_at(struct ebb_canvas *c, int row, int column)
{
	if (row < 0 || row >= c->rows || column < 0 || column >= c->columns)
		return NULL;
	return &c->cell[(size_t)row * (size_t)c->columns + (size_t)column];
}

/* One code point off the front; a byte that starts none stands for itself as '?'. */
static uint32_t decode(const unsigned char **s, char one[5])
{
	const unsigned char *p = *s;
	int n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
	uint32_t c = n <= 1 ? p[0] : p[0] & (0x7fu >> n);

	for (int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			n = 0;
		else
			c = c << 6 | (p[i] & 0x3fu);
	}
	if (n == 0) {
		*s = p + 1;
		memcpy(one, "?", 2);
		return '?';
	}
	memcpy(one, p, (size_t)n);
	one[n] = 0;
	*s = p + n;
	return c;
}

int ebb_canvas_text(struct ebb_canvas *c, int row, int column, int style, const char *fmt, ...)
{
	const unsigned char *s;
	char *text, one[5];
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		EBB_BUG("out of memory for a line of text");
	va_end(ap);
	for (s = (const unsigned char *)text; *s;) {
		uint32_t glyph = decode(&s, one);
		int width = ebb_text_width(one);
		struct ebb_cell *cell = ebb_canvas_at(c, row, column);

		if (width == 0 || glyph < 0x20 || (glyph >= 0x7f && glyph < 0xa0))
			continue; /* combining marks and controls have no cell of their own */
		if (!cell || !ebb_canvas_at(c, row, column + width - 1))
			break;
		if (!c->utf8 && glyph > 0x7e)
			glyph = '?';
		*cell = (struct ebb_cell){glyph, (uint8_t)style};
		if (width == 2 && glyph != '?') /* its right half is taken */
			cell[1] = (struct ebb_cell){UINT32_MAX, (uint8_t)style};
		column += width;
	}
	free(text);
	return column;
}

static void encode(struct ebb_buf *out, uint32_t c)
{
	unsigned char b[4];
	size_t n;

	if (c < 0x80) {
		b[0] = (unsigned char)c;
		n = 1;
	} else if (c < 0x800) {
		b[0] = (unsigned char)(0xc0 | c >> 6);
		b[1] = (unsigned char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (unsigned char)(0xe0 | c >> 12);
		b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		b[0] = (unsigned char)(0xf0 | c >> 18);
		b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (unsigned char)(0x80 | (c & 0x3f));
		n = 4;
	}
	ebb_buf_add(out, b, n);
}

static void set_style(struct ebb_buf *out, int style)
{
	/* The palette of Okabe and Ito (2008), in the nearest of the 256 terminal colours; its black
	 * is the terminal's grey. */
	static const int ink[EBB_N_INKS] = {214, 75, 36, 227, 32, 166, 175, 250};

	if (style == EBB_PLAIN)
		ebb_buf_puts(out, "\033[0m");
	else if (style == EBB_DIM || style == EBB_BOLD)
		ebb_buf_printf(out, "\033[0;%dm", style == EBB_DIM ? 2 : 1);
	else
		ebb_buf_printf(out, "\033[0;38;5;%dm", ink[(style - EBB_INK) % EBB_N_INKS]);
}

void ebb_canvas_print(const struct ebb_canvas *c, int n, const char *end, struct ebb_buf *out)
{
	for (int r = 0; r < n && r < c->rows; r++) {
		const struct ebb_cell *row = &c->cell[(size_t)r * (size_t)c->columns];
		int last = c->columns, style = EBB_PLAIN;

		while (last > 0 && (row[last - 1].glyph == 0 || row[last - 1].glyph == ' '))
			last--;
		for (int k = 0; k < last; k++) {
			if (row[k].glyph == UINT32_MAX)
				continue;
			if (c->colour && row[k].glyph && row[k].style != style) {
				style = row[k].style;
				set_style(out, style);
			}
			encode(out, row[k].glyph ? row[k].glyph : ' ');
		}
		if (style != EBB_PLAIN)
			set_style(out, EBB_PLAIN);
		ebb_buf_puts(out, end);
	}
}
