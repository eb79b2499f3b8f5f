/*
 * Pieces of the attention kernels. A block of four warps serves 16 rows (queries, or keys in the
 * backward pass of keys and values), four a warp; the other side passes by in tiles of 64 rows,
 * kept in shared memory as (D, 64) with a pitch of 65, so that neither reading along the rows nor
 * along D meets a bank twice.
 */
#ifndef EBB_TENSOR_CUDA_ATTENTION_CUH
#define EBB_TENSOR_CUDA_ATTENTION_CUH

#include "tensor/cuda/common.cuh"

enum { WARPS = 4, MINE = 4, BLOCK_ROWS = WARPS * MINE, TILE = 64, PITCH = TILE + 1, MAX_D = 128 };

__host__ __device__ static inline int round4(int n)
{
	return (n + 3) & ~3;
}

/* Rows j0 .. of x (n of them exist, the others are 0) become columns of the tile. */
__device__ static inline void tile_load(float *tile, const float *x, int ld, int j0, int n, int D)
{
	int lane = (int)threadIdx.x % 32;

	for (int j = (int)threadIdx.x / 32; j < TILE; j += WARPS)
		for (int d = lane; d < D; d += 32)
			tile[d * PITCH + j] =
				j0 + j < n ? x[(size_t)(j0 + j) * (size_t)ld + (size_t)d] : 0.0f;
}

/* The block's own 16 rows, pitch round4(D), zeros in the gap. */
__device__ static inline void rows_load(float *rows, const float *x, int ld, int i0, int n, int D)
{
	int pitch = round4(D);

	for (int at = (int)threadIdx.x; at < BLOCK_ROWS * pitch; at += WARPS * 32) {
		int i = at / pitch, d = at % pitch;

		rows[at] =
			i0 + i < n && d < D ? x[(size_t)(i0 + i) * (size_t)ld + (size_t)d] : 0.0f;
	}
}

/* acc[r][c] = chain over d ascending of row r times column lane + 32 c of the tile. */
__device__ static inline void tile_dot(float (&acc)[MINE][2], const float *rows, const float *tile,
				       int D)
{
	int lane = (int)threadIdx.x % 32, pitch = round4(D), d = 0;

#pragma unroll
	for (int r = 0; r < MINE; r++)
		acc[r][0] = acc[r][1] = 0.0f;
	for (; d + 4 <= D; d += 4) {
		float4 a[MINE];

#pragma unroll
		for (int r = 0; r < MINE; r++)
			a[r] = *(const float4 *)(rows + r * pitch + d);
#pragma unroll
		for (int e = 0; e < 4; e++) {
			float x = tile[(d + e) * PITCH + lane];
			float y = tile[(d + e) * PITCH + lane + 32];

#pragma unroll
			for (int r = 0; r < MINE; r++) {
				float q = e == 0   ? a[r].x
					  : e == 1 ? a[r].y
					  : e == 2 ? a[r].z
						   : a[r].w;

				acc[r][0] = __fmaf_rn(q, x, acc[r][0]);
				acc[r][1] = __fmaf_rn(q, y, acc[r][1]);
			}
		}
	}
	for (; d < D; d++) {
		float x = tile[d * PITCH + lane], y = tile[d * PITCH + lane + 32];

#pragma unroll
		for (int r = 0; r < MINE; r++) {
			acc[r][0] = __fmaf_rn(rows[r * pitch + d], x, acc[r][0]);
			acc[r][1] = __fmaf_rn(rows[r * pitch + d], y, acc[r][1]);
		}
	}
}

/*
 * acc[r][c] goes on with coef[r][j] times column j of the tile, entry d = lane + 32 c, for
 * j = begin .. end-1 ascending. coef's row r is at coef + r * pitch, 16-byte aligned where begin
 * is 0 mod 4.
 */
template <int NV>
__device__ static inline void tile_apply(float (&acc)[MINE][NV], const float *coef, size_t pitch,
					 const float *tile, int begin, int end, int D)
{
	int lane = (int)threadIdx.x % 32, j = begin;

	for (; j + 4 <= end; j += 4) {
		float4 a[MINE];

#pragma unroll
		for (int r = 0; r < MINE; r++)
			a[r] = *(const float4 *)(coef + (size_t)r * pitch + j);
#pragma unroll
		for (int e = 0; e < 4; e++)
#pragma unroll
			for (int c = 0; c < NV; c++) {
				float x = lane + 32 * c < D ? tile[(lane + 32 * c) * PITCH + j + e]
							    : 0.0f;

#pragma unroll
				for (int r = 0; r < MINE; r++) {
					float p = e == 0   ? a[r].x
						  : e == 1 ? a[r].y
						  : e == 2 ? a[r].z
							   : a[r].w;

					acc[r][c] = __fmaf_rn(p, x, acc[r][c]);
				}
			}
	}
	for (; j < end; j++)
#pragma unroll
		for (int c = 0; c < NV; c++) {
			float x = lane + 32 * c < D ? tile[(lane + 32 * c) * PITCH + j] : 0.0f;

#pragma unroll
			for (int r = 0; r < MINE; r++)
				acc[r][c] = __fmaf_rn(coef[(size_t)r * pitch + j], x, acc[r][c]);
		}
}

/* One column j of the tile, for row r alone: the edge of the causal triangle. */
template <int NV>
__device__ static inline void tile_apply_one(float (&acc)[NV], float coef, const float *tile, int j,
					     int D)
{
	int lane = (int)threadIdx.x % 32;

#pragma unroll
	for (int c = 0; c < NV; c++)
		acc[c] = __fmaf_rn(
			coef, lane + 32 * c < D ? tile[(lane + 32 * c) * PITCH + j] : 0.0f, acc[c]);
}

/* Keys j0 .. of a tile times the coefficients of four queries from `first` on; query r sees keys up
 * to its own. coef's column 0 is key 0. */
template <int NV>
__device__ static inline void tile_apply_causal(float (&acc)[MINE][NV], const float *coef,
						size_t pitch, const float *tile, int j0, int first,
						int D)
{
	int common = min(TILE, first + 1 - j0), most = min(TILE, first + MINE - j0);

	coef += j0;
	tile_apply<NV>(acc, coef, pitch, tile, 0, common, D);
	for (int j = max(common, 0); j < most; j++)
#pragma unroll
		for (int r = 0; r < MINE; r++)
			if (j0 + j <= first + r)
				tile_apply_one<NV>(acc[r], coef[(size_t)r * pitch + j], tile, j, D);
}

__device__ static inline float attn_scale(int D)
{
	return __fdiv_rn(1.0f, __fsqrt_rn((float)D));
}

/* Rows and head width a kernel can serve; 0 with the failure kept where it cannot. */
static inline int attn_fits(struct ebb_gpu_device *g, int NH, int NKV, int D, const char *op)
{
	if (D >= 1 && D <= MAX_D && NKV >= 1 && NH >= NKV && NH <= 65535)
		return 1;
	ebb_cuda_fail(g, EBB_EINVAL, "%s: %d and %d heads of width %d; a width is 1 to %d", op, NH,
		      NKV, D, MAX_D);
	return 0;
}

#endif
