/* Trials: arms times seeds, each once. */
#include <stdlib.h>
#include <string.h>
#include "options/definition.h"

struct numbered {
	char id[EBB_ID_MAX];
	int index; /* a * n_seeds + s */
};

static int by_id(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int c = strcmp(x->id, y->id);

	return c ? c : x->index - y->index;
}

/* One trial for every cell of the design. */
static int make_cells(const struct ebb_definition *def, const struct ebb_catalog *catalog,
		      ebb_plan_fix *fix, void *ctx, struct ebb_plan *cell, struct ebb_err *err)
{
	int rc = 0;

	for (int i = 0; i < def->n_arms * def->n_seeds && rc == 0; i++) {
		struct ebb_plan *p = &cell[i];

		p->arm = i / def->n_seeds;
		p->options = def->arm[p->arm].options;
		p->options.seed = def->seed[i % def->n_seeds];
		rc = fix ? fix(&p->options, ctx, err) : 0;
		if (rc < 0)
			ebb_err_wrap(err, "arm '%s' seed %llu", def->arm[p->arm].label,
				     (unsigned long long)p->options.seed);
		else
			ebb_options_id(&p->options, catalog, p->id);
	}
	return rc;
}

/* first[i]: the first cell of the same trial as cell i. */
static void find_first(const struct ebb_plan *cell, int n, int *first)
{
	struct numbered *trial = ebb_xcalloc((size_t)n + 1, sizeof *trial);

	for (int i = 0; i < n; i++) {
		memcpy(trial[i].id, cell[i].id, EBB_ID_MAX);
		trial[i].index = i;
	}
	qsort(trial, (size_t)n, sizeof *trial, by_id);
	for (int i = 0; i < n; i++) {
		bool same = i > 0 && strcmp(trial[i].id, trial[i - 1].id) == 0;

		first[trial[i].index] = same ? first[trial[i - 1].index] : trial[i].index;
	}
	free(trial);
}

int ebb_definition_plan(struct ebb_definition *def, const struct ebb_catalog *catalog,
			ebb_plan_fix *fix, void *ctx, struct ebb_err *err)
{
	int n = def->n_arms * def->n_seeds, k = 0, *first, *plan_of;
	struct ebb_plan *cell = ebb_xcalloc((size_t)n + 1, sizeof *cell);
	int rc = make_cells(def, catalog, fix, ctx, cell, err);

	if (rc < 0) {
		free(cell);
		return rc;
	}
	first = ebb_xcalloc((size_t)n + 1, sizeof *first);
	plan_of = ebb_xcalloc((size_t)n + 1, sizeof *plan_of);
	find_first(cell, n, first);
	for (int i = 0; i < n; i++) {
		if (first[i] != i) {
			plan_of[i] = plan_of[first[i]];
			continue;
		}
		if (k != i)
			cell[k] = cell[i];
		plan_of[i] = k++;
	}
	free(first);
	free(def->plan);
	free(def->plan_of);
	def->plan = ebb_xrealloc(cell, (size_t)k + 1, sizeof *cell);
	def->plan_of = plan_of;
	def->n_plans = k;
	return 0;
}
