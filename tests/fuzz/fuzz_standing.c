/* Where a trial stands, told by files of any bytes: 'f' its mark of failure, 'r' its journal, then
 * the bytes of that file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "fuzz.h"
#include "options/text.h"
#include "record/standing.h"

#define ID "00000000000000a0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct ebb_standing s;
	struct ebb_err err = EBB_ERR_INIT;
	const char *dir = fuzz_folder();
	char path[128];
	FILE *file;

	if (!ready) {
		ebb_record_setup();
		snprintf(path, sizeof path, "%s/checkpoints", dir);
		if (ebb_dir_make(path, &err) < 0)
			EBB_BUG("%s", err.text);
		ready = true;
	}
	if (size < 1)
		return 0;
	snprintf(path, sizeof path, "%s/checkpoints/" ID ".%s", dir,
		 data[0] == 'f' ? "failed" : "rows");
	file = fopen(path, "w");
	if (!file || (size > 1 && fwrite(data + 1, 1, size - 1, file) != size - 1) ||
	    fclose(file) != 0)
		EBB_BUG("cannot write '%s'", path);
	ebb_standing_read(dir, ID, &s);
	unlink(path);
	FUZZ_HOLDS(ebb_state_word(s.state), "state %d", s.state);
	FUZZ_HOLDS(s.step >= -1 && s.steps >= -1 && s.resume >= -1 && s.attempt >= 0,
		   "step %lld of %lld, resume %lld, attempt %d", (long long)s.step,
		   (long long)s.steps, (long long)s.resume, s.attempt);
	if (s.cause[0])
		fuzz_check_text(s.cause);
	FUZZ_HOLDS(data[0] != 'f' || s.state == EBB_STATE_FAILED, "a mark of failure is %s",
		   ebb_state_word(s.state));
	fuzz_accepted = s.state == EBB_STATE_STALE || s.state == EBB_STATE_FAILED;
	return 0;
}

static void words(struct fuzz_list *to)
{
	static const char *const word[] = {
		"\"time\":",   "\"attempt\":", "\"cause\":", "\"\\u001b[2J\"",
		"\"\\u0085\"", "99999999999",  "-1",         "null"};

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		fuzz_list_puts(to, word[i]);
}

static void seeds(struct fuzz_list *to)
{
	fuzz_list_puts(to,
		       "f{\"time\":\"2031-01-02T03:04:05Z\",\"attempt\":2,\"cause\":\"killed\"}\n");
	fuzz_list_puts(to, "f{\"time\":1,\"attempt\":4294967297,\"cause\":\"\\u001b[31m\\u0085\"}");
	fuzz_list_puts(to, "f{\"attempt\":-7}");
	fuzz_list_puts(to, "f[]");
	fuzz_list_puts(to, "f");
	fuzz_list_puts(to, "rebbj");
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_standing",
	.text = true,
	.max_bytes = 1 << 12,
	.words = words,
	.seeds = seeds,
};
