/* Whole definitions that use everything at once: what comes out, arm by arm. */
#include "fixture.h"

#include <yaml.h>

static void read_whole(struct reading *r, const char *const *name, int n, const char *override)
{
	const char *root = getenv("EBB_SOURCE_ROOT");
	static char path[2][4096];
	const char *file[2] = {path[0], path[1]};

	cr_assert(root != NULL, "EBB_SOURCE_ROOT is the folder of the sources");
	memset(r, 0, sizeof *r);
	for (int i = 0; i < n; i++)
		snprintf(path[i], sizeof path[i], "%s/tests/options/whole/%s.yaml", root, name[i]);
	r->rc = ebb_definition_read(&r->def, &fake, file, n, &override, override != NULL, &r->diag,
				    &r->err);
	EXPECT_FINE(r);
}

#define READ_WHOLE(r, override, ...)                                                               \
	read_whole(r, (const char *const[]){__VA_ARGS__},                                          \
		   (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), override)

#define EXPECT_LABELS(r, ...)                                                                      \
	do {                                                                                       \
		const char *const label[] = {__VA_ARGS__};                                         \
		const int n = (int)(sizeof label / sizeof *label);                                 \
		cr_expect_eq((r)->def.n_arms, n, "%d arms instead of %d", (r)->def.n_arms, n);     \
		for (int i = 0; i < n && i < (r)->def.n_arms; i++)                                 \
			cr_expect_str_eq((r)->def.arm[i].label, label[i]);                         \
	} while (0)

/* The resolved text is YAML that lists every arm and trial. */
static void expect_printed(const struct reading *r)
{
	struct ebb_buf out = EBB_BUF_INIT;
	yaml_document_t doc;
	yaml_parser_t p;

	ebb_definition_print(&r->def, &fake, &out);
	cr_assert(yaml_parser_initialize(&p));
	yaml_parser_set_input_string(&p, (const unsigned char *)out.data, out.len);
	cr_assert(yaml_parser_load(&p, &doc), "%s", out.data);
	for (int a = 0; a < r->def.n_arms; a++)
		cr_expect(strstr(out.data, r->def.arm[a].label), "%s", r->def.arm[a].label);
	for (int i = 0; i < r->def.n_plans; i++)
		cr_expect(strstr(out.data, r->def.plan[i].id), "%s", r->def.plan[i].id);
	yaml_document_delete(&doc);
	yaml_parser_delete(&p);
	ebb_buf_release(&out);
}

Test(whole, grid)
{
	const struct ebb_options *o;
	struct reading r;

	READ_WHOLE(&r, NULL, "grid");
	EXPECT_LABELS(&r, "grpo alpha=0 mu=1", "grpo alpha=0 mu=2", "grpo alpha=0.001 mu=1",
		      "grpo alpha=0.001 mu=2", "grpo alpha=0.01 mu=1", "grpo alpha=0.01 mu=2",
		      "grpo alpha=0.1 mu=1", "grpo alpha=0.1 mu=2", "slower alpha=0 mu=1",
		      "slower alpha=0 mu=2", "slower alpha=0.001 mu=1 beta=0",
		      "slower alpha=0.001 mu=1 beta=0.1", "slower alpha=0.001 mu=1 beta=0.2",
		      "slower alpha=0.001 mu=2 beta=0", "slower alpha=0.001 mu=2 beta=0.1",
		      "slower alpha=0.001 mu=2 beta=0.2", "slower alpha=0.01 mu=1 beta=0",
		      "slower alpha=0.01 mu=1 beta=0.1", "slower alpha=0.01 mu=1 beta=0.2",
		      "slower alpha=0.01 mu=2 beta=0", "slower alpha=0.01 mu=2 beta=0.1",
		      "slower alpha=0.01 mu=2 beta=0.2", "slower alpha=0.1 mu=1 beta=0",
		      "slower alpha=0.1 mu=1 beta=0.1", "slower alpha=0.1 mu=1 beta=0.2",
		      "slower alpha=0.1 mu=2 beta=0", "slower alpha=0.1 mu=2 beta=0.1",
		      "slower alpha=0.1 mu=2 beta=0.2");
	o = &arm_of(&r, "slower alpha=0.01 mu=2 beta=0.2")->options;
	cr_expect_eq(o->train.lr, 3e-5);
	cr_expect_eq(o->info.coef, 0.2);
	cr_expect_eq(o->train.minibatches, 2);
	cr_expect_eq(o->clip.high, 0.25);
	cr_expect_eq(o->clip.low, 0.11); /* the task preset's */
	cr_expect_eq(chain_of(o).slip, 0.25);
	o = &arm_of(&r, "slower alpha=0.01 mu=1 beta=0.2")->options;
	cr_expect_eq(o->train.minibatches, 4);
	cr_expect_eq(o->clip.high, 0.12);
	cr_expect_eq(r.def.n_plans, 28 * 3);
	cr_expect_eq(r.def.seed[2], 6);
	cr_expect_eq(r.diag.n_warnings, 0);
	expect_printed(&r);
	done(&r);

	/* overrides: nothing is left for the when, whose alpha is 0 */
	READ_WHOLE(&r, "alpha=0", "grid");
	EXPECT_LABELS(&r, "grpo mu=1", "grpo mu=2", "slower mu=1", "slower mu=2");
	cr_expect(found(&r, EBB_NOTE, 15, 3, "not applicable"));
	done(&r);
}

Test(whole, pairs)
{
	struct reading r;

	READ_WHOLE(&r, NULL, "pairs");
	EXPECT_LABELS(&r, "grpo lr=0.001 eps_low=0.1 eps_high=0.3 mu=1",
		      "grpo lr=0.001 eps_low=0.1 eps_high=0.3 mu=2",
		      "grpo lr=0.001 eps_low=0.2 eps_high=0.4 mu=1",
		      "grpo lr=0.001 eps_low=0.2 eps_high=0.4 mu=2",
		      "dapo lr=0.002 eps_low=0.1 eps_high=0.3 mu=4",
		      "dapo lr=0.002 eps_low=0.2 eps_high=0.4 mu=4",
		      "gipo lr=0.001 eps_low=0.1 eps_high=0.3 mu=1 beta=0.01 gamma.kind=linear",
		      "gipo lr=0.001 eps_low=0.1 eps_high=0.3 mu=1 beta=0.1 gamma.kind=exp",
		      "gipo lr=0.001 eps_low=0.1 eps_high=0.3 mu=1 beta=1 gamma.kind=none",
		      "gipo lr=0.001 eps_low=0.1 eps_high=0.3 mu=2 beta=0.01 gamma.kind=linear",
		      "gipo lr=0.001 eps_low=0.1 eps_high=0.3 mu=2 beta=0.1 gamma.kind=exp",
		      "gipo lr=0.001 eps_low=0.1 eps_high=0.3 mu=2 beta=1 gamma.kind=none",
		      "gipo lr=0.001 eps_low=0.2 eps_high=0.4 mu=1 beta=0.01 gamma.kind=linear",
		      "gipo lr=0.001 eps_low=0.2 eps_high=0.4 mu=1 beta=0.1 gamma.kind=exp",
		      "gipo lr=0.001 eps_low=0.2 eps_high=0.4 mu=1 beta=1 gamma.kind=none",
		      "gipo lr=0.001 eps_low=0.2 eps_high=0.4 mu=2 beta=0.01 gamma.kind=linear",
		      "gipo lr=0.001 eps_low=0.2 eps_high=0.4 mu=2 beta=0.1 gamma.kind=exp",
		      "gipo lr=0.001 eps_low=0.2 eps_high=0.4 mu=2 beta=1 gamma.kind=none");
	cr_expect_eq(r.def.arm[17].options.gamma.kind, EBB_GAMMA_NONE);
	cr_expect_eq(r.def.arm[17].options.info.coef, 1);
	cr_expect_eq(r.def.arm[4].options.train.epochs, 4);
	expect_printed(&r);
	done(&r);

	READ_WHOLE(&r, "algorithm=gipo", "pairs");
	cr_expect_eq(r.def.n_arms, 2 * 2 * 2 * 3); /* lr 1e-3 twice is once */
	cr_expect(found(&r, EBB_NOTE, 5, 7, "run once"));
	cr_expect(found(&r, EBB_NOTE, 10, 3, "not applicable"));
	done(&r);
}

Test(whole, cases)
{
	struct reading r;

	READ_WHOLE(&r, NULL, "cases");
	cr_assert_eq(r.def.n_arms, 12);
	for (int a = 0; a < 12; a++) {
		const struct ebb_options *o = &r.def.arm[a].options;
		bool maze = strcmp(o->task.name, "maze") == 0;
		bool wide = strcmp(o->algorithm, "wide") == 0;
		bool gipo = strcmp(o->algorithm, "gipo") == 0;
		double walls;

		if (maze) {
			memcpy(&walls, &((const struct fake_maze *)o->task_own)->walls,
			       sizeof walls);
			cr_expect_eq(walls, 0.7);
		}
		cr_expect_eq(o->train.lr, maze && wide ? 0.01 : 3e-4);
		cr_expect_eq(o->clip.low, wide ? 0.3 : 0.2);
		cr_expect_eq(o->entropy.aggregate, (o->entropy.coef == 0.5 && !wide) || gipo
							   ? EBB_ENTROPY_SEQ_MEAN
							   : EBB_ENTROPY_TOKEN_MEAN);
		cr_expect_eq(o->info.norm, gipo ? EBB_INFO_SUM : EBB_INFO_MEAN);
	}
	cr_expect_str_eq(r.def.arm[9].label, "wide task.name=maze alpha=0.5");
	expect_printed(&r);
	done(&r);
}

Test(whole, base_and_change)
{
	const struct ebb_options *o;
	struct reading r;

	READ_WHOLE(&r, NULL, "base");
	cr_expect_eq(r.def.n_arms, 8 + 16);
	cr_expect_eq(r.diag.n_warnings, 0);
	done(&r);

	READ_WHOLE(&r, NULL, "base", "change");
	EXPECT_LABELS(
		&r, "grpo eps_low=0.1 eps_high=0.5", "grpo eps_low=0.2 eps_high=0.6",
		"mine eps_low=0.1 eps_high=0.5 beta=0.01", "mine eps_low=0.1 eps_high=0.5 beta=0.1",
		"mine eps_low=0.1 eps_high=0.5 beta=1", "mine eps_low=0.2 eps_high=0.6 beta=0.01",
		"mine eps_low=0.2 eps_high=0.6 beta=0.1", "mine eps_low=0.2 eps_high=0.6 beta=1");
	cr_expect_str_eq(r.def.name, "base");
	cr_expect_str_eq(r.def.about, "changed");
	cr_expect_eq(r.def.n_seeds, 2);
	cr_expect_eq(r.def.n_figures, 1);
	o = &r.def.arm[0].options;
	cr_expect_eq(o->kl.place, EBB_KL_LOSS);
	cr_expect_eq(o->kl.coef, 0.3);
	cr_expect_eq(o->train.lr, 0.2);
	cr_expect_eq(o->train.steps, 50);
	cr_expect_eq(o->train.warmup, 2);
	o = &r.def.arm[7].options;
	cr_expect_eq(o->entropy.coef, 0.4);
	cr_expect_eq(o->train.epochs, 2);
	cr_expect_eq(o->info.coef, 1);
	cr_expect_eq(ebb_arm_mark(&r.def.arm[7], "entropy.coef").line, 5);
	cr_expect_eq(r.diag.n_warnings, 0);
	expect_printed(&r);
	done(&r);
}
