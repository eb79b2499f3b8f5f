/* Trees and rates of groups against tests/golden/entropy-and-information.json. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective/tree.h"
#include "support.h"

#define ABS 1e-12
#define REL 1e-9

/* The file's tree as the responses it is made of: leaves 4, 5, 6, 7, 8 in this order. */
#define ROWS  5
#define LONG  20
#define NODES 9
static const int path[ROWS][2] = {{1, 4}, {1, 5}, {2, 6}, {3, 7}, {3, 8}};
static const int from[ROWS] = {0, 0, 0, 0, 3};

struct golden_tree {
	json_t *file, *section, *expected;
	struct bench k; /* its rows; A is (ROWS, T) */
	struct ebb_batch_paths batch_paths;
	int length[ROWS], from[ROWS], shared[ROWS];
	unsigned char ends[ROWS * LONG];
	int32_t token[ROWS * LONG];
	double reward[ROWS], logp[ROWS * LONG];
	struct ebb_paths p;
	struct ebb_node node[1 + ROWS * LONG];
	int at[ROWS * LONG];
	struct ebb_tree tree;
	int id[NODES]; /* our number of the file's node */
	struct ebb_ib ib[1 + ROWS * LONG];
};

static double node_real(struct golden_tree *g, int id, const char *key)
{
	return golden_real(golden_get(
		json_array_get(golden_get(golden_get(g->section, "inputs"), "nodes"), (size_t)id),
		key));
}

static void golden_tree_init(struct golden_tree *g)
{
	json_t *leaf;

	memset(g, 0, sizeof *g);
	g->file = golden_load("entropy-and-information.json");
	g->section = golden_get(golden_get(g->file, "sections"), "ib_tree");
	g->expected = golden_get(g->section, "expected");
	leaf = golden_get(golden_get(g->section, "inputs"), "leaf_reward");
	bench_init(&g->k, ROWS, LONG, 1);
	for (int i = 0; i < ROWS; i++) {
		int t = 0;
		char key[8];

		for (int s = 0; s < 2; s++) {
			const int n = (int)node_real(g, path[i][s], "len");

			for (int end = t + n; t < end; t++) {
				g->token[i * LONG + t] = 10 * path[i][s] + t % 3;
				g->logp[i * LONG + t] = node_real(g, path[i][s], "logp") / n;
				g->k.mask[i * LONG + t] = 1;
			}
			g->ends[i * LONG + t - 1] = 1;
			if (s == 0 && i > 0 && path[i][0] == path[i - 1][0])
				g->shared[i] = t;
		}
		g->length[i] = g->k.length[i] = t;
		g->from[i] = from[i];
		snprintf(key, sizeof key, "%d", path[i][1]);
		g->reward[i] = g->k.reward[i] = golden_real(golden_get(leaf, key));
	}
	memcpy(g->k.old, g->logp, sizeof g->logp);
	memcpy(g->k.ref, g->logp, sizeof g->logp);
	g->p = (struct ebb_paths){.rows = ROWS,
				  .T = LONG,
				  .length = g->length,
				  .from = g->from,
				  .shared = g->shared,
				  .ends = g->ends,
				  .token = g->token,
				  .value = g->reward,
				  .logp = g->logp};
	g->batch_paths = (struct ebb_batch_paths){g->from, g->shared, g->ends, g->token};
	g->k.b.paths = &g->batch_paths;
	g->tree.node = g->node;
	g->tree.at = g->at;
	ebb_tree_build(&g->k.o, &g->p, &g->tree);
	for (int i = 0; i < ROWS; i++)
		for (int s = 0, t = 0; s < 2; s++) {
			g->id[path[i][s]] = g->at[i * LONG + t];
			t += (int)node_real(g, path[i][s], "len");
		}
}

static void golden_tree_release(struct golden_tree *g)
{
	bench_release(&g->k);
	json_decref(g->file);
}

static double expected_of(json_t *object, int id)
{
	char key[8];

	snprintf(key, sizeof key, "%d", id);
	return golden_real(golden_get(object, key));
}

Test(golden, tree_nodes)
{
	struct golden_tree g;

	golden_tree_init(&g);
	cr_assert_eq(g.tree.n, NODES);
	for (int id = 0; id < NODES; id++) {
		const struct ebb_node *node = &g.tree.node[g.id[id]];
		const int parent = (int)node_real(&g, id, "parent");

		expect_near(ebb_tree_value(node), expected_of(golden_get(g.expected, "p_hat"), id),
			    ABS, REL, "p of %d", id);
		cr_expect_eq(node->leaves, expected_of(golden_get(g.expected, "n_leaves"), id));
		cr_expect_eq(node->tokens, node_real(&g, id, "len"));
		cr_expect_eq(node->parent, parent < 0 ? -1 : g.id[parent]);
		expect_near(node->logp, node_real(&g, id, "logp"), ABS, REL, "logp of %d", id);
	}
	golden_tree_release(&g);
}

Test(golden, tree_scores)
{
	static const char *const conf[] = {"geo_prob", "seq_prob"};
	static const char *const weight[] = {"uniform", "leaf"};
	struct golden_tree g;

	golden_tree_init(&g);
	for (int c = 0; c < 2; c++)
		for (int w = 0; w < 2; w++) {
			char key[32];
			json_t *want;
			int chosen;

			snprintf(key, sizeof key, "%s/%s", conf[c], weight[w]);
			want = golden_get(golden_get(g.expected, "ib_score"), key);
			g.k.o.ib.beta = 5;
			g.k.o.ib.conf = (enum ebb_ib_conf)c;
			g.k.o.ib.child_weight = (enum ebb_ib_child_weight)w;
			ebb_tree_score(&g.k.o, &g.tree, g.ib);
			for (int id = 0; id < 4; id++) {
				const struct ebb_ib *got = &g.ib[g.id[id]];
				char node[8];
				json_t *of;

				snprintf(node, sizeof node, "%d", id);
				of = golden_get(want, node);
				expect_near(got->score, golden_real(golden_get(of, "score")), ABS,
					    REL, "%s score %d", key, id);
				expect_near(got->eta1, golden_real(golden_get(of, "E_eta1")), ABS,
					    REL, "%s eta1 %d", key, id);
				expect_near(got->eta2, golden_real(golden_get(of, "E_eta2")), ABS,
					    REL, "%s eta2 %d", key, id);
				expect_near(got->eta12, golden_real(golden_get(of, "E_eta1_eta2")),
					    ABS, REL, "%s eta1 eta2 %d", key, id);
				expect_near(got->cov, golden_real(golden_get(of, "cov")), ABS, REL,
					    "%s cov %d", key, id);
				expect_near(got->mi,
					    expected_of(golden_get(g.expected,
								   "mi_bernoulli_leafweight"),
							id),
					    ABS, REL, "%s mi %d", key, id);
			}
			cr_expect(isnan(g.ib[g.id[4]].score), "a leaf has no score");
			ebb_tree_choose(&g.k.o, EBB_TREE_IB, &g.tree, g.ib, NULL, &chosen);
			cr_expect_eq(chosen, g.id[(int)golden_real(golden_get(want, "argmax"))]);
			g.k.o.ib.prefactor = EBB_PREFACTOR_BETA;
			ebb_tree_score(&g.k.o, &g.tree, g.ib);
			expect_near(g.ib[g.id[1]].score,
				    golden_real(golden_get(golden_get(want, "1"), "score")) * 5 / 6,
				    ABS, REL, "%s with the other factor", key);
			g.k.o.ib.prefactor = EBB_PREFACTOR_ONE_PLUS_BETA;
		}
	golden_tree_release(&g);
}

/* A, and by lambda = 0 and the difference A_GL and A_IB, through the whole of prepare. */
static void check_advantage(struct golden_tree *g, double lambda, const char *part)
{
	json_t *want = golden_get(g->expected, "advantage_geo_prob");

	g->k.o.ib.lambda = lambda;
	ebb_objective_shape(&g->k.o, &g->k.b);
	ebb_objective_prepare(&g->k.o, &g->k.b, 0, NULL);
	for (int i = 0; i < ROWS; i++)
		for (int s = 0, t = 0; s < 2; s++) {
			char id[8];
			json_t *of;

			snprintf(id, sizeof id, "%d", path[i][s]);
			of = golden_get(want, id);
			for (int end = t + (int)node_real(g, path[i][s], "len"); t < end; t++)
				expect_near(g->k.A[i * LONG + t], golden_real(golden_get(of, part)),
					    ABS, REL, "%s of %s, row %d token %d", part, id, i, t);
		}
}

Test(golden, tree_advantages)
{
	struct golden_tree g;
	double local[ROWS * LONG], centre[ROWS], spread[ROWS];
	bool counted[ROWS];
	json_t *want, *params;
	struct ebb_component c = {.baseline = centre, .divisor = spread};

	golden_tree_init(&g);
	want = golden_get(g.expected, "advantage_geo_prob");
	params = golden_get(g.section, "params");
	c.value = g.reward;
	g.k.o.tree.sampler = EBB_TREE_IB;
	g.k.o.advantage.center = EBB_CENTER_TREE;
	g.k.o.advantage.std_ddof = (int64_t)golden_real(golden_get(params, "std_ddof"));
	g.k.o.ib.beta = golden_real(golden_get(params, "beta"));
	g.k.o.advantage.std_eps = 0; /* the file has none */
	check_advantage(&g, 0, "A_GL");
	check_advantage(&g, golden_real(golden_get(params, "lambda")), "A");
	g.k.o.ib.ref = EBB_IB_OLD;
	check_advantage(&g, golden_real(golden_get(params, "lambda")), "A");
	memset(counted, 1, sizeof counted);
	ebb_tree_local(&g.k.o, &g.k.b, counted, local);
	for (int i = 0; i < ROWS; i++)
		for (int s = 0, t = 0; s < 2; s++) {
			char id[8];

			t += (int)node_real(&g, path[i][s], "len");
			snprintf(id, sizeof id, "%d", path[i][s]);
			expect_near(local[i * LONG + t - 1],
				    golden_real(golden_get(golden_get(want, id), "A_IB")), ABS, REL,
				    "A_IB of %s", id);
		}
	ebb_component_fill(&g.k.o, &g.k.b, counted, NULL, &c);
	expect_near(c.divisor[0], golden_real(golden_get(g.expected, "reward_std")), ABS, REL,
		    "std of the leaves");
	golden_tree_release(&g);
}

Test(golden, tree_accounting_and_plan)
{
	struct golden_tree g;
	struct ebb_tree_account a;
	struct ebb_options o;
	json_t *plan;

	golden_tree_init(&g);
	ebb_tree_count(&g.p, &a);
	cr_expect_eq(a.generated, golden_real(golden_get(g.expected, "tokens_generated")));
	cr_expect_eq(a.consumed, golden_real(golden_get(g.expected, "tokens_in_trajectories")));
	expect_near(a.consumed / a.generated, golden_real(golden_get(g.expected, "reuse_factor")),
		    ABS, REL, "reuse");
	plan = golden_get(g.expected, "expansion_plan");
	options_default(&o);
	o.tree.sampler = EBB_TREE_IB;
	o.tree.b0 = (int64_t)golden_real(golden_get(plan, "B0"));
	o.tree.rounds = (int64_t)golden_real(golden_get(plan, "L"));
	o.tree.width = (int64_t)golden_real(golden_get(plan, "K"));
	o.tree.branch = (int64_t)golden_real(golden_get(plan, "B"));
	cr_expect_eq(ebb_group_size(&o), golden_real(golden_get(plan, "G")));
	golden_tree_release(&g);
}

Test(golden, rates_of_groups)
{
	json_t *file = golden_load("entropy-and-information.json");
	json_t *s = golden_get(golden_get(file, "sections"), "run_metrics");
	double reward[16], eff, avg;

	golden_matrix(golden_get(golden_get(s, "inputs"), "group_rewards"), 4, 4, reward);
	ebb_group_rates(reward, 4, 4, &eff, &avg);
	expect_near(eff, golden_real(golden_get(golden_get(s, "expected"), "eff_rate")), ABS, REL,
		    "Eff-Rate");
	expect_near(avg, golden_real(golden_get(golden_get(s, "expected"), "avg_rate")), ABS, REL,
		    "Avg-Rate");
	json_decref(file);
}
