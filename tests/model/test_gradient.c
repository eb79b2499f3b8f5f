/*
 * The engine's results and all its gradients against a plain double-precision policy: every entry of
 * every tensor (a sample of them in the large shape) by central differences, for the gradient of
 * logp, of the entropy, of the KL, of the value where there is a value head, of all together, and of
 * the KL from the reference beside logp.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "model/reference.h"
#include "model/rig.h"

#define N_ROWS 5
#define SLOT   2

enum { LOGP, ENTROPY, KL, VALUE, ALL, FROM, N_LOSSES };
static const char *const loss_name[N_LOSSES] = {"logp",  "entropy", "kl",
						"value", "all",     "kl from"};

static double *widened(const struct ebb_weights *w)
{
	double *flat = calloc(w->layout->n_floats, sizeof *flat);

	for (size_t i = 0; i < w->layout->n_floats; i++)
		flat[i] = w->flat[i];
	return flat;
}

/* Raw logits and values of every row under these weights (n, T, V), (n, T). */
static void logits_all(const struct ebb_layout *layout, const double *flat, const struct batch *b,
		       double *logits, double *value)
{
	const struct ebb_model *m = &layout->model;

	for (int i = 0; i < b->pass.n; i++)
		reference_logits(layout, flat, b->row[i].token, b->row[i].length - 1,
				 logits + (size_t)i * m->T * m->V, value + (size_t)i * m->T);
}

/* The losses, each the sum of its coefficients times its quantity. */
static void losses(const struct ebb_layout *layout, const double *flat, const struct batch *b,
		   const double *ref, double *logits, double *value, double loss[N_LOSSES])
{
	const struct ebb_model *m = &layout->model;

	logits_all(layout, flat, b, logits, value);
	memset(loss, 0, N_LOSSES * sizeof *loss);
	for (int i = 0; i < b->pass.n; i++)
		for (int t = b->row[i].start; t < b->row[i].length; t++) {
			size_t cell = (size_t)i * b->pass.stride + t - b->row[i].start;
			size_t at = ((size_t)i * m->T + t - 1) * m->V;
			struct reference_judgement j = reference_judge(
				m->V, b->pass.tau, logits + at, ref + at, b->row[i].token[t]);

			loss[LOGP] += b->pass.w_logp[cell] * j.logp;
			loss[ENTROPY] += b->pass.w_entropy[cell] * j.entropy;
			loss[KL] += b->pass.w_kl[cell] * j.kl;
			if (m->value)
				loss[VALUE] +=
					b->pass.w_value[cell] * value[(size_t)i * m->T + t - 1];
			j = reference_judge(m->V, b->pass.tau, ref + at, logits + at,
					    b->row[i].token[t]);
			loss[FROM] += b->pass.w_kl[cell] * j.kl;
		}
	loss[ALL] = loss[LOGP] + loss[ENTROPY] + loss[KL] + loss[VALUE];
	loss[FROM] += loss[LOGP];
}

static void results_check(const char *name, const struct ebb_layout *layout, const struct batch *b,
			  const double *logits, const double *value, const double *ref)
{
	const struct ebb_model *m = &layout->model;

	for (int i = 0; i < b->pass.n; i++)
		for (int t = b->row[i].start; t < b->row[i].length; t++) {
			size_t cell = (size_t)i * b->pass.stride + t - b->row[i].start;
			size_t at = ((size_t)i * m->T + t - 1) * m->V;
			struct reference_judgement j = reference_judge(
				m->V, b->pass.tau, logits + at, ref + at, b->row[i].token[t]);
			const struct {
				const char *what;
				double is, should;
			} pair[] = {
				{"logp", b->pass.logp[cell], j.logp},
				{"entropy", b->pass.entropy[cell], j.entropy},
				{"kl", b->pass.kl[cell], j.kl},
				{"kl from", b->pass.kl_from[cell],
				 reference_judge(m->V, b->pass.tau, ref + at, logits + at,
						 b->row[i].token[t])
					 .kl},
				{"logp_ref", b->pass.logp_ref[cell], j.logp_ref},
				{"mean", b->pass.moment[4 * cell], j.moment[0]},
				{"variance", b->pass.moment[4 * cell + 1], j.moment[1]},
				{"third moment", b->pass.moment[4 * cell + 2], j.moment[2]},
				{"fourth moment", b->pass.moment[4 * cell + 3], j.moment[3]},
				{"value", m->value ? b->pass.value[cell] : 0.0,
				 m->value ? value[(size_t)i * m->T + t - 1] : 0.0},
			};

			for (size_t k = 0; k < sizeof pair / sizeof *pair; k++)
				cr_assert(fabs(pair[k].is - pair[k].should) <
						  2e-5 * (1.0 + fabs(pair[k].should)),
					  "%s, row %d, token %d: %s is %.8g, should be %.8g", name,
					  i, t, pair[k].what, pair[k].is, pair[k].should);
		}
}

/* The engine's gradients of the losses. */
static void gradients(struct rig *rig, struct batch *b, float *grad[N_LOSSES])
{
	struct ebb_pass *p = &b->pass;
	size_t cells = (size_t)p->n * p->stride;
	double *w_logp = p->w_logp, *w_entropy = p->w_entropy, *w_kl = p->w_kl;
	double *w_value = p->w_value;
	double *zero = calloc(cells, sizeof *zero);

	for (int k = 0; k < N_LOSSES; k++) {
		grad[k] = calloc(rig->layout.n_floats, sizeof **grad);
		p->w_logp = k == LOGP || k == ALL || k == FROM ? w_logp : zero;
		p->w_entropy = k == ENTROPY || k == ALL ? w_entropy : NULL;
		p->w_kl = k == KL || k == ALL ? w_kl : NULL;
		p->w_value = k == VALUE || k == ALL ? w_value : NULL;
		p->w_kl_from = k == FROM ? w_kl : NULL;
		ebb_pass_grad(rig->e, &rig->w, p, grad[k]);
	}
	p->w_logp = w_logp;
	p->w_entropy = w_entropy;
	p->w_kl = w_kl;
	p->w_value = w_value;
	p->w_kl_from = NULL;
	free(zero);
}

static void gradients_check(int s, double tau)
{
	struct rig rig;
	struct batch b;
	const struct ebb_layout *layout = &rig.layout;
	const struct ebb_model *m = &shape[s].model;
	size_t n_logits = (size_t)N_ROWS * m->T * m->V;
	double *flat, *ref_flat, *logits = calloc(n_logits, sizeof *logits);
	double *ref = calloc(n_logits, sizeof *ref), *diff;
	double *value = calloc((size_t)N_ROWS * m->T, sizeof *value);
	float *grad[N_LOSSES];

	cr_assert(rig_open(&rig, m, "auto", 1, SLOT));
	batch_make(&b, m, N_ROWS, tau, &rig.ref, 7 + s);
	b.pass.kl_from = calloc((size_t)N_ROWS * (size_t)b.pass.stride, sizeof(double));
	gradients(&rig, &b, grad);
	flat = widened(&rig.w);
	ref_flat = widened(&rig.ref);
	diff = calloc(N_LOSSES * layout->n_floats, sizeof *diff);
	logits_all(layout, ref_flat, &b, ref, value);
	logits_all(layout, flat, &b, logits, value);
	results_check(shape[s].name, layout, &b, logits, value, ref);
	for (int i = 0; i < layout->n_tensors; i++) {
		const struct ebb_tensor *t = &layout->tensor[i];
		int n = t->rows * t->cols, step = n > 600 ? n / 12 : 1, checked = 0;
		double scale[N_LOSSES] = {0};

		for (int j = 0; j < n; j += step, checked++) {
			double *w = &flat[t->offset + j], kept = *w, h = 1e-5;
			double above[N_LOSSES], below[N_LOSSES];

			*w = kept + h;
			losses(layout, flat, &b, ref, logits, value, above);
			*w = kept - h;
			losses(layout, flat, &b, ref, logits, value, below);
			*w = kept;
			for (int k = 0; k < N_LOSSES; k++) {
				double d = (above[k] - below[k]) / (2.0 * h);

				diff[N_LOSSES * (t->offset + j) + k] = d;
				scale[k] += d * d;
			}
		}
		for (int k = 0; k < N_LOSSES; k++) {
			/* fp32 sums of terms as large as the tensor's typical gradient */
			double floor = 2e-5 * sqrt(scale[k] / checked) + 1e-7;

			/* the head over the vocabulary is none of the value's, and conversely */
			const bool own = strncmp(t->name, "value", 5) == 0;

			if (!m->value && k == VALUE)
				continue;
			if ((own && (k < VALUE || k == FROM)) || (k == VALUE && strcmp(t->name, "head") == 0)) {
				for (int j = 0; j < n; j++)
					cr_assert_eq(grad[k][t->offset + j], 0.0F);
				continue;
			}
			cr_assert(scale[k] > 0.0,
				  "%s: the gradient of %s by %s[%d] is zero and tests nothing",
				  shape[s].name, loss_name[k], t->name, t->layer);
			for (int j = 0; j < n; j += step) {
				double is = grad[k][t->offset + j];
				double should = diff[N_LOSSES * (t->offset + j) + k];

				cr_assert(fabs(is - should) <= 2e-4 * fabs(should) + floor,
					  "%s: d %s / d %s[%d][%d] is %.9g, should be %.9g (floor "
					  "%g)",
					  shape[s].name, loss_name[k], t->name, t->layer, j, is,
					  should, floor);
			}
		}
	}
	for (int k = 0; k < N_LOSSES; k++)
		free(grad[k]);
	free(b.pass.kl_from);
	free(diff);
	free(flat);
	free(ref_flat);
	free(logits);
	free(value);
	free(ref);
	batch_free(&b);
	rig_close(&rig);
}

Test(gradient, plain_tied)
{
	gradients_check(0, 1.0);
}

Test(gradient, bias_qk_norm_grouped_untied)
{
	gradients_check(1, 0.7);
}

Test(gradient, one_key_head_one_layer)
{
	gradients_check(2, 1.3);
}

Test(gradient, three_layers)
{
	gradients_check(3, 1.0);
}

Test(gradient, whole_vectors)
{
	gradients_check(4, 1.0);
}

/* A reference that is the policy itself: KL is 0 and pulls nowhere. */
Test(gradient, kl_to_itself_is_zero)
{
	struct rig rig;
	struct batch b;
	float *grad;

	cr_assert(rig_open(&rig, &shape[1].model, "auto", 1, SLOT));
	batch_make(&b, &shape[1].model, N_ROWS, 1.0, &rig.w, 3);
	b.pass.w_value = NULL;
	memset(b.pass.w_logp, 0, (size_t)N_ROWS * b.pass.stride * sizeof *b.pass.w_logp);
	b.pass.w_entropy = NULL;
	grad = calloc(rig.layout.n_floats, sizeof *grad);
	grad[0] = 1.0F; /* must be overwritten */
	ebb_pass_grad(rig.e, &rig.w, &b.pass, grad);
	for (int i = 0; i < N_ROWS * b.pass.stride; i++) {
		cr_assert_eq(b.pass.kl[i], 0.0);
		cr_assert(b.pass.logp_ref[i] == b.pass.logp[i]);
	}
	for (size_t i = 0; i < rig.layout.n_floats; i++)
		cr_assert_float_eq(grad[i], 0.0F, 1e-6F);
	free(grad);
	batch_free(&b);
	rig_close(&rig);
}

/* Many rows over all lanes and several blocks: the sum of the rows' own gradients. */
Test(gradient, batch_is_sum_of_rows)
{
	enum { N = 37 };
	struct rig rig;
	struct batch b;
	float *grad, *one;
	double *sum, scale = 0.0;

	cr_assert(rig_open(&rig, &shape[4].model, "auto", 2, 3));
	batch_make(&b, &shape[4].model, N, 1.0, &rig.ref, 11);
	grad = calloc(rig.layout.n_floats, sizeof *grad);
	one = calloc(rig.layout.n_floats, sizeof *one);
	sum = calloc(rig.layout.n_floats, sizeof *sum);
	ebb_pass_grad(rig.e, &rig.w, &b.pass, grad);
	for (int i = 0; i < N; i++) {
		struct ebb_pass p = b.pass;
		size_t at = (size_t)i * p.stride;

		p.row += i;
		p.n = 1;
		p.logp += at, p.entropy += at, p.moment += 4 * at, p.kl += at, p.logp_ref += at;
		p.w_logp += at, p.w_entropy += at, p.w_kl += at;
		if (p.value != NULL)
			p.value += at, p.w_value += at;
		ebb_pass_grad(rig.e, &rig.w, &p, one);
		for (size_t j = 0; j < rig.layout.n_floats; j++)
			sum[j] += one[j];
	}
	for (size_t j = 0; j < rig.layout.n_floats; j++)
		scale += sum[j] * sum[j] / (double)rig.layout.n_floats;
	for (size_t j = 0; j < rig.layout.n_floats; j++)
		cr_assert(fabs(grad[j] - sum[j]) < 1e-5 * (fabs(sum[j]) + sqrt(scale)),
			  "entry %zu: %g, rows' sum %g", j, grad[j], sum[j]);
	free(sum);
	free(one);
	free(grad);
	batch_free(&b);
	rig_close(&rig);
}
