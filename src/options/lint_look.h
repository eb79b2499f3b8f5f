/* What a rule of lint.def looks at, and how it speaks. Private to lint.c and the files of rules. */
#ifndef EBB_OPTIONS_LINT_LOOK_H
#define EBB_OPTIONS_LINT_LOOK_H

#include "options/lint.h"

struct ebb_look {
	const struct ebb_options *o;
	const struct ebb_preset *preset; /* that its algorithm is made from; null: not known */
	struct ebb_lint_facts facts;
	bool (*given)(void *ctx, const char *key);
	void *ctx;
	char text[512]; /* of an INERT rule: cause and remedy, behind "... does nothing: " */
};

/*
 * One predicate a row: true where the setting cannot matter, with the reason and the remedy said.
 * Which options the sentence is about, and whether somebody set them, is lint.c's to ask, except
 * where a rule is about a setting that was forgotten.
 */
#define EBB_LINT(name, kind, keys, by, about, source)                                              \
	bool ebb_rule_##name(const struct ebb_options *o, struct ebb_look *l);
#include "options/lint.def"
#undef EBB_LINT

/* Fill text; true, so that a predicate can end with it. */
bool ebb_say(struct ebb_look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Text of an enumerated option's value: EBB_CHOICE(o, kl, place). */
#define EBB_CHOICE(o, group, name) ebb_look_choice(#group "." #name, (int)(o)->group.name)
const char *ebb_look_choice(const char *key, int value);

#endif
