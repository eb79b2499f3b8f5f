#include "figure/positions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_shape(const struct ebb_array *value, const struct ebb_array *count)
{
	return value->rank == 2 &&
	       (count == NULL || (count->rank == 2 && count->dim[0] == value->dim[0] &&
				  count->dim[1] == value->dim[1]));
}

/* Add one trial to its arm; takes the values. count: null where responses were not counted. */
static int add_trial(struct ebb_positions *arm, struct ebb_array *value,
		     const struct ebb_array *count, uint64_t seed, struct ebb_err *err)
{
	int64_t i;

	if (!same_shape(value, count))
		return ebb_err_set(err, EBB_EFORMAT,
				   "'position/entropy' and 'position/count' of seed %llu are not "
				   "of one shape (step, position)",
				   (unsigned long long)seed);
	if (arm->n_trials > 0 &&
	    (arm->n_steps != value->dim[0] || arm->n_positions != value->dim[1] ||
	     memcmp(arm->step, value->x, (size_t)value->dim[0] * sizeof(double)) != 0))
		return ebb_err_set(
			err, EBB_EINVAL,
			"arm '%s' cannot be averaged: seed %llu has other steps or positions than "
			"the seeds before it",
			arm->label, (unsigned long long)seed);
	if (value->dim[0] * value->dim[1] == 0)
		return 0;
	if (arm->n_trials == 0) {
		arm->n_steps = value->dim[0];
		arm->n_positions = value->dim[1];
		arm->step = value->x;
		value->x = NULL;
		arm->responses = ebb_xcalloc((size_t)(arm->n_steps * arm->n_positions),
					     sizeof *arm->responses);
	}
	for (i = 0; i < arm->n_steps * arm->n_positions; i++) {
		double n = count != NULL ? count->value[i] : EBB_POSITION_RESPONSES;

		/* not counted: as many as a position needs */
		arm->responses[i] += isfinite(value->value[i]) && isfinite(n) ? n : 0.0;
	}
	arm->value[arm->n_trials++] = value->value;
	value->value = NULL;
	return 0;
}

static int read_trial(void *to, const struct ebb_run *run, int of, int seed, struct ebb_err *err)
{
	struct ebb_array value = {0}, count = {0};
	bool counted;
	int rc = ebb_run_read(run, of, seed, "position/entropy", &value, err);

	if (rc == 0) {
		rc = ebb_run_read(run, of, seed, "position/count", &count, err);
		counted = rc == 0;
		if (rc == 0 || rc == EBB_ENOENT)
			rc = add_trial(to, &value, counted ? &count : NULL, run->seed[seed], err);
	} else if (rc == EBB_ENOENT) { /* recorded without */
		rc = 0;
	}
	ebb_array_release(&count);
	ebb_array_release(&value);
	return rc;
}

int ebb_positions_read(const struct ebb_request *q, struct ebb_positions **out, struct ebb_err *err)
{
	struct ebb_positions *arm = ebb_xcalloc((size_t)q->lot->n + 1, sizeof *arm);
	int i, rc = 0;

	for (i = 0; i < q->lot->n && rc == 0; i++) {
		arm[i].label = q->run->arm[q->lot->arm[i]].label;
		arm[i].value = ebb_xcalloc((size_t)q->run->n_seeds + 1, sizeof *arm[i].value);
		rc = ebb_each_trial(q->run, q->lot->arm[i], read_trial, &arm[i], &arm[i].n_diverged,
				    err);
	}
	*out = arm;
	return rc;
}

void ebb_positions_release(struct ebb_positions *arm, int n)
{
	int i, s;

	for (i = 0; i < n; i++) {
		for (s = 0; s < arm[i].n_trials; s++)
			free(arm[i].value[s]);
		free(arm[i].value);
		free(arm[i].responses);
		free(arm[i].step);
	}
	free(arm);
}
