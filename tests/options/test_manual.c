/* Every example of docs/definition.md is read with the program's own tasks. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "options/definition.h"
#include "task/task.h"

static void read_block(const char *text, size_t n, int line)
{
	char path[] = "/tmp/ebb-manual-XXXXXX";
	const char *const name[] = {path};
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int fd = mkstemp(path), rc;

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
	rc = ebb_definition_read(&def, ebb_task_catalog(), name, 1, NULL, 0, &diag, &err);
	for (int i = 0; i < diag.n; i++)
		cr_expect(diag.entry[i].severity == EBB_NOTE, "example at line %d: %d:%d: %s", line,
			  diag.entry[i].mark.line, diag.entry[i].mark.column, diag.entry[i].text);
	cr_expect_eq(rc, 0, "example at line %d: %s", line, err.text);
	cr_expect(rc != 0 || def.n_arms > 0);
	unlink(path);
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
}

Test(manual, every_example_is_sound)
{
	const char *root = getenv("EBB_SOURCE_ROOT"), *block = NULL;
	struct ebb_err err = EBB_ERR_INIT;
	char *path, *text;
	int line = 1, n_blocks = 0;
	size_t n;

	cr_assert(root != NULL, "EBB_SOURCE_ROOT is the folder of the sources");
	path = ebb_path_join(root, "docs/definition.md");
	cr_assert_eq(ebb_file_read(path, 1 << 20, &text, &n, &err), 0, "%s", err.text);
	for (const char *s = text; *s; line++) {
		const char *end = strchr(s, '\n');

		if (!end)
			end = s + strlen(s);
		if (!block && strncmp(s, "```yaml\n", 8) == 0) {
			block = end + 1;
		} else if (block && strncmp(s, "```", 3) == 0) {
			read_block(block, (size_t)(s - block), line);
			block = NULL;
			n_blocks++;
		}
		s = *end ? end + 1 : end;
	}
	cr_expect_null(block);
	cr_expect_geq(n_blocks, 15, "only %d examples were found", n_blocks);
	free(text);
	free(path);
}
