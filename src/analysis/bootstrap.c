#include "analysis/bootstrap.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/stat.h"
#include "base/rng.h"

static double mean(double *value, int n)
{
	double sum = 0.0;
	int i;

	for (i = 0; i < n; i++)
		sum += value[i];
	return sum / n;
}

void ebb_bootstrap_interval(double *resampled, int n, double *low, double *high)
{
	double tail = 0.5 * (1.0 - EBB_LEVEL);
	int i, m = 0;

	*low = *high = (double)NAN;
	for (i = 0; i < n; i++)
		if (isfinite(resampled[i]))
			resampled[m++] = resampled[i];
	if (m == 0 || m < 0.95 * n)
		return;
	gsl_sort(resampled, 1, (size_t)m);
	*low = gsl_stats_quantile_from_sorted_data(resampled, 1, (size_t)m, tail);
	*high = gsl_stats_quantile_from_sorted_data(resampled, 1, (size_t)m, 1.0 - tail);
}

static int check_resamples(int resamples, struct ebb_err *err)
{
	if (resamples < 100)
		return ebb_err_set(err, EBB_EINVAL,
				   "%d resamples have no 2.5 %% quantile; take 100 or more",
				   resamples);
	return 0;
}

int ebb_bootstrap(const double *value, int n, ebb_statistic *statistic, int resamples, double *low,
		  double *high, struct ebb_err *err)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_VALUES};
	double *v, *drawn, *stat;
	int i, r, m = 0, rc;

	*low = *high = (double)NAN;
	rc = check_resamples(resamples, err);
	if (rc != 0)
		return rc;
	v = ebb_xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof *v);
	drawn = ebb_xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof *drawn);
	stat = ebb_xcalloc((size_t)resamples, sizeof *stat);
	for (i = 0; i < n; i++)
		if (isfinite(value[i]))
			v[m++] = value[i];
	for (r = 0; r < resamples && m >= 2; r++) {
		d.step = (uint32_t)r;
		for (i = 0; i < m; i++)
			drawn[i] = v[ebb_below(&d, (uint32_t)i, (uint32_t)m)];
		stat[r] = (statistic != NULL ? statistic : mean)(drawn, m);
	}
	if (m >= 2)
		ebb_bootstrap_interval(stat, resamples, low, high);
	free(stat);
	free(drawn);
	free(v);
	return 0;
}
