/*
 * Conditions: when(key=value), when(key=a|b), when(key!=a|b), several terms joined by commas, all
 * of which must hold. They are judged against an arm as it is without any when, so their order
 * never matters.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

/* Cut blanks off both ends, in place. */
static char *trim(char *text)
{
	size_t n;

	while (isspace((unsigned char)*text))
		text++;
	n = strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		text[--n] = 0;
	return text;
}

/* A condition while it is read: a copy of its text, cut up. */
struct reading {
	struct ebb_draft *d;
	struct ebb_when *w;
	char *copy;
};

/* The place of a letter of the copy. */
static struct ebb_mark mark_of(const struct reading *r, const char *letter)
{
	struct ebb_mark mark = r->w->at;
	const char *end = r->w->text + strlen("when(") + (letter - r->copy);

	if (mark.line == 0)
		return r->w->mark;
	for (const char *c = r->w->text; c < end; c++)
		mark.column += ((unsigned char)*c & 0xc0) != 0x80;
	return mark;
}

static struct ebb_term *find_term(const struct ebb_when *w, const char *key)
{
	for (int i = 0; i < w->n_terms; i++)
		if (strcmp(w->term[i].key, key) == 0)
			return &w->term[i];
	return NULL;
}

bool ebb_when_mentions(const struct ebb_when *w, const char *key)
{
	return find_term(w, key) != NULL;
}

/* The values of a term, cut at '|'. */
static bool read_values(const struct reading *r, struct ebb_term *term,
			const struct ebb_option *row, char *text)
{
	bool ok = true;

	for (char *next = text; next; text = next) {
		struct ebb_mark mark;
		char *value;

		next = strchr(text, '|');
		if (next)
			*next++ = 0;
		text = trim(text);
		mark = mark_of(r, text);
		value = ebb_draft_value(r->d, term->key, row, text, mark);
		if (value)
			ebb_givens_append(&term->values, term->key, value, mark, mark,
					  r->d->source);
		ok = ok && value;
	}
	return ok;
}

/* "key=value|value" or "key!=value|value" */
static bool read_term(const struct reading *r, char *text)
{
	static const char *const words[] = {"algorithm", "beta", NULL};
	char *name = trim(text), *equals = strchr(name, '='),
	     *value = equals ? trim(equals + 1) : NULL;
	struct ebb_term term = {.unequal = equals && equals > name && equals[-1] == '!'};
	struct ebb_mark mark = mark_of(r, name);
	struct ebb_when *w = r->w;
	char key[EBB_KEY_MAX], shown[EBB_SHOWN];
	const struct ebb_option *row;

	ebb_show(shown, name);
	if (!equals || !value[0]) {
		ebb_draft_error(r->d, mark,
				"'%s' is no condition: write key=value, key!=value or key=a|b",
				shown);
		return false;
	}
	equals[term.unequal ? -1 : 0] = 0;
	name = trim(name);
	if (strcmp(name, "seed") == 0 || strcmp(name, "seeds") == 0) {
		ebb_draft_error(r->d, mark,
				"a condition cannot ask for the seed: every arm runs with all of "
				"them");
		return false;
	}
	if (!ebb_draft_key(r->d, name, mark, words, key, &row))
		return false;
	if (find_term(w, key)) {
		ebb_draft_error(r->d, mark,
				"'%s' stands twice in one condition: join values with |", key);
		return false;
	}
	term.key = ebb_xstrdup(key);
	w->term = ebb_xrealloc(w->term, (size_t)w->n_terms + 1, sizeof *w->term);
	w->term[w->n_terms] = term;
	return read_values(r, &w->term[w->n_terms++], row, value);
}

/* "when(...)" as such, without what stands in it. */
static bool is_well_formed(struct ebb_draft *d, const char *text, struct ebb_mark mark)
{
	size_t n = strlen(text);
	char shown[EBB_SHOWN];

	if (!ebb_text_is_plain(text))
		ebb_draft_error(d, mark, "'%s' must be UTF-8 without control characters",
				ebb_show(shown, text));
	else if (text[4] != '(')
		ebb_draft_error(d, mark,
				"a when needs its condition: when(algorithm=NAME): {key: value}");
	else if (text[n - 1] != ')')
		ebb_draft_error(d, mark,
				"'%s' has no closing parenthesis at its end: between { and } quote "
				"a condition that holds a comma",
				ebb_show(shown, text));
	else if (d->n_whens >= EBB_WHENS_MAX)
		ebb_draft_error(d, mark, "there are more than %d whens", EBB_WHENS_MAX);
	else
		return true;
	return false;
}

struct ebb_when *ebb_when_new(struct ebb_draft *d, const char *text, struct ebb_mark mark,
			      struct ebb_mark at)
{
	struct ebb_when w = {.mark = mark, .at = at};
	struct reading r = {.d = d, .w = &w};
	bool ok = is_well_formed(d, text, mark);
	char *part, *next;

	if (!ok)
		return NULL;
	w.text = ebb_xstrdup(text);
	r.copy = ebb_xstrdup(text + strlen("when("));
	r.copy[strlen(r.copy) - 1] = 0;
	for (part = r.copy; part; part = next) {
		next = strchr(part, ',');
		if (next)
			*next++ = 0;
		ok = read_term(&r, part) && ok;
	}
	free(r.copy);
	if (!ok) {
		ebb_when_release(&w);
		return NULL;
	}
	d->when = ebb_xrealloc(d->when, (size_t)d->n_whens + 1, sizeof *d->when);
	d->when[d->n_whens] = w;
	return &d->when[d->n_whens++];
}

void ebb_when_release(struct ebb_when *w)
{
	free(w->text);
	for (int i = 0; i < w->n_terms; i++) {
		free(w->term[i].key);
		ebb_givens_release(&w->term[i].values);
	}
	free(w->term);
	ebb_givens_release(&w->settings);
	ebb_axes_release(&w->axes);
	memset(w, 0, sizeof *w);
}

/* ---- judging ---- */

/* The option that beta stands for in an arm; empty: none. */
static const char *beta_of(const struct ebb_draft *d, const struct ebb_options *o)
{
	const struct ebb_variant *v = ebb_draft_variant(d, o->algorithm);
	const struct ebb_preset *root = v ? v->root : ebb_preset_find(o->algorithm);

	return root ? root->beta : "";
}

/* Is text, read as this option, what o has? Tasks may share a key and differ in its rows. */
static bool is_value(const struct ebb_options *o, const struct ebb_option *row, const char *text)
{
	struct ebb_options other = *o;
	struct ebb_buf mine = EBB_BUF_INIT, wanted = EBB_BUF_INIT;
	bool same = false;

	if (ebb_option_set(&other, row, text, NULL) == 0) {
		ebb_option_print(o, row, &mine);
		ebb_option_print(&other, row, &wanted);
		ebb_buf_puts(&mine, "");
		ebb_buf_puts(&wanted, "");
		same = strcmp(mine.data, wanted.data) == 0;
	}
	ebb_buf_release(&mine);
	ebb_buf_release(&wanted);
	return same;
}

static bool term_holds(const struct ebb_draft *d, const struct ebb_term *term,
		       const struct ebb_options *o)
{
	const struct ebb_option *row = NULL;
	bool named = strcmp(term->key, "algorithm") == 0, found = false;

	if (!named)
		row = ebb_option_find(d->catalog, o->task.name,
				      strcmp(term->key, "beta") ? term->key : beta_of(d, o));
	if (!named && !row) /* an arm without this option is neither equal nor unequal */
		return false;
	for (int i = 0; i < term->values.n && !found; i++) {
		const char *value = term->values.given[i].value;

		found = named ? strcmp(o->algorithm, value) == 0 : is_value(o, row, value);
	}
	return found != term->unequal;
}

bool ebb_when_holds(const struct ebb_draft *d, const struct ebb_when *w,
		    const struct ebb_options *o)
{
	for (int i = 0; i < w->n_terms; i++)
		if (!term_holds(d, &w->term[i], o))
			return false;
	return true;
}
