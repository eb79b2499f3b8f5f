/*
 * May trials of two arms be paired by their seed, and their values be subtracted? A seed stands for
 * one base policy, one order of questions and one held-out set only where the options that make
 * them agree. Looked up in what one finished trial of each arm recorded.
 */
#ifndef EBB_ANALYSIS_PAIRING_H
#define EBB_ANALYSIS_PAIRING_H

#include "record/record.h"

/* Why a pair is less than a pair. */
enum ebb_pairing_kind {
	EBB_PAIRING_BASE,  /* task, model, pretrain: not the same base policy               */
	EBB_PAIRING_EVAL,  /* eval: measured by another yardstick                           */
	EBB_PAIRING_STEPS, /* train.steps, eval.cadence: the final values are of other steps */
	EBB_N_PAIRINGS
};

struct ebb_pairing {
	/* the options that differ, "key a|b, key a|b" with the values of both; null: none */
	char *differ[EBB_N_PAIRINGS];
};

/* Nothing differs where an arm has no finished trial. Safe to release when zero. */
int ebb_pairing_check(struct ebb_pairing *out, const struct ebb_run *run, int arm_a, int arm_b,
		      struct ebb_err *err);
void ebb_pairing_release(struct ebb_pairing *p);

/* What that means, for people: "'a' and 'b' " goes before it. */
const char *ebb_pairing_words(enum ebb_pairing_kind kind);

#endif
