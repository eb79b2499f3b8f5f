/* Stages ANSWER to INFO: what the policy says to the gold answer after each chain, for the information
 * reward; and the same answers as rows of an update (info.grad). EI 4.6. */
#include "train/stage.h"

#include <string.h>

size_t ebb_trial_answer_stride(const struct ebb_trial *t)
{
	return (size_t)(t->fresh.P + t->fresh.T + t->lab->task->n_cue + EBB_GOLD_MAX);
}

/* Tokens of the response that are its chain, step 1: without end mark where none other ends it. */
static int chain_of(const struct ebb_trial *t, const struct ebb_store *s, int i)
{
	const int32_t *response = s->response + (size_t)i * (size_t)s->T;
	int n = s->length[i];

	if (t->o->info.cut == EBB_INFO_MARKER && s->verdict[i].marker >= 0)
		return s->verdict[i].marker;
	return n - (n > 0 && response[n - 1] == t->lab->task->eos);
}

/* prompt + chain (or one of them, or nothing) + cue + gold answer (+ end mark), step 2. */
struct ebb_row ebb_trial_answer_row(const struct ebb_trial *t, const struct ebb_store *s, int i,
				    bool with_chain, int32_t *token)
{
	const struct ebb_task *task = t->lab->task;
	const struct ebb_question *q = &s->question[with_chain ? i / s->G : i];
	int n = 0, gold = q->n_gold;

	if (t->o->info.condition == EBB_INFO_Q_AND_R) {
		memcpy(token, q->prompt, (size_t)q->n_prompt * sizeof *token);
		n = q->n_prompt;
	}
	if (with_chain) {
		const int chain = chain_of(t, s, i);

		memcpy(token + n, s->response + (size_t)i * (size_t)s->T,
		       (size_t)chain * sizeof *token);
		n += chain;
	}
	memcpy(token + n, task->cue, (size_t)task->n_cue * sizeof *token);
	n += task->n_cue;
	memcpy(token + n, q->gold, (size_t)gold * sizeof *token);
	if (t->o->info.close)
		token[n + gold++] = task->eos;
	if (n < 1 || gold > EBB_GOLD_MAX)
		EBB_BUG("an answer of %d tokens after %d: ebb_lab_check let it pass", gold, n);
	return (struct ebb_row){token, n, n + gold};
}

static int ask_answers(struct ebb_trial *t, int n, bool with_chain, double *logp)
{
	const size_t stride = ebb_trial_answer_stride(t);

	for (int i = 0; i < n; i++)
		t->row[i] = ebb_trial_answer_row(t, &t->fresh, i, with_chain,
						 t->answer_token + (size_t)i * stride);
	t->request = (struct ebb_request){.kind = EBB_REQUEST_SCORE,
					  .policy = ebb_trial_sampler(t),
					  .against = -1,
					  .pass = {.row = t->row,
						   .n = n,
						   .stride = EBB_GOLD_MAX,
						   .tau = t->o->sample.temperature,
						   .logp = logp,
						   .entropy = t->answer_entropy}};
	return WORK;
}

int ebb_stage_answer(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = t->needs.answer ? STAGE_PRIOR : STAGE_KEEP;
	return t->needs.answer ? ask_answers(t, t->fresh.n * t->fresh.G, true, t->answer_logp)
			       : NEXT;
}

int ebb_stage_prior(struct ebb_trial *t, struct ebb_err *err)
{
	t->t_score += t->request.seconds;
	t->request.seconds = 0;
	t->stage = STAGE_INFO;
	return t->needs.answer_prior ? ask_answers(t, t->fresh.n, false, t->prior_logp) : NEXT;
}

int ebb_stage_info(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_store *s = &t->fresh;

	t->t_score += t->request.seconds;
	for (int i = 0; i < s->n * s->G; i++)
		s->info[i] = ebb_info_reward(
			t->o, t->answer_logp + i * EBB_GOLD_MAX,
			t->needs.answer_prior ? t->prior_logp + i / s->G * EBB_GOLD_MAX : NULL,
			s->question[i / s->G].n_gold + t->o->info.close);
	if (t->round == 0)
		ebb_measure_info(s, &t->reading);
	t->stage = STAGE_KEEP;
	return NEXT;
}
