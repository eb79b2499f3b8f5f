/* Dynamic sampling: which groups carry a signal. PG 4.5 part 2; EI 4.6 (filter_on). */
#include <stdlib.h>
#include "objective/stages.h"

void ebb_group_differs(const struct ebb_batch *b, const double *x, bool *differs)
{
	int *first = ebb_xcalloc((size_t)b->n_groups, sizeof *first); /* row + 1; 0: none yet */

	for (int g = 0; g < b->n_groups; g++)
		differs[g] = false;
	for (int i = 0; i < b->R; i++) {
		const int g = b->group[i];

		if (g < 0 || g >= b->n_groups)
			EBB_BUG("row %d is of group %d of %d", i, g, b->n_groups);
		if (!first[g])
			first[g] = i + 1;
		else if (x[i] != x[first[g] - 1]) /* exact: a sum of equals need not be 0 */
			differs[g] = true;
	}
	free(first);
}

/* dynamic.on=total: would the advantages differ, information reward included? */
static void keep_total(const struct ebb_options *o, const struct ebb_batch *b, bool *keep)
{
	double *x = ebb_xcalloc((size_t)b->R, sizeof *x);
	bool *external = ebb_xcalloc((size_t)b->n_groups, sizeof *external);
	struct ebb_info_plan plan;

	ebb_info_plan_init(&plan, o, b);
	ebb_group_differs(b, b->shaped, external);
	if (plan.before) {
		for (int i = 0; i < b->R; i++)
			x[i] = plan.external * b->shaped[i] +
			       (plan.coef > 0.0 ? plan.coef * b->info[i] : 0.0);
		ebb_group_differs(b, x, keep);
	} else {
		if (plan.coef > 0.0)
			ebb_group_differs(b, b->info, keep);
		for (int g = 0; g < b->n_groups; g++)
			keep[g] = (plan.external > 0.0 && external[g]) ||
				  (plan.coef > 0.0 && keep[g] && ebb_info_used(o, external[g]));
	}
	free(external);
	free(x);
}

static void keep_groups(const struct ebb_options *o, const struct ebb_batch *b, bool *keep)
{
	switch (o->dynamic.on) {
	case EBB_DYNAMIC_OFF:
		for (int g = 0; g < b->n_groups; g++)
			keep[g] = true;
		return;
	case EBB_DYNAMIC_CORRECT:
		ebb_group_differs(b, b->reward, keep);
		return;
	case EBB_DYNAMIC_SHAPED:
		ebb_group_differs(b, b->shaped, keep);
		return;
	case EBB_DYNAMIC_TOTAL:
		keep_total(o, b, keep);
		return;
	}
}

/* Drawing again looks for groups that carry a signal; without it, one left out stays, at advantage 0. */
void ebb_objective_keep(const struct ebb_options *o, const struct ebb_batch *b, bool *keep)
{
	keep_groups(o, b, keep);
	for (int g = 0; g < b->n_groups && b->left_out && o->dynamic.on != EBB_DYNAMIC_OFF; g++)
		keep[g] = keep[g] && !b->left_out[g];
}

void ebb_group_rates(const double *reward, int n_groups, int G, double *eff, double *avg)
{
	double sum = 0.0;
	int differs = 0;

	for (int g = 0; g < n_groups; g++) {
		bool equal = true;

		for (int i = 0; i < G; i++) {
			sum += reward[g * G + i];
			equal = equal && reward[g * G + i] == reward[g * G];
		}
		differs += !equal;
	}
	*eff = (double)differs / n_groups;
	*avg = sum / ((double)n_groups * G);
}
