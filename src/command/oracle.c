/* ebb oracle: evaluate the objective on given arrays. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "command/command.h"
#include "command/oracle_cases.h"
#include "command/oracle_input.h"

#define FILE_LIMIT ((size_t)256 << 20)

/* Notes are said on stderr, also those found before an error. */
static void say_notes(const struct ebb_buf *notes)
{
	const char *at = notes->data, *end;

	for (; at && *at; at = end + 1) {
		end = strchr(at, '\n');
		fprintf(stderr, "ebb oracle: note: %.*s\n", (int)(end - at), at);
	}
}

static int run_path(const char *path, bool json, struct ebb_buf *out, struct ebb_err *err)
{
	struct ebb_buf notes = EBB_BUF_INIT;
	char *text;
	size_t n;
	int rc;

	if (ebb_file_read(path, FILE_LIMIT, &text, &n, err) != 0)
		return err->code;
	rc = ebb_oracle_evaluate(text, n, path, json, out, &notes, err);
	say_notes(&notes);
	ebb_buf_release(&notes);
	free(text);
	return rc;
}

static int help(void)
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_buf_puts(
		&text,
		"  --json   every coefficient and metric instead of a table\n\n"
		"CASE.json holds 'datasets' (mask, logp_new, logp_old; group, logp_roll, "
		"logp_ref,\n"
		"entropy where needed) and 'cases' (name, dataset, config, advantage). Keys of a\n"
		"config and the options they set:\n\n");
	ebb_oracle_config_help(&text);
	ebb_command_help("oracle", text.data);
	ebb_buf_release(&text);
	return EBB_EXIT_OK;
}

int ebb_command_oracle(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_buf out = EBB_BUF_INIT;
	const char *path = NULL;
	bool json = false, options = true;
	int status = EBB_EXIT_OK;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (options && strcmp(a, "--") == 0)
			options = false;
		else if (options && (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0))
			return help();
		else if (options && strcmp(a, "--json") == 0)
			json = true;
		else if (options && a[0] == '-')
			return ebb_command_usage("oracle", "unknown option '%s'", a);
		else if (path)
			return ebb_command_usage("oracle", "one file at a time, not also '%s'", a);
		else
			path = a;
	}
	if (!path)
		return ebb_command_usage("oracle", "which CASE.json?");
	if (run_path(path, json, &out, &err) != 0)
		status = ebb_command_fail("oracle", &err);
	else if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
		fprintf(stderr, "ebb oracle: error: cannot write the result: %s\n",
			strerror(errno));
		status = EBB_EXIT_FAILED;
	}
	ebb_buf_release(&out);
	return status;
}
