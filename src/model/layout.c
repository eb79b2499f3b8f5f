/* Where every tensor of a policy lies in one flat buffer; the rows of tensors.def as data. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "model/net.h"

/* A row of tensors.def with its sizes worked out for one model. */
struct spec {
	const char *name;
	bool a_layer; /* repeated for every layer */
	int64_t rows, cols;
	enum ebb_init init;
	bool decay, present;
};

#define EBB_TENSOR(name, ...) SPEC_##name,
enum {
#include "model/tensors.def"
	N_SPECS
};
#undef EBB_TENSOR

enum scope { SCOPE_MODEL, SCOPE_LAYER };

static void spec_fill(struct spec spec[N_SPECS], const struct ebb_model *m)
{
	/* The letters of tensors.def. */
	const int64_t V = m->V, C = m->C, D = m->D, F = m->F;
	const int64_t Q = (int64_t)m->NH * D, KV = (int64_t)m->NKV * D;
	const bool qkv_bias = m->qkv_bias, qk_norm = m->qk_norm, tied = m->tied, value = m->value;

#define EBB_TENSOR(name_, scope_, rows_, cols_, init_, decay_, condition_)                         \
	spec[SPEC_##name_] = (struct spec){                                                        \
		.name = #name_,                                                                    \
		.a_layer = SCOPE_##scope_ == SCOPE_LAYER,                                          \
		.rows = rows_,                                                                     \
		.cols = cols_,                                                                     \
		.init = EBB_INIT_##init_,                                                          \
		.decay = decay_,                                                                   \
		.present = condition_,                                                             \
	};
#include "model/tensors.def"
#undef EBB_TENSOR
}

static int model_check(const struct ebb_model *m, struct ebb_err *err)
{
	const struct {
		const char *name;
		int value;
	} size[] = {
		{"vocabulary", m->V}, {"longest sequence", m->T}, {"width", m->C},
		{"heads", m->NH},     {"kv_heads", m->NKV},       {"head_dim", m->D},
		{"ffn width", m->F},  {"layers", m->L},
	};

	for (size_t i = 0; i < sizeof size / sizeof *size; i++)
		if (size[i].value < 1)
			return ebb_err_set(err, EBB_EINVAL, "model: %s is %d; it must be positive",
					   size[i].name, size[i].value);
	if (m->D % 2 != 0)
		return ebb_err_set(err, EBB_EINVAL,
				   "model: head_dim %d is odd; rotary positions turn pairs, so it "
				   "must be even",
				   m->D);
	if (m->NH % m->NKV != 0)
		return ebb_err_set(err, EBB_EINVAL,
				   "model: %d heads cannot share %d kv_heads evenly; heads must be "
				   "a multiple of kv_heads",
				   m->NH, m->NKV);
	if (!(m->rope_theta > 0))
		return ebb_err_set(err, EBB_EINVAL, "model: rope_theta is %g; it must be positive",
				   m->rope_theta);
	return 0;
}

/* Append one tensor; gaps keep every tensor on a 64-byte boundary. */
static void layout_add(struct ebb_layout *layout, const struct spec *spec, int l)
{
	size_t n = (size_t)spec->rows * (size_t)spec->cols;

	layout->tensor[layout->n_tensors++] = (struct ebb_tensor){
		.name = spec->name,
		.layer = l,
		.rows = (int)spec->rows,
		.cols = (int)spec->cols,
		.offset = layout->n_floats,
		.decay = spec->decay,
	};
	layout->n_parameters += n;
	layout->n_floats += (n + 15) / 16 * 16;
}

bool ebb_model_alike(const struct ebb_model *a, const struct ebb_model *b)
{
	return a->V == b->V && a->C == b->C && a->NH == b->NH && a->NKV == b->NKV && a->D == b->D &&
	       a->F == b->F && a->L == b->L && a->qkv_bias == b->qkv_bias &&
	       a->qk_norm == b->qk_norm && a->tied == b->tied && a->rope_theta == b->rope_theta &&
	       a->norm_eps == b->norm_eps;
}

int ebb_layout_init(struct ebb_layout *layout, const struct ebb_model *model, struct ebb_err *err)
{
	struct spec spec[N_SPECS];
	int i, j, rc;

	*layout = (struct ebb_layout){.model = *model};
	rc = model_check(model, err);
	if (rc != 0)
		return rc;
	spec_fill(spec, model);
	for (i = 0; i < N_SPECS; i++)
		if (spec[i].rows > INT_MAX || spec[i].cols > INT_MAX)
			return ebb_err_set(err, EBB_EINVAL,
					   "model: tensor '%s' would be %lld x %lld; sides must "
					   "stay below 2^31",
					   spec[i].name, (long long)spec[i].rows,
					   (long long)spec[i].cols);
	layout->tensor =
		ebb_calloc((size_t)N_SPECS * (size_t)model->L, sizeof *layout->tensor, err);
	if (layout->tensor == NULL)
		return EBB_ENOMEM;
	/* Neighbouring rows of scope LAYER repeat together, so that a layer's tensors lie side by
	 * side. */
	for (i = 0; i < N_SPECS; i = j) {
		for (j = i + 1; j < N_SPECS && spec[j].a_layer == spec[i].a_layer; j++)
			;
		for (int l = 0; l < (spec[i].a_layer ? model->L : 1); l++)
			for (int k = i; k < j; k++)
				if (spec[k].present)
					layout_add(layout, &spec[k], spec[k].a_layer ? l : -1);
	}
	return 0;
}

void ebb_layout_release(struct ebb_layout *layout)
{
	free(layout->tensor);
	*layout = (struct ebb_layout){0};
}

const struct ebb_tensor *ebb_layout_find(const struct ebb_layout *layout, const char *name,
					 int layer)
{
	for (int i = 0; i < layout->n_tensors; i++)
		if (layout->tensor[i].layer == layer && strcmp(layout->tensor[i].name, name) == 0)
			return &layout->tensor[i];
	return NULL;
}

enum ebb_init ebb_tensor_init(const struct ebb_layout *layout, int i)
{
	struct spec spec[N_SPECS];

	spec_fill(spec, &layout->model);
	for (int k = 0; k < N_SPECS; k++)
		if (strcmp(spec[k].name, layout->tensor[i].name) == 0)
			return spec[k].init;
	EBB_BUG("tensor '%s' is not in tensors.def", layout->tensor[i].name);
}
