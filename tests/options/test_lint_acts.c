/*
 * Is the lint right? Where a rule fires, changing the setting must change no coefficient of the
 * loss; on the rule's near neighbour the same change must act. One rollout batch goes through
 * shaping, dynamic sampling, advantages and weights as the trainer would send it.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include "../objective/support.h"
#include "base/rng.h"
#include "lint_cases.h"
#include "lint_support.h"

#define ROWS  16
#define GROUP 4
#define T     CASE_LIMIT

/* Rewards of the groups: all wrong; one right; right and truncated but for one; mixed. The same
 * lengths for all options, so that only what the options do differs. */
static void fill(struct bench *k)
{
	static const int length[ROWS] = {14, 13, 12, 5, 14, 11, 3, 8, 14, 14, 14, 6, 12, 13, 14, 9};
	static const int right[ROWS] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0};

	for (int i = 0; i < ROWS; i++) {
		k->length[i] = length[i];
		k->reward[i] = right[i];
		k->truncated[i] = length[i] == T && i != 4;
		for (int t = 0; t < T; t++)
			k->mask[i * T + t] = t < length[i];
	}
}

static void fill_values(struct bench *k)
{
	struct ebb_rng r = {.draw = {.seed = 12, .stream = EBB_STREAM_TEST}};

	for (int at = 0; at < ROWS * T; at++) {
		k->value_drawn[at] = ebb_rng_uniform(&r);
		k->value[at] = k->value_drawn[at] + ebb_rng_uniform(&r) - 0.5;
	}
	for (int i = 0; i < ROWS; i++)
		k->value_end[i] = ebb_rng_uniform(&r);
}

/* What the trainer knows of the policies: which of them are the same. */
static void fill_policies(struct bench *k)
{
	const struct ebb_options *o = &k->o;
	const bool exact = o->sample.mismatch == EBB_MISMATCH_NONE && o->sample.top_p >= 1.0 &&
			   o->sample.top_k == 0;

	for (int at = 0; at < ROWS * T; at++) {
		if (o->train.epochs * o->train.minibatches == 1)
			k->logp[at] = k->old[at];
		if (o->ref.every == 1 && o->ref.mix == 1.0)
			k->ref[at] = k->old[at];
	}
	if (exact)
		k->b.roll = NULL;
}

static void run(struct bench *k, const struct lint_case *c, const char *settings, bool probe)
{
	bool keep[ROWS / GROUP];

	bench_random(k, ROWS, T, GROUP, 11);
	fill(k);
	fill_values(k);
	options_of(&k->o, NULL, c->base, settings);
	fill_policies(k); /* a probe changes the loss, not who drew what */
	if (probe)
		apply_settings(&k->o, NULL, c->probe);
	ebb_objective_shape(&k->o, &k->b);
	ebb_objective_keep(&k->o, &k->b, keep);
	for (int at = 0; at < ROWS * T; at++)
		k->mask[at] = k->mask[at] && keep[at / T / GROUP];
	ebb_objective_prepare(&k->o, &k->b, k->o.kl.coef, NULL);
	k->mb.kl_coef = k->o.kl.coef;
	k->mb.entropy_coef = k->o.entropy.coef;
	bench_weigh(k, 0);
}

/* The largest difference of a coefficient. */
static double distance(const struct bench *a, const struct bench *b)
{
	double d = 0.0;

	for (int at = 0; at < ROWS * T; at++) {
		d = fmax(d, fabs(a->w_logp[at] - b->w_logp[at]));
		d = fmax(d, fabs(a->w_entropy[at] - b->w_entropy[at]));
		d = fmax(d, fabs(a->w_kl[at] - b->w_kl[at]));
		d = fmax(d, fabs(a->w_value[at] - b->w_value[at]));
	}
	return d;
}

static double effect(const struct lint_case *c, const char *settings)
{
	struct bench plain, changed;
	double d;

	run(&plain, c, settings, false);
	run(&changed, c, settings, true);
	d = distance(&plain, &changed);
	bench_release(&changed);
	bench_release(&plain);
	return d;
}

/* std_eps=1e-6 is all that is left of a reward's scale; coefficients are of the order of 0.01. */
#define NOTHING   1e-7
#define SOMETHING 1e-5

Test(lint, inert_settings_are_inert_and_their_neighbours_act)
{
	for (int i = 0; i < N_LINT_CASES; i++) {
		const struct lint_case *c = &lint_case[i];
		double d;

		if (!c->probe[0])
			continue;
		d = effect(c, c->fires);
		cr_expect(d < NOTHING, "%s: %s after '%s %s' changes a coefficient by %g", c->rule,
			  c->probe, c->base, c->fires, d);
		d = effect(c, c->near);
		cr_expect(d > SOMETHING, "%s: %s after '%s %s' changes nothing (%g)", c->rule,
			  c->probe, c->base, c->near, d);
	}
}
