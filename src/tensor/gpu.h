/*
 * The seam to a GPU: populations of policies of one shape, served in one pass. The kernels live in
 * a module loaded on demand, so that programs start fast and run where no CUDA is installed. Plain
 * C; gpu_ops.def lists and explains every operation.
 *
 *   gpu = ebb_gpu_open(NULL, &err);  gpu->op.gemm_nn(gpu->device, ...);  ebb_gpu_sync(gpu, &err);
 */
#ifndef EBB_TENSOR_GPU_H
#define EBB_TENSOR_GPU_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/rng.h"

struct ebb_gpu_device; /* one device and one stream; belongs to the module */
struct ebb_gpu_graph;  /* a captured sequence of calls                    */

/* How products are computed. Fast modes have fp32 sums and fp32 results, and bits of their own. */
enum ebb_gpu_precision {
	EBB_GPU_FP32, /* exact: the CPU's bits                  */
	EBB_GPU_TF32, /* factors of 11 significant bits         */
	EBB_GPU_BF16, /* factors of 8; attention's as well      */
};

struct ebb_gpu_info {
	char name[128];
	int n_processors, major, minor;  /* multiprocessors, compute capability */
	int clock_khz;                   /* highest clock; 0 where unknown      */
	size_t memory_bytes, free_bytes; /* free at opening                     */
};

/* Row i of member p starts at at + (p >> share) * member + i * ld; strides in floats. share: 2^share
 * neighbours have one operand, as the series of a member's gradient share its weights. */
struct ebb_pop {
	float *at;
	size_t member;
	int ld, share;
};

/* Rows of a member: of[p] <= most, or `most` for all where of is null. */
struct ebb_count {
	int most;
	const int32_t *of;
};

/* n sequences a member, none longer than T: rows first[p*n+b] .. first + length[p*n+b] - 1. */
struct ebb_sequences {
	int n, T;
	const int32_t *first, *length;
};

/* Caches: sequence b of member p at at + p * member + b * sequence, room for T positions. */
struct ebb_cache {
	float *at;
	size_t member, sequence;
	int T;
};

struct ebb_draw_rule {
	float tau, top_p;      /* top_p 1: off                          */
	int32_t top_k, greedy; /* top_k 0: off; greedy: the likeliest */
};

/* Arguments of adamw in ops.def. skip: leave this member alone. */
struct ebb_adamw_rule {
	float scale, lr, b1, b2, c1, c2, eps, decay;
	int32_t skip;
};

/*
 * Responses being drawn, n a member; arrays (P, n) but for the results. t counts drawn tokens, at is
 * the position the next token stands at, length what attention may read (0: ended), one is 1 until
 * then. Token t of row i of member p goes to entry (p * n + i) * stride + t of the results.
 */
struct ebb_drawing {
	int n, stride;
	int32_t *token, *t, *at, *length, *one;
	const int32_t *most, *eos;            /* (P): longest response, end mark */
	int32_t *drawn;                       /* result: tokens            (P, n, stride) */
	float *logp, *entropy, *sampler_logp; /* results; the last may be null (P, n, stride) */
	int32_t *running;                     /* responses that have not ended  (1)      */
};

/*
 * A mini-batch a member whose rows are to be weighed, as a block of objective/form.h. n sequences a
 * member: row[p*n+b] of the block, whose tokens[p*n+b] response tokens stand from entry judged[p*n+b]
 * of the member's rows on (0 tokens: nothing). most: T of the largest block.
 */
struct ebb_weighing {
	int n, most;
	unsigned char *block;
	size_t stride;                        /* bytes from member to member            */
	const int32_t *row, *judged, *tokens; /* (P, n)                         */
	size_t member;                        /* entries of a member's rows             */
	const float *logp, *entropy, *kl;     /* kl may be null                     */
	float *w_logp, *w_entropy, *w_kl;     /* w_kl is not written without kl     */
	double *room;                         /* scratch (P, n, 6, most)                */
};

struct ebb_gpu_ops {
#define EBB_GPU_OP(result, op, arguments) result(*op) arguments;
#include "tensor/gpu_ops.def"
#undef EBB_GPU_OP
};

struct ebb_gpu {
	struct ebb_gpu_ops op;
	struct ebb_gpu_device *device;
	struct ebb_gpu_info info;
	void *module;
};

/* Load the module and open the first device. path: the module's file; null: $EBB_CUDA_MODULE, else
 * beside the program, else where it is installed. Null with err set where there is no module
 * (EBB_ENOENT), no driver or no device (EBB_ENODEV). */
struct ebb_gpu *ebb_gpu_open(const char *path, struct ebb_err *err);
void ebb_gpu_close(struct ebb_gpu *gpu);

/* Wait until everything queued is done; the first failure of any call since the last sync. */
int ebb_gpu_sync(struct ebb_gpu *gpu, struct ebb_err *err);

#endif
