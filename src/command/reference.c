#include "command/reference.h"

#include <ctype.h>
#include <string.h>
#include "command/command.h"

int ebb_listing_parse(struct ebb_listing *l, int argc, char **argv, const char *help)
{
	const char *form = NULL;

	*l = (struct ebb_listing){0};
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0)
			return ebb_command_help(argv[0], help) + 1;
		if (strcmp(s, "--json") == 0 || strcmp(s, "--markdown") == 0) {
			if (form && strcmp(form, s) != 0)
				return ebb_command_usage(argv[0], "%s or %s, not both", form, s) +
				       1;
			form = s;
			l->form = s[2] == 'j' ? EBB_LISTING_JSON : EBB_LISTING_MARKDOWN;
		} else if (s[0] == '-') {
			return ebb_command_usage(argv[0], "unknown option '%s'", s) + 1;
		} else if (l->pattern) {
			return ebb_command_usage(argv[0],
						 "one PATTERN at most, not also '%s'; several "
						 "words are one in quotes",
						 s) +
			       1;
		} else {
			l->pattern = s;
		}
	}
	return 0;
}

static int folded(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

static bool holds(const char *text, const char *word, size_t n)
{
	for (; *text; text++) {
		size_t i = 0;

		while (i < n && text[i] && folded(text[i]) == folded(word[i]))
			i++;
		if (i == n)
			return true;
	}
	return false;
}

bool ebb_matches(const char *pattern, const char *const *text)
{
	while (pattern && *(pattern += strspn(pattern, " "))) {
		const size_t n = strcspn(pattern, " ");
		bool found = false;

		for (int i = 0; text[i] && !found; i++)
			found = holds(text[i], pattern, n);
		if (!found)
			return false;
		pattern += n;
	}
	return true;
}

void ebb_markdown_cell(struct ebb_buf *out, const char *text)
{
	for (; *text; text++)
		ebb_buf_printf(out, "%s%c", *text == '|' || *text == '*' ? "\\" : "", *text);
}

void ebb_markdown_code(struct ebb_buf *out, const char *text)
{
	if (text[0] == 0)
		return;
	ebb_buf_puts(out, "`");
	for (; *text; text++)
		ebb_buf_printf(out, "%s%c", *text == '|' ? "\\" : "", *text);
	ebb_buf_puts(out, "`");
}

void ebb_json_field(struct ebb_buf *out, const char *key, const char *text)
{
	ebb_buf_printf(out, ", \"%s\": ", key);
	ebb_buf_json(out, text);
}
