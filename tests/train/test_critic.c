/* The critic and the group sampling of static baselines at work: trials driven request by request,
 * so that a test sees what lies between two of them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "objective/stages.h"
#include "train/bench.h"
#include "train/stage.h"

static char dir[] = "/tmp/ebb-critic-XXXXXX";

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

TestSuite(critic, .init = make_dir, .fini = remove_dir, .timeout = 120);
TestSuite(sampling, .init = make_dir, .fini = remove_dir, .timeout = 120);

struct rig {
	struct ebb_options o;
	struct ebb_bench bench;
	struct ebb_trial *t;
	struct ebb_request *left; /* not yet served */
};

static void rig_open(struct rig *r, const char *settings)
{
	static const char tiny[] =
		"model.width=16 model.heads=2 model.ffn=32 model.layers=1 pretrain.steps=12 "
		"pretrain.batch=16 pretrain.warmup=2 train.steps=4 train.prompts=4 train.group=4 "
		"train.minibatches=2 eval.questions=4 eval.samples=2 eval.cadence=0 ";
	struct ebb_err err = EBB_ERR_INIT;
	char *base = ebb_path_join(dir, "base");

	memset(r, 0, sizeof *r);
	ebb_options_init(&r->o, ebb_task_catalog());
	r->o.seed = 100;
	cr_assert_eq(ebb_options_apply(&r->o, ebb_task_catalog(), tiny, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_options_apply(&r->o, ebb_task_catalog(), settings, &err), 0, "%s",
		     err.text);
	cr_assert_eq(ebb_options_check(&r->o, NULL, NULL), 0, "%s", settings);
	cr_assert_eq(ebb_lab_open(&r->bench.lab, &r->o, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_trial_open(&r->t, &r->bench.lab, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_bench_fill(&r->bench, ebb_trial_policies(r->t), base, NULL, &err), 0, "%s",
		     err.text);
	free(base);
}

static void rig_close(struct rig *r)
{
	ebb_trial_close(r->t);
	ebb_bench_release(&r->bench);
}

static void serve(struct rig *r)
{
	struct ebb_err err = EBB_ERR_INIT;

	if (r->left)
		cr_assert_eq(ebb_bench_serve(&r->bench, r->left, &err), 0, "%s", err.text);
	r->left = NULL;
}

/*
 * Serve requests until one stands that this stage will take up at this step, unserved as yet; false:
 * the trial ended before. At UPDATED all that is prepared stands and nothing of this update is
 * learnt; REST is between two steps, with what was measured of the last one.
 */
#define REST STAGE_EVAL
static bool run_to(struct rig *r, int64_t step, enum ebb_stage stage)
{
	struct ebb_err err = EBB_ERR_INIT;

	for (;;) {
		serve(r);
		cr_assert_eq(ebb_trial_next(r->t, &r->left, &err), 0, "%s", err.text);
		if (r->t->step == step && r->t->stage == stage)
			return true;
		if (r->left->kind == EBB_REQUEST_DONE)
			return false;
	}
}

static const float *tensor_of(const struct ebb_weights *w, const char *name)
{
	const struct ebb_tensor *t = ebb_layout_find(w->layout, name, -1);

	cr_assert_not_null(t, "%s", name);
	return w->flat + t->offset;
}

static bool same_weights(const struct ebb_weights *a, const struct ebb_weights *b)
{
	return memcmp(a->flat, b->flat, b->layout->n_floats * sizeof *b->flat) == 0;
}

#define SHARED   "critic.model=shared advantage.center=critic advantage.scale=whiten "
#define SEPARATE "critic.model=separate advantage.center=critic advantage.scale=whiten "

/* ---- the critic ---- */

/* One base for all arms: the file and the weights are those of an arm without a critic. */
Test(critic, a_base_has_no_value_head)
{
	struct rig plain, critic;
	char *a, *b;

	rig_open(&critic, SHARED);
	rig_open(&plain, "");
	a = ebb_base_path(&plain.o, dir);
	b = ebb_base_path(&critic.o, dir);
	cr_expect_str_eq(a, b);
	cr_expect_null(ebb_layout_find(&plain.bench.lab.layout, "value", -1));
	cr_expect(same_weights(&critic.bench.policy[0], &plain.bench.policy[0]));
	for (int k = 0; k < 16; k++)
		cr_expect_eq(tensor_of(&critic.bench.policy[0], "value")[k], 0.0F);
	cr_expect_eq(*tensor_of(&critic.bench.policy[0], "value_bias"), 0.0F);
	free(a);
	free(b);
	rig_close(&plain);
	rig_close(&critic);
}

/* The values of the first update are those the returns were made of, bit for bit: nothing was learnt
 * in between. A separate critic's, too. */
static void check_values(const char *settings, enum ebb_stage update)
{
	struct rig r;
	int tokens = 0;

	rig_open(&r, settings);
	cr_assert(run_to(&r, 2, update));
	serve(&r);
	for (int i = 0; i < r.t->mb.n; i++) {
		const int row = r.t->member[i], T = r.t->batch.T;

		for (int k = 0; k < r.t->batch.length[row]; k++, tokens++) {
			const double v = r.t->value[i * T + k];

			cr_assert(v == r.t->value_drawn[row * T + k] && v != 0.0);
			cr_assert(isfinite(r.t->target[row * T + k]));
		}
	}
	cr_expect_gt(tokens, 20);
	rig_close(&r);
}

Test(critic, first_values_are_the_drawn_ones)
{
	check_values(SHARED "reward.source=random train.lr=0.01", STAGE_UPDATED);
	check_values(SEPARATE "reward.source=random", STAGE_CRITIC_DONE);
}

/* Every response is rewarded, returns fall off by position: what there is to know is how many tokens
 * are still to come. */
static double explained(const char *settings)
{
	struct ebb_prepare_stats first, last; /* a trial without a record keeps none */
	struct rig r;

	rig_open(&r, settings);
	cr_assert(run_to(&r, 1, REST));
	ebb_value_stats(&r.t->view, &first);
	cr_expect_eq(first.explained_variance, 0.0); /* every value is 0 */
	cr_assert(run_to(&r, 40, REST));
	ebb_value_stats(&r.t->view, &last);
	rig_close(&r);
	return last.explained_variance;
}

#define TO_COME                                                                                    \
	"reward.source=random reward.random_p=1 advantage.discount=0.8 advantage.lambda=1 "        \
	"train.steps=40 train.prompts=16 train.epochs=4 critic.clip=0 loss.policy=none "

Test(critic, explained_variance_rises)
{
	double shared = explained(SHARED TO_COME "critic.coef=1 train.lr=0.003"),
	       separate = explained(SEPARATE TO_COME "critic.lr=0.003");

	cr_log_info("explained variance: shared %g, separate %g", shared, separate);
	cr_expect_gt(shared, 0.3);
	cr_expect_gt(separate, 0.15);
}

/* A separate critic that no advantage reads leaves the policy alone; it learns from the base on. */
Test(critic, a_separate_trunk_is_separate)
{
	struct rig plain, critic;
	enum ebb_policy c;

	rig_open(&plain, "reward.source=random train.epochs=2");
	rig_open(&critic, "reward.source=random train.epochs=2 critic.model=separate");
	c = ebb_trial_critic(critic.t);
	cr_assert_neq(c, EBB_POLICY_CURRENT);
	cr_expect(same_weights(&critic.bench.policy[c], &plain.bench.policy[0]));
	cr_assert(run_to(&plain, 3, REST));
	cr_assert(run_to(&critic, 3, REST));
	cr_expect(same_weights(&critic.bench.policy[0], &plain.bench.policy[0]));
	cr_expect_not(same_weights(&critic.bench.policy[c], &plain.bench.policy[EBB_POLICY_BASE]));
	cr_expect_neq(*tensor_of(&critic.bench.policy[c], "value_bias"), 0.0F);
	cr_expect_eq(*tensor_of(&critic.bench.policy[0], "value_bias"), 0.0F);
	cr_expect_eq(critic.bench.critic.t, 12); /* 3 steps x 2 epochs x 2 mini-batches */
	rig_close(&plain);
	rig_close(&critic);
}

/* A critic that is no longer a number ends the trial and says whose it was. */
Test(critic, divergence_names_the_critic)
{
	struct rig r;
	int64_t step;
	const char *cause;

	rig_open(&r, SEPARATE "reward.source=random");
	cr_assert(run_to(&r, 1, STAGE_CRITIC_DONE));
	r.bench.policy[ebb_trial_critic(r.t)].flat[0] = NAN;
	ebb_weights_pack(&r.bench.policy[ebb_trial_critic(r.t)]);
	cr_expect_not(run_to(&r, 2, REST));
	cr_expect_eq(ebb_trial_status(r.t, &step, &cause), EBB_STATUS_DIVERGED);
	cr_expect_eq(step, 1);
	cr_expect_not_null(strstr(cause, "critic"), "%s", cause);
	rig_close(&r);
}

/* The value after a truncated response's last token does not depend on what would come next. */
Test(critic, bootstrap_is_the_value_of_the_last_state)
{
	struct rig r;
	int seen = 0;

	rig_open(&r, SHARED "critic.bootstrap=value reward.source=random train.lr=0.01 "
			    "sample.max_tokens=5");
	cr_assert(run_to(&r, 1, STAGE_UPDATED));
	for (int i = 0; i < r.t->batch.n * r.t->batch.G; i++) {
		const struct ebb_store *s = &r.t->batch;
		const int n_prompt = s->question[i / s->G].n_prompt;
		double logp[8], entropy[8], value[8];
		int32_t token[64];
		struct ebb_row row = {token, n_prompt, n_prompt + s->length[i] + 1};
		struct ebb_pass pass = {.row = &row,
					.n = 1,
					.stride = 8,
					.tau = 1,
					.logp = logp,
					.entropy = entropy,
					.value = value};

		memcpy(token, s->token + i * (s->P + s->T), (size_t)row.length * sizeof *token);
		token[row.length - 1] = 3;
		ebb_pass_score(r.bench.lab.engine, &r.bench.policy[0], &pass);
		for (int k = 0; k < s->length[i]; k++)
			cr_expect(value[k] == r.t->value_drawn[i * s->T + k]);
		cr_expect_eq(r.t->value_end[i], s->truncated[i] ? value[s->length[i]] : 0.0);
		seen += s->truncated[i];
	}
	cr_expect_gt(seen, 2);
	rig_close(&r);
}

/* Two steps and their weights, whatever computes them. */
static void check_bits(const char *settings)
{
	static const char *const how[] = {"run.isa=scalar", "run.isa=avx2", "run.isa=avx512",
					  "run.threads=2", "run.threads=3"};
	struct rig first;

	rig_open(&first, settings);
	cr_assert(run_to(&first, 2, REST));
	for (size_t k = 0; k < sizeof how / sizeof *how; k++) {
		char *text = ebb_xprintf("%s %s", settings, how[k]);
		struct ebb_err err;
		struct rig r;

		if (how[k][4] == 'i' && !ebb_cpu_ops(how[k] + strlen("run.isa="), &err)) {
			free(text);
			continue;
		}
		rig_open(&r, text);
		cr_assert(run_to(&r, 2, REST));
		for (int p = 0; p < first.bench.n_policies; p++)
			cr_expect(same_weights(&r.bench.policy[p], &first.bench.policy[p]),
				  "%s: policy %d", text, p);
		cr_expect_eq(memcmp(&r.t->prepared, &first.t->prepared, sizeof r.t->prepared), 0,
			     "%s", text);
		free(text);
		rig_close(&r);
	}
	rig_close(&first);
}

Test(critic, bits_are_the_same_on_every_instance_and_thread)
{
	check_bits(SHARED "reward.source=random train.prompts=8 critic.bootstrap=value");
	check_bits(SEPARATE "reward.source=random train.prompts=8 train.epochs=2");
}

/* The adaptive coefficient moves with the penalty in the rewards of tokens. */
Test(critic, kl_controller_follows_token_rewards)
{
	struct rig r;

	rig_open(&r, SHARED "reward.source=random train.lr=0.02 kl.place=reward kl.estimator=k1 "
			    "kl.controller=adaptive kl.horizon=100 kl.target=100");
	cr_assert(run_to(&r, 1, REST));
	/* at step 0 policy and reference are one: 0.04 (1 - 0.2 x 16 / 100) */
	cr_expect_float_eq(r.t->kl_coef, 0.04 * (1 - 0.2 * 16 / 100), 1e-12);
	rig_close(&r);
}

/* ---- static baselines: refresh and group sampling ---- */

#define STATIC "advantage.center=static advantage.scale=none advantage.reference_samples=3 "

Test(sampling, reference_rollouts_are_charged)
{
	struct rig r;
	int64_t tokens = 0;

	rig_open(&r, STATIC);
	cr_assert(run_to(&r, 0, STAGE_UPDATED));
	for (int i = 0; i < r.t->fresh.n * r.t->fresh.G; i++)
		tokens += r.t->fresh.length[i];
	for (int i = 0; i < r.t->reference.n * r.t->reference.G; i++)
		tokens += r.t->reference.length[i];
	cr_expect_eq(r.t->tokens, tokens);
	cr_expect_eq(r.t->rollouts, 4 * (4 + 3));
	rig_close(&r);
}

/* The greedy baseline of a prompt is the reward of its greedy answer, charged like the others. */
Test(sampling, greedy_baselines)
{
	struct rig r;

	rig_open(&r, "advantage.center=greedy advantage.scale=none reward.source=random "
		     "reward.scale=plus_minus_one");
	cr_assert(run_to(&r, 0, STAGE_UPDATED));
	cr_expect_eq(r.t->rollouts, 4 * (4 + 1));
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(r.t->batch.baseline[i], r.t->greedy.shaped[i]);
		for (int g = 0; g < 4; g++)
			cr_expect_eq(r.t->batch.advantage[(i * 4 + g) * r.t->batch.T],
				     r.t->batch.shaped[i * 4 + g] - r.t->greedy.shaped[i]);
	}
	rig_close(&r);
}

/* Every second step the current policy takes the reference's place; the KL reference stays. */
Test(sampling, refresh)
{
	struct ebb_weights then = {0};
	struct rig r;
	enum ebb_policy s;

	rig_open(&r, STATIC "advantage.refresh=2 reward.source=random kl.place=loss "
			    "sample.mismatch=stale");
	s = ebb_trial_static(r.t);
	cr_assert_neq(s, EBB_POLICY_BASE);
	cr_assert_eq(ebb_weights_init(&then, &r.bench.lab.layout, r.bench.lab.ops, NULL), 0);
	cr_assert(run_to(&r, 1, STAGE_UPDATED));
	cr_expect(same_weights(&r.bench.policy[s], &r.bench.policy[EBB_POLICY_BASE]));
	cr_assert(run_to(&r, 2, REST));
	ebb_weights_copy(&then, &r.bench.policy[EBB_POLICY_CURRENT]);
	cr_assert(run_to(&r, 3, REST));
	cr_expect(same_weights(&r.bench.policy[s], &then));
	cr_expect_not(same_weights(&r.bench.policy[EBB_POLICY_CURRENT], &then));
	cr_expect(same_weights(&r.bench.policy[EBB_POLICY_REFERENCE],
			       &r.bench.policy[EBB_POLICY_BASE]));
	cr_expect_eq(r.t->reading.metric[EBB_M_BASELINE_AGE], 0.0);
	cr_assert(run_to(&r, 4, REST));
	cr_expect_eq(r.t->reading.metric[EBB_M_BASELINE_AGE], 1.0);
	ebb_weights_release(&then);
	rig_close(&r);
}

/* The tiny base never answers right: each prompt is injected or, without a right demonstration,
 * dropped. */
static void check_injected(const char *more)
{
	char *text = ebb_xprintf(STATIC "advantage.acc0=inject train.prompts=12 %s", more);
	struct ebb_store *s;
	struct rig r, plain;
	int injected = 0;

	rig_open(&r, text);
	rig_open(&plain, STATIC "train.prompts=12");
	s = &r.t->batch;
	cr_assert(run_to(&r, 0, STAGE_UPDATED));
	cr_assert(run_to(&plain, 0, STAGE_UPDATED));
	cr_expect_eq(r.t->dropped + s->n, 12);
	cr_expect_eq(r.t->all_wrong, 12, "%d", r.t->all_wrong);
	for (int i = 0; i < s->n * s->G; i++) {
		const int n_prompt = s->question[i / s->G].n_prompt, T = s->T;
		struct ebb_row row = {s->token + i * (s->P + T), n_prompt, n_prompt + s->length[i]};
		double logp[64], entropy[64];
		struct ebb_pass pass = {.row = &row,
					.n = 1,
					.stride = T,
					.tau = 1,
					.logp = logp,
					.entropy = entropy};

		cr_expect_eq(s->injected[i], i % s->G == s->G - 1);
		if (!s->injected[i])
			continue;
		injected++;
		cr_expect(s->reward[i] == 1.0 && s->verdict[i].reward == 1.0 && !s->truncated[i]);
		ebb_pass_score(r.bench.lab.engine, &r.bench.policy[EBB_POLICY_BASE], &pass);
		for (int k = 0; k < s->length[i]; k++)
			cr_expect(s->old[i * T + k] == logp[k] &&
				  s->sampler_logp[i * T + k] == logp[k] &&
				  s->entropy[i * T + k] == entropy[k] && s->mask[i * T + k]);
		cr_expect_eq(s->mask[i * T + s->length[i] - 1], 1);
	}
	cr_expect_gt(injected, 2);
	/* nothing was drawn that would not be without it: same questions, same other responses */
	cr_expect_eq(r.t->tokens, plain.t->tokens);
	for (int i = 0; i < 12; i++)
		cr_expect_eq(memcmp(r.t->fresh.response + i * 4 * s->T,
				    plain.t->fresh.response + i * 4 * s->T,
				    (size_t)(3 * s->T) * sizeof(int32_t)),
			     0);
	cr_assert(run_to(&r, 1, REST));
	cr_expect_eq(r.t->reading.metric[EBB_M_RATIO_MAX_DEV], 0.0);
	cr_expect_float_eq(r.t->reading.metric[EBB_M_INJECTED], 0.25, 1e-15);
	cr_expect(isfinite(r.t->update_reading.metric[EBB_M_RATIO_INJECTED]));
	free(text);
	rig_close(&r);
	rig_close(&plain);
}

Test(sampling, stored_trajectories)
{
	check_injected("");
	check_injected("loss.policy=clip_cov covariance.fraction=0.1 train.minibatches=1");
	check_injected("info.coef=0.1");
}

/* Under stale sampling old is computed again, of rollouts alone. */
Test(sampling, old_of_stored_trajectories_survives_the_old_pass)
{
	struct rig r;
	int differing = 0;

	rig_open(&r, STATIC "advantage.acc0=inject sample.mismatch=stale train.lr=0.02 "
			    "train.prompts=8");
	cr_assert(run_to(&r, 2, STAGE_UPDATED));
	for (int i = 0; i < r.t->batch.n * r.t->batch.G; i++) {
		const int T = r.t->batch.T;
		const double *old = r.t->batch.old + i * T, *logp = r.t->batch.logp + i * T;
		bool same = memcmp(old, logp, (size_t)r.t->batch.length[i] * sizeof *old) == 0;

		if (r.t->batch.injected[i])
			cr_expect(same);
		else
			differing += !same;
	}
	cr_expect_gt(differing, 0);
	rig_close(&r);
}

/* All prompts dropped: updates are skipped, the trial goes on. */
Test(sampling, nothing_left)
{
	struct rig r;

	rig_open(&r, STATIC "advantage.acc0=drop train.steps=2");
	cr_expect(!run_to(&r, 3, REST));
	cr_expect_eq(r.t->status, EBB_STATUS_COMPLETE);
	cr_expect_eq(r.t->reading.metric[EBB_M_DROPPED], 1.0);
	cr_expect(same_weights(&r.bench.policy[0], &r.bench.policy[EBB_POLICY_BASE]));
	rig_close(&r);
}

/* Rewards that are always 1: prompts that the reference policy knows leave, or stay on request. */
Test(sampling, prompts_that_are_too_easy)
{
	static const struct {
		const char *settings;
		int kept;
	} c[] = {
		{"advantage.acc0=drop", 0},
		{"advantage.acc0=drop advantage.acc1=keep", 4},
		{"advantage.acc0=inject", 0},
		{"advantage.acc0=keep", 4},
		{"advantage.acc0=drop dynamic.on=shaped dynamic.max_rounds=2", 0},
	};

	for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
		char *text = ebb_xprintf(STATIC "reward.source=random reward.random_p=1 %s",
					 c[k].settings);
		struct rig r;

		rig_open(&r, text);
		cr_assert(run_to(&r, 1, REST));
		cr_expect_eq(r.t->batch.n, c[k].kept, "%s", text);
		cr_expect_eq(r.t->all_right, 4 * r.t->round);
		cr_expect_eq(r.t->reading.metric[EBB_M_DROPPED], c[k].kept ? 0.0 : 1.0);
		free(text);
		rig_close(&r);
	}
}
