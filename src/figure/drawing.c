#include "figure/drawing.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "figure/gnuplot.h"
#include "figure/latex.h"

#define HEADING_CHAR   13.6 /* pixels a letter of the title takes */
#define CAPTION_CHAR   9.3  /* pixels a letter of a caption takes */
#define CAPTION_LINES  24
#define CAPTION_LINE   26 /* pixels, as in plots/style.gp */
#define CAPTION_INSIDE 2  /* lines that the height of a drawing has room for */
#define TITLE_LINES    3

/* The end of the longest part of p that fits in so many columns: before a space if there is one,
 * else wherever they are full. */
static const char *fitting(const char *p, int columns)
{
	const char *end = p, *space = NULL;
	int width = 0;

	for (; *end != '\0'; end++) {
		width += ((unsigned char)*end & 0xc0) != 0x80; /* code points */
		if (*end == ' ' && end > p && width <= columns + 1)
			space = end;
		if (width > columns)
			return space != NULL ? space : end;
	}
	return end;
}

/* One line; what has no room there stands in caption and key. */
static void put_title(struct ebb_drawing *d, const char *title)
{
	const char *end = fitting(title, (int)((d->width - 60) / HEADING_CHAR));
	char *cut = ebb_xprintf("%.*s%s", (int)(end - title), title, *end != '\0' ? "…" : "");

	ebb_drawing_string(d, "TITLE", cut);
	free(cut);
}

void ebb_drawing_init(struct ebb_drawing *d, const struct ebb_sheet *sheet, const char *template,
		      int width, int height, const char *csv_head)
{
	*d = (struct ebb_drawing){.sheet = sheet, .width = width, .height = height};
	d->template = ebb_xstrdup(template);
	ebb_buf_printf(&d->csv, "%s\n", csv_head);
	ebb_drawing_number(d, "WIDTH", width);
	ebb_drawing_number(d, "HEIGHT", height);
	put_title(d, sheet->title);
}

void ebb_drawing_release(struct ebb_drawing *d)
{
	free(d->template);
	ebb_buf_release(&d->data);
	ebb_buf_release(&d->tex);
	ebb_buf_release(&d->csv);
	*d = (struct ebb_drawing){0};
}

/* ---- gnuplot text ---- */

static void put_number(struct ebb_buf *b, double x)
{
	if (isfinite(x))
		ebb_buf_printf(b, "%.9g", x);
	else
		ebb_buf_puts(b, "NaN");
}

/* gnuplot gives LaTeX no sizes: texts that are not of the common one say so themselves. */
static const char *latex_size(const char *variable)
{
	static const char *const size[][2] = {{"TITLE", "\\large "},
					      {"LABEL", "\\small "},
					      {"WORDS", "\\small "},
					      {"CAPTION", "\\scriptsize "}};
	size_t i;

	for (i = 0; i < sizeof size / sizeof size[0]; i++)
		if (strcmp(variable, size[i][0]) == 0)
			return size[i][1];
	return "";
}

static void put_latex(struct ebb_buf *b, const char *variable, const char *s)
{
	struct ebb_buf tex = EBB_BUF_INIT;

	if (*s != '\0')
		ebb_buf_puts(&tex, latex_size(variable));
	ebb_latex_text(&tex, s);
	ebb_gnuplot_quote(b, tex.len > 0 ? tex.data : "");
	ebb_buf_release(&tex);
}

void ebb_drawing_string(struct ebb_drawing *d, const char *variable, const char *text)
{
	ebb_buf_printf(&d->data, "%s = ", variable);
	ebb_gnuplot_quote(&d->data, text);
	ebb_buf_puts(&d->data, "\n");
	ebb_buf_printf(&d->tex, "%s = ", variable);
	put_latex(&d->tex, variable, text);
	ebb_buf_puts(&d->tex, "\n");
}

void ebb_drawing_number(struct ebb_drawing *d, const char *variable, double x)
{
	ebb_buf_printf(&d->data, "%s = ", variable);
	put_number(&d->data, x);
	ebb_buf_puts(&d->data, "\n");
}

void ebb_drawing_strings(struct ebb_drawing *d, const char *variable, const char *const *text,
			 int n)
{
	int i;

	ebb_buf_printf(&d->data, "array %s[%d] = [", variable, n > 0 ? n : 1);
	ebb_buf_printf(&d->tex, "array %s[%d] = [", variable, n > 0 ? n : 1);
	for (i = 0; i < (n > 0 ? n : 1); i++) {
		ebb_buf_puts(&d->data, i > 0 ? ", " : "");
		ebb_gnuplot_quote(&d->data, n > 0 ? text[i] : "");
		ebb_buf_puts(&d->tex, i > 0 ? ", " : "");
		/* names of data blocks are no words to print */
		if (n > 0 && text[i][0] == '$')
			ebb_gnuplot_quote(&d->tex, text[i]);
		else
			put_latex(&d->tex, variable, n > 0 ? text[i] : "");
	}
	ebb_buf_puts(&d->data, "]\n");
	ebb_buf_puts(&d->tex, "]\n");
}

void ebb_drawing_numbers(struct ebb_drawing *d, const char *variable, const double *x, int n)
{
	int i;

	ebb_buf_printf(&d->data, "array %s[%d] = [", variable, n > 0 ? n : 1);
	for (i = 0; i < (n > 0 ? n : 1); i++) {
		ebb_buf_puts(&d->data, i > 0 ? ", " : "");
		put_number(&d->data, n > 0 ? x[i] : (double)NAN);
	}
	ebb_buf_puts(&d->data, "]\n");
}

/* Lines of a title into start[] and length[]; *more: the last one is not the end of the text. */
static int break_title(const char *p, int columns, const char *start[], int length[], bool *more)
{
	const char *end;
	int n = 0;

	do {
		end = fitting(p, columns);
		start[n] = p;
		length[n++] = (int)(end - p);
		p = *end == ' ' ? end + 1 : end;
	} while (*p != '\0' && n < TITLE_LINES);
	*more = *p != '\0';
	return n;
}

/* Texts of several lines as an array of strings; above: lines that are wanting are put above them. */
static int put_titles(struct ebb_drawing *d, const char *variable, const char *const *text, int n,
		      int columns, bool above, double *count)
{
	const char *start[TITLE_LINES];
	int length[TITLE_LINES], i, k, lines, most = 1;
	char *line;
	bool more;

	for (i = 0; i < n; i++) {
		lines = break_title(text[i], columns, start, length, &more);
		most = lines > most ? lines : most;
		if (count != NULL)
			count[i] = lines;
	}
	ebb_buf_printf(&d->data, "array %s[%d] = [", variable, n);
	ebb_buf_printf(&d->tex, "array %s[%d] = [", variable, n);
	for (i = 0; i < n; i++) {
		lines = break_title(text[i], columns, start, length, &more);
		ebb_buf_puts(&d->data, i > 0 ? ", " : "");
		ebb_buf_puts(&d->tex, i > 0 ? ", " : "");
		for (k = lines; above && k < most; k++) {
			ebb_buf_puts(&d->data, "\"\\n\".");
			ebb_buf_puts(&d->tex, "'~'.\"\\n\".");
		}
		for (k = 0; k < lines; k++) {
			line = ebb_xprintf("%.*s%s", length[k], start[k],
					   more && k + 1 == lines ? "…" : "");
			ebb_buf_puts(&d->data, k > 0 ? ".\"\\n\"." : "");
			ebb_gnuplot_quote(&d->data, line);
			ebb_buf_puts(&d->tex, k > 0 ? ".\"\\n\"." : "");
			put_latex(&d->tex, variable, line);
			free(line);
		}
	}
	ebb_buf_puts(&d->data, "]\n");
	ebb_buf_puts(&d->tex, "]\n");
	return most;
}

int ebb_drawing_titles(struct ebb_drawing *d, const char *variable, const char *const *text, int n,
		       int columns)
{
	int most = put_titles(d, variable, text, n, columns, true, NULL);

	ebb_drawing_number(d, "TITLE_LINES", most);
	return most;
}

int ebb_drawing_lines(struct ebb_drawing *d, const char *variable, const char *const *text, int n,
		      int columns)
{
	double *count = ebb_xcalloc((size_t)n + 1, sizeof *count);
	char *lines = ebb_xprintf("%s_LINES", variable);
	int most = put_titles(d, variable, text, n, columns, false, count);

	ebb_drawing_numbers(d, lines, count, n);
	free(lines);
	free(count);
	return most;
}

/* What stands below a figure. */
struct caption {
	char *line[CAPTION_LINES];
	double mark[CAPTION_LINES]; /* enum ebb_mark_shape; -1: goes on from a marked line */
	int n;
};

static void add_lines(struct caption *c, const char *p, int mark, int columns)
{
	const char *cut, *end;
	bool first = true;
	int width;

	while (*p != '\0' && c->n < CAPTION_LINES) {
		cut = NULL;
		width = 0;
		for (end = p; *end != '\0'; end++) {
			width += ((unsigned char)*end & 0xc0) != 0x80; /* code points */
			if (*end == ' ' && end[1] != '%' && width <= columns)
				cut = end;
			if (width > columns && cut != NULL)
				break;
		}
		if (*end == '\0')
			cut = end;
		c->line[c->n] = ebb_xprintf("%.*s", (int)(cut - p), p);
		c->mark[c->n++] = first || mark == EBB_MARK_NONE ? mark : -1;
		first = false;
		p = *cut == ' ' ? cut + 1 : cut;
	}
}

/* A verdict too long for a line breaks before its numbers, which so stay together. */
static void add_verdict(struct caption *c, const struct ebb_sheet_verdict *v, int columns)
{
	const char *numbers = strrchr(v->line, '(');
	char *claim;
	int n = c->n;

	if (ebb_text_width(v->line) <= columns || numbers == NULL || numbers == v->line) {
		add_lines(c, v->line, (int)v->mark, columns);
		return;
	}
	claim = ebb_xprintf("%.*s", (int)(numbers - v->line), v->line);
	add_lines(c, claim, (int)v->mark, columns);
	add_lines(c, numbers, EBB_MARK_NONE, columns);
	for (n++; n < c->n && v->mark != EBB_MARK_NONE; n++)
		c->mark[n] = -1;
	free(claim);
}

void ebb_drawing_caption(struct ebb_drawing *d, const char *text)
{
	const struct ebb_sheet *s = d->sheet;
	struct ebb_buf b = EBB_BUF_INIT;
	struct caption c = {.n = 0};
	int i, columns = (int)((d->width - 48) / CAPTION_CHAR);

	ebb_buf_printf(&b, "%s: %s", s->run, text);
	if (s->left_out > 0)
		ebb_buf_printf(&b,
			       "; %d arm%s left out for want of room, evenly in the run's order; "
			       "--arm chooses",
			       s->left_out, s->left_out == 1 ? "" : "s");
	add_lines(&c, b.data, EBB_MARK_NONE, columns);
	for (i = 0; i < s->n_verdicts; i++)
		add_verdict(&c, &s->verdict[i], columns - 3);
	if (c.n > CAPTION_INSIDE) { /* the plot keeps its size */
		d->height += CAPTION_LINE * (c.n - CAPTION_INSIDE);
		ebb_drawing_number(d, "HEIGHT", d->height);
	}
	ebb_drawing_number(d, "N_CAPTION", c.n);
	ebb_drawing_strings(d, "CAPTION", (const char *const *)c.line, c.n);
	ebb_drawing_numbers(d, "CAPTION_MARK", c.mark, c.n);
	for (i = 0; i < c.n; i++)
		free(c.line[i]);
	ebb_buf_release(&b);
}

void ebb_drawing_block(struct ebb_drawing *d, const char *name)
{
	ebb_buf_printf(&d->data, "$%s << EOD\n", name);
}

void ebb_drawing_row(struct ebb_drawing *d, int n, const double *x)
{
	int i;

	for (i = 0; i < n; i++) {
		ebb_buf_puts(&d->data, i > 0 ? " " : "");
		put_number(&d->data, x[i]);
	}
	ebb_buf_puts(&d->data, "\n");
}

void ebb_drawing_gap(struct ebb_drawing *d)
{
	ebb_buf_puts(&d->data, "\n");
}

void ebb_drawing_end(struct ebb_drawing *d)
{
	ebb_buf_puts(&d->data, "EOD\n");
}

/* ---- csv ---- */

static void csv_separator(struct ebb_buf *csv)
{
	if (csv->len > 0 && csv->data[csv->len - 1] != '\n')
		ebb_buf_puts(csv, ",");
}

void ebb_csv_text(struct ebb_buf *csv, const char *text)
{
	csv_separator(csv);
	ebb_buf_csv(csv, text);
}

void ebb_csv_number(struct ebb_buf *csv, double x)
{
	csv_separator(csv);
	if (!isnan(x))
		ebb_buf_double(csv, x);
}

void ebb_csv_end(struct ebb_buf *csv)
{
	ebb_buf_puts(csv, "\n");
}
