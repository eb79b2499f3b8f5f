/* The datasets of a trial's record: every metric, the task's curves, and the arrays below. */
#ifndef EBB_TRAIN_FIELDS_H
#define EBB_TRAIN_FIELDS_H

#include "record/record.h"
#include "train/lab.h"

/* Fields that are no metrics, in the order they follow them. */
enum ebb_array_field {
	EBB_FIELD_STEP,   /* axis/step: rollout batches completed before the row was measured */
	EBB_FIELD_UPDATE, /* axis/update: updates before this one, skipped too                  */
	EBB_FIELD_UPDATE_STEP, /* actor/update_of_step: rollout batch an update belongs to         */
	EBB_FIELD_EVAL,     /* axis/eval: rollout batches completed before the evaluation       */
	EBB_FIELD_SNAPSHOT, /* axis/snapshot: rollout batch of the tensors                      */
	EBB_FIELD_POSITION_ENTROPY, /* position/entropy      (T)    mean by response position       */
	EBB_FIELD_POSITION_COUNT, /* position/count        (T)    responses that long             */
	EBB_FIELD_DECILE_ENTROPY, /* position/entropy_decile (deciles) by relative position        */
	EBB_FIELD_OUTCOME,        /* eval/outcome          (questions, samples) 1 right, 0 wrong  */
	EBB_FIELD_GREEDY,         /* eval/greedy_outcome   (questions)                            */
	EBB_FIELD_SNAP_TOKEN,     /* snapshot/token        (R, P+T)   -1 beyond the end           */
	EBB_FIELD_SNAP_START,     /* snapshot/start        (R)        first response token        */
	EBB_FIELD_SNAP_LOGP,      /* snapshot/logp         (R, T)                                 */
	EBB_FIELD_SNAP_ENTROPY,   /* snapshot/entropy      (R, T)                                 */
	EBB_FIELD_SNAP_ADVANTAGE, /* snapshot/advantage    (R, T)                                 */
	EBB_FIELD_SNAP_REWARD,    /* snapshot/reward       (R)                                    */
	EBB_FIELD_SNAP_CLIP,      /* snapshot/clip         (R, T)     enum ebb_clip_mark          */
	EBB_FIELD_SNAP_LOGITS,    /* snapshot/logit_histogram (bins)  shares                      */
	EBB_FIELD_SNAP_VALUE,     /* snapshot/value        (R, T)     with a critic alone         */
	EBB_FIELD_TEMPERATURE, /* eval/temperature      (temperatures) with eval.temperatures alone */
	EBB_FIELD_ACCURACY_AT, /* eval/accuracy_at_temperature (temperatures) alike            */
	EBB_FIELD_TREE_DEPTH,  /* tree/depth_decile     (deciles)   with trees alone            */
	EBB_N_ARRAY_FIELDS
};

struct ebb_fields {
	struct ebb_field *field;
	int n;
	int n_metrics;                 /* built-in metrics come first, field i is metric i  */
	int first_curve;               /* then the task's curves                            */
	int first_array;               /* then enum ebb_array_field, those this trial has   */
	int place[EBB_N_ARRAY_FIELDS]; /* behind first_array; -1: this trial has none of it */
};

/* R rows a rollout batch, P and T as in struct ebb_store. */
void ebb_fields_init(struct ebb_fields *f, const struct ebb_task *task, const struct ebb_options *o,
		     int R, int P, int T);
void ebb_fields_release(struct ebb_fields *f);

#endif
