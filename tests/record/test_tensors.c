/* Tensors on disk: what was written comes back, and nothing else is believed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <hdf5.h>
#include "base/file.h"
#include "record/record.h"
#include "record/seal.h"
#include "record/tensors.h"

static char dir[] = "/tmp/ebb-tensors-XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	ebb_record_setup();
}

TestSuite(tensors, .init = make_dir);

Test(tensors, round_trip_and_refusals)
{
	float a[6] = {1, -2, 3.5f, 0, 1e-40f, 6}, b[2] = {7, 8}, c[6] = {0}, d[2] = {0};
	struct ebb_tensor_view out[2] = {{"embed", EBB_F32_ELEMENT, 2, 3, a},
					 {"layer.0.norm", EBB_F32_ELEMENT, 1, 2, b}};
	struct ebb_tensor_view in[2] = {{"embed", EBB_F32_ELEMENT, 2, 3, c},
					{"layer.0.norm", EBB_F32_ELEMENT, 1, 2, d}};
	struct ebb_tensor_view shape[1] = {{"embed", EBB_F32_ELEMENT, 3, 2, c}},
			       name[1] = {{"embedd", EBB_F32_ELEMENT, 2, 3, c}};
	char *path = ebb_path_join(dir, "w.h5"), *text;
	struct ebb_err err = EBB_ERR_INIT;
	size_t n;

	cr_assert_eq(ebb_tensors_read(path, "me", in, 2, &err), EBB_ENOENT);
	cr_assert_eq(ebb_tensors_write(path, "me", out, 2, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_tensors_read(path, "me", in, 2, &err), 0, "%s", err.text);
	cr_assert_eq(memcmp(a, c, sizeof a), 0);
	cr_assert_eq(memcmp(b, d, sizeof b), 0);
	cr_assert_eq(ebb_tensors_read(path, "you", in, 2, &err), EBB_EFORMAT);
	cr_assert_eq(ebb_tensors_read(path, "me", shape, 1, &err), EBB_EFORMAT);
	cr_assert_eq(ebb_tensors_read(path, "me", name, 1, &err), EBB_EFORMAT);
	/* one flipped bit anywhere before the seal itself, and a cut file */
	cr_assert_eq(ebb_file_read(path, 1 << 24, &text, &n, &err), 0);
	for (size_t i = 0; i + 32 < n; i += n / 97 + 1) {
		text[i] ^= 4;
		cr_assert_eq(ebb_file_write(path, text, n, &err), 0);
		cr_assert_eq(ebb_tensors_read(path, "me", in, 2, &err), EBB_EFORMAT, "byte %zu", i);
		text[i] ^= 4;
	}
	cr_assert_eq(ebb_file_write(path, text, n / 2, &err), 0);
	cr_assert_eq(ebb_tensors_read(path, "me", in, 2, &err), EBB_EFORMAT);
	free(text);
	free(path);
}

Test(tensors, every_element_in_groups)
{
	double step = 1234567, numbers[3] = {NAN, -0.0, 1e300}, step_in = 0, numbers_in[3] = {0};
	int32_t counts[2] = {-1, INT32_MAX}, counts_in[2] = {0};
	uint8_t bytes[5] = {0, 255, 1, 2, 3}, bytes_in[5] = {0};
	float w[4] = {1, 2, 3, NAN}, w_in[4] = {0};
	struct ebb_tensor_view out[] = {
		{"step", EBB_F64_ELEMENT, 1, 1, &step},
		{"a/deep/er/numbers", EBB_F64_ELEMENT, 3, 1, numbers},
		{"a/deep/counts", EBB_I32_ELEMENT, 1, 2, counts},
		{"arena", EBB_U8_ELEMENT, 1, 5, bytes},
		{"weights/layer.0.qkv", EBB_F32_ELEMENT, 2, 2, w},
		{"nothing", EBB_U8_ELEMENT, 1, 0, bytes},
	};
	struct ebb_tensor_view in[] = {
		{"step", EBB_F64_ELEMENT, 1, 1, &step_in},
		{"a/deep/er/numbers", EBB_F64_ELEMENT, 3, 1, numbers_in},
		{"a/deep/counts", EBB_I32_ELEMENT, 1, 2, counts_in},
		{"arena", EBB_U8_ELEMENT, 1, 5, bytes_in},
		{"weights/layer.0.qkv", EBB_F32_ELEMENT, 2, 2, w_in},
		{"nothing", EBB_U8_ELEMENT, 1, 0, bytes_in},
	};
	const int n = sizeof out / sizeof *out;
	char *path = ebb_path_join(dir, "state.h5"), *identity, *text;
	struct ebb_err err = EBB_ERR_INIT;
	size_t size;

	cr_assert_eq(ebb_tensors_identity(path, &identity, &err), EBB_ENOENT);
	cr_assert_null(identity);
	cr_assert_eq(ebb_tensors_step(path), -1);
	cr_assert_eq(ebb_tensors_write(path, "who\nwhat", out, n, &err), 0, "%s", err.text);
	cr_assert_eq(ebb_tensors_identity(path, &identity, &err), 0, "%s", err.text);
	cr_assert_str_eq(identity, "who\nwhat");
	free(identity);
	cr_assert_eq(ebb_tensors_step(path), 1234567);

	/* another type or shape at the very end: refused before anything is filled in */
	in[4].element = EBB_I32_ELEMENT;
	cr_assert_eq(ebb_tensors_read(path, "who\nwhat", in, n, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, "weights/layer.0.qkv"), "%s", err.text);
	in[4].element = EBB_F32_ELEMENT;
	in[4].rows = 4;
	cr_assert_eq(ebb_tensors_read(path, "who\nwhat", in, n, &err), EBB_EFORMAT);
	in[4].rows = 2;
	cr_assert_eq(step_in, 0);
	cr_assert_eq(bytes_in[1], 0);

	cr_assert_eq(ebb_tensors_read(path, "who\nwhat", in, n, &err), 0, "%s", err.text);
	cr_assert_eq(step_in, step);
	cr_assert_eq(memcmp(numbers, numbers_in, sizeof numbers), 0, "NaN and -0 keep their bits");
	cr_assert_eq(memcmp(counts, counts_in, sizeof counts), 0);
	cr_assert_eq(memcmp(bytes, bytes_in, sizeof bytes), 0);
	cr_assert_eq(memcmp(w, w_in, sizeof w), 0);

	out[0].rows = -1;
	cr_assert_eq(ebb_tensors_write(path, "who", out, n, &err), EBB_EINVAL);
	cr_assert_eq(ebb_tensors_identity(path, &identity, &err), 0, "the old file is gone");
	free(identity);

	/* the line of the step is believed only whole */
	cr_assert_eq(ebb_file_read(path, 1 << 24, &text, &size, &err), 0);
	for (size_t i = 1; i < 75; i++) {
		text[size - i] ^= 1;
		cr_assert_eq(ebb_file_write(path, text, size, &err), 0);
		cr_assert_eq(ebb_tensors_step(path), i > 25 && i <= 70 ? -1 : 1234567, "byte -%zu",
			     i);
		text[size - i] ^= 1;
	}
	for (size_t cut = 1; cut <= 70; cut += 3) { /* a file without its seal is read */
		cr_assert_eq(ebb_file_write(path, text, size - cut, &err), 0);
		cr_assert_eq(ebb_tensors_step(path), -1);
		cr_assert_eq(ebb_tensors_identity(path, &identity, &err), EBB_OK);
		free(identity);
	}
	free(text);
	free(path);
}

/* A file as the program wrote it before tensors had types: plain float datasets at the root, and a
 * digest that was computed once by hand:
 *   sha256(sha256(bytes of a) xor "a") of a = [1, -2] as float32 */
Test(tensors, files_of_the_first_version_stay_readable)
{
	static const char hex[] =
		"d20414f16cd520cd1168a7c3a55e3769907b9d785f583014a04ef06dffffa8ee";
	float a[2] = {1, -2}, in[2] = {0};
	struct ebb_tensor_view view = {"a", EBB_F32_ELEMENT, 1, 2, in};
	char *path = ebb_path_join(dir, "old.h5");
	struct ebb_err err = EBB_ERR_INIT;
	hsize_t dim[2] = {1, 2};
	hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
	      space = H5Screate_simple(2, dim, NULL), text = H5Tcopy(H5T_C_S1),
	      scalar = H5Screate(H5S_SCALAR), set, attr;
	const char *const value[3] = {"ebb-tensors", "me", hex}, *const name[3] = {"schema",
										   "identity",
										   "sha256"};

	H5Tset_size(text, H5T_VARIABLE);
	H5Tset_cset(text, H5T_CSET_UTF8);
	for (int i = 0; i < 3; i++) {
		attr = H5Acreate2(file, name[i], text, scalar, H5P_DEFAULT, H5P_DEFAULT);
		cr_assert_geq(H5Awrite(attr, text, &value[i]), 0);
		H5Aclose(attr);
	}
	set = H5Dcreate2(file, "a", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	cr_assert_geq(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, a), 0);
	H5Dclose(set);
	H5Sclose(space);
	H5Sclose(scalar);
	H5Tclose(text);
	H5Fclose(file);
	cr_assert_eq(ebb_seal_write(path, &err), 0);
	cr_assert_eq(ebb_tensors_read(path, "me", &view, 1, &err), 0, "%s", err.text);
	cr_assert_eq(memcmp(a, in, sizeof a), 0);
	cr_assert_eq(ebb_tensors_step(path), -1);
	free(path);
}
