/* Figures and claims of a definition, checked by name before anything runs. */
#ifndef EBB_COMMAND_CHECKS_H
#define EBB_COMMAND_CHECKS_H

#include "options/definition.h"

/*
 * Add an error to the sink for every figure nobody can draw and every claim that is none. What names
 * a known arm, value, step or curve that this run does not contain is not applicable: one note for
 * all of them together. The sink borrows marks of *def.
 */
void ebb_check_definition(const struct ebb_definition *def, struct ebb_diag *diag);

#endif
