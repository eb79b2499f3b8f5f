#include "analysis/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *about;
} scales[EBB_N_SCALES] = {
	[EBB_SCALE_NATIVE] = {"native", "row"},
	[EBB_SCALE_STEP] = {"step", "step (rollout batches completed)"},
	[EBB_SCALE_UPDATE] = {"update", "optimizer updates completed"},
	[EBB_SCALE_ROLLOUTS] = {"rollouts", "responses drawn"},
	[EBB_SCALE_TOKENS] = {"tokens", "response tokens generated"},
	[EBB_SCALE_SECONDS] = {"seconds", "wall time (s)"},
};

const char *ebb_scale_name(enum ebb_scale s)
{
	return scales[s].name;
}

const char *ebb_scale_about(enum ebb_scale s)
{
	return scales[s].about;
}

bool ebb_scale_parse(const char *word, enum ebb_scale *s)
{
	int i;

	for (i = EBB_SCALE_STEP; i < EBB_N_SCALES; i++)
		if (strcmp(word, scales[i].name) == 0) {
			*s = (enum ebb_scale)i;
			return true;
		}
	return false;
}

int ebb_meter_make(struct ebb_meter *m, const double *step, const double *total, int64_t n,
		   struct ebb_err *err)
{
	int64_t i;

	*m = (struct ebb_meter){0};
	if (n < 1)
		return ebb_err_set(err, EBB_EINVAL, "no training step to measure the axis by");
	m->step = ebb_xcalloc((size_t)n + 1, sizeof(double));
	m->spent = ebb_xcalloc((size_t)n + 1, sizeof(double));
	m->n = n + 1; /* the first knot is the origin, already zero */
	for (i = 0; i < n; i++) {
		m->step[i + 1] = step[i] + 1.0;
		m->spent[i + 1] = total[i];
		if (!(m->step[i + 1] >= m->step[i]) || !(m->spent[i + 1] >= m->spent[i])) {
			ebb_meter_release(m);
			return ebb_err_set(
				err, EBB_EFORMAT,
				"a total falls or is missing at step %g; the file is damaged",
				step[i]);
		}
	}
	return 0;
}

int ebb_meter_updates(struct ebb_meter *m, const double *step, int64_t n, const double *of_step,
		      int64_t n_updates, struct ebb_err *err)
{
	double *total = ebb_xcalloc((size_t)n + 1, sizeof *total);
	int64_t i, u = 0;
	int rc;

	for (i = 0; i < n; i++) {
		while (u < n_updates && of_step[u] <= step[i])
			u++;
		total[i] = (double)u;
	}
	rc = ebb_meter_make(m, step, total, n, err);
	free(total);
	return rc;
}

/* y at x on the polyline (px, py); flat outside. px non-decreasing. */
static double polyline(const double *px, const double *py, int64_t n, double x)
{
	int64_t low = 0, high = n - 1, mid;

	if (x <= px[0])
		return py[0];
	if (x >= px[high])
		return py[high];
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (px[mid] <= x)
			low = mid;
		else
			high = mid;
	}
	return py[low] + (py[high] - py[low]) * (x - px[low]) / (px[high] - px[low]);
}

double ebb_meter_at(const struct ebb_meter *m, double step)
{
	return polyline(m->step, m->spent, m->n, step);
}

double ebb_meter_step(const struct ebb_meter *m, double spent)
{
	return polyline(m->spent, m->step, m->n, spent);
}

void ebb_meter_release(struct ebb_meter *m)
{
	free(m->step);
	free(m->spent);
	*m = (struct ebb_meter){0};
}
