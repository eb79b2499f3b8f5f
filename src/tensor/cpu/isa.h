/* The three instances of the CPU operations; private to tensor/ and its tests. */
#ifndef EBB_TENSOR_CPU_ISA_H
#define EBB_TENSOR_CPU_ISA_H

#include "tensor/device.h"

struct ebb_cpu_isa {
	struct ebb_ops ops;
	/* y = exp(x) for x <= 0: the function inside softmax and SwiGLU. */
	void (*exp)(size_t n, const float *x, float *y);
	/* Fused multiply-adds that never leave the registers; returns the number of flops done. */
	double (*fma_loop)(size_t rounds, float *result);
};

extern const struct ebb_cpu_isa ebb_cpu_scalar;
#ifdef __x86_64__
extern const struct ebb_cpu_isa ebb_cpu_avx2, ebb_cpu_avx512;
#endif

/* The instances compiled in, best first; *n their number. */
const struct ebb_cpu_isa *const *ebb_cpu_isas(int *n);
/* Has this processor (and its operating system) what the instance needs? */
int ebb_cpu_has(const struct ebb_cpu_isa *isa);

#endif
