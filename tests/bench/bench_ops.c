/*
 * How fast the operations are on one core: share of the multiplier peak for matrix products and
 * attention, nanoseconds for the rest. Each figure is the best of a few short passes, since other
 * programs may share the core. Arguments: instances to measure; none: all this processor has.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tensor/cpu/isa.h"

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *some(size_t n)
{
	float *x = aligned_alloc(64, (n + 16) / 16 * 64);

	if (!x) {
		fprintf(stderr, "bench_ops: out of memory\n");
		exit(1);
	}
	for (size_t i = 0; i < n; i++)
		x[i] = (float)((i * 2654435761u) % 1000) * 2e-3f - 1.0f;
	return x;
}

/* Seconds of one run of `work`: the best of five passes of about 6 ms. */
static double seconds(void (*work)(void *ctx), void *ctx)
{
	double best = 1e9, start, t;
	int repeat = 1;

	for (;;) {
		start = now_s();
		for (int i = 0; i < repeat; i++)
			work(ctx);
		t = now_s() - start;
		if (t > 2e-3)
			break;
		repeat *= 2;
	}
	repeat = (int)(repeat * 6e-3 / t) + 1;
	for (int pass = 0; pass < 5; pass++) {
		start = now_s();
		for (int i = 0; i < repeat; i++)
			work(ctx);
		t = (now_s() - start) / repeat;
		best = t < best ? t : best;
	}
	return best;
}

struct product {
	const struct ebb_ops *ops;
	int M, N, K;
	float *x, *w, *panel, *y;
};

static void do_gemm(void *ctx)
{
	struct product *p = ctx;

	p->ops->gemm(p->M, p->N, p->K, p->x, p->K, p->panel, p->y, p->N, NULL, NULL);
}

static void do_gemm_tn(void *ctx)
{
	struct product *p = ctx;

	p->ops->gemm_tn(p->M, p->N, p->K, p->x, p->K, p->y, p->N, p->w, p->N);
}

static void do_pack(void *ctx)
{
	struct product *p = ctx;

	p->ops->pack(p->K, p->N, p->w, 0, p->panel);
}

static void do_pack_transposed(void *ctx)
{
	struct product *p = ctx;

	p->ops->pack(p->K, p->N, p->w, 1, p->panel);
}

static void print_rate(double flops_per_s, double peak)
{
	printf("  %5.0f %2.0f%%", 1e-9 * flops_per_s, 1e-7 * flops_per_s / peak);
}

static void products(const struct ebb_ops *ops, double peak)
{
	static const int shape[][2] = {{16, 48},    {24, 24},    {64, 24},   {64, 64},   {64, 192},
				       {64, 256},   {256, 64},   {128, 384}, {512, 128}, {256, 256},
				       {256, 1024}, {1024, 256}, {512, 512}};
	static const int rows[] = {1, 4, 16, 256};

	printf("  %-10s %10s %10s %10s %10s %10s   pack, ns/float\n", "gemm K,N", "M=1", "M=4",
	       "M=16", "M=256", "dW M=256");
	for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
		struct product p = {ops, 256, shape[i][1], shape[i][0], NULL, NULL, NULL, NULL};
		double size = (double)p.K * p.N;

		p.x = some((size_t)p.M * p.K);
		p.w = some((size_t)p.K * p.N);
		p.y = some((size_t)p.M * p.N);
		p.panel = some(ops->panel_floats(p.K, p.N));
		ops->pack(p.K, p.N, p.w, 0, p.panel);
		printf("  %4d,%-4d ", p.K, p.N);
		for (size_t m = 0; m < sizeof rows / sizeof rows[0]; m++) {
			p.M = rows[m];
			print_rate(2.0 * size * p.M / seconds(do_gemm, &p), peak);
		}
		print_rate(2.0 * size * p.M / seconds(do_gemm_tn, &p), peak);
		printf("   %.2f, transposed %.2f\n", 1e9 * seconds(do_pack, &p) / size,
		       1e9 * seconds(do_pack_transposed, &p) / size);
		free(p.x);
		free(p.w);
		free(p.y);
		free(p.panel);
	}
}

struct attention {
	const struct ebb_ops *ops;
	int T, NH, NKV, D, n;
	float *qkv, *out, *dout, *stat, *d, *scratch, **cache;
	int *length;
};

static void do_forward(void *ctx)
{
	struct attention *a = ctx;
	int ld = (a->NH + 2 * a->NKV) * a->D;

	a->ops->attn_fwd(a->T, a->NH, a->NKV, a->D, a->qkv, a->qkv + a->NH * a->D,
			 a->qkv + (a->NH + a->NKV) * a->D, ld, ld, ld, a->out, a->NH * a->D,
			 a->stat, a->scratch);
}

static void do_backward(void *ctx)
{
	struct attention *a = ctx;
	int ld = (a->NH + 2 * a->NKV) * a->D, k = a->NH * a->D, v = (a->NH + a->NKV) * a->D;

	a->ops->attn_bwd(a->T, a->NH, a->NKV, a->D, a->qkv, a->qkv + k, a->qkv + v, ld, ld, ld,
			 a->out, a->dout, a->NH * a->D, a->stat, a->d, a->d + k, a->d + v,
			 a->scratch);
}

static void do_decode(void *ctx)
{
	struct attention *a = ctx;
	int ld = (a->NH + 2 * a->NKV) * a->D;

	a->ops->attn_decode(a->n, a->T, a->NH, a->NKV, a->D, a->qkv, ld, a->cache, a->length,
			    a->out, a->NH * a->D, a->scratch);
}

static void attention(const struct ebb_ops *ops, double peak)
{
	static const int shape[][4] = {{24, 2, 2, 16}, {64, 2, 2, 32},  {64, 4, 2, 32},
				       {64, 8, 4, 32}, {128, 4, 4, 64}, {512, 4, 2, 64}};

	printf("  attention, causal T,NH,NKV,D      forward   backward   decode, 16 caches\n");
	for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
		struct attention a = {ops,  shape[i][0], shape[i][1], shape[i][2], shape[i][3],
				      16,   NULL,        NULL,        NULL,        NULL,
				      NULL, NULL,        NULL,        NULL};
		int width = (a.NH + 2 * a.NKV) * a.D, rows = a.T > a.n ? a.T : a.n;
		double pairs = 0.5 * a.T * (a.T + 1), flops = 4.0 * pairs * a.NH * a.D, t;

		a.qkv = some((size_t)rows * width);
		a.d = some((size_t)rows * width);
		a.out = some((size_t)rows * a.NH * a.D);
		a.dout = some((size_t)rows * a.NH * a.D);
		a.stat = some((size_t)a.NH * a.T * 2);
		a.scratch = some(ops->attn_scratch_floats(a.T, a.NH, a.NKV, a.D));
		a.cache = calloc((size_t)a.n, sizeof *a.cache);
		a.length = calloc((size_t)a.n, sizeof *a.length);
		if (!a.cache || !a.length)
			exit(1);
		for (int j = 0; j < a.n; j++) {
			a.cache[j] = some(ops->kv_floats(a.T, a.NKV, a.D));
			a.length[j] = a.T;
		}
		t = seconds(do_forward, &a);
		printf("  %3d,%d,%d,%-22d", a.T, a.NH, a.NKV, a.D);
		print_rate(flops / t, peak);
		print_rate(2.5 * flops / seconds(do_backward, &a), peak);
		t = seconds(do_decode, &a);
		print_rate(4.0 * a.n * a.T * a.NH * a.D / t, peak);
		printf("  %.0f ns a query head\n", 1e9 * t / (a.n * a.NH));
		for (int j = 0; j < a.n; j++)
			free(a.cache[j]);
		free(a.qkv);
		free(a.d);
		free(a.out);
		free(a.dout);
		free(a.stat);
		free(a.scratch);
		free(a.cache);
		free(a.length);
	}
}

struct rows {
	const struct ebb_cpu_isa *isa;
	int M, V;
	float *x, *y, *w, *row[5];
	int32_t *token;
	double *uniform;
};

static void do_exp(void *ctx)
{
	struct rows *r = ctx;

	r->isa->exp(8192, r->x, r->y);
}

static void do_swiglu_fwd(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.swiglu_fwd(32, 256, r->x, r->y);
}

static void do_swiglu_bwd(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.swiglu_bwd(32, 256, r->x, r->w, r->y);
}

static void do_rmsnorm_fwd(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.rmsnorm_fwd(128, 1, 64, 1e-6f, r->x, 64, r->w, r->y, 64, r->row[0]);
}

static void do_rmsnorm_bwd(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.rmsnorm_bwd(128, 1, 64, r->x, 64, r->w, r->row[0], r->w, 64, r->y, 64, 1,
				r->row[1]);
}

static void do_head_fwd(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.head_fwd(r->M, r->V, r->x, r->V, r->token, 1.0f, NULL, r->row[0], r->row[1],
			     NULL, r->row[2], r->row[3]);
}

static void do_head_bwd(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.head_bwd(r->M, r->V, r->x, r->V, r->token, 1.0f, NULL, r->row[3], r->row[4],
			     r->row[4], NULL, r->y);
}

static void do_draw(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.draw(r->M, r->V, r->x, r->V, 1.0f, 0, 1.0f, r->uniform, r->token, r->row[0],
			 r->y);
}

static void do_draw_top_p(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.draw(r->M, r->V, r->x, r->V, 1.0f, 0, 0.9f, r->uniform, r->token, r->row[0],
			 r->y);
}

static void do_adamw(void *ctx)
{
	struct rows *r = ctx;

	r->isa->ops.adamw(8192, r->y, r->w, r->x, r->row[0], 1.0f, 0.0f, 0.9f, 0.99f, 1.0f, 1.0f,
			  1e-8f, 0.0f);
}

static void elementwise(const struct ebb_cpu_isa *isa)
{
	static const struct {
		const char *name;
		void (*work)(void *ctx);
		double count;
		const char *unit;
	} table[] = {
		{"exp", do_exp, 8192, "ns/element"},
		{"swiglu_fwd", do_swiglu_fwd, 8192, "ns/element"},
		{"swiglu_bwd", do_swiglu_bwd, 8192, "ns/element"},
		{"rmsnorm_fwd", do_rmsnorm_fwd, 8192, "ns/element"},
		{"rmsnorm_bwd", do_rmsnorm_bwd, 8192, "ns/element"},
		{"adamw", do_adamw, 8192, "ns/element"},
		{"head_fwd, V=64", do_head_fwd, 128, "ns/row"},
		{"head_bwd, V=64", do_head_bwd, 128, "ns/row"},
		{"draw, V=64", do_draw, 128, "ns/row"},
		{"draw top_p, V=64", do_draw_top_p, 128, "ns/row"},
	};
	struct rows r = {.isa = isa, .M = 128, .V = 64};

	r.x = some(32 * 512);
	r.y = some(32 * 512);
	r.w = some(8192);
	for (int i = 0; i < 5; i++)
		r.row[i] = some(8192);
	r.token = calloc(128, sizeof *r.token);
	r.uniform = calloc(128, sizeof *r.uniform);
	if (!r.token || !r.uniform)
		exit(1);
	for (int i = 0; i < 32 * 512; i++)
		r.x[i] = -fabsf(r.x[i]);
	for (int i = 0; i < 128; i++)
		r.uniform[i] = (double)((i * 37) % 128) / 128.0;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		for (int j = 0; j < 32 * 512; j++) /* adamw and others wrote there */
			r.y[j] = 0.5f;
		printf("  %-18s %8.2f %s\n", table[i].name,
		       1e9 * seconds(table[i].work, &r) / table[i].count, table[i].unit);
	}
	free(r.x);
	free(r.y);
	free(r.w);
	for (int i = 0; i < 5; i++)
		free(r.row[i]);
	free(r.token);
	free(r.uniform);
}

int main(int argc, char **argv)
{
	int n;
	const struct ebb_cpu_isa *const *isa = ebb_cpu_isas(&n);

	for (int i = 0; i < n; i++) {
		int wanted = argc == 1;
		double peak;

		for (int j = 1; j < argc; j++)
			wanted |= strcmp(argv[j], isa[i]->ops.name) == 0;
		if (!wanted || !ebb_cpu_has(isa[i]))
			continue;
		peak = ebb_cpu_peak_flops(&isa[i]->ops);
		printf("%s: peak %.0f GFLOP/s a core; below: GFLOP/s and share of the peak\n",
		       isa[i]->ops.name, peak);
		products(&isa[i]->ops, peak);
		attention(&isa[i]->ops, peak);
		elementwise(isa[i]);
	}
	return 0;
}
