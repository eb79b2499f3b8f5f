/*
 * The seam between the model and the machine: one table of operations a device, made from ops.def.
 * Plain C; all pointers are host memory for the CPU devices.
 */
#ifndef EBB_TENSOR_DEVICE_H
#define EBB_TENSOR_DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct ebb_ops {
	const char *name; /* "avx512", "avx2", "scalar" */
#define EBB_OP(result, op, arguments) result(*op) arguments;
#include "tensor/ops.def"
#undef EBB_OP
};

/* isa: "auto" (the best this processor has) or an instance's name. Null with err set where the
 * processor lacks it; the message names what it has. */
const struct ebb_ops *ebb_cpu_ops(const char *isa, struct ebb_err *err);

/* GFLOP/s of one core with this instance, fused multiply-adds in registers; takes about 50 ms. */
double ebb_cpu_peak_flops(const struct ebb_ops *ops);

#endif
