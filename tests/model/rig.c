#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "model/rig.h"

const char *const isa_name[3] = {"avx512", "avx2", "scalar"};

/* clang-format off */
const struct shape shape[N_SHAPES] = {
	{"plain, tied",
	 {.V = 11, .T = 9, .C = 12, .NH = 2, .NKV = 2, .D = 6, .F = 10, .L = 2, .tied = true,
	  .value = true, .rope_theta = 1e4, .norm_eps = 1e-6F}},
	{"everything, untied",
	 {.V = 13, .T = 9, .C = 12, .NH = 4, .NKV = 2, .D = 4, .F = 10, .L = 2, .qkv_bias = true,
	  .qk_norm = true, .tied = false, .value = true, .rope_theta = 100.0, .norm_eps = 1e-5F}},
	{"bias, one kv head, one layer",
	 {.V = 19, .T = 7, .C = 10, .NH = 3, .NKV = 1, .D = 2, .F = 17, .L = 1, .qkv_bias = true,
	  .tied = true, .rope_theta = 1e4, .norm_eps = 1e-6F}},
	{"qk_norm, three layers",
	 {.V = 8, .T = 12, .C = 16, .NH = 2, .NKV = 1, .D = 8, .F = 12, .L = 3, .qk_norm = true,
	  .tied = true, .rope_theta = 1e4, .norm_eps = 1e-6F}},
	{"whole vectors",
	 {.V = 64, .T = 40, .C = 64, .NH = 2, .NKV = 2, .D = 32, .F = 96, .L = 2, .qkv_bias = true,
	  .tied = true, .rope_theta = 1e4, .norm_eps = 1e-6F}},
};
/* clang-format on */

void weights_roughen(struct ebb_weights *w, uint64_t seed, double deviation)
{
	for (int i = 0; i < w->layout->n_tensors; i++) {
		const struct ebb_tensor *t = &w->layout->tensor[i];
		struct ebb_draw draw = {
			.seed = seed, .stream = EBB_STREAM_TEST, .slot = (uint32_t)i};

		for (int j = 0; j < t->rows * t->cols; j++)
			w->flat[t->offset + j] +=
				(float)(deviation * ebb_normal(&draw, (uint32_t)j));
	}
	ebb_weights_pack(w);
}

bool rig_open(struct rig *rig, const struct ebb_model *model, const char *isa, int threads,
	      int slot)
{
	struct ebb_err err = EBB_ERR_INIT;

	*rig = (struct rig){0};
	rig->ops = ebb_cpu_ops(isa, &err);
	if (rig->ops == NULL)
		return false;
	cr_assert_eq(ebb_layout_init(&rig->layout, model, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_pool_open(&rig->pool, threads, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_engine_open(&rig->e, &rig->layout, rig->ops, rig->pool, slot, &err), 0,
		     "%s", err.text);
	cr_assert_eq(ebb_weights_init(&rig->w, &rig->layout, rig->ops, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_weights_init(&rig->ref, &rig->layout, rig->ops, &err), 0, "%s", err.text);
	ebb_weights_draw(&rig->w, 1);
	ebb_weights_draw(&rig->ref, 2);
	weights_roughen(&rig->w, 3, 0.2);
	weights_roughen(&rig->ref, 4, 0.2);
	return true;
}

void rig_close(struct rig *rig)
{
	ebb_weights_release(&rig->ref);
	ebb_weights_release(&rig->w);
	ebb_engine_close(rig->e);
	ebb_pool_close(rig->pool);
	ebb_layout_release(&rig->layout);
}

void batch_make(struct batch *batch, const struct ebb_model *model, int n, double tau,
		const struct ebb_weights *ref, uint64_t seed)
{
	struct ebb_rng rng = {.draw = {.seed = seed, .stream = EBB_STREAM_TEST, .slot = 1000}};
	size_t stride = (size_t)model->T, cells = (size_t)n * stride;
	struct ebb_pass *p = &batch->pass;

	batch->row = calloc((size_t)n, sizeof *batch->row);
	batch->token = calloc(cells, sizeof *batch->token);
	batch->n_array = 13 * cells;
	batch->array = calloc(batch->n_array, sizeof *batch->array);
	for (int i = 0; i < n; i++) {
		int length = 2 + (int)ebb_rng_below(&rng, (uint32_t)model->T - 1);
		int32_t *token = batch->token + i * stride;

		for (int t = 0; t < length; t++)
			token[t] = (int32_t)ebb_rng_below(&rng, (uint32_t)model->V);
		/* start may equal length: a row without response tokens */
		batch->row[i] =
			(struct ebb_row){.token = token,
					 .start = 1 + (int)ebb_rng_below(&rng, (uint32_t)length),
					 .length = length};
	}
	*p = (struct ebb_pass){
		.row = batch->row, .n = n, .stride = (int)stride, .tau = tau, .ref = ref};
	p->logp = batch->array;
	p->entropy = p->logp + cells;
	p->moment = p->entropy + cells;
	p->w_logp = p->moment + 4 * cells;
	p->w_entropy = p->w_logp + cells;
	if (ref != NULL) {
		p->kl = p->w_entropy + cells;
		p->logp_ref = p->kl + cells;
		p->w_kl = p->logp_ref + cells;
	}
	if (model->value) {
		p->value = batch->array + 11 * cells;
		p->w_value = p->value + cells;
	}
	for (size_t i = 0; i < cells; i++) {
		p->w_logp[i] = ebb_rng_uniform(&rng) - 0.4;
		p->w_entropy[i] = ebb_rng_uniform(&rng) - 0.4;
		if (ref != NULL)
			p->w_kl[i] = ebb_rng_uniform(&rng) - 0.4;
		if (model->value)
			p->w_value[i] = ebb_rng_uniform(&rng) - 0.4;
	}
}

void batch_free(struct batch *batch)
{
	free(batch->row);
	free(batch->token);
	free(batch->array);
}

bool batch_same(const struct batch *a, const struct batch *b)
{
	return a->n_array == b->n_array &&
	       memcmp(a->array, b->array, a->n_array * sizeof *a->array) == 0;
}
