/*
 * What ebb fit knows of a run: the law of every finished trial with its resampling, one law for all
 * arms against one each, and the coefficients over model sizes. fitted.c gathers, fit_text.c and
 * fit_json.c say it.
 */
#ifndef EBB_COMMAND_FITTED_H
#define EBB_COMMAND_FITTED_H

#include "analysis/fit_blocks.h"
#include "analysis/fit_common.h"
#include "analysis/fit_size.h"
#include "command/lineup.h"

/* What EI 3.5 asks of a trial: R2 at least this, AICc at most this above a rival's. */
#define EBB_FIT_R2    0.9
#define EBB_FIT_SLACK 2.0

enum ebb_fit_outcome {
	EBB_FIT_OK,
	EBB_FIT_RANGE,
	EBB_FIT_FEW,
	EBB_FIT_DIVERGED,
	EBB_FIT_ABSENT,
	EBB_N_FIT_OUTCOMES
};

struct ebb_fit_request {
	const char **path, **label; /* runs; arms asked for, none: all */
	int n_paths, n_labels;
	bool weighted; /* by the binomial variance of each accuracy */
	double early;  /* share of the steps; 0: the first half of the evaluations */
	int block;     /* points; 0: EBB_LAW_BLOCK */
	bool json;
};

struct ebb_fitted { /* a finished trial */
	int arm, seed;
	enum ebb_fit_outcome outcome;
	struct ebb_pairs pairs;
	struct ebb_law law;       /* set for OK and RANGE */
	struct ebb_law_band band; /* set for OK           */
};

/* Arms that differ in their model's size alone. */
struct ebb_fit_family {
	char *label;  /* what they have in common                         */
	int n, *arm;  /* ascending in size                            (n) */
	double *size; /* parameters but the embeddings, millions      (n) */
	struct ebb_size_fit a, b;
};

struct ebb_fits {
	const struct ebb_run *run;
	const struct ebb_fit_request *ask;
	bool *wanted; /* arms (n_arms) */
	struct ebb_fitted *of;
	int n;
	int *common_arm; /* the arms of `common`; n_common 0: fewer than two have a law */
	int n_common;
	struct ebb_common common;
	struct ebb_fit_family *family;
	int n_families;
};

/* Safe to release when zero, and whatever make returned. */
int ebb_fits_make(struct ebb_fits *f, const struct ebb_run *run, const struct ebb_fit_request *ask,
		  struct ebb_err *err);
void ebb_fits_release(struct ebb_fits *f);

/* One number of an arm's trials that have a law, over seeds. offset: of a double in struct ebb_law. */
int ebb_fits_summary(const struct ebb_fits *f, int arm, size_t offset, struct ebb_summary *out,
		     struct ebb_err *err);

/* Trials of an arm: with a law, with R2 of EBB_FIT_R2, no worse than the rivals, with a below 0, that
 * ended above their ceiling, and those whose exp(H) spans too little. */
struct ebb_fit_counts {
	int fitted, good, stands, rising, above, narrow;
};
struct ebb_fit_counts ebb_fits_count(const struct ebb_fits *f, int arm);

int ebb_fits_print(const struct ebb_fits *f, struct ebb_err *err);
int ebb_fits_json(const struct ebb_fits *f, const struct ebb_lineup *lineup, struct ebb_err *err);

/* The numbers that are summarised over the seeds of an arm. */
struct ebb_fit_column {
	const char *name, *head;
	size_t offset; /* in struct ebb_law */
	bool interval; /* a t interval makes sense: not where values crowd at a bound */
};
extern const struct ebb_fit_column ebb_fit_column[];
extern const int ebb_n_fit_columns;

#endif
