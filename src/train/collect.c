/* Stages DRAW to KEEP: one rollout batch, from questions to the groups that are trained on. */
#include "train/stage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int ebb_stage_renew(struct ebb_trial *t, struct ebb_err *err)
{
	t->step_started = ebb_clock();
	t->t_sample = t->t_score = t->t_update = 0;
	t->round = 0;
	t->probe = t->writer && ebb_trial_evaluates(t);
	ebb_reading_clear(&t->reading);
	t->batch.n = 0;
	for (; t->batch.n < t->carry.n && t->batch.n < t->batch.capacity; t->batch.n++)
		ebb_store_copy(&t->batch, t->batch.n, &t->carry, t->batch.n);
	t->carried = t->batch.n;
	t->measured = false;
	t->all_right = t->all_wrong = t->dropped = 0;
	t->baseline_sum = 0;
	t->carry.n = 0;
	if (t->watch)
		snprintf(t->watch->phase, sizeof t->watch->phase, "training");
	t->stage = STAGE_CHOOSE;
	if (t->o->ref.every > 0 && t->step > 0 && t->step % t->o->ref.every == 0) {
		t->request = (struct ebb_request){.kind = EBB_REQUEST_BLEND,
						  .against = -1,
						  .policy = EBB_POLICY_REFERENCE,
						  .mix = t->o->ref.mix};
		return WORK;
	}
	return NEXT;
}

/* The policy behind the static baseline becomes the current one. PG 4.7. */
int ebb_stage_refresh(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_DRAW;
	if (ebb_trial_static(t) == EBB_POLICY_BASE || t->step == 0 ||
	    t->step % t->o->advantage.refresh != 0)
		return NEXT;
	t->request = (struct ebb_request){
		.kind = EBB_REQUEST_BLEND, .against = -1, .policy = ebb_trial_static(t), .mix = 1};
	return WORK;
}

int ebb_stage_draw(struct ebb_trial *t, struct ebb_err *err)
{
	t->fresh.n = (int)t->o->train.prompts;
	for (int i = 0; i < t->fresh.n; i++)
		ebb_trial_question(t, i, &t->fresh.question[i]);
	t->dealt = 0;
	t->drawn = 0;
	t->stage = STAGE_DEAL;
	return NEXT;
}

int ebb_stage_drawn(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_draw draw = ebb_trial_draw(t, EBB_STREAM_REWARD);
	size_t cells = (size_t)(t->fresh.n * t->fresh.G) * (size_t)t->fresh.T;

	t->t_sample += t->request.seconds;
	ebb_store_judge_samples(&t->fresh, t->lab, t->drawn_from, t->drawn, &draw);
	if (t->drawn < t->fresh.G)
		return ebb_grow(t, &t->fresh, t->o->tree.sampler, ebb_trial_behaviour(t),
				ebb_trial_draw(t, EBB_STREAM_DECODE));
	memcpy(t->fresh.old, t->fresh.logp, cells * sizeof *t->fresh.old);
	ebb_trial_charge(t, &t->fresh);
	t->request.seconds = 0;
	t->stage = STAGE_JUDGED;
	if (!ebb_trial_off_policy(t))
		return NEXT;
	/* another policy drew: what is measured and weighed is the trained one's */
	ebb_trial_score(t, &t->fresh, EBB_POLICY_CURRENT, -1);
	t->request.pass.logp = t->fresh.old;
	t->request.pass.entropy = t->fresh.entropy;
	return WORK;
}

int ebb_stage_judged(struct ebb_trial *t, struct ebb_err *err)
{
	t->t_score += t->request.seconds;
	if (t->round == 0 && ebb_trial_measures(t)) {
		ebb_measure_rollouts(t->lab, &t->fresh, &t->reading, t->position_entropy,
				     t->position_count);
		ebb_measure_entropy(&t->fresh, t->logp, &t->reading, t->decile_entropy);
		ebb_grow_measure(t, &t->fresh, &t->reading);
		if (ebb_trial_off_policy(t)) /* -log p of another policy's tokens: no entropy */
			t->reading.metric[EBB_M_ENTROPY_SAMPLED] = NAN;
	}
	t->stage = STAGE_GREEDY;
	if (t->needs.reference_samples > 0) {
		t->reference.n = t->fresh.n;
		memcpy(t->reference.question, t->fresh.question,
		       (size_t)t->fresh.n * sizeof *t->fresh.question);
		t->stage = STAGE_STATIC_DONE;
		return ebb_trial_decode(t, &t->reference, ebb_trial_static(t),
					ebb_trial_draw(t, EBB_STREAM_REFERENCE), false);
	}
	return NEXT;
}

/* Mean shaped reward of each group of the store: the baseline of its question. */
static void baseline_of(struct ebb_trial *t, struct ebb_store *s)
{
	struct ebb_draw draw = ebb_trial_draw(t, EBB_STREAM_REWARD);
	struct ebb_batch view;

	t->t_sample += t->request.seconds;
	draw.sample = 1u << 19; /* random rewards of baselines are not those of the rollouts */
	ebb_store_judge(s, t->lab, 0, s->n, &draw);
	view = ebb_store_batch(s, &(struct ebb_needs){0});
	ebb_objective_shape(t->o, &view);
	ebb_trial_charge(t, s);
	for (int i = 0; i < s->n; i++) {
		double sum = 0;

		for (int g = 0; g < s->G; g++)
			sum += s->shaped[i * s->G + g];
		t->fresh.baseline[i] = sum / s->G;
		t->baseline_sum += sum / s->G;
	}
}

int ebb_stage_static_done(struct ebb_trial *t, struct ebb_err *err)
{
	baseline_of(t, &t->reference);
	ebb_inject_judge(t);
	t->stage = STAGE_GREEDY;
	return NEXT;
}

int ebb_stage_greedy(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_PROBE;
	if (!t->needs.greedy)
		return NEXT;
	t->greedy.n = t->fresh.n;
	memcpy(t->greedy.question, t->fresh.question,
	       (size_t)t->fresh.n * sizeof *t->fresh.question);
	t->stage = STAGE_GREEDY_DONE;
	return ebb_trial_decode(t, &t->greedy, ebb_trial_sampler(t),
				ebb_trial_draw(t, EBB_STREAM_DECODE), true);
}

int ebb_stage_greedy_done(struct ebb_trial *t, struct ebb_err *err)
{
	baseline_of(t, &t->greedy);
	t->stage = STAGE_PROBE;
	return NEXT;
}

int ebb_stage_probe(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_INJECT;
	if (!t->probe || t->round > 0)
		return NEXT;
	t->stage = STAGE_PROBE_DONE;
	ebb_trial_score(t, &t->fresh, EBB_POLICY_CURRENT, EBB_POLICY_REFERENCE);
	t->request.pass.kl = t->fresh.kl;
	t->request.pass.kl_from = t->kl;
	t->request.pass.logp_ref = t->fresh.ref;
	t->request.pass.logits = t->logits;
	return WORK;
}

int ebb_stage_probe_done(struct ebb_trial *t, struct ebb_err *err)
{
	t->t_score += t->request.seconds;
	ebb_measure_kl(&t->fresh, t->logp, t->kl, &t->reading);
	ebb_measure_distribution(&t->fresh, t->logits, t->lab->task->vocabulary,
				 t->o->sample.temperature, t->logits_work, &t->reading);
	t->stage = STAGE_INJECT;
	return NEXT;
}

/* ---- dynamic sampling ---- */

int ebb_stage_keep(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_batch view = ebb_store_batch(&t->fresh, &t->needs);

	ebb_objective_shape(t->o, &view);
	ebb_objective_keep(t->o, &view, t->keep);
	for (int i = 0; i < t->fresh.n; i++) {
		bool barred = t->needs.reference_samples > 0 && t->barred[i];

		t->dropped += barred;
		if (!t->keep[i] || barred)
			continue;
		if (t->batch.n < t->batch.capacity)
			ebb_store_copy(&t->batch, t->batch.n++, &t->fresh, i);
		else if (t->o->dynamic.surplus == EBB_SURPLUS_CARRY &&
			 t->carry.n < t->carry.capacity)
			ebb_store_copy(&t->carry, t->carry.n++, &t->fresh, i);
	}
	t->round++;
	t->stage = STAGE_STALE;
	if (t->o->dynamic.on != EBB_DYNAMIC_OFF && t->batch.n < t->batch.capacity &&
	    t->round < t->o->dynamic.max_rounds)
		t->stage = STAGE_DRAW;
	return NEXT;
}
