/* From the text of a claim to its tree: a recursive descent over the grammar of docs/claims.md. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_grammar.h"
#include "base/near.h"

static const struct ebb_function function[] = {
#define EBB_CLAIM_FUNCTION(id, name, shape, takes, usage)                                          \
	{EBB_CLAIM_##id, name, shape, takes, usage},
#include "analysis/claim.def"
#undef EBB_CLAIM_FUNCTION
};

#define N_FUNCTIONS ((int)(sizeof function / sizeof *function))

static int comparison(struct ebb_scan *p);

/* ---- the tree ---- */

static struct ebb_claim_node blank(enum ebb_claim_kind kind, int at)
{
	return (struct ebb_claim_node){.kind = kind,
				       .at = at,
				       .left = -1,
				       .right = -1,
				       .margin = -1,
				       .select = -1,
				       .scale = EBB_SCALE_NATIVE};
}

static int add(struct ebb_scan *p, const struct ebb_claim_node *node)
{
	struct ebb_claim *c = p->c;

	if (c->n_nodes == EBB_CLAIM_NODES_MAX)
		return EBB_SCAN_FAIL(p, node->at, "more than %d numbers, operators and functions",
				     EBB_CLAIM_NODES_MAX);
	if (c->n_nodes == c->node_capacity) {
		c->node_capacity = c->node_capacity ? 2 * c->node_capacity : 16;
		c->node = ebb_xrealloc(c->node, (size_t)c->node_capacity, sizeof *c->node);
	}
	c->node[c->n_nodes] = *node;
	return c->n_nodes++;
}

static int join(struct ebb_scan *p, enum ebb_claim_kind kind, int at, int left, int right)
{
	struct ebb_claim_node node = blank(kind, at);

	node.left = left;
	node.right = right;
	return add(p, &node);
}

/* ---- functions ---- */

static int metric(struct ebb_scan *p, const struct ebb_function *f, struct ebb_claim_word *w)
{
	int n;

	ebb_scan_skip(p);
	n = ebb_scan_span(p, ebb_scan_is_name);
	if (n == 0)
		return EBB_SCAN_FAIL(p, p->i, "%s() needs a metric here; %s", f->name, f->usage);
	*w = ebb_scan_take(p, n);
	return 0;
}

static int fit_field(struct ebb_scan *p, struct ebb_claim_node *node)
{
	static const char *const name[] = {
#define FIELD(id, text) text,
		EBB_CLAIM_FIELDS(FIELD)
#undef FIELD
	};
	struct ebb_buf all = EBB_BUF_INIT;
	struct ebb_claim_word w;
	int at = p->i;

	if (!ebb_scan_accept(p, '.'))
		return EBB_SCAN_FAIL(p, at,
				     "say which number of the fit, like .r2, .a or .ceiling");
	w = ebb_scan_take(p, ebb_scan_span(p, ebb_scan_is_ident));
	for (int i = 0; i < EBB_CLAIM_N_FIELDS; i++) {
		if (strcmp(w.text, name[i]) == 0) {
			node->field = (enum ebb_claim_field)i;
			ebb_buf_release(&all);
			return 0;
		}
		ebb_buf_printf(&all, "%s.%s", i ? ", " : "", name[i]);
	}
	ebb_claim_error(p->c, w.at, p->diag, "a fit has %s, no '.%.40s'", all.data, w.text);
	ebb_buf_release(&all);
	return -1;
}

/* Nothing, .low or .high behind a correlation of two curves. */
static int correlation_end(struct ebb_scan *p, struct ebb_claim_node *node)
{
	struct ebb_claim_word w;

	if (!ebb_scan_accept(p, '.')) {
		if (node->block)
			return EBB_SCAN_FAIL(p, node->at,
					     "block= is for the interval's .low or .high");
		return 0;
	}
	w = ebb_scan_take(p, ebb_scan_span(p, ebb_scan_is_ident));
	if (strcmp(w.text, "low") != 0 && strcmp(w.text, "high") != 0)
		return EBB_SCAN_FAIL(
			p, w.at, "a correlation of curves has .low and .high, no '.%.40s'", w.text);
	node->end = w.text[0] == 'l' ? EBB_CLAIM_LOW : EBB_CLAIM_HIGH;
	return 0;
}

static int fit(struct ebb_scan *p, const struct ebb_function *f, struct ebb_claim_node *node)
{
	if (metric(p, f, &node->metric) < 0 || ebb_scan_expect(p, '~', "the metric of a fit") < 0 ||
	    metric(p, f, &node->x) < 0)
		return -1;
	if (strcmp(node->x.text, "exp") == 0 && ebb_scan_accept(p, '(')) {
		node->exponential = true;
		if (metric(p, f, &node->x) < 0 || ebb_scan_expect(p, ')', "the metric of exp") < 0)
			return -1;
	}
	return ebb_claim_arguments(p, f, node) < 0 ? -1 : fit_field(p, node);
}

static int key_of(struct ebb_scan *p, const struct ebb_function *f, struct ebb_claim_word *key)
{
	int n;

	ebb_scan_skip(p);
	n = ebb_scan_span(p, ebb_scan_is_name);
	if (n == 0)
		return EBB_SCAN_FAIL(p, p->i, "%s() needs a key of the sweep here, like alpha",
				     f->name);
	*key = ebb_scan_take(p, n);
	return 0;
}

/* A bare word before ',' or ')', so no call and no number: a metric's or a key's name. */
static bool at_bare_word(struct ebb_scan *p)
{
	int begin, n;
	char next;

	ebb_scan_skip(p);
	begin = p->i;
	if (!isalpha((unsigned char)p->s[begin]) && p->s[begin] != '_')
		return false;
	n = ebb_scan_span(p, ebb_scan_is_name);
	p->i += n;
	next = ebb_scan_skip(p);
	p->i = begin;
	return next == ',' || next == ')';
}

/* change(METRIC), which is no function of its own? */
static bool at_change(struct ebb_scan *p)
{
	int begin = p->i;
	bool found = ebb_scan_keyword(p, "change") && ebb_scan_skip(p) == '(';

	p->i = begin;
	return found;
}

static int curve(struct ebb_scan *p, const struct ebb_function *f)
{
	struct ebb_claim_node node = blank(EBB_CLAIM_CURVE, p->i);

	if (at_change(p)) {
		ebb_scan_keyword(p, "change");
		ebb_scan_accept(p, '(');
		node.change = true;
	}
	if (metric(p, f, &node.metric) < 0 ||
	    (node.change && ebb_scan_expect(p, ')', "the metric of change()") < 0))
		return -1;
	node.at = node.metric.at;
	return add(p, &node);
}

/* Two curves of each trial, or numbers of several arms against other ones or a key. */
static int spearman(struct ebb_scan *p, const struct ebb_function *f, struct ebb_claim_node *node)
{
	bool curves = at_bare_word(p) || at_change(p);

	node->left = curves ? curve(p, f) : ebb_claim_sum(p);
	if (node->left < 0 || ebb_scan_expect(p, ',', "the first half of spearman()") < 0)
		return -1;
	if (curves && !at_bare_word(p) && !at_change(p))
		return EBB_SCAN_FAIL(
			p, p->i, "the first half is a curve, so the second must be a metric too");
	if (!curves && at_bare_word(p)) {
		if (key_of(p, f, &node->key) < 0)
			return -1;
	} else {
		node->right = curves ? curve(p, f) : ebb_claim_sum(p);
		if (node->right < 0)
			return -1;
	}
	if (ebb_claim_arguments(p, f, node) < 0)
		return -1;
	if (!curves && node->select >= 0)
		return EBB_SCAN_FAIL(p, p->c->select[node->select].key.at,
				     "select inside the functions of spearman(), not behind them");
	if (!curves && (node->window || node->smooth || node->block))
		return EBB_SCAN_FAIL(p, node->at, "%s= of spearman() is for two curves",
				     node->window   ? "window"
				     : node->smooth ? "smooth"
						    : "block");
	if (node->window && node->smooth)
		return EBB_SCAN_FAIL(p, node->at, "window= and smooth= are one or the other");
	return curves ? correlation_end(p, node) : 0;
}

static int condition(struct ebb_scan *p)
{
	int left = comparison(p), at, right;

	while (left >= 0 && (ebb_scan_skip(p), at = p->i, ebb_scan_keyword(p, "and"))) {
		right = comparison(p);
		left = right < 0 ? -1 : join(p, EBB_CLAIM_BOTH, at, left, right);
	}
	return left;
}

/* What stands in the brackets, by the function's shape. */
static int inside(struct ebb_scan *p, const struct ebb_function *f, struct ebb_claim_node *node)
{
	switch (f->shape) {
	case CURVE:
		return metric(p, f, &node->metric) < 0 ? -1 : ebb_claim_arguments(p, f, node);
	case PART:
		if (metric(p, f, &node->metric) < 0 ||
		    ebb_scan_expect(p, ',', "the metric of realised()") < 0 ||
		    ebb_claim_part(p, "what of the axis has passed", &node->number) < 0)
			return -1;
		return ebb_claim_arguments(p, f, node);
	case FIT:
		return fit(p, f, node);
	case SPENT:
		return ebb_claim_scale(p, "what consumed() counts", &node->scale) < 0
			       ? -1
			       : ebb_claim_arguments(p, f, node);
	case TREND:
		node->left = ebb_claim_sum(p);
		if (node->left < 0 || ebb_scan_expect(p, ',', "the expression of trend()") < 0 ||
		    key_of(p, f, &node->key) < 0)
			return -1;
		return ebb_scan_expect(p, ')', "the key of trend()");
	case SPEARMAN:
		return spearman(p, f, node);
	case TWO:
		node->left = ebb_claim_sum(p);
		if (node->left < 0 || ebb_scan_expect(p, ',', "the first half of ratio()") < 0)
			return -1;
		node->right = ebb_claim_sum(p);
		return node->right < 0 ? -1 : ebb_scan_expect(p, ')', "the second half of ratio()");
	case ONE:
		node->left = ebb_claim_sum(p);
		return node->left < 0 ? -1 : ebb_scan_expect(p, ')', "the expression of abs()");
	case CONDITION:
		node->left = condition(p);
		return node->left < 0 ? -1 : ebb_scan_expect(p, ')', "the condition of share()");
	}
	EBB_BUG("%s has shape %d", f->name, (int)f->shape);
}

static int unknown_function(struct ebb_scan *p, struct ebb_claim_word name)
{
	struct ebb_near near;

	ebb_near_init(&near, name.text);
	for (int i = 0; i < N_FUNCTIONS; i++)
		ebb_near_offer(&near, function[i].name);
	if (near.best && (size_t)near.distance < strlen(name.text))
		return EBB_SCAN_FAIL(p, name.at, "unknown function '%.40s': did you mean '%s'?",
				     name.text, near.best);
	return EBB_SCAN_FAIL(p, name.at, "unknown function '%.40s'", name.text);
}

static int call(struct ebb_scan *p)
{
	struct ebb_claim_word name = ebb_scan_take(p, ebb_scan_span(p, ebb_scan_is_name));
	const struct ebb_function *f = NULL;
	struct ebb_claim_node node;

	if (!ebb_scan_accept(p, '('))
		return EBB_SCAN_FAIL(
			p, name.at,
			"'%.40s' is no number by itself: take one from its curve, like "
			"final(%.40s)",
			name.text, name.text);
	for (int i = 0; i < N_FUNCTIONS; i++)
		if (strcmp(function[i].name, name.text) == 0)
			f = &function[i];
	if (!f)
		return unknown_function(p, name);
	node = blank(f->kind, name.at);
	if (inside(p, f, &node) < 0)
		return -1;
	if (f->kind == EBB_CLAIM_AT && node.scale == EBB_SCALE_NATIVE)
		return EBB_SCAN_FAIL(
			p, node.at, "at() needs a place: step=N, update=N, rollouts=N or tokens=N");
	if (f->kind == EBB_CLAIM_TIME_TO && node.left < 0)
		return EBB_SCAN_FAIL(p, node.at,
				     "time_to() needs a threshold: above=EXPR or below=EXPR");
	return add(p, &node);
}

/* ---- arithmetic and comparison ---- */

static int primary(struct ebb_scan *p)
{
	struct ebb_claim_node node;
	int inner;

	ebb_scan_skip(p);
	if (ebb_scan_accept(p, '(')) {
		inner = ebb_claim_sum(p);
		return inner < 0 || ebb_scan_expect(p, ')', "what the bracket holds") < 0 ? -1
											  : inner;
	}
	if (ebb_scan_number_span(p) > 0) {
		node = blank(EBB_CLAIM_NUMBER, p->i);
		return ebb_scan_number(p, &node.number) < 0 ? -1 : add(p, &node);
	}
	if (isalpha((unsigned char)p->s[p->i]) || p->s[p->i] == '_')
		return call(p);
	return EBB_SCAN_FAIL(p, p->i, "expected a number, a function or '(', not %s",
			     ebb_scan_next(p));
}

/* Any nesting of brackets, signs and functions passes here. */
static int unary(struct ebb_scan *p)
{
	int at, inner;

	ebb_scan_skip(p);
	at = p->i;
	if (p->depth == EBB_CLAIM_DEPTH_MAX)
		return EBB_SCAN_FAIL(p, at, "nested more than %d deep", EBB_CLAIM_DEPTH_MAX);
	p->depth++;
	if (ebb_scan_accept(p, '-')) {
		inner = unary(p);
		if (inner >= 0)
			inner = join(p, EBB_CLAIM_NEGATE, at, inner, -1);
	} else {
		inner = primary(p);
	}
	p->depth--;
	return inner;
}

static int product(struct ebb_scan *p)
{
	int left = unary(p), right;

	while (left >= 0 && (ebb_scan_skip(p) == '*' || p->s[p->i] == '/')) {
		enum ebb_claim_kind kind =
			p->s[p->i] == '*' ? EBB_CLAIM_MULTIPLY : EBB_CLAIM_DIVIDE;
		int at = p->i++;

		right = unary(p);
		left = right < 0 ? -1 : join(p, kind, at, left, right);
	}
	return left;
}

int ebb_claim_sum(struct ebb_scan *p)
{
	int left = product(p), right;

	while (left >= 0 && (ebb_scan_skip(p) == '+' || p->s[p->i] == '-')) {
		enum ebb_claim_kind kind = p->s[p->i] == '+' ? EBB_CLAIM_ADD : EBB_CLAIM_SUBTRACT;
		int at = p->i++;

		right = product(p);
		left = right < 0 ? -1 : join(p, kind, at, left, right);
	}
	return left;
}

/* Bytes of the relation at the reading point, 0: none. */
static int relation_span(struct ebb_scan *p, enum ebb_claim_relation *relation)
{
	const char *s = (ebb_scan_skip(p), p->s + p->i);

	switch (s[0]) {
	case '<':
		*relation = s[1] == '=' ? EBB_CLAIM_AT_MOST : EBB_CLAIM_LESS;
		return 1 + (s[1] == '=');
	case '>':
		*relation = s[1] == '=' ? EBB_CLAIM_AT_LEAST : EBB_CLAIM_GREATER;
		return 1 + (s[1] == '=');
	case '~':
		*relation = EBB_CLAIM_EQUIVALENT;
		return s[1] == '=' ? 2 : 0;
	default:
		return 0;
	}
}

static int margin(struct ebb_scan *p, struct ebb_claim_node *node)
{
	bool equivalent = node->relation == EBB_CLAIM_EQUIVALENT;
	bool by, within;
	int at;

	ebb_scan_skip(p);
	at = p->i;
	by = ebb_scan_keyword(p, "by");
	within = !by && ebb_scan_keyword(p, "within");
	if (equivalent && !within)
		return EBB_SCAN_FAIL(p, at, "~= needs how near is near enough: A ~= B within EPS");
	if (!equivalent && within)
		return EBB_SCAN_FAIL(p, at, "'within' goes with ~=; a smallest effect is 'by'");
	if (!by && !within)
		return 0;
	node->margin = ebb_claim_sum(p);
	return node->margin < 0 ? -1 : 0;
}

static int comparison(struct ebb_scan *p)
{
	struct ebb_claim_node node = blank(EBB_CLAIM_COMPARE, 0);
	int n;

	node.left = ebb_claim_sum(p);
	if (node.left < 0)
		return -1;
	n = relation_span(p, &node.relation);
	node.at = p->i;
	if (n == 0 && (p->s[p->i] == '=' || p->s[p->i] == '!'))
		return EBB_SCAN_FAIL(p, p->i,
				     "measured numbers are never equal: write A ~= B within EPS");
	if (n == 0)
		return EBB_SCAN_FAIL(p, p->i, "expected <, <=, >, >= or ~=, not %s",
				     ebb_scan_next(p));
	p->i += n;
	node.right = ebb_claim_sum(p);
	if (node.right < 0 || margin(p, &node) < 0)
		return -1;
	return add(p, &node);
}

static int whole(struct ebb_scan *p)
{
	enum ebb_claim_relation relation;

	if (ebb_scan_skip(p) == 0)
		return EBB_SCAN_FAIL(p, p->i, "the claim is empty");
	if (comparison(p) < 0)
		return -1;
	if (relation_span(p, &relation) > 0)
		return EBB_SCAN_FAIL(p, p->i, "a claim is one comparison: make two claims of it");
	if (ebb_scan_keyword(p, "and"))
		return EBB_SCAN_FAIL(p, p->i - 3,
				     "'and' stands inside share() only: make two claims of it");
	if (ebb_scan_skip(p) == 0)
		return 0;
	return EBB_SCAN_FAIL(p, p->i, "expected the end of the claim, not %s", ebb_scan_next(p));
}

/* ---- from outside ---- */

bool ebb_claim_parse(struct ebb_claim *claim, const char *text, struct ebb_mark mark, bool plain,
		     struct ebb_diag *diag)
{
	struct ebb_scan p = {.c = claim, .diag = diag};
	size_t n = strlen(text);

	*claim = (struct ebb_claim){.text = ebb_xstrdup(text), .mark = mark, .plain = plain};
	p.s = claim->text;
	if (n > EBB_CLAIM_MAX) {
		ebb_diag_add(diag, EBB_ERROR, mark,
			     "claim: %zu bytes are too long: at most %d are allowed", n,
			     EBB_CLAIM_MAX);
		return false;
	}
	/* no two words share a byte, and parsing ends at an empty one */
	claim->words = ebb_xcalloc(2 * n + 2, 1);
	return whole(&p) == 0;
}

void ebb_claim_release(struct ebb_claim *claim)
{
	free(claim->text);
	free(claim->node);
	free(claim->select);
	free(claim->words);
	*claim = (struct ebb_claim){0};
}
