/*
 * Which tokens of a mini-batch Clip-Cov leaves out and KL-Cov penalises. EI 2.7, 2.8. The choice
 * needs every token's log-probability before the first coefficient: batch scope.
 */
#include <math.h>
#include <stdlib.h>
#include "objective/covariance.h"
#include "objective/stages.h"

struct candidate {
	double key; /* smaller is chosen first */
	int64_t at; /* among the tokens, row-major: breaks ties */
};

static int by_key(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static void score(const struct ebb_options *o, struct ebb_tokens *k)
{
	const enum ebb_covariance_kind kind = o->covariance.kind;
	const bool logit = o->covariance.response_source == EBB_COV_LOGIT;
	int64_t at = 0;

	if (kind == EBB_COV_TOKEN_BATCH) {
		ebb_covariance_batch(k->logp, k->A, k->n, k->c);
		return;
	}
	for (int i = 0; i < k->rows; at += k->length[i++]) {
		if (k->length[i] == 0)
			continue;
		if (kind == EBB_COV_RESPONSE_Z)
			ebb_covariance_response((logit ? k->logit : k->logp) + at, k->A + at,
						k->length[i], k->c + at);
		else
			ebb_covariance_literal(k->logp + at, k->length[i], k->c + at);
	}
}

/* EI 2.7, 3: strictly inside the bounds in the released code, closed in the paper. Scores of a
 * response are standardised, so their bounds would mean something else: all are candidates and the
 * rank decides. */
static bool inside(const struct ebb_options *o, double c, double mean)
{
	const double unit = o->covariance.bounds == EBB_BOUNDS_TIMES_MEAN ? mean : 1.0;
	const double low = o->covariance.low * unit, high = o->covariance.high * unit;

	if (o->covariance.kind != EBB_COV_TOKEN_BATCH)
		return c == c;
	return o->covariance.bounds_closed ? c >= low && c <= high : c > low && c < high;
}

static int64_t wanted(const struct ebb_options *o, int64_t n)
{
	const int64_t k = (int64_t)(o->covariance.fraction * (double)n);

	return k > 0 ? k : o->covariance.min_select;
}

void ebb_select_tokens(const struct ebb_options *o, struct ebb_tokens *k)
{
	const bool clip = o->loss.policy == EBB_POLICY_CLIP_COV;
	const bool ranked = !clip || o->covariance.kind != EBB_COV_TOKEN_BATCH;
	struct candidate *list;
	double sum = 0.0;
	int64_t n = 0, most = wanted(o, k->n);

	k->candidates = k->chosen_n = 0;
	for (int64_t i = 0; i < k->n; i++)
		k->chosen[i] = 0;
	if (k->n == 0)
		return;
	score(o, k);
	for (int64_t i = 0; i < k->n; i++)
		sum += k->c[i];
	list = ebb_xcalloc((size_t)k->n, sizeof *list);
	for (int64_t i = 0; i < k->n; i++) {
		const bool fits = clip ? !k->clipped[i] && inside(o, k->c[i], sum / (double)k->n)
				       : k->c[i] == k->c[i];

		if (fits)
			list[n++] = (struct candidate){ranked ? 0.0 - k->c[i] : k->key[i], i};
	}
	qsort(list, (size_t)n, sizeof *list, by_key);
	k->candidates = n;
	k->chosen_n = most < n ? most : n;
	for (int64_t i = 0; i < k->chosen_n; i++)
		k->chosen[list[i].at] = 1;
	free(list);
}
