/* The solo runner: serves the requests of one trial on this process's bench, and keeps what is
 * needed to go on after a kill. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "train/bench.h"
#include "train/gpu_channel.h"

#define FLUSH_S 1.0 /* rows of a running trial reach its file at least this often */

struct run {
	struct ebb_solo *solo;
	const struct ebb_options *o;
	char id[EBB_ID_MAX];
	struct ebb_bench bench;
	struct ebb_fields fields;
	struct ebb_trial *trial;
	struct ebb_writer *writer;
	double flushed, saved; /* ebb_clock */
};

/* Save the trial, after its rows: a state never knows more than the journal. */
static int save(struct run *r, int64_t keep_as, struct ebb_err *err)
{
	char *path = ebb_state_path(r->solo->run_dir, r->id, keep_as);
	struct ebb_journal_mark mark;
	int rc = ebb_writer_sync(r->writer, &mark, err);

	if (rc == 0)
		rc = ebb_bench_fetch(&r->bench, err);
	if (rc == 0)
		rc = ebb_state_write(path, &r->bench, r->trial, &mark, err);
	r->flushed = ebb_clock();
	if (keep_as < 0) /* nobody goes on from a state that is kept aside */
		r->saved = r->flushed;
	free(path);
	return rc;
}

/* States that stay. That of the last step is taken before the evaluation which only the end brings,
 * so that a longer trial can take it up. */
static bool keeps(const struct ebb_options *o, int64_t step)
{
	return step > 0 && ((o->record.states > 0 && step % o->record.states == 0) ||
			    (o->record.last && step == o->train.steps));
}

/* Between two steps: what the record keeps, and the place to stop. */
static int rest(struct run *r, struct ebb_err *err)
{
	const char *cause;
	int64_t step;
	int rc = 0;

	ebb_trial_status(r->trial, &step, &cause);
	if (keeps(r->o, step))
		rc = save(r, step, err);
	if (rc == 0 && ebb_stop_requested)
		rc = save(r, -1, err);
	if (rc == 0 && ebb_stop_requested)
		return ebb_err_set(err, EBB_ESTOP, "interrupted");
	if (rc == 0 && ebb_clock() - r->flushed > FLUSH_S) {
		rc = ebb_writer_flush(r->writer, err);
		r->flushed = ebb_clock();
	}
	return rc;
}

static int run_to_end(struct run *r, struct ebb_err *err)
{
	r->flushed = r->saved = ebb_clock();
	for (;;) {
		struct ebb_request *request;
		int rc = ebb_trial_next(r->trial, &request, err);
		bool due = ebb_clock() - r->saved >= r->o->run.checkpoint_s;

		if (rc < 0 || request->kind == EBB_REQUEST_DONE)
			return rc;
		/* an update is saved before it is served, everything else after (train/trial.h) */
		if (due && request->kind == EBB_REQUEST_UPDATE)
			rc = save(r, -1, err);
		if (rc == 0)
			rc = ebb_bench_serve(&r->bench, request, err);
		due = ebb_clock() - r->saved >= r->o->run.checkpoint_s;
		if (rc == 0 && due && request->kind != EBB_REQUEST_UPDATE)
			rc = save(r, -1, err);
		if (rc == 0 && request->kind == EBB_REQUEST_REST)
			rc = rest(r, err);
		if (rc < 0)
			return rc;
	}
}

/* ---- where to begin ---- */

/* The state to take up; null, with rc 0, where the trial begins at its base. */
static char *find_state(struct run *r, int *rc, struct ebb_err *err)
{
	const struct ebb_solo *s = r->solo;
	const char *dir = s->from_dir ? s->from_dir : s->run_dir;
	const char *id = s->from_trial ? s->from_trial : r->id;
	char *path;
	int64_t step;

	*rc = 0;
	if (s->from_step == 0)
		return NULL;
	path = ebb_state_path(dir, id, s->from_step);
	*rc = ebb_state_peek(path, r->o, &step, err);
	if (*rc == 0 && step <= r->o->train.steps)
		return path;
	if (*rc == 0)
		*rc = ebb_err_set(err, EBB_EFORMAT, "'%s' is at step %lld, the trial ends at %lld",
				  path, (long long)step, (long long)r->o->train.steps);
	if (s->from_step < 0 && *rc == EBB_ENOENT)
		*rc = 0;
	free(path);
	return NULL;
}

static int take_up(struct run *r, const char *state, struct ebb_journal_mark *mark,
		   struct ebb_err *err)
{
	const char *cause;
	int rc = ebb_state_read(state, &r->bench, r->trial, mark, err);

	if (rc == 0)
		ebb_trial_status(r->trial, &r->solo->resumed_at, &cause);
	return rc;
}

/* Open everything and run; state may be null. */
static int attempt(struct run *r, const char *state, enum ebb_status *status, struct ebb_err *err)
{
	const struct ebb_solo *s = r->solo;
	char *journal = ebb_state_journal(s->from_dir ? s->from_dir : s->run_dir,
					  s->from_trial ? s->from_trial : r->id);
	struct ebb_trial_head head = {.id = r->id,
				      .label = s->label,
				      .options = r->o,
				      .catalog = ebb_task_catalog(),
				      .attempt = s->attempt,
				      .history = s->history};
	struct ebb_journal_mark mark;
	struct ebb_writer_from from = {journal, &mark};
	const char *cause = "";
	int64_t step;
	int rc = ebb_lab_open(&r->bench.lab, r->o, err);

	r->solo->resumed_at = -1;
	if (rc == 0)
		rc = ebb_trial_open(&r->trial, &r->bench.lab, s->watch, err);
	if (rc == 0)
		rc = ebb_bench_fill(&r->bench, ebb_trial_policies(r->trial), s->base_dir, s->watch,
				    err);
	if (rc == 0 && state)
		rc = take_up(r, state, &mark, err);
	if (rc == 0)
		rc = ebb_bench_join(&r->bench, s->gpu, err);
	if (rc < 0)
		goto out;
	if (r->bench.gpu)
		ebb_provenance_device(r->bench.gpu->office->device);
	ebb_fields_init(&r->fields, r->bench.lab.task, r->o,
			(int)(r->o->train.prompts * ebb_group_size(r->o)), r->bench.lab.max_prompt,
			r->bench.lab.max_tokens);
	rc = ebb_writer_open(&r->writer, s->run_dir, &head, r->fields.field, r->fields.n,
			     state ? &from : NULL, err);
	if (rc < 0)
		goto out;
	if (state && s->watch)
		s->watch->resumed = s->resumed_at;
	ebb_trial_record(r->trial, r->writer, &r->fields);
	rc = run_to_end(r, err);
	if (rc == 0) {
		*status = ebb_trial_status(r->trial, &step, &cause);
		rc = ebb_writer_finish(r->writer, *status, step, cause, err);
		r->writer = NULL;
	}
out:
	free(journal);
	return rc;
}

static void run_release(struct run *r)
{
	if (r->writer)
		ebb_writer_abandon(r->writer);
	ebb_trial_close(r->trial);
	ebb_fields_release(&r->fields);
	ebb_bench_release(&r->bench);
	r->writer = NULL;
	r->trial = NULL;
	r->fields = (struct ebb_fields){0};
}

/* A finished trial needs no checkpoint, and its journal only beside states that stay. */
static void tidy(struct run *r)
{
	char *state = ebb_state_path(r->solo->run_dir, r->id, -1);
	char *journal = ebb_state_journal(r->solo->run_dir, r->id);

	unlink(state);
	if (!r->o->record.last && r->o->record.states == 0)
		unlink(journal);
	free(state);
	free(journal);
}

int ebb_solo_run(struct ebb_solo *solo, enum ebb_status *status, struct ebb_err *err)
{
	struct run r = {.solo = solo, .o = solo->options};
	char *state;
	int rc;

	solo->note[0] = 0;
	ebb_options_id(r.o, ebb_task_catalog(), r.id);
	state = find_state(&r, &rc, err);
	if (rc == 0)
		rc = attempt(&r, state, status, err);
	run_release(&r);
	if (rc == EBB_EFORMAT && (solo->from_step < 0 || (solo->from_trial && !solo->from_dir))) {
		/* a state that cannot be taken up costs its work, never the trial */
		snprintf(solo->note, sizeof solo->note, "%.400s; the trial begins again",
			 err->text);
		*err = (struct ebb_err)EBB_ERR_INIT;
		rc = attempt(&r, NULL, status, err);
		run_release(&r);
	}
	if (rc == 0)
		tidy(&r);
	free(state);
	return rc;
}
