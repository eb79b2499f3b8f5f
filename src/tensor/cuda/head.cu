/* The fused head: log-probability, exact entropy and KL of a row of logits, and their gradient.
 * Half a warp serves a row; every step is that of tensor/cpu/head.h. */
#include "tensor/cuda/common.cuh"
#include "tensor/cuda/head.cuh"

enum { THREADS = 128, ROWS = THREADS / 16 };

/* x where p > 0, else +0 (0 log 0 = 0). */
__device__ static inline float where_positive(float p, float x)
{
	return 0.0f < p ? x : 0.0f;
}

__device__ static inline float sum_exp(int V, const float *logits, float inv_tau, float top)
{
	float sum = 0.0f;

	for (int j = (int)threadIdx.x % 16; j < V; j += 16)
		sum = sum + exp_negative(logits[j] * inv_tau - top);
	return tree_sum(sum);
}

__device__ static inline struct head_norm normalise(int V, const float *logits, float inv_tau)
{
	struct head_norm norm;

	norm.top = head_top(V, logits, inv_tau);
	norm.log_sum = head_log(sum_exp(V, logits, inv_tau, norm.top));
	return norm;
}

/* Mean and central moments 2 to 4 of the raw logits. */
__device__ static inline void moments(int V, const float *logits, float *moment)
{
	int lane = (int)threadIdx.x % 16;
	float sum = 0.0f, m2 = 0.0f, m3 = 0.0f, m4 = 0.0f, mean, n = (float)V;

	for (int j = lane; j < V; j += 16)
		sum = sum + logits[j];
	mean = __fdiv_rn(tree_sum(sum), n);
	for (int j = lane; j < V; j += 16) {
		float d = logits[j] - mean, d2 = d * d;

		m2 = m2 + d2;
		m3 = __fmaf_rn(d2, d, m3);
		m4 = __fmaf_rn(d2, d2, m4);
	}
	m2 = __fdiv_rn(tree_sum(m2), n);
	m3 = __fdiv_rn(tree_sum(m3), n);
	m4 = __fdiv_rn(tree_sum(m4), n);
	if (lane == 0) {
		moment[0] = mean;
		moment[1] = m2;
		moment[2] = m3;
		moment[3] = m4;
	}
}

__global__ static void head_fwd_kernel(struct ebb_count M, int V, struct ebb_pop logits,
				       const int32_t *target, const float *tau, struct ebb_pop ref,
				       float *logp, float *entropy, float *kl, float *moment,
				       float *stat)
{
	int p = (int)blockIdx.y, i = (int)(blockIdx.x * ROWS + threadIdx.x / 16);
	int lane = (int)threadIdx.x % 16;
	size_t at = (size_t)p * (size_t)M.most + (size_t)i;
	float inv_tau, plogp = 0.0f, divergence = 0.0f;
	struct head_norm norm, ref_norm = {0.0f, 0.0f};
	const float *row, *ref_row = NULL;

	if (i >= rows_of(M, p))
		return;
	inv_tau = __fdiv_rn(1.0f, tau[p]);
	row = row_of(logits, p, i);
	norm = normalise(V, row, inv_tau);
	if (ref.at) {
		ref_row = row_of(ref, p, i);
		ref_norm = normalise(V, ref_row, inv_tau);
	}
	for (int j = lane; j < V; j += 16) {
		float lp = head_logp(row[j], inv_tau, norm), prob = exp_negative(lp);

		plogp = __fmaf_rn(prob, where_positive(prob, lp), plogp);
		if (ref_row) {
			float lq = head_logp(ref_row[j], inv_tau, ref_norm);

			divergence = __fmaf_rn(prob, where_positive(prob, lp - lq), divergence);
		}
	}
	plogp = 0.0f - tree_sum(plogp);
	divergence = tree_sum(divergence);
	if (lane == 0) {
		logp[at] = head_logp(row[target[at]], inv_tau, norm);
		entropy[at] = plogp;
		if (kl)
			kl[at] = divergence;
		stat[4 * at] = norm.top;
		stat[4 * at + 1] = norm.log_sum;
		stat[4 * at + 2] = plogp;
		stat[4 * at + 3] = divergence;
	}
	if (moment)
		moments(V, row, moment + 4 * at);
}

void ebb_cuda_head_fwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int V,
		       struct ebb_pop logits, const int32_t *target, const float *tau,
		       struct ebb_pop ref, float *logp, float *entropy, float *kl, float *moment,
		       float *stat)
{
	if (!worth_launching(g, P, (size_t)M.most, "head_fwd"))
		return;
	head_fwd_kernel<<<dim3(blocks_for((size_t)M.most, ROWS), (unsigned)P), THREADS, 0,
			  g->stream>>>(M, V, logits, target, tau, ref, logp, entropy, kl, moment,
				       stat);
	ebb_cuda_launched(g, "head_fwd");
}

__global__ static void head_bwd_kernel(struct ebb_count M, int V, struct ebb_pop logits,
				       const int32_t *target, const float *tau, struct ebb_pop ref,
				       const float *stat, const float *w_logp,
				       const float *w_entropy, const float *w_kl,
				       struct ebb_pop dlogits)
{
	int p = (int)blockIdx.y, i = (int)(blockIdx.x * ROWS + threadIdx.x / 16);
	size_t at = (size_t)p * (size_t)M.most + (size_t)i;
	float inv_tau, wl, we, wk, entropy, divergence, *out;
	struct head_norm norm, ref_norm = {0.0f, 0.0f};
	const float *row, *ref_row = NULL;
	int chosen;

	if (i >= rows_of(M, p))
		return;
	inv_tau = __fdiv_rn(1.0f, tau[p]);
	row = row_of(logits, p, i);
	out = row_of(dlogits, p, i);
	chosen = target[at];
	norm.top = stat[4 * at];
	norm.log_sum = stat[4 * at + 1];
	entropy = stat[4 * at + 2];
	divergence = stat[4 * at + 3];
	wl = w_logp[at];
	we = w_entropy ? w_entropy[at] : 0.0f;
	wk = ref.at && w_kl ? w_kl[at] : 0.0f;
	if (wk != 0.0f) {
		ref_row = row_of(ref, p, i);
		ref_norm = normalise(V, ref_row, inv_tau);
	}
	for (int j = (int)threadIdx.x % 16; j < V; j += 16) {
		float lp = head_logp(row[j], inv_tau, norm), prob = exp_negative(lp);
		/* The CPU's vector of sixteen that holds the target subtracts in this order. */
		float d = chosen >> 4 == j >> 4 ? wl * ((j == chosen ? 1.0f : 0.0f) - prob)
						: 0.0f - wl * prob;

		if (we != 0.0f)
			d = __fmaf_rn(-(we * prob), where_positive(prob, lp + entropy), d);
		if (wk != 0.0f) {
			float lq = head_logp(ref_row[j], inv_tau, ref_norm);

			d = __fmaf_rn(wk * prob, where_positive(prob, lp - lq - divergence), d);
		}
		out[j] = d * inv_tau;
	}
}

void ebb_cuda_head_bwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int V,
		       struct ebb_pop logits, const int32_t *target, const float *tau,
		       struct ebb_pop ref, const float *stat, const float *w_logp,
		       const float *w_entropy, const float *w_kl, struct ebb_pop dlogits)
{
	if (!worth_launching(g, P, (size_t)M.most, "head_bwd"))
		return;
	head_bwd_kernel<<<dim3(blocks_for((size_t)M.most, ROWS), (unsigned)P), THREADS, 0,
			  g->stream>>>(M, V, logits, target, tau, ref, stat, w_logp, w_entropy,
				       w_kl, dlogits);
	ebb_cuda_launched(g, "head_bwd");
}

__global__ static void head_cross_fwd_kernel(struct ebb_count M, int V, struct ebb_pop logits,
					     const float *tau, struct ebb_pop other,
					     const float *stat, float *cross)
{
	int p = (int)blockIdx.y, i = (int)(blockIdx.x * ROWS + threadIdx.x / 16);
	size_t at = (size_t)p * (size_t)M.most + (size_t)i;
	float inv_tau, sum = 0.0f;
	struct head_norm norm, other_norm;
	const float *row, *other_row;

	if (i >= rows_of(M, p))
		return;
	inv_tau = __fdiv_rn(1.0f, tau[p]);
	row = row_of(logits, p, i);
	other_row = row_of(other, p, i);
	norm.top = stat[4 * at];
	norm.log_sum = stat[4 * at + 1];
	other_norm = normalise(V, other_row, inv_tau);
	for (int j = (int)threadIdx.x % 16; j < V; j += 16) {
		float lp = head_logp(row[j], inv_tau, norm);
		float lq = head_logp(other_row[j], inv_tau, other_norm), q = exp_negative(lq);

		sum = __fmaf_rn(q, where_positive(q, lq - lp), sum);
	}
	sum = tree_sum(sum);
	if (threadIdx.x % 16 == 0)
		cross[at] = sum;
}

void ebb_cuda_head_cross_fwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int V,
			     struct ebb_pop logits, const float *tau, struct ebb_pop other,
			     const float *stat, float *cross)
{
	if (!worth_launching(g, P, (size_t)M.most, "head_cross_fwd"))
		return;
	head_cross_fwd_kernel<<<dim3(blocks_for((size_t)M.most, ROWS), (unsigned)P), THREADS, 0,
				g->stream>>>(M, V, logits, tau, other, stat, cross);
	ebb_cuda_launched(g, "head_cross_fwd");
}
