/*
 * Matrix products in fp32. Blocks share tiles of both operands in shared memory; each output
 * element is one register accumulator of one thread that takes its terms in ascending order,
 * whatever the tile, so tiles are chosen for speed alone. One kernel serves three layouts:
 *
 *   out (I, J) = start + sum over r of A(i, r) B(r, j)
 *     nn: A = x (I, R), B = w (R, J)
 *     nt: A = x (I, R), B = w (J, R)
 *     tn: A = x (R, I), B = dy (R, J)
 *
 * The next tile travels from device memory to registers while this one is multiplied.
 */
#include "tensor/cuda/common.cuh"
#include "tensor/cuda/fast.cuh"

enum layout { NN, NT, TN };

struct product {
	struct ebb_count M;
	int I, J, R; /* the one that counts rows is replaced by the member's own number */
	struct ebb_pop a, b, out, bias, residual;
	int wide_a, wide_b, wide_out; /* 16-byte accesses are aligned */
};

/* Along: the contiguous direction is the reduction, else the output's rows or columns. */
template <int WIDTH, int DEPTH, int THREADS, bool ALONG> struct stage {
	static constexpr int QUADS = WIDTH * DEPTH / 4;
	static constexpr int MINE = (QUADS + THREADS - 1) / THREADS;
	static constexpr int PITCH = WIDTH + 4; /* rows stay 16-byte aligned, columns spread */

	float4 held[MINE];

	__device__ static inline int outer(int quad)
	{
		return ALONG ? quad / (DEPTH / 4) : quad / (WIDTH / 4);
	}

	__device__ static inline int inner(int quad)
	{
		return ALONG ? quad % (DEPTH / 4) * 4 : quad % (WIDTH / 4) * 4;
	}

	/* w0, r0: where the tile begins; W, R: where the operand ends; beyond it are zeros. */
	__device__ inline void fetch(const float *from, int ld, int wide, int w0, int W, int r0,
				     int R)
	{
#pragma unroll
		for (int s = 0; s < MINE; s++) {
			int quad = (int)threadIdx.x + s * THREADS;
			int o = outer(quad) + (ALONG ? w0 : r0),
			    i = inner(quad) + (ALONG ? r0 : w0);
			int o_end = ALONG ? W : R, i_end = ALONG ? R : W;
			const float *at = from + (size_t)o * ld + i;

			held[s] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
			if (quad >= QUADS || o >= o_end)
				continue;
			if (wide && i + 4 <= i_end) {
				held[s] = *(const float4 *)at;
			} else {
				if (i < i_end)
					held[s].x = at[0];
				if (i + 1 < i_end)
					held[s].y = at[1];
				if (i + 2 < i_end)
					held[s].z = at[2];
				if (i + 3 < i_end)
					held[s].w = at[3];
			}
		}
	}

	__device__ inline void put(float (*tile)[PITCH]) const
	{
#pragma unroll
		for (int s = 0; s < MINE; s++) {
			int quad = (int)threadIdx.x + s * THREADS;
			int o = outer(quad), i = inner(quad);

			if (quad >= QUADS)
				continue;
			if (ALONG) {
				tile[i][o] = held[s].x;
				tile[i + 1][o] = held[s].y;
				tile[i + 2][o] = held[s].z;
				tile[i + 3][o] = held[s].w;
			} else {
				*(float4 *)&tile[o][i] = held[s];
			}
		}
	}
};

/* A thread's n rows (or columns) are groups of up to four neighbours, spread over the tile, so that
 * neighbouring threads read neighbouring quads of shared memory. */
template <int N, int WIDTH> struct spread {
	static constexpr int GROUP = N < 4 ? N : 4;
	static constexpr int STEP = WIDTH / (N / GROUP);

	__device__ static inline int at(int thread, int e)
	{
		return e / GROUP * STEP + thread * GROUP + e % GROUP;
	}

	__device__ static inline void load(float (&to)[N], const float *row, int thread)
	{
#pragma unroll
		for (int c = 0; c < N / GROUP; c++) {
			const float *from = row + c * STEP + thread * GROUP;

			if (GROUP == 4)
				*(float4 *)&to[c * GROUP] = *(const float4 *)from;
			else if (GROUP == 2)
				*(float2 *)&to[c * GROUP] = *(const float2 *)from;
			else
				to[c] = *from;
		}
	}
};

template <int LAYOUT, int BI, int BJ, int DEPTH, int TI, int TJ>
__global__ static __launch_bounds__((BI / TI) * (BJ / TJ)) void gemm_kernel(struct product g)
{
	constexpr int THREADS = (BI / TI) * (BJ / TJ);
	typedef stage<BI, DEPTH, THREADS, LAYOUT != TN> stage_a;
	typedef stage<BJ, DEPTH, THREADS, LAYOUT == NT> stage_b;
	__shared__ __align__(16) float tile_a[2][DEPTH][stage_a::PITCH];
	__shared__ __align__(16) float tile_b[2][DEPTH][stage_b::PITCH];
	int p = (int)blockIdx.z, rows = rows_of(g.M, p);
	int I = LAYOUT == TN ? g.I : rows, R = LAYOUT == TN ? rows : g.R;
	int i0 = (int)blockIdx.x * BI, j0 = (int)blockIdx.y * BJ;
	int ti = (int)threadIdx.x / (BJ / TJ), tj = (int)threadIdx.x % (BJ / TJ);
	const float *a = row_of(g.a, p, 0), *b = row_of(g.b, p, 0);
	__align__(16) float acc[TI][TJ];
	stage_a from_a;
	stage_b from_b;
	int n_tiles = (R + DEPTH - 1) / DEPTH;

	if (i0 >= I)
		return;
#pragma unroll
	for (int e = 0; e < TI; e++)
#pragma unroll
		for (int f = 0; f < TJ; f++) {
			int i = i0 + spread<TI, BI>::at(ti, e), j = j0 + spread<TJ, BJ>::at(tj, f);

			acc[e][f] =
				LAYOUT == TN && i < I && j < g.J ? row_of(g.out, p, i)[j] : 0.0f;
		}
	if (n_tiles > 0) {
		from_a.fetch(a, g.a.ld, g.wide_a, i0, I, 0, R);
		from_b.fetch(b, g.b.ld, g.wide_b, j0, g.J, 0, R);
		from_a.put(tile_a[0]);
		from_b.put(tile_b[0]);
		__syncthreads();
	}
	for (int t = 0; t < n_tiles; t++) {
		int now = t & 1, left = R - t * DEPTH;

		if (t + 1 < n_tiles) {
			from_a.fetch(a, g.a.ld, g.wide_a, i0, I, (t + 1) * DEPTH, R);
			from_b.fetch(b, g.b.ld, g.wide_b, j0, g.J, (t + 1) * DEPTH, R);
		}
		if (left >= DEPTH) {
#pragma unroll 16
			for (int r = 0; r < DEPTH; r++) {
				__align__(16) float x[TI], w[TJ];

				spread<TI, BI>::load(x, tile_a[now][r], ti);
				spread<TJ, BJ>::load(w, tile_b[now][r], tj);
#pragma unroll
				for (int e = 0; e < TI; e++)
#pragma unroll
					for (int f = 0; f < TJ; f++)
						acc[e][f] = __fmaf_rn(x[e], w[f], acc[e][f]);
			}
		} else {
			/* Zeros past the end would turn an accumulator of -0 into +0. */
#pragma unroll 1
			for (int r = 0; r < left; r++) {
				__align__(16) float x[TI], w[TJ];

				spread<TI, BI>::load(x, tile_a[now][r], ti);
				spread<TJ, BJ>::load(w, tile_b[now][r], tj);
#pragma unroll
				for (int e = 0; e < TI; e++)
#pragma unroll
					for (int f = 0; f < TJ; f++)
						acc[e][f] = __fmaf_rn(x[e], w[f], acc[e][f]);
			}
		}
		if (t + 1 < n_tiles) {
			/* The other tile was last read before the barrier of the round before. */
			from_a.put(tile_a[now ^ 1]);
			from_b.put(tile_b[now ^ 1]);
			__syncthreads();
		}
	}
#pragma unroll
	for (int e = 0; e < TI; e++) {
		int i = i0 + spread<TI, BI>::at(ti, e);

		if (i >= I)
			continue;
#pragma unroll
		for (int c = 0; c < TJ; c += spread<TJ, BJ>::GROUP) {
			constexpr int GROUP = spread<TJ, BJ>::GROUP;
			int j = j0 + spread<TJ, BJ>::at(tj, c);

#pragma unroll
			for (int f = 0; f < GROUP; f++) {
				if (j + f >= g.J)
					continue;
				if (g.bias.at)
					acc[e][c + f] = acc[e][c + f] + row_of(g.bias, p, 0)[j + f];
				if (g.residual.at)
					acc[e][c + f] =
						acc[e][c + f] + row_of(g.residual, p, i)[j + f];
			}
			if (GROUP == 4 && g.wide_out && j + 4 <= g.J) {
				*(float4 *)&row_of(g.out, p, i)[j] = *(float4 *)&acc[e][c];
				continue;
			}
#pragma unroll
			for (int f = 0; f < GROUP; f++)
				if (j + f < g.J)
					row_of(g.out, p, i)[j + f] = acc[e][c + f];
		}
	}
}

static int wide(struct ebb_pop x)
{
	return (uintptr_t)x.at % 16 == 0 && x.ld % 4 == 0 && x.member % 4 == 0;
}

template <int LAYOUT, int BI, int BJ, int DEPTH, int TI, int TJ>
static void launch(struct ebb_gpu_device *g, int P, const struct product &m)
{
	dim3 grid(blocks_for((size_t)m.I, BI), blocks_for((size_t)m.J, BJ), (unsigned)P);

	gemm_kernel<LAYOUT, BI, BJ, DEPTH, TI, TJ>
		<<<grid, (BI / TI) * (BJ / TJ), 0, g->stream>>>(m);
}

static size_t n_blocks(int P, const struct product &m, size_t BI, size_t BJ)
{
	return (size_t)P * blocks_for((size_t)m.I, BI) * blocks_for((size_t)m.J, BJ);
}

/* The largest tile of which every multiprocessor gets two; few rows (decoding) have their own, deep
 * enough to fetch a small K at once. */
template <int LAYOUT>
static void product(struct ebb_gpu_device *g, const char *op, int P, struct product m)
{
	size_t enough = (size_t)g->n_processors * 2;

	if (!worth_launching(g, P, (size_t)m.I * (size_t)m.J, op))
		return;
	m.wide_a = wide(m.a);
	m.wide_b = wide(m.b);
	m.wide_out = wide(m.out);
	if (blocks_for((size_t)m.J, 32) > 65535)
		ebb_cuda_fail(g, EBB_EINVAL, "%s: %d columns are too many", op, m.J);
	else if (LAYOUT != TN && m.I <= 16)
		launch<LAYOUT, 16, 64, 64, 4, 2>(g, P, m);
	else if (n_blocks(P, m, 128, 64) >= enough)
		launch<LAYOUT, 128, 64, 16, 8, 8>(g, P, m);
	else if (n_blocks(P, m, 64, 64) >= enough)
		launch<LAYOUT, 64, 64, 16, 8, 4>(g, P, m);
	else
		launch<LAYOUT, 32, 32, 16, 4, 4>(g, P, m);
	ebb_cuda_launched(g, op);
}

void ebb_cuda_gemm_nn(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		      struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		      struct ebb_pop residual)
{
	struct product m = {M, M.most, N, K, x, w, y, bias, residual, 0, 0, 0};

	if (g->precision != EBB_GPU_FP32)
		ebb_fast_nn(g, P, M, N, K, x, w, y, bias, residual);
	else
		product<NN>(g, "gemm_nn", P, m);
}

void ebb_cuda_gemm_nt(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		      struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		      struct ebb_pop residual)
{
	struct product m = {M, M.most, N, K, x, w, y, bias, residual, 0, 0, 0};

	if (g->precision != EBB_GPU_FP32)
		ebb_fast_nt(g, P, M, N, K, x, w, y, bias, residual);
	else
		product<NT>(g, "gemm_nt", P, m);
}

void ebb_cuda_gemm_tn(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		      struct ebb_pop x, struct ebb_pop dy, struct ebb_pop dw)
{
	struct ebb_pop none = {NULL, 0, 0};
	struct product m = {M, K, N, M.most, x, dy, dw, none, none, 0, 0, 0};

	if (g->precision != EBB_GPU_FP32)
		ebb_fast_tn(g, P, M, N, K, x, dy, dw);
	else
		product<TN>(g, "gemm_tn", P, m);
}
