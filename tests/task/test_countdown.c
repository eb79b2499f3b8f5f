#include "setup.h"

static const struct ebb_task *task(void)
{
	return ebb_task_find("countdown");
}

static int mod5(int x)
{
	return ((x % 5) + 5) % 5;
}

Test(countdown, verdicts)
{
	struct ebb_options o;
	struct ebb_question q;

	options_of(&o, task(), "");
	ask(task(), &o, "3,8=4:", &q);
	cr_assert_eq(judge(task(), &o, &q, "3*8$", false).reward, 1);
	cr_assert_eq(judge(task(), &o, &q, "8*3$", false).reward, 1);
	cr_assert_eq(judge(task(), &o, &q, "3+8$", false).reward, 0, "11 is 1");
	cr_assert_eq(judge(task(), &o, &q, "8-3$", false).reward, 0);
	cr_assert_eq(judge(task(), &o, &q, "3*8", true).reward, 0, "no end mark");
	cr_assert_eq(judge(task(), &o, &q, "4*1$", false).reward, 0, "other numbers");
	cr_assert_eq(judge(task(), &o, &q, "3*3$", false).reward, 0, "one number twice");
	cr_assert_eq(judge(task(), &o, &q, "3,8$", false).reward, 0, "no operator");
	cr_assert_eq(judge(task(), &o, &q, "3*8$$", false).reward, 0, "goes on");
	cr_assert_eq(judge(task(), &o, &q, "3*8*8$", false).reward, 0);
	cr_assert_eq(judge(task(), &o, &q, "$", false).reward, 0);
	/* a + b is b + a, but a - b is not b - a */
	cr_assert_eq(judge(task(), &o, &q, "3+8$", false).answer,
		     judge(task(), &o, &q, "8+3$", false).answer);
	cr_assert_neq(judge(task(), &o, &q, "3-8$", false).answer,
		      judge(task(), &o, &q, "8-3$", false).answer);
	cr_assert_neq(judge(task(), &o, &q, "3+8$", false).answer,
		      judge(task(), &o, &q, "3*8$", false).answer);
	cr_assert_eq(judge(task(), &o, &q, "3*3$", false).answer, -1);
	cr_assert_eq(judge(task(), &o, &q, "3*8$", false).marker, 0);
}

/* All solvable questions come, each on one side, mirrored pairs on the same; others never come. */
Test(countdown, questions)
{
	static char seen[2][10][10][5];
	struct ebb_options o;
	struct ebb_question q;
	int n_side[2] = {0, 0};

	options_of(&o, task(), "");
	for (uint32_t slot = 0; slot < 40000; slot++) {
		struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 3, slot);
		int side = slot % 4 == 0;

		task()->question(&o, &draw, side, &q);
		seen[side][q.prompt[0]][q.prompt[2]][q.prompt[4]] = 1;
	}
	for (int a = 0; a < 10; a++)
		for (int b = 0; b < 10; b++)
			for (int t = 0; t < 5; t++) {
				bool solvable = mod5(a + b) == t || mod5(a - b) == t ||
						mod5(b - a) == t || mod5(a * b) == t;

				cr_assert_eq(seen[0][a][b][t] + seen[1][a][b][t], solvable,
					     "%d,%d=%d", a, b, t);
				cr_assert_eq(seen[1][a][b][t], seen[1][b][a][t]);
				n_side[0] += seen[0][a][b][t];
				n_side[1] += seen[1][a][b][t];
			}
	cr_log_info("%d training, %d held-out questions", n_side[0], n_side[1]);
	cr_assert_geq(n_side[1], 16);
	cr_assert(binomial(n_side[1], n_side[0] + n_side[1], 0.125));
}

Test(countdown, demonstrations)
{
	const char *slip[] = {"task.slip=0", "task.slip=0.5", "task.slip=1"};
	const double rate[] = {1, 0.5, 0};
	struct ebb_options o;
	struct ebb_question q;
	char text[RESPONSE_MAX];
	int32_t token[RESPONSE_MAX];

	for (int i = 0; i < 3; i++) {
		int right = 0, mirrored = 0, n = 20000;

		options_of(&o, task(), slip[i]);
		ask(task(), &o, "3,8=4:", &q);
		for (uint32_t slot = 0; slot < (uint32_t)n; slot++) {
			struct ebb_draw draw = draw_of(EBB_STREAM_PRETRAIN, 3, slot);
			int n_tokens = task()->demonstrate(&o, &draw, &q, token);

			decode(task(), token, n_tokens, text);
			right += judge(task(), &o, &q, text, false).reward > 0;
			mirrored += strcmp(text, "8*3$") == 0;
		}
		cr_assert(binomial(right, n, rate[i]), "%s: %d of %d right", slip[i], right, n);
		cr_assert(binomial(mirrored, n, rate[i] / 2), "%d of %d mirrored", mirrored, n);
	}
	/* a + b, b + a, a - b, b - a and both products make 0 of 0 and 5: nothing can miss */
	options_of(&o, task(), "task.slip=1");
	ask(task(), &o, "0,5=0:", &q);
	for (uint32_t slot = 0; slot < 100; slot++) {
		struct ebb_draw draw = draw_of(EBB_STREAM_PRETRAIN, 4, slot);
		int n_tokens = task()->demonstrate(&o, &draw, &q, token);

		decode(task(), token, n_tokens, text);
		cr_assert_eq(judge(task(), &o, &q, text, false).reward, 1);
	}
}

Test(countdown, curves)
{
	struct ebb_options o;
	struct ebb_question q;
	int32_t token[RESPONSE_MAX];
	double entropy[] = {1, 2, 3, 4}, value[EBB_TASK_CURVES_MAX], weight[EBB_TASK_CURVES_MAX];
	struct ebb_answer a = {.token = token, .entropy = entropy};
	struct ebb_verdict v;

	options_of(&o, task(), "");
	ask(task(), &o, "3,8=4:", &q);
	a.n = encode(task(), "3+8$", token);
	task()->verify(&o, &q, &a, &v);
	task()->observe(&o, &q, &a, &v, value, weight);
	cr_assert(value[0] == 1 && weight[0] == 1, "legal though it misses");
	cr_assert(value[1] == 2 && weight[1] == 1);
	a.entropy = NULL;
	task()->observe(&o, &q, &a, &v, value, weight);
	cr_assert_eq(weight[1], 0);
}
