/* What a sound definition resolves to: precedence, beta, sweeps, seeds, trials, printing. */
#include "fixture.h"

#include <yaml.h>

/* ---- precedence ---- */

Test(definition, each_level_lies_above_the_one_before)
{
	struct reading r;

	/* clip.high: built-in 0.2 < task preset 0.12 < algorithm 0.28 < row 0.3 < definition 0.4
	 * < swept 0.5 < command line 0.6 */
	READ(&r, "alpha: 0\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.2);
	done(&r);

	READ(&r, "task.preset: rare\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.12);
	cr_expect_eq(r.def.arm[0].options.clip.low, 0.11);
	cr_expect_eq(chain_of(&r.def.arm[0].options).slip, 0.3);
	cr_expect_str_eq(r.def.arm[0].options.pretrain.from, "main");
	done(&r);

	READ(&r, "task.preset: rare\nalgorithm: dapo\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.28);
	cr_expect_eq(r.def.arm[0].options.clip.low, 0.11);
	done(&r);

	READ(&r, "task: {preset: rare}\nalgorithm: mine\n"
		 "algorithms: {mine: {from: dapo, clip: {high: 0.3}}}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.3);
	cr_expect_str_eq(r.def.arm[0].options.algorithm, "mine");
	done(&r);

	READ(&r, "algorithm: mine\nalgorithms: {mine: {from: dapo, eps_high: 0.3}}\n"
		 "clip: {high: 0.4}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.4);
	cr_expect(found(&r, EBB_WARNING, 2, 33, "does nothing"));
	done(&r);

	READ(&r, "algorithm: dapo\nclip: {high: 0.4}\nsweep: {eps_high: [0.5]}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.5);
	done(&r);

	READ(&r, "algorithm: dapo\nclip: {high: 0.4}\nsweep: {eps_high: [0.5]}\n", "eps_high=0.6");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 1);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.6);
	done(&r);
}

Test(definition, a_task_preset_may_be_given_at_every_level)
{
	struct reading r;

	READ(&r, "sweep: {task.preset: [main, rare], task.slip: [0.1]}\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.2);
	cr_expect_eq(r.def.arm[1].options.clip.high, 0.12);
	cr_expect_eq(chain_of(&r.def.arm[1].options).slip, 0.1); /* above the preset's */
	done(&r);
	READ(&r, "task.preset: main\nclip.high: 0.7\n", "task.preset=rare");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.clip.high, 0.7);
	cr_expect_eq(r.def.arm[0].options.clip.low, 0.11);
	done(&r);
}

Test(definition, tasks_bring_their_own_options)
{
	struct reading r;

	READ(&r, "sweep:\n  task.name: [chain, maze]\n");
	EXPECT_FINE(&r);
	cr_expect_eq(chain_of(&r.def.arm[0].options).slip, 0.2);
	cr_expect_eq(((const struct fake_maze *)r.def.arm[1].options.task_own)->styles, 50);
	done(&r);
	READ(&r, "task: {styles: 20, name: maze, preset: tight}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(((const struct fake_maze *)r.def.arm[0].options.task_own)->styles, 20);
	cr_expect_eq(((const struct fake_maze *)r.def.arm[0].options.task_own)->walls, 0.9);
	done(&r);
}

Test(definition, rows_of_algorithms_inherit)
{
	struct reading r;

	READ(&r, "algorithms:\n"
		 "  b: {from: a, gamma.half_life: 8}\n"
		 "  a: {from: gipo, gamma: {kind: exp}, beta: 0.5}\n"
		 "  plain: {clip.low: 0.1}\n"
		 "sweep: {algorithm: [b, plain]}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.gamma.kind, EBB_GAMMA_EXP);
	cr_expect_eq(r.def.arm[0].options.gamma.half_life, 8);
	cr_expect_eq(r.def.arm[0].options.info.coef, 0.5);
	cr_expect_eq(r.def.arm[0].options.entropy.coef, 0.001);
	cr_expect_eq(r.def.arm[1].options.clip.low, 0.1);
	done(&r);
}

/* ---- beta ---- */

Test(definition, beta_means_what_the_algorithm_says)
{
	struct reading r;

	READ(&r, "sweep:\n  algorithm: [grpo, gipo, grpo-paper]\n  beta: [0.1, 3e-1]\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 6);
	cr_expect_eq(arm_of(&r, "gipo beta=0.3")->options.info.coef, 0.3);
	cr_expect_eq(arm_of(&r, "gipo beta=0.3")->options.kl.place, EBB_KL_NONE);
	cr_expect_eq(arm_of(&r, "grpo beta=0.1")->options.kl.coef, 0.1);
	cr_expect_eq(arm_of(&r, "grpo beta=0.1")->options.kl.place, EBB_KL_LOSS);
	cr_expect_eq(arm_of(&r, "grpo beta=0.1")->options.kl.estimator, EBB_KL_K3);
	cr_expect_eq(arm_of(&r, "grpo_paper beta=0.1")->options.kl.coef, 0.1);
	cr_expect(found(&r, EBB_NOTE, 3, 3, "kl.place=loss kl.estimator=k3"));
	cr_expect(found(&r, EBB_NOTE, 3, 3, "info.coef"));
	cr_expect(
		found(&r, EBB_NOTE, 0, 0, "'grpo_paper beta=0.3' is the same as 'grpo beta=0.3'"));
	cr_expect_eq(r.diag.n, 3 + 2); /* of beta once an algorithm, not once an arm */
	done(&r);
}

Test(definition, beta_leaves_a_chosen_place_and_estimator)
{
	struct reading r;

	READ(&r, "algorithm: grpo\nbeta: 0.1\nkl: {place: reward, estimator: k1}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.kl.place, EBB_KL_REWARD);
	cr_expect_eq(r.def.arm[0].options.kl.estimator, EBB_KL_K1);
	done(&r);
	READ(&r, "algorithm: grpo\nkl.estimator: abs\nsweep: {beta: [0.1]}\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.kl.place, EBB_KL_LOSS);
	cr_expect_eq(r.def.arm[0].options.kl.estimator, EBB_KL_ABS);
	done(&r);
	READ(&r, "algorithm: grpo\nbeta: 0.1\nkl.place: none\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.arm[0].options.kl.place, EBB_KL_NONE);
	cr_expect(found(&r, EBB_WARNING, 2, 1, "beta does nothing"));
	done(&r);
}

Test(definition, beta_is_an_error_where_there_is_none)
{
	struct reading r;

	READ(&r, "algorithm: reinforce\nbeta: 0.1\n");
	cr_expect_lt(r.rc, 0);
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 2, 1, "'reinforce' has no beta"));
	done(&r);
	READ(&r, "algorithm: grpo\nbeta: 0.1\nkl.coef: 0.2\n");
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 2, 1, "the same option"));
	done(&r);
	READ(&r, "algorithm: grpo\nbeta: -1\nsweep: {alpha: [0, 1]}\n");
	cr_expect_eq(r.diag.n_errors, 1);
	cr_expect(found(&r, EBB_ERROR, 2, 7, "[0,1000]"));
	done(&r);
}

/* ---- sweeps and labels ---- */

Test(definition, the_first_axis_turns_slowest)
{
	static const char *const label[] = {
		"gipo alpha=0 clip.dual=3",    "gipo alpha=0 clip.dual=5",
		"grpo alpha=0 clip.dual=3",    "grpo alpha=0 clip.dual=5",
		"gipo alpha=0.01 clip.dual=3", "gipo alpha=0.01 clip.dual=5",
		"grpo alpha=0.01 clip.dual=3", "grpo alpha=0.01 clip.dual=5"};
	struct reading r;

	READ(&r, "sweep:\n  entropy.coef: [0, 1e-2]\n  algorithm: [gipo, grpo]\n"
		 "  clip: {dual: [3, 5]}\n  mu: [2]\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 8);
	for (int i = 0; i < 8; i++)
		cr_expect_str_eq(r.def.arm[i].label, label[i]);
	cr_assert_eq(r.def.arm[5].n_axes, 4);
	cr_expect_str_eq(r.def.arm[5].axis[0].key, "entropy.coef");
	cr_expect_str_eq(r.def.arm[5].axis[0].value, "0.01");
	cr_expect_str_eq(r.def.arm[5].axis[1].key, "algorithm");
	cr_expect_str_eq(r.def.arm[5].axis[1].value, "gipo");
	cr_expect_str_eq(r.def.arm[5].axis[3].value, "2");
	done(&r);
}

Test(definition, overrides_sweep_replace_and_set)
{
	struct reading r;

	READ(&r, "algorithm: gipo\nsweep: {alpha: [0, 0.1], beta: [0, 1]}\n", "alpha=0.5",
	     "gamma.kind=[linear,exp]", "algorithm=gipo");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 4);
	cr_expect_str_eq(r.def.arm[1].label, "gipo beta=0 gamma.kind=exp");
	cr_expect_eq(r.def.arm[1].options.entropy.coef, 0.5);
	cr_expect_str_eq(r.def.overrides, "alpha=0.5\ngamma.kind=[linear,exp]\nalgorithm=gipo\n");
	done(&r);
	READ_LINE(&r, "algorithm=grpo,dapo", "alpha=0,0.001", "seeds=8", "name=quick");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 4);
	cr_expect_eq(r.def.n_seeds, 8);
	cr_expect_str_eq(r.def.name, "quick");
	cr_expect_str_eq(r.def.source, "");
	cr_expect_str_eq(r.def.arm[2].label, "dapo alpha=0");
	done(&r);
	READ(&r, "beta: 0.1\nalgorithm: gipo\n", "beta=0.2,0.3");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 2);
	cr_expect_eq(r.def.arm[1].options.info.coef, 0.3);
	done(&r);
}

Test(definition, nothing_given_is_one_arm_of_defaults)
{
	struct reading r;

	READ(&r, "about: nothing else\n");
	EXPECT_FINE(&r);
	cr_expect_eq(r.def.n_arms, 1);
	cr_expect_eq(r.def.n_plans, 1);
	cr_expect_eq(r.def.seed[0], EBB_SEED_FIRST);
	cr_expect_str_eq(r.def.name, "case");
	cr_expect_str_eq(r.def.about, "nothing else");
	cr_expect_str_eq(r.def.arm[0].axis[0].key, "algorithm");
	cr_expect_str_eq(r.def.arm[0].label, r.def.arm[0].options.algorithm);
	done(&r);
}

Test(definition, seeds_in_all_forms)
{
	static const struct {
		const char *yaml, *override;
		int n;
		uint64_t first, last;
	} c[] = {{"seeds: 8\n", NULL, 8, 100, 107},
		 {"seed: 8\n", NULL, 1, 8, 8},
		 {"seeds: [3, 1, 2]\n", NULL, 3, 3, 2},
		 {"seeds: [5]\n", NULL, 1, 5, 5},
		 {"seeds: 100..107\n", NULL, 8, 100, 107},
		 {"seeds: 7..7\n", NULL, 1, 7, 7},
		 {"sweep: {seed: [4, 5]}\n", NULL, 2, 4, 5},
		 {"seeds: [18446744073709551615]\n", NULL, 1, UINT64_MAX, UINT64_MAX},
		 {"seeds: 8\n", "seed=1", 1, 1, 1},
		 {"seed: 8\n", "seeds=2", 2, 100, 101},
		 {"seeds: 8\n", "seeds=5,9", 2, 5, 9},
		 {"seeds: 8\n", "seeds=[5]", 1, 5, 5},
		 {"seeds: 8\n", "seed=5..6", 2, 5, 6},
		 {"sweep: {seed: [4, 5]}\n", "seed=1", 1, 1, 1}};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct reading r;

		READ(&r, c[i].yaml, c[i].override);
		EXPECT_FINE(&r);
		cr_expect_eq(r.def.n_seeds, c[i].n, "%s %s", c[i].yaml, c[i].override);
		cr_expect_eq(r.def.seed[0], c[i].first, "%s", c[i].yaml);
		cr_expect_eq(r.def.seed[r.def.n_seeds - 1], c[i].last, "%s", c[i].yaml);
		cr_expect_eq(r.def.arm[0].options.seed, c[i].first);
		done(&r);
	}
}

/* ---- trials ---- */

Test(definition, equal_arms_run_once)
{
	struct reading r;

	READ(&r, "algorithms: {twin: {from: gipo, alpha: 0.001}}\n"
		 "sweep: {algorithm: [gipo, twin, grpo], run.threads: [1, 2]}\nseeds: 3\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_arms, 6);
	cr_assert_eq(r.def.n_plans, 6); /* two algorithms, three seeds */
	for (int a = 0; a < 6; a++)
		for (int s = 0; s < 3; s++) {
			const struct ebb_plan *p = &r.def.plan[r.def.plan_of[a * 3 + s]];
			struct ebb_options o = r.def.arm[a].options;
			char id[EBB_ID_MAX];

			o.seed = r.def.seed[s];
			ebb_options_id(&o, &fake, id);
			cr_expect_str_eq(p->id, id);
			cr_expect_eq(p->options.seed, r.def.seed[s]);
			cr_expect_eq(p->arm, a < 4 ? 0 : 4);
		}
	cr_expect(found(&r, EBB_NOTE, 0, 0, "'twin run.threads=1' is the same as"));
	done(&r);
}

Test(definition, ids_do_not_depend_on_spelling_or_order)
{
	struct reading a, b;

	READ(&a, "train: {lr: 1e-3, steps: 50}\nalgorithm: gipo\nalpha: 0.01\n");
	READ(&b,
	     "name: other\nentropy.coef: 1e-2\nrun.jobs: 3\nalgorithms: {x: {from: gipo}}\n"
	     "algorithm: x\ntrain.steps: 5e1\n",
	     "lr=0.001");
	EXPECT_FINE(&a);
	EXPECT_FINE(&b);
	cr_expect_str_eq(a.def.plan[0].id, b.def.plan[0].id);
	done(&b);
	READ(&b, "train: {lr: 1e-3, steps: 51}\nalgorithm: gipo\nalpha: 0.01\n");
	EXPECT_FINE(&b);
	cr_expect_str_neq(a.def.plan[0].id, b.def.plan[0].id);
	done(&a);
	done(&b);
}

/* ---- printing ---- */

Test(definition, the_resolved_text_is_yaml)
{
	struct ebb_buf out = EBB_BUF_INIT;
	yaml_document_t doc;
	yaml_parser_t p;
	struct reading r;
	yaml_node_t *root;

	READ(&r, "about: \"tab\\there, \\\"quotes\\\", \\e[1m and \\x7f \\u0085 \\uFEFF end\"\n"
		 "sweep: {algorithm: [gipo, dapo], clip.high: [inf, 0.3]}\nseeds: 2\n"
		 "task.note: 'x: #y'\nfigures: [entropy]\n"
		 "claims: ['final(entropy) > 0', \"a: 'b'\"]\n");
	EXPECT_FINE(&r);
	ebb_definition_print(&r.def, &fake, &out);
	cr_assert(yaml_parser_initialize(&p));
	yaml_parser_set_input_string(&p, (const unsigned char *)out.data, out.len);
	cr_assert(yaml_parser_load(&p, &doc), "%s at line %zu of\n%s", p.problem,
		  p.problem_mark.line + 1, out.data);
	root = yaml_document_get_root_node(&doc);
	cr_assert_eq(root->type, YAML_MAPPING_NODE);
	for (yaml_node_pair_t *e = root->data.mapping.pairs.start; e < root->data.mapping.pairs.top;
	     e++) {
		const char *key =
			(const char *)yaml_document_get_node(&doc, e->key)->data.scalar.value;
		const yaml_node_t *v = yaml_document_get_node(&doc, e->value);

		if (strcmp(key, "about") == 0)
			cr_expect_str_eq((const char *)v->data.scalar.value, r.def.about);
		if (strcmp(key, "arms") == 0)
			cr_expect_eq(v->data.sequence.items.top - v->data.sequence.items.start, 4);
	}
	cr_expect(strstr(out.data, "label: \"gipo eps_high=inf\""), "%s", out.data);
	cr_expect(strstr(out.data, "clip.high: .inf"), "%s", out.data);
	cr_expect(strstr(out.data, r.def.plan[7].id), "%s", out.data);
	cr_expect(strstr(out.data, "task.note: \"x: #y\""), "%s", out.data);
	cr_expect(!strstr(out.data, "train.steps"), "a default is printed:\n%s", out.data);
	yaml_document_delete(&doc);
	yaml_parser_delete(&p);
	ebb_buf_release(&out);
	done(&r);
}

Test(definition, figures_and_claims_keep_text_and_place)
{
	struct reading r;

	READ(&r, "figures: [entropy, reward-vs-entropy]\nclaims:\n"
		 "  - final(entropy, algorithm=dapo) > 0\n");
	EXPECT_FINE(&r);
	cr_assert_eq(r.def.n_figures, 2);
	cr_expect_str_eq(r.def.figure[1].text, "reward-vs-entropy");
	cr_expect_eq(r.def.figure[1].mark.column, 20);
	cr_assert_eq(r.def.n_claims, 1);
	cr_expect_str_eq(r.def.claim[0].text, "final(entropy, algorithm=dapo) > 0");
	cr_expect_eq(r.def.claim[0].mark.line, 3);
	cr_expect_eq(r.def.claim[0].mark.column, 5);
	done(&r);
}

Test(definition, release_is_safe_on_nothing)
{
	struct ebb_definition def = {0};

	ebb_definition_release(&def);
	ebb_definition_release(&def);
}
