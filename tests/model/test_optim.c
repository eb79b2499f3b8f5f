/* AdamW against the same rule in double precision, and a small problem that must be learnt. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "model/rig.h"

static const struct ebb_optim_rule rule = {.lr = 1e-2,
					   .beta1 = 0.9,
					   .beta2 = 0.95,
					   .eps = 1e-8,
					   .weight_decay = 0.1,
					   .grad_clip = 3.0};

/* One update in double precision; returns the norm. */
static double update(const struct ebb_layout *layout, double *w, double *m, double *v, int t,
		     const float *grad)
{
	double sum = 0.0, norm, scale;

	for (size_t i = 0; i < layout->n_floats; i++)
		sum += (double)grad[i] * grad[i];
	norm = sqrt(sum);
	scale = norm > rule.grad_clip ? rule.grad_clip / norm : 1.0;
	for (int k = 0; k < layout->n_tensors; k++) {
		const struct ebb_tensor *tensor = &layout->tensor[k];

		for (int j = 0; j < tensor->rows * tensor->cols; j++) {
			size_t i = tensor->offset + j;
			double g = grad[i] * scale;

			m[i] = rule.beta1 * m[i] + (1.0 - rule.beta1) * g;
			v[i] = rule.beta2 * v[i] + (1.0 - rule.beta2) * g * g;
			w[i] -= rule.lr *
				(m[i] / (1.0 - pow(rule.beta1, t)) /
					 (sqrt(v[i] / (1.0 - pow(rule.beta2, t))) + rule.eps) +
				 (tensor->decay ? rule.weight_decay * w[i] : 0.0));
		}
	}
	return norm;
}

/* Small and large gradients, so that the limit acts on some updates and not on others. */
static void gradient_draw(const struct ebb_layout *layout, int step, float *grad)
{
	double size = step % 2 == 0 ? 0.01 : 1.0;

	memset(grad, 0, layout->n_floats * sizeof *grad);
	for (int k = 0; k < layout->n_tensors; k++) {
		struct ebb_draw draw = {
			.stream = EBB_STREAM_TEST, .slot = (uint32_t)k, .step = (uint32_t)step};

		for (int j = 0; j < layout->tensor[k].rows * layout->tensor[k].cols; j++)
			grad[layout->tensor[k].offset + j] =
				(float)(size * ebb_normal(&draw, (uint32_t)j));
	}
}

Test(optim, follows_the_rule_in_double)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_optim opt;
	struct rig rig;
	size_t n;
	double *w;
	float *grad, *before;
	int acted = 0;

	cr_assert(rig_open(&rig, &shape[1].model, "auto", 2, 4));
	cr_assert_eq(ebb_optim_init(&opt, &rig.layout, &err), 0, "%s", err.text);
	n = rig.layout.n_floats;
	w = calloc(3 * n, sizeof *w);
	grad = calloc(n, sizeof *grad);
	before = calloc(n, sizeof *before);
	for (size_t i = 0; i < n; i++)
		w[i] = rig.w.flat[i];
	for (int step = 1; step <= 20; step++) {
		struct ebb_optim_stepped did;
		double norm, should, moved = 0;

		gradient_draw(&rig.layout, step, grad);
		memcpy(before, rig.w.flat, n * sizeof *before);
		norm = ebb_optim_step(rig.e, &rig.w, &opt, grad, &rule, &did);
		should = update(&rig.layout, w, w + n, w + 2 * n, step, grad);
		cr_assert_float_eq(norm, should, 1e-9 * should);
		cr_assert_eq(did.clipped, should > rule.grad_clip);
		for (size_t i = 0; i < n; i++)
			moved += ((double)rig.w.flat[i] - before[i]) *
				 ((double)rig.w.flat[i] - before[i]);
		cr_assert_float_eq(did.moved, sqrt(moved), 1e-6 * sqrt(moved),
				   "%.9g, should be %.9g", did.moved, sqrt(moved));
		cr_assert_eq(opt.t, step);
		acted += did.clipped;
		for (size_t i = 0; i < n; i++)
			cr_assert_float_eq(rig.w.flat[i], w[i], 1e-5 * (0.1 + fabs(w[i])),
					   "step %d, weight %zu: %.9g, should be %.9g", step, i,
					   rig.w.flat[i], w[i]);
	}
	cr_assert_eq(acted, 10, "the limit must act on every other update, it acted on %d", acted);
	free(w);
	free(grad);
	free(before);
	ebb_optim_release(&opt);
	rig_close(&rig);
}

Test(optim, refuses_what_is_not_finite)
{
	const float bad[] = {NAN, INFINITY, -INFINITY};
	struct ebb_optim opt;
	struct rig rig;
	float *before, *grad;
	size_t n;

	cr_assert(rig_open(&rig, &shape[0].model, "auto", 1, 4));
	cr_assert_eq(ebb_optim_init(&opt, &rig.layout, NULL), 0);
	n = rig.layout.n_floats;
	before = calloc(n, sizeof *before);
	grad = calloc(n, sizeof *grad);
	memcpy(before, rig.w.flat, n * sizeof *before);
	for (int i = 0; i < 3; i++) {
		struct ebb_optim_stepped did = {true, 1};

		grad[5] = bad[i];
		cr_assert(!isfinite(ebb_optim_step(rig.e, &rig.w, &opt, grad, &rule, &did)));
		cr_assert(!did.clipped && did.moved == 0);
		cr_assert_eq(opt.t, 0);
		cr_assert_arr_eq(before, rig.w.flat, n * sizeof *before);
	}
	free(before);
	free(grad);
	ebb_optim_release(&opt);
	rig_close(&rig);
}

/* No limit: 0 and infinity alike. */
Test(optim, limit_can_be_off)
{
	const double off[] = {0.0, INFINITY};
	struct ebb_optim opt[2];
	struct rig rig[2];
	float *grad = NULL;

	for (int i = 0; i < 2; i++) {
		struct ebb_optim_rule r = rule;
		struct ebb_optim_stepped did = {true, 0};

		r.grad_clip = off[i];
		cr_assert(rig_open(&rig[i], &shape[0].model, "auto", 1, 4));
		cr_assert_eq(ebb_optim_init(&opt[i], &rig[i].layout, NULL), 0);
		if (grad == NULL)
			grad = calloc(rig[i].layout.n_floats, sizeof *grad);
		gradient_draw(&rig[i].layout, 1, grad);
		ebb_optim_step(rig[i].e, &rig[i].w, &opt[i], grad, &r, &did);
		cr_assert(!did.clipped);
	}
	cr_assert_arr_eq(rig[0].w.flat, rig[1].w.flat,
			 rig[0].layout.n_floats * sizeof *rig[0].w.flat);
	for (int i = 0; i < 2; i++) {
		ebb_optim_release(&opt[i]);
		rig_close(&rig[i]);
	}
	free(grad);
}

/* Rows that repeat their first three tokens backwards: after training, the copy is nearly sure. */
Test(optim, learns_to_reverse)
{
	enum { N = 32, KEY = 3, LENGTH = 2 * KEY };
	struct ebb_model model = {.V = 8,
				  .T = LENGTH,
				  .C = 32,
				  .NH = 2,
				  .NKV = 2,
				  .D = 16,
				  .F = 64,
				  .L = 2,
				  .tied = true,
				  .rope_theta = 1e4,
				  .norm_eps = 1e-6F};
	struct ebb_optim_rule r = {
		.lr = 5e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .grad_clip = 1.0};
	struct ebb_optim opt;
	struct rig rig;
	struct batch b;
	float *grad;
	double first = 0.0, last = 0.0;

	cr_assert(rig_open(&rig, &model, "auto", 2, 4));
	ebb_weights_draw(&rig.w, 12);
	cr_assert_eq(ebb_optim_init(&opt, &rig.layout, NULL), 0);
	grad = calloc(rig.layout.n_floats, sizeof *grad);
	batch_make(&b, &model, N, 1.0, NULL, 1);
	b.pass.w_entropy = NULL;
	for (int step = 0; step < 700; step++) {
		struct ebb_draw draw = {.stream = EBB_STREAM_TEST, .step = (uint32_t)step};
		double loss = 0.0;

		for (int i = 0; i < N; i++) {
			int32_t *token = b.token + (size_t)i * LENGTH;

			b.row[i] = (struct ebb_row){token, KEY, LENGTH};
			for (int k = 0; k < KEY; k++)
				token[k] = token[LENGTH - 1 - k] =
					(int32_t)ebb_below(&draw, (uint32_t)(i * KEY + k), 8);
			for (int k = 0; k < KEY; k++)
				b.pass.w_logp[i * b.pass.stride + k] = -1.0 / (N * KEY);
		}
		ebb_pass_grad(rig.e, &rig.w, &b.pass, grad);
		ebb_optim_step(rig.e, &rig.w, &opt, grad, &r, NULL);
		for (int i = 0; i < N; i++)
			for (int k = 0; k < KEY; k++)
				loss -= b.pass.logp[i * b.pass.stride + k] / (N * KEY);
		if (step == 0)
			first = loss;
		last = loss;
	}
	cr_assert_float_eq(first, log(8.0), 0.3, "loss before training is %g", first);
	cr_assert(last < 0.2 * first, "loss fell from %g to %g only", first, last);
	free(grad);
	batch_free(&b);
	ebb_optim_release(&opt);
	rig_close(&rig);
}
