/* Stages CHOOSE, CHOSEN: the few prompts that fill every rollout batch (em.prompts), chosen once before
 * the first step. EI 7.3. */
#include "train/stage.h"

#include "objective/oneshot.h"

/* Candidates are functions of their place, like all questions: a place is all that is remembered. */
static void candidate(const struct ebb_trial *t, int place, struct ebb_question *q)
{
	const struct ebb_draw draw = {
		.seed = t->o->seed, .stream = EBB_STREAM_CANDIDATE, .slot = (uint32_t)place};

	t->lab->task->question(t->o, &draw, false, q);
}

void ebb_trial_question(struct ebb_trial *t, int i, struct ebb_question *q)
{
	struct ebb_draw draw = ebb_trial_draw(t, EBB_STREAM_QUESTION);

	draw.slot = (uint32_t)i;
	if (t->chosen.n > 0)
		candidate(t, t->chosen.index[i % t->chosen.n], q);
	else
		t->lab->task->question(t->o, &draw, false, q);
}

int ebb_stage_choose(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_draw draw = {.seed = t->o->seed, .stream = EBB_STREAM_CANDIDATE_DECODE};

	t->stage = STAGE_COPY;
	if (t->o->em.prompts == 0 || t->chosen.n > 0)
		return NEXT;
	if (t->o->em.select == EBB_EM_NONE) { /* the first ones */
		for (; t->chosen.n < t->o->em.prompts; t->chosen.n++)
			t->chosen.index[t->chosen.n] = t->chosen.n;
		return NEXT;
	}
	for (int i = 0; i < t->candidates.n; i++)
		candidate(t, i, &t->candidates.question[i]);
	t->stage = STAGE_CHOSEN;
	return ebb_trial_decode(t, &t->candidates, EBB_POLICY_BASE, draw, false);
}

int ebb_stage_chosen(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->candidates;

	t->t_sample += t->request.seconds;
	ebb_trial_charge(t, s);
	for (int i = 0; i < s->n; i++) {
		t->successes[i] = 0;
		for (int g = 0; g < s->G; g++) {
			const int row = i * s->G + g;
			struct ebb_answer a = {s->response + (size_t)row * (size_t)s->T,
					       s->length[row], s->truncated[row], NULL};

			t->lab->task->verify(t->o, &s->question[i], &a, &s->verdict[row]);
			t->successes[i] += s->verdict[row].reward >= 1.0;
		}
	}
	t->chosen.n = (int)t->o->em.prompts;
	ebb_pass_select(t->successes, s->n, s->G, t->chosen.n, t->chosen.index);
	t->stage = STAGE_COPY;
	return NEXT;
}
