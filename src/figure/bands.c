#include "figure/bands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/bootstrap.h"
#include "analysis/table.h"

enum look { ONE_FRAME, SMALL_FRAMES, FAN };

/* The arms that have something to draw, in the run's order; an arm keeps the colour of its place. */
struct cast {
	int *arm, n;
	enum look look;
	int all_same_n; /* seeds, where every drawn arm has as many; else 0 */
	int most_n;     /* seeds of the arm that has most                    */
};

#define FRAME_LEFT    130 /* pixels beside the small frames, as in plots/frames.gp */
#define FRAME_RIGHT   30
#define FRAME_GAP     44
#define TITLE_CHAR    10.0 /* pixels a letter of their titles takes */
#define TITLE_LINE    22   /* and a line                            */
#define HAIRLINE_ARMS 4    /* whose single seeds are told apart in one frame */
#define KEY_BESIDE    30   /* letters of a name up to which the key has room beside the frame... */
#define KEY_LINE      20 /* ... and pixels that a line below it adds, as in plots/bands.gp       */
#define FAN_TICKS     7
#define UPDATE_ROWS   100 /* update curves are noisy: fewer, wider windows than for steps */

static const struct ebb_series *at(const struct ebb_bands *b, int panel, int arm)
{
	return &b->panel[panel].series[arm];
}

/* Colours follow the run's order, so that an arm keeps its own from figure to figure; with more arms
 * than colours only small frames are drawn, which do not need them. */
static int style_of(const struct ebb_bands *b, const struct cast *c, int i)
{
	return b->n_arms <= EBB_BANDS_ARMS ? c->arm[i] + 1 : i % EBB_BANDS_ARMS + 1;
}

static int choose(const struct ebb_bands *b, struct cast *c, struct ebb_err *err)
{
	int a, p, n;

	*c = (struct cast){.all_same_n = -1};
	c->arm = ebb_xcalloc((size_t)b->n_arms + 1, sizeof *c->arm);
	for (a = 0; a < b->n_arms; a++) {
		for (p = 0, n = 0; p < b->n_panels; p++)
			if (ebb_series_any(at(b, p, a)))
				n = at(b, p, a)->n_seeds;
		if (n == 0)
			continue;
		c->arm[c->n++] = a;
		c->most_n = n > c->most_n ? n : c->most_n;
		if (c->all_same_n < 0)
			c->all_same_n = n;
		else if (c->all_same_n != n)
			c->all_same_n = 0;
	}
	c->look = c->n <= EBB_BANDS_ARMS     ? ONE_FRAME
		  : c->n <= EBB_BANDS_FRAMES ? SMALL_FRAMES
					     : FAN;
	if (c->n == 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "figure '%s': no complete trial has a value to draw",
				   b->sheet.name);
	if (c->look == FAN && b->key == NULL)
		return ebb_err_set(
			err, EBB_EINVAL,
			"figure '%s' has room for %d arms, the run has %d; choose some with --arm",
			b->sheet.name, EBB_BANDS_FRAMES, c->n);
	return 0;
}

/* Axes of many thousands are drawn in thousands or millions. The CSV keeps the numbers. *end: the
 * largest coordinate in that unit. */
static double x_unit(const struct ebb_bands *b, const char **word, double *end)
{
	const struct ebb_series *s;
	double top = 0.0, unit;
	int a, p;

	for (p = 0; p < b->n_panels; p++)
		for (a = 0; a < b->n_arms; a++) {
			s = at(b, p, a);
			if (s->n_rows > 0 && s->x[s->n_rows - 1] > top)
				top = s->x[s->n_rows - 1];
		}
	*word = top >= 2e7 ? ", millions" : top >= 2e4 ? ", thousands" : "";
	unit = top >= 2e7 ? 1e6 : top >= 2e4 ? 1e3 : 1.0;
	*end = top > 0.0 ? top / unit : 1.0;
	return unit;
}

/* The curves of single seeds are clutter behind many bands; small frames have room for them. */
static bool has_hairlines(const struct cast *c)
{
	return c->look == SMALL_FRAMES ||
	       (c->look == ONE_FRAME && (c->n <= HAIRLINE_ARMS || c->most_n < EBB_BAND_SEEDS));
}

/*
 * The range of a panel: what it was given, else from the data. Mean curves always fit; bands may
 * stretch the range to at most twice that of the means (three seeds have a t quantile of 4.3), single
 * seeds to thrice (a rare spike is not the story); both are cut beyond, which *cut tells.
 */
static void y_range(const struct ebb_bands *b, const struct cast *c, int p, double *low,
		    double *high, bool *cut)
{
	double from = INFINITY, to = -INFINITY, least = INFINITY, most = -INFINITY, room;
	double bottom = INFINITY, top = -INFINITY; /* of single seeds */
	const struct ebb_series *s;
	int64_t k;
	int i;
	bool few;

	for (i = 0; i < c->n; i++) {
		s = at(b, p, c->arm[i]);
		for (k = 0; k < s->n_rows; k++)
			if (isfinite(s->mean[k])) {
				from = fmin(from, b->difference != NULL ? fmin(0, s->mean[k])
									: s->mean[k]);
				to = fmax(to,
					  b->difference != NULL ? fmax(0, s->mean[k]) : s->mean[k]);
			}
		for (k = 0; k < s->n_rows * s->n_seeds && has_hairlines(c); k++)
			if (isfinite(s->value[k])) {
				bottom = fmin(bottom, s->value[k]);
				top = fmax(top, s->value[k]);
			}
		for (k = 0; k < s->n_rows && c->look != FAN; k++)
			if (ebb_band_is(s, k)) {
				least = fmin(least, s->low[k]);
				most = fmax(most, s->high[k]);
			}
	}
	/* with few seeds there is no band, and the seeds are what is looked at */
	few = c->most_n < EBB_BAND_SEEDS || !(to > from);
	room = 0.5 * (to - from);
	*low = fmin(fmin(from, fmax(least, from - room)),
		    few ? bottom : fmax(bottom, from - 2 * room));
	*high = fmax(fmax(to, fmin(most, to + room)), few ? top : fmin(top, to + 2 * room));
	if (!isnan(b->panel[p].from))
		*low = b->panel[p].from;
	if (!isnan(b->panel[p].to))
		*high = b->panel[p].to;
	if (isnan(b->panel[p].to)) /* the top curve does not touch the frame */
		*high += *high > *low ? 0.05 * (*high - *low) : *high == 0 ? 1 : 0.05 * fabs(*high);
	if (isnan(b->panel[p].from))
		*low -= 0.05 * (*high - *low);
	*cut = *cut || fmin(least, bottom) < *low || fmax(most, top) > *high;
}

/* Diverged trials of an arm with at least two values, between which a line can be seen. */
static int shown(const struct ebb_bands *b, int a)
{
	const struct ebb_curve *lost;
	int j, p, best = 0;
	int64_t r, any;

	for (p = 0; p < b->n_panels; p++) {
		int n = 0;

		for (j = 0; j < at(b, p, a)->n_diverged; j++) {
			lost = &at(b, p, a)->diverged[j];
			for (r = 0, any = 0; r < lost->n; r++)
				any += isfinite(lost->y[r]);
			n += any > 1;
		}
		best = n > best ? n : best;
	}
	return best;
}

static void say_missing(const struct ebb_bands *b, const struct cast *c, struct ebb_buf *text)
{
	int a, i, p, diverged = 0, dotted = 0, unfinished = 0, silent = 0;
	const char *name = NULL;

	for (a = 0; a < b->n_arms; a++) {
		int lost = 0, waiting = 0;

		for (p = 0; p < b->n_panels; p++) {
			lost = at(b, p, a)->n_diverged > lost ? at(b, p, a)->n_diverged : lost;
			waiting = at(b, p, a)->n_unfinished > waiting ? at(b, p, a)->n_unfinished
								      : waiting;
		}
		diverged += lost;
		unfinished += waiting;
		for (i = 0; i < c->n && c->arm[i] != a; i++)
			;
		if (i < c->n)
			dotted += shown(b, a);
		if (i == c->n && b->difference == NULL) {
			silent++;
			name = at(b, 0, a)->label;
		}
	}
	if (c->look == FAN)
		dotted = 0;
	if (dotted > 0)
		ebb_buf_printf(text, "; %d trial%s that ended early dotted, outside mean and band",
			       dotted, dotted == 1 ? "" : "s");
	if (diverged > dotted)
		ebb_buf_printf(text, "; %d %strial%s%s left out", diverged - dotted,
			       dotted > 0 ? "more " : "", diverged - dotted == 1 ? "" : "s",
			       dotted > 0 ? "" : " that ended early");
	if (unfinished > 0)
		ebb_buf_printf(text, "; %d trial%s not finished", unfinished,
			       unfinished == 1 ? "" : "s");
	if (silent == 1 && name != NULL)
		ebb_buf_printf(text, "; no values for %s", name);
	else if (silent > 0)
		ebb_buf_printf(text, "; no values for %d arms", silent);
}

static const char *band_words(const struct ebb_bands *b, const struct cast *c)
{
	int i, p, bootstrap = 0, t = 0;
	const struct ebb_series *s;

	for (p = 0; p < b->n_panels; p++)
		for (i = 0; i < c->n; i++) {
			s = at(b, p, c->arm[i]);
			bootstrap += s->n_seeds >= EBB_BAND_SEEDS && s->band == EBB_BAND_BOOTSTRAP;
			t += s->n_seeds >= EBB_BAND_SEEDS && s->band == EBB_BAND_T;
		}
	return bootstrap == 0 ? "95 % t interval"
	       : t == 0       ? "95 % bootstrap interval (seeds, then questions)"
			      : "95 % interval (bootstrap over seeds, then questions; else t)";
}

/* What lines and bands are, and of how many seeds. */
static void say_seeds(const struct ebb_bands *b, const struct cast *c, struct ebb_buf *text)
{
	const char *thin = has_hairlines(c) ? ", single seeds (thin)" : "";

	if (c->look == FAN)
		ebb_buf_printf(text,
			       "each line the mean of one arm over its %sseeds, coloured by %s; no "
			       "bands",
			       c->all_same_n > 0 ? "" : "finished ", b->key);
	else if (c->all_same_n == 1)
		ebb_buf_puts(text, "1 seed, no band");
	else if (c->all_same_n > 1 && c->all_same_n < EBB_BAND_SEEDS)
		ebb_buf_printf(text, "mean of %d seeds, each thin line a seed; no band below %d",
			       c->all_same_n, EBB_BAND_SEEDS);
	else if (c->all_same_n > 1)
		ebb_buf_printf(text, "mean and %s over N = %d seeds (band)%s", band_words(b, c),
			       c->all_same_n, thin);
	else
		ebb_buf_printf(text,
			       "mean and %s over n seeds (band, n beside each name; none for n < "
			       "%d)%s",
			       band_words(b, c), EBB_BAND_SEEDS, thin);
}

static void put_caption(struct ebb_drawing *d, const struct ebb_bands *b, const struct cast *c,
			bool cut)
{
	struct ebb_buf text = EBB_BUF_INIT;
	const char *unit = at(b, 0, c->arm[0])->unit;
	int i, p, window = 1;
	bool resampled = false;
	enum ebb_scale scale = EBB_SCALE_STEP;

	for (p = 0; p < b->n_panels; p++)
		for (i = 0; i < c->n; i++) {
			window = at(b, p, c->arm[i])->window > window ? at(b, p, c->arm[i])->window
								      : window;
			resampled = resampled || at(b, p, c->arm[i])->resampled;
			scale = at(b, p, c->arm[i])->scale;
		}
	ebb_caption_arms(&text, c->n, unit);
	if (b->difference != NULL)
		ebb_buf_printf(&text, "%s; ", b->difference);
	say_seeds(b, c, &text);
	if (window > 1)
		ebb_buf_printf(&text, "; a point averages up to %d consecutive rows", window);
	if (resampled)
		ebb_buf_printf(&text, "; seeds interpolated linearly onto common %s",
			       ebb_scale_name(scale));
	if (cut)
		ebb_buf_puts(&text, has_hairlines(c) ? "; bands and seeds cut at the frame"
						     : "; bands cut at the frame");
	say_missing(b, c, &text);
	ebb_drawing_caption(d, text.data);
	ebb_buf_release(&text);
}

static void put_series(struct ebb_drawing *d, const struct ebb_series *s, const char *mean,
		       const char *seeds, double unit)
{
	double row[5];
	int64_t r;
	int i;

	ebb_drawing_block(d, mean);
	for (r = 0; r < s->n_rows; r++) {
		row[0] = s->x[r] / unit;
		row[1] = s->mean[r];
		row[2] = ebb_band_is(s, r) ? s->low[r] : s->mean[r];
		row[3] = ebb_band_is(s, r) ? s->high[r] : s->mean[r];
		row[4] = s->n[r];
		ebb_drawing_row(d, 5, row);
	}
	if (s->n_rows == 0)
		ebb_drawing_row(d, 5, (double[]){NAN, NAN, NAN, NAN, NAN});
	ebb_drawing_end(d);
	ebb_drawing_block(d, seeds);
	for (i = 0; i < s->n_seeds; i++) {
		for (r = 0; r < s->n_rows; r++) {
			row[0] = s->x[r] / unit;
			row[1] = s->value[i * s->n_rows + r];
			ebb_drawing_row(d, 2, row);
		}
		ebb_drawing_gap(d);
	}
	if (s->n_rows == 0)
		ebb_drawing_row(d, 2, (double[]){NAN, NAN});
	ebb_drawing_end(d);
}

static void csv_row(struct ebb_buf *csv, const char *metric, const struct ebb_series *s,
		    const char *kind, const char *seed, double x, double value, double low,
		    double high, int n)
{
	ebb_csv_text(csv, metric);
	ebb_csv_text(csv, s->label);
	ebb_csv_text(csv, kind);
	ebb_csv_text(csv, seed);
	ebb_csv_text(csv, ebb_scale_name(s->scale));
	ebb_csv_number(csv, x);
	ebb_csv_number(csv, value);
	ebb_csv_number(csv, low);
	ebb_csv_number(csv, high);
	ebb_csv_number(csv, n);
	ebb_csv_end(csv);
}

static void csv_series(struct ebb_buf *csv, const char *metric, const struct ebb_series *s)
{
	const struct ebb_curve *lost;
	char seed[24];
	int64_t r;
	int i;

	for (r = 0; r < s->n_rows; r++)
		csv_row(csv, metric, s, "mean", "", s->x[r], s->mean[r], s->low[r], s->high[r],
			s->n[r]);
	for (i = 0; i < s->n_seeds; i++) {
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed[i]);
		for (r = 0; r < s->n_rows; r++)
			csv_row(csv, metric, s, "seed", seed, s->x[r], s->value[i * s->n_rows + r],
				(double)NAN, (double)NAN, 1);
	}
	for (i = 0; i < s->n_diverged; i++) {
		lost = &s->diverged[i];
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)lost->seed);
		for (r = 0; r < lost->n; r++)
			csv_row(csv, metric, s, "early", seed, lost->x[r], lost->y[r], (double)NAN,
				(double)NAN, 1);
	}
}

static void put_lost(struct ebb_drawing *d, const struct ebb_bands *b, const struct cast *c,
		     double unit)
{
	char *name[EBB_BANDS_PANELS * EBB_BANDS_FRAMES * 4];
	double style[EBB_BANDS_PANELS * EBB_BANDS_FRAMES * 4], row[2];
	double panel[EBB_BANDS_PANELS * EBB_BANDS_FRAMES * 4];
	double place[EBB_BANDS_PANELS * EBB_BANDS_FRAMES * 4];
	int i, j, n = 0, p, most = EBB_BANDS_PANELS * EBB_BANDS_FRAMES * 4;
	const struct ebb_curve *lost;
	int64_t r, any;

	for (p = 0; p < b->n_panels; p++)
		for (i = 0; i < c->n; i++)
			for (j = 0; j < at(b, p, c->arm[i])->n_diverged && n < most; j++) {
				lost = &at(b, p, c->arm[i])->diverged[j];
				for (r = 0, any = 0; r < lost->n; r++)
					any += isfinite(lost->y[r]);
				if (any == 0)
					continue;
				name[n] = ebb_xprintf("$lost%d", n + 1);
				style[n] = style_of(b, c, i);
				place[n] = i + 1;
				panel[n] = p + 1;
				ebb_drawing_block(d, name[n++] + 1);
				for (r = 0; r < lost->n; r++) {
					row[0] = lost->x[r] / unit;
					row[1] = lost->y[r];
					ebb_drawing_row(d, 2, row);
				}
				ebb_drawing_end(d);
			}
	if (n == 0) { /* gnuplot evaluates the first index even of an empty loop: one empty curve */
		name[0] = ebb_xstrdup("$lost1");
		style[0] = place[0] = panel[0] = 1;
		ebb_drawing_block(d, name[n++] + 1);
		ebb_drawing_row(d, 2, (double[]){NAN, NAN});
		ebb_drawing_end(d);
	}
	ebb_drawing_number(d, "N_LOST", n);
	ebb_drawing_strings(d, "LOST", (const char *const *)name, n);
	ebb_drawing_numbers(d, "LOST_STYLE", style, n);
	ebb_drawing_numbers(d, "LOST_PANEL", panel, n);
	ebb_drawing_numbers(d, "LOST_ARM", place, n);
	for (i = 0; i < n; i++)
		free(name[i]);
}

/* ---- small frames ---- */

static int frame_columns(const struct cast *c)
{
	return c->n <= 12 ? 4 : c->n <= 20 ? 5 : 6;
}

static int frame_rows(const struct cast *c)
{
	return (c->n + frame_columns(c) - 1) / frame_columns(c);
}

/* Letters of a title: it may reach into the gap beside its frame. */
static int frame_letters(const struct ebb_drawing *d, const struct cast *c)
{
	int columns = frame_columns(c), room = d->width - FRAME_LEFT - FRAME_RIGHT + FRAME_GAP;

	return (int)((room / columns - 10) / TITLE_CHAR);
}

static void put_arms(struct ebb_drawing *d, const struct ebb_bands *b, const struct cast *c,
		     int title_columns)
{
	const char **label = ebb_xcalloc((size_t)c->n, sizeof *label);
	double *style = ebb_xcalloc(2 * (size_t)c->n, sizeof *style), *every = style + c->n;
	const struct ebb_series *s;
	int i, longest = 0, width, lines;

	for (i = 0; i < c->n; i++) {
		s = at(b, 0, c->arm[i]);
		if (!ebb_series_any(s) && b->n_panels > 1)
			s = at(b, 1, c->arm[i]);
		label[i] = c->all_same_n > 0 ? ebb_xstrdup(s->label)
					     : ebb_xprintf("%s (n = %d)", s->label, s->n_seeds);
		width = ebb_text_width(label[i]);
		longest = width > longest ? width : longest;
		style[i] = style_of(b, c, i);
		every[i] = s->n_rows > 16 ? (double)(s->n_rows / 8) : 1.0;
	}
	if (c->look == SMALL_FRAMES) {
		lines = ebb_drawing_titles(d, "LABEL", label, c->n, title_columns);
		d->height += TITLE_LINE * (lines - 1) * frame_rows(c);
		ebb_drawing_number(d, "HEIGHT", d->height);
	} else {
		ebb_drawing_strings(d, "LABEL", label, c->n);
	}
	ebb_drawing_numbers(d, "STYLE", style, c->n);
	ebb_drawing_numbers(d, "EVERY", every, c->n);
	ebb_drawing_number(d, "KEY_CHARS", longest);
	if (c->look == ONE_FRAME && longest > KEY_BESIDE) { /* the key stands below the frame */
		d->height += KEY_LINE * c->n;
		ebb_drawing_number(d, "HEIGHT", d->height);
	}
	/* With so few seeds there is no band to look at but they. */
	ebb_drawing_number(d, "SEED_WIDTH", c->most_n < EBB_BAND_SEEDS ? 1.2 : 0.7);
	ebb_drawing_number(d, "SEED_FADE", c->most_n < EBB_BAND_SEEDS ? 90 : 150);
	ebb_drawing_number(d, "HAIRLINES", has_hairlines(c));
	ebb_drawing_number(d, "BAND_FILL", c->look == ONE_FRAME && !has_hairlines(c) ? 0.08 : 0.18);
	ebb_drawing_string(d, "SEED_NOTE",
			   c->all_same_n == 2 ? "2 seeds, each thin line a seed" : "");
	for (i = 0; i < c->n; i++)
		free((char *)label[i]);
	free(label);
	free(style);
}

static void put_blocks(struct ebb_drawing *d, const struct ebb_bands *b, const struct cast *c,
		       double unit, const double *from, const double *to)
{
	char *mean[EBB_BANDS_PANELS * EBB_BANDS_FRAMES], *band[EBB_BANDS_PANELS * EBB_BANDS_FRAMES],
		*seeds[EBB_BANDS_PANELS * EBB_BANDS_FRAMES];
	double least = from[0], most = to[0];
	int i, p, n = 0;
	bool shared = c->look == SMALL_FRAMES; /* both panels in one frame */

	for (p = 1; p < b->n_panels; p++) {
		least = fmin(least, from[p]);
		most = fmax(most, to[p]);
	}

	for (p = 0; p < b->n_panels; p++)
		for (i = 0; i < c->n; i++, n++) {
			mean[n] = ebb_xprintf("$mean%d_%d", p + 1, i + 1);
			seeds[n] = ebb_xprintf("$seeds%d_%d", p + 1, i + 1);
			band[n] = ebb_xprintf("$band%d_%d", p + 1, i + 1);
			put_series(d, at(b, p, c->arm[i]), mean[n] + 1, seeds[n] + 1, unit);
			ebb_band_series(d, band[n] + 1, at(b, p, c->arm[i]), unit,
					shared ? least : from[p], shared ? most : to[p]);
			csv_series(&d->csv, b->panel[p].metric, at(b, p, c->arm[i]));
		}
	ebb_drawing_strings(d, "MEAN", (const char *const *)mean, n);
	ebb_drawing_strings(d, "BAND", (const char *const *)band, n);
	ebb_drawing_strings(d, "SEEDS", (const char *const *)seeds, n);
	for (i = 0; i < n; i++) {
		free(mean[i]);
		free(band[i]);
		free(seeds[i]);
	}
}

/* ---- the fan ---- */

struct place {
	double value;
	int at; /* in the cast */
};

static int by_value(const void *a, const void *b)
{
	const struct place *p = a, *q = b;

	return p->value != q->value ? (p->value > q->value) - (p->value < q->value) : p->at - q->at;
}

/* Colours go by the rank of a value, so that a sweep over decades, zero included, uses them all. */
static void put_fan(struct ebb_drawing *d, const struct ebb_bands *b, const struct cast *c,
		    double unit)
{
	struct place *place = ebb_xcalloc((size_t)c->n, sizeof *place);
	double at_rank[FAN_TICKS];
	char *word[FAN_TICKS], name[16];
	const struct ebb_series *s;
	int64_t r;
	int i, p;

	for (i = 0; i < c->n; i++)
		place[i] = (struct place){b->value[c->arm[i]], i};
	qsort(place, (size_t)c->n, sizeof *place, by_value);
	for (p = 0; p < b->n_panels; p++) {
		snprintf(name, sizeof name, "fan%d", p + 1);
		ebb_drawing_block(d, name);
		for (i = 0; i < c->n; i++) {
			s = at(b, p, c->arm[place[i].at]);
			for (r = 0; r < s->n_rows; r++) {
				ebb_drawing_row(d, 3, (double[]){s->x[r] / unit, s->mean[r], i});
				csv_row(&d->csv, b->panel[p].metric, s, "mean", "", s->x[r],
					s->mean[r], s->low[r], s->high[r], s->n[r]);
			}
			ebb_drawing_gap(d);
		}
		ebb_drawing_end(d);
	}
	for (i = 0; i < FAN_TICKS; i++) {
		at_rank[i] = (double)((c->n - 1) * i / (FAN_TICKS - 1));
		word[i] = ebb_xprintf("%.3g", place[(int)at_rank[i]].value);
	}
	ebb_drawing_string(d, "KEY", b->key);
	ebb_drawing_number(d, "N_TICKS", FAN_TICKS);
	ebb_drawing_strings(d, "TICK", (const char *const *)word, FAN_TICKS);
	ebb_drawing_numbers(d, "TICK_RANK", at_rank, FAN_TICKS);
	for (i = 0; i < FAN_TICKS; i++)
		free(word[i]);
	free(place);
}

/* A frame in which no arm has a value would be an error of gnuplot's: leave it out. */
static struct ebb_bands without_empty_panels(const struct ebb_bands *b)
{
	struct ebb_bands kept = *b;
	bool any;
	int a, p;

	kept.n_panels = 0;
	for (p = 0; p < b->n_panels; p++) {
		for (a = 0, any = false; a < b->n_arms; a++)
			any = any || ebb_series_any(at(b, p, a));
		if (any)
			kept.panel[kept.n_panels++] = b->panel[p];
	}
	return kept;
}

int ebb_bands_draw(const struct ebb_bands *given, char *path[EBB_N_FILES], struct ebb_err *err)
{
	static const char *const template[] = {
		[ONE_FRAME] = "bands", [SMALL_FRAMES] = "frames", [FAN] = "fan"};
	double from[EBB_BANDS_PANELS], to[EBB_BANDS_PANELS], unit, end;
	const char *ylabel[EBB_BANDS_PANELS], *word;
	const struct ebb_bands kept = without_empty_panels(given), *b = &kept;
	struct ebb_drawing d = {0};
	struct cast c;
	char *xlabel;
	int p, rc;
	bool cut = false;

	memset(path, 0, EBB_N_FILES * sizeof *path);
	rc = choose(b, &c, err);
	if (rc != 0) {
		free(c.arm);
		return rc;
	}
	ebb_drawing_init(&d, &b->sheet, template[c.look], 1280,
			 c.look == SMALL_FRAMES ? 190 + 240 * frame_rows(&c)
			 : b->n_panels > 1      ? 1000
						: 760,
			 "metric,arm,kind,seed,axis,x,value,low,high,n");
	unit = x_unit(b, &word, &end);
	ebb_drawing_number(&d, "XMAX", end);
	xlabel = ebb_xprintf("%s%s", ebb_scale_about(at(b, 0, c.arm[0])->scale), word);
	for (p = 0; p < b->n_panels; p++) {
		y_range(b, &c, p, &from[p], &to[p], &cut);
		ylabel[p] = b->panel[p].ylabel;
	}
	ebb_drawing_string(&d, "XLABEL", xlabel);
	ebb_drawing_number(&d, "P", b->n_panels);
	ebb_drawing_number(&d, "ZERO", b->difference != NULL ? 0 : EBB_FREE);
	ebb_drawing_number(&d, "N", c.n);
	ebb_drawing_strings(&d, "YLABEL", ylabel, b->n_panels);
	ebb_drawing_numbers(&d, "YMIN", from, b->n_panels);
	ebb_drawing_numbers(&d, "YMAX", to, b->n_panels);
	put_caption(&d, b, &c, cut);
	if (c.look == FAN) {
		put_fan(&d, b, &c, unit);
	} else {
		ebb_drawing_number(&d, "COLS", frame_columns(&c));
		put_arms(&d, b, &c, frame_letters(&d, &c));
		put_blocks(&d, b, &c, unit, from, to);
		put_lost(&d, b, &c, unit);
	}
	rc = ebb_drawing_write(&d, path, err);
	free(c.arm);
	free(xlabel);
	ebb_drawing_release(&d);
	return rc;
}

/* ---- reading ---- */

static int draw(const struct ebb_request *q, char *path[EBB_N_FILES], struct ebb_err *err)
{
	const struct ebb_figure *f = q->figure;
	const struct ebb_lot *lot = q->lot;
	struct ebb_bands b = {
		.sheet = q->sheet, .n_arms = lot->n, .key = lot->key, .value = lot->value};
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
			rc = ebb_series_read(&series[p * n_arms + i], q->run, lot->arm[i],
					     f->panel[p].metric, q->choice->scale, most, err);
		for (i = 0;
		     i < n_arms && rc == 0 && strcmp(f->panel[p].metric, "eval/accuracy") == 0; i++)
			rc = ebb_series_outcome_band(&series[p * n_arms + i], q->run, lot->arm[i],
						     err);
	}
	if (rc == 0)
		rc = ebb_bands_draw(&b, path, err);
	for (i = 0; i < n_arms * EBB_BANDS_PANELS; i++)
		ebb_series_release(&series[i]);
	free(series);
	return rc;
}

static int room(const struct ebb_lot *all)
{
	return all->key != NULL ? all->n : EBB_BANDS_FRAMES;
}

const struct ebb_kind ebb_bands_kind = {
	.view = {"curve",
		 "its curves: mean and band over seeds (a metric's name alone says the same)"},
	.time = true,
	.room = room,
	.check = ebb_check_any,
	.draw = draw,
};
