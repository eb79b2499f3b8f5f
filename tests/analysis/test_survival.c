/*
 * Kaplan-Meier, log-rank and restricted means against the remission times of Freireich et al., Blood
 * 21 (1963) 699, weeks, 6-MP against placebo, as worked by hand in Kleinbaum and Klein, Survival
 * Analysis, 3rd ed., chapter 2 (tables of S, and the log-rank statistic 16.79, O 9 and 21, E 19.25
 * and 10.75) and in Klein and Moeschberger, Survival Analysis, 2nd ed., examples 4.1 and 4.2.
 */
#include <criterion/criterion.h>

#include <math.h>
#include "analysis/survival.h"
#include "base/rng.h"

#define CLOSE(x, y, tol)                                                                           \
	cr_assert(fabs((x) - (y)) <= (tol), "%.12g is not %.12g", (double)(x), (double)(y))

/* clang-format off */
#define N 42
static const double weeks[N] = {
	6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35,
	1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23};
static const bool relapse[N] = {
	1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int drug[N] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
/* clang-format on */

Test(survival, remission_under_6mp)
{
	static const struct {
		double time, share, se;
		int at_risk;
	} row[] = {{6, 0.857, 0.0764, 21},  {7, 0.807, 0.0869, 17},  {10, 0.753, 0.0963, 15},
		   {13, 0.690, 0.1068, 12}, {16, 0.627, 0.1141, 11}, {22, 0.538, 0.1282, 7},
		   {23, 0.448, 0.1346, 6}};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_survival s;
	double width;
	size_t j = 0;

	cr_assert_eq(ebb_survival_curve(weeks, relapse, 21, &s, &err), 0);
	cr_assert(s.n == 21 && s.n_events == 9 && s.n_steps == 16);
	for (int i = 0; i < s.n_steps; i++) {
		if (s.events[i] == 0)
			continue;
		CLOSE(s.time[i], row[j].time, 0);
		CLOSE(s.share[i], row[j].share, 5e-4);
		cr_assert_eq(s.at_risk[i], row[j].at_risk);
		/* Greenwood's standard error out of the band: log(-log low) - log(-log high) is
		 * 2 z se / (S |log S|). */
		width = log(-log(s.low[i])) - log(-log(s.high[i]));
		CLOSE(width / (2 * 1.959964) * s.share[i] * -log(s.share[i]), row[j].se, 1e-4);
		j++;
	}
	cr_assert_eq(j, 7u);
	cr_assert(s.events[0] == 3 && s.censored[0] == 1);
	CLOSE(s.median, 23.0, 0);
	CLOSE(ebb_survival_at(&s, 5.9), 1.0, 0);
	CLOSE(ebb_survival_at(&s, 6), 0.857, 5e-4);
	CLOSE(ebb_survival_at(&s, 35), 0.448, 5e-4);
	cr_assert(isnan(ebb_survival_at(&s, 36)), "nobody was watched");
	ebb_survival_release(&s);
	ebb_survival_release(&s);
}

Test(survival, log_rank_of_6mp)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_logrank r;

	cr_assert_eq(ebb_logrank_test(weeks, relapse, drug, N, 2, &r, &err), 0);
	cr_assert(r.n == 42 && r.k == 2 && r.n_events == 30);
	CLOSE(r.observed[0], 9, 0);
	CLOSE(r.observed[1], 21, 0);
	CLOSE(r.expected[0], 19.25, 0.005);
	CLOSE(r.expected[1], 10.75, 0.005);
	CLOSE(r.chi2, 16.79, 0.005);
	CLOSE(r.p, 4.168809e-05, 1e-10); /* chi2.sf(16.79294, 1) of scipy 1.10.1 */
	ebb_logrank_release(&r);
	ebb_logrank_release(&r);
}

Test(survival, log_rank_of_three_by_hand)
{
	/*
	 * Times 1 (a), 2 (b), 3 (c), all events, one trial each. At 1: E_a = E_b = E_c = 1/3,
	 * V_aa = 2/9, V_ab = -1/9; at 2: b, c at 1/2, V_bb = 1/4; at 3: c alone, no variance.
	 * O - E = (2/3, 1/6, -5/6). Without c: V = [2/9 -1/9; -1/9 2/9 + 1/4], det = 1/12 + 1/108...
	 * = (2/9)(17/36) - 1/81 = 5/54; d' V^-1 d = [ (17/36)(4/9) + 2 (1/9)(1/9) + (2/9)(1/36) ] /
	 * det = (17/81 + 2/81 + 1/162) / (5/54) = (39/162) / (5/54) = 2.6.
	 */
	double time[] = {1, 2, 3};
	bool all[] = {true, true, true};
	int g[] = {0, 1, 2}, swapped[] = {2, 0, 1}, gap[] = {0, 3, 4};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_logrank r;

	cr_assert_eq(ebb_logrank_test(time, all, g, 3, 3, &r, &err), 0);
	CLOSE(r.chi2, 2.6, 1e-14);
	CLOSE(r.p, exp(-1.3), 1e-14); /* two degrees of freedom */
	ebb_logrank_release(&r);
	cr_assert_eq(ebb_logrank_test(time, all, swapped, 3, 3, &r, &err), 0);
	CLOSE(r.chi2, 2.6, 1e-13);
	ebb_logrank_release(&r);
	cr_assert_eq(ebb_logrank_test(time, all, gap, 3, 5, &r, &err), 0);
	cr_assert_eq(r.k, 3, "an empty group costs no degree of freedom");
	CLOSE(r.chi2, 2.6, 1e-13);
	ebb_logrank_release(&r);
}

Test(survival, mean_up_to_a_horizon)
{
	double time[] = {1, 2, 3, 4, NAN}, mean, se;
	bool all[] = {true, true, true, true, true}, some[] = {true, true, false, false, true};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_survival s;

	/* Without censoring it is the mean of min(time, horizon), and its variance that of a mean with
	 * n in place of n - 1: (1 + 2 + 3 + 3) / 4; sum of squares 2.75 / 16. */
	cr_assert_eq(ebb_survival_curve(time, all, 5, &s, &err), 0);
	cr_assert_eq(s.n, 4);
	ebb_survival_mean(&s, 3, &mean, &se);
	CLOSE(mean, 2.25, 1e-15);
	CLOSE(se, sqrt(2.75 / 16), 1e-14);
	ebb_survival_mean(&s, 10, &mean, &se);
	CLOSE(mean, 2.5, 1e-15); /* all got there: nothing is left to extrapolate */
	ebb_survival_mean(&s, 0.5, &mean, &se);
	cr_assert(mean == 0.5 && se == 0.0);
	CLOSE(ebb_survival_at(&s, 100), 0.0, 0);
	ebb_survival_release(&s);
	cr_assert_eq(ebb_survival_curve(time, some, 5, &s, &err), 0);
	ebb_survival_mean(&s, 4, &mean, &se);
	CLOSE(mean, 1 + 0.75 + 0.5 + 0.5, 1e-15);
	ebb_survival_mean(&s, 4.5, &mean, &se);
	cr_assert(isnan(mean) && isnan(se), "half of them were last seen at 4");
	cr_assert(s.median == 2.0);
	ebb_survival_release(&s);
}

Test(survival, edges)
{
	double time[] = {5, 5, 5}, bad[] = {1, -1, 2}, gone[] = {NAN, NAN, NAN}, late[] = {1, 9, 9};
	bool none[] = {false, false, false}, all[] = {true, true, true}, last[] = {0, 1, 1};
	int g[] = {0, 1, 1}, wrong[] = {0, 1, 2};
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_survival s;
	struct ebb_logrank r;
	double mean, se;

	cr_assert_eq(ebb_survival_curve(time, none, 3, &s, &err), 0);
	cr_assert(s.n_steps == 1 && s.share[0] == 1.0 && isnan(s.low[0]) && isnan(s.median));
	ebb_survival_release(&s);
	cr_assert_eq(ebb_survival_curve(gone, all, 3, &s, &err), 0);
	cr_assert(s.n == 0 && s.n_steps == 0 && isnan(ebb_survival_at(&s, 0)));
	ebb_survival_mean(&s, 1, &mean, &se);
	cr_assert(isnan(mean));
	ebb_survival_release(&s);
	cr_assert_eq(ebb_survival_curve(bad, all, 3, &s, &err), EBB_EINVAL);
	cr_assert(err.text[0] != '\0');

	cr_assert_eq(ebb_logrank_test(time, none, g, 3, 2, &r, &err), 0);
	cr_assert(isnan(r.chi2) && isnan(r.p) && r.n_events == 0);
	ebb_logrank_release(&r);
	cr_assert_eq(ebb_logrank_test(time, all, g, 3, 2, &r, &err), 0);
	cr_assert(isnan(r.p), "all at once: nothing tells them apart");
	ebb_logrank_release(&r);
	/* Group 0 was last seen before the first event: it says nothing. */
	cr_assert_eq(ebb_logrank_test(late, last, g, 3, 2, &r, &err), 0);
	cr_assert(r.k == 1 && isnan(r.p));
	ebb_logrank_release(&r);
	cr_assert_eq(ebb_logrank_test(time, all, wrong, 3, 2, &r, &err), EBB_EINVAL);
}

/* Orders of trials do not matter, and groups may be told in any order. */
Test(survival, permuting_changes_nothing)
{
	double time[N];
	bool reached[N];
	int group[N];
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_logrank r;
	struct ebb_survival a, b;

	for (int i = 0; i < N; i++) {
		time[(5 * i + 11) % N] = weeks[i];
		reached[(5 * i + 11) % N] = relapse[i];
		group[(5 * i + 11) % N] = 1 - drug[i];
	}
	cr_assert_eq(ebb_logrank_test(time, reached, group, N, 2, &r, &err), 0);
	CLOSE(r.chi2, 16.79294098921654, 1e-11); /* the same numbers in numpy 1.24.2 */
	CLOSE(r.observed[1], 9, 0);
	ebb_logrank_release(&r);
	cr_assert_eq(ebb_survival_curve(weeks, relapse, N, &a, &err), 0);
	cr_assert_eq(ebb_survival_curve(time, reached, N, &b, &err), 0);
	cr_assert_eq(a.n_steps, b.n_steps);
	for (int i = 0; i < a.n_steps; i++)
		cr_assert(a.share[i] == b.share[i] && a.at_risk[i] == b.at_risk[i]);
	ebb_survival_release(&a);
	ebb_survival_release(&b);
}
