/* Reading trials: the datasets of a finished trial, by name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/near.h"
#include "base/text.h"
#include "options/metrics.h"
#include "record/derived.h"
#include "record/pack.h"
#include "record/schema.h"
#include "record/seal.h"

#define NAMES_MAX         100000
#define DEFLATE_RATIO_MAX 1032 /* deflate cannot shrink more: zlib's technical notes           */

static void copy_text(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%.*s", (int)room - 1, from);
	ebb_text_tidy(to); /* it may have been cut inside a character */
}

static hid_t open_trial(struct ebb_h5scope *h5, const struct ebb_run *run, int arm, int seed,
			struct ebb_err *err)
{
	const char *id, *dir;
	char *path;
	hid_t file;

	if (arm < 0 || arm >= run->n_arms || seed < 0 || seed >= run->n_seeds)
		EBB_BUG("arm %d of %d, seed %d of %d", arm, run->n_arms, seed, run->n_seeds);
	id = run->trial[(size_t)arm * (size_t)run->n_seeds + (size_t)seed];
	dir = ebb_run_folder(run, arm, seed);
	if (!*id) {
		ebb_err_set(err, EBB_ENOENT, "no run here has '%s' with seed %llu",
			    run->arm[arm].label, (unsigned long long)run->seed[seed]);
		return H5I_INVALID_HID;
	}
	if (!run->finished[(size_t)arm * (size_t)run->n_seeds + (size_t)seed] &&
	    !ebb_trial_exists(dir, id)) {
		ebb_err_set(err, EBB_ENOENT,
			    "trial %s ('%s', seed %llu) is not finished; 'ebb run' continues it",
			    id, run->arm[arm].label, (unsigned long long)run->seed[seed]);
		return H5I_INVALID_HID;
	}
	path = ebb_trial_path(dir, id);
	file = ebb_schema_open(h5, path, EBB_SCHEMA_TRIAL, err);
	free(path);
	return file;
}

struct names {
	char **name;
	int n, capacity;
	struct ebb_err *err; /* of a name or a number of them that is refused */
};

static void names_free(struct names *list)
{
	ebb_h5_free_strs(list->name, (size_t)list->n);
	*list = (struct names){0};
}

static herr_t collect(hid_t object, const char *name, const H5O_info_t *info, void *ctx)
{
	struct names *list = ctx;

	if (info->type != H5O_TYPE_DATASET)
		return 0;
	if (list->n == NAMES_MAX)
		return ebb_err_set(list->err, EBB_EFORMAT, "it holds more than %d datasets",
				   NAMES_MAX);
	if (ebb_h5_check_plain(name, "the name of a dataset,", list->err) < 0)
		return -1;
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 64;
		list->name = ebb_xrealloc(list->name, (size_t)list->capacity, sizeof *list->name);
	}
	list->name[list->n++] = ebb_xstrdup(name);
	return 0;
}

static int list_names(hid_t file, struct names *list, struct ebb_err *err)
{
	struct ebb_err refused = EBB_ERR_INIT;
	herr_t status;

	list->err = &refused;
	status = H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, list);
	list->err = NULL;
	if (status >= 0)
		return 0;
	names_free(list);
	if (refused.code < 0) {
		H5Eclear2(H5E_DEFAULT);
		return ebb_err_set(err, refused.code, "%s", refused.text);
	}
	return ebb_h5_fail(err, EBB_EFORMAT, "cannot list the datasets");
}

static int no_such_dataset(hid_t file, const char *name, struct ebb_err *err)
{
	struct names list = {0};
	struct ebb_near near;
	int rc;

	ebb_near_init(&near, name);
	if (list_names(file, &list, NULL) == 0)
		for (int i = 0; i < list.n; i++)
			ebb_near_offer(&near, list.name[i]);
	if (near.best)
		rc = ebb_err_set(err, EBB_ENOENT, "no dataset '%s'; did you mean '%s'?", name,
				 near.best);
	else
		rc = ebb_err_set(err, EBB_ENOENT, "no dataset '%s' among %d", name, list.n);
	names_free(&list);
	return rc;
}

/* Soft and external links are none of ours: they lead around in circles, to files that nobody has
 * looked at, or to a pipe that never answers. */
static bool has_link(hid_t file, const char *path)
{
	H5L_info_t info;

	return H5Lexists(file, path, H5P_DEFAULT) > 0 &&
	       H5Lget_info(file, path, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

/* Does the whole path exist? H5Lexists fails, rather than says no, where an inner group does not. */
static bool has_dataset(hid_t file, const char *name)
{
	char *path = ebb_xstrdup(name);
	bool there = *path && *path != '/';

	for (char *c = path; *c && there; c++) {
		if (*c != '/')
			continue;
		*c = 0;
		there = has_link(file, path);
		*c = '/';
	}
	there = there && has_link(file, path);
	free(path);
	return there;
}

/* A file is not trusted to say how much memory we need: the shape must be one we can have written,
 * and the bytes on disk must be enough to unfold into it. Only chunked datasets: others may lead
 * into other files. */
static int check_shape(hid_t dset, hid_t space, size_t bytes, struct ebb_array *out, int64_t *n,
		       struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hsize_t dim[EBB_RANK_MAX], chunk[EBB_RANK_MAX];
	hid_t create = ebb_h5_keep(&h5, H5Dget_create_plist(dset));
	double volume = (double)bytes, unfolded;
	int rc = 0;

	out->rank = H5Sget_simple_extent_ndims(space);
	*n = 1;
	if (create < 0 || H5Pget_layout(create) != H5D_CHUNKED || out->rank < 1 ||
	    out->rank > EBB_RANK_MAX || H5Sget_simple_extent_dims(space, dim, NULL) < 0 ||
	    H5Pget_chunk(create, out->rank, chunk) != out->rank) {
		rc = ebb_h5_fail(err, EBB_EFORMAT, "its layout is not that of a record");
		goto out;
	}
	for (int k = 0; k < out->rank; k++) {
		volume *= (double)chunk[k];
		if (dim[k] > (hsize_t)EBB_ELEMENTS_MAX ||
		    (dim[k] > 0 && *n > EBB_ELEMENTS_MAX / (int64_t)dim[k])) {
			rc = ebb_err_set(err, EBB_EFORMAT, "it claims more than %lld elements",
					 (long long)EBB_ELEMENTS_MAX);
			goto out;
		}
		out->dim[k] = (int64_t)dim[k];
		*n *= (int64_t)dim[k];
	}
	/* we write every row: no chunk is only its fill value */
	unfolded = (double)H5Dget_storage_size(dset) * DEFLATE_RATIO_MAX;
	if (volume > 4294967295.0 ||
	    (*n > 0 && (volume > unfolded || (double)*n * (double)bytes > unfolded)))
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "it claims %lld elements, but stores only %llu bytes",
				 (long long)*n, (unsigned long long)H5Dget_storage_size(dset));
out:
	ebb_h5scope_close(&h5);
	return rc;
}

/* The element a stored type stands for: by class and size, whatever the byte order. */
static int element_of(hid_t dset, enum ebb_element *element, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t type = ebb_h5_keep(&h5, H5Dget_type(dset));
	H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
	size_t bytes = type < 0 ? 0 : H5Tget_size(type);
	int rc = 0;

	if (class == H5T_FLOAT && bytes == 8)
		*element = EBB_F64_ELEMENT;
	else if (class == H5T_FLOAT && bytes <= 4)
		*element = EBB_F32_ELEMENT;
	else if (class == H5T_INTEGER && bytes == 4)
		*element = EBB_I32_ELEMENT;
	else if (class == H5T_INTEGER && bytes == 1)
		*element = EBB_U8_ELEMENT;
	else
		rc = ebb_h5_fail(err, EBB_EFORMAT, "its numbers are of a kind no record holds");
	ebb_h5scope_close(&h5);
	return rc;
}

static void widen(enum ebb_element element, const void *raw, double *value, int64_t n)
{
	switch (element) {
	case EBB_F64_ELEMENT: /* read in place */
		break;
	case EBB_F32_ELEMENT:
		for (int64_t i = 0; i < n; i++)
			value[i] = (double)((const float *)raw)[i];
		break;
	case EBB_I32_ELEMENT:
		for (int64_t i = 0; i < n; i++)
			value[i] =
				((const int32_t *)raw)[i] == -1 ? NAN : ((const int32_t *)raw)[i];
		break;
	case EBB_U8_ELEMENT:
		for (int64_t i = 0; i < n; i++)
			value[i] =
				((const uint8_t *)raw)[i] == 255 ? NAN : ((const uint8_t *)raw)[i];
		break;
	}
}

/* Numbers of a dataset; *dset stays open on the caller's scope. */
static int read_numbers(struct ebb_h5scope *h5, hid_t file, const char *name, hid_t *dset,
			struct ebb_array *out, double **value, struct ebb_err *err)
{
	enum ebb_element element = EBB_F64_ELEMENT;
	void *raw = NULL;
	hid_t space;
	int64_t n = 0;
	int rc;

	if (!has_dataset(file, name))
		return no_such_dataset(file, name, err);
	*dset = ebb_h5_keep(h5, H5Dopen2(file, name, H5P_DEFAULT));
	if (*dset < 0 || (space = ebb_h5_keep(h5, H5Dget_space(*dset))) < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "cannot open dataset '%s'", name);
	rc = element_of(*dset, &element, err);
	if (rc == 0)
		rc = check_shape(*dset, space, ebb_element_bytes(element), out, &n, err);
	if (rc < 0)
		goto out;
	*value = ebb_calloc((size_t)n + 1, sizeof **value, err);
	raw = *value && element != EBB_F64_ELEMENT
		      ? ebb_calloc((size_t)n + 1, ebb_element_bytes(element), err)
		      : *value;
	if (!raw)
		rc = EBB_ENOMEM;
	else if (H5Dread(*dset, ebb_element_memory(element), H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) <
		 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot read its numbers");
	else
		widen(element, raw, *value, n);
	if (raw != *value)
		free(raw);
out:
	return rc < 0 ? ebb_err_wrap(err, "dataset '%s'", name), rc : 0;
}

/* Text of an attribute; empty where a file has none. */
static int read_text(hid_t dset, const char *name, char *text, size_t room, struct ebb_err *err)
{
	char *value = NULL;
	int rc = ebb_h5_get_str(dset, name, &value, err);

	*text = 0;
	if (rc == EBB_ENOENT)
		return 0;
	if (rc == 0)
		rc = ebb_h5_check_plain(value, name, err);
	if (rc == 0)
		copy_text(text, room, value);
	free(value);
	return rc;
}

/* Row numbers where an axis has no coordinate, as for a coordinate itself its own values. */
static int read_x(struct ebb_h5scope *h5, hid_t file, hid_t dset, const char *name,
		  struct ebb_array *out, struct ebb_err *err)
{
	struct ebb_array axis = {0};
	char coordinate[256];
	hid_t x;
	int rc = read_text(dset, "coordinate", coordinate, sizeof coordinate, err);

	if (rc < 0)
		return rc;
	if (*coordinate && strcmp(coordinate, name) != 0) {
		rc = read_numbers(h5, file, coordinate, &x, &axis, &out->x, err);
		if (rc == 0 && (axis.rank != 1 || axis.dim[0] != out->dim[0]))
			rc = ebb_err_set(err, EBB_EFORMAT,
					 "its coordinate '%s' has %lld rows, it %lld", coordinate,
					 (long long)axis.dim[0], (long long)out->dim[0]);
		return rc;
	}
	out->x = ebb_calloc((size_t)out->dim[0] + 1, sizeof *out->x, err);
	if (!out->x)
		return EBB_ENOMEM;
	for (int64_t i = 0; i < out->dim[0]; i++)
		out->x[i] = *coordinate ? out->value[i] : (double)i;
	return 0;
}

static int wrap_trial(const struct ebb_run *run, int arm, int seed, int rc, struct ebb_err *err)
{
	if (rc < 0)
		ebb_err_wrap(err, "trial %s",
			     run->trial[(size_t)arm * (size_t)run->n_seeds + (size_t)seed]);
	return rc;
}

int ebb_run_read(const struct ebb_run *run, int arm, int seed, const char *name,
		 struct ebb_array *out, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT; /* codes decide here: there must be one */
	hid_t file, dset;
	int rc;

	*out = (struct ebb_array){0};
	if (ebb_metric_derived(name, NULL, NULL))
		return ebb_derived_read(run, arm, seed, name, out, err);
	file = open_trial(&h5, run, arm, seed, &local);
	if (file < 0) {
		rc = local.code;
		goto out;
	}
	rc = read_numbers(&h5, file, name, &dset, out, &out->value, &local);
	if (rc == 0)
		rc = read_x(&h5, file, dset, name, out, &local);
	if (rc == 0)
		rc = read_text(dset, "units", out->unit, sizeof out->unit, &local);
	if (rc == 0)
		rc = read_text(dset, "long_name", out->about, sizeof out->about, &local);
	if (rc == 0)
		rc = read_text(dset, "axis", out->axis, sizeof out->axis, &local);
	rc = wrap_trial(run, arm, seed, rc, &local);
out:
	ebb_h5scope_close(&h5);
	if (rc < 0) {
		ebb_array_release(out);
		if (err)
			*err = local;
	}
	return rc;
}

bool ebb_status_early(const char *status)
{
	return strcmp(status, "diverged") == 0 || strcmp(status, "exploded") == 0;
}

int ebb_run_status(const struct ebb_run *run, int arm, int seed, char status[16],
		   struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT;
	char *text = NULL;
	hid_t file;
	int rc;

	*status = 0;
	file = open_trial(&h5, run, arm, seed, &local);
	if (file < 0)
		rc = local.code;
	else
		rc = wrap_trial(run, arm, seed, ebb_h5_get_str(file, "status", &text, &local),
				&local);
	if (rc == 0)
		copy_text(status, 16, text);
	else if (err)
		*err = local;
	free(text);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_run_names(const struct ebb_run *run, int arm, int seed, char ***name, int *n,
		  struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT;
	struct names list = {0};
	hid_t file;
	int rc;

	file = open_trial(&h5, run, arm, seed, &local);
	if (file < 0)
		rc = local.code;
	else
		rc = wrap_trial(run, arm, seed, list_names(file, &list, &local), &local);
	if (rc < 0 && err)
		*err = local;
	*name = list.name;
	*n = list.n;
	ebb_h5scope_close(&h5);
	return rc;
}

void ebb_array_release(struct ebb_array *a)
{
	free(a->value);
	free(a->x);
	*a = (struct ebb_array){0};
}

/* The object of a finished trial that holds a group's options; negative with err set. */
static hid_t open_options(struct ebb_h5scope *h5, const char *run_dir, const char *id,
			  const char *group, struct ebb_err *err)
{
	char *path = ebb_xprintf("%s/trials/%s.h5", run_dir, id);
	char *where = ebb_xprintf("/options/%s", group);
	hid_t file, object = -1;

	if (ebb_seal_check(path, err) == 0) {
		file = ebb_h5_keep(h5, H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT));
		if (file < 0)
			ebb_h5_fail(err, EBB_EFORMAT, "cannot open '%s'", path);
		else if ((object = ebb_h5_keep(h5, H5Oopen(file, where, H5P_DEFAULT))) < 0)
			ebb_err_set(err, EBB_ENOENT, "'%s' has no options '%s'", path, group);
	}
	free(where);
	free(path);
	return object;
}

int ebb_trial_option(const char *run_dir, const char *id, const char *group, const char *name,
		     double *value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT;
	hid_t object = open_options(&h5, run_dir, id, group, &local), attribute;
	int rc = object < 0 ? local.code : 0;

	if (rc == 0) {
		attribute = H5Aexists(object, name) <= 0
				    ? -1
				    : ebb_h5_keep(&h5, H5Aopen(object, name, H5P_DEFAULT));
		if (attribute < 0 || H5Aread(attribute, H5T_NATIVE_DOUBLE, value) < 0)
			rc = ebb_err_set(&local, EBB_ENOENT, "trial %s has no number '%s.%s'", id,
					 group, name);
	}
	ebb_h5scope_close(&h5);
	if (rc < 0 && err)
		*err = local;
	return rc;
}

int ebb_trial_option_text(const char *run_dir, const char *id, const char *group, const char *name,
			  char **value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err local = EBB_ERR_INIT;
	hid_t object = open_options(&h5, run_dir, id, group, &local);
	int rc = object < 0 ? local.code : ebb_h5_get_str(object, name, value, &local);

	ebb_h5scope_close(&h5);
	if (rc < 0 && err)
		*err = local;
	return rc;
}
