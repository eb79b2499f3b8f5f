/*
 * Speed next to its limit. Every time is the median of repetitions between two device events, after
 * a warm-up; inputs are random (zeros run faster than data). Exact fp32: the limit of a matrix
 * product is the rate of fused multiply-adds of the ordinary units, measured here.
 */
#include "step.h"

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median milliseconds of one call; each sample holds enough calls to last about 2 ms. */
static double median_ms(struct rig *r, void (*call)(void *ctx), void *ctx)
{
	enum { SAMPLES = 9 };
	double sample[SAMPLES], once;
	int calls;

	call(ctx);
	r->gpu->op.timer_start(r->g);
	call(ctx);
	once = r->gpu->op.timer_stop(r->g);
	calls = once > 0.0 ? (int)(2.0 / once) : 1000;
	calls = calls < 1 ? 1 : calls > 1000 ? 1000 : calls;
	for (int i = 0; i < SAMPLES; i++) {
		r->gpu->op.timer_start(r->g);
		for (int j = 0; j < calls; j++)
			call(ctx);
		sample[i] = r->gpu->op.timer_stop(r->g) / calls;
	}
	no_failure(r);
	qsort(sample, SAMPLES, sizeof *sample, ascending);
	return sample[SAMPLES / 2];
}

struct task {
	struct rig *r;
	struct policy *o;
	struct ebb_gpu_graph *graph;
	int P, M, N, K, kind;
	struct ebb_pop a, b, c;
	void *to, *from;
	size_t bytes;
	double flops;
};

static void do_fma(void *ctx)
{
	struct task *t = ctx;

	t->flops = t->r->gpu->op.fma_loop(t->r->g, 20000);
}

static void do_copy(void *ctx)
{
	struct task *t = ctx;

	t->r->gpu->op.copy(t->r->g, t->to, t->from, t->bytes);
}

static void do_product(void *ctx)
{
	struct task *t = ctx;
	struct ebb_pop none = {0};
	struct ebb_count M = {t->M, NULL};

	if (t->kind == 0)
		t->r->gpu->op.gemm_nn(t->r->g, t->P, M, t->N, t->K, t->a, t->b, t->c, none, none);
	else if (t->kind == 1)
		t->r->gpu->op.gemm_nt(t->r->g, t->P, M, t->N, t->K, t->a, t->b, t->c, none, none);
	else
		t->r->gpu->op.gemm_tn(t->r->g, t->P, M, t->N, t->K, t->a, t->c, t->b);
}

static double limits(struct rig *r, double *bandwidth)
{
	struct task t = {.r = r, .bytes = (size_t)2 << 30};
	double ms, peak;

	ms = median_ms(r, do_fma, &t);
	peak = 1e-9 * t.flops / ms;
	t.to = r->gpu->op.device_alloc(r->g, t.bytes);
	t.from = r->gpu->op.device_alloc(r->g, t.bytes);
	ms = median_ms(r, do_copy, &t);
	*bandwidth = 2e-6 * (double)t.bytes / ms;
	r->gpu->op.device_free(r->g, t.to);
	r->gpu->op.device_free(r->g, t.from);
	printf("\nlimits: fused multiply-adds %.1f TFLOP/s, device copy %.0f GB/s (read + write)\n",
	       peak, *bandwidth);
	return peak;
}

static void products(struct rig *r, double peak)
{
	static const int width[] = {64, 128, 256};
	static const char *const name[] = {"nn", "nt", "tn"};
	enum { P = 64, M = 2048 };

	begin(r, "timing of products");
	printf("\nmatrix products, P=%d members, M=%d rows: TFLOP/s (%% of the measured peak)\n", P,
	       M);
	printf("%5s %5s %18s %18s %18s\n", "K", "N", name[0], name[1], name[2]);
	for (int i = 0; i < 9; i++) {
		int K = width[i / 3], N = width[i % 3];
		struct task t = {.r = r, .P = P, .M = M, .N = N, .K = K};
		struct buf *a, *b, *c;

		begin(r, "timing of products K=%d N=%d", K, N);
		a = noise(r, "a", (size_t)P * M * K, 1.0f);
		b = noise(r, "b", (size_t)P * K * N, 1.0f);
		c = noise(r, "c", (size_t)P * M * N, 1.0f);
		printf("%5d %5d", K, N);
		for (t.kind = 0; t.kind < 3; t.kind++) {
			double ms, rate;

			t.a = pop(a, (size_t)M * K, K);
			t.b = pop(b, (size_t)K * N, t.kind == 1 ? K : N);
			t.c = pop(c, (size_t)M * N, N);
			ms = median_ms(r, do_product, &t);
			rate = 2e-9 * P * M * (double)N * K / ms;
			printf("    %6.1f (%5.1f %%)", rate, 100.0 * rate / peak);
		}
		putchar('\n');
		fflush(stdout);
	}
}

static void do_decode(void *ctx)
{
	policy_decode(((struct task *)ctx)->o);
}

static void do_train(void *ctx)
{
	policy_train(((struct task *)ctx)->o);
}

static void do_replay(void *ctx)
{
	struct task *t = ctx;

	t->r->gpu->op.graph_replay(t->r->g, t->graph);
}

/* Positions must not run out of the cache, so a call is a whole sequence of T tokens. */
static void do_sequence(void *ctx)
{
	struct task *t = ctx;

	policy_reset(t->o);
	for (int i = 0; i < t->o->T; i++)
		(t->graph ? do_replay : do_decode)(ctx);
}

static void decoding(struct rig *r)
{
	static const int members[] = {1, 4, 16, 64, 256};
	enum { SEQUENCES = 16, T = 64 };

	printf("\ndecoding, default policy (2 layers, width 64), %d sequences a member, %d "
	       "positions: a "
	       "step of all members\n",
	       SEQUENCES, T);
	printf("%5s %12s %12s %8s %16s %14s\n", "P", "eager us", "graph us", "ratio", "tokens/s",
	       "ns/token");
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct policy o;
		struct task t = {.r = r, .o = &o};
		double eager, replay, tokens;

		begin(r, "timing of decoding P=%d", members[i]);
		policy_open(&o, r, members[i], SEQUENCES, T, 0, 0);
		eager = 1e3 * median_ms(r, do_sequence, &t) / T;
		policy_reset(&o);
		r->gpu->op.capture_begin(r->g);
		policy_decode(&o);
		t.graph = r->gpu->op.capture_end(r->g);
		no_failure(r);
		replay = 1e3 * median_ms(r, do_sequence, &t) / T;
		tokens = (double)members[i] * SEQUENCES;
		printf("%5d %12.1f %12.1f %8.2f %16.0f %14.2f\n", members[i], eager, replay,
		       eager / replay, 1e6 * tokens / replay, 1e3 * replay / tokens);
		fflush(stdout);
		r->gpu->op.graph_free(r->g, t.graph);
		policy_close(&o);
	}
}

static void training(struct rig *r, double peak)
{
	static const int members[] = {1, 4, 16, 64, 256};
	enum { SEQUENCES = 32, T = 64 };
	double one = 0.0;

	printf("\ntraining step (forward, head, backward, AdamW), %d x %d rows a member\n",
	       SEQUENCES, T);
	printf("%5s %12s %12s %14s %16s %10s %10s %8s\n", "P", "eager us", "graph us", "over P=1",
	       "tokens/s", "TFLOP/s", "of peak", "GB");
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct policy o;
		struct task t = {.r = r, .o = &o};
		double eager, replay, rate;

		begin(r, "timing of training P=%d", members[i]);
		policy_open(&o, r, members[i], SEQUENCES, T, 0, 1);
		eager = 1e3 * median_ms(r, do_train, &t);
		r->gpu->op.capture_begin(r->g);
		policy_train(&o);
		t.graph = r->gpu->op.capture_end(r->g);
		no_failure(r);
		replay = 1e3 * median_ms(r, do_replay, &t);
		one = i == 0 ? replay : one;
		rate = 1e-6 * policy_train_flops(&o) / replay;
		printf("%5d %12.1f %12.1f %14.2f %16.0f %10.2f %8.1f %% %8.2f\n", members[i], eager,
		       replay, replay / one, 1e6 * members[i] * (double)o.M / replay, rate,
		       100.0 * rate / peak, 1e-9 * (double)o.bytes);
		fflush(stdout);
		r->gpu->op.graph_free(r->g, t.graph);
		policy_close(&o);
	}
}

struct piece {
	struct policy *o;
	int which;
};

/* One operation of the training step, on layer 1's operands. */
static void do_piece(void *ctx)
{
	struct piece *c = ctx;
	struct policy *o = c->o;
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct ebb_gpu_device *g = o->r->g;
	struct layer *a = &o->layer[1];
	struct ebb_count M = {o->M, NULL};
	struct ebb_sequences s = {o->n, o->T, o->first, o->row_length};
	size_t m = (size_t)o->M;
	int P = o->P, C = o->C, F = o->F, V = o->V;
	struct ebb_pop none = {0}, q = {a->qkv, 3 * m * (size_t)C, 3 * C, 0}, k = q, v = q;
	struct ebb_pop x = {a->x, m * (size_t)C, C, 0}, y = {a->norm1, m * (size_t)C, C, 0};
	struct ebb_pop rstd = {a->rstd1, m, 1, 0}, stat = {a->stat, 2 * m * o->NH, 2 * o->NH, 0};
	struct ebb_pop att = {a->att, m * (size_t)C, C, 0}, datt = {o->datt, m * (size_t)C, C, 0};
	struct ebb_pop dq = {o->dqkv, 3 * m * (size_t)C, 3 * C, 0}, dk = dq, dv = dq;
	struct ebb_pop mean = {o->mean, m * (size_t)o->NH, o->NH, 0};
	struct ebb_pop w = {o->w, o->n_weights, C, 0}, dw = {o->grad, o->n_weights, C, 0};
	struct ebb_pop gu = {a->gu, 2 * m * (size_t)F, 2 * F, 0},
		       h = {a->hidden, m * (size_t)F, F, 0};
	struct ebb_pop dgu = {o->dgu, 2 * m * (size_t)F, 2 * F, 0};
	struct ebb_pop dh = {o->dhidden, m * (size_t)F, F, 0},
		       z = {o->logits, m * (size_t)V, V, 0};

	k.at += C;
	v.at += 2 * C;
	dk.at += C;
	dv.at += 2 * C;
	switch (c->which) {
	case 0:
		op->rmsnorm_fwd(g, P, M, 1, C, 1e-6f, x, w, y, rstd);
		break;
	case 1:
		op->rmsnorm_bwd(g, P, M, 1, C, x, w, rstd, y, datt, 0, dw);
		break;
	case 2:
		op->rope(g, P, M, 2 * o->NH, o->D, q, o->row_position, o->cosine, o->sine, 0);
		break;
	case 3:
		op->attn_fwd(g, P, s, o->NH, o->NH, o->D, q, k, v, att, stat);
		break;
	case 4:
		op->attn_bwd(g, P, s, o->NH, o->NH, o->D, q, k, v, att, datt, stat, mean, dq, dk, dv);
		break;
	case 5:
		op->swiglu_fwd(g, P, M, F, gu, h);
		break;
	case 6:
		op->swiglu_bwd(g, P, M, F, gu, dh, dgu);
		break;
	case 7:
		op->embed_bwd(g, P, M, V, C, o->row_token, x, dw);
		break;
	case 8:
		op->head_fwd(g, P, M, V, z, o->row_target, o->tau, none, o->logp, o->entropy, NULL,
			     NULL, o->hstat);
		break;
	case 9:
		op->sum_squares(g, P, o->n_weights, 65536, dw, o->partial, o->norm);
		break;
	default:
		op->adamw(g, P, o->n_weights, w, dw, (struct ebb_pop){o->m, o->n_weights, 0, 0},
			  (struct ebb_pop){o->v, o->n_weights, 0, 0}, o->adamw, 1);
	}
}

/* Where the training step's time goes besides the products. */
static void pieces(struct rig *r, double bandwidth)
{
	static const char *const name[] = {"rmsnorm_fwd", "rmsnorm_bwd", "rope",       "attn_fwd",
					   "attn_bwd",    "swiglu_fwd",  "swiglu_bwd", "embed_bwd",
					   "head_fwd",    "sum_squares", "adamw"};
	/* floats a row that must move at least once (attention: also the products) */
	static const double floats[] = {2, 3, 4, 4, 8, 6, 10, 1, 1, 0, 0};
	enum { P = 64, SEQUENCES = 32, T = 64 };
	struct policy o;

	begin(r, "timing of operations");
	policy_open(&o, r, P, SEQUENCES, T, 0, 1);
	printf("\noperations of that step, P=%d: microseconds, and GB/s of the least traffic (of "
	       "%.0f)\n",
	       P, bandwidth);
	for (int i = 0; i < (int)(sizeof name / sizeof *name); i++) {
		struct piece c = {&o, i};
		double us = 1e3 * median_ms(r, do_piece, &c);
		double bytes = 4.0 * P *
			       (i >= 9 ? (i == 9 ? 1.0 : 7.0) * (double)o.n_weights
				       : floats[i] * o.C * (double)o.M);

		printf("  %-12s %10.1f us %10.0f GB/s\n", name[i], us, 1e-3 * bytes / us);
	}
	policy_close(&o);
}

void bench(struct rig *r)
{
	double bandwidth, peak = limits(r, &bandwidth);

	products(r, peak);
	decoding(r);
	training(r, peak);
	pieces(r, bandwidth);
	begin(r, "end of timings");
}
