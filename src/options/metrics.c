/* The table of metrics.def as data. */
#include "options/metrics.h"

#include <stddef.h>
#include <string.h>

static const struct ebb_metric metric[] = {
#define EBB_METRIC(id, name, brief, unit, about, axis, deterministic, source)                      \
	{name, brief, unit, about, EBB_AXIS_##axis, deterministic, source},
#include "options/metrics.def"
#undef EBB_METRIC
};

const struct ebb_metric *ebb_metric_rows(int *n)
{
	*n = EBB_N_METRICS;
	return metric;
}

const struct ebb_metric *ebb_metric_find(const char *name)
{
	for (int i = 0; i < EBB_N_METRICS; i++)
		if (strcmp(metric[i].name, name) == 0 || strcmp(metric[i].brief, name) == 0)
			return &metric[i];
	return ebb_metric_derived(name, NULL, NULL);
}
