#include "setup.h"
#include <stdlib.h>

static const struct ebb_task *task(void)
{
	return ebb_task_find("chain");
}

/* An evaluator of its own: sum of products, read from left to right. */
static int value_of(const char *s, int m)
{
	int sum = 0, product = s[0] - '0';

	for (int i = 1; s[i] == '+' || s[i] == '*'; i += 2) {
		if (s[i] == '+') {
			sum += product;
			product = 1;
		}
		product = product * (s[i + 1] - '0') % m;
	}
	return (sum + product) % m;
}

/* The split as the specification of the task words it, in 64-bit arithmetic. */
static bool held_out(const char *s)
{
	uint64_t key = 0;

	for (int i = 0; s[i] && s[i] != '='; i += 2)
		key = key * 10 + (uint64_t)(s[i] - '0');
	for (int i = 1; s[i] != '='; i += 2)
		key = key * 2 + (s[i] == '*');
	return (((key * 2654435761u + 12345u) % ((uint64_t)1 << 32)) >> 13) % 8 == 0;
}

/*
 * Read a demonstration by the grammar: n operands in the prompt, one less in every expression.
 * step[k] receives the text of expression k (k = 0: the prompt's own); returns the number of
 * expressions with the prompt's, or -1 where the text does not parse. A shortcut has 1.
 */
static int parse(const char *prompt, const char *s, int n, int m, int styles, char step[8][20],
		 int *answer)
{
	int k = 1;

	snprintf(step[0], sizeof step[0], "%.*s", 2 * n - 1, prompt);
	while (*s != '>') {
		int operands = n - k, length = 2 * operands - 1;

		if (operands < 2 || (int)strlen(s) < length + 1)
			return -1;
		for (int i = 0; i < length; i++)
			if (i % 2 ? s[i] != '+' && s[i] != '*' : s[i] < '0' || s[i] >= '0' + m)
				return -1;
		if (styles ? s[length] < 'a' || s[length] >= 'a' + styles : s[length] != '=')
			return -1;
		snprintf(step[k++], sizeof step[0], "%.*s", length, s);
		s += length + 1;
	}
	if (k != 1 && k != n - 1)
		return -1; /* a demonstration is whole or a shortcut */
	if (s[1] < '0' || s[1] >= '0' + m || s[2] != '$' || s[3])
		return -1;
	*answer = s[1] - '0';
	return k;
}

/* Whether `to` comes from `from` by writing a value for one pair that precedence allows. wrong:
 * the value must be wrong instead of right. */
static bool reduces(const char *from, const char *to, int m, bool wrong)
{
	int length = (int)strlen(from);
	char next[20];

	for (int i = 0; i + 2 < length; i += 2) {
		bool product = from[i + 1] == '*';
		bool before = i > 0 && from[i - 1] == '*';
		bool after = i + 3 < length && from[i + 3] == '*';
		char pair[4] = {from[i], from[i + 1], from[i + 2], 0};

		if (!product && (before || after))
			continue;
		for (int v = 0; v < m; v++) {
			snprintf(next, sizeof next, "%.*s%c%s", i, from, '0' + v, from + i + 3);
			if (strcmp(next, to) == 0 && (v != value_of(pair, m)) == wrong)
				return true;
		}
	}
	return false;
}

static int demonstrate(const struct ebb_options *o, const struct ebb_question *q, uint32_t slot,
		       char *text)
{
	int32_t token[RESPONSE_MAX];
	struct ebb_draw draw = draw_of(EBB_STREAM_PRETRAIN, 7, slot);
	int n = task()->demonstrate(o, &draw, q, token);

	decode(task(), token, n, text);
	return n;
}

static void check_number(const struct ebb_options *o, const char *key, double value)
{
	struct ebb_buf text = EBB_BUF_INIT;

	ebb_option_print(o, ebb_option_find(ebb_task_catalog(), "chain", key), &text);
	cr_assert_eq(strtod(text.data, NULL), value, "%s=%s", key, text.data);
	ebb_buf_release(&text);
}

Test(chain, presets)
{
	static const struct {
		const char *name;
		double slip, pshort;
		int styles, steps;
	} c[] = {
		{"main", 0.2, 0.25, 0, 600},
		{"style", 0.2, 0.25, 6, 700},
		{"rare99", 0.3, 0.99, 0, 80},
		{"trap", 0.35, 0.5, 0, 600},
	};
	const struct ebb_task_rows *rows = &task()->rows;

	cr_assert_eq(task()->vocabulary, 24);
	cr_assert_eq(task()->pad, 16);
	cr_assert_eq(task()->eos, 15);
	cr_assert_eq(rows->n_presets, 4);
	for (int i = 0; i < 4; i++) {
		struct ebb_options o;

		cr_assert_str_eq(rows->preset[i].name, c[i].name);
		options_of(&o, task(), rows->preset[i].settings);
		check_number(&o, "task.slip", c[i].slip);
		check_number(&o, "task.pshort", c[i].pshort);
		check_number(&o, "task.styles", c[i].styles);
		check_number(&o, "task.modulus", 7);
		check_number(&o, "task.operands", 4);
		cr_assert_eq(o.pretrain.steps, c[i].steps);
		cr_assert_str_eq(o.pretrain.from, i == 2 ? "main" : "");
		cr_assert_eq(o.pretrain.lr, i == 2 ? 1e-3 : 4e-3);
		cr_assert_eq(o.pretrain.warmup, i == 2 ? 0 : 50);
	}
}

Test(chain, example)
{
	struct ebb_options o;
	struct ebb_question q;
	char step[8][20], text[RESPONSE_MAX];
	int answer, max_prompt, max_tokens;
	bool seen = false;

	options_of(&o, task(), "");
	max_prompt = task()->prompt_limit(&o);
	max_tokens = task()->limit(&o);
	cr_assert_eq(max_prompt, 8);
	cr_assert_eq(max_tokens, 14);
	ask(task(), &o, "3+5*2+4=", &q);
	cr_assert_eq(q.key, 3524 * 8 + 2);
	cr_assert(q.n_gold == 1 && q.gold[0] == 3);
	cr_assert_eq(judge(task(), &o, &q, "3+3+4=6+4=>3$", false).reward, 1);
	cr_assert_eq(judge(task(), &o, &q, ">3$", false).reward, 1);
	cr_assert_eq(parse("3+5*2+4=", "3+3+4=6+4=>3$", 4, 7, 0, step, &answer), 3);
	cr_assert(reduces("3+5*2+4", "3+3+4", 7, false));
	cr_assert(reduces("3+3+4", "6+4", 7, false));
	for (uint32_t slot = 0; slot < 100 && !seen; slot++) {
		demonstrate(&o, &q, slot, text);
		seen = strcmp(text, "3+3+4=6+4=>3$") == 0;
	}
	cr_assert(seen, "the example is a demonstration");
}

Test(chain, verifier_edges)
{
	struct ebb_options o;
	struct ebb_question q;
	static const struct {
		const char *text;
		bool truncated;
		int reward, answer, marker;
	} c[] = {
		{">3$", false, 1, 3, 0},          {">4$", false, 0, 4, 0},
		{"", false, 0, -1, -1},           {"", true, 0, -1, -1},
		{"$", false, 0, -1, -1},          {"3$", false, 0, -1, -1},
		{">$", false, 0, -1, 0},          {">3", true, 0, -1, 0},
		{">3$", true, 0, -1, 0},          {"=3$", false, 0, -1, -1},
		{">3$$", false, 0, -1, 0},        {">33$", false, 0, -1, 0},
		{">3=$", false, 0, -1, 0},        {">7$", false, 0, -1, 0},
		{">8$", false, 0, -1, 0},         {">9$", false, 0, -1, 0},
		{">+$", false, 0, -1, 0},         {">>$", false, 0, -1, 1},
		{">5>3$", false, 1, 3, 2},        {">3>5$", false, 0, 5, 2},
		{"9*9;_>3$", false, 1, 3, 5}, /* steps are not judged */
		{"3+3+4=6+4=>", true, 0, -1, 10}, {"3+3+4=6+4=6+4=", true, 0, -1, -1},
	};

	options_of(&o, task(), "");
	ask(task(), &o, "3+5*2+4=", &q);
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		struct ebb_verdict v = judge(task(), &o, &q, c[i].text, c[i].truncated);

		cr_assert_eq(v.reward, c[i].reward, "'%s' reward", c[i].text);
		cr_assert_eq(v.answer, c[i].answer, "'%s' answer %d", c[i].text, v.answer);
		cr_assert_eq(v.marker, c[i].marker, "'%s' marker %d", c[i].text, v.marker);
	}
	/* the same digit is a residue where the modulus allows it */
	options_of(&o, task(), "task.modulus=10");
	ask(task(), &o, "3+0+0+4=", &q);
	cr_assert_eq(judge(task(), &o, &q, ">7$", false).reward, 1);
}

/* Every one of the 19,208 prompts comes, on the side the rule gives it, with the right value. */
Test(chain, all_prompts)
{
	static char seen[10000 * 8];
	struct ebb_options o;
	struct ebb_question q;
	char text[RESPONSE_MAX];
	int n[2] = {0, 0};

	options_of(&o, task(), "");
	for (uint32_t slot = 0; slot < 460000; slot++) {
		int side = slot >= 400000;
		struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 5, slot);

		task()->question(&o, &draw, side, &q);
		cr_assert(q.key >= 0 && q.key < (int64_t)sizeof seen);
		if (seen[q.key]) {
			cr_assert_eq(seen[q.key], 1 + side, "a prompt on both sides");
			continue;
		}
		seen[q.key] = (char)(1 + side);
		n[side]++;
		cr_assert_eq(q.n_prompt, 8);
		decode(task(), q.prompt, 8, text);
		cr_assert_eq(text[7], '=');
		cr_assert_eq(held_out(text), side, "%s", text);
		cr_assert_eq(q.gold[0], value_of(text, 7), "%s is not %d", text, q.gold[0]);
		cr_assert_eq(judge(task(), &o, &q,
				   (char[]){'>', (char)('0' + value_of(text, 7)), '$', 0}, false)
				     .reward,
			     1);
	}
	cr_assert_eq(n[0] + n[1], 19208, "%d + %d prompts", n[0], n[1]);
	cr_assert(binomial(n[1], 19208, 0.125), "%d held out", n[1]);
}

Test(chain, questions_depend_on_the_draw_alone)
{
	struct ebb_options plain, other;
	struct ebb_question a, b;

	options_of(&plain, task(), "");
	options_of(&other, task(), "task.slip=0.9 task.pshort=0.1 task.styles=3");
	for (uint32_t slot = 0; slot < 500; slot++) {
		struct ebb_draw draw = draw_of(EBB_STREAM_QUESTION, 9, slot);

		task()->question(&plain, &draw, false, &a);
		task()->question(&other, &draw, false, &b);
		cr_assert_eq(memcmp(a.prompt, b.prompt, sizeof a.prompt), 0);
		draw.step++;
		task()->question(&plain, &draw, false, &b);
		if (slot == 0)
			cr_assert_neq(a.key, b.key);
	}
}

/* All shapes of the task: demonstrations parse, fit and, without slips, are right step by step. */
Test(chain, demonstrations_without_slips)
{
	struct ebb_options o;
	struct ebb_question q;
	struct ebb_err err = EBB_ERR_INIT;
	char settings[128], step[8][20], prompt[RESPONSE_MAX], text[RESPONSE_MAX];
	static const int modulus[] = {2, 7, 10};
	int answer, k, max_prompt, max_tokens;

	for (int n = 2; n <= 8; n++)
		for (int j = 0; j < 3; j++)
			for (int styles = 0; styles <= 6; styles += 3) {
				int m = modulus[j];

				snprintf(settings, sizeof settings,
					 "task.slip=0 task.pshort=0.2 task.styles=%d "
					 "task.modulus=%d task.operands=%d",
					 styles, m, n);
				options_of(&o, task(), settings);
				if (task()->check(&o, &err) != 0)
					continue;
				max_prompt = task()->prompt_limit(&o);
				max_tokens = task()->limit(&o);
				cr_assert_eq(max_prompt, 2 * n);
				for (uint32_t slot = 0; slot < 500; slot++) {
					struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 11, slot);
					int n_tokens;

					task()->question(&o, &draw, false, &q);
					decode(task(), q.prompt, q.n_prompt, prompt);
					n_tokens = demonstrate(&o, &q, slot, text);
					cr_assert_leq(n_tokens, max_tokens);
					k = parse(prompt, text, n, m, styles, step, &answer);
					cr_assert_gt(k, 0, "%s%s", prompt, text);
					for (int i = 1; i < k; i++)
						cr_assert(reduces(step[i - 1], step[i], m, false),
							  "%s%s", prompt, text);
					cr_assert_eq(answer, value_of(prompt, m), "%s%s", prompt,
						     text);
					cr_assert_eq(judge(task(), &o, &q, text, false).reward, 1);
					if (n > 2 && k > 1)
						cr_assert_eq(n_tokens, max_tokens - 1);
				}
			}
}

/* With slip = 1 every value that is written is wrong, from the slipped value on. */
Test(chain, slips_go_on)
{
	struct ebb_options o;
	struct ebb_question q;
	char step[8][20], prompt[RESPONSE_MAX], text[RESPONSE_MAX];
	int answer;

	options_of(&o, task(), "task.slip=1 task.pshort=0");
	for (uint32_t slot = 0; slot < 3000; slot++) {
		struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 13, slot);

		task()->question(&o, &draw, false, &q);
		decode(task(), q.prompt, q.n_prompt, prompt);
		demonstrate(&o, &q, slot, text);
		cr_assert_eq(parse(prompt, text, 4, 7, 0, step, &answer), 3, "%s%s", prompt, text);
		cr_assert(reduces(step[0], step[1], 7, true), "%s%s", prompt, text);
		cr_assert(reduces(step[1], step[2], 7, true), "%s%s", prompt, text);
		cr_assert_neq(answer, value_of(step[2], 7), "%s%s", prompt, text);
	}
}

Test(chain, rates, .timeout = 60)
{
	struct ebb_options o;
	struct ebb_question q;
	char step[8][20], text[RESPONSE_MAX];
	int answer, n = 40000, chains = 0, slips = 0, wrong[7] = {0}, last_slips = 0, after = 0,
		    after_right = 0, style[6] = {0}, styles = 0;

	/* one product, so the first step has one pair: its value is 3 unless it slips */
	options_of(&o, task(), "task.slip=0.2 task.pshort=0.25 task.styles=6");
	ask(task(), &o, "3+5*2+4=", &q);
	for (uint32_t slot = 0; slot < (uint32_t)n; slot++) {
		int k, v;

		demonstrate(&o, &q, slot, text);
		k = parse("3+5*2+4=", text, 4, 7, 6, step, &answer);
		cr_assert_gt(k, 0, "%s", text);
		if (k == 1) {
			cr_assert_eq(answer, 3, "a shortcut never slips");
			continue;
		}
		chains++;
		v = step[1][2] - '0';
		slips += v != 3;
		wrong[v]++;
		last_slips += answer != value_of(step[2], 7);
		if (v != 3) {
			after++;
			after_right += answer == value_of(step[2], 7);
		}
		style[text[5] - 'a']++;
		style[text[9] - 'a']++;
		styles += 2;
	}
	cr_assert(binomial(chains, n, 0.75), "%d of %d chains", chains, n);
	cr_assert(binomial(slips, chains, 0.2), "%d of %d slips", slips, chains);
	cr_assert(binomial(last_slips, chains, 0.2), "%d of %d slips", last_slips, chains);
	cr_assert(binomial(after_right, after, 0.8), "%d of %d right after a slip", after_right,
		  after);
	for (int v = 0; v < 7; v++)
		if (v != 3)
			cr_assert(binomial(wrong[v], chains, 0.2 / 6), "%d times %d", wrong[v], v);
	for (int k = 0; k < 6; k++)
		cr_assert(binomial(style[k], styles, 1.0 / 6), "style %d: %d", k, style[k]);
}

/* Which pair goes first is uniform over the pairs that precedence allows. */
Test(chain, order)
{
	static const struct {
		const char *prompt, *first[3];
		int n;
	} c[] = {
		{"1+2+3+5=", {"3+3+5", "1+5+5", "1+2+1"}, 3},
		{"2*3*4*6=", {"6*4*6", "2*5*6", "2*3*3"}, 3},
		{"2*3+4*5=", {"6+4*5", "2*3+6"}, 2},
		{"2*3+4+5=", {"6+4+5", "2*3+2"}, 2},
		{"1+2+3*5=", {"3+3*5", "1+2+1"}, 2},
		{"3+5*2+4=", {"3+3+4"}, 1},
	};
	struct ebb_options o;
	struct ebb_question q;
	char text[RESPONSE_MAX];
	int n = 12000;

	options_of(&o, task(), "task.slip=0 task.pshort=0");
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		int count[3] = {0, 0, 0}, sum = 0;

		ask(task(), &o, c[i].prompt, &q);
		for (uint32_t slot = 0; slot < (uint32_t)n; slot++) {
			demonstrate(&o, &q, slot, text);
			for (int k = 0; k < c[i].n; k++)
				count[k] += strncmp(text, c[i].first[k], 5) == 0;
		}
		for (int k = 0; k < c[i].n; k++) {
			cr_assert(binomial(count[k], n, 1.0 / c[i].n), "%s: %s %d times",
				  c[i].prompt, c[i].first[k], count[k]);
			sum += count[k];
		}
		cr_assert_eq(sum, n, "%s: %d of %d known", c[i].prompt, sum, n);
	}
}

Test(chain, check_refuses_one_sided_splits)
{
	struct ebb_options o;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_question q;
	char settings[64];

	for (int m = 2; m <= 10; m++)
		for (int n = 2; n <= 8; n++) {
			struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 17, 0);
			bool side[2] = {false, false}, sound;
			int64_t total = 1;

			snprintf(settings, sizeof settings, "task.modulus=%d task.operands=%d", m,
				 n);
			options_of(&o, task(), settings);
			sound = task()->check(&o, &err) == 0;
			for (int i = 0; i < n; i++)
				total *= 2 * m;
			if (total > 2000) {
				cr_assert(sound, "%s: %s", settings, err.text);
			} else { /* all n-operand prompts by counting */
				for (int64_t x = 0; x < total / 2; x++) {
					char s[20];
					int64_t y = x;

					for (int i = 0; i < n; i++, y /= m)
						s[2 * i] = (char)('0' + y % m);
					for (int i = 0; i + 1 < n; i++, y /= 2)
						s[2 * i + 1] = y % 2 ? '*' : '+';
					s[2 * n - 1] = '=';
					s[2 * n] = 0;
					side[held_out(s)] = true;
				}
				cr_assert_eq(sound, side[0] && side[1], "%s", settings);
			}
			if (!sound) {
				cr_assert_not_null(strstr(err.text, "task.modulus"), "%s",
						   err.text);
				continue;
			}
			task()->question(&o, &draw, true, &q);
			task()->question(&o, &draw, false, &q);
		}
}

Test(chain, curves)
{
	struct ebb_options o;
	struct ebb_question q;
	int32_t token[RESPONSE_MAX];
	double entropy[14], value[EBB_TASK_CURVES_MAX], weight[EBB_TASK_CURVES_MAX];
	struct ebb_answer a = {.token = token, .entropy = entropy};
	struct ebb_verdict v;

	for (int t = 0; t < 14; t++)
		entropy[t] = 1 << t;
	options_of(&o, task(), "task.styles=6");
	ask(task(), &o, "3+5*2+4=", &q);
	a.n = encode(task(), "3+3+4a6+4f>3$", token);
	task()->verify(&o, &q, &a, &v);
	task()->observe(&o, &q, &a, &v, value, weight);
	cr_assert(value[0] == 0 && weight[0] == 1);
	cr_assert(value[1] == 1 << 11 && weight[1] == 1);
	cr_assert_eq(weight[2], 2);
	cr_assert_eq(value[2] * weight[2], (1 << 5) + (1 << 9));
	a.n = encode(task(), ">5>3$", token);
	task()->observe(&o, &q, &a, &v, value, weight);
	cr_assert(value[0] == 1 && weight[0] == 1);
	cr_assert(weight[1] == 2 && value[1] * 2 == 2 + 8);
	cr_assert_eq(weight[2], 0);
	/* without styles the letters are no separators; without entropies only shares remain */
	options_of(&o, task(), "");
	a.n = encode(task(), "3+3+4a6+4f>3$", token);
	task()->observe(&o, &q, &a, &v, value, weight);
	cr_assert_eq(weight[2], 0);
	a.entropy = NULL;
	task()->observe(&o, &q, &a, &v, value, weight);
	cr_assert(weight[0] == 1 && weight[1] == 0);
}
