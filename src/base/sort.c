#include "base/sort.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"

#define DIGITS 8  /* of a key, 8 bits each */
#define SMALL  48 /* below this insertion is faster */

/* Bits of a double in the order of its values: the sign turns all bits round, or the first one. */
static uint64_t key_of(double x)
{
	uint64_t u;

	memcpy(&u, &x, sizeof u);
	return u ^ (u >> 63 ? UINT64_MAX : (uint64_t)1 << 63);
}

static double value_of(uint64_t key)
{
	const uint64_t u = key ^ (key >> 63 ? (uint64_t)1 << 63 : UINT64_MAX);
	double x;

	memcpy(&x, &u, sizeof x);
	return x;
}

static void insert(uint64_t *key, int64_t n)
{
	for (int64_t i = 1; i < n; i++) {
		const uint64_t k = key[i];
		int64_t j = i;

		for (; j > 0 && key[j - 1] > k; j--)
			key[j] = key[j - 1];
		key[j] = k;
	}
}

/* Least significant digit first; a digit that all keys share moves nothing. */
static uint64_t *radix(uint64_t *key, uint64_t *other, int64_t n)
{
	static const int bits = 8;
	int64_t count[DIGITS][256] = {{0}};

	for (int64_t i = 0; i < n; i++)
		for (int d = 0; d < DIGITS; d++)
			count[d][key[i] >> (bits * d) & 255]++;
	for (int d = 0; d < DIGITS; d++) {
		int64_t at = 0;
		uint64_t *swap = key;

		if (count[d][key[0] >> (bits * d) & 255] == n)
			continue;
		for (int b = 0; b < 256; b++) {
			const int64_t here = count[d][b];

			count[d][b] = at;
			at += here;
		}
		for (int64_t i = 0; i < n; i++)
			other[count[d][key[i] >> (bits * d) & 255]++] = key[i];
		key = other;
		other = swap;
	}
	return key;
}

void ebb_sort(double *x, int64_t n)
{
	uint64_t *key, *sorted;

	if (n < 2)
		return;
	key = ebb_xcalloc(2 * (size_t)n, sizeof *key);
	for (int64_t i = 0; i < n; i++)
		key[i] = key_of(x[i]);
	sorted = key;
	if (n < SMALL)
		insert(key, n);
	else
		sorted = radix(key, key + n, n);
	for (int64_t i = 0; i < n; i++)
		x[i] = value_of(sorted[i]);
	free(key);
}
