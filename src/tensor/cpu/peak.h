/* What the tests and the benchmark look at beside the operations. */
#ifndef EBB_TENSOR_CPU_PEAK_H
#define EBB_TENSOR_CPU_PEAK_H

static void exp_array(size_t n, const float *x, float *y)
{
	for (size_t i = 0; i < n; i += 16) {
		int count = n - i < 16 ? (int)(n - i) : 16;

		store_row(y + i, v_exp(load_row(x + i, count)), count);
	}
}

/* Independent chains of fused multiply-adds in registers; returns the number of flops. */
static double fma_loop(size_t rounds, float *result)
{
	v16 acc[PEAK_ACCUMULATORS], a = v_set1(0.5f), b = v_set1(1.0f), sum = v_zero();
	float start[16 * PEAK_ACCUMULATORS];

	for (int i = 0; i < 16 * PEAK_ACCUMULATORS; i++)
		start[i] = (float)i; /* all lanes different, or the compiler shares their work */
#pragma GCC unroll 24
	for (int i = 0; i < PEAK_ACCUMULATORS; i++)
		acc[i] = v_load(start + 16 * i);
	for (size_t n = 0; n < rounds; n++)
#pragma GCC unroll 24
		for (int i = 0; i < PEAK_ACCUMULATORS; i++)
			acc[i] = v_fma(acc[i], a, b);
#pragma GCC unroll 24
	for (int i = 0; i < PEAK_ACCUMULATORS; i++)
		sum = v_add(sum, acc[i]);
	*result = v_sum(sum);
	return 2.0 * 16.0 * PEAK_ACCUMULATORS * (double)rounds;
}

#endif
