/*
 * Preference learning on pairs of responses to one prompt: DPO, CPL, PPL, RePO. EI 8.1 to 8.3.
 *
 * A response of n tokens has per-token log-probabilities l (trained policy), lr (reference) and lm
 * (the label policy, which generated it), and a score that is linear in l:
 *
 *   DPO          S = beta (sum l - sum lr)
 *   CPL          S = alpha sum l
 *   PPL, RePO    S = alpha W sum_t [ l_t - c_ref lr_t - (1/D_t) sum_v g^(v-t) (lm_v - l_v) ]
 *
 * The inner sum is the distance from the label policy along the suffix: v > t or v >= t
 * (preference.suffix). norm=sum: W = 1 and D_t = 1. norm=suffix_mean: W = 1/n, and D_t = sum_v
 * g^(v-t), so that the suffix counts by its weighted mean; an empty suffix counts 0. EI 8.1 gives the
 * suffix mean for g = 1, where D_t is the suffix's length; the weighted mean is our reading for g < 1.
 *
 * A pair (+ chosen, - rejected), x = S+ - lambda S-:
 *
 *   L = -(1 - eps) log sigmoid(x) - eps log sigmoid(-x) + sft (-1/n+) sum l+
 */
#ifndef EBB_OBJECTIVE_PREFERENCE_H
#define EBB_OBJECTIVE_PREFERENCE_H

#include "objective/token.h"
#include "options/options.h"

struct ebb_preference_rule {
	double scale; /* beta or alpha                                              */
	double c_ref; /* of lr; 1 for DPO, 0 for CPL                                */
	double lambda, smoothing, sft;
	bool suffix;  /* the distance from the label policy counts: PPL, RePO       */
	bool current; /* ... beginning at the token itself                          */
	bool mean;    /* W and D_t of norm=suffix_mean                              */
	double discount;
	enum ebb_preference_label label;
};

void ebb_preference_rule_init(struct ebb_preference_rule *r, const struct ebb_options *o);

/* S of a response of n >= 1 tokens; kappa_u = dS/dl_u. ref may be null where ebb_scores_reference
 * says so; label
 * holds the log-probabilities as drawn. Arrays (n). */
double ebb_preference_score(const struct ebb_preference_rule *r, int n, const double *logp,
			    const double *ref, const double *label, double *kappa);

/* Loss of a pair whose scores differ by x = S+ - lambda S-, and its derivative by x; without the
 * supervised term. */
struct ebb_term ebb_preference_loss(const struct ebb_preference_rule *r, double x);

#endif
