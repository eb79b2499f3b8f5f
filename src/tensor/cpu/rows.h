/* Operations on rows of activations: column sums, RMSNorm, value head, RoPE, SwiGLU, embedding. */
#ifndef EBB_TENSOR_CPU_ROWS_H
#define EBB_TENSOR_CPU_ROWS_H

/* x[j..] with n floats left in the row; padding lanes are +0. */
static inline v16 load_row(const float *p, int n)
{
	return n >= 16 ? v_load(p) : v_load_n(p, n);
}

static inline void store_row(float *p, v16 a, int n)
{
	if (n >= 16)
		v_store(p, a);
	else
		v_store_n(p, a, n);
}

static void colsum(int M, int N, const float *dy, int ldy, float *db)
{
	for (int j = 0; j < N; j += 16) {
		v16 sum = load_row(db + j, N - j);

		for (int i = 0; i < M; i++)
			sum = v_add(sum, load_row(dy + (size_t)i * ldy + j, N - j));
		store_row(db + j, sum, N - j);
	}
}

static void rmsnorm_fwd(int M, int groups, int C, float eps, const float *x, int ldx,
			const float *w, float *y, int ldy, float *rstd)
{
	for (int i = 0; i < M; i++) {
		for (int g = 0; g < groups; g++) {
			const float *xi = x + (size_t)i * ldx + (size_t)g * C;
			float *yi = y + (size_t)i * ldy + (size_t)g * C;
			v16 square = v_zero(), scale;
			float r;

			for (int j = 0; j < C; j += 16) {
				v16 a = load_row(xi + j, C - j);

				square = v_fma(a, a, square);
			}
			r = 1.0f / sqrtf(v_sum(square) / (float)C + eps);
			rstd[(size_t)i * groups + g] = r;
			scale = v_set1(r);
			for (int j = 0; j < C; j += 16) {
				v16 a = v_mul(load_row(xi + j, C - j), scale);

				store_row(yi + j, v_mul(a, load_row(w + j, C - j)), C - j);
			}
		}
	}
}

/*
 * With n = x rstd and g = dy w:  dx = rstd (g - n mean(g n)),  dw += dy n.
 */
static void rmsnorm_bwd(int M, int groups, int C, const float *x, int ldx, const float *w,
			const float *rstd, const float *dy, int lddy, float *dx, int lddx, int add,
			float *dw)
{
	for (int i = 0; i < M; i++) {
		for (int g = 0; g < groups; g++) {
			const float *xi = x + (size_t)i * ldx + (size_t)g * C;
			const float *dyi = dy + (size_t)i * lddy + (size_t)g * C;
			float *dxi = dx + (size_t)i * lddx + (size_t)g * C;
			v16 scale = v_set1(rstd[(size_t)i * groups + g]), dot = v_zero(), mean;

			for (int j = 0; j < C; j += 16) {
				v16 n = v_mul(load_row(xi + j, C - j), scale);
				v16 grad = v_mul(load_row(dyi + j, C - j), load_row(w + j, C - j));

				dot = v_fma(grad, n, dot);
			}
			mean = v_set1(v_sum(dot) / (float)C);
			for (int j = 0; j < C; j += 16) {
				v16 n = v_mul(load_row(xi + j, C - j), scale);
				v16 d = load_row(dyi + j, C - j);
				v16 grad = v_mul(d, load_row(w + j, C - j));
				v16 out = v_mul(scale, v_fnma(n, mean, grad));

				if (add)
					out = v_add(load_row(dxi + j, C - j), out);
				store_row(dxi + j, out, C - j);
				store_row(dw + j, v_fma(d, n, load_row(dw + j, C - j)), C - j);
			}
		}
	}
}

static void value_fwd(int M, int N, const float *x, int ldx, const float *w, const float *b,
		      float *y)
{
	for (int i = 0; i < M; i++) {
		const float *xi = x + (size_t)i * ldx;
		v16 dot = v_zero();

		for (int j = 0; j < N; j += 16)
			dot = v_fma(load_row(xi + j, N - j), load_row(w + j, N - j), dot);
		y[i] = v_sum(dot) + *b;
	}
}

static void value_bwd(int M, int N, const float *x, int ldx, const float *w, const float *dy,
		      float *dx, int lddx, float *dw, float *db)
{
	for (int i = 0; i < M; i++) {
		const float *xi = x + (size_t)i * ldx;
		float *dxi = dx + (size_t)i * lddx;
		v16 g = v_set1(dy[i]);

		for (int j = 0; j < N; j += 16) {
			store_row(dxi + j,
				  v_fma(g, load_row(w + j, N - j), load_row(dxi + j, N - j)),
				  N - j);
			store_row(dw + j,
				  v_fma(g, load_row(xi + j, N - j), load_row(dw + j, N - j)),
				  N - j);
		}
		*db += dy[i];
	}
}

/* Heads of 16 are one register: both halves at once, the same bits as below. */
static void rope_16(int M, int heads, float *x, int ldx, const int *position, const float *cosine,
		    const float *sine, int inverse)
{
	const float s = inverse ? -1.0f : 1.0f;
	const float half_sign[16] = {-s, -s, -s, -s, -s, -s, -s, -s, s, s, s, s, s, s, s, s};
	const v16 sign = v_load(half_sign);

	for (int i = 0; i < M; i++) {
		const v16 ci = v_load_twice(cosine + (size_t)position[i] * 8);
		const v16 si = v_mul(sign, v_load_twice(sine + (size_t)position[i] * 8));
		float *xi = x + (size_t)i * ldx;

		for (int h = 0; h < heads; h++) {
			const v16 a = v_load(xi + (size_t)h * 16);

			v_store(xi + (size_t)h * 16, v_fma(v_swap(a), si, v_mul(a, ci)));
		}
	}
}

static void rope(int M, int heads, int D, float *x, int ldx, const int *position,
		 const float *cosine, const float *sine, int inverse)
{
	int half = D / 2;
	v16 sign = v_set1(inverse ? -1.0f : 1.0f);

	if (D == 16) {
		rope_16(M, heads, x, ldx, position, cosine, sine, inverse);
		return;
	}
	for (int i = 0; i < M; i++) {
		const float *ci = cosine + (size_t)position[i] * half;
		const float *si = sine + (size_t)position[i] * half;

		for (int j = 0; j < half; j += 16) {
			v16 c = load_row(ci + j, half - j);
			v16 s = v_mul(sign, load_row(si + j, half - j));

			for (int h = 0; h < heads; h++) {
				float *lo = x + (size_t)i * ldx + (size_t)h * D + j;
				float *hi = lo + half;
				v16 a = load_row(lo, half - j), b = load_row(hi, half - j);

				store_row(lo, v_fnma(b, s, v_mul(a, c)), half - j);
				store_row(hi, v_fma(a, s, v_mul(b, c)), half - j);
			}
		}
	}
}

/* 1/(1 + exp(-x)) and 1/(1 + exp(x)) from exp(-|x|), which cannot overflow. */
static inline v16 v_logistic(v16 x, v16 *other)
{
	v16 zero = v_zero(), one = v_set1(1.0f);
	v16 negative = v_sub(zero, x);
	v16 e = v_exp(v_select_lt(x, zero, x, negative));
	v16 big = v_div(one, v_add(one, e)), small = v_mul(e, big);

	*other = v_select_lt(x, zero, big, small);
	return v_select_lt(x, zero, small, big);
}

static void swiglu_fwd(int M, int F, const float *gu, float *h)
{
	for (int i = 0; i < M; i++) {
		const float *gate = gu + (size_t)i * 2 * F, *up = gate + F;

		for (int j = 0; j < F; j += 16) {
			v16 g = load_row(gate + j, F - j), rest;
			v16 silu = v_mul(g, v_logistic(g, &rest));

			store_row(h + (size_t)i * F + j, v_mul(silu, load_row(up + j, F - j)),
				  F - j);
		}
	}
}

/* d silu(g)/dg = s (1 + g (1 - s)), s the logistic function of g. */
static void swiglu_bwd(int M, int F, const float *gu, const float *dh, float *dgu)
{
	v16 one = v_set1(1.0f);

	for (int i = 0; i < M; i++) {
		const float *gate = gu + (size_t)i * 2 * F, *up = gate + F;
		float *dgate = dgu + (size_t)i * 2 * F, *dup = dgate + F;

		for (int j = 0; j < F; j += 16) {
			v16 g = load_row(gate + j, F - j), u = load_row(up + j, F - j);
			v16 d = load_row(dh + (size_t)i * F + j, F - j), rest;
			v16 s = v_logistic(g, &rest);
			v16 slope = v_mul(s, v_fma(g, rest, one));

			store_row(dgate + j, v_mul(v_mul(d, u), slope), F - j);
			store_row(dup + j, v_mul(d, v_mul(g, s)), F - j);
		}
	}
}

static void embed_fwd(int M, int C, const int32_t *token, const float *table, float *y)
{
	for (int i = 0; i < M; i++)
		memcpy(y + (size_t)i * C, table + (size_t)token[i] * C, (size_t)C * sizeof *y);
}

static void embed_bwd(int M, int C, const int32_t *token, const float *dy, float *dtable)
{
	for (int i = 0; i < M; i++) {
		float *row = dtable + (size_t)token[i] * C;

		for (int j = 0; j < C; j += 16)
			store_row(row + j,
				  v_add(load_row(row + j, C - j),
					load_row(dy + (size_t)i * C + j, C - j)),
				  C - j);
	}
}

#endif
