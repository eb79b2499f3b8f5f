/* Products in the fast modes: tensor cores through cuBLASLt, which is looked for when a fast mode is
 * first asked for. Their bits are the library's. */
#ifndef EBB_TENSOR_CUDA_FAST_CUH
#define EBB_TENSOR_CUDA_FAST_CUH

#include "tensor/cuda/common.cuh"

struct ebb_fast;

/* Null with the failure remembered where cuBLASLt cannot be had. */
struct ebb_fast *ebb_fast_open(struct ebb_gpu_device *g);
void ebb_fast_close(struct ebb_fast *fast);

/* As the operations of these names; rows beyond a member's count are computed, and add nothing to a
 * sum over rows. */
void ebb_fast_nn(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		 struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		 struct ebb_pop residual);
void ebb_fast_nt(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		 struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		 struct ebb_pop residual);
void ebb_fast_tn(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		 struct ebb_pop x, struct ebb_pop dy, struct ebb_pop dw);

/* Of bf16 alone. out: what the forward pass gave. */
void ebb_fast_attn_fwd(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop stat);
void ebb_fast_attn_bwd(struct ebb_gpu_device *g, int P, struct ebb_sequences s, int NH, int NKV,
		       int D, struct ebb_pop q, struct ebb_pop k, struct ebb_pop v,
		       struct ebb_pop out, struct ebb_pop dout, struct ebb_pop stat,
		       struct ebb_pop mean, struct ebb_pop dq, struct ebb_pop dk, struct ebb_pop dv);

#endif
