/* Attention, forward, backward and decoding: GPU against CPU. */
#include "rig.h"

enum { MAX_SEQUENCES = 8 };

struct shape {
	int P, n, T, NH, NKV, D;
};

static const struct shape shapes[] = {
	{3, 2, 7, 2, 1, 6},    {1, 1, 1, 1, 1, 2},    {3, 3, 37, 4, 2, 16},  {1, 2, 64, 4, 4, 16},
	{1, 2, 130, 3, 3, 32}, {3, 1, 65, 6, 2, 34},  {1, 1, 200, 5, 2, 64}, {1, 1, 97, 2, 1, 80},
	{1, 1, 70, 2, 2, 128}, {1, 1, 520, 2, 1, 64},
};

/* Sequences of lengths T, T - 1, T - 3, ... (member 1's last one is empty), one after another with
 * a gap of a row. */
static void lay_out(const struct shape *s, int32_t *first, int32_t *length, int *rows)
{
	*rows = 0;
	for (int p = 0; p < s->P; p++) {
		int at = 0;

		for (int b = 0; b < s->n; b++) {
			int cut = b * (b + 1) / 2 + p;
			int len = s->T > cut ? s->T - cut : 1;

			if (p == 1 && b == s->n - 1 && b > 0)
				len = 0;
			first[p * s->n + b] = at;
			length[p * s->n + b] = len;
			at += len + 1;
		}
		*rows = at > *rows ? at : *rows;
	}
}

static void training(struct rig *r, const struct shape *s)
{
	int32_t first[3 * MAX_SEQUENCES], length[3 * MAX_SEQUENCES];
	int rows, Q = s->NH * s->D, KV = s->NKV * s->D, ld = Q + 2 * KV + 2, ldo = Q + 1;
	struct buf *qkv, *out, *stat, *dout, *dqkv, *mean, *bfirst, *blength;
	struct ebb_pop q, k, v, dq, dk, dv;
	size_t m, mo, ms, mm;
	struct ebb_sequences seq;
	float *scratch = aligned_alloc(
		64, (r->cpu->attn_scratch_floats(s->T, s->NH, s->NKV, s->D) + 16) / 16 * 64);
	float *st = ebb_xcalloc((size_t)2 * s->NH * s->T, sizeof *st);

	lay_out(s, first, length, &rows);
	m = (size_t)rows * ld;
	mo = (size_t)rows * ldo;
	ms = (size_t)rows * 2 * s->NH;
	mm = (size_t)rows * s->NH;
	begin(r, "attn P=%d n=%d T=%d NH=%d NKV=%d D=%d", s->P, s->n, s->T, s->NH, s->NKV, s->D);
	bfirst = raw(r, "first", first, (size_t)s->P * s->n * sizeof *first);
	blength = raw(r, "length", length, (size_t)s->P * s->n * sizeof *length);
	qkv = noise(r, "qkv", (size_t)s->P * m, 2.0f);
	out = noise(r, "out", (size_t)s->P * mo, 1.0f);
	stat = noise(r, "stat", (size_t)s->P * ms, 1.0f);
	dout = noise(r, "dout", (size_t)s->P * mo, 1.0f);
	dqkv = noise(r, "dqkv", (size_t)s->P * m, 1.0f);
	mean = raw(r, "mean", NULL, (size_t)s->P * mm * sizeof(float));
	seq = (struct ebb_sequences){s->n, s->T, bfirst->device, blength->device};
	q = k = v = pop(qkv, m, ld);
	k.at += Q;
	v.at += Q + KV;
	dq = dk = dv = pop(dqkv, m, ld);
	dk.at += Q;
	dv.at += Q + KV;
	r->gpu->op.attn_fwd(r->g, s->P, seq, s->NH, s->NKV, s->D, q, k, v, pop(out, mo, ldo),
			    pop(stat, ms, 2 * s->NH));
	r->gpu->op.attn_bwd(r->g, s->P, seq, s->NH, s->NKV, s->D, q, k, v, pop(out, mo, ldo),
			    pop(dout, mo, ldo), pop(stat, ms, 2 * s->NH), pop(mean, mm, s->NH), dq,
			    dk, dv);
	for (int i = 0; i < s->P * s->n; i++) {
		int p = i / s->n, T = length[i];
		const float *x = part(qkv, p, m) + (size_t)first[i] * ld;
		float *dx = part(dqkv, p, m) + (size_t)first[i] * ld;
		float *o = part(out, p, mo) + (size_t)first[i] * ldo;
		float *kept = part(stat, p, ms) + (size_t)first[i] * 2 * s->NH;

		if (T == 0)
			continue;
		r->cpu->attn_fwd(T, s->NH, s->NKV, s->D, x, x + Q, x + Q + KV, ld, ld, ld, o, ldo,
				 st, scratch);
		r->cpu->attn_bwd(T, s->NH, s->NKV, s->D, x, x + Q, x + Q + KV, ld, ld, ld, o,
				 part(dout, p, mo) + (size_t)first[i] * ldo, ldo, st, dx, dx + Q,
				 dx + Q + KV, scratch);
		for (int t = 0; t < T; t++) /* the CPU keeps (NH, T, 2), the GPU (T, NH, 2) */
			for (int h = 0; h < s->NH; h++)
				memcpy(kept + ((size_t)t * s->NH + h) * 2,
				       st + ((size_t)h * T + t) * 2, 2 * sizeof *st);
	}
	same(r, out);
	same(r, stat);
	same(r, dqkv);
	free(scratch);
	free(st);
}

/* A prompt is stored at once, then two more positions one by one; a query is answered each time. */
static void decoding(struct rig *r, const struct shape *s)
{
	int T_max = s->T + 5, Q = s->NH * s->D, KV = s->NKV * s->D, rows;
	size_t each = r->cpu->kv_floats(T_max, s->NKV, s->D), N = (size_t)s->P * s->n;
	int32_t first[3 * MAX_SEQUENCES], length[3 * MAX_SEQUENCES], zero[3 * MAX_SEQUENCES] = {0};
	int32_t lines[3 * MAX_SEQUENCES], ones[3 * MAX_SEQUENCES], now[3 * MAX_SEQUENCES];
	struct buf *kv, *cache, *bfirst, *blength, *bzero, *blines, *bones, *bnow;
	struct ebb_pop k, v;
	struct ebb_cache c;
	float *scratch = aligned_alloc(
		64, (r->cpu->attn_scratch_floats(T_max, s->NH, s->NKV, s->D) + 16) / 16 * 64);

	lay_out(s, first, length, &rows);
	for (size_t i = 0; i < N; i++) {
		length[i] = length[i] ? length[i] : 1;
		lines[i] = (int32_t)(i % (size_t)s->n);
		ones[i] = 1;
		now[i] = length[i];
	}
	rows += 2;
	begin(r, "decode P=%d n=%d T=%d NH=%d NKV=%d D=%d", s->P, s->n, s->T, s->NH, s->NKV, s->D);
	bfirst = raw(r, "first", first, N * sizeof *first);
	blength = raw(r, "length", length, N * sizeof *length);
	bzero = raw(r, "zero", zero, N * sizeof *zero);
	blines = raw(r, "lines", lines, N * sizeof *lines);
	bones = raw(r, "ones", ones, N * sizeof *ones);
	bnow = raw(r, "now", now, N * sizeof *now);
	kv = noise(r, "kv", (size_t)s->P * rows * 2 * KV, 2.0f);
	cache = noise(r, "cache", N * each, 1.0f);
	expect(r, r->gpu->op.kv_floats(T_max, s->NKV, s->D) == each, "sizes of a cache differ");
	k = v = pop(kv, (size_t)rows * 2 * KV, 2 * KV);
	v.at += KV;
	c = (struct ebb_cache){cache->device, (size_t)s->n * each, each, T_max};
	r->gpu->op.kv_store(r->g, s->P,
			    (struct ebb_sequences){s->n, s->T, bfirst->device, blength->device},
			    s->NKV, s->D, k, v, bzero->device, c);
	for (size_t i = 0; i < N; i++) {
		const float *ki =
			part(kv, (int)i / s->n, (size_t)rows * 2 * KV) + (size_t)first[i] * 2 * KV;

		r->cpu->kv_store(length[i], 0, T_max, s->NKV, s->D, ki, ki + KV, 2 * KV, 2 * KV,
				 host(cache) + i * each);
	}
	same(r, cache);
	for (int step = 0; step < 3; step++) {
		struct buf *x = noise(r, "step", N * (Q + 2 * KV), 2.0f);
		struct buf *out = noise(r, "out", N * Q, 1.0f);
		int ld = Q + 2 * KV;
		size_t m = (size_t)s->n * ld;

		k = v = pop(x, m, ld);
		k.at += Q;
		v.at += Q + KV;
		r->gpu->op.kv_store(r->g, s->P,
				    (struct ebb_sequences){s->n, 1, blines->device, bones->device},
				    s->NKV, s->D, k, v, bnow->device, c);
		r->gpu->op.advance(r->g, (int)N, 1, bnow->device);
		r->gpu->op.attn_decode(r->g, s->P, s->n, s->NH, s->NKV, s->D, pop(x, m, ld), c,
				       bnow->device, pop(out, (size_t)s->n * Q, Q));
		for (size_t i = 0; i < N; i++) {
			const float *xi = host(x) + i * (size_t)ld;
			float *ci = host(cache) + i * each;
			int count;

			r->cpu->kv_store(1, now[i], T_max, s->NKV, s->D, xi + Q, xi + Q + KV, ld,
					 ld, ci);
			count = ++now[i];
			r->cpu->attn_decode(1, T_max, s->NH, s->NKV, s->D, xi, ld,
					    (float *const[]){ci}, &count, host(out) + i * (size_t)Q,
					    Q, scratch);
		}
		same(r, cache);
		same(r, out);
	}
	memcpy(bnow->host, now, N * sizeof *now);
	same(r, bnow);
	free(scratch);
}

/* What cannot be served is refused in words, and later calls still work. */
static void refusals(struct rig *r)
{
	struct ebb_err err = EBB_ERR_INIT;
	struct ebb_pop none = {0};
	struct ebb_sequences s = {1, 4, NULL, NULL};

	begin(r, "refusals");
	r->gpu->op.attn_fwd(r->g, 1, s, 1, 1, 256, none, none, none, none, none);
	expect(r, ebb_gpu_sync(r->gpu, &err) == EBB_EINVAL && strstr(err.text, "256"),
	       "a head of width 256 was not refused: '%s'", err.text);
	s.T = 100000;
	r->gpu->op.attn_fwd(r->g, 1, s, 1, 1, 64, none, none, none, none, none);
	expect(r, ebb_gpu_sync(r->gpu, &err) == EBB_EINVAL && strstr(err.text, "shared memory"),
	       "100000 tokens were not refused: '%s'", err.text);
	expect(r, ebb_gpu_sync(r->gpu, &err) == 0, "a failure was reported twice: '%s'", err.text);
}

void cases_attention(struct rig *r, int small)
{
	for (size_t i = 0; i < (small ? 3 : sizeof shapes / sizeof *shapes); i++) {
		training(r, &shapes[i]);
		decoding(r, &shapes[i]);
	}
	refusals(r);
}
