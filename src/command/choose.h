/* One trial of a run, as a word on the command line names it. */
#ifndef EBB_COMMAND_CHOOSE_H
#define EBB_COMMAND_CHOOSE_H

#include "record/record.h"

/*
 * word: the beginning of a trial's id, or ARM:SEED (the label may hold colons itself). *arm and *seed
 * become indices of the run. An error names what was probably meant; a trial that is not finished is
 * one, too.
 */
int ebb_choose_trial(const struct ebb_run *run, const char *word, int *arm, int *seed,
		     struct ebb_err *err);

#endif
