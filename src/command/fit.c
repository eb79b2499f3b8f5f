#include "command/command.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/fit.h"
#include "analysis/table.h"
#include "command/lineup.h"
#include "record/join.h"

static const char help[] =
	"  --json   one object: "
	"{\"run\",\"level\",\"trials\":[{\"arm\",\"seed\",\"points\",\"status\",\"a\",\"b\","
	"\"ceiling\",\n"
	"           "
	"\"se_a\",\"se_b\",\"se_ceiling\",\"r2\",\"rmse\",\"aicc\",\"linear_r2\",\"linear_aicc\",\n"
	"           "
	"\"last_excess\",\"early_points\",\"early_rmse\",\"early_last\",\"early_linear_rmse\",\n"
	"           "
	"\"early_linear_last\"}],\"arms\":[{\"arm\",\"a\":{\"n\",\"mean\",\"low\",\"high\"},\"b\":{"
	"..},\n"
	"           "
	"\"ceiling\":{..},\"r2\",\"linear_r2\",\"early_rmse\",\"early_last\",\"early_linear_rmse\","
	"\n"
	"           \"early_linear_last\"}]}, the last six as means\n"
	"           missing numbers are null; status: ok, insufficient_range, too_few_points, "
	"diverged,\n"
	"           not_recorded; of several runs also \"runs\" and \"differences\", as ebb "
	"compare has them\n\n"
	"Several runs are one table: what differs between them stands first. Arms that are the "
	"same "
	"in\n"
	"label, options and build are one arm with the seeds of all; other arms of equal label "
	"are\n"
	"called RUN: LABEL.\n\n"
	"R is the held-out accuracy of every evaluation, H the policy entropy on the training "
	"questions at\n"
	"the same step (sequence mean, nats). Least squares on exp(H); beside it the rival linear "
	"in H.\n"
	"early: fitted on the first half of the evaluations, error over the others, predicted from "
	"their\n"
	"own H (RMSE, then the last alone). Standard errors of a trial ignore that its points "
	"follow each\n"
	"other; the interval over seeds (t, 95 %) does not have that flaw.\n";

enum outcome { OK, RANGE, FEW, DIVERGED, ABSENT };

static const char *const outcome_name[] = {"ok", "insufficient_range", "too_few_points", "diverged",
					   "not_recorded"};

/* The same in a table. */
static const char *const outcome_words[] = {"", "exp(H) spans too little", "fewer than 3 points",
					    "diverged", "not recorded"};

struct fitted {
	int arm, seed;
	enum outcome outcome;
	struct ebb_law law; /* set for OK and RANGE */
};

static int fit_trial(const struct ebb_run *run, struct fitted *f, struct ebb_err *err)
{
	struct ebb_pairs p = {0};
	char status[16] = "";
	int rc;

	rc = ebb_run_status(run, f->arm, f->seed, status, err);
	if (rc != 0)
		return rc;
	if (strcmp(status, "diverged") == 0) {
		f->outcome = DIVERGED;
		return 0;
	}
	rc = ebb_pairs_read(run, f->arm, f->seed, &p, err);
	if (rc == EBB_ENOENT) {
		f->outcome = ABSENT;
		rc = 0;
	} else if (rc == 0 && p.n < 3) {
		f->outcome = FEW;
		f->law.n = p.n;
	} else if (rc == 0) {
		rc = ebb_law_fit(p.H, p.R, p.n, 0, &f->law, err);
		f->outcome = f->law.insufficient_range ? RANGE : OK;
	}
	ebb_pairs_release(&p);
	return rc;
}

/* One number of every fitted trial of an arm, summarised over seeds. */
static int over_seeds(const struct fitted *f, int n, int arm, size_t offset,
		      struct ebb_summary *out, struct ebb_err *err)
{
	double *v = ebb_xcalloc((size_t)n + 1, sizeof *v);
	int i, m = 0, rc;

	for (i = 0; i < n; i++)
		if (f[i].arm == arm && f[i].outcome == OK)
			v[m++] = *(const double *)((const char *)&f[i].law + offset);
	rc = ebb_summarise(v, m, out, err);
	free(v);
	return rc;
}

static const struct {
	const char *name, *head;
	size_t offset;
	bool interval; /* a t interval makes sense: not where values crowd at a bound */
} pooled[] = {
	{"a", "a", offsetof(struct ebb_law, a), true},
	{"b", "b", offsetof(struct ebb_law, b), true},
	{"ceiling", "ceiling b-a", offsetof(struct ebb_law, ceiling), true},
	{"r2", "R2 exp", offsetof(struct ebb_law, r2), false},
	{"linear_r2", "R2 linear", offsetof(struct ebb_law, linear.r2), false},
	{"early_rmse", "early RMSE", offsetof(struct ebb_law, early_rmse), false},
	{"early_last", "last", offsetof(struct ebb_law, early_last), false},
	{"early_linear_rmse", "linear RMSE", offsetof(struct ebb_law, early_linear_rmse), false},
	{"early_linear_last", "last", offsetof(struct ebb_law, early_linear_last), false},
};

#define N_POOLED ((int)(sizeof pooled / sizeof pooled[0]))

static void with_se(struct ebb_table *t, double x, double se, const char *pm)
{
	if (isnan(x))
		ebb_table_cell(t, "-");
	else if (isnan(se))
		ebb_table_cell(t, "%.3f", x);
	else
		ebb_table_cell(t, "%.3f %s %.3f", x, pm, se);
}

static int print_tables(const struct ebb_run *run, const struct fitted *f, int n,
			struct ebb_err *err)
{
	static const char *const head[] = {
		"arm",    "seed",      "points",          "a",          "b",    "ceiling b-a",
		"R2 exp", "R2 linear", "AICc exp-linear", "early RMSE", "last", "<note"};
	const char *arm_head[N_POOLED + 2] = {"arm", "seeds"};
	const char *pm = ebb_text_utf8() ? "±" : "+-";
	const struct ebb_law *l;
	struct ebb_summary s;
	struct ebb_table t;
	int i, k, rc = 0;

	printf("R = -a exp(H) + b, %s standard error; R held-out accuracy, H entropy in nats\n\n",
	       pm);
	ebb_table_init(&t, 12, head);
	for (i = 0; i < n; i++) {
		l = &f[i].law;
		ebb_table_cell(&t, "%s", run->arm[f[i].arm].label);
		ebb_table_cell(&t, "%llu", (unsigned long long)run->seed[f[i].seed]);
		ebb_table_cell(&t, "%d", l->n);
		if (f[i].outcome != OK) {
			for (k = 0; k < 8; k++)
				ebb_table_cell(&t, "-");
			ebb_table_cell(&t, "%s", outcome_words[f[i].outcome]);
			continue;
		}
		with_se(&t, l->a, l->se_a, pm);
		with_se(&t, l->b, l->se_b, pm);
		with_se(&t, l->ceiling, l->se_ceiling, pm);
		ebb_table_number(&t, l->r2, 3);
		ebb_table_number(&t, l->linear.r2, 3);
		ebb_table_number(&t, l->aicc - l->linear.aicc, 1);
		ebb_table_number(&t, l->early_rmse, 3);
		ebb_table_number(&t, l->early_last, 3);
		ebb_table_cell(&t, "%s",
			       l->a < 0.0             ? "rises with entropy: no ceiling"
			       : l->last_excess > 0.0 ? "ended above the ceiling"
						      : "");
	}
	ebb_table_print(&t, stdout);
	ebb_table_release(&t);

	printf("\nmean over seeds [95 %% t interval]; early: predicted from the first half, last: "
	       "its error "
	       "at the end\n\n");
	for (k = 0; k < N_POOLED; k++)
		arm_head[k + 2] = pooled[k].head;
	ebb_table_init(&t, N_POOLED + 2, arm_head);
	for (i = 0; i < run->n_arms && rc == 0; i++) {
		ebb_table_cell(&t, "%s", run->arm[i].label);
		rc = over_seeds(f, n, i, pooled[0].offset, &s, err);
		ebb_table_cell(&t, "%d", s.n);
		for (k = 0; k < N_POOLED && rc == 0; k++) {
			rc = over_seeds(f, n, i, pooled[k].offset, &s, err);
			if (s.n < 2 || !pooled[k].interval)
				ebb_table_number(&t, s.mean, 3);
			else
				ebb_table_cell(&t, "%.3f [%.3f, %.3f]", s.mean, s.low, s.high);
		}
	}
	if (rc == 0)
		ebb_table_print(&t, stdout);
	ebb_table_release(&t);
	return rc;
}

static void field(struct ebb_buf *b, const char *name, double x)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	ebb_json_number(b, x);
}

static void json_trial(struct ebb_buf *b, const struct ebb_run *run, const struct fitted *f)
{
	const struct ebb_law *l = &f->law;
	bool ok = f->outcome == OK;
	const struct {
		const char *name;
		double x;
	} number[] = {
		{"a", l->a},
		{"b", l->b},
		{"ceiling", l->ceiling},
		{"se_a", l->se_a},
		{"se_b", l->se_b},
		{"se_ceiling", l->se_ceiling},
		{"r2", l->r2},
		{"rmse", l->rmse},
		{"aicc", l->aicc},
		{"linear_r2", l->linear.r2},
		{"linear_aicc", l->linear.aicc},
		{"last_excess", l->last_excess},
		{"early_points", l->n_early},
		{"early_rmse", l->early_rmse},
		{"early_last", l->early_last},
		{"early_linear_rmse", l->early_linear_rmse},
		{"early_linear_last", l->early_linear_last},
	};
	size_t i;

	ebb_buf_puts(b, "{\"arm\":");
	ebb_buf_json(b, run->arm[f->arm].label);
	ebb_buf_printf(b, ",\"seed\":%llu,\"points\":%d,\"status\":\"%s\"",
		       (unsigned long long)run->seed[f->seed], l->n, outcome_name[f->outcome]);
	for (i = 0; i < sizeof number / sizeof number[0]; i++)
		field(b, number[i].name, ok ? number[i].x : (double)NAN);
	ebb_buf_puts(b, "}");
}

static int print_json(const struct ebb_run *run, const struct ebb_lineup *lineup,
		      const struct fitted *f, int n, struct ebb_err *err)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct ebb_summary s;
	int i, k, rc = 0;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, run->name);
	ebb_lineup_json(lineup, &b);
	field(&b, "level", EBB_LEVEL);
	ebb_buf_puts(&b, ",\"trials\":[");
	for (i = 0; i < n; i++) {
		ebb_buf_puts(&b, i > 0 ? ",\n" : "\n");
		json_trial(&b, run, &f[i]);
	}
	ebb_buf_puts(&b, "\n],\"arms\":[");
	for (i = 0; i < run->n_arms && rc == 0; i++) {
		ebb_buf_puts(&b, i > 0 ? ",\n{\"arm\":" : "\n{\"arm\":");
		ebb_buf_json(&b, run->arm[i].label);
		for (k = 0; k < N_POOLED && rc == 0; k++) {
			rc = over_seeds(f, n, i, pooled[k].offset, &s, err);
			if (!pooled[k].interval) {
				field(&b, pooled[k].name, s.mean);
				continue;
			}
			ebb_buf_printf(&b, ",\"%s\":{\"n\":%d", pooled[k].name, s.n);
			field(&b, "mean", s.mean);
			field(&b, "low", s.low);
			field(&b, "high", s.high);
			ebb_buf_puts(&b, "}");
		}
		ebb_buf_puts(&b, "}");
	}
	ebb_buf_puts(&b, "\n]}\n");
	if (rc == 0)
		fputs(b.data, stdout);
	ebb_buf_release(&b);
	return rc;
}

static int fit_all(const struct ebb_run *run, struct fitted *f, int *n, struct ebb_err *err)
{
	int rc = 0;

	*n = 0;
	for (int i = 0; i < run->n_arms * run->n_seeds && rc == 0; i++) {
		if (!run->finished[i])
			continue;
		f[*n].arm = i / run->n_seeds;
		f[*n].seed = i % run->n_seeds;
		rc = fit_trial(run, &f[(*n)++], err);
	}
	if (rc == 0 && *n == 0)
		rc = ebb_err_set(err, EBB_ENOENT,
				 "'%s' has no finished trial; ebb run continues it", run->dir);
	return rc;
}

int ebb_command_fit(int argc, char **argv)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_lineup lineup = {0};
	struct ebb_run run = {0};
	struct fitted *f = NULL;
	const char **path = ebb_xcalloc((size_t)argc, sizeof *path);
	bool json = false;
	int n_paths = 0, n, status = EBB_EXIT_OK, rc = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			status = ebb_command_help("fit", help);
			goto out;
		}
		if (strcmp(argv[i], "--json") == 0) {
			json = true;
		} else if (argv[i][0] == '-') {
			status = ebb_command_usage("fit", "unknown option '%s'", argv[i]);
			goto out;
		} else {
			path[n_paths++] = argv[i];
		}
	}
	if (n_paths == 0) {
		status = ebb_command_usage("fit", "name the run directory");
		goto out;
	}
	ebb_record_setup();
	rc = ebb_run_join(&run, path, n_paths, &err);
	if (rc == 0)
		rc = ebb_lineup_make(&lineup, &run, &err);
	f = ebb_xcalloc((size_t)run.n_arms * (size_t)run.n_seeds + 1, sizeof *f);
	if (rc == 0)
		rc = fit_all(&run, f, &n, &err);
	if (rc == 0 && json) {
		rc = print_json(&run, &lineup, f, n, &err);
	} else if (rc == 0) {
		ebb_lineup_print(&lineup, stdout, false);
		rc = print_tables(&run, f, n, &err);
	}
	if (rc != 0)
		status = ebb_command_fail("fit", &err);
out:
	free(f);
	ebb_lineup_release(&lineup);
	ebb_run_release(&run);
	free(path);
	return status;
}
