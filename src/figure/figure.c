#include "figure/figure.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "base/file.h"
#include "base/near.h"
#include "figure/bands.h"
#include "figure/portrait.h"
#include "figure/position.h"

#define FREE ((double)NAN) /* a range left to the data */

enum kind { BANDS, PORTRAIT, POSITION };

/* Update curves are noisy: fewer, wider windows than for steps. */
#define UPDATE_ROWS 100

struct panel {
	const char *metric, *ylabel;
};

struct figure {
	enum kind kind;
	struct ebb_figure_row row;
	struct panel panel[EBB_BANDS_PANELS];
	double from, to;
};

/* clang-format off */
static const struct figure figures[] = {
	{BANDS, {"entropy", "Policy entropy during training"},
	 {{"actor/entropy", "entropy per response token (nats)"}}, 0, FREE},
	{BANDS, {"accuracy", "Held-out accuracy during training"},
	 {{"eval/accuracy", "accuracy (share of samples right)"}}, 0, 1},
	{BANDS, {"reward", "Reward of the training responses"},
	 {{"reward/mean", "verifier reward, mean over responses"}}, 0, 1},
	{BANDS, {"skew", "Skewness of the raw logits"},
	 {{"logits/skewness", "skewness, tokens and vocabulary pooled (no unit)"}}, FREE, FREE},
	{BANDS, {"clip", "Tokens cut by the clip"},
	 {{"clip_ratio/low_mean", "clipped below, A < 0 (share)"},
	  {"clip_ratio/high_mean", "clipped above, A > 0 (share)"}}, 0, FREE},
	{PORTRAIT, {"reward-vs-entropy", "Accuracy against policy entropy"},
	 {{"eval/accuracy", ""}, {"actor/entropy_seq", ""}}, 0, 1},
	{POSITION, {"entropy-by-position", "Entropy by position in the response"},
	 {{"position/entropy", ""}}, 0, FREE},
};
/* clang-format on */

#define N_FIGURES ((int)(sizeof figures / sizeof figures[0]))

const struct ebb_figure_row *ebb_figure_row(int i)
{
	return i >= 0 && i < N_FIGURES ? &figures[i].row : NULL;
}

/* A figure found by name, or made for a metric; own holds the texts of the latter. */
struct found {
	struct figure f;
	char *own[4];
};

static void found_release(struct found *f)
{
	size_t i;

	for (i = 0; i < sizeof f->own / sizeof f->own[0]; i++)
		free(f->own[i]);
	*f = (struct found){0};
}

/* The words of a recorded dataset no table knows: from the first finished trial that has it. */
static void words_of(const struct ebb_run *run, const char *metric, char **about, char **unit)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct ebb_array a = {0};
	int i;

	for (i = 0; i < run->n_arms * run->n_seeds; i++) {
		if (!run->finished[i])
			continue;
		if (ebb_run_read(run, i / run->n_seeds, i % run->n_seeds, metric, &a, &ignored) ==
		    0) {
			*about = ebb_xstrdup(a.about[0] != '\0' ? a.about : metric);
			*unit = ebb_xstrdup(a.unit);
			ebb_array_release(&a);
			return;
		}
		ebb_array_release(&a);
	}
	*about = ebb_xstrdup(metric);
	*unit = ebb_xstrdup("");
}

static void make_figure(const struct ebb_run *run, char *metric_take, struct found *out)
{
	const struct ebb_metric *m = ebb_metric_find(metric_take);
	const char *brief;
	char *about, *unit, *name, *c;

	if (m != NULL) {
		about = ebb_xstrdup(m->about);
		unit = ebb_xstrdup(m->unit);
	} else {
		words_of(run, metric_take, &about, &unit);
	}
	brief = m != NULL ? m->brief : metric_take;
	name = ebb_xstrdup(brief);
	for (c = name; *c != '\0'; c++)
		*c = *c == '/' ? '-' : *c;
	about[0] = (char)toupper((unsigned char)about[0]);
	out->own[0] = metric_take;
	out->own[1] = name;
	out->own[2] = about;
	out->own[3] = unit[0] != '\0' ? ebb_xprintf("%s (%s)", brief, unit)
				      : ebb_xprintf("%s (no unit)", brief);
	out->f = (struct figure){BANDS, {name, about}, {{metric_take, out->own[3]}}, FREE, FREE};
	if (strcmp(unit, "share") == 0 || strcmp(unit, "probability") == 0)
		out->f.from = 0.0;
	free(unit);
}

static int find(const struct ebb_run *run, const char *word, struct found *out, struct ebb_err *err)
{
	struct ebb_near near;
	char *metric;
	int i, rc;

	*out = (struct found){0};
	ebb_near_init(&near, word);
	for (i = 0; i < N_FIGURES; i++) {
		if (strcmp(word, figures[i].row.name) == 0) {
			out->f = figures[i];
			return 0;
		}
		ebb_near_offer(&near, figures[i].row.name);
	}
	rc = ebb_name_metric(run, word, &metric, err);
	if (rc == 0)
		make_figure(run, metric, out);
	else if (near.best != NULL)
		rc = ebb_err_set(err, EBB_ENOENT, "no figure or metric '%s'; did you mean '%s'?",
				 word, near.best);
	else
		ebb_err_wrap(err, "no such figure");
	return rc;
}

/* ---- which arms ---- */

/* The arms of one figure. */
struct lot {
	int *arm, n; /* arms to draw, in the order they were chosen                        */
	int left_out;
	const char *key; /* the one thing that tells them apart, where that is a number... */
	double *value;   /* ... and the numbers                                        (n) */
};

static void lot_release(struct lot *lot)
{
	free(lot->arm);
	free(lot->value);
	*lot = (struct lot){0};
}

static bool number_of(const char *text, double *x)
{
	char *end;

	*x = strtod(text, &end);
	return end != text && *end == '\0' && isfinite(*x);
}

/* Which swept key tells these arms apart? -1: none, or more than one. */
static int telling_axis(const struct ebb_run *run, const struct lot *lot)
{
	const struct ebb_run_arm *first = &run->arm[lot->arm[0]], *arm;
	int i, k, found = -1;

	for (i = 1; i < lot->n; i++) {
		arm = &run->arm[lot->arm[i]];
		if (arm->n_axes != first->n_axes)
			return -1;
		for (k = 0; k < arm->n_axes; k++) {
			if (strcmp(arm->axis[k].key, first->axis[k].key) != 0)
				return -1;
			if (strcmp(arm->axis[k].value, first->axis[k].value) == 0)
				continue;
			if (found >= 0 && found != k)
				return -1;
			found = k;
		}
	}
	return found;
}

static void find_numbers(const struct ebb_run *run, struct lot *lot)
{
	int i, k = lot->n > 1 ? telling_axis(run, lot) : -1;
	bool numbers = k >= 0;

	lot->value = ebb_xcalloc((size_t)lot->n + 1, sizeof *lot->value);
	for (i = 0; i < lot->n && numbers; i++)
		numbers = number_of(run->arm[lot->arm[i]].axis[k].value, &lot->value[i]);
	lot->key = numbers ? ebb_name_key(run->arm[lot->arm[0]].axis[k].key) : NULL;
}

static bool anything_finished(const struct ebb_run *run, int arm)
{
	int s;

	for (s = 0; s < run->n_seeds; s++)
		if (run->finished[arm * run->n_seeds + s])
			return true;
	return false;
}

/* Every chosen arm where there is room; else as many as there is room for of those that have come to
 * something, evenly, the first and the last among them. */
static void draw_lot(const struct ebb_run *run, enum kind kind, const struct ebb_figure_choice *c,
		     struct lot *lot)
{
	static const int room_of[] = {[BANDS] = EBB_BANDS_FRAMES,
				      [PORTRAIT] = EBB_PORTRAIT_ARMS,
				      [POSITION] = EBB_POSITION_ARMS};
	int i, room = room_of[kind], n = c->arm != NULL ? c->n_arms : run->n_arms, alive = 0;

	*lot = (struct lot){.n = n};
	lot->arm = ebb_xcalloc((size_t)n + 1, sizeof *lot->arm);
	for (i = 0; i < n; i++) {
		lot->arm[i] = c->arm != NULL ? c->arm[i] : i;
		alive += anything_finished(run, lot->arm[i]);
	}
	find_numbers(run, lot);
	if (alive <= room || (kind == BANDS && lot->key != NULL))
		return;
	for (i = 0, n = 0; i < lot->n; i++)
		if (anything_finished(run, lot->arm[i]))
			lot->arm[n++] = lot->arm[i];
	for (i = 0; i < room; i++)
		lot->arm[i] = lot->arm[(int64_t)i * (alive - 1) / (room - 1)];
	lot->n = room;
	lot->left_out = alive - room;
	lot->key = NULL;
}

int ebb_figure_left_out(const struct ebb_run *run, const char *word,
			const struct ebb_figure_choice *choice)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	struct found f;
	struct lot lot = {0};
	int n;

	if (find(run, word, &f, &ignored) == 0)
		draw_lot(run, f.f.kind, choice, &lot);
	n = lot.left_out;
	lot_release(&lot);
	found_release(&f);
	return n;
}

int ebb_figure_check(const struct ebb_run *run, const char *word,
		     const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err)
{
	struct found f;
	int p, rc;

	*available = false;
	rc = find(run, word, &f, err);
	if (rc != 0)
		return rc;
	if (f.f.kind != BANDS && choice->scale != EBB_SCALE_NATIVE)
		rc = ebb_err_set(err, EBB_EINVAL, "figure '%s' has no time axis; leave --x out",
				 word);
	*available = f.f.kind == PORTRAIT;
	for (p = 0; p < EBB_BANDS_PANELS && f.f.panel[p].metric != NULL; p++) {
		if (f.f.kind == PORTRAIT)
			*available = *available && ebb_name_recorded(run, f.f.panel[p].metric);
		else
			*available = *available || ebb_name_recorded(run, f.f.panel[p].metric);
	}
	found_release(&f);
	return rc;
}

/* ---- reading what each kind needs ---- */

static int draw_bands(const struct ebb_run *run, const struct figure *f, const char *name,
		      enum ebb_scale scale, const struct lot *lot, const char *dir,
		      char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_bands b = {.name = name,
			      .title = f->row.title,
			      .run = run->name,
			      .n_arms = lot->n,
			      .left_out = lot->left_out,
			      .key = lot->key,
			      .value = lot->value};
	const struct ebb_metric *m;
	struct ebb_series *series;
	int64_t most;
	int i, p, n_arms = lot->n, rc = 0;

	series = ebb_xcalloc((size_t)n_arms * EBB_BANDS_PANELS + 1, sizeof *series);
	for (p = 0; p < EBB_BANDS_PANELS && f->panel[p].metric != NULL && rc == 0; p++) {
		m = ebb_metric_find(f->panel[p].metric);
		most = m != NULL && m->axis == EBB_AXIS_UPDATE ? UPDATE_ROWS : EBB_BANDS_ROWS;
		b.panel[p] = (struct ebb_panel){f->panel[p].metric, f->panel[p].ylabel, f->from,
						f->to, series + p * n_arms};
		b.n_panels = p + 1;
		for (i = 0; i < n_arms && rc == 0; i++)
			rc = ebb_series_read(&series[p * n_arms + i], run, lot->arm[i],
					     f->panel[p].metric, scale, most, err);
	}
	if (rc == 0)
		rc = ebb_bands_draw(&b, dir, path, err);
	for (i = 0; i < n_arms * EBB_BANDS_PANELS; i++)
		ebb_series_release(&series[i]);
	free(series);
	return rc;
}

/* *state: 1 the trial counts, 0 it is unfinished, -1 it diverged. */
static int trial_state(const struct ebb_run *run, int arm, int seed, int *state,
		       struct ebb_err *err)
{
	char status[16] = "";
	int rc;

	*state = 0;
	if (!run->finished[arm * run->n_seeds + seed])
		return 0;
	rc = ebb_run_status(run, arm, seed, status, err);
	*state = strcmp(status, "diverged") == 0 ? -1 : 1;
	return rc;
}

static int draw_portrait(const struct ebb_run *run, const struct figure *f, const struct lot *lot,
			 const char *dir, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_portrait p = {.name = f->row.name,
				 .title = f->row.title,
				 .run = run->name,
				 .n_arms = lot->n,
				 .left_out = lot->left_out};
	struct ebb_portrait_arm *arm;
	struct ebb_pairs *trial;
	uint64_t *seed;
	int i, s, state, n, n_arms = lot->n, rc = 0;

	arm = ebb_xcalloc((size_t)n_arms + 1, sizeof *arm);
	trial = ebb_xcalloc((size_t)n_arms * (size_t)run->n_seeds + 1, sizeof *trial);
	seed = ebb_xcalloc((size_t)n_arms * (size_t)run->n_seeds + 1, sizeof *seed);
	for (i = 0; i < n_arms && rc == 0; i++) {
		arm[i] = (struct ebb_portrait_arm){.label = run->arm[lot->arm[i]].label,
						   .trial = trial + i * run->n_seeds,
						   .seed = seed + i * run->n_seeds};
		for (s = 0; s < run->n_seeds && rc == 0; s++) {
			rc = trial_state(run, lot->arm[i], s, &state, err);
			if (rc != 0 || state == 0)
				continue;
			if (state < 0) {
				arm[i].n_diverged++;
				continue;
			}
			n = i * run->n_seeds + arm[i].n_trials;
			rc = ebb_pairs_read(run, lot->arm[i], s, &trial[n], err);
			if (rc == EBB_ENOENT) { /* recorded without one of the two */
				rc = 0;
				continue;
			}
			seed[n] = run->seed[s];
			arm[i].n_trials++;
		}
	}
	p.arm = arm;
	if (rc == 0)
		rc = ebb_portrait_draw(&p, dir, path, err);
	for (i = 0; i < n_arms * run->n_seeds; i++)
		ebb_pairs_release(&trial[i]);
	free(seed);
	free(trial);
	free(arm);
	return rc;
}

/* Add one trial's tensor to its arm; all trials of an arm must agree on steps and positions. */
static int position_add(struct ebb_position_arm *arm, struct ebb_array *a, uint64_t seed,
			struct ebb_err *err)
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

static int draw_position(const struct ebb_run *run, const struct figure *f, const struct lot *lot,
			 const char *dir, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_position p = {.name = f->row.name,
				 .title = f->row.title,
				 .run = run->name,
				 .n_arms = lot->n,
				 .left_out = lot->left_out};
	struct ebb_position_arm *arm;
	struct ebb_array a = {0};
	int i, s, state, n_arms = lot->n, rc = 0;

	arm = ebb_xcalloc((size_t)n_arms + 1, sizeof *arm);
	for (i = 0; i < n_arms && rc == 0; i++) {
		arm[i].label = run->arm[lot->arm[i]].label;
		arm[i].value = ebb_xcalloc((size_t)run->n_seeds + 1, sizeof *arm[i].value);
		for (s = 0; s < run->n_seeds && rc == 0; s++) {
			rc = trial_state(run, lot->arm[i], s, &state, err);
			if (rc != 0 || state == 0)
				continue;
			if (state < 0) {
				arm[i].n_diverged++;
				continue;
			}
			rc = ebb_run_read(run, lot->arm[i], s, "position/entropy", &a, err);
			if (rc == 0)
				rc = position_add(&arm[i], &a, run->seed[s], err);
			else if (rc == EBB_ENOENT)
				rc = 0;
			ebb_array_release(&a);
		}
	}
	p.arm = arm;
	if (rc == 0)
		rc = ebb_position_draw(&p, dir, path, err);
	for (i = 0; i < n_arms; i++) {
		for (s = 0; s < arm[i].n_trials; s++)
			free(arm[i].value[s]);
		free(arm[i].value);
		free(arm[i].step);
	}
	free(arm);
	return rc;
}

int ebb_figure_draw(const struct ebb_run *run, const char *word,
		    const struct ebb_figure_choice *choice, char *path[EBB_N_FILES],
		    struct ebb_err *err)
{
	char *dir =
		choice->dir != NULL ? ebb_xstrdup(choice->dir) : ebb_path_join(run->dir, "figures");
	struct lot lot = {0};
	struct found f;
	char *name;
	int rc;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	rc = find(run, word, &f, err);
	if (rc == 0)
		draw_lot(run, f.f.kind, choice, &lot);
	if (rc == 0 && f.f.kind == PORTRAIT)
		rc = draw_portrait(run, &f.f, &lot, dir, path, err);
	else if (rc == 0 && f.f.kind == POSITION)
		rc = draw_position(run, &f.f, &lot, dir, path, err);
	else if (rc == 0) {
		name = choice->scale == EBB_SCALE_NATIVE
			       ? ebb_xstrdup(f.f.row.name)
			       : ebb_xprintf("%s-by-%s", f.f.row.name,
					     ebb_scale_name(choice->scale));
		rc = draw_bands(run, &f.f, name, choice->scale, &lot, dir, path, err);
		free(name);
	}
	lot_release(&lot);
	found_release(&f);
	free(dir);
	return rc;
}
