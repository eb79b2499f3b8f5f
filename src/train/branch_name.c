/*
 * What pretrain.from = RUN/WHAT@STEP names, once for every trial of a definition. WHAT is a trial's
 * id, the beginning of one, or the label of an arm of RUN: then the trial of that arm with the seed
 * of the trial that asks, so that each seed goes on from its own. The trial's options get the id, and
 * with it its identity: it says what was found, whatever RUN holds later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/near.h"
#include "record/record.h"
#include "train/lab.h"

#define ID_LETTERS "0123456789abcdef"
#define ID_LENGTH  (EBB_ID_MAX - 1)

struct book {      /* what was looked up for other trials of this definition */
	char *dir; /* of run; null: none was opened                     */
	struct ebb_run run;
	struct ebb_branch *sound; /* found to be there                  */
	int n_sound;
};

/* The run that the text begins with: the longest path before a slash that has an index or a folder
 * of trials (a label may hold slashes, too). Length 0: there is none. */
static size_t run_length(const char *from, const char *end)
{
	for (const char *slash = end; slash > from; slash--) {
		char *dir, *index, *trials;
		bool there;

		if (*slash != '/')
			continue;
		dir = ebb_xprintf("%.*s", (int)(slash - from), from);
		index = ebb_path_join(dir, EBB_INDEX_NAME);
		trials = ebb_path_join(dir, EBB_TRIALS_DIR);
		there = ebb_file_exists(index) || ebb_file_exists(trials);
		free(trials);
		free(index);
		free(dir);
		if (there)
			return (size_t)(slash - from);
	}
	return 0;
}

static int open_run(struct book *b, const char *dir, struct ebb_err *err)
{
	int rc;

	if (b->dir && strcmp(b->dir, dir) == 0)
		return 0;
	free(b->dir);
	b->dir = NULL;
	ebb_run_release(&b->run);
	rc = ebb_run_open(&b->run, dir, err);
	if (rc == 0)
		b->dir = ebb_xstrdup(dir);
	return rc;
}

static int find_seed(const struct ebb_run *run, int arm, uint64_t seed, char id[EBB_ID_MAX],
		     struct ebb_err *err)
{
	for (int s = 0; s < run->n_seeds; s++)
		if (run->seed[s] == seed) {
			memcpy(id, run->trial[arm * run->n_seeds + s], EBB_ID_MAX);
			return 0;
		}
	return ebb_err_set(
		err, EBB_EINVAL,
		"arm '%s' of '%s' has no trial of seed %llu; add the seed to that run, or "
		"name one trial by its id for all seeds",
		run->arm[arm].label, run->dir, (unsigned long long)seed);
}

/* The one id that begins like this. */
static int find_prefix(const struct ebb_run *run, const char *what, char id[EBB_ID_MAX],
		       struct ebb_err *err)
{
	int cells = run->n_arms * run->n_seeds;
	struct ebb_near near;

	id[0] = 0;
	for (int i = 0; i < cells && strspn(what, ID_LETTERS) == strlen(what); i++) {
		if (strncmp(run->trial[i], what, strlen(what)) != 0)
			continue;
		if (id[0] && strcmp(id, run->trial[i]) != 0)
			return ebb_err_set(err, EBB_EINVAL,
					   "'%s' begins more than one id: %s and %s; give more of "
					   "it",
					   what, id, run->trial[i]);
		memcpy(id, run->trial[i], EBB_ID_MAX);
	}
	if (id[0])
		return 0;
	ebb_near_init(&near, what);
	for (int a = 0; a < run->n_arms; a++)
		ebb_near_offer(&near, run->arm[a].label);
	return ebb_err_set(err, EBB_EINVAL,
			   "'%s' has no arm and no trial '%s'%s%s%s; ebb status lists them",
			   run->dir, what, near.best ? ": did you mean '" : "",
			   near.best ? near.best : "", near.best ? "'?" : "");
}

static int find_trial(struct book *b, const char *dir, const char *what, uint64_t seed,
		      char id[EBB_ID_MAX], struct ebb_err *err)
{
	int rc;

	if (strlen(what) == ID_LENGTH && strspn(what, ID_LETTERS) == ID_LENGTH) {
		memcpy(id, what, EBB_ID_MAX); /* needs no index */
		return 0;
	}
	rc = open_run(b, dir, err);
	for (int a = 0; a < b->run.n_arms && rc == 0; a++)
		if (strcmp(b->run.arm[a].label, what) == 0)
			return find_seed(&b->run, a, seed, id, err);
	return rc < 0 ? rc : find_prefix(&b->run, what, id, err);
}

static bool was_sound(const struct book *b, const struct ebb_branch *branch)
{
	for (int i = 0; i < b->n_sound; i++)
		if (b->sound[i].step == branch->step && strcmp(b->sound[i].id, branch->id) == 0 &&
		    strcmp(b->sound[i].dir, branch->dir) == 0)
			return true;
	return false;
}

/* Is it there? Arms that branch from the same trials ask once. */
static int check(struct book *b, const char *from, struct ebb_err *err)
{
	struct ebb_branch branch;
	int rc;

	if (!ebb_branch_parse(from, &branch))
		EBB_BUG("'%s' names no trial", from);
	if (was_sound(b, &branch))
		return 0;
	rc = ebb_branch_check(&branch, err);
	if (rc == 0) {
		b->sound = ebb_xrealloc(b->sound, (size_t)b->n_sound + 1, sizeof *b->sound);
		b->sound[b->n_sound++] = branch;
	}
	return rc;
}

/* Write the id in the place of what stood for it. */
static int fix(struct ebb_options *o, void *ctx, struct ebb_err *err)
{
	const char *from = o->pretrain.from, *at = strrchr(from, '@');
	char id[EBB_ID_MAX], exact[EBB_STR_MAX], *dir, *what;
	size_t n;
	int rc;

	if (!at) /* a preset, or nothing */
		return 0;
	n = run_length(from, at);
	if (n == 0 || at == from + n + 1 || at[1] == 0 ||
	    strspn(at + 1, "0123456789") != strlen(at + 1))
		return ebb_err_set(
			err, EBB_EINVAL,
			n == 0 ? "pretrain.from='%s' names no run: it is RUN/TRIAL@STEP, "
				 "and RUN a run directory"
			       : "pretrain.from='%s' is not of the form RUN/TRIAL@STEP",
			from);
	dir = ebb_xprintf("%.*s", (int)n, from);
	what = ebb_xprintf("%.*s", (int)(at - from - (long)n - 1), from + n + 1);
	rc = find_trial(ctx, dir, what, o->seed, id, err);
	if (rc < 0)
		ebb_err_wrap(err, "pretrain.from");
	else if (snprintf(exact, sizeof exact, "%s/%s%s", dir, id, at) >= (int)sizeof exact)
		rc = ebb_err_set(err, EBB_EINVAL,
				 "pretrain.from: '%s/%s%s' is longer than %d bytes; run ebb nearer "
				 "to that run",
				 dir, id, at, EBB_STR_MAX - 1);
	if (rc == 0) {
		memset(o->pretrain.from, 0, sizeof o->pretrain.from);
		memcpy(o->pretrain.from, exact, strlen(exact));
		rc = check(ctx, exact, err);
	}
	free(what);
	free(dir);
	return rc;
}

int ebb_branch_plan(struct ebb_definition *def, struct ebb_err *err)
{
	struct book book = {0};
	bool any = false;
	int rc = 0;

	for (int a = 0; a < def->n_arms; a++)
		any = any || strchr(def->arm[a].options.pretrain.from, '@');
	if (any)
		rc = ebb_definition_plan(def, ebb_task_catalog(), fix, &book, err);
	ebb_run_release(&book.run);
	free(book.dir);
	free(book.sound);
	return rc;
}
