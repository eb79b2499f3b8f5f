/* Several runs in one comparison or fit: the same numbers as one run that had all, and what differs
 * between them said first. */
#include "runs.h"

#include <jansson.h>

TestSuite(compare, .init = make_dir, .fini = remove_dir, .timeout = 240);

static json_t *parsed(const char *arguments)
{
	json_error_t error;
	json_t *root;

	cr_assert_eq(ebb(arguments), 0, "%s", output.data);
	root = json_loads(output.data, 0, &error);
	cr_assert_not_null(root, "%s in\n%s", error.text, output.data);
	return root;
}

static json_t *row(json_t *root, const char *arm)
{
	json_t *r;
	size_t i;

	json_array_foreach(json_object_get(root, "rows"), i,
			   r) if (strcmp(json_string_value(json_object_get(r, "arm")), arm) ==
				  0) return r;
	cr_assert_fail("no row '%s' in\n%s", arm, output.data);
	return NULL;
}

static double number(json_t *r, const char *key)
{
	json_t *v = json_object_get(r, key);

	cr_assert(json_is_number(v), "%s", key);
	return json_number_value(v);
}

/* Grown in two folders or in one: the same table. */
Test(compare, seeds_of_one_definition_in_two_folders)
{
	json_t *whole, *joined;
	const char *const key[] = {"n", "mean", "sd", "difference", "diff_low", "p", "pairs"};

	run("run algorithm=grpo,dapo seeds=[1,2,3,4] " SHORT "--out whole");
	run("run algorithm=grpo,dapo seeds=[1,2] " SHORT "--out a");
	run("run algorithm=grpo,dapo seeds=[3,4] " SHORT "--out b");
	whole = parsed("compare whole --metric entropy --json");
	joined = parsed("compare a b --metric entropy --json");
	cr_assert_eq(json_array_size(json_object_get(joined, "rows")), 2);
	for (size_t i = 0; i < sizeof key / sizeof *key; i++)
		cr_assert_eq(number(row(whole, "dapo"), key[i]),
			     number(row(joined, "dapo"), key[i]), "%s", key[i]);
	cr_assert_null(json_object_get(whole, "runs"));
	cr_assert_eq(json_array_size(json_object_get(joined, "runs")), 2);
	cr_assert_eq(json_array_size(json_object_get(joined, "warnings")), 0);
	json_decref(joined);
	json_decref(whole);
	cr_assert_eq(ebb("compare a b --metric entropy"), 0);
	says("a: a, 2 arms, seeds 1, 2\n");
	says("2 arms are the same in a and b; with the seeds of all, once: grpo, dapo\n");
	says_not("warning");
	says_not("not finished");
	cr_assert(strstr(output.data, "what differs") < strstr(output.data, "final ="));
	cr_assert_eq(ebb("fit a b"), 0);
	says("2 runs");
	cr_assert_eq(ebb("fit a b --json"), 0);
	says("\"differences\"");
	cr_assert_eq(ebb("compare a b --markdown --metric entropy"), 0);
	says("| arm | n | final |");
	says("|:---|---:|---:|:---|");
	cr_assert_eq(ebb("compare a a"), 2);
	says("same run");
	cr_assert_eq(ebb("compare a nowhere"), 2);
	says("nowhere");
	cr_assert_eq(ebb("compare a --json --markdown"), 2);
}

/* Runs are told from figures by what they are; the first run's own figures stay as they are. */
Test(compare, a_figure_of_two_runs)
{
	char *path = ebb_xprintf("%s/a/figures/a+b/entropy.csv", dir), *own, *text;
	struct ebb_err err = EBB_ERR_INIT;
	size_t n;

	run("run algorithm=grpo seeds=[1,2] " SHORT "--out a");
	run("run algorithm=grpo,dapo seeds=[3] " SHORT "--out b");
	cr_assert_eq(shell("mkdir accuracy"), 0); /* no run: the figure */
	cr_assert_eq(ebb("plot a b entropy accuracy"), 0, "%s", output.data);
	says("2 runs");
	says("a/figures/a+b/accuracy.png");
	cr_assert_eq(ebb_file_read(path, 1 << 20, &text, &n, &err), 0, "%s", err.text);
	cr_assert(strstr(text, "grpo") && strstr(text, "dapo"), "%s", text);
	own = ebb_path_join(dir, "a/figures/entropy.csv");
	cr_assert_not(ebb_file_exists(own));
	free(own);
	free(text);
	free(path);
}

/* What is not of the algorithm is told, and doubts stand where a number would mislead. */
Test(compare, what_differs_stands_first)
{
	json_t *root, *options, *r;
	bool lr = false;
	size_t i;

	run("run algorithm=grpo,dapo seeds=[1,2] " SHORT "--out a");
	run("run algorithm=grpo,dapo seeds=[1,2,3] " SHORT "train.lr=0.01 --out b");
	root = parsed("compare a b --by run --metric entropy --json");
	options = json_object_get(json_object_get(root, "differences"), "options");
	json_array_foreach(options, i, r) lr =
		lr || strcmp(json_string_value(json_object_get(r, "key")), "train.lr") == 0;
	cr_assert(lr, "%s", output.data);
	cr_assert_eq(json_array_size(options), 1, "%s", output.data);
	r = row(root, "b: dapo");
	cr_assert_str_eq(json_string_value(json_object_get(r, "baseline")), "a: dapo");
	cr_assert_eq(number(r, "pairs"), 2);
	cr_assert_eq(number(r, "dropped"), 1);
	cr_assert_neq(number(r, "difference"), 0);
	cr_assert_eq(json_array_size(json_object_get(root, "warnings")), 0);
	json_decref(root);
	cr_assert_eq(ebb("compare a b --metric entropy"), 0);
	says("train.lr: default in a; 0.01 in b\n");
	says_not("not finished"); /* seed 3 is none of a's */

	run("run algorithm=grpo seeds=2 " TINY
	    "train.steps=4 pretrain.lr=0.001 eval.temperature=0.5 --out c");
	root = parsed("compare a c --by run --json");
	cr_assert_eq(json_array_size(json_object_get(root, "warnings")), 0, "no pair: no doubt");
	json_decref(root);
	run("run algorithm=grpo seeds=[1,2] " TINY
	    "train.steps=4 pretrain.lr=0.001 eval.temperature=0.5 --out d");
	root = parsed("compare a d --by run --json");
	cr_assert_eq(json_array_size(json_object_get(root, "warnings")), 3, "%s", output.data);
	json_decref(root);
	cr_assert_eq(ebb("compare a d --by run"), 0);
	says("do not start from the same base policies");
	says("pretrain.lr 0.001|0.004");
	says("are evaluated differently");
	says("eval.temperature 0.5|1");
	says("train.steps 4|6");
}
