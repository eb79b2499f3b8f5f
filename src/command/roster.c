#include "command/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/file.h"
#include "record/about.h"
#include "record/pack.h"

/* ---- the list ---- */

struct place {
	const char *id;
	int at; /* arm * n_seeds + seed */
};

static int by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order ? order : x->at - y->at;
}

static int by_place(const void *a, const void *b)
{
	return ((const struct place *)a)->at - ((const struct place *)b)->at;
}

/* Arms that resolve to the same trial share it: it counts once, where it stands first. */
static void list_rows(struct ebb_roster *r)
{
	int cells = r->run.n_arms * r->run.n_seeds, n = 0;
	struct place *place = ebb_xcalloc((size_t)cells + 1, sizeof *place);

	for (int i = 0; i < cells; i++)
		place[i] = (struct place){r->run.trial[i], i};
	qsort(place, (size_t)cells, sizeof *place, by_id);
	for (int i = 0; i < cells; i++)
		if (n == 0 || strcmp(place[i].id, place[n - 1].id) != 0)
			place[n++] = place[i];
	qsort(place, (size_t)n, sizeof *place, by_place);
	r->row = ebb_xcalloc((size_t)n + 1, sizeof *r->row);
	r->n = n;
	for (int i = 0; i < n; i++) {
		r->row[i].id = place[i].id;
		r->row[i].arm = place[i].at / r->run.n_seeds;
		r->row[i].seed = place[i].at % r->run.n_seeds;
	}
	free(place);
}

static int by_row_id(const void *a, const void *b)
{
	return strcmp((*(const struct ebb_roster_row *const *)a)->id,
		      (*(const struct ebb_roster_row *const *)b)->id);
}

/* What is known of finished trials outlives a new index. */
static void inherit(struct ebb_roster *r, const struct ebb_roster *old)
{
	const struct ebb_roster_row **sorted = ebb_xcalloc((size_t)old->n + 1, sizeof *sorted);

	for (int i = 0; i < old->n; i++)
		sorted[i] = &old->row[i];
	qsort(sorted, (size_t)old->n, sizeof *sorted, by_row_id);
	for (int i = 0; i < r->n; i++) {
		const struct ebb_roster_row *key = &r->row[i], **found;

		found = bsearch(&key, sorted, (size_t)old->n, sizeof *sorted, by_row_id);
		if (found) {
			r->row[i].standing = (*found)->standing;
			r->row[i].file = (*found)->file;
		}
	}
	free(sorted);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* ---- looking ---- */

/* Asking takes the lock for a moment where nobody has it; it is shared, so that two who look at the
 * same time do not take each other for a run. */
static bool is_held(const char *dir)
{
	char *path = ebb_path_join(dir, ".lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	free(path);
	return held;
}

static double last_value(const struct ebb_run *run, int arm, int seed, const char *name)
{
	struct ebb_array a;
	struct ebb_err ignored;
	double value = NAN;

	if (ebb_run_read(run, arm, seed, name, &a, &ignored) < 0)
		return value;
	if (a.rank == 1 && a.dim[0] > 0)
		value = a.value[a.dim[0] - 1];
	ebb_array_release(&a);
	return value;
}

static int64_t number_of(const struct ebb_about_rows *rows, const char *key, int64_t otherwise)
{
	const char *text = ebb_about_get(rows, key);

	return text ? strtoll(text, NULL, 10) : otherwise;
}

/* A trial that a packed index holds has no files to tell of it: it tells itself. */
static void look_inside(const struct ebb_run *run, struct ebb_roster_row *row)
{
	struct ebb_standing *s = &row->standing;
	char *path = ebb_trial_path(run->dir, row->id);
	struct ebb_about about = {0};
	struct ebb_err ignored;

	if (ebb_about_read(&about, path, EBB_ABOUT_TRIAL, &ignored) == 0) {
		const char *status = ebb_about_get(&about.root, "status");
		const char *cause = ebb_about_get(&about.root, "cause");

		s->state = ebb_state_of(status ? status : "");
		s->step = number_of(&about.root, "stopped_at_step", -1);
		s->steps = number_of(&about.option, "train.steps", -1);
		s->attempt = (int)number_of(&about.root, "attempt", 1);
		s->reward = last_value(run, row->arm, row->seed, "reward/mean");
		s->entropy = last_value(run, row->arm, row->seed, "actor/entropy");
		s->age_s = NAN;
		snprintf(s->cause, sizeof s->cause, "%s", cause ? cause : "");
	}
	ebb_about_release(&about);
	free(path);
}

static void look(struct ebb_roster *r, struct ebb_roster_row *row)
{
	char *path = ebb_xprintf("%s/trials/%s.h5", r->run.dir, row->id);
	struct stat now = {0};
	bool finished = stat(path, &now) == 0;

	if (!finished || !same_file(&now, &row->file))
		ebb_standing_read(r->run.dir, row->id, &row->standing);
	if (row->standing.state == EBB_STATE_QUEUED &&
	    r->run.finished[row->arm * r->run.n_seeds + row->seed])
		look_inside(&r->run, row);
	row->file = finished ? now : (struct stat){0};
	free(path);
}

static void look_at_all(struct ebb_roster *r)
{
	memset(r->count, 0, sizeof r->count);
	/* first the lock: a run that ends meanwhile leaves no trial that only seems to run */
	r->working = is_held(r->run.dir);
	for (int i = 0; i < r->n; i++) {
		look(r, &r->row[i]);
		r->count[r->row[i].standing.state]++;
	}
}

static int open_index(struct ebb_roster *r, const char *path, struct ebb_err *err)
{
	char *index;
	int rc = ebb_run_open(&r->run, path, err);

	if (rc < 0)
		return rc;
	index = ebb_path_join(r->run.dir, "run.h5");
	if (stat(index, &r->index) < 0)
		r->index = (struct stat){0};
	free(index);
	list_rows(r);
	return 0;
}

int ebb_roster_open(struct ebb_roster *r, const char *path, struct ebb_err *err)
{
	int rc;

	*r = (struct ebb_roster){0};
	rc = open_index(r, path, err);
	if (rc == 0)
		look_at_all(r);
	return rc;
}

int ebb_roster_refresh(struct ebb_roster *r, bool *anew, struct ebb_err *err)
{
	char *path = ebb_path_join(r->run.dir, "run.h5");
	struct ebb_roster next = {0};
	struct stat now;
	int rc = 0;

	*anew = stat(path, &now) == 0 && !same_file(&now, &r->index);
	if (*anew)
		rc = open_index(&next, r->run.dir, err);
	if (*anew && rc == 0) {
		inherit(&next, r);
		ebb_roster_release(r);
		*r = next;
	}
	if (rc == 0)
		look_at_all(r);
	free(path);
	return rc;
}

void ebb_roster_release(struct ebb_roster *r)
{
	free(r->row);
	ebb_run_release(&r->run);
	*r = (struct ebb_roster){0};
}

const char *ebb_roster_label(const struct ebb_roster *r, int i)
{
	return r->run.arm[r->row[i].arm].label;
}

uint64_t ebb_roster_seed(const struct ebb_roster *r, int i)
{
	return r->run.seed[r->row[i].seed];
}

void ebb_roster_summary(const struct ebb_roster *r, struct ebb_buf *out)
{
	static const enum ebb_state order[EBB_N_STATES] = {
		EBB_STATE_RUNNING, EBB_STATE_DONE,  EBB_STATE_DIVERGED, EBB_STATE_EXPLODED,
		EBB_STATE_FAILED,  EBB_STATE_STALE, EBB_STATE_QUEUED};
	const char *gap = ":";

	ebb_buf_printf(out, "%d trial%s", r->n, r->n == 1 ? "" : "s");
	for (int k = 0; k < EBB_N_STATES; k++) {
		if (r->count[order[k]] == 0)
			continue;
		ebb_buf_printf(out, "%s %d %s", gap, r->count[order[k]], ebb_state_word(order[k]));
		gap = ",";
	}
	ebb_buf_puts(out, r->working ? "; an ebb run is at work" : "; no ebb run is at work");
}
