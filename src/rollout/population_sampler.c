/* Decoding for a population: waves of responses, their prefixes first, then token by token. */
#include "rollout/population_sampler.h"

#include <string.h>
#include "model/population_inside.h"

#define LOOK_EVERY 16 /* tokens between two looks whether all responses have ended */

bool ebb_population_draws(const struct ebb_decode *d)
{
	return d->noise == 0.0;
}

/* Tokens before the one that is fed first: the prompt and what was taken over, but the last. */
static int before(const struct ebb_decode *d, int sample)
{
	return d->prompt[d->sample[sample].prompt].n + d->sample[sample].taken - 1;
}

/* Does a sample go on from the same tokens as the one before it? */
static bool continues(const struct ebb_decode *d, int sample, int first)
{
	return sample > first && d->sample[sample].taken == 0 && d->sample[sample - 1].taken == 0 &&
	       d->sample[sample].prompt == d->sample[sample - 1].prompt;
}

/* The responses of the next wave: as many as there are caches and room for prefixes. */
static void wave_take(const struct ebb_population *pop, struct ebb_drawn *w, int *positions,
		      int *prefixes, int *longest)
{
	const struct ebb_decode *d = w->decode;
	const int room = EBB_LANES * pop->size.positions;
	const int most = pop->size.samples < room ? pop->size.samples : room;

	*positions = *prefixes = w->n = 0;
	for (int i = w->at; i < d->n && w->n < most; i++, w->n++) {
		const int more = continues(d, i, w->at) ? 0 : before(d, i);

		if (*positions + more > room)
			break;
		*positions += more;
		*prefixes += more > 0;
		if (before(d, i) > *longest)
			*longest = before(d, i);
	}
}

static int32_t token_before(const struct ebb_decode *d, int sample, int t)
{
	const struct ebb_prompt *prompt = &d->prompt[d->sample[sample].prompt];

	return t < prompt->n ? prompt->token[t]
			     : d->token[(size_t)ebb_decode_row(d, sample) * (size_t)d->stride +
					(size_t)(t - prompt->n)];
}

/* What a wave needs of the host, for all members. */
struct wave {
	struct ebb_spread prefix, step;
	int n;             /* rows a member: responses, rounded up */
	int longest, most; /* longest prefix, most tokens drawn */
	bool sampler_logp;
	int32_t running;
	struct ebb_arena arena;
	int32_t *token, *t, *at, *length, *one, *line, *from, *have, *eos, *limit;
	struct ebb_draw *key;
	struct ebb_draw_rule *rule;
};

static void wave_shape(const struct ebb_population *pop, struct wave *v, struct ebb_drawn *work,
		       int n)
{
	int rows = 0, positions = 0, prefixes = 0;

	for (int i = 0; i < n; i++) {
		int p, q;

		wave_take(pop, &work[i], &p, &q, &v->longest);
		positions = p > positions ? p : positions;
		prefixes = q > prefixes ? q : prefixes;
		rows = work[i].n > rows ? work[i].n : rows;
		if (work[i].n > 0 && work[i].decode->max_tokens > v->most)
			v->most = work[i].decode->max_tokens;
		v->sampler_logp |= work[i].decode->sampler_logp != NULL;
	}
	v->step.most = (rows + EBB_LANES - 1) / EBB_LANES;
	v->n = EBB_LANES * v->step.most;
	v->step.sequences = v->n;
	v->step.sequence = 1;
	v->prefix.most = (positions + EBB_LANES - 1) / EBB_LANES;
	v->prefix.sequences = prefixes;
	v->prefix.sequence = v->longest;
}

static void member_place(struct ebb_population *pop, struct wave *v, const struct ebb_drawn *w)
{
	const struct ebb_decode *d = w->decode;
	const size_t base = (size_t)w->member * (size_t)v->n;
	const size_t room = (size_t)EBB_LANES * (size_t)v->prefix.most;
	int positions = 0, sequence = -1, from = 0;

	v->eos[w->member] = d->eos;
	v->limit[w->member] = d->max_tokens;
	v->rule[w->member] = (struct ebb_draw_rule){.tau = (float)d->tau,
						    .top_p = (float)d->top_p,
						    .top_k = d->top_k,
						    .greedy = d->greedy};
	pop->host.tau[w->member] = (float)d->tau;
	for (int i = 0; i < w->n; i++) {
		const int sample = w->at + i, n = before(d, sample);
		const size_t at = base + (size_t)i;

		if (!continues(d, sample, w->at) && n > 0) {
			const size_t q = (size_t)w->member * (size_t)v->prefix.sequences +
					 (size_t)++sequence;
			const size_t to = (size_t)w->member * room + (size_t)positions;

			from = positions;
			pop->host.first[q] = positions;
			pop->host.length[q] = n;
			for (int t = 0; t < n; t++) {
				pop->host.token[to + (size_t)t] = token_before(d, sample, t);
				pop->host.position[to + (size_t)t] = t;
			}
			positions += n;
		}
		v->token[at] = token_before(d, sample, n);
		v->t[at] = d->sample[sample].taken;
		v->at[at] = n;
		v->length[at] = n + 1;
		v->one[at] = 1;
		v->from[at] = from;
		v->have[at] = n;
		v->key[at] = d->sample[sample].draw;
		v->running++;
	}
}

static int wave_place(struct ebb_population *pop, struct wave *v, const struct ebb_drawn *work,
		      int n, struct ebb_err *err)
{
	const size_t P = (size_t)pop->size.members, N = P * (size_t)v->n;
	const size_t rows = P * EBB_LANES * (size_t)v->prefix.most;
	const size_t q = P * (size_t)v->prefix.sequences;
	const struct {
		void *where;
		size_t n, size;
		void *device;
	} piece[] = {
		{&v->token, N, sizeof *v->token, pop->drawing.token},
		{&v->t, N, sizeof *v->t, pop->drawing.t},
		{&v->at, N, sizeof *v->at, pop->drawing.at},
		{&v->length, N, sizeof *v->length, pop->drawing.length},
		{&v->one, N, sizeof *v->one, pop->drawing.one},
		{&v->line, N, sizeof *v->line, pop->line},
		{&v->from, N, sizeof *v->from, pop->from},
		{&v->have, N, sizeof *v->have, pop->have},
		{&v->key, N, sizeof *v->key, pop->key},
		{&v->rule, P, sizeof *v->rule, pop->draw_rule},
		{&v->eos, P, sizeof *v->eos, pop->eos},
		{&v->limit, P, sizeof *v->limit, pop->most},
	};
	int rc;

	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		ebb_arena_add(&v->arena, piece[i].where, piece[i].n, piece[i].size);
	rc = ebb_arena_commit(&v->arena, err);
	if (rc < 0)
		return rc;
	memset(pop->host.token, 0, rows * sizeof *pop->host.token);
	memset(pop->host.position, 0, rows * sizeof *pop->host.position);
	memset(pop->host.first, 0, q * sizeof *pop->host.first);
	memset(pop->host.length, 0, q * sizeof *pop->host.length);
	for (size_t i = 0; i < N; i++)
		v->line[i] = (int32_t)(i % (size_t)v->n);
	for (size_t p = 0; p < P; p++) {
		v->rule[p] = (struct ebb_draw_rule){.tau = 1.0F, .top_p = 1.0F};
		pop->host.tau[p] = 1.0F;
	}
	for (int i = 0; i < n; i++)
		if (work[i].n > 0)
			member_place(pop, v, &work[i]);
	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		pop->op->upload(pop->g, piece[i].device, *(void **)piece[i].where,
				piece[i].n * piece[i].size);
	pop->op->upload(pop->g, pop->drawing.running, &v->running, sizeof v->running);
	pop->op->upload(pop->g, pop->tau, pop->host.tau, P * sizeof(float));
	pop->op->upload(pop->g, pop->token, pop->host.token, rows * sizeof(int32_t));
	pop->op->upload(pop->g, pop->position, pop->host.position, rows * sizeof(int32_t));
	pop->op->upload(pop->g, pop->first, pop->host.first, q * sizeof(int32_t));
	pop->op->upload(pop->g, pop->length, pop->host.length, q * sizeof(int32_t));
	return ebb_gpu_sync(pop->gpu, err);
}

/* Members that take part have so many rows from now on. */
static int rows_set(struct ebb_population *pop, const struct ebb_drawn *work, int n, int rows,
		    struct ebb_err *err)
{
	const size_t bytes = (size_t)pop->size.members * sizeof(int32_t);

	memset(pop->host.of_member, 0, bytes);
	for (int i = 0; i < n; i++)
		if (work[i].n > 0)
			pop->host.of_member[work[i].member] = rows;
	pop->op->upload(pop->g, pop->of_member, pop->host.of_member, bytes);
	return ebb_gpu_sync(pop->gpu, err);
}

static struct ebb_cache cache_of(const struct ebb_population *pop, int l, int n)
{
	const size_t all = (size_t)pop->size.members * (size_t)pop->size.samples * pop->kv;

	return (struct ebb_cache){pop->cache + (size_t)l * all, (size_t)n * pop->kv, pop->kv,
				  pop->net.m.T};
}

/* Keys and values of all prefixes, each copied to the caches of the responses that go on from it. */
static void prefixes_queue(struct ebb_population *pop, const struct wave *v, int policy)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_spread *s = &v->prefix;
	const struct ebb_count M = {EBB_LANES * s->most, pop->of_member};
	const struct ebb_sequences prefix = {s->sequences, s->sequence, pop->first, pop->length};
	const struct ebb_sequences each = {v->n, s->sequence, pop->from, pop->have};
	struct ebb_act *a = &pop->act[0];
	const int P = pop->size.members;

	pop->op->embed_fwd(pop->g, P, M, m->C, pop->token,
			   ebb_pop_weight(pop, policy, net->embed, m->C, 0),
			   ebb_rows_member(s, a->x, m->C));
	for (int l = 0; l < m->L; l++) {
		const struct ebb_pop q = ebb_rows_member(s, a->qk, net->QK);
		const struct ebb_pop k = ebb_rows_member(s, a->qk + net->Q, net->QK);
		const struct ebb_pop value =
			ebb_rows_member(s, a->qkv + net->Q + net->KV, net->QKV);

		ebb_population_qkv(pop, s, policy, l, pop->position, a);
		pop->op->kv_store(pop->g, P, each, m->NKV, m->D, k, value, pop->start,
				  cache_of(pop, l, v->n));
		if (l == m->L - 1) /* nobody asks what comes after a prefix */
			break;
		pop->op->attn_fwd(pop->g, P, prefix, m->NH, m->NKV, m->D, q, k, value,
				  ebb_rows_member(s, a->att, net->Q),
				  ebb_rows_member(s, a->stat, 2 * m->NH));
		ebb_population_out(pop, s, policy, l, a, a->x);
	}
}

/* Feed every response its last token and draw the next. */
static void token_queue(struct ebb_population *pop, const struct ebb_call *call)
{
	const struct ebb_net *net = &pop->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_spread *s = &call->spread;
	const struct ebb_gpu_ops *op = pop->op;
	const int P = pop->size.members, n = s->sequences, policy = call->policy;
	const struct ebb_count M = {n, pop->of_member};
	const struct ebb_sequences one = {n, 1, pop->line, pop->drawing.one};
	const struct ebb_pop logits = ebb_rows_member(s, pop->logits, m->V), none = {0};
	float *sampler = call->flags ? pop->draw_sampler : NULL;
	struct ebb_drawing d = pop->drawing;
	struct ebb_act *a = &pop->act[0];

	d.n = n;
	d.stride = m->T;
	d.most = pop->most;
	d.eos = pop->eos;
	op->embed_fwd(pop->g, P, M, m->C, d.token, ebb_pop_weight(pop, policy, net->embed, m->C, 0),
		      ebb_rows_member(s, a->x, m->C));
	for (int l = 0; l < m->L; l++) {
		ebb_population_qkv(pop, s, policy, l, d.at, a);
		op->kv_store(pop->g, P, one, m->NKV, m->D,
			     ebb_rows_member(s, a->qk + net->Q, net->QK),
			     ebb_rows_member(s, a->qkv + net->Q + net->KV, net->QKV), d.at,
			     cache_of(pop, l, n));
		op->attn_decode(pop->g, P, n, m->NH, m->NKV, m->D,
				ebb_rows_member(s, a->qk, net->QK), cache_of(pop, l, n), d.length,
				ebb_rows_member(s, a->att, net->Q));
		ebb_population_out(pop, s, policy, l, a, a->x);
	}
	ebb_population_logits(pop, s, policy, a->x, pop->logits);
	op->draw(pop->g, P, M, m->V, logits, pop->draw_rule, pop->key, d.t, d.token, sampler,
		 pop->draw_scratch);
	op->head_fwd(pop->g, P, M, m->V, logits, d.token, pop->tau, none, pop->draw_logp,
		     pop->draw_entropy, NULL, NULL, pop->draw_stat);
	op->settle(pop->g, P, d, pop->draw_logp, pop->draw_entropy, sampler);
}

static int wave_draw(struct ebb_population *pop, struct wave *v, int policy, struct ebb_err *err)
{
	const struct ebb_call call = {token_queue, v->step, policy, -1, v->sampler_logp};
	int rc = 0;

	for (int t = 0; t < v->most && rc == 0 && v->running > 0; t++) {
		ebb_population_queue(pop, &call);
		if ((t + 1) % LOOK_EVERY != 0 || t + 1 == v->most)
			continue;
		pop->op->download(pop->g, &v->running, pop->drawing.running, sizeof v->running);
		rc = ebb_gpu_sync(pop->gpu, err);
	}
	return rc;
}

struct results {
	int32_t *t, *token;
	float *logp, *entropy, *sampler_logp;
};

static void member_store(const struct ebb_population *pop, const struct wave *v,
			 const struct ebb_drawn *w, const struct results *r)
{
	struct ebb_decode *d = w->decode;

	for (int i = 0; i < w->n; i++) {
		const int sample = w->at + i, row = ebb_decode_row(d, sample);
		const size_t at = (size_t)w->member * (size_t)v->n + (size_t)i;
		const size_t from = at * (size_t)pop->net.m.T;
		const size_t to = (size_t)row * (size_t)d->stride;

		for (int t = d->sample[sample].taken; t < r->t[at]; t++) {
			d->token[to + (size_t)t] = r->token[from + (size_t)t];
			if (d->logp)
				d->logp[to + (size_t)t] = r->logp[from + (size_t)t];
			if (d->entropy)
				d->entropy[to + (size_t)t] = r->entropy[from + (size_t)t];
			if (d->sampler_logp)
				d->sampler_logp[to + (size_t)t] = r->sampler_logp[from + (size_t)t];
		}
		d->length[row] = r->t[at];
		d->truncated[row] = d->token[to + (size_t)r->t[at] - 1] != d->eos;
	}
}

static int wave_store(struct ebb_population *pop, const struct wave *v,
		      const struct ebb_drawn *work, int n, struct ebb_err *err)
{
	const size_t N = (size_t)pop->size.members * (size_t)v->n;
	const size_t all = N * (size_t)pop->net.m.T;
	struct results r;
	struct ebb_arena arena = EBB_ARENA_INIT;
	int rc;

	ebb_arena_add(&arena, &r.t, N, sizeof *r.t);
	ebb_arena_add(&arena, &r.token, all, sizeof *r.token);
	ebb_arena_add(&arena, &r.logp, all, sizeof *r.logp);
	ebb_arena_add(&arena, &r.entropy, all, sizeof *r.entropy);
	ebb_arena_add(&arena, &r.sampler_logp, all, sizeof *r.sampler_logp);
	rc = ebb_arena_commit(&arena, err);
	if (rc == 0) {
		pop->op->download(pop->g, r.t, pop->drawing.t, N * sizeof *r.t);
		pop->op->download(pop->g, r.token, pop->drawing.drawn, all * sizeof *r.token);
		pop->op->download(pop->g, r.logp, pop->drawing.logp, all * sizeof *r.logp);
		pop->op->download(pop->g, r.entropy, pop->drawing.entropy, all * sizeof *r.entropy);
		if (v->sampler_logp)
			pop->op->download(pop->g, r.sampler_logp, pop->drawing.sampler_logp,
					  all * sizeof *r.sampler_logp);
		rc = ebb_gpu_sync(pop->gpu, err);
	}
	for (int i = 0; i < n && rc == 0; i++)
		member_store(pop, v, &work[i], &r);
	ebb_arena_release(&arena);
	return rc;
}

static bool samples_left(const struct ebb_drawn *work, int n)
{
	for (int i = 0; i < n; i++)
		if (work[i].at < work[i].decode->n)
			return true;
	return false;
}

int ebb_population_decode(struct ebb_population *pop, int policy, struct ebb_drawn *work, int n,
			  struct ebb_err *err)
{
	int rc = 0;

	for (int i = 0; i < n; i++)
		work[i].at = 0;
	pop->op->precision(pop->g, pop->size.precision);
	while (rc == 0 && samples_left(work, n)) {
		struct wave v = {0};

		wave_shape(pop, &v, work, n);
		rc = wave_place(pop, &v, work, n, err);
		if (rc == 0 && v.prefix.sequences > 0) {
			rc = rows_set(pop, work, n, EBB_LANES * v.prefix.most, err);
			prefixes_queue(pop, &v, policy);
		}
		if (rc == 0)
			rc = rows_set(pop, work, n, v.n, err);
		if (rc == 0)
			rc = wave_draw(pop, &v, policy, err);
		if (rc == 0)
			rc = wave_store(pop, &v, work, n, err);
		ebb_arena_release(&v.arena);
		for (int i = 0; i < n; i++)
			work[i].at += work[i].n;
	}
	if (rc < 0) /* a call that failed on its way may have been recorded */
		ebb_population_forget(pop);
	return rc;
}
