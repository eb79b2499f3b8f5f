/* An algorithm is a row of presets.def and nothing else: no source may know one by name. Comments
 * may, and tables about presets; so may choices.def, where the name of one is also the field's name of
 * a loss. An option group of the same name is used as one ("group.option"), and so is a family of
 * metrics ("family/metric"): switches and curves that any algorithm may have. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"

static const char *const names[] = {
#define EBB_PRESET(name, ...) #name,
#include "options/presets.def"
#undef EBB_PRESET
};

static const char *const groups[] = {
#define EBB_GROUP(name, ...) #name,
#define EBB_INT(...)
#define EBB_F64(...)
#define EBB_BOOL(...)
#define EBB_STR(...)
#define EBB_ENUM(...)
#define EBB_END(...)
#include "options/options.def"
#undef EBB_GROUP
#undef EBB_INT
#undef EBB_F64
#undef EBB_BOOL
#undef EBB_STR
#undef EBB_ENUM
#undef EBB_END
};

static bool is_group(const char *name)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strcmp(groups[i], name) == 0)
			return true;
	return false;
}

static bool ends_with(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Is the word at `at` (after the byte before it) the name of a group of options or of metrics? */
static bool is_family(const char *path, const char *name, char before, const char *after)
{
	if (is_group(name) && (*after == '.' || (ends_with(path, "options.def") && before == '(')))
		return true;
	return ends_with(path, "metrics.def") && before == '"' && *after == '/';
}

/* Blank out comments; strings stay, for they are what is looked for. */
static void strip_comments(char *s)
{
	enum { CODE, LINE, BLOCK, STRING, LETTER } state = CODE;

	for (; *s; s++) {
		if (state == CODE && s[0] == '/' && s[1] == '/')
			state = LINE;
		else if (state == CODE && s[0] == '/' && s[1] == '*')
			state = BLOCK;
		else if (state == CODE && (*s == '"' || *s == '\''))
			state = *s == '"' ? STRING : LETTER;
		else if ((state == STRING || state == LETTER) && *s == '\\' && s[1])
			s++;
		else if ((state == STRING && *s == '"') || (state == LETTER && *s == '\''))
			state = CODE;
		else if (state == LINE && *s == '\n')
			state = CODE;
		else if (state == BLOCK && s[0] == '*' && s[1] == '/') {
			s[0] = s[1] = ' ';
			state = CODE;
		}
		if ((state == LINE || state == BLOCK) && *s != '\n')
			*s = ' ';
	}
}

static int check_text(const char *path, char *text)
{
	int found = 0;

	strip_comments(text);
	for (char *at = text; *at;) {
		size_t n = 0;

		while (isalnum((unsigned char)at[n]) || at[n] == '_')
			n++;
		for (size_t i = 0; n > 0 && i < sizeof names / sizeof *names; i++)
			if (strlen(names[i]) == n && memcmp(at, names[i], n) == 0 &&
			    !is_family(path, names[i], at > text ? at[-1] : 0, at + n)) {
				cr_expect_fail("%s names the preset '%s'", path, names[i]);
				found++;
			}
		at += n > 0 ? n : 1;
	}
	return found;
}

/* Rows about presets are data, too. */
static bool is_table(const char *name)
{
	static const char *const table[] = {"presets.def", "choices.def", "sources.def",
					    "disagreements.def"};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(name, table[i]) == 0)
			return true;
	return false;
}

static bool is_source(const char *name)
{
	static const char *const ends[] = {".c", ".h", ".def", ".cu", ".cuh", "meson.build"};
	const size_t n = strlen(name);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (n >= strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return !is_table(name);
	return false;
}

static int walk(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int files = 0;

	cr_assert_not_null(dir, "cannot open %s", folder);
	while ((e = readdir(dir))) {
		char *path = ebb_path_join(folder, e->d_name), *text;
		struct stat st;
		size_t n;

		if (e->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			files += walk(path);
		} else if (is_source(e->d_name) &&
			   ebb_file_read(path, 1 << 24, &text, &n, NULL) == 0) {
			files++;
			check_text(path, text);
			free(text);
		}
		free(path);
	}
	closedir(dir);
	return files;
}

Test(unit, no_preset_name_in_the_sources)
{
	const char *root = getenv("EBB_SOURCE_ROOT");
	char *src = ebb_path_join(root ? root : ".", "src");

	cr_expect_gt(walk(src), 30);
	free(src);
}

Test(unit, the_reader_of_sources_sees_code_and_strings_only)
{
	char text[] =
		"/* dapo */ a = \"x//gspo\"; // grpo\nb = '\"'; c = \"\\\"\"; d /* grpo\n*/ e";

	strip_comments(text);
	cr_expect_null(strstr(text, "dapo"));
	cr_expect_null(strstr(text, "grpo"));
	cr_expect_not_null(strstr(text, "gspo"));
	cr_expect_not_null(strstr(text, " e"));
}

Test(unit, a_group_of_options_is_no_algorithm)
{
	cr_expect(is_family("src/options/options.def", "em", '(', ", coef"));
	cr_expect(is_family("src/a.c", "em", '>', ".coef"));
	cr_expect(is_family("src/options/metrics.def", "empo", '"', "/entropy"));
	cr_expect_not(is_family("src/a.c", "em", '"', "\""));
	cr_expect_not(is_family("src/a.c", "grpo", '"', ".coef"));
	cr_expect_not(is_family("src/a.c", "empo", '"', "/entropy"));
}
