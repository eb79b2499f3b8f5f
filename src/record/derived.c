#include "record/derived.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options/metrics.h"

double ebb_pass_at(int right, int n, int K)
{
	double none = 1.0;

	if (K < 1 || K > n)
		return (double)NAN;
	if (n - right < K)
		return 1.0;
	/* C(n-right, K) / C(n, K) is symmetric in right and K: the shorter product */
	if (K < right) {
		int swap = K;

		K = right;
		right = swap;
	}
	for (int j = 0; j < right; j++)
		none *= (double)(n - K - j) / (n - j);
	return 1.0 - none;
}

/* Mean over the questions of every evaluation. */
static int pass_at(const struct ebb_array *outcome, int K, const char *name, struct ebb_array *out,
		   struct ebb_err *err)
{
	const int64_t questions = outcome->rank == 3 ? outcome->dim[1] : 0;
	const int64_t samples = outcome->rank == 3 ? outcome->dim[2] : 0;
	const double *u = outcome->value;

	if (outcome->rank != 3)
		return ebb_err_set(err, EBB_EFORMAT, "eval/outcome has rank %d, not 3",
				   outcome->rank);
	if (samples < K)
		return ebb_err_set(err, EBB_ENOENT,
				   "'%s' asks for %d samples a question, this trial has "
				   "eval.samples=%lld",
				   name, K, (long long)samples);
	for (int64_t e = 0; e < out->dim[0]; e++) {
		double sum = 0.0;
		int asked = 0;

		for (int64_t q = 0; q < questions; q++) {
			int right = 0, n = 0;

			for (int64_t k = 0; k < samples; k++, u++) {
				right += *u == 1.0;
				n += !isnan(*u);
			}
			if (n >= K) {
				sum += ebb_pass_at(right, n, K);
				asked++;
			}
		}
		out->value[e] = asked > 0 ? sum / asked : (double)NAN;
	}
	return 0;
}

static int accuracy_at(const struct ebb_array *accuracy, const struct ebb_array *temperature,
		       double T, const char *name, struct ebb_array *out, struct ebb_err *err)
{
	const int64_t n = accuracy->rank == 2 ? accuracy->dim[1] : 0;

	if (accuracy->rank != 2 || temperature->rank != 2 || temperature->dim[1] != n ||
	    temperature->dim[0] != accuracy->dim[0])
		return ebb_err_set(err, EBB_EFORMAT,
				   "eval/temperature does not fit eval/accuracy_at_temperature");
	for (int64_t k = 0; k < n; k++) {
		if (accuracy->dim[0] > 0 && temperature->value[k] != T)
			continue;
		for (int64_t e = 0; e < accuracy->dim[0]; e++)
			out->value[e] = accuracy->value[e * n + k];
		return 0;
	}
	return ebb_err_set(err, EBB_ENOENT, "'%s' is none of this trial's eval.temperatures", name);
}

int ebb_derived_read(const struct ebb_run *run, int arm, int seed, const char *name,
		     struct ebb_array *out, struct ebb_err *err)
{
	struct ebb_array from = {0}, temperature = {0};
	enum ebb_derived kind;
	double number;
	const struct ebb_metric *m = ebb_metric_derived(name, &kind, &number);
	int rc;

	*out = (struct ebb_array){0};
	if (!m)
		EBB_BUG("'%s' is no derived metric", name);
	rc = ebb_run_read(run, arm, seed, ebb_metric_dataset(name), &from, err);
	if (rc == 0 && kind == EBB_DERIVED_ACCURACY)
		rc = ebb_run_read(run, arm, seed, "eval/temperature", &temperature, err);
	if (rc == 0) {
		*out = (struct ebb_array){.rank = 1, .dim = {from.dim[0]}};
		out->value = ebb_xcalloc((size_t)from.dim[0] + 1, sizeof *out->value);
		out->x = from.x;
		from.x = NULL;
		snprintf(out->unit, sizeof out->unit, "%s", m->unit);
		snprintf(out->about, sizeof out->about, "%s", m->about);
		memcpy(out->axis, from.axis, sizeof out->axis);
		rc = kind == EBB_DERIVED_PASS
			     ? pass_at(&from, (int)number, name, out, err)
			     : accuracy_at(&from, &temperature, number, name, out, err);
	}
	ebb_array_release(&temperature);
	ebb_array_release(&from);
	if (rc < 0)
		ebb_array_release(out);
	return rc;
}
