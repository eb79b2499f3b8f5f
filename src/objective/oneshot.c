#include "objective/oneshot.h"

double ebb_pass_variance(int successes, int k)
{
	const double rate = (double)successes / (double)k;

	return rate * (1.0 - rate);
}

/* c (k - c) orders as the variance does, without rounding: ties are exact. */
static long product(int successes, int k)
{
	return (long)successes * (k - successes);
}

void ebb_pass_select(const int *successes, int candidates, int k, int n, int *chosen)
{
	int taken = 0;

	/* a candidate is chosen when fewer than n others come before it */
	for (int i = 0; i < candidates && taken < n; i++) {
		int before = 0;

		for (int j = 0; j < candidates; j++) {
			const long a = product(successes[j], k), b = product(successes[i], k);

			before += a > b || (a == b && j < i);
		}
		if (before < n)
			chosen[taken++] = i;
	}
}
