#include "figure/drawing.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "analysis/table.h"
#include "base/file.h"
#include "figure/gnuplot.h"
#include "figure/latex.h"

#define TEMPLATE_LIMIT (1 << 20)
#define TIMEOUT_MS     120000
#define HEADING_CHAR   13.6 /* pixels a letter of the title takes */
#define CAPTION_CHAR   9.3  /* pixels a letter of a caption takes */
#define CAPTION_LINES  24
#define CAPTION_LINE   26 /* pixels, as in plots/style.gp */
#define CAPTION_INSIDE 2  /* lines that the height of a drawing has room for */
#define TITLE_LINES    3
#define LATEX_DPI      150.0 /* at which a document's 10 points look like the texts of the png */

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

/*
 * A single-quoted string: the only characters gnuplot reads in one are the quote and the newline. It
 * takes two quotes for one, but not at the beginning, nor two such pairs in a row (5.4): those are
 * put in as double-quoted strings of their own.
 */
static void put_quoted(struct ebb_buf *b, const char *s)
{
	const char *p;

	ebb_buf_puts(b, "'");
	for (p = s; *p != '\0'; p++) {
		if (*p == '\'' && p > s && p[-1] != '\'' && p[1] != '\'')
			ebb_buf_puts(b, "''");
		else if (*p == '\'')
			ebb_buf_puts(b, "'.\"'\".'");
		else
			ebb_buf_add(b, *p == '\n' || *p == '\r' ? " " : p, 1);
	}
	ebb_buf_puts(b, "'");
}

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
	put_quoted(b, tex.len > 0 ? tex.data : "");
	ebb_buf_release(&tex);
}

void ebb_drawing_string(struct ebb_drawing *d, const char *variable, const char *text)
{
	ebb_buf_printf(&d->data, "%s = ", variable);
	put_quoted(&d->data, text);
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
		put_quoted(&d->data, n > 0 ? text[i] : "");
		ebb_buf_puts(&d->tex, i > 0 ? ", " : "");
		/* names of data blocks are no words to print */
		if (n > 0 && text[i][0] == '$')
			put_quoted(&d->tex, text[i]);
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
			put_quoted(&d->data, line);
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
	const char *s;

	csv_separator(csv);
	if (strpbrk(text, ",\"\n\r") == NULL) {
		ebb_buf_puts(csv, text);
		return;
	}
	ebb_buf_puts(csv, "\"");
	for (s = text; *s != '\0'; s++)
		ebb_buf_add(csv, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	ebb_buf_puts(csv, "\"");
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

/* ---- templates ---- */

int ebb_template_read(const char *stem, char **text, char **path, struct ebb_err *err)
{
	const char *const place[3] = {getenv("EBB_PLOTS"), EBB_SOURCE_ROOT "/plots", EBB_PLOTS_DIR};
	char *file = ebb_xprintf("%s.gp", stem);
	struct stat folder;
	size_t n;
	int i, rc = EBB_ENOENT;

	*text = NULL;
	*path = NULL;
	if (place[0] != NULL && place[0][0] != '\0' &&
	    (stat(place[0], &folder) != 0 || !S_ISDIR(folder.st_mode))) {
		free(file);
		return ebb_err_set(err, EBB_ENOENT,
				   "EBB_PLOTS is '%s', which is no folder: set it to the folder "
				   "plots/ of the sources, or unset it",
				   place[0]);
	}
	for (i = 0; i < 3 && rc == EBB_ENOENT; i++) {
		if (place[i] == NULL || place[i][0] == '\0')
			continue;
		free(*path);
		*path = ebb_path_join(place[i], file);
		if (ebb_file_exists(*path))
			rc = ebb_file_read(*path, TEMPLATE_LIMIT, text, &n, err);
	}
	if (rc == EBB_ENOENT)
		ebb_err_set(err, EBB_ENOENT,
			    "no template '%s' in %s or %s; set EBB_PLOTS to the folder plots/ of "
			    "the sources",
			    file, place[1], place[2]);
	free(file);
	if (rc != 0) {
		free(*path);
		*path = NULL;
	}
	return rc;
}

/* ---- writing ---- */

/* What follows the name, finished and while it is written. gnuplot makes the name of the pdf that a
 * .tex includes from that of the .tex. */
static const char *const ending[EBB_N_FILES] = {".png", ".svg", ".pdf",    ".gp",
						".csv", ".tex", "-tex.pdf"};
static const char *const ending_new[EBB_N_FILES] = {
	".png.new", ".svg.new", ".pdf.new", ".gp.new", ".csv.new", "-tex.new.tex", "-tex.new.pdf"};

static int n_files(const struct ebb_drawing *d)
{
	return d->sheet->latex ? EBB_N_FILES : EBB_TEX;
}

/* Fonts and lines look alike in all three: pdfcairo halves both unless told otherwise. */
static void put_output(struct ebb_buf *b, const struct ebb_drawing *d, int format, const char *path)
{
	switch (format) {
	case EBB_PNG:
		ebb_buf_printf(b,
			       "set terminal pngcairo noenhanced size %d,%d font 'DejaVu Sans,17' "
			       "linewidth 1.4 rounded background '#ffffff'\n",
			       d->width, d->height);
		break;
	case EBB_SVG:
		ebb_buf_printf(b,
			       "set terminal svg noenhanced size %d,%d font 'DejaVu Sans,17' "
			       "linewidth 1.4 "
			       "rounded background '#ffffff'\n",
			       d->width, d->height);
		break;
	case EBB_TEX:
		ebb_buf_printf(b,
			       "set terminal cairolatex pdf input size %.3fin,%.3fin "
			       "fontscale 0.6 pointscale 0.7 linewidth 1.3 rounded background "
			       "'#ffffff'\n",
			       d->width / LATEX_DPI, d->height / LATEX_DPI);
		break;
	default:
		ebb_buf_printf(
			b,
			"set terminal pdfcairo noenhanced size %.3fin,%.3fin font 'DejaVu Sans,17' "
			"fontscale 0.76 linewidth 2.0 rounded background '#ffffff'\n",
			d->width / 96.0, d->height / 96.0);
	}
	ebb_buf_puts(b, "set output ");
	put_quoted(b, path);
	ebb_buf_puts(b, "\n");
}

/* A path gnuplot can open: it would otherwise send the picture to us (gnuplot.h). */
static int try_path(const char *path, struct ebb_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", path, strerror(errno));
	close(fd);
	return 0;
}

static int check_size(const char *path, struct ebb_err *err)
{
	FILE *f = fopen(path, "rb");
	long size = -1;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (f != NULL)
		fclose(f);
	if (size <= 0)
		return ebb_err_set(
			err, EBB_ETOOL,
			"gnuplot wrote nothing to '%s'; does it have the terminals pngcairo, svg, "
			"pdfcairo and cairolatex?",
			path);
	return 0;
}

struct page {
	char *style, *style_path, *body, *body_path;
};

/* Templates are loaded rather than sent, so that gnuplot can name the line of a mistake. */
static int render(struct ebb_gnuplot *g, const struct ebb_drawing *d, const struct page *t,
		  int format, const char *path, struct ebb_err *err)
{
	struct ebb_buf b = EBB_BUF_INIT;
	int rc;

	ebb_buf_puts(&b, "reset\n");
	put_output(&b, d, format, path);
	ebb_buf_puts(&b, "load ");
	put_quoted(&b, t->style_path);
	ebb_buf_puts(&b, "\nload ");
	put_quoted(&b, t->body_path);
	ebb_buf_puts(&b, "\nunset output\n");
	rc = ebb_gnuplot_send(g, b.data, b.len, TIMEOUT_MS, err);
	ebb_buf_release(&b);
	return rc;
}

/* The script that stands alone: the same texts in the same order, the picture under its own name. */
static void put_script(struct ebb_buf *b, const struct ebb_drawing *d, const struct page *t)
{
	char *png = ebb_xprintf("%s.png", d->sheet->name);

	ebb_buf_printf(b,
		       "# %s, drawn by ebb. Data, style and template are all here:\n"
		       "#   gnuplot -d %s.gp      draws %s again, in this folder\n"
		       "# Another terminal and output name give any other format.\n"
		       "set encoding utf8\n\n# ---- data ----\n",
		       d->sheet->name, d->sheet->name, png);
	ebb_buf_add(b, d->data.data, d->data.len);
	ebb_buf_puts(b, "\n# ---- output ----\n");
	put_output(b, d, EBB_PNG, png);
	ebb_buf_printf(b, "\n# ---- style.gp ----\n%s\n# ---- %s.gp ----\n%s\nunset output\n",
		       t->style, d->template, t->body);
	free(png);
}

static bool is_picture(int file)
{
	return file != EBB_GP && file != EBB_CSV;
}

static int finish_latex(const struct ebb_drawing *d, const char *path, struct ebb_err *err)
{
	char *picture = ebb_xprintf("%s-tex", d->sheet->name);
	int rc = ebb_latex_finish(path, d->sheet->name, picture, err);

	free(picture);
	return rc;
}

/* Pictures and texts under their temporary names. */
static int write_all(const struct ebb_drawing *d, const struct page *t,
		     char *const tmp[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_buf b = EBB_BUF_INIT, script = EBB_BUF_INIT;
	struct ebb_gnuplot *g = NULL;
	int f, rc = 0;

	for (f = 0; f < n_files(d) && rc == 0; f++)
		if (is_picture(f))
			rc = try_path(tmp[f], err);
	if (rc == 0)
		rc = ebb_gnuplot_open(&g, err);
	if (rc == 0) {
		ebb_buf_puts(&b, "set encoding utf8\n");
		ebb_buf_add(&b, d->data.data, d->data.len);
		rc = ebb_gnuplot_send(g, b.data, b.len, TIMEOUT_MS, err);
	}
	for (f = 0; f < EBB_GP && rc == 0; f++)
		rc = render(g, d, t, f, tmp[f], err);
	if (rc == 0 && d->sheet->latex)
		rc = ebb_gnuplot_send(g, d->tex.data, d->tex.len, TIMEOUT_MS, err);
	if (rc == 0 && d->sheet->latex)
		rc = render(g, d, t, EBB_TEX, tmp[EBB_TEX], err);
	if (rc == 0)
		rc = ebb_gnuplot_close(g, err);
	else
		ebb_gnuplot_abandon(g);
	for (f = 0; f < n_files(d) && rc == 0; f++)
		if (is_picture(f))
			rc = check_size(tmp[f], err);
	if (rc == 0 && d->sheet->latex)
		rc = finish_latex(d, tmp[EBB_TEX], err);
	put_script(&script, d, t);
	if (rc == 0)
		rc = ebb_file_write(tmp[EBB_GP], script.data, script.len, err);
	if (rc == 0)
		rc = ebb_file_write(tmp[EBB_CSV], d->csv.data, d->csv.len, err);
	ebb_buf_release(&script);
	ebb_buf_release(&b);
	return rc;
}

int ebb_drawing_write(const struct ebb_drawing *d, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const char *dir = d->sheet->dir;
	char *tmp[EBB_N_FILES] = {0};
	struct page t = {0};
	int f, rc;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	if (strpbrk(dir, "\n\r") != NULL)
		return ebb_err_set(err, EBB_EINVAL,
				   "gnuplot cannot write to a path with a line break");
	rc = ebb_template_read("style", &t.style, &t.style_path, err);
	if (rc == 0)
		rc = ebb_template_read(d->template, &t.body, &t.body_path, err);
	if (rc == 0)
		rc = ebb_dir_make(dir, err);
	if (rc == 0) {
		for (f = 0; f < n_files(d); f++) {
			path[f] = ebb_xprintf("%s/%s%s", dir, d->sheet->name, ending[f]);
			tmp[f] = ebb_xprintf("%s/%s%s", dir, d->sheet->name, ending_new[f]);
		}
		rc = write_all(d, &t, tmp, err);
		for (f = 0; f < n_files(d) && rc == 0; f++)
			rc = ebb_file_commit(tmp[f], path[f], err);
	}
	for (f = 0; f < EBB_N_FILES; f++) {
		if (rc != 0) {
			if (tmp[f] != NULL)
				unlink(tmp[f]);
			free(path[f]);
			path[f] = NULL;
		}
		free(tmp[f]);
	}
	free(t.style);
	free(t.style_path);
	free(t.body);
	free(t.body_path);
	return rc;
}
