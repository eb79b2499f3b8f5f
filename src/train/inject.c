/*
 * Group sampling of static baselines (PG 4.7): prompts whose reference rollouts are all right leave
 * the batch; where all are wrong, the prompt leaves, too, or one stored right trajectory takes the
 * place of a rollout. PVPO takes that trajectory from a larger model. Here there is none: it is the
 * task's own demonstration of the question, if the verifier rewards it, and the reference policy
 * stands in for its generator: the old log-probabilities are that policy's, so that the ratio is
 * pi / pi_ref.
 */
#include "train/stage.h"

#include <string.h>

void ebb_inject_register(struct ebb_trial *t, int groups, int T)
{
	int limit = t->lab->task->limit(t->o);

	ebb_arena_add(&t->arena, &t->barred, (size_t)groups, sizeof *t->barred);
	ebb_arena_add(&t->arena, &t->failed, (size_t)groups, sizeof *t->failed);
	ebb_arena_add(&t->arena, &t->demonstration,
		      t->needs.inject ? (size_t)(limit > T ? limit : T) : 0,
		      sizeof *t->demonstration);
}

void ebb_inject_judge(struct ebb_trial *t)
{
	const struct ebb_store *s = &t->reference;
	bool samples = t->o->advantage.acc0 != EBB_ACC0_KEEP;

	for (int i = 0; i < s->n; i++) {
		bool right = true, wrong = true;

		for (int g = 0; g < s->G; g++) {
			right = right && s->reward[i * s->G + g] >= 1.0;
			wrong = wrong && s->reward[i * s->G + g] <= 0.0;
		}
		t->all_right += right;
		t->all_wrong += wrong;
		t->failed[i] = samples && wrong;
		t->barred[i] = samples && ((right && t->o->advantage.acc1 == EBB_ACC1_DROP) ||
					   (wrong && !t->needs.inject));
	}
}

/* The demonstration in place of the group's last rollout; false: there is none to be had. */
static bool replace(struct ebb_trial *t, int i)
{
	struct ebb_store *s = &t->fresh;
	const struct ebb_task *task = t->lab->task;
	struct ebb_draw draw = ebb_trial_draw(t, EBB_STREAM_INJECT);
	struct ebb_draw reward = ebb_trial_draw(t, EBB_STREAM_REWARD);
	struct ebb_verdict verdict;
	int row = i * s->G + s->G - 1, n;

	draw.slot = (uint32_t)i;
	n = task->demonstrate(t->o, &draw, &s->question[i], t->demonstration);
	if (n > s->T)
		return false;
	task->verify(t->o, &s->question[i], &(struct ebb_answer){.token = t->demonstration, .n = n},
		     &verdict);
	if (verdict.reward < 1.0)
		return false;
	memcpy(s->response + (size_t)row * (size_t)s->T, t->demonstration,
	       (size_t)n * sizeof *t->demonstration);
	s->length[row] = n;
	s->truncated[row] = false;
	ebb_store_judge(s, t->lab, i, 1, &reward); /* the others are judged as before */
	s->injected[row] = true;
	return true;
}

int ebb_stage_inject(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->fresh;
	int n = 0;

	t->stage = STAGE_ANSWER;
	if (!t->needs.inject)
		return NEXT;
	for (int i = 0; i < s->n; i++) {
		if (!t->failed[i])
			continue;
		t->barred[i] = !replace(t, i);
		if (!t->barred[i])
			t->row[n++] = ebb_store_row(s, i * s->G + s->G - 1);
	}
	if (n == 0)
		return NEXT;
	t->request = (struct ebb_request){.kind = EBB_REQUEST_SCORE,
					  .policy = ebb_trial_static(t),
					  .against = -1,
					  .pass = {.row = t->row,
						   .n = n,
						   .stride = s->T,
						   .tau = t->o->sample.temperature,
						   .logp = t->logp,
						   .entropy = t->entropy}};
	t->stage = STAGE_INJECT_DONE;
	return WORK;
}

int ebb_stage_inject_done(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->fresh;
	size_t T = (size_t)s->T, from = 0;

	t->t_score += t->request.seconds;
	for (int i = 0; i < s->n * s->G; i++) {
		size_t to = (size_t)i * T, bytes = (size_t)s->length[i] * sizeof *s->logp;

		if (!s->injected[i])
			continue;
		memcpy(s->logp + to, t->logp + from, bytes);
		memcpy(s->sampler_logp + to, t->logp + from, bytes);
		memcpy(s->old + to, t->logp + from, bytes);
		memcpy(s->entropy + to, t->entropy + from, bytes);
		from += T;
	}
	t->stage = STAGE_ANSWER;
	return NEXT;
}

bool ebb_inject_any(const struct ebb_trial *t, const int *row, int n)
{
	for (int i = 0; i < n; i++)
		if (t->batch.injected[row[i]])
			return true;
	return false;
}
