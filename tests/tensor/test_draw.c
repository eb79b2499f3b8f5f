/* Drawing tokens: the distribution, its restrictions and their ties, and the sampler's log p. */
#include "common.h"

struct drawn {
	int32_t token;
	float logp;
};

static struct drawn draw_one(const struct ebb_ops *ops, int V, const float *logits, float tau,
			     int top_k, float top_p, const double *uniform)
{
	struct drawn d;
	float *scratch = malloc(2 * (size_t)V * sizeof *scratch);

	cr_assert(scratch != NULL);
	ops->draw(1, V, logits, V, tau, top_k, top_p, uniform, &d.token, &d.logp, scratch);
	free(scratch);
	return d;
}

/* Bit j: token j comes out for some uniform number. */
static unsigned reachable(const struct ebb_ops *ops, int V, const float *logits, int top_k,
			  float top_p)
{
	unsigned seen = 0;

	for (int i = 0; i < 4096; i++) {
		double u = i / 4096.0;

		seen |= 1u << draw_one(ops, V, logits, 1.0f, top_k, top_p, &u).token;
	}
	return seen;
}

Test(draw, follows_the_distribution)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	enum { V = 24, ROWS = 64, ROUNDS = 3000 };
	const float tau = 0.8f;
	float *row = noise(1, V, 2.0f), *logits = filled(ROWS * V, 0.0f);
	float *scratch = filled(2 * V, NAN), logp[ROWS];
	double p[V], sum = 0.0, chi = 0.0, uniform[ROWS];
	int32_t token[ROWS];
	int count[V] = {0};
	struct ebb_draw d = {.seed = 3, .stream = EBB_STREAM_TEST};
	uint32_t position = 0;

	instances(isa);
	for (int i = 0; i < ROWS; i++)
		memcpy(logits + i * V, row, V * sizeof *row);
	for (int j = 0; j < V; j++)
		sum += p[j] = exp((double)row[j] / (double)tau);
	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < ROWS; i++)
			uniform[i] = ebb_uniform(&d, position++);
		isa[0]->ops.draw(ROWS, V, logits, V, tau, 0, 1.0f, uniform, token, logp, scratch);
		for (int i = 0; i < ROWS; i++) {
			count[token[i]]++;
			cr_assert_float_eq((double)logp[i], log(p[token[i]] / sum), 1e-6);
		}
	}
	for (int j = 0; j < V; j++) {
		double expected = p[j] / sum * ROWS * ROUNDS;

		chi += (count[j] - expected) * (count[j] - expected) / expected;
	}
	cr_assert(chi < 49.7, "chi-square %g with 23 degrees of freedom", chi); /* p = 0.001 */
}

Test(draw, the_same_on_every_instance_with_the_bits_of_the_head)
{
	static const int sizes[] = {2, 16, 24, 65, 700};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	enum { M = 40 };
	struct ebb_draw d = {.seed = 4, .stream = EBB_STREAM_TEST};

	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		for (int restricted = 0; restricted < 4; restricted++) {
			int V = sizes[s], ld = V + 1;
			int top_k = restricted & 1 ? 1 + V / 3 : 0;
			float top_p = restricted & 2 ? 0.8f : 1.0f;
			float *logits = noise(1, (size_t)M * ld, 5.0f), first_logp[M], logp[M];
			float head_logp[M], entropy[M], stat[4 * M];
			double uniform[M];
			int32_t first[M], token[M];

			for (int i = 0; i < M; i++)
				uniform[i] = ebb_uniform(&d, (uint32_t)i);
			for (int k = 0; k < n; k++) {
				isa[k]->ops.draw(M, V, logits, ld, 0.9f, top_k, top_p, uniform,
						 k ? token : first, k ? logp : first_logp,
						 filled(2 * (size_t)V, NAN));
				if (k == 0)
					continue;
				cr_assert(memcmp(token, first, sizeof token) == 0);
				expect_same_bits(isa[k]->ops.name, logp, first_logp, M);
			}
			if (restricted)
				continue;
			isa[0]->ops.head_fwd(M, V, logits, ld, first, 0.9f, NULL, head_logp,
					     entropy, NULL, NULL, stat);
			expect_same_bits("head", head_logp, first_logp, M);
		}
	}
}

Test(draw, greedy_takes_the_lowest_of_equals)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	float logits[6] = {-1.0f, 2.0f, 0.0f, 2.0f, 1.0f, 2.0f};

	for (int k = 0; k < n; k++) {
		const struct ebb_ops *ops = &isa[k]->ops;
		int32_t token = -1;

		cr_assert_eq(draw_one(ops, 6, logits, 1.0f, 0, 1.0f, NULL).token, 1);
		cr_assert_eq(draw_one(ops, 6, logits, 1.0f, 1, 0.1f, NULL).logp, 0.0f);
		ops->draw(1, 6, logits, 6, 1.0f, 0, 1.0f, NULL, &token, NULL, NULL);
		cr_assert_eq(token, 1);
	}
}

Test(draw, restrictions)
{
	/* probabilities 0.1 0.4 0.1 0.1 0.2 0.1 */
	float logits[6] = {logf(0.1f), logf(0.4f), logf(0.1f), logf(0.1f), logf(0.2f), logf(0.1f)};
	static const struct {
		int top_k;
		float top_p;
		unsigned tokens;
	} table[] = {
		{0, 1.0f, 0x3f},  {1, 1.0f, 0x02},   {2, 1.0f, 0x12},  {3, 1.0f, 0x13},
		{4, 1.0f, 0x17},  {6, 1.0f, 0x3f},   {99, 1.0f, 0x3f}, {0, 0.0f, 0x02},
		{0, 0.39f, 0x02}, {0, 0.41f, 0x12},  {0, 0.59f, 0x12}, {0, 0.65f, 0x13},
		{0, 0.75f, 0x17}, {0, 0.999f, 0x3f}, {3, 0.5f, 0x02},  {3, 0.6f, 0x12},
		{3, 0.99f, 0x13},
	};
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);

	for (int k = 0; k < n; k++)
		for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
			unsigned seen =
				reachable(&isa[k]->ops, 6, logits, table[i].top_k, table[i].top_p);

			cr_assert(seen == table[i].tokens, "top_k %d top_p %g: tokens %#x, not %#x",
				  table[i].top_k, (double)table[i].top_p, seen, table[i].tokens);
		}
}

Test(draw, restricted_probabilities_add_to_one)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int V = 30;
	float *logits = noise(9, (size_t)V, 2.0f);
	double sum = 0.0;
	unsigned seen = 0;

	instances(isa);
	for (int i = 0; i < 4096; i++) {
		double u = i / 4096.0;
		struct drawn d = draw_one(&isa[0]->ops, V, logits, 1.0f, 9, 0.9f, &u);

		if (!(seen >> d.token & 1))
			sum += exp((double)d.logp);
		seen |= 1u << d.token;
	}
	cr_assert_float_eq(sum, 1.0, 1e-6);
}

Test(draw, ends_of_the_uniform_range)
{
	const struct ebb_cpu_isa *isa[MAX_ISAS];
	int n = instances(isa);
	float logits[5] = {-INFINITY, 0.0f, -500.0f, 0.0f, -500.0f};
	float hopeless[3] = {NAN, NAN, NAN};
	double zero = 0.0, most = 1.0 - 0x1p-53;

	for (int k = 0; k < n; k++) {
		struct drawn d = draw_one(&isa[k]->ops, 5, logits, 1.0f, 0, 1.0f, &zero);

		cr_assert_eq(d.token, 1);
		cr_assert_float_eq(d.logp, -0.6931472f, 1e-6);
		cr_assert_eq(draw_one(&isa[k]->ops, 5, logits, 1.0f, 0, 1.0f, &most).token, 3);
		/* A diverged policy still draws some token of the vocabulary. */
		d = draw_one(&isa[k]->ops, 3, hopeless, 1.0f, 0, 1.0f, &most);
		cr_assert(d.token >= 0 && d.token < 3 && isnan(d.logp));
		d = draw_one(&isa[k]->ops, 3, hopeless, 1.0f, 2, 0.5f, &most);
		cr_assert(d.token >= 0 && d.token < 3);
	}
}
