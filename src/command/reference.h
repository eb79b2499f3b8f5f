/* What the listing commands (ebb options, ebb metrics) share: the search and the reference page. */
#ifndef EBB_COMMAND_REFERENCE_H
#define EBB_COMMAND_REFERENCE_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

/* What is listed and how. */
struct ebb_listing {
	const char *pattern; /* null: everything */
	enum { EBB_LISTING_TEXT, EBB_LISTING_JSON, EBB_LISTING_MARKDOWN } form;
};

/* [PATTERN] [--json | --markdown] [--help] of the command argv[0]. Returns 0 to go on, else an exit
 * status + 1 to leave with. */
int ebb_listing_parse(struct ebb_listing *l, int argc, char **argv, const char *help);

/* Is every word of the pattern part of one of the texts (null-terminated)? Case aside, '-' and '_'
 * being the same. A null pattern matches. */
bool ebb_matches(const char *pattern, const char *const *text);

/* A cell of a Markdown table: bars escaped, an empty one a space. */
void ebb_markdown_cell(struct ebb_buf *out, const char *text);
/* The same as code; empty stays empty. */
void ebb_markdown_code(struct ebb_buf *out, const char *text);

/* , "key": "text" */
void ebb_json_field(struct ebb_buf *out, const char *key, const char *text);

#endif
