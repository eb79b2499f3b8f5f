/* The lint: every rule in both directions, presets and experiments without false alarms, and many
 * arms merged into one warning at its place. */
#include <glob.h>
#include "fixture.h"

#include <ctype.h>
#include "base/file.h"
#include "lint_cases.h"
#include "lint_support.h"
#include "task/task.h"

static const struct ebb_lint_facts known = {CASE_VOCABULARY, CASE_LIMIT};
static const struct ebb_lint_facts unknown = {0};

struct heard {
	const char *settings; /* what somebody set: "key=value key=value"                  */
	const char *rule;     /* count this one alone; null: all                           */
	int n;
	char text[1024]; /* the last of them                                              */
	char rules[512];
};

static bool set_in(void *ctx, const char *key)
{
	const struct heard *h = ctx;
	const size_t n = strlen(key);

	for (const char *s = h->settings; (s = strstr(s, key)) != NULL; s += n)
		if ((s == h->settings || s[-1] == ' ') && s[n] == '=')
			return true;
	return false;
}

static void hear(void *ctx, const struct ebb_lint_rule *rule, const char *text)
{
	struct heard *h = ctx;

	snprintf(h->rules + strlen(h->rules), sizeof h->rules - strlen(h->rules), "%s ",
		 rule->name);
	if (h->rule && strcmp(h->rule, rule->name) != 0)
		return;
	h->n++;
	snprintf(h->text, sizeof h->text, "%s", text);
}

static void lint(struct heard *h, const char *base, const char *settings, const char *rule,
		 const struct ebb_lint_facts *facts)
{
	struct ebb_options o;

	*h = (struct heard){.settings = settings, .rule = rule};
	options_of(&o, &fake, base, settings);
	ebb_options_lint(&o, facts, set_in, hear, h);
}

/* ---- rules ---- */

Test(lint, every_rule_fires_and_spares_its_neighbour)
{
	for (int i = 0; i < N_LINT_CASES; i++) {
		const struct lint_case *c = &lint_case[i];
		struct heard h;

		lint(&h, c->base, c->fires, c->rule, &known);
		cr_expect_eq(h.n, 1, "%s is silent on %s %s (%s)", c->rule, c->base, c->fires,
			     h.rules);
		lint(&h, c->base, c->near, c->rule, &known);
		cr_expect_eq(h.n, 0, "%s on %s %s: %s", c->rule, c->base, c->near, h.text);
	}
}

static void refuse(void *ctx, const char *text)
{
	snprintf(ctx, 512, "%s", text);
}

Test(lint, every_case_is_a_definition_that_may_run)
{
	for (int i = 0; i < N_LINT_CASES; i++)
		for (int side = 0; side < 2; side++) {
			const struct lint_case *c = &lint_case[i];
			struct ebb_options o;
			char why[512] = "";

			options_of(&o, &fake, c->base, side ? c->near : c->fires);
			ebb_options_check(&o, refuse, why);
			cr_expect_str_eq(why, "", "%s %s", c->rule, side ? c->near : c->fires);
		}
}

Test(lint, every_rule_has_a_case_and_known_keys)
{
	int n;
	const struct ebb_lint_rule *r = ebb_lint_rows(&n);

	for (int i = 0; i < n; i++) {
		const char *const words[] = {r[i].keys, r[i].by};
		bool has_case = false;

		for (int k = 0; k < N_LINT_CASES; k++)
			has_case = has_case || strcmp(lint_case[k].rule, r[i].name) == 0;
		cr_expect(has_case, "%s has no case", r[i].name);
		cr_expect(r[i].about[0] && r[i].source[0], "%s", r[i].name);
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(r[i].name, r[j].name);
		for (int w = 0; w < 2; w++) {
			char copy[512], *save = NULL;

			snprintf(copy, sizeof copy, "%s", words[w]);
			for (char *key = strtok_r(copy, " ", &save); key;
			     key = strtok_r(NULL, " ", &save))
				cr_expect_not_null(ebb_option_find(NULL, NULL, key),
						   "%s: no option %s", r[i].name, key);
		}
	}
}

/* What is set, why it cannot matter, what to change: one line that was not cut off. */
Test(lint, texts_have_one_form)
{
	for (int i = 0; i < N_LINT_CASES; i++) {
		const struct lint_case *c = &lint_case[i];
		struct heard h;
		size_t n;

		lint(&h, c->base, c->fires, c->rule, &known);
		n = strlen(h.text);
		cr_expect(n > 20 && n < 500, "%s: %zu bytes", c->rule, n);
		cr_expect(islower((unsigned char)h.text[0]), "%s: %s", c->rule, h.text);
		cr_expect(n > 0 && h.text[n - 1] != '.', "%s: %s", c->rule, h.text);
		cr_expect_null(strchr(h.text, '\n'), "%s", c->rule);
		cr_expect_not_null(strstr(h.text, "; "), "%s names no remedy: %s", c->rule, h.text);
		cr_expect_null(strstr(h.text, "  "), "%s: %s", c->rule, h.text);
	}
}

/* What nobody set is no subject, whole algorithms aside. */
Test(lint, silent_about_what_nobody_set)
{
	int n;
	const struct ebb_lint_rule *r = ebb_lint_rows(&n);

	for (int i = 0; i < N_LINT_CASES; i++) {
		const struct lint_case *c = &lint_case[i];
		struct ebb_options o;
		struct heard h = {.settings = "", .rule = c->rule};
		bool whole = false;

		for (int k = 0; k < n; k++)
			whole = whole ||
				(strcmp(r[k].name, c->rule) == 0 && r[k].kind == EBB_LINT_WHOLE);
		options_of(&o, &fake, c->base, c->fires);
		ebb_options_lint(&o, &known, set_in, hear, &h);
		cr_expect_eq(h.n, whole, "%s: %s", c->rule, h.text);
	}
}

Test(lint, facts_that_are_unknown_are_not_guessed)
{
	struct heard h;

	lint(&h, "", "sample.top_k=1000000", "top_k_all", &unknown);
	cr_expect_eq(h.n, 0);
	lint(&h, "entropy.coef=0.1", "gamma.kind=piece_exp gamma.k=65536", "gamma_constant",
	     &unknown);
	cr_expect_eq(h.n, 0);
	lint(&h, "", "overlong.mode=soft overlong.max=65536", "overlong_soft", &unknown);
	cr_expect_eq(h.n, 0);
	/* no limit is needed to see that nothing lies between it and itself */
	lint(&h, "", "overlong.mode=soft", "overlong_soft", &unknown);
	cr_expect_eq(h.n, 1);
	/* 0.2 is too wide for any response of more than one token */
	lint(&h, "", "ratio.level=sequence", "clip_wide", &unknown);
	cr_expect_eq(h.n, 1);
}

Test(lint, names_subjects_numbers_and_sources)
{
	static const struct {
		const char *base, *settings, *rule, *part;
	} c[] = {
		{"train.minibatches=1", "clip.low=0.1 clip.high=0.28 clip.dual=3",
		 "one_update_clip",
		 "clip.low=0.1, clip.high=0.28 and clip.dual=3 do nothing: with one update"},
		{"train.minibatches=1", "clip.low=0.1 clip.dual=0 clip.high=inf", "one_update_clip",
		 "clip.low=0.1 does nothing: "},
		{"", "ratio.level=sequence", "clip_wide",
		 "=0.2 is a token's width, 500 times the 0.0004 that was published"},
		{"", "ratio.level=sequence", "clip_wide", "take less than 0.053"},
		{"", "clip.high=4e-4", "clip_narrow", "clip.high=0.0004 at ratio.level=token"},
		{"", "clip.high=4e-4", "clip_narrow", "arXiv:2503.14476"},
		{"@dapo", "train.minibatches=2", "few_updates",
		 "algorithm dapo is meant for 16 updates a rollout batch and takes 2"},
		{"train.minibatches=1", "ratio.level=sequence", "one_update_sequence",
		 "GSPO is GRPO"},
		{"", "tis.kind=token-mask tis.min=1.5", "tis_constant", "removes every token"},
		{"", "tis.kind=token-trunc tis.min=1.5", "tis_constant", "policy term by 1.5"},
		{"", "kl.place=reward kl.estimator=k1+", "kl_twin", "the same as k1 with"},
		{"", "info.coef=1 info.norm=gain_sum", "info_gain", "trains as sum does"},
	};

	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct heard h;

		lint(&h, c[i].base, c[i].settings, c[i].rule, &known);
		cr_expect(strstr(h.text, c[i].part) != NULL, "no '%s' in: %s", c[i].part, h.text);
	}
}

/* ---- presets ---- */

/* On the default loop and on its own: only what makes another algorithm of it. */
Test(lint, presets_raise_no_false_alarm)
{
	int n;
	const struct ebb_preset *p = ebb_preset_rows(&n);

	for (int i = 0; i < n; i++) {
		char base[EBB_STR_MAX + 1], loop[64], recommended[32];
		const char *expected = "";
		struct heard h;

		snprintf(base, sizeof base, "@%s", p[i].name);
		/* four updates with nothing that corrects for the old policy */
		if (strcmp(p[i].name, "reinforce") == 0)
			expected = "reinforce_off_policy ";
		lint(&h, base, "train.steps=120", NULL, &known);
		cr_expect_str_eq(h.rules, expected, "%s: %s", base, h.text);
		if (p[i].updates == 0)
			continue;
		snprintf(loop, sizeof loop, "train.minibatches=%d", p[i].updates);
		lint(&h, base, loop, NULL, &known);
		cr_expect_str_eq(h.rules, "", "%s %s: %s", base, loop, h.text);
		/* the page of algorithms says the same number */
		snprintf(recommended, sizeof recommended, "= %d", p[i].updates);
		cr_expect(strstr(p[i].about, "mu*K") && strstr(p[i].about, recommended), "%s: %s",
			  base, p[i].about);
	}
}

Test(lint, an_algorithm_that_becomes_another_is_said_whoever_set_what)
{
	struct heard h;

	lint(&h, "@gspo", "train.minibatches=1", NULL, &known);
	cr_expect_str_eq(h.rules, "one_update_sequence ");
	lint(&h, "@grpo_paper", "train.minibatches=1", NULL, &known);
	cr_expect_str_eq(h.rules, "");
	lint(&h, "@reinforce", "train.minibatches=1", NULL, &known);
	cr_expect_str_eq(h.rules, "");
}

/* ---- definitions ---- */

static void facts_of(void *ctx, const struct ebb_options *o, struct ebb_lint_facts *out)
{
	cr_expect_eq(out->vocabulary, 0);
	*out = known;
	++*(int *)ctx;
}

/* Read yaml and lint it; the warnings join what reading said. */
#define LINT(r, yaml, ...)                                                                         \
	do {                                                                                       \
		int arms = 0;                                                                      \
                                                                                                   \
		READ(r, yaml, __VA_ARGS__);                                                        \
		EXPECT_FINE(r);                                                                    \
		cr_expect_eq((r)->diag.n_warnings, 0);                                             \
		cr_expect_eq(ebb_definition_lint(&(r)->def, facts_of, &arms, &(r)->diag),          \
			     (r)->diag.n_warnings);                                                \
		cr_expect_eq(arms, (r)->def.n_arms);                                               \
	} while (0)

Test(lint, warns_at_the_place_of_the_key)
{
	struct reading r;

	LINT(&r, "algorithm: grpo\ntis:\n  max: 5\n  kind: token-trunc\n");
	cr_expect(found(&r, EBB_WARNING, 4, 3, "tis.kind=token-trunc and tis.max=5 do nothing"));
	cr_expect_eq(r.diag.n_warnings, 1);
	done(&r);
	LINT(&r, "algorithm: gspo\ntrain: {minibatches: 1}\n");
	cr_expect(found(&r, EBB_WARNING, 2, 9, "GSPO is GRPO"));
	done(&r);
	LINT(&r, "algorithm: reinforce\n");
	cr_expect(found(&r, EBB_WARNING, 1, 1, "only the first is on-policy"));
	done(&r);
	LINT(&r, "algorithm: grpo\n", "tis.max=5");
	cr_expect(found(&r, EBB_WARNING, 0, 0, "tis.max=5 does nothing"));
	cr_expect_str_eq(r.diag.entry[r.diag.n - 1].mark.file, "command line");
	done(&r);
}

Test(lint, one_finding_of_many_arms_is_one_warning)
{
	struct reading r;

	LINT(&r, "clip: {high: 0.3}\nsweep: {algorithm: [grpo, reinforce, dapo]}\n"
		 "train: {minibatches: 1, epochs: 4}\n");
	cr_expect(found(&r, EBB_WARNING, 1, 8,
			"clip.high=0.3 does nothing: loss.policy is the plain "
			"score function, which has no ratio"));
	cr_expect(found(&r, EBB_WARNING, 1, 8, "(in 1 of 3 arms: reinforce)"));
	done(&r);
	LINT(&r, "kl: {estimator: k2}\nsweep: {algorithm: [grpo, dapo]}\n");
	cr_expect(found(&r, EBB_WARNING, 1, 6, "(in all 2 arms)"));
	cr_expect_eq(r.diag.n_warnings, 1);
	done(&r);
	/* with their values each has a sentence of its own; without, they share one */
	LINT(&r,
	     "train: {minibatches: 1}\nsweep:\n  clip.high: [0.2, 0.3]\n"
	     "  algorithm: [grpo_paper, dapo]\n",
	     "train.epochs=1");
	cr_expect(found(&r, EBB_WARNING, 3, 3, "clip.high does nothing: with one update"));
	cr_expect(found(&r, EBB_WARNING, 3, 3, "(in all 4 arms)"));
	done(&r);
	LINT(&r, "algorithms:\n  a: {tis.max: 5}\n  b: {tis.max: 6}\nsweep: {algorithm: [a, b]}\n");
	cr_expect(found(&r, EBB_WARNING, 2, 7, "tis.max=5 does nothing"));
	cr_expect(found(&r, EBB_WARNING, 3, 7, "(in 1 of 2 arms: b)"));
	done(&r);
}

/* A row of algorithms: is meant for what its preset is meant for, however many rows lie between. */
Test(lint, rows_have_the_updates_of_their_preset)
{
	struct reading r;

	LINT(&r, "algorithms:\n  slow: {from: dapo, lr: 1e-4}\n  slower: {from: slow, lr: 1e-5}\n"
		 "algorithm: slower\ntrain: {minibatches: 2}\n");
	cr_expect(found(&r, EBB_WARNING, 5, 9,
			"algorithm slower (from dapo) is meant for 16 updates a rollout batch and "
			"takes 2"));
	done(&r);
}

Test(lint, long_lists_of_arms_are_cut)
{
	struct reading r;

	LINT(&r, "tis: {max: 5}\nsweep:\n  tis.kind: [off]\n  lr: [1, 2e-1, 3e-1, 4e-1]\n"
		 "  algorithm: [grpo, dapo]\n  sample.noise: [0.1]\n");
	cr_expect(found(&r, EBB_WARNING, 1, 7, "(in all 8 arms)"));
	done(&r);
	LINT(&r, "clip: {high: 0.3}\nsweep:\n  lr: [1, 2e-1, 3e-1, 4e-1, 5e-1, 6e-1, 7e-1]\n"
		 "  algorithm: [grpo, reinforce]\ntrain: {minibatches: 4}\n");
	cr_expect(found(&r, EBB_WARNING, 1, 8, "(in 7 of 14 arms: reinforce lr=1, "));
	cr_expect(found(&r, EBB_WARNING, 1, 8, "reinforce lr=0.6, ...)"));
	done(&r);
}

Test(lint, the_control_of_a_sweep_is_no_finding)
{
	struct reading r;

	LINT(&r, "entropy: {aggregate: seq-mean}\nsweep: {alpha: [0, 0.01]}\n");
	cr_expect_eq(r.diag.n_warnings, 0);
	done(&r);
	LINT(&r, "kl: {log_clamp: 10}\nsweep: {beta: [0, 0.01], algorithm: [grpo, grpo_paper]}\n");
	cr_expect_eq(r.diag.n_warnings, 0);
	done(&r);
	LINT(&r, "sweep: {sample.mismatch: [none, stale]}\ntis: {kind: seq-trunc}\n");
	cr_expect_eq(r.diag.n_warnings, 0);
	done(&r);
	/* no arm of these sweeps shows the option at work */
	LINT(&r, "entropy: {aggregate: seq-mean}\nsweep: {lr: [1e-3, 1e-4]}\n");
	cr_expect_eq(r.diag.n_warnings, 1);
	done(&r);
	LINT(&r, "sweep: {kl.coef: [0, 0.01, 0.1]}\n");
	cr_expect(found(&r, EBB_WARNING, 1, 9, "(in 2 of 3 arms: grpo kl.coef=0.01, "));
	done(&r);
	/* a control in one algorithm is none in another */
	LINT(&r, "entropy: {aggregate: seq-mean}\n"
		 "algorithms: {x: {from: gipo, gamma.k: 2}}\n"
		 "sweep: {algorithm: [grpo, x]}\n");
	cr_expect(found(&r, EBB_WARNING, 1, 11, "(in 1 of 2 arms: grpo)"));
	cr_expect(found(&r, EBB_WARNING, 2, 30, "gamma.k=2 does nothing: gamma.kind=linear"));
	done(&r);
	/* that the algorithm is another one stays said */
	LINT(&r, "sweep: {train.minibatches: [1, 4], algorithm: [grpo_paper, gspo]}\n");
	cr_expect(found(&r, EBB_WARNING, 1, 9, "(in 1 of 4 arms: gspo train.minibatches=1)"));
	cr_expect_eq(r.diag.n_warnings, 1);
	done(&r);
}

/* Nothing in ebb's own experiments is without effect. */
Test(lint, experiments_are_clean)
{
	/* these ask about what the lint advises against */
	static const char *const meant[] = {"clip-random.yaml", "kl-estimators.yaml"};
	const char *root = getenv("EBB_SOURCE_ROOT");
	char *pattern = ebb_xprintf("%s/experiments/*.yaml", root ? root : ".");
	glob_t all;

	cr_assert_eq(glob(pattern, 0, NULL, &all), 0);
	for (size_t i = 0; i < all.gl_pathc; i++) {
		const char *path = all.gl_pathv[i];
		int warnings = 0;
		struct ebb_definition def;
		struct ebb_diag diag = EBB_DIAG_INIT;
		struct ebb_err err = EBB_ERR_INIT;

		for (size_t k = 0; k < sizeof meant / sizeof *meant; k++)
			warnings += strcmp(strrchr(path, '/') + 1, meant[k]) == 0;
		cr_assert_eq(ebb_definition_read(&def, ebb_task_catalog(),
						 (const char *const[]){path}, 1, NULL, 0, &diag,
						 &err),
			     0, "%s", err.text);
		ebb_definition_lint(&def, ebb_task_lint_facts, NULL, &diag);
		cr_expect_eq(diag.n_warnings, warnings, "%s", path);
		if (diag.n_warnings != warnings)
			ebb_diag_render(&diag, stderr);
		ebb_definition_release(&def);
		ebb_diag_release(&diag);
	}
	globfree(&all);
	free(pattern);
}

Test(lint, facts_come_from_the_task)
{
	struct ebb_lint_facts facts = {0};
	struct ebb_options o;

	ebb_options_init(&o, ebb_task_catalog());
	ebb_task_lint_facts(NULL, &o, &facts);
	cr_expect_eq(facts.vocabulary, ebb_task_find("chain")->vocabulary);
	cr_expect_eq(facts.response_limit, ebb_task_find("chain")->limit(&o));
	o.sample.max_tokens = 7;
	ebb_task_lint_facts(NULL, &o, &facts);
	cr_expect_eq(facts.response_limit, 7);
}

Test(lint, the_page_is_the_table)
{
	const char *root = getenv("EBB_SOURCE_ROOT");
	char *path = ebb_xprintf("%s/docs/lint.md", root ? root : "."), *text;
	struct ebb_buf page = EBB_BUF_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	size_t n;

	ebb_lint_print(&page);
	cr_assert_eq(ebb_file_read(path, 1u << 20, &text, &n, &err), 0, "%s", err.text);
	cr_expect_eq(n, page.len, "docs/lint.md is not what ebb_lint_print writes");
	cr_expect(n == page.len && memcmp(text, page.data, n) == 0,
		  "docs/lint.md is not what ebb_lint_print writes");
	free(text);
	free(path);
	ebb_buf_release(&page);
}
