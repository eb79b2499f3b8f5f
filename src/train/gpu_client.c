/* A worker's requests as orders: copied into shared memory, and what came of them copied back. */
#include "train/gpu_client.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "objective/form.h"
#include "objective/objective.h"

#define HEAD_MAX      128  /* of the attention kernels                                  */
#define TOKENS_MAX    1200 /* a row's scores of the exact ones must fit shared memory   */
#define PATIENCE_S    1.0  /* between two looks whether the server still lives */
#define SAMPLES_MAX   512  /* responses a member draws at once at most     */
#define POSITIONS_MAX 4096 /* positions of a gradient series at once       */

const char *ebb_client_refuses(const struct ebb_options *o)
{
	const struct ebb_model model = ebb_lab_model(o);
	struct ebb_needs needs;

	ebb_objective_needs(o, &needs);
	if (model.D > HEAD_MAX)
		return "heads wider than 128 are computed on the CPU";
	if (model.T > TOKENS_MAX && o->run.precision != EBB_PRECISION_BF16)
		return "sequences longer than 1,200 tokens are computed on the CPU";
	if (o->critic.model != EBB_CRITIC_NONE)
		return "a critic's values are computed on the CPU";
	if (needs.old_kl)
		return "KL(old || new) over the vocabulary is computed on the CPU";
	if (o->sample.mismatch == EBB_MISMATCH_NOISE)
		return "noise on the sampler's logits is drawn on the CPU";
	return NULL;
}

/* ---- orders ---- */

/* Hand the order over and sleep until something is wanted of the worker. */
static int ask(struct ebb_channel *c, enum ebb_turn turn, struct ebb_err *err)
{
	atomic_store(&c->turn, turn);
	ebb_office_ring(c->office);
	for (;;) {
		uint32_t now = atomic_load(&c->turn);

		if (now == EBB_TURN_ANSWERED || now == EBB_TURN_WEIGHING)
			break;
		if (c->order.kind == EBB_ORDER_JOIN && ebb_stop_requested)
			return ebb_err_set(err, EBB_ESTOP, "interrupted while all seats are taken");
		if (atomic_load(&c->office->dead))
			return ebb_err_set(err, EBB_ENODEV,
					   "the process that served the GPU has ended: %s",
					   c->office->text[0] ? c->office->text : "killed");
		ebb_futex_wait(&c->turn, now, PATIENCE_S);
	}
	if (atomic_load(&c->turn) == EBB_TURN_ANSWERED && c->rc < 0)
		return ebb_err_set(err, c->rc, "%s", c->text);
	return 0;
}

static struct ebb_order *order_begin(struct ebb_channel *c, enum ebb_order_kind kind)
{
	c->used = 0;
	c->order = (struct ebb_order){.kind = kind, .against = -1, .optimizer = -1};
	return &c->order;
}

/* Memory of the order; what does not fit is too large for any device. */
static void *take(struct ebb_channel *c, size_t n, size_t size)
{
	void *p = ebb_channel_take(c, n * size);

	if (!p)
		EBB_BUG("an order of more than %zu bytes", c->bytes);
	return p;
}

static void *carry(struct ebb_channel *c, const void *from, size_t n, size_t size)
{
	void *to = take(c, n, size);

	memcpy(to, from, n * size);
	return to;
}

/* ---- weights ---- */

static int put_policy(struct ebb_channel *c, int policy, const struct ebb_weights *w,
		      struct ebb_err *err)
{
	struct ebb_order *o = order_begin(c, EBB_ORDER_PUT);

	o->policy = policy;
	o->flat = carry(c, w->flat, w->layout->n_floats, sizeof *w->flat);
	return ask(c, EBB_TURN_ASKED, err);
}

static int get_policy(struct ebb_channel *c, int policy, struct ebb_weights *w, struct ebb_err *err)
{
	struct ebb_order *o = order_begin(c, EBB_ORDER_GET);
	int rc;

	o->policy = policy;
	o->flat = take(c, w->layout->n_floats, sizeof *w->flat);
	rc = ask(c, EBB_TURN_ASKED, err);
	if (rc == 0)
		memcpy(w->flat, o->flat, w->layout->n_floats * sizeof *w->flat);
	return rc;
}

static int put_optim(struct ebb_channel *c, size_t n, const struct ebb_optim *optim,
		     struct ebb_err *err)
{
	struct ebb_order *o = order_begin(c, EBB_ORDER_PUT);

	o->optimizer = 0;
	o->flat = carry(c, optim->m, n, sizeof *optim->m);
	o->second = carry(c, optim->v, n, sizeof *optim->v);
	o->t = optim->t;
	return ask(c, EBB_TURN_ASKED, err);
}

static int get_optim(struct ebb_channel *c, size_t n, struct ebb_optim *optim, struct ebb_err *err)
{
	struct ebb_order *o = order_begin(c, EBB_ORDER_GET);
	int rc;

	o->optimizer = 0;
	o->flat = take(c, n, sizeof *optim->m);
	o->second = take(c, n, sizeof *optim->v);
	rc = ask(c, EBB_TURN_ASKED, err);
	if (rc == 0) {
		memcpy(optim->m, o->flat, n * sizeof *optim->m);
		memcpy(optim->v, o->second, n * sizeof *optim->v);
		optim->t = o->t;
	}
	return rc;
}

/* What a member of these options asks of its population. */
static struct ebb_population_size size_of(const struct ebb_options *o, int T, int policies)
{
	const int64_t group = ebb_group_size(o), drawn = o->train.prompts * group;
	const int64_t tested = o->eval.questions * o->eval.samples;
	const int64_t rows = (drawn + o->train.minibatches - 1) / o->train.minibatches;
	const int64_t series = (rows + EBB_LANES - 1) / EBB_LANES * (T - 1);
	const int64_t samples = drawn > tested ? drawn : tested;
	struct ebb_population_size size = {.policies = policies, .optimizers = 1};

	size.positions = (int)(series > POSITIONS_MAX ? POSITIONS_MAX : series);
	if (size.positions < T - 1)
		size.positions = T - 1;
	size.samples = (int)(samples > SAMPLES_MAX ? SAMPLES_MAX : samples);
	return size;
}

size_t ebb_client_bytes(const struct ebb_options *o, int members)
{
	const struct ebb_model model = ebb_lab_model(o);
	struct ebb_population_size size = size_of(o, model.T, EBB_POLICY_RING);
	struct ebb_layout layout;
	struct ebb_err ignored;
	size_t bytes = 0;

	size.members = members;
	if (ebb_layout_init(&layout, &model, &ignored) == 0) {
		bytes = ebb_population_bytes(&layout, &size);
		ebb_layout_release(&layout);
	}
	return bytes;
}

int ebb_client_join(struct ebb_channel *c, struct ebb_bench *b, struct ebb_err *err)
{
	const struct ebb_model *model = &b->lab.layout.model;
	const struct ebb_population_size size = size_of(b->lab.o, model->T, b->n_policies);
	struct ebb_order *o = order_begin(c, EBB_ORDER_JOIN);
	int rc;

	o->model = *model;
	o->precision = (enum ebb_gpu_precision)b->lab.o->run.precision;
	o->policies = size.policies;
	o->optimizers = size.optimizers;
	o->positions = size.positions;
	o->samples = size.samples;
	rc = ask(c, EBB_TURN_ASKED, err);
	for (int p = 0; p < b->n_policies && rc == 0; p++)
		rc = put_policy(c, p, &b->policy[p], err);
	if (rc == 0)
		rc = put_optim(c, b->lab.layout.n_floats, &b->optim, err);
	return rc;
}

int ebb_client_fetch(struct ebb_channel *c, struct ebb_bench *b, struct ebb_err *err)
{
	int rc = get_optim(c, b->lab.layout.n_floats, &b->optim, err);

	for (int p = 0; p < b->n_policies && rc == 0; p++)
		rc = get_policy(c, p, &b->policy[p], err);
	return rc;
}

/* ---- passes ---- */

/* The arrays of a pass with an entry a token. logits and moment have more than one number each. */
static const struct column {
	size_t at;   /* of the pointer in struct ebb_pass */
	size_t size; /* of a number                       */
	int numbers; /* a token; 0: the vocabulary        */
	bool weighs; /* goes to the device                */
} column[] = {
	{offsetof(struct ebb_pass, logp), sizeof(double), 1, false},
	{offsetof(struct ebb_pass, entropy), sizeof(double), 1, false},
	{offsetof(struct ebb_pass, kl), sizeof(double), 1, false},
	{offsetof(struct ebb_pass, kl_from), sizeof(double), 1, false},
	{offsetof(struct ebb_pass, logp_ref), sizeof(double), 1, false},
	{offsetof(struct ebb_pass, moment), sizeof(double), 4, false},
	{offsetof(struct ebb_pass, logits), sizeof(float), 0, false},
	{offsetof(struct ebb_pass, logit), sizeof(double), 1, false},
	{offsetof(struct ebb_pass, w_logp), sizeof(double), 1, true},
	{offsetof(struct ebb_pass, w_entropy), sizeof(double), 1, true},
	{offsetof(struct ebb_pass, w_kl), sizeof(double), 1, true},
};
enum { COLUMNS = sizeof column / sizeof *column };

static void **array_of(const struct ebb_pass *pass, int k)
{
	return (void **)((char *)(uintptr_t)pass + column[k].at);
}

static size_t token_bytes(const struct column *k, int V)
{
	return k->size * (size_t)(k->numbers > 0 ? k->numbers : V);
}

/* The tokens of rows [first, first + count) of one kind of array. */
static void rows_copy(const struct ebb_pass *pass, const struct column *k, int V, void *to,
		      const void *from, int first, int count)
{
	const size_t bytes = token_bytes(k, V);

	for (int i = first; i < first + count; i++) {
		const size_t at = (size_t)i * (size_t)pass->stride * bytes;

		memcpy((char *)to + at, (const char *)from + at,
		       (size_t)(pass->row[i].length - pass->row[i].start) * bytes);
	}
}

/* The pass as the server sees it: rows and empty arrays in shared memory. */
static void pass_carry(struct ebb_channel *c, const struct ebb_pass *pass, int V)
{
	struct ebb_pass *shared = &c->order.pass;
	const size_t cells = (size_t)pass->n * (size_t)pass->stride;
	struct ebb_row *row = carry(c, pass->row, (size_t)pass->n, sizeof *row);

	*shared = *pass;
	shared->row = row;
	shared->ref = NULL;
	shared->weigh = NULL;
	for (int i = 0; i < pass->n; i++)
		row[i].token = carry(c, pass->row[i].token, (size_t)pass->row[i].length,
				     sizeof *row[i].token);
	for (int k = 0; k < COLUMNS; k++)
		if (*array_of(pass, k))
			*array_of(shared, k) = take(c, cells, token_bytes(&column[k], V));
	if (pass->histogram)
		shared->histogram = take(c, (size_t)pass->n * EBB_LOGIT_BINS, sizeof(int64_t));
}

static void results_fetch(const struct ebb_channel *c, const struct ebb_pass *pass, int V,
			  int first, int count)
{
	const struct ebb_pass *shared = &c->order.pass;

	for (int k = 0; k < COLUMNS; k++)
		if (!column[k].weighs && *array_of(pass, k))
			rows_copy(pass, &column[k], V, *array_of(pass, k), *array_of(shared, k),
				  first, count);
	if (pass->histogram)
		memcpy(pass->histogram + (size_t)first * EBB_LOGIT_BINS,
		       shared->histogram + (size_t)first * EBB_LOGIT_BINS,
		       (size_t)count * EBB_LOGIT_BINS * sizeof(int64_t));
}

/* Results of some rows stand: weigh them, as ebb_pass_grad would. */
static void rows_weigh(struct ebb_channel *c, const struct ebb_pass *pass, int V)
{
	for (int r = 0; r < c->order.n_ranges; r++) {
		const int first = c->order.range[r].first, count = c->order.range[r].count;

		results_fetch(c, pass, V, first, count);
		if (pass->weigh)
			pass->weigh(pass->ctx, first, count);
		for (int k = 0; k < COLUMNS; k++)
			if (column[k].weighs && *array_of(pass, k))
				rows_copy(pass, &column[k], V, *array_of(&c->order.pass, k),
					  *array_of(pass, k), first, count);
	}
}

/* The mini-batch of an update whose rows a device can weigh; null: the worker does. */
static struct ebb_minibatch *minibatch_of(const struct ebb_request *r)
{
	struct ebb_minibatch *mb = r->pass.weigh == ebb_weigh_rows ? r->pass.ctx : NULL;

	return mb && ebb_weigh_form_fits(mb) ? mb : NULL;
}

static void form_carry(struct ebb_channel *c, const struct ebb_minibatch *mb)
{
	struct ebb_order *o = &c->order;
	const struct ebb_weigh_form *form;

	o->block_bytes = ebb_weigh_form_bytes(mb);
	o->block = take(c, o->block_bytes, 1);
	ebb_weigh_form_write(mb, o->block);
	form = (const struct ebb_weigh_form *)o->block;
	o->block_back = form->back;
	o->block_T = form->T;
}

static int serve_pass(struct ebb_channel *c, struct ebb_bench *b, struct ebb_request *r,
		      struct ebb_err *err)
{
	const bool update = r->kind == EBB_REQUEST_UPDATE;
	struct ebb_minibatch *mb = update ? minibatch_of(r) : NULL;
	const int V = b->lab.layout.model.V;
	struct ebb_order *o = order_begin(c, update ? EBB_ORDER_UPDATE : EBB_ORDER_SCORE);
	int rc;

	o->policy = (int)r->policy;
	o->against = r->against;
	o->optimizer = 0;
	o->slot = (int)b->lab.o->train.slot;
	o->rule = r->rule;
	pass_carry(c, &r->pass, V);
	if (mb)
		form_carry(c, mb);
	rc = ask(c, EBB_TURN_ASKED, err);
	while (rc == 0 && atomic_load(&c->turn) == EBB_TURN_WEIGHING) {
		rows_weigh(c, &r->pass, V);
		rc = ask(c, EBB_TURN_WEIGHED, err);
	}
	if (rc == 0 && (!update || mb))
		results_fetch(c, &r->pass, V, 0, r->pass.n);
	if (rc == 0 && mb)
		ebb_weigh_form_read(mb, o->block);
	r->grad_norm = o->norm;
	r->stepped = o->stepped;
	return rc;
}

/* ---- responses ---- */

static void decode_carry(struct ebb_channel *c, const struct ebb_decode *d)
{
	struct ebb_decode *shared = &c->order.decode;
	struct ebb_prompt *prompt = carry(c, d->prompt, (size_t)d->n_prompts, sizeof *prompt);
	size_t rows = 0, cells;

	for (int i = 0; i < d->n; i++)
		rows = (size_t)ebb_decode_row(d, i) >= rows ? (size_t)ebb_decode_row(d, i) + 1
							    : rows;
	cells = rows * (size_t)d->stride;
	*shared = *d;
	for (int i = 0; i < d->n_prompts; i++)
		prompt[i].token = carry(c, d->prompt[i].token, (size_t)d->prompt[i].n,
					sizeof *prompt[i].token);
	shared->prompt = prompt;
	shared->sample = carry(c, d->sample, (size_t)d->n, sizeof *d->sample);
	shared->row = d->row ? carry(c, d->row, (size_t)d->n, sizeof *d->row) : NULL;
	shared->bank = NULL;
	shared->token = take(c, cells, sizeof *d->token);
	shared->length = take(c, rows, sizeof *d->length);
	shared->truncated = take(c, rows, sizeof *d->truncated);
	shared->logp = d->logp ? take(c, cells, sizeof *d->logp) : NULL;
	shared->sampler_logp = d->sampler_logp ? take(c, cells, sizeof *d->logp) : NULL;
	shared->entropy = d->entropy ? take(c, cells, sizeof *d->entropy) : NULL;
	for (int i = 0; i < d->n; i++) {
		const size_t at = (size_t)ebb_decode_row(d, i) * (size_t)d->stride;

		memcpy(shared->token + at, d->token + at,
		       (size_t)d->sample[i].taken * sizeof *d->token);
	}
}

static void decode_fetch(const struct ebb_channel *c, struct ebb_decode *d)
{
	const struct ebb_decode *shared = &c->order.decode;

	for (int i = 0; i < d->n; i++) {
		const int row = ebb_decode_row(d, i), taken = d->sample[i].taken;
		const size_t at = (size_t)row * (size_t)d->stride + (size_t)taken;
		const size_t n = (size_t)(shared->length[row] - taken);

		d->length[row] = shared->length[row];
		d->truncated[row] = shared->truncated[row];
		memcpy(d->token + at, shared->token + at, n * sizeof *d->token);
		if (d->logp)
			memcpy(d->logp + at, shared->logp + at, n * sizeof *d->logp);
		if (d->sampler_logp)
			memcpy(d->sampler_logp + at, shared->sampler_logp + at,
			       n * sizeof *d->logp);
		if (d->entropy)
			memcpy(d->entropy + at, shared->entropy + at, n * sizeof *d->entropy);
	}
}

static int serve_decode(struct ebb_channel *c, struct ebb_request *r, struct ebb_err *err)
{
	struct ebb_order *o = order_begin(c, EBB_ORDER_DECODE);
	int rc;

	o->policy = (int)r->policy;
	decode_carry(c, &r->decode);
	rc = ask(c, EBB_TURN_ASKED, err);
	if (rc == 0)
		decode_fetch(c, &r->decode);
	return rc;
}

/* ---- policies from policies ---- */

static int serve_blend(struct ebb_channel *c, struct ebb_bench *b, struct ebb_request *r,
		       struct ebb_err *err)
{
	struct ebb_weights *to = &b->policy[r->policy], *from = &b->policy[EBB_POLICY_CURRENT];
	struct ebb_order *o;
	int rc;

	if (r->mix == 1) {
		o = order_begin(c, EBB_ORDER_COPY);
		o->policy = (int)r->policy;
		o->from = EBB_POLICY_CURRENT;
		return ask(c, EBB_TURN_ASKED, err);
	}
	rc = get_policy(c, (int)r->policy, to, err);
	if (rc == 0)
		rc = get_policy(c, EBB_POLICY_CURRENT, from, err);
	if (rc < 0)
		return rc;
	ebb_bench_blend(to, from, r->mix);
	return put_policy(c, (int)r->policy, to, err);
}

int ebb_client_serve(struct ebb_channel *c, struct ebb_bench *b, struct ebb_request *r,
		     struct ebb_err *err)
{
	switch (r->kind) {
	case EBB_REQUEST_DECODE:
		return serve_decode(c, r, err);
	case EBB_REQUEST_SCORE:
	case EBB_REQUEST_UPDATE:
		return serve_pass(c, b, r, err);
	case EBB_REQUEST_BLEND:
		return serve_blend(c, b, r, err);
	case EBB_REQUEST_REST:
	case EBB_REQUEST_DONE:
		break;
	}
	return 0;
}
