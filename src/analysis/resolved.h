/* The resolved definition as a run keeps it (its index, resolved.yaml): for every arm the options
 * that differ from the built-in defaults, as texts. Read back without today's tables, so that runs
 * of other versions can be compared by what they recorded. */
#ifndef EBB_ANALYSIS_RESOLVED_H
#define EBB_ANALYSIS_RESOLVED_H

#include "options/definition.h"

struct ebb_resolved_arm {
	char *label;
	struct ebb_setting *option; /* key, value; "algorithm" first */
	int n_options;
};

struct ebb_resolved {
	struct ebb_resolved_arm *arm;
	int n_arms;
};

/* EBB_EFORMAT where the text is not what ebb_definition_print writes. Safe to release when zero. */
int ebb_resolved_read(struct ebb_resolved *resolved, const char *text, struct ebb_err *err);
void ebb_resolved_release(struct ebb_resolved *resolved);

/* Null: there is none; the value of an option that has its default: null. */
const struct ebb_resolved_arm *ebb_resolved_arm(const struct ebb_resolved *resolved,
						const char *label);
const char *ebb_resolved_option(const struct ebb_resolved_arm *arm, const char *key);

#endif
