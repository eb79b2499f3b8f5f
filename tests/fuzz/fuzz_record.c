/*
 * Files that are good HDF5 and bad records: attributes of other kinds, missing datasets, shapes
 * that do not fit or claim more than memory holds, links in circles or into other files. The input
 * is a program of edits, made through the library itself on an unsealed copy; what is tested is our
 * readers, not how HDF5 takes broken bytes.
 *
 *   byte 0   which file of the run
 *   edits    kind, object, attribute, n; then n % 64 bytes for the edit's use
 */
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "fuzz.h"
#include "made_run.h"
#include "options/text.h"
#include "record/scope.h"

#define EDITS_MAX     12
#define NAMES_MAX     400
#define FILE_MOST     (1 << 18)  /* bytes of the files here */
#define TRIAL_OBJECTS 40         /* about so many a trial has */
#define ELSEWHERE     -1234567.0 /* a number that stands in a file of its own */

enum edit {
	DROP_ATTRIBUTE,
	TEXT_ATTRIBUTE,
	FIXED_ATTRIBUTE,
	INTEGER_ATTRIBUTE,
	FLOAT_ATTRIBUTE,
	TEXTS_ATTRIBUTE,
	NULL_ATTRIBUTE,
	DROP_LINK,
	OTHER_DATASET,
	SOFT_LINK,
	EXTERNAL_LINK,
	HARD_LINK,
	EXTENT,
	GROUP,
	TYPE,
	VALUES,
	N_EDITS
};

/* ---- what there is to edit ---- */

struct names {
	char *name[NAMES_MAX];
	int n;
};

static void take_name(struct names *list, const char *name)
{
	if (list->n < NAMES_MAX)
		list->name[list->n++] = ebb_xstrdup(name);
}

static herr_t take_object(hid_t object, const char *name, const H5O_info_t *info, void *list)
{
	take_name(list, strcmp(name, ".") == 0 ? "/" : name);
	return 0;
}

static herr_t take_attribute(hid_t loc, const char *name, const H5A_info_t *info, void *list)
{
	take_name(list, name);
	return 0;
}

static void names_release(struct names *list)
{
	while (list->n > 0)
		free(list->name[--list->n]);
}

/* ---- edits ---- */

struct edited {
	struct ebb_h5scope h5;
	hid_t file, object; /* the object at hand; negative: it cannot be opened */
	const char *path, *attribute;
	const uint8_t *byte; /* 64 of them, zeros behind those of the input */
	int n;
	const struct names *objects;
};

static void put_attribute(struct edited *e, hid_t type, hid_t space, const void *value)
{
	hid_t a;

	if (e->object < 0)
		return;
	if (H5Aexists(e->object, e->attribute) > 0)
		H5Adelete(e->object, e->attribute);
	a = ebb_h5_keep(&e->h5,
			H5Acreate2(e->object, e->attribute, type, space, H5P_DEFAULT, H5P_DEFAULT));
	if (a >= 0 && value)
		H5Awrite(a, type, value);
}

static hid_t line_space(struct edited *e, hsize_t n)
{
	return ebb_h5_keep(&e->h5, H5Screate_simple(1, &n, NULL));
}

static hid_t text_type(struct edited *e, size_t n)
{
	hid_t type = ebb_h5_keep(&e->h5, H5Tcopy(H5T_C_S1));

	H5Tset_size(type, n);
	H5Tset_cset(type, e->byte[63] & 1 ? H5T_CSET_ASCII : H5T_CSET_UTF8);
	return type;
}

static void edit_attribute(struct edited *e, enum edit kind)
{
	static const char zeros[4096];
	hid_t scalar = ebb_h5_keep(&e->h5, H5Screate(H5S_SCALAR));
	const hid_t integer[] = {H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I32BE,
				 H5T_STD_I64LE, H5T_STD_U64LE, H5T_STD_B32LE};
	const char *text = (const char *)e->byte, *texts[16];
	hsize_t n = e->byte[0] % 16;

	switch (kind) {
	case TEXT_ATTRIBUTE:
		put_attribute(e, text_type(e, H5T_VARIABLE), scalar, &text);
		return;
	case FIXED_ATTRIBUTE:
		put_attribute(e, text_type(e, 8), scalar, e->byte);
		return;
	case INTEGER_ATTRIBUTE: /* one, or none, or a few, as large as they get */
		put_attribute(e, integer[e->byte[1] % 6], n ? line_space(e, n - 1) : scalar,
			      n > 7 ? zeros : (const char *)e->byte + 2);
		return;
	case FLOAT_ATTRIBUTE:
		put_attribute(e, H5T_IEEE_F64LE, n ? line_space(e, n - 1) : scalar, zeros);
		return;
	case TEXTS_ATTRIBUTE:
		for (hsize_t i = 0; i < n; i++) /* sometimes null */
			texts[i] = e->byte[1 + i] & 1 ? text + 2 + i : NULL;
		put_attribute(e, text_type(e, H5T_VARIABLE), line_space(e, n), texts);
		return;
	default:
		put_attribute(e, H5T_STD_I64LE, ebb_h5_keep(&e->h5, H5Screate(H5S_NULL)), NULL);
		return;
	}
}

/* A dataset of any type, rank and extent, mostly without a byte written. No compact ones: 1.10.8
 * crashes when it makes some of them. */
static void other_dataset(struct edited *e)
{
	const uint8_t *b = e->byte;
	hid_t type[] = {H5T_IEEE_F64LE,
			H5T_IEEE_F32BE,
			H5T_STD_I32LE,
			H5T_STD_U8LE,
			H5T_STD_I64LE,
			H5T_IEEE_F64BE,
			-1,
			-1};
	hid_t create = ebb_h5_keep(&e->h5, H5Pcreate(H5P_DATASET_CREATE)), space;
	hsize_t dim[8], chunk[8], most[8];
	int rank = b[1] % 7;
	double one = 1.0;

	type[6] = text_type(e, H5T_VARIABLE);
	type[7] = ebb_h5_keep(&e->h5, H5Tvlen_create(H5T_IEEE_F64LE));
	for (int k = 0; k < rank; k++) {
		dim[k] = b[2] & 1 ? (hsize_t)1 << b[3 + k] % 63 : (hsize_t)(b[3 + k] % 6);
		chunk[k] = b[2] & 2 ? (hsize_t)1 << b[9 + k] % 32 : (hsize_t)(1 + b[9 + k] % 4);
		most[k] = H5S_UNLIMITED;
	}
	if (b[2] & 4) {
		H5Pset_layout(create, H5D_CONTIGUOUS);
		if (b[2] & 16)
			H5Pset_external(create, "/proc/self/environ", 0, H5F_UNLIMITED);
	} else if (rank > 0) {
		H5Pset_chunk(create, rank, chunk);
		if (b[2] & 32)
			H5Pset_deflate(create, 1);
	}
	if (b[2] & 64)
		H5Pset_fill_value(create, H5T_NATIVE_DOUBLE, &one);
	H5Ldelete(e->file, e->path, H5P_DEFAULT);
	space = ebb_h5_keep(&e->h5, rank ? H5Screate_simple(rank, dim, b[2] & 4 ? NULL : most)
					 : H5Screate(b[0] & 1 ? H5S_SCALAR : H5S_NULL));
	ebb_h5_keep(&e->h5, H5Dcreate2(e->file, e->path, type[b[0] % 8], space, H5P_DEFAULT, create,
				       H5P_DEFAULT));
}

static void extent(struct edited *e)
{
	hsize_t dim[8];
	hid_t space = e->object < 0 ? -1 : ebb_h5_keep(&e->h5, H5Dget_space(e->object));
	int rank = space < 0 ? 0 : H5Sget_simple_extent_dims(space, dim, NULL);

	for (int k = 0; k < rank && k < 8; k++)
		if (e->byte[k] & 1)
			dim[k] = e->byte[k] & 2 ? (hsize_t)1 << e->byte[k] / 4 % 63
						: (hsize_t)(e->byte[k] / 4);
	if (rank > 0)
		H5Dset_extent(e->object, dim);
}

/* Bytes where the numbers of a dataset were. */
static void values(struct edited *e)
{
	hsize_t dim[8], start[8] = {0}, count[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	hid_t space = e->object < 0 ? -1 : ebb_h5_keep(&e->h5, H5Dget_space(e->object)), line;
	int rank = space < 0 ? 0 : H5Sget_simple_extent_dims(space, dim, NULL);
	double x;

	if (rank < 1 || dim[0] == 0)
		return;
	memcpy(&x, e->byte, sizeof x);
	start[0] = e->byte[8] % dim[0];
	line = line_space(e, 1);
	H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
	H5Dwrite(e->object, H5T_NATIVE_DOUBLE, line, space, H5P_DEFAULT, &x);
}

/* A file beside the run, which nobody asked to read. */
static const char *elsewhere(void)
{
	static char *path;
	struct ebb_h5scope h5 = EBB_H5SCOPE_INIT;
	const hsize_t dim = 5;
	const double value[5] = {ELSEWHERE, ELSEWHERE, ELSEWHERE, ELSEWHERE, ELSEWHERE};
	hid_t file, space, create, set;

	if (path)
		return path;
	path = ebb_path_join(fuzz_folder(), "elsewhere.h5");
	file = ebb_h5_keep(&h5, H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
	space = ebb_h5_keep(&h5, H5Screate_simple(1, &dim, NULL));
	create = ebb_h5_keep(&h5, H5Pcreate(H5P_DATASET_CREATE));
	H5Pset_chunk(create, 1, &dim);
	set = ebb_h5_keep(&h5, H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, create,
					  H5P_DEFAULT));
	if (H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
		EBB_BUG("no file '%s'", path);
	ebb_h5scope_close(&h5);
	return path;
}

static void edit(struct edited *e, enum edit kind)
{
	const char *text = (const char *)e->byte,
		   *other = e->objects->name[e->byte[0] % e->objects->n];
	hid_t type;

	switch (kind) {
	case DROP_ATTRIBUTE:
		if (e->object >= 0 && H5Aexists(e->object, e->attribute) > 0)
			H5Adelete(e->object, e->attribute);
		return;
	case DROP_LINK:
		H5Ldelete(e->file, e->path, H5P_DEFAULT);
		return;
	case OTHER_DATASET:
		other_dataset(e);
		return;
	case SOFT_LINK:
		H5Ldelete(e->file, e->path, H5P_DEFAULT);
		H5Lcreate_soft(e->byte[1] & 1 ? other : text, e->file, e->path, H5P_DEFAULT,
			       H5P_DEFAULT);
		return;
	case EXTERNAL_LINK:
		H5Ldelete(e->file, e->path, H5P_DEFAULT);
		H5Lcreate_external(elsewhere(), "x", e->file, e->path, H5P_DEFAULT, H5P_DEFAULT);
		return;
	case HARD_LINK: /* a group below itself, among others */
		if (e->byte[1] & 1)
			H5Ldelete(e->file, e->path, H5P_DEFAULT);
		H5Lcreate_hard(e->file, other, e->byte[1] & 1 ? e->file : e->object,
			       e->byte[1] & 1 ? e->path : text, H5P_DEFAULT, H5P_DEFAULT);
		return;
	case EXTENT:
		extent(e);
		return;
	case GROUP:
		ebb_h5_keep(&e->h5, H5Gcreate2(e->object < 0 ? e->file : e->object, text,
					       H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
		return;
	case TYPE:
		H5Ldelete(e->file, e->path, H5P_DEFAULT);
		type = ebb_h5_keep(&e->h5, H5Tcopy(H5T_IEEE_F64LE));
		H5Tcommit2(e->file, e->path, type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
		return;
	case VALUES:
		values(e);
		return;
	default:
		edit_attribute(e, kind);
		return;
	}
}

/* One edit from the bytes at hand; how many of them it took. */
static size_t edit_one(hid_t file, const struct names *objects, const uint8_t *data, size_t size)
{
	struct edited e = {.h5 = EBB_H5SCOPE_INIT, .file = file, .objects = objects};
	struct names attributes = {0};
	uint8_t byte[65] = {0};
	size_t n;

	if (size < 4)
		return size;
	n = data[3] % 64;
	n = n < size - 4 ? n : size - 4;
	memcpy(byte, data + 4, n);
	e.byte = byte;
	e.n = (int)n;
	e.path = objects->name[data[1] % objects->n];
	e.object = H5Lexists(file, e.path, H5P_DEFAULT) > 0 || strcmp(e.path, "/") == 0
			   ? ebb_h5_keep(&e.h5, H5Oopen(file, e.path, H5P_DEFAULT))
			   : -1;
	if (e.object >= 0)
		H5Aiterate2(e.object, H5_INDEX_NAME, H5_ITER_INC, NULL, take_attribute,
			    &attributes);
	e.attribute = attributes.n ? attributes.name[data[2] % attributes.n] : "index";
	edit(&e, (enum edit)(data[0] % N_EDITS));
	ebb_h5scope_close(&e.h5);
	names_release(&attributes);
	H5Eclear2(H5E_DEFAULT);
	return 4 + n;
}

static void edit_file(const char *path, const uint8_t *data, size_t size)
{
	hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
	struct names objects = {0};
	size_t at = 0;

	if (file < 0)
		EBB_BUG("'%s' cannot be edited", path);
	H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, take_object, &objects);
	for (int i = 0; i < EDITS_MAX && at < size; i++)
		at += edit_one(file, &objects, data + at, size - at);
	names_release(&objects);
	H5Fclose(file);
	H5Eclear2(H5E_DEFAULT);
}

/* ---- readers ---- */

static void check_array(const struct ebb_array *a)
{
	const double most = 1032.0 * (double)FILE_MOST; /* that deflate unfolds to */
	int64_t n = 1;
	double sum = 0.0;

	FUZZ_HOLDS(a->rank >= 1 && a->rank <= 4, "rank %d", a->rank);
	FUZZ_HOLDS(ebb_text_is_plain(a->unit) && ebb_text_is_plain(a->about),
		   "unit '%s', about '%s'", a->unit, a->about);
	for (int k = 0; k < a->rank; k++)
		n *= a->dim[k];
	FUZZ_HOLDS((double)n <= most, "%lld elements of a small file", (long long)n);
	for (int64_t i = 0; i < n; i++) /* every element is there */
		sum += a->value[i];
	for (int64_t i = 0; i < a->dim[0]; i++)
		sum += a->x[i];
	FUZZ_HOLDS(n == 0 || (a->value[0] != ELSEWHERE && a->x[0] != ELSEWHERE),
		   "a file that nobody asked for was read");
	(void)sum;
}

static void read_curve(const struct ebb_run *run, int arm, int seed, const char *name, bool *good)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_array a;
	int rc = ebb_run_read(run, arm, seed, name, &a, &err);

	fuzz_check_err(rc, &err);
	*good = *good && rc == 0;
	if (rc == 0) {
		check_array(&a);
		ebb_array_release(&a);
	}
}

static void read_trial(const struct ebb_run *run, int arm, int seed, bool *good)
{
	/* asked for by name, also where no listing has them */
	static const char *const asked[] = {"axis/step",   "actor/entropy", "reward/mean",
					    "axis/update", "tensor/token",  "tensor/mask"};
	struct ebb_err err = EBB_ERR_INIT;
	char **name = NULL, status[16];
	int n = 0, rc;
	double x;

	rc = ebb_run_status(run, arm, seed, status, &err);
	fuzz_check_err(rc, &err);
	*good = *good && rc == 0;
	rc = ebb_run_names(run, arm, seed, &name, &n, &err);
	fuzz_check_err(rc, &err);
	*good = *good && rc == 0;
	for (int i = 0; i < n; i++) {
		FUZZ_HOLDS(ebb_text_is_plain(name[i]), "dataset '%s'", name[i]);
		read_curve(run, arm, seed, name[i], good);
		free(name[i]);
	}
	free(name);
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		read_curve(run, arm, seed, asked[i], good);
	rc = ebb_trial_option(run->dir,
			      run->trial[(size_t)arm * (size_t)run->n_seeds + (size_t)seed], "clip",
			      "low", &x, &err);
	fuzz_check_err(rc, &err);
}

static void read_run(bool *good)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_run run;
	int rc = ebb_run_open(&run, made_run()->dir, &err);

	fuzz_check_err(rc, &err);
	*good = rc == 0;
	if (rc < 0)
		return;
	for (int a = 0; a < run.n_arms; a++) {
		FUZZ_HOLDS(ebb_text_is_plain(run.arm[a].label), "label '%s'", run.arm[a].label);
		for (int s = 0; s < run.n_seeds && a < 2 && s < 2; s++)
			if (run.finished[(size_t)a * (size_t)run.n_seeds + (size_t)s])
				read_trial(&run, a, s, good);
	}
	ebb_run_release(&run);
}

static void read_tensors(bool *good)
{
	struct ebb_tensor_view view[MADE_TENSORS_N];
	struct ebb_err err = EBB_ERR_INIT;
	float store[17];
	char *identity;
	int rc;

	made_tensors(view, store);
	rc = ebb_tensors_read(made_run()->path[MADE_TENSORS], MADE_IDENTITY, view, MADE_TENSORS_N,
			      &err);
	fuzz_check_err(rc, &err);
	*good = rc == 0;
	for (int i = 0; rc == 0 && i < 17; i++) /* a digest is over the numbers */
		FUZZ_HOLDS(store[i] == 0.5f * (float)i, "other numbers were read");
	rc = ebb_tensors_identity(made_run()->path[MADE_TENSORS], &identity, &err);
	fuzz_check_err(rc, &err);
	if (rc == 0)
		free(identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct made_run *made = made_run();
	enum made_file which = (enum made_file)(size ? data[0] % MADE_N : 0);

	made_put(which, made->data[which], made->n[which]);
	if (size > 1)
		edit_file(made->path[which], data + 1, size - 1);
	if (which == MADE_TENSORS)
		read_tensors(&fuzz_accepted);
	else
		read_run(&fuzz_accepted);
	made_put(which, made->data[which], made->n[which]);
	return 0;
}

/* Every edit on every object once is too much to keep; each kind on a few is a start. */
static void seeds(struct fuzz_list *to)
{
	static const uint8_t some[] = {8, 1, 1, 200, 3, 3, 7, 7, 1, 1, 2, 2};
	/* one f64 dataset of 2^27 rows in chunks of 2^26, nothing written */
	static const uint8_t huge[sizeof some] = {0, 1, 3, 27, 0, 0, 0, 0, 0, 26};
	static const uint8_t everywhere[] = {EXTERNAL_LINK, SOFT_LINK, EXTENT, OTHER_DATASET};
	uint8_t input[5 + sizeof some];

	for (int which = 0; which < MADE_N; which++)
		for (int kind = 0; kind < N_EDITS; kind++)
			for (int object = which; object < 12; object += 3) {
				memcpy(input + 5, some, sizeof some);
				input[0] = (uint8_t)which;
				input[1] = (uint8_t)kind;
				input[2] = (uint8_t)object;
				input[3] = (uint8_t)(object + kind);
				input[4] = sizeof some;
				fuzz_list_add(to, input, sizeof input, NULL);
			}
	/* what leads elsewhere or claims memory, on every object of a trial */
	for (int object = 0; object < TRIAL_OBJECTS; object++)
		for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
			input[0] = MADE_TRIAL;
			input[1] = everywhere[i];
			input[2] = (uint8_t)object;
			input[4] = sizeof some;
			memcpy(input + 5, i == 3 ? huge : some, sizeof some);
			fuzz_list_add(to, input, sizeof input, NULL);
		}
	fuzz_list_add(to, "\0", 1, "good-index");
	fuzz_list_add(to, "\1", 1, "good-trial");
	fuzz_list_add(to, "\2", 1, "good-tensors");
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_record",
	.text = false,
	.max_bytes = 512,
	.seeds = seeds,
};
