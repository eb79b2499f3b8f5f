/*
 * From a draft to arms and to trials. Arms are the product of the plain axes, at each point of
 * which the whens that hold add axes of their own or replace plain ones. plan.c makes trials of them.
 */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

#define MERGED_SHOWN 8

/* One point of the plain sweep in the making of arms. */
struct making {
	struct ebb_draft *d;
	struct ebb_definition *def;
	struct ebb_options builtin;
	const struct ebb_when **held; /* the whens that hold here                          */
	int n_held;
	struct ebb_axes extra; /* their axes, borrowed                                     */
	int capacity;          /* of def->arm                                              */
	bool full;             /* more arms than there may be, and that was said           */
};

static void too_many(struct making *m)
{
	if (!m->full)
		ebb_draft_error(m->d, m->d->whole,
				"the sweep has more than %d trials: take values or seeds out of it",
				EBB_TRIALS_MAX);
	m->full = true;
}

static struct ebb_arm *new_arm(struct making *m)
{
	struct ebb_definition *def = m->def;

	if (m->full || (int64_t)(def->n_arms + 1) * def->n_seeds > EBB_TRIALS_MAX) {
		too_many(m);
		return NULL;
	}
	if (def->n_arms == m->capacity) {
		m->capacity = m->capacity ? 2 * m->capacity : 16;
		def->arm = ebb_xrealloc(def->arm, (size_t)m->capacity, sizeof *def->arm);
	}
	memset(&def->arm[def->n_arms], 0, sizeof *def->arm);
	return &def->arm[def->n_arms++];
}

/* What the plain axes give at a point, without those that a when replaces here. */
static void pick_plain(const struct making *m, const int *at, struct ebb_point *point)
{
	const struct ebb_axes *sweep = &m->d->sweep;

	for (int i = 0; i < sweep->n; i++) {
		const struct ebb_draft_axis *axis = &sweep->axis[i];

		if (axis->values.n > 0 && !ebb_axis_find(&m->extra, axis->key))
			point->pick[point->n_picks++] =
				(struct ebb_pick){axis, at[i], .named = axis->values.n > 1};
	}
}

static void pick_extra(const struct making *m, const int *at, struct ebb_point *point)
{
	for (int i = 0; i < m->extra.n; i++) {
		const struct ebb_draft_axis *axis = &m->extra.axis[i];
		const struct ebb_draft_axis *plain = ebb_axis_find(&m->d->sweep, axis->key);
		bool named = axis->values.n > 1 || (plain && plain->values.n > 1);

		if (axis->values.n > 0)
			point->pick[point->n_picks++] = (struct ebb_pick){axis, at[i], true, named};
	}
}

/* ---- whens ---- */

/* The arm of a point as it is without whens; what is wrong with it may be what a when puts right,
 * so its findings are dropped. */
static void find_held(struct making *m, const int *at)
{
	struct ebb_draft *d = m->d;
	struct ebb_diag aside = EBB_DIAG_INIT, *diag = d->diag;
	struct ebb_point point = {.pick = ebb_xcalloc((size_t)d->sweep.n + 1, sizeof *point.pick)};
	struct ebb_arm arm = {0};
	int first = d->first;

	m->n_held = 0;
	m->extra.n = 0;
	pick_plain(m, at, &point);
	d->diag = &aside;
	d->first = 0;
	ebb_draft_make_arm(d, &m->builtin, &point, &arm);
	d->diag = diag;
	d->first = first;
	for (int i = 0; i < d->n_whens; i++)
		if (ebb_when_holds(d, &d->when[i], &arm.options)) {
			d->when[i].held = true;
			m->held[m->n_held++] = &d->when[i];
		}
	ebb_arm_release(&arm);
	ebb_diag_release(&aside);
	free(point.pick);
}

/* Does another when set this key for the same arm? */
static const struct ebb_given *find_fixed(const struct making *m, const char *key)
{
	const struct ebb_given *g = NULL;

	for (int i = 0; i < m->n_held && !g; i++)
		g = ebb_givens_find(&m->held[i]->settings, key);
	return g;
}

/* The axes of the whens that hold; of two for one key the later file's. */
static void collect_axes(struct making *m)
{
	char place[EBB_PLACE_MAX];

	for (int w = 0; w < m->n_held; w++)
		for (int i = 0; i < m->held[w]->axes.n; i++) {
			const struct ebb_draft_axis *axis = &m->held[w]->axes.axis[i];
			struct ebb_draft_axis *old = ebb_axis_find(&m->extra, axis->key);
			const struct ebb_given *fixed = find_fixed(m, axis->key);
			struct ebb_mark other = old ? old->mark : fixed ? fixed->mark : axis->mark;

			if (fixed || (old && old->source == axis->source))
				ebb_draft_once(m->d, EBB_ERROR, axis->mark,
					       "'%s' is set by two whens that hold for one arm "
					       "(also %s)",
					       axis->key,
					       ebb_draft_place(place, other, axis->mark));
			if (old)
				*old = *axis;
			else
				m->extra.axis[m->extra.n++] = *axis;
		}
}

/* Points that differ only in axes replaced here make the same arms: the first one does. */
static bool is_first(const struct making *m, const int *at)
{
	for (int i = 0; i < m->d->sweep.n; i++)
		if (at[i] > 0 && ebb_axis_find(&m->extra, m->d->sweep.axis[i].key))
			return false;
	return true;
}

/* ---- arms ---- */

/* The arms of one point of the plain sweep: one, or the product of the whens' axes. */
static void make_point(struct making *m, const int *at)
{
	struct ebb_point point = {.when = m->held};
	int64_t n;
	int *extra_at;

	if (m->d->n_whens > 0) {
		find_held(m, at);
		collect_axes(m);
		if (!is_first(m, at))
			return;
	}
	n = ebb_axes_points(&m->extra, EBB_TRIALS_MAX);
	if (n > EBB_TRIALS_MAX) {
		too_many(m);
		return;
	}
	point.n_whens = m->n_held;
	point.pick = ebb_xcalloc((size_t)(m->d->sweep.n + m->extra.n) + 1, sizeof *point.pick);
	extra_at = ebb_xcalloc((size_t)m->extra.n + 1, sizeof *extra_at);
	for (int64_t i = 0; i < n; i++) {
		struct ebb_arm *arm = new_arm(m);

		if (!arm)
			break;
		point.n_picks = 0;
		pick_plain(m, at, &point);
		pick_extra(m, extra_at, &point);
		ebb_draft_make_arm(m->d, &m->builtin, &point, arm);
		ebb_axes_step(&m->extra, extra_at);
	}
	free(extra_at);
	free(point.pick);
}

/* A when without an arm: the overrides took what it names out of this run, or it names nothing. */
static void tell_unheld(struct ebb_draft *d)
{
	char shown[EBB_SHOWN];

	for (int i = 0; i < d->n_whens; i++) {
		const struct ebb_when *w = &d->when[i];

		if (w->held)
			continue;
		if (d->n_overrides > 0)
			ebb_draft_once(d, EBB_NOTE, w->mark,
				       "'%s' is not applicable: it holds for no arm of this run",
				       ebb_show(shown, w->text));
		else
			ebb_draft_once(d, EBB_WARNING, w->mark, "'%s' holds for no arm",
				       ebb_show(shown, w->text));
	}
}

static void make_arms(struct ebb_draft *d, struct ebb_definition *def)
{
	struct making m = {.d = d, .def = def};
	int64_t n = ebb_axes_points(&d->sweep, EBB_TRIALS_MAX);
	size_t n_extra = 1;
	int *at;

	if (n * def->n_seeds > EBB_TRIALS_MAX) {
		too_many(&m);
		return;
	}
	for (int i = 0; i < d->n_whens; i++)
		n_extra += (size_t)d->when[i].axes.n;
	ebb_options_init(&m.builtin, d->catalog);
	m.builtin.seed = def->seed[0];
	m.held = ebb_xcalloc((size_t)d->n_whens + 1, sizeof *m.held);
	m.extra.axis = ebb_xcalloc(n_extra, sizeof *m.extra.axis);
	at = ebb_xcalloc((size_t)d->sweep.n + 1, sizeof *at);
	for (int64_t i = 0; i < n && !m.full; i++) {
		make_point(&m, at);
		ebb_axes_step(&d->sweep, at);
	}
	if (d->diag->n_errors == 0)
		tell_unheld(d);
	free(at);
	free(m.extra.axis);
	free(m.held);
}

/* ---- trials ---- */

/* Labels differ, so no text comes twice; a few are enough to see which key it is. */
static void note_merged(struct ebb_draft *d, const struct ebb_definition *def)
{
	int n = 0;

	for (int a = 0; a < def->n_arms; a++) {
		int first = def->plan[def->plan_of[(size_t)a * (size_t)def->n_seeds]].arm;

		if (first != a && ++n <= MERGED_SHOWN)
			ebb_diag_add(d->diag, EBB_NOTE, d->whole,
				     "arm '%s' is the same as '%s': it runs once",
				     def->arm[a].label, def->arm[first].label);
	}
	if (n > MERGED_SHOWN)
		ebb_diag_add(d->diag, EBB_NOTE, d->whole,
			     "%d more arms are the same as others: they run once",
			     n - MERGED_SHOWN);
}

void ebb_draft_resolve(struct ebb_draft *d, struct ebb_definition *def)
{
	if (d->n_seeds == 0) { /* none given, or none of them usable: go on to find more errors */
		def->n_seeds = 1;
		def->seed = ebb_xcalloc(1, sizeof *def->seed);
		def->seed[0] = EBB_SEED_FIRST;
	} else {
		def->n_seeds = d->n_seeds;
		def->seed = d->seed;
		d->seed = NULL;
		d->n_seeds = 0;
	}
	make_arms(d, def);
	if (d->diag->n_errors > 0)
		return;
	ebb_definition_plan(def, d->catalog, NULL, NULL, NULL);
	note_merged(d, def);
}
