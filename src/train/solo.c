/* The solo runner: serves the requests of one trial on this process's engine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "train/trial.h"

#define FLUSH_S 1.0 /* rows of a running trial reach its file at least this often */

/* policy = mix * current + (1 - mix) * policy, packed anew. */
static void blend(struct ebb_weights *to, const struct ebb_weights *current, double mix)
{
	if (mix == 1) {
		ebb_weights_copy(to, current);
		return;
	}
	for (size_t i = 0; i < current->layout->n_floats; i++)
		to->flat[i] =
			(float)(mix * (double)current->flat[i] + (1 - mix) * (double)to->flat[i]);
	ebb_weights_pack(to);
}

struct bench {
	struct ebb_lab lab;
	struct ebb_weights *policy;
	int n_policies;
	struct ebb_optim optim;
	float *grad;
};

static void serve(struct bench *b, struct ebb_request *r)
{
	double start = ebb_clock();

	if (r->against >= 0)
		r->pass.ref = &b->policy[r->against];
	switch (r->kind) {
	case EBB_REQUEST_DECODE:
		ebb_sampler_decode(b->lab.sampler, &b->policy[r->policy], &r->decode);
		break;
	case EBB_REQUEST_SCORE:
		ebb_pass_score(b->lab.engine, &b->policy[r->policy], &r->pass);
		break;
	case EBB_REQUEST_UPDATE:
		ebb_pass_grad(b->lab.engine, &b->policy[r->policy], &r->pass, b->grad);
		r->grad_norm = ebb_optim_step(b->lab.engine, &b->policy[r->policy], &b->optim,
					      b->grad, &r->rule, NULL);
		break;
	case EBB_REQUEST_BLEND:
		blend(&b->policy[r->policy], &b->policy[EBB_POLICY_CURRENT], r->mix);
		break;
	case EBB_REQUEST_DONE:
		break;
	}
	r->seconds = ebb_clock() - start;
}

/* Weights and optimizer; every policy starts as the base. */
static int bench_fill(struct bench *b, int n_policies, const char *base_dir,
		      struct ebb_watch *watch, struct ebb_err *err)
{
	int rc;

	b->policy = ebb_xcalloc((size_t)n_policies, sizeof *b->policy);
	b->n_policies = n_policies;
	b->grad = aligned_alloc(64, (b->lab.layout.n_floats * sizeof *b->grad + 127) / 64 * 64);
	if (!b->grad)
		return ebb_err_set(err, EBB_ENOMEM, "cannot allocate the gradient");
	rc = ebb_optim_init(&b->optim, &b->lab.layout, err);
	for (int i = 0; rc == 0 && i < n_policies; i++)
		rc = ebb_weights_init(&b->policy[i], &b->lab.layout, b->lab.ops, err);
	if (rc == 0)
		rc = ebb_base_get(&b->lab, base_dir, &b->policy[0], watch, err);
	for (int i = 1; rc == 0 && i < n_policies; i++)
		ebb_weights_copy(&b->policy[i], &b->policy[0]);
	return rc;
}

static void bench_release(struct bench *b)
{
	for (int i = 0; i < b->n_policies; i++)
		ebb_weights_release(&b->policy[i]);
	free(b->policy);
	free(b->grad);
	ebb_optim_release(&b->optim);
	ebb_lab_close(&b->lab);
}

static int run_to_end(struct bench *b, struct ebb_trial *trial, struct ebb_writer *writer,
		      struct ebb_err *err)
{
	double flushed = ebb_clock();

	for (;;) {
		struct ebb_request *r;
		int rc = ebb_trial_next(trial, &r, err);

		if (rc < 0 || r->kind == EBB_REQUEST_DONE)
			return rc;
		if (ebb_trial_at_rest(trial)) {
			if (ebb_stop_requested)
				return ebb_err_set(err, EBB_ESTOP, "interrupted");
			if (ebb_clock() - flushed > FLUSH_S) {
				rc = ebb_writer_flush(writer, err);
				if (rc < 0)
					return rc;
				flushed = ebb_clock();
			}
		}
		serve(b, r);
	}
}

int ebb_solo_run(const struct ebb_solo *solo, enum ebb_status *status, struct ebb_err *err)
{
	const struct ebb_options *o = solo->options;
	char id[EBB_ID_MAX], *trials = ebb_path_join(solo->run_dir, "trials");
	struct ebb_trial_head head = {.id = id,
				      .label = solo->label,
				      .options = o,
				      .catalog = ebb_task_catalog(),
				      .attempt = solo->attempt};
	struct ebb_writer *writer = NULL;
	struct ebb_fields fields = {0};
	struct ebb_trial *trial = NULL;
	struct bench b = {0};
	const char *cause = "";
	int64_t step;
	int rc;

	ebb_options_id(o, ebb_task_catalog(), id);
	rc = ebb_dir_make(trials, err);
	if (rc == 0)
		rc = ebb_lab_open(&b.lab, o, err);
	if (rc < 0)
		goto out;
	ebb_fields_init(&fields, b.lab.task, o, (int)(o->train.prompts * o->train.group),
			b.lab.max_prompt, b.lab.max_tokens);
	rc = ebb_writer_open(&writer, trials, &head, fields.field, fields.n, err);
	if (rc == 0)
		rc = ebb_trial_open(&trial, &b.lab, writer, &fields, solo->watch, err);
	if (rc == 0)
		rc = bench_fill(&b, ebb_trial_policies(trial), solo->base_dir, solo->watch, err);
	if (rc == 0)
		rc = run_to_end(&b, trial, writer, err);
	if (rc == 0) {
		*status = ebb_trial_status(trial, &step, &cause);
		rc = ebb_writer_finish(writer, *status, step, cause, err);
		writer = NULL;
	}
out:
	if (writer)
		ebb_writer_abandon(writer);
	ebb_trial_close(trial);
	ebb_fields_release(&fields);
	bench_release(&b);
	free(trials);
	return rc;
}
