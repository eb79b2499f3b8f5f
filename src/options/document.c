/*
 * From bytes to one YAML document. libyaml's loader keeps no trace of an alias, and takes
 * whatever nesting its parser allows, so the events are looked through first: what we do not
 * support is refused at its place before any tree is built.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

#define LINES_MAX 6 /* lines named beside the first in one message */

static struct ebb_mark mark_of(const char *file, yaml_mark_t m)
{
	return (struct ebb_mark){file, (int)m.line + 1, (int)m.column + 1};
}

/* A broken byte sequence has an offset but no mark: count lines up to it. */
static struct ebb_mark mark_of_byte(const char *file, const char *data, size_t n, size_t offset)
{
	struct ebb_mark m = {file, 1, 1};

	for (size_t i = 0; i < offset && i < n; i++) {
		if (data[i] == '\n') {
			m.line++;
			m.column = 1;
		} else if (((unsigned char)data[i] & 0xc0) != 0x80) {
			m.column++;
		}
	}
	return m;
}

static void syntax_error(const yaml_parser_t *p, const char *data, size_t n, const char *file,
			 struct ebb_diag *diag)
{
	const char *problem = p->problem ? p->problem : "not a YAML document";
	struct ebb_mark mark = mark_of(file, p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR)
		EBB_BUG("out of memory");
	if (p->error == YAML_READER_ERROR) {
		mark = mark_of_byte(file, data, n, p->problem_offset);
		ebb_diag_add(diag, EBB_ERROR, mark, "%s: the file must be UTF-8 text", problem);
	} else if (p->problem_mark.index < n && strstr(problem, "cannot start any token") &&
		   memchr(data, '\t', n)) {
		ebb_diag_add(diag, EBB_ERROR, mark, "%s: indent with spaces, not tabs", problem);
	} else if (p->context && p->context_mark.line != p->problem_mark.line) {
		ebb_diag_add(diag, EBB_ERROR, mark, "%s (%s that starts at line %d)", problem,
			     p->context, (int)p->context_mark.line + 1);
	} else {
		ebb_diag_add(diag, EBB_ERROR, mark, "%s%s%s%s", problem, p->context ? " (" : "",
			     p->context ? p->context : "", p->context ? ")" : "");
	}
}

/* What the passes over a file share. */
struct text {
	struct ebb_draft *d;
	char *data; /* aliases in it are painted over                                  */
	size_t n;
	size_t byte, character; /* the same place, counted both ways                   */
	struct ebb_mark shared; /* the first anchor or alias; line 0: none             */
	struct ebb_buf lines;   /* where others stand                                  */
	int n_lines, last_line, n_aliases;
};

/* libyaml counts characters. */
static size_t byte_of(struct text *t, size_t character)
{
	while (t->character < character && t->byte < t->n) {
		t->byte++;
		while (t->byte < t->n && ((unsigned char)t->data[t->byte] & 0xc0) == 0x80)
			t->byte++;
		t->character++;
	}
	return t->byte;
}

static void note_shared(struct text *t, struct ebb_mark mark)
{
	if (t->shared.line == 0)
		t->shared = mark;
	else if (mark.line == t->last_line)
		return;
	else if (++t->n_lines <= LINES_MAX)
		ebb_buf_printf(&t->lines, "%s%d", t->n_lines > 1 ? ", " : " (also at line ",
			       mark.line);
	t->last_line = mark.line;
}

/* An alias becomes a word of its own length, whose place later findings spare. */
static void paint_over(struct text *t, const yaml_event_t *e, struct ebb_mark mark)
{
	struct ebb_draft *d = t->d;
	size_t begin = byte_of(t, e->start_mark.index), end = byte_of(t, e->end_mark.index);

	memset(t->data + begin, '_', end - begin);
	if (t->n_aliases++ >= EBB_ALIASES_MAX)
		return;
	d->alias = ebb_xrealloc(d->alias, (size_t)d->n_aliases + 1, sizeof *d->alias);
	d->alias[d->n_aliases++] = mark;
}

/* Anchors, aliases and tags of one event. */
static void refuse_extras(struct text *t, const yaml_event_t *e, struct ebb_mark mark)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (e->type) {
	case YAML_ALIAS_EVENT:
		note_shared(t, mark);
		paint_over(t, e, mark);
		return;
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
		break;
	default:
		return;
	}
	if (anchor)
		note_shared(t, mark);
	if (tag)
		ebb_diag_add(t->d->diag, EBB_ERROR, mark,
			     "a tag (!) is not supported: types follow from the keys");
}

/* Does a line begin here? After a break as YAML knows them: \n, \r, NEL, LS, PS. */
static bool is_line_start(const char *data, size_t at)
{
	static const struct {
		const char *bytes;
		size_t n;
	} end[] = {{"\n", 1}, {"\r", 1}, {"\xc2\x85", 2}, {"\xe2\x80\xa8", 3}, {"\xe2\x80\xa9", 3}};

	for (size_t i = 0; i < sizeof end / sizeof *end; i++)
		if (at >= end[i].n && memcmp(data + at - end[i].n, end[i].bytes, end[i].n) == 0)
			return true;
	return at == 0;
}

/* libyaml compares every %TAG line with all before it, which takes it half a minute for a file full
 * of them, and reads them all before its first event. So they are looked for in the bytes. */
static bool has_tag_lines(const struct text *t, const char *file)
{
	const char *end = t->data + t->n;

	for (const char *s = t->data; (s = memmem(s, (size_t)(end - s), "%TAG", 4)) != NULL; s++)
		if (is_line_start(t->data, (size_t)(s - t->data))) {
			ebb_diag_add(t->d->diag, EBB_ERROR,
				     mark_of_byte(file, t->data, t->n, (size_t)(s - t->data)),
				     "a %%TAG line is not supported: drop it");
			return true;
		}
	return false;
}

/* One pass over the events; true if a tree may be built, even where the sink got errors. */
static bool look_through(struct text *t, const char *file)
{
	struct ebb_diag *diag = t->d->diag;
	int depth = 0, documents = 0;
	bool done = false, too_deep = false, whole = false;
	char *copy = ebb_xcalloc(t->n + 1, 1); /* the parser reads ahead of what is painted over */
	yaml_parser_t p;
	yaml_event_t e;

	memcpy(copy, t->data, t->n);
	if (!yaml_parser_initialize(&p))
		EBB_BUG("out of memory");
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)copy, t->n);
	while (!done) {
		if (!yaml_parser_parse(&p, &e)) {
			syntax_error(&p, copy, t->n, file, diag);
			break;
		}
		refuse_extras(t, &e, mark_of(file, e.start_mark));
		if (e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT)
			too_deep = ++depth > EBB_NESTING_MAX;
		else if (e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT)
			depth--;
		if (too_deep)
			ebb_diag_add(diag, EBB_ERROR, mark_of(file, e.start_mark),
				     "lists and mappings are nested more than %d deep",
				     EBB_NESTING_MAX);
		if (e.type == YAML_DOCUMENT_START_EVENT && ++documents == 2)
			ebb_diag_add(diag, EBB_ERROR, mark_of(file, e.start_mark),
				     "a second document begins here: an experiment is one");
		whole = e.type == YAML_STREAM_END_EVENT;
		done = whole || too_deep || documents == 2;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&p);
	free(copy);
	if (t->shared.line > 0)
		ebb_diag_add(
			diag, EBB_ERROR, t->shared,
			"anchors (&) and aliases (*) are not supported: write the values out%s%s%s",
			t->n_lines > 0 ? t->lines.data : "",
			t->n_lines > LINES_MAX ? " and others" : "", t->n_lines > 0 ? ")" : "");
	if (whole && documents == 0)
		ebb_diag_add(diag, EBB_ERROR, (struct ebb_mark){file, 0, 0},
			     "the file is empty: an experiment needs at least one key");
	return whole && documents == 1 && t->n_aliases <= EBB_ALIASES_MAX;
}

bool ebb_document_load(struct ebb_draft *d, yaml_document_t *doc, char *data, size_t n)
{
	struct text t = {.d = d};
	yaml_parser_t p;
	bool ok;

	if (n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* some editors begin so */
		data += 3;
		n -= 3;
	}
	t.data = data;
	t.n = n;
	ok = !has_tag_lines(&t, d->file) && look_through(&t, d->file);
	ebb_buf_release(&t.lines);
	if (!ok)
		return false;
	if (!yaml_parser_initialize(&p))
		EBB_BUG("out of memory");
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)data, n);
	ok = yaml_parser_load(&p, doc) != 0;
	if (!ok)
		syntax_error(&p, data, n, d->file, d->diag);
	yaml_parser_delete(&p);
	return ok;
}
