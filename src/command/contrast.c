#include "command/contrast.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"

int ebb_side_open(struct ebb_side *side, const char *path, struct ebb_err *err)
{
	const char *resolved, *slash = strrchr(path, '/');
	struct stat st;
	char *index;
	int rc;

	*side = (struct ebb_side){.path = path};
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    strcmp(slash ? slash + 1 : path, "run.h5") != 0) {
		rc = ebb_about_read(&side->about, path, EBB_ABOUT_TRIAL, err);
		side->trial = true;
		return rc;
	}
	rc = ebb_run_open(&side->run, path, err);
	if (rc < 0)
		return rc;
	index = ebb_path_join(side->run.dir, "run.h5");
	rc = ebb_about_read(&side->about, index, EBB_ABOUT_RUN, err);
	if (rc == 0) {
		resolved = ebb_about_get(&side->about.root, "resolved");
		rc = ebb_resolved_read(&side->resolved, resolved ? resolved : "", err);
		if (rc < 0)
			ebb_err_wrap(err, "cannot read '%s'", index);
	}
	free(index);
	return rc;
}

void ebb_side_release(struct ebb_side *side)
{
	ebb_run_release(&side->run);
	ebb_about_release(&side->about);
	ebb_resolved_release(&side->resolved);
}

/* ---- rows ---- */

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *copy(const char *s)
{
	return s ? ebb_xstrdup(s) : NULL;
}

/* Note that a key has two values, for an arm where there is one; arms with the same two values
 * share a row. */
static void note(struct ebb_contrast_rows *rows, const char *key, const char *a, const char *b,
		 const char *arm)
{
	struct ebb_contrast_row *row = NULL;

	for (int i = 0; i < rows->n && !row; i++)
		if (strcmp(rows->row[i].key, key) == 0 && same(rows->row[i].a, a) &&
		    same(rows->row[i].b, b))
			row = &rows->row[i];
	if (!row) {
		rows->row = ebb_xrealloc(rows->row, (size_t)rows->n + 1, sizeof *rows->row);
		row = &rows->row[rows->n++];
		*row = (struct ebb_contrast_row){copy(key), copy(a), copy(b), NULL, 0};
	}
	if (arm) {
		row->arm = ebb_xrealloc(row->arm, (size_t)row->n_arms + 1, sizeof *row->arm);
		row->arm[row->n_arms++] = ebb_xstrdup(arm);
	}
}

static void contrast_settings(struct ebb_contrast_rows *rows, const struct ebb_setting *a, int n_a,
			      const struct ebb_setting *b, int n_b, const char *arm)
{
	int k;

	for (int i = 0; i < n_a; i++) {
		for (k = 0; k < n_b && strcmp(b[k].key, a[i].key) != 0; k++)
			;
		if (k == n_b || strcmp(a[i].value, b[k].value) != 0)
			note(rows, a[i].key, a[i].value, k < n_b ? b[k].value : NULL, arm);
	}
	for (int i = 0; i < n_b; i++) {
		for (k = 0; k < n_a && strcmp(a[k].key, b[i].key) != 0; k++)
			;
		if (k == n_a)
			note(rows, b[i].key, NULL, b[i].value, arm);
	}
}

void ebb_contrast_provenance(struct ebb_contrast_rows *rows, const struct ebb_about_rows *a,
			     const struct ebb_about_rows *b)
{
	static const char *const telling[] = {
		"ebb_version", "git_commit",     "git_dirty",  "git_diff",     "sources_sha256",
		"compiler",    "compiler_flags", "build_type", "hdf5_version", "gsl_version",
		"cpu",         "cpu_features"};

	for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
		const char *x = ebb_about_get(a, telling[i]), *y = ebb_about_get(b, telling[i]);

		if (!same(x, y))
			note(rows, telling[i], x, y, NULL);
	}
}

/* ---- the whole ---- */

static void contrast_arms(struct ebb_contrast *c, const struct ebb_resolved *a,
			  const struct ebb_resolved *b)
{
	c->only_a = ebb_xcalloc((size_t)a->n_arms + 1, sizeof *c->only_a);
	c->only_b = ebb_xcalloc((size_t)b->n_arms + 1, sizeof *c->only_b);
	for (int i = 0; i < a->n_arms; i++) {
		const struct ebb_resolved_arm *x = &a->arm[i], *y = ebb_resolved_arm(b, x->label);

		if (!y) {
			c->only_a[c->n_only_a++] = x->label;
			continue;
		}
		c->common_arms++;
		contrast_settings(&c->option, x->option, x->n_options, y->option, y->n_options,
				  x->label);
	}
	for (int i = 0; i < b->n_arms; i++)
		if (!ebb_resolved_arm(a, b->arm[i].label))
			c->only_b[c->n_only_b++] = b->arm[i].label;
}

/* Seeds of x that y does not have; caller frees. */
static uint64_t *missing_seeds(const struct ebb_run *x, const struct ebb_run *y, int *n)
{
	uint64_t *out = ebb_xcalloc((size_t)x->n_seeds + 1, sizeof *out);
	int k;

	*n = 0;
	for (int i = 0; i < x->n_seeds; i++) {
		for (k = 0; k < y->n_seeds && y->seed[k] != x->seed[i]; k++)
			;
		if (k == y->n_seeds)
			out[(*n)++] = x->seed[i];
	}
	return out;
}

void ebb_contrast_make(struct ebb_contrast *c, const struct ebb_side *a, const struct ebb_side *b)
{
	static const char *const of_trial[] = {"algorithm", "seed"};

	*c = (struct ebb_contrast){0};
	ebb_contrast_provenance(&c->provenance, &a->about.provenance, &b->about.provenance);
	if (!a->trial) {
		contrast_arms(c, &a->resolved, &b->resolved);
		c->seed_a = missing_seeds(&a->run, &b->run, &c->n_seed_a);
		c->seed_b = missing_seeds(&b->run, &a->run, &c->n_seed_b);
		return;
	}
	for (size_t i = 0; i < sizeof of_trial / sizeof *of_trial; i++) {
		const char *x = ebb_about_get(&a->about.root, of_trial[i]);
		const char *y = ebb_about_get(&b->about.root, of_trial[i]);

		if (!same(x, y))
			note(&c->option, of_trial[i], x, y, NULL);
	}
	contrast_settings(&c->option, a->about.option.row, a->about.option.n, b->about.option.row,
			  b->about.option.n, NULL);
}

void ebb_contrast_rows_release(struct ebb_contrast_rows *rows)
{
	for (int i = 0; i < rows->n; i++) {
		struct ebb_contrast_row *row = &rows->row[i];

		for (int k = 0; k < row->n_arms; k++)
			free(row->arm[k]);
		free(row->arm);
		free(row->key);
		free(row->a);
		free(row->b);
	}
	free(rows->row);
	*rows = (struct ebb_contrast_rows){0};
}

void ebb_contrast_release(struct ebb_contrast *c)
{
	ebb_contrast_rows_release(&c->option);
	ebb_contrast_rows_release(&c->provenance);
	free(c->only_a);
	free(c->only_b);
	free(c->seed_a);
	free(c->seed_b);
	*c = (struct ebb_contrast){0};
}
