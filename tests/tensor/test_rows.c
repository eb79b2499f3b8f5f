/* RMSNorm, RoPE, SwiGLU, embedding: instances agree, values and gradients match doubles. */
#include "common.h"

static const struct norm_shape {
	int M, groups, C;
} norm_shapes[] = {{1, 1, 1},  {2, 1, 5},  {3, 1, 16}, {5, 2, 8},
		   {4, 3, 24}, {7, 1, 33}, {2, 4, 32}, {3, 1, 100}};
#define N_NORM (sizeof norm_shapes / sizeof norm_shapes[0])

struct norm_case {
	struct norm_shape s;
	const float *weight; /* of the outputs in the loss */
	const double *x, *w; /* whichever is not varied    */
};

static double norm_loss(const struct norm_case *c, const double *x, const double *w)
{
	double loss = 0.0;
	int C = c->s.C;

	for (int i = 0; i < c->s.M * c->s.groups; i++) {
		double square = 0.0;

		for (int j = 0; j < C; j++)
			square += x[i * C + j] * x[i * C + j];
		for (int j = 0; j < C; j++)
			loss += (double)c->weight[i * C + j] * w[j] * x[i * C + j] /
				sqrt(square / C + 1e-6);
	}
	return loss;
}

static double norm_of_x(const double *x, void *ctx)
{
	struct norm_case *c = ctx;

	return norm_loss(c, x, c->w);
}

static double norm_of_w(const double *w, void *ctx)
{
	struct norm_case *c = ctx;

	return norm_loss(c, c->x, w);
}

static double *widen(const float *x, size_t n)
{
	double *y = doubles(n);

	for (size_t i = 0; i < n; i++)
		y[i] = (double)x[i];
	return y;
}

Test(rows, rmsnorm)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_NORM; i++) {
		struct norm_shape s = norm_shapes[i];
		int width = s.groups * s.C, ld = width + 3;
		size_t size = (size_t)s.M * ld, rows = (size_t)s.M * s.groups;
		float *x = noise(1, size, 1.0f), *w = noise(2, (size_t)s.C, 1.0f);
		float *dy = noise(3, size, 1.0f), *first[4] = {0};
		float *packed_x = filled((size_t)s.M * width, 0.0f);
		float *packed_dy = filled((size_t)s.M * width, 0.0f);
		double *dx_ref = doubles((size_t)s.M * width), *dw_ref = doubles((size_t)s.C);
		struct norm_case c = {.s = s, .weight = packed_dy};

		for (int m = 0; m < s.M; m++) {
			memcpy(packed_x + m * width, x + m * ld, (size_t)width * sizeof *x);
			memcpy(packed_dy + m * width, dy + m * ld, (size_t)width * sizeof *dy);
		}
		c.x = widen(packed_x, (size_t)s.M * width);
		c.w = widen(w, (size_t)s.C);
		differences(norm_of_x, &c, packed_x, (size_t)s.M * width, dx_ref);
		differences(norm_of_w, &c, w, (size_t)s.C, dw_ref);
		for (int k = 0; k < n; k++) {
			const struct ebb_ops *ops = &isa[k]->ops;
			float *y = filled(size, GUARD), *rstd = filled(rows, GUARD);
			float *dx = filled(size, GUARD), *dw = filled((size_t)s.C, 0.0f);
			float *sum = copy_of(x, size), *in_place = copy_of(dy, size);
			float *dw2 = filled((size_t)s.C, 0.0f);

			ops->rmsnorm_fwd(s.M, s.groups, s.C, 1e-6f, x, ld, w, y, ld, rstd);
			ops->rmsnorm_bwd(s.M, s.groups, s.C, x, ld, w, rstd, dy, ld, dx, ld, 0, dw);
			ops->rmsnorm_bwd(s.M, s.groups, s.C, x, ld, w, rstd, dy, ld, sum, ld, 1,
					 dw2);
			expect_same_bits("dw", dw, dw2, (size_t)s.C);
			ops->rmsnorm_bwd(s.M, s.groups, s.C, x, ld, w, rstd, in_place, ld, in_place,
					 ld, 0, dw2);
			for (int m = 0; m < s.M; m++) {
				expect_near("dx", dx + m * ld, dx_ref + m * width, (size_t)width,
					    3e-5);
				expect_same_bits("in place", in_place + m * ld, dx + m * ld,
						 (size_t)width);
				expect_value("gap of y", y + m * ld + width, 3, GUARD);
				expect_value("gap of dx", dx + m * ld + width, 3, GUARD);
				for (int j = 0; j < width; j++) {
					int at = m * ld + j, row = m * s.groups + j / s.C;

					cr_assert(sum[at] == x[at] + dx[at]);
					cr_assert(y[at] == x[at] * rstd[row] * w[j % s.C]);
				}
			}
			expect_near("dw", dw, dw_ref, (size_t)s.C, 3e-5);
			if (k == 0) {
				first[0] = y, first[1] = rstd, first[2] = dx, first[3] = dw;
				continue;
			}
			expect_same_bits(ops->name, y, first[0], size);
			expect_same_bits(ops->name, rstd, first[1], rows);
			expect_same_bits(ops->name, dx, first[2], size);
			expect_same_bits(ops->name, dw, first[3], (size_t)s.C);
		}
	}
}

Test(rows, value_head)
{
	static const int widths[] = {1, 5, 16, 33, 64, 100};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa), M = 5;

	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		int N = widths[i], ld = N + 3;
		size_t size = (size_t)M * ld;
		float *x = noise(1, size, 1.0f), *w = noise(2, (size_t)N, 1.0f), b = 0.3f;
		float *dy = noise(3, (size_t)M, 1.0f), *before = noise(4, size, 1.0f);
		float *first[4] = {0};
		double *y_ref = doubles((size_t)M), *dw_ref = doubles((size_t)N);
		double *dx_ref = doubles(size), db_ref[1] = {0.0};

		for (int m = 0; m < M; m++) {
			y_ref[m] = (double)b;
			db_ref[0] += (double)dy[m];
			for (int j = 0; j < N; j++) {
				y_ref[m] += (double)x[m * ld + j] * (double)w[j];
				dw_ref[j] += (double)dy[m] * (double)x[m * ld + j];
				dx_ref[m * ld + j] =
					(double)before[m * ld + j] + (double)dy[m] * (double)w[j];
			}
		}
		for (int k = 0; k < n; k++) {
			const struct ebb_ops *ops = &isa[k]->ops;
			float *y = filled((size_t)M, GUARD), *dx = copy_of(before, size);
			float *dw = filled((size_t)N, 0.0f), *db = filled(1, 0.0f);

			ops->value_fwd(M, N, x, ld, w, &b, y);
			ops->value_bwd(M, N, x, ld, w, dy, dx, ld, dw, db);
			expect_near("y", y, y_ref, (size_t)M, 1e-6);
			expect_near("dw", dw, dw_ref, (size_t)N, 1e-6);
			expect_near("db", db, db_ref, 1, 1e-6);
			for (int m = 0; m < M; m++) {
				expect_near("dx", dx + m * ld, dx_ref + m * ld, (size_t)N, 1e-6);
				expect_same_bits("gap of dx", dx + m * ld + N, before + m * ld + N,
						 3);
			}
			if (k == 0) {
				first[0] = y, first[1] = dx, first[2] = dw, first[3] = db;
				continue;
			}
			expect_same_bits(ops->name, y, first[0], (size_t)M);
			expect_same_bits(ops->name, dx, first[1], size);
			expect_same_bits(ops->name, dw, first[2], (size_t)N);
			expect_same_bits(ops->name, db, first[3], 1);
		}
	}
}

Test(rows, rope_turns_pairs_and_back)
{
	static const int widths[] = {2, 4, 10, 16, 24, 32, 34, 64, 80};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa), M = 5, heads = 3, positions = 11;

	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		int D = widths[i], half = D / 2, ld = heads * D + 4, position[] = {0, 10, 3, 3, 7};
		size_t size = (size_t)M * ld;
		float *cosine = filled((size_t)positions * half, 0.0f);
		float *sine = filled((size_t)positions * half, 0.0f);
		float *before = noise(1, size, 1.0f), *first = NULL;

		for (int p = 0; p < positions; p++)
			for (int j = 0; j < half; j++) {
				double angle = p * pow(10000.0, -2.0 * j / D);

				cosine[p * half + j] = (float)cos(angle);
				sine[p * half + j] = (float)sin(angle);
			}
		for (int k = 0; k < n; k++) {
			const struct ebb_ops *ops = &isa[k]->ops;
			float *x = copy_of(before, size), *turned;

			ops->rope(M, heads, D, x, ld, position, cosine, sine, 0);
			for (int m = 0; m < M; m++)
				for (int h = 0; h < heads; h++)
					for (int j = 0; j < half; j++) {
						double c = cosine[position[m] * half + j];
						double s = sine[position[m] * half + j];
						int at = m * ld + h * D + j;
						double a = before[at], b = before[at + half];

						cr_assert_float_eq(x[at], a * c - b * s, 1e-6);
						cr_assert_float_eq(x[at + half], a * s + b * c,
								   1e-6);
					}
			turned = copy_of(x, size);
			if (k == 0)
				first = turned;
			expect_same_bits(ops->name, turned, first, size);
			ops->rope(M, heads, D, x, ld, position, cosine, sine, 1);
			for (size_t j = 0; j < size; j++)
				cr_assert_float_eq(x[j], before[j], 1e-6);
			for (int m = 0; m < M; m++)
				expect_same_bits("gap", x + m * ld + heads * D,
						 before + m * ld + heads * D, 4);
		}
	}
}

static double swiglu_loss(const double *gu, void *ctx)
{
	const float *const *c = ctx; /* weights of the outputs; their number */
	int F = (int)c[1][0], M = (int)c[1][1];
	double loss = 0.0;

	for (int i = 0; i < M; i++)
		for (int j = 0; j < F; j++) {
			double g = gu[i * 2 * F + j], u = gu[i * 2 * F + F + j];

			loss += (double)c[0][i * F + j] * u * g / (1.0 + exp(-g));
		}
	return loss;
}

Test(rows, swiglu)
{
	static const int widths[] = {1, 8, 16, 23, 48, 100};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa), M = 3;

	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		int F = widths[i];
		size_t size = (size_t)M * F;
		float sizes[2] = {(float)F, (float)M};
		float *gu = noise(1, 2 * size, 6.0f), *dh = noise(2, size, 1.0f);
		float *first = NULL, *first_d = NULL;
		const float *ctx[2] = {dh, sizes};
		double *gradient = doubles(2 * size), *h_ref = doubles(size);

		differences(swiglu_loss, ctx, gu, 2 * size, gradient);
		for (int m = 0; m < M; m++)
			for (int j = 0; j < F; j++) {
				double g = gu[m * 2 * F + j];

				h_ref[m * F + j] = gu[m * 2 * F + F + j] * g / (1.0 + exp(-g));
			}
		for (int k = 0; k < n; k++) {
			const struct ebb_ops *ops = &isa[k]->ops;
			float *h = filled(size + 4, GUARD), *d = filled(2 * size + 4, GUARD);

			ops->swiglu_fwd(M, F, gu, h);
			ops->swiglu_bwd(M, F, gu, dh, d);
			expect_near("h", h, h_ref, size, 1e-6);
			expect_near("dgu", d, gradient, 2 * size, 1e-6);
			expect_value("behind h", h + size, 4, GUARD);
			expect_value("behind dgu", d + 2 * size, 4, GUARD);
			if (k == 0)
				first = h, first_d = d;
			expect_same_bits(ops->name, h, first, size);
			expect_same_bits(ops->name, d, first_d, 2 * size);
		}
	}
}

Test(rows, swiglu_far_out)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	float gu[8] = {-1e4f, -90.0f, 90.0f, 1e4f, 2.0f, 2.0f, 2.0f, 2.0f};
	float dh[4] = {1.0f, 1.0f, 1.0f, 1.0f}, h[4], d[8];

	for (int k = 0; k < n; k++) {
		isa[k]->ops.swiglu_fwd(1, 4, gu, h);
		cr_assert(h[0] == 0.0f && h[1] == 0.0f && h[2] == 180.0f && h[3] == 2e4f);
		isa[k]->ops.swiglu_bwd(1, 4, gu, dh, d);
		cr_assert(d[0] == 0.0f && d[1] == 0.0f && d[2] == 2.0f && d[3] == 2.0f);
	}
}

Test(rows, embedding)
{
	static const int widths[] = {1, 16, 24, 70};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa), V = 6, M = 7;
	int32_t token[] = {3, 0, 3, 5, 5, 3, 1};

	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		int C = widths[i];
		float *table = noise(1, (size_t)V * C, 1.0f), *dy = noise(2, (size_t)M * C, 1.0f);
		float *sum = noise(3, (size_t)V * C, 1.0f);

		for (int m = 0; m < M; m++)
			for (int c = 0; c < C; c++)
				sum[token[m] * C + c] += dy[m * C + c];
		for (int k = 0; k < n; k++) {
			float *y = filled((size_t)M * C + 1, GUARD),
			      *d = noise(3, (size_t)V * C, 1.0f);

			isa[k]->ops.embed_fwd(M, C, token, table, y);
			for (int m = 0; m < M; m++)
				expect_same_bits("row", y + m * C, table + token[m] * C, (size_t)C);
			expect_value("behind y", y + M * C, 1, GUARD);
			isa[k]->ops.embed_bwd(M, C, token, dy, d);
			expect_same_bits(isa[k]->ops.name, d, sum, (size_t)V * C);
		}
	}
}
