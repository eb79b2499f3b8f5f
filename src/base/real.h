/*
 * exp, expm1, log and cosine whose bits depend on nothing but their argument: no libm, no contraction, plain
 * IEEE double operations in the common subset of C and CUDA C++ (compile with -ffp-contract=off or
 * -fmad=false). Error below 1 ulp over the whole range; exp(-inf) = 0, log(0) = -inf, NaN stays.
 */
#ifndef EBB_BASE_REAL_H
#define EBB_BASE_REAL_H

#ifdef __CUDACC__
#define EBB_HD __host__ __device__ static inline
#else
#define EBB_HD static inline
#endif

#include <stdint.h>
#include <string.h>
#include <math.h>

EBB_HD double ebb_real_of_bits(uint64_t u)
{
	double x;

	memcpy(&x, &u, sizeof x);
	return x;
}

EBB_HD uint64_t ebb_bits_of_real(double x)
{
	uint64_t u;

	memcpy(&u, &x, sizeof u);
	return u;
}

/* exp(r) - 1 for |r| <= ln2/2: the rational form of FreeBSD's e_exp.c (Sun Microsystems, 1993). */
EBB_HD double ebb_exp(double x)
{
	const double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
	const double p1 = 1.66666666666666019037e-01, p2 = -2.77777777770155933842e-03,
		     p3 = 6.61375632143793436117e-05, p4 = -1.65339022054652515390e-06,
		     p5 = 4.13813679705723846039e-08;
	double k, hi, lo, r, t, c, y;
	int n;

	if (x != x)
		return x;
	if (x > 709.782712893383973096)
		return (double)INFINITY;
	if (x < -745.133219101941108420)
		return 0.0;
	k = floor(x * 1.44269504088896338700 + 0.5);
	hi = x - k * ln2_hi;
	lo = k * ln2_lo;
	r = hi - lo;
	t = r * r;
	c = r - t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))));
	y = 1.0 + (r * c / (2.0 - c) - lo + hi);
	n = (int)k;
	if (n < -1021) /* subnormal: scale twice */
		return y * ebb_real_of_bits((uint64_t)(n + 1023 + 200) << 52) *
		       ebb_real_of_bits((uint64_t)(1023 - 200) << 52);
	if (n > 1023)
		return y * 2.0 * ebb_real_of_bits((uint64_t)(n - 1 + 1023) << 52);
	return y * ebb_real_of_bits((uint64_t)(n + 1023) << 52);
}

/* log by the series in s = f/(2+f) of FreeBSD's e_log.c (Sun Microsystems, 1993). */
EBB_HD double ebb_log(double x)
{
	const double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
	const double l1 = 6.666666666666735130e-01, l2 = 3.999999999940941908e-01,
		     l3 = 2.857142874366239149e-01, l4 = 2.222219843214978396e-01,
		     l5 = 1.818357216161805012e-01, l6 = 1.531383769920937332e-01,
		     l7 = 1.479819860511658591e-01;
	uint64_t u;
	double k = 0.0, f, s, z, w, r, h, m;

	if (x != x || x == (double)INFINITY)
		return x;
	if (x == 0.0)
		return -(double)INFINITY;
	if (x < 0.0)
		return (double)NAN;
	if (x < 2.2250738585072014e-308) {
		x *= 18014398509481984.0; /* 2^54 */
		k = -54.0;
	}
	u = ebb_bits_of_real(x);
	k += (double)((int)(u >> 52) - 1023);
	m = ebb_real_of_bits((u & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
	if (m > 1.41421356237309504880) {
		m *= 0.5;
		k += 1.0;
	}
	f = m - 1.0;
	s = f / (2.0 + f);
	z = s * s;
	w = z * z;
	r = z * (l1 + w * (l3 + w * (l5 + w * l7))) + w * (l2 + w * (l4 + w * l6));
	h = 0.5 * f * f;
	return k * ln2_hi - ((h - (s * (h + r) + k * ln2_lo)) - f);
}

/* exp(x) - 1 without cancellation: (e - 1) x / log(e), W. Kahan's identity. */
EBB_HD double ebb_expm1(double x)
{
	double e;

	if (x != x)
		return x;
	if (x < -40.0)
		return -1.0;
	if (x > 1.0 || x < -1.0)
		return ebb_exp(x) - 1.0;
	e = ebb_exp(x);
	if (e == 1.0)
		return x;
	if (e - 1.0 == -1.0)
		return -1.0;
	return (e - 1.0) * x / ebb_log(e);
}

/* cos(2 pi x) for x in [0, 1]: reduced to an eighth of the circle, then a Taylor series whose
 * remainder is below 1e-17. */
EBB_HD double ebb_cos_turn(double x)
{
	const double two_pi = 6.283185307179586;
	double y, t, sign = 1.0;

	x = x > 0.5 ? 1.0 - x : x; /* even */
	if (x > 0.25) {
		x = 0.5 - x;
		sign = -1.0;
	}
	if (x > 0.125) { /* cos(2 pi x) = sin(2 pi (1/4 - x)) */
		y = two_pi * (0.25 - x);
		t = y * y;
		y *= 1 - t / 6 * (1 - t / 20 * (1 - t / 42 * (1 - t / 72 *
		     (1 - t / 110 * (1 - t / 156 * (1 - t / 210))))));
		return sign * y;
	}
	y = two_pi * x;
	t = y * y;
	return sign * (1 - t / 2 * (1 - t / 12 * (1 - t / 30 * (1 - t / 56 * (1 - t / 90 *
		       (1 - t / 132 * (1 - t / 182 * (1 - t / 240))))))));
}

EBB_HD double ebb_min(double a, double b)
{
	return a < b ? a : b;
}

EBB_HD double ebb_max(double a, double b)
{
	return a > b ? a : b;
}

EBB_HD double ebb_clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

#endif
