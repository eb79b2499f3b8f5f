/* Slot sums, the global norm and AdamW. */
#include "common.h"

static const size_t lengths[] = {1, 15, 16, 17, 64, 1000};
#define N_LENGTHS (sizeof lengths / sizeof lengths[0])

Test(optim, slots_are_added_in_order)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	size_t stride = 1008;

	for (size_t i = 0; i < N_LENGTHS; i++) {
		for (int lanes = 1; lanes <= 5; lanes++) {
			float *lane = noise(1, stride * (size_t)lanes, 1.0f);
			float *plain = copy_of(lane, lengths[i]);

			for (int l = 1; l < lanes; l++)
				for (size_t j = 0; j < lengths[i]; j++)
					plain[j] += lane[(size_t)l * stride + j];
			for (int k = 0; k < n; k++) {
				float *g = filled(lengths[i] + 1, GUARD);

				isa[k]->ops.lane_sum(lengths[i], lanes, stride, lane, g);
				expect_same_bits(isa[k]->ops.name, g, plain, lengths[i]);
				expect_value("behind g", g + lengths[i], 1, GUARD);
			}
		}
	}
}

Test(optim, sum_of_squares)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_LENGTHS; i++) {
		float *g = noise(1, lengths[i], 1.0f);
		double lane[16] = {0}, plain = 0.0;

		for (size_t j = 0; j < lengths[i]; j++) {
			lane[j % 16] += (double)g[j] * (double)g[j];
			plain += (double)g[j] * (double)g[j];
		}
		for (int half = 8; half > 0; half /= 2)
			for (int j = 0; j < half; j++)
				lane[j] += lane[j + half];
		for (int k = 0; k < n; k++)
			cr_assert(isa[k]->ops.sum_squares(lengths[i], g) == lane[0]);
		cr_assert_float_eq(lane[0], plain, 1e-12 * plain);
	}
}

Test(optim, adamw)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	const double lr = 1e-2, b1 = 0.9, b2 = 0.99, eps = 1e-8, decay = 0.1, scale = 0.5;

	for (size_t i = 0; i < N_LENGTHS; i++) {
		size_t size = lengths[i];
		float *first = NULL, *w0 = noise(1, size, 1.0f);
		double *w = doubles(size), *m = doubles(size), *v = doubles(size);

		for (size_t j = 0; j < size; j++)
			w[j] = (double)w0[j];
		for (int t = 1; t <= 3; t++) {
			float *g = noise((uint32_t)(10 + t), size, 1.0f);

			for (size_t j = 0; j < size; j++) {
				double d = scale * (double)g[j];

				m[j] = b1 * m[j] + (1.0 - b1) * d;
				v[j] = b2 * v[j] + (1.0 - b2) * d * d;
				w[j] -= lr * (m[j] / (1.0 - pow(b1, t)) /
						      (sqrt(v[j] / (1.0 - pow(b2, t))) + eps) +
					      decay * w[j]);
			}
		}
		for (int k = 0; k < n; k++) {
			float *x = filled(size + 1, GUARD), *fm = filled(size, 0.0f);
			float *fv = filled(size, 0.0f);

			memcpy(x, w0, size * sizeof *x);
			for (int t = 1; t <= 3; t++)
				isa[k]->ops.adamw(size, x, noise((uint32_t)(10 + t), size, 1.0f),
						  fm, fv, (float)scale, (float)lr, (float)b1,
						  (float)b2, (float)(1.0 - pow(b1, t)),
						  (float)(1.0 - pow(b2, t)), (float)eps,
						  (float)decay);
			expect_near("w", x, w, size, 1e-6);
			expect_near("m", fm, m, size, 1e-6);
			expect_near("v", fv, v, size, 1e-6);
			expect_value("behind w", x + size, 1, GUARD);
			if (k == 0)
				first = x;
			expect_same_bits(isa[k]->ops.name, x, first, size);
		}
	}
}
