/* The values of the functions that read trials, seed by seed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/claim_curve.h"
#include "analysis/claim_eval.h"
#include "analysis/fit.h"
#include "analysis/rank.h"

/* The scale a curve comes on: its own axis by its true name. */
static enum ebb_scale true_scale(enum ebb_scale scale, const struct ebb_metric *metric)
{
	if (scale != EBB_SCALE_NATIVE)
		return scale;
	return metric->axis == EBB_AXIS_UPDATE ? EBB_SCALE_UPDATE : EBB_SCALE_STEP;
}

/* Read a curve and leave its measured rows. */
static int get(struct ebb_evaluation *e, int arm, int seed, const char *metric,
	       enum ebb_scale scale, struct ebb_curve *curve, struct ebb_err *err)
{
	int rc;

	*curve = (struct ebb_curve){0};
	rc = e->data->curve(e->data->ctx, arm, seed, metric, scale, curve, err);
	if (rc == 0)
		ebb_measured(curve);
	else
		ebb_curve_release(curve);
	return rc;
}

/* ---- how far the compared trials go ---- */

static double *limit_of(struct ebb_evaluation *e, enum ebb_scale scale, int seed)
{
	return &e->limit[(int)scale * e->n_seeds + seed];
}

/* Is the node held against its siblings only as far as all of them go? */
static bool is_limited(const struct ebb_claim_node *node)
{
	return node->kind == EBB_CLAIM_TIME_TO ||
	       ((node->kind == EBB_CLAIM_FINAL || node->kind == EBB_CLAIM_AUC) &&
		node->scale != EBB_SCALE_NATIVE);
}

int ebb_evaluation_limits(struct ebb_evaluation *e, struct ebb_err *err)
{
	int rc = 0;

	for (int i = 0; i < EBB_N_SCALES * e->n_seeds; i++)
		e->limit[i] = INFINITY;
	for (int i = 0; i < e->c->n_nodes; i++) {
		const struct ebb_claim_node *node = &e->c->node[i];
		const struct ebb_node_reading *r = &e->reading[i];

		for (int slot = 0; slot < r->n_slots && is_limited(node); slot++)
			for (int s = 0; s < e->n_seeds && rc == 0; s++) {
				const struct ebb_metric *metric =
					ebb_evaluation_metric(e, node->metric.text, r->arm[slot]);
				struct ebb_curve curve;
				double *limit = limit_of(e, true_scale(node->scale, metric), s);

				rc = get(e, r->arm[slot], s, metric->name, node->scale, &curve,
					 err);
				if (rc == 0 && curve.n > 0)
					*limit = fmin(*limit, curve.x[curve.n - 1]);
				ebb_curve_release(&curve);
			}
	}
	return rc;
}

/* ---- one curve ---- */

static double of_curve(struct ebb_evaluation *e, int i, int slot, int seed, struct ebb_curve *c,
		       const struct ebb_metric *metric)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	double limit = *limit_of(e, true_scale(node->scale, metric), seed), to;
	bool late;
	double v;

	if (c->n == 0)
		return (double)NAN;
	switch (node->kind) {
	case EBB_CLAIM_START:
		return ebb_measured_start(c, node->window > 0 ? node->window : 1);
	case EBB_CLAIM_FINAL:
		if (node->scale == EBB_SCALE_NATIVE)
			return ebb_measured_final(c, node->window);
		ebb_measured_cut(c, limit);
		if (node->window > 0)
			return ebb_measured_final(c, node->window);
		if (c->n == 0) /* its first measured row lies beyond where the others ended */
			return (double)NAN;
		to = c->x[c->n - 1];
		return ebb_measured_mean(c, to - 0.1 * (to - c->x[0]), to);
	case EBB_CLAIM_AT:
		return ebb_measured_at(c, node->number, metric->axis != EBB_AXIS_EVAL);
	case EBB_CLAIM_AUC:
		if (node->scale != EBB_SCALE_NATIVE)
			ebb_measured_cut(c, limit);
		return c->n > 0 ? ebb_measured_mean(c, c->x[0], c->x[c->n - 1]) : (double)NAN;
	case EBB_CLAIM_SLOPE:
		return ebb_measured_slope(c);
	case EBB_CLAIM_REALISED:
		if (node->window > 1)
			ebb_curve_thin(c, node->window);
		return ebb_change_realised(c->x, c->y, c->n, node->number);
	case EBB_CLAIM_PEAK:
		return ebb_measured_peak(c);
	case EBB_CLAIM_TIME_TO:
		v = ebb_measured_time(c, ebb_node_get(e, node->left, slot, seed), node->below,
				      limit, &late);
		e->value[i].late[slot * e->n_seeds + seed] = late;
		e->n_timed += isfinite(v);
		e->n_late += late;
		return v;
	default:
		EBB_BUG("no function of a curve: %d", (int)node->kind);
	}
}

/* ---- two curves ---- */

/* Rows smoothed over w of them share w - 1 with the next, so blocks are that long at least. */
static double correlation(const struct ebb_claim_node *node, const double *x, const double *y,
			  int n, struct ebb_err *err, int *rc)
{
	int block = node->block > 0 ? node->block : ebb_block_length(n);
	struct ebb_spearman rank;

	if (node->block == 0 && block < node->smooth)
		block = node->smooth;
	if (node->end == EBB_CLAIM_RHO) {
		*rc = ebb_spearman(x, y, n, &rank, err);
		return rank.rho;
	}
	if (n < 2 * block)
		return (double)NAN;
	*rc = ebb_spearman_blocks(x, y, n, block, &rank, err);
	return node->end == EBB_CLAIM_LOW ? rank.low : rank.high;
}

static double of_pairs(struct ebb_evaluation *e, int i, const struct ebb_curve *cx,
		       const struct ebb_curve *cy, struct ebb_err *err, int *rc)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	int64_t room = cx->n < cy->n ? cx->n : cy->n;
	double *x = ebb_xcalloc((size_t)room + 1, sizeof *x);
	double *y = ebb_xcalloc((size_t)room + 1, sizeof *y);
	double *at = ebb_xcalloc((size_t)room + 1, sizeof *at), v;
	int n = ebb_measured_pairs(cx, cy, node->window, x, y, at);

	if (node->kind == EBB_CLAIM_FIT) {
		v = ebb_measured_fit(x, y, at, n, node);
	} else {
		ebb_measured_smooth(x, n, node->smooth);
		n = ebb_measured_smooth(y, n, node->smooth);
		v = correlation(node, x, y, n, err, rc);
	}
	free(at);
	free(x);
	free(y);
	return v;
}

static int read_pairs(struct ebb_evaluation *e, int i, int arm, int seed, double *v,
		      struct ebb_err *err)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	bool fit = node->kind == EBB_CLAIM_FIT;
	const char *word_x = fit ? node->x.text : e->c->node[node->left].metric.text;
	const char *word_y = fit ? node->metric.text : e->c->node[node->right].metric.text;
	const struct ebb_metric *mx = ebb_evaluation_metric(e, word_x, arm);
	const struct ebb_metric *my = ebb_evaluation_metric(e, word_y, arm);
	enum ebb_scale scale = true_scale(EBB_SCALE_NATIVE, mx) == true_scale(EBB_SCALE_NATIVE, my)
				       ? EBB_SCALE_NATIVE
				       : EBB_SCALE_STEP;
	struct ebb_curve cx = {0}, cy = {0};
	int rc = get(e, arm, seed, mx->name, scale, &cx, err);

	if (rc == 0)
		rc = get(e, arm, seed, my->name, scale, &cy, err);
	if (!fit && e->c->node[node->left].change)
		ebb_measured_change(&cx);
	if (!fit && e->c->node[node->right].change)
		ebb_measured_change(&cy);
	if (rc == 0 && cx.n > 0 && cy.n > 0)
		*v = of_pairs(e, i, &cx, &cy, err, &rc);
	ebb_curve_release(&cx);
	ebb_curve_release(&cy);
	return rc;
}

/* ---- what a trial spent ---- */

static int read_spent(struct ebb_evaluation *e, enum ebb_scale what, int arm, int seed, double *v,
		      struct ebb_err *err)
{
	const char *metric = what == EBB_SCALE_ROLLOUTS ? "rollout/rollouts_total"
			     : what == EBB_SCALE_UPDATE ? "actor/update_of_step"
							: "rollout/tokens_total";
	struct ebb_curve c;
	int rc = get(e, arm, seed, metric, EBB_SCALE_NATIVE, &c, err);

	if (rc == 0 && c.n > 0)
		*v = what == EBB_SCALE_UPDATE ? (double)c.n
		     : what == EBB_SCALE_STEP ? c.x[c.n - 1] + 1.0 /* it counts those before it */
					      : c.y[c.n - 1];
	ebb_curve_release(&c);
	return rc;
}

/* ---- one node ---- */

static int read_one(struct ebb_evaluation *e, int i, int slot, int seed, double *v,
		    struct ebb_err *err)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	int arm = e->reading[i].arm[slot], rc;
	const struct ebb_metric *metric;
	struct ebb_curve curve;

	if (node->kind == EBB_CLAIM_CONSUMED)
		return read_spent(e, node->scale, arm, seed, v, err);
	if (node->kind == EBB_CLAIM_FIT || node->kind == EBB_CLAIM_SPEARMAN)
		return read_pairs(e, i, arm, seed, v, err);
	metric = ebb_evaluation_metric(e, node->metric.text, arm);
	rc = get(e, arm, seed, metric->name, node->scale, &curve, err);
	if (rc == 0)
		*v = of_curve(e, i, slot, seed, &curve, metric);
	ebb_curve_release(&curve);
	return rc;
}

/* Remember the first function that no seed has a value of: what to say where nothing can be judged. */
static void note_missing(struct ebb_evaluation *e, int i, int slot)
{
	const struct ebb_claim_node *node = &e->c->node[i];
	int arm = e->reading[i].arm[slot];

	if (e->missing.len > 0)
		return;
	ebb_buf_printf(&e->missing, "no finished trial of '%s' has a value of %s(%s)",
		       e->scope->def->arm[arm].label, ebb_claim_function_name(node->kind),
		       node->metric.text ? ebb_evaluation_metric(e, node->metric.text, arm)->name
		       : node->kind == EBB_CLAIM_CONSUMED ? ebb_scale_name(node->scale)
							  : "...");
}

int ebb_evaluation_read(struct ebb_evaluation *e, int i, struct ebb_err *err)
{
	const struct ebb_node_reading *r = &e->reading[i];
	struct ebb_node_value *value = &e->value[i];
	int rc = 0;

	value->n_slots = r->n_slots;
	value->v = ebb_xcalloc((size_t)(r->n_slots * e->n_seeds) + 1, sizeof *value->v);
	if (e->c->node[i].kind == EBB_CLAIM_TIME_TO)
		value->late =
			ebb_xcalloc((size_t)(r->n_slots * e->n_seeds) + 1, sizeof *value->late);
	for (int slot = 0; slot < r->n_slots; slot++) {
		bool any = false;

		for (int s = 0; s < e->n_seeds && rc == 0; s++) {
			double *v = &value->v[slot * e->n_seeds + s];

			*v = (double)NAN;
			if (r->seed[s])
				rc = read_one(e, i, slot, s, v, err);
			any = any || isfinite(*v);
		}
		if (!any && rc == 0)
			note_missing(e, i, slot);
	}
	return rc;
}
