/* ebb fit for programs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "analysis/table.h"
#include "command/fitted.h"

static const char *const outcome_name[EBB_N_FIT_OUTCOMES] = {
	"ok", "insufficient_range", "too_few_points", "diverged", "not_recorded"};

static void field(struct ebb_buf *b, const char *name, double x)
{
	ebb_buf_printf(b, ",\"%s\":", name);
	ebb_json_number(b, x);
}

static void interval(struct ebb_buf *b, const char *name, double low, double high)
{
	ebb_buf_printf(b, ",\"%s\":[", name);
	ebb_json_number(b, low);
	ebb_buf_puts(b, ",");
	ebb_json_number(b, high);
	ebb_buf_puts(b, "]");
}

static void add_trial(struct ebb_buf *b, const struct ebb_fits *f, const struct ebb_fitted *t)
{
	const struct ebb_law *l = &t->law;
	const bool ok = t->outcome == EBB_FIT_OK;
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
		{"cov_ab", l->cov_ab},
		{"r2", l->r2},
		{"rmse", l->rmse},
		{"aicc", l->aicc},
		{"linear_r2", l->linear.r2},
		{"linear_aicc", l->linear.aicc},
		{"log_r2", l->log_step.r2},
		{"log_aicc", l->log_step.aicc},
		{"last_excess", l->last_excess},
		{"early_points", l->n_early},
		{"early_rmse", l->early_rmse},
		{"early_last", l->early_last},
		{"early_linear_rmse", l->early_linear_rmse},
		{"early_linear_last", l->early_linear_last},
		{"early_ceiling", l->early_ceiling},
		{"early_se_ceiling", l->early_se_ceiling},
		{"early_excess", l->early_excess},
	};
	const struct {
		const char *name;
		double low, high;
	} band[] = {
		{"a_blocks", t->band.a_low, t->band.a_high},
		{"b_blocks", t->band.b_low, t->band.b_high},
		{"ceiling_blocks", t->band.ceiling_low, t->band.ceiling_high},
	};

	ebb_buf_puts(b, "{\"arm\":");
	ebb_buf_json(b, f->run->arm[t->arm].label);
	ebb_buf_printf(b, ",\"seed\":%" PRIu64 ",\"points\":%d,\"status\":\"%s\"",
		       f->run->seed[t->seed], l->n, outcome_name[t->outcome]);
	for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
		field(b, number[i].name, ok ? number[i].x : (double)NAN);
	field(b, "block", ok ? t->band.block : (double)NAN);
	for (size_t i = 0; i < sizeof band / sizeof band[0]; i++)
		interval(b, band[i].name, ok ? band[i].low : (double)NAN,
			 ok ? band[i].high : (double)NAN);
	ebb_buf_puts(b, "}");
}

static int add_arm(struct ebb_buf *b, const struct ebb_fits *f, int arm, struct ebb_err *err)
{
	const struct ebb_fit_counts c = ebb_fits_count(f, arm);
	struct ebb_summary s;
	int rc = 0;

	ebb_buf_puts(b, "{\"arm\":");
	ebb_buf_json(b, f->run->arm[arm].label);
	for (int k = 0; k < ebb_n_fit_columns && rc == 0; k++) {
		rc = ebb_fits_summary(f, arm, ebb_fit_column[k].offset, &s, err);
		if (!ebb_fit_column[k].interval) {
			field(b, ebb_fit_column[k].name, s.mean);
			continue;
		}
		ebb_buf_printf(b, ",\"%s\":{\"n\":%d", ebb_fit_column[k].name, s.n);
		field(b, "mean", s.mean);
		field(b, "low", s.low);
		field(b, "high", s.high);
		ebb_buf_puts(b, "}");
	}
	ebb_buf_printf(b,
		       ",\"fitted\":%d,\"r2_fits\":%d,\"aicc_fits\":%d,\"above_ceiling\":%d,"
		       "\"a_below_0\":%d,\"insufficient_range\":%d}",
		       c.fitted, c.good, c.stands, c.above, c.rising, c.narrow);
	return rc;
}

static void add_common(struct ebb_buf *b, const struct ebb_fits *f)
{
	const struct ebb_common *c = &f->common;

	if (f->n_common == 0) {
		ebb_buf_puts(b, "null");
		return;
	}
	ebb_buf_printf(b, "{\"points\":%d", c->n_points);
	field(b, "a", c->a);
	field(b, "b", c->b);
	field(b, "ceiling", c->ceiling);
	field(b, "f", c->f);
	field(b, "p", c->p);
	ebb_buf_printf(b, ",\"dealings\":%d", c->dealings);
	field(b, "spread", c->spread);
	ebb_buf_puts(b, ",\"arms\":[");
	for (int a = 0; a < f->n_common; a++) {
		ebb_buf_puts(b, a > 0 ? ",{\"arm\":" : "{\"arm\":");
		ebb_buf_json(b, f->run->arm[f->common_arm[a]].label);
		field(b, "a", c->arm_a[a]);
		field(b, "b", c->arm_b[a]);
		field(b, "ceiling", c->arm_b[a] - c->arm_a[a]);
		ebb_buf_puts(b, "}");
	}
	ebb_buf_puts(b, "]}");
}

static void add_size(struct ebb_buf *b, const char *name, const struct ebb_size_fit *s)
{
	ebb_buf_printf(b, ",\"%s\":{\"sizes\":%d,\"seeds\":%d", name, s->n_sizes, s->n_seeds);
	field(b, "c0", s->c0);
	field(b, "c1", s->c1);
	field(b, "r2", s->r2);
	interval(b, "bootstrap", s->low, s->high);
	interval(b, "t", s->t_low, s->t_high);
	ebb_buf_puts(b, "}");
}

static void add_sizes(struct ebb_buf *b, const struct ebb_fits *f)
{
	for (int i = 0; i < f->n_families; i++) {
		const struct ebb_fit_family *one = &f->family[i];

		ebb_buf_puts(b, i > 0 ? ",\n{\"arms\":" : "\n{\"arms\":");
		ebb_buf_json(b, one->label);
		ebb_buf_puts(b, ",\"of\":[");
		for (int k = 0; k < one->n; k++) {
			ebb_buf_puts(b, k > 0 ? ",{\"arm\":" : "{\"arm\":");
			ebb_buf_json(b, f->run->arm[one->arm[k]].label);
			field(b, "millions", one->size[k]);
			ebb_buf_puts(b, "}");
		}
		ebb_buf_puts(b, "]");
		add_size(b, "a", &one->a);
		add_size(b, "b", &one->b);
		ebb_buf_puts(b, "}");
	}
}

int ebb_fits_json(const struct ebb_fits *f, const struct ebb_lineup *lineup, struct ebb_err *err)
{
	struct ebb_buf b = EBB_BUF_INIT;
	bool first = true;
	int rc = 0;

	ebb_buf_puts(&b, "{\"run\":");
	ebb_buf_json(&b, f->run->name);
	ebb_lineup_json(lineup, &b);
	field(&b, "level", EBB_LEVEL);
	ebb_buf_printf(&b, ",\"weight\":\"%s\"", f->ask->weighted ? "inverse_var" : "none");
	field(&b, "early", f->ask->early > 0.0 ? f->ask->early : (double)NAN);
	ebb_buf_puts(&b, ",\"trials\":[");
	for (int i = 0; i < f->n; i++) {
		ebb_buf_puts(&b, i > 0 ? ",\n" : "\n");
		add_trial(&b, f, &f->of[i]);
	}
	ebb_buf_puts(&b, "\n],\"arms\":[");
	for (int a = 0; a < f->run->n_arms && rc == 0; a++) {
		if (!f->wanted[a])
			continue;
		ebb_buf_puts(&b, first ? "\n" : ",\n");
		first = false;
		rc = add_arm(&b, f, a, err);
	}
	ebb_buf_puts(&b, "\n],\"common\":");
	add_common(&b, f);
	ebb_buf_puts(&b, ",\"sizes\":[");
	add_sizes(&b, f);
	ebb_buf_puts(&b, "]}\n");
	if (rc == 0)
		fputs(b.data, stdout);
	ebb_buf_release(&b);
	return rc;
}
