/*
 * The program from outside, in a folder of the test's own: what a user types, what comes back.
 * EBB_EXE names the program.
 */
#ifndef EBB_TESTS_COMMAND_OUTSIDE_H
#define EBB_TESTS_COMMAND_OUTSIDE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"

static char dir[] = "/tmp/ebb-outside-XXXXXX";
static struct ebb_buf output; /* of the last command */

static inline void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_not_null(getenv("EBB_EXE"), "EBB_EXE is not set; run through meson test");
}

static inline void remove_dir(void)
{
	char *line = ebb_xprintf("rm -rf %s", dir);

	cr_expect_eq(system(line), 0);
	free(line);
	ebb_buf_release(&output);
}

/* Run a shell line in the folder with ebb's path as $E; returns the exit status. */
static inline int shell(const char *text)
{
	char *line = ebb_xprintf("cd %s && E=%s; %s", dir, getenv("EBB_EXE"), text);
	FILE *f = popen(line, "r");
	char chunk[4096];
	size_t n;
	int status;

	cr_assert_not_null(f);
	ebb_buf_reset(&output);
	ebb_buf_puts(&output, "");
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		ebb_buf_add(&output, chunk, n);
	status = pclose(f);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* "ebb ARGUMENTS", both streams in output. */
static inline int ebb(const char *arguments)
{
	char *line = ebb_xprintf("$E %s 2>&1", arguments);
	int status = shell(line);

	free(line);
	return status;
}

static inline void says(const char *text)
{
	cr_assert(strstr(output.data, text), "expected '%s' in:\n%s", text, output.data);
}

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
