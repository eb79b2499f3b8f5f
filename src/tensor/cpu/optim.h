/* Sums over gradient slots, the global norm, and AdamW. */
#ifndef EBB_TENSOR_CPU_OPTIM_H
#define EBB_TENSOR_CPU_OPTIM_H

static void lane_sum(size_t n, int lanes, size_t stride, const float *lane, float *g)
{
	for (size_t i = 0; i < n; i += 16) {
		int count = n - i < 16 ? (int)(n - i) : 16;
		v16 sum = load_row(lane + i, count);

		for (int l = 1; l < lanes; l++)
			sum = v_add(sum, load_row(lane + (size_t)l * stride + i, count));
		store_row(g + i, sum, count);
	}
}

static double sum_squares(size_t n, const float *g)
{
	d16 sum = d_zero();

	for (size_t i = 0; i < n; i += 16)
		sum = d_add_square(sum, load_row(g + i, n - i < 16 ? (int)(n - i) : 16));
	return d_sum(sum);
}

static void adamw(size_t n, float *w, const float *g, float *m, float *v, float scale, float lr,
		  float b1, float b2, float c1, float c2, float eps, float decay)
{
	v16 beta1 = v_set1(b1), rest1 = v_set1(1.0f - b1), beta2 = v_set1(b2),
	    rest2 = v_set1(1.0f - b2);
	v16 inv1 = v_set1(1.0f / c1), inv2 = v_set1(1.0f / c2);

	for (size_t i = 0; i < n; i += 16) {
		int count = n - i < 16 ? (int)(n - i) : 16;
		v16 grad = v_mul(load_row(g + i, count), v_set1(scale));
		v16 mi = v_fma(beta1, load_row(m + i, count), v_mul(rest1, grad));
		v16 vi = v_fma(beta2, load_row(v + i, count), v_mul(v_mul(rest2, grad), grad));
		v16 wi = load_row(w + i, count);
		v16 root = v_add(v_sqrt(v_mul(vi, inv2)), v_set1(eps));
		v16 step = v_fma(v_set1(decay), wi, v_div(v_mul(mi, inv1), root));

		store_row(m + i, mi, count);
		store_row(v + i, vi, count);
		store_row(w + i, v_fnma(v_set1(lr), step, wi), count);
	}
}

#endif
