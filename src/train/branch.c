/*
 * A base policy that is another trial's policy at some step: pretrain.from = RUN/TRIAL@STEP. A trial
 * is a function of its options, so any step of any trial can be had again: from the nearest state
 * that was kept, or from its base.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "train/bench.h"

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

/* Options of a finished trial as they were: what makes it, from its identity, and how it was
 * evaluated, which its states remember. */
static int options_of(const struct ebb_branch *b, struct ebb_options *o, struct ebb_err *err)
{
	const struct ebb_catalog *catalog = ebb_task_catalog();
	const struct ebb_option *row;
	char *identity, *word;
	int n, rc = ebb_trial_identity(b->dir, b->id, &identity, err);

	if (rc < 0)
		return rc;
	ebb_options_init(o, catalog);
	for (char *c = identity; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	word = strstr(identity, "seed=");
	o->seed = word ? strtoull(word + 5, NULL, 10) : 0;
	/* "schema=1 seed=100 ", then the options */
	word = word ? strchr(word, ' ') : NULL;
	rc = word ? ebb_options_apply(o, catalog, word, err)
		  : ebb_err_set(err, EBB_EFORMAT, "trial %s has a broken identity", b->id);
	free(identity);
	row = ebb_option_rows(&n);
	for (int i = 0; i < n && rc == 0; i++) {
		char text[40];
		double value;

		if (strcmp(row[i].group, "eval") != 0 && strcmp(row[i].name, "snapshot") != 0)
			continue;
		rc = ebb_trial_option(b->dir, b->id, row[i].group, row[i].name, &value, err);
		snprintf(text, sizeof text, "%.17g", value);
		if (rc == 0)
			rc = ebb_option_set(o, &row[i], text, err);
	}
	return rc;
}

int ebb_branch_check(const struct ebb_branch *b, struct ebb_err *err)
{
	struct ebb_options o;
	int rc = options_of(b, &o, err);

	if (rc == 0 && b->step > o.train.steps)
		rc = ebb_err_set(err, EBB_EINVAL, "trial %s ends at step %lld", b->id,
				 (long long)o.train.steps);
	if (rc < 0)
		ebb_err_wrap(err, "pretrain.from=%s/%s@%lld", b->dir, b->id, (long long)b->step);
	return rc;
}

/* The state nearest to the step, not beyond it; null: none. */
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

		if (strncmp(e->d_name, b->id, EBB_ID_MAX - 1) != 0 || !dot ||
		    strcmp(dot, ".h5") != 0)
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
	for (;;) {
		struct ebb_request *request;
		const char *cause;
		int64_t step;
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
		ebb_bench_serve(bench, request);
	}
}

int ebb_branch_weights(const struct ebb_branch *b, const char *base_dir, struct ebb_weights *w,
		       struct ebb_watch *watch, struct ebb_err *err)
{
	struct ebb_bench bench = {0};
	struct ebb_trial *trial = NULL;
	struct ebb_journal_mark mark;
	struct ebb_err ignored;
	struct ebb_options o;
	char *state = NULL;
	int rc = options_of(b, &o, err);

	if (rc == 0)
		rc = ebb_lab_open(&bench.lab, &o, err);
	if (rc == 0 && (bench.lab.layout.n_floats != w->layout->n_floats ||
			bench.lab.layout.n_tensors != w->layout->n_tensors))
		rc = ebb_err_set(err, EBB_EINVAL,
				 "its policy has %zu parameters, this one has %zu: set model.* to "
				 "its values",
				 bench.lab.layout.n_parameters, w->layout->n_parameters);
	if (rc == 0)
		rc = ebb_trial_open(&trial, &bench.lab, watch, err);
	if (rc == 0)
		rc = ebb_bench_fill(&bench, ebb_trial_policies(trial), base_dir, watch, err);
	if (rc == 0)
		state = nearest_state(b, &o);
	if (state && ebb_state_read(state, &bench, trial, &mark, &ignored) < 0) {
		/* damaged: the base will do */
		ebb_trial_close(trial);
		for (int i = 1; i < bench.n_policies; i++)
			ebb_weights_copy(&bench.policy[i], &bench.policy[EBB_POLICY_BASE]);
		ebb_weights_copy(&bench.policy[EBB_POLICY_CURRENT], &bench.policy[EBB_POLICY_BASE]);
		ebb_optim_release(&bench.optim);
		rc = ebb_optim_init(&bench.optim, &bench.lab.layout, err);
		trial = NULL;
		if (rc == 0)
			rc = ebb_trial_open(&trial, &bench.lab, watch, err);
	}
	if (rc == 0)
		rc = advance(&bench, trial, b->step, watch, err);
	if (rc == 0)
		ebb_weights_copy(w, &bench.policy[EBB_POLICY_CURRENT]);
	if (rc < 0)
		ebb_err_wrap(err, "pretrain.from=%s/%s@%lld", b->dir, b->id, (long long)b->step);
	free(state);
	ebb_trial_close(trial);
	ebb_bench_release(&bench);
	return rc;
}
