#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "options/text.h"
#include "record/scope.h"

/* More than any attribute of ours holds; a file that claims more is damaged. */
#define ELEMENTS_MAX (1 << 22)

static hid_t string_type(struct ebb_h5scope *h5)
{
	hid_t type = ebb_h5_keep(h5, H5Tcopy(H5T_C_S1));

	if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
		return H5I_INVALID_HID;
	return type;
}

/* n < 0: a scalar. An attribute that is there already is replaced. */
static int put(struct ebb_h5scope *h5, hid_t loc, const char *name, hid_t file_type,
	       hid_t memory_type, const void *value, int64_t n, struct ebb_err *err)
{
	hsize_t dim = n < 0 ? 1 : (hsize_t)n;
	hid_t space, attr;

	space = ebb_h5_keep(h5, n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL));
	if (space < 0 || file_type < 0 || memory_type < 0)
		return ebb_h5_fail(err, EBB_EIO, "cannot make attribute '%s'", name);
	if (H5Aexists(loc, name) > 0 && H5Adelete(loc, name) < 0)
		return ebb_h5_fail(err, EBB_EIO, "cannot replace attribute '%s'", name);
	attr = ebb_h5_keep(h5, H5Acreate2(loc, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT));
	if (attr < 0 || (n != 0 && H5Awrite(attr, memory_type, value) < 0))
		return ebb_h5_fail(err, EBB_EIO, "cannot write attribute '%s'", name);
	return 0;
}

int ebb_h5_put_str(hid_t loc, const char *name, const char *value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t type = string_type(&h5);
	const char *text = value ? value : "";
	int rc = put(&h5, loc, name, type, type, &text, -1, err);

	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_put_strs(hid_t loc, const char *name, const char *const *value, size_t n,
		    struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t type = string_type(&h5);
	int rc = put(&h5, loc, name, type, type, value, (int64_t)n, err);

	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_put_i64(hid_t loc, const char *name, int64_t value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	int rc = put(&h5, loc, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, -1, err);

	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_put_u64(hid_t loc, const char *name, uint64_t value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	int rc = put(&h5, loc, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value, -1, err);

	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_put_u64s(hid_t loc, const char *name, const uint64_t *value, size_t n,
		    struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	int rc = put(&h5, loc, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, value, (int64_t)n, err);

	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_put_f64(hid_t loc, const char *name, double value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	int rc = put(&h5, loc, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, -1, err);

	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_put_bool(hid_t loc, const char *name, int value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t type = ebb_h5_keep(&h5, H5Tenum_create(H5T_STD_I8LE));
	int8_t no = 0, yes = 1, v = value != 0;
	int rc;

	if (type < 0 || H5Tenum_insert(type, "FALSE", &no) < 0 ||
	    H5Tenum_insert(type, "TRUE", &yes) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot make attribute '%s'", name);
	else
		rc = put(&h5, loc, name, type, type, &v, -1, err);
	ebb_h5scope_close(&h5);
	return rc;
}

/* Open, check kind and number of elements. scalar: exactly one is wanted. */
static int get(struct ebb_h5scope *h5, hid_t loc, const char *name, H5T_class_t class, bool scalar,
	       hid_t *attr, size_t *n, struct ebb_err *err)
{
	htri_t exists = H5Aexists(loc, name);
	hssize_t count;
	hid_t space, type;

	if (exists == 0)
		return ebb_err_set(err, EBB_ENOENT, "attribute '%s' is missing", name);
	*attr = exists < 0 ? H5I_INVALID_HID : ebb_h5_keep(h5, H5Aopen(loc, name, H5P_DEFAULT));
	if (*attr < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "cannot open attribute '%s'", name);
	space = ebb_h5_keep(h5, H5Aget_space(*attr));
	type = ebb_h5_keep(h5, H5Aget_type(*attr));
	if (space < 0 || type < 0 || (count = H5Sget_simple_extent_npoints(space)) < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "attribute '%s' is damaged", name);
	if (H5Tget_class(type) != class || (class == H5T_STRING && H5Tis_variable_str(type) <= 0) ||
	    (class == H5T_INTEGER && H5Tget_size(type) > 8) || (scalar && count != 1))
		return ebb_err_set(err, EBB_EFORMAT,
				   "attribute '%s' is not what the schema says it is", name);
	if (count > ELEMENTS_MAX)
		return ebb_err_set(err, EBB_EFORMAT,
				   "attribute '%s' claims %lld elements: at most %d are read", name,
				   (long long)count, ELEMENTS_MAX);
	*n = (size_t)count;
	return 0;
}

int ebb_h5_get_strs(hid_t loc, const char *name, char ***value, size_t *n, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char **raw = NULL;
	hid_t attr = H5I_INVALID_HID, type;
	int rc;

	*value = NULL;
	*n = 0;
	rc = get(&h5, loc, name, H5T_STRING, false, &attr, n, err);
	if (rc == 0 && (raw = ebb_calloc(*n + 1, sizeof *raw, err)) == NULL)
		rc = EBB_ENOMEM;
	if (rc == 0 && *n > 0) {
		hid_t stored = ebb_h5_keep(&h5, H5Aget_type(attr));

		/* Other writers say ASCII, which is UTF-8 too, but the library wants both alike. */
		type = string_type(&h5);
		if (stored < 0 || type < 0 || H5Tset_cset(type, H5Tget_cset(stored)) < 0 ||
		    H5Aread(attr, type, raw) < 0)
			rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot read attribute '%s'", name);
	}
	if (rc == 0 && (*value = ebb_calloc(*n + 1, sizeof **value, err)) == NULL)
		rc = EBB_ENOMEM;
	for (size_t i = 0; raw && i < *n; i++) {
		if (rc == 0)
			(*value)[i] = ebb_xstrdup(raw[i] ? raw[i] : "");
		if (raw[i])
			H5free_memory(raw[i]);
	}
	if (rc != 0)
		*n = 0;
	free(raw);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_get_str(hid_t loc, const char *name, char **value, struct ebb_err *err)
{
	char **list;
	size_t n;
	int rc = ebb_h5_get_strs(loc, name, &list, &n, err);

	*value = NULL;
	if (rc == 0 && n != 1)
		rc = ebb_err_set(err, EBB_EFORMAT, "attribute '%s' is not one string", name);
	if (rc == 0) {
		*value = list[0];
		list[0] = NULL;
	}
	ebb_h5_free_strs(list, n);
	return rc;
}

int ebb_h5_get_i64(hid_t loc, const char *name, int64_t *value, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t attr = H5I_INVALID_HID;
	size_t n;
	int rc = get(&h5, loc, name, H5T_INTEGER, true, &attr, &n, err);

	if (rc == 0 && H5Aread(attr, H5T_NATIVE_INT64, value) < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot read attribute '%s'", name);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_get_u64s(hid_t loc, const char *name, uint64_t **value, size_t *n, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hid_t attr = H5I_INVALID_HID;
	int rc;

	*value = NULL;
	*n = 0;
	rc = get(&h5, loc, name, H5T_INTEGER, false, &attr, n, err);
	if (rc == 0 && (*value = ebb_calloc(*n + 1, sizeof **value, err)) == NULL)
		rc = EBB_ENOMEM;
	if (rc == 0 && *n > 0 && H5Aread(attr, H5T_NATIVE_UINT64, *value) < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot read attribute '%s'", name);
	if (rc != 0) {
		free(*value);
		*value = NULL;
		*n = 0;
	}
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_h5_check_plain(const char *text, const char *what, struct ebb_err *err)
{
	char shown[EBB_SHOWN];

	if (ebb_text_is_plain(text))
		return 0;
	return ebb_err_set(err, EBB_EFORMAT, "%s '%s' holds control characters or is not UTF-8",
			   what, ebb_show(shown, text));
}

void ebb_h5_free_strs(char **value, size_t n)
{
	for (size_t i = 0; value && i < n; i++)
		free(value[i]);
	free(value);
}
