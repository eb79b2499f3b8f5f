/*
 * Overrides, one a line, as the command line gives them: on their own, or on top of a definition
 * that sweeps, where the first line is "@".
 */
#include <string.h>
#include "fuzz.h"
#include "options/definition.h"
#include "options/text.h"
#include "task/task.h"

#define OVERRIDES_MAX 64

static const char base[] = "task: {name: chain}\n"
			   "algorithms: {mine: {from: grpo, clip.low: 0.1}}\n"
			   "sweep: {algorithm: [grpo, mine], clip.high: [0.2, 0.3]}\n"
			   "train.steps: 10\nseeds: 2\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = ebb_xcalloc(size + 1, 1), *at = text;
	const char *override[OVERRIDES_MAX], *path[1];
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int n = 0, n_paths = 0, rc;

	if (size)
		memcpy(text, data, size);
	if (strncmp(text, "@\n", 2) == 0) {
		path[n_paths++] = fuzz_file(0, base, sizeof base - 1);
		at += 2;
	}
	while (*at && n < OVERRIDES_MAX) {
		char *end = at + strcspn(at, "\n");

		override[n++] = at;
		at = *end ? end + 1 : end;
		*end = 0;
	}
	rc = ebb_definition_read(&def, ebb_task_catalog(), path, n_paths, override, n, &diag, &err);
	fuzz_check_err(rc, &err);
	FUZZ_HOLDS(rc == 0 ? diag.n_errors == 0 : diag.n_errors > 0, "%d, %d errors", rc,
		   diag.n_errors);
	for (int a = 0; rc == 0 && a < def.n_arms; a++)
		FUZZ_HOLDS(ebb_text_is_plain(def.arm[a].label), "label '%s'", def.arm[a].label);
	fuzz_check_findings(&diag, base, sizeof base - 1);
	fuzz_accepted = rc == 0;
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
	free(text);
	return 0;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_overrides",
	.text = true,
	.max_bytes = 1 << 12,
	.words = fuzz_words_of_options,
};
