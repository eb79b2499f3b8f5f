/* eval.temperatures: a list in one text. */
#include <stdlib.h>
#include <string.h>
#include "options/options.h"

#define HIGHEST 100.0 /* as of eval.temperature */
#define LOWEST  0.001

int ebb_temperatures(const struct ebb_options *o, double t[EBB_TEMPERATURES_MAX],
		     struct ebb_err *err)
{
	const char *s = o->eval.temperatures;
	int n = 0;

	for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
		const int length = (int)strcspn(s, " ");
		char *end;
		double x = strtod(s, &end);

		if (end != s + length || !(x == 0.0 || (x >= LOWEST && x <= HIGHEST)))
			return ebb_err_set(
				err, EBB_EINVAL,
				"eval.temperatures: '%.*s' is no temperature: give 0 for "
				"greedy or numbers in [%g,%g], separated by blanks",
				length, s, LOWEST, HIGHEST);
		if (n == EBB_TEMPERATURES_MAX)
			return ebb_err_set(err, EBB_EINVAL,
					   "eval.temperatures has more than %d numbers: take fewer",
					   EBB_TEMPERATURES_MAX);
		if (n > 0 && x <= t[n - 1])
			return ebb_err_set(
				err, EBB_EINVAL,
				"eval.temperatures: %g comes after %g: give them in rising "
				"order, each once",
				x, t[n - 1]);
		t[n++] = x;
		s += length;
	}
	return n;
}
