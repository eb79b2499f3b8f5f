/*
 * Gradient of causal attention, in the order of tensor/cpu/attention_bwd.h. Two kernels: one by
 * queries for dq (and each query's mean of dp, which the second needs), one by keys for dk and dv,
 * which makes P and dS again, tile by tile: both are pure functions of their operands, so the bits
 * are those of the first time and nothing of size T x T is stored.
 */
#include "tensor/cuda/attention.cuh"
#include "tensor/cuda/fast.cuh"

struct bwd {
	struct ebb_sequences s;
	int NH, NKV, D;
	struct ebb_pop q, k, v, dout, stat, mean, dq, dk, dv;
};

/* Scaled scores in p and dp in ds of four queries become P and dS; the mean is kept for later. */
__device__ static void softmax_bwd_rows(float *p, float *ds, size_t pitch, int first, int T,
					float scale, const float *stat, size_t stat_ld, float *mean,
					size_t mean_ld)
{
	int lane = (int)threadIdx.x % 16;

	for (int r = (int)threadIdx.x % 32 / 16; r < MINE; r += 2) {
		float *pr = p + (size_t)r * pitch, *dr = ds + (size_t)r * pitch;
		float top, inverse, sum = 0.0f;
		int n = first + r + 1;

		if (n > T)
			continue;
		top = stat[(size_t)r * stat_ld];
		inverse = stat[(size_t)r * stat_ld + 1];
		for (int j = lane; j < n; j += 16) {
			float pj = exp_negative(pr[j] - top) * inverse;

			pr[j] = pj;
			sum = __fmaf_rn(pj, dr[j], sum);
		}
		sum = tree_sum(sum);
		for (int j = lane; j < n; j += 16)
			dr[j] = pr[j] * (dr[j] - sum) * scale;
		if (lane == 0)
			mean[(size_t)r * mean_ld] = sum;
	}
}

static size_t query_floats(int T, int D)
{
	return (size_t)BLOCK_ROWS * (2 * (size_t)round16(T) + 2 * (size_t)round4(D)) +
	       (size_t)D * PITCH;
}

template <int NV>
__global__ static __launch_bounds__(WARPS * 32) void attn_bwd_query_kernel(struct bwd b)
{
	extern __shared__ __align__(16) float shared[];
	int blocks = (b.s.T + BLOCK_ROWS - 1) / BLOCK_ROWS, which = (int)blockIdx.x / blocks;
	int p = which / b.s.n, D = b.D;
	int h = (int)blockIdx.y, T = min(b.s.length[which], b.s.T);
	int i0 = (blocks - 1 - (int)blockIdx.x % blocks) * BLOCK_ROWS;
	int row0 = b.s.first[which], first = i0 + (int)threadIdx.x / 32 * MINE;
	int lane = (int)threadIdx.x % 32, keys = min(i0 + BLOCK_ROWS, T), width = round4(D);
	size_t kv = (size_t)(h * b.NKV / b.NH) * (size_t)D, pitch = (size_t)round16(b.s.T);
	float *P = shared, *dS = P + BLOCK_ROWS * pitch, *q = dS + BLOCK_ROWS * pitch;
	float *dout = q + BLOCK_ROWS * width, *tile = dout + BLOCK_ROWS * width;
	float scale = attn_scale(D), acc[MINE][NV];

	if (i0 >= T)
		return;
	P += (size_t)(first - i0) * pitch;
	dS += (size_t)(first - i0) * pitch;
	rows_load(q, row_of(b.q, p, row0) + (size_t)h * (size_t)D, b.q.ld, i0, T, D);
	rows_load(dout, row_of(b.dout, p, row0) + (size_t)h * (size_t)D, b.dout.ld, i0, T, D);
	for (int j0 = 0; j0 < keys; j0 += TILE) {
		float dot[MINE][2];

		for (int side = 0; side < 2; side++) { /* scores, then dp */
			struct ebb_pop x = side == 0 ? b.k : b.v;
			float *to = side == 0 ? P : dS, factor = scale;

			__syncthreads();
			tile_load(tile, row_of(x, p, row0) + kv, x.ld, j0, keys, D);
			__syncthreads();
			tile_dot(dot, (side == 0 ? q : dout) + (first - i0) * width, tile, D);
#pragma unroll
			for (int c = 0; c < 2; c++)
				if (j0 + lane + 32 * c < keys)
#pragma unroll
					for (int r = 0; r < MINE; r++)
						to[(size_t)r * pitch + j0 + lane + 32 * c] =
							side == 0 ? dot[r][c] * factor : dot[r][c];
		}
	}
	__syncwarp();
	softmax_bwd_rows(P, dS, pitch, first, T, scale, row_of(b.stat, p, row0 + first) + 2 * h,
			 (size_t)b.stat.ld, row_of(b.mean, p, row0 + first) + h, (size_t)b.mean.ld);
#pragma unroll
	for (int r = 0; r < MINE; r++)
#pragma unroll
		for (int c = 0; c < NV; c++)
			acc[r][c] = 0.0f;
	for (int j0 = 0; j0 < keys; j0 += TILE) {
		__syncthreads();
		tile_load(tile, row_of(b.k, p, row0) + kv, b.k.ld, j0, keys, D);
		__syncthreads();
		tile_apply_causal<NV>(acc, dS, pitch, tile, j0, first, D);
	}
#pragma unroll
	for (int r = 0; r < MINE; r++)
#pragma unroll
		for (int c = 0; c < NV; c++)
			if (first + r < T && lane + 32 * c < D)
				row_of(b.dq, p, row0 + first + r)[h * D + lane + 32 * c] =
					acc[r][c];
}

static size_t key_floats(int D)
{
	return 2 * (size_t)D * PITCH + 3 * TILE + 1 + 2 * (size_t)BLOCK_ROWS * (size_t)round4(D) +
	       2 * (size_t)BLOCK_ROWS * TILE + 4;
}

/* Queries i0 .. of a tile times the coefficients of four keys from `first` on; key r is seen by
 * queries from itself on, up to `end`. */
template <int NV>
__device__ static inline void collect(float (&acc)[MINE][NV], const float *coef, const float *tile,
				      int i0, int first, int end, int D)
{
	int last = min(TILE, end - i0), common = min(max(first + MINE - 1 - i0, 0), last);

	for (int i = max(first - i0, 0); i < common; i++)
#pragma unroll
		for (int r = 0; r < MINE; r++)
			if (i0 + i >= first + r)
				tile_apply_one<NV>(acc[r], coef[r * TILE + i], tile, i, D);
	/* tile_apply reads quads that begin at a multiple of four */
	for (; common < last && common % 4 != 0; common++)
#pragma unroll
		for (int r = 0; r < MINE; r++)
			tile_apply_one<NV>(acc[r], coef[r * TILE + common], tile, common, D);
	tile_apply<NV>(acc, coef, TILE, tile, common, last, D);
}

template <int NV>
__global__ static __launch_bounds__(WARPS * 32) void attn_bwd_key_kernel(struct bwd b)
{
	extern __shared__ __align__(16) float shared[];
	int blocks = (b.s.T + BLOCK_ROWS - 1) / BLOCK_ROWS, which = (int)blockIdx.x / blocks;
	int p = which / b.s.n, D = b.D;
	int g = (int)blockIdx.y, T = min(b.s.length[which], b.s.T);
	int j0 = (int)blockIdx.x % blocks * BLOCK_ROWS, row0 = b.s.first[which], width = round4(D);
	int own = (int)threadIdx.x / 32 * MINE, first = j0 + own, lane = (int)threadIdx.x % 32;
	size_t kv = (size_t)g * (size_t)D;
	/* what is read by quads comes first, to stay aligned */
	float *k = shared, *v = k + BLOCK_ROWS * width, *P = v + BLOCK_ROWS * width;
	float *dS = P + BLOCK_ROWS * TILE, *top = dS + BLOCK_ROWS * TILE, *inverse = top + TILE;
	float *mean = inverse + TILE, *q = mean + TILE, *dout = q + D * PITCH;
	float scale = attn_scale(D), dk[MINE][NV], dv[MINE][NV];

	if (j0 >= T)
		return;
	rows_load(k, row_of(b.k, p, row0) + kv, b.k.ld, j0, T, D);
	rows_load(v, row_of(b.v, p, row0) + kv, b.v.ld, j0, T, D);
	P += own * TILE;
	dS += own * TILE;
#pragma unroll
	for (int r = 0; r < MINE; r++)
#pragma unroll
		for (int c = 0; c < NV; c++)
			dk[r][c] = dv[r][c] = 0.0f;
	for (int h = 0; h < b.NH; h++) {
		if (h * b.NKV / b.NH != g)
			continue;
		for (int i0 = j0 / TILE * TILE; i0 < T; i0 += TILE) {
			float s[MINE][2], dp[MINE][2];
			size_t at = (size_t)h * (size_t)D;

			__syncthreads();
			tile_load(q, row_of(b.q, p, row0) + at, b.q.ld, i0, T, D);
			tile_load(dout, row_of(b.dout, p, row0) + at, b.dout.ld, i0, T, D);
			if (threadIdx.x < TILE) {
				int i = i0 + (int)threadIdx.x;
				const float *stat = row_of(b.stat, p, row0 + i) + 2 * h;

				top[threadIdx.x] = i < T ? stat[0] : 0.0f;
				inverse[threadIdx.x] = i < T ? stat[1] : 0.0f;
				mean[threadIdx.x] = i < T ? row_of(b.mean, p, row0 + i)[h] : 0.0f;
			}
			__syncthreads();
			tile_dot(s, k + own * width, q, D);
			tile_dot(dp, v + own * width, dout, D);
#pragma unroll
			for (int c = 0; c < 2; c++) {
				int i = lane + 32 * c;

#pragma unroll
				for (int r = 0; r < MINE; r++) {
					float pj =
						exp_negative(s[r][c] * scale - top[i]) * inverse[i];

					P[r * TILE + i] = pj;
					dS[r * TILE + i] = pj * (dp[r][c] - mean[i]) * scale;
				}
			}
			__syncwarp();
			collect<NV>(dv, P, dout, i0, first, T, D);
			collect<NV>(dk, dS, q, i0, first, T, D);
			__syncwarp();
		}
	}
#pragma unroll
	for (int r = 0; r < MINE; r++)
#pragma unroll
		for (int c = 0; c < NV; c++)
			if (first + r < T && lane + 32 * c < D) {
				row_of(b.dk, p, row0 + first + r)[kv + lane + 32 * c] = dk[r][c];
				row_of(b.dv, p, row0 + first + r)[kv + lane + 32 * c] = dv[r][c];
			}
}

template <int NV> static void launch(struct ebb_gpu_device *g, int P, const struct bwd &b)
{
	size_t query = query_floats(b.s.T, b.D) * sizeof(float);
	size_t key = key_floats(b.D) * sizeof(float);
	unsigned blocks = blocks_for((size_t)b.s.T, BLOCK_ROWS) * (unsigned)(P * b.s.n);

	if (!ebb_cuda_allow_shared(g, (const void *)attn_bwd_query_kernel<NV>, query, "attn_bwd") ||
	    !ebb_cuda_allow_shared(g, (const void *)attn_bwd_key_kernel<NV>, key, "attn_bwd"))
		return;
	attn_bwd_query_kernel<NV>
		<<<dim3(blocks, (unsigned)b.NH), WARPS * 32, query, g->stream>>>(b);
	attn_bwd_key_kernel<NV><<<dim3(blocks, (unsigned)b.NKV), WARPS * 32, key, g->stream>>>(b);
}

void ebb_cuda_attn_bwd(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop dout, struct ebb_pop stat,
		       struct ebb_pop mean, struct ebb_pop dq, struct ebb_pop dk, struct ebb_pop dv)
{
	struct bwd b = {s, NH, NKV, D, q, k, v, dout, stat, mean, dq, dk, dv};

	if (!worth_launching(g, P, (size_t)s.n * (size_t)s.T, "attn_bwd") ||
	    !attn_fits(g, NH, NKV, D, "attn_bwd"))
		return;
	if (g->precision == EBB_GPU_BF16) {
		ebb_fast_attn_bwd(g, P, s, NH, NKV, D, q, k, v, out, dout, stat, mean, dq, dk, dv);
		return;
	}
	if (D <= 32)
		launch<1>(g, P, b);
	else if (D <= 64)
		launch<2>(g, P, b);
	else
		launch<4>(g, P, b);
	ebb_cuda_launched(g, "attn_bwd");
}
