#include "figure/portrait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/fit.h"
#include "figure/frames.h"

#define ARMS         16
#define CURVE_POINTS 61
#define TITLE_ROOM   1066 /* pixels of the frames and their gaps, as in plots/portrait.gp */

struct arm {
	const char *label;
	int n_trials;
	struct ebb_pairs *trial; /* (n_trials) */
	uint64_t *seed;          /* (n_trials) */
	int n_diverged;          /* left out   */
};

struct portrait {
	struct ebb_sheet sheet;
	int n_arms;
	const struct arm *arm;
};

/* What the frames must hold, and what the caption says of them. */
struct extent {
	double h_max, step_max;
	int n;         /* arms            */
	int few, most; /* seeds of an arm */
	int diverged, unfitted;
};

static int points_of(const struct arm *arm)
{
	int t, n = 0;

	for (t = 0; t < arm->n_trials; t++)
		n += arm->trial[t].n;
	return n;
}

/* All points of an arm in one fit; *fitted tells whether there is one to draw. */
static int pooled_fit(const struct arm *arm, struct ebb_law *law, double *h_min, double *h_max,
		      bool *fitted, struct ebb_err *err)
{
	double *H, *R;
	int t, n = points_of(arm), m = 0, rc = 0;

	*h_max = 0.0;
	*h_min = (double)INFINITY;
	*fitted = false;
	H = ebb_xcalloc(2 * (size_t)n + 1, sizeof *H);
	R = H + n;
	for (t = 0; t < arm->n_trials; t++) {
		memcpy(H + m, arm->trial[t].H, (size_t)arm->trial[t].n * sizeof *H);
		memcpy(R + m, arm->trial[t].R, (size_t)arm->trial[t].n * sizeof *R);
		m += arm->trial[t].n;
	}
	for (t = 0; t < m; t++) {
		*h_max = fmax(*h_max, H[t]);
		*h_min = fmin(*h_min, H[t]);
	}
	if (m >= 3) {
		rc = ebb_law_fit(H, R, m, 0, law, err);
		*fitted = rc == 0 && !law->insufficient_range && isfinite(law->r2);
	}
	free(H);
	return rc;
}

static void csv_row(struct ebb_buf *csv, const char *label, const char *kind, const char *seed,
		    double step, double H, double R)
{
	ebb_csv_text(csv, label);
	ebb_csv_text(csv, kind);
	ebb_csv_text(csv, seed);
	ebb_csv_number(csv, step);
	ebb_csv_number(csv, H);
	ebb_csv_number(csv, R);
	ebb_csv_end(csv);
}

static void put_points(struct ebb_drawing *d, const char *block, const struct arm *arm)
{
	const struct ebb_pairs *p;
	char seed[24];
	int t, i;

	ebb_drawing_block(d, block);
	for (t = 0; t < arm->n_trials; t++) {
		p = &arm->trial[t];
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)arm->seed[t]);
		for (i = 0; i < p->n; i++) {
			ebb_drawing_row(d, 3, (double[]){p->H[i], p->R[i], p->step[i]});
			csv_row(&d->csv, arm->label, "point", seed, p->step[i], p->H[i], p->R[i]);
		}
		ebb_drawing_gap(d);
	}
	ebb_drawing_end(d);
}

/* The mean over the trials with a pair at this step; the number of them. */
static int mean_at(const struct arm *arm, double step, double *H, double *R)
{
	const struct ebb_pairs *p;
	int t, i, n = 0;

	*H = *R = 0.0;
	for (t = 0; t < arm->n_trials; t++) {
		p = &arm->trial[t];
		for (i = 0; i < p->n; i++)
			if (p->step[i] == step) {
				*H += p->H[i];
				*R += p->R[i];
				n++;
				break;
			}
	}
	*H /= n;
	*R /= n;
	return n;
}

/* The way of the mean, by the steps of the longest trial; its ends in blocks of their own. */
static void put_mean(struct ebb_drawing *d, const char *block, const char *ends,
		     const struct arm *arm)
{
	const struct ebb_pairs *longest = &arm->trial[0];
	double H, R, end[2][2] = {0};
	int t, i, n = 0;

	for (t = 1; t < arm->n_trials; t++)
		longest = arm->trial[t].n > longest->n ? &arm->trial[t] : longest;
	ebb_drawing_block(d, block);
	for (i = 0; i < longest->n; i++) {
		if (mean_at(arm, longest->step[i], &H, &R) < arm->n_trials)
			continue; /* where some are missing the mean would jump */
		ebb_drawing_row(d, 2, (double[]){H, R});
		csv_row(&d->csv, arm->label, "mean", "", longest->step[i], H, R);
		end[1][0] = H;
		end[1][1] = R;
		if (n++ == 0)
			memcpy(end[0], end[1], sizeof end[0]);
	}
	if (n == 0)
		ebb_drawing_row(d, 2, (double[]){NAN, NAN});
	ebb_drawing_end(d);
	ebb_drawing_block(d, ends);
	for (t = 0; t < 2; t++)
		ebb_drawing_row(d, 2, n > 0 ? end[t] : (double[]){NAN, NAN});
	ebb_drawing_end(d);
}

/* From H = 0, where the law shows its ceiling, to the largest entropy seen; the last two columns are
 * H where points are, and where none are. */
static void put_fit(struct ebb_drawing *d, const char *block, const char *label,
		    const struct ebb_law *law, double h_min, double h_max, bool fitted)
{
	double h, r, line, space = h_max / (CURVE_POINTS - 1);
	int i;

	ebb_drawing_block(d, block);
	for (i = 0; i < CURVE_POINTS && fitted; i++) {
		h = space * i;
		r = law->b - law->a * exp(h);
		line = law->linear.intercept + law->linear.slope * h;
		ebb_drawing_row(d, 5,
				(double[]){h, r, line, h >= h_min ? h : (double)NAN,
					   h < h_min + space ? h : (double)NAN});
		csv_row(&d->csv, label, "exp", "", (double)NAN, h, r);
		csv_row(&d->csv, label, "linear", "", (double)NAN, h, line);
	}
	if (!fitted)
		ebb_drawing_row(d, 5, (double[]){NAN, NAN, NAN, NAN, NAN});
	ebb_drawing_end(d);
}

static void put_caption(struct ebb_drawing *d, const struct extent *e)
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_caption_arms(&text, e->n, "share (accuracy) and nats (entropy)");
	ebb_buf_puts(&text, "a point is one evaluation of one seed, ");
	ebb_caption_seeds(&text, e->few, e->most);
	ebb_buf_puts(&text, " an arm, no band; grey line, from ring to disc: mean over seeds; fits "
			    "by least squares over all points of an arm, thin where there are "
			    "none; ceiling: the law at H = 0");
	if (e->unfitted > 0)
		ebb_buf_printf(&text,
			       "; not fitted: exp(H) spans less than %g, or fewer than 3 points",
			       EBB_LAW_MIN_RANGE);
	if (e->diverged > 0)
		ebb_buf_printf(&text, "; %d trial%s that ended early left out", e->diverged,
			       e->diverged == 1 ? "" : "s");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

static void measure(const struct portrait *p, struct extent *e)
{
	const struct arm *arm;
	int a, t, i;

	*e = (struct extent){.few = -1};
	for (a = 0; a < p->n_arms; a++) {
		arm = &p->arm[a];
		e->diverged += arm->n_diverged;
		if (points_of(arm) == 0)
			continue;
		e->n++;
		e->few = e->few < 0 || arm->n_trials < e->few ? arm->n_trials : e->few;
		e->most = arm->n_trials > e->most ? arm->n_trials : e->most;
		for (t = 0; t < arm->n_trials; t++)
			for (i = 0; i < arm->trial[t].n; i++) {
				e->h_max = fmax(e->h_max, arm->trial[t].H[i]);
				e->step_max = fmax(e->step_max, arm->trial[t].step[i]);
			}
	}
}

/* The texts of one frame: what was fitted and how well. */
enum { LAW, RIVAL, CEILING, N_NOTES };

static void note(char *text[N_NOTES], const struct ebb_law *law, bool fitted)
{
	text[LAW] = fitted ? ebb_xprintf("exp R² %.3f", law->r2) : ebb_xstrdup("not fitted");
	text[RIVAL] = fitted ? ebb_xprintf("linear R² %.3f", law->linear.r2) : ebb_xstrdup("");
	text[CEILING] = fitted ? ebb_xprintf("ceiling %.2f", law->ceiling) : ebb_xstrdup("");
}

static int draw_portrait(const struct portrait *p, char *path[EBB_N_FILES], struct ebb_err *err)
{
	char *points[ARMS], *mean[ARMS], *ends[ARMS], *fit[ARMS], *label[ARMS];
	char *text[ARMS * N_NOTES];
	struct ebb_drawing d = {0};
	struct ebb_law law;
	struct extent e;
	double h_min, h_max;
	bool fitted;
	int a, i, n = 0, rows, rc = 0;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	for (a = 0; a < p->n_arms; a++)
		n += points_of(&p->arm[a]) > 0;
	if (n == 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has both eval/accuracy and "
				   "actor/entropy_seq",
				   p->sheet.name);
	if (n > ARMS)
		EBB_BUG("more arms than a portrait has room for");
	measure(p, &e);
	rows = ebb_frames_down(n);
	ebb_drawing_init(&d, &p->sheet, "portrait", 1280, 230 + (n == 1 ? 530 : 310) * rows,
			 "arm,kind,seed,step,H,R");
	n = 0;
	for (a = 0; a < p->n_arms && rc == 0; a++) {
		if (points_of(&p->arm[a]) == 0)
			continue;
		rc = pooled_fit(&p->arm[a], &law, &h_min, &h_max, &fitted, err);
		fitted = fitted && rc == 0;
		e.unfitted += !fitted;
		points[n] = ebb_xprintf("$points%d", n + 1);
		mean[n] = ebb_xprintf("$mean%d", n + 1);
		ends[n] = ebb_xprintf("$ends%d", n + 1);
		fit[n] = ebb_xprintf("$fit%d", n + 1);
		label[n] = e.few == e.most ? ebb_xstrdup(p->arm[a].label)
					   : ebb_xprintf("%s (n = %d)", p->arm[a].label,
							 p->arm[a].n_trials);
		note(&text[n * N_NOTES], &law, fitted);
		put_points(&d, points[n] + 1, &p->arm[a]);
		put_mean(&d, mean[n] + 1, ends[n] + 1, &p->arm[a]);
		put_fit(&d, fit[n] + 1, p->arm[a].label, &law, h_min, h_max, fitted);
		n++;
	}
	ebb_drawing_string(&d, "XLABEL",
			   "policy entropy on training questions, mean per response (nats)");
	ebb_drawing_string(&d, "YLABEL", "held-out accuracy (share right)");
	ebb_drawing_string(&d, "ZLABEL", "training step");
	ebb_drawing_strings(&d, "KEY",
			    (const char *const[]){"start", "end", "-a exp(H) + b", "linear in H"},
			    4);
	ebb_frames_label(&d, (const char *const *)label, n, TITLE_ROOM);
	ebb_drawing_strings(&d, "POINTS", (const char *const *)points, n);
	ebb_drawing_strings(&d, "MEAN", (const char *const *)mean, n);
	ebb_drawing_strings(&d, "ENDS", (const char *const *)ends, n);
	ebb_drawing_strings(&d, "FIT", (const char *const *)fit, n);
	ebb_drawing_strings(&d, "NOTE", (const char *const *)text, n * N_NOTES);
	ebb_drawing_number(&d, "H_MAX", e.h_max > 0.0 ? 1.04 * e.h_max : 1.0);
	ebb_drawing_number(&d, "STEP_MAX", e.step_max > 0.0 ? e.step_max : 1.0);
	put_caption(&d, &e);
	if (rc == 0)
		rc = ebb_drawing_write(&d, path, err);
	for (i = 0; i < n; i++) {
		free(points[i]);
		free(mean[i]);
		free(ends[i]);
		free(fit[i]);
		free(label[i]);
	}
	for (i = 0; i < n * N_NOTES; i++)
		free(text[i]);
	ebb_drawing_release(&d);
	return rc;
}

/* ---- reading ---- */

static int read_trial(void *to, const struct ebb_run *run, int of, int seed, struct ebb_err *err)
{
	struct arm *arm = to;
	int rc = ebb_pairs_read(run, of, seed, &arm->trial[arm->n_trials], err);

	if (rc == EBB_ENOENT) /* recorded without one of the two */
		return 0;
	if (rc == 0)
		arm->seed[arm->n_trials++] = run->seed[seed];
	return rc;
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_run *run = q->run;
	const struct ebb_lot *lot = q->lot;
	struct portrait p = {.sheet = q->sheet, .n_arms = lot->n};
	struct arm *arm;
	struct ebb_pairs *trial;
	uint64_t *seed;
	int i, n_arms = lot->n, rc = 0;

	arm = ebb_xcalloc((size_t)n_arms + 1, sizeof *arm);
	trial = ebb_xcalloc((size_t)n_arms * (size_t)run->n_seeds + 1, sizeof *trial);
	seed = ebb_xcalloc((size_t)n_arms * (size_t)run->n_seeds + 1, sizeof *seed);
	for (i = 0; i < n_arms && rc == 0; i++) {
		arm[i] = (struct arm){.label = run->arm[lot->arm[i]].label,
				      .trial = trial + i * run->n_seeds,
				      .seed = seed + i * run->n_seeds};
		rc = ebb_each_trial(run, lot->arm[i], read_trial, &arm[i], &arm[i].n_diverged, err);
	}
	p.arm = arm;
	if (rc == 0)
		rc = draw_portrait(&p, path, err);
	for (i = 0; i < n_arms * run->n_seeds; i++)
		ebb_pairs_release(&trial[i]);
	free(seed);
	free(trial);
	free(arm);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	(void)all;
	return ARMS;
}

const struct ebb_kind ebb_portrait_kind = {
	.room = room,
	.check = ebb_check_all,
	.draw = draw,
};
