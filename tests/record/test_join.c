/* Several runs as one: which arms are the same, where each trial is read, what a label becomes. */
#include "fixture.h"

#include "record/join.h"

TestSuite(join, .init = folder_make, .fini = folder_remove);

/* A run RUNNAME in the folder: arms of these labels and clip.low, these seeds; the trial of arm a,
 * seed s has 10 + a + s rows of an entropy that tells `mark`, and is finished where the letter of
 * its cell in `finished` (by arms, then seeds) is not '-'. */
struct plan {
	const char *folder, *name;
	int n_arms, n_seeds;
	const char *label[3];
	double low[3];
	uint64_t seed[3];
	const char *finished;
	double mark;
};

static void write_marked(const char *dir, const char *id, const struct ebb_options *o,
			 const char *label, int rows, double mark)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_trial_head head = head_make(o, id);
	struct ebb_writer *w;

	head.label = label;
	OK(ebb_writer_open(&w, dir, &head, fields, N_FIELDS, NULL, &err));
	for (int i = 0; i < rows; i++) {
		double step = i, entropy = mark;

		ebb_writer_set(w, STEP, &step);
		ebb_writer_set(w, ENTROPY, &entropy);
		OK(ebb_writer_row(w, EBB_AXIS_STEP, &err));
	}
	OK(ebb_writer_finish(w, EBB_STATUS_COMPLETE, rows, "", &err));
}

static void write_plan(const struct plan *p)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_arm arm[3] = {0};
	struct ebb_plan trial[9] = {0};
	struct ebb_setting axis[3];
	struct ebb_item figure[2] = {{.text = "entropy"}, {.text = "accuracy"}};
	struct ebb_item claim[1] = {{.text = "final(entropy) < 0.5"}};
	char value[3][32], *dir = in_folder(p->folder);
	int plan_of[9];

	figure[1].text = p->n_arms == 1 ? "reward" : "accuracy";
	for (int a = 0; a < p->n_arms; a++) {
		snprintf(value[a], sizeof value[a], "%g", p->low[a]);
		axis[a] = (struct ebb_setting){"clip.low", value[a]};
		arm[a].label = (char *)p->label[a];
		arm[a].axis = &axis[a];
		arm[a].n_axes = 1;
		options_make(&arm[a].options);
		arm[a].options.clip.low = p->low[a];
		for (int s = 0; s < p->n_seeds; s++) {
			int at = a * p->n_seeds + s;

			plan_of[at] = at;
			trial[at].options = arm[a].options;
			trial[at].options.seed = p->seed[s];
			trial[at].arm = a;
			ebb_options_id(&trial[at].options, &catalog, trial[at].id);
			if (p->finished[at] != '-')
				write_marked(dir, trial[at].id, &trial[at].options, p->label[a],
					     10 + a + s, p->mark);
		}
	}
	const struct ebb_definition def = {.name = (char *)p->name,
					   .about = "",
					   .source = "",
					   .overrides = "",
					   .arm = arm,
					   .n_arms = p->n_arms,
					   .seed = (uint64_t *)p->seed,
					   .n_seeds = p->n_seeds,
					   .plan = trial,
					   .n_plans = p->n_arms * p->n_seeds,
					   .plan_of = plan_of,
					   .figure = figure,
					   .n_figures = 2,
					   .claim = claim,
					   .n_claims = 1};
	OK(ebb_dir_make(dir, &err));
	OK(ebb_index_write(dir, &def, &catalog, &err));
	free(dir);
}

static int join(struct ebb_run *run, const char *a, const char *b, struct ebb_err *err)
{
	char *path[2] = {in_folder(a), b ? in_folder(b) : NULL};
	int rc = ebb_run_join(run, (const char *const *)path, b ? 2 : 1, err);

	free(path[0]);
	free(path[1]);
	return rc;
}

static double entropy_of(const struct ebb_run *run, int arm, int seed)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_array a;
	double value;

	OK(ebb_run_read(run, arm, seed, "actor/entropy", &a, &err));
	value = a.value[0];
	ebb_array_release(&a);
	return value;
}

static const struct plan first = {
	"one", "coins", 2, 2, {"narrow", "wide"}, {0.1, 0.2}, {7, 5}, "xxx-", 0.25,
};

Test(join, one_run_is_opened_as_ever)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;

	write_plan(&first);
	OK(join(&run, "one", NULL, &err));
	cr_assert_eq(run.n_sources, 0);
	cr_assert_null(run.source_of);
	cr_assert_eq(run.seed[0], 7);
	cr_assert_eq(run.n_claims, 1);
	cr_assert_str_eq(ebb_run_folder(&run, 0, 0), run.dir);
	ebb_run_release(&run);
}

/* The same definition grown elsewhere: one arm, seeds of both, each trial from its own folder. */
Test(join, arms_of_one_definition_become_one)
{
	static const struct plan second = {
		"two", "coins", 2, 2, {"narrow", "wide"}, {0.1, 0.2}, {5, 6}, "xxxx", 0.75,
	};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	char *tail;

	write_plan(&first);
	write_plan(&second);
	OK(join(&run, "one", "two", &err));
	cr_assert_eq(run.n_arms, 2);
	cr_assert_str_eq(run.arm[0].label, "narrow");
	cr_assert_str_eq(run.arm[1].label, "wide");
	cr_assert_eq(run.arm_sources[0], 3);
	cr_assert_eq(run.n_seeds, 3);
	for (int s = 0; s < 3; s++)
		cr_assert_eq(run.seed[s], 5 + (uint64_t)s);
	for (int i = 0; i < 6; i++)
		cr_assert(run.finished[i], "cell %d", i);
	/* seed 5 of the first arm is in both: the first run has it; of the second, only the other */
	cr_assert_eq(entropy_of(&run, 0, 0), 0.25);
	cr_assert_eq(entropy_of(&run, 0, 1), 0.75);
	cr_assert_eq(entropy_of(&run, 0, 2), 0.25);
	cr_assert_eq(entropy_of(&run, 1, 0), 0.75);
	tail = strrchr(ebb_run_folder(&run, 1, 0), '/');
	cr_assert_str_eq(tail, "/two");
	/* both are called coins: folders tell them apart */
	cr_assert_str_eq(run.source[0].tag, "one");
	cr_assert_str_eq(run.source[1].tag, "two");
	cr_assert_str_eq(run.name, "coins + coins");
	cr_assert_eq(run.n_figures, 2);
	cr_assert_eq(run.n_claims, 0);
	ebb_run_release(&run);
	ebb_run_release(&run); /* safe on zero */
}

/* Equal labels of other options keep apart; other labels stay; a missing seed has no id. */
Test(join, other_options_keep_apart)
{
	static const struct plan second = {
		"two", "other", 1, 2, {"wide"}, {0.3}, {5, 6}, "xx", 0.75,
	};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	struct ebb_array a;
	const struct ebb_run_arm *last;

	write_plan(&first);
	write_plan(&second);
	OK(join(&run, "one", "two", &err));
	cr_assert_eq(run.n_arms, 3);
	cr_assert_str_eq(run.arm[0].label, "narrow");
	cr_assert_str_eq(run.arm[1].label, "coins: wide");
	cr_assert_str_eq(run.arm[2].label, "other: wide");
	last = &run.arm[2];
	cr_assert_eq(run.arm_sources[2], 2);
	cr_assert_eq(last->n_axes, 2);
	cr_assert_str_eq(last->axis[0].key, "clip.low");
	cr_assert_str_eq(last->axis[1].key, EBB_JOIN_KEY);
	cr_assert_str_eq(last->axis[1].value, "other");
	cr_assert_eq(entropy_of(&run, 2, 0), 0.75);
	cr_assert_eq(entropy_of(&run, 1, 2), 0.25);
	/* seed 7 is none of the second run's, seed 5 of 'coins: wide' only not finished */
	cr_assert_str_eq(run.trial[2 * 3 + 2], "");
	cr_assert_str_neq(run.trial[1 * 3 + 0], "");
	cr_assert_eq(ebb_run_read(&run, 2, 2, "actor/entropy", &a, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "seed 7"), "%s", err.text);
	cr_assert_eq(ebb_run_read(&run, 1, 0, "actor/entropy", &a, &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "not finished"), "%s", err.text);
	cr_assert_eq(run.n_figures, 3);
	cr_assert_str_eq(run.figure[2], "reward");
	ebb_run_release(&run);
}

/* Two arms that one run keeps apart are not drawn together by another. */
Test(join, nothing_finished_is_no_ground_to_be_the_same)
{
	static const struct plan second = {
		"two", "coins", 2, 2, {"narrow", "wide"}, {0.1, 0.2}, {5, 6}, "--xx", 0.75,
	};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;

	write_plan(&first);
	write_plan(&second);
	OK(join(&run, "one", "two", &err));
	cr_assert_eq(run.n_arms, 3);
	cr_assert_str_eq(run.arm[0].label, "one: narrow");
	cr_assert_str_eq(run.arm[1].label, "wide");
	cr_assert_str_eq(run.arm[2].label, "two: narrow");
	ebb_run_release(&run);
}

Test(join, the_same_run_twice_and_a_missing_one_are_refused)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;

	write_plan(&first);
	cr_assert_eq(join(&run, "one", "one/run.h5", &err), EBB_EINVAL);
	cr_assert(strstr(err.text, "same run"), "%s", err.text);
	cr_assert_null(run.source);
	cr_assert_eq(join(&run, "one", "nowhere", &err), EBB_ENOENT);
	cr_assert(strstr(err.text, "nowhere"), "%s", err.text);
	ebb_run_release(&run);
}
