/* Axes of a sweep and seeds, from the file and from the command line alike. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

struct ebb_draft_axis *ebb_draft_axis_find(struct ebb_draft *d, const char *key)
{
	for (int i = 0; i < d->n_axes; i++)
		if (strcmp(d->axis[i].key, key) == 0)
			return &d->axis[i];
	return NULL;
}

void ebb_draft_axis_set(struct ebb_draft *d, const char *key, const struct ebb_option *row,
			char *const *text, const struct ebb_mark *at, int n, struct ebb_mark mark,
			bool override)
{
	struct ebb_draft_axis *axis = ebb_draft_axis_find(d, key);
	struct ebb_givens values = {0};
	char shown[EBB_SHOWN];

	for (int i = 0; i < n; i++) {
		char *value = ebb_draft_value(d, key, row, text[i], at[i]);
		bool repeated = false;

		if (!value)
			continue;
		for (int j = 0; j < values.n && !repeated; j++)
			repeated = strcmp(values.given[j].value, value) == 0;
		if (repeated) {
			ebb_draft_error(d, at[i], "'%s' takes the value %s twice", key,
					ebb_show(shown, value));
			free(value);
			continue;
		}
		if (values.n == values.capacity) {
			values.capacity = values.capacity ? 2 * values.capacity : 8;
			values.given = ebb_xrealloc(values.given, (size_t)values.capacity,
						    sizeof *values.given);
		}
		values.given[values.n++] = (struct ebb_given){ebb_xstrdup(key), value, mark, at[i]};
	}
	if (!axis) {
		d->axis = ebb_xrealloc(d->axis, (size_t)d->n_axes + 1, sizeof *d->axis);
		axis = &d->axis[d->n_axes++];
		memset(axis, 0, sizeof *axis);
		axis->key = ebb_xstrdup(key);
	}
	ebb_givens_release(&axis->values);
	axis->values = values;
	axis->mark = mark;
	axis->override = override;
}

/* The texts of a list's entries; *text and *at are the caller's to free, the strings are the
 * document's. False where one is no scalar, and said so. */
static bool list_texts(struct ebb_draft *d, yaml_document_t *doc, const yaml_node_t *list,
		       const char *key, int limit, char ***text, struct ebb_mark **at, int *n)
{
	yaml_node_item_t *item = list->data.sequence.items.start;
	long length = list->data.sequence.items.top - item;
	bool ok = true;

	*text = NULL;
	*at = NULL;
	*n = 0;
	if (length == 0) {
		ebb_draft_error(d, ebb_draft_mark(d, list), "'%s' has an empty list of values",
				key);
		return false;
	}
	if (length > limit) {
		ebb_draft_error(d, ebb_draft_mark(d, list),
				"'%s' has %ld values: at most %d are allowed", key, length, limit);
		return false;
	}
	*text = ebb_xcalloc((size_t)length, sizeof **text);
	*at = ebb_xcalloc((size_t)length, sizeof **at);
	for (long i = 0; i < length; i++) {
		const yaml_node_t *entry = yaml_document_get_node(doc, item[i]);
		const char *s = NULL;

		if (entry->type == YAML_SCALAR_NODE)
			s = ebb_draft_scalar(d, entry, key);
		else
			ebb_draft_error(d, ebb_draft_mark(d, entry),
					"an entry of the list of '%s' must be one value", key);
		if (!s) {
			ok = false;
			continue;
		}
		(*text)[*n] = (char *)s;
		(*at)[(*n)++] = ebb_draft_mark(d, entry);
	}
	return ok;
}

void ebb_draft_read_axis(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			 const struct ebb_option *row, struct ebb_mark mark,
			 const yaml_node_t *value)
{
	const struct ebb_draft_axis *old = ebb_draft_axis_find(d, key);
	struct ebb_mark *at;
	char **text, first[48];
	int n;

	if (old) {
		ebb_draft_error(d, mark, "'%s' is swept twice%s", key,
				ebb_draft_first_at(first, old->mark));
		return;
	}
	if (value->type == YAML_MAPPING_NODE) {
		ebb_draft_error(d, ebb_draft_mark(d, value),
				"a range like {log: ...} for '%s' is not supported in this "
				"version: list the values",
				key);
		ebb_draft_doubt(d, key);
		return;
	}
	if (value->type != YAML_SEQUENCE_NODE) {
		ebb_draft_error(d, ebb_draft_mark(d, value),
				"'%s' is swept over a list, like [a, b]: one value stands at the "
				"top level",
				key);
		ebb_draft_doubt(d, key);
		return;
	}
	if (!list_texts(d, doc, value, key, EBB_VALUES_MAX, &text, &at, &n))
		ebb_draft_doubt(d, key);
	if (n > 0)
		ebb_draft_axis_set(d, key, row, text, at, n, mark, false);
	free(text);
	free(at);
}

/* ---- seeds ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_repeated(struct ebb_draft *d, const char *key, struct ebb_mark mark)
{
	uint64_t *sorted = ebb_xcalloc((size_t)d->n_seeds, sizeof *sorted);

	memcpy(sorted, d->seed, (size_t)d->n_seeds * sizeof *sorted);
	qsort(sorted, (size_t)d->n_seeds, sizeof *sorted, by_value);
	for (int i = 1; i < d->n_seeds; i++)
		if (sorted[i] == sorted[i - 1]) {
			ebb_draft_error(d, mark, "'%s' holds %" PRIu64 " twice", key, sorted[i]);
			break;
		}
	free(sorted);
}

/* "a..b": every whole number from a to b. */
static bool parse_range(const char *text, uint64_t *a, uint64_t *b)
{
	char low[32];
	const char *dots = strstr(text, "..");

	if (!dots || dots - text >= (long)sizeof low)
		return false;
	memcpy(low, text, (size_t)(dots - text));
	low[dots - text] = 0;
	return ebb_parse_u64(low, a) && ebb_parse_u64(dots + 2, b) && *a <= *b;
}

void ebb_draft_set_seeds(struct ebb_draft *d, const char *key, char *const *text, int n, bool count,
			 struct ebb_mark mark)
{
	uint64_t a = 0, b = 0;
	char shown[EBB_SHOWN];

	free(d->seed);
	d->seed = NULL;
	d->n_seeds = 0;
	d->has_seeds = true;
	d->seeds_mark = mark;
	if (n == 1 && parse_range(text[0], &a, &b)) {
		if (b - a >= EBB_TRIALS_MAX) {
			ebb_draft_error(d, mark, "'%s' spans more than %d seeds", key,
					EBB_TRIALS_MAX);
			return;
		}
	} else if (n == 1 && count) {
		if (!ebb_parse_u64(text[0], &b) || b < 1 || b > EBB_TRIALS_MAX) {
			ebb_draft_error(d, mark,
					"'%s' needs a count in [1,%d], a list or a range like "
					"100..107, not '%s'",
					key, EBB_TRIALS_MAX, ebb_show(shown, text[0]));
			return;
		}
		a = EBB_SEED_FIRST;
		b += a - 1;
	} else {
		d->seed = ebb_xcalloc((size_t)n, sizeof *d->seed);
		for (int i = 0; i < n; i++)
			if (ebb_parse_u64(text[i], &d->seed[d->n_seeds]))
				d->n_seeds++;
			else
				ebb_draft_error(d, mark,
						"'%s' needs whole numbers from 0 or a range like "
						"100..107, not '%s'",
						key, ebb_show(shown, text[i]));
		check_repeated(d, key, mark);
		return;
	}
	d->n_seeds = (int)(b - a) + 1;
	d->seed = ebb_xcalloc((size_t)d->n_seeds, sizeof *d->seed);
	for (int i = 0; i < d->n_seeds; i++)
		d->seed[i] = a + (uint64_t)i;
}

void ebb_draft_read_seeds(struct ebb_draft *d, yaml_document_t *doc, const char *key,
			  struct ebb_mark mark, const yaml_node_t *value)
{
	bool plural = strcmp(key, "seeds") == 0;
	struct ebb_mark *at = NULL;
	char **text = NULL, first[48];
	int n = 0;

	if (d->has_seeds) {
		ebb_draft_error(d, mark, "seeds are given twice%s",
				ebb_draft_first_at(first, d->seeds_mark));
		return;
	}
	d->has_seeds = true;
	d->seeds_mark = mark;
	if (value->type == YAML_SEQUENCE_NODE) {
		list_texts(d, doc, value, key, EBB_TRIALS_MAX, &text, &at, &n);
		if (n > 0)
			ebb_draft_set_seeds(d, key, text, n, false, ebb_draft_mark(d, value));
	} else if (value->type == YAML_MAPPING_NODE) {
		ebb_draft_error(d, ebb_draft_mark(d, value),
				"'%s' takes a %s, a list or a range like 100..107", key,
				plural ? "count" : "number");
	} else {
		char *one = (char *)ebb_draft_scalar(d, value, key);

		if (one)
			ebb_draft_set_seeds(d, key, &one, 1, plural, ebb_draft_mark(d, value));
	}
	d->seeds_mark = mark;
	free(text);
	free(at);
}
