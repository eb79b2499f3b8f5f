/* Tensor-core fragments: every lane of a warp holds the whole matrix, so that it does not matter who
 * holds what. Products of bf16 are exact in fp32; sums go in ascending order. */
#ifndef EBB_TESTS_GPU_EMULATE_MMA_H
#define EBB_TESTS_GPU_EMULATE_MMA_H

#include "cuda_bf16.h"

namespace nvcuda
{
namespace wmma
{
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };

template <typename USE, int M, int N, int K, typename T, typename LAYOUT = void> struct fragment {
	float x[16][16];
};

template <typename F> static inline void fill_fragment(F &f, float value)
{
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++)
			f.x[i][j] = value;
}

template <typename USE>
static inline void load_matrix_sync(fragment<USE, 16, 16, 16, __nv_bfloat16, row_major> &f,
				    const __nv_bfloat16 *from, unsigned ld)
{
	for (unsigned i = 0; i < 16; i++)
		for (unsigned j = 0; j < 16; j++)
			f.x[i][j] = __bfloat162float(from[i * ld + j]);
}

template <typename USE>
static inline void load_matrix_sync(fragment<USE, 16, 16, 16, __nv_bfloat16, col_major> &f,
				    const __nv_bfloat16 *from, unsigned ld)
{
	for (unsigned i = 0; i < 16; i++)
		for (unsigned j = 0; j < 16; j++)
			f.x[i][j] = __bfloat162float(from[j * ld + i]);
}

typedef fragment<accumulator, 16, 16, 16, float> sums;

static inline void load_matrix_sync(sums &f, const float *from, unsigned ld, layout_t)
{
	for (unsigned i = 0; i < 16; i++)
		for (unsigned j = 0; j < 16; j++)
			f.x[i][j] = from[i * ld + j];
}

/* All lanes have read what they will overwrite; one writes. */
static inline void store_matrix_sync(float *to, const sums &f, unsigned ld, layout_t)
{
	emu_warp_barrier(~0u);
	for (unsigned i = 0; i < 16 && threadIdx.x % 32 == 0; i++)
		for (unsigned j = 0; j < 16; j++)
			to[i * ld + j] = f.x[i][j];
	emu_warp_barrier(~0u);
}

template <typename A, typename B>
static inline void mma_sync(sums &d, const A &a, const B &b, const sums &c)
{
	sums sum = c;

	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 16; k++)
			for (int j = 0; j < 16; j++)
				sum.x[i][j] += a.x[i][k] * b.x[k][j];
	d = sum;
}
}
}

#endif
