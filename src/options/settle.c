/*
 * What does not fit together in a draft. The files are judged first, as they stand, so that no
 * override hides a mistake in them; then, with the overrides, zips get their final form and whens
 * lose the keys that the command line decides.
 */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

/* ---- zips ---- */

/* Two keys of one zip must have lists of one length; the one given later is to blame. */
static bool zip_fits(struct ebb_draft *d, const struct ebb_axes *axes, int zip)
{
	const struct ebb_draft_axis *first = NULL, *blamed = NULL;
	char place[EBB_PLACE_MAX];
	bool fits = true;

	for (int i = 0; i < axes->n; i++) {
		const struct ebb_draft_axis *a = &axes->axis[i], *b = first;

		if (a->zip != zip)
			continue;
		first = first ? first : a;
		if (a->broken)
			return false;
		if (!b || a->values.n == b->values.n)
			continue;
		if (b->source > a->source) {
			b = a;
			a = first;
		}
		fits = false;
		if (a == blamed)
			continue;
		blamed = a;
		ebb_draft_error(d, a->mark,
				"'%s' has %d values but '%s' (%s) has %d: a zip pairs lists of "
				"equal length%s",
				a->key, a->values.n, b->key,
				ebb_draft_place(place, b->mark, a->mark), b->values.n,
				a->source == EBB_FROM_LINE
					? "; one value would take it out of the zip"
					: "");
	}
	return fits;
}

static bool same_entry(const struct ebb_axes *axes, int zip, int a, int b)
{
	for (int i = 0; i < axes->n; i++) {
		const struct ebb_given *given = axes->axis[i].values.given;

		if (axes->axis[i].zip == zip && strcmp(given[a].value, given[b].value) != 0)
			return false;
	}
	return true;
}

static void drop_entry(struct ebb_axes *axes, int zip, int entry)
{
	for (int i = 0; i < axes->n; i++) {
		struct ebb_givens *values = &axes->axis[i].values;

		if (axes->axis[i].zip != zip)
			continue;
		free(values->given[entry].key);
		free(values->given[entry].value);
		values->n--;
		memmove(&values->given[entry], &values->given[entry + 1],
			(size_t)(values->n - entry) * sizeof *values->given);
	}
}

/* What is left of a zip that cannot be paired: one value a key, so that reading can go on. */
static void break_up(struct ebb_axes *axes, int zip)
{
	for (int i = 0; i < axes->n; i++) {
		struct ebb_draft_axis *axis = &axes->axis[i];

		if (axis->zip != zip)
			continue;
		axis->zip = 0;
		axis->broken = true;
		while (axis->values.n > 1) {
			axis->values.n--;
			free(axis->values.given[axis->values.n].key);
			free(axis->values.given[axis->values.n].value);
		}
	}
}

/* The same values twice are a slip, unless a later source made them the same. */
static void check_entries(struct ebb_draft *d, struct ebb_axes *axes, int zip, int leader)
{
	for (int b = 1; b < axes->axis[leader].values.n; b++)
		for (int a = 0; a < b; a++) {
			if (!same_entry(axes, zip, a, b))
				continue;
			if (!d->zip[zip - 1].changed) {
				ebb_draft_error(d, axes->axis[leader].values.given[b].at,
						"entries %d and %d of this zip are the same values",
						a + 1, b + 1);
				break;
			}
			ebb_draft_once(d, EBB_NOTE, d->zip[zip - 1].mark,
				       "as overridden, the zip of '%s' has entries of the same "
				       "values: they run once",
				       axes->axis[leader].key);
			drop_entry(axes, zip, b--);
			break;
		}
}

static void check_zips(struct ebb_draft *d, struct ebb_axes *axes, bool final)
{
	for (int i = 0; i < axes->n; i++) {
		int zip = axes->axis[i].zip;

		if (!zip || ebb_axis_leader(axes, i) != i)
			continue;
		if (!zip_fits(d, axes, zip))
			break_up(axes, zip);
		else if (final)
			check_entries(d, axes, zip, i);
	}
}

/* ---- whens ---- */

static bool is_beta_of_any(const char *key)
{
	const struct ebb_preset *p;
	int n;

	p = ebb_preset_rows(&n);
	for (int i = 0; i < n; i++)
		if (p[i].beta[0] && strcmp(p[i].beta, key) == 0)
			return true;
	return false;
}

/* Does the condition depend on this swept key, by name or by way of beta, which may stand for an
 * option and set kl.place and kl.estimator beside it? */
static bool depends_on(const struct ebb_when *w, const char *key)
{
	if (ebb_when_mentions(w, key))
		return true;
	if (strcmp(key, "beta") != 0)
		return is_beta_of_any(key) && ebb_when_mentions(w, "beta");
	for (int i = 0; i < w->n_terms; i++)
		if (is_beta_of_any(w->term[i].key) || strcmp(w->term[i].key, "kl.place") == 0 ||
		    strcmp(w->term[i].key, "kl.estimator") == 0)
			return true;
	return false;
}

static void check_when(struct ebb_draft *d, const struct ebb_when *w)
{
	char place[EBB_PLACE_MAX], shown[EBB_SHOWN];

	for (int i = 0; i < w->settings.n; i++) {
		const struct ebb_given *g = &w->settings.given[i];
		const struct ebb_draft_axis *axis = ebb_axis_find(&d->sweep, g->key);

		if (axis)
			ebb_draft_error(d, g->mark,
					"'%s' is swept (%s), so a when cannot fix it: give these "
					"arms a list in a when below sweep:",
					g->key, ebb_draft_place(place, axis->mark, g->mark));
	}
	for (int i = 0; i < w->axes.n; i++) {
		const struct ebb_draft_axis *a = &w->axes.axis[i];
		const struct ebb_draft_axis *axis = ebb_axis_find(&d->sweep, a->key);

		if (axis && axis->zip)
			ebb_draft_error(d, a->mark,
					"'%s' belongs to a zip (%s), so a when cannot replace it",
					a->key, ebb_draft_place(place, axis->mark, a->mark));
		if (axis && depends_on(w, a->key))
			ebb_draft_error(d, a->mark,
					"'%s' cannot replace the axis of '%s', which its own "
					"condition asks for",
					ebb_show(shown, w->text), a->key);
	}
}

void ebb_draft_settle_files(struct ebb_draft *d)
{
	check_zips(d, &d->sweep, false);
	for (int i = 0; i < d->n_whens; i++) {
		check_zips(d, &d->when[i].axes, false);
		check_when(d, &d->when[i]);
	}
}

/* ---- with the overrides ---- */

static bool is_overridden(const struct ebb_draft *d, const char *key)
{
	const struct ebb_draft_axis *axis = ebb_axis_find(&d->sweep, key);

	return ebb_givens_find(&d->override, key) || (axis && axis->source == EBB_FROM_LINE);
}

static void settle_when(struct ebb_draft *d, struct ebb_when *w)
{
	for (int i = 0; i < w->axes.n; i++)
		if (is_overridden(d, w->axes.axis[i].key))
			ebb_axis_drop(d, &w->axes, w->axes.axis[i--].key);
	check_zips(d, &w->axes, true);
}

static void warn_of_covered(struct ebb_draft *d)
{
	for (int i = 0; i < d->sweep.n; i++) {
		const struct ebb_given *g = ebb_givens_find(&d->fixed, d->sweep.axis[i].key);

		if (g && g->source == d->sweep.axis[i].source)
			ebb_draft_once(d, EBB_WARNING, g->mark,
				       "'%s' does nothing here: the sweep sets it for every arm",
				       g->key);
	}
}

/* A row of algorithms: that no arm is made of. */
static void warn_of_unused(struct ebb_draft *d)
{
	for (int i = 0; i < d->n_variants; i++) {
		const struct ebb_variant *v = &d->variant[i];
		bool taken_out = is_overridden(d, "algorithm");

		if (!v->used)
			ebb_draft_once(d, taken_out ? EBB_NOTE : EBB_WARNING, v->mark,
				       taken_out ? "algorithm '%s' has no part in this run"
						 : "algorithm '%s' is described but no arm uses it",
				       v->name);
	}
}

void ebb_draft_settle(struct ebb_draft *d)
{
	check_zips(d, &d->sweep, true);
	for (int i = 0; i < d->n_whens; i++)
		settle_when(d, &d->when[i]);
	warn_of_covered(d);
	if (d->diag->n_errors == 0)
		warn_of_unused(d);
}
