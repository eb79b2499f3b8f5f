/* The parent of the workers: what is to be done, who does it, what became of it. */
#include "sweep/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "record/pack.h"
#include "record/seal.h"
#include "record/standing.h"
#include "record/tensors.h"
#include "sweep/device.h"
#include "sweep/growth.h"
#include "sweep/process.h"
#include "sweep/worker.h"
#include "train/trial.h"

#define NAP_NS    (100 * 1000 * 1000) /* between two looks at the screen and the index */
#define INDEX_S   2.0 /* the index follows finished trials at this distance at least ... */
#define INDEX_MAX 20  /* ... and takes at most one part in so many of the time           */

struct state {
	const struct ebb_sweep *s;
	struct ebb_sweep_result *result;
	struct ebb_job *job; /* bases, then trials */
	int n_jobs, n_bases, next, running, bases_left;
	bool *base_failed;             /* (n_bases)               */
	struct ebb_extension *extends; /* (n_plans)               */
	struct ebb_slot *slot;         /* shared with the workers (jobs) */
	struct ebb_device device;
	int jobs, cpu_jobs, finished, indexed;
	double index_time, index_cost;
	struct ebb_progress progress;
	struct ebb_log log;
};

int ebb_sweep_jobs(const struct ebb_sweep *sweep)
{
	long cpus, threads = 1;
	cpu_set_t mine;

	if (sweep->jobs > 0)
		return sweep->jobs;
	/* what this process may use, not what the machine has */
	cpus = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;
	if (sweep->def->n_plans > 0) {
		const struct ebb_options *o = &sweep->def->plan[0].options;

		if (o->run.jobs > 0)
			return (int)o->run.jobs;
		threads = (long)o->run.threads;
	}
	return cpus / threads > 1 ? (int)(cpus / threads) : 1;
}

/* ---- one worker's life, seen from here ---- */

static const struct ebb_plan *plan_at(const struct state *st, const struct ebb_slot *slot)
{
	return &st->s->def->plan[st->job[slot->job].plan];
}

static int start(struct state *st, struct ebb_slot *slot, int index, struct ebb_err *err)
{
	const struct ebb_job *job = &st->job[index];
	const struct ebb_plan *plan = &st->s->def->plan[job->plan];
	struct ebb_channel *gpu =
		ebb_device_channel(&st->device, (int)(slot - st->slot), st->s->def, &plan->options);
	struct ebb_history history = {0};
	int pid;

	memset(slot, 0, sizeof *slot);
	slot->job = index;
	slot->cpu = job->kind == EBB_JOB_BASE || !gpu;
	if (job->kind == EBB_JOB_BASE) {
		snprintf(slot->label, sizeof slot->label, "base of seed %llu",
			 (unsigned long long)plan->options.seed);
	} else {
		snprintf(slot->label, sizeof slot->label, "%.60s seed %llu",
			 st->s->def->arm[plan->arm].label, (unsigned long long)plan->options.seed);
		ebb_log_history(&st->log, plan->id, &history);
		slot->attempt = history.attempts + 1;
		ebb_standing_fail(st->s->run_dir, plan->id, 0, NULL, NULL);
		ebb_log_event(&st->log, "started", plan->id, -1, slot->label);
	}
	pid = ebb_worker_start(st->s, job, &history, slot, gpu, err);
	ebb_history_release(&history);
	if (pid < 0)
		return pid;
	slot->pid = pid;
	st->running++;
	return 0;
}

static void fail_trial(struct state *st, const struct ebb_slot *slot)
{
	const char *id = plan_at(st, slot)->id;

	st->result->failed++;
	ebb_progress_say(&st->progress, "%-40.60s failed: %s", slot->label, slot->error);
	ebb_log_event(&st->log, "failed", id, slot->watch.step, slot->error);
	ebb_standing_fail(st->s->run_dir, id, slot->attempt, slot->error, NULL);
}

/* What a worker found on its way and could not say itself. */
static void listen(struct state *st, struct ebb_slot *slot)
{
	if (slot->told || slot->watch.resumed == 0)
		return;
	slot->told = true;
	ebb_progress_say(&st->progress, "%-40.60s goes on from step %lld", slot->label,
			 (long long)slot->watch.resumed);
	ebb_log_event(&st->log, "resumed", plan_at(st, slot)->id, slot->watch.resumed, "");
}

static void reap_base(struct state *st, struct ebb_slot *slot, int outcome)
{
	st->bases_left--;
	if (outcome == EBB_OUTCOME_STOPPED)
		st->result->interrupted = true;
	if (outcome != EBB_OUTCOME_FAILED)
		return;
	st->base_failed[st->job[slot->job].base] = true;
	ebb_progress_say(&st->progress, "ebb run: %s failed: %s", slot->label, slot->error);
}

static void reap(struct state *st, struct ebb_slot *slot, int wait_status)
{
	int outcome = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EBB_OUTCOME_FAILED;
	const char *id = plan_at(st, slot)->id;

	if (WIFSIGNALED(wait_status))
		snprintf(slot->error, sizeof slot->error,
			 "the worker was ended by signal %d (%s); the same command goes on from "
			 "its last checkpoint",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	slot->pid = 0;
	st->running--;
	ebb_device_leave(&st->device, (int)(slot - st->slot));
	if (st->job[slot->job].kind == EBB_JOB_BASE) {
		reap_base(st, slot, outcome);
		return;
	}
	listen(st, slot);
	if (slot->note[0]) {
		ebb_progress_say(&st->progress, "ebb run: warning: %s: %s", slot->label,
				 slot->note);
		ebb_log_event(&st->log, "restarted", id, 0, slot->note);
	}
	st->progress.finished++;
	switch (outcome) {
	case EBB_OUTCOME_DONE:
		st->result->done++;
		st->finished++;
		if (slot->watch.trained)
			ebb_progress_say(&st->progress,
					 "%-40.60s done, %.1f s, reward %.3f, entropy %.3f nats",
					 slot->label, slot->watch.seconds, slot->watch.reward,
					 slot->watch.entropy);
		else
			ebb_progress_say(&st->progress, "%-40.60s done", slot->label);
		ebb_log_event(&st->log, "finished", id, slot->watch.step, "");
		break;
	case EBB_OUTCOME_DIVERGED:
		st->result->diverged++;
		st->finished++;
		ebb_progress_say(&st->progress, "%-40.60s diverged at step %lld", slot->label,
				 (long long)slot->watch.step);
		ebb_log_event(&st->log, "diverged", id, slot->watch.step, "");
		break;
	case EBB_OUTCOME_EXPLODED:
		st->result->done++;
		st->finished++;
		ebb_progress_say(&st->progress,
				 "%-40.60s stopped at step %lld: entropy exploded to %.3f nats",
				 slot->label, (long long)slot->watch.step, slot->watch.entropy);
		ebb_log_event(&st->log, "exploded", id, slot->watch.step, "");
		break;
	case EBB_OUTCOME_STOPPED:
		ebb_log_event(&st->log, "interrupted", id, slot->watch.step, "");
		st->result->interrupted = true;
		break;
	default:
		fail_trial(st, slot);
	}
}

/* ---- all of them ---- */

/* A reader may follow along. Rewriting the index costs the more the more trials there are, so that
 * it is done now and then; the write at the end is the one that counts. */
static void follow(struct state *st)
{
	double now = ebb_clock();
	struct ebb_err ignored;

	if (st->finished == st->indexed ||
	    now - st->index_time < INDEX_S + INDEX_MAX * st->index_cost)
		return;
	if (ebb_index_write(st->s->run_dir, st->s->def, ebb_task_catalog(), &ignored) == 0)
		st->indexed = st->finished;
	st->index_time = ebb_clock();
	st->index_cost = st->index_time - now;
}

/* With a GPU there are more workers than cores: of those that compute themselves no more than ever. */
static bool for_cpu(const struct state *st, const struct ebb_job *job)
{
	return job->kind == EBB_JOB_BASE ||
	       !ebb_device_channel(&st->device, 0, st->s->def,
				   &st->s->def->plan[job->plan].options);
}

static int on_cpu(const struct state *st)
{
	int n = 0;

	for (int i = 0; i < st->jobs; i++)
		n += st->slot[i].pid && st->slot[i].cpu;
	return n;
}

/* The next job for a free slot. A trial waits until the bases are there, so that two trials never
 * make one base; where its base failed, it fails with it. */
static int feed(struct state *st, struct ebb_slot *slot, struct ebb_err *err)
{
	while (st->next < st->n_jobs) {
		const struct ebb_job *job = &st->job[st->next];

		if (job->kind == EBB_JOB_TRIAL && st->bases_left > 0)
			return 0;
		if (for_cpu(st, job) && on_cpu(st) >= st->cpu_jobs)
			return 0;
		if (job->kind == EBB_JOB_BASE || job->base < 0 || !st->base_failed[job->base])
			return start(st, slot, st->next++, err);
		memset(slot, 0, sizeof *slot);
		slot->job = st->next++;
		snprintf(slot->label, sizeof slot->label, "%.60s seed %llu",
			 st->s->def->arm[plan_at(st, slot)->arm].label,
			 (unsigned long long)plan_at(st, slot)->options.seed);
		snprintf(slot->error, sizeof slot->error, "its base policy could not be made");
		st->progress.finished++;
		fail_trial(st, slot);
	}
	return 0;
}

static int run_jobs(struct state *st, struct ebb_err *err)
{
	int told = 0, rc = 0;
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	ebb_process_listen(true);
	for (;;) {
		int wait_status;
		pid_t pid;

		bool held_up = false; /* by a slot that the GPU's server has not given back */

		for (int i = 0; i < st->jobs && rc == 0 && !ebb_stop_requested; i++)
			if (!st->slot[i].pid && !ebb_device_free(&st->device, i))
				held_up = st->next < st->n_jobs;
			else if (!st->slot[i].pid)
				rc = feed(st, &st->slot[i], err);
		if (st->running == 0 && !held_up)
			break;
		pid = waitpid(-1, &wait_status, WNOHANG);
		if (pid > 0 && pid == st->device.pid)
			ebb_device_lost(&st->device, wait_status);
		for (int i = 0; i < st->jobs; i++) {
			struct ebb_slot *slot = &st->slot[i];

			if (pid > 0 && slot->pid == pid)
				reap(st, slot, wait_status);
			else if (pid < 0 && errno == ECHILD && slot->pid)
				reap(st, slot, SIGKILL); /* somebody else took its status */
			else if (slot->pid)
				listen(st, slot);
		}
		if (pid <= 0) /* until a worker ends, a signal comes or the screen is due */
			sigtimedwait(&children, NULL, &(struct timespec){0, NAP_NS});
		if (ebb_process_pass_on(st->slot, st->jobs, &told))
			ebb_progress_say(&st->progress,
					 "ebb run: interrupted; finishing the steps in flight");
		follow(st);
		ebb_progress_tick(&st->progress, st->slot, st->jobs);
	}
	ebb_progress_end(&st->progress);
	ebb_process_listen(false);
	sigprocmask(SIG_UNBLOCK, &children, NULL);
	if (ebb_stop_requested && st->next < st->n_jobs)
		st->result->interrupted = true;
	return rc;
}

/* ---- before the first worker ---- */

int ebb_sweep_check(const struct ebb_sweep *s, struct ebb_err *err)
{
	int rc = ebb_dir_writable(s->run_dir, err);

	if (rc == 0)
		rc = ebb_dir_writable(s->base_dir, err);
	if (rc == 0)
		rc = ebb_pack_check(s->run_dir, err);
	return rc < 0 ? rc : ebb_growth_check(s, err);
}

/* Readers that ask whether somebody is at work hold the lock for an instant. */
static int take(int fd)
{
	int tries = 0, rc;

	while ((rc = flock(fd, LOCK_EX | LOCK_NB)) < 0 && errno == EWOULDBLOCK && ++tries < 20)
		nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
	return rc;
}

static int lock_run(const char *run_dir, int *fd, struct ebb_err *err)
{
	char *path = ebb_path_join(run_dir, ".lock");
	int rc = 0;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", path, strerror(errno));
	else if (take(*fd) < 0)
		rc = errno == EWOULDBLOCK
			     ? ebb_err_set(err, EBB_EBUSY,
					   "another ebb run works on '%s'; wait for it, or give "
					   "this one a folder of its own with --out",
					   run_dir)
			     : ebb_err_set(err, EBB_EIO,
					   "cannot lock '%s': %s; this file system may know no "
					   "locks: take a run directory on another with --out",
					   path, strerror(errno));
	free(path);
	return rc;
}

static int write_texts(const struct ebb_sweep *s, struct ebb_err *err)
{
	struct ebb_buf text = EBB_BUF_INIT;
	char *path = ebb_path_join(s->run_dir, "experiment.yaml");
	int rc = ebb_file_write(path, s->def->source, strlen(s->def->source), err);

	free(path);
	path = ebb_path_join(s->run_dir, "resolved.yaml");
	ebb_definition_print(s->def, ebb_task_catalog(), &text);
	if (rc == 0)
		rc = ebb_file_write(path, text.data, text.len, err);
	ebb_buf_release(&text);
	free(path);
	return rc;
}

/* Said to be damaged, and gone, so that it is made again. */
static int discard(const char *path, const char *what, struct ebb_err *err)
{
	fprintf(stderr, "ebb run: warning: %s; %s is made again\n", err->text, what);
	if (unlink(path) == 0)
		return 0;
	return ebb_err_set(err, EBB_EIO, "cannot remove '%s': %s", path, strerror(errno));
}

/* 1: its record is there and whole; 0: it is to be made; negative: that cannot be told. */
static int finished(const struct ebb_sweep *s, const char *id, struct ebb_err *err)
{
	char *path = ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", s->run_dir, id);
	int rc = 0;

	if (ebb_file_exists(path)) {
		rc = ebb_standing_check(s->run_dir, id, err);
		rc = rc == 0 ? 1 : rc == EBB_EFORMAT ? discard(path, "the trial", err) : rc;
	}
	free(path);
	return rc;
}

static bool base_there(const char *path)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *identity = NULL;
	bool whole = false;

	if (ebb_file_exists(path)) {
		whole = ebb_tensors_identity(path, &identity, &err) == 0;
		if (!whole) /* whoever makes it replaces the file */
			fprintf(stderr, "ebb run: warning: %s; the base policy is made again\n",
				err.text);
	}
	free(identity);
	return whole;
}

/* The bases that missing trials need, each looked at once. */
struct bases {
	char **path;
	int *job; /* its number among those to be made; -1: it is there */
	int n;
};

/* The number of the plan's base; adds a job where it has to be made. */
static int base_of(struct state *st, struct bases *bases, int plan)
{
	char *path = ebb_base_path(&st->s->def->plan[plan].options, st->s->base_dir);
	int k = 0;

	while (k < bases->n && strcmp(bases->path[k], path) != 0)
		k++;
	if (k < bases->n) {
		free(path);
		return bases->job[k];
	}
	bases->path[bases->n] = path;
	bases->job[bases->n] = base_there(path) ? -1 : st->n_bases;
	if (bases->job[bases->n] >= 0)
		st->job[st->n_bases++] = (struct ebb_job){
			.kind = EBB_JOB_BASE, .plan = plan, .base = bases->job[bases->n]};
	return bases->job[bases->n++];
}

/* Bases that are not cached yet, then trials that are not finished. */
static int list_jobs(struct state *st, struct ebb_err *err)
{
	const struct ebb_definition *def = st->s->def;
	struct bases bases = {ebb_xcalloc((size_t)def->n_plans, sizeof *bases.path),
			      ebb_xcalloc((size_t)def->n_plans, sizeof *bases.job), 0};
	struct ebb_job *trial = ebb_xcalloc((size_t)def->n_plans, sizeof *trial);
	int n_trials = 0, rc = 0;

	st->extends = ebb_growth_extensions(st->s);
	st->job = ebb_xcalloc(2 * (size_t)def->n_plans, sizeof *st->job);
	for (int i = 0; i < def->n_plans && rc >= 0; i++) {
		rc = finished(st->s, def->plan[i].id, err);
		if (rc > 0)
			st->result->already++;
		else if (rc == 0)
			trial[n_trials++] = (struct ebb_job){.kind = EBB_JOB_TRIAL,
							     .plan = i,
							     .base = base_of(st, &bases, i),
							     .extends = st->extends[i]};
	}
	memcpy(st->job + st->n_bases, trial, (size_t)n_trials * sizeof *trial);
	st->n_jobs = st->n_bases + n_trials;
	st->bases_left = st->n_bases;
	st->base_failed = ebb_xcalloc((size_t)st->n_bases + 1, sizeof *st->base_failed);
	for (int k = 0; k < bases.n; k++)
		free(bases.path[k]);
	free(bases.path);
	free(bases.job);
	free(trial);
	return rc < 0 ? rc : 0;
}

int ebb_sweep_run(const struct ebb_sweep *s, struct ebb_sweep_result *result, struct ebb_err *err)
{
	struct state st = {.s = s, .result = result, .jobs = ebb_sweep_jobs(s)};
	int lock = -1, rc, last;

	memset(result, 0, sizeof *result);
	result->planned = s->def->n_plans;
	rc = ebb_sweep_check(s, err);
	if (rc == 0)
		rc = ebb_device_open(&st.device, s, err);
	if (rc == 0 && st.device.note[0])
		fprintf(stderr, "ebb run: %s\n", st.device.note);
	st.cpu_jobs = st.jobs;
	if (st.device.office)
		st.jobs = st.device.jobs;
	if (rc == 0)
		rc = ebb_dir_make(s->run_dir, err);
	if (rc == 0)
		rc = lock_run(s->run_dir, &lock, err);
	if (rc == 0)
		rc = write_texts(s, err);
	if (rc == 0)
		rc = ebb_index_write(s->run_dir, s->def, ebb_task_catalog(), err);
	if (rc < 0)
		goto out;
	st.slot = mmap(NULL, (size_t)st.jobs * sizeof *st.slot, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (st.slot == MAP_FAILED) {
		rc = ebb_err_set(err, EBB_ENOMEM, "cannot share memory with workers: %s",
				 strerror(errno));
		goto out;
	}
	ebb_log_open(&st.log, s->run_dir);
	rc = list_jobs(&st, err);
	ebb_progress_init(&st.progress, st.n_jobs - st.n_bases);
	st.index_time = ebb_clock();
	if (rc == 0 && st.n_jobs > 0)
		rc = run_jobs(&st, err);
	last = ebb_index_write(s->run_dir, s->def, ebb_task_catalog(), rc == 0 ? err : NULL);
	rc = rc < 0 ? rc : last;
	munmap(st.slot, (size_t)st.jobs * sizeof *st.slot);
	ebb_log_close(&st.log);
	free(st.base_failed);
	free(st.extends);
	free(st.job);
out:
	ebb_device_close(&st.device);
	if (lock >= 0)
		close(lock);
	return rc;
}
