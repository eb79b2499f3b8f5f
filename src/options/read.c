/* The keys of a definition file, walked over the YAML tree into a draft. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

/* What a mapping of settings is read for. */
struct context {
	const char *const *words; /* keys besides options                             */
	struct ebb_givens *list;  /* where single values go; null: lists go to axes   */
	struct ebb_axes *axes;
	int zip;             /* the zip that is being read, or 0                      */
	const char *variant; /* name of the row of algorithms: it belongs to          */
	/* A key that is no setting at all; true if it was dealt with. */
	bool (*special)(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			struct ebb_mark mark, const yaml_node_t *value, const struct context *c);
	void *ctx;
};

static const char *const beta_word[] = {"beta", NULL};

static bool is_when(const char *key)
{
	return strcmp(key, "when") == 0 || strncmp(key, "when(", 5) == 0;
}

/* ---- settings ---- */

static bool is_allowed(struct ebb_draft *d, const struct context *c, const char *key,
		       struct ebb_mark mark)
{
	if (!c->variant || strncmp(key, "task.", 5) != 0)
		return true;
	ebb_draft_error(d, mark,
			"algorithm '%s' cannot set '%s': the task belongs to the definition or the "
			"sweep",
			c->variant, key);
	return false;
}

static void single_value(struct ebb_draft *d, const struct context *c, const char *key,
			 const struct ebb_option *row, struct ebb_mark mark,
			 const yaml_node_t *node)
{
	const struct ebb_draft_axis *axis = ebb_axis_find(&d->sweep, key);
	struct ebb_mark at = ebb_node_mark(d, node);
	const char *text;
	char *value = NULL, shown[EBB_SHOWN];

	if (!is_allowed(d, c, key, mark))
		return;
	text = ebb_node_scalar(d, node, key);
	if (text && ebb_range_is(key, row, text))
		ebb_draft_error(d, at,
				"'%s' takes one value here, not the range '%s': ranges stand below "
				"sweep:",
				key, ebb_show(shown, text));
	else if (text)
		value = ebb_draft_value(d, key, row, text, at);
	if (!value) {
		ebb_draft_doubt(d, key);
		return;
	}
	/* a value given after a sweep takes its place */
	if (c->list == &d->fixed && axis && axis->source < d->source)
		ebb_axis_drop(d, &d->sweep, key);
	ebb_givens_add(d, c->list, key, value, mark, at);
}

/* Entries of a mapping of settings; group is null at its top. */
static void settings(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map,
		     const char *group, const struct context *c)
{
	for (int i = 0; i < ebb_node_entries(map); i++) {
		const char *text = ebb_node_key(d, doc, map, i);
		const yaml_node_t *value = ebb_node_value(doc, map, i);
		struct ebb_mark mark = ebb_node_key_mark(d, doc, map, i);
		const struct ebb_option *row;
		char key[EBB_KEY_MAX], *full, shown[EBB_SHOWN];

		if (!text)
			continue;
		if (!group && c->special(d, doc, text, mark, value, c))
			continue;
		if (!group && ebb_option_group_about(text)) {
			char like[EBB_KEY_MAX];

			snprintf(like, sizeof like, "%s: {option: value}", text);
			if (ebb_node_is_map(d, value, text, like))
				settings(d, doc, value, text, c);
			continue;
		}
		full = group ? ebb_xprintf("%s.%s", group, text) : ebb_xstrdup(text);
		if (!ebb_text_is_plain(full))
			ebb_draft_error(d, mark, "unknown key '%s'", ebb_show(shown, full));
		else if (ebb_draft_key(d, full, mark, group ? NULL : c->words, key, &row)) {
			if (c->list)
				single_value(d, c, key, row, mark, value);
			else
				ebb_axis_read(d, doc, c->axes, c->zip, key, row, mark, value);
		}
		free(full);
	}
}

/* ---- zips ---- */

/* zip, when and seeds do not nest. */
static bool zip_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			struct ebb_mark mark, const yaml_node_t *value, const struct context *c)
{
	char shown[EBB_SHOWN];

	if (!is_when(key) && strcmp(key, "zip") != 0 && strncmp(key, "seed", 4) != 0)
		return false;
	ebb_draft_error(d, mark, "'%s' cannot stand in a zip: it pairs lists of options",
			ebb_show(shown, key));
	return true;
}

/* {key: list, key: list}: one zip of the axes of c. */
static void read_zip(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map,
		     struct ebb_mark mark, const struct context *c)
{
	struct context zip = *c;

	if (!ebb_node_is_map(d, map, "zip", "zip: {alpha: [0, 0.1], clip.high: [0.2, 0.3]}"))
		return;
	if (ebb_node_entries(map) < 2) {
		ebb_draft_error(d, ebb_node_mark(d, map), "a zip pairs two keys or more");
		return;
	}
	zip.zip = ebb_zip_new(d, mark);
	zip.special = zip_special;
	settings(d, doc, map, NULL, &zip);
}

static void read_zips(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *value,
		      struct ebb_mark mark, const struct context *c)
{
	yaml_node_item_t *item;

	if (value->type != YAML_SEQUENCE_NODE) {
		read_zip(d, doc, value, mark, c);
		return;
	}
	item = value->data.sequence.items.start;
	if (item == value->data.sequence.items.top)
		ebb_draft_error(d, ebb_node_mark(d, value), "'zip' has an empty list of zips");
	for (; item < value->data.sequence.items.top; item++) {
		const yaml_node_t *map = yaml_document_get_node(doc, *item);

		read_zip(d, doc, map, ebb_node_mark(d, map), c);
	}
}

/* ---- whens ---- */

static bool when_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			 struct ebb_mark mark, const yaml_node_t *value, const struct context *c)
{
	/* what a condition may ask for and what lies below all else cannot follow from it */
	static const char *const base[] = {"algorithm", "task.name", "task.preset"};
	char shown[EBB_SHOWN];

	if (is_when(key)) {
		ebb_draft_error(d, mark,
				"a when cannot stand in a when: join the conditions with a comma");
		return true;
	}
	if (strcmp(key, "zip") == 0 && !c->list) {
		read_zips(d, doc, value, mark, c);
		return true;
	}
	if (strcmp(key, "zip") == 0 || strcmp(key, "seed") == 0 || strcmp(key, "seeds") == 0 ||
	    strcmp(key, "name") == 0 || strcmp(key, "about") == 0) {
		ebb_draft_error(d, mark, "a when cannot set '%s'", ebb_show(shown, key));
		return true;
	}
	for (size_t i = 0; i < sizeof base / sizeof *base; i++)
		if (strcmp(key, base[i]) == 0) {
			ebb_draft_error(
				d, mark, "a when cannot set '%s': sweep it, or write %s", key,
				i ? "a definition of its own" : "a row of algorithms: for it");
			return true;
		}
	return false;
}

/* Where the letters of a key stand; the text is that of its node. */
static struct ebb_mark letters_of(yaml_document_t *doc, const struct ebb_draft *d, const char *text)
{
	for (yaml_node_t *n = doc->nodes.start; n < doc->nodes.top; n++)
		if (n->type == YAML_SCALAR_NODE && (const char *)n->data.scalar.value == text)
			return ebb_node_letters(d, n);
	return (struct ebb_mark){0};
}

/* below_sweep: it holds lists, else single values. */
static void read_when(struct ebb_draft *d, yaml_document_t *doc, const char *text,
		      struct ebb_mark mark, const yaml_node_t *value, bool below_sweep)
{
	struct ebb_when wrong = {0}, *w = ebb_when_new(d, text, mark, letters_of(doc, d, text));
	struct context c = {.words = beta_word, .special = when_special};

	/* where the condition is wrong, what it guards is still looked through */
	w = w ? w : &wrong;
	c.list = below_sweep ? NULL : &w->settings;
	c.axes = &w->axes;
	if (ebb_node_is_map(d, value, text,
			    below_sweep ? "when(algorithm=NAME): {beta: [0, 0.1]}"
					: "when(algorithm=NAME): {beta: 0.1}"))
		settings(d, doc, value, NULL, &c);
	ebb_when_release(&wrong);
}

static bool sweep_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			  struct ebb_mark mark, const yaml_node_t *value, const struct context *c)
{
	if (is_when(key)) {
		read_when(d, doc, key, mark, value, true);
	} else if (strcmp(key, "zip") == 0) {
		read_zips(d, doc, value, mark, c);
	} else if (strcmp(key, "seed") == 0) {
		ebb_seeds_read(d, doc, key, mark, value);
	} else if (strcmp(key, "seeds") == 0) {
		ebb_draft_error(d, mark, "'seeds' stands at the top level, not below sweep:");
	} else {
		return false;
	}
	return true;
}

/* ---- algorithms ---- */

static bool is_name(const char *text)
{
	if (!isalnum((unsigned char)text[0]) && text[0] != '_')
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
			return false;
	return true;
}

static bool variant_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			    struct ebb_mark mark, const yaml_node_t *value, const struct context *c)
{
	struct ebb_variant *v = c->ctx;
	const char *text;

	if (is_when(key) || strcmp(key, "zip") == 0) {
		ebb_draft_error(d, mark, "a %s cannot stand in a row of algorithms:",
				is_when(key) ? "when" : "zip");
		return true;
	}
	if (strcmp(key, "about") == 0) {
		ebb_node_scalar(d, value, "about");
		return true;
	}
	if (strcmp(key, "from") != 0)
		return false;
	text = ebb_node_scalar(d, value, "from");
	free(v->from);
	v->from = ebb_xstrdup(text ? text : "");
	v->from_mark = ebb_node_mark(d, value);
	return true;
}

/* The row of this name: one of an earlier file, which goes on, or a new one. Null: this file has
 * one already, and that was said. */
static struct ebb_variant *variant_of(struct ebb_draft *d, const char *name, struct ebb_mark mark)
{
	struct ebb_variant *v = (struct ebb_variant *)ebb_draft_variant(d, name);

	if (v && v->source == d->source) {
		ebb_draft_error(d, mark, "'%s' and '%s' are the same name", v->name, name);
		return NULL;
	}
	if (!v) {
		d->variant =
			ebb_xrealloc(d->variant, (size_t)d->n_variants + 1, sizeof *d->variant);
		v = &d->variant[d->n_variants++];
		*v = (struct ebb_variant){.name = ebb_xstrdup(name)};
	}
	v->mark = mark;
	v->source = d->source;
	return v;
}

static void read_variant(struct ebb_draft *d, yaml_document_t *doc, const char *name,
			 struct ebb_mark mark, const yaml_node_t *value)
{
	struct context c = {.words = beta_word, .variant = name, .special = variant_special};
	struct ebb_variant *v;
	char shown[EBB_SHOWN];

	ebb_show(shown, name);
	if (!is_name(name) || strlen(name) >= EBB_STR_MAX) {
		ebb_draft_error(d, mark,
				"'%s' is no name for an algorithm: take up to %d letters, digits "
				"and _ . -",
				shown, EBB_STR_MAX - 1);
		return;
	}
	if (ebb_preset_find(name)) {
		ebb_draft_error(d, mark, "'%s' is a built-in algorithm: take another name", shown);
		return;
	}
	if (!ebb_node_is_map(d, value, name, "{from: NAME, clip.high: 0.3}"))
		return;
	v = variant_of(d, name, mark);
	if (!v)
		return;
	c.list = &v->settings;
	c.ctx = v;
	settings(d, doc, value, NULL, &c);
}

static void read_variants(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map)
{
	if (!ebb_node_is_map(d, map, "algorithms",
			     "algorithms: {mine: {from: NAME, clip.high: 0.3}}"))
		return;
	for (int i = 0; i < ebb_node_entries(map); i++) {
		const char *name = ebb_node_key(d, doc, map, i);

		if (name)
			read_variant(d, doc, name, ebb_node_key_mark(d, doc, map, i),
				     ebb_node_value(doc, map, i));
	}
}

/* ---- the top level ---- */

bool ebb_draft_set_name(struct ebb_draft *d, const char *text, struct ebb_mark mark)
{
	char shown[EBB_SHOWN];

	if (!is_name(text) || strlen(text) > EBB_NAME_MAX) {
		ebb_draft_error(d, mark,
				"'%s' is no name for an experiment: take up to %d letters, digits "
				"and _ . - and begin with a letter or digit",
				ebb_show(shown, text), EBB_NAME_MAX);
		return false;
	}
	free(d->name);
	d->name = ebb_xstrdup(text);
	d->name_mark = mark;
	return true;
}

static void read_items(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *node,
		       const char *what, struct ebb_item **item, int *n)
{
	yaml_node_item_t *child;

	for (int i = 0; i < *n; i++) /* of an earlier file */
		free((*item)[i].text);
	*n = 0;
	if (node->type != YAML_SEQUENCE_NODE) {
		ebb_draft_error(d, ebb_node_mark(d, node), "'%s' must be a list", what);
		return;
	}
	if (node->data.sequence.items.top - node->data.sequence.items.start > EBB_ENTRIES_MAX) {
		ebb_draft_error(d, ebb_node_mark(d, node), "'%s' has more than %d entries", what,
				EBB_ENTRIES_MAX);
		return;
	}
	for (child = node->data.sequence.items.start; child < node->data.sequence.items.top;
	     child++) {
		const yaml_node_t *entry = yaml_document_get_node(doc, *child);
		const char *text;

		if (entry->type != YAML_SCALAR_NODE) {
			ebb_draft_error(d, ebb_node_mark(d, entry),
					"an entry of '%s' is a text: quote it if it holds ': '",
					what);
			continue;
		}
		text = ebb_node_scalar(d, entry, what);
		if (!text)
			continue;
		*item = ebb_xrealloc(*item, (size_t)*n + 1, sizeof **item);
		(*item)[(*n)++] = (struct ebb_item){ebb_xstrdup(text), ebb_node_mark(d, entry)};
	}
}

static bool top_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			struct ebb_mark mark, const yaml_node_t *value, const struct context *c)
{
	static const char *const sweep_words[] = {"algorithm", "beta", NULL};
	const struct context sweep = {
		.words = sweep_words, .axes = &d->sweep, .special = sweep_special};
	const char *text;

	if (is_when(key)) {
		read_when(d, doc, key, mark, value, false);
		return true;
	}
	if (strcmp(key, "zip") == 0) {
		ebb_draft_error(d, mark, "'zip' stands below sweep:");
		return true;
	}
	if (strcmp(key, "name") == 0) {
		text = ebb_node_scalar(d, value, key);
		if (text)
			ebb_draft_set_name(d, text, ebb_node_mark(d, value));
		d->name_mark = mark; /* given, rightly or wrongly: no stem instead */
	} else if (strcmp(key, "about") == 0) {
		text = ebb_node_scalar(d, value, key);
		free(d->about);
		d->about = ebb_xstrdup(text ? text : "");
	} else if (strcmp(key, "algorithms") == 0) {
		read_variants(d, doc, value);
	} else if (strcmp(key, "sweep") == 0) {
		if (ebb_node_is_map(d, value, key, "sweep: {alpha: [0, 0.01]}"))
			settings(d, doc, value, NULL, &sweep);
	} else if (strcmp(key, "seeds") == 0 || strcmp(key, "seed") == 0) {
		ebb_seeds_read(d, doc, key, mark, value);
	} else if (strcmp(key, "figures") == 0) {
		read_items(d, doc, value, key, &d->figure, &d->n_figures);
	} else if (strcmp(key, "claims") == 0) {
		read_items(d, doc, value, key, &d->claim, &d->n_claims);
	} else {
		return false;
	}
	return true;
}

void ebb_draft_read(struct ebb_draft *d, yaml_document_t *doc)
{
	/* the structural ones are dealt with before; here they are offered as the nearest */
	static const char *const words[] = {"beta",       "algorithm", "name",  "about",
					    "algorithms", "sweep",     "seeds", "seed",
					    "figures",    "claims",    NULL};
	const struct context c = {.words = words, .list = &d->fixed, .special = top_special};
	const yaml_node_t *root = yaml_document_get_root_node(doc);

	if (!root) {
		ebb_draft_error(d, d->whole, "the file is empty: an experiment needs a key");
		return;
	}
	if (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0) {
		ebb_draft_error(d, d->whole, "the file is empty: an experiment needs a key");
		return;
	}
	if (root->type != YAML_MAPPING_NODE) {
		ebb_draft_error(d, ebb_node_mark(d, root),
				"an experiment is a mapping of keys to values");
		return;
	}
	if (ebb_node_is_map(d, root, "the file", ""))
		settings(d, doc, root, NULL, &c);
}
