#include "train/store.h"

#include <string.h>
#include "objective/cluster.h"

void ebb_store_register(struct ebb_store *s, struct ebb_arena *arena, int capacity, int G, int P,
			int T)
{
	size_t groups = (size_t)capacity, rows = groups * (size_t)G, cells = rows * (size_t)T;

	*s = (struct ebb_store){.capacity = capacity, .G = G, .P = P, .T = T};
	ebb_arena_add(arena, &s->question, groups, sizeof *s->question);
	ebb_arena_add(arena, &s->left_out, groups, sizeof *s->left_out);
	ebb_arena_add(arena, &s->baseline, groups, sizeof *s->baseline);
	ebb_arena_add(arena, &s->token, rows * (size_t)(P + T), sizeof *s->token);
	ebb_arena_add(arena, &s->response, cells, sizeof *s->response);
	ebb_arena_add(arena, &s->length, rows, sizeof *s->length);
	ebb_arena_add(arena, &s->truncated, rows, sizeof *s->truncated);
	ebb_arena_add(arena, &s->verdict, rows, sizeof *s->verdict);
	ebb_arena_add(arena, &s->empty, rows, sizeof *s->empty);
	ebb_arena_add(arena, &s->cluster, rows, sizeof *s->cluster);
	ebb_arena_add(arena, &s->reward, rows, sizeof *s->reward);
	ebb_arena_add(arena, &s->shaped, rows, sizeof *s->shaped);
	ebb_arena_add(arena, &s->info, rows, sizeof *s->info);
	ebb_arena_add(arena, &s->logp, cells, sizeof *s->logp);
	ebb_arena_add(arena, &s->sampler_logp, cells, sizeof *s->sampler_logp);
	ebb_arena_add(arena, &s->entropy, cells, sizeof *s->entropy);
	ebb_arena_add(arena, &s->old, cells, sizeof *s->old);
	ebb_arena_add(arena, &s->ref, cells, sizeof *s->ref);
	ebb_arena_add(arena, &s->kl, cells, sizeof *s->kl);
	ebb_arena_add(arena, &s->advantage, cells, sizeof *s->advantage);
	ebb_arena_add(arena, &s->mask, cells, sizeof *s->mask);
	ebb_arena_add(arena, &s->group, rows, sizeof *s->group);
	ebb_arena_add(arena, &s->injected, rows, sizeof *s->injected);
	ebb_arena_add(arena, &s->paths.from, rows, sizeof *s->paths.from);
	ebb_arena_add(arena, &s->paths.shared, rows, sizeof *s->paths.shared);
	ebb_arena_add(arena, &s->paths.ends, cells, sizeof *s->paths.ends);
}

/* Rows i*G .. of an array with `cells` elements a row. */
static void copy_rows(void *to, const void *from, int i, int j, int G, size_t bytes)
{
	memcpy((char *)to + (size_t)i * (size_t)G * bytes,
	       (const char *)from + (size_t)j * (size_t)G * bytes, (size_t)G * bytes);
}

void ebb_store_copy(struct ebb_store *to, int i, const struct ebb_store *from, int j)
{
	size_t T = (size_t)to->T;

	if (to->G != from->G || to->T != from->T || to->P != from->P || i >= to->capacity)
		EBB_BUG("stores of different shape");
	to->question[i] = from->question[j];
	to->left_out[i] = from->left_out[j];
	to->baseline[i] = from->baseline[j];
	copy_rows(to->token, from->token, i, j, to->G, (T + (size_t)to->P) * sizeof *to->token);
	copy_rows(to->response, from->response, i, j, to->G, T * sizeof *to->response);
	copy_rows(to->length, from->length, i, j, to->G, sizeof *to->length);
	copy_rows(to->truncated, from->truncated, i, j, to->G, sizeof *to->truncated);
	copy_rows(to->verdict, from->verdict, i, j, to->G, sizeof *to->verdict);
	copy_rows(to->reward, from->reward, i, j, to->G, sizeof *to->reward);
	copy_rows(to->shaped, from->shaped, i, j, to->G, sizeof *to->shaped);
	copy_rows(to->info, from->info, i, j, to->G, sizeof *to->info);
	copy_rows(to->logp, from->logp, i, j, to->G, T * sizeof *to->logp);
	copy_rows(to->sampler_logp, from->sampler_logp, i, j, to->G, T * sizeof *to->sampler_logp);
	copy_rows(to->entropy, from->entropy, i, j, to->G, T * sizeof *to->entropy);
	copy_rows(to->old, from->old, i, j, to->G, T * sizeof *to->old);
	copy_rows(to->ref, from->ref, i, j, to->G, T * sizeof *to->ref);
	copy_rows(to->kl, from->kl, i, j, to->G, T * sizeof *to->kl);
	copy_rows(to->mask, from->mask, i, j, to->G, T * sizeof *to->mask);
	copy_rows(to->injected, from->injected, i, j, to->G, sizeof *to->injected);
	copy_rows(to->paths.from, from->paths.from, i, j, to->G, sizeof(int));
	copy_rows(to->paths.shared, from->paths.shared, i, j, to->G, sizeof(int));
	copy_rows(to->paths.ends, from->paths.ends, i, j, to->G, T);
	for (int g = 0; g < to->G; g++)
		to->group[i * to->G + g] = i;
}

struct ebb_row ebb_store_row(const struct ebb_store *s, int i)
{
	const int n_prompt = s->question[i / s->G].n_prompt;

	return (struct ebb_row){s->token + (size_t)i * (size_t)(s->P + s->T), n_prompt,
				n_prompt + s->length[i]};
}

static bool same_answer(const void *verdict, int a, int b)
{
	const struct ebb_verdict *v = verdict;

	return v[a].answer == v[b].answer;
}

/* Clusters of a group's answers; with reward.source=cluster they are what it is paid for. Where they
 * are only measured, a missing answer is a cluster of its own. */
static void cluster_group(struct ebb_store *s, const struct ebb_options *o, int i)
{
	const bool paid = o->reward.source == EBB_REWARD_CLUSTER;
	const int first = i * s->G;
	struct ebb_cluster_group g;

	for (int k = first; k < first + s->G; k++)
		s->empty[k] = s->verdict[k].answer < 0;
	ebb_cluster_assign(o->cluster.rule, paid && o->cluster.empty == EBB_CLUSTER_JOINT, s->G,
			   s->empty + first, same_answer, s->verdict + first, s->cluster + first);
	if (!paid)
		return;
	ebb_cluster_measure(o, s->G, s->empty + first, s->cluster + first, &g);
	ebb_cluster_reward(o, s->G, s->empty + first, s->cluster + first, s->reward + first);
	s->left_out[i] = g.low || g.high;
}

/* Does a step end with token t of this response? EI 5.1 */
static bool step_ends(const struct ebb_lab *lab, const int32_t *response, int t, int n)
{
	const struct ebb_task *task = lab->task;
	const int64_t chunk = lab->o->tree.step_tokens;

	if (t == n - 1 || (chunk > 0 && (t + 1) % chunk == 0))
		return true;
	for (int i = 0; chunk == 0 && i < task->n_separators; i++)
		if (response[t] == task->separator[i])
			return true;
	return chunk == 0 && task->n_separators == 0;
}

static void judge_row(struct ebb_store *s, const struct ebb_lab *lab, int row,
		      const struct ebb_draw *draw)
{
	const struct ebb_options *o = lab->o;
	const int group = row / s->G;
	const struct ebb_question *q = &s->question[group];
	int32_t *token = s->token + (size_t)row * (size_t)(s->P + s->T);
	const int32_t *response = s->response + (size_t)row * (size_t)s->T;
	struct ebb_answer a = {
		.token = response, .n = s->length[row], .truncated = s->truncated[row]};

	memcpy(token, q->prompt, (size_t)q->n_prompt * sizeof *token);
	memcpy(token + q->n_prompt, response, (size_t)a.n * sizeof *token);
	lab->task->verify(o, q, &a, &s->verdict[row]);
	s->reward[row] = s->verdict[row].reward;
	if (o->reward.source == EBB_REWARD_RANDOM) {
		struct ebb_draw d = *draw;

		d.stream = EBB_STREAM_REWARD;
		d.slot = (uint32_t)group;
		d.sample += (uint32_t)(row % s->G);
		s->reward[row] = ebb_uniform(&d, 0) < o->reward.random_p;
	} else if (o->task.noise > 0.0) {
		struct ebb_draw d = *draw;

		d.stream = EBB_STREAM_NOISE;
		d.slot = (uint32_t)group;
		d.sample += (uint32_t)(row % s->G);
		if (ebb_uniform(&d, 0) < o->task.noise)
			s->reward[row] = 1.0 - s->reward[row];
	}
	s->group[row] = group;
	s->injected[row] = false;
	for (int t = 0; t < s->T; t++) {
		s->mask[row * s->T + t] = t < a.n;
		s->paths.ends[row * s->T + t] = t < a.n && step_ends(lab, response, t, a.n);
	}
}

void ebb_store_judge(struct ebb_store *s, const struct ebb_lab *lab, int first_group, int n_groups,
		     const struct ebb_draw *draw)
{
	for (int i = first_group; i < first_group + n_groups; i++) {
		for (int g = 0; g < s->G; g++)
			judge_row(s, lab, i * s->G + g, draw);
		cluster_group(s, lab->o, i);
	}
}

void ebb_store_judge_samples(struct ebb_store *s, const struct ebb_lab *lab, int first, int end,
			     const struct ebb_draw *draw)
{
	for (int i = 0; i < s->n; i++) {
		for (int g = first; g < end; g++)
			judge_row(s, lab, i * s->G + g, draw);
		if (end == s->G)
			cluster_group(s, lab->o, i);
	}
}

struct ebb_batch ebb_store_batch(struct ebb_store *s, const struct ebb_needs *needs)
{
	s->paths.token = s->response;
	return (struct ebb_batch){
		.R = s->n * s->G,
		.T = s->T,
		.n_groups = s->n,
		.group = s->group,
		.mask = s->mask,
		.length = s->length,
		.truncated = s->truncated,
		.reward = s->reward,
		.old = s->old,
		.roll = needs->old_pass ? s->sampler_logp : NULL,
		.entropy = s->entropy,
		.ref = needs->ref_logp ? s->ref : NULL,
		.label = s->logp,
		.info = needs->answer ? s->info : NULL,
		.injected = s->injected,
		.baseline = needs->reference_samples || needs->greedy ? s->baseline : NULL,
		.paths = needs->trees ? &s->paths : NULL,
		.left_out = needs->clusters ? s->left_out : NULL,
		.shaped = s->shaped,
		.advantage = s->advantage,
	};
}
