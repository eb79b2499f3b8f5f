/* What the tests of this room share: options of a task, tokens as text, questions by their text. */
#ifndef EBB_TESTS_TASK_SETUP_H
#define EBB_TESTS_TASK_SETUP_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "task/task.h"

#define RESPONSE_MAX 256

static inline void set(struct ebb_options *o, const struct ebb_task *task, const char *key,
		       const char *text)
{
	struct ebb_err err = EBB_ERR_INIT;
	const struct ebb_option *row = ebb_option_find(ebb_task_catalog(), task->rows.name, key);

	cr_assert_not_null(row, "no option '%s' in task %s", key, task->rows.name);
	cr_assert_eq(ebb_option_set(o, row, text, &err), 0, "%s=%s: %s", key, text, err.text);
}

/* "key=value key=value" on top of the defaults. */
static inline void options_of(struct ebb_options *o, const struct ebb_task *task,
			      const char *settings)
{
	char copy[512], *save, *pair, *equals;

	ebb_options_init(o, ebb_task_catalog());
	set(o, task, "task.name", task->rows.name);
	for (int i = 0; i < task->rows.n_options; i++) {
		snprintf(copy, sizeof copy, "%s.%s", task->rows.option[i].group,
			 task->rows.option[i].name);
		set(o, task, copy, task->rows.option[i].default_text);
	}
	cr_assert_lt(strlen(settings), sizeof copy);
	strcpy(copy, settings);
	for (pair = strtok_r(copy, " ", &save); pair; pair = strtok_r(NULL, " ", &save)) {
		equals = strchr(pair, '=');
		cr_assert_not_null(equals, "'%s' has no =", pair);
		*equals = 0;
		set(o, task, pair, equals + 1);
	}
}

static inline struct ebb_draw draw_of(uint32_t stream, uint32_t step, uint32_t slot)
{
	return (struct ebb_draw){.seed = 100, .stream = stream, .step = step, .slot = slot};
}

static inline int encode(const struct ebb_task *task, const char *text, int32_t *token)
{
	int n = 0;

	for (; text[n]; n++) {
		token[n] = -1;
		for (int k = 0; k < task->vocabulary; k++)
			if (task->symbol[k][0] == text[n])
				token[n] = k;
		cr_assert_geq(token[n], 0, "no symbol for '%c'", text[n]);
	}
	return n;
}

static inline const char *decode(const struct ebb_task *task, const int32_t *token, int n,
				 char *text)
{
	for (int t = 0; t < n; t++) {
		cr_assert(token[t] >= 0 && token[t] < task->vocabulary, "token %d", token[t]);
		text[t] = task->symbol[token[t]][0];
	}
	text[n] = 0;
	return text;
}

/* Draw until the question with this prompt comes. */
static inline void ask(const struct ebb_task *task, const struct ebb_options *o, const char *prompt,
		       struct ebb_question *q)
{
	char text[RESPONSE_MAX];
	struct ebb_draw draw;

	for (uint32_t slot = 0; slot < 500000; slot++) {
		draw = draw_of(EBB_STREAM_TEST, 0, slot / 2);
		task->question(o, &draw, slot % 2, q);
		if (strcmp(decode(task, q->prompt, q->n_prompt, text), prompt) == 0)
			return;
	}
	cr_assert_fail("prompt '%s' never comes", prompt);
}

static inline struct ebb_verdict judge(const struct ebb_task *task, const struct ebb_options *o,
				       const struct ebb_question *q, const char *response,
				       bool truncated)
{
	int32_t token[RESPONSE_MAX];
	struct ebb_answer a = {.token = token, .truncated = truncated};
	struct ebb_verdict v;

	a.n = encode(task, response, token);
	task->verify(o, q, &a, &v);
	return v;
}

/* k of n within five standard deviations of a Bernoulli(p): seeds are fixed, so a test either
 * passes or not, and a wrong rate has no chance at these n. */
static inline bool binomial(int k, int n, double p)
{
	return fabs(k - n * p) <= 5.0 * sqrt(n * p * (1 - p)) + 1e-9;
}

#endif
