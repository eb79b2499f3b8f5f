/*
 * Stages SHIFT: does entropy change as its covariance with the change of logits says? EI 2.2, check
 * A. The probe states are prefixes of responses that the base policy gives to held-out questions,
 * the same at every step of a trial; their raw logits are taken before and after the first update of
 * a step.
 */
#include "train/stage.h"

#include <string.h>
#include "objective/shift.h"

/* Enough where responses are at least a quarter of the limit long; what is too much is cut off. */
int ebb_trial_shift_rows(const struct ebb_options *o, int T)
{
	return o->probe.states > 0 ? (int)((4 * o->probe.states + T - 1) / T) : 0;
}

bool ebb_trial_shifts(const struct ebb_trial *t)
{
	return ebb_trial_probes(t) && t->shift.capacity > 0;
}

static int ask_logits(struct ebb_trial *t, enum ebb_stage next, float *logits)
{
	ebb_trial_score(t, &t->shift, EBB_POLICY_CURRENT, -1);
	t->request.pass.logp = t->shift.logp;
	t->request.pass.entropy = t->shift.entropy;
	t->request.pass.logits = logits;
	t->stage = next;
	return WORK;
}

int ebb_stage_shift(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->shift;
	struct ebb_draw draw = {.seed = t->o->seed, .stream = EBB_STREAM_EVAL_QUESTION};

	t->stage = STAGE_CRITIC;
	if (!ebb_trial_shifts(t) || t->batch.n == 0)
		return NEXT;
	if (t->shift_drawn)
		return ask_logits(t, STAGE_SHIFT_READY, t->shift_before);
	s->n = s->capacity;
	for (int i = 0; i < s->n; i++) {
		draw.slot = (uint32_t)i;
		t->lab->task->question(t->o, &draw, true, &s->question[i]);
	}
	t->stage = STAGE_SHIFT_DRAWN;
	draw = (struct ebb_draw){.seed = t->o->seed, .stream = EBB_STREAM_PROBE};
	return ebb_trial_decode(t, s, EBB_POLICY_BASE, draw, false);
}

/* Whole rows of token and the last one cut, until there are as many states as asked for. */
int ebb_stage_shift_drawn(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->shift;
	int64_t left = t->o->probe.states;
	int rows = 0;

	t->t_score += t->request.seconds;
	for (; rows < s->n && left > 0; rows++) {
		const struct ebb_question *q = &s->question[rows];
		int32_t *token = s->token + (size_t)rows * (size_t)(s->P + s->T);

		if (s->length[rows] > left)
			s->length[rows] = (int)left;
		left -= s->length[rows];
		memcpy(token, q->prompt, (size_t)q->n_prompt * sizeof *token);
		memcpy(token + q->n_prompt, s->response + (size_t)rows * (size_t)s->T,
		       (size_t)s->length[rows] * sizeof *token);
	}
	s->n = rows;
	t->shift_drawn = true;
	return ask_logits(t, STAGE_SHIFT_READY, t->shift_before);
}

int ebb_stage_shift_ready(struct ebb_trial *t, struct ebb_err *err)
{
	t->t_score += t->request.seconds;
	t->stage = STAGE_CRITIC;
	return NEXT;
}

int ebb_stage_shift_after(struct ebb_trial *t, struct ebb_err *err)
{
	return ask_logits(t, STAGE_SHIFT_DONE, t->shift_after);
}

int ebb_stage_shift_done(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_store *s = &t->shift;
	const int V = t->lab->task->vocabulary;
	struct ebb_shift shift = {0};

	t->t_score += t->request.seconds;
	for (int i = 0; i < s->n; i++)
		for (int k = 0; k < s->length[i]; k++) {
			size_t at = ((size_t)i * (size_t)s->T + (size_t)k) * (size_t)V;

			ebb_shift_add(&shift, t->shift_before + at, t->shift_after + at, V,
				      t->o->sample.temperature, t->shift_scratch);
		}
	if (shift.n > 0) {
		t->reading.metric[EBB_M_SHIFT_TRUE] = shift.measured / (double)shift.n;
		t->reading.metric[EBB_M_SHIFT_PRED] = shift.predicted / (double)shift.n;
		t->reading.metric[EBB_M_SHIFT_SIZE] = shift.size;
	}
	/* where next_update would have gone */
	t->stage = t->epoch < t->o->train.epochs ? STAGE_CRITIC : STAGE_CLOSE;
	return NEXT;
}
