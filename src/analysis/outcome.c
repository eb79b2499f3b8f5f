/* Right answers by question: the hierarchical half of analysis/bootstrap.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/bootstrap.h"
#include "base/rng.h"

int ebb_outcomes_init(struct ebb_outcomes *o, int n_seeds, int n_evals, int n_questions,
		      struct ebb_err *err)
{
	size_t n;

	*o = (struct ebb_outcomes){0};
	if (n_seeds < 0 || n_evals < 0 || n_questions < 0)
		return ebb_err_set(err, EBB_EINVAL,
				   "outcomes of %d seeds, %d evaluations and %d questions", n_seeds,
				   n_evals, n_questions);
	n = (size_t)n_seeds * (size_t)n_evals * (size_t)n_questions + 1;
	o->right = ebb_calloc(n, sizeof *o->right, err);
	o->asked = o->right != NULL ? ebb_calloc(n, sizeof *o->asked, err) : NULL;
	if (o->asked == NULL) {
		ebb_outcomes_release(o);
		return EBB_ENOMEM;
	}
	o->n_seeds = n_seeds;
	o->n_evals = n_evals;
	o->n_questions = n_questions;
	return 0;
}

void ebb_outcomes_release(struct ebb_outcomes *o)
{
	free(o->right);
	free(o->asked);
	*o = (struct ebb_outcomes){0};
}

/* Where the evaluations of a question stand. */
static size_t place(const struct ebb_outcomes *o, int seed, int question)
{
	return ((size_t)seed * (size_t)o->n_questions + (size_t)question) * (size_t)o->n_evals;
}

int ebb_outcomes_put(struct ebb_outcomes *o, int seed, const double *sample, int n_samples,
		     struct ebb_err *err)
{
	const double *s = sample;
	size_t to;
	int e, q, i;

	if (seed < 0 || seed >= o->n_seeds)
		EBB_BUG("seed %d of %d", seed, o->n_seeds);
	for (e = 0; e < o->n_evals; e++)
		for (q = 0; q < o->n_questions; q++) {
			to = place(o, seed, q) + (size_t)e;
			o->right[to] = o->asked[to] = 0;
			for (i = 0; i < n_samples; i++, s++) {
				if (isnan(*s))
					continue;
				if (*s != 0.0 && *s != 1.0)
					return ebb_err_set(
						err, EBB_EFORMAT,
						"evaluation %d, question %d, sample %d: outcome %g "
						"is neither 0 nor 1",
						e, q, i, *s);
				o->right[to] += *s != 0.0;
				o->asked[to]++;
			}
		}
	return 0;
}

double ebb_outcomes_accuracy(const struct ebb_outcomes *o, int seed, int eval)
{
	uint64_t right = 0, asked = 0;
	size_t at;
	int q;

	for (q = 0; q < o->n_questions; q++) {
		at = place(o, seed, q) + (size_t)eval;
		right += o->right[at];
		asked += o->asked[at];
	}
	return asked > 0 ? (double)right / (double)asked : (double)NAN;
}

/* right | asked << 32 of one seed, question and evaluation: one addition counts both. Sums of n
 * questions stay below 2^32 as long as n times the samples does. */
static uint64_t *pack(const struct ebb_outcomes *o, struct ebb_err *err)
{
	size_t n = (size_t)o->n_seeds * (size_t)o->n_evals * (size_t)o->n_questions, i;
	uint64_t *both = ebb_calloc(n + 1, sizeof *both, err);

	for (i = 0; i < n && both != NULL; i++)
		both[i] = o->right[i] | (uint64_t)o->asked[i] << 32;
	return both;
}

/* Draw the questions of one drawn seed and add up their evaluations. slot: which draw of the
 * resample this is. Four questions come of one call. */
static void draw_questions(const struct ebb_outcomes *o, const uint64_t *both, uint32_t resample,
			   uint32_t slot, uint64_t *sum)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_OUTCOMES_QUESTION,
			     .step = resample,
			     .slot = slot};
	uint64_t n = (uint64_t)o->n_questions;
	uint32_t word[4];
	const uint64_t *row;
	int q, e, n_evals = o->n_evals;

	memset(sum, 0, (size_t)n_evals * sizeof *sum);
	for (q = 0; q < o->n_questions; q++) {
		if (q % 4 == 0)
			ebb_philox(&d, (uint32_t)q / 4, word);
		row = both + (size_t)(word[q % 4] * n >> 32) * (size_t)n_evals;
		for (e = 0; e < n_evals; e++)
			sum[e] += row[e];
	}
}

/* resampled: (n_evals, resamples) */
static void resample_all(const struct ebb_outcomes *o, const uint64_t *both, int resamples,
			 double *resampled)
{
	struct ebb_draw d = {.seed = EBB_BOOTSTRAP_SEED,
			     .stream = EBB_STREAM_BOOTSTRAP,
			     .round = EBB_BOOTSTRAP_OUTCOMES_SEED};
	size_t stride = (size_t)o->n_questions * (size_t)o->n_evals;
	uint64_t *sum = ebb_xcalloc((size_t)o->n_evals + 1, sizeof *sum);
	double *total = ebb_xcalloc((size_t)o->n_evals + 1, sizeof *total);
	int *n = ebb_xcalloc((size_t)o->n_evals + 1, sizeof *n);
	uint32_t from, asked;
	int r, s, e;

	for (r = 0; r < resamples; r++) {
		d.step = (uint32_t)r;
		memset(total, 0, (size_t)o->n_evals * sizeof *total);
		memset(n, 0, (size_t)o->n_evals * sizeof *n);
		for (s = 0; s < o->n_seeds; s++) {
			from = ebb_below(&d, (uint32_t)s, (uint32_t)o->n_seeds);
			draw_questions(o, both + from * stride, (uint32_t)r, (uint32_t)s, sum);
			for (e = 0; e < o->n_evals; e++) {
				asked = (uint32_t)(sum[e] >> 32);
				if (asked == 0)
					continue;
				total[e] += (double)(uint32_t)sum[e] / asked;
				n[e]++;
			}
		}
		for (e = 0; e < o->n_evals; e++)
			resampled[(size_t)e * (size_t)resamples + (size_t)r] =
				n[e] > 0 ? total[e] / n[e] : (double)NAN;
	}
	free(n);
	free(total);
	free(sum);
}

int ebb_bootstrap_outcomes(const struct ebb_outcomes *o, int resamples, double *low, double *high,
			   struct ebb_err *err)
{
	double *resampled;
	uint64_t *both;
	int e, s, have;

	for (e = 0; e < o->n_evals; e++)
		low[e] = high[e] = (double)NAN;
	if (resamples < 100)
		return ebb_err_set(err, EBB_EINVAL,
				   "%d resamples have no 2.5 %% quantile; take 100 or more",
				   resamples);
	if (o->n_evals == 0 || o->n_questions == 0 || o->n_seeds < 2)
		return 0;
	both = pack(o, err);
	resampled = ebb_calloc((size_t)o->n_evals * (size_t)resamples, sizeof *resampled, err);
	if (both != NULL && resampled != NULL)
		resample_all(o, both, resamples, resampled);
	for (e = 0; e < o->n_evals && both != NULL && resampled != NULL; e++) {
		for (s = 0, have = 0; s < o->n_seeds; s++)
			have += isfinite(ebb_outcomes_accuracy(o, s, e)) != 0;
		if (have >= 2)
			ebb_bootstrap_interval(resampled + (size_t)e * (size_t)resamples, resamples,
					       &low[e], &high[e]);
	}
	if (both == NULL || resampled == NULL) {
		free(resampled);
		free(both);
		return EBB_ENOMEM;
	}
	free(resampled);
	free(both);
	return 0;
}
