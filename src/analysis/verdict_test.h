/*
 * The test behind a claim, between its evaluation and its verdict: numbers on the scale that decides
 * (differences, or logarithms of quotients), the claimed direction made positive by `sign`. Made by
 * verdict_test.c, judged by verdict.c once Holm has seen all of them.
 */
#ifndef EBB_ANALYSIS_VERDICT_TEST_H
#define EBB_ANALYSIS_VERDICT_TEST_H

#include "analysis/claim_eval.h"

enum ebb_test_kind {
	EBB_TEST_NONE,   /* not applicable                                        */
	EBB_TEST_PAIRED, /* is the mean difference above 0, and above the margin? */
	EBB_TEST_PAGE,   /* the same of a trend, p from Page's L                  */
	EBB_TEST_NEAR,   /* does the mean lie inside the margin?                  */
	EBB_TEST_FAR,    /* does it lie outside?                                  */
	EBB_TEST_SHARE,  /* how many seeds?                                       */
	EBB_TEST_EQUAL   /* "<=" of sides that are equal in every seed: it holds  */
};

struct ebb_test {
	enum ebb_test_kind kind;
	int sign; /* -1: the claim is that left is smaller                              */
	double mean, sd, low, high; /* of left - right, not turned                              */
	double margin; /* on this scale; NaN: none                                           */
	bool stated;   /* the claim says its margin itself                                   */
	const char *interest; /* whose smallest effect of interest it is; null: none      */
	double share; /* SHARE: the share claimed                                           */
	bool strict;  /* < or >                                                              */
};

/*
 * Compute sides, effect, interval, p and seeds of a claim from its evaluation, and what the verdict
 * needs besides. Notes of the test go to the buffer, each a clause.
 */
int ebb_test_make(struct ebb_test *t, struct ebb_judgement *j, const struct ebb_evaluation *e,
		  struct ebb_buf *note, struct ebb_err *err);

/* Append a clause to a note: "; " between two of them. */
void ebb_note_add(struct ebb_buf *note, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is a precondition of the claim's arms not met? The reason, or nothing, goes to *why. */
int ebb_precondition_check(const struct ebb_evaluation *e, struct ebb_buf *why,
			   struct ebb_err *err);

#endif
