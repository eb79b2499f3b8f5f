/*
 * Causal attention. Keys and values lie in tiles of 16 positions, in the decoding cache and in the
 * forward pass alike, so that both run the same code and give the same bits:
 *
 *   tile t, key head g:  K (D, 16): lane = position mod 16, then V (16, D rounded up to 16)
 *
 *   s_j = (chain over d ascending of q_d k_jd) / sqrt(D);  m = max s_j;  e_j = exp(s_j - m)
 *   p_j = e_j * (1 / sum e_j), lanes j mod 16;  out = chain over j ascending of p_j v_j
 *
 * Blocks of queries share the loads. A masked term is never added at all: the loops end at each
 * query's own last key.
 */
#ifndef EBB_TENSOR_CPU_ATTENTION_H
#define EBB_TENSOR_CPU_ATTENTION_H

/* Rows of a matrix in tiles of 16: row j is at base + (j / 16) * tile + (j % 16) * row. */
struct tiled {
	const float *base;
	size_t tile, row;
};

static inline const float *tiled_row(struct tiled t, int j)
{
	return t.base + (size_t)(j >> 4) * t.tile + (size_t)(j & 15) * t.row;
}

static inline size_t kv_tile_floats(int D)
{
	return (size_t)16 * (size_t)(D + round16(D));
}

static size_t kv_floats(int T_max, int NKV, int D)
{
	return (size_t)(round16(T_max) / 16) * (size_t)NKV * kv_tile_floats(D);
}

/* s (rows, tiles*16) = q k^T: `tiles` tiles of 16 keys side by side. */
TILE_INLINE void scores_tile(const int rows, const int tiles, int D, const float *q, size_t ldq,
			     const float *keys, size_t tile, float *s, size_t lds)
{
	v16 acc[8][4];

#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (int t = 0; t < tiles; t++)
			acc[r][t] = v_zero();
	for (int d = 0; d < D; d++) {
		v16 k[4];

#pragma GCC unroll 4
		for (int t = 0; t < tiles; t++)
			k[t] = v_load(keys + t * tile + (size_t)16 * d);
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++) {
			v16 a = v_set1(q[r * ldq + d]);

#pragma GCC unroll 4
			for (int t = 0; t < tiles; t++)
				acc[r][t] = v_fma(a, k[t], acc[r][t]);
		}
	}
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (int t = 0; t < tiles; t++)
			v_store(s + r * lds + 16 * t, acc[r][t]);
}

TILE_INLINE void scores_rows(const int rows, int D, const float *q, size_t ldq, int n_tiles,
			     const float *keys, size_t tile, float *s, size_t lds)
{
	int t = 0;

	for (; t + ATTN_TILES <= n_tiles; t += ATTN_TILES)
		scores_tile(rows, ATTN_TILES, D, q, ldq, keys + t * tile, tile, s + 16 * t, lds);
	if (t < n_tiles)
		scores_tile(rows, 1, D, q, ldq, keys + t * tile, tile, s + 16 * t, lds);
}

/* out (rows, D) = for row r the chain over j = 0 .. first + r of coef[r][j] * matrix row j. */
TILE_INLINE void apply_tile(const int rows, const int vectors, int first, const float *coef,
			    size_t ldc, struct tiled m, float *out, size_t ldo, int last)
{
	v16 acc[8][2];
	int j = 0;

#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			acc[r][v] = v_zero();
	for (const float *tile = m.base; j <= first; tile += m.tile) {
		int end = j + 16 <= first + 1 ? j + 16 : first + 1;

		for (const float *row = tile; j < end; j++, row += m.row) {
			v16 b[2];

#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++)
				b[v] = v_load(row + 16 * v);
#pragma GCC unroll 8
			for (int r = 0; r < rows; r++) {
				v16 a = v_set1(coef[r * ldc + j]);

#pragma GCC unroll 2
				for (int v = 0; v < vectors; v++)
					acc[r][v] = v_fma(a, b[v], acc[r][v]);
			}
		}
	}
#pragma GCC unroll 8
	for (int i = 1; i < rows; i++) { /* the triangle: key first + i is seen by rows i and on */
		const float *row = tiled_row(m, first + i);

#pragma GCC unroll 8
		for (int r = 1; r < rows; r++)
			if (r >= i) {
				v16 a = v_set1(coef[r * ldc + first + i]);

#pragma GCC unroll 2
				for (int v = 0; v < vectors; v++)
					acc[r][v] = v_fma(a, v_load(row + 16 * v), acc[r][v]);
			}
	}
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			store_row(out + r * ldo + 16 * v, acc[r][v], v == vectors - 1 ? last : 16);
}

TILE_INLINE void apply_rows(const int rows, int D, int first, const float *coef, size_t ldc,
			    struct tiled m, float *out, size_t ldo)
{
	int d = 0;

	for (; d + 16 * ATTN_VECTORS <= round16(D);
	     d += 16 * ATTN_VECTORS, m.base += 16 * ATTN_VECTORS)
		apply_tile(rows, ATTN_VECTORS, first, coef, ldc, m, out + d, ldo,
			   at_most16(D - d - 16 * (ATTN_VECTORS - 1)));
	if (d < D)
		apply_tile(rows, 1, first, coef, ldc, m, out + d, ldo, at_most16(D - d));
}

/*
 * Scores become probabilities, in place, for rows of n, n + step, n + 2 step ... keys, all of which
 * end in the same tile; zeros up to its end. The rows go side by side through each phase, since one
 * row alone is a single chain of dependent operations. Where stat is given: maximum and 1/sum.
 */
TILE_INLINE void softmax_rows(const int rows, int n, const int step, float scale, float *s,
			      size_t lds, float *stat)
{
	v16 factor = v_set1(scale), best[8], sum[8];
	int last = (n - 1) & ~15; /* the first key of the tile they end in */

#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		best[r] = v_set1(-INFINITY);
		sum[r] = v_zero();
	}
	for (int j = 0; j < last; j += 16)
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++)
			best[r] = v_max(best[r], v_mul(v_load(s + r * lds + j), factor));
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		v16 a = v_mul(v_load(s + r * lds + last), factor);
		float max;

		max = v_hmax(v_max(best[r], v_fill(a, n + r * step - last, -INFINITY)));
		if (stat)
			stat[2 * r] = max;
		best[r] = v_set1(max);
	}
	for (int j = 0; j < last; j += 16)
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++) {
			v16 a = v_mul(v_load(s + r * lds + j), factor);
			v16 e = v_exp(v_sub(a, best[r]));

			v_store(s + r * lds + j, e);
			sum[r] = v_add(sum[r], e);
		}
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		v16 a = v_mul(v_load(s + r * lds + last), factor);
		v16 e = v_fill(v_exp(v_sub(a, best[r])), n + r * step - last, 0.0f);
		float inverse = 1.0f / v_sum(v_add(sum[r], e));

		if (stat)
			stat[2 * r + 1] = inverse;
		sum[r] = v_set1(inverse);
		v_store(s + r * lds + last, v_mul(e, sum[r]));
	}
	for (int j = 0; j < last; j += 16)
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++)
			v_store(s + r * lds + j, v_mul(v_load(s + r * lds + j), sum[r]));
}

static void kv_store(int n, int t0, int T_max, int NKV, int D, const float *k, const float *v,
		     int ldk, int ldv, float *cache)
{
	size_t floats = kv_tile_floats(D), row = (size_t)round16(D);

	for (int i = 0; i < n;) {
		int lane = (t0 + i) & 15;
		int count = n - i < 16 - lane ? n - i : 16 - lane;

		for (int g = 0; g < NKV; g++) {
			float *tile = cache + ((size_t)((t0 + i) >> 4) * NKV + g) * floats;
			const float *ki = k + (size_t)i * ldk + (size_t)g * D;
			const float *vi = v + (size_t)i * ldv + (size_t)g * D;

			if (lane == 0) { /* a new tile: lanes not yet reached become 0 */
				for (int d = 0; d < D; d += 16)
					transpose16(count, at_most16(D - d), ki + d, (size_t)ldk,
						    tile + (size_t)16 * d, 16);
			} else {
				for (int r = 0; r < count; r++)
					for (int d = 0; d < D; d++)
						tile[16 * d + lane + r] = ki[(size_t)r * ldk + d];
			}
			for (int r = 0; r < count; r++)
				for (int d = 0; d < D; d += 16)
					v_store(tile + (size_t)16 * D + (lane + r) * row + d,
						load_row(vi + (size_t)r * ldv + d, D - d));
		}
		i += count;
	}
}

/* Queries first .. first+rows-1, all in one tile of positions, of one head. */
TILE_INLINE void attn_block(const int rows, int first, int D, const float *q, size_t ldq,
			    struct tiled keys, float *out, size_t ldo, float *stat, float *s,
			    size_t lds)
{
	struct tiled values = {keys.base + (size_t)16 * D, keys.tile, (size_t)round16(D)};

	scores_rows(rows, D, q, ldq, first / 16 + 1, keys.base, keys.tile, s, lds);
	softmax_rows(rows, first + 1, 1, 1.0f / sqrtf((float)D), s, lds, stat);
	apply_rows(rows, D, first, s, lds, values, out, ldo);
}

static void attn_fwd(int T, int NH, int NKV, int D, const float *q, const float *k, const float *v,
		     int ldq, int ldk, int ldv, float *out, int ldo, float *stat, float *scratch)
{
	float *s = scratch + kv_floats(T, NKV, D);
	size_t lds = (size_t)round16(T);

	kv_store(T, 0, T, NKV, D, k, v, ldk, ldv, scratch);
	for (int h = 0; h < NH; h++) {
		struct tiled keys = {scratch + (size_t)(h * NKV / NH) * kv_tile_floats(D),
				     (size_t)NKV * kv_tile_floats(D), 0};
		float *stat_h = stat + (size_t)2 * h * T;
		const float *qh = q + (size_t)h * D;
		float *oh = out + (size_t)h * D;
		int t = 0;

		for (; t + ATTN_ROWS <= T; t += ATTN_ROWS)
			attn_block(ATTN_ROWS, t, D, qh + (size_t)t * ldq, (size_t)ldq, keys,
				   oh + (size_t)t * ldo, (size_t)ldo, stat_h + 2 * t, s, lds);
		for (; t < T; t++)
			attn_block(1, t, D, qh + (size_t)t * ldq, (size_t)ldq, keys,
				   oh + (size_t)t * ldo, (size_t)ldo, stat_h + 2 * t, s, lds);
	}
}

#endif
