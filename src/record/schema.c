#include "record/schema.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "base/file.h"
#include "record/seal.h"

#define GZIP_LEVEL          4
#define GROWING_CHUNK_ROWS  1024
#define GROWING_CHUNK_BYTES 65536
#define FINAL_CHUNK_BYTES   (1 << 20) /* the library's chunk cache: larger ones are slow to read */

const char *ebb_axis_word(enum ebb_axis axis)
{
	static const char *const word[EBB_N_AXES] = {
		[EBB_AXIS_STEP] = "step",
		[EBB_AXIS_UPDATE] = "update",
		[EBB_AXIS_EVAL] = "eval",
		[EBB_AXIS_SNAPSHOT] = "snapshot",
	};

	if ((unsigned)axis >= EBB_N_AXES)
		EBB_BUG("axis %d", (int)axis);
	return word[axis];
}

size_t ebb_element_bytes(enum ebb_element element)
{
	switch (element) {
	case EBB_F64_ELEMENT:
		return 8;
	case EBB_F32_ELEMENT:
	case EBB_I32_ELEMENT:
		return 4;
	case EBB_U8_ELEMENT:
		return 1;
	}
	EBB_BUG("element %d", (int)element);
}

hid_t ebb_element_memory(enum ebb_element element)
{
	switch (element) {
	case EBB_F64_ELEMENT:
		return H5T_NATIVE_DOUBLE;
	case EBB_F32_ELEMENT:
		return H5T_NATIVE_FLOAT;
	case EBB_I32_ELEMENT:
		return H5T_NATIVE_INT32;
	case EBB_U8_ELEMENT:
		return H5T_NATIVE_UINT8;
	}
	EBB_BUG("element %d", (int)element);
}

hid_t ebb_element_stored(enum ebb_element element)
{
	switch (element) {
	case EBB_F64_ELEMENT:
		return H5T_IEEE_F64LE;
	case EBB_F32_ELEMENT:
		return H5T_IEEE_F32LE;
	case EBB_I32_ELEMENT:
		return H5T_STD_I32LE;
	case EBB_U8_ELEMENT:
		return H5T_STD_U8LE;
	}
	EBB_BUG("element %d", (int)element);
}

void ebb_element_missing(enum ebb_element element, void *p, size_t n)
{
	switch (element) {
	case EBB_F64_ELEMENT:
		for (size_t i = 0; i < n; i++)
			((double *)p)[i] = NAN;
		break;
	case EBB_F32_ELEMENT:
		for (size_t i = 0; i < n; i++)
			((float *)p)[i] = NAN;
		break;
	case EBB_I32_ELEMENT: /* all bits set is -1 */
	case EBB_U8_ELEMENT:
		memset(p, 0xff, n * ebb_element_bytes(element));
		break;
	}
}

bool ebb_field_is_coordinate(const struct ebb_field *field)
{
	return strncmp(field->name, "axis/", 5) == 0;
}

void ebb_time_text(char text[32])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int put_option(hid_t group, const struct ebb_options *o, const struct ebb_option *row,
		      struct ebb_err *err)
{
	const char *at = row->own ? o->task_own + row->offset : (const char *)o + row->offset;
	struct ebb_buf text = EBB_BUF_INIT;
	int rc;

	switch (row->type) {
	case EBB_TYPE_INT:
		return ebb_h5_put_i64(group, row->name, *(const int64_t *)at, err);
	case EBB_TYPE_F64:
		return ebb_h5_put_f64(group, row->name, *(const double *)at, err);
	case EBB_TYPE_BOOL:
		return ebb_h5_put_bool(group, row->name, *(const bool *)at, err);
	case EBB_TYPE_STR:
		return ebb_h5_put_str(group, row->name, at, err);
	case EBB_TYPE_ENUM:
		ebb_option_print(o, row, &text);
		rc = ebb_h5_put_str(group, row->name, text.data, err);
		ebb_buf_release(&text);
		return rc;
	}
	EBB_BUG("option '%s.%s' of type %d", row->group, row->name, (int)row->type);
}

static hid_t make_group(struct ebb_h5scope *h5, hid_t loc, const char *name, struct ebb_err *err)
{
	hid_t group = ebb_h5_keep(h5, H5Gcreate2(loc, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));

	if (group < 0)
		ebb_h5_fail(err, EBB_EIO, "cannot make group '%s'", name);
	return group;
}

/* Rows of a group stand together in the table, so a new name starts a new group. */
static int put_options(hid_t file, const struct ebb_options *o, const struct ebb_catalog *catalog,
		       struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	const struct ebb_option *row;
	const char *name = "";
	hid_t all, group = H5I_INVALID_HID;
	int n, rc = 0;

	row = ebb_option_rows(&n);
	all = make_group(&h5, file, "options", err);
	if (all < 0)
		rc = EBB_EIO;
	else
		rc = ebb_h5_put_str(all, "about", "every option of the trial, defaults included",
				    err);
	for (int i = 0; i < n && rc == 0; i++) {
		if (strcmp(name, row[i].group) != 0) {
			name = row[i].group;
			group = make_group(&h5, all, name, err);
			rc = group < 0 ? EBB_EIO
				       : ebb_h5_put_str(group, "about",
							ebb_option_group_about(name), err);
		}
		if (rc == 0)
			rc = put_option(group, o, &row[i], err);
	}
	for (int t = 0; t < catalog->n_tasks && rc == 0; t++) {
		const struct ebb_task_rows *task = &catalog->task[t];

		if (strcmp(task->name, o->task.name) != 0 || task->n_options == 0)
			continue;
		group = ebb_h5_keep(&h5, H5Gopen2(all, "task", H5P_DEFAULT));
		if (group < 0)
			rc = ebb_h5_fail(err, EBB_EIO, "cannot open group 'options/task'");
		for (int i = 0; i < task->n_options && rc == 0; i++)
			rc = put_option(group, o, &task->option[i], err);
	}
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_schema_provenance(hid_t file, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	const struct ebb_provenance *p = ebb_provenance_get();
	hid_t group = make_group(&h5, file, "provenance", err);
	int rc = group < 0 ? EBB_EIO : 0;

	for (int i = 0; i < p->n && rc == 0; i++)
		rc = ebb_h5_put_str(group, p->row[i].name, p->row[i].value, err);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_schema_head(hid_t file, const struct ebb_trial_head *head,
		    const struct ebb_trial_state *state, struct ebb_err *err)
{
	struct ebb_buf identity = EBB_BUF_INIT;
	char trajectory[EBB_ID_MAX];
	const struct {
		const char *name, *value;
	} text[] = {
		{"schema", EBB_SCHEMA_TRIAL}, {"trial_id", head->id},
		{"label", head->label},       {"algorithm", head->options->algorithm},
		{"status", state->status},    {"cause", state->cause},
		{"started", state->started},  {"stopped", state->stopped},
		{"trajectory", trajectory},
	};
	size_t attempts = 0;
	int rc = 0;

	ebb_options_trajectory(head->options, head->catalog, trajectory);
	while (head->history && head->history[attempts])
		attempts++;
	for (size_t i = 0; i < sizeof text / sizeof *text && rc == 0; i++)
		rc = ebb_h5_put_str(file, text[i].name, text[i].value, err);
	if (rc == 0)
		rc = ebb_h5_put_i64(file, "schema_version", EBB_SCHEMA_VERSION, err);
	if (rc == 0)
		rc = ebb_h5_put_u64(file, "seed", head->options->seed, err);
	if (rc == 0)
		rc = ebb_h5_put_i64(file, "attempt", head->attempt, err);
	if (rc == 0)
		rc = ebb_h5_put_strs(file, "attempts", head->history, attempts, err);
	if (rc == 0)
		rc = ebb_h5_put_i64(file, "stopped_at_step", state->stopped_at_step, err);
	if (rc == 0) {
		ebb_options_identity(head->options, head->catalog, &identity);
		rc = ebb_h5_put_str(file, "identity", identity.data, err);
		ebb_buf_release(&identity);
	}
	if (rc == 0)
		rc = put_options(file, head->options, head->catalog, err);
	if (rc == 0)
		rc = ebb_schema_provenance(file, err);
	return rc;
}

static int put_field(hid_t dset, const struct ebb_field *f, const char *coordinate,
		     struct ebb_err *err)
{
	int rc = ebb_h5_put_str(dset, "units", f->unit, err);

	if (rc == 0)
		rc = ebb_h5_put_str(dset, "long_name", f->about, err);
	if (rc == 0)
		rc = ebb_h5_put_str(dset, "source", f->source, err);
	if (rc == 0)
		rc = ebb_h5_put_str(dset, "axis", ebb_axis_word(f->axis), err);
	if (rc == 0 && coordinate)
		rc = ebb_h5_put_str(dset, "coordinate", coordinate, err);
	if (rc == 0)
		rc = ebb_h5_put_i64(dset, "deterministic", f->deterministic, err);
	return rc;
}

hid_t ebb_schema_dataset(struct ebb_h5scope *h5, hid_t file, const struct ebb_field *f,
			 int64_t rows, const char *coordinate, struct ebb_err *err)
{
	struct ebb_h5scope own = EBB_H5SCOPE_INIT;
	hsize_t dim[EBB_RANK_MAX], most[EBB_RANK_MAX], chunk[EBB_RANK_MAX];
	size_t row_bytes = ebb_element_bytes(f->element);
	bool growing = rows < 0;
	hid_t space, links, create, dset = H5I_INVALID_HID;
	uint64_t missing;

	for (int i = 0; i < f->rank; i++) {
		dim[i + 1] = most[i + 1] = chunk[i + 1] = (hsize_t)f->dim[i];
		row_bytes *= (size_t)f->dim[i];
	}
	dim[0] = growing ? 0 : (hsize_t)rows;
	most[0] = growing || rows == 0 ? H5S_UNLIMITED
				       : dim[0]; /* a chunk may not exceed a fixed dim */
	chunk[0] = (growing ? GROWING_CHUNK_BYTES : FINAL_CHUNK_BYTES) / row_bytes;
	if (growing && chunk[0] > GROWING_CHUNK_ROWS)
		chunk[0] = GROWING_CHUNK_ROWS;
	if (!growing && chunk[0] > dim[0])
		chunk[0] = dim[0];
	if (chunk[0] == 0)
		chunk[0] = 1;
	ebb_element_missing(f->element, &missing, sizeof missing / ebb_element_bytes(f->element));

	space = ebb_h5_keep(&own, H5Screate_simple(f->rank + 1, dim, most));
	links = ebb_h5_keep(&own, H5Pcreate(H5P_LINK_CREATE));
	create = ebb_h5_keep(&own, H5Pcreate(H5P_DATASET_CREATE));
	/* No times in object headers: the bytes of a dataset are the same whenever it is written. */
	if (space >= 0 && links >= 0 && create >= 0 &&
	    H5Pset_create_intermediate_group(links, 1) >= 0 &&
	    H5Pset_obj_track_times(create, 0) >= 0 &&
	    H5Pset_chunk(create, f->rank + 1, chunk) >= 0 &&
	    H5Pset_fill_value(create, ebb_element_memory(f->element), &missing) >= 0 &&
	    (growing || (H5Pset_shuffle(create) >= 0 && H5Pset_deflate(create, GZIP_LEVEL) >= 0)))
		dset = ebb_h5_keep(h5, H5Dcreate2(file, f->name, ebb_element_stored(f->element),
						  space, links, create, H5P_DEFAULT));
	if (dset < 0)
		ebb_h5_fail(err, EBB_EIO, "cannot make dataset '%s'", f->name);
	else if (put_field(dset, f, coordinate, err) < 0)
		dset = H5I_INVALID_HID;
	ebb_h5scope_close(&own);
	return dset;
}

/* The first dimension carries the axis' word, the others what the field says of them. */
static int label(const struct ebb_field *f, hid_t dset, struct ebb_err *err)
{
	if (H5DSset_label(dset, 0, ebb_axis_word(f->axis)) < 0)
		return ebb_h5_fail(err, EBB_EIO, "cannot label dataset '%s'", f->name);
	for (int k = 0; k < f->rank; k++)
		if (f->dim_about[k] && *f->dim_about[k] &&
		    H5DSset_label(dset, (unsigned)k + 1, f->dim_about[k]) < 0)
			return ebb_h5_fail(err, EBB_EIO, "cannot label dataset '%s'", f->name);
	return 0;
}

int ebb_schema_scales(const struct ebb_field *field, const hid_t *dset, int n, struct ebb_err *err)
{
	for (int s = 0; s < n; s++)
		if (ebb_field_is_coordinate(&field[s]) &&
		    H5DSset_scale(dset[s], field[s].name + 5) < 0)
			return ebb_h5_fail(err, EBB_EIO, "cannot make a scale of '%s'",
					   field[s].name);
	for (int i = 0; i < n; i++) {
		int rc = label(&field[i], dset[i], err);

		if (rc < 0)
			return rc;
		if (ebb_field_is_coordinate(&field[i]))
			continue; /* a scale cannot have scales */
		for (int s = 0; s < n; s++)
			if (ebb_field_is_coordinate(&field[s]) && field[s].axis == field[i].axis &&
			    H5DSattach_scale(dset[i], dset[s], 0) < 0)
				return ebb_h5_fail(err, EBB_EIO, "cannot attach '%s' to '%s'",
						   field[s].name, field[i].name);
	}
	return 0;
}

static int check(hid_t file, const char *schema, struct ebb_err *err)
{
	int64_t version = 0;
	char *found = NULL;
	int rc = ebb_h5_get_str(file, "schema", &found, err);

	if (rc == EBB_ENOENT)
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "no attribute 'schema': not a file of this program");
	if (rc == 0 && strcmp(found, schema) != 0)
		rc = ebb_err_set(err, EBB_EFORMAT, "its schema is '%.40s', wanted is '%s'", found,
				 schema);
	if (rc == 0)
		rc = ebb_h5_get_i64(file, "schema_version", &version, err);
	if (rc == 0 && (version < 1 || version > EBB_SCHEMA_VERSION))
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "schema version %lld, this program knows 1 to %d; use a newer ebb",
				 (long long)version, EBB_SCHEMA_VERSION);
	free(found);
	return rc;
}

/* RUN/run.h5/trials/<id>: a trial inside of a packed index (record/pack.h). Null: path is a plain
 * one; otherwise the part that is a file, which the caller frees, and *inside the rest. */
static char *packed_file(const char *path, const char **inside)
{
	static const char mark[] = "/" EBB_INDEX_NAME "/" EBB_TRIALS_DIR "/";
	const char *at = strstr(path, mark), *next;

	for (; at && (next = strstr(at + 1, mark)) != NULL; at = next)
		;
	if (!at)
		return NULL;
	*inside = at + sizeof "/" EBB_INDEX_NAME;
	return ebb_xprintf("%.*s", (int)(*inside - 1 - path), path);
}

/* A trial is opened as the group that holds it: no reader sees the difference. */
static hid_t open_packed(struct ebb_h5scope *h5, const char *path, const char *inside,
			 struct ebb_err *err)
{
	hid_t file = ebb_schema_open(h5, path, EBB_SCHEMA_RUN, err), group;

	if (file < 0)
		return file;
	if (H5Lexists(file, inside, H5P_DEFAULT) <= 0) {
		ebb_err_set(err, EBB_ENOENT, "'%s' holds no '%s'", path, inside);
		return H5I_INVALID_HID;
	}
	group = ebb_h5_keep(h5, H5Gopen2(file, inside, H5P_DEFAULT));
	if (group < 0)
		ebb_h5_fail(err, EBB_EFORMAT, "cannot open '%s' of '%s'", inside, path);
	return group;
}

hid_t ebb_schema_open(struct ebb_h5scope *h5, const char *path, const char *schema,
		      struct ebb_err *err)
{
	const char *inside;
	char *packed = packed_file(path, &inside);
	hid_t file;

	ebb_record_setup();
	if (packed) {
		file = open_packed(h5, packed, inside, err);
		free(packed);
	} else if (!ebb_file_exists(path)) {
		ebb_err_set(err, EBB_ENOENT, "no file '%s'", path);
		return H5I_INVALID_HID;
	} else if (ebb_seal_check(path, err) < 0) {
		return H5I_INVALID_HID;
	} else {
		file = ebb_h5_keep(h5, H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT));
		if (file < 0)
			ebb_h5_fail(err, EBB_EFORMAT, "cannot open '%s'", path);
	}
	if (file < 0)
		return H5I_INVALID_HID;
	if (check(file, schema, err) < 0) {
		ebb_err_wrap(err, "cannot use '%s'", path);
		return H5I_INVALID_HID;
	}
	return file;
}
