#include "analysis/survival.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include "analysis/stat.h"

struct trial {
	double time;
	bool reached;
	int group;
};

static int by_time(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

/* Trials with a time, in its order; *m of them. Null on an error. group may be null. */
static struct trial *sorted(const double *time, const bool *reached, const int *group, int n, int k,
			    int *m, struct ebb_err *err)
{
	struct trial *t = ebb_xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof *t);
	int i, rc = 0;

	*m = 0;
	for (i = 0; i < n && rc == 0; i++) {
		if (group != NULL && (group[i] < 0 || group[i] >= k))
			rc = ebb_err_set(err, EBB_EINVAL, "trial %d: group %d of %d", i, group[i],
					 k);
		else if (!isnan(time[i]) && !(time[i] >= 0.0 && isfinite(time[i])))
			rc = ebb_err_set(err, EBB_EINVAL, "trial %d: %g is no time", i, time[i]);
		else if (!isnan(time[i]))
			t[(*m)++] =
				(struct trial){time[i], reached[i], group != NULL ? group[i] : 0};
	}
	if (rc != 0) {
		free(t);
		return NULL;
	}
	qsort(t, (size_t)*m, sizeof *t, by_time);
	return t;
}

/* ---- one group ---- */

void ebb_survival_release(struct ebb_survival *s)
{
	free(s->time);
	free(s->share);
	free(s->low);
	free(s->high);
	free(s->at_risk);
	free(s->events);
	free(s->censored);
	*s = (struct ebb_survival){0};
}

int ebb_survival_curve(const double *time, const bool *reached, int n, struct ebb_survival *out,
		       struct ebb_err *err)
{
	struct trial *t;
	double share = 1.0, sum = 0.0, z, width, logs;
	size_t room;
	int i, j, m, step;

	*out = (struct ebb_survival){.median = (double)NAN};
	ebb_gsl_quiet();
	t = sorted(time, reached, NULL, n, 1, &m, err);
	if (t == NULL)
		return EBB_EINVAL;
	room = (size_t)m + 1;
	out->n = m;
	out->time = ebb_xcalloc(room, sizeof *out->time);
	out->share = ebb_xcalloc(room, sizeof *out->share);
	out->low = ebb_xcalloc(room, sizeof *out->low);
	out->high = ebb_xcalloc(room, sizeof *out->high);
	out->at_risk = ebb_xcalloc(room, sizeof *out->at_risk);
	out->events = ebb_xcalloc(room, sizeof *out->events);
	out->censored = ebb_xcalloc(room, sizeof *out->censored);
	z = gsl_cdf_ugaussian_Pinv(0.5 + 0.5 * EBB_LEVEL);
	for (i = 0; i < m; i = j) {
		step = out->n_steps++;
		out->time[step] = t[i].time;
		out->at_risk[step] = m - i;
		for (j = i; j < m && t[j].time == t[i].time; j++)
			if (t[j].reached)
				out->events[step]++;
			else
				out->censored[step]++;
		out->n_events += out->events[step];
		share *= 1.0 - (double)out->events[step] / (m - i);
		out->share[step] = share;
		if (share > 0.0) /* Greenwood: Var S = S^2 sum */
			sum += (double)out->events[step] /
			       ((double)(m - i) * (m - i - out->events[step]));
		out->low[step] = out->high[step] = (double)NAN;
		if (share > 0.0 && share < 1.0) {
			/* log(-log S) has the standard error sqrt(sum) / |log S|. */
			logs = log(share);
			width = exp(z * sqrt(sum) / -logs);
			out->low[step] = exp(logs * width);
			out->high[step] = exp(logs / width);
		}
		/* 0.5 + a few roundings of the product is a half. */
		if (isnan(out->median) && share <= 0.5 * (1.0 + 1e-12))
			out->median = out->time[step];
	}
	free(t);
	return 0;
}

double ebb_survival_at(const struct ebb_survival *s, double t)
{
	double share = 1.0;
	int i;

	for (i = 0; i < s->n_steps && s->time[i] <= t; i++)
		share = s->share[i];
	if (s->n_steps == 0 || isnan(t))
		return (double)NAN;
	return t > s->time[s->n_steps - 1] && share > 0.0 ? (double)NAN : share;
}

void ebb_survival_mean(const struct ebb_survival *s, double horizon, double *mean, double *se)
{
	double area = 0.0, variance = 0.0, until = horizon;
	int i, last = s->n_steps - 1;

	*mean = *se = (double)NAN;
	if (s->n_steps == 0 || !(horizon > 0.0) || isinf(horizon) ||
	    (horizon > s->time[last] && s->share[last] > 0.0))
		return;
	/* From the back: area is what lies below S from time[i] to the horizon. */
	for (i = last; i >= 0; i--) {
		if (s->time[i] >= horizon)
			continue;
		area += s->share[i] * (until - s->time[i]);
		until = s->time[i];
		if (s->events[i] < s->at_risk[i])
			variance += area * area * s->events[i] /
				    ((double)s->at_risk[i] * (s->at_risk[i] - s->events[i]));
	}
	*mean = area + until;
	*se = sqrt(variance);
}

/* ---- several groups ---- */

void ebb_logrank_release(struct ebb_logrank *r)
{
	free(r->observed);
	free(r->expected);
	*r = (struct ebb_logrank){0};
}

/* chi2 of the used groups but the last, which follows from the others. */
static int quadratic(const double *difference, const double *variance, const int *used, int m,
		     int k, double *chi2, struct ebb_err *err)
{
	gsl_matrix *v = gsl_matrix_alloc((size_t)m, (size_t)m);
	gsl_vector *d = gsl_vector_alloc((size_t)m), *x = gsl_vector_alloc((size_t)m);
	int i, j, rc = 0;

	if (v == NULL || d == NULL || x == NULL)
		rc = ebb_err_set(err, EBB_ENOMEM, "log-rank test: out of memory");
	for (i = 0; i < m && rc == 0; i++) {
		gsl_vector_set(d, (size_t)i, difference[used[i]]);
		for (j = 0; j < m; j++)
			gsl_matrix_set(v, (size_t)i, (size_t)j, variance[used[i] * k + used[j]]);
	}
	*chi2 = (double)NAN;
	/* Singular where no event tells two groups apart (one had ended before the first event of the
	 * other, or all get there at once): there is no test then. */
	if (rc == 0 && gsl_linalg_cholesky_decomp1(v) == GSL_SUCCESS &&
	    gsl_linalg_cholesky_solve(v, d, x) == GSL_SUCCESS) {
		for (i = 0, *chi2 = 0.0; i < m; i++)
			*chi2 += gsl_vector_get(d, (size_t)i) * gsl_vector_get(x, (size_t)i);
	}
	gsl_vector_free(x);
	gsl_vector_free(d);
	gsl_matrix_free(v);
	return rc;
}

int ebb_logrank_test(const double *time, const bool *reached, const int *group, int n, int k,
		     struct ebb_logrank *out, struct ebb_err *err)
{
	struct trial *t;
	double *variance, *difference, share;
	int *at_risk, *used, i, j, a, b, m, events, left, rc = 0, n_used = 0;

	*out = (struct ebb_logrank){.chi2 = (double)NAN, .p = (double)NAN};
	ebb_gsl_quiet();
	t = sorted(time, reached, group, n, k, &m, err);
	if (t == NULL)
		return EBB_EINVAL;
	out->n = m;
	out->observed = ebb_xcalloc((size_t)k + 1, sizeof *out->observed);
	out->expected = ebb_xcalloc((size_t)k + 1, sizeof *out->expected);
	variance = ebb_xcalloc((size_t)k * (size_t)k + 1, sizeof *variance);
	difference = ebb_xcalloc((size_t)k + 1, sizeof *difference);
	at_risk = ebb_xcalloc((size_t)k + 1, sizeof *at_risk);
	used = ebb_xcalloc((size_t)k + 1, sizeof *used);
	for (i = 0; i < m; i++)
		at_risk[t[i].group]++;
	for (i = 0; i < m; i = j) {
		for (j = i, events = 0; j < m && t[j].time == t[i].time; j++) {
			events += t[j].reached;
			out->observed[t[j].group] += t[j].reached;
		}
		left = m - i;
		for (a = 0; a < k && events > 0; a++) {
			out->expected[a] += (double)events * at_risk[a] / left;
			/* d (N - d) / (N - 1) n_a / N (delta_ab - n_b / N) */
			share = left > 1 ? (double)events * (left - events) / (left - 1.0) *
						   at_risk[a] / left
					 : 0.0;
			for (b = 0; b < k; b++)
				variance[a * k + b] +=
					share * ((a == b) - (double)at_risk[b] / left);
		}
		out->n_events += events;
		for (; i < j; i++)
			at_risk[t[i].group]--;
	}
	for (a = 0; a < k; a++) {
		difference[a] = out->observed[a] - out->expected[a];
		if (out->expected[a] > 0.0)
			used[n_used++] = a;
	}
	out->k = n_used;
	if (n_used >= 2)
		rc = quadratic(difference, variance, used, n_used - 1, k, &out->chi2, err);
	if (isfinite(out->chi2))
		out->p = gsl_cdf_chisq_Q(out->chi2, n_used - 1);
	free(used);
	free(at_risk);
	free(difference);
	free(variance);
	free(t);
	if (rc != 0)
		ebb_logrank_release(out);
	return rc;
}
