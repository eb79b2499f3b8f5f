/* The critic's part of a step: values before the updates, and a separate critic's own updates. */
#include "train/stage.h"

#include <math.h>
#include <string.h>

bool ebb_critic_separate(const struct ebb_trial *t)
{
	return t->o->critic.model == EBB_CRITIC_SEPARATE;
}

void ebb_critic_register(struct ebb_trial *t, int rows, int T)
{
	size_t R = t->needs.critic ? (size_t)rows : 0, cells = R * (size_t)T, wide = cells + R;
	struct ebb_arena *a = &t->arena;

	ebb_arena_add(a, &t->value_drawn, cells, sizeof *t->value_drawn);
	ebb_arena_add(a, &t->value_end, R, sizeof *t->value_end);
	ebb_arena_add(a, &t->target, cells, sizeof *t->target);
	ebb_arena_add(a, &t->value, cells, sizeof *t->value);
	ebb_arena_add(a, &t->w_value, cells, sizeof *t->w_value);
	ebb_arena_add(a, &t->wide_value, wide, sizeof *t->wide_value);
	ebb_arena_add(a, &t->wide_logp, wide, sizeof *t->wide_logp);
	ebb_arena_add(a, &t->wide_entropy, wide, sizeof *t->wide_entropy);
}

static bool bootstraps(const struct ebb_trial *t, int row)
{
	return t->o->critic.bootstrap == EBB_BOOTSTRAP_VALUE && t->batch.truncated[row];
}

/* A row whose last state is judged, too: with one more token, whichever, since only the state before
 * it is looked at. */
static struct ebb_row longer_row(struct ebb_trial *t, struct ebb_row row, int32_t *token)
{
	memcpy(token, row.token, (size_t)row.length * sizeof *token);
	token[row.length] = t->lab->task->eos;
	return (struct ebb_row){token, row.start, row.length + 1};
}

int ebb_stage_values(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_store *s = &t->batch;
	size_t stride = (size_t)(s->P + s->T + t->lab->task->n_cue + EBB_GOLD_MAX);

	t->stage = STAGE_PREPARE;
	if (!t->needs.critic || s->n == 0)
		return NEXT;
	t->stage = STAGE_VALUES_DONE;
	ebb_trial_score(t, &t->batch, ebb_trial_critic(t), -1);
	for (int i = 0; i < s->n * s->G; i++)
		if (bootstraps(t, i))
			t->row[i] = longer_row(t, t->row[i], t->answer_token + (size_t)i * stride);
	t->request.pass.stride = s->T + 1;
	t->request.pass.value = t->wide_value;
	t->request.pass.logp = t->wide_logp;
	t->request.pass.entropy = t->wide_entropy;
	return WORK;
}

int ebb_stage_values_done(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_store *s = &t->batch;
	size_t T = (size_t)s->T;

	t->t_score += t->request.seconds;
	for (int i = 0; i < s->n * s->G; i++) {
		const double *wide = t->wide_value + (size_t)i * (T + 1);

		memcpy(t->value_drawn + (size_t)i * T, wide, T * sizeof *wide);
		t->value_end[i] = bootstraps(t, i) ? wide[s->length[i]] : 0.0;
	}
	t->stage = STAGE_PREPARE;
	return NEXT;
}

/* ---- a separate critic's updates: before the policy's, over the same mini-batch ---- */

static double critic_lr(const struct ebb_trial *t)
{
	const struct ebb_options *o = t->o;

	if (t->step < o->train.warmup)
		return o->critic.lr * (double)(t->step + 1) / (double)o->train.warmup;
	return o->critic.lr;
}

int ebb_stage_critic(struct ebb_trial *t, struct ebb_err *err)
{
	int rc;

	ebb_reading_clear(&t->update_reading);
	t->stage = STAGE_UPDATE;
	if (!ebb_critic_separate(t))
		return NEXT;
	rc = ebb_update_begin(t, err);
	if (rc < 0)
		return rc;
	if (ebb_weigh_tokens(&t->mb) == 0)
		return NEXT;
	for (int i = 0; i < t->mb.n; i++) /* a value is of the state that drew, whatever em.mask */
		t->row[i] = ebb_store_row(&t->batch, t->member[i]);
	t->mb.value = t->value;
	t->mb.w_value = t->w_value;
	memset(t->w_logp, 0, (size_t)(t->mb.n * t->mb.stride) * sizeof *t->w_logp);
	t->request = (struct ebb_request){.kind = EBB_REQUEST_UPDATE,
					  .policy = ebb_trial_critic(t),
					  .against = -1,
					  .pass = {.row = t->row,
						   .n = t->mb.n,
						   .stride = t->mb.stride,
						   .tau = t->o->sample.temperature,
						   .logp = t->logp,
						   .entropy = t->entropy,
						   .value = t->value,
						   .w_logp = t->w_logp,
						   .w_value = t->w_value,
						   .weigh = ebb_weigh_values,
						   .ctx = &t->mb},
					  .rule = ebb_trial_rule(t, critic_lr(t))};
	t->stage = STAGE_CRITIC_DONE;
	return WORK;
}

int ebb_stage_critic_done(struct ebb_trial *t, struct ebb_err *err)
{
	double *m = t->update_reading.metric;

	t->t_update += t->request.seconds;
	ebb_weigh_values_finish(&t->mb, &m[EBB_M_CRITIC_LOSS], &m[EBB_M_CRITIC_CLIP]);
	m[EBB_M_CRITIC_GRAD_NORM] = t->request.grad_norm;
	t->stage = STAGE_UPDATE;
	if (!isfinite(m[EBB_M_CRITIC_LOSS]))
		return ebb_update_fail(t, "the critic's loss is not finite", err);
	if (!isfinite(t->request.grad_norm))
		return ebb_update_fail(t, "the critic's gradient norm is not finite", err);
	return NEXT;
}
