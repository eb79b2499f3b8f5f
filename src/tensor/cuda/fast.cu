/*
 * cuBLASLt, loaded on demand so that the exact mode needs the driver alone. Our rows are its
 * columns: y (M, N) = x w is, column by column, y' (N, M) = w' x'. A call's descriptions and its
 * algorithm are looked up once a shape and kept.
 *
 * bf16: operands are rounded into scratch memory first, sums are fp32. tf32: the library reads fp32
 * and drops 13 bits of each factor.
 */
#include "tensor/cuda/fast.cuh"

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 256, PLANS = 128 };
#define WORKSPACE ((size_t)32 << 20)

#define LT_FUNCTIONS(X)                                                                            \
	X(cublasLtCreate)                                                                          \
	X(cublasLtDestroy)                                                                         \
	X(cublasLtMatmulDescCreate)                                                                \
	X(cublasLtMatmulDescDestroy)                                                               \
	X(cublasLtMatmulDescSetAttribute)                                                          \
	X(cublasLtMatrixLayoutCreate)                                                              \
	X(cublasLtMatrixLayoutDestroy)                                                             \
	X(cublasLtMatrixLayoutSetAttribute)                                                        \
	X(cublasLtMatmulPreferenceCreate)                                                          \
	X(cublasLtMatmulPreferenceDestroy)                                                         \
	X(cublasLtMatmulPreferenceSetAttribute)                                                    \
	X(cublasLtMatmulAlgoGetHeuristic)                                                          \
	X(cublasLtMatmul)

struct functions {
#define X(name) decltype(&::name) name;
	LT_FUNCTIONS(X)
#undef X
};

/* One matrix of a batch, in the library's columns. */
struct matrix {
	uint64_t rows, columns;
	int64_t ld, stride; /* floats */
};

/* Everything the choice of an algorithm depends on. */
struct shape {
	int P, precision, flip_a, flip_b, adds, aligned;
	struct matrix a, b, c, d;
};

struct plan {
	struct shape shape;
	cublasLtMatmulDesc_t what;
	cublasLtMatrixLayout_t a, b, c, d;
	cublasLtMatmulHeuristicResult_t how;
};

/* Memory for a rounded operand. One that was outgrown stays, for recorded graphs point to it. */
struct scratch {
	struct scratch *smaller;
	__nv_bfloat16 *at;
	size_t n;
};

struct ebb_fast {
	void *library;
	struct functions lt;
	cublasLtHandle_t handle;
	void *workspace;
	struct scratch *half[2]; /* rounded operands; the largest first */
	struct plan plan[PLANS];
	int n_plans;
};

static int load(struct ebb_gpu_device *g, struct ebb_fast *f)
{
	static const char *const name[] = {"libcublasLt.so", "libcublasLt.so.13",
					   "libcublasLt.so.12",
					   "/usr/local/cuda/lib64/libcublasLt.so"};

	for (size_t i = 0; i < sizeof name / sizeof *name && !f->library; i++)
		f->library = dlopen(name[i], RTLD_NOW | RTLD_LOCAL);
	if (!f->library) {
		ebb_cuda_fail(
			g, EBB_ENOENT,
			"tf32 and bf16 need cuBLASLt, which is not found (%s); install CUDA's "
			"libraries or take run.precision=fp32",
			dlerror());
		return 0;
	}
#define X(function)                                                                                \
	f->lt.function = (decltype(f->lt.function))dlsym(f->library, #function);                   \
	if (!f->lt.function) {                                                                     \
		ebb_cuda_fail(g, EBB_ENOENT, "cuBLASLt lacks " #function);                         \
		return 0;                                                                          \
	}
	LT_FUNCTIONS(X)
#undef X
	return 1;
}

struct ebb_fast *ebb_fast_open(struct ebb_gpu_device *g)
{
	struct ebb_fast *f = (struct ebb_fast *)calloc(1, sizeof *f);

	if (f && load(g, f) && f->lt.cublasLtCreate(&f->handle) == CUBLAS_STATUS_SUCCESS &&
	    cudaMalloc(&f->workspace, WORKSPACE) == cudaSuccess)
		return f;
	ebb_cuda_fail(g, EBB_ENODEV, "cuBLASLt does not start");
	ebb_fast_close(f);
	return NULL;
}

static void plan_release(struct ebb_fast *f, struct plan *p)
{
	f->lt.cublasLtMatmulDescDestroy(p->what);
	f->lt.cublasLtMatrixLayoutDestroy(p->a);
	f->lt.cublasLtMatrixLayoutDestroy(p->b);
	f->lt.cublasLtMatrixLayoutDestroy(p->c);
	f->lt.cublasLtMatrixLayoutDestroy(p->d);
}

void ebb_fast_close(struct ebb_fast *f)
{
	if (!f)
		return;
	for (int i = 0; i < f->n_plans; i++)
		plan_release(f, &f->plan[i]);
	if (f->handle)
		f->lt.cublasLtDestroy(f->handle);
	for (int i = 0; i < 2; i++)
		for (struct scratch *next; f->half[i]; f->half[i] = next) {
			next = f->half[i]->smaller;
			cudaFree(f->half[i]->at);
			free(f->half[i]);
		}
	cudaFree(f->workspace);
	if (f->library)
		dlclose(f->library);
	free(f);
}

/* ---- choosing an algorithm ---- */

static cublasLtMatrixLayout_t layout_of(struct ebb_fast *f, cudaDataType type,
					const struct matrix *m, int32_t P)
{
	cublasLtMatrixLayout_t layout = NULL;

	f->lt.cublasLtMatrixLayoutCreate(&layout, type, m->rows, m->columns, m->ld);
	f->lt.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &P,
					       sizeof P);
	f->lt.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
					       &m->stride, sizeof m->stride);
	return layout;
}

static int plan_make(struct ebb_fast *f, struct plan *p)
{
	const struct shape *s = &p->shape;
	const int bf16 = s->precision == EBB_GPU_BF16;
	const cudaDataType type = bf16 ? CUDA_R_16BF : CUDA_R_32F;
	const cublasOperation_t a = s->flip_a ? CUBLAS_OP_T : CUBLAS_OP_N;
	const cublasOperation_t b = s->flip_b ? CUBLAS_OP_T : CUBLAS_OP_N;
	const size_t workspace = WORKSPACE;
	const uint32_t align = s->aligned ? 16 : bf16 ? 2 : 4, align_fp32 = s->aligned ? 16 : 4;
	cublasLtMatmulPreference_t wish = NULL;
	int found = 0;

	f->lt.cublasLtMatmulDescCreate(
		&p->what, bf16 ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F);
	f->lt.cublasLtMatmulDescSetAttribute(p->what, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a);
	f->lt.cublasLtMatmulDescSetAttribute(p->what, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b);
	p->a = layout_of(f, type, &s->a, s->P);
	p->b = layout_of(f, type, &s->b, s->P);
	p->c = layout_of(f, CUDA_R_32F, &s->c, s->P);
	p->d = layout_of(f, CUDA_R_32F, &s->d, s->P);
	f->lt.cublasLtMatmulPreferenceCreate(&wish);
	f->lt.cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
						   &workspace, sizeof workspace);
	f->lt.cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
						   &align, sizeof align);
	f->lt.cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
						   &align, sizeof align);
	f->lt.cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
						   &align_fp32, sizeof align_fp32);
	f->lt.cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
						   &align_fp32, sizeof align_fp32);
	f->lt.cublasLtMatmulAlgoGetHeuristic(f->handle, p->what, p->a, p->b, p->c, p->d, wish, 1,
					     &p->how, &found);
	f->lt.cublasLtMatmulPreferenceDestroy(wish);
	return found > 0;
}

static struct plan *plan_of(struct ebb_gpu_device *g, const struct shape *s)
{
	struct ebb_fast *f = g->fast;
	struct plan *p;

	for (int i = 0; i < f->n_plans; i++)
		if (memcmp(&f->plan[i].shape, s, sizeof *s) == 0)
			return &f->plan[i];
	if (f->n_plans == PLANS) { /* more shapes than any policy has: begin again */
		for (int i = 0; i < f->n_plans; i++)
			plan_release(f, &f->plan[i]);
		f->n_plans = 0;
	}
	p = &f->plan[f->n_plans++];
	memset(p, 0, sizeof *p);
	p->shape = *s;
	if (plan_make(f, p))
		return p;
	plan_release(f, p);
	f->n_plans--;
	ebb_cuda_fail(g, EBB_ENODEV, "cuBLASLt knows no algorithm for a product of %llu x %llu",
		      (unsigned long long)s->d.rows, (unsigned long long)s->d.columns);
	return NULL;
}

/* ---- operands ---- */

__global__ static void round_kernel(int P, size_t rows, int columns, struct ebb_pop x,
				    __nv_bfloat16 *out)
{
	int p = (int)blockIdx.y;
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

	if (i < rows * (size_t)columns)
		out[(size_t)p * rows * (size_t)columns + i] = __float2bfloat16(
			row_of(x, p, (int)(i / (size_t)columns))[i % (size_t)columns]);
}

/* Room for n numbers; at least twice what there was, so that what is outgrown is little. */
static int grow(struct ebb_gpu_device *g, int which, size_t n)
{
	struct scratch **list = &g->fast->half[which], *more;

	if (*list && (*list)->n >= n)
		return 1;
	more = (struct scratch *)calloc(1, sizeof *more);
	if (more) {
		more->n = *list && 2 * (*list)->n > n ? 2 * (*list)->n : n;
		if (cudaMalloc((void **)&more->at, more->n * sizeof(__nv_bfloat16)) ==
		    cudaSuccess) {
			more->smaller = *list;
			*list = more;
			return 1;
		}
		cudaGetLastError();
		free(more);
	}
	ebb_cuda_fail(g, EBB_ENOMEM, "no device memory for %zu numbers in bf16", n);
	return 0;
}

/* An operand as the library shall read it: where it is, or rounded to bf16, rows close together. */
static const void *operand(struct ebb_gpu_device *g, int which, int P, int rows, int columns,
			   struct ebb_pop x, struct matrix *m)
{
	const size_t n = (size_t)P * (size_t)rows * (size_t)columns;
	__nv_bfloat16 *half;

	m->rows = (uint64_t)columns;
	m->columns = (uint64_t)rows;
	m->ld = x.ld;
	m->stride = (int64_t)x.member;
	if (g->precision != EBB_GPU_BF16)
		return x.at;
	if (!grow(g, which, n))
		return NULL;
	half = g->fast->half[which]->at;
	m->ld = columns;
	m->stride = (int64_t)rows * columns;
	round_kernel<<<dim3(blocks_for((size_t)rows * (size_t)columns, THREADS), (unsigned)P),
		       THREADS, 0, g->stream>>>(P, (size_t)rows, columns, x, half);
	ebb_cuda_launched(g, "rounding");
	return half;
}

static struct matrix output(int rows, int columns, struct ebb_pop y)
{
	struct matrix m;

	memset(&m, 0, sizeof m);
	m.rows = (uint64_t)columns;
	m.columns = (uint64_t)rows;
	m.ld = y.ld;
	m.stride = (int64_t)y.member;
	return m;
}

/* Does every column of every member begin on 16 bytes? */
static bool on_16(const void *at, const struct matrix *m, size_t element)
{
	return (uintptr_t)at % 16 == 0 && (size_t)m->ld * element % 16 == 0 &&
	       (size_t)m->stride * element % 16 == 0;
}

/* d = a' b' (+ c), letters in the library's columns. */
static void multiply(struct ebb_gpu_device *g, struct shape *s, const void *a, const void *b,
		     const float *c, float *d)
{
	const float one = 1.0f, beta = s->adds ? 1.0f : 0.0f;
	const size_t factor = s->precision == EBB_GPU_BF16 ? sizeof(__nv_bfloat16) : sizeof(float);
	struct plan *p;

	s->aligned = on_16(a, &s->a, factor) && on_16(b, &s->b, factor) &&
		     on_16(c, &s->c, sizeof(float)) && on_16(d, &s->d, sizeof(float));
	p = g->code == 0 ? plan_of(g, s) : NULL;

	if (p && g->fast->lt.cublasLtMatmul(g->fast->handle, p->what, &one, a, p->a, b, p->b, &beta,
					    c, p->c, d, p->d, &p->how.algo, g->fast->workspace,
					    WORKSPACE, g->stream) != CUBLAS_STATUS_SUCCESS)
		ebb_cuda_fail(g, EBB_ENODEV, "cuBLASLt fails a product of %llu x %llu",
			      (unsigned long long)s->d.rows, (unsigned long long)s->d.columns);
	ebb_cuda_launched(g, "cuBLASLt");
}

__global__ static void bias_kernel(int M, int N, struct ebb_pop bias, struct ebb_pop y)
{
	int p = (int)blockIdx.y;
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

	if (i < (size_t)M * (size_t)N)
		row_of(y, p, (int)(i / (size_t)N))[i % (size_t)N] +=
			row_of(bias, p, 0)[i % (size_t)N];
}

static void forward(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K, int flip,
		    struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		    struct ebb_pop residual)
{
	struct shape s;
	const void *a, *b;

	if (!worth_launching(g, P, (size_t)M.most * (size_t)N, "product"))
		return;
	memset(&s, 0, sizeof s); /* compared as bytes */
	s.P = P;
	s.precision = g->precision;
	s.flip_a = flip;
	s.adds = residual.at != NULL;
	a = operand(g, 0, P, flip ? N : K, flip ? K : N, w, &s.a);
	b = operand(g, 1, P, M.most, K, x, &s.b);
	s.d = output(M.most, N, y);
	s.c = residual.at ? output(M.most, N, residual) : s.d;
	multiply(g, &s, a, b, residual.at ? residual.at : y.at, y.at);
	if (!bias.at)
		return;
	bias_kernel<<<dim3(blocks_for((size_t)M.most * (size_t)N, THREADS), (unsigned)P), THREADS,
		      0, g->stream>>>(M.most, N, bias, y);
	ebb_cuda_launched(g, "bias");
}

void ebb_fast_nn(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		 struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		 struct ebb_pop residual)
{
	forward(g, P, M, N, K, 0, x, w, y, bias, residual);
}

void ebb_fast_nt(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		 struct ebb_pop x, struct ebb_pop w, struct ebb_pop y, struct ebb_pop bias,
		 struct ebb_pop residual)
{
	forward(g, P, M, N, K, 1, x, w, y, bias, residual);
}

/* Rows from the member's count on become zeros. */
__global__ static void tail_kernel(struct ebb_count M, int N, struct ebb_pop x)
{
	int p = (int)blockIdx.y;
	size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
	int row = (int)(i / (size_t)N);

	if (row < M.most && row >= rows_of(M, p))
		row_of(x, p, row)[i % (size_t)N] = 0.0f;
}

void ebb_fast_tn(struct ebb_gpu_device *g, int P, struct ebb_count M, int N, int K,
		 struct ebb_pop x, struct ebb_pop dy, struct ebb_pop dw)
{
	struct shape s;
	const void *a, *b;

	if (!worth_launching(g, P, (size_t)M.most * (size_t)N, "product"))
		return;
	if (M.of) {
		/* both factors: what nobody wrote may be no number */
		tail_kernel<<<dim3(blocks_for((size_t)M.most * (size_t)N, THREADS), (unsigned)P),
			      THREADS, 0, g->stream>>>(M, N, dy);
		tail_kernel<<<dim3(blocks_for((size_t)M.most * (size_t)K, THREADS), (unsigned)P),
			      THREADS, 0, g->stream>>>(M, K, x);
		ebb_cuda_launched(g, "tail");
	}
	memset(&s, 0, sizeof s);
	s.P = P;
	s.precision = g->precision;
	s.flip_b = 1;
	s.adds = 1;
	a = operand(g, 0, P, M.most, N, dy, &s.a);
	b = operand(g, 1, P, M.most, K, x, &s.b);
	s.c = s.d = output(K, N, dw);
	multiply(g, &s, a, b, dw.at, dw.at);
}
