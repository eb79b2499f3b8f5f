#include "sweep/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "record/seal.h"
#include "sweep/progress.h"
#include "train/trial.h"

enum task_kind { TASK_BASE, TASK_TRIAL };

struct task {
	enum task_kind kind;
	int plan; /* index into def->plan; a base: the first trial that needs it */
};

/* How a worker ends; its exit status. */
enum outcome { OUTCOME_DONE = 0, OUTCOME_FAILED = 1, OUTCOME_DIVERGED = 3, OUTCOME_STOPPED = 4 };

struct sweep_state {
	const struct ebb_sweep *s;
	struct ebb_sweep_result *result;
	struct task *task;
	int n_tasks, n_bases, next, running, bases_left;
	struct ebb_slot *slot; /* shared with the workers (jobs) */
	int jobs;
	struct ebb_progress progress;
	FILE *log;
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

static const char *label_of(const struct ebb_definition *def, int plan)
{
	return def->arm[def->plan[plan].arm].label;
}

/* ---- the log: one JSON object a line ---- */

static void log_event(struct sweep_state *st, const char *event, const char *trial,
		      const char *text)
{
	struct ebb_buf b = EBB_BUF_INIT;
	struct timespec now;
	struct tm tm;
	char when[32];

	if (!st->log)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	ebb_buf_printf(&b, "{\"time\":\"%s\",\"event\":\"%s\"", when, event);
	if (trial)
		ebb_buf_printf(&b, ",\"trial\":\"%s\"", trial);
	if (text && text[0]) {
		ebb_buf_puts(&b, ",\"text\":");
		ebb_buf_json(&b, text);
	}
	ebb_buf_puts(&b, "}\n");
	fwrite(b.data, 1, b.len, st->log);
	fflush(st->log);
	ebb_buf_release(&b);
}

/* ---- workers ---- */

static void worker_signal(int number)
{
	if (ebb_stop_requested) /* the second time: leave now */
		_exit(OUTCOME_STOPPED);
	ebb_stop_requested = 1;
}

static void catch (void (*handler)(int))
{
	struct sigaction a = {.sa_handler = handler};

	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

/* How often the log has seen this trial start, this start included. */
static int attempt_of(const struct sweep_state *st, const char *id)
{
	char *path = ebb_path_join(st->s->run_dir, "log.jsonl"), *text, *at;
	char *want = ebb_xprintf("\"event\":\"started\",\"trial\":\"%s\"", id);
	struct ebb_err ignored;
	size_t n;
	int seen = 0;

	if (ebb_file_read(path, 1 << 28, &text, &n, &ignored) == 0) {
		for (at = text; (at = strstr(at, want)); at++)
			seen++;
		free(text);
	}
	free(want);
	free(path);
	return seen > 0 ? seen : 1;
}

static enum outcome work(struct sweep_state *st, struct ebb_slot *slot, const struct task *task)
{
	const struct ebb_plan *plan = &st->s->def->plan[task->plan];
	struct ebb_err err = EBB_ERR_INIT;
	enum ebb_status status = EBB_STATUS_COMPLETE;
	int rc;

	if (task->kind == TASK_BASE) {
		struct ebb_lab lab;
		struct ebb_weights w = {0};

		rc = ebb_lab_open(&lab, &plan->options, &err);
		if (rc == 0) {
			rc = ebb_weights_init(&w, &lab.layout, lab.ops, &err);
			if (rc == 0)
				rc = ebb_base_get(&lab, st->s->base_dir, &w, &slot->watch, &err);
			ebb_weights_release(&w);
			ebb_lab_close(&lab);
		}
	} else {
		struct ebb_solo solo = {.options = &plan->options,
					.run_dir = st->s->run_dir,
					.base_dir = st->s->base_dir,
					.label = label_of(st->s->def, task->plan),
					.attempt = attempt_of(st, plan->id),
					.watch = &slot->watch};

		rc = ebb_solo_run(&solo, &status, &err);
	}
	if (rc == EBB_ESTOP)
		return OUTCOME_STOPPED;
	if (rc < 0) {
		snprintf(slot->error, sizeof slot->error, "%s", err.text);
		return OUTCOME_FAILED;
	}
	return status == EBB_STATUS_DIVERGED ? OUTCOME_DIVERGED : OUTCOME_DONE;
}

static int start(struct sweep_state *st, struct ebb_slot *slot, int task, struct ebb_err *err)
{
	const struct ebb_plan *plan = &st->s->def->plan[st->task[task].plan];
	pid_t parent = getpid(), pid;

	memset(slot, 0, sizeof *slot);
	slot->task = task;
	if (st->task[task].kind == TASK_BASE)
		snprintf(slot->label, sizeof slot->label, "base of seed %llu",
			 (unsigned long long)plan->options.seed);
	else
		snprintf(slot->label, sizeof slot->label, "%.60s seed %llu",
			 label_of(st->s->def, st->task[task].plan),
			 (unsigned long long)plan->options.seed);
	if (st->task[task].kind == TASK_TRIAL)
		log_event(st, "started", plan->id, slot->label);
	fflush(stderr);
	pid = fork();
	if (pid < 0)
		return ebb_err_set(err, EBB_ENOMEM, "cannot start a worker: %s", strerror(errno));
	if (pid == 0) {
		enum outcome outcome;

		/* a worker never outlives its parent, however that one ends */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(OUTCOME_STOPPED);
		catch (worker_signal);
		signal(SIGINT, SIG_IGN);
		outcome = work(st, slot, &st->task[task]);
		_exit(outcome);
	}
	slot->pid = (int)pid;
	st->running++;
	return 0;
}

static void reap(struct sweep_state *st, struct ebb_slot *slot, int wait_status)
{
	const struct task *task = &st->task[slot->task];
	const char *id = st->s->def->plan[task->plan].id;
	int outcome = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : OUTCOME_FAILED;

	if (WIFSIGNALED(wait_status))
		snprintf(slot->error, sizeof slot->error, "the worker was ended by signal %d (%s)",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	slot->pid = 0;
	st->running--;
	if (task->kind == TASK_BASE) {
		st->bases_left--;
		if (outcome == OUTCOME_FAILED)
			ebb_progress_say(&st->progress, "ebb run: %s failed: %s", slot->label,
					 slot->error);
		return;
	}
	st->progress.finished++;
	switch (outcome) {
	case OUTCOME_DONE:
		st->result->done++;
		if (slot->watch.trained)
			ebb_progress_say(&st->progress,
					 "%-40.60s done, %.1f s, reward %.3f, entropy %.3f nats",
					 slot->label, slot->watch.seconds, slot->watch.reward,
					 slot->watch.entropy);
		else
			ebb_progress_say(&st->progress, "%-40.60s done", slot->label);
		log_event(st, "finished", id, "");
		break;
	case OUTCOME_DIVERGED:
		st->result->diverged++;
		ebb_progress_say(&st->progress, "%-40.60s diverged at step %lld", slot->label,
				 (long long)slot->watch.step);
		log_event(st, "diverged", id, "");
		break;
	case OUTCOME_STOPPED:
		log_event(st, "interrupted", id, "");
		st->result->interrupted = true;
		break;
	default:
		st->result->failed++;
		ebb_progress_say(&st->progress, "%-40.60s failed: %s", slot->label, slot->error);
		log_event(st, "failed", id, slot->error);
	}
}

static void parent_signal(int number)
{
	ebb_stop_requested++;
}

/* Workers ignore the terminal's Ctrl-C and listen to their parent alone, so that each request
 * reaches each of them exactly once, however it came. */
static void pass_on(struct sweep_state *st, int *told)
{
	while (*told < ebb_stop_requested) {
		if (++*told == 1)
			ebb_progress_say(&st->progress,
					 "ebb run: interrupted; finishing the steps in flight");
		for (int i = 0; i < st->jobs; i++)
			if (st->slot[i].pid)
				kill(st->slot[i].pid, SIGTERM);
	}
}

static int run_tasks(struct sweep_state *st, struct ebb_err *err)
{
	int told = 0, rc = 0, indexed = 0;

	catch (parent_signal);
	for (;;) {
		int wait_status;
		pid_t pid;

		for (int i = 0; i < st->jobs && rc == 0 && !ebb_stop_requested; i++) {
			/* trials wait until the bases are there: two trials never train one base */
			if (st->slot[i].pid || st->next == st->n_tasks ||
			    (st->next >= st->n_bases && st->bases_left > 0))
				continue;
			rc = start(st, &st->slot[i], st->next++, err);
		}
		if (st->running == 0)
			break;
		pid = waitpid(-1, &wait_status, WNOHANG);
		for (int i = 0; pid > 0 && i < st->jobs; i++)
			if (st->slot[i].pid == pid)
				reap(st, &st->slot[i], wait_status);
		for (int i = 0; pid < 0 && errno == ECHILD && i < st->jobs; i++)
			if (st->slot[i].pid) /* somebody else took its exit status */
				reap(st, &st->slot[i], SIGKILL);
		if (pid <= 0) {
			struct timespec nap = {0, 20 * 1000 * 1000};

			nanosleep(&nap, NULL);
		}
		pass_on(st, &told);
		if (st->result->done > indexed) {
			struct ebb_err ignored;

			/* a reader may follow along; the last write below is the one that counts */
			if (ebb_index_write(st->s->run_dir, st->s->def, ebb_task_catalog(),
					    &ignored) == 0)
				indexed = st->result->done;
		}
		ebb_progress_tick(&st->progress, st->slot, st->jobs);
	}
	ebb_progress_end(&st->progress);
	catch (SIG_DFL);
	if (ebb_stop_requested && st->next < st->n_tasks)
		st->result->interrupted = true;
	return rc;
}

/* ---- before the first worker ---- */

/* A finished trial that the definition no longer names would vanish from the index in silence. */
static int refuse_strangers(const struct ebb_sweep *s, struct ebb_err *err)
{
	char *path = ebb_path_join(s->run_dir, "trials");
	DIR *dir = opendir(path);
	struct dirent *e;
	int rc = 0;

	while (dir && rc == 0 && (e = readdir(dir))) {
		const char *dot = strrchr(e->d_name, '.');
		int known = 0;

		if (!dot || strcmp(dot, ".h5") != 0)
			continue;
		for (int i = 0; i < s->def->n_plans && !known; i++)
			known = strncmp(s->def->plan[i].id, e->d_name,
					strlen(s->def->plan[i].id)) == 0;
		if (!known)
			rc = ebb_err_set(err, EBB_EINVAL,
					 "'%s' holds trial %.*s, which this definition does not "
					 "contain: repeat the overrides it was run with (such as "
					 "seeds=8; run.h5 keeps them) or write them into the "
					 "definition, or give the changed experiment a folder of "
					 "its own with --out",
					 s->run_dir, (int)(dot - e->d_name), e->d_name);
	}
	if (dir)
		closedir(dir);
	free(path);
	return rc;
}

/* How a trial is evaluated is not part of its identity; a run whose trials were evaluated in
 * different ways would compare what cannot be compared. */
static int refuse_mixed_evaluation(const struct ebb_sweep *s, struct ebb_err *err)
{
	for (int i = 0; i < s->def->n_plans; i++) {
		const struct ebb_plan *p = &s->def->plan[i];
		const struct {
			const char *name;
			double now;
		} option[] = {
			{"cadence", (double)p->options.eval.cadence},
			{"questions", (double)p->options.eval.questions},
			{"samples", (double)p->options.eval.samples},
			{"temperature", p->options.eval.temperature},
		};

		if (!ebb_trial_exists(s->run_dir, p->id))
			continue;
		for (size_t k = 0; k < sizeof option / sizeof *option; k++) {
			struct ebb_err ignored;
			double then;

			/* a damaged record is made again, with today's settings */
			if (ebb_trial_option(s->run_dir, p->id, "eval", option[k].name, &then,
					     &ignored) == 0 &&
			    then != option[k].now)
				return ebb_err_set(
					err, EBB_EINVAL,
					"'%s' holds trial %s, evaluated with eval.%s=%g, "
					"but this run asks for %g; repeat the old value, "
					"or give this run a folder of its own with --out",
					s->run_dir, p->id, option[k].name, then, option[k].now);
		}
	}
	return 0;
}

int ebb_sweep_check(const struct ebb_sweep *s, struct ebb_err *err)
{
	int rc = ebb_dir_writable(s->run_dir, err);

	if (rc == 0)
		rc = ebb_dir_writable(s->base_dir, err);
	if (rc == 0)
		rc = refuse_strangers(s, err);
	return rc < 0 ? rc : refuse_mixed_evaluation(s, err);
}

static int lock_run(const char *run_dir, int *fd, struct ebb_err *err)
{
	char *path = ebb_path_join(run_dir, ".lock");
	int rc = 0;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0)
		rc = ebb_err_set(err, EBB_EIO, "cannot write '%s': %s", path, strerror(errno));
	else if (flock(*fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		rc = ebb_err_set(err, EBB_EBUSY,
				 "another ebb run works on '%s'; wait for it, or "
				 "give this one a folder of its own with --out",
				 run_dir);
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

/* Finished and whole. A damaged file is said to be so and made again. */
static bool intact(const struct ebb_sweep *s, const char *id)
{
	char *path = ebb_xprintf("%s/trials/%s.h5", s->run_dir, id);
	struct ebb_err err = EBB_ERR_INIT;
	bool whole = ebb_file_exists(path);

	if (whole && ebb_seal_check(path, &err) < 0) {
		fprintf(stderr, "ebb run: warning: %s; the trial runs again\n", err.text);
		whole = unlink(path) != 0;
	}
	free(path);
	return whole;
}

/* Bases that are not cached yet, then trials that are not finished. */
static void list_tasks(struct sweep_state *st)
{
	const struct ebb_definition *def = st->s->def;
	char **base = ebb_xcalloc((size_t)def->n_plans, sizeof *base);
	int n_bases = 0;

	st->task = ebb_xcalloc(2 * (size_t)def->n_plans, sizeof *st->task);
	for (int i = 0; i < def->n_plans; i++) {
		char *path;
		int seen;

		if (ebb_trial_exists(st->s->run_dir, def->plan[i].id))
			continue;
		path = ebb_base_path(&def->plan[i].options, st->s->base_dir);
		seen = ebb_file_exists(path);
		for (int k = 0; k < n_bases && !seen; k++)
			seen = strcmp(base[k], path) == 0;
		if (seen) {
			free(path);
			continue;
		}
		base[n_bases++] = path;
		st->task[st->n_tasks++] = (struct task){TASK_BASE, i};
	}
	st->n_bases = st->bases_left = n_bases;
	for (int i = 0; i < def->n_plans; i++) {
		if (intact(st->s, def->plan[i].id))
			st->result->already++;
		else
			st->task[st->n_tasks++] = (struct task){TASK_TRIAL, i};
	}
	for (int k = 0; k < n_bases; k++)
		free(base[k]);
	free(base);
}

int ebb_sweep_run(const struct ebb_sweep *s, struct ebb_sweep_result *result, struct ebb_err *err)
{
	struct sweep_state st = {.s = s, .result = result, .jobs = ebb_sweep_jobs(s)};
	int lock = -1, rc, last;

	memset(result, 0, sizeof *result);
	result->planned = s->def->n_plans;
	rc = ebb_sweep_check(s, err);
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
	{
		char *path = ebb_path_join(s->run_dir, "log.jsonl");

		st.log = fopen(path, "ae");
		free(path);
	}
	list_tasks(&st);
	ebb_progress_init(&st.progress, st.n_tasks - st.n_bases);
	if (st.n_tasks > 0)
		rc = run_tasks(&st, err);
	last = ebb_index_write(s->run_dir, s->def, ebb_task_catalog(), rc == 0 ? err : NULL);
	rc = rc < 0 ? rc : last;
	munmap(st.slot, (size_t)st.jobs * sizeof *st.slot);
	free(st.task);
	if (st.log)
		fclose(st.log);
out:
	if (lock >= 0)
		close(lock);
	return rc;
}
