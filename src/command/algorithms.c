/* ebb algorithms [NAME [NAME]]: the rows of presets.def, resolved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/near.h"
#include "command/algorithm.h"
#include "command/command.h"
#include "command/formula.h"
#include "train/lab.h"

static const char help[] =
	"  NAME        one algorithm: its loss as a formula, every option it sets, its default "
	"and\n"
	"              meaning, where it is from and what was published\n"
	"  NAME NAME   two of them side by side: the lines of the loss and the options that "
	"differ\n"
	"  --json      {\"algorithms\": [{\"name\", \"about\", \"beta\", \"settings\", \"paper\", "
	"\"sections\",\n"
	"              \"published\", \"libraries\"}]}, with NAME also \"loss\": [{\"name\", "
	"\"text\",\n"
	"              \"source\"}] and \"disagreements\": [{\"topic\", \"options\", \"who\", "
	"\"here\",\n"
	"              \"source\"}]; with two also \"differences\": {\"loss\": [{\"name\", "
	"\"text\":\n"
	"              [A, B]}], \"options\": [{\"key\", \"value\": [A, B], \"default\"}]}, null "
	"where "
	"one has\n"
	"              no such line\n"
	"  --markdown  all of them as a page, docs/algorithms.md\n\n"
	"The formula holds for the built-in task and batch; ebb describe gives it for an "
	"experiment.\n";

/* ---- what a preset sets ---- */

static void text_of(const struct ebb_options *o, const struct ebb_option *row,
		    char out[EBB_STR_MAX])
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "");
	ebb_option_print(o, row, &b);
	snprintf(out, EBB_STR_MAX, "%s", b.data);
	ebb_buf_release(&b);
}

void ebb_preset_formula(const struct ebb_preset *p, struct ebb_page *page)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;

	ebb_options_init(&o, ebb_task_catalog());
	if (ebb_options_apply(&o, ebb_task_catalog(), p->settings, &err) < 0)
		EBB_BUG("preset %s: %s", p->name, err.text);
	ebb_formula_add(page, &o, ebb_lab_response_limit(&o));
}

int ebb_preset_settings(const struct ebb_preset *p,
			struct ebb_preset_setting out[EBB_PRESET_SETTINGS_MAX])
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	struct ebb_options builtin, o;
	const struct ebb_option *row;
	struct ebb_err err = EBB_ERR_INIT;
	int n_rows, n = 0;

	row = ebb_option_rows(&n_rows);
	ebb_options_init(&builtin, catalog);
	o = builtin;
	if (ebb_options_apply(&o, catalog, p->settings, &err) < 0)
		EBB_BUG("preset %s: %s", p->name, err.text);
	for (int i = 0; i < n_rows; i++) {
		struct ebb_preset_setting s = {.row = &row[i]};

		text_of(&o, &row[i], s.value);
		text_of(&builtin, &row[i], s.builtin);
		if (strcmp(s.value, s.builtin) == 0)
			continue;
		if (n == EBB_PRESET_SETTINGS_MAX)
			EBB_BUG("preset %s sets more than %d options", p->name,
				EBB_PRESET_SETTINGS_MAX);
		out[n++] = s;
	}
	return n;
}

char *ebb_preset_keys(const struct ebb_preset *p)
{
	struct ebb_preset_setting s[EBB_PRESET_SETTINGS_MAX];
	struct ebb_buf keys = EBB_BUF_INIT;
	int n = ebb_preset_settings(p, s);

	ebb_buf_puts(&keys, "");
	for (int i = 0; i < n; i++)
		ebb_buf_printf(&keys, "%s%s.%s", i ? " " : "", s[i].row->group, s[i].row->name);
	return ebb_buf_take(&keys);
}

/* ---- text ---- */

static void print_line(const struct ebb_preset *p, int width)
{
	struct ebb_preset_setting s[EBB_PRESET_SETTINGS_MAX];
	int n = ebb_preset_settings(p, s), column = 0;

	printf("%-*s  ", width, p->name);
	ebb_print_wrapped(p->about, width + 2);
	for (int i = 0; i < n; i++) {
		char word[3 * EBB_STR_MAX];
		int length = snprintf(word, sizeof word, "%s.%s=%s", s[i].row->group,
				      s[i].row->name, s[i].value);

		if (i == 0 || column + 1 + length > 76)
			column = printf("%s%*s", i ? "\n" : "", width + 2, "") - (i > 0);
		else
			column += printf(" ");
		column += printf("%s", word);
	}
	printf("%s%*sbeta: %s\n\n", n ? "\n" : "", width + 2, "", p->beta[0] ? p->beta : "none");
}

static void print_entry(const char *head, const char *text)
{
	if (text[0] == 0)
		return;
	printf("%-10s  ", head);
	ebb_print_wrapped(text, 12);
}

static void print_sources(const struct ebb_preset *p)
{
	const struct ebb_source *source = ebb_preset_source(p);
	const struct ebb_disagreement *row;
	char *sets = ebb_preset_keys(p);
	int n;

	print_entry("from", source->paper);
	print_entry("published", source->published);
	print_entry("libraries", source->libraries);
	row = ebb_disagreement_rows(&n);
	for (int i = 0; i < n; i++)
		if (ebb_disagreement_concerns(&row[i], p, sets)) {
			char *text = ebb_xprintf("%s: %s. Here: %s [%s]", row[i].topic, row[i].who,
						 row[i].here, row[i].source);

			print_entry("disagreed", text);
			free(text);
		}
	printf("\n");
	free(sets);
}

static void print_details(const struct ebb_preset *p)
{
	struct ebb_preset_setting s[EBB_PRESET_SETTINGS_MAX];
	struct ebb_buf formula = EBB_BUF_INIT;
	struct ebb_page page = EBB_PAGE_INIT;
	int n = ebb_preset_settings(p, s), key = 6, value = 5, builtin = 7;

	printf("%s\n", p->name);
	ebb_print_wrapped(p->about, 0);
	printf("\nbeta is %s\n\n", p->beta[0] ? p->beta : "not defined for this algorithm");
	ebb_preset_formula(p, &page);
	ebb_page_print(&page, ebb_page_width(&page), &formula);
	printf("%s\n%s\n", formula.data, ebb_formula_sources);
	ebb_buf_release(&formula);
	ebb_page_release(&page);
	print_sources(p);
	if (n == 0) {
		printf("it sets nothing: these are the built-in defaults\n");
		return;
	}
	for (int i = 0; i < n; i++) {
		int k = (int)(strlen(s[i].row->group) + 1 + strlen(s[i].row->name));

		key = k > key ? k : key;
		k = (int)strlen(s[i].value);
		value = k > value ? k : value;
		k = (int)strlen(s[i].builtin);
		builtin = k > builtin ? k : builtin;
	}
	printf("%-*s  %-*s  %-*s  %s\n", key, "option", value, "value", builtin, "default",
	       "meaning");
	for (int i = 0; i < n; i++) {
		char name[2 * EBB_STR_MAX];

		snprintf(name, sizeof name, "%s.%s", s[i].row->group, s[i].row->name);
		printf("%-*s  %-*s  %-*s  ", key, name, value, s[i].value, builtin, s[i].builtin);
		ebb_print_wrapped(s[i].row->help, key + value + builtin + 6);
	}
}

/* ---- the command ---- */

static const struct ebb_preset *find(const char *name, struct ebb_err *err)
{
	const struct ebb_preset *p;
	struct ebb_near near;
	int n;

	p = ebb_preset_rows(&n);
	ebb_near_init(&near, name);
	for (int i = 0; i < n; i++) {
		if (strcmp(p[i].name, name) == 0)
			return &p[i];
		ebb_near_offer(&near, p[i].name);
	}
	if (near.best)
		ebb_err_set(err, EBB_EINVAL, "unknown algorithm '%s': did you mean '%s'?", name,
			    near.best);
	else
		ebb_err_set(err, EBB_EINVAL,
			    "unknown algorithm '%s': ebb algorithms lists them all", name);
	return NULL;
}

enum form { TEXT, JSON, MARKDOWN };

static void print_list(const struct ebb_preset *row, int n)
{
	int width = 0;

	for (int i = 0; i < n; i++)
		width = (int)strlen(row[i].name) > width ? (int)strlen(row[i].name) : width;
	for (int i = 0; i < n; i++)
		print_line(&row[i], width);
}

static void print_all(enum form form)
{
	const struct ebb_preset *row, **all;
	int n;

	row = ebb_preset_rows(&n);
	if (form == TEXT) {
		print_list(row, n);
	} else if (form == MARKDOWN) {
		ebb_algorithms_markdown();
	} else {
		all = ebb_xcalloc((size_t)n, sizeof *all);
		for (int i = 0; i < n; i++)
			all[i] = &row[i];
		ebb_algorithms_json(all, n, false);
		free(all);
	}
}

int ebb_command_algorithms(int argc, char **argv)
{
	const struct ebb_preset *chosen[2];
	struct ebb_err err = EBB_ERR_INIT;
	const char *name[2];
	enum form form = TEXT;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help(argv[0], help);
		if (strcmp(s, "--json") == 0 || strcmp(s, "--markdown") == 0) {
			if (form != TEXT && form != (s[2] == 'j' ? JSON : MARKDOWN))
				return ebb_command_usage(argv[0], "--json or --markdown, not both");
			form = s[2] == 'j' ? JSON : MARKDOWN;
		} else if (s[0] == '-') {
			return ebb_command_usage(argv[0], "unknown option '%s'", s);
		} else if (n == 2) {
			return ebb_command_usage(argv[0], "two NAMEs at most, not also '%s'", s);
		} else {
			name[n++] = s;
		}
	}
	if (form == MARKDOWN && n > 0)
		return ebb_command_usage(argv[0],
					 "--markdown is a page of all algorithms: no NAME");
	for (int i = 0; i < n; i++)
		if (!(chosen[i] = find(name[i], &err)))
			return ebb_command_fail(argv[0], &err);
	if (n == 0)
		print_all(form);
	else if (form == JSON)
		ebb_algorithms_json(chosen, n, true);
	else if (n == 1)
		print_details(chosen[0]);
	else
		ebb_algorithms_pair(chosen[0], chosen[1]);
	return EBB_EXIT_OK;
}
