/* Device, memory, stream, graphs, time, and the table of operations the module hands out. */
#include "tensor/cuda/common.cuh"
#include "tensor/cuda/fast.cuh"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ebb_gpu_graph {
	cudaGraphExec_t exec;
};

void ebb_cuda_fail(struct ebb_gpu_device *g, int code, const char *format, ...)
{
	va_list ap;

	if (g->code != 0)
		return;
	g->code = code;
	va_start(ap, format);
	vsnprintf(g->text, sizeof g->text, format, ap);
	va_end(ap);
}

static int code_of(cudaError_t e)
{
	return e == cudaErrorMemoryAllocation ? EBB_ENOMEM : EBB_ENODEV;
}

static int check(struct ebb_gpu_device *g, cudaError_t e, const char *what)
{
	if (e == cudaSuccess)
		return 1;
	cudaGetLastError(); /* so that the next launch does not report it again */
	ebb_cuda_fail(g, code_of(e), "%s: %s", what, cudaGetErrorString(e));
	return 0;
}

void ebb_cuda_launched(struct ebb_gpu_device *g, const char *op)
{
	g->launches++;
	check(g, cudaGetLastError(), op);
}

int ebb_cuda_allow_shared(struct ebb_gpu_device *g, const void *kernel, size_t bytes,
			  const char *op)
{
	if (bytes > g->shared_bytes) {
		ebb_cuda_fail(g, EBB_EINVAL,
			      "%s: needs %zu bytes of shared memory, a block has %zu; shorter "
			      "sequences or narrower heads fit",
			      op, bytes, g->shared_bytes);
		return 0;
	}
	if (bytes <= 48 * 1024)
		return 1;
	return check(g,
		     cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
					  (int)bytes),
		     op);
}

/* Why there is no device, in words that say what to do. */
static int no_device(cudaError_t e, char *text, size_t n)
{
	int driver = 0, runtime = 0;

	cudaDriverGetVersion(&driver);
	cudaRuntimeGetVersion(&runtime);
	if (driver == 0)
		snprintf(text, n, "no CUDA device: no NVIDIA driver is loaded");
	else if (e == cudaErrorInsufficientDriver)
		snprintf(text, n,
			 "no CUDA device: the driver serves CUDA %d.%d, the module was built with "
			 "%d.%d; update the driver",
			 driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
	else if (e == cudaSuccess || e == cudaErrorNoDevice)
		snprintf(text, n, "no CUDA device: the driver finds none");
	else
		snprintf(text, n, "no CUDA device: %s", cudaGetErrorString(e));
	return EBB_ENODEV;
}

static void describe(int index, struct ebb_gpu_info *info)
{
	cudaDeviceProp prop;

	memset(info, 0, sizeof *info);
	if (cudaGetDeviceProperties(&prop, index) == cudaSuccess) {
		snprintf(info->name, sizeof info->name, "%.*s", (int)sizeof info->name - 1,
			 prop.name);
		info->n_processors = prop.multiProcessorCount;
		info->major = prop.major;
		info->minor = prop.minor;
	}
	cudaDeviceGetAttribute(&info->clock_khz, cudaDevAttrClockRate, index);
	cudaMemGetInfo(&info->free_bytes, &info->memory_bytes);
}

int ebb_cuda_device_open(int index, struct ebb_gpu_device **out, struct ebb_gpu_info *info,
			 char *text, size_t n)
{
	struct ebb_gpu_device *g;
	int count = 0, shared = 0;
	cudaError_t e = cudaGetDeviceCount(&count);

	*out = NULL;
	if (e != cudaSuccess || count == 0)
		return no_device(e, text, n);
	if (index >= count) {
		snprintf(text, n, "no CUDA device %d: there are %d", index, count);
		return EBB_ENODEV;
	}
	g = (struct ebb_gpu_device *)calloc(1, sizeof *g);
	if (!g) {
		snprintf(text, n, "out of memory for a device handle");
		return EBB_ENOMEM;
	}
	g->index = index;
	if (check(g, cudaSetDevice(index), "choosing the device") &&
	    check(g, cudaStreamCreateWithFlags(&g->stream, cudaStreamNonBlocking), "a stream") &&
	    check(g, cudaEventCreate(&g->start), "an event") &&
	    check(g, cudaEventCreate(&g->stop), "an event") &&
	    check(g, cudaMalloc((void **)&g->sink, 256), "device memory") &&
	    check(g,
		  cudaDeviceGetAttribute(&g->n_processors, cudaDevAttrMultiProcessorCount, index),
		  "device attributes") &&
	    check(g,
		  cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, index),
		  "device attributes")) {
		g->shared_bytes = (size_t)shared;
		describe(index, info);
		*out = g;
		return 0;
	}
	snprintf(text, n, "cannot use CUDA device %d: %s", index, g->text);
	index = g->code;
	ebb_cuda_device_close(g);
	return index;
}

void ebb_cuda_device_close(struct ebb_gpu_device *g)
{
	if (!g)
		return;
	if (g->stream)
		cudaStreamSynchronize(g->stream);
	ebb_fast_close(g->fast);
	cudaFree(g->sink);
	if (g->start)
		cudaEventDestroy(g->start);
	if (g->stop)
		cudaEventDestroy(g->stop);
	if (g->stream)
		cudaStreamDestroy(g->stream);
	free(g);
}

int ebb_cuda_device_sync(struct ebb_gpu_device *g, char *text, size_t n)
{
	int code;

	check(g, cudaStreamSynchronize(g->stream), "waiting for the device");
	code = g->code;
	if (code != 0)
		snprintf(text, n, "%s", g->text);
	g->code = 0;
	return code;
}

void *ebb_cuda_device_alloc(struct ebb_gpu_device *g, size_t bytes)
{
	void *p = NULL;
	size_t left = 0, all = 0;
	cudaError_t e = cudaMalloc(&p, bytes ? bytes : 1);

	if (e == cudaSuccess)
		return p;
	cudaGetLastError();
	cudaMemGetInfo(&left, &all);
	ebb_cuda_fail(g, code_of(e),
		      "cannot allocate %zu bytes of device memory, %zu of %zu are free: %s", bytes,
		      left, all, cudaGetErrorString(e));
	return NULL;
}

void ebb_cuda_device_free(struct ebb_gpu_device *g, void *p)
{
	check(g, cudaFree(p), "freeing device memory");
}

void ebb_cuda_upload(struct ebb_gpu_device *g, void *to, const void *host, size_t bytes)
{
	check(g, cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, g->stream), "upload");
}

void ebb_cuda_download(struct ebb_gpu_device *g, void *host, const void *from, size_t bytes)
{
	check(g, cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, g->stream), "download");
}

void ebb_cuda_copy(struct ebb_gpu_device *g, void *to, const void *from, size_t bytes)
{
	check(g, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, g->stream), "copy");
}

void ebb_cuda_clear(struct ebb_gpu_device *g, void *p, size_t bytes)
{
	check(g, cudaMemsetAsync(p, 0, bytes, g->stream), "clear");
}

void ebb_cuda_capture_begin(struct ebb_gpu_device *g)
{
	check(g, cudaStreamBeginCapture(g->stream, cudaStreamCaptureModeThreadLocal),
	      "beginning a graph");
}

struct ebb_gpu_graph *ebb_cuda_capture_end(struct ebb_gpu_device *g)
{
	cudaGraph_t graph = NULL;
	struct ebb_gpu_graph *out = NULL;
	cudaGraphExec_t exec;

	if (!check(g, cudaStreamEndCapture(g->stream, &graph), "ending a graph"))
		return NULL;
	if (g->code == 0 && check(g, cudaGraphInstantiate(&exec, graph, 0), "making a graph")) {
		out = (struct ebb_gpu_graph *)calloc(1, sizeof *out);
		if (out)
			out->exec = exec;
		else
			cudaGraphExecDestroy(exec);
	}
	cudaGraphDestroy(graph);
	return out;
}

void ebb_cuda_graph_replay(struct ebb_gpu_device *g, struct ebb_gpu_graph *graph)
{
	g->launches++;
	check(g, cudaGraphLaunch(graph->exec, g->stream), "replaying a graph");
}

void ebb_cuda_graph_free(struct ebb_gpu_device *g, struct ebb_gpu_graph *graph)
{
	if (!graph)
		return;
	check(g, cudaGraphExecDestroy(graph->exec), "freeing a graph");
	free(graph);
}

void ebb_cuda_timer_start(struct ebb_gpu_device *g)
{
	check(g, cudaEventRecord(g->start, g->stream), "timer");
}

double ebb_cuda_timer_stop(struct ebb_gpu_device *g)
{
	float ms = 0.0f;

	if (check(g, cudaEventRecord(g->stop, g->stream), "timer") &&
	    check(g, cudaEventSynchronize(g->stop), "timer"))
		check(g, cudaEventElapsedTime(&ms, g->start, g->stop), "timer");
	return (double)ms;
}

void ebb_cuda_precision(struct ebb_gpu_device *g, enum ebb_gpu_precision precision)
{
	if (precision != EBB_GPU_FP32 && !g->fast)
		g->fast = ebb_fast_open(g);
	g->precision = g->fast ? precision : EBB_GPU_FP32;
}

int64_t ebb_cuda_launches(struct ebb_gpu_device *g)
{
	return g->launches;
}

/* Sixteen independent chains a thread hide the latency of one another. */
__global__ static void fma_loop_kernel(int rounds, float *sink)
{
	float a[16], x = 1.0f + 1e-7f * (float)threadIdx.x, sum = 0.0f;

	for (int i = 0; i < 16; i++)
		a[i] = (float)i;
	for (int r = 0; r < rounds; r++)
#pragma unroll
		for (int i = 0; i < 16; i++)
			a[i] = __fmaf_rn(a[i], x, 0.5f);
	for (int i = 0; i < 16; i++)
		sum = sum + a[i];
	if (sum == -1.0f)
		*sink = sum;
}

double ebb_cuda_fma_loop(struct ebb_gpu_device *g, int rounds)
{
	int blocks = g->n_processors * 4;

	fma_loop_kernel<<<blocks, 512, 0, g->stream>>>(rounds, g->sink);
	ebb_cuda_launched(g, "fma_loop");
	return 2.0 * 16.0 * 512.0 * blocks * rounds;
}

extern "C" __attribute__((visibility("default"))) const struct ebb_gpu_ops *
ebb_cuda_ops(size_t size)
{
	static const struct ebb_gpu_ops ops = {
#define EBB_GPU_OP(result, op, arguments) ebb_cuda_##op,
#include "tensor/gpu_ops.def"
#undef EBB_GPU_OP
	};

	return size == sizeof ops ? &ops : NULL;
}
