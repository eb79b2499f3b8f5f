/*
 * What the solo runner works with: the lab of one trial, its policies, its optimizer. Files and
 * requests are somebody else's: solo.c runs a trial on it, checkpoint.c saves and restores it.
 */
#ifndef EBB_TRAIN_BENCH_H
#define EBB_TRAIN_BENCH_H

#include "record/tensors.h"
#include "train/trial.h"

struct ebb_channel;

struct ebb_bench {
	struct ebb_lab lab; /* opened by the caller */
	struct ebb_weights *policy;
	int n_policies;
	struct ebb_optim optim;
	struct ebb_optim critic; /* of a separate critic */
	float *grad;
	struct ebb_channel *gpu; /* null: the CPU; else weights and moments are those of the last
				  * ebb_bench_fetch */
};

/* Optimizers as at the start. */
int ebb_bench_optim(struct ebb_bench *b, struct ebb_err *err);
/* Allocate for the lab's model; every policy becomes the base of the lab's options, but for those of
 * preference.data. */
int ebb_bench_fill(struct ebb_bench *b, int n_policies, const char *base_dir,
		   struct ebb_watch *watch, struct ebb_err *err);
void ebb_bench_release(struct ebb_bench *b); /* the lab, too; safe when zero */

/* Move to a GPU, where all requests are served from now on; null: stay. A trial that has no room there
 * stays, too, unless run.device=cuda. EBB_EINVAL: one of another precision cannot stay. */
int ebb_bench_join(struct ebb_bench *b, struct ebb_channel *gpu, struct ebb_err *err);
/* Serve one request. On the CPU nothing can go wrong. */
int ebb_bench_serve(struct ebb_bench *b, struct ebb_request *r, struct ebb_err *err);
/* Weights and moments as they are now, wherever the requests were served. */
int ebb_bench_fetch(struct ebb_bench *b, struct ebb_err *err);
/* policy = mix * current + (1 - mix) * policy, packed anew. */
void ebb_bench_blend(struct ebb_weights *policy, const struct ebb_weights *current, double mix);

/* ---- states on disk (checkpoint.c) ---- */

/* RUN/checkpoints/<id>.h5, or with a step >= 0 the state kept there; caller frees. */
char *ebb_state_path(const char *run_dir, const char *id, int64_t step);
/* RUN/checkpoints/<id>.rows; caller frees. */
char *ebb_state_journal(const char *run_dir, const char *id);

/* Save trial, policies and optimizer as they are between two requests; mark: where the journal
 * stood. Atomic and durable. */
int ebb_state_write(const char *path, struct ebb_bench *b, struct ebb_trial *trial,
		    const struct ebb_journal_mark *mark, struct ebb_err *err);

/* Does the file hold a state that a trial of these options can take up? *step: where it stands.
 * EBB_ENOENT: there is no file; EBB_EFORMAT: damaged, of other settings or of another build. */
int ebb_state_peek(const char *path, const struct ebb_options *o, int64_t *step,
		   struct ebb_err *err);

/* Whose state of exactly this step was kept on the trajectory of these options: their own trial's or
 * that of a shorter or longer one. False: there is none. */
bool ebb_state_kept(const char *run_dir, const struct ebb_options *o, int64_t step,
		    char id[EBB_ID_MAX]);

/* The trajectory (ebb_options_trajectory) a state lies on, whoever wrote it, and its step. */
int ebb_state_trajectory(const char *path, char trajectory[EBB_ID_MAX], int64_t *step,
			 struct ebb_err *err);

/* The policy alone, of any build and whatever it was trained with: the options that shape it
 * (task.name and model.*, the others as built in), and its weights, for a layout of that shape. */
int ebb_state_policy(const char *path, struct ebb_options *o, struct ebb_err *err);
int ebb_state_weights(const char *path, struct ebb_weights *w, struct ebb_err *err);

/* Take it up. After a failure bench and trial are in disorder. */
int ebb_state_read(const char *path, struct ebb_bench *b, struct ebb_trial *trial,
		   struct ebb_journal_mark *mark, struct ebb_err *err);

#endif
