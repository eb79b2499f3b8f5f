/* How many pages have a line: asked for every line of every arm, so counted once. */
#ifndef EBB_COMMAND_TALLY_H
#define EBB_COMMAND_TALLY_H

#include <stddef.h>
#include "command/page.h"

struct ebb_tally {
	struct ebb_tally_slot {
		const struct ebb_line *line; /* of one of the pages; null: free */
		int n;
	} * slot;
	size_t size; /* a power of two */
};

/* Room for so many lines. */
void ebb_tally_init(struct ebb_tally *t, size_t n_lines);
/* Count the lines of a page, which must stay as it is. A name that comes twice counts by its first. */
void ebb_tally_add(struct ebb_tally *t, const struct ebb_page *page);
/* The pages that have this very line. */
int ebb_tally_count(const struct ebb_tally *t, const struct ebb_line *line);
void ebb_tally_release(struct ebb_tally *t);

#endif
