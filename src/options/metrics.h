/* The table of metrics.def as data and as an enumeration of the built-in ones. */
#ifndef EBB_OPTIONS_METRICS_H
#define EBB_OPTIONS_METRICS_H

#include <stdbool.h>

/* What one row of a dataset stands for. SNAPSHOT rows are tensors, metrics use the first three. */
enum ebb_axis { EBB_AXIS_STEP, EBB_AXIS_UPDATE, EBB_AXIS_EVAL, EBB_AXIS_SNAPSHOT, EBB_N_AXES };

struct ebb_metric {
	const char *name, *brief, *unit, *about;
	enum ebb_axis axis;
	bool deterministic;
	const char *source;
};

#define EBB_METRIC(id, ...) EBB_M_##id,
enum ebb_metric_id {
#include "options/metrics.def"
	EBB_N_METRICS
};
#undef EBB_METRIC

const struct ebb_metric *ebb_metric_rows(int *n);

/* By full name or brief, derived ones too; null if unknown. */
const struct ebb_metric *ebb_metric_find(const char *name);

/*
 * Metrics that are computed from a dataset when they are read (record/derived.h), one for every number:
 * pass@K from the outcomes of eval.samples, accuracy@T for each of eval.temperatures. Not among
 * ebb_metric_rows. Null: no name of one.
 */
enum ebb_derived { EBB_DERIVED_PASS, EBB_DERIVED_ACCURACY, EBB_N_DERIVED };
const struct ebb_metric *ebb_metric_derived(const char *name, enum ebb_derived *kind,
					    double *number);
/* The dataset that a metric is read from: its own name but for a derived one. */
const char *ebb_metric_dataset(const char *name);

#endif
