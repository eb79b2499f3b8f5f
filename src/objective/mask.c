/*
 * Which tokens the policy term sees. top_entropy: the tokens of the mini-batch at which the policy
 * was least sure when it drew them, the forks of a chain (arXiv:2506.01939). positive, negative: one
 * of the two halves of learning from verified rewards (arXiv:2506.01347), told by the sign of the
 * advantage, so that a token of advantage 0 is in neither and the halves' gradients add up to the
 * whole where the denominator counts all tokens.
 */
#include <stdlib.h>
#include "objective/stages.h"

struct fork {
	double entropy;
	int64_t at; /* on the grid of the mini-batch: breaks ties */
};

static int by_entropy(const void *a, const void *b)
{
	const struct fork *x = a, *y = b;

	if (x->entropy != y->entropy)
		return x->entropy > y->entropy ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static void keep_forks(double fraction, const struct ebb_batch *b, const int *row, int n,
		       unsigned char *kept)
{
	struct fork *list = ebb_xcalloc((size_t)n * b->T + 1, sizeof *list);
	int64_t tokens = 0, most;

	for (int64_t at = 0; at < (int64_t)n * b->T; at++) {
		const size_t frozen = (size_t)row[at / b->T] * b->T + (size_t)(at % b->T);

		kept[at] = 0;
		if (b->mask[frozen])
			list[tokens++] = (struct fork){b->entropy[frozen], at};
	}
	qsort(list, (size_t)tokens, sizeof *list, by_entropy);
	most = (int64_t)(fraction * (double)tokens);
	if (most < 1)
		most = tokens > 0;
	for (int64_t k = 0; k < most; k++)
		kept[list[k].at] = 1;
	free(list);
}

void ebb_mask_fill(const struct ebb_options *o, const struct ebb_batch *b, const int *row, int n,
		   unsigned char *kept)
{
	if (o->token.mask == EBB_TOKEN_TOP_ENTROPY) {
		keep_forks(o->token.fraction, b, row, n, kept);
		return;
	}
	for (int i = 0; i < n; i++)
		for (int t = 0; t < b->T; t++) {
			const size_t frozen = (size_t)row[i] * b->T + t;
			const double A = b->mask[frozen] ? b->advantage[frozen] : 0.0;

			kept[(size_t)i * b->T + t] =
				o->token.mask == EBB_TOKEN_POSITIVE ? A > 0.0 : A < 0.0;
		}
}
