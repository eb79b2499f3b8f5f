/* Matrix products: the same bits whatever the instance, the number of rows and their place. */
#include "common.h"

static const struct shape {
	int M, N, K;
} shapes[] = {
	{1, 1, 1},    {2, 3, 5},     {3, 16, 16},  {5, 17, 7},    {6, 64, 64},  {7, 24, 32},
	{13, 32, 48}, {16, 48, 31},  {37, 65, 64}, {9, 80, 12},   {25, 96, 33}, {4, 112, 128},
	{12, 127, 3}, {48, 128, 16}, {31, 200, 1}, {64, 192, 64},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

/* ld wider than the row, a bias, a residual; y is compared with its gap. */
static float *run_gemm(const struct ebb_ops *ops, struct shape s, int transpose, int with_bias,
		       int with_residual)
{
	int ldx = s.K + 3, ldy = s.N + 5;
	float *x = noise(1, (size_t)s.M * ldx, 1.0f), *w = noise(2, (size_t)s.K * s.N, 1.0f);
	float *bias = noise(3, (size_t)s.N, 1.0f), *residual = noise(4, (size_t)s.M * ldy, 1.0f);
	float *panel = filled(ops->panel_floats(s.K, s.N), NAN),
	      *y = filled((size_t)s.M * ldy, GUARD);

	ops->pack(s.K, s.N, w, transpose, panel);
	ops->gemm(s.M, s.N, s.K, x, ldx, panel, y, ldy, with_bias ? bias : NULL,
		  with_residual ? residual : NULL);
	return y;
}

/* The specification itself: fmaf in ascending k from +0. */
static float *gemm_plain(struct shape s, int transpose, int with_bias, int with_residual)
{
	int ldx = s.K + 3, ldy = s.N + 5;
	float *x = noise(1, (size_t)s.M * ldx, 1.0f), *w = noise(2, (size_t)s.K * s.N, 1.0f);
	float *bias = noise(3, (size_t)s.N, 1.0f), *residual = noise(4, (size_t)s.M * ldy, 1.0f);
	float *y = filled((size_t)s.M * ldy, GUARD);

	for (int m = 0; m < s.M; m++) {
		for (int n = 0; n < s.N; n++) {
			float acc = 0.0f;

			for (int k = 0; k < s.K; k++)
				acc = fmaf(x[m * ldx + k],
					   transpose ? w[n * s.K + k] : w[k * s.N + n], acc);
			if (with_bias)
				acc += bias[n];
			if (with_residual)
				acc += residual[m * ldy + n];
			y[m * ldy + n] = acc;
		}
	}
	return y;
}

Test(gemm, is_a_chain_of_fmaf_on_every_instance)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_SHAPES; i++) {
		for (int variant = 0; variant < 8; variant++) {
			int t = variant & 1, b = variant >> 1 & 1, r = variant >> 2;
			float *plain = gemm_plain(shapes[i], t, b, r);

			for (int k = 0; k < n; k++)
				expect_same_bits(isa[k]->ops.name,
						 run_gemm(&isa[k]->ops, shapes[i], t, b, r), plain,
						 (size_t)shapes[i].M * (shapes[i].N + 5));
		}
	}
}

Test(gemm, a_row_does_not_depend_on_its_company)
{
	static const int counts[] = {1, 2, 3, 4, 5, 7, 8, 11, 12, 16, 37, 256};
	static const int widths[] = {16, 24, 32, 48, 64, 100, 192};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa), K = 40, M = 300;

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;

		for (size_t v = 0; v < sizeof widths / sizeof widths[0]; v++) {
			int N = widths[v];
			float *x = noise(5, (size_t)M * K, 1.0f),
			      *w = noise(6, (size_t)K * N, 1.0f);
			float *panel = filled(ops->panel_floats(K, N), NAN);
			float *all = filled((size_t)M * N, GUARD),
			      *y = filled((size_t)M * N, GUARD);

			ops->pack(K, N, w, 0, panel);
			ops->gemm(M, N, K, x, K, panel, all, N, NULL, NULL);
			for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
				for (int offset = 0; offset <= 37; offset += 37) {
					ops->gemm(counts[c], N, K, x + offset * K, K, panel, y, N,
						  NULL, NULL);
					expect_same_bits(ops->name, y, all + offset * N,
							 (size_t)counts[c] * N);
				}
			}
		}
	}
}

Test(gemm, residual_may_be_the_output)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa), M = 9, N = 40, K = 17;

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;
		float *x = noise(1, (size_t)M * K, 1.0f), *w = noise(2, (size_t)K * N, 1.0f);
		float *y = noise(3, (size_t)M * N, 1.0f), *out = filled((size_t)M * N, GUARD);
		float *panel = filled(ops->panel_floats(K, N), NAN);

		ops->pack(K, N, w, 0, panel);
		ops->gemm(M, N, K, x, K, panel, out, N, NULL, y);
		ops->gemm(M, N, K, x, K, panel, y, N, NULL, y);
		expect_same_bits(ops->name, y, out, (size_t)M * N);
	}
}

Test(gemm, weight_gradient_continues_in_token_order)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_SHAPES; i++) {
		struct shape s = shapes[i];
		int ldx = s.K + 2, ldy = s.N + 1, ldw = s.N + 4;
		float *x = noise(1, (size_t)s.M * ldx, 1.0f),
		      *dy = noise(2, (size_t)s.M * ldy, 1.0f);
		float *plain = noise(3, (size_t)s.K * ldw, 1.0f);
		float *sum = noise(4, (size_t)s.N, 1.0f);

		for (int k = 0; k < s.K; k++)
			for (int j = 0; j < s.N; j++)
				for (int m = 0; m < s.M; m++)
					plain[k * ldw + j] = fmaf(x[m * ldx + k], dy[m * ldy + j],
								  plain[k * ldw + j]);
		for (int m = 0; m < s.M; m++)
			for (int j = 0; j < s.N; j++)
				sum[j] += dy[m * ldy + j];
		for (int k = 0; k < n; k++) {
			const struct ebb_ops *ops = &isa[k]->ops;
			float *dw = noise(3, (size_t)s.K * ldw, 1.0f),
			      *db = noise(4, (size_t)s.N, 1.0f);
			int cut = s.M / 3;

			/* Two calls on parts of the tokens are one call on all. */
			ops->gemm_tn(cut, s.N, s.K, x, ldx, dy, ldy, dw, ldw);
			ops->gemm_tn(s.M - cut, s.N, s.K, x + cut * ldx, ldx, dy + cut * ldy, ldy,
				     dw, ldw);
			expect_same_bits(ops->name, dw, plain, (size_t)s.K * ldw);
			ops->colsum(s.M, s.N, dy, ldy, db);
			expect_same_bits(ops->name, db, sum, (size_t)s.N);
		}
	}
}
