#include "command/choose.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "base/near.h"

/* The seed a text gives, or an error that names the nearest one of the run. */
static int find_seed(const struct ebb_run *run, const char *text, int *seed, struct ebb_err *err)
{
	uint64_t want, gap, least = UINT64_MAX;
	char *end;
	int s, nearest = 0;

	want = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end)
		return ebb_err_set(err, EBB_EINVAL,
				   "'%s' is no seed; a trial is ARM:SEED or the beginning of its "
				   "id (ebb status lists them)",
				   text);
	for (s = 0; s < run->n_seeds; s++) {
		gap = run->seed[s] > want ? run->seed[s] - want : want - run->seed[s];
		if (gap < least) {
			least = gap;
			nearest = s;
		}
	}
	if (run->n_seeds == 0 || least > 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "'%s' has no seed %" PRIu64 "; the nearest is %" PRIu64,
				   run->dir, want, run->n_seeds > 0 ? run->seed[nearest] : 0);
	*seed = nearest;
	return 0;
}

static int find_pair(const struct ebb_run *run, const char *word, int *arm, int *seed,
		     struct ebb_err *err)
{
	const char *colon = strrchr(word, ':');
	char *label = ebb_xprintf("%.*s", (int)(colon - word), word);
	int rc = ebb_name_arm(run, label, arm, err);

	free(label);
	return rc < 0 ? rc : find_seed(run, colon + 1, seed, err);
}

static int find_id(const struct ebb_run *run, const char *word, int *arm, int *seed,
		   struct ebb_err *err)
{
	struct ebb_near near;
	int found = -1;

	for (int i = 0; i < run->n_arms * run->n_seeds; i++) {
		if (!word[0] || strncmp(run->trial[i], word, strlen(word)) != 0)
			continue;
		if (found >= 0 && strcmp(run->trial[i], run->trial[found]) != 0)
			return ebb_err_set(
				err, EBB_EINVAL,
				"'%s' begins more than one id: %s and %s; give more of it", word,
				run->trial[found], run->trial[i]);
		/* two arms may share a trial: the first stands for both */
		if (found < 0)
			found = i;
	}
	if (found >= 0) {
		*arm = found / run->n_seeds;
		*seed = found % run->n_seeds;
		return 0;
	}
	ebb_near_init(&near, word);
	for (int a = 0; a < run->n_arms; a++)
		ebb_near_offer(&near, run->arm[a].label);
	if (near.best && run->n_seeds > 0)
		return ebb_err_set(err, EBB_ENOENT,
				   "'%s' begins no trial's id; did you mean '%s:%" PRIu64 "'?",
				   word, near.best, run->seed[0]);
	return ebb_err_set(err, EBB_ENOENT,
			   "'%s' begins no trial's id of '%s'; ebb status lists them", word,
			   run->dir);
}

int ebb_choose_trial(const struct ebb_run *run, const char *word, int *arm, int *seed,
		     struct ebb_err *err)
{
	int rc = strchr(word, ':') ? find_pair(run, word, arm, seed, err)
				   : find_id(run, word, arm, seed, err);

	if (rc == 0 && !run->finished[*arm * run->n_seeds + *seed])
		rc = ebb_err_set(err, EBB_ENOENT,
				 "trial '%s:%" PRIu64
				 "' is not finished; ebb status tells where it "
				 "stands, ebb run continues it",
				 run->arm[*arm].label, run->seed[*seed]);
	return rc;
}
