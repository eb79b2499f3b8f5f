#include "command/follow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "record/journal.h"
#include "train/lab.h"

#define RECENT_ROWS 10 /* a speed is the mean of so many rows at least ... */
#define RECENT_PART 5  /* ... and of one part in so many of all            */

/* ---- journals ---- */

static int field_of(const struct ebb_journal_view *v, const char *name)
{
	for (int f = 0; f < v->n_fields; f++)
		if (strcmp(v->field[f].name, name) == 0)
			return f;
	return -1;
}

/* The steps of an axis' rows: an update belongs to the rollout batch it was made in. */
static int steps_of(const struct ebb_journal_view *v, enum ebb_axis axis)
{
	if (axis == EBB_AXIS_UPDATE)
		return field_of(v, "actor/update_of_step");
	for (int f = 0; f < v->n_fields; f++)
		if (v->field[f].axis == axis && strncmp(v->field[f].name, "axis/", 5) == 0)
			return f;
	return -1;
}

static bool is_curve(const struct ebb_field *f)
{
	return f->rank == 0 && f->element == EBB_F64_ELEMENT;
}

static void curve_release(struct ebb_follow_curve *c)
{
	free(c->x);
	free(c->y);
	*c = (struct ebb_follow_curve){0};
}

static void set_unit(struct ebb_follow *f, int m, const char *unit)
{
	if (!f->unit[m][0])
		snprintf(f->unit[m], sizeof f->unit[m], "%s", unit);
}

static void take_journal_curve(struct ebb_follow_curve *c, const struct ebb_journal_view *v,
			       const char *name)
{
	int f = field_of(v, name), x = f < 0 ? -1 : steps_of(v, v->field[f].axis);
	size_t bytes;

	curve_release(c);
	if (f < 0 || x < 0 || !is_curve(&v->field[f]) || !is_curve(&v->field[x]))
		return;
	c->n = v->mark.rows[v->field[f].axis];
	bytes = (size_t)c->n * sizeof *c->x;
	c->x = ebb_xcalloc((size_t)c->n + 1, sizeof *c->x);
	c->y = ebb_xcalloc((size_t)c->n + 1, sizeof *c->y);
	if (bytes > 0) {
		memcpy(c->x, v->row[x], bytes);
		memcpy(c->y, v->row[f], bytes);
	}
}

static double recent(const struct ebb_journal_view *v, const char *name)
{
	int f = field_of(v, name), n = 0;
	int64_t rows = f < 0 ? 0 : v->mark.rows[v->field[f].axis], window;
	double sum = 0;

	if (f < 0 || !is_curve(&v->field[f]))
		return NAN;
	window = rows / RECENT_PART > RECENT_ROWS ? rows / RECENT_PART : RECENT_ROWS;
	for (int64_t i = rows > window ? rows - window : 0; i < rows; i++) {
		double x = ((const double *)v->row[f])[i];

		if (isfinite(x)) {
			sum += x;
			n++;
		}
	}
	return n > 0 ? sum / n : (double)NAN;
}

static char *journal_path(const struct ebb_roster *r, int i)
{
	return ebb_xprintf("%s/checkpoints/%s.rows", r->run.dir, r->row[i].id);
}

static void read_journal(struct ebb_follow *f, const struct ebb_roster *r, int i)
{
	struct ebb_follow_trial *t = &f->trial[i];
	struct ebb_journal_view view = {0};
	char *path = journal_path(r, i);
	struct ebb_err ignored;

	/* while the file is being replaced by a finished record, the last picture stays */
	if (ebb_journal_read(&view, path, NULL, &ignored) == 0) {
		for (int m = 0; m < f->n_metrics; m++) {
			int k = field_of(&view, f->metric[m]);

			take_journal_curve(&t->curve[m], &view, f->metric[m]);
			if (k >= 0)
				set_unit(f, m, view.field[k].unit);
		}
		t->tokens_per_s = recent(&view, "perf/tokens_per_s");
		t->step_s = recent(&view, "timing_s/step");
		t->finished = false;
	}
	ebb_journal_view_release(&view);
	free(path);
}

/* ---- finished files ---- */

static void read_finished(struct ebb_follow *f, const struct ebb_roster *r, int i)
{
	struct ebb_follow_trial *t = &f->trial[i];
	int arm = r->row[i].arm, seed = r->row[i].seed;
	struct ebb_array a, steps;
	struct ebb_err ignored;

	for (int m = 0; m < f->n_metrics; m++) {
		struct ebb_follow_curve *c = &t->curve[m];

		curve_release(c);
		steps = (struct ebb_array){0};
		if (ebb_run_read(&r->run, arm, seed, f->metric[m], &a, &ignored) < 0)
			continue;
		if (strcmp(a.axis, "update") == 0 &&
		    ebb_run_read(&r->run, arm, seed, "actor/update_of_step", &steps, &ignored) ==
			    0 &&
		    steps.dim[0] == a.dim[0]) {
			double *x = a.x;

			a.x = steps.value;
			steps.value = x;
		}
		set_unit(f, m, a.unit);
		if (a.rank == 1) {
			*c = (struct ebb_follow_curve){a.x, a.value, a.dim[0]};
			a.x = a.value = NULL;
		}
		ebb_array_release(&steps);
		ebb_array_release(&a);
	}
	t->finished = true;
	t->tokens_per_s = t->step_s = NAN;
}

/* ---- following ---- */

static void trial_release(struct ebb_follow_trial *t)
{
	for (int m = 0; m < EBB_FOLLOW_MAX; m++)
		curve_release(&t->curve[m]);
}

/* Bring the trials into the order of the roster, which may have grown. */
static void match(struct ebb_follow *f, const struct ebb_roster *r)
{
	struct ebb_follow_trial *trial = ebb_xcalloc((size_t)r->n + 1, sizeof *trial);

	for (int i = 0; i < r->n; i++) {
		int k = i;

		if (k >= f->n || strcmp(f->trial[k].id, r->row[i].id) != 0)
			for (k = 0; k < f->n && strcmp(f->trial[k].id, r->row[i].id) != 0; k++)
				;
		if (k < f->n) {
			trial[i] = f->trial[k];
			f->trial[k] = (struct ebb_follow_trial){0};
			continue;
		}
		strcpy(trial[i].id, r->row[i].id);
		trial[i].tokens_per_s = trial[i].step_s = NAN;
	}
	for (int k = 0; k < f->n; k++)
		trial_release(&f->trial[k]);
	free(f->trial);
	f->trial = trial;
	f->n = r->n;
}

static bool changed(const struct stat *now, const struct stat *then)
{
	return now->st_ino != then->st_ino || now->st_size != then->st_size ||
	       now->st_mtim.tv_sec != then->st_mtim.tv_sec ||
	       now->st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

/* The file of a trial that a packed index holds. */
static bool stat_index(const struct ebb_roster *r, struct stat *now)
{
	*now = r->index;
	return now->st_ino != 0;
}

/* Look at trial i; true where it was read. */
static bool follow(struct ebb_follow *f, const struct ebb_roster *r, int i)
{
	bool finished = ebb_state_finished(r->row[i].standing.state);
	char *path = finished ? ebb_xprintf("%s/trials/%s.h5", r->run.dir, r->row[i].id)
			      : journal_path(r, i);
	struct stat now = {0};
	bool read = (stat(path, &now) == 0 || (finished && stat_index(r, &now))) &&
		    changed(&now, &f->trial[i].file);

	free(path);
	if (!read)
		return false;
	f->trial[i].file = now;
	if (finished)
		read_finished(f, r, i);
	else
		read_journal(f, r, i);
	return true;
}

int ebb_follow_read(struct ebb_follow *f, const struct ebb_roster *r, double seconds)
{
	double until = ebb_clock() + seconds;
	int left = 0;

	match(f, r);
	for (int i = 0; i < r->n; i++)
		if (r->row[i].standing.state == EBB_STATE_RUNNING)
			follow(f, r, i);
	for (int i = 0; i < r->n; i++) {
		enum ebb_state state = r->row[i].standing.state;

		if (state == EBB_STATE_RUNNING || state == EBB_STATE_QUEUED)
			continue;
		if (ebb_clock() < until)
			follow(f, r, i);
		else if (f->trial[i].file.st_ino == 0)
			left++;
	}
	return left;
}

/* ---- names ---- */

/* A task's own curve in the journal of a trial that is not finished. */
static char *name_in_journals(const struct ebb_roster *r, const char *word)
{
	char *name = NULL;

	for (int i = 0; i < r->n && !name; i++) {
		struct ebb_journal_view view = {0};
		struct ebb_err ignored;
		char *path;

		if (r->row[i].standing.state != EBB_STATE_RUNNING &&
		    r->row[i].standing.state != EBB_STATE_STALE)
			continue;
		path = journal_path(r, i);
		if (ebb_journal_read(&view, path, NULL, &ignored) == 0)
			for (int k = 0; k < view.n_fields && !name; k++) {
				const char *tail = strrchr(view.field[k].name, '/');

				if (is_curve(&view.field[k]) &&
				    (strcmp(view.field[k].name, word) == 0 ||
				     (tail && strcmp(tail + 1, word) == 0)))
					name = ebb_xstrdup(view.field[k].name);
			}
		ebb_journal_view_release(&view);
		free(path);
		break; /* trials of one run record much the same */
	}
	return name;
}

/* Only a number a row makes a curve; a finished trial tells. */
static int refuse_tensor(const struct ebb_roster *r, const char *name, struct ebb_err *err)
{
	for (int i = 0; i < r->n; i++) {
		struct ebb_array a;
		struct ebb_err ignored;
		int rank;

		if (r->row[i].standing.state != EBB_STATE_DONE)
			continue;
		if (ebb_run_read(&r->run, r->row[i].arm, r->row[i].seed, name, &a, &ignored) < 0)
			return 0;
		rank = a.rank;
		ebb_array_release(&a);
		if (rank != 1)
			return ebb_err_set(err, EBB_EINVAL,
					   "'%s' is a tensor of rank %d, not a curve; ebb metrics "
					   "lists the curves",
					   name, rank);
		return 0;
	}
	return 0;
}

int ebb_follow_init(struct ebb_follow *f, const struct ebb_roster *r, const char *const *word,
		    int n_words, struct ebb_err *err)
{
	*f = (struct ebb_follow){0};
	for (int i = 0; i < n_words; i++) {
		char *name = NULL;
		int rc = ebb_name_metric(&r->run, word[i], &name, err);

		if (rc == EBB_ENOENT && (name = name_in_journals(r, word[i])) != NULL)
			rc = 0;
		if (rc < 0) {
			ebb_follow_release(f);
			return rc;
		}
		f->metric[f->n_metrics++] = name;
		rc = refuse_tensor(r, name, err);
		if (rc < 0) {
			ebb_follow_release(f);
			return rc;
		}
	}
	return 0;
}

void ebb_follow_release(struct ebb_follow *f)
{
	for (int m = 0; m < f->n_metrics; m++)
		free(f->metric[m]);
	for (int i = 0; i < f->n; i++)
		trial_release(&f->trial[i]);
	free(f->trial);
	*f = (struct ebb_follow){0};
}
