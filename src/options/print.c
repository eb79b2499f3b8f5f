/* A resolved definition as YAML. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "options/definition.h"
#include "options/text.h"

/* A double-quoted YAML scalar; bytes that YAML calls unprintable are escaped. */
static void add_quoted(struct ebb_buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	ebb_buf_puts(out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			ebb_buf_printf(out, "\\%c", *s);
		else if (*s == '\n')
			ebb_buf_puts(out, "\\n");
		else if (*s < 0x20 || *s == 0x7f)
			ebb_buf_printf(out, "\\x%02x", *s);
		else if (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) /* C1 controls */
			ebb_buf_printf(out, "\\x%02x", *++s);
		else if (*s == 0xef && ((s[1] == 0xbb && s[2] == 0xbf) || /* U+FEFF, FFFE, FFFF */
					(s[1] == 0xbf && s[2] >= 0xbe))) {
			ebb_buf_printf(out, "\\u%04x",
				       (unsigned)(s[0] & 15) << 12 | (unsigned)(s[1] & 63) << 6 |
					       (unsigned)(s[2] & 63));
			s += 2;
		} else
			ebb_buf_add(out, s, 1);
	}
	ebb_buf_puts(out, "\"");
}

/* Words that some YAML reader takes for something else than text. */
static bool is_magic(const char *text)
{
	static const char *const word[] = {"true", "false", "yes",  "no",  "on", "off",
					   "y",    "n",     "null", "inf", "nan"};

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (strcasecmp(text, word[i]) == 0)
			return true;
	return false;
}

static void add_word(struct ebb_buf *out, const char *text)
{
	bool plain = isalpha((unsigned char)text[0]) && !is_magic(text);

	for (const char *s = text; *s && plain; s++)
		plain = isalnum((unsigned char)*s) || strchr("_-.+", *s);
	if (plain)
		ebb_buf_puts(out, text);
	else
		add_quoted(out, text);
}

static void add_value(struct ebb_buf *out, const struct ebb_option *row, const char *text)
{
	if (row->type == EBB_TYPE_STR || row->type == EBB_TYPE_ENUM)
		add_word(out, text);
	else if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0)
		ebb_buf_puts(out, text[0] == '-' ? "-.inf" : ".inf");
	else
		ebb_buf_puts(out, text);
}

static int add_rows(struct ebb_buf *out, const struct ebb_options *o,
		    const struct ebb_options *builtin, const struct ebb_option *row, int n)
{
	int shown = 0;

	for (int i = 0; i < n; i++) {
		struct ebb_buf mine = EBB_BUF_INIT, other = EBB_BUF_INIT;

		ebb_option_print(o, &row[i], &mine);
		ebb_option_print(builtin, &row[i], &other);
		ebb_buf_puts(&mine, "");
		ebb_buf_puts(&other, "");
		if (strcmp(mine.data, other.data) != 0) {
			ebb_buf_printf(out, "%s      %s.%s: ", shown++ ? "" : "\n", row[i].group,
				       row[i].name);
			add_value(out, &row[i], mine.data);
			ebb_buf_puts(out, "\n");
		}
		ebb_buf_release(&mine);
		ebb_buf_release(&other);
	}
	return shown;
}

static void add_options(struct ebb_buf *out, const struct ebb_options *o,
			const struct ebb_catalog *catalog)
{
	const struct ebb_task_rows *task = ebb_task_rows_find(catalog, o->task.name);
	const struct ebb_option *row;
	struct ebb_options builtin;
	struct ebb_buf own = EBB_BUF_INIT;
	int n, shown;

	ebb_options_init(&builtin, catalog);
	row = ebb_option_rows(&n);
	ebb_buf_puts(out, "    options:");
	shown = add_rows(out, o, &builtin, row, n);
	if (task) {
		ebb_options_task(&builtin, catalog, task->name, NULL);
		if (add_rows(&own, o, &builtin, task->option, task->n_options)) {
			/* the first line begins with a break of its own */
			ebb_buf_puts(out, own.data + (shown > 0));
			shown++;
		}
		ebb_buf_release(&own);
	}
	if (shown == 0)
		ebb_buf_puts(out, " {}\n");
}

static void add_arm(struct ebb_buf *out, const struct ebb_definition *def, int a,
		    const struct ebb_catalog *catalog)
{
	const struct ebb_arm *arm = &def->arm[a];

	ebb_buf_puts(out, "  - label: ");
	add_word(out, arm->label);
	ebb_buf_puts(out, "\n    algorithm: ");
	add_word(out, arm->options.algorithm);
	ebb_buf_puts(out, "\n    axes: {");
	for (int i = 0; i < arm->n_axes; i++) {
		const struct ebb_option *row =
			ebb_option_find(catalog, arm->options.task.name, arm->axis[i].key);

		ebb_buf_printf(out, "%s%s: ", i ? ", " : "", arm->axis[i].key);
		if (row)
			add_value(out, row, arm->axis[i].value);
		else if (strcmp(arm->axis[i].key, "beta") == 0)
			ebb_buf_puts(out, arm->axis[i].value);
		else
			add_word(out, arm->axis[i].value);
	}
	ebb_buf_puts(out, "}\n");
	add_options(out, &arm->options, catalog);
	ebb_buf_puts(out, "    trials: [");
	for (int s = 0; s < def->n_seeds; s++)
		ebb_buf_printf(out, "%s\"%s\"", s ? ", " : "",
			       def->plan[def->plan_of[a * def->n_seeds + s]].id);
	ebb_buf_puts(out, "]\n");
}

static void add_items(struct ebb_buf *out, const char *key, const struct ebb_item *item, int n)
{
	ebb_buf_printf(out, "%s:%s", key, n ? "\n" : " []\n");
	for (int i = 0; i < n; i++) {
		ebb_buf_puts(out, "  - ");
		add_word(out, item[i].text);
		ebb_buf_puts(out, "\n");
	}
}

void ebb_definition_print(const struct ebb_definition *def, const struct ebb_catalog *catalog,
			  struct ebb_buf *out)
{
	ebb_buf_puts(out, "# Every arm with the options that differ from the built-in defaults.\n"
			  "name: ");
	add_word(out, def->name);
	ebb_buf_puts(out, "\nabout: ");
	add_quoted(out, def->about);
	ebb_buf_puts(out, "\nseeds: [");
	for (int s = 0; s < def->n_seeds; s++)
		ebb_buf_printf(out, "%s%" PRIu64, s ? ", " : "", def->seed[s]);
	ebb_buf_puts(out, "]\narms:\n");
	for (int a = 0; a < def->n_arms; a++)
		add_arm(out, def, a, catalog);
	add_items(out, "figures", def->figure, def->n_figures);
	add_items(out, "claims", def->claim, def->n_claims);
}
