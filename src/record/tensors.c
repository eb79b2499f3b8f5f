#include "record/tensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "record/scope.h"
#include "record/seal.h"

#define SCHEMA "ebb-tensors"

/* A digest over names, shapes and bytes of all tensors, in order. */
static void digest_of(const struct ebb_tensor_view *view, int n, char hex[65])
{
	uint8_t *all = ebb_xcalloc((size_t)n + 1, 32);

	for (int i = 0; i < n; i++) {
		ebb_sha256(view[i].data,
			   (size_t)view[i].rows * (size_t)view[i].cols * sizeof(float),
			   all + 32 * i);
		for (size_t k = 0; view[i].name[k]; k++)
			all[32 * i + (int)(k % 32)] ^= (uint8_t)view[i].name[k];
	}
	ebb_sha256_hex(all, (size_t)n * 32, hex, 64);
	free(all);
}

static int write_all(hid_t file, struct ebb_h5scope *h5, const char *path, const char *identity,
		     const struct ebb_tensor_view *view, int n, struct ebb_err *err)
{
	char hex[65];
	int rc;

	digest_of(view, n, hex);
	rc = ebb_h5_put_str(file, "schema", SCHEMA, err);
	if (rc == 0)
		rc = ebb_h5_put_str(file, "identity", identity, err);
	if (rc == 0)
		rc = ebb_h5_put_str(file, "sha256", hex, err);
	for (int i = 0; rc == 0 && i < n; i++) {
		hsize_t dim[2] = {(hsize_t)view[i].rows, (hsize_t)view[i].cols};
		hid_t space = ebb_h5_keep(h5, H5Screate_simple(2, dim, NULL));
		hid_t set = ebb_h5_keep(h5, H5Dcreate(file, view[i].name, H5T_IEEE_F32LE, space,
						      H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));

		if (set < 0 || H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
					view[i].data) < 0)
			rc = ebb_h5_fail(err, EBB_EIO, "cannot write tensor '%s' to '%s'",
					 view[i].name, path);
	}
	return rc;
}

int ebb_tensors_write(const char *path, const char *identity, const struct ebb_tensor_view *view,
		      int n, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *tmp = ebb_xprintf("%s.tmp", path);
	hid_t file = ebb_h5_keep(&h5, H5Fcreate(tmp, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
	int rc;

	if (file < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot create '%s'", tmp);
	else
		rc = write_all(file, &h5, tmp, identity, view, n, err);
	if (file >= 0) {
		int closed = ebb_h5_close_file(&h5, file, tmp, rc == 0 ? err : NULL);

		rc = rc == 0 ? closed : rc;
	}
	ebb_h5scope_close(&h5);
	if (rc == 0)
		rc = ebb_seal_write(tmp, err);
	if (rc == 0)
		rc = ebb_file_commit(tmp, path, err);
	if (rc < 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

static int read_one(hid_t file, struct ebb_h5scope *h5, const char *path,
		    const struct ebb_tensor_view *view, struct ebb_err *err)
{
	hid_t set = ebb_h5_keep(h5, H5Dopen(file, view->name, H5P_DEFAULT)), space;
	hsize_t dim[2];

	if (set < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "'%s' has no tensor '%s'", path, view->name);
	space = ebb_h5_keep(h5, H5Dget_space(set));
	if (H5Sget_simple_extent_ndims(space) != 2 ||
	    H5Sget_simple_extent_dims(space, dim, NULL) != 2 || dim[0] != (hsize_t)view->rows ||
	    dim[1] != (hsize_t)view->cols)
		return ebb_err_set(err, EBB_EFORMAT, "tensor '%s' of '%s' is not %d x %d",
				   view->name, path, view->rows, view->cols);
	if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, view->data) < 0)
		return ebb_h5_fail(err, EBB_EFORMAT, "cannot read tensor '%s' of '%s'", view->name,
				   path);
	return 0;
}

int ebb_tensors_read(const char *path, const char *identity, const struct ebb_tensor_view *view,
		     int n, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *text = NULL, hex[65];
	hid_t file;
	int rc = 0;

	if (!ebb_file_exists(path))
		return ebb_err_set(err, EBB_ENOENT, "no file '%s'", path);
	rc = ebb_seal_check(path, err);
	if (rc < 0)
		return rc;
	file = ebb_h5_keep(&h5, H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT));
	if (file < 0)
		rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot open '%s'", path);
	if (rc == 0)
		rc = ebb_h5_get_str(file, "identity", &text, err);
	if (rc == 0 && strcmp(text, identity) != 0)
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' holds tensors of another identity", path);
	free(text);
	text = NULL;
	for (int i = 0; rc == 0 && i < n; i++)
		rc = read_one(file, &h5, path, &view[i], err);
	if (rc == 0)
		rc = ebb_h5_get_str(file, "sha256", &text, err);
	if (rc == 0) {
		digest_of(view, n, hex);
		if (strcmp(text, hex) != 0)
			rc = ebb_err_set(err, EBB_EFORMAT, "'%s' is damaged: its checksum differs",
					 path);
	}
	free(text);
	ebb_h5scope_close(&h5);
	return rc == EBB_ENOENT ? ebb_err_set(err, EBB_EFORMAT, "'%s' lacks an attribute", path)
				: rc;
}
