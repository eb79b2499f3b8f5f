/* AdamW with a limit on the global gradient norm (Loshchilov and Hutter, arXiv:1711.05101). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/real.h"
#include "model/engine.h"

int ebb_optim_init(struct ebb_optim *opt, const struct ebb_layout *layout, struct ebb_err *err)
{
	*opt = (struct ebb_optim){
		.m = ebb_calloc(layout->n_floats, sizeof *opt->m, err),
		.v = ebb_calloc(layout->n_floats, sizeof *opt->v, err),
	};
	if (opt->m == NULL || opt->v == NULL) {
		ebb_optim_release(opt);
		return ebb_err_wrap(err, "moments of %zu parameters", layout->n_parameters);
	}
	return 0;
}

void ebb_optim_release(struct ebb_optim *opt)
{
	free(opt->m);
	free(opt->v);
	*opt = (struct ebb_optim){0};
}

struct job {
	struct ebb_engine *e;
	struct ebb_weights *w;
	struct ebb_optim *opt;
	const float *grad;
	bool measure;
	struct ebb_adamw_rule rule;
};

static void square_item(void *ctx, int item, int worker)
{
	const struct job *job = ctx;
	size_t n = job->e->net.layout->n_floats, first = (size_t)item * EBB_RANGE;

	job->e->partial[item] = job->e->net.ops->sum_squares(
		n - first < EBB_RANGE ? n - first : EBB_RANGE, job->grad + first);
}

/* Update one tensor and pack it while it is in cache. */
static void tensor_item(void *ctx, int item, int worker)
{
	const struct job *job = ctx;
	const struct ebb_net *net = &job->e->net;
	const struct ebb_tensor *t = &net->layout->tensor[item];
	size_t at = t->offset, n = (size_t)t->rows * (size_t)t->cols;
	float *old = job->e->lane + at; /* free between two gradient passes */

	if (job->measure)
		memcpy(old, job->w->flat + at, n * sizeof *old);
	net->ops->adamw(n, job->w->flat + at, job->grad + at, job->opt->m + at, job->opt->v + at,
			job->rule.scale, job->rule.lr, job->rule.b1, job->rule.b2, job->rule.c1,
			job->rule.c2, job->rule.eps, t->decay ? job->rule.decay : 0.0F);
	if (job->measure) {
		for (size_t i = 0; i < n; i++)
			old[i] -= job->w->flat[at + i];
		job->e->moved[item] = net->ops->sum_squares(n, old);
	}
	ebb_tensor_pack(job->w, item, &net->panels[item]);
}

/* 1 - beta^t, without libm, whose bits differ between processors. */
static double bias_correction(double beta, int64_t t)
{
	return -ebb_expm1((double)t * ebb_log(beta));
}

bool ebb_optim_clips(const struct ebb_optim_rule *rule, double norm)
{
	return rule->grad_clip > 0.0 && norm > rule->grad_clip && isfinite(norm);
}

struct ebb_adamw_rule ebb_optim_numbers(const struct ebb_optim_rule *rule, double norm, int64_t t)
{
	return (struct ebb_adamw_rule){
		.scale = ebb_optim_clips(rule, norm) ? (float)(rule->grad_clip / norm) : 1.0F,
		.lr = (float)rule->lr,
		.b1 = (float)rule->beta1,
		.b2 = (float)rule->beta2,
		.c1 = (float)bias_correction(rule->beta1, t),
		.c2 = (float)bias_correction(rule->beta2, t),
		.eps = (float)rule->eps,
		.decay = (float)rule->weight_decay,
	};
}

double ebb_optim_step(struct ebb_engine *e, struct ebb_weights *w, struct ebb_optim *opt,
		      const float *grad, const struct ebb_optim_rule *rule,
		      struct ebb_optim_stepped *did)
{
	struct job job = {.e = e, .w = w, .opt = opt, .grad = grad, .measure = did != NULL};
	double sum = 0.0, norm;

	ebb_pool_run(e->pool, e->n_ranges, square_item, &job);
	for (int i = 0; i < e->n_ranges; i++)
		sum += e->partial[i];
	norm = sqrt(sum);
	if (did != NULL)
		*did = (struct ebb_optim_stepped){.clipped = ebb_optim_clips(rule, norm)};
	if (!isfinite(norm))
		return norm;
	job.rule = ebb_optim_numbers(rule, norm, ++opt->t);
	ebb_pool_run(e->pool, e->net.layout->n_tensors, tensor_item, &job);
	if (did != NULL) {
		for (int i = 0; i < e->net.layout->n_tensors; i++)
			did->moved += e->moved[i];
		did->moved = sqrt(did->moved);
	}
	return norm;
}
