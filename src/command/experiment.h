/*
 * An experiment as the command line names it: files by path, or by the bare name of one of ebb's own
 * experiments, and key=value words. What ebb run refuses is refused here, by every command alike.
 */
#ifndef EBB_COMMAND_EXPERIMENT_H
#define EBB_COMMAND_EXPERIMENT_H

#include "options/definition.h"

/*
 * Find and read n_names files (none: overrides alone), check the figures and what only the tasks can
 * check. Notes and everything wrong go to stderr in the name of this command. Returns EBB_EXIT_OK
 * with *def filled, or EBB_EXIT_USAGE with *def empty; *def is always safe to release.
 */
int ebb_experiment_read(const char *command, const char *const *name, int n_names,
			const char *const *override, int n_overrides, struct ebb_definition *def);

#endif
