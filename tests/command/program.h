/*
 * The program as a user runs it: a line of the shell in a folder of the test's own, and what came
 * back. EBB_EXE names the program.
 */
#ifndef EBB_TESTS_COMMAND_PROGRAM_H
#define EBB_TESTS_COMMAND_PROGRAM_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"

static char dir[] = "/tmp/ebb-outside-XXXXXX";
static struct ebb_buf output; /* of the last command */

static inline void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_not_null(getenv("EBB_EXE"), "EBB_EXE is not set; run through meson test");
	/* what a command leaves behind is then in sight */
	setenv("TMPDIR", dir, 1);
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

#endif
