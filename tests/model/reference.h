/*
 * The policy once more, in double precision and plain loops, written from the architecture's
 * description and sharing nothing with the engine but the layout of the flat buffer.
 */
#ifndef EBB_TESTS_MODEL_REFERENCE_H
#define EBB_TESTS_MODEL_REFERENCE_H

#include "model/model.h"

/* Raw logits of every position of a sequence of n tokens (n, V), and where the layout has a value
 * head, the values (n); value may be null. */
void reference_logits(const struct ebb_layout *layout, const double *flat, const int32_t *token,
		      int n, double *logits, double *value);

struct reference_judgement {
	double logp, logp_ref, entropy, kl, moment[4];
};

/* ref may be null. */
struct reference_judgement reference_judge(int V, double tau, const double *logits,
					   const double *ref, int target);

#endif
