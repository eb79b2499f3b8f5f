/* Keys and values of selectors against the arms of a definition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_check.h"
#include "base/buf.h"

/* Equal, '-' and '_' being the same, as everywhere in definitions. */
static bool same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

/* ---- keys ---- */

bool ebb_claim_plain_key(const char *key)
{
	return strcmp(key, "algorithm") == 0 || strcmp(key, "seed") == 0 ||
	       strcmp(key, "beta") == 0;
}

const struct ebb_option *ebb_claim_option(const struct ebb_checking *k, const char *key)
{
	const struct ebb_option *row = ebb_option_find(k->scope->catalog, NULL, key);

	for (int i = 0; !row && i < k->scope->catalog->n_tasks; i++)
		row = ebb_option_find(k->scope->catalog, k->scope->catalog->task[i].name, key);
	return row;
}

static void offer_options(struct ebb_near *near, const struct ebb_option *row, int n,
			  char name[][EBB_STR_MAX])
{
	for (int i = 0; i < n; i++) {
		snprintf(name[i], EBB_STR_MAX, "%s.%s", row[i].group, row[i].name);
		ebb_near_offer(near, name[i]);
		if (row[i].alias[0])
			ebb_near_offer(near, row[i].alias);
	}
}

void ebb_claim_unknown_key(struct ebb_checking *k, const struct ebb_claim_word *w)
{
	const struct ebb_catalog *catalog = k->scope->catalog;
	const struct ebb_option *row;
	char(*name)[EBB_STR_MAX];
	struct ebb_near near;
	int n, all;

	row = ebb_option_rows(&n);
	all = n;
	for (int i = 0; i < catalog->n_tasks; i++)
		all += catalog->task[i].n_options;
	name = ebb_xcalloc((size_t)all, sizeof *name);
	ebb_near_init(&near, w->text);
	ebb_near_offer(&near, "algorithm");
	ebb_near_offer(&near, "beta");
	ebb_near_offer(&near, "seed");
	offer_options(&near, row, n, name);
	all = n;
	for (int i = 0; i < catalog->n_tasks; i++) {
		offer_options(&near, catalog->task[i].option, catalog->task[i].n_options,
			      name + all);
		all += catalog->task[i].n_options;
	}
	ebb_claim_unknown(k, w, "key", &near, "ebb options lists them");
	free(name);
}

/* What an arm's axis says of a key, null where the key is no axis of the arm. */
static const char *axis_value(const struct ebb_arm *arm, const char *key)
{
	for (int i = 0; i < arm->n_axes; i++)
		if (strcmp(arm->axis[i].key, key) == 0)
			return arm->axis[i].value;
	return NULL;
}

/* ---- selectors ---- */

/* Is the value one that the option can take, in some task where tasks own the key? */
static bool is_possible(struct ebb_checking *k, const struct ebb_claim_select *s)
{
	const struct ebb_catalog *catalog = k->scope->catalog;
	const struct ebb_option *row = ebb_option_find(catalog, NULL, s->key.text);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options scratch;
	bool possible = false;

	ebb_options_init(&scratch, catalog);
	if (row)
		possible = ebb_option_set(&scratch, row, s->value.text, &err) == 0;
	for (int i = 0; !row && !possible && i < catalog->n_tasks; i++) {
		const struct ebb_option *own =
			ebb_option_find(catalog, catalog->task[i].name, s->key.text);

		possible = own && ebb_option_set(&scratch, own, s->value.text, &err) == 0;
	}
	if (!possible)
		WRONG(k, s->value.at, "%s", err.text);
	return possible;
}

/* Keep the arms whose option has this value; false where no option has. */
static bool select_option(struct ebb_checking *k, const struct ebb_claim_select *s)
{
	const struct ebb_definition *def = k->scope->def;
	const struct ebb_option *own, *last = NULL;
	struct ebb_buf want = EBB_BUF_INIT, have = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options scratch;
	bool usable = false;

	if (!is_possible(k, s))
		return false;
	ebb_options_init(&scratch, k->scope->catalog);
	for (int a = 0; a < def->n_arms; a++) {
		const struct ebb_options *o = &def->arm[a].options;

		own = ebb_option_find(k->scope->catalog, o->task.name, s->key.text);
		if (own && own != last) { /* tasks may own the same key with other ranges */
			last = own;
			ebb_buf_reset(&want);
			usable = ebb_option_set(&scratch, own, s->value.text, &err) == 0;
			if (usable)
				ebb_option_print(&scratch, own, &want);
			ebb_buf_puts(&want, "");
		}
		if (!own || !usable) {
			k->arm[a] = false;
			continue;
		}
		ebb_buf_reset(&have);
		ebb_option_print(o, own, &have);
		ebb_buf_puts(&have, "");
		k->arm[a] = k->arm[a] && strcmp(want.data, have.data) == 0;
	}
	ebb_buf_release(&want);
	ebb_buf_release(&have);
	return true;
}

/* beta means an option that the arm's preset decides, so it is known where it is an axis. */
static bool select_beta(struct ebb_checking *k, const struct ebb_claim_select *s)
{
	const struct ebb_definition *def = k->scope->def;
	char *end;
	double want = strtod(s->value.text, &end);

	if (*end) {
		WRONG(k, s->value.at, "'beta' needs a number, not '%.60s'", s->value.text);
		return false;
	}
	for (int a = 0; a < def->n_arms; a++) {
		const char *have = axis_value(&def->arm[a], "beta");

		k->arm[a] = k->arm[a] && have && strtod(have, NULL) == want;
	}
	return true;
}

static bool select_algorithm(struct ebb_checking *k, const struct ebb_claim_select *s)
{
	const struct ebb_claim_scope *scope = k->scope;
	struct ebb_near near;
	bool known = false;

	ebb_near_init(&near, s->value.text);
	for (int i = 0; i < scope->n_algorithms; i++) {
		known = known || same(scope->algorithm[i], s->value.text);
		ebb_near_offer(&near, scope->algorithm[i]);
	}
	if (!known) {
		ebb_claim_unknown(k, &s->value, "algorithm", &near, "ebb algorithms lists them");
		return false;
	}
	for (int a = 0; a < scope->def->n_arms; a++)
		k->arm[a] = k->arm[a] && same(scope->def->arm[a].options.algorithm, s->value.text);
	return true;
}

static bool select_seed(struct ebb_checking *k, const struct ebb_claim_select *s)
{
	const struct ebb_definition *def = k->scope->def;
	uint64_t seed;
	char *end;

	seed = strtoull(s->value.text, &end, 10);
	if (*end || strspn(s->value.text, "0123456789") == 0) {
		WRONG(k, s->value.at, "'seed' needs a whole number, not '%.60s'", s->value.text);
		return false;
	}
	for (int i = 0; i < def->n_seeds; i++)
		if (def->seed[i] == seed)
			return true;
	ebb_claim_leave_out(k, s->key.at, "this run has no seed %.20s", s->value.text);
	return true;
}

static bool is_task(const struct ebb_checking *k, const struct ebb_claim_word *name)
{
	const struct ebb_catalog *catalog = k->scope->catalog;

	for (int i = 0; i < catalog->n_tasks; i++)
		if (strcmp(catalog->task[i].name, name->text) == 0)
			return true;
	return false;
}

/* False where the selector itself is wrong. */
static bool select_by(struct ebb_checking *k, const struct ebb_claim_select *s)
{
	const struct ebb_option *row;
	struct ebb_near near;

	if (strcmp(s->key.text, "algorithm") == 0)
		return select_algorithm(k, s);
	if (strcmp(s->key.text, "seed") == 0)
		return select_seed(k, s);
	if (strcmp(s->key.text, "beta") == 0)
		return select_beta(k, s);
	row = ebb_claim_option(k, s->key.text);
	if (!row) {
		ebb_claim_unknown_key(k, &s->key);
		return false;
	}
	if (!row->own && strcmp(row->group, "task") == 0 && strcmp(row->name, "name") == 0 &&
	    !is_task(k, &s->value)) {
		ebb_near_init(&near, s->value.text);
		for (int i = 0; i < k->scope->catalog->n_tasks; i++)
			ebb_near_offer(&near, k->scope->catalog->task[i].name);
		ebb_claim_unknown(k, &s->value, "task", &near, "ebb options task lists them");
		return false;
	}
	return select_option(k, s);
}

int ebb_claim_select_arms(struct ebb_checking *k, const struct ebb_claim_node *node)
{
	int n_arms = k->scope->def->n_arms, n = 0;
	bool sound = true;

	for (int a = 0; a < n_arms; a++)
		k->arm[a] = true;
	for (int i = node->select; i >= 0; i = k->c->select[i].next)
		sound = select_by(k, &k->c->select[i]) && sound;
	for (int a = 0; a < n_arms; a++)
		n += k->arm[a];
	return sound ? n : -1;
}

/* ---- what tells arms apart ---- */

static const struct ebb_arm *first_left(const struct ebb_checking *k)
{
	const struct ebb_definition *def = k->scope->def;

	for (int a = 0; a < def->n_arms; a++)
		if (k->arm[a])
			return &def->arm[a];
	EBB_BUG("no arm is left");
}

/* Has some arm left another value, or none, on this axis? */
static bool is_split(const struct ebb_checking *k, const struct ebb_setting *axis)
{
	const struct ebb_definition *def = k->scope->def;

	for (int a = 0; a < def->n_arms; a++) {
		const char *value = k->arm[a] ? axis_value(&def->arm[a], axis->key) : axis->value;

		if (!value || strcmp(value, axis->value) != 0)
			return true;
	}
	return false;
}

bool ebb_claim_arms_differ(const struct ebb_checking *k, const char *besides)
{
	const struct ebb_definition *def = k->scope->def;
	const struct ebb_arm *one = first_left(k);

	for (int i = 0; i < one->n_axes; i++)
		if ((!besides || strcmp(one->axis[i].key, besides) != 0) &&
		    is_split(k, &one->axis[i]))
			return true;
	for (int a = 0; a < def->n_arms; a++) /* axes that the first arm has not: when(...) */
		for (int i = 0; k->arm[a] && i < def->arm[a].n_axes; i++) {
			const char *key = def->arm[a].axis[i].key;

			if ((!besides || strcmp(key, besides) != 0) && !axis_value(one, key))
				return true;
		}
	return false;
}

/* The word people use for a canonical key. */
static const char *short_key(const struct ebb_checking *k, const char *key)
{
	const struct ebb_option *row = ebb_claim_option(k, key);

	return row && row->alias[0] ? row->alias : key;
}

char *ebb_claim_arms_remedy(const struct ebb_checking *k, const char *besides)
{
	const struct ebb_arm *one = first_left(k);
	struct ebb_buf out = EBB_BUF_INIT;

	for (int i = 0; i < one->n_axes; i++) {
		const struct ebb_setting *axis = &one->axis[i];

		if ((!besides || strcmp(axis->key, besides) != 0) && is_split(k, axis))
			ebb_buf_printf(&out, "%s%s=%s", out.len ? ", " : "",
				       short_key(k, axis->key), axis->value);
	}
	return ebb_buf_take(&out);
}
