/* Decoding: the trainer's bits, the policy's law, and every way a sequence can end. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/reference.h"
#include "model/rig.h"
#include "rollout/rollout.h"

#define NO_EOS (-1)

/* A decode with all its arrays: every prompt `group` times. */
struct rolls {
	struct ebb_decode d;
	struct ebb_prompt *prompt;
	struct ebb_sample *sample;
	int32_t *prompt_token;
	double *array;
	size_t cells;
};

static void rolls_make(struct rolls *r, const struct ebb_model *m, int n_prompts, int group,
		       int max_tokens)
{
	struct ebb_rng rng = {.draw = {.seed = 21, .stream = EBB_STREAM_TEST}};
	int n = n_prompts * group, longest = m->T - max_tokens;

	*r = (struct rolls){.cells = (size_t)n * max_tokens};
	r->prompt = calloc((size_t)n_prompts, sizeof *r->prompt);
	r->sample = calloc((size_t)n, sizeof *r->sample);
	r->prompt_token = calloc((size_t)n_prompts * longest, sizeof *r->prompt_token);
	r->array = calloc(3 * r->cells, sizeof *r->array);
	for (int i = 0; i < n_prompts; i++) {
		int32_t *token = r->prompt_token + (size_t)i * longest;

		r->prompt[i] =
			(struct ebb_prompt){token, 1 + (int)ebb_rng_below(&rng, (uint32_t)longest)};
		for (int t = 0; t < r->prompt[i].n; t++)
			token[t] = (int32_t)ebb_rng_below(&rng, (uint32_t)m->V);
	}
	for (int i = 0; i < n; i++)
		r->sample[i] = (struct ebb_sample){.prompt = i / group,
						   .draw = {.seed = 5,
							    .stream = EBB_STREAM_DECODE,
							    .slot = (uint32_t)(i / group),
							    .sample = (uint32_t)(i % group)}};
	r->d = (struct ebb_decode){
		.prompt = r->prompt,
		.n_prompts = n_prompts,
		.sample = r->sample,
		.n = n,
		.stride = max_tokens,
		.max_tokens = max_tokens,
		.eos = 0,
		.tau = 1.0,
		.top_p = 1.0,
		.token = calloc(r->cells, sizeof *r->d.token),
		.length = calloc((size_t)n, sizeof *r->d.length),
		.truncated = calloc((size_t)n, sizeof *r->d.truncated),
		.logp = r->array,
		.sampler_logp = r->array + r->cells,
		.entropy = r->array + 2 * r->cells,
	};
}

static void rolls_free(struct rolls *r)
{
	free(r->prompt);
	free(r->sample);
	free(r->prompt_token);
	free(r->array);
	free(r->d.token);
	free(r->d.length);
	free(r->d.truncated);
}

static void decode(struct rig *rig, struct rolls *r)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_sampler *s;

	cr_assert_eq(ebb_sampler_open(&s, rig->e, &err), 0, "%s", err.text);
	cr_assert(ebb_sampler_bytes(s) > 0);
	ebb_sampler_decode(s, &rig->w, &r->d);
	ebb_sampler_close(s);
}

static bool rolls_same(const struct rolls *a, const struct rolls *b)
{
	size_t n = (size_t)a->d.n;

	return memcmp(a->d.token, b->d.token, a->cells * sizeof *a->d.token) == 0 &&
	       memcmp(a->d.length, b->d.length, n * sizeof *a->d.length) == 0 &&
	       memcmp(a->d.truncated, b->d.truncated, n * sizeof *a->d.truncated) == 0 &&
	       memcmp(a->array, b->array, 3 * a->cells * sizeof *a->array) == 0;
}

/* Every decoded log-probability and entropy equals those of both training passes, bit for bit. */
static void trainer_agrees(struct rig *rig, const struct rolls *r, const char *what)
{
	const struct ebb_decode *d = &r->d;
	const struct ebb_model *m = &rig->layout.model;
	struct ebb_row *row = calloc((size_t)d->n, sizeof *row);
	int32_t *token = calloc((size_t)d->n * m->T, sizeof *token);
	double *array = calloc(3 * r->cells, sizeof *array);
	float *grad = calloc(rig->layout.n_floats, sizeof *grad);
	struct ebb_pass p = {.row = row,
			     .n = d->n,
			     .stride = d->stride,
			     .tau = d->tau,
			     .logp = array,
			     .entropy = array + r->cells,
			     .w_logp = array + 2 * r->cells};

	for (int i = 0; i < d->n; i++) {
		const struct ebb_prompt *prompt = &d->prompt[d->sample[i].prompt];
		int32_t *to = token + (size_t)i * m->T;

		memcpy(to, prompt->token, prompt->n * sizeof *to);
		memcpy(to + prompt->n, d->token + (size_t)i * d->stride, d->length[i] * sizeof *to);
		row[i] = (struct ebb_row){to, prompt->n, prompt->n + d->length[i]};
	}
	for (int pass = 0; pass < 2; pass++) {
		memset(array, 0, 2 * r->cells * sizeof *array);
		if (pass == 0)
			ebb_pass_score(rig->e, &rig->w, &p);
		else
			ebb_pass_grad(rig->e, &rig->w, &p, grad);
		for (int i = 0; i < d->n; i++)
			for (int t = 0; t < d->length[i]; t++) {
				size_t at = (size_t)i * d->stride + t;

				cr_assert(
					p.logp[at] == d->logp[at] &&
						p.entropy[at] == d->entropy[at],
					"%s: sample %d, token %d: logp %.9g, trainer %.9g; H %.9g, "
					"trainer %.9g",
					what, i, t, d->logp[at], p.logp[at], d->entropy[at],
					p.entropy[at]);
			}
	}
	free(row);
	free(token);
	free(array);
	free(grad);
}

Test(sampler, has_the_trainers_bits)
{
	const double tau[] = {1.0, 0.6, 1.7};

	for (int s = 0; s < N_SHAPES; s++)
		for (size_t k = 0; k < sizeof isa_name / sizeof *isa_name; k++) {
			struct rig rig;
			struct rolls r;
			char what[128];

			if (!rig_open(&rig, &shape[s].model, isa_name[k], 1 + (int)k % 2, 4))
				continue;
			rolls_make(&r, &shape[s].model, 5, 7, shape[s].model.T - 3);
			r.d.tau = tau[(s + k) % 3];
			decode(&rig, &r);
			snprintf(what, sizeof what, "%s, %s, tau %g", shape[s].name, isa_name[k],
				 r.d.tau);
			trainer_agrees(&rig, &r, what);
			cr_assert_arr_eq(r.d.logp, r.d.sampler_logp, r.cells * sizeof *r.d.logp,
					 "%s: unrestricted draws are draws from the policy", what);
			rolls_free(&r);
			rig_close(&rig);
		}
}

/* Long enough for several tiles of keys in one cache. */
Test(sampler, has_the_trainers_bits_over_long_sequences)
{
	struct ebb_model m = shape[4].model;
	struct rig rig;
	struct rolls r;

	m.T = 150;
	m.NKV = 1;
	m.qk_norm = true;
	cr_assert(rig_open(&rig, &m, "auto", 2, 4));
	rolls_make(&r, &m, 3, 4, 110);
	r.d.eos = NO_EOS;
	decode(&rig, &r);
	trainer_agrees(&rig, &r, "long");
	for (int i = 0; i < r.d.n; i++)
		cr_assert(r.d.length[i] == 110 && r.d.truncated[i]);
	rolls_free(&r);
	rig_close(&rig);
}

/* Threads, instruction sets, and the other samples of the call change nothing. */
Test(sampler, samples_stand_alone)
{
	for (int s = 0; s < N_SHAPES; s++) {
		const struct ebb_model *m = &shape[s].model;
		struct rig rig;
		struct rolls first;

		cr_assert(rig_open(&rig, m, "scalar", 1, 4));
		rolls_make(&first, m, 30, 3, m->T - 3);
		decode(&rig, &first);
		rig_close(&rig);
		for (int k = 0; k < 9; k++) {
			struct rolls other;

			if (!rig_open(&rig, m, isa_name[k / 3], 1 + k % 3, 4))
				continue;
			rolls_make(&other, m, 30, 3, m->T - 3);
			decode(&rig, &other);
			cr_assert(rolls_same(&first, &other), "%s: %s with %d threads differs",
				  shape[s].name, isa_name[k / 3], 1 + k % 3);
			rolls_free(&other);
			rig_close(&rig);
		}
		/* One by one, from the last to the first. */
		cr_assert(rig_open(&rig, m, "auto", 1, 4));
		for (int i = first.d.n - 1; i >= 0; i--) {
			struct rolls other;
			size_t at = (size_t)i * first.d.stride;

			rolls_make(&other, m, 30, 3, m->T - 3);
			other.d.sample += i;
			other.d.n = 1;
			decode(&rig, &other);
			cr_assert_eq(other.d.length[0], first.d.length[i]);
			for (int t = 0; t < first.d.length[i]; t++) {
				cr_assert_eq(other.d.token[t], first.d.token[at + t]);
				cr_assert(other.d.logp[t] == first.d.logp[at + t]);
			}
			rolls_free(&other);
		}
		rolls_free(&first);
		rig_close(&rig);
	}
}

Test(sampler, ends_at_the_mark_or_the_limit)
{
	const struct ebb_model *m = &shape[0].model;
	struct rig rig;
	struct rolls r;
	int ended = 0, cut = 0;

	cr_assert(rig_open(&rig, m, "auto", 2, 4));
	rolls_make(&r, m, 40, 4, 6);
	r.d.eos = 3;
	decode(&rig, &r);
	for (int i = 0; i < r.d.n; i++) {
		const int32_t *token = r.d.token + (size_t)i * r.d.stride;
		int n = r.d.length[i];

		cr_assert(n >= 1 && n <= 6);
		for (int t = 0; t < n - 1; t++)
			cr_assert_neq(token[t], 3);
		cr_assert_eq(r.d.truncated[i], token[n - 1] != 3);
		cr_assert(!r.d.truncated[i] || n == 6);
		ended += !r.d.truncated[i];
		cut += r.d.truncated[i];
	}
	cr_assert(ended > 20 && cut > 20, "%d ended, %d cut: one branch is hardly tested", ended,
		  cut);
	rolls_free(&r);
	rig_close(&rig);
}

Test(sampler, greedy_takes_the_likeliest)
{
	const struct ebb_model *m = &shape[1].model;
	struct rig rig;
	struct rolls r;
	double *flat, *logits;

	cr_assert(rig_open(&rig, m, "auto", 1, 4));
	rolls_make(&r, m, 20, 2, 5);
	r.d.greedy = true;
	r.d.eos = NO_EOS;
	decode(&rig, &r);
	trainer_agrees(&rig, &r, "greedy");
	flat = calloc(rig.layout.n_floats, sizeof *flat);
	logits = calloc((size_t)m->T * m->V, sizeof *logits);
	for (size_t i = 0; i < rig.layout.n_floats; i++)
		flat[i] = rig.w.flat[i];
	for (int i = 0; i < r.d.n; i++) {
		const struct ebb_prompt *prompt = &r.prompt[r.sample[i].prompt];
		int32_t token[64];
		int n = prompt->n;

		memcpy(token, prompt->token, n * sizeof *token);
		for (int t = 0; t < 5; t++, n++) {
			const double *z = logits + (size_t)(n - 1) * m->V;
			int best = 0;

			reference_logits(&rig.layout, flat, token, n, logits, NULL);
			for (int j = 1; j < m->V; j++)
				if (z[j] > z[best])
					best = j;
			token[n] = r.d.token[(size_t)i * r.d.stride + t];
			/* equal to rounding counts as equal */
			cr_assert(z[token[n]] > z[best] - 1e-5, "sample %d, token %d: %d, not %d",
				  i, t, (int)token[n], best);
		}
	}
	free(flat);
	free(logits);
	rolls_free(&r);
	rig_close(&rig);
}

/* Pearson's chi-square of first tokens against the exact law at this temperature. */
static double chi_square(struct rig *rig, const struct rolls *r, int top_k, int *dof)
{
	const struct ebb_model *m = &rig->layout.model;
	double *flat = calloc(rig->layout.n_floats, sizeof *flat), chi = 0.0, total = 0.0;
	double *logits = calloc((size_t)m->T * m->V, sizeof *logits), p[64];
	const struct ebb_prompt *prompt = &r->prompt[0];
	int count[64] = {0};

	for (size_t i = 0; i < rig->layout.n_floats; i++)
		flat[i] = rig->w.flat[i];
	reference_logits(&rig->layout, flat, prompt->token, prompt->n, logits, NULL);
	for (int i = 0; i < r->d.n; i++)
		count[r->d.token[(size_t)i * r->d.stride]]++;
	for (int j = 0; j < m->V; j++) {
		const double *z = logits + (size_t)(prompt->n - 1) * m->V;
		int above = 0;

		for (int i = 0; i < m->V; i++)
			above += z[i] > z[j];
		p[j] = above < top_k ? exp(z[j] / r->d.tau) : 0.0;
		total += p[j];
	}
	*dof = -1;
	for (int j = 0; j < m->V; j++) {
		double expected = r->d.n * p[j] / total;

		if (p[j] == 0.0) {
			cr_assert_eq(count[j], 0, "token %d is forbidden and was drawn", j);
			continue;
		}
		chi += (count[j] - expected) * (count[j] - expected) / expected;
		++*dof;
	}
	free(flat);
	free(logits);
	return chi;
}

Test(sampler, draws_follow_the_policy)
{
	const struct {
		double tau;
		int top_k;
	} law[] = {{1.0, 0}, {0.5, 0}, {1.5, 0}, {1.0, 4}};
	const struct ebb_model *m = &shape[0].model;

	for (size_t i = 0; i < sizeof law / sizeof *law; i++) {
		struct rig rig;
		struct rolls r;
		double chi;
		int dof;

		cr_assert(rig_open(&rig, m, "auto", 2, 4));
		rolls_make(&r, m, 1, 20000, 2);
		r.d.tau = law[i].tau;
		r.d.top_k = law[i].top_k;
		decode(&rig, &r);
		chi = chi_square(&rig, &r, law[i].top_k > 0 ? law[i].top_k : m->V, &dof);
		/* about five standard deviations of chi-square with dof degrees of freedom */
		cr_assert(chi < dof + 5.0 * sqrt(2.0 * dof) + 5.0,
			  "tau %g, top_k %d: chi2 %g, dof %d", law[i].tau, law[i].top_k, chi, dof);
		rolls_free(&r);
		rig_close(&rig);
	}
}

/* Noise and restrictions change what is drawn from, never what the policy says of it. */
Test(sampler, keeps_policy_and_sampler_apart)
{
	const struct ebb_model *m = &shape[1].model;
	const struct {
		double noise, top_p;
		int top_k;
	} gap[] = {{0.5, 1.0, 0}, {0.0, 0.7, 0}, {0.0, 1.0, 3}, {0.5, 0.8, 4}};

	for (size_t k = 0; k < sizeof gap / sizeof *gap; k++) {
		struct rig rig;
		struct rolls r;
		double sum_gap = 0.0;
		int differ = 0, n = 0;

		cr_assert(rig_open(&rig, m, "auto", 2, 4));
		rolls_make(&r, m, 30, 8, 6);
		r.d.noise = gap[k].noise;
		r.d.top_p = gap[k].top_p;
		r.d.top_k = gap[k].top_k;
		r.d.tau = 0.8;
		decode(&rig, &r);
		trainer_agrees(&rig, &r, "with a gap");
		for (int i = 0; i < r.d.n; i++)
			for (int t = 0; t < r.d.length[i]; t++, n++) {
				size_t at = (size_t)i * r.d.stride + t;
				double d = r.d.sampler_logp[at] - r.d.logp[at];

				cr_assert(r.d.sampler_logp[at] <= 0.0);
				differ += d != 0.0;
				sum_gap += d;
				/* leaving tokens out makes the rest likelier */
				cr_assert(gap[k].noise > 0.0 || d >= 0.0);
			}
		cr_assert(differ > n / 2, "gap %zu: %d of %d tokens differ", k, differ, n);
		/* what was drawn is likelier under what it was drawn from */
		cr_assert(sum_gap > 0.0, "gap %zu: mean %g", k, sum_gap / n);
		rolls_free(&r);
		rig_close(&rig);
	}
}

/* A sampler that met a diverged policy serves the next one as if nothing had been. */
Test(sampler, forgets_a_diverged_policy)
{
	const struct ebb_model *m = &shape[0].model;
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_sampler *s;
	struct rig rig;
	struct rolls before, during, after;

	cr_assert(rig_open(&rig, m, "auto", 1, 4));
	rolls_make(&before, m, 20, 3, 6);
	rolls_make(&during, m, 20, 3, 6);
	rolls_make(&after, m, 20, 3, 6);
	cr_assert_eq(ebb_sampler_open(&s, rig.e, &err), 0, "%s", err.text);
	ebb_sampler_decode(s, &rig.w, &before.d);
	for (size_t i = 0; i < rig.layout.n_floats; i++)
		rig.ref.flat[i] = NAN;
	ebb_weights_pack(&rig.ref);
	ebb_sampler_decode(s, &rig.ref, &during.d);
	for (size_t i = 0; i < during.cells; i++)
		cr_assert(during.d.token[i] >= 0 && during.d.token[i] < m->V);
	ebb_sampler_decode(s, &rig.w, &after.d);
	cr_assert(rolls_same(&before, &after));
	ebb_sampler_close(s);
	rolls_free(&before);
	rolls_free(&during);
	rolls_free(&after);
	rig_close(&rig);
}
