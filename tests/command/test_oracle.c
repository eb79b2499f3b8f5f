/* ebb oracle: the golden file through the command, and everything it must refuse. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "command/command.h"

static char path[256];

static void write_file(const char *text)
{
	struct ebb_err err = EBB_ERR_INIT;

	snprintf(path, sizeof path, "/tmp/ebb-oracle-%ld.json", (long)getpid());
	cr_assert_eq(ebb_file_write(path, text, strlen(text), &err), 0, "%s", err.text);
}

static char *read_all(FILE *f)
{
	char *text = ebb_xcalloc(1 << 22, 1);

	text[fread(text, 1, (1 << 22) - 1, f)] = 0;
	fclose(f);
	return text;
}

static int run(const char *file, const char *option)
{
	char *argv[] = {(char *)"oracle", (char *)file, (char *)option, NULL};
	const int status = ebb_command_oracle(option ? 3 : 2, argv);

	fflush(stdout);
	fflush(stderr);
	return status;
}

static void redirect(void)
{
	cr_redirect_stdout();
	cr_redirect_stderr();
}

/* Run text; the exit status must be status, and stderr hold each of the words. */
static void expect_error(const char *text, const char *a, const char *b)
{
	char *err, *out;
	int status;

	redirect();
	write_file(text);
	status = run(path, "--json");
	err = read_all(cr_get_redirected_stderr());
	out = read_all(cr_get_redirected_stdout());
	cr_expect_eq(status, EBB_EXIT_USAGE, "status %d: %s", status, err);
	cr_expect_str_eq(out, "");
	cr_expect(strstr(err, a), "no '%s' in: %s", a, err);
	cr_expect(strstr(err, b), "no '%s' in: %s", b, err);
	unlink(path);
	free(err);
	free(out);
}

static bool is_near(double got, double want)
{
	return fabs(got - want) <= 1e-12 + 1e-10 * fabs(want);
}

static void expect_matrix(json_t *got, json_t *want, const char *name)
{
	cr_assert_eq(json_array_size(got), json_array_size(want), "%s", name);
	for (size_t i = 0; i < json_array_size(want); i++) {
		json_t *g = json_array_get(got, i), *w = json_array_get(want, i);

		cr_assert_eq(json_array_size(g), json_array_size(w), "%s", name);
		for (size_t t = 0; t < json_array_size(w); t++)
			cr_expect(is_near(json_number_value(json_array_get(g, t)),
					  json_number_value(json_array_get(w, t))),
				  "%s [%zu][%zu]", name, i, t);
	}
}

/* The output is larger than the pipe behind a redirected stream: it goes to a file. */
Test(golden, oracle_reproduces_every_case)
{
	const char *root = getenv("EBB_SOURCE_ROOT"), *key;
	char *file = ebb_path_join(root ? root : ".", "tests/golden/policy-gradient.json"), *text;
	char to[64];
	json_t *out, *cases, *golden, *c;
	json_error_t e;
	size_t i;

	cr_redirect_stderr();
	snprintf(to, sizeof to, "/tmp/ebb-oracle-out-%ld.json", (long)getpid());
	cr_assert_not_null(freopen(to, "w", stdout));
	cr_assert_eq(run(file, "--json"), EBB_EXIT_OK);
	text = read_all(cr_get_redirected_stderr());
	cr_expect_str_eq(text, "", "the golden file is all known: %s", text);
	free(text);
	text = read_all(fopen(to, "r"));
	unlink(to);
	out = json_loads(text, JSON_REJECT_DUPLICATES, &e);
	cr_assert_not_null(out, "%d: %s", e.line, e.text);
	free(text);
	golden = json_load_file(file, 0, &e);
	cases = json_object_get(golden, "cases");
	cr_assert_eq(json_array_size(json_object_get(out, "cases")), json_array_size(cases));
	cr_assert_eq(json_array_size(cases), 60);
	json_array_foreach(cases, i, c)
	{
		json_t *got = json_array_get(json_object_get(out, "cases"), i), *v;
		json_t *want = json_object_get(c, "expect");
		const char *name = json_string_value(json_object_get(c, "name"));

		cr_expect_str_eq(json_string_value(json_object_get(got, "name")), name);
		cr_expect(is_near(json_number_value(json_object_get(got, "loss")),
				  json_number_value(json_object_get(want, "loss"))),
			  "%s", name);
		expect_matrix(json_object_get(got, "dlogp"), json_object_get(want, "dlogp"), name);
		if (json_object_get(want, "dentropy"))
			expect_matrix(json_object_get(got, "dentropy"),
				      json_object_get(want, "dentropy"), name);
		cr_expect_eq(json_array_size(json_object_get(got, "dentropy")),
			     json_array_size(json_object_get(want, "dlogp")));
		json_object_foreach(json_object_get(want, "metrics"), key, v)
		{
			json_t *m = json_object_get(json_object_get(got, "metrics"), key);

			cr_assert_not_null(m, "%s lacks %s", name, key);
			cr_expect(is_near(json_number_value(m), json_number_value(v)), "%s %s",
				  name, key);
		}
	}
	json_decref(golden);
	json_decref(out);
	free(file);
}

/* The token losses of the other file, in this shape (tests/golden/README.md). */
static json_t *as_cases(json_t *file)
{
	static const char *const name[] = {"clip_cov", "kl_cov", "ibro", "em_loss"};
	json_t *batch = json_object_get(file, "token_batch"),
	       *S = json_object_get(file, "shared_batch");
	json_t *sections = json_object_get(file, "sections"), *cases = json_array(), *c;
	json_t *H = json_object_get(
		json_object_get(json_object_get(sections, "entropy_bonus"), "expected"), "H");
	json_t *em = json_object_get(
		json_object_get(json_object_get(sections, "em_loss"), "expected"), "H");
	json_t *A = json_array(), *zero = json_array(), *row, *v, *whole;
	size_t i, t;

	json_array_foreach(json_object_get(S, "mask"), i, row)
	{
		json_t *line = json_array(), *zeros = json_array();

		json_array_foreach(row, t, v)
		{
			json_array_append(line, json_array_get(json_object_get(S, "seq_adv"), i));
			json_array_append_new(zeros, json_real(0));
		}
		json_array_append_new(A, line);
		json_array_append_new(zero, zeros);
	}
	for (int k = 0; k < 4; k++) {
		json_t *section = json_object_get(sections, name[k]);
		json_t *list = json_object_get(section, "cases");
		size_t n = list ? json_array_size(list) : 1;

		for (i = 0; i < n; i++) {
			json_t *config = json_deep_copy(json_object_get(
				list ? json_array_get(list, i) : section, "params"));

			json_object_set_new(config, "algo", json_string(k == 3 ? "em" : name[k]));
			c = json_pack("{s:s, s:s, s:o}", "name", name[k], "dataset",
				      k < 2    ? "tokens"
				      : k == 2 ? "shared"
					       : "em",
				      "config", config);
			if (k < 2)
				json_object_set(c, "advantage", json_object_get(batch, "adv"));
			else if (k == 2)
				json_object_set(c, "advantage", A);
			else
				json_object_set_new(c, "advantage",
						    json_pack("[[i,i,i,i,i,i]]", 0, 0, 0, 0, 0, 0));
			json_array_append_new(cases, c);
		}
	}
	json_decref(A);
	/* aligned: the state before each response token of a prompt of 2, not the one after the last */
	whole = json_pack("{s:{s:{s:O,s:O,s:O,s:O}, s:{s:O,s:O,s:O,s:O}, "
			  "s:{s:[[i,i,i,i,i,i]],s:[[i,i,i,i,i,i]],s:[[i,i,i,i,i,i]],s:[O]}}, s:o}",
			  "datasets", "tokens", "mask", json_object_get(batch, "mask"), "logp_new",
			  json_object_get(batch, "logp"), "logp_old",
			  json_object_get(batch, "old_logp"), "keys",
			  json_object_get(batch, "keys"), "shared", "mask",
			  json_object_get(S, "mask"), "logp_new", zero, "logp_old", zero, "entropy",
			  H, "em", "mask", 0, 1, 1, 1, 1, 0, "logp_new", 0, 0, 0, 0, 0, 0,
			  "logp_old", 0, 0, 0, 0, 0, 0, "entropy", em, "cases", cases);
	json_decref(zero);
	return whole;
}

/* A loss that is linear in the entropies: the coefficients times them are its entropy term, and each
 * is the same multiple of the response's advantage (null: 1), 0 outside the mask. */
static void expect_entropy_term(json_t *got, json_t *A, json_t *H, json_t *mask)
{
	json_t *row, *cell, *e = json_object_get(got, "dentropy");
	double sum = 0.0, unit = 0.0;
	size_t i, t;

	cr_assert_eq(json_array_size(e), json_array_size(mask));
	json_array_foreach(mask, i, row) json_array_foreach(row, t, cell)
	{
		const double x = json_number_value(json_array_get(json_array_get(e, i), t));
		const double a = A ? json_number_value(json_array_get(A, i)) : 1.0;

		if (json_number_value(cell) == 0.0) {
			cr_expect_eq(x, 0.0, "padding [%zu][%zu]", i, t);
			continue;
		}
		if (unit == 0.0)
			unit = x / a;
		cr_expect(is_near(x, unit * a), "[%zu][%zu]", i, t);
		sum += x * json_number_value(json_array_get(json_array_get(H, i), t));
	}
	cr_expect(unit != 0.0 && is_near(json_number_value(json_object_get(
						 json_object_get(got, "metrics"), "entropy_loss")),
					 sum));
}

Test(golden, oracle_reproduces_the_token_losses)
{
	const char *root = getenv("EBB_SOURCE_ROOT");
	char *name = ebb_path_join(root ? root : ".", "tests/golden/entropy-and-information.json");
	json_error_t e;
	json_t *file = json_load_file(name, 0, &e), *whole, *out, *sections, *got, *want, *whole_em;
	char *text, *from;
	size_t n = 0;

	redirect();
	cr_assert_not_null(file, "%s", e.text);
	sections = json_object_get(file, "sections");
	whole = as_cases(file);
	cr_assert_not_null(whole);
	text = json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(17));
	write_file(text);
	free(text);
	cr_assert_eq(run(path, "--json"), EBB_EXIT_OK, "%s", read_all(cr_get_redirected_stderr()));
	text = read_all(cr_get_redirected_stdout());
	out = json_loads(text, 0, &e);
	cr_assert_not_null(out, "%s in %s", e.text, text);
	for (int k = 0; k < 2; k++) {
		json_t *list = json_object_get(json_object_get(sections, k ? "kl_cov" : "clip_cov"),
					       "cases"),
		       *c;
		size_t i;

		json_array_foreach(list, i, c)
		{
			from = k ? (char *)"kl_cov" : (char *)"clip_cov";
			got = json_array_get(json_object_get(out, "cases"), n++);
			want = json_object_get(c, "expected");
			cr_expect(is_near(json_number_value(json_object_get(got, "loss")),
					  json_number_value(json_object_get(want, "loss"))),
				  "%s %zu", from, i);
			expect_matrix(json_object_get(got, "dlogp"),
				      json_object_get(want, "dloss_dlogp"), from);
		}
	}
	got = json_array_get(json_object_get(out, "cases"), n++);
	want = json_object_get(json_object_get(sections, "ibro"), "expected");
	cr_expect(is_near(json_number_value(json_object_get(got, "loss")),
			  json_number_value(json_object_get(want, "loss"))),
		  "ibro");
	expect_entropy_term(
		got, json_object_get(json_object_get(file, "shared_batch"), "seq_adv"),
		json_object_get(
			json_object_get(json_object_get(sections, "entropy_bonus"), "expected"),
			"H"),
		json_object_get(json_object_get(file, "shared_batch"), "mask"));
	got = json_array_get(json_object_get(out, "cases"), n++);
	want = json_object_get(json_object_get(sections, "em_loss"), "expected");
	cr_expect(is_near(json_number_value(json_object_get(got, "loss")),
			  json_number_value(json_object_get(want, "loss_aligned"))),
		  "em: %g", json_number_value(json_object_get(got, "loss")));
	whole_em = json_pack("[[i,i,i,i,i,i]]", 0, 1, 1, 1, 1, 0);
	want = json_pack("[O]", json_object_get(want, "H"));
	expect_entropy_term(got, NULL, want, whole_em);
	json_decref(want);
	json_decref(whole_em);
	cr_expect_eq(json_array_size(json_object_get(out, "cases")), n);
	unlink(path);
	free(text);
	free(name);
	json_decref(out);
	json_decref(whole);
	json_decref(file);
}

#define DATA                                                                                       \
	"\"datasets\":{\"d\":{\"mask\":[[1,1],[1,0]],\"logp_new\":[[-1,-1],[-1,\"nan\"]],"         \
	"\"logp_old\":[[-1,-1],[-1,\"-inf\"]]}}"
#define CASE(config)                                                                               \
	"{" DATA ",\"cases\":[{\"name\":\"one\",\"dataset\":\"d\",\"config\":{" config             \
	"},\"advantage\":[[1,1],[-1,\"NaN\"]]}]}"

Test(unit, defaults_and_padding, .init = redirect)
{
	char *text;
	json_t *out, *c, *m;

	write_file(CASE(""));
	cr_assert_eq(run(path, "--json"), EBB_EXIT_OK);
	text = read_all(cr_get_redirected_stdout());
	out = json_loads(text, 0, NULL);
	cr_assert_not_null(out, "%s", text);
	c = json_array_get(json_object_get(out, "cases"), 0);
	m = json_object_get(c, "metrics");
	/* the built-in loss: a sequence mean of token means */
	cr_expect_eq(json_number_value(json_object_get(c, "loss")), 0.0);
	cr_expect_eq(json_number_value(
			     json_array_get(json_array_get(json_object_get(c, "dlogp"), 0), 1)),
		     -0.25);
	cr_expect_eq(json_number_value(
			     json_array_get(json_array_get(json_object_get(c, "dlogp"), 1), 1)),
		     0.0);
	cr_expect_eq(json_number_value(json_object_get(m, "n_tokens")), 3.0);
	cr_expect_null(json_object_get(m, "kl_ref_k1"));
	cr_expect_null(json_object_get(m, "entropy_mean"));
	cr_expect_null(json_object_get(m, "tis_mean"));
	json_decref(out);
	free(text);
	unlink(path);
}

Test(unit, table_for_people, .init = redirect)
{
	char *text;

	write_file(CASE(""));
	cr_expect_eq(run(path, NULL), EBB_EXIT_OK);
	text = read_all(cr_get_redirected_stdout());
	cr_expect(strstr(text, "loss") && strstr(text, "\none "), "%s", text);
	free(text);
	unlink(path);
}

Test(unit, a_loss_that_is_not_finite_is_said, .init = redirect)
{
	char *text;

	write_file("{\"datasets\":{\"d\":{\"mask\":[[1]],\"logp_new\":[[\"nan\"]],"
		   "\"logp_old\":[[-1]]}},\"cases\":[{\"dataset\":\"d\",\"advantage\":[[1]]}]}");
	cr_expect_eq(run(path, "--json"), EBB_EXIT_OK);
	text = read_all(cr_get_redirected_stdout());
	cr_expect(strstr(text, "\"loss\": \"nan\""), "%s", text);
	cr_expect(strstr(text, "\"case 0\""), "%s", text);
	free(text);
	text = read_all(cr_get_redirected_stderr());
	cr_expect(strstr(text, "not finite"), "%s", text);
	free(text);
	unlink(path);
}

Test(unit, unknown_keys_outside_a_config_are_noted, .init = redirect)
{
	char *text;

	write_file("{" DATA ",\"extra\":1,\"cases\":[{\"dataset\":\"d\",\"colour\":\"red\","
		   "\"advantage\":[[1,1],[1,1]]}]}");
	cr_expect_eq(run(path, "--json"), EBB_EXIT_OK);
	text = read_all(cr_get_redirected_stderr());
	cr_expect(strstr(text, "extra") && strstr(text, "colour") && strstr(text, "note"), "%s",
		  text);
	free(text);
	unlink(path);
}

/* Streams can be redirected once a test, so each refusal is one. */
#define REFUSES(name, text, a, b)                                                                  \
	Test(unit, refuses_##name)                                                                 \
	{                                                                                          \
		expect_error(text, a, b);                                                          \
	}

REFUSES(unknown_config_key, CASE("\"eps_hihg\":0.2"), "'one'", "did you mean 'eps_high'")
REFUSES(far_config_key, CASE("\"zzzzzzzzzz\":0.2"), "'one'", "zzzzzzzzzz")
REFUSES(value_out_of_range, CASE("\"eps_low\":2"), "eps_low", "[0,1]")
REFUSES(wrong_type, CASE("\"eps_low\":\"0.2\""), "eps_low", "a number")
REFUSES(wrong_flag, CASE("\"tis_norm\":1"), "tis_norm", "true or false")
REFUSES(unknown_choice, CASE("\"agg\":\"token-men\""), "agg", "token-mean")
REFUSES(missing_reference, CASE("\"kl_place\":\"loss\""), "'one'", "logp_ref")
REFUSES(missing_sampler, CASE("\"tis\":\"seq-mask\""), "'one'", "logp_roll")
REFUSES(missing_entropy, CASE("\"ent_coef\":0.1"), "'one'", "entropy")
REFUSES(missing_group, CASE("\"agg\":\"group-mean-token-mean\""), "'one'", "group")
REFUSES(exact_kl, CASE("\"kl_place\":\"loss\",\"kl_est\":\"full\""), "kl_est", "vocabulary")
REFUSES(duplicate_keys, CASE("\"eps_low\":0.1,\"eps_low\":0.2"), "duplicate", ":1:")
REFUSES(broken_json, "{\"datasets\":{", ".json", ":1:")
REFUSES(bare_nan, "{\"datasets\":NaN}", "NaN", ":1:")
REFUSES(another_shape, "[]", "object", "error")
REFUSES(no_cases, "{" DATA "}", "cases", "missing")
REFUSES(no_mask, "{\"datasets\":{\"d\":{}},\"cases\":[]}", "'d'", "mask")
REFUSES(unknown_dataset, "{" DATA ",\"cases\":[{\"dataset\":\"e\",\"advantage\":[]}]}", "dataset",
	"'e'")
REFUSES(missing_advantage, "{" DATA ",\"cases\":[{\"dataset\":\"d\"}]}", "advantage", "missing")
REFUSES(ragged_advantage,
	"{" DATA ",\"cases\":[{\"name\":\"x\",\"dataset\":\"d\",\"advantage\":[[1,1],[1]]}]}",
	"'x': advantage", "row 1 has 1 entries")
REFUSES(short_advantage, "{" DATA ",\"cases\":[{\"dataset\":\"d\",\"advantage\":[[1,1]]}]}",
	"advantage", "1 rows")
REFUSES(infinite_advantage,
	"{" DATA ",\"cases\":[{\"dataset\":\"d\",\"advantage\":[[1,\"inf\"],[1,1]]}]}",
	"advantage: [0][1]", "not a number")
REFUSES(ragged_mask, "{\"datasets\":{\"d\":{\"mask\":[[1,1],[1]]}},\"cases\":[]}", "mask", "row 1")
REFUSES(odd_mask, "{\"datasets\":{\"d\":{\"mask\":[[1,2]]}},\"cases\":[]}", "mask: [0][1]",
	"0 or 1")
REFUSES(wrong_R, "{\"datasets\":{\"d\":{\"R\":3,\"mask\":[[1,1]]}},\"cases\":[]}", "R is not", "1")
REFUSES(null_logp, "{\"datasets\":{\"d\":{\"mask\":[[1]],\"logp_new\":[[null]]}},\"cases\":[]}",
	"logp_new: [0][0]", "null")
REFUSES(group_of_another_length,
	"{\"datasets\":{\"d\":{\"mask\":[[1]],\"group\":[1,2]}},\"cases\":[]}", "group",
	"array of 1")
REFUSES(probability_for_its_logarithm,
	"{\"datasets\":{\"d\":{\"mask\":[[1,1]],\"logp_new\":[[-1,0.25]],\"logp_old\":[[-1,-1]]}},"
	"\"cases\":[{\"name\":\"one\",\"dataset\":\"d\",\"advantage\":[[1,1]]}]}",
	"case 'one': dataset 'd': logp_new: [0][1] is 0.25", "above 0")
REFUSES(infinite_log_probability,
	"{\"datasets\":{\"d\":{\"mask\":[[1]],\"logp_new\":[[-1]],\"logp_old\":[[\"inf\"]]}},"
	"\"cases\":[{\"dataset\":\"d\",\"advantage\":[[1]]}]}",
	"case 'case 0': dataset 'd': logp_old: [0][0] is inf", "above 0")
REFUSES(empty_cases, "{" DATA ",\"cases\":[]}", "'cases' is empty", "error")

/* A padded entry may hold anything, also what is no log-probability. */
Test(unit, padding_above_zero, .init = redirect)
{
	write_file("{\"datasets\":{\"d\":{\"mask\":[[1,0]],\"logp_new\":[[-1,7]],\"logp_old\":"
		   "[[-1,7]]}},\"cases\":[{\"dataset\":\"d\",\"advantage\":[[1,1]]}]}");
	cr_expect_eq(run(path, "--json"), EBB_EXIT_OK);
	unlink(path);
}

REFUSES(control_bytes, CASE("\"\\u001b[2J\":1"), "?[2J", "unknown key")

Test(unit, command_line, .init = redirect)
{
	char *two[] = {(char *)"oracle", (char *)"a", (char *)"b", NULL};
	char *flag[] = {(char *)"oracle", (char *)"--jsno", NULL};
	char *help[] = {(char *)"oracle", (char *)"--help", NULL};
	char *none[] = {(char *)"oracle", NULL};
	char *text;

	cr_expect_eq(ebb_command_oracle(1, none), EBB_EXIT_USAGE);
	cr_expect_eq(ebb_command_oracle(3, two), EBB_EXIT_USAGE);
	cr_expect_eq(ebb_command_oracle(2, flag), EBB_EXIT_USAGE);
	cr_expect_eq(run("/nonexistent/case.json", NULL), EBB_EXIT_USAGE);
	cr_expect_eq(run("/tmp", NULL), EBB_EXIT_USAGE);
	cr_expect_eq(ebb_command_oracle(2, help), EBB_EXIT_OK);
	fflush(stdout);
	text = read_all(cr_get_redirected_stdout());
	cr_expect(strstr(text, "eps_high") && strstr(text, "clip.high"), "%s", text);
	free(text);
}
