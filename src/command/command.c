#include "command/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 100 /* of help */

static const struct {
	const char *name, *arguments, *about;
} command[] = {
#define EBB_COMMAND(name, arguments, about) {#name, arguments, about},
#include "command/commands.def"
#undef EBB_COMMAND
};

static int find(const char *name)
{
	for (size_t i = 0; i < sizeof command / sizeof *command; i++)
		if (strcmp(command[i].name, name) == 0)
			return (int)i;
	EBB_BUG("no row in commands.def for '%s'", name);
}

int ebb_command_fail(const char *name, const struct ebb_err *err)
{
	fprintf(stderr, "ebb %s: error: %s\n", name, err->text);
	return EBB_EXIT_USAGE;
}

/* "usage: ebb NAME ARGUMENTS", broken between arguments, [A B ...] being one. */
static void print_usage(FILE *f, const char *name)
{
	const char *s = command[find(name)].arguments;
	int indent = fprintf(f, "usage: ebb %s", name), column = indent;

	while (*s) {
		int n = 0, depth = 0;

		while (s[n] && (depth > 0 || s[n] != ' ')) {
			depth += (s[n] == '[') - (s[n] == ']');
			n++;
		}
		if (column + 1 + n > COLUMNS) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		}
		column += fprintf(f, " %.*s", n, s);
		s += n + (s[n] == ' ');
	}
	fprintf(f, "\n");
}

int ebb_command_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ebb %s: error: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	print_usage(stderr, name);
	return EBB_EXIT_USAGE;
}

int ebb_command_help(const char *name, const char *extra)
{
	print_usage(stdout, name);
	printf("\n%s\n", command[find(name)].about);
	if (extra && extra[0])
		printf("\n%s", extra);
	return EBB_EXIT_OK;
}
