#include "figure/survival.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/survival.h"
#include "analysis/table.h"

#define RISK_LINE 22 /* pixels of a row of numbers at risk, as in plots/survival.gp */
#define RISK_HEAD 62
#define KEY_LINE  27
#define KEY_CHARS 36 /* a longer one stands below */
#define MOST_TICS 12
#define BAND_ARMS 2 /* more bands than that hide each other */

bool ebb_collapse_time(const double *x, const double *y, int64_t n, double *time)
{
	double start = (double)NAN;
	int64_t i;

	*time = (double)NAN;
	for (i = 0; i < n; i++) {
		if (!isfinite(y[i]))
			continue;
		if (isnan(start))
			start = y[i];
		if (!(start > 0.0))
			return false;
		*time = x[i];
		if (y[i] < EBB_COLLAPSE * start)
			return true;
	}
	return false;
}

/* ---- reading ---- */

static enum ebb_scale scale_of(enum ebb_scale asked)
{
	return asked == EBB_SCALE_NATIVE ? EBB_SCALE_STEP : asked;
}

static int read_trial(struct ebb_survival_arm *out, const struct ebb_request *q, int arm, int seed,
		      struct ebb_err *err)
{
	enum ebb_scale scale = scale_of(q->choice->scale);
	struct ebb_curve c = {0};
	bool collapsed;
	double time;
	int rc = ebb_curve_read(&c, q->run, arm, seed, q->figure->panel[0].metric, scale, err);

	if (rc == 0) {
		collapsed = ebb_collapse_time(c.x, c.y, c.n, &time);
		if (isfinite(time)) {
			out->time[out->n_trials] = time;
			out->collapsed[out->n_trials] = collapsed;
			out->seed[out->n_trials++] = q->run->seed[seed];
		}
	} else if (rc == EBB_ENOENT) { /* this trial does not have the metric */
		rc = 0;
	}
	ebb_curve_release(&c);
	return rc;
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_survival_arm *arm;
	size_t seeds = (size_t)q->run->n_seeds + 1;
	int i, s, state, n = q->lot->n, rc = 0;

	arm = ebb_xcalloc((size_t)n + 1, sizeof *arm);
	for (i = 0; i < n && rc == 0; i++) {
		arm[i].label = q->run->arm[q->lot->arm[i]].label;
		arm[i].time = ebb_xcalloc(seeds, sizeof *arm[i].time);
		arm[i].collapsed = ebb_xcalloc(seeds, sizeof *arm[i].collapsed);
		arm[i].seed = ebb_xcalloc(seeds, sizeof *arm[i].seed);
		for (s = 0; s < q->run->n_seeds && rc == 0; s++) {
			rc = ebb_trial_state(q->run, q->lot->arm[i], s, &state, err);
			arm[i].n_diverged += rc == 0 && state < 0;
			if (rc == 0 && state != 0)
				rc = read_trial(&arm[i], q, q->lot->arm[i], s, err);
		}
	}
	if (rc == 0)
		rc = ebb_survival_draw(&q->sheet, q->choice->scale, arm, n, path, err);
	for (i = 0; i < n; i++) {
		free(arm[i].time);
		free(arm[i].collapsed);
		free(arm[i].seed);
	}
	free(arm);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	return EBB_SURVIVAL_ARMS;
}

const struct ebb_kind ebb_survival_kind = {
	.time = true, .room = room, .check = ebb_check_any, .draw = draw};

/* ---- the axis ---- */

/* Tics at round numbers, and so many of a unit that they stay short. */
struct axis {
	double end, tic, unit;
	const char *word;
	int n_tics; /* from 0 on */
};

static void make_axis(struct axis *x, double last)
{
	static const double nice[] = {1.0, 2.0, 5.0, 10.0};
	double power;
	int i = 0;

	last = last > 0.0 ? last : 1.0;
	x->unit = last >= 1e7 ? 1e6 : last >= 2e4 ? 1e3 : 1.0;
	x->word = last >= 1e7 ? ", millions" : last >= 2e4 ? ", thousands" : "";
	power = pow(10.0, floor(log10(last / 6.0)));
	while (i < 3 && nice[i] * power * 6.0 < last)
		i++;
	x->tic = nice[i] * power;
	x->end = last;
	x->n_tics = (int)fmin(floor(last / x->tic + 1e-9) + 1.0, MOST_TICS);
}

/* ---- drawing ---- */

/* Steps: down at every event, on to the last time anybody was watched. */
static void put_curve(struct ebb_drawing *d, const char *block, const struct ebb_survival *s,
		      double unit)
{
	double share = 1.0, low = 1.0, high = 1.0;
	int i;

	ebb_drawing_block(d, block);
	ebb_drawing_row(d, 5, (double[]){0.0, 1.0, 1.0, 1.0, 0.0});
	for (i = 0; i < s->n_steps; i++) {
		ebb_drawing_row(d, 5, (double[]){s->time[i] / unit, share, low, high, 0.0});
		share = s->share[i];
		low = isfinite(s->low[i]) ? s->low[i] : share;
		high = isfinite(s->high[i]) ? s->high[i] : share;
		ebb_drawing_row(d, 5,
				(double[]){s->time[i] / unit, share, low, high, s->events[i]});
	}
	ebb_drawing_end(d);
}

static void put_ticks(struct ebb_drawing *d, const char *block, const struct ebb_survival *s,
		      double unit)
{
	int i, any = 0;

	ebb_drawing_block(d, block);
	for (i = 0; i < s->n_steps; i++)
		if (s->censored[i] > 0) {
			ebb_drawing_row(d, 2, (double[]){s->time[i] / unit, s->share[i]});
			any = 1;
		}
	if (!any) /* outside the frame: gnuplot refuses a plot of nothing */
		ebb_drawing_row(d, 2, (double[]){0.0, -10.0});
	ebb_drawing_end(d);
}

static int at_risk(const struct ebb_survival *s, double t)
{
	int i;

	for (i = 0; i < s->n_steps; i++)
		if (s->time[i] >= t)
			return s->at_risk[i];
	return 0;
}

static void put_csv(struct ebb_buf *csv, const struct ebb_survival_arm *arm,
		    const struct ebb_survival *s, const char *axis)
{
	char seed[24];
	int i, k;

	for (i = 0; i < arm->n_trials; i++) {
		ebb_csv_text(csv, arm->label);
		ebb_csv_text(csv, arm->collapsed[i] ? "collapsed" : "censored");
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)arm->seed[i]);
		ebb_csv_text(csv, seed);
		ebb_csv_text(csv, axis);
		ebb_csv_number(csv, arm->time[i]);
		for (k = 0; k < 4; k++)
			ebb_csv_number(csv, (double)NAN);
		ebb_csv_end(csv);
	}
	for (i = 0; i < s->n_steps; i++) {
		ebb_csv_text(csv, arm->label);
		ebb_csv_text(csv, "curve");
		ebb_csv_text(csv, "");
		ebb_csv_text(csv, axis);
		ebb_csv_number(csv, s->time[i]);
		ebb_csv_number(csv, s->share[i]);
		ebb_csv_number(csv, s->low[i]);
		ebb_csv_number(csv, s->high[i]);
		ebb_csv_number(csv, s->at_risk[i]);
		ebb_csv_end(csv);
	}
}

struct figure {
	const struct ebb_survival_arm *arm[EBB_SURVIVAL_ARMS];
	struct ebb_survival curve[EBB_SURVIVAL_ARMS];
	double style[EBB_SURVIVAL_ARMS];
	int n;
	struct axis x;
	double p;      /* log-rank; NaN: one arm, or nothing happened */
	int few, most; /* seeds of an arm                             */
	int diverged, n_events;
	int lost; /* trials of other arms, which diverged before there was a value */
	bool censored;
};

static int logrank(struct figure *f, struct ebb_err *err)
{
	struct ebb_logrank r = {0};
	double *time;
	bool *reached;
	int *group, i, k, n = 0, rc;

	for (i = 0; i < f->n; i++)
		n += f->arm[i]->n_trials;
	time = ebb_xcalloc((size_t)n, sizeof *time);
	reached = ebb_xcalloc((size_t)n, sizeof *reached);
	group = ebb_xcalloc((size_t)n, sizeof *group);
	for (i = 0, n = 0; i < f->n; i++)
		for (k = 0; k < f->arm[i]->n_trials; k++, n++) {
			time[n] = f->arm[i]->time[k];
			reached[n] = f->arm[i]->collapsed[k];
			group[n] = i;
		}
	rc = ebb_logrank_test(time, reached, group, n, f->n, &r, err);
	f->p = rc == 0 ? r.p : (double)NAN;
	ebb_logrank_release(&r);
	free(time);
	free(reached);
	free(group);
	return rc;
}

static int gather(struct figure *f, const struct ebb_survival_arm *arm, int n_arms,
		  struct ebb_err *err)
{
	double last = 0.0;
	int a, i, rc = 0;

	for (a = 0; a < n_arms && rc == 0; a++) {
		if (arm[a].n_trials == 0) {
			f->lost += arm[a].n_diverged;
			continue;
		}
		if (f->n == EBB_SURVIVAL_ARMS)
			EBB_BUG("more arms than a survival figure has room for");
		f->arm[f->n] = &arm[a];
		f->style[f->n] = n_arms <= EBB_SURVIVAL_ARMS ? a + 1 : f->n + 1;
		rc = ebb_survival_curve(arm[a].time, arm[a].collapsed, arm[a].n_trials,
					&f->curve[f->n], err);
		f->n_events += f->curve[f->n].n_events;
		f->censored = f->censored || f->curve[f->n].n_events < f->curve[f->n].n;
		f->few = f->n == 0 || arm[a].n_trials < f->few ? arm[a].n_trials : f->few;
		f->most = arm[a].n_trials > f->most ? arm[a].n_trials : f->most;
		f->diverged += arm[a].n_diverged;
		for (i = 0; i < arm[a].n_trials; i++)
			last = fmax(last, arm[a].time[i]);
		f->n++;
	}
	make_axis(&f->x, last);
	return rc == 0 && f->n > 0 ? logrank(f, err) : rc;
}

static bool has_bands(const struct figure *f)
{
	return f->n <= BAND_ARMS && f->most > 1 && f->n_events > 0;
}

static void put_caption(struct ebb_drawing *d, const struct figure *f)
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_caption_arms(&text, f->n, "share");
	ebb_buf_printf(&text,
		       "share of seeds whose entropy has not yet been below %g of its first value, "
		       "Kaplan-Meier over ",
		       EBB_COLLAPSE);
	ebb_caption_seeds(&text, f->few, f->most);
	ebb_buf_printf(&text, "%s; %s", f->n > 1 ? " an arm" : "",
		       has_bands(f) ? "band: 95 %, Greenwood, log-log" : "no band");
	if (f->censored)
		ebb_buf_puts(&text, "; +: trials that ended before (censored)");
	if (f->n > 1)
		ebb_buf_puts(&text, "; curves stand a hair apart to be seen");
	if (f->diverged > 0)
		ebb_buf_printf(&text, "; %d trial%s that ended early watched until %s end",
			       f->diverged, f->diverged == 1 ? "" : "s",
			       f->diverged == 1 ? "its" : "their");
	if (f->lost > 0)
		ebb_buf_printf(&text, "; %d that ended at once left out", f->lost);
	if (isfinite(f->p))
		ebb_buf_printf(&text, "; log-rank test over the %d arms: p %s%.2g", f->n,
			       f->p < 1e-4 ? "< " : "= ", f->p < 1e-4 ? 1e-4 : f->p);
	else if (f->n > 1)
		ebb_buf_puts(&text, "; no log-rank test: nothing collapsed");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

/* "label  8/8, 34": of how many seeds how many got there, and the median time. */
static void put_labels(struct ebb_drawing *d, const struct figure *f)
{
	bool below;
	char *label[EBB_SURVIVAL_ARMS];
	const struct ebb_survival *s;
	int i, width, longest = 28;

	for (i = 0; i < f->n; i++) {
		s = &f->curve[i];
		label[i] =
			isfinite(s->median)
				? ebb_xprintf("%s  %d/%d, %.3g", f->arm[i]->label, s->n_events,
					      s->n, s->median / f->x.unit)
				: ebb_xprintf("%s  %d/%d, -", f->arm[i]->label, s->n_events, s->n);
		width = ebb_text_width(label[i]);
		longest = width > longest ? width : longest;
	}
	ebb_drawing_strings(d, "LABEL", (const char *const *)label, f->n);
	ebb_drawing_string(d, "KEY_TITLE", "arm  collapsed, median time");
	below = longest > KEY_CHARS;
	ebb_drawing_number(d, "KEY_CHARS", longest);
	ebb_drawing_number(d, "BELOW", below);
	if (below) {
		d->height += KEY_LINE * (f->n + 1) + 14;
		ebb_drawing_number(d, "HEIGHT", d->height);
	}
	for (i = 0; i < f->n; i++)
		free(label[i]);
}

static void put_risk(struct ebb_drawing *d, const struct figure *f)
{
	char *text[EBB_SURVIVAL_ARMS * MOST_TICS];
	double at[MOST_TICS];
	int i, k, n = 0;

	for (k = 0; k < f->x.n_tics; k++)
		at[k] = k * f->x.tic / f->x.unit;
	for (i = 0; i < f->n; i++)
		for (k = 0; k < f->x.n_tics; k++)
			text[n++] = ebb_xprintf("%d", at_risk(&f->curve[i], k * f->x.tic));
	ebb_drawing_number(d, "N_TICS", f->x.n_tics);
	ebb_drawing_numbers(d, "TIC", at, f->x.n_tics);
	ebb_drawing_strings(d, "RISK", (const char *const *)text, n);
	for (i = 0; i < n; i++)
		free(text[i]);
}

int ebb_survival_draw(const struct ebb_sheet *sheet, enum ebb_scale scale,
		      const struct ebb_survival_arm *arm, int n_arms, char *path[EBB_N_FILES],
		      struct ebb_err *err)
{
	enum ebb_scale axis = scale_of(scale);
	char *curve[EBB_SURVIVAL_ARMS], *tick[EBB_SURVIVAL_ARMS], *xlabel;
	struct ebb_drawing d = {0};
	struct figure f = {0};
	int i, rc;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	rc = gather(&f, arm, n_arms, err);
	if (rc == 0 && f.n == 0)
		rc = ebb_err_set(err, EBB_ENOENT,
				 "figure '%s': no finished trial has an entropy to follow",
				 sheet->name);
	if (rc != 0) {
		for (i = 0; i < f.n; i++)
			ebb_survival_release(&f.curve[i]);
		return rc;
	}
	ebb_drawing_init(&d, sheet, "survival", 1280, 640 + RISK_HEAD + RISK_LINE * f.n,
			 "arm,kind,seed,axis,x,share,low,high,at_risk");
	for (i = 0; i < f.n; i++) {
		curve[i] = ebb_xprintf("$share%d", i + 1);
		tick[i] = ebb_xprintf("$ended%d", i + 1);
		put_curve(&d, curve[i] + 1, &f.curve[i], f.x.unit);
		put_ticks(&d, tick[i] + 1, &f.curve[i], f.x.unit);
		put_csv(&d.csv, f.arm[i], &f.curve[i], ebb_scale_name(axis));
	}
	xlabel = ebb_xprintf("%s%s", ebb_scale_about(axis), f.x.word);
	ebb_drawing_string(&d, "XLABEL", xlabel);
	ebb_drawing_string(&d, "YLABEL", "share of seeds not collapsed");
	ebb_drawing_string(&d, "RISK_TITLE", "seeds at risk");
	ebb_drawing_number(&d, "N", f.n);
	ebb_drawing_number(&d, "END", f.x.end / f.x.unit);
	ebb_drawing_numbers(&d, "STYLE", f.style, f.n);
	ebb_drawing_number(&d, "BANDS", has_bands(&f));
	ebb_drawing_strings(&d, "SHARE", (const char *const *)curve, f.n);
	ebb_drawing_strings(&d, "ENDED", (const char *const *)tick, f.n);
	put_labels(&d, &f);
	put_risk(&d, &f);
	put_caption(&d, &f);
	rc = ebb_drawing_write(&d, path, err);
	for (i = 0; i < f.n; i++) {
		free(curve[i]);
		free(tick[i]);
		ebb_survival_release(&f.curve[i]);
	}
	free(xlabel);
	ebb_drawing_release(&d);
	return rc;
}
