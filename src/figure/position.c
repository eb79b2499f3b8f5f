#include "figure/position.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/stat.h"

#define ARMS       16
#define TIMES      3    /* first, middle, last                                                 */
#define TITLE_ROOM 1194 /* pixels from the first frame to the edge, as in plots/position.gp    */
#define TITLE_CHAR 11.5 /* that a letter of a title takes, and a line                          */
#define TITLE_LINE 25

struct arm {
	const char *label;
	int n_trials, n_diverged;
	int64_t n_steps, n_positions;
	double *step; /* coordinate, the same for all trials      (n_steps)                        */
	double **
		value; /* nats; NaN where no response is that long (n_trials)(n_steps, n_positions) */
};

struct position {
	struct ebb_sheet sheet;
	int n_arms;
	const struct arm *arm; /* n_trials 0: not drawn */
};

static int64_t time_of(const struct arm *arm, int t)
{
	return t == 0 ? 0 : t == 1 ? (arm->n_steps - 1) / 2 : arm->n_steps - 1;
}

/* What the frames must hold. */
struct extent {
	int64_t last;      /* position with a value            */
	double mean, band; /* largest mean, top of any band    */
};

/* One curve: block and CSV rows; widens the extent. */
static int put_curve(struct ebb_drawing *d, const char *block, const struct arm *arm, int t,
		     struct extent *e, struct ebb_err *err)
{
	struct ebb_summary s;
	double *column, step = arm->step[time_of(arm, t)];
	int64_t i;
	int k, rc = 0, any = 0;
	bool band;

	column = ebb_xcalloc((size_t)arm->n_trials, sizeof *column);
	ebb_drawing_block(d, block);
	for (i = 0; i < arm->n_positions && rc == 0; i++) {
		for (k = 0; k < arm->n_trials; k++)
			column[k] = arm->value[k][time_of(arm, t) * arm->n_positions + i];
		rc = ebb_summarise(column, arm->n_trials, &s, err);
		if (s.n == 0)
			continue;
		any = 1;
		e->last = i + 1 > e->last ? i + 1 : e->last;
		e->mean = fmax(e->mean, s.mean);
		band = s.n >= EBB_BAND_SEEDS;
		e->band = fmax(e->band, band ? s.high : s.mean);
		ebb_drawing_row(d, 5,
				(double[]){(double)(i + 1), s.mean,
					   band ? fmax(s.low, 0.0) : s.mean, band ? s.high : s.mean,
					   s.n});
		ebb_csv_text(&d->csv, arm->label);
		ebb_csv_number(&d->csv, step);
		ebb_csv_number(&d->csv, (double)(i + 1));
		ebb_csv_number(&d->csv, s.mean);
		ebb_csv_number(&d->csv, s.low);
		ebb_csv_number(&d->csv, s.high);
		ebb_csv_number(&d->csv, s.n);
		ebb_csv_end(&d->csv);
	}
	if (!any)
		ebb_drawing_row(d, 5, (double[]){NAN, NAN, NAN, NAN, NAN});
	ebb_drawing_end(d);
	free(column);
	return rc;
}

static void put_times(struct ebb_drawing *d, const struct position *p)
{
	static const char *const word[TIMES] = {"first step", "middle step", "last step"};
	const struct arm *one = NULL, *arm;
	bool same[TIMES] = {true, true, true};
	char *when[TIMES];
	int a, t;

	for (a = 0; a < p->n_arms; a++) {
		arm = &p->arm[a];
		if (arm->n_trials == 0)
			continue;
		one = one != NULL ? one : arm;
		for (t = 0; t < TIMES; t++)
			same[t] =
				same[t] && arm->step[time_of(arm, t)] == one->step[time_of(one, t)];
	}
	for (t = 0; t < TIMES; t++)
		when[t] = same[t] && one != NULL
				  ? ebb_xprintf("step %g", one->step[time_of(one, t)])
				  : ebb_xstrdup(word[t]);
	ebb_drawing_number(d, "T", TIMES);
	ebb_drawing_strings(d, "WHEN", (const char *const *)when, TIMES);
	for (t = 0; t < TIMES; t++)
		free(when[t]);
}

static void put_caption(struct ebb_drawing *d, const struct position *p, bool cut)
{
	struct ebb_buf text = EBB_BUF_INIT;
	int a, n = 0, low = -1, high = 0, diverged = 0;

	for (a = 0; a < p->n_arms; a++) {
		diverged += p->arm[a].n_diverged;
		if (p->arm[a].n_trials == 0)
			continue;
		n++;
		low = low < 0 || p->arm[a].n_trials < low ? p->arm[a].n_trials : low;
		high = p->arm[a].n_trials > high ? p->arm[a].n_trials : high;
	}
	ebb_buf_printf(&text,
		       "%d arm%s, unit nats; mean over the responses that reach a position, then "
		       "over ",
		       n, n == 1 ? "" : "s");
	ebb_caption_seeds(&text, low, high);
	if (high < EBB_BAND_SEEDS)
		ebb_buf_puts(&text, "; no band below 3");
	else
		ebb_buf_printf(&text, "; band: 95 %% t interval over seeds%s",
			       low < EBB_BAND_SEEDS ? ", from 3 seeds on" : "");
	if (cut)
		ebb_buf_puts(&text, "; bands cut at the frame");
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d diverged trial%s left out", diverged,
			       diverged == 1 ? "" : "s");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

static int draw_position(const struct position *p, char *path[EBB_N_FILES], struct ebb_err *err)
{
	char *curve[ARMS * TIMES];
	const char *label[ARMS];
	struct ebb_drawing d = {0};
	struct extent e = {0};
	double high;
	int a, t, n = 0, m = 0, rows, cols, lines, rc = 0;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	for (a = 0; a < p->n_arms; a++)
		n += p->arm[a].n_trials > 0;
	if (n == 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has entropies by position",
				   p->sheet.name);
	if (n > ARMS)
		return ebb_err_set(
			err, EBB_EINVAL,
			"figure '%s' has room for %d arms, the run has %d; choose some with --arm",
			p->sheet.name, ARMS, n);
	cols = n == 1 ? 1 : n <= 4 ? 2 : n <= 9 ? 3 : 4;
	rows = (n + cols - 1) / cols;
	ebb_drawing_init(&d, &p->sheet, "position", 1280, 230 + (n == 1 ? 530 : 300) * rows,
			 "arm,step,position,mean,low,high,n");
	n = 0;
	for (a = 0; a < p->n_arms && rc == 0; a++) {
		if (p->arm[a].n_trials == 0)
			continue;
		label[n++] = p->arm[a].label;
		for (t = 0; t < TIMES && rc == 0; t++) {
			curve[m] = ebb_xprintf("$curve%d_%d", n, t + 1);
			rc = put_curve(&d, curve[m++] + 1, &p->arm[a], t, &e, err);
		}
	}
	if (rc == 0 && e.last == 0)
		rc = ebb_err_set(err, EBB_ENOENT, "figure '%s': every value is missing",
				 p->sheet.name);
	ebb_drawing_number(&d, "N", n);
	ebb_drawing_number(&d, "COLS", cols);
	lines = ebb_drawing_titles(&d, "LABEL", label, n,
				   (int)((TITLE_ROOM / cols - 10) / TITLE_CHAR));
	d.height += TITLE_LINE * (lines - 1) * rows;
	ebb_drawing_number(&d, "HEIGHT", d.height);
	ebb_drawing_strings(&d, "CURVE", (const char *const *)curve, m);
	ebb_drawing_number(&d, "LONGEST", (double)e.last);
	ebb_drawing_number(&d, "EVERY", e.last > 24 ? (double)(e.last / 12) : 1.0);
	/* Few seeds reach the last positions: their bands may not flatten everything else. */
	high = fmin(1.05 * e.band, 1.5 * e.mean);
	ebb_drawing_number(&d, "HIGH", high > 0.0 ? high : 1.0);
	put_times(&d, p);
	put_caption(&d, p, e.band > high);
	if (rc == 0)
		rc = ebb_drawing_write(&d, path, err);
	for (t = 0; t < m; t++)
		free(curve[t]);
	ebb_drawing_release(&d);
	return rc;
}

/* ---- reading ---- */

/* Add one trial's tensor to its arm; all trials of an arm must agree on steps and positions. */
static int add_trial(struct arm *arm, struct ebb_array *a, uint64_t seed, struct ebb_err *err)
{
	if (a->rank != 2)
		return ebb_err_set(
			err, EBB_EFORMAT,
			"'position/entropy' of seed %llu has rank %d, not 2 (step, position)",
			(unsigned long long)seed, a->rank);
	if (arm->n_trials > 0 && (arm->n_steps != a->dim[0] || arm->n_positions != a->dim[1] ||
				  memcmp(arm->step, a->x, (size_t)a->dim[0] * sizeof(double)) != 0))
		return ebb_err_set(
			err, EBB_EINVAL,
			"arm '%s' cannot be averaged: seed %llu has other steps or positions "
			"than the seeds before it",
			arm->label, (unsigned long long)seed);
	if (a->dim[0] == 0)
		return 0;
	if (arm->n_trials == 0) {
		arm->n_steps = a->dim[0];
		arm->n_positions = a->dim[1];
		arm->step = a->x;
		a->x = NULL;
	}
	arm->value[arm->n_trials++] = a->value;
	a->value = NULL;
	return 0;
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_run *run = q->run;
	const struct ebb_lot *lot = q->lot;
	struct position p = {.sheet = q->sheet, .n_arms = lot->n};
	struct arm *arm;
	struct ebb_array a = {0};
	int i, s, state, n_arms = lot->n, rc = 0;

	arm = ebb_xcalloc((size_t)n_arms + 1, sizeof *arm);
	for (i = 0; i < n_arms && rc == 0; i++) {
		arm[i].label = run->arm[lot->arm[i]].label;
		arm[i].value = ebb_xcalloc((size_t)run->n_seeds + 1, sizeof *arm[i].value);
		for (s = 0; s < run->n_seeds && rc == 0; s++) {
			rc = ebb_trial_state(run, lot->arm[i], s, &state, err);
			if (rc != 0 || state == 0)
				continue;
			if (state < 0) {
				arm[i].n_diverged++;
				continue;
			}
			rc = ebb_run_read(run, lot->arm[i], s, "position/entropy", &a, err);
			if (rc == 0)
				rc = add_trial(&arm[i], &a, run->seed[s], err);
			else if (rc == EBB_ENOENT)
				rc = 0;
			ebb_array_release(&a);
		}
	}
	p.arm = arm;
	if (rc == 0)
		rc = draw_position(&p, path, err);
	for (i = 0; i < n_arms; i++) {
		for (s = 0; s < arm[i].n_trials; s++)
			free(arm[i].value[s]);
		free(arm[i].value);
		free(arm[i].step);
	}
	free(arm);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	(void)all;
	return ARMS;
}

const struct ebb_kind ebb_position_kind = {
	.room = room,
	.check = ebb_check_any,
	.draw = draw,
};
