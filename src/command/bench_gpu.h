/* The jobs of `ebb bench` for a population on a GPU: every member at work on the job of bench_job.h. */
#ifndef EBB_COMMAND_BENCH_GPU_H
#define EBB_COMMAND_BENCH_GPU_H

#include "command/bench_job.h"
#include "tensor/gpu.h"

struct ebb_bench_gpu_result {
	struct ebb_bench_result r; /* of all members; r.bytes: of the device                      */
	int members;
	double launches; /* kernels, library calls and graphs started an iteration            */
	double memory_bytes_per_s; /* read for weights, keys and values by decoding; NaN elsewhere */
};

/* The fp32 fused multiply-adds a second that the device makes, measured; in a fast mode what the maker
 * states for the chip's tensor cores, 0 for a chip that is not known. */
double ebb_bench_gpu_peak(struct ebb_gpu *gpu, enum ebb_gpu_precision precision);

/* As ebb_bench_job. recompute: keep the layers' inputs alone. EBB_ENOMEM: too many members. */
int ebb_bench_gpu(struct ebb_gpu *gpu, const struct ebb_bench_shape *s, enum ebb_bench_mode mode,
		  int members, enum ebb_gpu_precision precision, bool recompute,
		  struct ebb_bench_gpu_result *out, struct ebb_err *err);

#endif
