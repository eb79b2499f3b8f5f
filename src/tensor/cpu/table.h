/*
 * One instance of the operations. Included after a simd_*.h by a file compiled for that instruction
 * set; everything is static, so that the linker cannot mix instances.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "tensor/cpu/isa.h"
#include "tensor/cpu/exp.h"
#include "tensor/cpu/pack.h"
#include "tensor/cpu/gemm.h"
#include "tensor/cpu/rows.h"
#include "tensor/cpu/attention.h"
#include "tensor/cpu/attention_bwd.h"
#include "tensor/cpu/decode.h"
#include "tensor/cpu/head.h"
#include "tensor/cpu/draw.h"
#include "tensor/cpu/optim.h"
#include "tensor/cpu/peak.h"

#define EBB_OP(result, op, arguments) .op = op,
const struct ebb_cpu_isa EBB_ISA = {
	.ops =
		{
			.name = ISA_NAME,
#include "tensor/ops.def"
		},
	.exp = exp_array,
	.fma_loop = fma_loop,
};
#undef EBB_OP
