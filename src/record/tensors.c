#include "record/tensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "record/schema.h"
#include "record/seal.h"

#define SCHEMA "ebb-tensors"

/* "\nebb-step 0000000000000000120 crc32=0123abcd\n", between HDF5's own end and the seal: what a
 * checkpoint resumes at, for whoever asks a thousand of them. */
#define STEP_MAGIC "\nebb-step "
#define STEP_TEXT  (sizeof STEP_MAGIC - 1 + 19)
#define STEP_BYTES (STEP_TEXT + sizeof " crc32=01234567\n" - 1)
#define SEAL_BYTES 25

static size_t bytes_of(const struct ebb_tensor_view *view)
{
	return (size_t)view->rows * (size_t)view->cols * ebb_element_bytes(view->element);
}

static int check_view(const struct ebb_tensor_view *view, struct ebb_err *err)
{
	const int64_t most = INT64_MAX / 8;

	if (!view->name[0] || view->name[0] == '/' || view->rows < 0 || view->cols < 0 ||
	    (view->cols > 0 && view->rows > most / view->cols))
		return ebb_err_set(err, EBB_EINVAL, "'%s' of %lld x %lld cannot be a tensor",
				   view->name, (long long)view->rows, (long long)view->cols);
	return 0;
}

/* A digest over names and bytes of all tensors, in order; types and shapes are compared as such.
 * Weights alone, which are kept for years, get a SHA-256 as they always have; the state of a trial,
 * which is written every minute, a CRC-32 that is some twenty times as fast. Returns the attribute's
 * name. */
static const char *digest_of(const struct ebb_tensor_view *view, int n, char hex[65])
{
	uint8_t *all = ebb_xcalloc((size_t)n + 1, 32);
	bool weights = true;
	uint32_t crc = 0;

	for (int i = 0; i < n; i++)
		weights = weights && view[i].element == EBB_F32_ELEMENT;
	for (int i = 0; i < n; i++) {
		if (!weights) {
			crc = ebb_crc32(crc, view[i].name, strlen(view[i].name) + 1);
			crc = ebb_crc32(crc, view[i].data, bytes_of(&view[i]));
			continue;
		}
		ebb_sha256(view[i].data, bytes_of(&view[i]), all + 32 * i);
		for (size_t k = 0; view[i].name[k]; k++)
			all[32 * i + (int)(k % 32)] ^= (uint8_t)view[i].name[k];
	}
	if (weights)
		ebb_sha256_hex(all, (size_t)n * 32, hex, 64);
	else
		snprintf(hex, 65, "%08x", (unsigned)crc);
	free(all);
	return weights ? "sha256" : "crc32";
}

static int write_one(hid_t file, const char *path, const struct ebb_tensor_view *view,
		     struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	hsize_t dim[2] = {(hsize_t)view->rows, (hsize_t)view->cols};
	hid_t space = ebb_h5_keep(&h5, H5Screate_simple(2, dim, NULL)),
	      links = ebb_h5_keep(&h5, H5Pcreate(H5P_LINK_CREATE)), set = H5I_INVALID_HID;
	int rc = 0;

	if (space >= 0 && links >= 0 && H5Pset_create_intermediate_group(links, 1) >= 0)
		set = ebb_h5_keep(&h5,
				  H5Dcreate2(file, view->name, ebb_element_stored(view->element),
					     space, links, H5P_DEFAULT, H5P_DEFAULT));
	if (set < 0 || H5Dwrite(set, ebb_element_memory(view->element), H5S_ALL, H5S_ALL,
				H5P_DEFAULT, view->data) < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot write tensor '%s' to '%s'", view->name,
				 path);
	ebb_h5scope_close(&h5);
	return rc;
}

static int write_all(hid_t file, const char *path, const char *identity,
		     const struct ebb_tensor_view *view, int n, struct ebb_err *err)
{
	char hex[65];
	const char *digest = digest_of(view, n, hex);
	int rc = ebb_h5_put_str(file, "schema", SCHEMA, err);

	if (rc == 0)
		rc = ebb_h5_put_str(file, "identity", identity, err);
	if (rc == 0)
		rc = ebb_h5_put_str(file, digest, hex, err);
	for (int i = 0; rc == 0 && i < n; i++)
		rc = write_one(file, path, &view[i], err);
	return rc;
}

static void step_text(int64_t step, char text[STEP_BYTES + 1])
{
	char number[STEP_TEXT + 1];

	snprintf(number, sizeof number, STEP_MAGIC "%019" PRId64, step);
	snprintf(text, STEP_BYTES + 1, "%s crc32=%08x\n", number,
		 (unsigned)ebb_crc32(0, number, STEP_TEXT));
}

/* The line of the tensor "step", where there is one. */
static int write_step(const char *path, const struct ebb_tensor_view *view, int n,
		      struct ebb_err *err)
{
	const struct ebb_tensor_view *step = NULL;
	char text[STEP_BYTES + 1];
	int fd, rc = 0;

	for (int i = 0; i < n; i++)
		if (strcmp(view[i].name, "step") == 0 && view[i].element == EBB_F64_ELEMENT &&
		    view[i].rows == 1 && view[i].cols == 1)
			step = &view[i];
	if (!step || !(*(const double *)step->data >= 0 && *(const double *)step->data < 1e15))
		return 0;
	step_text((int64_t) * (const double *)step->data, text);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	errno = 0;
	if (fd < 0 || write(fd, text, STEP_BYTES) != (ssize_t)STEP_BYTES)
		rc = ebb_err_set(err, EBB_EIO, "cannot complete '%s': %s", path,
				 strerror(errno ? errno : ENOSPC));
	if (fd >= 0)
		close(fd);
	return rc;
}

int64_t ebb_tensors_step(const char *path)
{
	char text[STEP_BYTES + 1] = "", want[STEP_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int64_t step = -1;
	off_t end;

	if (fd < 0)
		return -1;
	end = lseek(fd, 0, SEEK_END);
	if (end > (off_t)(STEP_BYTES + SEAL_BYTES) &&
	    pread(fd, text, STEP_BYTES, end - (off_t)(STEP_BYTES + SEAL_BYTES)) ==
		    (ssize_t)STEP_BYTES &&
	    strncmp(text, STEP_MAGIC, sizeof STEP_MAGIC - 1) == 0) {
		step = strtoll(text + sizeof STEP_MAGIC - 1, NULL, 10);
		step_text(step, want);
		if (step < 0 || memcmp(text, want, STEP_BYTES) != 0)
			step = -1;
	}
	close(fd);
	return step;
}

int ebb_tensors_write(const char *path, const char *identity, const struct ebb_tensor_view *view,
		      int n, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	char *tmp;
	hid_t file;
	int rc = 0;

	ebb_record_setup();
	for (int i = 0; i < n && rc == 0; i++)
		rc = check_view(&view[i], err);
	if (rc < 0)
		return rc;
	tmp = ebb_xprintf("%s.tmp", path);
	file = ebb_h5_keep(&h5, H5Fcreate(tmp, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
	if (file < 0)
		rc = ebb_h5_fail(err, EBB_EIO, "cannot create '%s'", tmp);
	else
		rc = write_all(file, tmp, identity, view, n, err);
	if (file >= 0) {
		int closed = ebb_h5_close_file(&h5, file, tmp, rc == 0 ? err : NULL);

		rc = rc == 0 ? closed : rc;
	}
	ebb_h5scope_close(&h5);
	if (rc == 0)
		rc = write_step(tmp, view, n, err);
	if (rc == 0)
		rc = ebb_seal_write(tmp, err);
	if (rc == 0)
		rc = ebb_file_commit(tmp, path, err);
	if (rc < 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

/* ---- reading ---- */

static hid_t open_sealed(struct ebb_h5scope *h5, const char *path, struct ebb_err *err)
{
	hid_t file;

	ebb_record_setup();
	if (!ebb_file_exists(path)) {
		ebb_err_set(err, EBB_ENOENT, "no file '%s'", path);
		return H5I_INVALID_HID;
	}
	if (ebb_seal_check(path, err) < 0)
		return H5I_INVALID_HID;
	file = ebb_h5_keep(h5, H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT));
	if (file < 0)
		ebb_h5_fail(err, EBB_EFORMAT, "cannot open '%s'", path);
	return file;
}

static int get_text(hid_t file, const char *path, const char *name, char **text,
		    struct ebb_err *err)
{
	int rc = ebb_h5_get_str(file, name, text, err);

	return rc == EBB_ENOENT
		       ? ebb_err_set(err, EBB_EFORMAT, "'%s' lacks the attribute '%s'", path, name)
		       : rc;
}

/* Open a tensor whose type and shape are those of the view. */
static hid_t open_one(struct ebb_h5scope *h5, hid_t file, const char *path,
		      const struct ebb_tensor_view *view, struct ebb_err *err)
{
	hid_t set = ebb_h5_keep(h5, H5Dopen2(file, view->name, H5P_DEFAULT)), space, type;
	hsize_t dim[2];

	if (set < 0) {
		ebb_h5_fail(err, EBB_EFORMAT, "'%s' has no tensor '%s'", path, view->name);
		return H5I_INVALID_HID;
	}
	space = ebb_h5_keep(h5, H5Dget_space(set));
	type = ebb_h5_keep(h5, H5Dget_type(set));
	if (space < 0 || type < 0 || H5Tequal(type, ebb_element_stored(view->element)) <= 0 ||
	    H5Sget_simple_extent_ndims(space) != 2 ||
	    H5Sget_simple_extent_dims(space, dim, NULL) != 2 || dim[0] != (hsize_t)view->rows ||
	    dim[1] != (hsize_t)view->cols) {
		H5Eclear2(H5E_DEFAULT);
		ebb_err_set(err, EBB_EFORMAT,
			    "tensor '%s' of '%s' is of another type or not %lld x %lld", view->name,
			    path, (long long)view->rows, (long long)view->cols);
		return H5I_INVALID_HID;
	}
	return set;
}

/* Every type and shape is compared before the first byte of the caller's is changed. */
static int read_all(hid_t file, const char *path, const struct ebb_tensor_view *view, int n,
		    struct ebb_err *err)
{
	hid_t *set = ebb_xcalloc((size_t)n + 1, sizeof *set);
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		rc = check_view(&view[i], err);
		if (rc == 0) {
			set[i] = open_one(&h5, file, path, &view[i], err);
			rc = set[i] < 0 ? EBB_EFORMAT : 0;
		}
	}
	for (int i = 0; i < n && rc == 0; i++)
		if (H5Dread(set[i], ebb_element_memory(view[i].element), H5S_ALL, H5S_ALL,
			    H5P_DEFAULT, view[i].data) < 0)
			rc = ebb_h5_fail(err, EBB_EFORMAT, "cannot read tensor '%s' of '%s'",
					 view[i].name, path);
	ebb_h5scope_close(&h5);
	free(set);
	return rc;
}

int ebb_tensors_read(const char *path, const char *identity, const struct ebb_tensor_view *view,
		     int n, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err own = EBB_ERR_INIT;
	char *text = NULL, *want = NULL, hex[65];
	hid_t file;
	int rc;

	err = err ? err : &own;
	file = open_sealed(&h5, path, err);
	rc = file < 0 ? err->code : get_text(file, path, "identity", &text, err);
	if (rc == 0 && strcmp(text, identity) != 0)
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' holds tensors of another identity", path);
	if (rc == 0)
		rc = read_all(file, path, view, n, err);
	if (rc == 0)
		rc = get_text(file, path, digest_of(view, n, hex), &want, err);
	if (rc == 0 && strcmp(want, hex) != 0)
		rc = ebb_err_set(err, EBB_EFORMAT,
				 "'%s' is damaged or has other tensors: its checksum differs",
				 path);
	free(text);
	free(want);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_tensors_read_some(const char *path, const struct ebb_tensor_view *view, int n,
			  struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err own = EBB_ERR_INIT;
	hid_t file;
	int rc;

	err = err ? err : &own;
	file = open_sealed(&h5, path, err);
	rc = file < 0 ? err->code : 0;
	if (rc == 0 && !ebb_seal_there(path))
		rc = ebb_err_set(err, EBB_EFORMAT, "'%s' is damaged: it has no seal", path);
	if (rc == 0)
		rc = read_all(file, path, view, n, err);
	ebb_h5scope_close(&h5);
	return rc;
}

int ebb_tensors_identity(const char *path, char **identity, struct ebb_err *err)
{
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	struct ebb_err own = EBB_ERR_INIT;
	hid_t file;
	int rc;

	err = err ? err : &own;
	*identity = NULL;
	file = open_sealed(&h5, path, err);
	rc = file < 0 ? err->code : get_text(file, path, "identity", identity, err);
	ebb_h5scope_close(&h5);
	return rc;
}
