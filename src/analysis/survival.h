/*
 * Time to a threshold, where some trials end before they get there (censored): the curve of those
 * that have not got there yet, the comparison of groups, and the mean time up to a horizon.
 *
 * Kaplan and Meier, JASA 53 (1958) 457: S(t) = prod over event times t_i <= t of (1 - d_i / n_i),
 * d_i of the n_i still at risk get there at t_i; a trial censored at t_i is still at risk there.
 * Greenwood's variance; the band is that of log(-log S), which stays in [0, 1].
 */
#ifndef EBB_ANALYSIS_SURVIVAL_H
#define EBB_ANALYSIS_SURVIVAL_H

#include <stdbool.h>
#include "base/err.h"

struct ebb_survival {
	int n;                  /* trials with a time                                           */
	int n_events;           /* of them, how many got there                                  */
	int n_steps;            /* distinct times of events and censorings                      */
	double *time;           /* ascending                                          (n_steps) */
	double *share;          /* S just after time: share that has not got there    (n_steps) */
	double *low, *high;     /* EBB_LEVEL; NaN where S is 0 or 1                  (n_steps) */
	int *at_risk;           /* just before time                                   (n_steps) */
	int *events, *censored; /* at time                                       (n_steps) */
	double median;          /* first time with S <= 1/2; NaN: fewer got there               */
};

/* time[i]: when trial i got there (reached[i]), or the last time at which it had not. NaN: left out.
 * n_steps = 0 where all are. Negative times are EBB_EINVAL. */
int ebb_survival_curve(const double *time, const bool *reached, int n, struct ebb_survival *out,
		       struct ebb_err *err);
void ebb_survival_release(struct ebb_survival *s); /* safe when zero */

/* S at t: 1 before the first event; NaN beyond the last time while S > 0 (nobody was watched). */
double ebb_survival_at(const struct ebb_survival *s, double t);

/*
 * Restricted mean time: the area below S up to a horizon, the mean of min(time, horizon). Its
 * variance: sum_i A_i^2 d_i / (n_i (n_i - d_i)), A_i the area from t_i to the horizon (Klein and
 * Moeschberger, Survival Analysis, 2nd ed., equation 4.5.2; terms with n_i = d_i are 0). Beyond the
 * last time with S > 0: NaN, never extrapolated.
 */
void ebb_survival_mean(const struct ebb_survival *s, double horizon, double *mean, double *se);

struct ebb_logrank {
	int n; /* trials with a time                                                */
	int k; /* groups watched at some event; one that ended before says nothing  */
	int n_events;
	double chi2, p; /* on k - 1 degrees of freedom; NaN for k < 2                        */
	double *observed, *expected; /* events; 0 for a group without a trial      (k given) */
};

/*
 * Log-rank test that k groups get there at the same pace: Mantel, Cancer Chemotherapy Reports 50
 * (1966) 163; chi2 = (O - E)' V^-1 (O - E) with the hypergeometric variance at every event time.
 * groups 0 .. k - 1 (EBB_EINVAL otherwise). Groups are taken as independent: shared seeds make it
 * conservative where they help all arms alike. The chi^2 law is an approximation for many events.
 */
int ebb_logrank_test(const double *time, const bool *reached, const int *group, int n, int k,
		     struct ebb_logrank *out, struct ebb_err *err);
void ebb_logrank_release(struct ebb_logrank *r); /* safe when zero */

#endif
