/*
 * Stages HEAT to CHAINS_HEARD: what an evaluation asks for beyond its samples and greedy answers.
 *
 * eval.temperatures: the samples of EVAL once more, with the same uniforms, at other temperatures.
 *
 * eval.chains: I(q;r) = E[log pi(r|q) - log pi(r)], the term that EI 4.1 replaces by -H(r|q) with H(r) held
 * constant. pi(r) is the mean of pi(r|q') over the n questions, that of r among them, so the estimate
 * is at most ln n. A chain ends with its answer marker, else with the response.
 */
#include "train/stage.h"

#include <math.h>
#include <string.h>
#include "base/real.h"

int ebb_stage_heat(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_draw draw = {
		.seed = t->o->seed, .stream = EBB_STREAM_EVAL_DECODE, .step = (uint32_t)t->step};

	while (t->probe_at < t->n_temperatures && t->temperature[t->probe_at] == 0.0)
		t->accuracy_at[t->probe_at++] = t->eval_reading.metric[EBB_M_EVAL_GREEDY];
	if (t->probe_at == t->n_temperatures) {
		t->stage = STAGE_CHAINS;
		return NEXT;
	}
	t->stage = STAGE_HEATED;
	ebb_trial_decode(t, &t->eval, EBB_POLICY_CURRENT, draw, false);
	t->request.decode.tau = t->temperature[t->probe_at];
	return WORK;
}

int ebb_stage_heated(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->eval;
	double right = 0;

	for (int i = 0; i < s->n * s->G; i++) {
		struct ebb_answer a = {s->response + (size_t)i * (size_t)s->T, s->length[i],
				       s->truncated[i], NULL};

		t->lab->task->verify(t->o, &s->question[i / s->G], &a, &s->verdict[i]);
		right += s->verdict[i].reward;
	}
	t->accuracy_at[t->probe_at++] = right / (s->n * s->G);
	t->stage = STAGE_HEAT;
	return NEXT;
}

/* ---- I(q;r) ---- */

int ebb_stage_chains(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_draw draw = {
		.seed = t->o->seed, .stream = EBB_STREAM_CHAIN_DECODE, .step = (uint32_t)t->step};

	t->probe_at = 0;
	t->stage = STAGE_EVAL_CLOSE;
	if (t->chains.n == 0)
		return NEXT;
	t->stage = STAGE_CHAINS_ASK;
	return ebb_trial_decode(t, &t->chains, EBB_POLICY_CURRENT, draw, false);
}

/* Tokens of chain i, its end included. */
static int chain_length(const struct ebb_store *s, int i)
{
	return s->verdict[i].marker >= 0 ? s->verdict[i].marker + 1 : s->length[i];
}

/* All chains after question probe_at. */
int ebb_stage_chains_ask(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->chains;
	const struct ebb_question *q = &s->question[t->probe_at];
	const size_t width = (size_t)(s->P + s->T);

	for (int i = 0; i < s->n; i++) {
		const int32_t *response = s->response + (size_t)i * (size_t)s->T;
		struct ebb_answer a = {response, s->length[i], s->truncated[i], NULL};
		int32_t *token = t->chain_token + (size_t)i * width;
		int n;

		t->lab->task->verify(t->o, &s->question[i], &a, &s->verdict[i]);
		n = chain_length(s, i);
		memcpy(token, q->prompt, (size_t)q->n_prompt * sizeof *token);
		memcpy(token + q->n_prompt, response, (size_t)n * sizeof *token);
		t->row[i] = (struct ebb_row){token, q->n_prompt, q->n_prompt + n};
	}
	t->request = (struct ebb_request){.kind = EBB_REQUEST_SCORE,
					  .policy = EBB_POLICY_CURRENT,
					  .against = -1,
					  .pass = {.row = t->row,
						   .n = s->n,
						   .stride = s->T,
						   .tau = t->o->sample.temperature,
						   .logp = t->chain_pass,
						   .entropy = t->chain_entropy}};
	t->stage = STAGE_CHAINS_HEARD;
	return WORK;
}

/* log of the mean of exp(x[i * stride]). */
static double log_mean(const double *x, int n, int stride)
{
	double max = x[0], sum = 0;

	for (int i = 1; i < n; i++)
		max = ebb_max(max, x[i * stride]);
	for (int i = 0; i < n; i++)
		sum += ebb_exp(x[i * stride] - max);
	return max + ebb_log(sum / n);
}

int ebb_stage_chains_heard(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->chains;
	double sum = 0;

	for (int i = 0; i < s->n; i++) {
		double *logp = &t->chain_logp[t->probe_at * s->n + i];

		*logp = 0;
		for (int k = 0; k < chain_length(s, i); k++)
			*logp += t->chain_pass[(size_t)i * (size_t)s->T + (size_t)k];
	}
	t->stage = STAGE_CHAINS_ASK;
	if (++t->probe_at < s->n)
		return NEXT;
	for (int i = 0; i < s->n; i++)
		sum += t->chain_logp[i * s->n + i] - log_mean(t->chain_logp + i, s->n, s->n);
	t->eval_reading.metric[EBB_M_EVAL_INFO_QR] = sum / s->n;
	t->stage = STAGE_EVAL_CLOSE;
	return NEXT;
}
