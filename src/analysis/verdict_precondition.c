/*
 * What must hold of the arms before a claim about their success says anything (EI section 10). Only
 * the start is looked at: that accuracy or length break down later is a finding, which claims may
 * be about.
 */
#include <math.h>
#include <string.h>
#include "analysis/claim_curve.h"
#include "analysis/verdict_test.h"

#define ACCURACY_LOW  0.05
#define ACCURACY_HIGH 0.80
#define TRUNCATED     0.20 /* share of the responses cut at the limit */

static bool is_about_success(const struct ebb_evaluation *e)
{
	for (int i = 0; i < e->n_metrics; i++)
		if (strncmp(e->metric[i], "eval/", 5) == 0 ||
		    strncmp(e->metric[i], "reward/", 7) == 0)
			return true;
	return false;
}

/* Mean over seeds of the first measured row; NaN where the arm has no such curve. */
static int mean_start(const struct ebb_evaluation *e, int arm, const char *metric, double *mean,
		      struct ebb_err *err)
{
	double sum = 0.0;
	int n = 0, rc = 0;

	for (int s = 0; s < e->n_seeds && rc == 0; s++) {
		struct ebb_curve c = {0};

		rc = e->data->curve(e->data->ctx, arm, s, metric, EBB_SCALE_NATIVE, &c, err);
		if (rc == 0)
			ebb_measured(&c);
		if (rc == 0 && c.n > 0) {
			sum += c.y[0];
			n++;
		}
		ebb_curve_release(&c);
	}
	*mean = n > 0 ? sum / n : (double)NAN;
	return rc;
}

int ebb_precondition_check(const struct ebb_evaluation *e, struct ebb_buf *why, struct ebb_err *err)
{
	int rc = 0;

	if (!is_about_success(e))
		return 0;
	for (int a = 0; a < e->scope->def->n_arms && rc == 0 && why->len == 0; a++) {
		const char *label = e->scope->def->arm[a].label;
		double accuracy, truncated;

		if (!e->reads_arm[a])
			continue;
		rc = mean_start(e, a, "eval/accuracy", &accuracy, err);
		if (rc == 0)
			rc = mean_start(e, a, "response_length/clip_ratio", &truncated, err);
		if (rc < 0)
			break;
		if (accuracy < ACCURACY_LOW || accuracy > ACCURACY_HIGH)
			ebb_note_add(why,
				     "'%s' starts at accuracy %.3f, outside 0.05 to 0.80: there is "
				     "too little to %s",
				     label, accuracy, accuracy < ACCURACY_LOW ? "reward" : "gain");
		else if (truncated >= TRUNCATED)
			ebb_note_add(why,
				     "'%s' starts with %.0f %% of its responses cut at the length "
				     "limit (20 %% is the most)",
				     label, 100.0 * truncated);
	}
	return rc;
}
