/*
 * Damage to files as we wrote them, with their seal: flipped and lost bytes, zeroed sectors, torn
 * ends. Where the seal is still a seal, every reader refuses what is not the file that was written;
 * where the damage hit nothing but the seal, the same numbers are read.
 *
 * An input is the number of the file and edits of six bytes: kind, place (4, little-endian), value.
 * What loses its seal and has other damage too is for HDF5 to judge (docs/fuzzing.md): skipped.
 */
#include <string.h>
#include "fuzz.h"
#include "made_run.h"
#include "record/seal.h"

#define ROOM       (1 << 18)
#define SEAL_MAGIC "\nebb-seal crc32="
#define SEAL_BYTES (sizeof SEAL_MAGIC - 1 + 9)

enum edit { FLIP, CUT, INSERT, REMOVE, APPEND, ZERO_SECTOR, ZERO_PAGE, SWAP, N_EDITS };

struct copy {
	uint8_t data[ROOM];
	size_t n;
};

static void zero(struct copy *c, size_t at, size_t block)
{
	at = at / block * block;
	memset(c->data + at, 0, block < c->n - at ? block : c->n - at);
}

static void apply(struct copy *c, const uint8_t edit[6])
{
	size_t at = (size_t)edit[1] | (size_t)edit[2] << 8 | (size_t)edit[3] << 16;
	uint8_t keep;

	if (c->n == 0)
		return;
	/* the fourth byte chooses the end that places are counted from: seals are at the end */
	at = edit[4] & 1 ? c->n - 1 - at % (c->n < 64 ? c->n : 64) : at % c->n;
	switch (edit[0] % N_EDITS) {
	case FLIP:
		c->data[at] ^= edit[5];
		return;
	case CUT:
		c->n = at;
		return;
	case INSERT:
		if (c->n == ROOM)
			return;
		memmove(c->data + at + 1, c->data + at, c->n - at);
		c->data[at] = edit[5];
		c->n++;
		return;
	case REMOVE:
		memmove(c->data + at, c->data + at + 1, c->n - at - 1);
		c->n--;
		return;
	case APPEND:
		if (c->n < ROOM)
			c->data[c->n++] = edit[5];
		return;
	case ZERO_SECTOR:
		zero(c, at, 512);
		return;
	case ZERO_PAGE:
		zero(c, at, 4096);
		return;
	case SWAP:
		keep = c->data[at];
		c->data[at] = c->data[c->n - 1 - at];
		c->data[c->n - 1 - at] = keep;
		return;
	}
}

static bool has_seal(const uint8_t *data, size_t n)
{
	return n > SEAL_BYTES &&
	       memcmp(data + n - SEAL_BYTES, SEAL_MAGIC, sizeof SEAL_MAGIC - 1) == 0;
}

/* A digest of everything that the readers give of a file; rc: the first failure. */
static double read_trial(int *rc, struct ebb_err *err)
{
	const struct made_run *made = made_run();
	struct ebb_run run;
	char **name = NULL, status[16];
	double sum = 0.0;
	int n = 0;

	*rc = ebb_run_open(&run, made->dir, err);
	if (*rc == 0)
		*rc = ebb_run_status(&run, 0, 0, status, err);
	if (*rc == 0)
		*rc = ebb_run_names(&run, 0, 0, &name, &n, err);
	for (int i = 0; i < n; i++) {
		struct ebb_array a = {0};

		if (*rc == 0)
			*rc = ebb_run_read(&run, 0, 0, name[i], &a, err);
		for (int64_t k = 0; *rc == 0 && k < a.dim[0]; k++)
			sum = 0.5 * sum + (a.value[k] == a.value[k] ? a.value[k] : 7.0) + a.x[k];
		if (*rc == 0)
			ebb_array_release(&a);
		free(name[i]);
	}
	free(name);
	ebb_run_release(&run);
	return sum + 1000.0 * n;
}

static double read_tensors(int *rc, struct ebb_err *err)
{
	struct ebb_tensor_view view[MADE_TENSORS_N];
	float store[17] = {0};
	double sum = 0.0;

	made_tensors(view, store);
	*rc = ebb_tensors_read(made_run()->path[MADE_TENSORS], MADE_IDENTITY, view, MADE_TENSORS_N,
			       err);
	for (int i = 0; i < 17; i++)
		sum = 0.5 * sum + (double)store[i];
	return sum;
}

static double read_file(enum made_file which, int *rc, struct ebb_err *err)
{
	return which == MADE_TENSORS ? read_tensors(rc, err) : read_trial(rc, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct made_run *made = made_run();
	enum made_file which = (enum made_file)(size ? data[0] % MADE_N : 0);
	size_t content = made->n[which] - SEAL_BYTES;
	struct ebb_err err = EBB_ERR_INIT;
	static double whole[MADE_N];
	static struct copy c;
	int rc, seal;

	if (whole[which] == 0.0) {
		whole[which] = read_file(which, &rc, &err);
		FUZZ_HOLDS(rc == 0, "%s", err.text);
		FUZZ_HOLDS(has_seal((uint8_t *)made->data[which], made->n[which]), "no seal");
	}
	c.n = made->n[which];
	memcpy(c.data, made->data[which], c.n);
	for (size_t at = 1; at + 6 <= size && at < 6 * 32; at += 6)
		apply(&c, data + at);
	made_put(which, c.data, c.n);
	seal = ebb_seal_check(made->path[which], &err);
	fuzz_check_err(seal, &err);
	if (c.n == made->n[which] && memcmp(c.data, made->data[which], c.n) == 0) {
		FUZZ_HOLDS(seal == 0, "an intact file is refused: %s", err.text);
	} else if (has_seal(c.data, c.n)) {
		FUZZ_HOLDS(seal == EBB_EFORMAT, "damage was not seen (%d)", seal);
	} else {
		FUZZ_HOLDS(seal == 0, "an unsealed file is refused: %s", err.text);
		if (c.n < content || memcmp(c.data, made->data[which], content) != 0)
			goto out; /* as HDF5 likes */
	}
	err = (struct ebb_err)EBB_ERR_INIT;
	{
		double sum = read_file(which, &rc, &err);

		fuzz_check_err(rc, &err);
		FUZZ_HOLDS((rc == 0) == (seal == 0), "the seal says %d, the reader %d: %s", seal,
			   rc, err.text);
		FUZZ_HOLDS(rc < 0 || memcmp(&sum, &whole[which], sizeof sum) == 0,
			   "other numbers were read");
	}
	fuzz_accepted = rc == 0;
out:
	made_put(which, made->data[which], made->n[which]);
	return 0;
}

static void seeds(struct fuzz_list *to)
{
	uint8_t input[13];

	for (uint8_t which = 0; which < MADE_N; which++)
		for (uint8_t kind = 0; kind < N_EDITS; kind++)
			for (uint8_t end = 0; end < 2; end++) {
				memset(input, 0, sizeof input);
				input[0] = which;
				input[1] = kind;
				input[2] = (uint8_t)(17 * kind + 5);
				input[3] = (uint8_t)(3 * which + 1);
				input[5] = end;
				input[6] = 1;
				input[7] = (uint8_t)((kind + 3) % N_EDITS);
				input[8] = 100;
				input[12] = 0x40;
				fuzz_list_add(to, input, end ? 7 : 13, NULL);
			}
	fuzz_list_add(to, "\0", 1, "good-index");
	fuzz_list_add(to, "\1", 1, "good-trial");
	fuzz_list_add(to, "\2", 1, "good-tensors");
	fuzz_list_add(to, "\1\0\0\1\0\0\1", 7, "bad-flip");
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_damage",
	.text = false,
	.max_bytes = 1 + 6 * 8,
	.seeds = seeds,
};
