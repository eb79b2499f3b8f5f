/* What a trial says about its entropy: what an update does to it, whether it exploded, and how far
 * the policy is from the reference in either direction. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "record/standing.h"
#include "train/trial.h"

static char dir[] = "/tmp/ebb-entropy-XXXXXX";

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

TestSuite(entropy, .init = make_dir, .fini = remove_dir, .timeout = 120);

static struct ebb_options options_of(const char *settings)
{
	static const char tiny[] =
		"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=12 "
		"pretrain.batch=16 pretrain.warmup=2 train.steps=3 train.prompts=4 train.group=4 "
		"train.minibatches=2 eval.questions=8 eval.samples=2 eval.cadence=2 probe.cadence=2 "
		"record.snapshot=0 record.last=false";
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o;

	ebb_options_init(&o, ebb_task_catalog());
	o.seed = 100;
	cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), tiny, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_options_apply(&o, ebb_task_catalog(), settings, &err), 0, "%s", err.text);
	return o;
}

/* Run into dir/name; the opened run of one arm and one seed. */
static struct ebb_run run_of(const struct ebb_options *o, const char *name, enum ebb_status *status)
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
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run = {0};

	ebb_options_id(o, ebb_task_catalog(), plan.id);
	cr_assert_eq(ebb_solo_run(&solo, status, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_index_write(run_dir, &def, ebb_task_catalog(), &err), 0, "%s", err.text);
	cr_assert_eq(ebb_run_open(&run, run_dir, &err), 0, "%s", err.text);
	free(run_dir);
	free(base_dir);
	return run;
}

/* A curve of the run's only trial; the caller frees it. */
static double *curve_of(const struct ebb_run *run, const char *name, int64_t *n)
{
	struct ebb_array a = {0};
	struct ebb_err err = EBB_ERR_INIT;
	double *value;

	cr_assert_eq(ebb_run_read(run, 0, 0, name, &a, &err), 0, "%s: %s", name, err.text);
	*n = a.dim[0];
	value = a.value;
	a.value = NULL;
	ebb_array_release(&a);
	return value;
}

struct shift {
	double measured, predicted, size;
};

/* Of step 0. */
static struct shift shift_of(const char *settings, const char *name)
{
	struct ebb_options o = options_of(settings);
	enum ebb_status status;
	struct ebb_run run = run_of(&o, name, &status);
	struct shift s;
	double *value;
	int64_t n;

	value = curve_of(&run, "covariance/dH_true", &n);
	s.measured = value[0];
	/* steps 0 and 2 are evaluated, step 1 is not */
	cr_expect(n == 3 && isnan(value[1]) && !isnan(value[2]));
	free(value);
	value = curve_of(&run, "covariance/dH_pred", &n);
	s.predicted = value[0];
	free(value);
	value = curve_of(&run, "covariance/dz_max", &n);
	s.size = value[0];
	free(value);
	ebb_run_release(&run);
	return s;
}

/* A policy that has learnt something: near the uniform one H has no slope, and the second order is
 * all there is. */
#define LEARNT "pretrain.steps=300 pretrain.batch=32 reward.source=random "

/* EI 2.2 check A: small updates do what their covariance says, and half the learning rate leaves a
 * quarter of the gap. */
Test(entropy, an_update_does_what_its_covariance_says)
{
	struct shift full = shift_of(LEARNT "train.lr=4e-5", "full"),
		     half = shift_of(LEARNT "train.lr=2e-5", "half"), *s = &full;
	double gap[2];

	for (int k = 0; k < 2; k++, s = &half) {
		cr_log_info("dH %g, predicted %g, size %g", s->measured, s->predicted, s->size);
		cr_expect(s->size > 0.005 && s->size <= 0.1, "size %g: this tests nothing",
			  s->size);
		cr_expect_leq(fabs(s->measured - s->predicted), 0.1 * fabs(s->measured) + 1e-5);
		gap[k] = s->measured - s->predicted;
	}
	cr_expect_gt(fabs(full.measured), 5e-5);
	cr_expect_float_eq(gap[1] / gap[0], 0.25, 0.05, "gaps %g and %g", gap[0], gap[1]);
}

/* The probe changes nothing but its own rows, and states are counted exactly. */
Test(entropy, the_probe_only_looks)
{
	struct ebb_options with = options_of("reward.source=random"),
			   without = options_of("reward.source=random probe.states=0");
	static const char *const same[] = {"actor/entropy", "reward/mean", "actor/loss",
					   "eval/accuracy", "actor/kl_ref"};
	enum ebb_status status;
	struct ebb_run a = run_of(&with, "with", &status), b = run_of(&without, "without", &status);
	double *x, *y;
	int64_t n, m;

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		x = curve_of(&a, same[i], &n);
		y = curve_of(&b, same[i], &m);
		cr_assert_eq(n, m);
		cr_expect_arr_eq(x, y, (size_t)n * sizeof *x, "%s", same[i]);
		free(x);
		free(y);
	}
	y = curve_of(&b, "covariance/dH_true", &m);
	for (int64_t s = 0; s < m; s++)
		cr_expect(isnan(y[s]));
	free(y);
	ebb_run_release(&a);
	ebb_run_release(&b);
}

/* EI 1.4: a controller is not sent after what no policy reaches. */
Test(entropy, a_target_above_the_uniform_policy_is_refused)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_options o = options_of("entropy.coef=0.1 entropy.control=dual");

	o.entropy.target = 3.2; /* ln 24 = 3.18 */
	cr_expect_lt(ebb_lab_check(&o, &err), 0);
	cr_expect(strstr(err.text, "entropy.target=3.2") && strstr(err.text, "lower it"), "%s",
		  err.text);
	o.entropy.target = 3.0;
	cr_expect_eq(ebb_lab_check(&o, &err), 0);
	o.entropy.target = 3.2;
	o.entropy.control = EBB_CONTROL_NONE; /* nobody reads it */
	cr_expect_eq(ebb_lab_check(&o, &err), 0);
}

/* A bonus that outweighs everything: the trial ends early, evaluated, with a status of its own. */
Test(entropy, an_exploded_trial_stops_with_its_values)
{
	static const char settings[] = "entropy.coef=5 train.lr=0.02 train.steps=60 eval.cadence=0 "
				       "entropy.guard=";
	char *stop = ebb_xprintf("%sstop", settings), *mark = ebb_xprintf("%smark", settings);
	struct ebb_options o = options_of(stop), p = options_of(mark);
	enum ebb_status status;
	struct ebb_run a = run_of(&o, "stop", &status), b;
	struct ebb_standing standing;
	char word[16], id[EBB_ID_MAX];
	struct ebb_err err = EBB_ERR_INIT;
	int64_t n, m, evals;
	double *x, *y, *h;

	cr_assert_eq(status, EBB_STATUS_EXPLODED);
	cr_assert_eq(ebb_run_status(&a, 0, 0, word, &err), 0);
	cr_expect_str_eq(word, "exploded");
	x = curve_of(&a, "actor/exploded", &n);
	h = curve_of(&a, "actor/entropy", &m);
	cr_assert(n < 60 && n >= 20 && m == n);
	for (int64_t s = 0; s < n; s++)
		cr_expect_eq(x[s], s == n - 1);
	for (int64_t s = n - 20; s < n; s++)
		cr_expect_gt(h[s], 0.25 * log(22.0));
	free(x);
	x = curve_of(&a, "eval/accuracy", &evals); /* at the start and at its own end */
	cr_expect_eq(evals, 2);
	ebb_options_id(&o, ebb_task_catalog(), id);
	{
		char *run_dir = ebb_path_join(dir, "stop");

		ebb_standing_read(run_dir, id, &standing);
		free(run_dir);
	}
	cr_expect_eq(standing.state, EBB_STATE_EXPLODED);
	cr_expect_eq(standing.step, n);
	cr_expect_not_null(strstr(standing.cause, "entropy was above"), "%s", standing.cause);
	/* only marked, it goes on, over the same steps */
	b = run_of(&p, "mark", &status);
	cr_expect_eq(status, EBB_STATUS_COMPLETE);
	y = curve_of(&b, "actor/entropy", &m);
	cr_assert_eq(m, 60);
	cr_expect_arr_eq(y, h, (size_t)n * sizeof *y);
	free(y);
	y = curve_of(&b, "actor/exploded", &m);
	cr_expect_eq(y[n - 2], 0.0);
	cr_expect_eq(y[59], 1.0);
	free(x);
	free(y);
	free(h);
	free(stop);
	free(mark);
	ebb_run_release(&a);
	ebb_run_release(&b);
}

/* Quantiles rise, deciles average to the mean of positions, the drop is a difference of rows. */
Test(entropy, quantiles_deciles_and_drops)
{
	static const char *const name[] = {"actor/entropy_p10", "actor/entropy_p50",
					   "actor/entropy_p80", "actor/entropy_p90",
					   "actor/entropy_p99"};
	struct ebb_options o = options_of("reward.source=random");
	enum ebb_status status;
	struct ebb_run run = run_of(&o, "quantiles", &status);
	double last[3] = {0}, *x, *h;
	struct ebb_array decile = {0};
	struct ebb_err err = EBB_ERR_INIT;
	int64_t n;

	for (int q = 0; q < 5; q++) {
		x = curve_of(&run, name[q], &n);
		for (int s = 0; s < 3; s++) {
			cr_expect_geq(x[s], last[s], "%s", name[q]);
			last[s] = x[s];
		}
		free(x);
	}
	h = curve_of(&run, "actor/entropy", &n);
	cr_assert_eq(ebb_run_read(&run, 0, 0, "position/entropy_decile", &decile, &err), 0);
	cr_assert(decile.rank == 2 && decile.dim[1] == 10);
	for (int s = 0; s < 3; s++) {
		double low = 1e9, high = 0;

		for (int k = 0; k < 10; k++) {
			low = fmin(low, decile.value[10 * s + k]);
			high = fmax(high, decile.value[10 * s + k]);
		}
		cr_expect(low <= h[s] && h[s] <= high);
	}
	ebb_array_release(&decile);
	free(h);
	ebb_run_release(&run);
}

/* ---- the engine's raw logits ---- */

static double divergence(const float *a, const float *b, int V, double tau)
{
	double sum[2] = {0}, kl = 0;

	for (int v = 0; v < V; v++) {
		sum[0] += exp(a[v] / tau);
		sum[1] += exp(b[v] / tau);
	}
	for (int v = 0; v < V; v++)
		kl += exp(a[v] / tau) / sum[0] * ((a[v] - b[v]) / tau - log(sum[0]) + log(sum[1]));
	return kl;
}

/* KL in both directions is one pass with the policies exchanged: against the sum over raw logits. */
Test(entropy, kl_both_ways_is_that_of_the_logits)
{
	enum { ROWS = 3, STRIDE = 8, PROMPT = 2 };
	struct ebb_options o = options_of("");
	struct ebb_weights w[2] = {{0}};
	int32_t token[ROWS][PROMPT + STRIDE];
	double logp[ROWS * STRIDE], entropy[ROWS * STRIDE], kl[2][ROWS * STRIDE];
	double logit[ROWS * STRIDE];
	struct ebb_row row[ROWS];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_lab lab;
	float *z[2];
	int V;

	cr_assert_eq(ebb_lab_open(&lab, &o, &err), 0, "%s", err.text);
	V = lab.task->vocabulary;
	for (int i = 0; i < ROWS; i++) {
		for (int t = 0; t < PROMPT + STRIDE; t++)
			token[i][t] = (7 * i + 3 * t) % V;
		row[i] = (struct ebb_row){token[i], PROMPT, PROMPT + STRIDE - i};
	}
	for (int k = 0; k < 2; k++) {
		cr_assert_eq(ebb_weights_init(&w[k], &lab.layout, lab.ops, &err), 0);
		ebb_weights_draw(&w[k], 10 + (uint64_t)k);
		for (size_t f = 0; f < lab.layout.n_floats; f++)
			w[k].flat[f] *= 3.0F; /* logits that differ */
		ebb_weights_pack(&w[k]);
		z[k] = ebb_xcalloc((size_t)(ROWS * STRIDE) * (size_t)V, sizeof *z[k]);
	}
	for (int k = 0; k < 2; k++) {
		struct ebb_pass pass = {.row = row,
					.n = ROWS,
					.stride = STRIDE,
					.tau = 0.7,
					.logp = logp,
					.entropy = entropy,
					.kl = kl[k],
					.logits = z[k],
					.logit = logit,
					.ref = &w[1 - k]};

		ebb_pass_score(lab.engine, &w[k], &pass);
		for (int i = 0; i < ROWS; i++)
			for (int t = 0; t < STRIDE - i; t++)
				cr_expect_eq(
					logit[i * STRIDE + t],
					(double)z[k][(i * STRIDE + t) * V + token[i][PROMPT + t]]);
	}
	for (int i = 0; i < ROWS; i++)
		for (int t = 0; t < STRIDE - i; t++)
			for (int k = 0; k < 2; k++) {
				const int at = i * STRIDE + t;

				cr_expect_float_eq(
					kl[k][at],
					divergence(z[k] + at * V, z[1 - k] + at * V, V, 0.7), 2e-5,
					"direction %d, row %d, token %d", k, i, t);
			}
	cr_expect_gt(fabs(kl[0][0] - kl[1][0]), 1e-4);
	for (int k = 0; k < 2; k++) {
		free(z[k]);
		ebb_weights_release(&w[k]);
	}
	ebb_lab_close(&lab);
}
