/* key=value of the command line; commas and ranges sweep. */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

/* Cut a value at its commas, brackets around it dropped, blanks around the parts too. Returns the
 * number of parts, 0 where brackets or parts are missing. *list: it is a list, even of one. */
static int parts_of(char *value, char ***part, bool *list)
{
	size_t n = strlen(value);
	int n_parts = 1;

	*part = NULL;
	*list = false;
	if (value[0] == '[') {
		if (n < 2 || value[n - 1] != ']')
			return 0;
		value[n - 1] = 0;
		value++;
		*list = true;
	} else if (n > 0 && value[n - 1] == ']') {
		return 0;
	}
	for (const char *s = value; *s; s++)
		n_parts += *s == ',';
	*part = ebb_xcalloc((size_t)n_parts, sizeof **part);
	for (int i = 0; i < n_parts; i++) {
		char *end = value + strcspn(value, ","), *next = end + 1, *stop = end;

		while (*value == ' ')
			value++;
		while (stop > value && stop[-1] == ' ')
			stop--;
		*stop = 0;
		(*part)[i] = value;
		value = next;
		/* an empty text is a value, an empty entry of a list is a slip */
		if (n_parts > 1 && !(*part)[i][0])
			return 0;
	}
	*list |= n_parts > 1;
	return *list && !(*part)[0][0] ? 0 : n_parts;
}

static void set_option(struct ebb_draft *d, const char *key, const struct ebb_option *row,
		       char *const *part, int n, bool list)
{
	const struct ebb_draft_axis *axis = ebb_axis_find(&d->sweep, key);
	struct ebb_texts texts = {0};
	char *value;

	if (ebb_givens_find(&d->override, key) || (axis && axis->source == EBB_FROM_LINE)) {
		ebb_draft_error(d, EBB_COMMAND_LINE, "'%s' is given twice", key);
		return;
	}
	if (!list && !axis && !ebb_range_is(key, row, part[0])) {
		value = ebb_draft_value(d, key, row, part[0], EBB_COMMAND_LINE);
		if (value)
			ebb_givens_add(d, &d->override, key, value, EBB_COMMAND_LINE,
				       EBB_COMMAND_LINE);
		return;
	}
	for (int i = 0; i < n; i++)
		ebb_range_add(d, &texts, key, row, part[i], EBB_COMMAND_LINE);
	if (texts.n > 0)
		ebb_axis_set(d, &d->sweep, 0, key, row, &texts, EBB_COMMAND_LINE);
	ebb_texts_release(&texts);
}

static bool is_one_of(const char *key, const char *const *word)
{
	while (*word && strcmp(*word, key) != 0)
		word++;
	return *word != NULL;
}

static void apply(struct ebb_draft *d, const char *name, char *value)
{
	static const char *const words[] = {"beta", "algorithm", "seeds", "seed",
					    "name", "about",     NULL};
	static const char *const file_only[] = {"algorithms", "sweep",  "zip", "when",
						"figures",    "claims", NULL};
	static const char *const seeds[] = {"seeds", "seed", NULL};
	const struct ebb_option *row;
	char key[EBB_KEY_MAX], shown[EBB_SHOWN], **part;
	bool list;
	int n;

	if (is_one_of(name, file_only) || strncmp(name, "when(", 5) == 0) {
		ebb_draft_error(d, EBB_COMMAND_LINE, "'%s' can be given in a definition file only",
				ebb_show(shown, name));
		return;
	}
	if (!ebb_draft_key(d, name, EBB_COMMAND_LINE, words, key, &row))
		return;
	if (strcmp(key, "about") == 0) {
		free(d->about);
		d->about = ebb_xstrdup(value);
		return;
	}
	n = parts_of(value, &part, &list);
	if (n == 0)
		ebb_draft_error(d, EBB_COMMAND_LINE,
				"the list of '%s' is broken: write %s=a,b or %s=[a,b]", key, key,
				key);
	else if (strcmp(key, "name") == 0)
		ebb_draft_set_name(d, value, EBB_COMMAND_LINE);
	else if (is_one_of(key, seeds) && d->has_seeds && d->seeds_source == EBB_FROM_LINE)
		ebb_draft_error(d, EBB_COMMAND_LINE, "seeds are given twice");
	else if (is_one_of(key, seeds))
		ebb_seeds_set(d, key, part, n, strcmp(key, "seeds") == 0 && !list,
			      EBB_COMMAND_LINE);
	else
		set_option(d, key, row, part, n, list);
	free(part);
}

void ebb_draft_override(struct ebb_draft *d, const char *text)
{
	const char *equals = strchr(text, '=');
	char shown[EBB_SHOWN], *name;

	if (!ebb_text_is_plain(text)) {
		ebb_draft_error(d, EBB_COMMAND_LINE,
				"'%s' must be UTF-8 without control characters",
				ebb_show(shown, text));
		return;
	}
	if (!equals || equals == text) {
		ebb_draft_error(d, EBB_COMMAND_LINE, "'%s' is not of the form key=value",
				ebb_show(shown, text));
		return;
	}
	name = ebb_xstrdup(text);
	name[equals - text] = 0;
	apply(d, name, name + (equals - text) + 1);
	free(name);
}
