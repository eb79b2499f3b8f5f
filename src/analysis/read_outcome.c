/* Right answers of a run on disk: fills the band of a series of eval/accuracy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/bootstrap.h"

static int seed_index(const struct ebb_run *run, uint64_t seed)
{
	int i;

	for (i = 0; i < run->n_seeds; i++)
		if (run->seed[i] == seed)
			return i;
	return -1;
}

/* Every seed of the series; *none where one has no outcomes. */
static int read_outcomes(struct ebb_outcomes *o, const struct ebb_series *s,
			 const struct ebb_run *run, int arm, bool *none, struct ebb_err *err)
{
	struct ebb_array a = {0};
	int i, at, rc = 0;

	*none = false;
	for (i = 0; i < s->n_seeds && rc == 0 && !*none; i++) {
		at = seed_index(run, s->seed[i]);
		if (at < 0)
			return ebb_err_set(err, EBB_EINVAL,
					   "seed %llu of arm '%s' is none of this run's",
					   (unsigned long long)s->seed[i], s->label);
		rc = ebb_run_read(run, arm, at, "eval/outcome", &a, err);
		if (rc == EBB_ENOENT) {
			rc = 0;
			*none = true;
		} else if (rc == 0 && a.rank != 3)
			rc = ebb_err_set(err, EBB_EFORMAT,
					 "eval/outcome of arm '%s', seed %llu, has rank %d, not 3 "
					 "(evaluation, question, sample)",
					 s->label, (unsigned long long)s->seed[i], a.rank);
		if (rc == 0 && !*none && i == 0)
			rc = ebb_outcomes_init(o, s->n_seeds, (int)a.dim[0], (int)a.dim[1], err);
		if (rc == 0 && !*none && (a.dim[0] != o->n_evals || a.dim[1] != o->n_questions))
			rc = ebb_err_set(err, EBB_EFORMAT,
					 "arm '%s', seed %llu: %lld evaluations of %lld questions, "
					 "but %d of %d in seed %llu",
					 s->label, (unsigned long long)s->seed[i],
					 (long long)a.dim[0], (long long)a.dim[1], o->n_evals,
					 o->n_questions, (unsigned long long)s->seed[0]);
		if (rc == 0 && !*none)
			rc = ebb_outcomes_put(o, i, a.value, (int)a.dim[2], err);
		ebb_array_release(&a);
	}
	return rc;
}

/* The evaluations that are rows of the series: those with an answer in any seed, in order. */
static int match_rows(const struct ebb_outcomes *o, const struct ebb_series *s, int *eval,
		      struct ebb_err *err)
{
	double accuracy, value;
	int64_t rows = 0;
	int e, i;
	bool any;

	for (e = 0; e < o->n_evals; e++) {
		for (i = 0, any = false; i < o->n_seeds; i++)
			any = any || isfinite(ebb_outcomes_accuracy(o, i, e));
		if (any && rows < s->n_rows)
			eval[rows] = e;
		rows += any;
	}
	if (rows != s->n_rows)
		return ebb_err_set(err, EBB_EFORMAT,
				   "arm '%s': eval/outcome has %lld evaluations with answers, "
				   "eval/accuracy has %lld",
				   s->label, (long long)rows, (long long)s->n_rows);
	for (rows = 0; rows < s->n_rows; rows++)
		for (i = 0; i < s->n_seeds; i++) {
			accuracy = ebb_outcomes_accuracy(o, i, eval[rows]);
			value = s->value[i * s->n_rows + rows];
			if (isfinite(accuracy) != isfinite(value) || fabs(accuracy - value) > 1e-6)
				return ebb_err_set(
					err, EBB_EFORMAT,
					"arm '%s', seed %llu, at %g: accuracy %g, but %g by its "
					"outcomes",
					s->label, (unsigned long long)s->seed[i], s->x[rows], value,
					accuracy);
		}
	return 0;
}

int ebb_series_outcome_band(struct ebb_series *s, const struct ebb_run *run, int arm,
			    struct ebb_err *err)
{
	struct ebb_outcomes o = {0};
	double *low = NULL, *high = NULL;
	int *eval = NULL;
	bool none = false;
	int64_t r;
	int rc;

	if (s->n_seeds < 2 || s->n_rows < 1 || s->resampled || s->window != 1)
		return 0;
	rc = read_outcomes(&o, s, run, arm, &none, err);
	if (rc == 0 && !none) {
		eval = ebb_xcalloc((size_t)s->n_rows, sizeof *eval);
		low = ebb_xcalloc((size_t)o.n_evals + 1, sizeof *low);
		high = ebb_xcalloc((size_t)o.n_evals + 1, sizeof *high);
		rc = match_rows(&o, s, eval, err);
		if (rc == 0)
			rc = ebb_bootstrap_outcomes(&o, EBB_RESAMPLES, low, high, err);
		for (r = 0; r < s->n_rows && rc == 0; r++) {
			s->low[r] = low[eval[r]];
			s->high[r] = high[eval[r]];
		}
		if (rc == 0)
			s->band = EBB_BAND_BOOTSTRAP;
	}
	free(high);
	free(low);
	free(eval);
	ebb_outcomes_release(&o);
	return rc;
}
