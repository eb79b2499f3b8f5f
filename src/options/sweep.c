/* Axes of a sweep and the zips that pair them, from files and from the command line alike. */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

struct ebb_draft_axis *ebb_axis_find(const struct ebb_axes *axes, const char *key)
{
	for (int i = 0; i < axes->n; i++)
		if (strcmp(axes->axis[i].key, key) == 0)
			return &axes->axis[i];
	return NULL;
}

int ebb_zip_new(struct ebb_draft *d, struct ebb_mark mark)
{
	d->zip = ebb_xrealloc(d->zip, (size_t)d->n_zips + 1, sizeof *d->zip);
	d->zip[d->n_zips] = (struct ebb_zip){.mark = mark};
	return ++d->n_zips;
}

/* A later source gives an axis values: inside its zip it stays, unless one value fixes it. */
static void change_zip(struct ebb_draft *d, struct ebb_draft_axis *axis, int zip, int n)
{
	if (axis->zip)
		d->zip[axis->zip - 1].changed = true;
	if (zip || n == 1)
		axis->zip = zip;
}

void ebb_axis_set(struct ebb_draft *d, struct ebb_axes *axes, int zip, const char *key,
		  const struct ebb_option *row, const struct ebb_texts *texts, struct ebb_mark mark)
{
	struct ebb_draft_axis *axis = ebb_axis_find(axes, key);
	struct ebb_givens values = {0};
	bool broken = texts->broken, paired = zip || (axis && axis->zip);
	char shown[EBB_SHOWN];

	for (int i = 0; i < texts->n; i++) {
		char *value = ebb_draft_value(d, key, row, texts->text[i], texts->at[i]);
		bool repeated = false;

		broken = broken || !value;
		if (!value)
			continue;
		/* in a zip it is the pairs that must not repeat */
		for (int j = 0; j < values.n && !repeated && !paired; j++)
			repeated = strcmp(values.given[j].value, value) == 0;
		if (repeated) {
			ebb_draft_error(d, texts->at[i], "'%s' takes the value %s twice", key,
					ebb_show(shown, value));
			free(value);
			continue;
		}
		ebb_givens_append(&values, key, value, mark, texts->at[i], d->source);
	}
	if (axis) {
		change_zip(d, axis, zip, texts->n);
	} else {
		axes->axis = ebb_xrealloc(axes->axis, (size_t)axes->n + 1, sizeof *axes->axis);
		axis = &axes->axis[axes->n++];
		memset(axis, 0, sizeof *axis);
		axis->key = ebb_xstrdup(key);
		axis->zip = zip;
	}
	ebb_givens_release(&axis->values);
	axis->values = values;
	axis->mark = mark;
	axis->source = d->source;
	axis->broken = broken;
}

static void axis_release(struct ebb_draft_axis *axis)
{
	free(axis->key);
	ebb_givens_release(&axis->values);
}

void ebb_axis_drop(struct ebb_draft *d, struct ebb_axes *axes, const char *key)
{
	struct ebb_draft_axis *axis = ebb_axis_find(axes, key);
	size_t after;

	if (!axis)
		return;
	if (axis->zip)
		d->zip[axis->zip - 1].changed = true;
	axis_release(axis);
	after = (size_t)(axes->axis + axes->n - axis) - 1;
	memmove(axis, axis + 1, after * sizeof *axis);
	axes->n--;
}

void ebb_axes_release(struct ebb_axes *axes)
{
	for (int i = 0; i < axes->n; i++)
		axis_release(&axes->axis[i]);
	free(axes->axis);
	memset(axes, 0, sizeof *axes);
}

/* ---- from a file ---- */

/* One entry of an axis's list: a value or a range. */
static void read_entry(struct ebb_draft *d, yaml_document_t *doc, struct ebb_texts *texts,
		       const char *key, const struct ebb_option *row, const yaml_node_t *entry)
{
	const char *text;

	if (entry->type == YAML_MAPPING_NODE) {
		ebb_range_read(d, doc, texts, key, row, entry);
		return;
	}
	if (entry->type == YAML_SEQUENCE_NODE) {
		ebb_draft_error(d, ebb_node_mark(d, entry),
				"an entry of the list of '%s' must be one value or a range", key);
		texts->broken = true;
		return;
	}
	text = ebb_node_scalar(d, entry, key);
	if (text)
		ebb_range_add(d, texts, key, row, text, ebb_node_mark(d, entry));
	else
		texts->broken = true;
}

static void read_list(struct ebb_draft *d, yaml_document_t *doc, struct ebb_texts *texts,
		      const char *key, const struct ebb_option *row, const yaml_node_t *list)
{
	yaml_node_item_t *item = list->data.sequence.items.start;
	long length = list->data.sequence.items.top - item;

	if (length == 0) {
		ebb_draft_error(d, ebb_node_mark(d, list), "'%s' has an empty list of values", key);
		texts->broken = true;
		return;
	}
	for (long i = 0; i < length; i++) {
		read_entry(d, doc, texts, key, row, yaml_document_get_node(doc, item[i]));
		if (texts->n > EBB_VALUES_MAX)
			break;
	}
}

/* Is this scalar a range? */
static bool is_range(const char *key, const struct ebb_option *row, const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       ebb_range_is(key, row, (const char *)node->data.scalar.value);
}

void ebb_axis_read(struct ebb_draft *d, yaml_document_t *doc, struct ebb_axes *axes, int zip,
		   const char *key, const struct ebb_option *row, struct ebb_mark mark,
		   const yaml_node_t *value)
{
	const struct ebb_draft_axis *old = ebb_axis_find(axes, key);
	struct ebb_texts texts = {0};
	char first[48];

	if (old && old->source == d->source) {
		ebb_draft_error(d, mark, "'%s' is swept twice%s", key,
				ebb_draft_first_at(first, old->mark));
		return;
	}
	if (value->type == YAML_SEQUENCE_NODE) {
		read_list(d, doc, &texts, key, row, value);
	} else if (value->type == YAML_MAPPING_NODE || is_range(key, row, value)) {
		read_entry(d, doc, &texts, key, row, value);
	} else {
		ebb_draft_error(d, ebb_node_mark(d, value),
				"'%s' is swept over a list, like [a, b], or a range: one value "
				"stands at the top level",
				key);
		texts.broken = true;
	}
	if (texts.broken)
		ebb_draft_doubt(d, key);
	if (texts.n > 0)
		ebb_axis_set(d, axes, zip, key, row, &texts, mark);
	ebb_texts_release(&texts);
}

/* ---- the product ---- */

int ebb_axis_leader(const struct ebb_axes *axes, int i)
{
	int zip = axes->axis[i].zip, first = 0;

	if (!zip)
		return i;
	while (axes->axis[first].zip != zip)
		first++;
	return first;
}

int64_t ebb_axes_points(const struct ebb_axes *axes, int64_t limit)
{
	int64_t n = 1;

	/* both factors are small at every step, so the product cannot overflow */
	for (int i = 0; i < axes->n && n <= limit; i++)
		if (ebb_axis_leader(axes, i) == i && axes->axis[i].values.n > 0)
			n *= axes->axis[i].values.n;
	return n <= limit ? n : limit + 1;
}

void ebb_axes_step(const struct ebb_axes *axes, int *at)
{
	for (int i = axes->n - 1; i >= 0; i--) {
		if (ebb_axis_leader(axes, i) != i)
			continue;
		if (++at[i] < axes->axis[i].values.n)
			break;
		at[i] = 0;
	}
	for (int i = 0; i < axes->n; i++)
		at[i] = at[ebb_axis_leader(axes, i)];
}
