/* What ebb export writes, read back, is what the records hold: bit for bit, each number once. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include "command/csv.h"
#include "command/export.h"
#include "command/runs.h"

TestSuite(export, .init = make_dir, .fini = remove_dir, .timeout = 240);
TestSuite(export_rows);

static void make_run(void)
{
	char *path = ebb_path_join(dir, "x.yaml");
	const char text[] = "name: x\nsweep:\n  algorithm: [grpo, gspo]\n"
			    "  when(algorithm=grpo): {alpha: [0, 0.01]}\nseeds: 2\n";
	struct ebb_err err;

	cr_assert_eq(ebb_file_write(path, text, sizeof text - 1, &err), 0);
	free(path);
	run("run x.yaml " SHORT "record.snapshot=2 --out r");
	ebb_record_setup();
}

static struct ebb_run open_run(const char *name)
{
	char *path = ebb_path_join(dir, name);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run r;

	cr_assert_eq(ebb_run_open(&r, path, &err), 0, "%s", err.text);
	free(path);
	return r;
}

static bool same(double a, double b)
{
	return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static double number(const char *text)
{
	char *end;
	double x = text[0] ? strtod(text, &end) : NAN;

	cr_assert(!text[0] || !*end, "'%s' is no number", text);
	return x;
}

/* A cell of any form: CSV's text, or null for a missing one. */
static void check_array(const struct ebb_run *r, int arm, int seed, const char *name, struct csv *c)
{
	struct ebb_array a;
	struct ebb_err err = EBB_ERR_INIT;
	int64_t n = 1;

	cr_assert_eq(ebb_run_read(r, arm, seed, name, &a, &err), 0, "%s", err.text);
	for (int k = 1; k < a.rank; k++)
		n *= a.dim[k];
	for (int64_t i = 0; i < a.dim[0] * n; i++) {
		int64_t rest = i % n, stride = n;

		cr_assert(csv_next(c), "%s ends after %" PRId64, name, i);
		cr_assert_str_eq(csv_get(c, "run"), "x");
		cr_assert_str_eq(csv_get(c, "arm"), r->arm[arm].label);
		cr_assert_eq(strtoull(csv_get(c, "seed"), NULL, 10), r->seed[seed]);
		cr_assert_str_eq(csv_get(c, "trial"), r->trial[arm * r->n_seeds + seed]);
		cr_assert_str_eq(csv_get(c, "axis"), a.axis);
		cr_assert_str_eq(csv_get(c, "metric"), name);
		cr_assert_str_eq(csv_get(c, "unit"), a.unit);
		cr_assert(same(number(csv_get(c, "coordinate")), a.x[i / n]));
		cr_assert(same(number(csv_get(c, "value")), a.value[i]), "%s: '%s' is not %.17g",
			  name, csv_get(c, "value"), a.value[i]);
		for (int k = 1; k < a.rank; k++) {
			char *index = ebb_xprintf("index_%d", k);

			stride /= a.dim[k];
			cr_assert_eq(atoll(csv_get(c, index)), rest / stride);
			rest %= stride;
			free(index);
		}
		cr_assert_str_eq(csv_get(c, "algorithm"), arm < 2 ? "grpo" : "gspo");
		cr_assert_str_eq(csv_get(c, "entropy.coef"), arm == 0   ? "0"
							     : arm == 1 ? "0.01"
									: "");
	}
	ebb_array_release(&a);
}

Test(export, every_curve_of_every_trial_once_and_exactly)
{
	struct ebb_run r;
	struct csv c;

	make_run();
	r = open_run("r");
	run("export r");
	csv_open(&c, output.data);
	for (int cell = 0; cell < r.n_arms * r.n_seeds; cell++) {
		struct ebb_err err;
		char **name;
		int n, curves = 0;

		cr_assert_eq(ebb_run_names(&r, cell / r.n_seeds, cell % r.n_seeds, &name, &n, &err),
			     0);
		for (int i = 0; i < n; i++) {
			struct ebb_array a;

			cr_assert_eq(ebb_run_read(&r, cell / r.n_seeds, cell % r.n_seeds, name[i],
						  &a, &err),
				     0);
			if (a.rank == 1 && strncmp(name[i], "axis/", 5) != 0) {
				check_array(&r, cell / r.n_seeds, cell % r.n_seeds, name[i], &c);
				curves++;
			}
			ebb_array_release(&a);
			free(name[i]);
		}
		free(name);
		cr_assert_gt(curves, 50);
	}
	cr_assert(!csv_next(&c), "more than every curve");
	csv_close(&c);
	ebb_run_release(&r);
}

Test(export, tensors_by_name_with_their_indices)
{
	struct ebb_run r;
	struct csv c;

	make_run();
	r = open_run("r");
	run("export r --metric snapshot/clip --metric accuracy --arm gspo --csv --out t.csv");
	cr_assert_str_eq(output.data, "");
	cr_assert_eq(shell("mv t.csv out && test -z \"$(ls | grep tmp)\""), 0);
	read_out();
	csv_open(&c, output.data);
	for (int s = 0; s < r.n_seeds; s++) {
		check_array(&r, 2, s, "eval/accuracy", &c);
		check_array(&r, 2, s, "snapshot/clip", &c);
	}
	cr_assert(!csv_next(&c));
	csv_close(&c);
	ebb_run_release(&r);
}

/* The same rows in both forms, and from a packed run. */
Test(export, json_says_what_csv_says)
{
	char *csv;
	json_t *root;
	json_error_t e;
	struct csv c;
	size_t i = 0;

	make_run();
	run("export r --metric entropy --metric outcome --metric kl_ref");
	csv = ebb_xstrdup(output.data);
	run("pack r --out packed");
	run("export packed --metric entropy --metric outcome --metric kl_ref");
	cr_assert_str_eq(output.data, csv);
	run("export packed --json --metric entropy --metric outcome --metric kl_ref");
	root = json_loads(output.data, JSON_REJECT_DUPLICATES, &e);
	cr_assert_not_null(root, "%s", e.text);
	for (csv_open(&c, csv); csv_next(&c); i++) {
		json_t *row = json_array_get(root, i);

		cr_assert_eq(json_object_size(row), (size_t)c.n);
		for (int k = 0; k < c.n; k++) {
			json_t *v = json_object_get(row, c.head[k].data);
			const char *text = c.cell[k].data;

			cr_assert_not_null(v, "no '%s'", c.head[k].data);
			if (json_is_null(v))
				cr_assert_str_eq(text, "");
			else if (json_is_string(v))
				cr_assert_str_eq(json_string_value(v), text);
			else
				cr_assert(same(json_number_value(v), number(text)));
		}
	}
	cr_assert_eq(json_array_size(root), i);
	cr_assert_gt(i, 100);
	json_decref(root);
	csv_close(&c);
	free(csv);
}

/* Metrics that no dataset holds come by name, and only by name. */
Test(export, derived_metrics_by_name)
{
	struct ebb_run r;
	struct csv c;

	make_run();
	r = open_run("r");
	run("export r --metric pass@2 --metric accuracy --metric eval/pass@1 --arm gspo");
	csv_open(&c, output.data);
	for (int s = 0; s < r.n_seeds; s++) {
		check_array(&r, 2, s, "eval/accuracy", &c);
		check_array(&r, 2, s, "eval/pass@2", &c);
		check_array(&r, 2, s, "eval/pass@1", &c);
	}
	cr_assert(!csv_next(&c));
	csv_close(&c);
	run("export r");
	cr_expect_null(strstr(output.data, "eval/pass@1,"));
	cr_assert_eq(ebb("export r --metric pass@64"), 2);
	says("no finished trial has 'pass@64'");
	cr_assert_eq(ebb("export r --metric accuracy@0.5"), 2);
	says("no finished trial has 'accuracy@0.5'");
	ebb_run_release(&r);
}

Test(export, what_is_not_there_is_named)
{
	run("run algorithm=grpo seeds=1 " SHORT "--out r");
	cr_assert_eq(ebb("export"), 2);
	says("name the run directory");
	cr_assert_eq(ebb("export r --csv --json"), 2);
	cr_assert_eq(ebb("export r --metric entropi"), 2);
	says("did you mean 'entropy'");
	cr_assert_eq(ebb("export r --arm grp"), 2);
	says("did you mean 'grpo'");
	cr_assert_eq(ebb("export r --out nowhere/x.csv"), 2);
	says("cannot write 'nowhere/x.csv");
	cr_assert_eq(ebb("export missing"), 2);
	says("missing");
}

/* ---- the rows alone ---- */

static void write_rows(bool json, struct ebb_buf *text)
{
	double value[] = {0.1, NAN, INFINITY, -0.0, 1e-300, 3}, x[] = {5};
	struct ebb_array a = {.rank = 3, .dim = {1, 2, 3}, .value = value, .x = x};
	struct ebb_setting axis = {(char *)"key", (char *)"say \"a, b\""};
	struct ebb_run_arm arm = {
		.label = (char *)"one, \"two\"\nthree", .axis = &axis, .n_axes = 1};
	char id[1][EBB_ID_MAX] = {"0123456789abcdef"};
	uint64_t seed = INT64_MAX; /* jansson's largest */
	struct ebb_run r = {.name = (char *)"r",
			    .arm = &arm,
			    .n_arms = 1,
			    .seed = &seed,
			    .n_seeds = 1,
			    .trial = id};
	struct ebb_export e = {.json = json, .n_indices = 3, .n_keys = 2};
	size_t n;
	char *data;

	e.key = ebb_xcalloc(2, sizeof *e.key);
	e.key[0] = "key";
	e.key[1] = "other, key";
	strcpy(a.axis, "step");
	strcpy(a.unit, "nats");
	e.out = open_memstream(&data, &n);
	ebb_export_begin(&e);
	ebb_export_array(&e, &r, 0, 0, "m/x", &a);
	ebb_export_end(&e);
	fclose(e.out);
	ebb_buf_add(text, data, n);
	free(data);
	ebb_export_release(&e);
}

Test(export_rows, odd_texts_and_numbers_survive)
{
	static const char *const want[] = {"0.1", "", "inf", "-0", "1e-300", "3"};
	struct ebb_buf text = EBB_BUF_INIT;
	json_error_t error;
	json_t *root, *row;
	struct csv c;

	write_rows(false, &text);
	csv_open(&c, text.data);
	for (int i = 0; i < 6; i++) {
		cr_assert(csv_next(&c));
		cr_assert_str_eq(csv_get(&c, "arm"), "one, \"two\"\nthree");
		cr_assert_str_eq(csv_get(&c, "seed"), "9223372036854775807");
		cr_assert_str_eq(csv_get(&c, "value"), want[i]);
		cr_assert_eq(atoi(csv_get(&c, "index_1")), i / 3);
		cr_assert_eq(atoi(csv_get(&c, "index_2")), i % 3);
		cr_assert_str_eq(csv_get(&c, "index_3"), "");
		cr_assert_str_eq(csv_get(&c, "key"), "say \"a, b\"");
		cr_assert_str_eq(csv_get(&c, "other, key"), "");
	}
	cr_assert(!csv_next(&c));
	csv_close(&c);
	ebb_buf_reset(&text);
	write_rows(true, &text);
	root = json_loads(text.data, 0, &error);
	cr_assert_eq(json_array_size(root), 6, "%s", error.text);
	row = json_array_get(root, 1);
	cr_assert_str_eq(json_string_value(json_object_get(row, "arm")), "one, \"two\"\nthree");
	cr_assert(json_is_null(json_object_get(row, "value")));
	cr_assert(json_is_null(json_object_get(row, "index_3")));
	cr_assert(json_is_null(json_object_get(row, "other, key")));
	row = json_array_get(root, 2);
	cr_assert_str_eq(json_string_value(json_object_get(row, "value")), "inf");
	json_decref(root);
	ebb_buf_release(&text);
}
