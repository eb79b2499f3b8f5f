/* Which arms a figure shows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "figure/kind.h"

void ebb_lot_release(struct ebb_lot *lot)
{
	free(lot->arm);
	free(lot->value);
	*lot = (struct ebb_lot){0};
}

bool ebb_number_of(const char *text, double *x)
{
	char *end;

	*x = strtod(text, &end);
	return end != text && *end == '\0' && isfinite(*x);
}

/* Which swept key tells these arms apart? -1: none, or more than one. */
static int telling_axis(const struct ebb_run *run, const struct ebb_lot *lot)
{
	const struct ebb_run_arm *first = &run->arm[lot->arm[0]], *arm;
	int i, k, found = -1;

	for (i = 1; i < lot->n; i++) {
		arm = &run->arm[lot->arm[i]];
		if (arm->n_axes != first->n_axes)
			return -1;
		for (k = 0; k < arm->n_axes; k++) {
			if (strcmp(arm->axis[k].key, first->axis[k].key) != 0)
				return -1;
			if (strcmp(arm->axis[k].value, first->axis[k].value) == 0)
				continue;
			if (found >= 0 && found != k)
				return -1;
			found = k;
		}
	}
	return found;
}

static void find_numbers(const struct ebb_run *run, struct ebb_lot *lot)
{
	int i, k = lot->n > 1 ? telling_axis(run, lot) : -1;
	bool numbers = k >= 0;

	lot->value = ebb_xcalloc((size_t)lot->n + 1, sizeof *lot->value);
	for (i = 0; i < lot->n && numbers; i++)
		numbers = ebb_number_of(run->arm[lot->arm[i]].axis[k].value, &lot->value[i]);
	lot->key = numbers ? ebb_name_key(run->arm[lot->arm[0]].axis[k].key) : NULL;
}

static bool anything_finished(const struct ebb_run *run, int arm)
{
	int s;

	for (s = 0; s < run->n_seeds; s++)
		if (run->finished[arm * run->n_seeds + s])
			return true;
	return false;
}

void ebb_lot_all(const struct ebb_run *run, const struct ebb_figure_choice *c, struct ebb_lot *lot)
{
	int i, n = c->arm != NULL ? c->n_arms : run->n_arms;

	*lot = (struct ebb_lot){.n = n};
	lot->arm = ebb_xcalloc((size_t)n + 1, sizeof *lot->arm);
	for (i = 0; i < n; i++)
		lot->arm[i] = c->arm != NULL ? c->arm[i] : i;
	find_numbers(run, lot);
}

/* Every chosen arm where there is room; else as many as there is room for of those that have come to
 * something, evenly, the first and the last among them. */
void ebb_lot_draw(const struct ebb_run *run, const struct ebb_kind *kind,
		  const struct ebb_figure_choice *c, struct ebb_lot *lot)
{
	int i, n, room, alive = 0;

	ebb_lot_all(run, c, lot);
	room = kind->room(lot);
	for (i = 0; i < lot->n; i++)
		alive += anything_finished(run, lot->arm[i]);
	if (alive <= room)
		return;
	for (i = 0, n = 0; i < lot->n; i++)
		if (anything_finished(run, lot->arm[i]))
			lot->arm[n++] = lot->arm[i];
	for (i = 0; i < room; i++)
		lot->arm[i] = lot->arm[room > 1 ? (int64_t)i * (alive - 1) / (room - 1) : 0];
	lot->n = room;
	lot->left_out = alive - room;
	lot->key = NULL;
}
