/*
 * The same bits whatever runs the work: instruction sets, threads, blocks, order and company of
 * rows. Everything here compares memory, never with a tolerance.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/engine.h"
#include "model/rig.h"

#define N_ROWS 45

/* All that one gradient pass and one update leave behind. */
struct outcome {
	struct batch batch;
	float *grad, *flat;
	double norm;
	size_t n_floats;
};

/* positions: limit of a block; 0: the engine's own. */
static bool outcome_make(struct outcome *o, const struct ebb_model *model, const char *isa,
			 int threads, int positions)
{
	const struct ebb_optim_rule rule = {.lr = 1e-2,
					    .beta1 = 0.9,
					    .beta2 = 0.95,
					    .eps = 1e-8,
					    .weight_decay = 0.1,
					    .grad_clip = 1.0};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_optim opt;
	struct rig rig;

	if (!rig_open(&rig, model, isa, threads, 4))
		return false;
	if (positions > 0)
		ebb_engine_limit(rig.e, positions);
	batch_make(&o->batch, model, N_ROWS, 0.9, &rig.ref, 5);
	o->n_floats = rig.layout.n_floats;
	o->grad = calloc(o->n_floats, sizeof *o->grad);
	o->flat = calloc(o->n_floats, sizeof *o->flat);
	cr_assert_eq(ebb_optim_init(&opt, &rig.layout, &err), 0, "%s", err.text);
	for (int step = 0; step < 3; step++) {
		ebb_pass_grad(rig.e, &rig.w, &o->batch.pass, o->grad);
		o->norm = ebb_optim_step(rig.e, &rig.w, &opt, o->grad, &rule, NULL);
	}
	memcpy(o->flat, rig.w.flat, o->n_floats * sizeof *o->flat);
	ebb_optim_release(&opt);
	rig_close(&rig);
	return true;
}

static void outcome_free(struct outcome *o)
{
	free(o->grad);
	free(o->flat);
	batch_free(&o->batch);
}

static void outcome_compare(const struct outcome *a, const struct outcome *b, const char *what)
{
	cr_assert(batch_same(&a->batch, &b->batch), "%s: results differ", what);
	cr_assert_arr_eq(a->grad, b->grad, a->n_floats * sizeof *a->grad, "%s: gradients differ",
			 what);
	cr_assert(a->norm == b->norm, "%s: norms differ", what);
	cr_assert_arr_eq(a->flat, b->flat, a->n_floats * sizeof *a->flat, "%s: weights differ",
			 what);
}

Test(determinism, instances_threads_blocks)
{
	const int threads[] = {1, 2, 3}, positions[] = {0, 1, 17};

	for (int s = 0; s < N_SHAPES; s++) {
		struct outcome first;

		cr_assert(outcome_make(&first, &shape[s].model, "scalar", 1, 0));
		for (size_t i = 0; i < sizeof isa_name / sizeof *isa_name; i++)
			for (int k = 0; k < 3; k++) {
				struct outcome other;
				char what[128];

				snprintf(what, sizeof what, "%s, %s, %d threads", shape[s].name,
					 isa_name[i], threads[k]);
				if (!outcome_make(&other, &shape[s].model, isa_name[i], threads[k],
						  positions[(k + i) % 3]))
					break;
				outcome_compare(&first, &other, what);
				outcome_free(&other);
			}
		outcome_free(&first);
	}
}

/* A row's results do not depend on the pass (score, gradient), its place or its neighbours. */
Test(determinism, rows_stand_alone)
{
	for (int s = 0; s < N_SHAPES; s++) {
		struct rig rig;
		struct batch scored, graded, one;
		size_t stride;
		float *grad;

		cr_assert(rig_open(&rig, &shape[s].model, "auto", 2, 4));
		batch_make(&scored, &shape[s].model, N_ROWS, 1.1, &rig.ref, 6);
		batch_make(&graded, &shape[s].model, N_ROWS, 1.1, &rig.ref, 6);
		batch_make(&one, &shape[s].model, N_ROWS, 1.1, &rig.ref, 6);
		stride = (size_t)scored.pass.stride;
		grad = calloc(rig.layout.n_floats, sizeof *grad);
		ebb_pass_score(rig.e, &rig.w, &scored.pass);
		ebb_pass_grad(rig.e, &rig.w, &graded.pass, grad);
		for (int i = N_ROWS - 1; i >= 0; i--) {
			struct ebb_pass p = one.pass;

			p.row += i, p.n = 1;
			p.logp += i * stride, p.entropy += i * stride, p.kl += i * stride;
			p.logp_ref += i * stride, p.moment += 4 * i * stride;
			if (p.value != NULL)
				p.value += i * stride;
			ebb_pass_score(rig.e, &rig.w, &p);
		}
		cr_assert(batch_same(&scored, &graded), "%s: score and gradient pass differ",
			  shape[s].name);
		cr_assert(batch_same(&scored, &one), "%s: alone and in company differ",
			  shape[s].name);
		free(grad);
		batch_free(&one);
		batch_free(&graded);
		batch_free(&scored);
		rig_close(&rig);
	}
}

/* Raw logits are those that logp was made from, in either pass, before the backward pass takes their
 * place; asking for them changes nothing. */
Test(determinism, logits_are_what_the_results_are_made_of)
{
	for (int s = 0; s < N_SHAPES; s++) {
		const int V = shape[s].model.V;
		struct rig rig;
		struct batch plain, scored, graded;
		float *grad, *z[2];
		size_t cells;

		cr_assert(rig_open(&rig, &shape[s].model, "auto", 2, 4));
		batch_make(&plain, &shape[s].model, N_ROWS, 1.1, &rig.ref, 6);
		batch_make(&scored, &shape[s].model, N_ROWS, 1.1, &rig.ref, 6);
		batch_make(&graded, &shape[s].model, N_ROWS, 1.1, &rig.ref, 6);
		cells = (size_t)N_ROWS * (size_t)scored.pass.stride;
		for (int k = 0; k < 2; k++)
			z[k] = calloc(cells * (size_t)V, sizeof **z);
		grad = calloc(rig.layout.n_floats, sizeof *grad);
		scored.pass.logits = z[0];
		graded.pass.logits = z[1];
		ebb_pass_score(rig.e, &rig.w, &plain.pass);
		ebb_pass_score(rig.e, &rig.w, &scored.pass);
		ebb_pass_grad(rig.e, &rig.w, &graded.pass, grad);
		cr_assert(batch_same(&plain, &scored), "%s", shape[s].name);
		cr_assert_eq(memcmp(z[0], z[1], cells * (size_t)V * sizeof **z), 0, "%s",
			     shape[s].name);
		for (int i = 0; i < N_ROWS; i++)
			for (int t = scored.row[i].start; t < scored.row[i].length; t++) {
				const size_t at = (size_t)i * (size_t)scored.pass.stride +
						  (size_t)(t - scored.row[i].start);
				const float *row = z[0] + at * (size_t)V;
				double sum = 0.0, logp;

				for (int v = 0; v < V; v++)
					sum += exp((double)row[v] / 1.1);
				logp = (double)row[scored.row[i].token[t]] / 1.1 - log(sum);
				cr_assert_float_eq(scored.pass.logp[at], logp, 2e-5, "%s: %g, %g",
						   shape[s].name, scored.pass.logp[at], logp);
			}
		free(grad);
		for (int k = 0; k < 2; k++)
			free(z[k]);
		batch_free(&graded);
		batch_free(&scored);
		batch_free(&plain);
		rig_close(&rig);
	}
}

struct weighing {
	struct batch *b;
	int seen[N_ROWS];
	const double *w_logp;
};

/* The results of exactly these rows must stand when their coefficients are asked for. */
static void weigh(void *ctx, int first, int count)
{
	struct weighing *w = ctx;

	for (int i = first; i < first + count; i++) {
		size_t at = (size_t)i * w->b->pass.stride;

		__atomic_add_fetch(&w->seen[i], 1, __ATOMIC_RELAXED);
		for (int t = w->b->row[i].start; t < w->b->row[i].length; t++, at++)
			w->b->pass.w_logp[at] =
				w->b->pass.logp[at] < 0.0 ? w->w_logp[at] : (double)NAN;
	}
}

Test(determinism, weigh_is_called_once_a_row)
{
	struct rig rig;
	struct batch given, asked;
	struct weighing w = {.b = &asked};
	size_t cells;
	float *grad[2];

	cr_assert(rig_open(&rig, &shape[1].model, "auto", 2, 4));
	batch_make(&given, &shape[1].model, N_ROWS, 1.0, NULL, 6);
	batch_make(&asked, &shape[1].model, N_ROWS, 1.0, NULL, 6);
	cells = (size_t)N_ROWS * given.pass.stride;
	for (size_t i = 0; i < cells; i++)
		asked.pass.w_logp[i] = (double)NAN;
	w.w_logp = given.pass.w_logp;
	asked.pass.weigh = weigh;
	asked.pass.ctx = &w;
	for (int k = 0; k < 2; k++)
		grad[k] = calloc(rig.layout.n_floats, sizeof *grad[k]);
	ebb_pass_grad(rig.e, &rig.w, &given.pass, grad[0]);
	ebb_pass_grad(rig.e, &rig.w, &asked.pass, grad[1]);
	for (int i = 0; i < N_ROWS; i++)
		cr_assert_eq(w.seen[i], 1, "row %d was weighed %d times", i, w.seen[i]);
	cr_assert_arr_eq(grad[0], grad[1], rig.layout.n_floats * sizeof **grad);
	for (int k = 0; k < 2; k++)
		free(grad[k]);
	batch_free(&given);
	batch_free(&asked);
	rig_close(&rig);
}
