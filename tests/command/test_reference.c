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

Test(reference, the_page_of_algorithms_is_current)
{
	page_is_current("algorithms");
}

/* Every preset stands on the page with its loss, and cites only rows that are there. */
Test(reference, the_page_of_algorithms_is_whole)
{
	json_t *root = ebb_json("algorithms --json"), *rows = json_object_get(root, "algorithms"),
	       *row;
	const char *s;
	size_t i;

	cr_assert_eq(ebb("algorithms --markdown"), 0);
	json_array_foreach(rows, i, row)
	{
		char *head = ebb_xprintf("\n## %s\n", word(row, "name"));

		says(head);
		cr_assert_gt(strlen(word(row, "paper")), 0);
		free(head);
	}
	for (s = output.data; (s = strstr(s, "](#d")); s++) {
		char id[32];
		int n;

		if (sscanf(s, "](#d%d)", &n) != 1)
			continue; /* a preset that begins so */
		snprintf(id, sizeof id, "id=\"d%d\"", n);
		says(id);
	}
	json_decref(root);
}

Test(reference, two_algorithms_side_by_side)
{
	json_t *root, *d, *row, *v;
	size_t i;
	bool seen = false;

	cr_assert_eq(ebb("algorithms grpo dapo"), 0);
	says("lines that differ");
	says("clip(rho_it, 0.8, 1.28)");
	says("clip.high       0.2 ");
	does_not_say("advantage");
	no_line_wider_than(200);
	root = ebb_json("algorithms grpo dapo --json");
	cr_assert_eq(json_array_size(json_object_get(root, "algorithms")), 2);
	d = json_object_get(root, "differences");
	json_array_foreach(json_object_get(d, "loss"), i, row)
	{
		v = json_object_get(row, "text");
		cr_assert_eq(json_array_size(v), 2);
		cr_assert(!json_equal(json_array_get(v, 0), json_array_get(v, 1)));
		seen = seen || (strcmp(word(row, "name"), "groups") == 0 &&
				json_is_null(json_array_get(v, 0)));
	}
	cr_assert(seen, "only the second one draws groups again");
	json_array_foreach(json_object_get(d, "options"), i, row)
	{
		v = json_object_get(row, "value");
		cr_assert(!json_equal(json_array_get(v, 0), json_array_get(v, 1)));
		word(row, "default");
	}
	cr_assert_eq(i, 5u);
	json_decref(root);
	cr_assert_eq(ebb("algorithms gspo gspo"), 0);
	says("the loss is the same");
	says("they set the same options");
	cr_assert_eq(ebb("algorithms grpo dpao"), 2);
	says("did you mean 'dapo'?");
	cr_assert_eq(ebb("algorithms grpo dapo gspo"), 2);
	says("two NAMEs at most");
	cr_assert_eq(ebb("algorithms grpo --markdown"), 2);
	says("no NAME");
	cr_assert_eq(ebb("algorithms --json --markdown"), 2);
	says("not both");
}

/* What is known of one. */
Test(reference, an_algorithm_has_its_sources)
{
	json_t *root, *row;

	cr_assert_eq(ebb("algorithms dapo"), 0);
	says("from        DAPO");
	says("published   clip 0.2 / 0.28");
	says("disagreed   DAPO's warm-up and dual clip");
	root = ebb_json("algorithms dapo --json");
	row = json_array_get(json_object_get(root, "algorithms"), 0);
	cr_assert_gt(json_array_size(json_object_get(row, "disagreements")), 3);
	cr_assert_str_eq(word(row, "sections"), "PG 4.5");
	json_decref(root);
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
