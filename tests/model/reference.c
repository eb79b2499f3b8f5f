#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "model/reference.h"

static const double *tensor_of(const struct ebb_layout *layout, const double *flat,
			       const char *name, int l)
{
	const struct ebb_tensor *t = ebb_layout_find(layout, name, l);

	return t != NULL ? flat + t->offset : NULL;
}

/* y (M, N) = x (M, K) w (K, N) */
static void product(int M, int N, int K, const double *x, const double *w, double *y)
{
	for (int i = 0; i < M; i++)
		for (int j = 0; j < N; j++) {
			double sum = 0.0;

			for (int k = 0; k < K; k++)
				sum += x[i * K + k] * w[k * N + j];
			y[i * N + j] = sum;
		}
}

static void norm_vector(int n, double eps, const double *x, const double *w, double *y)
{
	double sum = 0.0, r;

	for (int j = 0; j < n; j++)
		sum += x[j] * x[j];
	r = 1.0 / sqrt(sum / n + eps);
	for (int j = 0; j < n; j++)
		y[j] = x[j] * r * w[j];
}

static void rotate(int D, double theta, int position, double *x)
{
	for (int i = 0; i < D / 2; i++) {
		double angle = position * pow(theta, -2.0 * i / D), a = x[i], b = x[i + D / 2];

		x[i] = a * cos(angle) - b * sin(angle);
		x[i + D / 2] = b * cos(angle) + a * sin(angle);
	}
}

/* qkv (n, (NH + 2 NKV) D) to out (n, NH D); weight has room for n. */
static void attend(const struct ebb_model *m, int n, const double *qkv, double *out, double *weight)
{
	int D = m->D, row = (m->NH + 2 * m->NKV) * D;

	for (int t = 0; t < n; t++)
		for (int h = 0; h < m->NH; h++) {
			const double *q = qkv + t * row + h * D;
			int hk = h * m->NKV / m->NH;
			double most = -INFINITY, sum = 0.0;

			for (int s = 0; s <= t; s++) {
				const double *k = qkv + s * row + (m->NH + hk) * D;

				weight[s] = 0.0;
				for (int d = 0; d < D; d++)
					weight[s] += q[d] * k[d] / sqrt(D);
				most = fmax(most, weight[s]);
			}
			for (int s = 0; s <= t; s++)
				sum += weight[s] = exp(weight[s] - most);
			for (int d = 0; d < D; d++) {
				double *o = out + (t * m->NH + h) * D + d;

				*o = 0.0;
				for (int s = 0; s <= t; s++)
					*o += weight[s] / sum *
					      qkv[s * row + (m->NH + m->NKV + hk) * D + d];
			}
		}
}

void reference_logits(const struct ebb_layout *layout, const double *flat, const int32_t *token,
		      int n, double *logits, double *value)
{
	const struct ebb_model *m = &layout->model;
	int C = m->C, F = m->F, D = m->D, Q = m->NH * D, QKV = (m->NH + 2 * m->NKV) * D;
	double *x = calloc((size_t)n * (3 * C + QKV + Q + 3 * F + 1), sizeof *x);
	double *norm = x + n * C, *delta = norm + n * C, *qkv = delta + n * C;
	double *att = qkv + n * QKV, *gate_up = att + n * Q, *hidden = gate_up + 2 * n * F;
	double *weight = hidden + n * F;
	const double *head = tensor_of(layout, flat, m->tied ? "embed" : "head", -1);

	for (int t = 0; t < n; t++)
		memcpy(x + t * C, tensor_of(layout, flat, "embed", -1) + token[t] * C,
		       C * sizeof *x);
	for (int l = 0; l < m->L; l++) {
		for (int t = 0; t < n; t++)
			norm_vector(C, m->norm_eps, x + t * C,
				    tensor_of(layout, flat, "attn_norm", l), norm + t * C);
		product(n, QKV, C, norm, tensor_of(layout, flat, "qkv", l), qkv);
		for (int t = 0; t < n; t++) {
			double *row = qkv + t * QKV;

			for (int j = 0; m->qkv_bias && j < QKV; j++)
				row[j] += tensor_of(layout, flat, "qkv_bias", l)[j];
			for (int h = 0; h < m->NH + m->NKV; h++) {
				if (m->qk_norm)
					norm_vector(D, m->norm_eps, row + h * D,
						    tensor_of(layout, flat,
							      h < m->NH ? "q_norm" : "k_norm", l),
						    row + h * D);
				rotate(D, m->rope_theta, t, row + h * D);
			}
		}
		attend(m, n, qkv, att, weight);
		product(n, C, Q, att, tensor_of(layout, flat, "attn_out", l), delta);
		for (int i = 0; i < n * C; i++)
			x[i] += delta[i];
		for (int t = 0; t < n; t++)
			norm_vector(C, m->norm_eps, x + t * C,
				    tensor_of(layout, flat, "ffn_norm", l), norm + t * C);
		product(n, 2 * F, C, norm, tensor_of(layout, flat, "gate_up", l), gate_up);
		for (int t = 0; t < n; t++)
			for (int j = 0; j < F; j++) {
				double g = gate_up[t * 2 * F + j];

				hidden[t * F + j] =
					g / (1.0 + exp(-g)) * gate_up[t * 2 * F + F + j];
			}
		product(n, C, F, hidden, tensor_of(layout, flat, "down", l), delta);
		for (int i = 0; i < n * C; i++)
			x[i] += delta[i];
	}
	for (int t = 0; t < n; t++) {
		norm_vector(C, m->norm_eps, x + t * C, tensor_of(layout, flat, "final_norm", -1),
			    norm);
		if (m->value && value != NULL) {
			value[t] = *tensor_of(layout, flat, "value_bias", -1);
			for (int k = 0; k < C; k++)
				value[t] += norm[k] * tensor_of(layout, flat, "value", -1)[k];
		}
		for (int j = 0; j < m->V; j++) {
			logits[t * m->V + j] = 0.0;
			for (int k = 0; k < C; k++)
				logits[t * m->V + j] += norm[k] * head[j * C + k];
		}
	}
	free(x);
}

static double log_sum_exp(int V, double tau, const double *logits)
{
	double most = -INFINITY, sum = 0.0;

	for (int j = 0; j < V; j++)
		most = fmax(most, logits[j] / tau);
	for (int j = 0; j < V; j++)
		sum += exp(logits[j] / tau - most);
	return most + log(sum);
}

struct reference_judgement reference_judge(int V, double tau, const double *logits,
					   const double *ref, int target)
{
	struct reference_judgement j = {0};
	double log_z = log_sum_exp(V, tau, logits), ref_z = 0.0;

	j.logp = logits[target] / tau - log_z;
	if (ref != NULL) {
		ref_z = log_sum_exp(V, tau, ref);
		j.logp_ref = ref[target] / tau - ref_z;
	}
	for (int i = 0; i < V; i++) {
		double logp = logits[i] / tau - log_z;

		j.entropy -= exp(logp) * logp;
		if (ref != NULL)
			j.kl += exp(logp) * (logp - (ref[i] / tau - ref_z));
		j.moment[0] += logits[i] / V;
	}
	for (int i = 0; i < V; i++)
		for (int k = 1; k < 4; k++)
			j.moment[k] += pow(logits[i] - j.moment[0], k + 1) / V;
	return j;
}
