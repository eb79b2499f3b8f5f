/*
 * Packed weights. The columns are cut into panels of GEMM_VECTORS vectors, the last one as narrow
 * as its columns allow; a panel is K rows of its width, zeros beyond column N. All panels but the
 * last are full, so the panel that starts at column n begins at float K * n.
 */
#ifndef EBB_TENSOR_CPU_PACK_H
#define EBB_TENSOR_CPU_PACK_H

static inline int round16(int n)
{
	return (n + 15) & ~15;
}

static inline int at_most16(int n)
{
	return n < 16 ? n : 16;
}

/* dst[c*ldd + r] = src[r*ld + c] for c < cols; all sixteen r are written, zeros from `rows` on. */
static inline void transpose16(int rows, int cols, const float *src, size_t ld, float *dst,
			       size_t ldd)
{
	v16 r[16];

	if (rows == 16 && cols == 16) {
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			r[i] = v_load(src + i * ld);
		v_transpose(r);
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			v_store(dst + i * ldd, r[i]);
		return;
	}
	for (int i = 0; i < 16; i++)
		r[i] = i < rows ? v_load_n(src + i * ld, cols) : v_zero();
	v_transpose(r);
	for (int i = 0; i < cols; i++)
		v_store(dst + i * ldd, r[i]);
}

static size_t panel_floats(int K, int N)
{
	return (size_t)K * (size_t)round16(N);
}

static void pack(int K, int N, const float *w, int transpose, float *panel)
{
	for (int n0 = 0; n0 < N; n0 += 16 * GEMM_VECTORS) {
		int left = round16(N - n0);
		int width = left < 16 * GEMM_VECTORS ? left : 16 * GEMM_VECTORS;

		for (int c = 0; c < width; c += 16) {
			int cols = at_most16(N - n0 - c);
			float *dst = panel + (size_t)K * n0 + c;
			int k = 0;

			if (transpose) {
				for (; k < K; k += 16)
					transpose16(cols, at_most16(K - k),
						    w + (size_t)(n0 + c) * K + k, (size_t)K,
						    dst + (size_t)k * width, (size_t)width);
				continue;
			}
			for (; k < K; k++)
				v_store(dst + (size_t)k * width,
					cols == 16 ? v_load(w + (size_t)k * N + n0 + c)
						   : v_load_n(w + (size_t)k * N + n0 + c, cols));
		}
	}
}

#endif
