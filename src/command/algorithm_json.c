/* ebb algorithms --json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command/algorithm.h"
#include "command/formula.h"
#include "command/reference.h"

static void add_settings(struct ebb_buf *b, const struct ebb_preset *p)
{
	struct ebb_preset_setting s[EBB_PRESET_SETTINGS_MAX];
	int n = ebb_preset_settings(p, s);

	ebb_buf_puts(b, ", \"settings\": {");
	for (int i = 0; i < n; i++) {
		enum ebb_type type = s[i].row->type;
		/* JSON has no word for an infinity, so that one stays a text */
		bool bare =
			(type == EBB_TYPE_INT || type == EBB_TYPE_F64 || type == EBB_TYPE_BOOL) &&
			!strstr(s[i].value, "inf");

		ebb_buf_printf(b, "%s\"%s.%s\": ", i ? ", " : "", s[i].row->group, s[i].row->name);
		if (bare)
			ebb_buf_puts(b, s[i].value);
		else
			ebb_buf_json(b, s[i].value);
	}
	ebb_buf_puts(b, "}");
}

static void add_disagreements(struct ebb_buf *b, const struct ebb_preset *p)
{
	const struct ebb_disagreement *row;
	char *sets = ebb_preset_keys(p);
	int n, shown = 0;

	row = ebb_disagreement_rows(&n);
	ebb_buf_puts(b, ", \"disagreements\": [");
	for (int i = 0; i < n; i++) {
		if (!ebb_disagreement_concerns(&row[i], p, sets))
			continue;
		ebb_buf_puts(b, shown++ ? ", {\"topic\": " : "{\"topic\": ");
		ebb_buf_json(b, row[i].topic);
		ebb_json_field(b, "options", row[i].options);
		ebb_json_field(b, "who", row[i].who);
		ebb_json_field(b, "here", row[i].here);
		ebb_json_field(b, "source", row[i].source);
		ebb_buf_puts(b, "}");
	}
	ebb_buf_puts(b, "]");
	free(sets);
}

static void add_preset(struct ebb_buf *b, const struct ebb_preset *p, bool details)
{
	const struct ebb_source *source = ebb_preset_source(p);
	struct ebb_page page = EBB_PAGE_INIT;

	ebb_buf_puts(b, "{\"name\": ");
	ebb_buf_json(b, p->name);
	ebb_json_field(b, "about", p->about);
	ebb_buf_puts(b, ", \"beta\": ");
	if (p->beta[0])
		ebb_buf_json(b, p->beta);
	else
		ebb_buf_puts(b, "null");
	add_settings(b, p);
	ebb_json_field(b, "paper", source->paper);
	ebb_json_field(b, "sections", source->sections);
	ebb_json_field(b, "published", source->published);
	ebb_json_field(b, "libraries", source->libraries);
	if (details) {
		ebb_preset_formula(p, &page);
		ebb_buf_puts(b, ", \"loss\": ");
		ebb_page_json(&page, EBB_SECTION_LOSS, b);
		ebb_page_release(&page);
		add_disagreements(b, p);
	}
	ebb_buf_puts(b, "}");
}

static void add_text(struct ebb_buf *b, const char *text)
{
	if (text)
		ebb_buf_json(b, text);
	else
		ebb_buf_puts(b, "null");
}

static void add_differences(struct ebb_buf *b, const struct ebb_preset *one,
			    const struct ebb_preset *other)
{
	struct ebb_preset_pair pair;

	ebb_preset_pair_make(&pair, one, other);
	ebb_buf_puts(b, "\"differences\": {\"loss\": [");
	for (int i = 0; i < pair.n_lines; i++) {
		const struct ebb_line *const *of = pair.line[i].of;

		ebb_buf_puts(b, i ? ", {\"name\": " : "{\"name\": ");
		ebb_buf_json(b, (of[0] ? of[0] : of[1])->name);
		ebb_buf_puts(b, ", \"text\": [");
		add_text(b, of[0] ? of[0]->text : NULL);
		ebb_buf_puts(b, ", ");
		add_text(b, of[1] ? of[1]->text : NULL);
		ebb_buf_puts(b, "]}");
	}
	ebb_buf_puts(b, "], \"options\": [");
	for (int i = 0; i < pair.n_options; i++) {
		const struct ebb_pair_option *o = &pair.option[i];

		ebb_buf_printf(b, "%s{\"key\": \"%s.%s\", \"value\": [", i ? ", " : "",
			       o->row->group, o->row->name);
		ebb_buf_json(b, o->value[0]);
		ebb_buf_puts(b, ", ");
		ebb_buf_json(b, o->value[1]);
		ebb_buf_puts(b, "]");
		ebb_json_field(b, "default", o->builtin);
		ebb_buf_puts(b, "}");
	}
	ebb_buf_puts(b, "]}");
	ebb_preset_pair_release(&pair);
}

void ebb_algorithms_json(const struct ebb_preset *const *p, int n, bool details)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "{\"algorithms\": [\n");
	for (int i = 0; i < n; i++) {
		ebb_buf_puts(&b, "  ");
		add_preset(&b, p[i], details);
		ebb_buf_puts(&b, i + 1 < n ? ",\n" : "\n");
	}
	ebb_buf_puts(&b, "]");
	if (details && n == 2) {
		ebb_buf_puts(&b, ",\n");
		add_differences(&b, p[0], p[1]);
	}
	ebb_buf_puts(&b, "}\n");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}
