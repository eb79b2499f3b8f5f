#include "command/fitted.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/names.h"
#include "analysis/recorded.h"
#include "model/model.h"
#include "task/task.h"
#include "train/lab.h"

/* ---- one trial ---- */

/* Answers behind one accuracy: questions times samples, as the trial recorded them. */
static int answers_of(const struct ebb_run *run, int arm, int seed, double *answers,
		      struct ebb_err *err)
{
	static const char *const name[] = {"questions", "samples"};
	const char *dir = ebb_run_folder(run, arm, seed),
		   *id = run->trial[arm * run->n_seeds + seed];
	double v;
	int rc = 0;

	*answers = 1.0;
	for (int i = 0; i < 2 && rc == 0; i++) {
		rc = ebb_trial_option(dir, id, "eval", name[i], &v, err);
		*answers *= v;
	}
	return rc;
}

static int fit_pairs(const struct ebb_fits *f, struct ebb_fitted *t, struct ebb_err *err)
{
	const struct ebb_law_data data = {t->pairs.H, t->pairs.R, t->pairs.step, t->pairs.n};
	struct ebb_law_how how = {.early = f->ask->early};
	int rc = 0;

	if (f->ask->weighted)
		rc = answers_of(f->run, t->arm, t->seed, &how.answers, err);
	if (rc == 0)
		rc = ebb_law_make(&data, &how, &t->law, err);
	t->outcome = t->law.insufficient_range ? EBB_FIT_RANGE : EBB_FIT_OK;
	if (rc == 0 && t->outcome == EBB_FIT_OK)
		rc = ebb_law_blocks(&data, &how, f->ask->block, &t->band, err);
	return rc;
}

static int fit_trial(const struct ebb_fits *f, struct ebb_fitted *t, struct ebb_err *err)
{
	char status[16] = "";
	int rc = ebb_run_status(f->run, t->arm, t->seed, status, err);

	if (rc != 0)
		return rc;
	if (strcmp(status, "diverged") == 0) {
		t->outcome = EBB_FIT_DIVERGED;
		return 0;
	}
	rc = ebb_pairs_read(f->run, t->arm, t->seed, &t->pairs, err);
	if (rc == EBB_ENOENT) {
		t->outcome = EBB_FIT_ABSENT;
		return 0;
	}
	t->law.n = t->pairs.n;
	if (rc == 0 && t->pairs.n < 3)
		t->outcome = EBB_FIT_FEW;
	else if (rc == 0)
		rc = fit_pairs(f, t, err);
	return rc;
}

static int fit_trials(struct ebb_fits *f, struct ebb_err *err)
{
	const struct ebb_run *run = f->run;
	int rc = 0;

	for (int i = 0; i < run->n_arms * run->n_seeds && rc == 0; i++) {
		if (!run->finished[i] || !f->wanted[i / run->n_seeds])
			continue;
		f->of[f->n].arm = i / run->n_seeds;
		f->of[f->n].seed = i % run->n_seeds;
		rc = fit_trial(f, &f->of[f->n++], err);
	}
	if (rc == 0 && f->n == 0)
		rc = ebb_err_set(err, EBB_ENOENT,
				 "'%s' has no finished trial; ebb run continues it", run->dir);
	return rc;
}

/* ---- over the trials of an arm ---- */

#define LAW(member) offsetof(struct ebb_law, member)
const struct ebb_fit_column ebb_fit_column[] = {
	{"a", "a", LAW(a), true},
	{"b", "b", LAW(b), true},
	{"ceiling", "ceiling b-a", LAW(ceiling), true},
	{"r2", "R2 exp", LAW(r2), false},
	{"linear_r2", "R2 linear", LAW(linear.r2), false},
	{"log_r2", "R2 log step", LAW(log_step.r2), false},
	{"early_rmse", "early RMSE", LAW(early_rmse), false},
	{"early_last", "last", LAW(early_last), false},
	{"early_linear_rmse", "linear RMSE", LAW(early_linear_rmse), false},
	{"early_linear_last", "last", LAW(early_linear_last), false},
	{"early_ceiling", "early ceiling", LAW(early_ceiling), false},
};
#undef LAW
const int ebb_n_fit_columns = (int)(sizeof ebb_fit_column / sizeof ebb_fit_column[0]);

int ebb_fits_summary(const struct ebb_fits *f, int arm, size_t offset, struct ebb_summary *out,
		     struct ebb_err *err)
{
	double *v = ebb_xcalloc((size_t)f->n + 1, sizeof *v);
	int m = 0, rc;

	for (int i = 0; i < f->n; i++)
		if (f->of[i].arm == arm && f->of[i].outcome == EBB_FIT_OK)
			v[m++] = *(const double *)((const char *)&f->of[i].law + offset);
	rc = ebb_summarise(v, m, out, err);
	free(v);
	return rc;
}

struct ebb_fit_counts ebb_fits_count(const struct ebb_fits *f, int arm)
{
	struct ebb_fit_counts c = {0};

	for (int i = 0; i < f->n; i++) {
		const struct ebb_law *law = &f->of[i].law;

		if (f->of[i].arm != arm)
			continue;
		c.narrow += f->of[i].outcome == EBB_FIT_RANGE;
		if (f->of[i].outcome != EBB_FIT_OK)
			continue;
		c.fitted++;
		c.good += law->r2 >= EBB_FIT_R2;
		c.stands += ebb_law_stands(law, EBB_FIT_SLACK);
		c.rising += law->a < 0.0;
		c.above += law->a >= 0.0 && law->last_excess > 0.0;
	}
	return c;
}

/* ---- one law for all arms ---- */

static int fit_common(struct ebb_fits *f, struct ebb_err *err)
{
	struct ebb_common_trial *trial = ebb_xcalloc((size_t)f->n, sizeof *trial);
	int *place = ebb_xcalloc((size_t)f->run->n_arms, sizeof *place), n = 0, rc = 0;

	f->common_arm = ebb_xcalloc((size_t)f->run->n_arms, sizeof *f->common_arm);
	for (int a = 0; a < f->run->n_arms; a++)
		if (ebb_fits_count(f, a).fitted > 0) {
			place[a] = f->n_common;
			f->common_arm[f->n_common++] = a;
		}
	for (int i = 0; i < f->n; i++) {
		const struct ebb_fitted *t = &f->of[i];

		if (t->outcome == EBB_FIT_OK)
			trial[n++] = (struct ebb_common_trial){
				place[t->arm],
				t->seed,
				{t->pairs.H, t->pairs.R, t->pairs.step, t->pairs.n}};
	}
	if (f->n_common >= 2)
		rc = ebb_common_fit(trial, n, f->n_common, &f->common, err);
	else
		f->n_common = 0;
	free(place);
	free(trial);
	return rc;
}

/* ---- over model sizes ---- */

/* Parameters but those of embedding and head, in millions. */
static int size_of(const struct ebb_options *o, double *size, struct ebb_err *err)
{
	const struct ebb_model model = ebb_lab_model(o);
	struct ebb_layout layout;
	int rc = ebb_layout_init(&layout, &model, err);

	if (rc < 0)
		return rc;
	*size = ((double)layout.n_parameters -
		 (model.tied ? 1.0 : 2.0) * (double)model.V * model.C) /
		1e6;
	ebb_layout_release(&layout);
	return 0;
}

/* The axes of an arm but those of the model, as a label. */
static char *label_without_model(const struct ebb_run_arm *arm)
{
	struct ebb_buf out = EBB_BUF_INIT;

	ebb_buf_puts(&out, "");
	for (int i = 0; i < arm->n_axes; i++) {
		const struct ebb_setting *axis = &arm->axis[i];

		if (strncmp(axis->key, "model.", 6) == 0)
			continue;
		ebb_buf_puts(&out, out.len > 0 ? " " : "");
		if (strcmp(axis->key, "algorithm") != 0)
			ebb_buf_printf(&out, "%s=", axis->key);
		ebb_buf_puts(&out, axis->value);
	}
	return ebb_buf_take(&out);
}

/* Put an arm into its family, ascending in size. */
static void join_family(struct ebb_fits *f, int arm, double size)
{
	char *label = label_without_model(&f->run->arm[arm]);
	struct ebb_fit_family *one = NULL;
	int at;

	for (int i = 0; i < f->n_families; i++)
		if (strcmp(f->family[i].label, label) == 0)
			one = &f->family[i];
	if (one == NULL) {
		one = &f->family[f->n_families++];
		one->label = label;
		one->arm = ebb_xcalloc((size_t)f->run->n_arms, sizeof *one->arm);
		one->size = ebb_xcalloc((size_t)f->run->n_arms, sizeof *one->size);
	} else {
		free(label);
	}
	for (at = one->n++; at > 0 && one->size[at - 1] > size; at--) {
		one->size[at] = one->size[at - 1];
		one->arm[at] = one->arm[at - 1];
	}
	one->size[at] = size;
	one->arm[at] = arm;
}

static int fit_family(const struct ebb_fits *f, struct ebb_fit_family *one, struct ebb_err *err)
{
	const size_t room = (size_t)one->n * (size_t)f->run->n_seeds;
	double *a = ebb_xcalloc(2 * room, sizeof *a), *b = a + room;
	double *ln = ebb_xcalloc((size_t)one->n, sizeof *ln);
	int rc;

	for (size_t i = 0; i < 2 * room; i++)
		a[i] = (double)NAN;
	for (int i = 0; i < one->n; i++) {
		ln[i] = log(one->size[i]);
		for (int t = 0; t < f->n; t++)
			if (f->of[t].arm == one->arm[i] && f->of[t].outcome == EBB_FIT_OK) {
				a[i * f->run->n_seeds + f->of[t].seed] = f->of[t].law.a;
				b[i * f->run->n_seeds + f->of[t].seed] = f->of[t].law.b;
			}
	}
	rc = ebb_size_fit(ln, a, one->n, f->run->n_seeds, &one->a, err);
	if (rc == 0)
		rc = ebb_size_fit(ln, b, one->n, f->run->n_seeds, &one->b, err);
	free(ln);
	free(a);
	return rc;
}

static void release_family(struct ebb_fit_family *one)
{
	free(one->label);
	free(one->arm);
	free(one->size);
}

/* Families of one size have no size law and go. */
static int fit_families(struct ebb_fits *f, struct ebb_err *err)
{
	int kept = 0, rc = 0;

	for (int i = 0; i < f->n_families; i++) {
		struct ebb_fit_family *one = &f->family[i];

		if (rc == 0 && one->size[0] < one->size[one->n - 1]) {
			rc = fit_family(f, one, err);
			f->family[kept++] = *one;
		} else {
			release_family(one);
		}
	}
	f->n_families = kept;
	return rc;
}

/* Joined runs have no definition in common, so nothing is known of their arms' sizes. */
static int fit_sizes(struct ebb_fits *f, struct ebb_err *err)
{
	struct ebb_definition def = {0};
	double size;
	int rc;

	if (f->run->n_sources > 0)
		return 0;
	rc = ebb_recorded_read(&def, f->run, ebb_task_catalog(), err);
	if (rc == EBB_EINVAL) { /* of a version with other options: no sizes, and the rest stands */
		ebb_definition_release(&def);
		return 0;
	}
	f->family = ebb_xcalloc((size_t)f->run->n_arms, sizeof *f->family);
	for (int a = 0; a < f->run->n_arms && rc == 0; a++) {
		if (ebb_fits_count(f, a).fitted == 0)
			continue;
		rc = size_of(&def.arm[a].options, &size, err);
		if (rc == 0)
			join_family(f, a, size);
	}
	if (rc == 0)
		rc = fit_families(f, err);
	ebb_definition_release(&def);
	return rc;
}

/* ---- all of it ---- */

static int choose_arms(struct ebb_fits *f, struct ebb_err *err)
{
	int *arm = ebb_xcalloc((size_t)f->run->n_arms + 1, sizeof *arm), n, rc = 0;

	for (int a = 0; a < f->run->n_arms; a++)
		f->wanted[a] = f->ask->n_labels == 0;
	for (int i = 0; i < f->ask->n_labels && rc == 0; i++) {
		n = 0;
		rc = ebb_name_arms(f->run, f->ask->label[i], arm, &n, err);
		for (int k = 0; k < n && rc == 0; k++)
			f->wanted[arm[k]] = true;
	}
	free(arm);
	return rc;
}

int ebb_fits_make(struct ebb_fits *f, const struct ebb_run *run, const struct ebb_fit_request *ask,
		  struct ebb_err *err)
{
	int rc;

	*f = (struct ebb_fits){.run = run, .ask = ask};
	f->wanted = ebb_xcalloc((size_t)run->n_arms + 1, sizeof *f->wanted);
	f->of = ebb_xcalloc((size_t)run->n_arms * (size_t)run->n_seeds + 1, sizeof *f->of);
	rc = choose_arms(f, err);
	if (rc == 0)
		rc = fit_trials(f, err);
	if (rc == 0)
		rc = fit_common(f, err);
	if (rc == 0)
		rc = fit_sizes(f, err);
	return rc;
}

void ebb_fits_release(struct ebb_fits *f)
{
	for (int i = 0; i < f->n; i++)
		ebb_pairs_release(&f->of[i].pairs);
	for (int i = 0; i < f->n_families; i++)
		release_family(&f->family[i]);
	free(f->family);
	ebb_common_release(&f->common);
	free(f->common_arm);
	free(f->of);
	free(f->wanted);
	*f = (struct ebb_fits){0};
}
