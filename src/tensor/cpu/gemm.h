/*
 * Matrix products. One register accumulator an output element, k ascending, vectorised over
 * outputs: no choice of tile below can change a bit. Tiles are one template with constant numbers
 * of rows and vectors; the narrower a panel, the more rows, so that enough accumulators hide the
 * latency.
 */
#ifndef EBB_TENSOR_CPU_GEMM_H
#define EBB_TENSOR_CPU_GEMM_H

#define TILE_INLINE static inline __attribute__((always_inline))

/* y (rows, cols) = x panel + bias + residual; `last` (1..16) columns in the last vector. */
TILE_INLINE void gemm_tile(const int rows, const int vectors, int K, const float *x, size_t ldx,
			   const float *panel, float *y, size_t ldy, int last, const float *bias,
			   const float *residual)
{
	v16 acc[12][4];

#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			acc[r][v] = v_zero();
	for (int k = 0; k < K; k++) {
		v16 b[4];

#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			b[v] = v_load(panel + 16 * v);
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			v16 a = v_set1(x[r * ldx + k]);

#pragma GCC unroll 4
			for (int v = 0; v < vectors; v++)
				acc[r][v] = v_fma(a, b[v], acc[r][v]);
		}
		panel += 16 * vectors;
	}
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++) {
			int n = v == vectors - 1 ? last : 16;
			size_t at = r * ldy + 16 * v;

			if (bias)
				acc[r][v] = v_add(acc[r][v], v_load_n(bias + 16 * v, n));
			if (residual)
				acc[r][v] = v_add(acc[r][v], v_load_n(residual + at, n));
			if (n == 16)
				v_store(y + at, acc[r][v]);
			else
				v_store_n(y + at, acc[r][v], n);
		}
	}
}

#define GEMM_CASE(r, v)                                                                            \
	case r:                                                                                    \
		gemm_tile(r, v, K, x, ldx, panel, y, ldy, last, bias, residual);                   \
		break;

/* One block of at most GEMM_ROWS_v rows against one panel of v vectors. */
#define GEMM_BLOCK(v, CASES)                                                                       \
	static void gemm_block_##v(int rows, int K, const float *x, size_t ldx,                    \
				   const float *panel, float *y, size_t ldy, int last,             \
				   const float *bias, const float *residual)                       \
	{                                                                                          \
		switch (rows) {                                                                    \
			CASES                                                                      \
		}                                                                                  \
	}

#define GEMM_CASES_2(v) GEMM_CASE(1, v) GEMM_CASE(2, v)
#define GEMM_CASES_6(v)                                                                            \
	GEMM_CASES_2(v) GEMM_CASE(3, v) GEMM_CASE(4, v) GEMM_CASE(5, v) GEMM_CASE(6, v)
#define GEMM_CASES_8(v) GEMM_CASES_6(v) GEMM_CASE(7, v) GEMM_CASE(8, v)
#define GEMM_CASES_12(v)                                                                           \
	GEMM_CASES_8(v) GEMM_CASE(9, v) GEMM_CASE(10, v) GEMM_CASE(11, v) GEMM_CASE(12, v)
#define GEMM_PASTE(a, b) a##b
#define GEMM_CASES(n, v) GEMM_PASTE(GEMM_CASES_, n)(v)

GEMM_BLOCK(1, GEMM_CASES(GEMM_ROWS_1, 1))
#if GEMM_VECTORS == 4
GEMM_BLOCK(2, GEMM_CASES(GEMM_ROWS_2, 2))
GEMM_BLOCK(3, GEMM_CASES(GEMM_ROWS_3, 3))
GEMM_BLOCK(4, GEMM_CASES(GEMM_ROWS_4, 4))
#endif

typedef void gemm_block_fn(int rows, int K, const float *x, size_t ldx, const float *panel,
			   float *y, size_t ldy, int last, const float *bias,
			   const float *residual);

static const struct {
	gemm_block_fn *block;
	int rows;
} gemm_width[] = {
	{gemm_block_1, GEMM_ROWS_1},
#if GEMM_VECTORS == 4
	{gemm_block_2, GEMM_ROWS_2},
	{gemm_block_3, GEMM_ROWS_3},
	{gemm_block_4, GEMM_ROWS_4},
#endif
};

static void gemm(int M, int N, int K, const float *x, int ldx, const float *panel, float *y,
		 int ldy, const float *bias, const float *residual)
{
	for (int n0 = 0; n0 < N; n0 += 16 * GEMM_VECTORS) {
		int left = round16(N - n0) / 16;
		int vectors = left < GEMM_VECTORS ? left : GEMM_VECTORS;
		int cols = N - n0 < 16 * vectors ? N - n0 : 16 * vectors;
		int most = gemm_width[vectors - 1].rows;
		int blocks = (M + most - 1) / most;

		for (int i = 0, m = 0; i < blocks; i++) {
			/* As even as can be: 7 rows are 4 + 3, not 6 + 1. */
			int rows = (M - m + blocks - i - 1) / (blocks - i);

			gemm_width[vectors - 1].block(
				rows, K, x + (size_t)m * ldx, (size_t)ldx, panel + (size_t)K * n0,
				y + (size_t)m * ldy + n0, (size_t)ldy, cols - 16 * (vectors - 1),
				bias ? bias + n0 : NULL,
				residual ? residual + (size_t)m * ldy + n0 : NULL);
			m += rows;
		}
	}
}

/* dw (rows, cols) += x^T dy over M tokens, continuing from memory. */
TILE_INLINE void tn_tile(const int rows, const int vectors, const int whole, int M, const float *x,
			 size_t ldx, const float *dy, size_t ldy, float *dw, size_t ldw, int last)
{
	v16 acc[12][4];

#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			acc[r][v] = whole || v < vectors - 1
					    ? v_load(dw + r * ldw + 16 * v)
					    : v_load_n(dw + r * ldw + 16 * v, last);
	for (int m = 0; m < M; m++) {
		v16 b[4];

#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			b[v] = whole || v < vectors - 1 ? v_load(dy + 16 * v)
							: v_load_n(dy + 16 * v, last);
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			v16 a = v_set1(x[r]);

#pragma GCC unroll 4
			for (int v = 0; v < vectors; v++)
				acc[r][v] = v_fma(a, b[v], acc[r][v]);
		}
		x += ldx;
		dy += ldy;
	}
#pragma GCC unroll 12
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
		for (int v = 0; v < vectors; v++)
			if (whole || v < vectors - 1)
				v_store(dw + r * ldw + 16 * v, acc[r][v]);
			else
				v_store_n(dw + r * ldw + 16 * v, acc[r][v], last);
}

#define TN_CASE(r, v)                                                                              \
	case r:                                                                                    \
		tn_tile(r, v, whole, M, x, ldx, dy, ldy, dw, ldw, last);                           \
		break;
#define TN_CASES_2(v) TN_CASE(1, v) TN_CASE(2, v)
#define TN_CASES_6(v) TN_CASES_2(v) TN_CASE(3, v) TN_CASE(4, v) TN_CASE(5, v) TN_CASE(6, v)
#define TN_CASES_12(v)                                                                             \
	TN_CASES_6(v)                                                                              \
	TN_CASE(7, v) TN_CASE(8, v) TN_CASE(9, v) TN_CASE(10, v) TN_CASE(11, v) TN_CASE(12, v)
#define TN_CASES(n, v) GEMM_PASTE(TN_CASES_, n)(v)

TILE_INLINE void tn_rows(int rows, const int vectors, const int whole, int M, const float *x,
			 size_t ldx, const float *dy, size_t ldy, float *dw, size_t ldw, int last)
{
	switch (rows) {
		TN_CASES(TN_ROWS, vectors)
	}
}

/* One column block over all K rows of dw. */
TILE_INLINE void tn_columns(const int vectors, const int whole, int M, int K, const float *x,
			    size_t ldx, const float *dy, size_t ldy, float *dw, size_t ldw,
			    int last)
{
	int blocks = (K + TN_ROWS - 1) / TN_ROWS;

	for (int i = 0, k = 0; i < blocks; i++) {
		int rows = (K - k + blocks - i - 1) / (blocks - i);

		tn_rows(rows, vectors, whole, M, x + k, ldx, dy, ldy, dw + k * ldw, ldw, last);
		k += rows;
	}
}

static void gemm_tn(int M, int N, int K, const float *x, int ldx, const float *dy, int ldy,
		    float *dw, int ldw)
{
	int n = 0;

	for (; n + 16 * TN_VECTORS <= N; n += 16 * TN_VECTORS)
		tn_columns(TN_VECTORS, 1, M, K, x, (size_t)ldx, dy + n, (size_t)ldy, dw + n,
			   (size_t)ldw, 16);
#if TN_VECTORS > 1
	if (n + 16 < N) {
		tn_columns(2, 0, M, K, x, (size_t)ldx, dy + n, (size_t)ldy, dw + n, (size_t)ldw,
			   N - n - 16);
		n = N;
	}
#endif
	if (n < N)
		tn_columns(1, 0, M, K, x, (size_t)ldx, dy + n, (size_t)ldy, dw + n, (size_t)ldw,
			   N - n);
}

#endif
