/*
 * What all kernels share: the device object, error keeping, the sixteen lanes, exp. Sums follow
 * ops.def to the bit, so every fused multiply-add is written as one (the compiler may make none of
 * its own: -fmad=false) and divisions and square roots are the IEEE ones.
 */
#ifndef EBB_TENSOR_CUDA_COMMON_CUH
#define EBB_TENSOR_CUDA_COMMON_CUH

#include <cuda_runtime.h>
#include <math_constants.h>
#include <stdint.h>

extern "C" {
#define _Noreturn __attribute__((noreturn)) /* base/err.h is C */
#include "tensor/gpu.h"
#undef _Noreturn
#define EBB_GPU_OP(result, op, arguments) result ebb_cuda_##op arguments;
#include "tensor/gpu_ops.def"
#undef EBB_GPU_OP
}

struct ebb_fast;

struct ebb_gpu_device {
	int index, n_processors;
	size_t shared_bytes; /* most shared memory a block may ask for */
	cudaStream_t stream;
	cudaEvent_t start, stop;
	float *sink; /* keeps fma_loop's result alive */
	int precision;         /* enum ebb_gpu_precision                   */
	struct ebb_fast *fast; /* with a fast mode                     */
	int64_t launches;
	int code;    /* the first failure since the last sync */
	char text[512];
};

/* Remember the first failure. */
void ebb_cuda_fail(struct ebb_gpu_device *g, int code, const char *format, ...);
/* After a launch: remember its failure, if it failed. */
void ebb_cuda_launched(struct ebb_gpu_device *g, const char *op);
/* Let a kernel use more than 48 KB of shared memory; 0 with the failure kept where it cannot. */
int ebb_cuda_allow_shared(struct ebb_gpu_device *g, const void *kernel, size_t bytes,
			  const char *op);

/* Is there anything to do, and does it fit a grid? */
static inline int worth_launching(struct ebb_gpu_device *g, int P, size_t work, const char *op)
{
	if (P > 65535 || work > (size_t)1 << 38)
		ebb_cuda_fail(g, EBB_EINVAL, "%s: %d members, %zu elements are too many", op, P,
			      work);
	return P > 0 && work > 0 && g->code == 0;
}

static inline unsigned blocks_for(size_t n, size_t each)
{
	return (unsigned)((n + each - 1) / each);
}

__host__ __device__ static inline int round16(int n)
{
	return (n + 15) & ~15;
}

/* The layout of tensor/cpu/attention.h: K (D, 16), then V (16, D rounded up). */
__host__ __device__ static inline size_t kv_tile_floats(int D)
{
	return (size_t)16 * (size_t)(D + round16(D));
}

__device__ static inline float *row_of(struct ebb_pop x, int p, int i)
{
	return x.at + (size_t)(p >> x.share) * x.member + (size_t)i * (size_t)x.ld;
}

__device__ static inline int rows_of(struct ebb_count M, int p)
{
	return M.of ? min(M.of[p], M.most) : M.most;
}

/* Half a warp is a row: thread l of 16 is lane l. */
__device__ static inline unsigned half_mask(void)
{
	return 0xffffu << (threadIdx.x & 16);
}

/* l[i] += l[i+8], then +4, +2, +1. Addition commutes, so all lanes end with the same sum. */
__device__ static inline float tree_sum(float x)
{
	for (int far = 8; far > 0; far /= 2)
		x = x + __shfl_xor_sync(half_mask(), x, far, 16);
	return x;
}

__device__ static inline double tree_sum_double(double x)
{
	for (int far = 8; far > 0; far /= 2)
		x = x + __shfl_xor_sync(half_mask(), x, far, 16);
	return x;
}

__device__ static inline float max_of(float a, float b)
{
	return a > b ? a : b;
}

/* The lower lane is always the first operand, as on the CPU: it matters for +0 and -0. */
__device__ static inline float tree_max(float x)
{
	for (int far = 8; far > 0; far /= 2) {
		float other = __shfl_xor_sync(half_mask(), x, far, 16);

		x = threadIdx.x & far ? max_of(other, x) : max_of(x, other);
	}
	return x;
}

/* exp for x <= 0: tensor/cpu/exp.h, operation by operation. */
__device__ static inline float exp_negative(float x)
{
	const float magic = 0x1.8p23f;
	float t = __fmaf_rn(x, 0x1.715476p+0f, magic);
	float n = t - magic;
	float r = __fmaf_rn(-n, 0x1.62e43p-1f, x);
	float p = 0x1.6a23cep-10f;

	r = __fmaf_rn(-n, -0x1.05c61p-29f, r);
	p = __fmaf_rn(p, r, 0x1.123a2p-7f);
	p = __fmaf_rn(p, r, 0x1.5558f2p-5f);
	p = __fmaf_rn(p, r, 0x1.555492p-3f);
	p = __fmaf_rn(p, r, 0x1.fffffcp-2f);
	p = __fmaf_rn(r * r, p, r);
	p = p + 1.0f;
	p = p * __uint_as_float((__float_as_uint(t) << 23) + (127u << 23));
	return x < -87.0f ? 0.0f : p;
}

#endif
