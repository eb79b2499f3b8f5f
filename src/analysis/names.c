#include "analysis/names.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "base/near.h"
#include "options/options.h"

/* Call visit for every dataset name of the first finished trial of every arm, until it says stop. */
static void each_name(const struct ebb_run *run, bool (*visit)(void *ctx, const char *name),
		      void *ctx)
{
	struct ebb_err ignored = EBB_ERR_INIT;
	char **name;
	int a, s, i, n;
	bool go = true;

	for (a = 0; a < run->n_arms && go; a++)
		for (s = 0; s < run->n_seeds; s++) {
			if (!run->finished[a * run->n_seeds + s])
				continue;
			name = NULL;
			n = 0;
			/* A damaged file reports itself when it is read for its values. */
			if (ebb_run_names(run, a, s, &name, &n, &ignored) != 0)
				continue;
			for (i = 0; i < n; i++) {
				go = go && visit(ctx, name[i]);
				free(name[i]);
			}
			free(name);
			break; /* trials of one arm record the same datasets */
		}
}

struct wanted {
	const char *word;
	char *found;
	bool by_tail;
};

static bool match(void *ctx, const char *name)
{
	struct wanted *w = ctx;
	const char *tail = strrchr(name, '/');

	if (strcmp(name, w->word) == 0 ||
	    (w->by_tail && tail != NULL && strcmp(tail + 1, w->word) == 0)) {
		w->found = ebb_xstrdup(name);
		return false;
	}
	return true;
}

struct hint {
	struct ebb_near near;
	char *best;
};

/* The names die with the visit, so the best one is copied. */
static bool offer(void *ctx, const char *name)
{
	struct hint *h = ctx;
	const char *before = h->near.best;

	ebb_near_offer(&h->near, name);
	if (h->near.best != before) {
		free(h->best);
		h->best = ebb_xstrdup(name);
		h->near.best = h->best;
	}
	return true;
}

bool ebb_name_recorded(const struct ebb_run *run, const char *name)
{
	struct wanted w = {ebb_metric_dataset(name), NULL, false};

	each_name(run, match, &w);
	free(w.found);
	return w.found != NULL;
}

int ebb_name_metric(const struct ebb_run *run, const char *word, char **name, struct ebb_err *err)
{
	const struct ebb_metric *m = ebb_metric_find(word), *row;
	struct wanted w = {word, NULL, true};
	struct hint h = {0};
	int i, n, rc;

	*name = NULL;
	if (m != NULL) {
		*name = ebb_xstrdup(m->name);
		return 0;
	}
	each_name(run, match, &w);
	if (w.found != NULL) {
		*name = w.found;
		return 0;
	}
	ebb_near_init(&h.near, word);
	row = ebb_metric_rows(&n);
	for (i = 0; i < n; i++) {
		offer(&h, row[i].brief);
		offer(&h, row[i].name);
	}
	each_name(run, offer, &h);
	if (h.best != NULL)
		rc = ebb_err_set(err, EBB_ENOENT, "unknown metric '%s'; did you mean '%s'?", word,
				 h.best);
	else
		rc = ebb_err_set(err, EBB_ENOENT, "unknown metric '%s'; ebb metrics lists them all",
				 word);
	free(h.best);
	return rc;
}

int ebb_name_arm(const struct ebb_run *run, const char *label, int *arm, struct ebb_err *err)
{
	struct ebb_near near;
	int a;

	ebb_near_init(&near, label);
	for (a = 0; a < run->n_arms; a++) {
		if (strcmp(run->arm[a].label, label) == 0) {
			*arm = a;
			return 0;
		}
		ebb_near_offer(&near, run->arm[a].label);
	}
	if (near.best != NULL)
		return ebb_err_set(err, EBB_ENOENT, "unknown arm '%s'; did you mean '%s'?", label,
				   near.best);
	return ebb_err_set(err, EBB_ENOENT, "unknown arm '%s'; the first of %d is '%s'", label,
			   run->n_arms, run->n_arms > 0 ? run->arm[0].label : "");
}

int ebb_name_arms(const struct ebb_run *run, const char *pattern, int *arm, int *n,
		  struct ebb_err *err)
{
	struct ebb_err local = EBB_ERR_INIT;
	int a, one, before = *n, rc = ebb_name_arm(run, pattern, &one, &local);

	if (rc == 0) {
		arm[(*n)++] = one;
		return 0;
	}
	for (a = 0; a < run->n_arms && strpbrk(pattern, "*?") != NULL; a++)
		if (fnmatch(pattern, run->arm[a].label, 0) == 0)
			arm[(*n)++] = a;
	if (*n > before)
		return 0;
	if (err != NULL)
		*err = local;
	return rc;
}

const char *ebb_name_key(const char *key)
{
	const struct ebb_option *row;
	size_t group;
	int i, n;

	row = ebb_option_rows(&n);
	for (i = 0; i < n; i++) {
		group = strlen(row[i].group);
		if (row[i].alias[0] != '\0' && strncmp(key, row[i].group, group) == 0 &&
		    key[group] == '.' && strcmp(key + group + 1, row[i].name) == 0)
			return row[i].alias;
	}
	return key;
}
