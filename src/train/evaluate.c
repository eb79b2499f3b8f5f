/* Stage EVAL: held-out samples and greedy answers, the same questions for every arm; what else an
 * evaluation asks for is in probe.c. */
#include "train/stage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int ebb_stage_eval(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_draw draw = {
		.seed = t->o->seed, .stream = EBB_STREAM_EVAL_DECODE, .step = (uint32_t)t->step};

	if (!ebb_trial_evaluates(t)) {
		t->stage = STAGE_RENEW;
		return NEXT;
	}
	if (t->watch)
		snprintf(t->watch->phase, sizeof t->watch->phase, "evaluating");
	ebb_reading_clear(&t->eval_reading);
	t->stage = STAGE_EVAL_GREEDY;
	ebb_trial_decode(t, &t->eval, EBB_POLICY_CURRENT, draw, false);
	t->request.decode.tau = t->o->eval.temperature;
	return WORK;
}

static bool same_response(const struct ebb_store *s, int a, int b)
{
	return s->length[a] == s->length[b] &&
	       memcmp(s->response + (size_t)a * (size_t)s->T,
		      s->response + (size_t)b * (size_t)s->T,
		      (size_t)s->length[a] * sizeof *s->response) == 0;
}

static double ratio(double sum, double count)
{
	return count > 0 ? sum / count : NAN;
}

int ebb_stage_eval_greedy(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->eval;
	struct ebb_draw draw = {
		.seed = t->o->seed, .stream = EBB_STREAM_EVAL_DECODE, .step = (uint32_t)t->step};
	double right = 0, pass = 0, distinct = 0, entropy = 0, tokens = 0, rows = s->n * s->G;
	double kind_entropy[2] = {0, 0}, kind_tokens[2] = {0, 0}; /* of wrong and right ones */

	for (int i = 0; i < s->n; i++) {
		int any = 0;

		for (int g = 0; g < s->G; g++) {
			int row = i * s->G + g, novel = 1;
			struct ebb_answer a = {s->response + (size_t)row * (size_t)s->T,
					       s->length[row], s->truncated[row], NULL};
			const int n = s->length[row];

			t->lab->task->verify(t->o, &s->question[i], &a, &s->verdict[row]);
			t->outcome[row] = s->verdict[row].reward >= 1.0;
			any |= t->outcome[row];
			right += s->verdict[row].reward;
			for (int b = i * s->G; b < row && novel; b++)
				novel = !same_response(s, row, b);
			distinct += novel;
			for (int k = 0; k < n; k++) {
				double h = s->entropy[(size_t)row * (size_t)s->T + (size_t)k];

				entropy += h;
				kind_entropy[t->outcome[row]] += h;
			}
			tokens += n;
			kind_tokens[t->outcome[row]] += n;
		}
		pass += any;
	}
	t->eval_reading.metric[EBB_M_EVAL_ACCURACY] = right / rows;
	t->eval_reading.metric[EBB_M_EVAL_PASS_K] = pass / s->n;
	t->eval_reading.metric[EBB_M_EVAL_DISTINCT] = distinct / rows;
	t->eval_reading.metric[EBB_M_EVAL_ENTROPY] = entropy / tokens;
	t->eval_reading.metric[EBB_M_EVAL_ENTROPY_WRONG] = ratio(kind_entropy[0], kind_tokens[0]);
	t->eval_reading.metric[EBB_M_EVAL_ENTROPY_CORRECT] = ratio(kind_entropy[1], kind_tokens[1]);
	t->eval_reading.metric[EBB_M_EVAL_LENGTH] = tokens / rows;
	t->stage = STAGE_TREES;
	return ebb_trial_decode(t, &t->eval_greedy, EBB_POLICY_CURRENT, draw, true);
}

int ebb_stage_eval_done(struct ebb_trial *t, struct ebb_err *err)
{
	struct ebb_store *s = &t->eval_greedy;
	double right = 0;

	for (int i = 0; i < s->n; i++) {
		struct ebb_answer a = {s->response + (size_t)i * (size_t)s->T, s->length[i],
				       s->truncated[i], NULL};

		t->lab->task->verify(t->o, &s->question[i], &a, &s->verdict[i]);
		t->greedy_outcome[i] = s->verdict[i].reward >= 1.0;
		right += s->verdict[i].reward;
	}
	t->eval_reading.metric[EBB_M_EVAL_GREEDY] = right / s->n;
	t->probe_at = 0;
	t->stage = STAGE_HEAT;
	return NEXT;
}

int ebb_stage_eval_close(struct ebb_trial *t, struct ebb_err *err)
{
	double step = (double)t->step;
	int rc;

	ebb_trial_set(t, EBB_FIELD_OUTCOME, t->outcome);
	ebb_trial_set(t, EBB_FIELD_GREEDY, t->greedy_outcome);
	ebb_trial_set(t, EBB_FIELD_EVAL, &step);
	if (t->n_temperatures > 0) {
		ebb_trial_set(t, EBB_FIELD_TEMPERATURE, t->temperature);
		ebb_trial_set(t, EBB_FIELD_ACCURACY_AT, t->accuracy_at);
	}
	rc = ebb_trial_row(t, EBB_AXIS_EVAL, &t->eval_reading, err);
	t->stage = t->step == t->o->train.steps ? STAGE_DONE : STAGE_RENEW;
	if (ebb_trial_stops(t)) {
		t->status = EBB_STATUS_EXPLODED;
		snprintf(t->cause, sizeof t->cause,
			 "entropy was above %.3g nats for %d steps; it began at %.3g",
			 ebb_guard_limit(t->guard.start, t->lab->task->vocabulary),
			 EBB_EXPLODED_STEPS, t->guard.start);
		t->stage = STAGE_DONE;
	}
	return rc < 0 ? rc : NEXT;
}
