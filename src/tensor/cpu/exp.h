/*
 * exp of sixteen floats for arguments at most 0 (softmax, logistic function): Cody and Waite's
 * reduction x = n ln2 + r with n rounded by a magic constant, |r| <= ln2/2, and
 * e^r = 1 + r + r^2 P(r), P minimax of degree 4 in relative error (3.1e-9). Below -87, where the
 * result would soon be subnormal and slow, it is exactly 0. NaN stays NaN.
 */
#ifndef EBB_TENSOR_CPU_EXP_H
#define EBB_TENSOR_CPU_EXP_H

static inline v16 v_exp(v16 x)
{
	const v16 magic = v_set1(0x1.8p23f);
	v16 t = v_fma(x, v_set1(0x1.715476p+0f), magic);
	v16 n = v_sub(t, magic);
	v16 r = v_fnma(n, v_set1(0x1.62e43p-1f), x);
	v16 p = v_set1(0x1.6a23cep-10f);

	r = v_fnma(n, v_set1(-0x1.05c61p-29f), r);
	p = v_fma(p, r, v_set1(0x1.123a2p-7f));
	p = v_fma(p, r, v_set1(0x1.5558f2p-5f));
	p = v_fma(p, r, v_set1(0x1.555492p-3f));
	p = v_fma(p, r, v_set1(0x1.fffffcp-2f));
	p = v_fma(v_mul(r, r), p, r);
	p = v_add(p, v_set1(1.0f));
	return v_select_lt(x, v_set1(-87.0f), v_zero(), v_mul(p, v_exp2_magic(t)));
}

#endif
