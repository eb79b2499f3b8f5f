/* Sums over gradient slots, squares for the global norm, AdamW. */
#include "tensor/cuda/common.cuh"

enum { THREADS = 256, PIECES = THREADS / 16, AHEAD = 8 };

__global__ static void lane_sum_kernel(size_t n, int lanes, size_t stride, struct ebb_pop lane,
				       struct ebb_pop out)
{
	int p = (int)blockIdx.y;
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
	const float *from = row_of(lane, p, 0) + i;
	float sum;

	if (i >= n)
		return;
	sum = from[0];
	for (int l = 1; l < lanes; l++)
		sum = sum + from[(size_t)l * stride];
	row_of(out, p, 0)[i] = sum;
}

void ebb_cuda_lane_sum(struct ebb_gpu_device *g, int P, size_t n, int lanes, size_t stride,
		       struct ebb_pop lane, struct ebb_pop out)
{
	if (!worth_launching(g, P, n, "lane_sum"))
		return;
	lane_sum_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		n, lanes, stride, lane, out);
	ebb_cuda_launched(g, "lane_sum");
}

__global__ static void subtract_kernel(size_t n, struct ebb_pop a, struct ebb_pop b,
				       struct ebb_pop out)
{
	int p = (int)blockIdx.y;
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

	if (i < n)
		row_of(out, p, 0)[i] = row_of(a, p, 0)[i] - row_of(b, p, 0)[i];
}

void ebb_cuda_subtract(struct ebb_gpu_device *g, int P, size_t n, struct ebb_pop a,
		       struct ebb_pop b, struct ebb_pop out)
{
	if (!worth_launching(g, P, n, "subtract"))
		return;
	subtract_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		n, a, b, out);
	ebb_cuda_launched(g, "subtract");
}

/* The product of two floats is exact in double, so there is one rounding a term. */
__global__ static void square_kernel(size_t n, size_t piece, struct ebb_pop x, size_t pieces,
				     double *partial)
{
	int p = (int)blockIdx.y;
	size_t r = (size_t)blockIdx.x * PIECES + threadIdx.x / 16;
	size_t i = r * piece + threadIdx.x % 16, end = r * piece + piece;
	const float *from = row_of(x, p, 0);
	double sum = 0.0;

	if (r >= pieces)
		return;
	end = end < n ? end : n;
	for (; i + 16 * (AHEAD - 1) < end; i += 16 * AHEAD) {
		float a[AHEAD];

#pragma unroll
		for (int k = 0; k < AHEAD; k++)
			a[k] = from[i + 16 * (size_t)k];
#pragma unroll
		for (int k = 0; k < AHEAD; k++)
			sum += (double)a[k] * (double)a[k];
	}
	for (; i < end; i += 16)
		sum += (double)from[i] * (double)from[i];
	sum = tree_sum_double(sum);
	if (threadIdx.x % 16 == 0)
		partial[(size_t)p * pieces + r] = sum;
}

__global__ static void add_kernel(size_t pieces, const double *partial, double *out)
{
	double sum = 0.0;

	partial += (size_t)blockIdx.x * pieces;
	for (size_t r = 0; r < pieces; r++)
		sum += partial[r];
	out[blockIdx.x] = sum;
}

void ebb_cuda_sum_squares(struct ebb_gpu_device *g, int P, size_t n, size_t piece, struct ebb_pop x,
			  double *partial, double *sum)
{
	size_t pieces = piece > 0 ? (n + piece - 1) / piece : 0;

	if (piece == 0)
		ebb_cuda_fail(g, EBB_EINVAL, "sum_squares: pieces of 0 floats");
	if (!worth_launching(g, P, n, "sum_squares"))
		return;
	square_kernel<<<dim3(blocks_for(pieces, PIECES), (unsigned)P), THREADS, 0, g->stream>>>(
		n, piece, x, pieces, partial);
	add_kernel<<<(unsigned)P, 1, 0, g->stream>>>(pieces, partial, sum);
	ebb_cuda_launched(g, "sum_squares");
}

__global__ static void adamw_kernel(size_t n, struct ebb_pop w, struct ebb_pop grad,
				    struct ebb_pop m, struct ebb_pop v,
				    const struct ebb_adamw_rule *rules, int decays)
{
	int p = (int)blockIdx.y;
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
	struct ebb_adamw_rule r;
	float g, mi, vi, wi, root, step;

	if (i >= n || rules[p].skip)
		return;
	r = rules[p];
	g = row_of(grad, p, 0)[i] * r.scale;
	mi = __fmaf_rn(r.b1, row_of(m, p, 0)[i], (1.0f - r.b1) * g);
	vi = __fmaf_rn(r.b2, row_of(v, p, 0)[i], (1.0f - r.b2) * g * g);
	wi = row_of(w, p, 0)[i];
	root = __fsqrt_rn(vi * __fdiv_rn(1.0f, r.c2)) + r.eps;
	step = __fmaf_rn(decays ? r.decay : 0.0f, wi, __fdiv_rn(mi * __fdiv_rn(1.0f, r.c1), root));
	row_of(m, p, 0)[i] = mi;
	row_of(v, p, 0)[i] = vi;
	row_of(w, p, 0)[i] = __fmaf_rn(-r.lr, step, wi);
}

void ebb_cuda_adamw(struct ebb_gpu_device *g, int P, size_t n, struct ebb_pop w,
		    struct ebb_pop grad, struct ebb_pop m, struct ebb_pop v,
		    const struct ebb_adamw_rule *rule, int decays)
{
	if (!worth_launching(g, P, n, "adamw"))
		return;
	adamw_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		n, w, grad, m, v, rule, decays);
	ebb_cuda_launched(g, "adamw");
}
