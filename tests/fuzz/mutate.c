/*
 * Mutations. Bytes: flips, insertions, removals, copies, splices, numbers of awkward size. Text:
 * the same with tokens and lines, with words of a dictionary, brackets many deep, and repetitions
 * that reach the limits of counts. One draw a statement: compilers order arguments as they like, and
 * a run must come back with any of them.
 */
#include <ctype.h>
#include <string.h>
#include "base/rng.h"
#include "fuzz.h"

struct work {
	struct ebb_rng *r;
	uint8_t *data;
	size_t n, room;
	const struct fuzz_bytes *other;
	const struct fuzz_list *words;
};

struct span {
	size_t at, n;
};

static size_t below(struct work *w, size_t n)
{
	return n ? ebb_rng_below(w->r, (uint32_t)n) : 0;
}

/* Put n bytes in the place of a span; nothing happens where they do not fit. from may not lie in
 * the data. */
static void replace(struct work *w, struct span s, const void *from, size_t n)
{
	if (s.at > w->n || s.n > w->n - s.at || w->n - s.n + n > w->room)
		return;
	memmove(w->data + s.at + n, w->data + s.at + s.n, w->n - s.at - s.n);
	if (n)
		memcpy(w->data + s.at, from, n);
	w->n = w->n - s.n + n;
}

/* times copies of a span, put at `to`. */
static void repeat(struct work *w, struct span s, size_t to, size_t times)
{
	uint8_t piece[1024];

	if (s.n > sizeof piece)
		s.n = sizeof piece;
	memcpy(piece, w->data + s.at, s.n);
	while (times-- > 0)
		replace(w, (struct span){to, 0}, piece, s.n);
}

/* Mostly small, sometimes large. */
static size_t some(struct work *w)
{
	static const uint16_t most[] = {2, 8, 32, 600};

	return 1 + below(w, most[below(w, 4)]);
}

/* ---- bytes ---- */

static struct span any_span(struct work *w)
{
	struct span s = {below(w, w->n), 0};

	s.n = some(w);
	if (s.n > w->n - s.at)
		s.n = w->n - s.at;
	return s;
}

static void splice(struct work *w)
{
	size_t at = below(w, w->other->n), n = some(w), to;

	if (n > w->other->n - at)
		n = w->other->n - at;
	to = below(w, w->n + 1);
	replace(w, (struct span){to, 0}, w->other->data + at, n);
}

/* A number where a count or a size may stand, little-endian. */
static void awkward_number(struct work *w)
{
	static const uint64_t value[] = {0,
					 1,
					 0x7f,
					 0x80,
					 0xff,
					 0x7fff,
					 0xffff,
					 0x7fffffff,
					 0x80000000,
					 0xffffffff,
					 0x7fffffffffffffff,
					 UINT64_MAX};
	uint64_t x = value[below(w, sizeof value / sizeof *value)];
	size_t bytes = (size_t)1 << below(w, 4), at;

	if (w->n < bytes)
		return;
	at = below(w, w->n - bytes + 1);
	for (size_t i = 0; i < bytes; i++)
		w->data[at + i] = (uint8_t)(x >> 8 * i);
}

static void change_bytes(struct work *w)
{
	uint8_t byte = (uint8_t)below(w, 256);
	size_t at = below(w, w->n + 1), bit;
	struct span s;

	switch (below(w, 8)) {
	case 0:
	case 1:
		bit = below(w, 8);
		if (at < w->n)
			w->data[at] ^= (uint8_t)(1u << bit);
		return;
	case 2:
		replace(w, (struct span){at, 0}, &byte, 1);
		return;
	case 3:
		replace(w, any_span(w), &byte, 0);
		return;
	case 4:
		s = any_span(w);
		repeat(w, s, at, 1);
		return;
	case 5:
		splice(w);
		return;
	case 6:
		awkward_number(w);
		return;
	case 7:
		if (at < w->n)
			w->data[at] = byte;
		else /* rarely, and then all behind some place */
			w->n = below(w, w->n + 1);
		return;
	}
}

/* ---- text ---- */

static bool in_word(uint8_t c)
{
	return isalnum(c) || c == '_' || c == '.' || c == '-' || c == '+';
}

/* The token around a place: a word or number, a run of one kind of blank, or one mark. */
static struct span token_at(const struct work *w, size_t at)
{
	size_t end = at;
	uint8_t c;

	if (w->n == 0)
		return (struct span){0, 0};
	c = w->data[at];
	if (in_word(c)) {
		while (at > 0 && in_word(w->data[at - 1]))
			at--;
		while (end < w->n && in_word(w->data[end]))
			end++;
	} else if (c == ' ') {
		while (at > 0 && w->data[at - 1] == ' ')
			at--;
		while (end < w->n && w->data[end] == ' ')
			end++;
	} else {
		end++;
	}
	return (struct span){at, end - at};
}

static struct span any_token(struct work *w)
{
	return token_at(w, below(w, w->n));
}

static struct span any_line(struct work *w)
{
	size_t at = below(w, w->n), end = at;

	while (at > 0 && w->data[at - 1] != '\n')
		at--;
	while (end < w->n && w->data[end] != '\n')
		end++;
	return (struct span){at, end + (end < w->n) - at};
}

static void put_word(struct work *w, struct span s)
{
	static const char *const nasty[] = {"0",
					    "-1",
					    "1e308",
					    "1e-320",
					    "inf",
					    "-inf",
					    "nan",
					    ".nan",
					    "~",
					    "null",
					    "true",
					    "\"\"",
					    "''",
					    "[]",
					    "{}",
					    "<<",
					    "0x10",
					    "1_000",
					    "0.1e",
					    "1..9",
					    "9..1",
					    "0..18446744073709551615",
					    "&a",
					    "*a",
					    "!!str",
					    "---",
					    "...",
					    "? ",
					    "|\n",
					    ">-\n",
					    "%TAG",
					    "- ",
					    ": ",
					    ", ",
					    "# ",
					    "\t",
					    "\r\n",
					    "\xc2\x85",
					    "\xe2\x80\xa8",
					    "\xef\xbb\xbf",
					    "\xed\xa0\x80",
					    "\x1b[31m",
					    "\xc2\x9b",
					    "9223372036854775808",
					    "18446744073709551616",
					    "99999999999999999999999999",
					    "0.1000000000000000055511151231257827",
					    "65537",
					    "4097",
					    "\\u0000",
					    "\\ud800"};
	size_t k = below(w, (size_t)(w->words->n + 40));

	if (k < (size_t)w->words->n)
		replace(w, s, w->words->at[k].data, w->words->at[k].n);
	else {
		const char *word = nasty[below(w, sizeof nasty / sizeof *nasty)];

		replace(w, s, word, strlen(word));
	}
}

static void change_number(struct work *w)
{
	struct span s = {0, 0};
	char text[64];
	size_t value;

	for (int tries = 0; tries < 8; tries++) {
		s = any_token(w);
		if (s.n && isdigit(w->data[s.at]))
			break;
	}
	if (s.n == 0 || !isdigit(w->data[s.at]))
		return;
	value = (size_t)1 << below(w, 64);
	if (below(w, 2))
		snprintf(text, sizeof text, "%zu", value);
	else
		snprintf(text, sizeof text, "-%zu.5e%zu", value, below(w, 400));
	replace(w, s, text, strlen(text));
}

static void wrap(struct work *w, struct span s, size_t deep)
{
	static const char *const pair[] = {"[]", "{}", "\"\"", "''", "- ", "? "};
	const char *p = pair[below(w, sizeof pair / sizeof *pair)];

	while (deep-- > 0) {
		replace(w, (struct span){s.at, 0}, p, 1);
		replace(w, (struct span){s.at + s.n + 1, 0}, p + 1, 1);
		s.n += 2;
		if (s.at + s.n > w->n)
			return;
	}
}

static void swap_tokens(struct work *w)
{
	struct span a = any_token(w), b = any_token(w);
	uint8_t keep[256];

	if (b.at < a.at) {
		struct span c = a;

		a = b;
		b = c;
	}
	if (a.n > sizeof keep || b.n > sizeof keep || a.at + a.n > b.at)
		return;
	memcpy(keep, w->data + b.at, b.n);
	repeat(w, a, b.at + b.n, 1);
	replace(w, b, keep, 0);
	replace(w, a, keep, b.n);
}

static void change_text(struct work *w)
{
	static const uint8_t blanks[] = "                ";
	size_t at = below(w, w->n + 1), times = some(w);
	struct span s, to;

	switch (below(w, 11)) {
	case 0:
		replace(w, any_token(w), blanks, 0);
		return;
	case 1:
		s = any_token(w);
		repeat(w, s, at, 1);
		return;
	case 2:
		swap_tokens(w);
		return;
	case 3:
		put_word(w, any_token(w));
		return;
	case 4:
		put_word(w, (struct span){at, 0});
		return;
	case 5:
		change_number(w);
		return;
	case 6:
		replace(w, any_line(w), blanks, 0);
		return;
	case 7:
		s = any_line(w);
		repeat(w, s, s.at, times);
		return;
	case 8: /* a line moves */
		s = any_line(w);
		to = any_line(w);
		repeat(w, s, to.at, 1);
		return;
	case 9: /* another indentation */
		s = any_line(w);
		s.n = 0;
		while (s.at + s.n < w->n && w->data[s.at + s.n] == ' ')
			s.n++;
		replace(w, s, blanks, below(w, sizeof blanks - 1));
		return;
	case 10:
		s = below(w, 2) ? any_token(w) : any_line(w);
		wrap(w, s, times);
		return;
	}
}

size_t fuzz_mutate(struct ebb_rng *r, uint8_t *data, size_t n, size_t room,
		   const struct fuzz_bytes *other, const struct fuzz_list *words, bool text)
{
	struct work w = {r, data, n, room, other, words};
	size_t times = below(&w, 2) ? 1 : 1 + below(&w, 8);

	while (times-- > 0)
		if (text && below(&w, 4))
			change_text(&w);
		else
			change_bytes(&w);
	return w.n;
}
