/*
 * One arm of a draft: a point of the sweep takes its settings level by level,
 *
 *   built-in < task preset < algorithm preset and variants < definition < swept values < whens
 *   < overrides
 *
 * The task's name and preset are looked up first, at whatever level they stand, because they say
 * which options exist and what lies below all others.
 */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

#define BETA_OF_KL "kl.coef" /* the one meaning of beta that needs a place and an estimator */

enum level { LEVEL_VARIANT, LEVEL_FIXED, LEVEL_SWEPT, LEVEL_WHEN, LEVEL_OVERRIDE };

struct list { /* what stands at one level for one arm */
	const struct ebb_given **given;
	int n;
};

struct point { /* one arm in the making */
	struct ebb_draft *d;
	struct list fixed, swept, when, override;
	const struct ebb_preset *root;
	const struct ebb_variant *variant; /* null: a built-in algorithm            */
	const char *algorithm;
	struct ebb_options *o;
	struct ebb_arm *arm;
	char *label;
	bool estimator_given; /* kl.estimator stands somewhere in the user's text   */
};

static const struct ebb_given *find(const struct list *list, const char *key)
{
	for (int i = 0; i < list->n; i++)
		if (strcmp(list->given[i]->key, key) == 0)
			return list->given[i];
	return NULL;
}

/* The setting of key that wins above the algorithm; null: there is none. */
static const struct ebb_given *winner(const struct point *p, const char *key)
{
	const struct ebb_given *g = find(&p->override, key);

	if (!g)
		g = find(&p->when, key);
	if (!g)
		g = find(&p->swept, key);
	return g ? g : find(&p->fixed, key);
}

static const char *meaning(const struct point *p, const struct ebb_given *g)
{
	return strcmp(g->key, "beta") == 0 ? p->root->beta : g->key;
}

/* A definition's key lies above the rows of algorithms:, so a row's setting of it is lost. */
static void warn_of_lost_row(struct point *p, const struct ebb_given *g)
{
	for (const struct ebb_variant *v = p->variant; v; v = v->parent)
		for (int i = 0; i < v->settings.n; i++) {
			const struct ebb_given *lost = &v->settings.given[i];
			char place[EBB_PLACE_MAX];

			if (strcmp(meaning(p, lost), meaning(p, g)) != 0 ||
			    strcmp(lost->value, g->value) == 0)
				continue;
			ebb_draft_once(p->d, EBB_WARNING, lost->mark,
				       "'%s' of algorithm '%s' does nothing: the definition's '%s' "
				       "(%s) sets it for every arm",
				       lost->key, v->name, g->key,
				       ebb_draft_place(place, g->mark, lost->mark));
		}
}

/* The user's text decided row (null: the algorithm); a later level replaces an earlier one. */
static void remember(struct point *p, const struct ebb_option *row, struct ebb_mark mark)
{
	struct ebb_arm *arm = p->arm;
	int i = 0;

	while (i < arm->n_places && arm->place[i].row != row)
		i++;
	if (i == arm->n_places)
		arm->place = ebb_xrealloc(arm->place, (size_t)++arm->n_places, sizeof *arm->place);
	arm->place[i] = (struct ebb_place){row, mark};
}

static void set(struct point *p, const struct ebb_given *g, const char *key)
{
	const struct ebb_option *row = ebb_option_find(p->d->catalog, p->o->task.name, key);
	struct ebb_err err = EBB_ERR_INIT;

	if (!row) {
		if (!ebb_draft_doubts(p->d, "task.name"))
			ebb_draft_once(p->d, EBB_ERROR, g->mark, "task '%s' has no option '%s'",
				       p->o->task.name, key);
	} else if (ebb_option_set(p->o, row, g->value, &err) < 0) {
		ebb_draft_once(p->d, EBB_ERROR, g->at, "%s%s",
			       strcmp(g->key, "beta") ? "" : "beta: ", err.text);
	} else {
		remember(p, row, g->mark);
	}
}

/* beta at one level, after the level's other settings. */
static void set_beta(struct point *p, const struct list *list, const struct ebb_given *g)
{
	const char *key = p->root->beta;
	const struct ebb_given *place = find(list, "kl.place"), *itself = find(list, key);

	if (key[0] == 0) {
		ebb_draft_once(p->d, EBB_ERROR, g->mark,
			       "algorithm '%s' has no beta: name the option itself, like kl.coef "
			       "with kl.place, or leave the algorithm out",
			       p->algorithm);
		return;
	}
	if (itself && itself->source == g->source) {
		ebb_draft_once(p->d, EBB_ERROR, g->mark,
			       "'beta' and '%s' are the same option for algorithm '%s': give one",
			       key, p->algorithm);
		return;
	}
	if (itself && itself->source > g->source) /* a later file's word */
		return;
	set(p, g, key);
	if (strcmp(key, BETA_OF_KL) != 0 || p->o->kl.place != EBB_KL_NONE) {
		ebb_draft_once(p->d, EBB_NOTE, g->mark, "beta is %s for algorithm '%s'", key,
			       p->algorithm);
		return;
	}
	if (place) {
		ebb_draft_once(p->d, EBB_WARNING, g->mark,
			       "beta does nothing for algorithm '%s': kl.place is none",
			       p->algorithm);
		return;
	}
	p->o->kl.place = EBB_KL_LOSS;
	if (!p->estimator_given)
		p->o->kl.estimator = EBB_KL_K3;
	ebb_draft_once(p->d, EBB_NOTE, g->mark,
		       "beta is %s for algorithm '%s'; kl.place was none, so it also sets "
		       "kl.place=loss%s",
		       key, p->algorithm, p->estimator_given ? "" : " kl.estimator=k3");
}

static void apply(struct point *p, const struct list *list, enum level level)
{
	const struct ebb_given *beta = find(list, "beta");

	if (find(list, "kl.estimator"))
		p->estimator_given = true;
	for (int i = 0; i < list->n; i++) {
		const struct ebb_given *g = list->given[i];

		if (strcmp(g->key, "algorithm") == 0 || strcmp(g->key, "task.name") == 0 ||
		    strcmp(g->key, "task.preset") == 0)
			continue;
		if (level == LEVEL_FIXED)
			warn_of_lost_row(p, g);
		if (g != beta)
			set(p, g, g->key);
	}
	if (beta)
		set_beta(p, list, beta);
}

static struct list list_of(const struct ebb_givens *givens)
{
	struct list list = {ebb_xcalloc((size_t)givens->n + 1, sizeof *list.given), givens->n};

	for (int i = 0; i < givens->n; i++)
		list.given[i] = &givens->given[i];
	return list;
}

static void apply_variants(struct point *p, const struct ebb_variant *v)
{
	struct list list;

	if (!v)
		return;
	apply_variants(p, v->parent);
	list = list_of(&v->settings);
	apply(p, &list, LEVEL_VARIANT);
	free(list.given);
}

/* Settings of a built-in table: a mistake in them is ours. */
static void apply_table(struct point *p, const char *settings, const char *name)
{
	struct ebb_err err = EBB_ERR_INIT;

	if (ebb_options_apply(p->o, p->d->catalog, settings, &err) < 0)
		EBB_BUG("preset %s: %s", name, err.text);
}

/* Name a preset of the arm's task; null, and said so, where there is none of that name. */
static const struct ebb_task_preset *find_task_preset(struct point *p,
						      const struct ebb_task_rows *task,
						      const char *name, const char *key,
						      struct ebb_mark mark)
{
	struct ebb_near near;
	char shown[EBB_SHOWN];

	ebb_near_init(&near, name);
	for (int i = 0; i < task->n_presets; i++) {
		if (strcmp(task->preset[i].name, name) == 0)
			return &task->preset[i];
		ebb_near_offer(&near, task->preset[i].name);
	}
	ebb_show(shown, name);
	if (ebb_near_word(&near))
		ebb_draft_once(p->d, EBB_ERROR, mark,
			       "%s: task '%s' has no preset '%s': did you mean '%s'?", key,
			       task->name, shown, near.best);
	else
		ebb_draft_once(p->d, EBB_ERROR, mark,
			       "%s: task '%s' has no preset '%s': ebb options task lists them", key,
			       task->name, shown);
	return NULL;
}

static void apply_task(struct point *p)
{
	const struct ebb_given *name = winner(p, "task.name"), *preset = winner(p, "task.preset");
	const struct ebb_task_rows *task;
	const struct ebb_task_preset *row;

	if (name && ebb_options_task(p->o, p->d->catalog, name->value, NULL) == 0)
		remember(p, ebb_option_find(p->d->catalog, NULL, "task.name"), name->mark);
	task = ebb_task_rows_find(p->d->catalog, p->o->task.name);
	if (!task || ebb_draft_doubts(p->d, "task.name"))
		return;
	if (preset)
		set(p, preset, "task.preset");
	else if (task->n_presets == 0)
		return;
	row = find_task_preset(p, task, p->o->task.preset, "task.preset",
			       preset ? preset->at : p->d->whole);
	if (row)
		apply_table(p, row->settings, row->name);
}

static void apply_algorithm(struct point *p)
{
	const struct ebb_given *g = winner(p, "algorithm");
	const char *name = g ? g->value : ebb_preset_default()->name;

	p->variant = ebb_draft_variant(p->d, name);
	p->root = p->variant ? p->variant->root : ebb_preset_find(name);
	p->algorithm = name;
	if (g)
		remember(p, NULL, g->mark);
	if (!p->root) /* unknown or without a root, and that was said */
		return;
	apply_table(p, p->root->settings, p->root->name);
	apply_variants(p, p->variant);
	memset(p->o->algorithm, 0, sizeof p->o->algorithm);
	memcpy(p->o->algorithm, name, strlen(name));
}

/* ---- checks of an arm ---- */

/* The next "group.name" of a message's text; the checks name all options by their full key. */
static bool next_key(const char **at, char key[EBB_KEY_MAX])
{
	static const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789_.";

	for (;;) {
		const char *s = *at + strcspn(*at, letters);
		size_t n = strspn(s, letters);

		if (n == 0)
			return false;
		*at = s + n;
		if (n < EBB_KEY_MAX && memchr(s, '.', n)) {
			memcpy(key, s, n);
			key[n] = 0;
			return true;
		}
	}
}

static const struct ebb_given *find_in_variants(const struct point *p, const char *key)
{
	const struct ebb_given *g = NULL;

	for (const struct ebb_variant *v = p->variant; v && !g; v = v->parent)
		g = ebb_givens_find(&v->settings, key);
	return g;
}

static void problem(void *ctx, const char *text)
{
	struct point *p = ctx;
	struct ebb_mark mark = p->d->whole;
	const struct ebb_given *g = NULL;
	const char *at = text;
	char key[EBB_KEY_MAX];

	while (next_key(&at, key)) {
		if (ebb_draft_doubts(p->d, key))
			return;
		if (!g)
			g = winner(p, key);
		if (!g)
			g = find_in_variants(p, key);
	}
	if (g)
		mark = g->at;
	for (int i = p->d->first; i < p->d->diag->n; i++) /* said of another arm? */
		if (strncmp(p->d->diag->entry[i].text, text, strlen(text)) == 0)
			return;
	if (strcmp(p->label, p->algorithm) == 0)
		ebb_draft_error(p->d, mark, "%s", text);
	else
		ebb_draft_error(p->d, mark, "%s (arm '%s')", text, p->label);
}

static void check(struct point *p)
{
	const struct ebb_task_rows *task = ebb_task_rows_find(p->d->catalog, p->o->task.name);
	const struct ebb_given *from = winner(p, "pretrain.from");

	ebb_options_check(p->o, problem, p);
	/* RUN/TRIAL@STEP names another trial's policy; whoever reads runs looks whether it is there */
	if (task && p->o->pretrain.from[0] && !strchr(p->o->pretrain.from, '@'))
		find_task_preset(p, task, p->o->pretrain.from, "pretrain.from",
				 from ? from->at : p->d->whole);
}

/* ---- label and axes ---- */

static char *label_of(const struct ebb_draft *d, const struct ebb_point *point,
		      const char *algorithm)
{
	struct ebb_buf label = EBB_BUF_INIT;

	ebb_buf_puts(&label, algorithm);
	for (int i = 0; i < point->n_picks; i++) {
		const struct ebb_pick *pick = &point->pick[i];
		const char *key = pick->axis->key;
		const struct ebb_option *row;

		if (!pick->named || strcmp(key, "algorithm") == 0)
			continue;
		row = ebb_option_find(d->catalog, NULL, key);
		ebb_buf_printf(&label, " %s=%s", row && row->alias[0] ? row->alias : key,
			       pick->axis->values.given[pick->value].value);
	}
	return ebb_buf_take(&label);
}

static void set_axes(const struct ebb_draft *d, const struct ebb_point *point, struct ebb_arm *arm)
{
	int n = 0;

	arm->axis = ebb_xcalloc((size_t)point->n_picks + 1, sizeof *arm->axis);
	if (!ebb_axis_find(&d->sweep, "algorithm"))
		arm->axis[n++] = (struct ebb_setting){ebb_xstrdup("algorithm"),
						      ebb_xstrdup(arm->options.algorithm)};
	for (int i = 0; i < point->n_picks; i++) {
		const struct ebb_draft_axis *axis = point->pick[i].axis;

		arm->axis[n++] = (struct ebb_setting){
			ebb_xstrdup(axis->key),
			ebb_xstrdup(axis->values.given[point->pick[i].value].value)};
	}
	arm->n_axes = n;
}

/* ---- the levels of a point ---- */

/* Two whens that hold for one arm must not contend for a key; a later file's when wins. Of the
 * first n_swept, which are the axes of whens, this was said when the axes were collected. */
static void add_when(struct point *p, const struct ebb_given *g, int n_swept)
{
	struct list *list = &p->when;
	char place[EBB_PLACE_MAX];

	for (int i = 0; i < list->n; i++) {
		const struct ebb_given *other = list->given[i];

		if (strcmp(other->key, g->key) != 0)
			continue;
		if (i < n_swept)
			return;
		if (other->source == g->source && strcmp(other->value, g->value) != 0)
			ebb_draft_once(p->d, EBB_ERROR, g->mark,
				       "'%s' is set by two whens that hold for one arm (also %s)",
				       g->key, ebb_draft_place(place, other->mark, g->mark));
		if (g->source > other->source)
			list->given[i] = g;
		return;
	}
	list->given[list->n++] = g;
}

static void split(struct point *p, const struct ebb_point *point)
{
	size_t n_whens = 0;
	int n_swept;

	for (int i = 0; i < point->n_whens; i++)
		n_whens += (size_t)point->when[i]->settings.n;
	p->fixed = list_of(&p->d->fixed);
	p->override = list_of(&p->d->override);
	p->override.given =
		ebb_xrealloc(p->override.given, (size_t)(p->override.n + point->n_picks) + 1,
			     sizeof *p->override.given);
	p->swept.given = ebb_xcalloc((size_t)point->n_picks + 1, sizeof *p->swept.given);
	p->when.given = ebb_xcalloc((size_t)point->n_picks + n_whens + 1, sizeof *p->when.given);
	for (int i = 0; i < point->n_picks; i++) {
		const struct ebb_pick *pick = &point->pick[i];
		const struct ebb_given *g = &pick->axis->values.given[pick->value];
		struct list *list = g->source == EBB_FROM_LINE ? &p->override : &p->swept;

		if (pick->when)
			list = &p->when;
		list->given[list->n++] = g;
	}
	n_swept = p->when.n;
	for (int i = 0; i < point->n_whens; i++)
		for (int k = 0; k < point->when[i]->settings.n; k++)
			add_when(p, &point->when[i]->settings.given[k], n_swept);
}

/* A when's key must not be a swept key under its other name: the axis would do nothing. */
static void check_whens(struct point *p)
{
	for (int i = 0; i < p->when.n; i++)
		for (int k = 0; k < p->swept.n; k++) {
			const struct ebb_given *w = p->when.given[i], *s = p->swept.given[k];
			char place[EBB_PLACE_MAX];

			if (strcmp(w->key, s->key) != 0 &&
			    strcmp(meaning(p, w), meaning(p, s)) == 0)
				ebb_draft_once(p->d, EBB_ERROR, w->mark,
					       "'%s' here and '%s' of the sweep (%s) are the same "
					       "option for algorithm '%s'",
					       w->key, s->key,
					       ebb_draft_place(place, s->mark, w->mark),
					       p->algorithm);
		}
}

void ebb_draft_make_arm(struct ebb_draft *d, const struct ebb_options *builtin,
			const struct ebb_point *point, struct ebb_arm *arm)
{
	struct point p = {.d = d, .o = &arm->options, .arm = arm};

	arm->options = *builtin;
	split(&p, point);
	apply_task(&p);
	apply_algorithm(&p);
	arm->preset = p.root;
	p.label = arm->label = label_of(d, point, p.algorithm);
	if (p.root) {
		check_whens(&p);
		apply(&p, &p.fixed, LEVEL_FIXED);
		apply(&p, &p.swept, LEVEL_SWEPT);
		apply(&p, &p.when, LEVEL_WHEN);
		apply(&p, &p.override, LEVEL_OVERRIDE);
		check(&p);
	}
	set_axes(d, point, arm);
	free(p.fixed.given);
	free(p.swept.given);
	free(p.when.given);
	free(p.override.given);
}

void ebb_arm_release(struct ebb_arm *arm)
{
	free(arm->label);
	for (int i = 0; i < arm->n_axes; i++) {
		free(arm->axis[i].key);
		free(arm->axis[i].value);
	}
	free(arm->axis);
	free(arm->place);
	memset(arm, 0, sizeof *arm);
}
