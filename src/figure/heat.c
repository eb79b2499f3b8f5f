#include "figure/heat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "figure/frames.h"
#include "figure/positions.h"

#define TITLE_ROOM 1066 /* pixels of the frames and their gaps, as in plots/heat.gp */

/* ---- reading ---- */

/* Sums over the trials of an arm; steps and responses stay those of the positions. */
static void sum_up(struct ebb_heat_arm *arm, const struct ebb_positions *from)
{
	int64_t i, cells = from->n_steps * from->n_positions;
	int k;

	*arm = (struct ebb_heat_arm){.label = from->label,
				     .n_trials = from->n_trials,
				     .n_diverged = from->n_diverged,
				     .n_steps = from->n_steps,
				     .n_positions = from->n_positions,
				     .step = from->step,
				     .responses = from->responses};
	arm->sum = ebb_xcalloc((size_t)cells + 1, sizeof *arm->sum);
	arm->n = ebb_xcalloc((size_t)cells + 1, sizeof *arm->n);
	for (k = 0; k < from->n_trials; k++)
		for (i = 0; i < cells; i++) {
			if (!isfinite(from->value[k][i]))
				continue;
			arm->sum[i] += from->value[k][i];
			arm->n[i]++;
		}
}

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_positions *from;
	struct ebb_heat_arm *arm = ebb_xcalloc((size_t)q->lot->n + 1, sizeof *arm);
	int i, n = q->lot->n, rc = ebb_positions_read(q, &from, err);

	for (i = 0; i < n && rc == 0; i++)
		sum_up(&arm[i], &from[i]);
	if (rc == 0)
		rc = ebb_heat_draw(&q->sheet, arm, n, path, err);
	for (i = 0; i < n; i++) {
		free(arm[i].sum);
		free(arm[i].n);
	}
	free(arm);
	ebb_positions_release(from, n);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	return EBB_HEAT_ARMS;
}

const struct ebb_kind ebb_heat_kind = {.room = room, .check = ebb_check_any, .draw = draw};

/* ---- cells ---- */

struct cell {
	double value;     /* NaN: not drawn              */
	double responses; /* a seed, mean over the cell */
};

/* The cells of one arm: windows of `wide` steps and `high` positions. */
struct grid {
	int64_t wide, high, columns, rows;
	struct cell *cell; /* (columns, rows) */
};

static int64_t window(int64_t n, int64_t most)
{
	return n > most ? (n + most - 1) / most : 1;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct cell cell_of(const struct ebb_heat_arm *arm, int64_t s0, int64_t s1, int64_t p0,
			   int64_t p1)
{
	struct cell c = {0};
	double sum = 0.0;
	int64_t s, p, at, n = 0;

	for (s = s0; s < s1; s++)
		for (p = p0; p < p1; p++) {
			at = s * arm->n_positions + p;
			sum += arm->sum[at];
			n += arm->n[at];
			c.responses += arm->responses[at];
		}
	c.responses /= (double)((s1 - s0) * (p1 - p0) * arm->n_trials);
	c.value = n > 0 && c.responses >= EBB_POSITION_RESPONSES ? sum / (double)n : (double)NAN;
	return c;
}

static void make_grid(struct grid *g, const struct ebb_heat_arm *arm)
{
	int64_t i, k;

	g->wide = window(arm->n_steps, EBB_HEAT_STEPS);
	g->high = window(arm->n_positions, EBB_HEAT_POSITIONS);
	g->columns = (arm->n_steps + g->wide - 1) / g->wide;
	g->rows = (arm->n_positions + g->high - 1) / g->high;
	g->cell = ebb_xcalloc((size_t)(g->columns * g->rows), sizeof *g->cell);
	for (i = 0; i < g->columns; i++)
		for (k = 0; k < g->rows; k++)
			g->cell[i * g->rows + k] =
				cell_of(arm, i * g->wide, least((i + 1) * g->wide, arm->n_steps),
					k * g->high, least((k + 1) * g->high, arm->n_positions));
}

/* Where the cell of row s begins: half-way between two steps. */
static double edge(const struct ebb_heat_arm *arm, int64_t s)
{
	double first = arm->n_steps > 1 ? arm->step[1] - arm->step[0] : 1.0;

	if (s == 0)
		return arm->step[0] - 0.5 * first;
	if (s == arm->n_steps)
		return arm->n_steps > 1
			       ? arm->step[s - 1] + 0.5 * (arm->step[s - 1] - arm->step[s - 2])
			       : arm->step[0] + 0.5 * first;
	return 0.5 * (arm->step[s - 1] + arm->step[s]);
}

static double x_end(const struct ebb_heat_arm *arm, const struct grid *g, int64_t i)
{
	return edge(arm, least((i + 1) * g->wide, arm->n_steps));
}

static double y_end(const struct ebb_heat_arm *arm, const struct grid *g, int64_t k)
{
	return (double)least((k + 1) * g->high, arm->n_positions) + 0.5;
}

static bool any_cell(const struct grid *g)
{
	int64_t i;

	for (i = 0; i < g->columns * g->rows; i++)
		if (!isnan(g->cell[i].value))
			return true;
	return false;
}

/* What all frames must hold. */
struct extent {
	double from, to, top; /* steps; end of the last position drawn  */
	double high;          /* largest entropy drawn                  */
	int64_t wide, tall;   /* largest windows of steps, of positions */
	int few, most;        /* seeds of an arm                        */
	bool hatched;         /* some cell in the frames is not drawn   */
};

static void measure(const struct ebb_heat_arm *arm, const struct grid *g, struct extent *e)
{
	int64_t i, k;
	const struct cell *c;

	e->few = e->most == 0 || arm->n_trials < e->few ? arm->n_trials : e->few;
	e->most = arm->n_trials > e->most ? arm->n_trials : e->most;
	e->from = fmin(e->from, edge(arm, 0));
	e->to = fmax(e->to, edge(arm, arm->n_steps));
	e->wide = g->wide > e->wide ? g->wide : e->wide;
	e->tall = g->high > e->tall ? g->high : e->tall;
	for (i = 0; i < g->columns; i++)
		for (k = 0; k < g->rows; k++) {
			c = &g->cell[i * g->rows + k];
			if (isnan(c->value))
				continue;
			e->high = fmax(e->high, c->value);
			e->top = fmax(e->top, y_end(arm, g, k));
		}
}

/* Is there a cell with a value here? */
static bool has(const struct grid *g, int64_t i, int64_t k)
{
	return i < g->columns && k < g->rows && !isnan(g->cell[i * g->rows + k].value);
}

static void csv_cell(struct ebb_buf *csv, const struct ebb_heat_arm *arm, const struct cell *c,
		     int64_t first, int64_t last, double y0, double y1)
{
	ebb_csv_text(csv, arm->label);
	ebb_csv_number(csv, arm->step[first]);
	ebb_csv_number(csv, arm->step[last]);
	ebb_csv_number(csv, y0 + 0.5);
	ebb_csv_number(csv, y1 - 0.5);
	ebb_csv_number(csv, c->value);
	ebb_csv_number(csv, c->responses);
	ebb_csv_number(csv, arm->n_trials);
	ebb_csv_end(csv);
}

/*
 * Row by row from below, each from the left. A cell reaches under all of its neighbours to the right
 * and above, which are drawn over it: side by side, their smoothed edges would let the ground through
 * as a lattice of hairlines.
 */
static void put_cells(struct ebb_drawing *d, const char *block, const struct ebb_heat_arm *arm,
		      const struct grid *g, struct extent *e)
{
	const struct cell *c;
	double x0, x1, y0, y1, right, above;
	int64_t i, k, last;

	ebb_drawing_block(d, block);
	for (k = 0; k < g->rows; k++) {
		y0 = (double)(k * g->high) + 0.5;
		y1 = y_end(arm, g, k);
		for (i = 0; i < g->columns; i++) {
			if (!has(g, i, k)) {
				e->hatched = e->hatched || y0 < e->top;
				continue;
			}
			c = &g->cell[i * g->rows + k];
			last = least((i + 1) * g->wide, arm->n_steps);
			x0 = edge(arm, i * g->wide);
			x1 = x_end(arm, g, i);
			right = has(g, i + 1, k) ? x_end(arm, g, i + 1) : x1;
			above = has(g, i, k + 1) && (right == x1 || has(g, i + 1, k + 1))
					? y_end(arm, g, k + 1)
					: y1;
			ebb_drawing_row(d, 5, (double[]){x0, right, y0, above, c->value});
			csv_cell(&d->csv, arm, c, i * g->wide, last - 1, y0, y1);
		}
	}
	if (!any_cell(g)) /* one without area: gnuplot refuses a plot of nothing */
		ebb_drawing_row(d, 5, (double[]){e->from, e->from, 0.5, 0.5, 0.0});
	ebb_drawing_end(d);
}

static void put_caption(struct ebb_drawing *d, const struct ebb_heat_arm *arm, int n_arms,
			const struct extent *e)
{
	struct ebb_buf text = EBB_BUF_INIT;
	int a, n = 0, diverged = 0;

	for (a = 0; a < n_arms; a++) {
		diverged += arm[a].n_diverged;
		n += arm[a].n_trials > 0;
	}
	ebb_caption_arms(&text, n, "nats");
	ebb_buf_puts(&text, "mean over the responses that reach a position, then over ");
	ebb_caption_seeds(&text, e->few, e->most);
	ebb_buf_puts(&text, e->most == 1 ? "" : "; no band");
	if (e->wide > 1)
		ebb_buf_printf(&text, "; a cell averages %lld steps", (long long)e->wide);
	if (e->tall > 1)
		ebb_buf_printf(&text, "%s %lld positions",
			       e->wide > 1 ? " and" : "; a cell averages", (long long)e->tall);
	if (e->hatched)
		ebb_buf_printf(&text, "; hatched: fewer than %d responses a seed are that long",
			       EBB_POSITION_RESPONSES);
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d trial%s that ended early left out", diverged,
			       diverged == 1 ? "" : "s");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

int ebb_heat_draw(const struct ebb_sheet *sheet, const struct ebb_heat_arm *arm, int n_arms,
		  char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct extent e = {.from = (double)INFINITY, .to = -(double)INFINITY, .wide = 1, .tall = 1};
	struct grid grid[EBB_HEAT_ARMS] = {0};
	char *block[EBB_HEAT_ARMS] = {0};
	char *label[EBB_HEAT_ARMS];
	struct ebb_drawing d = {0};
	int a, i, n = 0, rows, drawn[EBB_HEAT_ARMS], rc = 0;
	bool any = false;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	for (a = 0; a < n_arms; a++) {
		if (arm[a].n_trials == 0)
			continue;
		if (n == EBB_HEAT_ARMS)
			EBB_BUG("more arms than a heat map has room for");
		make_grid(&grid[n], &arm[a]);
		measure(&arm[a], &grid[n], &e);
		any = any || any_cell(&grid[n]);
		drawn[n++] = a;
	}
	if (!any) {
		for (i = 0; i < n; i++)
			free(grid[i].cell);
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has a position that %d "
				   "responses reach",
				   sheet->name, EBB_POSITION_RESPONSES);
	}
	rows = ebb_frames_down(n);
	ebb_drawing_init(&d, sheet, "heat", 1280, 230 + (n == 1 ? 430 : 250) * rows,
			 "arm,first_step,last_step,first_position,last_position,entropy,"
			 "responses_a_seed,n");
	for (i = 0; i < n; i++) {
		label[i] = e.few == e.most ? ebb_xstrdup(arm[drawn[i]].label)
					   : ebb_xprintf("%s (n = %d)", arm[drawn[i]].label,
							 arm[drawn[i]].n_trials);
		block[i] = ebb_xprintf("$cell%d", i + 1);
		put_cells(&d, block[i] + 1, &arm[drawn[i]], &grid[i], &e);
	}
	ebb_drawing_string(&d, "XLABEL", "training step");
	ebb_drawing_string(&d, "YLABEL", "position in the response (tokens)");
	ebb_drawing_string(&d, "ZLABEL", "policy entropy (nats)");
	ebb_frames_label(&d, (const char *const *)label, n, TITLE_ROOM);
	ebb_drawing_strings(&d, "CELL", (const char *const *)block, n);
	ebb_drawing_number(&d, "FROM", e.from);
	ebb_drawing_number(&d, "TO", e.to);
	ebb_drawing_number(&d, "TOP", e.top);
	ebb_drawing_number(&d, "HIGH", e.high > 0.0 ? e.high : 1.0);
	put_caption(&d, arm, n_arms, &e);
	rc = ebb_drawing_write(&d, path, err);
	for (i = 0; i < n; i++) {
		free(block[i]);
		free(label[i]);
		free(grid[i].cell);
	}
	ebb_drawing_release(&d);
	return rc;
}
