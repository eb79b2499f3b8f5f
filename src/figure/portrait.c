#include "figure/portrait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"

#define CURVE_POINTS 61

static int points_of(const struct ebb_portrait_arm *arm)
{
	int t, n = 0;

	for (t = 0; t < arm->n_trials; t++)
		n += arm->trial[t].n;
	return n;
}

/* All points of an arm in one fit; *fitted tells whether there is one to draw. */
static int pooled_fit(const struct ebb_portrait_arm *arm, struct ebb_law *law, double *h_max,
		      bool *fitted, struct ebb_err *err)
{
	double *H, *R;
	int t, n = points_of(arm), m = 0, rc = 0;

	*h_max = 0.0;
	*fitted = false;
	H = ebb_xcalloc(2 * (size_t)n + 1, sizeof *H);
	R = H + n;
	for (t = 0; t < arm->n_trials; t++) {
		memcpy(H + m, arm->trial[t].H, (size_t)arm->trial[t].n * sizeof *H);
		memcpy(R + m, arm->trial[t].R, (size_t)arm->trial[t].n * sizeof *R);
		m += arm->trial[t].n;
	}
	for (t = 0; t < m; t++)
		*h_max = fmax(*h_max, H[t]);
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

static void put_points(struct ebb_drawing *d, const char *block, const struct ebb_portrait_arm *arm)
{
	const struct ebb_pairs *p;
	char seed[24];
	int t, i;

	ebb_drawing_block(d, block);
	for (t = 0; t < arm->n_trials; t++) {
		p = &arm->trial[t];
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)arm->seed[t]);
		for (i = 0; i < p->n; i++) {
			ebb_drawing_row(d, 2, (double[]){p->H[i], p->R[i]});
			csv_row(&d->csv, arm->label, "point", seed, p->step[i], p->H[i], p->R[i]);
		}
		ebb_drawing_gap(d);
	}
	ebb_drawing_end(d);
}

/* From H = 0, where the law shows its ceiling, to the largest entropy seen. */
static void put_fit(struct ebb_drawing *d, const char *block, const char *label,
		    const struct ebb_law *law, double h_max, bool fitted)
{
	double h, r, line;
	int i;

	ebb_drawing_block(d, block);
	for (i = 0; i < CURVE_POINTS && fitted; i++) {
		h = h_max * i / (CURVE_POINTS - 1);
		r = law->b - law->a * exp(h);
		line = law->linear.intercept + law->linear.slope * h;
		ebb_drawing_row(d, 3, (double[]){h, r, line});
		csv_row(&d->csv, label, "exp", "", (double)NAN, h, r);
		csv_row(&d->csv, label, "linear", "", (double)NAN, h, line);
	}
	if (!fitted)
		ebb_drawing_row(d, 3, (double[]){NAN, NAN, NAN});
	ebb_drawing_end(d);
}

static void put_caption(struct ebb_drawing *d, const struct ebb_portrait *p)
{
	struct ebb_buf text = EBB_BUF_INIT;
	int a, low = -1, high = 0, diverged = 0;

	for (a = 0; a < p->n_arms; a++) {
		diverged += p->arm[a].n_diverged;
		if (p->arm[a].n_trials == 0)
			continue;
		low = low < 0 || p->arm[a].n_trials < low ? p->arm[a].n_trials : low;
		high = p->arm[a].n_trials > high ? p->arm[a].n_trials : high;
	}
	ebb_buf_printf(&text, "%s: a point is one evaluation of one seed, ", p->run);
	if (low == high)
		ebb_buf_printf(&text, "%d seed%s an arm, ", high, high == 1 ? "" : "s");
	else
		ebb_buf_printf(&text, "%d to %d seeds an arm, ", low, high);
	ebb_buf_puts(&text,
		     "thin lines join a seed's; no band; solid: R = -a exp(H) + b, dashed: linear "
		     "in H, least squares over all points of an arm");
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d diverged trial%s left out", diverged,
			       diverged == 1 ? "" : "s");
	ebb_drawing_left_out(&text, p->left_out);
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

int ebb_portrait_draw(const struct ebb_portrait *p, const char *dir, char *path[EBB_N_FILES],
		      struct ebb_err *err)
{
	char *points[EBB_PORTRAIT_ARMS], *fit[EBB_PORTRAIT_ARMS], *label[EBB_PORTRAIT_ARMS];
	double style[EBB_PORTRAIT_ARMS], h_max;
	struct ebb_drawing d = {0};
	struct ebb_law law;
	bool fitted;
	int a, n = 0, longest = 20, width, drawn = 0, rc = 0;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	for (a = 0; a < p->n_arms; a++)
		drawn += points_of(&p->arm[a]) > 0;
	if (drawn == 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has both eval/accuracy and "
				   "actor/entropy_seq",
				   p->name);
	if (drawn > EBB_PORTRAIT_ARMS)
		return ebb_err_set(
			err, EBB_EINVAL,
			"figure '%s' has room for %d arms, the run has %d; choose some with --arm",
			p->name, EBB_PORTRAIT_ARMS, drawn);
	ebb_drawing_init(&d, p->name, "portrait", 1280, 800, "arm,kind,seed,step,H,R");
	for (a = 0; a < p->n_arms && rc == 0; a++) {
		if (points_of(&p->arm[a]) == 0)
			continue;
		rc = pooled_fit(&p->arm[a], &law, &h_max, &fitted, err);
		points[n] = ebb_xprintf("$points%d", n + 1);
		fit[n] = ebb_xprintf("$fit%d", n + 1);
		label[n] = fitted ? ebb_xprintf("%s  %.3f | %.3f", p->arm[a].label, law.r2,
						law.linear.r2)
				  : ebb_xprintf("%s  not fitted", p->arm[a].label);
		style[n] = p->n_arms <= EBB_PORTRAIT_ARMS ? a + 1 : n + 1;
		width = ebb_text_width(label[n]);
		longest = width > longest ? width : longest;
		put_points(&d, points[n] + 1, &p->arm[a]);
		put_fit(&d, fit[n] + 1, p->arm[a].label, &law, h_max, fitted);
		n++;
	}
	ebb_drawing_string(&d, "TITLE", p->title);
	ebb_drawing_string(&d, "KEY_TITLE", "arm  R² exp | linear");
	ebb_drawing_number(&d, "KEY_CHARS", longest);
	ebb_drawing_number(&d, "N", n);
	ebb_drawing_strings(&d, "LABEL", (const char *const *)label, n);
	ebb_drawing_numbers(&d, "STYLE", style, n);
	ebb_drawing_strings(&d, "POINTS", (const char *const *)points, n);
	ebb_drawing_strings(&d, "FIT", (const char *const *)fit, n);
	put_caption(&d, p);
	if (rc == 0)
		rc = ebb_drawing_write(&d, dir, path, err);
	for (a = 0; a < n; a++) {
		free(points[a]);
		free(fit[a]);
		free(label[a]);
	}
	ebb_drawing_release(&d);
	return rc;
}
