/* ebb bench on a model so small that a job takes milliseconds. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "command/command.h"

#define SMALL "--batch", "32", "--seq", "10", "--prompt", "2", "--vocab", "8", "--group", "4"

/* Run the command on a list that ends with a null; stdout comes back as JSON. */
static json_t *bench_json(char **argv, int *status)
{
	FILE *file = tmpfile();
	int argc = 0, saved = dup(STDOUT_FILENO);
	json_t *root;

	cr_assert_not_null(file);
	while (argv[argc])
		argc++;
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	*status = ebb_command_bench(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	root = json_loadf(file, 0, NULL);
	fclose(file);
	return root;
}

#define BENCH(status, ...) bench_json((char *[]){"bench", __VA_ARGS__, NULL}, status)

static double number(json_t *result, const char *key)
{
	json_t *value = json_object_get(result, key);

	cr_assert(json_is_number(value), "no number '%s'", key);
	return json_number_value(value);
}

Test(bench, every_mode_reports)
{
	static const char *const mode[] = {"train", "sample", "rl"};
	int status;
	json_t *root = BENCH(&status, "--json", "--width", "16", "--iters", "2", SMALL), *results;

	cr_assert_eq(status, EBB_EXIT_OK);
	results = json_object_get(root, "results");
	cr_assert_eq(json_array_size(results), 3u);
	for (size_t i = 0; i < 3; i++) {
		json_t *r = json_array_get(results, i);
		int tokens = 32 * (i == 0 ? 10 : 8);

		cr_assert_str_eq(json_string_value(json_object_get(r, "mode")), mode[i]);
		cr_assert_eq(number(r, "width"), 16);
		cr_assert_eq(number(r, "layers"), 2);
		cr_assert_eq(number(r, "threads"), 1);
		/* embedding; a layer: norms, q k v with biases, out, SwiGLU of 64; last norm */
		cr_assert_eq(number(r, "parameters"),
			     8 * 16 + 2 * (2 * 16 + 48 * 16 + 48 + 16 * 16 + 3 * 16 * 64) + 16);
		cr_assert_gt(number(r, "tokens_per_s_median"), 0);
		cr_assert_geq(number(r, "tokens_per_s"), number(r, "tokens_per_s_median"));
		cr_assert_float_eq(number(r, "tokens_per_s") * number(r, "ms_best") / 1e3, tokens,
				   0.02 * tokens);
		cr_assert_gt(number(r, "peak_gflops"), 0.1);
		cr_assert(number(r, "peak_share") > 0 && number(r, "peak_share") <= 1,
			  "%s: share of peak %g", mode[i], number(r, "peak_share"));
		cr_assert_geq(number(r, "ceiling_share"), number(r, "peak_share") / 0.85 - 1e-3);
		cr_assert_eq(json_object_get(r, "cache_gbytes_per_s") == NULL, i == 0);
		cr_assert_gt(number(r, "memory_bytes"), 4 * number(r, "parameters"));
	}
	json_decref(root);
}

/* What measuring costs is a share of the step: not nothing, and not most of it. */
Test(bench, metrics_have_a_price)
{
	int status;
	json_t *root = BENCH(&status, "--json", "--mode", "metrics"), *r;

	cr_assert_eq(status, EBB_EXIT_OK);
	r = json_array_get(json_object_get(root, "results"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(r, "mode")), "metrics");
	cr_assert_gt(number(r, "ms_bare"), 0);
	cr_assert_gt(number(r, "ms_probe"), 0);
	cr_assert_float_eq(number(r, "metrics_share"),
			   1 - number(r, "ms_bare") /
					   (number(r, "ms_step") +
					    number(r, "ms_probe") / number(r, "cadence")),
			   1e-3);
	json_decref(root);
}

/* Useful operations of one training iteration, summed here position by position. */
Test(bench, operations_are_counted)
{
	int status;
	json_t *root =
		BENCH(&status, "--json", "--mode", "train", "--width", "16", "--iters", "1", SMALL);
	json_t *r = json_array_get(json_object_get(root, "results"), 0);
	double flops = 0;

	cr_assert_eq(status, EBB_EXIT_OK);
	for (int t = 1; t <= 10; t++) /* context t: q k v, out, three of SwiGLU; head; attention */
		flops += 2.0 * 2 * (16 * 48 + 16 * 16 + 3 * 16 * 64) + 2.0 * 8 * 16 +
			 2.0 * 2 * (2 * 16 * t);
	flops *= 3.0 * 32;
	cr_assert_float_eq(1e6 * number(r, "gflops") * number(r, "ms_best"), flops, 0.05 * flops);
	json_decref(root);
}

/* The whole step is real work: the rule can be learnt. Chance is 1/8. */
Test(bench, reinforcement_learns)
{
	int status;
	json_t *first =
		BENCH(&status, "--json", "--mode", "rl", "--width", "32", "--iters", "1", SMALL);
	json_t *last =
		BENCH(&status, "--json", "--mode", "rl", "--width", "32", "--iters", "200", SMALL);
	double before = number(json_array_get(json_object_get(first, "results"), 0), "reward");
	double after = number(json_array_get(json_object_get(last, "results"), 0), "reward");

	cr_assert_lt(before, 0.25);
	cr_assert_gt(after, before + 0.2, "reward %g, then %g", before, after);
	json_decref(first);
	json_decref(last);
}

Test(bench, bad_arguments, .init = cr_redirect_stderr)
{
	static char *const bad[][2] = {
		{"--mode", "fly"},   {"--width", "x"},    {"--width", "65"}, {"--width", "-4"},
		{"--prompt", "64"},  {"--batch", "100"},  {"--group", "0"},  {"--threads", "0"},
		{"--isa", "sparc9"}, {"--nonsense", "1"}, {"--iters", ""},   {"stray", "word"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *argv[] = {"bench", "--json", bad[i][0], bad[i][1], NULL};
		int status;

		cr_assert_null(bench_json(argv, &status), "%s %s", bad[i][0], bad[i][1]);
		cr_assert_eq(status, EBB_EXIT_USAGE, "%s %s", bad[i][0], bad[i][1]);
	}
}

/* A file that says one token a second, at half the peak; another shape finds nothing there. */
Test(bench, next_to_an_earlier_result)
{
	char path[] = "/tmp/ebb-bench-past-XXXXXX", *flags[] = {"bench", "--compare", path, NULL};
	int fd = mkstemp(path), status;
	json_t *now = BENCH(&status, "--json", "--mode", "train", "--width", "16", "--iters", "2", SMALL);
	json_t *row = json_array_get(json_object_get(now, "results"), 0), *then;

	cr_assert_geq(fd, 0);
	json_object_set_new(row, "tokens_per_s", json_real(1.0));
	json_object_set_new(row, "peak_share", json_real(0.5));
	cr_assert_eq(json_dump_file(now, path, 0), 0);
	then = BENCH(&status, "--json", "--mode", "train", "--width", "16", "--iters", "2", "--compare",
		     path, SMALL);
	cr_assert_eq(status, EBB_EXIT_OK);
	row = json_array_get(json_object_get(then, "results"), 0);
	cr_expect_float_eq(number(row, "ratio"), number(row, "tokens_per_s"),
			   1e-3 * number(row, "tokens_per_s"));
	cr_expect_float_eq(number(row, "ratio_of_shares"), 2 * number(row, "peak_share"), 1e-3);
	json_decref(then);
	then = BENCH(&status, "--json", "--mode", "train", "--width", "20", "--iters", "2", "--compare",
		     path, SMALL);
	row = json_array_get(json_object_get(then, "results"), 0);
	cr_expect_null(json_object_get(row, "ratio"));
	json_decref(then);
	json_decref(now);

	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(pwrite(fd, "{}", 2, 0), 2);
	cr_expect_eq(ebb_command_bench(3, flags), EBB_EXIT_USAGE);
	unlink(path);
	cr_expect_eq(ebb_command_bench(3, flags), EBB_EXIT_USAGE);
	close(fd);
}
