/*
 * The head: log-probability, exact entropy and KL of a row of logits, and their gradient. Every
 * probability is p_j = exp(log p_j) with log p_j = (z_j - max z) - log sum exp(z - max z), here, in
 * the gradient and in draw.h, so that the sampler's log-probabilities are the trainer's, bit for
 * bit.
 */
#ifndef EBB_TENSOR_CPU_HEAD_H
#define EBB_TENSOR_CPU_HEAD_H

#include "base/real.h"

struct head_norm {
	float top;     /* max z                    */
	float log_sum; /* log sum exp (z - max z)  */
};

/* z of sixteen logits from j on; padding lanes hold -inf, whose exp is an exact 0. */
static inline v16 head_z(const float *logits, int j, int V, v16 inv_tau)
{
	if (V - j >= 16)
		return v_mul(v_load(logits + j), inv_tau);
	return v_fill(v_mul(v_load_n(logits + j, V - j), inv_tau), V - j, -INFINITY);
}

static inline struct head_norm head_normalise(int V, const float *logits, float inv_tau)
{
	v16 scale = v_set1(inv_tau), best = v_set1(-INFINITY), sum = v_zero(), top;
	struct head_norm norm;

	for (int j = 0; j < V; j += 16)
		best = v_max(best, head_z(logits, j, V, scale));
	norm.top = v_hmax(best);
	top = v_set1(norm.top);
	for (int j = 0; j < V; j += 16)
		sum = v_add(sum, v_exp(v_sub(head_z(logits, j, V, scale), top)));
	norm.log_sum = (float)ebb_log((double)v_sum(sum));
	return norm;
}

static inline v16 head_logp(v16 z, struct head_norm norm)
{
	return v_sub(v_sub(z, v_set1(norm.top)), v_set1(norm.log_sum));
}

static inline float head_logp_of(float logit, float inv_tau, struct head_norm norm)
{
	return (logit * inv_tau - norm.top) - norm.log_sum;
}

/* x where p > 0, else +0, so that p x is 0 where x is infinite (0 log 0 = 0). */
static inline v16 where_positive(v16 p, v16 x)
{
	return v_select_lt(v_zero(), p, x, v_zero());
}

/* Mean and central moments 2 to 4 of the raw logits. */
static inline void head_moments(int V, const float *logits, float *moment)
{
	v16 sum = v_zero(), m2 = v_zero(), m3 = v_zero(), m4 = v_zero(), mean;
	float n = (float)V;

	for (int j = 0; j < V; j += 16)
		sum = v_add(sum, load_row(logits + j, V - j));
	moment[0] = v_sum(sum) / n;
	mean = v_set1(moment[0]);
	for (int j = 0; j < V; j += 16) {
		v16 d = v_sub(load_row(logits + j, V - j), mean), d2;

		if (V - j < 16)
			d = v_fill(d, V - j, 0.0f);
		d2 = v_mul(d, d);
		m2 = v_add(m2, d2);
		m3 = v_fma(d2, d, m3);
		m4 = v_fma(d2, d2, m4);
	}
	moment[1] = v_sum(m2) / n;
	moment[2] = v_sum(m3) / n;
	moment[3] = v_sum(m4) / n;
}

static void head_fwd(int M, int V, const float *logits, int ld, const int32_t *target, float tau,
		     const float *ref, float *logp, float *entropy, float *kl, float *moment,
		     float *stat)
{
	float inv_tau = 1.0f / tau;
	v16 scale = v_set1(inv_tau);

	for (int i = 0; i < M; i++) {
		const float *row = logits + (size_t)i * ld;
		const float *ref_row = ref ? ref + (size_t)i * ld : NULL;
		struct head_norm norm = head_normalise(V, row, inv_tau), ref_norm = {0};
		v16 plogp = v_zero(), divergence = v_zero();
		float *s = stat + (size_t)4 * i;

		if (ref)
			ref_norm = head_normalise(V, ref_row, inv_tau);
		for (int j = 0; j < V; j += 16) {
			v16 lp = head_logp(head_z(row, j, V, scale), norm);
			v16 p = v_exp(lp);

			plogp = v_fma(p, where_positive(p, lp), plogp);
			if (ref) {
				v16 lq = head_logp(head_z(ref_row, j, V, scale), ref_norm);

				divergence = v_fma(p, where_positive(p, v_sub(lp, lq)), divergence);
			}
		}
		logp[i] = head_logp_of(row[target[i]], inv_tau, norm);
		s[0] = norm.top;
		s[1] = norm.log_sum;
		s[2] = 0.0f - v_sum(plogp);
		s[3] = ref ? v_sum(divergence) : 0.0f;
		entropy[i] = s[2];
		if (kl)
			kl[i] = s[3];
		if (moment)
			head_moments(V, row, moment + (size_t)4 * i);
	}
}

static void head_bwd(int M, int V, const float *logits, int ld, const int32_t *target, float tau,
		     const float *ref, const float *stat, const float *w_logp,
		     const float *w_entropy, const float *w_kl, float *dlogits)
{
	float inv_tau = 1.0f / tau;
	v16 scale = v_set1(inv_tau);

	for (int i = 0; i < M; i++) {
		const float *row = logits + (size_t)i * ld;
		const float *ref_row = ref ? ref + (size_t)i * ld : NULL;
		const float *s = stat + (size_t)4 * i;
		struct head_norm norm = {s[0], s[1]}, ref_norm = {0};
		int with_entropy = w_entropy && w_entropy[i] != 0.0f;
		int with_kl = ref && w_kl && w_kl[i] != 0.0f;
		v16 wl = v_set1(w_logp[i]), we = v_set1(with_entropy ? w_entropy[i] : 0.0f);
		v16 wk = v_set1(with_kl ? w_kl[i] : 0.0f);
		v16 entropy = v_set1(s[2]), divergence = v_set1(s[3]);
		float *out = dlogits + (size_t)i * ld;

		if (with_kl)
			ref_norm = head_normalise(V, ref_row, inv_tau);
		for (int j = 0; j < V; j += 16) {
			v16 lp = head_logp(head_z(row, j, V, scale), norm);
			v16 p = v_exp(lp);
			v16 d = v_sub(v_zero(), v_mul(wl, p));

			if (target[i] >= j && target[i] < j + 16) {
				float one[16] = {0};

				one[target[i] - j] = 1.0f;
				d = v_mul(wl, v_sub(v_load(one), p));
			}
			if (with_entropy)
				d = v_fnma(v_mul(we, p), where_positive(p, v_add(lp, entropy)), d);
			if (with_kl) {
				v16 lq = head_logp(head_z(ref_row, j, V, scale), ref_norm);
				v16 x = v_sub(v_sub(lp, lq), divergence);

				d = v_fma(v_mul(wk, p), where_positive(p, x), d);
			}
			store_row(out + j, v_mul(d, scale), V - j);
		}
	}
}

static void head_cross_fwd(int M, int V, const float *logits, int ld, float tau, const float *other,
			   const float *stat, float *cross)
{
	float inv_tau = 1.0f / tau;
	v16 scale = v_set1(inv_tau);

	for (int i = 0; i < M; i++) {
		const float *row = logits + (size_t)i * ld, *other_row = other + (size_t)i * ld;
		struct head_norm norm = {stat[(size_t)4 * i], stat[(size_t)4 * i + 1]};
		struct head_norm other_norm = head_normalise(V, other_row, inv_tau);
		v16 sum = v_zero();

		for (int j = 0; j < V; j += 16) {
			v16 lp = head_logp(head_z(row, j, V, scale), norm);
			v16 lq = head_logp(head_z(other_row, j, V, scale), other_norm);
			v16 q = v_exp(lq);

			sum = v_fma(q, where_positive(q, v_sub(lq, lp)), sum);
		}
		cross[i] = v_sum(sum);
	}
}

static void head_cross_bwd(int M, int V, const float *logits, int ld, float tau, const float *other,
			   const float *stat, const float *w, float *out)
{
	float inv_tau = 1.0f / tau;
	v16 scale = v_set1(inv_tau);

	for (int i = 0; i < M; i++) {
		const float *row = logits + (size_t)i * ld, *other_row = other + (size_t)i * ld;
		float *d = out + (size_t)i * ld;
		struct head_norm norm = {stat[(size_t)4 * i], stat[(size_t)4 * i + 1]}, other_norm;
		v16 weight = v_set1(w[i]);

		if (w[i] == 0.0f) {
			for (int j = 0; j < V; j += 16)
				store_row(d + j, v_zero(), V - j);
			continue;
		}
		other_norm = head_normalise(V, other_row, inv_tau);
		for (int j = 0; j < V; j += 16) {
			v16 p = v_exp(head_logp(head_z(row, j, V, scale), norm));
			v16 q = v_exp(head_logp(head_z(other_row, j, V, scale), other_norm));

			store_row(d + j, v_mul(v_mul(weight, v_sub(p, q)), scale), V - j);
		}
	}
}

static void accumulate(size_t n, const float *x, float *y)
{
	for (size_t i = 0; i < n; i += 16) {
		int count = n - i < 16 ? (int)(n - i) : 16;

		store_row(y + i, v_add(load_row(y + i, count), load_row(x + i, count)), count);
	}
}

#endif
