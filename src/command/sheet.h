/* Everything ebb describe knows of one arm: numbers, and a page of lines to print or to compare. */
#ifndef EBB_COMMAND_SHEET_H
#define EBB_COMMAND_SHEET_H

#include "command/page.h"
#include "options/definition.h"
#include "task/task.h"

/* The sections after EBB_SECTION_LOSS. */
#define EBB_SECTION_TRAINING "how it is trained"
#define EBB_SECTION_OPTIONS  "options that differ from the built-in defaults"
#define EBB_SECTION_TRIALS   "trials, seed:id"

struct ebb_sheet {
	const struct ebb_definition *def; /* borrowed, like arm, o and task */
	const struct ebb_arm *arm;
	const struct ebb_options *o;
	const struct ebb_task *task;
	int limit; /* the longest response */
	int64_t parameters;
	struct ebb_page page; /* the caller releases it, whatever init returned */
};

int ebb_sheet_init(struct ebb_sheet *s, const struct ebb_definition *def, int arm,
		   struct ebb_err *err);

/* Responses a step draws (a round of them, with dynamic sampling); updates of a trial. */
int64_t ebb_sheet_rows(const struct ebb_options *o);
int64_t ebb_sheet_updates(const struct ebb_options *o);

/* An option whose value is not its built-in default. */
struct ebb_difference {
	const struct ebb_option *row;
	char key[2 * EBB_STR_MAX];
	struct ebb_buf value, builtin;
};
void ebb_sheet_differences(struct ebb_sheet *s,
			   void (*visit)(struct ebb_sheet *s, const struct ebb_difference *d,
					 void *ctx),
			   void *ctx);
/* Append who decided the option's value: file and line, command line, a preset. */
void ebb_sheet_origin(const struct ebb_sheet *s, const char *key, struct ebb_buf *out);

/* Ids of the trial with the seed of this index, and of its base policy. */
const char *ebb_sheet_trial(const struct ebb_sheet *s, int seed);
void ebb_sheet_base(const struct ebb_sheet *s, int seed, char id[EBB_ID_MAX]);

#endif
