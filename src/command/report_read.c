/* Everything a report says, read before a word of it is written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "base/file.h"
#include "command/contrast.h"
#include "command/report.h"
#include "command/words.h"
#include "record/pack.h"

static const char *const metric_word[EBB_REPORT_N_METRICS] = {"accuracy", "entropy"};

static char *copy(const char *s)
{
	return s ? ebb_xstrdup(s) : NULL;
}

/* ---- trials ---- */

static double wall_time(const struct ebb_run *run, int arm, int seed)
{
	struct ebb_array a;
	struct ebb_err ignored;
	double wall = NAN;

	if (ebb_run_read(run, arm, seed, "timing_s/total", &a, &ignored) < 0)
		return wall;
	if (a.rank == 1 && a.dim[0] > 0)
		wall = a.value[a.dim[0] - 1];
	ebb_array_release(&a);
	return wall;
}

static struct ebb_report_mix *mix_of(struct ebb_report *r, const char *key)
{
	for (int i = 0; i < r->n_mix; i++)
		if (strcmp(r->mix[i].key, key) == 0)
			return &r->mix[i];
	r->mix = ebb_xrealloc(r->mix, (size_t)r->n_mix + 1, sizeof *r->mix);
	r->mix[r->n_mix] = (struct ebb_report_mix){.key = ebb_xstrdup(key)};
	return &r->mix[r->n_mix++];
}

static void count_value(struct ebb_report_mix *m, const char *value, int times)
{
	int i = 0;

	while (i < m->n && strcmp(m->value[i], value) != 0)
		i++;
	if (i == m->n) {
		m->value = ebb_xrealloc(m->value, (size_t)m->n + 1, sizeof *m->value);
		m->count = ebb_xrealloc(m->count, (size_t)m->n + 1, sizeof *m->count);
		m->value[m->n] = ebb_xstrdup(value);
		m->count[m->n++] = 0;
	}
	m->count[i] += times;
}

/* n trials before this one were made as the first was, in every fact not listed yet. */
static void compare_making(struct ebb_report *r, const struct ebb_about *about, int n)
{
	struct ebb_contrast_rows rows = {0};
	int known = r->n_mix;

	ebb_contrast_provenance(&rows, &r->first.provenance, &about->provenance);
	for (int i = 0; i < rows.n; i++) {
		struct ebb_report_mix *m = mix_of(r, rows.row[i].key);

		if (m->n == 0)
			count_value(m, rows.row[i].a ? rows.row[i].a : "", n);
		count_value(m, rows.row[i].b ? rows.row[i].b : "", 1);
	}
	for (int k = 0; k < known; k++) {
		bool differs = false;

		for (int i = 0; i < rows.n; i++)
			differs = differs || strcmp(rows.row[i].key, r->mix[k].key) == 0;
		if (!differs)
			r->mix[k].count[0]++;
	}
	ebb_contrast_rows_release(&rows);
}

static void widen(char **edge, const char *time, int direction)
{
	if (!time || (*edge && strcmp(time, *edge) * direction <= 0))
		return;
	free(*edge);
	*edge = ebb_xstrdup(time);
}

/* All arms that this trial stands for, in their order. */
static char *labels_of(const struct ebb_run *run, const struct ebb_roster_row *row)
{
	struct ebb_buf b = EBB_BUF_INIT;

	for (int a = row->arm; a < run->n_arms; a++)
		if (strcmp(run->trial[a * run->n_seeds + row->seed], row->id) == 0)
			ebb_buf_printf(&b, "%s%s", b.len > 0 ? ", " : "", run->arm[a].label);
	return ebb_buf_take(&b);
}

static void read_trials(struct ebb_report *r)
{
	const struct ebb_run *run = &r->roster.run;
	struct ebb_err ignored;
	int n = 0;

	r->trial = ebb_xcalloc((size_t)r->roster.n + 1, sizeof *r->trial);
	r->arm = ebb_xcalloc((size_t)run->n_arms + 1, sizeof *r->arm);
	for (int i = 0; i < r->roster.n; i++) {
		const struct ebb_roster_row *row = &r->roster.row[i];
		struct ebb_report_trial *t = &r->trial[i];
		struct ebb_about about = {0};
		char *path;

		t->wall_s = NAN;
		t->arms = labels_of(run, row);
		if (!ebb_state_finished(row->standing.state))
			continue;
		path = ebb_trial_path(run->dir, row->id);
		if (ebb_about_read(&about, path, EBB_ABOUT_TRIAL, &ignored) == 0) {
			t->started = copy(ebb_about_get(&about.root, "started"));
			t->stopped = copy(ebb_about_get(&about.root, "stopped"));
			t->wall_s = wall_time(run, row->arm, row->seed);
			widen(&r->started, t->started, -1);
			widen(&r->stopped, t->stopped, 1);
			if (n > 0)
				compare_making(r, &about, n);
			else
				ebb_about_read(&r->first, path, EBB_ABOUT_TRIAL, &ignored);
			n++;
			if (r->arm[row->arm].option.n == 0) {
				r->arm[row->arm] = about;
				about = (struct ebb_about){0};
			}
		}
		ebb_about_release(&about);
		free(path);
	}
}

/* ---- the rest ---- */

static int read_index(struct ebb_report *r, struct ebb_err *err)
{
	char *path = ebb_path_join(r->roster.run.dir, "run.h5");
	const char *resolved;
	int rc = ebb_about_read(&r->about, path, EBB_ABOUT_RUN, err);

	if (rc == 0) {
		resolved = ebb_about_get(&r->about.root, "resolved");
		rc = ebb_resolved_read(&r->resolved, resolved ? resolved : "", err);
		if (rc < 0)
			ebb_err_wrap(err, "cannot read '%s'", path);
	}
	free(path);
	return rc;
}

static int compare_finals(struct ebb_report *r, int k, struct ebb_err *err)
{
	struct ebb_report_compared *c = &r->compared[k];
	char *metric = NULL;
	int rc = 0;

	if (ebb_name_metric(&r->roster.run, metric_word[k], &metric, err) == 0 &&
	    ebb_name_recorded(&r->roster.run, metric)) {
		rc = ebb_compare(&c->table, &r->roster.run, metric, NULL, NULL, err);
		c->there = rc == 0;
	}
	free(metric);
	return rc;
}

/* Claims of an older program may be none today: the page then says so in place of verdicts. */
static void judge(struct ebb_report *r)
{
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_buf why = EBB_BUF_INIT;
	struct ebb_words words = {0};
	int rc;

	rc = ebb_words_of_run(&words, &r->roster.run, &err);
	if (rc == 0)
		rc = ebb_judge_run(&r->verdicts, &r->roster.run, NULL, 0, &words.scope, &diag,
				   &err);
	r->judged = rc == 0 && diag.n_errors == 0;
	if (!r->judged) {
		for (int i = 0; i < diag.n; i++)
			if (diag.entry[i].severity == EBB_ERROR)
				ebb_buf_printf(&why, "%s%s", why.len > 0 ? "\n" : "",
					       diag.entry[i].text);
		if (why.len == 0)
			ebb_buf_puts(&why, err.text);
		r->unjudged = ebb_buf_take(&why);
	}
	ebb_buf_release(&why);
	ebb_diag_release(&diag);
	ebb_words_release(&words);
}

int ebb_report_read(struct ebb_report *r, const char *path, struct ebb_err *err)
{
	int rc;

	r->path = path;
	rc = ebb_roster_open(&r->roster, path, err);
	if (rc == 0)
		rc = read_index(r, err);
	if (rc == 0)
		read_trials(r);
	for (int k = 0; k < EBB_REPORT_N_METRICS && rc == 0; k++)
		rc = compare_finals(r, k, err);
	if (rc == 0)
		judge(r);
	return rc;
}

void ebb_report_release(struct ebb_report *r)
{
	for (int i = 0; r->trial && i < r->roster.n; i++) {
		free(r->trial[i].started);
		free(r->trial[i].stopped);
		free(r->trial[i].arms);
	}
	for (int a = 0; r->arm && a < r->roster.run.n_arms; a++)
		ebb_about_release(&r->arm[a]);
	for (int i = 0; i < r->n_mix; i++) {
		for (int k = 0; k < r->mix[i].n; k++)
			free(r->mix[i].value[k]);
		free(r->mix[i].value);
		free(r->mix[i].count);
		free(r->mix[i].key);
	}
	for (int k = 0; k < EBB_REPORT_N_METRICS; k++)
		ebb_comparison_release(&r->compared[k].table);
	free(r->trial);
	free(r->arm);
	free(r->mix);
	free(r->unjudged);
	free(r->started);
	free(r->stopped);
	ebb_judgements_release(&r->verdicts);
	ebb_about_release(&r->first);
	ebb_about_release(&r->about);
	ebb_resolved_release(&r->resolved);
	ebb_roster_release(&r->roster);
	*r = (struct ebb_report){0};
}
