/* Sixteen floats in two AVX2 registers. The three simd_*.h define the same names; the meaning of
 * each is given once, in simd_scalar.h. */
#ifndef EBB_TENSOR_CPU_SIMD_H
#define EBB_TENSOR_CPU_SIMD_H

#include <immintrin.h>

#define ISA_NAME "avx2"
/* Accumulator tiles: 12 of the 16 registers. */
#define GEMM_VECTORS      1
#define GEMM_ROWS_1       6
#define TN_VECTORS        1
#define TN_ROWS           6
#define ATTN_ROWS         4
#define ATTN_TILES        1
#define ATTN_VECTORS      1
#define ATTN_HEADS        2
#define PEAK_ACCUMULATORS 5

typedef struct {
	__m256 lo, hi;
} v16;

static inline __m256i v_mask8(int n)
{
	static const int window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

	n = n < 0 ? 0 : n > 8 ? 8 : n;
	return _mm256_loadu_si256((const __m256i *)(window + 8 - n));
}

static inline v16 v_zero(void)
{
	return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline v16 v_set1(float x)
{
	return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline v16 v_load(const float *p)
{
	return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline void v_store(float *p, v16 a)
{
	_mm256_storeu_ps(p, a.lo);
	_mm256_storeu_ps(p + 8, a.hi);
}

static inline v16 v_load_n(const float *p, int n)
{
	return (v16){_mm256_maskload_ps(p, v_mask8(n)),
		     n > 8 ? _mm256_maskload_ps(p + 8, v_mask8(n - 8)) : _mm256_setzero_ps()};
}

static inline v16 v_load_twice(const float *p)
{
	return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p)};
}

static inline v16 v_swap(v16 a)
{
	return (v16){a.hi, a.lo};
}

static inline void v_store_n(float *p, v16 a, int n)
{
	_mm256_maskstore_ps(p, v_mask8(n), a.lo);
	if (n > 8)
		_mm256_maskstore_ps(p + 8, v_mask8(n - 8), a.hi);
}

static inline v16 v_fill(v16 a, int n, float fill)
{
	__m256 f = _mm256_set1_ps(fill);

	return (v16){_mm256_blendv_ps(f, a.lo, _mm256_castsi256_ps(v_mask8(n))),
		     _mm256_blendv_ps(f, a.hi, _mm256_castsi256_ps(v_mask8(n - 8)))};
}

static inline v16 v_add(v16 a, v16 b)
{
	return (v16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

static inline v16 v_sub(v16 a, v16 b)
{
	return (v16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

static inline v16 v_mul(v16 a, v16 b)
{
	return (v16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

static inline v16 v_div(v16 a, v16 b)
{
	return (v16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

static inline v16 v_sqrt(v16 a)
{
	return (v16){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}

static inline v16 v_fma(v16 a, v16 b, v16 c)
{
	return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

static inline v16 v_fnma(v16 a, v16 b, v16 c)
{
	return (v16){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}

static inline v16 v_max(v16 a, v16 b)
{
	return (v16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

static inline v16 v_select_lt(v16 a, v16 b, v16 yes, v16 no)
{
	return (v16){
		_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
		_mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)),
	};
}

static inline __m256 v_exp2_magic8(__m256 t)
{
	__m256i n = _mm256_slli_epi32(_mm256_castps_si256(t), 23);

	return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(127 << 23)));
}

static inline v16 v_exp2_magic(v16 t)
{
	return (v16){v_exp2_magic8(t.lo), v_exp2_magic8(t.hi)};
}

static inline float v_sum(v16 a)
{
	__m256 b = _mm256_add_ps(a.lo, a.hi);
	__m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
	__m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));

	return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

static inline float v_hmax(v16 a)
{
	__m256 b = _mm256_max_ps(a.lo, a.hi);
	__m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
	__m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));

	return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

static inline void v_transpose8(__m256 r[8])
{
	__m256 s[8], t[8];

	for (int i = 0; i < 8; i += 2) {
		s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
		s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		t[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
		t[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
		t[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
		t[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
	}
	for (int i = 0; i < 4; i++) {
		r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
		r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
	}
}

static inline void v_transpose(v16 r[16])
{
	__m256 q[4][8]; /* the quarters: upper left, upper right, lower left, lower right */

	for (int i = 0; i < 8; i++) {
		q[0][i] = r[i].lo;
		q[1][i] = r[i].hi;
		q[2][i] = r[i + 8].lo;
		q[3][i] = r[i + 8].hi;
	}
	for (int i = 0; i < 4; i++)
		v_transpose8(q[i]);
	for (int i = 0; i < 8; i++) {
		r[i] = (v16){q[0][i], q[2][i]};
		r[i + 8] = (v16){q[1][i], q[3][i]};
	}
}

/* Sixteen doubles. */
typedef struct {
	__m256d d[4];
} d16;

static inline d16 d_zero(void)
{
	__m256d z = _mm256_setzero_pd();

	return (d16){{z, z, z, z}};
}

static inline d16 d_add(d16 s, v16 a)
{
	s.d[0] = _mm256_add_pd(s.d[0], _mm256_cvtps_pd(_mm256_castps256_ps128(a.lo)));
	s.d[1] = _mm256_add_pd(s.d[1], _mm256_cvtps_pd(_mm256_extractf128_ps(a.lo, 1)));
	s.d[2] = _mm256_add_pd(s.d[2], _mm256_cvtps_pd(_mm256_castps256_ps128(a.hi)));
	s.d[3] = _mm256_add_pd(s.d[3], _mm256_cvtps_pd(_mm256_extractf128_ps(a.hi, 1)));
	return s;
}

static inline d16 d_add_square(d16 s, v16 a)
{
	__m256d x[4] = {
		_mm256_cvtps_pd(_mm256_castps256_ps128(a.lo)),
		_mm256_cvtps_pd(_mm256_extractf128_ps(a.lo, 1)),
		_mm256_cvtps_pd(_mm256_castps256_ps128(a.hi)),
		_mm256_cvtps_pd(_mm256_extractf128_ps(a.hi, 1)),
	};

	for (int i = 0; i < 4; i++)
		s.d[i] = _mm256_fmadd_pd(x[i], x[i], s.d[i]);
	return s;
}

static inline double d_sum(d16 s)
{
	__m256d b = _mm256_add_pd(_mm256_add_pd(s.d[0], s.d[2]), _mm256_add_pd(s.d[1], s.d[3]));
	__m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));

	return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

#endif
