/* Nodes of the YAML tree as the readers of a draft want them: texts, keys and places. */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

struct ebb_mark ebb_node_mark(const struct ebb_draft *d, const yaml_node_t *node)
{
	return (struct ebb_mark){d->file, (int)node->start_mark.line + 1,
				 (int)node->start_mark.column + 1};
}

struct ebb_mark ebb_node_letters(const struct ebb_draft *d, const yaml_node_t *node)
{
	struct ebb_mark mark = ebb_node_mark(d, node);
	bool quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	size_t width = quoted ? 2 : 0;

	for (size_t i = 0; i < node->data.scalar.length; i++)
		width += (node->data.scalar.value[i] & 0xc0) != 0x80;
	if (node->start_mark.line != node->end_mark.line ||
	    node->end_mark.column - node->start_mark.column != width)
		return (struct ebb_mark){0};
	mark.column += quoted;
	return mark;
}

static bool is_setting(const char *key)
{
	return strchr(key, '.') || strcmp(key, "beta") == 0 || strcmp(key, "algorithm") == 0;
}

const char *ebb_node_scalar(struct ebb_draft *d, const yaml_node_t *node, const char *what)
{
	struct ebb_mark mark = ebb_node_mark(d, node);
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

int ebb_node_entries(const yaml_node_t *map)
{
	return (int)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);
}

yaml_node_t *ebb_node_value(yaml_document_t *doc, const yaml_node_t *map, int i)
{
	return yaml_document_get_node(doc, map->data.mapping.pairs.start[i].value);
}

struct ebb_mark ebb_node_key_mark(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map,
				  int i)
{
	return ebb_node_mark(d, yaml_document_get_node(doc, map->data.mapping.pairs.start[i].key));
}

const char *ebb_node_key(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *map, int i)
{
	yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	yaml_node_t *key = yaml_document_get_node(doc, pair[i].key);
	struct ebb_mark mark = ebb_node_mark(d, key);
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
		/* <<: *name is the alias's error alone */
		if (!ebb_draft_is_alias(d, ebb_node_mark(d, ebb_node_value(doc, map, i))))
			ebb_draft_error(d, mark,
					"merging with << is not supported: write the keys out");
		return NULL;
	}
	for (int j = 0; j < i; j++) {
		yaml_node_t *other = yaml_document_get_node(doc, pair[j].key);

		if (other->type != YAML_SCALAR_NODE ||
		    strcmp((const char *)other->data.scalar.value, text) != 0)
			continue;
		ebb_draft_error(d, mark, "'%s' stands here twice%s", ebb_show(shown, text),
				ebb_draft_first_at(first, ebb_node_mark(d, other)));
		return NULL;
	}
	return text;
}

bool ebb_node_is_map(struct ebb_draft *d, const yaml_node_t *node, const char *what,
		     const char *like)
{
	char shown[EBB_SHOWN];

	ebb_show(shown, what);
	if (node->type != YAML_MAPPING_NODE) {
		ebb_draft_error(d, ebb_node_mark(d, node), "'%s' must be a mapping, like %s", shown,
				like);
		return false;
	}
	if (ebb_node_entries(node) > EBB_ENTRIES_MAX) {
		ebb_draft_error(d, ebb_node_mark(d, node), "'%s' has more than %d entries", shown,
				EBB_ENTRIES_MAX);
		return false;
	}
	return true;
}
