/* Weights on disk: what was written comes back, and nothing else is believed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "record/record.h"
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
	struct ebb_tensor_view out[2] = {{"embed", 2, 3, a}, {"layer.0.norm", 1, 2, b}};
	struct ebb_tensor_view in[2] = {{"embed", 2, 3, c}, {"layer.0.norm", 1, 2, d}};
	struct ebb_tensor_view shape[1] = {{"embed", 3, 2, c}}, name[1] = {{"embedd", 2, 3, c}};
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
