#include "base/rng.h"

#include "base/err.h"
#include "base/real.h"

static uint32_t multiply(uint32_t a, uint32_t b, uint32_t *high)
{
	uint64_t p = (uint64_t)a * b;

	*high = (uint32_t)(p >> 32);
	return (uint32_t)p;
}

void ebb_philox(const struct ebb_draw *d, uint32_t position, uint32_t out[4])
{
	uint32_t k0 = (uint32_t)d->seed, k1 = (uint32_t)(d->seed >> 32);
	uint32_t c0, c1, c2, c3;

	if (d->stream >= 256 || position >= 1u << 24 || d->round >= 1u << 12 ||
	    d->sample >= 1u << 20)
		EBB_BUG("random counter out of range: stream %u position %u round %u sample %u",
			d->stream, position, d->round, d->sample);
	c0 = position | d->stream << 24;
	c1 = d->sample | d->round << 20;
	c2 = d->slot;
	c3 = d->step;
	for (int i = 0; i < 10; i++) {
		uint32_t h0, h1;
		uint32_t l0 = multiply(0xD2511F53u, c0, &h0), l1 = multiply(0xCD9E8D57u, c2, &h1);

		c0 = h1 ^ c1 ^ k0;
		c1 = l1;
		c2 = h0 ^ c3 ^ k1;
		c3 = l0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

static double unit(uint32_t high, uint32_t low)
{
	return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double ebb_uniform(const struct ebb_draw *d, uint32_t position)
{
	uint32_t w[4];

	ebb_philox(d, position, w);
	return unit(w[0], w[1]);
}

uint32_t ebb_below(const struct ebb_draw *d, uint32_t position, uint32_t n)
{
	uint32_t w[4];

	ebb_philox(d, position, w);
	/* 64-bit multiply-shift, high word first: the bias is at most n / 2^64 */
	return (uint32_t)(((uint64_t)w[0] * n + ((uint64_t)w[1] * n >> 32)) >> 32);
}

double ebb_normal(const struct ebb_draw *d, uint32_t position)
{
	uint32_t w[4];
	double u;

	ebb_philox(d, position, w);
	u = 1.0 - unit(w[0], w[1]); /* in (0, 1]: the logarithm is finite */
	return sqrt(-2.0 * ebb_log(u)) * ebb_cos_turn(unit(w[2], w[3]));
}

double ebb_rng_uniform(struct ebb_rng *r)
{
	return ebb_uniform(&r->draw, r->position++);
}

uint32_t ebb_rng_below(struct ebb_rng *r, uint32_t n)
{
	return ebb_below(&r->draw, r->position++, n);
}
