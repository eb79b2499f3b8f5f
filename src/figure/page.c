/* Writing a drawing: templates, gnuplot's pictures, the script that stands alone. */
#include "figure/drawing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "figure/gnuplot.h"
#include "figure/latex.h"

#define TEMPLATE_LIMIT (1 << 20)
#define TIMEOUT_MS     120000
#define LATEX_DPI      150.0 /* at which a document's 10 points look like the texts of the png */

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
	ebb_gnuplot_quote(b, path);
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
	ebb_gnuplot_quote(&b, t->style_path);
	ebb_buf_puts(&b, "\nload ");
	ebb_gnuplot_quote(&b, t->body_path);
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
