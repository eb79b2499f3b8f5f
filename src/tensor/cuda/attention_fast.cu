/*
 * Attention of the bf16 mode on tensor cores: tiles of 64 queries and 64 keys, factors rounded to
 * bf16, sums in fp32, the maximum and the sum of a row corrected as keys pass by (Dao et al.,
 * arXiv:2205.14135, algorithm 1; the backward pass recomputes probabilities, algorithm 4). Four
 * warps; a warp owns 16 rows of the tile it accumulates.
 */
#include "tensor/cuda/attention.cuh"
#include "tensor/cuda/fast.cuh"

#include <cuda_bf16.h>
#include <mma.h>

using namespace nvcuda;

typedef __nv_bfloat16 bf16;

enum { SIDE = 64, EDGE = 16, BLOCK = WARPS * 32, S_LD = SIDE + 4, P_LD = SIDE + 8 };

typedef wmma::fragment<wmma::matrix_a, EDGE, EDGE, EDGE, bf16, wmma::row_major> rows_a;
typedef wmma::fragment<wmma::matrix_a, EDGE, EDGE, EDGE, bf16, wmma::col_major> columns_a;
typedef wmma::fragment<wmma::matrix_b, EDGE, EDGE, EDGE, bf16, wmma::row_major> rows_b;
typedef wmma::fragment<wmma::matrix_b, EDGE, EDGE, EDGE, bf16, wmma::col_major> columns_b;
typedef wmma::fragment<wmma::accumulator, EDGE, EDGE, EDGE, float> sums;

/* Row length of a tile of heads in shared memory: ND pieces of 16, off the banks. */
template <int ND> __host__ __device__ static constexpr int tile_ld()
{
	return EDGE * ND + 8;
}

template <int ND> __host__ __device__ static constexpr size_t tile_bytes()
{
	return (size_t)SIDE * tile_ld<ND>() * sizeof(bf16);
}

/* Rows j0 .. j0 + 63 of one head, zeros beyond n rows and D columns. */
template <int ND>
__device__ static inline void head_load(bf16 *tile, const float *x, int ld, int j0, int n, int D)
{
	for (int at = (int)threadIdx.x; at < SIDE * EDGE * ND; at += BLOCK) {
		int j = at / (EDGE * ND), d = at % (EDGE * ND);

		tile[j * tile_ld<ND>() + d] = __float2bfloat16(
			j0 + j < n && d < D ? x[(size_t)(j0 + j) * (size_t)ld + (size_t)d] : 0.0f);
	}
}

/* The warp's 16 rows of a b', both (64, D): scores, before scaling. */
template <int ND>
__device__ static inline void dots(float *s, const bf16 *a, const bf16 *b, int row)
{
	for (int c = 0; c < SIDE / EDGE; c++) {
		sums sum;

		wmma::fill_fragment(sum, 0.0f);
#pragma unroll
		for (int d = 0; d < ND; d++) {
			rows_a x;
			columns_b y;

			wmma::load_matrix_sync(x, a + row * tile_ld<ND>() + d * EDGE,
					       tile_ld<ND>());
			wmma::load_matrix_sync(y, b + c * EDGE * tile_ld<ND>() + d * EDGE,
					       tile_ld<ND>());
			wmma::mma_sync(sum, x, y, sum);
		}
		wmma::store_matrix_sync(s + row * S_LD + c * EDGE, sum, S_LD, wmma::mem_row_major);
	}
}

template <int ND> static constexpr size_t fwd_bytes()
{
	return 3 * tile_bytes<ND>() + SIDE * (S_LD + tile_ld<ND>()) * sizeof(float) +
	       SIDE * P_LD * sizeof(bf16);
}

template <int ND>
__global__ static __launch_bounds__(BLOCK) void fwd_kernel(struct ebb_sequences seq, int NH,
							   int NKV, int D, struct ebb_pop q,
							   struct ebb_pop k, struct ebb_pop v,
							   struct ebb_pop out, struct ebb_pop stat)
{
	extern __shared__ __align__(128) float shared[];
	constexpr int ld = tile_ld<ND>();
	bf16 *Q = (bf16 *)shared, *K = Q + SIDE * ld, *V = K + SIDE * ld;
	float *S = (float *)(V + SIDE * ld), *O = S + SIDE * S_LD;
	bf16 *Pb = (bf16 *)(O + SIDE * ld);
	int which = (int)blockIdx.x, p = which / seq.n, h = (int)blockIdx.z;
	int T = min(seq.length[which], seq.T), row0 = seq.first[which];
	int i0 = (int)blockIdx.y * SIDE, kv = h * NKV / NH * D;
	int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
	int mine = warp * EDGE + lane / 2, side = lane % 2; /* two lanes share a row */
	float scale = attn_scale(D), top = -CUDART_INF_F, total = 0.0f;

	if (i0 >= T)
		return;
	head_load<ND>(Q, row_of(q, p, row0) + h * D, q.ld, i0, T, D);
	for (int d = side; d < ld; d += 2)
		O[mine * ld + d] = 0.0f;
	for (int j0 = 0; j0 < i0 + SIDE && j0 < T; j0 += SIDE) {
		float best = top, again, sum = 0.0f;

		__syncthreads(); /* the tile before has been read */
		head_load<ND>(K, row_of(k, p, row0) + kv, k.ld, j0, T, D);
		head_load<ND>(V, row_of(v, p, row0) + kv, v.ld, j0, T, D);
		__syncthreads();
		dots<ND>(S, Q, K, warp * EDGE);
		__syncwarp();
		for (int c = side; c < SIDE; c += 2)
			if (j0 + c <= i0 + mine && j0 + c < T)
				best = max_of(best, S[mine * S_LD + c] * scale);
		best = max_of(best, __shfl_xor_sync(0xffffffffu, best, 1, 32));
		again = exp_negative(top - best);
		for (int c = side; c < SIDE; c += 2) {
			float e = j0 + c <= i0 + mine && j0 + c < T
					  ? exp_negative(S[mine * S_LD + c] * scale - best)
					  : 0.0f;

			sum = sum + e;
			Pb[mine * P_LD + c] = __float2bfloat16(e);
		}
		sum = sum + __shfl_xor_sync(0xffffffffu, sum, 1, 32);
		total = total * again + sum;
		top = best;
		for (int d = side; d < EDGE * ND; d += 2)
			O[mine * ld + d] *= again;
		__syncwarp();
#pragma unroll
		for (int d = 0; d < ND; d++) {
			float *at = O + warp * EDGE * ld + d * EDGE;
			sums o;

			wmma::load_matrix_sync(o, at, ld, wmma::mem_row_major);
			for (int c = 0; c < SIDE / EDGE; c++) {
				rows_a x;
				rows_b y;

				wmma::load_matrix_sync(x, Pb + warp * EDGE * P_LD + c * EDGE, P_LD);
				wmma::load_matrix_sync(y, V + c * EDGE * ld + d * EDGE, ld);
				wmma::mma_sync(o, x, y, o);
			}
			wmma::store_matrix_sync(at, o, ld, wmma::mem_row_major);
		}
		__syncwarp();
	}
	if (i0 + mine >= T)
		return;
	total = __fdiv_rn(1.0f, total);
	for (int d = side; d < D; d += 2)
		row_of(out, p, row0 + i0 + mine)[h * D + d] = O[mine * ld + d] * total;
	if (side == 0) {
		row_of(stat, p, row0 + i0 + mine)[2 * h] = top;
		row_of(stat, p, row0 + i0 + mine)[2 * h + 1] = total;
	}
}

template <int ND>
static void fwd_launch(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop stat)
{
	if (!ebb_cuda_allow_shared(g, (const void *)fwd_kernel<ND>, fwd_bytes<ND>(), "attn_fwd"))
		return;
	fwd_kernel<ND><<<dim3((unsigned)(P * s.n), blocks_for((size_t)s.T, SIDE), (unsigned)NH),
			 BLOCK, fwd_bytes<ND>(), g->stream>>>(s, NH, NKV, D, q, k, v, out, stat);
	ebb_cuda_launched(g, "attn_fwd");
}

void ebb_fast_attn_fwd(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop stat)
{
	if (D <= 16)
		fwd_launch<1>(g, P, s, NH, NKV, D, q, k, v, out, stat);
	else if (D <= 32)
		fwd_launch<2>(g, P, s, NH, NKV, D, q, k, v, out, stat);
	else if (D <= 64)
		fwd_launch<4>(g, P, s, NH, NKV, D, q, k, v, out, stat);
	else
		fwd_launch<8>(g, P, s, NH, NKV, D, q, k, v, out, stat);
}

/* ---- backward ---- */

/* What a row's probabilities lean on: mean = sum over the head of dout out. */
__global__ static void mean_kernel(struct ebb_sequences seq, int NH, int D, struct ebb_pop out,
				   struct ebb_pop dout, struct ebb_pop mean)
{
	int which = (int)blockIdx.x, p = which / seq.n, T = min(seq.length[which], seq.T);
	int row0 = seq.first[which], at = (int)(blockIdx.y * BLOCK + threadIdx.x);
	int i = at / NH, h = at % NH;
	float sum = 0.0f;

	if (i >= T)
		return;
	for (int d = 0; d < D; d++)
		sum = __fmaf_rn(row_of(dout, p, row0 + i)[h * D + d],
				row_of(out, p, row0 + i)[h * D + d], sum);
	row_of(mean, p, row0 + i)[h] = sum;
}

struct fast_bwd {
	struct ebb_sequences seq;
	int NH, NKV, D;
	struct ebb_pop q, k, v, dout, stat, mean, dq, dk, dv;
};

/* Tiles of both sides, scores and their gradient, and both as factors. */
template <int ND> struct room {
	bf16 *Q, *dO, *K, *V, *Pb, *dS;
	float *S, *dP;

	__device__ inline explicit room(float *shared)
	{
		const int tile = SIDE * tile_ld<ND>();

		Q = (bf16 *)shared;
		dO = Q + tile;
		K = dO + tile;
		V = K + tile;
		S = (float *)(V + tile);
		dP = S + SIDE * S_LD;
		Pb = (bf16 *)(dP + SIDE * S_LD);
		dS = Pb + SIDE * P_LD;
	}
};

template <int ND> static constexpr size_t bwd_bytes()
{
	return 4 * tile_bytes<ND>() + 2 * SIDE * S_LD * sizeof(float) +
	       2 * SIDE * P_LD * sizeof(bf16);
}

/* Probabilities of the tile of queries i0 and keys j0 and the gradient of their scores, the warp's
 * 16 queries; both tiles are loaded. */
template <int ND>
__device__ static inline void probabilities(const struct room<ND> &r, const struct fast_bwd &b,
					    int p, int row0, int T, int h, int i0, int j0)
{
	int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
	int mine = warp * EDGE + lane / 2, side = lane % 2, i = i0 + mine;
	float scale = attn_scale(b.D), top = 0.0f, inverse = 0.0f, mean = 0.0f;

	dots<ND>(r.S, r.Q, r.K, warp * EDGE);
	dots<ND>(r.dP, r.dO, r.V, warp * EDGE);
	if (i < T) {
		top = row_of(b.stat, p, row0 + i)[2 * h];
		inverse = row_of(b.stat, p, row0 + i)[2 * h + 1];
		mean = row_of(b.mean, p, row0 + i)[h];
	}
	__syncwarp();
	for (int c = side; c < SIDE; c += 2) {
		int seen = i < T && j0 + c <= i;
		float e = seen ? exp_negative(r.S[mine * S_LD + c] * scale - top) * inverse : 0.0f;

		r.Pb[mine * P_LD + c] = __float2bfloat16(e);
		r.dS[mine * P_LD + c] =
			__float2bfloat16(e * (r.dP[mine * S_LD + c] - mean) * scale);
	}
}

/* A warp's 16 rows from sums to memory, through its part of S. */
template <int ND>
__device__ static inline void rows_store(sums (&acc)[ND], float *S, struct ebb_pop x, int p,
					 int row0, int first, int T, int column, int D)
{
	int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
	float *mine = S + warp * EDGE * S_LD;

#pragma unroll
	for (int d = 0; d < ND; d++) {
		__syncwarp();
		wmma::store_matrix_sync(mine, acc[d], S_LD, wmma::mem_row_major);
		__syncwarp();
		for (int at = lane; at < EDGE * EDGE; at += 32) {
			int r = at / EDGE, c = at % EDGE;

			if (first + r < T && d * EDGE + c < D)
				row_of(x, p, row0 + first + r)[column + d * EDGE + c] =
					mine[r * S_LD + c];
		}
	}
}

template <int ND>
__global__ static __launch_bounds__(BLOCK) void bwd_query_kernel(struct fast_bwd b)
{
	extern __shared__ __align__(128) float shared[];
	struct room<ND> r(shared);
	int which = (int)blockIdx.x, p = which / b.seq.n, h = (int)blockIdx.z;
	int T = min(b.seq.length[which], b.seq.T), row0 = b.seq.first[which];
	int i0 = (int)blockIdx.y * SIDE, kv = h * b.NKV / b.NH * b.D;
	int warp = (int)threadIdx.x / 32;
	sums dq[ND];

	if (i0 >= T)
		return;
#pragma unroll
	for (int d = 0; d < ND; d++)
		wmma::fill_fragment(dq[d], 0.0f);
	head_load<ND>(r.Q, row_of(b.q, p, row0) + h * b.D, b.q.ld, i0, T, b.D);
	head_load<ND>(r.dO, row_of(b.dout, p, row0) + h * b.D, b.dout.ld, i0, T, b.D);
	for (int j0 = 0; j0 < i0 + SIDE && j0 < T; j0 += SIDE) {
		__syncthreads();
		head_load<ND>(r.K, row_of(b.k, p, row0) + kv, b.k.ld, j0, T, b.D);
		head_load<ND>(r.V, row_of(b.v, p, row0) + kv, b.v.ld, j0, T, b.D);
		__syncthreads();
		probabilities<ND>(r, b, p, row0, T, h, i0, j0);
		__syncwarp();
		for (int c = 0; c < SIDE / EDGE; c++) {
			rows_a x;

			wmma::load_matrix_sync(x, r.dS + warp * EDGE * P_LD + c * EDGE, P_LD);
#pragma unroll
			for (int d = 0; d < ND; d++) {
				rows_b y;

				wmma::load_matrix_sync(y, r.K + c * EDGE * tile_ld<ND>() + d * EDGE,
						       tile_ld<ND>());
				wmma::mma_sync(dq[d], x, y, dq[d]);
			}
		}
	}
	rows_store<ND>(dq, r.S, b.dq, p, row0, i0 + warp * EDGE, T, h * b.D, b.D);
}

/* All query heads of a key head, and all their queries from the first that sees a key on. */
template <int ND> __global__ static __launch_bounds__(BLOCK) void bwd_key_kernel(struct fast_bwd b)
{
	extern __shared__ __align__(128) float shared[];
	struct room<ND> r(shared);
	int which = (int)blockIdx.x, p = which / b.seq.n, g = (int)blockIdx.z;
	int T = min(b.seq.length[which], b.seq.T), row0 = b.seq.first[which];
	int j0 = (int)blockIdx.y * SIDE, warp = (int)threadIdx.x / 32;
	sums dk[ND], dv[ND];

	if (j0 >= T)
		return;
#pragma unroll
	for (int d = 0; d < ND; d++) {
		wmma::fill_fragment(dk[d], 0.0f);
		wmma::fill_fragment(dv[d], 0.0f);
	}
	head_load<ND>(r.K, row_of(b.k, p, row0) + g * b.D, b.k.ld, j0, T, b.D);
	head_load<ND>(r.V, row_of(b.v, p, row0) + g * b.D, b.v.ld, j0, T, b.D);
	for (int h = 0; h < b.NH; h++) {
		if (h * b.NKV / b.NH != g)
			continue;
		for (int i0 = j0; i0 < T; i0 += SIDE) {
			__syncthreads();
			head_load<ND>(r.Q, row_of(b.q, p, row0) + h * b.D, b.q.ld, i0, T, b.D);
			head_load<ND>(r.dO, row_of(b.dout, p, row0) + h * b.D, b.dout.ld, i0, T,
				      b.D);
			__syncthreads();
			probabilities<ND>(r, b, p, row0, T, h, i0, j0);
			__syncthreads(); /* a warp's keys have been weighed by all queries */
			for (int c = 0; c < SIDE / EDGE; c++) {
				columns_a e, s;

				wmma::load_matrix_sync(e, r.Pb + c * EDGE * P_LD + warp * EDGE,
						       P_LD);
				wmma::load_matrix_sync(s, r.dS + c * EDGE * P_LD + warp * EDGE,
						       P_LD);
#pragma unroll
				for (int d = 0; d < ND; d++) {
					const int at = c * EDGE * tile_ld<ND>() + d * EDGE;
					rows_b y;

					wmma::load_matrix_sync(y, r.dO + at, tile_ld<ND>());
					wmma::mma_sync(dv[d], e, y, dv[d]);
					wmma::load_matrix_sync(y, r.Q + at, tile_ld<ND>());
					wmma::mma_sync(dk[d], s, y, dk[d]);
				}
			}
		}
	}
	__syncthreads(); /* S is everybody's until here */
	rows_store<ND>(dk, r.S, b.dk, p, row0, j0 + warp * EDGE, T, g * b.D, b.D);
	rows_store<ND>(dv, r.S, b.dv, p, row0, j0 + warp * EDGE, T, g * b.D, b.D);
}

template <int ND> static void bwd_launch(struct ebb_gpu_device *g, int P, const struct fast_bwd &b)
{
	const unsigned all = (unsigned)(P * b.seq.n), tiles = blocks_for((size_t)b.seq.T, SIDE);

	if (!ebb_cuda_allow_shared(g, (const void *)bwd_query_kernel<ND>, bwd_bytes<ND>(),
				   "attn_bwd") ||
	    !ebb_cuda_allow_shared(g, (const void *)bwd_key_kernel<ND>, bwd_bytes<ND>(),
				   "attn_bwd"))
		return;
	bwd_query_kernel<ND>
		<<<dim3(all, tiles, (unsigned)b.NH), BLOCK, bwd_bytes<ND>(), g->stream>>>(b);
	bwd_key_kernel<ND>
		<<<dim3(all, tiles, (unsigned)b.NKV), BLOCK, bwd_bytes<ND>(), g->stream>>>(b);
	ebb_cuda_launched(g, "attn_bwd");
}

void ebb_fast_attn_bwd(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop dout, struct ebb_pop stat,
		       struct ebb_pop mean, struct ebb_pop dq, struct ebb_pop dk, struct ebb_pop dv)
{
	struct fast_bwd b = {s, NH, NKV, D, q, k, v, dout, stat, mean, dq, dk, dv};

	mean_kernel<<<dim3((unsigned)(P * s.n), blocks_for((size_t)s.T * (size_t)NH, BLOCK)), BLOCK,
		      0, g->stream>>>(s, NH, D, out, dout, mean);
	if (D <= 16)
		bwd_launch<1>(g, P, b);
	else if (D <= 32)
		bwd_launch<2>(g, P, b);
	else if (D <= 64)
		bwd_launch<4>(g, P, b);
	else
		bwd_launch<8>(g, P, b);
}
