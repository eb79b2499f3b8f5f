/*
 * The curves of one arm over its seeds on a common axis, with mean and band. Curves are averaged
 * row by row only where their coordinates are equal; anything else is refused. The scales that
 * differ between seeds by nature (tokens, seconds, sometimes rollouts and updates) are the one
 * exception: there every curve is interpolated linearly, between its own rows, onto a common grid
 * over the part that all seeds cover, and `resampled` says so.
 */
#ifndef EBB_ANALYSIS_SERIES_H
#define EBB_ANALYSIS_SERIES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "record/record.h"

/* What a curve is drawn against. NATIVE: updates for a metric of the update axis, else steps. */
enum ebb_scale {
	EBB_SCALE_NATIVE,
	EBB_SCALE_STEP,
	EBB_SCALE_UPDATE,
	EBB_SCALE_ROLLOUTS,
	EBB_SCALE_TOKENS,
	EBB_SCALE_SECONDS,
	EBB_N_SCALES
};

/* "step", "update", ...; and the words under an axis. Parse: false for an unknown word. */
const char *ebb_scale_name(enum ebb_scale s);
const char *ebb_scale_about(enum ebb_scale s);
bool ebb_scale_parse(const char *word, enum ebb_scale *s);

/* One trial's curve. */
struct ebb_curve {
	uint64_t seed;
	int64_t n;
	double *x, *y; /* (n) */
};

void ebb_curve_release(struct ebb_curve *c);
/* Average w consecutive rows into one, coordinates too; the last window may be shorter. */
void ebb_curve_thin(struct ebb_curve *c, int w);

/* Where low and high come from. */
enum ebb_band {
	EBB_BAND_T,         /* t interval of the mean over seeds                              */
	EBB_BAND_BOOTSTRAP, /* seeds, then questions within a seed (analysis/bootstrap.h)     */
};

struct ebb_series {
	char *label;      /* the arm                                                       */
	int n_seeds;      /* complete trials with this curve                               */
	int n_unfinished; /* seeds without a finished trial                                */
	int64_t n_rows;
	uint64_t *seed;     /*                                             (n_seeds)         */
	double *x;          /* common coordinate                           (n_rows)          */
	double *value;      /* every curve                                 (n_seeds, n_rows) */
	double *mean;       /* over the seeds with a value at this row     (n_rows)          */
	double *low, *high; /* 95 % interval; NaN below two seeds          (n_rows)          */
	enum ebb_band band; /* what interval that is                                         */
	int *n;             /* seeds with a value                          (n_rows)          */
	bool resampled;     /* interpolated onto the common grid                             */
	int window;         /* rows averaged into one, 1: none                               */
	struct ebb_curve *diverged; /* thinned alike, never in mean or band (n_diverged)     */
	int n_diverged;             /* trials that ended early: diverged or exploded         */
	enum ebb_scale scale; /* of x                                                          */
	char unit[32], about[128];
};

/*
 * Combine n >= 1 curves. resample: interpolate where coordinates differ; otherwise differing ones
 * are EBB_EINVAL with both seeds, the row and the coordinates. max_rows > 0: equal windows of
 * consecutive rows are averaged, per seed, so that at most that many remain. Curves are borrowed.
 */
int ebb_series_make(struct ebb_series *s, const char *label, const struct ebb_curve *curve, int n,
		    bool resample, int64_t max_rows, struct ebb_err *err);
/* The same with windows of a multiple of unit >= 1 rows. */
int ebb_series_make_windows(struct ebb_series *s, const char *label, const struct ebb_curve *curve,
			    int n, bool resample, int64_t max_rows, int64_t unit,
			    struct ebb_err *err);

/*
 * Read metric name (a full dataset name) of all finished seeds of an arm. n_seeds may come out 0:
 * nothing is finished, or no trial of the arm has this dataset. Windows of a curve of updates hold
 * whole rollout batches, whose first update differs from its last by nature (its ratios are 1).
 */
int ebb_series_read(struct ebb_series *s, const struct ebb_run *run, int arm, const char *name,
		    enum ebb_scale scale, int64_t max_rows, struct ebb_err *err);

/* The curve of one finished trial. EBB_ENOENT: its record does not have the metric. */
int ebb_curve_read(struct ebb_curve *curve, const struct ebb_run *run, int arm, int seed,
		   const char *name, enum ebb_scale scale, struct ebb_err *err);

/* Is there a finite value to draw? */
bool ebb_series_any(const struct ebb_series *s);

void ebb_series_release(struct ebb_series *s);

/*
 * What a trial had spent (updates, responses, tokens, seconds) when so many rollout batches were
 * completed: 0 for none, then one knot a batch, joined by straight lines and constant after the
 * last. A step row counts the batches completed before it (axis/step), its totals include its own.
 */
struct ebb_meter {
	int64_t n;
	double *step, *spent; /* both non-decreasing (n) */
};

/* total[i]: spent when the batch of row i was done. */
int ebb_meter_make(struct ebb_meter *m, const double *step, const double *total, int64_t n,
		   struct ebb_err *err);
/* The meter of optimizer updates: of_step[u] is the step an update belongs to. */
int ebb_meter_updates(struct ebb_meter *m, const double *step, int64_t n, const double *of_step,
		      int64_t n_updates, struct ebb_err *err);
double ebb_meter_at(const struct ebb_meter *m, double step);
/* The step at which so much was spent. */
double ebb_meter_step(const struct ebb_meter *m, double spent);
void ebb_meter_release(struct ebb_meter *m);

#endif
