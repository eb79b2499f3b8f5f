/* Going on from a prefix: out of the bank, computed again, and drawn in one go are the same bits. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "model/rig.h"
#include "rollout/rollout.h"

#define PROMPTS 6
#define GROUP   5
#define FIRST   (PROMPTS * GROUP) /* drawn in one go */
#define ROWS    (3 * FIRST)       /* then with the same draws again, then with others */
#define LONGEST 9
#define EOS     0

/* Rows of one decode after another. */
struct rows {
	struct ebb_prompt prompt[PROMPTS];
	struct ebb_sample sample[ROWS];
	int row[ROWS];
	int32_t prompt_token[PROMPTS][8];
	int32_t token[ROWS * LONGEST];
	int length[ROWS];
	bool truncated[ROWS];
	double logp[ROWS * LONGEST], sampler_logp[ROWS * LONGEST], entropy[ROWS * LONGEST];
	struct ebb_decode d;
};

static struct rows *rows_make(const struct ebb_model *m)
{
	struct ebb_rng rng = {.draw = {.seed = 3, .stream = EBB_STREAM_TEST}};
	struct rows *r = calloc(1, sizeof *r);

	for (int i = 0; i < PROMPTS; i++) {
		r->prompt[i] = (struct ebb_prompt){r->prompt_token[i], 1 + i};
		for (int t = 0; t < 8; t++)
			r->prompt_token[i][t] = (int32_t)ebb_rng_below(&rng, (uint32_t)m->V);
	}
	r->d = (struct ebb_decode){.prompt = r->prompt,
				   .n_prompts = PROMPTS,
				   .sample = r->sample,
				   .row = r->row,
				   .stride = LONGEST,
				   .max_tokens = LONGEST,
				   .eos = EOS,
				   .tau = 0.8,
				   .top_p = 1.0,
				   .token = r->token,
				   .length = r->length,
				   .truncated = r->truncated,
				   .logp = r->logp,
				   .sampler_logp = r->sampler_logp,
				   .entropy = r->entropy};
	return r;
}

static struct ebb_draw draw_of(int prompt, int sample)
{
	return (struct ebb_draw){.seed = 5,
				 .stream = EBB_STREAM_DECODE,
				 .slot = (uint32_t)prompt,
				 .sample = (uint32_t)sample};
}

static void first_samples(struct rows *r)
{
	for (int i = 0; i < FIRST; i++) {
		r->row[i] = i;
		r->sample[i] = (struct ebb_sample){
			.prompt = i / GROUP, .draw = draw_of(i / GROUP, i % GROUP), .from = -1};
	}
	r->d.n = FIRST;
}

/* Rows `to` onwards go on from row i after some of its tokens. */
static void next_samples(struct rows *r, int to, int other)
{
	struct ebb_rng rng = {.draw = {.seed = 8, .stream = EBB_STREAM_TEST}};

	for (int i = 0; i < FIRST; i++) {
		int taken = (int)ebb_rng_below(&rng, (uint32_t)r->length[i]);
		size_t from = (size_t)i * LONGEST, at = (size_t)(to + i) * LONGEST;

		r->row[i] = to + i;
		r->sample[i] = (struct ebb_sample){.prompt = i / GROUP,
						   .draw = draw_of(i / GROUP, other + i % GROUP),
						   .taken = taken,
						   .from = i};
		memcpy(r->token + at, r->token + from, (size_t)taken * sizeof *r->token);
		memcpy(r->logp + at, r->logp + from, (size_t)taken * sizeof *r->logp);
		memcpy(r->sampler_logp + at, r->sampler_logp + from,
		       (size_t)taken * sizeof *r->logp);
		memcpy(r->entropy + at, r->entropy + from, (size_t)taken * sizeof *r->logp);
	}
	r->d.n = FIRST;
}

static bool same_row(const struct rows *a, int i, const struct rows *b, int k)
{
	size_t n = (size_t)a->length[i], x = (size_t)i * LONGEST, y = (size_t)k * LONGEST;

	return a->length[i] == b->length[k] && a->truncated[i] == b->truncated[k] &&
	       memcmp(a->token + x, b->token + y, n * sizeof *a->token) == 0 &&
	       memcmp(a->logp + x, b->logp + y, n * sizeof *a->logp) == 0 &&
	       memcmp(a->sampler_logp + x, b->sampler_logp + y, n * sizeof *a->logp) == 0 &&
	       memcmp(a->entropy + x, b->entropy + y, n * sizeof *a->logp) == 0;
}

/* held: rows of the bank; -1: as many as are wanted, 0: no bank. */
static struct rows *draw_all(struct rig *rig, int held, double noise)
{
	struct rows *r = rows_make(&rig->layout.model);
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_sampler *s;

	cr_assert_eq(ebb_sampler_open(&s, rig->e, &err), 0, "%s", err.text);
	if (held != 0)
		cr_assert_eq(ebb_bank_open(&r->d.bank, rig->e, held < 0 ? ROWS : held, 8 + LONGEST,
					   &err),
			     0, "%s", err.text);
	r->d.noise = noise;
	first_samples(r);
	ebb_sampler_decode(s, &rig->w, &r->d);
	next_samples(r, FIRST, 0);
	ebb_sampler_decode(s, &rig->w, &r->d);
	next_samples(r, 2 * FIRST, GROUP);
	ebb_sampler_decode(s, &rig->w, &r->d);
	if (held < 0)
		cr_assert_geq(ebb_bank_held(r->d.bank), ROWS - GROUP);
	ebb_bank_close(r->d.bank);
	ebb_sampler_close(s);
	return r;
}

Test(bank, a_prefix_changes_no_bit)
{
	for (int s = 0; s < N_SHAPES; s++)
		for (int k = 0; k < 4; k++) {
			const double noise = k == 3 ? 0.3 : 0.0;
			struct ebb_model m = shape[s].model;
			struct rig rig;
			struct rows *whole, *kept, *some;
			int apart = 0;

			m.T = 8 + LONGEST;
			if (!rig_open(&rig, &m, isa_name[k % 3], 1 + k % 2, 4))
				continue;
			whole = draw_all(&rig, 0, noise);
			kept = draw_all(&rig, -1, noise);
			some = draw_all(&rig, FIRST / 2, noise);
			for (int i = 0; i < FIRST; i++) {
				cr_assert(same_row(whole, i, kept, FIRST + i), "%s, %s: row %d",
					  shape[s].name, isa_name[k % 3], i);
				apart += !same_row(whole, i, kept, 2 * FIRST + i);
			}
			for (int i = 0; i < ROWS; i++) {
				cr_assert(same_row(whole, i, kept, i), "%s: row %d", shape[s].name,
					  i);
				cr_assert(same_row(whole, i, some, i), "%s: row %d", shape[s].name,
					  i);
			}
			cr_assert_gt(apart, FIRST / 3, "other draws, other responses");
			free(whole);
			free(kept);
			free(some);
			rig_close(&rig);
		}
}

/* What a bank forgot is computed again. */
Test(bank, forgets)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_model m = shape[0].model;
	struct ebb_sampler *s;
	struct rig rig;
	struct rows *whole, *r;

	m.T = 8 + LONGEST;
	cr_assert(rig_open(&rig, &m, "auto", 1, 4));
	whole = draw_all(&rig, 0, 0.0);
	r = rows_make(&rig.layout.model);
	cr_assert_eq(ebb_sampler_open(&s, rig.e, &err), 0);
	cr_assert_eq(ebb_bank_open(&r->d.bank, rig.e, ROWS, 8 + LONGEST, &err), 0);
	first_samples(r);
	ebb_sampler_decode(s, &rig.w, &r->d);
	cr_assert_gt(ebb_bank_held(r->d.bank), 0);
	ebb_bank_forget(r->d.bank);
	cr_assert_eq(ebb_bank_held(r->d.bank), 0);
	next_samples(r, FIRST, 0);
	ebb_sampler_decode(s, &rig.w, &r->d);
	for (int i = 0; i < FIRST; i++)
		cr_assert(same_row(whole, i, r, FIRST + i), "row %d", i);
	ebb_bank_close(r->d.bank);
	ebb_sampler_close(s);
	free(whole);
	free(r);
	rig_close(&rig);
}
