/* Shared passes: rows of many members dealt to the series of their gradients, results brought back,
 * coefficients taken along. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "model/histogram.h"
#include "model/population_inside.h"

#define ROUND 8 /* shapes are rounded up to this, so that few of them have to be recorded */

/* Flags of a recorded call. */
enum { KEEP = 1, MOMENT = 2, CROSS = 4 };

static int up(int n)
{
	return (n + ROUND - 1) / ROUND * ROUND;
}

bool ebb_population_serves(const struct ebb_pass *pass)
{
	return pass->value == NULL && pass->w_value == NULL && pass->w_kl_from == NULL;
}

/* ---- dealing ---- */

static void work_begin(struct ebb_work *w)
{
	for (int k = 0; k < EBB_LANES; k++)
		ebb_lane_rows(w->pass->n, w->slot, k, &w->at[k], &w->end[k]);
}

static bool work_left(const struct ebb_work *w)
{
	for (int k = 0; k < EBB_LANES; k++)
		if (w->at[k] < w->end[k])
			return true;
	return false;
}

/* What the next rows of a series take: *n of them, in *positions; rows without a response token
 * take none. */
static void run_measure(const struct ebb_population *pop, const struct ebb_work *w, int k, int *n,
			int *sequences, int *positions)
{
	*n = *sequences = *positions = 0;
	for (int i = w->at[k]; i < w->end[k]; i++) {
		const struct ebb_row *row = &w->pass->row[i];
		const int more = row->length == row->start ? 0 : row->length - 1;

		if (*positions + more > pop->size.positions)
			break;
		*positions += more;
		*sequences += more > 0;
		++*n;
	}
}

/* The shape of the next go: the longest series of all members. */
static struct ebb_spread spread_next(const struct ebb_population *pop, const struct ebb_work *work,
				     int n)
{
	struct ebb_spread s = {0};
	int rows = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < EBB_LANES; k++) {
			int count, sequences, positions;

			run_measure(pop, &work[i], k, &count, &sequences, &positions);
			s.most = positions > s.most ? positions : s.most;
			rows = sequences > rows ? sequences : rows;
			for (int r = work[i].at[k]; r < work[i].at[k] + count; r++)
				if (work[i].pass->row[r].length - 1 > s.sequence)
					s.sequence = work[i].pass->row[r].length - 1;
		}
	s.sequences = EBB_LANES * rows;
	s.most = up(s.most) < pop->size.positions ? up(s.most) : pop->size.positions;
	s.sequence = up(s.sequence) < pop->net.m.T ? up(s.sequence) : pop->net.m.T;
	return s;
}

/* Lay a row of a work down at position `at` of its member as sequence `b`. */
static void row_place(struct ebb_population *pop, const struct ebb_spread *s,
		      const struct ebb_work *w, int i, int b, int at)
{
	const struct ebb_row *row = &w->pass->row[i];
	const size_t base = (size_t)w->member * EBB_LANES * (size_t)s->most + (size_t)at;
	const size_t q = (size_t)w->member * (size_t)s->sequences + (size_t)b;

	pop->host.first[q] = at;
	pop->host.length[q] = row->length - 1;
	pop->host.place[q] = i;
	for (int t = 0; t < row->length - 1; t++) {
		pop->host.token[base + (size_t)t] = row->token[t];
		pop->host.position[base + (size_t)t] = t;
		pop->host.target[base + (size_t)t] = t >= row->start - 1 ? row->token[t + 1] : 0;
	}
}

/* Lay down the next rows of a work's series and note which they are. */
static void work_place(struct ebb_population *pop, const struct ebb_spread *s, struct ebb_work *w)
{
	const int rows = s->sequences / EBB_LANES;

	w->n_ranges = 0;
	pop->host.of_member[w->member] = EBB_LANES * s->most;
	pop->host.tau[w->member] = (float)w->pass->tau;
	for (int k = 0; k < EBB_LANES; k++) {
		int count, sequences, positions, at = k * s->most, b = k * rows;

		run_measure(pop, w, k, &count, &sequences, &positions);
		pop->host.of_lane[w->member * EBB_LANES + k] = positions;
		for (int i = w->at[k]; i < w->at[k] + count; i++) {
			const struct ebb_row *row = &w->pass->row[i];

			if (row->length == row->start)
				continue;
			row_place(pop, s, w, i, b++, at);
			at += row->length - 1;
		}
		if (count > 0 && w->n_ranges > 0 &&
		    w->range[w->n_ranges - 1].first + w->range[w->n_ranges - 1].count == w->at[k])
			w->range[w->n_ranges - 1].count += count;
		else if (count > 0)
			w->range[w->n_ranges++] = (struct ebb_range){w->at[k], count};
		w->at[k] += count;
	}
}

static size_t positions_of(const struct ebb_population *pop, const struct ebb_spread *s)
{
	return (size_t)pop->size.members * EBB_LANES * (size_t)s->most;
}

static void spread_place(struct ebb_population *pop, const struct ebb_spread *s,
			 struct ebb_work *work, int n)
{
	const size_t P = (size_t)pop->size.members, N = positions_of(pop, s);
	const size_t q = P * (size_t)s->sequences;
	const struct {
		void *to, *from;
		size_t bytes;
	} piece[] = {
		{pop->token, pop->host.token, N * sizeof(int32_t)},
		{pop->position, pop->host.position, N * sizeof(int32_t)},
		{pop->target, pop->host.target, N * sizeof(int32_t)},
		{pop->first, pop->host.first, q * sizeof(int32_t)},
		{pop->length, pop->host.length, q * sizeof(int32_t)},
		{pop->of_member, pop->host.of_member, P * sizeof(int32_t)},
		{pop->of_lane, pop->host.of_lane, P * EBB_LANES * sizeof(int32_t)},
		{pop->tau, pop->host.tau, P * sizeof(float)},
	};

	memset(pop->host.token, 0, N * sizeof *pop->host.token);
	memset(pop->host.position, 0, N * sizeof *pop->host.position);
	memset(pop->host.target, 0, N * sizeof *pop->host.target);
	memset(pop->host.length, 0, q * sizeof *pop->host.length);
	memset(pop->host.first, 0, q * sizeof *pop->host.first);
	memset(pop->host.of_member, 0, P * sizeof *pop->host.of_member);
	memset(pop->host.of_lane, 0, P * EBB_LANES * sizeof *pop->host.of_lane);
	for (size_t p = 0; p < P; p++)
		pop->host.tau[p] = 1.0F;
	for (int i = 0; i < n; i++)
		work_place(pop, s, &work[i]);
	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++)
		pop->op->upload(pop->g, piece[i].to, piece[i].from, piece[i].bytes);
}

/* ---- results ---- */

/* What any of the works asks for. */
struct wanted {
	bool ref, moment, logits, cross;
};

static struct wanted wanted_by(const struct ebb_work *work, int n, int against)
{
	struct wanted want = {.ref = against >= 0};

	for (int i = 0; i < n; i++) {
		const struct ebb_pass *pass = work[i].pass;

		want.moment |= pass->moment != NULL;
		want.cross |= want.ref && pass->kl_from != NULL;
		want.logits |=
			pass->logits != NULL || pass->logit != NULL || pass->histogram != NULL;
	}
	return want;
}

static int results_fetch(struct ebb_population *pop, const struct ebb_spread *s,
			 const struct wanted *want, struct ebb_err *err)
{
	const size_t N = positions_of(pop, s), V = (size_t)pop->net.m.V;

	pop->op->download(pop->g, pop->host.logp, pop->logp, N * sizeof(float));
	pop->op->download(pop->g, pop->host.entropy, pop->entropy, N * sizeof(float));
	if (want->ref) {
		pop->op->download(pop->g, pop->host.kl, pop->kl, N * sizeof(float));
		pop->op->download(pop->g, pop->host.logp_ref, pop->logp_ref, N * sizeof(float));
	}
	if (want->cross)
		pop->op->download(pop->g, pop->host.kl_from, pop->kl_from, N * sizeof(float));
	if (want->moment)
		pop->op->download(pop->g, pop->host.moment, pop->moment, 4 * N * sizeof(float));
	if (want->logits) {
		pop->host.logits = ebb_xrealloc(pop->host.logits, N * V, sizeof(float));
		pop->op->download(pop->g, pop->host.logits, pop->logits, N * V * sizeof(float));
	}
	return ebb_gpu_sync(pop->gpu, err);
}

/* Results of row i, whose first judged position is entry `from` of the device's arrays. */
static void row_store(const struct ebb_population *pop, const struct ebb_pass *pass, int i,
		      size_t from, bool ref)
{
	const int tokens = pass->row[i].length - pass->row[i].start;
	const size_t V = (size_t)pop->net.m.V;
	size_t at = (size_t)i * (size_t)pass->stride;

	for (int t = 0; t < tokens; t++, at++, from++) {
		const float *z = pop->host.logits ? pop->host.logits + from * V : NULL;

		pass->logp[at] = pop->host.logp[from];
		pass->entropy[at] = pop->host.entropy[from];
		if (ref && pass->kl)
			pass->kl[at] = pop->host.kl[from];
		if (ref && pass->kl_from)
			pass->kl_from[at] = pop->host.kl_from[from];
		if (ref && pass->logp_ref)
			pass->logp_ref[at] = pop->host.logp_ref[from];
		for (int k = 0; k < 4 && pass->moment; k++)
			pass->moment[4 * at + (size_t)k] = pop->host.moment[4 * from + (size_t)k];
		if (pass->logits)
			memcpy(pass->logits + at * V, z, V * sizeof *z);
		if (pass->logit)
			pass->logit[at] = z[pass->row[i].token[pass->row[i].start + t]];
		if (pass->histogram)
			ebb_histogram_count(pass->histogram + (size_t)i * EBB_LOGIT_BINS, z, V);
	}
}

/* Entry of the device's arrays where sequence q's first judged position stands. */
static size_t judged_from(const struct ebb_population *pop, const struct ebb_spread *s,
			  const struct ebb_work *w, size_t q)
{
	return (size_t)w->member * EBB_LANES * (size_t)s->most + (size_t)pop->host.first[q] +
	       (size_t)w->pass->row[pop->host.place[q]].start - 1;
}

static void results_store(const struct ebb_population *pop, const struct ebb_spread *s,
			  const struct ebb_work *work, int n, bool ref)
{
	for (int i = 0; i < n; i++) {
		const struct ebb_pass *pass = work[i].pass;

		for (int r = 0; r < work[i].n_ranges && pass->histogram; r++)
			memset(pass->histogram + (size_t)work[i].range[r].first * EBB_LOGIT_BINS, 0,
			       (size_t)work[i].range[r].count * EBB_LOGIT_BINS *
				       sizeof *pass->histogram);
		for (int b = 0; b < s->sequences; b++) {
			const size_t q = (size_t)work[i].member * (size_t)s->sequences + (size_t)b;

			if (pop->host.length[q] > 0)
				row_store(pop, pass, pop->host.place[q],
					  judged_from(pop, s, &work[i], q), ref);
		}
	}
}

static void coefficients_load(struct ebb_population *pop, const struct ebb_spread *s,
			      const struct ebb_work *work, int n)
{
	const size_t N = positions_of(pop, s);

	memset(pop->host.w_logp, 0, N * sizeof(float));
	memset(pop->host.w_entropy, 0, N * sizeof(float));
	memset(pop->host.w_kl, 0, N * sizeof(float));
	for (int i = 0; i < n; i++)
		for (int b = 0; b < s->sequences; b++) {
			const size_t q = (size_t)work[i].member * (size_t)s->sequences + (size_t)b;
			const struct ebb_pass *pass = work[i].pass;
			const struct ebb_row *row = &pass->row[pop->host.place[q]];
			size_t at, to;

			if (pop->host.length[q] == 0)
				continue;
			at = (size_t)pop->host.place[q] * (size_t)pass->stride;
			to = judged_from(pop, s, &work[i], q);
			for (int t = row->start; t < row->length; t++, at++, to++) {
				pop->host.w_logp[to] = (float)pass->w_logp[at];
				pop->host.w_entropy[to] =
					pass->w_entropy ? (float)pass->w_entropy[at] : 0.0F;
				pop->host.w_kl[to] = pass->w_kl ? (float)pass->w_kl[at] : 0.0F;
			}
		}
	pop->op->upload(pop->g, pop->w_logp, pop->host.w_logp, N * sizeof(float));
	pop->op->upload(pop->g, pop->w_entropy, pop->host.w_entropy, N * sizeof(float));
	pop->op->upload(pop->g, pop->w_kl, pop->host.w_kl, N * sizeof(float));
}

/* ---- a pass ---- */

static struct ebb_count rows_count(const struct ebb_population *pop, const struct ebb_spread *s)
{
	return (struct ebb_count){EBB_LANES * s->most, pop->of_member};
}

static void judge(struct ebb_population *pop, const struct ebb_call *call)
{
	const struct ebb_spread *s = &call->spread;
	const int P = pop->size.members, V = pop->net.m.V;
	const struct ebb_count M = rows_count(pop, s);
	const struct ebb_pop none = {0}, ref = ebb_rows_member(s, pop->ref, V);
	const bool against = call->against >= 0;

	if (against) {
		ebb_population_forward(pop, s, call->against, false, pop->ref);
		pop->op->head_fwd(pop->g, P, M, V, ref, pop->target, pop->tau, none, pop->logp_ref,
				  pop->scratch_row, NULL, NULL,
				  pop->scratch_row + positions_of(pop, s));
	}
	ebb_population_forward(pop, s, call->policy, call->flags & KEEP, pop->logits);
	pop->op->head_fwd(pop->g, P, M, V, ebb_rows_member(s, pop->logits, V), pop->target,
			  pop->tau, against ? ref : none, pop->logp, pop->entropy,
			  against ? pop->kl : NULL, call->flags & MOMENT ? pop->moment : NULL,
			  pop->stat);
	if (call->flags & CROSS)
		pop->op->head_cross_fwd(pop->g, P, M, V, ebb_rows_member(s, pop->logits, V),
					pop->tau, ref, pop->stat, pop->kl_from);
}

static void slope(struct ebb_population *pop, const struct ebb_call *call)
{
	const struct ebb_spread *s = &call->spread;
	const int V = pop->net.m.V;
	const bool against = call->against >= 0;
	const struct ebb_pop logits = ebb_rows_member(s, pop->logits, V), none = {0};

	pop->op->head_bwd(pop->g, pop->size.members, rows_count(pop, s), V, logits, pop->target,
			  pop->tau, against ? ebb_rows_member(s, pop->ref, V) : none, pop->stat,
			  pop->w_logp, pop->w_entropy, against ? pop->w_kl : NULL, logits);
	ebb_population_backward(pop, s, call->policy);
}

/* The series in order, then what the head adds to a tied embedding. */
static void gradient_sum(struct ebb_population *pop)
{
	const struct ebb_net *net = &pop->net;
	const size_t n = net->layout->n_floats, head = (size_t)net->m.V * (size_t)net->m.C;
	const struct ebb_pop lane = {pop->lane, EBB_LANES * pop->n_lane, 0, 0};
	const struct ebb_pop grad = {pop->grad, pop->n_lane, 0, 0};
	const struct ebb_pop embed = {pop->grad + net->embed.flat, pop->n_lane, 0, 0};

	pop->op->lane_sum(pop->g, pop->size.members, pop->n_lane, EBB_LANES, pop->n_lane, lane,
			  grad);
	if (net->m.tied) /* two series: the embedding's own and the head's */
		pop->op->lane_sum(pop->g, pop->size.members, head, 2, n - net->embed.flat, embed,
				  embed);
}

static void members_check(const struct ebb_population *pop, const struct ebb_work *work, int n,
			  int policy, int against)
{
	if (policy < 0 || policy >= pop->size.policies || against >= pop->size.policies)
		EBB_BUG("policies %d and %d of %d", policy, against, pop->size.policies);
	for (int i = 0; i < n; i++) {
		if (work[i].member < 0 || work[i].member >= pop->size.members)
			EBB_BUG("member %d of %d", work[i].member, pop->size.members);
		for (int j = 0; j < i; j++)
			if (work[j].member == work[i].member)
				EBB_BUG("member %d twice in a pass", work[i].member);
		if ((work[i].block != NULL) != (work[0].block != NULL))
			EBB_BUG("a pass that some members weigh and others do not");
		if (!ebb_population_serves(work[i].pass))
			EBB_BUG("a pass that a population does not serve");
	}
}

/* The rows at hand, forward and, where somebody weighs, backward. */
static int spread_run(struct ebb_population *pop, const struct ebb_spread *s, int policy,
		      int against, const struct wanted *want, struct ebb_work *work, int n,
		      ebb_weigh_all *weigh, void *ctx, struct ebb_err *err)
{
	const bool here = work[0].block != NULL, gradient = here || weigh;
	const struct ebb_call forth = {judge, *s, policy, against,
				       (gradient ? KEEP : 0) | (want->moment ? MOMENT : 0) |
					       (want->cross ? CROSS : 0)};
	const struct ebb_call back = {slope, *s, policy, against, 0};
	int rc = 0;

	if (s->most > 0)
		ebb_population_queue(pop, &forth);
	if (s->most > 0 && here) {
		ebb_population_weigh(pop, s, work, n, against >= 0);
		/* logits are wanted before the slope takes their place */
		rc = want->logits ? results_fetch(pop, s, want, err) : 0;
		ebb_population_queue(pop, &back);
	}
	if (rc == 0 && s->most > 0 && !(here && want->logits))
		rc = results_fetch(pop, s, want, err);
	if (rc == 0)
		results_store(pop, s, work, n, against >= 0);
	if (rc < 0 || here || !weigh)
		return rc;
	weigh(ctx, work, n);
	if (s->most > 0) {
		coefficients_load(pop, s, work, n);
		ebb_population_queue(pop, &back);
	}
	return rc;
}

int ebb_population_pass(struct ebb_population *pop, int policy, int against, struct ebb_work *work,
			int n, ebb_weigh_all *weigh, void *ctx, struct ebb_err *err)
{
	const struct wanted want = wanted_by(work, n, against);
	const bool here = n > 0 && work[0].block != NULL, gradient = here || weigh;
	bool left = false;
	int rc = 0;

	members_check(pop, work, n, policy, against);
	for (int i = 0; i < n; i++) {
		work_begin(&work[i]);
		left |= work_left(&work[i]);
	}
	if (here)
		rc = ebb_population_weigh_begin(pop, work, n, err);
	if (gradient)
		pop->op->clear(pop->g, pop->lane,
			       (size_t)pop->size.members * EBB_LANES * pop->n_lane * sizeof(float));
	while (rc == 0 && left) {
		const struct ebb_spread s = spread_next(pop, work, n);

		spread_place(pop, &s, work, n);
		rc = spread_run(pop, &s, policy, against, &want, work, n, weigh, ctx, err);
		left = false;
		for (int i = 0; i < n; i++)
			left |= work_left(&work[i]);
	}
	if (rc == 0 && gradient)
		gradient_sum(pop);
	if (rc == 0 && here)
		rc = ebb_population_weigh_end(pop, work, n, err);
	if (rc < 0) /* a call that failed on its way may have been recorded */
		ebb_population_forget(pop);
	return rc;
}
