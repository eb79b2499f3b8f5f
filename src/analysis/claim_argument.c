/* The named arguments of the functions of a claim: selectors, windows, places, thresholds. */
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_grammar.h"

/* step, update, rollouts or tokens, each in the singular or the plural. */
static bool scale_of(const char *word, enum ebb_scale *scale)
{
	static const enum ebb_scale counted[] = {EBB_SCALE_STEP, EBB_SCALE_UPDATE,
						 EBB_SCALE_ROLLOUTS, EBB_SCALE_TOKENS};
	size_t n = strlen(word), m;

	n -= n > 0 && word[n - 1] == 's';
	for (int i = 0; i < 4; i++) {
		const char *name = ebb_scale_name(counted[i]);

		m = strlen(name);
		m -= name[m - 1] == 's';
		if (n == m && strncmp(word, name, n) == 0) {
			*scale = counted[i];
			return true;
		}
	}
	return false;
}

int ebb_claim_scale(struct ebb_scan *p, const char *what, enum ebb_scale *scale)
{
	struct ebb_claim_word w;

	ebb_scan_skip(p);
	w = ebb_scan_take(p, ebb_scan_span(p, ebb_scan_is_ident));
	if (!scale_of(w.text, scale))
		return EBB_SCAN_FAIL(p, w.at, "%s is step, update, rollouts or tokens, not '%.40s'",
				     what, w.text);
	return 0;
}

static int selector(struct ebb_scan *p, struct ebb_claim_node *node, struct ebb_claim_word key)
{
	struct ebb_claim *c = p->c;
	int n, last = -1;

	ebb_scan_skip(p);
	n = ebb_scan_span(p, ebb_scan_is_value);
	if (n == 0)
		return EBB_SCAN_FAIL(p, p->i, "%.40s= needs a value", key.text);
	for (int i = node->select; i >= 0; i = c->select[i].next) {
		if (strcmp(c->select[i].key.text, key.text) == 0)
			return EBB_SCAN_FAIL(p, key.at, "'%.40s' is selected twice", key.text);
		last = i;
	}
	if (c->n_selects == c->select_capacity) {
		c->select_capacity = c->select_capacity ? 2 * c->select_capacity : 8;
		c->select = ebb_xrealloc(c->select, (size_t)c->select_capacity, sizeof *c->select);
	}
	*(last < 0 ? &node->select : &c->select[last].next) = c->n_selects;
	c->select[c->n_selects++] = (struct ebb_claim_select){key, ebb_scan_take(p, n), -1};
	return 0;
}

/* Does some function take this name, so that it is no key of a selector? */
static bool is_argument(const char *key)
{
	static const char *const name[] = {"window", "axis",   "above", "below",
					   "early",  "smooth", "block"};

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (strcmp(key, name[i]) == 0)
			return true;
	return false;
}

/* The number of rows that an argument of this name sets; null: it does not. */
static int *rows_of(const struct ebb_function *f, struct ebb_claim_node *node, const char *key)
{
	if (strcmp(key, "window") == 0 && f->takes & WINDOW)
		return &node->window;
	if (strcmp(key, "smooth") == 0 && f->takes & SMOOTH)
		return &node->smooth;
	return strcmp(key, "block") == 0 && f->takes & BLOCK ? &node->block : NULL;
}

static int read_rows(struct ebb_scan *p, struct ebb_claim_word key, int *rows)
{
	double x;

	if (*rows)
		return EBB_SCAN_FAIL(p, key.at, "'%s' is given twice", key.text);
	if (ebb_scan_whole(p, key.text, 1, &x) < 0)
		return -1;
	*rows = x > 1e9 ? 1000000000 : (int)x;
	return 0;
}

/* A part of a whole: 0.15 or 1/3. */
int ebb_claim_part(struct ebb_scan *p, const char *what, double *part)
{
	double below = 1;
	int at;

	ebb_scan_skip(p);
	at = p->i;
	if (ebb_scan_number(p, part) < 0 ||
	    (ebb_scan_accept(p, '/') && (ebb_scan_skip(p), ebb_scan_number(p, &below)) < 0))
		return -1;
	*part /= below;
	if (!(*part > 0 && *part < 1))
		return EBB_SCAN_FAIL(p, at, "%s is a part between 0 and 1, like 0.15 or 1/3", what);
	return 0;
}

static int argument(struct ebb_scan *p, const struct ebb_function *f, struct ebb_claim_node *node)
{
	struct ebb_claim_word key;
	enum ebb_scale scale;
	int n, *rows;

	ebb_scan_skip(p);
	n = ebb_scan_span(p, ebb_scan_is_name);
	key = ebb_scan_take(p, n);
	if (n == 0 || ebb_scan_skip(p) != '=' || p->s[p->i + 1] == '=')
		return EBB_SCAN_FAIL(p, key.at, "expected key=value, like algorithm=NAME; %s",
				     f->usage);
	p->i++;
	if ((rows = rows_of(f, node, key.text)) != NULL)
		return read_rows(p, key, rows);
	if (strcmp(key.text, "early") == 0 && f->takes & EARLY) {
		if (node->early > 0)
			return EBB_SCAN_FAIL(p, key.at, "'early' is given twice");
		return ebb_claim_part(p, "early=", &node->early);
	}
	if (strcmp(key.text, "axis") == 0 && f->takes & AXIS) {
		if (node->scale != EBB_SCALE_NATIVE)
			return EBB_SCAN_FAIL(p, key.at, "'axis' is given twice");
		return ebb_claim_scale(p, "axis=", &node->scale);
	}
	if (scale_of(key.text, &scale) && f->takes & POSITION) {
		if (node->scale != EBB_SCALE_NATIVE)
			return EBB_SCAN_FAIL(p, key.at, "%s() has one place already", f->name);
		node->scale = scale;
		return ebb_scan_whole(p, key.text, 0, &node->number);
	}
	if ((strcmp(key.text, "above") == 0 || strcmp(key.text, "below") == 0) &&
	    f->takes & THRESHOLD) {
		if (node->left >= 0)
			return EBB_SCAN_FAIL(p, key.at, "%s() has one threshold already", f->name);
		node->below = key.text[0] == 'b';
		node->left = ebb_claim_sum(p);
		return node->left < 0 ? -1 : 0;
	}
	if (is_argument(key.text) || scale_of(key.text, &scale))
		return EBB_SCAN_FAIL(p, key.at, "%s() takes no %s=; %s", f->name, key.text,
				     f->usage);
	return selector(p, node, key);
}

/* Named arguments up to the closing bracket. */
int ebb_claim_arguments(struct ebb_scan *p, const struct ebb_function *f,
			struct ebb_claim_node *node)
{
	while (ebb_scan_accept(p, ','))
		if (argument(p, f, node) < 0)
			return -1;
	if (ebb_scan_accept(p, ')'))
		return 0;
	if (ebb_scan_skip(p) == 0)
		return EBB_SCAN_FAIL(p, p->i, "the bracket of %s() is not closed", f->name);
	return EBB_SCAN_FAIL(p, p->i, "expected ',' or ')' in %s(), not %s", f->name,
			     ebb_scan_next(p));
}
