/*
 * Decoding: one query of each of many sequences against their caches, in the order of operations of
 * attention.h. A single query is one long chain of dependent operations; several heads, of one or
 * of several sequences of equal length, go side by side to fill the time.
 */
#ifndef EBB_TENSOR_CPU_DECODE_H
#define EBB_TENSOR_CPU_DECODE_H

/* One query head of one sequence that is being decoded. */
struct decoded {
	const float *q, *keys;
	float *out;
};

/* s (heads, tiles*16) of heads that have keys of their own. */
TILE_INLINE void decode_scores(const int heads, const int tiles, int D, const struct decoded *job,
			       size_t offset, size_t tile, float *s, size_t lds)
{
	v16 acc[4][2];
	const float *q[4], *keys[4];

#pragma GCC unroll 4
	for (int r = 0; r < heads; r++) {
		q[r] = job[r].q;
		keys[r] = job[r].keys + offset;
#pragma GCC unroll 2
		for (int t = 0; t < tiles; t++)
			acc[r][t] = v_zero();
	}
	for (int d = 0; d < D; d++)
#pragma GCC unroll 4
		for (int r = 0; r < heads; r++) {
			v16 a = v_set1(q[r][d]);

#pragma GCC unroll 2
			for (int t = 0; t < tiles; t++)
				acc[r][t] = v_fma(a, v_load(keys[r] + t * tile + (size_t)16 * d),
						  acc[r][t]);
		}
#pragma GCC unroll 4
	for (int r = 0; r < heads; r++)
#pragma GCC unroll 2
		for (int t = 0; t < tiles; t++)
			v_store(s + r * lds + 16 * t, acc[r][t]);
}

/* out (heads, 16 * vectors) from column d on = chain over j < n of p_j v_j. */
TILE_INLINE void decode_apply(const int heads, const int vectors, int n, int D,
			      const struct decoded *job, int d, size_t tile, const float *s,
			      size_t lds)
{
	v16 acc[4][4];
	const float *values[4];
	size_t row = (size_t)round16(D);

#pragma GCC unroll 4
	for (int r = 0; r < heads; r++) {
		values[r] = job[r].keys + (size_t)16 * D + d;
#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			acc[r][v] = v_zero();
	}
	for (int j0 = 0; j0 < n; j0 += 16) {
		int end = j0 + 16 < n ? j0 + 16 : n;
		size_t at = (size_t)(j0 / 16) * tile;

		for (int j = j0; j < end; j++, at += row)
#pragma GCC unroll 4
			for (int r = 0; r < heads; r++) {
				v16 a = v_set1(s[r * lds + j]);

#pragma GCC unroll 4
				for (int v = 0; v < vectors; v++)
					acc[r][v] = v_fma(a, v_load(values[r] + at + 16 * v),
							  acc[r][v]);
			}
	}
#pragma GCC unroll 4
	for (int r = 0; r < heads; r++)
#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			store_row(job[r].out + d + 16 * v, acc[r][v], D - d - 16 * v);
}

/* Heads of whatever sequences of n positions, side by side: their chains are independent. */
TILE_INLINE void decode_heads(const int heads, int n, int D, const struct decoded *job, size_t tile,
			      float *s, size_t lds)
{
	int t = 0, d = 0, n_tiles = (n + 15) / 16;

	for (; t + 2 <= n_tiles; t += 2)
		decode_scores(heads, 2, D, job, t * tile, tile, s + 16 * t, lds);
	if (t < n_tiles)
		decode_scores(heads, 1, D, job, t * tile, tile, s + 16 * t, lds);
	softmax_rows(heads, n, 0, 1.0f / sqrtf((float)D), s, lds, NULL);
	for (; d + 64 <= round16(D); d += 64)
		decode_apply(heads, 4, n, D, job, d, tile, s, lds);
	for (; d + 32 <= round16(D); d += 32)
		decode_apply(heads, 2, n, D, job, d, tile, s, lds);
	if (d < D)
		decode_apply(heads, 1, n, D, job, d, tile, s, lds);
}

static void attn_decode(int n, int T_max, int NH, int NKV, int D, const float *q, int ldq,
			float *const *cache, const int *length, float *out, int ldo, float *scratch)
{
	size_t lds = (size_t)round16(T_max), tile = (size_t)NKV * kv_tile_floats(D);
	struct decoded job[ATTN_HEADS];
	int waiting = 0;

	for (int i = 0; i < n; i++) {
		for (int h = 0; h < NH; h++) {
			job[waiting++] = (struct decoded){
				q + (size_t)i * ldq + (size_t)h * D,
				cache[i] + (size_t)(h * NKV / NH) * kv_tile_floats(D),
				out + (size_t)i * ldo + (size_t)h * D,
			};
			if (waiting == ATTN_HEADS) {
				decode_heads(ATTN_HEADS, length[i], D, job, tile, scratch, lds);
				waiting = 0;
			}
		}
		if (i + 1 < n && length[i + 1] == length[i])
			continue;
		for (int r = 0; r < waiting; r++)
			decode_heads(1, length[i], D, job + r, tile, scratch, lds);
		waiting = 0;
	}
}

#endif
