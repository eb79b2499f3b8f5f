/*
 * A policy that is another trial's at some step: pretrain.from or a word of preference.data =
 * RUN/TRIAL@STEP. A state
 * that was kept at that step has it, whether the trial goes on or not. And a finished trial is a
 * function of its options, so any of its steps can be had again: from the nearest state that was
 * kept, or from its base.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "record/about.h"
#include "record/pack.h"
#include "train/bench.h"

#define KEPT_SHOWN 8 /* steps in a message */

bool ebb_branch_parse(const char *from, struct ebb_branch *b)
{
	const char *slash = strrchr(from, '/'), *at = strrchr(from, '@');
	char *end;

	if (!slash || !at || at < slash || slash - from >= (long)sizeof b->dir ||
	    at - slash - 1 != EBB_ID_MAX - 1 || at[1] < '0' || at[1] > '9')
		return false;
	snprintf(b->dir, sizeof b->dir, "%.*s", slash == from ? 1 : (int)(slash - from), from);
	snprintf(b->id, sizeof b->id, "%.*s", EBB_ID_MAX - 1, slash + 1);
	if (strspn(b->id, "0123456789abcdef") != EBB_ID_MAX - 1)
		return false;
	b->step = strtoll(at + 1, &end, 10);
	return *end == 0;
}

/* One option of a record, where it decides what the trial computes or what its states hold. */
static int take_option(struct ebb_options *o, const char *key, const char *value,
		       struct ebb_err *err)
{
	const struct ebb_option *row = ebb_option_find(ebb_task_catalog(), o->task.name, key);

	if (!row)
		return ebb_err_set(err, EBB_EFORMAT,
				   "it has an option '%s' that this ebb does not know", key);
	if (strcmp(row->group, "run") == 0 || strcmp(key, "task.name") == 0)
		return 0;
	return ebb_option_set(o, row, value, err);
}

/* Options of a finished trial as they were recorded, and the step it ended at. */
static int options_of(const struct ebb_branch *b, struct ebb_options *o, int64_t *end,
		      struct ebb_err *err)
{
	char *path = ebb_trial_path(b->dir, b->id);
	struct ebb_about about = {0};
	int rc = ebb_about_read(&about, path, EBB_ABOUT_TRIAL, err);
	const char *task = ebb_about_get(&about.option, "task.name"),
		   *seed = ebb_about_get(&about.root, "seed"),
		   *stopped = ebb_about_get(&about.root, "stopped_at_step");

	ebb_options_init(o, ebb_task_catalog());
	if (rc == 0 && (!task || !seed || !stopped))
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' lacks its task, seed or end", path);
	if (rc == 0)
		rc = ebb_options_task(o, ebb_task_catalog(), task, err);
	for (int i = 0; i < about.option.n && rc == 0; i++)
		rc = take_option(o, about.option.row[i].key, about.option.row[i].value, err);
	if (rc == 0) {
		o->seed = strtoull(seed, NULL, 10);
		*end = strtoll(stopped, NULL, 10);
	}
	ebb_about_release(&about);
	free(path);
	return rc;
}

/* The steps of which states were kept, for a message. */
static void list_kept(const struct ebb_branch *b, struct ebb_buf *out)
{
	char *folder = ebb_path_join(b->dir, EBB_CHECKPOINTS_DIR);
	DIR *dir = opendir(folder);
	struct dirent *e;
	int64_t step;
	int n = 0;

	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, b->id, EBB_ID_MAX - 1) == 0 &&
		    sscanf(e->d_name + EBB_ID_MAX - 1, "@%" SCNd64 ".h5", &step) == 1 &&
		    ++n <= KEPT_SHOWN)
			ebb_buf_printf(out, "%s%" PRId64, n > 1 ? ", " : "", step);
	if (n > KEPT_SHOWN)
		ebb_buf_puts(out, " and more");
	if (dir)
		closedir(dir);
	free(folder);
}

static int wrap(const struct ebb_branch *b, int rc, struct ebb_err *err)
{
	if (rc < 0)
		ebb_err_wrap(err, "%s/%s@%lld", b->dir, b->id, (long long)b->step);
	return rc;
}

static int check_policy(const struct ebb_options *theirs, const struct ebb_model *ours,
			struct ebb_err *err)
{
	const struct ebb_model m = ebb_lab_model(theirs);

	if (ebb_model_alike(&m, ours))
		return 0;
	return ebb_err_set(err, EBB_EINVAL,
			   "its policy is of another shape (task %s, model.width=%lld, heads=%lld, "
			   "layers=%lld, ...): set task.name and model.* to its values",
			   theirs->task.name, (long long)theirs->model.width,
			   (long long)theirs->model.heads, (long long)theirs->model.layers);
}

static int check_shape(const struct ebb_options *theirs, const struct ebb_options *ours,
		       struct ebb_err *err)
{
	struct ebb_model m;

	if (!ours)
		return 0;
	m = ebb_lab_model(ours);
	return check_policy(theirs, &m, err);
}

int ebb_branch_check(const struct ebb_branch *b, const struct ebb_options *ours,
		     struct ebb_err *err)
{
	char *kept = ebb_state_path(b->dir, b->id, b->step);
	struct ebb_buf others = EBB_BUF_INIT;
	struct ebb_options o;
	int64_t end;
	int rc = 0;

	if (ebb_file_exists(kept)) {
		rc = ebb_state_policy(kept, &o, err);
		if (rc == 0) {
			rc = check_shape(&o, ours, err);
			goto out;
		}
		*err = (struct ebb_err)EBB_ERR_INIT; /* a finished trial can do without it */
	}
	rc = options_of(b, &o, &end, err);
	if (rc == 0)
		rc = check_shape(&o, ours, err);
	if (rc == 0 && b->step > end)
		rc = ebb_err_set(err, EBB_EINVAL, "trial %s ends at step %lld", b->id,
				 (long long)end);
	if (rc == EBB_ENOENT) {
		list_kept(b, &others);
		rc = ebb_err_set(err, EBB_EINVAL,
				 "the trial is not finished there, and no state of this step was "
				 "kept%s%s; record.states keeps them, ebb status tells where it "
				 "stands",
				 others.len ? ", but of step " : "", others.len ? others.data : "");
	}
out:
	ebb_buf_release(&others);
	free(kept);
	return wrap(b, rc, err);
}

/* The kept state nearest to the step, not beyond it; null: none. The latest one, which a kill may
 * leave beside a finished trial, lies within a step. */
static char *nearest_state(const struct ebb_branch *b, const struct ebb_options *o)
{
	char *folder = ebb_path_join(b->dir, EBB_CHECKPOINTS_DIR), *best = NULL;
	DIR *dir = opendir(folder);
	int64_t best_step = -1, step;
	struct ebb_err ignored;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		const char *dot = strrchr(e->d_name, '.');
		char *path;

		if (strncmp(e->d_name, b->id, EBB_ID_MAX - 1) != 0 ||
		    e->d_name[EBB_ID_MAX - 1] != '@' || !dot || strcmp(dot, ".h5") != 0)
			continue;
		path = ebb_path_join(folder, e->d_name);
		if (ebb_state_peek(path, o, &step, &ignored) == 0 && step <= b->step &&
		    step > best_step) {
			best_step = step;
			free(best);
			best = path;
			path = NULL;
		}
		free(path);
	}
	if (dir)
		closedir(dir);
	free(folder);
	return best;
}

static int advance(struct ebb_bench *bench, struct ebb_trial *trial, int64_t goal,
		   struct ebb_watch *watch, struct ebb_err *err)
{
	const char *cause;
	int64_t step;

	ebb_trial_status(trial, &step, &cause);
	if (step == goal) /* the base, or a state of this very step */
		return 0;
	for (;;) {
		struct ebb_request *request;
		int rc = ebb_trial_next(trial, &request, err);

		if (rc < 0)
			return rc;
		ebb_trial_status(trial, &step, &cause);
		if (request->kind == EBB_REQUEST_DONE)
			return ebb_err_set(err, EBB_ENUMERIC, "it ended at step %lld: %s",
					   (long long)step, cause);
		if (request->kind == EBB_REQUEST_REST && step == goal)
			return 0;
		if (ebb_stop_requested)
			return ebb_err_set(err, EBB_ESTOP, "interrupted while branching");
		if (watch)
			snprintf(watch->phase, sizeof watch->phase, "branching");
		rc = ebb_bench_serve(bench, request, err);
		if (rc < 0)
			return rc;
	}
}

/* 1: the state kept at this very step had it; 0: there is none, or it is of no use. */
static int weights_kept(const struct ebb_branch *b, struct ebb_weights *w, struct ebb_err *err)
{
	char *kept = ebb_state_path(b->dir, b->id, b->step);
	struct ebb_options o;
	struct ebb_err ignored;
	int rc = 0;

	if (ebb_file_exists(kept) && ebb_state_policy(kept, &o, &ignored) == 0) {
		rc = check_policy(&o, &w->layout->model, err);
		if (rc == 0)
			rc = ebb_state_weights(kept, w, &ignored) == 0;
	}
	free(kept);
	return rc;
}

/* The whole trial up to the step, from the nearest state. */
static int weights_made(const struct ebb_branch *b, const char *base_dir, struct ebb_weights *w,
			struct ebb_watch *watch, struct ebb_err *err)
{
	struct ebb_bench bench = {0};
	struct ebb_trial *trial = NULL;
	struct ebb_journal_mark mark;
	struct ebb_err ignored;
	struct ebb_options o;
	char *state = NULL;
	int64_t end;
	int rc = options_of(b, &o, &end, err);

	if (rc == 0)
		rc = check_policy(&o, &w->layout->model, err);
	if (rc == 0)
		rc = ebb_lab_open(&bench.lab, &o, err);
	if (rc == 0)
		rc = ebb_trial_open(&trial, &bench.lab, watch, err);
	if (rc == 0)
		rc = ebb_bench_fill(&bench, ebb_trial_policies(trial), base_dir, watch, err);
	if (rc == 0)
		state = nearest_state(b, &o);
	if (state && ebb_state_read(state, &bench, trial, &mark, &ignored) < 0) {
		/* damaged: the base will do */
		for (int i = 1; i < bench.n_policies; i++)
			if (ebb_trial_policy_moves(trial, i))
				ebb_weights_copy(&bench.policy[i], &bench.policy[EBB_POLICY_BASE]);
		ebb_trial_close(trial);
		ebb_weights_copy(&bench.policy[EBB_POLICY_CURRENT], &bench.policy[EBB_POLICY_BASE]);
		rc = ebb_bench_optim(&bench, err);
		trial = NULL;
		if (rc == 0)
			rc = ebb_trial_open(&trial, &bench.lab, watch, err);
	}
	if (rc == 0)
		rc = ebb_bench_join(&bench, NULL, err);
	if (rc == 0)
		rc = advance(&bench, trial, b->step, watch, err);
	if (rc == 0)
		ebb_weights_adopt(w, &bench.policy[EBB_POLICY_CURRENT]);
	free(state);
	ebb_trial_close(trial);
	ebb_bench_release(&bench);
	return rc;
}

int ebb_branch_weights(const struct ebb_branch *b, const char *base_dir, struct ebb_weights *w,
		       struct ebb_watch *watch, struct ebb_err *err)
{
	int rc = weights_kept(b, w, err);

	if (rc == 0)
		rc = weights_made(b, base_dir, w, watch, err);
	return wrap(b, rc > 0 ? 0 : rc, err);
}
