/* ebb claims from outside: verdicts of small runs, as they were recorded. EBB_EXE names the program. */
#include <sys/stat.h>
#include "runs.h"

#include <jansson.h>

TestSuite(claims, .init = make_dir, .fini = remove_dir, .timeout = 300);

/* Steps and responses are certain; 8 prompts of 4 responses, 6 steps. */
static const char definition[] =
	"name: small\n"
	"algorithms:\n"
	"  eager: {from: grpo, train.lr: 0.01}\n"
	"sweep: {algorithm: [grpo, eager]}\n"
	"claims:\n"
	"  - consumed(steps, algorithm=grpo) < 7\n"
	"  - consumed(rollouts, algorithm=eager)\n"
	"    > 1000\n"
	"  - share(consumed(steps, algorithm=eager) > 5) >= 1\n"
	"  - final(accuracy, algorithm=eager) > final(accuracy, algorithm=grpo)\n"
	"  - at(entropy, step=50, algorithm=grpo) > 0\n";

static void put(const char *name, const char *text)
{
	char *path = ebb_path_join(dir, name);
	struct ebb_err err;

	cr_assert_eq(ebb_file_write(path, text, strlen(text), &err), 0);
	free(path);
}

static void make_run(const char *overrides)
{
	char *line = ebb_xprintf("run small.yaml --out small " SHORT "%s", overrides);

	put("small.yaml", definition);
	run(line);
	free(line);
}

Test(claims, usage)
{
	char *other;

	cr_expect_eq(ebb("claims"), 2);
	says("name the run directory");
	says("usage: ebb claims RUN [CLAIM ...]");
	cr_expect_eq(ebb("claims nowhere"), 2);
	says("no run directory 'nowhere'");
	cr_expect_eq(ebb("claims . --jsn"), 2);
	says("unknown option '--jsn'");
	cr_expect_eq(ebb("claims . --json --markdown"), 2);
	says("not both");
	other = ebb_path_join(dir, "other");
	cr_expect_eq(mkdir(other, 0777), 0);
	free(other);
	put("other/run.h5", "");
	cr_expect_eq(ebb("claims . other"), 2);
	says("'other' is another");
	cr_expect_eq(ebb("claims --help"), 0);
	says("p Holm");
}

Test(claims, verdicts_of_what_was_recorded)
{
	make_run("seeds=2");
	put("small.yaml", "claims: [none at all]"); /* the file of today has no say */
	cr_expect_eq(ebb("claims small"), 0, "%s", output.data);
	says("verdict         effect");
	says("reproduced          -1       [-1, -1]  <0.0001  <0.0001       -  2*      -  "
	     "consumed(steps, algorithm=grpo) < 7\n");
	says("contradicted");
	says("  consumed(rollouts, algorithm=eager) > 1000\n"); /* folded in the file */
	says("    it holds in 2 of 2 seeds; a share needs 5 seeds\n");
	says("'grpo' starts at accuracy 0.000, outside 0.05 to 0.80: there is too little to "
	     "reward\n");
	says("    this run ends at step 6, before 50\n");
	says("\n5 claims: 1 reproduced, 1 contradicted, 1 inconclusive, 2 not applicable\n");

	cr_expect_eq(ebb("claims small --strict"), 1);
	says("5 claims");
}

Test(claims, words_of_the_moment)
{
	make_run("seeds=2");
	cr_expect_eq(ebb("claims small --strict 'consumed(steps, algorithm=eager) < 7' "
			 "'at(entropy, step=50, algorithm=grpo) > 0'"),
		     0, "%s", output.data); /* what does not apply does not fail */
	says("2 claims: 1 reproduced, 1 not applicable\n");
	cr_expect_eq(ebb("claims small '-consumed(steps, algorithm=grpo) > -7'"), 0, "%s",
		     output.data);
	says("1 claim: 1 reproduced\n");

	cr_expect_eq(ebb("claims small 'final(entrpy, algorithm=grpo) < 1' 'final(entropy) < 1' "
			 "'final(entropy, algorithm=eagr) < 1'"),
		     2);
	says("error: claim: unknown metric 'entrpy': did you mean 'entropy'?\n"
	     "    final(entrpy, algorithm=grpo) < 1\n"
	     "          ^\n");
	says("error: claim: final() is left with 2 arms and needs one: select, like "
	     "algorithm=grpo\n");
	says("unknown algorithm 'eagr': did you mean 'eager'?");
	says("ebb claims: error: 3 of 3 claims cannot be judged\n");
}

/* An override took an arm out: its name is known from the recorded text, so its claims do not apply. */
Test(claims, arms_that_an_override_took_out)
{
	make_run("seeds=1 algorithm=grpo");
	cr_expect_eq(ebb("claims small"), 0, "%s", output.data);
	says("    this run has no arm with algorithm=eager\n");
	says("5 claims: 1 inconclusive, 4 not applicable\n");
	cr_expect_eq(ebb("claims small 'final(entropy) > 0'"), 0, "%s", output.data);
	says("    one seed has no spread: nothing can be decided\n");
	cr_expect_eq(ebb("claims small --strict 'final(entropy, algorithm=eager) > 0'"), 0);
}

Test(claims, a_run_without_claims)
{
	run("run algorithm=grpo seeds=1 " SHORT "--out bare");
	cr_expect_eq(ebb("claims bare --strict"), 0);
	says("claims nothing");
	cr_expect_eq(ebb("claims bare --json"), 0);
	says("\"claims\":[\n],\"tests\":0,");
}

static double number(const json_t *claim, const char *key)
{
	const json_t *v = json_object_get(claim, key);

	cr_assert(v && json_is_number(v), "%s is no number", key);
	return json_number_value(v);
}

Test(claims, json_and_markdown)
{
	json_t *root, *claim;
	json_error_t e;

	make_run("seeds=2");
	cr_assert_eq(ebb("claims small --json"), 0);
	root = json_loads(output.data, 0, &e);
	cr_assert_not_null(root, "%s", e.text);
	cr_expect_str_eq(json_string_value(json_object_get(root, "run")), "small");
	cr_expect_eq(json_array_size(json_object_get(root, "claims")), 5);
	claim = json_array_get(json_object_get(root, "claims"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(claim, "claim")),
			 "consumed(steps, algorithm=grpo) < 7");
	cr_expect_str_eq(json_string_value(json_object_get(claim, "verdict")), "reproduced");
	cr_expect(json_is_true(json_object_get(claim, "holds")) &&
		  json_is_true(json_object_get(claim, "few")) &&
		  json_is_false(json_object_get(claim, "ratio")));
	cr_expect(number(claim, "left") == 6 && number(claim, "right") == 7 &&
		  number(claim, "effect") == -1 && number(claim, "low") == -1 &&
		  number(claim, "high") == -1 && number(claim, "p") == 0 &&
		  number(claim, "p_holm") == 0 && number(claim, "n") == 2 &&
		  number(claim, "dropped") == 0);
	cr_expect(json_is_null(json_object_get(claim, "margin")) &&
		  json_is_null(json_object_get(claim, "p_sign")) &&
		  json_is_null(json_object_get(claim, "n_needed")));
	cr_expect_str_eq(json_string_value(json_object_get(claim, "test")), "paired t");
	claim = json_array_get(json_object_get(root, "claims"), 4);
	cr_expect(json_is_null(json_object_get(claim, "effect")));
	cr_expect_str_eq(json_string_value(json_object_get(claim, "note")),
			 "this run ends at step 6, before 50");
	cr_expect_eq(number(json_object_get(root, "counts"), "not applicable"), 2);
	cr_expect_eq(number(root, "tests"), 3);
	json_decref(root);

	cr_assert_eq(ebb("claims small --markdown"), 0);
	says("| claim | verdict | effect, 95 % interval | p (Holm) | N | note |\n|---|");
	says("| `consumed(steps, algorithm=grpo) < 7` | reproduced | -1 [-1, -1] | <0.0001 "
	     "(<0.0001) | 2 | the difference is the same in every seed |\n");
}
