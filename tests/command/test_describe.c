/* ebb describe, and finding an experiment by its name, from outside. */
#include "outside_json.h"

TestSuite(describe, .init = make_dir, .fini = remove_dir, .timeout = 240);

#define TWO                                                                                        \
	"name: two\nabout: which of two\ntask: {name: chain, preset: rare99}\n"                    \
	"algorithms:\n  wide: {from: gspo, clip.low: 0.03}\n"                                      \
	"sweep: {algorithm: [grpo, wide], alpha: [0, 0.1]}\nseeds: 2\nfigures: [entropy]\n"

static json_t *named(json_t *array, const char *key, const char *name)
{
	json_t *v;
	size_t i;

	json_array_foreach(array, i, v) if (strcmp(word(v, key), name) == 0) return v;
	return NULL;
}

Test(describe, one_arm_is_described_whole)
{
	put("x.yaml", "name: x\nalgorithm: grpo\nclip: {high: 0.28}\nseeds: 1\n");
	cr_assert_eq(ebb("describe x.yaml kl.place=loss"), 0, "%s", output.data);
	says("1 arm x 1 seed = 1 trial");
	says("L = sum_it w_it l_it + 0.04 sum_it w_it k_it");
	says("clip(rho_it, 0.8, 1.28)");
	says("forward: the reference policy on every response trained on");
	says("480 updates");
	says("0.28, not 0.2  [x.yaml:3]");
	says("loss, not none  [command line]");
	does_not_say("gamma");
	no_line_wider_than(100);
	cr_assert(!there("data"), "describe wrote something");
}

Test(describe, shared_lines_come_once)
{
	const char *again;

	put("two.yaml", TWO);
	cr_assert_eq(ebb("describe two.yaml"), 0, "%s", output.data);
	says("4 arms x 2 seeds = 8 trials");
	again = strstr(output.data, "AdamW");
	cr_assert_not_null(again);
	cr_assert_null(strstr(again + 1, "AdamW"), "%s", output.data);
	says("==== arm 'wide alpha=0.1' ====");
	says("[sweep, two.yaml:6]");
	says("[task preset rare99]");
	says("[algorithm wide]");
	cr_assert_eq(shell("$E describe two.yaml 2>/dev/null"), 0);
	no_line_wider_than(100);
	/* one arm alone is whole */
	cr_assert_eq(ebb("describe two.yaml --arm 'wide alpha=0.1'"), 0);
	says("AdamW");
	does_not_say("'grpo");
	cr_assert_eq(ebb("describe two.yaml --arm 'wide alpha=0.2'"), 2);
	says("did you mean 'wide alpha=0.1'?");
}

/* What most arms have is said above, and what the others have instead below. */
Test(describe, the_odd_one_out_says_what_it_has_instead)
{
	const char *grpo;

	put("x.yaml", "name: x\nsweep: {alpha: [0, 0.1, 0.2, 0.3]}\nseeds: 1\n");
	cr_assert_eq(ebb("describe x.yaml"), 0, "%s", output.data);
	says("entropy *");
	grpo = strstr(output.data, "==== arm 'grpo alpha=0' ====");
	cr_assert_not_null(grpo);
	cr_assert_not_null(strstr(grpo, "entropy "));
	cr_assert_lt(strstr(grpo, "none"), strstr(grpo, "alpha=0.1"), "%s", output.data);
}

Test(describe, json_agrees_with_the_dry_run)
{
	json_t *root, *arm, *v, *option;
	struct ebb_buf ids = EBB_BUF_INIT;
	size_t i, k;

	put("two.yaml", TWO);
	root = ebb_json("describe two.yaml --json");
	cr_assert_str_eq(word(root, "name"), "two");
	cr_assert_eq(json_array_size(json_object_get(root, "arms")), 4);
	json_array_foreach(json_object_get(root, "arms"), i, arm)
		json_array_foreach(json_object_get(arm, "trials"), k, v)
			ebb_buf_printf(&ids, "%s\n", word(v, "id"));
	arm = named(json_object_get(root, "arms"), "label", "wide alpha=0.1");
	cr_assert_not_null(arm);
	option = named(json_object_get(arm, "options"), "key", "clip.low");
	cr_assert_not_null(option);
	cr_expect_str_eq(word(option, "value"), "0.03");
	cr_expect_str_eq(word(option, "default"), "0.2");
	cr_expect_str_eq(word(option, "from"), "two.yaml:5");
	v = named(json_object_get(arm, "loss"), "name", "ratio");
	cr_expect_not_null(strstr(word(v, "text"), "(1/n_i) sum_t"));
	cr_expect_str_eq(word(v, "source"), "PG 2 sequence");
	v = json_object_get(arm, "numbers");
	cr_expect_eq(json_integer_value(json_object_get(v, "updates")), 480);
	cr_expect_eq(json_integer_value(json_object_get(v, "responses_a_step")), 128);
	/* the arms of a seed share their base policy */
	v = json_object_get(json_array_get(json_object_get(root, "arms"), 0), "trials");
	cr_expect_str_eq(word(json_array_get(json_object_get(arm, "trials"), 0), "base"),
			 word(json_array_get(v, 0), "base"));
	cr_assert_eq(ebb("run two.yaml --dry-run"), 0);
	for (char *save, *id = strtok_r(ids.data, "\n", &save); id;
	     id = strtok_r(NULL, "\n", &save))
		says(id);
	ebb_buf_release(&ids);
	json_decref(root);
}

/* The parameters said are those of the checkpoint: one file of 4 bytes each at least. */
Test(describe, parameters_are_counted)
{
	json_t *root = ebb_json("describe algorithm=grpo model.layers=1 model.width=16 "
				"model.heads=2 model.ffn=32 --json");
	json_t *n = json_object_get(json_array_get(json_object_get(root, "arms"), 0), "numbers");

	/* embedding of 24 symbols; norms; q k v, out; SwiGLU; last norm */
	cr_assert_eq(json_integer_value(json_object_get(n, "parameters")),
		     24 * 16 + 2 * 16 + 4 * 16 * 16 + 3 * 16 * 32 + 16);
	json_decref(root);
}

/* The same reading path: what run refuses, describe refuses with the same words. */
Test(describe, errors_are_those_of_run)
{
	static const char *const bad[] = {
		"name: x\nclip: {hihg: 0.3}\n",
		"name: x\nclip: {low: 1.5}\n",
		"name: x\nalgorithm: grop\n",
		"name: x\nfigures: [entropy, accurcy]\n",
		"name: x\nsweep: {algorithm: [grpo, dapo\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("x.yaml", bad[i]);
		cr_assert_eq(ebb("describe x.yaml"), 2, "%s", bad[i]);
		says("x.yaml:");
		cr_assert_eq(
			shell("$E describe x.yaml 2>&1 | sed 's/describe/run/; s/done/run/' >d; "
			      "$E run x.yaml >r 2>&1; diff d r"),
			0, "%s\n%s", bad[i], output.data);
	}
	cr_assert_eq(ebb("describe"), 2);
	cr_assert_eq(ebb("describe --jsno"), 2);
	cr_assert_eq(ebb("describe x.yaml --arm"), 2);
	cr_assert_eq(ebb("describe --help"), 0);
	says("--arm LABEL");
}

Test(describe, an_unknown_experiment_names_the_nearest)
{
	static const char *const command[] = {"run", "describe"};

	for (int i = 0; i < 2; i++) {
		char *line = ebb_xprintf("%s quickstrat", command[i]);

		cr_assert_eq(ebb(line), 2);
		says("no experiment 'quickstrat': did you mean 'quickstart'?");
		says("entropy-collapse");
		free(line);
	}
	cr_assert_eq(ebb("run zzzzzzzzzz"), 2);
	says("quickstart");
	does_not_say("did you mean");
	put("mine.yaml", "name: x\n");
	cr_assert_eq(ebb("run mien.yaml"), 2);
	says("did you mean 'mine.yaml'?");
	cr_assert_eq(ebb("run ./mien.yaml"), 2);
	says("did you mean './mine.yaml'?");
	/* a folder of that name is not the experiment */
	cr_assert_eq(shell("mkdir quickstart && $E describe quickstart 2>&1"), 0);
	says("gspo_wide");
	cr_assert(!there("data"));
}

Test(describe, an_algorithm_has_its_formula)
{
	json_t *root, *gipo;

	cr_assert_eq(ebb("algorithms gspo"), 0);
	says("clip(rho_it, 0.9997, 1.0004)");
	says("PG 2 sequence");
	root = ebb_json("algorithms gipo --json");
	gipo = json_array_get(json_object_get(root, "algorithms"), 0);
	cr_assert_not_null(named(json_object_get(gipo, "loss"), "name", "gamma"));
	json_decref(root);
	cr_assert_eq(ebb("algorithms gpso"), 2);
	says("gspo");
}

/* A folder of templates that is not there must not silently become another one. */
Test(describe, plots_folder_that_does_not_exist)
{
	cr_assert_eq(ebb("run algorithm=grpo seeds=1 " TINY "--out r"), 0, "%s", output.data);
	cr_assert_eq(shell("EBB_PLOTS=/nowhere/plots $E plot r entropy 2>&1"), 2);
	says("EBB_PLOTS");
	says("/nowhere/plots");
	cr_assert(!there("r/figures/entropy.png"));
}
