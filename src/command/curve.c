#include "command/curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

#define ROWS_MIN    8
#define COLUMNS_MIN 30
#define BRAILLE     0x2800

char ebb_curve_letter(int arm)
{
	return (char)(arm < 26 ? 'a' + arm : 'A' + arm % 26);
}

/* ---- axes ---- */

struct axis {
	double low, high, step; /* of the marks: 1, 2 or 5 times a power of ten */
	int decimals;
};

/* The axis that covers low to high with at most `marks` steps. */
static struct axis axis_of(double low, double high, int marks)
{
	static const double nice[] = {1, 2, 5, 10};
	struct axis a;
	double base;
	int power;

	if (!(high > low)) {
		/* nothing to scale by; shares and rewards, the usual constants, do not go below 0 */
		high += low == 0 ? 1 : fabs(low) * 0.1;
		low -= fabs(low) * 0.1;
	}
	power = (int)floor(log10((high - low) / marks));
	base = pow(10, power);
	for (int i = 0; i < 4; i++) {
		a.step = nice[i] * base;
		a.low = floor(low / a.step + 1e-9) * a.step;
		a.high = ceil(high / a.step - 1e-9) * a.step;
		if ((a.high - a.low) / a.step < marks + 0.5)
			break;
	}
	a.decimals = a.step >= 1 ? 0 : (int)ceil(-log10(a.step) - 1e-9);
	if (a.decimals > 9)
		a.decimals = 9;
	return a;
}

static void number(char text[32], const struct axis *a, double x)
{
	if (fabs(x) < a->step * 1e-6)
		x = 0; /* no "-0.0" */
	if (fabs(x) >= 1e6)
		snprintf(text, 32, "%.3g", x);
	else
		snprintf(text, 32, "%.*f", a->decimals, x);
}

/* ---- means ---- */

/* One arm's curve: a value for each column of dots, NaN where no trial has a row. */
struct mean {
	double *value;
	int last; /* last column with a value; -1: none */
};

/* Rows that fall into the same column of dots count as one value of their trial; the curve is the
 * mean of the trials that have one there. */
static struct mean mean_of(const struct ebb_chart *chart, int arm, double right, int dots)
{
	struct mean m = {ebb_xcalloc((size_t)dots, sizeof *m.value), -1};
	double *sum = ebb_xcalloc((size_t)dots, sizeof *sum);
	int *trials = ebb_xcalloc((size_t)dots, sizeof *trials);
	int *rows = ebb_xcalloc((size_t)dots, sizeof *rows);

	for (int t = 0; t < chart->n_traces; t++) {
		const struct ebb_trace *trace = &chart->trace[t];

		if (trace->arm != arm)
			continue;
		memset(sum, 0, (size_t)dots * sizeof *sum);
		memset(rows, 0, (size_t)dots * sizeof *rows);
		for (int64_t i = 0; i < trace->n; i++) {
			double at = trace->x[i] / right * (dots - 1);

			if (!isfinite(trace->y[i]) || !(at >= 0) || at > dots - 0.5)
				continue;
			sum[(int)(at + 0.5)] += trace->y[i];
			rows[(int)(at + 0.5)]++;
		}
		for (int k = 0; k < dots; k++)
			if (rows[k] > 0) {
				m.value[k] += sum[k] / rows[k];
				trials[k]++;
			}
	}
	for (int k = 0; k < dots; k++) {
		m.value[k] = trials[k] > 0 ? m.value[k] / trials[k] : (double)NAN;
		if (trials[k] > 0)
			m.last = k;
	}
	free(rows);
	free(trials);
	free(sum);
	return m;
}

/* ---- dots ---- */

/* The part of the box that curves are drawn in. */
struct plot {
	struct ebb_canvas *c;
	int row, column, rows, columns; /* cells */
	int wide, high;                 /* dots in a cell: 2 x 4, or 1 x 1 */
};

static void dot(const struct plot *p, int x, int y, int arm)
{
	/* The eight dots of a braille cell in the order of their bits (Unicode, block 2800). */
	static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
	int r = p->rows - 1 - y / p->high, k = x / p->wide;
	struct ebb_cell *cell;

	if (r < 0 || r >= p->rows || k < 0 || k >= p->columns)
		return;
	cell = ebb_canvas_at(p->c, p->row + r, p->column + k);
	if (!cell)
		return;
	if (p->high == 1) {
		cell->glyph = (uint32_t)ebb_curve_letter(arm);
	} else {
		if (cell->glyph < BRAILLE || cell->glyph > BRAILLE + 0xff)
			cell->glyph = BRAILLE;
		cell->glyph |= bit[3 - y % 4][x % 2];
	}
	cell->style = (uint8_t)(EBB_INK + arm % EBB_N_INKS);
}

static void line(const struct plot *p, int x0, int y0, int x1, int y1, int arm)
{
	int steps = abs(x1 - x0) > abs(y1 - y0) ? abs(x1 - x0) : abs(y1 - y0);

	for (int i = 0; i <= steps; i++) {
		double part = steps ? (double)i / steps : 0;

		dot(p, x0 + (int)lround(part * (x1 - x0)), y0 + (int)lround(part * (y1 - y0)), arm);
	}
}

static int height(const struct plot *p, const struct axis *y, double value)
{
	int dots = p->rows * p->high;

	return (int)lround((value - y->low) / (y->high - y->low) * (dots - 1));
}

static void draw_mean(const struct plot *p, const struct axis *y, const struct mean *m, int arm)
{
	int before = -1;

	for (int k = 0; k <= m->last; k++) {
		if (isnan(m->value[k]))
			continue;
		if (before >= 0)
			line(p, before, height(p, y, m->value[before]), k,
			     height(p, y, m->value[k]), arm);
		else
			dot(p, k, height(p, y, m->value[k]), arm);
		before = k;
	}
}

/* The letter right of the last dot; beside others where curves end in one place. */
static void put_letter(const struct plot *p, const struct axis *y, const struct mean *m, int arm)
{
	int row, column;

	if (m->last < 0)
		return;
	row = p->row + p->rows - 1 - height(p, y, m->value[m->last]) / p->high;
	column = p->column + m->last / p->wide + 1;
	for (;; column++) {
		struct ebb_cell *cell = ebb_canvas_at(p->c, row, column);

		if (!cell || column >= p->column + p->columns + 8)
			return;
		if (cell->glyph && (cell->glyph < BRAILLE || cell->glyph > BRAILLE + 0xff))
			continue;
		*cell = (struct ebb_cell){(uint32_t)ebb_curve_letter(arm),
					  (uint8_t)(EBB_INK + arm % EBB_N_INKS)};
		return;
	}
}

/* ---- the frame ---- */

static void draw_frame(const struct plot *p, const struct ebb_chart *chart, const struct axis *x,
		       const struct axis *y, int margin)
{
	const bool utf8 = p->c->utf8;
	int floor_row = p->row + p->rows, taken = p->column;
	char text[32];

	for (int r = 0; r < p->rows; r++)
		ebb_canvas_text(p->c, p->row + r, p->column - 1, EBB_DIM, utf8 ? "│" : "|");
	ebb_canvas_text(p->c, floor_row, p->column - 1, EBB_DIM, utf8 ? "└" : "+");
	for (int k = 0; k < p->columns; k++)
		ebb_canvas_text(p->c, floor_row, p->column + k, EBB_DIM, utf8 ? "─" : "-");
	for (double v = y->low; v < y->high + y->step / 2; v += y->step) {
		int r = p->row + p->rows - 1 - height(p, y, v) / p->high;

		number(text, y, v);
		ebb_canvas_text(p->c, r, p->column - 1 - (int)strlen(text), EBB_PLAIN, "%s", text);
		ebb_canvas_text(p->c, r, p->column - 1, EBB_DIM, utf8 ? "┤" : "+");
	}
	for (double v = 0; v < x->high + x->step / 2; v += x->step) {
		int at =
			p->column + (int)lround(v / x->high * (p->columns * p->wide - 1)) / p->wide;
		int from;

		number(text, x, v);
		from = at - (int)strlen(text) / 2;
		if (from + (int)strlen(text) > p->column + p->columns)
			from = p->column + p->columns - (int)strlen(text);
		if (from < taken && v > 0)
			continue;
		if (v == 0)
			from = p->column;
		taken = ebb_canvas_text(p->c, floor_row + 1, from, EBB_PLAIN, "%s", text) + 1;
		ebb_canvas_text(p->c, floor_row, at, EBB_DIM, utf8 ? "┴" : "+");
	}
	ebb_canvas_text(p->c, floor_row + 1, p->column - margin, EBB_DIM, "%s", chart->x_word);
}

/* The widest number of the y axis, its line and a blank. */
static int margin_of(const struct axis *y, const char *x_word)
{
	int widest = (int)strlen(x_word);
	char text[32];

	for (double v = y->low; v < y->high + y->step / 2; v += y->step) {
		number(text, y, v);
		if ((int)strlen(text) > widest)
			widest = (int)strlen(text);
	}
	return widest + 1;
}

static double right_end(const struct ebb_chart *chart)
{
	double right = 0;

	for (int t = 0; t < chart->n_traces; t++)
		for (int64_t i = 0; i < chart->trace[t].n; i++)
			if (isfinite(chart->trace[t].y[i]) && chart->trace[t].x[i] > right)
				right = chart->trace[t].x[i];
	return right > 0 ? right : 1;
}

static bool any_value(const struct ebb_chart *chart)
{
	for (int t = 0; t < chart->n_traces; t++)
		for (int64_t i = 0; i < chart->trace[t].n; i++)
			if (isfinite(chart->trace[t].y[i]))
				return true;
	return false;
}

bool ebb_curve_draw(struct ebb_canvas *c, int row, int column, int rows, int columns,
		    const struct ebb_chart *chart)
{
	int arms = chart->n_arms < EBB_LETTERS_MAX ? chart->n_arms : EBB_LETTERS_MAX, margin = 8;
	struct plot p = {c, row + 1, 0, rows - 3, 0, c->utf8 ? 2 : 1, c->utf8 ? 4 : 1};
	struct axis x = {0}, y = {0};
	struct mean *mean;
	bool drawn = false;

	if (rows < ROWS_MIN || columns < COLUMNS_MIN)
		return false;
	ebb_canvas_text(c, row, column, EBB_BOLD, "%s%s%s%s", chart->title,
			chart->unit[0] ? " (" : "", chart->unit, chart->unit[0] ? ")" : "");
	if (!any_value(chart)) {
		ebb_canvas_text(c, row + 2, column + 2, EBB_DIM, "no rows yet");
		return false;
	}
	mean = ebb_xcalloc((size_t)arms + 1, sizeof *mean);
	/* The margin depends on the range, and the range a little on the width: once is enough. */
	for (int round = 0; round < 2; round++) {
		double low = INFINITY, high = -INFINITY;

		p.column = column + margin;
		p.columns = columns - margin - 3; /* letters stand right of the curves */
		x = axis_of(0, right_end(chart), p.columns / 12 + 1);
		for (int a = 0; a < arms; a++) {
			free(mean[a].value);
			mean[a] = mean_of(chart, a, x.high, p.columns * p.wide);
			for (int k = 0; k <= mean[a].last; k++) {
				low = fmin(low, mean[a].value[k]);
				high = fmax(high, mean[a].value[k]);
			}
		}
		drawn = low <= high;
		y = drawn ? axis_of(low, high, p.rows / 3 + 1) : axis_of(0, 1, 1);
		margin = margin_of(&y, chart->x_word) + 1;
	}
	draw_frame(&p, chart, &x, &y, p.column - column);
	for (int a = arms - 1; a >= 0; a--) /* the first arm on top */
		draw_mean(&p, &y, &mean[a], a);
	for (int a = 0; a < arms; a++)
		put_letter(&p, &y, &mean[a], a);
	for (int a = 0; a < arms; a++)
		free(mean[a].value);
	free(mean);
	return drawn;
}
