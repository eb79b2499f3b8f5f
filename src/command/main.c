/* ebb: dispatches to one file a subcommand. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/near.h"
#include "command/command.h"
#include "ebb-version.h"
#include "record/record.h"

static const struct {
	const char *name, *arguments, *about;
	int (*run)(int argc, char **argv);
} command[] = {
#define EBB_COMMAND(name, arguments, about) {#name, arguments, about, ebb_command_##name},
#include "command/commands.def"
#undef EBB_COMMAND
};

#define N_COMMANDS (sizeof command / sizeof *command)

static int help(void)
{
	printf("ebb %s: a laboratory for the entropy of language-model policies under "
	       "reinforcement "
	       "learning\n\nusage: ebb COMMAND [ARGUMENTS]\n\n",
	       EBB_VERSION);
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-12s %s\n", command[i].name, command[i].about);
	printf("\nebb COMMAND --help explains a command. A first run:\n\n"
	       "  ebb run experiments/quickstart.yaml       train the sweep, %s\n"
	       "  ebb plot data/runs/quickstart             draw its figures\n"
	       "  ebb compare data/runs/quickstart          paired differences between arms\n",
	       "or continue it");
	return EBB_EXIT_OK;
}

/* Output that did not arrive is a failure; a reader that had enough (a closed pipe) is not. */
static int finish(int status)
{
	errno = 0;
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
		fprintf(stderr, "ebb: error: cannot write the output: %s\n",
			strerror(errno ? errno : EIO));
		return EBB_EXIT_USAGE;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct ebb_near near;

	/* a closed pipe is an error of write(), not the end of the program */
	signal(SIGPIPE, SIG_IGN);
	/* inherited as ignored it would let the kernel reap our workers unseen */
	signal(SIGCHLD, SIG_DFL);
	ebb_record_setup();
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help();
		return argc < 2 ? EBB_EXIT_USAGE : finish(EBB_EXIT_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("ebb %s\n", EBB_VERSION);
		return EBB_EXIT_OK;
	}
	ebb_near_init(&near, argv[1]);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(command[i].name, argv[1]) == 0)
			return finish(command[i].run(argc - 1, argv + 1));
		ebb_near_offer(&near, command[i].name);
	}
	fprintf(stderr, "ebb: error: unknown command '%s'%s%s%s; ebb --help lists the commands\n",
		argv[1], near.best ? "; did you mean '" : "", near.best ? near.best : "",
		near.best ? "'?" : "");
	return EBB_EXIT_USAGE;
}
