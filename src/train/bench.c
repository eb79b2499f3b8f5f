#include "train/bench.h"
#include "train/gpu_client.h"

#include <stdlib.h>

void ebb_bench_blend(struct ebb_weights *to, const struct ebb_weights *current, double mix)
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

static void serve_here(struct ebb_bench *b, struct ebb_request *r)
{
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
		r->grad_norm =
			ebb_optim_step(b->lab.engine, &b->policy[r->policy],
				       r->policy == EBB_POLICY_CURRENT ? &b->optim : &b->critic,
				       b->grad, &r->rule, &r->stepped);
		break;
	case EBB_REQUEST_BLEND:
		ebb_bench_blend(&b->policy[r->policy], &b->policy[EBB_POLICY_CURRENT], r->mix);
		break;
	case EBB_REQUEST_REST:
	case EBB_REQUEST_DONE:
		break;
	}
}

int ebb_bench_serve(struct ebb_bench *b, struct ebb_request *r, struct ebb_err *err)
{
	double start = ebb_clock();
	int rc = 0;

	if (b->gpu)
		rc = ebb_client_serve(b->gpu, b, r, err);
	else
		serve_here(b, r);
	r->seconds = ebb_clock() - start;
	return rc;
}

int ebb_bench_join(struct ebb_bench *b, struct ebb_channel *gpu, struct ebb_err *err)
{
	const struct ebb_options *o = b->lab.o;
	int rc;

	if (!gpu && o->run.precision != EBB_PRECISION_FP32)
		return ebb_err_set(
			err, EBB_EINVAL,
			"run.precision=tf32 and bf16 are computed by a GPU alone, and with "
			"bits that depend on who shares its passes: this trial cannot be "
			"computed again here");
	rc = gpu ? ebb_client_join(gpu, b, err) : 0;
	if (rc == 0)
		b->gpu = gpu;
	if (rc != EBB_ENOMEM || o->run.device == EBB_DEVICE_CUDA)
		return rc;
	*err = (struct ebb_err)EBB_ERR_INIT; /* auto: what a GPU has no room for runs here */
	return 0;
}

int ebb_bench_fetch(struct ebb_bench *b, struct ebb_err *err)
{
	return b->gpu ? ebb_client_fetch(b->gpu, b, err) : 0;
}

int ebb_bench_optim(struct ebb_bench *b, struct ebb_err *err)
{
	int rc;

	ebb_optim_release(&b->optim);
	ebb_optim_release(&b->critic);
	rc = ebb_optim_init(&b->optim, &b->lab.layout, err);
	if (rc == 0 && b->lab.o->critic.model == EBB_CRITIC_SEPARATE)
		rc = ebb_optim_init(&b->critic, &b->lab.layout, err);
	return rc;
}

int ebb_bench_fill(struct ebb_bench *b, int n_policies, const char *base_dir,
		   struct ebb_watch *watch, struct ebb_err *err)
{
	int rc;

	b->policy = ebb_xcalloc((size_t)n_policies, sizeof *b->policy);
	b->n_policies = n_policies;
	b->grad = aligned_alloc(64, (b->lab.layout.n_floats * sizeof *b->grad + 127) / 64 * 64);
	if (!b->grad)
		return ebb_err_set(err, EBB_ENOMEM, "cannot allocate the gradient");
	rc = ebb_bench_optim(b, err);
	for (int i = 0; rc == 0 && i < n_policies; i++)
		rc = ebb_weights_init(&b->policy[i], &b->lab.layout, b->lab.ops, err);
	if (rc == 0)
		rc = ebb_base_get(&b->lab, base_dir, &b->policy[0], watch, err);
	for (int i = 1; rc == 0 && i < n_policies; i++)
		ebb_weights_copy(&b->policy[i], &b->policy[0]);
	if (rc == 0 && ebb_data_count(b->lab.o) > 0)
		rc = ebb_data_weights(&b->lab, base_dir, &b->policy[EBB_POLICY_RING], watch, err);
	return rc;
}

void ebb_bench_release(struct ebb_bench *b)
{
	for (int i = 0; i < b->n_policies; i++)
		ebb_weights_release(&b->policy[i]);
	free(b->policy);
	free(b->grad);
	ebb_optim_release(&b->optim);
	ebb_optim_release(&b->critic);
	ebb_lab_close(&b->lab);
	*b = (struct ebb_bench){0};
}
