/* An algorithm is a row of presets.def and nothing else: no source may know one by name. Comments
 * may, and tables about presets; so may choices.def, where the name of one is also the field's name of
 * a loss. */
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
			if (strlen(names[i]) == n && memcmp(at, names[i], n) == 0) {
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
