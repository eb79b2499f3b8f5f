/* Stages OLD to CLOSE: from a rollout batch to new weights and the rows of the record. */
#include "train/stage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int ebb_stage_stale(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_START;
	if (t->o->sample.mismatch != EBB_MISMATCH_STALE)
		return NEXT;
	/* the ring's oldest copy has served; today's weights take its place */
	t->request = (struct ebb_request){
		.kind = EBB_REQUEST_BLEND, .against = -1, .mix = 1, .policy = ebb_trial_sampler(t)};
	return WORK;
}

int ebb_stage_start(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_OLD;
	if (!t->needs.old_kl)
		return NEXT;
	t->request = (struct ebb_request){
		.kind = EBB_REQUEST_BLEND, .against = -1, .mix = 1, .policy = EBB_POLICY_START};
	return WORK;
}

int ebb_stage_old(struct ebb_trial *t, struct ebb_err *err)
{
	/* an exact sampler's log-probability is the trainer's, bit for bit: no pass is paid */
	t->stage = STAGE_REF;
	if (t->o->sample.mismatch != EBB_MISMATCH_STALE || t->batch.n == 0)
		return NEXT;
	t->stage = STAGE_OLD_DONE;
	ebb_trial_score(t, &t->batch, EBB_POLICY_CURRENT, -1);
	t->request.pass.logp = t->batch.old;
	return WORK;
}

int ebb_stage_old_done(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_store *s = &t->batch;

	t->t_score += t->request.seconds;
	for (int i = 0; i < s->n * s->G; i++) /* old of these belongs to another policy */
		if (s->injected[i])
			memcpy(s->old + (size_t)i * (size_t)s->T,
			       s->logp + (size_t)i * (size_t)s->T,
			       (size_t)s->length[i] * sizeof *s->old);
	t->stage = STAGE_REF;
	return NEXT;
}

int ebb_stage_ref(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_VALUES;
	if (!t->needs.ref_logp || t->batch.n == 0)
		return NEXT;
	t->stage = STAGE_REF_DONE;
	ebb_trial_score(t, &t->batch, EBB_POLICY_REFERENCE, -1);
	t->request.pass.logp = t->batch.ref;
	return WORK;
}

int ebb_stage_ref_done(struct ebb_trial *t, struct ebb_err *err)
{
	t->t_score += t->request.seconds;
	t->stage = STAGE_VALUES;
	return NEXT;
}

/* ---- advantages ---- */

static void shuffle(struct ebb_trial *t)
{
	struct ebb_rng rng = {ebb_trial_draw(t, EBB_STREAM_SHUFFLE), 0};

	rng.draw.round = (uint32_t)t->epoch;
	for (int i = 0; i < t->batch.n; i++)
		t->order[i] = i;
	for (int i = t->batch.n - 1; i > 0; i--) {
		int j = (int)ebb_rng_below(&rng, (uint32_t)i + 1), swap = t->order[i];

		t->order[i] = t->order[j];
		t->order[j] = swap;
	}
}

int ebb_stage_prepare(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_prepare_stats *p = &t->prepared;
	struct ebb_reading *r = &t->reading;
	bool lost;

	t->view = ebb_trial_view(t);
	lost = ebb_objective_floored(t->o, &t->view) > EBB_FLOORED_MAX;
	ebb_objective_prepare(t->o, &t->view, t->kl_coef, t->writer ? &t->prepared : NULL);
	r->metric[EBB_M_REWARD_SHAPED] = p->shaped_mean;
	r->metric[EBB_M_REWARD_INFO] = p->info_mean;
	r->metric[EBB_M_REWARD_INFO_STD] = p->info_std;
	r->metric[EBB_M_INFO_ONLY] = p->info_only_frac;
	r->metric[EBB_M_INFO_SHARE] = p->info_share;
	r->metric[EBB_M_ADV_MEAN] = p->adv_mean;
	r->metric[EBB_M_ADV_STD] = p->adv_std;
	r->metric[EBB_M_ADV_MIN] = p->adv_min;
	r->metric[EBB_M_ADV_MAX] = p->adv_max;
	r->metric[EBB_M_ADV_STD_RAW] = p->adv_std_raw;
	r->metric[EBB_M_ADV_ZERO] = p->adv_zero_frac;
	r->metric[EBB_M_CRITIC_EXPLAINED] = p->explained_variance;
	r->metric[EBB_M_CRITIC_VALUE] = p->value_mean;
	r->metric[EBB_M_CRITIC_RETURN] = p->return_mean;
	r->metric[EBB_M_COV_MEAN] = p->cov_mean;
	r->metric[EBB_M_COV_POSITIVE] = p->cov_positive;
	r->metric[EBB_M_COV_TOP002] = p->cov_top[0];
	r->metric[EBB_M_COV_TOP02] = p->cov_top[1];
	r->metric[EBB_M_COV_TOP2] = p->cov_top[2];
	r->metric[EBB_M_COV_TOP20] = p->cov_top[3];
	r->metric[EBB_M_COV_TOP50] = p->cov_top[4];
	r->metric[EBB_M_COV_GROUP] = p->cov_group;
	r->metric[EBB_M_COV_GROUP_PG] = p->cov_group_pg;
	if (lost) {
		ebb_trial_diverge(t, "log-probabilities of drawn tokens are not finite, or below "
				     "ratio.logp_floor");
		return NEXT;
	}
	if (ebb_snapshot_due(t))
		ebb_snapshot_begin(t);
	t->epoch = t->minibatch = 0;
	shuffle(t);
	t->stage = STAGE_SHIFT;
	return NEXT;
}

/* ---- updates ---- */

/* Rows of the current mini-batch: whole groups; where groups do not divide, sizes differ by one. */
static int deal(struct ebb_trial *t)
{
	int64_t K = t->o->train.minibatches, n = t->batch.n;
	int first = (int)(t->minibatch * n / K), last = (int)((t->minibatch + 1) * n / K), rows = 0;

	for (int i = first; i < last; i++)
		for (int g = 0; g < t->batch.G; g++)
			t->member[rows++] = t->order[i] * t->batch.G + g;
	return rows;
}

static void next_update(struct ebb_trial *t)
{
	t->update++;
	t->stage = STAGE_CRITIC;
	if (++t->minibatch < t->o->train.minibatches)
		return;
	t->minibatch = 0;
	if (++t->epoch < t->o->train.epochs)
		shuffle(t);
	else
		t->stage = STAGE_CLOSE;
}

static int write_update(struct ebb_trial *t, struct ebb_err *err)
{
	double update = (double)t->update, step = (double)t->step;

	t->update_reading.metric[EBB_M_STEP_IN_BATCH] =
		(double)(t->epoch * t->o->train.minibatches + t->minibatch);
	ebb_trial_set(t, EBB_FIELD_UPDATE, &update);
	ebb_trial_set(t, EBB_FIELD_UPDATE_STEP, &step);
	return ebb_trial_row(t, EBB_AXIS_UPDATE, &t->update_reading, err);
}

int ebb_update_fail(struct ebb_trial *t, const char *cause, struct ebb_err *err)
{
	int rc = write_update(t, err);

	if (rc == 0 && ebb_snapshot_due(t)) /* this step has no CLOSE */
		rc = ebb_snapshot_write(t, err);
	ebb_trial_diverge(t, cause);
	return rc < 0 ? rc : NEXT;
}

/* Leave the request: forward, weigh and backward of the mini-batch, and the optimizer's step. */
static void ask_update(struct ebb_trial *t)
{
	const bool shared = t->needs.critic && !ebb_critic_separate(t);

	if (shared) {
		t->mb.value = t->value;
		t->mb.w_value = t->w_value;
	}
	t->request = (struct ebb_request){
		.kind = EBB_REQUEST_UPDATE,
		.policy = EBB_POLICY_CURRENT,
		.against = t->needs.exact_kl ? (int)EBB_POLICY_REFERENCE
			   : t->needs.old_kl ? (int)EBB_POLICY_START
					     : -1,
		.pass = {.row = t->row,
			 .n = t->mb.n + t->mb.n_answers,
			 .stride = t->stride,
			 .tau = ebb_update_temperature(t->o),
			 .logp = t->logp,
			 .entropy = t->entropy,
			 .kl = t->needs.exact_kl ? t->kl : NULL,
			 .moment = t->measured || !t->writer ? NULL : t->moment,
			 .histogram = !t->measured && ebb_snapshot_due(t) ? t->histogram : NULL,
			 .w_logp = t->w_logp,
			 .w_entropy = t->w_entropy,
			 .w_kl = t->needs.exact_kl ? t->w_kl : NULL,
			 .value = shared ? t->value : NULL,
			 .w_value = shared ? t->w_value : NULL,
			 .kl_from = t->needs.old_kl ? t->kl_old : NULL,
			 .w_kl_from = t->needs.old_kl ? t->w_kl_old : NULL,
			 .weigh = ebb_weigh_rows,
			 .ctx = &t->mb},
		.rule = ebb_trial_rule(t, ebb_trial_lr(t))};
	t->stage = STAGE_UPDATED;
}

/* Row i of the mini-batch: the states its response tokens were drawn from or, with
 * em.mask=reference, those after each of them; the end mark stands for the token that none drew. */
static struct ebb_row response_row(struct ebb_trial *t, int i)
{
	const struct ebb_row row = ebb_store_row(&t->batch, t->member[i]);
	int32_t *copy;

	if (t->o->em.mask == EBB_EM_ALIGNED)
		return row;
	copy = t->answer_token + (size_t)i * ebb_trial_answer_stride(t);
	memcpy(copy, row.token, (size_t)row.length * sizeof *copy);
	copy[row.length] = t->lab->task->eos;
	return (struct ebb_row){copy, row.start + 1, row.length + 1};
}

/* The rows of the mini-batch as the model reads them, and behind them with info.grad=direct or both
 * the gold answers after their chains. */
static void fill_rows(struct ebb_trial *t)
{
	const int n = t->mb.n;

	for (int i = 0; i < n; i++)
		t->row[i] = response_row(t, i);
	for (int i = 0; i < t->mb.n_answers; i++) {
		struct ebb_row *r = &t->row[n + i];

		*r = ebb_trial_answer_row(t, &t->batch, t->member[i], true,
					  t->answer_token + (size_t)i * ebb_trial_answer_stride(t));
		t->n_gold[i] = r->length - r->start;
	}
}

/* Is the log-probability of the tokens to choose among what it was when they were drawn? */
static bool drawn_now(const struct ebb_trial *t)
{
	return !t->measured && !t->needs.old_pass && !t->carried && !t->needs.logit &&
	       !(t->needs.inject && t->needs.pool) && !ebb_inject_any(t, t->member, t->mb.n);
}

/*
 * Before tokens can be chosen, the log-probability of all that they are chosen among must be known:
 * by a pass over the mini-batch or, with a pool, over the rollout batch. While nothing was learnt
 * since the rows were drawn it is old, bit for bit, and no pass is paid.
 */
static int ask_selection(struct ebb_trial *t)
{
	struct ebb_store *s = &t->batch;
	size_t width = (size_t)s->T * sizeof *t->logp;

	t->stage = STAGE_SELECT;
	if (!drawn_now(t)) {
		if (t->needs.pool) {
			ebb_trial_score(t, s, EBB_POLICY_CURRENT, -1);
			t->request.pass.logp = t->pool_logp;
			t->request.pass.logit = t->needs.logit ? t->pool_logit : NULL;
			return WORK;
		}
		t->request =
			(struct ebb_request){.kind = EBB_REQUEST_SCORE,
					     .policy = EBB_POLICY_CURRENT,
					     .against = -1,
					     .pass = {.row = t->row,
						      .n = t->mb.n,
						      .stride = t->stride,
						      .tau = t->o->sample.temperature,
						      .logp = t->logp,
						      .logit = t->needs.logit ? t->logit : NULL,
						      .entropy = t->entropy}};
		return WORK;
	}
	if (t->needs.pool)
		memcpy(t->pool_logp, t->view.old, (size_t)t->view.R * width);
	for (int i = 0; i < t->mb.n; i++)
		memcpy(t->logp + (size_t)i * (size_t)t->stride,
		       t->view.old + (size_t)t->member[i] * (size_t)s->T, width);
	t->request.seconds = 0;
	return NEXT;
}

int ebb_update_begin(struct ebb_trial *t, struct ebb_err *err)
{
	int n = deal(t);

	t->mb = (struct ebb_minibatch){.o = t->o,
				       .batch = &t->view,
				       .row = t->member,
				       .n = n,
				       .stride = t->stride,
				       .n_answers = t->needs.answer_rows ? n : 0,
				       .n_gold = t->n_gold,
				       .kl_coef = t->kl_coef,
				       .entropy_coef = t->entropy_coef,
				       .limit = t->batch.T,
				       .logp = t->logp,
				       .entropy = t->entropy,
				       .kl = t->needs.exact_kl ? t->kl : NULL,
				       .w_logp = t->w_logp,
				       .w_entropy = t->w_entropy,
				       .w_kl = t->needs.exact_kl ? t->w_kl : NULL,
				       .kl_old = t->needs.old_kl ? t->kl_old : NULL,
				       .w_kl_old = t->needs.old_kl ? t->w_kl_old : NULL,
				       .logit = t->needs.logit ? t->logit : NULL,
				       .pool_logp = t->needs.pool ? t->pool_logp : NULL,
				       .pool_logit = t->needs.pool && t->needs.logit ? t->pool_logit
										     : NULL,
				       .mark = ebb_snapshot_due(t) ? t->mark : NULL,
				       .select = ebb_trial_draw(t, EBB_STREAM_SELECT),
				       .pair = ebb_trial_draw(t, EBB_STREAM_PAIR),
				       .private_ = t->mb.private_};
	fill_rows(t);
	return ebb_weigh_begin(&t->mb, err);
}

int ebb_stage_update(struct ebb_trial *t, struct ebb_err *err)
{
	int rc = ebb_update_begin(t, err);

	if (rc < 0)
		return rc;
	if (ebb_weigh_tokens(&t->mb) == 0) {
		t->update_reading.metric[EBB_M_UPDATE_SKIPPED] = 1;
		rc = write_update(t, err);
		next_update(t);
		return rc < 0 ? rc : NEXT;
	}
	t->mb.pair.round = 0; /* one pair a group and step, whatever the updates */
	t->mb.select.round = (uint32_t)(t->epoch * t->o->train.minibatches + t->minibatch);
	if (t->needs.batch_scope)
		return ask_selection(t);
	ask_update(t);
	return WORK;
}

/* Every token's log-probability is known: choose tokens or pairs, then train. */
int ebb_stage_select(struct ebb_trial *t, struct ebb_err *err)
{
	(void)err;
	t->t_score += t->request.seconds;
	ebb_weigh_select(&t->mb);
	fill_rows(t); /* a pass over a pool had others */
	ask_update(t);
	return WORK;
}

/* Of new to old policy: measured where the update judges the states that drew the tokens. */
static void set_ratios(double *m, const struct ebb_weigh_stats *w)
{
	m[EBB_M_PPO_KL] = w->ppo_kl;
	m[EBB_M_PPO_KL_K3] = w->ppo_kl_k3;
	m[EBB_M_LOGP_DRIFT] = w->drift_abs;
	m[EBB_M_RATIO_MEAN] = w->ratio_mean;
	m[EBB_M_RATIO_MAX] = w->ratio_max;
	m[EBB_M_RATIO_MIN] = w->ratio_min;
	m[EBB_M_RATIO_LOG_MAX] = w->log_ratio_abs_max;
	m[EBB_M_RATIO_CLAMPED] = w->log_ratio_clamped;
	m[EBB_M_LOGP_FLOORED] = w->logp_floored;
}

int ebb_stage_updated(struct ebb_trial *t, struct ebb_err *err)
{
	double *m = t->update_reading.metric;
	const bool first = !t->measured;
	struct ebb_weigh_stats w;
	int rc;

	t->t_update += t->request.seconds;
	ebb_weigh_finish(&t->mb, &w);
	if (ebb_snapshot_due(t))
		ebb_snapshot_update(t);
	if (!t->measured) { /* exactly on-policy: no update of this step came before */
		t->measured = true;
		/* else sampler and trainer are two policies, or judge other states */
		if (!ebb_trial_off_policy(t) && ebb_update_as_drawn(t->o))
			t->reading.metric[EBB_M_RATIO_MAX_DEV] =
				ebb_measure_ratio_dev(&t->batch, t->carried * t->batch.G, t->member,
						      t->mb.n, t->logp, t->mb.stride);
		if (t->writer)
			ebb_measure_logits(t->row, t->mb.n, t->mb.stride, t->moment,
					   t->lab->task->vocabulary, t->entropy, &t->reading);
	}
	m[EBB_M_PG_LOSS] = w.pg_loss;
	m[EBB_M_LOSS] = w.loss;
	m[EBB_M_KL_LOSS] = w.kl_loss;
	m[EBB_M_ENTROPY_LOSS] = w.entropy_loss;
	m[EBB_M_GRAD_NORM] = t->request.grad_norm;
	m[EBB_M_GRAD_CLIPPED] = t->request.stepped.clipped;
	m[EBB_M_UPDATE_NORM] = t->request.stepped.moved;
	m[EBB_M_INFO_LOSS] = w.info_loss;
	if (t->o->entropy.form == EBB_FORM_MINIMISE && ebb_weighs_entropy(t->o))
		m[EBB_M_EM_LOSS] = w.entropy_mean;
	if (ebb_update_as_drawn(t->o))
		set_ratios(m, &w);
	m[EBB_M_CLIP_LOW] = w.clip_low;
	m[EBB_M_CLIP_HIGH] = w.clip_high;
	m[EBB_M_CLIP_DUAL] = w.clip_dual;
	m[EBB_M_CLIP_SEQUENCE] = w.clip_sequence;
	m[EBB_M_CLIP_UP_PROB] = w.clip_high_prob;
	m[EBB_M_TOKEN_KEPT] = w.token_kept;
	m[EBB_M_TIS_MEAN] = w.tis_mean;
	m[EBB_M_TIS_MAX] = w.tis_max;
	m[EBB_M_TIS_ESS] = w.tis_ess;
	m[EBB_M_COV_CANDIDATES] = w.cov_candidates;
	m[EBB_M_COV_SELECTED] = w.cov_chosen_frac;
	m[EBB_M_COV_DRIFT] = w.cov_drift;
	m[EBB_M_COV_SELECTED_POSITIVE] = w.cov_positive;
	m[EBB_M_COV_SELECTED_PROB] = w.cov_prob;
	if (t->mb.value) {
		m[EBB_M_CRITIC_LOSS] = w.value_loss;
		m[EBB_M_CRITIC_CLIP] = w.value_clip;
	}
	m[EBB_M_RATIO_INJECTED] = w.ratio_injected;
	ebb_measure_pairs(&w.pair, &t->update_reading);
	m[EBB_M_UPDATE_SKIPPED] = 0;
	if (!isfinite(w.loss) || !isfinite(t->request.grad_norm))
		return ebb_update_fail(t,
				       isfinite(w.loss) ? "the gradient norm is not finite"
							: "the loss is not finite",
				       err);
	rc = write_update(t, err);
	if (rc < 0)
		return rc;
	next_update(t);
	if (first && ebb_trial_shifts(t))
		t->stage = STAGE_SHIFT_AFTER;
	return NEXT;
}

/* ---- the end of a step ---- */

/* What the adaptive controller follows: mean over responses of the mean k1 a token, PG 3.4. */
static double controlled_kl(const struct ebb_store *s)
{
	double sum = 0, rows = 0;

	for (int i = 0; i < s->n * s->G; i++) {
		double k = 0;

		for (int t = 0; t < s->length[i]; t++)
			k += s->old[(size_t)i * (size_t)s->T + (size_t)t] -
			     s->ref[(size_t)i * (size_t)s->T + (size_t)t];
		if (s->length[i] > 0 && !s->injected[i]) {
			sum += k / s->length[i];
			rows++;
		}
	}
	return rows > 0 ? sum / rows : 0;
}

static void measure_baseline(struct ebb_trial *t, int drawn)
{
	double *m = t->reading.metric, injected = 0;
	const int rows = t->batch.n * t->batch.G;
	const int64_t every = t->o->advantage.refresh;

	if (t->needs.greedy || t->needs.reference_samples > 0)
		m[EBB_M_BASELINE_MEAN] = t->baseline_sum / drawn;
	if (t->needs.reference_samples == 0)
		return;
	for (int i = 0; i < rows; i++)
		injected += t->batch.injected[i];
	m[EBB_M_BASELINE_AGE] = (double)(every > 0 ? t->step % every : t->step);
	m[EBB_M_BASELINE_WRONG] = (double)t->all_wrong / drawn;
	m[EBB_M_BASELINE_RIGHT] = (double)t->all_right / drawn;
	m[EBB_M_DROPPED] = (double)t->dropped / drawn;
	m[EBB_M_INJECTED] = rows > 0 ? injected / rows : NAN;
}

static double controlled_entropy(const struct ebb_trial *t)
{
	return t->reading.metric[t->o->entropy.measure == EBB_MEASURE_FULL ? EBB_M_ENTROPY
									   : EBB_M_ENTROPY_SAMPLED];
}

int ebb_stage_close(struct ebb_trial *t, struct ebb_err *err)
{
	double *m = t->reading.metric, step = (double)t->step, wall, tokens;
	int drawn = t->round * (int)t->o->train.prompts, rc = 0;

	if (ebb_snapshot_due(t))
		rc = ebb_snapshot_write(t, err);
	if (rc < 0)
		return rc;
	tokens = m[EBB_M_LENGTH_MEAN] * drawn * t->fresh.G; /* for the rate on the screen only */
	if (t->needs.trees)
		tokens = m[EBB_M_TREE_GENERATED] * drawn;
	wall = ebb_clock() - t->step_started;
	m[EBB_M_GROUP_KEPT] = t->batch.n;
	m[EBB_M_GROUP_DRAWN] = drawn;
	m[EBB_M_DYNAMIC_ROUNDS] = t->round;
	measure_baseline(t, drawn);
	m[EBB_M_KL_COEF] = t->o->kl.place == EBB_KL_NONE ? NAN : t->kl_coef;
	m[EBB_M_ENTROPY_COEF] = ebb_weighs_entropy(t->o) ? t->entropy_coef : NAN;
	m[EBB_M_LR] = ebb_trial_lr(t);
	m[EBB_M_TOKENS_TOTAL] = (double)t->tokens;
	m[EBB_M_ROLLOUTS_TOTAL] = (double)t->rollouts;
	m[EBB_M_T_SAMPLE] = t->t_sample;
	m[EBB_M_T_SCORE] = t->t_score;
	m[EBB_M_T_UPDATE] = t->t_update;
	m[EBB_M_T_STEP] = wall;
	m[EBB_M_T_TOTAL] = ebb_clock() - t->started;
	m[EBB_M_TOKENS_PER_S] = tokens / wall;
	ebb_trial_mark(t);
	ebb_trial_set(t, EBB_FIELD_STEP, &step);
	ebb_trial_set(t, EBB_FIELD_POSITION_ENTROPY, t->position_entropy);
	ebb_trial_set(t, EBB_FIELD_POSITION_COUNT, t->position_count);
	ebb_trial_set(t, EBB_FIELD_DECILE_ENTROPY, t->decile_entropy);
	ebb_trial_set(t, EBB_FIELD_TREE_DEPTH, t->decile_depth);
	rc = ebb_trial_row(t, EBB_AXIS_STEP, &t->reading, err);
	if (t->o->kl.controller == EBB_KL_ADAPTIVE && t->needs.ref_logp)
		t->kl_coef = ebb_kl_adapt(t->o, t->kl_coef, controlled_kl(&t->batch),
					  t->batch.n * t->batch.G);
	t->step++;
	t->alpha = ebb_alpha_adapt(t->o, t->alpha, controlled_entropy(t));
	t->entropy_coef = ebb_alpha_at(t->o, t->alpha, controlled_entropy(t), t->step);
	if (t->watch) {
		t->watch->trained = true;
		t->watch->step = t->step;
		t->watch->steps = t->o->train.steps;
		t->watch->reward = m[EBB_M_REWARD_MEAN];
		t->watch->entropy = m[EBB_M_ENTROPY];
		t->watch->tokens_per_s = m[EBB_M_TOKENS_PER_S];
		t->watch->seconds = m[EBB_M_T_TOTAL];
	}
	t->stage = STAGE_REST;
	return rc < 0 ? rc : NEXT;
}
