/*
 * Sixteen floats as an array: the specification of the vector operations, on any processor. The
 * compiler may vectorise these loops, since no operation crosses lanes but the two trees.
 */
#ifndef EBB_TENSOR_CPU_SIMD_H
#define EBB_TENSOR_CPU_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define ISA_NAME          "scalar"
#define GEMM_VECTORS      1
#define GEMM_ROWS_1       2
#define TN_VECTORS        1
#define TN_ROWS           2
#define ATTN_ROWS         2
#define ATTN_TILES        1
#define ATTN_VECTORS      1
#define ATTN_HEADS        1
#define PEAK_ACCUMULATORS 1

typedef struct {
	float f[16];
} v16;

#define V_EACH(expression)                                                                         \
	v16 v_result;                                                                              \
	for (int i = 0; i < 16; i++)                                                               \
		v_result.f[i] = (expression);                                                      \
	return v_result

static inline v16 v_zero(void)
{
	V_EACH(0.0f);
}

static inline v16 v_set1(float x)
{
	V_EACH(x);
}

static inline v16 v_load(const float *p)
{
	V_EACH(p[i]);
}

static inline void v_store(float *p, v16 a)
{
	for (int i = 0; i < 16; i++)
		p[i] = a.f[i];
}

/* The first n (0..16) lanes; the others are +0 and their memory is not touched. */
static inline v16 v_load_n(const float *p, int n)
{
	V_EACH(i < n ? p[i] : 0.0f);
}

/* Eight floats, twice. */
static inline v16 v_load_twice(const float *p)
{
	V_EACH(p[i & 7]);
}

/* Lanes 8..15 before lanes 0..7. */
static inline v16 v_swap(v16 a)
{
	V_EACH(a.f[i ^ 8]);
}

static inline void v_store_n(float *p, v16 a, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = a.f[i];
}

/* a in the first n (0..16) lanes, `fill` in the others. */
static inline v16 v_fill(v16 a, int n, float fill)
{
	V_EACH(i < n ? a.f[i] : fill);
}

static inline v16 v_add(v16 a, v16 b)
{
	V_EACH(a.f[i] + b.f[i]);
}

static inline v16 v_sub(v16 a, v16 b)
{
	V_EACH(a.f[i] - b.f[i]);
}

static inline v16 v_mul(v16 a, v16 b)
{
	V_EACH(a.f[i] * b.f[i]);
}

static inline v16 v_div(v16 a, v16 b)
{
	V_EACH(a.f[i] / b.f[i]);
}

static inline v16 v_sqrt(v16 a)
{
	V_EACH(sqrtf(a.f[i]));
}

/* a b + c, rounded once. */
static inline v16 v_fma(v16 a, v16 b, v16 c)
{
	V_EACH(__builtin_fmaf(a.f[i], b.f[i], c.f[i]));
}

/* c - a b, rounded once. */
static inline v16 v_fnma(v16 a, v16 b, v16 c)
{
	V_EACH(__builtin_fmaf(-a.f[i], b.f[i], c.f[i]));
}

/* b where the two are equal or one is not a number, as the x86 instruction has it. */
static inline v16 v_max(v16 a, v16 b)
{
	V_EACH(a.f[i] > b.f[i] ? a.f[i] : b.f[i]);
}

static inline v16 v_select_lt(v16 a, v16 b, v16 yes, v16 no)
{
	V_EACH(a.f[i] < b.f[i] ? yes.f[i] : no.f[i]);
}

/* 2^n for t = 1.5 * 2^23 + n, -126 <= n <= 127: n stands in the low bits of t. */
static inline v16 v_exp2_magic(v16 t)
{
	v16 result;

	for (int i = 0; i < 16; i++) {
		uint32_t n;

		memcpy(&n, &t.f[i], sizeof n);
		n = (n << 23) + (127u << 23);
		memcpy(&result.f[i], &n, sizeof n);
	}
	return result;
}

/* The tree of every sum along a row: l[i] += l[i+8], then +4, +2, +1. */
static inline float v_sum(v16 a)
{
	for (int half = 8; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			a.f[i] = a.f[i] + a.f[i + half];
	return a.f[0];
}

static inline float v_hmax(v16 a)
{
	for (int half = 8; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			a.f[i] = a.f[i] > a.f[i + half] ? a.f[i] : a.f[i + half];
	return a.f[0];
}

/* Rows become columns. */
static inline void v_transpose(v16 r[16])
{
	for (int i = 0; i < 16; i++) {
		for (int j = 0; j < i; j++) {
			float swap = r[i].f[j];

			r[i].f[j] = r[j].f[i];
			r[j].f[i] = swap;
		}
	}
}

/* Sixteen doubles: the global norm, the total weight of a draw. */
typedef struct {
	double f[16];
} d16;

static inline d16 d_zero(void)
{
	return (d16){{0.0}};
}

static inline d16 d_add(d16 s, v16 a)
{
	for (int i = 0; i < 16; i++)
		s.f[i] += (double)a.f[i];
	return s;
}

/* s + a^2 a lane; the product of two floats is exact in double, so fused or not is the same. */
static inline d16 d_add_square(d16 s, v16 a)
{
	for (int i = 0; i < 16; i++)
		s.f[i] += (double)a.f[i] * (double)a.f[i];
	return s;
}

static inline double d_sum(d16 s)
{
	for (int half = 8; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			s.f[i] += s.f[i + half];
	return s.f[0];
}

#undef V_EACH

#endif
