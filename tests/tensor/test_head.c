/* The fused head: log-probability, entropy, KL and moments against doubles; its gradient. */
#include "common.h"

struct head_case {
	int M, V;
	float tau, spread;
};

static const struct head_case cases[] = {
	{3, 2, 1.0f, 1.0f},   {4, 7, 0.7f, 3.0f},  {5, 16, 1.0f, 3.0f},  {3, 24, 1.3f, 5.0f},
	{2, 33, 1.0f, 10.0f}, {3, 64, 0.5f, 2.0f}, {2, 100, 1.0f, 0.1f}, {1, 1500, 1.0f, 4.0f},
};
#define N_CASES (sizeof cases / sizeof cases[0])

struct inputs {
	struct head_case c;
	int ld;
	float *logits, *ref, *w_logp, *w_entropy, *w_kl;
	int32_t target[8];
};

struct results {
	float *logp, *entropy, *kl, *moment, *stat, *d;
};

static struct inputs make_inputs(struct head_case c)
{
	struct inputs in = {.c = c, .ld = c.V + 3};

	in.logits = noise(1, (size_t)c.M * in.ld, c.spread);
	in.ref = noise(2, (size_t)c.M * in.ld, c.spread);
	in.w_logp = noise(3, (size_t)c.M, 1.0f);
	in.w_entropy = noise(4, (size_t)c.M, 1.0f);
	in.w_kl = noise(5, (size_t)c.M, 1.0f);
	for (int i = 0; i < c.M; i++)
		in.target[i] = (i * 7 + c.V - 1) % c.V;
	return in;
}

static struct results run(const struct ebb_ops *ops, struct inputs in, int with_ref)
{
	size_t M = (size_t)in.c.M;
	struct results r = {filled(M, GUARD),     filled(M, GUARD),     filled(M, GUARD),
			    filled(4 * M, GUARD), filled(4 * M, GUARD), filled(M * in.ld, GUARD)};

	ops->head_fwd(in.c.M, in.c.V, in.logits, in.ld, in.target, in.c.tau,
		      with_ref ? in.ref : NULL, r.logp, r.entropy, with_ref ? r.kl : NULL, r.moment,
		      r.stat);
	ops->head_bwd(in.c.M, in.c.V, in.logits, in.ld, in.target, in.c.tau,
		      with_ref ? in.ref : NULL, r.stat, in.w_logp, in.w_entropy,
		      with_ref ? in.w_kl : NULL, r.d);
	return r;
}

static void log_softmax(int V, double tau, const double *logits, double *logp)
{
	double max = -INFINITY, sum = 0.0;

	for (int j = 0; j < V; j++)
		max = fmax(max, logits[j] / tau);
	for (int j = 0; j < V; j++)
		sum += exp(logits[j] / tau - max);
	for (int j = 0; j < V; j++)
		logp[j] = logits[j] / tau - max - log(sum);
}

/* One row: log-probability of a, entropy, KL to logq. */
static void plain_row(int V, double tau, const double *logits, const double *logq, int a,
		      double out[3])
{
	double *logp = calloc((size_t)V, sizeof *logp);

	cr_assert(logp != NULL);
	log_softmax(V, tau, logits, logp);
	out[0] = logp[a];
	out[1] = out[2] = 0.0;
	for (int j = 0; j < V; j++) {
		out[1] -= exp(logp[j]) * logp[j];
		out[2] += exp(logp[j]) * (logp[j] - logq[j]);
	}
	free(logp);
}

struct row_loss {
	const struct inputs *in;
	int row;
	double *logq;
};

static double loss(const double *logits, void *ctx)
{
	struct row_loss *l = ctx;
	double out[3];

	plain_row(l->in->c.V, (double)l->in->c.tau, logits, l->logq, l->in->target[l->row], out);
	return (double)l->in->w_logp[l->row] * out[0] + (double)l->in->w_entropy[l->row] * out[1] +
	       (double)l->in->w_kl[l->row] * out[2];
}

static double *widen(const float *x, int n)
{
	double *y = doubles((size_t)n);

	for (int i = 0; i < n; i++)
		y[i] = (double)x[i];
	return y;
}

Test(head, against_doubles)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];

	instances(isa);
	for (size_t i = 0; i < N_CASES; i++) {
		struct inputs in = make_inputs(cases[i]);
		struct results r = run(&isa[0]->ops, in, 1);
		int V = in.c.V;

		for (int m = 0; m < in.c.M; m++) {
			double *row = widen(in.logits + m * in.ld, V), out[3], mean = 0.0;
			double *ref = widen(in.ref + m * in.ld, V), moment[4] = {0};
			double *logq = doubles((size_t)V), *gradient = doubles((size_t)V);
			struct row_loss l = {&in, m, logq};

			log_softmax(V, (double)in.c.tau, ref, logq);
			plain_row(V, (double)in.c.tau, row, logq, in.target[m], out);
			expect_near("logp", r.logp + m, &out[0], 1, 1e-6);
			expect_near("entropy", r.entropy + m, &out[1], 1, 1e-6);
			expect_near("kl", r.kl + m, &out[2], 1, 1e-6);
			for (int j = 0; j < V; j++)
				mean += row[j] / V;
			moment[0] = mean;
			for (int j = 0; j < V; j++)
				for (int p = 2; p <= 4; p++)
					moment[p - 1] += pow(row[j] - mean, p) / V;
			expect_near("moments", r.moment + 4 * m, moment, 4, 2e-6);
			differences(loss, &l, in.logits + m * in.ld, (size_t)V, gradient);
			expect_near("dlogits", r.d + m * in.ld, gradient, (size_t)V, 3e-6);
			expect_value("gap", r.d + m * in.ld + V, 3, GUARD);
		}
	}
}

Test(head, instances_agree)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_CASES; i++) {
		for (int with_ref = 0; with_ref < 2; with_ref++) {
			struct inputs in = make_inputs(cases[i]);
			struct results first = run(&isa[0]->ops, in, with_ref);
			size_t M = (size_t)in.c.M;

			for (int k = 1; k < n; k++) {
				struct results r = run(&isa[k]->ops, in, with_ref);

				expect_same_bits("logp", r.logp, first.logp, M);
				expect_same_bits("entropy", r.entropy, first.entropy, M);
				expect_same_bits("kl", r.kl, first.kl, M);
				expect_same_bits("moment", r.moment, first.moment, 4 * M);
				expect_same_bits("stat", r.stat, first.stat, 4 * M);
				expect_same_bits("dlogits", r.d, first.d, M * in.ld);
			}
		}
	}
}

/* KL(q || p) and its gradient against doubles; every instance the same bits; nothing where the weight is
 * 0 or both rows are the same; in place. */
Test(head, the_other_direction)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (size_t i = 0; i < N_CASES; i++) {
		struct inputs in = make_inputs(cases[i]);
		struct results r = run(&isa[0]->ops, in, 0);
		size_t M = (size_t)in.c.M, cells = M * in.ld;
		int V = in.c.V;
		float *first = NULL, *first_kl = NULL;

		in.w_kl[0] = 0.0f;
		for (int k = 0; k < n; k++) {
			const struct ebb_ops *ops = &isa[k]->ops;
			float *kl = filled(M, GUARD), *d = copy_of(in.ref, cells);

			ops->head_cross_fwd(in.c.M, V, in.logits, in.ld, in.c.tau, in.ref, r.stat,
					    kl);
			ops->head_cross_bwd(in.c.M, V, in.logits, in.ld, in.c.tau, d, r.stat,
					    in.w_kl, d);
			first = first ? first : d;
			first_kl = first_kl ? first_kl : kl;
			expect_same_bits("kl", kl, first_kl, M);
			expect_same_bits("gradient", d, first, cells);
		}
		for (int m = 0; m < in.c.M; m++) {
			double *row = widen(in.logits + m * in.ld, V);
			double *other = widen(in.ref + m * in.ld, V), sum = 0.0;
			double *logp = doubles((size_t)V), *logq = doubles((size_t)V);
			double *slope = doubles((size_t)V);

			log_softmax(V, (double)in.c.tau, row, logp);
			log_softmax(V, (double)in.c.tau, other, logq);
			for (int j = 0; j < V; j++) {
				sum += exp(logq[j]) * (logq[j] - logp[j]);
				slope[j] = (double)in.w_kl[m] * (exp(logp[j]) - exp(logq[j])) /
					   (double)in.c.tau;
			}
			expect_near("kl", first_kl + m, &sum, 1, 2e-6);
			expect_near("gradient", first + m * in.ld, slope, (size_t)V, 3e-6);
			for (int j = 0; m == 0 && j < V; j++)
				cr_expect_eq(first[j], 0.0f);
		}
		{
			float *d = copy_of(in.logits, cells);

			in.w_kl[0] = 3.0f;
			isa[0]->ops.head_cross_bwd(in.c.M, V, in.logits, in.ld, in.c.tau, d, r.stat,
						   in.w_kl, d);
			for (int m = 0; m < in.c.M; m++)
				for (int j = 0; j < V; j++)
					cr_expect_eq(d[m * in.ld + j], 0.0f, "the same policy");
			isa[0]->ops.accumulate(cells, in.logits, d);
			for (int m = 0; m < in.c.M; m++)
				expect_same_bits("sum", d + m * in.ld, in.logits + m * in.ld,
						 (size_t)V);
		}
	}
}

Test(head, gradient_may_overwrite_the_logits_and_weights_may_be_missing)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;
		struct inputs in = make_inputs(cases[4]);
		struct results r;
		float *d = copy_of(in.logits, (size_t)in.c.M * in.ld);

		memset(in.w_entropy, 0, (size_t)in.c.M * sizeof(float));
		r = run(ops, in, 0);
		ops->head_bwd(in.c.M, in.c.V, d, in.ld, in.target, in.c.tau, NULL, r.stat,
			      in.w_logp, NULL, NULL, d);
		for (int m = 0; m < in.c.M; m++)
			expect_same_bits(ops->name, d + m * in.ld, r.d + m * in.ld, (size_t)in.c.V);
	}
}

Test(head, probabilities_that_underflow_contribute_nothing)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	float logits[5] = {0.0f, -200.0f, -INFINITY, 200.0f, -3e38f};
	float ref[5] = {1.0f, 2.0f, -INFINITY, 3.0f, 4.0f}, one = 1.0f;
	float logp, entropy, kl, stat[4], d[5];
	int32_t target = 3;

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;

		ops->head_fwd(1, 5, logits, 5, &target, 1.0f, ref, &logp, &entropy, &kl, NULL,
			      stat);
		cr_assert(logp == 0.0f && entropy == 0.0f && !signbit(entropy) && isfinite(kl));
		ops->head_bwd(1, 5, logits, 5, &target, 1.0f, ref, stat, &one, &one, &one, d);
		for (int j = 0; j < 5; j++)
			cr_assert(fabsf(d[j]) < 1e-6f);
	}
}

Test(head, kl_to_itself_is_exactly_zero_and_a_nan_is_not_hidden)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (int k = 0; k < n; k++) {
		struct inputs in = make_inputs(cases[3]);
		struct results r;

		memcpy(in.ref, in.logits, (size_t)in.c.M * in.ld * sizeof(float));
		r = run(&isa[k]->ops, in, 1);
		expect_value("kl", r.kl, (size_t)in.c.M, 0.0f);
		for (int j = 0; j < in.c.V; j++) {
			struct inputs bad = make_inputs(cases[3]);

			bad.logits[bad.ld + j] = NAN;
			r = run(&isa[k]->ops, bad, 1);
			cr_assert(isnan(r.logp[1]) && isnan(r.entropy[1]) && isnan(r.kl[1]));
			cr_assert(isfinite(r.logp[0]) && isfinite(r.logp[2]));
		}
	}
}
