/* What the tests of the record share: a catalog with one task, options, fields of every kind and
 * two arms of three seeds, made by hand. A folder of its own for every test process. */
#ifndef TESTS_RECORD_FIXTURE_H
#define TESTS_RECORD_FIXTURE_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "options/definition.h"
#include "record/record.h"

struct coin {
	double bias;
	int64_t sides;
	bool loud;
	char tag[EBB_STR_MAX];
};

/* clang-format off */
static const struct ebb_option coin_rows[] = {
	{"task", "bias", EBB_TYPE_F64, "0.5", "[0,1]", "", EBB_SCIENCE, "", "share of heads", NULL, offsetof(struct coin, bias), true},
	{"task", "sides", EBB_TYPE_INT, "2", "[1,100]", "sides", EBB_SCIENCE, "", "faces", NULL, offsetof(struct coin, sides), true},
	{"task", "loud", EBB_TYPE_BOOL, "false", "", "", EBB_SCIENCE, "", "it rings", NULL, offsetof(struct coin, loud), true},
	{"task", "tag", EBB_TYPE_STR, "plain", "", "", EBB_SCIENCE, "", "a word", NULL, offsetof(struct coin, tag), true},
};
/* clang-format on */
static const struct ebb_task_rows coin_task = {
	.name = "chain", .option = coin_rows, .n_options = 4};
static const struct ebb_catalog catalog = {.task = &coin_task, .n_tasks = 1};

/* clang-format off */
enum { STEP, TOKENS, ENTROPY, REWARD, UPDATE, CLIP, EVAL, OUTCOME, SHOT, TOKEN, LOGP, MASK, N_FIELDS };
#define CURVE(axis) EBB_AXIS_##axis, EBB_F64_ELEMENT, 0, {0}, {0}, true
static const struct ebb_field fields[N_FIELDS] = {
	[STEP] = {"axis/step", "steps", "rollout batches so far", "", CURVE(STEP)},
	[TOKENS] = {"axis/tokens", "tokens", "response tokens so far", "", CURVE(STEP)},
	[ENTROPY] = {"actor/entropy", "nats", "policy entropy, mean over response tokens", "EI 1.1", CURVE(STEP)},
	[REWARD] = {"reward/mean", "reward", "verifier reward", "PG 8", CURVE(STEP)},
	[UPDATE] = {"axis/update", "updates", "optimizer updates so far", "", CURVE(UPDATE)},
	[CLIP] = {"clip_ratio/low_mean", "share", "clipped from below", "", CURVE(UPDATE)},
	[EVAL] = {"axis/eval", "steps", "step of the evaluation", "", CURVE(EVAL)},
	[OUTCOME] = {"eval/pass@k", "share", "right within k samples", "",
		EBB_AXIS_EVAL, EBB_F64_ELEMENT, 1, {3}, {"k"}, true},
	[SHOT] = {"axis/snapshot", "steps", "step of the snapshot", "", CURVE(SNAPSHOT)},
	[TOKEN] = {"tensor/token", "", "drawn tokens", "",
		EBB_AXIS_SNAPSHOT, EBB_I32_ELEMENT, 3, {2, 3, 4}, {"question", "sample", "response token"}, true},
	[LOGP] = {"tensor/logp", "nats", "log-probability", "",
		EBB_AXIS_SNAPSHOT, EBB_F32_ELEMENT, 2, {2, 3}, {"question", "sample"}, true},
	[MASK] = {"tensor/mask", "", "counts", "",
		EBB_AXIS_SNAPSHOT, EBB_U8_ELEMENT, 1, {5}, {"response token"}, false},
};
#undef CURVE
/* clang-format on */

static char folder[] = "/tmp/ebb-record-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static void folder_make(void)
{
	ebb_record_setup();
	cr_assert(mkdtemp(folder));
}

static void folder_remove(void)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *in_folder(const char *name)
{
	return ebb_path_join(folder, name);
}

/* Needs a struct ebb_err err in sight. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		int rc_ = (call);                                                                  \
		cr_assert_eq(rc_, 0, "%s: %d: %s", #call, rc_, err.text);                          \
	} while (0)

static inline void options_make(struct ebb_options *o)
{
	struct coin *own;

	ebb_options_init(o, &catalog);
	own = (struct coin *)o->task_own;
	*own = (struct coin){.bias = 0.25, .sides = 6, .loud = true, .tag = "brass"};
	snprintf(o->algorithm, sizeof o->algorithm, "grpo");
	o->seed = 18446744073709551615u;
	o->clip.low = 0.1;
}

static inline struct ebb_trial_head head_make(const struct ebb_options *o, const char *id)
{
	return (struct ebb_trial_head){.id = id,
				       .label = "grpo clip.low=0.1",
				       .options = o,
				       .catalog = &catalog,
				       .attempt = 2};
}

/* Rows that any reader can recompute. Every third reward stays missing. */
static inline double entropy_at(int64_t row)
{
	return 2.0 / (1.0 + (double)row / 7.0);
}

static inline int write_step(struct ebb_writer *w, int64_t row, struct ebb_err *err)
{
	double step = (double)row, tokens = 100.0 * (double)row, entropy = entropy_at(row),
	       reward = 0.5;

	ebb_writer_set(w, STEP, &step);
	ebb_writer_set(w, TOKENS, &tokens);
	ebb_writer_set(w, ENTROPY, &entropy);
	if (row % 3 != 2)
		ebb_writer_set(w, REWARD, &reward);
	return ebb_writer_row(w, EBB_AXIS_STEP, err);
}

static inline int write_shot(struct ebb_writer *w, int64_t row, struct ebb_err *err)
{
	double step = 10.0 * (double)row;
	int32_t token[24];
	float logp[6];
	uint8_t mask[5];

	for (int i = 0; i < 24; i++)
		token[i] = i == 23 ? -1 : (int32_t)(1000 * row + i);
	for (int i = 0; i < 6; i++)
		logp[i] = i == 5 ? NAN : -0.1f * (float)(row + i);
	for (int i = 0; i < 5; i++)
		mask[i] = i == 4 ? 255 : (uint8_t)(row + i);
	ebb_writer_set(w, SHOT, &step);
	ebb_writer_set(w, TOKEN, token);
	ebb_writer_set(w, LOGP, logp);
	ebb_writer_set(w, MASK, mask);
	return ebb_writer_row(w, EBB_AXIS_SNAPSHOT, err);
}

/* A whole trial: `steps` rows, two updates a step, three evaluations, four snapshots. */
static inline int write_trial(const char *run_dir, const char *id, int steps, struct ebb_err *err)
{
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, id);
	struct ebb_writer *w;
	int rc;

	options_make(&o);
	rc = ebb_writer_open(&w, run_dir, &head, fields, N_FIELDS, NULL, err);
	if (rc < 0)
		return rc;
	for (int i = 0; i < steps && rc == 0; i++) {
		rc = write_step(w, i, err);
		for (int k = 0; k < 2 && rc == 0; k++) {
			double update = 2 * i + k, clip = 0.01 * update;

			ebb_writer_set(w, UPDATE, &update);
			ebb_writer_set(w, CLIP, &clip);
			rc = ebb_writer_row(w, EBB_AXIS_UPDATE, err);
		}
		if (i % 7 == 0 && rc == 0)
			rc = ebb_writer_flush(w, err);
	}
	for (int i = 0; i < 3 && rc == 0; i++) {
		double step = 5.0 * i, pass[3] = {0.1 * i, 0.2 * i, 0.3 * i};

		ebb_writer_set(w, EVAL, &step);
		ebb_writer_set(w, OUTCOME, pass);
		rc = ebb_writer_row(w, EBB_AXIS_EVAL, err);
	}
	for (int i = 0; i < 4 && rc == 0; i++)
		rc = write_shot(w, i, err);
	if (rc < 0) {
		ebb_writer_abandon(w);
		return rc;
	}
	return ebb_writer_finish(w, EBB_STATUS_COMPLETE, steps, "", err);
}

/* Two arms, three seeds; seed 102 of both arms is the same trial (as if their difference did not
 * matter there), so five trials. */
#define ID_A0   "00000000000000a0"
#define ID_A1   "00000000000000a1"
#define ID_B0   "00000000000000b0"
#define ID_B1   "00000000000000b1"
#define ID_SAME "00000000000000ff"

struct fake {
	struct ebb_definition def;
	struct ebb_arm arm[2];
	struct ebb_plan plan[5];
	struct ebb_setting axis[2][2];
	struct ebb_item figure[2], claim[1];
	uint64_t seed[3];
	int plan_of[6];
};

static inline struct fake *fake_make(void)
{
	static const char *const id[5] = {ID_A0, ID_A1, ID_SAME, ID_B0, ID_B1};
	struct fake *f = calloc(1, sizeof *f);

	for (int a = 0; a < 2; a++) {
		f->axis[a][0] = (struct ebb_setting){"algorithm", "grpo"};
		f->axis[a][1] = (struct ebb_setting){"clip.low", a ? "0.2" : "0.1"};
		f->arm[a].label = a ? "grpo eps_low=0.2 from=a/b" : "grpo eps_low=0.1";
		f->arm[a].axis = f->axis[a];
		f->arm[a].n_axes = 2;
		options_make(&f->arm[a].options);
	}
	for (int p = 0; p < 5; p++) {
		snprintf(f->plan[p].id, EBB_ID_MAX, "%s", id[p]);
		options_make(&f->plan[p].options);
		f->plan[p].arm = p >= 3;
	}
	memcpy(f->plan_of, (int[6]){0, 1, 2, 3, 4, 2}, sizeof f->plan_of);
	memcpy(f->seed, (uint64_t[3]){100, 101, 102}, sizeof f->seed);
	f->figure[0].text = "entropy";
	f->figure[1].text = "accuracy";
	f->claim[0].text = "final(entropy) < 0.5";
	f->def = (struct ebb_definition){
		.name = "coins",
		.about = "Does a brass coin keep its entropy? \xc3\xa9t\xc3\xa9",
		.source = "name: coins\nsweep:\n  algorithm: [grpo]\n",
		.overrides = "seeds=3",
		.arm = f->arm,
		.n_arms = 2,
		.seed = f->seed,
		.n_seeds = 3,
		.plan = f->plan,
		.n_plans = 5,
		.plan_of = f->plan_of,
		.figure = f->figure,
		.n_figures = 2,
		.claim = f->claim,
		.n_claims = 1,
	};
	return f;
}

#endif
