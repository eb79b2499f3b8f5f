/* ebb algorithms --markdown: docs/algorithms.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "command/algorithm.h"
#include "command/formula.h"
#include "command/reference.h"

static void add_list(struct ebb_buf *b, const struct ebb_preset *row, int n)
{
	ebb_buf_puts(b, "| algorithm | what it is | beta | updates a batch |\n"
			"| --- | --- | --- | --- |\n");
	for (int i = 0; i < n; i++) {
		ebb_buf_printf(b, "| [%s](#%s) | ", row[i].name, row[i].name);
		ebb_markdown_cell(b, row[i].about);
		ebb_buf_puts(b, " | ");
		ebb_markdown_code(b, row[i].beta);
		if (row[i].updates > 0)
			ebb_buf_printf(b, " | %d |\n", row[i].updates);
		else
			ebb_buf_puts(b, " | any |\n");
	}
}

static void add_formula(struct ebb_buf *b, const struct ebb_preset *p)
{
	struct ebb_page page = EBB_PAGE_INIT;

	ebb_preset_formula(p, &page);
	ebb_buf_puts(b, "```text\n");
	ebb_page_print(&page, ebb_page_width(&page), b);
	ebb_buf_puts(b, "```\n\n");
	ebb_page_release(&page);
}

static void add_settings(struct ebb_buf *b, const struct ebb_preset *p)
{
	struct ebb_preset_setting s[EBB_PRESET_SETTINGS_MAX];
	int n = ebb_preset_settings(p, s);

	if (n == 0) {
		ebb_buf_puts(b, "It sets nothing: these are the built-in defaults.\n\n");
		return;
	}
	ebb_buf_puts(b, "| sets | to | built-in | meaning |\n| --- | --- | --- | --- |\n");
	for (int i = 0; i < n; i++) {
		ebb_buf_printf(b, "| `%s.%s` | ", s[i].row->group, s[i].row->name);
		ebb_markdown_code(b, s[i].value);
		ebb_buf_puts(b, " | ");
		ebb_markdown_code(b, s[i].builtin);
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, s[i].row->help);
		ebb_buf_puts(b, " |\n");
	}
	ebb_buf_puts(b, "\n");
}

static void add_entry(struct ebb_buf *b, const char *head, const char *text)
{
	if (text[0] == 0)
		return;
	ebb_buf_printf(b, "*%s*: ", head);
	ebb_markdown_cell(b, text);
	ebb_buf_puts(b, ".\n\n");
}

/* Links to the rows of the last table. */
static void add_citations(struct ebb_buf *b, const struct ebb_preset *p)
{
	const struct ebb_disagreement *row;
	char *sets = ebb_preset_keys(p);
	int n, shown = 0;

	row = ebb_disagreement_rows(&n);
	for (int i = 0; i < n; i++)
		if (ebb_disagreement_concerns(&row[i], p, sets))
			ebb_buf_printf(b, "%s[%s](#d%d)",
				       shown++ ? ", " : "*Sources disagree* about ", row[i].topic,
				       i + 1);
	ebb_buf_puts(b, shown ? ".\n\n" : "");
	free(sets);
}

static void add_preset(struct ebb_buf *b, const struct ebb_preset *p)
{
	const struct ebb_source *source = ebb_preset_source(p);

	ebb_buf_printf(b, "## %s\n\n", p->name);
	ebb_markdown_cell(b, p->about);
	ebb_buf_puts(b, ".\n\n");
	ebb_buf_puts(b, "*From*: ");
	ebb_markdown_cell(b, source->paper);
	ebb_buf_printf(b, "; %s.\n\n", source->sections);
	add_formula(b, p);
	add_settings(b, p);
	add_entry(b, "Published", source->published);
	add_entry(b, "Libraries", source->libraries);
	add_citations(b, p);
}

static void add_disagreements(struct ebb_buf *b)
{
	const struct ebb_disagreement *row;
	int n;

	row = ebb_disagreement_rows(&n);
	ebb_buf_puts(b, "## Where sources disagree\n\n"
			"| | about | who does what | here | options | source |\n"
			"| --- | --- | --- | --- | --- | --- |\n");
	for (int i = 0; i < n; i++) {
		const char *s = row[i].options;

		ebb_buf_printf(b, "| <a id=\"d%d\"></a>%d | ", i + 1, i + 1);
		ebb_markdown_cell(b, row[i].topic);
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, row[i].who);
		ebb_buf_puts(b, " | ");
		ebb_markdown_cell(b, row[i].here);
		ebb_buf_puts(b, " |");
		for (; *(s += strspn(s, " ")); s += strcspn(s, " "))
			ebb_buf_printf(b, " `%.*s`", (int)strcspn(s, " "), s);
		ebb_buf_printf(b, " | %s |\n", row[i].source);
	}
}

void ebb_algorithms_markdown(void)
{
	const struct ebb_preset *row;
	struct ebb_buf b = EBB_BUF_INIT;
	int n;

	row = ebb_preset_rows(&n);
	ebb_buf_puts(
		&b,
		"<!-- Made from presets.def, sources.def and disagreements.def in src/options by\n"
		"     ebb algorithms --markdown > docs/algorithms.md -->\n"
		"# Algorithms\n\n"
		"A preset is a row of data: the options that make an algorithm out of the one "
		"trainer. It never\n"
		"touches `train.*`, `sample.*` or `task.*`, so arms differ in the algorithm alone; "
		"what was published\n"
		"for those stands below, and the lint reminds of the number of updates a rollout "
		"batch. Formulas are\n"
		"those of the built-in task and batch; `ebb describe` gives them for an "
		"experiment, "
		"`ebb algorithms A B`\n"
		"two of them side by side. PG is [policy-gradient.md](policy-gradient.md), EI is\n"
		"[entropy-and-information.md](entropy-and-information.md), by section.\n\n");
	add_list(&b, row, n);
	ebb_buf_puts(&b, "\n");
	for (int i = 0; i < n; i++)
		add_preset(&b, &row[i]);
	add_disagreements(&b);
	fputs(b.data, stdout);
	ebb_buf_release(&b);
}
