/* Trials whose responses grow on trees, and the probe that draws trees for all others. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "train/trial.h"

static char dir[] = "/tmp/ebb-tree-XXXXXX";

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

TestSuite(trees, .init = make_dir, .fini = remove_dir, .timeout = 120);

#define PROMPTS 4
#define STEPS   4
/* b0 + (rounds - 1) width branch */
#define SHAPE "tree.b0=3 tree.rounds=4 tree.width=2 tree.branch=1 "
#define G     9

static struct ebb_options options_of(const char *settings)
{
	static const char base[] =
		"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=40 "
		"pretrain.batch=16 pretrain.warmup=2 pretrain.lr=0.01 train.steps=4 "
		"train.prompts=4 "
		"train.minibatches=2 eval.questions=8 eval.samples=2 eval.cadence=2 probe.cadence=2 "
		"record.snapshot=2 reward.source=random " SHAPE;
	struct ebb_options o;
	struct ebb_err err = EBB_ERR_INIT;

	ebb_options_init(&o, ebb_task_catalog());
	o.seed = 100;
	cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), base, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), settings, &err), 0, "%s", err.text);
	return o;
}

static struct ebb_run run_of(const char *settings, const char *name)
{
	struct ebb_options o = options_of(settings);
	char *run_dir = ebb_path_join(dir, name), *base_dir = ebb_path_join(dir, "base");
	struct ebb_arm arm = {.label = (char *)"arm", .options = o};
	struct ebb_plan plan = {.options = o};
	int plan_of = 0;
	struct ebb_definition def = {.name = (char *)name,
				     .about = (char *)"",
				     .source = (char *)"",
				     .overrides = (char *)"",
				     .arm = &arm,
				     .n_arms = 1,
				     .seed = &o.seed,
				     .n_seeds = 1,
				     .plan = &plan,
				     .n_plans = 1,
				     .plan_of = &plan_of};
	struct ebb_solo solo = {.options = &o,
				.run_dir = run_dir,
				.base_dir = base_dir,
				.label = "arm",
				.attempt = 1};
	enum ebb_status status;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run = {0};

	ebb_options_id(&o, ebb_task_catalog(), plan.id);
	cr_assert_eq(ebb_solo_run(&solo, &status, &err), 0, "%s: %s", settings, err.text);
	cr_assert_eq(status, EBB_STATUS_COMPLETE, "%s", settings);
	cr_assert_eq(ebb_index_write(run_dir, &def, ebb_task_catalog(), &err), 0, "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, run_dir, &err), 0, "%s", err.text);
	free(run_dir);
	free(base_dir);
	return run;
}

static struct ebb_array read_array(const struct ebb_run *run, const char *name)
{
	struct ebb_array a = {0};
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_run_read(run, 0, 0, name, &a, &err), 0, "%s: %s", name, err.text);
	return a;
}

/* A curve of axis step. */
static void read_curve(const struct ebb_run *run, const char *name, int n, double *to)
{
	struct ebb_array a = read_array(run, name);

	cr_assert_eq(a.dim[0], n, "%s", name);
	memcpy(to, a.value, (size_t)n * sizeof *to);
	ebb_array_release(&a);
}

/* The same bytes in every dataset but timings and those of this beginning. */
static void same_but(const struct ebb_run *a, const struct ebb_run *b, const char *skip)
{
	struct ebb_err err = EBB_ERR_INIT;
	int n, compared = 0;
	char **name;

	cr_assert_eq(ebb_run_names(a, 0, 0, &name, &n, &err), 0, "%s", err.text);
	for (int i = 0; i < n; i++) {
		if (strncmp(name[i], "timing_s/", 9) != 0 && strncmp(name[i], "perf/", 5) != 0 &&
		    strncmp(name[i], skip, strlen(skip)) != 0) {
			struct ebb_array x = read_array(a, name[i]), y = read_array(b, name[i]);
			size_t cells = 1;

			for (int k = 0; k < x.rank; k++)
				cells *= (size_t)x.dim[k];
			cr_assert_eq(x.dim[0], y.dim[0], "%s", name[i]);
			cr_expect_eq(memcmp(x.value, y.value, cells * sizeof *x.value), 0, "%s",
				     name[i]);
			ebb_array_release(&x);
			ebb_array_release(&y);
			compared++;
		}
		free(name[i]);
	}
	free(name);
	cr_assert_gt(compared, 60, "only %d datasets", compared);
}

/* Exact on-policy, every token paid for once, and the sizes that follow from the tree. */
static void check(const char *settings, const char *name)
{
	struct ebb_run run = run_of(settings, name);
	double dev[STEPS], generated[STEPS], consumed[STEPS], reuse[STEPS], depth[STEPS],
		total[STEPS], rollouts[STEPS], drawn[STEPS], length[STEPS], sum = 0;
	struct ebb_array token = read_array(&run, "snapshot/token");
	const bool once = !strstr(settings, "dynamic") && !strstr(settings, "greedy");

	cr_expect_eq(token.dim[1], PROMPTS * G, "%s", settings);
	ebb_array_release(&token);
	read_curve(&run, "rollout/ratio_max_dev", STEPS, dev);
	read_curve(&run, "tree/generated", STEPS, generated);
	read_curve(&run, "tree/consumed", STEPS, consumed);
	read_curve(&run, "tree/reuse", STEPS, reuse);
	read_curve(&run, "tree/depth", STEPS, depth);
	read_curve(&run, "rollout/tokens_total", STEPS, total);
	read_curve(&run, "rollout/rollouts_total", STEPS, rollouts);
	read_curve(&run, "group/drawn", STEPS, drawn);
	read_curve(&run, "response_length/mean", STEPS, length);
	for (int s = 0; s < STEPS; s++) {
		sum += generated[s] * PROMPTS;
		cr_expect(dev[s] == 0 || isnan(dev[s]), "%s, step %d: %g", settings, s, dev[s]);
		cr_expect_float_eq(consumed[s], length[s] * G, 1e-9, "%s", settings);
		cr_expect_float_eq(reuse[s], consumed[s] / generated[s], 1e-12);
		if (once) {
			cr_expect_float_eq(total[s], sum, 1e-9, "%s: tokens", settings);
			cr_expect_eq(rollouts[s], (s + 1) * PROMPTS * G);
		}
		if (strstr(settings, "independent"))
			cr_expect(reuse[s] == 1 && depth[s] == 0);
		else
			cr_expect(reuse[s] > 1 && depth[s] > 0 && depth[s] < 1, "%s: %g %g",
				  settings, reuse[s], depth[s]);
	}
	ebb_run_release(&run);
}

Test(trees, every_sampler_and_its_neighbours)
{
	static const char *const variant[] = {
		"tree.sampler=ib advantage.center=tree",
		"tree.sampler=independent advantage.center=tree",
		"tree.sampler=random advantage.center=tree kl.place=loss kl.estimator=full",
		"tree.sampler=entropy",
		"tree.sampler=fixed_width advantage.center=loo tree.step_tokens=2",
		"tree.sampler=ib tree.max_children=2 tree.merge_duplicates=true ib.shared=once",
		"tree.sampler=ib advantage.center=tree dynamic.on=correct dynamic.surplus=carry "
		"dynamic.max_rounds=3",
		"tree.sampler=random advantage.center=tree ratio.level=sequence_token "
		"ib.zero_parent=smooth ib.conf=seq_prob ib.child_weight=leaf",
		"tree.sampler=ib advantage.center=tree info.coef=0.1 ib.ref=old",
		"tree.sampler=ib advantage.center=greedy loss.policy=kl_cov train.epochs=2",
		"tree.sampler=ib task.name=countdown advantage.center=tree",
		"tree.sampler=ib advantage.center=tree sample.mismatch=stale",
	};

	for (size_t i = 0; i < sizeof variant / sizeof *variant; i++) {
		char name[16];

		snprintf(name, sizeof name, "variant%zu", i);
		if (strstr(variant[i], "stale")) { /* a gap on purpose */
			struct ebb_run run = run_of(variant[i], name);

			ebb_run_release(&run);
		} else {
			check(variant[i], name);
		}
	}
}

/* A tree without branches is a group of the same size, bit for bit. */
Test(trees, independent_is_a_plain_group)
{
	struct ebb_run tree = run_of("tree.sampler=independent", "tree"),
		       plain = run_of("train.group=9", "plain");

	same_but(&plain, &tree, "tree/");
	ebb_run_release(&tree);
	ebb_run_release(&plain);
}

/* Looking changes nothing; and what is seen of the base is the same for every arm. */
Test(trees, the_probe_leaves_the_trial_alone)
{
	struct ebb_run with = run_of("ib.probe=6", "with"),
		       without = run_of("ib.probe=0", "without"),
		       other = run_of("ib.probe=6 tree.sampler=random advantage.center=tree",
				      "other");
	double a[3], b[3];

	same_but(&without, &with, "eval/ib_");
	read_curve(&without, "eval/ib_score", 3, a);
	cr_expect(isnan(a[0]) && isnan(a[2]));
	read_curve(&with, "eval/ib_score", 3, a);
	read_curve(&other, "eval/ib_score", 3, b);
	cr_expect_eq(a[0], b[0]);
	cr_expect_neq(a[2], b[2]);
	read_curve(&with, "eval/ib_cov", 3, a);
	cr_expect(isfinite(a[0]) && isfinite(a[1]) && isfinite(a[2]));
	ebb_run_release(&with);
	ebb_run_release(&without);
	ebb_run_release(&other);
}

/* The first responses of a tree are drawn with the numbers of a group's first ones. */
Test(trees, arms_share_the_draws_of_the_first_round)
{
	struct ebb_run tree = run_of("tree.sampler=ib", "tree"),
		       plain = run_of("train.group=9", "plain");
	struct ebb_array a = read_array(&tree, "snapshot/token"),
			 b = read_array(&plain, "snapshot/token");
	int64_t width = a.dim[2];

	for (int i = 0; i < PROMPTS; i++)
		cr_expect_arr_eq(a.value + i * G * width, b.value + i * G * width,
				 (size_t)(3 * width) * sizeof *a.value, "prompt %d", i);
	ebb_array_release(&a);
	ebb_array_release(&b);
	ebb_run_release(&tree);
	ebb_run_release(&plain);
}

Test(trees, threads_and_instances_change_no_byte)
{
	static const char *const how[] = {"run.threads=3", "run.isa=scalar", "run.isa=avx2"};
	static const char tree[] = "tree.sampler=ib advantage.center=tree kl.place=loss";
	struct ebb_run one = run_of(tree, "one");
	struct ebb_err err;

	for (int i = 0; i < 3; i++) {
		char *settings = ebb_xprintf("%s %s", tree, how[i]), name[8];
		struct ebb_run other;

		snprintf(name, sizeof name, "how%d", i);
		if (i == 0 || ebb_cpu_ops(strchr(how[i], '=') + 1, &err)) {
			other = run_of(settings, name);
			same_but(&one, &other, "-");
			ebb_run_release(&other);
		}
		free(settings);
	}
	ebb_run_release(&one);
}

/* The published settings, long enough to move. */
Test(trees, ib_tpo_trains)
{
	const struct ebb_preset *p;
	struct ebb_run run;
	double entropy[30], generated[30], cov[30], eff[30], rate[30];
	char *settings;
	int n, k = 0;

	p = ebb_preset_rows(&n);
	while (k < n && strcmp(p[k].name, "ib_tpo") != 0)
		k++;
	cr_assert_lt(k, n);
	settings = ebb_xprintf("%s train.steps=30 train.lr=3e-3 reward.source=verifier "
			       "task.name=countdown pretrain.steps=60",
			       p[k].settings);
	run = run_of(settings, "published");
	read_curve(&run, "actor/entropy", 30, entropy);
	read_curve(&run, "tree/generated", 30, generated);
	read_curve(&run, "tree/cov_eta", 30, cov);
	read_curve(&run, "group/eff_rate", 30, eff);
	read_curve(&run, "group/degenerate_frac", 30, rate);
	for (int s = 0; s < 30; s++) {
		cr_expect(isfinite(entropy[s]) && isfinite(cov[s]));
		cr_expect_gt(generated[s], 12);
		cr_expect_float_eq(eff[s], 1 - rate[s], 1e-15);
	}
	cr_expect_lt(entropy[29], entropy[0]);
	ebb_run_release(&run);
	free(settings);
}
