/*
 * Judging claims: every claim of a run (analysis/claim.h) against its curves, seed by seed. Seeds are
 * the unit of replication and arms share them, so every comparison is paired. docs/claims.md has the
 * rules for people; they follow EI section 10.
 *
 *   d_s      = left_s - right_s of seed s, turned so that the claimed direction is positive
 *   interval   95 % t interval of the mean of d (analysis/paired.h); on a logarithmic scale where a
 *              side is ratio()
 *   decided    the interval excludes 0 and Holm's adjusted p over the claims of the run is at most
 *              0.05
 *
 *   reproduced      decided, in the claimed direction, mean effect at least the smallest effect of
 *                   interest ("by EPS", or that of the metric: analysis/interest.def)
 *   contradicted    decided in the other direction; of "~=": the interval lies outside the margin
 *   equivalent      the interval lies inside the margin (+-EPS): what "~=" asks for, and what a
 *                   directional claim "by EPS" gets where nothing of that size is there
 *   inconclusive    anything else; n_needed says how many seeds would probably settle it
 *   not applicable  this run has no such arm, value or step, or a precondition failed (EI section 10)
 *
 * p is that of the paired t test, two-sided, but for trend() against 0 (Page's L), share() (sign test,
 * one-sided) and what is held against a margin (two one-sided t tests, or two-sided beyond it).
 */
#ifndef EBB_ANALYSIS_VERDICT_H
#define EBB_ANALYSIS_VERDICT_H

#include "analysis/claim.h"

#define EBB_SEEDS_FULL 8 /* fewer are marked */

enum ebb_ruling {
	EBB_REPRODUCED,
	EBB_CONTRADICTED,
	EBB_EQUIVALENT,
	EBB_INCONCLUSIVE,
	EBB_NOT_APPLICABLE,
	EBB_N_VERDICTS
};

/* "reproduced", "contradicted", "equivalent", "inconclusive", "not applicable". */
const char *ebb_verdict_word(enum ebb_ruling verdict);

/* clang-format off */
struct ebb_judgement {
	char *claim; /* its text                                                          */
	enum ebb_ruling verdict;
	bool holds;               /* what was claimed was shown: reproduced, or equivalent of "~=" */
	double left, right;       /* both sides, averaged over the seeds that count; NaN: none     */
	double effect, low, high; /* left - right, or left / right; 95 % interval; NaN: none       */
	bool ratio;               /* effect, low and high are left / right: "no effect" is 1       */
	double margin;            /* smallest effect of interest, on its scale; NaN: none           */
	double p, p_holm;         /* of the test that decides; NaN: none                           */
	double p_sign;            /* exact sign-flip beside it; NaN: below 8 seeds or no such test */
	int n;                    /* seeds that count                                              */
	bool shares;              /* it is about a share() of them                                 */
	int k;                    /* share(): the condition holds in so many of them               */
	int dropped;              /* seeds without a value on both sides (diverged, unfinished)    */
	bool few;                 /* n < EBB_SEEDS_FULL                                            */
	int n_needed;             /* seeds for a power of 0.9 at the effect seen; 0: not asked     */
	const char *test;         /* that decides: "paired t", "Page", "share of seeds", ...       */
	char *note;               /* caveats and reasons in a sentence; "" for none                */
	int *arm, n_arms;         /* arms it reads, indices into the definition's arms             */
	char **metric;            /* curves it reads, full dataset names                           */
	int n_metrics;
};
/* clang-format on */

struct ebb_judgements {
	struct ebb_judgement *claim;
	int n;
	int n_tests; /* claims with a p: the family of Holm's adjustment */
	int count[EBB_N_VERDICTS];
};

/* Where the numbers come from; a run on disk (verdict_run.c), or numbers made up by a test. */
struct ebb_claim_data {
	const struct ebb_definition *def; /* arms, seeds */
	void *ctx;
	/* The measured curve of a finished, not diverged trial against a scale; n = 0 where it has
	 * none. The caller releases it. */
	int (*curve)(void *ctx, int arm, int seed, const char *metric, enum ebb_scale scale,
		     struct ebb_curve *out, struct ebb_err *err);
};

/* Judge claims that ebb_claim_check found sound; scope as there. A claim that it found not
 * applicable comes with why[i].text not empty. */
int ebb_judge(struct ebb_judgements *out, const struct ebb_claim *claim,
	      const struct ebb_claim_reason *why, int n, const struct ebb_claim_scope *scope,
	      const struct ebb_claim_data *data, struct ebb_err *err);

/*
 * The claims of a run on disk, as it recorded them, or these n texts instead (null: its own). Errors
 * of a text go to the sink with its place. scope's definition is made here from what the run
 * recorded; its catalog and tables come from the caller.
 */
int ebb_judge_run(struct ebb_judgements *out, const struct ebb_run *run, const char *const *text,
		  int n, const struct ebb_claim_scope *scope, struct ebb_diag *diag,
		  struct ebb_err *err);

void ebb_judgements_release(struct ebb_judgements *j); /* safe when zero */

/* One line for a caption or a terminal: "reproduced: final(...) < ... (-0.36 [-0.38, -0.35],
 * p 1e-9, N = 8)". */
void ebb_judgement_line(const struct ebb_judgement *j, struct ebb_buf *out);

#endif
