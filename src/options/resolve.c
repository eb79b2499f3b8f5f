/* From a draft to arms, the product of its axes, and to trials: arms times seeds, each once. */
#include <stdlib.h>
#include <string.h>
#include "options/draft.h"

static void make_arms(struct ebb_draft *d, struct ebb_definition *def)
{
	int64_t n = 1;
	struct ebb_options builtin;
	int *at;

	for (int i = 0; i < d->n_axes && n <= EBB_TRIALS_MAX; i++)
		n *= d->axis[i].values.n > 0 ? d->axis[i].values.n : 1;
	if (n * def->n_seeds > EBB_TRIALS_MAX) {
		ebb_draft_error(d, d->whole,
				"the sweep has more than %d trials: take values or seeds out of it",
				EBB_TRIALS_MAX);
		return;
	}
	ebb_options_init(&builtin, d->catalog);
	builtin.seed = def->seed[0];
	at = ebb_xcalloc((size_t)d->n_axes + 1, sizeof *at);
	def->arm = ebb_xcalloc((size_t)n, sizeof *def->arm);
	def->n_arms = (int)n;
	for (int a = 0; a < def->n_arms; a++) {
		ebb_draft_make_arm(d, &builtin, at, &def->arm[a]);
		for (int i = d->n_axes - 1; i >= 0; i--) { /* the last key turns fastest */
			if (++at[i] < d->axis[i].values.n)
				break;
			at[i] = 0;
		}
	}
	free(at);
}

/* ---- trials ---- */

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

static void note_merged(struct ebb_draft *d, const struct ebb_definition *def)
{
	for (int a = 0; a < def->n_arms; a++) {
		int first = def->plan[def->plan_of[(size_t)a * (size_t)def->n_seeds]].arm;

		if (first != a)
			ebb_draft_once(d, EBB_NOTE, d->whole,
				       "arm '%s' is the same as '%s': it runs once",
				       def->arm[a].label, def->arm[first].label);
	}
}

static void make_plan(struct ebb_draft *d, struct ebb_definition *def)
{
	int n = def->n_arms * def->n_seeds;
	struct numbered *trial = ebb_xcalloc((size_t)n, sizeof *trial);
	int *first = ebb_xcalloc((size_t)n, sizeof *first);

	for (int i = 0; i < n; i++) {
		struct ebb_options o = def->arm[i / def->n_seeds].options;

		o.seed = def->seed[i % def->n_seeds];
		ebb_options_id(&o, d->catalog, trial[i].id);
		trial[i].index = i;
	}
	qsort(trial, (size_t)n, sizeof *trial, by_id);
	for (int i = 0; i < n; i++) {
		bool same = i > 0 && strcmp(trial[i].id, trial[i - 1].id) == 0;

		first[trial[i].index] = same ? first[trial[i - 1].index] : trial[i].index;
		def->n_plans += !same;
	}
	def->plan = ebb_xcalloc((size_t)def->n_plans, sizeof *def->plan);
	def->plan_of = ebb_xcalloc((size_t)n, sizeof *def->plan_of);
	for (int i = 0, k = 0; i < n; i++) {
		struct ebb_plan *plan = &def->plan[k];

		if (first[i] != i) {
			def->plan_of[i] = def->plan_of[first[i]];
			continue;
		}
		def->plan_of[i] = k++;
		plan->arm = i / def->n_seeds;
		plan->options = def->arm[plan->arm].options;
		plan->options.seed = def->seed[i % def->n_seeds];
		ebb_options_id(&plan->options, d->catalog, plan->id);
	}
	free(first);
	free(trial);
	note_merged(d, def);
}

void ebb_draft_resolve(struct ebb_draft *d, struct ebb_definition *def)
{
	if (d->n_seeds == 0) { /* none given, or none of them usable: go on to find more errors */
		def->n_seeds = 1;
		def->seed = ebb_xcalloc(1, sizeof *def->seed);
		def->seed[0] = EBB_SEED_FIRST;
	} else {
		def->n_seeds = d->n_seeds;
		def->seed = d->seed;
		d->seed = NULL;
		d->n_seeds = 0;
	}
	make_arms(d, def);
	if (d->diag->n_errors == 0)
		make_plan(d, def);
}
