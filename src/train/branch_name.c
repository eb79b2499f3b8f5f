/*
 * What pretrain.from, or a word of preference.data, = RUN/WHAT@STEP names, once for every trial of a
 * definition. WHAT is a trial's id, the beginning of one, or the label of an arm of RUN: then the
 * trial of that arm with the seed of the trial that asks, so that each seed goes on from its own. The
 * trial's options get the id, and with it its identity: it says what was found, whatever RUN holds
 * later.
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

/* Is it there? Arms that take policies from the same trials ask once. */
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

/* Add the word to text, the id in the place of what stood for it. */
static int add_exact(struct book *b, const char *key, const char *from, uint64_t seed,
		     struct ebb_buf *text, struct ebb_err *err)
{
	const char *at = strrchr(from, '@');
	char id[EBB_ID_MAX], *dir, *what, *exact;
	size_t n = at ? run_length(from, at) : 0;
	int rc;

	if (!at)
		return ebb_err_set(err, EBB_EINVAL,
				   "%s: '%s' names no policy: it is RUN/TRIAL@STEP", key, from);
	if (n == 0 || at == from + n + 1 || at[1] == 0 ||
	    strspn(at + 1, "0123456789") != strlen(at + 1))
		return ebb_err_set(err, EBB_EINVAL,
				   n == 0 ? "%s='%s' names no run that is there: it is "
					    "RUN/TRIAL@STEP, and RUN a run directory"
					  : "%s='%s' is not of the form RUN/TRIAL@STEP",
				   key, from);
	dir = ebb_xprintf("%.*s", (int)n, from);
	what = ebb_xprintf("%.*s", (int)(at - from - (long)n - 1), from + n + 1);
	rc = find_trial(b, dir, what, seed, id, err);
	exact = rc == 0 ? ebb_xprintf("%s/%s%s", dir, id, at) : NULL;
	if (rc == 0)
		ebb_buf_printf(text, "%s%s", text->len ? " " : "", exact);
	if (rc == 0 && text->len >= EBB_STR_MAX)
		rc = ebb_err_set(err, EBB_EINVAL,
				 "'%s' is longer than %d bytes; run ebb nearer to that run%s",
				 text->data, EBB_STR_MAX - 1,
				 strchr(text->data, ' ') ? " or name fewer policies" : "");
	if (rc == 0)
		rc = check(b, exact, err);
	if (rc < 0)
		ebb_err_wrap(err, "%s", key);
	free(exact);
	free(what);
	free(dir);
	return rc;
}

static void put(char value[EBB_STR_MAX], const struct ebb_buf *text)
{
	memset(value, 0, EBB_STR_MAX);
	memcpy(value, text->data, text->len);
}

static bool names_trial(const struct ebb_options *o)
{
	return strchr(o->pretrain.from, '@'); /* else a preset, or nothing */
}

/* Write ids in the place of what stood for them. */
static int fix(struct ebb_options *o, void *ctx, struct ebb_err *err)
{
	struct ebb_buf from = EBB_BUF_INIT, data = EBB_BUF_INIT;
	const char *at = o->preference.data;
	char word[EBB_STR_MAX];
	int rc = 0;

	if (names_trial(o))
		rc = add_exact(ctx, "pretrain.from", o->pretrain.from, o->seed, &from, err);
	while (rc == 0 && ebb_data_next(&at, word))
		rc = add_exact(ctx, "preference.data", word, o->seed, &data, err);
	if (rc == 0 && from.len > 0)
		put(o->pretrain.from, &from);
	if (rc == 0 && data.len > 0)
		put(o->preference.data, &data);
	ebb_buf_release(&data);
	ebb_buf_release(&from);
	return rc;
}

int ebb_branch_plan(struct ebb_definition *def, struct ebb_err *err)
{
	struct book book = {0};
	bool any = false;
	int rc = 0;

	for (int a = 0; a < def->n_arms; a++)
		any = any || names_trial(&def->arm[a].options) ||
		      def->arm[a].options.preference.data[0];
	if (any)
		rc = ebb_definition_plan(def, ebb_task_catalog(), fix, &book, err);
	ebb_run_release(&book.run);
	free(book.dir);
	free(book.sound);
	return rc;
}
