#include "tensor/cpu/simd_avx2.h"
#define EBB_ISA ebb_cpu_avx2
#include "tensor/cpu/table.h"
