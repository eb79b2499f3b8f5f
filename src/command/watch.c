/* ebb watch: a run in the terminal while others write it: its trials, and its curves arm by arm. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "analysis/table.h"
#include "command/command.h"
#include "command/curve.h"
#include "command/follow.h"
#include "command/screen.h"

#define INTERVAL_S     2.0
#define READING_S      1.0 /* of finished records in one go; the picture grows meanwhile */
#define ROWS_PLAIN     40  /* of a picture that goes into a pipe                         */
#define SIDE_COLUMNS   45  /* of one chart beside another                                */
#define CHART_ROWS     10
#define CHART_ROWS_MAX 24

static const char help[] =
	"  RUN              the run directory, also while an `ebb run` works there\n"
	"  --metric NAME    draw this metric (ebb metrics) instead of entropy and reward; up to "
	"four\n"
	"  --interval S     seconds between two looks, 0.1 to 3600; default 2\n"
	"  --once           one picture on stdout, then leave\n\n"
	"On a terminal: running trials, totals, and a curve for each arm, the mean over its "
	"trials\n"
	"so far, with its letter at the end. Ctrl-C or q leaves; the run goes on. It ends by "
	"itself\n"
	"when nothing runs any more. Into a pipe it writes one line of status each interval. "
	"NO_COLOR\n"
	"and the locale are respected.\n\n"
	"exit status: 0, 2 usage or a run that cannot be read\n";

struct request {
	const char *run, *metric[EBB_FOLLOW_MAX];
	int n_metrics;
	double interval;
	bool once, done;
};

static int parse_interval(const char *text, double *s)
{
	char *end;

	*s = strtod(text, &end);
	if (end == text || *end || !(*s >= 0.1 && *s <= 3600))
		return ebb_command_usage("watch", "--interval '%s': want seconds from 0.1 to 3600",
					 text);
	return 0;
}

static int parse(int argc, char **argv, struct request *q)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];
		bool metric = strcmp(s, "--metric") == 0, interval = strcmp(s, "--interval") == 0;
		int status;

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0) {
			q->done = true;
			return ebb_command_help("watch", help);
		}
		if ((metric || interval) && i + 1 == argc)
			return ebb_command_usage("watch", "%s needs a value", s);
		if (metric && q->n_metrics == EBB_FOLLOW_MAX)
			return ebb_command_usage("watch", "more than %d metrics", EBB_FOLLOW_MAX);
		if (metric) {
			q->metric[q->n_metrics++] = argv[++i];
		} else if (interval) {
			status = parse_interval(argv[++i], &q->interval);
			if (status != 0)
				return status;
		} else if (strcmp(s, "--once") == 0) {
			q->once = true;
		} else if (s[0] == '-' && s[1]) {
			return ebb_command_usage("watch", "unknown option '%s'", s);
		} else if (q->run) {
			return ebb_command_usage("watch", "one run at a time; '%s' is too much", s);
		} else {
			q->run = s;
		}
	}
	if (!q->run)
		return ebb_command_usage("watch", "name the run directory");
	if (q->n_metrics == 0) {
		q->metric[q->n_metrics++] = "entropy";
		q->metric[q->n_metrics++] = "reward";
	}
	return 0;
}

/* ---- numbers ---- */

static void duration(char text[32], double s)
{
	if (s < 100)
		snprintf(text, 32, "%.0f s", s);
	else if (s < 6000)
		snprintf(text, 32, "%.0f min", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, 32, "%.1f h", s / 3600);
	else
		snprintf(text, 32, "%.1f days", s / 86400);
}

/* The run as a whole. */
struct totals {
	double step, steps;  /* of all trials together                      */
	bool rough;          /* steps counts some that did not say how many */
	double tokens_per_s; /* of all running trials together              */
	double left_s;       /* NaN: not known                              */
};

/* What is left, at the pace of the trials that run now, shared by as many workers. A queued trial
 * is taken to be as long as the others are on average. */
static struct totals totals_of(const struct ebb_roster *r, const struct ebb_follow *f)
{
	struct totals t = {.left_s = NAN};
	double step_s = 0, left = 0, steps = 0;
	int timed = 0, known = 0;

	for (int i = 0; i < r->n; i++)
		if (r->row[i].standing.steps > 0) {
			steps += (double)r->row[i].standing.steps;
			known++;
		}
	for (int i = 0; i < r->n; i++) {
		const struct ebb_standing *s = &r->row[i].standing;
		bool ended = ebb_state_finished(s->state);
		double all = s->steps > 0 ? (double)s->steps : known > 0 ? steps / known : 0;

		t.rough = t.rough || s->steps <= 0;
		t.steps += all;
		t.step += ended ? all : s->step > 0 ? (double)s->step : 0;
		if (!ended)
			left += all - (s->step > 0 ? (double)s->step : 0);
		if (s->state != EBB_STATE_RUNNING)
			continue;
		if (!isnan(f->trial[i].tokens_per_s))
			t.tokens_per_s += f->trial[i].tokens_per_s;
		if (!isnan(f->trial[i].step_s)) {
			step_s += f->trial[i].step_s;
			timed++;
		}
	}
	if (timed > 0)
		t.left_s = left * step_s / timed / r->count[EBB_STATE_RUNNING];
	return t;
}

static void describe_totals(const struct totals *t, struct ebb_buf *out)
{
	char left[32];

	if (t->steps > 0)
		ebb_buf_printf(out, "; %.0f of %s%.0f steps", t->step, t->rough ? "about " : "",
			       t->steps);
	if (t->tokens_per_s > 0)
		ebb_buf_printf(out, "; %.0f tokens/s", t->tokens_per_s);
	if (!isnan(t->left_s)) {
		duration(left, t->left_s);
		ebb_buf_printf(out, "; about %s left", left);
	}
}

/* ---- the picture ---- */

/* Running trials first, then what needs attention. */
static int put_trials(struct ebb_canvas *c, int row, int rows, const struct ebb_roster *r,
		      const struct ebb_follow *f)
{
	static const enum ebb_state shown[] = {EBB_STATE_RUNNING, EBB_STATE_FAILED, EBB_STATE_STALE,
					       EBB_STATE_DIVERGED, EBB_STATE_EXPLODED};
	int total = 0, put = 0, label = c->columns - 66;

	for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
		total += r->count[shown[k]];
	if (total == 0 || rows < 2)
		return row;
	label = label < 10 ? 10 : label > 40 ? 40 : label;
	ebb_canvas_text(c, row++, 0, EBB_BOLD, "%-*s %6s  %-8s %11s %7s %8s %9s %8s", label, "arm",
			"seed", "state", "step", "reward", "entropy", "tokens/s", "left");
	rows--;
	for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
		for (int i = 0; i < r->n; i++) {
			const struct ebb_standing *s = &r->row[i].standing;
			double step_s = f->trial[i].step_s, speed = f->trial[i].tokens_per_s;
			char step[48], left[32] = "", at[32] = "";

			if (s->state != shown[k])
				continue;
			if (put == rows - 1 && total > rows) {
				ebb_canvas_text(c, row++, 0, EBB_DIM,
						"and %d more; ebb status lists them", total - put);
				return row;
			}
			if (s->step >= 0)
				snprintf(at, sizeof at, "%lld", (long long)s->step);
			snprintf(step, sizeof step, "%s/%lld", at, (long long)s->steps);
			ebb_canvas_text(c, row, 0, EBB_PLAIN, "%s", ebb_roster_label(r, i));
			for (int gap = label; gap < c->columns; gap++)
				*ebb_canvas_at(c, row, gap) = (struct ebb_cell){0};
			ebb_canvas_text(c, row, label + 1, EBB_PLAIN, "%6llu  %-8s %11s",
					(unsigned long long)ebb_roster_seed(r, i),
					ebb_state_word(s->state), s->steps >= 0 ? step : "");
			if (!isnan(s->reward))
				ebb_canvas_text(c, row, label + 29, EBB_PLAIN, "%7.3f %8.3f",
						s->reward, s->entropy);
			if (s->state == EBB_STATE_RUNNING && !isnan(speed)) {
				if (!isnan(step_s))
					duration(left, step_s * (double)(s->steps - s->step));
				ebb_canvas_text(c, row, label + 46, EBB_PLAIN, "%9.0f %8s", speed,
						left);
			} else if (s->cause[0]) {
				ebb_canvas_text(c, row, label + 47, EBB_PLAIN, "%s", s->cause);
			}
			row++;
			put++;
		}
	return row;
}

/* Letters and labels of the arms, as many to a line as fit; with c null only counts the lines. */
static int put_legend(struct ebb_canvas *c, int row, int rows, int columns,
		      const struct ebb_roster *r)
{
	int column = 0, first = row;

	for (int a = 0; a < r->run.n_arms; a++) {
		const char *label = r->run.arm[a].label;
		int need = ebb_text_width(label) + 2, more = r->run.n_arms - a;

		if (column > 0 && column + need > columns) {
			row++;
			column = 0;
		}
		if (row - first == rows - 1 && column + need + 16 > columns && more > 1)
			a = EBB_LETTERS_MAX; /* no room for the rest of them */
		if (a >= EBB_LETTERS_MAX) {
			if (c)
				ebb_canvas_text(c, row, column, EBB_DIM, "and %d more arms", more);
			break;
		}
		if (c) {
			ebb_canvas_text(c, row, column, EBB_INK + a % EBB_N_INKS, "%c",
					ebb_curve_letter(a));
			ebb_canvas_text(c, row, column + 2, EBB_PLAIN, "%s", label);
		}
		column += need + 3;
	}
	return row - first + 1;
}

static void put_chart(struct ebb_canvas *c, int row, int column, int rows, int columns,
		      const struct ebb_roster *r, const struct ebb_follow *f, int metric)
{
	struct ebb_trace *trace = ebb_xcalloc((size_t)r->n * 2 + 1, sizeof *trace);
	struct ebb_chart chart = {.title = f->metric[metric],
				  .unit = f->unit[metric],
				  .x_word = "step",
				  .trace = trace,
				  .n_arms = r->run.n_arms};
	int n = 0, capacity = r->n * 2;

	/* by cells of the design: a trial that two arms share belongs to both curves */
	for (int i = 0; i < r->n; i++) {
		const struct ebb_follow_curve *k = &f->trial[i].curve[metric];

		for (int a = r->row[i].arm; a < r->run.n_arms && k->n > 0; a++) {
			int cell = a * r->run.n_seeds + r->row[i].seed;

			if (strcmp(r->run.trial[cell], r->row[i].id) != 0)
				continue;
			if (n == capacity) {
				capacity *= 2;
				trace = ebb_xrealloc(trace, (size_t)capacity, sizeof *trace);
			}
			trace[n++] = (struct ebb_trace){k->x, k->y, k->n, a};
		}
	}
	chart.trace = trace;
	chart.n_traces = n;
	ebb_curve_draw(c, row, column, rows, columns, &chart);
	free(trace);
}

static bool has_points(const struct ebb_roster *r, const struct ebb_follow *f, int metric)
{
	for (int i = 0; i < r->n; i++)
		if (f->trial[i].curve[metric].n > 0)
			return true;
	return false;
}

/* The metrics that have rows, into `drawn`; a line for those that have none. */
static int put_missing(struct ebb_canvas *c, int *row, const struct ebb_roster *r,
		       const struct ebb_follow *f, int *drawn)
{
	struct ebb_buf none = EBB_BUF_INIT;
	int n = 0;

	for (int m = 0; m < f->n_metrics; m++) {
		if (has_points(r, f, m))
			drawn[n++] = m;
		else
			ebb_buf_printf(&none, "%s%s", none.len ? ", " : "", f->metric[m]);
	}
	if (none.len)
		ebb_canvas_text(c, (*row)++, 0, EBB_DIM, "no rows yet of %s", none.data);
	ebb_buf_release(&none);
	return n;
}

/* Charts side by side where the window is wide, else one below the other, as many as fit. */
static int put_charts(struct ebb_canvas *c, int row, int rows, const struct ebb_roster *r,
		      const struct ebb_follow *f)
{
	int *drawn = ebb_xcalloc((size_t)f->n_metrics + 1, sizeof *drawn), first = row;
	int n = put_missing(c, &row, r, f, drawn), beside = c->columns / SIDE_COLUMNS, lines, high;

	if (n == 0) {
		free(drawn);
		return row;
	}
	rows -= row - first;
	if (beside < 1)
		beside = 1;
	if (beside > n)
		beside = n;
	lines = (n + beside - 1) / beside;
	while (lines > 1 && rows / lines < CHART_ROWS)
		lines--;
	high = rows / lines > CHART_ROWS_MAX ? CHART_ROWS_MAX : rows / lines;
	for (int k = 0; k < n && k < lines * beside; k++)
		put_chart(c, row + k / beside * high, k % beside * (c->columns / beside), high,
			  c->columns / beside, r, f, drawn[k]);
	free(drawn);
	return row + lines * high;
}

/* Compose the picture; returns the rows it takes. */
static int compose(struct ebb_canvas *c, const struct ebb_roster *r, const struct ebb_follow *f,
		   int unread)
{
	struct totals totals = totals_of(r, f);
	struct ebb_buf text = EBB_BUF_INIT;
	int row = 0, column, legend;

	ebb_roster_summary(r, &text);
	column = ebb_canvas_text(c, row, 0, EBB_BOLD, "%s", r->run.name);
	ebb_canvas_text(c, row++, column, EBB_PLAIN, ": %s", text.data);
	ebb_buf_reset(&text);
	ebb_buf_puts(&text, "");
	describe_totals(&totals, &text);
	if (text.len > 2)
		ebb_canvas_text(c, row++, 0, EBB_PLAIN, "%s", text.data + 2);
	ebb_buf_release(&text);
	if (r->working && r->count[EBB_STATE_RUNNING] == 0)
		ebb_canvas_text(c, row++, 0, EBB_DIM,
				"no trial is being written; base policies are trained first");
	if (unread > 0)
		ebb_canvas_text(c, row++, 0, EBB_DIM, "curves of %d finished trials not read yet",
				unread);
	row++;
	row = put_trials(c, row, (c->rows - row) / 3, r, f) + 1;
	legend = put_legend(NULL, 0, c->rows / 5 > 0 ? c->rows / 5 : 1, c->columns, r);
	if (c->rows - row - legend < 8)
		return row - 1;
	row = put_charts(c, row, c->rows - row - legend, r, f);
	put_legend(c, row, legend, c->columns, r);
	return row + legend;
}

/* ---- watching ---- */

struct watch {
	struct request q;
	struct ebb_roster roster;
	struct ebb_follow follow;
	int unread;
};

static void draw(const struct watch *w, bool plain, struct ebb_buf *out)
{
	struct ebb_canvas c;
	int columns, rows, n;

	ebb_screen_size(&columns, &rows);
	if (plain && !ebb_screen_able())
		rows = ROWS_PLAIN;
	/* one row less than there are: a line break in the last one would scroll */
	ebb_canvas_init(&c, columns < 20 ? 20 : columns, rows < 3 ? 2 : rows - 1, ebb_text_utf8(),
			ebb_screen_colour());
	n = compose(&c, &w->roster, &w->follow, w->unread);
	ebb_canvas_print(&c, n, plain ? "\n" : "\033[K\n", out);
	ebb_canvas_release(&c);
}

static void print_picture(const struct watch *w)
{
	struct ebb_buf out = EBB_BUF_INIT;

	draw(w, true, &out);
	fputs(out.data ? out.data : "", stdout);
	ebb_buf_release(&out);
}

static void print_line(const struct watch *w)
{
	struct totals totals = totals_of(&w->roster, &w->follow);
	struct ebb_buf out = EBB_BUF_INIT;
	time_t now = time(NULL);
	struct tm t;
	char stamp[32];

	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &t));
	ebb_buf_printf(&out, "%s %s: ", stamp, w->roster.run.name);
	ebb_roster_summary(&w->roster, &out);
	describe_totals(&totals, &out);
	printf("%s\n", out.data);
	fflush(stdout);
	ebb_buf_release(&out);
}

static bool over(const struct ebb_roster *r)
{
	return !r->working && r->count[EBB_STATE_RUNNING] == 0;
}

/* Look, show, wait, until the run is over or the user has seen enough. */
static int watch(struct watch *w, bool live, struct ebb_err *err)
{
	struct ebb_buf frame = EBB_BUF_INIT;
	enum ebb_wake wake = EBB_WAKE_TIME;
	bool anew;
	int rc = 0;

	for (;;) {
		if (live) {
			ebb_buf_reset(&frame);
			draw(w, false, &frame);
			ebb_screen_show(&frame);
		} else {
			print_line(w);
		}
		if ((over(&w->roster) && w->unread == 0) || ferror(stdout))
			break;
		wake = ebb_screen_wait(live && w->unread > 0 ? 0.0 : w->q.interval);
		if (wake == EBB_WAKE_END)
			break;
		if (wake == EBB_WAKE_RESIZE)
			continue;
		rc = ebb_roster_refresh(&w->roster, &anew, err);
		if (rc < 0)
			break;
		w->unread = ebb_follow_read(&w->follow, &w->roster, READING_S);
	}
	ebb_buf_release(&frame);
	if (live)
		ebb_screen_close();
	if (rc == 0 && live && wake != EBB_WAKE_END) /* what came out of it stays to be read */
		print_picture(w);
	return rc;
}

int ebb_command_watch(int argc, char **argv)
{
	struct watch w = {.q = {.interval = INTERVAL_S}};
	struct ebb_err err = EBB_ERR_INIT;
	int status = parse(argc, argv, &w.q), rc;
	bool live;

	if (status != 0 || w.q.done)
		return status;
	ebb_record_setup();
	rc = ebb_roster_open(&w.roster, w.q.run, &err);
	if (rc == 0)
		rc = ebb_follow_init(&w.follow, &w.roster, w.q.metric, w.q.n_metrics, &err);
	if (rc == 0) {
		/* of a run that is over there is nothing to wait for */
		w.q.once = w.q.once || (ebb_screen_able() && over(&w.roster));
		live = ebb_screen_able() && !w.q.once;
		w.unread = ebb_follow_read(&w.follow, &w.roster,
					   w.q.once ? (double)INFINITY : READING_S);
		if (w.q.once) {
			print_picture(&w);
		} else {
			if (live)
				ebb_screen_open();
			else
				ebb_screen_signals();
			rc = watch(&w, live, &err);
		}
	}
	if (rc < 0)
		status = ebb_command_fail("watch", &err);
	ebb_follow_release(&w.follow);
	ebb_roster_release(&w.roster);
	return status;
}
