#include "command/tally.h"

#include <stdint.h>
#include <stdlib.h>
#include "base/err.h"

/* FNV-1a over the texts of a line, their ends included. */
static uint64_t hash_of(const struct ebb_line *line)
{
	const char *const text[] = {line->section, line->name, line->text, line->cite};
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		const char *c = text[i];

		do
			h = (h ^ (unsigned char)*c) * 1099511628211u;
		while (*c++);
	}
	return h;
}

/* The slot of a line, or the free one where it would go. */
static struct ebb_tally_slot *find(const struct ebb_tally *t, const struct ebb_line *line)
{
	size_t at = hash_of(line) & (t->size - 1);

	while (t->slot[at].line && !ebb_line_same(t->slot[at].line, line))
		at = (at + 1) & (t->size - 1);
	return &t->slot[at];
}

void ebb_tally_init(struct ebb_tally *t, size_t n_lines)
{
	t->size = 64;
	while (t->size < 2 * n_lines)
		t->size *= 2;
	t->slot = ebb_xcalloc(t->size, sizeof *t->slot);
}

void ebb_tally_add(struct ebb_tally *t, const struct ebb_page *page)
{
	for (int i = 0; i < page->n; i++) {
		const struct ebb_line *line = &page->line[i];
		struct ebb_tally_slot *slot;

		if (ebb_page_find(page, line->section, line->name) != line)
			continue;
		slot = find(t, line);
		slot->line = line;
		slot->n++;
	}
}

int ebb_tally_count(const struct ebb_tally *t, const struct ebb_line *line)
{
	return find(t, line)->n;
}

void ebb_tally_release(struct ebb_tally *t)
{
	free(t->slot);
	*t = (struct ebb_tally){0};
}
