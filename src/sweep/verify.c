#include "sweep/verify.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "record/pack.h"
#include "sweep/process.h"
#include "sweep/progress.h"
#include "train/trial.h"

#define NAP_NS       (20 * 1000 * 1000)
#define NEVER_S      1e9 /* a copy is not resumed: it needs no checkpoints */
#define EXIT_VERDICT 0   /* of a worker: its verdict is in shared memory   */

/* What a worker finds, in memory shared with its parent. */
struct finding {
	enum ebb_verify_verdict verdict;
	struct ebb_difference difference;
	char error[1024];
};

struct state {
	struct ebb_verify *v;
	struct ebb_slot *slot;   /* (jobs), shared */
	struct finding *finding; /* (n), shared    */
	int next, running;
	struct ebb_progress progress;
};

/* ---- the worker ---- */

static struct finding *own_finding;

static void on_out_of_memory(size_t bytes)
{
	own_finding->verdict = EBB_VERIFY_FAILED;
	snprintf(own_finding->error, sizeof own_finding->error,
		 "out of memory for %zu bytes; lower --jobs", bytes);
	_exit(EXIT_VERDICT);
}

/* What a trial leaves in the scratch folder is of no use once it is compared. */
static void remove_copy(const struct ebb_verify *v, const char *id)
{
	static const char *const left[] = {"trials/%s.h5", "trials/%s.h5.part",
					   "checkpoints/%s.rows", "checkpoints/%s.h5"};

	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		struct ebb_buf path = EBB_BUF_INIT;
		const char *mark = strchr(left[i], '%');

		ebb_buf_printf(&path, "%s/%.*s%s%s", v->scratch, (int)(mark - left[i]), left[i], id,
			       mark + 2);
		unlink(path.data);
		ebb_buf_release(&path);
	}
}

static int compare(const struct ebb_verify *v, const struct ebb_verify_trial *t,
		   struct finding *found, struct ebb_err *err)
{
	char *record = ebb_trial_path(v->run_dir, t->id);
	char *copy = ebb_xprintf("%s/trials/%s.h5", v->scratch, t->id);
	const struct ebb_difference *d = &found->difference;
	int rc = ebb_differ(record, copy, &found->difference, err);

	if (rc == 0)
		found->verdict = d->differing + d->only_a + d->only_b > 0 ? EBB_VERIFY_DIFFERS
									  : EBB_VERIFY_AGREES;
	free(copy);
	free(record);
	return rc;
}

static int work(const struct ebb_verify *v, const struct ebb_verify_trial *t, struct ebb_slot *slot,
		struct finding *found)
{
	struct ebb_options o = *t->options;
	struct ebb_err err = EBB_ERR_INIT;
	enum ebb_status status;
	struct ebb_solo solo = {.options = &o,
				.run_dir = v->scratch,
				.base_dir = v->base_dir,
				.label = t->label,
				.attempt = 1,
				.watch = &slot->watch,
				.from_dir = v->run_dir,
				.from_trial = t->state_of,
				.from_step = v->from_step};
	int rc;

	own_finding = found;
	ebb_on_out_of_memory = on_out_of_memory;
	/* what is kept besides the record changes no byte of it */
	o.run.checkpoint_s = NEVER_S;
	o.record.states = 0;
	o.record.last = false;
	rc = ebb_solo_run(&solo, &status, &err);
	if (rc == 0)
		rc = compare(v, t, found, &err);
	remove_copy(v, t->id);
	if (rc == EBB_ESTOP)
		return EBB_WORKER_STOPPED;
	if (rc < 0) {
		found->verdict = EBB_VERIFY_FAILED;
		snprintf(found->error, sizeof found->error, "%s", err.text);
	}
	return EXIT_VERDICT;
}

/* ---- the parent ---- */

static int start(struct state *st, struct ebb_slot *slot, int index, struct ebb_err *err)
{
	const struct ebb_verify_trial *t = &st->v->trial[index];
	int pid;

	memset(slot, 0, sizeof *slot);
	slot->job = index;
	snprintf(slot->label, sizeof slot->label, "%.60s seed %llu", t->label,
		 (unsigned long long)t->options->seed);
	pid = ebb_process_fork(err);
	if (pid == 0)
		_exit(work(st->v, t, slot, &st->finding[index]));
	if (pid < 0)
		return pid;
	slot->pid = pid;
	st->running++;
	return 0;
}

static void reap(struct state *st, struct ebb_slot *slot, int wait_status)
{
	struct ebb_verify_trial *t = &st->v->trial[slot->job];
	const struct finding *found = &st->finding[slot->job];

	slot->pid = 0;
	st->running--;
	st->progress.finished++;
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EBB_WORKER_STOPPED)
		return;
	t->verdict = found->verdict;
	t->difference = found->difference;
	memcpy(t->error, found->error, sizeof t->error);
	if (WIFSIGNALED(wait_status)) {
		t->verdict = EBB_VERIFY_FAILED;
		snprintf(t->error, sizeof t->error, "the worker was ended by signal %d (%s)",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	}
	ebb_progress_say(&st->progress, "%-40.60s %s", slot->label,
			 t->verdict == EBB_VERIFY_AGREES    ? "agrees"
			 : t->verdict == EBB_VERIFY_DIFFERS ? "differs"
							    : "could not be made again");
}

static int run_all(struct state *st, struct ebb_err *err)
{
	struct ebb_verify *v = st->v;
	int told = 0, rc = 0;

	ebb_process_listen(true);
	for (;;) {
		struct timespec nap = {0, NAP_NS};
		int wait_status;
		pid_t pid;

		for (int i = 0; i < v->jobs && rc == 0 && !ebb_stop_requested; i++)
			if (!st->slot[i].pid && st->next < v->n)
				rc = start(st, &st->slot[i], st->next++, err);
		if (st->running == 0)
			break;
		pid = waitpid(-1, &wait_status, WNOHANG);
		for (int i = 0; i < v->jobs; i++)
			if (pid > 0 && st->slot[i].pid == pid)
				reap(st, &st->slot[i], wait_status);
			else if (pid < 0 && errno == ECHILD && st->slot[i].pid)
				reap(st, &st->slot[i], SIGKILL); /* somebody else took its status */
		if (pid <= 0)
			nanosleep(&nap, NULL);
		if (ebb_process_pass_on(st->slot, v->jobs, &told))
			ebb_progress_say(&st->progress, "ebb verify: interrupted");
		ebb_progress_tick(&st->progress, st->slot, v->jobs);
	}
	ebb_progress_end(&st->progress);
	ebb_process_listen(false);
	v->interrupted = ebb_stop_requested > 0;
	return rc;
}

int ebb_verify_run(struct ebb_verify *v, struct ebb_err *err)
{
	size_t slots = (size_t)v->jobs * sizeof(struct ebb_slot);
	size_t all = slots + (size_t)v->n * sizeof(struct finding);
	struct state st = {.v = v};
	char *shared = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (shared == MAP_FAILED)
		return ebb_err_set(err, EBB_ENOMEM, "cannot share memory with workers: %s",
				   strerror(errno));
	st.slot = (struct ebb_slot *)shared;
	st.finding = (struct finding *)(shared + slots);
	ebb_progress_init(&st.progress, v->n);
	rc = run_all(&st, err);
	munmap(shared, all);
	return rc;
}
