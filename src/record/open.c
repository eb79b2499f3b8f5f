/* Reading the index of a run: its arms, its seeds, and which trials are there. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/text.h"
#include "options/text.h"
#include "record/pack.h"
#include "record/schema.h"

#define ARMS_MAX   (1 << 20)
#define TRIALS_MAX (1 << 24)

/* An identifier becomes part of a path: only what we write ourselves. */
static bool sound_id(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n < EBB_ID_MAX && strspn(id, "0123456789abcdef") == n;
}

/* Is the trial itself in the index, not a link to its file? (record/pack.h) */
static bool is_inside(hid_t index, const char *id)
{
	char name[EBB_ID_MAX + sizeof "/" EBB_TRIALS_DIR "/"];
	H5L_info_t info;

	snprintf(name, sizeof name, "/" EBB_TRIALS_DIR "/%s", id);
	return H5Lexists(index, "/" EBB_TRIALS_DIR, H5P_DEFAULT) > 0 &&
	       H5Lexists(index, name, H5P_DEFAULT) > 0 &&
	       H5Lget_info(index, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

static int read_arm(struct ebb_run *run, hid_t arms, const char *group_name, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_run_arm *arm;
	char **key = NULL, **value = NULL, **id = NULL;
	size_t n_keys = 0, n_values = 0, n_ids = 0;
	char shown[EBB_SHOWN];
	int64_t index = -1;
	hid_t group = ebb_h5_keep(&h5, H5Gopen2(arms, group_name, H5P_DEFAULT));
	int rc;

	if (group < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot open it");
	else
		rc = ebb_h5_get_i64(group, "index", &index, err);
	if (rc == 0 && (index < 0 || index >= run->n_arms || run->arm[index].label))
		rc = ebb_err_set(err, EBB_EFORMAT, "index %lld among %d arms, or twice",
				 (long long)index, run->n_arms);
	if (rc == 0)
		rc = ebb_h5_get_strs(group, "axis_keys", &key, &n_keys, err);
	if (rc == 0)
		rc = ebb_h5_get_strs(group, "axis_values", &value, &n_values, err);
	if (rc == 0)
		rc = ebb_h5_get_strs(group, "trial_ids", &id, &n_ids, err);
	if (rc == 0 && (n_keys != n_values || n_ids != (size_t)run->n_seeds))
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "%zu settings of %zu keys, %zu trials of %d seeds", n_values,
				 n_keys, n_ids, run->n_seeds);
	for (size_t s = 0; s < n_ids && rc == 0; s++)
		if (!sound_id(id[s]))
			rc = ebb_err_set(err, EBB_EFORMAT, "'%s' is not a trial's id",
					 ebb_show(shown, id[s]));
	if (rc == 0) {
		arm = &run->arm[index];
		rc = ebb_h5_get_str(group, "label", &arm->label, err);
	}
	if (rc == 0)
		rc = ebb_h5_check_plain(arm->label, "its label", err);
	for (size_t i = 0; i < n_keys && rc == 0; i++) {
		rc = ebb_h5_check_plain(key[i], "its key", err);
		if (rc == 0)
			rc = ebb_h5_check_plain(value[i], "its value", err);
	}
	if (rc == 0) {
		arm->n_axes = (int)n_keys;
		arm->axis = ebb_xcalloc(n_keys + 1, sizeof *arm->axis);
		for (size_t i = 0; i < n_keys; i++) {
			arm->axis[i] = (struct ebb_setting){key[i], value[i]};
			key[i] = value[i] = NULL;
		}
		for (int s = 0; s < run->n_seeds; s++) {
			size_t at = (size_t)index * (size_t)run->n_seeds + (size_t)s;

			memcpy(run->trial[at], id[s], strlen(id[s]) + 1);
			run->finished[at] =
				ebb_trial_exists(run->dir, id[s]) || is_inside(arms, id[s]);
		}
	}
	ebb_h5_free_strs(key, n_keys);
	ebb_h5_free_strs(value, n_values);
	ebb_h5_free_strs(id, n_ids);
	ebb_h5scope_close(&h5);
	return rc < 0 ? ebb_err_wrap(err, "arm '%s'", ebb_show(shown, group_name)), rc : 0;
}

static int read_arms(struct ebb_run *run, hid_t file, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t arms = ebb_h5_keep(&h5, H5Gopen2(file, "arms", H5P_DEFAULT));
	H5G_info_t info;
	char name[1024];
	size_t cells;
	int rc = 0;

	if (arms < 0 || H5Gget_info(arms, &info) < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot open group 'arms'");
	else if (info.nlinks > ARMS_MAX || info.nlinks * (hsize_t)(run->n_seeds + 1) > TRIALS_MAX)
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "it claims %llu arms of %d seeds: at most %d arms and %d trials "
				 "are read",
				 (unsigned long long)info.nlinks, run->n_seeds, ARMS_MAX,
				 TRIALS_MAX);
	if (rc == 0) {
		run->n_arms = (int)info.nlinks;
		cells = (size_t)run->n_arms * (size_t)run->n_seeds + 1;
		run->arm = ebb_calloc((size_t)run->n_arms + 1, sizeof *run->arm, err);
		run->trial = ebb_calloc(cells, sizeof *run->trial, err);
		run->finished = ebb_calloc(cells, sizeof *run->finished, err);
		if (!run->arm || !run->trial || !run->finished)
			rc = EBB_ENOMEM;
	}
	for (int i = 0; i < run->n_arms && rc == 0; i++) {
		if (H5Lget_name_by_idx(arms, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name,
				       sizeof name, H5P_DEFAULT) < 0)
			rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot list the arms");
		else
			rc = read_arm(run, arms, name, err);
	}
	ebb_h5scope_close(&h5);
	return rc;
}

static int read_strs(hid_t file, const char *name, char ***value, int *n, struct ebb_err *err)
{
	size_t count;
	int rc = ebb_h5_get_strs(file, name, value, &count, err);

	*n = (int)count;
	return rc;
}

static int read_seeds(struct ebb_run *run, hid_t file, struct ebb_err *err)
{
	size_t count;
	int rc = ebb_h5_get_u64s(file, "seeds", &run->seed, &count, err);

	run->n_seeds = (int)count;
	return rc;
}

/* "RUN" or "RUN/run.h5". */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return ebb_xstrdup(path);
	if (strcmp(slash ? slash + 1 : path, EBB_INDEX_NAME) != 0)
		return NULL;
	return slash ? ebb_xprintf("%.*s", slash == path ? 1 : (int)(slash - path), path)
		     : ebb_xstrdup(".");
}

int ebb_run_open(struct ebb_run *run, const char *path, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *index;
	hid_t file;
	int rc = 0;

	*run = (struct ebb_run){0};
	run->dir = folder_of(path);
	if (!run->dir) {
		if (!ebb_file_exists(path))
			return ebb_err_set(err, EBB_ENOENT, "no run directory '%s'", path);
		return ebb_err_set(err, EBB_EINVAL,
				   "'%s' is not a run; give a run directory or its " EBB_INDEX_NAME,
				   path);
	}
	index = ebb_path_join(run->dir, EBB_INDEX_NAME);
	if (!ebb_file_exists(index)) {
		rc = ebb_err_set(err, EBB_ENOENT,
				 "'%s' holds no run: it has no " EBB_INDEX_NAME
				 "; give the directory that 'ebb run' wrote",
				 run->dir);
		goto out;
	}
	file = ebb_schema_open(&h5, index, EBB_SCHEMA_RUN, err);
	if (file < 0) {
		rc = err ? err->code : EBB_EFORMAT;
		goto out;
	}
	rc = ebb_h5_get_str(file, "name", &run->name, err);
	if (rc == 0)
		rc = ebb_h5_check_plain(run->name, "its name", err);
	if (rc == 0)
		rc = ebb_h5_get_str(file, "about", &run->about, err);
	if (rc == 0)
		rc = read_strs(file, "figures", &run->figure, &run->n_figures, err);
	for (int i = 0; i < run->n_figures && rc == 0; i++)
		rc = ebb_h5_check_plain(run->figure[i], "its figure", err);
	if (rc == 0)
		rc = read_strs(file, "claims", &run->claim, &run->n_claims, err);
	if (rc == 0)
		rc = read_seeds(run, file, err);
	if (rc == 0)
		rc = read_arms(run, file, err);
	if (rc < 0)
		ebb_err_wrap(err, "cannot read '%s'", index);
	/* What a file of ours lacks is a damaged file, not a missing one. */
	if (rc == EBB_ENOENT) {
		rc = EBB_EFORMAT;
		if (err)
			err->code = rc;
	}
out:
	ebb_h5scope_close(&h5);
	free(index);
	if (rc < 0)
		ebb_run_release(run);
	return rc;
}

void ebb_run_release(struct ebb_run *run)
{
	for (int a = 0; run->arm && a < run->n_arms; a++) {
		for (int i = 0; i < run->arm[a].n_axes; i++) {
			free(run->arm[a].axis[i].key);
			free(run->arm[a].axis[i].value);
		}
		free(run->arm[a].axis);
		free(run->arm[a].label);
	}
	free(run->arm);
	for (int i = 0; i < run->n_sources; i++) {
		free(run->source[i].dir);
		free(run->source[i].name);
		free(run->source[i].about);
		free(run->source[i].tag);
	}
	free(run->source);
	free(run->arm_sources);
	free(run->source_of);
	ebb_h5_free_strs(run->figure, (size_t)run->n_figures);
	ebb_h5_free_strs(run->claim, (size_t)run->n_claims);
	free(run->dir);
	free(run->name);
	free(run->about);
	free(run->seed);
	free(run->trial);
	free(run->finished);
	*run = (struct ebb_run){0};
}

const char *ebb_run_folder(const struct ebb_run *run, int arm, int seed)
{
	size_t at = (size_t)arm * (size_t)run->n_seeds + (size_t)seed;

	return run->source_of ? run->source[run->source_of[at]].dir : run->dir;
}
