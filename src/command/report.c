/* ebb report: a run as one page that needs nothing but itself. */
#include "command/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/hash.h"
#include "command/command.h"
#include "command/html.h"

static const char style[] =
#include "command/report.css.h"
	;
static const char script[] =
#include "command/report.js.h"
	;

static const char help[] =
	"  RUN           the run directory, also while an `ebb run` works there\n"
	"  --out FILE    where the page goes (RUN/report.html)\n"
	"  --title TEXT  its heading (the name of the run)\n\n"
	"The page holds the verdicts of the run's claims, what differs between its arms, the "
	"figures its\n"
	"definition lists (else all that have data), final values with paired differences, every "
	"trial,\n"
	"the definition, and how to make it all again. Figures are inside as SVG; nothing is "
	"loaded from\n"
	"elsewhere, so that it can be sent as it is. Tables sort by a click on a heading; light "
	"and dark;\n"
	"fit to be printed. The same records give the same bytes. Needs gnuplot.\n\n"
	"exit status: 0, 2 usage, a run that cannot be read, or no gnuplot\n";

struct request {
	const char *run, *out, *title;
	bool done;
};

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		const char **to = NULL;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			q->done = true;
			return ebb_command_help("report", help);
		}
		if (strcmp(argv[i], "--out") == 0)
			to = &q->out;
		else if (strcmp(argv[i], "--title") == 0)
			to = &q->title;
		else if (argv[i][0] == '-' && argv[i][1])
			return ebb_command_usage("report", "unknown option '%s'", argv[i]);
		if (to && i + 1 == argc)
			return ebb_command_usage("report", "'%s' needs a value", argv[i]);
		if (to)
			*to = argv[++i];
		else if (q->run)
			return ebb_command_usage("report", "one run at a time; '%s' is too much",
						 argv[i]);
		else
			q->run = argv[i];
	}
	if (!q->run)
		return ebb_command_usage("report", "name the run directory");
	return 0;
}

/* ---- the page ---- */

static void put_base64(struct ebb_buf *out, const uint8_t *byte, size_t n)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned bits = (unsigned)byte[i] << 16;
		char four[5] = "====";

		bits |= i + 1 < n ? (unsigned)byte[i + 1] << 8 : 0;
		bits |= i + 2 < n ? byte[i + 2] : 0;
		four[0] = digit[bits >> 18 & 63];
		four[1] = digit[bits >> 12 & 63];
		if (i + 1 < n)
			four[2] = digit[bits >> 6 & 63];
		if (i + 2 < n)
			four[3] = digit[bits & 63];
		ebb_buf_puts(out, four);
	}
}

/* The browser is told to run our script alone, known by its hash, and to load nothing: a second lock
 * behind the escaping of every text. */
static void put_policy(struct ebb_buf *out)
{
	uint8_t digest[32];

	ebb_sha256(script, sizeof script - 1, digest);
	ebb_buf_puts(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
			  "'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
			  "form-action 'none'; script-src 'sha256-");
	put_base64(out, digest, sizeof digest);
	ebb_buf_puts(out, "'\">\n");
}

/* Shapes of the marks, drawn once. */
static const char marks[] =
	"<svg class=\"marks\" aria-hidden=\"true\">"
	"<symbol id=\"mark-reproduced\" viewBox=\"0 0 16 16\"><path d=\"M3 8.5l3.5 3.5L13 4.5\"/>"
	"</symbol>"
	"<symbol id=\"mark-contradicted\" viewBox=\"0 0 16 16\"><path d=\"M4 4l8 8M12 4l-8 8\"/>"
	"</symbol>"
	"<symbol id=\"mark-equivalent\" viewBox=\"0 0 16 16\"><path d=\"M3 5.5h10M3 10.5h10\"/>"
	"</symbol>"
	"<symbol id=\"mark-inconclusive\" viewBox=\"0 0 16 16\"><path d=\"M5 6a3 3 0 1 1 4.2 "
	"2.7c-.8.4-1.2.8-1.2 1.6M8 13.2v.1\"/></symbol>"
	"<symbol id=\"mark-none\" viewBox=\"0 0 16 16\"><path d=\"M4 8h8\"/></symbol>"
	"<symbol id=\"mark-running\" viewBox=\"0 0 16 16\"><path d=\"M5 3.5l7 4.5-7 "
	"4.5z\"/></symbol>"
	"<symbol id=\"mark-done\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" r=\"2.5\"/>"
	"</symbol>"
	"<symbol id=\"mark-diverged\" viewBox=\"0 0 16 16\"><path d=\"M3 12L8 8l5-5M8 8l5 5\"/>"
	"</symbol></svg>\n";

static const char navigation[] =
	"<nav aria-label=\"sections\"><div><ul><li><a href=\"#top\">Top</a></li>"
	"<li><a href=\"#verdicts\">Verdicts</a></li><li><a href=\"#options\">Arms</a></li>"
	"<li><a href=\"#figures\">Figures</a></li><li><a href=\"#finals\">Final values</a></li>"
	"<li><a href=\"#trials\">Trials</a></li><li><a href=\"#again\">Again</a></li></ul>"
	"<button type=\"button\" id=\"theme\" hidden></button></div></nav>\n";

static int put_page(struct ebb_buf *out, const struct ebb_report *r, struct ebb_err *err)
{
	int rc;

	ebb_html(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
	put_policy(out);
	ebb_html(out,
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 "<meta name=\"generator\" content=\"ebb\">\n"
		 "<link rel=\"icon\" href=\"data:,\">\n<title>%s</title>\n<style>\n",
		 r->title ? r->title : r->roster.run.name);
	ebb_buf_puts(out, style);
	ebb_html(out, "</style>\n</head>\n<body id=\"top\">\n");
	ebb_buf_puts(out, marks);
	ebb_buf_puts(out, navigation);
	ebb_html(out, "<main>\n");
	ebb_report_head(out, r);
	ebb_report_verdicts(out, r);
	ebb_report_options(out, r);
	rc = ebb_report_figures(out, r, err);
	if (rc < 0)
		return rc;
	ebb_report_comparison(out, r);
	ebb_report_trials(out, r);
	ebb_report_source(out, r);
	ebb_html(out, "</main>\n<script>");
	ebb_buf_puts(out, script);
	ebb_html(out, "</script>\n</body>\n</html>\n");
	return 0;
}

int ebb_command_report(int argc, char **argv)
{
	struct ebb_buf page = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_report r = {0};
	struct request q = {0};
	char *path = NULL;
	int rc, status = parse(argc, argv, &q);

	if (status != 0 || q.done)
		return status;
	ebb_record_setup();
	r.title = q.title;
	rc = ebb_report_read(&r, q.run, &err);
	if (rc == 0)
		rc = put_page(&page, &r, &err);
	if (rc == 0) {
		path = q.out ? ebb_xstrdup(q.out) : ebb_path_join(r.roster.run.dir, "report.html");
		rc = ebb_file_write(path, page.data, page.len, &err);
	}
	if (rc == 0)
		printf("%s\n", path);
	else
		status = ebb_command_fail("report", &err);
	free(path);
	ebb_buf_release(&page);
	ebb_report_release(&r);
	return status;
}
