/* Which options make a trial what it is, as canonical text and as its hash. */
#include <inttypes.h>
#include <string.h>
#include "base/hash.h"
#include "options/options.h"
#include "options/text.h"

static bool differs(const struct ebb_options *o, const struct ebb_options *builtin,
		    const struct ebb_option *row, struct ebb_buf *value)
{
	struct ebb_buf other = EBB_BUF_INIT;
	bool same;

	ebb_buf_reset(value);
	ebb_option_print(o, row, value);
	ebb_option_print(builtin, row, &other);
	ebb_buf_puts(value, ""); /* never null, also where the text is empty */
	ebb_buf_puts(&other, "");
	same = strcmp(value->data, other.data) == 0;
	ebb_buf_release(&other);
	return !same;
}

/* The part of a word that says what it is: of another trial's policy (RUN/TRIAL@STEP) the trial and
 * the step, wherever its folder lies. */
static size_t folder_of(const char *word, size_t n)
{
	size_t slash = n, id;

	while (slash > 0 && word[slash - 1] != '/')
		slash--;
	id = strspn(word + slash, "0123456789abcdef");
	return slash > 0 && id == EBB_ID_MAX - 1 && word[slash + id] == '@' ? slash : 0;
}

size_t ebb_policy_word(const char *s)
{
	for (const char *at = strchr(s, '@'); at; at = strchr(at + 1, '@')) {
		const size_t digits = strspn(at + 1, "0123456789");
		const char end = at[1 + digits];

		if (digits > 0 && (end == 0 || end == ' '))
			return (size_t)(at + 1 + digits - s);
	}
	return strlen(s);
}

static bool names_policies(const struct ebb_option *row)
{
	return (strcmp(row->group, "pretrain") == 0 && strcmp(row->name, "from") == 0) ||
	       (strcmp(row->group, "preference") == 0 && strcmp(row->name, "data") == 0);
}

static void put_content(const struct ebb_option *row, const char *value, struct ebb_buf *out)
{
	if (!names_policies(row)) {
		ebb_buf_puts(out, value);
		return;
	}
	for (bool first = true; *(value += strspn(value, " ")); first = false) {
		const size_t n = ebb_policy_word(value), folder = folder_of(value, n);

		ebb_buf_printf(out, "%s%.*s", first ? "" : " ", (int)(n - folder), value + folder);
		value += n;
	}
}

/* Demonstrations have no verifier, so its errors leave the base as it is. */
static bool concerns_base(const struct ebb_option *row)
{
	if (strcmp(row->group, "task") == 0)
		return strcmp(row->name, "noise") != 0;
	return strcmp(row->group, "model") == 0 || strcmp(row->group, "pretrain") == 0;
}

static void add_rows(const struct ebb_options *o, const struct ebb_options *builtin,
		     const struct ebb_option *row, int n, bool base_only, struct ebb_buf *out)
{
	struct ebb_buf value = EBB_BUF_INIT;

	for (int i = 0; i < n; i++) {
		const struct ebb_option *r = &row[i];

		if (r->class != EBB_SCIENCE)
			continue;
		/* a label of settings that have become options themselves */
		if (!r->own && strcmp(r->group, "task") == 0 && strcmp(r->name, "preset") == 0)
			continue;
		if (base_only && !concerns_base(r))
			continue;
		if (!differs(o, builtin, r, &value))
			continue;
		ebb_buf_printf(out, "%s.%s=", r->group, r->name);
		put_content(r, value.data, out);
		ebb_buf_puts(out, "\n");
	}
	ebb_buf_release(&value);
}

static void identity(const struct ebb_options *o, const struct ebb_catalog *catalog, bool base_only,
		     struct ebb_buf *out)
{
	const struct ebb_task_rows *task = ebb_task_rows_find(catalog, o->task.name);
	struct ebb_options builtin;
	const struct ebb_option *row;
	int n;

	ebb_options_init(&builtin, catalog);
	row = ebb_option_rows(&n);
	ebb_buf_printf(out, "schema=%d\n%sseed=%" PRIu64 "\n", EBB_IDENTITY_SCHEMA,
		       base_only ? "base\n" : "", o->seed);
	add_rows(o, &builtin, row, n, base_only, out);
	if (task) { /* own options compare with the same task's defaults */
		struct ebb_options own = builtin;

		ebb_options_task(&own, catalog, task->name, NULL);
		add_rows(o, &own, task->option, task->n_options, base_only, out);
	}
}

void ebb_options_identity(const struct ebb_options *o, const struct ebb_catalog *catalog,
			  struct ebb_buf *out)
{
	identity(o, catalog, false, out);
}

void ebb_options_base_identity(const struct ebb_options *o, const struct ebb_catalog *catalog,
			       struct ebb_buf *out)
{
	identity(o, catalog, true, out);
}

void ebb_options_id(const struct ebb_options *o, const struct ebb_catalog *catalog,
		    char id[EBB_ID_MAX])
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_options_identity(o, catalog, &text);
	ebb_sha256_hex(text.data, text.len, id, EBB_ID_MAX - 1);
	ebb_buf_release(&text);
}

/* Does the number of steps shape the steps before it? */
static bool is_stretched(const struct ebb_options *o)
{
	return o->entropy.control == EBB_CONTROL_ANNEAL && o->entropy.horizon == 0;
}

void ebb_options_trajectory(const struct ebb_options *o, const struct ebb_catalog *catalog,
			    char id[EBB_ID_MAX])
{
	struct ebb_options builtin, same = *o;

	ebb_options_init(&builtin, catalog); /* a default does not enter the identity */
	if (!is_stretched(o))
		same.train.steps = builtin.train.steps;
	ebb_options_id(&same, catalog, id);
}
