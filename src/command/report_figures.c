/* The figures of a report: drawn into a folder of their own, taken into the page, thrown away. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "command/html.h"
#include "command/inline_svg.h"
#include "command/report.h"
#include "figure/figure.h"

#define FILE_LIMIT     (64u << 20)
#define EVIDENCE_SHOWN 4

/* ---- which ---- */

/* Those that the definition lists, else all of our own, as far as they have data. What cannot be
 * drawn of this run is left out: overrides may have taken it away. */
static int choose(const struct ebb_run *run, const struct ebb_figure_choice *choice,
		  const char ***word, struct ebb_err *err)
{
	bool listed = run->n_figures > 0, available;
	int n = 0, most = run->n_figures;

	for (int i = 0; !listed && ebb_figure_row(i); i++)
		most = i + 1;
	*word = ebb_xcalloc((size_t)most + 1, sizeof **word);
	for (int i = 0; i < most; i++) {
		const char *w = listed ? run->figure[i] : ebb_figure_row(i)->name;
		int rc = ebb_figure_check(run, w, choice, &available, err);

		if (rc == EBB_EINVAL || rc == EBB_ENOENT) {
			if (listed) /* that one of our own is not for these arms is no news */
				fprintf(stderr, "ebb report: note: %s\n", err->text);
		} else if (rc < 0)
			return rc;
		else if (available)
			(*word)[n++] = w;
		else if (listed)
			fprintf(stderr, "ebb report: note: figure '%s' has no data in this run\n",
				w);
	}
	return n;
}

/* ---- what a figure says of itself ---- */

/* A string of gnuplot's at s, in single quotes, two for one, or in double ones, which hold a quote or
 * a line break (figure/drawing.c); returns what follows it. */
static const char *unquote(struct ebb_buf *out, const char *s)
{
	const char quote = *s++;

	for (; *s && (*s != quote || (quote == '\'' && s[1] == quote)); s++) {
		if (quote == '"' && s[0] == '\\' && s[1] == 'n') {
			ebb_buf_puts(out, " ");
			s++;
			continue;
		}
		if (*s == quote)
			s++;
		ebb_buf_add(out, s, 1);
	}
	return *s ? s + 1 : s;
}

/* The text of a variable of the script beside a picture (figure/drawing.h): a string, or an array
 * of them, a blank between two. */
static char *variable(const char *script, const char *name)
{
	struct ebb_buf out = EBB_BUF_INIT;
	const char *s = script;
	size_t n = strlen(name);

	for (; s && *s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL) {
		const char *word = strncmp(s, "array ", 6) == 0 ? s + 6 : s, *end;

		if (strncmp(word, name, n) != 0 || (word[n] != ' ' && word[n] != '['))
			continue;
		end = strchrnul(word, '\n');
		for (s = word; s < end && *s;)
			if (*s == '\'' || *s == '"') { /* a dot before it joins it to the last */
				if (out.len > 0 && s[-1] != '.')
					ebb_buf_puts(&out, " ");
				s = unquote(&out, s);
			} else {
				s++;
			}
		break;
	}
	return ebb_buf_take(&out);
}

static void put_evidence(struct ebb_buf *out, const struct ebb_report *r, const char *word,
			 const struct ebb_figure_choice *choice)
{
	struct ebb_figure_choice judged = *choice;
	int *claim = NULL, n;

	/* here, and not in the picture's own caption: these lead to the table */
	judged.verdicts = r->judged ? &r->verdicts : NULL;
	n = ebb_figure_evidence(&r->roster.run, word, &judged, &claim);
	if (n > 0)
		ebb_html(out, "<p>Evidence for</p><ul class=\"evidence\">\n");
	for (int i = 0; i < n && i < EVIDENCE_SHOWN; i++) {
		const struct ebb_judgement *j = &r->verdicts.claim[claim[i]];

		ebb_html(out, "<li>");
		ebb_report_verdict(out, j->verdict);
		ebb_html(out, " <a href=\"#claim-%d\"><code>%s</code></a>", claim[i] + 1, j->claim);
		if (isfinite(j->effect)) {
			ebb_html(out, "<small>");
			ebb_report_effect(out, j);
			ebb_html(out, ", N = %d%s</small>", j->n, j->few ? ", few" : "");
		}
		ebb_html(out, "</li>\n");
	}
	if (n > EVIDENCE_SHOWN)
		ebb_html(out, "<li><a href=\"#verdicts\">and %d more</a></li>\n",
			 n - EVIDENCE_SHOWN);
	if (n > 0)
		ebb_html(out, "</ul>\n");
	free(claim);
}

/* ---- one figure ---- */

static int put_picture(struct ebb_buf *out, char *const path[EBB_N_FILES], int number,
		       struct ebb_err *err)
{
	char *svg = NULL, *script = NULL, *title = NULL, *caption = NULL, *alt, prefix[16];
	size_t n;
	int rc = ebb_file_read(path[EBB_SVG], FILE_LIMIT, &svg, &n, err);

	if (rc == 0)
		rc = ebb_file_read(path[EBB_GP], FILE_LIMIT, &script, &n, err);
	if (rc == 0) {
		title = variable(script, "TITLE");
		caption = variable(script, "CAPTION");
		alt = ebb_xprintf("Figure %d. %s. %s", number, title, caption);
		snprintf(prefix, sizeof prefix, "f%d", number);
		ebb_html(out,
			 "<div class=\"card\" tabindex=\"0\" role=\"region\" "
			 "aria-label=\"figure %d\">",
			 number);
		rc = ebb_inline_svg(out, svg, prefix, alt, err);
		ebb_html(out, "</div>\n");
		free(alt);
	}
	free(caption);
	free(title);
	free(script);
	free(svg);
	return rc;
}

static int put_figure(struct ebb_buf *out, const struct ebb_report *r, const char *word,
		      const struct ebb_figure_choice *choice, int number, struct ebb_err *err)
{
	char *path[EBB_N_FILES] = {0};
	int left_out = ebb_figure_left_out(&r->roster.run, word, choice);
	int rc = ebb_figure_draw(&r->roster.run, word, choice, path, err);

	if (rc == 0) {
		ebb_html(out, "<figure id=\"figure-%d\">\n", number);
		rc = put_picture(out, path, number, err);
		if (rc < 0)
			ebb_err_wrap(err, "figure '%s'", word);
	}
	if (rc == 0) {
		ebb_html(out,
			 "<figcaption><p class=\"number\">Figure %d</p>"
			 "<p><code>ebb plot RUN %s</code></p>\n",
			 number, word);
		if (left_out > 0)
			ebb_html(out, "<p>No room for %d of the arms.</p>\n", left_out);
		put_evidence(out, r, word, choice);
		ebb_html(out, "</figcaption></figure>\n");
	}
	for (int f = 0; f < EBB_N_FILES; f++) {
		if (path[f])
			unlink(path[f]);
		free(path[f]);
	}
	return rc;
}

/* ---- the folder ---- */

static int make_folder(char **folder, struct ebb_err *err)
{
	const char *tmp = getenv("TMPDIR");

	*folder = ebb_xprintf("%s/ebb-report-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(*folder))
		return 0;
	ebb_err_set(err, EBB_EIO,
		    "cannot make a folder '%s' to draw in: %s; TMPDIR names another place", *folder,
		    strerror(errno));
	free(*folder);
	*folder = NULL;
	return err->code;
}

static void remove_folder(char *folder)
{
	if (folder)
		rmdir(folder);
	free(folder);
}

int ebb_report_figures(struct ebb_buf *out, const struct ebb_report *r, struct ebb_err *err)
{
	const char **word = NULL;
	struct ebb_figure_choice choice = {0};
	char *folder = NULL;
	int n, drawn = 0, rc = 0;

	n = choose(&r->roster.run, &choice, &word, err);
	if (n > 0)
		rc = make_folder(&folder, err);
	else
		rc = n;
	choice.dir = folder;
	ebb_html(out, "<section id=\"figures\">\n<h2>Figures</h2>\n");
	for (int i = 0; i < n && rc == 0; i++) {
		rc = put_figure(out, r, word[i], &choice, drawn + 1, err);
		if (rc == EBB_ENOENT) { /* recorded, but no value among it that can be drawn */
			fprintf(stderr, "ebb report: note: %s\n", err->text);
			rc = 0;
			continue;
		}
		drawn++;
	}
	if (rc == 0 && drawn == 0)
		ebb_html(out, "<p>No finished trial has data for a figure yet.</p>\n");
	ebb_html(out, "</section>\n");
	remove_folder(folder);
	free(word);
	return rc;
}
