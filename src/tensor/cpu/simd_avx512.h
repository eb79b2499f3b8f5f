/* Sixteen floats in one AVX-512 register. The three simd_*.h define the same names; the meaning of
 * each is given once, in simd_scalar.h. */
#ifndef EBB_TENSOR_CPU_SIMD_H
#define EBB_TENSOR_CPU_SIMD_H

#include <immintrin.h>

#define ISA_NAME "avx512"
/* Accumulator tiles: 24 of the 32 registers, two or more rows a broadcast. */
#define GEMM_VECTORS      4
#define GEMM_ROWS_1       12
#define GEMM_ROWS_2       12
#define GEMM_ROWS_3       8
#define GEMM_ROWS_4       6
#define TN_VECTORS        2
#define TN_ROWS           12
#define ATTN_ROWS         8
#define ATTN_TILES        2
#define ATTN_VECTORS      2
#define ATTN_HEADS        4
#define PEAK_ACCUMULATORS 24

typedef __m512 v16;

static inline __mmask16 v_mask(int n)
{
	return (__mmask16)((1u << n) - 1);
}

static inline v16 v_zero(void)
{
	return _mm512_setzero_ps();
}

static inline v16 v_set1(float x)
{
	return _mm512_set1_ps(x);
}

static inline v16 v_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, v16 a)
{
	_mm512_storeu_ps(p, a);
}

static inline v16 v_load_n(const float *p, int n)
{
	return _mm512_maskz_loadu_ps(v_mask(n), p);
}

static inline v16 v_load_twice(const float *p)
{
	return _mm512_broadcast_f32x8(_mm256_loadu_ps(p));
}

static inline v16 v_swap(v16 a)
{
	return _mm512_shuffle_f32x4(a, a, 0x4e);
}

static inline void v_store_n(float *p, v16 a, int n)
{
	_mm512_mask_storeu_ps(p, v_mask(n), a);
}

static inline v16 v_fill(v16 a, int n, float fill)
{
	return _mm512_mask_mov_ps(_mm512_set1_ps(fill), v_mask(n), a);
}

static inline v16 v_add(v16 a, v16 b)
{
	return _mm512_add_ps(a, b);
}

static inline v16 v_sub(v16 a, v16 b)
{
	return _mm512_sub_ps(a, b);
}

static inline v16 v_mul(v16 a, v16 b)
{
	return _mm512_mul_ps(a, b);
}

static inline v16 v_div(v16 a, v16 b)
{
	return _mm512_div_ps(a, b);
}

static inline v16 v_sqrt(v16 a)
{
	return _mm512_sqrt_ps(a);
}

static inline v16 v_fma(v16 a, v16 b, v16 c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline v16 v_fnma(v16 a, v16 b, v16 c)
{
	return _mm512_fnmadd_ps(a, b, c);
}

static inline v16 v_max(v16 a, v16 b)
{
	return _mm512_max_ps(a, b);
}

static inline v16 v_select_lt(v16 a, v16 b, v16 yes, v16 no)
{
	return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}

static inline v16 v_exp2_magic(v16 t)
{
	__m512i n = _mm512_slli_epi32(_mm512_castps_si512(t), 23);

	return _mm512_castsi512_ps(_mm512_add_epi32(n, _mm512_set1_epi32(127 << 23)));
}

static inline float v_sum(v16 a)
{
	__m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
	__m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
	__m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));

	return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

static inline float v_hmax(v16 a)
{
	__m256 b = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
	__m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
	__m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));

	return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

static inline void v_transpose(v16 r[16])
{
	v16 s[16], t[16];

	for (int i = 0; i < 16; i += 2) {
		s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < 16; i += 4) {
		t[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
		t[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xee);
		t[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
		t[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xee);
	}
	for (int i = 0; i < 4; i++) {
		s[i] = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
		s[i + 4] = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
		s[i + 8] = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
		s[i + 12] = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
	}
	for (int i = 0; i < 8; i++) {
		r[i] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0x88);
		r[i + 8] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0xdd);
	}
}

/* Sixteen doubles. */
typedef struct {
	__m512d lo, hi;
} d16;

static inline d16 d_zero(void)
{
	return (d16){_mm512_setzero_pd(), _mm512_setzero_pd()};
}

static inline d16 d_add(d16 s, v16 a)
{
	__m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
	__m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));

	return (d16){_mm512_add_pd(s.lo, lo), _mm512_add_pd(s.hi, hi)};
}

static inline d16 d_add_square(d16 s, v16 a)
{
	__m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
	__m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));

	return (d16){_mm512_fmadd_pd(lo, lo, s.lo), _mm512_fmadd_pd(hi, hi, s.hi)};
}

static inline double d_sum(d16 s)
{
	__m512d a = _mm512_add_pd(s.lo, s.hi);
	__m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
	__m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));

	return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

#endif
