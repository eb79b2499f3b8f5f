/* A snapshot for the eye: every response a small table, a column a token. */
#include "command/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "base/text.h"

#define LABEL        9  /* columns of the names of rows */
#define NUMBERS_FROM 60 /* columns from which entropies stand as numbers, too */

#define LEVELS 8
static const char *const bar_utf8[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const bar_ascii[LEVELS] = {".", ":", "-", "=", "+", "*", "#", "@"};

/* SGR parameters */
#define BOLD   "1"
#define GREEN  "32"
#define RED    "31"
#define CYAN   "36"
#define YELLOW "33"
#define PURPLE "35"

struct page {
	const struct ebb_shown *s;
	struct ebb_buf *out;
	bool colour, utf8, numbers;
	int columns; /* of the terminal */
	int cell;    /* of a token, the gap after it included */
	double top;  /* the largest entropy of the snapshot */
};

static void on(const struct page *p, const char *sgr)
{
	if (p->colour)
		ebb_buf_printf(p->out, "\033[%sm", sgr);
}

static void off(const struct page *p)
{
	if (p->colour)
		ebb_buf_puts(p->out, "\033[0m");
}

/* A token in one line: what breaks lines or drives terminals becomes a question mark. */
static char *token_text(const struct ebb_shown *s, double token)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "");
	ebb_shown_token(s, token, &b);
	ebb_text_tidy(b.data);
	for (char *c = b.data; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = '?';
	return ebb_buf_take(&b);
}

static double token_at(const struct ebb_shown *s, int i, int t)
{
	return s->token[(size_t)i * (size_t)s->width + (size_t)t];
}

static size_t cell_at(const struct ebb_shown *s, int i, int t)
{
	return (size_t)i * (size_t)s->T + (size_t)t;
}

/* Flush right in the cell, a gap after it. */
static void put_cell(const struct page *p, const char *text, const char *sgr)
{
	int gap = p->cell - 1 - ebb_text_width(text);

	ebb_buf_printf(p->out, "%*s", gap > 0 ? gap : 0, "");
	if (sgr)
		on(p, sgr);
	ebb_buf_puts(p->out, text);
	if (sgr)
		off(p);
	ebb_buf_puts(p->out, " ");
}

static void put_number(const struct page *p, double x, const char *fmt)
{
	char text[32];

	if (isnan(x))
		snprintf(text, sizeof text, "-");
	else
		snprintf(text, sizeof text, fmt, x);
	put_cell(p, text, NULL);
}

/* A label and a text broken between words. */
static void put_text(const struct page *p, const char *label, const char *sgr, const char *text)
{
	int column = ebb_text_width(label);

	on(p, sgr);
	ebb_buf_puts(p->out, label);
	off(p);
	for (const char *w = text; *w;) {
		int n = (int)strcspn(w, " "), pad = column < LABEL ? LABEL - column : 1;
		char *word = ebb_xprintf("%.*s", n, w);
		int wide = ebb_text_width(word);

		if (column > LABEL && column + 1 + wide > p->columns) {
			ebb_buf_puts(p->out, "\n");
			column = 0;
			pad = LABEL;
		}
		ebb_buf_printf(p->out, "%*s%s", pad, "", word);
		column += pad + wide;
		free(word);
		w += n;
		w += *w == ' ';
	}
	ebb_buf_puts(p->out, "\n");
}

static void row_begin(const struct page *p, const char *label)
{
	ebb_buf_printf(p->out, "    %-*s", LABEL - 4, label);
}

static void row_end(const struct page *p)
{
	while (p->out->len > 0 && p->out->data[p->out->len - 1] == ' ')
		p->out->data[--p->out->len] = 0;
	ebb_buf_puts(p->out, "\n");
}

static int level_of(const struct page *p, double h)
{
	int level = p->top > 0 ? (int)(h / p->top * LEVELS) : 0;

	return level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
}

static void put_bar(const struct page *p, double h)
{
	int level, wide = p->cell - 1 < 4 ? p->cell - 1 : 4;

	if (isnan(h)) {
		put_cell(p, "-", NULL);
		return;
	}
	level = level_of(p, h);
	ebb_buf_printf(p->out, "%*s", p->cell - 1 - wide, "");
	on(p, level < LEVELS / 3 ? CYAN : level < 2 * LEVELS / 3 ? YELLOW : PURPLE);
	for (int k = 0; k < wide; k++)
		ebb_buf_puts(p->out, (p->utf8 ? bar_utf8 : bar_ascii)[level]);
	off(p);
	ebb_buf_puts(p->out, " ");
}

static const char *clip_sign(double mark)
{
	if (isnan(mark))
		return "x";
	return mark == EBB_CLIP_LOW    ? "v"
	       : mark == EBB_CLIP_HIGH ? "^"
	       : mark == EBB_CLIP_DUAL ? "d"
				       : ".";
}

static bool advantage_varies(const struct ebb_shown *s, int i, int n)
{
	for (int t = 1; t < n; t++)
		if (s->advantage[cell_at(s, i, t)] != s->advantage[cell_at(s, i, 0)])
			return true;
	return false;
}

/* Tokens [first, end) of response i, row under row. */
static void put_rows(const struct page *p, int i, int first, int end, bool varies)
{
	const struct ebb_shown *s = p->s;
	int start = (int)s->start[i];

	row_begin(p, "token");
	for (int t = first; t < end; t++) {
		char *text = token_text(s, token_at(s, i, start + t));

		put_cell(p, text, BOLD);
		free(text);
	}
	row_end(p);
	row_begin(p, "H");
	for (int t = first; t < end; t++)
		put_bar(p, s->entropy[cell_at(s, i, t)]);
	row_end(p);
	if (p->numbers) {
		row_begin(p, "");
		for (int t = first; t < end; t++)
			put_number(p, s->entropy[cell_at(s, i, t)], "%.2f");
		row_end(p);
	}
	row_begin(p, "logp");
	for (int t = first; t < end; t++)
		put_number(p, s->logp[cell_at(s, i, t)], "%.2f");
	row_end(p);
	if (varies) {
		row_begin(p, "A");
		for (int t = first; t < end; t++)
			put_number(p, s->advantage[cell_at(s, i, t)], "%+.2f");
		row_end(p);
	}
	if (s->value) {
		row_begin(p, "V");
		for (int t = first; t < end; t++)
			put_number(p, s->value[cell_at(s, i, t)], "%+.2f");
		row_end(p);
	}
	if (!s->clip)
		return;
	row_begin(p, "clip");
	for (int t = first; t < end; t++) {
		const char *sign = clip_sign(s->clip[cell_at(s, i, t)]);

		put_cell(p, sign, strchr("v^d", sign[0]) ? YELLOW : NULL);
	}
	row_end(p);
}

static double mean_entropy(const struct ebb_shown *s, int i, int n)
{
	double sum = 0;

	for (int t = 0; t < n; t++)
		sum += s->entropy[cell_at(s, i, t)];
	return n > 0 ? sum / n : NAN;
}

/* Rows of one question that agree in all that would be printed: a collapsed policy repeats itself. */
static bool same_response(const struct ebb_shown *s, int i, int j)
{
	int n = ebb_shown_length(s, i);

	if (ebb_shown_length(s, j) != n || s->reward[i] != s->reward[j])
		return false;
	for (int t = 0; t < n; t++) {
		size_t a = cell_at(s, i, t), b = cell_at(s, j, t);

		/* not-a-number differs from itself, but not in a mark */
		if (token_at(s, i, (int)s->start[i] + t) != token_at(s, j, (int)s->start[j] + t) ||
		    s->logp[a] != s->logp[b] || s->entropy[a] != s->entropy[b] ||
		    s->advantage[a] != s->advantage[b] ||
		    (s->value && s->value[a] != s->value[b]) ||
		    (s->clip && clip_sign(s->clip[a])[0] != clip_sign(s->clip[b])[0]))
			return false;
	}
	return true;
}

static void put_response(const struct page *p, int i, int g)
{
	const struct ebb_shown *s = p->s;
	int n = ebb_shown_length(s, i), fit = (p->columns - LABEL) / p->cell;
	bool varies = advantage_varies(s, i, n);
	struct ebb_buf b = EBB_BUF_INIT;
	char label[16];

	snprintf(label, sizeof label, "  %d", g + 1);
	for (int k = 0; k < g; k++) {
		if (!same_response(s, i - g + k, i))
			continue;
		ebb_buf_printf(&b, "the same as response %d, to every number", k + 1);
		ebb_buf_puts(p->out, "\n");
		put_text(p, label, BOLD, b.data);
		ebb_buf_release(&b);
		return;
	}
	fit = fit > 0 ? fit : 1;
	ebb_buf_printf(&b, "reward %g", s->reward[i]);
	if (!varies && n > 0)
		ebb_buf_printf(&b, ", advantage %+.3g", s->advantage[cell_at(s, i, 0)]);
	ebb_buf_printf(&b, ", %d token%s", n, n == 1 ? "" : "s");
	if (n > 0)
		ebb_buf_printf(&b, ", entropy %.3g nats a token", mean_entropy(s, i, n));
	ebb_buf_puts(p->out, "\n");
	put_text(p, label, s->reward[i] >= 0.5 ? GREEN : RED, b.data);
	ebb_buf_release(&b);
	for (int t = 0; t < n; t += fit) {
		if (t > 0)
			ebb_buf_puts(p->out, "\n");
		put_rows(p, i, t, t + fit < n ? t + fit : n, varies);
	}
}

static void put_question(const struct page *p, int q)
{
	const struct ebb_shown *s = p->s;
	struct ebb_buf b = EBB_BUF_INIT;
	int first = q * s->G;
	double reward = 0;
	char label[32];

	snprintf(label, sizeof label, "question %d:", q + 1);
	for (int t = 0; t < (int)s->start[first]; t++) {
		char *text = token_text(s, token_at(s, first, t));

		ebb_buf_puts(&b, text);
		free(text);
	}
	for (int g = 0; g < s->G; g++)
		reward += s->reward[first + g];
	ebb_buf_printf(&b, "  mean reward %.3g of %d responses", reward / s->G, s->G);
	ebb_buf_puts(p->out, "\n");
	put_text(p, label, BOLD, b.data);
	ebb_buf_release(&b);
	for (int g = 0; g < s->G; g++)
		put_response(p, first + g, g);
}

/* Room for the widest thing that stands in a cell of the questions shown. */
static void measure(struct page *p, int n_questions)
{
	const struct ebb_shown *s = p->s;
	char text[32];

	p->cell = 6; /* "-0.12 " */
	for (int i = 0; i < n_questions * s->G; i++) {
		int start = (int)s->start[i], n = ebb_shown_length(s, i);

		for (int t = 0; t < n; t++) {
			char *word = token_text(s, token_at(s, i, start + t));
			int wide = ebb_text_width(word), number;

			number = snprintf(text, sizeof text, "%.2f", s->logp[cell_at(s, i, t)]);
			wide = number > wide ? number : wide;
			p->cell = wide + 1 > p->cell ? wide + 1 : p->cell;
			free(word);
		}
	}
	p->top = 0;
	for (int c = 0; c < s->R * s->T; c++)
		if (s->entropy[c] > p->top)
			p->top = s->entropy[c];
}

static void put_head(const struct page *p, int n)
{
	const struct ebb_shown *s = p->s;
	const struct ebb_run *run = s->run;
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_printf(&b, "%s, seed %" PRIu64, run->arm[s->arm].label, run->seed[s->seed]);
	ebb_text_tidy(b.data);
	put_text(p, "arm", BOLD, b.data);
	put_text(p, "trial", BOLD, run->trial[s->arm * run->n_seeds + s->seed]);
	ebb_buf_reset(&b);
	ebb_buf_printf(&b, "%" PRId64 "; kept:", s->step);
	for (int k = 0; k < s->n_steps; k++)
		ebb_buf_printf(&b, " %.0f", s->steps[k]);
	put_text(p, "step", BOLD, b.data);
	ebb_buf_reset(&b);
	ebb_buf_printf(&b, "%s; questions 1 to %d of %d, %d responses each%s", s->task->rows.name,
		       n, ebb_shown_questions(s), s->G,
		       n < ebb_shown_questions(s) ? " (--n 0 shows all)" : "");
	put_text(p, "task", BOLD, b.data);
	ebb_buf_release(&b);
}

static void put_legend(const struct page *p)
{
	const char *const *bar = p->utf8 ? bar_utf8 : bar_ascii;
	char *text =
		ebb_xprintf("entropy of the distribution the token was drawn from, nats; %s is "
			    "0, %s is %.3g, the largest of this snapshot",
			    bar[0], bar[LEVELS - 1], p->top);

	ebb_buf_puts(p->out, "\n");
	put_text(p, "H", BOLD, text);
	free(text);
	put_text(p, "logp", BOLD, "log-probability of the token, nats");
	put_text(p, "A", BOLD,
		 "advantage; beside the reward where all tokens of a response have the same");
	if (p->s->value)
		put_text(p, "V", BOLD,
			 "the critic's value of the state the token was drawn from, before the "
			 "step's updates");
	put_text(p, "clip", BOLD,
		 p->s->clip
			 ? ". passed, v cut at the lower limit, ^ at the upper, d at the dual; x "
			   "not trained on; in the last update of the step that used the token"
			 : "not recorded by the version that made this run");
}

void ebb_show_text(const struct ebb_shown *s, int n, int columns, bool colour, struct ebb_buf *out)
{
	struct page p = {.s = s,
			 .out = out,
			 .colour = colour,
			 .utf8 = ebb_text_utf8(),
			 .columns = columns < 24 ? 24 : columns,
			 .numbers = columns >= NUMBERS_FROM};

	measure(&p, n);
	put_head(&p, n);
	for (int q = 0; q < n; q++)
		put_question(&p, q);
	if (n == 0)
		ebb_buf_puts(out,
			     "\nno question was trained on at this step: dynamic sampling kept "
			     "none\n");
	put_legend(&p);
}
