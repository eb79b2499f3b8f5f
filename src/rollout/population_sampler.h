/*
 * Decoding for a population on a GPU: the responses of many members are drawn side by side, a token
 * of each at a time, without a word to the host until all have ended. Results have the bits of
 * ebb_sampler_decode.
 */
#ifndef EBB_ROLLOUT_POPULATION_SAMPLER_H
#define EBB_ROLLOUT_POPULATION_SAMPLER_H

#include "model/population.h"
#include "rollout/rollout.h"

/* One member's part. */
struct ebb_drawn {
	int member;
	struct ebb_decode *decode; /* .bank is not used: prefixes are computed again */
	int at;                    /* private */
	int n;                     /* private: of this wave */
};

/* Can a population serve it? Noise on the logits is the CPU's alone. */
bool ebb_population_draws(const struct ebb_decode *d);

/* Draw for n members, each at most once, with their policies number `policy`. */
int ebb_population_decode(struct ebb_population *pop, int policy, struct ebb_drawn *work, int n,
			  struct ebb_err *err);

#endif
