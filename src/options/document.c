/*
 * From bytes to one YAML document. libyaml's loader keeps no trace of an alias, and takes
 * whatever nesting its parser allows, so the events are looked through first: what we do not
 * support is refused at its place before any tree is built.
 */
#include <stdio.h>
#include <string.h>
#include "options/draft.h"

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

/* Anchors and tags of one event; an alias is an event of its own. */
static void refuse_extras(const yaml_event_t *e, struct ebb_mark mark, struct ebb_diag *diag)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (e->type) {
	case YAML_ALIAS_EVENT:
		ebb_diag_add(diag, EBB_ERROR, mark,
			     "an alias (*) is not supported: write the value out");
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
		ebb_diag_add(diag, EBB_ERROR, mark, "an anchor (&) is not supported: drop it");
	if (tag)
		ebb_diag_add(diag, EBB_ERROR, mark,
			     "a tag (!) is not supported: types follow from the keys");
}

/* One pass over the events; true if a tree may be built, even where the sink got errors: walking
 * it never goes deeper than the keys we know, so an alias cannot make the walk endless. */
static bool look_through(const char *data, size_t n, const char *file, struct ebb_diag *diag)
{
	int depth = 0, documents = 0;
	bool done = false, too_deep = false, whole = false;
	yaml_parser_t p;
	yaml_event_t e;

	if (!yaml_parser_initialize(&p))
		EBB_BUG("out of memory");
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)data, n);
	while (!done) {
		if (!yaml_parser_parse(&p, &e)) {
			syntax_error(&p, data, n, file, diag);
			break;
		}
		refuse_extras(&e, mark_of(file, e.start_mark), diag);
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
	if (whole && documents == 0)
		ebb_diag_add(diag, EBB_ERROR, (struct ebb_mark){file, 0, 0},
			     "the file is empty: an experiment needs at least one key");
	return whole && documents == 1;
}

bool ebb_document_load(yaml_document_t *doc, const char *data, size_t n, const char *file,
		       struct ebb_diag *diag)
{
	yaml_parser_t p;
	bool ok;

	if (!look_through(data, n, file, diag))
		return false;
	if (!yaml_parser_initialize(&p))
		EBB_BUG("out of memory");
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)data, n);
	ok = yaml_parser_load(&p, doc) != 0;
	if (!ok)
		syntax_error(&p, data, n, file, diag);
	yaml_parser_delete(&p);
	return ok;
}
