/* Seeds, from the file and from the command line alike. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_repeated(struct ebb_draft *d, const char *key, struct ebb_mark mark)
{
	uint64_t *sorted = ebb_xcalloc((size_t)d->n_seeds + 1, sizeof *sorted);

	if (d->n_seeds > 0)
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

/* Every seed from a to b; false, and said so, where there would be too many. */
static bool add_seeds(struct ebb_draft *d, const char *key, uint64_t a, uint64_t b,
		      struct ebb_mark mark)
{
	if (b - a >= EBB_TRIALS_MAX || d->n_seeds + (int)(b - a) >= EBB_TRIALS_MAX) {
		ebb_draft_error(d, mark, "'%s' spans more than %d seeds", key, EBB_TRIALS_MAX);
		return false;
	}
	d->seed = ebb_xrealloc(d->seed, (size_t)(d->n_seeds + (int)(b - a) + 1), sizeof *d->seed);
	for (uint64_t k = 0; k <= b - a; k++)
		d->seed[d->n_seeds++] = a + k;
	return true;
}

void ebb_seeds_set(struct ebb_draft *d, const char *key, char *const *text, int n, bool count,
		   struct ebb_mark mark)
{
	uint64_t a, b;
	char shown[EBB_SHOWN];

	free(d->seed);
	d->seed = NULL;
	d->n_seeds = 0;
	d->has_seeds = true;
	d->seeds_mark = mark;
	d->seeds_source = d->source;
	if (n == 1 && count && !parse_range(text[0], &a, &b)) {
		if (ebb_parse_u64(text[0], &b) && b >= 1 && b <= EBB_TRIALS_MAX)
			add_seeds(d, key, EBB_SEED_FIRST, EBB_SEED_FIRST + b - 1, mark);
		else
			ebb_draft_error(d, mark,
					"'%s' needs a count in [1,%d], a list or a range like "
					"100..107, not '%s'",
					key, EBB_TRIALS_MAX, ebb_show(shown, text[0]));
		return;
	}
	for (int i = 0; i < n; i++) {
		bool ok = parse_range(text[i], &a, &b);

		if (!ok && ebb_parse_u64(text[i], &a)) {
			b = a;
			ok = true;
		}
		if (!ok)
			ebb_draft_error(d, mark,
					"'%s' needs whole numbers from 0 or a range like 100..107, "
					"not '%s'",
					key, ebb_show(shown, text[i]));
		else if (!add_seeds(d, key, a, b, mark))
			return;
	}
	check_repeated(d, key, mark);
}

static void read_list(struct ebb_draft *d, yaml_document_t *doc, const char *key,
		      const yaml_node_t *list)
{
	yaml_node_item_t *item = list->data.sequence.items.start;
	long length = list->data.sequence.items.top - item;
	struct ebb_mark mark = ebb_node_mark(d, list);
	char **text;
	int n = 0;

	if (length == 0) {
		ebb_draft_error(d, mark, "'%s' has an empty list of values", key);
		return;
	}
	if (length > EBB_TRIALS_MAX) {
		ebb_draft_error(d, mark, "'%s' has %ld values: at most %d are allowed", key, length,
				EBB_TRIALS_MAX);
		return;
	}
	text = ebb_xcalloc((size_t)length, sizeof *text);
	for (long i = 0; i < length; i++) {
		const yaml_node_t *entry = yaml_document_get_node(doc, item[i]);
		const char *s = NULL;

		if (entry->type == YAML_SCALAR_NODE)
			s = ebb_node_scalar(d, entry, key);
		else
			ebb_draft_error(d, ebb_node_mark(d, entry),
					"an entry of the list of '%s' must be one value", key);
		if (s)
			text[n++] = (char *)s;
	}
	if (n > 0)
		ebb_seeds_set(d, key, text, n, false, mark);
	free(text);
}

void ebb_seeds_read(struct ebb_draft *d, yaml_document_t *doc, const char *key,
		    struct ebb_mark mark, const yaml_node_t *value)
{
	bool plural = strcmp(key, "seeds") == 0;
	char first[48];

	if (d->has_seeds && d->seeds_source == d->source) {
		ebb_draft_error(d, mark, "seeds are given twice%s",
				ebb_draft_first_at(first, d->seeds_mark));
		return;
	}
	d->has_seeds = true;
	d->seeds_source = d->source;
	if (value->type == YAML_SEQUENCE_NODE) {
		read_list(d, doc, key, value);
	} else if (value->type == YAML_MAPPING_NODE) {
		ebb_draft_error(d, ebb_node_mark(d, value),
				"'%s' takes a %s, a list or a range like 100..107", key,
				plural ? "count" : "number");
	} else {
		char *one = (char *)ebb_node_scalar(d, value, key);

		if (one)
			ebb_seeds_set(d, key, &one, 1, plural, ebb_node_mark(d, value));
	}
	d->seeds_mark = mark;
}
