/* cuBLASLt by the book: three loops. */
#include "cublasLt.h"

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
	*handle = (cublasLtHandle_t)1;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t)
{
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *what, cublasComputeType_t compute,
					cudaDataType)
{
	*what = new emu_matmul{compute, CUBLAS_OP_N, CUBLAS_OP_N};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t what)
{
	delete what;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t what, int attribute,
					      const void *value, size_t bytes)
{
	memcpy(attribute == CUBLASLT_MATMUL_DESC_TRANSA ? &what->a : &what->b, value, bytes);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type,
					  uint64_t rows, uint64_t columns, int64_t ld)
{
	*layout = new emu_layout{type, rows, columns, ld, 0, 1};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
	delete layout;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, int attribute,
						const void *value, size_t bytes)
{
	if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
		memcpy(&layout->batch, value, bytes);
	else
		memcpy(&layout->stride, value, bytes);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *wish)
{
	*wish = NULL;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t)
{
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t, int, const void *,
						    size_t)
{
	return CUBLAS_STATUS_SUCCESS;
}

/* Do the shapes fit each other? The real library finds nothing where they do not. */
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t what,
					      cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
					      cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
					      cublasLtMatmulPreference_t, int,
					      cublasLtMatmulHeuristicResult_t *, int *found)
{
	const uint64_t m = what->a == CUBLAS_OP_N ? a->rows : a->columns;
	const uint64_t k = what->a == CUBLAS_OP_N ? a->columns : a->rows;
	const uint64_t l = what->b == CUBLAS_OP_N ? b->rows : b->columns;
	const uint64_t n = what->b == CUBLAS_OP_N ? b->columns : b->rows;

	*found = m == d->rows && n == d->columns && k == l && c->rows == m && c->columns == n &&
		 a->ld >= (int64_t)a->rows && b->ld >= (int64_t)b->rows &&
		 d->ld >= (int64_t)d->rows;
	return CUBLAS_STATUS_SUCCESS;
}

static float at(const void *base, const emu_layout &l, int32_t p, uint64_t i, uint64_t j, bool tf32)
{
	const size_t where = (size_t)(p * l.stride) + j * (size_t)l.ld + i;

	if (l.type == CUDA_R_16BF)
		return __bfloat162float(((const __nv_bfloat16 *)base)[where]);
	return tf32 ? __uint_as_float(__float_as_uint(((const float *)base)[where]) & 0xffffe000u)
		    : ((const float *)base)[where];
}

static void product(emu_matmul what, float beta, const void *a, emu_layout la, const void *b,
		    emu_layout lb, const void *c, emu_layout lc, float *d, emu_layout ld)
{
	const bool tf32 = what.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
	const uint64_t k = what.a == CUBLAS_OP_N ? la.columns : la.rows;

	for (int32_t p = 0; p < ld.batch; p++)
		for (uint64_t j = 0; j < ld.columns; j++)
			for (uint64_t i = 0; i < ld.rows; i++) {
				float sum = 0.0f;

				for (uint64_t r = 0; r < k; r++)
					sum += (what.a == CUBLAS_OP_N ? at(a, la, p, i, r, tf32)
								      : at(a, la, p, r, i, tf32)) *
					       (what.b == CUBLAS_OP_N ? at(b, lb, p, r, j, tf32)
								      : at(b, lb, p, j, r, tf32));
				if (beta != 0.0f)
					sum += at(c, lc, p, i, j, false);
				d[(size_t)(p * ld.stride) + j * (size_t)ld.ld + i] = sum;
			}
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t what, const void *,
			      const void *a, cublasLtMatrixLayout_t la, const void *b,
			      cublasLtMatrixLayout_t lb, const void *beta, const void *c,
			      cublasLtMatrixLayout_t lc, void *d, cublasLtMatrixLayout_t ld,
			      const cublasLtMatmulAlgo_t *, void *, size_t, cudaStream_t stream)
{
	const emu_matmul w = *what;
	const emu_layout A = *la, B = *lb, C = *lc, D = *ld;
	const float adds = *(const float *)beta;

	emu_launch(dim3(1), dim3(1), 0, stream,
		   [=]() { product(w, adds, a, A, b, B, c, C, (float *)d, D); });
	return CUBLAS_STATUS_SUCCESS;
}

void *emu_library()
{
	return (void *)1;
}

void *emu_function(const char *name)
{
#define X(function)                                                                                \
	if (strcmp(name, #function) == 0)                                                          \
		return (void *)function;
	X(cublasLtCreate)
	X(cublasLtDestroy)
	X(cublasLtMatmulDescCreate)
	X(cublasLtMatmulDescDestroy)
	X(cublasLtMatmulDescSetAttribute)
	X(cublasLtMatrixLayoutCreate)
	X(cublasLtMatrixLayoutDestroy)
	X(cublasLtMatrixLayoutSetAttribute)
	X(cublasLtMatmulPreferenceCreate)
	X(cublasLtMatmulPreferenceDestroy)
	X(cublasLtMatmulPreferenceSetAttribute)
	X(cublasLtMatmulAlgoGetHeuristic)
	X(cublasLtMatmul)
#undef X
	return NULL;
}
