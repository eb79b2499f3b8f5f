/*
 * Gradient of causal attention, a key head at a time. P is computed again from the kept maximum and
 * inverse sum, by panels of queries:
 *
 *   dp_j = chain over d of dout_d v_jd;  ds_j = p_j (dp_j - sum_j p_j dp_j) / sqrt(D)
 *   dq = chain over j ascending of ds_j k_j
 *   dk_j, dv_j = chains over (query head ascending, query ascending) of ds_j q, p_j dout
 */
#ifndef EBB_TENSOR_CPU_ATTENTION_BWD_H
#define EBB_TENSOR_CPU_ATTENTION_BWD_H

#define ATTN_PANEL 64 /* queries whose P and dS are held at once */

struct bwd_scratch {
	float *kt, *vt;      /* (tiles, D, 16): lane = position mod 16       */
	float *k, *q, *dout; /* (T, D rounded up), rows padded with 0        */
	float *dk, *dv;      /* (T, D rounded up), continuing accumulators   */
	float *p, *ds;       /* (ATTN_PANEL, T rounded up)                   */
};

static size_t bwd_scratch_floats(int T, int D)
{
	size_t t = (size_t)round16(T), d = (size_t)round16(D);

	return 2 * t * (size_t)round16(D) + 5 * t * d + 2 * ATTN_PANEL * t;
}

static struct bwd_scratch bwd_scratch_cut(int T, int D, float *at)
{
	size_t t = (size_t)round16(T), row = t * (size_t)round16(D);
	struct bwd_scratch s;

	s.kt = at;
	s.vt = s.kt + row;
	s.k = s.vt + row;
	s.q = s.k + row;
	s.dout = s.q + row;
	s.dk = s.dout + row;
	s.dv = s.dk + row;
	s.p = s.dv + row;
	s.ds = s.p + ATTN_PANEL * t;
	return s;
}

static size_t attn_scratch_floats(int T, int NH, int NKV, int D)
{
	size_t t = (size_t)round16(T);
	size_t forward = kv_floats(T, NKV, D) + ATTN_ROWS * t;
	size_t backward = bwd_scratch_floats(T, D);
	size_t decode = ATTN_HEADS * t;
	size_t most = forward > backward ? forward : backward;

	return most > decode ? most : decode;
}

static inline void rows_to_tiles(int T, int D, const float *x, size_t ld, float *tiles)
{
	for (int t = 0; t < T; t += 16)
		for (int d = 0; d < D; d += 16)
			transpose16(at_most16(T - t), at_most16(D - d), x + t * ld + d, ld,
				    tiles + (size_t)t * D + (size_t)16 * d, 16);
}

static inline void rows_pad(int T, int D, const float *x, size_t ld, float *rows)
{
	for (int t = 0; t < T; t++)
		for (int d = 0; d < D; d += 16)
			v_store(rows + (size_t)t * round16(D) + d, load_row(x + t * ld + d, D - d));
}

static inline void rows_unpad(int T, int D, const float *rows, float *x, size_t ld)
{
	for (int t = 0; t < T; t++)
		for (int d = 0; d < D; d += 16)
			store_row(x + t * ld + d, v_load(rows + (size_t)t * round16(D) + d), D - d);
}

/* Raw scores in p and raw dp in ds become p and the scaled ds; rows as in softmax_rows, step 1. */
TILE_INLINE void softmax_bwd_rows(const int rows, int n, float scale, const float *stat, float *p,
				  float *ds, size_t lds)
{
	v16 factor = v_set1(scale), sum[8];
	int last = (n - 1) & ~15;

#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
		sum[r] = v_zero();
	for (int j = 0; j < last; j += 16)
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++) {
			size_t at = r * lds + j;
			v16 a = v_sub(v_mul(v_load(p + at), factor), v_set1(stat[2 * r]));
			v16 pj = v_mul(v_exp(a), v_set1(stat[2 * r + 1]));

			v_store(p + at, pj);
			sum[r] = v_fma(pj, v_load(ds + at), sum[r]);
		}
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		size_t at = r * lds + last;
		v16 a = v_sub(v_mul(v_load(p + at), factor), v_set1(stat[2 * r]));
		v16 pj = v_mul(v_exp(a), v_set1(stat[2 * r + 1]));
		v16 dp = v_fill(v_load(ds + at), n + r - last, 0.0f);

		pj = v_fill(pj, n + r - last, 0.0f);
		v_store(p + at, pj);
		sum[r] = v_set1(v_sum(v_fma(pj, dp, sum[r])));
		v_store(ds + at, v_mul(v_mul(pj, v_sub(dp, sum[r])), factor));
	}
	for (int j = 0; j < last; j += 16)
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++) {
			size_t at = r * lds + j;
			v16 d = v_mul(v_load(p + at), v_sub(v_load(ds + at), sum[r]));

			v_store(ds + at, v_mul(d, factor));
		}
}

TILE_INLINE void attn_bwd_block(const int rows, int first, int D, const struct bwd_scratch *s,
				const float *stat, float *p, float *ds, size_t lds, float *dq,
				size_t ldq)
{
	size_t row = (size_t)round16(D), tile = (size_t)16 * D;
	struct tiled keys = {s->k, 16 * row, row};

	scores_rows(rows, D, s->q + first * row, row, first / 16 + 1, s->kt, tile, p, lds);
	scores_rows(rows, D, s->dout + first * row, row, first / 16 + 1, s->vt, tile, ds, lds);
	softmax_bwd_rows(rows, first + 1, 1.0f / sqrtf((float)D), stat, p, ds, lds);
	apply_rows(rows, D, first, ds, lds, keys, dq, ldq);
}

/*
 * acc (rows keys from j0) += chain over queries i of coef[i - i0][j] * x_i, i from max(i0, j) up.
 */
TILE_INLINE void collect_tile(const int rows, const int vectors, int j0, int i0, int i1,
			      const float *coef, size_t ldc, const float *x, size_t ldx, float *out)
{
	v16 acc[8][2];
	int i = i0 > j0 ? i0 : j0;

#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			acc[r][v] = v_load(out + r * ldx + 16 * v);
	coef += (size_t)(i - i0) * ldc + j0;
	x += i * ldx;
	for (; i < i1 && i < j0 + rows - 1; i++, coef += ldc, x += ldx) { /* the triangle */
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++)
			if (r <= i - j0)
#pragma GCC unroll 2
				for (int v = 0; v < vectors; v++)
					acc[r][v] = v_fma(v_set1(coef[r]), v_load(x + 16 * v),
							  acc[r][v]);
	}
	for (; i < i1; i++, coef += ldc, x += ldx) {
		v16 b[2];

#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			b[v] = v_load(x + 16 * v);
#pragma GCC unroll 8
		for (int r = 0; r < rows; r++) {
			v16 a = v_set1(coef[r]);

#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++)
				acc[r][v] = v_fma(a, b[v], acc[r][v]);
		}
	}
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			v_store(out + r * ldx + 16 * v, acc[r][v]);
}

TILE_INLINE void collect_rows(const int rows, int D, int j0, int i0, int i1, const float *coef,
			      size_t ldc, const float *x, float *out)
{
	size_t row = (size_t)round16(D);
	int d = 0;

	out += j0 * row;
	for (; d + 16 * ATTN_VECTORS <= (int)row; d += 16 * ATTN_VECTORS)
		collect_tile(rows, ATTN_VECTORS, j0, i0, i1, coef, ldc, x + d, row, out + d);
	if (d < (int)row)
		collect_tile(rows, 1, j0, i0, i1, coef, ldc, x + d, row, out + d);
}

/* Queries i0 .. i1-1 of a panel add to all keys they see. */
static void collect(int D, int i0, int i1, const float *coef, size_t ldc, const float *x,
		    float *out)
{
	int j = 0;

	for (; j + ATTN_ROWS <= i1; j += ATTN_ROWS)
		collect_rows(ATTN_ROWS, D, j, i0, i1, coef, ldc, x, out);
	for (; j < i1; j++)
		collect_rows(1, D, j, i0, i1, coef, ldc, x, out);
}

static void attn_bwd(int T, int NH, int NKV, int D, const float *q, const float *k, const float *v,
		     int ldq, int ldk, int ldv, const float *out, const float *dout, int ldo,
		     const float *stat, float *dq, float *dk, float *dv, float *scratch)
{
	struct bwd_scratch s = bwd_scratch_cut(T, D, scratch);
	size_t lds = (size_t)round16(T), row = (size_t)round16(D);

	for (int h = 0; h < NH; h++) {
		int g = h * NKV / NH;
		const float *stat_h = stat + (size_t)2 * h * T;
		float *dqh = dq + (size_t)h * D;

		if (h == 0 || g != (h - 1) * NKV / NH) {
			rows_to_tiles(T, D, k + (size_t)g * D, (size_t)ldk, s.kt);
			rows_to_tiles(T, D, v + (size_t)g * D, (size_t)ldv, s.vt);
			rows_pad(T, D, k + (size_t)g * D, (size_t)ldk, s.k);
			memset(s.dk, 0, 2 * lds * row * sizeof *s.dk); /* dv lies behind dk */
		}
		rows_pad(T, D, q + (size_t)h * D, (size_t)ldq, s.q);
		rows_pad(T, D, dout + (size_t)h * D, (size_t)ldo, s.dout);
		for (int i0 = 0; i0 < T; i0 += ATTN_PANEL) {
			int i1 = i0 + ATTN_PANEL < T ? i0 + ATTN_PANEL : T, t = i0;

			for (; t + ATTN_ROWS <= i1; t += ATTN_ROWS)
				attn_bwd_block(ATTN_ROWS, t, D, &s, stat_h + 2 * t,
					       s.p + (t - i0) * lds, s.ds + (t - i0) * lds, lds,
					       dqh + (size_t)t * ldq, (size_t)ldq);
			for (; t < i1; t++)
				attn_bwd_block(1, t, D, &s, stat_h + 2 * t, s.p + (t - i0) * lds,
					       s.ds + (t - i0) * lds, lds, dqh + (size_t)t * ldq,
					       (size_t)ldq);
			collect(D, i0, i1, s.p, lds, s.dout, s.dv);
			collect(D, i0, i1, s.ds, lds, s.q, s.dk);
		}
		if (h == NH - 1 || g != (h + 1) * NKV / NH) {
			rows_unpad(T, D, s.dk, dk + (size_t)g * D, (size_t)ldk);
			rows_unpad(T, D, s.dv, dv + (size_t)g * D, (size_t)ldv);
		}
	}
}

#endif
