/*
 * A run directory of made-up trials (synthetic.h), written with the record's own writer: every
 * dataset the figures and statistics read, two updates a step, an evaluation every `every` steps.
 */
#ifndef EBB_TEST_MADE_RUN_H
#define EBB_TEST_MADE_RUN_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "options/definition.h"
#include "record/record.h"
#include "synthetic.h"

#define MADE_POSITIONS 13
#define MADE_BINS      96 /* of 0.5 from -24 on */
#define MADE_MOST      20 /* arms, and seeds */

static const struct ebb_task_rows made_task = {.name = "chain"};
static const struct ebb_catalog made_catalog = {.task = &made_task, .n_tasks = 1};

struct made_plan {
	const char *const *label; /* also the algorithm's name         (n_arms) */
	int n_arms, n_seeds, steps, every;
	int unfinished_arm, unfinished_seed; /* -1: none */
	int diverged_arm, diverged_seed;     /* -1: none; stops at half of the steps */
	int short_arm, short_seed;           /* -1: none; one step less, yet complete */
	const char *const (*numbers)[2]; /* values of entropy.coef and clip.high, null: not swept (n_arms) */
	const char *const *algorithm;    /* null: the label                                        (n_arms) */
};

enum {
	MR_STEP,
	MR_UPDATE,
	MR_OF_STEP,
	MR_EVAL,
	MR_ENTROPY,
	MR_ENTROPY_SEQ,
	MR_REWARD,
	MR_SKEW,
	MR_TOKENS,
	MR_ROLLOUTS,
	MR_SECONDS,
	MR_LOW,
	MR_HIGH,
	MR_ACCURACY,
	MR_SHORTCUT,
	MR_POSITION,
	MR_COUNT,
	MR_MEAN,
	MR_VARIANCE,
	MR_KURTOSIS,
	MR_SNAPSHOT,
	MR_HISTOGRAM,
	MR_FIELDS
};

/* clang-format off */
static const struct ebb_field made_fields[MR_FIELDS] = {
	[MR_STEP] = {"axis/step", "steps", "batches", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_UPDATE] = {"axis/update", "updates", "updates", "", EBB_AXIS_UPDATE, EBB_F64_ELEMENT},
	[MR_OF_STEP] = {"actor/update_of_step", "steps", "its batch", "", EBB_AXIS_UPDATE, EBB_F64_ELEMENT},
	[MR_EVAL] = {"axis/eval", "steps", "batches", "", EBB_AXIS_EVAL, EBB_F64_ELEMENT},
	[MR_ENTROPY] = {"actor/entropy", "nats", "policy entropy", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_ENTROPY_SEQ] = {"actor/entropy_seq", "nats", "policy entropy, mean over responses", "",
			    EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_REWARD] = {"reward/mean", "reward", "verifier reward", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_SKEW] = {"logits/skewness", "", "skewness", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_TOKENS] = {"rollout/tokens_total", "tokens", "so far", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_ROLLOUTS] = {"rollout/rollouts_total", "responses", "so far", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_SECONDS] = {"timing_s/total", "s", "so far", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_LOW] = {"clip_ratio/low_mean", "share", "clipped below", "", EBB_AXIS_UPDATE, EBB_F64_ELEMENT},
	[MR_HIGH] = {"clip_ratio/high_mean", "share", "clipped above", "", EBB_AXIS_UPDATE, EBB_F64_ELEMENT},
	[MR_ACCURACY] = {"eval/accuracy", "share", "held-out accuracy", "", EBB_AXIS_EVAL, EBB_F64_ELEMENT},
	[MR_SHORTCUT] = {"task/shortcut_frac", "share", "answers without a chain", "", EBB_AXIS_STEP,
			 EBB_F64_ELEMENT},
	[MR_POSITION] = {"position/entropy", "nats", "entropy by position", "", EBB_AXIS_STEP, EBB_F64_ELEMENT,
			 1, {MADE_POSITIONS}, {"response position"}},
	[MR_COUNT] = {"position/count", "responses", "that long", "", EBB_AXIS_STEP, EBB_F64_ELEMENT,
		      1, {MADE_POSITIONS}, {"response position"}},
	[MR_MEAN] = {"logits/mean", "logit", "mean", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_VARIANCE] = {"logits/variance", "logit^2", "variance", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_KURTOSIS] = {"logits/kurtosis", "", "excess kurtosis", "", EBB_AXIS_STEP, EBB_F64_ELEMENT},
	[MR_SNAPSHOT] = {"axis/snapshot", "steps", "batches", "", EBB_AXIS_SNAPSHOT, EBB_F64_ELEMENT},
	[MR_HISTOGRAM] = {"snapshot/logit_histogram", "share", "raw logits", "", EBB_AXIS_SNAPSHOT,
			  EBB_F64_ELEMENT, 1, {MADE_BINS}, {"bin"}},
};
/* clang-format on */

static char made_folder[] = "/tmp/ebb-made-XXXXXX";

static int made_remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static inline void made_folder_make(void)
{
	ebb_record_setup();
	cr_assert(mkdtemp(made_folder) != NULL);
}

static inline void made_folder_remove(void)
{
	nftw(made_folder, made_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Seeds write unequally long responses, so their token counts differ. */
static inline double made_tokens(int arm, int seed, int step)
{
	return (step + 1) * (1600.0 + 20.0 * seed + 5.0 * arm);
}

/* Logits are normal, of 200 000 each time: what is rarer falls into no bin. */
static inline double made_logit_mean(int arm, int step)
{
	return -2.0 - 0.02 * step + 0.3 * arm;
}

static inline double made_logit_sd(int step)
{
	return 4.8 - 0.02 * step;
}

static int made_snapshot(struct ebb_writer *w, int arm, int step, struct ebb_err *err)
{
	double at = step, bin[MADE_BINS], mean = made_logit_mean(arm, step), sd = made_logit_sd(step),
	       below = 0.0, upto;

	for (int i = 0; i < MADE_BINS; i++) {
		upto = i + 1 < MADE_BINS
			       ? 0.5 * erfc(-(0.5 * (i + 1) - 24.0 - mean) / (sd * sqrt(2.0)))
			       : 1.0;
		bin[i] = round((upto - below) * 2e5) / 2e5;
		below = upto;
	}
	ebb_writer_set(w, MR_SNAPSHOT, &at);
	ebb_writer_set(w, MR_HISTOGRAM, bin);
	return ebb_writer_row(w, EBB_AXIS_SNAPSHOT, err);
}

static int made_step(struct ebb_writer *w, int arm, int seed, int step, struct ebb_err *err)
{
	double h = made_value(arm, seed, step, step, MADE_ENTROPY), position[MADE_POSITIONS], u,
	       share, count[MADE_POSITIONS];
	const struct {
		int field;
		double x;
	} one[] = {
		{MR_STEP, step},
		{MR_ENTROPY, h},
		{MR_ENTROPY_SEQ, h},
		{MR_REWARD, made_value(arm, seed, step, step, MADE_ACCURACY)},
		{MR_SKEW, made_value(arm, seed, step, step, MADE_SKEW)},
		{MR_TOKENS, made_tokens(arm, seed, step)},
		{MR_ROLLOUTS, 128.0 * (step + 1)},
		{MR_SECONDS, 0.4 * (step + 1) * (1.0 + 0.1 * seed)},
		{MR_SHORTCUT, 0.26 * exp(-0.05 * step)},
		{MR_MEAN, made_logit_mean(arm, step)},
		{MR_VARIANCE, made_logit_sd(step) * made_logit_sd(step)},
		{MR_KURTOSIS, 0.1 * arm},
	};
	int rc;

	for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
		ebb_writer_set(w, one[i].field, &one[i].x);
	for (int i = 0; i < MADE_POSITIONS; i++) {
		position[i] = h * (0.4 + 2.2 * (i == 0) + 1.6 * (i == 11));
		count[i] = i + 1 < MADE_POSITIONS ? 64.0 : 2.0;
	}
	if (step > 10) { /* by now nobody writes so much */
		position[MADE_POSITIONS - 1] = NAN;
		count[MADE_POSITIONS - 1] = 0.0;
	}
	ebb_writer_set(w, MR_POSITION, position);
	ebb_writer_set(w, MR_COUNT, count);
	rc = ebb_writer_row(w, EBB_AXIS_STEP, err);
	for (int k = 0; k < 2 && rc == 0; k++) {
		u = 2 * step + k;
		ebb_writer_set(w, MR_UPDATE, &u);
		u = step;
		ebb_writer_set(w, MR_OF_STEP, &u);
		share = made_value(arm, seed, step, 2 * step + k, MADE_CLIP_LOW);
		ebb_writer_set(w, MR_LOW, &share);
		share = made_value(arm, seed, step, 2 * step + k, MADE_CLIP_HIGH);
		ebb_writer_set(w, MR_HIGH, &share);
		rc = ebb_writer_row(w, EBB_AXIS_UPDATE, err);
	}
	return rc;
}

static int made_eval(struct ebb_writer *w, int arm, int seed, int step, struct ebb_err *err)
{
	double at = step, accuracy = made_value(arm, seed, step, step, MADE_ACCURACY);

	ebb_writer_set(w, MR_EVAL, &at);
	ebb_writer_set(w, MR_ACCURACY, &accuracy);
	return ebb_writer_row(w, EBB_AXIS_EVAL, err);
}

static int made_trial(const struct made_plan *p, const struct ebb_options *o, int arm, int seed,
		      const char *id, struct ebb_err *err)
{
	struct ebb_trial_head head = {id, p->label[arm], o, &made_catalog, 1, NULL};
	bool diverged = arm == p->diverged_arm && seed == p->diverged_seed;
	int s, rc,
		steps = diverged                                       ? p->steps / 2
			: arm == p->short_arm && seed == p->short_seed ? p->steps - 1
								       : p->steps;
	struct ebb_writer *w;

	rc = ebb_writer_open(&w, made_folder, &head, made_fields, MR_FIELDS, NULL, err);
	if (rc != 0)
		return rc;
	for (s = 0; s < steps && rc == 0; s++) {
		if (s % p->every == 0)
			rc = made_eval(w, arm, seed, s, err);
		if (rc == 0 && s % (2 * p->every) == 0)
			rc = made_snapshot(w, arm, s, err);
		if (rc == 0)
			rc = made_step(w, arm, seed, s, err);
	}
	if (rc == 0 && !diverged)
		rc = made_eval(w, arm, seed, steps, err);
	if (rc != 0) {
		ebb_writer_abandon(w);
		return rc;
	}
	return ebb_writer_finish(w, diverged ? EBB_STATUS_DIVERGED : EBB_STATUS_COMPLETE, steps,
				 diverged ? "actor/loss is not finite" : "", err);
}

/* Write the whole run into made_folder; the test fails where that fails. */
static void made_run(const struct made_plan *p)
{
	static struct ebb_arm arm[MADE_MOST];
	static struct ebb_setting axis[MADE_MOST][3];
	static struct ebb_plan plan[MADE_MOST * MADE_MOST];
	static uint64_t seed[MADE_MOST];
	static int plan_of[MADE_MOST * MADE_MOST];
	struct ebb_definition def = {.name = (char *)"made-up",
				     .about = (char *)"",
				     .source = (char *)"",
				     .overrides = (char *)"",
				     .arm = arm,
				     .n_arms = p->n_arms,
				     .seed = seed,
				     .n_seeds = p->n_seeds,
				     .plan = plan,
				     .n_plans = p->n_arms * p->n_seeds,
				     .plan_of = plan_of};
	struct ebb_err err = EBB_ERR_INIT;
	int a, s, i;

	for (a = 0; a < p->n_arms; a++) {
		axis[a][0] = (struct ebb_setting){
			(char *)"algorithm", (char *)(p->algorithm ? p->algorithm : p->label)[a]};
		for (i = 0; i < 2 && p->numbers != NULL; i++)
			axis[a][1 + i] =
				(struct ebb_setting){(char *)(i ? "clip.high" : "entropy.coef"),
						     (char *)p->numbers[a][i]};
		arm[a] = (struct ebb_arm){.label = (char *)p->label[a],
					  .axis = axis[a],
					  .n_axes = p->numbers ? 3 : 1};
		ebb_options_init(&arm[a].options, &made_catalog);
		snprintf(arm[a].options.algorithm, sizeof arm[a].options.algorithm, "%s",
			 p->label[a]);
		for (s = 0; s < p->n_seeds; s++) {
			i = a * p->n_seeds + s;
			seed[s] = 100 + (uint64_t)s;
			snprintf(plan[i].id, EBB_ID_MAX, "%016d", i);
			plan[i].options = arm[a].options;
			plan[i].options.seed = seed[s];
			plan[i].arm = a;
			plan_of[i] = i;
			if (a == p->unfinished_arm && s == p->unfinished_seed)
				continue;
			cr_assert_eq(made_trial(p, &plan[i].options, a, s, plan[i].id, &err), 0,
				     "%s", err.text);
		}
	}
	cr_assert_eq(ebb_index_write(made_folder, &def, &made_catalog, &err), 0, "%s", err.text);
}

#define MADE_PLAN(labels, arms, seeds, n_steps)                                                    \
	{                                                                                          \
		.label = labels, .n_arms = arms, .n_seeds = seeds, .steps = n_steps, .every = 10,  \
		.unfinished_arm = -1, .diverged_arm = -1, .short_arm = -1                          \
	}

#endif
