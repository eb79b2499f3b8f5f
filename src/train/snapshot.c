/* The tensors of a rollout batch that the record keeps at every record.snapshot steps: gathered from
 * PREPARE on, written when the updates are through. */
#include "train/stage.h"

#include <math.h>
#include <string.h>

bool ebb_snapshot_due(const struct ebb_trial *t)
{
	return t->writer && t->o->record.snapshot > 0 && t->step % t->o->record.snapshot == 0;
}

void ebb_snapshot_begin(struct ebb_trial *t)
{
	size_t cells = (size_t)(t->batch.capacity * t->batch.G) * (size_t)t->batch.T;

	memset(t->snap_clip, EBB_CLIP_NONE, cells * sizeof *t->snap_clip);
	for (int k = 0; k < EBB_LOGIT_BINS; k++)
		t->snap_logits[k] = NAN;
}

void ebb_snapshot_update(struct ebb_trial *t)
{
	size_t T = (size_t)t->batch.T;
	double sum = 0;

	for (int i = 0; i < t->mb.n; i++)
		memcpy(t->snap_clip + (size_t)t->member[i] * T,
		       t->mark + (size_t)i * (size_t)t->mb.stride, T * sizeof *t->mark);
	if (t->measured)
		return;
	for (int i = 0; i < t->mb.n; i++)
		sum += (double)(t->row[i].length - t->row[i].start);
	sum *= t->lab->task->vocabulary;
	for (int k = 0; sum > 0 && k < EBB_LOGIT_BINS; k++) {
		int64_t n = 0;

		for (int i = 0; i < t->mb.n; i++)
			n += t->histogram[(size_t)i * EBB_LOGIT_BINS + (size_t)k];
		t->snap_logits[k] = (double)n / sum;
	}
}

int ebb_snapshot_write(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_store *s = &t->batch;
	int rows = s->capacity * s->G, width = s->P + s->T;
	/* where another policy drew, the entropy is the trained one's and so is this */
	const double *logp = ebb_trial_off_policy(t) ? s->old : s->logp;
	const double *source[4] = {logp, s->entropy, s->advantage, t->value_drawn};
	const enum ebb_array_field field[4] = {EBB_FIELD_SNAP_LOGP, EBB_FIELD_SNAP_ENTROPY,
					       EBB_FIELD_SNAP_ADVANTAGE, EBB_FIELD_SNAP_VALUE};
	double step = (double)t->step;

	for (int i = 0; i < rows; i++) {
		int used = i < s->n * s->G, n_prompt = used ? s->question[i / s->G].n_prompt : 0;

		t->snap_start[i] = used ? n_prompt : -1;
		for (int k = 0; k < width; k++)
			t->snap_token[i * width + k] =
				used && k < n_prompt + s->length[i] ? s->token[i * width + k] : -1;
	}
	ebb_trial_set(t, EBB_FIELD_SNAPSHOT, &step);
	ebb_trial_set(t, EBB_FIELD_SNAP_TOKEN, t->snap_token);
	ebb_trial_set(t, EBB_FIELD_SNAP_START, t->snap_start);
	for (int f = 0; f < (t->needs.critic ? 4 : 3); f++) {
		for (int c = 0; c < rows * s->T; c++) {
			int i = c / s->T;
			int used = i < s->n * s->G && c % s->T < s->length[i];

			t->snap[c] = used ? (float)source[f][c] : NAN;
		}
		ebb_trial_set(t, field[f], t->snap);
	}
	for (int i = 0; i < rows; i++)
		t->snap[i] = i < s->n * s->G ? (float)s->reward[i] : NAN;
	ebb_trial_set(t, EBB_FIELD_SNAP_REWARD, t->snap);
	ebb_trial_set(t, EBB_FIELD_SNAP_CLIP, t->snap_clip);
	ebb_trial_set(t, EBB_FIELD_SNAP_LOGITS, t->snap_logits);
	return t->writer ? ebb_writer_row(t->writer, EBB_AXIS_SNAPSHOT, err) : 0;
}
