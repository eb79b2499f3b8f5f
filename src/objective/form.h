/*
 * A mini-batch's weighing by rows as one block of bytes, without pointers, for a device that runs
 * ebb_weigh_response (token.h) itself: the rule, then what is frozen with the batch, then room for
 * what comes back. Plain C in the common subset with CUDA C++.
 *
 *   ebb_weigh_form_write(mb, block)   before the pass
 *   ebb_weigh_form_row(block, i, ...) on the device, once log-probabilities stand
 *   ebb_weigh_form_read(mb, block)    after it: row sums and marks, as ebb_weigh_rows leaves them
 */
#ifndef EBB_OBJECTIVE_FORM_H
#define EBB_OBJECTIVE_FORM_H

#include <stddef.h>
#include "objective/token.h"

/* Places in bytes from the block's beginning; 0: not there. Arrays of rows are (n), of tokens (n, T). */
struct ebb_weigh_form {
	struct ebb_weigh_rule rule;
	int n, T;
	size_t bytes, back; /* of the block; where what comes back begins */
	/* rows: int, int, double, double, double */
	size_t tokens, hidden, w, w_policy, w_entropy;
	/* tokens: bytes, then doubles */
	size_t mask, kept, chosen;
	size_t old, advantage, ref, score, pair, tis;
	/* back: struct ebb_row_sums (n), bytes (n, T) */
	size_t sums, mark;
};

EBB_HD const double *ebb_form_doubles(const unsigned char *block, size_t at, size_t i)
{
	return at ? (const double *)(block + at) + i : (const double *)0;
}

EBB_HD const unsigned char *ebb_form_bytes(const unsigned char *block, size_t at, size_t i)
{
	return at ? block + at + i : (const unsigned char *)0;
}

/* Weigh row i of the block: (T) of logp, entropy and kl in, the last two may be null; (T) of
 * coefficients out, the last two may be null. */
EBB_HD void ebb_weigh_form_row(unsigned char *block, int i, const double *logp,
			       const double *entropy, const double *kl, double *w_logp,
			       double *w_entropy, double *w_kl)
{
	const struct ebb_weigh_form *f = (const struct ebb_weigh_form *)block;
	const size_t at = (size_t)i * (size_t)f->T;
	struct ebb_response in;
	struct ebb_coefficients out;
	struct ebb_row_sums *sums = (struct ebb_row_sums *)(block + f->sums) + i;

	in.T = f->T;
	in.n = ((const int *)(block + f->tokens))[i];
	in.hidden = ((const int *)(block + f->hidden))[i];
	in.mask = block + f->mask + at;
	in.logp = logp;
	in.old = ebb_form_doubles(block, f->old, at);
	in.ref = ebb_form_doubles(block, f->ref, at);
	in.advantage = ebb_form_doubles(block, f->advantage, at);
	in.score = ebb_form_doubles(block, f->score, at);
	in.kept = ebb_form_bytes(block, f->kept, at);
	in.chosen = ebb_form_bytes(block, f->chosen, at);
	in.pair = ebb_form_doubles(block, f->pair, at);
	in.tis = ebb_form_doubles(block, f->tis, at);
	in.entropy = entropy;
	in.kl = kl;
	in.kl_old = (const double *)0;
	in.w = *ebb_form_doubles(block, f->w, (size_t)i);
	in.w_policy = *ebb_form_doubles(block, f->w_policy, (size_t)i);
	in.w_entropy = *ebb_form_doubles(block, f->w_entropy, (size_t)i);
	out.logp = w_logp;
	out.entropy = w_entropy;
	out.kl = w_kl;
	out.kl_old = (double *)0;
	out.mark = f->mark ? block + f->mark + at : (unsigned char *)0;
	ebb_weigh_response(&f->rule, &in, &out, sums);
}

#ifndef __cplusplus
#include <stdbool.h>

struct ebb_minibatch;

/* Can a device do it? Answer rows, values and KL(old || new) are the host's. After ebb_weigh_begin, as
 * all of these. */
bool ebb_weigh_form_fits(const struct ebb_minibatch *mb);
size_t ebb_weigh_form_bytes(const struct ebb_minibatch *mb);
void ebb_weigh_form_write(const struct ebb_minibatch *mb, void *block);
void ebb_weigh_form_read(struct ebb_minibatch *mb, const void *block);
#endif

#endif
