/*
 * The program from outside, in a folder of the test's own: what a user types, what comes back.
 * EBB_EXE names the program.
 */
#ifndef EBB_TESTS_COMMAND_OUTSIDE_H
#define EBB_TESTS_COMMAND_OUTSIDE_H

#include "base/file.h"
#include "command/program.h"

static inline void does_not_say(const char *text)
{
	cr_assert(!strstr(output.data, text), "did not expect '%s' in:\n%s", text, output.data);
}

static inline void put(const char *name, const char *text)
{
	char *path = ebb_path_join(dir, name);
	struct ebb_err err;

	cr_assert_eq(ebb_file_write(path, text, strlen(text), &err), 0);
	free(path);
}

static inline bool there(const char *name)
{
	char *path = ebb_path_join(dir, name);
	bool yes = ebb_file_exists(path);

	free(path);
	return yes;
}

/* Overrides of a trial that takes a moment. */
#define TINY                                                                                       \
	"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=10 "              \
	"pretrain.warmup=2 pretrain.batch=16 train.steps=3 train.prompts=4 train.group=4 "         \
	"train.minibatches=2 eval.questions=8 eval.samples=2 "

static inline void no_line_wider_than(size_t limit)
{
	for (const char *s = output.data, *end; *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, '\n');
		cr_assert_leq((size_t)(end - s), limit, "%.*s", (int)(end - s), s);
	}
}

#endif
