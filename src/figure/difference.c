#include "figure/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "analysis/pairing.h"
#include "figure/bands.h"

/* ---- differences of series ---- */

static bool same_axis(const struct ebb_series *a, const struct ebb_series *b)
{
	return a->n_rows == b->n_rows &&
	       memcmp(a->x, b->x, (size_t)a->n_rows * sizeof(double)) == 0;
}

/* The coordinates of the differences: those both have; of interpolated series an even grid, as fine
 * as the coarser one, over the part both cover. */
static int64_t common_axis(const struct ebb_series *a, const struct ebb_series *b, bool grid,
			   double *x)
{
	double from = fmax(a->x[0], b->x[0]);
	double to = fmin(a->x[a->n_rows - 1], b->x[b->n_rows - 1]);
	int64_t rows = a->n_rows < b->n_rows ? a->n_rows : b->n_rows, i, j, n = 0;

	if (grid) {
		for (i = 0; i < rows && from <= to; i++)
			x[n++] = i + 1 == rows
					 ? to
					 : from + (to - from) * (double)i / (double)(rows - 1);
		return n;
	}
	for (i = 0, j = 0; i < a->n_rows && j < b->n_rows;) {
		if (a->x[i] == b->x[j]) {
			x[n++] = a->x[i++];
			j++;
		} else if (a->x[i] < b->x[j]) {
			i++;
		} else {
			j++;
		}
	}
	return n;
}

/* Curve i of a series at x, which it covers: a row's own value, else linear between two rows. *at is
 * where the last search ended; x never falls from call to call. */
static double value_at(const struct ebb_series *s, int i, double x, int64_t *at)
{
	const double *v = s->value + i * s->n_rows;
	double part;

	while (*at + 1 < s->n_rows && s->x[*at + 1] <= x)
		++*at;
	if (s->x[*at] == x || *at + 1 == s->n_rows)
		return v[*at];
	part = (x - s->x[*at]) / (s->x[*at + 1] - s->x[*at]);
	return v[*at] + part * (v[*at + 1] - v[*at]);
}

static int seed_of(const struct ebb_series *s, uint64_t seed)
{
	int i;

	for (i = 0; i < s->n_seeds; i++)
		if (s->seed[i] == seed)
			return i;
	return -1;
}

int ebb_difference_make(struct ebb_series *out, const struct ebb_series *arm,
			const struct ebb_series *baseline, int64_t max_rows, int *alone,
			struct ebb_err *err)
{
	struct ebb_curve *curve;
	double *x;
	int64_t rows, r, at_a, at_b;
	int i, k, n = 0, rc = 0;
	bool grid;

	*out = (struct ebb_series){.window = 1, .scale = arm->scale};
	out->label = ebb_xstrdup(arm->label);
	*alone = 0;
	if (arm->n_seeds == 0 || baseline->n_seeds == 0 || arm->n_rows == 0 ||
	    baseline->n_rows == 0) {
		*alone = arm->n_seeds;
		return 0;
	}
	grid = !same_axis(arm, baseline) &&
	       (arm->resampled || baseline->resampled || arm->scale > EBB_SCALE_UPDATE);
	x = ebb_xcalloc((size_t)arm->n_rows, sizeof *x);
	rows = common_axis(arm, baseline, grid, x);
	if (rows == 0)
		rc = ebb_err_set(
			err, EBB_EINVAL,
			"arms '%s' and '%s' cannot be compared along training: no %s has a "
			"value of both; rows are never matched by index",
			arm->label, baseline->label, ebb_scale_name(arm->scale));
	curve = ebb_xcalloc((size_t)arm->n_seeds, sizeof *curve);
	for (i = 0; i < arm->n_seeds && rc == 0; i++) {
		k = seed_of(baseline, arm->seed[i]);
		if (k < 0) {
			++*alone;
			continue;
		}
		curve[n] = (struct ebb_curve){arm->seed[i], rows,
					      ebb_xcalloc((size_t)rows, sizeof(double)),
					      ebb_xcalloc((size_t)rows, sizeof(double))};
		at_a = at_b = 0;
		for (r = 0; r < rows; r++) {
			curve[n].x[r] = x[r];
			curve[n].y[r] =
				value_at(arm, i, x[r], &at_a) - value_at(baseline, k, x[r], &at_b);
		}
		n++;
	}
	if (rc == 0 && n > 0) {
		ebb_series_release(out);
		rc = ebb_series_make(out, arm->label, curve, n, false, max_rows, err);
		memcpy(out->unit, arm->unit, sizeof out->unit);
		out->resampled = grid || arm->resampled || baseline->resampled;
		out->scale = arm->scale;
	}
	for (i = 0; i < n; i++)
		ebb_curve_release(&curve[i]);
	free(curve);
	free(x);
	if (rc != 0)
		ebb_series_release(out);
	return rc;
}

/* ---- the figure ---- */

/* The arm that differences are to: the one named, else the first to be drawn. */
static int baseline_of(const struct ebb_run *run, const struct ebb_figure_choice *choice,
		       const struct ebb_lot *lot, int *arm, struct ebb_err *err)
{
	if (choice->baseline != NULL)
		return ebb_name_arm(run, choice->baseline, arm, err);
	*arm = lot->arm[0];
	return 0;
}

/* Arms whose pairs with the baseline are less than pairs, for the same reason. */
struct unlike {
	char *differ;
	enum ebb_pairing_kind kind;
	int first, n; /* arms */
};

struct unlikes {
	struct unlike *of;
	int n;
};

/* Note the weightiest reason, if there is one. */
static int note_unlike(struct unlikes *all, const struct ebb_run *run, int arm, int baseline,
		       struct ebb_err *err)
{
	struct ebb_pairing pairing = {0};
	int i, k = 0, rc = ebb_pairing_check(&pairing, run, arm, baseline, err);

	while (rc == 0 && k < EBB_N_PAIRINGS && pairing.differ[k] == NULL)
		k++;
	if (rc == 0 && k < EBB_N_PAIRINGS) {
		for (i = 0; i < all->n && strcmp(all->of[i].differ, pairing.differ[k]) != 0; i++)
			;
		if (i == all->n) {
			all->of = ebb_xrealloc(all->of, (size_t)all->n + 1, sizeof *all->of);
			all->of[all->n++] = (struct unlike){pairing.differ[k], k, arm, 0};
			pairing.differ[k] = NULL;
		}
		all->of[i].n++;
	}
	ebb_pairing_release(&pairing);
	return rc;
}

static void say_unlike(struct ebb_buf *note, struct unlikes *all, const struct ebb_run *run,
		       int baseline)
{
	const struct unlike *u;
	int i;

	for (i = 0; i < all->n; i++) {
		u = &all->of[i];
		ebb_buf_printf(note, "; %s ", run->arm[u->first].label);
		if (u->n > 1)
			ebb_buf_printf(note, "(and %d more) ", u->n - 1);
		ebb_buf_printf(note, "and %s %s (%s)", run->arm[baseline].label,
			       ebb_pairing_words(u->kind), u->differ);
		free(u->differ);
	}
	free(all->of);
	*all = (struct unlikes){0};
}

static int read_all(const struct ebb_request *q, int baseline, struct ebb_series *out,
		    struct ebb_buf *note, struct ebb_err *err)
{
	const char *metric = q->figure->panel[0].metric;
	const struct ebb_lot *lot = q->lot;
	struct ebb_series base = {0}, arm;
	struct unlikes unlike = {0};
	int i, alone, missing = 0, diverged, rc;

	rc = ebb_series_read(&base, q->run, baseline, metric, q->choice->scale, 0, err);
	diverged = base.n_diverged;
	for (i = 0; i < lot->n && rc == 0; i++) {
		if (lot->arm[i] == baseline) {
			out[i].label = ebb_xstrdup(q->run->arm[baseline].label);
			continue;
		}
		arm = (struct ebb_series){0};
		rc = ebb_series_read(&arm, q->run, lot->arm[i], metric, q->choice->scale, 0, err);
		if (rc == 0)
			rc = ebb_difference_make(&out[i], &arm, &base, EBB_BANDS_ROWS, &alone, err);
		if (rc == 0) {
			missing += alone;
			diverged += arm.n_diverged;
			if (out[i].n_seeds > 0)
				rc = note_unlike(&unlike, q->run, lot->arm[i], baseline, err);
		}
		ebb_series_release(&arm);
	}
	say_unlike(note, &unlike, q->run, baseline);
	if (diverged > 0)
		ebb_buf_printf(note, "; %d trial%s that ended early left out", diverged,
			       diverged == 1 ? "" : "s");
	if (missing > 0)
		ebb_buf_printf(note, "; %d trial%s left out that the baseline has no partner for",
			       missing, missing == 1 ? "" : "s");
	ebb_series_release(&base);
	return rc;
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_lot *lot = q->lot;
	struct ebb_bands b = {.sheet = q->sheet, .n_arms = lot->n, .n_panels = 1};
	struct ebb_series *series = ebb_xcalloc((size_t)lot->n + 1, sizeof *series);
	struct ebb_buf note = EBB_BUF_INIT;
	char *title = NULL, *ylabel = NULL, *what = NULL;
	int i, baseline, rc = baseline_of(q->run, q->choice, lot, &baseline, err);

	if (rc == 0)
		rc = read_all(q, baseline, series, &note, err);
	if (rc == 0) {
		title = ebb_xprintf("%s to %s", q->figure->row.title, q->run->arm[baseline].label);
		ylabel = ebb_xprintf("difference of %s", q->figure->panel[0].ylabel);
		what = ebb_xprintf("each arm minus %s, seed by seed%s", q->run->arm[baseline].label,
				   note.len > 0 ? note.data : "");
		b.sheet.title = title;
		b.difference = what;
		b.panel[0] = (struct ebb_panel){q->figure->panel[0].metric, ylabel, EBB_FREE,
						EBB_FREE, series};
		rc = ebb_bands_draw(&b, path, err);
	}
	for (i = 0; i < lot->n; i++)
		ebb_series_release(&series[i]);
	free(series);
	free(what);
	free(ylabel);
	free(title);
	ebb_buf_release(&note);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	(void)all;
	return EBB_BANDS_FRAMES;
}

static int check(const struct ebb_run *run, const struct ebb_figure *f,
		 const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err)
{
	struct ebb_lot lot;
	int baseline, rc;

	*available = false;
	ebb_lot_all(run, choice, &lot);
	rc = baseline_of(run, choice, &lot, &baseline, err);
	if (rc == 0 && (lot.n == 0 || (lot.n == 1 && lot.arm[0] == baseline)))
		rc = ebb_err_set(err, EBB_EINVAL,
				 "figure '%s' shows differences between arms, and here is one "
				 "alone; --arm chooses more, --baseline what they are held against",
				 f->row.name);
	if (rc == 0)
		rc = ebb_check_any(run, f, choice, available, err);
	ebb_lot_release(&lot);
	return rc;
}

const struct ebb_kind ebb_difference_kind = {
	.view = {"difference", "each arm minus the baseline arm, seed by seed, along training",
		 "difference"},
	.time = true,
	.room = room,
	.check = check,
	.draw = draw,
};
