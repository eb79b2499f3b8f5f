/* Answers of the program as JSON. */
#ifndef EBB_TESTS_COMMAND_OUTSIDE_JSON_H
#define EBB_TESTS_COMMAND_OUTSIDE_JSON_H

#include <jansson.h>
#include "outside.h"

/* The stdout of "ebb ARGUMENTS", which must succeed, as JSON; the caller's to decref. */
static inline json_t *ebb_json(const char *arguments)
{
	char *line = ebb_xprintf("$E %s 2>/dev/null", arguments);
	json_error_t e;
	json_t *root;

	cr_assert_eq(shell(line), 0, "%s: %s", arguments, output.data);
	root = json_loads(output.data, JSON_REJECT_DUPLICATES, &e);
	cr_assert_not_null(root, "%s: line %d: %s", arguments, e.line, e.text);
	free(line);
	return root;
}

static inline const char *word(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	cr_assert_not_null(text, "no string '%s'", key);
	return text;
}

#endif
