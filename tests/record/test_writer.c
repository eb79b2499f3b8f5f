/* One trial written and read back: kinds, shapes, missing values, attributes, scales, errors. */
#include "fixture.h"

#include <hdf5_hl.h>
#include "record/schema.h"

TestSuite(writer, .init = folder_make, .fini = folder_remove);

/* A run with one arm and one seed around a trial, so that the reader's own way is tested. */
static void run_around(struct ebb_run *run, const char *id)
{
	*run = (struct ebb_run){.dir = folder, .n_arms = 1, .n_seeds = 1};
	run->arm = calloc(1, sizeof *run->arm);
	run->arm->label = "grpo";
	run->seed = calloc(1, sizeof *run->seed);
	run->trial = calloc(1, sizeof *run->trial);
	run->finished = calloc(1, sizeof *run->finished);
	snprintf(run->trial[0], EBB_ID_MAX, "%s", id);
}

static void run_forget(struct ebb_run *run)
{
	free(run->arm);
	free(run->seed);
	free(run->trial);
	free(run->finished);
}

Test(writer, every_kind_and_shape_comes_back)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_array a;
	struct ebb_run run;
	char *trials = in_folder("trials"), status[16];

	OK(write_trial(folder, ID_A0, 50, &err));
	run_around(&run, ID_A0);
	OK(ebb_run_status(&run, 0, 0, status, &err));
	cr_assert_str_eq(status, "complete");

	OK(ebb_run_read(&run, 0, 0, "actor/entropy", &a, &err));
	cr_assert_eq(a.rank, 1);
	cr_assert_eq(a.dim[0], 50);
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(a.value[i], entropy_at(i));
		cr_assert_eq(a.x[i], i);
	}
	cr_assert_str_eq(a.unit, "nats");
	cr_assert_str_eq(a.axis, "step");
	cr_assert_str_eq(a.about, "policy entropy, mean over response tokens");
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "reward/mean", &a, &err));
	for (int i = 0; i < 50; i++)
		cr_assert(i % 3 == 2 ? isnan(a.value[i]) : a.value[i] == 0.5, "row %d", i);
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "axis/tokens", &a, &err));
	cr_assert_eq(a.value[7], 700);
	cr_assert_eq(a.x[7], 7, "a second coordinate is drawn against the first");
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "clip_ratio/low_mean", &a, &err));
	cr_assert_eq(a.dim[0], 100);
	cr_assert_eq(a.value[99], 0.01 * 99);
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "eval/pass@k", &a, &err));
	cr_assert_eq(a.rank, 2);
	cr_assert_eq(a.dim[0], 3);
	cr_assert_eq(a.dim[1], 3);
	cr_assert_eq(a.value[2 * 3 + 1], 0.2 * 2);
	cr_assert_eq(a.x[2], 10);
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "tensor/token", &a, &err));
	cr_assert_eq(a.rank, 4);
	cr_assert_eq(a.dim[3], 4);
	cr_assert_eq(a.value[3 * 24 + 5], 3005);
	cr_assert(isnan(a.value[3 * 24 + 23]));
	cr_assert_eq(a.x[3], 30);
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "tensor/logp", &a, &err));
	cr_assert_eq(a.value[2 * 6 + 1], (double)(-0.1f * 3.0f));
	cr_assert(isnan(a.value[2 * 6 + 5]));
	ebb_array_release(&a);

	OK(ebb_run_read(&run, 0, 0, "tensor/mask", &a, &err));
	cr_assert_eq(a.value[3 * 5 + 3], 6);
	cr_assert(isnan(a.value[3 * 5 + 4]));
	ebb_array_release(&a);
	run_forget(&run);
	free(trials);
}

Test(writer, rows_beyond_the_buffer_and_unset_rows)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_writer *w;
	struct ebb_array a;
	struct ebb_run run;
	char *trials = in_folder("trials");
	double late = -1;

	options_make(&o);
	OK(ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err));
	for (int i = 0; i < 5000; i++)
		OK(write_step(w, i, &err));
	/* staged before a flush, appended after it */
	ebb_writer_set(w, ENTROPY, &late);
	OK(ebb_writer_flush(w, &err));
	OK(ebb_writer_row(w, EBB_AXIS_STEP, &err));
	/* staged and never appended: not in the file */
	ebb_writer_set(w, ENTROPY, &late);
	OK(ebb_writer_row(w, EBB_AXIS_SNAPSHOT, &err));
	OK(ebb_writer_finish(w, EBB_STATUS_DIVERGED, 4999, "loss is nan", &err));

	run_around(&run, ID_A0);
	OK(ebb_run_read(&run, 0, 0, "actor/entropy", &a, &err));
	cr_assert_eq(a.dim[0], 5001);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(a.value[i], entropy_at(i), "row %d", i);
	cr_assert_eq(a.value[5000], -1);
	cr_assert(isnan(a.x[5000]), "a coordinate that was not set is missing");
	ebb_array_release(&a);
	OK(ebb_run_read(&run, 0, 0, "tensor/token", &a, &err));
	cr_assert_eq(a.dim[0], 1);
	for (int i = 0; i < 24; i++)
		cr_assert(isnan(a.value[i]));
	ebb_array_release(&a);
	OK(ebb_run_read(&run, 0, 0, "eval/pass@k", &a, &err));
	cr_assert_eq(a.dim[0], 0, "an axis without rows");
	cr_assert_eq(a.dim[1], 3);
	ebb_array_release(&a);
	run_forget(&run);
	free(trials);
}

Test(writer, finish_is_atomic_and_replaces_the_part)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_writer *w;
	char *trials = in_folder("trials"), *part = in_folder("trials/" ID_A0 ".h5.part"),
	     *tmp = in_folder("trials/" ID_A0 ".h5.tmp");

	options_make(&o);
	cr_assert_not(ebb_trial_exists(folder, ID_A0));
	OK(ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err));
	OK(write_step(w, 0, &err));
	OK(ebb_writer_flush(w, &err));
	cr_assert(ebb_file_exists(part));
	cr_assert_not(ebb_trial_exists(folder, ID_A0));
	ebb_writer_abandon(w);
	cr_assert(ebb_file_exists(part));
	cr_assert_not(ebb_trial_exists(folder, ID_A0));

	OK(ebb_writer_open(&w, folder, &head, fields, N_FIELDS, NULL, &err)); /* over the left-over */
	OK(write_step(w, 0, &err));
	OK(ebb_writer_finish(w, EBB_STATUS_COMPLETE, 1, "", &err));
	cr_assert_not(ebb_file_exists(part));
	cr_assert_not(ebb_file_exists(tmp));
	cr_assert(ebb_trial_exists(folder, ID_A0));
	ebb_writer_abandon(NULL);
	free(trials);
	free(part);
	free(tmp);
}

static void expect_text(hid_t loc, const char *name, const char *want)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *got;

	OK(ebb_h5_get_str(loc, name, &got, &err));
	cr_assert_str_eq(got, want, "attribute '%s' is '%s'", name, got);
	free(got);
}

static double number_of(hid_t file, const char *object, const char *name)
{
	double value = NAN;

	cr_assert_geq(H5LTget_attribute_double(file, object, name, &value), 0, "%s of %s", name,
		      object);
	return value;
}

Test(writer, the_file_explains_itself)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	char *trials = in_folder("trials"), *path = in_folder("trials/" ID_A0 ".h5"), *text;
	uint64_t *seed;
	size_t n;
	hid_t file, group;

	OK(write_trial(folder, ID_A0, 5, &err));
	file = ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, &err);
	cr_assert_geq(file, 0, "%s", err.text);
	expect_text(file, "schema", "ebb-trial");
	expect_text(file, "trial_id", ID_A0);
	expect_text(file, "label", "grpo clip.low=0.1");
	expect_text(file, "algorithm", "grpo");
	expect_text(file, "status", "complete");
	expect_text(file, "cause", "");
	OK(ebb_h5_get_u64s(file, "seed", &seed, &n, &err));
	cr_assert_eq(*seed, 18446744073709551615u);
	free(seed);
	cr_assert_eq(number_of(file, "/", "attempt"), 2);
	cr_assert_eq(number_of(file, "/", "stopped_at_step"), 5);
	OK(ebb_h5_get_str(file, "stopped", &text, &err));
	cr_assert_eq(strlen(text), 20);
	cr_assert_eq(text[10], 'T');
	cr_assert_eq(text[19], 'Z');
	free(text);
	OK(ebb_h5_get_str(file, "identity", &text, &err));
	cr_assert(strstr(text, "clip.low=0.1"), "%s", text);
	free(text);

	/* options, also those of the task and those left at their defaults */
	cr_assert_eq(number_of(file, "/options/clip", "low"), 0.1);
	cr_assert_eq(number_of(file, "/options/clip", "high"), 0.2);
	cr_assert_eq(number_of(file, "/options/train", "group"), 8);
	cr_assert_eq(number_of(file, "/options/task", "bias"), 0.25);
	cr_assert_eq(number_of(file, "/options/task", "sides"), 6);
	group = ebb_h5_keep(&h5, H5Gopen2(file, "options/task", H5P_DEFAULT));
	expect_text(group, "tag", "brass");
	expect_text(group, "name", "chain");
	group = ebb_h5_keep(&h5, H5Gopen2(file, "options/clip", H5P_DEFAULT));
	expect_text(group, "about", ebb_option_group_about("clip"));
	group = ebb_h5_keep(&h5, H5Gopen2(file, "options/loss", H5P_DEFAULT));
	options_make(&o);
	expect_text(group, "aggregate",
		    ebb_option_choice(ebb_option_find(&catalog, "chain", "loss.aggregate"),
				      (int)o.loss.aggregate));

	/* provenance */
	group = ebb_h5_keep(&h5, H5Gopen2(file, "provenance", H5P_DEFAULT));
	for (const char *const *name =
		     (const char *const[]){"ebb_version", "git_commit", "git_dirty", "compiler",
					   "build_type", "hdf5_version", "kernel", "hostname",
					   "command_line", NULL};
	     *name; name++) {
		OK(ebb_h5_get_str(group, *name, &text, &err));
		cr_assert(*text, "provenance '%s' is empty", *name);
		free(text);
	}
	ebb_h5scope_close(&h5);
	free(trials);
	free(path);
}

static herr_t scale_name(hid_t dset, unsigned dim, hid_t scale, void *ctx)
{
	char name[64] = "";

	H5DSget_scale_name(scale, name, sizeof name);
	strcat(ctx, name);
	strcat(ctx, " ");
	return 0;
}

Test(writer, dimensions_have_scales_and_labels)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char *trials = in_folder("trials"), *path = in_folder("trials/" ID_A0 ".h5"),
	     scales[256] = "", label[64];
	hid_t file, dset;

	OK(write_trial(folder, ID_A0, 5, &err));
	file = ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, &err);
	dset = ebb_h5_keep(&h5, H5Dopen2(file, "actor/entropy", H5P_DEFAULT));
	cr_assert_geq(H5DSiterate_scales(dset, 0, NULL, scale_name, scales), 0);
	cr_assert_str_eq(scales, "step tokens ");
	expect_text(dset, "units", "nats");
	expect_text(dset, "source", "EI 1.1");
	expect_text(dset, "axis", "step");
	expect_text(dset, "coordinate", "axis/step");
	cr_assert_eq(number_of(file, "actor/entropy", "deterministic"), 1);
	cr_assert_eq(number_of(file, "tensor/mask", "deterministic"), 0);
	dset = ebb_h5_keep(&h5, H5Dopen2(file, "tensor/token", H5P_DEFAULT));
	H5DSget_label(dset, 0, label, sizeof label);
	cr_assert_str_eq(label, "snapshot");
	H5DSget_label(dset, 3, label, sizeof label);
	cr_assert_str_eq(label, "response token");
	dset = ebb_h5_keep(&h5, H5Dopen2(file, "axis/step", H5P_DEFAULT));
	cr_assert_gt(H5DSis_scale(dset), 0);
	ebb_h5scope_close(&h5);
	free(trials);
	free(path);
}

/* The stored bytes of every dataset, filters and all, depend on the numbers alone. */
Test(writer, equal_numbers_make_equal_bytes)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	char *path[2] = {in_folder("one/trials/" ID_A0 ".h5"), in_folder("two/trials/" ID_A0 ".h5")},
	     *dir[2] = {in_folder("one"), in_folder("two")};
	hid_t dset[2];

	for (int k = 0; k < 2; k++)
		OK(write_trial(dir[k], ID_A0, 700, &err));
	for (int f = 0; f < N_FIELDS; f++) {
		hsize_t bytes[2], at[4] = {0};
		char *data[2];
		uint32_t mask;

		for (int k = 0; k < 2; k++) {
			hid_t file = ebb_schema_open(&h5, path[k], EBB_SCHEMA_TRIAL, &err);

			dset[k] = ebb_h5_keep(&h5, H5Dopen2(file, fields[f].name, H5P_DEFAULT));
			cr_assert_geq(H5Dget_chunk_storage_size(dset[k], at, &bytes[k]), 0);
			data[k] = malloc(bytes[k]);
			cr_assert_geq(H5Dread_chunk(dset[k], H5P_DEFAULT, at, &mask, data[k]), 0);
			cr_assert_eq(mask, 0, "a filter was left out");
		}
		cr_assert_eq(bytes[0], bytes[1]);
		cr_assert_arr_eq(data[0], data[1], bytes[0], "%s", fields[f].name);
		free(data[0]);
		free(data[1]);
	}
	ebb_h5scope_close(&h5);
	for (int k = 0; k < 2; k++) {
		free(path[k]);
		free(dir[k]);
	}
}

Test(writer, h5dump_tells_the_story)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *trials = in_folder("trials"), *cmd, *text = calloc(1, 1 << 20);
	size_t n;
	FILE *p;

	if (system("h5dump --version >/dev/null 2>&1") != 0)
		cr_skip_test("no h5dump");
	OK(write_trial(folder, ID_A0, 5, &err));
	cmd = ebb_xprintf("h5dump -A %s/" ID_A0 ".h5 2>&1", trials);
	p = popen(cmd, "r");
	n = fread(text, 1, (1 << 20) - 1, p);
	cr_assert_gt(n, 1000u);
	cr_assert_eq(pclose(p), 0);
	for (const char *const *want =
		     (const char *const[]){"\"ebb-trial\"", "ATTRIBUTE \"seed\"",
					   "18446744073709551615", "GROUP \"provenance\"",
					   "\"git_commit\"", "DATASET \"entropy\"", "\"nats\"",
					   "\"brass\"", "\"complete\"", "TRUE",
					   "DATASET \"pass@k\"", NULL};
	     *want; want++)
		cr_assert(strstr(text, *want), "h5dump does not show %s", *want);
	free(cmd);
	free(text);
	free(trials);
}

Test(writer, fields_that_cannot_be_are_refused)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_field f = fields[OUTCOME], twice[2] = {fields[ENTROPY], fields[ENTROPY]};
	struct ebb_writer *w;
	char *trials = in_folder("trials"), *part = in_folder("trials/" ID_A0 ".h5.part"),
	     *tmp = in_folder("trials/" ID_A0 ".h5.tmp");

	options_make(&o);
	f.dim[0] = 0;
	cr_assert_eq(ebb_writer_open(&w, folder, &head, &f, 1, NULL, &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "eval/pass@k"), "%s", err.text);
	cr_assert_null(w);
	f.dim[0] = 1 << 30;
	cr_assert_eq(ebb_writer_open(&w, folder, &head, &f, 1, NULL, &err), EBB_EINVAL);
	cr_assert_lt(ebb_writer_open(&w, folder, &head, twice, 2, NULL, &err), 0);
	cr_assert(strstr(err.text, "actor/entropy"), "%s", err.text);
	cr_assert_not(ebb_file_exists(part));
	cr_assert_not(ebb_file_exists(tmp), "a failed open leaves nothing");
	free(trials);
	free(part);
	free(tmp);
}

Test(writer, a_folder_that_cannot_be_written)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_writer *w;
	char *file = in_folder("file");

	options_make(&o);
	/* /proc refuses root as well */
	cr_assert_eq(ebb_writer_open(&w, "/proc/self", &head, fields, N_FIELDS, NULL, &err), EBB_EIO);
	cr_assert(strstr(err.text, "/proc/self"), "%s", err.text);
	cr_assert(strstr(err.text, ID_A0), "%s", err.text);
	OK(ebb_file_write(file, "x", 1, &err));
	cr_assert_eq(ebb_writer_open(&w, file, &head, fields, N_FIELDS, NULL, &err), EBB_EIO);
	cr_assert_null(w);
	free(file);
}
