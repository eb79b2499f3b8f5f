/* Matrix products, row operations, sums and the optimizer: GPU against CPU. */
#include "rig.h"

static const struct {
	int P, M, N, K;
} products[] = {
	/* odd everything; few rows (the decoding tile); one of each; tiles met exactly; big tiles */
	{3, 37, 21, 19},    {1, 7, 33, 70},     {3, 1, 1, 1},      {1, 64, 64, 32},
	{3, 5, 192, 64},    {1, 129, 65, 17},   {3, 130, 100, 16}, {1, 300, 256, 128},
	{2, 4096, 512, 33}, {2, 2048, 640, 48}, {1, 40, 12, 0},
};

/* Members have fewer rows than M: M, M - 1, M / 2, ... */
static struct buf *counts(struct rig *r, int P, int M)
{
	int32_t n[16];

	for (int p = 0; p < P; p++)
		n[p] = p == 0 ? M : p == 1 ? M - 1 : M / p;
	return raw(r, "counts", n, (size_t)P * sizeof *n);
}

static int count_of(const struct buf *n, int p)
{
	return ((const int32_t *)n->host)[p];
}

static void forward_product(struct rig *r, int P, int M, int N, int K, int transposed, int extras,
			    float scale)
{
	int ldx = K + 3 + (4 - (K + 3) % 4) * (extras == 2), ldy = N + 5;
	int ldw = transposed ? K : N;
	size_t mx = (size_t)M * ldx + 8, my = (size_t)M * ldy + 1, mw = (size_t)N * K + 4;
	struct buf *x, *w, *y, *bias, *residual, *n;
	struct ebb_pop none = {0};
	float *panel = aligned_alloc(64, (r->cpu->panel_floats(K, N) + 16) / 16 * 64);

	begin(r, "gemm_%s P=%d M=%d N=%d K=%d extras=%d scale=%g", transposed ? "nt" : "nn", P, M,
	      N, K, extras, (double)scale);
	x = noise(r, "x", (size_t)P * mx, scale);
	w = noise(r, "w", (size_t)P * mw, scale);
	y = noise(r, "y", (size_t)P * my, 1.0f);
	bias = noise(r, "bias", (size_t)P * N, 1.0f);
	residual = extras == 2 ? y : noise(r, "residual", (size_t)P * my, 1.0f);
	n = counts(r, P, M);
	(transposed ? r->gpu->op.gemm_nt : r->gpu->op.gemm_nn)(
		r->g, P, (struct ebb_count){M, n->device}, N, K, pop(x, mx, ldx), pop(w, mw, ldw),
		pop(y, my, ldy), extras ? pop(bias, (size_t)N, N) : none,
		extras ? pop(residual, my, ldy) : none);
	for (int p = 0; p < P; p++) {
		r->cpu->pack(K, N, part(w, p, mw), transposed, panel);
		r->cpu->gemm(count_of(n, p), N, K, part(x, p, mx), ldx, panel, part(y, p, my), ldy,
			     extras ? part(bias, p, (size_t)N) : NULL,
			     extras ? part(residual, p, my) : NULL);
	}
	same(r, y);
	free(panel);
}

static void gradient_product(struct rig *r, int P, int M, int N, int K)
{
	int ldx = K + 1, ldy = N + 3;
	size_t mx = (size_t)M * ldx, my = (size_t)M * ldy, mw = (size_t)K * N + 7;
	struct buf *x, *dy, *dw, *n;

	begin(r, "gemm_tn P=%d M=%d N=%d K=%d", P, M, N, K);
	x = noise(r, "x", (size_t)P * mx, 1.0f);
	dy = noise(r, "dy", (size_t)P * my, 1.0f);
	dw = noise(r, "dw", (size_t)P * mw, 1.0f);
	n = counts(r, P, M);
	r->gpu->op.gemm_tn(r->g, P, (struct ebb_count){M, n->device}, N, K, pop(x, mx, ldx),
			   pop(dy, my, ldy), pop(dw, mw, N));
	for (int p = 0; p < P; p++)
		r->cpu->gemm_tn(count_of(n, p), N, K, part(x, p, mx), ldx, part(dy, p, my), ldy,
				part(dw, p, mw), N);
	same(r, dw);
}

static void column_sum(struct rig *r, int P, int M, int N)
{
	size_t my = (size_t)M * (N + 2);
	struct buf *dy, *db, *n;

	begin(r, "colsum P=%d M=%d N=%d", P, M, N);
	dy = noise(r, "dy", (size_t)P * my, 1.0f);
	db = noise(r, "db", (size_t)P * (N + 1), 1.0f);
	n = counts(r, P, M);
	r->gpu->op.colsum(r->g, P, (struct ebb_count){M, n->device}, N, pop(dy, my, N + 2),
			  pop(db, (size_t)N + 1, N));
	for (int p = 0; p < P; p++)
		r->cpu->colsum(count_of(n, p), N, part(dy, p, my), N + 2,
			       part(db, p, (size_t)N + 1));
	same(r, db);
}

static void norm(struct rig *r, int P, int M, int groups, int C, int add, int in_place)
{
	int ld = groups * C + 3;
	size_t m = (size_t)M * ld, ms = (size_t)M * groups;
	struct buf *x, *w, *y, *rstd, *dy, *dx, *dw, *n;
	struct ebb_count rows;

	begin(r, "rmsnorm P=%d M=%d groups=%d C=%d add=%d in_place=%d", P, M, groups, C, add,
	      in_place);
	x = noise(r, "x", (size_t)P * m, 2.0f);
	w = noise(r, "w", (size_t)P * C, 1.0f);
	y = noise(r, "y", (size_t)P * m, 1.0f);
	rstd = noise(r, "rstd", (size_t)P * ms, 1.0f);
	dy = noise(r, "dy", (size_t)P * m, 1.0f);
	dx = in_place ? dy : noise(r, "dx", (size_t)P * m, 1.0f);
	dw = noise(r, "dw", (size_t)P * C, 1.0f);
	n = counts(r, P, M);
	rows = (struct ebb_count){M, n->device};
	r->gpu->op.rmsnorm_fwd(r->g, P, rows, groups, C, 1e-6f, pop(x, m, ld), pop(w, (size_t)C, C),
			       pop(y, m, ld), pop(rstd, ms, groups));
	r->gpu->op.rmsnorm_bwd(r->g, P, rows, groups, C, pop(x, m, ld), pop(w, (size_t)C, C),
			       pop(rstd, ms, groups), pop(dy, m, ld), pop(dx, m, ld), add,
			       pop(dw, (size_t)C, C));
	for (int p = 0; p < P; p++) {
		r->cpu->rmsnorm_fwd(count_of(n, p), groups, C, 1e-6f, part(x, p, m), ld,
				    part(w, p, (size_t)C), part(y, p, m), ld, part(rstd, p, ms));
		r->cpu->rmsnorm_bwd(count_of(n, p), groups, C, part(x, p, m), ld,
				    part(w, p, (size_t)C), part(rstd, p, ms), part(dy, p, m), ld,
				    part(dx, p, m), ld, add, part(dw, p, (size_t)C));
	}
	same(r, y);
	same(r, rstd);
	same(r, dx);
	same(r, dw);
}

static void rotate(struct rig *r, int P, int M, int heads, int D, int inverse)
{
	enum { POSITIONS = 50 };
	int ld = heads * D + 4;
	size_t m = (size_t)M * ld;
	struct buf *x, *position, *cosine, *sine, *n;

	begin(r, "rope P=%d M=%d heads=%d D=%d inverse=%d", P, M, heads, D, inverse);
	x = noise(r, "x", (size_t)P * m, 1.0f);
	position = integers(r, "position", (size_t)P * M, POSITIONS);
	cosine = noise(r, "cosine", (size_t)POSITIONS * (D / 2), 1.0f);
	sine = noise(r, "sine", (size_t)POSITIONS * (D / 2), 1.0f);
	n = counts(r, P, M);
	r->gpu->op.rope(r->g, P, (struct ebb_count){M, n->device}, heads, D, pop(x, m, ld),
			position->device, cosine->device, sine->device, inverse);
	for (int p = 0; p < P; p++)
		r->cpu->rope(count_of(n, p), heads, D, part(x, p, m), ld,
			     (const int *)position->host + (size_t)p * M, host(cosine), host(sine),
			     inverse);
	same(r, x);
}

static void gated(struct rig *r, int P, int M, int F)
{
	size_t m = (size_t)M * F;
	struct buf *gu, *h, *dh, *dgu;
	struct ebb_count rows = {M, NULL};

	begin(r, "swiglu P=%d M=%d F=%d", P, M, F);
	gu = noise(r, "gu", (size_t)P * 2 * m, 20.0f);
	h = noise(r, "h", (size_t)P * m, 1.0f);
	dh = noise(r, "dh", (size_t)P * m, 1.0f);
	dgu = noise(r, "dgu", (size_t)P * 2 * m, 1.0f);
	r->gpu->op.swiglu_fwd(r->g, P, rows, F, pop(gu, 2 * m, 2 * F), pop(h, m, F));
	r->gpu->op.swiglu_bwd(r->g, P, rows, F, pop(gu, 2 * m, 2 * F), pop(dh, m, F),
			      pop(dgu, 2 * m, 2 * F));
	for (int p = 0; p < P; p++) {
		r->cpu->swiglu_fwd(M, F, part(gu, p, 2 * m), part(h, p, m));
		r->cpu->swiglu_bwd(M, F, part(gu, p, 2 * m), part(dh, p, m), part(dgu, p, 2 * m));
	}
	same(r, h);
	same(r, dgu);
}

static void embedding(struct rig *r, int P, int M, int V, int C)
{
	size_t mt = (size_t)V * C, my = (size_t)M * C;
	struct buf *token, *table, *y, *dtable, *n;
	struct ebb_count rows;

	begin(r, "embed P=%d M=%d V=%d C=%d", P, M, V, C);
	token = integers(r, "token", (size_t)P * M, V);
	table = noise(r, "table", (size_t)P * mt, 1.0f);
	y = noise(r, "y", (size_t)P * my, 1.0f);
	dtable = noise(r, "dtable", (size_t)P * mt, 1.0f);
	n = counts(r, P, M);
	rows = (struct ebb_count){M, n->device};
	r->gpu->op.embed_fwd(r->g, P, rows, C, token->device, pop(table, mt, C), pop(y, my, C));
	r->gpu->op.embed_bwd(r->g, P, rows, V, C, token->device, pop(y, my, C), pop(dtable, mt, C));
	for (int p = 0; p < P; p++) {
		const int32_t *t = (const int32_t *)token->host + (size_t)p * M;

		r->cpu->embed_fwd(count_of(n, p), C, t, part(table, p, mt), part(y, p, my));
		r->cpu->embed_bwd(count_of(n, p), C, t, part(y, p, my), part(dtable, p, mt));
	}
	same(r, y);
	same(r, dtable);
}

static void sums(struct rig *r, int P, size_t n, int lanes, size_t piece)
{
	size_t stride = n + 5, m = stride * (size_t)lanes, pieces = (n + piece - 1) / piece;
	struct buf *lane, *out, *partial, *sum;

	begin(r, "lane_sum, sum_squares P=%d n=%zu lanes=%d piece=%zu", P, n, lanes, piece);
	lane = noise(r, "lane", (size_t)P * m, 1.0f);
	out = noise(r, "out", (size_t)P * n, 1.0f);
	partial = raw(r, "partial", NULL, (size_t)P * pieces * sizeof(double));
	sum = raw(r, "sum", NULL, (size_t)P * sizeof(double));
	r->gpu->op.lane_sum(r->g, P, n, lanes, stride, pop(lane, m, 0), pop(out, n, 0));
	r->gpu->op.sum_squares(r->g, P, n, piece, pop(out, n, 0), partial->device, sum->device);
	for (int p = 0; p < P; p++) {
		double total = 0.0;

		r->cpu->lane_sum(n, lanes, stride, part(lane, p, m), part(out, p, n));
		for (size_t at = 0, i = 0; at < n; at += piece, i++) {
			double one = r->cpu->sum_squares(n - at < piece ? n - at : piece,
							 part(out, p, n) + at);

			((double *)partial->host)[(size_t)p * pieces + i] = one;
			total += one;
		}
		((double *)sum->host)[p] = total;
	}
	same(r, out);
	same(r, partial);
	same(r, sum);
}

static void optimizer(struct rig *r, int P, size_t n, int decays)
{
	struct ebb_adamw_rule rule[4];
	struct buf *w, *grad, *m, *v, *rules;

	begin(r, "adamw P=%d n=%zu decays=%d", P, n, decays);
	w = noise(r, "w", (size_t)P * n, 1.0f);
	grad = noise(r, "grad", (size_t)P * n, 1.0f);
	m = noise(r, "m", (size_t)P * n, 1.0f);
	v = noise(r, "v", (size_t)P * n, 1.0f);
	for (size_t i = 0; i < (size_t)P * n; i++) /* second moments are not negative */
		host(v)[i] = fabsf(host(v)[i]);
	r->gpu->op.upload(r->g, v->device, v->host, v->bytes);
	for (int p = 0; p < P; p++)
		rule[p] = (struct ebb_adamw_rule){.scale = 0.7f + 0.1f * (float)p,
						  .lr = 1e-3f * (float)(p + 1),
						  .b1 = 0.9f,
						  .b2 = 0.95f + 0.01f * (float)p,
						  .c1 = 0.271f,
						  .c2 = 0.1f,
						  .eps = 1e-8f,
						  .decay = 0.01f};
	rules = raw(r, "rules", rule, (size_t)P * sizeof *rule);
	r->gpu->op.adamw(r->g, P, n, pop(w, n, 0), pop(grad, n, 0), pop(m, n, 0), pop(v, n, 0),
			 rules->device, decays);
	for (int p = 0; p < P; p++)
		r->cpu->adamw(n, part(w, p, n), part(grad, p, n), part(m, p, n), part(v, p, n),
			      rule[p].scale, rule[p].lr, rule[p].b1, rule[p].b2, rule[p].c1,
			      rule[p].c2, rule[p].eps, decays ? rule[p].decay : 0.0f);
	same(r, w);
	same(r, m);
	same(r, v);
}

void cases_basic(struct rig *r, int small)
{
	size_t n = sizeof products / sizeof *products;

	for (size_t i = 0; i < (small ? 2 : n); i++) {
		int P = products[i].P, M = products[i].M, N = products[i].N, K = products[i].K;

		for (int extras = 0; extras < 3; extras++) {
			forward_product(r, P, M, N, K, 0, extras, 1.0f);
			forward_product(r, P, M, N, K, 1, extras, 1.0f);
		}
		if (K > 0)
			gradient_product(r, P, M, N, K);
	}
	if (!small) {
		gradient_product(r, 3, 500, 512, 640);
		forward_product(r, 1, 500, 2048, 2048, 0, 1, 1.0f);
	}
	/* terms that round to -0, and subnormal sums */
	forward_product(r, 2, 40, 50, 19, 0, 0, 1e-25f);
	forward_product(r, 2, 9, 50, 19, 1, 0, 1e-25f);
	forward_product(r, 1, 40, 50, 19, 0, 0, 1e-21f);
	for (int P = 1; P <= 3; P += 2) {
		column_sum(r, P, 45, 37);
		norm(r, P, 9, 1, 64, 1, 0);
		norm(r, P, 21, 3, 10, 0, 1);
		norm(r, P, 33, 1, 37, 0, 0);
		rotate(r, P, 11, 3, 10, 0);
		rotate(r, P, 11, 2, 64, 1);
		gated(r, P, 13, 37);
		embedding(r, P, 100, 13, 37);
		sums(r, P, 1003, 3, 1003);
		sums(r, P, 5000, 1, 256);
		optimizer(r, P, 1003, P == 1);
	}
	if (small)
		return;
	column_sum(r, 3, 1000, 200);
	norm(r, 3, 1000, 1, 768, 1, 0);
	rotate(r, 2, 500, 12, 64, 0);
	gated(r, 2, 300, 512);
	embedding(r, 2, 3000, 64, 64);
	sums(r, 2, 100003, 4, 65536);
}
