#include "step.h"

enum { LAYERS = 2, WIDTH = 64, HEADS = 4, FFN = 128, VOCABULARY = 64, PIECE = 65536 };

static void *get(struct policy *o, size_t bytes)
{
	void *p = o->r->gpu->op.device_alloc(o->r->g, bytes);

	if (!p || o->n_owned == (int)(sizeof o->owned / sizeof *o->owned)) {
		no_failure(o->r);
		EBB_BUG("no device memory for %zu bytes", bytes);
	}
	o->r->gpu->op.clear(o->r->g, p, bytes);
	o->bytes += bytes;
	return o->owned[o->n_owned++] = p;
}

static float *floats(struct policy *o, size_t a_row, int rows)
{
	return get(o, (size_t)o->P * (size_t)rows * a_row * sizeof(float));
}

static void put(struct policy *o, void *to, void *from, size_t bytes)
{
	o->r->gpu->op.upload(o->r->g, to, from, bytes);
	no_failure(o->r);
	free(from);
}

/* Member `from + p` draws from its own stream of noise. */
static float *member_noise(int P, int from, size_t n, uint32_t what, float scale)
{
	float *x = ebb_xcalloc((size_t)P * n, sizeof *x);

	for (int p = 0; p < P; p++) {
		struct ebb_draw d = {.seed = 13,
				     .stream = EBB_STREAM_TEST,
				     .slot = (uint32_t)(from + p),
				     .step = what};
		uint32_t word[4];

		for (size_t i = 0; i < n; i++) {
			if (i % 4 == 0)
				ebb_philox(&d, (uint32_t)(i / 4), word);
			x[(size_t)p * n + i] =
				scale * ((float)(word[i % 4] >> 8) * 0x1p-23f - 1.0f);
		}
	}
	return x;
}

/* Integers of `n` rows a member below `limit`. */
static int32_t *member_integers(int P, int from, int n, uint32_t what, int limit)
{
	int32_t *x = ebb_xcalloc((size_t)P * n, sizeof *x);

	for (int p = 0; p < P; p++)
		for (int i = 0; i < n; i++) {
			struct ebb_draw d = {.seed = 14,
					     .stream = EBB_STREAM_TEST,
					     .slot = (uint32_t)(from + p),
					     .step = what};

			x[p * n + i] = (int32_t)ebb_below(&d, (uint32_t)i, (uint32_t)limit);
		}
	return x;
}

/* Offsets of the tensors of tensors.def in the flat buffer; layer -1: after the last layer. */
static size_t embed_at(void)
{
	return 0;
}

static size_t layer_floats(const struct policy *o)
{
	size_t C = (size_t)o->C, F = (size_t)o->F;

	return C + C * 3 * C + C * C + C + C * 2 * F + F * C;
}

static size_t layer_at(const struct policy *o, int l)
{
	return (size_t)o->V * o->C + (size_t)l * layer_floats(o);
}

static size_t qkv_at(const struct policy *o, int l)
{
	return layer_at(o, l) + (size_t)o->C;
}

static size_t attn_out_at(const struct policy *o, int l)
{
	return qkv_at(o, l) + (size_t)o->C * 3 * o->C;
}

static size_t ffn_norm_at(const struct policy *o, int l)
{
	return attn_out_at(o, l) + (size_t)o->C * o->C;
}

static size_t gate_up_at(const struct policy *o, int l)
{
	return ffn_norm_at(o, l) + (size_t)o->C;
}

static size_t down_at(const struct policy *o, int l)
{
	return gate_up_at(o, l) + (size_t)o->C * 2 * o->F;
}

static void open_training(struct policy *o, int from)
{
	size_t N = (size_t)o->P * o->M;
	int C = o->C;
	int32_t *position = ebb_xcalloc(N, sizeof *position);
	int32_t *first = ebb_xcalloc((size_t)o->P * o->n, sizeof *first);
	int32_t *length = ebb_xcalloc((size_t)o->P * o->n, sizeof *length);
	float *tau = ebb_xcalloc((size_t)o->P, sizeof *tau);
	struct ebb_adamw_rule *rule = ebb_xcalloc((size_t)o->P, sizeof *rule);

	for (size_t i = 0; i < N; i++)
		position[i] = (int32_t)(i % (size_t)o->T);
	for (int i = 0; i < o->P * o->n; i++) {
		first[i] = i % o->n * o->T;
		length[i] = o->T;
	}
	for (int p = 0; p < o->P; p++) {
		tau[p] = 1.0f + 0.01f * (float)((from + p) % 10);
		rule[p] = (struct ebb_adamw_rule){1.0f, 1e-3f, 0.9f,  0.95f,
						  0.1f, 0.05f, 1e-8f, 0.01f, 0};
	}
	o->row_token = get(o, N * 4);
	o->row_target = get(o, N * 4);
	o->row_position = get(o, N * 4);
	o->first = get(o, (size_t)o->P * o->n * 4);
	o->row_length = get(o, (size_t)o->P * o->n * 4);
	o->tau = get(o, (size_t)o->P * 4);
	o->adamw = get(o, (size_t)o->P * sizeof *rule);
	o->w_logp = floats(o, 1, o->M);
	o->w_entropy = floats(o, 1, o->M);
	put(o, o->row_token, member_integers(o->P, from, o->M, 1, o->V), N * 4);
	put(o, o->row_target, member_integers(o->P, from, o->M, 2, o->V), N * 4);
	put(o, o->row_position, position, N * 4);
	put(o, o->first, first, (size_t)o->P * o->n * 4);
	put(o, o->row_length, length, (size_t)o->P * o->n * 4);
	put(o, o->tau, tau, (size_t)o->P * 4);
	put(o, o->adamw, rule, (size_t)o->P * sizeof *rule);
	put(o, o->w_logp, member_noise(o->P, from, (size_t)o->M, 3, 1.0f), N * 4);
	put(o, o->w_entropy, member_noise(o->P, from, (size_t)o->M, 4, 0.1f), N * 4);
	o->grad = floats(o, o->n_weights, 1);
	o->m = floats(o, o->n_weights, 1);
	o->v = floats(o, o->n_weights, 1);
	o->partial = get(o, (size_t)o->P * (o->n_weights / PIECE + 1) * sizeof(double));
	o->norm = get(o, (size_t)o->P * sizeof(double));
	o->entropy = floats(o, 1, o->M);
	o->hstat = floats(o, 4, o->M);
	o->dx = floats(o, (size_t)C, o->M);
	o->dnorm = floats(o, (size_t)C, o->M);
	o->dhidden = floats(o, (size_t)o->F, o->M);
	o->dgu = floats(o, (size_t)2 * o->F, o->M);
	o->datt = floats(o, (size_t)C, o->M);
	o->dqkv = floats(o, (size_t)3 * C, o->M);
	o->mean = floats(o, (size_t)o->NH, o->M);
}

static void open_decoding(struct policy *o, int from)
{
	size_t N = (size_t)o->P * o->n, each = o->r->gpu->op.kv_floats(o->T, o->NH, o->D);
	int32_t *lines = ebb_xcalloc(N, sizeof *lines), *ones = ebb_xcalloc(N, sizeof *ones);
	struct ebb_draw *key = ebb_xcalloc(N, sizeof *key);
	struct ebb_draw_rule *rule = ebb_xcalloc((size_t)o->P, sizeof *rule);

	for (size_t i = 0; i < N; i++) {
		lines[i] = (int32_t)(i % (size_t)o->n);
		ones[i] = 1;
		key[i] = (struct ebb_draw){.seed = (uint64_t)from + i / (size_t)o->n,
					   .stream = EBB_STREAM_TEST,
					   .slot = (uint32_t)(i % (size_t)o->n)};
	}
	for (int p = 0; p < o->P; p++)
		rule[p] = (struct ebb_draw_rule){.tau = 1.0f, .top_p = 1.0f};
	o->token = get(o, N * 4);
	o->position = get(o, N * 4);
	o->length = get(o, N * 4);
	o->lines = get(o, N * 4);
	o->ones = get(o, N * 4);
	o->key = get(o, N * sizeof *key);
	o->rule = get(o, (size_t)o->P * sizeof *rule);
	o->scratch = get(o, N * 2 * (size_t)o->V * sizeof(float));
	put(o, o->lines, lines, N * 4);
	put(o, o->ones, ones, N * 4);
	put(o, o->key, key, N * sizeof *key);
	put(o, o->rule, rule, (size_t)o->P * sizeof *rule);
	for (int l = 0; l < o->L; l++)
		o->cache[l] = (struct ebb_cache){get(o, N * each * sizeof(float)),
						 (size_t)o->n * each, each, o->T};
}

static void open_rotation(struct policy *o)
{
	size_t n = (size_t)o->T * (o->D / 2);
	float *c = ebb_xcalloc(n, sizeof *c), *s = ebb_xcalloc(n, sizeof *s);

	for (int t = 0; t < o->T; t++)
		for (int i = 0; i < o->D / 2; i++) {
			double angle = t * pow(1e4, -2.0 * i / o->D);

			c[t * (o->D / 2) + i] = (float)cos(angle);
			s[t * (o->D / 2) + i] = (float)sin(angle);
		}
	o->cosine = get(o, n * 4);
	o->sine = get(o, n * 4);
	put(o, o->cosine, c, n * 4);
	put(o, o->sine, s, n * 4);
}

void policy_open(struct policy *o, struct rig *r, int P, int n, int T, int from, int training)
{
	*o = (struct policy){.r = r,
			     .P = P,
			     .n = n,
			     .T = T,
			     .L = LAYERS,
			     .C = WIDTH,
			     .NH = HEADS,
			     .D = WIDTH / HEADS,
			     .F = FFN,
			     .V = VOCABULARY};
	o->M = training ? n * T : n;
	o->n_weights = layer_at(o, o->L) + (size_t)o->C;
	o->w = floats(o, o->n_weights, 1);
	put(o, o->w, member_noise(P, from, o->n_weights, 0, 0.2f), (size_t)P * o->n_weights * 4);
	open_rotation(o);
	for (int l = 0; l < (training ? o->L : 1); l++) {
		struct layer *a = &o->layer[l];

		a->x = floats(o, (size_t)o->C, o->M);
		a->norm1 = floats(o, (size_t)o->C, o->M);
		a->rstd1 = floats(o, 1, o->M);
		a->qkv = floats(o, (size_t)3 * o->C, o->M);
		a->att = floats(o, (size_t)o->C, o->M);
		a->stat = floats(o, (size_t)2 * o->NH, o->M);
		a->mid = floats(o, (size_t)o->C, o->M);
		a->norm2 = floats(o, (size_t)o->C, o->M);
		a->rstd2 = floats(o, 1, o->M);
		a->gu = floats(o, (size_t)2 * o->F, o->M);
		a->hidden = floats(o, (size_t)o->F, o->M);
	}
	for (int l = 1; l < o->L && !training; l++)
		o->layer[l] = o->layer[0];
	o->out = training ? floats(o, (size_t)o->C, o->M) : o->layer[0].x;
	o->fnorm = floats(o, (size_t)o->C, o->M);
	o->rstd = floats(o, 1, o->M);
	o->logits = floats(o, (size_t)o->V, o->M);
	o->logp = floats(o, 1, o->M);
	if (training)
		open_training(o, from);
	else
		open_decoding(o, from);
	policy_reset(o);
	no_failure(r);
}

void policy_close(struct policy *o)
{
	for (int i = 0; i < o->n_owned; i++)
		o->r->gpu->op.device_free(o->r->g, o->owned[i]);
	*o = (struct policy){0};
}

void policy_reset(struct policy *o)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	size_t N = (size_t)o->P * o->n;

	if (!o->token)
		return;
	op->clear(o->r->g, o->token, N * 4);
	op->clear(o->r->g, o->position, N * 4);
	op->copy(o->r->g, o->length, o->ones, N * 4);
	for (int l = 0; l < o->L; l++)
		op->clear(o->r->g, o->cache[l].at, N * o->cache[l].sequence * sizeof(float));
}

static struct ebb_pop rows(const struct policy *o, float *x, int ld)
{
	return (struct ebb_pop){x, (size_t)o->M * (size_t)ld, ld, 0};
}

static struct ebb_pop weight(const struct policy *o, float *flat, size_t at, int ld)
{
	return (struct ebb_pop){flat + at, o->n_weights, ld, 0};
}

/* Through the layer up to rotated queries, keys and values in a->qkv. */
static void layer_in(struct policy *o, int l, const int32_t *position)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct layer *a = &o->layer[l];
	struct ebb_count M = {o->M, NULL};
	struct ebb_pop none = {0};
	int C = o->C;

	op->rmsnorm_fwd(o->r->g, o->P, M, 1, C, 1e-6f, rows(o, a->x, C),
			weight(o, o->w, layer_at(o, l), C), rows(o, a->norm1, C),
			rows(o, a->rstd1, 1));
	op->gemm_nn(o->r->g, o->P, M, 3 * C, C, rows(o, a->norm1, C),
		    weight(o, o->w, qkv_at(o, l), 3 * C), rows(o, a->qkv, 3 * C), none, none);
	op->rope(o->r->g, o->P, M, 2 * o->NH, o->D, rows(o, a->qkv, 3 * C), position, o->cosine,
		 o->sine, 0);
}

/* From attention's output to the next layer's input. */
static void layer_out(struct policy *o, int l, float *next)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct layer *a = &o->layer[l];
	struct ebb_count M = {o->M, NULL};
	struct ebb_pop none = {0};
	int C = o->C, F = o->F;

	op->gemm_nn(o->r->g, o->P, M, C, C, rows(o, a->att, C),
		    weight(o, o->w, attn_out_at(o, l), C), rows(o, a->mid, C), none,
		    rows(o, a->x, C));
	op->rmsnorm_fwd(o->r->g, o->P, M, 1, C, 1e-6f, rows(o, a->mid, C),
			weight(o, o->w, ffn_norm_at(o, l), C), rows(o, a->norm2, C),
			rows(o, a->rstd2, 1));
	op->gemm_nn(o->r->g, o->P, M, 2 * F, C, rows(o, a->norm2, C),
		    weight(o, o->w, gate_up_at(o, l), 2 * F), rows(o, a->gu, 2 * F), none, none);
	op->swiglu_fwd(o->r->g, o->P, M, F, rows(o, a->gu, 2 * F), rows(o, a->hidden, F));
	op->gemm_nn(o->r->g, o->P, M, C, F, rows(o, a->hidden, F),
		    weight(o, o->w, down_at(o, l), C), rows(o, next, C), none, rows(o, a->mid, C));
}

static void to_logits(struct policy *o)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct ebb_count M = {o->M, NULL};
	struct ebb_pop none = {0};
	int C = o->C;

	op->rmsnorm_fwd(o->r->g, o->P, M, 1, C, 1e-6f, rows(o, o->out, C),
			weight(o, o->w, layer_at(o, o->L), C), rows(o, o->fnorm, C),
			rows(o, o->rstd, 1));
	op->gemm_nt(o->r->g, o->P, M, o->V, C, rows(o, o->fnorm, C), weight(o, o->w, embed_at(), C),
		    rows(o, o->logits, o->V), none, none);
}

void policy_decode(struct policy *o)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct ebb_count M = {o->n, NULL};
	struct ebb_sequences one = {o->n, 1, o->lines, o->ones};
	int C = o->C, N = o->P * o->n;

	op->embed_fwd(o->r->g, o->P, M, C, o->token, weight(o, o->w, embed_at(), C),
		      rows(o, o->layer[0].x, C));
	for (int l = 0; l < o->L; l++) {
		struct layer *a = &o->layer[l];

		layer_in(o, l, o->position);
		op->kv_store(o->r->g, o->P, one, o->NH, o->D, rows(o, a->qkv + C, 3 * C),
			     rows(o, a->qkv + 2 * C, 3 * C), o->position, o->cache[l]);
		op->attn_decode(o->r->g, o->P, o->n, o->NH, o->NH, o->D, rows(o, a->qkv, 3 * C),
				o->cache[l], o->length, rows(o, a->att, C));
		layer_out(o, l, a->x);
	}
	to_logits(o);
	op->draw(o->r->g, o->P, M, o->V, rows(o, o->logits, o->V), o->rule, o->key, o->position,
		 o->token, o->logp, o->scratch);
	op->advance(o->r->g, N, 1, o->position);
	op->advance(o->r->g, N, 1, o->length);
}

/* Through one layer backwards: o->dx is the gradient of its output, then of its input. */
static void layer_bwd(struct policy *o, int l)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct ebb_gpu_device *g = o->r->g;
	struct layer *a = &o->layer[l];
	struct ebb_count M = {o->M, NULL};
	struct ebb_sequences s = {o->n, o->T, o->first, o->row_length};
	struct ebb_pop none = {0}, dx = rows(o, o->dx, o->C), dnorm = rows(o, o->dnorm, o->C);
	int P = o->P, C = o->C, F = o->F;

	op->gemm_tn(g, P, M, C, F, rows(o, a->hidden, F), dx, weight(o, o->grad, down_at(o, l), C));
	op->gemm_nt(g, P, M, F, C, dx, weight(o, o->w, down_at(o, l), C), rows(o, o->dhidden, F),
		    none, none);
	op->swiglu_bwd(g, P, M, F, rows(o, a->gu, 2 * F), rows(o, o->dhidden, F),
		       rows(o, o->dgu, 2 * F));
	op->gemm_tn(g, P, M, 2 * F, C, rows(o, a->norm2, C), rows(o, o->dgu, 2 * F),
		    weight(o, o->grad, gate_up_at(o, l), 2 * F));
	op->gemm_nt(g, P, M, C, 2 * F, rows(o, o->dgu, 2 * F),
		    weight(o, o->w, gate_up_at(o, l), 2 * F), dnorm, none, none);
	op->rmsnorm_bwd(g, P, M, 1, C, rows(o, a->mid, C), weight(o, o->w, ffn_norm_at(o, l), C),
			rows(o, a->rstd2, 1), dnorm, dx, 1,
			weight(o, o->grad, ffn_norm_at(o, l), C));
	op->gemm_tn(g, P, M, C, C, rows(o, a->att, C), dx,
		    weight(o, o->grad, attn_out_at(o, l), C));
	op->gemm_nt(g, P, M, C, C, dx, weight(o, o->w, attn_out_at(o, l), C), rows(o, o->datt, C),
		    none, none);
	op->attn_bwd(g, P, s, o->NH, o->NH, o->D, rows(o, a->qkv, 3 * C),
		     rows(o, a->qkv + C, 3 * C), rows(o, a->qkv + 2 * C, 3 * C),
		     rows(o, a->att, C), rows(o, o->datt, C), rows(o, a->stat, 2 * o->NH), rows(o, o->mean, o->NH),
		     rows(o, o->dqkv, 3 * C), rows(o, o->dqkv + C, 3 * C),
		     rows(o, o->dqkv + 2 * C, 3 * C));
	op->rope(g, P, M, 2 * o->NH, o->D, rows(o, o->dqkv, 3 * C), o->row_position, o->cosine,
		 o->sine, 1);
	op->gemm_tn(g, P, M, 3 * C, C, rows(o, a->norm1, C), rows(o, o->dqkv, 3 * C),
		    weight(o, o->grad, qkv_at(o, l), 3 * C));
	op->gemm_nt(g, P, M, C, 3 * C, rows(o, o->dqkv, 3 * C),
		    weight(o, o->w, qkv_at(o, l), 3 * C), dnorm, none, none);
	op->rmsnorm_bwd(g, P, M, 1, C, rows(o, a->x, C), weight(o, o->w, layer_at(o, l), C),
			rows(o, a->rstd1, 1), dnorm, dx, 1, weight(o, o->grad, layer_at(o, l), C));
}

void policy_train(struct policy *o)
{
	const struct ebb_gpu_ops *op = &o->r->gpu->op;
	struct ebb_gpu_device *g = o->r->g;
	struct ebb_count M = {o->M, NULL};
	struct ebb_sequences s = {o->n, o->T, o->first, o->row_length};
	struct ebb_pop none = {0}, logits = rows(o, o->logits, o->V);
	int P = o->P, C = o->C, V = o->V;

	op->clear(g, o->grad, (size_t)P * o->n_weights * sizeof(float));
	op->embed_fwd(g, P, M, C, o->row_token, weight(o, o->w, embed_at(), C),
		      rows(o, o->layer[0].x, C));
	for (int l = 0; l < o->L; l++) {
		struct layer *a = &o->layer[l];

		layer_in(o, l, o->row_position);
		op->attn_fwd(g, P, s, o->NH, o->NH, o->D, rows(o, a->qkv, 3 * C),
			     rows(o, a->qkv + C, 3 * C), rows(o, a->qkv + 2 * C, 3 * C),
			     rows(o, a->att, C), rows(o, a->stat, 2 * o->NH));
		layer_out(o, l, l + 1 < o->L ? o->layer[l + 1].x : o->out);
	}
	to_logits(o);
	op->head_fwd(g, P, M, V, logits, o->row_target, o->tau, none, o->logp, o->entropy, NULL,
		     NULL, o->hstat);
	op->head_bwd(g, P, M, V, logits, o->row_target, o->tau, none, o->hstat, o->w_logp,
		     o->w_entropy, NULL, logits);
	op->gemm_tn(g, P, M, C, V, logits, rows(o, o->fnorm, C), weight(o, o->grad, embed_at(), C));
	op->gemm_nn(g, P, M, C, V, logits, weight(o, o->w, embed_at(), C), rows(o, o->dnorm, C),
		    none, none);
	op->rmsnorm_bwd(g, P, M, 1, C, rows(o, o->out, C), weight(o, o->w, layer_at(o, o->L), C),
			rows(o, o->rstd, 1), rows(o, o->dnorm, C), rows(o, o->dx, C), 0,
			weight(o, o->grad, layer_at(o, o->L), C));
	for (int l = o->L - 1; l >= 0; l--)
		layer_bwd(o, l);
	op->embed_bwd(g, P, M, V, C, o->row_token, rows(o, o->dx, C),
		      weight(o, o->grad, embed_at(), C));
	op->sum_squares(g, P, o->n_weights, PIECE, weight(o, o->grad, 0, 0), o->partial, o->norm);
	op->adamw(g, P, o->n_weights, weight(o, o->w, 0, 0), weight(o, o->grad, 0, 0),
		  weight(o, o->m, 0, 0), weight(o, o->v, 0, 0), o->adamw, 1);
}

double policy_train_flops(const struct policy *o)
{
	double C = o->C, F = o->F, rows_all = (double)o->P * o->M;
	double matrices = o->L * (3 * C * C + C * C + 2 * C * F + F * C) + C * o->V;
	/* forward: scores and output, half of T x T; backward: five such products */
	double attention = o->L * 7.0 * C * (o->T + 1) / 2;

	return 2.0 * rows_all * (3.0 * matrices + attention);
}

/* Bytes that must agree between two ways of running the same steps. */
struct state {
	size_t n;
	unsigned char *bytes;
};

static struct state keep(struct policy *o, int member, int members)
{
	struct state s = {0};
	struct {
		const void *at;
		size_t bytes;
	} piece[12];
	int n = 0;
	size_t rows_bytes = (size_t)o->n * 4;

	if (o->token) {
		piece[n].at = o->token;
		piece[n++].bytes = rows_bytes;
		piece[n].at = o->logp;
		piece[n++].bytes = rows_bytes;
		for (int l = 0; l < o->L; l++) {
			piece[n].at = o->cache[l].at;
			piece[n++].bytes = o->cache[l].member * sizeof(float);
		}
	} else {
		piece[n].at = o->w;
		piece[n++].bytes = o->n_weights * sizeof(float);
		piece[n].at = o->grad;
		piece[n++].bytes = o->n_weights * sizeof(float);
		piece[n].at = o->norm;
		piece[n++].bytes = sizeof(double);
	}
	for (int i = 0; i < n; i++)
		s.n += (size_t)members * piece[i].bytes;
	s.bytes = ebb_xcalloc(s.n, 1);
	for (int i = 0, at = 0; i < n; i++) {
		size_t bytes = (size_t)members * piece[i].bytes;

		o->r->gpu->op.download(o->r->g, s.bytes + at,
				       (const char *)piece[i].at + (size_t)member * piece[i].bytes,
				       bytes);
		at += (int)bytes;
	}
	no_failure(o->r);
	return s;
}

static void agree(struct rig *r, const char *what, struct state a, struct state b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && a.bytes[i] == b.bytes[i])
		i++;
	expect(r, a.n == b.n && i == a.n, "%s differ, first at byte %zu of %zu", what, i, a.n);
	free(a.bytes);
	free(b.bytes);
}

static struct state run(struct rig *r, int P, int n, int T, int from, int training, int steps,
			int graph, int member, int members)
{
	struct policy o;
	struct ebb_gpu_graph *captured = NULL;
	struct state s;

	policy_open(&o, r, P, n, T, from, training);
	if (graph) {
		r->gpu->op.capture_begin(r->g);
		(training ? policy_train : policy_decode)(&o);
		captured = r->gpu->op.capture_end(r->g);
		no_failure(r);
	}
	for (int i = 0; i < steps; i++) {
		if (captured)
			r->gpu->op.graph_replay(r->g, captured);
		else
			(training ? policy_train : policy_decode)(&o);
	}
	s = keep(&o, member, members);
	r->gpu->op.graph_free(r->g, captured);
	policy_close(&o);
	return s;
}

void cases_step(struct rig *r, int small)
{
	int P = 3, n = small ? 2 : 5, T = small ? 8 : 40, steps = small ? 3 : T;

	for (int training = 0; training < 2; training++) {
		const char *name = training ? "training" : "decoding";
		int count = training ? 3 : steps;

		begin(r, "%s steps P=%d n=%d T=%d", name, P, n, T);
		agree(r, "eager steps and graph replay",
		      run(r, P, n, T, 0, training, count, 0, 0, P),
		      run(r, P, n, T, 0, training, count, 1, 0, P));
		agree(r, "two runs", run(r, P, n, T, 0, training, count, 0, 0, P),
		      run(r, P, n, T, 0, training, count, 0, 0, P));
		agree(r, "member 2 among others and alone",
		      run(r, P, n, T, 0, training, count, 0, 2, 1),
		      run(r, 1, n, T, 2, training, count, 0, 0, 1));
		if (!small)
			agree(r, "member 40 among 64 and alone",
			      run(r, 64, n, T, 0, training, count, 1, 40, 1),
			      run(r, 1, n, T, 40, training, count, 0, 0, 1));
	}
}
