/* ebb fit for people. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include "analysis/table.h"
#include "command/fitted.h"

static const char *const outcome_words[EBB_N_FIT_OUTCOMES] = {
	"", "exp(H) spans too little", "fewer than 3 points", "diverged", "not recorded"};

static void with_se(struct ebb_table *t, double x, double se)
{
	if (isnan(x))
		ebb_table_cell(t, "-");
	else if (isnan(se))
		ebb_table_cell(t, "%.3f", x);
	else
		ebb_table_cell(t, "%.3f %s %.3f", x, ebb_text_utf8() ? "±" : "+-", se);
}

static void interval(struct ebb_table *t, double low, double high)
{
	if (isnan(low))
		ebb_table_cell(t, "-");
	else
		ebb_table_cell(t, "[%.3f, %.3f]", low, high);
}

static void name_trial(struct ebb_table *t, const struct ebb_fits *f, const struct ebb_fitted *one)
{
	ebb_table_cell(t, "%s", f->run->arm[one->arm].label);
	ebb_table_cell(t, "%" PRIu64, f->run->seed[one->seed]);
}

static void finish(struct ebb_table *t)
{
	ebb_table_print(t, stdout);
	ebb_table_release(t);
}

/* ---- the trials ---- */

static void print_fits(const struct ebb_fits *f)
{
	static const char *const head[] = {
		"arm",         "seed",   "points",    "a",           "b",
		"ceiling b-a", "R2 exp", "R2 linear", "R2 log step", "AICc exp-linear",
		"exp-log",     "<note"};
	struct ebb_table t;

	printf("R = -a exp(H) + b, %s standard error; R held-out accuracy%s, H entropy in nats\n\n",
	       ebb_text_utf8() ? "±" : "+-",
	       f->ask->weighted ? ", weighted by its binomial variance" : "");
	ebb_table_init(&t, 12, head);
	for (int i = 0; i < f->n; i++) {
		const struct ebb_law *l = &f->of[i].law;

		name_trial(&t, f, &f->of[i]);
		ebb_table_cell(&t, "%d", l->n);
		if (f->of[i].outcome != EBB_FIT_OK) {
			for (int k = 0; k < 8; k++)
				ebb_table_cell(&t, "-");
			ebb_table_cell(&t, "%s", outcome_words[f->of[i].outcome]);
			continue;
		}
		with_se(&t, l->a, l->se_a);
		with_se(&t, l->b, l->se_b);
		with_se(&t, l->ceiling, l->se_ceiling);
		ebb_table_number(&t, l->r2, 3);
		ebb_table_number(&t, l->linear.r2, 3);
		ebb_table_number(&t, l->log_step.r2, 3);
		ebb_table_number(&t, l->aicc - l->linear.aicc, 1);
		ebb_table_number(&t, l->aicc - l->log_step.aicc, 1);
		ebb_table_cell(&t, "%s",
			       isnan(l->r2)           ? "accuracy does not vary"
			       : l->a < 0.0           ? "rises with entropy: no ceiling"
			       : l->last_excess > 0.0 ? "ended above the ceiling"
						      : "");
	}
	finish(&t);
}

static void print_uncertainty(const struct ebb_fits *f)
{
	static const char *const head[] = {"arm",
					   "seed",
					   "block",
					   "a",
					   "b",
					   "ceiling",
					   "cov(a, b)",
					   "early points",
					   "early ceiling",
					   "end-ceiling",
					   "early RMSE",
					   "last",
					   "linear RMSE",
					   "last"};
	char first[64] = "the first half of the evaluations";
	struct ebb_table t;

	if (f->ask->early > 0.0)
		snprintf(first, sizeof first, "the first %.3g %% of the steps",
			 100.0 * f->ask->early);
	printf("\n95 %% moving-block bootstrap of a trial's points; early: fitted on %s: its "
	       "ceiling,\n"
	       "how far above it the trial ended, and the error over the other points, predicted "
	       "from "
	       "their own H\n\n",
	       first);
	ebb_table_init(&t, 14, head);
	for (int i = 0; i < f->n; i++) {
		const struct ebb_law_band *band = &f->of[i].band;
		const struct ebb_law *l = &f->of[i].law;

		if (f->of[i].outcome != EBB_FIT_OK)
			continue;
		name_trial(&t, f, &f->of[i]);
		ebb_table_cell(&t, "%d", band->block);
		interval(&t, band->a_low, band->a_high);
		interval(&t, band->b_low, band->b_high);
		interval(&t, band->ceiling_low, band->ceiling_high);
		ebb_table_number(&t, l->cov_ab, 5);
		ebb_table_cell(&t, "%d", l->n_early);
		with_se(&t, l->early_ceiling, l->early_se_ceiling);
		ebb_table_number(&t, l->early_excess, 3);
		ebb_table_number(&t, l->early_rmse, 3);
		ebb_table_number(&t, l->early_last, 3);
		ebb_table_number(&t, l->early_linear_rmse, 3);
		ebb_table_number(&t, l->early_linear_last, 3);
	}
	finish(&t);
}

/* ---- the arms ---- */

static int print_arms(const struct ebb_fits *f, struct ebb_err *err)
{
	const char *head[32] = {"arm", "seeds"};
	const int n = ebb_n_fit_columns;
	struct ebb_summary s;
	struct ebb_table t;
	int rc = 0;

	printf("\nmean over seeds [95 %% t interval]; early: predicted from the first part, last: "
	       "its "
	       "error at the end;\n"
	       "fits: trials with R2 of %g, and with an AICc at most %g above that of each "
	       "rival\n\n",
	       EBB_FIT_R2, EBB_FIT_SLACK);
	for (int k = 0; k < n; k++)
		head[k + 2] = ebb_fit_column[k].head;
	head[n + 2] = "R2 fits";
	head[n + 3] = "AICc fits";
	ebb_table_init(&t, n + 4, head);
	for (int a = 0; a < f->run->n_arms && rc == 0; a++) {
		const struct ebb_fit_counts c = ebb_fits_count(f, a);

		if (!f->wanted[a])
			continue;
		ebb_table_cell(&t, "%s", f->run->arm[a].label);
		ebb_table_cell(&t, "%d", c.fitted);
		for (int k = 0; k < n && rc == 0; k++) {
			rc = ebb_fits_summary(f, a, ebb_fit_column[k].offset, &s, err);
			if (s.n < 2 || !ebb_fit_column[k].interval)
				ebb_table_number(&t, s.mean, 3);
			else
				ebb_table_cell(&t, "%.3f [%.3f, %.3f]", s.mean, s.low, s.high);
		}
		ebb_table_cell(&t, "%d/%d", c.good, c.fitted);
		ebb_table_cell(&t, "%d/%d", c.stands, c.fitted);
	}
	if (rc == 0)
		ebb_table_print(&t, stdout);
	ebb_table_release(&t);
	return rc;
}

static void print_findings(const struct ebb_fits *f)
{
	bool any = false;

	for (int a = 0; a < f->run->n_arms; a++) {
		const struct ebb_fit_counts c = ebb_fits_count(f, a);

		if (c.rising + c.above + c.narrow == 0)
			continue;
		printf("%s%s:", any ? "" : "\n", f->run->arm[a].label);
		any = true;
		if (c.above > 0)
			printf(" %d of %d ended above the fitted ceiling", c.above, c.fitted);
		if (c.rising > 0)
			printf("%s %d of %d have a below 0", c.above ? ";" : "", c.rising,
			       c.fitted);
		if (c.narrow > 0)
			printf("%s in %d exp(H) spans less than %g", c.above + c.rising ? ";" : "",
			       c.narrow, EBB_LAW_MIN_RANGE);
		printf("\n");
	}
}

static void print_common(const struct ebb_fits *f)
{
	static const char *const head[] = {"arm", "a", "b", "ceiling b-a"};
	const struct ebb_common *c = &f->common;
	struct ebb_table t;

	if (f->n_common == 0)
		return;
	printf("\none law for all arms against one each, over the points of all trials, "
	       "unweighted: ");
	if (isfinite(c->f))
		printf("F = %.3g", c->f);
	else
		printf("no F");
	if (c->dealings > 0)
		printf(",\np = %.2g by dealing the arms' labels %d times inside seeds", c->p,
		       c->dealings);
	else
		printf(";\nno p: no seed has trials of two arms");
	printf("; ceilings lie %.3f apart\n\n", c->spread);
	ebb_table_init(&t, 4, head);
	for (int a = 0; a < f->n_common; a++) {
		ebb_table_cell(&t, "%s", f->run->arm[f->common_arm[a]].label);
		ebb_table_number(&t, c->arm_a[a], 3);
		ebb_table_number(&t, c->arm_b[a], 3);
		ebb_table_number(&t, c->arm_b[a] - c->arm_a[a], 3);
	}
	ebb_table_cell(&t, "(all)");
	ebb_table_number(&t, c->a, 3);
	ebb_table_number(&t, c->b, 3);
	ebb_table_number(&t, c->ceiling, 3);
	finish(&t);
}

static void size_row(struct ebb_table *t, const struct ebb_fit_family *one, const char *what,
		     const struct ebb_size_fit *s)
{
	ebb_table_cell(t, "%s", one->label);
	ebb_table_cell(t, "%s", what);
	ebb_table_cell(t, "%d", s->n_sizes);
	ebb_table_cell(t, "%d", s->n_seeds);
	ebb_table_number(t, s->c0, 3);
	ebb_table_number(t, s->c1, 4);
	interval(t, s->low, s->high);
	interval(t, s->t_low, s->t_high);
	ebb_table_number(t, s->r2, 3);
}

static void print_sizes(const struct ebb_fits *f)
{
	static const char *const head[] = {"arms", "<of",       "sizes",      "seeds", "c0",
					   "c1",   "bootstrap", "t of seeds", "R2"};
	struct ebb_table t;

	if (f->n_families == 0)
		return;
	printf("\nc0 + c1 ln N over model sizes, N: parameters but the embeddings, in millions; 95 "
	       "%% "
	       "intervals of c1 over\nseeds. A law of size is spoken of from %d sizes on\n\n",
	       EBB_SIZES_MIN);
	ebb_table_init(&t, 9, head);
	for (int i = 0; i < f->n_families; i++) {
		size_row(&t, &f->family[i], "a", &f->family[i].a);
		size_row(&t, &f->family[i], "b", &f->family[i].b);
	}
	finish(&t);
}

int ebb_fits_print(const struct ebb_fits *f, struct ebb_err *err)
{
	int rc;

	print_fits(f);
	print_uncertainty(f);
	rc = print_arms(f, err);
	if (rc != 0)
		return rc;
	print_findings(f);
	print_common(f);
	print_sizes(f);
	return 0;
}
