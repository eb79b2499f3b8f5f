#include "tensor/cpu/simd_avx512.h"
#define EBB_ISA ebb_cpu_avx512
#include "tensor/cpu/table.h"
