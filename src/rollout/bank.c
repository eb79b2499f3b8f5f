/* Keys and values of finished sequences, row by row, as the device lays them out. */
#include "rollout/bank.h"

#include <stdlib.h>
#include <string.h>
#include "base/arena.h"

/* What the bank may take; rows that do not fit are computed again when they are asked for. */
#define BANK_BYTES_MAX ((size_t)256 << 20)

struct ebb_bank {
	const struct ebb_net *net;
	int rows, positions;
	size_t kv;              /* floats of a layer of a row */
	float *floats;          /* (rows, L, kv) */
	int *held;              /* positions of a row; 0: none (rows) */
	unsigned char *claimed; /* written by the call under way (rows) */
	struct ebb_arena arena;
};

int ebb_bank_open(struct ebb_bank **out, struct ebb_engine *e, int rows, int positions,
		  struct ebb_err *err)
{
	struct ebb_bank *b = ebb_calloc(1, sizeof *b, err);
	const struct ebb_model *m;
	size_t row;
	int rc;

	*out = NULL;
	if (!b)
		return EBB_ENOMEM;
	b->net = ebb_engine_net(e);
	m = &b->net->m;
	b->kv = b->net->ops->kv_floats(positions, m->NKV, m->D);
	b->positions = positions;
	row = b->kv * (size_t)m->L;
	b->rows = (size_t)rows < BANK_BYTES_MAX / sizeof(float) / row
			  ? rows
			  : (int)(BANK_BYTES_MAX / sizeof(float) / row);
	ebb_arena_add(&b->arena, &b->floats, (size_t)b->rows * row, sizeof *b->floats);
	ebb_arena_add(&b->arena, &b->held, (size_t)b->rows, sizeof *b->held);
	ebb_arena_add(&b->arena, &b->claimed, (size_t)b->rows, sizeof *b->claimed);
	rc = ebb_arena_commit(&b->arena, err);
	if (rc < 0) {
		ebb_err_wrap(err, "keys and values of %d responses", b->rows);
		ebb_bank_close(b);
		return rc;
	}
	*out = b;
	return 0;
}

void ebb_bank_close(struct ebb_bank *b)
{
	if (!b)
		return;
	ebb_arena_release(&b->arena);
	free(b);
}

void ebb_bank_forget(struct ebb_bank *b)
{
	memset(b->held, 0, (size_t)b->rows * sizeof *b->held);
}

int ebb_bank_held(const struct ebb_bank *b)
{
	int n = 0;

	for (int i = 0; i < b->rows; i++)
		n += b->held[i] > 0;
	return n;
}

void ebb_bank_begin(struct ebb_bank *b)
{
	memset(b->claimed, 0, (size_t)b->rows * sizeof *b->claimed);
}

void ebb_bank_claim(struct ebb_bank *b, int row)
{
	if (row < b->rows) {
		b->claimed[row] = 1;
		b->held[row] = 0;
	}
}

bool ebb_bank_open_to(const struct ebb_bank *b, int row)
{
	return row >= b->rows || !b->claimed[row];
}

bool ebb_bank_has(const struct ebb_bank *b, int row, int n)
{
	return row < b->rows && n > 0 && b->held[row] >= n;
}

static float *layer_of(const struct ebb_bank *b, int row, int layer)
{
	return b->floats + ((size_t)row * b->net->m.L + layer) * b->kv;
}

/* The first positions of a cache are its first floats (tensor/ops.def). */
static size_t bytes_of(const struct ebb_bank *b, int n)
{
	return b->net->ops->kv_floats(n, b->net->m.NKV, b->net->m.D) * sizeof(float);
}

void ebb_bank_read(const struct ebb_bank *b, int row, int layer, int n, float *cache)
{
	memcpy(cache, layer_of(b, row, layer), bytes_of(b, n));
}

void ebb_bank_write(struct ebb_bank *b, int row, int layer, int n, const float *cache)
{
	if (row >= b->rows)
		return;
	if (n > b->positions)
		EBB_BUG("%d positions for a bank of %d", n, b->positions);
	memcpy(layer_of(b, row, layer), cache, bytes_of(b, n));
	if (layer == b->net->m.L - 1)
		b->held[row] = n;
}
