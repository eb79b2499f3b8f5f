/*
 * Stage DRAWN where responses branch off, and stage TREES: every group of a store grows a tree in
 * rounds, EI 5.3. A round is one request; what it branches off from follows from the rows so far, so
 * that a trial may be saved between any two of them.
 */
#include "train/stage.h"

#include <math.h>
#include <string.h>

void ebb_grow_register(struct ebb_trial *t)
{
	const struct ebb_options *o = t->o;
	const int G = (int)ebb_tree_group(o), T = t->fresh.T, probe = ebb_lab_probe(o);
	const bool any = t->needs.trees || probe > 0;

	ebb_store_register(&t->trees, &t->arena, probe, probe > 0 ? G : 1, t->fresh.P, T);
	ebb_arena_add(&t->arena, &t->tree.node, any ? ebb_tree_nodes(G, T) : 0,
		      sizeof *t->tree.node);
	ebb_arena_add(&t->arena, &t->tree.at, any ? (size_t)G * (size_t)T : 0, sizeof *t->tree.at);
	ebb_arena_add(&t->arena, &t->ib, any ? ebb_tree_nodes(G, T) : 0, sizeof *t->ib);
	ebb_arena_add(&t->arena, &t->branches, any ? (size_t)o->tree.width : 0,
		      sizeof *t->branches);
}

/* ---- growing ---- */

/* The first `rows` responses of group i. */
static struct ebb_paths paths_of(const struct ebb_store *s, int i, int rows)
{
	const size_t row = (size_t)i * (size_t)s->G, cell = row * (size_t)s->T;

	return (struct ebb_paths){.rows = rows,
				  .T = s->T,
				  .length = s->length + row,
				  .from = s->paths.from + row,
				  .shared = s->paths.shared + row,
				  .ends = s->paths.ends + cell,
				  .token = s->response + cell,
				  .value = s->reward + row,
				  .logp = s->logp + cell,
				  .entropy = s->entropy + cell};
}

/* The tree of group i so far, with its scores. */
static void read_tree(struct ebb_trial *t, const struct ebb_store *s, int i, int rows)
{
	const struct ebb_paths p = paths_of(s, i, rows);

	ebb_tree_build(t->o, &p, &t->tree);
	ebb_tree_score(t->o, &t->tree, t->ib);
}

/* Sample g of group i begins like `from` up to the end of the node, whose tokens it takes over. */
static void take_over(struct ebb_store *s, int i, int g, const struct ebb_node *node)
{
	const size_t T = (size_t)s->T, row = (size_t)(i * s->G + g);
	const size_t from = (size_t)(i * s->G + node->row) * T, n = (size_t)node->end;

	s->paths.from[row] = node->row;
	s->paths.shared[row] = node->end;
	memcpy(s->response + row * T, s->response + from, n * sizeof *s->response);
	memcpy(s->logp + row * T, s->logp + from, n * sizeof *s->logp);
	memcpy(s->sampler_logp + row * T, s->sampler_logp + from, n * sizeof *s->sampler_logp);
	memcpy(s->entropy + row * T, s->entropy + from, n * sizeof *s->entropy);
}

/* Choose the nodes of group i and add the samples that branch off. */
static void branch(struct ebb_trial *t, struct ebb_store *s, enum ebb_tree_sampler sampler, int i,
		   const struct ebb_draw *coordinates, struct ebb_decode *d)
{
	const int B = (int)t->o->tree.branch;
	struct ebb_draw draw = *coordinates;

	draw.slot = (uint32_t)i;
	draw.sample = (uint32_t)t->drawn_from;
	draw.stream = EBB_STREAM_TREE;
	read_tree(t, s, i, t->drawn_from);
	ebb_tree_choose(t->o, sampler, &t->tree, t->ib, &draw, t->branches);
	draw.stream = coordinates->stream;
	for (int g = t->drawn_from; g < t->drawn; g++) {
		const struct ebb_node *node = &t->tree.node[t->branches[(g - t->drawn_from) / B]];

		take_over(s, i, g, node);
		draw.sample = (uint32_t)g;
		t->sample_row[d->n] = i * s->G + g;
		t->sample[d->n++] = (struct ebb_sample){.prompt = i,
							.draw = draw,
							.taken = node->end,
							.from = i * s->G + node->row};
	}
}

int ebb_grow(struct ebb_trial *t, struct ebb_store *s, enum ebb_tree_sampler sampler,
	     enum ebb_policy policy, struct ebb_draw draw)
{
	const bool grows = ebb_lab_grows(t->o, sampler);
	struct ebb_decode *d = &t->request.decode;

	t->drawn_from = t->drawn;
	t->drawn = !grows          ? s->G
		   : t->drawn == 0 ? (int)t->o->tree.b0
				   : t->drawn + (int)(t->o->tree.width * t->o->tree.branch);
	ebb_trial_decode(t, s, policy, draw, false);
	if (!grows)
		return WORK;
	d->n = 0;
	d->row = t->sample_row;
	d->bank = t->lab->bank;
	if (t->drawn_from == 0) /* the weights may have changed */
		ebb_bank_forget(d->bank);
	for (int i = 0; i < s->n; i++) {
		if (t->drawn_from > 0) {
			branch(t, s, sampler, i, &draw, d);
			continue;
		}
		for (int g = 0; g < t->drawn; g++) {
			draw.slot = (uint32_t)i;
			draw.sample = (uint32_t)g;
			s->paths.from[i * s->G + g] = s->paths.shared[i * s->G + g] = 0;
			t->sample_row[d->n] = i * s->G + g;
			t->sample[d->n++] =
				(struct ebb_sample){.prompt = i, .draw = draw, .from = -1};
		}
	}
	return WORK;
}

/* ---- what they say ---- */

/* Sums over the nodes of trees. */
struct harvest {
	double nodes, score;   /* with a continuation */
	double forks, cov, mi; /* with several        */
};

static void harvest(const struct ebb_trial *t, struct harvest *h)
{
	for (int k = 0; k < t->tree.n; k++) {
		if (t->tree.node[k].children == 0)
			continue;
		h->nodes++;
		h->score += t->ib[k].score;
		if (t->tree.node[k].children == 1)
			continue;
		h->forks++;
		h->cov += t->ib[k].cov;
		h->mi += t->ib[k].mi;
	}
}

static double mean(double sum, double n)
{
	return n > 0 ? sum / n : NAN;
}

void ebb_grow_measure(struct ebb_trial *t, const struct ebb_store *s, struct ebb_reading *r)
{
	const double later = (double)(s->G - t->o->tree.b0) * s->n;
	double generated = 0, consumed = 0, depth = 0, prefill = 0;
	struct harvest h = {0};

	if (!t->needs.trees || s->n == 0)
		return;
	for (int k = 0; k < EBB_DECILES; k++)
		t->decile_depth[k] = 0;
	for (int i = 0; i < s->n; i++) {
		const struct ebb_paths p = paths_of(s, i, s->G);
		struct ebb_tree_account a;

		read_tree(t, s, i, s->G);
		harvest(t, &h);
		ebb_tree_count(&p, &a);
		generated += a.generated;
		consumed += a.consumed;
		depth += a.depth;
		prefill += s->question[i].n_prompt;
		for (int g = (int)t->o->tree.b0; g < p.rows; g++) {
			const int k = EBB_DECILES * p.shared[g] / p.length[g];

			t->decile_depth[k < EBB_DECILES ? k : EBB_DECILES - 1]++;
		}
	}
	if (ebb_lab_grows(t->o, t->o->tree.sampler))
		prefill += later; /* logits after a node come from its last token, fed again */
	r->metric[EBB_M_TREE_GENERATED] = generated / s->n;
	r->metric[EBB_M_TREE_CONSUMED] = consumed / s->n;
	r->metric[EBB_M_TREE_REUSE] = consumed / generated;
	r->metric[EBB_M_TREE_PREFILL] = prefill / s->n;
	r->metric[EBB_M_TREE_DEPTH] = mean(depth, later);
	r->metric[EBB_M_TREE_IB] = mean(h.score, h.nodes);
	r->metric[EBB_M_TREE_COV] = mean(h.cov, h.forks);
	r->metric[EBB_M_TREE_MI] = mean(h.mi, h.forks);
}

/* ---- the probe: trees on held-out questions, with random numbers of their own ---- */

static int ask_trees(struct ebb_trial *t)
{
	const struct ebb_draw draw = {
		.seed = t->o->seed, .stream = EBB_STREAM_TREE_PROBE, .step = (uint32_t)t->step};

	ebb_grow(t, &t->trees, EBB_TREE_IB, EBB_POLICY_CURRENT, draw);
	t->request.decode.tau = t->o->eval.temperature;
	t->stage = STAGE_TREES_DRAWN;
	return WORK;
}

int ebb_stage_trees(struct ebb_trial *t, struct ebb_err *err)
{
	t->stage = STAGE_EVAL_DONE;
	t->drawn = 0;
	return t->trees.n > 0 && ebb_trial_probes(t) ? ask_trees(t) : NEXT;
}

int ebb_stage_trees_drawn(struct ebb_trial *t, struct ebb_err *err)
{
	const struct ebb_draw draw = {.seed = t->o->seed};
	struct ebb_store *s = &t->trees;
	struct harvest h = {0};

	ebb_store_judge_samples(s, t->lab, t->drawn_from, t->drawn, &draw);
	for (int i = 0; i < s->n * s->G;
	     i++) /* the verifier's word, also where training pays a coin */
		if (i % s->G >= t->drawn_from && i % s->G < t->drawn)
			s->reward[i] = s->verdict[i].reward;
	if (t->drawn < s->G)
		return ask_trees(t);
	for (int i = 0; i < s->n; i++) {
		read_tree(t, s, i, s->G);
		harvest(t, &h);
	}
	t->eval_reading.metric[EBB_M_EVAL_IB] = mean(h.score, h.nodes);
	t->eval_reading.metric[EBB_M_EVAL_IB_COV] = mean(h.cov, h.forks);
	t->stage = STAGE_EVAL_DONE;
	return NEXT;
}
