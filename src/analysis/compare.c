#include "analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/adjust.h"
#include "analysis/names.h"
#include "base/near.h"

/* Does the user's word mean this canonical key: itself, its last part, or its option's alias? */
static bool key_is(const char *key, const char *word)
{
	const char *tail = strrchr(key, '.');

	return strcmp(key, word) == 0 || (tail != NULL && strcmp(tail + 1, word) == 0) ||
	       strcmp(ebb_name_key(key), word) == 0;
}

static const struct ebb_setting *setting_of(const struct ebb_run_arm *arm, const char *by)
{
	int i;

	for (i = 0; i < arm->n_axes; i++)
		if (key_is(arm->axis[i].key, by))
			return &arm->axis[i];
	return NULL;
}

/* How many settings other than `by` two arms share; -1 where they contradict each other. */
static int likeness(const struct ebb_run_arm *a, const struct ebb_run_arm *b, const char *by)
{
	int i, j, n = 0;

	for (i = 0; i < a->n_axes; i++) {
		if (key_is(a->axis[i].key, by))
			continue;
		for (j = 0; j < b->n_axes; j++) {
			if (strcmp(a->axis[i].key, b->axis[j].key) != 0)
				continue;
			if (strcmp(a->axis[i].value, b->axis[j].value) != 0)
				return -1;
			n++;
		}
	}
	return n;
}

static int unknown_key(const struct ebb_run *run, const char *by, struct ebb_err *err)
{
	struct ebb_near near;
	int a, i;

	ebb_near_init(&near, by);
	for (a = 0; a < run->n_arms; a++)
		for (i = 0; i < run->arm[a].n_axes; i++)
			ebb_near_offer(&near, run->arm[a].axis[i].key);
	if (near.best != NULL)
		return ebb_err_set(err, EBB_ENOENT, "no arm differs by '%s'; did you mean '%s'?",
				   by, near.best);
	return ebb_err_set(err, EBB_ENOENT,
			   "no arm differs by '%s'; arms are told apart as in '%s'", by,
			   run->n_arms > 0 ? run->arm[0].label : "");
}

/* The baseline's value of `by`, from a value, an arm's label or the first arm that has one. */
static int baseline_value(const struct ebb_run *run, const char *by, const char *baseline,
			  const char **value, struct ebb_err *err)
{
	const struct ebb_setting *s;
	struct ebb_near near;
	int a;

	*value = NULL;
	if (baseline != NULL)
		ebb_near_init(&near, baseline);
	for (a = 0; a < run->n_arms; a++) {
		s = setting_of(&run->arm[a], by);
		if (s == NULL)
			continue;
		if (baseline == NULL || strcmp(s->value, baseline) == 0 ||
		    strcmp(run->arm[a].label, baseline) == 0) {
			*value = s->value;
			return 0;
		}
		ebb_near_offer(&near, s->value);
		ebb_near_offer(&near, run->arm[a].label);
	}
	if (baseline == NULL)
		return unknown_key(run, by, err);
	return ebb_err_set(err, EBB_ENOENT, "no arm has %s = '%s'%s%s%s", by, baseline,
			   near.best != NULL ? "; did you mean '" : "",
			   near.best != NULL ? near.best : "", near.best != NULL ? "'?" : "");
}

int ebb_compare_baselines(const struct ebb_run *run, const char *by, const char *baseline,
			  int *baseline_of, struct ebb_err *err)
{
	const struct ebb_setting *s;
	const char *value;
	int a, b, like, best, one = 0, rc;
	bool known = false;

	if (by == NULL) {
		rc = baseline != NULL ? ebb_name_arm(run, baseline, &one, err) : 0;
		for (a = 0; a < run->n_arms && rc == 0; a++)
			baseline_of[a] = one;
		return rc;
	}
	for (a = 0; a < run->n_arms; a++)
		known = known || setting_of(&run->arm[a], by) != NULL;
	if (!known)
		return unknown_key(run, by, err);
	rc = baseline_value(run, by, baseline, &value, err);
	if (rc != 0)
		return rc;
	for (a = 0; a < run->n_arms; a++) {
		baseline_of[a] = -1;
		best = -1;
		for (b = 0; b < run->n_arms; b++) {
			s = setting_of(&run->arm[b], by);
			if (s == NULL || strcmp(s->value, value) != 0)
				continue;
			like = likeness(&run->arm[a], &run->arm[b], by);
			/* An arm of the baseline's value is its own baseline, whatever else is like it. */
			if (a == b)
				like = run->arm[a].n_axes;
			if (like > best) {
				best = like;
				baseline_of[a] = b;
			}
		}
	}
	return 0;
}

static void adjust(struct ebb_comparison *c)
{
	double *p = ebb_xcalloc((size_t)c->n + 1, sizeof *p);
	int i;

	for (i = 0; i < c->n; i++)
		p[i] = c->row[i].diff.n >= 2 ? c->row[i].diff.p_t : (double)NAN;
	c->n_tests = ebb_holm_adjust(p, c->n, p);
	for (i = 0; i < c->n; i++)
		c->row[i].p_holm = p[i];
	free(p);
}

static int read_finals(struct ebb_comparison *c, struct ebb_comparison_row *row,
		       const struct ebb_run *run, struct ebb_err *err)
{
	struct ebb_array a = {0};
	char status[16] = "";
	int s, rc = 0;

	for (s = 0; s < run->n_seeds && rc == 0; s++) {
		row->final[s] = (double)NAN;
		if (!run->finished[row->arm * run->n_seeds + s]) {
			/* a seed that its run does not have is not missing */
			row->n_unfinished += run->trial[row->arm * run->n_seeds + s][0] != '\0';
			continue;
		}
		rc = ebb_run_status(run, row->arm, s, status, err);
		if (rc == 0 && strcmp(status, "diverged") == 0) {
			row->n_diverged++;
			continue;
		}
		if (rc == 0)
			rc = ebb_run_read(run, row->arm, s, c->metric, &a, err);
		if (rc == EBB_ENOENT)
			rc = 0; /* this arm does not record the metric: no value */
		else if (rc == 0 && a.rank != 1)
			rc = ebb_err_set(err, EBB_EINVAL,
					 "'%s' is a tensor of rank %d, not a curve", c->metric,
					 a.rank);
		else if (rc == 0) {
			row->final[s] = ebb_final_value(a.value, a.dim[0]);
			memcpy(c->unit, a.unit, sizeof c->unit);
			memcpy(c->about, a.about, sizeof c->about);
		}
		ebb_array_release(&a);
	}
	return rc != 0 ? rc : ebb_summarise(row->final, run->n_seeds, &row->value, err);
}

int ebb_compare(struct ebb_comparison *out, const struct ebb_run *run, const char *metric,
		const char *by, const char *baseline, struct ebb_err *err)
{
	struct ebb_comparison_row *row;
	int *baseline_of;
	int a, values = 0, rc;

	*out = (struct ebb_comparison){0};
	baseline_of = ebb_xcalloc((size_t)run->n_arms + 1, sizeof *baseline_of);
	rc = ebb_compare_baselines(run, by, baseline, baseline_of, err);
	if (rc == 0) {
		out->metric = ebb_xstrdup(metric);
		out->n = run->n_arms;
		out->row = ebb_xcalloc((size_t)run->n_arms + 1, sizeof *out->row);
	}
	for (a = 0; a < out->n && rc == 0; a++) {
		row = &out->row[a];
		row->arm = a;
		row->baseline = baseline_of[a];
		row->final = ebb_xcalloc((size_t)run->n_seeds + 1, sizeof(double));
		rc = read_finals(out, row, run, err);
		values += row->value.n;
	}
	if (rc == 0 && values == 0)
		rc = ebb_err_set(err, EBB_ENOENT,
				 "no finished trial measured '%s'; it is recorded only where the "
				 "options call for it",
				 metric);
	for (a = 0; a < out->n && rc == 0; a++) {
		row = &out->row[a];
		if (row->baseline >= 0 && row->baseline != a)
			rc = ebb_paired_test(row->final, out->row[row->baseline].final,
					     run->n_seeds, &row->diff, err);
	}
	if (rc == 0)
		adjust(out);
	free(baseline_of);
	if (rc != 0)
		ebb_comparison_release(out);
	return rc;
}

void ebb_comparison_release(struct ebb_comparison *c)
{
	int i;

	for (i = 0; i < c->n && c->row != NULL; i++)
		free(c->row[i].final);
	free(c->row);
	free(c->metric);
	*c = (struct ebb_comparison){0};
}
