/*
 * The fast modes against the plain formula in double. Products: with the factors rounded as the mode
 * rounds them the rest must be fp32's own error; a mode whose rounding is the library's own (tf32) may
 * err by twice what rounding both factors can do. Attention: at most twice the error of the same
 * formula with its factors rounded to bf16, both against double.
 */
#include "rig.h"

static float rounded(float x, int bits)
{
	union {
		float f;
		uint32_t u;
	} v = {x};
	const uint32_t half = 1u << (bits - 1);

	v.u += half - 1 + (v.u >> bits & 1);
	v.u &= ~(2 * half - 1);
	return v.f;
}

static float bf16(float x)
{
	return rounded(x, 16);
}

/* One of the three products of a member; which: 0 nn, 1 nt, 2 tn. */
static void product(struct rig *r, enum ebb_gpu_precision mode, int which, int P, int M, int N, int K,
		    int cut)
{
	const int rows_w = which == 1 ? N : which == 2 ? M : K, cols_w = which == 1 ? K : N;
	const int rows_y = which == 2 ? K : M, ldx = K + 8, ldw = cols_w + 8, ldy = N + 8;
	const size_t mx = (size_t)M * ldx, mw = (size_t)rows_w * ldw, my = (size_t)rows_y * ldy;
	struct buf *x, *w, *y, *bias, *res, *of;
	int32_t counts[3];
	float *before;
	double worst = 0;
	struct ebb_pop none = {0};

	begin(r, "%s %s P=%d M=%d N=%d K=%d cut=%d", mode == EBB_GPU_BF16 ? "bf16" : "tf32",
	      which == 0   ? "nn"
	      : which == 1 ? "nt"
			   : "tn",
	      P, M, N, K, cut);
	for (int p = 0; p < P; p++)
		counts[p] = M - p * cut;
	of = raw(r, "of", counts, (size_t)P * sizeof *counts);
	x = noise(r, "x", (size_t)P * mx, 1.0f);
	w = noise(r, "w", (size_t)P * mw, 1.0f);
	y = noise(r, "y", (size_t)P * my, 1.0f);
	bias = noise(r, "bias", (size_t)P * N, 1.0f);
	res = noise(r, "residual", (size_t)P * my, 1.0f);
	before = ebb_xcalloc((size_t)P * my, sizeof *before);
	memcpy(before, y->host, (size_t)P * my * sizeof *before);
	r->gpu->op.precision(r->g, mode);
	if (which == 0)
		r->gpu->op.gemm_nn(r->g, P, (struct ebb_count){M, of->device}, N, K,
				   pop(x, mx, ldx), pop(w, mw, ldw), pop(y, my, ldy),
				   pop(bias, (size_t)N, N), pop(res, my, ldy));
	else if (which == 1)
		r->gpu->op.gemm_nt(r->g, P, (struct ebb_count){M, of->device}, N, K,
				   pop(x, mx, ldx), pop(w, mw, ldw), pop(y, my, ldy), none, none);
	else
		r->gpu->op.gemm_tn(r->g, P, (struct ebb_count){M, of->device}, N, K,
				   pop(x, mx, ldx), pop(w, mw, ldw), pop(y, my, ldy));
	r->gpu->op.precision(r->g, EBB_GPU_FP32);
	r->gpu->op.download(r->g, y->host, y->device, y->bytes);
	no_failure(r);
	for (int p = 0; p < P; p++) {
		const float *xp = part(x, p, mx), *wp = part(w, p, mw);

		for (int i = 0; i < (which == 2 ? K : counts[p]); i++)
			for (int j = 0; j < N; j++) {
				const size_t at = (size_t)p * my + (size_t)i * ldy + j;
				const int terms = which == 2 ? counts[p] : K;
				double sum = 0, size = 0, off;

				for (int k = 0; k < terms; k++) {
					float a = which == 2 ? xp[(size_t)k * ldx + i]
							     : xp[(size_t)i * ldx + k];
					float b = which == 1 ? wp[(size_t)j * ldw + k]
							     : wp[(size_t)k * ldw + j];

					if (mode == EBB_GPU_BF16) {
						a = bf16(a);
						b = bf16(b);
					}
					sum += (double)a * b;
					size += fabs((double)a * b);
				}
				if (which == 0)
					sum += (double)host(bias)[p * N + j] + host(res)[at];
				if (which == 2)
					sum += before[at];
				off = fabs(host(y)[at] - sum) /
				      ((mode == EBB_GPU_BF16 ? 0x1p-23 * (terms + 4)
								   : 2 * 0x1p-10) *
				       (size + fabs(sum) + 1e-3));
				worst = off > worst ? off : worst;
			}
	}
	free(before);
	expect(r, worst <= 1.0, "an error of %.2f times what it may be", worst);
}

/* One head's attention in double; round: factors of every product in bf16. */
static void attention(int T, int D, const float *q, const float *k, const float *v, int ld,
		      const float *dout, int ldo, int round, double *out, double *dq, double *dk,
		      double *dv)
{
	double *p = ebb_xcalloc((size_t)T, sizeof *p), *dp = ebb_xcalloc((size_t)T, sizeof *dp);
#define R(x) (round ? (double)bf16((float)(x)) : (double)(x))

	memset(dk, 0, (size_t)T * D * sizeof *dk);
	memset(dv, 0, (size_t)T * D * sizeof *dv);
	memset(dq, 0, (size_t)T * D * sizeof *dq);
	memset(out, 0, (size_t)T * D * sizeof *out);
	for (int i = 0; i < T; i++) {
		double top = -1e30, sum = 0, mean = 0;

		for (int j = 0; j <= i; j++) {
			p[j] = dp[j] = 0;
			for (int d = 0; d < D; d++) {
				p[j] += R(q[(size_t)i * ld + d]) * R(k[(size_t)j * ld + d]);
				dp[j] += R(dout[(size_t)i * ldo + d]) * R(v[(size_t)j * ld + d]);
			}
			p[j] /= sqrt(D);
			top = p[j] > top ? p[j] : top;
		}
		for (int j = 0; j <= i; j++)
			sum += p[j] = exp(p[j] - top);
		for (int j = 0; j <= i; j++) {
			p[j] /= sum;
			mean += p[j] * dp[j];
		}
		for (int j = 0; j <= i; j++) {
			const double ds = R(p[j] * (dp[j] - mean) / sqrt(D));

			for (int d = 0; d < D; d++) {
				out[i * D + d] += R(p[j]) * R(v[(size_t)j * ld + d]);
				dv[j * D + d] += R(p[j]) * R(dout[(size_t)i * ldo + d]);
				dq[i * D + d] += ds * R(k[(size_t)j * ld + d]);
				dk[j * D + d] += ds * R(q[(size_t)i * ld + d]);
			}
		}
	}
#undef R
	free(p);
	free(dp);
}

/* Root mean square distance of x from the truth. */
static double distance(int T, int D, const double *truth, const double *other, const float *x,
		       int ld)
{
	double sum = 0;

	for (int i = 0; i < T; i++)
		for (int d = 0; d < D; d++) {
			double a = other ? other[i * D + d] : (double)x[(size_t)i * ld + d];

			sum += (a - truth[i * D + d]) * (a - truth[i * D + d]);
		}
	return sqrt(sum / (T * D));
}

/* n sequences of different lengths, as many key heads as query heads. */
static void attend(struct rig *r, int P, int n, int T, int NH, int D)
{
	const int Q = NH * D, ld = 3 * Q, rows = n * (T + 1);
	const size_t m = (size_t)rows * ld, mo = (size_t)rows * Q, ms = (size_t)rows * 2 * NH;
	int32_t first[8], length[8];
	struct buf *qkv, *out, *dout, *stat, *mean, *dqkv, *bf, *bl;
	struct ebb_pop q, dq;
	struct ebb_sequences seq;
	double *truth[4], *plain[4], worst = 0;

	begin(r, "bf16 attention P=%d n=%d T=%d NH=%d D=%d", P, n, T, NH, D);
	for (int i = 0; i < P * n; i++) {
		first[i] = i % n * (T + 1);
		length[i] = i == P * n - 1 && i > 0 ? 0 : T - i * T / 4;
	}
	bf = raw(r, "first", first, (size_t)P * n * sizeof *first);
	bl = raw(r, "length", length, (size_t)P * n * sizeof *length);
	qkv = noise(r, "qkv", (size_t)P * m, 1.5f);
	out = noise(r, "out", (size_t)P * mo, 1.0f);
	dout = noise(r, "dout", (size_t)P * mo, 1.0f);
	dqkv = noise(r, "dqkv", (size_t)P * m, 1.0f);
	stat = raw(r, "stat", NULL, (size_t)P * ms * sizeof(float));
	mean = raw(r, "mean", NULL, (size_t)P * rows * NH * sizeof(float));
	q = pop(qkv, m, ld);
	dq = pop(dqkv, m, ld);
	seq = (struct ebb_sequences){n, T, bf->device, bl->device};
	r->gpu->op.precision(r->g, EBB_GPU_BF16);
	r->gpu->op.attn_fwd(r->g, P, seq, NH, NH, D, q, (struct ebb_pop){q.at + Q, m, ld, 0},
			    (struct ebb_pop){q.at + 2 * Q, m, ld, 0}, pop(out, mo, Q),
			    pop(stat, ms, 2 * NH));
	r->gpu->op.attn_bwd(
		r->g, P, seq, NH, NH, D, q, (struct ebb_pop){q.at + Q, m, ld, 0},
		(struct ebb_pop){q.at + 2 * Q, m, ld, 0}, pop(out, mo, Q), pop(dout, mo, Q),
		pop(stat, ms, 2 * NH), pop(mean, (size_t)rows * NH, NH), dq,
		(struct ebb_pop){dq.at + Q, m, ld, 0}, (struct ebb_pop){dq.at + 2 * Q, m, ld, 0});
	r->gpu->op.precision(r->g, EBB_GPU_FP32);
	r->gpu->op.download(r->g, out->host, out->device, out->bytes);
	r->gpu->op.download(r->g, dqkv->host, dqkv->device, dqkv->bytes);
	no_failure(r);
	for (int k = 0; k < 4; k++) {
		truth[k] = ebb_xcalloc((size_t)T * D, sizeof(double));
		plain[k] = ebb_xcalloc((size_t)T * D, sizeof(double));
	}
	for (int i = 0; i < P * n; i++)
		for (int h = 0; h < NH && length[i] > 0; h++) {
			const float *x = part(qkv, i / n, m) + (size_t)first[i] * ld + h * D;
			const float *g = part(dout, i / n, mo) + (size_t)first[i] * Q + h * D;
			const float *dx = part(dqkv, i / n, m) + (size_t)first[i] * ld + h * D;
			const float *got[4] = {part(out, i / n, mo) + (size_t)first[i] * Q + h * D,
					       dx, dx + Q, dx + 2 * Q};

			attention(length[i], D, x, x + Q, x + 2 * Q, ld, g, Q, 0, truth[0],
				  truth[1], truth[2], truth[3]);
			attention(length[i], D, x, x + Q, x + 2 * Q, ld, g, Q, 1, plain[0],
				  plain[1], plain[2], plain[3]);
			for (int k = 0; k < 4; k++) {
				double may = distance(length[i], D, truth[k], plain[k], NULL, 0);
				double off = distance(length[i], D, truth[k], NULL, got[k],
						      k == 0 ? Q : ld);

				off /= 2 * may + 1e-6;
				worst = off > worst ? off : worst;
			}
		}
	for (int k = 0; k < 4; k++) {
		free(truth[k]);
		free(plain[k]);
	}
	expect(r, worst <= 1.0, "an error of %.2f times what it may be", worst);
}

void cases_fast(struct rig *r, int small)
{
	struct ebb_err err = EBB_ERR_INIT;

	begin(r, "a fast mode");
	r->gpu->op.precision(r->g, EBB_GPU_TF32);
	r->gpu->op.precision(r->g, EBB_GPU_FP32);
	if (ebb_gpu_sync(r->gpu, &err) < 0) {
		printf("no fast modes: %s\n", err.text);
		return;
	}
	for (int which = 0; which < 3; which++)
		for (int mode = EBB_GPU_TF32; mode <= EBB_GPU_BF16; mode++) {
			product(r, mode, which, 2, 24, 16, 32, 8);
			if (small)
				continue;
			product(r, mode, which, 1, 64, 64, 64, 0);
			product(r, mode, which, 3, 40, 24, 72, 16);
		}
	attend(r, 2, 2, 20, 2, 16);
	if (small)
		return;
	attend(r, 1, 1, 64, 1, 64);
	attend(r, 1, 2, 150, 2, 24);
	attend(r, 2, 1, 70, 1, 96);
}
