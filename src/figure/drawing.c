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
#include "base/file.h"
#include "figure/gnuplot.h"

#define TEMPLATE_LIMIT (1 << 20)
#define TIMEOUT_MS     120000
#define CAPTION_WIDTH  132
#define TITLE_LINES    3

void ebb_drawing_init(struct ebb_drawing *d, const char *name, const char *template, int width,
		      int height, const char *csv_head)
{
	*d = (struct ebb_drawing){.width = width, .height = height};
	d->name = ebb_xstrdup(name);
	d->template = ebb_xstrdup(template);
	ebb_buf_printf(&d->csv, "%s\n", csv_head);
	ebb_drawing_number(d, "WIDTH", width);
	ebb_drawing_number(d, "HEIGHT", height);
}

void ebb_drawing_release(struct ebb_drawing *d)
{
	free(d->name);
	free(d->template);
	ebb_buf_release(&d->data);
	ebb_buf_release(&d->csv);
	*d = (struct ebb_drawing){0};
}

/* ---- gnuplot text ---- */

/* A single-quoted string: the only characters gnuplot reads in one are the quote and the newline. */
static void put_quoted(struct ebb_buf *b, const char *s)
{
	ebb_buf_puts(b, "'");
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			ebb_buf_puts(b, "''");
		else
			ebb_buf_add(b, *s == '\n' || *s == '\r' ? " " : s, 1);
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

void ebb_drawing_string(struct ebb_drawing *d, const char *variable, const char *text)
{
	ebb_buf_printf(&d->data, "%s = ", variable);
	put_quoted(&d->data, text);
	ebb_buf_puts(&d->data, "\n");
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
	for (i = 0; i < (n > 0 ? n : 1); i++) {
		ebb_buf_puts(&d->data, i > 0 ? ", " : "");
		put_quoted(&d->data, n > 0 ? text[i] : "");
	}
	ebb_buf_puts(&d->data, "]\n");
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

int ebb_drawing_titles(struct ebb_drawing *d, const char *variable, const char *const *text, int n,
		       int columns)
{
	const char *start[TITLE_LINES];
	int length[TITLE_LINES], i, k, lines, most = 1;
	char *line;
	bool more;

	for (i = 0; i < n; i++) {
		lines = break_title(text[i], columns, start, length, &more);
		most = lines > most ? lines : most;
	}
	ebb_buf_printf(&d->data, "array %s[%d] = [", variable, n);
	for (i = 0; i < n; i++) {
		lines = break_title(text[i], columns, start, length, &more);
		ebb_buf_puts(&d->data, i > 0 ? ", " : "");
		for (k = lines; k < most; k++)
			ebb_buf_puts(&d->data, "\"\\n\".");
		for (k = 0; k < lines; k++) {
			line = ebb_xprintf("%.*s%s", length[k], start[k],
					   more && k + 1 == lines ? "…" : "");
			ebb_buf_puts(&d->data, k > 0 ? ".\"\\n\"." : "");
			put_quoted(&d->data, line);
			free(line);
		}
	}
	ebb_buf_puts(&d->data, "]\n");
	ebb_drawing_number(d, "TITLE_LINES", most);
	return most;
}

void ebb_drawing_caption(struct ebb_drawing *d, const char *text)
{
	const char *line[16], *p = text, *cut, *end;
	int i, n = 0, width;

	while (*p != '\0' && n < 16) {
		cut = NULL;
		width = 0;
		for (end = p; *end != '\0'; end++) {
			width += ((unsigned char)*end & 0xc0) != 0x80; /* code points */
			if (*end == ' ' && width <= CAPTION_WIDTH)
				cut = end;
			if (width > CAPTION_WIDTH && cut != NULL)
				break;
		}
		if (*end == '\0')
			cut = end;
		line[n] = strndup(p, (size_t)(cut - p));
		if (line[n++] == NULL)
			EBB_BUG("out of memory for a caption");
		p = *cut == ' ' ? cut + 1 : cut;
	}
	ebb_drawing_number(d, "N_CAPTION", n);
	ebb_drawing_strings(d, "CAPTION", line, n);
	for (i = 0; i < n; i++)
		free((char *)line[i]);
}

void ebb_drawing_left_out(struct ebb_buf *caption, int n)
{
	if (n > 0)
		ebb_buf_printf(caption,
			       "; %d arm%s left out for want of room, evenly in the run's order; "
			       "--arm chooses",
			       n, n == 1 ? "" : "s");
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

static const char *const extension[EBB_N_FILES] = {"png", "svg", "pdf", "gp", "csv"};

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
			"gnuplot wrote nothing to '%s'; does it have the terminals pngcairo, svg "
			"and pdfcairo?",
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
	char *png = ebb_xprintf("%s.png", d->name);

	ebb_buf_printf(b,
		       "# %s, drawn by ebb. Data, style and template are all here:\n"
		       "#   gnuplot -d %s.gp      draws %s again, in this folder\n"
		       "# Another terminal and output name give any other format.\n"
		       "set encoding utf8\n\n# ---- data ----\n",
		       d->name, d->name, png);
	ebb_buf_add(b, d->data.data, d->data.len);
	ebb_buf_puts(b, "\n# ---- output ----\n");
	put_output(b, d, EBB_PNG, png);
	ebb_buf_printf(b, "\n# ---- style.gp ----\n%s\n# ---- %s.gp ----\n%s\nunset output\n",
		       t->style, d->template, t->body);
	free(png);
}

/* Pictures and texts under their temporary names. */
static int write_all(const struct ebb_drawing *d, const struct page *t,
		     char *const tmp[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_buf b = EBB_BUF_INIT, script = EBB_BUF_INIT;
	struct ebb_gnuplot *g = NULL;
	int f, rc = 0;

	for (f = 0; f < EBB_GP && rc == 0; f++)
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
	if (rc == 0)
		rc = ebb_gnuplot_close(g, err);
	else
		ebb_gnuplot_abandon(g);
	for (f = 0; f < EBB_GP && rc == 0; f++)
		rc = check_size(tmp[f], err);
	put_script(&script, d, t);
	if (rc == 0)
		rc = ebb_file_write(tmp[EBB_GP], script.data, script.len, err);
	if (rc == 0)
		rc = ebb_file_write(tmp[EBB_CSV], d->csv.data, d->csv.len, err);
	ebb_buf_release(&script);
	ebb_buf_release(&b);
	return rc;
}

int ebb_drawing_write(const struct ebb_drawing *d, const char *dir, char *path[EBB_N_FILES],
		      struct ebb_err *err)
{
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
		for (f = 0; f < EBB_N_FILES; f++) {
			path[f] = ebb_xprintf("%s/%s.%s", dir, d->name, extension[f]);
			tmp[f] = ebb_xprintf("%s.new", path[f]);
		}
		rc = write_all(d, &t, tmp, err);
		for (f = 0; f < EBB_N_FILES && rc == 0; f++)
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
