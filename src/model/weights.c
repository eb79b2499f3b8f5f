/* One policy: its flat buffer and the packed copies its kernels multiply by. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "model/net.h"

/* An element's number is split over two coordinates of its draw: a position has 24 bits. */
#define POSITION_BITS 24

/* Is the tensor a factor of a matrix product, and is it the head, which multiplies transposed? */
static bool is_factor(const struct ebb_layout *layout, int i, bool *head)
{
	enum ebb_init init = ebb_tensor_init(layout, i);

	*head = strcmp(layout->tensor[i].name, layout->model.tied ? "embed" : "head") == 0;
	return *head || init == EBB_INIT_MATRIX || init == EBB_INIT_OUTPUT;
}

static size_t on_boundary(size_t n)
{
	return (n + 15) / 16 * 16;
}

struct ebb_panels ebb_tensor_panels(const struct ebb_layout *layout, const struct ebb_ops *ops,
				    int i, size_t at)
{
	const struct ebb_tensor *t = &layout->tensor[i];
	struct ebb_panels p = {.forward = at, .backward = at, .end = at};
	bool head;

	if (!is_factor(layout, i, &head))
		return p;
	/* The head is stored (V, C) and multiplies as (C, V). */
	p.backward = at + on_boundary(head ? ops->panel_floats(t->cols, t->rows)
					   : ops->panel_floats(t->rows, t->cols));
	p.end = p.backward + on_boundary(head ? ops->panel_floats(t->rows, t->cols)
					      : ops->panel_floats(t->cols, t->rows));
	return p;
}

void ebb_tensor_pack(struct ebb_weights *w, int i, const struct ebb_panels *p)
{
	const struct ebb_tensor *t = &w->layout->tensor[i];
	const float *flat = w->flat + t->offset;
	bool head;

	if (!is_factor(w->layout, i, &head))
		return;
	if (head) {
		w->ops->pack(t->cols, t->rows, flat, 1, w->panel + p->forward);
		w->ops->pack(t->rows, t->cols, flat, 0, w->panel + p->backward);
	} else {
		w->ops->pack(t->rows, t->cols, flat, 0, w->panel + p->forward);
		w->ops->pack(t->cols, t->rows, flat, 1, w->panel + p->backward);
	}
}

int ebb_weights_init(struct ebb_weights *w, const struct ebb_layout *layout,
		     const struct ebb_ops *ops, struct ebb_err *err)
{
	struct ebb_panels p = {0};

	*w = (struct ebb_weights){.layout = layout, .ops = ops};
	for (int i = 0; i < layout->n_tensors; i++)
		p = ebb_tensor_panels(layout, ops, i, p.end);
	w->flat = aligned_alloc(64, on_boundary(layout->n_floats) * sizeof *w->flat);
	w->panel = aligned_alloc(64, on_boundary(p.end + 1) * sizeof *w->panel);
	if (w->flat == NULL || w->panel == NULL) {
		ebb_weights_release(w);
		return ebb_err_set(err, EBB_ENOMEM,
				   "no memory for a policy of %zu parameters (%zu MiB); reduce "
				   "model.width or model.layers",
				   layout->n_parameters,
				   (layout->n_floats + p.end) * sizeof *w->flat >> 20);
	}
	memset(w->flat, 0, on_boundary(layout->n_floats) * sizeof *w->flat);
	memset(w->panel, 0, on_boundary(p.end + 1) * sizeof *w->panel);
	return 0;
}

static double deviation(enum ebb_init init, int rows, int layers)
{
	switch (init) {
	case EBB_INIT_EMBED:
		return 0.05;
	case EBB_INIT_MATRIX:
		return 1.0 / sqrt(rows);
	case EBB_INIT_OUTPUT: /* L layers with two outputs each keep the stream's variance near one */
		return 1.0 / sqrt(rows) / sqrt(2.0 * layers);
	case EBB_INIT_ONE:
	case EBB_INIT_ZERO:
		break;
	}
	return 0.0;
}

void ebb_weights_draw(struct ebb_weights *w, uint64_t seed)
{
	for (int i = 0; i < w->layout->n_tensors; i++) {
		const struct ebb_tensor *t = &w->layout->tensor[i];
		enum ebb_init init = ebb_tensor_init(w->layout, i);
		double s = deviation(init, t->rows, w->layout->model.L);
		size_t n = (size_t)t->rows * (size_t)t->cols;
		struct ebb_draw draw = {
			.seed = seed, .stream = EBB_STREAM_INIT, .slot = (uint32_t)i};
		float *flat = w->flat + t->offset;

		for (size_t j = 0; j < n; j++) {
			draw.sample = (uint32_t)(j >> POSITION_BITS);
			flat[j] =
				s == 0.0
					? (init == EBB_INIT_ONE ? 1.0F : 0.0F)
					: (float)(s *
						  ebb_normal(&draw,
							     (uint32_t)(j & ((1U << POSITION_BITS) -
									     1))));
		}
	}
	ebb_weights_pack(w);
}

void ebb_weights_pack(struct ebb_weights *w)
{
	struct ebb_panels p = {0};

	for (int i = 0; i < w->layout->n_tensors; i++) {
		p = ebb_tensor_panels(w->layout, w->ops, i, p.end);
		ebb_tensor_pack(w, i, &p);
	}
}

void ebb_weights_copy(struct ebb_weights *to, const struct ebb_weights *from)
{
	if (to->layout->n_floats != from->layout->n_floats)
		EBB_BUG("weights of %zu floats copied from %zu", to->layout->n_floats,
			from->layout->n_floats);
	memcpy(to->flat, from->flat, from->layout->n_floats * sizeof *to->flat);
	ebb_weights_pack(to);
}

void ebb_weights_adopt(struct ebb_weights *to, const struct ebb_weights *from)
{
	for (int i = 0; i < to->layout->n_tensors; i++) {
		const struct ebb_tensor *t = &to->layout->tensor[i];
		const struct ebb_tensor *s = ebb_layout_find(from->layout, t->name, t->layer);
		const size_t n = (size_t)t->rows * (size_t)t->cols;

		if (s != NULL && (s->rows != t->rows || s->cols != t->cols))
			EBB_BUG("tensor '%s' is %d x %d here and %d x %d there", t->name, t->rows,
				t->cols, s->rows, s->cols);
		if (s != NULL)
			memcpy(to->flat + t->offset, from->flat + s->offset, n * sizeof *to->flat);
		else
			memset(to->flat + t->offset, 0, n * sizeof *to->flat);
	}
	ebb_weights_pack(to);
}

void ebb_weights_release(struct ebb_weights *w)
{
	free(w->flat);
	free(w->panel);
	*w = (struct ebb_weights){0};
}
