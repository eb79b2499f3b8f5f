/*
 * The server's loop. Small orders are served as they come. Passes wait until every member of their
 * population asks for one, but no longer than PATIENCE_S, and then those that are alike go together;
 * members that stand elsewhere follow at once. Who shares a pass with whom changes no bit.
 */
#include "train/gpu_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rollout/population_sampler.h"
#include "train/lab.h"

#define PATIENCE_S    0.002              /* how long a member waits for company */
#define NAP_S         0.2                /* between two looks at an idle office */
#define RESERVE       ((size_t)64 << 20) /* device memory left for what passes take: so much ... */
#define RESERVE_SHARE 10                 /* ... and one part in so many of the population's      */
#define MEMBERS_MAX   4096

/* One population and who sits where. */
struct hall {
	struct ebb_population *pop;
	struct ebb_layout layout;
	struct ebb_order shape; /* of the order it was opened for */
	int members, seated;
	int *channel; /* of a member; -1: nobody (members) */
};

struct place {
	struct hall *hall; /* null: nowhere */
	int member;
	double asked; /* when its pass was */
	int tried;    /* departures when it found no room, plus one; 0: it has not tried */
};

struct server {
	struct ebb_office *office;
	struct ebb_gpu *gpu;
	const struct ebb_ops *ops;
	struct hall **hall;
	int n_halls;
	struct place *place; /* of a channel (office->n) */
	bool lost;
	int departures; /* members that have left a hall */
};

static bool asks(const struct server *s, int c)
{
	const struct ebb_channel *channel = &s->office->channel[c];

	return atomic_load(&channel->turn) == EBB_TURN_ASKED && !atomic_load(&channel->gone);
}

static void answer(struct server *s, int c, int rc, const struct ebb_err *err)
{
	struct ebb_channel *channel = &s->office->channel[c];

	channel->rc = rc;
	if (rc == EBB_ENODEV) { /* the device is lost: nothing will work any more */
		snprintf(s->office->text, sizeof s->office->text, "%s", err->text);
		s->lost = true;
	}
	if (rc < 0)
		snprintf(channel->text, sizeof channel->text, "%s", err->text);
	atomic_store(&channel->turn, EBB_TURN_ANSWERED);
	ebb_futex_wake(&channel->turn);
}

/* ---- seats ---- */

static bool same_shape(const struct ebb_order *a, const struct ebb_order *b)
{
	return a->precision == b->precision && a->policies == b->policies &&
	       a->optimizers == b->optimizers && ebb_model_alike(&a->model, &b->model) &&
	       a->model.T == b->model.T && a->model.value == b->model.value;
}

static void hall_close(struct hall *h)
{
	ebb_population_close(h->pop);
	ebb_layout_release(&h->layout);
	free(h->channel);
	free(h);
}

/* What passes take beside a population: blocks, operands in bf16, a library's workspace. */
static int reserve_check(struct server *s, const struct ebb_population *pop, struct ebb_err *err)
{
	const size_t bytes = RESERVE + ebb_population_device_bytes(pop) / RESERVE_SHARE;
	void *room = s->gpu->op.device_alloc(s->gpu->device, bytes);

	int rc;

	if (room)
		s->gpu->op.device_free(s->gpu->device, room);
	rc = ebb_gpu_sync(s->gpu, err);
	if (rc < 0)
		ebb_err_wrap(err,
			     "room for passes beside a policy of %zu parameters; lower "
			     "model.width or model.layers",
			     ebb_population_layout(pop)->n_parameters);
	return rc;
}

/* Less memory, step by step: fewer members, then layers computed twice, then series in many goes. False:
 * there is nothing left to lower. */
static bool shrink(struct ebb_population_size *size, int T)
{
	if (size->members > 1)
		size->members /= 2;
	else if (!size->recompute)
		size->recompute = true;
	else if (size->positions > T - 1)
		size->positions = size->positions / 2 > T - 1 ? size->positions / 2 : T - 1;
	else if (size->samples > 1)
		size->samples /= 2;
	else
		return false;
	return true;
}

/* A population with as many seats as it has trials and memory lets be. */
static int hall_open(struct server *s, const struct ebb_order *o, int mates, struct ebb_err *err)
{
	struct hall *h = ebb_xcalloc(1, sizeof *h);
	struct ebb_population_size size = {
		.members = mates < s->office->members ? mates : s->office->members,
		.policies = o->policies,
		.optimizers = o->optimizers,
		.positions = o->positions,
		.samples = o->samples,
		.precision = o->precision};
	int rc = ebb_layout_init(&h->layout, &o->model, err);

	if (rc < 0) {
		free(h);
		return rc;
	}
	do {
		if (rc == EBB_ENOMEM)
			*err = (struct ebb_err)EBB_ERR_INIT;
		rc = ebb_population_open(&h->pop, s->gpu, &h->layout, s->ops, &size, err);
		if (rc == 0 && (rc = reserve_check(s, h->pop, err)) < 0) {
			ebb_population_close(h->pop);
			h->pop = NULL;
		}
	} while (rc == EBB_ENOMEM && shrink(&size, o->model.T));
	if (rc < 0) {
		hall_close(h);
		return rc;
	}
	h->members = size.members;
	h->shape = *o;
	h->channel = ebb_xcalloc((size_t)h->members, sizeof *h->channel);
	for (int p = 0; p < h->members; p++)
		h->channel[p] = -1;
	s->hall = ebb_xrealloc(s->hall, (size_t)s->n_halls + 1, sizeof *s->hall);
	s->hall[s->n_halls++] = h;
	return 0;
}

static void leave(struct server *s, int c)
{
	struct place *place = &s->place[c];

	if (place->hall) {
		place->hall->channel[place->member] = -1;
		place->hall->seated--;
		s->departures++;
	}
	*place = (struct place){0};
}

/* Close all halls, or those that nobody sits in. */
static void halls_close(struct server *s, bool empty)
{
	int kept = 0;

	for (int i = 0; i < s->n_halls; i++)
		if (empty && s->hall[i]->seated > 0)
			s->hall[kept++] = s->hall[i];
		else
			hall_close(s->hall[i]);
	s->n_halls = kept;
}

static bool anybody_seated(const struct server *s)
{
	for (int i = 0; i < s->n_halls; i++)
		if (s->hall[i]->seated > 0)
			return true;
	return false;
}

/* The hall of an order, opened where there is none yet. 1; 0: not before others leave; negative: there
 * is no room for one member. */
static int hall_find(struct server *s, int c, struct hall **hall, struct ebb_err *err)
{
	const struct ebb_channel *channel = &s->office->channel[c];
	int rc;

	for (int i = 0; i < s->n_halls; i++)
		if (same_shape(&s->hall[i]->shape, &channel->order)) {
			*hall = s->hall[i];
			return 1;
		}
	if (s->place[c].tried == s->departures + 1)
		return 0;
	halls_close(s, true);
	rc = hall_open(s, &channel->order, channel->mates, err);
	s->place[c].tried = s->departures + 1;
	if (rc == EBB_ENOMEM && anybody_seated(s))
		return 0;
	if (rc < 0)
		return rc;
	*hall = s->hall[s->n_halls - 1];
	return 1;
}

/* 1: seated; 0: all seats are taken; negative: there is no room for one. */
static int join(struct server *s, int c, struct ebb_err *err)
{
	struct hall *h;
	int rc;

	if (s->place[c].hall)
		leave(s, c);
	rc = hall_find(s, c, &h, err);
	if (rc <= 0)
		return rc;
	for (int p = 0; p < h->members; p++)
		if (h->channel[p] < 0) {
			h->channel[p] = c;
			h->seated++;
			s->place[c] = (struct place){.hall = h, .member = p};
			return 1;
		}
	return 0;
}

/* ---- orders of one member ---- */

static bool is_pass(enum ebb_order_kind kind)
{
	return kind == EBB_ORDER_DECODE || kind == EBB_ORDER_SCORE || kind == EBB_ORDER_UPDATE;
}

/* Moments or weights, one way or the other. */
static int move(struct server *s, int c, struct ebb_err *err)
{
	struct ebb_order *o = &s->office->channel[c].order;
	struct ebb_population *pop = s->place[c].hall->pop;
	struct ebb_optim optim = {o->flat, o->second, o->t};
	const int p = s->place[c].member;
	int rc;

	if (o->kind == EBB_ORDER_COPY)
		return ebb_population_copy(pop, p, o->policy, o->from, err);
	if (o->optimizer < 0)
		return o->kind == EBB_ORDER_PUT
			       ? ebb_population_put(pop, p, o->policy, o->flat, err)
			       : ebb_population_get(pop, p, o->policy, o->flat, err);
	if (o->kind == EBB_ORDER_PUT)
		return ebb_population_put_optim(pop, p, o->optimizer, &optim, err);
	rc = ebb_population_get_optim(pop, p, o->optimizer, &optim, err);
	o->t = optim.t;
	return rc;
}

/* Serve everything that is no pass; was there anything? */
static bool serve_small(struct server *s)
{
	bool any = false;

	for (int c = 0; c < s->office->n; c++) {
		struct ebb_channel *channel = &s->office->channel[c];
		struct ebb_err err = EBB_ERR_INIT;
		int rc;

		if (atomic_load(&channel->gone)) {
			leave(s, c);
			atomic_store(&channel->turn, EBB_TURN_IDLE);
			atomic_store(&channel->gone, false);
			any = true;
		}
		if (!asks(s, c) || is_pass(channel->order.kind))
			continue;
		rc = channel->order.kind == EBB_ORDER_JOIN ? join(s, c, &err) : move(s, c, &err);
		if (channel->order.kind == EBB_ORDER_JOIN && rc == 0)
			continue; /* until somebody leaves */
		answer(s, c, rc < 0 ? rc : 0, &err);
		any = true;
	}
	return any;
}

/* ---- shared passes ---- */

static bool waits(const struct server *s, int c)
{
	return c >= 0 && asks(s, c) && is_pass(s->office->channel[c].order.kind);
}

static bool alike(const struct ebb_order *a, const struct ebb_order *b)
{
	return a->kind == b->kind && a->policy == b->policy && a->against == b->against &&
	       a->optimizer == b->optimizer && !a->block == !b->block;
}

/* The channels whose orders go together, of those of a hall that wait: the most there are. */
static int choose(const struct server *s, const struct hall *h, int *chosen)
{
	int best = 0, most = 0;

	for (int p = 0; p < h->members; p++) {
		int n = 0;

		if (!waits(s, h->channel[p]))
			continue;
		for (int q = 0; q < h->members; q++)
			n += waits(s, h->channel[q]) &&
			     alike(&s->office->channel[h->channel[q]].order,
				   &s->office->channel[h->channel[p]].order);
		if (n > most) {
			most = n;
			best = h->channel[p];
		}
	}
	most = 0;
	for (int p = 0; p < h->members; p++)
		if (waits(s, h->channel[p]) && alike(&s->office->channel[h->channel[p]].order,
						     &s->office->channel[best].order))
			chosen[most++] = h->channel[p];
	return most;
}

/* Members of a pass that waits for coefficients. */
struct weighing {
	struct server *s;
	const int *channel; /* of work i */
};

/* Give the turn to the workers and wait for all of them, or their end. */
static void weigh(void *ctx, struct ebb_work *work, int n)
{
	const struct weighing *w = ctx;
	struct ebb_office *office = w->s->office;

	for (int i = 0; i < n; i++) {
		struct ebb_channel *channel = &office->channel[w->channel[i]];

		channel->order.n_ranges = work[i].n_ranges;
		memcpy(channel->order.range, work[i].range, sizeof work[i].range);
		atomic_store(&channel->turn, EBB_TURN_WEIGHING);
		ebb_futex_wake(&channel->turn);
	}
	for (int i = 0; i < n;) {
		struct ebb_channel *channel = &office->channel[w->channel[i]];
		uint32_t bell = atomic_load(&office->bell);

		if (atomic_load(&channel->turn) == EBB_TURN_WEIGHED ||
		    atomic_load(&channel->gone) || atomic_load(&office->closing))
			i++;
		else
			ebb_futex_wait(&office->bell, bell, NAP_S);
	}
}

static int serve_decode(struct server *s, struct hall *h, const int *chosen, int n,
			struct ebb_err *err)
{
	struct ebb_drawn *work = ebb_xcalloc((size_t)n, sizeof *work);
	int rc;

	for (int i = 0; i < n; i++)
		work[i] = (struct ebb_drawn){.member = s->place[chosen[i]].member,
					     .decode = &s->office->channel[chosen[i]].order.decode};
	rc = ebb_population_decode(h->pop, s->office->channel[chosen[0]].order.policy, work, n,
				   err);
	free(work);
	return rc;
}

static int serve_rows(struct server *s, struct hall *h, const int *chosen, int n,
		      struct ebb_err *err)
{
	const struct ebb_order *first = &s->office->channel[chosen[0]].order;
	const bool update = first->kind == EBB_ORDER_UPDATE;
	const int policy = first->policy, against = first->against;
	struct ebb_work *work = ebb_xcalloc((size_t)n, sizeof *work);
	struct ebb_population_update *step = ebb_xcalloc((size_t)n, sizeof *step);
	struct weighing w = {s, chosen};
	int rc;

	for (int i = 0; i < n; i++) {
		struct ebb_order *o = &s->office->channel[chosen[i]].order;

		work[i] = (struct ebb_work){.member = s->place[chosen[i]].member,
					    .slot = o->slot,
					    .pass = &o->pass,
					    .block = o->block,
					    .block_bytes = o->block_bytes,
					    .block_back = o->block_back,
					    .block_T = o->block_T};
		step[i] = (struct ebb_population_update){.member = work[i].member, .rule = o->rule};
	}
	rc = ebb_population_pass(h->pop, policy, against, work, n,
				 update && !first->block ? weigh : NULL, &w, err);
	if (rc == 0 && update)
		rc = ebb_population_step(h->pop, policy, first->optimizer, step, n, err);
	for (int i = 0; i < n && update; i++) {
		s->office->channel[chosen[i]].order.norm = step[i].norm;
		s->office->channel[chosen[i]].order.stepped = step[i].stepped;
	}
	free(work);
	free(step);
	return rc;
}

/* Serve the largest group of a hall if all its members wait or one has waited long enough; else say
 * how long that may still be. */
static bool serve_passes(struct server *s, struct hall *h, double *patience)
{
	int waiting = 0, n, chosen[MEMBERS_MAX], rc;
	struct ebb_err err = EBB_ERR_INIT;
	double longest = 0, at = ebb_clock();

	for (int p = 0; p < h->members; p++) {
		const int c = h->channel[p];

		if (!waits(s, c))
			continue;
		if (s->place[c].asked == 0)
			s->place[c].asked = at;
		if (at - s->place[c].asked > longest)
			longest = at - s->place[c].asked;
		waiting++;
	}
	if (waiting == 0)
		return false;
	if (waiting < h->seated && longest < PATIENCE_S) {
		if (PATIENCE_S - longest < *patience)
			*patience = PATIENCE_S - longest;
		return false;
	}
	n = choose(s, h, chosen);
	for (int i = 0; i < n; i++)
		s->place[chosen[i]].asked = 0;
	rc = s->office->channel[chosen[0]].order.kind == EBB_ORDER_DECODE
		     ? serve_decode(s, h, chosen, n, &err)
		     : serve_rows(s, h, chosen, n, &err);
	for (int i = 0; i < n; i++)
		answer(s, chosen[i], rc, &err);
	return true;
}

/* ---- the process ---- */

static void run(struct server *s)
{
	while (!atomic_load(&s->office->closing) && !s->lost) {
		uint32_t bell = atomic_load(&s->office->bell);
		double patience = NAP_S;
		bool any = serve_small(s);

		for (int i = 0; i < s->n_halls; i++)
			any |= serve_passes(s, s->hall[i], &patience);
		if (!any)
			ebb_futex_wait(&s->office->bell, bell, patience);
	}
}

void ebb_server_run(struct ebb_office *office)
{
	struct server s = {.office = office};
	struct ebb_err err = EBB_ERR_INIT;

	s.ops = ebb_cpu_ops("auto", &err);
	s.gpu = s.ops ? ebb_gpu_open(NULL, &err) : NULL;
	if (!s.gpu) {
		snprintf(office->text, sizeof office->text, "%s", err.text);
		atomic_store(&office->state, EBB_OFFICE_FAILED);
		ebb_futex_wake(&office->state);
		return;
	}
	snprintf(office->device, sizeof office->device, "%s", s.gpu->info.name);
	office->memory_bytes = s.gpu->info.free_bytes;
	s.place = ebb_xcalloc((size_t)office->n, sizeof *s.place);
	atomic_store(&office->state, EBB_OFFICE_OPEN);
	ebb_futex_wake(&office->state);
	run(&s);
	halls_close(&s, false);
	free(s.hall);
	free(s.place);
	ebb_gpu_close(s.gpu);
}
