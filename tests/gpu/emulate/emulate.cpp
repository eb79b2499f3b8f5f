/*
 * Fibers for the threads of a block, and memory, streams and graphs for the emulated runtime. Read
 * from the environment: EMU_PROCESSORS, the number of multiprocessors reported, by which the
 * products choose their tiles; EMU_REVERSE, where set: threads run from the last to the first.
 */
#include "cuda_runtime.h"

#include <map>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

dim3 threadIdx, blockIdx;

namespace
{
enum { MAX_THREADS = 1024, STACK = 64 * 1024, POISON = 0xff };

struct fiber {
	ucontext_t context; /* to begin with; later switches are jumps, which make no system call */
	jmp_buf place;
	bool prepared, begun, done, waits_block;
	unsigned waits_mask; /* 0: not in a warp barrier */
};

fiber fibers[MAX_THREADS];
alignas(64) char stacks[MAX_THREADS][STACK];
jmp_buf scheduler;
unsigned n_threads, current;
uint64_t slots[MAX_THREADS / 32][32];
std::vector<float> shared_memory;
std::function<void()> *body;
cudaGraph_t capture;

void enter()
{
	(*body)();
	fibers[current].done = true;
	_longjmp(scheduler, 1);
}

void leave()
{
	if (_setjmp(fibers[current].place) == 0)
		_longjmp(scheduler, 1);
}

__attribute__((noinline)) void resume(fiber *f)
{
	if (_setjmp(scheduler) != 0)
		return;
	if (f->begun)
		_longjmp(f->place, 1);
	f->begun = true;
	setcontext(&f->context);
}

/* Everybody the waiting thread t waits for has arrived. */
bool released(unsigned t)
{
	if (fibers[t].waits_block) {
		for (unsigned i = 0; i < n_threads; i++)
			if (!fibers[i].done && !fibers[i].waits_block)
				return false;
		return true;
	}
	for (unsigned l = 0; l < 32; l++) {
		unsigned i = t / 32 * 32 + l;

		if (fibers[t].waits_mask >> l & 1 &&
		    (i >= n_threads || fibers[i].waits_mask != fibers[t].waits_mask))
			return false;
	}
	return true;
}

void release(unsigned t)
{
	unsigned mask = fibers[t].waits_mask;

	if (fibers[t].waits_block) {
		for (unsigned i = 0; i < n_threads; i++)
			fibers[i].waits_block = false;
		return;
	}
	for (unsigned l = 0; l < 32; l++)
		if (mask >> l & 1)
			fibers[t / 32 * 32 + l].waits_mask = 0;
}

void run_block()
{
	static const bool reverse = getenv("EMU_REVERSE") != NULL;
	unsigned left = n_threads;

	for (unsigned t = 0; t < n_threads; t++) {
		fiber *f = &fibers[t];

		if (!f->prepared) {
			f->prepared = true;
			getcontext(&f->context);
			f->context.uc_stack.ss_sp = stacks[t];
			f->context.uc_stack.ss_size = STACK;
			f->context.uc_link = NULL;
			makecontext(&f->context, enter, 0);
		}
		f->begun = f->done = f->waits_block = false;
		f->waits_mask = 0;
	}
	while (left > 0) {
		bool moved = false;

		for (unsigned i = 0; i < n_threads; i++) {
			unsigned t = reverse ? n_threads - 1 - i : i;
			fiber *f = &fibers[t];

			if (f->done)
				continue;
			if (f->waits_block || f->waits_mask) {
				if (!released(t))
					continue;
				release(t);
			}
			current = t;
			threadIdx = dim3(t);
			resume(f);
			left -= f->done;
			moved = true;
		}
		if (!moved) {
			fprintf(stderr, "emulator: a barrier in block %u,%u,%u can never be met\n",
				blockIdx.x, blockIdx.y, blockIdx.z);
			abort();
		}
	}
}

void run_grid(dim3 grid, dim3 block, size_t shared_bytes, std::function<void()> kernel)
{
	body = &kernel;
	n_threads = block.x;
	if (n_threads > MAX_THREADS || block.y != 1 || block.z != 1)
		abort();
	/* exactly as long as asked for, so that an address checker sees an overrun */
	std::vector<float>(shared_bytes / 4).swap(shared_memory);
	for (unsigned z = 0; z < grid.z; z++)
		for (unsigned y = 0; y < grid.y; y++)
			for (unsigned x = 0; x < grid.x; x++) {
				blockIdx = dim3(x, y, z);
				if (!shared_memory.empty())
					memset(shared_memory.data(), POISON, shared_bytes);
				run_block();
			}
}

cudaError_t now_or_later(std::function<void()> work)
{
	if (capture)
		capture->push_back(work);
	else
		work();
	return cudaSuccess;
}
} // namespace

void emu_block_barrier()
{
	fibers[current].waits_block = true;
	leave();
}

void emu_warp_barrier(unsigned mask)
{
	fibers[current].waits_mask = mask;
	leave();
}

uint64_t *emu_warp_slots()
{
	return slots[current / 32];
}

float *emu_shared()
{
	return shared_memory.data();
}

void emu_launch(dim3 grid, dim3 block, size_t shared_bytes, void *, std::function<void()> kernel)
{
	now_or_later([=]() { run_grid(grid, block, shared_bytes, kernel); });
}

cudaError_t cudaGetLastError()
{
	return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t)
{
	return "emulated error";
}

cudaError_t cudaDriverGetVersion(int *v)
{
	*v = 13000;
	return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *v)
{
	*v = 13000;
	return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *n)
{
	*n = 1;
	return cudaSuccess;
}

cudaError_t cudaSetDevice(int)
{
	return cudaSuccess;
}

static int n_processors()
{
	const char *text = getenv("EMU_PROCESSORS");

	return text ? atoi(text) : 132;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int)
{
	*p = {};
	strcpy(p->name, "emulated on the CPU");
	p->multiProcessorCount = n_processors();
	p->major = 9;
	return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, int which, int)
{
	*value = which == cudaDevAttrMultiProcessorCount            ? n_processors()
		 : which == cudaDevAttrMaxSharedMemoryPerBlockOptin ? 232448
								    : 0;
	return cudaSuccess;
}

/* Device memory in KiB: EMU_MEMORY. */
static size_t memory_bytes()
{
	const char *text = getenv("EMU_MEMORY");

	return text ? (size_t)atoll(text) << 10 : (size_t)1 << 33;
}

static std::map<void *, size_t> allocated;
static size_t in_use;

cudaError_t cudaMemGetInfo(size_t *left, size_t *all)
{
	*all = memory_bytes();
	*left = *all - in_use;
	return cudaSuccess;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
	bytes = (bytes + 255) / 256 * 256;
	*p = bytes <= memory_bytes() - in_use ? aligned_alloc(256, bytes) : NULL;
	if (!*p)
		return cudaErrorMemoryAllocation;
	memset(*p, POISON, bytes);
	allocated[*p] = bytes;
	in_use += bytes;
	return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
	if (p) {
		in_use -= allocated[p];
		allocated.erase(p);
	}
	free(p);
	return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, int)
{
	*s = NULL;
	return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t)
{
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
	return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, int)
{
	capture = new std::vector<std::function<void()>>;
	return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph)
{
	*graph = capture;
	capture = NULL;
	return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, int)
{
	*exec = new std::vector<std::function<void()>>(*graph);
	return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	delete graph;
	return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
	for (auto &work : *exec)
		work();
	return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	delete exec;
	return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *e)
{
	*e = new double(0.0);
	return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
	delete e;
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	*e = 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t)
{
	return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t a, cudaEvent_t b)
{
	*ms = (float)(*b - *a);
	return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *, int, int)
{
	return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, int, cudaStream_t)
{
	return now_or_later([=]() { memcpy(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t)
{
	return now_or_later([=]() { memset(to, value, bytes); });
}
