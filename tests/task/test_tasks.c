/* What every task of the table promises. */
#include "setup.h"

Test(tasks, table)
{
	int n;
	const struct ebb_task *const *all = ebb_task_all(&n);
	const struct ebb_catalog *catalog = ebb_task_catalog();

	cr_assert_geq(n, 2);
	cr_assert_eq(catalog->n_tasks, n);
	cr_assert_null(ebb_task_find("no-such-task"));
	for (int i = 0; i < n; i++) {
		const struct ebb_task *task = all[i];

		cr_assert_eq(ebb_task_find(task->rows.name), task);
		cr_assert_str_eq(catalog->task[i].name, task->rows.name);
		cr_assert_eq(catalog->task[i].option, task->rows.option);
		cr_assert_not_null(task->about);
		for (int j = 0; j < i; j++)
			cr_assert_str_neq(all[j]->rows.name, task->rows.name);
	}
}

Test(tasks, vocabulary_and_limits)
{
	int n;
	const struct ebb_task *const *all = ebb_task_all(&n);

	for (int i = 0; i < n; i++) {
		const struct ebb_task *task = all[i];

		cr_assert(task->pad >= 0 && task->pad < task->vocabulary);
		cr_assert(task->eos >= 0 && task->eos < task->vocabulary);
		cr_assert_neq(task->pad, task->eos);
		for (int k = 0; k < task->vocabulary; k++) {
			cr_assert_not_null(task->symbol[k], "%s: token %d", task->rows.name, k);
			cr_assert_gt(strlen(task->symbol[k]), 0u);
			for (int j = 0; j < k; j++)
				cr_assert_str_neq(task->symbol[j], task->symbol[k]);
		}
		cr_assert_leq(task->max_prompt, EBB_PROMPT_MAX);
		cr_assert(task->n_cue >= 0 && task->n_cue <= 4);
		for (int k = 0; k < task->n_cue; k++)
			cr_assert(task->cue[k] >= 0 && task->cue[k] < task->vocabulary);
		cr_assert(task->n_curves >= 0 && task->n_curves <= EBB_TASK_CURVES_MAX);
		for (int k = 0; k < task->n_curves; k++) {
			cr_assert_eq(strncmp(task->curve[k].name, "task/", 5), 0);
			cr_assert_eq(task->curve[k].axis, EBB_AXIS_STEP);
			cr_assert_null(ebb_metric_find(task->curve[k].brief),
				       "'%s' is a built-in metric", task->curve[k].brief);
		}
	}
}

Test(tasks, rows)
{
	int n;
	const struct ebb_task *const *all = ebb_task_all(&n);

	for (int i = 0; i < n; i++) {
		const struct ebb_task_rows *rows = &all[i]->rows;
		bool has_main = false;

		for (int k = 0; k < rows->n_options; k++) {
			cr_assert_str_eq(rows->option[k].group, "task");
			cr_assert(rows->option[k].own);
			cr_assert_lt(rows->option[k].offset, (size_t)EBB_TASK_OWN_MAX);
		}
		for (int k = 0; k < rows->n_presets; k++) {
			struct ebb_options o;
			struct ebb_err err = EBB_ERR_INIT;

			has_main |= strcmp(rows->preset[k].name, "main") == 0;
			options_of(&o, all[i], rows->preset[k].settings);
			if (all[i]->check)
				cr_assert_eq(all[i]->check(&o, &err), 0, "%s", err.text);
		}
		cr_assert(has_main, "%s has no preset main", rows->name);
	}
}

/* Every preset: questions inside the limits, the two sides apart, demonstrations inside theirs. */
Test(tasks, questions_and_demonstrations)
{
	int n, n_tokens, max_prompt, max_tokens;
	const struct ebb_task *const *all = ebb_task_all(&n);
	static int32_t token[RESPONSE_MAX];

	for (int i = 0; i < n; i++)
		for (int p = 0; p < all[i]->rows.n_presets; p++) {
			const struct ebb_task *task = all[i];
			struct ebb_options o;
			struct ebb_question q, again;
			struct ebb_answer a = {.token = token};
			struct ebb_verdict v;

			options_of(&o, task, task->rows.preset[p].settings);
			max_prompt = task->prompt_limit(&o);
			max_tokens = task->limit(&o);
			cr_assert_leq(max_prompt, task->max_prompt);
			cr_assert_leq(max_tokens, task->max_tokens);
			for (uint32_t slot = 0; slot < 2000; slot++) {
				struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 1, slot);

				task->question(&o, &draw, slot % 8 == 0, &q);
				task->question(&o, &draw, slot % 8 == 0, &again);
				cr_assert_eq(memcmp(q.prompt, again.prompt, sizeof q.prompt), 0);
				cr_assert_eq(q.key, again.key);
				cr_assert(q.n_prompt >= 1 && q.n_prompt <= max_prompt);
				for (int t = 0; t < q.n_prompt; t++)
					cr_assert(q.prompt[t] >= 0 &&
						  q.prompt[t] < task->vocabulary);
				cr_assert(q.n_gold >= 1 && q.n_gold <= EBB_GOLD_MAX);
				for (int t = 0; t < q.n_gold; t++)
					cr_assert(q.gold[t] >= 0 && q.gold[t] < task->vocabulary);
				draw.stream = EBB_STREAM_PRETRAIN;
				n_tokens = task->demonstrate(&o, &draw, &q, token);
				cr_assert(n_tokens >= 1 && n_tokens <= max_tokens);
				cr_assert_eq(token[n_tokens - 1], task->eos);
				for (int t = 0; t < n_tokens; t++)
					cr_assert(token[t] >= 0 && token[t] < task->vocabulary);
				a.n = n_tokens;
				task->verify(&o, &q, &a, &v);
				cr_assert(v.reward >= 0 && v.reward <= 1);
				cr_assert(v.marker >= -1 && v.marker < n_tokens);
				cr_assert_geq(v.answer, 0, "a demonstration always has an answer");
			}
		}
}

/* The gold tokens, after the cue, are an answer that the verifier accepts. */
Test(tasks, gold_is_right)
{
	int n;
	const struct ebb_task *const *all = ebb_task_all(&n);

	for (int i = 0; i < n; i++)
		for (uint32_t slot = 0; slot < 1000; slot++) {
			const struct ebb_task *task = all[i];
			struct ebb_draw draw = draw_of(EBB_STREAM_TEST, 2, slot);
			struct ebb_options o;
			struct ebb_question q;
			struct ebb_verdict v;
			int32_t token[RESPONSE_MAX];
			struct ebb_answer a = {.token = token};

			options_of(&o, task, "");
			task->question(&o, &draw, false, &q);
			for (int k = 0; k < task->n_cue; k++)
				token[a.n++] = task->cue[k];
			for (int k = 0; k < q.n_gold; k++)
				token[a.n++] = q.gold[k];
			token[a.n++] = task->eos;
			task->verify(&o, &q, &a, &v);
			cr_assert_eq(v.reward, 1);
			a.truncated = true;
			task->verify(&o, &q, &a, &v);
			cr_assert_eq(v.reward, 0);
			a.truncated = false;
			a.n = 0;
			task->verify(&o, &q, &a, &v);
			cr_assert(v.reward == 0 && v.answer == -1 && v.marker == -1);
		}
}
