#include "figure/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "figure/frames.h"
#include "model/model.h"

#define TITLE_ROOM 1152 /* pixels of the frames and their gaps, as in plots/histogram.gp */
#define GAP        36   /* of them one gap */
#define TABLE      250  /* of the table of moments                                             */
#define DECADES    7    /* below the highest bin; less is not drawn */

static const char *const moment_metric[EBB_N_MOMENTS] = {
	[EBB_MOMENT_MEAN] = "logits/mean",
	[EBB_MOMENT_VARIANCE] = "logits/variance",
	[EBB_MOMENT_SKEWNESS] = "logits/skewness",
	[EBB_MOMENT_KURTOSIS] = "logits/kurtosis",
};
static const char *const moment_word[EBB_N_MOMENTS] = {
	[EBB_MOMENT_MEAN] = "mean",
	[EBB_MOMENT_VARIANCE] = "variance",
	[EBB_MOMENT_SKEWNESS] = "skewness",
	[EBB_MOMENT_KURTOSIS] = "ex. kurtosis",
};

/* ---- reading ---- */

static int add_trial(struct ebb_histogram_arm *arm, const struct ebb_array *a, uint64_t seed,
		     struct ebb_err *err)
{
	int64_t row[2] = {0, a->dim[0] - 1};
	int b, t;

	if (a->rank != 2 || a->dim[1] < 3)
		return ebb_err_set(err, EBB_EFORMAT,
				   "'snapshot/logit_histogram' of seed %llu is no list of bins a "
				   "snapshot",
				   (unsigned long long)seed);
	if (arm->n_trials == 0) {
		arm->bins = (int)a->dim[1];
		arm->n_times = a->dim[0] > 1 ? 2 : 1;
		arm->step[0] = a->x[0];
		arm->step[1] = a->x[row[1]];
		arm->sum = ebb_xcalloc(2 * (size_t)arm->bins, sizeof *arm->sum);
	} else if (arm->bins != a->dim[1] || arm->step[0] != a->x[0] ||
		   arm->step[1] != a->x[row[1]]) {
		return ebb_err_set(err, EBB_EINVAL,
				   "arm '%s' cannot be averaged: seed %llu has other snapshots "
				   "than the seeds before it",
				   arm->label, (unsigned long long)seed);
	}
	for (t = 0; t < 2; t++)
		for (b = 0; b < arm->bins; b++)
			arm->sum[t * arm->bins + b] += a->value[row[t] * a->dim[1] + b];
	arm->n_trials++;
	return 0;
}

static double value_at(const struct ebb_array *a, double step)
{
	int64_t i;

	for (i = 0; i < a->dim[0]; i++)
		if (a->x[i] == step)
			return a->value[i];
	return (double)NAN;
}

static int add_moments(struct ebb_histogram_arm *arm, const struct ebb_run *run, int of, int seed,
		       struct ebb_err *err)
{
	struct ebb_array a = {0};
	int m, t, rc = 0;

	for (m = 0; m < EBB_N_MOMENTS && rc == 0; m++) {
		rc = ebb_run_read(run, of, seed, moment_metric[m], &a, err);
		for (t = 0; t < 2; t++)
			arm->moment[t][m] += rc == 0 ? value_at(&a, arm->step[t]) : (double)NAN;
		rc = rc == EBB_ENOENT ? 0 : rc;
		ebb_array_release(&a);
	}
	return rc;
}

static int read_trial(void *to, const struct ebb_run *run, int of, int seed, struct ebb_err *err)
{
	struct ebb_histogram_arm *arm = to;
	struct ebb_array a = {0};
	int rc = ebb_run_read(run, of, seed, "snapshot/logit_histogram", &a, err);

	if (rc == 0 && a.dim[0] > 0) {
		rc = add_trial(arm, &a, run->seed[seed], err);
		if (rc == 0)
			rc = add_moments(arm, run, of, seed, err);
	} else if (rc == EBB_ENOENT) {
		rc = 0;
	}
	ebb_array_release(&a);
	return rc;
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_run *run = q->run;
	struct ebb_histogram_arm *arm;
	int i, n = q->lot->n, rc = 0;

	arm = ebb_xcalloc((size_t)n + 1, sizeof *arm);
	for (i = 0; i < n && rc == 0; i++) {
		arm[i].label = run->arm[q->lot->arm[i]].label;
		rc = ebb_each_trial(run, q->lot->arm[i], read_trial, &arm[i], &arm[i].n_diverged,
				    err);
	}
	if (rc == 0)
		rc = ebb_histogram_draw(&q->sheet, arm, n, path, err);
	for (i = 0; i < n; i++)
		free(arm[i].sum);
	free(arm);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	return EBB_HISTOGRAM_ARMS;
}

const struct ebb_kind ebb_histogram_kind = {.room = room, .check = ebb_check_any, .draw = draw};

/* ---- drawing ---- */

static double share(const struct ebb_histogram_arm *arm, int t, int b)
{
	return arm->sum[t * arm->bins + b] / arm->n_trials;
}

static double bin_width(const struct ebb_histogram_arm *arm)
{
	return 2.0 * EBB_LOGIT_RANGE / arm->bins;
}

/* What all frames must hold. */
struct extent {
	double peak, least; /* shares above 0               */
	double from, to;    /* logits                       */
	double outside;     /* largest share of outer bins  */
	double width;       /* of a bin                     */
	int few, most;      /* seeds of an arm              */
	bool one_width, same_steps;
};

static void measure(const struct ebb_histogram_arm *arm, const struct ebb_histogram_arm *first,
		    struct extent *e)
{
	int b, t;
	double x, s;

	e->few = e->most == 0 || arm->n_trials < e->few ? arm->n_trials : e->few;
	e->most = arm->n_trials > e->most ? arm->n_trials : e->most;
	e->width = bin_width(first);
	e->one_width = e->one_width && arm->bins == first->bins;
	e->same_steps =
		e->same_steps && arm->step[0] == first->step[0] && arm->step[1] == first->step[1];
	for (t = 0; t < arm->n_times; t++)
		for (b = 0; b < arm->bins; b++) {
			s = share(arm, t, b);
			if (!(s > 0.0))
				continue;
			x = b * bin_width(arm) - EBB_LOGIT_RANGE;
			e->peak = fmax(e->peak, s);
			e->least = fmin(e->least, s);
			e->from = fmin(e->from, x);
			e->to = fmax(e->to, x + bin_width(arm));
			if (b == 0 || b == arm->bins - 1)
				e->outside = fmax(e->outside, s);
		}
}

/* Two corners a bin, down to the ground beside an empty one. */
static void put_outline(struct ebb_drawing *d, const char *block,
			const struct ebb_histogram_arm *arm, int t, double ground)
{
	double width = bin_width(arm), x, s;
	int b;

	ebb_drawing_block(d, block);
	for (b = 0; b < arm->bins; b++) {
		x = b * width - EBB_LOGIT_RANGE;
		s = share(arm, t, b);
		if (s > ground) {
			if (b == 0 || share(arm, t, b - 1) <= ground)
				ebb_drawing_row(d, 2, (double[]){x, ground});
			ebb_drawing_row(d, 2, (double[]){x, s});
			ebb_drawing_row(d, 2, (double[]){x + width, s});
			if (b + 1 == arm->bins || share(arm, t, b + 1) <= ground) {
				ebb_drawing_row(d, 2, (double[]){x + width, ground});
				ebb_drawing_gap(d);
			}
		}
		if (t >= arm->n_times)
			continue;
		ebb_csv_text(&d->csv, arm->label);
		ebb_csv_number(&d->csv, arm->step[t]);
		ebb_csv_text(&d->csv, "bin");
		ebb_csv_number(&d->csv, b == 0 ? -(double)INFINITY : x);
		ebb_csv_number(&d->csv, b == arm->bins - 1 ? (double)INFINITY : x + width);
		ebb_csv_number(&d->csv, s);
		ebb_csv_number(&d->csv, arm->n_trials);
		ebb_csv_end(&d->csv);
	}
	ebb_drawing_end(d);
}

/* The table in the frame: a word, then a number for each time. */
static void put_moments(struct ebb_drawing *d, const struct ebb_histogram_arm *const *arm, int n)
{
	enum { MOST = EBB_HISTOGRAM_ARMS * EBB_N_MOMENTS * 2 };
	char *text[MOST];
	double x;
	int i, m, t, k = 0;

	for (i = 0; i < n; i++)
		for (m = 0; m < EBB_N_MOMENTS; m++)
			for (t = 0; t < 2; t++) {
				x = arm[i]->moment[t][m] / arm[i]->n_trials;
				text[k++] = t >= arm[i]->n_times ? ebb_xstrdup("")
					    : isfinite(x)        ? ebb_xprintf("%.2f", x)
								 : ebb_xstrdup("-");
				if (t >= arm[i]->n_times)
					continue;
				ebb_csv_text(&d->csv, arm[i]->label);
				ebb_csv_number(&d->csv, arm[i]->step[t]);
				ebb_csv_text(&d->csv, moment_metric[m]);
				ebb_csv_number(&d->csv, (double)NAN);
				ebb_csv_number(&d->csv, (double)NAN);
				ebb_csv_number(&d->csv, x);
				ebb_csv_number(&d->csv, arm[i]->n_trials);
				ebb_csv_end(&d->csv);
			}
	ebb_drawing_string(d, "STEP", "step");
	ebb_drawing_strings(d, "MOMENT", moment_word, EBB_N_MOMENTS);
	ebb_drawing_strings(d, "VALUE", (const char *const *)text, k);
	for (i = 0; i < k; i++)
		free(text[i]);
}

/* Heads of the table's columns: the steps themselves, which may differ from arm to arm. */
static void put_times(struct ebb_drawing *d, const struct ebb_histogram_arm *const *arm, int n,
		      const struct extent *e)
{
	char *text[EBB_HISTOGRAM_ARMS * 2], *word[2];
	int i, t, times = 1;

	for (i = 0; i < n; i++) {
		times = arm[i]->n_times > times ? arm[i]->n_times : times;
		for (t = 0; t < 2; t++)
			text[2 * i + t] = t < arm[i]->n_times ? ebb_xprintf("%g", arm[i]->step[t])
							      : ebb_xstrdup("");
	}
	for (t = 0; t < 2; t++)
		word[t] = e->same_steps ? ebb_xprintf("step %g", arm[0]->step[t])
					: ebb_xstrdup(t == 0 ? "first snapshot" : "last snapshot");
	ebb_drawing_number(d, "T", times);
	ebb_drawing_strings(d, "AT", (const char *const *)text, 2 * n);
	ebb_drawing_strings(d, "WHEN", (const char *const *)word, 2);
	for (i = 0; i < 2 * n; i++)
		free(text[i]);
	free(word[0]);
	free(word[1]);
}

static void put_caption(struct ebb_drawing *d, const struct ebb_histogram_arm *arm, int n_arms,
			const struct extent *e, double ground)
{
	struct ebb_buf text = EBB_BUF_INIT;
	int a, n = 0, diverged = 0;
	bool moments = true;

	for (a = 0; a < n_arms; a++) {
		diverged += arm[a].n_diverged;
		n += arm[a].n_trials > 0;
		moments = moments &&
			  (arm[a].n_trials == 0 || isfinite(arm[a].moment[0][EBB_MOMENT_MEAN]));
	}
	ebb_caption_arms(&text, n, "share");
	ebb_buf_puts(&text,
		     "raw logits, response tokens and vocabulary pooled; shares and moments: "
		     "mean over ");
	ebb_caption_seeds(&text, e->few, e->most);
	ebb_buf_puts(&text, e->most == 1 ? "" : ", no band");
	if (!moments)
		ebb_buf_puts(&text, "; -: not recorded");
	if (e->outside > ground)
		ebb_buf_printf(&text, "; the outermost bins hold all beyond -+%d", EBB_LOGIT_RANGE);
	if (e->least < ground)
		ebb_buf_printf(&text, "; shares below %.0e are not drawn", ground);
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d trial%s that ended early left out", diverged,
			       diverged == 1 ? "" : "s");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

static int choose(const struct ebb_histogram_arm *arm, int n_arms,
		  const struct ebb_histogram_arm **drawn, struct extent *e)
{
	int a, n = 0;

	*e = (struct extent){.least = 1.0,
			     .from = EBB_LOGIT_RANGE,
			     .to = -EBB_LOGIT_RANGE,
			     .one_width = true,
			     .same_steps = true};
	for (a = 0; a < n_arms; a++) {
		if (arm[a].n_trials == 0)
			continue;
		if (n == EBB_HISTOGRAM_ARMS)
			EBB_BUG("more arms than a figure of histograms has room for");
		drawn[n++] = &arm[a];
		measure(&arm[a], drawn[0], e);
	}
	return e->peak > 0.0 ? n : 0;
}

/* The highest share that has the table above it. */
static double under_table(const struct ebb_histogram_arm *const *arm, int n, const struct extent *e,
			  int cols)
{
	double frame = (double)TITLE_ROOM / cols - GAP, most = 0.0, x;
	int b, i, t;

	for (i = 0; i < n; i++)
		for (t = 0; t < arm[i]->n_times; t++)
			for (b = 0; b < arm[i]->bins; b++) {
				x = (b + 1) * bin_width(arm[i]) - EBB_LOGIT_RANGE;
				if ((e->to - x) / (e->to - e->from) * frame < TABLE)
					most = fmax(most, share(arm[i], t, b));
			}
	return most;
}

int ebb_histogram_draw(const struct ebb_sheet *sheet, const struct ebb_histogram_arm *arm,
		       int n_arms, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_histogram_arm *drawn[EBB_HISTOGRAM_ARMS];
	char *label[EBB_HISTOGRAM_ARMS], *block[EBB_HISTOGRAM_ARMS * 2], *ylabel;
	struct ebb_drawing d = {0};
	struct extent e;
	double ground;
	int i, t, n, rows, rc;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	n = choose(arm, n_arms, drawn, &e);
	if (n == 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has a histogram of its logits",
				   sheet->name);
	ground = pow(10.0, fmax(floor(log10(e.least)), ceil(log10(e.peak)) - DECADES));
	rows = ebb_frames_down(n);
	ebb_drawing_init(&d, sheet, "histogram", 1280, 230 + (n == 1 ? 530 : 320) * rows,
			 "arm,step,what,from,to,value,n");
	for (i = 0; i < n; i++) {
		label[i] = e.few == e.most ? ebb_xstrdup(drawn[i]->label)
					   : ebb_xprintf("%s (n = %d)", drawn[i]->label,
							 drawn[i]->n_trials);
		for (t = 0; t < 2; t++) {
			block[2 * i + t] = ebb_xprintf("$bins%d_%d", i + 1, t + 1);
			put_outline(&d, block[2 * i + t] + 1, drawn[i], t, ground);
		}
	}
	put_moments(&d, drawn, n);
	put_times(&d, drawn, n, &e);
	ylabel = e.one_width ? ebb_xprintf("share of the logits, a bin of %.3g", e.width)
			     : ebb_xstrdup("share of the logits, a bin");
	ebb_drawing_string(&d, "XLABEL", "logit (no unit)");
	ebb_drawing_string(&d, "YLABEL", ylabel);
	ebb_frames_label(&d, (const char *const *)label, n, TITLE_ROOM);
	ebb_drawing_strings(&d, "BINS", (const char *const *)block, 2 * n);
	ebb_drawing_number(&d, "FROM", e.from);
	ebb_drawing_number(&d, "TO", e.to);
	ebb_drawing_number(&d, "FLOOR", ground);
	ebb_drawing_number(&d, "PEAK", e.peak);
	ebb_drawing_number(&d, "BESIDE",
			   fmax(under_table(drawn, n, &e, ebb_frames_across(n)), ground));
	put_caption(&d, arm, n_arms, &e, ground);
	rc = ebb_drawing_write(&d, path, err);
	for (i = 0; i < 2 * n; i++)
		free(block[i]);
	for (i = 0; i < n; i++)
		free(label[i]);
	free(ylabel);
	ebb_drawing_release(&d);
	return rc;
}
