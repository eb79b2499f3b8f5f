/* Attention: forward, decoding and gradient against a double reference and each other. */
#include "common.h"

struct shape {
	int T, NH, NKV, D;
};

static const struct shape shapes[] = {
	{1, 1, 1, 2},   {2, 2, 1, 4},   {5, 2, 2, 8},    {8, 4, 2, 16},   {15, 3, 1, 10},
	{16, 2, 2, 16}, {17, 2, 1, 24}, {23, 4, 4, 32},  {33, 4, 2, 18},  {64, 2, 2, 32},
	{65, 2, 1, 64}, {70, 6, 2, 48}, {100, 1, 1, 80}, {131, 2, 1, 16},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

/* q, k, v side by side in one row, as the model has them, with a gap. */
struct inputs {
	struct shape s;
	int ld, ldo;
	float *qkv, *q, *k, *v, *dout;
};

static struct inputs make_inputs(struct shape s)
{
	struct inputs in = {.s = s};

	in.ld = (s.NH + 2 * s.NKV) * s.D + 3;
	in.ldo = s.NH * s.D + 1;
	in.qkv = noise(1, (size_t)s.T * in.ld, 2.0f);
	in.q = in.qkv;
	in.k = in.q + s.NH * s.D;
	in.v = in.k + s.NKV * s.D;
	in.dout = noise(2, (size_t)s.T * in.ldo, 1.0f);
	return in;
}

static void attend(const struct shape *s, int ld, int ldo, const double *qkv, double *out)
{
	double *p = calloc((size_t)s->T, sizeof *p);

	cr_assert(p != NULL);
	for (int h = 0; h < s->NH; h++) {
		const double *q = qkv + h * s->D;
		const double *k = qkv + (s->NH + h * s->NKV / s->NH) * s->D;
		const double *v = k + s->NKV * s->D;

		for (int t = 0; t < s->T; t++) {
			double max = -INFINITY, sum = 0.0;

			for (int j = 0; j <= t; j++) {
				p[j] = 0.0;
				for (int d = 0; d < s->D; d++)
					p[j] += q[t * ld + d] * k[j * ld + d];
				p[j] /= sqrt((double)s->D);
				max = fmax(max, p[j]);
			}
			for (int j = 0; j <= t; j++)
				sum += p[j] = exp(p[j] - max);
			for (int d = 0; d < s->D; d++) {
				double *o = &out[t * ldo + h * s->D + d];

				*o = 0.0;
				for (int j = 0; j <= t; j++)
					*o += p[j] / sum * v[j * ld + d];
			}
		}
	}
	free(p);
}

static double loss(const double *qkv, void *ctx)
{
	struct inputs *in = ctx;
	size_t n = (size_t)in->s.T * in->ldo;
	double *out = calloc(n, sizeof *out), sum = 0.0;

	cr_assert(out != NULL);
	attend(&in->s, in->ld, in->ldo, qkv, out);
	for (int t = 0; t < in->s.T; t++)
		for (int c = 0; c < in->s.NH * in->s.D; c++)
			sum += out[t * in->ldo + c] * (double)in->dout[t * in->ldo + c];
	free(out);
	return sum;
}

static float *scratch_for(const struct ebb_ops *ops, struct shape s)
{
	return filled(ops->attn_scratch_floats(s.T, s.NH, s.NKV, s.D), NAN);
}

static float *forward(const struct ebb_ops *ops, struct inputs in, float *stat)
{
	struct shape s = in.s;
	float *out = filled((size_t)s.T * in.ldo, GUARD);

	ops->attn_fwd(s.T, s.NH, s.NKV, s.D, in.q, in.k, in.v, in.ld, in.ld, in.ld, out, in.ldo,
		      stat, scratch_for(ops, s));
	return out;
}

static float *backward(const struct ebb_ops *ops, struct inputs in)
{
	struct shape s = in.s;
	float *stat = filled((size_t)s.NH * s.T * 2, NAN), *out = forward(ops, in, stat);
	float *d = filled((size_t)s.T * in.ld, GUARD);

	ops->attn_bwd(s.T, s.NH, s.NKV, s.D, in.q, in.k, in.v, in.ld, in.ld, in.ld, out, in.dout,
		      in.ldo, stat, d, d + (in.k - in.q), d + (in.v - in.q), scratch_for(ops, s));
	return d;
}

Test(attention, forward_on_every_instance)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_SHAPES; i++) {
		struct inputs in = make_inputs(shapes[i]);
		size_t size = (size_t)in.s.T * in.ldo, n_stat = (size_t)in.s.NH * in.s.T * 2;
		double *qkv = doubles((size_t)in.s.T * in.ld), *reference = doubles(size);
		float *stat = filled(n_stat, NAN), *first = forward(&isa[0]->ops, in, stat);

		for (size_t j = 0; j < (size_t)in.s.T * in.ld; j++)
			qkv[j] = (double)in.qkv[j];
		for (size_t j = 0; j < size; j++)
			reference[j] = (double)GUARD;
		attend(&in.s, in.ld, in.ldo, qkv, reference);
		for (size_t j = 0; j < size; j++)
			cr_assert(fabs((double)first[j] - reference[j]) < 5e-6,
				  "T %d D %d element %zu: %g, should be %g", in.s.T, in.s.D, j,
				  (double)first[j], reference[j]);
		for (int k = 1; k < n; k++) {
			float *other = filled(n_stat, NAN);

			expect_same_bits(isa[k]->ops.name, forward(&isa[k]->ops, in, other), first,
					 size);
			expect_same_bits("stat", other, stat, n_stat);
		}
	}
}

Test(attention, decoding_gives_the_bits_of_the_forward_pass)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;

		for (size_t i = 0; i < N_SHAPES; i++) {
			struct inputs in = make_inputs(shapes[i]);
			struct shape s = in.s;
			int T_max = s.T + 9, prompt = s.T / 3;
			float *out = forward(ops, in, filled((size_t)s.NH * s.T * 2, NAN));
			float *y = filled((size_t)in.ldo, GUARD);
			float *cache = filled(ops->kv_floats(T_max, s.NKV, s.D), NAN);
			float *work =
				filled(ops->attn_scratch_floats(T_max, s.NH, s.NKV, s.D), NAN);

			ops->kv_store(prompt, 0, T_max, s.NKV, s.D, in.k, in.v, in.ld, in.ld,
				      cache);
			for (int t = 0; t < s.T; t++) {
				int length = t + 1;

				if (t >= prompt)
					ops->kv_store(1, t, T_max, s.NKV, s.D, in.k + t * in.ld,
						      in.v + t * in.ld, in.ld, in.ld, cache);
				ops->attn_decode(1, T_max, s.NH, s.NKV, s.D, in.q + t * in.ld,
						 in.ld, &cache, &length, y, in.ldo, work);
				expect_same_bits(ops->name, y, out + t * in.ldo,
						 (size_t)s.NH * s.D);
			}
		}
	}
}

/* Sequences of different lengths that share a prompt, in one call. */
Test(attention, decoding_many_sequences_at_once)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	struct shape s = {61, 4, 2, 16};
	struct inputs in = make_inputs(s);
	enum { SEQUENCES = 7, PROMPT = 13 };

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;
		float *out = forward(ops, in, filled((size_t)s.NH * s.T * 2, NAN));
		size_t floats = ops->kv_floats(s.T, s.NKV, s.D);
		float *prompt = filled(floats, NAN), *cache[SEQUENCES];
		float *q = filled((size_t)SEQUENCES * in.ld, NAN);
		float *y = filled((size_t)SEQUENCES * in.ldo, GUARD);
		int length[SEQUENCES];

		ops->kv_store(PROMPT, 0, s.T, s.NKV, s.D, in.k, in.v, in.ld, in.ld, prompt);
		for (int i = 0; i < SEQUENCES; i++) {
			cache[i] = filled(floats, NAN);
			memcpy(cache[i], prompt,
			       ops->kv_floats(PROMPT, s.NKV, s.D) * sizeof *prompt);
			length[i] = i == SEQUENCES - 1 ? s.T : PROMPT + i * i;
			ops->kv_store(length[i] - PROMPT, PROMPT, s.T, s.NKV, s.D,
				      in.k + PROMPT * in.ld, in.v + PROMPT * in.ld, in.ld, in.ld,
				      cache[i]);
			memcpy(q + i * in.ld, in.q + (length[i] - 1) * in.ld,
			       (size_t)s.NH * s.D * sizeof *q);
		}
		ops->attn_decode(SEQUENCES, s.T, s.NH, s.NKV, s.D, q, in.ld, cache, length, y,
				 in.ldo, scratch_for(ops, s));
		for (int i = 0; i < SEQUENCES; i++)
			expect_same_bits(ops->name, y + i * in.ldo, out + (length[i] - 1) * in.ldo,
					 (size_t)s.NH * s.D);
	}
}

Test(attention, gradient_on_every_instance)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_SHAPES; i++) {
		struct inputs in = make_inputs(shapes[i]);
		size_t size = (size_t)in.s.T * in.ld;
		float *first = backward(&isa[0]->ops, in);

		for (int k = 1; k < n; k++)
			expect_same_bits(isa[k]->ops.name, backward(&isa[k]->ops, in), first, size);
		for (int t = 0; t < in.s.T; t++)
			expect_value("gap", first + t * in.ld + in.ld - 3, 3, GUARD);
	}
}

Test(attention, gradient_is_that_of_the_reference)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];

	instances(isa);
	for (size_t i = 0; i < N_SHAPES; i++) {
		struct inputs in = make_inputs(shapes[i]);
		size_t size = (size_t)in.s.T * in.ld;
		double *gradient;
		float *d;

		if (in.s.T * in.s.T * in.s.NH * in.s.D > 30000)
			continue; /* central differences cost T times that, squared */
		gradient = doubles(size);
		d = backward(&isa[0]->ops, in);
		differences(loss, &in, in.qkv, size, gradient);
		for (int t = 0; t < in.s.T; t++)
			expect_near("dqkv", d + t * in.ld, gradient + t * in.ld,
				    (size_t)(in.ld - 3), 1e-5);
	}
}

/* A long causal row must not let masked terms in, not even times zero. */
Test(attention, later_keys_are_never_touched)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	struct shape s = {40, 2, 1, 16};

	for (int k = 0; k < n; k++) {
		struct inputs in = make_inputs(s);
		float *clean = forward(&isa[k]->ops, in, filled((size_t)s.NH * s.T * 2, NAN)), *out;

		for (int t = 21; t < s.T; t++)
			for (int d = 0; d < s.D; d++)
				in.v[t * in.ld + d] = NAN, in.k[t * in.ld + d] = NAN;
		out = forward(&isa[k]->ops, in, filled((size_t)s.NH * s.T * 2, NAN));
		expect_same_bits(isa[k]->ops.name, out, clean, (size_t)21 * in.ldo);
		cr_assert(isnan(out[30 * in.ldo]));
	}
}
