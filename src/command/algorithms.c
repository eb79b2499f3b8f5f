/* ebb algorithms [NAME]: the rows of presets.def, resolved. */
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/near.h"
#include "command/command.h"
#include "command/formula.h"
#include "options/definition.h"
#include "train/lab.h"

static const char help[] =
	"  NAME    one algorithm: its loss as a formula, every option it sets, its default and\n"
	"          meaning\n"
	"  --json  {\"algorithms\": [{\"name\", \"about\", \"beta\", \"settings\"}]}, with NAME "
	"also\n"
	"          \"loss\": [{\"name\", \"text\", \"source\"}]\n\n"
	"The formula holds for the built-in task and batch; ebb describe gives it for an "
	"experiment.\n";

/* ---- what a preset sets ---- */

struct setting {
	const struct ebb_option *row;
	char value[EBB_STR_MAX], builtin[EBB_STR_MAX];
};

static void text_of(const struct ebb_options *o, const struct ebb_option *row,
		    char out[EBB_STR_MAX])
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "");
	ebb_option_print(o, row, &b);
	snprintf(out, EBB_STR_MAX, "%s", b.data);
	ebb_buf_release(&b);
}

/* The loss of the preset under the built-in defaults of everything else. */
static void formula_of(const struct ebb_preset *p, struct ebb_page *page)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;

	ebb_options_init(&o, ebb_task_catalog());
	if (ebb_options_apply(&o, ebb_task_catalog(), p->settings, &err) < 0)
		EBB_BUG("preset %s: %s", p->name, err.text);
	ebb_formula_add(page, &o, ebb_lab_response_limit(&o));
}

/* Every option the preset moves away from its default, in table order. */
static int settings_of(const struct ebb_preset *p, struct setting *out, int limit)
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
		struct setting s = {.row = &row[i]};

		text_of(&o, &row[i], s.value);
		text_of(&builtin, &row[i], s.builtin);
		if (strcmp(s.value, s.builtin) == 0)
			continue;
		if (n == limit)
			EBB_BUG("preset %s sets more than %d options", p->name, limit);
		out[n++] = s;
	}
	return n;
}

#define SETTINGS_MAX 64

/* ---- text ---- */

static void print_line(const struct ebb_preset *p, int width)
{
	struct setting s[SETTINGS_MAX];
	int n = settings_of(p, s, SETTINGS_MAX), column = 0;

	printf("%-*s  %s\n", width, p->name, p->about);
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

static void print_details(const struct ebb_preset *p)
{
	struct setting s[SETTINGS_MAX];
	struct ebb_buf formula = EBB_BUF_INIT;
	struct ebb_page page = EBB_PAGE_INIT;
	int n = settings_of(p, s, SETTINGS_MAX), key = 6, value = 5, builtin = 7;

	printf("%s\n%s\n\nbeta is %s\n\n", p->name, p->about,
	       p->beta[0] ? p->beta : "not defined for this algorithm");
	formula_of(p, &page);
	ebb_page_print(&page, ebb_page_width(&page), &formula);
	printf("%s\n%s\n", formula.data, ebb_formula_sources);
	ebb_buf_release(&formula);
	ebb_page_release(&page);
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
		printf("%-*s  %-*s  %-*s  %s\n", key, name, value, s[i].value, builtin,
		       s[i].builtin, s[i].row->help);
	}
}

/* ---- JSON ---- */

static void add_json(struct ebb_buf *b, const struct ebb_preset *p, bool with_formula)
{
	struct setting s[SETTINGS_MAX];
	int n = settings_of(p, s, SETTINGS_MAX);

	ebb_buf_puts(b, "{\"name\": ");
	ebb_buf_json(b, p->name);
	ebb_buf_puts(b, ", \"about\": ");
	ebb_buf_json(b, p->about);
	ebb_buf_puts(b, ", \"beta\": ");
	if (p->beta[0])
		ebb_buf_json(b, p->beta);
	else
		ebb_buf_puts(b, "null");
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
	if (with_formula) {
		struct ebb_page page = EBB_PAGE_INIT;

		formula_of(p, &page);
		ebb_buf_puts(b, ", \"loss\": ");
		ebb_page_json(&page, EBB_SECTION_LOSS, b);
		ebb_page_release(&page);
	}
	ebb_buf_puts(b, "}");
}

static void print_json(const struct ebb_preset *p, int n, bool with_formula)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_buf_puts(&b, "{\"algorithms\": [\n");
	for (int i = 0; i < n; i++) {
		ebb_buf_puts(&b, "  ");
		add_json(&b, &p[i], with_formula);
		ebb_buf_puts(&b, i + 1 < n ? ",\n" : "\n");
	}
	ebb_buf_puts(&b, "]}\n");
	fputs(b.data, stdout);
	ebb_buf_release(&b);
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

int ebb_command_algorithms(int argc, char **argv)
{
	const struct ebb_preset *row, *one = NULL;
	struct ebb_err err = EBB_ERR_INIT;
	const char *name = NULL;
	bool json = false;
	int n, width = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return ebb_command_help(argv[0], help);
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (argv[i][0] == '-')
			return ebb_command_usage(argv[0], "unknown option '%s'", argv[i]);
		else if (name)
			return ebb_command_usage(argv[0], "one NAME at most, not also '%s'",
						 argv[i]);
		else
			name = argv[i];
	}
	row = ebb_preset_rows(&n);
	if (name) {
		one = find(name, &err);
		if (!one)
			return ebb_command_fail(argv[0], &err);
	}
	if (json) {
		print_json(one ? one : row, one ? 1 : n, one != NULL);
	} else if (one) {
		print_details(one);
	} else {
		for (int i = 0; i < n; i++)
			width = (int)strlen(row[i].name) > width ? (int)strlen(row[i].name) : width;
		for (int i = 0; i < n; i++)
			print_line(&row[i], width);
	}
	return EBB_EXIT_OK;
}
