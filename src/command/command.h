/*
 * One file a subcommand, one row in commands.def. A subcommand gets its own argv (argv[0] is its
 * name) and returns the exit status: 0 done, 1 a trial failed, 2 usage or bad input with nothing
 * half-written. Data goes to stdout, diagnostics to stderr.
 */
#ifndef EBB_COMMAND_COMMAND_H
#define EBB_COMMAND_COMMAND_H

#include "base/err.h"

#define EBB_EXIT_OK 0
#define EBB_EXIT_FAILED 1
#define EBB_EXIT_USAGE 2

#define EBB_COMMAND(name, arguments, about) int ebb_command_##name(int argc, char **argv);
#include "command/commands.def"
#undef EBB_COMMAND

/* Print "ebb NAME: error: text" to stderr; returns EBB_EXIT_USAGE. */
int ebb_command_fail(const char *name, const struct ebb_err *err);
/* Print a usage line for the subcommand after "ebb NAME: error: ..."; returns EBB_EXIT_USAGE. */
int ebb_command_usage(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "--help" text of the subcommand on stdout; returns EBB_EXIT_OK. extra: its options, a line each. */
int ebb_command_help(const char *name, const char *extra);

#endif
