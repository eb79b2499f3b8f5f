/* A file of cases for ebb oracle: read, evaluated, printed both ways. */
#include <jansson.h>
#include <string.h>
#include "command/oracle_cases.h"
#include "command/oracle_input.h"
#include "fuzz.h"
#include "options/text.h"

static void check_lines(const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");
		char *line = ebb_xprintf("%.*s", (int)n, text);

		fuzz_check_text(line);
		free(line);
		text += n + (text[n] != 0);
	}
}

static void evaluate(const uint8_t *data, size_t size, bool json)
{
	struct ebb_buf out = EBB_BUF_INIT, notes = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int rc = ebb_oracle_evaluate((const char *)data, size, "case.json", json, &out, &notes,
				     &err);

	fuzz_check_err(rc, &err);
	check_lines(notes.data);
	if (rc == 0 && json) {
		json_error_t e;
		json_t *again = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &e);

		FUZZ_HOLDS(again, "its own output is no JSON: %d:%d: %s", e.line, e.column, e.text);
		json_decref(again);
	} else if (rc == 0) {
		check_lines(out.data);
	}
	fuzz_accepted = rc == 0;
	ebb_buf_release(&out);
	ebb_buf_release(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	evaluate(data, size, false);
	evaluate(data, size, true);
	return 0;
}

static void words(struct fuzz_list *to)
{
	static const char *const key[] = {
		"\"datasets\"",  "\"cases\"",    "\"mask\"",    "\"logp_new\"",  "\"logp_old\"",
		"\"logp_roll\"", "\"logp_ref\"", "\"entropy\"", "\"group\"",     "\"advantage\"",
		"\"config\"",    "\"name\"",     "\"dataset\"", "\"R\"",         "\"T\"",
		"\"-inf\"",      "\"inf\"",      "\"nan\"",     "[[1,0],[0,1]]", "[[1.5e300,0]]",
		"[[\"-inf\",0]]"};
	struct ebb_buf help = EBB_BUF_INIT;
	char name[40], option[40];
	int n;

	for (size_t i = 0; i < sizeof key / sizeof *key; i++)
		fuzz_list_puts(to, key[i]);
	ebb_oracle_config_help(&help);
	for (const char *at = help.data; sscanf(at, " %39s %39s%n", name, option, &n) == 2; at += n)
		fuzz_list_puts(to, name);
	ebb_buf_release(&help);
	fuzz_words_of_options(to);
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_oracle",
	.text = true,
	.max_bytes = 1 << 13,
	.words = words,
};
