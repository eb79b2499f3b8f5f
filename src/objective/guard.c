#include "objective/guard.h"

#include "base/real.h"

double ebb_guard_limit(double start, int V)
{
	const double most = ebb_log((double)V);

	return ebb_min(0.9 * most, ebb_max(3.0 * start, 0.25 * most));
}

void ebb_guard_step(struct ebb_guard *g, double h, int V)
{
	if (!g->begun && h == h) {
		g->begun = 1;
		g->start = h;
	}
	g->high = g->begun && h > ebb_guard_limit(g->start, V) ? g->high + 1 : 0;
	g->low = g->begun && h < 0.05 * g->start ? g->low + 1 : 0;
	if (g->high >= EBB_EXPLODED_STEPS)
		g->exploded = 1;
	if (g->low >= EBB_COLLAPSED_STEPS)
		g->collapsed = 1;
}
