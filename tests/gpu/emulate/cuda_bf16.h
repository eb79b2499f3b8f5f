/* bf16 as the kernels use it: a rounded float. */
#ifndef EBB_TESTS_GPU_EMULATE_CUDA_BF16_H
#define EBB_TESTS_GPU_EMULATE_CUDA_BF16_H

#include "cuda_runtime.h"

struct __nv_bfloat16 {
	uint16_t bits;
};

/* To the nearest, ties to even. */
static inline __nv_bfloat16 __float2bfloat16(float x)
{
	uint32_t u = __float_as_uint(x);

	if (x != x)
		return __nv_bfloat16{0x7fff};
	return __nv_bfloat16{(uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16)};
}

static inline float __bfloat162float(__nv_bfloat16 x)
{
	return __uint_as_float((uint32_t)x.bits << 16);
}

#endif
