/* The one list of tensors, and what initial weights look like. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "model/rig.h"

Test(layout, places_every_tensor_once)
{
	for (int s = 0; s < N_SHAPES; s++) {
		const struct ebb_model *m = &shape[s].model;
		struct ebb_err err = EBB_ERR_INIT;
		struct ebb_layout layout;
		size_t end = 0, sum = 0;
		int a_layer = 6 + (m->qkv_bias ? 1 : 0) + (m->qk_norm ? 2 : 0);

		cr_assert_eq(ebb_layout_init(&layout, m, &err), 0, "%s", err.text);
		cr_assert_eq(layout.n_tensors,
			     2 + (m->tied ? 0 : 1) + (m->value ? 2 : 0) + m->L * a_layer);
		for (int i = 0; i < layout.n_tensors; i++) {
			const struct ebb_tensor *t = &layout.tensor[i];

			cr_assert_eq(t->offset % 16, 0);
			cr_assert(t->offset >= end, "%s overlaps its neighbour", t->name);
			end = t->offset + (size_t)t->rows * t->cols;
			sum += (size_t)t->rows * t->cols;
			cr_assert_eq(ebb_layout_find(&layout, t->name, t->layer), t);
			cr_assert_eq(t->decay, t->rows > 1, "decay of %s", t->name);
		}
		cr_assert(layout.n_floats >= end);
		cr_assert_eq(layout.n_parameters, sum);
		cr_assert_null(ebb_layout_find(&layout, "qkv", m->L));
		ebb_layout_release(&layout);
	}
}

/* 83,776 = 24*64 + 2*(4*64^2 + 3*64*128) + 5*64. */
Test(layout, counts_parameters)
{
	const struct ebb_model m = {.V = 24,
				    .T = 22,
				    .C = 64,
				    .NH = 4,
				    .NKV = 4,
				    .D = 16,
				    .F = 128,
				    .L = 2,
				    .tied = true,
				    .rope_theta = 1e4,
				    .norm_eps = 1e-6F};
	struct ebb_layout layout;

	cr_assert_eq(ebb_layout_init(&layout, &m, NULL), 0);
	cr_assert_eq(layout.n_parameters, 83776);
	ebb_layout_release(&layout);
}

Test(layout, refuses_what_cannot_be)
{
	const struct {
		int heads, kv_heads, head_dim, width;
		const char *word;
	} bad[] = {
		{4, 3, 4, 12, "kv_heads"},
		{4, 4, 3, 12, "odd"},
		{0, 1, 4, 12, "heads"},
		{4, 4, 4, 0, "width"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ebb_model m = shape[0].model;
		struct ebb_err err = EBB_ERR_INIT;
		struct ebb_layout layout;

		m.NH = bad[i].heads, m.NKV = bad[i].kv_heads, m.D = bad[i].head_dim;
		m.C = bad[i].width;
		cr_assert_eq(ebb_layout_init(&layout, &m, &err), EBB_EINVAL);
		cr_assert(strstr(err.text, bad[i].word), "'%s' does not name '%s'", err.text,
			  bad[i].word);
		ebb_layout_release(&layout);
	}
}

/* A policy with a value head and one without: what both have is the same, the head begins at 0. */
Test(weights, are_adopted_with_and_without_a_value_head)
{
	const struct ebb_ops *ops = ebb_cpu_ops("auto", NULL);
	struct ebb_model m[2] = {shape[0].model, shape[0].model};
	struct ebb_layout layout[2];
	struct ebb_weights w[2], back;

	m[1].value = false;
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ebb_layout_init(&layout[i], &m[i], NULL), 0);
		cr_assert_eq(ebb_weights_init(&w[i], &layout[i], ops, NULL), 0);
		ebb_weights_draw(&w[i], 4);
	}
	/* the head draws no number of another tensor's */
	cr_assert_arr_eq(w[0].flat, w[1].flat, layout[1].n_floats * sizeof(float));
	cr_assert_eq(ebb_weights_init(&back, &layout[0], ops, NULL), 0);
	ebb_weights_draw(&back, 5);
	weights_roughen(&back, 6, 0.5);
	ebb_weights_adopt(&back, &w[1]);
	cr_expect_arr_eq(back.flat, w[0].flat, layout[0].n_floats * sizeof(float));
	weights_roughen(&back, 7, 0.5);
	ebb_weights_adopt(&w[1], &back);
	cr_expect_arr_eq(back.flat, w[1].flat, layout[1].n_floats * sizeof(float));
	cr_expect_neq(back.flat[layout[1].n_floats], 0.0F);
	ebb_weights_release(&back);
	for (int i = 0; i < 2; i++) {
		ebb_weights_release(&w[i]);
		ebb_layout_release(&layout[i]);
	}
}

Test(weights, are_drawn_by_the_table)
{
	const struct ebb_model *m = &shape[4].model;
	struct ebb_layout layout;
	struct ebb_weights a, b;
	const struct ebb_ops *ops = ebb_cpu_ops("auto", NULL);

	cr_assert_eq(ebb_layout_init(&layout, m, NULL), 0);
	cr_assert_eq(ebb_weights_init(&a, &layout, ops, NULL), 0);
	cr_assert_eq(ebb_weights_init(&b, &layout, ops, NULL), 0);
	ebb_weights_draw(&a, 9);
	for (int i = 0; i < layout.n_tensors; i++) {
		const struct ebb_tensor *t = &layout.tensor[i];
		int n = t->rows * t->cols;
		double sum = 0.0, square = 0.0, want;

		for (int j = 0; j < n; j++) {
			double x = a.flat[t->offset + j];

			sum += x;
			square += x * x;
		}
		if (strcmp(t->name, "embed") == 0)
			want = 0.05;
		else if (strcmp(t->name, "attn_out") == 0 || strcmp(t->name, "down") == 0)
			want = 1.0 / sqrt(t->rows) / sqrt(2.0 * m->L);
		else if (t->rows > 1)
			want = 1.0 / sqrt(t->rows);
		else {
			const bool zero = strcmp(t->name, "qkv_bias") == 0 ||
					  strncmp(t->name, "value", 5) == 0;
			double constant = zero ? 0.0 : 1.0;

			cr_assert(sum == n * constant && square == n * constant, "%s", t->name);
			continue;
		}
		/* five standard errors of mean and variance */
		cr_assert_float_eq(sum / n, 0.0, 5.0 * want / sqrt(n), "%s: mean", t->name);
		cr_assert_float_eq(square / n / (want * want), 1.0, 5.0 * sqrt(2.0 / n),
				   "%s: variance", t->name);
	}
	ebb_weights_draw(&b, 10);
	cr_assert_arr_neq(a.flat, b.flat, layout.n_floats * sizeof *a.flat);
	ebb_weights_copy(&b, &a);
	cr_assert_arr_eq(a.flat, b.flat, layout.n_floats * sizeof *a.flat);
	ebb_weights_release(&a);
	ebb_weights_release(&b);
	ebb_layout_release(&layout);
}
