/* Supervised pretraining on a task's demonstrations, inside the room: base.c decides what is trained
 * and caches it. */
#ifndef EBB_TRAIN_PRETRAIN_H
#define EBB_TRAIN_PRETRAIN_H

#include "train/lab.h"

/*
 * Train w in place through the stages, last of the list first, each with the steps and the
 * demonstrations of its options. Every run.checkpoint_s seconds, and when interrupted, weights and
 * optimizer are saved at `path`, from where the next call with the same identity goes on; a path
 * that holds something else is overwritten. The file is removed at the end.
 */
int ebb_pretrain(struct ebb_lab *lab, const struct ebb_options *stage, int n_stages,
		 struct ebb_weights *w, const char *path, const char *identity,
		 struct ebb_watch *watch, struct ebb_err *err);

#endif
