#include "tensor/cpu/simd_scalar.h"
#define EBB_ISA ebb_cpu_scalar
#include "tensor/cpu/table.h"
