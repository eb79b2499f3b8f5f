/*
 * Just enough CUDA for the kernels of tensor/cuda to run on a CPU, thread by thread, so that their
 * bits are checked where there is no GPU. A block's threads are fibers on one core: barriers and
 * shuffles switch to the next fiber, a barrier that can never be met is reported. Fused
 * multiply-add, division and square root are IEEE on both sides, so bits carry over. It says
 * nothing about speed, and about races only what running the fibers in another order shows.
 *
 * launch.py turns f<<<grid, block, shared, stream>>>(arguments) into emu_launch(...).
 */
#ifndef EBB_TESTS_GPU_EMULATE_CUDA_RUNTIME_H
#define EBB_TESTS_GPU_EMULATE_CUDA_RUNTIME_H

#include <functional>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__   static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)

struct dim3 {
	unsigned x, y, z;
	dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z)
	{
	}
};

struct alignas(8) float2 {
	float x, y;
};
struct alignas(16) float4 {
	float x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w)
{
	return float4{x, y, z, w};
}

extern dim3 threadIdx, blockIdx;

/* Inside a kernel: wait for all threads of the block, for those of a warp named by mask. */
void emu_block_barrier();
void emu_warp_barrier(unsigned mask);
/* A place for each lane of the running thread's warp. */
uint64_t *emu_warp_slots();
/* The block's dynamic shared memory. */
float *emu_shared();
void emu_launch(dim3 grid, dim3 block, size_t shared_bytes, void *stream,
		std::function<void()> kernel);

#define __syncthreads   emu_block_barrier
#define __syncwarp(...) emu_warp_barrier(emu_mask(__VA_ARGS__))
static inline unsigned emu_mask(unsigned mask = ~0u)
{
	return mask;
}

template <typename T> static inline T __shfl_xor_sync(unsigned mask, T value, int far, int width)
{
	unsigned lane = threadIdx.x % 32;
	uint64_t *slot = emu_warp_slots();
	T other;

	memcpy(&slot[lane], &value, sizeof value);
	emu_warp_barrier(mask);
	memcpy(&other, &slot[lane ^ (unsigned)far], sizeof other);
	emu_warp_barrier(mask);
	return other;
}

static inline unsigned __ballot_sync(unsigned mask, int predicate)
{
	uint64_t *slot = emu_warp_slots();
	unsigned votes = 0;

	slot[threadIdx.x % 32] = predicate != 0;
	emu_warp_barrier(mask);
	for (unsigned l = 0; l < 32; l++)
		if (mask >> l & 1 && slot[l])
			votes |= 1u << l;
	emu_warp_barrier(mask);
	return votes;
}

static inline float __fmaf_rn(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}
static inline float __fdiv_rn(float a, float b)
{
	return a / b;
}
static inline float __fsqrt_rn(float a)
{
	return sqrtf(a);
}
static inline uint32_t __float_as_uint(float x)
{
	uint32_t u;

	memcpy(&u, &x, sizeof u);
	return u;
}
static inline float __uint_as_float(uint32_t u)
{
	float x;

	memcpy(&x, &u, sizeof x);
	return x;
}
static inline uint32_t __umulhi(uint32_t a, uint32_t b)
{
	return (uint32_t)((uint64_t)a * b >> 32);
}
/* Threads take turns, so nothing comes in between. */
static inline int atomicSub(int *x, int by)
{
	int old = *x;

	*x = old - by;
	return old;
}
static inline int __ffs(int x)
{
	return __builtin_ffs(x);
}
static inline int min(int a, int b)
{
	return a < b ? a : b;
}
static inline int max(int a, int b)
{
	return a > b ? a : b;
}

/* ---- the runtime's functions, as far as device.cu uses them ---- */
enum cudaError_t {
	cudaSuccess = 0,
	cudaErrorMemoryAllocation = 2,
	cudaErrorInsufficientDriver = 35,
	cudaErrorNoDevice = 100,
};
enum {
	cudaStreamNonBlocking,
	cudaMemcpyHostToDevice,
	cudaMemcpyDeviceToHost,
	cudaMemcpyDeviceToDevice,
	cudaStreamCaptureModeThreadLocal,
	cudaFuncAttributeMaxDynamicSharedMemorySize,
	cudaDevAttrClockRate,
	cudaDevAttrMultiProcessorCount,
	cudaDevAttrMaxSharedMemoryPerBlockOptin
};

struct cudaDeviceProp {
	char name[256];
	int multiProcessorCount, major, minor;
};
typedef void *cudaStream_t;
typedef double *cudaEvent_t;
typedef std::vector<std::function<void()>> *cudaGraph_t, *cudaGraphExec_t;

cudaError_t cudaGetLastError();
const char *cudaGetErrorString(cudaError_t);
cudaError_t cudaDriverGetVersion(int *);
cudaError_t cudaRuntimeGetVersion(int *);
cudaError_t cudaGetDeviceCount(int *);
cudaError_t cudaSetDevice(int);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *, int);
cudaError_t cudaDeviceGetAttribute(int *, int, int);
cudaError_t cudaMemGetInfo(size_t *, size_t *);
cudaError_t cudaMalloc(void **, size_t);
cudaError_t cudaFree(void *);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *, int);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamBeginCapture(cudaStream_t, int);
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *, cudaGraph_t, int);
cudaError_t cudaGraphDestroy(cudaGraph_t);
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t);
cudaError_t cudaEventCreate(cudaEvent_t *);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventElapsedTime(float *, cudaEvent_t, cudaEvent_t);
cudaError_t cudaFuncSetAttribute(const void *, int, int);
cudaError_t cudaMemcpyAsync(void *, const void *, size_t, int, cudaStream_t);
cudaError_t cudaMemsetAsync(void *, int, size_t, cudaStream_t);

#endif
