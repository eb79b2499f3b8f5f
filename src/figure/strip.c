#include "figure/strip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/compare.h"
#include "analysis/table.h"

#define LABEL_CHAR  10.6 /* pixels a letter of an arm's name takes      */
#define LABEL_LINE  21   /* and a line of it */
#define LABEL_MOST  34   /* letters of its lines; longer names go on    */
#define ROW_MOST    84   /* pixels of a row, and the least that is room */
#define ROW_LEAST   38   /* for its dots and its interval               */
#define FRAME_ROOM  620  /* pixels that rows share while they can       */
#define SPREAD      0.13 /* of a row: how far dots leave its line, so that equal ones are seen */
#define JOINED_MOST 16   /* arms beyond which joined seeds are a web    */

static int drawn(const struct ebb_strip *s)
{
	int a, n = 0;

	for (a = 0; a < s->n_arms; a++)
		n += s->arm[a].value.n > 0;
	return n;
}

/* Rows are numbered from the top, 1 ... N. Seeds keep their height in every row. */
static double height_of(const struct ebb_strip *s, int row, int seed)
{
	double spread = s->n_seeds > 1 ? 2.0 * seed / (s->n_seeds - 1) - 1.0 : 0.0;

	return row - 0.14 + SPREAD * spread;
}

static void put_seeds(struct ebb_drawing *d, const struct ebb_strip *s)
{
	int a, i, row, last;

	ebb_drawing_block(d, "dots");
	for (i = 0; i < s->n_seeds; i++) {
		for (a = 0, row = 0, last = 0; a < s->n_arms; a++) {
			if (s->arm[a].value.n == 0)
				continue;
			row++;
			if (!isfinite(s->arm[a].final[i]))
				continue;
			/* a line does not pass over a row that has no dot of its seed */
			if (last > 0 && row > last + 1)
				ebb_drawing_gap(d);
			ebb_drawing_row(d, 3,
					(double[]){s->arm[a].final[i], height_of(s, row, i), row});
			last = row;
		}
		if (last > 0)
			ebb_drawing_gap(d);
	}
	ebb_drawing_end(d);
}

/* Means with intervals, and the CSV. */
static void put_arms(struct ebb_drawing *d, const struct ebb_strip *s)
{
	const struct ebb_strip_arm *arm;
	char seed[24];
	int a, i, row = 0;
	bool band;

	ebb_drawing_block(d, "means");
	for (a = 0; a < s->n_arms; a++) {
		arm = &s->arm[a];
		if (arm->value.n == 0)
			continue;
		band = arm->value.n >= EBB_BAND_SEEDS;
		ebb_drawing_row(d, 4,
				(double[]){arm->value.mean, ++row,
					   band ? arm->value.low : arm->value.mean,
					   band ? arm->value.high : arm->value.mean});
		for (i = -1; i < s->n_seeds; i++) {
			if (i >= 0 && !isfinite(arm->final[i]))
				continue;
			snprintf(seed, sizeof seed, "%llu",
				 i < 0 ? 0ull : (unsigned long long)s->seed[i]);
			ebb_csv_text(&d->csv, s->metric);
			ebb_csv_text(&d->csv, arm->label);
			ebb_csv_text(&d->csv, i < 0 ? "mean" : "seed");
			ebb_csv_text(&d->csv, i < 0 ? "" : seed);
			ebb_csv_number(&d->csv, i < 0 ? arm->value.mean : arm->final[i]);
			ebb_csv_number(&d->csv, i < 0 ? arm->value.low : (double)NAN);
			ebb_csv_number(&d->csv, i < 0 ? arm->value.high : (double)NAN);
			ebb_csv_number(&d->csv, i < 0 ? arm->value.n : 1);
			ebb_csv_end(&d->csv);
		}
	}
	ebb_drawing_end(d);
}

/* Digits that tell the values of a figure apart: three of the span, no more than six. */
static int decimals_of(const struct ebb_strip *s)
{
	double low = INFINITY, high = -INFINITY, span;
	int a, i;

	for (a = 0; a < s->n_arms; a++)
		for (i = 0; i < s->n_seeds && s->arm[a].value.n > 0; i++)
			if (isfinite(s->arm[a].final[i])) {
				low = fmin(low, s->arm[a].final[i]);
				high = fmax(high, s->arm[a].final[i]);
			}
	span = high > low ? high - low : fabs(high);
	return span > 0.0 ? (int)fmin(6.0, fmax(0.0, 2.0 - floor(log10(span)))) : 3;
}

/* *row: pixels, widened to what the names need. */
static void put_words(struct ebb_drawing *d, const struct ebb_strip *s, int n, double *row)
{
	const char **label = ebb_xcalloc((size_t)n, sizeof *label);
	char **words = ebb_xcalloc((size_t)n, sizeof *words);
	const struct ebb_strip_arm *arm;
	const char *title = "mean  N";
	int a, i = 0, digits = decimals_of(s), width, longest = 0, lines;

	for (a = 0; a < s->n_arms; a++) {
		arm = &s->arm[a];
		if (arm->value.n == 0)
			continue;
		label[i] = arm->label;
		width = ebb_text_width(arm->label);
		longest = width > longest ? width : longest;
		if (arm->value.n >= EBB_BAND_SEEDS)
			title = "mean [95 % interval]  N";
		words[i] = arm->value.n >= EBB_BAND_SEEDS
				   ? ebb_xprintf("%.*f [%.*f, %.*f]  %d", digits, arm->value.mean,
						 digits, arm->value.low, digits, arm->value.high,
						 arm->value.n)
				   : ebb_xprintf("%.*f  %d", digits, arm->value.mean, arm->value.n);
		i++;
	}
	longest = longest < LABEL_MOST ? longest : LABEL_MOST;
	lines = ebb_drawing_lines(d, "LABEL", label, n, longest);
	*row = fmax(*row, LABEL_LINE * lines + 8);
	ebb_drawing_number(d, "LABEL_ROOM", 36 + LABEL_CHAR * (longest > 6 ? longest : 6));
	ebb_drawing_strings(d, "WORDS", (const char *const *)words, n);
	ebb_drawing_string(d, "WORDS_TITLE", title);
	for (i = 0, longest = ebb_text_width(title); i < n; i++) {
		width = ebb_text_width(words[i]);
		longest = width > longest ? width : longest;
		free(words[i]);
	}
	ebb_drawing_number(d, "WORDS_ROOM", 40 + 9.6 * (longest > 10 ? longest : 10));
	free(words);
	free(label);
}

static void put_caption(struct ebb_drawing *d, const struct ebb_strip *s, int n)
{
	struct ebb_buf text = EBB_BUF_INIT;
	int a, low = -1, high = 0, diverged = 0, unfinished = 0;

	for (a = 0; a < s->n_arms; a++) {
		diverged += s->arm[a].n_diverged;
		unfinished += s->arm[a].n_unfinished;
		if (s->arm[a].value.n == 0)
			continue;
		low = low < 0 || s->arm[a].value.n < low ? s->arm[a].value.n : low;
		high = s->arm[a].value.n > high ? s->arm[a].value.n : high;
	}
	ebb_caption_arms(&text, n, s->unit);
	ebb_buf_puts(&text, "a dot is one seed (");
	ebb_caption_seeds(&text, low, high);
	ebb_buf_puts(&text, "), mean over the last tenth of its measured rows");
	if (n > 1 && n <= JOINED_MOST)
		ebb_buf_puts(&text, "; lines join the dots of one seed");
	if (high >= EBB_BAND_SEEDS)
		ebb_buf_printf(&text,
			       "; below them the mean and its 95 %% t interval over N seeds%s",
			       low < EBB_BAND_SEEDS ? ", none for N < 3" : "");
	else
		ebb_buf_puts(&text, "; below them the mean; no interval below 3 seeds");
	if (diverged > 0)
		ebb_buf_printf(&text, "; %d diverged trial%s left out", diverged,
			       diverged == 1 ? "" : "s");
	if (unfinished > 0)
		ebb_buf_printf(&text, "; %d trial%s not finished", unfinished,
			       unfinished == 1 ? "" : "s");
	if (n < s->n_arms)
		ebb_buf_printf(&text, "; no values for %d arm%s", s->n_arms - n,
			       s->n_arms - n == 1 ? "" : "s");
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

int ebb_strip_draw(const struct ebb_strip *s, char *path[EBB_N_FILES], struct ebb_err *err)
{
	struct ebb_drawing d = {0};
	double style[EBB_STRIP_ARMS], row;
	int a, n = drawn(s), i = 0, rc;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	if (n == 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has a value to draw",
				   s->sheet.name);
	if (n > EBB_STRIP_ARMS)
		return ebb_err_set(
			err, EBB_EINVAL,
			"figure '%s' has room for %d arms, the run has %d; choose some with --arm",
			s->sheet.name, EBB_STRIP_ARMS, n);
	row = fmin(ROW_MOST, fmax(ROW_LEAST, (double)FRAME_ROOM / n));
	ebb_drawing_init(&d, &s->sheet, "strip", 1280, 250,
			 "metric,arm,kind,seed,final,low,high,n");
	for (a = 0; a < s->n_arms; a++)
		if (s->arm[a].value.n > 0)
			style[i++] = a % 8 + 1;
	ebb_drawing_number(&d, "N", n);
	ebb_drawing_numbers(&d, "STYLE", style, n);
	ebb_drawing_string(&d, "XLABEL", s->label);
	ebb_drawing_number(&d, "JOINED", n > 1 && n <= JOINED_MOST);
	put_words(&d, s, n, &row);
	d.height = 250 + (int)(row * n);
	ebb_drawing_number(&d, "HEIGHT", d.height);
	put_seeds(&d, s);
	put_arms(&d, s);
	put_caption(&d, s, n);
	rc = ebb_drawing_write(&d, path, err);
	ebb_drawing_release(&d);
	return rc;
}

/* ---- reading ---- */

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const char *metric = q->figure->panel[0].metric;
	struct ebb_strip s = {.sheet = q->sheet,
			      .metric = metric,
			      .seed = q->run->seed,
			      .n_seeds = q->run->n_seeds,
			      .n_arms = q->lot->n};
	const struct ebb_comparison_row *row;
	struct ebb_comparison c;
	char *label;
	int i, rc;

	rc = ebb_compare(&c, q->run, metric, NULL, NULL, err);
	if (rc != 0) {
		memset(path, 0, EBB_N_FILES * sizeof *path);
		return rc;
	}
	label = ebb_xprintf("final %s", q->figure->panel[0].ylabel);
	s.label = label;
	s.unit = c.unit;
	s.arm = ebb_xcalloc((size_t)s.n_arms + 1, sizeof *s.arm);
	for (i = 0; i < s.n_arms; i++) {
		row = &c.row[q->lot->arm[i]];
		s.arm[i] = (struct ebb_strip_arm){q->run->arm[row->arm].label, row->final,
						  row->value, row->n_diverged, row->n_unfinished};
	}
	rc = ebb_strip_draw(&s, path, err);
	free(s.arm);
	free(label);
	ebb_comparison_release(&c);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	(void)all;
	return EBB_STRIP_ARMS;
}

const struct ebb_kind ebb_strip_kind = {
	.view = {"final", "its final values: every seed a dot, mean and interval", "final values"},
	.room = room,
	.check = ebb_check_any,
	.draw = draw,
};
