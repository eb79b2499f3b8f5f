#include "figure/position.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/stat.h"
#include "figure/frames.h"
#include "figure/positions.h"

#define ARMS       16
#define TIMES      3    /* first, middle, last                                                 */
#define TITLE_ROOM 1170 /* pixels from the first frame to the edge, as in plots/position.gp    */

struct position {
	struct ebb_sheet sheet;
	int n_arms;
	const struct ebb_positions *arm; /* n_trials 0: not drawn */
};

static int64_t time_of(const struct ebb_positions *arm, int t)
{
	return t == 0 ? 0 : t == 1 ? (arm->n_steps - 1) / 2 : arm->n_steps - 1;
}

/* What the frames must hold. */
struct extent {
	int64_t last;      /* position that is drawn           */
	double mean, band; /* largest mean, top of any band    */
	bool thin;         /* some position has too few responses to be drawn */
};

/* One curve: block and CSV rows; widens the extent. */
static int put_curve(struct ebb_drawing *d, const char *block, const struct ebb_positions *arm,
		     int t, struct extent *e, struct ebb_err *err)
{
	struct ebb_summary s;
	double *column, responses, step = arm->step[time_of(arm, t)];
	int64_t i, at;
	int k, rc = 0, any = 0;
	bool band;

	column = ebb_xcalloc((size_t)arm->n_trials, sizeof *column);
	ebb_drawing_block(d, block);
	for (i = 0; i < arm->n_positions && rc == 0; i++) {
		at = time_of(arm, t) * arm->n_positions + i;
		for (k = 0; k < arm->n_trials; k++)
			column[k] = arm->value[k][at];
		rc = ebb_summarise(column, arm->n_trials, &s, err);
		responses = arm->responses[at] / arm->n_trials;
		if (s.n == 0)
			continue;
		if (responses < EBB_POSITION_RESPONSES) {
			e->thin = true;
			continue;
		}
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
		ebb_csv_number(&d->csv, responses);
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
	const struct ebb_positions *one = NULL, *arm;
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

static void put_caption(struct ebb_drawing *d, const struct position *p, bool thin, bool cut)
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
	ebb_caption_arms(&text, n, "nats");
	ebb_buf_puts(&text, "mean over the responses that reach a position, then over ");
	ebb_caption_seeds(&text, low, high);
	if (high < EBB_BAND_SEEDS)
		ebb_buf_puts(&text, "; no band below 3");
	else
		ebb_buf_printf(&text, "; band: 95 %% t interval over seeds%s",
			       low < EBB_BAND_SEEDS ? ", from 3 seeds on" : "");
	if (thin)
		ebb_buf_printf(&text,
			       "; positions that fewer than %d responses a seed reach are left out",
			       EBB_POSITION_RESPONSES);
	if (cut)
		ebb_buf_puts(&text, "; bands cut at the frame");
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d trial%s that ended early left out", diverged,
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
	int a, t, n = 0, m = 0, rows, rc = 0;

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
	rows = ebb_frames_down(n);
	ebb_drawing_init(&d, &p->sheet, "position", 1280, 230 + (n == 1 ? 530 : 300) * rows,
			 "arm,step,position,mean,low,high,responses_a_seed,n");
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
		rc = ebb_err_set(err, EBB_ENOENT,
				 "figure '%s': no position is reached by %d responses a seed",
				 p->sheet.name, EBB_POSITION_RESPONSES);
	ebb_frames_label(&d, label, n, TITLE_ROOM);
	ebb_drawing_strings(&d, "CURVE", (const char *const *)curve, m);
	ebb_drawing_number(&d, "LONGEST", (double)e.last);
	ebb_drawing_number(&d, "EVERY", e.last > 24 ? (double)(e.last / 12) : 1.0);
	/* Few seeds may reach the last positions: their bands may not flatten everything else. */
	high = fmin(1.05 * e.band, 1.5 * e.mean);
	ebb_drawing_number(&d, "HIGH", high > 0.0 ? high : 1.0);
	put_times(&d, p);
	put_caption(&d, p, e.thin, e.band > high);
	if (rc == 0)
		rc = ebb_drawing_write(&d, path, err);
	for (t = 0; t < m; t++)
		free(curve[t]);
	ebb_drawing_release(&d);
	return rc;
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct position p = {.sheet = q->sheet, .n_arms = q->lot->n};
	struct ebb_positions *arm;
	int rc = ebb_positions_read(q, &arm, err);

	p.arm = arm;
	if (rc == 0)
		rc = draw_position(&p, path, err);
	ebb_positions_release(arm, q->lot->n);
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
