/* Preferences in the trainer: they are learnt, who draws the data, and what the record says of it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "options/definition.h"
#include "options/text.h"
#include "record/differ.h"
#include "record/pack.h"
#include "train/trial.h"

static char dir[] = "/tmp/ebb-preference-XXXXXX";

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

TestSuite(preference, .init = make_dir, .fini = remove_dir, .timeout = 240);

/* A small policy that solves two operands now and then. */
static const char small[] =
	"task.operands=2 model.width=32 model.heads=2 model.ffn=64 model.layers=1 "
	"pretrain.steps=150 pretrain.batch=64 train.steps=4 train.prompts=8 train.group=4 "
	"train.minibatches=2 eval.questions=8 eval.samples=2 eval.cadence=2 record.snapshot=2 "
	"loss.policy=preference";

static struct ebb_options options_of(const char *preset, const char *settings)
{
	const struct ebb_preset *p = preset ? ebb_preset_find(preset) : NULL;
	const char *const part[] = {p ? p->settings : "", small, settings};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;

	cr_assert(!preset || p, "no preset %s", preset);
	ebb_options_init(&o, ebb_task_catalog());
	o.seed = 100;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), part[i], &err), 0, "%s",
			     err.text);
	return o;
}

/* Run into dir/name; the path of the record, the caller's. */
static char *record_of(const struct ebb_options *o, const char *name)
{
	char *run_dir = ebb_path_join(dir, name), *base_dir = ebb_path_join(dir, "base"), *path;
	struct ebb_solo solo = {.options = o,
				.run_dir = run_dir,
				.base_dir = base_dir,
				.label = "arm",
				.attempt = 1};
	struct ebb_err err = EBB_ERR_INIT;
	enum ebb_status status;
	char id[EBB_ID_MAX];

	cr_assert_eq(ebb_solo_run(&solo, &status, &err), 0, "%s", err.text);
	cr_assert_eq(status, EBB_STATUS_COMPLETE);
	ebb_options_id(o, ebb_task_catalog(), id);
	path = ebb_trial_path(run_dir, id);
	free(base_dir);
	free(run_dir);
	return path;
}

struct curve {
	double *value;
	int n;
};

/* A trial's curve, run if it has not been yet. */
static struct curve curve_of(const struct ebb_options *o, const char *name, const char *metric)
{
	char *run_dir = ebb_path_join(dir, name), *path = NULL;
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
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run = {0};
	struct ebb_array a = {0};
	struct curve c;

	if (!ebb_file_exists(run_dir))
		path = record_of(o, name);
	ebb_options_id(o, ebb_task_catalog(), plan.id);
	cr_assert_eq(ebb_index_write(run_dir, &def, ebb_task_catalog(), &err), 0, "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, run_dir, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_run_read(&run, 0, 0, metric, &a, &err), 0, "%s", err.text);
	c.n = (int)a.dim[0];
	c.value = ebb_xcalloc((size_t)c.n, sizeof *c.value);
	memcpy(c.value, a.value, (size_t)c.n * sizeof *c.value);
	ebb_array_release(&a);
	ebb_run_release(&run);
	free(path);
	free(run_dir);
	return c;
}

static double mean(const struct curve *c, int first)
{
	double sum = 0;
	int n = 0;

	for (int i = first; i < c->n; i++)
		if (isfinite(c->value[i])) {
			sum += c->value[i];
			n++;
		}
	cr_assert_gt(n, 0);
	return sum / n;
}

/* Is the metric the same, number for number, in two trials? */
static bool same(const struct ebb_options *a, const char *name_a, const struct ebb_options *b,
		 const char *name_b, const char *metric)
{
	struct curve x = curve_of(a, name_a, metric), y = curve_of(b, name_b, metric);
	bool equal = x.n == y.n && memcmp(x.value, y.value, (size_t)x.n * sizeof *x.value) == 0;

	free(x.value);
	free(y.value);
	return equal;
}

static void same_record(const char *a, const char *b, const char *what)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_difference d;

	cr_assert_eq(ebb_differ(a, b, &d, &err), 0, "%s: %s", what, err.text);
	cr_assert_gt(d.compared, 60, "%s", what);
	cr_expect_eq(d.differing + d.only_a + d.only_b, 0, "%s: first %s, %s", what, d.first,
		     d.values);
}

/* ---- learning ---- */

static const char *const presets[] = {"dpo", "cpl", "ppl", "repo"};

/* The base draws for both arms, so they see the same fresh pairs at every step: what 30 steps learnt
 * from earlier ones lowers the loss on the last ones and raises their margin. */
Test(preference, thirty_steps_lower_the_loss_on_fresh_pairs)
{
	for (int i = 0; i < 4; i++) {
		static const char both[] = "preference.refresh=0 preference.pairing=all "
					   "train.steps=30 train.prompts=16 eval.cadence=0 ";
		char *still = ebb_xprintf("%s train.lr=0", both),
		     *moving = ebb_xprintf("%s train.lr=1e-3", both);
		struct ebb_options a = options_of(presets[i], still),
				   b = options_of(presets[i], moving);
		char *name_a = ebb_xprintf("%s-still", presets[i]),
		     *name_b = ebb_xprintf("%s-moving", presets[i]);
		struct curve la = curve_of(&a, name_a, "preference/loss"),
			     lb = curve_of(&b, name_b, "preference/loss"),
			     ma = curve_of(&a, name_a, "preference/margin"),
			     mb = curve_of(&b, name_b, "preference/margin");
		const int late = la.n * 2 / 3;

		cr_assert_eq(la.n, 60);
		cr_expect(same(&a, name_a, &b, name_b, "preference/pairs"));
		cr_expect_lt(mean(&lb, late), mean(&la, late) - 0.003, "%s: loss %g, untrained %g",
			     presets[i], mean(&lb, late), mean(&la, late));
		cr_expect_gt(mean(&mb, late), mean(&ma, late) + 0.005,
			     "%s: margin %g, untrained %g", presets[i], mean(&mb, late),
			     mean(&ma, late));
		free(la.value);
		free(lb.value);
		free(ma.value);
		free(mb.value);
		free(name_a);
		free(name_b);
		free(still);
		free(moving);
	}
}

/* ---- who draws ---- */

/* On-policy the label is the policy: log-probabilities agree to the bit until the first update. */
Test(preference, the_label_is_the_policy_where_it_draws_itself)
{
	struct ebb_options o = options_of("ppl", "train.lr=1e-2"),
			   p = options_of("ppl", "train.lr=1e-2 preference.refresh=2");
	struct curve kl = curve_of(&o, "own", "preference/rejected_kl"),
		     dev = curve_of(&o, "own", "rollout/ratio_max_dev"),
		     old = curve_of(&p, "copy", "preference/rejected_kl"),
		     gap = curve_of(&p, "copy", "rollout/ratio_max_dev"),
		     sampled = curve_of(&p, "copy", "actor/entropy_sampled");

	cr_assert(kl.n == 8 && old.n == 8 && dev.n == 4);
	for (int s = 0; s < 4; s++) {
		cr_expect(kl.value[2 * s] == 0.0 || isnan(kl.value[2 * s]), "step %d", s);
		cr_expect_eq(dev.value[s], 0.0);
		/* the copy is today's policy at even steps */
		if (s % 2 == 0)
			cr_expect(old.value[2 * s] == 0.0 || isnan(old.value[2 * s]), "step %d", s);
		else
			cr_expect(old.value[2 * s] != 0.0, "step %d", s);
		cr_expect(isnan(gap.value[s]) && isnan(sampled.value[s]));
	}
	free(kl.value);
	free(dev.value);
	free(old.value);
	free(gap.value);
	free(sampled.value);
}

/* Entropy is the trained policy's whoever draws: with a rate of 0 all arms have one policy. */
Test(preference, entropy_is_the_trained_policys)
{
	struct ebb_options own = options_of("dpo", "train.lr=0"),
			   base = options_of("dpo", "train.lr=0 preference.refresh=0"),
			   moved = options_of("dpo", "train.lr=1e-2 preference.refresh=0");

	cr_expect(same(&own, "own", &base, "offline", "actor/entropy"));
	cr_expect(same(&own, "own", &base, "offline", "preference/margin"));
	/* offline, the responses stay the base's and the entropy on them moves */
	cr_expect(same(&base, "offline", &moved, "moved", "reward/mean"));
	cr_expect(same(&base, "offline", &moved, "moved", "response_length/mean"));
	cr_expect_not(same(&base, "offline", &moved, "moved", "actor/entropy"));
}

/* Responses dealt to policies that are all the base are the base's own, to the last byte. */
Test(preference, policies_of_other_trials_are_dealt_in_turn)
{
	struct ebb_options source = options_of("cpl", "train.steps=3 train.lr=1e-2"),
			   base = options_of("ppl", "preference.refresh=0"), data = base,
			   mixed = base;
	char *first = record_of(&source, "source"), id[EBB_ID_MAX], *plain, *dealt;

	ebb_options_id(&source, ebb_task_catalog(), id);
	data.preference.refresh = mixed.preference.refresh = 1;
	snprintf(data.preference.data, EBB_STR_MAX, "%s/source/%s@0 %s/source/%s@0 %s/source/%s@0",
		 dir, id, dir, id, dir, id);
	plain = record_of(&base, "plain");
	dealt = record_of(&data, "dealt");
	same_record(plain, dealt, "three times the base");
	/* responses 0 and 2 of every group are the base's, 1 and 3 the trained policy's */
	snprintf(mixed.preference.data, EBB_STR_MAX, "%s/source/%s@0 %s/source/%s@3", dir, id, dir,
		 id);
	{
		struct ebb_err err = EBB_ERR_INIT;
		struct ebb_difference d;
		char *other = record_of(&mixed, "mixed");

		cr_assert_eq(ebb_differ(plain, other, &d, &err), 0);
		cr_expect_gt(d.differing, 10);
		free(other);
	}
	free(plain);
	free(dealt);
	free(first);
}

/* Wherever the run lies, trial and step are what counts; a trial that is not there is an error. */
Test(preference, data_is_known_by_trial_and_step)
{
	static const char *const data[] = {"a/b c/0123456789abcdef@3 c/fedcba9876543210@7",
					   "x/0123456789abcdef@3  y/z/fedcba9876543210@7",
					   "x/0123456789abcdef@4 y/z/fedcba9876543210@7"};
	char id[3][EBB_ID_MAX], *path[3];
	struct ebb_options o[3];
	struct ebb_err err = EBB_ERR_INIT;

	for (int i = 0; i < 3; i++) {
		o[i] = options_of("ppl", "");
		snprintf(o[i].preference.data, EBB_STR_MAX, "%s", data[i]);
		ebb_options_id(&o[i], ebb_task_catalog(), id[i]);
		path[i] = ebb_base_path(&o[i], "base");
	}
	cr_expect_str_eq(id[0], id[1]);
	cr_expect_str_neq(id[0], id[2]);
	cr_expect_str_eq(path[0], path[2]);
	cr_expect_lt(ebb_lab_check(&o[0], &err), 0);
	cr_expect_not_null(strstr(err.text, "preference.data: a/b c/0123456789abcdef@3"), "%s",
			   err.text);
	o[0].train.group = 1;
	cr_expect_lt(ebb_lab_check(&o[0], &err), 0);
	cr_expect_not_null(strstr(err.text, "names 2 policies, but train.group=1"), "%s", err.text);
	o[0].train.group = 4;
	snprintf(o[0].preference.data, EBB_STR_MAX, "%s", "nothing");
	cr_expect_lt(ebb_lab_check(&o[0], &err), 0);
	cr_expect_not_null(strstr(err.text, "RUN/TRIAL@STEP"), "%s", err.text);
	for (int i = 0; i < 3; i++)
		free(path[i]);
}

/* Threads change no byte, with a copy that draws and with pairs of every kind. */
Test(preference, threads_change_no_byte)
{
	static const char *const variant[] = {
		"preference.refresh=2 preference.pairing=hardest",
		"preference.refresh=0 preference.pairing=all kl.place=loss entropy.coef=0.01",
		"train.epochs=2 dynamic.on=correct dynamic.surplus=carry"};

	for (int i = 0; i < 3; i++) {
		struct ebb_options o = options_of("repo", variant[i]), p = o;
		char *one = ebb_xprintf("one%d", i), *three = ebb_xprintf("three%d", i), *a, *b;

		p.run.threads = 3;
		a = record_of(&o, one);
		b = record_of(&p, three);
		same_record(a, b, variant[i]);
		free(a);
		free(b);
		free(one);
		free(three);
	}
}

/* ---- a verifier that errs ---- */

/* reward/mean is what the verifier said, reward/true_mean what is true; evaluations are judged
 * without errors, and the base is no other. */
Test(preference, task_noise_turns_training_rewards)
{
	struct ebb_options none = options_of(NULL, "loss.policy=clip train.lr=0 train.prompts=64"),
			   some = options_of(NULL, "loss.policy=clip train.lr=0 train.prompts=64 "
						   "task.noise=0.3"),
			   pairs = options_of("dpo", "train.lr=0 train.prompts=64 task.noise=0.3");
	struct curve truth = curve_of(&some, "some", "reward/true_mean"),
		     paid = curve_of(&some, "some", "reward/mean");
	char *a = ebb_base_path(&none, "base"), *b = ebb_base_path(&some, "base");
	double r, n = 4 * 64 * 4;

	cr_expect_str_eq(a, b);
	cr_expect(same(&none, "none", &some, "some", "reward/true_mean"));
	cr_expect(same(&none, "none", &some, "some", "eval/accuracy"));
	cr_expect(same(&none, "none", &some, "some", "actor/entropy_correct"));
	/* arms of one seed see the same errors */
	cr_expect(same(&some, "some", &pairs, "pairs", "reward/mean"));
	r = mean(&truth, 0);
	cr_assert(r > 0.1 && r < 0.9, "%g", r);
	/* each reward is turned with probability 0.3: five standard deviations */
	cr_expect_float_eq(mean(&paid, 0), r + 0.3 * (1 - 2 * r), 5 * sqrt(0.3 * 0.7 / n));
	{
		struct curve plain = curve_of(&none, "none", "reward/mean"),
			     plain_truth = curve_of(&none, "none", "reward/true_mean");

		cr_expect_arr_eq(plain.value, plain_truth.value, 4 * sizeof(double));
		free(plain.value);
		free(plain_truth.value);
	}
	free(truth.value);
	free(paid.value);
	free(a);
	free(b);
}

/* Where a demonstration replaced a response, the start of its drift is not the old response's. */
Test(preference, demonstrations_begin_without_drift)
{
	struct ebb_options o = options_of("cpl", "pretrain.steps=12 advantage.center=static "
						 "advantage.reference_samples=1 "
						 "advantage.acc0=inject eval.cadence=1");
	struct curve injected = curve_of(&o, "stored", "advantage/injected_frac"),
		     drift = curve_of(&o, "stored", "preference/chosen_drift");

	cr_assert_gt(injected.value[0], 0);
	cr_expect(isnan(drift.value[0]) || drift.value[0] == 0, "drift %g before any update",
		  drift.value[0]);
	free(drift.value);
	free(injected.value);
}
