/* The keys of a definition file, walked over the YAML tree into a draft. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

/* What a mapping of settings is read for. */
struct context {
	const char *const *words; /* keys besides options                             */
	struct ebb_givens *list;  /* where single values go; null: axes               */
	const char *variant;      /* name of the row of algorithms: it belongs to     */
	/* A key that is no setting at all; true if it was dealt with. May be null. */
	bool (*special)(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			struct ebb_mark mark, const yaml_node_t *value, void *ctx);
	void *ctx;
};

struct ebb_mark ebb_draft_mark(const struct ebb_draft *d, const yaml_node_t *node)
{
	return (struct ebb_mark){d->file, (int)node->start_mark.line + 1,
				 (int)node->start_mark.column + 1};
}

static bool is_setting(const char *key)
{
	return strchr(key, '.') || strcmp(key, "beta") == 0 || strcmp(key, "algorithm") == 0;
}

const char *ebb_draft_scalar(struct ebb_draft *d, const yaml_node_t *node, const char *what)
{
	struct ebb_mark mark = ebb_draft_mark(d, node);
	const char *text;

	if (node->type == YAML_SEQUENCE_NODE) {
		ebb_draft_error(d, mark, "'%s' takes one value, not a list%s", what,
				is_setting(what) ? ": to sweep it, put the list below sweep:" : "");
		return NULL;
	}
	if (node->type != YAML_SCALAR_NODE) {
		ebb_draft_error(d, mark, "'%s' takes one value, not a mapping", what);
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length) {
		ebb_draft_error(d, mark, "'%s' contains a zero byte", what);
		return NULL;
	}
	if (text[0] == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		ebb_draft_error(d, mark, "'%s' has no value: give one or drop the key", what);
		return NULL;
	}
	return text;
}

/* ---- mappings ---- */

/* The text of entry i's key, null where it is unusable, and said so. */
static const char *key_at(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map, int i)
{
	yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	yaml_node_t *key = yaml_document_get_node(doc, pair[i].key);
	struct ebb_mark mark = ebb_draft_mark(d, key);
	char shown[EBB_SHOWN], first[48];
	const char *text;

	if (key->type != YAML_SCALAR_NODE) {
		ebb_draft_error(d, mark, "a key must be a word");
		return NULL;
	}
	text = (const char *)key->data.scalar.value;
	if (strlen(text) != key->data.scalar.length || text[0] == 0) {
		ebb_draft_error(d, mark, "a key must be a word, not empty");
		return NULL;
	}
	if (strcmp(text, "<<") == 0) {
		ebb_draft_error(d, mark, "merging with << is not supported: write the keys out");
		return NULL;
	}
	for (int j = 0; j < i; j++) {
		yaml_node_t *other = yaml_document_get_node(doc, pair[j].key);

		if (other->type != YAML_SCALAR_NODE ||
		    strcmp((const char *)other->data.scalar.value, text) != 0)
			continue;
		ebb_draft_error(d, mark, "'%s' stands here twice%s", ebb_show(shown, text),
				ebb_draft_first_at(first, ebb_draft_mark(d, other)));
		return NULL;
	}
	return text;
}

static int n_entries(const yaml_node_t *map)
{
	return (int)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);
}

static yaml_node_t *value_at(yaml_document_t *doc, const yaml_node_t *map, int i)
{
	return yaml_document_get_node(doc, map->data.mapping.pairs.start[i].value);
}

static struct ebb_mark key_mark_at(struct ebb_draft *d, yaml_document_t *doc,
				   const yaml_node_t *map, int i)
{
	return ebb_draft_mark(d, yaml_document_get_node(doc, map->data.mapping.pairs.start[i].key));
}

static bool is_map(struct ebb_draft *d, const yaml_node_t *node, const char *what, const char *like)
{
	if (node->type != YAML_MAPPING_NODE) {
		ebb_draft_error(d, ebb_draft_mark(d, node), "'%s' must be a mapping, like %s", what,
				like);
		return false;
	}
	if (n_entries(node) > EBB_ENTRIES_MAX) {
		ebb_draft_error(d, ebb_draft_mark(d, node), "'%s' has more than %d entries", what,
				EBB_ENTRIES_MAX);
		return false;
	}
	return true;
}

/* ---- settings ---- */

static void single_value(struct ebb_draft *d, const struct context *c, const char *key,
			 const struct ebb_option *row, struct ebb_mark mark,
			 const yaml_node_t *node)
{
	const char *text;
	char *value;

	if (c->variant && strncmp(key, "task.", 5) == 0) {
		ebb_draft_error(d, mark,
				"algorithm '%s' cannot set '%s': the task belongs to the "
				"definition or the sweep",
				c->variant, key);
		return;
	}
	text = ebb_draft_scalar(d, node, key);
	value = text ? ebb_draft_value(d, key, row, text, ebb_draft_mark(d, node)) : NULL;
	if (value)
		ebb_givens_add(d, c->list, key, value, mark, ebb_draft_mark(d, node));
	else
		ebb_draft_doubt(d, key);
}

/* Entries of a mapping of settings; group is null at its top. */
static void settings(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map,
		     const char *group, const struct context *c)
{
	for (int i = 0; i < n_entries(map); i++) {
		const char *text = key_at(d, doc, map, i);
		const yaml_node_t *value = value_at(doc, map, i);
		struct ebb_mark mark = key_mark_at(d, doc, map, i);
		const struct ebb_option *row;
		char key[EBB_KEY_MAX], *full, shown[EBB_SHOWN];

		if (!text)
			continue;
		if (!group && c->special && c->special(d, doc, text, mark, value, c->ctx))
			continue;
		if (!group && ebb_option_group_about(text)) {
			char like[EBB_KEY_MAX];

			snprintf(like, sizeof like, "%s: {option: value}", text);
			if (is_map(d, value, text, like))
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
				ebb_draft_read_axis(d, doc, key, row, mark, value);
		}
		free(full);
	}
}

/* Words that a later release will know; saying "unknown" would be a lie. */
static bool is_later(struct ebb_draft *d, const char *key, struct ebb_mark mark)
{
	char shown[EBB_SHOWN];

	if (strcmp(key, "zip") != 0 && strcmp(key, "when") != 0 && strncmp(key, "when(", 5) != 0)
		return false;
	ebb_draft_error(d, mark, "'%s' is not supported in this version: list plain axes instead",
			ebb_show(shown, key));
	return true;
}

static bool sweep_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			  struct ebb_mark mark, const yaml_node_t *value, void *ctx)
{
	if (is_later(d, key, mark))
		return true;
	if (strcmp(key, "seed") == 0) {
		ebb_draft_read_seeds(d, doc, key, mark, value);
		return true;
	}
	if (strcmp(key, "seeds") == 0) {
		ebb_draft_error(d, mark, "'seeds' stands at the top level, not below sweep:");
		return true;
	}
	return false;
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
			    struct ebb_mark mark, const yaml_node_t *value, void *ctx)
{
	struct ebb_variant *v = ctx;
	const char *text;

	if (is_later(d, key, mark))
		return true;
	if (strcmp(key, "about") == 0) {
		ebb_draft_scalar(d, value, "about");
		return true;
	}
	if (strcmp(key, "from") != 0)
		return false;
	text = ebb_draft_scalar(d, value, "from");
	v->from = ebb_xstrdup(text ? text : "");
	v->from_mark = ebb_draft_mark(d, value);
	return true;
}

static void read_variant(struct ebb_draft *d, yaml_document_t *doc, const char *name,
			 struct ebb_mark mark, const yaml_node_t *value)
{
	static const char *const words[] = {"beta", NULL};
	struct ebb_variant v = {.mark = mark};
	struct context c = {words, &v.settings, name, variant_special, &v};
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
	if (!is_map(d, value, name, "{from: NAME, clip.high: 0.3}"))
		return;
	settings(d, doc, value, NULL, &c);
	v.name = ebb_xstrdup(name);
	d->variant = ebb_xrealloc(d->variant, (size_t)d->n_variants + 1, sizeof *d->variant);
	d->variant[d->n_variants++] = v;
}

static void read_variants(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map)
{
	if (!is_map(d, map, "algorithms", "algorithms: {mine: {from: NAME, clip.high: 0.3}}"))
		return;
	for (int i = 0; i < n_entries(map); i++) {
		const char *name = key_at(d, doc, map, i);

		if (name)
			read_variant(d, doc, name, key_mark_at(d, doc, map, i),
				     value_at(doc, map, i));
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

	if (node->type != YAML_SEQUENCE_NODE) {
		ebb_draft_error(d, ebb_draft_mark(d, node), "'%s' must be a list", what);
		return;
	}
	for (child = node->data.sequence.items.start; child < node->data.sequence.items.top;
	     child++) {
		const yaml_node_t *entry = yaml_document_get_node(doc, *child);
		const char *text;

		if (entry->type != YAML_SCALAR_NODE) {
			ebb_draft_error(d, ebb_draft_mark(d, entry),
					"an entry of '%s' is a text: quote it if it holds ': '",
					what);
			continue;
		}
		text = ebb_draft_scalar(d, entry, what);
		if (!text)
			continue;
		*item = ebb_xrealloc(*item, (size_t)*n + 1, sizeof **item);
		(*item)[(*n)++] = (struct ebb_item){ebb_xstrdup(text), ebb_draft_mark(d, entry)};
	}
}

static bool top_special(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			struct ebb_mark mark, const yaml_node_t *value, void *ctx)
{
	static const char *const sweep_words[] = {"algorithm", "beta", NULL};
	static const struct context sweep = {sweep_words, NULL, NULL, sweep_special, NULL};
	const char *text;

	if (is_later(d, key, mark))
		return true;
	if (strcmp(key, "name") == 0) {
		text = ebb_draft_scalar(d, value, key);
		if (text)
			ebb_draft_set_name(d, text, ebb_draft_mark(d, value));
		d->name_mark = mark; /* given, rightly or wrongly: no stem instead */
	} else if (strcmp(key, "about") == 0) {
		text = ebb_draft_scalar(d, value, key);
		d->about = ebb_xstrdup(text ? text : "");
	} else if (strcmp(key, "algorithms") == 0) {
		read_variants(d, doc, value);
	} else if (strcmp(key, "sweep") == 0) {
		if (is_map(d, value, key, "sweep: {alpha: [0, 0.01]}"))
			settings(d, doc, value, NULL, &sweep);
	} else if (strcmp(key, "seeds") == 0 || strcmp(key, "seed") == 0) {
		ebb_draft_read_seeds(d, doc, key, mark, value);
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
	struct context c = {words, &d->fixed, NULL, top_special, NULL};
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
		ebb_draft_error(d, ebb_draft_mark(d, root),
				"an experiment is a mapping of keys to values");
		return;
	}
	if (is_map(d, root, "the file", ""))
		settings(d, doc, root, NULL, &c);
}
