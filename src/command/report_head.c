/* The top of the page: what was asked, what came out in a line, when and with what it was made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "command/html.h"
#include "command/report.h"

/* ---- marks ---- */

/* A mark has a shape and a word of its own; colour only repeats them. */
static void put_mark(struct ebb_buf *out, const char *class, const char *word)
{
	ebb_html(out,
		 "<span class=\"mark %s\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\"><use "
		 "href=\"#mark-%s\"/></svg>%s</span>",
		 class, class, word);
}

void ebb_report_verdict(struct ebb_buf *out, enum ebb_ruling verdict)
{
	static const char *const class[EBB_N_VERDICTS] = {"reproduced", "contradicted",
							  "equivalent", "inconclusive", "none"};

	put_mark(out, class[verdict], ebb_verdict_word(verdict));
}

void ebb_report_state(struct ebb_buf *out, enum ebb_state state)
{
	static const char *const class[EBB_N_STATES] = {
		[EBB_STATE_QUEUED] = "none",       [EBB_STATE_RUNNING] = "running",
		[EBB_STATE_DONE] = "done",         [EBB_STATE_FAILED] = "contradicted",
		[EBB_STATE_DIVERGED] = "diverged", [EBB_STATE_STALE] = "inconclusive",
		[EBB_STATE_EXPLODED] = "diverged",
	};

	put_mark(out, class[state], ebb_state_word(state));
}

/* ---- the interval as a drawing ---- */

#define INTERVAL_WIDTH  140
#define INTERVAL_HEIGHT 20

static double place(const struct ebb_report_interval *i, double x)
{
	double at = (x - i->from) / (i->to - i->from);

	return 4 + (INTERVAL_WIDTH - 8) * fmin(1, fmax(0, at));
}

void ebb_report_interval(struct ebb_buf *out, const struct ebb_report_interval *i)
{
	const int middle = INTERVAL_HEIGHT / 2;

	if (!isfinite(i->mean) || !(i->to > i->from))
		return;
	ebb_html(out, "<svg class=\"interval\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\">",
		 INTERVAL_WIDTH, INTERVAL_HEIGHT);
	if (isfinite(i->margin) && i->margin > 0)
		ebb_html(out,
			 "<rect class=\"margin\" x=\"%.1f\" y=\"1\" width=\"%.1f\" height=\"%d\"/>",
			 place(i, i->none - i->margin),
			 place(i, i->none + i->margin) - place(i, i->none - i->margin),
			 INTERVAL_HEIGHT - 2);
	ebb_html(out, "<line class=\"zero\" x1=\"%.1f\" x2=\"%.1f\" y1=\"1\" y2=\"%d\"/>",
		 place(i, i->none), place(i, i->none), INTERVAL_HEIGHT - 1);
	if (isfinite(i->low) && isfinite(i->high))
		ebb_html(out, "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
			 place(i, i->low), place(i, i->high), middle, middle);
	ebb_html(out, "<circle cx=\"%.1f\" cy=\"%d\" r=\"3.5\"/></svg>", place(i, i->mean), middle);
}

/* ---- what came out, in a line ---- */

static void put_counts(struct ebb_buf *out, const struct ebb_report *r)
{
	if (!r->judged) {
		ebb_html(out, "<p class=\"verdicts\">The claims could not be judged.</p>\n");
		return;
	}
	if (r->verdicts.n == 0) {
		ebb_html(out, "<p class=\"verdicts\">This run makes no claims.</p>\n");
		return;
	}
	ebb_html(out, "<p class=\"verdicts\"><span class=\"of\">%d claim%s</span>", r->verdicts.n,
		 r->verdicts.n == 1 ? "" : "s");
	for (int v = 0; v < EBB_N_VERDICTS; v++) {
		if (r->verdicts.count[v] == 0)
			continue;
		ebb_html(out, " <span class=\"count\"><b>%d</b>", r->verdicts.count[v]);
		ebb_report_verdict(out, v);
		ebb_html(out, "</span>");
	}
	ebb_html(out, "</p>\n");
}

/* ---- facts ---- */

/* "100 to 107, 200"; runs of consecutive seeds are shortened. */
static void put_seeds(struct ebb_buf *out, const struct ebb_run *run)
{
	for (int i = 0, k; i < run->n_seeds; i = k) {
		for (k = i + 1; k < run->n_seeds && run->seed[k] == run->seed[k - 1] + 1; k++)
			;
		ebb_html(out, "%s%llu", i > 0 ? ", " : "", (unsigned long long)run->seed[i]);
		if (k - i > 1)
			ebb_html(out, "%s%llu", k - i > 2 ? EBB_HTML_NONE : ", ",
				 (unsigned long long)run->seed[k - 1]);
	}
}

static void put_trials(struct ebb_buf *out, const struct ebb_report *r)
{
	const struct ebb_run *run = &r->roster.run;
	const char *gap = "";

	ebb_html(out, "<div><dt>Trials</dt><dd>");
	for (int s = 0; s < EBB_N_STATES; s++) {
		if (r->roster.count[s] == 0)
			continue;
		ebb_html(out, "%s<span class=\"whole\">%d %s</span>", gap, r->roster.count[s],
			 ebb_state_word(s));
		gap = ", ";
	}
	ebb_html(out, "<small>%d arm%s, %d seed%s <span class=\"whole\">", run->n_arms,
		 run->n_arms == 1 ? "" : "s", run->n_seeds, run->n_seeds == 1 ? "" : "s");
	put_seeds(out, run);
	ebb_html(out, "</span></small></dd></div>\n");
}

/* "2026-11-21 15:25" of the record's ISO 8601 in UTC; any other text as it is. */
static void put_time(struct ebb_buf *out, const char *iso)
{
	char text[17];

	if (strlen(iso) != 20 || iso[10] != 'T' || iso[19] != 'Z') {
		ebb_html(out, "<time>%s</time>", iso);
		return;
	}
	memcpy(text, iso, 16);
	text[10] = ' ';
	text[16] = 0;
	ebb_html(out, "<time datetime=\"%s\">%s</time>", iso, text);
}

static void put_when(struct ebb_buf *out, const struct ebb_report *r)
{
	ebb_html(out, "<div><dt>Recorded</dt><dd>");
	if (r->started)
		put_time(out, r->started);
	else
		ebb_html(out, "nothing finished yet");
	if (r->stopped) {
		ebb_html(out, "<small>to ");
		put_time(out, r->stopped);
		ebb_html(out, " UTC</small>");
	}
	ebb_html(out, "</dd></div>\n");
}

/* Trials say with what they were made; the index only who wrote it last. */
static const char *fact(const struct ebb_report *r, const char *key)
{
	bool finished = r->first.provenance.n > 0;
	const char *value =
		ebb_about_get(finished ? &r->first.provenance : &r->about.provenance, key);

	return value && *value ? value : "unknown";
}

static void put_fact(struct ebb_buf *out, const char *name, const char *value, const char *small)
{
	ebb_html(out, "<div><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n", name, value, small);
}

static void put_program(struct ebb_buf *out, const struct ebb_report *r)
{
	const char *commit = fact(r, "git_commit"), *dirty = fact(r, "git_dirty");
	char brief[13] = "";

	ebb_html(out, "<div><dt>Program</dt><dd>ebb %s<small>", fact(r, "ebb_version"));
	if (strcmp(commit, "unknown") == 0) {
		strncat(brief, fact(r, "sources_sha256"), 12);
		ebb_html(out, "sources <code>%s</code>", brief);
	} else {
		strncat(brief, commit, 12);
		ebb_html(out, "commit <code title=\"%s\">%s</code>, %s", commit, brief,
			 strcmp(dirty, "yes") == 0  ? "with changes"
			 : strcmp(dirty, "no") == 0 ? "unchanged"
						    : "changes unknown");
	}
	ebb_html(out, "</small></dd></div>\n");
}

static void put_facts(struct ebb_buf *out, const struct ebb_report *r)
{
	char *cpus = ebb_xprintf("%s processors, %s", fact(r, "cpu_count"), fact(r, "kernel"));
	char *hdf5 = ebb_xprintf("HDF5 %s", fact(r, "hdf5_version"));
	char *gsl = ebb_xprintf("GSL %s", fact(r, "gsl_version"));

	ebb_html(out, "<dl class=\"facts\">\n");
	put_trials(out, r);
	put_when(out, r);
	put_program(out, r);
	put_fact(out, "Compiler", fact(r, "compiler"), fact(r, "build_type"));
	put_fact(out, "Machine", fact(r, "cpu"), cpus);
	put_fact(out, "Libraries", hdf5, gsl);
	ebb_html(out, "</dl>\n<p class=\"command\"><code>%s</code></p>\n", fact(r, "command_line"));
	free(gsl);
	free(hdf5);
	free(cpus);
}

/* ---- trials that were not made alike ---- */

static void put_mix(struct ebb_buf *out, const struct ebb_report *r)
{
	if (r->n_mix == 0)
		return;
	ebb_html(out, "<details class=\"warn\"><summary>Not all trials were made by the same "
		      "program on the same machine</summary>\n<ul>\n");
	for (int i = 0; i < r->n_mix; i++) {
		const struct ebb_report_mix *m = &r->mix[i];

		ebb_html(out, "<li><code>%s</code>: ", m->key);
		for (int k = 0; k < m->n; k++)
			ebb_html(out, "%s%d trial%s <code>%s</code>", k > 0 ? ", " : "",
				 m->count[k], m->count[k] == 1 ? "" : "s", m->value[k]);
		ebb_html(out, "</li>\n");
	}
	ebb_html(out, "</ul></details>\n");
}

/* All the rest, folded: a diff is read where it is needed. */
static void put_provenance(struct ebb_buf *out, const struct ebb_report *r)
{
	const struct ebb_about_rows *rows =
		r->first.provenance.n > 0 ? &r->first.provenance : &r->about.provenance;

	ebb_html(out, "<details><summary>All that was recorded of program and machine</summary>\n"
		      "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
		      "aria-label=\"provenance\"><table class=\"pairs\"><tbody>\n");
	for (int i = 0; i < rows->n; i++)
		if (*rows->row[i].value)
			ebb_html(out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n",
				 rows->row[i].key, rows->row[i].value);
	ebb_html(out, "</tbody></table></div></details>\n");
}

void ebb_report_head(struct ebb_buf *out, const struct ebb_report *r)
{
	const struct ebb_run *run = &r->roster.run;

	ebb_html(out, "<header class=\"top\">\n<h1>%s</h1>\n", r->title ? r->title : run->name);
	if (run->about && *run->about)
		ebb_html(out, "<p class=\"about\">%s</p>\n", run->about);
	put_counts(out, r);
	put_facts(out, r);
	put_mix(out, r);
	put_provenance(out, r);
	ebb_html(out, "</header>\n");
}
