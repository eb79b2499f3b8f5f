#include "record/differ.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "record/block.h"
#include "record/schema.h"

#define BLOCK_BYTES (1 << 20) /* compared at once, one row excepted */
#define NAMES_MAX   65536

/* One side's dataset. */
struct side {
	hid_t file, dset;
	enum ebb_element element;
	int rank;
	int64_t dim[EBB_RANK_MAX];
	size_t row_bytes;
};

struct place { /* where two datasets part */
	int64_t step, row;
	char values[128];
};

struct names {
	char **name;
	int n, capacity;
};

static void names_free(struct names *list)
{
	for (int i = 0; i < list->n; i++)
		free(list->name[i]);
	free(list->name);
}

static bool is_deterministic(hid_t dset)
{
	int64_t value = 0;

	return H5Aexists(dset, "deterministic") > 0 &&
	       ebb_h5_get_i64(dset, "deterministic", &value, NULL) == 0 && value == 1;
}

static herr_t collect(hid_t root, const char *name, const H5O_info_t *info, void *ctx)
{
	struct names *list = ctx;
	bool wanted;
	hid_t dset;

	if (info->type != H5O_TYPE_DATASET)
		return 0;
	dset = H5Dopen2(root, name, H5P_DEFAULT);
	if (dset < 0)
		return -1;
	wanted = is_deterministic(dset);
	H5Dclose(dset);
	if (!wanted)
		return 0;
	if (list->n == NAMES_MAX)
		return -1;
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 128;
		list->name = ebb_xrealloc(list->name, (size_t)list->capacity, sizeof *list->name);
	}
	list->name[list->n++] = ebb_xstrdup(name);
	return 0;
}

/* The deterministic datasets of a file, by name: the order in which HDF5 lists them. */
static int list_names(hid_t file, struct names *list, struct ebb_err *err)
{
	if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, list) < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "cannot list the datasets");
	return 0;
}

static bool list_has(const struct names *list, const char *name)
{
	for (int i = 0; i < list->n; i++)
		if (strcmp(list->name[i], name) == 0)
			return true;
	return false;
}

static int side_open(struct ebb_h5scope *h5, hid_t file, const char *name, struct side *s,
		     struct ebb_err *err)
{
	hsize_t dim[EBB_RANK_MAX];
	struct ebb_field row;
	hid_t space, type;
	int e = 0;

	*s = (struct side){.file = file};
	s->dset = ebb_h5_keep(h5, H5Dopen2(file, name, H5P_DEFAULT));
	space = s->dset < 0 ? s->dset : ebb_h5_keep(h5, H5Dget_space(s->dset));
	type = s->dset < 0 ? s->dset : ebb_h5_keep(h5, H5Dget_type(s->dset));
	if (space < 0 || type < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "cannot open dataset '%s'", name);
	while (e <= EBB_U8_ELEMENT && H5Tequal(type, ebb_element_stored((enum ebb_element)e)) <= 0)
		e++;
	s->rank = H5Sget_simple_extent_ndims(space);
	if (e > EBB_U8_ELEMENT || s->rank < 1 || s->rank > EBB_RANK_MAX ||
	    H5Sget_simple_extent_dims(space, dim, NULL) < 0)
		return ebb_err_set(err, EBB_EFORMAT,
				   "dataset '%s' has a type or a rank that no record has", name);
	s->element = (enum ebb_element)e;
	row = (struct ebb_field){.element = s->element, .rank = s->rank - 1};
	for (int k = 0; k < s->rank; k++) {
		if (dim[k] > (hsize_t)EBB_ELEMENTS_MAX)
			return ebb_err_set(err, EBB_EFORMAT, "dataset '%s' is too large", name);
		s->dim[k] = (int64_t)dim[k];
		if (k > 0)
			row.dim[k - 1] = dim[k] <= INT32_MAX ? (int)dim[k] : 0;
	}
	if (ebb_field_row_bytes(&row) < 0)
		return ebb_err_set(err, EBB_EFORMAT, "dataset '%s' has impossible rows", name);
	s->row_bytes = (size_t)ebb_field_row_bytes(&row);
	return 0;
}

static int read_rows(const struct side *s, int64_t first, int64_t n, void *to, const char *name,
		     struct ebb_err *err)
{
	hsize_t start[EBB_RANK_MAX] = {(hsize_t)first}, count[EBB_RANK_MAX] = {(hsize_t)n};
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t space = ebb_h5_keep(&h5, H5Dget_space(s->dset)), memory;
	int rc = 0;

	for (int k = 1; k < s->rank; k++)
		count[k] = (hsize_t)s->dim[k];
	memory = ebb_h5_keep(&h5, H5Screate_simple(s->rank, count, NULL));
	if (space < 0 || memory < 0 ||
	    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
	    H5Dread(s->dset, ebb_element_memory(s->element), memory, space, H5P_DEFAULT, to) < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot read dataset '%s'", name);
	ebb_h5scope_close(&h5);
	return rc;
}

/* The step a row belongs to, by a coordinate of this file; -1: not known. */
static int64_t step_of(hid_t file, hid_t dset, int64_t row)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *axis = NULL, *coordinate = NULL;
	const char *name = NULL;
	double value = NAN;
	struct side s;

	if (ebb_h5_get_str(dset, "axis", &axis, NULL) == 0 &&
	    strcmp(axis, ebb_axis_word(EBB_AXIS_UPDATE)) == 0)
		name = "actor/update_of_step";
	else if (ebb_h5_get_str(dset, "coordinate", &coordinate, NULL) == 0)
		name = coordinate;
	if (name && side_open(&h5, file, name, &s, NULL) == 0 && s.rank == 1 &&
	    s.element == EBB_F64_ELEMENT && row < s.dim[0] &&
	    read_rows(&s, row, 1, &value, name, NULL) < 0)
		value = NAN;
	H5Eclear2(H5E_DEFAULT);
	ebb_h5scope_close(&h5);
	free(axis);
	free(coordinate);
	return value >= 0 && value < 1e15 ? (int64_t)value : -1;
}

static void add_value(struct ebb_buf *out, enum ebb_element element, const void *p)
{
	float f32;
	double f64;
	int32_t i32;

	switch (element) {
	case EBB_F64_ELEMENT:
		memcpy(&f64, p, sizeof f64);
		ebb_buf_double(out, f64);
		return;
	case EBB_F32_ELEMENT:
		memcpy(&f32, p, sizeof f32);
		ebb_buf_double(out, (double)f32);
		return;
	case EBB_I32_ELEMENT:
		memcpy(&i32, p, sizeof i32);
		ebb_buf_printf(out, "%" PRId32, i32);
		return;
	case EBB_U8_ELEMENT:
		ebb_buf_printf(out, "%u", *(const unsigned char *)p);
		return;
	}
	EBB_BUG("element %d", (int)element);
}

static void add_bits(struct ebb_buf *out, const unsigned char *p, size_t n)
{
	ebb_buf_puts(out, " (0x");
	while (n-- > 0)
		ebb_buf_printf(out, "%02x", p[n]);
	ebb_buf_puts(out, ")");
}

/* The first element that differs in a row; NaNs that look alike are told apart by their bits. */
static void set_values(struct place *at, enum ebb_element element, const unsigned char *a,
		       const unsigned char *b, size_t row_bytes)
{
	struct ebb_buf x = EBB_BUF_INIT, y = EBB_BUF_INIT;
	size_t size = ebb_element_bytes(element), i = 0;

	while (i + size < row_bytes && memcmp(a + i, b + i, size) == 0)
		i += size;
	add_value(&x, element, a + i);
	add_value(&y, element, b + i);
	if (strcmp(x.data, y.data) == 0) {
		add_bits(&x, a + i, size);
		add_bits(&y, b + i, size);
	}
	snprintf(at->values, sizeof at->values, "%s against %s", x.data, y.data);
	ebb_buf_release(&x);
	ebb_buf_release(&y);
}

static void add_shape(struct ebb_buf *out, const struct side *s)
{
	static const char *const word[] = {
		[EBB_F64_ELEMENT] = "f64",
		[EBB_F32_ELEMENT] = "f32",
		[EBB_I32_ELEMENT] = "i32",
		[EBB_U8_ELEMENT] = "u8",
	};

	ebb_buf_puts(out, word[s->element]);
	for (int k = 1; k < s->rank; k++)
		ebb_buf_printf(out, " x %lld", (long long)s->dim[k]);
}

static bool same_rows(const struct side *a, const struct side *b)
{
	return a->element == b->element && a->rank == b->rank &&
	       memcmp(a->dim + 1, b->dim + 1, (size_t)(a->rank - 1) * sizeof *a->dim) == 0;
}

/* The first row whose bytes differ: at->row, or -1 where all rows that both have are the same. */
static int compare_rows(const struct side *a, const struct side *b, const char *name,
			struct place *at, struct ebb_err *err)
{
	int64_t rows = a->dim[0] < b->dim[0] ? a->dim[0] : b->dim[0],
		step = BLOCK_BYTES / (int64_t)a->row_bytes;
	unsigned char *x, *y;
	int rc = 0;

	at->row = -1;
	step = step < 1 ? 1 : step > rows ? rows : step;
	x = ebb_calloc((size_t)step + 1, a->row_bytes, err);
	y = ebb_calloc((size_t)step + 1, a->row_bytes, err);
	if (!x || !y)
		rc = EBB_ENOMEM;
	for (int64_t row = 0; row < rows && rc == 0 && at->row < 0; row += step) {
		int64_t n = rows - row < step ? rows - row : step, i = 0;

		rc = read_rows(a, row, n, x, name, err);
		if (rc == 0)
			rc = read_rows(b, row, n, y, name, err);
		if (rc < 0 || memcmp(x, y, (size_t)n * a->row_bytes) == 0)
			continue;
		while (memcmp(x + (size_t)i * a->row_bytes, y + (size_t)i * a->row_bytes,
			      a->row_bytes) == 0)
			i++;
		at->row = row + i;
		set_values(at, a->element, x + (size_t)i * a->row_bytes,
			   y + (size_t)i * a->row_bytes, a->row_bytes);
	}
	free(x);
	free(y);
	return rc;
}

/* 0: the same; 1: they part at *at; negative: failed. */
static int compare(hid_t file_a, hid_t file_b, const char *name, struct place *at,
		   struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_buf text = EBB_BUF_INIT;
	const struct side *longer;
	struct side a, b;
	int rc = side_open(&h5, file_a, name, &a, err);

	*at = (struct place){.step = -1, .row = -1};
	if (rc == 0)
		rc = side_open(&h5, file_b, name, &b, err);
	if (rc < 0)
		goto out;
	longer = a.dim[0] >= b.dim[0] ? &a : &b;
	if (!same_rows(&a, &b)) {
		at->row = 0;
		ebb_buf_puts(&text, "rows of ");
		add_shape(&text, &a);
		ebb_buf_puts(&text, " against rows of ");
		add_shape(&text, &b);
		snprintf(at->values, sizeof at->values, "%s", text.data);
	} else {
		rc = compare_rows(&a, &b, name, at, err);
		if (rc == 0 && at->row < 0 && a.dim[0] != b.dim[0]) {
			at->row = a.dim[0] < b.dim[0] ? a.dim[0] : b.dim[0];
			snprintf(at->values, sizeof at->values, "%lld rows against %lld",
				 (long long)a.dim[0], (long long)b.dim[0]);
		}
	}
	if (rc == 0 && at->row >= 0) {
		rc = 1;
		at->step = step_of(longer->file, longer->dset, at->row);
	}
out:
	ebb_buf_release(&text);
	ebb_h5scope_close(&h5);
	return rc;
}

/* A known step comes before an unknown one; of equal ones the first in the file's order stays. */
static void note(struct ebb_difference *out, const char *name, const struct place *at)
{
	bool earlier = at->step >= 0 && (out->first_step < 0 || at->step < out->first_step);

	out->differing++;
	if (out->first[0] && !earlier)
		return;
	out->first_step = at->step;
	out->first_row = at->row;
	snprintf(out->first, sizeof out->first, "%s", name);
	snprintf(out->values, sizeof out->values, "%s", at->values);
}

static void note_alone(struct ebb_difference *out, const char *name)
{
	if (!out->alone[0])
		snprintf(out->alone, sizeof out->alone, "%s", name);
}

static int compare_all(hid_t a, hid_t b, const struct names *in_a, const struct names *in_b,
		       struct ebb_difference *out, struct ebb_err *err)
{
	struct place at;
	int rc = 0;

	for (int i = 0; i < in_a->n && rc >= 0; i++) {
		if (!list_has(in_b, in_a->name[i])) {
			note_alone(out, in_a->name[i]);
			out->only_a++;
			continue;
		}
		out->compared++;
		rc = compare(a, b, in_a->name[i], &at, err);
		if (rc == 1)
			note(out, in_a->name[i], &at);
	}
	out->only_b = in_b->n - out->compared;
	for (int i = 0; i < in_b->n && out->only_b > 0 && !out->alone[0]; i++)
		if (!list_has(in_a, in_b->name[i]))
			note_alone(out, in_b->name[i]);
	return rc < 0 ? rc : 0;
}

int ebb_differ(const char *path_a, const char *path_b, struct ebb_difference *out,
	       struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct names in_a = {0}, in_b = {0};
	struct ebb_err own = EBB_ERR_INIT;
	hid_t a, b = H5I_INVALID_HID;
	int rc;

	err = err ? err : &own;
	*out = (struct ebb_difference){.first_step = -1};
	a = ebb_schema_open(&h5, path_a, EBB_SCHEMA_TRIAL, err);
	if (a >= 0)
		b = ebb_schema_open(&h5, path_b, EBB_SCHEMA_TRIAL, err);
	rc = a < 0 || b < 0 ? err->code : 0;
	if (rc == 0 && (rc = list_names(a, &in_a, err)) < 0)
		ebb_err_wrap(err, "'%s'", path_a);
	if (rc == 0 && (rc = list_names(b, &in_b, err)) < 0)
		ebb_err_wrap(err, "'%s'", path_b);
	if (rc == 0 && (rc = compare_all(a, b, &in_a, &in_b, out, err)) < 0)
		ebb_err_wrap(err, "'%s' against '%s'", path_a, path_b);
	names_free(&in_a);
	names_free(&in_b);
	ebb_h5scope_close(&h5);
	return rc;
}
