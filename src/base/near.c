#include "base/near.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 64

static int lower(char c)
{
	c = c == '-' ? '_' : c;
	return tolower((unsigned char)c);
}

/* Optimal string alignment distance (insert, delete, replace, swap of neighbours). */
static int distance(const char *a, const char *b)
{
	int n = (int)strlen(a), m = (int)strlen(b);
	int d[3][LONGEST + 1];

	if (n > LONGEST || m > LONGEST)
		return n > m ? n : m;
	for (int j = 0; j <= m; j++)
		d[0][j] = j;
	for (int i = 1; i <= n; i++) {
		int *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (int j = 1; j <= m; j++) {
			int best = up[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			row[j] = best;
		}
	}
	return d[n % 3][m];
}

void ebb_near_init(struct ebb_near *near, const char *word)
{
	int n = (int)strlen(word);

	near->word = word;
	near->best = NULL;
	near->distance = (n / 3 > 2 ? n / 3 : 2) + 1;
}

void ebb_near_offer(struct ebb_near *near, const char *candidate)
{
	const char *part = strrchr(candidate, '.');
	int d = distance(near->word, candidate);

	if (!part)
		part = strrchr(candidate, '/');
	if (part && distance(near->word, part + 1) == 0 && d > 1)
		d = 1;
	if (d < near->distance) {
		near->distance = d;
		near->best = candidate;
	}
}
