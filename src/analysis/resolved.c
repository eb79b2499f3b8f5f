#include "analysis/resolved.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* The value of a key in a mapping; null where there is none. */
static yaml_node_t *value_of(yaml_document_t *doc, const yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = yaml_document_get_node(doc, p->key);

		if (k && k->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)k->data.scalar.value, key) == 0)
			return yaml_document_get_node(doc, p->value);
	}
	return NULL;
}

static const char *scalar(const yaml_node_t *node)
{
	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
						      : NULL;
}

static void add_option(struct ebb_resolved_arm *arm, const char *key, const char *value)
{
	arm->option = ebb_xrealloc(arm->option, (size_t)arm->n_options + 1, sizeof *arm->option);
	arm->option[arm->n_options++] = (struct ebb_setting){ebb_xstrdup(key), ebb_xstrdup(value)};
}

static bool read_arm(struct ebb_resolved_arm *arm, yaml_document_t *doc, const yaml_node_t *node)
{
	const char *label = scalar(value_of(doc, node, "label"));
	const char *algorithm = scalar(value_of(doc, node, "algorithm"));
	const yaml_node_t *options = value_of(doc, node, "options");

	if (!label || !algorithm || !options || options->type != YAML_MAPPING_NODE)
		return false;
	arm->label = ebb_xstrdup(label);
	add_option(arm, "algorithm", algorithm);
	for (yaml_node_pair_t *p = options->data.mapping.pairs.start;
	     p < options->data.mapping.pairs.top; p++) {
		const char *key = scalar(yaml_document_get_node(doc, p->key));
		const char *value = scalar(yaml_document_get_node(doc, p->value));

		if (!key || !value)
			return false;
		add_option(arm, key, value);
	}
	return true;
}

static bool read_arms(struct ebb_resolved *r, yaml_document_t *doc)
{
	const yaml_node_t *arms = value_of(doc, yaml_document_get_root_node(doc), "arms");
	bool good = arms && arms->type == YAML_SEQUENCE_NODE;
	size_t n = good ? (size_t)(arms->data.sequence.items.top - arms->data.sequence.items.start)
			: 0;

	r->arm = ebb_xcalloc(n + 1, sizeof *r->arm);
	for (size_t i = 0; i < n && good; i++)
		good = read_arm(&r->arm[r->n_arms++], doc,
				yaml_document_get_node(doc, arms->data.sequence.items.start[i]));
	return good;
}

int ebb_resolved_read(struct ebb_resolved *r, const char *text, struct ebb_err *err)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	bool good;

	*r = (struct ebb_resolved){0};
	if (!yaml_parser_initialize(&parser))
		return ebb_err_set(err, EBB_ENOMEM, "out of memory for a parser");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	good = yaml_parser_load(&parser, &doc);
	if (good) {
		good = read_arms(r, &doc);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	if (good)
		return 0;
	ebb_resolved_release(r);
	return ebb_err_set(err, EBB_EFORMAT,
			   "its resolved definition is damaged; the same ebb run command writes it "
			   "anew");
}

void ebb_resolved_release(struct ebb_resolved *r)
{
	for (int a = 0; a < r->n_arms; a++) {
		for (int i = 0; i < r->arm[a].n_options; i++) {
			free(r->arm[a].option[i].key);
			free(r->arm[a].option[i].value);
		}
		free(r->arm[a].option);
		free(r->arm[a].label);
	}
	free(r->arm);
	*r = (struct ebb_resolved){0};
}

const struct ebb_resolved_arm *ebb_resolved_arm(const struct ebb_resolved *r, const char *label)
{
	for (int a = 0; a < r->n_arms; a++)
		if (strcmp(r->arm[a].label, label) == 0)
			return &r->arm[a];
	return NULL;
}

const char *ebb_resolved_option(const struct ebb_resolved_arm *arm, const char *key)
{
	for (int i = 0; i < arm->n_options; i++)
		if (strcmp(arm->option[i].key, key) == 0)
			return arm->option[i].value;
	return NULL;
}
