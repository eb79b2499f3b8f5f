/* ebb fit from outside: what it says in words and as JSON, arms, weights, forecasts, sizes. */
#include <math.h>
#include "outside_json.h"

TestSuite(fit, .init = make_dir, .fini = remove_dir, .timeout = 240);

/* A task so small that a policy of one layer is right now and then. */
#define EASY                                                                                       \
	"task.modulus=2 task.operands=2 model.heads=2 model.ffn=32 model.layers=1 "                \
	"pretrain.steps=60 pretrain.warmup=5 pretrain.batch=32 train.group=4 "                     \
	"train.minibatches=2 train.prompts=8 eval.questions=16 eval.samples=4 eval.cadence=1 "     \
	"lr=3e-3 record.snapshot=0 "

static double number(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	cr_assert(json_is_number(v), "no number '%s'", key);
	return json_number_value(v);
}

/* [low, high] of a key, around a value or not. */
static void is_interval(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	cr_assert_eq(json_array_size(v), 2, "%s", key);
	cr_assert_leq(json_number_value(json_array_get(v, 0)),
		      json_number_value(json_array_get(v, 1)), "%s", key);
}

static void check_trials(json_t *root, size_t n)
{
	json_t *trials = json_object_get(root, "trials"), *t;
	size_t i;

	cr_assert_eq(json_array_size(trials), n);
	json_array_foreach(trials, i, t)
	{
		double a, b;

		cr_assert_str_eq(word(t, "status"), "ok");
		a = number(t, "se_a");
		b = number(t, "se_b");
		cr_assert_float_eq(sqrt(a * a + b * b - 2 * number(t, "cov_ab")),
				   number(t, "se_ceiling"), 1e-9);
		cr_assert_float_eq(number(t, "b") - number(t, "a"), number(t, "ceiling"), 1e-12);
		cr_assert_eq(number(t, "block"), 5);
		is_interval(t, "a_blocks");
		is_interval(t, "ceiling_blocks");
		number(t, "log_aicc");
	}
}

Test(fit, arms_weights_and_forecasts)
{
	json_t *plain, *other, *common;

	cr_assert_eq(
		ebb("run algorithm=grpo,gspo,drgrpo seeds=2 model.width=32 train.steps=14 " EASY
		    "--out r"),
		0, "%s", output.data);
	plain = ebb_json("fit r --json");
	check_trials(plain, 6);
	common = json_object_get(plain, "common");
	cr_assert_eq(json_array_size(json_object_get(common, "arms")), 3);
	cr_assert(number(common, "p") > 0 && number(common, "p") <= 1);
	cr_assert_eq(number(common, "points"), 6 * 15);
	cr_assert_eq(json_array_size(json_object_get(plain, "sizes")), 0, "one size is no law");
	other = ebb_json("fit r --json --weight inverse_var --early 0.5 --block 5 --arm 'g*'");
	check_trials(other, 4);
	cr_assert_str_eq(word(other, "weight"), "inverse_var");
	cr_assert_eq(json_array_size(json_object_get(other, "arms")), 2);
	cr_assert_neq(number(json_array_get(json_object_get(other, "trials"), 0), "a"),
		      number(json_array_get(json_object_get(plain, "trials"), 0), "a"));
	/* steps 0 .. 7 of 14, and the first half of 15 */
	for (int i = 0; i < 2; i++)
		cr_assert_eq(number(json_array_get(json_object_get(i ? plain : other, "trials"), 0),
				    "early_points"),
			     8);
	json_decref(other);
	other = ebb_json("fit r --json --arm gspo");
	cr_assert(json_is_null(json_object_get(other, "common")), "one arm shares with nobody");
	json_decref(other);
	json_decref(plain);
	cr_assert_eq(ebb("fit r"), 0);
	says("R2 log step");
	says("moving-block bootstrap");
	says("one law for all arms");
	does_not_say("ln N");
}

Test(fit, sizes)
{
	json_t *root, *of, *one;

	cr_assert_eq(ebb("run algorithm=grpo seeds=2 model.width=16,24,32,48 train.steps=10 " EASY
			 "--out r"),
		     0, "%s", output.data);
	root = ebb_json("fit r --json");
	cr_assert_eq(json_array_size(json_object_get(root, "sizes")), 1);
	one = json_array_get(json_object_get(root, "sizes"), 0);
	cr_assert_str_eq(word(one, "arms"), "grpo");
	of = json_object_get(one, "of");
	cr_assert_eq(json_array_size(of), 4);
	/* 4 d^2 + 3 d f + the norms 3 d of one layer, ascending */
	cr_assert_float_eq(number(json_array_get(of, 0), "millions"),
			   (4 * 16 * 16 + 3 * 16 * 32 + 3 * 16) / 1e6, 1e-12);
	cr_assert_gt(number(json_array_get(of, 3), "millions"),
		     number(json_array_get(of, 2), "millions"));
	cr_assert_eq(number(json_object_get(one, "a"), "sizes"), 4);
	is_interval(json_object_get(one, "a"), "bootstrap");
	is_interval(json_object_get(one, "b"), "t");
	json_decref(root);
	cr_assert_eq(ebb("fit r"), 0);
	says("c0 + c1 ln N over model sizes");
}

Test(fit, words_it_does_not_know)
{
	static const char *const want[][2] = {
		{"fit", "name the run directory"},
		{"fit r --early 1", "between 0 and 1, not '1'"},
		{"fit r --early x", "not 'x'"},
		{"fit r --block 0", "number of points"},
		{"fit r --weight much", "none or inverse_var, not 'much'"},
		{"fit r --weight", "--weight needs a value"},
		{"fit r --blok 3", "unknown option '--blok'"},
		{"fit nowhere", "nowhere"},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		cr_assert_eq(ebb(want[i][0]), 2, "%s", want[i][0]);
		says(want[i][1]);
	}
	cr_assert_eq(ebb("run algorithm=grpo seeds=1 model.width=16 train.steps=1 " EASY "--out r"),
		     0);
	cr_assert_eq(ebb("fit r --arm gpro"), 2);
	says("grpo");
	/* two evaluations are too few, and no error */
	cr_assert_eq(ebb("fit r"), 0);
	says("fewer than 3 points");
}
