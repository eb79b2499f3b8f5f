/* Claims judged on made-up curves: a definition with arms, a function for their numbers. */
#ifndef EBB_TESTS_JUDGED_H
#define EBB_TESTS_JUDGED_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/verdict.h"
#include "task/task.h"

#define JUDGED_STEPS 100
#define JUDGED_EVERY 10 /* evaluations at 0, 10 ... 100; training rows at 0, 1 ... 99 */

/* The value of a curve at a step; NaN: no row there. INFINITY: the trial has no such curve. */
typedef double made_curve(int arm, int seed, const char *metric, double step);

static struct ebb_definition judged_def;
static made_curve *judged_curve;
static double judged_tokens[64]; /* an arm's tokens per step */

static inline void judged_read(const char *yaml)
{
	char path[] = "/tmp/ebb-judged-XXXXXX";
	const char *file = path;
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(fd);
	cr_assert_eq(ebb_definition_read(&judged_def, ebb_task_catalog(), &file, 1, NULL, 0, &diag,
					 &err),
		     0, "%s: %s", err.text, diag.n ? diag.entry[0].text : "");
	unlink(path);
	ebb_diag_release(&diag);
	for (int a = 0; a < 64; a++)
		judged_tokens[a] = 100.0;
}

static inline void judged_forget(void)
{
	ebb_definition_release(&judged_def);
}

static inline int judged_get(void *ctx, int arm, int seed, const char *metric, enum ebb_scale scale,
			     struct ebb_curve *out, struct ebb_err *err)
{
	bool eval = strncmp(metric, "eval/", 5) == 0;
	int n = eval ? JUDGED_STEPS / JUDGED_EVERY + 1 : JUDGED_STEPS;

	(void)ctx;
	(void)err;
	*out = (struct ebb_curve){.seed = judged_def.seed[seed]};
	if (isinf(judged_curve(arm, seed, metric, 0.0)))
		return 0;
	out->x = ebb_xcalloc((size_t)n, sizeof(double));
	out->y = ebb_xcalloc((size_t)n, sizeof(double));
	for (out->n = 0; out->n < n; out->n++) {
		double step = (double)out->n * (eval ? JUDGED_EVERY : 1);

		out->x[out->n] = scale == EBB_SCALE_TOKENS ? step * judged_tokens[arm] : step;
		out->y[out->n] = judged_curve(arm, seed, metric, step);
	}
	return 0;
}

/* Judge claims that the definition allows. */
static inline struct ebb_judgements judged(made_curve *curve, const char *const *text, int n)
{
	static const char *const algorithm[] = {"grpo", "dapo", "gspo", "gipo"};
	struct ebb_claim_scope scope = {.def = &judged_def,
					.catalog = ebb_task_catalog(),
					.algorithm = algorithm,
					.n_algorithms = 4};
	struct ebb_claim_data data = {.def = &judged_def, .curve = judged_get};
	struct ebb_claim claim[32];
	struct ebb_claim_reason why[32] = {0};
	struct ebb_diag diag = EBB_DIAG_INIT;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_judgements out;

	judged_curve = curve;
	for (int i = 0; i < n; i++) {
		cr_assert(ebb_claim_parse(&claim[i], text[i], (struct ebb_mark){0}, false, &diag) &&
				  ebb_claim_check(&claim[i], &scope, &diag, &why[i]) !=
					  EBB_CLAIM_WRONG,
			  "%s: %s", text[i], diag.n ? diag.entry[0].text : "");
	}
	cr_assert_eq(ebb_judge(&out, claim, why, n, &scope, &data, &err), 0, "%s", err.text);
	cr_assert_eq(out.n, n);
	for (int i = 0; i < n; i++)
		ebb_claim_release(&claim[i]);
	ebb_diag_release(&diag);
	return out;
}

/* The judgement of one claim alone; *all owns it. */
static inline struct ebb_judgement *judged_one(struct ebb_judgements *all, made_curve *curve,
					       const char *text)
{
	*all = judged(curve, &text, 1);
	return &all->claim[0];
}

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((double)(x) - (double)(y)) <= (tol), "%s is %.12g, not %.12g", #x,          \
		  (double)(x), (double)(y))

/* Verdict, and whether that is what was claimed. */
#define IS(j, word, does_hold)                                                                     \
	cr_assert(strcmp(ebb_verdict_word((j)->verdict), word) == 0 && (j)->holds == (does_hold),  \
		  "'%s' is %s (%g [%g, %g], p %g, Holm %g, n %d; %s), not %s", (j)->claim,         \
		  ebb_verdict_word((j)->verdict), (j)->effect, (j)->low, (j)->high, (j)->p,        \
		  (j)->p_holm, (j)->n, (j)->note, word)

#define NOTES(j, part)                                                                             \
	cr_assert(strstr((j)->note, part), "'%s': '%s' is not in '%s'", (j)->claim, part, (j)->note)

#endif
