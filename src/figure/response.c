#include "figure/response.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/compare.h"
#include "analysis/names.h"

#define TITLE_CHAR  11.0 /* pixels a letter of a frame's title takes */
#define LEFT        150  /* beside the frames, as in plots/response.gp */
#define RIGHT       150
#define GAP         40
#define CELL_MOST   150 /* pixels */
#define FRAME_LEAST 190.0
#define ABOVE       102 /* the frames, pixels */
#define BELOW       150 /* them, with two lines of caption */

/* ---- which arms form a grid ---- */

static const char *value_of(const struct ebb_run_arm *arm, const char *key)
{
	int i;

	for (i = 0; i < arm->n_axes; i++)
		if (strcmp(arm->axis[i].key, key) == 0)
			return arm->axis[i].value;
	return NULL;
}

/* Do the arms of the lot differ in this key? *numbers: all have a number there. */
static bool differs(const struct ebb_run *run, const struct ebb_lot *lot, const char *key,
		    bool *numbers)
{
	const char *first = value_of(&run->arm[lot->arm[0]], key), *v;
	bool differ = false;
	double x;
	int i;

	*numbers = true;
	for (i = 0; i < lot->n; i++) {
		v = value_of(&run->arm[lot->arm[i]], key);
		differ = differ || (v == NULL) != (first == NULL) ||
			 (v != NULL && strcmp(v, first) != 0);
		*numbers = *numbers && v != NULL && ebb_number_of(v, &x);
	}
	return differ;
}

static bool seen_before(const struct ebb_run *run, const struct ebb_lot *lot, int i,
			const char *key)
{
	int k;

	for (k = 0; k < i; k++)
		if (value_of(&run->arm[lot->arm[k]], key) != NULL)
			return true;
	return false;
}

static bool put_value(struct ebb_response_grid *g, int side, double x)
{
	int i, n = g->side[side];

	for (i = 0; i < n && g->value[side][i] < x; i++)
		;
	if (i < n && g->value[side][i] == x)
		return true;
	if (n == EBB_RESPONSE_SIDE)
		return false;
	memmove(&g->value[side][i + 1], &g->value[side][i], (size_t)(n - i) * sizeof(double));
	g->value[side][i] = x;
	g->side[side]++;
	return true;
}

static int frame_of(struct ebb_response_grid *g, const char *name)
{
	int i;

	for (i = 0; i < g->n_frames; i++)
		if (strcmp(g->frame[i], name) == 0)
			return i;
	if (i == EBB_RESPONSE_FRAMES)
		return -1;
	g->frame[g->n_frames++] = name;
	return i;
}

static int place_of(const struct ebb_response_grid *g, int side, double x)
{
	int i;

	for (i = 0; g->value[side][i] != x; i++)
		;
	return i;
}

/* The two numeric keys in which arms differ, and no third thing but the algorithm. */
static bool find_keys(const struct ebb_run *run, const struct ebb_lot *lot, const char *key[2],
		      bool *algorithms, char why[256])
{
	const struct ebb_run_arm *arm;
	bool numbers;
	int i, k, n = 0;

	*algorithms = false;
	for (i = 0; i < lot->n; i++) {
		arm = &run->arm[lot->arm[i]];
		for (k = 0; k < arm->n_axes; k++) {
			if (seen_before(run, lot, i, arm->axis[k].key) ||
			    !differs(run, lot, arm->axis[k].key, &numbers))
				continue;
			if (strcmp(arm->axis[k].key, "algorithm") == 0) {
				*algorithms = true;
			} else if (!numbers) {
				snprintf(why, 256, "they differ in %.100s, which is no number",
					 ebb_name_key(arm->axis[k].key));
				return false;
			} else if (n == 2) {
				snprintf(why, 256, "they differ in %.60s, %.60s and %.60s",
					 ebb_name_key(key[0]), ebb_name_key(key[1]),
					 ebb_name_key(arm->axis[k].key));
				return false;
			} else {
				key[n++] = arm->axis[k].key;
			}
		}
	}
	if (n < 2)
		snprintf(why, 256, "they differ in %s%s",
			 n == 0 ? "no number" : "one number alone, ",
			 n == 0 ? "" : ebb_name_key(key[0]));
	return n == 2;
}

bool ebb_response_layout(struct ebb_response_grid *g, const struct ebb_run *run,
			 const struct ebb_lot *lot, char why[256])
{
	const char *key[2], *name;
	const struct ebb_run_arm *arm;
	double x[2];
	bool algorithms, fits = true;
	int i, k, cells;

	*g = (struct ebb_response_grid){.n_frames = 0};
	if (!find_keys(run, lot, key, &algorithms, why))
		return false;
	for (i = 0; i < lot->n && fits; i++) {
		arm = &run->arm[lot->arm[i]];
		for (k = 0; k < 2; k++) {
			ebb_number_of(value_of(arm, key[k]), &x[k]);
			fits = fits && put_value(g, k, x[k]);
		}
		name = algorithms ? value_of(arm, "algorithm") : "";
		fits = fits && frame_of(g, name != NULL ? name : "") >= 0;
	}
	if (!fits) {
		snprintf(why, 256, "there is room for %d values of a number and %d algorithms",
			 EBB_RESPONSE_SIDE, EBB_RESPONSE_FRAMES);
		return false;
	}
	for (k = 0; k < 2; k++)
		g->key[k] = ebb_name_key(key[k]);
	cells = g->side[0] * g->side[1];
	g->arm = ebb_xcalloc((size_t)(g->n_frames * cells), sizeof *g->arm);
	for (i = 0; i < g->n_frames * cells; i++)
		g->arm[i] = -1;
	for (i = 0; i < lot->n; i++) {
		arm = &run->arm[lot->arm[i]];
		name = algorithms ? value_of(arm, "algorithm") : "";
		for (k = 0; k < 2; k++)
			ebb_number_of(value_of(arm, key[k]), &x[k]);
		g->arm[frame_of(g, name != NULL ? name : "") * cells +
		       place_of(g, 1, x[1]) * g->side[0] + place_of(g, 0, x[0])] = lot->arm[i];
	}
	return true;
}

void ebb_response_release(struct ebb_response_grid *g)
{
	free(g->arm);
	*g = (struct ebb_response_grid){0};
}

/* ---- drawing ---- */

struct map {
	const struct ebb_response_grid *grid;
	const struct ebb_comparison *final;
	int columns, rows; /* of frames */
	double cell;       /* pixels    */
};

static void shape(struct map *m)
{
	const struct ebb_response_grid *g = m->grid;
	double room = 1280 - LEFT - RIGHT;

	m->columns = g->n_frames <= 3 ? g->n_frames : g->n_frames == 4 ? 2 : 3;
	m->rows = (g->n_frames + m->columns - 1) / m->columns;
	m->cell = (room - (m->columns - 1) * GAP) / m->columns / g->side[0];
	m->cell = fmin(CELL_MOST, m->cell);
}

static const struct ebb_comparison_row *row_of(const struct map *m, int frame, int x, int y)
{
	const struct ebb_response_grid *g = m->grid;
	int arm = g->arm[(frame * g->side[1] + y) * g->side[0] + x];

	return arm >= 0 && m->final->row[arm].value.n > 0 ? &m->final->row[arm] : NULL;
}

/* Returns the cells with a value. */
static int put_cells(struct ebb_drawing *d, const struct map *m)
{
	const struct ebb_response_grid *g = m->grid;
	const struct ebb_comparison_row *r;
	double low = INFINITY, high = -INFINITY;
	char name[16];
	int f, x, y, n = 0, in_frame;

	for (f = 0; f < g->n_frames; f++) {
		snprintf(name, sizeof name, "cells%d", f + 1);
		ebb_drawing_block(d, name);
		for (y = 0, in_frame = 0; y < g->side[1]; y++)
			for (x = 0; x < g->side[0]; x++) {
				r = row_of(m, f, x, y);
				if (r == NULL)
					continue;
				in_frame++;
				low = fmin(low, r->value.mean);
				high = fmax(high, r->value.mean);
				ebb_drawing_row(
					d, 4, (double[]){x + 1, y + 1, r->value.mean, r->value.n});
				ebb_csv_text(&d->csv, m->final->metric);
				ebb_csv_text(&d->csv, g->frame[f]);
				ebb_csv_number(&d->csv, g->value[0][x]);
				ebb_csv_number(&d->csv, g->value[1][y]);
				ebb_csv_number(&d->csv, r->value.mean);
				ebb_csv_number(&d->csv, r->value.low);
				ebb_csv_number(&d->csv, r->value.high);
				ebb_csv_number(&d->csv, r->value.n);
				ebb_csv_end(&d->csv);
			}
		if (in_frame == 0)
			ebb_drawing_row(d, 4, (double[]){NAN, NAN, NAN, NAN});
		ebb_drawing_end(d);
		n += in_frame;
	}
	if (!(high > low)) /* one value, or none: gnuplot needs a range */
		high = n > 0 ? low + fmax(fabs(low), 1.0) * 1e-3 : 1.0;
	ebb_drawing_number(d, "LOW", n > 0 ? low : 0.0);
	ebb_drawing_number(d, "HIGH", high);
	return n;
}

static void put_ticks(struct ebb_drawing *d, const struct ebb_response_grid *g)
{
	static const char *const array[2] = {"XTICK", "YTICK"};
	char *word[EBB_RESPONSE_SIDE];
	int i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < g->side[k]; i++)
			word[i] = ebb_xprintf("%.4g", g->value[k][i]);
		ebb_drawing_strings(d, array[k], (const char *const *)word, g->side[k]);
		for (i = 0; i < g->side[k]; i++)
			free(word[i]);
	}
	ebb_drawing_number(d, "NX", g->side[0]);
	ebb_drawing_number(d, "NY", g->side[1]);
	ebb_drawing_string(d, "XLABEL", g->key[0]);
	ebb_drawing_string(d, "YKEY", g->key[1]);
}

static void put_caption(struct ebb_drawing *d, const struct map *m, int n)
{
	struct ebb_buf text = EBB_BUF_INIT;
	const struct ebb_response_grid *g = m->grid;
	const struct ebb_comparison_row *r;
	int f, x, y, low = -1, high = 0, diverged = 0, unfinished = 0;

	for (f = 0; f < g->n_frames; f++)
		for (y = 0; y < g->side[1]; y++)
			for (x = 0; x < g->side[0]; x++) {
				r = row_of(m, f, x, y);
				if (r == NULL)
					continue;
				diverged += r->n_diverged;
				unfinished += r->n_unfinished;
				low = low < 0 || r->value.n < low ? r->value.n : low;
				high = r->value.n > high ? r->value.n : high;
			}
	ebb_caption_arms(&text, n, m->final->unit);
	ebb_buf_puts(&text, "a cell is one arm: mean over ");
	ebb_caption_seeds(&text, low, high);
	ebb_buf_puts(&text,
		     " (N) of the mean over the last tenth of measured rows; no band (intervals "
		     "are in the csv); values of both numbers are spaced evenly");
	if (n < g->n_frames * g->side[0] * g->side[1])
		ebb_buf_puts(&text, "; empty cells have no finished arm");
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d diverged trial%s left out", diverged,
			       diverged == 1 ? "" : "s");
	if (unfinished > 0)
		ebb_buf_printf(&text, "; %d trial%s not finished", unfinished,
			       unfinished == 1 ? "" : "s");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

static int draw_map(const struct ebb_sheet *sheet, const char *label, struct map *m,
		    char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_response_grid *g = m->grid;
	struct ebb_drawing d = {0};
	double height;
	int n, rc, title = 0;

	shape(m);
	height = fmax(FRAME_LEAST / g->side[1], fmin(m->cell * 0.62, 110.0));
	ebb_drawing_init(&d, sheet, "response", 1280, 0, "metric,algorithm,x,y,final,low,high,n");
	n = put_cells(&d, m);
	if (n == 0) {
		ebb_drawing_release(&d);
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has a value to draw",
				   sheet->name);
	}
	ebb_drawing_number(&d, "COLS", m->columns);
	ebb_drawing_number(&d, "N", g->n_frames);
	ebb_drawing_number(&d, "CELL", m->cell);
	ebb_drawing_number(&d, "CELL_HEIGHT", height);
	ebb_drawing_string(&d, "LABEL_VALUES", label);
	if (g->frame[0][0] != '\0')
		title = 4 + 22 * ebb_drawing_titles(&d, "LABEL", g->frame, g->n_frames,
						    (int)(m->cell * g->side[0] / TITLE_CHAR));
	else
		ebb_drawing_strings(&d, "LABEL", g->frame, g->n_frames);
	ebb_drawing_number(&d, "TITLE_HEIGHT", title);
	d.height = (int)(ABOVE + BELOW + title + m->rows * (g->side[1] * height + title + GAP) -
			 title - GAP);
	ebb_drawing_number(&d, "HEIGHT", d.height);
	put_ticks(&d, g);
	put_caption(&d, m, n);
	rc = ebb_drawing_write(&d, path, err);
	ebb_drawing_release(&d);
	return rc;
}

/* ---- reading ---- */

static int layout(struct ebb_response_grid *grid, const struct ebb_run *run,
		  const struct ebb_figure *f, const struct ebb_lot *lot, struct ebb_err *err)
{
	char why[256];

	if (ebb_response_layout(grid, run, lot, why))
		return 0;
	return ebb_err_set(err, EBB_EINVAL,
			   "figure '%s' is for arms that differ in exactly two swept numbers, and "
			   "perhaps the algorithm: %s; --arm chooses",
			   f->row.name, why);
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_response_grid grid = {0};
	struct ebb_comparison final = {0};
	struct map m = {.grid = &grid, .final = &final};
	char *label = ebb_xprintf("colour and number: final %s", q->figure->panel[0].ylabel);
	int rc = layout(&grid, q->run, q->figure, q->lot, err);

	memset(path, 0, EBB_N_FILES * sizeof *path);
	if (rc == 0)
		rc = ebb_compare(&final, q->run, q->figure->panel[0].metric, NULL, NULL, err);
	if (rc == 0)
		rc = draw_map(&q->sheet, label, &m, path, err);
	free(label);
	ebb_comparison_release(&final);
	ebb_response_release(&grid);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	return all->n;
}

static int check(const struct ebb_run *run, const struct ebb_figure *f,
		 const struct ebb_figure_choice *choice, bool *available, struct ebb_err *err)
{
	struct ebb_response_grid grid = {0};
	struct ebb_lot lot;
	int rc;

	*available = false;
	ebb_lot_all(run, choice, &lot);
	rc = layout(&grid, run, f, &lot, err);
	if (rc == 0)
		rc = ebb_check_any(run, f, choice, available, err);
	ebb_response_release(&grid);
	ebb_lot_release(&lot);
	return rc;
}

const struct ebb_kind ebb_response_kind = {
	.view = {"response", "its final values over two swept numbers, as a map",
		 "final values over two numbers"},
	.room = room,
	.check = check,
	.draw = draw,
};
