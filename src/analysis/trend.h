/*
 * Does a value grow along an ordered parameter?
 *
 * Page's L for arms that share their seeds (the usual case: rows are blocks): Page, "Ordered
 * hypotheses for multiple treatments", JASA 58 (1963) 216. With ranks R_sj within seed s,
 *
 *   L = sum_s sum_j j R_sj,   E L = n k (k+1)^2 / 4,
 *   Var L = sum_s [sum_j (j - mean)^2] [sum_j (R_sj - mean)^2] / (k - 1)   (right with ties, too)
 *
 * Jonckheere-Terpstra for independent groups: Jonckheere, Biometrika 41 (1954) 133;
 *
 *   J = sum over groups a < b of the pairs with value_b > value_a, ties counting half
 *
 * with the variance corrected for ties (Hollander, Wolfe, Chicken, Nonparametric Statistical
 * Methods, 3rd ed., equation 6.19). It knows nothing of shared seeds, so with arms that share them it
 * wastes what pairing gained.
 */
#ifndef EBB_ANALYSIS_TREND_H
#define EBB_ANALYSIS_TREND_H

#include "base/err.h"

enum ebb_trend_way {
	EBB_TREND_EXACT,  /* the share of all orders, counted                          */
	EBB_TREND_DRAWN,  /* the share of 10,000 orders drawn from a fixed stream      */
	EBB_TREND_NORMAL, /* the normal approximation                                  */
};

/* "exact", "10,000 permutations", "normal approximation". */
const char *ebb_trend_way_word(enum ebb_trend_way way);

/* clang-format off */
struct ebb_trend {
	int n;           /* Page: seeds with every value; Jonckheere: values                   */
	int dropped;     /* Page: seeds with a value missing; Jonckheere: values missing       */
	int k;           /* arms; of Jonckheere: groups with a value                           */
	double statistic, expected, variance; /* L or J, and its moments without a trend       */
	double size;     /* -1 .. 1, above 0: grows. Page: 12 (L - E) / (n k (k^2 - 1)), the
			  * mean over seeds of Spearman's rho with the order (less with ties);
			  * Jonckheere: share of pairs in order less share of pairs against it */
	double z;        /* (statistic - expected) / sd                                        */
	double p;        /* two-sided, in the way named: twice the smaller tail, at most 1     */
	double p_grows;  /* one-sided: P(statistic at least this large) without a trend        */
	double p_falls;  /* P(statistic at most this)                                          */
	double p_normal; /* two-sided by z, beside the exact one                               */
	enum ebb_trend_way way;
};
/* clang-format on */

#define EBB_PAGE_EXACT_ARMS  10 /* limits of the exact way: beyond, the normal one */
#define EBB_PAGE_EXACT_SEEDS 32
#define EBB_JONCKHEERE_EXACT 128    /* values without ties                       */
#define EBB_JONCKHEERE_COUNT 200000 /* with ties: ways to deal them to the groups */

/*
 * value: (n_seeds, k), the arms in the order that is held against them. A seed with a missing value
 * is left out and counted. Fewer than 2 arms or no seed, or all seeds constant: z and every p NaN.
 * One seed is a test, if a weak one.
 */
int ebb_trend_page(const double *value, int n_seeds, int k, struct ebb_trend *out,
		   struct ebb_err *err);

/*
 * value[i] belongs to group[i], groups 0 .. k - 1 in their order (EBB_EINVAL otherwise). Missing values
 * are left out and counted. Fewer than 2 groups with values, or all values equal: NaN. Exact without
 * ties up to EBB_JONCKHEERE_EXACT values and with ties up to EBB_JONCKHEERE_COUNT ways; with ties up
 * to EBB_JONCKHEERE_EXACT values else drawn, p = (1 + hits) / (1 + draws); beyond by the normal.
 */
int ebb_trend_jonckheere(const double *value, const int *group, int n, int k, struct ebb_trend *out,
			 struct ebb_err *err);

#endif
