/* Decoding: every worker keeps a block of sequences going and refills it until no sample waits. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "rollout/bank.h"

/* Rows of a block: fewer than 16 waste registers of the products, more than 64 win nothing. */
#define SEATS_MIN 16
#define SEATS_MAX 64
/* What a worker's caches may take where they do not fit L2 anyway. */
#define CACHE_BYTES_MAX ((size_t)64 << 20)
/* Samples of one prompt a worker takes at a time. */
#define TAKE_MAX 8

/* A sequence being decoded. Rows of the step's arrays belong to seats in order. */
struct seat {
	int sample;
	int n_prompt;
	int t;       /* tokens drawn */
	int cache;   /* which of the desk's caches */
	bool hungry; /* out of the bank: its last token must be fed before it has logits */
};

/* One worker's place: nothing here is shared. */
struct desk {
	struct seat *seat; /* (seats) */
	int n_seats;       /* taken */
	int *free_cache;   /* caches without a seat (seats) */
	int n_free;
	float *cache;              /* keys and values (seats, L, kv) */
	struct ebb_act act;        /* (rows) */
	float *last, *norm, *rstd; /* before and after the final norm (seats, C) and (seats) */
	float *logits, *noisy;     /* (seats, V) */
	int32_t *token;            /* (rows) */
	int *position, *length;    /* (rows) (seats) */
	float **where;             /* this layer's cache of every row (seats) */
	double *uniform;           /* (seats) */
	float *logp, *entropy, *sampler_logp, *stat; /* (seats), stat (seats, 4) */
	float *attn_scratch, *draw_scratch;
	/* The prompt last computed. */
	int prompt;           /* -1: none */
	float *prompt_kv;     /* keys, then values, of a position (L, T, 2 KV) */
	float *prompt_logits; /* after its last token (V) */
	int32_t *prefix;      /* a prompt and the tokens a sample goes on from (T) */
};

struct ebb_sampler {
	struct ebb_engine *e;
	const struct ebb_net *net;
	int seats;           /* of a desk */
	size_t cache_floats; /* of a desk: of all its sequences */
	struct desk *desk;   /* one a worker */
	struct ebb_arena parts, arena;
};

/* The sequences whose caches of t_max positions fit beside the forward weights in L2. */
static int seats_fitting(const struct ebb_net *net, int t_max)
{
	long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
	size_t kv =
		net->ops->kv_floats(t_max, net->m.NKV, net->m.D) * sizeof(float) * (size_t)net->m.L;
	size_t weights = net->n_panel / 2 * sizeof(float), room, n;

	room = l2 < 256 << 10 ? 1 << 20 : (size_t)l2 / 4 * 3;
	/* Weights that stream from memory in any case should serve many rows. */
	n = (weights < room ? room - weights : CACHE_BYTES_MAX) / kv;
	return n < SEATS_MIN ? SEATS_MIN : n > SEATS_MAX ? SEATS_MAX : (int)n;
}

static void desk_add(struct desk *desk, const struct ebb_sampler *s, struct ebb_arena *arena)
{
	const struct ebb_net *net = s->net;
	const struct ebb_model *m = &net->m;
	size_t n = (size_t)s->seats, V = (size_t)m->V, C = (size_t)m->C;
	int rows = s->seats > m->T ? s->seats : m->T;
	const struct {
		void *where;
		size_t n, size;
	} piece[] = {
		{&desk->seat, n, sizeof *desk->seat},
		{&desk->free_cache, n, sizeof(int)},
		{&desk->cache, s->cache_floats, sizeof(float)},
		{&desk->last, n * C, sizeof(float)},
		{&desk->norm, n * C, sizeof(float)},
		{&desk->rstd, n, sizeof(float)},
		{&desk->logits, n * V, sizeof(float)},
		{&desk->noisy, n * V, sizeof(float)},
		{&desk->token, (size_t)rows, sizeof(int32_t)},
		{&desk->position, (size_t)rows, sizeof(int)},
		{&desk->length, n, sizeof(int)},
		{&desk->where, n, sizeof(float *)},
		{&desk->uniform, n, sizeof(double)},
		{&desk->logp, n, sizeof(float)},
		{&desk->entropy, n, sizeof(float)},
		{&desk->sampler_logp, n, sizeof(float)},
		{&desk->stat, 4 * n, sizeof(float)},
		{&desk->attn_scratch, net->ops->attn_scratch_floats(m->T, m->NH, m->NKV, m->D),
		 sizeof(float)},
		{&desk->draw_scratch, 2 * V, sizeof(float)},
		{&desk->prompt_kv, (size_t)m->L * m->T * 2 * net->KV, sizeof(float)},
		{&desk->prompt_logits, V, sizeof(float)},
		{&desk->prefix, (size_t)m->T, sizeof(int32_t)},
	};

	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		ebb_arena_add(arena, piece[i].where, piece[i].n, piece[i].size);
	ebb_act_add(&desk->act, net, rows, arena);
}

int ebb_sampler_open(struct ebb_sampler **out, struct ebb_engine *e, struct ebb_err *err)
{
	struct ebb_sampler *s;
	int n_workers = ebb_pool_size(ebb_engine_pool(e)), rc;
	const struct ebb_model *m;

	*out = NULL;
	s = ebb_calloc(1, sizeof *s, err);
	if (s == NULL)
		return EBB_ENOMEM;
	s->e = e;
	s->net = ebb_engine_net(e);
	m = &s->net->m;
	s->seats = SEATS_MAX;
	s->cache_floats = (size_t)seats_fitting(s->net, m->T) * m->L *
			  s->net->ops->kv_floats(m->T, m->NKV, m->D);
	ebb_arena_add(&s->parts, &s->desk, (size_t)n_workers, sizeof *s->desk);
	rc = ebb_arena_commit(&s->parts, err);
	if (rc == 0) {
		for (int i = 0; i < n_workers; i++)
			desk_add(&s->desk[i], s, &s->arena);
		rc = ebb_arena_commit(&s->arena, err);
	}
	if (rc != 0) {
		ebb_err_wrap(err, "sampler for %d threads", n_workers);
		ebb_sampler_close(s);
		return rc;
	}
	for (int i = 0; i < n_workers; i++)
		ebb_act_join(&s->desk[i].act, s->net);
	*out = s;
	return 0;
}

void ebb_sampler_close(struct ebb_sampler *s)
{
	if (s == NULL)
		return;
	ebb_arena_release(&s->arena);
	ebb_arena_release(&s->parts);
	free(s);
}

size_t ebb_sampler_bytes(const struct ebb_sampler *s)
{
	return sizeof *s + s->arena.bytes + s->parts.bytes;
}

/* One call of ebb_sampler_decode. */
struct job {
	struct ebb_sampler *s;
	const struct ebb_weights *w;
	struct ebb_decode *d;
	int T;           /* positions the longest sequence of this call needs */
	int seats;       /* sequences a block holds */
	size_t kv;       /* floats of one layer's cache of one sequence */
	atomic_int next; /* first sample nobody has taken */
};

/* Take the next samples that share a prompt; returns how many, 0 when none is left. Who takes what
 * depends on chance, what comes out does not: a row's bits depend on its own sequence alone. */
static int samples_take(struct job *job, int *first)
{
	const struct ebb_sample *sample = job->d->sample;
	int i = atomic_load(&job->next), end;

	do {
		if (i >= job->d->n)
			return 0;
		for (end = i + 1; end < job->d->n && end - i < TAKE_MAX &&
				  sample[end].prompt == sample[i].prompt;
		     end++)
			;
	} while (!atomic_compare_exchange_weak(&job->next, &i, end));
	*first = i;
	return end - i;
}

static float *cache_of(const struct job *job, const struct desk *desk, int cache, int l)
{
	return desk->cache + ((size_t)cache * job->s->net->m.L + l) * job->kv;
}

/* The forward pass of n tokens, keeping keys, values and the last position's logits. */
static void prompt_run(const struct job *job, struct desk *desk, const int32_t *token, int n)
{
	const struct ebb_net *net = job->s->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_ops *ops = net->ops;
	struct ebb_act *a = &desk->act;
	int KV = net->KV;

	for (int t = 0; t < n; t++)
		desk->position[t] = t;
	ops->embed_fwd(n, m->C, token, job->w->flat + net->embed.flat, a->x);
	for (int l = 0; l < m->L; l++) {
		float *kv = desk->prompt_kv + (size_t)l * m->T * 2 * KV;
		const float *k = a->qk + net->Q, *v = a->qkv + net->Q + KV;

		ebb_layer_qkv(net, job->w, l, n, desk->position, a);
		for (int t = 0; t < n; t++, kv += 2 * KV) {
			memcpy(kv, k + (size_t)t * net->QK, KV * sizeof *kv);
			memcpy(kv + KV, v + (size_t)t * net->QKV, KV * sizeof *kv);
		}
		ops->attn_fwd(n, m->NH, m->NKV, m->D, a->qk, k, v, net->QK, net->QK, net->QKV,
			      a->att, net->Q, a->stat, desk->attn_scratch);
		if (l < m->L - 1)
			ebb_layer_out(net, job->w, l, n, a->att, a->x, a, a->x);
		else /* only the last position has something to say */
			ebb_layer_out(net, job->w, l, 1, a->att + (size_t)(n - 1) * net->Q,
				      a->x + (size_t)(n - 1) * m->C, a, desk->last);
	}
	ebb_net_logits(net, job->w, 1, desk->last, desk->norm, desk->rstd, desk->prompt_logits);
}

/* The prompt of a sample and what it goes on from; returns the number of tokens. */
static int prefix_run(const struct job *job, struct desk *desk, int sample)
{
	const struct ebb_decode *d = job->d;
	const struct ebb_prompt *prompt = &d->prompt[d->sample[sample].prompt];
	int taken = d->sample[sample].taken;

	if (taken == 0) {
		if (desk->prompt != d->sample[sample].prompt)
			prompt_run(job, desk, prompt->token, prompt->n);
		desk->prompt = d->sample[sample].prompt;
		return prompt->n;
	}
	memcpy(desk->prefix, prompt->token, (size_t)prompt->n * sizeof *desk->prefix);
	memcpy(desk->prefix + prompt->n, d->token + (size_t)ebb_decode_row(d, sample) * d->stride,
	       (size_t)taken * sizeof *desk->prefix);
	prompt_run(job, desk, desk->prefix, prompt->n + taken);
	desk->prompt = -1;
	return prompt->n + taken;
}

/* Give a sample the next seat: its keys and values so far, and the logits of its first token or the
 * token to feed for them. */
static void seat_take(const struct job *job, struct desk *desk, int sample)
{
	const struct ebb_net *net = job->s->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_decode *d = job->d;
	const struct ebb_sample *s = &d->sample[sample];
	const struct ebb_prompt *prompt = &d->prompt[s->prompt];
	struct seat *seat = &desk->seat[desk->n_seats];
	int n = prompt->n + s->taken;

	*seat = (struct seat){.sample = sample,
			      .n_prompt = prompt->n,
			      .t = s->taken,
			      .cache = desk->free_cache[--desk->n_free]};
	/* all but the last token are read: its own position is what the logits come from */
	if (d->bank && s->from >= 0 && ebb_bank_has(d->bank, s->from, n - 1)) {
		for (int l = 0; l < m->L; l++)
			ebb_bank_read(d->bank, s->from, l, n - 1,
				      cache_of(job, desk, seat->cache, l));
		desk->token[desk->n_seats++] =
			s->taken > 0
				? d->token[(size_t)ebb_decode_row(d, sample) * d->stride + s->taken - 1]
				: prompt->token[n - 1];
		seat->hungry = true;
		return;
	}
	prefix_run(job, desk, sample);
	for (int l = 0; l < m->L; l++) {
		const float *kv = desk->prompt_kv + (size_t)l * m->T * 2 * net->KV;

		net->ops->kv_store(n, 0, job->T, m->NKV, m->D, kv, kv + net->KV, 2 * net->KV,
				   2 * net->KV, cache_of(job, desk, seat->cache, l));
	}
	memcpy(desk->logits + (size_t)desk->n_seats * m->V, desk->prompt_logits,
	       m->V * sizeof *desk->logits);
	desk->n_seats++;
}

static void noise_add(const struct job *job, struct desk *desk)
{
	int V = job->s->net->m.V;

	for (int i = 0; i < desk->n_seats; i++) {
		const struct seat *seat = &desk->seat[i];
		struct ebb_draw draw = job->d->sample[seat->sample].draw;

		draw.stream = EBB_STREAM_MISMATCH;
		for (int j = 0; j < V; j++)
			desk->noisy[(size_t)i * V + j] =
				desk->logits[(size_t)i * V + j] +
				(float)(job->d->noise *
					ebb_normal(&draw, (uint32_t)(seat->t * V + j)));
	}
}

/* Draw a token for every seat from its logits and store it with its log-probabilities. */
static void tokens_draw(const struct job *job, struct desk *desk)
{
	const struct ebb_ops *ops = job->s->net->ops;
	struct ebb_decode *d = job->d;
	int V = job->s->net->m.V, n = desk->n_seats;
	bool noisy = d->noise > 0.0;
	const float *drawn_from = noisy ? desk->noisy : desk->logits;

	if (noisy)
		noise_add(job, desk);
	for (int i = 0; i < n; i++)
		desk->uniform[i] = ebb_uniform(&d->sample[desk->seat[i].sample].draw,
					       (uint32_t)desk->seat[i].t);
	ops->draw(n, V, drawn_from, V, (float)d->tau, d->top_k, (float)d->top_p,
		  d->greedy ? NULL : desk->uniform, desk->token,
		  d->sampler_logp != NULL ? desk->sampler_logp : NULL, desk->draw_scratch);
	if (d->logp != NULL || d->entropy != NULL)
		ops->head_fwd(n, V, desk->logits, V, desk->token, (float)d->tau, NULL, desk->logp,
			      desk->entropy, NULL, NULL, desk->stat);
	for (int i = 0; i < n; i++) {
		size_t at = (size_t)ebb_decode_row(d, desk->seat[i].sample) * d->stride + desk->seat[i].t;

		d->token[at] = desk->token[i];
		if (d->logp != NULL)
			d->logp[at] = desk->logp[i];
		if (d->entropy != NULL)
			d->entropy[at] = desk->entropy[i];
		if (d->sampler_logp != NULL)
			d->sampler_logp[at] = desk->sampler_logp[i];
	}
}

/* Clear the seats of finished sequences; the others move up, with the token they go on from. */
static void seats_clear(const struct job *job, struct desk *desk)
{
	struct ebb_decode *d = job->d;
	int kept = 0;

	for (int i = 0; i < desk->n_seats; i++) {
		struct seat *seat = &desk->seat[i];
		bool ended = desk->token[i] == d->eos;
		int row = ebb_decode_row(d, seat->sample);

		seat->t++;
		if (ended || seat->t == d->max_tokens) {
			d->length[row] = seat->t;
			d->truncated[row] = !ended;
			if (d->bank) /* the last token was drawn, but not fed */
				for (int l = 0; l < job->s->net->m.L; l++)
					ebb_bank_write(d->bank, row, l,
						       seat->n_prompt + seat->t - 1,
						       cache_of(job, desk, seat->cache, l));
			desk->free_cache[desk->n_free++] = seat->cache;
		} else {
			desk->token[kept] = desk->token[i];
			desk->seat[kept++] = *seat;
		}
	}
	desk->n_seats = kept;
}

/* Feed n seats the tokens they drew last; their logits follow. */
static void seats_step(const struct job *job, struct desk *desk, int first, int n)
{
	const struct ebb_net *net = job->s->net;
	const struct ebb_model *m = &net->m;
	const struct ebb_ops *ops = net->ops;
	const struct seat *seat = desk->seat + first;
	struct ebb_act *a = &desk->act;

	for (int i = 0; i < n; i++) {
		desk->position[i] = seat[i].n_prompt + seat[i].t - 1;
		desk->length[i] = desk->position[i] + 1;
	}
	ops->embed_fwd(n, m->C, desk->token + first, job->w->flat + net->embed.flat, a->x);
	for (int l = 0; l < m->L; l++) {
		ebb_layer_qkv(net, job->w, l, n, desk->position, a);
		for (int i = 0; i < n; i++) {
			desk->where[i] = cache_of(job, desk, seat[i].cache, l);
			ops->kv_store(1, desk->position[i], job->T, m->NKV, m->D,
				      a->qk + (size_t)i * net->QK + net->Q,
				      a->qkv + (size_t)i * net->QKV + net->Q + net->KV, net->QK,
				      net->QKV, desk->where[i]);
		}
		ops->attn_decode(n, job->T, m->NH, m->NKV, m->D, a->qk, net->QK, desk->where,
				 desk->length, a->att, net->Q, desk->attn_scratch);
		ebb_layer_out(net, job->w, l, n, a->att, a->x, a, a->x);
	}
	ebb_net_logits(net, job->w, n, a->x, desk->norm, desk->rstd,
		       desk->logits + (size_t)first * m->V);
}

/* Logits for the seats that came out of the bank, side by side where they sit so. */
static void seats_feed(const struct job *job, struct desk *desk)
{
	for (int i = 0; i < desk->n_seats; i++) {
		int first = i;

		for (; i < desk->n_seats && desk->seat[i].hungry; i++)
			desk->seat[i].hungry = false;
		if (i > first)
			seats_step(job, desk, first, i - first);
	}
}

static void desk_run(void *ctx, int item, int worker)
{
	struct job *job = ctx;
	struct desk *desk = &job->s->desk[worker];
	int first = 0, waiting = 0;

	desk->prompt = -1; /* the weights may have changed */
	desk->n_seats = 0;
	for (desk->n_free = 0; desk->n_free < job->seats; desk->n_free++)
		desk->free_cache[desk->n_free] = desk->n_free;
	for (;;) {
		while (desk->n_free > 0) {
			if (waiting == 0)
				waiting = samples_take(job, &first);
			if (waiting == 0)
				break;
			seat_take(job, desk, first++);
			waiting--;
		}
		if (desk->n_seats == 0)
			break;
		if (job->d->bank)
			seats_feed(job, desk);
		tokens_draw(job, desk);
		seats_clear(job, desk);
		if (desk->n_seats > 0)
			seats_step(job, desk, 0, desk->n_seats);
	}
}

static void decode_check(const struct ebb_decode *d, const struct ebb_model *m)
{
	if (d->max_tokens < 1 || d->max_tokens > d->stride)
		EBB_BUG("decoding %d tokens into rows of %d", d->max_tokens, d->stride);
	if (d->noise > 0.0 && (int64_t)d->max_tokens * m->V > 1 << 24)
		EBB_BUG("noise on %d tokens of a vocabulary of %d needs more than 2^24 positions",
			d->max_tokens, m->V);
	for (int i = 0; i < d->n_prompts; i++)
		if (d->prompt[i].n < 1 || d->prompt[i].n + d->max_tokens > m->T)
			EBB_BUG("prompt %d of %d tokens and %d more, in a model of at most %d", i,
				d->prompt[i].n, d->max_tokens, m->T);
	for (int i = 0; i < d->n; i++)
		if (d->sample[i].prompt < 0 || d->sample[i].prompt >= d->n_prompts)
			EBB_BUG("sample %d of prompt %d, there are %d", i, d->sample[i].prompt,
				d->n_prompts);
		else if (d->sample[i].taken < 0 || d->sample[i].taken >= d->max_tokens)
			EBB_BUG("sample %d goes on after %d of %d tokens", i, d->sample[i].taken,
				d->max_tokens);
	for (int i = 0; i < d->n && d->bank; i++)
		if (d->sample[i].from >= 0 && !ebb_bank_open_to(d->bank, d->sample[i].from))
			EBB_BUG("sample %d goes on from row %d, which this call writes", i,
				d->sample[i].from);
}

void ebb_sampler_decode(struct ebb_sampler *s, const struct ebb_weights *w, struct ebb_decode *d)
{
	const struct ebb_model *m = &s->net->m;
	int threads = ebb_pool_size(ebb_engine_pool(s->e)), longest = 0, share;
	struct job job = {.s = s, .w = w, .d = d};

	if (d->bank) {
		ebb_bank_begin(d->bank);
		for (int i = 0; i < d->n; i++)
			ebb_bank_claim(d->bank, ebb_decode_row(d, i));
	}
	decode_check(d, m);
	for (int i = 0; i < d->n_prompts; i++)
		if (d->prompt[i].n > longest)
			longest = d->prompt[i].n;
	job.T = longest + d->max_tokens;
	job.kv = s->net->ops->kv_floats(job.T, m->NKV, m->D);
	job.seats = (int)(s->cache_floats / (job.kv * (size_t)m->L));
	if (job.seats > s->seats)
		job.seats = s->seats;
	share = (d->n + threads - 1) / threads; /* no worker sits idle beside a full block */
	if (job.seats > share)
		job.seats = share;
	ebb_pool_run(ebb_engine_pool(s->e), threads, desk_run, &job);
}
