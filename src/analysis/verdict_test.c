/* From the values of both sides to effect, interval and p. */
#include "analysis/verdict_test.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/binomial.h"
#include "analysis/claim_check.h"
#include "analysis/paired.h"
#include "analysis/stat.h"
#include "analysis/survival.h"
#include "analysis/trend.h"

#define NONE ((double)NAN)

void ebb_note_add(struct ebb_buf *note, const char *fmt, ...)
{
	va_list ap;
	char text[512];

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ebb_buf_printf(note, "%s%s", note->len > 0 ? "; " : "", text);
}

/* ---- the comparison, with the special function on the left ---- */

struct sides {
	int left, right;
	enum ebb_claim_relation relation;
	bool swapped;
};

static const struct ebb_claim_node *node_of(const struct ebb_evaluation *e, int i)
{
	return &e->c->node[i];
}

static bool is_special(const struct ebb_evaluation *e, int i)
{
	enum ebb_claim_kind kind = node_of(e, i)->kind;

	return kind == EBB_CLAIM_SHARE || kind == EBB_CLAIM_TREND || kind == EBB_CLAIM_ABS;
}

static struct sides sides_of(const struct ebb_evaluation *e)
{
	static const enum ebb_claim_relation mirror[] = {
		[EBB_CLAIM_LESS] = EBB_CLAIM_GREATER,
		[EBB_CLAIM_AT_MOST] = EBB_CLAIM_AT_LEAST,
		[EBB_CLAIM_GREATER] = EBB_CLAIM_LESS,
		[EBB_CLAIM_AT_LEAST] = EBB_CLAIM_AT_MOST,
		[EBB_CLAIM_EQUIVALENT] = EBB_CLAIM_EQUIVALENT,
	};
	const struct ebb_claim_node *root = node_of(e, e->c->n_nodes - 1);
	struct sides s = {root->left, root->right, root->relation, false};

	if (!e->value[s.left].reads && is_special(e, s.right))
		s = (struct sides){root->right, root->left, mirror[root->relation], true};
	return s;
}

static int sign_of(enum ebb_claim_relation relation)
{
	return relation == EBB_CLAIM_LESS || relation == EBB_CLAIM_AT_MOST ? -1 : 1;
}

/* ---- values of both sides, seed by seed ---- */

struct pairs {
	double *left, *right, *margin; /* (n_seeds) */
	bool log;
	int undecided; /* seeds whose trials ended before the number they are held against */
};

/* A trial that ended before the other side's number says nothing about it. */
static void drop_undecided(const struct ebb_evaluation *e, int side, int other, double *own,
			   const double *number, int *dropped)
{
	if (e->value[other].timed)
		return;
	for (int s = 0; s < e->n_seeds; s++)
		if (ebb_node_late(e, side, 0, s) && number[s] > own[s]) {
			own[s] = NONE;
			(*dropped)++;
		}
}

static void pairs_get(struct pairs *p, const struct ebb_evaluation *e, const struct sides *sides,
		      int margin)
{
	size_t n = (size_t)e->n_seeds + 1;

	*p = (struct pairs){.left = ebb_xcalloc(n, sizeof *p->left),
			    .right = ebb_xcalloc(n, sizeof *p->right),
			    .margin = ebb_xcalloc(n, sizeof *p->margin)};
	for (int s = 0; s < e->n_seeds; s++) {
		p->left[s] = ebb_node_get(e, sides->left, 0, s);
		p->right[s] = ebb_node_get(e, sides->right, 0, s);
		p->margin[s] = margin >= 0 ? ebb_node_get(e, margin, 0, s) : NONE;
	}
	drop_undecided(e, sides->left, sides->right, p->left, p->right, &p->undecided);
	drop_undecided(e, sides->right, sides->left, p->right, p->left, &p->undecided);
	p->log = node_of(e, sides->left)->kind == EBB_CLAIM_RATIO ||
		 node_of(e, sides->right)->kind == EBB_CLAIM_RATIO;
	for (int s = 0; p->log && s < e->n_seeds; s++) { /* log of 0 and below: no value */
		p->left[s] = p->left[s] > 0.0 ? log(p->left[s]) : NONE;
		p->right[s] = p->right[s] > 0.0 ? log(p->right[s]) : NONE;
	}
	for (int s = 0; s < e->n_seeds; s++) { /* a seed counts with all it is asked for */
		bool whole = isfinite(p->left[s]) && isfinite(p->right[s]) &&
			     (margin < 0 || isfinite(p->margin[s]));

		if (!whole)
			p->left[s] = p->right[s] = p->margin[s] = NONE;
	}
}

static void pairs_release(struct pairs *p)
{
	free(p->left);
	free(p->right);
	free(p->margin);
}

static double mean_of(const double *v, int n)
{
	double sum = 0.0;
	int m = 0;

	for (int i = 0; i < n; i++)
		if (isfinite(v[i])) {
			sum += v[i];
			m++;
		}
	return m > 0 ? sum / m : NONE;
}

static int asked(const struct ebb_evaluation *e)
{
	int n = 0;

	for (int s = 0; s < e->n_seeds; s++)
		n += e->asked[s];
	return n;
}

/* ---- margins ---- */

static const struct interest {
	const char *name;
	double amount;
	bool relative;
	const char *unit;
} interest[] = {
#define ABSOLUTE                               false
#define RELATIVE                               true
#define EBB_INTEREST(name, amount, kind, unit) {name, amount, kind, unit},
#include "analysis/interest.def"
#undef EBB_INTEREST
#undef ABSOLUTE
#undef RELATIVE
};

static const struct interest *interest_in(const char *metric)
{
	for (size_t i = 0; i < sizeof interest / sizeof *interest; i++) {
		size_t n = strlen(interest[i].name);

		if (interest[i].name[n - 1] == '*' ? strncmp(metric, interest[i].name, n - 1) == 0
						   : strcmp(metric, interest[i].name) == 0)
			return &interest[i];
	}
	return NULL;
}

/* Is it a function whose value has the unit of its curve? */
static bool keeps_unit(const struct ebb_claim_node *node)
{
	return node->kind == EBB_CLAIM_FINAL || node->kind == EBB_CLAIM_START ||
	       node->kind == EBB_CLAIM_AT || node->kind == EBB_CLAIM_AUC ||
	       node->kind == EBB_CLAIM_PEAK;
}

/* The same bare function of the same metric on both sides, of two arms: the metric's own measure of
 * what matters applies. */
static void find_interest(struct ebb_test *t, const struct ebb_evaluation *e,
			  const struct sides *sides, double right)
{
	const struct ebb_claim_node *l = node_of(e, sides->left), *r = node_of(e, sides->right);
	const struct interest *row;
	const char *a, *b;

	if (l->kind != r->kind || !keeps_unit(l))
		return;
	if (e->reading[sides->left].arm[0] == e->reading[sides->right].arm[0])
		return;
	a = ebb_evaluation_metric(e, l->metric.text, e->reading[sides->left].arm[0])->name;
	b = ebb_evaluation_metric(e, r->metric.text, e->reading[sides->right].arm[0])->name;
	row = strcmp(a, b) == 0 ? interest_in(a) : NULL;
	if (row) {
		t->interest = row->unit;
		t->margin = row->relative ? row->amount * fabs(right) : row->amount;
	}
}

/* ---- p-values of intervals ---- */

/* P(T > t) of Student's t. */
static double t_above(double t, double df)
{
	double two = ebb_t_p(t, df);

	return t > 0.0 ? 0.5 * two : 1.0 - 0.5 * two;
}

/* Two one-sided tests (Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15 (1987) 657): the larger
 * p of "the mean is not above -margin" and "not below margin". */
static double near_p(const struct ebb_test *t, int n)
{
	double se = t->sd / sqrt(n);

	if (!(se > 0.0))
		return fabs(t->mean) < t->margin ? 0.0 : 1.0;
	return fmax(t_above((t->mean + t->margin) / se, n - 1),
		    t_above((t->margin - t->mean) / se, n - 1));
}

/* "The mean lies inside the margin", two-sided. */
static double far_p(const struct ebb_test *t, int n)
{
	double se = t->sd / sqrt(n);

	if (!(se > 0.0))
		return fabs(t->mean) > t->margin ? 0.0 : 1.0;
	return fmin(1.0, 2.0 * t_above((fabs(t->mean) - t->margin) / se, n - 1));
}

/* ---- trends ---- */

static int page_test(struct ebb_judgement *j, const struct ebb_evaluation *e, int node,
		     struct ebb_buf *note, struct ebb_err *err)
{
	int k = e->slots[node].n, operand = node_of(e, node)->left, m = 0, rc;
	size_t room = (size_t)(e->n_seeds * k) + 1;
	double *value = ebb_xcalloc(room, sizeof *value);
	int *group = ebb_xcalloc(room, sizeof *group);
	struct ebb_trend page, jonckheere;

	for (int s = 0; s < e->n_seeds; s++)
		for (int i = 0; i < k && isfinite(ebb_node_get(e, node, 0, s)); i++, m++) {
			value[m] = ebb_node_get(e, operand, i, s);
			group[m] = i;
		}
	rc = ebb_trend_page(value, m / k, k, &page, err);
	if (rc == 0)
		rc = ebb_trend_jonckheere(value, group, m, k, &jonckheere, err);
	if (rc == 0) {
		j->p = page.n >= 2 ? page.p : NONE;
		j->p_sign = NONE;
		ebb_note_add(note, "Page's L = %.6g over %d arms, %s", page.statistic, k,
			     ebb_trend_way_word(page.way));
		if (isfinite(jonckheere.p))
			ebb_note_add(note, "Jonckheere p %.2g", jonckheere.p);
	}
	free(value);
	free(group);
	return rc;
}

/* ---- shares ---- */

static int share_test(struct ebb_test *t, struct ebb_judgement *j, const struct ebb_evaluation *e,
		      const struct sides *sides, struct ebb_err *err)
{
	struct ebb_share share;
	int n = 0, rc;

	for (int s = 0; s < e->n_seeds; s++) {
		double v = ebb_node_get(e, sides->left, 0, s);

		n += isfinite(v);
		j->k += v > 0.5;
	}
	t->share = mean_of(e->value[sides->right].v, e->n_seeds);
	rc = ebb_share_interval(j->k, n, EBB_LEVEL, &share, err);
	if (rc < 0)
		return rc;
	j->n = n;
	j->shares = n > 0;
	j->left = share.share;
	j->right = t->share;
	t->mean = share.share - t->share;
	t->low = n > 0 ? share.low - t->share : NONE;
	t->high = n > 0 ? share.high - t->share : NONE;
	if (n > 0)
		j->p = ebb_coin_p(t->sign > 0 ? j->k : n - j->k, n);
	return 0;
}

/* ---- time to a threshold ---- */

static int log_rank(const struct ebb_evaluation *e, const struct sides *sides, struct ebb_buf *note,
		    struct ebb_err *err)
{
	size_t room = 2 * (size_t)e->n_seeds + 1;
	double *time = ebb_xcalloc(room, sizeof *time);
	bool *reached = ebb_xcalloc(room, sizeof *reached);
	int *group = ebb_xcalloc(room, sizeof *group), n = 0, rc;
	struct ebb_logrank out = {0};

	for (int s = 0; s < e->n_seeds; s++)
		for (int g = 0; g < 2; g++, n++) {
			int node = g == 0 ? sides->left : sides->right;

			time[n] = ebb_node_get(e, node, 0, s);
			reached[n] = !ebb_node_late(e, node, 0, s);
			group[n] = g;
		}
	rc = ebb_logrank_test(time, reached, group, n, 2, &out, err);
	if (rc == 0 && isfinite(out.p))
		ebb_note_add(note, "log-rank p %.2g", out.p);
	ebb_logrank_release(&out);
	free(time);
	free(reached);
	free(group);
	return rc;
}

static int note_times(const struct ebb_evaluation *e, const struct sides *sides,
		      const struct pairs *p, struct ebb_buf *note, struct ebb_err *err)
{
	int rc = 0;

	if (e->n_late > 0)
		ebb_note_add(note,
			     "%d of %d trials never got there and count with the last place that "
			     "all compared trials reached",
			     e->n_late, e->n_timed);
	if (p->undecided > 0)
		ebb_note_add(
			note, "%d trial%s ended before the number %s held against and %s left out",
			p->undecided, p->undecided == 1 ? "" : "s",
			p->undecided == 1 ? "it is" : "they are", p->undecided == 1 ? "is" : "are");
	if (node_of(e, sides->left)->kind == EBB_CLAIM_TIME_TO &&
	    node_of(e, sides->right)->kind == EBB_CLAIM_TIME_TO)
		rc = log_rank(e, sides, note, err);
	return rc;
}

/* ---- which test ---- */

static void choose(struct ebb_test *t, struct ebb_judgement *j, const struct ebb_evaluation *e,
		   const struct sides *sides, int margin)
{
	enum ebb_claim_kind kind = node_of(e, sides->left)->kind;
	bool number = !e->value[sides->right].reads;
	bool directed = sides->relation != EBB_CLAIM_EQUIVALENT;

	t->sign = sign_of(sides->relation);
	t->strict = sides->relation == EBB_CLAIM_LESS || sides->relation == EBB_CLAIM_GREATER;
	t->kind = directed ? EBB_TEST_PAIRED : EBB_TEST_NEAR;
	j->test = directed ? "paired t" : "two one-sided t";
	if (!directed || !number)
		return;
	if (kind == EBB_CLAIM_SHARE && margin < 0) {
		t->kind = EBB_TEST_SHARE;
		j->test = "share of seeds";
	} else if (kind == EBB_CLAIM_TREND &&
		   mean_of(e->value[sides->right].v, e->n_seeds) == 0.0) {
		t->kind = EBB_TEST_PAGE;
		j->test = "Page";
	} else if (kind == EBB_CLAIM_ABS && margin < 0) {
		t->kind = t->sign < 0 ? EBB_TEST_NEAR : EBB_TEST_FAR;
		j->test = t->sign < 0 ? "two one-sided t" : "t outside the margin";
	}
}

/* abs(X) against a number is a claim about the mean of X: X near 0, or far from it. */
static void unwrap_abs(const struct ebb_evaluation *e, struct sides *sides, struct pairs *p)
{
	sides->left = node_of(e, sides->left)->left;
	for (int s = 0; s < e->n_seeds; s++) {
		p->left[s] = ebb_node_get(e, sides->left, 0, s);
		p->margin[s] = p->right[s];
		p->right[s] = 0.0;
		if (!isfinite(p->left[s]) || !isfinite(p->margin[s]))
			p->left[s] = p->right[s] = p->margin[s] = NONE;
	}
}

/* Are both sides the same number in every seed, and are there seeds enough to tell? */
static bool is_equal(const struct ebb_test *t, const struct ebb_judgement *j)
{
	return j->n >= 2 && t->mean == 0.0 && t->sd == 0.0;
}

static int difference_test(struct ebb_test *t, struct ebb_judgement *j,
			   const struct ebb_evaluation *e, const struct sides *sides,
			   struct pairs *p, struct ebb_err *err)
{
	struct ebb_paired paired;
	int rc = ebb_paired_test(p->left, p->right, e->n_seeds, &paired, err);

	if (rc < 0)
		return rc;
	j->n = paired.n;
	j->left = mean_of(p->left, e->n_seeds);
	j->right = mean_of(p->right, e->n_seeds);
	t->mean = paired.mean;
	t->sd = paired.sd;
	t->low = paired.low;
	t->high = paired.high;
	t->margin = mean_of(p->margin, e->n_seeds);
	t->stated = isfinite(t->margin);
	if (p->log && t->stated)
		t->margin = log1p(t->margin);
	if (!t->stated && !p->log && t->kind == EBB_TEST_PAIRED)
		find_interest(t, e, sides, j->right);
	if (t->kind == EBB_TEST_PAIRED && !t->strict && !t->stated && is_equal(t, j)) {
		t->kind = EBB_TEST_EQUAL; /* nothing is left to chance, and no p goes to Holm */
	} else if (t->kind == EBB_TEST_PAIRED) {
		j->p = paired.p_t;
		j->p_sign = paired.p_sign;
	} else if (paired.n >= 2 && t->margin > 0.0) {
		if (t->kind == EBB_TEST_NEAR)
			j->p = near_p(t, paired.n);
		else if (t->kind == EBB_TEST_FAR)
			j->p = far_p(t, paired.n);
	}
	return 0;
}

/* What people read: the sides as they stand in the claim, quotients as quotients. */
static void show(const struct ebb_test *t, struct ebb_judgement *j, bool swapped, bool log)
{
	double low = t->low, high = t->high;

	j->effect = swapped ? -t->mean : t->mean;
	j->low = swapped ? -high : low;
	j->high = swapped ? -low : high;
	j->margin = t->margin;
	j->ratio = log;
	if (swapped) {
		double left = j->left;

		j->left = j->right;
		j->right = left;
	}
	if (log) {
		j->left = exp(j->left);
		j->right = exp(j->right);
		j->effect = exp(j->effect);
		j->low = exp(j->low);
		j->high = exp(j->high);
		j->margin = exp(j->margin);
	}
}

int ebb_test_make(struct ebb_test *t, struct ebb_judgement *j, const struct ebb_evaluation *e,
		  struct ebb_buf *note, struct ebb_err *err)
{
	struct sides sides = sides_of(e);
	int margin = node_of(e, e->c->n_nodes - 1)->margin, rc;
	bool by_abs;
	struct pairs p;

	*t = (struct ebb_test){.mean = NONE, .sd = NONE, .low = NONE, .high = NONE, .margin = NONE};
	choose(t, j, e, &sides, margin);
	pairs_get(&p, e, &sides, margin);
	by_abs = node_of(e, sides.left)->kind == EBB_CLAIM_ABS && margin < 0 &&
		 t->kind != EBB_TEST_PAIRED;
	if (by_abs)
		unwrap_abs(e, &sides, &p);
	if (t->kind == EBB_TEST_SHARE)
		rc = share_test(t, j, e, &sides, err);
	else
		rc = difference_test(t, j, e, &sides, &p, err);
	if (rc == 0 && t->kind == EBB_TEST_PAGE)
		rc = page_test(j, e, sides.left, note, err);
	if (rc == 0)
		rc = note_times(e, &sides, &p, note, err);
	show(t, j, sides.swapped && !by_abs, p.log);
	j->few = j->n < EBB_SEEDS_FULL;
	j->dropped = asked(e) - j->n;
	pairs_release(&p);
	return rc;
}
