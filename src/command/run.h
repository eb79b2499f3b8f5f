/* ebb run for those who go on with what it made. */
#ifndef EBB_COMMAND_RUN_H
#define EBB_COMMAND_RUN_H

/* As ebb_command_run; *run_dir is the run directory, null where nothing was to be run. The caller
 * frees it. */
int ebb_run_experiment(int argc, char **argv, char **run_dir);

#endif
