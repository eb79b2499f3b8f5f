/* ebb options and ebb metrics from outside: search, forms, and the pages in docs/ made from them. */
#include "outside_json.h"

TestSuite(reference, .init = make_dir, .fini = remove_dir, .timeout = 120);

/* docs/ is made by the program itself; whoever changes a table makes it anew. */
static void page_is_current(const char *name)
{
	const char *root = getenv("EBB_SOURCE_ROOT");
	char *path = ebb_xprintf("%s/docs/%s.md", root ? root : ".", name), *line, *text;
	struct ebb_err err = EBB_ERR_INIT;
	size_t n, at = 0;

	line = ebb_xprintf("%s --markdown", name);
	cr_assert_eq(ebb(line), 0);
	cr_assert_eq(ebb_file_read(path, 1 << 24, &text, &n, &err), 0, "%s", err.text);
	while (at < n && text[at] == output.data[at])
		at++;
	if (at < n || at < output.len) {
		int number = 1;

		for (size_t i = 0; i < at; i++)
			number += text[i] == '\n';
		cr_assert_fail("docs/%s.md differs from the tables at line %d; make it anew: "
			       "build/ebb %s --markdown > docs/%s.md",
			       name, number, name, name);
	}
	free(text);
	free(line);
	free(path);
}

Test(reference, the_page_of_options_is_current)
{
	page_is_current("options");
}

Test(reference, the_page_of_metrics_is_current)
{
	page_is_current("metrics");
}

Test(reference, patterns)
{
	static const struct {
		const char *arguments, *says, *not ;
	} want[] = {
		{"options clip.high", "[0,inf]", "clip.low"},
		{"options CLIP.HIGH", "eps_high", "clip.low"},
		{"options eps-high", "clip.high", "clip.low"},  /* an alias, as a file spells it */
		{"options surrogate", "clip.dual", "tis.kind"}, /* what the group is about */
		{"options 'moment second'", "train.beta2", "train.beta1"}, /* all words */
		{"options task.slip", "task.name=chain", "pshort"},
		{"options clip.high --markdown", "| `clip.high` | `0.2` |", "clip.low"},
		{"metrics kl_ref_k3", "actor/kl_ref_k3", "kl_ref_k2"},
		{"metrics KURTOSIS", "logits/kurtosis", "skew"},
		{"metrics 'entropy eval'", "eval/entropy", "actor/entropy"},
		{"metrics shortcut", "task/shortcut_frac", "actor"},
		{"metrics kurtosis --markdown", "| `kurtosis` |", "skew"},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		cr_assert_eq(ebb(want[i].arguments), 0, "%s", want[i].arguments);
		says(want[i].says);
		does_not_say(want[i].not );
	}
}

Test(reference, nothing_found_names_the_nearest)
{
	static const char *const want[][2] = {
		{"options clip.hihg", "did you mean 'clip.high'?"},
		{"options eps_hgih", "did you mean 'eps_high'?"},
		{"options cilp", "did you mean 'clip'?"},
		{"options zzzzzzzzz", "lists them all"},
		{"options clip.hihg --json", "did you mean 'clip.high'?"},
		{"options clip.hihg --markdown", "did you mean 'clip.high'?"},
		{"metrics klref", "did you mean 'kl_ref'?"},
		{"metrics entorpy --json", "did you mean 'entropy'?"},
		{"metrics zzzzzzzzz", "lists them all"},
		{"options --json --markdown", "not both"},
		{"options a b", "one PATTERN"},
		{"metrics --jsno", "unknown option"},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char *line = ebb_xprintf("%s 2>/dev/null", want[i][0]);

		cr_assert_eq(ebb(want[i][0]), 2, "%s", want[i][0]);
		says(want[i][1]);
		free(line);
		line = ebb_xprintf("$E %s 2>/dev/null", want[i][0]);
		cr_assert_eq(shell(line), 2);
		cr_assert_str_eq(output.data, "", "%s wrote to stdout", want[i][0]);
		free(line);
	}
}

/* JSON, text and Markdown list the same rows. */
Test(reference, json_has_every_row)
{
	static const char *const listed[][3] = {{"options", "key", "help"},
						{"metrics", "name", "about"}};

	for (int k = 0; k < 2; k++) {
		char *line = ebb_xprintf("%s --json", listed[k][0]);
		json_t *root = ebb_json(line), *rows = json_object_get(root, listed[k][0]), *row;
		struct ebb_buf page = EBB_BUF_INIT;
		size_t i;

		cr_assert_gt(json_array_size(rows), 50);
		free(line);
		line = ebb_xprintf("%s --markdown", listed[k][0]);
		cr_assert_eq(ebb(line), 0);
		ebb_buf_puts(&page, output.data);
		cr_assert_eq(ebb(listed[k][0]), 0);
		json_array_foreach(rows, i, row)
		{
			char *cell = ebb_xprintf("| `%s` |", word(row, listed[k][1]));

			cr_assert(strstr(page.data, cell), "%s", cell);
			says(word(row, listed[k][1]));
			cr_assert_gt(strlen(word(row, listed[k][2])), 0);
			free(cell);
		}
		ebb_buf_release(&page);
		json_decref(root);
		free(line);
	}
}
