/* The tables of options.def and presets.def as data, and the defaults they make. */
#include <stdlib.h>
#include <string.h>
#include "options/definition.h"
#include "options/options.h"
#include "options/text.h"

/* Every choice's text as an object, so that a row's default can point at it by its enumerator. */
#define TEXT(name, text) static const char text_##name[] = text;
#define EBB_GROUP(group, about)
#define EBB_END(group)
#define EBB_STR(...)
#define EBB_INT(...)
#define EBB_F64(...)
#define EBB_BOOL(...)
#define EBB_ENUM(group, name, ...) EBB_CHOICES_##group##_##name(TEXT)
#include "options/options.def"
#undef EBB_ENUM
#undef TEXT

#define TEXT(name, text) text_##name,
#define EBB_ENUM(group, name, ...)                                                                 \
	static const char *const choice_##group##_##name[] = {EBB_CHOICES_##group##_##name(TEXT)   \
								      NULL};
#include "options/options.def"
#undef EBB_GROUP
#undef EBB_STR
#undef EBB_INT
#undef EBB_F64
#undef EBB_BOOL
#undef EBB_ENUM
#undef TEXT

/* clang-format off */
#define PLACE(group, name) offsetof(struct ebb_options, group.name), false
static const struct ebb_option row[] = {
#define EBB_GROUP(group, about)
#define EBB_STR(group, name, def, class, alias, help)                                              \
	{#group, #name, EBB_TYPE_STR, def, "", "", EBB_##class, alias, help, NULL, PLACE(group, name)},
#define EBB_INT(group, name, def, range, unit, class, alias, help)                                 \
	{#group, #name, EBB_TYPE_INT, #def, range, unit, EBB_##class, alias, help, NULL, PLACE(group, name)},
#define EBB_F64(group, name, def, range, unit, class, alias, help)                                 \
	{#group, #name, EBB_TYPE_F64, #def, range, unit, EBB_##class, alias, help, NULL, PLACE(group, name)},
#define EBB_BOOL(group, name, def, class, alias, help)                                             \
	{#group, #name, EBB_TYPE_BOOL, #def, "", "", EBB_##class, alias, help, NULL, PLACE(group, name)},
#define EBB_ENUM(group, name, def, class, alias, help)                                             \
	{#group, #name, EBB_TYPE_ENUM, text_##def, "", "", EBB_##class, alias, help,               \
	 choice_##group##_##name, PLACE(group, name)},
#include "options/options.def"
#undef EBB_GROUP
#undef EBB_STR
#undef EBB_INT
#undef EBB_F64
#undef EBB_BOOL
#undef EBB_ENUM
};

static const struct {
	const char *group, *about;
} group[] = {
#define EBB_GROUP(group, about) {#group, about},
#define EBB_STR(...)
#define EBB_INT(...)
#define EBB_F64(...)
#define EBB_BOOL(...)
#define EBB_ENUM(...)
#include "options/options.def"
};

static const struct ebb_preset preset[] = {
#define EBB_PRESET(name, settings, beta, updates, about) {#name, settings, beta, updates, about},
#include "options/presets.def"
#undef EBB_PRESET
};
/* clang-format on */

#define N_ROWS    ((int)(sizeof row / sizeof *row))
#define N_GROUPS  ((int)(sizeof group / sizeof *group))
#define N_PRESETS ((int)(sizeof preset / sizeof *preset))

const struct ebb_option *ebb_option_rows(int *n)
{
	*n = N_ROWS;
	return row;
}

const char *ebb_option_group_about(const char *name)
{
	for (int i = 0; i < N_GROUPS; i++)
		if (strcmp(group[i].group, name) == 0)
			return group[i].about;
	return NULL;
}

const struct ebb_preset *ebb_preset_rows(int *n)
{
	*n = N_PRESETS;
	return preset;
}

const struct ebb_preset *ebb_preset_find(const char *name)
{
	for (int i = 0; i < N_PRESETS; i++)
		if (strcmp(preset[i].name, name) == 0)
			return &preset[i];
	return NULL;
}

/* The preset without settings is the built-in defaults themselves. */
const struct ebb_preset *ebb_preset_default(void)
{
	for (int i = 0; i < N_PRESETS; i++)
		if (preset[i].settings[0] == 0)
			return &preset[i];
	EBB_BUG("presets.def has no row without settings");
}

const struct ebb_task_rows *ebb_task_rows_find(const struct ebb_catalog *catalog, const char *name)
{
	for (int i = 0; catalog && i < catalog->n_tasks; i++)
		if (strcmp(catalog->task[i].name, name) == 0)
			return &catalog->task[i];
	return NULL;
}

/* Is key this row's "group.name" or alias? */
static bool is_called(const struct ebb_option *r, const char *key)
{
	size_t n = strlen(r->group);

	if (strncmp(key, r->group, n) == 0 && key[n] == '.' && strcmp(key + n + 1, r->name) == 0)
		return true;
	return r->alias[0] && strcmp(key, r->alias) == 0;
}

const struct ebb_option *ebb_option_find(const struct ebb_catalog *catalog, const char *task,
					 const char *key)
{
	const struct ebb_task_rows *t = task ? ebb_task_rows_find(catalog, task) : NULL;

	for (int i = 0; i < N_ROWS; i++)
		if (is_called(&row[i], key))
			return &row[i];
	for (int i = 0; t && i < t->n_options; i++)
		if (is_called(&t->option[i], key))
			return &t->option[i];
	return NULL;
}

static void set_default(struct ebb_options *o, const struct ebb_option *r)
{
	struct ebb_err err = EBB_ERR_INIT;

	if (ebb_option_set(o, r, r->default_text, &err) < 0)
		EBB_BUG("default of %s.%s: %s", r->group, r->name, err.text);
}

int ebb_options_task(struct ebb_options *o, const struct ebb_catalog *catalog, const char *name,
		     struct ebb_err *err)
{
	const struct ebb_task_rows *t = ebb_task_rows_find(catalog, name);
	char shown[EBB_SHOWN];

	if (!t)
		return ebb_err_set(err, EBB_EINVAL, "unknown task '%s'", ebb_show(shown, name));
	if (strlen(t->name) >= EBB_STR_MAX)
		EBB_BUG("task name '%s' is too long", t->name);
	/* from the row: the caller's name may be o->task.name itself */
	memset(o->task.name, 0, sizeof o->task.name);
	memcpy(o->task.name, t->name, strlen(t->name));
	memset(o->task_own, 0, sizeof o->task_own);
	for (int i = 0; i < t->n_options; i++)
		set_default(o, &t->option[i]);
	return 0;
}

void ebb_options_init(struct ebb_options *o, const struct ebb_catalog *catalog)
{
	const char *name = ebb_preset_default()->name;

	memset(o, 0, sizeof *o);
	for (int i = 0; i < N_ROWS; i++)
		set_default(o, &row[i]);
	memcpy(o->algorithm, name, strlen(name));
	if (ebb_task_rows_find(catalog, o->task.name))
		ebb_options_task(o, catalog, o->task.name, NULL);
}

/* Visit the "key=value" pairs of a settings text: words separated by spaces. */
bool ebb_settings_next(const char **at, char key[EBB_STR_MAX], char value[EBB_STR_MAX])
{
	const char *s = *at + strspn(*at, " ");
	size_t n = strcspn(s, " "), k = strcspn(s, "= ");

	if (n == 0)
		return false;
	if (s[k] != '=' || k >= EBB_STR_MAX || n - k - 1 >= EBB_STR_MAX)
		EBB_BUG("settings '%s' are not of the form key=value", s);
	memcpy(key, s, k);
	key[k] = 0;
	memcpy(value, s + k + 1, n - k - 1);
	value[n - k - 1] = 0;
	*at = s + n;
	return true;
}

int ebb_options_apply(struct ebb_options *o, const struct ebb_catalog *catalog,
		      const char *settings, struct ebb_err *err)
{
	char key[EBB_STR_MAX], value[EBB_STR_MAX];
	int rc = 0;

	while (rc == 0 && ebb_settings_next(&settings, key, value)) {
		const struct ebb_option *r = ebb_option_find(catalog, o->task.name, key);

		if (!r)
			rc = ebb_err_set(err, EBB_EINVAL, "unknown option '%s'", key);
		else if (strcmp(key, "task.name") == 0)
			rc = ebb_options_task(o, catalog, value, err);
		else
			rc = ebb_option_set(o, r, value, err);
	}
	return rc;
}
