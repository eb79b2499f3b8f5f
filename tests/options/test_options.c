/* The table of options, values as text, identity and the checks of options against each other. */
#include "fixture.h"

#include <float.h>
#include <math.h>
#include "options/metrics.h"

static const struct ebb_option *row_of(const char *key)
{
	const struct ebb_option *r = ebb_option_find(&fake, "chain", key);

	cr_assert(r != NULL, "no option %s", key);
	return r;
}

static void put(struct ebb_options *o, const char *key, const char *value)
{
	struct ebb_err err = EBB_ERR_INIT;

	cr_assert_eq(ebb_option_set(o, row_of(key), value, &err), 0, "%s", err.text);
}

static char *text_of(const struct ebb_options *o, const struct ebb_option *r)
{
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_option_print(o, r, &b);
	return ebb_buf_take(&b);
}

Test(options, every_row_is_complete)
{
	const struct ebb_option *row;
	struct ebb_options o;
	int n;

	row = ebb_option_rows(&n);
	cr_assert_gt(n, 90);
	ebb_options_init(&o, &fake);
	for (int i = 0; i < n; i++) {
		const struct ebb_option *r = &row[i];
		struct ebb_err err = EBB_ERR_INIT;
		char key[128];

		snprintf(key, sizeof key, "%s.%s", r->group, r->name);
		cr_expect_eq(ebb_option_set(&o, r, r->default_text, &err), 0, "%s: %s", key,
			     err.text);
		cr_expect_gt(strlen(r->help), 0, "%s has no help", key);
		cr_expect(ebb_option_group_about(r->group) && ebb_option_group_about(r->group)[0],
			  "group of %s says nothing", key);
		cr_expect_eq(ebb_option_find(&fake, NULL, key), r, "%s is not found", key);
		if (r->alias[0])
			cr_expect_eq(ebb_option_find(&fake, NULL, r->alias), r, "%s", r->alias);
		cr_expect_eq(r->choice != NULL, r->type == EBB_TYPE_ENUM, "%s", key);
		cr_expect_eq(r->range[0] != 0, r->type == EBB_TYPE_INT || r->type == EBB_TYPE_F64,
			     "%s", key);
		for (int j = 0; j < i; j++) {
			cr_expect(strcmp(r->group, row[j].group) || strcmp(r->name, row[j].name),
				  "%s stands twice", key);
			cr_expect(!r->alias[0] || strcmp(r->alias, row[j].alias),
				  "alias %s stands twice", r->alias);
		}
	}
}

Test(options, aliases)
{
	static const char *const pair[][2] = {{"alpha", "entropy.coef"}, {"eps_low", "clip.low"},
					      {"eps_high", "clip.high"}, {"lr", "train.lr"},
					      {"mu", "train.epochs"},    {"slippery", "task.slip"}};

	for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
		cr_expect_eq(row_of(pair[i][0]), row_of(pair[i][1]), "%s", pair[i][0]);
	cr_expect_null(ebb_option_find(&fake, "maze", "task.slip"));
	cr_expect_null(ebb_option_find(&fake, "chain", "clip"));
	cr_expect_null(ebb_option_find(&fake, "chain", "clip."));
	cr_expect_null(ebb_option_find(&fake, "chain", ""));
	cr_expect_null(ebb_option_find(NULL, "chain", "task.slip"));
}

Test(options, defaults_are_members)
{
	struct ebb_options o;

	ebb_options_init(&o, &fake);
	cr_expect_str_eq(o.task.name, "chain");
	cr_expect_eq(o.train.group, 8);
	cr_expect_eq(o.train.lr, 3e-4);
	cr_expect_eq(o.advantage.center, EBB_CENTER_GROUP);
	cr_expect(o.model.tied);
	cr_expect_eq(chain_of(&o).slip, 0.2);
	cr_expect_str_eq(chain_of(&o).note, "none");
	cr_expect_gt(strlen(o.algorithm), 0);
}

Test(options, values_of_every_type_survive_print_and_parse)
{
	static const char *const number[] = {
		"0",       "1e-6",     "0.1",      "0.30000000000000004",
		"2.5e-17", "4.9e-324", "-1.25e-5", "123456.789"};
	const struct ebb_option *row;
	struct ebb_options o, back;
	int n;

	row = ebb_option_rows(&n);
	ebb_options_init(&o, &fake);
	back = o;
	for (int i = 0; i < n; i++) {
		const struct ebb_option *r = &row[i];
		int kept = 0;

		for (size_t k = 0; k < 12; k++) {
			char *text, *again;
			const char *try = NULL;

			if (r->type == EBB_TYPE_F64 || r->type == EBB_TYPE_INT)
				try = k < 8 ? number[k] : k == 8 ? "inf" : k == 9 ? "7" : NULL;
			else if (r->type == EBB_TYPE_ENUM)
				try = k == 0 || r->choice[1] ? r->choice[k % 2] : NULL;
			else if (r->type == EBB_TYPE_BOOL)
				try = k % 2 ? "yes" : "FALSE";
			else
				try = "a b=c,d: é \"x\"";
			if (!try || ebb_option_set(&o, r, try, NULL) < 0)
				continue;
			kept++;
			text = text_of(&o, r);
			cr_assert_eq(ebb_option_set(&back, r, text, NULL), 0, "%s.%s %s", r->group,
				     r->name, text);
			again = text_of(&back, r);
			cr_expect_str_eq(text, again);
			free(text);
			free(again);
		}
		cr_expect_gt(kept, 0, "nothing fits %s.%s", r->group, r->name);
	}
	cr_expect_eq(memcmp(&o, &back, sizeof o), 0, "some member has other bits");
}

Test(options, range_ends)
{
	char longest[EBB_STR_MAX], longer[EBB_STR_MAX + 1];
	const struct {
		const char *key, *value;
		bool fine;
	} c[] = {{"clip.low", "0", true},
		 {"clip.low", "1", true},
		 {"clip.low", "1.0000001", false},
		 {"clip.low", "-1e-300", false},
		 {"clip.high", "inf", true},
		 {"clip.high", ".inf", true},
		 {"clip.dual", "inf", false},
		 {"clip.dual", "1e308", true},
		 {"gamma.base", "1", false},
		 {"gamma.base", "0.999", true},
		 {"sample.top_p", "0", false},
		 {"sample.top_p", "1", true},
		 {"ratio.logp_floor", "0", false},
		 {"ratio.logp_floor", "-1e6", true},
		 {"train.steps", "0", true},
		 {"train.steps", "10000001", false},
		 {"train.steps", "1e3", true},
		 {"train.steps", "1.5", false},
		 {"train.steps", "99999999999999999999", false},
		 {"train.steps", "", false},
		 {"train.steps", "-1", false},
		 {"train.steps", " 1", false},
		 {"train.steps", "0x10", false},
		 {"train.lr", "nan", false},
		 {"train.lr", "0x1p-3", false},
		 {"train.lr", "1e999", false},
		 {"train.lr", "1e-999", false},
		 {"train.lr", "1,5", false},
		 {"train.lr", "0.1 ", false},
		 {"train.lr", "", false},
		 {"train.lr", "1e", false},
		 {"train.lr", "infinity", false},
		 {"model.tied", "maybe", false},
		 {"model.tied", "", false},
		 {"model.tied", "1", false},
		 {"model.tied", "Off", true},
		 {"loss.aggregate", "seq_mean_token_mean", true},
		 {"loss.aggregate", "token-mean ", false},
		 {"dynamic.on", "", false},
		 {"kl.estimator", "k3-is", true},
		 {"task.mode", "very_wild", true},
		 {"task.note", "", true},
		 {"task.note", "a\nb", false},
		 {"task.note", "\xff", false},
		 {"task.note", "\xc2\x85", false},
		 {"task.note", longest, true},
		 {"task.note", longer, false}};

	memset(longest, 'x', sizeof longest);
	memset(longer, 'x', sizeof longer);
	longest[sizeof longest - 1] = longer[sizeof longer - 1] = 0;
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct ebb_options o, before;
		struct ebb_err err = EBB_ERR_INIT;
		int rc;

		ebb_options_init(&o, &fake);
		before = o;
		rc = ebb_option_set(&o, row_of(c[i].key), c[i].value, &err);
		cr_expect_eq(rc == 0, c[i].fine, "%s=%s: %s", c[i].key, c[i].value, err.text);
		if (!c[i].fine) {
			cr_expect_eq(memcmp(&o, &before, sizeof o), 0, "%s changed", c[i].key);
			cr_expect(strstr(err.text, c[i].key), "%s", err.text);
		}
	}
}

Test(options, messages_name_range_choices_and_nearest)
{
	struct ebb_options o;
	struct ebb_err err = EBB_ERR_INIT;

	ebb_options_init(&o, &fake);
	ebb_option_set(&o, row_of("gamma.base"), "1", &err);
	cr_expect(strstr(err.text, "[0,1)"), "%s", err.text);
	ebb_option_set(&o, row_of("train.group"), "many", &err);
	cr_expect(strstr(err.text, "[1,4096]") && strstr(err.text, "many"), "%s", err.text);
	ebb_option_set(&o, row_of("gamma.kind"), "linaer", &err);
	cr_expect(strstr(err.text, "did you mean 'linear'"), "%s", err.text);
	cr_expect(strstr(err.text, "piece_exp"), "%s", err.text);
	ebb_option_set(&o, row_of("gamma.kind"), "\033[2J", &err);
	cr_expect(!strchr(err.text, 033), "an escape sequence reached the message");
}

Test(options, minus_zero_is_zero)
{
	struct ebb_options a, b;
	char x[EBB_ID_MAX], y[EBB_ID_MAX];

	ebb_options_init(&a, &fake);
	b = a;
	put(&a, "alpha", "-0.0");
	ebb_options_id(&a, &fake, x);
	ebb_options_id(&b, &fake, y);
	cr_expect_str_eq(x, y);
}

static void id_with(const char *settings, uint64_t seed, char id[EBB_ID_MAX])
{
	struct ebb_options o;
	struct ebb_err err = EBB_ERR_INIT;

	ebb_options_init(&o, &fake);
	cr_assert_eq(ebb_options_apply(&o, &fake, settings, &err), 0, "%s", err.text);
	o.seed = seed;
	ebb_options_id(&o, &fake, id);
}

Test(options, identity_ignores_what_cannot_matter)
{
	static const char *const same[][2] = {
		{"", "train.lr=3e-4"},
		{"train.lr=1e-3 alpha=0.5", "alpha=5e-1 lr=0.001"},
		{"", "run.threads=8 run.isa=scalar eval.cadence=1"},
		{"", "task.preset=rare"},
		{"", "task.loud=true"},
		{"task.name=maze", "task.name=maze task.styles=50"},
		{"loss.aggregate=token_mean", "loss.aggregate=token-mean"}};
	static const char *const other[] = {"",
					    "train.lr=1e-3",
					    "task.slip=0.1",
					    "pretrain.from=main",
					    "task.name=maze",
					    "task.name=maze task.walls=0.25",
					    "clip.high=inf",
					    "task.note=x",
					    "task.mode=very-wild"};
	char x[EBB_ID_MAX], y[EBB_ID_MAX];
	struct ebb_options o;

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		id_with(same[i][0], 3, x);
		id_with(same[i][1], 3, y);
		cr_expect_str_eq(x, y, "'%s' and '%s'", same[i][0], same[i][1]);
		id_with(same[i][1], 4, y);
		cr_expect_str_neq(x, y, "the seed does not count");
	}
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		for (size_t j = 0; j < i; j++) {
			id_with(other[i], 3, x);
			id_with(other[j], 3, y);
			cr_expect_str_neq(x, y, "'%s' and '%s'", other[i], other[j]);
		}
	ebb_options_init(&o, &fake);
	ebb_options_id(&o, &fake, x);
	snprintf(o.algorithm, sizeof o.algorithm, "another label");
	ebb_options_id(&o, &fake, y);
	cr_expect_str_eq(x, y);
	cr_expect_eq(strlen(x), 16);
}

Test(options, identity_text_is_canonical)
{
	struct ebb_options o;
	struct ebb_buf b = EBB_BUF_INIT;

	ebb_options_init(&o, &fake);
	o.seed = 7;
	cr_assert_eq(ebb_options_apply(&o, &fake,
				       "alpha=1e-2 train.steps=5 task.slip=0.25 "
				       "pretrain.steps=9 run.threads=3",
				       NULL),
		     0);
	ebb_options_identity(&o, &fake, &b);
	cr_expect_str_eq(b.data, "schema=1\nseed=7\npretrain.steps=9\ntrain.steps=5\n"
				 "entropy.coef=0.01\ntask.slip=0.25\n");
	ebb_buf_reset(&b);
	ebb_options_base_identity(&o, &fake, &b);
	cr_expect_str_eq(b.data, "schema=1\nbase\nseed=7\npretrain.steps=9\ntask.slip=0.25\n");
	ebb_buf_release(&b);
}

Test(options, settings_text_applies_in_order)
{
	struct ebb_options o;
	struct ebb_err err = EBB_ERR_INIT;

	ebb_options_init(&o, &fake);
	cr_expect_eq(ebb_options_apply(&o, &fake, " task.name=maze  task.styles=20 lr=0.5 ", &err),
		     0, "%s", err.text);
	cr_expect_str_eq(o.task.name, "maze");
	cr_expect_eq(((const struct fake_maze *)o.task_own)->styles, 20);
	cr_expect_eq(o.train.lr, 0.5);
	cr_expect_lt(ebb_options_apply(&o, &fake, "task.slip=0.2", &err), 0);
	cr_expect(strstr(err.text, "task.slip"), "%s", err.text);
	cr_expect_lt(ebb_options_apply(&o, &fake, "task.name=swamp", &err), 0);
	cr_expect_str_eq(o.task.name, "maze");
}

struct heard {
	int n;
	char text[8][512];
};

static void hear(void *ctx, const char *text)
{
	struct heard *h = ctx;

	if (h->n < 8)
		snprintf(h->text[h->n], sizeof h->text[0], "%s", text);
	h->n++;
}

Test(options, checks_between_options)
{
	static const struct {
		const char *settings, *a, *b; /* what the message must name; null: no problem */
	} c[] = {
		{"", NULL, NULL},
		{"model.width=66", "model.width=66", "model.heads=4"},
		{"model.width=36", "model.width=36", "model.head_dim"},
		{"model.width=36 model.head_dim=16", NULL, NULL},
		{"model.head_dim=15", "model.head_dim=15", "even"},
		{"model.kv_heads=3", "model.kv_heads=3", "model.heads=4"},
		{"model.kv_heads=2", NULL, NULL},
		{"train.minibatches=17", "train.prompts=16", "train.minibatches=17"},
		{"train.minibatches=16", NULL, NULL},
		{"train.group=1", "advantage.center=group", "train.group=1"},
		{"advantage.center=tree", "advantage.center=tree", "tree.sampler=off"},
		{"advantage.center=tree tree.sampler=ib", NULL, NULL},
		{"advantage.center=tree tree.sampler=ib advantage.discount=0.9",
		 "advantage.discount=0.9", "advantage.center=group"},
		{"tree.sampler=ib tree.b0=1 tree.rounds=1", "tree.b0=1", "tree.sampler=off"},
		{"tree.sampler=ib train.group=1", NULL, NULL},
		{"tree.sampler=ib tree.rounds=4096", "tree.rounds=4096", "4099"},
		{"tree.rounds=4096", "tree.rounds=4096", "more than 4096"},
		{"tree.rounds=4096 ib.probe=0", NULL, NULL},
		{"tree.sampler=ib ib.shared=once entropy.coef=0.1 gamma.kind=exp", NULL, NULL},
		{"tree.sampler=ib ib.shared=once loss.policy=preference", "ib.shared=once",
		 "another loss.policy"},
		{"tree.sampler=ib ib.shared=once ratio.level=sequence", "ib.shared=once",
		 "ratio.level=token"},
		{"tree.sampler=ib ib.shared=once ratio.level=sequence loss.policy=reinforce", NULL,
		 NULL},
		{"tree.sampler=ib ib.shared=once entropy.coef=0.1 entropy.grad=score_only",
		 "ib.shared=once", "entropy.grad=direct"},
		{"tree.sampler=ib ib.shared=once tis.kind=seq-mask", "ib.shared=once", "tis.kind"},
		{"tree.sampler=ib ib.shared=once loss.policy=kl_cov covariance.kind=response_z",
		 "ib.shared=once", "covariance.kind=token_batch"},
		{"ib.shared=once ratio.level=sequence tis.kind=seq-mask", NULL, NULL},
		{"train.group=1 advantage.center=loo", "advantage.center=loo", "train.group=1"},
		{"train.group=1 advantage.center=none", "advantage.scale=group_std", "train.group"},
		{"train.group=1 advantage.center=none advantage.scale=none", NULL, NULL},
		{"train.group=1 advantage.center=batch advantage.scale=batch_std", NULL, NULL},
		{"advantage.center=critic advantage.scale=none", "critic.model=none",
		 "shared or separate"},
		{"advantage.center=critic critic.model=shared", "advantage.scale=group_std",
		 "whiten or none"},
		{"advantage.center=critic critic.model=separate advantage.scale=whiten "
		 "train.group=1",
		 NULL, NULL},
		{"overlong.max=10 overlong.cache=11", "overlong.cache=11", "overlong.max=10"},
		{"sample.max_tokens=10 overlong.cache=11", "overlong.cache=11",
		 "sample.max_tokens=10"},
		{"overlong.cache=11", NULL, NULL},
		{"tis.min=3", "tis.min=3", "tis.max=2"},
		{"tis.min=2", NULL, NULL},
		{"clip.dual=0.5", "clip.dual=0.5", "above 1"},
		{"clip.dual=3", NULL, NULL},
		{"kl.estimator=full kl.place=reward", "kl.estimator=full", "kl.place=loss"},
		{"kl.estimator=full kl.place=loss", NULL, NULL},
		{"dynamic.on=total", "dynamic.on=total", "info.coef"},
		{"dynamic.on=total info.coef=0.1", NULL, NULL},
		{"gamma.kind=piece_linear gamma.k=14 sample.max_tokens=14", "gamma.k=14",
		 "sample.max_tokens=14"},
		{"gamma.kind=piece_linear gamma.k=13 sample.max_tokens=14", NULL, NULL},
		{"gamma.kind=piece_exp gamma.k=14 sample.max_tokens=14", NULL, NULL},
		{"reward.source=cluster train.group=1 advantage.center=none advantage.scale=none",
		 "reward.source=cluster", "train.group=1"},
		{"reward.source=cluster advantage.center=greedy", "advantage.center=greedy",
		 "reward.source=cluster"},
		{"reward.source=cluster advantage.center=static", NULL, NULL},
		{"reward.source=cluster cluster.low=0.5 cluster.high=0.5", "cluster.low=0.5",
		 "cluster.high=0.5"},
		{"cluster.low=0.5 cluster.high=0.2", NULL, NULL},
		{"info.coef=0.1 info.grad=direct info.norm=gain_sum", "info.norm=gain_sum",
		 "info.grad"},
		{"info.grad=direct info.norm=gain_sum", NULL, NULL},
		{"info.coef=0.1 info.grad=direct dynamic.on=total", "dynamic.on=total",
		 "info.grad=both"},
		{"info.coef=0.1 info.grad=both dynamic.on=total", NULL, NULL},
		{"em.temperature=0.5", "em.temperature=0.5", "loss.policy"},
		{"em.temperature=0.5 sample.temperature=0.5", NULL, NULL},
		{"em.temperature=1e-4 loss.policy=none", "em.temperature=0.0001", "0.001"},
		{"em.temperature=0.5 loss.policy=none entropy.coef=1", NULL, NULL},
		{"em.temperature=0.5 loss.policy=none kl_old.coef=1", "em.temperature=0.5",
		 "kl_old.coef"},
		{"em.temperature=0.5 loss.policy=none kl.place=loss", "em.temperature=0.5",
		 "kl.estimator"},
		{"em.temperature=0.5 loss.policy=none kl.place=loss kl.estimator=full", NULL, NULL},
		{"em.temperature=0.5 loss.policy=none info.coef=1 info.grad=direct",
		 "em.temperature=0.5", "info.grad"},
		{"em.mask=reference", "em.mask=reference", "loss.policy"},
		{"em.mask=reference loss.policy=none", NULL, NULL},
		{"em.prompts=17", "em.prompts=17", "train.prompts=16"},
		{"em.prompts=16", NULL, NULL},
		{"em.select=pass_variance", "em.select=pass_variance", "em.prompts=0"},
		{"em.select=pass_variance em.prompts=3 em.candidates=2", "em.candidates=2",
		 "em.prompts=3"},
		{"em.prompts=3 em.candidates=2", NULL, NULL},
		{"eval.temperatures=0.5", NULL, NULL},
		{"eval.temperatures=warm", "eval.temperatures", "'warm'"},
		{"eval.temperatures=-1", "eval.temperatures", "'-1'"},
		{"eval.temperatures=nan", "eval.temperatures", "'nan'"},
		{"eval.temperatures=101", "eval.temperatures", "'101'"},
		{"pretrain.steps=10", "pretrain.warmup=50", "pretrain.steps=10"},
		{"pretrain.steps=0", NULL, NULL},
		{"train.steps=5 train.warmup=6", "train.warmup=6", "train.steps=5"},
		{"train.steps=0 train.warmup=6", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct ebb_options o;
		struct heard h = {0};
		int n;

		ebb_options_init(&o, &fake);
		cr_assert_eq(ebb_options_apply(&o, &fake, c[i].settings, NULL), 0, "%s",
			     c[i].settings);
		n = ebb_options_check(&o, hear, &h);
		cr_expect_eq(n, h.n);
		cr_expect_eq(n, c[i].a ? 1 : 0, "'%s': %d problems: %s", c[i].settings, n,
			     h.text[0]);
		if (n == 1 && c[i].a)
			cr_expect(strstr(h.text[0], c[i].a) && strstr(h.text[0], c[i].b),
				  "'%s': %s", c[i].settings, h.text[0]);
	}
}

/* A list with blanks, which a settings text has no way to write. */
Test(options, lists_of_temperatures)
{
	static const struct {
		const char *text;
		int n; /* -1: refused */
		const char *why;
	} c[] = {{"", 0, ""},
		 {"  ", 0, ""},
		 {"0", 1, ""},
		 {" 0  0.25 1 1.5 ", 4, ""},
		 {"0.5,1", -1, "'0.5,1'"},
		 {"0.5 0.25", -1, "0.25 comes after 0.5"},
		 {"1 1", -1, "rising order"},
		 {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 16, ""},
		 {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", -1, "more than 16"}};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct ebb_err err = EBB_ERR_INIT;
		double t[EBB_TEMPERATURES_MAX];
		struct ebb_options o;
		int n;

		ebb_options_init(&o, &fake);
		snprintf(o.eval.temperatures, sizeof o.eval.temperatures, "%s", c[i].text);
		n = ebb_temperatures(&o, t, &err);
		cr_expect(c[i].n < 0 ? n < 0 : n == c[i].n, "'%s': %d", c[i].text, n);
		cr_expect(strstr(err.text, c[i].why), "'%s': %s", c[i].text, err.text);
		if (n == 4)
			cr_expect(t[0] == 0 && t[1] == 0.25 && t[2] == 1 && t[3] == 1.5);
	}
}

/* Metrics for any number in their name. */
Test(options, derived_metrics)
{
	static const char *const yes[] = {"pass@1", "eval/pass@1024", "accuracy@0", "accuracy@0.5",
					  "eval/accuracy@1.25"};
	static const char *const no[] = {
		"pass@",         "pass@0", "pass@1025",        "pass@1.5",    "pass@01",
		"pass@8x",       "pass@k", "accuracy@",        "accuracy@-1", "accuracy@nan",
		"accuracy@0.50", "eval/",  "eval/eval/pass@1", "accuracy@101"};
	const struct ebb_metric *m = ebb_metric_find("pass@4");

	cr_assert_not_null(m);
	cr_expect_str_eq(m->name, "eval/pass@4");
	cr_expect_str_eq(m->brief, "pass@4");
	cr_expect_eq(m->axis, EBB_AXIS_EVAL);
	cr_expect_eq(m, ebb_metric_find("eval/pass@4"), "one row for one metric");
	cr_expect_str_eq(ebb_metric_dataset("pass@4"), "eval/outcome");
	cr_expect_str_eq(ebb_metric_dataset("accuracy@0.5"), "eval/accuracy_at_temperature");
	cr_expect_str_eq(ebb_metric_dataset("actor/entropy"), "actor/entropy");
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		cr_expect_not_null(ebb_metric_find(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		cr_expect_null(ebb_metric_derived(no[i], NULL, NULL), "%s", no[i]);
	cr_expect_str_eq(ebb_metric_find("eval/pass@k")->brief, "pass_at_k", "a dataset as before");
}

Test(options, every_preset_is_sound)
{
	const struct ebb_preset *p;
	int n;

	p = ebb_preset_rows(&n);
	cr_assert_gt(n, 5);
	for (int i = 0; i < n; i++) {
		struct ebb_options o;
		struct ebb_err err = EBB_ERR_INIT;
		struct heard h = {0};

		ebb_options_init(&o, &fake);
		cr_expect_eq(ebb_options_apply(&o, &fake, p[i].settings, &err), 0, "%s: %s",
			     p[i].name, err.text);
		cr_expect_eq(ebb_options_check(&o, hear, &h), 0, "%s: %s", p[i].name, h.text[0]);
		cr_expect(!p[i].beta[0] || ebb_option_find(NULL, NULL, p[i].beta), "%s", p[i].name);
		cr_expect_gt(strlen(p[i].about), 0);
		cr_expect(!strstr(p[i].settings, "train.") && !strstr(p[i].settings, "sample.") &&
				  !strstr(p[i].settings, "task."),
			  "%s", p[i].name);
	}
}

Test(options, metrics_by_name_and_by_word)
{
	const struct ebb_metric *m;
	int n;

	m = ebb_metric_rows(&n);
	cr_assert_eq(n, EBB_N_METRICS);
	for (int i = 0; i < n; i++) {
		cr_expect_eq(ebb_metric_find(m[i].name), &m[i], "%s", m[i].name);
		cr_expect_eq(ebb_metric_find(m[i].brief), &m[i], "%s", m[i].brief);
		cr_expect_gt(strlen(m[i].about), 0);
	}
	cr_expect_str_eq(m[EBB_M_EVAL_ACCURACY].name, "eval/accuracy");
	cr_expect_eq(m[EBB_M_PG_LOSS].axis, EBB_AXIS_UPDATE);
	cr_expect_not(m[EBB_M_T_STEP].deterministic);
	cr_expect_null(ebb_metric_find("no such"));
	cr_expect_null(ebb_metric_find(""));
}
