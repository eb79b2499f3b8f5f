/* From the tests of all claims to their verdicts. */
#include "analysis/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/adjust.h"
#include "analysis/binomial.h"
#include "analysis/power.h"
#include "analysis/stat.h"
#include "analysis/verdict_test.h"

#define NONE ((double)NAN)

#define SHARE_SEEDS 5     /* fewer coins cannot all fall on one side by chance below 1 in 20 */
#define SHARE_MOST  1000  /* more are not worth a number                                   */
#define ROUNDING    1e-12 /* of a share against the number it is held against                */

/* ---- how many seeds would do ---- */

/* Holm made this p so many times larger: alpha must be so many times smaller. */
static double alpha_of(const struct ebb_judgement *j)
{
	return j->p > 0.0 && j->p_holm > j->p ? EBB_ALPHA * j->p / j->p_holm : EBB_ALPHA;
}

/* The number of seeds at which this share would beat a coin or, where it is not the share claimed,
 * exclude the one that is. */
static int seeds_for_share(const struct ebb_test *t, const struct ebb_judgement *j, int *needed,
			   struct ebb_err *err)
{
	bool satisfied = t->sign * t->mean >= -ROUNDING;
	double observed = t->mean + t->share;
	int rc = 0;

	for (int n = j->n < SHARE_SEEDS ? SHARE_SEEDS : j->n + 1; n <= SHARE_MOST && rc == 0; n++) {
		int k = (int)floor(observed * n + 0.5);
		struct ebb_share share;
		bool done;

		rc = ebb_share_interval(k, n, EBB_LEVEL, &share, err);
		if (satisfied)
			done = ebb_coin_p(t->sign > 0 ? k : n - k, n) <= alpha_of(j);
		else
			done = t->sign > 0 ? share.high < t->share : share.low > t->share;
		if (done) {
			*needed = n;
			break;
		}
	}
	return rc;
}

/* At the effect and the spread seen, with a power of 0.9. */
static int needed(const struct ebb_test *t, const struct ebb_judgement *j, int *n,
		  struct ebb_err *err)
{
	double distance = fabs(t->mean);

	*n = 0;
	if (j->n < 2 || !(t->sd > 0.0))
		return 0;
	if (t->kind == EBB_TEST_NEAR || t->kind == EBB_TEST_FAR)
		distance = fabs(t->margin - fabs(t->mean));
	if (!(distance > 0.0))
		return 0;
	return ebb_power_seeds(distance / t->sd, EBB_POWER, alpha_of(j), n, err);
}

/* ---- rules ---- */

static bool is_significant(const struct ebb_judgement *j)
{
	return j->p_holm <= EBB_ALPHA;
}

static bool is_inside(const struct ebb_test *t)
{
	return t->low > -t->margin && t->high < t->margin;
}

static bool is_outside(const struct ebb_test *t)
{
	return t->low > t->margin || t->high < -t->margin;
}

static void note_holm(const struct ebb_judgement *j, int n_tests, struct ebb_buf *note)
{
	ebb_note_add(note, "p %.2g alone, %.2g among the %d claims of the run", j->p, j->p_holm,
		     n_tests);
}

static enum ebb_ruling judge_difference(const struct ebb_test *t, const struct ebb_judgement *j,
					int n_tests, bool *settled, struct ebb_buf *note)
{
	bool rightly = t->sign > 0 ? t->low > 0.0 : t->high < 0.0;
	bool wrongly = t->sign > 0 ? t->high < 0.0 : t->low > 0.0;

	if (t->stated && is_inside(t))
		return EBB_EQUIVALENT;
	if (t->sd == 0.0)
		ebb_note_add(note, t->mean == 0.0 ? "both sides are equal in every seed"
						  : "the difference is the same in every seed");
	if (!rightly && !wrongly)
		return EBB_INCONCLUSIVE;
	if (!is_significant(j)) {
		if (j->p <= EBB_ALPHA)
			note_holm(j, n_tests, note);
		return EBB_INCONCLUSIVE;
	}
	if (wrongly)
		return EBB_CONTRADICTED;
	if (fabs(t->mean) < t->margin) {
		*settled = true;
		ebb_note_add(note, "the effect is there, but below what matters (%.3g%s%s)",
			     j->margin, t->interest ? ": " : "", t->interest ? t->interest : "");
		return EBB_INCONCLUSIVE;
	}
	return EBB_REPRODUCED;
}

static enum ebb_ruling judge_near(const struct ebb_test *t)
{
	return is_inside(t) ? EBB_EQUIVALENT : is_outside(t) ? EBB_CONTRADICTED : EBB_INCONCLUSIVE;
}

static enum ebb_ruling judge_far(const struct ebb_test *t, const struct ebb_judgement *j,
				 int n_tests, struct ebb_buf *note)
{
	if (is_inside(t))
		return EBB_CONTRADICTED;
	if (!is_outside(t))
		return EBB_INCONCLUSIVE;
	if (is_significant(j))
		return EBB_REPRODUCED;
	note_holm(j, n_tests, note);
	return EBB_INCONCLUSIVE;
}

static enum ebb_ruling judge_share(const struct ebb_test *t, const struct ebb_judgement *j,
				   int n_tests, struct ebb_buf *note)
{
	double above = t->sign * t->mean;
	bool satisfied = t->strict ? above > ROUNDING : above >= -ROUNDING;

	ebb_note_add(note, "it holds in %d of %d seeds", j->k, j->n);
	if (t->sign > 0 ? t->high < -ROUNDING : t->low > ROUNDING)
		return EBB_CONTRADICTED;
	if (!satisfied)
		return EBB_INCONCLUSIVE;
	if (j->n < SHARE_SEEDS)
		ebb_note_add(note, "a share needs %d seeds", SHARE_SEEDS);
	else if (is_significant(j))
		return EBB_REPRODUCED;
	else if (j->p <= EBB_ALPHA)
		note_holm(j, n_tests, note);
	else
		ebb_note_add(note, "a coin does as well with p %.2g", j->p);
	return EBB_INCONCLUSIVE;
}

static int judge_one(struct ebb_judgement *j, const struct ebb_test *t, int n_tests,
		     struct ebb_buf *note, struct ebb_err *err)
{
	bool settled = false;
	int rc = 0;

	j->verdict = EBB_INCONCLUSIVE;
	if (t->kind == EBB_TEST_SHARE) {
		j->verdict = judge_share(t, j, n_tests, note);
	} else if (j->n < 2) {
		ebb_note_add(note, "one seed has no spread: nothing can be decided");
	} else if ((t->kind == EBB_TEST_NEAR || t->kind == EBB_TEST_FAR || t->stated) &&
		   !(t->margin > 0.0)) {
		ebb_note_add(note, "the margin came out as %.3g and must be above 0", t->margin);
		settled = true;
	} else if (t->kind == EBB_TEST_EQUAL) {
		j->verdict = EBB_REPRODUCED;
		ebb_note_add(note, "both sides are equal in every seed");
	} else if (t->kind == EBB_TEST_NEAR) {
		j->verdict = judge_near(t);
	} else if (t->kind == EBB_TEST_FAR) {
		j->verdict = judge_far(t, j, n_tests, note);
	} else {
		j->verdict = judge_difference(t, j, n_tests, &settled, note);
	}
	if (j->verdict == EBB_INCONCLUSIVE && !settled) {
		if (t->kind == EBB_TEST_SHARE)
			rc = seeds_for_share(t, j, &j->n_needed, err);
		else
			rc = needed(t, j, &j->n_needed, err);
	}
	j->holds = j->verdict == EBB_REPRODUCED ||
		   (j->verdict == EBB_EQUIVALENT && t->kind == EBB_TEST_NEAR);
	if (j->dropped > 0)
		ebb_note_add(note, "%d seed%s without a value left out", j->dropped,
			     j->dropped == 1 ? "" : "s");
	return rc;
}

/* ---- one claim before Holm ---- */

static void init(struct ebb_judgement *j, const char *claim)
{
	*j = (struct ebb_judgement){.claim = ebb_xstrdup(claim),
				    .verdict = EBB_NOT_APPLICABLE,
				    .left = NONE,
				    .right = NONE,
				    .effect = NONE,
				    .low = NONE,
				    .high = NONE,
				    .margin = NONE,
				    .p = NONE,
				    .p_holm = NONE,
				    .p_sign = NONE,
				    .test = ""};
}

/* What it reads goes to whoever draws it. */
static void hand_over(struct ebb_judgement *j, struct ebb_evaluation *e)
{
	int n_arms = e->scope->def->n_arms;

	j->arm = ebb_xcalloc((size_t)n_arms + 1, sizeof *j->arm);
	for (int a = 0; a < n_arms; a++)
		if (e->reads_arm[a])
			j->arm[j->n_arms++] = a;
	j->metric = e->metric;
	j->n_metrics = e->n_metrics;
	e->metric = NULL;
	e->n_metrics = 0;
}

static int examine(struct ebb_judgement *j, struct ebb_test *t, const struct ebb_claim *claim,
		   const struct ebb_claim_scope *scope, const struct ebb_claim_data *data,
		   struct ebb_buf *note, struct ebb_err *err)
{
	struct ebb_err mine = EBB_ERR_INIT;
	struct ebb_evaluation e;
	int rc = ebb_evaluate(&e, claim, scope, data, &mine);

	if (rc == EBB_EINVAL) { /* not of this run after all */
		ebb_note_add(note, "%s", mine.text);
		rc = 0;
	} else if (rc == 0) {
		rc = ebb_precondition_check(&e, note, &mine);
		if (rc == 0 && note->len == 0) {
			rc = ebb_test_make(t, j, &e, note, &mine);
			if (rc == 0 && j->n == 0) {
				t->kind = EBB_TEST_NONE;
				if (e.missing.len > 0) {
					ebb_buf_reset(note);
					ebb_note_add(note, "%s", e.missing.data);
				} else if (note->len == 0) {
					ebb_note_add(note, "no seed has a value on both sides");
				}
				j->p = NONE;
			}
		}
	}
	if (rc < 0 && err)
		*err = mine;
	hand_over(j, &e);
	ebb_evaluation_release(&e);
	return rc;
}

int ebb_judge(struct ebb_judgements *out, const struct ebb_claim *claim,
	      const struct ebb_claim_reason *why, int n, const struct ebb_claim_scope *scope,
	      const struct ebb_claim_data *data, struct ebb_err *err)
{
	size_t room = (size_t)n + 1;
	struct ebb_test *test = ebb_xcalloc(room, sizeof *test);
	struct ebb_buf *note = ebb_xcalloc(room, sizeof *note);
	double *p = ebb_xcalloc(room, sizeof *p);
	int rc = 0;

	*out = (struct ebb_judgements){.claim = ebb_xcalloc(room, sizeof *out->claim)};
	for (int i = 0; i < n && rc == 0; i++) {
		init(&out->claim[out->n++], claim[i].text);
		if (why[i].text[0])
			ebb_note_add(&note[i], "%s", why[i].text);
		else
			rc = examine(&out->claim[i], &test[i], &claim[i], scope, data, &note[i],
				     err);
	}
	for (int i = 0; i < out->n; i++)
		p[i] = out->claim[i].p;
	if (rc == 0)
		out->n_tests = ebb_holm_adjust(p, n, p);
	for (int i = 0; i < out->n; i++) {
		struct ebb_judgement *j = &out->claim[i];

		j->p_holm = p[i];
		if (rc == 0 && test[i].kind != EBB_TEST_NONE)
			rc = judge_one(j, &test[i], out->n_tests, &note[i], err);
		out->count[j->verdict]++;
		j->note = ebb_buf_take(&note[i]);
	}
	free(test);
	free(note);
	free(p);
	if (rc < 0)
		ebb_judgements_release(out);
	return rc;
}

void ebb_judgements_release(struct ebb_judgements *out)
{
	for (int i = 0; i < out->n; i++) {
		struct ebb_judgement *j = &out->claim[i];

		for (int m = 0; m < j->n_metrics; m++)
			free(j->metric[m]);
		free(j->metric);
		free(j->arm);
		free(j->note);
		free(j->claim);
	}
	free(out->claim);
	*out = (struct ebb_judgements){0};
}

/* ---- words ---- */

const char *ebb_verdict_word(enum ebb_ruling verdict)
{
	static const char *const word[] = {
		[EBB_REPRODUCED] = "reproduced",         [EBB_CONTRADICTED] = "contradicted",
		[EBB_EQUIVALENT] = "equivalent",         [EBB_INCONCLUSIVE] = "inconclusive",
		[EBB_NOT_APPLICABLE] = "not applicable",
	};

	return word[verdict];
}

void ebb_judgement_line(const struct ebb_judgement *j, struct ebb_buf *out)
{
	ebb_buf_printf(out, "%s: ", ebb_verdict_word(j->verdict));
	for (const char *s = j->claim; *s; s++) /* folded claims are one line here */
		if (!strchr(" \t\r\n", *s))
			ebb_buf_add(out, s, 1);
		else if (s > j->claim && !strchr(" \t\r\n", s[-1]))
			ebb_buf_puts(out, " ");
	if (j->verdict == EBB_NOT_APPLICABLE) {
		ebb_buf_printf(out, " (%s)", j->note);
		return;
	}
	if (j->shares) /* the count says more than the difference of two shares */
		ebb_buf_printf(out, " (%d of %d seeds", j->k, j->n);
	else
		ebb_buf_printf(out, j->ratio ? " (x %.3g" : " (%+.3g", j->effect);
	if (!j->shares && isfinite(j->low))
		ebb_buf_printf(out, j->ratio ? " [%.3g, %.3g]" : " [%+.3g, %+.3g]", j->low,
			       j->high);
	if (isfinite(j->p_holm))
		ebb_buf_printf(out, ", %sp %.1g", j->p_holm > j->p ? "Holm " : "", j->p_holm);
	if (!j->shares)
		ebb_buf_printf(out, ", N = %d", j->n);
	ebb_buf_puts(out, j->few ? ", few)" : ")");
}
