/* The exponential inside softmax and SwiGLU, and what the processor selection says. */
#include "common.h"

Test(exp, is_within_one_ulp_down_to_minus_87)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	enum { POINTS = 1 << 18 };
	float *x = filled(POINTS, 0.0f), *first = filled(POINTS, 0.0f), *y = filled(POINTS, 0.0f);
	double worst = 0.0;

	for (int i = 0; i < POINTS; i++) /* half of them dense near 0 */
		x[i] = i % 2 ? -87.0f * (float)i / POINTS
			     : -ldexpf(1.0f + (float)i / POINTS, -(i % 60) / 2);
	isa[0]->exp(POINTS, x, first);
	for (int i = 0; i < POINTS; i++) {
		double exact = exp((double)x[i]), ulp = ldexp(1.0, ilogb(exact) - 23);

		worst = fmax(worst, fabs((double)first[i] - exact) / ulp);
	}
	cr_log_info("largest error of exp: %.3f ulp", worst);
	cr_assert(worst < 1.0, "%g ulp", worst);
	for (int k = 1; k < n; k++) {
		isa[k]->exp(POINTS, x, y);
		expect_same_bits(isa[k]->ops.name, y, first, POINTS);
	}
}

Test(exp, edges)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	float x[] = {0.0f, -0.0f, -INFINITY, -1e30f, -88.0f, -87.00001f, -87.0f, NAN}, y[8];

	for (int k = 0; k < n; k++) {
		isa[k]->exp(8, x, y);
		cr_assert(y[0] == 1.0f && y[1] == 1.0f);
		for (int i = 2; i < 6; i++)
			cr_assert(y[i] == 0.0f && !signbit(y[i]), "exp(%g) = %g", (double)x[i],
				  (double)y[i]);
		cr_assert(y[6] > 1.17549435e-38f && isnan(y[7]));
	}
}

Test(selection, by_name)
{
	struct ebb_err err = EBB_ERR_INIT;
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	cr_assert(ebb_cpu_ops("auto", &err) == &isa[0]->ops);
	for (int k = 0; k < n; k++) {
		cr_assert(ebb_cpu_ops(isa[k]->ops.name, &err) == &isa[k]->ops);
		cr_assert(ebb_cpu_peak_flops(&isa[k]->ops) > 0.0);
	}
	cr_assert(err.code == EBB_OK);
	cr_assert(ebb_cpu_ops("sse9", &err) == NULL);
	cr_assert(err.code == EBB_ENODEV && strstr(err.text, "'sse9'") &&
		  strstr(err.text, "scalar"));
}
