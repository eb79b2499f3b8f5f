/* Two records side by side: bytes, not numbers, and the first place where they part. */
#include "fixture.h"

#include <hdf5.h>
#include "record/differ.h"

TestSuite(differ, .init = folder_make, .fini = folder_remove);

enum { UPDATE_STEP = N_FIELDS, N_MINE };

struct change {
	int steps;       /* rows of the step axis                             */
	double *entropy; /* of row 4                                          */
	double *clip;    /* of update 3, which belongs to step 1              */
	int32_t *token;  /* of the second snapshot (step 10), element 7       */
	bool narrow;     /* logp is an f64                                    */
	bool other;      /* one more deterministic dataset                    */
	int mask;        /* added to what is not deterministic                */
};

/* A record whose numbers are the same but for one change. */
static char *make(const char *dir, const struct change *c)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *run_dir = in_folder(dir);
	struct ebb_options o;
	struct ebb_trial_head head = head_make(&o, ID_A0);
	struct ebb_field field[N_MINE + 1];
	struct ebb_writer *w;

	options_make(&o);
	memcpy(field, fields, sizeof fields);
	field[UPDATE_STEP] = fields[CLIP];
	field[UPDATE_STEP].name = "actor/update_of_step";
	field[N_MINE] = fields[REWARD];
	field[N_MINE].name = "reward/more";
	if (c->narrow)
		field[LOGP].element = EBB_F64_ELEMENT;
	OK(ebb_writer_open(&w, run_dir, &head, field, c->other ? N_MINE + 1 : N_MINE, NULL, &err));
	for (int i = 0; i < c->steps; i++) {
		double entropy = i == 4 && c->entropy ? *c->entropy : entropy_at(i), step = i;

		ebb_writer_set(w, STEP, &step);
		ebb_writer_set(w, ENTROPY, &entropy);
		OK(ebb_writer_row(w, EBB_AXIS_STEP, &err));
	}
	for (int i = 0; i < 20; i++) {
		double clip = i == 3 && c->clip ? *c->clip : 0.5, update = i, step = i / 2;

		ebb_writer_set(w, UPDATE, &update);
		ebb_writer_set(w, CLIP, &clip);
		ebb_writer_set(w, UPDATE_STEP, &step);
		OK(ebb_writer_row(w, EBB_AXIS_UPDATE, &err));
	}
	for (int i = 0; i < 3; i++) {
		double step = 10 * i;
		int32_t token[24] = {0};
		uint8_t mask[5] = {(uint8_t)c->mask};

		if (i == 1 && c->token)
			token[7] = *c->token;
		ebb_writer_set(w, SHOT, &step);
		ebb_writer_set(w, TOKEN, token);
		ebb_writer_set(w, MASK, mask);
		OK(ebb_writer_row(w, EBB_AXIS_SNAPSHOT, &err));
	}
	OK(ebb_writer_finish(w, EBB_STATUS_COMPLETE, c->steps, "", &err));
	free(run_dir);
	run_dir = ebb_xprintf("%s/%s/trials/" ID_A0 ".h5", folder, dir);
	return run_dir;
}

static struct ebb_difference against(const struct change *a, const struct change *b)
{
	struct ebb_err err = EBB_ERR_INIT;
	char *one = make("one", a), *two = make("two", b);
	struct ebb_difference d;

	OK(ebb_differ(one, two, &d, &err));
	free(one);
	free(two);
	return d;
}

#define SAME                                                                                       \
	&(struct change)                                                                           \
	{                                                                                          \
		.steps = 30                                                                        \
	}

static double nan_of(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

Test(differ, equal_records)
{
	double nan = nan_of(0x7ff8000000000001);
	struct ebb_difference d = against(SAME, SAME);

	cr_assert_eq(d.compared, N_MINE - 1, "all but the mask");
	cr_assert_eq(d.differing + d.only_a + d.only_b, 0);
	cr_assert_eq(d.first_step, -1);
	cr_assert_str_empty(d.first);
	d = against(SAME, &(struct change){.steps = 30, .mask = 1});
	cr_assert_eq(d.differing, 0, "what is not deterministic counts");
	d = against(&(struct change){.steps = 30, .entropy = &nan},
		    &(struct change){.steps = 30, .entropy = &nan});
	cr_assert_eq(d.differing, 0, "a NaN is the same as itself");
}

Test(differ, the_first_place)
{
	double entropy = 0.25, clip = 0.125, nan[2] = {nan_of(0x7ff8000000000001), NAN}, zero = 0,
	       minus = -0.0;
	int32_t token = 9;
	struct ebb_difference d =
		against(SAME, &(struct change){30, &entropy, &clip, &token, false, false, 1});

	cr_assert_eq(d.differing, 3);
	cr_assert_eq(d.first_step, 1);
	cr_assert_eq(d.first_row, 3);
	cr_assert_str_eq(d.first, "clip_ratio/low_mean");
	cr_assert_str_eq(d.values, "0.5 against 0.125");

	d = against(&(struct change){.steps = 30, .entropy = &entropy, .token = &token}, SAME);
	cr_assert_eq(d.differing, 2);
	cr_assert_eq(d.first_step, 4);
	cr_assert_eq(d.first_row, 4);
	cr_assert_str_eq(d.first, "actor/entropy");

	d = against(&(struct change){.steps = 30, .token = &token}, SAME);
	cr_assert_eq(d.first_step, 10);
	cr_assert_eq(d.first_row, 1);
	cr_assert_str_eq(d.first, "tensor/token");
	cr_assert_str_eq(d.values, "9 against 0");

	d = against(&(struct change){.steps = 30, .entropy = &nan[0]},
		    &(struct change){.steps = 30, .entropy = &nan[1]});
	cr_assert_eq(d.differing, 1);
	cr_assert_str_eq(d.values, "nan (0x7ff8000000000001) against nan (0x7ff8000000000000)");
	d = against(&(struct change){.steps = 30, .entropy = &zero},
		    &(struct change){.steps = 30, .entropy = &minus});
	cr_assert_eq(d.differing, 1, "zeros of two signs are other bytes");
	cr_assert_eq(d.first_row, 4);
}

Test(differ, other_shapes)
{
	struct ebb_difference d = against(SAME, &(struct change){.steps = 20});

	cr_assert_eq(d.differing, 4, "step, tokens, entropy, reward");
	cr_assert_eq(d.first_step, 20, "the first row that one of them lacks");
	cr_assert_eq(d.first_row, 20);
	cr_assert_str_eq(d.first, "actor/entropy", "the first by name");
	cr_assert_str_eq(d.values, "30 rows against 20");

	d = against(SAME, &(struct change){.steps = 30, .narrow = true});
	cr_assert_eq(d.differing, 1);
	cr_assert_eq(d.first_step, 0);
	cr_assert_str_eq(d.first, "tensor/logp");
	cr_assert_str_eq(d.values, "rows of f32 x 2 x 3 against rows of f64 x 2 x 3");

	d = against(SAME, &(struct change){.steps = 30, .other = true});
	cr_assert_eq(d.differing, 0);
	cr_assert_eq(d.only_a, 0);
	cr_assert_eq(d.only_b, 1);
	cr_assert(d.alone[0] != '\0' && d.first[0] == '\0');
	d = against(&(struct change){.steps = 30, .other = true}, SAME);
	cr_assert_eq(d.only_a, 1);
	cr_assert_neq(d.alone[0], '\0');
	d = against(SAME, SAME);
	cr_assert_str_empty(d.alone);
}

Test(differ, files_that_are_none)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_difference d;
	char *one = make("one", SAME), *text = in_folder("text"), *bytes;
	size_t n;

	OK(ebb_file_write(text, "x", 1, &err));
	cr_assert_eq(ebb_differ(one, "/nowhere.h5", &d, &err), EBB_ENOENT);
	cr_assert_eq(ebb_differ(text, one, &d, &err), EBB_EFORMAT);
	OK(ebb_file_read(one, 1 << 24, &bytes, &n, &err));
	bytes[n / 3] ^= 16;
	OK(ebb_file_write(text, bytes, n, &err));
	cr_assert_eq(ebb_differ(one, text, &d, &err), EBB_EFORMAT);
	cr_assert(strstr(err.text, text), "%s", err.text);
	free(bytes);
	free(one);
	free(text);
}
