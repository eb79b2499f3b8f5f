/* What the tests of trials share: quick trials of a very small policy, run into a folder of the test's
 * own and opened again. */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "train/trial.h"

static char dir[] = "/tmp/ebb-train-XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	ebb_record_setup();
}

static void remove_dir(void)
{
	char *line = ebb_xprintf("rm -rf %s", dir);

	cr_expect_eq(system(line), 0);
	free(line);
}

TestSuite(train, .init = make_dir, .fini = remove_dir, .timeout = 120);
TestSuite(determinism, .init = make_dir, .fini = remove_dir, .timeout = 120);

/* A quick trial: tiny policy, few steps; settings are "key=value" words. */
static inline struct ebb_options options_of(const char *settings)
{
	static const char base[] =
		"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=12 "
		"pretrain.batch=16 pretrain.warmup=2 train.steps=3 train.prompts=4 train.group=4 "
		"train.minibatches=2 eval.questions=8 eval.samples=2 eval.cadence=2 probe.cadence=2 "
		"record.snapshot=2";
	const struct ebb_catalog *catalog = ebb_task_catalog();
	struct ebb_options o;
	struct ebb_err err = EBB_ERR_INIT;
	char *text = ebb_xprintf("%s %s", base, settings), *save;

	ebb_options_init(&o, catalog);
	o.seed = 100;
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');
		const struct ebb_option *row;

		*value++ = 0;
		row = ebb_option_find(catalog, o.task.name, word);
		cr_assert_not_null(row, "no option '%s'", word);
		cr_assert_eq(ebb_option_set(&o, row, value, &err), 0, "%s", err.text);
	}
	free(text);
	return o;
}

/* Run into dir/name; returns the opened run of one arm and one seed. */
static inline struct ebb_run run_of(const struct ebb_options *o, const char *name)
{
	char *run_dir = ebb_path_join(dir, name), *base_dir = ebb_path_join(dir, "base");
	struct ebb_arm arm = {.label = (char *)"arm", .options = *o};
	struct ebb_plan plan = {.options = *o};
	uint64_t seed = o->seed;
	int plan_of = 0;
	struct ebb_definition def = {.name = (char *)name,
				     .about = (char *)"",
				     .source = (char *)"",
				     .overrides = (char *)"",
				     .arm = &arm,
				     .n_arms = 1,
				     .seed = &seed,
				     .n_seeds = 1,
				     .plan = &plan,
				     .n_plans = 1,
				     .plan_of = &plan_of};
	struct ebb_solo solo = {.options = o,
				.run_dir = run_dir,
				.base_dir = base_dir,
				.label = "arm",
				.attempt = 1};
	enum ebb_status status;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run = {0};

	ebb_options_id(o, ebb_task_catalog(), plan.id);
	cr_assert_eq(ebb_solo_run(&solo, &status, &err), 0, "%s", err.text);
	cr_assert_eq(status, EBB_STATUS_COMPLETE);
	cr_assert_eq(ebb_index_write(run_dir, &def, ebb_task_catalog(), &err), 0, "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, run_dir, &err), 0, "%s", err.text);
	free(run_dir);
	free(base_dir);
	return run;
}

static inline struct ebb_array read_array(const struct ebb_run *run, const char *name)
{
	struct ebb_array a = {0};
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_run_read(run, 0, 0, name, &a, &err), 0, "%s: %s", name, err.text);
	return a;
}

static inline size_t cells(const struct ebb_array *a)
{
	size_t n = 1;

	for (int i = 0; i < a->rank; i++)
		n *= (size_t)a->dim[i];
	return n;
}

/* Every dataset of two runs, timings apart, has the same bytes. */
static inline void same_bytes(const struct ebb_run *a, const struct ebb_run *b, const char *what)
{
	struct ebb_err err = EBB_ERR_INIT;
	char **name;
	int n, compared = 0;

	cr_assert_eq(ebb_run_names(a, 0, 0, &name, &n, &err), 0, "%s", err.text);
	for (int i = 0; i < n; i++) {
		struct ebb_array x, y;

		if (strncmp(name[i], "timing_s/", 9) != 0 && strncmp(name[i], "perf/", 5) != 0) {
			x = read_array(a, name[i]);
			y = read_array(b, name[i]);
			cr_assert_eq(cells(&x), cells(&y), "%s: %s", what, name[i]);
			cr_assert_eq(memcmp(x.value, y.value, cells(&x) * sizeof *x.value), 0,
				     "%s changes %s", what, name[i]);
			ebb_array_release(&x);
			ebb_array_release(&y);
			compared++;
		}
		free(name[i]);
	}
	free(name);
	cr_assert_gt(compared, 60, "only %d datasets", compared);
}

#endif
