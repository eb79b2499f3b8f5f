/*
 * Decoding: keys and values in tiles of 16 positions, the layout of the CPU's cache, in which a
 * score reads its key coalesced with its 15 neighbours. A block answers one query head of one
 * sequence; its threads take keys for the scores and entries of the head for the output, so every
 * sum is a chain of one thread, with the bits of attn_fwd.
 */
#include "tensor/cuda/attention.cuh"

enum { DECODE_THREADS = 64, STORE_THREADS = 128, STORE_ROWS = 16 };

size_t ebb_cuda_kv_floats(int T, int NKV, int D)
{
	return (size_t)(round16(T) / 16) * (size_t)NKV * kv_tile_floats(D);
}

__device__ static inline float *tile_of(struct ebb_cache c, int p, int b, int t, int g, int NKV,
					int D)
{
	return c.at + (size_t)p * c.member + (size_t)b * c.sequence +
	       ((size_t)t * (size_t)NKV + (size_t)g) * kv_tile_floats(D);
}

__global__ static void kv_store_kernel(struct ebb_sequences s, int NKV, int D, struct ebb_pop k,
				       struct ebb_pop v, const int32_t *start,
				       struct ebb_cache cache)
{
	int p = (int)blockIdx.y, b = (int)blockIdx.z, which = p * s.n + b, row = round16(D);
	int n = min(s.length[which], s.T), row0 = s.first[which], t0 = start[which];
	int i0 = (int)blockIdx.x * STORE_ROWS;

	for (int at = (int)threadIdx.x; at < STORE_ROWS * NKV * row; at += STORE_THREADS) {
		int i = i0 + at / (NKV * row), g = at / row % NKV, d = at % row;
		int t = t0 + i, lane = t & 15;
		float *tile;

		if (i >= n || t >= cache.T)
			continue;
		tile = tile_of(cache, p, b, t >> 4, g, NKV, D);
		tile[16 * D + lane * row + d] = d < D ? row_of(v, p, row0 + i)[g * D + d] : 0.0f;
		if (d >= D)
			continue;
		tile[16 * d + lane] = row_of(k, p, row0 + i)[g * D + d];
		if (lane == 0) /* a new tile: keys not stored in this call become 0 */
			for (int l = n - i; l < 16; l++)
				tile[16 * d + l] = 0.0f;
	}
}

void ebb_cuda_kv_store(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NKV, int D,
		       struct ebb_pop k, struct ebb_pop v, const int32_t *start,
		       struct ebb_cache cache)
{
	if (!worth_launching(g, P, (size_t)s.n * (size_t)s.T, "kv_store"))
		return;
	kv_store_kernel<<<dim3(blocks_for((size_t)s.T, STORE_ROWS), (unsigned)P, (unsigned)s.n),
			  STORE_THREADS, 0, g->stream>>>(s, NKV, D, k, v, start, cache);
	ebb_cuda_launched(g, "kv_store");
}

__global__ static __launch_bounds__(DECODE_THREADS) void attn_decode_kernel(int n, int NH, int NKV,
									    int D, struct ebb_pop q,
									    struct ebb_cache cache,
									    const int32_t *length,
									    struct ebb_pop out)
{
	extern __shared__ __align__(16) float shared[];
	__shared__ float inverse;
	int p = (int)blockIdx.z, b = (int)blockIdx.x, h = (int)blockIdx.y, row = round16(D);
	int g = h * NKV / NH, T = min(length[p * n + b], cache.T);
	float *s = shared, *query = s + round16(cache.T), scale = attn_scale(D);
	size_t step = (size_t)NKV * kv_tile_floats(D);
	const float *tiles = tile_of(cache, p, b, 0, g, NKV, D);

	if (T < 1)
		return;
	for (int d = (int)threadIdx.x; d < D; d += DECODE_THREADS)
		query[d] = row_of(q, p, b)[h * D + d];
	__syncthreads();
	for (int j = (int)threadIdx.x; j < T; j += DECODE_THREADS) {
		const float *key = tiles + (size_t)(j >> 4) * step + (j & 15);
		float dot = 0.0f;

#pragma unroll 8
		for (int d = 0; d < D; d++)
			dot = __fmaf_rn(query[d], key[16 * d], dot);
		s[j] = dot * scale;
	}
	__syncthreads();
	if (threadIdx.x < 16) {
		int lane = (int)threadIdx.x;
		float best = -CUDART_INF_F, sum = 0.0f;

		for (int j = lane; j < T; j += 16)
			best = max_of(best, s[j]);
		best = tree_max(best);
		for (int j = lane; j < T; j += 16) {
			float e = exp_negative(s[j] - best);

			s[j] = e;
			sum = sum + e;
		}
		sum = tree_sum(sum);
		if (lane == 0)
			inverse = __fdiv_rn(1.0f, sum);
	}
	__syncthreads();
	for (int j = (int)threadIdx.x; j < T; j += DECODE_THREADS)
		s[j] = s[j] * inverse;
	__syncthreads();
	for (int d = (int)threadIdx.x; d < D; d += DECODE_THREADS) {
		const float *value = tiles + (size_t)16 * (size_t)D + d;
		float sum = 0.0f;

#pragma unroll 8
		for (int j = 0; j < T; j++)
			sum = __fmaf_rn(
				s[j], value[(size_t)(j >> 4) * step + (size_t)(j & 15) * row], sum);
		row_of(out, p, b)[h * D + d] = sum;
	}
}

void ebb_cuda_attn_decode(struct ebb_gpu_device *g, int P, int n, int NH, int NKV, int D,
			  struct ebb_pop q, struct ebb_cache cache, const int32_t *length,
			  struct ebb_pop out)
{
	size_t bytes = ((size_t)round16(cache.T) + (size_t)D) * sizeof(float);

	if (!worth_launching(g, P, (size_t)n, "attn_decode") ||
	    !attn_fits(g, NH, NKV, D, "attn_decode") ||
	    !ebb_cuda_allow_shared(g, (const void *)attn_decode_kernel, bytes, "attn_decode"))
		return;
	attn_decode_kernel<<<dim3((unsigned)n, (unsigned)NH, (unsigned)P), DECODE_THREADS, bytes,
			     g->stream>>>(n, NH, NKV, D, q, cache, length, out);
	ebb_cuda_launched(g, "attn_decode");
}
