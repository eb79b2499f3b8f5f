#include "command/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

int ebb_command_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ebb %s: error: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: ebb %s %s\n", name, command[find(name)].arguments);
	return EBB_EXIT_USAGE;
}

int ebb_command_help(const char *name, const char *extra)
{
	int i = find(name);

	printf("usage: ebb %s %s\n\n%s\n", name, command[i].arguments, command[i].about);
	if (extra && extra[0])
		printf("\n%s", extra);
	return EBB_EXIT_OK;
}
