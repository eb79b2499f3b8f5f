#include "sweep/device.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sweep/process.h"
#include "train/gpu_client.h"
#include "train/gpu_server.h"

#define MEMBERS_MAX 64 /* trials side by side unless --jobs says otherwise            */
#define NO_MODULE   "no GPU module"
#define OPEN_S      60.0 /* a driver may take its time                                  */
#define CLOSE_S     10.0
/* run.device=auto: a population has to be worth it. Not measured yet: few small trials are faster on
 * the CPU's cores, and a GPU's exact mode is some tens of those. */
#define TRIALS_A_CORE 2
#define LARGE         4e6 /* parameters; one such trial is worth a GPU */

static int trials_served(const struct ebb_definition *def)
{
	int n = 0;

	for (int i = 0; i < def->n_plans; i++)
		n += ebb_client_refuses(&def->plan[i].options) == NULL;
	return n;
}

static double parameters_of(const struct ebb_options *o)
{
	const struct ebb_model model = ebb_lab_model(o);
	struct ebb_layout layout;
	struct ebb_err ignored;
	double n = 0;

	if (ebb_layout_init(&layout, &model, &ignored) == 0)
		n = (double)layout.n_parameters;
	ebb_layout_release(&layout);
	return n;
}

static bool worth_it(const struct ebb_sweep *s)
{
	const int served = trials_served(s->def);

	return served > 0 && (served >= TRIALS_A_CORE * ebb_sweep_jobs(s) ||
			      parameters_of(&s->def->plan[0].options) >= LARGE);
}

/* Workers side by side: every one is a member, so more are better while memory lasts. */
static int jobs_of(const struct ebb_sweep *s)
{
	const int asked = s->jobs > 0 ? s->jobs : (int)s->def->plan[0].options.run.jobs;
	const int most = asked > 0 ? asked : MEMBERS_MAX;

	return s->def->n_plans < most ? s->def->n_plans : most;
}

/* The server's first word, or its end without one. */
static bool opened(struct ebb_device *d)
{
	struct ebb_office *office = d->office;
	double left = OPEN_S;

	for (; left > 0; left -= 0.1) {
		if (atomic_load(&office->state) != EBB_OFFICE_OPENING)
			break;
		ebb_futex_wait(&office->state, EBB_OFFICE_OPENING, 0.1);
		if (waitpid(d->pid, NULL, WNOHANG) == d->pid) {
			d->pid = 0;
			break;
		}
	}
	if (atomic_load(&office->state) == EBB_OFFICE_OPEN && d->pid)
		return true;
	if (!office->text[0])
		snprintf(office->text, sizeof office->text, "%s",
			 d->pid ? "the driver does not answer"
				: "the process that opened it ended at once");
	return false;
}

int ebb_device_open(struct ebb_device *d, const struct ebb_sweep *s, struct ebb_err *err)
{
	const struct ebb_options *o = s->def->n_plans > 0 ? &s->def->plan[0].options : NULL;
	int rc = 0;

	*d = (struct ebb_device){0};
	if (!o || o->run.device == EBB_DEVICE_CPU)
		return 0;
	d->required = o->run.device == EBB_DEVICE_CUDA;
	if (!d->required && !worth_it(s))
		return 0;
	d->jobs = jobs_of(s);
	d->office = ebb_office_open(d->jobs, d->jobs, err);
	if (!d->office && d->required)
		return EBB_ENOMEM;
	if (!d->office) {
		snprintf(d->note, sizeof d->note, "on the CPU: %.600s", err->text);
		*err = (struct ebb_err)EBB_ERR_INIT;
		return 0;
	}
	d->pid = ebb_process_fork(err);
	if (d->pid < 0) {
		rc = d->pid;
		d->pid = 0;
		ebb_device_close(d);
		return rc;
	}
	if (d->pid == 0) {
		ebb_server_run(d->office);
		_exit(0);
	}
	if (opened(d)) {
		snprintf(d->note, sizeof d->note,
			 "on the GPU: %s, up to %d trials side by side, roughly %.0f of %.0f MiB",
			 d->office->device, d->jobs, (double)ebb_client_bytes(o, d->jobs) / 0x1p20,
			 (double)d->office->memory_bytes / 0x1p20);
		return 0;
	}
	if (d->required)
		rc = ebb_err_set(err, EBB_EINVAL,
				 "run.device=cuda: %s; run.device=cpu or auto runs without one",
				 d->office->text);
	else /* where none was built nobody asks for the places it was looked for */
		snprintf(d->note, sizeof d->note, "on the CPU: %.*s",
			 (int)(strncmp(d->office->text, NO_MODULE, strlen(NO_MODULE)) == 0
				       ? strlen(NO_MODULE)
				       : strlen(d->office->text)),
			 d->office->text);
	ebb_device_close(d);
	return rc;
}

void ebb_device_close(struct ebb_device *d)
{
	if (!d->office)
		return;
	atomic_store(&d->office->closing, true);
	ebb_office_ring(d->office);
	for (double left = CLOSE_S; d->pid && left > 0; left -= 0.01) {
		if (waitpid(d->pid, NULL, WNOHANG) != 0)
			d->pid = 0;
		else
			usleep(10 * 1000);
	}
	if (d->pid) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	ebb_office_close(d->office);
	d->office = NULL;
	d->pid = 0;
}

static bool equal_models(const struct ebb_options *a, const struct ebb_options *b)
{
	const struct ebb_model m = ebb_lab_model(a), n = ebb_lab_model(b);

	return ebb_model_alike(&m, &n) && m.T == n.T;
}

/* Trials that may share passes with one of these options. */
static int mates_of(const struct ebb_definition *def, const struct ebb_options *o)
{
	int n = 0;

	for (int i = 0; i < def->n_plans; i++)
		n += !ebb_client_refuses(&def->plan[i].options) &&
		     equal_models(&def->plan[i].options, o);
	return n;
}

struct ebb_channel *ebb_device_channel(const struct ebb_device *d, int slot,
				       const struct ebb_definition *def,
				       const struct ebb_options *o)
{
	if (!d->office || o->run.device == EBB_DEVICE_CPU || ebb_client_refuses(o) ||
	    (atomic_load(&d->office->dead) && !d->required))
		return NULL;
	d->office->channel[slot].mates = mates_of(def, o);
	return &d->office->channel[slot];
}

void ebb_device_leave(struct ebb_device *d, int slot)
{
	if (!d->office || atomic_load(&d->office->dead))
		return;
	atomic_store(&d->office->channel[slot].gone, true);
	ebb_office_ring(d->office);
}

bool ebb_device_free(const struct ebb_device *d, int slot)
{
	return !d->office || atomic_load(&d->office->dead) ||
	       !atomic_load(&d->office->channel[slot].gone);
}

void ebb_device_lost(struct ebb_device *d, int wait_status)
{
	d->pid = 0;
	if (WIFSIGNALED(wait_status))
		snprintf(d->office->text, sizeof d->office->text, "signal %d (%s)",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	atomic_store(&d->office->dead, true);
	for (int i = 0; i < d->office->n; i++)
		ebb_futex_wake(&d->office->channel[i].turn);
}

/* ---- what --dry-run says ---- */

static void print_population(const struct ebb_definition *def, int first, int jobs, FILE *out)
{
	const struct ebb_options *o = &def->plan[first].options;
	const int n = mates_of(def, o);

	fprintf(out,
		"on a GPU: %d trial%s of %.3g parameters in a population of up to %d, roughly %.0f "
		"MiB of device memory\n",
		n, n == 1 ? "" : "s", parameters_of(o), n < jobs ? n : jobs,
		(double)ebb_client_bytes(o, n < jobs ? n : jobs) / 0x1p20);
}

void ebb_device_print(const struct ebb_sweep *s, FILE *out)
{
	const struct ebb_definition *def = s->def;
	const struct ebb_options *o = def->n_plans > 0 ? &def->plan[0].options : NULL;
	const int jobs = o ? jobs_of(s) : 0;

	if (!o || o->run.device == EBB_DEVICE_CPU ||
	    (o->run.device == EBB_DEVICE_AUTO && !worth_it(s)))
		return;
	for (int i = 0; i < def->n_plans; i++) {
		bool known = ebb_client_refuses(&def->plan[i].options) != NULL;

		for (int k = 0; k < i && !known; k++)
			known = !ebb_client_refuses(&def->plan[k].options) &&
				equal_models(&def->plan[k].options, &def->plan[i].options);
		if (!known)
			print_population(def, i, jobs, out);
	}
	for (int a = 0; a < def->n_arms; a++) {
		const struct ebb_plan *p = &def->plan[def->plan_of[a * def->n_seeds]];
		const char *why = ebb_client_refuses(&p->options);

		if (why)
			fprintf(out, "on the CPU: arm '%s': %s\n", def->arm[a].label, why);
	}
}
