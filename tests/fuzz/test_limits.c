/* Every reader has limits, and each says its number: what is one too many is refused with it. */
#include <criterion/criterion.h>
#include <hdf5.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "command/oracle_cases.h"
#include "made_run.h"
#include "options/definition.h"
#include "task/task.h"

#include "fuzz.h"

/* The harness contract, of which this program only uses files and folders. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return 0;
}
const struct fuzz_target fuzz_target = {.name = "test_limits"};

/* ---- definitions ---- */

/* The text of n pieces with their number in them. */
static char *repeated(const char *before, const char *piece, int n, const char *after)
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_buf_puts(&text, before);
	for (int i = 0; i < n; i++) {
		const char *number = strchr(piece, '#');

		if (number)
			ebb_buf_printf(&text, "%.*s%d%s", (int)(number - piece), piece, i + 1,
				       number + 1);
		else
			ebb_buf_puts(&text, piece);
	}
	ebb_buf_puts(&text, after);
	return ebb_buf_take(&text);
}

/* Read text; where part is null it must be sound, else an error must hold part. Frees text. */
static void expect(char *text, const char *override, const char *part)
{
	const char *path[1] = {text ? fuzz_file(0, text, strlen(text)) : NULL};
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	bool found = false;
	int rc = ebb_definition_read(&def, ebb_task_catalog(), path, text != NULL, &override,
				     override != NULL, &diag, &err);

	for (int i = 0; i < diag.n && part; i++)
		found |= diag.entry[i].severity == EBB_ERROR && strstr(diag.entry[i].text, part);
	if (part) {
		cr_expect_lt(rc, 0, "'%s' was not said", part);
		cr_expect(found || strstr(err.text, part), "no '%s' in: %s; %s", part,
			  diag.n ? diag.entry[0].text : "", err.text);
	} else {
		cr_expect_eq(rc, 0, "%s; %s", err.text, diag.n ? diag.entry[0].text : "");
	}
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
	free(text);
}

Test(limits, lists_of_a_definition)
{
	expect(repeated("claims: [", "1 < 2,", 512, "]\n"), NULL, NULL);
	expect(repeated("claims: [", "1 < 2,", 513, "]\n"), NULL, "more than 512 entries");
	expect(repeated("figures: [", "entropy,", 513, "]\n"), NULL, "more than 512 entries");
	expect(repeated("sweep: {pretrain.steps: [", "#,", 4097, "]}\n"), NULL, "4096");
	expect(repeated("seeds: [", "#,", 65537, "]\n"), NULL, "65536");
	expect(repeated("sweep:\n", "  when(train.lr=#e-6): {alpha: [0.1]}\n", 257, ""), NULL,
	       "256 whens");
}

Test(limits, counts_of_a_definition)
{
	expect(NULL, "seeds=65537", "65536");
	expect(NULL, "seeds=1..65537", "65536");
	expect(repeated("sweep: {pretrain.steps: [", "#,", 256,
			"], train.steps: [1, 2]}\nseeds: 129\n"),
	       NULL, "more than 65536 trials");
}

Test(limits, words_of_a_definition)
{
	expect(repeated("name: ", "n", 100, "\n"), NULL, NULL);
	expect(repeated("name: ", "n", 101, "\n"), NULL, "100 letters");
	expect(repeated("algorithms: {", "v", EBB_STR_MAX, ": {from: grpo}}\n"), NULL,
	       "up to 159 letters");
	expect(repeated("task.preset: ", "p", EBB_STR_MAX, "\n"), NULL,
	       "at most 159 bytes, not 160");
}

Test(limits, depth_and_bytes_of_a_definition)
{
	expect(repeated("sweep: ", "[", 17, ""), NULL, "more than 16 deep");
	expect(repeated("# ", "long ", 1 << 18, "\n"), NULL, "larger than 1048576 bytes");
	expect(repeated("%TAG !a! b\n---\nname: a\n", "", 0, ""), NULL, "%TAG line");
}

/* One note would be said for each of thousands of arms: a few are enough. */
Test(limits, arms_that_are_the_same)
{
	char *text = repeated("sweep: {eval.questions: [", "#,", 100, "]}\n");
	const char *path[1] = {fuzz_file(0, text, strlen(text))};
	struct ebb_definition def;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int notes = 0, more = 0;

	cr_assert_eq(ebb_definition_read(&def, ebb_task_catalog(), path, 1, NULL, 0, &diag, &err),
		     0, "%s", err.text);
	cr_assert_eq(def.n_plans, 1);
	for (int i = 0; i < diag.n; i++) {
		notes += strstr(diag.entry[i].text, "it runs once") != NULL;
		more += strstr(diag.entry[i].text, "91 more arms") != NULL;
	}
	cr_expect_eq(notes, 8);
	cr_expect_eq(more, 1);
	ebb_definition_release(&def);
	ebb_diag_release(&diag);
	free(text);
}

/* ---- cases of ebb oracle ---- */

/* A mask with one row of this width and more that are empty. */
static void expect_mask(int width, int rows, const char *part)
{
	char *first = repeated("[", "1,", width - 1, "1]");
	char *before = ebb_xprintf("{\"datasets\": {\"d\": {\"mask\": [%s", first);
	char *text = repeated(before, ",[]", rows - 1, "]}}, \"cases\": []}");
	struct ebb_buf out = EBB_BUF_INIT, notes = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;

	cr_expect_eq(ebb_oracle_evaluate(text, strlen(text), "c.json", false, &out, &notes, &err),
		     EBB_EFORMAT);
	cr_expect(strstr(err.text, part), "no '%s' in: %s", part, err.text);
	ebb_buf_release(&out);
	ebb_buf_release(&notes);
	free(text);
	free(before);
	free(first);
}

Test(limits, entries_of_a_mask)
{
	expect_mask(8193, 8192, "8192 x 8193 entries are more than 67108864");
	/* a few bytes a row, and gigabytes if the first row were believed */
	expect_mask(8192, 8192, "row 1 is not an array of 8192 entries");
}

/* ---- records ---- */

/* An index with this many seeds in place of its own. */
static void put_seeds(hsize_t n)
{
	const struct made_run *made = made_run();
	hid_t access = H5Pcreate(H5P_FILE_ACCESS), file, space, a;
	uint64_t *seed = calloc(n, sizeof *seed);

	made_put(MADE_INDEX, made->data[MADE_INDEX], made->n[MADE_INDEX]);
	H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST); /* large attributes */
	file = H5Fopen(made->path[MADE_INDEX], H5F_ACC_RDWR, access);
	cr_assert(file >= 0 && H5Adelete(file, "seeds") >= 0);
	space = H5Screate_simple(1, &n, NULL);
	a = H5Acreate2(file, "seeds", H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT);
	cr_assert(a >= 0 && H5Awrite(a, H5T_NATIVE_UINT64, seed) >= 0);
	H5Aclose(a);
	H5Sclose(space);
	H5Pclose(access);
	cr_assert(H5Fclose(file) >= 0);
	free(seed);
}

static void expect_index(const char *part)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;

	cr_expect_eq(ebb_run_open(&run, made_run()->dir, &err), EBB_EFORMAT);
	cr_expect(strstr(err.text, part), "no '%s' in: %s", part, err.text);
}

Test(limits, seeds_of_an_index)
{
	put_seeds((1 << 22) + 1);
	expect_index("4194305 elements: at most 4194304 are read");
}

Test(limits, trials_of_an_index)
{
	hid_t file, group;

	put_seeds(1 << 22);
	file = H5Fopen(made_run()->path[MADE_INDEX], H5F_ACC_RDWR, H5P_DEFAULT);
	for (int i = 0; i < 2; i++) { /* two are there already */
		group = H5Gcreate2(file, i ? "/arms/x" : "/arms/y", H5P_DEFAULT, H5P_DEFAULT,
				   H5P_DEFAULT);
		cr_assert_geq(group, 0);
		H5Gclose(group);
	}
	H5Fclose(file);
	expect_index("4 arms of 4194304 seeds: at most 1048576 arms and 16777216 trials");
}

Test(limits, names_of_datasets)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	char **name;
	hid_t file;
	int n;

	made_put(MADE_TRIAL, made_run()->data[MADE_TRIAL], made_run()->n[MADE_TRIAL]);
	file = H5Fopen(made_run()->path[MADE_TRIAL], H5F_ACC_RDWR, H5P_DEFAULT);
	cr_assert(H5Lmove(file, "/actor/entropy", file, "/actor/\x1b[31m", H5P_DEFAULT,
			  H5P_DEFAULT) >= 0);
	H5Fclose(file);
	cr_assert_eq(ebb_run_open(&run, made_run()->dir, &err), 0, "%s", err.text);
	cr_expect_eq(ebb_run_names(&run, 0, 0, &name, &n, &err), EBB_EFORMAT);
	cr_expect(strstr(err.text, "'actor/?[31m'"), "%s", err.text);
	ebb_run_release(&run);
}
