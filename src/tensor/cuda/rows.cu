/* Operations on rows of activations: column sums, RMSNorm, RoPE, SwiGLU, embedding. */
#include "tensor/cuda/common.cuh"

enum { THREADS = 256, ROWS = THREADS / 16 };

/* Columns are chains over rows: a thread owns a column and keeps several rows in flight. */
enum { COLUMN_THREADS = 32, AHEAD = 8 };

__global__ static void colsum_kernel(struct ebb_count M, int N, struct ebb_pop dy,
				     struct ebb_pop db)
{
	int p = (int)blockIdx.y, j = (int)(blockIdx.x * COLUMN_THREADS + threadIdx.x);
	int rows = rows_of(M, p), i = 0;
	float *out = row_of(db, p, 0) + j, sum;

	if (j >= N)
		return;
	sum = *out;
	for (; i + AHEAD <= rows; i += AHEAD) {
		float x[AHEAD];

#pragma unroll
		for (int a = 0; a < AHEAD; a++)
			x[a] = row_of(dy, p, i + a)[j];
#pragma unroll
		for (int a = 0; a < AHEAD; a++)
			sum = sum + x[a];
	}
	for (; i < rows; i++)
		sum = sum + row_of(dy, p, i)[j];
	*out = sum;
}

void ebb_cuda_colsum(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, struct ebb_pop dy,
		     struct ebb_pop db)
{
	if (!worth_launching(g, P, (size_t)N, "colsum"))
		return;
	colsum_kernel<<<dim3(blocks_for((size_t)N, COLUMN_THREADS), (unsigned)P), COLUMN_THREADS, 0,
			g->stream>>>(M, N, dy, db);
	ebb_cuda_launched(g, "colsum");
}

/* Vector r of member p: group r % groups of row r / groups. */
__device__ static inline float *vector_of(struct ebb_pop x, int p, int r, int groups, int C)
{
	return row_of(x, p, r / groups) + (size_t)(r % groups) * (size_t)C;
}

__global__ static void rmsnorm_fwd_kernel(struct ebb_count M, int groups, int C, float eps,
					  struct ebb_pop x, struct ebb_pop w, struct ebb_pop y,
					  struct ebb_pop rstd)
{
	int p = (int)blockIdx.y, r = (int)(blockIdx.x * ROWS + threadIdx.x / 16);
	int lane = (int)threadIdx.x % 16;
	const float *xi, *wi = row_of(w, p, 0);
	float *yi, square = 0.0f, scale;

	if (r >= rows_of(M, p) * groups)
		return;
	xi = vector_of(x, p, r, groups, C);
	yi = vector_of(y, p, r, groups, C);
	for (int j = lane; j < C; j += 16)
		square = __fmaf_rn(xi[j], xi[j], square);
	scale = __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(tree_sum(square), (float)C) + eps));
	if (lane == 0)
		*vector_of(rstd, p, r, groups, 1) = scale;
	for (int j = lane; j < C; j += 16)
		yi[j] = xi[j] * scale * wi[j];
}

void ebb_cuda_rmsnorm_fwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int groups, int C,
			  float eps, struct ebb_pop x, struct ebb_pop w, struct ebb_pop y,
			  struct ebb_pop rstd)
{
	size_t vectors = (size_t)M.most * (size_t)groups;

	if (!worth_launching(g, P, vectors, "rmsnorm_fwd"))
		return;
	rmsnorm_fwd_kernel<<<dim3(blocks_for(vectors, ROWS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, groups, C, eps, x, w, y, rstd);
	ebb_cuda_launched(g, "rmsnorm_fwd");
}

/* dw += dy n, n = x rstd: a chain over rows, then groups. */
__global__ static void rmsnorm_dw_kernel(struct ebb_count M, int groups, int C, struct ebb_pop x,
					 struct ebb_pop rstd, struct ebb_pop dy, struct ebb_pop dw)
{
	int p = (int)blockIdx.y, j = (int)(blockIdx.x * COLUMN_THREADS + threadIdx.x);
	int vectors = rows_of(M, p) * groups, r = 0;
	float *out = row_of(dw, p, 0) + j, sum;

	if (j >= C)
		return;
	sum = *out;
	for (; r + AHEAD <= vectors; r += AHEAD) {
		float d[AHEAD], n[AHEAD];

#pragma unroll
		for (int a = 0; a < AHEAD; a++) {
			d[a] = vector_of(dy, p, r + a, groups, C)[j];
			n[a] = vector_of(x, p, r + a, groups, C)[j] *
			       *vector_of(rstd, p, r + a, groups, 1);
		}
#pragma unroll
		for (int a = 0; a < AHEAD; a++)
			sum = __fmaf_rn(d[a], n[a], sum);
	}
	for (; r < vectors; r++)
		sum = __fmaf_rn(
			vector_of(dy, p, r, groups, C)[j],
			vector_of(x, p, r, groups, C)[j] * *vector_of(rstd, p, r, groups, 1), sum);
	*out = sum;
}

__global__ static void rmsnorm_dx_kernel(struct ebb_count M, int groups, int C, struct ebb_pop x,
					 struct ebb_pop w, struct ebb_pop rstd, struct ebb_pop dy,
					 struct ebb_pop dx, int add)
{
	int p = (int)blockIdx.y, r = (int)(blockIdx.x * ROWS + threadIdx.x / 16);
	int lane = (int)threadIdx.x % 16;
	const float *xi, *dyi, *wi = row_of(w, p, 0);
	float *dxi, scale, dot = 0.0f, mean;

	if (r >= rows_of(M, p) * groups)
		return;
	xi = vector_of(x, p, r, groups, C);
	dyi = vector_of(dy, p, r, groups, C);
	dxi = vector_of(dx, p, r, groups, C);
	scale = *vector_of(rstd, p, r, groups, 1);
	for (int j = lane; j < C; j += 16)
		dot = __fmaf_rn(dyi[j] * wi[j], xi[j] * scale, dot);
	mean = __fdiv_rn(tree_sum(dot), (float)C);
	for (int j = lane; j < C; j += 16) {
		float out = scale * __fmaf_rn(-(xi[j] * scale), mean, dyi[j] * wi[j]);

		dxi[j] = add ? dxi[j] + out : out;
	}
}

void ebb_cuda_rmsnorm_bwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int groups, int C,
			  struct ebb_pop x, struct ebb_pop w, struct ebb_pop rstd,
			  struct ebb_pop dy, struct ebb_pop dx, int add, struct ebb_pop dw)
{
	size_t vectors = (size_t)M.most * (size_t)groups;

	if (!worth_launching(g, P, vectors, "rmsnorm_bwd"))
		return;
	/* dw first: dx may overwrite dy. */
	rmsnorm_dw_kernel<<<dim3(blocks_for((size_t)C, COLUMN_THREADS), (unsigned)P),
			    COLUMN_THREADS, 0, g->stream>>>(M, groups, C, x, rstd, dy, dw);
	rmsnorm_dx_kernel<<<dim3(blocks_for(vectors, ROWS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, groups, C, x, w, rstd, dy, dx, add);
	ebb_cuda_launched(g, "rmsnorm_bwd");
}

__global__ static void rope_kernel(struct ebb_count M, int heads, int half, struct ebb_pop x,
				   const int32_t *position, const float *cosine, const float *sine,
				   float sign)
{
	int p = (int)blockIdx.y;
	size_t n = (size_t)blockIdx.x * THREADS + threadIdx.x, a_row = (size_t)heads * (size_t)half;
	int i = (int)(n / a_row), h = (int)(n % a_row) / half, j = (int)(n % a_row) % half;
	float *lo, *hi, a, b, c, s;
	size_t at;

	if (i >= rows_of(M, p))
		return;
	at = (size_t)position[(size_t)p * (size_t)M.most + (size_t)i] * (size_t)half + (size_t)j;
	c = cosine[at];
	s = sign * sine[at];
	lo = row_of(x, p, i) + (size_t)h * (size_t)(2 * half) + j;
	hi = lo + half;
	a = *lo;
	b = *hi;
	*lo = __fmaf_rn(-b, s, a * c);
	*hi = __fmaf_rn(a, s, b * c);
}

void ebb_cuda_rope(struct ebb_gpu_device *g, int P, struct ebb_count M, int heads, int D,
		   struct ebb_pop x, const int32_t *position, const float *cosine,
		   const float *sine, int inverse)
{
	size_t n = (size_t)M.most * (size_t)heads * (size_t)(D / 2);

	if (!worth_launching(g, P, n, "rope"))
		return;
	rope_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, heads, D / 2, x, position, cosine, sine, inverse ? -1.0f : 1.0f);
	ebb_cuda_launched(g, "rope");
}

/* 1/(1 + exp(-x)); *other is 1/(1 + exp(x)). */
__device__ static inline float logistic(float x, float *other)
{
	float e = exp_negative(x < 0.0f ? x : 0.0f - x);
	float big = __fdiv_rn(1.0f, 1.0f + e), small = e * big;

	*other = x < 0.0f ? big : small;
	return x < 0.0f ? small : big;
}

__global__ static void swiglu_fwd_kernel(struct ebb_count M, int F, struct ebb_pop gu,
					 struct ebb_pop h)
{
	int p = (int)blockIdx.y;
	size_t n = (size_t)blockIdx.x * THREADS + threadIdx.x;
	int i = (int)(n / (size_t)F), j = (int)(n % (size_t)F);
	float gate, rest;

	if (i >= rows_of(M, p))
		return;
	gate = row_of(gu, p, i)[j];
	row_of(h, p, i)[j] = gate * logistic(gate, &rest) * row_of(gu, p, i)[F + j];
}

void ebb_cuda_swiglu_fwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int F,
			 struct ebb_pop gu, struct ebb_pop h)
{
	size_t n = (size_t)M.most * (size_t)F;

	if (!worth_launching(g, P, n, "swiglu_fwd"))
		return;
	swiglu_fwd_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, F, gu, h);
	ebb_cuda_launched(g, "swiglu_fwd");
}

__global__ static void swiglu_bwd_kernel(struct ebb_count M, int F, struct ebb_pop gu,
					 struct ebb_pop dh, struct ebb_pop dgu)
{
	int p = (int)blockIdx.y;
	size_t n = (size_t)blockIdx.x * THREADS + threadIdx.x;
	int i = (int)(n / (size_t)F), j = (int)(n % (size_t)F);
	float gate, up, d, s, rest;

	if (i >= rows_of(M, p))
		return;
	gate = row_of(gu, p, i)[j];
	up = row_of(gu, p, i)[F + j];
	d = row_of(dh, p, i)[j];
	s = logistic(gate, &rest);
	row_of(dgu, p, i)[j] = d * up * (s * __fmaf_rn(gate, rest, 1.0f));
	row_of(dgu, p, i)[F + j] = d * (gate * s);
}

void ebb_cuda_swiglu_bwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int F,
			 struct ebb_pop gu, struct ebb_pop dh, struct ebb_pop dgu)
{
	size_t n = (size_t)M.most * (size_t)F;

	if (!worth_launching(g, P, n, "swiglu_bwd"))
		return;
	swiglu_bwd_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, F, gu, dh, dgu);
	ebb_cuda_launched(g, "swiglu_bwd");
}

__global__ static void embed_fwd_kernel(struct ebb_count M, int C, const int32_t *token,
					struct ebb_pop table, struct ebb_pop y)
{
	int p = (int)blockIdx.y;
	size_t n = (size_t)blockIdx.x * THREADS + threadIdx.x;
	int i = (int)(n / (size_t)C), j = (int)(n % (size_t)C);

	if (i >= rows_of(M, p))
		return;
	row_of(y, p, i)[j] = row_of(table, p, token[(size_t)p * (size_t)M.most + (size_t)i])[j];
}

void ebb_cuda_embed_fwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int C,
			const int32_t *token, struct ebb_pop table, struct ebb_pop y)
{
	size_t n = (size_t)M.most * (size_t)C;

	if (!worth_launching(g, P, n, "embed_fwd"))
		return;
	embed_fwd_kernel<<<dim3(blocks_for(n, THREADS), (unsigned)P), THREADS, 0, g->stream>>>(
		M, C, token, table, y);
	ebb_cuda_launched(g, "embed_fwd");
}

/* A warp owns 32 columns of one table row and looks for its token, 32 rows of dy at a time. */
__global__ static void embed_bwd_kernel(struct ebb_count M, int V, int C, const int32_t *token,
					struct ebb_pop dy, struct ebb_pop dtable)
{
	int p = (int)blockIdx.z, v = (int)(blockIdx.x * (THREADS / 32) + threadIdx.x / 32);
	int lane = (int)threadIdx.x % 32, j = (int)blockIdx.y * 32 + lane, rows = rows_of(M, p);
	const int32_t *of = token + (size_t)p * (size_t)M.most;
	float *out = row_of(dtable, p, v) + j, sum;

	if (v >= V)
		return;
	sum = j < C ? *out : 0.0f;
	for (int i0 = 0; i0 < rows; i0 += 32) {
		unsigned hit = __ballot_sync(~0u, i0 + lane < rows && of[i0 + lane] == v);

		for (; hit; hit &= hit - 1)
			if (j < C)
				sum = sum + row_of(dy, p, i0 + __ffs((int)hit) - 1)[j];
	}
	if (j < C)
		*out = sum;
}

void ebb_cuda_embed_bwd(struct ebb_gpu_device *g, int P, struct ebb_count M, int V, int C,
			const int32_t *token, struct ebb_pop dy, struct ebb_pop dtable)
{
	if (!worth_launching(g, P, (size_t)V * (size_t)C, "embed_bwd"))
		return;
	embed_bwd_kernel<<<dim3(blocks_for((size_t)V, THREADS / 32), blocks_for((size_t)C, 32),
				(unsigned)P),
			   THREADS, 0, g->stream>>>(M, V, C, token, dy, dtable);
	ebb_cuda_launched(g, "embed_bwd");
}
