#include "record/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "record/schema.h"
#include "record/seal.h"

/* ---- scales ---- */

struct names {
	char **name;
	int n;
};

static herr_t list_dataset(hid_t trial, const char *name, const H5O_info_t *info, void *ctx)
{
	struct names *s = ctx;

	if (info->type != H5O_TYPE_DATASET)
		return 0;
	s->name = ebb_xrealloc(s->name, (size_t)s->n + 1, sizeof *s->name);
	s->name[s->n++] = ebb_xstrdup(name);
	return 0;
}

/* References among attributes name addresses of the old file (H5Ocopy of 1.10 leaves those inside
 * variable-length and compound values as they are): they are dropped, then made anew. */
static int drop_references(hid_t dset, struct ebb_err *err)
{
	static const char *const attribute[] = {"DIMENSION_LIST", "REFERENCE_LIST"};

	for (size_t i = 0; i < sizeof attribute / sizeof *attribute; i++)
		if (H5Aexists(dset, attribute[i]) > 0 && H5Adelete(dset, attribute[i]) < 0)
			return ebb_h5_fail(err, EBB_EIO, "cannot drop '%s'", attribute[i]);
	return 0;
}

static bool is_coordinate(const char *name)
{
	return ebb_field_is_coordinate(&(struct ebb_field){.name = name});
}

/* Attach the coordinates to every dataset of their axis, as ebb_schema_scales does when a trial is
 * written. */
static int remake_scales(hid_t trial, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct names s = {0};
	hid_t *dset = NULL;
	char **axis = NULL;
	int rc = 0;

	if (H5Ovisit(trial, H5_INDEX_NAME, H5_ITER_INC, list_dataset, &s) < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot list the datasets");
	dset = ebb_xcalloc((size_t)s.n + 1, sizeof *dset);
	axis = ebb_xcalloc((size_t)s.n + 1, sizeof *axis);
	for (int i = 0; i < s.n && rc == 0; i++) {
		dset[i] = ebb_h5_keep(&h5, H5Dopen2(trial, s.name[i], H5P_DEFAULT));
		if (dset[i] < 0)
			rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot open '%s'", s.name[i]);
		else
			rc = drop_references(dset[i], err);
		if (rc == 0 && ebb_h5_get_str(dset[i], "axis", &axis[i], NULL) < 0)
			axis[i] = ebb_xstrdup("");
	}
	for (int i = 0; i < s.n && rc == 0; i++)
		for (int k = 0; k < s.n && rc == 0; k++)
			if (!is_coordinate(s.name[i]) && is_coordinate(s.name[k]) &&
			    strcmp(axis[i], axis[k]) == 0 &&
			    H5DSattach_scale(dset[i], dset[k], 0) < 0)
				rc = ebb_h5_fail(err, EBB_EIO, "cannot attach '%s' to '%s'",
						 s.name[k], s.name[i]);
	for (int i = 0; i < s.n; i++) {
		free(axis[i]);
		free(s.name[i]);
	}
	free(axis);
	free(dset);
	free(s.name);
	ebb_h5scope_close(&h5);
	return rc;
}

/* ---- packing ---- */

static int replace_link(hid_t group, const char *name, struct ebb_err *err)
{
	if (H5Lexists(group, name, H5P_DEFAULT) > 0 && H5Ldelete(group, name, H5P_DEFAULT) < 0)
		return ebb_h5_fail(err, EBB_EIO, "cannot replace link '%s'", name);
	return 0;
}

/* The trial's file, copied to /trials/<id>. */
static int put_trial(hid_t trials, const char *run_dir, const char *id, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *path = ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", run_dir, id);
	hid_t file = ebb_schema_open(&h5, path, EBB_SCHEMA_TRIAL, err), copy;
	int rc = file < 0 ? (err ? err->code : EBB_EFORMAT) : replace_link(trials, id, err);

	if (rc == 0 && H5Ocopy(file, "/", trials, id, H5P_DEFAULT, H5P_DEFAULT) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot copy '%s'", path);
	if (rc == 0) {
		copy = ebb_h5_keep(&h5, H5Gopen2(trials, id, H5P_DEFAULT));
		rc = copy < 0 ? ebb_h5_fail(err, EBB_EIO, "cannot open the copy of '%s'", path)
			      : remake_scales(copy, err);
	}
	ebb_h5scope_close(&h5);
	free(path);
	return rc;
}

static bool is_inside(hid_t trials, const char *id)
{
	H5L_info_t info;

	return H5Lexists(trials, id, H5P_DEFAULT) > 0 &&
	       H5Lget_info(trials, id, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

/* Links of an arm to its finished trials, now inside. */
static int link_arm(hid_t arms, const char *name, hid_t trials, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t arm = ebb_h5_keep(&h5, H5Gopen2(arms, name, H5P_DEFAULT));
	char **id = NULL, seed_name[32];
	uint64_t *seed = NULL;
	size_t n_ids = 0, n_seeds = 0;
	int rc = arm < 0 ? ebb_h5_fail(err, EBB_EFORMAT, "cannot open it")
			 : ebb_h5_get_strs(arm, "trial_ids", &id, &n_ids, err);

	if (rc == 0)
		rc = ebb_h5_get_u64s(arm, "seeds", &seed, &n_seeds, err);
	if (rc == 0 && n_ids != n_seeds)
		rc = ebb_err_set(err, EBB_EFORMAT, "%zu trials of %zu seeds", n_ids, n_seeds);
	for (size_t i = 0; i < n_ids && rc == 0; i++) {
		if (!is_inside(trials, id[i]))
			continue;
		snprintf(seed_name, sizeof seed_name, "%llu", (unsigned long long)seed[i]);
		rc = replace_link(arm, seed_name, err);
		if (rc == 0 &&
		    H5Lcreate_hard(trials, id[i], arm, seed_name, H5P_DEFAULT, H5P_DEFAULT) < 0)
			rc = ebb_h5_fail(err, EBB_EIO, "cannot link '%s'", seed_name);
	}
	ebb_h5_free_strs(id, n_ids);
	free(seed);
	ebb_h5scope_close(&h5);
	return rc < 0 ? ebb_err_wrap(err, "arm '%.80s'", name), rc : 0;
}

static int link_arms(hid_t file, hid_t trials, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t arms = ebb_h5_keep(&h5, H5Gopen2(file, "arms", H5P_DEFAULT));
	H5G_info_t info;
	char name[1024];
	int rc = 0;

	if (arms < 0 || H5Gget_info(arms, &info) < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot open group 'arms'");
	for (hsize_t i = 0; rc == 0 && i < info.nlinks; i++) {
		if (H5Lget_name_by_idx(arms, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
				       H5P_DEFAULT) < 0)
			rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot list the arms");
		else
			rc = link_arm(arms, name, trials, err);
	}
	ebb_h5scope_close(&h5);
	return rc;
}

/* Copy the index as it is. Its seal comes along and is dropped when HDF5 writes the copy. */
static int copy_file(const char *from, const char *to, struct ebb_err *err)
{
	char *data;
	size_t n;
	int rc = ebb_file_read(from, (size_t)1 << 40, &data, &n, err);

	if (rc == 0)
		rc = ebb_file_write(to, data, n, err);
	free(data);
	return rc;
}

/* tmp is a copy of the index: put every finished trial in. */
static int fill(const char *tmp, const struct ebb_run *run, int *n_trials, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t file = ebb_h5_keep(&h5, H5Fopen(tmp, H5F_ACC_RDWR, H5P_DEFAULT)), trials;
	int cells = run->n_arms * run->n_seeds, rc = 0;

	if (file < 0)
		return ebb_h5_fail(err, EBB_EIO, "cannot open '%s'", tmp);
	trials = ebb_h5_keep(&h5, H5Gopen2(file, "trials", H5P_DEFAULT));
	if (trials < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot open group 'trials'");
	for (int i = 0; i < cells && rc == 0; i++)
		if (ebb_trial_exists(run->dir, run->trial[i]) && !is_inside(trials, run->trial[i]))
			rc = put_trial(trials, run->dir, run->trial[i], err);
	if (rc == 0)
		rc = link_arms(file, trials, err);
	if (rc == 0) {
		H5G_info_t info;

		*n_trials = H5Gget_info(trials, &info) < 0 ? 0 : (int)info.nlinks;
		rc = ebb_h5_put_i64(file, "trials_finished", *n_trials, err);
	}
	if (rc == 0)
		return ebb_h5_close_file(&h5, file, tmp, err);
	ebb_h5_close_file(&h5, file, tmp, NULL);
	return rc;
}

/* The lock of a run; -1 in *fd where there is none to take. */
static int lock_run(const char *dir, int *fd, struct ebb_err *err)
{
	char *path = ebb_path_join(dir, ".lock");
	int rc = 0;

	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		rc = ebb_err_set(err, EBB_EBUSY,
				 "an ebb run works on '%s'; wait for its end or interrupt it", dir);
	free(path);
	return rc;
}

/* Visit the ids that only the index has, until visit says stop (not 0); its answer. */
static int each_orphan(const char *run_dir, int (*visit)(hid_t trials, const char *id, void *ctx),
		       void *ctx, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT;
	char *index = ebb_path_join(run_dir, EBB_INDEX_NAME), name[EBB_ID_MAX];
	hid_t file = ebb_schema_open(&h5, index, EBB_SCHEMA_RUN, &local), trials;
	H5G_info_t info;
	int rc = 0;

	if (file < 0) {
		rc = local.code;
		if (err)
			*err = local;
		goto out;
	}
	trials = ebb_h5_keep(&h5, H5Gopen2(file, EBB_TRIALS_DIR, H5P_DEFAULT));
	if (trials < 0 || H5Gget_info(trials, &info) < 0) {
		rc = ebb_h5_fail(err, EBB_EFORMAT, "'%s' has no group 'trials'", index);
		goto out;
	}
	for (hsize_t i = 0; i < info.nlinks && rc == 0; i++)
		if (H5Lget_name_by_idx(trials, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
				       sizeof name, H5P_DEFAULT) == EBB_ID_MAX - 1 &&
		    strspn(name, "0123456789abcdef") == EBB_ID_MAX - 1 && is_inside(trials, name) &&
		    !ebb_trial_exists(run_dir, name))
			rc = visit(trials, name, ctx);
out:
	ebb_h5scope_close(&h5);
	free(index);
	return rc;
}

struct target {
	const struct ebb_run *run;
	char id[EBB_ID_MAX]; /* out: a trial that the run does not have */
};

static int find_other(hid_t trials, const char *id, void *ctx)
{
	struct target *t = ctx;

	for (int i = 0; i < t->run->n_arms * t->run->n_seeds; i++)
		if (strcmp(t->run->trial[i], id) == 0)
			return 0;
	snprintf(t->id, sizeof t->id, "%s", id);
	return 1;
}

/* The index of another run, or the only copy of its trials, is not to be overwritten. */
static int check_target(const struct ebb_run *run, const char *to_dir, struct ebb_err *err)
{
	char *trials = ebb_path_join(to_dir, EBB_TRIALS_DIR);
	struct target t = {.run = run};
	struct ebb_err ignored;
	int rc = 0;

	if (ebb_file_exists(trials))
		rc = ebb_err_set(err, EBB_EINVAL,
				 "'%s' is a run directory of its own: name a new folder", to_dir);
	else if (each_orphan(to_dir, find_other, &t, &ignored) == 1)
		rc = ebb_err_set(err, EBB_EINVAL,
				 "'%s' holds another packed run, with trial %s: name a new folder",
				 to_dir, t.id);
	free(trials);
	return rc;
}

int ebb_pack_write(const char *run_dir, const char *to_dir, int *n_trials, struct ebb_err *err)
{
	struct ebb_run run = {0};
	int fd[2] = {-1, -1}, rc = ebb_run_open(&run, run_dir, err);
	char *from, *to, *tmp;
	struct stat a, b;

	if (rc < 0)
		return rc;
	from = ebb_path_join(run.dir, EBB_INDEX_NAME);
	to = ebb_path_join(to_dir, EBB_INDEX_NAME);
	tmp = ebb_xprintf("%s.tmp", to);
	rc = ebb_dir_make(to_dir, err);
	if (rc == 0)
		rc = lock_run(run.dir, &fd[0], err);
	if (rc == 0 && stat(run.dir, &a) == 0 && stat(to_dir, &b) == 0 &&
	    (a.st_ino != b.st_ino || a.st_dev != b.st_dev)) {
		rc = lock_run(to_dir, &fd[1], err);
		if (rc == 0)
			rc = check_target(&run, to_dir, err);
	}
	if (rc == 0)
		rc = copy_file(from, tmp, err);
	if (rc == 0) {
		rc = fill(tmp, &run, n_trials, err);
		if (rc == 0)
			rc = ebb_seal_write(tmp, err);
		if (rc == 0)
			rc = ebb_file_commit(tmp, to, err);
		if (rc < 0)
			unlink(tmp);
	}
	if (rc < 0)
		ebb_err_wrap(err, "cannot pack '%s'", run.dir);
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(tmp);
	free(to);
	free(from);
	ebb_run_release(&run);
	return rc;
}

/* ---- the way back ---- */

/* Copy one attribute to another object of another file. */
static herr_t copy_attribute(hid_t from, const char *name, const H5A_info_t *info, void *ctx)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	const hid_t *to = ctx;
	hid_t old = ebb_h5_keep(&h5, H5Aopen(from, name, H5P_DEFAULT));
	hid_t type = old < 0 ? old : ebb_h5_keep(&h5, H5Aget_type(old));
	hid_t space = old < 0 ? old : ebb_h5_keep(&h5, H5Aget_space(old)), new;
	hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
	herr_t rc = -1;
	void *value;

	if (type < 0 || n < 0 || n > 1 << 20 || H5Tget_size(type) > 1 << 20)
		goto out;
	value = ebb_xcalloc((size_t)n + 1, H5Tget_size(type));
	new = ebb_h5_keep(&h5, H5Acreate2(*to, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
	if (new >= 0 && H5Aread(old, type, value) >= 0) {
		rc = H5Awrite(new, type, value);
		if (H5Tdetect_class(type, H5T_STRING) > 0 || H5Tdetect_class(type, H5T_VLEN) > 0)
			H5Dvlen_reclaim(type, space, H5P_DEFAULT, value);
	}
	free(value);
out:
	ebb_h5scope_close(&h5);
	return rc < 0 ? -1 : 0;
}

static herr_t copy_child(hid_t from, const char *name, const H5L_info_t *info, void *ctx)
{
	const hid_t *to = ctx;

	return H5Ocopy(from, name, *to, name, H5P_DEFAULT, H5P_DEFAULT) < 0 ? -1 : 0;
}

/* The group /trials/<id> as a file of its own. */
static int take_out(hid_t group, const char *path, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *tmp = ebb_xprintf("%s.tmp", path);
	hid_t access = ebb_h5_keep(&h5, H5Pcreate(H5P_FILE_ACCESS)), file = H5I_INVALID_HID;
	int rc = 0;

	if (access >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) >= 0)
		file = ebb_h5_keep(&h5, H5Fcreate(tmp, H5F_ACC_TRUNC, H5P_DEFAULT, access));
	if (file < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot create '%s'", tmp);
	else if (H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_attribute, &file) < 0 ||
		 H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_child, &file) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot copy to '%s'", tmp);
	if (rc == 0)
		rc = remake_scales(file, err);
	if (file >= 0) {
		int closed = ebb_h5_close_file(&h5, file, tmp, rc == 0 ? err : NULL);

		rc = rc == 0 ? closed : rc;
	}
	ebb_h5scope_close(&h5);
	if (rc == 0)
		rc = ebb_seal_write(tmp, err);
	if (rc == 0)
		rc = ebb_file_commit(tmp, path, err);
	if (rc < 0 && file >= 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

struct undo {
	const char *run_dir;
	int n;
	struct ebb_err *err;
};

static int undo_one(hid_t trials, const char *id, void *ctx)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct undo *u = ctx;
	char *path = ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", u->run_dir, id);
	hid_t group = ebb_h5_keep(&h5, H5Gopen2(trials, id, H5P_DEFAULT));
	int rc = group < 0 ? ebb_h5_fail(u->err, EBB_EFORMAT, "cannot open trial %s", id)
			   : take_out(group, path, u->err);

	u->n += rc == 0;
	ebb_h5scope_close(&h5);
	free(path);
	return rc;
}

static int count_one(hid_t trials, const char *id, void *ctx)
{
	++*(int *)ctx;
	return 0;
}

int ebb_pack_undo(const char *run_dir, int *n_trials, struct ebb_err *err)
{
	struct undo u = {run_dir, 0, err};
	char *dir = ebb_path_join(run_dir, EBB_TRIALS_DIR);
	int fd = -1, rc = lock_run(run_dir, &fd, err);

	if (rc == 0)
		rc = ebb_dir_make(dir, err);
	if (rc == 0)
		rc = each_orphan(run_dir, undo_one, &u, err);
	*n_trials = u.n;
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc < 0 ? ebb_err_wrap(err, "cannot unpack '%s'", run_dir), rc : 0;
}

int ebb_pack_check(const char *run_dir, struct ebb_err *err)
{
	struct ebb_err ignored;
	int n = 0;

	each_orphan(run_dir, count_one, &n, &ignored);
	if (n == 0)
		return 0;
	return ebb_err_set(err, EBB_EINVAL,
			   "'%s' is packed: its " EBB_INDEX_NAME
			   " alone holds %d trial%s; 'ebb pack %s --undo' makes files of them "
			   "again, which a run can go on from",
			   run_dir, n, n == 1 ? "" : "s", run_dir);
}

char *ebb_trial_path(const char *run_dir, const char *id)
{
	return ebb_trial_exists(run_dir, id)
		       ? ebb_xprintf("%s/" EBB_TRIALS_DIR "/%s.h5", run_dir, id)
		       : ebb_xprintf("%s/" EBB_INDEX_NAME "/" EBB_TRIALS_DIR "/%s", run_dir, id);
}
