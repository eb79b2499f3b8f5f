/* Trees: who is branched off from, what is equal, what counts once, and what it costs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "objective/tree.h"
#include "support.h"

#define ROWS_MAX 16
#define LONG     12

/* Responses of steps of two tokens, written as texts: "ab cd" is two steps. */
struct wood {
	struct ebb_options o;
	int length[ROWS_MAX], from[ROWS_MAX], shared[ROWS_MAX];
	unsigned char ends[ROWS_MAX * LONG];
	int32_t token[ROWS_MAX * LONG];
	double reward[ROWS_MAX], logp[ROWS_MAX * LONG], entropy[ROWS_MAX * LONG];
	struct ebb_paths p;
	struct ebb_node node[1 + ROWS_MAX * LONG];
	int at[ROWS_MAX * LONG];
	struct ebb_ib ib[1 + ROWS_MAX * LONG];
	struct ebb_tree tree;
};

static void wood_init(struct wood *w)
{
	memset(w, 0, sizeof *w);
	options_default(&w->o);
	w->p = (struct ebb_paths){.T = LONG,
				  .length = w->length,
				  .from = w->from,
				  .shared = w->shared,
				  .ends = w->ends,
				  .token = w->token,
				  .value = w->reward,
				  .logp = w->logp,
				  .entropy = w->entropy};
	w->tree.node = w->node;
	w->tree.at = w->at;
}

static void add(struct wood *w, const char *text, int from, int shared, double reward)
{
	const int i = w->p.rows++;

	for (; *text; text++) {
		const int at = i * LONG + w->length[i];

		if (*text == ' ')
			continue;
		w->token[at] = *text;
		w->logp[at] = -0.1 * (*text - 'a' + 1);
		w->entropy[at] = 0.01 * (*text - 'a') + 0.1 * w->length[i];
		w->ends[at] = text[1] == ' ' || text[1] == 0;
		w->length[i]++;
	}
	w->from[i] = from;
	w->shared[i] = shared;
	w->reward[i] = reward;
	ebb_tree_build(&w->o, &w->p, &w->tree);
	ebb_tree_score(&w->o, &w->tree, w->ib);
}

static int choose(struct wood *w, enum ebb_tree_sampler sampler, uint32_t seed)
{
	const struct ebb_draw draw = {.seed = seed, .stream = EBB_STREAM_TREE};
	int chosen[8];

	ebb_tree_choose(&w->o, sampler, &w->tree, w->ib, &draw, chosen);
	return chosen[0];
}

Test(tree, a_tree_of_two_rounds)
{
	struct wood w;

	wood_init(&w);
	add(&w, "ab cd ef", 0, 0, 1);
	add(&w, "gh ef", 0, 0, 0);
	cr_assert_eq(w.tree.n, 6);
	add(&w, "ab cd gh", 0, 4, 0);
	cr_assert_eq(w.tree.n, 7);
	cr_assert_eq(w.at[2 * LONG + 3], w.at[3]);
	cr_assert_eq(w.node[w.at[3]].children, 2);
	cr_assert_eq(w.node[w.at[3]].end, 4);
	cr_assert_eq(w.node[0].leaves, 3);
	expect_near(ebb_tree_value(&w.node[w.at[0]]), 0.5, 0, 1e-15, "p of the first step");
	expect_near(w.node[w.at[3]].entropy, w.entropy[4], 0, 0, "entropy behind it");
}

/* Before any branch only the root has several continuations; the others have ratio 1, so that the
 * least confident step comes first. EI 5.2 note (iii) */
Test(tree, a_chain_is_ranked_by_confidence)
{
	struct wood w;

	wood_init(&w);
	add(&w, "aa dd bb cc", 0, 0, 1);
	for (int t = 0; t < 6; t += 2) {
		const struct ebb_ib *ib = &w.ib[w.at[t]];
		const double conf = ebb_tree_confidence(&w.o, &w.node[w.at[t + 2]]);

		expect_near(ib->score, -(1 + w.o.ib.beta) / w.o.ib.beta * conf, 0, 1e-12,
			    "score after token %d", t);
		cr_expect_float_eq(ib->cov, 0, 1e-15);
	}
	cr_expect_eq(choose(&w, EBB_TREE_IB, 0), w.at[1], "dd is the least likely step");
}

Test(tree, no_success_below_the_parent)
{
	struct wood w;

	wood_init(&w);
	add(&w, "aa bb", 0, 0, 0);
	add(&w, "aa cc", 0, 2, 0);
	add(&w, "dd", 0, 0, 0);
	expect_near(ebb_tree_ratio(&w.o, &w.tree, w.at[0]), 1, 0, 0, "neutral");
	w.o.ib.zero_parent = EBB_ZERO_PARENT_SMOOTH; /* (0.5 / 3) / (0.5 / 4) */
	expect_near(ebb_tree_ratio(&w.o, &w.tree, w.at[0]), 4.0 / 3, 0, 1e-15, "smooth");
}

Test(tree, equal_continuations)
{
	for (int merge = 0; merge < 2; merge++) {
		struct wood w;

		wood_init(&w);
		w.o.tree.merge_duplicates = merge;
		add(&w, "ab cd ef", 0, 0, 1);
		add(&w, "ab cd ef", 0, 0, 0);
		add(&w, "ab cd gh", 0, 4, 1);
		add(&w, "ab", 0, 0, 0); /* as long as a step, but a whole response */
		cr_expect_eq(w.tree.n, merge ? 5 : 9);
		cr_expect_eq(w.node[0].children, merge ? 1 : 3);
		cr_expect_eq(w.node[0].leaves, 4);
		if (merge)
			cr_expect_eq(w.node[w.at[4]].leaves, 2);
	}
}

Test(tree, five_samplers)
{
	struct wood w;
	int seen[16] = {0};

	wood_init(&w);
	add(&w, "aa bb cc", 0, 0, 1);
	add(&w, "ff bb ee", 0, 0, 0);
	/* entropy: 0.1 times the position and 0.01 times the letter where the next step begins */
	cr_expect_eq(choose(&w, EBB_TREE_ENTROPY, 0), w.at[LONG + 2]);
	/* the root has two; of the nodes with one the shallowest, the first */
	cr_expect_eq(choose(&w, EBB_TREE_FIXED_WIDTH, 0), w.at[0]);
	add(&w, "aa cc", 0, 2, 1);
	cr_expect_eq(choose(&w, EBB_TREE_FIXED_WIDTH, 0), w.at[LONG]);
	/* -0.2 conf(ee) is above -0.2 conf(cc), and above the root's -0.19 */
	cr_expect_eq(choose(&w, EBB_TREE_IB, 0), w.at[LONG + 2]);
	for (uint32_t seed = 0; seed < 500; seed++)
		seen[choose(&w, EBB_TREE_RANDOM, seed)]++;
	for (int k = 0; k < w.tree.n; k++)
		cr_expect(w.node[k].children > 0 ? seen[k] > 60 && seen[k] < 140 : seen[k] == 0,
			  "node %d: %d of 500", k, seen[k]);
}

Test(tree, width_and_limits)
{
	const struct ebb_draw draw = {.seed = 1, .stream = EBB_STREAM_TREE};
	int chosen[8];
	struct wood w;

	wood_init(&w);
	add(&w, "aa bb cc", 0, 0, 1);
	w.o.tree.width = 7; /* three nodes: each again before one comes thrice */
	for (int s = EBB_TREE_IB; s <= EBB_TREE_FIXED_WIDTH; s++) {
		int times[3] = {0};

		ebb_tree_choose(&w.o, (enum ebb_tree_sampler)s, &w.tree, w.ib, &draw, chosen);
		for (int k = 0; k < 7; k++)
			times[chosen[k]]++;
		for (int k = 0; k < 3; k++)
			cr_expect(times[k] == 2 || times[k] == 3, "sampler %d, node %d: %d", s, k,
				  times[k]);
	}
	w.o.tree.width = 1;
	w.o.tree.max_children = 1;
	cr_expect_eq(choose(&w, EBB_TREE_IB, 0), 0, "all have one: the root");
	w.o.tree.max_children = 2;
	add(&w, "dd", 0, 0, 0);
	for (uint32_t seed = 0; seed < 50; seed++)
		cr_expect_neq(choose(&w, EBB_TREE_RANDOM, seed), 0, "the root has two");
	/* a score that is no number is the last one */
	w.ib[w.at[0]].score = NAN;
	cr_expect_eq(choose(&w, EBB_TREE_IB, 0), w.at[2]);
}

/* EI 5.4: generated = b0 L + (G - b0)(1 - d) L; 4 + 8 responses cost 8 at d = 1/2. */
Test(tree, twelve_for_the_price_of_eight)
{
	struct ebb_tree_account a;
	struct wood w;

	wood_init(&w);
	for (int i = 0; i < 4; i++)
		add(&w, "aa bb cc dd ee ff", 0, 0, 1);
	for (int i = 4; i < 12; i++)
		add(&w, "aa bb cc gg hh ii", i % 4, 6, 1);
	cr_assert_eq(w.p.rows, ebb_tree_group(&w.o));
	ebb_tree_count(&w.p, &a);
	cr_expect_eq(a.generated, 8 * 12);
	cr_expect_eq(a.consumed, 12 * 12);
	expect_near(a.depth / 8, 0.5, 0, 1e-15, "d");
}

/* ---- advantages of a batch with two trees ---- */

#define R 6

struct batch {
	struct bench k;
	struct ebb_batch_paths paths;
	int from[R], shared[R];
	unsigned char ends[R * LONG];
	int32_t token[R * LONG];
};

/* Two trees of three responses of 2 x 3 tokens; the third branches off in the middle of the first. */
static void batch_init(struct batch *b)
{
	memset(b, 0, sizeof *b);
	bench_init(&b->k, R, LONG, 2);
	for (int i = 0; i < R; i++) {
		b->k.group[i] = i / 3;
		b->k.length[i] = 6;
		b->shared[i] = i % 3 == 2 ? 3 : 0;
		b->k.reward[i] = i == 0 || i >= 3;
		for (int t = 0; t < LONG; t++) {
			const int at = i * LONG + t;

			b->k.mask[at] = t < 6;
			b->ends[at] = t % 3 == 2;
			b->k.old[at] = b->k.ref[at] = t < 6 ? -0.2 * (t + 1) : NAN;
		}
	}
	b->paths = (struct ebb_batch_paths){b->from, b->shared, b->ends, b->token};
	b->k.b.paths = &b->paths;
	b->k.o.tree.sampler = EBB_TREE_IB;
	b->k.o.advantage.center = EBB_CENTER_TREE;
}

static void prepare(struct batch *b)
{
	ebb_objective_shape(&b->k.o, &b->k.b);
	ebb_objective_prepare(&b->k.o, &b->k.b, 0, NULL);
}

Test(tree, steps_have_their_own_advantage_and_equal_trees_none)
{
	struct batch b;

	batch_init(&b);
	prepare(&b);
	for (int t = 0; t < 3; t++) { /* shared by right and wrong: p = 1/2, and 1/3 at the root */
		cr_expect_eq(b.k.A[t], b.k.A[0]);
		cr_expect_eq(b.k.A[2 * LONG + t], b.k.A[t], "a shared step has one advantage");
		cr_expect_gt(b.k.A[3], b.k.A[t]);
		cr_expect_lt(b.k.A[2 * LONG + 3], b.k.A[t]);
	}
	for (int i = 3; i < R; i++)
		for (int t = 0; t < LONG; t++)
			cr_expect_eq(b.k.A[i * LONG + t], 0.0, "all right: dropped");
	for (int i = 0; i < R; i++)
		for (int t = 6; t < LONG; t++)
			cr_expect_eq(b.k.A[i * LONG + t], 0.0, "padding");
	bench_release(&b.k);
}

/* Without branches and without the local part, a tree is a group. */
Test(tree, independent_responses_are_a_group)
{
	for (int scale = 0; scale <= EBB_SCALE_WHITEN; scale++) {
		struct batch b, c;

		batch_init(&b);
		batch_init(&c);
		memset(b.shared, 0, sizeof b.shared);
		memset(c.shared, 0, sizeof c.shared);
		b.k.o.ib.lambda = 0;
		b.k.o.advantage.scale = c.k.o.advantage.scale = (enum ebb_advantage_scale)scale;
		c.k.o.advantage.center = EBB_CENTER_GROUP;
		prepare(&b);
		prepare(&c);
		cr_expect_arr_eq(b.k.A, c.k.A, R * LONG * sizeof *b.k.A, "scale %d", scale);
		bench_release(&b.k);
		bench_release(&c.k);
	}
}

Test(tree, a_scale_of_the_reward_changes_nothing)
{
	struct batch b, c;

	batch_init(&b);
	batch_init(&c);
	c.k.o.reward.scale = EBB_REWARD_PLUS_MINUS_ONE;
	c.k.o.advantage.std_eps = b.k.o.advantage.std_eps = 0;
	prepare(&b);
	prepare(&c);
	for (int i = 0; i < R * LONG; i++)
		expect_near(c.k.A[i], b.k.A[i], 1e-15, 1e-13, "cell %d", i);
	bench_release(&b.k);
	bench_release(&c.k);
}

Test(tree, shared_tokens_count_once)
{
	struct batch b;
	int n = 0;

	batch_init(&b);
	b.k.o.ib.shared = EBB_IB_SHARED_ONCE;
	prepare(&b);
	for (int i = 0; i < R * LONG; i++)
		n += b.k.mask[i];
	cr_expect_eq(n, R * 6 - 2 * 3);
	for (int t = 0; t < 6; t++) {
		cr_expect_eq(b.k.mask[t], 1);
		cr_expect_eq(b.k.mask[2 * LONG + t], t >= 3, "token %d", t);
	}
	bench_release(&b.k);
	/* the row that has them leaves the loss: the next one takes them */
	batch_init(&b);
	b.k.o.ib.shared = EBB_IB_SHARED_ONCE;
	b.k.o.overlong.mode = EBB_OVERLONG_FILTER;
	b.k.truncated[0] = true;
	prepare(&b);
	for (int t = 0; t < 6; t++) {
		cr_expect_eq(b.k.mask[t], 0);
		cr_expect_eq(b.k.mask[2 * LONG + t], 1, "token %d", t);
	}
	bench_release(&b.k);
}

/* A step that is another row's leaves the loss, not the response: gamma(t) goes on where it branches. */
Test(tree, gamma_counts_the_tokens_that_are_shared)
{
	struct ebb_entropy_rule rule;
	double to_go[LONG];
	struct batch b;

	batch_init(&b);
	b.k.o.ib.shared = EBB_IB_SHARED_ONCE;
	b.k.o.entropy.coef = 1;
	b.k.o.entropy.aggregate = EBB_ENTROPY_SEQ_MEAN;
	b.k.o.gamma.kind = EBB_GAMMA_EXP;
	b.k.o.gamma.base = 0.5;
	prepare(&b);
	for (int i = 0; i < R * LONG; i++)
		b.k.logp[i] = b.k.old[i];
	for (int norm = 0; norm <= EBB_GAMMA_MEAN_GAMMA; norm++) {
		b.k.o.gamma.normalise = (enum ebb_gamma_normalise)norm;
		bench_weigh(&b.k, 0);
		for (int t = 3; t < 6; t++) {
			const double own = norm == EBB_GAMMA_MEAN_TOKENS ? 3
					   : norm == EBB_GAMMA_SUM
						   ? 1
						   : pow(0.5, 4) + pow(0.5, 5) + pow(0.5, 6);

			expect_near(b.k.w_entropy[2 * LONG + t], -pow(0.5, t + 1) / (R * own),
				    1e-15, 1e-12, "norm %d, token %d", norm, t);
		}
	}
	b.k.o.gamma.kind = EBB_GAMMA_LINEAR;
	b.k.o.gamma.tmax = EBB_TMAX_ACTUAL;
	b.k.o.gamma.normalise = EBB_GAMMA_SUM;
	bench_weigh(&b.k, 0);
	expect_near(b.k.w_entropy[2 * LONG + 3], -(1 - 4.0 / 6) / R, 1e-15, 1e-12, "linear");
	for (int t = 0; t < 6; t++)
		b.k.drawn_entropy[2 * LONG + t] = 1;
	ebb_entropy_rule_init(&rule, &b.k.o, 1.0, LONG);
	ebb_score_to_go(&rule, &b.k.b, 2, -100, to_go);
	cr_expect_eq(to_go[2], 0.0);
	expect_near(to_go[3], 1 - 5.0 / 6, 1e-15, 1e-12, "what follows token 3");
	bench_release(&b.k);
}

/* Filtered rows that are not in the baseline are in no mean below a step either. */
Test(tree, filtered_rows_leave_the_means)
{
	struct batch b;

	batch_init(&b);
	b.k.o.overlong.mode = EBB_OVERLONG_FILTER;
	b.k.o.overlong.in_baseline = false;
	b.k.o.ib.lambda = 0;
	b.k.truncated[2] = true;
	prepare(&b);
	for (int t = 0; t < 6; t++) {
		cr_expect_eq(b.k.A[t], b.k.A[0], "all below the first step are right");
		cr_expect_eq(b.k.A[2 * LONG + t], 0.0);
	}
	bench_release(&b.k);
}
