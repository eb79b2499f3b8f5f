/* Causal attention, forward: the sums of tensor/cpu/attention.h. A block keeps the scores of its 16
 * queries in shared memory: exact sums need the row's maximum before the first exponential. */
#include "tensor/cuda/attention.cuh"
#include "tensor/cuda/fast.cuh"

/* Scaled scores s of four rows become probabilities, row r over its first first+r+1 entries. */
__device__ static void softmax_rows(float *s, size_t pitch, int first, int T, float *stat,
				    size_t stat_ld)
{
	int lane = (int)threadIdx.x % 16;

	for (int r = (int)threadIdx.x % 32 / 16; r < MINE; r += 2) {
		float *row = s + (size_t)r * pitch, best = -CUDART_INF_F, sum = 0.0f, inverse;
		int n = first + r + 1;

		if (n > T)
			continue;
		for (int j = lane; j < n; j += 16)
			best = max_of(best, row[j]);
		best = tree_max(best);
		for (int j = lane; j < n; j += 16) {
			float e = exp_negative(row[j] - best);

			row[j] = e;
			sum = sum + e;
		}
		inverse = __fdiv_rn(1.0f, tree_sum(sum));
		for (int j = lane; j < n; j += 16)
			row[j] = row[j] * inverse;
		if (lane == 0) {
			stat[(size_t)r * stat_ld] = best;
			stat[(size_t)r * stat_ld + 1] = inverse;
		}
	}
}

static size_t fwd_floats(int T, int D)
{
	return (size_t)BLOCK_ROWS * ((size_t)round16(T) + (size_t)round4(D)) + (size_t)D * PITCH;
}

template <int NV>
__global__ static __launch_bounds__(WARPS * 32) void attn_fwd_kernel(
	struct ebb_sequences s, int NH, int NKV, int D, struct ebb_pop q, struct ebb_pop k,
	struct ebb_pop v, struct ebb_pop out, struct ebb_pop stat)
{
	extern __shared__ __align__(16) float shared[];
	int blocks = (s.T + BLOCK_ROWS - 1) / BLOCK_ROWS, which = (int)blockIdx.x / blocks;
	int p = which / s.n;
	int h = (int)blockIdx.y, T = min(s.length[which], s.T);
	/* late queries see the most keys: they start first */
	int i0 = (blocks - 1 - (int)blockIdx.x % blocks) * BLOCK_ROWS;
	int row0 = s.first[which], first = i0 + (int)threadIdx.x / 32 * MINE;
	int lane = (int)threadIdx.x % 32, keys = min(i0 + BLOCK_ROWS, T);
	size_t kv = (size_t)(h * NKV / NH) * (size_t)D, pitch = (size_t)round16(s.T);
	float *scores = shared, *rows = scores + BLOCK_ROWS * pitch;
	float *tile = rows + BLOCK_ROWS * round4(D), *mine, scale = attn_scale(D);
	float acc[MINE][NV];

	if (i0 >= T)
		return;
	mine = scores + (size_t)(first - i0) * pitch;
	rows_load(rows, row_of(q, p, row0) + (size_t)h * (size_t)D, q.ld, i0, T, D);
	for (int j0 = 0; j0 < keys; j0 += TILE) {
		float dot[MINE][2];

		__syncthreads(); /* the tile before has been read */
		tile_load(tile, row_of(k, p, row0) + kv, k.ld, j0, keys, D);
		__syncthreads();
		tile_dot(dot, rows + (first - i0) * round4(D), tile, D);
#pragma unroll
		for (int c = 0; c < 2; c++)
			if (j0 + lane + 32 * c < keys)
#pragma unroll
				for (int r = 0; r < MINE; r++)
					mine[(size_t)r * pitch + j0 + lane + 32 * c] =
						dot[r][c] * scale;
	}
	__syncwarp(); /* a warp's rows are its own */
	softmax_rows(mine, pitch, first, T, row_of(stat, p, row0 + first) + 2 * h, (size_t)stat.ld);
#pragma unroll
	for (int r = 0; r < MINE; r++)
#pragma unroll
		for (int c = 0; c < NV; c++)
			acc[r][c] = 0.0f;
	for (int j0 = 0; j0 < keys; j0 += TILE) {
		__syncthreads();
		tile_load(tile, row_of(v, p, row0) + kv, v.ld, j0, keys, D);
		__syncthreads();
		tile_apply_causal<NV>(acc, mine, pitch, tile, j0, first, D);
	}
#pragma unroll
	for (int r = 0; r < MINE; r++)
#pragma unroll
		for (int c = 0; c < NV; c++)
			if (first + r < T && lane + 32 * c < D)
				row_of(out, p, row0 + first + r)[h * D + lane + 32 * c] = acc[r][c];
}

void ebb_cuda_attn_fwd(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop stat)
{
	size_t bytes = fwd_floats(s.T, D) * sizeof(float);
	void (*kernel)(struct ebb_sequences, int, int, int, struct ebb_pop, struct ebb_pop,
		       struct ebb_pop, struct ebb_pop, struct ebb_pop) =
		D <= 32   ? attn_fwd_kernel<1>
		: D <= 64 ? attn_fwd_kernel<2>
			  : attn_fwd_kernel<4>;

	if (!worth_launching(g, P, (size_t)s.n * (size_t)s.T, "attn_fwd") ||
	    !attn_fits(g, NH, NKV, D, "attn_fwd"))
		return;
	if (g->precision == EBB_GPU_BF16) {
		ebb_fast_attn_fwd(g, P, s, NH, NKV, D, q, k, v, out, stat);
		return;
	}
	if (!ebb_cuda_allow_shared(g, (const void *)kernel, bytes, "attn_fwd"))
		return;
	kernel<<<dim3(blocks_for((size_t)s.T, BLOCK_ROWS) * (unsigned)(P * s.n), (unsigned)NH),
		 WARPS * 32, bytes, g->stream>>>(s, NH, NKV, D, q, k, v, out, stat);
	ebb_cuda_launched(g, "attn_fwd");
}
