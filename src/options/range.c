/*
 * Ranges of values, spread out into texts:
 *
 *   2..5                                  whole numbers, both ends included
 *   log:1e-4..1e-1:5      {log: [1e-4, 1e-1], n: 5}       equal factors
 *   linear:0..1:5         {linear: [0, 1], n: 5}          equal steps
 *                         {linear: [0, 1], step: 0.25}
 *
 * The ends are the numbers as given. Between them values have 12 significant digits, where these
 * tell neighbours apart: 0.3 and not 0.30000000000000004, and the same text, thus the same trial,
 * whatever the last digits of the machine's pow().
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

#define DIGITS     12
#define ALL_DIGITS 17   /* every double is told apart                               */
#define WHOLE_MAX  1e15 /* whole numbers beyond this would need care in a double    */
#define SLACK      1e-9 /* of a step: how far a multiple of it may miss the end     */

struct spread {
	bool log;
	double low, high;
	int n;
};

static void add_text(struct ebb_texts *t, char *text, struct ebb_mark at)
{
	if (t->n == t->capacity) {
		t->capacity = t->capacity ? 2 * t->capacity : 8;
		t->text = ebb_xrealloc(t->text, (size_t)t->capacity, sizeof *t->text);
		t->at = ebb_xrealloc(t->at, (size_t)t->capacity, sizeof *t->at);
	}
	t->text[t->n] = text;
	t->at[t->n++] = at;
}

void ebb_texts_release(struct ebb_texts *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->text[i]);
	free(t->text);
	free(t->at);
	memset(t, 0, sizeof *t);
}

static bool is_number(const char *key, const struct ebb_option *row)
{
	return row ? row->type == EBB_TYPE_INT || row->type == EBB_TYPE_F64
		   : strcmp(key, "beta") == 0;
}

static bool is_whole(const char *key, const struct ebb_option *row)
{
	return row && row->type == EBB_TYPE_INT;
}

/* "log:" or "linear:" */
static bool has_word(const char *text)
{
	return strncmp(text, "log:", 4) == 0 || strncmp(text, "linear:", 7) == 0;
}

bool ebb_range_is(const char *key, const struct ebb_option *row, const char *text)
{
	return is_number(key, row) && (has_word(text) || strstr(text, ".."));
}

/* Room for n more values? Said once an axis. */
static bool has_room(struct ebb_draft *d, struct ebb_texts *t, const char *key, double n,
		     struct ebb_mark at)
{
	if (t->n + n <= EBB_VALUES_MAX)
		return true;
	if (!t->broken)
		ebb_draft_error(d, at, "'%s' has more than %d values", key, EBB_VALUES_MAX);
	t->broken = true;
	return false;
}

static bool fail(struct ebb_texts *t)
{
	t->broken = true;
	return false;
}

/* The ends must be values of the option: then so is all that lies between them. */
static bool check_ends(struct ebb_draft *d, struct ebb_texts *t, const char *key,
		       const struct ebb_option *row, const char *const end[2],
		       const struct ebb_mark at[2], double x[2])
{
	char shown[EBB_SHOWN];

	for (int i = 0; i < 2; i++) {
		char *value = ebb_draft_value(d, key, row, end[i], at[i]);
		bool ok = value != NULL;

		free(value);
		if (!ok)
			return fail(t);
		if (!ebb_parse_f64(end[i], &x[i]) || !isfinite(x[i])) {
			ebb_draft_error(
				d, at[i],
				"a range of '%s' needs finite numbers at its ends, not '%s'", key,
				ebb_show(shown, end[i]));
			return fail(t);
		}
	}
	if (x[0] >= x[1]) {
		char other[EBB_SHOWN];

		ebb_draft_error(d, at[0], "a range of '%s' must rise: %s is not below %s", key,
				ebb_show(shown, end[0]), ebb_show(other, end[1]));
		return fail(t);
	}
	return true;
}

/* ---- log and linear ---- */

static double between(const struct spread *s, int i)
{
	double t = (double)i / (s->n - 1), x;

	if (s->log)
		return pow(10, (1 - t) * log10(s->low) + t * log10(s->high));
	x = (1 - t) * s->low + t * s->high;
	/* what is left of 0 after cancellation */
	return fabs(x) < 1e-12 * (s->high / s->n - s->low / s->n) ? 0 : x;
}

/* Value i with so many significant digits; the ends keep theirs. */
static double value_of(const struct spread *s, int i, int digits)
{
	char text[40];

	if (i == 0 || i == s->n - 1)
		return i ? s->high : s->low;
	snprintf(text, sizeof text, "%.*g", digits, between(s, i));
	return strtod(text, NULL);
}

static bool rises(const struct spread *s, int digits)
{
	for (int i = 1; i < s->n; i++)
		if (value_of(s, i, digits) <= value_of(s, i - 1, digits))
			return false;
	return true;
}

static char *number_text(double x)
{
	struct ebb_buf out = EBB_BUF_INIT;

	ebb_buf_double(&out, x + 0.0); /* -0 is 0 */
	return ebb_buf_take(&out);
}

static void add_spread(struct ebb_draft *d, struct ebb_texts *t, const char *key,
		       const struct ebb_option *row, const struct spread *s, struct ebb_mark at)
{
	bool whole = is_whole(key, row);
	int digits = rises(s, DIGITS) ? DIGITS : ALL_DIGITS;

	if (!has_room(d, t, key, s->n, at))
		return;
	if (!whole && digits == ALL_DIGITS && !rises(s, ALL_DIGITS)) {
		ebb_draft_error(d, at, "%d values of '%s' do not fit between ends so close", s->n,
				key);
		fail(t);
		return;
	}
	for (int i = 0; whole && i + 1 < s->n; i++) {
		double x = nearbyint(value_of(s, i, ALL_DIGITS));

		if (nearbyint(value_of(s, i + 1, ALL_DIGITS)) != x)
			continue;
		ebb_draft_error(d, at,
				"'%s' takes whole numbers, and rounded to them the range holds "
				"%.0f twice: take an n below %d",
				key, x, s->n);
		fail(t);
		return;
	}
	for (int i = 0; i < s->n; i++) {
		double x = value_of(s, i, whole ? ALL_DIGITS : digits);

		add_text(t, whole ? ebb_xprintf("%.0f", nearbyint(x)) : number_text(x), at);
	}
}

static bool log_ends_fit(struct ebb_draft *d, struct ebb_texts *t, const char *key, double low,
			 struct ebb_mark at)
{
	if (low > 0)
		return true;
	ebb_draft_error(d, at,
			"a log range of '%s' needs ends above 0: list 0 beside it, like "
			"[0, {log: [1e-4, 1e-1], n: 4}]",
			key);
	return fail(t);
}

static bool parse_n(struct ebb_draft *d, struct ebb_texts *t, const char *key, const char *text,
		    struct ebb_mark at, int *n)
{
	char shown[EBB_SHOWN];
	uint64_t value;

	if (ebb_parse_u64(text, &value) && value >= 2 && value <= EBB_VALUES_MAX) {
		*n = (int)value;
		return true;
	}
	ebb_draft_error(d, at, "n of a range of '%s' must be a whole number in [2,%d], not '%s'",
			key, EBB_VALUES_MAX, ebb_show(shown, text));
	return fail(t);
}

/* ---- texts ---- */

/* Whole numbers a..b. */
static void add_whole(struct ebb_draft *d, struct ebb_texts *t, const char *key,
		      const struct ebb_option *row, const char *const end[2], struct ebb_mark at)
{
	const struct ebb_mark both[2] = {at, at};
	char shown[2][EBB_SHOWN];
	double x[2];

	for (int i = 0; i < 2; i++)
		if (!ebb_parse_f64(end[i], &x[i]) || x[i] != nearbyint(x[i]) ||
		    fabs(x[i]) > WHOLE_MAX) {
			ebb_draft_error(d, at,
					"'%s..%s' of '%s' needs a whole number on both sides: for "
					"others write {linear: [a, b], n: 5}",
					ebb_show(shown[0], end[0]), ebb_show(shown[1], end[1]),
					key);
			fail(t);
			return;
		}
	if (x[0] == x[1]) { /* one value, as in 7..7 of seeds */
		add_text(t, ebb_xstrdup(end[0]), at);
		return;
	}
	if (!check_ends(d, t, key, row, end, both, x) || !has_room(d, t, key, x[1] - x[0] + 1, at))
		return;
	for (double v = x[0]; v <= x[1]; v++)
		add_text(t, ebb_xprintf("%.0f", v), at);
}

/* Cut "a..b" of text in two; false where it has no dots. */
static bool cut(char *text, const char *end[2])
{
	char *dots = strstr(text, "..");

	if (!dots)
		return false;
	*dots = 0;
	end[0] = text;
	end[1] = dots + 2;
	return true;
}

/* "log:a..b:n" and "linear:a..b:n" */
static void add_worded(struct ebb_draft *d, struct ebb_texts *t, const char *key,
		       const struct ebb_option *row, const char *text, struct ebb_mark at)
{
	const struct ebb_mark both[2] = {at, at};
	struct spread s = {.log = text[1] == 'o'};
	char *copy = ebb_xstrdup(strchr(text, ':') + 1), *colon = strrchr(copy, ':');
	char shown[EBB_SHOWN];
	const char *end[2];
	double x[2];

	if (colon)
		*colon = 0;
	if (!colon || !cut(copy, end)) {
		ebb_draft_error(d, at, "'%s' of '%s' is not of the form %s:LOW..HIGH:COUNT",
				ebb_show(shown, text), key, s.log ? "log" : "linear");
		fail(t);
	} else if (check_ends(d, t, key, row, end, both, x) &&
		   (!s.log || log_ends_fit(d, t, key, x[0], at)) &&
		   parse_n(d, t, key, colon + 1, at, &s.n)) {
		s.low = x[0];
		s.high = x[1];
		add_spread(d, t, key, row, &s, at);
	}
	free(copy);
}

void ebb_range_add(struct ebb_draft *d, struct ebb_texts *t, const char *key,
		   const struct ebb_option *row, const char *text, struct ebb_mark at)
{
	const char *end[2];
	char *copy;

	if (!ebb_range_is(key, row, text)) {
		if (has_room(d, t, key, 1, at))
			add_text(t, ebb_xstrdup(text), at);
		return;
	}
	if (has_word(text)) {
		add_worded(d, t, key, row, text, at);
		return;
	}
	copy = ebb_xstrdup(text);
	if (cut(copy, end))
		add_whole(d, t, key, row, end, at);
	free(copy);
}

/* ---- mappings ---- */

struct entries { /* of a mapping, null where they are not given */
	const yaml_node_t *ends, *n, *step;
	bool log;
};

static bool read_entries(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			 const yaml_node_t *map, struct entries *e)
{
	static const char *const word[] = {"log", "linear", "n", "step"};
	struct ebb_mark mark = ebb_node_mark(d, map);
	const yaml_node_t *value[4] = {NULL};
	char shown[EBB_SHOWN];
	bool ok = true;

	for (int i = 0; i < ebb_node_entries(map); i++) {
		const char *text = ebb_node_key(d, doc, map, i);
		struct ebb_near near;
		int w = 0;

		if (!text) {
			ok = false;
			continue;
		}
		ebb_near_init(&near, text);
		for (w = 0; w < 4 && strcmp(word[w], text) != 0; w++)
			ebb_near_offer(&near, word[w]);
		if (w < 4) {
			value[w] = ebb_node_value(doc, map, i);
			continue;
		}
		ebb_show(shown, text);
		if (near.best)
			ebb_draft_error(d, ebb_node_key_mark(d, doc, map, i),
					"a range of '%s' has no '%s': did you mean '%s'?", key,
					shown, near.best);
		else
			ebb_draft_error(d, ebb_node_key_mark(d, doc, map, i),
					"a range of '%s' has no '%s': it is {log: [a, b], n: 5} or "
					"{linear: [a, b], n: 5}",
					key, shown);
		ok = false;
	}
	if (!ok)
		return false;
	*e = (struct entries){value[0] ? value[0] : value[1], value[2], value[3], value[0] != NULL};
	if (!value[0] == !value[1])
		ebb_draft_error(d, mark, "a range of '%s' needs log or linear, one of them", key);
	else if (e->log && e->step)
		ebb_draft_error(d, ebb_node_mark(d, e->step),
				"step goes with linear: give a log range of '%s' its n", key);
	else if (!e->n == !e->step)
		ebb_draft_error(d, mark, "a range of '%s' needs n%s", key,
				e->log ? "" : " or step, one of them");
	else
		return true;
	return false;
}

/* The number of values from low to high by a step that must end there. */
static bool count_steps(struct ebb_draft *d, const char *key, double low, double high,
			const char *text, struct ebb_mark at, int *n)
{
	char shown[EBB_SHOWN];
	double step, steps;

	if (!ebb_parse_f64(text, &step) || !(step > 0) || !isfinite(step)) {
		ebb_draft_error(d, at, "step of a range of '%s' must be a number above 0, not '%s'",
				key, ebb_show(shown, text));
		return false;
	}
	steps = (high - low) / step;
	if (steps > EBB_VALUES_MAX - 1) {
		ebb_draft_error(d, at, "'%s' has more than %d values", key, EBB_VALUES_MAX);
		return false;
	}
	if (fabs(steps - nearbyint(steps)) > SLACK * fmax(steps, 1) || nearbyint(steps) < 1) {
		ebb_draft_error(d, at,
				"steps of %s do not end at %.12g: the last value of '%s' would be "
				"%.12g",
				ebb_show(shown, text), high, key, low + floor(steps) * step);
		return false;
	}
	*n = (int)nearbyint(steps) + 1;
	return true;
}

void ebb_range_read(struct ebb_draft *d, yaml_document_t *doc, struct ebb_texts *t, const char *key,
		    const struct ebb_option *row, const yaml_node_t *map)
{
	struct ebb_mark mark = ebb_node_mark(d, map), at[2];
	const yaml_node_t *node[2] = {NULL};
	const char *end[2], *text;
	struct entries e;
	struct spread s;
	double x[2];
	bool ok;

	if (!is_number(key, row)) {
		ebb_draft_error(d, mark, "'%s' is no number: list its values", key);
		fail(t);
		return;
	}
	if (!read_entries(d, doc, key, map, &e)) {
		fail(t);
		return;
	}
	if (e.ends->type == YAML_SEQUENCE_NODE &&
	    e.ends->data.sequence.items.top - e.ends->data.sequence.items.start == 2)
		for (int i = 0; i < 2; i++)
			node[i] = yaml_document_get_node(doc, e.ends->data.sequence.items.start[i]);
	if (!node[0]) {
		ebb_draft_error(d, ebb_node_mark(d, e.ends),
				"a range of '%s' needs its two ends, like [1e-4, 1e-1]", key);
		fail(t);
		return;
	}
	for (int i = 0; i < 2; i++) {
		at[i] = ebb_node_mark(d, node[i]);
		end[i] = ebb_node_scalar(d, node[i], "an end of a range");
		if (!end[i])
			fail(t);
	}
	if (!end[0] || !end[1] || !check_ends(d, t, key, row, end, at, x) ||
	    (e.log && !log_ends_fit(d, t, key, x[0], at[0])))
		return;
	s = (struct spread){.log = e.log, .low = x[0], .high = x[1]};
	text = ebb_node_scalar(d, e.n ? e.n : e.step, e.n ? "n" : "step");
	if (!text)
		ok = false;
	else if (e.n)
		ok = parse_n(d, t, key, text, ebb_node_mark(d, e.n), &s.n);
	else
		ok = count_steps(d, key, x[0], x[1], text, ebb_node_mark(d, e.step), &s.n);
	if (ok)
		add_spread(d, t, key, row, &s, mark);
	else
		fail(t);
}
