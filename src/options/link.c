/* Names of algorithms: variants to what they are made from, users' spellings to ours, and who is
 * used at all. */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

const struct ebb_variant *ebb_draft_variant(const struct ebb_draft *d, const char *name)
{
	for (int i = 0; i < d->n_variants; i++)
		if (ebb_text_same(d->variant[i].name, name))
			return &d->variant[i];
	return NULL;
}

/* A preset by a user's spelling, '-' and '_' being the same. */
static const struct ebb_preset *find_preset(const char *name)
{
	const struct ebb_preset *p;
	int n;

	p = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++)
		if (ebb_text_same(p[i].name, name))
			return &p[i];
	return NULL;
}

static void unknown_algorithm(struct ebb_draft *d, const char *name, struct ebb_mark mark)
{
	const struct ebb_preset *p;
	struct ebb_near near;
	char shown[EBB_SHOWN];
	int n;

	ebb_near_init(&near, name);
	p = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++)
		ebb_near_offer(&near, p[i].name);
	for (int i = 0; i < d->n_variants; i++)
		ebb_near_offer(&near, d->variant[i].name);
	ebb_show(shown, name);
	if (ebb_near_word(&near))
		ebb_draft_error(d, mark, "unknown algorithm '%s': did you mean '%s'?", shown,
				near.best);
	else
		ebb_draft_error(d, mark, "unknown algorithm '%s': ebb algorithms lists them",
				shown);
}

static void link_variants(struct ebb_draft *d)
{
	for (int i = 0; i < d->n_variants; i++) {
		struct ebb_variant *v = &d->variant[i];

		if (find_preset(v->name))
			ebb_draft_error(d, v->mark,
					"'%s' is the name of a built-in algorithm: take another",
					v->name);
		v->root = NULL;
		v->parent = NULL;
		if (!v->from)
			v->root = ebb_preset_default();
		else if (find_preset(v->from))
			v->root = find_preset(v->from);
		else if (ebb_draft_variant(d, v->from))
			v->parent = ebb_draft_variant(d, v->from);
		else if (v->from[0]) /* else its text was no text, and that was said */
			unknown_algorithm(d, v->from, v->from_mark);
	}
	/* a chain without a circle ends within n_variants links */
	for (int i = 0; i < d->n_variants; i++) {
		struct ebb_variant *v = &d->variant[i];
		const struct ebb_variant *up = v;

		for (v->depth = 0; up->parent && v->depth <= d->n_variants; v->depth++)
			up = up->parent;
		if (up->parent)
			ebb_draft_error(d, v->from_mark, "algorithm '%s' is made from itself",
					v->name);
		else
			v->root = up->root;
	}
}

/* Give a name of an algorithm its canonical spelling. */
static void link_name(struct ebb_draft *d, struct ebb_given *g)
{
	const struct ebb_variant *v = ebb_draft_variant(d, g->value);
	const struct ebb_preset *p = v ? NULL : find_preset(g->value);

	if (!v && !p) {
		unknown_algorithm(d, g->value, g->at);
		return;
	}
	free(g->value);
	g->value = ebb_xstrdup(v ? v->name : p->name);
}

static void link_names(struct ebb_draft *d, struct ebb_givens *list)
{
	for (int i = 0; i < list->n; i++)
		if (strcmp(list->given[i].key, "algorithm") == 0)
			link_name(d, &list->given[i]);
}

/* The names that this run's arms take. */
static void use(struct ebb_draft *d, const struct ebb_givens *list)
{
	for (int i = 0; i < list->n; i++) {
		const struct ebb_variant *v = strcmp(list->given[i].key, "algorithm") == 0
						      ? ebb_draft_variant(d, list->given[i].value)
						      : NULL;

		/* a chain that is a circle ends where it comes back to a row in use */
		for (; v && !v->used; v = v->parent)
			d->variant[v - d->variant].used = true;
	}
}

void ebb_draft_link(struct ebb_draft *d)
{
	struct ebb_draft_axis *axis = ebb_axis_find(&d->sweep, "algorithm");

	link_variants(d);
	link_names(d, &d->fixed);
	link_names(d, &d->override);
	if (axis)
		link_names(d, &axis->values);
	for (int i = 0; i < d->n_whens; i++)
		for (int t = 0; t < d->when[i].n_terms; t++)
			link_names(d, &d->when[i].term[t].values);
	for (int i = 0; axis && i < axis->values.n && !axis->zip; i++)
		for (int j = 0; j < i; j++)
			if (strcmp(axis->values.given[i].value, axis->values.given[j].value) == 0)
				ebb_draft_error(d, axis->values.given[i].at,
						"'algorithm' takes the value %s twice",
						axis->values.given[i].value);
	if (ebb_givens_find(&d->override, "algorithm"))
		use(d, &d->override);
	else
		use(d, axis ? &axis->values : &d->fixed);
}
