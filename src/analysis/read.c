/* Where the pure computations of this room meet the files: everything that reads a run's curves. */
#include <stdlib.h>
#include <string.h>
#include "analysis/fit.h"
#include "analysis/series.h"

static int read_meter(struct ebb_meter *m, const struct ebb_run *run, int arm, int seed,
		      enum ebb_scale scale, struct ebb_err *err)
{
	static const char *const total[EBB_N_SCALES] = {
		[EBB_SCALE_ROLLOUTS] = "rollout/rollouts_total",
		[EBB_SCALE_TOKENS] = "rollout/tokens_total",
		[EBB_SCALE_SECONDS] = "timing_s/total",
	};
	struct ebb_array a = {0}, u = {0};
	int rc;

	*m = (struct ebb_meter){0};
	if (scale == EBB_SCALE_UPDATE) {
		rc = ebb_run_read(run, arm, seed, "rollout/tokens_total", &a, err);
		if (rc == 0)
			rc = ebb_run_read(run, arm, seed, "actor/update_of_step", &u, err);
		if (rc == 0)
			rc = ebb_meter_updates(m, a.x, a.dim[0], u.value, u.dim[0], err);
	} else {
		rc = ebb_run_read(run, arm, seed, total[scale], &a, err);
		if (rc == 0)
			rc = ebb_meter_make(m, a.x, a.value, a.dim[0], err);
	}
	ebb_array_release(&u);
	ebb_array_release(&a);
	return rc;
}

/* Move the coordinates of a curve from its own axis to another scale. */
static int rescale(struct ebb_curve *curve, enum ebb_scale own, const struct ebb_run *run, int arm,
		   int seed, enum ebb_scale scale, struct ebb_err *err)
{
	struct ebb_meter updates = {0}, m = {0};
	int64_t i;
	int rc = 0;

	if (scale == EBB_SCALE_NATIVE || scale == own)
		return 0;
	if (own == EBB_SCALE_UPDATE)
		rc = read_meter(&updates, run, arm, seed, EBB_SCALE_UPDATE, err);
	if (rc == 0 && scale != EBB_SCALE_STEP)
		rc = read_meter(&m, run, arm, seed, scale, err);
	for (i = 0; i < curve->n && rc == 0; i++) {
		if (own == EBB_SCALE_UPDATE)
			curve->x[i] = ebb_meter_step(&updates, curve->x[i]);
		if (scale != EBB_SCALE_STEP)
			curve->x[i] = ebb_meter_at(&m, curve->x[i]);
	}
	ebb_meter_release(&m);
	ebb_meter_release(&updates);
	return rc;
}

int ebb_curve_read(struct ebb_curve *curve, const struct ebb_run *run, int arm, int seed,
		   const char *name, enum ebb_scale scale, struct ebb_err *err)
{
	struct ebb_array a = {0};
	enum ebb_scale own;
	int rc = ebb_run_read(run, arm, seed, name, &a, err);

	*curve = (struct ebb_curve){0};
	if (rc == 0 && a.rank != 1)
		rc = ebb_err_set(err, EBB_EINVAL, "'%s' is a tensor of rank %d, not a curve", name,
				 a.rank);
	if (rc == 0) {
		*curve = (struct ebb_curve){run->seed[seed], a.dim[0], a.x, a.value};
		a.x = a.value = NULL; /* the curve's now */
		own = strstr(a.axis, "update") != NULL ? EBB_SCALE_UPDATE : EBB_SCALE_STEP;
		rc = rescale(curve, own, run, arm, seed, scale, err);
	}
	if (rc < 0)
		ebb_curve_release(curve);
	ebb_array_release(&a);
	return rc;
}

/* Updates a rollout batch, where every batch has as many; else 1. */
static int updates_a_step(const struct ebb_run *run, int arm, int seed, int64_t *updates,
			  struct ebb_err *err)
{
	struct ebb_array u = {0};
	int64_t i, n;
	int rc = ebb_run_read(run, arm, seed, "actor/update_of_step", &u, err);

	*updates = 1;
	if (rc == 0 && u.rank == 1 && u.dim[0] > 0) {
		for (n = 1; n < u.dim[0] && u.value[n] == u.value[0]; n++)
			;
		for (i = 0; i < u.dim[0] && u.value[i] == u.value[i - i % n]; i++)
			;
		if (i == u.dim[0])
			*updates = n;
	}
	ebb_array_release(&u);
	return rc == EBB_ENOENT ? 0 : rc;
}

int ebb_series_read(struct ebb_series *s, const struct ebb_run *run, int arm, const char *name,
		    enum ebb_scale scale, int64_t max_rows, struct ebb_err *err)
{
	const char *label = run->arm[arm].label;
	struct ebb_curve *curve, *diverged, *to;
	struct ebb_array a = {0};
	char status[16] = "", unit[sizeof s->unit] = "", about[sizeof s->about] = "";
	enum ebb_scale own = EBB_SCALE_STEP;
	int64_t updates = 1;
	int i, n = 0, n_diverged = 0, unfinished = 0, rc = 0;

	*s = (struct ebb_series){.window = 1};
	curve = ebb_xcalloc((size_t)run->n_seeds + 1, sizeof *curve);
	diverged = ebb_xcalloc((size_t)run->n_seeds + 1, sizeof *diverged);
	for (i = 0; i < run->n_seeds && rc == 0; i++) {
		if (!run->finished[arm * run->n_seeds + i]) {
			/* a seed that its run does not have is not missing */
			unfinished += run->trial[arm * run->n_seeds + i][0] != '\0';
			continue;
		}
		rc = ebb_run_status(run, arm, i, status, err);
		if (rc == 0)
			rc = ebb_run_read(run, arm, i, name, &a, err);
		if (rc == EBB_ENOENT) { /* this arm does not have the metric */
			rc = 0;
			ebb_array_release(&a);
			continue;
		}
		if (rc == 0 && a.rank != 1)
			rc = ebb_err_set(err, EBB_EINVAL,
					 "'%s' is a tensor of rank %d, not a curve", name, a.rank);
		if (rc == 0) {
			to = ebb_status_early(status) ? &diverged[n_diverged++] : &curve[n++];
			*to = (struct ebb_curve){run->seed[i], a.dim[0], a.x, a.value};
			a.x = a.value = NULL; /* the curve's now */
			memcpy(unit, a.unit, sizeof unit);
			memcpy(about, a.about, sizeof about);
			own = strstr(a.axis, "update") != NULL ? EBB_SCALE_UPDATE : EBB_SCALE_STEP;
			rc = rescale(to, own, run, arm, i, scale, err);
			if (rc == 0 && own == EBB_SCALE_UPDATE && to->n > max_rows && updates == 1)
				rc = updates_a_step(run, arm, i, &updates, err);
		}
		ebb_array_release(&a);
	}
	if (rc == 0 && n > 0)
		rc = ebb_series_make_windows(s, label, curve, n,
					     scale != EBB_SCALE_NATIVE && scale != own, max_rows,
					     updates, err);
	if (rc == 0) {
		if (s->label == NULL)
			s->label = ebb_xstrdup(label);
		s->n_unfinished = unfinished;
		s->diverged = diverged;
		s->n_diverged = n_diverged;
		for (i = 0; i < n_diverged; i++)
			ebb_curve_thin(&diverged[i], s->window);
		s->scale = scale != EBB_SCALE_NATIVE ? scale : own;
		memcpy(s->unit, unit, sizeof s->unit);
		memcpy(s->about, about, sizeof s->about);
	} else {
		for (i = 0; i < n_diverged; i++)
			ebb_curve_release(&diverged[i]);
		free(diverged);
	}
	for (i = 0; i < n; i++)
		ebb_curve_release(&curve[i]);
	free(curve);
	return rc;
}

int ebb_pairs_read(const struct ebb_run *run, int arm, int seed, struct ebb_pairs *out,
		   struct ebb_err *err)
{
	struct ebb_array accuracy = {0}, entropy = {0};
	int64_t n;
	int rc;

	*out = (struct ebb_pairs){0};
	rc = ebb_run_read(run, arm, seed, "eval/accuracy", &accuracy, err);
	if (rc == 0)
		rc = ebb_run_read(run, arm, seed, "actor/entropy_seq", &entropy, err);
	if (rc == 0) {
		n = accuracy.dim[0] > 0 ? accuracy.dim[0] : 1;
		out->H = ebb_xcalloc((size_t)n, sizeof(double));
		out->R = ebb_xcalloc((size_t)n, sizeof(double));
		out->step = ebb_xcalloc((size_t)n, sizeof(double));
		out->n = ebb_law_pairs(accuracy.x, accuracy.value, accuracy.dim[0], entropy.x,
				       entropy.value, entropy.dim[0], out->H, out->R, out->step);
	}
	ebb_array_release(&entropy);
	ebb_array_release(&accuracy);
	return rc;
}
