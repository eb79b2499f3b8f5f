/* Log-probabilities of a row of logits: the same steps in the head and in the draw, so that the
 * sampler's numbers are the trainer's. */
#ifndef EBB_TENSOR_CUDA_HEAD_CUH
#define EBB_TENSOR_CUDA_HEAD_CUH

#include "base/real.h"

struct head_norm {
	float top;     /* max z                   */
	float log_sum; /* log sum exp (z - max z) */
};

__device__ static inline float head_top(int V, const float *logits, float inv_tau)
{
	float best = -CUDART_INF_F;

	for (int j = (int)threadIdx.x % 16; j < V; j += 16)
		best = max_of(best, logits[j] * inv_tau);
	return tree_max(best);
}

__device__ static inline float head_log(float sum)
{
	return (float)ebb_log((double)sum);
}

__device__ static inline float head_logp(float logit, float inv_tau, struct head_norm norm)
{
	return (logit * inv_tau - norm.top) - norm.log_sum;
}

#endif
