/* Running the rules of lint.def: whom they concern, what is said, and where. */
#include "options/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/lint_look.h"
#include "options/text.h"

#define NAMED_MAX 6 /* arms that a warning names */

static const struct ebb_lint_rule rule_row[] = {
#define EBB_LINT(name, kind, keys, by, about, source)                                              \
	{#name, EBB_LINT_##kind, keys, by, about, source, ebb_rule_##name},
#include "options/lint.def"
#undef EBB_LINT
};

#define N_RULES ((int)(sizeof rule_row / sizeof *rule_row))

const struct ebb_lint_rule *ebb_lint_rows(int *n)
{
	*n = N_RULES;
	return rule_row;
}

bool ebb_say(struct ebb_look *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->text, sizeof l->text, fmt, ap);
	va_end(ap);
	return true;
}

static const struct ebb_option *find_row(const char *key)
{
	const struct ebb_option *row = ebb_option_find(NULL, NULL, key);

	if (!row)
		EBB_BUG("a rule of lint.def is about '%s', which is no option", key);
	return row;
}

const char *ebb_look_choice(const char *key, int value)
{
	return ebb_option_choice(find_row(key), value);
}

/* ---- whom a rule concerns ---- */

/* Step through keys separated by spaces; false at the end. */
static bool next_key(const char **at, char key[2 * EBB_STR_MAX])
{
	size_t n;

	*at += strspn(*at, " ");
	n = strcspn(*at, " ");
	if (n == 0)
		return false;
	if (n >= 2 * EBB_STR_MAX)
		EBB_BUG("a key of lint.def is longer than any option's");
	memcpy(key, *at, n);
	key[n] = 0;
	*at += n;
	return true;
}

static char *value_of(const struct ebb_options *o, const struct ebb_option *row)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_option_print(o, row, &b);
	return ebb_buf_take(&b);
}

/* Values that switch something off: whoever sets them knows that it does nothing. */
static bool is_off(const struct ebb_option *row, const char *value)
{
	if (row->type == EBB_TYPE_ENUM)
		return strcmp(value, "none") == 0 || strcmp(value, "off") == 0;
	if (row->type != EBB_TYPE_F64)
		return false;
	return strcmp(value, "inf") == 0 ||
	       (strcmp(value, "0") == 0 &&
		(strcmp(row->name, "coef") == 0 || strcmp(row->name, "dual") == 0));
}

/* Does the warning of an inert setting speak of this key? */
static bool is_subject(const struct ebb_look *l, const char *key)
{
	const struct ebb_option *row;
	char *value;
	bool off;

	if (!l->given(l->ctx, key))
		return false;
	row = find_row(key);
	value = value_of(l->o, row);
	off = is_off(row, value);
	free(value);
	return !off;
}

/* The first of the rule's keys that the user set, in key; false: none. */
static bool first_key(const struct ebb_look *l, const struct ebb_lint_rule *r,
		      char key[2 * EBB_STR_MAX])
{
	const char *at = r->keys;

	while (next_key(&at, key))
		if (r->kind == EBB_LINT_INERT ? is_subject(l, key) : l->given(l->ctx, key))
			return true;
	return false;
}

static bool concerns(const struct ebb_look *l, const struct ebb_lint_rule *r)
{
	char key[2 * EBB_STR_MAX];

	return r->kind == EBB_LINT_WHOLE || first_key(l, r, key);
}

/* ---- what is said ---- */

/* "clip.low=0.1 and clip.high=0.3 do nothing: " */
static void add_subjects(const struct ebb_look *l, const struct ebb_lint_rule *r, bool values,
			 struct ebb_buf *out)
{
	const char *at = r->keys;
	char key[2 * EBB_STR_MAX];
	int n = 0, done = 0;

	while (next_key(&at, key))
		n += is_subject(l, key);
	for (at = r->keys; next_key(&at, key);) {
		if (!is_subject(l, key))
			continue;
		if (done > 0)
			ebb_buf_puts(out, done + 1 == n ? " and " : ", ");
		ebb_buf_puts(out, key);
		if (values) {
			ebb_buf_puts(out, "=");
			ebb_option_print(l->o, find_row(key), out);
		}
		done++;
	}
	ebb_buf_puts(out, n == 1 ? " does nothing: " : " do nothing: ");
}

/* The sentence of a rule that holds. values: name the subjects' values, too. Caller frees. */
static char *sentence(const struct ebb_look *l, const struct ebb_lint_rule *r, bool values)
{
	struct ebb_buf out = EBB_BUF_INIT;

	if (r->kind == EBB_LINT_INERT)
		add_subjects(l, r, values, &out);
	ebb_buf_puts(&out, l->text);
	return ebb_buf_take(&out);
}

int ebb_options_lint(const struct ebb_options *o, const struct ebb_lint_facts *facts,
		     bool (*given)(void *ctx, const char *key),
		     void (*report)(void *ctx, const struct ebb_lint_rule *rule, const char *text),
		     void *ctx)
{
	struct ebb_look l = {.o = o,
			     .preset = ebb_preset_find(o->algorithm),
			     .facts = *facts,
			     .given = given,
			     .ctx = ctx};
	int n = 0;

	for (int i = 0; i < N_RULES; i++) {
		const struct ebb_lint_rule *r = &rule_row[i];
		char *text;

		if (!r->holds(o, &l) || !concerns(&l, r))
			continue;
		n++;
		text = sentence(&l, r, true);
		if (report)
			report(ctx, r, text);
		free(text);
	}
	return n;
}

/* ---- many arms ---- */

struct arms { /* one rule over a definition */
	const struct ebb_definition *def;
	const struct ebb_lint_facts *facts; /* of each arm                                   */
	bool *holds;                        /* the predicate, whoever set the keys           */
	bool *found;                        /* and it is to be said                          */
};

static bool arm_given(void *ctx, const char *key)
{
	return ebb_arm_given(ctx, key);
}

static struct ebb_look look_at(const struct arms *all, int a)
{
	struct ebb_arm *arm = &all->def->arm[a];

	return (struct ebb_look){.o = &arm->options,
				 .preset = arm->preset,
				 .facts = all->facts[a],
				 .given = arm_given,
				 .ctx = arm};
}

static bool has_word(const char *words, const char *word)
{
	char key[2 * EBB_STR_MAX];

	while (next_key(&words, key))
		if (strcmp(key, word) == 0)
			return true;
	return false;
}

/* Is the axis one of those that the rule is about or reads? */
static bool is_own_axis(const struct ebb_lint_rule *r, const char *key)
{
	if (strcmp(key, "beta") == 0) /* whichever of them an arm calls so */
		return is_own_axis(r, "kl.coef") || is_own_axis(r, "info.coef");
	return has_word(r->keys, key) || has_word(r->by, key);
}

struct signed_arm {
	char *signature; /* the axes that are not the rule's own */
	int arm;
};

static int by_signature(const void *a, const void *b)
{
	return strcmp(((const struct signed_arm *)a)->signature,
		      ((const struct signed_arm *)b)->signature);
}

static bool has_own_axis(const struct arms *all, const struct ebb_lint_rule *r)
{
	for (int a = 0; a < all->def->n_arms; a++)
		for (int i = 0; all->found[a] && i < all->def->arm[a].n_axes; i++)
			if (is_own_axis(r, all->def->arm[a].axis[i].key))
				return true;
	return false;
}

/*
 * A sweep over the rule's own keys has its control among its arms, and that a coefficient of 0
 * switches something off is why it is there. So among arms that differ in the rule's own axes
 * alone nothing is said as long as the rule is silent in one of them.
 */
static void drop_controls(struct arms *all, const struct ebb_lint_rule *r)
{
	const int n = all->def->n_arms;
	struct signed_arm *order;

	if (!has_own_axis(all, r))
		return;
	order = ebb_xcalloc((size_t)n, sizeof *order);
	for (int a = 0; a < n; a++) {
		const struct ebb_arm *arm = &all->def->arm[a];
		struct ebb_buf text = EBB_BUF_INIT;

		ebb_buf_puts(&text, "");
		for (int i = 0; i < arm->n_axes; i++)
			if (!is_own_axis(r, arm->axis[i].key))
				ebb_buf_printf(&text, "%s=%s\n", arm->axis[i].key,
					       arm->axis[i].value);
		order[a] = (struct signed_arm){ebb_buf_take(&text), a};
	}
	qsort(order, (size_t)n, sizeof *order, by_signature);
	for (int first = 0, end; first < n; first = end) {
		bool acts = false;

		for (end = first; end < n && by_signature(&order[first], &order[end]) == 0; end++)
			acts = acts || !all->holds[order[end].arm];
		for (int i = first; acts && i < end; i++)
			all->found[order[i].arm] = false;
	}
	for (int a = 0; a < n; a++)
		free(order[a].signature);
	free(order);
}

/* Where the finding of an arm belongs: at the first of the rule's keys that the user set. */
static struct ebb_mark place_of(const struct arms *all, const struct ebb_lint_rule *r, int a)
{
	struct ebb_look l = look_at(all, a);
	char key[2 * EBB_STR_MAX];

	return ebb_arm_mark(&all->def->arm[a], first_key(&l, r, key) ? key : "algorithm");
}

static bool same_place(struct ebb_mark a, struct ebb_mark b)
{
	if (a.line != b.line || a.column != b.column || !a.file != !b.file)
		return false;
	return !a.file || strcmp(a.file, b.file) == 0;
}

struct finding {
	struct ebb_mark mark;
	int first; /* its first arm                                                       */
	int n;
	bool differs;         /* the sentence is another one in another arm                 */
	struct ebb_buf names; /* of the first NAMED_MAX arms                                */
};

static char *sentence_of(const struct arms *all, const struct ebb_lint_rule *r, int a, bool values)
{
	struct ebb_look l = look_at(all, a);

	if (!r->holds(l.o, &l))
		EBB_BUG("rule %s of lint.def has changed its mind", r->name);
	return sentence(&l, r, values);
}

static void warn(const struct arms *all, const struct ebb_lint_rule *r, const struct finding *f,
		 struct ebb_diag *diag)
{
	char *text = sentence_of(all, r, f->first, !f->differs);
	const int n = all->def->n_arms;

	if (n == 1)
		ebb_diag_add(diag, EBB_WARNING, f->mark, "%s", text);
	else if (f->n == n)
		ebb_diag_add(diag, EBB_WARNING, f->mark, "%s (in all %d arms)", text, n);
	else
		ebb_diag_add(diag, EBB_WARNING, f->mark, "%s (in %d of %d arms: %s%s)", text, f->n,
			     n, f->names.data, f->n > NAMED_MAX ? ", ..." : "");
	free(text);
}

/* One warning a place. */
static int merge(const struct arms *all, const struct ebb_lint_rule *r, struct ebb_diag *diag)
{
	struct finding *f = NULL;
	int n = 0;

	for (int a = 0; a < all->def->n_arms; a++) {
		struct ebb_mark mark;
		int i = 0;

		if (!all->found[a])
			continue;
		mark = place_of(all, r, a);
		while (i < n && !same_place(f[i].mark, mark))
			i++;
		if (i == n) {
			f = ebb_xrealloc(f, (size_t)++n, sizeof *f);
			f[i] = (struct finding){.mark = mark, .first = a};
		} else if (!f[i].differs) {
			char *mine = sentence_of(all, r, a, true);
			char *other = sentence_of(all, r, f[i].first, true);

			f[i].differs = strcmp(mine, other) != 0;
			free(other);
			free(mine);
		}
		if (f[i].n++ < NAMED_MAX)
			ebb_buf_printf(&f[i].names, "%s%s", f[i].n > 1 ? ", " : "",
				       all->def->arm[a].label);
	}
	for (int i = 0; i < n; i++) {
		warn(all, r, &f[i], diag);
		ebb_buf_release(&f[i].names);
	}
	free(f);
	return n;
}

static int lint_arms(struct arms *all, const struct ebb_lint_rule *r, struct ebb_diag *diag)
{
	bool any = false;

	for (int a = 0; a < all->def->n_arms; a++) {
		struct ebb_look l = look_at(all, a);

		all->holds[a] = r->holds(l.o, &l);
		all->found[a] = all->holds[a] && concerns(&l, r);
		any = any || all->found[a];
	}
	if (!any)
		return 0;
	if (r->kind != EBB_LINT_WHOLE)
		drop_controls(all, r);
	return merge(all, r, diag);
}

int ebb_definition_lint(const struct ebb_definition *def,
			void (*facts)(void *ctx, const struct ebb_options *o,
				      struct ebb_lint_facts *out),
			void *ctx, struct ebb_diag *diag)
{
	const size_t n = (size_t)def->n_arms + 1;
	struct ebb_lint_facts *known = ebb_xcalloc(n, sizeof *known);
	struct arms all = {.def = def,
			   .facts = known,
			   .holds = ebb_xcalloc(n, sizeof(bool)),
			   .found = ebb_xcalloc(n, sizeof(bool))};
	int n_warnings = 0;

	for (int a = 0; facts && a < def->n_arms; a++)
		facts(ctx, &def->arm[a].options, &known[a]);
	for (int i = 0; i < N_RULES; i++)
		n_warnings += lint_arms(&all, &rule_row[i], diag);
	free(all.found);
	free(all.holds);
	free(known);
	return n_warnings;
}

/* ---- the page ---- */

static void add_keys(struct ebb_buf *out, const char *keys)
{
	char key[2 * EBB_STR_MAX];
	int n = 0;

	while (next_key(&keys, key))
		ebb_buf_printf(out, "%s`%s`", n++ ? ", " : "", key);
}

void ebb_lint_print(struct ebb_buf *out)
{
	static const char *const kind[] = {"inert", "poor", "whole"};

	ebb_buf_puts(
		out,
		"# Lint: settings that cannot matter\n\n"
		"Warnings before a run, made from `src/options/lint.def`; nothing is refused.\n"
		"An *inert* setting is not read under the arm's other options; a *poor* one acts, "
		"but not as its\nname says; *whole* means that the arm's algorithm becomes "
		"another one. Warned of is only what a\ndefinition or an override sets, whole "
		"algorithms apart. Switching something off on purpose (`none`,\n`off`, a "
		"coefficient of 0) is no finding, nor is the control arm of a sweep over the "
		"rule's own\noptions.\n\n"
		"PG is [policy-gradient.md](policy-gradient.md), EI is\n"
		"[entropy-and-information.md](entropy-and-information.md); files are below "
		"`src/`.\n\n"
		"| rule | kind | options | finds | decided with | source |\n"
		"|---|---|---|---|---|---|\n");
	for (int i = 0; i < N_RULES; i++) {
		const struct ebb_lint_rule *r = &rule_row[i];

		ebb_buf_printf(out, "| %s | %s | ", r->name, kind[r->kind]);
		add_keys(out, r->keys);
		ebb_buf_printf(out, " | %s | ", r->about);
		add_keys(out, r->by);
		ebb_buf_printf(out, " | %s |\n", r->source);
	}
}
