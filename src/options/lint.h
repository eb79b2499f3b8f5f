/*
 * Warnings of settings that cannot matter or are far from what was published: the rules of
 * lint.def. A rule is a predicate over resolved options; it warns only of what somebody set, except where the
 * algorithm as a whole becomes another one. Nothing here refuses a definition: what cannot run is
 * an error of ebb_options_check.
 */
#ifndef EBB_OPTIONS_LINT_H
#define EBB_OPTIONS_LINT_H

#include "base/buf.h"
#include "options/definition.h"

/* What the options alone do not tell. 0: unknown, rules that need it stay silent. */
struct ebb_lint_facts {
	int vocabulary;
	int response_limit; /* tokens: sample.max_tokens, else the task's limit */
};

enum ebb_lint_kind { EBB_LINT_INERT, EBB_LINT_POOR, EBB_LINT_WHOLE }; /* lint.def explains them */

struct ebb_look; /* options, facts and room for a text; lint_look.h */

struct ebb_lint_rule {
	const char *name;
	enum ebb_lint_kind kind;
	const char *keys, *by; /* "group.name" separated by spaces                    */
	const char *about, *source;
	bool (*holds)(const struct ebb_options *o, struct ebb_look *look);
};

/* Rows of lint.def in order. */
const struct ebb_lint_rule *ebb_lint_rows(int *n);

/*
 * Every rule over one set of options. given: did somebody set this option ("group.name") on
 * purpose? report gets one line, lower case: what is set, why it cannot matter, what to change.
 * Returns the number of reports; report may be null.
 */
int ebb_options_lint(const struct ebb_options *o, const struct ebb_lint_facts *facts,
		     bool (*given)(void *ctx, const char *key),
		     void (*report)(void *ctx, const struct ebb_lint_rule *rule, const char *text),
		     void *ctx);

/*
 * Every rule over every arm: warnings in the sink at the place where the key was set. One finding
 * in several arms at one place is one warning that names the arms. An arm is no news where a sweep
 * over the rule's own keys makes it the control: alpha=0 beside alpha=0.01. facts fills *out, which
 * comes zeroed, for an arm's options; null: nothing is known. Returns the number of warnings.
 */
int ebb_definition_lint(const struct ebb_definition *def,
			void (*facts)(void *ctx, const struct ebb_options *o,
				      struct ebb_lint_facts *out),
			void *ctx, struct ebb_diag *diag);

/* docs/lint.md: every rule with its keys, meaning and source, as a page of Markdown. */
void ebb_lint_print(struct ebb_buf *out);

#endif
