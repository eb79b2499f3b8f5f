#include "objective/oneshot.h"

/* rate (1 - rate) as one quotient, so that equal variances are equal numbers. */
double ebb_pass_variance(int successes, int k)
{
	return (double)((long)successes * (k - successes)) / ((double)k * k);
}

void ebb_pass_select(const int *successes, int candidates, int k, int n, int *chosen)
{
	int taken = 0;

	/* a candidate is chosen when fewer than n others come before it */
	for (int i = 0; i < candidates && taken < n; i++) {
		const double mine = ebb_pass_variance(successes[i], k);
		int before = 0;

		for (int j = 0; j < candidates; j++) {
			const double other = ebb_pass_variance(successes[j], k);

			before += other > mine || (other == mine && j < i);
		}
		if (before < n)
			chosen[taken++] = i;
	}
}
