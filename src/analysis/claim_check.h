/* What the two files that check a claim share: claim_check.c, the claim; claim_arms.c, selectors. What
 * evaluates one (claim_plan.c) asks them the same questions. */
#ifndef EBB_ANALYSIS_CLAIM_CHECK_H
#define EBB_ANALYSIS_CLAIM_CHECK_H

#include "analysis/claim.h"
#include "base/near.h"

/* One claim being checked. */
struct ebb_checking {
	const struct ebb_claim *c;
	const struct ebb_claim_scope *scope;
	struct ebb_diag *diag;
	struct ebb_claim_reason *why;
	bool wrong, not_applicable;
	int *around;  /* the trend, spearman or share a node stands in, -1: none (n_nodes) */
	bool *arm;    /* arms that the function at hand is left with              (n_arms) */
	bool *first;  /* arms that the first one of a spearman was left with      (n_arms) */
	bool *varies; /* does something inside differ from arm to arm?          (n_nodes) */
};

/* An error at a byte of the claim. */
#define WRONG(k, at, ...) ((k)->wrong = true, ebb_claim_error((k)->c, at, (k)->diag, __VA_ARGS__))

/* A reason for this run to leave the claim out; the first one stays. */
void ebb_claim_leave_out(struct ebb_checking *k, int at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "unknown WHAT 'word'", with the nearest or where to look. */
void ebb_claim_unknown(struct ebb_checking *k, const struct ebb_claim_word *w, const char *what,
		       const struct ebb_near *near, const char *remedy);

/* Does this node compare numbers of several arms: trend(), or spearman() but that of curves? */
bool ebb_claim_over_arms(const struct ebb_claim *c, const struct ebb_claim_node *node);
/* Does this node read the trials of arms, chosen by its selectors? */
bool ebb_claim_reads(const struct ebb_claim *c, const struct ebb_claim_node *node);
/* The axes' name of a key as a claim writes it. */
void ebb_claim_canonical_key(const struct ebb_checking *k, const char *key, char out[EBB_STR_MAX]);

/* ---- claim_arms.c ---- */

/* An option by key or alias, of the program or of any task; null: algorithm, seed, beta, unknown. */
const struct ebb_option *ebb_claim_option(const struct ebb_checking *k, const char *key);
/* Is the key a word of the sweep that is no option? */
bool ebb_claim_plain_key(const char *key);
void ebb_claim_unknown_key(struct ebb_checking *k, const struct ebb_claim_word *w);

/* Fill k->arm with the arms that all selectors of a function leave; -1 where one of them is wrong,
 * and said so, else their number. */
int ebb_claim_select_arms(struct ebb_checking *k, const struct ebb_claim_node *node);
/* Do the arms left differ in more than this key (null: at all)? */
bool ebb_claim_arms_differ(const struct ebb_checking *k, const char *besides);
/* Selectors that leave the first of them: "algorithm=grpo, alpha=0". The caller frees it. */
char *ebb_claim_arms_remedy(const struct ebb_checking *k, const char *besides);

#endif
