#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "record/schema.h"
#include "record/seal.h"

bool ebb_trial_exists(const char *run_dir, const char *id)
{
	char *path = ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", run_dir, id);
	bool there = ebb_file_exists(path);

	free(path);
	return there;
}

static hid_t make_group(struct ebb_h5scope *h5, hid_t loc, const char *name, struct ebb_err *err)
{
	hid_t group = ebb_h5_keep(h5, H5Gcreate2(loc, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));

	if (group < 0)
		ebb_h5_fail(err, EBB_EIO, "cannot make group '%s'", name);
	return group;
}

/* The target is relative: HDF5 looks for it from the folder of the index. */
static int link_trial(hid_t group, const char *name, const char *id, struct ebb_err *err)
{
	char file[64];

	snprintf(file, sizeof file, EBB_TRIALS_DIR "/%s.h5", id);
	if (H5Lcreate_external(file, "/", group, name, H5P_DEFAULT, H5P_DEFAULT) < 0)
		return ebb_h5_fail(err, EBB_EIO, "cannot link '%s' to '%s'", name, file);
	return 0;
}

static int put_items(hid_t file, const char *name, const struct ebb_item *item, int n,
		     struct ebb_err *err)
{
	const char **text = ebb_xcalloc((size_t)n + 1, sizeof *text);
	int rc;

	for (int i = 0; i < n; i++)
		text[i] = item[i].text;
	rc = ebb_h5_put_strs(file, name, text, (size_t)n, err);
	free(text);
	return rc;
}

static int put_axes(hid_t group, const struct ebb_arm *arm, struct ebb_err *err)
{
	const char **key = ebb_xcalloc((size_t)arm->n_axes + 1, sizeof *key);
	const char **value = ebb_xcalloc((size_t)arm->n_axes + 1, sizeof *value);
	int rc;

	for (int i = 0; i < arm->n_axes; i++) {
		key[i] = arm->axis[i].key;
		value[i] = arm->axis[i].value;
	}
	rc = ebb_h5_put_strs(group, "axis_keys", key, (size_t)arm->n_axes, err);
	if (rc == 0)
		rc = ebb_h5_put_strs(group, "axis_values", value, (size_t)arm->n_axes, err);
	free(key);
	free(value);
	return rc;
}

/* seeds and trial_ids hold everything planned; links lead to what is finished. */
static int put_arm(hid_t arms, const struct ebb_definition *def, int a, const bool *finished,
		   struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	const struct ebb_arm *arm = &def->arm[a];
	const char **id = ebb_xcalloc((size_t)def->n_seeds + 1, sizeof *id);
	int digits = snprintf(NULL, 0, "%d", def->n_arms - 1); /* names sort as the arms do */
	char *name = ebb_xprintf("%0*d %s", digits > 3 ? digits : 3, a, arm->label), seed[32];
	hid_t group;
	int rc;

	for (char *c = name; *c; c++)
		if (*c == '/') /* would start a subgroup; the attribute keeps the label as it is */
			*c = '|';
	group = make_group(&h5, arms, name, err);
	rc = group < 0 ? EBB_EIO : ebb_h5_put_i64(group, "index", a, err);
	if (rc == 0)
		rc = ebb_h5_put_str(group, "label", arm->label, err);
	if (rc == 0)
		rc = put_axes(group, arm, err);
	for (int s = 0; s < def->n_seeds; s++)
		id[s] = def->plan[def->plan_of[a * def->n_seeds + s]].id;
	if (rc == 0)
		rc = ebb_h5_put_u64s(group, "seeds", def->seed, (size_t)def->n_seeds, err);
	if (rc == 0)
		rc = ebb_h5_put_strs(group, "trial_ids", id, (size_t)def->n_seeds, err);
	for (int s = 0; s < def->n_seeds && rc == 0; s++) {
		if (!finished[def->plan_of[a * def->n_seeds + s]])
			continue;
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)def->seed[s]);
		rc = link_trial(group, seed, id[s], err);
	}
	ebb_h5scope_close(&h5);
	free(name);
	free(id);
	return rc;
}

static int put_root(hid_t file, const struct ebb_definition *def, const struct ebb_catalog *catalog,
		    int n_finished, struct ebb_err *err)
{
	struct ebb_buf resolved = EBB_BUF_INIT;
	char now[32];
	int rc;

	ebb_time_text(now);
	ebb_definition_print(def, catalog, &resolved);
	const struct {
		const char *name, *value;
	} text[] = {
		{"schema", EBB_SCHEMA_RUN},
		{"name", def->name},
		{"about", def->about},
		{"definition", def->source},
		{"overrides", def->overrides},
		{"resolved", resolved.data},
		{"written", now},
	};

	rc = ebb_h5_put_i64(file, "schema_version", EBB_SCHEMA_VERSION, err);
	for (size_t i = 0; i < sizeof text / sizeof *text && rc == 0; i++)
		rc = ebb_h5_put_str(file, text[i].name, text[i].value, err);
	if (rc == 0)
		rc = put_items(file, "figures", def->figure, def->n_figures, err);
	if (rc == 0)
		rc = put_items(file, "claims", def->claim, def->n_claims, err);
	if (rc == 0)
		rc = ebb_h5_put_u64s(file, "seeds", def->seed, (size_t)def->n_seeds, err);
	if (rc == 0)
		rc = ebb_h5_put_i64(file, "trials_planned", def->n_plans, err);
	if (rc == 0)
		rc = ebb_h5_put_i64(file, "trials_finished", n_finished, err);
	ebb_buf_release(&resolved);
	return rc;
}

static int put_index(hid_t file, const struct ebb_definition *def,
		     const struct ebb_catalog *catalog, const bool *finished, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t arms = H5I_INVALID_HID, trials = H5I_INVALID_HID;
	int n_finished = 0, rc;

	for (int p = 0; p < def->n_plans; p++)
		n_finished += finished[p];
	rc = put_root(file, def, catalog, n_finished, err);
	if (rc == 0)
		rc = ebb_schema_provenance(file, err);
	if (rc == 0 && ((arms = make_group(&h5, file, "arms", err)) < 0 ||
			(trials = make_group(&h5, file, "trials", err)) < 0))
		rc = EBB_EIO;
	for (int a = 0; a < def->n_arms && rc == 0; a++)
		rc = put_arm(arms, def, a, finished, err);
	for (int p = 0; p < def->n_plans && rc == 0; p++)
		if (finished[p])
			rc = link_trial(trials, def->plan[p].id, def->plan[p].id, err);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_index_write(const char *run_dir, const struct ebb_definition *def,
		    const struct ebb_catalog *catalog, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_path_join(run_dir, EBB_INDEX_NAME), *tmp = ebb_xprintf("%s.tmp", path);
	bool *finished = ebb_xcalloc((size_t)def->n_plans + 1, sizeof *finished);
	hid_t access, file = H5I_INVALID_HID;
	int rc;

	ebb_record_setup();
	for (int p = 0; p < def->n_plans; p++)
		finished[p] = ebb_trial_exists(run_dir, def->plan[p].id);
	rc = ebb_dir_make(run_dir, err);
	/* The format of HDF5 1.8: long lists of seeds do not fit into attributes of the older one. */
	access = ebb_h5_keep(&h5, H5Pcreate(H5P_FILE_ACCESS));
	if (rc == 0 && access >= 0 &&
	    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) >= 0)
		file = ebb_h5_keep(&h5, H5Fcreate(tmp, H5F_ACC_TRUNC, H5P_DEFAULT, access));
	if (rc == 0 && file < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot create '%s'", tmp);
	if (rc == 0)
		rc = put_index(file, def, catalog, finished, err);
	if (file >= 0) {
		int closed = ebb_h5_close_file(&h5, file, tmp, rc == 0 ? err : NULL);

		rc = rc == 0 ? closed : rc;
	}
	if (rc == 0)
		rc = ebb_seal_write(tmp, err);
	ebb_h5scope_close(&h5);
	if (rc == 0)
		rc = ebb_file_commit(tmp, path, err);
	if (rc < 0) {
		unlink(tmp);
		ebb_err_wrap(err, "index of '%s'", run_dir);
	}
	free(finished);
	free(tmp);
	free(path);
	return rc;
}
