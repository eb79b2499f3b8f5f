#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/text.h"

void ebb_diag_add(struct ebb_diag *diag, enum ebb_severity severity, struct ebb_mark mark,
		  const char *fmt, ...)
{
	struct ebb_diag_entry *e;
	va_list ap, again;
	int n;

	if (diag->n == diag->capacity) {
		diag->capacity = diag->capacity ? 2 * diag->capacity : 16;
		diag->entry =
			ebb_xrealloc(diag->entry, (size_t)diag->capacity, sizeof *diag->entry);
	}
	e = &diag->entry[diag->n++];
	e->mark = mark;
	e->severity = severity;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	e->text = ebb_xcalloc((size_t)(n < 0 ? 0 : n) + 1, 1);
	vsnprintf(e->text, (size_t)(n < 0 ? 0 : n) + 1, fmt, again);
	va_end(again);
	ebb_text_tidy(e->text);
	diag->n_errors += severity == EBB_ERROR;
	diag->n_warnings += severity == EBB_WARNING;
}

/* By file, then line, then column; entries at the same place keep the order they came in, so
 * the comparison falls back on the addresses inside the one array. */
static int by_place(const void *a, const void *b)
{
	const struct ebb_diag_entry *x = *(const struct ebb_diag_entry *const *)a;
	const struct ebb_diag_entry *y = *(const struct ebb_diag_entry *const *)b;
	int c = strcmp(x->mark.file ? x->mark.file : "", y->mark.file ? y->mark.file : "");

	if (c)
		return c;
	if (x->mark.line != y->mark.line)
		return x->mark.line < y->mark.line ? -1 : 1;
	if (x->mark.column != y->mark.column)
		return x->mark.column < y->mark.column ? -1 : 1;
	return x < y ? -1 : x > y;
}

int ebb_diag_render(struct ebb_diag *diag, FILE *out)
{
	static const char *const word[] = {"note", "warning", "error"};
	const struct ebb_diag_entry **order = ebb_xcalloc((size_t)diag->n, sizeof *order);

	for (int i = 0; i < diag->n; i++)
		order[i] = &diag->entry[i];
	qsort(order, (size_t)diag->n, sizeof *order, by_place);
	for (int i = 0; i < diag->n; i++) {
		const struct ebb_diag_entry *e = order[i];

		if (e->mark.file && e->mark.line > 0)
			fprintf(out, "%s:%d:%d: ", e->mark.file, e->mark.line, e->mark.column);
		else if (e->mark.file)
			fprintf(out, "%s: ", e->mark.file);
		fprintf(out, "%s: %s\n", word[e->severity], e->text);
	}
	free(order);
	return diag->n_errors;
}

void ebb_diag_release(struct ebb_diag *diag)
{
	for (int i = 0; i < diag->n; i++)
		free(diag->entry[i].text);
	free(diag->entry);
	memset(diag, 0, sizeof *diag);
}
